/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_walk.h - the engine that walks VT-d's tables: RID -> context -> leaf.
 *
 * Tables are memory that a hostile party may be writing at this moment. Each 64-bit word is
 * read once, atomically, judged, and used; nothing is read twice. A pointer in a table leads
 * into the host's space (iommu_space.h) or is a fault. The longest walk (nested, 5 levels on 5)
 * reads 35 words.
 */
#ifndef LADON_IOMMU_VTD_WALK_H
#define LADON_IOMMU_VTD_WALK_H

#include "iommu_fault.h"
#include "iommu_space.h"

enum vtd_kind {
	VTD_REFUSED, /* vtd_context.reason says why */
	VTD_PASS,    /* untranslated: IOVA = HPA */
	VTD_SECOND,  /* second stage only */
	VTD_FIRST,   /* first stage only */
	VTD_NESTED,  /* first stage on second */
};

/* What root, context and PASID entry say of one RID: the context cache. */
struct vtd_context {
	enum vtd_kind kind;
	enum iommu_reason reason; /* of VTD_REFUSED */
	bool scalable;		  /* which set of fault reasons applies */
	bool no_faults;		  /* FPD: faults are not recorded */
	bool nxe;		  /* XD is not reserved in first-stage entries */
	bool found;		  /* did is valid */
	uint16_t did;
	uint32_t pasid; /* RID_PASID */
	unsigned ss_levels, fs_levels;
	uint64_t ss_root, fs_root; /* fs_root is an HPA, or a GPA when nested */
	uint64_t end; /* first address beyond (the lower half, with a first stage) */
};

/* Reads the entries of rid. rtaddr: the RTADDR register; on: translation is enabled. */
void vtd_context_load(const struct iommu_space *space, uint64_t rtaddr, bool on, uint16_t rid,
		      struct vtd_context *ret_ctx);

/* A translation: hpa of the address asked for; 2^shift bytes around it are contiguous and have
 * perm. Of a first-stage page that is not dirty yet, perm lacks IOMMU_WRITE until a write has
 * made it so. */
struct vtd_leaf {
	uint64_t hpa;
	uint32_t perm;
	unsigned shift;
};

/*
 * Translates addr for need (IOMMU_READ, IOMMU_WRITE or both). Returns 0 with *ret_leaf, or the
 * reason of the fault. The HPA need not be offered memory: that is for iommu_space_at to say.
 */
enum iommu_reason vtd_translate(const struct iommu_space *space, const struct vtd_context *ctx,
				uint64_t addr, uint32_t need, struct vtd_leaf *ret_leaf);

/* Is the address inside the interrupt window 0xfeexxxxx? */
static inline bool vtd_is_interrupt(uint64_t addr)
{
	return addr >> 20 == 0xfee;
}

#endif
