/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "fd.h"
#include "uplink_impl.h"

#define TUN_MAJOR 10 /* /dev/net/tun: misc, 200 */
#define TUN_MINOR 200

/* "fd:N": N must be open, a tap or a socket that keeps frames apart. */
static int open_fd(const char *text, const char **ret_why)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);
	socklen_t len = sizeof(int);
	struct stat st;
	int type;

	*ret_why = "fd:N wants the number of an open tap or datagram socket";
	if (!*text || *end || n > 1u << 20 || fstat((int)n, &st) < 0)
		return -EINVAL;
	if (S_ISSOCK(st.st_mode)) { /* a stream would lose where frames end */
		if (getsockopt((int)n, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
		    type == SOCK_STREAM)
			return -EINVAL;
	} else if (!S_ISCHR(st.st_mode) || major(st.st_rdev) != TUN_MAJOR ||
		   minor(st.st_rdev) != TUN_MINOR) {
		return -EINVAL;
	}
	return (int)n;
}

static int open_kind(const char *spec, unsigned mtu, uplink_tap_fn *tap, void *arg,
		     const char **ret_why)
{
	if (!strncmp(spec, "tap:", 4))
		return tap ? tap(arg, spec + 4, mtu, ret_why)
			   : uplink_tap_open(spec + 4, mtu, ret_why);
	if (!strncmp(spec, "fd:", 3))
		return open_fd(spec + 3, ret_why);
	*ret_why = "an uplink is one of: none, tap:NAME, fd:N";
	return -EINVAL;
}

int uplink_open(const char *spec, unsigned mtu, uplink_tap_fn *tap, void *arg,
		struct uplink **ret_uplink, const char **ret_why)
{
	struct uplink *up;
	int fd;

	if (!strcmp(spec, "none")) {
		*ret_uplink = NULL;
		return 0;
	}
	if (strlen(spec) >= UPLINK_SPEC_MAX) {
		*ret_why = "the uplink's name is too long";
		return -EINVAL;
	}
	fd = open_kind(spec, mtu, tap, arg, ret_why);
	if (fd < 0)
		return fd;
	up = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*up), CACHE_LINE));
	if (!up || fd_set_nonblock(fd) < 0) {
		*ret_why = "out of memory";
		free(up);
		fd_close(&fd);
		return -ENOMEM;
	}
	memset(up, 0, sizeof(*up));
	up->fd = fd;
	up->port.ops = &uplink_port_ops;
	up->port.is_uplink = true;
	snprintf(up->spec, sizeof(up->spec), "%s", spec);
	*ret_uplink = up;
	return 0;
}

void uplink_close(struct uplink *uplink)
{
	if (!uplink)
		return;
	fd_close(&uplink->fd);
	free(uplink);
}

struct nic_port *uplink_port(struct uplink *uplink)
{
	return &uplink->port;
}

int uplink_fd(const struct uplink *uplink)
{
	return uplink->fd;
}

const char *uplink_spec(const struct uplink *uplink)
{
	return uplink->spec;
}

bool uplink_failed(const struct uplink *uplink)
{
	return atomic_load_explicit(&uplink->failed, memory_order_relaxed);
}
