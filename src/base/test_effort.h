/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_effort.h - how often a test of two threads tries: as often as it wants to where threads
 * meet within microseconds, less often where each meeting costs a time slice (one CPU, or
 * others keep them busy). For test programs only.
 */
#ifndef LADON_TEST_EFFORT_H
#define LADON_TEST_EFFORT_H

#include <stdbool.h>

#include "clock.h"

#define TEST_EFFORT_NS (5 * NSEC_PER_SEC)

/* Another try, after done of want? start: clock_ns() at the first. A fiftieth is always done.
 */
static inline bool test_goes_on(uint64_t start, unsigned done, unsigned want)
{
	return done < want && (done < want / 50 || clock_ns() - start < TEST_EFFORT_NS);
}

#endif
