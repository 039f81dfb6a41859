/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_rig.h"

#include <stdio.h>
#include <string.h>

struct demo_daemon *rig_daemon(struct rig *rig)
{
	return &rig->pair[SRIOV].daemon;
}

static unsigned num_vfs(const struct rig *rig)
{
	return 2 * PAIRS + (rig->nodes.num > 2 ? rig->nodes.num - 2 : 0);
}

static bool is_idle(unsigned vf)
{
	return vf >= 2 * PAIRS;
}

static unsigned pair_of(const struct rig *rig, unsigned vf)
{
	return vf / 2 == rig->first[MRIOV] / 2 ? MRIOV : SRIOV;
}

/* The compute host that has a VF, or -1. The idle ones are those of the hosts in the middle. */
static int host_of(const struct rig *rig, unsigned vf)
{
	if (is_idle(vf))
		return (int)(vf - 2 * PAIRS + 1);
	if (!rig->nodes.num || pair_of(rig, vf) == SRIOV)
		return -1;
	return vf % 2 ? (int)rig->nodes.num - 1 : 0;
}

static void make_config(const struct rig *rig, unsigned lease_ms, char *buf, size_t size)
{
	snprintf(buf, size, "card add nic0 model 82576 vfs %u\n", num_vfs(rig));
	bench_nodes_config(&rig->nodes, lease_ms, buf, size);
	for (unsigned vf = 0; vf < num_vfs(rig); vf++) {
		size_t used = strlen(buf);

		if (host_of(rig, vf) >= 0)
			snprintf(buf + used, size - used, "vf assign nic0 %u host ch%d\n", vf,
				 host_of(rig, vf) + 1);
	}
}

int rig_open(struct rig *rig, struct bench_side *side, unsigned vf, int host,
	     const struct ladon_igbvf_config *config)
{
	char path[DEMO_PATH_MAX];
	int err;

	if (host < 0)
		demo_daemon_vf(rig_daemon(rig), vf, path);
	else
		bench_node_vf(&rig->nodes, (unsigned)host, vf, path);
	err = bench_side_attach(side, path);
	return err ? err : bench_side_open(side, config);
}

static int open_all(struct rig *rig)
{
	static const struct ladon_igbvf_config small = {.rx_desc = 8,
							.tx_desc = 8,
							.buf_size = 1024,
							.num_bufs = 24,
							.max_frame = 1000};
	int err = 0;

	for (unsigned vf = 0; vf < num_vfs(rig) && !err; vf++) {
		struct bench_side *side = is_idle(vf)
						  ? &rig->idle[vf - 2 * PAIRS]
						  : &rig->pair[pair_of(rig, vf)].side[vf % 2];

		err = rig_open(rig, side, vf, host_of(rig, vf), is_idle(vf) ? &small : NULL);
	}
	return err;
}

void rig_stop(struct rig *rig)
{
	for (unsigned i = 0; i < BENCH_NODES_MAX; i++)
		bench_side_close(&rig->idle[i]);
	bench_stop(&rig->pair[MRIOV]);
	bench_stop(&rig->pair[SRIOV]);
	bench_nodes_free(&rig->nodes);
}

int rig_start(struct rig *rig, const struct rig_params *params, unsigned hosts, bool swap)
{
	static const char *const extra[] = {"--busy-poll", NULL};
	char config[4096], text[2000];
	int err;

	memset(rig, 0, sizeof(*rig));
	rig->first[swap ? SRIOV : MRIOV] = 2;
	err = bench_nodes_new(&rig->nodes, params->ladon_host, hosts);
	make_config(rig, params->lease_ms, config, sizeof(config));
	if (!err)
		err = demo_daemon_start(rig_daemon(rig), params->ladond, config, extra);
	for (unsigned i = 0; i < hosts && !err; i++)
		err = bench_node_start(&rig->nodes, i, rig_daemon(rig));
	if (!err)
		err = open_all(rig);
	if (!err)
		return 0;
	fprintf(stderr, "%u hosts: %s\n%s", hosts, strerror(-err),
		demo_daemon_log(rig_daemon(rig), text, sizeof(text)));
	bench_nodes_say(&rig->nodes);
	rig_stop(rig);
	return err;
}
