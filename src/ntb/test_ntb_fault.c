/* SPDX-License-Identifier: BSD-3-Clause */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bits.h"
#include "ntb_fault.h"

#define PUSHERS 3u
#define MANY	20000u

static struct ntb_fault_ring ring;

static int set_up(void **state)
{
	(void)state;
	memset(&ring, 0, sizeof(ring));
	return 0;
}

static void records_come_out_in_order_and_the_newest_are_lost(void **state)
{
	struct ntb_fault fault;

	(void)state;
	assert_false(ntb_fault_pop(&ring, &fault));
	/* Around the place where the counters wrap. */
	ring.head = ring.tail = UINT32_MAX - 2;
	for (uint64_t i = 0; i < NTB_FAULT_RING + 2; i++) {
		fault = (struct ntb_fault){
			.addr = i, .len = ~i, .who = {.segment = 3, .rid = (pci_rid_t)i}};
		assert_int_equal(ntb_fault_push(&ring, &fault), i < NTB_FAULT_RING);
	}
	assert_int_equal(ring.overflow, 2);
	for (uint64_t i = 0; i < NTB_FAULT_RING; i++) {
		assert_true(ntb_fault_pop(&ring, &fault));
		assert_int_equal(fault.addr, i);
		assert_int_equal(fault.who.rid, i);
	}
	assert_false(ntb_fault_pop(&ring, &fault));
}

static void who_meets_another_does_not_wait(void **state)
{
	const struct ntb_fault fault = {.addr = 1};

	(void)state;
	atomic_flag_test_and_set(&ring.busy);
	assert_false(ntb_fault_push(&ring, &fault));
	assert_int_equal(ring.overflow, 1);
	atomic_flag_clear(&ring.busy);
	assert_true(ntb_fault_push(&ring, &fault));
}

static void every_reason_has_its_word_and_sentence(void **state)
{
	(void)state;
	for (unsigned i = 0; i <= NTB_NUM_REASONS; i++)
		for (unsigned j = 0; j < i; j++) {
			assert_string_not_equal(ntb_reason_str(i), ntb_reason_str(j));
			assert_string_not_equal(ntb_reason_word(i), ntb_reason_word(j));
		}
}

static atomic_uint at_work;

static void *pusher(void *arg)
{
	uint64_t first = (uint64_t)(uintptr_t)arg << 32;

	for (uint64_t i = 1; i <= MANY; i++) {
		struct ntb_fault fault = {.addr = first | i, .len = ~(first | i)};

		ntb_fault_push(&ring, &fault);
		if (i % 64 == 0)
			sched_yield();
	}
	atomic_fetch_sub(&at_work, 1);
	return NULL;
}

static void records_of_many_threads_are_whole_and_counted(void **state)
{
	uint64_t got = 0, last[PUSHERS] = {0};
	pthread_t thread[PUSHERS];
	struct ntb_fault fault;

	(void)state;
	at_work = PUSHERS;
	for (uintptr_t i = 0; i < PUSHERS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, pusher, (void *)i), 0);
	for (bool more = true; more;) {
		more = atomic_load(&at_work);
		while (ntb_fault_pop(&ring, &fault)) {
			unsigned from = (unsigned)(fault.addr >> 32);

			assert_int_equal(fault.len, ~fault.addr);
			assert_true(from < PUSHERS && (uint32_t)fault.addr > last[from]);
			last[from] = (uint32_t)fault.addr;
			got++;
		}
	}
	for (unsigned i = 0; i < PUSHERS; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(got + ring.overflow, PUSHERS * MANY);
	assert_true(got > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		T(records_come_out_in_order_and_the_newest_are_lost),
		T(who_meets_another_does_not_wait),
		T(every_reason_has_its_word_and_sentence),
		T(records_of_many_threads_are_whole_and_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
