/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_frame.h - a frame on its way through the card: a snapshot of its headers in our memory,
 * and pointers to the rest where the sender left it.
 *
 * The snapshot is what is judged and what is sent: the sender cannot change it any more. The
 * payload stays in guest memory and is read once, by the copy into the receiver's buffers. An
 * outer 802.1Q tag is kept apart from the bytes (tagged, tci), whether the sender wrote it or
 * asked for insertion; so is an 802.1ad tag around that (svlan, stci), on a card that has such
 * port VLANs.
 */
#ifndef LADON_NIC_FRAME_H
#define LADON_NIC_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "net_eth.h"
#include "net_offload.h"
#include "nic_policy.h"

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

/* Which of a frame's tags somebody sees; their values are the frame's. */
struct nic_tags {
	bool tagged, svlan;
};

struct nic_frame {
	uint32_t len;	  /* hdr_len + all segments; without tags, without FCS */
	uint16_t hdr_len; /* bytes in hdr */
	uint16_t num_segs;
	const struct nic_seg *segs; /* into the burst's pool */
	uint16_t tci;		    /* outer 802.1Q tag, when tagged */
	uint16_t stci;		    /* 802.1ad tag around it, when svlan: the switch's */
	bool tagged, svlan;
	bool local;	 /* came from a function of this card, not from the uplink */
	uint8_t more;	 /* frames behind it in its burst */
	bool csum_valid; /* checksums are known to be right (we made them, or checked) */
	/* For another worker (nic_flight.h): */
	bool flood;		/* to all ports that want it, beside `to` */
	bool unknown;		/* no port owns its address */
	bool follows;		/* it goes where the one before it went, unasked (nic_run.h) */
	uint16_t to;		/* index of a port, or NIC_NOWHERE */
	struct net_offload off; /* l2_len without the tags kept apart; all zero = none */
#ifdef LADON_BREAK_SNAPSHOT
	const uint8_t *guest; /* where hdr was copied from */
#endif
	uint8_t hdr[NIC_HDR_MAX] __attribute__((aligned(CACHE_LINE)));
};

static inline bool nic_frame_has_offload(const struct nic_frame *f)
{
	return f->off.ip_csum || f->off.l4_csum || f->off.tso;
}

/* The VLAN that it is switched in; NIC_SVLAN beside the number of an 802.1ad tag. */
static inline uint16_t nic_frame_vid(const struct nic_frame *f)
{
	if (unlikely(f->svlan))
		return (uint16_t)((f->stci & 0xfff) | NIC_SVLAN);
	return f->tagged ? f->tci & 0xfff : 0;
}

/* A TSO frame is as many as it has segments. */
static inline uint32_t nic_frame_count(const struct nic_frame *f)
{
	return f->off.tso ? net_tso_count(&f->off, f->len - f->hdr_len) : 1;
}

/* Bytes of the tags that are kept apart. */
static inline uint32_t nic_frame_tags_len(const struct nic_frame *f)
{
	return (f->tagged ? NET_VLAN_HLEN : 0) + (f->svlan ? NET_VLAN_HLEN : 0);
}

/*
 * Takes an outer 802.1Q tag out of the snapshot's bytes into tagged/tci, unless the frame has
 * one there already (then the one in the bytes is an inner tag). len, hdr_len and off.l2_len
 * follow.
 */
void nic_frame_lift_tag(struct nic_frame *f);
/*
 * The same for an 802.1ad tag, unless an 802.1Q tag is around it or its VLAN is 0 (then it is
 * no VLAN); and for an 802.1Q tag that was behind it. Returns false when the offloads asked for
 * do not fit what is left: the sender took the tags for something else.
 */
bool nic_frame_lift_svlan(struct nic_frame *f);

#endif
