/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_conn.h - the server's side of one vfio-user connection, without a socket.
 *
 * Bytes and fds go in, calls on the device come out, reply bytes and fds are queued. No system
 * call but close(2) and a copy of mmap_fd: so tests and fuzzers drive it from memory.
 * vfu_sock.h puts it on a socket.
 *
 * What a client does wrong never reaches the device: it gets the errno of the vfio-user
 * specification, or the connection is over with a reason (vfu_conn_reason). Commands are
 * executed in order; each is answered before the next is looked at. The device never blocks.
 */
#ifndef LADON_VFU_CONN_H
#define LADON_VFU_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfu_msg.h"

/* What the device says of one region (GET_REGION_INFO). size 0 = absent. */
struct vfu_region {
	uint64_t size; /* bytes */
	uint32_t
		flags; /* VFU_REGION_READ | WRITE | MMAP; CAPS is added here when areas exist */
	int mmap_fd;   /* borrowed for the call; with MMAP: the file, a copy is sent along */
	uint64_t mmap_offset; /* offset of the region's start in that file */
	uint64_t area_offset; /* the one sparse area, relative to the region; area_size 0 =
				 whole */
	uint64_t area_size;
};

struct vfu_irq {
	uint32_t count;
	uint32_t flags; /* VFU_IRQ_EVENTFD ... */
};

/* DMA_MAP after all checks on its own fields: addr + size does not wrap, size > 0. */
struct vfu_dma_map {
	uint64_t addr, size; /* IOVA range, bytes */
	uint64_t offset;     /* into fd */
	uint32_t prot;	     /* VFU_DMA_READ | VFU_DMA_WRITE: what the device may do */
	int fd;		     /* -1 = no fd: DMA by messages */
};

/* SET_IRQS after all checks: index known, start + count in range, one data form, one action. */
struct vfu_irq_set {
	uint32_t index, start, count;
	uint32_t data;	      /* VFU_IRQ_DATA_NONE | BOOL | EVENTFD */
	uint32_t action;      /* VFU_IRQ_ACTION_MASK | UNMASK | TRIGGER */
	const uint8_t *bools; /* count bytes, for BOOL */
	int *fds; /* count fds, or NULL = de-assign, for EVENTFD. The device takes an fd by
		   * setting the entry to -1; what it leaves is closed by the caller. */
};

/* What the client said in VERSION. */
struct vfu_client_caps {
	uint16_t major, minor;
	uint32_t max_msg_fds;
	uint64_t max_data_xfer; /* bytes a DMA_READ/DMA_WRITE may carry towards the client */
	bool has_json;
	bool write_multiple; /* QEMU's key: tells QEMU from others */
	bool shows_token;    /* libladon's key "vf_token" was there, */
	char vf_token[37];   /* with this text */
};

/*
 * The device behind a connection. Called from vfu_conn_input only. Functions that return int
 * give 0 or -errno, which becomes the error reply.
 */
struct vfu_dev_ops {
	/* May refuse the client (-EACCES, -EINVAL); may fill *why for the log (static string).
	 */
	int (*version)(void *dev, const struct vfu_client_caps *caps, const char **why);
	void (*region_info)(void *dev, unsigned index, struct vfu_region *ret);
	void (*irq_info)(void *dev, unsigned index, struct vfu_irq *ret);
	/* offset + count is inside the region, count in 1 ... VFU_MAX_DATA; the region has the
	 * READ or WRITE flag (without it: reads all-ones, writes vanish). No error is possible:
	 * what the hardware would not answer reads all-ones (Cloud Hypervisor hangs on errors).
	 */
	void (*region_read)(void *dev, unsigned index, uint64_t offset, void *buf,
			    uint32_t count);
	void (*region_write)(void *dev, unsigned index, uint64_t offset, const void *buf,
			     uint32_t count);
	/* fd is consumed on success, closed by the caller on failure. */
	int (*dma_map)(void *dev, const struct vfu_dma_map *map);
	/* Returns after in-flight DMA has drained. -ENOENT when no such exact mapping. */
	int (*dma_unmap)(void *dev, uint64_t addr, uint64_t size);
	void (*dma_unmap_all)(void *dev);
	int (*set_irqs)(void *dev, struct vfu_irq_set *set);
	void (*reset)(void *dev); /* DEVICE_RESET: keeps DMA maps and eventfds */
	/* DEVICE_FEATURE SET with its data; NULL = -ENOTTY always. PROBE of known features is
	 * answered by ret 0. GET of what a PROBE finds is answered -EINVAL: none can be read.
	 */
	int (*feature)(void *dev, uint32_t feature, bool set, bool probe, const void *data,
		       uint32_t len);
};

struct vfu_conn;

/* ops and dev are borrowed until vfu_conn_free. Returns 0 or -ENOMEM. */
int vfu_conn_new(const struct vfu_dev_ops *ops, void *dev, struct vfu_conn **ret_conn);
/* Fails all outstanding DMA calls with -ECANCELED, closes queued fds. Takes NULL. Does not call
 * the device. */
void vfu_conn_free(struct vfu_conn *conn);

/*
 * Hands over len bytes that arrived together with nfds fds (consumed, always). Whole messages
 * are executed, at most budget of them (fairness): returns 1 when more whole messages wait
 * (call again with len 0), 0 when all that was whole is done, -EPROTO when the connection is
 * over.
 */
int vfu_conn_input(struct vfu_conn *conn, const void *buf, size_t len, int *fds, unsigned nfds,
		   unsigned budget);
/* Why the connection is over, one sentence; NULL while it is not. Owned by conn. */
const char *vfu_conn_reason(const struct vfu_conn *conn);

/*
 * The oldest queued output: *ret_buf points at the bytes left of one message (owned by conn,
 * until vfu_conn_sent), ret_fds at its fds (borrowed; 0 of them once its first byte is sent).
 * Returns the byte count, 0 = nothing queued.
 */
size_t vfu_conn_output(const struct vfu_conn *conn, const void **ret_buf, const int **ret_fds,
		       unsigned *ret_nfds);
void vfu_conn_sent(struct vfu_conn *conn, size_t len);
/* Bytes queued in all; more than VFU_OUT_MAX ends the connection (client does not read). */
size_t vfu_conn_queued(const struct vfu_conn *conn);

/*
 * Server to client. data is what DMA_READ brought (len = asked, valid during the call), NULL
 * for writes. err: 0, or -errno of the client, -ECANCELED when the connection went away. Called
 * once.
 */
typedef void vfu_dma_fn(void *arg, int err, const void *data, uint32_t len);
/* count <= vfu_conn_caps()->max_data_xfer. Returns 0 or -E2BIG, -ENOMEM, -EAGAIN (too many
 * open, or too much queued), -EINVAL (count 0), -ENOTCONN (before VERSION, or the connection is
 * over). */
int vfu_conn_dma_read(struct vfu_conn *conn, uint64_t addr, uint32_t count, vfu_dma_fn *fn,
		      void *arg);
int vfu_conn_dma_write(struct vfu_conn *conn, uint64_t addr, const void *data, uint32_t count,
		       vfu_dma_fn *fn, void *arg);

/* Messages so far that broke a rule: refused, or with fds that nobody wanted. */
uint64_t vfu_conn_bad(const struct vfu_conn *conn);

/* Negotiated; NULL before VERSION succeeded. */
const struct vfu_client_caps *vfu_conn_caps(const struct vfu_conn *conn);

#endif
