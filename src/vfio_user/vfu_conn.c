/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. Input is collected until a message is whole, then executed from the
 * buffer and answered before the next is looked at.
 *
 * Whose fds? A Linux stream recvmsg(2) may glue plain bytes in front of those that carry fds,
 * but it ends with the chunk that carries them (unix_stream_read_generic stops after the first
 * buffer with fds). All clients send each message by a sendmsg of its own. So the fds of one
 * input belong to the message that holds the input's last byte; a message that arrives in
 * pieces collects the fds of all its pieces.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "fd.h"
#include "vfu_conn_impl.h"

#define ROOM_MIN  4096u
#define REPLY_MIN 8192u
/* One message under way, and what the caller read beyond it. */
#define VFU_IN_MAX   (2 * (size_t)VFU_MAX_MSG)
#define ROOM_TO_KEEP (64u << 10) /* a larger buffer is given back when it runs empty */

static void bytes_done(struct vfu_bytes *bytes)
{
	free(bytes->buf);
	*bytes = (struct vfu_bytes){0};
}

/* Makes room for len more bytes behind the present ones. */
static int bytes_reserve(struct vfu_bytes *bytes, size_t len)
{
	size_t need = bytes->len + len, room = MAX(bytes->room, ROOM_MIN);
	uint8_t *buf;

	if (bytes->room - bytes->head >= need)
		return 0;
	/* Moving less than half of the buffer at a time keeps the cost linear. */
	if (bytes->room / 2 >= need) {
		memmove(bytes->buf, bytes->buf + bytes->head, bytes->len);
		bytes->head = 0;
		return 0;
	}
	while (room / 2 < need)
		room *= 2;
	buf = malloc(room);
	if (!buf)
		return -ENOMEM;
	if (bytes->len)
		memcpy(buf, bytes->buf + bytes->head, bytes->len);
	free(bytes->buf);
	*bytes = (struct vfu_bytes){buf, 0, bytes->len, room};
	return 0;
}

static void bytes_append(struct vfu_bytes *bytes, const void *data, size_t len)
{
	if (len)
		memcpy(bytes->buf + bytes->head + bytes->len, data, len);
	bytes->len += len;
}

static void bytes_drop(struct vfu_bytes *bytes, size_t len)
{
	bytes->head += len;
	bytes->len -= len;
	if (bytes->len)
		return;
	bytes->head = 0;
	if (bytes->room > ROOM_TO_KEEP)
		bytes_done(bytes);
}

int vfu_conn_new(const struct vfu_dev_ops *ops, void *dev, struct vfu_conn **ret_conn)
{
	struct vfu_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return -ENOMEM;
	conn->reply = malloc(REPLY_MIN);
	if (!conn->reply) {
		free(conn);
		return -ENOMEM;
	}
	conn->reply_room = REPLY_MIN;
	conn->ops = ops;
	conn->dev = dev;
	*ret_conn = conn;
	return 0;
}

void vfu_conn_free(struct vfu_conn *conn)
{
	if (!conn)
		return;
	assert(!conn->in_input);
	vfu_conn_over(conn, "the connection is closed");
	vfu_dma_cancel_all(conn);
	for (unsigned i = 0; i < conn->num_batches; i++)
		fd_close_all(conn->batches[i].fds, conn->batches[i].count);
	for (unsigned i = 0; i < conn->num_out_fds; i++)
		fd_close(&conn->out_fds[i].fd);
	bytes_done(&conn->in);
	bytes_done(&conn->out);
	free(conn->reply);
	free(conn);
}

void vfu_conn_over(struct vfu_conn *conn, const char *fmt, ...)
{
	va_list args;

	if (conn->state == VFU_CONN_OVER)
		return;
	conn->state = VFU_CONN_OVER;
	va_start(args, fmt);
	vsnprintf(conn->reason, sizeof(conn->reason), fmt, args);
	va_end(args);
}

const char *vfu_conn_reason(const struct vfu_conn *conn)
{
	return conn->state == VFU_CONN_OVER ? conn->reason : NULL;
}

uint64_t vfu_conn_bad(const struct vfu_conn *conn)
{
	return conn->bad;
}

const struct vfu_client_caps *vfu_conn_caps(const struct vfu_conn *conn)
{
	/* major, minor and the transfer size are filled together; the last is never 0. */
	return conn->caps.max_data_xfer ? &conn->caps : NULL;
}

/* ---- output ---- */

int vfu_conn_queue(struct vfu_conn *conn, const struct vfu_header *hdr, const void *a,
		   size_t a_len, const void *b, size_t b_len, int fd)
{
	size_t len = sizeof(*hdr) + a_len + b_len;

	assert(hdr->msg_size == len);
#ifndef LADON_BREAK_UNREAD
	if (conn->out.len + len > VFU_OUT_MAX)
		return -ENOBUFS;
#endif
	if (fd >= 0 && conn->num_out_fds == VFU_OUT_FDS)
		return -ENOBUFS;
	if (bytes_reserve(&conn->out, len) < 0)
		return -ENOMEM;
	if (fd >= 0)
		conn->out_fds[conn->num_out_fds++] =
			(struct vfu_out_fd){conn->out_pos + conn->out.len, fd};
	bytes_append(&conn->out, hdr, sizeof(*hdr));
	bytes_append(&conn->out, a, a_len);
	bytes_append(&conn->out, b, b_len);
	return 0;
}

/* Bytes left of the message at the head. */
static size_t out_message_left(const struct vfu_conn *conn)
{
	struct vfu_header hdr;

	if (conn->out_left || !conn->out.len)
		return conn->out_left;
	memcpy(&hdr, conn->out.buf + conn->out.head, sizeof(hdr));
	return hdr.msg_size;
}

size_t vfu_conn_output(const struct vfu_conn *conn, const void **ret_buf, const int **ret_fds,
		       unsigned *ret_nfds)
{
	size_t left = out_message_left(conn);
	bool has_fd = left && conn->num_out_fds && conn->out_fds[0].pos == conn->out_pos;

	if (left)
		*ret_buf = conn->out.buf + conn->out.head;
	*ret_fds = has_fd ? &conn->out_fds[0].fd : NULL;
	*ret_nfds = has_fd ? 1 : 0;
	return left;
}

/* The fd went with the first byte of its message. */
static void out_fd_sent(struct vfu_conn *conn)
{
	if (!conn->num_out_fds || conn->out_fds[0].pos >= conn->out_pos)
		return;
	fd_close(&conn->out_fds[0].fd);
	conn->num_out_fds--;
	memmove(conn->out_fds, conn->out_fds + 1, conn->num_out_fds * sizeof(conn->out_fds[0]));
}

void vfu_conn_sent(struct vfu_conn *conn, size_t len)
{
	size_t left = out_message_left(conn);

	assert(len <= left);
	if (!len)
		return;
	conn->out_left = left - len;
	conn->out_pos += len;
	bytes_drop(&conn->out, len);
	out_fd_sent(conn);
}

size_t vfu_conn_queued(const struct vfu_conn *conn)
{
	return conn->out.len;
}

void *vfu_conn_reply_room(struct vfu_conn *conn, struct vfu_request *req, size_t len)
{
	if (len > conn->reply_room) {
		uint8_t *reply = malloc(len);

		if (!reply)
			return NULL;
		free(conn->reply);
		conn->reply = reply;
		conn->reply_room = len;
	}
	memset(conn->reply, 0, len);
	req->reply_len = len;
	return conn->reply;
}

/* ---- input ---- */

static uint32_t max_message(const struct vfu_conn *conn)
{
	return conn->state == VFU_CONN_WAIT_VERSION ? VFU_MAX_MSG_VERSION : VFU_MAX_MSG;
}

/* Where the message begins that holds the last byte of the input. */
static uint64_t last_message(const struct vfu_conn *conn)
{
	size_t at = 0;

	while (conn->in.len - at >= sizeof(struct vfu_header)) {
		struct vfu_header hdr;

		memcpy(&hdr, conn->in.buf + conn->in.head + at, sizeof(hdr));
		if (!vfu_header_size_ok(&hdr, VFU_MAX_MSG) || hdr.msg_size >= conn->in.len - at)
			break;
		at += hdr.msg_size;
	}
	return conn->in_pos + at;
}

static struct vfu_fd_batch *batch_at(struct vfu_conn *conn, uint64_t pos)
{
	struct vfu_fd_batch *batch;

	if (conn->num_batches && conn->batches[conn->num_batches - 1].pos == pos)
		return &conn->batches[conn->num_batches - 1];
	if (conn->num_batches == VFU_IN_BATCHES)
		return NULL;
	batch = &conn->batches[conn->num_batches++];
	*batch = (struct vfu_fd_batch){.pos = pos};
	return batch;
}

static void add_fds(struct vfu_conn *conn, int *fds, unsigned nfds)
{
	struct vfu_fd_batch *batch = batch_at(conn, last_message(conn));
	unsigned take;

	if (!batch) {
		fd_close_all(fds, nfds);
		vfu_conn_over(conn, "too many messages with file descriptors are waiting");
		return;
	}
	take = MIN(nfds, VFU_MAX_FDS - batch->count);
	memcpy(batch->fds + batch->count, fds, take * sizeof(int));
	batch->count += take;
	/* A dribbling client must not wrap the sum. */
	batch->total = MIN(batch->total + nfds, (unsigned)VFU_MAX_MSG);
	fd_close_all(fds + take, nfds - take);
}

static int take_input(struct vfu_conn *conn, const void *buf, size_t len, int *fds,
		      unsigned nfds)
{
	int ret = 0;

	if (conn->state != VFU_CONN_OVER && len) {
		if (len > VFU_IN_MAX - conn->in.len)
			ret = -ENOBUFS;
		else
			ret = bytes_reserve(&conn->in, len);
		if (ret < 0)
			vfu_conn_over(conn, ret == -ENOMEM ? "out of memory"
							   : "too much input is waiting");
	}
	if (conn->state == VFU_CONN_OVER) {
		fd_close_all(fds, nfds);
		return -EPROTO;
	}
	bytes_append(&conn->in, buf, len);
	if (nfds)
		add_fds(conn, fds, nfds);
	return conn->state == VFU_CONN_OVER ? -EPROTO : 0;
}

/* A size that cannot be believed leaves no way to find the next message. */
static void bad_size(struct vfu_conn *conn, const struct vfu_header *hdr)
{
	struct vfu_header reply = vfu_header_reply(hdr, 0, EINVAL);

	if (vfu_header_type(hdr) == VFU_F_TYPE_COMMAND && !(hdr->flags & VFU_F_NO_REPLY))
		vfu_conn_queue(conn, &reply, NULL, 0, NULL, 0, -1);
	vfu_conn_over(conn,
		      "a message of %u bytes (command %u): sizes from 16 to %u are possible",
		      hdr->msg_size, hdr->command, max_message(conn));
}

/* True when a whole message is at the head of the input. */
static bool whole_message(struct vfu_conn *conn, struct vfu_header *hdr)
{
	if (conn->state == VFU_CONN_OVER || conn->in.len < sizeof(*hdr))
		return false;
	memcpy(hdr, conn->in.buf + conn->in.head, sizeof(*hdr));
	if (!vfu_header_size_ok(hdr, max_message(conn))) {
		bad_size(conn, hdr);
		return false;
	}
	return conn->in.len >= hdr->msg_size;
}

static void drop_batch(struct vfu_conn *conn)
{
	fd_close_all(conn->batches[0].fds, conn->batches[0].count);
	conn->num_batches--;
	memmove(conn->batches, conn->batches + 1, conn->num_batches * sizeof(conn->batches[0]));
}

static void execute_head(struct vfu_conn *conn, const struct vfu_header *hdr)
{
	bool has_fds = conn->num_batches && conn->batches[0].pos == conn->in_pos;
	struct vfu_request req = {
		.hdr = *hdr,
		.payload = conn->in.buf + conn->in.head + sizeof(*hdr),
		.len = hdr->msg_size - sizeof(*hdr),
		.fds = conn->batches[0].fds,
		.nfds = has_fds ? conn->batches[0].count : 0,
		.fds_sent = has_fds ? conn->batches[0].total : 0,
		.reply_fd = -1,
	};

	vfu_conn_execute(conn, &req);
	if (has_fds)
		drop_batch(conn);
	conn->in_pos += hdr->msg_size;
	bytes_drop(&conn->in, hdr->msg_size);
}

int vfu_conn_input(struct vfu_conn *conn, const void *buf, size_t len, int *fds, unsigned nfds,
		   unsigned budget)
{
	struct vfu_header hdr;
	bool more;

	assert(!conn->in_input); /* a device must not feed its own connection */
	if (take_input(conn, buf, len, fds, nfds) < 0)
		return -EPROTO;
	conn->in_input = true;
	while ((more = whole_message(conn, &hdr)) && budget--)
		execute_head(conn, &hdr);
	conn->in_input = false;
	if (conn->state == VFU_CONN_OVER)
		return -EPROTO;
	return more;
}
