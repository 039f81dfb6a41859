/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_caps.c - the capabilities, a register table each. Values are those `lspci -vv` shows for
 * an 82576 (link x4 at 2.5 GT/s), as far as they mean anything for a card without a link of its
 * own.
 */
#include "pci_build.h"

#define AER_UNCORRECTABLE                                                                    \
	(PCI_AER_DATA_LINK_PROTOCOL | PCI_AER_POISONED_TLP | PCI_AER_FLOW_CONTROL_PROTOCOL | \
	 PCI_AER_COMPLETION_TIMEOUT | PCI_AER_COMPLETER_ABORT |                              \
	 PCI_AER_UNEXPECTED_COMPLETION | PCI_AER_RECEIVER_OVERFLOW | PCI_AER_MALFORMED_TLP | \
	 PCI_AER_ECRC_ERROR | PCI_AER_UNSUPPORTED_REQUEST)
#define AER_FATAL                                                     \
	(PCI_AER_DATA_LINK_PROTOCOL | PCI_AER_FLOW_CONTROL_PROTOCOL | \
	 PCI_AER_RECEIVER_OVERFLOW | PCI_AER_MALFORMED_TLP)
#define AER_CORRECTABLE                                                \
	(PCI_AER_RECEIVER_ERROR | PCI_AER_BAD_TLP | PCI_AER_BAD_DLLP | \
	 PCI_AER_REPLAY_NUM_ROLLOVER | PCI_AER_REPLAY_TIMER_TIMEOUT |  \
	 PCI_AER_ADVISORY_NON_FATAL)
#define AER_ECRC_CAPABLE (PCI_AER_ECRC_GENERATION_CAPABLE | PCI_AER_ECRC_CHECK_CAPABLE)
#define AER_ECRC_ENABLE	 (PCI_AER_ECRC_GENERATION_ENABLE | PCI_AER_ECRC_CHECK_ENABLE)

/* clang-format off */

/* No_Soft_Reset is 0: D3hot to D0 is a reset. PME outlives one, D3cold being claimed. */
static const struct pci_reg pm_regs[] = {
	/* offset, width, value, rw, w1c, sticky */
	{ PCI_PMC, 2, PCI_PMC_VERSION_3 | PCI_PMC_DSI | PCI_PMC_PME_D0 | PCI_PMC_PME_D3HOT |
		      PCI_PMC_PME_D3COLD, 0, 0, 0 },
	{ PCI_PMCSR, 2, PCI_D0, PCI_PMCSR_POWER_STATE | PCI_PMCSR_PME_EN, PCI_PMCSR_PME_STATUS,
	  PCI_PMCSR_PME_EN | PCI_PMCSR_PME_STATUS },
};

static const struct pci_reg msi_regs[] = {
	{ PCI_MSI_CONTROL, 2, PCI_MSI_CONTROL_64BIT | PCI_MSI_CONTROL_PER_VECTOR_MASKING,
	  PCI_MSI_CONTROL_ENABLE | PCI_MSI_CONTROL_MULTIPLE_ENABLE, 0, 0 },
	{ PCI_MSI_ADDRESS,       4, 0, 0xfffffffc, 0, 0 },
	{ PCI_MSI_UPPER_ADDRESS, 4, 0, 0xffffffff, 0, 0 },
	{ PCI_MSI_DATA,          2, 0, 0xffff,     0, 0 },
	{ PCI_MSI_MASK,          4, 0, 1,          0, 0 }, /* one vector */
};

static const struct pci_reg pcie_regs[] = {
	{ PCI_PCIE_CAPABILITIES, 2, PCI_PCIE_CAPABILITIES_VERSION_2, 0, 0, 0 },
	{ PCI_PCIE_DEVICE_CONTROL, 2,
	  PCI_DEVICE_CONTROL_RELAXED_ORDERING | PCI_DEVICE_CONTROL_NO_SNOOP |
	  PCI_DEVICE_CONTROL_MRRS_512,
	  PCI_DEVICE_CONTROL_ERROR_REPORTING | PCI_DEVICE_CONTROL_RELAXED_ORDERING |
	  PCI_DEVICE_CONTROL_MPS | PCI_DEVICE_CONTROL_NO_SNOOP | PCI_DEVICE_CONTROL_MRRS,
	  0, 0 },
	{ PCI_PCIE_DEVICE_STATUS, 2, PCI_DEVICE_STATUS_AUX_POWER, 0,
	  PCI_DEVICE_STATUS_ERRORS, 0 },
	{ PCI_PCIE_LINK_CAP, 4,
	  PCI_LINK_CAP_SPEED_2_5GT | PCI_LINK_CAP_WIDTH_X4 | PCI_LINK_CAP_ASPM_L0S_L1 |
	  PCI_LINK_CAP_L0S_EXIT_4US | PCI_LINK_CAP_L1_EXIT_64US, 0, 0, 0 },
	{ PCI_PCIE_LINK_CONTROL, 2, 0,
	  PCI_LINK_CONTROL_ASPM | PCI_LINK_CONTROL_RCB | PCI_LINK_CONTROL_COMMON_CLOCK |
	  PCI_LINK_CONTROL_EXTENDED_SYNCH, 0, 0 },
	{ PCI_PCIE_LINK_STATUS, 2,
	  PCI_LINK_STATUS_SPEED_2_5GT | PCI_LINK_STATUS_WIDTH_X4 | PCI_LINK_STATUS_SLOT_CLOCK,
	  0, 0, 0 },
	{ PCI_PCIE_DEVICE_CAP_2, 4,
	  PCI_DEVICE_CAP_2_CTO_RANGES_ABCD | PCI_DEVICE_CAP_2_CTO_DISABLE, 0, 0, 0 },
	{ PCI_PCIE_DEVICE_CONTROL_2, 2, 0,
	  PCI_DEVICE_CONTROL_2_CTO_VALUE | PCI_DEVICE_CONTROL_2_CTO_DISABLE, 0, 0 },
};

/* All of AER is sticky: an error log that a reset wipes explains nothing (7.8.4). */
static const struct pci_reg aer_regs[] = {
	{ PCI_AER_UNCORRECTABLE_STATUS,   4, 0, 0, AER_UNCORRECTABLE, AER_UNCORRECTABLE },
	{ PCI_AER_UNCORRECTABLE_MASK,     4, 0, AER_UNCORRECTABLE, 0, AER_UNCORRECTABLE },
	{ PCI_AER_UNCORRECTABLE_SEVERITY, 4, AER_FATAL, AER_UNCORRECTABLE, 0,
	  AER_UNCORRECTABLE },
	{ PCI_AER_CORRECTABLE_STATUS,     4, 0, 0, AER_CORRECTABLE, AER_CORRECTABLE },
	{ PCI_AER_CORRECTABLE_MASK,       4, PCI_AER_ADVISORY_NON_FATAL, AER_CORRECTABLE, 0,
	  AER_CORRECTABLE },
	{ PCI_AER_CAP_CONTROL,            4, AER_ECRC_CAPABLE, AER_ECRC_ENABLE, 0,
	  AER_ECRC_ENABLE | PCI_AER_FIRST_ERROR_POINTER },
	{ PCI_AER_HEADER_LOG,             4, 0, 0, 0, 0xffffffff },
	{ PCI_AER_HEADER_LOG + 4,         4, 0, 0, 0, 0xffffffff },
	{ PCI_AER_HEADER_LOG + 8,         4, 0, 0, 0, 0xffffffff },
	{ PCI_AER_HEADER_LOG + 12,        4, 0, 0, 0, 0xffffffff },
};

/* clang-format on */

void pci_add_pm(struct pci_config *cfg, unsigned offset)
{
	assert(!cfg->cap_pm);
	pci_chain_cap(cfg, offset, PCI_CAP_ID_PM, PCI_PM_SIZE);
	pci_put_regs(cfg, offset, pm_regs, ARRAY_SIZE(pm_regs));
	cfg->cap_pm = offset;
}

void pci_add_msi(struct pci_config *cfg, unsigned offset)
{
	assert(!cfg->cap_msi);
	pci_chain_cap(cfg, offset, PCI_CAP_ID_MSI, PCI_MSI_SIZE);
	pci_put_regs(cfg, offset, msi_regs, ARRAY_SIZE(msi_regs));
	cfg->cap_msi = offset;
}

void pci_add_msix(struct pci_config *cfg, unsigned offset, unsigned vectors, unsigned table_bir,
		  uint32_t table_offset, unsigned pba_bir, uint32_t pba_offset)
{
	const struct pci_reg regs[] = {
		{.offset = PCI_MSIX_CONTROL,
		 .width = 2,
		 .value = vectors - 1,
		 .rw = PCI_MSIX_CONTROL_ENABLE | PCI_MSIX_CONTROL_FUNCTION_MASK},
		{.offset = PCI_MSIX_TABLE, .width = 4, .value = table_offset | table_bir},
		{.offset = PCI_MSIX_PBA, .width = 4, .value = pba_offset | pba_bir},
	};

	assert(!cfg->cap_msix && vectors && vectors <= PCI_MSIX_MAX_VECTORS);
	assert(table_bir < PCI_NUM_BARS && !(table_offset & PCI_MSIX_BIR));
	assert(pba_bir < PCI_NUM_BARS && !(pba_offset & PCI_MSIX_BIR));
	pci_chain_cap(cfg, offset, PCI_CAP_ID_MSIX, PCI_MSIX_SIZE);
	pci_put_regs(cfg, offset, regs, ARRAY_SIZE(regs));
	cfg->cap_msix = offset;
}

void pci_add_pcie(struct pci_config *cfg, unsigned offset, bool flr)
{
	const struct pci_reg device_cap = {
		.offset = PCI_PCIE_DEVICE_CAP,
		.width = 4,
		.value = PCI_DEVICE_CAP_MPS_512 | PCI_DEVICE_CAP_L0S_LATENCY_512NS |
			 PCI_DEVICE_CAP_L1_LATENCY_64US | PCI_DEVICE_CAP_ROLE_BASED_ERRORS |
			 (flr ? PCI_DEVICE_CAP_FLR : 0),
	};

	assert(!cfg->cap_pcie);
	pci_chain_cap(cfg, offset, PCI_CAP_ID_PCIE, PCI_PCIE_SIZE);
	pci_put_regs(cfg, offset, pcie_regs, ARRAY_SIZE(pcie_regs));
	pci_put_regs(cfg, offset, &device_cap, 1);
	cfg->cap_pcie = offset;
}

void pci_add_aer(struct pci_config *cfg, unsigned offset)
{
	pci_chain_ext(cfg, offset, PCI_EXT_CAP_ID_AER, 1, PCI_AER_SIZE);
	pci_put_regs(cfg, offset, aer_regs, ARRAY_SIZE(aer_regs));
}

void pci_add_dsn(struct pci_config *cfg, unsigned offset, uint64_t serial)
{
	pci_chain_ext(cfg, offset, PCI_EXT_CAP_ID_DSN, 1, PCI_DSN_SIZE);
	put_le64(&cfg->value[offset + PCI_DSN_SERIAL], serial);
}

void pci_add_ari(struct pci_config *cfg, unsigned offset, uint8_t next_function)
{
	uint16_t capability = (uint16_t)(next_function << PCI_ARI_NEXT_FUNCTION_SHIFT);

	pci_chain_ext(cfg, offset, PCI_EXT_CAP_ID_ARI, 1, PCI_ARI_SIZE);
	put_le16(&cfg->value[offset + PCI_ARI_CAPABILITY], capability);
}
