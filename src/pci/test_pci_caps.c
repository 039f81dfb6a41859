/* SPDX-License-Identifier: BSD-3-Clause */
/* The two chains as software walks them, and every capability but SR-IOV. */
#include "test_pci.h"

struct found {
	unsigned at, id;
};

static struct pci_config cfg;

static int set_up(void **state)
{
	(void)state;
	test_pf(&cfg);
	return 0;
}

/* As Linux does: from 34h, next pointers & ~3, at most 48 steps. Returns how many were found.
 */
static unsigned walk_legacy(struct found *found, unsigned max)
{
	unsigned n = 0;

	if (!(rd16(&cfg, PCI_STATUS) & PCI_STATUS_CAPABILITIES_LIST))
		return 0;
	for (unsigned at = rd8(&cfg, PCI_CAPABILITIES_POINTER) & ~3u; at;
	     at = rd8(&cfg, at + PCI_CAP_NEXT) & ~3u) {
		assert_true(at >= PCI_HEADER_SIZE && n < max && n < 48);
		found[n++] = (struct found){at, rd8(&cfg, at + PCI_CAP_ID)};
	}
	return n;
}

static unsigned walk_extended(struct found *found, unsigned max)
{
	unsigned n = 0, at = PCI_EXT_CAP_START;

	for (uint32_t head = rd32(&cfg, at); head; head = rd32(&cfg, at)) {
		assert_true(at >= PCI_EXT_CAP_START && n < max && n < 480);
		assert_int_equal(head >> 16 & 15, 1);
		found[n++] = (struct found){at, head & 0xffff};
		at = head >> 20 & 0xffc;
		if (!at)
			break;
	}
	return n;
}

static void assert_the_chains_are_whole(void)
{
	static const struct found legacy[] = {
		{PM, PCI_CAP_ID_PM},
		{MSI, PCI_CAP_ID_MSI},
		{MSIX, PCI_CAP_ID_MSIX},
		{PCIE, PCI_CAP_ID_PCIE},
	};
	static const struct found extended[] = {
		{AER, PCI_EXT_CAP_ID_AER},
		{DSN, PCI_EXT_CAP_ID_DSN},
		{ARI, PCI_EXT_CAP_ID_ARI},
		{SRIOV, PCI_EXT_CAP_ID_SRIOV},
	};
	struct found found[8];

	assert_int_equal(walk_legacy(found, 8), ARRAY_SIZE(legacy));
	assert_memory_equal(found, legacy, sizeof(legacy));
	assert_int_equal(walk_extended(found, 8), ARRAY_SIZE(extended));
	assert_memory_equal(found, extended, sizeof(extended));
}

static void a_walk_finds_exactly_what_was_added(void **state)
{
	(void)state;
	assert_the_chains_are_whole();
}

static void the_chain_follows_call_order_not_offset(void **state)
{
	struct found found[8];

	(void)state;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_pcie(&cfg, PCIE, false);
	pci_add_pm(&cfg, PM);
	pci_add_ari(&cfg, PCI_EXT_CAP_START, 1);
	pci_add_dsn(&cfg, 0xff4, 1);
	pci_add_aer(&cfg, 0x200);
	pci_config_seal(&cfg);
	assert_int_equal(walk_legacy(found, 8), 2);
	assert_int_equal(found[0].at, PCIE);
	assert_int_equal(found[1].at, PM);
	assert_int_equal(walk_extended(found, 8), 3);
	assert_int_equal(found[1].at, 0xff4);
	assert_int_equal(found[2].at, 0x200);
}

static void random_writes_never_break_the_chains(void **state)
{
	uint64_t seed = 0xc4a1;
	uint8_t buf[64];

	(void)state;
	for (unsigned n = 0; n < 200000; n++) {
		unsigned len = (unsigned)(prng(&seed) % 9);

		for (unsigned i = 0; i < len; i++)
			buf[i] = (uint8_t)prng(&seed);
		pci_config_write(&cfg, (unsigned)(prng(&seed) % 0x1a0), buf, len);
		if (n % 8 == 0)
			assert_the_chains_are_whole();
		if (n % 1000 == 0)
			pci_config_reset(&cfg);
	}
}

static void pm_knows_d0_and_d3hot_only(void **state)
{
	(void)state;
	assert_int_equal(rd16(&cfg, PM + PCI_PMC), 0xc823);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), 0); /* No_Soft_Reset clear */
	for (uint16_t unsupported = 1; unsupported <= 2; unsupported++) {
		assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, unsupported), 0);
		assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_D0);
	}
	assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, PCI_D3HOT), PCI_EV_POWER);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_D3HOT);
	for (uint16_t unsupported = 1; unsupported <= 2; unsupported++) {
		assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, unsupported), 0);
		assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_D3HOT);
	}
	assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, PCI_D3HOT), 0);
	assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, PCI_D0), PCI_EV_D0_RESET);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_D0);
}

static void nothing_moves_outside_d0(void **state)
{
	(void)state;
	wr16(&cfg, PCI_COMMAND, 6);
	wr16(&cfg, PM + PCI_PMCSR, PCI_D3HOT);
	assert_false(pci_config_bme(&cfg));
	assert_int_equal(rd16(&cfg, PCI_COMMAND), 6);
	wr16(&cfg, PM + PCI_PMCSR, PCI_D0);
	assert_true(pci_config_bme(&cfg));
	pci_config_reset(&cfg);
	assert_false(pci_config_bme(&cfg));
}

static void pme_bits_are_kept_apart(void **state)
{
	(void)state;
	assert_int_equal(wr16(&cfg, PM + PCI_PMCSR, 0xfffc), 0);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_PMCSR_PME_EN);
	cfg.value[PM + PCI_PMCSR + 1] |= 0x80;
	wr16(&cfg, PM + PCI_PMCSR, 0);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), PCI_PMCSR_PME_STATUS);
	wr16(&cfg, PM + PCI_PMCSR, PCI_PMCSR_PME_STATUS);
	assert_int_equal(rd16(&cfg, PM + PCI_PMCSR), 0);
}

static void msi_is_one_maskable_64_bit_vector(void **state)
{
	(void)state;
	assert_int_equal(rd16(&cfg, MSI + PCI_MSI_CONTROL), 0x0180);
	wr16(&cfg, MSI + PCI_MSI_CONTROL, 0xffff);
	assert_int_equal(rd16(&cfg, MSI + PCI_MSI_CONTROL), 0x01f1);
	for (unsigned reg = PCI_MSI_ADDRESS; reg < PCI_MSI_SIZE; reg += 4)
		assert_int_equal(wr32(&cfg, MSI + reg, 0xffffffff), 0);
	assert_int_equal(rd32(&cfg, MSI + PCI_MSI_ADDRESS), 0xfffffffc);
	assert_int_equal(rd32(&cfg, MSI + PCI_MSI_UPPER_ADDRESS), 0xffffffff);
	assert_int_equal(rd32(&cfg, MSI + PCI_MSI_DATA), 0x0000ffff);
	assert_int_equal(rd32(&cfg, MSI + PCI_MSI_MASK), 1);
	assert_int_equal(rd32(&cfg, MSI + PCI_MSI_PENDING), 0);
}

static void msix_enable_and_mask_are_events(void **state)
{
	(void)state;
	assert_int_equal(rd16(&cfg, MSIX + PCI_MSIX_CONTROL), 9);
	assert_int_equal(rd32(&cfg, MSIX + PCI_MSIX_TABLE), 3);
	assert_int_equal(rd32(&cfg, MSIX + PCI_MSIX_PBA), 0x2003);
	assert_int_equal(wr16(&cfg, MSIX + PCI_MSIX_CONTROL, 0xffff), PCI_EV_MSIX);
	assert_int_equal(rd16(&cfg, MSIX + PCI_MSIX_CONTROL), 0xc009);
	assert_int_equal(wr16(&cfg, MSIX + PCI_MSIX_CONTROL, 0xc000), 0);
	assert_int_equal(wr8(&cfg, MSIX + PCI_MSIX_CONTROL + 1, 0x80), PCI_EV_MSIX);
	assert_int_equal(rd16(&cfg, MSIX + PCI_MSIX_CONTROL), 0x8009);
	assert_int_equal(wr16(&cfg, MSIX + PCI_MSIX_CONTROL, 0), PCI_EV_MSIX);
	assert_int_equal(wr32(&cfg, MSIX + PCI_MSIX_TABLE, 0xffffffff), 0);
	assert_int_equal(wr32(&cfg, MSIX + PCI_MSIX_PBA, 0xffffffff), 0);
	assert_int_equal(rd32(&cfg, MSIX + PCI_MSIX_TABLE), 3);
	assert_int_equal(rd32(&cfg, MSIX + PCI_MSIX_PBA), 0x2003);
}

static void pcie_is_a_version_2_endpoint(void **state)
{
	(void)state;
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_CAPABILITIES), 0x0002);
	assert_int_equal(rd32(&cfg, PCIE + PCI_PCIE_DEVICE_CAP), 0x10008cc2);
	assert_int_equal(rd32(&cfg, PCIE + PCI_PCIE_LINK_CAP) & 0x3ff, 0x041);
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_LINK_STATUS), 0x1041);
	assert_int_equal(rd32(&cfg, PCIE + PCI_PCIE_DEVICE_CAP_2), 0x1f);
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_DEVICE_CONTROL), 0x2810);
}

static void pcie_controls_are_writable_as_defined(void **state)
{
	static const struct {
		unsigned reg;
		uint32_t ones, zeros; /* what reads back after writing all ones, all zeros */
	} rows[] = {
		{PCI_PCIE_DEVICE_CAP, 0x10008cc2, 0x10008cc2},
		{PCI_PCIE_DEVICE_CONTROL, 0x001078ff, 0x00100000},
		{PCI_PCIE_LINK_CAP, 0x00036c41, 0x00036c41},
		{PCI_PCIE_LINK_CONTROL, 0x104100cb, 0x10410000},
		{PCI_PCIE_DEVICE_CAP_2, 0x1f, 0x1f},
		{PCI_PCIE_DEVICE_CONTROL_2, 0x1f, 0},
		{0x14, 0, 0}, /* slot, root and link 2 registers: not ours */
		{0x2c, 0, 0},
		{0x30, 0, 0},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		wr32(&cfg, PCIE + rows[i].reg, 0xffffffff);
		assert_int_equal(rd32(&cfg, PCIE + rows[i].reg), rows[i].ones);
		wr32(&cfg, PCIE + rows[i].reg, 0);
		assert_int_equal(rd32(&cfg, PCIE + rows[i].reg), rows[i].zeros);
	}
}

static void flr_is_an_event_and_reads_zero(void **state)
{
	unsigned control = PCIE + PCI_PCIE_DEVICE_CONTROL;

	(void)state;
	assert_int_equal(wr16(&cfg, control, 0xa810), PCI_EV_FLR);
	assert_int_equal(rd16(&cfg, control), 0x2810);
	assert_int_equal(wr8(&cfg, control + 1, 0x80), PCI_EV_FLR);
	assert_int_equal(wr8(&cfg, control, 0x80), 0);
	assert_int_equal(wr16(&cfg, control, 0x7fff), 0);
	pci_config_reset(&cfg);
	assert_int_equal(rd16(&cfg, control), 0x2810);
}

static void flr_without_the_capability_is_nothing(void **state)
{
	(void)state;
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_pcie(&cfg, PCIE, false);
	pci_config_seal(&cfg);
	assert_int_equal(rd32(&cfg, PCIE + PCI_PCIE_DEVICE_CAP), 0x00008cc2);
	assert_int_equal(wr16(&cfg, PCIE + PCI_PCIE_DEVICE_CONTROL, 0x8000), 0);
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_DEVICE_CONTROL), 0);
}

static void device_status_clears_by_writing_one(void **state)
{
	(void)state;
	cfg.value[PCIE + PCI_PCIE_DEVICE_STATUS] |= 0x0f;
	wr16(&cfg, PCIE + PCI_PCIE_DEVICE_STATUS, 0x0005);
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_DEVICE_STATUS), 0x001a);
	wr16(&cfg, PCIE + PCI_PCIE_DEVICE_STATUS, 0xffff);
	assert_int_equal(rd16(&cfg, PCIE + PCI_PCIE_DEVICE_STATUS), 0x0010);
}

static void aer_masks_are_writable_and_status_is_w1c(void **state)
{
	(void)state;
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_SEVERITY), 0x00062010);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_CORRECTABLE_MASK), 0x2000);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_CAP_CONTROL), 0xa0);
	for (unsigned reg = 4; reg < PCI_AER_SIZE; reg += 4)
		wr32(&cfg, AER + reg, 0xffffffff);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_STATUS), 0);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_MASK), 0x001ff010);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_SEVERITY), 0x001ff010);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_CORRECTABLE_STATUS), 0);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_CORRECTABLE_MASK), 0x31c1);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_CAP_CONTROL), 0x1e0);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_HEADER_LOG), 0);
	put_le32(&cfg.value[AER + PCI_AER_UNCORRECTABLE_STATUS], 0x00104000);
	wr32(&cfg, AER + PCI_AER_UNCORRECTABLE_STATUS, 0x00100000);
	assert_int_equal(rd32(&cfg, AER + PCI_AER_UNCORRECTABLE_STATUS), 0x4000);
}

static void aer_survives_a_reset(void **state)
{
	uint8_t before[PCI_AER_SIZE];

	(void)state;
	put_le32(&cfg.value[AER + PCI_AER_UNCORRECTABLE_STATUS], 0x00104000);
	put_le32(&cfg.value[AER + PCI_AER_CORRECTABLE_STATUS], 0x2041);
	wr32(&cfg, AER + PCI_AER_UNCORRECTABLE_MASK, 0x00100000);
	wr32(&cfg, AER + PCI_AER_UNCORRECTABLE_SEVERITY, 0x4000);
	wr32(&cfg, AER + PCI_AER_CORRECTABLE_MASK, 0x41);
	wr32(&cfg, AER + PCI_AER_CAP_CONTROL, 0x40);
	put_le32(&cfg.value[AER + PCI_AER_HEADER_LOG + 12], 0xdeadbeef);
	pci_config_read(&cfg, AER, before, sizeof(before));
	pci_config_reset(&cfg);
	assert_memory_equal(before, &cfg.value[AER], sizeof(before));
}

static void dsn_and_ari_show_their_numbers(void **state)
{
	(void)state;
	assert_int_equal(rd32(&cfg, DSN + PCI_DSN_SERIAL), 0xff123456);
	assert_int_equal(rd32(&cfg, DSN + PCI_DSN_SERIAL + 4), 0x001b21ff);
	assert_int_equal(rd32(&cfg, ARI + PCI_ARI_CAPABILITY), 0);
	pci_config_init(&cfg, &test_ident, 0);
	pci_add_ari(&cfg, PCI_EXT_CAP_START, 0xa5);
	pci_config_seal(&cfg);
	wr32(&cfg, PCI_EXT_CAP_START + PCI_ARI_CAPABILITY, 0xffffffff);
	assert_int_equal(rd32(&cfg, PCI_EXT_CAP_START + PCI_ARI_CAPABILITY), 0xa500);
}

static void caps_overlap(struct pci_config *c)
{
	pci_add_pcie(c, 0x40, true);
	pci_add_pm(c, 0x78);
}

static void caps_twice(struct pci_config *c)
{
	pci_add_pm(c, 0x40);
	pci_add_pm(c, 0x50);
}

static void cap_over_the_header(struct pci_config *c)
{
	pci_add_pm(c, 0x3c);
}

static void cap_unaligned(struct pci_config *c)
{
	pci_add_pm(c, 0x42);
}

static void cap_into_extended_space(struct pci_config *c)
{
	pci_add_pcie(c, 0xc8, true);
}

static void ext_not_first_at_100h(struct pci_config *c)
{
	pci_add_aer(c, 0x140);
}

static void ext_in_legacy_space(struct pci_config *c)
{
	pci_add_ari(c, 0x100, 0);
	pci_add_dsn(c, 0x80, 0);
}

static void ext_unaligned(struct pci_config *c)
{
	pci_add_ari(c, 0x100, 0);
	pci_add_dsn(c, 0x112, 0);
}

static void ext_over_the_end(struct pci_config *c)
{
	pci_add_ari(c, 0x100, 0);
	pci_add_dsn(c, 0xff8, 0);
}

static void ext_overlap(struct pci_config *c)
{
	pci_add_aer(c, 0x100);
	pci_add_dsn(c, 0x128, 0);
}

static void msix_without_vectors(struct pci_config *c)
{
	pci_add_msix(c, MSIX, 0, 0, 0, 0, 0x2000);
}

static void msix_with_too_many_vectors(struct pci_config *c)
{
	pci_add_msix(c, MSIX, 2049, 0, 0, 0, 0x10000);
}

static void msix_table_unaligned(struct pci_config *c)
{
	pci_add_msix(c, MSIX, 1, 0, 4, 0, 0x2000);
}

static void msix_bir_reserved(struct pci_config *c)
{
	pci_add_msix(c, MSIX, 1, 6, 0, 0, 0x2000);
}

static void msix_pba_outside_its_bar(struct pci_config *c)
{
	pci_add_bar(c, 3, PCI_BAR_MEM32, 0x2000);
	pci_add_msix(c, MSIX, 10, 3, 0, 3, 0x2000);
	pci_config_seal(c);
}

static void msix_table_outside_its_bar(struct pci_config *c)
{
	pci_add_bar(c, 3, PCI_BAR_MEM32, 0x2000);
	pci_add_msix(c, MSIX, 10, 3, 0x1f68, 3, 0);
	pci_config_seal(c);
}

static void msix_in_an_io_bar(struct pci_config *c)
{
	pci_add_bar(c, 2, PCI_BAR_IO, 256);
	pci_add_msix(c, MSIX, 1, 2, 0, 2, 0x80);
	pci_config_seal(c);
}

static void builder_refuses_wrong_capabilities(void **state)
{
	(void)state;
	assert_true(refused(caps_overlap));
	assert_true(refused(caps_twice));
	assert_true(refused(cap_over_the_header));
	assert_true(refused(cap_unaligned));
	assert_true(refused(cap_into_extended_space));
	assert_true(refused(ext_not_first_at_100h));
	assert_true(refused(ext_in_legacy_space));
	assert_true(refused(ext_unaligned));
	assert_true(refused(ext_over_the_end));
	assert_true(refused(ext_overlap));
}

static void builder_refuses_wrong_msix(void **state)
{
	(void)state;
	assert_true(refused(msix_without_vectors));
	assert_true(refused(msix_with_too_many_vectors));
	assert_true(refused(msix_table_unaligned));
	assert_true(refused(msix_bir_reserved));
	assert_true(refused(msix_pba_outside_its_bar));
	assert_true(refused(msix_table_outside_its_bar));
	assert_true(refused(msix_in_an_io_bar));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_walk_finds_exactly_what_was_added, set_up),
		cmocka_unit_test(the_chain_follows_call_order_not_offset),
		cmocka_unit_test_setup(random_writes_never_break_the_chains, set_up),
		cmocka_unit_test_setup(pm_knows_d0_and_d3hot_only, set_up),
		cmocka_unit_test_setup(nothing_moves_outside_d0, set_up),
		cmocka_unit_test_setup(pme_bits_are_kept_apart, set_up),
		cmocka_unit_test_setup(msi_is_one_maskable_64_bit_vector, set_up),
		cmocka_unit_test_setup(msix_enable_and_mask_are_events, set_up),
		cmocka_unit_test_setup(pcie_is_a_version_2_endpoint, set_up),
		cmocka_unit_test_setup(pcie_controls_are_writable_as_defined, set_up),
		cmocka_unit_test_setup(flr_is_an_event_and_reads_zero, set_up),
		cmocka_unit_test(flr_without_the_capability_is_nothing),
		cmocka_unit_test_setup(device_status_clears_by_writing_one, set_up),
		cmocka_unit_test_setup(aer_masks_are_writable_and_status_is_w1c, set_up),
		cmocka_unit_test_setup(aer_survives_a_reset, set_up),
		cmocka_unit_test_setup(dsn_and_ari_show_their_numbers, set_up),
		cmocka_unit_test(builder_refuses_wrong_capabilities),
		cmocka_unit_test(builder_refuses_wrong_msix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
