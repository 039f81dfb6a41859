/* SPDX-License-Identifier: BSD-3-Clause */
#include "fabric.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "bits.h"
#include "fd.h"

static const char *const names[FABRIC_TYPES] = {
	[FABRIC_JOIN] = "JOIN",		[FABRIC_WELCOME] = "WELCOME",
	[FABRIC_BYE] = "BYE",		[FABRIC_OFFER] = "OFFER",
	[FABRIC_WITHDRAW] = "WITHDRAW", [FABRIC_REG] = "REG",
	[FABRIC_DONE] = "DONE",		[FABRIC_ASSIGN] = "ASSIGN",
	[FABRIC_UNASSIGN] = "UNASSIGN", [FABRIC_OPEN] = "OPEN",
	[FABRIC_BEAT] = "BEAT",		[FABRIC_BRIDGE] = "BRIDGE",
};

const char *fabric_type_str(uint32_t type)
{
	return type && type < FABRIC_TYPES ? names[type] : "?";
}

static bool text_ok(const char *text, size_t size)
{
	return memchr(text, '\0', size);
}

bool fabric_msg_ok(const struct fabric_msg *msg, uint32_t len)
{
	if (len != sizeof(*msg))
		return false;
	switch (msg->type) {
	case FABRIC_JOIN:
		return !msg->epoch && text_ok(msg->join.name, sizeof(msg->join.name));
	case FABRIC_ASSIGN:
	case FABRIC_UNASSIGN:
	case FABRIC_OPEN:
		return text_ok(msg->vf.card, sizeof(msg->vf.card));
	case FABRIC_DONE:
	case FABRIC_BYE:
		return msg->done.err <= 0 && text_ok(msg->done.why, sizeof(msg->done.why));
	case FABRIC_REG:
		return msg->reg.size == 4 || msg->reg.size == 8;
	default:
		return msg->type && msg->type < FABRIC_TYPES;
	}
}

int fabric_send(int sock, const struct fabric_msg *msg, int fd)
{
	FD_MSG_CONTROL(control, 1);
	struct iovec iov = {(void *)msg, sizeof(*msg)};
	struct msghdr out = {.msg_iov = &iov, .msg_iovlen = 1};

	fd_msg_put(&out, control, &fd, fd >= 0);
	return sendmsg(sock, &out, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int fabric_recv(int sock, struct fabric_parcel *ret)
{
	FD_MSG_CONTROL(control, 1);
	struct iovec iov = {&ret->msg, sizeof(ret->msg)};
	struct msghdr in = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &in, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int fds[2] = {-1, -1}; /* padding gives room for a second one */
	unsigned num;

	ret->fd = -1;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
#ifndef LADON_BREAK_FABRIC_FDS
	/* A message of no bytes looks like the end, and may bring descriptors all the same. */
	if (n == 0 && !in.msg_controllen)
		return -ECONNRESET;
#else
	if (n == 0)
		return -ECONNRESET;
#endif
	num = fd_msg_take(&in, fds, ARRAY_SIZE(fds));
	if (num < 2 && !(in.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    fabric_msg_ok(&ret->msg, (uint32_t)n)) {
		ret->fd = fds[0];
		return 1;
	}
	fd_close_all(fds, num);
	return -EPROTO;
}
