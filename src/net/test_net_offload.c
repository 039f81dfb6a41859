/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_offload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "net_csum.h"
#include "net_eth.h"
#include "test_net_frame.h"

static uint64_t rnd_state = 1;

static uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rnd_state >> 33) % below;
}

/* The judge: sums big-endian words over the frame as a receiver would, from the frame's own
 * words. */
static uint32_t judge_add(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

static bool judge_ok(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

struct seen {
	const uint8_t *ip, *l4, *payload;
	uint32_t l4_len, payload_len; /* by the IP header's words */
	unsigned proto;
};

/* Takes a frame apart and asserts that every length and checksum in it is right. */
static struct seen judge(const uint8_t *frame, uint32_t len)
{
	struct seen s = {.ip = frame + 14};
	uint32_t sum = 0, ip_len, ip_hdr;

	while (get_be16(s.ip - 2) == NET_ETH_P_VLAN)
		s.ip += 4;
	if (s.ip[0] >> 4 == 4) {
		ip_hdr = (s.ip[0] & 15u) * 4;
		ip_len = get_be16(s.ip + 2);
		s.proto = s.ip[9];
		assert_true(judge_ok(judge_add(0, s.ip, ip_hdr)));
		sum = judge_add(0, s.ip + 12, 8);
	} else {
		ip_hdr = 40;
		ip_len = 40u + get_be16(s.ip + 4);
		s.proto = s.ip[6];
		sum = judge_add(0, s.ip + 8, 32);
	}
	assert_int_equal(s.ip + ip_len - frame, len);
	s.l4 = s.ip + ip_hdr;
	s.l4_len = ip_len - ip_hdr;
	if (s.proto == 17)
		assert_int_equal(get_be16(s.l4 + 4), s.l4_len);
	if (s.proto != 132)
		assert_true(judge_ok(judge_add(sum + s.proto + s.l4_len, s.l4, s.l4_len)));
	s.payload = s.l4 + (s.proto == 6 ? (s.l4[12] >> 4) * 4 : 8);
	s.payload_len = (uint32_t)(frame + len - s.payload);
	return s;
}

struct shape {
	unsigned tags;
	uint8_t l3, l4;
	uint32_t ip_options, tcp_options;
};

static const struct shape shapes[] = {
	{0, NET_L3_IPV4, NET_L4_TCP, 0, 0},  {0, NET_L3_IPV4, NET_L4_UDP, 0, 0},
	{1, NET_L3_IPV4, NET_L4_TCP, 0, 12}, {2, NET_L3_IPV4, NET_L4_TCP, 40, 40},
	{1, NET_L3_IPV4, NET_L4_UDP, 8, 0},  {0, NET_L3_IPV6, NET_L4_TCP, 0, 0},
	{2, NET_L3_IPV6, NET_L4_TCP, 0, 12}, {0, NET_L3_IPV6, NET_L4_UDP, 0, 0},
};

/* Headers only; length words, where there are any, for payload bytes of payload. */
static struct net_offload build(struct frame *f, const struct shape *s, uint32_t payload)
{
	uint32_t l4_len = s->l4 == NET_L4_TCP ? 20 + s->tcp_options : 8;
	uint32_t l3_len = s->l3 == NET_L3_IPV4 ? 20 + s->ip_options : 40;
	uint8_t proto = s->l4 == NET_L4_TCP ? 6 : 17;

	frame_eth(f);
	for (unsigned i = 0; i < s->tags; i++)
		frame_tag(f, NET_ETH_P_VLAN, 7);
	frame_type(f, s->l3 == NET_L3_IPV4 ? NET_ETH_P_IPV4 : NET_ETH_P_IPV6);
	if (s->l3 == NET_L3_IPV4)
		put_be16(frame_ipv4(f, proto, s->ip_options,
				    (uint16_t)(l3_len + l4_len + payload)) +
				 10,
			 0xbeef); /* to be ignored */
	else
		frame_ipv6(f, proto, (uint16_t)(l4_len + payload));
	if (s->l4 == NET_L4_TCP)
		put_be16(frame_tcp(f, s->tcp_options, 0x80 | 0x10 | 0x08 | 0x01) + 16, 0xdead);
	else
		put_be16(frame_udp(f, (uint16_t)(8 + payload)) + 6, 0xdead);
	return (struct net_offload){
		.l2_len = (uint16_t)(14 + 4 * s->tags),
		.l3_len = (uint16_t)l3_len,
		.l4_len = (uint16_t)l4_len,
		.l3 = s->l3,
		.l4 = s->l4,
		.ip_csum = s->l3 == NET_L3_IPV4,
		.l4_csum = true,
	};
}

/* Makes the L4 checksum of all anew; payload_sum is of what is behind hdr_len. */
static void set_l4_csum(uint8_t *hdr, uint32_t hdr_len, const struct net_offload *off,
			uint64_t payload_sum, uint32_t l4_total)
{
	uint32_t l4_off = (uint32_t)off->l2_len + off->l3_len;
	uint8_t *field = hdr + l4_off + (off->l4 == NET_L4_TCP ? 16 : 6);
	uint64_t sum = net_csum_join(payload_sum, net_pseudo_sum(hdr, off, l4_total));
	uint16_t csum;

	put_le16(field, 0);
	csum = (uint16_t)~net_csum_fold(net_csum_add(sum, hdr + l4_off, hdr_len - l4_off));
	put_le16(field, off->l4 == NET_L4_UDP && !csum ? 0xffff : csum);
}

/* One frame with payload bytes; hdr_len of its bytes are in the header block. */
static void one_csum(const struct shape *shape, uint32_t payload, uint32_t extra)
{
	struct frame f;
	struct net_offload off = build(&f, shape, payload);
	uint32_t l4_off = (uint32_t)off.l2_len + off.l3_len, hdr_len = f.len + extra;
	uint8_t *p = frame_push(&f, payload);
	uint64_t sum;

	for (uint32_t i = 0; i < payload; i++)
		p[i] = (uint8_t)rnd(256);
	assert_true(net_offload_valid(&off, hdr_len));
	sum = net_csum_add(0, f.b + hdr_len, f.len - hdr_len);
	if ((hdr_len - l4_off) % 2)
		sum = net_csum_swap(sum);
	net_ip_csum_set(f.b, &off);
	set_l4_csum(f.b, hdr_len, &off, sum, f.len - l4_off);
	judge(f.b, f.len);
}

static void checksums_of_whole_frames(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
		for (uint32_t payload = 0; payload < 40; payload++) {
			for (uint32_t extra = 0; extra <= payload; extra++)
				one_csum(&shapes[i], payload, extra);
		}
	}
}

/* igb_tx_csum leaves the IPv4 bit and the L4 length of the context at 0. */
static void plain_checksum_believes_the_bytes_not_l3(void **state)
{
	struct frame f;
	struct net_offload off = build(&f, &shapes[0], 0);

	(void)state;
	off.l3 = NET_L3_IPV6;
	off.l4_len = 0;
	assert_true(net_offload_valid(&off, f.len));
	net_ip_csum_set(f.b, &off);
	set_l4_csum(f.b, f.len, &off, 0, 20);
	judge(f.b, f.len);
}

static void udp_zero_becomes_ffff(void **state)
{
	struct net_segment segment = {.payload_len = 2, .last = true};
	struct frame f;
	struct net_offload off = build(&f, &shapes[1], 0);
	struct net_tso tso;
	uint64_t sum;

	(void)state;
	off.tso = true;
	off.mss = 2;
	net_tso_begin(&tso, f.b, &off);
	net_tso_segment(&tso, &segment, 0);
	sum = get_le16(f.b + 34 + 6); /* as payload it makes the sum ffff, the checksum 0 */
	net_tso_segment(&tso, &segment, sum);
	assert_int_equal(get_le16(f.b + 34 + 6), 0xffff);
	off = build(&f, &shapes[0], 0);
	off.tso = true;
	off.mss = 2;
	net_tso_begin(&tso, f.b, &off);
	net_tso_segment(&tso, &segment, 0);
	sum = get_le16(f.b + 34 + 16);
	net_tso_segment(&tso, &segment, sum);
	assert_int_equal(get_le16(f.b + 34 + 16), 0);
}

/* A VXLAN frame: the block between l2 and the inner TCP is more than an IP header. */
static void tunnel_uses_the_drivers_seed(void **state)
{
	struct frame f, inner;
	struct net_offload off = build(&inner, &shapes[0], 0), outer;
	uint16_t seed;

	(void)state;
	net_ip_csum_set(inner.b, &off);
	seed = net_csum_fold(net_pseudo_sum(inner.b, &off, 20));
	memcpy(inner.b + 34 + 16, &seed, 2);
	outer = build(&f, &shapes[1], 8 + inner.len);
	frame_push(&f, 8);
	memcpy(frame_push(&f, inner.len), inner.b, inner.len);
	outer.l4 = NET_L4_TCP;
	outer.l3_len = (uint16_t)(20 + 8 + 8 + 34);
	assert_true(net_offload_valid(&outer, f.len));
	net_ip_csum_set(f.b, &outer);
	set_l4_csum(f.b, f.len, &outer, 0, 20);
	assert_true(judge_ok(judge_add(0, f.b + 14, 20)));
	judge(f.b + f.len - inner.len, inner.len);
}

/* The same segmented: the seed lacks the length, which differs per segment. */
static void tunnel_seed_gets_the_length_when_segmenting(void **state)
{
	struct frame f;
	struct net_offload off = build(&f, &shapes[0], 0);
	uint64_t pseudo = net_pseudo_sum(f.b, &off, 20);
	uint16_t seed = net_csum_fold(net_pseudo_sum(f.b, &off, 0));

	(void)state;
	memcpy(f.b + 34 + 16, &seed, 2);
	f.b[14] = 0x46; /* no longer plain: l3_len says 20 */
	off.tso = true;
	assert_int_equal(net_csum_fold(net_pseudo_sum(f.b, &off, 20)), net_csum_fold(pseudo));
	off.tso = false;
	assert_int_equal(net_csum_fold(net_pseudo_sum(f.b, &off, 20)), seed);
}

static void ip_csum_leaves_other_headers_alone(void **state)
{
	struct frame f;
	struct net_offload off = build(&f, &shapes[3], 0);
	struct frame before;

	(void)state;
	off.l3_len = 56; /* less than the header says of itself */
	before = f;
	net_ip_csum_set(f.b, &off);
	assert_memory_equal(&f, &before, sizeof(f));
	off.l3_len = 60;
	f.b[off.l2_len] = 0x44; /* less than a header */
	before = f;
	net_ip_csum_set(f.b, &off);
	assert_memory_equal(&f, &before, sizeof(f));
	f.b[off.l2_len] = 0x6f;
	before = f;
	net_ip_csum_set(f.b, &off);
	assert_memory_equal(&f, &before, sizeof(f));
}

/* What a segment's TCP or IP header must say beyond lengths and checksums, which judge has
 * seen. */
static void judge_segment(const struct seen *s, const struct net_segment *segment)
{
	if (s->ip[0] >> 4 == 4)
		assert_int_equal(get_be16(s->ip + 4), (uint16_t)(0xfffe + segment->index));
	assert_int_equal(s->payload_len, segment->payload_len);
	if (s->proto != 6)
		return;
	assert_int_equal(get_be32(s->l4 + 4), 0xfffffff0 + segment->payload_off);
	assert_int_equal(s->l4[13],
			 0x10 | (segment->last ? 0x09 : 0) | (segment->index ? 0 : 0x80));
}

static void one_tso(const struct shape *shape, uint32_t payload, uint16_t mss)
{
	static uint8_t data[70000], out[70000];
	struct frame f;
	struct net_offload off = build(&f, shape, 0);
	struct frame hdr = f;
	uint32_t hdr_len = f.len, count, joined = 0;
	struct net_tso tso;

	off.tso = true;
	off.mss = mss;
	assert_true(net_offload_valid(&off, hdr_len));
	for (uint32_t i = 0; i < payload; i++)
		data[i] = (uint8_t)rnd(256);
	count = net_tso_count(&off, payload);
	net_tso_begin(&tso, hdr.b, &off);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t len = MIN(payload - joined, mss);
		struct net_segment segment = {joined, len, i, i == count - 1};
		uint8_t *seg = malloc(hdr_len + len);
		struct seen s;

		net_tso_segment(&tso, &segment,
				net_csum_copy(0, seg + hdr_len, data + joined, len));
		memcpy(seg, hdr.b, hdr_len);
		s = judge(seg, hdr_len + len);
		judge_segment(&s, &segment);
		memcpy(out + joined, s.payload, s.payload_len);
		joined += len;
		free(seg);
	}
	assert_int_equal(joined, payload);
	assert_memory_equal(out, data, payload);
	assert_memory_equal(hdr.b + hdr_len, f.b + hdr_len, sizeof(f.b) - hdr_len);
}

static void segments_join_to_the_original(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(shapes); i++) {
		one_tso(&shapes[i], 0, 1448);
		one_tso(&shapes[i], 1, 1448);
		one_tso(&shapes[i], 1448, 1448);
		one_tso(&shapes[i], 1449, 1448);
		one_tso(&shapes[i], 65000, 1448);
		one_tso(&shapes[i], 50, 1);
		for (int round = 0; round < 30; round++)
			one_tso(&shapes[i], rnd(65536), (uint16_t)(1 + rnd(9000)));
	}
}

/* What a segment's header is, written word by word and summed anew. */
static void header_anew(uint8_t *dst, const uint8_t *hdr, const struct net_offload *off,
			const struct net_segment *segment, uint64_t payload_sum)
{
	uint32_t l4_off = (uint32_t)off->l2_len + off->l3_len;
	uint32_t l4_total = off->l4_len + segment->payload_len;
	uint8_t *ip = dst + off->l2_len, *l4 = dst + l4_off;

	memcpy(dst, hdr, l4_off + off->l4_len);
	if (off->l3 == NET_L3_IPV6) {
		put_be16(ip + 4, (uint16_t)(off->l3_len + l4_total - 40));
	} else {
		put_be16(ip + 2, (uint16_t)(off->l3_len + l4_total));
		put_be16(ip + 4, (uint16_t)(get_be16(ip + 4) + segment->index));
	}
	if (off->l4 == NET_L4_TCP) {
		put_be32(l4 + 4, get_be32(l4 + 4) + segment->payload_off);
		l4[13] &= (uint8_t) ~(segment->last ? 0 : 0x09);
		l4[13] &= (uint8_t) ~(segment->index ? 0x80 : 0);
	} else {
		put_be16(l4 + 4, (uint16_t)l4_total);
	}
	net_ip_csum_set(dst, off);
	set_l4_csum(dst, l4_off + off->l4_len, off, payload_sum, l4_total);
}

/* Lengths that fit, and bytes that need not be what the context says they are. */
static struct net_offload random_context(uint8_t hdr[512])
{
	bool v6 = rnd(2), tcp = rnd(2);
	struct net_offload off = {.l2_len = (uint16_t)(14 + 4 * rnd(4)),
				  .l3_len = (uint16_t)((v6 ? 40 : 20) + (rnd(2) ? rnd(9) : 0)),
				  .l4_len = (uint16_t)((tcp ? 20 : 8) + (rnd(2) ? rnd(41) : 0)),
				  .l3 = v6 ? NET_L3_IPV6 : NET_L3_IPV4,
				  .l4 = tcp ? NET_L4_TCP : NET_L4_UDP,
				  .ip_csum = true,
				  .l4_csum = true,
				  .tso = true,
				  .mss = (uint16_t)(1 + rnd(9000))};
	uint8_t *ip = hdr + off.l2_len;

	for (uint32_t i = 0; i < 512; i++)
		hdr[i] = rnd(3) ? (uint8_t)rnd(256) : (uint8_t)(0 - rnd(2));
	if (rnd(8))
		ip[0] = (uint8_t)(rnd(2) ? 0x60 : 0x40 | off.l3_len / 4);
	return off;
}

static void segments_are_what_summing_anew_makes_of_them(void **state)
{
	uint8_t hdr[512], quick[512], anew[512];

	(void)state;
	for (int round = 0; round < 50000; round++) {
		struct net_offload off = random_context(hdr);
		uint32_t hdr_len = (uint32_t)off.l2_len + off.l3_len + off.l4_len;
		struct net_tso tso;

		assert_true(net_offload_valid(&off, hdr_len));
		memcpy(quick, hdr, sizeof(hdr));
		net_tso_begin(&tso, quick, &off);
		for (unsigned i = 0; i < 4; i++) {
			struct net_segment segment = {rnd(UINT32_MAX), 1 + rnd(off.mss),
						      rnd(9000), rnd(2)};
			uint64_t sum = rnd(4) ? (uint64_t)rnd(UINT32_MAX) << rnd(33) : 0;

			header_anew(anew, hdr, &off, &segment, sum);
			net_tso_segment(&tso, &segment, sum);
			assert_memory_equal(quick, anew, hdr_len);
		}
		assert_memory_equal(quick + hdr_len, hdr + hdr_len, sizeof(hdr) - hdr_len);
	}
}

static void count_does_not_wrap(void **state)
{
	struct net_offload off = {.mss = 1000};

	(void)state;
	assert_int_equal(net_tso_count(&off, 0), 1);
	assert_int_equal(net_tso_count(&off, 1000), 1);
	assert_int_equal(net_tso_count(&off, 1001), 2);
	assert_int_equal(net_tso_count(&off, UINT32_MAX), 4294968);
	off.mss = 0; /* refused by net_offload_valid; no division all the same */
	assert_int_equal(net_tso_count(&off, 5), 1);
}

static const struct net_offload good_tso = {
	.l2_len = 14,
	.l3_len = 20,
	.l4_len = 20,
	.l3 = NET_L3_IPV4,
	.l4 = NET_L4_TCP,
	.ip_csum = true,
	.l4_csum = true,
	.tso = true,
	.mss = 1460,
};

/* One lie at a time over good_tso with 54 header bytes. */
static void segmentation_lies_are_refused(void **state)
{
	struct net_offload off;

	(void)state;
#define LIE(field, value) \
	(off = good_tso, off.field = (value), assert_false(net_offload_valid(&off, 54)))
	assert_true(net_offload_valid(&good_tso, 54));
	assert_true(net_offload_valid(&good_tso, 2048));
	assert_false(net_offload_valid(&good_tso, 53));
	assert_false(net_offload_valid(&good_tso, 0));
	LIE(l2_len, 13);
	LIE(l2_len, 15);
	LIE(l2_len, 65535);
	LIE(l3_len, 19);
	LIE(l3_len, 0);
	LIE(l3_len, 65535);
	LIE(l4_len, 19);
	LIE(l4_len, 21);
	LIE(l4_len, 0);
	LIE(l4_len, 65535);
	LIE(mss, 0);
	LIE(mss, 65535 - 39);
	LIE(l3, NET_L3_NONE);
	LIE(l3, NET_L3_IPV6);
	LIE(l3, 77);
	LIE(l4, NET_L4_NONE);
	LIE(l4, NET_L4_SCTP);
	LIE(l4, 77);
#undef LIE
	off = good_tso;
	off.mss = 65535 - 40;
	assert_true(net_offload_valid(&off, 54));
	off.mss = 100;
	off.l4_len = 64;
	assert_false(net_offload_valid(&off, 2048)); /* no TCP header is that long */
}

static void checksum_lies_are_refused(void **state)
{
	struct net_offload off = {
		.l2_len = 14, .l3_len = 20, .l4 = NET_L4_TCP, .l4_csum = true};

	(void)state;
	assert_true(net_offload_valid(&off, 52));
	assert_false(net_offload_valid(&off, 51));
	off.l4 = NET_L4_UDP;
	assert_true(net_offload_valid(&off, 42));
	assert_false(net_offload_valid(&off, 41));
	off.l4 = NET_L4_SCTP;
	assert_true(net_offload_valid(&off, 46));
	assert_false(net_offload_valid(&off, 45));
	off.l4 = NET_L4_NONE;
	assert_false(net_offload_valid(&off, 1000));
	off = (struct net_offload){.l2_len = 14, .l3_len = 20, .ip_csum = true};
	assert_true(net_offload_valid(&off, 34));
	assert_false(net_offload_valid(&off, 33));
	off.l3_len = 19;
	assert_false(net_offload_valid(&off, 34));
	off = (struct net_offload){.l2_len = 65535, .l3_len = 65535, .mss = 9};
	assert_true(net_offload_valid(&off, 14)); /* nothing asked, nothing wrong */
}

static void received_ip_csum(void **state)
{
	struct frame f;
	struct net_offload off = build(&f, &shapes[3], 0);
	struct net_parsed p;

	(void)state;
	net_ip_csum_set(f.b, &off);
	net_parse(f.b, f.len, &p);
	assert_true(net_ip_csum_ok(f.b, &p));
	for (uint32_t bit = 0; bit < 60 * 8; bit++) {
		f.b[off.l2_len + bit / 8] ^= (uint8_t)(1 << bit % 8);
		net_parse(f.b, f.len, &p);
		if (p.l3 == NET_L3_IPV4)
			assert_false(net_ip_csum_ok(f.b, &p));
		f.b[off.l2_len + bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checksums_of_whole_frames),
		cmocka_unit_test(plain_checksum_believes_the_bytes_not_l3),
		cmocka_unit_test(udp_zero_becomes_ffff),
		cmocka_unit_test(tunnel_uses_the_drivers_seed),
		cmocka_unit_test(tunnel_seed_gets_the_length_when_segmenting),
		cmocka_unit_test(ip_csum_leaves_other_headers_alone),
		cmocka_unit_test(segments_join_to_the_original),
		cmocka_unit_test(segments_are_what_summing_anew_makes_of_them),
		cmocka_unit_test(count_does_not_wrap),
		cmocka_unit_test(segmentation_lies_are_refused),
		cmocka_unit_test(checksum_lies_are_refused),
		cmocka_unit_test(received_ip_csum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
