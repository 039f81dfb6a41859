/* SPDX-License-Identifier: BSD-3-Clause */
/* nic_talk.h - whom a port talks to, for nic_place.h. */
#ifndef LADON_NIC_TALK_H
#define LADON_NIC_TALK_H

#include <stdint.h>

/* Where most of what a port sends goes. Data path only. */
struct nic_talk {
	uint64_t frames; /* sent */
	uint64_t weight; /* of peer: frames for it less those for others, never below 0 */
	uint16_t peer;	 /* index of a port */
};

/* num frames went to peer. A majority vote (Boyer and Moore, 1981): who gets more than half of
 * the frames is peer in the end, and no table is needed. */
static inline void nic_talk_count(struct nic_talk *talk, uint16_t peer, unsigned num)
{
	talk->frames += num;
	if (talk->peer == peer) {
		talk->weight += num;
	} else if (talk->weight >= num) {
		talk->weight -= num;
	} else {
		talk->weight = num - talk->weight;
		talk->peer = peer;
	}
}

#endif
