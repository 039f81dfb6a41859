/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of a unit whose system software is not next door: it has a space of its own, offers its
 * tables' memory, writes registers through somebody else and waits for the queue; and between
 * the function and the unit lies a route.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "iommu_domain.h"
#include "vtd.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)
#define BOTH   (IOMMU_READ | IOMMU_WRITE)
#define RID    0x0123u
#define CHUNKS 4u

/* ---- two sides ---- */

static struct {
	/* The host: software, its idea of its space. */
	struct iommu_space space;
	struct vtd_tables *tables;
	struct vtd_pt pt;
	struct iommu_slice ram_slice;
	struct iommu_mem *ram;
	/* The unit: what it was offered. */
	struct vtd *vtd;
	struct iommu_slice chunk[CHUNKS], ram_there;
	unsigned chunks;
	struct iommu_domain *dom;
	/* Between them. */
	uint64_t late_tail; /* a write of IQT that has not arrived, + 1 */
	bool gone;	    /* there is no unit any more */
	unsigned waits, drains;
	/* The window of the route: [base, base + size) goes to xlate. */
	uint64_t base, size, xlate;
	uint32_t perm;
	enum iommu_reason refuse;
	unsigned said; /* refusals to be counted */
} t;

static void deliver(void *arg, uint32_t offset, unsigned size, uint64_t value)
{
	(void)arg;
	if (offset == VTD_IQT && t.tables)
		t.late_tail = value + 1;
	else
		vtd_write(t.vtd, offset, size, value);
}

static bool wait_for_unit(void *arg)
{
	(void)arg;
	t.waits++;
	if (t.late_tail && t.waits % 3 == 0) {
		vtd_write(t.vtd, VTD_IQT, 8, t.late_tail - 1);
		t.late_tail = 0;
	}
	return !t.gone;
}

static int get(void *arg, uint64_t size, struct iommu_mem **ret_mem)
{
	(void)arg;
	return iommu_mem_anon(size, ret_mem);
}

static int offer(void *arg, struct iommu_mem *mem, const struct iommu_slice *slice)
{
	(void)arg;
	if (t.chunks == CHUNKS)
		return -ENOSPC;
	return iommu_space_add_at(vtd_space(t.vtd), &t.chunk[t.chunks++], mem->base, mem->size,
				  BOTH, slice->hpa);
}

static void withdraw(void *arg, struct iommu_mem *mem, const struct iommu_slice *slice)
{
	(void)arg, (void)mem;
	for (unsigned i = 0; i < t.chunks; i++) {
		if (t.chunk[i].hpa == slice->hpa)
			iommu_space_remove(vtd_space(t.vtd), &t.chunk[i]);
	}
}

static void drain(void *arg)
{
	(void)arg;
	t.drains++;
}

static enum iommu_reason pass(void *arg, uint64_t iova, uint32_t need, bool say,
			      struct iommu_passed *ret)
{
	(void)arg;
	t.said += say;
	if (t.refuse)
		return t.refuse;
	if (iova - t.base >= t.size)
		return IOMMU_FAULT_NTB_WINDOW;
	if (need & ~t.perm)
		return IOMMU_FAULT_NTB_PERM;
	*ret = (struct iommu_passed){t.xlate + (iova - t.base), t.base + t.size - iova, t.perm};
	return 0;
}

static const struct iommu_route route = {.pass = pass};

static int set_up(void **state)
{
	const struct vtd_access access = {
		.write = deliver,
		.wait = wait_for_unit,
		.memory = {.get = get, .offer = offer, .withdraw = withdraw},
	};
	struct vtd_tables *tables;

	(void)state;
	memset(&t, 0, sizeof(t));
	assert_int_equal(iommu_space_init(&t.space), 0);
	assert_int_equal(vtd_new(&t.vtd), 0);
	assert_int_equal(iommu_domain_new(t.vtd, RID, drain, NULL, &t.dom), 0);
	assert_int_equal(vtd_tables_new(&t.space, &access, &tables), 0);
	t.tables = tables;
	assert_int_equal(vtd_tables_attach(tables, &t.pt, RID), 0);
	vtd_tables_sync_context(tables, &t.pt);
	/* 64 MiB of the host's memory, offered. */
	assert_int_equal(iommu_mem_anon(MIB(64), &t.ram), 0);
	assert_int_equal(iommu_space_add(&t.space, &t.ram_slice, t.ram->base, MIB(64), BOTH, 0),
			 0);
	assert_int_equal(iommu_space_add_at(vtd_space(t.vtd), &t.ram_there, t.ram->base,
					    MIB(64), BOTH, t.ram_slice.hpa),
			 0);
	return 0;
}

static void map(uint64_t iova, uint64_t size)
{
	assert_int_equal(vtd_tables_reserve(t.tables, iova, size), 0);
	vtd_tables_map(t.tables, &t.pt, iova, size, t.ram_slice.hpa, BOTH);
}

static void unmap(uint64_t iova, uint64_t size)
{
	vtd_tables_clear(t.tables, &t.pt, iova, size);
	vtd_tables_sync_range(t.tables, &t.pt, iova, size);
	vtd_tables_reap(t.tables, &t.pt);
}

static int tear_down(void **state)
{
	(void)state;
	vtd_tables_detach(t.tables, &t.pt);
	iommu_domain_free(t.dom);
	iommu_space_remove(vtd_space(t.vtd), &t.ram_there);
	iommu_space_remove(&t.space, &t.ram_slice);
	vtd_tables_free(t.tables);
	vtd_free(t.vtd);
	iommu_space_done(&t.space);
	iommu_mem_free(t.ram);
	return 0;
}

static uint8_t *at(uint64_t iova, uint32_t need)
{
	uint32_t len = 1;

	return iommu_xlate(t.dom, iova, &len, need);
}

static enum iommu_reason why(uint64_t iova, uint32_t need)
{
	bool record;

	return iommu_reason(t.dom, iova, need, &record);
}

static bool is_cached(uint64_t iova)
{
	return atomic_load(&t.dom->flat[iova >> IOMMU_GRANULE_SHIFT]);
}

/* ---- the software's side ---- */

static void what_the_host_maps_is_found(void **state)
{
	(void)state;
	assert_null(at(GIB(1), IOMMU_READ));
	map(GIB(1), MIB(16));
	assert_ptr_equal(at(GIB(1) + 5, BOTH), t.ram->base + 5);
	assert_ptr_equal(at(GIB(1) + MIB(16) - 1, BOTH), t.ram->base + MIB(16) - 1);
	assert_null(at(GIB(1) + MIB(16), IOMMU_READ));
	assert_true(is_cached(GIB(1)));
	unmap(GIB(1), MIB(16));
}

static void unmap_waits_for_the_unit(void **state)
{
	unsigned drains;

	(void)state;
	map(GIB(1), MIB(2));
	assert_non_null(at(GIB(1), BOTH));
	drains = t.drains;
	t.waits = 0;
	unmap(GIB(1), MIB(2));
	assert_in_range(t.waits, 2, 3); /* it was late */
	assert_int_equal(t.late_tail, 0);
	assert_int_equal(t.drains, drains + 1);
	assert_null(at(GIB(1), IOMMU_READ));
	assert_false(is_cached(GIB(1)));
}

/* Nobody will ever write the status word: the software goes on. */
static void a_unit_that_is_gone_is_not_waited_for(void **state)
{
	(void)state;
	map(GIB(1), MIB(2));
	t.gone = true;
	t.waits = 3;
	unmap(GIB(1), MIB(2));
	assert_int_equal(t.waits, 4);
	t.gone = false;
}

/* ---- the route ---- */

static void window(uint64_t base, uint64_t size, uint64_t xlate, uint32_t perm)
{
	t.base = base;
	t.size = size;
	t.xlate = xlate;
	t.perm = perm;
	iommu_domain_set_route(t.dom, &route);
}

static void a_route_moves_addresses(void **state)
{
	uint32_t len = 100;

	(void)state;
	window(GIB(8), MIB(8), GIB(1), BOTH);
	map(GIB(1), MIB(16));
	assert_ptr_equal(at(GIB(8) + MIB(3), BOTH), t.ram->base + MIB(3));
	assert_true(is_cached(GIB(8) + MIB(3)));
	assert_null(at(GIB(1), IOMMU_READ)); /* where the host itself has it */
	assert_int_equal(why(GIB(1), IOMMU_READ), IOMMU_FAULT_NTB_WINDOW);
	/* The window ends before the mapping does. */
	assert_non_null(iommu_walk(t.dom, GIB(8) + MIB(8) - 10, &len, IOMMU_READ));
	assert_int_equal(len, 10);
	assert_null(at(GIB(8) + MIB(8), IOMMU_READ));
	/* Behind the window the tables have the last word. */
	window(GIB(8), MIB(32), GIB(1), BOTH);
	assert_int_equal(why(GIB(8) + MIB(16), IOMMU_WRITE), IOMMU_FAULT_NOT_MAPPED);
	unmap(GIB(1), MIB(16));
}

static void a_route_allows_less_than_the_tables(void **state)
{
	(void)state;
	window(GIB(8), MIB(8), GIB(1), IOMMU_READ);
	map(GIB(1), MIB(16));
	assert_non_null(at(GIB(8), IOMMU_READ));
	assert_null(at(GIB(8), IOMMU_WRITE)); /* nor by way of the cache */
	assert_int_equal(why(GIB(8), IOMMU_WRITE), IOMMU_FAULT_NTB_PERM);
	unmap(GIB(1), MIB(16));
}

/* A granule that the window covers in part, or shifts by less than a granule, is not cached: a
 * hit would go beyond. */
static void what_passes_in_part_is_walked(void **state)
{
	uint32_t len = UINT32_MAX;

	(void)state;
	map(GIB(1), MIB(16));
	window(GIB(8), MIB(3), GIB(1), BOTH);
	assert_ptr_equal(at(GIB(8) + MIB(2), BOTH), t.ram->base + MIB(2));
	assert_false(is_cached(GIB(8) + MIB(2)));
	assert_null(at(GIB(8) + MIB(3), BOTH));
	window(GIB(16) + MIB(1), MIB(8), GIB(1), BOTH);
	assert_ptr_equal(at(GIB(16) + MIB(1), BOTH), t.ram->base);
	assert_false(is_cached(GIB(16) + MIB(1)));
	assert_null(at(GIB(16), BOTH));
	assert_ptr_equal(iommu_walk(t.dom, GIB(16) + MIB(4), &len, BOTH), t.ram->base + MIB(3));
	assert_int_equal(len, MIB(1));
	unmap(GIB(1), MIB(16));
}

static void nothing_passes_when_the_route_is_revoked(void **state)
{
	bool record = false;

	(void)state;
	window(GIB(8), MIB(8), GIB(1), BOTH);
	map(GIB(1), MIB(16));
	assert_non_null(at(GIB(8), BOTH));
	t.refuse = IOMMU_FAULT_NTB_REVOKED;
	iommu_domain_forget_all(t.dom);
	assert_null(at(GIB(8), IOMMU_READ));
	assert_int_equal(t.said, 0);
	assert_int_equal(iommu_reason(t.dom, GIB(8), IOMMU_READ, &record),
			 IOMMU_FAULT_NTB_REVOKED);
	assert_int_equal(t.said, 1);
	assert_true(record);
	unmap(GIB(1), MIB(16));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(what_the_host_maps_is_found),
		TEST(unmap_waits_for_the_unit),
		TEST(a_unit_that_is_gone_is_not_waited_for),
		TEST(a_route_moves_addresses),
		TEST(a_route_allows_less_than_the_tables),
		TEST(what_passes_in_part_is_walked),
		TEST(nothing_passes_when_the_route_is_revoked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
