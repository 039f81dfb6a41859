/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One thread translates and writes through what it gets, the other maps and unmaps: once
 * iommu_unmap has returned, nothing may be written any more. The memory is a memfd that the
 * test also sees at a second address, so that a late write shows wherever it came from.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "iommu_domain.h"
#include "test_effort.h"

#define ROUNDS 20000u
#define WINDOW (4ull << 20)
#define BOTH   (IOMMU_READ | IOMMU_WRITE)
#define MANY   24u /* single pages, each under nodes of its own */
#define STRIDE (1ull << 30)
#define CANARY 0xc0ffee00u

/* The smallest quiesce scheme: the reader repeats the number it has seen between two bursts. */
struct epoch {
	_Atomic uint64_t asked, seen;
	atomic_bool stop;
	_Atomic uint64_t hits; /* writes that found a mapping */
	struct iommu_domain *dom;
};

static void drain(void *arg)
{
	struct epoch *epoch = arg;
	uint64_t want = atomic_fetch_add(&epoch->asked, 1) + 1;

	while (atomic_load_explicit(&epoch->seen, memory_order_acquire) < want)
		sched_yield();
}

/* A burst: translate first, write later, as the data path does with a batch of descriptors. */
static void burst(struct epoch *epoch, uint64_t *seed)
{
	_Atomic uint32_t *word[16];
	unsigned n = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(word); i++) {
		uint32_t len = 4;
		uint64_t iova;

		*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
		iova = i % 2 ? (*seed >> 33) % WINDOW & ~3ull : (*seed >> 33) % MANY * STRIDE;
		word[n] = iommu_xlate(epoch->dom, iova, &len, IOMMU_WRITE);
		if (word[n])
			n++;
	}
	for (unsigned i = 0; i < n; i++)
		atomic_store_explicit(word[i], CANARY, memory_order_relaxed);
	if (n)
		atomic_fetch_add_explicit(&epoch->hits, n, memory_order_relaxed);
}

static void *reader(void *arg)
{
	struct epoch *epoch = arg;
	uint64_t seed = 1;

	while (!atomic_load_explicit(&epoch->stop, memory_order_relaxed)) {
		uint64_t asked = atomic_load_explicit(&epoch->asked, memory_order_acquire);

		/* Nothing from before is held here: this is the quiesce point. */
		atomic_store_explicit(&epoch->seen, asked, memory_order_release);
		burst(epoch, &seed);
		sched_yield(); /* on a busy machine the drain would wait for a time slice */
	}
	atomic_store_explicit(&epoch->seen, UINT64_MAX, memory_order_release);
	return NULL;
}

static struct iommu_mem *mem_of(int file, uint64_t size)
{
	int fd = fcntl(file, F_DUPFD_CLOEXEC, 0);
	struct iommu_mem *mem;

	assert_true(fd >= 0);
	assert_int_equal(iommu_mem_map(fd, 0, size, PROT_READ | PROT_WRITE, &mem, NULL), 0);
	return mem;
}

/* True if nothing was written since the last call; clears what is there. */
static bool untouched(_Atomic uint32_t *view)
{
	bool clean = true;

	for (uint64_t i = 0; i < WINDOW / 4; i += 4096 / 4)
		clean &= atomic_exchange_explicit(&view[i], 0, memory_order_relaxed) == 0;
	return clean;
}

static void wipe(_Atomic uint32_t *view, int file)
{
	/* Holes read as zeros: quicker than writing 4 MiB. */
	assert_int_equal(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, WINDOW),
			 0);
	assert_true(untouched(view));
}

static void wait_for_hits(struct epoch *epoch)
{
	uint64_t before = atomic_load_explicit(&epoch->hits, memory_order_relaxed);

	while (atomic_load_explicit(&epoch->hits, memory_order_relaxed) == before)
		sched_yield();
}

/* One mapping of a size that makes flat entries, large leaves, small leaves or all of them. */
static void one_mapping(struct epoch *epoch, unsigned round, int file, _Atomic uint32_t *view)
{
	static const uint64_t sizes[] = {WINDOW, 4096, WINDOW / 2 - 4096, 4096 * 3};
	uint64_t size = sizes[round / 2 % ARRAY_SIZE(sizes)];
	struct iommu_mem *mem = mem_of(file, size);

	/* Most likely at the address of the one before: a stale pointer would write here. */
	assert_int_equal(atomic_load_explicit(view, memory_order_relaxed), 0);
	assert_int_equal(iommu_map(epoch->dom, 0, size, BOTH, mem, 0), 0);
	if (round % 4 == 0)
		wait_for_hits(epoch);
	assert_int_equal(iommu_unmap(epoch->dom, 0, size), 0);
	atomic_store_explicit(view, 0, memory_order_relaxed);
}

/* Single pages, each under nodes of its own, all gone in one drain. */
static void many_mappings(struct epoch *epoch, int file, _Atomic uint32_t *view)
{
	for (uint64_t i = 0; i < MANY; i++) {
		struct iommu_mem *mem = mem_of(file, 4096);

		assert_int_equal(iommu_map(epoch->dom, i * STRIDE, 4096, BOTH, mem, 0), 0);
	}
	wait_for_hits(epoch);
	iommu_unmap_all(epoch->dom);
	atomic_store_explicit(view, 0, memory_order_relaxed);
}

static void nothing_is_written_after_unmap_returns(void **state)
{
	struct epoch epoch = {0};
	int file = fd_memfd("race", WINDOW);
	_Atomic uint32_t *view;
	uint64_t start = clock_ns();
	pthread_t thread;
	unsigned round;

	(void)state;
	assert_true(file >= 0);
	view = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	assert_ptr_not_equal(view, MAP_FAILED);
	assert_int_equal(iommu_domain_new(NULL, 0, drain, &epoch, &epoch.dom), 0);
	assert_int_equal(pthread_create(&thread, NULL, reader, &epoch), 0);
	for (round = 0; test_goes_on(start, round, ROUNDS); round++) {
		if (round % 32)
			one_mapping(&epoch, round, file, view);
		else
			many_mappings(&epoch, file, view);
		if (round % 64)
			continue;
		wipe(view, file);
		/* New memory, where a stale pointer would point, but not yet shown to the
		 * reader. */
		iommu_mem_free(mem_of(file, WINDOW));
		assert_true(untouched(view));
	}
	atomic_store(&epoch.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(epoch.hits > round / 8);
	iommu_domain_free(epoch.dom);
	munmap((void *)view, WINDOW);
	fd_close(&file);
}

/* Fills the flat entry again and again, as many queues would. */
static void *filler(void *arg)
{
	struct epoch *epoch = arg;

	while (!atomic_load_explicit(&epoch->stop, memory_order_relaxed)) {
		uint64_t asked = atomic_load_explicit(&epoch->asked, memory_order_acquire);

		atomic_store_explicit(&epoch->seen, asked, memory_order_release);
		for (unsigned i = 0; i < 64; i++) {
			uint32_t len = 4;

			if (iommu_walk(epoch->dom, i, &len, IOMMU_WRITE))
				atomic_fetch_add_explicit(&epoch->hits, 1,
							  memory_order_relaxed);
		}
	}
	atomic_store_explicit(&epoch->seen, UINT64_MAX, memory_order_release);
	return NULL;
}

/* An entry that was filled from a table as it was before the unmap is taken back. */
static void no_flat_entry_outlives_its_mapping(void **state)
{
	struct epoch epoch = {0};
	uint64_t start = clock_ns();
	pthread_t thread;

	(void)state;
	assert_int_equal(iommu_domain_new(NULL, 0, drain, &epoch, &epoch.dom), 0);
	assert_int_equal(pthread_create(&thread, NULL, filler, &epoch), 0);
	for (unsigned round = 0; test_goes_on(start, round, ROUNDS); round++) {
		struct iommu_mem *mem;

		assert_int_equal(iommu_mem_anon(2 << 20, &mem), 0);
		assert_int_equal(iommu_map(epoch.dom, 0, 2 << 20, BOTH, mem, 0), 0);
		wait_for_hits(&epoch);
		assert_int_equal(iommu_unmap(epoch.dom, 0, 2 << 20), 0);
		assert_int_equal(atomic_load(&epoch.dom->flat[0]), 0);
	}
	atomic_store(&epoch.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	iommu_domain_free(epoch.dom);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_flat_entry_outlives_its_mapping),
		cmocka_unit_test(nothing_is_written_after_unmap_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
