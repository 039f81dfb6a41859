/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who the VF is. Vendor and device are the real ones and the BARs can be sized, as vfio-pci
 * presents a VF to its user; a VF has no power management and no INTx pin.
 */
#include "i82576_vf.h"

#define MSIX_PBA_OFFSET 0x2000u

void i82576_vf_config(const struct i82576_vf *vf, struct pci_config *ret_cfg)
{
	static const struct pci_ident ident = {
		.vendor = 0x8086,
		.device = 0x10ca,
		.subsys_vendor = 0x8086,
		.subsys_device = 0xa03c,
		.class_code = 0x020000,
		.revision = 0x01,
	};

	(void)vf; /* every VF looks alike */
	pci_config_init(ret_cfg, &ident, 0);
	pci_add_bar(ret_cfg, 0, PCI_BAR_MEM64_PREF, I82576_VF_BAR0_SIZE);
	pci_add_bar(ret_cfg, 3, PCI_BAR_MEM64_PREF, I82576_VF_BAR3_SIZE);
	pci_add_msix(ret_cfg, 0x70, I82576_VF_VECTORS, 3, 0, 3, MSIX_PBA_OFFSET);
	pci_add_pcie(ret_cfg, 0xa0, true);
	pci_add_aer(ret_cfg, 0x100);
	pci_add_ari(ret_cfg, 0x150, 0);
	pci_config_seal(ret_cfg);
}
