/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_mirror.h - copies of a port's frames for other ports. Data path only; who gets them is
 * decided in nic_card.h and changed by nic_dp_set_mirrors. While nobody does, port->mirrors is
 * NULL and all this is one branch that is not taken.
 *
 * What a port sends is copied once it has passed the ingress policy, whoever received it; what
 * it receives, once it has been delivered. A copy is an ordinary frame to its receiver, with
 * the tags that the frame has inside the card, whatever the receiver's VLANs, filters and port
 * VLAN are. It comes after the frame itself and has no part in that one's fate: what a receiver
 * of copies cannot take is its own loss (nic_drop.h). Copies are counted in stats.mirrored as
 * well, and nobody gets copies of them.
 */
#ifndef LADON_NIC_MIRROR_H
#define LADON_NIC_MIRROR_H

#include "nic_port.h"

#define NIC_MIRROR_MAX 4u /* ports that get copies of what one port sends, or receives */

struct nic_switch;

/* Who gets copies of one port's frames. Immutable while it is published; the control thread's.
 */
struct nic_mirror_set {
	unsigned num_sent, num_received;
	struct nic_port *sent[NIC_MIRROR_MAX], *received[NIC_MIRROR_MAX];
};

/* src has mirrors and sent f, frames on a wire. */
void nic_mirror_sent(struct nic_switch *sw, const struct nic_port *src,
		     const struct nic_frame *f, unsigned frames) __attribute__((cold));
/* dst has mirrors and received the first frames of f, which src sent. */
void nic_mirror_received(struct nic_switch *sw, const struct nic_port *src,
			 const struct nic_port *dst, const struct nic_frame *f, unsigned frames)
	__attribute__((cold));

#endif
