/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_flight.h - a burst from its fetching to the last of its deliveries. Where a card has one
 * worker that is a round; where it has several, each port is one's, which fetches what the port
 * sends and writes what it receives, and a frame for a port of another worker's is handed to
 * that one: who fetched judges and finds the receiver, the other copies straight from the
 * sender's buffers, and then the first tells the sender.
 *
 * No locks: a flight is written by who fetched it until it is launched; then each worker that
 * has a part in it writes that part, and the last store of each is to take itself off `left`. A
 * port has one flight at a time, so frames keep their order from port to port.
 */
#ifndef LADON_NIC_FLIGHT_H
#define LADON_NIC_FLIGHT_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "nic_port.h"

#define NIC_FLIGHTS 8u /* of one worker at a time; a power of two */
#define NIC_NOWHERE UINT16_MAX

static_assert(NIC_BURST <= 32, "a frame of a burst is a bit of a word");

/* One worker's part: a bit for each frame of the burst. */
struct nic_part {
	_Alignas(CACHE_LINE) uint32_t frames; /* to be looked at by it; written before launch */
	uint32_t offered, local; /* that had a receiver there; that a function took */
};

struct nic_flight {
	struct nic_port *src;
	_Atomic unsigned left; /* workers that have not done their part */
	struct nic_part part[NIC_WORKERS_MAX];
	struct nic_burst burst;
};

/* From one worker to another; holds as many as there can be. */
struct nic_flight_ring {
	_Alignas(CACHE_LINE) _Atomic unsigned head; /* written by the one */
	struct nic_flight *slot[NIC_FLIGHTS];
	_Alignas(CACHE_LINE) _Atomic unsigned tail; /* by the other */
};

/* Nobody has a part in it. */
static inline void nic_flight_clear(struct nic_flight *fl, unsigned workers)
{
	for (unsigned i = 0; i < workers; i++)
		fl->part[i].frames = fl->part[i].offered = fl->part[i].local = 0;
}

static inline void nic_flight_push(struct nic_flight_ring *r, struct nic_flight *fl)
{
	unsigned head = atomic_load_explicit(&r->head, memory_order_relaxed);

	r->slot[head % NIC_FLIGHTS] = fl;
	atomic_store_explicit(&r->head, head + 1, memory_order_release);
}

/* The next, or NULL. */
static inline struct nic_flight *nic_flight_pop(struct nic_flight_ring *r)
{
	unsigned tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
	struct nic_flight *fl;

	if (atomic_load_explicit(&r->head, memory_order_acquire) == tail)
		return NULL;
	fl = r->slot[tail % NIC_FLIGHTS];
	atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
	return fl;
}

#endif
