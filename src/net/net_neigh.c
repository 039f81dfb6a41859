/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The judgement has to be one that no receiver contradicts, so whatever two receivers might
 * read in two ways is BAD. Lengths are bounded by the header block first.
 */
#include "net_neigh.h"

#include "bits.h"
#include "net_eth.h"

#define SNAP_LEN     8	   /* AA AA 03, 00 00 00, type */
#define LLC_TYPE_MAX 0x5ff /* up to it the type is a length, and LLC follows */

#define ARP_HLEN 4 /* offset of the hardware address length */
#define ARP_SHA	 8 /* of the sender hardware address */

#define IP6_LEN	   40
#define IP6_OFFSET 0xfff8

/* IANA protocol numbers. */
enum {
	PROTO_HOPOPT = 0,
	PROTO_ROUTE = 43,
	PROTO_FRAGMENT = 44,
	PROTO_AH = 51,
	PROTO_ICMPV6 = 58,
	PROTO_NONE = 59,
	PROTO_DSTOPTS = 60,
	PROTO_MOBILITY = 135,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

/* RFC 4861, 4. */
enum {
	ND_ROUTER_SOLICIT = 133,
	ND_ROUTER_ADVERT = 134,
	ND_REDIRECT = 137,
	ND_OPT_SOURCE = 1,
	ND_OPT_TARGET = 2,
};
#define ND_SOLICIT_LEN 8  /* of a router solicitation before its options */
#define ND_LEN	       24 /* of the two with a target address */

/* buf[at ... have) is left to look at. */
struct look {
	const uint8_t *buf;
	uint32_t at, have, len;
	bool llc; /* the type was a length */
};

static bool room(const struct look *l, uint32_t bytes)
{
	return l->at + bytes <= l->have;
}

/* Behind the end of a whole frame there is padding, which says nothing. */
static enum net_neigh cut_short(const struct look *l)
{
	return l->have < l->len ? NET_NEIGH_BAD : NET_NEIGH_NONE;
}

/* Is it an LLC header for a protocol that has an EtherType (RFC 1042)? */
static bool is_snap(const uint8_t *llc)
{
	return get_be32(llc) == 0xaaaa0300 && get_be16(llc + 4) == 0;
}

/* Leaves l behind the type and in *ret_type the one behind all tags. False when there is none:
 * see cut_short. */
static bool find_type(struct look *l, uint16_t *ret_type)
{
	uint16_t type;

	for (l->at = 2 * NET_ETH_ALEN;; l->at += NET_VLAN_HLEN) {
		if (!room(l, 2))
			return false;
		type = get_be16(l->buf + l->at);
		if (!net_is_tag(type))
			break;
	}
	l->at += 2;
	*ret_type = type;
	l->llc = type <= LLC_TYPE_MAX;
	if (!l->llc)
		return true;
	if (!room(l, SNAP_LEN))
		return false;
	if (is_snap(l->buf + l->at)) {
		*ret_type = get_be16(l->buf + l->at + SNAP_LEN - 2);
		l->at += SNAP_LEN;
	}
	return true;
}

static bool is_rewritten(const struct net_offload *off)
{
	return off->tso || off->ip_csum || off->l4_csum;
}

static enum net_neigh arp_claim(const struct look *l, const struct net_offload *off,
				uint64_t *ret_mac)
{
	const uint8_t *arp = l->buf + l->at;

	if (is_rewritten(off) || !room(l, ARP_SHA + NET_ETH_ALEN) ||
	    arp[ARP_HLEN] != NET_ETH_ALEN)
		return NET_NEIGH_BAD;
	*ret_mac = net_mac_u64(arp + ARP_SHA);
	return NET_NEIGH_CLAIM;
}

static bool is_extension(unsigned proto)
{
	static const uint8_t list[] = {PROTO_HOPOPT, PROTO_ROUTE,   PROTO_FRAGMENT,
				       PROTO_AH,     PROTO_DSTOPTS, PROTO_MOBILITY,
				       PROTO_HIP,    PROTO_SHIM6};

	for (unsigned i = 0; i < ARRAY_SIZE(list); i++)
		if (list[i] == proto)
			return true;
	return false;
}

/* At least 8. */
static uint32_t extension_len(const uint8_t *h, unsigned proto)
{
	if (proto == PROTO_FRAGMENT)
		return 8;
	return proto == PROTO_AH ? (h[1] + 2u) * 4 : (h[1] + 1u) * 8;
}

/* What all options in buf[at ... end) say of link-layer addresses. */
static enum net_neigh options_claim(const struct look *l, uint32_t end, uint64_t *ret_mac)
{
	uint64_t mac = 0;
	bool named = false;
	uint32_t len;

	for (uint32_t at = l->at; at < end; at += len) {
		const uint8_t *opt = l->buf + at;

		len = end - at < 8 ? 0 : opt[1] * 8u;
		if (!len || len > end - at)
			return NET_NEIGH_BAD;
		if (opt[0] != ND_OPT_SOURCE && opt[0] != ND_OPT_TARGET)
			continue;
		if (len != 8 || (named && mac != net_mac_u64(opt + 2)))
			return NET_NEIGH_BAD;
		mac = net_mac_u64(opt + 2);
		named = true;
	}
	if (!named)
		return NET_NEIGH_NONE;
	*ret_mac = mac;
	return NET_NEIGH_CLAIM;
}

/* The ICMPv6 message that ends at end by what the IPv6 header says. whole: it is no fragment.
 */
static enum net_neigh icmp6_claim(struct look *l, uint32_t end, bool whole, uint64_t *ret_mac)
{
	uint8_t type;

	if (!room(l, 1))
		return NET_NEIGH_BAD;
	type = l->buf[l->at];
	if (type < ND_ROUTER_SOLICIT || type > ND_REDIRECT)
		return NET_NEIGH_NONE;
	if (!whole || type == ND_ROUTER_ADVERT || type == ND_REDIRECT)
		return NET_NEIGH_BAD;
	l->at += type == ND_ROUTER_SOLICIT ? ND_SOLICIT_LEN : ND_LEN;
	if (l->at > end || end > l->have)
		return NET_NEIGH_BAD;
	return options_claim(l, end, ret_mac);
}

/* May offloads change which protocol the receiver sees at l->at? Not when they begin at the IP
 * header, where only lengths change, and go on behind l->at. */
static bool may_change(const struct look *l, uint32_t ip, const struct net_offload *off)
{
	return is_rewritten(off) &&
	       (off->l2_len != ip || (uint32_t)off->l2_len + off->l3_len < l->at);
}

/*
 * Leaves l behind all extension headers, in *proto what follows them, in *ret_whole whether
 * none of them says fragment. False when they do not end in the header block.
 */
static bool skip_extensions(struct look *l, uint8_t *proto, bool *ret_whole)
{
	*ret_whole = true;
	while (is_extension(*proto)) {
		const uint8_t *h = l->buf + l->at;

		if (!room(l, 8))
			return false;
		if (*proto == PROTO_FRAGMENT && get_be16(h + 2) & IP6_OFFSET) {
			*proto = PROTO_NONE; /* the first one was judged */
			return true;
		}
		*ret_whole &= *proto != PROTO_FRAGMENT;
		l->at += extension_len(h, *proto);
		*proto = h[0];
	}
	return true;
}

static enum net_neigh ip6_claim(struct look *l, const struct net_offload *off,
				uint64_t *ret_mac)
{
	const uint8_t *ip = l->buf + l->at;
	uint32_t begin = l->at, end;
	uint8_t proto;
	bool whole;

	if (!room(l, IP6_LEN))
		return NET_NEIGH_BAD;
	proto = ip[6];
	end = begin + IP6_LEN + get_be16(ip + 4);
	l->at += IP6_LEN;
	if (!skip_extensions(l, &proto, &whole) || may_change(l, begin, off))
		return NET_NEIGH_BAD;
	if (proto != PROTO_ICMPV6)
		return NET_NEIGH_NONE;
	return is_rewritten(off) ? NET_NEIGH_BAD : icmp6_claim(l, end, whole, ret_mac);
}

enum net_neigh net_neigh_claim(const uint8_t *buf, uint32_t have, uint32_t len,
			       const struct net_offload *off, uint64_t *ret_mac)
{
	struct look l = {.buf = buf, .have = have, .len = len};
	uint16_t type;

	if (!find_type(&l, &type))
		return cut_short(&l);
	if (l.llc && is_rewritten(off))
		return NET_NEIGH_BAD;
	switch (type) {
	case NET_ETH_P_ARP:
		return arp_claim(&l, off, ret_mac);
	case NET_ETH_P_IPV6:
		return ip6_claim(&l, off, ret_mac);
	default:
		return NET_NEIGH_NONE;
	}
}
