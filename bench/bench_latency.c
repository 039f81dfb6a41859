/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_latency.c - how long a single frame takes from VF to VF when the card has been idle:
 *the price of sleeping, beside the CPU that not sleeping costs.
 *
 *	bench_latency [-n FRAMES] LADOND
 *
 * The card is left alone for 20 ms before each frame (or longer than a second, after which it
 *sleeps longer), so that it sleeps as long as its mode lets it. The driver spins: what is
 *measured is the card's part.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_pair.h"
#include "bits.h"
#include "clock.h"

#define IDLE_US	     20000
#define LONG_IDLE_US 1200000
#define LONG_FRAMES  10 /* a second each */
#define FRAMES_MAX   10000
#define LOST_NS	     (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */

struct mode {
	const char *name;
	unsigned idle_us;
	const char *const extra[4];
};

static const struct mode modes[] = {
	{"busy poll", IDLE_US, {"--busy-poll", NULL}},
	{"sleeps up to 200 us", IDLE_US, {"--idle-sleep-us", "200", NULL}},
	{"default, in a lull (1 ms)", IDLE_US, {NULL}},
	{"default, after 1.2 s (4 ms)", LONG_IDLE_US, {NULL}},
	{"trapped doorbells", IDLE_US, {"--no-mapped-doorbells", NULL}},
};

/* One frame there. Returns ns, or LOST_NS. */
static uint64_t one_way(struct bench_pair *b)
{
	struct ladon_buf *buf = bench_frame(b, 64), *got;
	uint64_t start = clock_ns(), ns = 0;

	if (!buf || ladon_igbvf_tx_burst(b->side[0].vf, &buf, 1) != 1)
		return LOST_NS;
	while (ladon_igbvf_rx_burst(b->side[1].vf, &got, 1) != 1 && ns < LOST_NS)
		ns = clock_ns() - start;
	ns = clock_ns() - start;
	if (ns < LOST_NS)
		ladon_igbvf_buf_free(b->side[1].vf, got);
	ladon_igbvf_tx_reap(b->side[0].vf);
	return ns;
}

/* User and system time of the daemon in clock ticks. */
static unsigned long cpu_ticks(const struct bench_pair *b)
{
	unsigned long user = 0, sys = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)b->daemon.pid);
	f = fopen(path, "re");
	if (!f)
		return 0;
	if (fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
		   &sys) != 2)
		user = sys = 0;
	fclose(f);
	return user + sys;
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int measure(const char *ladond, const struct mode *mode, unsigned frames)
{
	static uint64_t ns[FRAMES_MAX];
	struct bench_pair b;
	unsigned long ticks;
	uint64_t start;
	double cpu;

	if (mode->idle_us > IDLE_US)
		frames = MIN(frames, (unsigned)LONG_FRAMES);
	if (bench_start(&b, ladond, mode->extra) < 0)
		return 1;
	ticks = cpu_ticks(&b);
	start = clock_ns();
	for (unsigned i = 0; i < frames; i++) {
		usleep(mode->idle_us);
		ns[i] = one_way(&b);
	}
	cpu = (double)(cpu_ticks(&b) - ticks) / (double)sysconf(_SC_CLK_TCK) * 1e11 /
	      (double)(clock_ns() - start);
	bench_stop(&b);
	qsort(ns, frames, sizeof(ns[0]), by_value);
	printf("| %-27s | %8.1f | %8.1f | %8.1f | %8.1f | %6.1f |\n", mode->name,
	       (double)ns[0] / 1e3, (double)ns[frames / 2] / 1e3,
	       (double)ns[frames - 1 - frames / 100] / 1e3, (double)ns[frames - 1] / 1e3, cpu);
	return ns[frames - 1] >= LOST_NS;
}

int main(int argc, char **argv)
{
	unsigned long frames = 200;
	int c, bad = 0;

	while ((c = getopt(argc, argv, "n:")) != -1)
		frames = c == 'n' ? strtoul(optarg, NULL, 10) : 0;
	if (optind != argc - 1 || frames < 1 || frames > FRAMES_MAX) {
		fprintf(stderr, "usage: bench_latency [-n FRAMES] LADOND\n");
		return 2;
	}
	printf("| one frame after 20 ms without any | us min | median | p99 | max | CPU %% "
	       "|\n");
	printf("|---|---|---|---|---|---|\n");
	for (unsigned m = 0; m < sizeof(modes) / sizeof(modes[0]); m++)
		bad |= measure(argv[optind], &modes[m], (unsigned)frames);
	return bad;
}
