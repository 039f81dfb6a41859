/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the kernel wants of the interface, over rtnetlink. Every change of a link is a reason to
 * ask for all of it again: that cannot get out of step. The kernel announces no change of its
 * address lists, which `bridge fdb` shows; who wants those asks from time to time.
 */
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bits.h"
#include "netdev.h"

#define DUMP_TRIES 8
#define ROOM	   32768u

static void set_bit(uint64_t *map, unsigned bit)
{
	if (bit > 0 && bit < NETDEV_VLANS)
		map[bit / 64] |= BIT64(bit % 64);
}

static struct mnl_socket *open_socket(unsigned groups)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (nl && mnl_socket_bind(nl, groups, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(nl);
		return NULL;
	}
	return nl;
}

int netdev_link_open(struct netdev_link *link, const char *name)
{
	*link = (struct netdev_link){.requests = open_socket(0)};
	if (link->requests)
		link->events =
			open_socket(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
	link->ifindex = if_nametoindex(name);
	if (link->events && link->ifindex)
		return 0;
	return errno ? -errno : -ENODEV;
}

void netdev_link_close(struct netdev_link *link)
{
	if (link->requests)
		mnl_socket_close(link->requests);
	if (link->events)
		mnl_socket_close(link->events);
	*link = (struct netdev_link){0};
}

int netdev_link_fd(const struct netdev_link *link)
{
	return mnl_socket_get_fd(link->events);
}

/* Sends, and runs fn on what comes. Returns 0 or -errno. */
static int request(struct netdev_link *link, struct nlmsghdr *nlh, mnl_cb_t fn, void *arg)
{
	unsigned port = mnl_socket_get_portid(link->requests);
	char *buf = malloc(ROOM);
	int ret = buf ? MNL_CB_OK : MNL_CB_ERROR;

	if (buf && mnl_socket_sendto(link->requests, nlh, nlh->nlmsg_len) < 0)
		ret = MNL_CB_ERROR;
	while (ret == MNL_CB_OK) {
		ssize_t n = mnl_socket_recvfrom(link->requests, buf, ROOM);

		ret = n < 0 ? MNL_CB_ERROR
			    : mnl_cb_run(buf, (size_t)n, nlh->nlmsg_seq, port, fn, arg);
	}
	free(buf);
	return ret < 0 ? -errno : 0;
}

int netdev_link_set(struct netdev_link *link, unsigned mtu, bool up)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++link->seq;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_index = (int)link->ifindex;
	ifm->ifi_change = IFF_UP;
	ifm->ifi_flags = up ? IFF_UP : 0;
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	return request(link, nlh, NULL, NULL);
}

/* ---- links ---- */

struct link_attrs {
	const struct nlattr *attr[IFLA_MAX + 1];
};

static int take_link_attr(const struct nlattr *attr, void *arg)
{
	struct link_attrs *attrs = arg;

	if (mnl_attr_type_valid(attr, IFLA_MAX) > 0)
		attrs->attr[mnl_attr_get_type(attr)] = attr;
	return MNL_CB_OK;
}

static struct link_attrs link_attrs(const struct nlmsghdr *nlh)
{
	struct link_attrs attrs = {{0}};

	mnl_attr_parse(nlh, sizeof(struct ifinfomsg), take_link_attr, &attrs);
	return attrs;
}

static uint32_t attr_u32(const struct nlattr *attr)
{
	return attr && mnl_attr_get_payload_len(attr) >= 4 ? mnl_attr_get_u32(attr) : 0;
}

struct wish {
	unsigned type;
	const struct nlattr *found;
};

static int take_wish(const struct nlattr *attr, void *arg)
{
	struct wish *wish = arg;

	if (mnl_attr_get_type(attr) == wish->type)
		wish->found = attr;
	return MNL_CB_OK;
}

static const struct nlattr *find(const struct nlattr *nest, unsigned type)
{
	struct wish wish = {.type = type};

	mnl_attr_parse_nested(nest, take_wish, &wish);
	return wish.found;
}

/* The number of an 802.1Q interface on top of ours, 0 = it is none. */
static unsigned vlan_on_top(const struct netdev_link *link, const struct link_attrs *attrs)
{
	const struct nlattr *info = attrs->attr[IFLA_LINKINFO], *kind, *data, *id, *proto;

	if (!info || attr_u32(attrs->attr[IFLA_LINK]) != link->ifindex ||
	    attrs->attr[IFLA_LINK_NETNSID])
		return 0;
	kind = find(info, IFLA_INFO_KIND);
	data = find(info, IFLA_INFO_DATA);
	if (!kind || !data || strcmp(mnl_attr_get_str(kind), "vlan"))
		return 0;
	id = find(data, IFLA_VLAN_ID);
	proto = find(data, IFLA_VLAN_PROTOCOL);
	if (proto && mnl_attr_get_u16(proto) != __builtin_bswap16(ETH_P_8021Q))
		return 0;
	return id ? mnl_attr_get_u16(id) : 0;
}

struct query {
	struct netdev_link *link;
	struct netdev_wanted *wanted;
	unsigned flags, promiscuity;
	bool found;
};

static void take_ours(struct query *q, const struct nlmsghdr *nlh,
		      const struct link_attrs *attrs)
{
	const struct nlattr *name = attrs->attr[IFLA_IFNAME], *mac = attrs->attr[IFLA_ADDRESS];
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);

	q->found = true;
	q->flags = ifm->ifi_flags;
	q->promiscuity = attr_u32(attrs->attr[IFLA_PROMISCUITY]);
	q->wanted->mtu = attr_u32(attrs->attr[IFLA_MTU]);
	if (name)
		strncpy(q->wanted->name, mnl_attr_get_str(name), IFNAMSIZ - 1);
	if (mac && mnl_attr_get_payload_len(mac) == ETH_ALEN)
		memcpy(q->wanted->mac, mnl_attr_get_payload(mac), ETH_ALEN);
}

static int take_link(const struct nlmsghdr *nlh, void *arg)
{
	struct query *q = arg;
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	struct link_attrs attrs = link_attrs(nlh);

	if ((unsigned)ifm->ifi_index == q->link->ifindex)
		take_ours(q, nlh, &attrs);
	else
		set_bit(q->wanted->vlans, vlan_on_top(q->link, &attrs));
	return MNL_CB_OK;
}

/* ---- addresses ---- */

static void add(uint8_t (*list)[6], unsigned *num, const uint8_t *mac)
{
	if (*num < NETDEV_ADDRS)
		memcpy(list[*num], mac, ETH_ALEN);
	++*num;
}

static int take_address(const struct nlmsghdr *nlh, void *arg)
{
	struct query *q = arg;
	const struct ndmsg *ndm = mnl_nlmsg_get_payload(nlh);
	struct netdev_wanted *w = q->wanted;
	struct wish lladdr = {.type = NDA_LLADDR};
	const uint8_t *mac;

	mnl_attr_parse(nlh, sizeof(*ndm), take_wish, &lladdr);
	if ((unsigned)ndm->ndm_ifindex != q->link->ifindex || !(ndm->ndm_flags & NTF_SELF) ||
	    !lladdr.found || mnl_attr_get_payload_len(lladdr.found) != ETH_ALEN)
		return MNL_CB_OK;
	mac = mnl_attr_get_payload(lladdr.found);
	if (mac[0] & 1)
		add(w->mc, &w->num_mc, mac);
	else
		add(w->uc, &w->num_uc, mac);
	return MNL_CB_OK;
}

/* ---- both ---- */

static int dump(struct query *q, uint16_t type, uint8_t family, unsigned ifindex, mnl_cb_t fn)
{
	char buf[256] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = ++q->link->seq;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_family = family;
	ifm->ifi_index = (int)ifindex;
	return request(q->link, nlh, fn, q);
}

static int query(struct netdev_link *link, struct netdev_wanted *ret)
{
	struct netdev_wanted wanted = {.mtu = 0};
	struct query q = {.link = link, .wanted = &wanted};
	int err = dump(&q, RTM_GETLINK, AF_UNSPEC, 0, take_link);

	if (!err)
		err = dump(&q, RTM_GETNEIGH, AF_BRIDGE, link->ifindex, take_address);
	if (err)
		return err;
	if (!q.found)
		return -ENODEV;
	for (unsigned i = 0; i < NETDEV_VLANS / 64; i++)
		wanted.vlans[i] |= link->kept[i];
	wanted.allmulti = q.flags & IFF_ALLMULTI;
	/* The kernel takes a tap for one without filters of its own. */
	wanted.promisc = q.promiscuity > (wanted.num_uc ? 1 : 0);
	*ret = wanted;
	return 0;
}

/* The tables may change under a dump: the kernel says so, and it is begun again. */
int netdev_link_query(struct netdev_link *link, struct netdev_wanted *ret)
{
	int err = -EINTR;

	for (unsigned i = 0; err == -EINTR && i < DUMP_TRIES; i++)
		err = query(link, ret);
	return err;
}

/* ---- events ---- */

struct happened {
	struct netdev_link *link;
	bool deleted;
};

static int take_event(const struct nlmsghdr *nlh, void *arg)
{
	struct happened *h = arg;
	const struct ifinfomsg *ifm = mnl_nlmsg_get_payload(nlh);
	struct link_attrs attrs;

	if (nlh->nlmsg_type != RTM_DELLINK || ifm->ifi_family == AF_BRIDGE)
		return MNL_CB_OK;
	if ((unsigned)ifm->ifi_index == h->link->ifindex)
		h->deleted = true;
	attrs = link_attrs(nlh);
	if (attrs.attr[IFLA_NEW_NETNSID])
		set_bit(h->link->kept, vlan_on_top(h->link, &attrs));
	return MNL_CB_OK;
}

int netdev_link_events(struct netdev_link *link)
{
	struct happened h = {.link = link};
	char *buf = malloc(ROOM);
	bool more = buf;

	while (more) {
		ssize_t n = recv(netdev_link_fd(link), buf, ROOM, MSG_DONTWAIT);

		/* Events that were too many are lost; that there were some is not. */
		more = n > 0 || (n < 0 && errno == ENOBUFS);
		if (n > 0)
			mnl_cb_run(buf, (size_t)n, 0, 0, take_event, &h);
	}
	free(buf);
	return h.deleted ? NETDEV_DELETED : NETDEV_CHANGED;
}
