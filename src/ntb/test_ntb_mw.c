/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "ntb_mw.h"
#include "test_ntb.h"

#define SIZE 0x10000u

/* A fabric that is a call: what one side offers arrives at the other. */
static struct ntb_mws ours, theirs;
static int file;
static int last_ret;
static unsigned sent;

static int offer(void *arg, unsigned widx, int fd, uint64_t addr, uint64_t size, uint64_t epoch)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	sent++;
	last_ret = ntb_peer_mw_set_trans(arg, widx, copy, addr, size, epoch, NULL);
	if (last_ret < 0)
		close(copy);
	return last_ret;
}

static void take_back(void *arg, unsigned widx, uint64_t epoch)
{
	sent++;
	last_ret = ntb_peer_mw_clear_trans(arg, widx, epoch);
}

static int set_up(void **state)
{
	const struct ntb_mw_fabric fabric = {offer, take_back, &theirs};

	(void)state;
	file = memfd_create("memory", MFD_CLOEXEC);
	sent = 0;
	ntb_mw_init(&ours, &fabric);
	ntb_mw_init(&theirs, &fabric);
	return file < 0 ? -1 : ftruncate(file, SIZE);
}

static int tear_down(void **state)
{
	(void)state;
	ntb_mw_done(&theirs);
	return close(file);
}

static void a_window_is_a_part_of_a_file(void **state)
{
	uint64_t size, align, size_align, max;
	uint8_t *base, byte = 0;

	(void)state;
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 1, &base, &size), -ENXIO);
	assert_int_equal(ntb_mw_get_align(&ours, 1, &align, &size_align, &max), 0);
	assert_int_equal(ntb_mw_get_align(&ours, 1, NULL, NULL, NULL), 0);
	assert_true(align == 4096 && size_align == 4096 && max >= SIZE);
	assert_int_equal(ntb_mw_set_trans(&ours, 1, file, align, SIZE - align), 0);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 1, &base, &size), 0);
	assert_int_equal(size, SIZE - align);
	base[5] = 77;
	assert_int_equal(pread(file, &byte, 1, (off_t)align + 5), 1);
	assert_int_equal(byte, 77);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), -ENXIO);
	assert_int_equal(ntb_mw_set_trans(&ours, 1, -1, 0, 0), 0);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 1, &base, &size), -ENXIO);
}

static void bad_windows_are_not_offered(void **state)
{
	uint64_t size;
	uint8_t *base;

	(void)state;
	assert_int_equal(ntb_mw_count(&ours), NTB_MW_COUNT);
	assert_int_equal(ntb_mw_set_trans(&ours, NTB_MW_COUNT, file, 0, SIZE), -EINVAL);
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 1, SIZE), -EINVAL);
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, SIZE - 1), -EINVAL);
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, NTB_MW_SIZE_MAX + 4096), -EINVAL);
	assert_int_equal(ntb_mw_clear_trans(&ours, NTB_MW_COUNT), -EINVAL);
	assert_int_equal(ntb_mw_get_align(&ours, NTB_MW_COUNT, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, NTB_MW_COUNT, &base, &size), -EINVAL);
	assert_int_equal(sent, 0);
}

static void what_a_bad_peer_offers_changes_nothing(void **state)
{
	const char *why = NULL;
	int pipe_fd[2];
	uint64_t size;
	uint8_t *base;

	(void)state;
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, SIZE), 0);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, NTB_MW_COUNT, file, 0, SIZE, 9, &why),
			 -EINVAL);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, 0, 0, 9, &why), -EINVAL);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, 3, SIZE, 9, &why), -EINVAL);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, 0, SIZE * 2, 9, &why),
			 -EINVAL);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, ~0xfffull, 0x2000, 9, &why),
			 -EINVAL);
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, pipe_fd[0], 0, SIZE, 9, &why),
			 -EINVAL);
	assert_non_null(why);
	fd_close_all(pipe_fd, 2);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), 0);
	assert_int_equal(size, SIZE);
	assert_int_equal(ntb_peer_mw_clear_trans(&theirs, NTB_MW_COUNT, 9), -EINVAL);
}

static void an_offer_that_was_taken_back_does_not_come_again(void **state)
{
	uint64_t size, epoch;
	uint8_t *base;

	(void)state;
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, SIZE), 0);
	epoch = ours.epoch;
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, 0, SIZE, epoch, NULL),
			 -ESTALE);
	assert_int_equal(ntb_mw_clear_trans(&ours, 0), 0);
	assert_int_equal(last_ret, 0);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 0, file, 0, SIZE, epoch, NULL),
			 -ESTALE);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), -ENXIO);
	/* Nor does a late revocation end the next one. */
	epoch = ours.epoch;
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, 0x1000), 0);
	assert_int_equal(ntb_peer_mw_clear_trans(&theirs, 0, epoch), -ESTALE);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), 0);
	assert_int_equal(size, 0x1000);
	/* In place of it. */
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0x1000, 0x2000), 0);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), 0);
	assert_int_equal(size, 0x2000);
	/* An offer that its revocation has overtaken. */
	assert_int_equal(ntb_peer_mw_clear_trans(&theirs, 2, 6), 0);
	assert_int_equal(ntb_peer_mw_set_trans(&theirs, 2, file, 0, SIZE, 5, NULL), -ESTALE);
}

static void a_file_that_is_cut_off_is_an_error(void **state)
{
	uint64_t size;
	uint8_t *base;

	(void)state;
	assert_int_equal(ntb_mw_set_trans(&ours, 0, file, 0, SIZE), 0);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), 0);
	assert_int_equal(test_guard_use(), 0);
	assert_int_equal(ftruncate(file, 0), 0);
	base[SIZE - 1] = 1;
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), -EIO);
	assert_int_equal(ntb_mw_clear_trans(&ours, 0), 0);
	assert_int_equal(ntb_peer_mw_get_addr(&theirs, 0, &base, &size), -ENXIO);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_window_is_a_part_of_a_file),
		T(bad_windows_are_not_offered),
		T(what_a_bad_peer_offers_changes_nothing),
		T(an_offer_that_was_taken_back_does_not_come_again),
		T(a_file_that_is_cut_off_is_an_error),
	};

	if (test_guard_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
