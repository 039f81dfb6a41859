/* SPDX-License-Identifier: BSD-3-Clause */
/* The PF's life: who owns the card, which VFs exist, resets, BARs, identity. */
#include "test_i82576_pf.h"

static bool vf_there(unsigned n)
{
	return rd_of(tc.vf[n], I82576_VF_STATUS) != 0xffffffff;
}

static void vfs_exist_as_the_owner_says(void **state)
{
	(void)state;
	assert_true(vf_there(0) && vf_there(1));
	assert_int_equal(i82576_pf_attach(pf), 0);
	assert_false(vf_there(0) || vf_there(1));
	i82576_pf_set_vfs(pf, 1);
	assert_true(vf_there(0));
	assert_false(vf_there(1));
	i82576_pf_set_vfs(pf, 2);
	assert_true(vf_there(0) && vf_there(1));
	i82576_pf_set_vfs(pf, 0);
	assert_false(vf_there(0));
	i82576_pf_set_vfs(pf, 99);
	assert_int_equal(pf->vfs_enabled, 2);
	i82576_pf_reset(pf); /* an FLR clears VF Enable */
	assert_false(vf_there(0));
	i82576_pf_detach(pf);
	assert_true(vf_there(0) && vf_there(1));
}

static void without_an_owner_vf_enable_means_nothing(void **state)
{
	(void)state;
	i82576_pf_set_vfs(pf, 0);
	assert_true(vf_there(0) && vf_there(1));
	i82576_pf_set_vfs(pf, 1);
	assert_true(vf_there(1));
}

static void a_vf_that_is_not_there_is_all_ones(void **state)
{
	uint64_t wide;

	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	i82576_vf_bar_read(tc.vf[0], 0, I82576_VF_RDBAL, &wide, sizeof(wide));
	assert_true(wide == UINT64_MAX);
	assert_int_equal(tc.vf[0]->qpage[0], 0xffffffff); /* the page its guest has mapped */
	wr_of(tc.vf[0], I82576_VF_VMBMEM, 0x1234);
	wr_of(tc.vf[0], I82576_VF_RXDCTL, I82576_DCTL_ENABLE);
	i82576_pf_set_vfs(pf, 2);
	assert_int_equal(rd_of(tc.vf[0], I82576_VF_VMBMEM), 0);
	assert_int_equal(rd_of(tc.vf[0], I82576_VF_RXDCTL), 0x00010000);
}

static void a_vf_without_queues_does_no_dma(void **state)
{
	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	assert_int_equal(atomic_load(&tc.vf[0]->fn.own_queues), 0);
	i82576_pf_set_vfs(pf, 1);
	assert_int_equal(atomic_load(&tc.vf[0]->fn.own_queues), 3);
	assert_int_equal(atomic_load(&tc.vf[1]->fn.own_queues), 0);
}

static void vfs_queues_are_not_the_pfs(void **state)
{
	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	assert_int_equal(atomic_load(&pf->fn.own_queues), 0xffff);
	i82576_pf_set_vfs(pf, 2);
	assert_int_equal(atomic_load(&pf->fn.own_queues), 0xfcfc);
	i82576_pf_set_vfs(pf, 0);
	assert_int_equal(atomic_load(&pf->fn.own_queues), 0xffff);
}

static void a_port_reset_loads_the_address(void **state)
{
	const uint8_t *mac = tc.card->base_mac;

	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	pf_wr(I82576_RAL, 0);
	pf_wr(I82576_VFTA, 0xffffffff);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd(I82576_CTRL) & I82576_CTRL_RST, 0);
	assert_int_equal(pf_rd(I82576_RAL), get_le32(mac));
	assert_int_equal(pf_rd(I82576_RAH), 0x80000000u | get_le16(mac + 4));
	assert_int_equal(pf_rd(I82576_VFTA), 0);
}

static void vfs_see_the_ports_reset(void **state)
{
	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	i82576_pf_set_vfs(pf, 1);
	assert_true(rd(I82576_VF_V2PMAILBOX) & I82576_V2P_RSTI);
	pf_wr(I82576_CTRL_EXT, I82576_CTRL_EXT_PFRSTD);
	assert_int_equal(rd(I82576_VF_V2PMAILBOX) & (I82576_V2P_RSTI | I82576_V2P_RSTD),
			 I82576_V2P_RSTD);
	assert_int_equal(rd(I82576_VF_V2PMAILBOX) & (I82576_V2P_RSTI | I82576_V2P_RSTD), 0);
	wr(I82576_VF_RXDCTL, I82576_DCTL_ENABLE);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_true(rd(I82576_VF_V2PMAILBOX) & I82576_V2P_RSTI);
	assert_int_equal(rd(I82576_VF_RXDCTL) & I82576_DCTL_ENABLE, 0);
}

/* Nobody may send in the old life's name while the PF driver has not looked yet. */
static void a_vf_that_was_reset_is_cut_off_at_once(void **state)
{
	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	i82576_pf_set_vfs(pf, 2);
	pf_wr(I82576_MRQC, 3);
	pf_wr(I82576_VT_CTL, 2 << 7);
	pf_wr(I82576_RCTL, BIT(1));
	pf_wr(I82576_TCTL, BIT(1));
	pf_wr(I82576_VFRE, 3);
	pf_wr(I82576_VFTE, 3);
	i82576_pf_settle(pf);
	assert_true(nic_card_policy(tc.card, 0)->tx_on && nic_card_policy(tc.card, 0)->rx_on);
	i82576_vf_reset(tc.vf[0]);
	assert_false(nic_card_policy(tc.card, 0)->tx_on || nic_card_policy(tc.card, 0)->rx_on);
	assert_true(nic_card_policy(tc.card, 1)->tx_on);
	assert_int_equal(pf_rd(I82576_VFTE), 2);
	assert_true(pf_rd(I82576_VFLRE) & 1);
}

static void rctl_has_the_size_of_buffers(void **state)
{
	static const uint32_t want[] = {2048, 1024, 512, 256};

	(void)state;
	assert_int_equal(atomic_load(&pf->fn.default_buffer), 2048);
	for (uint32_t i = 0; i < ARRAY_SIZE(want); i++) {
		pf_wr(I82576_RCTL, i << 16);
		assert_int_equal(atomic_load(&pf->fn.default_buffer), want[i]);
	}
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(atomic_load(&pf->fn.default_buffer), 2048);
}

/* Every register, wherever the reset happens. */
static void a_reset_leaves_nothing(void **state)
{
	unsigned num;
	const struct nic_reg_row *rows = i82576_pf_rows(&num);

	(void)state;
	memset(pf->bar0, 0x5a, sizeof(pf->bar0));
	i82576_pf_reset(pf);
	for (unsigned i = 0; i < num; i++)
		for (unsigned k = 0; k < rows[i].count; k++) {
			uint32_t offset = rows[i].offset + k * rows[i].stride;

			if (offset != I82576_RAL && offset != I82576_RAH)
				assert_int_equal(pf->bar0[offset / 4], rows[i].reset);
		}
	assert_int_equal(pf->bar0[I82576_PF_BAR0_SIZE / 4 - 1], 0);
}

/* The data path writes the head while the guest writes a byte of it: a race, for
 * ThreadSanitizer to see. */
static void bytes_of_a_head_may_be_written_at_any_time(void **state)
{
	uint8_t byte = 0;

	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	atomic_store(&pf->fn.tx_from, 0);
	pf_wr(I82576_TDLEN, 4096);
	for (unsigned i = 0; i < 50; i++) {
		pf_wr(I82576_TXDCTL, I82576_DCTL_ENABLE);
		for (unsigned k = 0; k < 100; k++)
			i82576_pf_bar_write(pf, 0, I82576_TDH + 1, &byte, 1);
		pf_wr(I82576_TXDCTL, 0);
		assert_int_equal(pf_rd(I82576_TDH), 0);
	}
}

static void spoofed_frames_are_told(void **state)
{
	(void)state;
	assert_int_equal(i82576_pf_attach(pf), 0);
	i82576_pf_set_vfs(pf, 2);
	i82576_pf_dp_event(pf);
	assert_int_equal(pf_rd(I82576_WVBR), 0);
	nic_count(&tc.vf[1]->fn.port.stats.tx_drops[NIC_DROP_SPOOF], 3);
	i82576_pf_dp_event(pf);
	assert_true(pf_rd(I82576_ICR) & I82576_ICR_DOUTSYNC);
	assert_int_equal(pf_rd(I82576_WVBR), 2);
	assert_int_equal(pf_rd(I82576_WVBR), 0); /* read to clear */
	i82576_pf_dp_event(pf);
	assert_false(pf_rd(I82576_ICR) & I82576_ICR_DOUTSYNC); /* told once */
}

static void spoofs_of_the_built_in_pfs_time_are_not_told(void **state)
{
	(void)state;
	nic_count(&tc.vf[0]->fn.port.stats.tx_drops[NIC_DROP_VLAN], 1);
	assert_int_equal(i82576_pf_attach(pf), 0);
	i82576_pf_set_vfs(pf, 1);
	i82576_pf_dp_event(pf);
	assert_int_equal(pf_rd(I82576_WVBR), 0);
}

static void accesses_have_any_shape(void **state)
{
	uint8_t byte = 0x5a;
	uint64_t wide = 0x1122334455667788;
	uint32_t v;

	(void)state;
	i82576_pf_bar_write(pf, 0, I82576_RDBAL, &wide, sizeof(wide));
	assert_int_equal(pf_rd(I82576_RDBAL), 0x55667780);
	assert_int_equal(pf_rd(0x2800), 0x55667780); /* the old place of queue 0 */
	assert_int_equal(pf_rd(I82576_RDBAL + 4), 0x11223344);
	i82576_pf_bar_write(pf, 0, I82576_RDBAL + 5, &byte, 1);
	assert_int_equal(pf_rd(I82576_RDBAL + 4), 0x11225a44);
	i82576_pf_bar_read(pf, 0, I82576_PF_BAR0_SIZE - 2, &v, sizeof(v));
	assert_int_equal(v, 0xffffffff);
	i82576_pf_bar_read(pf, 1, 0, &v, sizeof(v));
	assert_int_equal(v, 0xffffffff);
	i82576_pf_bar_read(pf, 3, 0x2000, &v, sizeof(v));
	assert_int_equal(v, 0);
	i82576_pf_bar_read(pf, 7, 0, &v, sizeof(v));
	assert_int_equal(v, 0xffffffff);
}

static void the_io_window_reaches_registers(void **state)
{
	uint32_t v = I82576_VET;

	(void)state;
	i82576_pf_bar_write(pf, 2, 0, &v, sizeof(v));
	v = 0x88a8;
	i82576_pf_bar_write(pf, 2, 4, &v, sizeof(v));
	assert_int_equal(pf_rd(I82576_VET), 0x88a8);
	i82576_pf_bar_read(pf, 2, 4, &v, sizeof(v));
	assert_int_equal(v, 0x88a8);
	v = I82576_PF_BAR0_SIZE;
	i82576_pf_bar_write(pf, 2, 0, &v, sizeof(v));
	i82576_pf_bar_read(pf, 2, 4, &v, sizeof(v));
	assert_int_equal(v, 0xffffffff);
}

static void identity_is_the_cards(void **state)
{
	static struct pci_config cfg;
	struct i82576_sriov_place place = {0x80, 2};
	const uint8_t *mac = tc.card->base_mac;

	(void)state;
	i82576_pf_config(pf, place, &cfg);
	assert_int_equal(get_le32(cfg.value), 0x10c98086);
	assert_int_equal(cfg.value[0x34], 0x40);
	assert_int_equal(cfg.cap_msi, 0x50);
	assert_int_equal(cfg.cap_msix, 0x70);
	assert_int_equal(cfg.cap_pcie, 0xa0);
	assert_int_equal(cfg.sriov.cap, 0x160);
	assert_int_equal(get_le16(&cfg.value[0x160 + 0x0e]), 2);
	assert_int_equal(get_le16(&cfg.value[0x160 + 0x14]), 0x80);
	assert_int_equal(get_le16(&cfg.value[0x160 + 0x16]), 2);
	assert_int_equal(get_le16(&cfg.value[0x160 + 0x1a]), 0x10ca);
	assert_int_equal(cfg.value[0x144], mac[5]);
	assert_int_equal(cfg.value[0x14b], mac[0]);
	i82576_view_config(&cfg);
	pci_config_read(&cfg, 0, &place, sizeof(place));
	assert_int_equal(place.first_offset, 0xffff);
	assert_int_equal(place.stride, 0xffff);
}

#define T(f) cmocka_unit_test_setup_teardown(f, pf_set_up, pf_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(vfs_exist_as_the_owner_says),
		T(without_an_owner_vf_enable_means_nothing),
		T(a_vf_that_is_not_there_is_all_ones),
		T(a_vf_without_queues_does_no_dma),
		T(vfs_queues_are_not_the_pfs),
		T(a_port_reset_loads_the_address),
		T(vfs_see_the_ports_reset),
		T(a_vf_that_was_reset_is_cut_off_at_once),
		T(rctl_has_the_size_of_buffers),
		T(a_reset_leaves_nothing),
		T(bytes_of_a_head_may_be_written_at_any_time),
		T(spoofed_frames_are_told),
		T(spoofs_of_the_built_in_pfs_time_are_not_told),
		T(accesses_have_any_shape),
		T(the_io_window_reaches_registers),
		T(identity_is_the_cards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
