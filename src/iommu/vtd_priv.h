/* SPDX-License-Identifier: BSD-3-Clause */
/* vtd_priv.h - what the files of the unit share: vtd.c (registers), vtd_queue.c, vtd_fault.c.
 */
#ifndef LADON_IOMMU_VTD_PRIV_H
#define LADON_IOMMU_VTD_PRIV_H

#include "vtd.h"
#include "vtd_defs.h"

enum vtd_reg_index {
#define REG(name, offset, bytes, reset, rw, w1c) VTD_R_##name,
#include "vtd_regs.def"
#undef REG
	VTD_R_NUM
};

struct vtd {
	struct iommu_space space;
	struct vtd_tables *tables;    /* owned; NULL = the host's own */
	struct iommu_domain *domains; /* borrowed, a list */
	struct vtd_hooks hooks;
	uint64_t reg[VTD_R_NUM];
	uint64_t root; /* RTADDR when SRTP was written */
	struct {
		uint64_t lo, hi;
	} frcd[VTD_NUM_FRCD];
	unsigned next_frcd;
};

/* vtd.c: an event of FECTL (or IECTL): sent, or pending while masked. */
void vtd_event(struct vtd *vtd, enum vtd_reg_index control);
/* Reads dom's entries anew. */
void vtd_load(struct vtd *vtd, struct iommu_domain *dom);

/* vtd_queue.c: IQT was written. */
void vtd_queue_run(struct vtd *vtd);

/* vtd_fault.c */
uint64_t vtd_frcd_read(const struct vtd *vtd, uint32_t offset);
void vtd_frcd_write(struct vtd *vtd, uint32_t offset, uint32_t value);
/* FSTS.PPF and FRI from the records. */
void vtd_fault_status(struct vtd *vtd);

#endif
