/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_exits.c - what leaves the fast path, for 1,000 packets from one VF to another, as each
 * mechanism is added: traps (register accesses that cost a message; an exit of a VM) and
 * notifications (eventfd writes; an interrupt injected). exits.py draws it.
 *
 *	bench_exits [-n PACKETS] [-r ROUNDS] [-c CSV] LADOND
 *
 * The receiver sleeps whenever it has taken all there is; it and the sender are a thread each.
 * Light load: a packet every 50 us. Heavy: bursts of 32 as fast as the ring takes them. What
 * counts are the card's own counters; figures are medians of the rounds. On a busy machine
 * more packets meet in one wake-up.
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench_pair.h"
#include "clock.h"

#define BURST	   32u
#define LIGHT_NS   50000ull
#define ITR_US	   100u /* 10,000 interrupts a second at most */
#define WAIT_MS	   2000
#define NUM_MODES  4u
#define NUM_LOADS  2u
#define ROUNDS_MAX 25u

struct mode {
	const char *name;
	const char *const extra[2];
	struct ladon_igbvf_config rx;
};

static const struct mode modes[NUM_MODES] = {
	{"trap-all", {"--no-mapped-doorbells", NULL}, {.use_irq = true}},
	{"mapped doorbells", {NULL}, {.use_irq = true}},
	{"+ throttling", {NULL}, {.use_irq = true, .itr_us = ITR_US}},
	{"+ posted", {NULL}, {.use_irq = true, .itr_us = ITR_US, .posted = true}},
};
static const char *const loads[NUM_LOADS] = {"light", "heavy"};

struct counts {
	uint64_t traps, notifications;
};

struct sample {
	double traps, notifications; /* for 1,000 packets */
};

struct run {
	struct bench_pair pair;
	bool heavy;
	_Atomic bool over;
};

/* ---- the card's counters ---- */

static uint64_t number(struct json_object *obj, const char *key)
{
	struct json_object *value;

	return json_object_object_get_ex(obj, key, &value) ? json_object_get_uint64(value) : 0;
}

static void add_vectors(struct json_object *vf, struct counts *ret)
{
	struct json_object *list;

	if (!json_object_object_get_ex(vf, "interrupts", &list))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);

		ret->notifications += number(v, "fired") - number(v, "posted");
	}
}

/* Of both VFs. */
static int count(const struct run *run, struct counts *ret)
{
	static const char *const lines[] = {"vf show nic0 0", "vf show nic0 1"};

	*ret = (struct counts){0};
	for (unsigned n = 0; n < 2; n++) {
		struct json_object *vf;
		int err = demo_daemon_ask(&run->pair.daemon, lines[n], &vf);

		if (err)
			return err;
		ret->traps += number(vf, "traps");
		add_vectors(vf, ret);
		json_object_put(vf);
	}
	return 0;
}

/* ---- traffic ---- */

static void send_burst(struct bench_pair *b, unsigned want)
{
	struct ladon_buf *bufs[BURST];
	unsigned n = 0;
	int sent;

	ladon_igbvf_tx_reap(b->side[0].vf);
	while (n < want && (bufs[n] = bench_frame(b, 64)))
		n++;
	sent = n ? ladon_igbvf_tx_burst(b->side[0].vf, bufs, n) : 0;
	for (unsigned i = sent > 0 ? (unsigned)sent : 0; i < n; i++)
		ladon_igbvf_buf_free(b->side[0].vf, bufs[i]);
}

static void *sender(void *arg)
{
	struct run *run = arg;
	uint64_t next = clock_ns();

	while (!atomic_load(&run->over)) {
		if (!run->heavy && clock_ns() < next) {
			sched_yield();
			continue;
		}
		send_burst(&run->pair, run->heavy ? BURST : 1);
		next = clock_ns() + LIGHT_NS;
	}
	return NULL;
}

/* Returns packets received, fewer than wanted when none came for long. */
static uint64_t receive(struct run *run, uint64_t packets)
{
	struct ladon_igbvf *vf = run->pair.side[1].vf;
	struct ladon_buf *bufs[BURST];
	uint64_t got = 0;

	while (got < packets && ladon_igbvf_wait(vf, WAIT_MS) == 1) {
		int n;

		while ((n = ladon_igbvf_rx_burst(vf, bufs, BURST)) > 0) {
			for (int i = 0; i < n; i++)
				ladon_igbvf_buf_free(vf, bufs[i]);
			got += (unsigned)n;
		}
	}
	return got;
}

static int traffic(struct run *run, uint64_t packets, struct sample *ret)
{
	struct counts before, after;
	pthread_t thread;
	uint64_t got;
	int err = count(run, &before);

	if (err)
		return err;
	atomic_store(&run->over, false);
	err = -pthread_create(&thread, NULL, sender, run);
	if (err)
		return err;
	got = receive(run, packets);
	err = count(run, &after);
	atomic_store(&run->over, true);
	pthread_join(thread, NULL);
	if (err || got < packets)
		return err ? err : -ETIMEDOUT;
	ret->traps = (double)(after.traps - before.traps) * 1e3 / (double)got;
	ret->notifications =
		(double)(after.notifications - before.notifications) * 1e3 / (double)got;
	return 0;
}

static int measure(const char *ladond, const struct mode *mode, uint64_t packets,
		   struct sample ret[NUM_LOADS])
{
	struct run run;
	int err = bench_start_rx(&run.pair, ladond, mode->extra, &mode->rx);

	for (unsigned l = 0; l < NUM_LOADS && !err; l++) {
		run.heavy = l;
		err = traffic(&run, packets, &ret[l]);
		if (err)
			fprintf(stderr, "%s, %s: error %d\n", mode->name, loads[l], err);
	}
	bench_stop(&run.pair);
	return err;
}

/* ---- what came of it ---- */

static int write_csv(const char *path, struct sample all[NUM_MODES][NUM_LOADS])
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "%s: cannot be written\n", path);
		return 1;
	}
	fprintf(f, "mode,load,traps,notifications\n");
	for (unsigned m = 0; m < NUM_MODES; m++)
		for (unsigned l = 0; l < NUM_LOADS; l++)
			fprintf(f, "%s,%s,%.2f,%.2f\n", modes[m].name, loads[l],
				all[m][l].traps, all[m][l].notifications);
	return fclose(f) ? 1 : 0;
}

static void print_table(struct sample all[NUM_MODES][NUM_LOADS])
{
	printf("| for 1,000 packets | light: traps | notifications | heavy: traps | "
	       "notifications "
	       "|\n|---|---|---|---|---|\n");
	for (unsigned m = 0; m < NUM_MODES; m++)
		printf("| %-17s | %8.1f | %8.1f | %8.1f | %8.1f |\n", modes[m].name,
		       all[m][0].traps, all[m][0].notifications, all[m][1].traps,
		       all[m][1].notifications);
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* All modes in turn within each round, so that a disturbed moment meets all of them. */
static int run_rounds(const char *ladond, uint64_t packets, unsigned rounds,
		      struct sample ret[NUM_MODES][NUM_LOADS])
{
	static struct sample all[ROUNDS_MAX][NUM_MODES][NUM_LOADS];
	double traps[ROUNDS_MAX], notifications[ROUNDS_MAX];

	for (unsigned i = 0; i < rounds * NUM_MODES; i++) {
		unsigned r = i / NUM_MODES, m = i % NUM_MODES;

		if (measure(ladond, &modes[m], packets, all[r][m]))
			return 1;
	}
	for (unsigned i = 0; i < NUM_MODES * NUM_LOADS; i++) {
		unsigned m = i / NUM_LOADS, l = i % NUM_LOADS;

		for (unsigned r = 0; r < rounds; r++) {
			traps[r] = all[r][m][l].traps;
			notifications[r] = all[r][m][l].notifications;
		}
		qsort(traps, rounds, sizeof(double), by_value);
		qsort(notifications, rounds, sizeof(double), by_value);
		ret[m][l] = (struct sample){traps[rounds / 2], notifications[rounds / 2]};
	}
	return 0;
}

int main(int argc, char **argv)
{
	static struct sample all[NUM_MODES][NUM_LOADS];
	unsigned long packets = 10000, rounds = 5;
	const char *csv = NULL;
	int c;

	while ((c = getopt(argc, argv, "n:r:c:")) != -1) {
		if (c == 'c')
			csv = optarg;
		else if (c == 'r')
			rounds = strtoul(optarg, NULL, 10);
		else
			packets = c == 'n' ? strtoul(optarg, NULL, 10) : 0;
	}
	if (optind != argc - 1 || packets < 1000 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr,
			"usage: bench_exits [-n PACKETS] [-r ROUNDS] [-c CSV] LADOND\n"
			"at least 1000 packets, 1 ... %u rounds\n",
			ROUNDS_MAX);
		return 2;
	}
	if (run_rounds(argv[optind], packets, (unsigned)rounds, all))
		return 1;
	print_table(all);
	return csv ? write_csv(csv, all) : 0;
}
