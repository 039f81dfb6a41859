/* SPDX-License-Identifier: BSD-3-Clause */
/* pci_build.c - the builder: header, BARs, the two capability chains, the claim map. */
#include "pci_build.h"

/* clang-format off */
static const struct pci_reg header_regs[] = {
	/* offset, width, value, rw, w1c, sticky */
	{ PCI_COMMAND, 2, 0,
	  PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEMORY_SPACE | PCI_COMMAND_BUS_MASTER |
	  PCI_COMMAND_PARITY_ERROR_RESPONSE | PCI_COMMAND_SERR_ENABLE |
	  PCI_COMMAND_INTERRUPT_DISABLE, 0, 0 },
	{ PCI_STATUS, 2, 0, 0,
	  PCI_STATUS_MASTER_DATA_PARITY_ERROR | PCI_STATUS_SIGNALED_TARGET_ABORT |
	  PCI_STATUS_RECEIVED_TARGET_ABORT | PCI_STATUS_RECEIVED_MASTER_ABORT |
	  PCI_STATUS_SIGNALED_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY_ERROR, 0 },
	{ PCI_CACHE_LINE_SIZE, 1, 0, 0xff, 0, 0 },
	{ PCI_INTERRUPT_LINE,  1, 0, 0xff, 0, 0 },
};
/* clang-format on */

static bool is_claimed(const struct pci_config *cfg, unsigned at)
{
	return cfg->used[at / 8] & BIT(at % 8);
}

void pci_claim(struct pci_config *cfg, unsigned base, unsigned size)
{
	assert(base < PCI_CFG_SIZE && size && size <= PCI_CFG_SIZE - base);
	for (unsigned at = base; at < base + size; at++) {
		assert(!is_claimed(cfg, at));
		cfg->used[at / 8] |= (uint8_t)BIT(at % 8);
	}
}

static void put_reg_byte(struct pci_config *cfg, unsigned at, const struct pci_reg *reg,
			 unsigned shift)
{
	assert(at < PCI_CFG_SIZE && is_claimed(cfg, at));
	assert(!(cfg->value[at] | cfg->rw[at] | cfg->w1c[at] | cfg->sticky[at]));
	cfg->value[at] = (uint8_t)(reg->value >> shift);
	cfg->rw[at] = (uint8_t)(reg->rw >> shift);
	cfg->w1c[at] = (uint8_t)(reg->w1c >> shift);
	cfg->sticky[at] = (uint8_t)(reg->sticky >> shift);
}

void pci_put_regs(struct pci_config *cfg, unsigned base, const struct pci_reg *regs,
		  size_t count)
{
	for (size_t i = 0; i < count; i++) {
		assert(!(regs[i].rw & regs[i].w1c));
		for (unsigned byte = 0; byte < regs[i].width; byte++)
			put_reg_byte(cfg, base + regs[i].offset + byte, &regs[i], 8 * byte);
	}
}

void pci_config_init(struct pci_config *cfg, const struct pci_ident *ident, uint8_t pin)
{
	assert(ident->class_code <= 0xffffff && pin <= 4);
	*cfg = (struct pci_config){0};
	pci_claim(cfg, 0, PCI_HEADER_SIZE);
	pci_put_regs(cfg, 0, header_regs, ARRAY_SIZE(header_regs));
	put_le16(&cfg->value[PCI_VENDOR_ID], ident->vendor);
	put_le16(&cfg->value[PCI_DEVICE_ID], ident->device);
	put_le16(&cfg->value[PCI_SUBSYSTEM_VENDOR_ID], ident->subsys_vendor);
	put_le16(&cfg->value[PCI_SUBSYSTEM_ID], ident->subsys_device);
	/* The class code is the upper three bytes of the revision's dword. */
	put_le32(&cfg->value[PCI_REVISION_ID], ident->class_code << 8 | ident->revision);
	cfg->value[PCI_HEADER_TYPE] = ident->multifunction ? PCI_HEADER_TYPE_MULTIFUNCTION : 0;
	cfg->value[PCI_INTERRUPT_PIN] = pin;
}

static uint32_t bar_flags(enum pci_bar_type type)
{
	switch (type) {
	case PCI_BAR_IO:
		return PCI_BAR_IO_SPACE;
	case PCI_BAR_MEM64:
		return PCI_BAR_TYPE_64;
	case PCI_BAR_MEM64_PREF:
		return PCI_BAR_TYPE_64 | PCI_BAR_PREFETCHABLE;
	default:
		return 0;
	}
}

/* I/O BARs take 4 to 256 bytes, memory BARs at least 16; 32-bit ones at most 2 GiB (7.5.1.2.1).
 */
static void check_bar_size(enum pci_bar_type type, uint64_t size)
{
	assert(type > PCI_BAR_NONE && type <= PCI_BAR_MEM64_PREF);
	assert(size && !(size & (size - 1)));
	assert(size >= (type == PCI_BAR_IO ? 4 : 16));
	assert(size <= (type == PCI_BAR_IO ? 256 : BIT64(63)));
	assert(pci_bar_is_64(type) || size <= BIT64(31));
}

void pci_put_bar(struct pci_config *cfg, unsigned offset, enum pci_bar_type type, uint64_t size)
{
	uint64_t address = ~(size - 1);
	struct pci_reg half[2] = {
		{.width = 4, .value = bar_flags(type), .rw = (uint32_t)address},
		{.offset = 4, .width = 4, .rw = (uint32_t)(address >> 32)},
	};

	check_bar_size(type, size);
	pci_put_regs(cfg, offset, half, pci_bar_is_64(type) ? 2 : 1);
}

static bool bar_is_upper(const struct pci_config *cfg, unsigned index)
{
	return index > 0 && index < PCI_NUM_BARS && pci_bar_is_64(cfg->bar_type[index - 1]);
}

void pci_add_bar(struct pci_config *cfg, unsigned index, enum pci_bar_type type, uint64_t size)
{
	unsigned last = index + (pci_bar_is_64(type) ? 1 : 0);

	assert(index < PCI_NUM_BARS && last < PCI_NUM_BARS);
	assert(!cfg->bar_type[index] && !cfg->bar_type[last] && !bar_is_upper(cfg, index));
	pci_put_bar(cfg, PCI_BAR(index), type, size);
	cfg->bar_type[index] = type;
	cfg->bar_size[index] = size;
}

void pci_chain_cap(struct pci_config *cfg, unsigned offset, uint8_t id, unsigned size)
{
	unsigned link = cfg->last_cap ? cfg->last_cap + PCI_CAP_NEXT : PCI_CAPABILITIES_POINTER;

	assert(offset >= PCI_HEADER_SIZE && !(offset & 3) &&
	       offset + size <= PCI_EXT_CAP_START);
	pci_claim(cfg, offset, size);
	cfg->value[offset + PCI_CAP_ID] = id;
	cfg->value[link] = (uint8_t)offset;
	cfg->value[PCI_STATUS] |= PCI_STATUS_CAPABILITIES_LIST;
	cfg->last_cap = offset;
}

void pci_chain_ext(struct pci_config *cfg, unsigned offset, uint16_t id, unsigned version,
		   unsigned size)
{
	unsigned last = cfg->last_ext;

	/* Software starts at 100h: the first one can be nowhere else. */
	assert(last ? offset >= PCI_EXT_CAP_START : offset == PCI_EXT_CAP_START);
	assert(!(offset & 3) && version <= 15);
	pci_claim(cfg, offset, size);
	put_le32(&cfg->value[offset], id | version << PCI_EXT_CAP_VERSION_SHIFT);
	if (last)
		put_le32(&cfg->value[last],
			 get_le32(&cfg->value[last]) | offset << PCI_EXT_CAP_NEXT_SHIFT);
	cfg->last_ext = offset;
}

/* An MSI-X structure of size bytes must lie inside the memory BAR it names, if that BAR is
 * here. */
static void check_msix_place(const struct pci_config *cfg, unsigned reg, uint64_t size)
{
	uint32_t place = get_le32(&cfg->value[cfg->cap_msix + reg]);
	unsigned bir = place & PCI_MSIX_BIR;

	if (!cfg->bar_size[bir])
		return; /* of a VF: the BAR is in the PF's SR-IOV capability */
	assert(cfg->bar_type[bir] != PCI_BAR_IO);
	assert((place & ~PCI_MSIX_BIR) + size <= cfg->bar_size[bir]);
}

static void check_msix(const struct pci_config *cfg)
{
	uint16_t control = get_le16(&cfg->value[cfg->cap_msix + PCI_MSIX_CONTROL]);
	uint64_t vectors = (control & PCI_MSIX_CONTROL_TABLE_SIZE) + 1u;

	check_msix_place(cfg, PCI_MSIX_TABLE, vectors * PCI_MSIX_ENTRY_SIZE);
	check_msix_place(cfg, PCI_MSIX_PBA, ALIGN_UP(vectors, 64) / 8);
}

void pci_config_seal(struct pci_config *cfg)
{
	if (cfg->cap_msix)
		check_msix(cfg);
	memcpy(cfg->reset_value, cfg->value, sizeof(cfg->reset_value));
}
