/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "jam.h"

static void a_write_that_blocks_comes_back(void **state)
{
	uint64_t full = UINT64_MAX - 1, one = 1;
	int fd = eventfd(0, 0); /* blocking, as a hostile client leaves it */

	(void)state;
	assert_int_equal(write(fd, &full, sizeof(full)), sizeof(full));
	jam_watch(1);
	assert_int_equal(jam_write(fd, &one, sizeof(one)), -EINTR);
	jam_watch(-1);
	close(fd);
}

static void an_ordinary_write_goes_through(void **state)
{
	uint64_t one = 1, got;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	jam_watch(1);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(jam_write(fd, &one, sizeof(one)), sizeof(one));
	jam_watch(-1);
	assert_int_equal(read(fd, &got, sizeof(got)), sizeof(got));
	assert_int_equal(got, 1000);
	assert_int_equal(jam_write(-1, &one, sizeof(one)), -EBADF);
	close(fd);
}

static void a_thread_may_come_and_go(void **state)
{
	uint64_t one = 1;
	int fd = eventfd(0, EFD_NONBLOCK);

	(void)state;
	for (int i = 0; i < 200; i++) { /* more often than there are slots */
		assert_int_equal(jam_write(fd, &one, sizeof(one)), sizeof(one));
		jam_thread_ends();
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_blocks_comes_back),
		cmocka_unit_test(an_ordinary_write_goes_through),
		cmocka_unit_test(a_thread_may_come_and_go),
	};

	if (jam_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
