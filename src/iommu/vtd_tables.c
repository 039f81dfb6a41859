/* SPDX-License-Identifier: BSD-3-Clause */
/* vtd_tables.c - the order of stores is that of a driver for hardware: a table is complete
 * before an entry points to it, and it is given back only after a wait descriptor. */
#include "vtd_tables.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "vtd.h"
#include "vtd_defs.h"

#define TOP_LEVEL      4u
#define MAX_LEAF_LEVEL 3u /* 1 GiB */
#define QUEUE_ENTRIES  256u
/* A range ends in at most two half-covered 1 GiB entries and two half-covered 2 MiB entries. */
#define EDGE_TABLES 4u
#define DID_WORDS   ((UINT16_MAX + 1) / 64)
#define PT_PAGES    4u /* context table, PASID directory, PASID table, second-stage root */

struct vtd_tables {
	struct vtd_access access;
	struct vtd_pages pages;
	uint64_t root, queue, status; /* pages */
	unsigned tail;
	uint32_t serial; /* of the last wait descriptor */
	/* Domain numbers in use, a bit each: from before the unit may cache something under one
	 * until it has forgotten that. */
	uint64_t dids[DID_WORDS];
};

static void set_word(struct vtd_tables *tables, uint64_t page, unsigned i, uint64_t value)
{
	atomic_store_explicit(&vtd_page_words(&tables->pages, page)[i], value,
			      memory_order_release);
}

static uint64_t get_word(const struct vtd_tables *tables, uint64_t page, unsigned i)
{
	return atomic_load_explicit(&vtd_page_words(&tables->pages, page)[i],
				    memory_order_relaxed);
}

/* ---- the unit's registers and queue ---- */

static void reg_write(struct vtd_tables *tables, uint32_t offset, unsigned size, uint64_t value)
{
	tables->access.write(tables->access.arg, offset, size, value);
}

static void turn_on(struct vtd_tables *tables)
{
	reg_write(tables, VTD_RTADDR, 8,
		  tables->root | VTD_PUT(VTD_RTADDR_TTM, VTD_TTM_SCALABLE));
	reg_write(tables, VTD_GCMD, 4, VTD_GCMD_SRTP);
	reg_write(tables, VTD_IQT, 8, 0);
	reg_write(tables, VTD_IQA, 8, tables->queue);
	reg_write(tables, VTD_GCMD, 4, VTD_GCMD_QIE);
	reg_write(tables, VTD_GCMD, 4, VTD_GCMD_QIE | VTD_GCMD_TE);
}

int vtd_tables_new(struct iommu_space *space, const struct vtd_access *access,
		   struct vtd_tables **ret_tables)
{
	struct vtd_tables *tables = calloc(1, sizeof(*tables));
	int ret;

	if (!tables)
		return -ENOMEM;
	tables->access = *access;
	tables->dids[0] = 1;
	vtd_pages_init(&tables->pages, space, &access->memory);
	ret = vtd_pages_reserve(&tables->pages, 3);
	if (ret < 0) {
		free(tables);
		return ret;
	}
	tables->root = vtd_page_take(&tables->pages);
	tables->queue = vtd_page_take(&tables->pages);
	tables->status = vtd_page_take(&tables->pages);
	turn_on(tables);
	*ret_tables = tables;
	return 0;
}

void vtd_tables_free(struct vtd_tables *tables)
{
	if (!tables)
		return;
	/* A unit without translation would let everything through; this one has nobody left. */
	reg_write(tables, VTD_GCMD, 4, 0);
	vtd_pages_done(&tables->pages);
	free(tables);
}

static void submit(struct vtd_tables *tables, uint64_t lo, uint64_t hi)
{
	set_word(tables, tables->queue, tables->tail * 2, lo);
	set_word(tables, tables->queue, tables->tail * 2 + 1, hi);
	tables->tail = (tables->tail + 1) % QUEUE_ENTRIES;
}

/* The wait descriptor: all before it are done, and no DMA that they concern is under way. */
static void submit_wait(struct vtd_tables *tables)
{
	const struct vtd_access *access = &tables->access;
	_Atomic uint64_t *status = vtd_page_words(&tables->pages, tables->status);

	tables->serial++;
	submit(tables, VTD_IQ_WAIT | VTD_IQ_WAIT_SW | VTD_PUT(VTD_IQ_WAIT_DATA, tables->serial),
	       tables->status);
	reg_write(tables, VTD_IQT, 8, tables->tail * 16);
	while ((uint32_t)atomic_load_explicit(status, memory_order_acquire) != tables->serial) {
		assert(access->wait);
		if (!access->wait(access->arg))
			return; /* nobody translates any more */
	}
}

void vtd_tables_sync_context(struct vtd_tables *tables, const struct vtd_pt *pt)
{
	submit(tables,
	       VTD_IQ_CTX | VTD_PUT(VTD_IQ_G, VTD_G_SELECT) | VTD_PUT(VTD_IQ_DID, pt->did) |
		       VTD_PUT(VTD_IQ_SID, pt->rid),
	       0);
	submit(tables, VTD_IQ_PASID | VTD_PUT(VTD_IQ_DID, pt->did), 0);
	vtd_tables_sync_all(tables, pt);
}

/* The smallest power of two pages that covers [iova, iova + size), naturally aligned. */
static unsigned address_mask(uint64_t iova, uint64_t size)
{
	unsigned am = 0;

	while (iova >> (12 + am) != (iova + size - 1) >> (12 + am))
		am++;
	return am;
}

void vtd_tables_sync_range(struct vtd_tables *tables, const struct vtd_pt *pt, uint64_t iova,
			   uint64_t size)
{
	unsigned am = address_mask(iova, size);

	if (am > VTD_MAMV) {
		vtd_tables_sync_all(tables, pt);
		return;
	}
	submit(tables,
	       VTD_IQ_IOTLB | VTD_PUT(VTD_IQ_G, VTD_G_SELECT) | VTD_PUT(VTD_IQ_DID, pt->did),
	       ALIGN_DOWN(iova, IOMMU_PAGE << am) | am);
	submit_wait(tables);
}

void vtd_tables_sync_all(struct vtd_tables *tables, const struct vtd_pt *pt)
{
	submit(tables,
	       VTD_IQ_IOTLB | VTD_PUT(VTD_IQ_G, VTD_G_DOMAIN) | VTD_PUT(VTD_IQ_DID, pt->did),
	       0);
	submit_wait(tables);
}

void vtd_tables_sync_stage1(struct vtd_tables *tables, const struct vtd_pt *pt, uint64_t addr,
			    uint64_t size)
{
	unsigned am = size ? address_mask(addr, size) : VTD_MAMV + 1;
	uint64_t lo = VTD_IQ_PASID_IOTLB | VTD_PUT(VTD_IQ_DID, pt->did);

	if (am > VTD_MAMV)
		submit(tables, lo | VTD_PUT(VTD_IQ_G, VTD_G_PASID_ALL), 0);
	else
		submit(tables, lo | VTD_PUT(VTD_IQ_G, VTD_G_SELECT),
		       ALIGN_DOWN(addr, IOMMU_PAGE << am) | am);
	submit_wait(tables);
}

void vtd_tables_sync_irte(struct vtd_tables *tables, unsigned index, unsigned bits)
{
	submit(tables,
	       VTD_IQ_IEC | VTD_IQ_IEC_G | VTD_PUT(VTD_IQ_IEC_IM, bits) |
		       VTD_PUT(VTD_IQ_IEC_IIDX, index),
	       0);
	submit_wait(tables);
}

void vtd_tables_set_irt(struct vtd_tables *tables, uint64_t hpa, unsigned bits)
{
	const uint32_t on = VTD_GCMD_QIE | VTD_GCMD_TE;

	reg_write(tables, VTD_IRTA, 8, hpa | (bits - 1));
	reg_write(tables, VTD_GCMD, 4, on | VTD_GCMD_SIRTP);
	reg_write(tables, VTD_GCMD, 4, on | VTD_GCMD_IRE);
}

/* ---- contexts ---- */

/* Word of the root table for rid, and of the context table below it. */
static unsigned root_word(uint16_t rid)
{
	return rid >> 7;
}

static unsigned context_word(uint16_t rid)
{
	return (rid & 0x7fu) * 4;
}

/* 0 is for what is not present. */
static uint16_t free_did(const struct vtd_tables *tables)
{
	unsigned w = 0;

	while (w < DID_WORDS && tables->dids[w] == UINT64_MAX)
		w++;
	return w < DID_WORDS ? (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(~tables->dids[w]))
			     : 0;
}

int vtd_tables_attach(struct vtd_tables *tables, struct vtd_pt *pt, uint16_t rid)
{
	uint64_t contexts = get_word(tables, tables->root, root_word(rid)) & VTD_PTR;
	uint16_t did = free_did(tables);
	int ret;

	if (contexts && get_word(tables, contexts, context_word(rid)) & VTD_P)
		return -EEXIST;
	if (!did)
		return -ENOSPC;
	ret = vtd_pages_reserve(&tables->pages, PT_PAGES);
	if (ret < 0)
		return ret;
	tables->dids[did / 64] |= BIT64(did % 64);
	*pt = (struct vtd_pt){.rid = rid, .did = did};
	if (!contexts) {
		contexts = vtd_page_take(&tables->pages);
		set_word(tables, tables->root, root_word(rid), contexts | VTD_P);
	}
	pt->root = vtd_page_take(&tables->pages);
	pt->pasids = vtd_page_take(&tables->pages);
	pt->dir = vtd_page_take(&tables->pages);
	set_word(tables, pt->pasids, 1, did);
	set_word(tables, pt->pasids, 0,
		 pt->root | VTD_PUT(VTD_PASID_AW, TOP_LEVEL - 2) |
			 VTD_PUT(VTD_PASID_PGTT, VTD_PGTT_SECOND) | VTD_P);
	set_word(tables, pt->dir, 0, pt->pasids | VTD_P);
	/* RID_PASID 0, the smallest directory. */
	set_word(tables, contexts, context_word(rid), pt->dir | VTD_P);
	return 0;
}

static void page_wipe(struct vtd_tables *tables, uint64_t page)
{
	for (unsigned i = 0; i < 512; i++)
		set_word(tables, page, i, 0);
	vtd_page_give(&tables->pages, page);
}

void vtd_tables_detach(struct vtd_tables *tables, struct vtd_pt *pt)
{
	uint64_t contexts = get_word(tables, tables->root, root_word(pt->rid)) & VTD_PTR;

	if (!pt->root)
		return;
	set_word(tables, contexts, context_word(pt->rid), 0);
	vtd_tables_sync_context(tables, pt);
	vtd_tables_reap(tables, pt);
	page_wipe(tables, pt->dir);
	page_wipe(tables, pt->pasids);
	page_wipe(tables, pt->root);
	pt->root = 0;
	tables->dids[pt->did / 64] &= ~BIT64(pt->did % 64);
}

void vtd_tables_stage1(struct vtd_tables *tables, struct vtd_pt *pt, unsigned levels,
		       uint64_t root)
{
	uint64_t entry = get_word(tables, pt->pasids, 0) & ~(VTD_PASID_PGTT | VTD_P);

	/* Not present while its words do not fit together. */
	set_word(tables, pt->pasids, 0, entry);
	set_word(tables, pt->pasids, 2,
		 levels ? root | VTD_PUT(VTD_PASID_FSPM, levels - 4) | VTD_PASID_NXE : 0);
	set_word(tables, pt->pasids, 0,
		 entry | VTD_PUT(VTD_PASID_PGTT, levels ? VTD_PGTT_NESTED : VTD_PGTT_SECOND) |
			 VTD_P);
	vtd_tables_sync_context(tables, pt);
}

/* ---- second stage ---- */

static unsigned level_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static unsigned index_at(unsigned level, uint64_t iova)
{
	return (iova >> level_shift(level)) & 511;
}

int vtd_tables_reserve(struct vtd_tables *tables, uint64_t iova, uint64_t size)
{
	unsigned shift = level_shift(TOP_LEVEL);
	uint64_t tops = ((iova + size - 1) >> shift) - (iova >> shift) + 1;

	return vtd_pages_reserve(&tables->pages, (unsigned)tops + EDGE_TABLES);
}

/* The table below entry i of table; an empty one is put there if there is none. */
static uint64_t child_of(struct vtd_tables *tables, uint64_t table, unsigned i)
{
	uint64_t entry = get_word(tables, table, i), child;

	if (entry)
		return entry & VTD_PTR;
	child = vtd_page_take(&tables->pages);
	++*vtd_page_used(&tables->pages, table);
	set_word(tables, table, i, child | VTD_SS_READ | VTD_SS_WRITE);
	return child;
}

/* End of what one entry of this level can hold of [iova, end). */
static uint64_t entry_end(unsigned level, uint64_t iova, uint64_t end)
{
	uint64_t span = BIT64(level_shift(level));

	return MIN(ALIGN_DOWN(iova, span) + span, end);
}

static bool is_page(unsigned level, uint64_t iova, uint64_t end)
{
	return level <= MAX_LEAF_LEVEL && end - iova == BIT64(level_shift(level));
}

/* offset: HPA - IOVA; a multiple of the largest page that the range holds (iommu_space_add). */
static void map_range(struct vtd_tables *tables, uint64_t table, unsigned level, uint64_t iova,
		      uint64_t end, uint64_t offset, uint32_t perm)
{
	uint64_t next;

	for (; iova < end; iova = next) {
		unsigned i = index_at(level, iova);

		next = entry_end(level, iova, end);
		if (is_page(level, iova, next)) {
			assert(get_word(tables, table, i) == 0);
			++*vtd_page_used(&tables->pages, table);
			set_word(tables, table, i,
				 (iova + offset) | perm | (level > 1 ? VTD_PS : 0));
		} else {
			map_range(tables, child_of(tables, table, i), level - 1, iova, next,
				  offset, perm);
		}
	}
}

void vtd_tables_map(struct vtd_tables *tables, struct vtd_pt *pt, uint64_t iova, uint64_t size,
		    uint64_t hpa, uint32_t perm)
{
	assert(perm);
	map_range(tables, pt->root, TOP_LEVEL, iova, iova + size, hpa - iova, perm);
}

static void entry_clear(struct vtd_tables *tables, uint64_t table, unsigned i)
{
	uint16_t *used = vtd_page_used(&tables->pages, table);

	assert(*used > 0);
	--*used;
	set_word(tables, table, i, 0);
}

static void clear_range(struct vtd_tables *tables, struct vtd_pt *pt, uint64_t table,
			unsigned level, uint64_t iova, uint64_t end)
{
	uint64_t next;

	for (; iova < end; iova = next) {
		unsigned i = index_at(level, iova);
		uint64_t child = get_word(tables, table, i) & VTD_PTR;

		next = entry_end(level, iova, end);
		if (is_page(level, iova, next)) {
			entry_clear(tables, table, i);
			continue;
		}
		clear_range(tables, pt, child, level - 1, iova, next);
		if (*vtd_page_used(&tables->pages, child) == 0) {
			entry_clear(tables, table, i);
			*vtd_page_next(&tables->pages, child) = pt->retired;
			pt->retired = child;
		}
	}
}

void vtd_tables_clear(struct vtd_tables *tables, struct vtd_pt *pt, uint64_t iova,
		      uint64_t size)
{
	clear_range(tables, pt, pt->root, TOP_LEVEL, iova, iova + size);
}

void vtd_tables_reap(struct vtd_tables *tables, struct vtd_pt *pt)
{
	while (pt->retired) {
		uint64_t page = pt->retired;

		pt->retired = *vtd_page_next(&tables->pages, page);
		vtd_page_give(&tables->pages, page);
	}
	vtd_pages_trim(&tables->pages);
}
