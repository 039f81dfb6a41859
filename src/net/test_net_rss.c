/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <arpa/inet.h>
#include <cmocka.h>

#include "net_rss.h"
#include "test_net_frame.h"

/* Microsoft's key and results ("Verifying the RSS Hash Calculation"). */
static const uint8_t ms_key[NET_RSS_KEY] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
	0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
	0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

static const struct vector {
	int family;
	const char *src, *dst;
	uint16_t src_port, dst_port;
	uint32_t addresses, with_ports;
} vectors[] = {
	{AF_INET, "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
	{AF_INET, "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
	{AF_INET, "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
	{AF_INET, "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
	{AF_INET, "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2},
	{AF_INET6, "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5,
	 0x40207d3d},
	{AF_INET6, "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c,
	 0xdde51bbf},
	{AF_INET6, "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251,
	 38024, 0x4b61e985, 0x02d1feef},
};

#define ALL_TYPES 0x1ff

static struct net_rss_key key;
static struct frame f;
static enum net_rss_used used;

static int set_up(void **state)
{
	(void)state;
	net_rss_key_init(&key, ms_key);
	return 0;
}

static uint32_t hash(uint32_t types)
{
	struct net_parsed p;

	net_parse(f.b, f.len, &p);
	return net_rss_hash(&key, types, f.b, &p, &used);
}

static void ip_header(const struct vector *v, uint8_t proto)
{
	uint8_t *h;

	if (v->family == AF_INET) {
		frame_type(&f, 0x0800);
		h = frame_ipv4(&f, proto, 0, 40);
		assert_int_equal(inet_pton(AF_INET, v->src, h + 12), 1);
		assert_int_equal(inet_pton(AF_INET, v->dst, h + 16), 1);
		return;
	}
	frame_type(&f, 0x86dd);
	h = frame_ipv6(&f, proto, 64);
	assert_int_equal(inet_pton(AF_INET6, v->src, h + 8), 1);
	assert_int_equal(inet_pton(AF_INET6, v->dst, h + 24), 1);
}

static void l4_header(const struct vector *v, uint8_t proto)
{
	uint8_t *h = proto == 6 ? frame_tcp(&f, 0, 0) : frame_udp(&f, 20);

	put_be16(h, v->src_port);
	put_be16(h + 2, v->dst_port);
	frame_push(&f, 64);
}

static void make(const struct vector *v, uint8_t proto)
{
	frame_eth(&f);
	ip_header(v, proto);
	l4_header(v, proto);
}

static void assert_hash(uint32_t types, uint32_t want, enum net_rss_used way)
{
	assert_int_equal(hash(types), want);
	assert_int_equal(used, way);
}

/* ---- tests ---- */

static void microsofts_vectors(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(vectors); i++) {
		const struct vector *v = &vectors[i];
		bool v4 = v->family == AF_INET;

		make(v, 6);
		assert_hash(NET_RSS_IPV4 | NET_RSS_IPV6, v->addresses,
			    v4 ? NET_RSS_USED_IPV4 : NET_RSS_USED_IPV6);
		assert_hash(NET_RSS_TCP_IPV4 | NET_RSS_TCP_IPV6, v->with_ports,
			    v4 ? NET_RSS_USED_TCP_IPV4 : NET_RSS_USED_TCP_IPV6);
		make(v, 17);
		assert_hash(NET_RSS_UDP_IPV4 | NET_RSS_UDP_IPV6, v->with_ports,
			    v4 ? NET_RSS_USED_UDP_IPV4 : NET_RSS_USED_UDP_IPV6);
		frame_eth(&f);
		frame_tag(&f, 0x8100, 7);
		ip_header(v, 6);
		l4_header(v, 6);
		assert_int_equal(hash(NET_RSS_TCP_IPV4 | NET_RSS_TCP_IPV6), v->with_ports);
	}
}

/* Ports before addresses alone, EX before plain; a type not asked for is not used. */
static void the_best_type_is_chosen(void **state)
{
	const struct vector *v4 = &vectors[0], *v6 = &vectors[5];

	(void)state;
	make(v4, 6);
	assert_hash(ALL_TYPES, v4->with_ports, NET_RSS_USED_TCP_IPV4);
	assert_hash(NET_RSS_IPV4 | NET_RSS_UDP_IPV4, v4->addresses, NET_RSS_USED_IPV4);
	assert_hash(NET_RSS_UDP_IPV4 | NET_RSS_IPV6 | NET_RSS_TCP_IPV6, 0, NET_RSS_USED_NONE);
	make(v4, 17);
	assert_hash(ALL_TYPES, v4->with_ports, NET_RSS_USED_UDP_IPV4);
	assert_hash(NET_RSS_IPV4 | NET_RSS_TCP_IPV4, v4->addresses, NET_RSS_USED_IPV4);
	make(v6, 6);
	assert_hash(ALL_TYPES, v6->with_ports, NET_RSS_USED_TCP_IPV6_EX);
	assert_hash(NET_RSS_IPV6_EX | NET_RSS_IPV6, v6->addresses, NET_RSS_USED_IPV6_EX);
	make(v6, 17);
	assert_hash(ALL_TYPES, v6->with_ports, NET_RSS_USED_UDP_IPV6_EX);
	assert_hash(NET_RSS_TCP_IPV6 | NET_RSS_IPV6, v6->addresses, NET_RSS_USED_IPV6);
	assert_hash(NET_RSS_IPV4 | NET_RSS_TCP_IPV4, 0, NET_RSS_USED_NONE);
}

static void a_fragment_has_addresses_only(void **state)
{
	(void)state;
	make(&vectors[0], 6);
	put_be16(f.b + 20, 0x2000); /* more fragments */
	assert_hash(ALL_TYPES, vectors[0].addresses, NET_RSS_USED_IPV4);
	assert_hash(NET_RSS_TCP_IPV4, 0, NET_RSS_USED_NONE);
}

static void other_frames_have_no_hash(void **state)
{
	(void)state;
	frame_eth(&f);
	frame_type(&f, 0x0806);
	frame_push(&f, 46);
	assert_hash(ALL_TYPES, 0, NET_RSS_USED_NONE);
	make(&vectors[0], 6);
	f.len = 14 + 19;
	assert_hash(ALL_TYPES, 0, NET_RSS_USED_NONE);
	f.len = 14 + 20 + 4; /* the TCP header is cut short */
	assert_hash(ALL_TYPES, vectors[0].addresses, NET_RSS_USED_IPV4);
}

/* A destination options header (home address option after paddings), then a routing header of
 * type 2: the vector's addresses are in there, others in the IPv6 header. */
static uint8_t *make_mobile(const struct vector *v, uint8_t **ret_route)
{
	uint8_t *ip, *opts;

	frame_eth(&f);
	frame_type(&f, 0x86dd);
	ip = frame_ipv6(&f, 60, 24 + 24 + 20);
	opts = frame_ext(&f, 43, 2);
	opts[3] = 1; /* PadN of 1 + 2 bytes, after a Pad1 */
	opts[4] = 0;
	opts[5] = 201;
	opts[6] = 16;
	assert_int_equal(inet_pton(AF_INET6, v->src, opts + 7), 1);
	*ret_route = frame_ext(&f, 6, 2);
	(*ret_route)[2] = 2;
	(*ret_route)[3] = 1;
	assert_int_equal(inet_pton(AF_INET6, v->dst, *ret_route + 8), 1);
	l4_header(v, 6);
	return ip;
}

static void ex_types_take_mobile_addresses(void **state)
{
	const struct vector *v = &vectors[6];
	uint8_t *route, *ip = make_mobile(v, &route);
	uint32_t plain;

	(void)state;
	assert_hash(NET_RSS_TCP_IPV6_EX, v->with_ports, NET_RSS_USED_TCP_IPV6_EX);
	assert_hash(NET_RSS_IPV6_EX, v->addresses, NET_RSS_USED_IPV6_EX);
	plain = hash(NET_RSS_IPV6);
	assert_int_not_equal(plain, v->addresses);
	/* Neither a routing header of another type nor another option has an address. */
	route[2] = 0;
	memcpy(ip + 24, route + 8, 16);
	memset(route + 8, 0xee, 16);
	assert_int_equal(hash(NET_RSS_IPV6_EX), v->addresses);
	memcpy(ip + 8, ip + 47, 16);
	ip[45] = 5;
	assert_int_equal(hash(NET_RSS_IPV6_EX), v->addresses);
	memset(ip + 8, 0, 16);
	assert_int_not_equal(hash(NET_RSS_IPV6_EX), v->addresses);
}

/* The second byte of a fragment header is no length. */
static void an_atomic_fragment_is_passed_over(void **state)
{
	const struct vector *v = &vectors[6];
	uint8_t *ip, *h;

	(void)state;
	frame_eth(&f);
	frame_type(&f, 0x86dd);
	ip = frame_ipv6(&f, 44, 8 + 24 + 20);
	assert_int_equal(inet_pton(AF_INET6, v->src, ip + 8), 1);
	h = frame_push(&f, 8);
	h[0] = 43;
	h[1] = 9;
	h = frame_ext(&f, 6, 2);
	h[2] = 2;
	assert_int_equal(inet_pton(AF_INET6, v->dst, h + 8), 1);
	l4_header(v, 6);
	assert_hash(ALL_TYPES, v->with_ports, NET_RSS_USED_TCP_IPV6_EX);
}

/* A home address that would reach into the next header. */
static void an_option_beyond_its_header_is_none(void **state)
{
	uint8_t *route, *ip = make_mobile(&vectors[6], &route);
	uint32_t with, without;

	(void)state;
	route[2] = 0;
	without = hash(NET_RSS_IPV6);
	with = hash(NET_RSS_IPV6_EX);
	assert_int_not_equal(with, without);
	memmove(ip + 40 + 6, ip + 40 + 5, 2);
	ip[40 + 5] = 0; /* one more Pad1: 16 bytes of 17 are left, then 15 */
	assert_int_not_equal(hash(NET_RSS_IPV6_EX), without);
	memmove(ip + 40 + 7, ip + 40 + 6, 2);
	ip[40 + 6] = 0;
	assert_int_equal(hash(NET_RSS_IPV6_EX), without);
}

/* An option that is longer than its header, in a buffer that ends with the frame. */
static void options_that_lie_are_ignored(void **state)
{
	(void)state;
	for (unsigned len = 0; len < 256; len++) {
		uint8_t *route, *ip = make_mobile(&vectors[6], &route), *exact;
		struct net_parsed p;

		ip[46] = (uint8_t)len;
		ip[43] = (uint8_t)(len * 7);
		for (uint32_t cut = 54; cut < f.len; cut += 5) {
			exact = malloc(cut);
			assert_non_null(exact);
			memcpy(exact, f.b, cut);
			net_parse(exact, cut, &p);
			net_rss_hash(&key, ALL_TYPES, exact, &p, &used);
			assert_int_not_equal(used, NET_RSS_USED_NONE);
			free(exact);
		}
	}
}

/* Bit by bit, as the definition has it. */
static void every_bit_counts(void **state)
{
	uint8_t raw[NET_RSS_KEY], input[NET_RSS_INPUT];

	(void)state;
	for (unsigned i = 0; i < NET_RSS_KEY; i++)
		raw[i] = (uint8_t)(i * 97 + 13);
	net_rss_key_init(&key, raw);
	for (unsigned bit = 0; bit < 8 * NET_RSS_INPUT; bit++) {
		uint32_t want = 0;

		for (unsigned i = bit; i < bit + 32; i++)
			want = want << 1 | (raw[i / 8] >> (7 - i % 8) & 1);
		memset(input, 0, sizeof(input));
		input[bit / 8] = (uint8_t)(0x80 >> bit % 8);
		assert_int_equal(net_toeplitz(&key, input, sizeof(input)), want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(microsofts_vectors, set_up),
		cmocka_unit_test_setup(the_best_type_is_chosen, set_up),
		cmocka_unit_test_setup(a_fragment_has_addresses_only, set_up),
		cmocka_unit_test_setup(other_frames_have_no_hash, set_up),
		cmocka_unit_test_setup(ex_types_take_mobile_addresses, set_up),
		cmocka_unit_test_setup(an_atomic_fragment_is_passed_over, set_up),
		cmocka_unit_test_setup(an_option_beyond_its_header_is_none, set_up),
		cmocka_unit_test_setup(options_that_lie_are_ignored, set_up),
		cmocka_unit_test_setup(every_bit_counts, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
