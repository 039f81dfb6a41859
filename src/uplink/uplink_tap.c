/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "fd.h"
#include "uplink_impl.h"

static char why[160];

/* Sends one RTM_NEWLINK for name and reads the kernel's verdict. Returns 0 or -errno. */
static int link_request(struct mnl_socket *nl, const char *name, uint32_t mtu)
{
	char buf[1024];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifm;
	ssize_t n;

	nlh->nlmsg_type = RTM_NEWLINK;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = 1;
	ifm = mnl_nlmsg_put_extra_header(nlh, sizeof(*ifm));
	ifm->ifi_family = AF_UNSPEC;
	ifm->ifi_change = ifm->ifi_flags = IFF_UP;
	mnl_attr_put_strz(nlh, IFLA_IFNAME, name);
	mnl_attr_put_u32(nlh, IFLA_MTU, mtu);
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	n = mnl_socket_recvfrom(nl, buf, sizeof(buf));
	if (n < 0 || mnl_cb_run(buf, (size_t)n, 1, mnl_socket_get_portid(nl), NULL, NULL) < 0)
		return -errno;
	return 0;
}

static int link_up(const char *name, uint32_t mtu)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int r;

	if (!nl)
		return -errno;
	r = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno
							   : link_request(nl, name, mtu);
	mnl_socket_close(nl);
	return r;
}

/* An owner without CAP_NET_ADMIN may use a tap that somebody has brought up already. */
static bool is_up(const char *name)
{
	struct ifreq ifr = {0};
	FD_AUTO int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	memcpy(ifr.ifr_name, name, strlen(name));
	return fd >= 0 && ioctl(fd, SIOCGIFFLAGS, &ifr) == 0 && ifr.ifr_flags & IFF_UP;
}

static int explain(int err, const char *name, const char **ret_why)
{
	if (err == -EPERM || err == -EACCES)
		snprintf(why, sizeof(why),
			 "no permission for tap %s: run as root, or first: ip tuntap add %s "
			 "mode tap user "
			 "$USER && ip link set %s up",
			 name, name, name);
	else if (err == -EBUSY)
		snprintf(why, sizeof(why), "tap %s is in use by another process", name);
	else if (err == -ENOENT || err == -ENXIO || err == -ENODEV)
		snprintf(why, sizeof(why), "/dev/net/tun is missing: load the tun module");
	else if (err == -EINVAL)
		snprintf(why, sizeof(why),
			 "%s exists and is no tap interface, or is no valid name", name);
	else
		snprintf(why, sizeof(why), "tap %s: %s", name, strerror(-err));
	*ret_why = why;
	return err;
}

/* The kernel's rules (no blanks, '/', ':'), no "%d" that it would fill in, printable. */
bool uplink_tap_name_ok(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
		return false;
	for (size_t i = 0; i < len; i++) {
		if (name[i] <= ' ' || name[i] >= 0x7f || strchr("/:%", name[i]))
			return false;
	}
	return true;
}

int uplink_tap_open(const char *name, unsigned mtu, const char **ret_why)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};
	int fd, r;

	if (!uplink_tap_name_ok(name)) {
		snprintf(why, sizeof(why), UPLINK_TAP_NAME_WRONG, name);
		*ret_why = why;
		return -EINVAL;
	}
	fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return explain(-errno, name, ret_why);
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", name);
	r = ioctl(fd, TUNSETIFF, &ifr) < 0 ? -errno : link_up(name, mtu);
	if (r == -EPERM && is_up(name))
		r = 0;
	if (r < 0) {
		fd_close(&fd);
		return explain(r, name, ret_why);
	}
	return fd;
}

static const char *tap_wrong(const char *rest)
{
	return uplink_tap_name_ok(rest) ? NULL : "tap:IFNAME is right, of 1 to 15 characters";
}

static int tap_open(struct uplink *up, const char *rest, const char **ret_why)
{
	const struct uplink_env *env = &up->env;
	int fd = env->tap ? env->tap(env->arg, rest, env->mtu, ret_why)
			  : uplink_tap_open(rest, env->mtu, ret_why);

	if (fd < 0)
		return fd;
	uplink_set_fd(up, fd);
	return 0;
}

const struct uplink_kind uplink_tap_kind = {
	.prefix = "tap:",
	.size = sizeof(struct uplink_framed),
	.ops = &uplink_port_ops,
	.wrong = tap_wrong,
	.open = tap_open,
};
