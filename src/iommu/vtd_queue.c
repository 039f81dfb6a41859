/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_queue.c - the invalidation queue. Descriptors are memory that the host may be writing:
 * each is copied once and judged; a bad one stops the queue (FSTS.IQE) with the head on it.
 */
#include "iommu_domain.h"
#include "vtd_priv.h"

#ifndef LADON_BREAK_VTD_TURN
#define TURN 64u /* descriptors, before somebody else has a turn */
#else
#define TURN UINT32_MAX
#endif

struct desc {
	uint64_t lo, hi;
};

static bool is_wide(const struct vtd *vtd)
{
	return vtd->reg[VTD_R_IQA] & VTD_IQA_DW;
}

static void stop(struct vtd *vtd, unsigned why)
{
	bool first = !vtd->reg[VTD_R_FSTS];

	vtd->reg[VTD_R_FSTS] |= VTD_FSTS_IQE;
	vtd->reg[VTD_R_IQERCD] = why;
	if (first)
		vtd_event(vtd, VTD_R_FECTL);
}

/* ---- whom a descriptor means ---- */

/* What is not present may have been made present with any domain number. */
static bool is_domain(const struct iommu_domain *dom, uint64_t did)
{
	const struct vtd_context *ctx = iommu_domain_context(dom);

	return !ctx->found || ctx->did == did;
}

static bool has_first_stage(const struct iommu_domain *dom)
{
	const struct vtd_context *ctx = iommu_domain_context(dom);

	return ctx->kind == VTD_FIRST || ctx->kind == VTD_NESTED;
}

static bool ctx_matches(const struct iommu_domain *dom, const struct desc *d)
{
	/* FM: so many low bits of the function number do not count: none, bit 2, ... */
	static const uint16_t ignored[] = {0, 4, 6, 7};

	switch (VTD_GET(VTD_IQ_G, d->lo)) {
	case VTD_G_GLOBAL:
		return true;
	case VTD_G_DOMAIN:
		return is_domain(dom, VTD_GET(VTD_IQ_DID, d->lo));
	default:
		return !((dom->rid ^ VTD_GET(VTD_IQ_SID, d->lo)) &
			 ~(uint64_t)ignored[VTD_GET(VTD_IQ_FM, d->lo)]);
	}
}

/* ---- descriptors; each returns 0 or why the queue stops ---- */

static unsigned do_ctx(struct vtd *vtd, const struct desc *d)
{
	if (!VTD_GET(VTD_IQ_G, d->lo) || d->hi)
		return VTD_IQEI_RESERVED;
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		if (ctx_matches(dom, d))
			vtd_load(vtd, dom);
	return 0;
}

static unsigned do_pasid(struct vtd *vtd, const struct desc *d)
{
	uint64_t kind = VTD_GET(VTD_IQ_G, d->lo);

	if (kind == 2 || d->hi)
		return VTD_IQEI_RESERVED;
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		if (kind == 3 || is_domain(dom, VTD_GET(VTD_IQ_DID, d->lo)))
			vtd_load(vtd, dom);
	return 0;
}

/* Forgets 2^am pages, or everything when the range is not the one that the cache is keyed by.
 */
static void forget(struct iommu_domain *dom, const struct desc *d, bool range)
{
	unsigned am = (unsigned)VTD_GET(VTD_IQ_AM, d->hi);
	uint64_t size = IOMMU_PAGE << am;

	if (range)
		iommu_domain_forget(dom, ALIGN_DOWN(d->hi & ~(IOMMU_PAGE - 1), size), size);
	else
		iommu_domain_forget_all(dom);
}

static unsigned do_iotlb(struct vtd *vtd, const struct desc *d)
{
	uint64_t g = VTD_GET(VTD_IQ_G, d->lo);

	if (!g || (g == VTD_G_SELECT && VTD_GET(VTD_IQ_AM, d->hi) > VTD_MAMV))
		return VTD_IQEI_RESERVED;
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		if (g == VTD_G_GLOBAL || is_domain(dom, VTD_GET(VTD_IQ_DID, d->lo)))
			forget(dom, d, g == VTD_G_SELECT && !has_first_stage(dom));
	return 0;
}

static unsigned do_pasid_iotlb(struct vtd *vtd, const struct desc *d)
{
	uint64_t g = VTD_GET(VTD_IQ_G, d->lo);

	if (g < VTD_G_PASID_ALL || (g == VTD_G_SELECT && VTD_GET(VTD_IQ_AM, d->hi) > VTD_MAMV))
		return VTD_IQEI_RESERVED;
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		if (is_domain(dom, VTD_GET(VTD_IQ_DID, d->lo)))
			forget(dom, d, g == VTD_G_SELECT);
	return 0;
}

static unsigned do_iec(struct vtd *vtd, const struct desc *d)
{
	if (vtd->hooks.forget_irtes)
		vtd->hooks.forget_irtes(vtd->hooks.arg, !(d->lo & VTD_IQ_IEC_G),
					(unsigned)VTD_GET(VTD_IQ_IEC_IIDX, d->lo),
					(unsigned)VTD_GET(VTD_IQ_IEC_IM, d->lo));
	return 0;
}

/* A status address that nobody offered is written to nothing, as on a bus. */
static void write_status(struct vtd *vtd, uint64_t hpa, uint32_t data)
{
	uint64_t word = 0, run;
	_Atomic uint32_t *at = (_Atomic uint32_t *)(void *)iommu_space_at(
		&vtd->space, hpa & ~3ull, &word, &run);

	if (at && word & IOMMU_WRITE)
		atomic_store_explicit(at, data, memory_order_release);
}

static unsigned do_wait(struct vtd *vtd, const struct desc *d)
{
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		iommu_domain_drain(dom);
	if (d->lo & VTD_IQ_WAIT_SW)
		write_status(vtd, d->hi, (uint32_t)VTD_GET(VTD_IQ_WAIT_DATA, d->lo));
	if (d->lo & VTD_IQ_WAIT_IF && !vtd->reg[VTD_R_ICS]) {
		vtd->reg[VTD_R_ICS] = 1;
		vtd_event(vtd, VTD_R_IECTL);
	}
	return 0;
}

/* By type; the mask is of the bits of the low word that are reserved. */
static const struct {
	unsigned (*run)(struct vtd *vtd, const struct desc *d);
	uint64_t reserved;
} types[16] = {
	[VTD_IQ_CTX] = {do_ctx, VTD_MASK(63, 50) | VTD_MASK(15, 6)},
	[VTD_IQ_IOTLB] = {do_iotlb, VTD_MASK(63, 32) | VTD_MASK(15, 8)},
	[VTD_IQ_IEC] = {do_iec, VTD_MASK(63, 48) | VTD_MASK(26, 5)},
	[VTD_IQ_WAIT] = {do_wait, VTD_MASK(31, 8)},
	[VTD_IQ_PASID_IOTLB] = {do_pasid_iotlb, VTD_MASK(63, 52) | VTD_MASK(15, 6)},
	[VTD_IQ_PASID] = {do_pasid, VTD_MASK(63, 52) | VTD_MASK(15, 6)},
};

static unsigned run_one(struct vtd *vtd, const struct desc *d)
{
	unsigned type = (unsigned)VTD_GET(VTD_IQ_TYPE, d->lo);

	if (!types[type].run)
		return VTD_IQEI_TYPE;
	return d->lo & types[type].reserved ? VTD_IQEI_RESERVED : types[type].run(vtd, d);
}

/* ---- the ring ---- */

static bool fetch(const struct vtd *vtd, uint64_t at, uint64_t *ret_word)
{
	uint64_t word = 0, run;
	const _Atomic uint64_t *p =
		(const _Atomic uint64_t *)(void *)iommu_space_at(&vtd->space, at, &word, &run);

	if (!p || !(word & IOMMU_READ))
		return false;
	*ret_word = atomic_load_explicit(p, memory_order_acquire);
	return true;
}

/* Returns 0 or why the queue stops. */
static unsigned step(struct vtd *vtd, uint64_t head)
{
	uint64_t at = (vtd->reg[VTD_R_IQA] & VTD_PTR) + head, more[2] = {0};
	struct desc d;

	if (!fetch(vtd, at, &d.lo) || !fetch(vtd, at + 8, &d.hi))
		return VTD_IQEI_FETCH;
	if (is_wide(vtd) && (!fetch(vtd, at + 16, &more[0]) || !fetch(vtd, at + 24, &more[1])))
		return VTD_IQEI_FETCH;
	return more[0] | more[1] ? VTD_IQEI_RESERVED : run_one(vtd, &d);
}

void vtd_queue_run(struct vtd *vtd)
{
	uint64_t size = IOMMU_PAGE << (vtd->reg[VTD_R_IQA] & VTD_IQA_QS);
	uint64_t tail = vtd->reg[VTD_R_IQT], bytes = is_wide(vtd) ? 32 : 16;

	if (!(vtd->reg[VTD_R_GSTS] & VTD_GCMD_QIE) || vtd->reg[VTD_R_FSTS] & VTD_FSTS_IQE)
		return;
	if (tail >= size || tail % bytes || vtd->reg[VTD_R_IQH] % bytes) {
		stop(vtd, VTD_IQEI_TAIL);
		return;
	}
	for (unsigned i = 0; i < TURN && vtd->reg[VTD_R_IQH] != tail; i++) {
		unsigned why = step(vtd, vtd->reg[VTD_R_IQH]);

		if (why) {
			stop(vtd, why);
			return;
		}
		vtd->reg[VTD_R_IQH] = (vtd->reg[VTD_R_IQH] + bytes) % size;
	}
}

bool vtd_turn(struct vtd *vtd)
{
	vtd_queue_run(vtd);
	return vtd->reg[VTD_R_IQH] != vtd->reg[VTD_R_IQT] &&
	       vtd->reg[VTD_R_GSTS] & VTD_GCMD_QIE && !(vtd->reg[VTD_R_FSTS] & VTD_FSTS_IQE);
}
