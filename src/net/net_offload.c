/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The lengths in a context come from the guest and were accepted by net_offload_valid: l2 >=
 * 14, l3 >= 20 and everything inside the header block. What the header's own bytes claim
 * (version, header length) is believed only as far as those lengths reach.
 */
#include "net_offload.h"

#include <string.h>

#include "bits.h"
#include "net_csum.h"
#include "net_eth.h"

#define IP4_MIN	  20
#define IP6_LEN	  40
#define TCP_MAX	  60
#define TCP_FLAGS 12 /* the word that ends in them */
#define TCP_FIN	  0x0100
#define TCP_PSH	  0x0800
#define TCP_CWR	  0x8000

/* Per L4 protocol: number, least header, offset and size of the checksum field. */
static const struct l4_row {
	uint8_t proto, min, csum, csum_len;
} l4_rows[] = {
	[NET_L4_TCP] = {.proto = 6, .min = 20, .csum = 16, .csum_len = 2},
	[NET_L4_UDP] = {.proto = 17, .min = 8, .csum = 6, .csum_len = 2},
	[NET_L4_SCTP] = {.proto = 132, .min = 12, .csum = 8, .csum_len = 4},
};

static uint32_t l4_offset(const struct net_offload *off)
{
	return (uint32_t)off->l2_len + off->l3_len;
}

/* End of the checksum field, 0 if the protocol has none. */
static uint32_t csum_end(const struct net_offload *off)
{
	if (off->l4 == NET_L4_NONE || off->l4 >= ARRAY_SIZE(l4_rows))
		return 0;
	return l4_offset(off) + l4_rows[off->l4].csum + l4_rows[off->l4].csum_len;
}

static bool csum_inside(const struct net_offload *off, uint32_t hdr_len)
{
	return csum_end(off) && csum_end(off) <= hdr_len;
}

static bool tso_valid(const struct net_offload *off, uint32_t hdr_len)
{
	uint32_t packet = (uint32_t)off->l3_len + off->l4_len + off->mss;

	if (off->l4 != NET_L4_TCP && off->l4 != NET_L4_UDP)
		return false;
	if (off->l3 != NET_L3_IPV4 && off->l3 != NET_L3_IPV6)
		return false;
	if (off->l3 == NET_L3_IPV6 && off->l3_len < IP6_LEN)
		return false;
	if (off->l4_len < l4_rows[off->l4].min)
		return false;
	if (off->l4 == NET_L4_TCP && off->l4_len > TCP_MAX)
		return false;
	/* The length words of a full segment must be able to tell its length. */
	return off->mss && packet <= UINT16_MAX && l4_offset(off) + off->l4_len <= hdr_len;
}

bool net_offload_valid(const struct net_offload *off, uint32_t hdr_len)
{
	if (!off->ip_csum && !off->l4_csum && !off->tso)
		return true;
	if (off->l2_len < NET_ETH_HLEN || off->l3_len < IP4_MIN || l4_offset(off) > hdr_len)
		return false;
	if (off->l4_csum && !csum_inside(off, hdr_len))
		return false;
	return !off->tso || tso_valid(off, hdr_len);
}

static unsigned ip_version(const uint8_t *ip)
{
	return ip[0] >> 4;
}

/* The IPv4 header's length by its own word, 0 if that is less than a header. */
static uint32_t ip4_hdr_len(const uint8_t *ip)
{
	uint32_t len = (ip[0] & 15u) * 4;

	return len >= IP4_MIN ? len : 0;
}

/* Of its bytes; most have no options. */
static uint64_t ip4_hdr_sum(const uint8_t *ip)
{
	uint32_t len = ip4_hdr_len(ip);

	return likely(len == IP4_MIN) ? net_csum_short(ip, IP4_MIN) : net_csum_short(ip, len);
}

/* Is there an IPv4 header whose checksum can be set? l3_len may reach over a tunnel's headers;
 * the checksum is that of the first IP header alone. */
static bool has_ip_csum(const uint8_t *ip, const struct net_offload *off)
{
	uint32_t len = ip4_hdr_len(ip);

	return ip_version(ip) == 4 && len && len <= off->l3_len;
}

bool net_ip_csum_set(uint8_t *hdr, const struct net_offload *off)
{
	uint8_t *ip = hdr + off->l2_len;

	if (!has_ip_csum(ip, off))
		return false;
	put_le16(ip + 10, 0);
	put_le16(ip + 10, (uint16_t)~net_csum_fold(ip4_hdr_sum(ip)));
	return true;
}

/* Is the L3 block exactly one IP header, so that its addresses are those of the pseudo-header?
 */
static bool l3_is_plain(const uint8_t *ip, const struct net_offload *off)
{
	if (ip_version(ip) == 4)
		return ip4_hdr_len(ip) == off->l3_len;
	return ip_version(ip) == 6 && off->l3_len == IP6_LEN;
}

uint64_t net_pseudo_sum(const uint8_t *hdr, const struct net_offload *off, uint32_t l4_total)
{
	const uint8_t *ip = hdr + off->l2_len;
	const struct l4_row *row = &l4_rows[off->l4];
	uint64_t length = __builtin_bswap32(l4_total);

	if (!l3_is_plain(ip, off)) {
		uint64_t seed = get_le16(hdr + l4_offset(off) + row->csum);

		return off->tso ? seed + length : seed;
	}
	length += __builtin_bswap32(row->proto);
	if (ip_version(ip) == 4)
		return length + net_csum_short(ip + 12, 8);
	return length + net_csum_short(ip + 8, 32);
}

uint32_t net_tso_count(const struct net_offload *off, uint32_t payload)
{
	if (!payload || !off->mss)
		return 1;
	return payload / off->mss + !!(payload % off->mss);
}

/* Clears what differs from segment to segment, and sums the rest. */
static void begin_ip(struct net_tso *tso)
{
	uint8_t *ip = tso->hdr + tso->off->l2_len;

	tso->id = get_be16(ip + 4);
	put_le16(ip + 4, 0);
	if (tso->off->l3 == NET_L3_IPV4)
		put_le16(ip + 2, 0);
	tso->ip_csum = has_ip_csum(ip, tso->off);
	if (!tso->ip_csum)
		return;
	put_le16(ip + 10, 0);
	tso->ip_sum = net_csum_fold(ip4_hdr_sum(ip));
}

static void begin_l4(struct net_tso *tso)
{
	uint8_t *l4 = tso->hdr + l4_offset(tso->off);
	uint64_t sum = net_pseudo_sum(tso->hdr, tso->off, 0);

	if (tso->off->l4 == NET_L4_TCP) {
		tso->seq = get_be32(l4 + 4);
		tso->flags = get_le16(l4 + TCP_FLAGS);
		put_le32(l4 + 4, 0);
		put_le16(l4 + TCP_FLAGS, 0);
	} else {
		put_le16(l4 + 4, 0);
	}
	put_le16(l4 + l4_rows[tso->off->l4].csum, 0);
	tso->l4_sum = net_csum_fold(sum + net_csum_short(l4, tso->off->l4_len));
}

void net_tso_begin(struct net_tso *tso, uint8_t *hdr, const struct net_offload *off)
{
	*tso = (struct net_tso){.hdr = hdr, .off = off};
	begin_ip(tso);
	begin_l4(tso);
}

static void segment_ip(const struct net_tso *tso, const struct net_segment *segment)
{
	const struct net_offload *off = tso->off;
	uint8_t *ip = tso->hdr + off->l2_len;
	uint32_t packet = (uint32_t)off->l3_len + off->l4_len + segment->payload_len;
	uint16_t length = 0, word;

	if (off->l3 == NET_L3_IPV6) {
		word = __builtin_bswap16((uint16_t)(packet - IP6_LEN));
	} else {
		word = __builtin_bswap16((uint16_t)(tso->id + segment->index));
		length = __builtin_bswap16((uint16_t)packet);
		put_le16(ip + 2, length);
	}
	put_le16(ip + 4, word);
	if (tso->ip_csum)
		put_le16(ip + 10, (uint16_t)~net_csum_fold(tso->ip_sum + length + word));
}

/* FIN and PSH belong to the end of the data, CWR to its first segment (RFC 3168, 6.1.2).
 * Returns the sum of what was written. */
static uint64_t segment_tcp(const struct net_tso *tso, uint8_t *tcp,
			    const struct net_segment *segment)
{
	uint32_t seq = __builtin_bswap32(tso->seq + segment->payload_off);
	uint16_t flags = tso->flags;

	if (!segment->last)
		flags &= (uint16_t) ~(TCP_FIN | TCP_PSH);
	if (segment->index)
		flags &= (uint16_t)~TCP_CWR;
	put_le32(tcp + 4, seq);
	put_le16(tcp + TCP_FLAGS, flags);
	return (uint64_t)seq + flags;
}

void net_tso_segment(const struct net_tso *tso, const struct net_segment *segment,
		     uint64_t payload_sum)
{
	const struct net_offload *off = tso->off;
	uint8_t *l4 = tso->hdr + l4_offset(off);
	uint32_t l4_total = off->l4_len + segment->payload_len;
	uint64_t sum = tso->l4_sum + (uint64_t)__builtin_bswap32(l4_total);
	uint16_t csum;

	segment_ip(tso, segment);
	if (off->l4 == NET_L4_TCP) {
		sum += segment_tcp(tso, l4, segment);
	} else {
		put_be16(l4 + 4, (uint16_t)l4_total);
		sum += get_le16(l4 + 4);
	}
	csum = (uint16_t)~net_csum_fold(net_csum_join(payload_sum, sum));
	/* On UDP 0 says "no checksum" (RFC 768); ffff is the same number in ones' complement.
	 */
	if (!csum && off->l4 == NET_L4_UDP)
		csum = UINT16_MAX;
	put_le16(l4 + l4_rows[off->l4].csum, csum);
}

bool net_ip_csum_ok(const uint8_t *hdr, const struct net_parsed *p)
{
	const uint8_t *ip = hdr + p->l3_off;

	return net_csum_fold(ip4_hdr_sum(ip)) == UINT16_MAX;
}
