/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What queues reach and when: addresses that are not there, rings that are set up, taken away
 * and set up again. Frames go from VF 0 to VF 1.
 */
#include "test_i82576_guest.h"

/* ---- addresses that are not there ---- */

static void assert_fault(uint64_t addr, unsigned vf, bool write, enum iommu_reason reason)
{
	struct iommu_fault fault = {0};

	assert_true(next_fault(&fault));
	assert_int_equal(fault.addr, addr);
	assert_int_equal(fault.port, vf);
	assert_int_equal(fault.rid, PCI_RID(1, 16, vf));
	assert_int_equal(fault.write, write);
	assert_int_equal(fault.reason, reason);
}

static void an_unmapped_tx_buffer_costs_one_frame(void **state)
{
	(void)state;
	rings_on();
	make_frame(0, 100);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 100, 0);
	tx_desc(&g[0], 0x1000, CMD_LAST | 100, 0);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | 60, 0); /* fails in its second half */
	tx_desc(&g[0], BASE + MEM_SIZE - 10, CMD_LAST | 100, 0);
	tx_desc(&g[0], 1ull << 60, CMD_LAST | 100, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 100, 0);
	tx_bell(&g[0]);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_IOMMU), 3);
	assert_fault(0x1000, 0, false, IOMMU_FAULT_NOT_MAPPED);
	assert_fault(BASE + MEM_SIZE, 0, false, IOMMU_FAULT_NOT_MAPPED);
	assert_fault(1ull << 60, 0, false, IOMMU_FAULT_BEYOND_WIDTH);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(tx_is_done(&g[0], i), i != 2);
}

static void an_unmapped_rx_buffer_costs_one_frame(void **state)
{
	(void)state;
	rings_on();
	put_le64(rx_desc_at(&g[1], 0), 0x2000);
	send_frame(0, 100);
	send_frame(1, 200);
	settle();
	assert_true(rx_take(&g[1], &wb));
	assert_true(wb.status == (RXD_DD | RXD_EOP | RXD_RXE));
	assert_int_equal(wb.len, 0);
	assert_frame(tx_buf(&g[0], 1), 200);
	assert_int_equal(rx_drop(NIC_DROP_IOMMU), 1);
	assert_fault(0x2000, 1, true, IOMMU_FAULT_NOT_MAPPED);
	assert_true(got(&g[1], 1) >= 1);
}

/* Mapped for reading is not mapped for writing. */
static void a_read_only_buffer_is_not_written(void **state)
{
	struct iommu_mem *mem;
	uint8_t *p;

	(void)state;
	assert_int_equal(iommu_mem_anon(4096, &mem), 0);
	p = mem->base;
	assert_int_equal(iommu_map(g[1].dom, 0x5000, 4096, IOMMU_READ, mem, 0), 0);
	rings_on();
	put_le64(rx_desc_at(&g[1], 0), 0x5000);
	send_frame(0, 100);
	settle();
	assert_fault(0x5000, 1, true, IOMMU_FAULT_NO_WRITE);
	for (unsigned i = 0; i < 4096; i++)
		assert_int_equal(p[i], 0);
}

/* A buffer of pages that lie anywhere in the host: the copy finds its way from page to page. */
static void buffers_go_over_pages(void **state)
{
	uint8_t *page[6], *f = make_frame(0, 9000);

	(void)state;
	for (unsigned n = 0; n < 2; n++)
		for (unsigned i = 0; i < 3; i++) {
			struct iommu_mem *mem;

			assert_int_equal(iommu_mem_anon(4096, &mem), 0);
			page[3 * n + i] = mem->base;
			assert_int_equal(iommu_map(g[n].dom, 0x40000 + i * 4096u, 4096,
						   IOMMU_READ | IOMMU_WRITE, mem, 0),
					 0);
		}
	for (unsigned i = 0; i < 9000; i++)
		page[(i + 3000) / 4096][(i + 3000) % 4096] = f[i];
	rx_on(&g[1], 16, 0x0200000a); /* 10 KiB */
	tx_on(&g[0], 16);
	put_le64(rx_desc_at(&g[1], 0), 0x40000 + 100);
	tx_desc(&g[0], 0x40000 + 3000, CMD_LAST | 9000, 0);
	tx_bell(&g[0]);
	settle();
	assert_true(rx_take(&g[1], &wb));
	assert_int_equal(wb.len, 9000);
	for (unsigned i = 0; i < 9000; i++)
		assert_int_equal(page[3 + (i + 100) / 4096][(i + 100) % 4096], f[i]);
}

static void map_ring(struct guest *gu, uint64_t iova, uint8_t **ret_p)
{
	struct iommu_mem *mem;

	assert_int_equal(iommu_mem_anon(4096, &mem), 0);
	*ret_p = mem->base;
	memcpy(mem->base, (uint64_t[]){tx_iova(0), CMD_LAST | 100}, 16);
	if (gu == &g[1])
		memcpy(mem->base, (uint64_t[]){BASE + RX_BUF, BASE + RX_HDR}, 16);
	assert_int_equal(iommu_map(gu->dom, iova, 4096, IOMMU_READ | IOMMU_WRITE, mem, 0), 0);
}

static void an_unmapped_tx_ring_waits_until_it_is_mapped(void **state)
{
	struct iommu_fault fault;
	uint8_t *p;

	(void)state;
	rx_on(&g[1], 16, SRRCTL_ONEBUF);
	make_frame(0, 100);
	ring_on(tx_regs(&g[0]), 0x3000, 16);
	put_reg(tx_regs(&g[0]), Q_TAIL, 1);
	settle();
	assert_fault(0x3000, 0, false, IOMMU_FAULT_NOT_MAPPED);
	assert_false(next_fault(&fault)); /* once, not once a round */
	assert_nothing();
	map_ring(&g[0], 0x3000, &p);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_int_equal(get_le32(p + 12), TXD_DD);
}

static void an_unmapped_rx_ring_waits_until_it_is_mapped(void **state)
{
	uint8_t *p;

	(void)state;
	put_reg(rx_regs(&g[1]), Q_SRRCTL, SRRCTL_ONEBUF);
	ring_on(rx_regs(&g[1]), 0x3000, 16);
	put_reg(rx_regs(&g[1]), Q_TAIL, 15);
	tx_on(&g[0], 16);
	send_frame(0, 100);
	send_frame(1, 100);
	settle();
	assert_fault(0x3000, 1, true, IOMMU_FAULT_NOT_MAPPED);
	assert_int_equal(rx_drop(NIC_DROP_IOMMU), 1);
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 1);
	map_ring(&g[1], 0x3000, &p);
	send_frame(0, 100);
	settle();
	assert_int_equal(get_le32(p + 8), RXD_DD | RXD_EOP);
}

static void without_bus_mastering_nothing_moves(void **state)
{
	struct iommu_fault fault;

	(void)state;
	rings_on();
	i82576_fn_set_dma(&g[0].vf->fn, false);
	send_frame(0, 100);
	settle();
	assert_nothing();
	assert_false(tx_is_done(&g[0], 0));
	assert_fault(BASE + TX_RING, 0, false, IOMMU_FAULT_BUS_MASTER_OFF);
	assert_false(next_fault(&fault));
	i82576_fn_set_dma(&g[0].vf->fn, true);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	i82576_fn_set_dma(&g[1].vf->fn, false);
	send_frame(0, 100);
	settle();
	assert_nothing();
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 1);
}

/* ---- set-up ---- */

static void a_queue_that_is_off_does_nothing(void **state)
{
	(void)state;
	rings_on();
	put_reg(tx_regs(&g[0]), Q_CTL, 0);
	settle(); /* a round under way may have seen it on */
	send_frame(0, 100);
	settle();
	assert_nothing();
	put_reg(tx_regs(&g[0]), Q_CTL, DCTL_ENABLE);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	put_reg(rx_regs(&g[1]), Q_CTL, 0);
	send_frame(0, 100);
	settle();
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 1);
}

/* Its guest may go on writing the page: of a VF that is gone, or of queues that VFs have taken.
 */
static void a_queue_that_was_taken_away_does_nothing(void **state)
{
	(void)state;
	rings_on();
	atomic_store(&g[0].vf->fn.own_queues, 0);
	settle(); /* a round under way may still have it */
	send_frame(0, 100);
	settle();
	assert_nothing();
	assert_false(tx_is_done(&g[0], 0));
	atomic_store(&g[0].vf->fn.own_queues, 3);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	atomic_store(&g[1].vf->fn.own_queues, 0);
	settle();
	send_frame(0, 100);
	settle();
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 1);
}

/* As igbvf after a reset: the same ring again, from 0. */
static void a_queue_begins_anew_at_head_0(void **state)
{
	(void)state;
	rings_on();
	for (unsigned i = 0; i < 5; i++)
		send_frame(i, 100);
	settle();
	put_reg(tx_regs(&g[0]), Q_CTL, 0);
	put_reg(rx_regs(&g[1]), Q_CTL, 0);
	settle();
	rings_on();
	send_frame(9, 300);
	settle();
	assert_frame(tx_buf(&g[0], 9), 300);
	assert_nothing();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 1);
}

static void disable_and_enable_with_a_bad_head(void *arg)
{
	(void)arg;
	put_reg(tx_regs(&g[0]), Q_CTL, 0);
	put_reg(tx_regs(&g[0]), Q_HEAD, 300); /* outside */
	put_reg(tx_regs(&g[0]), Q_CTL, DCTL_ENABLE);
}

/* The head register tells, even if nobody has seen the queue off: all is written between two
 * rounds. */
static void a_head_that_is_written_counts(void **state)
{
	(void)state;
	rings_on();
	for (unsigned i = 0; i < 5; i++)
		send_frame(i, 100);
	settle();
	rings_on();
	settle();
	send_frame(9, 300);
	settle();
	assert_frame(tx_buf(&g[0], 9), 300);
	assert_nothing();
	nic_dp_call(tc.card->dp, disable_and_enable_with_a_bad_head, NULL);
	settle();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 1); /* began at 0, sent one again */
	assert_frame(tx_buf(&g[0], 9), 300);
}

static void what_was_latched_is_forgotten_with_the_ring(void **state)
{
	(void)state;
	rings_on();
	nic_card_guest_vlan(tc.card, 0, 5, true);
	nic_card_guest_vlan(tc.card, 1, 5, true);
	context(5, 0, 0, 0, 0, 0);
	for (unsigned i = 0; i < 100; i++) /* a chain without end: skipped until its EOP */
		tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 1);
	put_reg(tx_regs(&g[0]), Q_CTL, 0);
	settle();
	tx_on(&g[0], 256);
	make_frame(0, 100);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 100,
		0); /* the context is no more: a priority tag */
	tx_bell(&g[0]);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_int_equal(wb.vlan, 0);
}

static void rings_the_card_cannot_have_are_left_alone(void **state)
{
	static const struct {
		uint64_t base;
		uint32_t len;
	} bad[] = {{BASE + 64, 256}, {BASE, 100}, {BASE, 0}, {BASE, 16}};

	(void)state;
	rx_on(&g[1], 16, SRRCTL_ONEBUF);
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		tx_on(&g[0], 16);
		put_reg(tx_regs(&g[0]), Q_BAL, (uint32_t)bad[i].base);
		put_reg(tx_regs(&g[0]), Q_LEN, bad[i].len);
		settle(); /* a round under way may have seen the good ring */
		send_frame(0, 100);
		settle();
		assert_nothing();
	}
	tx_on(&g[0], 16);
	put_reg(tx_regs(&g[0]), Q_TAIL, 16); /* a tail that is not in the ring is no tail */
	settle();
	put_reg(tx_regs(&g[0]), Q_TAIL, UINT32_MAX);
	settle();
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 0);
	send_frame(0, 100);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
}

static void a_reset_stops_the_queues(void **state)
{
	(void)state;
	rings_on();
	i82576_vf_reset(g[0].vf);
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_CTL), 0);
	send_frame(0, 100);
	settle();
	assert_nothing();
	nic_card_guest_active(tc.card, 0, true);
	tx_on(&g[0], 16);
	send_frame(0, 100);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guests_set_up, guests_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_unmapped_tx_buffer_costs_one_frame),
		TEST(an_unmapped_rx_buffer_costs_one_frame),
		TEST(a_read_only_buffer_is_not_written),
		TEST(buffers_go_over_pages),
		TEST(an_unmapped_tx_ring_waits_until_it_is_mapped),
		TEST(an_unmapped_rx_ring_waits_until_it_is_mapped),
		TEST(without_bus_mastering_nothing_moves),
		TEST(a_queue_that_is_off_does_nothing),
		TEST(a_queue_that_was_taken_away_does_nothing),
		TEST(a_queue_begins_anew_at_head_0),
		TEST(a_head_that_is_written_counts),
		TEST(what_was_latched_is_forgotten_with_the_ring),
		TEST(rings_the_card_cannot_have_are_left_alone),
		TEST(a_reset_stops_the_queues),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
