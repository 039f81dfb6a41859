/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_queue.h - what receive and transmit queues have in common: following the registers in
 * the queue page, and reaching descriptors. Data path only.
 *
 * The guest may write the page at any time, so every poll looks at the whole block anew (it is
 * one cache line): ENABLE off stops the queue; another base, length or head means that it was
 * set up again.
 */
#ifndef LADON_I82576_QUEUE_H
#define LADON_I82576_QUEUE_H

#include "i82576_desc.h"
#include "i82576_fn.h"

/* Is the queue enabled and usable? Latches what the driver set up since the last look. */
bool i82576_queue_follow(struct i82576_fn *fn, struct i82576_queue *q);
/* Words of the queue's register block: the guest writes them at any time, from any CPU. */
static inline uint32_t i82576_queue_reg(const struct i82576_queue *q, enum queue_word word)
{
	return __atomic_load_n(&q->regs[word], __ATOMIC_RELAXED);
}

static inline uint64_t i82576_queue_reg64(const struct i82576_queue *q, enum queue_word low)
{
	return i82576_queue_reg(q, low) | (uint64_t)i82576_queue_reg(q, low + 1) << 32;
}

/* The tail the driver wrote, or q->head (nothing to do) when it is not inside the ring. */
uint32_t i82576_queue_tail(const struct i82576_queue *q);
/* Descriptor i of the ring for access need; NULL records a fault and stalls the queue.
 * *ret_run: how many descriptors from i on are contiguous behind the pointer (not beyond the
 * end of the ring). */
uint8_t *i82576_queue_desc(struct i82576_fn *fn, struct i82576_queue *q, uint32_t i,
			   uint32_t need, uint32_t *ret_run);
/* Mirrors the private head into the register, after each change of it: a head register that
 * differs from the private head is taken for a new set-up (i82576_queue_follow). */
void i82576_queue_show_head(struct i82576_queue *q);
/* Records a DMA fault of this function. */
void i82576_fault(struct i82576_fn *fn, uint64_t addr, uint32_t need);
/* Queue q has something to report at the end of the round: the vector that IVAR gives it, or
 * the function's only one. */
void i82576_raise(struct i82576_fn *fn, const struct i82576_queue *q, bool tx);
/* The same for a transmit queue that has used up num descriptors, and wrote some back. The
 * interrupt may come later, when it stalls nobody: see i82576_port.c. */
void i82576_raise_sent(struct i82576_fn *fn, struct i82576_queue *q, uint32_t num,
		       uint64_t now_ns);
/* At once, and past the shadow, which calls it when the guest's memory is up to date. */
void i82576_raise_now(struct i82576_fn *fn, const struct i82576_queue *q, bool tx,
		      uint64_t now_ns);

/* The first descriptor a queue ever shows: false = all zeros, so the queue has to wait (enum
 * i82576_stale). */
bool i82576_look_stale(struct i82576_fn *fn, const uint8_t *desc);
static inline bool i82576_not_stale(struct i82576_fn *fn, const uint8_t *desc)
{
	return likely(atomic_load_explicit(&fn->stale, memory_order_relaxed) ==
		      I82576_STALE_OK) ||
	       i82576_look_stale(fn, desc);
}

/* While under a shadow: tells the control thread of doorbells in the guest's mapped page. */
void i82576_shadow_watch(struct i82576_fn *fn);

static inline uint32_t i82576_queue_next(const struct i82576_queue *q, uint32_t i)
{
	return ++i == q->num ? 0 : i;
}

/* May the function use queue i at the moment? Written by the control thread. */
static inline bool i82576_owns(const struct i82576_fn *fn, unsigned i)
{
#ifdef LADON_BREAK_OWN_QUEUES
	return true;
#endif
	return atomic_load_explicit(&fn->own_queues, memory_order_relaxed) >> i & 1;
}

static inline struct i82576_fn *i82576_fn_of(struct nic_port *port)
{
	return (struct i82576_fn *)port;
}

/* i82576_tx.c */
bool i82576_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns);
void i82576_tx_done(struct nic_port *port, uint64_t now_ns);
/* i82576_rx.c */
enum nic_drop i82576_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink);
enum nic_drop i82576_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta);
unsigned i82576_rx_run(struct nic_port *port, const struct nic_frame *frames, unsigned n,
		       uint32_t max);
unsigned i82576_rx_series(struct nic_port *port, struct nic_rx_meta *meta, unsigned n,
			  void (*store)(struct nic_rx_meta *meta, uint8_t *to));
void i82576_rx_done(struct nic_port *port, uint64_t now_ns);

#endif
