/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_rss.h - receive side scaling: the Toeplitz hash over a frame's addresses and ports, as
 * Microsoft defined it and Intel's cards compute it. No state, no allocation.
 */
#ifndef LADON_NET_RSS_H
#define LADON_NET_RSS_H

#include <stdint.h>

#include "net_parse.h"

#define NET_RSS_KEY   40 /* bytes */
#define NET_RSS_INPUT 36 /* bytes at most: two IPv6 addresses and two ports */

/* Which headers are hashed; in the order of the bits of Intel's MRQC 31:16. EX: the addresses
 * that the home address option and the routing header of type 2 hold come first. */
enum net_rss_types {
	NET_RSS_TCP_IPV4 = 1 << 0,
	NET_RSS_IPV4 = 1 << 1,
	NET_RSS_TCP_IPV6_EX = 1 << 2,
	NET_RSS_IPV6_EX = 1 << 3,
	NET_RSS_IPV6 = 1 << 4,
	NET_RSS_TCP_IPV6 = 1 << 5,
	NET_RSS_UDP_IPV4 = 1 << 6,
	NET_RSS_UDP_IPV6 = 1 << 7,
	NET_RSS_UDP_IPV6_EX = 1 << 8,
};

/* Which of them a frame was hashed by: the numbers Intel's cards write into a descriptor. */
enum net_rss_used {
	NET_RSS_USED_NONE,
	NET_RSS_USED_TCP_IPV4,
	NET_RSS_USED_IPV4,
	NET_RSS_USED_TCP_IPV6,
	NET_RSS_USED_IPV6_EX,
	NET_RSS_USED_IPV6,
	NET_RSS_USED_TCP_IPV6_EX,
	NET_RSS_USED_UDP_IPV4,
	NET_RSS_USED_UDP_IPV6,
	NET_RSS_USED_UDP_IPV6_EX,
};

/*
 * A key made ready: what each value of each half byte of the input adds to the hash. An IPv4
 * frame with ports takes 24 look-ups in 1.5 KiB.
 */
struct net_rss_key {
	uint32_t table[2 * NET_RSS_INPUT][16];
};

/* key: RSSRK's bytes in the order of their addresses. */
void net_rss_key_init(struct net_rss_key *ret, const uint8_t key[NET_RSS_KEY]);

/* len: at most NET_RSS_INPUT. */
uint32_t net_toeplitz(const struct net_rss_key *key, const uint8_t *input, uint32_t len);

/*
 * The hash of a frame: hdr are its bytes, at least up to p->hdr_len, p what net_parse made of
 * them. types: a set of enum net_rss_types. *ret_used: NONE (and the hash 0) when none of them
 * fits; a fragment has addresses only.
 */
uint32_t net_rss_hash(const struct net_rss_key *key, uint32_t types, const uint8_t *hdr,
		      const struct net_parsed *p, enum net_rss_used *ret_used);

#endif
