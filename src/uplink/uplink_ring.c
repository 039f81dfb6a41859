/* SPDX-License-Identifier: BSD-3-Clause */
#include "uplink_ring.h"

#include <stddef.h>
#include <string.h>

#define MASK	 (UPLINK_RING_SIZE - 1)
#define LEN_ROOM 8u
#define TO_START UINT64_MAX /* in place of a length */

static uint32_t record(uint32_t len)
{
	return LEN_ROOM + ALIGN_UP(len, 8u);
}

/* Bytes up to the end that a record of that size leaves unused. */
static uint32_t gap(uint32_t head, uint32_t size)
{
	uint32_t left = UPLINK_RING_SIZE - (head & MASK);

	return left < size ? left : 0;
}

static void put_length(struct uplink_ring *ring, uint32_t at, uint64_t length)
{
	memcpy(ring->bytes + (at & MASK), &length, sizeof(length));
}

void uplink_ring_reset(struct uplink_ring *ring)
{
	atomic_store_explicit(&ring->head, 0, memory_order_relaxed);
	atomic_store_explicit(&ring->tail, 0, memory_order_relaxed);
	ring->tail_seen = ring->next = 0;
}

uint8_t *uplink_ring_room(struct uplink_ring *ring, uint32_t len)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t size = record(len), need = size + gap(head, size);

	if (UPLINK_RING_SIZE - (head - ring->tail_seen) < need)
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	if (UPLINK_RING_SIZE - (head - ring->tail_seen) < need)
		return NULL;
	return ring->bytes + ((head + gap(head, size)) & MASK) + LEN_ROOM;
}

void uplink_ring_push(struct uplink_ring *ring, uint32_t len)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	uint32_t size = record(len), skip = gap(head, size);

	if (skip)
		put_length(ring, head, TO_START);
	put_length(ring, head + skip, len);
	atomic_store_explicit(&ring->head, head + skip + size, memory_order_release);
}

const uint8_t *uplink_ring_next(struct uplink_ring *ring, uint32_t *ret_len)
{
	uint32_t at = ring->next;
	uint64_t length;

	if (at == atomic_load_explicit(&ring->head, memory_order_acquire))
		return NULL;
	memcpy(&length, ring->bytes + (at & MASK), sizeof(length));
	if (length == TO_START) {
		at += UPLINK_RING_SIZE - (at & MASK);
		memcpy(&length, ring->bytes, sizeof(length));
	}
	*ret_len = (uint32_t)length;
	ring->next = at + record(*ret_len);
	return ring->bytes + (at & MASK) + LEN_ROOM;
}

void uplink_ring_release(struct uplink_ring *ring)
{
	atomic_store_explicit(&ring->tail, ring->next, memory_order_release);
}

uint32_t uplink_ring_used(const struct uplink_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire) -
	       atomic_load_explicit(&ring->tail, memory_order_relaxed);
}
