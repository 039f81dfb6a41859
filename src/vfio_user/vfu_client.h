/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_client.h - the client's side: blocking calls for libladon, tests and tools. One thread at
 * a time. A reply is awaited at most timeout_ms (then -ETIMEDOUT and the connection is closed).
 * DMA_READ/DMA_WRITE from the server are served from the mem callback while a call waits, and
 * by vfu_client_poll.
 */
#ifndef LADON_VFU_CLIENT_H
#define LADON_VFU_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfu_msg.h"

struct vfu_client;

/* Where a server's DMA message goes: returns the memory behind [addr, addr + len), or NULL. */
typedef void *vfu_client_mem_fn(void *arg, uint64_t addr, uint64_t len, bool write);

/* What has to be done while a call waits: fn is called before it waits, and then every ms (at
 * least 1). */
struct vfu_client_idle {
	void (*fn)(void *arg);
	void *arg; /* borrowed */
	unsigned ms;
};

/* Connects and negotiates; vf_token may be NULL. Returns 0 or -errno. */
int vfu_client_connect(const char *path, const char *vf_token, struct vfu_client **ret_client);
/* The same on a connected socket (consumed on success); idle, copied, may be NULL. */
int vfu_client_attach(int fd, const char *vf_token, const struct vfu_client_idle *idle,
		      struct vfu_client **ret_client);
void vfu_client_close(struct vfu_client *client);

void vfu_client_set_mem(struct vfu_client *client, vfu_client_mem_fn *fn, void *arg);
void vfu_client_set_timeout(struct vfu_client *client, int timeout_ms);
int vfu_client_fd(const struct vfu_client *client);
/* Serves what the server has sent, waiting up to timeout_ms. Returns 0 or -errno (-ECONNRESET).
 */
int vfu_client_poll(struct vfu_client *client, int timeout_ms);

struct vfu_client_region {
	uint64_t size;
	uint32_t flags;
	uint64_t offset;		 /* of the region in mmap_fd */
	int mmap_fd;			 /* owned by the caller; -1 = none */
	uint64_t area_offset, area_size; /* the sparse area; 0, size when whole */
};

int vfu_client_device_info(struct vfu_client *client, uint32_t *ret_flags,
			   uint32_t *ret_regions, uint32_t *ret_irqs);
int vfu_client_region_info(struct vfu_client *client, unsigned index,
			   struct vfu_client_region *ret_region);
int vfu_client_irq_count(struct vfu_client *client, unsigned index, uint32_t *ret_count);
int vfu_client_read(struct vfu_client *client, unsigned region, uint64_t offset, void *buf,
		    uint32_t count);
int vfu_client_write(struct vfu_client *client, unsigned region, uint64_t offset,
		     const void *buf, uint32_t count);
/* A write without reply (No_reply). */
int vfu_client_write_posted(struct vfu_client *client, unsigned region, uint64_t offset,
			    const void *buf, uint32_t count);
/* fd -1 = none; stays the caller's. prot: VFU_DMA_READ | VFU_DMA_WRITE. */
int vfu_client_dma_map(struct vfu_client *client, uint64_t addr, uint64_t size, uint32_t prot,
		       int fd, uint64_t offset);
int vfu_client_dma_unmap(struct vfu_client *client, uint64_t addr, uint64_t size);
/* fds: count eventfds for [start, start+count), stay the caller's; NULL = de-assign. */
int vfu_client_set_eventfds(struct vfu_client *client, unsigned index, uint32_t start,
			    uint32_t count, const int *fds);
int vfu_client_reset(struct vfu_client *client);
/* DEVICE_FEATURE SET of len bytes. -ENOTTY = this function has no such feature. */
int vfu_client_feature_set(struct vfu_client *client, uint32_t feature, const void *data,
			   uint32_t len);

#endif
