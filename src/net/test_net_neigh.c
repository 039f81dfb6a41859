/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_neigh.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net_eth.h"
#include "test_net_frame.h"

#define RS	 133
#define RA	 134
#define NS	 135
#define NA	 136
#define REDIRECT 137
#define ICMPV6	 58

static const uint8_t own[6] = {0x52, 0x54, 0, 0, 0, 1}, other[6] = {0x52, 0x54, 0, 0, 0, 9};
static const struct net_offload none;

/* The header block is the first have bytes, in a buffer of exactly that size. */
static enum net_neigh judged(const struct frame *f, uint32_t have,
			     const struct net_offload *off, uint64_t *ret_mac)
{
	uint8_t *exact = malloc(have + !have);
	enum net_neigh got;

	memcpy(exact, f->b, have);
	*ret_mac = 0xdead;
	got = net_neigh_claim(exact, have, f->len, off, ret_mac);
	if (got != NET_NEIGH_CLAIM)
		assert_int_equal(*ret_mac, 0xdead);
	free(exact);
	return got;
}

static void assert_judged(const struct frame *f, enum net_neigh want)
{
	uint64_t mac;

	assert_int_equal(judged(f, f->len, &none, &mac), want);
}

static void assert_claims(const struct frame *f, const uint8_t *want)
{
	uint64_t mac;

	assert_int_equal(judged(f, f->len, &none, &mac), NET_NEIGH_CLAIM);
	assert_int_equal(mac, net_mac_u64(want));
}

/* ---- ARP ---- */

/* The hardware address length is the frame's to lie about. */
static uint8_t *push_arp(struct frame *f, const uint8_t *sha)
{
	uint8_t *h = frame_push(f, 28);

	memcpy(h, "\0\1\x08\0\6\4\0\2", 8);
	memcpy(h + 8, sha, 6);
	return h;
}

static void make_arp(struct frame *f, const uint8_t *sha)
{
	frame_eth(f);
	frame_type(f, NET_ETH_P_ARP);
	push_arp(f, sha);
}

static void arp_names_its_sender(void **state)
{
	struct frame f;

	(void)state;
	make_arp(&f, other);
	assert_claims(&f, other);
	f.b[21] = 1; /* a request is no other */
	assert_claims(&f, other);
	f.b[18] = 8;
	assert_judged(&f, NET_NEIGH_BAD);
	f.b[18] = 0;
	assert_judged(&f, NET_NEIGH_BAD);
}

static void arp_is_found_behind_tags_and_snap(void **state)
{
	static const uint16_t types[] = {NET_ETH_P_VLAN, NET_ETH_P_QINQ, NET_ETH_P_QINQ1,
					 NET_ETH_P_QINQ2};
	struct frame f;

	(void)state;
	frame_eth(&f);
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++)
		frame_tag(&f, types[i], 5);
	frame_type(&f, NET_ETH_P_ARP);
	push_arp(&f, other);
	assert_claims(&f, other);
	frame_eth(&f);
	frame_tag(&f, NET_ETH_P_VLAN, 5);
	frame_type(&f, 36);
	memcpy(frame_push(&f, 8), "\xaa\xaa\x03\0\0\0\x08\x06", 8);
	push_arp(&f, other);
	assert_claims(&f, other);
	put_be16(f.b + 16, 0x5ff); /* no length that is right, but none of a type */
	assert_claims(&f, other);
	put_be16(f.b + 16, 0x600);
	assert_judged(&f, NET_NEIGH_NONE);
	put_be16(f.b + 16, 36);
	f.b[23] = 1; /* another organization's protocols */
	assert_judged(&f, NET_NEIGH_NONE);
}

static void what_is_cut_short_is_bad(void **state)
{
	struct frame f;
	uint64_t mac;

	(void)state;
	make_arp(&f, own);
	for (uint32_t have = 0; have <= f.len; have++)
		assert_int_equal(judged(&f, have, &none, &mac),
				 have < 28 ? NET_NEIGH_BAD : NET_NEIGH_CLAIM);
	f.len = 27; /* the frame itself */
	assert_judged(&f, NET_NEIGH_BAD);
	f.len = 13; /* padding is no type of ours */
	assert_judged(&f, NET_NEIGH_NONE);
	frame_eth(&f);
	frame_tag(&f, NET_ETH_P_VLAN, 5);
	assert_judged(&f, NET_NEIGH_NONE);
	f.len += 2;
	assert_int_equal(judged(&f, f.len - 2, &none, &mac), NET_NEIGH_BAD);
	frame_eth(&f);
	frame_type(&f, 100);
	memcpy(frame_push(&f, 7), "\xaa\xaa\x03\0\0\0\x08", 7);
	assert_judged(&f, NET_NEIGH_NONE);
	f.len++;
	assert_int_equal(judged(&f, f.len - 1, &none, &mac), NET_NEIGH_BAD);
}

static void other_protocols_say_nothing(void **state)
{
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	assert_judged(&f, NET_NEIGH_NONE);
	frame_ipv4(&f, 6, 0, 40);
	frame_tcp(&f, 0, 0);
	assert_judged(&f, NET_NEIGH_NONE);
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 6, 20);
	frame_tcp(&f, 0, 0);
	assert_judged(&f, NET_NEIGH_NONE);
}

/* ---- neighbour discovery ---- */

#define ETH_IP6 54u /* where the message begins */

static uint8_t *push_nd(struct frame *f, uint8_t type)
{
	uint8_t *h = frame_push(f, type == RS	      ? 8
				   : type == RA	      ? 16
				   : type == REDIRECT ? 40
						      : 24);

	h[0] = type;
	return h;
}

static void push_option(struct frame *f, uint8_t type, const uint8_t *mac)
{
	uint8_t *h = frame_push(f, 8);

	h[0] = type;
	h[1] = 1;
	memcpy(h + 2, mac, 6);
}

/* The IPv6 header tells the length that follows it. */
static void end_ip6(struct frame *f, uint32_t ip)
{
	put_be16(f->b + ip + 4, (uint16_t)(f->len - ip - 40));
}

static void make_nd(struct frame *f, uint8_t type, uint8_t option, const uint8_t *mac)
{
	frame_eth(f);
	frame_type(f, NET_ETH_P_IPV6);
	frame_ipv6(f, ICMPV6, 0);
	push_nd(f, type);
	push_option(f, option, mac);
	end_ip6(f, 14);
}

static void discovery_names_an_address(void **state)
{
	static const uint8_t types[] = {RS, NS, NA};
	struct frame f;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		for (uint8_t option = 1; option <= 2; option++) {
			make_nd(&f, types[i], option, other);
			assert_claims(&f, other);
			frame_push(&f, 20); /* padding of the frame's */
			assert_claims(&f, other);
		}
		make_nd(&f, types[i], 14, other); /* a nonce */
		assert_judged(&f, NET_NEIGH_NONE);
		push_option(&f, 1, other);
		end_ip6(&f, 14);
		assert_claims(&f, other);
	}
	make_nd(&f, NA, 2, other);
	f.len -= 8;
	end_ip6(&f, 14);
	assert_judged(&f, NET_NEIGH_NONE);
	for (unsigned type = 0; type < 256; type++) {
		make_nd(&f, NA, 2, other);
		f.b[ETH_IP6] = (uint8_t)type;
		if (type < RS || type > REDIRECT)
			assert_judged(&f, NET_NEIGH_NONE);
	}
}

static void routers_are_bad(void **state)
{
	struct frame f;

	(void)state;
	make_nd(&f, RA, 1, own);
	assert_judged(&f, NET_NEIGH_BAD);
	make_nd(&f, REDIRECT, 2, own);
	memcpy(f.b + ETH_IP6 + 24, "\x0e\1\0\0\0\0\0\0\x0e\1", 10); /* read as options */
	assert_judged(&f, NET_NEIGH_BAD);
}

static void all_options_count(void **state)
{
	struct frame f;

	(void)state;
	make_nd(&f, NA, 2, own);
	push_option(&f, 2, own);
	end_ip6(&f, 14);
	assert_claims(&f, own);
	push_option(&f, 1, other);
	end_ip6(&f, 14);
	assert_judged(&f, NET_NEIGH_BAD);
	make_nd(&f, NA, 2, own);
	f.b[ETH_IP6 + 25] = 0; /* an option without end */
	assert_judged(&f, NET_NEIGH_BAD);
	f.b[ETH_IP6 + 25] = 2; /* longer than the message */
	assert_judged(&f, NET_NEIGH_BAD);
	f.b[ETH_IP6 + 24] = 14; /* of whatever kind */
	assert_judged(&f, NET_NEIGH_BAD);
	f.b[ETH_IP6 + 24] = 2;
	push_option(&f, 14, own); /* of 64 bits */
	end_ip6(&f, 14);
	assert_judged(&f, NET_NEIGH_BAD);
}

static void a_message_that_is_not_whole_is_bad(void **state)
{
	struct frame f;
	uint64_t mac;

	(void)state;
	make_nd(&f, NA, 2, own);
	for (uint32_t have = 0; have < f.len; have++)
		assert_int_equal(judged(&f, have, &none, &mac), NET_NEIGH_BAD);
	f.b[19]--; /* half an option is announced */
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + 18, 23); /* less than the message has */
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + 18, 0);
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + 18, 33); /* more than there is */
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + 18, 0xffff);
	assert_judged(&f, NET_NEIGH_BAD);
}

static void extension_headers_hide_nothing(void **state)
{
	static const uint8_t exts[] = {0, 43, 51, 60, 135, 139, 140};
	struct frame f;
	uint64_t mac;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(exts); i++) {
		frame_eth(&f);
		frame_type(&f, NET_ETH_P_IPV6);
		frame_ipv6(&f, exts[i], 0);
		/* AH counts in 32 bits, less two. */
		frame_ext(&f, exts[i], 1)[1] = exts[i] == 51 ? 2 : 1;
		frame_ext(&f, ICMPV6, 0);
		push_nd(&f, NA);
		push_option(&f, 2, other);
		end_ip6(&f, 14);
		assert_claims(&f, other);
		assert_int_equal(judged(&f, 14 + 40 + 16 + 7, &none, &mac), NET_NEIGH_BAD);
	}
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 60, 400);
	frame_ext(&f, 6, 30); /* what follows it is known without a look */
	assert_int_equal(judged(&f, 128, &none, &mac), NET_NEIGH_NONE);
	f.b[ETH_IP6] = ICMPV6;
	assert_int_equal(judged(&f, 128, &none, &mac), NET_NEIGH_BAD);
	f.b[ETH_IP6] = 60;
	assert_int_equal(judged(&f, 128, &none, &mac), NET_NEIGH_BAD);
}

static void fragments_may_not_speak(void **state)
{
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 44, 0);
	frame_ext(&f, ICMPV6, 0); /* an atomic one: offset 0, no more */
	push_nd(&f, NA);
	push_option(&f, 2, own);
	end_ip6(&f, 14);
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + ETH_IP6 + 2, 1); /* the first of several */
	assert_judged(&f, NET_NEIGH_BAD);
	put_be16(f.b + ETH_IP6 + 2, 8); /* of the others the first tells what they are */
	assert_judged(&f, NET_NEIGH_NONE);
	put_be16(f.b + ETH_IP6 + 2, 1);
	f.b[ETH_IP6 + 8] = 128; /* an echo request */
	assert_judged(&f, NET_NEIGH_NONE);
	f.len = ETH_IP6 + 8; /* a chain that goes on in the next */
	f.b[ETH_IP6] = 60;
	end_ip6(&f, 14);
	assert_judged(&f, NET_NEIGH_BAD);
}

/* ---- offloads ---- */

static void what_is_rewritten_is_bad(void **state)
{
	struct net_offload off = {
		.l2_len = 14, .l3_len = 40, .l4 = NET_L4_UDP, .l4_csum = true};
	struct frame f;
	uint64_t mac;

	(void)state;
	make_arp(&f, own);
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
	make_nd(&f, NA, 2, own);
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 17, 16);
	frame_udp(&f, 16);
	frame_push(&f, 8);
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_NONE);
	off.l3_len = 39; /* writes into the IPv6 header */
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
	off.l3_len = 48; /* a tunnel's */
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_NONE);
	off.l2_len = 16;
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
	frame_eth(&f);
	frame_type(&f, 60);
	memcpy(frame_push(&f, 60), "\xaa\xaa\x03\0\0\1\x08\x06", 8);
	assert_judged(&f, NET_NEIGH_NONE);
	off = (struct net_offload){.l2_len = 14, .l3_len = 20, .ip_csum = true};
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
	off = (struct net_offload){.l2_len = 14, .l3_len = 20, .tso = true, .mss = 9};
	assert_int_equal(judged(&f, f.len, &off, &mac), NET_NEIGH_BAD);
}

static void anything_is_judged(void **state)
{
	struct frame f;
	uint32_t seed = 1;
	uint64_t mac;

	(void)state;
	for (unsigned i = 0; i < 20000; i++) {
		make_nd(&f, NA, 2, own);
		frame_push(&f, 60);
		for (unsigned k = 0; k < 1 + i % 8; k++) {
			seed = seed * 1103515245 + 12345;
			f.b[12 + (seed >> 8) % 80] = (uint8_t)(seed >> 24);
		}
		assert_in_range(judged(&f, 1 + i % f.len, &none, &mac), NET_NEIGH_NONE,
				NET_NEIGH_BAD);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arp_names_its_sender),
		cmocka_unit_test(arp_is_found_behind_tags_and_snap),
		cmocka_unit_test(what_is_cut_short_is_bad),
		cmocka_unit_test(other_protocols_say_nothing),
		cmocka_unit_test(discovery_names_an_address),
		cmocka_unit_test(routers_are_bad),
		cmocka_unit_test(all_options_count),
		cmocka_unit_test(a_message_that_is_not_whole_is_bad),
		cmocka_unit_test(extension_headers_hide_nothing),
		cmocka_unit_test(fragments_may_not_speak),
		cmocka_unit_test(what_is_rewritten_is_bad),
		cmocka_unit_test(anything_is_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
