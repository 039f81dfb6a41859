/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_fault.c - the fault recording registers: a ring of records that system software empties
 * by clearing F. While the next one is still full, faults are dropped and FSTS.PFO says so;
 * after that nothing is recorded until PFO is cleared.
 */
#include "vtd_priv.h"

#define FRCD_SID  VTD_MASK(15, 0)
#define FRCD_FR	  VTD_MASK(39, 32)
#define FRCD_READ BIT64(62)
#define FRCD_F	  BIT64(63)

void vtd_fault_status(struct vtd *vtd)
{
	uint64_t status = vtd->reg[VTD_R_FSTS] & ~(uint64_t)(VTD_FSTS_PPF | VTD_FSTS_FRI);

	for (unsigned i = 0; i < VTD_NUM_FRCD; i++) {
		unsigned nr = (vtd->next_frcd + i) % VTD_NUM_FRCD; /* the oldest first */

		if (!(vtd->frcd[nr].hi & FRCD_F))
			continue;
		status |= VTD_FSTS_PPF | FIELD_PREP(VTD_FSTS_FRI, nr);
		break;
	}
	vtd->reg[VTD_R_FSTS] = status;
}

/* Interrupt-remapping faults name an index, DMA faults a page. */
static uint64_t info_of(const struct iommu_fault *fault)
{
	return fault->addr &
	       (iommu_reason_is_ir(fault->reason) ? VTD_MASK(63, 48) : VTD_MASK(63, 12));
}

void vtd_fault(struct vtd *vtd, const struct iommu_fault *fault)
{
	bool first = !vtd->reg[VTD_R_FSTS];
	unsigned nr = vtd->next_frcd;

	if (fault->reason >= IOMMU_REASON_OURS || vtd->reg[VTD_R_FSTS] & VTD_FSTS_PFO)
		return;
	if (vtd->frcd[nr].hi & FRCD_F) {
		vtd->reg[VTD_R_FSTS] |= VTD_FSTS_PFO;
		return;
	}
	vtd->frcd[nr].lo = info_of(fault);
	vtd->frcd[nr].hi = FRCD_F | VTD_PUT(FRCD_SID, fault->rid) |
			   VTD_PUT(FRCD_FR, fault->reason) | (fault->write ? 0 : FRCD_READ);
	vtd->next_frcd = (nr + 1) % VTD_NUM_FRCD;
	vtd_fault_status(vtd);
	if (first)
		vtd_event(vtd, VTD_R_FECTL);
}

uint64_t vtd_frcd_read(const struct vtd *vtd, uint32_t offset)
{
	uint64_t word = offset & 8 ? vtd->frcd[offset / 16].hi : vtd->frcd[offset / 16].lo;

	return offset & 4 ? word >> 32 : word;
}

void vtd_frcd_write(struct vtd *vtd, uint32_t offset, uint32_t value)
{
	if ((offset & 12) != 12 || !(value & FRCD_F >> 32))
		return;
	vtd->frcd[offset / 16].hi &= ~FRCD_F;
	vtd_fault_status(vtd);
	if (!vtd->reg[VTD_R_FSTS])
		vtd->reg[VTD_R_FECTL] &= ~(uint64_t)VTD_EVENT_PEND;
}
