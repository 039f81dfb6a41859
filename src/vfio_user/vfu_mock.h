/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_mock.h - for tests: a device that writes down what it is told, and a client in memory
 * that builds messages byte by byte. One line of log for each call, so that two sessions can be
 * compared.
 */
#ifndef LADON_VFU_MOCK_H
#define LADON_VFU_MOCK_H

#include <sys/types.h>

#include "vfu_conn.h"

#define MOCK_BAR0_SIZE \
	0x4000u /* R/W, mapped: one area of a page at 0x2000 in the file at 0x10000 */
#define MOCK_BAR1_SIZE	 0x1000u   /* read-only, mapped whole */
#define MOCK_BAR2_SIZE	 0x1000u   /* write-only */
#define MOCK_BAR3_SIZE	 0x200000u /* R/W, not mapped: two messages' worth */
#define MOCK_CONFIG_SIZE 4096u
#define MOCK_MSIX	 20u

struct mock {
	char log[16384];
	size_t log_len;
	uint8_t bar0[MOCK_BAR0_SIZE];
	struct vfu_client_caps caps; /* of the last VERSION */
	int mmap_fd;		     /* owned */
	int kept_fds[64];	     /* owned: taken from DMA_MAP and SET_IRQS */
	unsigned num_kept;
	int version_ret, map_ret, unmap_ret, irqs_ret; /* what the calls answer */
	bool take_fds;				       /* of SET_IRQS */
	bool no_mmap;
	void (*on_access)(struct mock *mock); /* called within region_read and region_write */
	void *arg;			      /* for on_access */
};

extern const struct vfu_dev_ops mock_ops;
extern const struct vfu_dev_ops mock_ops_no_feature;

void mock_init(struct mock *mock);
void mock_done(struct mock *mock);
/* Empties the log. */
void mock_log_clear(struct mock *mock);

/* One connection with its device. */
struct rig {
	struct mock mock;
	struct vfu_conn *conn;
	uint16_t next_id;
};

/* The reply last pulled from the connection. */
struct got {
	struct vfu_header hdr;
	uint8_t payload[8192]; /* its beginning */
	size_t len;
	unsigned nfds;
	int fd; /* borrowed, valid until the next call: compare or copy at once */
};

struct rig *rig_new(void);
/* The same, VERSION done. */
struct rig *rig_ready(void);
/* Fails when descriptors are open that were not before rig_new. */
void rig_free(struct rig *rig);

/* Appends one message to buf; returns its length. */
size_t msg_put(void *buf, uint16_t id, uint16_t command, uint32_t flags, const void *payload,
	       size_t len);
/* Feeds one message in one piece with copies of fd (nfds of them). Returns what vfu_conn_input
 * did. */
int rig_send(struct rig *rig, uint16_t command, uint32_t flags, const void *payload, size_t len,
	     unsigned nfds);
/* Pulls one message; false when none is queued. */
bool rig_recv(struct rig *rig, struct got *ret_got);

/* Sends and expects exactly one reply: error (positive errno) or 0 with a payload. */
void expect_error(struct rig *rig, uint16_t command, const void *payload, size_t len,
		  unsigned nfds, int error);
void expect_ok(struct rig *rig, uint16_t command, const void *payload, size_t len,
	       unsigned nfds, struct got *ret_got);
/* expect_error, and the connection is over with reason in its words. */
void expect_over(struct rig *rig, uint16_t command, const void *payload, size_t len,
		 const char *reason);

/* Number of open descriptors of this process. */
unsigned count_fds(void);
/* A descriptor that is good for nothing; the caller's. */
int open_null(void);

/* One sendmsg of len bytes with nfds (at most 253) fds. */
void send_fds(int sock, const void *buf, size_t len, const int *fds, unsigned nfds);
/* What one recvmsg brings (bytes or -errno); its first fd in *ret_fd, the caller's, -1 = none.
 */
ssize_t client_recv(int sock, void *buf, size_t room, int *ret_fd);

/* Number of lines in text. */
unsigned lines(const char *text);

#endif
