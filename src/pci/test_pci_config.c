/* SPDX-License-Identifier: BSD-3-Clause */
/* Header, BARs, masks, events, reset, and 200,000 random writes. */
#include "pci_build.h"
#include "test_pci.h"

static struct pci_config cfg;

static int set_up(void **state)
{
	(void)state;
	test_pf(&cfg);
	return 0;
}

static void header_shows_the_identity(void **state)
{
	(void)state;
	assert_int_equal(rd16(&cfg, PCI_VENDOR_ID), 0x8086);
	assert_int_equal(rd16(&cfg, PCI_DEVICE_ID), 0x10c9);
	assert_int_equal(rd16(&cfg, PCI_SUBSYSTEM_VENDOR_ID), 0x8086);
	assert_int_equal(rd16(&cfg, PCI_SUBSYSTEM_ID), 0xa03c);
	assert_int_equal(rd32(&cfg, PCI_REVISION_ID), 0x02000001);
	assert_int_equal(rd8(&cfg, PCI_HEADER_TYPE), 0x80);
	assert_int_equal(rd8(&cfg, PCI_INTERRUPT_PIN), 1);
	assert_int_equal(rd16(&cfg, PCI_STATUS), PCI_STATUS_CAPABILITIES_LIST);
	assert_int_equal(rd8(&cfg, PCI_CAPABILITIES_POINTER), PM);
}

static void a_bare_header_has_no_chain(void **state)
{
	struct pci_ident ident = test_ident;

	(void)state;
	ident.multifunction = false;
	pci_config_init(&cfg, &ident, 0);
	pci_config_seal(&cfg);
	assert_int_equal(rd16(&cfg, PCI_STATUS), 0);
	assert_int_equal(rd8(&cfg, PCI_CAPABILITIES_POINTER), 0);
	assert_int_equal(rd32(&cfg, PCI_EXT_CAP_START), 0);
	assert_int_equal(rd8(&cfg, PCI_HEADER_TYPE), 0);
	assert_int_equal(rd8(&cfg, PCI_INTERRUPT_PIN), 0);
	assert_int_equal(size_bar(&cfg, PCI_BAR(0)), 0);
	assert_int_equal(wr32(&cfg, 0x90, 0xffffffff), 0);
	assert_int_equal(rd32(&cfg, 0x90), 0);
}

static void a_view_hides_vendor_and_device_only(void **state)
{
	uint8_t all[PCI_CFG_SIZE];

	(void)state;
	cfg.is_vf_view = true;
	assert_int_equal(rd32(&cfg, 0), 0xffffffff);
	assert_int_equal(rd8(&cfg, 3), 0xff);
	assert_int_equal(rd32(&cfg, 2), 0x0000ffff);
	assert_int_equal(rd16(&cfg, PCI_COMMAND), 0);
	assert_int_equal(rd16(&cfg, PCI_SUBSYSTEM_ID), 0xa03c);
	pci_config_read(&cfg, 0, all, sizeof(all));
	assert_memory_equal(all, "\xff\xff\xff\xff", 4);
	assert_memory_equal(all + 4, cfg.value + 4, sizeof(all) - 4);
}

static void command_accepts_what_pcie_defines(void **state)
{
	(void)state;
	assert_int_equal(wr16(&cfg, PCI_COMMAND, 0xffff), PCI_EV_COMMAND);
	assert_int_equal(rd16(&cfg, PCI_COMMAND), 0x0547);
	assert_int_equal(wr16(&cfg, PCI_COMMAND, 0xffff), 0);
	assert_int_equal(wr16(&cfg, PCI_COMMAND, 0), PCI_EV_COMMAND);
	assert_int_equal(rd16(&cfg, PCI_COMMAND), 0);
}

static void bme_follows_command(void **state)
{
	(void)state;
	assert_false(pci_config_bme(&cfg));
	wr16(&cfg, PCI_COMMAND, PCI_COMMAND_BUS_MASTER);
	assert_true(pci_config_bme(&cfg));
	wr16(&cfg, PCI_COMMAND, PCI_COMMAND_MEMORY_SPACE);
	assert_false(pci_config_bme(&cfg));
}

static void status_errors_clear_by_writing_one(void **state)
{
	(void)state;
	put_le16(&cfg.value[PCI_STATUS], 0xf910);
	assert_int_equal(wr16(&cfg, PCI_STATUS, 0x2000), 0);
	assert_int_equal(rd16(&cfg, PCI_STATUS), 0xd910);
	wr16(&cfg, PCI_STATUS, 0);
	assert_int_equal(rd16(&cfg, PCI_STATUS), 0xd910);
	wr16(&cfg, PCI_STATUS, 0xffff);
	assert_int_equal(rd16(&cfg, PCI_STATUS), PCI_STATUS_CAPABILITIES_LIST);
}

static void scratch_bytes_are_writable_and_identity_is_not(void **state)
{
	(void)state;
	wr32(&cfg, PCI_CACHE_LINE_SIZE, 0xffffffff);
	assert_int_equal(rd32(&cfg, PCI_CACHE_LINE_SIZE), 0x008000ff);
	wr32(&cfg, PCI_INTERRUPT_LINE, 0xffffffff);
	assert_int_equal(rd32(&cfg, PCI_INTERRUPT_LINE), 0x000001ff);
	wr32(&cfg, 0x30, 0xffffffff);
	assert_int_equal(rd32(&cfg, 0x30), 0);
	assert_int_equal(wr32(&cfg, 0, 0), 0);
	assert_int_equal(rd32(&cfg, 0), 0x10c98086);
}

static void bars_size_by_type(void **state)
{
	(void)state;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_bar(&cfg, 0, PCI_BAR_MEM32, 0x20000);
	pci_add_bar(&cfg, 1, PCI_BAR_IO, 32);
	pci_add_bar(&cfg, 2, PCI_BAR_MEM64_PREF, 0x4000);
	pci_add_bar(&cfg, 4, PCI_BAR_MEM64, BIT64(36));
	pci_config_seal(&cfg);
	assert_int_equal(size_bar(&cfg, PCI_BAR(0)), 0xfffe0000);
	assert_int_equal(size_bar(&cfg, PCI_BAR(1)), 0xffffffe1);
	assert_int_equal(size_bar(&cfg, PCI_BAR(2)), 0xffffc00c);
	assert_int_equal(size_bar(&cfg, PCI_BAR(3)), 0xffffffff);
	assert_int_equal(size_bar(&cfg, PCI_BAR(4)), 0x00000004);
	assert_int_equal(size_bar(&cfg, PCI_BAR(5)), 0xfffffff0);
	assert_int_equal(cfg.bar_size[2], 0x4000);
	assert_int_equal(cfg.bar_size[3], 0);
}

static void bar_limits_are_accepted(void **state)
{
	(void)state;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_bar(&cfg, 0, PCI_BAR_IO, 4);
	pci_add_bar(&cfg, 1, PCI_BAR_IO, 256);
	pci_add_bar(&cfg, 2, PCI_BAR_MEM32, 16);
	pci_add_bar(&cfg, 3, PCI_BAR_MEM32, BIT64(31));
	pci_add_bar(&cfg, 4, PCI_BAR_MEM64, BIT64(63));
	pci_config_seal(&cfg);
	assert_int_equal(size_bar(&cfg, PCI_BAR(0)), 0xfffffffd);
	assert_int_equal(size_bar(&cfg, PCI_BAR(1)), 0xffffff01);
	assert_int_equal(size_bar(&cfg, PCI_BAR(2)), 0xfffffff0);
	assert_int_equal(size_bar(&cfg, PCI_BAR(3)), 0x80000000);
	assert_int_equal(size_bar(&cfg, PCI_BAR(4)), 0x00000004);
	assert_int_equal(size_bar(&cfg, PCI_BAR(5)), 0x80000000);
}

static void bars_hold_addresses_and_flags(void **state)
{
	(void)state;
	assert_int_equal(wr32(&cfg, PCI_BAR(0), 0xfebe1234), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, PCI_BAR(2), 0x0000c03f), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, PCI_BAR(3), 0xe0004fff), PCI_EV_BAR);
	assert_int_equal(wr32(&cfg, PCI_BAR(4), 0x00000012), PCI_EV_BAR);
	assert_int_equal(rd32(&cfg, PCI_BAR(0)), 0xfebe0000);
	assert_int_equal(rd32(&cfg, PCI_BAR(1)), 0);
	assert_int_equal(rd32(&cfg, PCI_BAR(2)), 0xc021);
	assert_int_equal(rd32(&cfg, PCI_BAR(3)), 0xe0004004);
	assert_int_equal(rd32(&cfg, PCI_BAR(4)), 0x12);
	assert_int_equal(wr32(&cfg, PCI_BAR(1), 0xffffffff), 0); /* none there */
}

/* As vfio-pci presents a VF: an ordinary function. */
static void a_vf_served_to_a_vm_is_an_ordinary_function(void **state)
{
	struct pci_ident ident = test_ident;

	(void)state;
	ident.device = 0x10ca;
	ident.multifunction = false;
	pci_config_init(&cfg, &ident, 0);
	pci_add_bar(&cfg, 0, PCI_BAR_MEM64_PREF, 0x4000);
	pci_add_bar(&cfg, 3, PCI_BAR_MEM64_PREF, 0x4000);
	pci_add_msix(&cfg, MSIX, 3, 3, 0, 3, 0x2000);
	pci_add_pcie(&cfg, PCIE, true);
	pci_add_aer(&cfg, AER);
	pci_add_ari(&cfg, ARI, 0);
	pci_config_seal(&cfg);
	assert_int_equal(rd32(&cfg, 0), 0x10ca8086);
	assert_int_equal(rd8(&cfg, PCI_INTERRUPT_PIN), 0);
	assert_int_equal(size_bar(&cfg, PCI_BAR(0)), 0xffffc00c);
	assert_int_equal(size_bar(&cfg, PCI_BAR(3)), 0xffffc00c);
	assert_int_equal(wr16(&cfg, PCI_COMMAND, 6), PCI_EV_COMMAND);
	assert_true(pci_config_bme(&cfg));
	assert_false(pci_sriov_enabled(&cfg));
	assert_int_equal(pci_sriov_num_vfs(&cfg), 0);
}

static void one_write_over_many_registers_tells_all(void **state)
{
	uint8_t run[0x24] = {0};
	unsigned events;

	(void)state;
	put_le16(&run[0], PCI_COMMAND_BUS_MASTER);
	put_le16(&run[2], 0xffff);
	put_le32(&run[PCI_BAR(0) - PCI_COMMAND], 0xfff00000);
	put_le16(&cfg.value[PCI_STATUS], 0xf910);
	events = pci_config_write(&cfg, PCI_COMMAND, run, sizeof(run));
	assert_int_equal(events, PCI_EV_COMMAND | PCI_EV_BAR);
	assert_int_equal(rd16(&cfg, PCI_COMMAND), PCI_COMMAND_BUS_MASTER);
	assert_int_equal(rd16(&cfg, PCI_STATUS), PCI_STATUS_CAPABILITIES_LIST);
	assert_int_equal(rd32(&cfg, PCI_BAR(0)), 0xfff00000);
}

static void unaligned_writes_reach_the_right_bytes(void **state)
{
	(void)state;
	wr32(&cfg, PCI_BAR(0) + 2, 0x0020abcd);
	assert_int_equal(rd32(&cfg, PCI_BAR(0)), 0xabcc0000);
	assert_int_equal(rd16(&cfg, PCI_BAR(0) + 3), 0x00ab);
}

static void nothing_exists_beyond_the_space(void **state)
{
	uint8_t buf[8] = {0};

	(void)state;
	pci_config_read(&cfg, PCI_CFG_SIZE - 4, buf, sizeof(buf));
	assert_memory_equal(buf, "\0\0\0\0\xff\xff\xff\xff", 8);
	memset(buf, 0, sizeof(buf));
	pci_config_read(&cfg, 0xfffffffe, buf, sizeof(buf));
	assert_memory_equal(buf, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	assert_int_equal(pci_config_write(&cfg, PCI_CFG_SIZE - 4, buf, sizeof(buf)), 0);
	assert_int_equal(pci_config_write(&cfg, 0xffffffff, buf, sizeof(buf)), 0);
	assert_int_equal(pci_config_write(&cfg, PCI_COMMAND, NULL, 0), 0);
	pci_config_read(&cfg, 0, NULL, 0);
}

static void reset_restores_all_but_sticky_bits(void **state)
{
	struct pci_config fresh = cfg;

	(void)state;
	wr16(&cfg, PCI_COMMAND, 0xffff);
	wr32(&cfg, PCI_BAR(0), 0xfff00000);
	wr8(&cfg, PCI_INTERRUPT_LINE, 11);
	wr16(&cfg, MSIX + PCI_MSIX_CONTROL, PCI_MSIX_CONTROL_ENABLE);
	wr16(&cfg, SRIOV + PCI_SRIOV_NUM_VFS, 3);
	wr16(&cfg, SRIOV + PCI_SRIOV_CONTROL, 0x19);
	wr16(&cfg, PM + PCI_PMCSR, PCI_D3HOT);
	pci_config_reset(&cfg);
	assert_memory_equal(cfg.value, fresh.value, PCI_CFG_SIZE);

	wr32(&cfg, AER + PCI_AER_UNCORRECTABLE_MASK, 0x00100000);
	wr16(&cfg, PM + PCI_PMCSR, PCI_PMCSR_PME_EN | PCI_D3HOT);
	pci_config_reset(&cfg);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_MASK), 0x00100000);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_PMCSR_PME_EN);
	pci_config_reset(&cfg);
	put_le32(&cfg.value[AER + PCI_AER_UNCORRECTABLE_MASK], 0);
	put_le16(&cfg.value[PM + PCI_PMCSR], 0);
	assert_memory_equal(cfg.value, fresh.value, PCI_CFG_SIZE);
}

static unsigned random_write(struct pci_config *c, uint64_t *seed, uint8_t *buf,
			     unsigned *ret_at)
{
	unsigned len = (unsigned)(prng(seed) % (prng(seed) % 64 ? 9 : 300));
	unsigned at = (unsigned)(prng(seed) % (prng(seed) % 2 ? 0x1a0 : PCI_CFG_SIZE));

	for (unsigned i = 0; i < len; i++)
		buf[i] = (uint8_t)prng(seed);
	*ret_at = at;
	pci_config_write(c, at, buf, len);
	return len;
}

static void random_writes_never_change_read_only_bits(void **state)
{
	struct pci_config fresh = cfg;
	uint64_t seed = 0x1ad07;
	uint8_t buf[300];
	unsigned at;

	(void)state;
	for (unsigned n = 0; n < 200000; n++) {
		random_write(&cfg, &seed, buf, &at);
		for (unsigned i = 0; n % 16 == 0 && i < PCI_CFG_SIZE; i++)
			assert_int_equal((cfg.value[i] ^ fresh.value[i]) & ~cfg.rw[i], 0);
		assert_true(pci_sriov_num_vfs(&cfg) <= cfg.sriov.total_vfs);
		assert_int_not_equal(rd8(&cfg, PM + PCI_PMCSR) & 3, 1);
		assert_int_not_equal(rd8(&cfg, PM + PCI_PMCSR) & 3, 2);
		if (n % 1000 == 999)
			pci_config_reset(&cfg);
	}
	for (unsigned i = 0; i < PCI_CFG_SIZE; i++)
		assert_int_equal((cfg.value[i] ^ fresh.value[i]) & ~cfg.sticky[i], 0);
	assert_memory_equal(cfg.rw, fresh.rw, PCI_CFG_SIZE);
	assert_memory_equal(cfg.w1c, fresh.w1c, PCI_CFG_SIZE);
	assert_memory_equal(cfg.reset_value, fresh.reset_value, PCI_CFG_SIZE);
}

/* NumVFs alone is judged as one register: in the twin its two bytes go together. */
static void write_in_pieces(struct pci_config *c, unsigned at, const uint8_t *buf, unsigned len)
{
	for (unsigned i = 0, piece; i < len; i += piece) {
		piece = at + i == SRIOV + PCI_SRIOV_NUM_VFS && i + 1 < len ? 2 : 1;
		pci_config_write(c, at + i, buf + i, piece);
	}
}

static void long_writes_equal_byte_writes(void **state)
{
	struct pci_config twin = cfg;
	uint64_t seed = 0xd06;
	uint8_t buf[300];
	unsigned at, len;

	(void)state;
	for (unsigned n = 0; n < 50000; n++) {
		if (prng(&seed) % 8 == 0) { /* errors to clear */
			at = (unsigned)(prng(&seed) % PCI_CFG_SIZE);
			cfg.value[at] |= cfg.w1c[at];
			twin.value[at] |= twin.w1c[at];
		}
		len = random_write(&cfg, &seed, buf, &at);
		if (at < PCI_CFG_SIZE)
			write_in_pieces(&twin, at, buf, MIN(len, PCI_CFG_SIZE - at));
		assert_memory_equal(cfg.value, twin.value, PCI_CFG_SIZE);
	}
}

static void bar_size_not_a_power_of_two(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_MEM32, 0x3000);
}

static void bar_size_zero(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_MEM32, 0);
}

static void bar_too_big_for_32_bits(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_MEM32, BIT64(32));
}

static void bar_io_too_big(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_IO, 512);
}

static void bar_memory_too_small(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_MEM32, 8);
}

static void bar_twice(struct pci_config *c)
{
	pci_add_bar(c, 1, PCI_BAR_MEM32, 0x1000);
	pci_add_bar(c, 1, PCI_BAR_MEM32, 0x1000);
}

static void bar_on_an_upper_half(struct pci_config *c)
{
	pci_add_bar(c, 1, PCI_BAR_MEM64, 0x1000);
	pci_add_bar(c, 2, PCI_BAR_MEM32, 0x1000);
}

static void bar_upper_half_on_a_bar(struct pci_config *c)
{
	pci_add_bar(c, 2, PCI_BAR_IO, 32);
	pci_add_bar(c, 1, PCI_BAR_MEM64, 0x1000);
}

static void bar_64_in_the_last_register(struct pci_config *c)
{
	pci_add_bar(c, 5, PCI_BAR_MEM64, 0x1000);
}

static void bar_index_out_of_range(struct pci_config *c)
{
	pci_add_bar(c, 6, PCI_BAR_MEM32, 0x1000);
}

static void bar_of_no_type(struct pci_config *c)
{
	pci_add_bar(c, 0, PCI_BAR_NONE, 0x1000);
}

static void reg_rw_and_w1c(struct pci_config *c)
{
	const struct pci_reg reg = {.width = 4, .rw = 0x300, .w1c = 0x600};

	pci_claim(c, 0x40, 4);
	pci_put_regs(c, 0x40, &reg, 1);
}

static void regs_overlap(struct pci_config *c)
{
	const struct pci_reg regs[] = {{.width = 4, .rw = 0xff0000},
				       {.offset = 2, .width = 1, .w1c = 1}};

	pci_claim(c, 0x40, 4);
	pci_put_regs(c, 0x40, regs, 2);
}

static void reg_outside_its_claim(struct pci_config *c)
{
	const struct pci_reg reg = {.offset = 2, .width = 4};

	pci_claim(c, 0x40, 4);
	pci_put_regs(c, 0x40, &reg, 1);
}

static void claim_of_nothing(struct pci_config *c)
{
	pci_claim(c, 0x40, 0);
}

static void claim_that_wraps(struct pci_config *c)
{
	pci_claim(c, 0x40, 0xfffffff0);
}

static void builder_refuses_wrong_registers(void **state)
{
	(void)state;
	assert_true(refused(reg_rw_and_w1c));
	assert_true(refused(regs_overlap));
	assert_true(refused(reg_outside_its_claim));
	assert_true(refused(claim_of_nothing));
	assert_true(refused(claim_that_wraps));
}

static void builder_refuses_wrong_bars(void **state)
{
	(void)state;
	assert_true(refused(bar_size_not_a_power_of_two));
	assert_true(refused(bar_size_zero));
	assert_true(refused(bar_too_big_for_32_bits));
	assert_true(refused(bar_io_too_big));
	assert_true(refused(bar_memory_too_small));
	assert_true(refused(bar_twice));
	assert_true(refused(bar_on_an_upper_half));
	assert_true(refused(bar_upper_half_on_a_bar));
	assert_true(refused(bar_64_in_the_last_register));
	assert_true(refused(bar_index_out_of_range));
	assert_true(refused(bar_of_no_type));
	assert_false(refused(test_build_pf));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(header_shows_the_identity, set_up),
		cmocka_unit_test(a_bare_header_has_no_chain),
		cmocka_unit_test_setup(a_view_hides_vendor_and_device_only, set_up),
		cmocka_unit_test_setup(command_accepts_what_pcie_defines, set_up),
		cmocka_unit_test_setup(bme_follows_command, set_up),
		cmocka_unit_test_setup(status_errors_clear_by_writing_one, set_up),
		cmocka_unit_test_setup(scratch_bytes_are_writable_and_identity_is_not, set_up),
		cmocka_unit_test(bars_size_by_type),
		cmocka_unit_test(bar_limits_are_accepted),
		cmocka_unit_test_setup(bars_hold_addresses_and_flags, set_up),
		cmocka_unit_test(a_vf_served_to_a_vm_is_an_ordinary_function),
		cmocka_unit_test_setup(one_write_over_many_registers_tells_all, set_up),
		cmocka_unit_test_setup(unaligned_writes_reach_the_right_bytes, set_up),
		cmocka_unit_test_setup(nothing_exists_beyond_the_space, set_up),
		cmocka_unit_test_setup(reset_restores_all_but_sticky_bits, set_up),
		cmocka_unit_test_setup(random_writes_never_change_read_only_bits, set_up),
		cmocka_unit_test_setup(long_writes_equal_byte_writes, set_up),
		cmocka_unit_test(builder_refuses_wrong_registers),
		cmocka_unit_test(builder_refuses_wrong_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
