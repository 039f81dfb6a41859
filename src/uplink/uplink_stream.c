/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_stream.c - frames over a UNIX stream socket, each after its length as 32 bits in
 * network order: what QEMU's "-netdev stream" (and "socket") and passt speak.
 *
 * The socket takes what fits. Whole frames wait in a buffer of ours for the rest of the room;
 * when that is full, too, frames are dropped: a peer that stalls costs frames only. One that
 * announces a frame no peer of ours sends has lost its place in the stream, which cannot be
 * found again: the connection is ended.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"
#include "net_eth.h"
#include "nic_capture.h"
#include "uplink_impl.h"

#define LEN_BYTES     4u
#define ANNOUNCED_MAX (64u * 1024 + 4096) /* QEMU's NET_BUFSIZE */
#define IN_SIZE	      (128u * 1024)
#define OUT_SIZE      (512u * 1024)
#define STEPS	      (4u * NIC_BURST) /* frames looked at in one poll, dropped ones too */
#define FIRST_RETRY   (50 * NSEC_PER_USEC)
#define LAST_RETRY    (10 * NSEC_PER_MSEC)
#define PATH_LEN_MAX  (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)
#define BACKOFF_MIN   (100 * NSEC_PER_MSEC)
#define BACKOFF_MAX   (5 * NSEC_PER_SEC)
#define LISTEN_NS     (200 * NSEC_PER_MSEC)
#define SETTLED_NS    NSEC_PER_SEC /* a connection that lived so long was a good one */

struct stream {
	struct uplink up; /* first */
	bool listens;
	const char *path; /* in up.spec */
	int listen_fd;	  /* owned; -1 = connects */
	uint64_t next_try, backoff, since;

	/* The data path's while there is a connection, the control thread's between two. */
	uint32_t in_at, in_len; /* bytes that came and were not looked at: in[in_at..in_len) */
	uint32_t skip;		/* of a frame that is too long, still to come */
	uint32_t out_at, out_len;
	bool stalled; /* the socket took less than there was */
	uint64_t retry, retry_at;
	uint8_t in[IN_SIZE];
	uint8_t out[OUT_SIZE];
};

static struct stream *stream_of(struct nic_port *port)
{
	return (struct stream *)port;
}

/* ---- wire -> card ---- */

/* Looks at the next frame. Returns false when more bytes are needed, or none will do. */
static bool next_frame(struct stream *s, struct nic_burst *burst)
{
	uint32_t have = s->in_len - s->in_at, n = MIN(s->skip, have), len;

	s->skip -= n;
	s->in_at += n;
	have -= n;
	if (have < LEN_BYTES)
		return false;
	len = get_be32(s->in + s->in_at);
	if (len > ANNOUNCED_MAX) {
		nic_lose_tx(&s->up.port, NULL, NIC_DROP_MALFORMED, 1);
		uplink_fail(&s->up);
		return false;
	}
	if (len > NIC_JUMBO_MAX) {
		nic_lose_tx(&s->up.port, NULL, NIC_DROP_SIZE, 1);
		s->skip = LEN_BYTES + len;
		return true;
	}
	if (have < LEN_BYTES + len)
		return false;
	uplink_frame(&s->up, burst, s->in + s->in_at + LEN_BYTES, len);
	s->in_at += LEN_BYTES + len;
	return true;
}

static bool parse(struct stream *s, struct nic_burst *burst)
{
	uint32_t before = s->in_at;

	for (unsigned i = 0; i < STEPS && burst->n < NIC_BURST; i++) {
		if (!next_frame(s, burst))
			break;
	}
	return s->in_at != before;
}

/* Nobody points into the buffer: the last burst is done. */
static bool fill(struct stream *s, uint64_t now_ns)
{
	ssize_t n;

	s->in_len -= s->in_at;
	memmove(s->in, s->in + s->in_at, s->in_len);
	s->in_at = 0;
	n = read(uplink_fd(&s->up), s->in + s->in_len, IN_SIZE - s->in_len);
	if (n > 0) {
		s->in_len += (uint32_t)n;
		return true;
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		s->up.empty_at = now_ns;
	else
		uplink_fail(&s->up);
	return false;
}

static bool stream_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct stream *s = stream_of(port);

	if (uplink_fd(&s->up) < 0 || uplink_failed(&s->up))
		return false;
	if (parse(s, burst))
		return true;
	if (now_ns - s->up.empty_at < UPLINK_POLL_NS || uplink_failed(&s->up) ||
	    !fill(s, now_ns))
		return false;
	parse(s, burst);
	return true;
}

/* ---- card -> wire ---- */

static bool is_pending(const struct stream *s)
{
	return s->out_at != s->out_len && uplink_fd(&s->up) >= 0 && !uplink_failed(&s->up);
}

static void flush(struct stream *s)
{
	ssize_t n;

	if (!is_pending(s))
		return;
	n = send(uplink_fd(&s->up), s->out + s->out_at, s->out_len - s->out_at, MSG_NOSIGNAL);
	if (n > 0)
		s->out_at += (uint32_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		uplink_fail(&s->up);
	s->stalled = s->out_at != s->out_len;
	if (!s->stalled)
		s->out_at = s->out_len = 0;
}

/* Room for one frame of len bytes? What waits moves to the front only when that pays. */
static bool has_room(struct stream *s, uint32_t len)
{
	uint32_t need = LEN_BYTES + len;

	if (OUT_SIZE - s->out_len >= need)
		return true;
	if (!s->stalled)
		flush(s);
	if (OUT_SIZE - s->out_len < need && s->out_at >= OUT_SIZE / 4) {
		s->out_len -= s->out_at;
		memmove(s->out, s->out + s->out_at, s->out_len);
		s->out_at = 0;
	}
	return OUT_SIZE - s->out_len >= need;
}

static enum nic_drop stream_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				       struct nic_sink *sink)
{
	struct stream *s = stream_of(port);

	if (meta->len > UPLINK_BUF)
		return NIC_DROP_SIZE;
	if (uplink_fd(&s->up) < 0 || uplink_failed(&s->up) || !has_room(s, meta->len))
		return NIC_DROP_UPLINK;
	sink->n = 1;
	sink->iov[0].ptr = s->out + s->out_len + LEN_BYTES;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop stream_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct stream *s = stream_of(port);

	put_be32(s->out + s->out_len, meta->len);
	s->out_len += LEN_BYTES + meta->len;
	return NIC_DROP_NONE;
}

/* One call for what the whole round brought. */
static void stream_rx_done(struct nic_port *port, uint64_t now_ns)
{
	struct stream *s = stream_of(port);

	s->up.empty_at = 0; /* who was sent something is likely to answer */
	if (s->stalled)
		return;
	flush(s);
	s->retry = FIRST_RETRY;
	s->retry_at = now_ns + s->retry;
}

/* What waits is tried again after a while, which is longer the longer the peer stalls. */
static uint64_t stream_tick(struct nic_port *port, uint64_t now_ns)
{
	struct stream *s = stream_of(port);
	uint32_t before = s->out_at;

	if (!is_pending(s))
		return UPLINK_NEVER;
	if (now_ns < s->retry_at)
		return s->retry_at - now_ns;
	flush(s);
	if (!is_pending(s))
		return UPLINK_NEVER;
	s->retry = s->out_at != before ? FIRST_RETRY : MIN(2 * s->retry, LAST_RETRY);
	s->retry_at = now_ns + s->retry;
	return s->retry;
}

static const struct nic_port_ops stream_ops = {
	.tx_poll = stream_tx_poll,
	.tx_done = uplink_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = stream_rx_buffers,
	.rx_commit = stream_rx_commit,
	.rx_done = stream_rx_done,
	.tick = stream_tick,
};

/* ---- the connection ---- */

static const char *path_of(const char *rest, bool *ret_listens)
{
	*ret_listens = !strncmp(rest, "listen=", 7);
	if (*ret_listens)
		return rest + 7;
	return strncmp(rest, "connect=", 8) ? rest : rest + 8;
}

static const char *stream_wrong(const char *rest)
{
	bool listens;
	const char *path = path_of(rest, &listens);

	if (*path != '/')
		return "stream:PATH, stream:connect=PATH or stream:listen=PATH is right, with "
		       "a path that begins with /";
	return strlen(path) > PATH_LEN_MAX ? "the path of a socket may have at most 107 bytes"
					   : NULL;
}

/* Nobody is there yet, or not any more? Else waiting will not help. */
static bool may_come(int err)
{
	return err == -ENOENT || err == -ECONNREFUSED || err == -EAGAIN || err == -EINTR ||
	       err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static void connected(struct stream *s, int fd, uint64_t now_ns)
{
	s->in_at = s->in_len = s->skip = s->out_at = s->out_len = 0;
	s->stalled = false;
	s->retry_at = 0;
	s->up.empty_at = 0;
	s->since = now_ns;
	uplink_set_fd(&s->up, fd);
}

/* Returns 0 or -errno. */
static int try_once(struct stream *s, uint64_t now_ns)
{
	int fd;

	if (s->listens) {
		s->next_try = now_ns + LISTEN_NS;
		fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		fd = fd < 0 ? -errno : fd;
	} else {
		s->next_try = now_ns + s->backoff;
		s->backoff = MIN(2 * s->backoff, BACKOFF_MAX);
		fd = fd_unix_try_connect(s->path);
	}
	if (fd < 0)
		return fd;
	connected(s, fd, now_ns);
	return 0;
}

static int explain(const struct stream *s, int err, const char **ret_why)
{
	static char why[256];

	if (s->listens && err == -EACCES)
		snprintf(why, sizeof(why),
			 "ladond may make sockets only below its run directory, and there only "
			 "where directories are its own");
	else if (s->listens && err == -EADDRINUSE)
		snprintf(why, sizeof(why), "something else is there, or listens there");
	else if (s->listens)
		snprintf(why, sizeof(why), "nobody can listen there");
	else if (err == -EACCES || err == -EPERM)
		snprintf(why, sizeof(why), "ladond's user (%u) may not open this socket",
			 (unsigned)geteuid());
	else
		snprintf(why, sizeof(why), "there is no stream socket");
	*ret_why = why;
	return err;
}

static int stream_open(struct uplink *up, const char *rest, const char **ret_why)
{
	struct stream *s = (struct stream *)up;
	int ret;

	/* A pointer into our own copy of the specification. */
	s->path = up->spec + strlen(up->kind->prefix);
	s->path = path_of(s->path, &s->listens);
	s->listen_fd = -1;
	s->backoff = BACKOFF_MIN;
	(void)rest;
	if (s->listens) {
		s->listen_fd = fd_unix_listen(s->path);
		return s->listen_fd < 0 ? explain(s, s->listen_fd, ret_why) : 0;
	}
	ret = try_once(s, clock_ns());
	return ret == 0 || may_come(ret) ? 0 : explain(s, ret, ret_why);
}

static bool stream_service(struct uplink *up, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	struct stream *s = (struct stream *)up;

	if (uplink_fd(up) >= 0 && uplink_failed(up)) {
		uplink_set_fd(up, -1);
		if (now_ns - s->since >= SETTLED_NS)
			s->backoff = BACKOFF_MIN;
		s->next_try = now_ns + (s->listens ? 0 : s->backoff);
	}
	if (uplink_fd(up) < 0 && now_ns >= s->next_try)
		try_once(s, now_ns);
	*ret_wait_ns = uplink_fd(up) >= 0 ? UPLINK_SERVICE_NS : s->next_try - now_ns;
	return uplink_fd(up) >= 0;
}

static void stream_close(struct uplink *up)
{
	struct stream *s = (struct stream *)up;

	if (s->listen_fd >= 0)
		unlink(s->path);
	fd_close(&s->listen_fd);
}

const struct uplink_kind uplink_stream_kind = {
	.prefix = "stream:",
	.size = sizeof(struct stream),
	.ops = &stream_ops,
	.wrong = stream_wrong,
	.open = stream_open,
	.service = stream_service,
	.close = stream_close,
};
