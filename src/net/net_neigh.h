/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_neigh.h - what a frame tells its receivers of who is where on the link: ARP (RFC 826) and
 * IPv6 neighbour discovery (RFC 4861). Reads only the header block; no state, no allocation.
 */
#ifndef LADON_NET_NEIGH_H
#define LADON_NET_NEIGH_H

#include <stdint.h>

#include "net_offload.h"

enum net_neigh {
	NET_NEIGH_NONE,	 /* nothing: another protocol, or a message that names no address */
	NET_NEIGH_CLAIM, /* *ret_mac is the sender's address, it says */
	NET_NEIGH_BAD,	 /* it speaks as a router, or what it says cannot be told for sure */
};

/*
 * buf: the header block of have bytes of a frame of len; off: what will be rewritten in it (an
 * offload that net_offload_valid accepts, or all zero). Looks behind tags (net_is_tag), SNAP
 * and IPv6 extension headers.
 *
 * CLAIM: *ret_mac (net_mac_u64) is an ARP message's sender hardware address, or what all
 * link-layer address options of a router solicitation, neighbour solicitation or advertisement
 * say. BAD: router advertisements and redirects; what is cut short, does not end in the header
 * block, is in a fragment (RFC 6980 forbids that), names two addresses or none of 48 bits, or
 * is rewritten by an offload. *ret_mac is written with CLAIM alone.
 */
enum net_neigh net_neigh_claim(const uint8_t *buf, uint32_t have, uint32_t len,
			       const struct net_offload *off, uint64_t *ret_mac);

#endif
