/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames between user-space drivers through a real ladond: switching, VLANs, offloads, jumbo
 * frames, header split. Every test runs with mapped doorbells and with trapped ones. What the
 * card computes is checked here by the plainest code possible.
 */
#include "e2e.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define IP_LEN	 20
#define IP6_LEN	 40
#define TCP_LEN	 20
#define UDP_LEN	 8
#define SCTP_LEN 12

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static struct e2e_frame f, g;

static void open_three(void)
{
	for (unsigned n = 0; n < 3; n++)
		e2e_open(n, NULL);
}

/* ---- switching ---- */

static void unicast_reaches_its_owner_only(void **state)
{
	(void)state;
	open_three();
	for (uint32_t payload = 1; payload <= 1500; payload += 83) {
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, payload, (uint8_t)payload);
		e2e_send(0, &f);
		e2e_expect(1, &f);
	}
	e2e_expect_nothing(0, 2);
}

static void broadcast_reaches_all_but_the_sender(void **state)
{
	(void)state;
	open_three();
	e2e_eth(&f, broadcast, 0, 0x0801, 100, 1);
	e2e_send(0, &f);
	e2e_expect(1, &f);
	e2e_expect(2, &f);
	e2e_expect_nothing(1, 0);
}

static void multicast_reaches_those_who_asked(void **state)
{
	static const uint8_t group[1][6] = {{0x01, 0x00, 0x5e, 0x01, 0x02, 0x03}};

	(void)state;
	open_three();
	assert_int_equal(ladon_igbvf_set_multicast(e2e.vf[1], group, 1), 0);
	e2e_eth(&f, group[0], 0, 0x0801, 100, 2);
	e2e_send(0, &f);
	e2e_expect(1, &f);
	e2e_expect_nothing(0, 2);
	e2e_expect_nothing(1, 0);
	assert_int_equal(ladon_igbvf_set_multicast(e2e.vf[1], NULL, 0), 0);
	e2e_send(0, &f);
	e2e_expect_nothing(0, 1);
}

static void a_changed_address_is_the_one_that_works(void **state)
{
	static const uint8_t mac[6] = {0x02, 0, 0, 0xaa, 0xbb, 0x01};
	uint8_t old[6];

	(void)state;
	open_three();
	memcpy(old, e2e.mac[1], 6);
	assert_int_equal(ladon_igbvf_set_mac(e2e.vf[1], mac), 0);
	memcpy(e2e.mac[1], mac, 6);
	e2e_eth(&f, old, 0, 0x0801, 100, 3);
	e2e_send(0, &f);
	e2e_expect_nothing(0, 1);
	e2e_healthy(0, 1);
}

/* ---- VLANs ---- */

/* f with a tag put into its bytes. */
static void tag_bytes(struct e2e_frame *frame, uint16_t tci)
{
	memmove(frame->bytes + 16, frame->bytes + 12, frame->len - 12);
	put_be16(frame->bytes + 12, 0x8100);
	put_be16(frame->bytes + 14, tci);
	frame->len += 4;
}

static void expect_tagged(unsigned n, const struct e2e_frame *plain, uint16_t tci)
{
	assert_true(e2e_receive(n, &g));
	assert_true(g.meta.flags & LADON_RX_VLAN);
	assert_int_equal(g.meta.vlan_tci, tci);
	assert_int_equal(g.len, plain->len);
	assert_memory_equal(g.bytes, plain->bytes, plain->len);
}

static void tagged_frames_stay_among_members(void **state)
{
	(void)state;
	open_three();
	assert_int_equal(ladon_igbvf_vlan_add(e2e.vf[0], 100), 0);
	assert_int_equal(ladon_igbvf_vlan_add(e2e.vf[1], 100), 0);
	e2e_eth(&f, broadcast, 0, 0x0801, 200, 4);
	tag_bytes(&f, 0x6000 | 100);
	e2e_send(0, &f);
	e2e_eth(&f, broadcast, 0, 0x0801, 200, 4);
	expect_tagged(1, &f, 0x6000 | 100);
	e2e_expect_nothing(0, 2);
	/* Unicast to one who is not a member does not arrive either. */
	e2e_eth(&f, e2e.mac[2], 0, 0x0801, 200, 4);
	tag_bytes(&f, 100);
	e2e_send(0, &f);
	e2e_expect_nothing(0, 2);
	assert_int_equal(ladon_igbvf_vlan_del(e2e.vf[1], 100), 0);
	e2e_eth(&f, e2e.mac[1], 0, 0x0801, 200, 4);
	tag_bytes(&f, 100);
	e2e_send(0, &f);
	e2e_expect_nothing(0, 1);
}

static void tags_are_inserted_and_stripped_by_the_card(void **state)
{
	(void)state;
	open_three();
	for (unsigned n = 0; n < 2; n++)
		assert_int_equal(ladon_igbvf_vlan_add(e2e.vf[n], 7), 0);
	e2e_eth(&f, e2e.mac[1], 0, 0x0801, 300, 5);
	f.meta.flags = LADON_TX_VLAN;
	f.meta.vlan_tci = 0xa007;
	e2e_send(0, &f);
	expect_tagged(1, &f, 0xa007);
	f.meta.flags = 0;
	e2e_send(0, &f);
	e2e_expect(1, &f);
}

/* ---- checksums ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Pseudo header of the packet at ip, for l4_len bytes of proto. */
static uint32_t pseudo(const uint8_t *ip, uint8_t proto, uint32_t l4_len)
{
	bool v6 = ip[0] >> 4 == 6;

	return sum16(proto + l4_len, ip + (v6 ? 8 : 12), v6 ? 32 : 8);
}

static uint32_t crc32c(const uint8_t *p, uint32_t len)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
	}
	return ~crc;
}

struct l4_case {
	const char *name;
	uint8_t proto, hdr_len, csum_at;
	enum ladon_l4 l4;
};
static const struct l4_case l4_cases[] = {
	{"TCP", 6, TCP_LEN, 16, LADON_L4_TCP},
	{"UDP", 17, UDP_LEN, 6, LADON_L4_UDP},
	{"SCTP", 132, SCTP_LEN, 8, LADON_L4_SCTP},
};

/* An IP packet with payload bytes behind the layer-4 header; checksums hold rubbish. */
static void make_ip(const struct l4_case *c, bool v6, uint32_t payload)
{
	uint32_t l4_len = c->hdr_len + payload, ip_len = v6 ? IP6_LEN : IP_LEN;
	uint8_t *ip = f.bytes + ETH_LEN, *l4 = ip + ip_len;

	e2e_eth(&f, e2e.mac[1], 0, v6 ? 0x86dd : 0x0800, ip_len + l4_len, 9);
	memset(ip, 0, ip_len);
	ip[0] = v6 ? 0x60 : 0x45;
	put_be16(ip + (v6 ? 4 : 2), (uint16_t)(l4_len + (v6 ? 0 : IP_LEN)));
	ip[v6 ? 6 : 9] = c->proto;
	ip[v6 ? 7 : 8] = 64;
	if (!v6)
		put_be16(ip + 10, 0xdead);
	for (unsigned i = 0; i < (v6 ? 32 : 8); i++)
		ip[(v6 ? 8 : 12) + i] = (uint8_t)(10 + i);
	if (c->l4 == LADON_L4_TCP)
		l4[12] = TCP_LEN / 4 << 4, l4[13] = 0x19; /* ACK, PSH, FIN */
	if (c->l4 == LADON_L4_UDP)
		put_be16(l4 + 4, (uint16_t)l4_len);
	put_be16(l4 + c->csum_at, 0xbeef);
	f.meta.flags = LADON_TX_L4_CSUM | (v6 ? LADON_TX_IPV6 : LADON_TX_IP_CSUM);
	f.meta.l2_len = ETH_LEN;
	f.meta.l3_len = (uint16_t)ip_len;
	f.meta.l4_len = c->hdr_len;
	f.meta.l4 = (uint8_t)c->l4;
}

/* Are all checksums of g right? */
static bool sums_right(const struct l4_case *c, bool v6)
{
	const uint8_t *ip = g.bytes + ETH_LEN, *l4 = ip + (v6 ? IP6_LEN : IP_LEN);
	uint32_t l4_len = v6 ? get_be16(ip + 4) : get_be16(ip + 2) - (uint32_t)IP_LEN;
	uint8_t copy[16384];

	if (!v6 && sum16(0, ip, IP_LEN) != 0xffff)
		return false;
	if (c->l4 != LADON_L4_SCTP)
		return sum16(pseudo(ip, c->proto, l4_len), l4, l4_len) == 0xffff;
	memcpy(copy, l4, l4_len);
	memset(copy + c->csum_at, 0, 4);
	return crc32c(copy, l4_len) == get_le32(l4 + c->csum_at);
}

static void checksums_are_inserted_and_verified(void **state)
{
	(void)state;
	open_three();
	for (unsigned i = 0; i < ARRAY_SIZE(l4_cases); i++) {
		for (unsigned v6 = 0; v6 < 2; v6++) {
			const struct l4_case *c = &l4_cases[i];

			for (uint32_t payload = 20; payload < 1400; payload += 459) {
				make_ip(c, v6, payload);
				e2e_send(0, &f);
				assert_true(e2e_receive(1, &g));
				assert_int_equal(g.len, MAX(f.len, 60));
				assert_true(sums_right(c, v6));
				assert_true(g.meta.flags & LADON_RX_L4_OK);
				assert_true(v6 || g.meta.flags & LADON_RX_IP_OK);
			}
		}
	}
}

static void wrong_checksums_pass_and_are_reported(void **state)
{
	(void)state;
	open_three();
	for (unsigned i = 0; i < ARRAY_SIZE(l4_cases); i++) {
		make_ip(&l4_cases[i], false, 100);
		f.meta.flags = 0; /* the rubbish is sent as it is */
		e2e_send(0, &f);
		assert_true(e2e_receive(1, &g));
		assert_int_equal(g.len, f.len);
		assert_memory_equal(g.bytes, f.bytes, f.len);
		assert_false(g.meta.flags & (LADON_RX_IP_OK | LADON_RX_L4_OK));
		assert_true(g.meta.flags & LADON_RX_IP_BAD);
		assert_true(g.meta.flags & LADON_RX_L4_BAD);
	}
}

/* ---- segmentation ---- */

static void check_segment(bool v6, uint32_t index, uint32_t at, uint32_t len, bool last)
{
	const struct l4_case *tcp = &l4_cases[0];
	uint32_t ip_len = v6 ? IP6_LEN : IP_LEN;
	const uint8_t *ip = g.bytes + ETH_LEN, *l4 = ip + ip_len;
	const uint8_t *sent = f.bytes + ETH_LEN + ip_len;

	assert_int_equal(g.len, MAX(ETH_LEN + ip_len + TCP_LEN + len, 60));
	assert_int_equal(get_be16(ip + (v6 ? 4 : 2)), TCP_LEN + len + (v6 ? 0 : IP_LEN));
	if (!v6)
		assert_int_equal(get_be16(ip + 4), index);
	assert_int_equal(get_be32(l4 + 4), get_be32(sent + 4) + at);
	assert_int_equal(l4[13], last ? 0x19 : 0x10);
	assert_true(sums_right(tcp, v6));
	assert_memory_equal(l4 + TCP_LEN, sent + TCP_LEN + at, len);
}

static void tcp_is_segmented(void **state)
{
	static const struct ladon_igbvf_config big = {.num_bufs = 1024, .buf_size = 4096};
	static const struct {
		uint32_t payload;
		uint16_t mss;
	} cases[] = {{10000, 1000}, {10001, 1000}, {60000, 1420}, {1421, 1420}, {700, 1420}};

	(void)state;
	e2e_open(0, &big);
	e2e_open(1, NULL);
	for (unsigned i = 0; i < 2 * ARRAY_SIZE(cases); i++) {
		uint32_t payload = cases[i / 2].payload, mss = cases[i / 2].mss, index = 0;
		bool v6 = i % 2;

		make_ip(&l4_cases[0], v6, payload);
		f.meta.flags |= LADON_TX_TSO;
		f.meta.mss = (uint16_t)mss;
		e2e_send(0, &f);
		for (uint32_t at = 0; at < payload; at += mss, index++) {
			uint32_t len = MIN(mss, payload - at);

			assert_true(e2e_receive(1, &g));
			check_segment(v6, index, at, len, at + len == payload);
		}
	}
	e2e_healthy(0, 1);
}

/* ---- sizes ---- */

static void jumbo_frames_need_consent(void **state)
{
	static const struct ladon_igbvf_config jumbo = {.max_frame = 9014};

	(void)state;
	e2e_open(0, &jumbo);
	e2e_open(1, &jumbo);
	e2e_open(2, NULL);
	for (uint32_t payload = 1400; payload <= 9000; payload += 200) {
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, payload, (uint8_t)(payload / 8));
		e2e_send(0, &f);
		e2e_expect(1, &f);
	}
	e2e_eth(&f, e2e.mac[2], 0, 0x0801, 9000, 1);
	e2e_send(0, &f);
	e2e_expect_nothing(0, 2);
}

static void a_hundred_thousand_frames_arrive_unharmed(void **state)
{
	unsigned num = e2e.mapped ? 100000 : 20000;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, NULL);
	e2e_stream(0, 1, num);
	e2e_stream(1, 0, num / 10);
	e2e_healthy(0, 1);
}

/* ---- header split ---- */

#define HDR_ROOM 1024u /* header buffers: the lower half of each 2 KiB */

/* Posts descriptor i: packet to the upper half, header to the lower. */
static void split_post(struct e2e_ring *r, uint32_t i)
{
	r->desc[i].addr = r->buf_iova + i * 2048ull + HDR_ROOM;
	r->desc[i].hdr_addr = r->buf_iova + i * 2048ull;
}

static uint32_t split_wait(struct e2e_ring *r, uint32_t i)
{
	uint64_t end = e2e_now_us() + 2000000;
	uint32_t status;

	do {
		status = __atomic_load_n(&r->desc[i].cmd_type_len, __ATOMIC_ACQUIRE);
	} while (!(status & RXD_DD) && e2e_now_us() < end);
	assert_true(status & RXD_DD);
	return status;
}

static void split_check(struct e2e_ring *r, uint32_t i, uint32_t hdr)
{
	uint32_t status = split_wait(r, i);
	uint32_t word0 = (uint32_t)r->desc[i].addr;
	const uint8_t *buf = r->buf + i * 2048;

	assert_true(status & RXD_EOP);
	assert_true(word0 >> 31); /* SPH */
	assert_int_equal(word0 >> 21 & 0x3ff, hdr);
	assert_int_equal(r->desc[i].olinfo_status & 0xffff, f.len - hdr);
	assert_memory_equal(buf, f.bytes, hdr);
	assert_memory_equal(buf + HDR_ROOM, f.bytes + hdr, f.len - hdr);
}

/* SPLIT_ALWAYS with 128-byte headers and 1 KiB packet buffers, as igbvf does for large MTUs. */
static void headers_are_split_off(void **state)
{
	struct e2e_ring r;

	(void)state;
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	e2e_write(1, 0x0f0c, 0x3f0); /* PSRTYPE */
	e2e_ring_start(&r, 1, true, 8, 0x80000000 | 5u << 25 | 128 / 64 << 8 | 1);
	for (uint32_t i = 0; i < 7; i++)
		split_post(&r, i);
	e2e_write(1, VF_RDT, 7);
	e2e_read(1, VF_STATUS);
	make_ip(&l4_cases[0], false, 700);
	f.meta.flags = 0;
	e2e_send(0, &f);
	split_check(&r, 0, ETH_LEN + IP_LEN + TCP_LEN);
	make_ip(&l4_cases[1], true, 333);
	f.meta.flags = 0;
	e2e_send(0, &f);
	split_check(&r, 1, ETH_LEN + IP6_LEN + UDP_LEN);
	e2e_ring_stop(&r);
}

#define TEST(fn) cmocka_unit_test_teardown(fn, e2e_close_all)
static const struct CMUnitTest tests[] = {
	TEST(unicast_reaches_its_owner_only),
	TEST(broadcast_reaches_all_but_the_sender),
	TEST(multicast_reaches_those_who_asked),
	TEST(a_changed_address_is_the_one_that_works),
	TEST(tagged_frames_stay_among_members),
	TEST(tags_are_inserted_and_stripped_by_the_card),
	TEST(checksums_are_inserted_and_verified),
	TEST(wrong_checksums_pass_and_are_reported),
	TEST(tcp_is_segmented),
	TEST(jumbo_frames_need_consent),
	TEST(a_hundred_thousand_frames_arrive_unharmed),
	TEST(headers_are_split_off),
};

int main(void)
{
	int failed;

	e2e_ladond();
	failed = cmocka_run_group_tests_name("mapped doorbells", tests, e2e_setup_mapped,
					     e2e_teardown);
	failed += cmocka_run_group_tests_name("trapped doorbells", tests, e2e_setup_trapped,
					      e2e_teardown);
	return failed != 0;
}
