/* SPDX-License-Identifier: BSD-3-Clause */
/* bridge.h - the compute host's side of the bridge's registers (ntb_regs.h): beats, and the
 * answer to the management host's doorbell. One joining; one thread. */
#ifndef LADON_HOST_BRIDGE_H
#define LADON_HOST_BRIDGE_H

#include <stdbool.h>

#include "link.h"

struct bridge;

/* Asks for the registers and enables their link. link is borrowed. Returns 0 or -errno. */
int bridge_new(struct loop *loop, struct link *link, struct bridge **ret_bridge);
/* Takes NULL. */
void bridge_free(struct bridge *bridge);
/* We live. False: the registers' link is down. Takes NULL. */
bool bridge_beat(struct bridge *bridge);

#endif
