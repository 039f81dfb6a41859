/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pi_desc.h - the posted-interrupt descriptor of VT-d, and both sides of its protocol: 64 bytes
 * that a card and a program share, by which interrupts arrive as plain memory.
 *
 * PIR has one bit an interrupt. ON (outstanding notification): the eventfd was written, or is
 * about to be, and the receiver has not come to look since. SN (suppress notification): the
 * receiver is awake and looks by itself. NV and NDST are the receiver's to fill in and mean
 * nothing to us: whose eventfd is written must not depend on memory that a client can change.
 *
 *	post:	1. set the bit in PIR. It was set? Whoever set it announces it: done
 *		2. read SN. It is set (and this is not urgent)? The receiver will look: done
 *		3. set ON. It was set? A notification is on its way: done
 *		4. write the eventfd
 *
 *	take:	1. PIR is 0? Nothing there: done
 *		2. clear ON, if it is set
 *		3. exchange PIR with 0
 *
 *	sleep:	1. take, until nothing is there
 *		2. arm: clear ON and SN, in one access
 *		3. read PIR. It is not 0? Go to 5
 *		4. sleep until the eventfd is readable, and read it
 *		5. set SN, and go to 1
 *
 * Orderings. Where it matters all accesses are sequentially consistent (on x86: locked
 * instructions, and loads behind them), so of two sides at least one sees the other:
 *
 *   - post 1 before 2, sleep 2 before 3: a poster that still reads SN has set its bit before
 *     the receiver reads PIR.
 *   - post 1 before 3, and ON is cleared before PIR is read (take 2 before 3, sleep 2 before
 *     3): a poster that finds ON set has set its bit before the receiver, which will clear ON,
 *     reads PIR. The other way round a bit that is set between the two is slept through.
 *   - take 1 is a hint, and so take may leave ON set while PIR is empty, by a poster that was
 *     slow. Sleep 2 clears it: without that, later posts would find ON and notify nobody.
 *   - what the card wrote before post 1 is seen by whoever has taken the bit.
 *
 * test_pi_desc.c visits every interleaving of this, and sees what goes wrong when one of these
 * orderings is taken away. Hardware does post 2 and 3 as one; here SN may be set between them,
 * which costs the receiver a notification that it does not need. In return no step of a poster
 * repeats, whatever a client does to the descriptor: it can lose its own interrupts, no more.
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

/*
 * The receiver's side: the bits of one word of PIR, which are cleared. Loads alone when there
 * are none, so that polling disturbs nobody; ON may then be left set, by a poster that was slow
 * to set it, and so nobody sleeps without pi_arm.
 */
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
