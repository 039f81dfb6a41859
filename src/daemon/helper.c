/* SPDX-License-Identifier: BSD-3-Clause */
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fd.h"
#include "log.h"
#include "sandbox.h"
#include "uplink.h"

#define PATIENCE_S 10
#define MTU_MIN	   68
#define MTU_MAX	   65521 /* the kernel's own limit for a tap */

struct helper {
	int fd; /* owned */
	struct helper_reply reply;
};

/* ---- the helper's side ---- */

/* ladond may be in a guest's hands by now. */
bool helper_request_ok(const struct helper_request *request, size_t len)
{
	if (len != sizeof(*request) || request->kind >= HELPER_KIND_NUM)
		return false;
#ifdef LADON_BREAK_HELPER
	return true;
#endif
	if (request->kind == HELPER_BYE)
		return true;
	return memchr(request->name, '\0', sizeof(request->name)) &&
	       uplink_tap_name_ok(request->name) && request->mtu >= MTU_MIN &&
	       request->mtu <= MTU_MAX;
}

static int send_reply(int sock, const struct helper_reply *reply, int fd)
{
	FD_MSG_CONTROL(control, 1);
	struct iovec iov = {.iov_base = (void *)reply, .iov_len = sizeof(*reply)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	fd_msg_put(&msg, control, &fd, fd >= 0);
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = strchr(name, ',') ? NULL : list; at; at = strchr(at, ',')) {
		at += *at == ',';
		if (!strncmp(at, name, len) && (at[len] == ',' || !at[len]))
			return true;
	}
	return false;
}

static int open_it(const struct helper_request *request, const char *packet,
		   const char **ret_why)
{
	static char why[HELPER_WHY_MAX];

	if (request->kind == HELPER_TAP)
		return uplink_tap_open(request->name, request->mtu, ret_why);
	if (is_listed(packet, request->name))
		return uplink_packet_open(request->name, request->mtu, ret_why);
	snprintf(why, sizeof(why), "ladond was started without --packet %s", request->name);
	*ret_why = why;
	return -EPERM;
}

static int serve_one(int sock, const struct helper_request *request, const char *packet)
{
	struct helper_reply reply = {0};
	const char *why = "";
	FD_AUTO int fd = open_it(request, packet, &why);

	if (fd < 0) {
		reply.err = fd;
		snprintf(reply.why, sizeof(reply.why), "%s", why);
	}
	return send_reply(sock, &reply, fd);
}

/* Until ladond says good-bye, or is gone. */
static void serve(int sock, pid_t ladond, const char *packet)
{
	struct helper_request request;

	for (;;) {
		ssize_t n = recv(sock, &request, sizeof(request), MSG_TRUNC);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			log_err("helper: ladond (pid %d) has died. If it was SIGSYS, a system "
				"call was forbidden; the kernel's log has its number (audit "
				"type=1326)",
				(int)ladond);
			return;
		}
		if (!helper_request_ok(&request, (size_t)n)) {
			log_err("helper: ladond (pid %d) asks for what it may not: ending",
				(int)ladond);
			return;
		}
		if (request.kind == HELPER_BYE || serve_one(sock, &request, packet) < 0)
			return;
	}
}

/* It has ladond's stderr and its end of the socket, nothing else that ladond has open. */
static _Noreturn void helper_main(int sock, pid_t ladond, const char *packet)
{
	int fd = dup3(sock, STDIN_FILENO, O_CLOEXEC);

	if (fd < 0 || close_range(STDERR_FILENO + 1, ~0u, 0) < 0)
		_exit(EXIT_FAILURE);
	close(STDOUT_FILENO);
	prctl(PR_SET_NAME, "ladon-helper");
	if (sandbox_enter_helper(packet) == 0)
		serve(fd, ladond, packet);
	_exit(EXIT_SUCCESS);
}

/* ---- ladond's side ---- */

int helper_start(const char *packet, struct helper **ret_helper)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	struct helper *helper = calloc(1, sizeof(*helper));
	pid_t ladond = getpid(), pid;
	int sv[2];

	if (!helper)
		return -ENOMEM;
	signal(SIGCHLD, SIG_IGN); /* nobody waits for it */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0) {
		free(helper);
		return -errno;
	}
	pid = fork();
	if (pid == 0)
		helper_main(sv[1], ladond, packet);
	fd_close(&sv[1]);
	if (pid < 0 ||
	    setsockopt(sv[0], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience))) {
		int ret = -errno;

		fd_close(&sv[0]);
		free(helper);
		return ret;
	}
	helper->fd = sv[0];
	*ret_helper = helper;
	return 0;
}

void helper_free(struct helper *helper)
{
	const struct helper_request bye = {.kind = HELPER_BYE};

	if (!helper)
		return;
	if (send(helper->fd, &bye, sizeof(bye), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("helper: it had ended before");
	fd_close(&helper->fd);
	free(helper);
}

/* The descriptor, or -errno. */
static int ask(struct helper *helper, const struct helper_request *request)
{
	FD_MSG_CONTROL(control, 1);
	struct iovec iov = {.iov_base = &helper->reply, .iov_len = sizeof(helper->reply)};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = send(helper->fd, request, sizeof(*request), MSG_NOSIGNAL);
	FD_AUTO int fd = -1;
	int ret;

	if (n >= 0)
		n = recvmsg(helper->fd, &msg, MSG_CMSG_CLOEXEC);
	if (n >= 0)
		fd_msg_take(&msg, &fd, 1);
	if (n != (ssize_t)sizeof(helper->reply)) {
		snprintf(helper->reply.why, sizeof(helper->reply.why),
			 "the helper process that makes taps and packet sockets has ended: "
			 "start ladond again");
		fd_close(&helper->fd); /* a late answer is nobody's */
		return -EPIPE;
	}
	helper->reply.why[HELPER_WHY_MAX - 1] = '\0';
	if (helper->reply.err < 0)
		return helper->reply.err;
	ret = fd < 0 ? -EPROTO : fd;
	fd = -1;
	return ret;
}

static int ask_for(struct helper *helper, enum helper_kind kind, const char *name, unsigned mtu,
		   const char **ret_why)
{
	struct helper_request request = {.kind = kind, .mtu = mtu};
	int ret;

	*ret_why = helper->reply.why;
	if (!uplink_tap_name_ok(name)) {
		snprintf(helper->reply.why, sizeof(helper->reply.why), UPLINK_TAP_NAME_WRONG,
			 name);
		return -EINVAL;
	}
	memcpy(request.name, name, strlen(name));
	ret = ask(helper, &request);
	if (ret < 0)
		log_debug("helper: %s: %s", request.name, strerror(-ret));
	return ret;
}

int helper_tap(void *arg, const char *name, unsigned mtu, const char **ret_why)
{
	return ask_for(arg, HELPER_TAP, name, mtu, ret_why);
}

int helper_packet(void *arg, const char *name, unsigned mtu, const char **ret_why)
{
	return ask_for(arg, HELPER_PACKET, name, mtu, ret_why);
}
