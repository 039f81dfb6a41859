/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "pcap_spec.h"

static void right_words(void **state)
{
	static const struct {
		const char *text, *replay, *record;
		uint32_t speed;
	} right[] = {
		{"replay=a", "a", "", 1000},
		{"record=/x/b.pcap", "", "/x/b.pcap", 1000},
		{"record=b,replay=a=c", "a=c", "b", 1000},
		{"replay=a,speed=2", "a", "", 2000},
		{"speed=0.5,replay=a", "a", "", 500},
		{"replay=a,speed=0.001,record=b", "a", "b", 1},
		{"replay=a,speed=1000", "a", "", 1000000},
		{"replay=a,speed=12.25", "a", "", 12250},
		{"replay=a,speed=max", "a", "", PCAP_SPEED_MAX},
	};
	struct pcap_spec spec;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(right); i++) {
		assert_null(pcap_spec_parse(right[i].text, &spec));
		assert_string_equal(spec.path[PCAP_REPLAY], right[i].replay);
		assert_string_equal(spec.path[PCAP_RECORD], right[i].record);
		assert_int_equal(spec.speed, right[i].speed);
	}
}

static void wrong_words(void **state)
{
	static const char *const wrong[] = {
		"",
		"replay",
		"replay=",
		"=a",
		"replay=a,",
		",replay=a",
		"replay=a,replay=b",
		"record=a,record=b",
		"play=a",
		"speed=1",
		"record=a,speed=1",
		"replay=a,speed=1,speed=1",
		"replay=a,speed=",
		"replay=a,speed=0",
		"replay=a,speed=0.0001",
		"replay=a,speed=1000.001",
		"replay=a,speed=4294967297",
		"replay=a,speed=99999999999999999999",
		"replay=a,speed=.5",
		"replay=a,speed=1.2.3",
		"replay=a,speed=-1",
		"replay=a,speed=1x",
		"replay=a,speed=maxi",
	};
	char much[PCAP_SPEC_PATH_MAX + 16] = "replay=";
	struct pcap_spec spec;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_non_null(pcap_spec_parse(wrong[i], &spec));
	memset(much + 7, 'x', PCAP_SPEC_PATH_MAX);
	assert_non_null(pcap_spec_parse(much, &spec));
	much[7 + PCAP_SPEC_PATH_MAX - 1] = '\0';
	assert_null(pcap_spec_parse(much, &spec));
}

static void files_are_opened_in_order(void **state)
{
	char dir[] = "/tmp/ladon-pcap-XXXXXX", text[256], record[64];
	struct pcap_spec spec;
	int fds[PCAP_FILES], again[PCAP_FILES];
	const char *path;
	struct stat st;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(record, sizeof(record), "%s/record", dir);
	snprintf(text, sizeof(text), "record=%s", record);
	assert_null(pcap_spec_parse(text, &spec));
	assert_int_equal(pcap_spec_open(&spec, fds, &path), 0);
	assert_true(fds[0] >= 0 && fds[1] == -1);
	assert_int_equal(write(fds[0], "old", 3), 3);
	/* Somebody writes it: it stays as it is. */
	assert_int_equal(pcap_spec_open(&spec, again, &path), -EBUSY);
	assert_string_equal(path, record);
	assert_true(fstat(fds[0], &st) == 0 && st.st_size == 3 && (st.st_mode & 0777) == 0600);
	fd_close(&fds[0]);
	snprintf(text, sizeof(text), "record=%s,replay=%s", record, record);
	assert_null(pcap_spec_parse(text, &spec));
	assert_int_equal(pcap_spec_open(&spec, fds, &path), 0);
	assert_int_equal(fcntl(fds[0], F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(fds[1], F_GETFL) & O_ACCMODE, O_WRONLY);
	assert_true(fstat(fds[0], &st) == 0 && st.st_size == 0);
	fd_close_all(fds, PCAP_FILES);
	snprintf(text, sizeof(text), "replay=%s/none,record=%s", dir, record);
	pcap_spec_parse(text, &spec);
	assert_int_equal(pcap_spec_open(&spec, fds, &path), -ENOENT);
	assert_true(fds[0] == -1 && fds[1] == -1);
	snprintf(text, sizeof(text), "record=/dev/null");
	pcap_spec_parse(text, &spec);
	assert_int_equal(pcap_spec_open(&spec, fds, &path), -EMEDIUMTYPE);
	unlink(record);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_words),
		cmocka_unit_test(wrong_words),
		cmocka_unit_test(files_are_opened_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
