/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_parse.h"

#include <stddef.h>
#include <string.h>

#include "bits.h"
#include "net_eth.h"

#define IP4_MIN	      20
#define IP6_LEN	      40
#define IP6_EXT_MAX   8 /* more than any sane chain; bounds the walk */
#define TCP_MIN	      20
#define UDP_LEN	      8
#define SCTP_LEN      12
#define IP4_MF_OR_OFF 0x3fff
#define IP6_M_OR_OFF  0xfff9

/* IANA protocol numbers. */
enum {
	PROTO_HOPOPT = 0,
	PROTO_TCP = 6,
	PROTO_UDP = 17,
	PROTO_ROUTE = 43,
	PROTO_FRAGMENT = 44,
	PROTO_DSTOPTS = 60,
	PROTO_SCTP = 132,
};

/* What is left to look at: buf[at ... end). end only shrinks, at <= end always. */
struct cursor {
	const uint8_t *buf;
	uint32_t at, end;
};

static uint32_t left(const struct cursor *c)
{
	return c->end - c->at;
}

static void parse_tags(struct cursor *c, struct net_parsed *p)
{
	p->ethertype = get_be16(c->buf + NET_ETH_HLEN - 2);
	c->at = NET_ETH_HLEN;
	while (p->tags < 2 && left(c) >= NET_VLAN_HLEN &&
	       (p->ethertype == NET_ETH_P_VLAN || p->ethertype == NET_ETH_P_QINQ)) {
		p->ethertype = get_be16(c->buf + c->at + 2);
		p->tags++;
		c->at += NET_VLAN_HLEN;
	}
}

/* The length of the L4 header at the cursor, 0 if it is cut short, malformed or unknown. */
static inline uint32_t l4_header(const struct cursor *c, unsigned proto, uint8_t *ret_l4)
{
	const uint8_t *h = c->buf + c->at;
	uint32_t len;

	switch (proto) {
	case PROTO_TCP:
		if (left(c) < TCP_MIN)
			return 0;
		len = (uint32_t)(h[12] >> 4) * 4;
		*ret_l4 = NET_L4_TCP;
		return len >= TCP_MIN && len <= left(c) ? len : 0;
	case PROTO_UDP:
		*ret_l4 = NET_L4_UDP;
		return left(c) >= UDP_LEN ? UDP_LEN : 0;
	case PROTO_SCTP:
		*ret_l4 = NET_L4_SCTP;
		return left(c) >= SCTP_LEN ? SCTP_LEN : 0;
	default:
		return 0;
	}
}

static inline void parse_l4(struct cursor *c, unsigned proto, struct net_parsed *p)
{
	uint8_t l4 = NET_L4_NONE;
	uint32_t len = l4_header(c, proto, &l4);

	if (!len)
		return;
	p->l4 = l4;
	p->l4_off = (uint16_t)c->at;
	c->at += len;
}

/* Nothing beyond the packet's own length is its content; 0 stands for "to be filled in" (TSO).
 */
static void limit_to_packet(struct cursor *c, uint32_t ip_off, uint32_t ip_len)
{
	c->end = MIN(c->end, MAX(c->at, ip_off + ip_len));
}

static void parse_ipv4(struct cursor *c, struct net_parsed *p)
{
	const uint8_t *h = c->buf + c->at;
	uint32_t len, off = c->at;

	if (left(c) < IP4_MIN || h[0] >> 4 != 4)
		return;
	len = (uint32_t)(h[0] & 15) * 4;
	if (len < IP4_MIN || len > left(c))
		return;
	p->l3 = NET_L3_IPV4;
	p->ip_len = get_be16(h + 2);
	p->ext_headers = len > IP4_MIN;
	p->fragment = get_be16(h + 6) & IP4_MF_OR_OFF;
	c->at += len;
	if (p->ip_len)
		limit_to_packet(c, off, p->ip_len);
	if (!p->fragment)
		parse_l4(c, h[9], p);
}

/* Length of the extension header at the cursor, 0 if proto is none or it is cut short. */
static uint32_t ext_header(const struct cursor *c, unsigned proto)
{
	uint32_t len;

	if (left(c) < 8)
		return 0;
	switch (proto) {
	case PROTO_FRAGMENT:
		return 8;
	case PROTO_HOPOPT:
	case PROTO_ROUTE:
	case PROTO_DSTOPTS:
		len = (c->buf[c->at + 1] + 1u) * 8;
		return len <= left(c) ? len : 0;
	default:
		return 0;
	}
}

static void parse_ipv6(struct cursor *c, struct net_parsed *p)
{
	const uint8_t *h = c->buf + c->at;
	uint32_t len, off = c->at, payload;
	bool whole = true; /* an "atomic" fragment (RFC 6946) is the whole datagram */
	unsigned proto;

	if (left(c) < IP6_LEN || h[0] >> 4 != 6)
		return;
	payload = get_be16(h + 4);
	proto = h[6];
	p->l3 = NET_L3_IPV6;
	p->ip_len = (uint16_t)MIN(IP6_LEN + payload, (uint32_t)UINT16_MAX);
	c->at += IP6_LEN;
	if (payload)
		limit_to_packet(c, off, IP6_LEN + payload);
	for (int i = 0; i < IP6_EXT_MAX && whole && (len = ext_header(c, proto)); i++) {
		h = c->buf + c->at;
		p->ext_headers = true;
		if (proto == PROTO_FRAGMENT) {
			p->fragment = true;
			whole = !(get_be16(h + 2) & IP6_M_OR_OFF);
		}
		proto = h[0];
		c->at += len;
	}
	if (whole)
		parse_l4(c, proto, p);
}

void net_parse_all(const uint8_t *buf, uint32_t len, struct net_parsed *ret)
{
	/* hdr_len is 16 bits wide; no chain of headers we walk is longer than 64 KiB. */
	struct cursor c = {.buf = buf, .end = MIN(len, (uint32_t)UINT16_MAX)};

	memset(ret, 0, sizeof(*ret));
	if (len < NET_ETH_HLEN)
		return;
	parse_tags(&c, ret);
	ret->l3_off = (uint16_t)c.at;
	if (ret->ethertype == NET_ETH_P_IPV4)
		parse_ipv4(&c, ret);
	else if (ret->ethertype == NET_ETH_P_IPV6)
		parse_ipv6(&c, ret);
	ret->hdr_len = (uint16_t)c.at;
}
