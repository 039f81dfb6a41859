/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_radix.c - see iommu_radix.h for the form of the tree and who may be inside it when. */
#include "iommu_radix.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "iommu_domain.h"

#define LEVEL_BITS     9
#define NODE_ENTRIES   (1u << LEVEL_BITS)
#define TOP_LEVEL      3u
#define MAX_LEAF_LEVEL 2u /* 1 GiB */
#define TABLE	       4ull
#define NODE_MASK      (~(uint64_t)(CACHE_LINE - 1))
#define SPARES_KEPT    8u
/* A range ends in at most two half-covered 1 GiB entries and two half-covered 2 MiB entries. */
#define EDGE_NODES 4u

struct node {
	_Alignas(CACHE_LINE) _Atomic uint64_t entry[NODE_ENTRIES];
	/* Control thread only. The link is not kept in entry[]: a walker would take it for an
	 * entry. */
	unsigned used;
	struct node *next;
};

struct iommu_radix {
	struct node root;
	struct node *spare; /* owned, all entries 0 */
	unsigned n_spare;
	struct node *retired; /* owned, all entries 0, a walker may be inside */
};

static unsigned level_shift(unsigned level)
{
	return 12 + LEVEL_BITS * level;
}

static _Atomic uint64_t *slot_of(struct node *node, unsigned level, uint64_t iova)
{
	return &node->entry[(iova >> level_shift(level)) & (NODE_ENTRIES - 1)];
}

static struct node *entry_node(uint64_t entry)
{
	return (struct node *)(uintptr_t)(entry & NODE_MASK);
}

static void *node_alloc(size_t size)
{
	void *mem = aligned_alloc(CACHE_LINE, ALIGN_UP(size, CACHE_LINE));

	if (mem)
		memset(mem, 0, size);
	return mem;
}

static void spare_push(struct iommu_radix *radix, struct node *node)
{
	node->next = radix->spare;
	radix->spare = node;
	radix->n_spare++;
}

static struct node *spare_pop(struct iommu_radix *radix)
{
	struct node *node = radix->spare;

	assert(node); /* iommu_radix_reserve counted wrong */
	radix->spare = node->next;
	radix->n_spare--;
	return node;
}

static void spare_trim(struct iommu_radix *radix, unsigned keep)
{
	while (radix->n_spare > keep)
		free(spare_pop(radix));
}

struct iommu_radix *iommu_radix_new(void)
{
	return node_alloc(sizeof(struct iommu_radix));
}

void iommu_radix_free(struct iommu_radix *radix)
{
	if (!radix)
		return;
	assert(radix->root.used == 0 && !radix->retired);
	spare_trim(radix, 0);
	free(radix);
}

int iommu_radix_reserve(struct iommu_radix *radix, uint64_t iova, uint64_t size)
{
	unsigned shift = level_shift(TOP_LEVEL);
	uint64_t tops = ((iova + size - 1) >> shift) - (iova >> shift) + 1;

	while (radix->n_spare < tops + EDGE_NODES) {
		struct node *node = node_alloc(sizeof(*node));

		if (!node) {
			spare_trim(radix, SPARES_KEPT);
			return -ENOMEM;
		}
		spare_push(radix, node);
	}
	return 0;
}

/* The node below slot; a spare one is put there if there is none. */
static struct node *child_of(struct iommu_radix *radix, struct node *node,
			     _Atomic uint64_t *slot)
{
	uint64_t entry = atomic_load_explicit(slot, memory_order_relaxed);
	struct node *child;

	if (entry & TABLE)
		return entry_node(entry);
	assert(entry == 0); /* ranges do not overlap */
	child = spare_pop(radix);
	node->used++;
	/* Release, with the acquire in iommu_walk: the walker sees an empty node, not old
	 * bytes. */
	atomic_store_explicit(slot, (uint64_t)(uintptr_t)child | TABLE, memory_order_release);
	return child;
}

/* End of what one entry of this level can hold of [iova, end). */
static uint64_t entry_end(unsigned level, uint64_t iova, uint64_t end)
{
	uint64_t span = BIT64(level_shift(level));

	return MIN(ALIGN_DOWN(iova, span) + span, end);
}

static bool is_leaf(unsigned level, uint64_t iova, uint64_t end)
{
	return level <= MAX_LEAF_LEVEL && end - iova == BIT64(level_shift(level));
}

static void set_range(struct iommu_radix *radix, struct node *node, unsigned level,
		      uint64_t iova, uint64_t end, uint64_t leaf)
{
	uint64_t next;

	for (; iova < end; iova = next) {
		_Atomic uint64_t *slot = slot_of(node, level, iova);

		next = entry_end(level, iova, end);
		if (is_leaf(level, iova, next)) {
			assert(atomic_load_explicit(slot, memory_order_relaxed) == 0);
			node->used++;
			atomic_store_explicit(slot, leaf, memory_order_release);
		} else {
			set_range(radix, child_of(radix, node, slot), level - 1, iova, next,
				  leaf);
		}
	}
}

void iommu_radix_set(struct iommu_radix *radix, uint64_t iova, uint64_t size, uint64_t leaf)
{
	assert(leaf & (IOMMU_READ | IOMMU_WRITE));
	set_range(radix, &radix->root, TOP_LEVEL, iova, iova + size, leaf);
	spare_trim(radix, SPARES_KEPT);
}

static void slot_clear(struct node *node, _Atomic uint64_t *slot)
{
	assert(node->used > 0);
	node->used--;
	atomic_store_explicit(slot, 0, memory_order_release);
}

static void clear_range(struct iommu_radix *radix, struct node *node, unsigned level,
			uint64_t iova, uint64_t end)
{
	uint64_t next;

	for (; iova < end; iova = next) {
		_Atomic uint64_t *slot = slot_of(node, level, iova);
		uint64_t entry = atomic_load_explicit(slot, memory_order_relaxed);
		struct node *child = entry_node(entry);

		next = entry_end(level, iova, end);
		if (is_leaf(level, iova, next)) {
			slot_clear(node, slot);
			continue;
		}
		assert(entry & TABLE);
		clear_range(radix, child, level - 1, iova, next);
		if (child->used == 0) {
			slot_clear(node, slot);
			child->next = radix->retired;
			radix->retired = child;
		}
	}
}

void iommu_radix_clear(struct iommu_radix *radix, uint64_t iova, uint64_t size)
{
	clear_range(radix, &radix->root, TOP_LEVEL, iova, iova + size);
}

void iommu_radix_reap(struct iommu_radix *radix)
{
	while (radix->retired) {
		struct node *node = radix->retired;

		radix->retired = node->next;
		spare_push(radix, node);
	}
	spare_trim(radix, SPARES_KEPT);
}

void *iommu_walk(const struct iommu_domain *dom, uint64_t iova, uint32_t *len, uint32_t need)
{
	struct node *node = &dom->radix->root;
	unsigned level = TOP_LEVEL;
	uint64_t entry, left;

	if (iova >> IOMMU_IOVA_BITS || *len > BIT64(IOMMU_IOVA_BITS) - iova)
		return NULL;
	for (;;) {
		entry = atomic_load_explicit(slot_of(node, level, iova), memory_order_acquire);
		if (!(entry & TABLE))
			break;
		node = entry_node(entry);
		level--;
	}
	if (entry == 0 || (entry & need) != need)
		return NULL;
	left = BIT64(level_shift(level)) - (iova & (BIT64(level_shift(level)) - 1));
	if (*len > left)
		*len = (uint32_t)left;
	return (void *)(uintptr_t)((entry & ~(IOMMU_PAGE - 1)) + iova);
}
