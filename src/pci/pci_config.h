/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * pci_config.h - the configuration space of one PCIe function: 4096 bytes of value, writable
 * mask, and write-1-to-clear mask, built once from an identity, BARs and a chain of
 * capabilities.
 *
 * A read copies bytes. A write changes what the masks allow and returns what the function must
 * now do (PCI_EV_*): this file knows configuration space, not devices. The builder asserts (a
 * wrong table is our bug): no overlap of capabilities, rw and w1c disjoint, BAR sizes powers of
 * two.
 */
#ifndef LADON_PCI_CONFIG_H
#define LADON_PCI_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pci_regs.h"
#include "pci_rid.h"

#define PCI_CFG_SIZE 4096u
#define PCI_NUM_BARS 6

/* What a configuration write asks of the function. Or'ed together. */
enum pci_event {
	PCI_EV_COMMAND = 1 << 0,       /* COMMAND changed: look at pci_config_bme / _mse */
	PCI_EV_FLR = 1 << 1,	       /* Initiate FLR was written 1 (PCIe 6.6.2) */
	PCI_EV_D0_RESET = 1 << 2,      /* D3hot -> D0 without No_Soft_Reset */
	PCI_EV_POWER = 1 << 3,	       /* any other power state change */
	PCI_EV_MSIX = 1 << 4,	       /* MSI-X enable or function mask changed */
	PCI_EV_SRIOV_ENABLE = 1 << 5,  /* VF Enable 0 -> 1, NumVFs is valid and latched */
	PCI_EV_SRIOV_DISABLE = 1 << 6, /* VF Enable 1 -> 0 */
	PCI_EV_SRIOV_MSE = 1 << 7,     /* VF MSE changed */
	PCI_EV_BAR = 1 << 8,	       /* a BAR (or VF BAR) register was written */
	PCI_EV_BAD = 1 << 9, /* a write the specification forbids was ignored (NumVFs ...) */
};

enum pci_bar_type {
	PCI_BAR_NONE,
	PCI_BAR_IO,
	PCI_BAR_MEM32,
	PCI_BAR_MEM64,
	PCI_BAR_MEM64_PREF,
};

struct pci_ident {
	uint16_t vendor, device, subsys_vendor, subsys_device;
	uint32_t class_code; /* 24 bits: 0x020000 Ethernet */
	uint8_t revision;
	bool multifunction;
};

struct pci_sriov {
	unsigned cap; /* offset of the capability, 0 = none */
	uint16_t total_vfs, first_offset, stride, vf_device;
	uint8_t bar_upper; /* bit n: VF BAR n is the upper half of a 64-bit one */
};

struct pci_config {
	uint8_t value[PCI_CFG_SIZE];
	uint8_t rw[PCI_CFG_SIZE];
	uint8_t w1c[PCI_CFG_SIZE];
	uint8_t reset_value[PCI_CFG_SIZE]; /* what a reset restores; sticky bits excepted */
	uint8_t sticky[PCI_CFG_SIZE]; /* bits that survive FLR and reset (PCIe 7.4, ROS/RWS) */
	uint8_t used[PCI_CFG_SIZE / 8];	 /* builder's claim map, one bit a byte */
	uint64_t bar_size[PCI_NUM_BARS]; /* bytes; 0 = none or upper half of a 64-bit BAR */
	enum pci_bar_type bar_type[PCI_NUM_BARS];
	unsigned last_cap, last_ext;		      /* builder: where the chain ends */
	unsigned cap_pm, cap_msi, cap_msix, cap_pcie; /* offsets, 0 = none */
	struct pci_sriov sriov;
	bool is_vf_view; /* vendor and device read FFFFh (SR-IOV 9.3.4.1) */
};

/* Zeroes *cfg and writes a type 0 header. pin: 0 = no INTx. */
void pci_config_init(struct pci_config *cfg, const struct pci_ident *ident, uint8_t pin);

/* size: a power of two. I/O 4 to 256 bytes, memory from 16; 64-bit ones take index + 1 too. */
void pci_add_bar(struct pci_config *cfg, unsigned index, enum pci_bar_type type, uint64_t size);

/*
 * Capabilities at a fixed offset each (the card's own), appended to the chain in call order;
 * the first extended one at 100h. Offsets are multiples of 4.
 */
/* D0 and D3hot, No_Soft_Reset clear. MSI: one vector, 64 bits, maskable. */
void pci_add_pm(struct pci_config *cfg, unsigned offset);
void pci_add_msi(struct pci_config *cfg, unsigned offset);
void pci_add_msix(struct pci_config *cfg, unsigned offset, unsigned vectors, unsigned table_bir,
		  uint32_t table_offset, unsigned pba_bir, uint32_t pba_offset);
/* PCIe v2 endpoint; with FLR in DevCap when flr. */
void pci_add_pcie(struct pci_config *cfg, unsigned offset, bool flr);
/* AER: every bit that can change is sticky. DSN: serial as one number, low dword first. */
void pci_add_aer(struct pci_config *cfg, unsigned offset);
void pci_add_dsn(struct pci_config *cfg, unsigned offset, uint64_t serial);
void pci_add_ari(struct pci_config *cfg, unsigned offset, uint8_t next_function);

/* What pci_add_sriov() is told; InitialVFs = TotalVFs, offset and stride never change. */
struct pci_sriov_params {
	uint16_t total_vfs, first_offset, stride, vf_device;
	uint32_t page_sizes; /* Supported Page Sizes */
	enum pci_bar_type bar_type[PCI_NUM_BARS];
	uint64_t bar_size[PCI_NUM_BARS]; /* of one VF */
	bool not_lowest_pf; /* ARI Capable Hierarchy is the lowest PF's alone, 0 here */
};
/*
 * A VF BAR never sizes below the System Page Size (9.3.3.13). NumVFs and System Page Size are
 * locked while VF Enable is set, and so is ARI Capable Hierarchy unless the write clears VF
 * Enable. VF Enable with NumVFs 0 is accepted: enabled, no VF exists.
 */
void pci_add_sriov(struct pci_config *cfg, unsigned offset,
		   const struct pci_sriov_params *params);

/* Ends building: reset_value is taken from value. */
void pci_config_seal(struct pci_config *cfg);

/* Any alignment. Bytes from 4096 up do not exist: they read ones, writes are ignored. */
void pci_config_read(const struct pci_config *cfg, unsigned offset, void *buf, unsigned len);
/*
 * Returns PCI_EV_* or'ed. All lengths are accepted (a client may write any run of bytes): the
 * result is that of single byte writes in ascending order, but NumVFs is judged after its last
 * byte, and events compare the registers before and after the whole write. The function's state
 * is the caller's: on PCI_EV_FLR and PCI_EV_D0_RESET call pci_config_reset().
 */
unsigned pci_config_write(struct pci_config *cfg, unsigned offset, const void *buf,
			  unsigned len);
/*
 * A conventional or function-level reset: reset_value back, sticky bits kept. BARs and all, VF
 * Enable and NumVFs too. What only an FLR would spare (Max_Payload_Size, Link Control; 6.6.2)
 * is reset as well.
 */
void pci_config_reset(struct pci_config *cfg);

bool pci_config_bme(const struct pci_config *cfg); /* bus master enable, and in D0 */
bool pci_sriov_enabled(const struct pci_config *cfg);
unsigned pci_sriov_num_vfs(const struct pci_config *cfg); /* 0 unless enabled */

#endif
