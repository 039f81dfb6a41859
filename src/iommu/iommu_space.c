/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_space.c - where slices are put. First fit, so that the table stays small and dense; two
 * slices never share a granule. */
#include "iommu_space.h"

#include <assert.h>
#include <errno.h>
#include <sys/mman.h>

#define TABLE_BYTES (IOMMU_SPACE_WORDS * sizeof(uint64_t))
#define GIB	    (1ull << 30)

int iommu_space_init(struct iommu_space *space)
{
	void *word = mmap(NULL, TABLE_BYTES, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (word == MAP_FAILED)
		return -ENOMEM;
	*space = (struct iommu_space){.word = word};
	/* Of no size, at the first address: what comes first comes after it. */
	space->ends.hpa = IOMMU_HPA_FIRST;
	space->ends.prev = space->ends.next = &space->ends;
	space->full_to = &space->ends;
	return 0;
}

void iommu_space_done(struct iommu_space *space)
{
	if (!space->word)
		return;
	assert(space->ends.next == &space->ends);
	munmap((void *)space->word, TABLE_BYTES);
	space->word = NULL;
}

/* Start of the first granule behind a slice; first address that nothing before a slice has. */
static uint64_t behind(const struct iommu_slice *slice)
{
	return ALIGN_UP(slice->hpa + slice->size, IOMMU_GRANULE);
}

static uint64_t limit_before(const struct iommu_space *space, const struct iommu_slice *slice)
{
	return slice == &space->ends ? BIT64(IOMMU_HPA_BITS)
				     : ALIGN_DOWN(slice->hpa, IOMMU_GRANULE);
}

/* The slice behind which size bytes fit, like iova; *ret_hpa is where. NULL = nowhere. */
static struct iommu_slice *find_gap(struct iommu_space *space, uint64_t size, uint64_t iova,
				    uint64_t *ret_hpa)
{
	uint64_t modulus = size >= GIB ? GIB : IOMMU_GRANULE;
	struct iommu_slice *at = space->full_to;
	bool packed = true;

	do {
		uint64_t start = behind(at), limit = limit_before(space, at->next);
		uint64_t hpa = ALIGN_DOWN(start, modulus) + (iova & (modulus - 1));

		if (hpa < start)
			hpa += modulus;
		if (hpa < limit && size <= limit - hpa) {
			*ret_hpa = hpa;
			return at;
		}
		packed &= start >= limit;
		at = at->next;
		if (packed)
			space->full_to = at;
	} while (at != &space->ends);
	space->full_to = packed ? space->ends.prev : space->full_to;
	return NULL;
}

/* What the table says of the granule at hpa while slice is there. */
static uint64_t word_of(const struct iommu_slice *slice, uint64_t granule)
{
	uint64_t from = granule << IOMMU_GRANULE_SHIFT;

	if (from < slice->hpa || from + IOMMU_GRANULE > slice->hpa + slice->size)
		return (uint64_t)(uintptr_t)slice | IOMMU_SPACE_PART;
	return ((uint64_t)(uintptr_t)slice->base - slice->hpa) | IOMMU_SPACE_WHOLE |
	       slice->perm;
}

static void set_words(struct iommu_space *space, const struct iommu_slice *slice, bool there)
{
	uint64_t granule = slice->hpa >> IOMMU_GRANULE_SHIFT;
	uint64_t end = behind(slice) >> IOMMU_GRANULE_SHIFT;

	for (; granule < end; granule++)
		atomic_store_explicit(&space->word[granule],
				      there ? word_of(slice, granule) : 0,
				      memory_order_release);
}

static void link_in(struct iommu_space *space, struct iommu_slice *slice,
		    struct iommu_slice *prev)
{
	slice->prev = prev;
	slice->next = prev->next;
	prev->next->prev = slice;
	prev->next = slice;
	set_words(space, slice, true);
}

int iommu_space_add_at(struct iommu_space *space, struct iommu_slice *slice, uint8_t *base,
		       uint64_t size, uint32_t perm, uint64_t hpa)
{
	struct iommu_slice *prev = space->ends.prev;

	assert(size && !(((uintptr_t)base | size) & (IOMMU_PAGE - 1)));
	if (hpa & (IOMMU_PAGE - 1) || hpa < IOMMU_HPA_FIRST || hpa >> IOMMU_HPA_BITS ||
	    size > BIT64(IOMMU_HPA_BITS) - hpa)
		return -EINVAL;
	while (prev != &space->ends && prev->hpa > hpa)
		prev = prev->prev;
	*slice = (struct iommu_slice){.hpa = hpa, .size = size, .base = base, .perm = perm};
	if (ALIGN_DOWN(hpa, IOMMU_GRANULE) < behind(prev) ||
	    behind(slice) > limit_before(space, prev->next))
		return -EEXIST;
	link_in(space, slice, prev);
	return 0;
}

int iommu_space_add(struct iommu_space *space, struct iommu_slice *slice, uint8_t *base,
		    uint64_t size, uint32_t perm, uint64_t iova)
{
	struct iommu_slice *prev;
	uint64_t hpa;

	assert(size && !(((uintptr_t)base | size) & (IOMMU_PAGE - 1)));
	if (size >> IOMMU_HPA_BITS)
		return -ENOSPC;
	prev = find_gap(space, size, iova & ~(IOMMU_PAGE - 1), &hpa);
	if (!prev)
		return -ENOSPC;
	*slice = (struct iommu_slice){.hpa = hpa, .size = size, .base = base, .perm = perm};
	link_in(space, slice, prev);
	return 0;
}

void iommu_space_remove(struct iommu_space *space, struct iommu_slice *slice)
{
	set_words(space, slice, false);
	slice->prev->next = slice->next;
	slice->next->prev = slice->prev;
	if (slice->hpa <= space->full_to->hpa)
		space->full_to = slice->prev;
	slice->prev = slice->next = NULL;
}
