/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_sriov.c - the SR-IOV capability (9.3.3): what may be written when, and what that starts.
 *
 * VF Enable locks what VFs were made from. A guest that does not care about the rules must
 * still never see more VFs than TotalVFs, nor their number change under it (CVE-2024-26327,
 * CVE-2024-26328): forbidden writes change nothing and are told as PCI_EV_BAD.
 */
#include "pci_build.h"

#define VF_PAGE_MIN 4096ull

/* clang-format off */
static const struct pci_reg sriov_regs[] = {
	/* offset, width, value, rw, w1c, sticky */
	{ PCI_SRIOV_NUM_VFS, 2, 0, 0xffff, 0, 0 },
};
/* clang-format on */

uint16_t pci_sriov_reg16(const struct pci_config *cfg, unsigned reg)
{
	return cfg->sriov.cap ? get_le16(&cfg->value[cfg->sriov.cap + reg]) : 0;
}

static void put_sriov_control(struct pci_config *cfg, unsigned offset, bool ari)
{
	const struct pci_reg control = {
		.offset = PCI_SRIOV_CONTROL,
		.width = 2,
		.rw = PCI_SRIOV_CONTROL_VF_ENABLE | PCI_SRIOV_CONTROL_VF_MSE |
		      (ari ? PCI_SRIOV_CONTROL_ARI_HIERARCHY : 0),
	};

	pci_put_regs(cfg, offset, &control, 1);
}

static void put_sriov_identity(struct pci_config *cfg, unsigned offset,
			       const struct pci_sriov_params *params)
{
	const struct pci_reg regs[] = {
		{.offset = PCI_SRIOV_INITIAL_VFS, .width = 2, .value = params->total_vfs},
		{.offset = PCI_SRIOV_TOTAL_VFS, .width = 2, .value = params->total_vfs},
		{.offset = PCI_SRIOV_FIRST_VF_OFFSET,
		 .width = 2,
		 .value = params->first_offset},
		{.offset = PCI_SRIOV_VF_STRIDE, .width = 2, .value = params->stride},
		{.offset = PCI_SRIOV_VF_DEVICE_ID, .width = 2, .value = params->vf_device},
		{.offset = PCI_SRIOV_SUPPORTED_PAGE_SIZES,
		 .width = 4,
		 .value = params->page_sizes},
		{.offset = PCI_SRIOV_SYSTEM_PAGE_SIZE,
		 .width = 4,
		 .value = 1,
		 .rw = params->page_sizes},
	};

	pci_put_regs(cfg, offset, regs, ARRAY_SIZE(regs));
}

/* VFs have no I/O BARs, and none below a page. */
static void put_vf_bars(struct pci_config *cfg, unsigned offset,
			const struct pci_sriov_params *params)
{
	for (unsigned i = 0; i < PCI_NUM_BARS; i++) {
		enum pci_bar_type type = params->bar_type[i];

		if (type == PCI_BAR_NONE)
			continue;
		assert(type != PCI_BAR_IO && params->bar_size[i] >= VF_PAGE_MIN);
		assert(!(cfg->sriov.bar_upper & BIT(i)));
		pci_put_bar(cfg, offset + PCI_SRIOV_VF_BAR(i), type, params->bar_size[i]);
		if (!pci_bar_is_64(type))
			continue;
		assert(i + 1 < PCI_NUM_BARS);
		cfg->sriov.bar_upper |= (uint8_t)BIT(i + 1);
	}
}

void pci_add_sriov(struct pci_config *cfg, unsigned offset,
		   const struct pci_sriov_params *params)
{
	assert(!cfg->sriov.cap && params->total_vfs && params->page_sizes & 1);
	assert(params->first_offset && (params->stride || params->total_vfs == 1));
	pci_chain_ext(cfg, offset, PCI_EXT_CAP_ID_SRIOV, 1, PCI_SRIOV_SIZE);
	cfg->sriov = (struct pci_sriov){
		.cap = offset,
		.total_vfs = params->total_vfs,
		.first_offset = params->first_offset,
		.stride = params->stride,
		.vf_device = params->vf_device,
	};
	pci_put_regs(cfg, offset, sriov_regs, ARRAY_SIZE(sriov_regs));
	put_sriov_control(cfg, offset, !params->not_lowest_pf);
	put_sriov_identity(cfg, offset, params);
	put_vf_bars(cfg, offset, params);
}

/* Does offset lie in the register of len bytes at reg of the capability? */
static bool in_reg(const struct pci_config *cfg, unsigned offset, unsigned reg, unsigned len)
{
	return cfg->sriov.cap && pci_at(offset, cfg->sriov.cap + reg, len);
}

static bool in_page_size(const struct pci_config *cfg, unsigned offset)
{
	return in_reg(cfg, offset, PCI_SRIOV_SYSTEM_PAGE_SIZE, 4);
}

static bool in_num_vfs(const struct pci_config *cfg, unsigned offset)
{
	return in_reg(cfg, offset, PCI_SRIOV_NUM_VFS, 2);
}

/* The System Page Size in bytes: its lowest bit; 4 KiB when a guest left none. */
static uint64_t system_page(const struct pci_config *cfg)
{
	uint32_t bits = get_le32(&cfg->value[cfg->sriov.cap + PCI_SRIOV_SYSTEM_PAGE_SIZE]);

	return bits ? VF_PAGE_MIN << __builtin_ctz(bits) : VF_PAGE_MIN;
}

/* The address bits of this byte of a VF BAR at or above the System Page Size. */
static uint8_t vf_bar_address(const struct pci_config *cfg, unsigned offset)
{
	unsigned at = offset - (cfg->sriov.cap + PCI_SRIOV_VF_BAR(0));
	unsigned half = cfg->sriov.bar_upper & BIT(at / 4) ? 4 : 0;

	return (uint8_t)(~(system_page(cfg) - 1) >> 8 * (at % 4 + half));
}

uint8_t pci_sriov_writable(const struct pci_config *cfg, unsigned offset)
{
	if (!in_reg(cfg, offset, 0, PCI_SRIOV_SIZE))
		return 0xff;
	if (in_reg(cfg, offset, PCI_SRIOV_VF_BAR(0), 4 * PCI_NUM_BARS))
		return vf_bar_address(cfg, offset);
	if (in_num_vfs(cfg, offset) || in_page_size(cfg, offset))
		return pci_sriov_enabled(cfg) ? 0 : 0xff;
	return 0xff;
}

/* After a change of the System Page Size: address bits that became too small for it go. */
static void align_vf_bars(struct pci_config *cfg)
{
	unsigned first = cfg->sriov.cap + PCI_SRIOV_VF_BAR(0);

	for (unsigned at = first; at < first + 4 * PCI_NUM_BARS; at++)
		cfg->value[at] &= (uint8_t)(vf_bar_address(cfg, at) | ~cfg->rw[at]);
}

/* ARI Capable Hierarchy stays as it was for VFs that exist, and go on existing. */
static unsigned control_written(struct pci_config *cfg, unsigned offset, uint8_t old)
{
	uint8_t now = cfg->value[offset];

	if (!(old & now & PCI_SRIOV_CONTROL_VF_ENABLE))
		return 0;
	if (!((old ^ now) & PCI_SRIOV_CONTROL_ARI_HIERARCHY))
		return 0;
	cfg->value[offset] = now ^ PCI_SRIOV_CONTROL_ARI_HIERARCHY;
	return PCI_EV_BAD;
}

/* Page sizes we do not support, and any other under living VFs, are forbidden. */
static unsigned page_size_written(struct pci_config *cfg, unsigned offset, uint8_t old,
				  uint8_t data)
{
	align_vf_bars(cfg);
	if (data & ~cfg->rw[offset])
		return PCI_EV_BAD;
	return pci_sriov_enabled(cfg) && data != old ? PCI_EV_BAD : 0;
}

unsigned pci_sriov_byte_written(struct pci_config *cfg, unsigned offset, uint8_t old,
				uint8_t data)
{
	if (!in_reg(cfg, offset, 0, PCI_SRIOV_SIZE))
		return 0;
	if (in_reg(cfg, offset, PCI_SRIOV_CONTROL, 1))
		return control_written(cfg, offset, old);
	if (in_page_size(cfg, offset))
		return page_size_written(cfg, offset, old, data);
	if (in_num_vfs(cfg, offset))
		return pci_sriov_enabled(cfg) && data != old ? PCI_EV_BAD : 0;
	if (in_reg(cfg, offset, PCI_SRIOV_VF_BAR(0), 4 * PCI_NUM_BARS) && cfg->rw[offset])
		return PCI_EV_BAR;
	return 0;
}

static unsigned control_events(uint16_t old, uint16_t now)
{
	unsigned events = 0;

	if ((old ^ now) & PCI_SRIOV_CONTROL_VF_ENABLE)
		events |= now & PCI_SRIOV_CONTROL_VF_ENABLE ? PCI_EV_SRIOV_ENABLE
							    : PCI_EV_SRIOV_DISABLE;
	if ((old ^ now) & PCI_SRIOV_CONTROL_VF_MSE)
		events |= PCI_EV_SRIOV_MSE;
	return events;
}

unsigned pci_sriov_written(struct pci_config *cfg, uint16_t old_control, uint16_t old_num_vfs)
{
	unsigned events = control_events(old_control, pci_sriov_reg16(cfg, PCI_SRIOV_CONTROL));

#ifdef LADON_BREAK_NUM_VFS
	return events;
#endif
	if (pci_sriov_reg16(cfg, PCI_SRIOV_NUM_VFS) <= cfg->sriov.total_vfs)
		return events;
	put_le16(&cfg->value[cfg->sriov.cap + PCI_SRIOV_NUM_VFS], old_num_vfs);
	return events | PCI_EV_BAD;
}

bool pci_sriov_enabled(const struct pci_config *cfg)
{
	return pci_sriov_reg16(cfg, PCI_SRIOV_CONTROL) & PCI_SRIOV_CONTROL_VF_ENABLE;
}

unsigned pci_sriov_num_vfs(const struct pci_config *cfg)
{
	return pci_sriov_enabled(cfg) ? pci_sriov_reg16(cfg, PCI_SRIOV_NUM_VFS) : 0;
}
