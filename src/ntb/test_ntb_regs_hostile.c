/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that writes whatever it likes over the whole register page, empties and fills
 * eventfds, while this side goes about its business: every call returns, with a value it may
 * have, and what is ours stays as it was. And an honest peer in another thread: no event is
 * lost.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_effort.h"
#include "test_ntb.h"

#define ROUNDS 200000u
#define RINGS  20000u

static struct ntb_pair pair;
static struct ntb_dev *const a = &pair.dev[0], *const b = &pair.dev[1];
static atomic_bool stop;

static int set_up(void **state)
{
	(void)state;
	stop = false;
	assert_int_equal(pair_new(&pair), 0);
	assert_int_equal(pair_open_side(&pair, 0), 0);
	assert_int_equal(pair_open_side(&pair, 1), 0);
	ntb_link_enable(a);
	ntb_link_enable(b);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ntb_dev_done(a);
	ntb_dev_done(b);
	pair_free(&pair);
	return 0;
}

/* ---- hostile ---- */

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return *seed >> 11;
}

static void *vandal(void *arg)
{
	_Atomic uint64_t *word = arg;
	uint64_t seed = 1, count;

	while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
		uint64_t r = next_random(&seed);
		uint64_t value = next_random(&seed) << 32 ^ next_random(&seed);

		atomic_store_explicit(&word[r % (sizeof(struct ntb_page) / 8)], value,
				      memory_order_relaxed);
		/* Often enough to be believed: the link is up. */
		if (r & 256)
			atomic_store_explicit(&b->self->link, 1, memory_order_relaxed);
		if (read(pair.event[0][r >> 9 & 3], &count, 8) < 0)
			sched_yield();
	}
	return NULL;
}

static bool one_of(int ret, int x, int y)
{
	return ret == 0 || ret == x || ret == y;
}

static void use_everything(uint64_t r)
{
	unsigned index = (unsigned)(r % 20);
	uint32_t msg;

	ntb_db_clear_mask(a, r);
	ntb_db_set(a, r >> 3);
	ntb_db_clear(a, ntb_db_read(a));
	ntb_db_set_mask(a, r >> 5);
	assert_true(one_of(ntb_peer_db_set(a, r), -ENOTCONN, 0));
	ntb_spad_read(a, index);
	ntb_peer_spad_read(a, index);
	assert_true(one_of(ntb_peer_spad_write(a, index, (uint32_t)r), -ENOTCONN, -EINVAL));
	if (one_of(ntb_peer_msg_write(a, index % 4, (uint32_t)r), -ENOTCONN, -ENOTCONN))
		assert_int_equal(ntb_msg_clear_sts(a, 0), 0);
	assert_true(one_of(ntb_msg_read(a, index % 4, &msg), -ENOMSG, 0));
	assert_int_equal(ntb_msg_read_sts(a) & ~(ntb_msg_inbits() | ntb_msg_outbits()), 0);
	assert_int_equal(ntb_msg_clear_sts(a, ntb_msg_inbits()), 0);
	ntb_event_take(pair.event[0][index % NTB_EVENTS]);
}

static void a_vandal_breaks_nothing_of_ours(void **state)
{
	uint64_t start = clock_ns(), seed = 7, mask = ~0ull;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, vandal, pair.dev[0].mem->base), 0);
	for (unsigned i = 0; test_goes_on(start, i, ROUNDS); i++) {
		uint64_t r = next_random(&seed);

		use_everything(r);
		mask = (mask & ~r) | r >> 5;
		assert_int_equal(ntb_db_read_mask(a), mask);
	}
	ntb_link_disable(a);
	for (unsigned i = 0; i < 1000; i++) {
		assert_false(ntb_link_is_up(a));
		assert_int_equal(ntb_peer_db_set(a, 1), -ENOTCONN);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(ntb_port_number(a), 0);
}

/* ---- honest ---- */

static _Atomic uint64_t answered;

/* Waits for an event before it looks: an event that is not sent leaves it waiting. */
static void *answerer(void *arg)
{
	struct pollfd poll_fd = {.fd = pair.event[1][NTB_EVENT_DB], .events = POLLIN};

	while (!atomic_load(&stop)) {
		uint64_t bits;

		if (poll(&poll_fd, 1, -1) < 0)
			return arg;
		ntb_event_take(poll_fd.fd);
		bits = ntb_db_read(b);
		sched_yield();
		ntb_db_clear(b, bits);
		atomic_fetch_or(&answered, bits);
	}
	return NULL;
}

static void no_doorbell_is_slept_through(void **state)
{
	uint64_t start = clock_ns();
	pthread_t thread;

	(void)state;
	ntb_db_clear_mask(b, ~0ull);
	assert_int_equal(pthread_create(&thread, NULL, answerer, NULL), 0);
	for (unsigned i = 0; test_goes_on(start, i, RINGS); i++) {
		/* One while the other looks and clears: its group is not empty then. */
		assert_int_equal(ntb_peer_db_set(a, 1), 0);
		sched_yield();
		assert_int_equal(ntb_peer_db_set(a, 2), 0);
		while (atomic_load(&answered) != 3)
			sched_yield();
		atomic_store(&answered, 0);
		while (ntb_db_read(b))
			sched_yield();
	}
	atomic_store(&stop, true);
	ntb_peer_db_set(a, 4);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *sender(void *arg)
{
	for (uint32_t i = 0; i < RINGS && !atomic_load(&stop);) {
		if (ntb_peer_msg_write(a, i % NTB_MSGS, i) == 0)
			i++;
		else
			sched_yield();
	}
	return arg;
}

static void messages_arrive_once_and_whole(void **state)
{
	struct pollfd poll_fd = {.fd = pair.event[1][NTB_EVENT_MSG], .events = POLLIN};
	pthread_t thread;

	(void)state;
	assert_int_equal(ntb_msg_clear_mask(b, ntb_msg_inbits()), 0);
	assert_int_equal(pthread_create(&thread, NULL, sender, NULL), 0);
	for (uint32_t i = 0, msg; i < RINGS;) {
		if (ntb_msg_read(b, i % NTB_MSGS, &msg) < 0) {
			assert_int_equal(poll(&poll_fd, 1, -1), 1);
			ntb_event_take(poll_fd.fd);
			continue;
		}
		assert_int_equal(msg, i);
		assert_int_equal(ntb_msg_clear_sts(b, BIT64(i % NTB_MSGS)), 0);
		i++;
	}
	assert_int_equal(pthread_join(thread, NULL), 0);
}

static void *ringer(void *arg)
{
	while (!atomic_load(&stop)) {
		assert_true(one_of(ntb_peer_db_set(a, 1), -ENOTCONN, 0));
		ntb_peer_spad_write(a, 0, 1);
		sched_yield();
	}
	return arg;
}

static void the_link_goes_while_another_thread_rings(void **state)
{
	uint64_t start = clock_ns();
	pthread_t thread;

	(void)state;
	ntb_db_clear_mask(b, 1);
	assert_int_equal(pthread_create(&thread, NULL, ringer, NULL), 0);
	for (unsigned i = 0; test_goes_on(start, i, RINGS); i++) {
		ntb_link_disable(a);
		assert_false(ntb_link_is_up(b));
		ntb_link_enable(a);
		ntb_db_clear(b, 1);
	}
	atomic_store(&stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_vandal_breaks_nothing_of_ours),
		T(no_doorbell_is_slept_through),
		T(messages_arrive_once_and_whole),
		T(the_link_goes_while_another_thread_rings),
	};

	if (test_guard_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
