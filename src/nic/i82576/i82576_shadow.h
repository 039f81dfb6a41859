/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_shadow.h - queues for a guest whose memory cannot be mapped: DMA by messages.
 *
 * Each guest queue gets a shadow: a ring of SLOTS descriptors and buffers in our own memory, in
 * a domain of its own. The data path works on the shadow as on any queue. The control thread
 * keeps both in step with a state machine: it reads announced descriptors (and what is to be
 * sent) by DMA_READ into the shadow, and writes results (received bytes, then descriptors) back
 * by DMA_WRITE, then raises the interrupt. It never waits: every step ends by sending messages
 * or by having nothing to do.
 *
 * What the guest posts is bounded by the slots; a message the client refuses becomes a fault
 * record and the same outcome as an unmapped address.
 */
#ifndef LADON_I82576_SHADOW_H
#define LADON_I82576_SHADOW_H

#include "i82576_fn.h"

struct i82576_shadow;

/* done is called once, also on failure and when the connection goes (-ECANCELED). data: what
 * was read. */
typedef void i82576_dma_fn(void *arg, int err, const void *data, uint32_t len);

/* How messages are sent. len is at most max_xfer. Return 0 or -errno (then done is not called).
 */
struct i82576_shadow_ops {
	int (*dma_read)(void *ctx, uint64_t addr, uint32_t len, i82576_dma_fn *done, void *arg);
	int (*dma_write)(void *ctx, uint64_t addr, const void *data, uint32_t len,
			 i82576_dma_fn *done, void *arg);
	/* May this access go out: bus mastering on, and the address in a range the client
	 * offered? */
	bool (*allowed)(void *ctx, uint64_t addr, uint32_t len, bool write);
};

/* Puts fn's queues under a shadow. ops, ctx borrowed. max_xfer: bytes a message may carry. 0 or
 * -errno. */
int i82576_shadow_start(struct i82576_fn *fn, const struct i82576_shadow_ops *ops, void *ctx,
			uint32_t max_xfer);
/* Back to the queues in the guest's page; drained. Messages under way find nobody. Idempotent.
 */
void i82576_shadow_stop(struct i82576_fn *fn);
/* Looks at the guest's registers and at the data path's progress, and takes the next steps.
 * Call it after trapped writes and on the data path's event. No-op without a shadow. */
void i82576_shadow_kick(struct i82576_fn *fn);

#endif
