/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_domain.h - one function's address space: IOVA -> host pointer, with permissions.
 *
 * VT-d's tables are the truth: those that the unit's host has written for the function's
 * routing ID (iommu_map writes them for the host in this process). Over them lies a flat table:
 * 8 bytes for each 2 MiB of the first 512 GiB of IOVA (2 MiB of address space, reserved without
 * being paid for), holding {host pointer - IOVA | permissions} where one translation covers the
 * whole granule; a hit is one load. 0 in the flat table means: walk the tables, and fill it.
 * While there is a first stage the flat table reaches up to 2^47, as a process's addresses do.
 *
 * Threads: the control thread changes tables and invalidates; the data path only calls
 * iommu_xlate. Filling races with invalidation. The one who fills reads the generation, walks,
 * stores, fences, reads the generation again and takes its store back if that has moved. The
 * one who invalidates changes the table, moves the generation, fences, clears the flat entries,
 * and drains. So after the drain no entry and no pointer from before is left: iommu_unmap frees
 * memory only then.
 */
#ifndef LADON_IOMMU_DOMAIN_H
#define LADON_IOMMU_DOMAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "iommu_mem.h"
#include "iommu_space.h"
#include "vtd_tables.h"
#include "vtd_walk.h"

#define IOMMU_FLAT_ENTRIES (1u << 18) /* x 2 MiB = 512 GiB */
#define IOMMU_MAX_MAPS	   65535u
#define IOMMU_MAX_BYTES	   (1ull << 40) /* of memory, for one domain */

#define IOMMU_FLAT_MAX	 (1u << 26) /* with a first stage: 512 MiB of address space ... */
#define IOMMU_FLAT_HIGH	 512u	    /* ... of which so many pages are ever used */
#define IOMMU_FLAT_PAGES (IOMMU_FLAT_MAX / 512)

/* Where an address comes out: there, for run bytes (at least 1), with perm. */
struct iommu_passed {
	uint64_t addr, run;
	uint32_t perm;
};

/*
 * What lies between a function and the unit of a host that is not this process's: asked by
 * every walk, before the tables. A change is followed by iommu_domain_forget_all and a drain.
 */
struct iommu_route {
	void *arg;
	/* Returns 0 if iova may pass for need, or why not. say: it was refused, and this time
	 * is to be counted. Any thread. */
	enum iommu_reason (*pass)(void *arg, uint64_t iova, uint32_t need, bool say,
				  struct iommu_passed *ret);
};

struct iommu_domain {
	_Atomic uint64_t *flat;
	_Atomic uint64_t flat_entries;		     /* IOMMU_FLAT_ENTRIES or IOMMU_FLAT_MAX */
	_Atomic uint64_t generation;		     /* moved by every change */
	_Atomic(const struct vtd_context *) context; /* one of the two below; release */
	const struct iommu_space *space;	     /* borrowed: the unit's */
	const struct iommu_route *route;	     /* borrowed; NULL: the unit is next door */
	_Atomic unsigned high_pages;		     /* in use beyond IOMMU_FLAT_ENTRIES */
	/* A bit for each page of the flat table: only those that hold something are cleared. */
	_Atomic uint64_t filled[IOMMU_FLAT_PAGES / 64];
	/* Control thread only from here. */
	struct vtd_context contexts[2];
	struct vtd *unit; /* borrowed, or owned */
	bool own_unit;
	bool undrained; /* something was invalidated since the last drain */
	uint16_t rid;
	struct iommu_domain *next;    /* the unit's list */
	struct vtd_pt pt;	      /* its tables, when the unit's tables are ours */
	struct iommu_map_table *maps; /* owned: sorted list of mappings */
	uint64_t bytes;		      /* of memory in them */
	void (*drain)(void *arg);
	void *drain_arg;
};

/*
 * The address space of rid at unit; NULL: a unit of its own. drain may be NULL (no data path
 * yet). Returns 0, -ENOMEM, -ENOSPC (the host's space is full) or -EEXIST (rid has one).
 */
int iommu_domain_new(struct vtd *unit, uint16_t rid, void (*drain)(void *arg), void *drain_arg,
		     struct iommu_domain **ret_dom);
/* Before the data path knows dom. */
void iommu_domain_set_route(struct iommu_domain *dom, const struct iommu_route *route);
/* Unmaps all, frees. The data path no longer knows dom. Takes NULL. */
void iommu_domain_free(struct iommu_domain *dom);

/*
 * Maps [iova, iova+size) onto mem at mem_offset with perm (IOMMU_READ|IOMMU_WRITE). mem == NULL
 * records a range without memory (fd-less: DMA by messages; or P2P): it takes part in overlap
 * checks and unmap, but translates to nothing. All values are 4 KiB multiples, else -EINVAL.
 * mem is consumed on success, and belongs to one mapping only. Errors: -EINVAL (alignment,
 * wrap, size 0, beyond 2^48 or the end of mem, unknown perm), -EACCES (perm that mem->prot
 * lacks), -EEXIST (overlap), -ENOSPC (too many mappings, or too much memory), -ENOMEM,
 * -EOPNOTSUPP (the host writes its tables itself). On failure nothing has changed.
 */
int iommu_map(struct iommu_domain *dom, uint64_t iova, uint64_t size, uint32_t perm,
	      struct iommu_mem *mem, uint64_t mem_offset);
/* The exact range of one earlier map, else -ENOENT. Returns drained. */
int iommu_unmap(struct iommu_domain *dom, uint64_t iova, uint64_t size);
/* All mappings, one drain. */
void iommu_unmap_all(struct iommu_domain *dom);

/* The mapping that contains iova. mem NULL in *ret for a range without memory. False = none. */
struct iommu_map_info {
	uint64_t iova, size;
	uint32_t perm;
	struct iommu_mem *mem; /* borrowed until unmap */
};
bool iommu_find(const struct iommu_domain *dom, uint64_t iova, struct iommu_map_info *ret_info);
/* Calls fn for every mapping in ascending order. */
void iommu_for_each(const struct iommu_domain *dom,
		    void (*fn)(void *arg, const struct iommu_map_info *info), void *arg);
/* Totals for `ladon show`: mappings, bytes with memory, bytes without. */
struct iommu_usage {
	unsigned maps;
	uint64_t bytes_mem, bytes_msg;
	bool any_lost; /* a memory file was truncated */
};
void iommu_usage(const struct iommu_domain *dom, struct iommu_usage *ret_usage);

/*
 * A first stage on top of what is mapped (nested translation): tables of 4 or 5 levels that the
 * client keeps in its own memory, root being an IOVA as iommu_map knows it. IOVAs of DMA are
 * from then on what these tables translate. levels 0: without. Returns drained: 0, -EINVAL
 * (levels, root unaligned or beyond 2^48), -EOPNOTSUPP.
 */
int iommu_stage1(struct iommu_domain *dom, unsigned levels, uint64_t root);
/* The client changed first-stage entries of [addr, addr + size); size 0: of any address.
 * Returns drained. */
void iommu_stage1_forget(struct iommu_domain *dom, uint64_t addr, uint64_t size);

/* The walk behind iommu_xlate; same contract. */
void *iommu_walk(struct iommu_domain *dom, uint64_t iova, uint32_t *len, uint32_t need);
/*
 * Why iommu_xlate said NULL: an enum iommu_reason, 0 if it would not say so now. It walks
 * again, so the tables may have changed in between. *ret_record: the fault is to be recorded
 * (the context's FPD is clear). Any thread.
 */
unsigned iommu_reason(const struct iommu_domain *dom, uint64_t iova, uint32_t need,
		      bool *ret_record);

/* For iommu_domain.c: the flat table, and how far it reaches. */
int iommu_flat_new(struct iommu_domain *dom);
void iommu_flat_free(struct iommu_domain *dom);
void iommu_flat_widen(struct iommu_domain *dom);
/* narrow first, then drain, then give back. */
void iommu_flat_narrow(struct iommu_domain *dom);
void iommu_flat_give_back(struct iommu_domain *dom);

/* For the unit. Sets the context (the flat table is emptied, a drain is due). */
void iommu_domain_set_context(struct iommu_domain *dom, const struct vtd_context *ctx);
const struct vtd_context *iommu_domain_context(const struct iommu_domain *dom);
/* Empties the flat table, or the part that size bytes at iova can be in; a drain is due. */
void iommu_domain_forget(struct iommu_domain *dom, uint64_t iova, uint64_t size);
void iommu_domain_forget_all(struct iommu_domain *dom);
/* Drains if it is due. */
void iommu_domain_drain(struct iommu_domain *dom);

/*
 * Translates the first part of [iova, iova + *len): returns the host pointer and trims *len to
 * what is contiguous behind it (at least to the end of the page), or NULL when iova is not
 * mapped with all of need (IOMMU_READ, IOMMU_WRITE or both; never 0: that would match an empty
 * entry). The pointer is good until the next quiesce point of the caller. Wrap of iova + *len
 * is the walk's to refuse. Callable from one data-path thread while the control thread changes
 * the domain.
 */
static inline void *iommu_xlate(struct iommu_domain *dom, uint64_t iova, uint32_t *len,
				uint32_t need)
{
	uint64_t granule = iova >> IOMMU_GRANULE_SHIFT;

	if (likely(granule < atomic_load_explicit(&dom->flat_entries, memory_order_relaxed))) {
		/* Acquire, with the release of whoever filled it: shows what lies there. */
		uint64_t e = atomic_load_explicit(&dom->flat[granule], memory_order_acquire);

		if (likely((e & need) == need)) {
			uint64_t left = BIT64(IOMMU_GRANULE_SHIFT) -
					(iova & (BIT64(IOMMU_GRANULE_SHIFT) - 1));

			if (unlikely(*len > left))
				*len = (uint32_t)left;
			return (void *)(uintptr_t)((e & ~(IOMMU_PAGE - 1)) + iova);
		}
	}
	return iommu_walk(dom, iova, len, need);
}

#endif
