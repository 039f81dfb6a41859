/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_cache.c - a domain's flat table and context cache: filling, forgetting, draining. The
 * protocol is in iommu_domain.h. */
#include "iommu_domain.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGE_ENTRIES (4096u / 8)
#define LOW_BYTES    (IOMMU_FLAT_ENTRIES * sizeof(uint64_t))
#define ALL_BYTES    (IOMMU_FLAT_MAX * sizeof(uint64_t))
#define LOW_PAGES    (IOMMU_FLAT_ENTRIES / PAGE_ENTRIES)
#define INTR_GRANULE (0xfee00000ull >> IOMMU_GRANULE_SHIFT)

/* ---- data path ---- */

/* Pairs with the fence in moved(): either that side clears our store, or we see its move. */
static void fill(struct iommu_domain *dom, uint64_t granule, uint64_t entry,
		 uint64_t generation)
{
	uint64_t page = granule / PAGE_ENTRIES, bit = BIT64(page % 64);
	_Atomic uint64_t *filled = &dom->filled[page / 64];

	if (!(atomic_load_explicit(filled, memory_order_relaxed) & bit)) {
		/* A client with tables of its own decides how many: it pays by walks. */
		if (page >= LOW_PAGES &&
		    atomic_fetch_add_explicit(&dom->high_pages, 1, memory_order_relaxed) >=
			    IOMMU_FLAT_HIGH)
			return;
		atomic_fetch_or_explicit(filled, bit, memory_order_relaxed);
	}
	atomic_store_explicit(&dom->flat[granule], entry, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
#ifndef LADON_BREAK_REFILL
	if (unlikely(atomic_load_explicit(&dom->generation, memory_order_relaxed) !=
		     generation))
		atomic_store_explicit(&dom->flat[granule], 0, memory_order_relaxed);
#endif
}

/* iova + len leaves the address space of the tables, or wraps. */
static bool leaves(const struct vtd_context *ctx, uint64_t iova, uint32_t len)
{
	return iova < ctx->end ? len > ctx->end - iova : len && iova + (len - 1) < iova;
}

/* What the unit sees of it. */
static enum iommu_reason pass_route(const struct iommu_domain *dom, uint64_t iova,
				    uint32_t need, bool say, struct iommu_passed *ret)
{
	const struct iommu_route *route = dom->route;

	*ret = (struct iommu_passed){iova, UINT64_MAX, IOMMU_READ | IOMMU_WRITE};
	return likely(!route) ? 0 : route->pass(route->arg, iova, need, say, ret);
}

/* The granule passes the route in one piece. */
static bool route_covers(const struct iommu_domain *dom, uint64_t granule, uint32_t need)
{
	struct iommu_passed passed;

	return pass_route(dom, granule << IOMMU_GRANULE_SHIFT, need, false, &passed) == 0 &&
	       passed.run >= IOMMU_GRANULE && !(passed.addr & (IOMMU_GRANULE - 1));
}

/* The leaf covers the granule, and so does one piece of memory. */
static bool covers(const struct iommu_domain *dom, const struct vtd_leaf *leaf, uint64_t word,
		   uint64_t granule)
{
	return leaf->shift >= IOMMU_GRANULE_SHIFT && word & IOMMU_SPACE_WHOLE &&
	       granule < atomic_load_explicit(&dom->flat_entries, memory_order_relaxed) &&
	       granule != INTR_GRANULE;
}

void *iommu_walk(struct iommu_domain *dom, uint64_t iova, uint32_t *len, uint32_t need)
{
	/* Before the walk: acquire, with the release in moved(), so that a table read
	 * afterwards is at least as new. */
	uint64_t generation = atomic_load_explicit(&dom->generation, memory_order_acquire);
	const struct vtd_context *ctx =
		atomic_load_explicit(&dom->context, memory_order_acquire);
	uint64_t granule = iova >> IOMMU_GRANULE_SHIFT, word = 0, run, left;
	struct iommu_passed passed;
	struct vtd_leaf leaf;
	uint32_t perm;
	uint8_t *at;

	if (unlikely(leaves(ctx, iova, *len) ||
		     pass_route(dom, iova, need, false, &passed) != 0) ||
	    vtd_translate(dom->space, ctx, passed.addr, need, &leaf) != 0)
		return NULL;
	at = iommu_space_at(dom->space, leaf.hpa, &word, &run);
	perm = leaf.perm & (uint32_t)word & passed.perm;
	if (unlikely(!at || need & ~perm || !need))
		return NULL;
	if (covers(dom, &leaf, word, granule) && route_covers(dom, granule, need))
		fill(dom, granule, ((uint64_t)(uintptr_t)at - iova) | perm, generation);
	left = MIN(BIT64(leaf.shift) - (passed.addr & (BIT64(leaf.shift) - 1)), passed.run);
	*len = (uint32_t)MIN((uint64_t)*len, MIN(left, run));
	return at;
}

unsigned iommu_reason(const struct iommu_domain *dom, uint64_t iova, uint32_t need,
		      bool *ret_record)
{
	const struct vtd_context *ctx =
		atomic_load_explicit(&dom->context, memory_order_acquire);
	struct vtd_leaf leaf;
	struct iommu_passed passed;
	uint64_t word = 0, run;
	enum iommu_reason reason = pass_route(dom, iova, need, true, &passed);

	*ret_record = reason || !ctx->no_faults; /* FPD is about the unit's own */
	if (!reason)
		reason = vtd_translate(dom->space, ctx, passed.addr, need, &leaf);
	if (reason)
		return reason;
	if (!iommu_space_at(dom->space, leaf.hpa, &word, &run) || need & ~word)
		return IOMMU_FAULT_NO_MEMORY;
	return 0;
}

/* ---- control thread ---- */

/* After a change, before flat entries are cleared. */
static void moved(struct iommu_domain *dom)
{
	atomic_fetch_add_explicit(&dom->generation, 1, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	dom->undrained = true;
}

static void clear_page(struct iommu_domain *dom, uint64_t page, uint64_t first, uint64_t end)
{
	uint64_t from = MAX(first, page * PAGE_ENTRIES);
	uint64_t to = MIN(end, (page + 1) * PAGE_ENTRIES);

	for (; from < to; from++)
		atomic_store_explicit(&dom->flat[from], 0, memory_order_relaxed);
}

/* Entries [first, end). */
static void clear(struct iommu_domain *dom, uint64_t first, uint64_t end)
{
	uint64_t page = first / PAGE_ENTRIES;

	while (page * PAGE_ENTRIES < end) {
		uint64_t bits =
			atomic_load_explicit(&dom->filled[page / 64], memory_order_relaxed) >>
			page % 64;

		if (bits & 1)
			clear_page(dom, page, first, end);
		page += bits ? 1 : 64 - page % 64;
	}
}

void iommu_domain_forget(struct iommu_domain *dom, uint64_t iova, uint64_t size)
{
	uint64_t first = iova >> IOMMU_GRANULE_SHIFT;
	uint64_t last = (iova + size - 1) >> IOMMU_GRANULE_SHIFT;

	moved(dom);
	if (first < IOMMU_FLAT_MAX)
		clear(dom, first, MIN(last + 1, (uint64_t)IOMMU_FLAT_MAX));
}

void iommu_domain_forget_all(struct iommu_domain *dom)
{
	moved(dom);
	clear(dom, 0, IOMMU_FLAT_MAX);
}

/* ---- the table's reach ---- */

int iommu_flat_new(struct iommu_domain *dom)
{
	void *flat = mmap(NULL, ALL_BYTES, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (flat == MAP_FAILED)
		return -ENOMEM;
	dom->flat = flat;
	dom->flat_entries = IOMMU_FLAT_ENTRIES;
	return mprotect(flat, LOW_BYTES, PROT_READ | PROT_WRITE) < 0 ? -ENOMEM : 0;
}

void iommu_flat_free(struct iommu_domain *dom)
{
	if (dom->flat)
		munmap((void *)dom->flat, ALL_BYTES);
}

/* Where there is no memory for it, the first stage works without: by walks. */
void iommu_flat_widen(struct iommu_domain *dom)
{
	if (mprotect((char *)dom->flat + LOW_BYTES, ALL_BYTES - LOW_BYTES,
		     PROT_READ | PROT_WRITE) == 0)
		atomic_store_explicit(&dom->flat_entries, IOMMU_FLAT_MAX, memory_order_release);
}

void iommu_flat_narrow(struct iommu_domain *dom)
{
	atomic_store_explicit(&dom->flat_entries, IOMMU_FLAT_ENTRIES, memory_order_release);
}

void iommu_flat_give_back(struct iommu_domain *dom)
{
	madvise((char *)dom->flat + LOW_BYTES, ALL_BYTES - LOW_BYTES, MADV_DONTNEED);
	for (unsigned i = LOW_PAGES / 64; i < IOMMU_FLAT_PAGES / 64; i++)
		atomic_store_explicit(&dom->filled[i], 0, memory_order_relaxed);
	atomic_store_explicit(&dom->high_pages, 0, memory_order_relaxed);
}

/* ---- context ---- */

const struct vtd_context *iommu_domain_context(const struct iommu_domain *dom)
{
	return atomic_load_explicit(&dom->context, memory_order_relaxed);
}

void iommu_domain_set_context(struct iommu_domain *dom, const struct vtd_context *ctx)
{
	struct vtd_context *spare = &dom->contexts[iommu_domain_context(dom) == dom->contexts];

	if (iommu_domain_context(dom) && !memcmp(iommu_domain_context(dom), ctx, sizeof(*ctx)))
		return;
	/* The data path may still be looking at the one before the last. */
	iommu_domain_drain(dom);
	*spare = *ctx;
	atomic_store_explicit(&dom->context, spare, memory_order_release);
	iommu_domain_forget_all(dom);
}

void iommu_domain_drain(struct iommu_domain *dom)
{
	if (!dom->undrained)
		return;
	dom->undrained = false;
#ifndef LADON_BREAK_DRAIN
	if (dom->drain)
		dom->drain(dom->drain_arg);
#endif
}
