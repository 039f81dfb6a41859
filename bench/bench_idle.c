/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_idle.c - what a card costs while little is to be done, and what it does to latency
 *then.
 *
 *	bench_idle [-t MILLISECONDS] [-r ROUNDS] [-c CSV] LADOND
 *
 * Three kinds of case, each with a ladond of its own: functions attached and silent; 64-byte
 * frames at a pace, there and back between two VFs; a register read after a pause. CPU is what
 * all threads of ladond used, in percent of one. One thread here drives both VFs: it polls, or
 * sleeps until an interrupt or until the next frame is due. A register read is a message that
 * the daemon's control thread answers; this thread is awake before and sleeps while it waits.
 * All cases are measured in turn within each round; figures are medians of the rounds.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bench_pair.h"
#include "bench_proc.h"
#include "bits.h"
#include "clock.h"

#define SIDES_MAX  63u
#define ROUNDS_MAX 25u
#define CASES_MAX  64u
#define BURST	   32u
#define LULL_US	   1200000u /* after a second without frames the card sleeps longest */
#define SAMPLES	   400000u
#define VF_STATUS  0x8u

enum kind { IDLE, PULSE, READ, KINDS };
enum driver { POLLS, SLEEPS, POSTED, DRIVERS };

struct mode {
	const char *name, *doorbells;
	const char *const extra[4];
};

static const struct mode modes[] = {
	{"adaptive", "mapped", {NULL}},
	{"adaptive", "trapped", {"--no-mapped-doorbells", NULL}},
	{"busy-poll", "mapped", {"--busy-poll", NULL}},
	{"busy-poll", "trapped", {"--busy-poll", "--no-mapped-doorbells", NULL}},
};
static const char *const kinds[KINDS] = {"idle", "pulse", "read"};
static const char *const drivers[DRIVERS] = {"polls", "sleeps", "sleeps, posted"};
static const unsigned functions[] = {0, 7, 63}, rates[] = {1000, 100000},
		      pauses[] = {0, 10, 100, 1000};

/* n: functions, frames a second, or microseconds of pause. */
struct test_case {
	enum kind kind;
	const struct mode *mode;
	enum driver driver;
	unsigned n;
};

enum { CPU, P50, P99, RATE, FIGURES };

struct sample {
	double v[FIGURES]; /* percent of a CPU; microseconds; what there was a second */
};

static struct rig {
	struct demo_daemon daemon;
	struct bench_side side[SIDES_MAX];
} rig;

static uint64_t taken[SAMPLES]; /* ns */
static unsigned num_taken;

/* ---- the daemon ---- */

static void rig_stop(void)
{
	for (unsigned i = 0; i < SIDES_MAX; i++)
		bench_side_close(&rig.side[i]);
	demo_daemon_stop(&rig.daemon);
}

/* With num drivers, of which the first two have this configuration. */
static int rig_start(const char *ladond, const struct mode *mode, unsigned num,
		     const struct ladon_igbvf_config *config)
{
	static const struct ladon_igbvf_config small = {.rx_desc = 8,
							.tx_desc = 8,
							.buf_size = 1024,
							.num_bufs = 24,
							.max_frame = 1000};
	char text[2000], path[DEMO_PATH_MAX];
	int err = demo_daemon_start(&rig.daemon, ladond, "card add nic0 model 82576 vfs 63\n",
				    mode->extra);

	for (unsigned i = 0; i < num && !err; i++) {
		err = bench_side_attach(&rig.side[i], demo_daemon_vf(&rig.daemon, i, path));
		if (!err)
			err = bench_side_open(&rig.side[i], config ? config : &small);
	}
	if (err) {
		fprintf(stderr, "%s: %s\n%s", ladond, strerror(-err),
			demo_daemon_log(&rig.daemon, text, sizeof(text)));
		rig_stop();
	}
	return err;
}

/* ---- frames at a pace ---- */

static bool send_frames(struct bench_side *s, struct ladon_buf **bufs, unsigned n)
{
	int sent = n ? ladon_igbvf_tx_burst(s->vf, bufs, n) : 0;

	for (unsigned i = sent > 0 ? (unsigned)sent : 0; i < n; i++)
		ladon_igbvf_buf_free(s->vf, bufs[i]);
	ladon_igbvf_tx_reap(s->vf);
	return sent >= 0;
}

/* A frame of 64 bytes with the time in it. */
static bool send_one(void)
{
	struct bench_side *s = &rig.side[0];
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(s->vf);
	uint64_t now = clock_ns();

	if (!buf)
		return true;
	memcpy(buf->data, rig.side[1].mac, 6);
	memcpy(buf->data + 6, s->mac, 6);
	put_be16(buf->data + 12, 0x88b5);
	memcpy(buf->data + 14, &now, sizeof(now));
	buf->len = 60;
	return send_frames(s, &buf, 1);
}

/* At the other end: back to whoever sent them. */
static int echo(void)
{
	struct bench_side *s = &rig.side[1];
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(s->vf, bufs, BURST);

	for (int i = 0; i < n; i++) {
		memcpy(bufs[i]->data, rig.side[0].mac, 6);
		memcpy(bufs[i]->data + 6, s->mac, 6);
	}
	return n > 0 && !send_frames(s, bufs, (unsigned)n) ? -EIO : n;
}

static int collect(void)
{
	struct bench_side *s = &rig.side[0];
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(s->vf, bufs, BURST);
	uint64_t now = clock_ns(), sent;

	for (int i = 0; i < n; i++) {
		memcpy(&sent, bufs[i]->data + 14, sizeof(sent));
		if (num_taken < SAMPLES)
			taken[num_taken++] = now - sent;
		ladon_igbvf_buf_free(s->vf, bufs[i]);
	}
	return n;
}

/* Until a frame has come at either end, or until then. */
static void sleep_until(uint64_t then)
{
	struct pollfd fds[2];
	bool awake = false;

	for (unsigned i = 0; i < 2; i++) {
		fds[i] = (struct pollfd){ladon_igbvf_irq_fd(rig.side[i].vf), POLLIN, 0};
		awake |= ladon_igbvf_arm(rig.side[i].vf) != 0;
	}
	if (!awake) {
		uint64_t now = clock_ns(), left = then > now ? then - now : 0;
		struct timespec ts = {.tv_sec = (time_t)(left / NSEC_PER_SEC),
				      .tv_nsec = (long)(left % NSEC_PER_SEC)};

		ppoll(fds, 2, &ts, NULL);
	}
	for (unsigned i = 0; i < 2; i++)
		ladon_igbvf_disarm(rig.side[i].vf);
}

/* Returns frames that were due, or 0 when the connection was lost. */
static uint64_t pulse(const struct test_case *c, uint64_t ns)
{
	uint64_t start = clock_ns(), interval = NSEC_PER_SEC / c->n, next = start, due = 0, now;

	while ((now = clock_ns()) < start + ns) {
		int there, back;

		/* Late ones are not made up for: a burst would measure the burst. */
		if (now >= next) {
			if (!send_one())
				return 0;
			next = MAX(next + interval, now);
			due++;
		}
		there = echo();
		back = collect();
		if (there < 0 || back < 0)
			return 0;
		if (!there && !back && c->driver != POLLS)
			sleep_until(next);
	}
	return due;
}

/* ---- register reads ---- */

static uint64_t reads(const struct test_case *c, uint64_t ns)
{
	uint64_t end = clock_ns() + ns, num = 0, start;
	uint32_t value;

	while (clock_ns() < end && num_taken < SAMPLES) {
		uint64_t until = clock_ns() + c->n * NSEC_PER_USEC;

		while ((start = clock_ns()) < until)
			;
		if (ladon_bar_read32(rig.side[0].fn, 0, VF_STATUS, &value))
			return 0;
		taken[num_taken++] = clock_ns() - start;
		num++;
	}
	return num;
}

/* ---- one case ---- */

static int by_ns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double percentile(unsigned p)
{
	return num_taken ? (double)taken[(uint64_t)(num_taken - 1) * p / 100] / 1e3 : 0;
}

static uint64_t do_case(const struct test_case *c, uint64_t ns)
{
	if (c->kind == PULSE)
		return pulse(c, ns);
	if (c->kind == READ)
		return reads(c, ns);
	usleep((useconds_t)(ns / NSEC_PER_USEC));
	return 1;
}

static int measure(const char *ladond, const struct test_case *c, uint64_t ns,
		   struct sample *ret)
{
	const struct ladon_igbvf_config config = {.use_irq = c->driver != POLLS,
						  .posted = c->driver == POSTED};
	uint64_t start, cpu, num;

	if (rig_start(ladond, c->mode, c->kind == IDLE ? c->n : 2,
		      c->kind == IDLE ? NULL : &config))
		return -1;
	if (c->kind == IDLE)
		usleep(LULL_US);
	else
		do_case(c, ns / 10); /* what comes first is no steady state */
	num_taken = 0;
	start = clock_ns();
	cpu = (uint64_t)bench_proc_cpu_ns(rig.daemon.pid);
	num = do_case(c, ns);
	cpu = (uint64_t)bench_proc_cpu_ns(rig.daemon.pid) - cpu;
	start = clock_ns() - start;
	rig_stop();
	qsort(taken, num_taken, sizeof(taken[0]), by_ns);
	*ret = (struct sample){{(double)cpu * 100 / (double)start, percentile(50),
				percentile(99), num_taken * 1e9 / (double)start}};
	return num ? 0 : -1;
}

/* ---- all of them ---- */

static unsigned make_cases(struct test_case *ret)
{
	unsigned n = 0;

	for (unsigned m = 0; m < ARRAY_SIZE(modes); m++)
		for (unsigned i = 0; i < ARRAY_SIZE(functions); i++)
			if (m % 2 == 0) /* doorbells are not rung */
				ret[n++] = (struct test_case){IDLE, &modes[m], POLLS,
							      functions[i]};
	for (unsigned m = 0; m < ARRAY_SIZE(modes); m++)
		for (unsigned i = 0; i < ARRAY_SIZE(rates); i++)
			for (unsigned d = 0; d < DRIVERS; d++)
				ret[n++] = (struct test_case){PULSE, &modes[m], d, rates[i]};
	for (unsigned m = 0; m < ARRAY_SIZE(modes); m += 2)
		for (unsigned i = 0; i < ARRAY_SIZE(pauses); i++)
			ret[n++] = (struct test_case){READ, &modes[m], POLLS, pauses[i]};
	return n;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct sample median(struct sample (*all)[CASES_MAX], unsigned rounds, unsigned c)
{
	struct sample ret;

	for (unsigned f = 0; f < FIGURES; f++) {
		double v[ROUNDS_MAX];

		for (unsigned r = 0; r < rounds; r++)
			v[r] = all[r][c].v[f];
		qsort(v, rounds, sizeof(v[0]), by_value);
		ret.v[f] = v[rounds / 2];
	}
	return ret;
}

static void print_table(const struct test_case *cases, const struct sample *s, unsigned num)
{
	static const char *const heads[KINDS] = {
		"| idle | functions attached | ladond's CPU % |\n|---|---|---|\n",
		("| 64 B, there and back | doorbells | driver | to be sent a second | "
		 "came | p50 us | p99 us | ladond's CPU % "
		 "|\n|---|---|---|---|---|---|---|---|\n"),
		("| register read | after us | p50 us | p99 us | ladond's CPU % |\n"
		 "|---|---|---|---|---|\n"),
	};

	for (unsigned i = 0; i < num; i++, s++) {
		const struct test_case *c = &cases[i];

		if (i == 0 || c->kind != cases[i - 1].kind)
			printf("\n%s", heads[c->kind]);
		printf("| %s ", c->mode->name);
		if (c->kind == PULSE)
			printf("| %s | %s | %u | %.0f ", c->mode->doorbells, drivers[c->driver],
			       c->n, s->v[RATE]);
		else
			printf("| %u ", c->n);
		if (c->kind != IDLE)
			printf("| %.1f | %.1f ", s->v[P50], s->v[P99]);
		printf("| %.2f |\n", s->v[CPU]);
	}
}

static int write_csv(const char *path, const struct test_case *cases, const struct sample *s,
		     unsigned num)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "%s: cannot be written\n", path);
		return 1;
	}
	fprintf(f, "kind,mode,doorbells,driver,n,cpu_percent,p50_us,p99_us,per_second\n");
	for (unsigned i = 0; i < num; i++, s++, cases++)
		fprintf(f, "%s,%s,%s,\"%s\",%u,%.3f,%.2f,%.2f,%.0f\n", kinds[cases->kind],
			cases->mode->name, cases->mode->doorbells, drivers[cases->driver],
			cases->n, s->v[CPU], s->v[P50], s->v[P99], s->v[RATE]);
	return fclose(f) ? 1 : 0;
}

static int run(const char *ladond, uint64_t ns, unsigned rounds, const char *csv)
{
	static struct sample all[ROUNDS_MAX][CASES_MAX], medians[CASES_MAX];
	static struct test_case cases[CASES_MAX];
	unsigned num = make_cases(cases);

	for (unsigned r = 0; r < rounds; r++)
		for (unsigned i = 0; i < num; i++)
			if (measure(ladond, &cases[i], ns, &all[r][i]))
				return 1;
	for (unsigned i = 0; i < num; i++)
		medians[i] = median(all, rounds, i);
	print_table(cases, medians, num);
	return csv ? write_csv(csv, cases, medians, num) : 0;
}

int main(int argc, char **argv)
{
	unsigned long ms = 1000, rounds = 3;
	const char *csv = NULL;
	int c;

	while ((c = getopt(argc, argv, "t:r:c:")) != -1) {
		if (c == 'c')
			csv = optarg;
		else if (c == 'r')
			rounds = strtoul(optarg, NULL, 10);
		else
			ms = c == 't' ? strtoul(optarg, NULL, 10) : 0;
	}
	if (optind != argc - 1 || ms < 10 || ms > 100000 || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr,
			"usage: bench_idle [-t MILLISECONDS] [-r ROUNDS] [-c CSV] LADOND\n"
			"10 ... 100000 ms a case, 1 ... %u rounds\n",
			ROUNDS_MAX);
		return 2;
	}
	prctl(PR_SET_TIMERSLACK, 1000ul);
	return run(argv[optind], ms * NSEC_PER_MSEC, (unsigned)rounds, csv);
}
