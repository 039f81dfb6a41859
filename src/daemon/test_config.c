/* SPDX-License-Identifier: BSD-3-Clause */
/* The config file: lines to commands, and where an error is. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config.h"

static unsigned seen;
static char seen_usage[256];

static int count(void *arg, const struct cmd *cmd, struct cmd_error *error)
{
	(void)arg;
	(void)error;
	seen++;
	snprintf(seen_usage, sizeof(seen_usage), "%s", cmd->row->usage);
	return 0;
}

static int walk(const char *text, struct cmd_error *error)
{
	seen = 0;
	return config_walk("f.conf", text, strlen(text), count, NULL, error);
}

static void good(const char *text, unsigned commands)
{
	struct cmd_error error = {0};

	if (walk(text, &error) < 0)
		fail_msg("\"%s\" was refused: %s", text, error.text);
	assert_int_equal(seen, commands);
}

static void bad(const char *text, int err, const char *want)
{
	struct cmd_error error = {0};

	assert_int_equal(walk(text, &error), err);
	assert_int_equal(error.err, -err);
	if (strncmp(error.text, want, strlen(want)) != 0)
		fail_msg("got \"%s\", not \"%s\"", error.text, want);
}

static void lines_become_commands(void **state)
{
	(void)state;
	good("", 0);
	good("\n\n", 0);
	good("# only\n  # comments\n\t\n", 0);
	good("ping", 1);
	good("card add a model 82576 vfs 1\r\nlink set a vf 0 trust on # why\n", 2);
	assert_non_null(strstr(seen_usage, "link set"));
}

static void errors_name_file_and_line(void **state)
{
	(void)state;
	bad("ping\n\n#\nfoo\nping\n", -EINVAL, "f.conf:4: \"foo\" is not known: one of card");
	assert_int_equal(seen, 1);
	bad("link set a vf 0 vlan 9999", -EINVAL,
	    "f.conf:1: vlan \"9999\" is wrong: 0 to 4094");
	bad("monitor\n", -EINVAL, "f.conf:1: monitor needs a connection");
	bad("ladon card show\n", -EINVAL, "f.conf:1: \"ladon\" is not known");
}

static void odd_bytes_are_refused(void **state)
{
	static const char nul[] = "ping\nca\0rd show\n";
	struct cmd_error error = {0};

	(void)state;
	seen = 0;
	assert_int_equal(config_walk("f", nul, sizeof(nul) - 1, count, NULL, &error), -EINVAL);
	assert_string_equal(error.text, "f:2: the line holds a NUL byte: text is right");
	assert_int_equal(seen, 1);
}

static void long_lines_are_refused(void **state)
{
	char *text = malloc(CONFIG_LINE_MAX + 1);

	(void)state;
	memset(text, ' ', CONFIG_LINE_MAX);
	text[CONFIG_LINE_MAX] = '\0';
	bad(text, -E2BIG, "f.conf:1: the line or the file is too long");
	text[CONFIG_LINE_MAX - 1] = '\0';
	good(text, 0);
	for (unsigned i = 0; i < WORDS_MAX + 1; i++)
		memcpy(text + 2 * i, "a ", 3);
	bad(text, -E2BIG, "f.conf:1: the line has too many words: at most 64");
	free(text);
}

static int refuse(void *arg, const struct cmd *cmd, struct cmd_error *error)
{
	(void)arg;
	(void)cmd;
	return cmd_fail(error, -EBUSY, "not now");
}

static void a_command_that_fails_ends_the_walk(void **state)
{
	struct cmd_error error = {0};

	(void)state;
	assert_int_equal(config_walk("f", "\nping\nfoo\n", 10, refuse, NULL, &error), -EBUSY);
	assert_string_equal(error.text, "f:2: not now");
	assert_int_equal(error.err, EBUSY);
}

static void missing_and_odd_files_are_named(void **state)
{
	struct cmd_error error = {0};
	struct config config;

	(void)state;
	assert_int_equal(config_read("/nonexistent/x.conf", &config, &error), -ENOENT);
	assert_string_equal(
		error.text,
		"config file /nonexistent/x.conf cannot be read: No such file or directory");
	assert_int_equal(config_read("/", &config, &error), -EISDIR);
}

/* A wrong last line is found while the file is read. */
static void nothing_runs_before_all_is_parsed(void **state)
{
	char path[] = "/tmp/ladon-config-XXXXXX";
	static const char text[] = "card add nic0 model 82576 vfs 1\ncard show\nnonsense\n";
	struct cmd_error error = {0};
	struct config config;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(config_read(path, &config, &error), -EINVAL);
	assert_non_null(strstr(error.text, ":3: \"nonsense\" is not known"));
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_become_commands),
		cmocka_unit_test(errors_name_file_and_line),
		cmocka_unit_test(odd_bytes_are_refused),
		cmocka_unit_test(long_lines_are_refused),
		cmocka_unit_test(a_command_that_fails_ends_the_walk),
		cmocka_unit_test(missing_and_odd_files_are_named),
		cmocka_unit_test(nothing_runs_before_all_is_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
