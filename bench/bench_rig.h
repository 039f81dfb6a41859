/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_rig.h - one card, its ladond, compute hosts, and two pairs of VFs with drivers: SRIOV
 * on the management host, MRIOV on the first compute host and the last. The hosts between these
 * have a VF each whose driver is idle. Without compute hosts both pairs are local.
 */
#ifndef LADON_BENCH_RIG_H
#define LADON_BENCH_RIG_H

#include "bench_node.h"
#include "bench_pair.h"

enum { SRIOV, MRIOV, PAIRS };

struct rig_params {
	const char *ladond, *ladon_host;
	unsigned lease_ms;
};

struct rig {
	struct bench_nodes nodes;
	struct bench_pair pair[PAIRS]; /* the daemon is that of pair[SRIOV] */
	struct bench_side idle[BENCH_NODES_MAX];
	unsigned first[PAIRS]; /* VF of the pair's side 0; that of side 1 is the next */
};

/* Everything runs when it returns; swap: MRIOV has the first two VFs. Prints what went wrong. 0
 * or -errno. */
int rig_start(struct rig *rig, const struct rig_params *params, unsigned hosts, bool swap);
void rig_stop(struct rig *rig);
struct demo_daemon *rig_daemon(struct rig *rig);
/* A driver on a VF, at a compute host or (-1) at the management host, which is waited for. 0 or
 * -errno. */
int rig_open(struct rig *rig, struct bench_side *side, unsigned vf, int host,
	     const struct ladon_igbvf_config *config);

#endif
