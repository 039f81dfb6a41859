/* SPDX-License-Identifier: BSD-3-Clause */
/* uplink_fd.c - a descriptor that the daemon was started with. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "fd.h"
#include "uplink_impl.h"

#define TUN_MAJOR 10 /* /dev/net/tun: misc, 200 */
#define TUN_MINOR 200
#define FD_LAST	  65535

static const char *fd_wrong(const char *rest)
{
	unsigned long n;
	char *end;

	if (*rest < '0' || *rest > '9')
		return "fd:NUMBER is right, of an open tap or datagram socket";
	n = strtoul(rest, &end, 10);
	return *end || n > FD_LAST ? "fd:NUMBER is right, 0 to 65535" : NULL;
}

/* It must be open, a tap or a socket that keeps frames apart: a stream would lose where they
 * end. */
static bool keeps_frames(int fd)
{
	socklen_t len = sizeof(int);
	struct stat st;
	int type;

	if (fstat(fd, &st) < 0)
		return false;
	if (S_ISSOCK(st.st_mode))
		return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
		       type != SOCK_STREAM;
	return S_ISCHR(st.st_mode) && major(st.st_rdev) == TUN_MAJOR &&
	       minor(st.st_rdev) == TUN_MINOR;
}

static int fd_open(struct uplink *up, const char *rest, const char **ret_why)
{
	int fd = (int)strtoul(rest, NULL, 10);

	*ret_why = "fd:N wants the number of an open tap or datagram socket";
	if (!keeps_frames(fd) || fd_set_nonblock(fd) < 0)
		return -EINVAL;
	uplink_set_fd(up, fd);
	return 0;
}

const struct uplink_kind uplink_fd_kind = {
	.prefix = "fd:",
	.size = sizeof(struct uplink_framed),
	.ops = &uplink_port_ops,
	.wrong = fd_wrong,
	.open = fd_open,
};
