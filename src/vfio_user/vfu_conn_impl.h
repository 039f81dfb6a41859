/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_conn_impl.h - what vfu_conn.c (bytes in and out), vfu_cmd.c (commands) and vfu_dma.c
 * (requests to the client) share. Not for others.
 */
#ifndef LADON_VFU_CONN_IMPL_H
#define LADON_VFU_CONN_IMPL_H

#include "vfu_conn.h"

#define VFU_DMA_SLOTS	64 /* requests to the client under way; a power of two */
#define VFU_IN_BATCHES	4  /* messages with fds that may wait to be complete or executed */
#define VFU_OUT_FDS	32 /* replies with an fd that may wait to be sent */
#define VFU_REASON_SIZE 160

/*
 * WAIT_VERSION -> READY when VERSION succeeded; both -> OVER when the client broke the protocol
 * (vfu_conn_over). In OVER nothing is read or executed any more; what is queued may still be
 * sent.
 */
enum vfu_conn_state { VFU_CONN_WAIT_VERSION, VFU_CONN_READY, VFU_CONN_OVER };

/* The fds of one message, from their arrival until it is executed. */
struct vfu_fd_batch {
	uint64_t pos;	/* stream position of the message's first byte */
	unsigned total; /* that came with it; those above VFU_MAX_FDS were closed */
	unsigned count;
	int fds[VFU_MAX_FDS]; /* owned */
};

struct vfu_out_fd {
	uint64_t pos; /* stream position of the message it goes with */
	int fd;	      /* owned */
};

/* One request to the client; free when fn is NULL. */
struct vfu_dma_slot {
	vfu_dma_fn *fn;
	void *arg; /* borrowed by fn */
	uint64_t addr;
	uint32_t count;
	uint16_t command;
	uint16_t msg_id;
	uint16_t uses; /* part of the next msg_id, so that a late reply is not taken for a new
			  one */
};

/* Bytes [head, head + len) of a growing buffer. */
struct vfu_bytes {
	uint8_t *buf; /* owned */
	size_t head, len, room;
};

struct vfu_conn {
	const struct vfu_dev_ops *ops; /* borrowed until vfu_conn_free */
	void *dev;		       /* likewise */
	enum vfu_conn_state state;
	bool in_input; /* vfu_conn_input is on the stack */
	struct vfu_client_caps caps;
	char reason[VFU_REASON_SIZE];
	uint64_t bad; /* messages that broke a rule */

	struct vfu_bytes in;
	uint64_t in_pos; /* stream position of in's head: always the start of a message */
	struct vfu_fd_batch batches[VFU_IN_BATCHES]; /* by rising pos */
	unsigned num_batches;

	struct vfu_bytes out;
	uint64_t out_pos; /* stream position of out's head */
	size_t out_left;  /* bytes left of the message at out's head once it is begun, or 0 */
	struct vfu_out_fd out_fds[VFU_OUT_FDS]; /* by rising pos */
	unsigned num_out_fds;

	uint8_t *reply; /* owned: where the reply to the present command is built */
	size_t reply_room;

	struct vfu_dma_slot dma[VFU_DMA_SLOTS];
};

/* A whole message of the client, while it is executed. */
struct vfu_request {
	struct vfu_header hdr;
	const uint8_t *payload; /* borrowed from conn->in */
	size_t len;
	int *fds;	   /* nfds of them (borrowed from the batch; -1 = taken) */
	unsigned nfds;	   /* as kept */
	unsigned fds_sent; /* as sent, the surplus included */
	size_t reply_len;  /* of the payload */
	int reply_fd;	   /* owned, -1 = none */
};

/* Ends the connection with a reason; the first one stays. */
void vfu_conn_over(struct vfu_conn *conn, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Queues one message: hdr, then a and b (a may be empty, b too). fd >= 0 is sent along and
 * consumed on success. Returns 0, -ENOMEM or -ENOBUFS (VFU_OUT_MAX or VFU_OUT_FDS reached).
 */
int vfu_conn_queue(struct vfu_conn *conn, const struct vfu_header *hdr, const void *a,
		   size_t a_len, const void *b, size_t b_len, int fd);

/* Room for a reply's payload of len bytes, zeroed; NULL when there is no memory. */
void *vfu_conn_reply_room(struct vfu_conn *conn, struct vfu_request *req, size_t len);

/* Executes one whole message and queues its reply. */
void vfu_conn_execute(struct vfu_conn *conn, struct vfu_request *req);

/* Takes a reply of the client. */
void vfu_dma_reply(struct vfu_conn *conn, const struct vfu_request *req);

/* Fails all that is under way with -ECANCELED. */
void vfu_dma_cancel_all(struct vfu_conn *conn);

#endif
