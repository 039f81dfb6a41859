/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of the fault ring: order, overflow, counters that wrap, two threads. */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "iommu_fault.h"

static void push(struct iommu_fault_ring *ring, uint64_t addr, bool expect)
{
	struct iommu_fault fault = {.addr = addr, .rid = 0x180, .port = 3, .write = true};

	assert_int_equal(iommu_fault_push(ring, &fault), expect);
}

static void pop(struct iommu_fault_ring *ring, uint64_t addr)
{
	struct iommu_fault fault;

	assert_true(iommu_fault_pop(ring, &fault));
	assert_int_equal(fault.addr, addr);
	assert_int_equal(fault.rid, 0x180);
	assert_int_equal(fault.port, 3);
	assert_true(fault.write);
}

static void empty_ring_gives_nothing(void **state)
{
	struct iommu_fault_ring ring = {0};
	struct iommu_fault fault = {.addr = 7};

	(void)state;
	assert_false(iommu_fault_pop(&ring, &fault));
	assert_int_equal(fault.addr, 7);
}

static void records_come_out_in_order(void **state)
{
	struct iommu_fault_ring ring = {0};

	(void)state;
	for (uint64_t i = 0; i < 5; i++)
		push(&ring, i, true);
	for (uint64_t i = 0; i < 5; i++)
		pop(&ring, i);
}

static void full_ring_drops_and_counts(void **state)
{
	struct iommu_fault_ring ring = {0};

	(void)state;
	for (uint64_t i = 0; i < IOMMU_FAULT_RING; i++)
		push(&ring, i, true);
	push(&ring, 1000, false);
	push(&ring, 1001, false);
	assert_int_equal(ring.overflow, 2);
	/* The oldest records are the ones that are kept, and one place is free again after a
	 * pop. */
	pop(&ring, 0);
	push(&ring, 2000, true);
	push(&ring, 2001, false);
	for (uint64_t i = 1; i < IOMMU_FAULT_RING; i++)
		pop(&ring, i);
	pop(&ring, 2000);
	assert_int_equal(ring.overflow, 3);
}

static void counters_wrap_at_32_bits(void **state)
{
	struct iommu_fault_ring ring = {0};

	(void)state;
	ring.head = ring.tail = UINT32_MAX - 2;
	for (uint64_t i = 0; i < IOMMU_FAULT_RING; i++)
		push(&ring, i, true);
	push(&ring, 1000, false);
	for (uint64_t i = 0; i < IOMMU_FAULT_RING; i++)
		pop(&ring, i);
}

static void every_reason_has_its_own_sentence(void **state)
{
	static const enum iommu_reason reasons[] = {
		IOMMU_FAULT_NOT_MAPPED,	    IOMMU_FAULT_NO_WRITE,  IOMMU_FAULT_BEYOND_WIDTH,
		IOMMU_FAULT_BUS_MASTER_OFF, IOMMU_FAULT_NO_MEMORY, (enum iommu_reason)0xee,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(iommu_reason_str(reasons[i]),
						iommu_reason_str(reasons[j]));
}

#define MANY 100000u

static void *produce(void *arg)
{
	struct iommu_fault_ring *ring = arg;

	for (uint64_t i = 0; i < MANY;) {
		struct iommu_fault fault = {.addr = i, .time_ns = ~i};

		if (iommu_fault_push(ring, &fault))
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void two_threads_lose_and_tear_nothing(void **state)
{
	static struct iommu_fault_ring ring;
	struct iommu_fault fault;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce, &ring), 0);
	for (uint64_t i = 0; i < MANY;) {
		if (!iommu_fault_pop(&ring, &fault)) {
			sched_yield();
			continue;
		}
		assert_int_equal(fault.addr, i);
		assert_int_equal(fault.time_ns, ~i);
		i++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_ring_gives_nothing),
		cmocka_unit_test(records_come_out_in_order),
		cmocka_unit_test(full_ring_drops_and_counts),
		cmocka_unit_test(counters_wrap_at_32_bits),
		cmocka_unit_test(every_reason_has_its_own_sentence),
		cmocka_unit_test(two_threads_lose_and_tear_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
