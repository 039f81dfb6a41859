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

/* Writes the IPv4 header checksum; no effect on a header that is not IPv4. */
void net_ip_csum_set(uint8_t *hdr, const struct net_offload *off);

/*
 * The pseudo-header sum for TCP/UDP over the IP header in hdr; l4_total = L4 header + payload
 * bytes. The drivers leave the pseudo-header sum in the checksum field (without the length when
 * segmenting); it is taken from there only when l3_len is more than one plain IP header: a
 * tunnel, whose inner addresses the card does not know, or IPv6 extension headers, one of which
 * may hold the real destination.
 */
uint64_t net_pseudo_sum(const uint8_t *hdr, const struct net_offload *off, uint32_t l4_total);

/*
 * Finishes TCP/UDP: payload_sum is the sum of all bytes after the first hdr_len; the L4
 * header's bytes that are in hdr are summed here, with net_pseudo_sum in place of the checksum
 * field. When hdr_len - (l2+l3) is odd the caller has swapped payload_sum. A UDP result of 0 is
 * written as ffff. Returns false, and writes nothing, when the checksum field is not inside hdr
 * or l4 is neither TCP nor UDP.
 */
bool net_l4_csum_set(uint8_t *hdr, uint32_t hdr_len, const struct net_offload *off,
		     uint64_t payload_sum, uint32_t l4_total);

/* One segment of a TSO frame. */
struct net_segment {
	uint32_t payload_off; /* into the payload after the headers */
	uint32_t payload_len; /* <= mss */
	uint32_t index;
	bool last;
};

/* Number of segments for payload bytes (>= 1). */
uint32_t net_tso_count(const struct net_offload *off, uint32_t payload);
/*
 * Writes segment's header into dst (l2+l3+l4 bytes): a copy of hdr with IPv4 total length and
 * ID + index, or IPv6 payload length; TCP sequence + payload_off, FIN and PSH only on the last,
 * CWR only on the first; UDP length; IPv4 checksum. The L4 checksum is the caller's
 * (net_l4_csum_set).
 */
void net_tso_header(uint8_t *dst, const uint8_t *hdr, const struct net_offload *off,
		    const struct net_segment *segment);

/* Is the IPv4 header checksum of a received frame right? p must say NET_L3_IPV4. */
bool net_ip_csum_ok(const uint8_t *hdr, const struct net_parsed *p);

#endif
