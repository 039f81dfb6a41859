/* SPDX-License-Identifier: BSD-3-Clause */
/* The prefix is decided once a process, so each test logs in a child whose stderr is a pipe. */
#include "log.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"

/* Runs say in a child; what it logged is in the returned static buffer. */
static const char *logged_by(void (*say)(void), bool journal)
{
	static char text[8192];
	size_t len = 0;
	ssize_t n;
	int fds[2];
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	pid = fork();
	if (!pid) {
		char stream[64];
		struct stat st;

		dup2(fds[1], STDERR_FILENO);
		fstat(fds[1], &st);
		snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
			 (unsigned long long)st.st_ino + !journal);
		setenv("JOURNAL_STREAM", stream, 1);
		say();
		_exit(0);
	}
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = 0;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	return text;
}

static void say_four(void)
{
	log_err("a %d", 1);
	log_warn("b");
	log_info("c");
	log_debug("d");
}

static void say_only_errors(void)
{
	log_set_level(LOG_LVL_ERR);
	say_four();
}

static void say_errno(void)
{
	errno = ENOENT;
	log_err("%m");
	dup2(STDERR_FILENO, 9);
	close(STDERR_FILENO);
	log_err("to nobody"); /* the write fails with EBADF */
	dup2(9, STDERR_FILENO);
	log_err("%m");
}

static void say_newline(void)
{
	log_err("x\n<0>forged\x1b[2J");
}

static void say_too_much(void)
{
	log_err("%2000s|", "x");
}

static void say_often(void)
{
	struct log_limit limit = {0};

	for (int i = 0; i < 100; i++) {
		if (log_limit_ok(&limit))
			log_err("again");
	}
	limit.window_start -= 1000000000ull; /* a second later */
	if (log_limit_ok(&limit))
		log_err("later");
}

static void journal_gets_syslog_numbers(void **state)
{
	(void)state;
	assert_string_equal(logged_by(say_four, true), "<3>a 1\n<4>b\n<6>c\n");
	assert_string_equal(logged_by(say_only_errors, true), "<3>a 1\n");
}

static void others_get_time_and_word(void **state)
{
	const char *text = logged_by(say_only_errors, false);
	unsigned h, m, s, ms;
	char rest[16];

	(void)state;
	assert_int_equal(sscanf(text, "%2u:%2u:%2u.%3u %15[^\n]", &h, &m, &s, &ms, rest), 5);
	assert_string_equal(rest, "err: a 1");
	assert_int_equal(strlen(text), strlen("HH:MM:SS.mmm err: a 1\n"));
}

static void errno_is_kept(void **state)
{
	(void)state;
	assert_string_equal(logged_by(say_errno, true), "<3>No such file or directory\n"
							"<3>No such file or directory\n");
}

static void a_message_is_one_line(void **state)
{
	const char *text;

	(void)state;
	assert_string_equal(logged_by(say_newline, true), "<3>x?<0>forged?[2J\n");
	text = logged_by(say_too_much, true);
	assert_int_equal(strlen(text), 1024);
	assert_int_equal(text[1023], '\n');
}

static void limit_lets_ten_through_and_tells_the_rest(void **state)
{
	unsigned again = 0;
	const char *text;
	uint64_t start;

	(void)state;
	do { /* until it was not held up for so long that a second window began */
		start = clock_ns();
		text = logged_by(say_often, true);
	} while (clock_ns() - start >= NSEC_PER_SEC);
	while (!strncmp(text, "<3>again\n", 9)) {
		again++;
		text += 9;
	}
	assert_int_equal(again, 10);
	assert_string_equal(text, "<4>90 lines like the next were left out\n<3>later\n");
}

static void level_words(void **state)
{
	enum log_level level = LOG_LVL_NUM;

	(void)state;
	assert_int_equal(log_level_parse("warning", &level), -EINVAL);
	assert_int_equal(log_level_parse("", &level), -EINVAL);
	assert_int_equal(level, LOG_LVL_NUM);
	assert_int_equal(log_level_parse("debug", &level), 0);
	assert_int_equal(level, LOG_LVL_DEBUG);
	assert_int_equal(log_level_parse("err", &level), 0);
	assert_int_equal(level, LOG_LVL_ERR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(journal_gets_syslog_numbers),
		cmocka_unit_test(others_get_time_and_word),
		cmocka_unit_test(errno_is_kept),
		cmocka_unit_test(a_message_is_one_line),
		cmocka_unit_test(limit_lets_ten_through_and_tells_the_rest),
		cmocka_unit_test(level_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
