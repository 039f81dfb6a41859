/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pi_desc.h - the posted-interrupt descriptor of VT-d (specification 9.10), and both sides of
 *its protocol: 64 bytes that a card and a program share, by which interrupts arrive as plain
 *memory.
 *
 * PIR has one bit an interrupt. ON (outstanding notification): the eventfd was written and the
 * receiver has not come to look since. SN (suppress notification): the receiver polls, do not
 *write the eventfd. NV and NDST are the receiver's to fill in and mean nothing to us: whose
 *eventfd is written does not depend on memory that a client can change.
 *
 *	post:	1. set the bit in PIR; was it set? whoever set it announces it: done
 *		2. read SN; set (and not urgent)? the receiver looks before it sleeps: done
 *		3. set ON; was it set? a notification is on its way: done
 *		4. write the eventfd
 *	take:	1. clear ON
 *		2. exchange each word of PIR that is not 0 with 0
 *	arm:	1. clear ON and SN at once
 *		2. read PIR; not 0? take it, and set SN again; else sleep until the eventfd is
 *readable, read it, and take
 *
 * Orderings. All of these are sequentially consistent, so each pair below sees at least one
 *way:
 *   - post 1 before post 2, arm 1 before arm 2: a poster that still sees SN has set its bit
 *before arm reads PIR.
 *   - post 1 before post 3, ON cleared (take 1, arm 1) before PIR is read: a poster that finds
 *ON set has set its bit before the receiver, which is about to clear ON, reads PIR. The other
 *     way round (PIR read, then ON cleared) loses the wake-up of a bit that was set in between;
 *     test_pi_desc.c finds that.
 *   - what the card wrote before post 1 is visible to whoever has taken the bit.
 * Hardware does post 2 and 3 as one; here the receiver may set SN between them, and gets a
 * notification that it does not need. In return no step of the poster can be made to loop by a
 * client that keeps changing the descriptor: it may lose its own interrupts, no more.
 */
#ifndef LADON_BASE_PI_DESC_H
#define LADON_BASE_PI_DESC_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define PI_BITS	 256u
#define PI_WORDS (PI_BITS / 64)
#define PI_ON	 BIT64(0)
#define PI_SN	 BIT64(1)

struct pi_desc {
	_Atomic uint64_t pir[PI_WORDS];
	_Atomic uint64_t control; /* ON 0, SN 1, NV 23:16, NDST 63:32 */
	uint64_t reserved[3];
};
static_assert(sizeof(struct pi_desc) == 64, "format of VT-d");

/* The card's side. True: the caller writes the eventfd. */
static inline bool pi_post(struct pi_desc *d, uint8_t bit, bool urgent)
{
	uint64_t mask = BIT64(bit % 64);

	if (atomic_fetch_or(&d->pir[bit / 64], mask) & mask)
		return false;
	if (!urgent && atomic_load(&d->control) & PI_SN)
		return false;
	return !(atomic_fetch_or(&d->control, PI_ON) & PI_ON);
}

/* The receiver's side: the bits of one word of PIR, which are cleared. Loads alone when there
 * are none. For descriptors of one word: with more, ON is cleared once before all of them. */
static inline uint64_t pi_take(struct pi_desc *d, unsigned word)
{
	if (!atomic_load_explicit(&d->pir[word], memory_order_relaxed))
		return 0;
	if (atomic_load_explicit(&d->control, memory_order_relaxed) & PI_ON)
		atomic_fetch_and(&d->control, ~PI_ON);
	return atomic_exchange(&d->pir[word], 0);
}

/* Notifications are wanted from now on. */
static inline void pi_arm(struct pi_desc *d)
{
	atomic_fetch_and(&d->control, ~(PI_ON | PI_SN));
}

/* The receiver polls: none are wanted. */
static inline void pi_disarm(struct pi_desc *d)
{
	atomic_fetch_or(&d->control, PI_SN);
}

#endif
