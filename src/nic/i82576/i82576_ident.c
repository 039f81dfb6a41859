/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Who the functions are. A VF is as vfio-pci presents one to its user: the real vendor and
 * device, BARs that can be sized, no power management and no INTx pin. In the PF's own guest (a
 * view) it is as on the bus: FFFFh, and no BARs but those in the PF's SR-IOV capability.
 */
#include "i82576_pf.h"

#define MSIX_PBA_OFFSET 0x2000u
#define PF_DEVICE	0x10c9
#define VF_DEVICE	0x10ca
#define VF_PAGE_SIZES	0x553u /* 4K 8K 64K 256K 1M 4M */

static void start(struct pci_config *cfg, uint16_t device, uint8_t pin)
{
	const struct pci_ident ident = {
		.vendor = 0x8086,
		.device = device,
		.subsys_vendor = 0x8086,
		.subsys_device = 0xa03c,
		.class_code = 0x020000,
		.revision = 0x01,
	};

	pci_config_init(cfg, &ident, pin);
}

static void add_vf_caps(struct pci_config *cfg)
{
	pci_add_msix(cfg, 0x70, I82576_VF_VECTORS, 3, 0, 3, MSIX_PBA_OFFSET);
	pci_add_pcie(cfg, 0xa0, true);
	pci_add_aer(cfg, 0x100);
	pci_add_ari(cfg, 0x150, 0);
}

void i82576_vf_config(const struct i82576_vf *vf, struct pci_config *ret_cfg)
{
	(void)vf; /* every VF looks alike */
	start(ret_cfg, VF_DEVICE, 0);
	pci_add_bar(ret_cfg, 0, PCI_BAR_MEM64_PREF, I82576_VF_BAR0_SIZE);
	pci_add_bar(ret_cfg, 3, PCI_BAR_MEM64_PREF, I82576_VF_BAR3_SIZE);
	add_vf_caps(ret_cfg);
	pci_config_seal(ret_cfg);
}

void i82576_view_config(struct pci_config *ret_cfg)
{
	start(ret_cfg, VF_DEVICE, 0);
	add_vf_caps(ret_cfg);
	ret_cfg->is_vf_view = true;
	pci_config_seal(ret_cfg);
}

/* The card's address with FFFFh in its middle. */
static uint64_t serial_number(const uint8_t mac[6])
{
	uint64_t high = (uint64_t)mac[0] << 16 | (uint64_t)mac[1] << 8 | mac[2];
	uint64_t low = (uint64_t)mac[3] << 16 | (uint64_t)mac[4] << 8 | mac[5];

	return high << 40 | 0xffffull << 24 | low;
}

void i82576_pf_config(const struct i82576_pf *pf, struct i82576_sriov_place place,
		      struct pci_config *ret_cfg)
{
	const struct pci_sriov_params sriov = {
		.total_vfs = (uint16_t)pf->num_vfs,
		.first_offset = place.first_offset,
		.stride = place.stride,
		.vf_device = VF_DEVICE,
		.page_sizes = VF_PAGE_SIZES,
		.bar_type = {[0] = PCI_BAR_MEM64_PREF, [3] = PCI_BAR_MEM64_PREF},
		.bar_size = {[0] = I82576_VF_BAR0_SIZE, [3] = I82576_VF_BAR3_SIZE},
	};

	start(ret_cfg, PF_DEVICE, 1);
	pci_add_bar(ret_cfg, 0, PCI_BAR_MEM32, I82576_PF_BAR0_SIZE);
	pci_add_bar(ret_cfg, 1, PCI_BAR_MEM32, I82576_PF_BAR1_SIZE);
	pci_add_bar(ret_cfg, 2, PCI_BAR_IO, I82576_PF_BAR2_SIZE);
	pci_add_bar(ret_cfg, 3, PCI_BAR_MEM32, I82576_PF_BAR3_SIZE);
	pci_add_pm(ret_cfg, 0x40);
	pci_add_msi(ret_cfg, 0x50);
	pci_add_msix(ret_cfg, 0x70, I82576_PF_VECTORS, 3, 0, 3, MSIX_PBA_OFFSET);
	pci_add_pcie(ret_cfg, 0xa0, true);
	pci_add_aer(ret_cfg, 0x100);
	pci_add_dsn(ret_cfg, 0x140, serial_number(pf->fn.card->base_mac));
	pci_add_ari(ret_cfg, 0x150, 0);
	if (pf->num_vfs) /* as with SR-IOV turned off in the NVM */
		pci_add_sriov(ret_cfg, 0x160, &sriov);
	pci_config_seal(ret_cfg);
}
