/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_rss.h"

#include <stddef.h>
#include <string.h>

#include "bits.h"

#define IP4_ADDRS     12 /* offset of the two addresses in the header */
#define IP4_ADDRS_LEN 8
#define IP6_LEN	      40
#define IP6_SRC	      8
#define IP6_DST	      24
#define IP6_ADDR_LEN  16
#define IP6_ADDRS_LEN 32
#define PORTS_LEN     4

#define PROTO_HOPOPT   0
#define PROTO_ROUTE    43
#define PROTO_FRAGMENT 44
#define PROTO_DSTOPTS  60
#define EXT_MIN	       8
#define EXT_MAX	       8 /* headers; as many as net_parse follows */
#define OPT_PAD1       0
#define OPT_HOME_ADDR  201 /* RFC 6275, 6.3 */
#define ROUTE_TYPE2    2   /* RFC 6275, 6.4 */

/* The 32 bits of the key that begin at a bit: what a set bit at that place of the input adds.
 */
static uint32_t key_bits(const uint8_t key[NET_RSS_KEY], unsigned bit)
{
	uint64_t window = (uint64_t)get_be32(key + bit / 8) << 8 | key[bit / 8 + 4];

	return (uint32_t)(window >> (8 - bit % 8));
}

void net_rss_key_init(struct net_rss_key *ret, const uint8_t key[NET_RSS_KEY])
{
	for (unsigned half = 0; half < 2 * NET_RSS_INPUT; half++)
		for (unsigned value = 0; value < 16; value++) {
			uint32_t sum = 0;

			for (unsigned b = 0; b < 4; b++)
				if (value & (8u >> b))
					sum ^= key_bits(key, half * 4 + b);
			ret->table[half][value] = sum;
		}
}

uint32_t net_toeplitz(const struct net_rss_key *key, const uint8_t *input, uint32_t len)
{
	uint32_t hash = 0;

	for (uint32_t i = 0; i < len; i++)
		hash ^= key->table[2 * i][input[i] >> 4] ^ key->table[2 * i + 1][input[i] & 15];
	return hash;
}

/* ---- IPv6 mobility ---- */

/* The home address in the options [at, end) of a destination options header, or NULL. */
static const uint8_t *home_address(const uint8_t *at, const uint8_t *end)
{
	while (end - at >= 2) {
		uint32_t len = at[1];

		if (*at == OPT_PAD1) {
			at++;
			continue;
		}
		if (len > (uint32_t)(end - at) - 2)
			return NULL;
		if (*at == OPT_HOME_ADDR && len == IP6_ADDR_LEN)
			return at + 2;
		at += len + 2;
	}
	return NULL;
}

/* One extension header of len bytes: the address it has in place of the one in src or dst. */
static void look_into(const uint8_t *ext, uint32_t len, unsigned proto, const uint8_t **src,
		      const uint8_t **dst)
{
	const uint8_t *home;

	if (proto == PROTO_ROUTE && ext[2] == ROUTE_TYPE2 && len == EXT_MIN + IP6_ADDR_LEN)
		*dst = ext + EXT_MIN;
	if (proto != PROTO_DSTOPTS)
		return;
	home = home_address(ext + 2, ext + len);
	if (home)
		*src = home;
}

/* Follows the chain of extension headers as net_parse did, up to p->hdr_len. */
static void mobile_addresses(const uint8_t *hdr, const struct net_parsed *p,
			     const uint8_t **src, const uint8_t **dst)
{
	uint32_t at = p->l3_off + IP6_LEN;
	unsigned proto = hdr[p->l3_off + 6];

	for (int i = 0; i < EXT_MAX && at + EXT_MIN <= p->hdr_len; i++) {
		uint32_t len = proto == PROTO_FRAGMENT ? EXT_MIN : (hdr[at + 1] + 1u) * 8;

		if (proto != PROTO_HOPOPT && proto != PROTO_ROUTE && proto != PROTO_FRAGMENT &&
		    proto != PROTO_DSTOPTS)
			return;
		if (at + len > p->hdr_len)
			return;
		look_into(hdr + at, len, proto, src, dst);
		proto = hdr[at];
		at += len;
	}
}

/* ---- the frame ---- */

/* A way to hash: wanted by which bit, reported as what. */
struct way {
	uint16_t type;
	uint8_t used, l4;
	bool mobile;
};

static const struct way ipv4_ways[] = {
	{NET_RSS_TCP_IPV4, NET_RSS_USED_TCP_IPV4, NET_L4_TCP, false},
	{NET_RSS_UDP_IPV4, NET_RSS_USED_UDP_IPV4, NET_L4_UDP, false},
	{NET_RSS_IPV4, NET_RSS_USED_IPV4, NET_L4_NONE, false},
};

static const struct way ipv6_ways[] = {
	{NET_RSS_TCP_IPV6_EX, NET_RSS_USED_TCP_IPV6_EX, NET_L4_TCP, true},
	{NET_RSS_TCP_IPV6, NET_RSS_USED_TCP_IPV6, NET_L4_TCP, false},
	{NET_RSS_UDP_IPV6_EX, NET_RSS_USED_UDP_IPV6_EX, NET_L4_UDP, true},
	{NET_RSS_UDP_IPV6, NET_RSS_USED_UDP_IPV6, NET_L4_UDP, false},
	{NET_RSS_IPV6_EX, NET_RSS_USED_IPV6_EX, NET_L4_NONE, true},
	{NET_RSS_IPV6, NET_RSS_USED_IPV6, NET_L4_NONE, false},
};

/* The first that is wanted and fits: with ports before without, EX before plain. */
static const struct way *choose(const struct way *ways, unsigned num, uint32_t types,
				const struct net_parsed *p)
{
	for (unsigned i = 0; i < num; i++)
		if (types & ways[i].type && (ways[i].l4 == NET_L4_NONE || ways[i].l4 == p->l4))
			return &ways[i];
	return NULL;
}

static uint32_t put_ipv6(uint8_t *input, const uint8_t *hdr, const struct net_parsed *p,
			 bool mobile)
{
	const uint8_t *src = hdr + p->l3_off + IP6_SRC, *dst = hdr + p->l3_off + IP6_DST;

	if (mobile && p->ext_headers)
		mobile_addresses(hdr, p, &src, &dst);
	memcpy(input, src, IP6_ADDR_LEN);
	memcpy(input + IP6_ADDR_LEN, dst, IP6_ADDR_LEN);
	return IP6_ADDRS_LEN;
}

uint32_t net_rss_hash(const struct net_rss_key *key, uint32_t types, const uint8_t *hdr,
		      const struct net_parsed *p, enum net_rss_used *ret_used)
{
	const struct way *way = NULL;
	uint8_t input[NET_RSS_INPUT];
	uint32_t len = IP4_ADDRS_LEN;

	*ret_used = NET_RSS_USED_NONE;
	if (p->l3 == NET_L3_IPV4)
		way = choose(ipv4_ways, ARRAY_SIZE(ipv4_ways), types, p);
	else if (p->l3 == NET_L3_IPV6)
		way = choose(ipv6_ways, ARRAY_SIZE(ipv6_ways), types, p);
	if (!way)
		return 0;
	if (p->l3 == NET_L3_IPV4)
		memcpy(input, hdr + p->l3_off + IP4_ADDRS, IP4_ADDRS_LEN);
	else
		len = put_ipv6(input, hdr, p, way->mobile);
	if (way->l4 != NET_L4_NONE) {
		memcpy(input + len, hdr + p->l4_off, PORTS_LEN);
		len += PORTS_LEN;
	}
	*ret_used = way->used;
	return net_toeplitz(key, input, len);
}
