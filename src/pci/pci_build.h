/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_build.h - inside the pci room: the builder's tools, and what the write path asks of
 * SR-IOV. Everything here asserts on a wrong table, because tables are ours.
 */
#ifndef LADON_PCI_BUILD_H
#define LADON_PCI_BUILD_H

#include "bits.h"
#include "pci_config.h"

/* One register of a header or capability table. width is 1, 2 or 4 bytes. */
struct pci_reg {
	uint16_t offset;
	uint8_t width;
	uint32_t value, rw, w1c, sticky;
};

/* Claims size bytes from base: they are in the space and nobody else's. */
void pci_claim(struct pci_config *cfg, unsigned base, unsigned size);

/* Lays count registers at base (claimed before). No byte twice, rw and w1c disjoint. */
void pci_put_regs(struct pci_config *cfg, unsigned base, const struct pci_reg *regs,
		  size_t count);

/* Claims a capability of size bytes and appends it to the chain of 40h-FFh / 100h-FFFh. */
void pci_chain_cap(struct pci_config *cfg, unsigned offset, uint8_t id, unsigned size);
void pci_chain_ext(struct pci_config *cfg, unsigned offset, uint16_t id, unsigned version,
		   unsigned size);

/* Makes the register at offset (and the next, for 64 bits) a BAR of this type and size. */
void pci_put_bar(struct pci_config *cfg, unsigned offset, enum pci_bar_type type,
		 uint64_t size);

/* Is it of a type that takes two registers? */
static inline bool pci_bar_is_64(enum pci_bar_type type)
{
	return type == PCI_BAR_MEM64 || type == PCI_BAR_MEM64_PREF;
}

/* Does [start, start + len) hold offset? start 0 means: no such register. */
static inline bool pci_at(unsigned offset, unsigned start, unsigned len)
{
	return start && offset >= start && offset - start < len;
}

/* The bits of this byte that SR-IOV leaves writable at this moment; FFh outside its capability.
 */
uint8_t pci_sriov_writable(const struct pci_config *cfg, unsigned offset);
/* The byte at offset was old, data was written to it: side effects. Returns PCI_EV_*. */
unsigned pci_sriov_byte_written(struct pci_config *cfg, unsigned offset, uint8_t old,
				uint8_t data);
/* A whole write is done: judges NumVFs, compares VF Enable and VF MSE. Returns PCI_EV_*. */
unsigned pci_sriov_written(struct pci_config *cfg, uint16_t old_control, uint16_t old_num_vfs);
/* The registers pci_sriov_written() compares; 0 without the capability. */
uint16_t pci_sriov_reg16(const struct pci_config *cfg, unsigned reg);

#endif
