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

/* Attaches s to the socket at path; waits up to 20 s for somebody to listen there. 0 or -errno.
 */
int bench_side_attach(struct bench_side *s, const char *path);
/* A driver on what is attached; config as for ladon_igbvf_open(). 0 or -errno. */
int bench_side_open(struct bench_side *s, const struct ladon_igbvf_config *config);
/* Driver and connection, as far as there are any. */
void bench_side_close(struct bench_side *s);

/* Starts ladond with the words of extra (NULL-terminated). Prints what went wrong. 0 or -errno.
 */
int bench_start(struct bench_pair *b, const char *ladond, const char *const *extra);
/* The same with a configuration for the driver of side 1. */
int bench_start_rx(struct bench_pair *b, const char *ladond, const char *const *extra,
		   const struct ladon_igbvf_config *rx);
/* The same with one for each side's driver. */
int bench_start_with(struct bench_pair *b, const char *ladond, const char *const *extra,
		     const struct ladon_igbvf_config *tx, const struct ladon_igbvf_config *rx);
void bench_stop(struct bench_pair *b);
/* A frame from side 0 to side 1 in a buffer of side 0, or NULL. size counts the FCS, as
 * everywhere in networking. */
struct ladon_buf *bench_frame(struct bench_pair *b, unsigned size);
/* Sends from side 0 and receives at side 1, as fast as it goes, for ns. Returns packets
 * received; *ret_ns is how long it took. */
uint64_t bench_run(struct bench_pair *b, unsigned size, uint64_t ns, uint64_t *ret_ns);
/* Everything sent has been delivered or dropped, so that the counters stand still. */
void bench_settle(struct bench_pair *b);

#endif
