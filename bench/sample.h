/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sample.h - one sample of one case, for bench/compare.py, which asks for them in turn. The
 * card runs on one CPU, the driver of all VFs on another.
 */
#ifndef LADON_BENCH_SAMPLE_H
#define LADON_BENCH_SAMPLE_H

#include "bench_pair.h"

struct sample_params {
	const char *ladond;
	uint64_t ns;	  /* to measure for */
	int card, driver; /* CPUs */
	unsigned size;	  /* of a frame with FCS; of the segmented one, without */
	unsigned idle;	  /* VFs beside the two */
	unsigned mss;	  /* payload of a segment */
};

/* What ladond starts as: its data path never sleeps. */
extern const char *const sample_extra[];

/* The calling thread, and what it starts from now on, runs on this CPU alone. */
void sample_pin(int cpu);
/* bench_start_with(): the card on its CPU, the caller on the driver's. */
int sample_start(struct bench_pair *b, const struct sample_params *p,
		 const struct ladon_igbvf_config *tx, const struct ladon_igbvf_config *rx);
/* One figure: a line "NAME VALUE UNIT". */
void sample_put(const char *name, double value, const char *unit);
/* p50 and p99 of so many values, which are sorted for it: "NAME-p50", "NAME-p99" in us. */
void sample_put_times(const char *name, uint64_t *ns, unsigned num);

/* The cases: 0 or -errno; they say what went wrong. */

/* Mpps and bytes copied a packet, beside p->idle idle VFs. */
int sample_rate(const struct sample_params *p);
/* Frames of p->size bytes, or one TCP frame of that size in segments of p->mss: Gb/s, and that
 * of memcpy(3) on the card's CPU between the same buffers. */
int sample_bulk(const struct sample_params *p);
/* Mpps with every word of policy and with none, slice by slice on one card. */
int sample_policy(const struct sample_params *p);
/* One frame under way: from VF to VF, and there and back. */
int sample_round(const struct sample_params *p);
/* A cache line between the two CPUs, there and back. */
int sample_line(const struct sample_params *p);

#endif
