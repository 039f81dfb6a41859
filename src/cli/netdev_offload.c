/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Offloads: the header that a tap puts before a frame says where a checksum starts and where it
 * goes; the VF wants layers and their lengths. What the VF has no words for (a checksum inside
 * a tunnel) is summed here.
 */
#include "bits.h"
#include "netdev.h"

#define ETH_ADDRS  12u
#define TYPE_IPV4  0x0800u
#define TYPE_IPV6  0x86ddu
#define TYPE_VLAN  0x8100u
#define TYPE_QINQ  0x88a8u
#define TAGS_MAX   2u
#define IPV4_MIN   20u
#define IPV6_MIN   40u
#define TCP_MIN	   20u
#define PROTO_IGMP 2u
#define PROTO_HOPS 0u /* hop-by-hop options: what MLD reports begin with */
#define OFFSET_TCP 16u
#define OFFSET_UDP 6u
#define L3_LEN_MAX 511u

/* Where layer 3 begins, and its type; 0 = nowhere in the first part. */
static unsigned l3_start(const struct ladon_buf *frame, unsigned *ret_type)
{
	unsigned at = ETH_ADDRS;

	for (unsigned tags = 0; at + 2 <= frame->len; tags++, at += 4) {
		*ret_type = get_be16(frame->data + at);
		if (*ret_type != TYPE_VLAN && *ret_type != TYPE_QINQ)
			return at + 2;
		if (tags == TAGS_MAX)
			break;
	}
	return 0;
}

/* The byte at an offset of the whole frame, NULL behind its end. */
static uint8_t *byte_at(struct ladon_buf *frame, uint32_t at)
{
	for (; frame; frame = frame->next) {
		if (at < frame->len)
			return frame->data + at;
		at -= frame->len;
	}
	return NULL;
}

/* The sum goes over all from start; its field holds that of the pseudo header already. */
static bool sum_here(struct ladon_buf *frame, uint32_t start, uint32_t offset)
{
	uint8_t *high = byte_at(frame, start + offset);
	uint8_t *low = byte_at(frame, start + offset + 1), *p;
	uint32_t sum = 0;

	if (!high || !low)
		return false;
	for (uint32_t i = 0; (p = byte_at(frame, start + i)); i++)
		sum += i & 1 ? *p : (uint32_t)*p << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16)) & 0xffff;
	if (sum == 0 && offset == OFFSET_UDP)
		sum = 0xffff; /* 0 would say that there is none */
	*high = (uint8_t)(sum >> 8);
	*low = (uint8_t)sum;
	return true;
}

/* Can the card be told of this checksum? Then the frame says where. */
static bool describe(struct ladon_buf *frame, const struct virtio_net_hdr *hdr)
{
	unsigned type = 0, l2 = l3_start(frame, &type), start = hdr->csum_start;
	bool v6 = type == TYPE_IPV6;
	const uint8_t *ip = frame->data + l2;

	if (!l2 || (type != TYPE_IPV4 && !v6) || start > frame->len ||
	    start < l2 + (v6 ? IPV6_MIN : IPV4_MIN) || start - l2 > L3_LEN_MAX)
		return false;
	/* Not the message of an IP header further in. */
	if (!v6 && start - l2 != (ip[0] & 0xfu) * 4)
		return false;
	if (hdr->csum_offset != OFFSET_TCP && hdr->csum_offset != OFFSET_UDP)
		return false;
	frame->l4 = hdr->csum_offset == OFFSET_TCP ? LADON_L4_TCP : LADON_L4_UDP;
	if (v6 ? start - l2 > IPV6_MIN || ip[6] != (frame->l4 == LADON_L4_TCP ? 6 : 17)
	       : ip[9] != (frame->l4 == LADON_L4_TCP ? 6 : 17))
		return false;
	frame->l2_len = (uint16_t)l2;
	frame->l3_len = (uint16_t)(start - l2);
	frame->flags = LADON_TX_L4_CSUM | (v6 ? LADON_TX_IPV6 : 0);
	return true;
}

static bool segment(struct ladon_buf *frame, const struct virtio_net_hdr *hdr)
{
	unsigned at = (unsigned)frame->l2_len + frame->l3_len;
	bool v6 = frame->flags & LADON_TX_IPV6;
	unsigned len;

	if (frame->l4 != LADON_L4_TCP || at + TCP_MIN > frame->len || !hdr->gso_size ||
	    hdr->gso_type != (v6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4))
		return false;
	len = (frame->data[at + 12] >> 4) * 4u;
	if (len < TCP_MIN || at + len > frame->len)
		return false;
	frame->l4_len = (uint8_t)len;
	frame->mss = hdr->gso_size;
	frame->flags |= LADON_TX_TSO;
	return true;
}

bool netdev_offload_tx(struct ladon_buf *frame, const struct virtio_net_hdr *hdr)
{
	bool known;

	if (!(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM))
		return hdr->gso_type == VIRTIO_NET_HDR_GSO_NONE;
	known = describe(frame, hdr);
	if (hdr->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return known && segment(frame, hdr);
	return known || sum_here(frame, hdr->csum_start, hdr->csum_offset);
}

bool netdev_is_group_report(const struct ladon_buf *frame)
{
	unsigned type = 0, at = l3_start(frame, &type);
	const uint8_t *ip = frame->data + at;

	if (!at || !(frame->data[0] & 1))
		return false;
	if (type == TYPE_IPV4)
		return at + IPV4_MIN <= frame->len && ip[9] == PROTO_IGMP;
	return type == TYPE_IPV6 && at + IPV6_MIN <= frame->len && ip[6] == PROTO_HOPS;
}
