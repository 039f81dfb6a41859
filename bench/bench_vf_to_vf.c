/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_vf_to_vf.c - packets a second from one VF to another through a ladond of its own, and
 * how many bytes the card copied for each, by its own counters.
 *
 *	bench_vf_to_vf [-r ROUNDS] [-t MILLISECONDS] LADOND
 *
 * All cases are measured in turn within each round, so that a disturbed moment meets all of
 * them; only ratios within one run count. One thread drives both VFs and
 * never sleeps; the card's data path is the other thread. What a VF with a driver costs the
 * others while it does nothing is in the rows with idle VFs; one without costs nothing.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_rate.h"
#include "clock.h"
#include "fd.h"

#define ROUNDS_MAX 99

struct mode {
	const char *name;
	const char *const extra[3];
	unsigned idle; /* VFs with a driver beside the two */
};

static const struct mode modes[] = {
	{"mapped doorbells", {"--busy-poll", NULL}, 0},
	{"trapped doorbells", {"--busy-poll", "--no-mapped-doorbells", NULL}, 0},
	{"and 5 idle VFs", {"--busy-poll", NULL}, 5},
	{"and 61 idle VFs", {"--busy-poll", NULL}, 61},
	{"and 253 idle VFs", {"--busy-poll", NULL}, BENCH_IDLE_MAX},
};
static const unsigned sizes[] = {64, 1500};

#define NUM_MODES (sizeof(modes) / sizeof(modes[0]))
#define NUM_SIZES (sizeof(sizes) / sizeof(sizes[0]))

static int one_round(const char *ladond, uint64_t ns,
		     struct bench_rate ret[NUM_MODES][NUM_SIZES])
{
	int err = 0;

	/* One daemon at a time: two busy ones would fight for the same CPU. */
	for (unsigned m = 0; m < NUM_MODES && !err; m++) {
		struct bench_pair b;

		err = bench_start(&b, ladond, modes[m].extra);
		if (err)
			return err;
		err = bench_idle_start(&b, modes[m].idle);
		for (unsigned s = 0; s < NUM_SIZES && !err; s++)
			err = bench_measure(&b, sizes[s], ns, &ret[m][s]);
		bench_idle_stop(modes[m].idle);
		bench_stop(&b);
	}
	return err;
}

static int by_mpps(const void *a, const void *b)
{
	const struct bench_rate *x = a, *y = b;

	return (x->mpps > y->mpps) - (x->mpps < y->mpps);
}

static void print_case(const struct mode *mode, unsigned size, struct bench_rate *list,
		       unsigned rounds)
{
	struct bench_rate mid;

	qsort(list, rounds, sizeof(*list), by_mpps);
	mid = list[rounds / 2];
	printf("| %-17s | %4u | %6.3f | %6.3f | %6.3f | %6.2f | %8.1f |\n", mode->name, size,
	       list[0].mpps, mid.mpps, list[rounds - 1].mpps, mid.mpps * size * 8 / 1e3,
	       mid.copied);
}

static int run(const char *ladond, unsigned rounds, uint64_t ns)
{
	static struct bench_rate all[ROUNDS_MAX][NUM_MODES][NUM_SIZES];
	struct bench_rate list[ROUNDS_MAX];

	for (unsigned r = 0; r < rounds; r++) {
		if (one_round(ladond, ns, all[r]))
			return 1;
		fprintf(stderr, "\rround %u of %u", r + 1, rounds);
	}
	fputc('\n', stderr);
	printf("| %-17s | size | Mpps min | median | max | Gb/s | copied B/packet |\n", "case");
	printf("|---|---|---|---|---|---|---|\n");
	for (unsigned m = 0; m < NUM_MODES; m++) {
		for (unsigned s = 0; s < NUM_SIZES; s++) {
			for (unsigned r = 0; r < rounds; r++)
				list[r] = all[r][m][s];
			print_case(&modes[m], sizes[s], list, rounds);
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned rounds = 5, ms = 300;
	int c;

	while ((c = getopt(argc, argv, "r:t:")) != -1) {
		unsigned long value = c == '?' ? 0 : strtoul(optarg, NULL, 10);

		if (value < 1 || value > (c == 'r' ? ROUNDS_MAX : 60000))
			argc = 0;
		else if (c == 'r')
			rounds = (unsigned)value;
		else
			ms = (unsigned)value;
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: bench_vf_to_vf [-r ROUNDS] [-t MILLISECONDS] LADOND\n");
		return 2;
	}
	fd_raise_limit(); /* each VF takes several */
	return run(argv[optind], rounds, ms * NSEC_PER_MSEC);
}
