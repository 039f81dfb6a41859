/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_pages.h - pages of a host's space that hold tables which we write ourselves.
 *
 * They come in chunks of 2 MiB, each one slice. The first pages of a chunk hold its own book:
 * free pages, and how many entries of each table are in use. A page is named by its HPA; it is
 * all zeros when it is taken and when it is given back. Control thread only.
 */
#ifndef LADON_IOMMU_VTD_PAGES_H
#define LADON_IOMMU_VTD_PAGES_H

#include "iommu_mem.h"
#include "iommu_space.h"

/* Where chunks come from, when the unit is not in this process. All NULL: it is. */
struct vtd_memory {
	void *arg;
	/* Memory that the unit's process can be given: like iommu_mem_anon. */
	int (*get)(void *arg, uint64_t size, struct iommu_mem **ret_mem);
	/* mem lies at slice->hpa of the host's space from now on: tells the unit, or -errno. */
	int (*offer)(void *arg, struct iommu_mem *mem, const struct iommu_slice *slice);
	/* The opposite; mem is freed next. */
	void (*withdraw)(void *arg, struct iommu_mem *mem, const struct iommu_slice *slice);
};

struct vtd_pages {
	struct iommu_space *space; /* borrowed */
	struct vtd_memory memory;
	struct vtd_chunk *open; /* owned; chunks with free pages */
	struct vtd_chunk *full; /* owned; chunks without */
	unsigned free;		/* pages, in all of them */
};

void vtd_pages_init(struct vtd_pages *pages, struct iommu_space *space,
		    const struct vtd_memory *memory);
/* Nobody looks at any of them any more. */
void vtd_pages_done(struct vtd_pages *pages);

/* At least n pages are free when it returns 0; else -ENOMEM or -ENOSPC. */
int vtd_pages_reserve(struct vtd_pages *pages, unsigned n);
/* One that was reserved. */
uint64_t vtd_page_take(struct vtd_pages *pages);
/* All zeros again, and no walker can be inside. */
void vtd_page_give(struct vtd_pages *pages, uint64_t page);
/* Gives memory back that nobody uses; a small stock is kept. */
void vtd_pages_trim(struct vtd_pages *pages);

/* The 512 words of a page. */
_Atomic uint64_t *vtd_page_words(const struct vtd_pages *pages, uint64_t page);
/* For the owner's use: entries in use, and a list through pages that are to be given back. */
uint16_t *vtd_page_used(const struct vtd_pages *pages, uint64_t page);
uint64_t *vtd_page_next(const struct vtd_pages *pages, uint64_t page);

#endif
