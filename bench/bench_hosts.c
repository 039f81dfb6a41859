/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_hosts.c - what it costs that a card is in another host (docs/hosts.md).
 *
 *	bench_hosts [-r ROUNDS] [-t MILLISECONDS] [-l LEASE] LADOND LADON_HOST
 *
 * SRIOV is a pair of VFs with drivers on the management host, MRIOV a pair on compute hosts: on
 * the first and the last of 1 to 8, each a process, all of them joined and each with a VF
 * whose driver is idle. Both pairs hang on one card at the same time and are measured in
 * turn, in short slices, each first in every other one; every round has a new ladond, and the
 * pairs change their VFs. A ratio is that of one round. With 0 hosts both pairs are local: what
 * the method makes of two equal things.
 *
 * One thread drives all and never sleeps; the card's data path is the other one.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_rig.h"
#include "bits.h"
#include "clock.h"
#include "fd.h"

#define ROUNDS_MAX 99u
#define SLICES	   10u
#define TRIPS	   2000u /* round trips that are timed, of a pair in a round */
#define MAPS	   200u	 /* likewise maps and unmaps */
#define MAP_SIZE   (2u << 20)
#define WARM_UP_NS (5 * NSEC_PER_MSEC)
#define LOST_NS	   (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */
#define ASK_US	   100

enum { MPPS_64, MPPS_1500, TRIP_P50, TRIP_P99, MAP, FIGURES };

static const struct figure {
	const char *name;
	double goal; /* of the ratio; 0 = none */
	bool at_least;
} figures[FIGURES] = {
	[MPPS_64] = {"64 B, Mpps", 0.99, true},
	[MPPS_1500] = {"1500 B, Mpps", 0.99, true},
	[TRIP_P50] = {"round trip p50, us", 1.02, false},
	[TRIP_P99] = {"round trip p99, us", 1.02, false},
	[MAP] = {"map and unmap 2 MiB, us", 0, false},
};

static const unsigned hosts_of[] = {0, 1, 2, 4, 8};

#define CASES ARRAY_SIZE(hosts_of)

/* Kinds of move: what ends the host that the VF is taken from. */
static const struct move {
	const char *name;
	int signal;
} moves[] = {
	{"host killed: VF reset, at another host, carrying traffic", SIGKILL},
	{"host frozen: lease over, then the same", SIGSTOP},
};

#define MOVES	     ARRAY_SIZE(moves)
#define MOVE_GOAL_MS 38.0

struct params {
	struct rig_params rig;
	unsigned rounds;
	uint64_t ns; /* of a throughput, a pair and round */
};

/* ---- what is measured of a pair ---- */

static void throughput(struct rig *rig, unsigned size, uint64_t ns, double ret[PAIRS])
{
	uint64_t got[PAIRS] = {0}, took[PAIRS] = {0}, t;

	for (unsigned i = 0; i < SLICES * PAIRS; i++) {
		unsigned pair = (i ^ i / PAIRS) % PAIRS;
		struct bench_pair *b = &rig->pair[pair];

		bench_run(b, size, WARM_UP_NS, &t);
		got[pair] += bench_run(b, size, ns / SLICES, &t);
		took[pair] += t;
		bench_settle(b);
	}
	/* None at all: the data path had no processor in these slices. */
	for (unsigned pair = 0; pair < PAIRS; pair++)
		ret[pair] = (double)(got[pair] ? got[pair] : 1) * 1e3 / (double)took[pair];
}

/* Spins for a frame. */
static int await(struct bench_side *side, struct ladon_buf **ret_buf)
{
	uint64_t end = clock_ns() + LOST_NS;

	while (ladon_igbvf_rx_burst(side->vf, ret_buf, 1) != 1) {
		if (clock_ns() > end)
			return -ETIMEDOUT;
	}
	return 0;
}

/* One frame there, and the same one back. */
static int round_trip(struct bench_pair *b, uint64_t *ret_ns)
{
	struct bench_side *here = &b->side[0], *there = &b->side[1];
	struct ladon_buf *buf = bench_frame(b, 64);
	uint64_t start = clock_ns();

	if (!buf || ladon_igbvf_tx_burst(here->vf, &buf, 1) != 1 || await(there, &buf) < 0)
		return -ETIMEDOUT;
	memcpy(buf->data, here->mac, 6);
	memcpy(buf->data + 6, there->mac, 6);
	if (ladon_igbvf_tx_burst(there->vf, &buf, 1) != 1 || await(here, &buf) < 0)
		return -ETIMEDOUT;
	*ret_ns = clock_ns() - start;
	ladon_igbvf_buf_free(here->vf, buf);
	ladon_igbvf_tx_reap(here->vf);
	ladon_igbvf_tx_reap(there->vf);
	return 0;
}

static int by_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int latency(struct rig *rig, double ret_p50[PAIRS], double ret_p99[PAIRS])
{
	static uint64_t ns[PAIRS][TRIPS];
	int err = 0;

	for (unsigned i = 0; i < SLICES * PAIRS; i++) {
		unsigned pair = (i ^ i / PAIRS) % PAIRS;
		uint64_t *slice = &ns[pair][i / PAIRS * (TRIPS / SLICES)];

		for (unsigned n = 0; n < TRIPS / SLICES && !err; n++)
			err = round_trip(&rig->pair[pair], &slice[n]);
	}
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		qsort(ns[pair], TRIPS, sizeof(ns[pair][0]), by_ns);
		ret_p50[pair] = (double)ns[pair][TRIPS / 2] / 1e3;
		ret_p99[pair] = (double)ns[pair][TRIPS - TRIPS / 100] / 1e3;
	}
	return err;
}

/* A piece of memory comes and goes: two requests, the second of which returns drained. */
static int map_once(struct bench_side *side, int fd, uint64_t *ret_ns)
{
	uint64_t start = clock_ns();
	struct ladon_dma *dma;
	int err = ladon_dma_map_fd(side->fn, fd, 0, MAP_SIZE, 0, &dma);

	if (!err)
		err = ladon_dma_free(dma);
	*ret_ns = clock_ns() - start;
	return err;
}

static int mapping(struct rig *rig, double ret[PAIRS])
{
	static uint64_t ns[PAIRS][MAPS];
	int fd = fd_memfd("bench", MAP_SIZE), err = MIN(fd, 0);

	for (unsigned i = 0; i < MAPS * PAIRS && !err; i++) {
		unsigned pair = (i ^ i / PAIRS) % PAIRS;

		err = map_once(&rig->pair[pair].side[0], fd, &ns[pair][i / PAIRS]);
	}
	for (unsigned pair = 0; pair < PAIRS; pair++) {
		qsort(ns[pair], MAPS, sizeof(ns[pair][0]), by_ns);
		ret[pair] = (double)ns[pair][MAPS / 2] / 1e3;
	}
	fd_close(&fd);
	return err;
}

static int one_case(const struct params *params, unsigned hosts, bool swap,
		    double ret[FIGURES][PAIRS])
{
	struct rig rig;
	int err = rig_start(&rig, &params->rig, hosts, swap);

	if (err)
		return err;
	throughput(&rig, 64, params->ns, ret[MPPS_64]);
	throughput(&rig, 1500, params->ns, ret[MPPS_1500]);
	err = latency(&rig, ret[TRIP_P50], ret[TRIP_P99]);
	if (!err)
		err = mapping(&rig, ret[MAP]);
	if (err) {
		fprintf(stderr, "%u hosts: %s\n", hosts, strerror(-err));
		bench_nodes_say(&rig.nodes);
	}
	rig_stop(&rig);
	return err;
}

/* ---- hosts that end ---- */

static int assign(struct rig *rig, unsigned host)
{
	uint64_t end = clock_ns() + LOST_NS;
	char line[64];

	snprintf(line, sizeof(line), "vf assign nic0 %u host ch%u", rig->first[MRIOV],
		 host + 1);
	/* Refused as long as the function has a client. */
	while (demo_daemon_ask(rig_daemon(rig), line, NULL) < 0) {
		if (clock_ns() > end)
			return -ETIMEDOUT;
		usleep(ASK_US);
	}
	return 0;
}

/* The VF of the first host's goes to the second, and answers a frame of the local one's. */
static int move(struct rig *rig, int sig, double *ret_ms)
{
	struct bench_pair b = {.side = {rig->pair[SRIOV].side[0]}};
	uint64_t start = clock_ns(), trip;
	int err;

	kill(rig->nodes.pid[0], sig);
	err = assign(rig, 1);
	if (!err)
		err = rig_open(rig, &b.side[1], rig->first[MRIOV], 1, NULL);
	if (!err)
		err = round_trip(&b, &trip);
	*ret_ms = (double)(clock_ns() - start) / 1e6;
	bench_side_close(&b.side[1]);
	return err;
}

/* The host starts again and has its VF back. */
static int rejoin(struct rig *rig, double *ret_ms)
{
	struct bench_side *side = &rig->pair[MRIOV].side[0];
	uint64_t start;
	int err;

	bench_node_kill(&rig->nodes, 0);
	bench_side_close(side);
	err = assign(rig, 0);
	start = clock_ns();
	if (!err)
		err = bench_node_start(&rig->nodes, 0, rig_daemon(rig));
	if (!err)
		err = rig_open(rig, side, rig->first[MRIOV], 0, NULL);
	*ret_ms = (double)(clock_ns() - start) / 1e6;
	return err;
}

/* ret_ms: of joining, then of each kind of move. */
static int one_life(const struct params *params, double ret_ms[1 + MOVES][ROUNDS_MAX])
{
	struct rig rig;
	int err = rig_start(&rig, &params->rig, 2, false);

	if (err)
		return err;
	for (unsigned r = 0; r < params->rounds && !err; r++) {
		for (unsigned m = 0; m < MOVES && !err; m++) {
			err = move(&rig, moves[m].signal, &ret_ms[1 + m][r]);
			if (!err)
				err = rejoin(&rig, &ret_ms[0][r]);
		}
	}
	if (err) {
		fprintf(stderr, "a host that ends: %s\n", strerror(-err));
		bench_nodes_say(&rig.nodes);
	}
	rig_stop(&rig);
	return err;
}

/* ---- tables ---- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static const char *verdict(double value, double goal, bool at_least)
{
	return (at_least ? value >= goal : value <= goal) ? "met" : "missed";
}

static void print_figure(const struct figure *figure, unsigned hosts, const double (*of)[PAIRS],
			 unsigned rounds)
{
	double list[PAIRS + 1][ROUNDS_MAX];

	for (unsigned r = 0; r < rounds; r++) {
		list[SRIOV][r] = of[r][SRIOV];
		list[MRIOV][r] = of[r][MRIOV];
		list[PAIRS][r] = of[r][MRIOV] / of[r][SRIOV];
	}
	for (unsigned i = 0; i <= PAIRS; i++)
		qsort(list[i], rounds, sizeof(double), by_value);
	printf("| %-23s | %u | %7.3f | %7.3f | %.3f | %.3f | %.3f |", figure->name, hosts,
	       list[SRIOV][rounds / 2], list[MRIOV][rounds / 2], list[PAIRS][0],
	       list[PAIRS][rounds / 2], list[PAIRS][rounds - 1]);
	if (figure->goal > 0 && hosts)
		printf(" %s %.2f | %s |\n", figure->at_least ? ">=" : "<=", figure->goal,
		       verdict(list[PAIRS][rounds / 2], figure->goal, figure->at_least));
	else
		printf(" - | - |\n");
}

static void print_ms(const char *name, double *ms, unsigned rounds, double goal)
{
	qsort(ms, rounds, sizeof(*ms), by_value);
	printf("| %s | %.1f | %.1f | %.1f |", name, ms[0], ms[rounds / 2], ms[rounds - 1]);
	if (goal > 0)
		printf(" <= %.0f | %s |\n", goal, verdict(ms[rounds / 2], goal, false));
	else
		printf(" - | - |\n");
}

static int run(const struct params *params)
{
	static double all[FIGURES][CASES][ROUNDS_MAX][PAIRS], ms[1 + MOVES][ROUNDS_MAX];
	double one[FIGURES][PAIRS];

	for (unsigned r = 0; r < params->rounds; r++) {
		for (unsigned c = 0; c < CASES; c++) {
			if (one_case(params, hosts_of[c], r % 2, one))
				return 1;
			for (unsigned f = 0; f < FIGURES; f++)
				memcpy(all[f][c][r], one[f], sizeof(one[f]));
		}
		fprintf(stderr, "\rround %u of %u", r + 1, params->rounds);
	}
	fputc('\n', stderr);
	if (one_life(params, ms))
		return 1;
	printf("| %-23s | hosts | SRIOV | MRIOV | ratio min | median | max | goal | |\n",
	       "median of rounds");
	printf("|---|---|---|---|---|---|---|---|---|\n");
	for (unsigned f = 0; f < FIGURES; f++) {
		for (unsigned c = 0; c < CASES; c++)
			print_figure(&figures[f], hosts_of[c], all[f][c], params->rounds);
	}
	printf("\n| ms, lease %u ms | min | median | max | goal | "
	       "|\n|---|---|---|---|---|---|\n",
	       params->rig.lease_ms);
	print_ms("host joins: from its start to a driver that runs on its VF", ms[0],
		 params->rounds, 0);
	for (unsigned m = 0; m < MOVES; m++)
		print_ms(moves[m].name, ms[1 + m], params->rounds, MOVE_GOAL_MS);
	return 0;
}

static bool take_option(struct params *params, int c)
{
	unsigned long value = c == '?' ? 0 : strtoul(optarg, NULL, 10);

	if (value < 1 || value > (c == 'r' ? ROUNDS_MAX : 60000))
		return false;
	if (c == 'r')
		params->rounds = (unsigned)value;
	else if (c == 'l')
		params->rig.lease_ms = (unsigned)value;
	else
		params->ns = value * NSEC_PER_MSEC;
	return true;
}

int main(int argc, char **argv)
{
	struct params params = {.rounds = 9, .rig.lease_ms = 30, .ns = 200 * NSEC_PER_MSEC};
	bool good = true;
	int c;

	while (good && (c = getopt(argc, argv, "r:t:l:")) != -1)
		good = take_option(&params, c);
	if (!good || optind != argc - 2) {
		fprintf(stderr, "usage: bench_hosts [-r ROUNDS] [-t MILLISECONDS] [-l LEASE] "
				"LADOND LADON_HOST\n");
		return 2;
	}
	params.rig.ladond = argv[optind];
	params.rig.ladon_host = argv[optind + 1];
	return run(&params);
}
