/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_run.h - frames of one burst that go where the one before went: untagged, with its
 * addresses and type, they are not judged again, and are counted together. Only where nothing
 * but these bytes decides: a frame whose length, content or time matters to a policy, or on
 * which somebody looks, goes through the switch alone. Data path only.
 */
#ifndef LADON_NIC_RUN_H
#define LADON_NIC_RUN_H

#include "nic_switch.h"

/*
 * f, untagged when it came and for an address that a port owns, was judged by sp and dp, src's
 * and dst's policies, and taken by dst alone: may the next ones follow it?
 */
void nic_run_begin(struct nic_switch *sw, const struct nic_port *src,
		   const struct nic_policy *sp, struct nic_port *dst,
		   const struct nic_policy *dp, const struct nic_frame *f);
/* Delivers and counts frames from first on that follow, or hands them over. Returns how many.
 */
unsigned nic_run_take(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst,
		      unsigned first);

/* Stores and counts what another worker found to follow the frame that this one took last: n
 * frames. Returns how many. */
unsigned nic_run_handed(struct nic_switch *sw, const struct nic_frame *f, unsigned n);

#endif
