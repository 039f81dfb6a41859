/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The one copy: any frame, from pieces of any size into pieces of any size. Checksums are
 * looked at by a checker that adds byte after byte and knows nothing of how they were made.
 */
#include "test_port.h"

#include "net_csum.h"
#include "nic_capture.h"
#include "nic_deliver.h"

enum { TCP = NET_L4_TCP, UDP = NET_L4_UDP, SCTP = NET_L4_SCTP };

static const uint8_t proto[] = {[TCP] = 6, [UDP] = 17, [SCTP] = 132};
static const uint8_t l4_size[] = {[TCP] = 20, [UDP] = 8, [SCTP] = 12};
static const uint8_t csum_at[] = {[TCP] = 16, [UDP] = 6, [SCTP] = 8};

static struct test_port dst;
static struct test_port other; /* gets what dst gets, by rx_run and rx_series */
static struct nic_burst burst;
static uint8_t bytes[300000];

static int set_up(void **state)
{
	(void)state;
	test_port_init(&dst, 2);
	test_port_init(&other, 2);
	other.port.ops = &test_port_run_ops;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_port_done(&dst);
	test_port_done(&other);
	return 0;
}

/* ---- a checker ---- */

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t crc32c(const uint8_t *p, uint32_t len)
{
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < len; i++) {
		crc ^= p[i];
		for (unsigned b = 0; b < 8; b++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
	}
	return ~crc;
}

struct layout {
	uint8_t l3, l4;
	uint32_t l3_off, l4_off, end; /* end of the packet by its length word */
};

static struct layout layout_of(const uint8_t *f)
{
	struct layout at = {.l3_off = 14};
	unsigned next;

	if (get_be16(f + 12) == NET_ETH_P_VLAN)
		at.l3_off += 4;
	at.l3 = f[at.l3_off] >> 4 == 4 ? NET_L3_IPV4 : NET_L3_IPV6;
	if (at.l3 == NET_L3_IPV4) {
		next = f[at.l3_off + 9];
		at.l4_off = at.l3_off + (f[at.l3_off] & 15) * 4u;
		at.end = at.l3_off + get_be16(f + at.l3_off + 2);
	} else {
		next = f[at.l3_off + 6];
		at.l4_off = at.l3_off + 40;
		at.end = at.l4_off + get_be16(f + at.l3_off + 4);
	}
	at.l4 = next == 6 ? TCP : next == 17 ? UDP : SCTP;
	return at;
}

static uint32_t pseudo(const uint8_t *f, const struct layout *at, uint32_t len)
{
	const uint8_t *ip = f + at->l3_off;
	uint32_t sum = proto[at->l4] + (len >> 16) + (len & 0xffff);

	return at->l3 == NET_L3_IPV4 ? sum16(sum, ip + 12, 8) : sum16(sum, ip + 8, 32);
}

static bool l4_right(const uint8_t *f)
{
	struct layout at = layout_of(f);
	uint32_t len = at.end - at.l4_off;
	uint8_t copy[10000];

	if (at.l4 != SCTP)
		return sum16(pseudo(f, &at, len), f + at.l4_off, len) == 0xffff;
	memcpy(copy, f + at.l4_off, len);
	memset(copy + 8, 0, 4);
	return crc32c(copy, len) == get_le32(f + at.l4_off + 8);
}

static bool ip_right(const uint8_t *f)
{
	struct layout at = layout_of(f);

	return sum16(0, f + at.l3_off, at.l4_off - at.l3_off) == 0xffff;
}

/* ---- frames ---- */

/* A frame of l3, l4 with payload random bytes; no checksum is right yet. Returns its length. */
static uint32_t make_frame(uint8_t l3, uint8_t l4, uint32_t payload)
{
	uint8_t *ip = bytes + 14, *l4p = ip + (l3 == NET_L3_IPV4 ? 20 : 40);
	uint32_t l4_len = l4_size[l4] + payload;

	for (uint8_t *p = bytes; p < l4p + l4_len; p++)
		*p = (uint8_t)test_rand();
	memcpy(bytes, "\x02\0\0\0\0\x02\x02\0\0\0\0\x01", 12);
	put_be16(bytes + 12, l3 == NET_L3_IPV4 ? NET_ETH_P_IPV4 : NET_ETH_P_IPV6);
	if (l3 == NET_L3_IPV4) {
		ip[0] = 0x45;
		put_be16(ip + 2, (uint16_t)(20 + l4_len));
		put_be16(ip + 6, 0x4000);
		ip[9] = proto[l4];
	} else {
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)l4_len);
		ip[6] = proto[l4];
	}
	if (l4 == TCP)
		l4p[12] = 0x50;
	if (l4 == UDP)
		put_be16(l4p + 4, (uint16_t)l4_len);
	return (uint32_t)(l4p - bytes) + l4_len;
}

/* What a driver leaves in the checksum field, and the context it sets. */
static struct net_offload ask_csum(bool tso)
{
	struct layout at = layout_of(bytes);
	uint32_t sum = pseudo(bytes, &at, tso ? 0 : at.end - at.l4_off);

	if (at.l4 != SCTP)
		put_be16(bytes + at.l4_off + csum_at[at.l4], (uint16_t)sum);
	return (struct net_offload){
		.l2_len = (uint16_t)at.l3_off,
		.l3_len = (uint16_t)(at.l4_off - at.l3_off),
		.l4_len = l4_size[at.l4],
		.l3 = at.l3,
		.l4 = at.l4,
		.l4_csum = true,
		.ip_csum = at.l3 == NET_L3_IPV4,
	};
}

/* Makes the checksums of bytes right, without the code under test. */
static void set_csums(void)
{
	struct layout at = layout_of(bytes);
	uint8_t *field = bytes + at.l4_off + csum_at[at.l4], *ip = bytes + at.l3_off;
	uint32_t len = at.end - at.l4_off;

	memset(field, 0, at.l4 == SCTP ? 4 : 2);
	if (at.l4 == SCTP)
		put_le32(field, crc32c(bytes + at.l4_off, len));
	else
		put_be16(field,
			 (uint16_t)~sum16(pseudo(bytes, &at, len), bytes + at.l4_off, len));
	if (at.l3 == NET_L3_IPV4) {
		put_be16(ip + 10, 0);
		put_be16(ip + 10, (uint16_t)~sum16(0, ip, 20));
	}
}

static void assert_same_rx(const struct test_rx *a, const struct test_rx *b)
{
	const struct nic_rx_meta *m = &a->meta, *n = &b->meta;

	assert_int_equal(a->len, b->len);
	assert_memory_equal(a->bytes, b->bytes, a->len);
	assert_int_equal(a->parsed.l3, b->parsed.l3);
	assert_int_equal(a->parsed.l4, b->parsed.l4);
	assert_int_equal(a->parsed.hdr_len, b->parsed.hdr_len);
	assert_int_equal(m->tagged, n->tagged);
	assert_int_equal(m->tag_in_bytes, n->tag_in_bytes);
	assert_int_equal(m->local, n->local);
	assert_int_equal(m->ip_checked, n->ip_checked);
	assert_int_equal(m->ip_ok, n->ip_ok);
	assert_int_equal(m->l4_checked, n->l4_checked);
	assert_int_equal(m->l4_ok, n->l4_ok);
}

/* The burst's frame again, to a port that is not asked for each buffer. Nobody sees which way
 * it took. */
static void deliver_quickly(const struct test_tx *tx, unsigned n)
{
	const struct nic_frame *f = &burst.frame[0];

	test_port_flush(&other);
	if (f->off.tso)
		assert_int_equal(nic_deliver(&other.port, &other.policy, f,
					     (struct nic_tags){.tagged = tx->tagged}, 0),
				 n);
	else if (n && !tx->tagged)
		test_rx_one(&other, f);
	else
		return;
	assert_int_equal(other.num_rx, n);
	for (unsigned i = 0; i < n; i++)
		assert_same_rx(&other.rx[i], &dst.rx[i]);
}

/* Delivers bytes; returns the wire frames that arrived. */
static unsigned deliver(const struct test_tx *tx)
{
	static const struct nic_port_stats none;
	const struct nic_frame *f = &burst.frame[0];
	uint64_t before = nic_counter(&dst.port.stats.rx_bytes);
	unsigned n;

	other.policy = dst.policy;
	other.credits = dst.credits;
	other.strip = dst.strip;
	other.refuse = dst.refuse;
	other.port.stats = none;
	burst.n = burst.num_segs = 0;
	test_port_flush(&dst);
	n = nic_deliver(&dst.port, &dst.policy, test_burst_add(&burst, tx),
			(struct nic_tags){.tagged = tx->tagged}, 0);
	if (dst.port.ops != &test_port_ops)
		return n;
	deliver_quickly(tx, n);
	if (f->off.tso)
		assert_int_equal(nic_counter(&dst.port.stats.rx_bytes) - before,
				 nic_counter(&other.port.stats.rx_bytes));
	return n;
}

static const struct test_rx *deliver_one(const struct test_tx *tx)
{
	assert_int_equal(deliver(tx), 1);
	assert_int_equal(dst.num_rx, 1);
	return &dst.rx[0];
}

/* As it comes from a guest: header in the snapshot, payload behind it. */
static struct test_tx plain(uint32_t len)
{
	return (struct test_tx){.bytes = bytes, .len = len, .hdr_len = MIN(len, 128u)};
}

/* Splits tx and the receiver's buffers at random. */
static void random_splits(struct test_tx *tx, uint32_t least_hdr)
{
	uint32_t most = MIN(tx->len, (uint32_t)NIC_HDR_MAX);

	tx->hdr_len = least_hdr + test_below(most - least_hdr + 1);
	tx->max_seg = test_below(2) ? 8 + test_below(600) : 0;
	dst.max_piece = test_below(2) ? 30 + test_below(900) : 0;
}

/* ---- bytes ---- */

static void bytes_arrive_whatever_the_pieces(void **state)
{
	static const uint8_t zeros[60];

	(void)state;
	for (unsigned i = 0; i < 5000; i++) {
		struct test_tx tx = {.bytes = bytes, .len = 14 + test_below(i % 8 ? 1501 : 60)};
		const struct test_rx *rx;

		for (uint32_t k = 0; k < tx.len; k++)
			bytes[k] = (uint8_t)test_rand();
		random_splits(&tx, 14);
		if (i % 4 == 0) { /* one byte at a time */
			tx.len = MIN(tx.len, 62u);
			tx.hdr_len = 14;
			tx.max_seg = dst.max_piece = 1;
		}
		rx = deliver_one(&tx);
		assert_int_equal(rx->len, MAX(tx.len, 60u));
		assert_memory_equal(rx->bytes, bytes, tx.len);
		if (tx.len < 60)
			assert_memory_equal(rx->bytes + tx.len, zeros, 60 - tx.len);
		assert_false(rx->meta.tagged);
	}
}

static void a_tag_stays_in_the_bytes_or_is_reported(void **state)
{
	static const uint8_t tag[] = {0x81, 0x00, 0x60, 0x05};

	(void)state;
	for (unsigned i = 0; i < 500; i++) {
		struct test_tx tx = {.bytes = bytes,
				     .len = make_frame(NET_L3_IPV4, TCP, test_below(99)),
				     .tagged = true,
				     .tci = 0x6005};
		const struct test_rx *rx;

		set_csums();
		random_splits(&tx, 54);
		dst.strip = i & 1;
		rx = deliver_one(&tx);
		assert_true(rx->meta.tagged);
		assert_int_equal(rx->meta.tci, 0x6005);
		assert_int_equal(rx->meta.tag_in_bytes, !dst.strip);
		assert_int_equal(rx->len, MAX(tx.len, 60u) + (dst.strip ? 0 : 4));
		assert_memory_equal(rx->bytes, bytes, 12);
		if (!dst.strip)
			assert_memory_equal(rx->bytes + 12, tag, 4);
		assert_memory_equal(rx->bytes + (dst.strip ? 12 : 16), bytes + 12, tx.len - 12);
		assert_true(rx->meta.l4_ok);
	}
}

/* ---- checksums ---- */

static void checksums_are_inserted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		uint8_t l3 = i & 1 ? NET_L3_IPV4 : NET_L3_IPV6, l4 = (uint8_t)(TCP + i % 3);
		struct test_tx tx = {.bytes = bytes,
				     .len = make_frame(l3, l4, test_below(1400))};
		const struct test_rx *rx;
		struct layout at = layout_of(bytes);

		tx.off = ask_csum(false);
		random_splits(&tx, at.l4_off + l4_size[l4]);
		dst.strip = tx.tagged = i % 5 == 0;
		rx = deliver_one(&tx);
		assert_true(l4_right(rx->bytes));
		assert_true(l3 == NET_L3_IPV6 || ip_right(rx->bytes));
		assert_true(rx->meta.l4_checked && rx->meta.l4_ok);
		assert_int_equal(rx->meta.ip_checked, l3 == NET_L3_IPV4);
		assert_int_equal(rx->meta.ip_ok, l3 == NET_L3_IPV4);
		assert_int_equal(get_be16(bytes + at.l4_off),
				 get_be16(burst.frame[0].hdr + at.l4_off));
	}
}

static void a_udp_checksum_of_zero_is_sent_as_ones(void **state)
{
	uint32_t len = make_frame(NET_L3_IPV4, UDP, 2);
	struct test_tx tx = plain(len);
	const struct test_rx *rx;

	(void)state;
	put_be16(bytes + 42, 0);
	set_csums();
	put_be16(bytes + 42,
		 get_be16(bytes + 40)); /* what was inverted, so that all adds up to ffff */
	tx.off = ask_csum(false);
	rx = deliver_one(&tx);
	assert_int_equal(get_be16(rx->bytes + 40), 0xffff);
	assert_true(l4_right(rx->bytes));
}

/* Each receiver of a broadcast gets its own copy of the header: the snapshot stays as it was.
 */
static void the_snapshot_is_not_written(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 300));
	uint8_t before[NIC_HDR_MAX];

	(void)state;
	tx.off = ask_csum(false);
	memcpy(before, bytes, tx.hdr_len);
	deliver_one(&tx);
	assert_memory_equal(burst.frame[0].hdr, before, tx.hdr_len);
}

static void right_checksums_are_reported(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6000; i++) {
		uint8_t l3 = i & 1 ? NET_L3_IPV4 : NET_L3_IPV6, l4 = (uint8_t)(TCP + i % 3);
		struct test_tx tx = {.bytes = bytes,
				     .len = make_frame(l3, l4, test_below(1400))};
		struct layout at = layout_of(bytes);
		uint32_t bad = at.l4_off + test_below(at.end - at.l4_off);
		const struct test_rx *rx;

		set_csums();
		random_splits(&tx, at.l4_off + l4_size[l4]);
		rx = deliver_one(&tx);
		assert_true(rx->meta.l4_checked && rx->meta.l4_ok);
		assert_int_equal(rx->meta.ip_ok, l3 == NET_L3_IPV4);
		assert_memory_equal(rx->bytes, bytes, tx.len);
		if (bad >= at.l4_off + 4 &&
		    bad <= at.l4_off + 13) /* lengths and offsets: another story */
			continue;
		bytes[bad] ^= (uint8_t)(1u << test_below(8));
		rx = deliver_one(&tx);
		assert_true(rx->meta.l4_checked && !rx->meta.l4_ok);
	}
}

static void padding_is_not_part_of_the_sum(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++) {
		struct test_tx tx = {
			.bytes = bytes,
			.len = make_frame(NET_L3_IPV4, (uint8_t)(TCP + i % 3), i % 20)};
		struct layout at = layout_of(bytes);

		set_csums();
		for (unsigned k = 0; k < 30; k++)
			bytes[tx.len++] = (uint8_t)test_rand();
		random_splits(&tx, at.l4_off + l4_size[at.l4]);
		assert_true(deliver_one(&tx)->meta.l4_ok);
	}
}

static void a_wrong_ip_checksum_is_reported(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, TCP, 10));
	const struct test_rx *rx;

	(void)state;
	set_csums();
	bytes[24] ^= 1;
	rx = deliver_one(&tx);
	assert_true(rx->meta.ip_checked && !rx->meta.ip_ok);
	assert_true(rx->meta.l4_ok);
	tx.csum_valid = true; /* the uplink vouches */
	rx = deliver_one(&tx);
	assert_true(rx->meta.ip_ok && rx->meta.l4_checked && rx->meta.l4_ok);
}

static void assert_l4_unchecked(const struct test_tx *tx)
{
	const struct test_rx *rx = deliver_one(tx);

	assert_false(rx->meta.l4_checked);
	assert_false(rx->meta.l4_ok);
}

static void nothing_is_said_of_what_cannot_be_checked(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 100));

	(void)state;
	put_be16(bytes + 20, 0x2000); /* a fragment */
	set_csums();
	assert_l4_unchecked(&tx);
	make_frame(NET_L3_IPV4, UDP, 100);
	put_be16(bytes + 16, 999); /* longer than the frame */
	assert_l4_unchecked(&tx);
	make_frame(NET_L3_IPV4, UDP, 100);
	put_be16(bytes + 16, 27); /* ends before the checksum */
	assert_l4_unchecked(&tx);
	make_frame(NET_L3_IPV4, UDP, 100);
	bytes[23] = 89; /* OSPF */
	assert_l4_unchecked(&tx);
	make_frame(NET_L3_IPV6, UDP, 100);
	bytes[20] = 0; /* hop-by-hop options */
	memcpy(bytes + 54, "\x11\0\x01\x04\0\0\0\0", 8);
	assert_l4_unchecked(&tx);
	put_be16(bytes + 12, NET_ETH_P_ARP);
	assert_l4_unchecked(&tx);
	assert_false(dst.rx[0].meta.ip_checked);
}

static void udp_without_a_checksum_is_right_on_ipv4_only(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 100));
	const struct test_rx *rx;

	(void)state;
	put_be16(bytes + 40, 0);
	rx = deliver_one(&tx);
	assert_true(rx->meta.l4_checked && rx->meta.l4_ok);
	tx = plain(make_frame(NET_L3_IPV6, UDP, 100));
	put_be16(bytes + 60, 0);
	rx = deliver_one(&tx);
	assert_true(rx->meta.l4_checked && !rx->meta.l4_ok);
}

/* A driver asks for the checksum of an inner message: of the outer nothing is known. */
static void an_inner_checksum_says_nothing_of_the_outer(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 200));

	(void)state;
	tx.off = (struct net_offload){
		.l2_len = 14 + 20 + 8 + 8 + 14, .l3_len = 20, .l4 = TCP, .l4_csum = true};
	tx.hdr_len = 200;
	assert_l4_unchecked(&tx);
}

/* So is an inner IPv4 header's. */
static void an_inner_ip_checksum_makes_no_outer_one_right(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 200));

	(void)state;
	set_csums();
	bytes[24] ^= 1;
	bytes[64] = 0x45;
	tx.off = (struct net_offload){.l2_len = 64, .l3_len = 20, .ip_csum = true};
	assert_false(deliver_one(&tx)->meta.ip_ok);
	tx.off.l2_len = 14;
	assert_true(deliver_one(&tx)->meta.ip_ok);
}

/* What the context says is believed, whatever the type may be. */
static void a_checksum_is_inserted_behind_any_type(void **state)
{
	struct test_tx tx = plain(make_frame(NET_L3_IPV4, UDP, 200));
	const struct test_rx *rx;

	(void)state;
	tx.off = ask_csum(false);
	put_be16(bytes + 12, 0x88b5);
	rx = deliver_one(&tx);
	assert_true(l4_right(rx->bytes) && ip_right(rx->bytes));
	assert_false(rx->meta.l4_checked || rx->meta.ip_checked);
}

/* ---- segmentation ---- */

struct tso {
	uint32_t hdr, payload, mss, seq;
	uint16_t id;
};

/* One segment of what make_tso built. Returns its payload's length. */
static uint32_t check_segment(const struct tso *t, uint32_t done, unsigned index,
			      const struct test_rx *rx)
{
	struct layout at = layout_of(rx->bytes);
	uint32_t n = MIN(t->mss, t->payload - done);
	bool last = done + n == t->payload;

	assert_int_equal(rx->len, MAX(t->hdr + n, 60u));
	assert_memory_equal(rx->bytes + t->hdr, bytes + t->hdr + done, n);
	assert_int_equal(at.end, t->hdr + n);
	assert_true(l4_right(rx->bytes));
	assert_true(rx->meta.l4_checked && rx->meta.l4_ok);
	if (at.l3 == NET_L3_IPV4) {
		assert_true(ip_right(rx->bytes));
		assert_true(rx->meta.ip_checked && rx->meta.ip_ok);
		assert_int_equal(get_be16(rx->bytes + 18), (uint16_t)(t->id + index));
	}
	if (at.l4 == TCP) {
		assert_int_equal(get_be32(rx->bytes + at.l4_off + 4), t->seq + done);
		assert_int_equal(rx->bytes[at.l4_off + 13],
				 0x10 | (last ? 9 : 0) | (index ? 0 : 0x80));
	} else {
		assert_int_equal(get_be16(rx->bytes + at.l4_off + 4), 8 + n);
	}
	return n;
}

static struct test_tx make_tso(uint8_t l3, uint8_t l4, struct tso *t)
{
	struct test_tx tx = {.bytes = bytes, .len = make_frame(l3, l4, t->payload)};
	struct layout at = layout_of(bytes);

	t->hdr = at.l4_off + l4_size[l4];
	tx.hdr_len = t->hdr;
	tx.off = ask_csum(true);
	tx.off.tso = true;
	tx.off.mss = (uint16_t)t->mss;
	put_be16(bytes + (l3 == NET_L3_IPV4 ? 16 : 18),
		 0); /* the length is the card's to fill in */
	t->id = get_be16(bytes + 18);
	if (l4 == TCP) {
		put_be32(bytes + at.l4_off + 4, 0xffffff00); /* wraps */
		bytes[at.l4_off + 13] = 0x99;		     /* CWR ACK PSH FIN */
	}
	t->seq = 0xffffff00;
	return tx;
}

static void tso_becomes_segments(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		struct tso t = {.payload = 1 + test_below(i % 10 ? 5000 : 60000),
				.mss = 1 + test_below(1400)};
		uint8_t l3 = i & 1 ? NET_L3_IPV4 : NET_L3_IPV6, l4 = i & 2 ? TCP : UDP;
		struct test_tx tx;
		uint32_t done = 0, n;
		uint64_t packets = nic_counter(&dst.port.stats.rx_packets);

		if (i % 5 == 0)
			t.payload = t.mss * (1 + test_below(4));
		n = (t.payload + t.mss - 1) / t.mss;
		tx = make_tso(l3, l4, &t);
		tx.max_seg = t.payload < 5001 && i & 4 ? 40 + test_below(900) : 0;
		dst.max_piece = i & 8 ? 40 + test_below(900) : 0;
		assert_int_equal(deliver(&tx), n);
		assert_int_equal(dst.num_rx, n);
		for (unsigned k = 0; k < n; k++)
			done += check_segment(&t, done, k, &dst.rx[k]);
		assert_int_equal(done, t.payload);
		assert_int_equal(nic_counter(&dst.port.stats.rx_packets), packets + n);
	}
}

static void tso_segments_carry_the_tag(void **state)
{
	struct tso t = {.payload = 3000, .mss = 1448};
	struct test_tx tx = make_tso(NET_L3_IPV4, TCP, &t);

	(void)state;
	tx.tagged = true;
	tx.tci = 7;
	assert_int_equal(deliver(&tx), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(get_be32(dst.rx[i].bytes + 12), 0x81000007);
		assert_true(l4_right(dst.rx[i].bytes));
	}
}

/* In series come those that are one as the other: untagged, seen by nobody. */
static void segments_come_in_series_if_nobody_cares(void **state)
{
	static const struct nic_capture_set nobody;
	struct tso t = {.payload = 3000, .mss = 1448};
	struct test_tx tx = make_tso(NET_L3_IPV4, TCP, &t);

	(void)state;
	assert_int_equal(deliver(&tx), 3);
	assert_int_equal(other.num_series, 3);
	other.port.captures = &nobody;
	assert_int_equal(deliver(&tx), 3);
	other.port.captures = NULL;
	tx.tagged = true;
	assert_int_equal(deliver(&tx), 3);
	assert_int_equal(other.num_series, 3);
	dst.strip = true;
	assert_int_equal(deliver(&tx), 3);
	assert_int_equal(other.num_series, 6);
	dst.policy.max_frame = 54 + 1447;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(other.num_series, 6);
}

/* No driver does this, but a guest may: the payload begins at an odd place of the message. */
static void tso_with_an_odd_header(void **state)
{
	struct tso t = {.payload = 1001, .mss = 333};
	struct test_tx tx = make_tso(NET_L3_IPV4, UDP, &t);

	(void)state;
	tx.off.l4_len = 9;
	tx.hdr_len++;
	assert_int_equal(deliver(&tx), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(l4_right(dst.rx[i].bytes));
}

/* ---- drops ---- */

static void too_long_a_frame_is_dropped(void **state)
{
	struct test_tx tx = plain(1000);

	(void)state;
	dst.policy.max_frame = 999;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_SIZE), 1);
	dst.policy.max_frame = 1000;
	assert_int_equal(deliver(&tx), 1);
	tx.tagged = true; /* the buffers of the receiver are as long as it said, with the tag */
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_SIZE), 2);
	dst.strip = true;
	assert_int_equal(deliver(&tx), 1);
	assert_int_equal(test_rx_drops(&dst), 2);
}

static void without_buffers_it_is_dropped(void **state)
{
	struct test_tx tx = plain(100);

	(void)state;
	dst.credits = 0;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_NODESC), 1);
	assert_int_equal(nic_counter(&dst.port.stats.rx_packets), 0);
	assert_int_equal(nic_counter(&dst.port.stats.copied_bytes), 0);
}

static void a_refused_commit_is_a_drop(void **state)
{
	struct test_tx tx = plain(100);

	(void)state;
	dst.refuse = NIC_DROP_UPLINK;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_UPLINK), 1);
	assert_int_equal(nic_counter(&dst.port.stats.rx_packets), 0);
}

static void a_segment_that_was_refused_is_not_counted(void **state)
{
	struct tso t = {.payload = 3000, .mss = 1000};
	struct test_tx tx = make_tso(NET_L3_IPV4, TCP, &t);

	(void)state;
	dst.refuse = NIC_DROP_UPLINK;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_UPLINK), 3);
	assert_int_equal(nic_counter(&dst.port.stats.rx_bytes), 0);
}

static void the_rest_of_a_tso_frame_is_dropped_and_counted(void **state)
{
	struct tso t = {.payload = 10000, .mss = 1000};
	struct test_tx tx = make_tso(NET_L3_IPV4, TCP, &t);
	uint32_t done = 0;

	(void)state;
	dst.credits = 3;
	assert_int_equal(deliver(&tx), 3);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_NODESC), 7);
	assert_int_equal(nic_counter(&dst.port.stats.rx_packets), 3);
	for (unsigned k = 0; k < 3; k++)
		done += check_segment(&t, done, k, &dst.rx[k]);
	dst.credits = UINT32_MAX;
	dst.policy.max_frame = 1000;
	assert_int_equal(deliver(&tx), 0);
	assert_int_equal(test_rx_drop(&dst, NIC_DROP_SIZE), 10);
}

static void what_is_received_is_counted(void **state)
{
	const struct nic_port_stats *s = &dst.port.stats;
	struct test_tx tx = plain(1000);

	(void)state;
	memset(bytes, 0, 1000);
	deliver(&tx);
	assert_int_equal(nic_counter(&s->rx_packets), 1);
	assert_int_equal(nic_counter(&s->rx_bytes), 1000);
	assert_int_equal(nic_counter(&s->copied_bytes), 1000);
	assert_int_equal(nic_counter(&s->rx_local_packets), 1);
	bytes[0] = 1;
	deliver(&tx);
	assert_int_equal(nic_counter(&s->rx_multicast), 1);
	memset(bytes, 0xff, 6);
	deliver(&tx);
	assert_int_equal(nic_counter(&s->rx_broadcast), 1);
	assert_int_equal(nic_counter(&s->rx_multicast), 1);
	burst.n = burst.num_segs = 0;
	test_burst_add(&burst, &tx)->local = false;
	nic_deliver(&dst.port, &dst.policy, &burst.frame[0], (struct nic_tags){0}, 0);
	assert_int_equal(nic_counter(&s->rx_packets), 4);
	assert_int_equal(nic_counter(&s->rx_local_packets), 3);
	assert_int_equal(nic_counter(&s->rx_local_bytes), 3000);
}

static enum nic_drop overlapping_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
					 struct nic_sink *sink)
{
	(void)port;
	sink->n = 1;
	sink->iov[0].ptr = bytes + 40;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop take(struct nic_port *port, const struct nic_rx_meta *meta)
{
	(void)port, (void)meta;
	return NIC_DROP_NONE;
}

static void a_guest_may_receive_where_it_sends(void **state)
{
	static const struct nic_port_ops ops = {.rx_strips_tag = test_rx_strips,
						.rx_buffers = overlapping_buffers,
						.rx_commit = take};
	struct test_tx tx = plain(1000);
	uint8_t want[1000];

	(void)state;
	for (unsigned i = 0; i < sizeof(want); i++)
		bytes[i] = (uint8_t)(i * 7 / 3);
	memcpy(want, bytes, sizeof(want));
	dst.port.ops = &ops;
	assert_int_equal(deliver(&tx), 1);
	assert_memory_equal(bytes + 40, want, sizeof(want));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_arrive_whatever_the_pieces),
		TEST(a_tag_stays_in_the_bytes_or_is_reported),
		TEST(checksums_are_inserted),
		TEST(a_udp_checksum_of_zero_is_sent_as_ones),
		TEST(the_snapshot_is_not_written),
		TEST(right_checksums_are_reported),
		TEST(padding_is_not_part_of_the_sum),
		TEST(a_wrong_ip_checksum_is_reported),
		TEST(nothing_is_said_of_what_cannot_be_checked),
		TEST(udp_without_a_checksum_is_right_on_ipv4_only),
		TEST(an_inner_checksum_says_nothing_of_the_outer),
		TEST(an_inner_ip_checksum_makes_no_outer_one_right),
		TEST(a_checksum_is_inserted_behind_any_type),
		TEST(tso_becomes_segments),
		TEST(tso_segments_carry_the_tag),
		TEST(segments_come_in_series_if_nobody_cares),
		TEST(tso_with_an_odd_header),
		TEST(too_long_a_frame_is_dropped),
		TEST(without_buffers_it_is_dropped),
		TEST(a_refused_commit_is_a_drop),
		TEST(a_segment_that_was_refused_is_not_counted),
		TEST(the_rest_of_a_tso_frame_is_dropped_and_counted),
		TEST(what_is_received_is_counted),
		TEST(a_guest_may_receive_where_it_sends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
