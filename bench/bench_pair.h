/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_pair.h - two VFs of a ladond of the benchmark's own, with a driver on each. */
#ifndef LADON_BENCH_PAIR_H
#define LADON_BENCH_PAIR_H

#include <ladon/igbvf.h>

#include "demo_daemon.h"

struct bench_side {
	struct ladon_function *fn;
	struct ladon_igbvf *vf;
	uint8_t mac[6];
};

struct bench_pair {
	struct demo_daemon daemon;
	struct bench_side side[2];
};

/* Starts ladond with the words of extra (NULL-terminated). Prints what went wrong. 0 or -errno.
 */
int bench_start(struct bench_pair *b, const char *ladond, const char *const *extra);
/* The same with a configuration for the driver of side 1. */
int bench_start_rx(struct bench_pair *b, const char *ladond, const char *const *extra,
		   const struct ladon_igbvf_config *rx);
void bench_stop(struct bench_pair *b);
/* A frame from side 0 to side 1 in a buffer of side 0, or NULL. size counts the FCS, as
 * everywhere in networking. */
struct ladon_buf *bench_frame(struct bench_pair *b, unsigned size);

#endif
