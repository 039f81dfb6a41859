/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The interrupt window as a guest can reach it: through the address of its transmit queue's
 * head write-back, and through every other address that it gives the card. VF 0 tries to raise
 * interrupts of VF 1; with LADON_BREAK_SID the first test must fail.
 */
#include "test_i82576_guest.h"

#define OTHER 2u /* a vector that no queue uses */
#define SHV   8u

static uint32_t addr_of(unsigned vf, unsigned vector)
{
	return (uint32_t)(ir_message(test_intr_index(g[vf].vf->fn.rid, vector)) >> 32);
}

/* VF 0 sends a frame, and the card writes the head of the queue there. */
static void write_back_to(uint64_t addr)
{
	put_reg(tx_regs(&g[0]), Q_TDWBAH, (uint32_t)(addr >> 32));
	put_reg(tx_regs(&g[0]), Q_TDWBAL, (uint32_t)addr | 1);
	send_frame(0, 100);
	settle();
}

static void assert_refused(uint8_t reason, uint32_t addr)
{
	struct iommu_fault fault = {0};

	assert_true(next_fault(&fault));
	assert_int_equal(fault.reason, reason);
	assert_int_equal(fault.rid, g[0].vf->fn.rid);
	assert_int_equal(fault.port, 0);
	assert_int_equal(ir_fault_addr(fault.addr), addr);
	assert_false(next_fault(&fault));
	assert_int_equal(got(&g[1], OTHER), 0);
}

static void a_vf_cannot_raise_an_interrupt_of_another(void **state)
{
	uint32_t addr;

	(void)state;
	rings_on();
	addr = addr_of(1, OTHER);
	write_back_to(addr);
	assert_int_equal(got(&g[1], OTHER), 0);
	assert_refused(IR_FAULT_SOURCE, addr);
	/* The head (2 by now) as subhandle: handle + 2 is the same entry. */
	addr = addr_of(1, OTHER - 2) | SHV;
	write_back_to(addr);
	assert_refused(IR_FAULT_SOURCE, addr);
	assert_int_equal(nic_counter(&g[0].vf->fn.intr.refused), 2);
	assert_int_equal(nic_counter(&g[1].vf->fn.intr.refused), 0);
	assert_int_equal(nic_counter(&g[1].vf->fn.port.stats.rx_packets), 2);
}

static void a_vf_can_raise_its_own(void **state)
{
	struct iommu_fault fault;

	(void)state;
	rings_on();
	write_back_to(addr_of(0, OTHER));
	assert_int_equal(got(&g[0], OTHER), 1);
	assert_false(next_fault(&fault));
}

static void other_requests_are_refused_with_their_reason(void **state)
{
	uint32_t own;

	(void)state;
	rings_on();
	own = addr_of(0, OTHER);
	write_back_to(own & ~IR_ADDR_FORMAT);
	assert_refused(IR_FAULT_COMPATIBILITY, own & ~IR_ADDR_FORMAT);
	write_back_to(own | IR_ADDR_HANDLE_15);
	assert_refused(IR_FAULT_INDEX, own | IR_ADDR_HANDLE_15);
	write_back_to(own + (20 << 5));
	assert_refused(IR_FAULT_NOT_PRESENT, own + (20 << 5));
	assert_int_equal(got(&g[0], OTHER), 0);
}

static void the_window_ends_where_it_ends(void **state)
{
	struct iommu_fault fault;

	(void)state;
	rings_on();
	write_back_to(IR_WINDOW - 4);
	assert_true(next_fault(&fault));
	assert_int_equal(fault.reason, IOMMU_FAULT_NOT_MAPPED);
	write_back_to(IR_WINDOW + IR_WINDOW_SIZE);
	assert_true(next_fault(&fault));
	assert_int_equal(fault.reason, IOMMU_FAULT_NOT_MAPPED);
	write_back_to((1ull << 32) + IR_WINDOW);
	assert_true(next_fault(&fault));
	assert_int_equal(fault.reason, IOMMU_FAULT_NOT_MAPPED);
	assert_int_equal(nic_counter(&g[0].vf->fn.intr.refused), 0);
}

/* ---- all other DMA to the window ---- */

static void assert_window_fault(bool write, uint64_t count, unsigned vf)
{
	struct iommu_fault fault;

	settle();
	assert_true(next_fault(&fault));
	assert_int_equal(fault.reason, IOMMU_FAULT_INTR_RANGE);
	assert_int_equal(fault.write, write);
	assert_int_equal(fault.port, vf);
	assert_int_equal(nic_counter(&g[vf].vf->fn.intr.window_faults), count);
}

static void a_buffer_in_the_window_is_a_fault(void **state)
{
	uint32_t own;

	(void)state;
	rings_on();
	own = addr_of(0, OTHER);
	tx_desc(&g[0], own, CMD_LAST | 100, 0);
	tx_bell(&g[0]);
	assert_window_fault(false, 1, 0);
	/* Receive buffers of VF 1 there: 16 bytes and more are no request. */
	for (unsigned i = 0; i < 256; i++)
		put_le64(rx_desc_at(&g[1], i), addr_of(1, OTHER));
	send_frame(0, 100);
	assert_window_fault(true, 1, 1);
	assert_int_equal(got(&g[0], OTHER) + got(&g[1], OTHER), 0);
}

static void a_ring_in_the_window_is_a_fault(void **state)
{
	(void)state;
	rings_on();
	ring_on(tx_regs(&g[0]), IR_WINDOW, 256);
	put_reg(tx_regs(&g[0]), Q_TAIL, 1);
	nic_dp_kick(tc.card->dp);
	assert_window_fault(false, 1, 0);
}

/* ---- coalescing ---- */

static void ring_both(void *arg)
{
	(void)arg;
	tx_bell(&g[0]);
	tx_bell(&g[1]);
}

static void a_vector_is_notified_once_a_round(void **state)
{
	uint8_t *back;

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		rx_on(&g[n], 256, SRRCTL_ONEBUF);
		tx_on(&g[n], 256);
		wr_of(g[n].vf, I82576_VF_IVAR0,
		      0x8080); /* both kinds: vector 0, auto-cleared */
	}
	back = tx_buf(&g[1], 0);
	for (unsigned i = 0; i < 20; i++) {
		make_frame(0, 100);
		tx_desc(&g[0], tx_iova(0), CMD_LAST | 100, 0);
	}
	memcpy(back, make_frame(0, 100), 100);
	memcpy(back, tc.card->vf[0].guest.mac, 6);
	memcpy(back + 6, tc.card->vf[1].guest.mac, 6);
	for (unsigned i = 0; i < 20; i++)
		tx_desc(&g[1], tx_iova(0), CMD_LAST | 100, 0);
	got(&g[0], 0);
	got(&g[1], 0);
	nic_dp_call(tc.card->dp, ring_both, NULL);
	settle();
	/* Each sent 20 and received 20, in one round. */
	assert_int_equal(nic_counter(&g[0].vf->fn.port.stats.rx_packets), 20);
	assert_int_equal(nic_counter(&g[1].vf->fn.port.stats.rx_packets), 20);
	assert_int_equal(got(&g[0], 0), 1);
	assert_int_equal(got(&g[1], 0), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, guests_set_up, guests_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_vf_cannot_raise_an_interrupt_of_another),
		TEST(a_vf_can_raise_its_own),
		TEST(other_requests_are_refused_with_their_reason),
		TEST(the_window_ends_where_it_ends),
		TEST(a_buffer_in_the_window_is_a_fault),
		TEST(a_ring_in_the_window_is_a_fault),
		TEST(a_vector_is_notified_once_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
