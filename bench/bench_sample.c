/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_sample.c - one sample of one case, printed as lines "NAME VALUE UNIT".
 *
 *	bench_sample [-c CPU,CPU] [-t MILLISECONDS] [-s SIZE] [-i IDLE] [-m MSS] CASE LADOND
 *
 * Cases: rate, bulk, policy, round, line. -c: of the card, of the driver.
 */
#include <errno.h>
#include <getopt.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench_rate.h"
#include "bits.h"
#include "clock.h"
#include "fd.h"
#include "sample.h"

#define POLICY_SLICES 8u

const char *const sample_extra[] = {"--busy-poll", NULL};

void sample_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((unsigned)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "CPU %d: %s\n", cpu, strerror(errno));
}

int sample_start(struct bench_pair *b, const struct sample_params *p,
		 const struct ladon_igbvf_config *tx, const struct ladon_igbvf_config *rx)
{
	int err;

	sample_pin(p->card);
	err = bench_start_with(b, p->ladond, sample_extra, tx, rx);
	sample_pin(p->driver);
	return err;
}

void sample_put(const char *name, double value, const char *unit)
{
	printf("%s %.6g %s\n", name, value, unit);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void sample_put_times(const char *name, uint64_t *ns, unsigned num)
{
	char text[32];

	qsort(ns, num, sizeof(*ns), by_value);
	snprintf(text, sizeof(text), "%s-p50", name);
	sample_put(text, (double)ns[num / 2] / 1e3, "us");
	snprintf(text, sizeof(text), "%s-p99", name);
	sample_put(text, (double)ns[num - 1 - num / 100] / 1e3, "us");
}

int sample_rate(const struct sample_params *p)
{
	struct bench_rate rate;
	struct bench_pair b;
	int err = sample_start(&b, p, NULL, NULL);

	if (err)
		return err;
	err = bench_idle_start(&b, p->idle);
	if (!err)
		err = bench_measure(&b, p->size, p->ns, &rate);
	bench_idle_stop(p->idle);
	bench_stop(&b);
	if (err)
		return err;
	sample_put("rate", rate.mpps, "Mpps");
	sample_put("copied", rate.copied, "B");
	sample_put("traps", rate.traps, "/1000");
	return 0;
}

/* ---- policy ---- */

static const char *const policies[2][3] = {
	{"card set nic0 control-frames pass",
	 "link set nic0 vf 0 vlan 0 spoofchk off max_tx_rate 0",
	 "link set nic0 vf 1 vlan 0 spoofchk off max_tx_rate 0"},
	{"card set nic0 control-frames drop",
	 "link set nic0 vf 0 vlan 100 spoofchk on max_tx_rate 1000000",
	 "link set nic0 vf 1 vlan 100 spoofchk on max_tx_rate 1000000"},
};

static int policy_slice(struct bench_pair *b, const struct sample_params *p, unsigned which,
			double *ret_mpps)
{
	struct bench_rate rate = {0};
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(policies[which]) && !err; i++) {
		err = demo_daemon_ask(&b->daemon, policies[which][i], NULL);
		if (err)
			fprintf(stderr, "%s: %s\n", policies[which][i], strerror(-err));
	}
	if (!err)
		err = bench_measure(b, p->size, p->ns / (2 * POLICY_SLICES), &rate);
	*ret_mpps = rate.mpps;
	return err;
}

static int by_double(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int sample_policy(const struct sample_params *p)
{
	static const char *const names[] = {"none", "full"};
	double mpps[2][POLICY_SLICES];
	struct bench_pair b;
	int err = sample_start(&b, p, NULL, NULL);

	if (err)
		return err;
	for (unsigned i = 0; i < POLICY_SLICES && !err; i++)
		for (unsigned which = 0; which < 2 && !err; which++)
			err = policy_slice(&b, p, which, &mpps[which][i]);
	bench_stop(&b);
	for (unsigned which = 0; which < 2 && !err; which++) {
		qsort(mpps[which], POLICY_SLICES, sizeof(double), by_double);
		sample_put(names[which], mpps[which][POLICY_SLICES / 2], "Mpps");
	}
	return err;
}

static const struct {
	const char *name;
	int (*run)(const struct sample_params *p);
} cases[] = {
	{"rate", sample_rate},	 {"bulk", sample_bulk}, {"policy", sample_policy},
	{"round", sample_round}, {"line", sample_line},
};

static int usage(void)
{
	fprintf(stderr, "usage: bench_sample [-c CPU,CPU] [-t MILLISECONDS] [-s SIZE] [-i "
			"IDLE] [-m MSS] rate|bulk|policy|round|line LADOND\n");
	return 2;
}

static bool take(struct sample_params *p, int option, const char *text)
{
	unsigned long value = strtoul(text, NULL, 10);

	if (option == 't')
		p->ns = value * NSEC_PER_MSEC;
	else if (option == 's')
		p->size = (unsigned)value;
	else if (option == 'i')
		p->idle = (unsigned)value;
	else if (option == 'm')
		p->mss = (unsigned)value;
	else
		return option == 'c' && sscanf(text, "%d,%d", &p->card, &p->driver) == 2;
	return true;
}

int main(int argc, char **argv)
{
	struct sample_params p = {.ns = NSEC_PER_SEC, .driver = 1, .size = 64};
	int c;

	while ((c = getopt(argc, argv, "c:t:s:i:m:")) != -1)
		if (!take(&p, c, optarg))
			return usage();
	if (optind != argc - 2 || p.idle > BENCH_IDLE_MAX || p.size < 64 || p.size > 65535 ||
	    p.mss > 9000 || p.card < 0 || p.card >= CPU_SETSIZE || p.driver < 0 ||
	    p.driver >= CPU_SETSIZE)
		return usage();
	p.ladond = argv[optind + 1];
	fd_raise_limit(); /* each VF takes several */
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		int err;

		if (strcmp(cases[i].name, argv[optind]) != 0)
			continue;
		err = cases[i].run(&p);
		if (err)
			fprintf(stderr, "%s: %s\n", cases[i].name, strerror(-err));
		return err != 0;
	}
	return usage();
}
