/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_fifo.h - copies of frames that wait, in order, in one piece of memory of fixed size. A
 * record is its length in 8 bytes and the frame, rounded up to 8; one that does not fit at the
 * end begins at the beginning. One thread only.
 */
#ifndef LADON_NIC_FIFO_H
#define LADON_NIC_FIFO_H

#include <stdbool.h>
#include <stdint.h>

#define NIC_FIFO_RECORD \
	8u /* bytes that a frame takes beyond its own, and up to 7 to round up */

struct nic_fifo {
	uint8_t *bytes; /* owned; NULL = none */
	uint32_t size;	/* a multiple of 8 */
	uint32_t head;	/* where the next record goes */
	uint32_t tail;	/* the first record */
	uint32_t used;	/* bytes of records, and of the gap at the end */
	uint32_t end;	/* of the records that were put in before the wrap */
};

/* size: a multiple of 8. Memory is touched only as far as frames have waited. Returns 0 or
 * -ENOMEM. */
int nic_fifo_init(struct nic_fifo *fifo, uint32_t size);
void nic_fifo_done(struct nic_fifo *fifo);

/* Where a frame of len bytes may be put, or NULL: there is no room. It is in the FIFO from
 * nic_fifo_push with the same length on. */
uint8_t *nic_fifo_room(struct nic_fifo *fifo, uint32_t len);
void nic_fifo_push(struct nic_fifo *fifo, uint32_t len);
/* The oldest frame, or NULL; it stays until nic_fifo_pop. */
const uint8_t *nic_fifo_peek(const struct nic_fifo *fifo, uint32_t *ret_len);
void nic_fifo_pop(struct nic_fifo *fifo);

#endif
