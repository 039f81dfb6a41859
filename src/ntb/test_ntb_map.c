/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "bits.h"
#include "ntb_map.h"
#include "test_effort.h"

#define LOCAL_BITS 48u

static struct ntb_map map;

static int set_up(void **state)
{
	(void)state;
	ntb_map_init(&map, "local", LOCAL_BITS);
	return 0;
}

static unsigned add(const char *name, unsigned bits)
{
	unsigned index;

	assert_int_equal(ntb_map_add(&map, name, bits, &index), 0);
	return index;
}

static void drained(unsigned index)
{
	assert_int_equal(ntb_map_drained(&map, index, ntb_map_slice(&map, index)->epoch), 0);
}

static void local_addresses_are_the_same_on_both_sides(void **state)
{
	const struct ntb_slice *local = ntb_map_slice(&map, NTB_LOCAL);
	uint64_t addr;

	(void)state;
	assert_int_equal(local->base, 0);
	assert_string_equal(local->name, "local");
	assert_true(ntb_slice_addr(local, 0xfee00000, 4, &addr));
	assert_int_equal(addr, 0xfee00000);
	assert_ptr_equal(ntb_map_at(&map, 0), local);
	assert_ptr_equal(ntb_map_at(&map, BIT64(LOCAL_BITS) - 1), local);
	assert_null(ntb_map_at(&map, BIT64(LOCAL_BITS)));
	assert_int_equal(ntb_map_leave(&map, NTB_LOCAL), -EBUSY);
}

static void every_byte_belongs_to_one_slice(void **state)
{
	static const unsigned bits[] = {40, 46, 41, 48, 40, 47};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
		char name[8];

		snprintf(name, sizeof(name), "ch%u", i);
		add(name, bits[i]);
	}
	for (unsigned i = 0; i <= ARRAY_SIZE(bits); i++) {
		const struct ntb_slice *s = ntb_map_slice(&map, i);

		assert_int_equal(s->base % s->size, 0);
		assert_ptr_equal(ntb_map_at(&map, s->base), s);
		assert_ptr_equal(ntb_map_at(&map, s->base + s->size - 1), s);
		assert_ptr_not_equal(ntb_map_at(&map, s->base + s->size), s);
		if (i)
			assert_ptr_not_equal(ntb_map_at(&map, s->base - 1), s);
		for (unsigned j = 0; j < i; j++)
			assert_true(ntb_map_slice(&map, j)->base >= s->base + s->size ||
				    s->base >= ntb_map_slice(&map, j)->base +
						       ntb_map_slice(&map, j)->size);
	}
}

static void the_map_ends_at_52_bits(void **state)
{
	unsigned index, n = 0;
	char name[8];

	(void)state;
	/* 2^52 is 16 slices of 2^48, and one is the local host's. */
	for (;; n++) {
		snprintf(name, sizeof(name), "ch%u", n);
		if (ntb_map_add(&map, name, 48, &index) < 0)
			break;
	}
	assert_int_equal(n, 15);
	assert_int_equal(ntb_map_add(&map, name, 40, &index), -ENOSPC);
	assert_non_null(ntb_map_at(&map, BIT64(52) - 1));
	assert_null(ntb_map_at(&map, BIT64(52)));
	assert_null(ntb_map_at(&map, UINT64_MAX));
}

static void there_are_64_hosts(void **state)
{
	unsigned index;
	char name[8];

	(void)state;
	for (unsigned i = 1; i < NTB_HOSTS_MAX; i++) {
		snprintf(name, sizeof(name), "ch%u", i);
		assert_int_equal(add(name, 40), i);
	}
	assert_int_equal(ntb_map_add(&map, "more", 40, &index), -ENOSPC);
	for (unsigned i = 0; i < NTB_HOSTS_MAX; i++)
		assert_int_equal(ntb_map_at(&map, ntb_map_slice(&map, i)->base)->index, i);
}

static void bad_requests_are_named(void **state)
{
	struct ntb_map before;
	unsigned index = 77;

	(void)state;
	memcpy(&before, &map, sizeof(map));
	assert_int_equal(ntb_map_add(&map, "", 40, &index), -EINVAL);
	assert_int_equal(ntb_map_add(&map, "0123456789abcdef", 40, &index), -EINVAL);
	assert_int_equal(ntb_map_add(&map, "ch1", 39, &index), -EINVAL);
	assert_int_equal(ntb_map_add(&map, "ch1", 52, &index), -EINVAL);
	assert_int_equal(ntb_map_add(&map, "local", 40, &index), -EEXIST);
	assert_int_equal(ntb_map_leave(&map, 1), -ENOENT);
	assert_int_equal(ntb_map_leave(&map, NTB_HOSTS_MAX), -ENOENT);
	assert_int_equal(ntb_map_drained(&map, 5, 1), -ENOENT);
	assert_null(ntb_map_slice(&map, UINT32_MAX));
	assert_int_equal(index, 77);
	assert_memory_equal(&before, &map, sizeof(map));
	assert_int_equal(add("0123456789abcde", 40), 1);
}

static void a_place_is_reused_only_when_it_was_drained(void **state)
{
	unsigned one = add("ch1", 48), two = add("ch2", 48);
	struct ntb_slice old = *ntb_map_slice(&map, one);

	(void)state;
	assert_int_equal(ntb_map_drained(&map, one, old.epoch), -EBUSY);
	assert_int_equal(ntb_map_leave(&map, one), 0);
	assert_int_equal(ntb_map_leave(&map, one), -ENOENT);
	assert_null(ntb_map_at(&map, old.base));
	assert_null(ntb_map_find(&map, "ch1"));
	assert_non_null(ntb_map_slice(&map, one));
	/* The same host is back, at another place while the former is held. */
	assert_int_equal(add("ch1", 48), 3);
	assert_int_equal(ntb_map_slice(&map, 3)->base, 3 * BIT64(48));
	assert_int_equal(ntb_map_drained(&map, one, old.epoch + 1), -ESTALE);
	assert_int_equal(ntb_map_drained(&map, one, old.epoch), 0);
	assert_null(ntb_map_slice(&map, one));
	assert_int_equal(add("ch3", 48), one);
	assert_int_equal(ntb_map_slice(&map, one)->base, old.base);
	assert_true(ntb_map_slice(&map, one)->epoch > ntb_map_slice(&map, 3)->epoch);
	/* An order for the former host of this place. */
	assert_int_equal(ntb_map_leave(&map, one), 0);
	assert_int_equal(ntb_map_drained(&map, one, old.epoch), -ESTALE);
	drained(one);
	assert_string_equal(ntb_map_slice(&map, two)->name, "ch2");
	assert_ptr_equal(ntb_map_at(&map, 2 * BIT64(48)), ntb_map_slice(&map, two));
}

static void slices_come_in_order_of_address(void **state)
{
	static const char *const want[] = {"local", "ch4", "ch2", "ch3"};
	const struct ntb_slice *s = NULL;

	(void)state;
	add("ch1", 48);
	add("ch2", 48);
	add("ch3", 40);
	assert_int_equal(ntb_map_leave(&map, 1), 0);
	drained(1);
	add("ch4", 47);
	assert_int_equal(ntb_map_leave(&map, 2), 0);
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++) {
		s = ntb_map_next(&map, s);
		assert_string_equal(s->name, want[i]);
		assert_int_equal(s->leaving, i == 2);
	}
	assert_null(ntb_map_next(&map, s));
}

static void an_address_is_the_hosts_own_or_refused(void **state)
{
	const struct ntb_slice *s = ntb_map_slice(&map, add("ch1", 40));
	uint64_t addr = 1, size = BIT64(40);

	(void)state;
	assert_true(ntb_slice_addr(s, 0, size, &addr));
	assert_int_equal(addr, s->base);
	assert_true(ntb_slice_addr(s, size - 1, 1, &addr));
	assert_int_equal(addr, s->base + size - 1);
	addr = 1;
	assert_false(ntb_slice_addr(s, 0, size + 1, &addr));
	assert_false(ntb_slice_addr(s, size - 1, 2, &addr));
	assert_false(ntb_slice_addr(s, size, 0, &addr));
	assert_false(ntb_slice_addr(s, UINT64_MAX, 2, &addr));
	assert_false(ntb_slice_addr(s, 4096, UINT64_MAX, &addr));
	assert_int_equal(addr, 1);
}

/* ---- a reader beside the control thread ---- */

static _Atomic uint64_t asked, seen;
static atomic_bool stop;

static void *reader(void *arg)
{
	_Atomic uint64_t *wrong = arg;

	while (!atomic_load(&stop)) {
		/* Nothing from before is held here: this is the quiesce point. */
		atomic_store(&seen, atomic_load(&asked));
		for (uint64_t addr = 0; addr < 4 * BIT64(48); addr += BIT64(47)) {
			const struct ntb_slice *s = ntb_map_at(&map, addr);

			if (s && (addr < s->base || addr - s->base >= s->size || !s->epoch))
				atomic_fetch_add(wrong, 1);
		}
		sched_yield();
	}
	atomic_store(&seen, UINT64_MAX);
	return NULL;
}

static void drain_reader(void)
{
	uint64_t want = atomic_fetch_add(&asked, 1) + 1;

	while (atomic_load(&seen) < want)
		sched_yield();
}

static void what_a_reader_finds_is_whole(void **state)
{
	static _Atomic uint64_t wrong;
	uint64_t start = clock_ns();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reader, &wrong), 0);
	for (unsigned i = 0; test_goes_on(start, i, 5000); i++) {
		unsigned one = add("ch1", 48 - i % 2), two = add("ch2", 47);

		assert_int_equal(ntb_map_leave(&map, one), 0);
		assert_int_equal(ntb_map_leave(&map, two), 0);
		drain_reader();
		drained(one);
		drained(two);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(wrong, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		T(local_addresses_are_the_same_on_both_sides),
		T(every_byte_belongs_to_one_slice),
		T(the_map_ends_at_52_bits),
		T(there_are_64_hosts),
		T(bad_requests_are_named),
		T(a_place_is_reused_only_when_it_was_drained),
		T(slices_come_in_order_of_address),
		T(an_address_is_the_hosts_own_or_refused),
		T(what_a_reader_finds_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
