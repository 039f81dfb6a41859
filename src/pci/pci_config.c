/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_config.c - configuration space at run time: read, write, reset, and what the registers
 * say.
 *
 * A write goes byte by byte through the masks, in ascending order, so that any run of bytes
 * means the same as its parts. Side effects on other bytes are those of the byte just written;
 * events are found afterwards by comparing a handful of registers with what they were.
 */
#include "pci_build.h"

/* The registers whose change is an event. */
struct watched {
	uint16_t command, msix, sriov_control, num_vfs;
	unsigned power;
};

static unsigned power_state(const struct pci_config *cfg)
{
	if (!cfg->cap_pm)
		return PCI_D0;
	return cfg->value[cfg->cap_pm + PCI_PMCSR] & PCI_PMCSR_POWER_STATE;
}

static struct watched watch(const struct pci_config *cfg)
{
	struct watched now = {
		.command = get_le16(&cfg->value[PCI_COMMAND]),
		.sriov_control = pci_sriov_reg16(cfg, PCI_SRIOV_CONTROL),
		.num_vfs = pci_sriov_reg16(cfg, PCI_SRIOV_NUM_VFS),
		.power = power_state(cfg),
	};

	if (cfg->cap_msix)
		now.msix = get_le16(&cfg->value[cfg->cap_msix + PCI_MSIX_CONTROL]);
	return now;
}

static unsigned power_event(unsigned was, unsigned is)
{
	if (was == is)
		return 0;
	return was == PCI_D3HOT && is == PCI_D0 ? PCI_EV_D0_RESET : PCI_EV_POWER;
}

static unsigned changes(struct pci_config *cfg, const struct watched *old)
{
	struct watched now = watch(cfg);
	unsigned events = power_event(old->power, now.power);

	if (old->command != now.command)
		events |= PCI_EV_COMMAND;
	if (old->msix != now.msix)
		events |= PCI_EV_MSIX;
	return events | pci_sriov_written(cfg, old->sriov_control, old->num_vfs);
}

/* Is this the byte of Device Control with Initiate FLR, on a function that has FLR? */
static bool is_flr_byte(const struct pci_config *cfg, unsigned offset)
{
	if (!cfg->cap_pcie || offset != cfg->cap_pcie + PCI_PCIE_DEVICE_CONTROL + 1)
		return false;
	return get_le32(&cfg->value[cfg->cap_pcie + PCI_PCIE_DEVICE_CAP]) & PCI_DEVICE_CAP_FLR;
}

/* D1 and D2 are not supported: writing them completes and changes nothing (7.5.2.2). */
static void refuse_power_state(struct pci_config *cfg, unsigned offset, uint8_t old)
{
	unsigned state = cfg->value[offset] & PCI_PMCSR_POWER_STATE;

	if (state != PCI_D0 && state != PCI_D3HOT)
		cfg->value[offset] = (uint8_t)((cfg->value[offset] & ~PCI_PMCSR_POWER_STATE) |
					       (old & PCI_PMCSR_POWER_STATE));
}

static unsigned write_byte(struct pci_config *cfg, unsigned offset, uint8_t data)
{
	uint8_t rw = cfg->rw[offset] & pci_sriov_writable(cfg, offset);
	uint8_t old = cfg->value[offset];
	unsigned events = 0;

	cfg->value[offset] = (uint8_t)((old & ~rw & ~(data & cfg->w1c[offset])) | (data & rw));
	if (cfg->cap_pm && offset == cfg->cap_pm + PCI_PMCSR)
		refuse_power_state(cfg, offset, old);
	if (is_flr_byte(cfg, offset) && data & PCI_DEVICE_CONTROL_INITIATE_FLR >> 8)
		events |= PCI_EV_FLR;
	if (rw && pci_at(offset, PCI_BAR(0), 4 * PCI_NUM_BARS))
		events |= PCI_EV_BAR;
	return events | pci_sriov_byte_written(cfg, offset, old, data);
}

/* How many of len bytes from offset exist. */
static unsigned clip(unsigned offset, unsigned len)
{
	return offset < PCI_CFG_SIZE ? MIN(len, PCI_CFG_SIZE - offset) : 0;
}

void pci_config_read(const struct pci_config *cfg, unsigned offset, void *buf, unsigned len)
{
	unsigned there = clip(offset, len), ids = 4;
	uint8_t *out = buf;

	if (there)
		memcpy(out, &cfg->value[offset], there);
	if (len > there)
		memset(out + there, 0xff, len - there);
	if (cfg->is_vf_view && offset < ids)
		memset(out, 0xff, MIN(there, ids - offset));
}

unsigned pci_config_write(struct pci_config *cfg, unsigned offset, const void *buf,
			  unsigned len)
{
	unsigned there = clip(offset, len), events = 0;
	struct watched old = watch(cfg);
	const uint8_t *data = buf;

	for (unsigned i = 0; i < there; i++)
		events |= write_byte(cfg, offset + i, data[i]);
	return events | changes(cfg, &old);
}

void pci_config_reset(struct pci_config *cfg)
{
	for (unsigned at = 0; at < PCI_CFG_SIZE; at++)
		cfg->value[at] = (uint8_t)((cfg->reset_value[at] & ~cfg->sticky[at]) |
					   (cfg->value[at] & cfg->sticky[at]));
}

bool pci_config_bme(const struct pci_config *cfg)
{
	return get_le16(&cfg->value[PCI_COMMAND]) & PCI_COMMAND_BUS_MASTER &&
	       power_state(cfg) == PCI_D0;
}
