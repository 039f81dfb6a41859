/* SPDX-License-Identifier: BSD-3-Clause */
/* pci_rid.h - routing IDs: bus 15:8, device 7:3, function 2:0 (function 7:0 with ARI). */
#ifndef LADON_PCI_RID_H
#define LADON_PCI_RID_H

#include <stdint.h>

typedef uint16_t pci_rid_t;

#define PCI_RID(bus, dev, fn) ((pci_rid_t)(((bus) << 8) | ((dev) << 3) | (fn)))
#define PCI_RID_BUS(rid)      ((uint8_t)((rid) >> 8))
#define PCI_RID_DEV(rid)      ((uint8_t)(((rid) >> 3) & 31))
#define PCI_RID_FN(rid)	      ((uint8_t)((rid)&7))

/*
 * RID of VF n (0-based) of a PF: PF + first offset + n * stride, modulo 2^16 (PCIe 9.3.3.9; the
 * specification numbers VFs from 1).
 */
static inline pci_rid_t pci_vf_rid(pci_rid_t pf, uint16_t first_offset, uint16_t stride,
				   unsigned n)
{
	return (pci_rid_t)(pf + first_offset + n * stride);
}

/* "bb:dd.f" into buf of at least 8 bytes; returns buf. */
const char *pci_rid_str(pci_rid_t rid, char *buf);

#endif
