/* SPDX-License-Identifier: BSD-3-Clause */
/* compute_port.h - what a compute host's port of the bridge has let pass and refused, for the
 * operator. */
#ifndef LADON_DAEMON_COMPUTE_PORT_H
#define LADON_DAEMON_COMPUTE_PORT_H

#include "ntb_fault.h"

#define COMPUTE_REFUSALS 16u

/* The last refusals: a fixed ring, the oldest is overwritten. */
struct compute_refusals {
	struct ntb_fault rec[COMPUTE_REFUSALS];
	uint64_t total; /* the newest is rec[(total - 1) % COMPUTE_REFUSALS] */
};

struct compute;
struct json_object;

/* Takes what the port has recorded, so that there is room for what comes. */
void compute_port_collect(struct compute *compute);
/* Link, walks that passed, refusals by reason, the last of them. A new object. */
struct json_object *compute_port_json(struct compute *compute);

#endif
