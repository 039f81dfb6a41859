/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_switch.c - what parts of the switch cost for a frame of 64 bytes, without guests:
 *bursts from one port to another, in memory that stays in the cache, so that nothing hides a
 *cost.
 *
 *	bench_switch [-r ROUNDS]
 *
 * The cases take turns within each round; the medians are compared with the first case's.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "net_eth.h"
#include "nic_capture.h"
#include "nic_mirror.h"
#include "nic_switch.h"

#define ROUNDS_MAX 999
#define BURSTS	   2000u
#define SIZE	   60u /* without FCS */

struct bench_port {
	struct nic_port port;
	struct nic_policy policy;
	uint8_t buf[2048];
};

static struct bench_port vfs[2];
static struct nic_ports ports;
static struct nic_switch sw = {.all = &ports, .workers = 1};
static struct nic_burst burst;
static struct nic_capture_set captures;
static struct nic_mirror_set mirrors;

static bool strips(const struct nic_port *port)
{
	(void)port;
	return true;
}

static enum nic_drop buffers(struct nic_port *port, const struct nic_rx_meta *meta,
			     struct nic_sink *sink)
{
	sink->n = 1;
	sink->iov[0].ptr = ((struct bench_port *)port)->buf;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	(void)port;
	(void)meta;
	return NIC_DROP_NONE;
}

static void done(struct nic_port *port, uint64_t now_ns)
{
	(void)port;
	(void)now_ns;
}

static const struct nic_port_ops ops = {
	.rx_strips_tag = strips,
	.rx_buffers = buffers,
	.rx_commit = commit,
	.rx_done = done,
};

static int set_up(void)
{
	struct nic_fdb *fdb;

	if (nic_fdb_new(16, &fdb) < 0)
		return -1;
	atomic_store(&ports.fdb, fdb);
	for (unsigned n = 0; n < 2; n++) {
		struct bench_port *p = &vfs[n];
		const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)n};

		p->port.ops = &ops;
		p->port.index = (uint16_t)n;
		p->policy.link_up = p->policy.rx_on = p->policy.tx_on = true;
		p->policy.untagged = p->policy.spoof_mac = p->policy.spoof_vlan = true;
		p->policy.max_frame = 1514;
		p->policy.num_macs = 1;
		p->policy.mac[0] = net_mac_u64(mac);
		atomic_store(&p->port.policy, &p->policy);
		sw.port[n] = ports.port[n] = ports.by_index[n] = &p->port;
		nic_fdb_add(fdb, p->policy.mac[0], 0, n);
	}
	sw.num = ports.num = 2;
	return 0;
}

static void fill_burst(void)
{
	for (burst.n = 0; burst.n < NIC_BURST; burst.n++) {
		struct nic_frame *f = &burst.frame[burst.n];

		*f = (struct nic_frame){.len = SIZE, .hdr_len = SIZE, .local = true};
		f->hdr[0] = f->hdr[6] = 2;
		f->hdr[5] = 1;
		put_be16(f->hdr + 12, 0x88b5);
	}
}

/* ---- cases ---- */

static void filter_off(void)
{
	vfs[0].policy.filter_control = false;
}

static void filter_on(void)
{
	vfs[0].policy.filter_control = true;
}

static void captured(void)
{
	const struct nic_capture_params params = {.snaplen = 0};

	filter_on();
	if (nic_capture_new(&params, &captures.list[0]) < 0)
		abort();
	captures.num = 1;
	vfs[0].port.captures = vfs[1].port.captures = &captures;
}

static void mirrored(void)
{
	filter_on();
	mirrors.num_sent = 1;
	mirrors.sent[0] = &vfs[1].port;
	vfs[0].port.mirrors = &mirrors;
}

static void nobody_looks(void)
{
	vfs[0].port.mirrors = NULL;
	if (captures.num)
		nic_capture_free(captures.list[--captures.num]);
	vfs[0].port.captures = vfs[1].port.captures = NULL;
}

static const struct {
	const char *name;
	void (*set)(void);
} cases[] = {
	{"control-frame filter off", filter_off},
	{"control-frame filter on", filter_on},
	{"both ports captured", captured},
	{"mirrored to one port", mirrored},
};

#define NUM_CASES (sizeof(cases) / sizeof(cases[0]))

/* Nanoseconds a frame. */
static double measure(void)
{
	static uint8_t bytes[NIC_CAPTURE_SNAP];
	struct nic_capture_rec rec;
	uint64_t start = clock_ns();

	for (unsigned i = 0; i < BURSTS; i++) {
		nic_switch_burst(&sw, &vfs[0].port, &burst);
		nic_switch_flush(&sw, start);
		while (captures.num && nic_capture_read(captures.list[0], &rec, bytes))
			;
	}
	return (double)(clock_ns() - start) / (BURSTS * NIC_BURST);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double ns[NUM_CASES][ROUNDS_MAX];
	unsigned long rounds = 99;
	int c;

	while ((c = getopt(argc, argv, "r:")) == 'r')
		rounds = strtoul(optarg, NULL, 10);
	if (c != -1 || optind != argc || rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench_switch [-r ROUNDS]\n");
		return 2;
	}
	if (set_up() < 0)
		return 1;
	fill_burst();
	for (unsigned long r = 0; r < rounds; r++) {
		for (unsigned i = 0; i < NUM_CASES; i++) {
			cases[i].set();
			ns[i][r] = measure();
			nobody_looks();
		}
	}
	printf("| %-24s | ns a frame | ratio |\n|---|---|---|\n", "64 bytes, one to one");
	for (unsigned i = 0; i < NUM_CASES; i++) {
		qsort(ns[i], rounds, sizeof(ns[i][0]), by_value);
		printf("| %-24s | %10.1f | %5.3f |\n", cases[i].name, ns[i][rounds / 2],
		       ns[i][rounds / 2] / ns[0][rounds / 2]);
	}
	nic_fdb_free((struct nic_fdb *)(uintptr_t)atomic_load(&ports.fdb));
	return 0;
}
