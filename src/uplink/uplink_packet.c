/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_packet.c - an interface of the host's, by a packet socket: promiscuous as long as the
 * card lives, without the frames that the socket itself sends. A VLAN tag that the host's
 * driver has taken out is put back, and a checksum that the host's stack left to a card is made
 * by ours.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "net_eth.h"
#include "net_parse.h"
#include "uplink_impl.h"

#define RCVBUF	 (4 << 20) /* a burst of the wire's while we sleep */
#define RETRY_NS NSEC_PER_SEC

struct packet {
	struct uplink_framed framed; /* first */
	const char *name;	     /* in up.spec */
	int ifindex;
	uint64_t next_try;
};

static char why[200];

/* ---- the socket: in the helper, where there is one ---- */

static int explain(int err, const char *name, const char **ret_why)
{
	if (err == -EPERM || err == -EACCES)
		snprintf(
			why, sizeof(why),
			"no permission for a packet socket: ladond must be started as root, or "
			"with CAP_NET_RAW");
	else if (err == -ENODEV)
		snprintf(why, sizeof(why), "there is no interface %s", name);
	else if (err == -EAFNOSUPPORT)
		snprintf(why, sizeof(why), "this kernel has no packet sockets");
	else if (err != -EMEDIUMTYPE && err != -EMSGSIZE)
		snprintf(why, sizeof(why), "interface %s: %s", name, strerror(-err));
	*ret_why = why;
	return err;
}

static int ask(int fd, unsigned long request, const char *name, struct ifreq *ret)
{
	memset(ret, 0, sizeof(*ret));
	memcpy(ret->ifr_name, name, MIN(strlen(name), sizeof(ret->ifr_name) - 1));
	return ioctl(fd, request, ret) < 0 ? -errno : 0;
}

static int check_mtu(int fd, const char *name, unsigned mtu)
{
	struct ifreq ifr;
	int ret = ask(fd, SIOCGIFMTU, name, &ifr);

	if (ret < 0 || (unsigned)ifr.ifr_mtu >= mtu)
		return ret;
	snprintf(why, sizeof(why),
		 "interface %s has an MTU of %d, the card %u: \"mtu %d\" is right, or ip link "
		 "set %s mtu %u",
		 name, ifr.ifr_mtu, mtu, ifr.ifr_mtu, name, mtu);
	return -EMSGSIZE;
}

/* Nothing is received before bind says of which interface. */
static int bind_to(int fd, const char *name)
{
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	socklen_t len = sizeof(at);
	struct ifreq ifr;
	int ret = ask(fd, SIOCGIFINDEX, name, &ifr);

	if (ret < 0)
		return ret;
	at.sll_ifindex = ifr.ifr_ifindex;
	if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) < 0)
		return -errno;
	if (at.sll_hatype == ARPHRD_ETHER)
		return at.sll_ifindex;
	snprintf(why, sizeof(why), "%s is no Ethernet interface", name);
	return -EMEDIUMTYPE;
}

static int set_up(int fd, const char *name, unsigned mtu)
{
	struct packet_mreq promisc = {.mr_type = PACKET_MR_PROMISC};
	const int on = 1, room = RCVBUF;
	int ret;

	if (setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)) < 0 ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on)) < 0)
		return -errno;
	ret = check_mtu(fd, name, mtu);
	if (ret == 0)
		ret = bind_to(fd, name);
	if (ret < 0)
		return ret;
	promisc.mr_ifindex = ret;
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &promisc, sizeof(promisc)) < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
		return errno == EPERM ? 0 : -errno; /* done without */
	return 0;
}

int uplink_packet_open(const char *name, unsigned mtu, const char **ret_why)
{
	int fd, ret;

	if (!uplink_tap_name_ok(name)) {
		snprintf(why, sizeof(why), UPLINK_TAP_NAME_WRONG, name);
		*ret_why = why;
		return -EINVAL;
	}
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	ret = fd < 0 ? -errno : set_up(fd, name, mtu);
	if (ret == 0)
		return fd;
	fd_close(&fd);
	return explain(ret, name, ret_why);
}

/* ---- wire -> card ---- */

struct aux {
	bool tagged, csum_to_do;
	uint16_t tpid, tci;
};

static struct aux aux_of(struct msghdr *msg)
{
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	struct tpacket_auxdata data;
	struct aux aux = {0};

	if (!cmsg || cmsg->cmsg_level != SOL_PACKET || cmsg->cmsg_type != PACKET_AUXDATA ||
	    cmsg->cmsg_len < CMSG_LEN(sizeof(data)))
		return aux;
	memcpy(&data, CMSG_DATA(cmsg), sizeof(data));
	aux.tagged = data.tp_status & TP_STATUS_VLAN_VALID;
	aux.csum_to_do = data.tp_status & TP_STATUS_CSUMNOTREADY;
	aux.tci = data.tp_vlan_tci;
	aux.tpid = data.tp_status & TP_STATUS_VLAN_TPID_VALID ? data.tp_vlan_tpid : ETH_P_8021Q;
	return aux;
}

/* The sender's stack left the L4 checksum to a card, with the pseudo header's in its place. */
static void ask_for_checksum(struct nic_frame *f)
{
	struct net_parsed p;
	struct net_offload off = {0};

	net_parse(f->hdr, f->hdr_len, &p);
	if (p.l4 == NET_L4_NONE)
		return;
	off.l2_len = p.l3_off;
	off.l3_len = (uint16_t)(p.l4_off - p.l3_off);
	off.l3 = p.l3;
	off.l4 = p.l4;
	off.l4_csum = true;
	if (net_offload_valid(&off, f->hdr_len)) {
		f->off = off;
		f->csum_valid = true;
	}
}

/* buf has room for a tag in front of the n bytes that came. */
static void packet_frame(struct uplink *up, struct nic_burst *burst, uint8_t *buf, uint32_t n,
			 struct aux aux)
{
	unsigned before = burst->n;
	uint8_t *frame = buf + NET_VLAN_HLEN;

	if (aux.tagged && n >= NET_ETH_HLEN && n <= UPLINK_BUF - NET_VLAN_HLEN) {
		frame = buf;
		memmove(frame, frame + NET_VLAN_HLEN, 2 * NET_ETH_ALEN);
		put_be16(frame + 2 * NET_ETH_ALEN, aux.tpid);
		put_be16(frame + 2 * NET_ETH_ALEN + 2, aux.tci);
		n += NET_VLAN_HLEN;
	}
	uplink_frame(up, burst, frame, n);
	if (aux.csum_to_do && burst->n != before)
		ask_for_checksum(&burst->frame[before]);
}

/* Returns false when nothing was there. */
static bool take_one(struct uplink_framed *framed, struct nic_burst *burst, uint8_t *buf)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {buf + NET_VLAN_HLEN, UPLINK_BUF - NET_VLAN_HLEN};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n = recvmsg(uplink_fd(&framed->up), &msg, MSG_TRUNC);

	if (n > 0)
		packet_frame(&framed->up, burst, buf, (uint32_t)n, aux_of(&msg));
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		uplink_attend(&framed->up); /* it is down, or not there */
	return n > 0;
}

static bool packet_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct uplink_framed *framed = (struct uplink_framed *)port;
	struct uplink *up = &framed->up;

	if (uplink_fd(up) < 0 || now_ns - up->empty_at < UPLINK_POLL_NS)
		return false;
	for (unsigned i = 0; i < NIC_BURST; i++) {
		if (take_one(framed, burst, framed->tx_buf[i]))
			continue;
		up->empty_at = now_ns;
		break;
	}
	return burst->n > 0;
}

static const struct nic_port_ops packet_ops = {
	.tx_poll = packet_tx_poll,
	.tx_done = uplink_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = uplink_rx_buffers,
	.rx_commit = uplink_rx_commit,
	.rx_done = uplink_rx_done,
};

/* ---- the interface ---- */

static const char *packet_wrong(const char *rest)
{
	return uplink_tap_name_ok(rest) ? NULL
					: "packet:IFNAME is right, of 1 to 15 characters";
}

static int take_socket(struct packet *p, const char **ret_why)
{
	struct uplink *up = &p->framed.up;
	const struct uplink_env *env = &up->env;
	struct ifreq ifr;
	int fd = env->packet ? env->packet(env->arg, p->name, env->mtu, ret_why)
			     : uplink_packet_open(p->name, env->mtu, ret_why);

	if (fd < 0)
		return fd;
	p->ifindex = ask(fd, SIOCGIFINDEX, p->name, &ifr) < 0 ? 0 : ifr.ifr_ifindex;
	uplink_set_fd(up, fd);
	return 0;
}

static int packet_open(struct uplink *up, const char *rest, const char **ret_why)
{
	struct packet *p = (struct packet *)up;

	(void)rest;
	p->name = up->spec + strlen(up->kind->prefix);
	return take_socket(p, ret_why);
}

/* An interface that was deleted and made again has another index, and the socket knows the
 * former. */
static bool is_there(const struct packet *p)
{
	struct ifreq ifr;

	return ask(uplink_fd(&p->framed.up), SIOCGIFINDEX, p->name, &ifr) == 0 &&
	       ifr.ifr_ifindex == p->ifindex;
}

static bool has_carrier(const struct packet *p)
{
	struct ifreq ifr;

	return ask(uplink_fd(&p->framed.up), SIOCGIFFLAGS, p->name, &ifr) == 0 &&
	       (ifr.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
}

static bool packet_service(struct uplink *up, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	struct packet *p = (struct packet *)up;
	const char *unused;

	*ret_wait_ns = UPLINK_SERVICE_NS;
	if (uplink_fd(up) >= 0 && !is_there(p))
		uplink_set_fd(up, -1);
	if (uplink_fd(up) < 0 && now_ns >= p->next_try) {
		p->next_try = now_ns + RETRY_NS;
		take_socket(p, &unused);
	}
	return uplink_fd(up) >= 0 && has_carrier(p);
}

const struct uplink_kind uplink_packet_kind = {
	.prefix = "packet:",
	.size = sizeof(struct packet),
	.ops = &packet_ops,
	.wrong = packet_wrong,
	.open = packet_open,
	.service = packet_service,
};
