/* SPDX-License-Identifier: BSD-3-Clause */
/* What a receiving driver is told, and in which of its queues. Frames go from VF 0 to VF 1. */
#include "test_i82576_guest.h"

#include "net_parse.h"

#define SRRCTL_LEGACY 0x00000002u
#define TS	      BIT(16) /* the frame has a time stamp */
#define SECOND_RING   (RX_RING + 0x10000u)
#define SECOND_BUF    (RX_BUF + 0x200000u)

static const uint8_t key[NET_RSS_KEY] = "forty bytes of a key that nobody knows..";

/* ---- frames and rings ---- */

static uint32_t make_udp(unsigned k, uint16_t src_port)
{
	uint8_t *f = make_frame(k, 142);

	memset(f + 14, 0, 28);
	put_be16(f + 12, NET_ETH_P_IPV4);
	f[14] = 0x45;
	put_be16(f + 16, 128);
	f[23] = 17;
	put_be32(f + 26, 0x0a000001);
	put_be32(f + 30, 0x0a000002);
	put_be16(f + 34, src_port);
	put_be16(f + 36, 53);
	put_be16(f + 38, 108);
	return 142;
}

static void send_udp(uint16_t src_port)
{
	uint32_t len = make_udp(0, src_port);

	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	tx_bell(&g[0]);
	settle();
}

static uint32_t hash_of(unsigned k, uint32_t types)
{
	struct net_rss_key ready;
	enum net_rss_used used;
	struct net_parsed p;

	net_rss_key_init(&ready, key);
	net_parse(tx_buf(&g[0], k), 142, &p);
	return net_rss_hash(&ready, types, tx_buf(&g[0], k), &p, &used);
}

/* VF 1's other queue, of 64 descriptors. */
static volatile uint32_t *second_regs(void)
{
	return rx_regs(&g[1]) + 0x100 / 4;
}

static void second_on(void)
{
	for (uint32_t i = 0; i < 64; i++)
		put_le64(g[1].mem + SECOND_RING + i * DESC_SIZE,
			 BASE + SECOND_BUF + (uint64_t)i * BUF_SIZE);
	put_reg(second_regs(), Q_SRRCTL, SRRCTL_ONEBUF);
	ring_on(second_regs(), BASE + SECOND_RING, 64);
	put_reg(second_regs(), Q_TAIL, 63);
}

/* The queue that received since the last call, 2 = none. */
static unsigned which_queue(void)
{
	static uint32_t heads[2];
	uint32_t now[2] = {get_reg(rx_regs(&g[1]), Q_HEAD), get_reg(second_regs(), Q_HEAD)};
	unsigned q = now[0] != heads[0] ? 0 : now[1] != heads[1] ? 1 : 2;

	memcpy(heads, now, sizeof(now));
	return q;
}

/* Two queues; every second entry of the table names the second one. */
static struct i82576_rss *spread(void)
{
	struct i82576_rss *rss = calloc(1, sizeof(*rss));

	assert_non_null(rss);
	rss->on = rss->report = true;
	rss->types = NET_RSS_UDP_IPV4 | NET_RSS_IPV4;
	net_rss_key_init(&rss->key, key);
	for (unsigned i = 0; i < 128; i++)
		rss->queue[i] = i & 1;
	return rss;
}

static void publish(struct i82576_rss *rss)
{
	i82576_fn_set_rss(&g[1].vf->fn, rss);
}

static void two_queues_on(void)
{
	rings_on();
	second_on();
	which_queue();
}

/* ---- which queue ---- */

static void the_hash_names_the_queue(void **state)
{
	unsigned count[2] = {0};

	(void)state;
	two_queues_on();
	publish(spread());
	for (uint16_t port = 1000; port < 1040; port++) {
		uint32_t hash, type;
		const uint8_t *d;
		unsigned q;

		send_udp(port);
		hash = hash_of(0, NET_RSS_UDP_IPV4);
		q = which_queue();
		assert_int_equal(q, hash & 1);
		d = g[1].mem + (q ? SECOND_RING : RX_RING) + count[q]++ * DESC_SIZE;
		type = get_le32(d) & RXD_RSS_TYPE;
		assert_int_equal(type, NET_RSS_USED_UDP_IPV4);
		assert_int_equal(get_le32(d + 4), hash);
		assert_int_equal(get_le32(d) & RXD_PKT_UDP, RXD_PKT_UDP);
	}
	assert_true(count[0] > 5 && count[1] > 5);
	assert_int_equal(got(&g[1], 1) > 0, 1);
}

static void frames_without_hash_have_a_queue(void **state)
{
	struct i82576_rss *rss = spread();

	(void)state;
	two_queues_on();
	rss->unhashed = 1;
	memset(rss->queue, 0, sizeof(rss->queue));
	publish(rss);
	send_frame(0, 100);
	settle();
	assert_int_equal(which_queue(), 1);
	send_udp(1);
	assert_int_equal(which_queue(), 0);
	rss = spread();
	rss->types = NET_RSS_TCP_IPV4;
	rss->unhashed = 1;
	publish(rss);
	send_udp(2);
	assert_int_equal(which_queue(), 1);
	rss = spread();
	rss->on = false;
	rss->unhashed = 1;
	publish(rss);
	send_udp(3);
	assert_int_equal(which_queue(), 1);
	assert_int_equal(get_le32(g[1].mem + SECOND_RING + 2 * DESC_SIZE + 4), 0);
}

static void the_hash_is_told_where_wanted(void **state)
{
	struct i82576_rss *rss = spread();

	(void)state;
	rings_on();
	memset(rss->queue, 0, sizeof(rss->queue));
	rss->report = false;
	publish(rss);
	send_udp(1);
	assert_int_equal(rx_frame(&g[1], buf, &wb), 142);
	assert_int_equal(wb.rss, 0);
	assert_int_equal(wb.info, RXD_PKT_IPV4 | RXD_PKT_UDP);
	rss = spread();
	memset(rss->queue, 0, sizeof(rss->queue));
	publish(rss);
	send_udp(1);
	assert_int_equal(rx_frame(&g[1], buf, &wb), 142);
	assert_int_equal(wb.rss, hash_of(0, NET_RSS_UDP_IPV4));
	publish(NULL);
	send_udp(1);
	assert_int_equal(rx_frame(&g[1], buf, &wb), 142);
	assert_int_equal(wb.rss, 0);
	assert_int_equal(wb.info, RXD_PKT_IPV4 | RXD_PKT_UDP);
}

static void assert_lost(unsigned queue)
{
	struct i82576_rss *rss = spread();
	uint64_t before = rx_drop(NIC_DROP_RXOFF);

	memset(rss->queue, (int)queue, sizeof(rss->queue));
	publish(rss);
	send_udp(1);
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), before + 1);
	assert_int_equal(which_queue(), 2);
}

/* Queues that are off, somebody else's, or none at all. */
static void frames_for_a_queue_that_is_off_are_lost(void **state)
{
	(void)state;
	two_queues_on();
	put_reg(second_regs(), Q_CTL, 0);
	settle();
	assert_lost(1);
	assert_lost(2);
	assert_lost(255);
	second_on();
	atomic_store(&g[1].vf->fn.own_queues, 1);
	settle();
	which_queue();
	assert_lost(1);
	publish(NULL);
	send_udp(1);
	assert_int_equal(which_queue(), 0);
}

static void without_rules_the_first_that_is_on(void **state)
{
	(void)state;
	two_queues_on();
	send_udp(1);
	assert_int_equal(which_queue(), 0);
	put_reg(rx_regs(&g[1]), Q_CTL, 0);
	send_udp(1);
	assert_int_equal(which_queue(), 1);
	put_reg(second_regs(), Q_CTL, 0);
	send_udp(1);
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 1);
}

/* ---- the model is told ---- */

static uint8_t seen[2100];
static uint32_t seen_len, seen_times;

static uint32_t note_received(struct i82576_fn *fn, const struct nic_rx_meta *meta,
			      const struct nic_sink *sink)
{
	assert_ptr_equal(fn, &g[1].vf->fn);
	seen_times++;
	seen_len = 0;
	for (unsigned i = 0; i < sink->n; i++) {
		memcpy(seen + seen_len, sink->iov[i].ptr, sink->iov[i].len);
		seen_len += sink->iov[i].len;
	}
	assert_int_equal(meta->len, seen_len);
	assert_memory_equal(meta->hdr, seen, 60);
	return TS;
}

static void a_frame_is_told_before_it_is_written_back(void **state)
{
	static const struct i82576_fn_ops ops = {.received = note_received};
	uint8_t *f = tx_buf(&g[0], 0);

	(void)state;
	make_udp(0, 1);
	g[1].vf->fn.ops = &ops;
	rings_on();
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 2100, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(seen_times, 1);
	assert_int_equal(seen_len, 2100);
	assert_memory_equal(seen, f, 2100);
	assert_true(rx_take(&g[1], &wb));
	assert_int_equal(wb.status, RXD_DD);
	assert_int_equal(wb.info, RXD_PKT_IPV4 | RXD_PKT_UDP);
	assert_true(rx_take(&g[1], &wb));
	assert_int_equal(wb.status & ~(RXD_IPCS | RXD_IPE | RXD_L4CS | RXD_UDPCS),
			 RXD_DD | RXD_EOP | TS);
	assert_int_equal(wb.info, 0);
}

/* ---- legacy descriptors ---- */

static void assert_legacy(uint32_t i, uint32_t len, uint32_t status, uint32_t errors,
			  uint32_t vlan)
{
	const uint8_t *d = rx_desc_at(&g[1], i);

	assert_true(get_le64(d) == BASE + RX_BUF + (uint64_t)i * BUF_SIZE);
	assert_int_equal(get_le16(d + 8), len);
	assert_int_equal(get_le16(d + 10), 0);
	assert_int_equal(d[12], status);
	assert_int_equal(d[13], errors);
	assert_int_equal(get_le16(d + 14), vlan);
}

static void legacy_descriptors_receive(void **state)
{
	uint8_t *f;

	(void)state;
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_vlan(tc.card, n, 5, true);
	rx_on(&g[1], 16, SRRCTL_LEGACY);
	tx_on(&g[0], 16);
	context(0x6005, 14, 0, 0, 0, 0);
	make_frame(0, 3000);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 3000, 0);
	make_frame(2, 100);
	tx_desc(&g[0], tx_iova(2), CMD_LAST | TXD_VLE | 100, 0);
	make_udp(3, 1);
	f = tx_buf(&g[0], 3);
	put_be16(f + 40, 0x1234);
	tx_desc(&g[0], tx_iova(3), CMD_LAST | 142, 0);
	tx_bell(&g[0]);
	settle();
	assert_legacy(0, 2048, RXD_DD, 0, 0);
	assert_legacy(1, 3000 - 2048, RXD_DD | RXD_EOP | RXD_VP, 0, 0x6005);
	assert_legacy(2, 100, RXD_DD | RXD_EOP | RXD_VP, 0, 0x6005);
	assert_legacy(3, 142, RXD_DD | RXD_EOP | RXD_IPCS | RXD_L4CS | RXD_UDPCS, 0x60, 0);
	assert_memory_equal(g[1].mem + RX_BUF + 2 * BUF_SIZE, tx_buf(&g[0], 2), 100);
	assert_memory_equal(g[1].mem + RX_BUF + 3 * BUF_SIZE, f, 142);
}

/* A queue that does not say has the function's size, not a byte more. */
static void buffers_have_the_size_of_the_function(void **state)
{
	(void)state;
	atomic_store(&g[1].vf->fn.default_buffer, 256);
	rx_on(&g[1], 16, SRRCTL_ONEBUF & ~SRRCTL_BSIZEPKT);
	memset(g[1].mem + RX_BUF, 0xee, 4 * BUF_SIZE);
	tx_on(&g[0], 16);
	make_frame(0, 600);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 600, 0);
	tx_bell(&g[0]);
	settle();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(g[1].mem[RX_BUF + i * BUF_SIZE + 256], 0xee);
	assert_frame(tx_buf(&g[0], 0), 600);
}

/* Both forms of a buffer that cannot be reached. */
static void a_bad_buffer_is_reported(void **state)
{
	static const uint32_t forms[] = {SRRCTL_LEGACY, SRRCTL_ONEBUF};
	struct iommu_fault fault;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const uint8_t *d;

		put_reg(rx_regs(&g[1]), Q_CTL, 0);
		settle();
		rx_on(&g[1], 16, forms[i]);
		tx_on(&g[0], 16);
		put_le64(rx_desc_at(&g[1], 0), 0x1000);
		send_frame(0, 100);
		settle();
		assert_true(next_fault(&fault));
		assert_int_equal(fault.addr, 0x1000);
		d = rx_desc_at(&g[1], 0);
		assert_true(get_le64(d) == (i ? 0 : 0x1000));
		if (i)
			assert_true(get_le64(d + 8) == (RXD_DD | RXD_EOP | RXD_RXE));
		else
			assert_true(get_le64(d + 8) == (uint64_t)0x8003 << 32);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guests_set_up, guests_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_hash_names_the_queue),
		TEST(frames_without_hash_have_a_queue),
		TEST(the_hash_is_told_where_wanted),
		TEST(frames_for_a_queue_that_is_off_are_lost),
		TEST(without_rules_the_first_that_is_on),
		TEST(a_frame_is_told_before_it_is_written_back),
		TEST(legacy_descriptors_receive),
		TEST(buffers_have_the_size_of_the_function),
		TEST(a_bad_buffer_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
