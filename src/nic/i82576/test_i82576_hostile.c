/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Rings of broken drivers and of enemies; and the promise that memory which was taken back is
 * not touched. Frames go from VF 0 to VF 1.
 */
#include "test_i82576_guest.h"

#include <sched.h>

#include "test_effort.h"

#ifdef __SANITIZE_THREAD__
#define LOOPS	50u
#define GARBAGE 100000u
#else
#define LOOPS	500u
#define GARBAGE 1000000u
#endif

/* The queue works: a frame that is sent now arrives. */
static void assert_works(void)
{
	send_frame(50, 777);
	settle();
	assert_frame(tx_buf(&g[0], 50), 777);
	assert_nothing();
}

static void assert_malformed(uint64_t before, uint64_t n)
{
	settle();
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), before + n);
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), g[0].tx_next);
	assert_works();
}

/* ---- chains ---- */

static void a_chain_waits_for_its_end(void **state)
{
	(void)state;
	rings_on();
	make_frame(0, 100);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 60, 0);
	tx_bell(&g[0]);
	settle();
	assert_nothing();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 0);
	tx_desc(&g[0], tx_iova(0) + 60, CMD_LAST | 40, 0);
	tx_bell(&g[0]);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
}

static void a_chain_that_never_ends_is_dropped_once(void **state)
{
	(void)state;
	rings_on();
	for (unsigned i = 0; i < 200; i++)
		tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 200);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 10, 0); /* the end of the same chain */
	tx_bell(&g[0]);
	assert_malformed(0, 1);
	assert_true(tx_is_done(&g[0], 200));
}

static void a_chain_that_fills_the_ring_is_dropped(void **state)
{
	(void)state;
	rx_on(&g[1], 16, SRRCTL_ONEBUF);
	tx_on(&g[0], 16);
	for (unsigned i = 0; i < 14; i++)
		tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 0);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0); /* no room for its end any more */
	tx_bell(&g[0]);
	settle();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 1);
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 15);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 10, 0);
	tx_bell(&g[0]);
	settle();
	assert_works();
}

static void a_context_ends_a_chain(void **state)
{
	(void)state;
	rings_on();
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_desc(&g[0], 0, TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT) | TXD_RS, 0);
	tx_bell(&g[0]);
	assert_malformed(0, 1);
}

static void more_descriptors_than_a_frame_may_have(void **state)
{
	(void)state;
	rings_on();
	for (unsigned i = 0; i < 41; i++)
		tx_desc(&g[0], tx_iova(0) + i * 2, (i == 40 ? CMD_LAST : CMD_MORE) | 2, 0);
	tx_bell(&g[0]);
	assert_malformed(0, 1);
}

/* ---- frames that are none ---- */

static void lengths_out_of_bounds(void **state)
{
	(void)state;
	rings_on();
	tx_desc(&g[0], tx_iova(0), CMD_LAST, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 13, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | (NIC_JUMBO_MAX + 1), 0);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 100, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST, 0);
	for (unsigned i = 0; i < 5; i++) /* 5 * 65535 are too many even for TSO */
		tx_desc(&g[0], tx_iova(0), (i == 4 ? CMD_LAST : CMD_MORE) | TXD_TSE | 65535, 0);
	tx_bell(&g[0]);
	assert_malformed(0, 5);
}

static void offloads_that_make_no_sense(void **state)
{
	static const struct {
		uint32_t lens, type, l4_mss; /* of the context; zero: none was ever sent */
		uint32_t cmd, sta;
		/* clang-format off */
	} bad[] = {
		{0, 0, 0, 0, TXD_TXSM},
		{0, 0, 0, 0, TXD_IXSM},
		{0, 0, 0, TXD_TSE, 0},
		{14u << 9 | 20, 1u << 11, 20u << 8, TXD_TSE, 0},		/* MSS 0 */
		{14u << 9 | 20, 1u << 11, 0xff00u | 100u << 16, TXD_TSE, 0},	/* TCP header of 255 */
		{127u << 9 | 511, 1u << 11, 20u << 8 | 100u << 16, TXD_TSE, 0}, /* above the snapshot */
		{14u << 9 | 20, 2u << 11, 20u << 8 | 100u << 16, TXD_TSE, 0},	/* SCTP is not segmented */
		{14u << 9 | 20, 3u << 11, 0, 0, TXD_TXSM},	/* no such protocol */
		{14u << 9 | 511, 0, 0, 0, TXD_TXSM},		/* behind the frame */
		{14u << 9 | 79, 0, 0, 0, TXD_TXSM},		/* field over its end */
		{0u << 9 | 34, 0, 0, 0, TXD_TXSM},
	};
	/* clang-format on */

	(void)state;
	rings_on();
	make_frame(0, 100);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		if (bad[i].lens)
			tx_desc(&g[0], bad[i].lens,
				TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT) | bad[i].type,
				bad[i].l4_mss);
		tx_desc(&g[0], tx_iova(0), CMD_LAST | bad[i].cmd | 100, bad[i].sta);
		tx_bell(&g[0]);
		assert_malformed(i, 1);
	}
}

/* A header that is not all there; a tag in the bytes that the context does not know of. */
static void tso_headers_that_do_not_fit(void **state)
{
	(void)state;
	rings_on();
	make_frame(0, 100);
	tx_desc(&g[0], 14u << 9 | 20, TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT) | 1u << 11,
		20u << 8 | 100u << 16);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | 50, 0);
	tx_bell(&g[0]);
	assert_malformed(0, 1);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | 54, 0); /* nothing to segment */
	tx_bell(&g[0]);
	assert_malformed(1, 1);
	memcpy(make_frame(0, 100) + 12, "\x81\0\0\0\x08\0", 6);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | 100, 0);
	tx_bell(&g[0]);
	assert_malformed(2, 1);
}

/* ---- garbage ---- */

static uint64_t seed = 82576;

static uint32_t rnd(void)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(seed >> 33);
}

/* An address: mostly inside, sometimes over the end, seldom anywhere. */
static uint64_t rnd_addr(void)
{
	switch (rnd() % 8) {
	case 0:
		return (uint64_t)rnd() << 32 | rnd();
	case 1:
		return BASE + MEM_SIZE - rnd() % 3000;
	case 2:
		return BASE - rnd() % 100;
	case 3:
		return BASE + TX_BUF + rnd() % (MEM_SIZE - TX_BUF);
	default:
		return tx_iova(rnd() % 8);
	}
}

static void rnd_tx_desc(uint8_t *d)
{
	uint32_t cmd = rnd() | (rnd() % 4 ? TXD_DEXT : 0);

	if (rnd() % 4)
		cmd = (cmd & ~TXD_DTYP) |
		      FIELD_PREP(TXD_DTYP, rnd() % 3 ? DTYP_DATA : DTYP_CONTEXT);
	if (rnd() % 2)
		cmd = (cmd & ~TXD_LEN) | rnd() % 200;
	put_le64(d, rnd() % 4 ? rnd_addr() : (uint64_t)(14 << 9 | 20));
	put_le32(d + 8, cmd);
	put_le32(d + 12, rnd() % 2 ? rnd() : 20u << 8 | 100u << 16);
}

static void rnd_bytes(struct guest *gu)
{
	uint8_t *p = tx_buf(gu, rnd() % 8);

	for (unsigned i = 0; i < 64; i++)
		p[i] = (uint8_t)rnd();
	memcpy(p, tc.card->vf[1].guest.mac, 6);
	memcpy(p + 6, tc.card->vf[0].guest.mac, 6);
	put_be16(p + 12, rnd() % 4 ? NET_ETH_P_IPV4 : NET_ETH_P_VLAN);
	p[14] = rnd() % 4 ? 0x45 : p[14];
	p[23] = rnd() % 2 ? 6 : 17;
}

/* One round of an enemy; runs on the data path so that a run can be had again. */
static void be_hostile(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < 64; i++)
		rnd_tx_desc(tx_desc_at(&g[0], rnd() % 256));
	for (unsigned i = 0; i < 16; i++) {
		uint8_t *d = rx_desc_at(&g[1], rnd() % 256);

		put_le64(d, rnd_addr());
		put_le64(d + 8, rnd_addr());
	}
	for (unsigned n = 0; n < 2; n++)
		rnd_bytes(&g[n]);
	put_reg(tx_regs(&g[0]), Q_TAIL, rnd() % 8 ? rnd() % 256 : rnd());
	put_reg(rx_regs(&g[1]), Q_TAIL, rnd() % 8 ? rnd() % 256 : rnd());
	if (rnd() % 4 == 0)
		put_reg(rx_regs(&g[1]), Q_SRRCTL, rnd());
	if (rnd() % 64 == 0) { /* any register at all */
		put_reg(tx_regs(&g[0]), rnd() % 16, rnd());
		put_reg(rx_regs(&g[1]), rnd() % 16, rnd());
	}
	if (rnd() % 16 == 0) {
		ring_write(&(struct ring){tx_regs(&g[0]), BASE + TX_RING, 256});
		ring_write(&(struct ring){rx_regs(&g[1]), BASE + RX_RING, 256});
	}
}

/* The edges of what is mapped are looked at in tear down. */
static void garbage_hurts_nobody(void **state)
{
	struct iommu_fault fault;
	uint64_t start = clock_ns();
	unsigned i;

	(void)state;
	rings_on();
	nic_card_set_spoofchk(tc.card, 0, false);
	nic_card_set_trust(tc.card, 1, true);
	nic_card_guest_promisc(tc.card, 1, true, true);
	for (i = 0; test_goes_on(start, i, GARBAGE); i += 64) {
		nic_dp_call(tc.card->dp, be_hostile, NULL);
		if (i % 1024 == 0)
			while (next_fault(&fault))
				assert_true(fault.port < 2);
	}
	for (unsigned n = 0; n < 2; n++) {
		put_reg(tx_regs(&g[n]), Q_CTL, 0);
		put_reg(rx_regs(&g[n]), Q_CTL, 0);
	}
	settle();
	put_reg(tx_regs(&g[0]), Q_TDWBAL, 0);
	rings_on();
	assert_works();
	assert_true(nic_counter(&g[1].vf->fn.port.stats.rx_packets) > i / 1000);
}

/* ---- memory that was taken back ---- */

/* Announces the whole transmit ring again: frames for a while. */
static void keep_sending(void)
{
	put_reg(tx_regs(&g[0]), Q_TAIL, (get_reg(tx_regs(&g[0]), Q_HEAD) + 255) % 256);
	put_reg(rx_regs(&g[1]), Q_TAIL, (get_reg(rx_regs(&g[1]), Q_HEAD) + 255) % 256);
	nic_dp_kick(tc.card->dp);
}

static void fill_tx_ring(uint64_t addr)
{
	make_frame(0, 1500);
	for (unsigned i = 0; i < 256; i++)
		tx_desc(&g[0], addr, CMD_LAST | 1500, 0);
}

/* Unmapping frees the pages: whoever holds a pointer into them is killed. */
static void unmapped_memory_is_not_touched(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	rings_on();
	fill_tx_ring(0x800000);
	for (unsigned i = 0; i < 256; i++)
		put_le64(rx_desc_at(&g[1], i), 0x900000 + i * 2048);
	for (unsigned i = 0; test_goes_on(start, i, LOOPS); i++) {
		for (unsigned n = 0; n < 2; n++) {
			struct iommu_mem *mem;

			assert_int_equal(iommu_mem_anon(1 << 20, &mem), 0);
			if (n == 0)
				memcpy(mem->base, tx_buf(&g[0], 0), 1500);
			assert_int_equal(iommu_map(g[n].dom, 0x800000 + (n << 20), 1 << 20,
						   n ? IOMMU_WRITE : IOMMU_READ, mem, 0),
					 0);
		}
		keep_sending();
		for (unsigned k = rnd() % 3; k; k--)
			nic_dp_call(tc.card->dp, nothing, NULL);
		for (unsigned k = 0; k < 2; k++) {
			unsigned n = (i + k) % 2;

			assert_int_equal(iommu_unmap(g[n].dom, 0x800000 + (n << 20), 1 << 20),
					 0);
		}
	}
	assert_true(nic_counter(&g[1].vf->fn.port.stats.rx_packets) > 0);
}

/* The rule for queues in mapped pages: ENABLE off in the mapped page, one trapped access, and
 * the buffers are the driver's again. */
static void a_disabled_queue_is_drained_by_the_next_trap(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	for (unsigned i = 0; test_goes_on(start, i, LOOPS); i++) {
		uint8_t *p = g[1].mem + RX_BUF;

		rings_on();
		fill_tx_ring(tx_iova(0));
		keep_sending();
		for (unsigned k = rnd() % 3; k; k--)
			nic_dp_call(tc.card->dp, nothing, NULL);
		put_reg(rx_regs(&g[1]), Q_CTL, 0);
		rd_of(g[1].vf, I82576_VF_STATUS);
		memset(p, 0x11, 256 * BUF_SIZE);
		memset(g[1].mem + RX_RING, 0x11, 256 * DESC_SIZE);
		put_reg(tx_regs(&g[0]), Q_CTL, 0);
		rd_of(g[0].vf, I82576_VF_STATUS);
		for (unsigned k = 0; k < 256 * BUF_SIZE; k += 500)
			assert_int_equal(p[k], 0x11);
		for (unsigned k = 0; k < 256 * DESC_SIZE; k++)
			assert_int_equal(g[1].mem[RX_RING + k], 0x11);
		memset(g[0].mem + TX_RING, 0x22, 256 * DESC_SIZE);
		nic_dp_call(tc.card->dp, nothing, NULL);
		for (unsigned k = 0; k < 256 * DESC_SIZE; k++)
			assert_int_equal(g[0].mem[TX_RING + k], 0x22);
	}
}

static void bus_mastering_off_is_drained(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	for (unsigned i = 0; test_goes_on(start, i, LOOPS); i++) {
		uint8_t *p = g[1].mem + RX_BUF;

		i82576_fn_set_dma(&g[1].vf->fn, true);
		rings_on();
		fill_tx_ring(tx_iova(0));
		keep_sending();
		for (unsigned k = rnd() % 3; k; k--)
			nic_dp_call(tc.card->dp, nothing, NULL);
		i82576_fn_set_dma(&g[1].vf->fn, false);
		memset(p, 0x33, 256 * BUF_SIZE);
		nic_dp_call(tc.card->dp, nothing, NULL);
		for (unsigned k = 0; k < 256 * BUF_SIZE; k += 500)
			assert_int_equal(p[k], 0x33);
		put_reg(tx_regs(&g[0]), Q_CTL, 0);
		rd_of(g[0].vf, I82576_VF_STATUS);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guests_set_up, guests_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_waits_for_its_end),
		TEST(a_chain_that_never_ends_is_dropped_once),
		TEST(a_chain_that_fills_the_ring_is_dropped),
		TEST(a_context_ends_a_chain),
		TEST(more_descriptors_than_a_frame_may_have),
		TEST(lengths_out_of_bounds),
		TEST(offloads_that_make_no_sense),
		TEST(tso_headers_that_do_not_fit),
		TEST(garbage_hurts_nobody),
		TEST(unmapped_memory_is_not_touched),
		TEST(a_disabled_queue_is_drained_by_the_next_trap),
		TEST(bus_mastering_off_is_drained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
