/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_domain.c - the list of mappings, and the order of steps of map and unmap. What is
 * cached, and the data path's side, is in iommu_cache.c. */
#include "iommu_domain.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "vtd.h"

#define FIRST_CAP 16u

struct mapping {
	struct iommu_map_info info; /* info.mem is owned */
	struct iommu_slice slice;   /* of the host's space; size 0: none */
};

/* Sorted by IOVA, without overlap. Pointers, so that an insertion moves 8 bytes for each
 * mapping. */
struct iommu_map_table {
	struct mapping **map; /* owned, and so are the elements */
	unsigned n, cap;
};

/* Index of the first mapping that starts above iova. */
static unsigned table_above(const struct iommu_map_table *table, uint64_t iova)
{
	unsigned lo = 0, hi = table->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;

		if (table->map[mid]->info.iova <= iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* The mapping that contains iova, given at = table_above(iova). */
static struct mapping *table_at(const struct iommu_map_table *table, unsigned at, uint64_t iova)
{
	struct mapping *map = at ? table->map[at - 1] : NULL;

	return map && iova - map->info.iova < map->info.size ? map : NULL;
}

static bool table_overlaps(const struct iommu_map_table *table, unsigned at, uint64_t iova,
			   uint64_t size)
{
	return table_at(table, at, iova) ||
	       (at < table->n && table->map[at]->info.iova - iova < size);
}

static int table_grow(struct iommu_map_table *table)
{
	unsigned cap = table->cap ? table->cap * 2 : FIRST_CAP;
	struct mapping **map;

	if (table->n < table->cap)
		return 0;
	map = realloc(table->map, cap * sizeof(struct mapping *));
	if (!map)
		return -ENOMEM;
	table->map = map;
	table->cap = cap;
	return 0;
}

static void table_insert(struct iommu_map_table *table, unsigned at, struct mapping *map)
{
	memmove(&table->map[at + 1], &table->map[at],
		(table->n - at) * sizeof(struct mapping *));
	table->map[at] = map;
	table->n++;
}

static void table_remove(struct iommu_map_table *table, unsigned at)
{
	table->n--;
	memmove(&table->map[at], &table->map[at + 1],
		(table->n - at) * sizeof(struct mapping *));
}

static void mapping_free(struct iommu_domain *dom, struct mapping *map)
{
	if (map->slice.size) {
		iommu_space_remove(vtd_space(dom->unit), &map->slice);
		dom->bytes -= map->info.size;
	}
	iommu_mem_free(map->info.mem);
	free(map);
}

/* ---- life ---- */

/* With neither tables nor list: what needs no undoing step by step. */
static int domain_alloc(struct vtd *unit, struct iommu_domain **ret_dom)
{
	struct iommu_domain *dom = calloc(1, sizeof(*dom));
	int ret;

	if (!dom)
		return -ENOMEM;
	ret = iommu_flat_new(dom);
	dom->maps = calloc(1, sizeof(*dom->maps));
	dom->own_unit = !unit;
	dom->unit = unit;
	if (ret < 0 || !dom->maps || (dom->own_unit && vtd_new_local(&dom->unit) < 0)) {
		iommu_domain_free(dom);
		return -ENOMEM;
	}
	dom->space = vtd_space(dom->unit);
	*ret_dom = dom;
	return 0;
}

int iommu_domain_new(struct vtd *unit, uint16_t rid, void (*drain)(void *arg), void *drain_arg,
		     struct iommu_domain **ret_dom)
{
	struct iommu_domain *dom;
	int ret = domain_alloc(unit, &dom);

	if (ret < 0)
		return ret;
	dom->rid = rid;
	if (vtd_own_tables(dom->unit))
		ret = vtd_tables_attach(vtd_own_tables(dom->unit), &dom->pt, rid);
	if (ret < 0) {
		iommu_domain_free(dom);
		return ret;
	}
	vtd_add_domain(dom->unit, dom);
	dom->drain = drain;
	dom->drain_arg = drain_arg;
	dom->undrained = false; /* nobody has used it yet */
	*ret_dom = dom;
	return 0;
}

void iommu_domain_set_route(struct iommu_domain *dom, const struct iommu_route *route)
{
	dom->route = route;
}

void iommu_domain_free(struct iommu_domain *dom)
{
	if (!dom)
		return;
	if (dom->maps && dom->context) {
		iommu_unmap_all(dom);
		if (vtd_own_tables(dom->unit)) {
			dom->drain = NULL;
			vtd_tables_detach(vtd_own_tables(dom->unit), &dom->pt);
		}
		vtd_del_domain(dom->unit, dom);
	}
	if (dom->own_unit)
		vtd_free(dom->unit);
	if (dom->maps)
		free(dom->maps->map);
	free(dom->maps);
	iommu_flat_free(dom);
	free(dom);
}

/* ---- map and unmap ---- */

/* A range without memory or without permission is in the list only. */
static bool translates(const struct iommu_map_info *info)
{
	return info->mem && info->perm;
}

/* The tables no longer lead there; the unit has not been told. */
static void withdraw(struct iommu_domain *dom, const struct mapping *map)
{
	if (map->slice.size)
		vtd_tables_clear(vtd_own_tables(dom->unit), &dom->pt, map->info.iova,
				 map->info.size);
}

static int check_range(uint64_t iova, uint64_t size, uint32_t perm)
{
	if (size == 0 || (iova | size) & (IOMMU_PAGE - 1))
		return -EINVAL;
	if (iova >> VTD_TABLES_IOVA_BITS || size > BIT64(VTD_TABLES_IOVA_BITS) - iova)
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

/* What the pages can do, not what this mapping may: the tables say that. */
static uint32_t slice_perm(const struct iommu_mem *mem)
{
	return (mem->prot & PROT_READ ? IOMMU_READ : 0) |
	       (mem->prot & PROT_WRITE ? IOMMU_WRITE : 0);
}

/* Everything that can fail after the checks. *ret_map is filled but not yet in the list. */
static int prepare(struct iommu_domain *dom, const struct iommu_map_info *want,
		   uint64_t mem_offset, struct mapping **ret_map)
{
	struct mapping *map;
	int ret = 0;

	if (table_grow(dom->maps) < 0)
		return -ENOMEM;
	map = aligned_alloc(_Alignof(struct mapping), sizeof(*map));
	if (!map)
		return -ENOMEM;
	*map = (struct mapping){.info = *want};
	if (translates(want)) {
		ret = vtd_tables_reserve(vtd_own_tables(dom->unit), want->iova, want->size);
		if (ret == 0)
			ret = iommu_space_add(vtd_space(dom->unit), &map->slice,
					      want->mem->base + mem_offset, want->size,
					      slice_perm(want->mem), want->iova);
	}
	if (ret < 0) {
		free(map);
		return ret;
	}
	*ret_map = map;
	return 0;
}

static void publish(struct iommu_domain *dom, struct mapping *map)
{
	if (!map->slice.size)
		return;
	vtd_tables_map(vtd_own_tables(dom->unit), &dom->pt, map->info.iova, map->info.size,
		       map->slice.hpa, map->info.perm);
	dom->bytes += map->info.size;
}

int iommu_map(struct iommu_domain *dom, uint64_t iova, uint64_t size, uint32_t perm,
	      struct iommu_mem *mem, uint64_t mem_offset)
{
	struct iommu_map_info want = {.iova = iova, .size = size, .perm = perm, .mem = mem};
	struct mapping *map;
	unsigned at;
	int ret;

	ret = vtd_own_tables(dom->unit) ? check_range(iova, size, perm) : -EOPNOTSUPP;
	if (ret == 0)
		ret = check_mem(mem, mem_offset, size, perm);
	if (ret < 0)
		return ret;
	at = table_above(dom->maps, iova);
#ifndef LADON_BREAK_OVERLAP
	if (table_overlaps(dom->maps, at, iova, size))
		return -EEXIST;
#endif
	if (dom->maps->n >= IOMMU_MAX_MAPS ||
	    (translates(&want) && size > IOMMU_MAX_BYTES - dom->bytes))
		return -ENOSPC;
	ret = prepare(dom, &want, mem_offset, &map);
	if (ret < 0)
		return ret;
	table_insert(dom->maps, at, map);
	publish(dom, map);
	/* Nothing that is not present is ever cached: no invalidation, but whoever waits for
	 * the address looks at the generation. */
	atomic_fetch_add_explicit(&dom->generation, 1, memory_order_release);
	return 0;
}

int iommu_unmap(struct iommu_domain *dom, uint64_t iova, uint64_t size)
{
	unsigned at = table_above(dom->maps, iova);
	struct mapping *map = table_at(dom->maps, at, iova);

	if (!map || map->info.iova != iova || map->info.size != size)
		return -ENOENT;
	table_remove(dom->maps, at - 1);
	withdraw(dom, map);
	vtd_tables_sync_range(vtd_own_tables(dom->unit), &dom->pt, iova, size);
	vtd_tables_reap(vtd_own_tables(dom->unit), &dom->pt);
	mapping_free(dom, map);
	return 0;
}

void iommu_unmap_all(struct iommu_domain *dom)
{
	struct iommu_map_table *table = dom->maps;

	if (table->n == 0)
		return;
	for (unsigned i = 0; i < table->n; i++)
		withdraw(dom, table->map[i]);
	vtd_tables_sync_all(vtd_own_tables(dom->unit), &dom->pt);
	vtd_tables_reap(vtd_own_tables(dom->unit), &dom->pt);
	for (unsigned i = 0; i < table->n; i++)
		mapping_free(dom, table->map[i]);
	table->n = 0;
}

/* ---- first stage ---- */

int iommu_stage1(struct iommu_domain *dom, unsigned levels, uint64_t root)
{
	if (!vtd_own_tables(dom->unit))
		return -EOPNOTSUPP;
	if (levels && (levels < 4 || levels > 5 || root & (IOMMU_PAGE - 1) ||
		       root >> VTD_TABLES_IOVA_BITS))
		return -EINVAL;
	if (levels)
		iommu_flat_widen(dom);
	else if (iommu_domain_context(dom)->kind != VTD_NESTED)
		return 0;
	else
		iommu_flat_narrow(dom);
	vtd_tables_stage1(vtd_own_tables(dom->unit), &dom->pt, levels, root);
	if (!levels)
		iommu_flat_give_back(dom);
	return 0;
}

void iommu_stage1_forget(struct iommu_domain *dom, uint64_t addr, uint64_t size)
{
	if (vtd_own_tables(dom->unit))
		vtd_tables_sync_stage1(vtd_own_tables(dom->unit), &dom->pt, addr, size);
}

/* ---- what is mapped ---- */

bool iommu_find(const struct iommu_domain *dom, uint64_t iova, struct iommu_map_info *ret_info)
{
	const struct mapping *map;

	map = table_at(dom->maps, table_above(dom->maps, iova), iova);
	if (!map)
		return false;
	*ret_info = map->info;
	return true;
}

void iommu_for_each(const struct iommu_domain *dom,
		    void (*fn)(void *arg, const struct iommu_map_info *info), void *arg)
{
	for (unsigned i = 0; i < dom->maps->n; i++)
		fn(arg, &dom->maps->map[i]->info);
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
