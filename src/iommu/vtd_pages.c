/* SPDX-License-Identifier: BSD-3-Clause */
#include "vtd_pages.h"

#include <assert.h>
#include <errno.h>

#define CHUNK_PAGES (IOMMU_GRANULE / IOMMU_PAGE)
#define FREE_KEPT   64u

/* Lies in the first pages of its own memory. */
struct vtd_chunk {
	struct iommu_slice slice;
	struct iommu_mem *mem; /* owned */
	struct vtd_chunk *prev, *next;
	unsigned free, first_free; /* first_free: 0 = none */
	uint16_t used[CHUNK_PAGES];
	uint16_t next_free[CHUNK_PAGES];
	uint64_t link[CHUNK_PAGES];
};

#define BOOK_PAGES (ALIGN_UP(sizeof(struct vtd_chunk), IOMMU_PAGE) / IOMMU_PAGE)

void vtd_pages_init(struct vtd_pages *pages, struct iommu_space *space,
		    const struct vtd_memory *memory)
{
	*pages = (struct vtd_pages){.space = space, .memory = *memory};
}

static void chunk_unlink(struct vtd_chunk **list, struct vtd_chunk *chunk)
{
	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		*list = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
}

static void chunk_push(struct vtd_chunk **list, struct vtd_chunk *chunk)
{
	chunk->prev = NULL;
	chunk->next = *list;
	if (chunk->next)
		chunk->next->prev = chunk;
	*list = chunk;
}

/* Puts mem into the host's space, and tells the unit. */
static int chunk_place(struct vtd_pages *pages, struct vtd_chunk *chunk, struct iommu_mem *mem)
{
	const struct vtd_memory *memory = &pages->memory;
	int ret = iommu_space_add(pages->space, &chunk->slice, mem->base, IOMMU_GRANULE,
				  IOMMU_READ | IOMMU_WRITE, 0);

	if (ret < 0 || !memory->offer)
		return ret;
	ret = memory->offer(memory->arg, mem, &chunk->slice);
	if (ret < 0)
		iommu_space_remove(pages->space, &chunk->slice);
	return ret;
}

static int chunk_add(struct vtd_pages *pages)
{
	const struct vtd_memory *memory = &pages->memory;
	struct vtd_chunk *chunk;
	struct iommu_mem *mem;
	int ret = memory->get ? memory->get(memory->arg, IOMMU_GRANULE, &mem)
			      : iommu_mem_anon(IOMMU_GRANULE, &mem);

	if (ret < 0)
		return ret;
	chunk = (struct vtd_chunk *)(void *)mem->base;
	ret = chunk_place(pages, chunk, mem);
	if (ret < 0) {
		iommu_mem_free(mem);
		return ret;
	}
	chunk->mem = mem;
	for (unsigned i = CHUNK_PAGES - 1; i >= BOOK_PAGES; i--) {
		chunk->next_free[i] = (uint16_t)chunk->first_free;
		chunk->first_free = i;
	}
	chunk->free = CHUNK_PAGES - BOOK_PAGES;
	pages->free += chunk->free;
	chunk_push(&pages->open, chunk);
	return 0;
}

static void chunk_free(struct vtd_pages *pages, struct vtd_chunk *chunk)
{
	chunk_unlink(chunk->free ? &pages->open : &pages->full, chunk);
	pages->free -= chunk->free;
	if (pages->memory.withdraw)
		pages->memory.withdraw(pages->memory.arg, chunk->mem, &chunk->slice);
	iommu_space_remove(pages->space, &chunk->slice);
	iommu_mem_free(chunk->mem);
}

void vtd_pages_done(struct vtd_pages *pages)
{
	while (pages->open)
		chunk_free(pages, pages->open);
	while (pages->full)
		chunk_free(pages, pages->full);
}

int vtd_pages_reserve(struct vtd_pages *pages, unsigned n)
{
	while (pages->free < n) {
		int ret = chunk_add(pages);

		if (ret < 0)
			return ret;
	}
	return 0;
}

static void *at(const struct vtd_pages *pages, uint64_t hpa)
{
	uint64_t word, run;

	return iommu_space_at(pages->space, hpa, &word, &run);
}

static struct vtd_chunk *chunk_of(const struct vtd_pages *pages, uint64_t page)
{
	return at(pages, ALIGN_DOWN(page, IOMMU_GRANULE));
}

static unsigned index_of(uint64_t page)
{
	return (unsigned)(page % IOMMU_GRANULE / IOMMU_PAGE);
}

uint64_t vtd_page_take(struct vtd_pages *pages)
{
	struct vtd_chunk *chunk = pages->open;
	unsigned i;

	assert(chunk && chunk->free); /* vtd_pages_reserve was asked for too few */
	i = chunk->first_free;
	chunk->first_free = chunk->next_free[i];
	chunk->free--;
	pages->free--;
	if (!chunk->free) {
		chunk_unlink(&pages->open, chunk);
		chunk_push(&pages->full, chunk);
	}
	return chunk->slice.hpa + i * IOMMU_PAGE;
}

void vtd_page_give(struct vtd_pages *pages, uint64_t page)
{
	struct vtd_chunk *chunk = chunk_of(pages, page);
	unsigned i = index_of(page);

	assert(chunk->used[i] == 0);
	chunk->next_free[i] = (uint16_t)chunk->first_free;
	chunk->first_free = i;
	pages->free++;
	if (chunk->free++ == 0) {
		chunk_unlink(&pages->full, chunk);
		chunk_push(&pages->open, chunk);
	}
}

void vtd_pages_trim(struct vtd_pages *pages)
{
	struct vtd_chunk *chunk, *next;

	for (chunk = pages->open; chunk; chunk = next) {
		next = chunk->next;
		if (chunk->free == CHUNK_PAGES - BOOK_PAGES &&
		    pages->free - chunk->free >= FREE_KEPT)
			chunk_free(pages, chunk);
	}
}

_Atomic uint64_t *vtd_page_words(const struct vtd_pages *pages, uint64_t page)
{
	return at(pages, page);
}

uint16_t *vtd_page_used(const struct vtd_pages *pages, uint64_t page)
{
	return &chunk_of(pages, page)->used[index_of(page)];
}

uint64_t *vtd_page_next(const struct vtd_pages *pages, uint64_t page)
{
	return &chunk_of(pages, page)->link[index_of(page)];
}
