/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of memory files: what is refused and why, and what happens when the client takes the
 * memory away. What ends the process is done in a child.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "iommu_mem.h"

#define PAGE 4096u
#define RW   ((uint32_t)(PROT_READ | PROT_WRITE))

/* What iommu_mem_guard_init installed. cmocka puts a handler of its own in front of each test.
 */
static struct sigaction guard_action;

static void guard_on(void)
{
	assert_int_equal(sigaction(SIGBUS, &guard_action, NULL), 0);
}

/* A memfd that anyone may truncate. */
static int open_memfd(uint64_t size)
{
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	return fd;
}

static struct iommu_mem *map(int fd, uint64_t offset, uint64_t size)
{
	struct iommu_mem *mem;

	assert_int_equal(iommu_mem_map(fd, offset, size, RW, &mem, NULL), 0);
	return mem;
}

/* Refused with this error and a sentence; the descriptor is still open and is closed here. */
static void expect_refusal(int fd, uint64_t offset, uint64_t size, uint32_t prot, int err)
{
	struct iommu_mem *mem = NULL;
	const char *why = NULL;

	assert_int_equal(iommu_mem_map(fd, offset, size, prot, &mem, &why), err);
	assert_null(mem);
	assert_non_null(why);
	assert_true(strlen(why) > 10);
	assert_int_equal(iommu_mem_map(fd, offset, size, prot, &mem, NULL), err);
	if (fd >= 0)
		assert_int_equal(close(fd), 0);
}

/* ---- mapping ---- */

static void mapping_shares_the_file_from_its_offset(void **state)
{
	int fd = open_memfd(4 * PAGE), twin = dup(fd);
	struct iommu_mem *mem = map(fd, PAGE, 2 * PAGE);
	char byte = 0;

	(void)state;
	assert_int_equal(mem->size, 2 * PAGE);
	assert_int_equal(mem->prot, RW);
	assert_false(mem->lost);
	mem->base[7] = 'x';
	assert_int_equal(pread(twin, &byte, 1, PAGE + 7), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(pwrite(twin, "y", 1, 3 * PAGE - 1), 1);
	assert_int_equal(mem->base[2 * PAGE - 1], 'y');
	iommu_mem_free(mem);
	close(twin);
}

static void descriptor_is_consumed_on_success(void **state)
{
	int fd = open_memfd(PAGE);
	struct iommu_mem *mem = map(fd, 0, PAGE);

	(void)state;
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	iommu_mem_free(mem);
	iommu_mem_free(NULL);
}

static void reading_only_is_enough_for_a_reader(void **state)
{
	char path[] = "/dev/shm/ladon-test-XXXXXX";
	int fd = mkstemp(path), ro = open(path, O_RDONLY | O_CLOEXEC);
	int wo = open(path, O_WRONLY | O_CLOEXEC);
	struct iommu_mem *mem;

	(void)state;
	assert_true(fd >= 0 && ro >= 0 && wo >= 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	unlink(path);
	expect_refusal(wo, 0, PAGE, PROT_WRITE, -EACCES);
	expect_refusal(dup(ro), 0, PAGE, RW, -EACCES);
	assert_int_equal(iommu_mem_map(ro, 0, PAGE, PROT_READ, &mem, NULL), 0);
	assert_int_equal(mem->prot, PROT_READ);
	assert_int_equal(mem->base[0], 0);
	iommu_mem_free(mem);
	close(fd);
}

static void seals_are_reported_and_obeyed(void **state)
{
	int fd = fd_memfd("sealed", PAGE), readonly = open_memfd(PAGE);
	struct iommu_mem *mem = map(fd, 0, PAGE);

	(void)state;
	assert_true(mem->sealed);
	iommu_mem_free(mem);

	mem = map(open_memfd(PAGE), 0, PAGE);
	assert_false(mem->sealed);
	iommu_mem_free(mem);

	assert_int_equal(fcntl(readonly, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_WRITE), 0);
	expect_refusal(dup(readonly), 0, PAGE, RW, -EACCES);
	close(readonly);
}

static void file_on_the_root_disk_is_not_sealed(void **state)
{
	char path[] = "/tmp/ladon-test-XXXXXX";
	int fd = mkstemp(path);
	struct iommu_mem *mem;
	const char *why;
	int ret;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	ret = iommu_mem_map(fd, 0, PAGE, RW, &mem, &why);
	if (ret == -EOPNOTSUPP) { /* built in a container: overlayfs */
		close(fd);
		skip();
	}
	assert_int_equal(ret, 0);
	assert_false(mem->sealed);
	iommu_mem_free(mem);
}

static void anonymous_memory_is_zero_and_cannot_be_lost(void **state)
{
	struct iommu_mem *mem = NULL;

	(void)state;
	assert_int_equal(iommu_mem_anon(0, &mem), -EINVAL);
	assert_int_equal(iommu_mem_anon(PAGE + 1, &mem), -EINVAL);
	assert_int_equal(iommu_mem_anon(UINT64_MAX & ~4095ull, &mem), -ENOMEM);
	assert_null(mem);
	assert_int_equal(iommu_mem_anon(2 * PAGE, &mem), 0);
	assert_int_equal(mem->base[2 * PAGE - 1], 0);
	assert_int_equal(mem->prot, RW);
	assert_true(mem->sealed);
	iommu_mem_free(mem);
}

/* ---- refusals ---- */

static void only_regular_files_are_memory(void **state)
{
	int pipes[2], pair[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	expect_refusal(pipes[0], 0, PAGE, RW, -EINVAL);
	expect_refusal(pipes[1], 0, PAGE, RW, -EINVAL);
	expect_refusal(pair[0], 0, PAGE, RW, -EINVAL);
	close(pair[1]);
	expect_refusal(open("/dev/shm", O_RDONLY | O_DIRECTORY), 0, PAGE, PROT_READ, -EINVAL);
	expect_refusal(eventfd(0, EFD_CLOEXEC), 0, PAGE, RW, -EINVAL);
	expect_refusal(open("/dev/zero", O_RDWR), 0, PAGE, RW, -EINVAL);
	expect_refusal(-1, 0, PAGE, RW, -EINVAL);
}

static void descriptor_without_the_file_open_is_refused(void **state)
{
	char path[] = "/dev/shm/ladon-test-XXXXXX";
	int fd = mkstemp(path), name_only = open(path, O_PATH | O_CLOEXEC);

	(void)state;
	assert_true(fd >= 0 && name_only >= 0);
	assert_int_equal(ftruncate(fd, PAGE), 0);
	unlink(path);
	expect_refusal(name_only, 0, PAGE, PROT_READ, -EINVAL);
	close(fd);
}

static void file_systems_that_may_block_are_refused(void **state)
{
	(void)state;
	expect_refusal(open("/proc/self/status", O_RDONLY), 0, PAGE, PROT_READ, -EOPNOTSUPP);
	expect_refusal(open("/proc/self/mem", O_RDWR), 0, PAGE, RW, -EOPNOTSUPP);
}

static void ranges_are_checked_against_the_file(void **state)
{
	// clang-format off
	static const struct {
		uint64_t offset, size;
	} bad[] = {
		{ 0,			0 },
		{ 0,			PAGE - 1 },
		{ 1,			PAGE },
		{ 0,			5 * PAGE },	/* beyond the end */
		{ 4 * PAGE,		PAGE },
		{ PAGE,			4 * PAGE },
		{ 64ull << 40,		PAGE },
		{ -(uint64_t)PAGE,	PAGE },		/* sum is 0 */
		{ -(uint64_t)PAGE,	2 * PAGE },	/* sum wraps */
		{ PAGE,			-(uint64_t)PAGE },
	};
	// clang-format on
	int fd = open_memfd(4 * PAGE + 100); /* the last, broken page does not count */

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		expect_refusal(dup(fd), bad[i].offset, bad[i].size, RW, -EINVAL);
	iommu_mem_free(map(fd, 0, 4 * PAGE));
}

static void protection_must_be_reading_or_writing(void **state)
{
	(void)state;
	expect_refusal(open_memfd(PAGE), 0, PAGE, 0, -EINVAL);
	expect_refusal(open_memfd(PAGE), 0, PAGE, RW | PROT_EXEC, -EINVAL);
	expect_refusal(open_memfd(PAGE), 0, PAGE, 1u << 31, -EINVAL);
}

/* A guest's memory has holes smaller than a huge page: they are mapped from within one. */
static void part_of_a_huge_page_can_be_mapped_and_lost(void **state)
{
	uint64_t huge = 2 << 20; /* x86: the default size of a huge page */
	int fd = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB), twin;
	struct iommu_mem *mem;
	const char *why = "";

	(void)state;
	if (fd < 0)
		skip();
	assert_int_equal(ftruncate(fd, (off_t)(2 * huge)), 0);
	twin = dup(fd);
	if (iommu_mem_map(fd, huge + PAGE, PAGE, RW, &mem, &why) == -ENOMEM) {
		close(fd); /* vm.nr_hugepages is 0 */
		close(twin);
		skip();
	}
	guard_on();
	mem->base[0] = 1;
	assert_int_equal(ftruncate(twin, (off_t)huge), 0);
	mem->base[1] = 2;
	assert_true(mem->lost);
	iommu_mem_free(mem);
	close(twin);
}

/* ---- the guard ---- */

/* Runs fn in a child and returns its wait status. */
static int in_child(void (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0});
		fn();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* A page of a file that is no longer there, and which iommu_mem knows nothing of. */
static volatile char *lost_page(void)
{
	int fd = memfd_create("foreign", MFD_CLOEXEC);
	void *page;

	if (fd < 0 || ftruncate(fd, PAGE) < 0)
		_exit(1);
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED || ftruncate(fd, 0) < 0)
		_exit(1);
	return page;
}

static void guard_over(void (*former)(int))
{
	signal(SIGBUS, former);
	if (iommu_mem_guard_init() < 0)
		_exit(1);
}

static void touch_foreign_page(void)
{
	guard_over(SIG_DFL);
	*lost_page() = 1;
}

static void touch_foreign_page_ignored(void)
{
	guard_over(SIG_IGN);
	*lost_page() = 1;
}

static void send_sigbus(void)
{
	guard_over(SIG_DFL);
	kill(getpid(), SIGBUS);
	_exit(2); /* a signal to oneself arrives before kill returns */
}

static void send_sigbus_ignored(void)
{
	guard_over(SIG_IGN);
	kill(getpid(), SIGBUS);
}

static void exit_42(int sig)
{
	(void)sig;
	_exit(42);
}

static void touch_with_plain_handler(void)
{
	guard_over(exit_42);
	*lost_page() = 1;
}

static volatile char *foreign;

static void exit_43_for_address(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	_exit(info->si_addr == foreign ? 43 : 44);
}

static void touch_with_siginfo_handler(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO};

	action.sa_sigaction = exit_43_for_address;
	if (sigaction(SIGBUS, &action, NULL) < 0 || iommu_mem_guard_init() < 0)
		_exit(1);
	if (iommu_mem_guard_init() < 0) /* must not chain to itself */
		_exit(1);
	foreign = lost_page();
	*foreign = 1;
}

/* Before main installs the guard: the children must be the ones who do. */
static void faults_that_are_not_ours_end_as_before(void **state)
{
	static void (*const deadly[])(void) = {
		touch_foreign_page,
		touch_foreign_page_ignored,
		send_sigbus,
	};
	int status;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
		status = in_child(deadly[i]);
		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), SIGBUS);
	}
	assert_int_equal(in_child(send_sigbus_ignored), 0);
	status = in_child(touch_with_plain_handler);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 42);
	status = in_child(touch_with_siginfo_handler);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 43);
}

static void truncated_pages_become_zeros_and_the_rest_stays(void **state)
{
	int fd = open_memfd(4 * PAGE), twin = dup(fd);
	struct iommu_mem *mem = map(fd, 0, 4 * PAGE);
	struct iommu_mem *other = map(open_memfd(PAGE), 0, PAGE);
	uint8_t byte = 0;

	(void)state;
	guard_on();
	memset(mem->base, 0x11, 4 * PAGE);
	other->base[0] = 0x22;
	assert_int_equal(ftruncate(twin, PAGE), 0);
	assert_int_equal(mem->base[0], 0x11);
	assert_false(mem->lost); /* nobody has touched a lost page yet */
	errno = 77;
	assert_int_equal(((volatile uint8_t *)mem->base)[3 * PAGE + 5], 0);
	assert_int_equal(errno, 77);
	assert_true(mem->lost);
	mem->base[PAGE] = 0x33; /* a lower page, later */
	assert_int_equal(mem->base[PAGE], 0x33);
	/* All behind it went too: the client cannot bring its pages back under us. */
	assert_int_equal(ftruncate(twin, 4 * PAGE), 0);
	assert_int_equal(pwrite(twin, "z", 1, 2 * PAGE), 1);
	assert_int_equal(mem->base[2 * PAGE], 0);
	assert_int_equal(mem->base[0], 0x11);
	/* The first page is still the file's, the others are ours alone. */
	mem->base[1] = 0x44;
	assert_int_equal(pread(twin, &byte, 1, 1), 1);
	assert_int_equal(byte, 0x44);
	assert_int_equal(pread(twin, &byte, 1, PAGE), 1);
	assert_int_equal(byte, 0);
	assert_false(other->lost);
	assert_int_equal(other->base[0], 0x22);
	iommu_mem_free(mem);
	iommu_mem_free(other);
	close(twin);
}

static void read_only_mapping_survives_too(void **state)
{
	int fd = open_memfd(PAGE), twin = dup(fd);
	struct iommu_mem *mem;

	(void)state;
	guard_on();
	assert_int_equal(iommu_mem_map(fd, 0, PAGE, PROT_READ, &mem, NULL), 0);
	assert_int_equal(ftruncate(twin, 0), 0);
	assert_int_equal(((volatile uint8_t *)mem->base)[9], 0);
	assert_true(mem->lost);
	iommu_mem_free(mem);
	close(twin);
}

#define LARGE (256u * PAGE)

/* A data path that works on a mapping until it is marked lost. */
static void *work_until_lost(void *arg)
{
	struct iommu_mem *mem = arg;
	_Atomic uint8_t *base = (_Atomic uint8_t *)mem->base;

	for (uint32_t at = 0; !atomic_load_explicit(&mem->lost, memory_order_acquire);
	     at = (at + 64) % LARGE) {
		atomic_store_explicit(&base[at], 1, memory_order_relaxed);
		(void)atomic_load_explicit(&base[LARGE - 1 - at], memory_order_relaxed);
	}
	return NULL;
}

static void truncation_under_a_working_thread_is_survived(void **state)
{
	struct iommu_mem *other = map(open_memfd(LARGE), 0, LARGE);

	(void)state;
	guard_on();
	memset(other->base, 0x77, LARGE);
	for (unsigned round = 0; round < 50; round++) {
		int fd = open_memfd(LARGE), twin = dup(fd);
		struct iommu_mem *mem = map(fd, 0, LARGE);
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, work_until_lost, mem), 0);
		while (atomic_load((_Atomic uint8_t *)mem->base + 64) == 0)
			; /* it works */
		assert_int_equal(ftruncate(twin, 0), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		assert_true(mem->lost);
		iommu_mem_free(mem);
		close(twin);
	}
	assert_false(other->lost);
	for (uint32_t at = 0; at < LARGE; at++)
		assert_int_equal(other->base[at], 0x77);
	iommu_mem_free(other);
}

static void slot_of_a_freed_mapping_guards_the_next(void **state)
{
	(void)state;
	guard_on();
	for (unsigned round = 0; round < 3000; round++) { /* more than one chunk of slots */
		int fd = open_memfd(2 * PAGE), twin = dup(fd);
		struct iommu_mem *mem = map(fd, PAGE, PAGE);

		assert_int_equal(ftruncate(twin, 0), 0);
		mem->base[0] = 1;
		assert_true(mem->lost);
		iommu_mem_free(mem);
		close(twin);
	}
}

static void what_is_left_is_known(void **state)
{
	struct iommu_mem *a, *b;
	unsigned left;

	(void)state;
	guard_on();
	left = iommu_mem_left();
	assert_true(left > 1000);
	a = map(open_memfd(PAGE), 0, PAGE);
	assert_int_equal(iommu_mem_anon(PAGE, &b), 0);
	assert_int_equal(iommu_mem_left(), left - 2);
	iommu_mem_free(a);
	iommu_mem_free(b);
	assert_int_equal(iommu_mem_left(), left);
}

static void full_table_is_an_error_and_every_slot_works(void **state)
{
	static struct iommu_mem *mem[300000];
	int ret = 0, file = open_memfd(2 * PAGE);
	const char *why = NULL;
	size_t n = 0;

	(void)state;
	guard_on();
	while (n < ARRAY_SIZE(mem)) {
		int fd = dup(file);

		ret = iommu_mem_map(fd, 0, 2 * PAGE, RW, &mem[n], &why);
		if (ret < 0) {
			close(fd);
			break;
		}
		n++;
	}
	assert_int_equal(ret, -ENOSPC);
	assert_non_null(strstr(why, "max_map_count"));
	/* Each loses its second page: the kernel must have areas left to split all of them. */
	assert_int_equal(ftruncate(file, PAGE), 0);
	for (size_t i = 0; i < n; i++) {
		mem[i]->base[PAGE] = 1;
		if (!mem[i]->lost)
			fail();
	}
	for (size_t i = 0; i < n; i++)
		iommu_mem_free(mem[i]);
	iommu_mem_free(map(file, 0, PAGE));
}

int main(void)
{
	const struct CMUnitTest unguarded[] = {
		cmocka_unit_test(faults_that_are_not_ours_end_as_before),
	};
	const struct CMUnitTest guarded[] = {
		cmocka_unit_test(mapping_shares_the_file_from_its_offset),
		cmocka_unit_test(descriptor_is_consumed_on_success),
		cmocka_unit_test(reading_only_is_enough_for_a_reader),
		cmocka_unit_test(seals_are_reported_and_obeyed),
		cmocka_unit_test(file_on_the_root_disk_is_not_sealed),
		cmocka_unit_test(anonymous_memory_is_zero_and_cannot_be_lost),
		cmocka_unit_test(only_regular_files_are_memory),
		cmocka_unit_test(descriptor_without_the_file_open_is_refused),
		cmocka_unit_test(file_systems_that_may_block_are_refused),
		cmocka_unit_test(ranges_are_checked_against_the_file),
		cmocka_unit_test(protection_must_be_reading_or_writing),
		cmocka_unit_test(part_of_a_huge_page_can_be_mapped_and_lost),
		cmocka_unit_test(truncated_pages_become_zeros_and_the_rest_stays),
		cmocka_unit_test(read_only_mapping_survives_too),
		cmocka_unit_test(truncation_under_a_working_thread_is_survived),
		cmocka_unit_test(slot_of_a_freed_mapping_guards_the_next),
		cmocka_unit_test(what_is_left_is_known),
		cmocka_unit_test(full_table_is_an_error_and_every_slot_works),
	};

	if (cmocka_run_group_tests(unguarded, NULL, NULL) != 0)
		return 1;
	if (iommu_mem_guard_init() < 0 || sigaction(SIGBUS, NULL, &guard_action) < 0)
		return 1;
	return cmocka_run_group_tests(guarded, NULL, NULL);
}
