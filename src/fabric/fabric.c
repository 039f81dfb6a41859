/* SPDX-License-Identifier: BSD-3-Clause */
#include "fabric.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"

#define BACKLOG 16

static const char *const names[FABRIC_TYPES] = {
	[FABRIC_JOIN] = "JOIN",		[FABRIC_WELCOME] = "WELCOME",
	[FABRIC_BYE] = "BYE",		[FABRIC_OFFER] = "OFFER",
	[FABRIC_WITHDRAW] = "WITHDRAW", [FABRIC_REG] = "REG",
	[FABRIC_DONE] = "DONE",		[FABRIC_ASSIGN] = "ASSIGN",
	[FABRIC_UNASSIGN] = "UNASSIGN", [FABRIC_OPEN] = "OPEN",
	[FABRIC_BEAT] = "BEAT",
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
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {(void *)msg, sizeof(*msg)};
	struct msghdr out = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
		out.msg_control = &control;
		out.msg_controllen = sizeof(control);
	}
	if (sendmsg(sock, &out, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

/* Takes the one descriptor that came along, or -1. Padding gives room for a second one: false.
 */
static bool take_fd(struct msghdr *in, int *ret_fd)
{
	struct cmsghdr *c = CMSG_FIRSTHDR(in);
	size_t n;
	int fd;

	*ret_fd = -1;
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
		return true;
	n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(fd);
	for (size_t i = n; i-- > 0;) {
		memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
		if (i == 0)
			*ret_fd = fd;
		else
			fd_close(&fd);
	}
	return n <= 1;
}

int fabric_recv(int sock, struct fabric_parcel *ret)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {&ret->msg, sizeof(ret->msg)};
	struct msghdr in = {.msg_iov = &iov,
			    .msg_iovlen = 1,
			    .msg_control = &control,
			    .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(sock, &in, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

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
	if (take_fd(&in, &ret->fd) && !(in.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
	    fabric_msg_ok(&ret->msg, (uint32_t)n))
		return 1;
	fd_close(&ret->fd);
	return -EPROTO;
}

static int socket_at(const char *path, struct sockaddr_un *ret_addr)
{
	int fd;

	*ret_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(ret_addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(ret_addr->sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return fd < 0 ? -errno : fd;
}

int fabric_connect(const char *path)
{
	struct sockaddr_un addr;
	int fd = socket_at(path, &addr), ret;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	fd_close(&fd);
	return ret;
}

/* The run directory is ours alone (rundir.c), so what lies at path was left by a former one. */
int fabric_listen(const char *path)
{
	struct sockaddr_un addr;
	int fd = socket_at(path, &addr), ret = 0;
	mode_t mask;

	if (fd < 0)
		return fd;
	unlink(path);
	mask = umask(0177);
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(fd, BACKLOG) < 0)
		ret = -errno;
	umask(mask);
	if (ret == 0)
		return fd;
	fd_close(&fd);
	return ret;
}
