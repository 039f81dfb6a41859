/* SPDX-License-Identifier: BSD-3-Clause */
/* The SR-IOV capability: Linux' sequence as tried, what is refused, page sizes, VF BARs,
 * resets. */
#include "test_pci.h"

#define CONTROL	  (SRIOV + PCI_SRIOV_CONTROL)
#define NUM_VFS	  (SRIOV + PCI_SRIOV_NUM_VFS)
#define PAGE	  (SRIOV + PCI_SRIOV_SYSTEM_PAGE_SIZE)
#define VF_BAR(n) (SRIOV + PCI_SRIOV_VF_BAR(n))

static struct pci_config cfg;

static int set_up(void **state)
{
	(void)state;
	test_pf(&cfg);
	return 0;
}

/* Linux' order: set-up and VF BAR sizing. */
static void linux_sets_up(void)
{
	static const uint32_t masks[PCI_NUM_BARS] = {0xffffc004, 0xffffffff, 0,
						     0xffffc00c, 0xffffffff, 0};

	assert_int_equal(rd16(&cfg, CONTROL), 0);
	assert_int_equal(wr16(&cfg, CONTROL, 0x10), 0);
	assert_int_equal(rd16(&cfg, CONTROL), 0x10);
	assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_TOTAL_VFS), 7);
	assert_int_equal(rd32(&cfg, SRIOV + PCI_SRIOV_SUPPORTED_PAGE_SIZES), 0x553);
	assert_int_equal(wr32(&cfg, PAGE, 1), 0);
	for (unsigned i = 0; i < PCI_NUM_BARS; i++)
		assert_int_equal(size_bar(&cfg, VF_BAR(i)), masks[i]);
}

/* Steps 7 to 9: the rest of the identity, and NumVFs from TotalVFs down to 0. */
static void linux_counts_buses(void)
{
	assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_VF_DEVICE_ID), 0x10ca);
	assert_int_equal(rd32(&cfg, SRIOV + PCI_SRIOV_CAPABILITIES), 0);
	assert_int_equal(rd8(&cfg, SRIOV + PCI_SRIOV_FUNCTION_LINK), 0);
	for (int n = 7; n >= 0; n--) {
		assert_int_equal(wr16(&cfg, NUM_VFS, (uint16_t)n), 0);
		assert_int_equal(rd16(&cfg, NUM_VFS), n);
		assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_FIRST_VF_OFFSET), 1);
		assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_VF_STRIDE), 1);
	}
	assert_int_equal(rd16(&cfg, ARI + PCI_ARI_CAPABILITY), 0);
}

/* Step 10: the addresses. */
static void linux_places_vf_bars(void)
{
	assert_int_equal(rd16(&cfg, CONTROL), 0x10);
	assert_int_equal(wr32(&cfg, VF_BAR(0), 0xfe800004), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, VF_BAR(1), 0), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, VF_BAR(3), 0xfe81c00c), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, VF_BAR(4), 8), PCI_EV_BAR);
	assert_int_equal(rd32(&cfg, VF_BAR(0)), 0xfe800004);
	assert_int_equal(rd32(&cfg, VF_BAR(3)), 0xfe81c00c);
	assert_int_equal(rd32(&cfg, VF_BAR(4)), 8);
}

/* Step 11, echo 2 > sriov_numvfs; then echo 0. */
static void linux_enables_as_tried(void **state)
{
	(void)state;
	linux_sets_up();
	linux_counts_buses();
	linux_places_vf_bars();
	assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_INITIAL_VFS), 7);
	assert_int_equal(wr16(&cfg, NUM_VFS, 2), 0);
	assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_FIRST_VF_OFFSET), 1);
	assert_int_equal(rd16(&cfg, SRIOV + PCI_SRIOV_VF_STRIDE), 1);
	assert_false(pci_sriov_enabled(&cfg));
	assert_int_equal(pci_sriov_num_vfs(&cfg), 0);
	assert_int_equal(wr16(&cfg, CONTROL, 0x19), PCI_EV_SRIOV_ENABLE | PCI_EV_SRIOV_MSE);
	assert_int_equal(rd16(&cfg, CONTROL), 0x19);
	assert_true(pci_sriov_enabled(&cfg));
	assert_int_equal(pci_sriov_num_vfs(&cfg), 2);

	assert_int_equal(wr16(&cfg, CONTROL, 0x10), PCI_EV_SRIOV_DISABLE | PCI_EV_SRIOV_MSE);
	assert_int_equal(pci_sriov_num_vfs(&cfg), 0);
	assert_int_equal(rd16(&cfg, NUM_VFS), 2);
	assert_int_equal(wr16(&cfg, NUM_VFS, 0), 0);
}

static void num_vfs_above_total_is_ignored(void **state)
{
	(void)state;
	wr16(&cfg, NUM_VFS, 3);
	assert_int_equal(wr16(&cfg, NUM_VFS, 8), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, NUM_VFS), 3);
	assert_int_equal(wr16(&cfg, NUM_VFS, 0xffff), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, NUM_VFS), 3);
	assert_int_equal(wr16(&cfg, NUM_VFS, 0x0102), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, NUM_VFS), 3);
	assert_int_equal(wr8(&cfg, NUM_VFS + 1, 1), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, NUM_VFS), 3);
	assert_int_equal(wr8(&cfg, NUM_VFS, 7), 0);
	assert_int_equal(rd16(&cfg, NUM_VFS), 7);
}

static void num_vfs_is_locked_while_enabled(void **state)
{
	(void)state;
	wr16(&cfg, NUM_VFS, 2);
	wr16(&cfg, CONTROL, 1);
	assert_int_equal(wr16(&cfg, NUM_VFS, 7), PCI_EV_BAD);
	assert_int_equal(wr16(&cfg, NUM_VFS, 0), PCI_EV_BAD);
	assert_int_equal(wr16(&cfg, NUM_VFS, 0xffff), PCI_EV_BAD);
	assert_int_equal(wr16(&cfg, NUM_VFS, 2), 0); /* asks for nothing */
	assert_int_equal(pci_sriov_num_vfs(&cfg), 2);
	wr16(&cfg, CONTROL, 0);
	assert_int_equal(wr16(&cfg, NUM_VFS, 7), 0);
}

/* One write over Control and NumVFs: Control comes first, so it is the new one that decides. */
static void one_long_write_goes_in_order(void **state)
{
	uint8_t run[10] = {1};

	(void)state;
	wr16(&cfg, NUM_VFS, 2);
	run[8] = 5;
	assert_int_equal(pci_config_write(&cfg, CONTROL, run, sizeof(run)),
			 PCI_EV_SRIOV_ENABLE | PCI_EV_BAD);
	assert_int_equal(pci_sriov_num_vfs(&cfg), 2);
	run[0] = 0;
	assert_int_equal(pci_config_write(&cfg, CONTROL, run, sizeof(run)),
			 PCI_EV_SRIOV_DISABLE);
	assert_int_equal(rd16(&cfg, NUM_VFS), 5);
}

static void enabling_no_vfs_is_accepted(void **state)
{
	(void)state;
	assert_int_equal(wr16(&cfg, CONTROL, 1), PCI_EV_SRIOV_ENABLE);
	assert_true(pci_sriov_enabled(&cfg));
	assert_int_equal(pci_sriov_num_vfs(&cfg), 0);
	assert_int_equal(wr16(&cfg, NUM_VFS, 1), PCI_EV_BAD);
	assert_int_equal(pci_sriov_num_vfs(&cfg), 0);
}

static void migration_and_status_are_read_only(void **state)
{
	(void)state;
	wr32(&cfg, CONTROL, 0xffffffff);
	assert_int_equal(rd32(&cfg, CONTROL), 0x19);
	wr32(&cfg, SRIOV + PCI_SRIOV_CAPABILITIES, 0xffffffff);
	assert_int_equal(rd32(&cfg, SRIOV + PCI_SRIOV_CAPABILITIES), 0);
	wr32(&cfg, SRIOV + 0x3c, 0xffffffff);
	assert_int_equal(rd32(&cfg, SRIOV + 0x3c), 0);
}

static void mse_changes_are_events_of_their_own(void **state)
{
	(void)state;
	wr16(&cfg, CONTROL, 0x01);
	assert_int_equal(wr16(&cfg, CONTROL, 0x09), PCI_EV_SRIOV_MSE);
	assert_int_equal(wr16(&cfg, CONTROL, 0x09), 0);
	assert_int_equal(wr16(&cfg, CONTROL, 0x01), PCI_EV_SRIOV_MSE);
}

static void ari_hierarchy_holds_while_enabled(void **state)
{
	(void)state;
	assert_int_equal(wr16(&cfg, CONTROL, 0x11), PCI_EV_SRIOV_ENABLE);
	assert_int_equal(wr16(&cfg, CONTROL, 0x01), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, CONTROL), 0x11);
	assert_int_equal(wr16(&cfg, CONTROL, 0x00), PCI_EV_SRIOV_DISABLE);
	assert_int_equal(rd16(&cfg, CONTROL), 0x00);
}

static void ari_hierarchy_is_the_lowest_pfs(void **state)
{
	struct pci_sriov_params params = test_sriov;

	(void)state;
	params.not_lowest_pf = true;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_sriov(&cfg, PCI_EXT_CAP_START, &params);
	pci_config_seal(&cfg);
	wr16(&cfg, PCI_EXT_CAP_START + PCI_SRIOV_CONTROL, 0xffff);
	assert_int_equal(rd16(&cfg, PCI_EXT_CAP_START + PCI_SRIOV_CONTROL), 0x09);
}

static void page_size_takes_supported_bits_only(void **state)
{
	(void)state;
	assert_int_equal(rd32(&cfg, PAGE), 1);
	assert_int_equal(wr32(&cfg, PAGE, 0x10), 0);
	assert_int_equal(rd32(&cfg, PAGE), 0x10);
	assert_int_equal(wr32(&cfg, PAGE, 0x800), PCI_EV_BAD);
	assert_int_equal(rd32(&cfg, PAGE), 0);
	assert_int_equal(wr32(&cfg, PAGE, 0xffffffff), PCI_EV_BAD);
	assert_int_equal(rd32(&cfg, PAGE), 0x553);
	assert_int_equal(wr32(&cfg, SRIOV + PCI_SRIOV_SUPPORTED_PAGE_SIZES, 0xffffffff), 0);
	assert_int_equal(rd32(&cfg, SRIOV + PCI_SRIOV_SUPPORTED_PAGE_SIZES), 0x553);
}

static void page_size_is_locked_while_enabled(void **state)
{
	(void)state;
	wr16(&cfg, CONTROL, 1);
	assert_int_equal(wr32(&cfg, PAGE, 0x10), PCI_EV_BAD);
	assert_int_equal(wr32(&cfg, PAGE, 1), 0);
	assert_int_equal(rd32(&cfg, PAGE), 1);
}

static void vf_bars_are_never_below_the_page_size(void **state)
{
	(void)state;
	wr32(&cfg, VF_BAR(0), 0xfe814000);
	wr32(&cfg, VF_BAR(3), 0xfe83c000);
	wr32(&cfg, PAGE, 0x10); /* 64 KiB */
	assert_int_equal(rd32(&cfg, VF_BAR(0)), 0xfe810004);
	assert_int_equal(rd32(&cfg, VF_BAR(3)), 0xfe83000c);
	assert_int_equal(size_bar(&cfg, VF_BAR(0)), 0xffff0004);
	assert_int_equal(size_bar(&cfg, VF_BAR(1)), 0xffffffff);
	wr32(&cfg, PAGE, 0x02); /* 8 KiB, less than the BAR */
	assert_int_equal(size_bar(&cfg, VF_BAR(0)), 0xffffc004);
	wr32(&cfg, PAGE, 0);
	assert_int_equal(size_bar(&cfg, VF_BAR(3)), 0xffffc00c);
}

static void huge_pages_reach_into_the_upper_half(void **state)
{
	struct pci_sriov_params params = test_sriov;
	unsigned bar = PCI_EXT_CAP_START + PCI_SRIOV_VF_BAR(3);

	(void)state;
	params.page_sizes = 0x80000001;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_sriov(&cfg, PCI_EXT_CAP_START, &params);
	pci_config_seal(&cfg);
	wr32(&cfg, PCI_EXT_CAP_START + PCI_SRIOV_SYSTEM_PAGE_SIZE, 0x80000000);
	assert_int_equal(size_bar(&cfg, bar), 0x0000000c);
	assert_int_equal(size_bar(&cfg, bar + 4), 0xfffff800);
}

static void a_vf_bar_of_32_bits_sizes(void **state)
{
	struct pci_sriov_params params = test_sriov;

	(void)state;
	params.bar_type[5] = PCI_BAR_MEM32;
	params.bar_size[5] = 0x1000;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_sriov(&cfg, PCI_EXT_CAP_START, &params);
	pci_config_seal(&cfg);
	assert_int_equal(size_bar(&cfg, PCI_EXT_CAP_START + PCI_SRIOV_VF_BAR(5)), 0xfffff000);
	assert_int_equal(size_bar(&cfg, PCI_EXT_CAP_START + PCI_SRIOV_VF_BAR(2)), 0);
}

static void a_pf_reset_disables_vfs(void **state)
{
	(void)state;
	wr32(&cfg, PAGE, 0x10);
	wr32(&cfg, VF_BAR(0), 0xfe810000);
	wr16(&cfg, NUM_VFS, 7);
	wr16(&cfg, CONTROL, 0x19);
	pci_config_reset(&cfg);
	assert_false(pci_sriov_enabled(&cfg));
	assert_int_equal(rd16(&cfg, CONTROL), 0);
	assert_int_equal(rd16(&cfg, NUM_VFS), 0);
	assert_int_equal(rd32(&cfg, PAGE), 1);
	assert_int_equal(rd32(&cfg, VF_BAR(0)), 4);
	assert_int_equal(wr16(&cfg, NUM_VFS, 4), 0); /* unlocked */
	assert_int_equal(rd16(&cfg, NUM_VFS), 4);
}

static void a_two_byte_num_vfs_is_judged_after_both_bytes(void **state)
{
	struct pci_sriov_params params = test_sriov;
	unsigned num = PCI_EXT_CAP_START + PCI_SRIOV_NUM_VFS;

	(void)state;
	params.total_vfs = 0x0110;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_sriov(&cfg, PCI_EXT_CAP_START, &params);
	pci_config_seal(&cfg);
	assert_int_equal(wr16(&cfg, num, 0x0110), 0);
	assert_int_equal(wr16(&cfg, num, 0x00ff), 0); /* 01ff on the way is nobody's business */
	assert_int_equal(rd16(&cfg, num), 0x00ff);
	assert_int_equal(wr16(&cfg, num, 0x0111), PCI_EV_BAD);
	assert_int_equal(rd16(&cfg, num), 0x00ff);
}

static void sriov_with(struct pci_config *c, struct pci_sriov_params params)
{
	pci_add_sriov(c, PCI_EXT_CAP_START, &params);
}

static void sriov_without_vfs(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.total_vfs = 0;
	sriov_with(c, params);
}

static void sriov_offset_zero(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.first_offset = 0;
	sriov_with(c, params);
}

static void sriov_stride_zero(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.stride = 0;
	sriov_with(c, params);
}

static void sriov_without_4k_pages(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.page_sizes = 0x10;
	sriov_with(c, params);
}

static void sriov_io_bar(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.bar_type[2] = PCI_BAR_IO;
	params.bar_size[2] = 32;
	sriov_with(c, params);
}

static void sriov_bar_on_an_upper_half(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.bar_type[1] = PCI_BAR_MEM32;
	params.bar_size[1] = 0x1000;
	sriov_with(c, params);
}

static void sriov_bar_64_in_the_last_register(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.bar_type[5] = PCI_BAR_MEM64;
	params.bar_size[5] = 0x1000;
	sriov_with(c, params);
}

static void sriov_bar_below_a_page(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.bar_size[0] = 0x800;
	sriov_with(c, params);
}

static void sriov_as_it_should_be(struct pci_config *c)
{
	struct pci_sriov_params params = test_sriov;

	params.total_vfs = 1;
	params.stride = 0;
	sriov_with(c, params);
}

static void builder_refuses_wrong_sriov(void **state)
{
	(void)state;
	assert_true(refused(sriov_without_vfs));
	assert_true(refused(sriov_offset_zero));
	assert_true(refused(sriov_stride_zero));
	assert_true(refused(sriov_without_4k_pages));
	assert_true(refused(sriov_io_bar));
	assert_true(refused(sriov_bar_on_an_upper_half));
	assert_true(refused(sriov_bar_64_in_the_last_register));
	assert_true(refused(sriov_bar_below_a_page));
	assert_false(refused(sriov_as_it_should_be));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(linux_enables_as_tried, set_up),
		cmocka_unit_test_setup(num_vfs_above_total_is_ignored, set_up),
		cmocka_unit_test_setup(num_vfs_is_locked_while_enabled, set_up),
		cmocka_unit_test_setup(one_long_write_goes_in_order, set_up),
		cmocka_unit_test_setup(enabling_no_vfs_is_accepted, set_up),
		cmocka_unit_test_setup(migration_and_status_are_read_only, set_up),
		cmocka_unit_test_setup(mse_changes_are_events_of_their_own, set_up),
		cmocka_unit_test_setup(ari_hierarchy_holds_while_enabled, set_up),
		cmocka_unit_test(ari_hierarchy_is_the_lowest_pfs),
		cmocka_unit_test_setup(page_size_takes_supported_bits_only, set_up),
		cmocka_unit_test_setup(page_size_is_locked_while_enabled, set_up),
		cmocka_unit_test_setup(vf_bars_are_never_below_the_page_size, set_up),
		cmocka_unit_test(huge_pages_reach_into_the_upper_half),
		cmocka_unit_test(a_vf_bar_of_32_bits_sizes),
		cmocka_unit_test_setup(a_pf_reset_disables_vfs, set_up),
		cmocka_unit_test(a_two_byte_num_vfs_is_judged_after_both_bytes),
		cmocka_unit_test(builder_refuses_wrong_sriov),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
