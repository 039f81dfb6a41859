/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of failing allocations: calloc, realloc, aligned_alloc and mmap are wrapped at link
 * time, and the n-th call fails, for every n. free is counted, to see when it happens.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "iommu_domain.h"

#define KIB(n) ((uint64_t)(n) << 10)
#define GIB(n) ((uint64_t)(n) << 30)
#define BOTH   (IOMMU_READ | IOMMU_WRITE)
#define NOBODY ((struct iommu_mem *)NULL)

/* ---- allocations that fail on demand ---- */

static unsigned fail_at; /* 0: never; n: the n-th call from now */
static unsigned calls;
static unsigned frees;

static bool fail_now(void)
{
	return ++calls == fail_at;
}

static void fail_from_now(unsigned nth)
{
	calls = 0;
	fail_at = nth;
}

void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);
void __real_free(void *old);
void __wrap_free(void *old);
void *__real_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off);

void *__wrap_calloc(size_t n, size_t size)
{
	return fail_now() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t size)
{
	return fail_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return fail_now() ? NULL : __real_aligned_alloc(align, size);
}

void *__wrap_mmap(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return fail_now() ? MAP_FAILED : __real_mmap(addr, len, prot, flags, fd, off);
}

void __wrap_free(void *old)
{
	frees += old != NULL;
	__real_free(old);
}

/* What mmap is called when off_t is made 64 bits wide on the command line. */
void *__wrap_mmap64(void *addr, size_t len, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap(addr, len, prot, flags, fd, off);
}

static struct iommu_mem *mem_of(uint64_t size)
{
	struct iommu_mem *mem;

	assert_int_equal(iommu_mem_anon(size, &mem), 0);
	return mem;
}

static void expect(struct iommu_domain *dom, uint64_t iova, const uint8_t *host)
{
	uint32_t len = 1;

	assert_ptr_equal(iommu_xlate(dom, iova, &len, IOMMU_READ), host);
}

static unsigned count_maps(const struct iommu_domain *dom)
{
	struct iommu_usage usage;

	iommu_usage(dom, &usage);
	return usage.maps;
}

static void map_without_memory_changes_nothing(void **state)
{
	unsigned nth = 0;
	int ret;

	(void)state;
	do {
		struct iommu_mem *mem = mem_of(KIB(8)), *other;
		struct iommu_domain *dom;

		/* A fresh domain each time: nothing is left over from the last attempt. */
		assert_int_equal(iommu_domain_new(NULL, 0, NULL, NULL, &dom), 0);
		other = mem_of(KIB(4));
		assert_int_equal(iommu_map(dom, GIB(7), KIB(4), BOTH, other, 0), 0);
		fail_from_now(++nth);
		/* across a 512 GiB border: two branches of tables */
		ret = iommu_map(dom, GIB(512) - KIB(4), KIB(8), BOTH, mem, 0);
		fail_from_now(0);
		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_int_equal(count_maps(dom), 1);
			expect(dom, GIB(512) - 1, NULL);
			expect(dom, GIB(512), NULL);
			expect(dom, GIB(7), other->base);
			/* The range is free and mem is still the caller's. */
			assert_int_equal(
				iommu_map(dom, GIB(512) - KIB(4), KIB(8), BOTH, mem, 0), 0);
		}
		expect(dom, GIB(512), mem->base + KIB(4));
		iommu_domain_free(dom);
	} while (ret < 0);
	assert_true(nth > 1);
}

static void list_that_cannot_grow_changes_nothing(void **state)
{
	struct iommu_domain *dom;
	uint64_t at = 0;
	unsigned failures = 0;

	(void)state;
	assert_int_equal(iommu_domain_new(NULL, 0, NULL, NULL, &dom), 0);
	/* The first allocation of a map is the list's, when it is full. */
	for (unsigned i = 0; i < 100; i++, at += KIB(8)) {
		fail_from_now(1);
		if (iommu_map(dom, at, KIB(4), BOTH, NOBODY, 0) == 0)
			continue;
		failures++;
		assert_int_equal(count_maps(dom), i);
		fail_from_now(0);
		assert_int_equal(iommu_map(dom, at, KIB(4), BOTH, NOBODY, 0), 0);
	}
	fail_from_now(0);
	assert_true(failures > 3);
	iommu_domain_free(dom);
}

static void new_domain_without_memory_leaks_nothing(void **state)
{
	struct iommu_domain *dom = NULL;
	unsigned nth = 0;
	int ret;

	(void)state;
	do {
		fail_from_now(++nth);
		ret = iommu_domain_new(NULL, 0, NULL, NULL, &dom);
		fail_from_now(0);
		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_null(dom);
		}
	} while (ret < 0);
	/* domain, flat table, list; unit, its space, tables, and their first memory */
	assert_in_range(nth, 9, 12);
	iommu_domain_free(dom);
}

static void anonymous_memory_that_fails_leaks_nothing(void **state)
{
	struct iommu_mem *mem = NULL;
	unsigned nth = 0;
	int ret;

	(void)state;
	do {
		fail_from_now(++nth);
		ret = iommu_mem_anon(KIB(4), &mem);
		fail_from_now(0);
		if (ret < 0) {
			assert_int_equal(ret, -ENOMEM);
			assert_null(mem);
		}
	} while (ret < 0);
	assert_true(nth >= 3);
	iommu_mem_free(mem);
}

#define MANY 24u

struct watch {
	unsigned frees_before, drains;
};

static void nothing_freed_yet(void *arg)
{
	struct watch *watch = arg;

	watch->drains++;
	assert_int_equal(frees, watch->frees_before);
}

/* A walker may be inside a table until the drain has returned. */
static void nothing_is_freed_before_the_drain(void **state)
{
	struct watch watch = {0};
	struct iommu_domain *dom;

	(void)state;
	assert_int_equal(iommu_domain_new(NULL, 0, nothing_freed_yet, &watch, &dom), 0);
	for (uint64_t i = 0; i < MANY; i++)
		assert_int_equal(iommu_map(dom, GIB(i), KIB(4), BOTH, mem_of(KIB(4)), 0), 0);
	watch.frees_before = frees;
	iommu_unmap_all(dom);
	assert_int_equal(watch.drains, 1);
	/* each mapping and its memory */
	assert_int_equal(frees - watch.frees_before, 2 * MANY);
	iommu_domain_free(dom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_without_memory_changes_nothing),
		cmocka_unit_test(list_that_cannot_grow_changes_nothing),
		cmocka_unit_test(new_domain_without_memory_leaks_nothing),
		cmocka_unit_test(anonymous_memory_that_fails_leaks_nothing),
		cmocka_unit_test(nothing_is_freed_before_the_drain),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
