/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules drivers rely on, one by one; then two threads and the promise that no wake-up is
 * lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "nic_intr.h"
#include "test_effort.h"
#include "test_intr.h"

#define VECTORS 3u
#define RID	0x180
#define NEVER	UINT64_MAX
#define US(n)	((n)*NSEC_PER_USEC)
#define NOW	US(1000000)

static struct nic_intr intr;
static int fds[VECTORS];

static int set_up(void **state)
{
	(void)state;
	nic_intr_init(&intr, VECTORS);
	for (unsigned v = 0; v < VECTORS; v++) {
		fds[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		test_intr_set_fd(&intr, RID, v, fds[v]);
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	for (unsigned v = 0; v < VECTORS; v++)
		close(fds[v]);
	return 0;
}

/* Notifications of vector v since the last call. */
static uint64_t got(unsigned v)
{
	uint64_t n = 0;

	return read(fds[v], &n, sizeof(n)) < 0 ? 0 : n;
}

/* As igbvf sets it up: auto-clear and auto-mask everywhere, all enabled. */
static void enable_auto(void)
{
	atomic_store(&intr.eiac, 7);
	atomic_store(&intr.eiam, 7);
	nic_intr_write_eims(&intr, 7, NOW);
}

static void a_masked_cause_waits_for_the_unmask(void **state)
{
	(void)state;
	nic_intr_raise(&intr, 2, NOW);
	assert_int_equal(got(1), 0);
	assert_int_equal(atomic_load(&intr.vec[1].coalesced), 1);
	nic_intr_write_eims(&intr, 1, NOW);
	assert_int_equal(got(1), 0);
	nic_intr_write_eims(&intr, 2, NOW);
	assert_int_equal(got(1), 1);
	assert_int_equal(got(0) + got(2), 0);
}

static void firing_clears_what_eiac_and_eiam_say(void **state)
{
	(void)state;
	enable_auto();
	nic_intr_raise(&intr, 3, NOW);
	assert_int_equal(got(0), 1);
	assert_int_equal(got(1), 1);
	assert_int_equal(atomic_load(&intr.eicr), 0);
	assert_int_equal(atomic_load(&intr.eims), 4);
	assert_int_equal(atomic_load(&intr.vec[0].fired), 1);
}

static void one_unmask_allows_one_firing(void **state)
{
	(void)state;
	enable_auto();
	for (unsigned i = 0; i < 5; i++)
		nic_intr_raise(&intr, 2, NOW);
	assert_int_equal(got(1), 1);
	nic_intr_write_eims(&intr, 2, NOW);
	assert_int_equal(got(1), 1);
	nic_intr_write_eims(&intr, 2, NOW);
	assert_int_equal(got(1), 0);
}

static void without_auto_clear_the_cause_stays_and_is_signalled_once(void **state)
{
	(void)state;
	nic_intr_write_eims(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_write_eims(&intr, 1, NOW);
	assert_int_equal(got(0), 1);
	assert_int_equal(nic_intr_read_eicr(&intr), 1);
	assert_int_equal(nic_intr_read_eicr(&intr), 0);
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(got(0), 1);
	nic_intr_write_eicr(&intr, 1);
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(got(0), 1);
}

static void auto_clear_alone_fires_each_time(void **state)
{
	(void)state;
	atomic_store(&intr.eiac, 1);
	nic_intr_write_eims(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(got(0), 2);
	assert_int_equal(atomic_load(&intr.eims), 1);
}

static void reading_eicr_masks_what_was_read(void **state)
{
	(void)state;
	atomic_store(&intr.eiam, 3);
	nic_intr_raise(&intr, 4 | 1, NOW);
	atomic_store(&intr.eims, 7);
	assert_int_equal(nic_intr_read_eicr(&intr), 5);
	assert_int_equal(atomic_load(&intr.eims), 6);
}

static void eics_unmasks_by_eiam_and_fires(void **state)
{
	(void)state;
	enable_auto();
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(atomic_load(&intr.eims), 6);
	nic_intr_write_eics(&intr, 1, NOW);
	assert_int_equal(got(0), 2);
	atomic_store(&intr.eiam, 0);
	nic_intr_write_eimc(&intr, 7);
	nic_intr_write_eics(&intr, 2, NOW);
	assert_int_equal(got(1), 0);
	assert_int_equal(atomic_load(&intr.eicr), 2);
}

static void eimc_masks(void **state)
{
	(void)state;
	enable_auto();
	nic_intr_write_eimc(&intr, 5);
	nic_intr_raise(&intr, 7, NOW);
	assert_int_equal(got(0) + got(2), 0);
	assert_int_equal(got(1), 1);
}

static void causes_beyond_the_last_vector_are_nothing(void **state)
{
	(void)state;
	nic_intr_write_eims(&intr, UINT32_MAX, NOW);
	assert_int_equal(atomic_load(&intr.eims), 7);
	nic_intr_raise(&intr, ~7u, NOW);
	nic_intr_write_eics(&intr, ~7u, NOW);
	assert_int_equal(atomic_load(&intr.eicr), 0);
	nic_intr_set_interval(&intr, VECTORS, 1);
	nic_intr_force(&intr, VECTORS);
}

static void throttling_spaces_firings_and_fires_at_the_end(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 1, 100);
	enable_auto();
	nic_intr_raise(&intr, 2, NOW);
	assert_int_equal(got(1), 1);
	assert_true(nic_intr_tick(&intr, NOW) == NEVER);
	nic_intr_raise(&intr, 2, NOW + US(10));
	nic_intr_write_eims(&intr, 2, NOW + US(30));
	nic_intr_raise(&intr, 2, NOW + US(40));
	assert_int_equal(got(1), 0);
	assert_int_equal(nic_intr_tick(&intr, NOW + US(40)), US(60));
	assert_int_equal(nic_intr_tick(&intr, NOW + US(99)), US(1));
	assert_int_equal(got(1), 0);
	assert_true(nic_intr_tick(&intr, NOW + US(100)) == NEVER);
	assert_int_equal(got(1), 1);
	assert_int_equal(atomic_load(&intr.eims), 5);
	nic_intr_write_eims(&intr, 2, NOW + US(150));
	nic_intr_raise(&intr, 2, NOW + US(199));
	assert_int_equal(got(1), 0);
	nic_intr_raise(&intr, 2, NOW + US(200));
	assert_int_equal(got(1), 1);
}

static void other_vectors_do_not_wait_for_a_throttled_one(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 0, 100);
	nic_intr_set_interval(&intr, 2, 50);
	atomic_store(&intr.eiac, 7);
	nic_intr_write_eims(&intr, 7, NOW);
	nic_intr_raise(&intr, 7, NOW);
	nic_intr_raise(&intr, 7, NOW + US(1));
	assert_int_equal(got(0), 1);
	assert_int_equal(got(1), 2);
	assert_int_equal(got(2), 1);
	assert_int_equal(nic_intr_tick(&intr, NOW + US(1)), US(49));
	assert_int_equal(nic_intr_tick(&intr, NOW + US(50)), US(50));
	assert_int_equal(got(2), 1);
	assert_int_equal(got(0), 0);
}

static void a_deferred_vector_that_was_masked_meanwhile_stays_pending(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 0, 100);
	atomic_store(&intr.eiac, 1);
	nic_intr_write_eims(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(got(0), 1);
	nic_intr_write_eimc(&intr, 1);
	assert_true(nic_intr_tick(&intr, NOW + US(100)) == NEVER);
	assert_int_equal(got(0), 0);
	nic_intr_write_eims(&intr, 1, NOW + US(101));
	assert_int_equal(got(0), 1);
}

static void taking_the_interval_away_ends_the_wait(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 0, 8191);
	atomic_store(&intr.eiac, 1);
	nic_intr_write_eims(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_set_interval(&intr, 0, 0);
	assert_true(nic_intr_tick(&intr, NOW) == NEVER);
	assert_int_equal(got(0), 2);
}

static void without_a_message_a_cause_is_kept_until_there_is_one(void **state)
{
	(void)state;
	enable_auto();
	test_intr_set_fd(&intr, RID, 0, -1);
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_force(&intr, 0);
	assert_int_equal(got(0), 0);
	assert_int_equal(atomic_load(&intr.eicr), 1);
	test_intr_set_fd(&intr, RID, 0, fds[0]);
	assert_int_equal(got(0), 1);
	assert_int_equal(atomic_load(&intr.eicr), 0);
	test_intr_set_fd(&intr, RID, 0, -1);
	test_intr_set_fd(&intr, RID, 0, fds[0]);
	assert_int_equal(got(0), 0);
}

static void force_ignores_masks(void **state)
{
	(void)state;
	nic_intr_force(&intr, 2);
	assert_int_equal(got(2), 1);
	assert_int_equal(atomic_load(&intr.eicr), 0);
}

static void a_full_eventfd_is_not_waited_for(void **state)
{
	uint64_t full = UINT64_MAX - 1;

	(void)state;
	assert_int_equal(write(fds[0], &full, sizeof(full)), sizeof(full));
	nic_intr_force(&intr, 0);
	assert_true(got(0) == full);
}

static void reset_forgets_all_but_the_messages(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 0, 100);
	enable_auto();
	nic_intr_raise(&intr, 1, NOW);
	nic_intr_write_eics(&intr, 1, NOW);
	assert_int_equal(atomic_load(&intr.deferred), 1);
	nic_intr_reset(&intr);
	assert_true(nic_intr_tick(&intr, NOW + US(1000)) == NEVER);
	nic_intr_write_eims(&intr, 7, NOW);
	assert_int_equal(got(0), 1);
	assert_int_equal(atomic_load(&intr.eiac) | atomic_load(&intr.eiam), 0);
	nic_intr_raise(&intr, 1, NOW);
	assert_int_equal(got(0), 1);
}

/* ---- two threads ---- */

#define EVENTS 20000u

struct stress {
	_Atomic uint32_t made; /* events published by the raiser; the guest must see them all */
	_Atomic bool done;     /* the guest is satisfied */
};

/* The data path: an event, a raise, and a tick once in a while; ticks until the guest has seen
 * all. */
static void *raiser(void *arg)
{
	struct stress *s = arg;

	for (uint32_t i = 1; i <= EVENTS; i++) {
		atomic_store_explicit(&s->made, i, memory_order_relaxed);
		nic_intr_raise(&intr, 2, clock_ns());
		nic_intr_tick(&intr, clock_ns());
		if (i % 64 == 0)
			sched_yield();
	}
	while (!atomic_load(&s->done)) {
		nic_intr_tick(&intr, clock_ns());
		sched_yield();
	}
	return NULL;
}

/* One wait of the guest; false: no wake-up came. */
static bool guest_waits(void)
{
	struct pollfd p = {.fd = fds[1], .events = POLLIN};

	return poll(&p, 1, 10000) == 1 && got(1) > 0;
}

static void nothing(void)
{
}

/* A guest that is woken acknowledges, looks, and lets the next one through. */
static void stress(void (*ack)(void), void (*rearm)(void))
{
	struct stress s = {0};
	uint32_t seen = 0, wakeups = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raiser, &s), 0);
	while (seen < EVENTS && guest_waits()) {
		wakeups++;
		ack();
		seen = atomic_load_explicit(&s.made, memory_order_relaxed);
		rearm();
	}
	atomic_store(&s.done, true);
	pthread_join(thread, NULL);
	assert_int_equal(seen, EVENTS);
	/* Each firing needs a mask bit, and each wake-up gave one back. */
	if (atomic_load(&intr.eiam) & 2)
		assert_in_range(atomic_load(&intr.vec[1].fired), 1, wakeups + 1);
	/* The client may read two notifications as one, never one as two. */
	assert_in_range(wakeups, 1, atomic_load(&intr.vec[1].fired));
}

#define ROUNDS 20000u

/* Both threads raise the same cause at the same time, once a round. */
struct race {
	_Atomic uint32_t started, finished;
	_Atomic bool over;
};

/* Spins, so that both go on together; gives way when the other has no CPU. */
static void wait_for(_Atomic uint32_t *word, uint32_t value)
{
	for (unsigned spins = 0; atomic_load(word) < value; spins++)
		if (spins > 2000)
			sched_yield();
}

static void *second_raiser(void *arg)
{
	struct race *r = arg;

	for (uint32_t i = 1;; i++) {
		wait_for(&r->started, i);
		if (atomic_load(&r->over))
			return NULL;
		nic_intr_raise(&intr, 2, NOW);
		atomic_store(&r->finished, i);
	}
}

static void two_threads_that_raise_at_once_fire_once(void **state)
{
	struct race r = {0};
	pthread_t thread;
	uint64_t wrong = 0, start = clock_ns();
	uint32_t i;

	(void)state;
	atomic_store(&intr.eiac, 7);
	atomic_store(&intr.eiam, 7);
	assert_int_equal(pthread_create(&thread, NULL, second_raiser, &r), 0);
	for (i = 1; test_goes_on(start, i - 1, ROUNDS); i++) {
		nic_intr_write_eicr(&intr, 7);
		nic_intr_write_eims(&intr, 2, NOW);
		atomic_store(&r.started, i);
		nic_intr_raise(&intr, 2, NOW);
		wait_for(&r.finished, i);
		wrong += got(1) != 1;
	}
	atomic_store(&r.over, true);
	atomic_store(&r.started, i);
	pthread_join(thread, NULL);
	assert_int_equal(wrong, 0);
}

static void rearm_eims(void)
{
	nic_intr_write_eims(&intr, 2, clock_ns());
}

static void ack_read(void)
{
	nic_intr_read_eicr(&intr);
}

static void rearm_mask_unmask(void)
{
	nic_intr_write_eimc(&intr, 2);
	nic_intr_write_eims(&intr, 2, clock_ns());
}

static void no_wake_up_is_lost_with_auto_mask(void **state)
{
	(void)state;
	enable_auto();
	stress(nothing, rearm_eims);
}

static void no_wake_up_is_lost_with_throttling(void **state)
{
	(void)state;
	nic_intr_set_interval(&intr, 1, 20);
	enable_auto();
	stress(nothing, rearm_eims);
}

static void no_wake_up_is_lost_with_auto_clear_alone(void **state)
{
	(void)state;
	atomic_store(&intr.eiac, 7);
	nic_intr_write_eims(&intr, 2, NOW);
	stress(nothing, rearm_mask_unmask);
}

static void no_wake_up_is_lost_when_the_cause_is_read(void **state)
{
	(void)state;
	atomic_store(&intr.eiam, 7);
	nic_intr_write_eims(&intr, 2, NOW);
	stress(ack_read, rearm_eims);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_masked_cause_waits_for_the_unmask),
		T(firing_clears_what_eiac_and_eiam_say),
		T(one_unmask_allows_one_firing),
		T(without_auto_clear_the_cause_stays_and_is_signalled_once),
		T(auto_clear_alone_fires_each_time),
		T(reading_eicr_masks_what_was_read),
		T(eics_unmasks_by_eiam_and_fires),
		T(eimc_masks),
		T(causes_beyond_the_last_vector_are_nothing),
		T(throttling_spaces_firings_and_fires_at_the_end),
		T(other_vectors_do_not_wait_for_a_throttled_one),
		T(a_deferred_vector_that_was_masked_meanwhile_stays_pending),
		T(taking_the_interval_away_ends_the_wait),
		T(without_a_message_a_cause_is_kept_until_there_is_one),
		T(force_ignores_masks),
		T(a_full_eventfd_is_not_waited_for),
		T(reset_forgets_all_but_the_messages),
		T(two_threads_that_raise_at_once_fire_once),
		T(no_wake_up_is_lost_with_auto_mask),
		T(no_wake_up_is_lost_with_throttling),
		T(no_wake_up_is_lost_with_auto_clear_alone),
		T(no_wake_up_is_lost_when_the_cause_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
