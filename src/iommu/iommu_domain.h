/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_domain.h - one IOMMU address space: IOVA -> host pointer, with permissions.
 *
 * The radix tree (4 levels of 9 bits, 4 KiB pages, 2 MiB and 1 GiB leaves) is the truth. Over
 * it lies a flat table: 8 bytes for each 2 MiB of the first 512 GiB of IOVA (2 MiB of address
 * space, reserved without being paid for), holding {host pointer - IOVA | permissions} where
 * one mapping covers the whole granule; a hit is one load. 0 in the flat table means: walk the
 * tree.
 *
 * Threads: the control thread maps and unmaps; the data path only calls iommu_xlate. Entries
 * are single 64-bit atomics. iommu_unmap clears entries, bumps the generation, calls the drain
 * function (which returns when the data path has passed a quiesce point) and only then frees
 * memory: when it returns, nobody holds a pointer into what went away.
 */
#ifndef LADON_IOMMU_DOMAIN_H
#define LADON_IOMMU_DOMAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "iommu_mem.h"
#include "iommu_space.h"

#define IOMMU_FLAT_ENTRIES  (1u << 18) /* x 2 MiB = 512 GiB */
#define IOMMU_MAX_MAPS	    65535u

struct iommu_domain {
	_Atomic uint64_t *flat;	      /* IOMMU_FLAT_ENTRIES entries */
	struct iommu_radix *radix;    /* owned */
	_Atomic uint64_t generation;  /* bumped by every change; release */
	struct iommu_map_table *maps; /* owned: sorted list of mappings, control thread only */
	void (*drain)(void *arg);
	void *drain_arg;
};

/* drain may be NULL (no data path yet). Returns 0 or -ENOMEM. */
int iommu_domain_new(void (*drain)(void *arg), void *drain_arg, struct iommu_domain **ret_dom);
/* Unmaps all, frees. The data path no longer knows dom. Takes NULL. */
void iommu_domain_free(struct iommu_domain *dom);

/*
 * Maps [iova, iova+size) onto mem at mem_offset with perm (IOMMU_READ|IOMMU_WRITE). mem == NULL
 * records a range without memory (fd-less: DMA by messages; or P2P): it takes part in overlap
 * checks and unmap, but translates to nothing. All values are 4 KiB multiples, else -EINVAL.
 * mem is consumed on success, and belongs to one mapping only. Errors: -EINVAL (alignment,
 * wrap, size 0, beyond 2^48 or the end of mem, unknown perm), -EACCES (perm that mem->prot
 * lacks), -EEXIST (overlap), -ENOSPC (too many mappings), -ENOMEM. On failure nothing has
 * changed.
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

/* The tree walk behind iommu_xlate; same contract. */
void *iommu_walk(const struct iommu_domain *dom, uint64_t iova, uint32_t *len, uint32_t need);

/*
 * Translates the first part of [iova, iova + *len): returns the host pointer and trims *len to
 * what is contiguous behind it (at least to the end of the page), or NULL when iova is not
 * mapped with all of need (IOMMU_READ, IOMMU_WRITE or both; never 0: that would match an empty
 * entry). The pointer is good until the next quiesce point of the caller. Wrap of iova + *len
 * is the walk's to refuse. Callable from one data-path thread while the control thread changes
 * the domain.
 */
static inline void *iommu_xlate(const struct iommu_domain *dom, uint64_t iova, uint32_t *len,
				uint32_t need)
{
	uint64_t granule = iova >> IOMMU_GRANULE_SHIFT;

	if (likely(granule < IOMMU_FLAT_ENTRIES)) {
		/* Acquire, with the release in iommu_map: shows what mem held before. */
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
