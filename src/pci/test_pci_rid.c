/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_pci.h"

static void rid_splits_into_bus_device_function(void **state)
{
	(void)state;
	assert_int_equal(PCI_RID(0xab, 0x1f, 7), 0xabff);
	assert_int_equal(PCI_RID_BUS(0xabfe), 0xab);
	assert_int_equal(PCI_RID_DEV(0xabfe), 0x1f);
	assert_int_equal(PCI_RID_FN(0xabfe), 6);
}

static void vf_rid_follows_offset_and_stride(void **state)
{
	(void)state;
	assert_int_equal(pci_vf_rid(PCI_RID(1, 0, 0), 0x80, 2, 0), PCI_RID(1, 16, 0));
	assert_int_equal(pci_vf_rid(PCI_RID(1, 0, 0), 0x80, 2, 3), PCI_RID(1, 16, 6));
	assert_int_equal(pci_vf_rid(PCI_RID(1, 0, 0), 0x180, 2, 0), PCI_RID(2, 16, 0));
	assert_int_equal(pci_vf_rid(PCI_RID(1, 0, 0), 1, 1, 6), PCI_RID(1, 0, 7));
}

static void vf_rid_wraps_at_16_bits(void **state)
{
	(void)state;
	assert_int_equal(pci_vf_rid(0xfffe, 1, 2, 1), 1);
	assert_int_equal(pci_vf_rid(0, 0xffff, 0xffff, 0xffff), 0);
}

static void rid_prints_as_bdf(void **state)
{
	char buf[9] = {0};

	(void)state;
	assert_ptr_equal(pci_rid_str(PCI_RID(0xab, 0x1c, 5), buf), buf);
	assert_string_equal(buf, "ab:1c.5");
	assert_int_equal(buf[8], 0);
	assert_string_equal(pci_rid_str(0, buf), "00:00.0");
	assert_string_equal(pci_rid_str(0xffff, buf), "ff:1f.7");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rid_splits_into_bus_device_function),
		cmocka_unit_test(vf_rid_follows_offset_and_stride),
		cmocka_unit_test(vf_rid_wraps_at_16_bits),
		cmocka_unit_test(rid_prints_as_bdf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
