/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of a host's physical address space: where slices lie, and that nothing outside them is
 * ever found. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "iommu_space.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define BOTH   (IOMMU_READ | IOMMU_WRITE)

static struct iommu_space space;

static int setup(void **state)
{
	(void)state;
	return iommu_space_init(&space);
}

static int teardown(void **state)
{
	(void)state;
	while (space.ends.next != &space.ends)
		iommu_space_remove(&space, space.ends.next);
	iommu_space_done(&space);
	return 0;
}

/* No test looks behind the pointers: any page-aligned number will do. */
static uint8_t *fake(uint64_t base)
{
	return (uint8_t *)(uintptr_t)base;
}

static uint8_t *at(uint64_t hpa)
{
	uint64_t word = 0, run = 0;

	return iommu_space_at(&space, hpa, &word, &run);
}

static void add(struct iommu_slice *slice, uint64_t base, uint64_t size, uint64_t iova)
{
	assert_int_equal(iommu_space_add(&space, slice, fake(base), size, BOTH, iova), 0);
}

static void a_slice_lies_like_its_iova(void **state)
{
	static const struct {
		uint64_t size, iova, modulus;
	} cases[] = {
		{KIB(4), KIB(12), MIB(2)},	    {MIB(2), 0, MIB(2)},
		{MIB(6), MIB(5), MIB(2)},	    {GIB(1), GIB(7) + KIB(4), GIB(1)},
		{GIB(3), MIB(512), GIB(1)},	    {GIB(1) - KIB(4), MIB(3), MIB(2)},
		{KIB(8), (1ull << 63) - 1, MIB(2)},
	};
	static struct iommu_slice slice[ARRAY_SIZE(cases)];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		add(&slice[i], GIB(100), cases[i].size, cases[i].iova);
		assert_int_equal((slice[i].hpa ^ (cases[i].iova & ~(IOMMU_PAGE - 1))) &
					 (cases[i].modulus - 1),
				 0);
		assert_true(slice[i].hpa >= IOMMU_HPA_FIRST);
	}
}

static void every_byte_of_a_slice_is_found_and_none_beside(void **state)
{
	static struct iommu_slice slice;
	uint64_t word = 0, run = 0, end;

	(void)state;
	add(&slice, GIB(9), MIB(5), MIB(1) + KIB(4));
	end = slice.hpa + slice.size;
	assert_ptr_equal(at(slice.hpa), fake(GIB(9)));
	assert_ptr_equal(at(end - 1), fake(GIB(9) + MIB(5) - 1));
	assert_null(at(slice.hpa - 1));
	assert_null(at(end));
	assert_null(at(ALIGN_DOWN(slice.hpa, MIB(2))));
	assert_null(at(ALIGN_UP(end, MIB(2)) - 1));
	for (uint64_t off = 0; off < MIB(5); off += KIB(4)) {
		assert_ptr_equal(iommu_space_at(&space, slice.hpa + off, &word, &run),
				 fake(GIB(9) + off));
		assert_int_equal(word & BOTH, BOTH);
		assert_true(run >= KIB(4) && run <= MIB(5) - off);
	}
}

static void only_whole_granules_say_so(void **state)
{
	static struct iommu_slice slice;
	uint64_t word = 0, run = 0;

	(void)state;
	add(&slice, GIB(9), MIB(4), MIB(1));
	assert_non_null(iommu_space_at(&space, slice.hpa, &word, &run));
	assert_false(word & IOMMU_SPACE_WHOLE);
	assert_int_equal(run, MIB(1));
	assert_non_null(iommu_space_at(&space, slice.hpa + MIB(1), &word, &run));
	assert_true(word & IOMMU_SPACE_WHOLE);
	assert_int_equal(run, MIB(2));
	assert_non_null(iommu_space_at(&space, slice.hpa + MIB(3), &word, &run));
	assert_false(word & IOMMU_SPACE_WHOLE);
}

static int add_at(struct iommu_slice *slice, uint64_t size, uint64_t hpa)
{
	return iommu_space_add_at(&space, slice, fake(GIB(9)), size, BOTH, hpa);
}

static void a_place_may_be_chosen(void **state)
{
	static struct iommu_slice a, b, c, d;

	(void)state;
	assert_int_equal(add_at(&a, MIB(3), GIB(40) + MIB(2)), 0);
	assert_ptr_equal(at(GIB(40) + MIB(5) - 1), fake(GIB(9) + MIB(3) - 1));
	assert_null(at(GIB(40) + MIB(5)));
	assert_int_equal(add_at(&b, MIB(2), GIB(40) + MIB(4)), -EEXIST);
	assert_int_equal(add_at(&b, KIB(4), GIB(40) + MIB(6) - KIB(4)),
			 -EEXIST); /* its granule */
	assert_int_equal(add_at(&b, GIB(1), GIB(40) - MIB(4)), -EEXIST);
	assert_int_equal(add_at(&b, MIB(2), GIB(40)), 0);	   /* right before it */
	assert_int_equal(add_at(&c, KIB(4), GIB(40) + MIB(6)), 0); /* right behind it */
	assert_int_equal(add_at(&d, KIB(4), IOMMU_HPA_FIRST), 0);
	assert_ptr_equal(at(GIB(40) + MIB(6)), fake(GIB(9)));
	assert_ptr_equal(at(GIB(40)), fake(GIB(9)));
	iommu_space_remove(&space, &a);
	assert_null(at(GIB(40) + MIB(2)));
	assert_int_equal(add_at(&a, MIB(4), GIB(40) + MIB(2)), 0);
}

static void places_that_cannot_be(void **state)
{
	static struct iommu_slice slice;

	(void)state;
	assert_int_equal(add_at(&slice, KIB(4), GIB(40) + 1), -EINVAL);
	assert_int_equal(add_at(&slice, KIB(4), IOMMU_HPA_FIRST - KIB(4)), -EINVAL);
	assert_int_equal(add_at(&slice, KIB(4), BIT64(IOMMU_HPA_BITS)), -EINVAL);
	assert_int_equal(add_at(&slice, KIB(8), BIT64(IOMMU_HPA_BITS) - KIB(4)), -EINVAL);
	assert_int_equal(add_at(&slice, 1ull << 63, GIB(40)), -EINVAL);
	assert_int_equal(add_at(&slice, KIB(4), BIT64(IOMMU_HPA_BITS) - KIB(4)), 0);
}

/* Slices of both kinds beside each other: those without a wish go where there is room. */
static void chosen_places_are_left_alone(void **state)
{
	static struct iommu_slice chosen[8], other[16];

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(add_at(&chosen[i], MIB(2), IOMMU_HPA_FIRST + i * MIB(6)), 0);
	for (unsigned i = 0; i < 16; i++)
		add(&other[i], GIB(50), MIB(2), 0);
	for (unsigned i = 0; i < 8; i++)
		assert_ptr_equal(at(IOMMU_HPA_FIRST + i * MIB(6)), fake(GIB(9)));
	for (unsigned i = 0; i < 16; i++)
		assert_ptr_equal(at(other[i].hpa), fake(GIB(50)));
}

static void addresses_nobody_offered(void **state)
{
	static const uint64_t none[] = {
		0,
		KIB(4),
		0xfee00000,
		GIB(4) - 1,
		1ull << IOMMU_HPA_BITS,
		UINT64_MAX,
		(1ull << IOMMU_HPA_BITS) - 1,
	};
	static struct iommu_slice slice;

	(void)state;
	add(&slice, GIB(9), GIB(1), 0);
	for (size_t i = 0; i < ARRAY_SIZE(none); i++)
		assert_null(at(none[i]));
	iommu_space_remove(&space, &slice);
	assert_null(at(slice.hpa));
}

static void permissions_are_the_slices(void **state)
{
	static struct iommu_slice slice;
	uint64_t word = 0, run = 0;

	(void)state;
	for (uint32_t perm = 1; perm <= BOTH; perm++) {
		assert_int_equal(
			iommu_space_add(&space, &slice, fake(GIB(1)), MIB(4), perm, MIB(1)), 0);
		for (uint64_t off = 0; off < MIB(4); off += MIB(1)) {
			assert_non_null(iommu_space_at(&space, slice.hpa + off, &word, &run));
			assert_int_equal(word & BOTH, perm);
		}
		iommu_space_remove(&space, &slice);
	}
}

static void gaps_are_used_again(void **state)
{
	static struct iommu_slice slice[64];
	uint64_t first;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(slice); i++)
		add(&slice[i], GIB(1), KIB(4), 0);
	assert_int_equal(slice[63].hpa, IOMMU_HPA_FIRST + 63 * MIB(2));
	first = slice[7].hpa;
	iommu_space_remove(&space, &slice[7]);
	iommu_space_remove(&space, &slice[30]);
	add(&slice[30], GIB(1), MIB(4), 0); /* too large for the gaps */
	assert_int_equal(slice[30].hpa, IOMMU_HPA_FIRST + 64 * MIB(2));
	add(&slice[7], GIB(1), KIB(4), 0);
	assert_int_equal(slice[7].hpa, first);
}

static void what_does_not_fit_is_refused(void **state)
{
	uint64_t all = (1ull << IOMMU_HPA_BITS) - IOMMU_HPA_FIRST;
	static struct iommu_slice slice;

	(void)state;
	assert_int_equal(iommu_space_add(&space, &slice, fake(KIB(4)), all + KIB(4), BOTH, 0),
			 -ENOSPC);
	assert_int_equal(iommu_space_add(&space, &slice, fake(KIB(4)), all, BOTH, MIB(2)),
			 -ENOSPC);
	assert_int_equal(iommu_space_add(&space, &slice, fake(KIB(4)), -IOMMU_PAGE, BOTH, 0),
			 -ENOSPC);
	add(&slice, GIB(1), KIB(4), 0);
	assert_ptr_equal(at(slice.hpa), fake(GIB(1)));
}

/* Random slices come and go; they never share a granule, and each is found where it is. */
static void many_slices_never_meet(void **state)
{
	static struct iommu_slice slice[200];
	static bool used[200];
	uint64_t seed = 1;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		unsigned i;
		uint64_t size;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		i = (unsigned)(seed >> 40) % ARRAY_SIZE(slice);
		size = KIB(4) * (1 + (seed >> 33) % (seed >> 63 ? 4096 : 3));
		if (used[i])
			iommu_space_remove(&space, &slice[i]);
		else
			add(&slice[i], GIB(1) * (i + 1), size, seed);
		used[i] = !used[i];
		if (!used[i])
			continue;
		assert_ptr_equal(at(slice[i].hpa), fake(GIB(1) * (i + 1)));
		assert_ptr_equal(at(slice[i].hpa + size - 1),
				 fake(GIB(1) * (i + 1) + size - 1));
	}
	for (struct iommu_slice *s = space.ends.next; s->next != &space.ends; s = s->next)
		assert_true(ALIGN_UP(s->hpa + s->size, MIB(2)) <=
			    ALIGN_DOWN(s->next->hpa, MIB(2)));
	assert_true(space.ends.prev->hpa < GIB(16)); /* dense */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slice_lies_like_its_iova),
		TEST(every_byte_of_a_slice_is_found_and_none_beside),
		TEST(only_whole_granules_say_so),
		TEST(a_place_may_be_chosen),
		TEST(places_that_cannot_be),
		TEST(chosen_places_are_left_alone),
		TEST(addresses_nobody_offered),
		TEST(permissions_are_the_slices),
		TEST(gaps_are_used_again),
		TEST(what_does_not_fit_is_refused),
		TEST(many_slices_never_meet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
