/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_packet.h - IP packets behind two addresses, for test programs only: their bytes random,
 * their checksums right or not.
 */
#ifndef LADON_TEST_PACKET_H
#define LADON_TEST_PACKET_H

#include "test_port.h"

#include "net_csum.h"
#include "net_offload.h"

struct test_packet {
	uint8_t l3, l4; /* enum net_l3, net_l4; NET_L4_NONE: payload of no protocol */
	uint32_t payload;
	bool ip_wrong, l4_wrong;
};

static const uint8_t test_l4_size[] TEST_UNUSED = {
	[NET_L4_TCP] = 20, [NET_L4_UDP] = 8, [NET_L4_SCTP] = 12};
static const uint8_t test_l4_proto[] TEST_UNUSED = {
	[NET_L4_NONE] = 99, [NET_L4_TCP] = 6, [NET_L4_UDP] = 17, [NET_L4_SCTP] = 132};

/* What a driver would ask of the card for it. */
static struct net_offload TEST_UNUSED test_packet_offload(const struct test_packet *p)
{
	return (struct net_offload){.l2_len = NET_ETH_HLEN,
				    .l3_len = p->l3 == NET_L3_IPV4 ? 20 : 40,
				    .l4_len = test_l4_size[p->l4],
				    .l3 = p->l3,
				    .l4 = p->l4,
				    .ip_csum = p->l3 == NET_L3_IPV4,
				    .l4_csum = p->l4 != NET_L4_NONE};
}

/* Everything in f behind the addresses. Returns the frame's length. */
static uint32_t TEST_UNUSED test_packet_make(uint8_t *f, const struct test_packet *p)
{
	struct net_offload off = test_packet_offload(p);
	bool v4 = p->l3 == NET_L3_IPV4;
	uint32_t l4_at = NET_ETH_HLEN + off.l3_len, l4_len = off.l4_len + p->payload;
	uint8_t *ip = f + NET_ETH_HLEN, *l4 = f + l4_at;

	memset(ip, 0, off.l3_len + (size_t)off.l4_len);
	for (uint32_t i = off.l4_len; i < l4_len; i++)
		l4[i] = (uint8_t)test_rand();
	put_be16(f + 12, v4 ? NET_ETH_P_IPV4 : NET_ETH_P_IPV6);
	ip[0] = v4 ? 0x45 : 0x60;
	put_be16(ip + (v4 ? 2 : 4), (uint16_t)(l4_len + (v4 ? 20 : 0)));
	ip[v4 ? 9 : 6] = test_l4_proto[p->l4];
	memcpy(ip + (v4 ? 12 : 8), "from", 4);
	if (p->l4 == NET_L4_TCP)
		l4[12] = 0x50;
	if (p->l4 == NET_L4_UDP)
		put_be16(l4 + 4, (uint16_t)l4_len);
	if (v4)
		net_ip_csum_set(f, &off);
	if (p->l4 == NET_L4_TCP || p->l4 == NET_L4_UDP) {
		uint64_t pseudo = net_pseudo_sum(f, &off, l4_len);
		uint16_t sum = (uint16_t)~net_csum_fold(net_csum_add(pseudo, l4, l4_len));

		put_le16(l4 + (p->l4 == NET_L4_TCP ? 16 : 6), sum ? sum : 0xffff);
	}
	if (p->ip_wrong)
		ip[v4 ? 10 : 7] ^= 0x10;
	if (p->l4_wrong)
		l4[off.l4_len ? off.l4_len - 1 : 0] ^= 1;
	return l4_at + l4_len;
}

#endif
