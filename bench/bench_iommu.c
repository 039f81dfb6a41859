/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_iommu.c - what one address translation costs: a hit in the flat table, a walk to a 2
 * MiB leaf, a walk to a 4 KiB leaf, and beside them what most programs do, a binary search over
 * regions.
 *
 * Look-ups are independent loads at random addresses of a pool; the addresses are drawn
 * beforehand. The methods take turns within each round, so a disturbance of the machine meets
 * all of them alike. No memory behind the addresses is touched. Prints ns per look-up: min,
 * median and max of the rounds.
 */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "iommu_domain.h"

#define ROUNDS	 11u
#define LOOKUPS	 (1u << 22)
#define DRAWN	 (1u << 14) /* 128 KiB: stays in the second-level cache */
#define GRANULE	 BIT64(IOMMU_GRANULE_SHIFT)
#define MAX_POOL (4ull << 30)

struct region {
	uint64_t iova, size;
	uint8_t *host;
};

struct bench {
	struct iommu_domain *large, *small; /* leaves of 2 MiB; of 4 KiB only */
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
static uint64_t by_flat(const struct bench *bench)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t len = 64;

		sum += (uintptr_t)iommu_xlate(bench->large, bench->iova[i % DRAWN], &len,
					      IOMMU_WRITE);
	}
	return sum;
}

static uint64_t by_walk(struct iommu_domain *dom, const uint64_t *iova)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t len = 64;

		sum += (uintptr_t)iommu_walk(dom, iova[i % DRAWN], &len, IOMMU_WRITE);
	}
	return sum;
}

static uint64_t by_large_leaf(const struct bench *bench)
{
	return by_walk(bench->large, bench->iova);
}

/* As the data path would: the flat table has nothing, then the walk. */
static uint64_t by_small_leaf(const struct bench *bench)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < LOOKUPS; i++) {
		uint32_t len = 64;

		sum += (uintptr_t)iommu_xlate(bench->small, bench->iova[i % DRAWN], &len,
					      IOMMU_WRITE);
	}
	return sum;
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
	{ "radix walk, 2 MiB leaf",		by_large_leaf,	0 },
	{ "flat miss + walk, 4 KiB leaf",	by_small_leaf,	0 },
	{ "binary search, 2 regions",		by_search,	2 },
	{ "binary search, 64 regions",		by_search,	64 },
	{ "  the same after the last hit, 2",	by_hint,	2 },
	{ "  the same after the last hit, 64",	by_hint,	64 },
};
// clang-format on

static void map(struct iommu_domain *dom, uint64_t iova, uint64_t size)
{
	struct iommu_mem *mem;

	must(iommu_mem_anon(size, &mem), "memory");
	must(iommu_map(dom, iova, size, IOMMU_READ | IOMMU_WRITE, mem, 0), "map");
}

static void setup(struct bench *bench)
{
	must(iommu_domain_new(NULL, 0, NULL, NULL, &bench->large), "domain");
	must(iommu_domain_new(NULL, 0, NULL, NULL, &bench->small), "domain");
	/* In pieces of 2 MiB, or there would be leaves of 1 GiB; one page short, and they are 4
	 * KiB. */
	for (uint64_t at = 0; at < MAX_POOL; at += GRANULE) {
		map(bench->large, at, GRANULE);
		map(bench->small, at, GRANULE - IOMMU_PAGE);
	}
}

static void draw(struct bench *bench, uint64_t pool, unsigned regions)
{
	uint64_t seed = 88172645463325252ull;

	for (unsigned i = 0; i < DRAWN; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		/* Even pages: the domain of small leaves lacks the last, odd one of each 2 MiB.
		 */
		bench->iova[i] = seed % pool & ~63ull & ~IOMMU_PAGE;
	}
	/* As a guest's memory would be, whatever part of it the pool is. */
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

static void print_row(const char *name, const char *pool, double *ns)
{
	qsort(ns, ROUNDS, sizeof(*ns), by_value);
	printf("%-34s  %8s  %6.2f  %6.2f  %6.2f\n", name, pool, ns[0], ns[ROUNDS / 2],
	       ns[ROUNDS - 1]);
}

static void run_pool(struct bench *bench, uint64_t pool, const char *label)
{
	static double ns[ARRAY_SIZE(methods)][ROUNDS];

	for (unsigned round = 0; round < ROUNDS; round++)
		for (size_t m = 0; m < ARRAY_SIZE(methods); m++) {
			draw(bench, pool, methods[m].regions);
			ns[m][round] = measure(bench, methods[m].fn);
		}
	for (size_t m = 0; m < ARRAY_SIZE(methods); m++)
		print_row(methods[m].name, label, ns[m]);
}

int main(void)
{
	static struct bench bench;

	setup(&bench);
	printf("%-34s  %8s  %6s  %6s  %6s\n", "ns per look-up", "pool", "min", "median", "max");
	run_pool(&bench, 8ull << 20, "8 MiB");
	run_pool(&bench, 256ull << 20, "256 MiB");
	run_pool(&bench, MAX_POOL, "4 GiB");
	iommu_domain_free(bench.large);
	iommu_domain_free(bench.small);
	return 0;
}
