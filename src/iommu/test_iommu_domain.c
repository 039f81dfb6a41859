/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of one address space, alone in its thread: what is accepted, what translates to what,
 * the order of unmap, and failing allocations. calloc, realloc, aligned_alloc and mmap are
 * wrapped at link time so that the n-th call can be made to fail.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "iommu_domain.h"
#include "vtd.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define TOP    (1ull << 48)
#define BOTH   (IOMMU_READ | IOMMU_WRITE)
#define NOBODY ((struct iommu_mem *)NULL)

/* ---- helpers ---- */

static unsigned drains;

static void count_drain(void *arg)
{
	(void)arg;
	drains++;
}

static int setup(void **state)
{
	struct iommu_domain *dom;

	drains = 0;
	if (iommu_domain_new(NULL, 0, count_drain, NULL, &dom) < 0)
		return -1;
	*state = dom;
	return 0;
}

static int teardown(void **state)
{
	iommu_domain_free(*state);
	return 0;
}

static struct iommu_mem *mem_of(uint64_t size)
{
	struct iommu_mem *mem;

	assert_int_equal(iommu_mem_anon(size, &mem), 0);
	return mem;
}

/* Maps fresh memory of the same size; returns its first byte. */
static uint8_t *map(struct iommu_domain *dom, uint64_t iova, uint64_t size, uint32_t perm)
{
	struct iommu_mem *mem = mem_of(size);

	assert_int_equal(iommu_map(dom, iova, size, perm, mem, 0), 0);
	return mem->base;
}

/* Both ways to translate agree on the pointer, and trim to something useful. */
static void expect_hit(struct iommu_domain *dom, uint64_t iova, const uint8_t *host)
{
	uint32_t flat_len = 100000, walk_len = 100000;
	uint32_t page_left = (uint32_t)(IOMMU_PAGE - iova % IOMMU_PAGE);

	assert_ptr_equal(iommu_xlate(dom, iova, &flat_len, IOMMU_READ), host);
	assert_ptr_equal(iommu_walk(dom, iova, &walk_len, IOMMU_READ), host);
	assert_in_range(flat_len, MIN(page_left, 100000u), 100000);
	assert_in_range(walk_len, MIN(page_left, 100000u), 100000);
}

static void expect_miss(struct iommu_domain *dom, uint64_t iova, uint32_t need)
{
	uint32_t len = 1;

	assert_null(iommu_xlate(dom, iova, &len, need));
	assert_null(iommu_walk(dom, iova, &len, need));
	assert_int_equal(len, 1);
}

/* How large the page is that the tables have for iova. */
static uint64_t page_size(const struct iommu_domain *dom, uint64_t iova)
{
	struct vtd_leaf leaf;

	assert_int_equal(
		vtd_translate(dom->space, iommu_domain_context(dom), iova, IOMMU_READ, &leaf),
		0);
	return 1ull << leaf.shift;
}

static unsigned count_maps(const struct iommu_domain *dom)
{
	struct iommu_usage usage;

	iommu_usage(dom, &usage);
	return usage.maps;
}

/* ---- map: what is accepted ---- */

static void bad_ranges_are_refused(void **state)
{
	// clang-format off
	static const struct {
		uint64_t iova, size;
		uint32_t perm;
	} bad[] = {
		{ 0,			0,			BOTH }, /* nothing */
		{ 1,			IOMMU_PAGE,		BOTH }, /* unaligned */
		{ 0,			IOMMU_PAGE + 1,		BOTH },
		{ 0x800,		0x800,			BOTH },
		{ TOP,			IOMMU_PAGE,		BOTH }, /* beyond 48 bits */
		{ TOP - IOMMU_PAGE,	2 * IOMMU_PAGE,		BOTH },
		{ IOMMU_PAGE,		TOP,			BOTH },
		{ 0,			TOP + IOMMU_PAGE,	BOTH },
		{ -IOMMU_PAGE,		IOMMU_PAGE,		BOTH }, /* ends at 2^64 */
		{ -IOMMU_PAGE,		2 * IOMMU_PAGE,		BOTH }, /* wraps */
		{ IOMMU_PAGE,		-IOMMU_PAGE,		BOTH },
		{ 0,			IOMMU_PAGE,		4 },	/* unknown permission */
		{ 0,			IOMMU_PAGE,		BOTH | 0x80000000 },
	};
	// clang-format on
	struct iommu_domain *dom = *state;
	uint64_t before = dom->generation;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(
			iommu_map(dom, bad[i].iova, bad[i].size, bad[i].perm, NOBODY, 0),
			-EINVAL);
	assert_int_equal(count_maps(dom), 0);
	assert_int_equal(dom->generation, before);
}

static void memory_must_cover_the_range(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_mem *mem = mem_of(KIB(16));

	assert_int_equal(iommu_map(dom, 0, KIB(20), BOTH, mem, 0), -EINVAL);
	assert_int_equal(iommu_map(dom, 0, KIB(16), BOTH, mem, KIB(4)), -EINVAL);
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, mem, KIB(16)), -EINVAL);
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, mem, 0x100), -EINVAL);
	assert_int_equal(iommu_map(dom, 0, KIB(8), BOTH, mem, -IOMMU_PAGE), -EINVAL);
	expect_miss(dom, 0, IOMMU_READ);
	assert_int_equal(iommu_map(dom, 0, KIB(8), BOTH, mem, KIB(8)), 0);
	expect_hit(dom, 5, mem->base + KIB(8) + 5);
}

static void permission_beyond_the_pages_is_refused(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_mem *mem = mem_of(KIB(4));

	mem->prot = PROT_READ;
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, mem, 0), -EACCES);
	assert_int_equal(iommu_map(dom, 0, KIB(4), IOMMU_WRITE, mem, 0), -EACCES);
	mem->prot = PROT_WRITE;
	assert_int_equal(iommu_map(dom, 0, KIB(4), IOMMU_READ, mem, 0), -EACCES);
	assert_int_equal(iommu_map(dom, 0, KIB(4), IOMMU_WRITE, mem, 0), 0);
}

static void overlap_is_refused_neighbours_are_not(void **state)
{
	struct iommu_domain *dom = *state;
	uint64_t at = MIB(64);

	assert_int_equal(iommu_map(dom, at, KIB(16), BOTH, NOBODY, 0), 0);
	assert_int_equal(iommu_map(dom, at, KIB(16), BOTH, NOBODY, 0), -EEXIST);
	assert_int_equal(iommu_map(dom, at + KIB(4), KIB(4), BOTH, NOBODY, 0), -EEXIST);
	assert_int_equal(iommu_map(dom, at + KIB(12), KIB(8), BOTH, NOBODY, 0), -EEXIST);
	assert_int_equal(iommu_map(dom, at - KIB(4), KIB(8), BOTH, NOBODY, 0), -EEXIST);
	assert_int_equal(iommu_map(dom, 0, TOP, BOTH, NOBODY, 0), -EEXIST);
	assert_int_equal(iommu_map(dom, at - KIB(4), KIB(4), BOTH, NOBODY, 0), 0);
	assert_int_equal(iommu_map(dom, at + KIB(16), KIB(4), BOTH, NOBODY, 0), 0);
	assert_int_equal(count_maps(dom), 3);
}

static void number_of_mappings_is_bounded(void **state)
{
	struct iommu_domain *dom = *state;

	/* Downwards: each insertion is at the front of the list. */
	for (uint64_t i = IOMMU_MAX_MAPS; i > 0; i--)
		if (iommu_map(dom, i * KIB(8), KIB(4), BOTH, NOBODY, 0) < 0)
			fail();
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, NOBODY, 0), -ENOSPC);
	assert_int_equal(count_maps(dom), IOMMU_MAX_MAPS);
	assert_int_equal(iommu_unmap(dom, KIB(8), KIB(4)), 0);
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, NOBODY, 0), 0);
}

/* ---- translation ---- */

static void leaves_are_as_large_as_the_iova_allows(void **state)
{
	struct iommu_domain *dom = *state;
	uint64_t iova = GIB(1) - MIB(2) - KIB(4);
	/* 4 KiB + 2 MiB + 1 GiB + 2 MiB + 4 KiB, memory at an odd page */
	struct iommu_mem *mem = mem_of(GIB(1) + MIB(4) + KIB(12));
	uint8_t *host = mem->base + KIB(4);

	assert_int_equal(iommu_map(dom, iova, GIB(1) + MIB(4) + KIB(8), BOTH, mem, KIB(4)), 0);
	assert_int_equal(page_size(dom, iova + 1), KIB(4));
	assert_int_equal(page_size(dom, iova + KIB(4)), MIB(2));
	assert_int_equal(page_size(dom, GIB(1) + 10), GIB(1));
	assert_int_equal(page_size(dom, GIB(2)), MIB(2));
	assert_int_equal(page_size(dom, GIB(2) + MIB(2)), KIB(4));
	for (uint64_t at = 0; at < mem->size - KIB(4); at += KIB(68))
		expect_hit(dom, iova + at, host + at);
	expect_miss(dom, iova - 1, IOMMU_READ);
	expect_miss(dom, GIB(2) + MIB(2) + KIB(4), IOMMU_READ);
}

static void length_is_trimmed_and_never_grown(void **state)
{
	struct iommu_domain *dom = *state;
	uint32_t len = 100;

	map(dom, 0, MIB(4), BOTH);
	assert_non_null(iommu_xlate(dom, MIB(2) - 40, &len, IOMMU_READ));
	assert_int_equal(len, 40);
	assert_non_null(iommu_xlate(dom, 0, &len, IOMMU_READ));
	assert_int_equal(len, 40);
	assert_non_null(iommu_walk(dom, MIB(4) - 7, &len, IOMMU_READ));
	assert_int_equal(len, 7);
	assert_non_null(iommu_walk(dom, 0, &len, IOMMU_READ));
	assert_int_equal(len, 7);
}

static bool is_flat(struct iommu_domain *dom, uint64_t iova)
{
	uint32_t len = 1;

	assert_non_null(iommu_walk(dom, iova, &len, IOMMU_READ));
	return dom->flat[iova / MIB(2)] != 0;
}

static void flat_table_is_filled_with_whole_granules_when_asked(void **state)
{
	struct iommu_domain *dom = *state;

	map(dom, MIB(2) - KIB(4), MIB(4) + KIB(8), BOTH);
	assert_int_equal(dom->flat[1], 0);
	assert_false(is_flat(dom, MIB(2) - 1));
	assert_true(is_flat(dom, MIB(2)));
	assert_true(is_flat(dom, MIB(6) - 1));
	assert_false(is_flat(dom, MIB(6)));
	/* Two mappings that fill a granule together do not count. */
	map(dom, MIB(8), MIB(1), BOTH);
	map(dom, MIB(9), MIB(1), BOTH);
	assert_false(is_flat(dom, MIB(8)));
	assert_false(is_flat(dom, MIB(9)));
	assert_int_equal(iommu_unmap(dom, MIB(2) - KIB(4), MIB(4) + KIB(8)), 0);
	assert_int_equal(dom->flat[1], 0);
	assert_int_equal(dom->flat[2], 0);
}

/* Pages larger than a granule fill it as well; what is read-only stays so. */
static void flat_entries_have_the_tables_permissions(void **state)
{
	struct iommu_domain *dom = *state;
	uint32_t len = 1;

	map(dom, GIB(1), GIB(1), IOMMU_READ);
	assert_true(is_flat(dom, GIB(2) - MIB(1)));
	assert_int_equal(dom->flat[1023] & 0xfff, IOMMU_READ);
	expect_miss(dom, GIB(2) - MIB(1), IOMMU_WRITE);
	assert_null(iommu_xlate(dom, GIB(2) - MIB(1), &len, BOTH));
	assert_int_equal(dom->flat[1023] & 0xfff, IOMMU_READ);
}

static void interrupt_window_translates_to_nothing(void **state)
{
	struct iommu_domain *dom = *state;
	uint8_t *host = map(dom, GIB(3), GIB(1), BOTH);

	expect_hit(dom, 0xfee00000 - 4, host + 0x3ee00000 - 4);
	expect_miss(dom, 0xfee00000, BOTH);
	expect_miss(dom, 0xfeeff000, IOMMU_READ);
	expect_hit(dom, 0xfef00000, host + 0x3ef00000);
	expect_miss(dom, 0xfee00000, IOMMU_WRITE);
}

static void reasons_are_told(void **state)
{
	struct iommu_domain *dom = *state;
	bool record = false;

	map(dom, 0, KIB(4), IOMMU_READ);
	map(dom, KIB(4), KIB(4), IOMMU_WRITE);
	assert_int_equal(iommu_reason(dom, 0, IOMMU_READ, &record), 0);
	assert_true(record);
	assert_int_equal(iommu_reason(dom, 0, IOMMU_WRITE, &record), IOMMU_FAULT_NO_WRITE);
	assert_int_equal(iommu_reason(dom, KIB(4), BOTH, &record), IOMMU_FAULT_NO_READ);
	assert_int_equal(iommu_reason(dom, KIB(8), IOMMU_READ, &record),
			 IOMMU_FAULT_NOT_MAPPED);
	assert_int_equal(iommu_reason(dom, TOP, IOMMU_READ, &record), IOMMU_FAULT_BEYOND_TABLE);
	assert_int_equal(iommu_reason(dom, 1ull << 60, IOMMU_READ, &record),
			 IOMMU_FAULT_BEYOND_WIDTH);
}

static void too_much_memory_is_refused(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_mem *mem = mem_of(KIB(4));
	uint64_t before = dom->generation;

	dom->bytes = IOMMU_MAX_BYTES;
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, mem, 0), -ENOSPC);
	dom->bytes = IOMMU_MAX_BYTES - KIB(4);
	assert_int_equal(dom->generation, before);
	assert_int_equal(iommu_map(dom, 0, KIB(4), BOTH, mem, 0), 0);
	assert_int_equal(dom->bytes, IOMMU_MAX_BYTES);
	assert_int_equal(iommu_unmap(dom, 0, KIB(4)), 0);
	assert_int_equal(dom->bytes, IOMMU_MAX_BYTES - KIB(4));
}

static void range_across_the_flat_tables_end(void **state)
{
	struct iommu_domain *dom = *state;
	uint64_t iova = GIB(512) - MIB(2);
	uint8_t *host = map(dom, iova, MIB(6), BOTH);

	for (uint64_t at = 0; at < MIB(6); at += KIB(256))
		expect_hit(dom, iova + at, host + at);
	assert_int_not_equal(dom->flat[IOMMU_FLAT_ENTRIES - 1], 0);
	assert_int_equal(iommu_unmap(dom, iova, MIB(6)), 0);
	for (uint64_t at = 0; at < MIB(6); at += KIB(256))
		expect_miss(dom, iova + at, IOMMU_READ);
}

static void last_page_of_the_space_works_and_beyond_is_refused(void **state)
{
	struct iommu_domain *dom = *state;
	uint8_t *host = map(dom, TOP - KIB(4), KIB(4), BOTH);
	uint32_t len = 2;

	assert_ptr_equal(iommu_xlate(dom, TOP - 2, &len, IOMMU_READ), host + KIB(4) - 2);
	len = 3;
	assert_null(iommu_xlate(dom, TOP - 2, &len, IOMMU_READ));
	len = 1;
	assert_null(iommu_xlate(dom, TOP, &len, IOMMU_READ));
	assert_null(iommu_xlate(dom, (1ull << 63) + TOP - 2, &len, IOMMU_READ));
	len = UINT32_MAX;
	assert_null(iommu_xlate(dom, UINT64_MAX, &len, IOMMU_READ));
	assert_int_equal(len, UINT32_MAX);
}

static void permissions_are_kept_apart(void **state)
{
	static const uint64_t sizes[] = {KIB(4), MIB(2)};
	struct iommu_domain *dom = *state;

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t at = GIB(1) * i;
		uint32_t len = 1;

		map(dom, at, sizes[i], IOMMU_READ);
		map(dom, at + MIB(4), sizes[i], IOMMU_WRITE);
		assert_non_null(iommu_xlate(dom, at, &len, IOMMU_READ));
		assert_non_null(iommu_xlate(dom, at + MIB(4), &len, IOMMU_WRITE));
		expect_miss(dom, at, IOMMU_WRITE);
		expect_miss(dom, at, BOTH);
		expect_miss(dom, at + MIB(4), IOMMU_READ);
		expect_miss(dom, at + MIB(4), BOTH);
	}
}

static void no_permission_translates_to_nothing(void **state)
{
	struct iommu_domain *dom = *state;
	uint32_t len = 1;

	map(dom, 0, MIB(2), 0);
	expect_miss(dom, 0, IOMMU_READ);
	expect_miss(dom, 0, IOMMU_WRITE);
	assert_null(iommu_walk(dom, KIB(4), &len, 0));
	assert_int_equal(iommu_unmap(dom, 0, MIB(2)), 0);
}

static void range_without_memory_is_known_but_translates_to_nothing(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_map_info info;

	assert_int_equal(iommu_map(dom, GIB(4), GIB(8), IOMMU_READ, NOBODY, 0), 0);
	expect_miss(dom, GIB(4), IOMMU_READ);
	assert_true(iommu_find(dom, GIB(12) - 1, &info));
	assert_null(info.mem);
	assert_int_equal(info.iova, GIB(4));
	assert_int_equal(info.size, GIB(8));
	assert_int_equal(info.perm, IOMMU_READ);
	assert_int_equal(iommu_unmap(dom, GIB(4), GIB(8)), 0);
	assert_false(iommu_find(dom, GIB(4), &info));
}

static void whole_space_can_be_one_range_without_memory(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_map_info info;

	assert_int_equal(iommu_map(dom, 0, TOP, BOTH, NOBODY, 0), 0);
	assert_true(iommu_find(dom, TOP - 1, &info));
	assert_false(iommu_find(dom, TOP, &info));
	assert_int_equal(iommu_unmap(dom, 0, TOP), 0);
}

/* ---- look-up in the list ---- */

static void find_tells_holes_from_mappings(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_map_info info = {.size = 77};

	assert_false(iommu_find(dom, 0, &info));
	map(dom, KIB(8), KIB(8), IOMMU_READ);
	map(dom, KIB(32), KIB(4), BOTH);
	assert_false(iommu_find(dom, KIB(8) - 1, &info));
	assert_false(iommu_find(dom, KIB(16), &info));
	assert_false(iommu_find(dom, UINT64_MAX, &info));
	assert_int_equal(info.size, 77);
	assert_true(iommu_find(dom, KIB(16) - 1, &info));
	assert_int_equal(info.iova, KIB(8));
	assert_int_equal(info.perm, IOMMU_READ);
	assert_non_null(info.mem);
	assert_true(iommu_find(dom, KIB(32), &info));
	assert_int_equal(info.size, KIB(4));
}

static void expect_ascending(void *arg, const struct iommu_map_info *info)
{
	uint64_t *last = arg;

	assert_true(info->iova > *last);
	*last = info->iova;
}

static void for_each_goes_upwards(void **state)
{
	struct iommu_domain *dom = *state;
	uint64_t last = 0;

	for (uint64_t i = 1; i < 64; i++) /* 29 is coprime to 64: all places, mixed */
		assert_int_equal(
			iommu_map(dom, (i * 29 % 64) * MIB(1), KIB(4), BOTH, NOBODY, 0), 0);
	iommu_for_each(dom, expect_ascending, &last);
	assert_int_equal(last, 63 * MIB(1));
}

static void usage_counts_bytes_and_lost_memory(void **state)
{
	struct iommu_domain *dom = *state;
	struct iommu_map_info info;
	struct iommu_usage usage;

	map(dom, 0, KIB(12), BOTH);
	map(dom, MIB(1), KIB(4), BOTH);
	assert_int_equal(iommu_map(dom, MIB(2), MIB(1), BOTH, NOBODY, 0), 0);
	iommu_usage(dom, &usage);
	assert_int_equal(usage.maps, 3);
	assert_int_equal(usage.bytes_mem, KIB(16));
	assert_int_equal(usage.bytes_msg, MIB(1));
	assert_false(usage.any_lost);
	assert_true(iommu_find(dom, 0, &info));
	info.mem->lost = true;
	iommu_usage(dom, &usage);
	assert_true(usage.any_lost);
}

/* ---- unmap ---- */

static void unmap_takes_exact_ranges_only(void **state)
{
	struct iommu_domain *dom = *state;
	uint8_t *host = map(dom, KIB(16), KIB(16), BOTH);

	map(dom, KIB(32), KIB(16), BOTH);
	assert_int_equal(iommu_unmap(dom, KIB(16), KIB(8)), -ENOENT);
	assert_int_equal(iommu_unmap(dom, KIB(24), KIB(8)), -ENOENT);
	assert_int_equal(iommu_unmap(dom, KIB(16), KIB(32)), -ENOENT);
	assert_int_equal(iommu_unmap(dom, KIB(12), KIB(4)), -ENOENT);
	assert_int_equal(iommu_unmap(dom, 0, UINT64_MAX), -ENOENT);
	assert_int_equal(iommu_unmap(dom, KIB(16), 0), -ENOENT);
	assert_int_equal(drains, 0);
	expect_hit(dom, KIB(16), host);
	assert_int_equal(iommu_unmap(dom, KIB(16), KIB(16)), 0);
	assert_int_equal(iommu_unmap(dom, KIB(16), KIB(16)), -ENOENT);
	expect_miss(dom, KIB(16), IOMMU_READ);
	assert_int_equal(count_maps(dom), 1);
}

static void changes_bump_the_generation(void **state)
{
	struct iommu_domain *dom = *state;
	uint64_t g0 = dom->generation, g1, g2;

	map(dom, 0, KIB(4), BOTH);
	g1 = dom->generation;
	assert_int_equal(iommu_unmap(dom, 0, KIB(4)), 0);
	g2 = dom->generation;
	assert_true(g0 < g1 && g1 < g2);
	assert_int_equal(iommu_unmap(dom, 0, KIB(4)), -ENOENT);
	assert_int_equal(dom->generation, g2);
}

/* What a data path that is still inside its burst could see and touch. */
struct last_user {
	struct iommu_domain *dom;
	uint64_t iova[2];
	uint8_t *host[2];
	uint64_t generation;
	unsigned calls;
};

static void touch_in_drain(void *arg)
{
	struct last_user *user = arg;

	user->calls++;
	assert_true(user->dom->generation > user->generation);
	for (unsigned i = 0; i < 2; i++) {
		expect_miss(user->dom, user->iova[i], IOMMU_READ);
		/* A pointer fetched before is still good: a crash here means freed too early.
		 */
		memset(user->host[i], 0x5a, KIB(4));
	}
}

static void drain_comes_after_clearing_and_before_freeing(void **state)
{
	struct last_user user = {.iova = {GIB(1), MIB(4)}};

	(void)state;
	assert_int_equal(iommu_domain_new(NULL, 0, touch_in_drain, &user, &user.dom), 0);
	for (unsigned round = 0; round < 2; round++) {
		unsigned before = user.calls;

		user.host[0] = map(user.dom, user.iova[0], KIB(4), BOTH);
		user.host[1] = map(user.dom, user.iova[1], MIB(2), BOTH);
		user.generation = user.dom->generation;
		iommu_unmap_all(user.dom);
		assert_int_equal(user.calls - before, 1); /* one drain for all */
		assert_int_equal(count_maps(user.dom), 0);
	}
	user.host[0] = user.host[1] = map(user.dom, user.iova[0], KIB(4), BOTH);
	assert_int_equal(iommu_unmap(user.dom, user.iova[0], KIB(4)), 0);
	assert_int_equal(user.calls, 3);
	iommu_unmap_all(user.dom); /* nothing to drain */
	assert_int_equal(user.calls, 3);
	iommu_domain_free(user.dom);
}

static void domain_without_a_drain_function(void **state)
{
	struct iommu_domain *dom;

	(void)state;
	assert_int_equal(iommu_domain_new(NULL, 0, NULL, NULL, &dom), 0);
	map(dom, 0, KIB(4), BOTH);
	assert_int_equal(iommu_unmap(dom, 0, KIB(4)), 0);
	map(dom, 0, KIB(4), BOTH);
	iommu_domain_free(dom); /* with a mapping left */
	iommu_domain_free(NULL);
}

/* ---- against a model ---- */

#define MODEL_MAPS 48u

struct model {
	struct {
		uint64_t iova, size;
		uint32_t perm;
		uint8_t *host; /* NULL: without memory */
		bool used;
	} map[MODEL_MAPS];
	uint64_t seed;
};

/* xorshift64: the same sequence in every run */
static uint64_t rnd(struct model *model)
{
	model->seed ^= model->seed << 13;
	model->seed ^= model->seed >> 7;
	model->seed ^= model->seed << 17;
	return model->seed;
}

/* Addresses crowd around the borders where levels, granules and tables end. */
static uint64_t rnd_iova(struct model *model)
{
	static const uint64_t border[] = {
		MIB(4), GIB(1), GIB(3), GIB(512), TOP - MIB(8), GIB(1024),
	};

	return border[rnd(model) % ARRAY_SIZE(border)] - MIB(4) + rnd(model) % MIB(12);
}

static uint64_t rnd_size(struct model *model)
{
	switch (rnd(model) % 4) {
	case 0:
		return KIB(4);
	case 1:
		return KIB(4) * (1 + rnd(model) % 16);
	case 2:
		return MIB(2) * (1 + rnd(model) % 2);
	}
	return KIB(4) * (1 + rnd(model) % 1024);
}

static int model_find(const struct model *model, uint64_t iova, uint64_t size)
{
	for (unsigned i = 0; i < MODEL_MAPS; i++)
		if (model->map[i].used && iova < model->map[i].iova + model->map[i].size &&
		    model->map[i].iova < iova + size)
			return (int)i;
	return -1;
}

static void model_map(struct model *model, struct iommu_domain *dom, unsigned i)
{
	uint64_t iova = ALIGN_DOWN(rnd_iova(model), KIB(4)), size = rnd_size(model);
	uint64_t offset = KIB(4) * (rnd(model) % 3);
	uint32_t perm = (uint32_t)(rnd(model) % 4);
	struct iommu_mem *mem = rnd(model) % 8 ? mem_of(size + KIB(8)) : NULL;
	int ret = iommu_map(dom, iova, size, perm, mem, offset);

	if (iova + size > TOP)
		assert_int_equal(ret, -EINVAL);
	else
		assert_int_equal(ret, model_find(model, iova, size) >= 0 ? -EEXIST : 0);
	if (ret < 0) {
		iommu_mem_free(mem);
		return;
	}
	model->map[i].used = true;
	model->map[i].iova = iova;
	model->map[i].size = size;
	model->map[i].perm = perm;
	model->map[i].host = mem ? mem->base + offset : NULL;
}

static void model_look(struct model *model, struct iommu_domain *dom)
{
	uint64_t iova = rnd_iova(model);
	uint32_t need = 1 + (uint32_t)(rnd(model) % 3), want = (uint32_t)(rnd(model) % 0x10000);
	uint32_t len = want;
	int i = model_find(model, iova, 1);
	uint8_t *host = iommu_xlate(dom, iova, &len, need);
	struct iommu_map_info info;

	assert_int_equal(iommu_find(dom, iova, &info), i >= 0);
	if (i < 0 || !model->map[i].host || (model->map[i].perm & need) != need) {
		assert_null(host);
		return;
	}
	if (iova + want > TOP)
		return; /* refused by the walk or trimmed by a leaf, both are right */
	assert_ptr_equal(host, model->map[i].host + (iova - model->map[i].iova));
	assert_true(len <= want && len >= MIN(want, IOMMU_PAGE - iova % IOMMU_PAGE));
	assert_true(iova + len <= model->map[i].iova + model->map[i].size);
}

static void random_changes_agree_with_a_model(void **state)
{
	struct iommu_domain *dom = *state;
	struct model model = {.seed = 0x9e3779b97f4a7c15};

	for (unsigned round = 0; round < 20000; round++) {
		unsigned i = (unsigned)(rnd(&model) % MODEL_MAPS);

		if (!model.map[i].used) {
			model_map(&model, dom, i);
		} else if (rnd(&model) % 2) {
			assert_int_equal(iommu_unmap(dom, model.map[i].iova, model.map[i].size),
					 0);
			model.map[i].used = false;
		}
		for (unsigned look = 0; look < 8; look++)
			model_look(&model, dom);
		if (round % 1000 == 999) {
			iommu_unmap_all(dom);
			memset(model.map, 0, sizeof(model.map));
		}
	}
}

/* As the functions of a card have: one unit, routing IDs side by side, the same IOVAs. */
static void functions_have_address_spaces_of_their_own(void **state)
{
	struct iommu_domain *dom[2];
	uint8_t *bytes[2];
	struct vtd *unit;
	uint32_t len = 16;

	(void)state;
	assert_int_equal(vtd_new_local(&unit), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			iommu_domain_new(unit, (uint16_t)(0x180 + i), NULL, NULL, &dom[i]), 0);
		bytes[i] = map(dom[i], GIB(1), IOMMU_PAGE, BOTH);
	}
	map(dom[0], GIB(2), IOMMU_PAGE, BOTH);
	for (unsigned i = 0; i < 2; i++)
		assert_ptr_equal(iommu_xlate(dom[i], GIB(1), &len, IOMMU_WRITE), bytes[i]);
	assert_null(iommu_xlate(dom[1], GIB(2), &len, IOMMU_READ));
	iommu_domain_free(dom[0]);
	assert_ptr_equal(iommu_xlate(dom[1], GIB(1), &len, IOMMU_WRITE), bytes[1]);
	iommu_domain_free(dom[1]);
	vtd_free(unit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bad_ranges_are_refused),
		TEST(memory_must_cover_the_range),
		TEST(permission_beyond_the_pages_is_refused),
		TEST(overlap_is_refused_neighbours_are_not),
		TEST(number_of_mappings_is_bounded),
		TEST(leaves_are_as_large_as_the_iova_allows),
		TEST(length_is_trimmed_and_never_grown),
		TEST(flat_table_is_filled_with_whole_granules_when_asked),
		TEST(flat_entries_have_the_tables_permissions),
		TEST(interrupt_window_translates_to_nothing),
		TEST(reasons_are_told),
		TEST(too_much_memory_is_refused),
		TEST(range_across_the_flat_tables_end),
		TEST(last_page_of_the_space_works_and_beyond_is_refused),
		TEST(permissions_are_kept_apart),
		TEST(no_permission_translates_to_nothing),
		TEST(range_without_memory_is_known_but_translates_to_nothing),
		TEST(whole_space_can_be_one_range_without_memory),
		TEST(find_tells_holes_from_mappings),
		TEST(for_each_goes_upwards),
		TEST(usage_counts_bytes_and_lost_memory),
		TEST(unmap_takes_exact_ranges_only),
		TEST(changes_bump_the_generation),
		cmocka_unit_test(drain_comes_after_clearing_and_before_freeing),
		cmocka_unit_test(domain_without_a_drain_function),
		TEST(random_changes_agree_with_a_model),
		cmocka_unit_test(functions_have_address_spaces_of_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
