/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_offload.h - what a NIC does to headers on the way out: checksums and TCP/UDP
 * segmentation.
 *
 * All functions work on a header block in our own memory (the snapshot), never on guest memory,
 * and take lengths from the descriptor's context, checked here against hdr_len: a lie gives
 * false.
 */
#ifndef LADON_NET_OFFLOAD_H
#define LADON_NET_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net_parse.h"

/* From the context descriptor. l2_len includes tags that are in the bytes. */
struct net_offload {
	uint16_t l2_len, l3_len, l4_len; /* bytes; l4_len only for segmentation */
	uint8_t l3, l4;			 /* enum net_l3, net_l4 as the descriptor says */
	bool ip_csum;			 /* insert the IPv4 header checksum */
	bool l4_csum;			 /* insert TCP/UDP/SCTP checksum */
	bool tso;			 /* segment: mss > 0, l4 TCP or UDP */
	uint16_t mss;
};

/*
 * Do the lengths fit a header block of hdr_len bytes, and is the combination one the card
 * knows? True also says that every function below stays inside hdr_len. Without segmentation l3
 * is not looked at: drivers leave the IPv4 bit of a plain checksum's context at 0 (Linux 6.1,
 * igb_tx_csum), so l3 is then what the bytes say.
 */
bool net_offload_valid(const struct net_offload *off, uint32_t hdr_len);

/* Writes the IPv4 header checksum. Returns false, and writes nothing, when there is no whole
 * IPv4 header. */
bool net_ip_csum_set(uint8_t *hdr, const struct net_offload *off);

/*
 * The pseudo-header sum for TCP/UDP over the IP header in hdr; l4_total = L4 header + payload
 * bytes. The drivers leave the pseudo-header sum in the checksum field (without the length when
 * segmenting); it is taken from there only when l3_len is more than one plain IP header: a
 * tunnel, whose inner addresses the card does not know, or IPv6 extension headers, one of which
 * may hold the real destination.
 */
uint64_t net_pseudo_sum(const uint8_t *hdr, const struct net_offload *off, uint32_t l4_total);

/* One segment of a TSO frame. */
struct net_segment {
	uint32_t payload_off; /* into the payload after the headers */
	uint32_t payload_len; /* <= mss */
	uint32_t index;
	bool last;
};

/* Number of segments for payload bytes (>= 1). */
uint32_t net_tso_count(const struct net_offload *off, uint32_t payload);

/* A frame that is being cut: what all of its segments' headers have in common is summed once.
 */
struct net_tso {
	const struct net_offload *off; /* borrowed */
	uint8_t *hdr;		 /* borrowed: l2+l3+l4 bytes, rewritten for each segment */
	uint64_t ip_sum, l4_sum; /* folded; l4_sum with the pseudo-header, without its length */
	uint32_t seq;
	uint16_t id, flags; /* flags: the word they are in, as in memory */
	bool ip_csum;	    /* hdr has an IPv4 checksum */
};

/* hdr: a copy of the frame's header block; off was accepted by net_offload_valid and asks for
 * segmentation. Both stay the caller's, and have to stay as they are until the last segment. */
void net_tso_begin(struct net_tso *tso, uint8_t *hdr, const struct net_offload *off);
/*
 * Makes hdr the header of a segment, in any order: IPv4 total length and ID + index, or IPv6
 * payload length; TCP sequence + payload_off, FIN and PSH only on the last, CWR only on the
 * first; UDP length; IPv4 checksum; L4 checksum over it and the payload, whose sum the caller
 * has swapped when l4_len is odd (net_csum_swap). A UDP checksum of 0 is written as ffff.
 */
void net_tso_segment(const struct net_tso *tso, const struct net_segment *segment,
		     uint64_t payload_sum);

/* Is the IPv4 header checksum of a received frame right? p must say NET_L3_IPV4. */
bool net_ip_csum_ok(const uint8_t *hdr, const struct net_parsed *p);

#endif
