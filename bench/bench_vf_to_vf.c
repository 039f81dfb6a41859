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
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench_pair.h"
#include "clock.h"

#define ROUNDS_MAX 99
#define WARM_UP_NS (20 * NSEC_PER_MSEC)
#define IDLE_MAX   253u

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
	{"and 253 idle VFs", {"--busy-poll", NULL}, IDLE_MAX},
};
static const unsigned sizes[] = {64, 1500};

#define NUM_MODES (sizeof(modes) / sizeof(modes[0]))
#define NUM_SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct sample {
	double mpps, copied; /* million packets a second, bytes copied a packet */
};

static int measure(struct bench_pair *b, unsigned size, uint64_t ns, struct sample *ret)
{
	uint64_t took, got, copied, packets;

	bench_run(b, size, WARM_UP_NS, &took);
	bench_settle(b);
	copied = demo_daemon_counter(&b->daemon, 1, "ladon.copied_bytes");
	packets = demo_daemon_counter(&b->daemon, 1, "stats.rx.packets");
	if (copied == UINT64_MAX)
		return -EIO;
	got = bench_run(b, size, ns, &took);
	bench_settle(b);
	copied = demo_daemon_counter(&b->daemon, 1, "ladon.copied_bytes") - copied;
	packets = demo_daemon_counter(&b->daemon, 1, "stats.rx.packets") - packets;
	ret->mpps = (double)got * 1e3 / (double)took;
	ret->copied = packets ? (double)copied / (double)packets : 0;
	return got ? 0 : -ETIMEDOUT;
}

static struct bench_side idle_side[IDLE_MAX];

static void idle_stop(unsigned num)
{
	for (unsigned i = 0; i < num; i++)
		bench_side_close(&idle_side[i]);
}

/* VFs 2 and up, each with rings that are set up and stay empty. */
static int idle_start(const struct bench_pair *b, unsigned num)
{
	static const struct ladon_igbvf_config small = {.rx_desc = 8,
							.tx_desc = 8,
							.buf_size = 1024,
							.num_bufs = 24,
							.max_frame = 1000};
	char path[DEMO_PATH_MAX], line[64];
	int err;

	snprintf(line, sizeof(line), "card set nic0 vfs %u", num + 2);
	err = demo_daemon_ask(&b->daemon, line, NULL);
	for (unsigned i = 0; i < num && !err; i++) {
		err = bench_side_attach(&idle_side[i], demo_daemon_vf(&b->daemon, i + 2, path));
		if (!err)
			err = bench_side_open(&idle_side[i], &small);
	}
	if (err)
		fprintf(stderr, "%u idle VFs: %s\n", num, strerror(-err));
	return err;
}

static int one_round(const char *ladond, uint64_t ns, struct sample ret[NUM_MODES][NUM_SIZES])
{
	int err = 0;

	/* One daemon at a time: two busy ones would fight for the same CPU. */
	for (unsigned m = 0; m < NUM_MODES && !err; m++) {
		struct bench_pair b;

		err = bench_start(&b, ladond, modes[m].extra);
		if (err)
			return err;
		err = idle_start(&b, modes[m].idle);
		for (unsigned s = 0; s < NUM_SIZES && !err; s++)
			err = measure(&b, sizes[s], ns, &ret[m][s]);
		idle_stop(modes[m].idle);
		bench_stop(&b);
	}
	return err;
}

static int by_mpps(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->mpps > y->mpps) - (x->mpps < y->mpps);
}

static void print_case(const struct mode *mode, unsigned size, struct sample *list,
		       unsigned rounds)
{
	struct sample mid;

	qsort(list, rounds, sizeof(*list), by_mpps);
	mid = list[rounds / 2];
	printf("| %-17s | %4u | %6.3f | %6.3f | %6.3f | %6.2f | %8.1f |\n", mode->name, size,
	       list[0].mpps, mid.mpps, list[rounds - 1].mpps, mid.mpps * size * 8 / 1e3,
	       mid.copied);
}

static int run(const char *ladond, unsigned rounds, uint64_t ns)
{
	static struct sample all[ROUNDS_MAX][NUM_MODES][NUM_SIZES];
	struct sample list[ROUNDS_MAX];

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

static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
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
	allow_files();
	return run(argv[optind], rounds, ms * NSEC_PER_MSEC);
}
