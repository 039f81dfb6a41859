/* SPDX-License-Identifier: BSD-3-Clause */
/* The sandbox's layers one by one, in a process each, which gives up what it says. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "sandbox_impl.h"

#define FAILED 255

static char top[] = "/tmp/ladon-sandbox-XXXXXX";
static char run_dir[64], old_file[96], new_dir[96], outside[64], outside_dir[96],
	outside_file[96];

static int in_child(int (*fn)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : FAILED;
}

static uint64_t caps_of(bool permitted)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) < 0)
		_exit(FAILED);
	if (permitted)
		return data[0].permitted | (uint64_t)data[1].permitted << 32;
	return data[0].effective | (uint64_t)data[1].effective << 32;
}

/* The bounding set stays whole where nobody may drop it. */
static int caps_are(uint64_t keep)
{
	bool may_drop = caps_of(false) & 1ull << CAP_SETPCAP;

	keep &= caps_of(true);
	if (sandbox_caps(keep) < 0 || caps_of(true) != keep || caps_of(false) != keep)
		return 1;
	for (unsigned long cap = 0; may_drop && cap <= CAP_LAST_CAP; cap++) {
		if (prctl(PR_CAPBSET_READ, cap) != !!(keep & 1ull << cap))
			return 2;
	}
	return 0;
}

static int no_caps(void)
{
	return caps_are(0);
}

static int one_cap(void)
{
	return caps_are(1ull << CAP_NET_ADMIN);
}

static void capabilities_are_gone_from_all_sets(void **state)
{
	(void)state;
	if (!caps_of(true))
		skip(); /* nothing to give up */
	assert_int_equal(in_child(no_caps), 0);
	assert_int_equal(in_child(one_cap), 0);
}

static void each_abi_takes_what_it_knows(void **state)
{
	struct sandbox_landlock r;
	const char *lacks = "";

	(void)state;
	sandbox_landlock_rights(0, &r);
	assert_true(!r.fs && !r.net && !r.scoped && r.lacks);
	for (int abi = 1; abi < 10; abi++) {
		sandbox_landlock_rights(abi, &r);
		assert_true((r.fs & 0x1fff) == 0x1fff);
		assert_int_equal(!!(r.fs & LANDLOCK_ACCESS_FS_REFER), abi >= 2);
		assert_int_equal(!!(r.fs & SANDBOX_FS_TRUNCATE), abi >= 3);
		assert_int_equal(r.net, abi >= 4 ? 3 : 0);
		assert_int_equal(!!(r.fs & SANDBOX_FS_IOCTL_DEV), abi >= 5);
		assert_int_equal(r.scoped, abi >= 6 ? 3 : 0);
		assert_true(r.fs < 1 << 16);
		assert_true(abi < 6 ? r.lacks && strcmp(r.lacks, lacks) : !r.lacks);
		lacks = r.lacks;
	}
}

static int abi_now;

/* As an older kernel would have it: the filter of system calls is not there to help. */
static int files_are_guarded(void)
{
	FD_AUTO int fd = open(run_dir, O_DIRECTORY | O_CLOEXEC);
	const struct sandbox_path path = {fd, SANDBOX_RUN_DIR};
	struct sandbox_landlock rights;

	sandbox_landlock_rights(abi_now, &rights);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || sandbox_landlock(&rights, &path) < 0)
		return FAILED;
	if (open(outside_file, O_WRONLY) >= 0 || errno != EACCES)
		return 1;
	if (open(outside_file, O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (creat(new_dir, 0600) >= 0 || errno != EACCES)
		return 3; /* no file even in the run directory */
	if (unlink(outside_file) == 0 || mkdir(outside_dir, 0700) == 0)
		return 4;
	if (execl("/bin/true", "true", NULL) == 0 || errno != EACCES)
		return 5;
	if (rename(old_file, outside_dir) == 0)
		return 6;
	if (mkdir(new_dir, 0700) < 0 || rmdir(new_dir) < 0)
		return 7;
	if (abi_now >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
		return 8;
	return 0;
}

static void landlock_alone_guards_files(void **state)
{
	int abi = sandbox_landlock_abi();

	(void)state;
	if (!abi)
		skip();
	for (abi_now = 1; abi_now <= MIN(abi, 7); abi_now++)
		assert_int_equal(in_child(files_are_guarded), 0);
}

/* ---- */

static void path(char *ret, size_t size, const char *dir, const char *name)
{
	assert_true(snprintf(ret, size, "%s/%s", dir, name) < (int)size);
}

static int group_setup(void **state)
{
	(void)state;
	if (!mkdtemp(top))
		return -1;
	path(run_dir, sizeof(run_dir), top, "run");
	path(outside, sizeof(outside), top, "outside");
	path(old_file, sizeof(old_file), run_dir, "file");
	path(new_dir, sizeof(new_dir), run_dir, "new");
	path(outside_dir, sizeof(outside_dir), outside, "new");
	path(outside_file, sizeof(outside_file), outside, "file");
	if (mkdir(run_dir, 0700) < 0 || mkdir(outside, 0700) < 0)
		return -1;
	close(creat(outside_file, 0600));
	close(creat(old_file, 0600));
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	unlink(outside_file);
	unlink(old_file);
	unlink(new_dir);
	rmdir(outside_dir);
	rmdir(run_dir);
	rmdir(outside);
	return rmdir(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capabilities_are_gone_from_all_sets),
		cmocka_unit_test(each_abi_takes_what_it_knows),
		cmocka_unit_test(landlock_alone_guards_files),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
