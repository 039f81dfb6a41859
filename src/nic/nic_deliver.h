/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_deliver.h - the one copy: from the sender's buffers (and the header snapshot) into the
 * receiver's, with checksums, segmentation and tags done on the way. Data path only.
 */
#ifndef LADON_NIC_DELIVER_H
#define LADON_NIC_DELIVER_H

#include "net_parse.h"
#include "nic_frame.h"
#include "nic_port.h"

/*
 * Delivers f to dst under dst's policy (VLAN membership and link were judged by the switch).
 * tags: as this receiver sees them (a port VLAN already taken off). A TSO frame becomes its
 * segments. copy: 0, or this is a copy (nic_mirror.h) of so many wire frames, and tags stay in
 * the bytes, whatever dst strips. Counts what dst received or lost. Returns the number of wire
 * frames delivered; or NIC_DELIVER_WAITS, nothing counted, when a port that may_wait has no
 * descriptors.
 */
#define NIC_DELIVER_WAITS (~0u)
unsigned nic_deliver(struct nic_port *dst, const struct nic_policy *policy,
		     const struct nic_frame *f, struct nic_tags tags, uint32_t copy);

/*
 * Stores f, which is not to be cut, without tags, at to: f->len bytes, or NET_ETH_ZLEN when it
 * is shorter. Fills meta with its length and what is known of its checksums, and *parsed, to
 * which meta points from then on. For nic_port_ops.rx_run.
 */
void nic_deliver_at(uint8_t *to, const struct nic_frame *f, struct nic_rx_meta *meta,
		    struct net_parsed *parsed);

#endif
