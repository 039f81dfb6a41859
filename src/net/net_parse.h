/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_parse.h - where the headers of a frame are. Reads only [buf, buf+len): a header that is
 * cut short is simply not reported. No state, no allocation.
 */
#ifndef LADON_NET_PARSE_H
#define LADON_NET_PARSE_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "net_eth.h"

enum net_l3 { NET_L3_NONE, NET_L3_IPV4, NET_L3_IPV6 };
enum net_l4 { NET_L4_NONE, NET_L4_TCP, NET_L4_UDP, NET_L4_SCTP };

struct net_parsed {
	uint8_t l3,
		l4;    /* enum net_l3, net_l4; a real fragment has l4 NONE, an atomic one not */
	bool fragment; /* IPv4 MF or offset, IPv6 fragment header */
	bool ext_headers;   /* IPv6 extension headers, or IPv4 options */
	uint8_t tags;	    /* VLAN tags in the bytes (0 ... 2) */
	uint16_t ethertype; /* after the tags */
	uint16_t l3_off;    /* of the IP header; 14 + 4 * tags */
	uint16_t l4_off;    /* of TCP/UDP/SCTP; 0 when l4 is NONE */
	uint16_t hdr_len;   /* end of the last header understood: where header split cuts */
	/*
	 * Total length of the IP packet by its own word (IPv6: 40 + payload length, at most
	 * 65535). May be a lie, and is 0 (40) in a frame to be segmented.
	 */
	uint16_t ip_len;
};

/* net_parse of any frame. */
void net_parse_all(const uint8_t *buf, uint32_t len, struct net_parsed *ret);

/*
 * len: bytes of the frame that are in buf. Fewer than 14 gives all zeros. An L4 header that
 * lies beyond ip_len, in the padding, is not one.
 */
static inline void net_parse(const uint8_t *buf, uint32_t len, struct net_parsed *ret)
{
	uint16_t type = len < NET_ETH_HLEN ? NET_ETH_P_IPV4 : get_be16(buf + NET_ETH_HLEN - 2);

	if (net_is_tag(type) || type == NET_ETH_P_IPV4 || type == NET_ETH_P_IPV6)
		net_parse_all(buf, len, ret);
	else /* all there is to say */
		*ret = (struct net_parsed){
			.ethertype = type, .l3_off = NET_ETH_HLEN, .hdr_len = NET_ETH_HLEN};
}

#endif
