/* SPDX-License-Identifier: BSD-3-Clause */
/* Posted interrupts as a program receives them; the card's side is the test. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <ladon/ladon.h>

#include "clock.h"
#include "fake_server.h"
#include "pi_desc.h"

static struct fake fake;
static struct ladon_function *fn;
static struct ladon_posted *posted;
static struct pi_desc *desc;

static void attach(bool can_post)
{
	fake = (struct fake){.can_post = can_post};
	assert_int_equal(ladon_function_attach_fd(fake_start(&fake), NULL, &fn), 0);
}

static int set_up(void **state)
{
	(void)state;
	attach(true);
	assert_int_equal(ladon_posted_open(fn, 1, 2, &posted), 0);
	desc = fake_dma(&fake, fake.posted.iova, sizeof(*desc));
	assert_non_null(desc);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ladon_posted_close(posted);
	ladon_function_detach(fn);
	fake_stop(&fake);
	return 0;
}

/* As the card does it. Returns whether it wrote the eventfd. */
static bool post(unsigned bit)
{
	uint64_t one = 1;

	if (!pi_post(desc, (uint8_t)bit, false))
		return false;
	assert_int_equal(write(fake.irq_fd[1], &one, sizeof(one)), sizeof(one));
	return true;
}

static void the_request_says_what_was_asked(void **state)
{
	(void)state;
	assert_int_equal(fake.posted.first, 1);
	assert_int_equal(fake.posted.count, 2);
	assert_int_equal(fake.posted.bit, 0);
	assert_int_equal(fake.posted.iova % 64, 0);
	assert_true(fake.irq_fd[1] >= 0);
	assert_int_equal(fake.irq_fd[0], -1);
	assert_int_equal(fake.irq_fd[2], -1);
}

static void awake_it_needs_no_notification(void **state)
{
	uint64_t vectors = 0;

	(void)state;
	assert_true(ladon_posted_poll(posted) == 0);
	assert_false(post(0));
	assert_false(post(1));
	assert_true(ladon_posted_poll(posted) == 3);
	assert_true(ladon_posted_poll(posted) == 0);
	assert_false(post(1));
	assert_int_equal(ladon_posted_wait(posted, -1, &vectors), 1);
	assert_int_equal(vectors, 2);
}

static void a_wait_without_interrupts_ends_with_its_time(void **state)
{
	uint64_t vectors = 9, start = clock_ns();

	(void)state;
	assert_int_equal(ladon_posted_wait(posted, 0, &vectors), 0);
	assert_int_equal(ladon_posted_wait(posted, 20, &vectors), 0);
	assert_true(clock_ns() - start >= 20 * NSEC_PER_MSEC);
	assert_int_equal(vectors, 9);
	assert_false(post(0)); /* suppressed again */
}

static void an_old_notification_is_no_interrupt(void **state)
{
	uint64_t vectors, one = 1;

	(void)state;
	assert_int_equal(write(fake.irq_fd[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(ladon_posted_wait(posted, 20, &vectors), 0);
}

static _Atomic unsigned waits; /* begun */

static void *post_when_armed(void *arg)
{
	for (unsigned i = 0; i < 200; i++) {
		while (atomic_load(&waits) != i + 1 || atomic_load(&desc->control) & PI_SN)
			sched_yield();
		if (i % 2)
			usleep(200); /* it sleeps by now */
		post(i % 2);
	}
	return arg;
}

static void asleep_it_is_woken(void **state)
{
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, post_when_armed, NULL), 0);
	for (unsigned i = 0; i < 200; i++) {
		uint64_t vectors = 0;

		atomic_store(&waits, i + 1);
		assert_int_equal(ladon_posted_wait(posted, 10000, &vectors), 1);
		assert_int_equal(vectors, i % 2 + 1);
	}
	pthread_join(thread, NULL);
}

static unsigned calls_left; /* of clock_gettime, until the card posts */

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	if (calls_left && --calls_left == 0)
		assert_false(post(1)); /* suppressed */
	return __real_clock_gettime(id, ret);
}

/* The wait reads the clock once at its beginning, and once after it has found nothing. */
static void a_bit_set_on_the_way_to_sleep_is_seen(void **state)
{
	uint64_t vectors = 0, start = clock_ns();

	(void)state;
	calls_left = 2;
	assert_int_equal(ladon_posted_wait(posted, 10000, &vectors), 1);
	assert_int_equal(calls_left, 0);
	assert_int_equal(vectors, 2);
	assert_true(clock_ns() - start < 8 * NSEC_PER_SEC);
}

static void a_lost_connection_wakes_it(void **state)
{
	uint64_t vectors;

	(void)state;
	assert_false(post(0));
	shutdown(fake.fd, SHUT_RDWR);
	assert_int_equal(ladon_posted_wait(posted, -1, &vectors), 1); /* what came before */
	assert_int_equal(ladon_posted_wait(posted, -1, &vectors), -ENOTCONN);
}

static void a_card_without_is_told_from_an_error(void **state)
{
	struct ladon_posted *p = NULL;

	(void)state;
	attach(false);
	assert_int_equal(ladon_posted_open(fn, 0, 3, &p), -ENOTTY);
	assert_null(p);
	assert_int_equal(fake_num_maps(&fake), 0);
	assert_int_equal(fake.irq_fd[0], -1);
	assert_int_equal(ladon_posted_open(fn, 0, 4, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(fn, 3, 1, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(fn, 0, 0, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(fn, UINT32_MAX, 2, &p), -EINVAL);
	ladon_posted_close(NULL);
	ladon_function_detach(fn);
	fake_stop(&fake);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_request_says_what_was_asked),
		T(awake_it_needs_no_notification),
		T(a_wait_without_interrupts_ends_with_its_time),
		T(an_old_notification_is_no_interrupt),
		T(asleep_it_is_woken),
		T(a_bit_set_on_the_way_to_sleep_is_seen),
		T(a_lost_connection_wakes_it),
		cmocka_unit_test(a_card_without_is_told_from_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
