/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two threads route in bursts, the control thread changes the port under them. A reader that
 * was given a path may use it until the end of its burst: so when a call that takes something
 * away has returned, nobody uses it any more.
 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bits.h"
#include "ntb_port.h"
#include "test_effort.h"

#define READERS 2u
#define ROUNDS	20000u
#define BURST	8u
#define BASE	BIT64(46)
#define PLACES	8u

static const struct ntb_requester vf = {.rid = 0x81};

struct reader {
	_Atomic uint64_t seen; /* the round that it was asked to pass */
	_Atomic uint64_t passed, late, torn;
	pthread_t thread;
};

static struct ntb_port port;
static _Atomic uint64_t asked;
static atomic_bool stop;
static struct reader readers[READERS];
/* Is memory at place n (addresses n << 20 in the host) allowed to be used, and by which RID. */
static atomic_bool allowed[PLACES];
static _Atomic uint32_t rid_of[PLACES];

static void drain(void *arg)
{
	uint64_t want = atomic_fetch_add(&asked, 1) + 1;

	(void)arg;
	for (unsigned i = 0; i < READERS; i++)
		while (atomic_load_explicit(&readers[i].seen, memory_order_acquire) < want)
			sched_yield();
}

static void burst(struct reader *reader)
{
	struct ntb_path path[BURST];
	unsigned n = 0;

	for (unsigned i = 0; i < BURST; i++)
		n += ntb_route(&port, vf, BASE + i * 8, 8, IOMMU_WRITE, &path[n]) == NTB_PASSED;
	/* As the data path does: translate a batch, use it later. */
	sched_yield();
	for (unsigned i = 0; i < n; i++) {
		unsigned place = (unsigned)(path[i].addr >> 20) % PLACES;

		if (!atomic_load(&allowed[place]))
			atomic_fetch_add(&reader->late, 1);
		/* Window and admission come from one table. */
		if (path[i].rid != atomic_load(&rid_of[place]))
			atomic_fetch_add(&reader->torn, 1);
	}
	atomic_fetch_add(&reader->passed, n);
}

static void *reader_main(void *arg)
{
	struct reader *reader = arg;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t now = atomic_load_explicit(&asked, memory_order_acquire);

		/* Nothing from before is held here: this is the quiesce point. */
		atomic_store_explicit(&reader->seen, now, memory_order_release);
		burst(reader);
		sched_yield();
	}
	atomic_store_explicit(&reader->seen, UINT64_MAX, memory_order_release);
	return NULL;
}

/* One life of a host: a window, an admission, traffic, and an end in one of four ways. */
static void life(uint64_t round, uint64_t epoch)
{
	unsigned place = (unsigned)round % PLACES;
	struct ntb_window w = {.base = BASE,
			       .limit = BASE + 0xfff,
			       .xlat = (uint64_t)place << 20,
			       .epoch = epoch,
			       .perm = IOMMU_WRITE};

	atomic_store(&rid_of[place], place + 1);
	atomic_store(&allowed[place], true);
	assert_int_equal(ntb_lut_add(&port, vf, (pci_rid_t)(place + 1), epoch), 0);
	assert_int_equal(ntb_window_set(&port, place, &w), 0);
	if (round % 64 == 0) {
		uint64_t before = atomic_load(&readers[0].passed);

		while (atomic_load(&readers[0].passed) == before)
			sched_yield();
	}
	switch (round % 4) {
	case 0:
		ntb_port_revoke(&port, epoch);
		break;
	case 1:
		assert_int_equal(ntb_window_clear(&port, place), 0);
		break;
	case 2:
		assert_int_equal(ntb_lut_del(&port, vf), 0);
		break;
	default:
		ntb_port_set_link(&port, false);
	}
	atomic_store(&allowed[place], false);
	/* Cleared, so that the next life starts with nothing. */
	ntb_window_clear(&port, place);
	ntb_lut_del(&port, vf);
	ntb_port_set_link(&port, true);
}

static void nothing_is_used_after_it_was_taken_away(void **state)
{
	const struct ntb_port_hooks hooks = {.drain = drain};
	const struct ntb_slice slice = {.base = BASE, .size = BIT64(40)};
	uint64_t start = clock_ns();

	(void)state;
	ntb_port_init(&port, &slice, &hooks);
	ntb_port_set_link(&port, true);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(
			pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]), 0);
	for (unsigned round = 0; test_goes_on(start, round, ROUNDS); round++)
		life(round, round + 1);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < READERS; i++)
		assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
	for (unsigned i = 0; i < READERS; i++) {
		assert_int_equal(readers[i].late, 0);
		assert_int_equal(readers[i].torn, 0);
		assert_true(readers[i].passed > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_used_after_it_was_taken_away),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
