/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net_eth.h"
#include "test_net_frame.h"

/* Parses the first len bytes from a buffer of exactly that size: ASan sees any byte too many.
 */
static struct net_parsed parsed(const struct frame *f, uint32_t len)
{
	uint8_t *exact = calloc(len + !len, 1);
	struct net_parsed p;

	memcpy(exact, f->b, len);
	memset(&p, 0xa5, sizeof(p));
	net_parse(exact, len, &p);
	free(exact);
	return p;
}

static void assert_headers(const struct frame *f, enum net_l3 l3, enum net_l4 l4,
			   uint32_t l4_off, uint32_t hdr_len)
{
	struct net_parsed p = parsed(f, f->len);

	assert_int_equal(p.l3, l3);
	assert_int_equal(p.l4, l4);
	assert_int_equal(p.l4_off, l4_off);
	assert_int_equal(p.hdr_len, hdr_len);
}

static void shorter_than_ethernet_is_all_zeros(void **state)
{
	static const struct net_parsed none;
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	for (uint32_t len = 0; len < 14; len++) {
		struct net_parsed p = parsed(&f, len);

		assert_memory_equal(&p, &none, sizeof(p));
	}
}

static void unknown_type_ends_after_ethernet(void **state)
{
	struct net_parsed p;
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_ARP);
	frame_push(&f, 46);
	assert_headers(&f, NET_L3_NONE, NET_L4_NONE, 0, 14);
	p = parsed(&f, f.len);
	assert_int_equal(p.ethertype, NET_ETH_P_ARP);
	assert_int_equal(p.l3_off, 14);
	assert_int_equal(p.ip_len, 0);
}

static void up_to_two_tags_are_looked_through(void **state)
{
	static const uint16_t tpid[3] = {NET_ETH_P_QINQ, NET_ETH_P_VLAN, NET_ETH_P_VLAN};

	(void)state;
	for (unsigned tags = 0; tags <= 3; tags++) {
		struct net_parsed p;
		struct frame f;

		frame_eth(&f);
		for (unsigned i = 0; i < tags; i++)
			frame_tag(&f, tpid[i], (uint16_t)(100 + i));
		frame_type(&f, NET_ETH_P_IPV4);
		frame_ipv4(&f, 17, 0, 36);
		frame_udp(&f, 16);
		frame_push(&f, 8);
		p = parsed(&f, f.len);
		assert_int_equal(p.tags, MIN(tags, 2u));
		assert_int_equal(p.l3_off, 14 + 4 * MIN(tags, 2u));
		assert_int_equal(p.l4, tags <= 2 ? NET_L4_UDP : NET_L4_NONE);
		assert_int_equal(p.ethertype, tags <= 2 ? NET_ETH_P_IPV4 : NET_ETH_P_VLAN);
	}
}

static void ipv4_tcp_with_options(void **state)
{
	struct net_parsed p;
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	frame_ipv4(&f, 6, 12, 32 + 32 + 5);
	frame_tcp(&f, 12, 0x10);
	frame_push(&f, 5);
	assert_headers(&f, NET_L3_IPV4, NET_L4_TCP, 14 + 32, 14 + 32 + 32);
	p = parsed(&f, f.len);
	assert_true(p.ext_headers);
	assert_false(p.fragment);
	assert_int_equal(p.ip_len, 69);
}

static void ipv4_malformed_headers(void **state)
{
	struct frame f;
	uint8_t *ip, *tcp;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	ip = frame_ipv4(&f, 6, 0, 40);
	tcp = frame_tcp(&f, 0, 0);
	assert_headers(&f, NET_L3_IPV4, NET_L4_TCP, 34, 54);
	tcp[12] = 0x40; /* data offset below 5 */
	assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
	tcp[12] = 0x60; /* beyond the end */
	assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
	tcp[12] = 0x50;
	ip[0] = 0x44; /* header length below 5 */
	assert_headers(&f, NET_L3_NONE, NET_L4_NONE, 0, 14);
	ip[0] = 0x4f; /* beyond the end */
	assert_headers(&f, NET_L3_NONE, NET_L4_NONE, 0, 14);
	ip[0] = 0x65; /* the wrong version */
	assert_headers(&f, NET_L3_NONE, NET_L4_NONE, 0, 14);
	ip[0] = 0x45;
	ip[9] = 1;
	assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
}

static void ipv4_fragments_have_no_l4(void **state)
{
	static const uint16_t words[] = {0x2000, 0x0001, 0x3fff, 0x1fff};
	struct frame f;
	uint8_t *ip;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	ip = frame_ipv4(&f, 17, 0, 28);
	frame_udp(&f, 8);
	put_be16(ip + 6, 0x4000); /* DF is no fragment */
	assert_headers(&f, NET_L3_IPV4, NET_L4_UDP, 34, 42);
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++) {
		put_be16(ip + 6, words[i]);
		assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
		assert_true(parsed(&f, f.len).fragment);
	}
}

/* 0 is what a driver writes when the card shall segment. */
static void l4_beyond_the_packet_is_padding(void **state)
{
	struct frame f;
	uint8_t *ip;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV4);
	ip = frame_ipv4(&f, 17, 0, 27);
	frame_udp(&f, 8);
	assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
	put_be16(ip + 2, 3); /* less than its own header */
	assert_headers(&f, NET_L3_IPV4, NET_L4_NONE, 0, 34);
	put_be16(ip + 2, 28);
	assert_headers(&f, NET_L3_IPV4, NET_L4_UDP, 34, 42);
	put_be16(ip + 2, 0);
	assert_headers(&f, NET_L3_IPV4, NET_L4_UDP, 34, 42);
}

static void ipv6_plain(void **state)
{
	struct net_parsed p;
	struct frame f;
	uint8_t *ip;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	ip = frame_ipv6(&f, 132, 12);
	frame_sctp(&f);
	assert_headers(&f, NET_L3_IPV6, NET_L4_SCTP, 54, 66);
	p = parsed(&f, f.len);
	assert_int_equal(p.ip_len, 52);
	assert_false(p.ext_headers);
	put_be16(ip + 4, 11);
	assert_headers(&f, NET_L3_IPV6, NET_L4_NONE, 0, 54);
	put_be16(ip + 4, 0);
	assert_headers(&f, NET_L3_IPV6, NET_L4_SCTP, 54, 66);
	put_be16(ip + 4, 0xffff);
	assert_int_equal(parsed(&f, f.len).ip_len, 0xffff);
	ip[0] = 0x40;
	assert_headers(&f, NET_L3_NONE, NET_L4_NONE, 0, 14);
}

static void ipv6_extension_headers_are_walked(void **state)
{
	struct frame f;
	uint8_t *frag;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 0, 8 + 24 + 16 + 8 + 20);
	frame_ext(&f, 43, 0);
	frame_ext(&f, 60, 2);
	frame_ext(&f, 44, 1);
	frag = frame_ext(&f, 6, 0);
	frame_tcp(&f, 0, 0);
	assert_headers(&f, NET_L3_IPV6, NET_L4_TCP, 54 + 56,
		       54 + 56 + 20); /* atomic fragment */
	assert_true(parsed(&f, f.len).fragment);
	assert_true(parsed(&f, f.len).ext_headers);
	put_be16(frag + 2, 1); /* more fragments */
	assert_headers(&f, NET_L3_IPV6, NET_L4_NONE, 0, 54 + 56);
	put_be16(frag + 2, 8); /* offset 1 */
	assert_headers(&f, NET_L3_IPV6, NET_L4_NONE, 0, 54 + 56);
	put_be16(frag + 2, 6); /* reserved bits say nothing */
	assert_headers(&f, NET_L3_IPV6, NET_L4_TCP, 54 + 56, 54 + 56 + 20);
}

/* The second byte of a fragment header is reserved, not a length. */
static void ipv6_fragment_header_has_a_fixed_length(void **state)
{
	struct frame f;
	uint8_t *frag;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 44, 16);
	frag = frame_ext(&f, 17, 0);
	frame_udp(&f, 8);
	frag[1] = 0xff;
	assert_headers(&f, NET_L3_IPV6, NET_L4_UDP, 62, 70);
}

static void ipv6_chain_is_bounded(void **state)
{
	(void)state;
	for (unsigned n = 7; n <= 9; n++) {
		struct frame f;

		frame_eth(&f);
		frame_type(&f, NET_ETH_P_IPV6);
		frame_ipv6(&f, 60, (uint16_t)(8 * n + 8));
		for (unsigned i = 0; i < n; i++)
			frame_ext(&f, i == n - 1 ? 17 : 60, 0);
		frame_udp(&f, 8);
		if (n <= 8)
			assert_headers(&f, NET_L3_IPV6, NET_L4_UDP, 54 + 8 * n, 62 + 8 * n);
		else
			assert_headers(&f, NET_L3_IPV6, NET_L4_NONE, 0, 54 + 64);
	}
}

static void ipv6_cut_extension_is_not_reported(void **state)
{
	struct frame f;

	(void)state;
	frame_eth(&f);
	frame_type(&f, NET_ETH_P_IPV6);
	frame_ipv6(&f, 60, 16);
	frame_ext(&f, 17, 200);
	f.len = 14 + 40 + 16;
	assert_headers(&f, NET_L3_IPV6, NET_L4_NONE, 0, 54);
	assert_false(parsed(&f, f.len).ext_headers);
}

/* More bytes never take back what fewer have shown. */
static void assert_monotone(const struct frame *f)
{
	struct net_parsed before = parsed(f, 0);

	for (uint32_t len = 1; len <= f->len; len++) {
		struct net_parsed p = parsed(f, len);

		assert_true(p.hdr_len <= len);
		assert_true(p.hdr_len >= before.hdr_len && p.tags >= before.tags);
		assert_true(p.fragment >= before.fragment &&
			    p.ext_headers >= before.ext_headers);
		assert_true(!before.l3 || p.l3 == before.l3);
		assert_true(!before.l4 || (p.l4 == before.l4 && p.l4_off == before.l4_off));
		assert_true(!p.l4 || (p.l4_off >= p.l3_off + 20 && p.l4_off < p.hdr_len));
		before = p;
	}
}

static void make_ipv4(struct frame *f, unsigned tags, uint32_t options)
{
	frame_eth(f);
	while (tags--)
		frame_tag(f, NET_ETH_P_VLAN, 5);
	frame_type(f, NET_ETH_P_IPV4);
	frame_ipv4(f, 6, options, (uint16_t)(20 + options + 40 + 30));
	frame_tcp(f, 20, 0);
	frame_push(f, 30);
}

static void make_ipv6(struct frame *f, uint8_t last, uint16_t frag)
{
	frame_eth(f);
	frame_tag(f, NET_ETH_P_QINQ, 5);
	frame_type(f, NET_ETH_P_IPV6);
	frame_ipv6(f, 0, 8 + 8 + 16 + 20);
	frame_ext(f, 44, 0);
	put_be16(frame_ext(f, 60, 0) + 2, frag);
	frame_ext(f, last, 1);
	frame_push(f, 20);
	f->b[f->len - 20 + 12] = 0x50;
}

static void every_truncation_is_safe_and_monotone(void **state)
{
	static const uint8_t protocols[] = {6, 17, 132, 59, 0, 44};
	struct frame f;

	(void)state;
	for (unsigned tags = 0; tags < 4; tags++) {
		for (uint32_t options = 0; options <= 40; options += 20) {
			make_ipv4(&f, tags, options);
			assert_monotone(&f);
		}
	}
	for (unsigned i = 0; i < ARRAY_SIZE(protocols); i++) {
		make_ipv6(&f, protocols[i], 0);
		assert_monotone(&f);
		make_ipv6(&f, protocols[i], 9);
		assert_monotone(&f);
	}
}

/* Every byte set to extremes, then every truncation: cheap fuzzing that runs each time. */
static void every_byte_may_be_anything(void **state)
{
	static const uint8_t values[] = {0x00, 0x0f, 0x2c, 0x7f, 0xff};
	struct frame f;

	(void)state;
	make_ipv6(&f, 6, 0);
	for (uint32_t at = 12; at < f.len; at++) {
		uint8_t was = f.b[at];

		for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
			f.b[at] = values[i];
			assert_monotone(&f);
		}
		f.b[at] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shorter_than_ethernet_is_all_zeros),
		cmocka_unit_test(unknown_type_ends_after_ethernet),
		cmocka_unit_test(up_to_two_tags_are_looked_through),
		cmocka_unit_test(ipv4_tcp_with_options),
		cmocka_unit_test(ipv4_malformed_headers),
		cmocka_unit_test(ipv4_fragments_have_no_l4),
		cmocka_unit_test(l4_beyond_the_packet_is_padding),
		cmocka_unit_test(ipv6_plain),
		cmocka_unit_test(ipv6_extension_headers_are_walked),
		cmocka_unit_test(ipv6_fragment_header_has_a_fixed_length),
		cmocka_unit_test(ipv6_chain_is_bounded),
		cmocka_unit_test(ipv6_cut_extension_is_not_reported),
		cmocka_unit_test(every_truncation_is_safe_and_monotone),
		cmocka_unit_test(every_byte_may_be_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
