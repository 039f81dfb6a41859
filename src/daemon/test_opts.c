/* SPDX-License-Identifier: BSD-3-Clause */
/* ladond's command line and run directory. */
#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "daemon.h"
#include "fd.h"
#include "opts.h"

static int parse(const char *const *words, struct opts *ret_opts, char *error)
{
	char *argv[16] = {(char *)"ladond"};
	int argc = 1;

	while (words[argc - 1]) {
		argv[argc] = (char *)words[argc - 1];
		argc++;
	}
	return opts_parse(argc, argv, ret_opts, error);
}

#define PARSE(opts, error, ...) parse((const char *const[]){__VA_ARGS__, NULL}, opts, error)

static void defaults(void **state)
{
	struct opts opts;
	char error[OPTS_ERROR_MAX];
	char *argv[] = {(char *)"ladond", NULL};

	(void)state;
	assert_int_equal(opts_parse(1, argv, &opts, error), 0);
	assert_int_equal(opts.action, OPTS_RUN);
	assert_true(opts.mapped_doorbells);
	assert_false(opts.busy_poll);
	assert_true(opts.sandbox);
	assert_int_equal(opts.cpu, -1);
	assert_int_equal(opts.idle_sleep_us, 0);
	assert_int_equal(opts.log_level, LOG_LVL_INFO);
	assert_null(opts.config);
	assert_null(opts.packet);
}

static void all_options(void **state)
{
	struct opts opts;
	char error[OPTS_ERROR_MAX];

	(void)state;
	assert_int_equal(PARSE(&opts, error, "--run-dir", "/r", "--config=f", "--busy-poll",
			       "--no-mapped-doorbells", "--idle-sleep-us", "20", "--cpu", "1",
			       "--log-level", "debug", "--no-sandbox", "--packet", "eth1,eth2"),
			 0);
	assert_string_equal(opts.run_dir, "/r");
	assert_string_equal(opts.config, "f");
	assert_string_equal(opts.packet, "eth1,eth2");
	assert_true(opts.busy_poll);
	assert_false(opts.sandbox);
	assert_false(opts.mapped_doorbells);
	assert_int_equal(opts.idle_sleep_us, 20);
	assert_int_equal(opts.cpu, 1);
	assert_int_equal(opts.log_level, LOG_LVL_DEBUG);
	assert_int_equal(PARSE(&opts, error, "--help"), 0);
	assert_int_equal(opts.action, OPTS_HELP);
	assert_int_equal(PARSE(&opts, error, "--version"), 0);
	assert_int_equal(opts.action, OPTS_VERSION);
	assert_int_equal(PARSE(&opts, error, "-h"), 0);
	assert_int_equal(opts.action, OPTS_HELP);
	assert_int_equal(PARSE(&opts, error, "-V"), 0);
	assert_int_equal(opts.action, OPTS_VERSION);
}

static void wrong_options_get_a_sentence(void **state)
{
	static const char *const lists[] = {"",	     ",",   "eth1,",
					    ",eth1", "a/b", "eth1,sixteen-letters-"};
	struct opts opts;
	char error[OPTS_ERROR_MAX];

	(void)state;
	assert_int_equal(PARSE(&opts, error, "--bogus"), -EINVAL);
	assert_string_equal(error, "\"--bogus\" is no option: see ladond --help");
	assert_int_equal(PARSE(&opts, error, "--busy-poll", "-bogus"), -EINVAL);
	assert_string_equal(error, "\"-bogus\" is no option: see ladond --help");
	assert_int_equal(PARSE(&opts, error, "--cpu"), -EINVAL);
	assert_string_equal(error,
			    "\"--cpu\" is an option that needs a value: see ladond --help");
	assert_int_equal(PARSE(&opts, error, "--cpu", "x"), -EINVAL);
	for (unsigned i = 0; i < ARRAY_SIZE(lists); i++) {
		assert_int_equal(PARSE(&opts, error, "--packet", lists[i]), -EINVAL);
		assert_non_null(strstr(error, "eth1,eth2 is right"));
	}
	assert_int_equal(PARSE(&opts, error, "--cpu", "x"), -EINVAL);
	assert_string_equal(error, "--cpu \"x\" is wrong: the number of a CPU is right");
	assert_int_equal(PARSE(&opts, error, "--idle-sleep-us", "0"), -EINVAL);
	assert_non_null(strstr(error, "a number from 1 to 1000000 is right"));
	assert_int_equal(PARSE(&opts, error, "--log-level", "loud"), -EINVAL);
	assert_non_null(strstr(error, "err, warn, info or debug is right"));
	assert_int_equal(PARSE(&opts, error, "serve"), -EINVAL);
	assert_non_null(strstr(error, "one word too many"));
}

static void run_dir_comes_from_option_or_environment(void **state)
{
	struct opts opts = {.run_dir = "/a"};
	char dir[PATH_MAX];

	(void)state;
	setenv("LADON_RUN_DIR", "/b", 1);
	setenv("XDG_RUNTIME_DIR", "/c", 1);
	assert_true(opts_run_dir(&opts, dir, sizeof(dir)) > 0);
	assert_string_equal(dir, "/a");
	opts.run_dir = NULL;
	assert_true(opts_run_dir(&opts, dir, sizeof(dir)) > 0);
	assert_string_equal(dir, "/b");
	unsetenv("LADON_RUN_DIR");
	assert_true(opts_run_dir(&opts, dir, sizeof(dir)) > 0);
	assert_string_equal(dir, "/c/ladon");
	assert_int_equal(opts_run_dir(&opts, dir, 4), -ENAMETOOLONG);
}

static void run_dir_is_private_and_ours_alone(void **state)
{
	char path[] = "/tmp/ladon-opts-XXXXXX", sub[64], real[PATH_MAX];
	struct opts opts = {.run_dir = sub};
	struct cmd_error error = {0};
	struct stat st;
	int fd, second = -1;

	(void)state;
	assert_non_null(mkdtemp(path));
	strcat(strcpy(sub, path), "/run");
	assert_int_equal(rundir_take(&opts, real, &fd, &error), 0);
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(rundir_take(&opts, real, &second, &error), -EBUSY);
	assert_non_null(strstr(error.text, "another ladond serves "));
	assert_int_equal(second, -1);
	fd_close(&fd);
	assert_int_equal(rundir_take(&opts, real, &fd, &error), 0);
	fd_close(&fd);
	chmod(sub, 0770);
	assert_int_equal(rundir_take(&opts, real, &fd, &error), -EPERM);
	assert_non_null(strstr(error.text, "may be written by others"));
	rmdir(sub);
	rmdir(path);
	assert_int_equal(rundir_take(&opts, real, &fd, &error), -ENOENT);
	assert_non_null(strstr(error.text, "cannot be made: No such file"));
}

static void leftovers_of_a_crash_are_swept(void **state)
{
	char path[] = "/tmp/ladon-opts-XXXXXX", card[64], sock[96], other[64], real[PATH_MAX];
	struct opts opts = {.run_dir = path};
	struct cmd_error error = {0};
	int fd;

	(void)state;
	assert_non_null(mkdtemp(path));
	strcat(strcpy(card, path), "/nic0");
	strcat(strcpy(sock, card), "/vf3.sock");
	strcat(strcpy(other, path), "/mine");
	mkdir(card, 0700);
	mkdir(other, 0700);
	fd = fd_unix_listen(sock);
	fd_close(&fd);
	strcat(other, "/keep");
	mkdir(other, 0700);
	assert_int_equal(rundir_take(&opts, real, &fd, &error), 0);
	assert_int_equal(access(card, F_OK), -1);
	assert_int_equal(access(other, F_OK), 0);
	fd_close(&fd);
	rmdir(other);
	*strrchr(other, '/') = '\0';
	rmdir(other);
	assert_int_equal(rmdir(path), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(all_options),
		cmocka_unit_test(wrong_options_get_a_sentence),
		cmocka_unit_test(run_dir_comes_from_option_or_environment),
		cmocka_unit_test(run_dir_is_private_and_ours_alone),
		cmocka_unit_test(leftovers_of_a_crash_are_swept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
