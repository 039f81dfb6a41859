/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_rate.h - what a pair of VFs is measured by, and VFs with a driver that does nothing
 * beside it. */
#ifndef LADON_BENCH_RATE_H
#define LADON_BENCH_RATE_H

#include "bench_pair.h"

#define BENCH_IDLE_MAX 253u

/* @mpps: million packets a second received; @copied: bytes the card copied for each; @traps:
 * messages for 1,000 of them */
struct bench_rate {
	double mpps, copied, traps;
};

/* VFs 2 and up, num of them, each with rings that are set up and stay empty. Prints what went
 * wrong. 0 or -errno; to be stopped either way. */
int bench_idle_start(const struct bench_pair *b, unsigned num);
void bench_idle_stop(unsigned num);
/* Side 0 to side 1 for ns, after a warm-up; size counts the FCS. 0, -EIO (the daemon does not
 * answer), -ETIMEDOUT (nothing arrived). */
int bench_measure(struct bench_pair *b, unsigned size, uint64_t ns, struct bench_rate *ret);

#endif
