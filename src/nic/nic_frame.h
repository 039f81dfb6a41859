/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_frame.h - a frame on its way through the card: a snapshot of its headers in our memory,
 * and pointers to the rest where the sender left it.
 *
 * The snapshot is what is judged and what is sent: the sender cannot change it any more. The
 * payload stays in guest memory and is read once, by the copy into the receiver's buffers. An
 * outer 802.1Q tag is kept apart from the bytes (tagged, tci), whether the sender wrote it or
 * asked for insertion.
 */
#ifndef LADON_NIC_FRAME_H
#define LADON_NIC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "net_offload.h"

#define NIC_HDR_MAX   256 /* snapshot; longer header stacks with offloads are refused */
#define NIC_HDR_PLAIN 128 /* snapshot when no offload needs more */
#define NIC_FRAME_MAX                                                          \
	(256 * 1024) /* bytes of one TSO frame (the card's limit, 82576 7.2.4) \
		      */
#define NIC_JUMBO_MAX \
	9728 /* bytes of one frame on the wire with FCS (82576: RLPML limit 0x2600) */
#define NIC_BURST      32  /* frames parsed before any is delivered */
#define NIC_BURST_SEGS 512 /* payload pieces of one burst */

struct nic_seg {
	const uint8_t *ptr; /* guest memory: may change under us, may be truncated */
	uint32_t len;
};

struct nic_frame {
	uint32_t len;	  /* hdr_len + all segments; without tag, without FCS */
	uint16_t hdr_len; /* bytes in hdr */
	uint16_t num_segs;
	const struct nic_seg *segs; /* into the burst's pool */
	uint16_t tci;		    /* outer tag, when tagged */
	bool tagged;
	bool local;		/* came from a function of this card, not from the uplink */
	bool csum_valid;	/* checksums are known to be right (we made them, or checked) */
	struct net_offload off; /* l2_len without the outer tag; all zero = none */
#ifdef LADON_BREAK_SNAPSHOT
	const uint8_t *guest; /* where hdr was copied from */
#endif
	uint8_t hdr[NIC_HDR_MAX] __attribute__((aligned(CACHE_LINE)));
};

static inline uint16_t nic_frame_vid(const struct nic_frame *f)
{
	return f->tagged ? f->tci & 0xfff : 0;
}

/*
 * Takes an outer 802.1Q tag out of the snapshot's bytes into tagged/tci, unless the frame has
 * one there already (then the one in the bytes is an inner tag). len, hdr_len and off.l2_len
 * follow.
 */
void nic_frame_lift_tag(struct nic_frame *f);

#endif
