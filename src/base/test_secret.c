/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets from files and descriptors: what is taken, and what is refused without a trace. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "secret.h"

#define ROOM 16

static char dir[64], path[96];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ladon-secret-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secret", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void put(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
}

/* Refused, with these words, and buf is zero. */
static void refused(int err, const char *want)
{
	static const char zero[ROOM];
	const char *why = NULL;
	char buf[ROOM];

	memset(buf, 0x5a, sizeof(buf));
	assert_int_equal(secret_read_file(path, buf, sizeof(buf), &why), err);
	assert_non_null(strstr(why, want));
	assert_memory_equal(buf, zero, sizeof(buf));
}

static void a_word_is_taken_without_its_blanks(void **state)
{
	static const char *const texts[] = {"abc", "abc\n", "abc\r\n", "\n\t abc  \n\n"};
	static const char want[ROOM] = "abc";
	const char *why;
	char buf[ROOM];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(buf, 0x5a, sizeof(buf));
		put(texts[i], strlen(texts[i]), 0600);
		assert_int_equal(secret_read_file(path, buf, sizeof(buf), &why), 0);
		/* Not a byte of the blanks stays behind it. */
		assert_memory_equal(buf, want, sizeof(want));
	}
	put("abc", 3, 0400);
	assert_int_equal(secret_read_file(path, buf, sizeof(buf), &why), 0);
}

static void other_content_is_refused(void **state)
{
	(void)state;
	put("", 0, 0600);
	refused(-ENODATA, "empty");
	put("\n \n", 3, 0600);
	refused(-ENODATA, "empty");
	put("a b", 3, 0600);
	refused(-EINVAL, "more than one word");
	put("ab\ncd\n", 6, 0600);
	refused(-EINVAL, "more than one word");
	put("ab\0cd", 5, 0600);
	refused(-EINVAL, "NUL");
	put("0123456789abcdef", 16, 0600);
	refused(-E2BIG, "longer");
	put("0123456789abcde", 15, 0600);
	{
		const char *why;
		char buf[ROOM];

		assert_int_equal(secret_read_file(path, buf, sizeof(buf), &why), 0);
		assert_string_equal(buf, "0123456789abcde");
	}
}

static void files_of_others_are_refused(void **state)
{
	static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0777};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(modes); i++) {
		put("abc", 3, modes[i]);
		refused(-EACCES, "0600");
	}
	put("abc", 3, 0600);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		refused(-EACCES, "another user");
	}
}

static void only_regular_files_are_opened(void **state)
{
	char keep[96];

	(void)state;
	refused(-ENOENT, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(-EACCES, "no regular file"); /* and it is not waited for */
	strcpy(keep, path);
	strcpy(path, "/dev/null");
	refused(-EACCES, "no regular file");
	strcpy(path, "/tmp");
	refused(-EACCES, "no regular file");
	strcpy(path, keep);
}

static void descriptors_are_read_to_their_end(void **state)
{
	const char *why;
	char buf[ROOM];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "ab", 2), 2);
	assert_int_equal(write(fds[1], "cd\n", 3), 3);
	close(fds[1]);
	assert_int_equal(secret_read_fd(fds[0], buf, sizeof(buf), &why), 0);
	assert_string_equal(buf, "abcd");
	close(fds[0]);
	assert_int_equal(secret_read_fd(fds[0], buf, sizeof(buf), &why), -EBADF);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_word_is_taken_without_its_blanks), T(other_content_is_refused),
		T(files_of_others_are_refused),	       T(only_regular_files_are_opened),
		T(descriptors_are_read_to_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
