/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_space.h - one host's physical address space (HPA): the memory that this host and its
 * clients have offered, and nothing else.
 *
 * Page tables hold physical addresses, and whoever writes them may be hostile. So a physical
 * address is never a pointer: it names a place in a *slice*, a piece of offered memory, or it
 * names nothing. A flat table with one word for each 2 MiB says which. A slice lies so that
 * its physical address and the IOVA that it is to be mapped at are equal modulo 2 MiB (modulo 1
 * GiB from 1 GiB on): superpages then work with memory that is merely page-aligned in this
 * process.
 *
 * Threads: the control thread adds and removes; any thread looks up. A slice is removed only
 * after everybody who may have found it was drained, or they are drained right after and the
 * memory lives on until then.
 */
#ifndef LADON_IOMMU_SPACE_H
#define LADON_IOMMU_SPACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define IOMMU_READ	    1u
#define IOMMU_WRITE	    2u
#define IOMMU_PAGE	    4096ull
#define IOMMU_GRANULE_SHIFT 21
#define IOMMU_GRANULE	    (1ull << IOMMU_GRANULE_SHIFT)

#define IOMMU_HPA_BITS	  46
#define IOMMU_SPACE_WORDS (1u << (IOMMU_HPA_BITS - IOMMU_GRANULE_SHIFT))
/* Below lie the interrupt window and the address 0; nothing is ever offered there. */
#define IOMMU_HPA_FIRST (1ull << 32)

/* A word of the table: 0; or pointer - HPA of a granule that one slice covers, with its
 * permissions; or the slice that covers a part of it. */
#define IOMMU_SPACE_WHOLE 4ull
#define IOMMU_SPACE_PART  8ull

/* A piece of offered memory, whole pages. Embedded where the memory is kept; addr and prev,
 * next are the space's. */
struct iommu_slice {
	_Alignas(16) uint64_t hpa;
	uint64_t size;
	uint8_t *base; /* borrowed, until it is removed */
	uint32_t perm; /* IOMMU_READ, IOMMU_WRITE: what may be done to the pages */
	struct iommu_slice *prev, *next;
};

struct iommu_space {
	_Atomic uint64_t *word;	 /* owned, IOMMU_SPACE_WORDS */
	struct iommu_slice ends; /* of the list of slices, in ascending order */
	/* No gap of a granule lies before the one that follows this slice. */
	struct iommu_slice *full_to;
};

/* Returns 0 or -ENOMEM. */
int iommu_space_init(struct iommu_space *space);
/* All slices have been removed. Takes one that was not initialised, if it is zero. */
void iommu_space_done(struct iommu_space *space);

/*
 * Offers size bytes at base (both page multiples, size > 0) with perm; slice->hpa is chosen
 * like iova. Returns 0, or -ENOSPC (64 TiB have been offered).
 */
int iommu_space_add(struct iommu_space *space, struct iommu_slice *slice, uint8_t *base,
		    uint64_t size, uint32_t perm, uint64_t iova);
/* The same at a place that somebody else has chosen: -EINVAL (hpa unaligned, below
 * IOMMU_HPA_FIRST or beyond the space), -EEXIST (it shares a granule with another slice). */
int iommu_space_add_at(struct iommu_space *space, struct iommu_slice *slice, uint8_t *base,
		       uint64_t size, uint32_t perm, uint64_t hpa);
void iommu_space_remove(struct iommu_space *space, struct iommu_slice *slice);

/*
 * The pointer that hpa stands for, or NULL when nothing is offered there. *ret_word is a
 * word of the table that tells perm (low two bits) and whether the slice covers the granule
 * (IOMMU_SPACE_WHOLE). *ret_run: bytes up to the end of granule or slice.
 */
static inline uint8_t *iommu_space_at(const struct iommu_space *space, uint64_t hpa,
				      uint64_t *ret_word, uint64_t *ret_run)
{
	const struct iommu_slice *slice;
	uint64_t word, left;

	if (unlikely(hpa >> IOMMU_HPA_BITS))
		return NULL;
	/* Acquire, with the release in iommu_space_add: shows the slice. */
	word = atomic_load_explicit(&space->word[hpa >> IOMMU_GRANULE_SHIFT],
				    memory_order_acquire);
	left = IOMMU_GRANULE - (hpa & (IOMMU_GRANULE - 1));
	if (likely(word & IOMMU_SPACE_WHOLE)) {
		*ret_word = word;
		*ret_run = left;
		return (uint8_t *)(uintptr_t)((word & ~(IOMMU_PAGE - 1)) + hpa);
	}
	if (!word)
		return NULL;
	slice = (const struct iommu_slice *)(uintptr_t)(word & ~15ull);
#ifndef LADON_BREAK_WALK_BOUNDS
	if (hpa - slice->hpa >= slice->size)
		return NULL;
#endif
	*ret_word = slice->perm;
	*ret_run = MIN(left, slice->size - (hpa - slice->hpa));
	return slice->base + (hpa - slice->hpa);
}

#endif
