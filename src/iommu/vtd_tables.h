/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_tables.h - a host's system software: it writes root, context, PASID and second-stage
 * tables into the host's space, and tells the unit of changes by its invalidation queue, as a
 * kernel's driver does. Scalable mode, second stage of 4 levels, one address space a routing
 * ID. The unit may be in this process or somebody else's (struct vtd_access). Control thread
 * only.
 */
#ifndef LADON_IOMMU_VTD_TABLES_H
#define LADON_IOMMU_VTD_TABLES_H

#include "vtd_pages.h"

#define VTD_TABLES_IOVA_BITS 48

struct vtd_tables;

/* How the software reaches its unit. */
struct vtd_access {
	void *arg;
	/* Writes a register; size 4 or 8. */
	void (*write)(void *arg, uint32_t offset, unsigned size, uint64_t value);
	/* The unit has not come to the end of its queue yet: waits a little. False: there is no
	 * unit any more. NULL: a write of IQT returns when the queue is done. */
	bool (*wait)(void *arg);
	struct vtd_memory memory;
};

/* One RID's tables. */
struct vtd_pt {
	uint64_t dir, pasids, root; /* pages; 0 = not attached */
	uint64_t retired;	    /* list of tables that a walker may still be inside */
	uint16_t rid, did;
};

/* Writes empty tables, sets the unit's registers, turns translation on. space: the host's, as
 * the software knows it (borrowed); access is copied. 0 or -ENOMEM, or what memory.offer said.
 */
int vtd_tables_new(struct iommu_space *space, const struct vtd_access *access,
		   struct vtd_tables **ret_tables);
/* Turns translation off. All RIDs are detached. Takes NULL. */
void vtd_tables_free(struct vtd_tables *tables);

/* An empty address space for rid, with a domain number that no other has. Not yet known to the
 * unit: vtd_tables_sync_context. Returns 0, -ENOMEM, -EEXIST (rid has one), or -ENOSPC (no
 * number is left). */
int vtd_tables_attach(struct vtd_tables *tables, struct vtd_pt *pt, uint16_t rid);
/* Blocks rid, drained; frees its (empty) tables. */
void vtd_tables_detach(struct vtd_tables *tables, struct vtd_pt *pt);

/* Puts pages aside for what vtd_tables_map may need: 0, -ENOMEM, -ENOSPC. */
int vtd_tables_reserve(struct vtd_tables *tables, uint64_t iova, uint64_t size);
/* Maps an empty, reserved range with the largest pages that fit. perm is not 0. */
void vtd_tables_map(struct vtd_tables *tables, struct vtd_pt *pt, uint64_t iova, uint64_t size,
		    uint64_t hpa, uint32_t perm);
/* Empties a range that one vtd_tables_map filled. The unit does not know yet. */
void vtd_tables_clear(struct vtd_tables *tables, struct vtd_pt *pt, uint64_t iova,
		      uint64_t size);
/* After a sync: gives tables back that became empty. */
void vtd_tables_reap(struct vtd_tables *tables, struct vtd_pt *pt);

/* Puts a first stage on top (levels 4 or 5, root page-aligned; 0: takes it away), drained. */
void vtd_tables_stage1(struct vtd_tables *tables, struct vtd_pt *pt, unsigned levels,
		       uint64_t root);

/* These return when the unit has forgotten what it cached, and DMA in flight has drained. */
void vtd_tables_sync_context(struct vtd_tables *tables, const struct vtd_pt *pt);
void vtd_tables_sync_range(struct vtd_tables *tables, const struct vtd_pt *pt, uint64_t iova,
			   uint64_t size);
void vtd_tables_sync_all(struct vtd_tables *tables, const struct vtd_pt *pt);
/* 2^bits entries of the interrupt-remapping table from index, a multiple of that. */
void vtd_tables_sync_irte(struct vtd_tables *tables, unsigned index, unsigned bits);
/* A table of 2^bits of them (2 to 16), which lies at hpa, page-aligned, is in force from now
 * on. */
void vtd_tables_set_irt(struct vtd_tables *tables, uint64_t hpa, unsigned bits);
/* A range of first-stage addresses. */
void vtd_tables_sync_stage1(struct vtd_tables *tables, const struct vtd_pt *pt, uint64_t addr,
			    uint64_t size);

#endif
