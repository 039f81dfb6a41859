/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_iommu.c - what address translation costs: a hit in the flat table, walks of VT-d's
 * tables (pages of 2 MiB and of 4 KiB, first stage on second), and beside them what most
 * programs do, a binary search over regions. Then: invalidation while the data path is busy,
 * and the memory that tables take.
 *
 * Look-ups are independent loads at random addresses of a pool; the addresses are drawn
 * beforehand. The methods take turns within each round, so a disturbance of the machine meets
 * all of them alike. No memory behind the addresses is touched. Prints ns per look-up: min,
 * median and max of the rounds, and the median as a multiple of the flat hit's.
 */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "iommu_domain.h"
#include "vtd_defs.h"

#define ROUNDS	      11u
#define LOOKUPS	      (1u << 21)
#define DRAWN	      (1u << 14) /* 128 KiB: stays in the second-level cache */
#define GRANULE	      IOMMU_GRANULE
#define MAX_POOL      (2ull << 30) /* below the interrupt window */
#define STAGE1_IOVA   (1ull << 40) /* where the first stage's tables are mapped */
#define INVALIDATIONS 20000u

struct region {
	uint64_t iova, size;
	uint8_t *host;
};

struct bench {
	struct iommu_domain *large, *small, *nested; /* pages of 2 MiB; of 4 KiB; two stages */
	struct region region[64];
	unsigned n_regions;
	uint64_t iova[DRAWN];
};

typedef uint64_t (*method_fn)(const struct bench *bench);

static void must(int ret, const char *what)
{
	if (ret == 0)
		return;
	fprintf(stderr, "bench_iommu: %s: %s\n", what, strerror(-ret));
	exit(1);
}

/* The sum keeps the compiler from dropping the work. */
static uint64_t by_xlate(struct iommu_domain *dom, const uint64_t *iova)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t len = 64;

		sum += (uintptr_t)iommu_xlate(dom, iova[i % DRAWN], &len, IOMMU_WRITE);
	}
	return sum;
}

/* The engine alone, as after an invalidation. */
static uint64_t by_walk(struct iommu_domain *dom, const uint64_t *iova)
{
	const struct vtd_context *ctx = iommu_domain_context(dom);
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		struct vtd_leaf leaf;

		if (vtd_translate(dom->space, ctx, iova[i % DRAWN], IOMMU_WRITE, &leaf) == 0)
			sum += leaf.hpa;
	}
	return sum;
}

static uint64_t by_flat(const struct bench *bench)
{
	return by_xlate(bench->large, bench->iova);
}

static uint64_t by_large_page(const struct bench *bench)
{
	return by_walk(bench->large, bench->iova);
}

static uint64_t by_small_page(const struct bench *bench)
{
	return by_walk(bench->small, bench->iova);
}

/* As the data path would: the flat table has nothing, then the walk, then the pointer. */
static uint64_t by_miss(const struct bench *bench)
{
	return by_xlate(bench->small, bench->iova);
}

static uint64_t by_nested_flat(const struct bench *bench)
{
	return by_xlate(bench->nested, bench->iova);
}

static uint64_t by_nested_walk(const struct bench *bench)
{
	return by_walk(bench->nested, bench->iova);
}

static const struct region *search(const struct bench *bench, uint64_t iova)
{
	unsigned lo = 0, hi = bench->n_regions;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (bench->region[mid].iova <= iova)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0 || iova - bench->region[lo - 1].iova >= bench->region[lo - 1].size)
		return NULL;
	return &bench->region[lo - 1];
}

static uint8_t *translate(const struct region *region, uint64_t iova)
{
	return region->host + (iova - region->iova);
}

static uint64_t by_search(const struct bench *bench)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		const struct region *region = search(bench, bench->iova[i % DRAWN]);

		sum += (uintptr_t)(region ? translate(region, bench->iova[i % DRAWN]) : NULL);
	}
	return sum;
}

/* With the region of the last look-up tried first, as libraries of this kind do. */
static uint64_t by_hint(const struct bench *bench)
{
	const struct region *last = bench->region;
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint64_t iova = bench->iova[i % DRAWN];

		if (iova - last->iova >= last->size)
			last = search(bench, iova);
		if (!last)
			return 0;
		sum += (uintptr_t)translate(last, iova);
	}
	return sum;
}

// clang-format off
static const struct {
	const char *name;
	method_fn fn;
	unsigned regions;
} methods[] = {
	{ "flat table, hit",			by_flat,	0 },
	{ "walk, 2 MiB page",			by_large_page,	0 },
	{ "walk, 4 KiB page",			by_small_page,	0 },
	{ "flat miss + walk, 4 KiB page",	by_miss,	0 },
	{ "nested, flat table hit",		by_nested_flat,	0 },
	{ "nested, walk, 2 MiB on 2 MiB",	by_nested_walk,	0 },
	{ "binary search, 2 regions",		by_search,	2 },
	{ "binary search, 64 regions",		by_search,	64 },
	{ "  the same after the last hit, 2",	by_hint,	2 },
	{ "  the same after the last hit, 64",	by_hint,	64 },
};
// clang-format on

static uint8_t *map(struct iommu_domain *dom, uint64_t iova, uint64_t size)
{
	struct iommu_mem *mem;

	must(iommu_mem_anon(size, &mem), "memory");
	must(iommu_map(dom, iova, size, IOMMU_READ | IOMMU_WRITE, mem, 0), "map");
	return mem->base;
}

static void new_domain(struct iommu_domain **ret_dom)
{
	must(iommu_domain_new(NULL, 0, NULL, NULL, ret_dom), "domain");
}

/* First-stage tables: one root, one table for 512 GiB, one for each GiB; address = IOVA. */
static void stage1(struct iommu_domain *dom)
{
	const uint64_t bits = VTD_P | VTD_FS_RW | VTD_FS_US | VTD_FS_A | VTD_FS_D;
	uint64_t *word = (uint64_t *)(void *)map(dom, STAGE1_IOVA, GRANULE);

	word[0] = (STAGE1_IOVA + 4096) | bits;
	for (unsigned i = 0; i < MAX_POOL >> 30; i++)
		word[512 + i] = (STAGE1_IOVA + (2 + i) * 4096) | bits;
	for (unsigned i = 0; i < MAX_POOL / GRANULE; i++)
		word[1024 + i] = (i * GRANULE) | VTD_PS | bits;
	must(iommu_stage1(dom, 4, STAGE1_IOVA), "first stage");
}

static void setup(struct bench *bench)
{
	new_domain(&bench->large);
	new_domain(&bench->small);
	new_domain(&bench->nested);
	/* In pieces of 2 MiB, or there would be pages of 1 GiB; 4 KiB short, and they are of 4
	 * KiB. */
	for (uint64_t at = 0; at < MAX_POOL; at += GRANULE) {
		map(bench->large, at, GRANULE);
		map(bench->small, at, GRANULE - IOMMU_PAGE);
		map(bench->nested, at, GRANULE);
	}
	stage1(bench->nested);
}

static void draw(struct bench *bench, uint64_t pool, unsigned regions)
{
	uint64_t seed = 88172645463325252ull;

	for (unsigned i = 0; i < DRAWN; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		/* Even pages: the domain of small pages lacks the last, odd one of each 2 MiB.
		 */
		bench->iova[i] = seed % pool & ~63ull & ~IOMMU_PAGE;
	}
	/* As a guest's memory would be, whatever part of it the pool is. */
	bench->n_regions = regions;
	for (unsigned i = 0; i < regions; i++) {
		struct region *region = &bench->region[i];

		region->size = MAX_POOL / regions;
		region->iova = region->size * i;
		region->host = (uint8_t *)(uintptr_t)(IOMMU_PAGE * (i + 1));
	}
}

static double measure(const struct bench *bench, method_fn fn)
{
	static volatile uint64_t sink;
	uint64_t start = clock_ns();

	sink = fn(bench);
	(void)sink;
	return (double)(clock_ns() - start) / LOOKUPS;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run_pool(struct bench *bench, uint64_t pool, const char *label)
{
	static double ns[ARRAY_SIZE(methods)][ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
			draw(bench, pool, methods[m].regions);
			ns[m][round] = measure(bench, methods[m].fn);
		}
	for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
		qsort(ns[m], ROUNDS, sizeof(ns[m][0]), by_value);
		printf("%-34s  %8s  %6.2f  %6.2f  %6.2f  %5.1f\n", methods[m].name, label,
		       ns[m][0], ns[m][ROUNDS / 2], ns[m][ROUNDS - 1],
		       ns[m][ROUNDS / 2] / ns[0][ROUNDS / 2]);
	}
}

/* ---- invalidation ---- */

/* A data path that looks up bursts of 32 and passes a quiesce point after each. */
struct busy {
	struct iommu_domain *dom;
	const uint64_t *iova;
	_Atomic uint64_t asked, seen;
	atomic_bool stop;
};

static void *busy_run(void *arg)
{
	struct busy *busy = arg;
	uint64_t sum = 0;

	for (unsigned at = 0; !atomic_load_explicit(&busy->stop, memory_order_relaxed);
	     at = (at + 32) % DRAWN) {
		uint64_t asked = atomic_load_explicit(&busy->asked, memory_order_acquire);

		atomic_store_explicit(&busy->seen, asked, memory_order_release);
		for (unsigned i = 0; i < 32; i++) {
			uint32_t len = 64;

			sum += (uintptr_t)iommu_xlate(busy->dom, busy->iova[at + i], &len,
						      IOMMU_WRITE);
		}
	}
	atomic_store_explicit(&busy->seen, UINT64_MAX, memory_order_release);
	return (void *)(uintptr_t)(sum & 1);
}

static void busy_drain(void *arg)
{
	struct busy *busy = arg;
	uint64_t want = atomic_fetch_add(&busy->asked, 1) + 1;

	while (atomic_load_explicit(&busy->seen, memory_order_acquire) < want)
		sched_yield();
}

/* Unmaps: tables changed, the queue written and run, drained, memory given back. */
static void run_invalidation(const struct bench *bench, uint64_t size, const char *label)
{
	static double us[INVALIDATIONS];
	struct busy busy = {.iova = bench->iova};
	pthread_t thread;

	must(iommu_domain_new(NULL, 0, busy_drain, &busy, &busy.dom), "domain");
	map(busy.dom, 0, 1 << 30);
	must(-pthread_create(&thread, NULL, busy_run, &busy), "thread");
	for (unsigned i = 0; i < INVALIDATIONS; i++) {
		uint64_t start;

		map(busy.dom, 4ull << 30, size);
		start = clock_ns();
		must(iommu_unmap(busy.dom, 4ull << 30, size), "unmap");
		us[i] = (double)(clock_ns() - start) / 1000;
	}
	atomic_store(&busy.stop, true);
	pthread_join(thread, NULL);
	qsort(us, INVALIDATIONS, sizeof(us[0]), by_value);
	printf("%-34s  %8s  %6.2f  %6.2f  %6.2f\n", "unmap, drained, data path busy", label,
	       us[INVALIDATIONS / 2], us[INVALIDATIONS / 100 * 99],
	       us[INVALIDATIONS / 1000 * 999]);
	iommu_domain_free(busy.dom);
}

/* ---- memory ---- */

static long resident(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	long size = 0, pages = 0;

	if (!file || fscanf(file, "%ld %ld", &size, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return pages * 4;
}

/* piece: bytes mapped at a time; with a hole of 4 KiB in each 2 MiB only small pages fit. */
static void run_memory(uint64_t piece, const char *label)
{
	struct iommu_domain *dom;
	long before, after;

	new_domain(&dom);
	before = resident();
	for (uint64_t at = 0; at < 4ull << 30; at += MAX(piece, GRANULE))
		map(dom, at + (1ull << 39), piece);
	after = resident();
	printf("%-34s  %8s  %6ld\n", "KiB for each GiB mapped", label, (after - before) / 4);
	iommu_domain_free(dom);
}

int main(void)
{
	static struct bench bench;

	setup(&bench);
	printf("%-34s  %8s  %6s  %6s  %6s  %5s\n", "ns per look-up", "pool", "min", "median",
	       "max", "ratio");
	run_pool(&bench, 8ull << 20, "8 MiB");
	run_pool(&bench, 256ull << 20, "256 MiB");
	run_pool(&bench, MAX_POOL, "2 GiB");
	printf("\n%-34s  %8s  %6s  %6s  %6s\n", "microseconds", "size", "p50", "p99", "p99.9");
	run_invalidation(&bench, IOMMU_PAGE, "4 KiB");
	run_invalidation(&bench, GRANULE, "2 MiB");
	printf("\n%-34s  %8s\n", "memory", "pages");
	run_memory(GRANULE - IOMMU_PAGE, "4 KiB");
	run_memory(GRANULE, "2 MiB");
	run_memory(1ull << 30, "1 GiB");
	iommu_domain_free(bench.large);
	iommu_domain_free(bench.small);
	iommu_domain_free(bench.nested);
	return 0;
}
