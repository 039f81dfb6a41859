/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * stage1.c - first-stage page tables (x86-64 format, 4 levels) in DMA memory of the function:
 * addresses of the caller's own choice, its virtual ones above all, become addresses of DMA.
 * An entry is written after what it points to; an address that goes away is first taken out of
 * the table and then out of the card.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "client_priv.h"

#define LEVELS	    4u
#define MAX_PAGE    3u /* level of a 1 GiB page */
#define CHUNK	    (64 * 4096u)
#define ADDR_END    (1ull << 47)
#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE   (1ull << 1)
#define PTE_USER    (1ull << 2)
#define PTE_PAGE    (1ull << 7)
#define PTE_ADDR    0x000ffffffffff000ull

struct chunk {
	struct ladon_dma *dma; /* owned */
	struct chunk *next;
};

struct ladon_stage1 {
	struct ladon_function *function; /* borrowed */
	struct chunk *chunks;		 /* owned: where the tables are */
	size_t used;			 /* bytes of the first one */
	uint64_t root;			 /* IOVA */
};

static unsigned level_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static _Atomic uint64_t *table_at(const struct ladon_stage1 *s, uint64_t iova)
{
	return dma_behind(s->function, iova, 4096, true);
}

/* An empty table; 0 with *ret_err. */
static uint64_t table_new(struct ladon_stage1 *s, int *ret_err)
{
	struct chunk *chunk = s->chunks;

	if (!chunk || s->used == CHUNK) {
		chunk = calloc(1, sizeof(*chunk));
		*ret_err =
			chunk ? ladon_dma_alloc(s->function, CHUNK, 0, &chunk->dma) : -ENOMEM;
		if (*ret_err) {
			free(chunk);
			return 0;
		}
		chunk->next = s->chunks;
		s->chunks = chunk;
		s->used = 0;
	}
	s->used += 4096;
	return ladon_dma_iova(chunk->dma) + s->used - 4096;
}

static int tell(struct ladon_stage1 *s, unsigned levels)
{
	struct vfu_feature_stage1 req = {.levels = levels, .root = s->root};

	return vfu_client_feature_set(s->function->client, VFU_FEATURE_LADON_STAGE1, &req,
				      sizeof(req));
}

static void chunks_free(struct ladon_stage1 *s)
{
	while (s->chunks) {
		struct chunk *chunk = s->chunks;

		s->chunks = chunk->next;
		ladon_dma_free(chunk->dma);
		free(chunk);
	}
}

int ladon_stage1_open(struct ladon_function *fn, struct ladon_stage1 **ret_stage1)
{
	struct ladon_stage1 *s = calloc(1, sizeof(*s));
	int err = 0;

	if (!s)
		return -ENOMEM;
	s->function = fn;
	s->root = table_new(s, &err);
	if (!err)
		err = tell(s, LEVELS);
	if (err) {
		chunks_free(s);
		free(s);
		return err;
	}
	*ret_stage1 = s;
	return 0;
}

void ladon_stage1_close(struct ladon_stage1 *s)
{
	if (!s)
		return;
	tell(s, 0);
	chunks_free(s);
	free(s);
}

static int check_range(uint64_t addr, size_t size)
{
	if (size == 0 || (addr | size) % 4096 || addr >= ADDR_END || size > ADDR_END - addr)
		return -EINVAL;
	return 0;
}

/* The entry for addr at level, tables above it made when missing. NULL with *ret_err. */
static _Atomic uint64_t *entry_make(struct ladon_stage1 *s, uint64_t addr, unsigned level,
				    int *ret_err)
{
	uint64_t table = s->root, entry;

	for (unsigned at = LEVELS;; at--) {
		_Atomic uint64_t *slot = &table_at(s, table)[(addr >> level_shift(at)) & 511];

		if (at == level)
			return slot;
		entry = atomic_load_explicit(slot, memory_order_relaxed);
		if (entry & PTE_PRESENT && entry & PTE_PAGE) {
			*ret_err = -EEXIST;
			return NULL;
		}
		if (!(entry & PTE_PRESENT)) {
			entry = table_new(s, ret_err);
			if (!entry)
				return NULL;
			entry |= PTE_PRESENT | PTE_WRITE | PTE_USER;
			atomic_store_explicit(slot, entry, memory_order_release);
		}
		table = entry & PTE_ADDR;
	}
}

/* The level of the largest page that addr, iova and size allow. */
static unsigned page_level(uint64_t addr, uint64_t iova, uint64_t size)
{
	unsigned level = MAX_PAGE;

	while (level > 1 && ((addr | iova) & ((1ull << level_shift(level)) - 1) ||
			     size >> level_shift(level) == 0))
		level--;
	return level;
}

/* Maps one page. Returns its size, or 0 with *ret_err. */
static uint64_t map_page(struct ladon_stage1 *s, uint64_t addr, uint64_t iova, uint64_t size,
			 uint64_t bits, int *ret_err)
{
	unsigned level = page_level(addr, iova, size);
	_Atomic uint64_t *slot = entry_make(s, addr, level, ret_err);

	if (!slot)
		return 0;
	/* A table that was left empty by smaller pages is in the way of a large one. */
	while (level > 1 && atomic_load_explicit(slot, memory_order_relaxed) & PTE_PRESENT &&
	       !(atomic_load_explicit(slot, memory_order_relaxed) & PTE_PAGE))
		slot = entry_make(s, addr, --level, ret_err);
	if (atomic_load_explicit(slot, memory_order_relaxed) & PTE_PRESENT) {
		*ret_err = -EEXIST;
		return 0;
	}
	atomic_store_explicit(slot, iova | bits | (level > 1 ? PTE_PAGE : 0),
			      memory_order_release);
	return 1ull << level_shift(level);
}

/* The page that holds addr: its entry, and its level. NULL = none. */
static _Atomic uint64_t *find_page(const struct ladon_stage1 *s, uint64_t addr,
				   unsigned *ret_level)
{
	uint64_t table = s->root, entry;

	for (unsigned level = LEVELS;; level--) {
		_Atomic uint64_t *slot =
			&table_at(s, table)[(addr >> level_shift(level)) & 511];

		entry = atomic_load_explicit(slot, memory_order_relaxed);
		if (!(entry & PTE_PRESENT))
			return NULL;
		if (level == 1 || entry & PTE_PAGE) {
			*ret_level = level;
			return slot;
		}
		table = entry & PTE_ADDR;
	}
}

static int forget(struct ladon_stage1 *s, uint64_t addr, uint64_t size)
{
	struct vfu_feature_stage1_inv req = {.addr = addr, .size = size};

	return vfu_client_feature_set(s->function->client, VFU_FEATURE_LADON_STAGE1_INV, &req,
				      sizeof(req));
}

/* Is [addr, end) made of whole pages that are there? */
static bool pages_are(const struct ladon_stage1 *s, uint64_t addr, uint64_t end)
{
	while (addr < end) {
		unsigned level;
		uint64_t size;

		if (!find_page(s, addr, &level))
			return false;
		size = 1ull << level_shift(level);
		if (addr & (size - 1) || size > end - addr)
			return false;
		addr += size;
	}
	return true;
}

static void pages_clear(struct ladon_stage1 *s, uint64_t addr, uint64_t end)
{
	while (addr < end) {
		unsigned level = 1;
		_Atomic uint64_t *slot = find_page(s, addr, &level);

		if (slot)
			atomic_store_explicit(slot, 0, memory_order_release);
		addr += 1ull << level_shift(level);
	}
}

int ladon_stage1_map(struct ladon_stage1 *s, uint64_t addr, uint64_t iova, size_t size,
		     unsigned flags)
{
	uint64_t bits = PTE_PRESENT | PTE_USER | (flags & LADON_DMA_READ_ONLY ? 0 : PTE_WRITE);
	int err = check_range(addr, size);
	uint64_t done, page;

	if (!err)
		err = check_range(iova, size);
	if (err)
		return err;
	for (done = 0; done < size; done += page) {
		page = map_page(s, addr + done, iova + done, size - done, bits, &err);
		if (!page)
			break;
	}
	if (done < size && done) {
		pages_clear(s, addr, addr + done);
		forget(s, addr, done);
	}
	return err;
}

int ladon_stage1_unmap(struct ladon_stage1 *s, uint64_t addr, size_t size)
{
	int err = check_range(addr, size);

	if (err)
		return err;
	if (!pages_are(s, addr, addr + size))
		return -ENOENT;
	pages_clear(s, addr, addr + size);
	return forget(s, addr, size);
}

int ladon_stage1_map_dma(struct ladon_stage1 *s, const struct ladon_dma *dma)
{
	return ladon_stage1_map(s, (uintptr_t)dma->ptr, dma->iova, dma->size,
				dma->read_only ? LADON_DMA_READ_ONLY : 0);
}
