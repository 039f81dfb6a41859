/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_domain.c - the list of mappings, the flat table, and the order of steps of map and
 * unmap. */
#include "iommu_domain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "iommu_radix.h"

#define FLAT_BYTES (IOMMU_FLAT_ENTRIES * sizeof(uint64_t))
#define FIRST_CAP  16u

/* Sorted by IOVA, without overlap. Pointers, so that an insertion moves 8 bytes for each
 * mapping. */
struct iommu_map_table {
	struct iommu_map_info **map; /* owned, and so are the elements */
	unsigned n, cap;
};

/* Index of the first mapping that starts above iova. */
static unsigned table_above(const struct iommu_map_table *table, uint64_t iova)
{
	unsigned lo = 0, hi = table->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (table->map[mid]->iova <= iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The mapping that contains iova, given at = table_above(iova). */
static struct iommu_map_info *table_at(const struct iommu_map_table *table, unsigned at,
				       uint64_t iova)
{
	struct iommu_map_info *info = at ? table->map[at - 1] : NULL;

	return info && iova - info->iova < info->size ? info : NULL;
}

static bool table_overlaps(const struct iommu_map_table *table, unsigned at, uint64_t iova,
			   uint64_t size)
{
	return table_at(table, at, iova) ||
	       (at < table->n && table->map[at]->iova - iova < size);
}

static int table_grow(struct iommu_map_table *table)
{
	unsigned cap = table->cap ? table->cap * 2 : FIRST_CAP;
	struct iommu_map_info **map;

	if (table->n < table->cap)
		return 0;
	map = realloc(table->map, cap * sizeof(struct iommu_map_info *));
	if (!map)
		return -ENOMEM;
	table->map = map;
	table->cap = cap;
	return 0;
}

static void table_insert(struct iommu_map_table *table, unsigned at,
			 struct iommu_map_info *info)
{
	memmove(&table->map[at + 1], &table->map[at],
		(table->n - at) * sizeof(struct iommu_map_info *));
	table->map[at] = info;
	table->n++;
}

static void table_remove(struct iommu_map_table *table, unsigned at)
{
	table->n--;
	memmove(&table->map[at], &table->map[at + 1],
		(table->n - at) * sizeof(struct iommu_map_info *));
}

static void map_info_free(struct iommu_map_info *info)
{
	iommu_mem_free(info->mem);
	free(info);
}

int iommu_domain_new(void (*drain)(void *arg), void *drain_arg, struct iommu_domain **ret_dom)
{
	struct iommu_domain *dom = calloc(1, sizeof(*dom));
	void *flat;

	if (!dom)
		return -ENOMEM;
	dom->drain = drain;
	dom->drain_arg = drain_arg;
	flat = mmap(NULL, FLAT_BYTES, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	dom->flat = flat == MAP_FAILED ? NULL : flat;
	dom->radix = iommu_radix_new();
	dom->maps = calloc(1, sizeof(*dom->maps));
	if (!dom->flat || !dom->radix || !dom->maps) {
		iommu_domain_free(dom);
		return -ENOMEM;
	}
	*ret_dom = dom;
	return 0;
}

void iommu_domain_free(struct iommu_domain *dom)
{
	if (!dom)
		return;
	if (dom->maps) {
		iommu_unmap_all(dom);
		free(dom->maps->map);
		free(dom->maps);
	}
	iommu_radix_free(dom->radix);
	if (dom->flat)
		munmap((void *)dom->flat, FLAT_BYTES);
	free(dom);
}

/* Writes entry for each granule that lies wholly inside the range. */
static void flat_fill(struct iommu_domain *dom, uint64_t iova, uint64_t size, uint64_t entry)
{
	uint64_t granule = ALIGN_UP(iova, BIT64(IOMMU_GRANULE_SHIFT)) >> IOMMU_GRANULE_SHIFT;
	uint64_t end = MIN((iova + size) >> IOMMU_GRANULE_SHIFT, (uint64_t)IOMMU_FLAT_ENTRIES);

	for (; granule < end; granule++)
		atomic_store_explicit(&dom->flat[granule], entry, memory_order_release);
}

/* A range without memory or without permission is in the list only. */
static bool translates(const struct iommu_map_info *info)
{
	return info->mem && info->perm;
}

static void publish(struct iommu_domain *dom, const struct iommu_map_info *info,
		    uint64_t mem_offset)
{
	uint64_t host = (uint64_t)(uintptr_t)info->mem->base + mem_offset;
	uint64_t entry = (host - info->iova) | info->perm;

	iommu_radix_set(dom->radix, info->iova, info->size, entry);
	flat_fill(dom, info->iova, info->size, entry);
}

static void withdraw(struct iommu_domain *dom, const struct iommu_map_info *info)
{
	if (!translates(info))
		return;
	flat_fill(dom, info->iova, info->size, 0);
	iommu_radix_clear(dom->radix, info->iova, info->size);
}

/* The generation tells a reader that looks; the drain waits for one that does not. */
static void changed(struct iommu_domain *dom)
{
	atomic_fetch_add_explicit(&dom->generation, 1, memory_order_release);
}

static void drain_and_reap(struct iommu_domain *dom)
{
	changed(dom);
	if (dom->drain)
		dom->drain(dom->drain_arg);
	iommu_radix_reap(dom->radix);
}

static int check_range(uint64_t iova, uint64_t size, uint32_t perm)
{
	if (size == 0 || (iova | size) & (IOMMU_PAGE - 1))
		return -EINVAL;
	if (iova >> IOMMU_IOVA_BITS || size > BIT64(IOMMU_IOVA_BITS) - iova)
		return -EINVAL;
	return perm & ~(IOMMU_READ | IOMMU_WRITE) ? -EINVAL : 0;
}

static int check_mem(const struct iommu_mem *mem, uint64_t mem_offset, uint64_t size,
		     uint32_t perm)
{
	if (!mem)
		return 0;
	if (mem_offset & (IOMMU_PAGE - 1) || mem_offset > mem->size ||
	    size > mem->size - mem_offset)
		return -EINVAL;
	/* A permission that the pages do not have would be a SIGSEGV on the data path. */
	if ((perm & IOMMU_READ && !(mem->prot & PROT_READ)) ||
	    (perm & IOMMU_WRITE && !(mem->prot & PROT_WRITE)))
		return -EACCES;
	return 0;
}

/* Everything that can fail after the checks. *ret_info is filled but not yet in the list. */
static int prepare(struct iommu_domain *dom, const struct iommu_map_info *want,
		   struct iommu_map_info **ret_info)
{
	struct iommu_map_info *info;

	if (table_grow(dom->maps) < 0)
		return -ENOMEM;
	if (translates(want) && iommu_radix_reserve(dom->radix, want->iova, want->size) < 0)
		return -ENOMEM;
	info = calloc(1, sizeof(*info));
	if (!info)
		return -ENOMEM;
	*info = *want;
	*ret_info = info;
	return 0;
}

int iommu_map(struct iommu_domain *dom, uint64_t iova, uint64_t size, uint32_t perm,
	      struct iommu_mem *mem, uint64_t mem_offset)
{
	struct iommu_map_info want = {.iova = iova, .size = size, .perm = perm, .mem = mem};
	struct iommu_map_info *info;
	unsigned at;
	int ret;

	ret = check_range(iova, size, perm);
	if (ret == 0)
		ret = check_mem(mem, mem_offset, size, perm);
	if (ret < 0)
		return ret;
	at = table_above(dom->maps, iova);
	if (table_overlaps(dom->maps, at, iova, size))
		return -EEXIST;
	if (dom->maps->n >= IOMMU_MAX_MAPS)
		return -ENOSPC;
	ret = prepare(dom, &want, &info);
	if (ret < 0)
		return ret;
	table_insert(dom->maps, at, info);
	if (translates(info))
		publish(dom, info, mem_offset);
	changed(dom);
	return 0;
}

int iommu_unmap(struct iommu_domain *dom, uint64_t iova, uint64_t size)
{
	unsigned at = table_above(dom->maps, iova);
	struct iommu_map_info *info = table_at(dom->maps, at, iova);

	if (!info || info->iova != iova || info->size != size)
		return -ENOENT;
	table_remove(dom->maps, at - 1);
	withdraw(dom, info);
	drain_and_reap(dom);
	map_info_free(info);
	return 0;
}

void iommu_unmap_all(struct iommu_domain *dom)
{
	struct iommu_map_table *table = dom->maps;

	if (table->n == 0)
		return;
	for (unsigned i = 0; i < table->n; i++)
		withdraw(dom, table->map[i]);
	drain_and_reap(dom);
	for (unsigned i = 0; i < table->n; i++)
		map_info_free(table->map[i]);
	table->n = 0;
}

bool iommu_find(const struct iommu_domain *dom, uint64_t iova, struct iommu_map_info *ret_info)
{
	const struct iommu_map_info *info;

	info = table_at(dom->maps, table_above(dom->maps, iova), iova);
	if (!info)
		return false;
	*ret_info = *info;
	return true;
}

void iommu_for_each(const struct iommu_domain *dom,
		    void (*fn)(void *arg, const struct iommu_map_info *info), void *arg)
{
	for (unsigned i = 0; i < dom->maps->n; i++)
		fn(arg, dom->maps->map[i]);
}

static void usage_add(void *arg, const struct iommu_map_info *info)
{
	struct iommu_usage *usage = arg;

	usage->maps++;
	if (!info->mem) {
		usage->bytes_msg += info->size;
		return;
	}
	usage->bytes_mem += info->size;
	usage->any_lost |= atomic_load_explicit(&info->mem->lost, memory_order_acquire);
}

void iommu_usage(const struct iommu_domain *dom, struct iommu_usage *ret_usage)
{
	*ret_usage = (struct iommu_usage){0};
	iommu_for_each(dom, usage_add, ret_usage);
}
