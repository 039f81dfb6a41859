/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of the engine, one line a case: the tables of a sound translation are built in memory,
 * one or two words of them are changed, and a request must find the leaf or the fault named.
 * Each fault reason that a DMA can give has a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "vtd_defs.h"
#include "vtd_walk.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define R      IOMMU_READ
#define W      IOMMU_WRITE
#define RW     (R | W)
#define PAGES  1024 /* of the host's memory; 4 MiB, the second half is not used */
#define RID    0x0185
#define ALL    (~0ull)

/* Pages of the memory that are tables. */
enum page {
	ROOT,
	CTX,
	CTX_HIGH,
	PDIR,
	PASID,
	SS5,
	SS4,
	SS3,
	SS2,
	SS1,
	FS5,
	FS4,
	FS3,
	FS2,
	FS1,
	DATA
};

enum base { LEGACY, SCALABLE, FIRST, NESTED, BASE_NUM };

struct patch {
	enum page page;
	unsigned word;
	uint64_t keep, set; /* word = word & keep | set; keep and set 0: nothing */
};

struct test_case {
	const char *name;
	enum base base;
	struct patch patch[2];
	uint64_t addr;
	uint32_t need;
	enum iommu_reason reason; /* 0: the leaf */
	uint64_t hpa;
	unsigned shift;
	uint32_t perm;
};

static struct iommu_space space;
static struct iommu_slice slice;
static uint64_t *words;

static uint64_t page_hpa(unsigned page)
{
	return slice.hpa + page * 4096ull;
}

static uint64_t *word_at(enum page page, unsigned word)
{
	return &words[page * 512 + word];
}

static int setup(void **state)
{
	(void)state;
	words = aligned_alloc(4096, PAGES * 4096);
	if (!words || iommu_space_init(&space) < 0)
		return -1;
	return iommu_space_add(&space, &slice, (uint8_t *)words, PAGES * 4096, RW, 0);
}

static int teardown(void **state)
{
	(void)state;
	iommu_space_remove(&space, &slice);
	iommu_space_done(&space);
	free(words);
	return 0;
}

/* IOVA 0: pages of the memory, one to one; 2 MiB: a page of 2 MiB at 5 GiB; 1 GiB: one of 1
 * GiB at 6 GiB. */
static void build_second_stage(void)
{
	*word_at(SS5, 0) = page_hpa(SS4) | RW;
	*word_at(SS4, 0) = page_hpa(SS3) | RW;
	*word_at(SS3, 0) = page_hpa(SS2) | RW;
	*word_at(SS3, 1) = GIB(6) | VTD_PS | RW;
	*word_at(SS2, 0) = page_hpa(SS1) | RW;
	*word_at(SS2, 1) = GIB(5) | VTD_PS | RW;
	for (unsigned i = 0; i < 512; i++)
		*word_at(SS1, i) = page_hpa(i) | RW;
}

/* The same shape; when nested, its pointers are the second stage's input addresses. */
static void build_first_stage(bool nested)
{
	uint64_t zero = nested ? 0 : slice.hpa, bits = VTD_P | VTD_FS_RW | VTD_FS_US;

	*word_at(FS5, 0) = (zero + FS4 * 4096) | bits;
	*word_at(FS4, 0) = (zero + FS3 * 4096) | bits;
	*word_at(FS4, 256) = (zero + FS3 * 4096) | bits;
	*word_at(FS3, 0) = (zero + FS2 * 4096) | bits;
	*word_at(FS3, 1) = (nested ? GIB(1) : GIB(6)) | VTD_PS | bits;
	*word_at(FS2, 0) = (zero + FS1 * 4096) | bits;
	*word_at(FS2, 1) = (nested ? MIB(2) : GIB(5)) | VTD_PS | bits;
	for (unsigned i = 0; i < 512; i++)
		*word_at(FS1, i) = (zero + i * 4096) | bits;
}

static void build_scalable(uint64_t pgtt)
{
	unsigned devfn = RID & 0xff;

	*word_at(ROOT, (RID >> 8) * 2) = page_hpa(CTX) | VTD_P;
	*word_at(ROOT, (RID >> 8) * 2 + 1) = page_hpa(CTX_HIGH) | VTD_P;
	*word_at(CTX_HIGH, devfn % 128 * 4) = page_hpa(PDIR) | VTD_P;
	*word_at(CTX_HIGH, devfn % 128 * 4 + 1) = 0x41;
	*word_at(PDIR, 1) = page_hpa(PASID) | VTD_P;
	*word_at(PASID, 8) = page_hpa(SS4) | VTD_PUT(VTD_PASID_AW, 2) |
			     VTD_PUT(VTD_PASID_PGTT, pgtt) | VTD_P;
	*word_at(PASID, 9) = 7;
	*word_at(PASID, 10) = pgtt == VTD_PGTT_NESTED ? FS4 * 4096 : page_hpa(FS4);
}

static void build_legacy(void)
{
	*word_at(ROOT, (RID >> 8) * 2) = page_hpa(CTX) | VTD_P;
	*word_at(CTX, (RID & 0xff) * 2) = page_hpa(SS4) | VTD_P;
	*word_at(CTX, (RID & 0xff) * 2 + 1) = VTD_PUT(VTD_CTX_DID, 7) | 2;
}

static uint64_t build(enum base base)
{
	memset(words, 0, PAGES * 4096);
	build_second_stage();
	build_first_stage(base == NESTED);
	switch (base) {
	case LEGACY:
		build_legacy();
		return page_hpa(ROOT);
	case SCALABLE:
		build_scalable(VTD_PGTT_SECOND);
		break;
	case FIRST:
		build_scalable(VTD_PGTT_FIRST);
		break;
	default:
		build_scalable(VTD_PGTT_NESTED);
	}
	return page_hpa(ROOT) | VTD_PUT(VTD_RTADDR_TTM, VTD_TTM_SCALABLE);
}

#define LCTX	 (RID & 0xff) * 2	/* words of the legacy context entry */
#define SCTX	 (RID & 0xff) % 128 * 4 /* of the scalable one */
#define NOWHERE	 GIB(3)			/* nothing is ever offered there */
#define PTR	 (~VTD_PTR)		/* keeps all but the pointer */
#define DATA_HPA (IOMMU_HPA_FIRST + DATA * 4096)

// clang-format off
static const struct test_case cases[] = {
	/* second stage, legacy mode */
	{ "4 KiB page",			LEGACY, {}, DATA * 4096 + 5, R, 0, DATA_HPA + 5, 12, RW },
	{ "2 MiB page",			LEGACY, {}, MIB(2) + 77777, W, 0, GIB(5) + 77777, 21, RW },
	{ "1 GiB page",			LEGACY, {}, GIB(1) + 77777777, RW, 0, GIB(6) + 77777777, 30, RW },
	{ "3 levels",			LEGACY, {{CTX, LCTX, PTR, IOMMU_HPA_FIRST + SS3 * 4096}, {CTX, LCTX + 1, ~7ull, 1}}, MIB(2), R, 0, GIB(5), 21, RW },
	{ "5 levels",			LEGACY, {{CTX, LCTX, PTR, IOMMU_HPA_FIRST + SS5 * 4096}, {CTX, LCTX + 1, ~7ull, 3}}, MIB(2), R, 0, GIB(5), 21, RW },
	{ "ignored bits",		LEGACY, {{SS2, 1, ALL, 0xbff0000000000000 | 0x77c}}, MIB(2), R, 0, GIB(5), 21, RW },
	{ "pass-through",		LEGACY, {{CTX, LCTX, ALL, VTD_PUT(VTD_CTX_TT, VTD_TT_PASS)}}, GIB(7) + 9, W, 0, GIB(7) + 9, 21, RW },
	{ "read-only by the leaf",	LEGACY, {{SS1, 3, ~2ull, 0}}, 0x3000, R, 0, IOMMU_HPA_FIRST + 0x3000, 12, R },
	{ "read-only by a table",	LEGACY, {{SS3, 0, ~2ull, 0}}, 0x3000, R, 0, IOMMU_HPA_FIRST + 0x3000, 12, R },
	{ "write-only",			LEGACY, {{SS2, 1, ~1ull, 0}}, MIB(2), W, 0, GIB(5), 21, W },
	{ "root absent",		LEGACY, {{ROOT, 2, ~1ull, 0}}, 0, R, IOMMU_FAULT_ROOT_ABSENT, 0, 0, 0 },
	{ "context absent",		LEGACY, {{CTX, LCTX, ~1ull, 0}}, 0, R, IOMMU_FAULT_CTX_ABSENT, 0, 0, 0 },
	{ "no such width",		LEGACY, {{CTX, LCTX + 1, ~7ull, 4}}, 0, R, IOMMU_FAULT_CTX_INVALID, 0, 0, 0 },
	{ "width 0",			LEGACY, {{CTX, LCTX + 1, ~7ull, 0}}, 0, R, IOMMU_FAULT_CTX_INVALID, 0, 0, 0 },
	{ "type 3",			LEGACY, {{CTX, LCTX, ALL, 0xc}}, 0, R, IOMMU_FAULT_CTX_INVALID, 0, 0, 0 },
	{ "type 1, no device TLB",	LEGACY, {{CTX, LCTX, ALL, 4}}, 0, R, IOMMU_FAULT_CTX_INVALID, 0, 0, 0 },
	{ "beyond 4 levels",		LEGACY, {}, 1ull << 48, R, IOMMU_FAULT_MGAW, 0, 0, 0 },
	{ "beyond 3 levels",		LEGACY, {{CTX, LCTX + 1, ~7ull, 1}}, 1ull << 39, R, IOMMU_FAULT_MGAW, 0, 0, 0 },
	{ "beyond MGAW",		LEGACY, {}, 1ull << 57, R, IOMMU_FAULT_MGAW, 0, 0, 0 },
	{ "pass-through beyond HAW",	LEGACY, {{CTX, LCTX, ALL, 8}}, 1ull << 46, R, IOMMU_FAULT_MGAW, 0, 0, 0 },
	{ "not mapped, write",		LEGACY, {{SS1, 3, 0, 4}}, 0x3000, W, IOMMU_FAULT_WRITE, 0, 0, 0 },
	{ "not mapped, read",		LEGACY, {{SS1, 3, 0, 4}}, 0x3000, R, IOMMU_FAULT_READ, 0, 0, 0 },
	{ "no write",			LEGACY, {{SS1, 3, ~2ull, 0}}, 0x3000, W, IOMMU_FAULT_WRITE, 0, 0, 0 },
	{ "no write, both asked",	LEGACY, {{SS1, 3, ~2ull, 0}}, 0x3000, RW, IOMMU_FAULT_WRITE, 0, 0, 0 },
	{ "no write by a table",	LEGACY, {{SS4, 0, ~2ull, 0}}, 0x3000, W, IOMMU_FAULT_WRITE, 0, 0, 0 },
	{ "no read",			LEGACY, {{SS2, 1, ~1ull, 0}}, MIB(2), R, IOMMU_FAULT_READ, 0, 0, 0 },
	{ "table outside",		LEGACY, {{SS2, 0, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_PAGE_ACCESS, 0, 0, 0 },
	{ "root of tables outside",	LEGACY, {{CTX, LCTX, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_PAGE_ACCESS, 0, 0, 0 },
	{ "context table outside",	LEGACY, {{ROOT, 2, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_CTX_ACCESS, 0, 0, 0 },
	{ "root reserved",		LEGACY, {{ROOT, 2, ALL, 2}}, 0, R, IOMMU_FAULT_ROOT_RESERVED, 0, 0, 0 },
	{ "root reserved, high half",	LEGACY, {{ROOT, 3, ALL, 1}}, 0, R, IOMMU_FAULT_ROOT_RESERVED, 0, 0, 0 },
	{ "root beyond HAW",		LEGACY, {{ROOT, 2, ALL, 1ull << 46}}, 0, R, IOMMU_FAULT_ROOT_RESERVED, 0, 0, 0 },
	{ "context reserved, low",	LEGACY, {{CTX, LCTX, ALL, 0x10}}, 0, R, IOMMU_FAULT_CTX_RESERVED, 0, 0, 0 },
	{ "context reserved, high",	LEGACY, {{CTX, LCTX + 1, ALL, 0x80}}, 0, R, IOMMU_FAULT_CTX_RESERVED, 0, 0, 0 },
	{ "context beyond HAW",		LEGACY, {{CTX, LCTX, ALL, 1ull << 50}}, 0, R, IOMMU_FAULT_CTX_RESERVED, 0, 0, 0 },
	{ "leaf beyond HAW",		LEGACY, {{SS1, 0, ALL, 1ull << 51}}, 0, R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "snoop bit",			LEGACY, {{SS1, 0, ALL, 1ull << 11}}, 0, R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "transient mapping bit",	LEGACY, {{SS1, 0, ALL, 1ull << 62}}, 0, R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "2 MiB page, odd address",	LEGACY, {{SS2, 1, ALL, 0x1000}}, MIB(2), R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "2 MiB page, bit 20",		LEGACY, {{SS2, 1, ALL, 1ull << 20}}, MIB(2), R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "1 GiB page, bit 29",		LEGACY, {{SS3, 1, ALL, 1ull << 29}}, GIB(1), R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "page at level 4",		LEGACY, {{SS4, 0, ALL, VTD_PS}}, 0, R, IOMMU_FAULT_PAGE_RESERVED, 0, 0, 0 },
	{ "interrupt window",		LEGACY, {}, 0xfee00000, W, IOMMU_FAULT_LEGACY_INTR_RANGE, 0, 0, 0 },
	{ "interrupt window, end",	LEGACY, {{CTX, LCTX, ALL, 8}}, 0xfeefffff, R, IOMMU_FAULT_LEGACY_INTR_RANGE, 0, 0, 0 },
	{ "page in the window",		LEGACY, {{SS1, 0, PTR, 0xfee00000}}, 0, W, IOMMU_FAULT_LEGACY_INTR_RANGE, 0, 0, 0 },
	/* second stage, scalable mode */
	{ "4 KiB page",			SCALABLE, {}, DATA * 4096 + 5, R, 0, DATA_HPA + 5, 12, RW },
	{ "2 MiB page",			SCALABLE, {}, MIB(2) + 77777, W, 0, GIB(5) + 77777, 21, RW },
	{ "5 levels",			SCALABLE, {{PASID, 8, PTR & ~VTD_PASID_AW, (IOMMU_HPA_FIRST + SS5 * 4096) | 3 << 2}}, MIB(2), R, 0, GIB(5), 21, RW },
	{ "pass-through",		SCALABLE, {{PASID, 8, ~VTD_PASID_PGTT, 4 << 6}}, GIB(7), W, 0, GIB(7), 21, RW },
	{ "root absent",		SCALABLE, {{ROOT, 3, ~1ull, 0}}, 0, R, IOMMU_FAULT_SM_ROOT_ABSENT, 0, 0, 0 },
	{ "root reserved",		SCALABLE, {{ROOT, 3, ALL, 0x800}}, 0, R, IOMMU_FAULT_SM_ROOT_RESERVED, 0, 0, 0 },
	{ "context table outside",	SCALABLE, {{ROOT, 3, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_SM_CTX_ACCESS, 0, 0, 0 },
	{ "context absent",		SCALABLE, {{CTX_HIGH, SCTX, ~1ull, 0}}, 0, R, IOMMU_FAULT_SM_CTX_ABSENT, 0, 0, 0 },
	{ "context reserved, word 0",	SCALABLE, {{CTX_HIGH, SCTX, ALL, 0x100}}, 0, R, IOMMU_FAULT_SM_CTX_RESERVED, 0, 0, 0 },
	{ "device TLB, not there",	SCALABLE, {{CTX_HIGH, SCTX, ALL, 4}}, 0, R, IOMMU_FAULT_SM_CTX_RESERVED, 0, 0, 0 },
	{ "context reserved, word 1",	SCALABLE, {{CTX_HIGH, SCTX + 1, ALL, 1ull << 21}}, 0, R, IOMMU_FAULT_SM_CTX_RESERVED, 0, 0, 0 },
	{ "context reserved, word 3",	SCALABLE, {{CTX_HIGH, SCTX + 3, ALL, 1}}, 0, R, IOMMU_FAULT_SM_CTX_RESERVED, 0, 0, 0 },
	{ "RID_PASID beyond",		SCALABLE, {{CTX_HIGH, SCTX + 1, ALL, 1 << 13}}, 0, R, IOMMU_FAULT_SM_RID_PASID, 0, 0, 0 },
	{ "RID_PASID inside",		SCALABLE, {{CTX_HIGH, SCTX + 1, ALL, 1 << 13}, {CTX_HIGH, SCTX, ALL, 1 << 9}}, 0, R, IOMMU_FAULT_PASID_DIR_ABSENT, 0, 0, 0 },
	{ "PASID directory outside",	SCALABLE, {{CTX_HIGH, SCTX, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_PASID_DIR_ACCESS, 0, 0, 0 },
	{ "PASID directory absent",	SCALABLE, {{PDIR, 1, ~1ull, 0}}, 0, R, IOMMU_FAULT_PASID_DIR_ABSENT, 0, 0, 0 },
	{ "PASID directory reserved",	SCALABLE, {{PDIR, 1, ALL, 4}}, 0, R, IOMMU_FAULT_PASID_DIR_RESERVED, 0, 0, 0 },
	{ "PASID table outside",	SCALABLE, {{PDIR, 1, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_PASID_ACCESS, 0, 0, 0 },
	{ "PASID absent",		SCALABLE, {{PASID, 8, ~1ull, 0}}, 0, R, IOMMU_FAULT_PASID_ABSENT, 0, 0, 0 },
	{ "PASID reserved, word 0",	SCALABLE, {{PASID, 8, ALL, 0x400}}, 0, R, IOMMU_FAULT_PASID_RESERVED, 0, 0, 0 },
	{ "PASID reserved, word 2",	SCALABLE, {{PASID, 10, ALL, 0x100}}, 0, R, IOMMU_FAULT_PASID_RESERVED, 0, 0, 0 },
	{ "PASID reserved, word 7",	SCALABLE, {{PASID, 15, ALL, 1}}, 0, R, IOMMU_FAULT_PASID_RESERVED, 0, 0, 0 },
	{ "no such type",		SCALABLE, {{PASID, 8, ~VTD_PASID_PGTT, 5 << 6}}, 0, R, IOMMU_FAULT_PASID_INVALID, 0, 0, 0 },
	{ "type 0",			SCALABLE, {{PASID, 8, ~VTD_PASID_PGTT, 0}}, 0, R, IOMMU_FAULT_PASID_INVALID, 0, 0, 0 },
	{ "no such width",		SCALABLE, {{PASID, 8, ALL, 7 << 2}}, 0, R, IOMMU_FAULT_PASID_INVALID, 0, 0, 0 },
	{ "table outside",		SCALABLE, {{SS2, 0, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_SS_ACCESS, 0, 0, 0 },
	{ "root of tables outside",	SCALABLE, {{PASID, 8, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_SS_ROOT_ACCESS, 0, 0, 0 },
	{ "not mapped",			SCALABLE, {{SS1, 3, 0, 4}}, 0x3000, W, IOMMU_FAULT_NOT_MAPPED, 0, 0, 0 },
	{ "reserved",			SCALABLE, {{SS1, 3, ALL, 1ull << 11}}, 0x3000, W, IOMMU_FAULT_SS_RESERVED, 0, 0, 0 },
	{ "no write",			SCALABLE, {{SS1, 3, ~2ull, 0}}, 0x3000, W, IOMMU_FAULT_NO_WRITE, 0, 0, 0 },
	{ "no read",			SCALABLE, {{SS1, 3, ~1ull, 0}}, 0x3000, R, IOMMU_FAULT_NO_READ, 0, 0, 0 },
	{ "beyond the tables",		SCALABLE, {}, 1ull << 48, R, IOMMU_FAULT_BEYOND_TABLE, 0, 0, 0 },
	{ "beyond the hardware",	SCALABLE, {}, 1ull << 57, R, IOMMU_FAULT_BEYOND_WIDTH, 0, 0, 0 },
	{ "interrupt window",		SCALABLE, {}, 0xfeeabcd0, W, IOMMU_FAULT_INTR_RANGE, 0, 0, 0 },
	/* first stage alone */
	{ "4 KiB page, read",		FIRST, {}, DATA * 4096 + 5, R, 0, DATA_HPA + 5, 12, R },
	{ "4 KiB page, write",		FIRST, {}, DATA * 4096 + 5, W, 0, DATA_HPA + 5, 12, RW },
	{ "dirty already",		FIRST, {{FS2, 1, ALL, VTD_FS_D}}, MIB(2), R, 0, GIB(5), 21, RW },
	{ "1 GiB page",			FIRST, {}, GIB(1) + 5, W, 0, GIB(6) + 5, 30, RW },
	{ "5 levels",			FIRST, {{PASID, 10, 0, (IOMMU_HPA_FIRST + FS5 * 4096) | 1 << 2}}, MIB(2), W, 0, GIB(5), 21, RW },
	{ "upper half",			FIRST, {}, 0xffff800000200000, W, 0, GIB(5), 21, RW },
	{ "not canonical",		FIRST, {}, 0x0000800000000000, R, IOMMU_FAULT_NOT_CANONICAL, 0, 0, 0 },
	{ "not canonical, upper",	FIRST, {}, 0xffff7fffffffffff, R, IOMMU_FAULT_NOT_CANONICAL, 0, 0, 0 },
	{ "absent",			FIRST, {{FS1, 3, ~1ull, 0}}, 0x3000, R, IOMMU_FAULT_FS_ABSENT, 0, 0, 0 },
	{ "no write by a table",	FIRST, {{FS3, 0, ~2ull, 0}}, 0x3000, W, IOMMU_FAULT_NO_WRITE, 0, 0, 0 },
	{ "read-only by a table",	FIRST, {{FS3, 0, ~2ull, 0}}, 0x3000, R, 0, IOMMU_HPA_FIRST + 0x3000, 12, R },
	{ "supervisor",			FIRST, {{FS2, 1, ~4ull, 0}}, MIB(2), R, IOMMU_FAULT_FS_SUPERVISOR, 0, 0, 0 },
	{ "no XD without NXE",		FIRST, {{FS2, 1, ALL, VTD_FS_XD}}, MIB(2), R, IOMMU_FAULT_FS_RESERVED, 0, 0, 0 },
	{ "XD with NXE",		FIRST, {{FS2, 1, ALL, VTD_FS_XD}, {PASID, 10, ALL, VTD_PASID_NXE}}, MIB(2), R, 0, GIB(5), 21, R },
	{ "2 MiB page, bit 13",		FIRST, {{FS2, 1, ALL, 1 << 13}}, MIB(2), R, IOMMU_FAULT_FS_RESERVED, 0, 0, 0 },
	{ "2 MiB page, memory type",	FIRST, {{FS2, 1, ALL, 1 << 12}}, MIB(2), R, 0, GIB(5), 21, R },
	{ "page at level 4",		FIRST, {{FS4, 0, ALL, VTD_PS}}, 0, R, IOMMU_FAULT_FS_RESERVED, 0, 0, 0 },
	{ "beyond HAW",			FIRST, {{FS1, 0, ALL, 1ull << 46}}, 0, R, IOMMU_FAULT_FS_RESERVED, 0, 0, 0 },
	{ "table outside",		FIRST, {{FS2, 0, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_FS_ACCESS, 0, 0, 0 },
	{ "root outside",		FIRST, {{PASID, 10, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_FS_ROOT_ACCESS, 0, 0, 0 },
	{ "no such levels",		FIRST, {{PASID, 10, ALL, 2 << 2}}, 0, R, IOMMU_FAULT_PASID_INVALID, 0, 0, 0 },
	{ "interrupt window",		FIRST, {}, 0xfee00000, W, IOMMU_FAULT_INTR_RANGE, 0, 0, 0 },
	/* nested */
	{ "4 KiB on 4 KiB",		NESTED, {}, DATA * 4096 + 5, W, 0, DATA_HPA + 5, 12, RW },
	{ "2 MiB on 2 MiB",		NESTED, {}, MIB(2) + 5, W, 0, GIB(5) + 5, 21, RW },
	{ "2 MiB on 1 GiB",		NESTED, {{FS2, 1, PTR, GIB(1) + MIB(4)}}, MIB(2) + 5, W, 0, GIB(6) + MIB(4) + 5, 21, RW },
	{ "2 MiB on 4 KiB",		NESTED, {{FS2, 1, PTR, 0}}, MIB(2) + DATA * 4096, W, 0, DATA_HPA, 12, RW },
	{ "4 KiB on 2 MiB",		NESTED, {{FS1, 3, PTR, MIB(2) + 0x5000}}, 0x3001, W, 0, GIB(5) + 0x5001, 12, RW },
	{ "read-only below",		NESTED, {{SS2, 1, ~2ull, 0}}, MIB(2), R, 0, GIB(5), 21, R },
	{ "no write below",		NESTED, {{SS2, 1, ~2ull, 0}}, MIB(2), W, IOMMU_FAULT_NO_WRITE, 0, 0, 0 },
	{ "no read below",		NESTED, {{SS2, 1, ~1ull, 0}}, MIB(2), R, IOMMU_FAULT_NO_READ, 0, 0, 0 },
	{ "not mapped below",		NESTED, {{SS2, 1, 0, 4}}, MIB(2), R, IOMMU_FAULT_NOT_MAPPED, 0, 0, 0 },
	{ "reserved below",		NESTED, {{SS2, 1, ALL, 1ull << 11}}, MIB(2), R, IOMMU_FAULT_SS_RESERVED, 0, 0, 0 },
	{ "absent above",		NESTED, {{FS2, 1, ~1ull, 0}}, MIB(2), R, IOMMU_FAULT_FS_ABSENT, 0, 0, 0 },
	{ "page beyond below",		NESTED, {{PASID, 8, PTR & ~VTD_PASID_AW, (IOMMU_HPA_FIRST + SS3 * 4096) | 1 << 2}, {FS2, 1, PTR, 1ull << 40}}, MIB(2), R, IOMMU_FAULT_BEYOND_TABLE, 0, 0, 0 },
	{ "table beyond below",		NESTED, {{PASID, 8, PTR & ~VTD_PASID_AW, (IOMMU_HPA_FIRST + SS3 * 4096) | 1 << 2}, {FS2, 0, PTR, 1ull << 40}}, 0, R, IOMMU_FAULT_NEST_BEYOND, 0, 0, 0 },
	{ "root beyond below",		NESTED, {{PASID, 8, PTR & ~VTD_PASID_AW, (IOMMU_HPA_FIRST + SS3 * 4096) | 1 << 2}, {PASID, 10, PTR, 1ull << 40}}, 0, R, IOMMU_FAULT_NEST_BEYOND, 0, 0, 0 },
	{ "root not mapped below",	NESTED, {{SS1, FS4, 0, 4}}, 0, R, IOMMU_FAULT_NEST_ROOT_READ, 0, 0, 0 },
	{ "root not readable below",	NESTED, {{SS1, FS4, ~1ull, 0}}, 0, R, IOMMU_FAULT_NEST_ROOT_READ, 0, 0, 0 },
	{ "table not mapped below",	NESTED, {{SS1, FS2, 0, 4}}, 0, R, IOMMU_FAULT_NEST_READ, 0, 0, 0 },
	{ "table not readable below",	NESTED, {{SS1, FS2, ~1ull, 0}}, 0, R, IOMMU_FAULT_NEST_READ, 0, 0, 0 },
	{ "table not writable below",	NESTED, {{SS1, FS2, ~2ull, 0}}, 0, R, IOMMU_FAULT_NEST_WRITE, 0, 0, 0 },
	{ "nor need it be",		NESTED, {{SS1, FS2, ~2ull, 0}, {FS2, 1, ALL, VTD_FS_A}}, MIB(2), R, 0, GIB(5), 21, R },
	{ "table in no memory",		NESTED, {{SS1, FS2, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_FS_ACCESS, 0, 0, 0 },
	{ "root in no memory",		NESTED, {{SS1, FS4, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_FS_ROOT_ACCESS, 0, 0, 0 },
	{ "second stage outside",	NESTED, {{SS2, 0, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_SS_ACCESS, 0, 0, 0 },
	{ "second root outside",	NESTED, {{PASID, 8, PTR, NOWHERE}}, 0, R, IOMMU_FAULT_SS_ROOT_ACCESS, 0, 0, 0 },
	{ "reserved on the way",	NESTED, {{SS1, FS3, ALL, 1ull << 11}}, 0, R, IOMMU_FAULT_SS_RESERVED, 0, 0, 0 },
	{ "page in the window",		NESTED, {{SS1, 0, PTR, 0xfee00000}}, 0, W, IOMMU_FAULT_INTR_RANGE, 0, 0, 0 },
	{ "interrupt window",		NESTED, {}, 0xfee00000, W, IOMMU_FAULT_INTR_RANGE, 0, 0, 0 },
};
// clang-format on

static void apply(const struct patch *patch)
{
	uint64_t *word = word_at(patch->page, patch->word);

	if (patch->keep || patch->set)
		*word = (*word & patch->keep) | patch->set;
}

static void run(const struct test_case *tc)
{
	uint64_t rtaddr = build(tc->base);
	struct vtd_context ctx;
	struct vtd_leaf leaf = {0};
	enum iommu_reason reason;

	apply(&tc->patch[0]);
	apply(&tc->patch[1]);
	vtd_context_load(&space, rtaddr, true, RID, &ctx);
	reason = vtd_translate(&space, &ctx, tc->addr, tc->need, &leaf);
	if (reason)
		leaf = (struct vtd_leaf){0};
	if (reason != tc->reason || leaf.hpa != tc->hpa || leaf.shift != tc->shift ||
	    leaf.perm != tc->perm)
		fail_msg("case %d, %s: reason 0x%x (%s), hpa 0x%llx, shift %u, perm %u",
			 (int)(tc - cases), tc->name, reason,
			 reason ? iommu_reason_str(reason) : "", (unsigned long long)leaf.hpa,
			 leaf.shift, leaf.perm);
}

static void each_case_gives_its_leaf_or_its_fault(void **state)
{
	(void)state;
	assert_int_equal(slice.hpa, IOMMU_HPA_FIRST); /* the cases count on it */
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		run(&cases[i]);
}

/* What hosts cannot ask for with untranslated requests, and what is not for DMA. */
static bool not_for_dma(uint8_t code)
{
	return code == IOMMU_FAULT_BLOCKED || iommu_reason_is_ir(code) ||
	       code >= IOMMU_REASON_OURS;
}

static void each_reason_has_a_case(void **state)
{
	static const uint8_t codes[] = {
#define REASON(name, code, text)    code,
#define IR_REASON(name, code, text) code,
#include "iommu_reasons.def"
#undef REASON
#undef IR_REASON
	};
	/* These two need a root table outside, which no patch can make, and an odd RTADDR;
	 * the last a table in memory that the host offered for reading. */
	static const uint8_t elsewhere[] = {
		IOMMU_FAULT_ROOT_ACCESS,
		IOMMU_FAULT_SM_ROOT_ACCESS,
		IOMMU_FAULT_SM_RTADDR,
		IOMMU_FAULT_FS_UPDATE,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		bool found = not_for_dma(codes[i]);

		for (size_t j = 0; j < ARRAY_SIZE(cases); j++)
			found |= cases[j].reason == (enum iommu_reason)codes[i];
		for (size_t j = 0; j < ARRAY_SIZE(elsewhere); j++)
			found |= elsewhere[j] == codes[i];
		if (!found)
			fail_msg("no case gives 0x%x", codes[i]);
	}
}

static enum iommu_reason reason_with(uint64_t rtaddr, uint16_t rid, bool on)
{
	struct vtd_context ctx;
	struct vtd_leaf leaf;

	vtd_context_load(&space, rtaddr, on, rid, &ctx);
	return vtd_translate(&space, &ctx, MIB(2), R, &leaf);
}

static void the_root_table_address_is_judged(void **state)
{
	uint64_t rtaddr = build(SCALABLE);

	(void)state;
	assert_int_equal(reason_with(rtaddr, RID, true), 0);
	assert_int_equal(reason_with(rtaddr | 0x800, RID, true), IOMMU_FAULT_SM_RTADDR);
	assert_int_equal(reason_with(NOWHERE | 0x400, RID, true), IOMMU_FAULT_SM_ROOT_ACCESS);
	assert_int_equal(reason_with(NOWHERE, RID, true), IOMMU_FAULT_ROOT_ACCESS);
	assert_int_equal(reason_with(NOWHERE, RID, false), 0); /* translation is off */
	assert_int_equal(reason_with(rtaddr, RID ^ 1, true), IOMMU_FAULT_SM_CTX_ABSENT);
	assert_int_equal(reason_with(rtaddr, RID ^ 0x80, true), IOMMU_FAULT_SM_CTX_ABSENT);
	assert_int_equal(reason_with(rtaddr, RID ^ 0x100, true), IOMMU_FAULT_SM_ROOT_ABSENT);
	rtaddr = build(LEGACY);
	assert_int_equal(reason_with(rtaddr, RID, true), 0);
	assert_int_equal(reason_with(rtaddr, RID ^ 1, true), IOMMU_FAULT_CTX_ABSENT);
	assert_int_equal(reason_with(rtaddr, RID ^ 0x100, true), IOMMU_FAULT_ROOT_ABSENT);
}

static void accessed_and_dirty_are_set_in_the_first_stage_only(void **state)
{
	struct vtd_context ctx;
	struct vtd_leaf leaf;

	(void)state;
	vtd_context_load(&space, build(NESTED), true, RID, &ctx);
	assert_int_equal(vtd_translate(&space, &ctx, DATA * 4096, R, &leaf), 0);
	assert_int_equal(*word_at(FS4, 0) & (VTD_FS_A | VTD_FS_D), VTD_FS_A);
	assert_int_equal(*word_at(FS1, DATA) & (VTD_FS_A | VTD_FS_D), VTD_FS_A);
	assert_int_equal(vtd_translate(&space, &ctx, DATA * 4096, W, &leaf), 0);
	assert_int_equal(*word_at(FS2, 0) & (VTD_FS_A | VTD_FS_D), VTD_FS_A);
	assert_int_equal(*word_at(FS1, DATA) & (VTD_FS_A | VTD_FS_D), VTD_FS_A | VTD_FS_D);
	assert_int_equal(*word_at(SS1, DATA), page_hpa(DATA) | RW);
	assert_int_equal(*word_at(FS1, DATA + 1) & (VTD_FS_A | VTD_FS_D), 0);
}

/* A refused write leaves no trace in the leaf. */
static void a_refused_write_makes_nothing_dirty(void **state)
{
	struct vtd_context ctx;
	struct vtd_leaf leaf;

	(void)state;
	vtd_context_load(&space, build(FIRST), true, RID, &ctx);
	*word_at(FS1, 3) &= ~VTD_FS_RW;
	assert_int_equal(vtd_translate(&space, &ctx, 0x3000, W, &leaf), IOMMU_FAULT_NO_WRITE);
	assert_int_equal(*word_at(FS1, 3) & (VTD_FS_A | VTD_FS_D), 0);
}

/* Memory offered for reading only: tables there cannot be marked. */
static void tables_in_read_only_memory(void **state)
{
	uint64_t rtaddr = build(FIRST);

	(void)state;
	iommu_space_remove(&space, &slice);
	assert_int_equal(iommu_space_add(&space, &slice, (uint8_t *)words, PAGES * 4096, R, 0),
			 0);
	assert_int_equal(reason_with(rtaddr, RID, true), IOMMU_FAULT_FS_UPDATE);
	assert_int_equal(reason_with(build(NESTED), RID, true), IOMMU_FAULT_NEST_WRITE);
	assert_int_equal(reason_with(build(SCALABLE), RID, true), 0);
}

static void who_asks_not_to_be_told(void **state)
{
	struct vtd_context ctx;

	(void)state;
	vtd_context_load(&space, build(SCALABLE), true, RID, &ctx);
	assert_false(ctx.no_faults);
	assert_true(ctx.found);
	assert_int_equal(ctx.did, 7);
	assert_int_equal(ctx.pasid, 0x41);
	*word_at(PASID, 8) |= VTD_FPD;
	vtd_context_load(&space, page_hpa(ROOT) | 0x400, true, RID, &ctx);
	assert_true(ctx.no_faults);
	build(LEGACY);
	*word_at(CTX, LCTX) |= VTD_FPD | 0xff0;
	vtd_context_load(&space, page_hpa(ROOT), true, RID, &ctx);
	assert_true(ctx.no_faults);
	assert_int_equal(ctx.reason, IOMMU_FAULT_CTX_RESERVED);
}

/* Each table is its own next level: the walk ends where the levels do. */
static void a_table_that_points_to_itself(void **state)
{
	uint64_t rtaddr = build(NESTED);
	struct vtd_context ctx;
	struct vtd_leaf leaf;

	(void)state;
	for (unsigned i = 0; i < 512; i++) {
		*word_at(SS4, i) = page_hpa(SS4) | RW;
		*word_at(SS5, i) = page_hpa(SS5) | RW;
	}
	vtd_context_load(&space, rtaddr, true, RID, &ctx);
	/* The first stage's tables are this page then, too; its entries lack U/S. */
	assert_int_equal(vtd_translate(&space, &ctx, 0x1000, R, &leaf),
			 IOMMU_FAULT_FS_SUPERVISOR);
	for (unsigned i = 0; i < 512; i++)
		*word_at(SS4, i) |= VTD_FS_US;
	assert_int_equal(vtd_translate(&space, &ctx, 0x1000, R, &leaf), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_case_gives_its_leaf_or_its_fault),
		TEST(each_reason_has_a_case),
		TEST(the_root_table_address_is_judged),
		TEST(accessed_and_dirty_are_set_in_the_first_stage_only),
		TEST(a_refused_write_makes_nothing_dirty),
		TEST(tables_in_read_only_memory),
		TEST(who_asks_not_to_be_told),
		TEST(a_table_that_points_to_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
