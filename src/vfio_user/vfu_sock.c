/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. The listening socket is always watched; a client is attached or not.
 *
 *   IDLE      no client
 *   ATTACHED  EPOLLIN is watched, EPOLLOUT while output waits
 *   PAUSED    whole messages are left over from the last round: EPOLLIN is off, the zero timer
 *             executes them, so that others have their turn in between
 *   LEAVING   the connection is over or to be dropped; the zero timer detaches it
 *
 * Detaching frees the connection, so it happens only at the bottom of the stack: in detach(),
 * called from the two event handlers when they are through with it, or from the timer.
 */
#include "vfu_sock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"

#define READ_SIZE	(64u << 10)
#define READS_A_ROUND	8  /* at most READS_A_ROUND * READ_SIZE bytes of one client */
#define MESSAGES_A_READ 64 /* before others have their turn */
#define TURN_NS		(50 * NSEC_PER_USEC) /* nothing begins later in a turn */
#define ACCEPTS_A_ROUND 8
#define ACCEPT_RETRY_NS (100 * NSEC_PER_MSEC)
#define SCM_FDS_MAX	253 /* SCM_MAX_FD of Linux: no message brings more */
#define OUTPUTS_A_FLUSH 1024
#define MAX_FDS_A_REPLY 8

struct vfu_sock {
	struct loop *loop;		      /* borrowed */
	const struct vfu_dev_ops *ops;	      /* borrowed */
	const struct vfu_sock_events *events; /* borrowed */
	void *dev;			      /* borrowed */
	char *path;			      /* owned */
	int listen_fd;			      /* owned */
	struct loop_fd *listen_source;	      /* owned */
	struct loop_timer *listen_timer; /* owned: listens again after lack of descriptors */

	int fd;			  /* owned; -1 = IDLE */
	struct vfu_conn *conn;	  /* owned; NULL = IDLE */
	struct loop_fd *source;	  /* owned */
	struct loop_timer *timer; /* owned: PAUSED and LEAVING */
	uint64_t turn_end;	  /* clock_ns() */
	bool paused;
	bool busy;     /* a handler is on the stack and will look at leaving itself */
	bool leaving;  /* reason is set */
	bool want_out; /* the socket took less than there was */
	char reason[160];
	uint8_t *buf; /* owned, READ_SIZE */
};

static void watch(struct vfu_sock *sock)
{
	uint32_t in = sock->paused ? 0 : EPOLLIN;

	loop_fd_events(sock->source, in | (sock->want_out ? EPOLLOUT : 0));
}

/* The first reason stays. */
static void set_leaving(struct vfu_sock *sock, const char *reason)
{
	if (!sock->conn || sock->leaving)
		return;
	sock->leaving = true;
	strncpy(sock->reason, reason, sizeof(sock->reason) - 1);
	if (!sock->busy)
		loop_timer_arm(sock->timer, 0);
}

/* To IDLE. The callback may be told; flush and drop from within change nothing any more. */
static void detach(struct vfu_sock *sock, bool tell)
{
	struct vfu_conn *conn = sock->conn;

	sock->busy = sock->leaving = true;
	loop_timer_disarm(sock->timer);
	loop_fd_del(sock->source);
	sock->source = NULL;
	fd_close(&sock->fd);
	if (tell)
		sock->events->disconnected(sock->dev, sock->reason);
	sock->conn = NULL;
	vfu_conn_free(conn);
	free(sock->buf);
	sock->buf = NULL;
	sock->paused = sock->leaving = sock->want_out = sock->busy = false;
	memset(sock->reason, 0, sizeof(sock->reason));
}

/* Sends one message, or what is left of it. Returns bytes or -errno. */
static ssize_t send_one(struct vfu_sock *sock, const void *buf, size_t len, const int *fds,
			unsigned nfds)
{
	FD_MSG_CONTROL(control, MAX_FDS_A_REPLY);
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	ssize_t sent;

	assert(nfds <= MAX_FDS_A_REPLY);
	fd_msg_put(&msg, control, fds, nfds);
	do {
		sent = sendmsg(sock->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : sent;
}

static void flush(struct vfu_sock *sock)
{
	sock->want_out = false;
	for (unsigned i = 0; i < OUTPUTS_A_FLUSH; i++) {
		const void *buf;
		const int *fds;
		unsigned nfds;
		size_t len = vfu_conn_output(sock->conn, &buf, &fds, &nfds);
		ssize_t sent;

		if (!len)
			return;
		sent = send_one(sock, buf, len, fds, nfds);
		if (sent == -EAGAIN)
			break;
		if (sent < 0) {
			set_leaving(sock, sent == -EPIPE || sent == -ECONNRESET
						  ? VFU_SOCK_CLOSED
						  : "sending to the client failed");
			return;
		}
		vfu_conn_sent(sock->conn, (size_t)sent);
	}
	sock->want_out = true;
}

/*
 * Executes what came, as much as a turn holds. A message may take a hundred times as long as
 * another (a reset drains the data path several times), so turns are measured in time.
 */
static int execute(struct vfu_sock *sock, const void *buf, size_t len, int *fds, unsigned nfds)
{
	int ret = vfu_conn_input(sock->conn, buf, len, fds, nfds, 1);

#ifdef LADON_BREAK_TURN
	sock->turn_end = UINT64_MAX;
#endif
	for (unsigned i = 1; ret > 0 && i < MESSAGES_A_READ && clock_ns() < sock->turn_end; i++)
		ret = vfu_conn_input(sock->conn, NULL, 0, NULL, 0, 1);
	return ret;
}

/* False: read no more in this round. */
static bool take(struct vfu_sock *sock, const void *buf, size_t len, int *fds, unsigned nfds)
{
	int ret = execute(sock, buf, len, fds, nfds);

	if (!sock->leaving)
		flush(sock);
	if (ret < 0)
		set_leaving(sock, vfu_conn_reason(sock->conn));
	sock->paused = ret > 0 && !sock->leaving;
	if (sock->paused)
		loop_timer_arm(sock->timer, 0);
	return ret == 0 && !sock->leaving;
}

static ssize_t receive(struct vfu_sock *sock, int *fds, unsigned *ret_nfds, bool *ret_lost)
{
	FD_MSG_CONTROL(control, SCM_FDS_MAX);
	struct iovec iov = {sock->buf, READ_SIZE};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t len;

	do {
		len = recvmsg(sock->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	*ret_nfds = fd_msg_take(&msg, fds, SCM_FDS_MAX);
	*ret_lost = msg.msg_flags & MSG_CTRUNC;
	return len;
}

/* One recvmsg and what it brings. False: read no more in this round. */
static bool read_once(struct vfu_sock *sock)
{
	int fds[SCM_FDS_MAX];
	unsigned nfds = 0;
	bool lost = false, more;
	ssize_t len = receive(sock, fds, &nfds, &lost);

	if (len == -EAGAIN)
		return false;
	if (len <= 0) {
		fd_close_all(fds, nfds);
		set_leaving(sock, len == 0 || len == -ECONNRESET
					  ? VFU_SOCK_CLOSED
					  : "reading from the client failed");
		return false;
	}
	if (lost) {
		/* A DMA_MAP without its fd would silently mean something else. */
		fd_close_all(fds, nfds);
		set_leaving(sock,
			    "file descriptors of the client were lost (descriptor limit)");
		return false;
	}
	more = take(sock, sock->buf, (size_t)len, fds, nfds);
	/* VERSION and DEVICE_FEATURE may hold a token. */
	explicit_bzero(sock->buf, (size_t)len);
	if (!more)
		return false;
	/* A short read has emptied the socket, unless it stopped behind fds. */
	return (size_t)len == READ_SIZE || nfds;
}

static void on_client(void *arg, uint32_t events)
{
	struct vfu_sock *sock = arg;

	sock->busy = true;
	sock->turn_end = clock_ns() + TURN_NS;
	if ((events & EPOLLOUT) && !sock->leaving)
		flush(sock);
	/* EPOLLHUP without EPOLLIN does not happen before the last byte is read. */
	if (!sock->paused && !sock->leaving && (events & (EPOLLIN | EPOLLHUP | EPOLLERR))) {
		for (unsigned i = 0; i < READS_A_ROUND && read_once(sock); i++) {
			/* Two hundred fds take as long as a slow message. */
			if (clock_ns() >= sock->turn_end)
				break;
		}
	}
	sock->busy = false;
	if (sock->leaving)
		detach(sock, true);
	else
		watch(sock);
}

/* PAUSED: the next messages; LEAVING: the end. */
static void on_timer(void *arg)
{
	struct vfu_sock *sock = arg;

	sock->busy = true;
	sock->turn_end = clock_ns() + TURN_NS;
	if (!sock->leaving && sock->paused)
		take(sock, NULL, 0, NULL, 0);
	sock->busy = false;
	if (sock->leaving)
		detach(sock, true);
	else
		watch(sock);
}

static struct ucred peer(int fd)
{
	struct ucred cred = {.pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t len = sizeof(cred);

	/* Cannot fail on a connected UNIX socket; an unknown peer is nobody. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return (struct ucred){.pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1};
	return cred;
}

/* fd is consumed on success. */
static int attach(struct vfu_sock *sock, int fd)
{
	struct vfu_conn *conn;
	uint8_t *buf = malloc(READ_SIZE);
	int ret;

	if (!buf)
		return -ENOMEM;
	ret = vfu_conn_new(sock->ops, sock->dev, &conn);
	if (ret < 0)
		goto out_buf;
	ret = loop_add_fd(sock->loop, fd, EPOLLIN, on_client, sock, &sock->source);
	if (ret < 0)
		goto out_conn;
	sock->fd = fd;
	sock->conn = conn;
	sock->buf = buf;
	return 0;

out_conn:
	vfu_conn_free(conn);
out_buf:
	free(buf);
	return ret;
}

/* fd is consumed. Returns 0, or -errno with *why (NULL: the errno says it). */
static int admit(struct vfu_sock *sock, int fd, const struct ucred *cred, const char **why)
{
	int ret;

#ifdef LADON_BREAK_ONE_CLIENT
	if (sock->conn)
		detach(sock, true);
#endif
	*why = "another client is attached";
	ret = sock->conn ? -EBUSY : attach(sock, fd);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	*why = NULL;
	sock->busy = true;
	ret = sock->events->connected(sock->dev, cred->pid, cred->uid, why);
	sock->busy = false;
	if (ret < 0)
		detach(sock, false);
	else if (sock->leaving)
		detach(sock, true);
	return ret;
}

/* fd is consumed. */
static void on_connection(struct vfu_sock *sock, int fd)
{
	struct ucred cred = peer(fd);
	const char *why;
	int ret = admit(sock, fd, &cred, &why);

	if (ret < 0)
		sock->events->refused(sock->dev, cred.pid, cred.uid,
				      why ? why : strerror(-ret));
}

int vfu_sock_adopt(struct vfu_sock *sock, int fd)
{
	struct ucred cred = peer(fd);
	const char *why;

	return admit(sock, fd, &cred, &why);
}

static bool out_of_resources(int err)
{
	return err == EMFILE || err == ENFILE || err == ENOBUFS || err == ENOMEM;
}

static void on_listen(void *arg, uint32_t events)
{
	struct vfu_sock *sock = arg;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_A_ROUND; i++) {
		int fd = accept4(sock->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd >= 0) {
			on_connection(sock, fd);
		} else if (out_of_resources(errno)) {
			/* The knock stays pending: without a pause the loop would spin on it.
			 */
			loop_fd_events(sock->listen_source, 0);
			loop_timer_arm(sock->listen_timer, ACCEPT_RETRY_NS);
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			return;
		}
	}
}

static void on_listen_timer(void *arg)
{
	struct vfu_sock *sock = arg;

	loop_fd_events(sock->listen_source, EPOLLIN);
}

static int start(struct vfu_sock *sock, const char *path)
{
	int ret;

	sock->path = strdup(path);
	if (!sock->path)
		return -ENOMEM;
	ret = loop_add_timer(sock->loop, on_timer, sock, &sock->timer);
	if (ret < 0)
		return ret;
	ret = loop_add_timer(sock->loop, on_listen_timer, sock, &sock->listen_timer);
	if (ret < 0)
		return ret;
	sock->listen_fd = fd_unix_listen(path);
	if (sock->listen_fd < 0)
		return sock->listen_fd;
	return loop_add_fd(sock->loop, sock->listen_fd, EPOLLIN, on_listen, sock,
			   &sock->listen_source);
}

int vfu_sock_new(struct loop *loop, const char *path, const struct vfu_dev_ops *ops,
		 const struct vfu_sock_events *events, void *dev, struct vfu_sock **ret_sock)
{
	struct vfu_sock *sock = calloc(1, sizeof(*sock));
	int ret;

	if (!sock)
		return -ENOMEM;
	sock->loop = loop;
	sock->ops = ops;
	sock->events = events;
	sock->dev = dev;
	sock->fd = sock->listen_fd = -1;
	ret = start(sock, path);
	if (ret < 0) {
		vfu_sock_free(sock);
		return ret;
	}
	*ret_sock = sock;
	return 0;
}

void vfu_sock_free(struct vfu_sock *sock)
{
	if (!sock)
		return;
	assert(!sock->busy); /* not from its own client's callbacks */
	if (sock->conn) {
		set_leaving(sock, "the socket is closed");
		detach(sock, true);
	}
	loop_fd_del(sock->listen_source);
	/* Only what we bound ourselves is ours to remove. */
	if (sock->listen_fd >= 0)
		unlink(sock->path);
	fd_close(&sock->listen_fd);
	loop_timer_del(sock->timer);
	loop_timer_del(sock->listen_timer);
	free(sock->path);
	free(sock);
}

struct vfu_conn *vfu_sock_conn(struct vfu_sock *sock)
{
	return sock->conn;
}

void vfu_sock_flush(struct vfu_sock *sock)
{
	if (!sock->conn || sock->leaving)
		return;
	flush(sock);
	if (!sock->busy && !sock->leaving)
		watch(sock);
}

void vfu_sock_drop(struct vfu_sock *sock, const char *reason)
{
	set_leaving(sock, reason);
}
