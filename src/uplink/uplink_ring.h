/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_ring.h - copies of frames from one thread to another, without a lock: one writer, one
 * reader. A record is its length in 8 bytes and the frame, rounded up to 8, in one piece; where
 * the rest of the ring is too short for it, a mark sends the reader to the beginning.
 */
#ifndef LADON_UPLINK_RING_H
#define LADON_UPLINK_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define UPLINK_RING_SIZE (1u << 20) /* a power of two */

struct uplink_ring {
	_Alignas(CACHE_LINE) _Atomic uint32_t head; /* writer's: bytes ever written, mod 2^32 */
	uint32_t tail_seen; /* writer's: tail, as it was last looked at */
	_Alignas(CACHE_LINE) _Atomic uint32_t tail; /* reader's */
	uint32_t next;				    /* reader's: read, and not given back yet */
	_Alignas(CACHE_LINE) uint8_t bytes[UPLINK_RING_SIZE];
};

/* Empty again. Neither thread uses it. */
void uplink_ring_reset(struct uplink_ring *ring);

/* Writer: where a frame of len bytes may be put, or NULL: the ring is full. It is the reader's
 * from uplink_ring_push with the same length on; until then each call gives the same place. */
uint8_t *uplink_ring_room(struct uplink_ring *ring, uint32_t len);
void uplink_ring_push(struct uplink_ring *ring, uint32_t len);

/* Reader: bytes that were written and not given back. */
uint32_t uplink_ring_used(const struct uplink_ring *ring);
/* Reader: the next frame, or NULL. It stays where it is until uplink_ring_release, which gives
 * back all that was read. */
const uint8_t *uplink_ring_next(struct uplink_ring *ring, uint32_t *ret_len);
void uplink_ring_release(struct uplink_ring *ring);

#endif
