/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks byte for byte, from the draft; that tools read them is tests/e2e/test_capture.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "net_pcapng.h"

static uint8_t buf[2 * NET_PCAPNG_ROOM];

static void a_section_begins_a_file(void **state)
{
	static const uint8_t want[] = {0x0a, 0x0d, 0x0d, 0x0a, 40, 0, 0,    0,	  0x4d, 0x3c,
				       0x2b, 0x1a, 1,	 0,    0,  0, 0xff, 0xff, 0xff, 0xff,
				       0xff, 0xff, 0xff, 0xff, 4,  0, 2,    0,	  'a',	'b',
				       0,    0,	   0,	 0,    0,  0, 40,   0,	  0,	0};

	(void)state;
	assert_int_equal(net_pcapng_section(buf, "ab"), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void an_interface_has_a_name_and_nanoseconds(void **state)
{
	static const uint8_t want[] = {1,   0,	 0,   0,   44,	0,   0, 0,  1, 0,   0,
				       0,   96,	 0,   0,   0,	2,   0, 8,  0, 'n', 'i',
				       'c', '0', '/', 'v', 'f', '1', 9, 0,  1, 0,   9,
				       0,   0,	 0,   0,   0,	0,   0, 44, 0, 0,   0};

	(void)state;
	assert_int_equal(net_pcapng_interface(buf, "nic0/vf1", 96), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void a_packet_says_where_to_what_was_lost_and_why(void **state)
{
	static const uint8_t want[] = {6,   0,	 0,   0, 72, 0, 0, 0, 3,  0, 0, 0, 2, 1,   0,
				       0,   4,	 3,   0, 0,  5, 0, 0, 0,  9, 0, 0, 0, 'h', 'e',
				       'l', 'l', 'o', 0, 0,  0, 2, 0, 4,  0, 1, 0, 0, 0,   4,
				       0,   8,	 0,   7, 0,  0, 0, 0, 0,  0, 0, 1, 0, 3,   0,
				       'w', 'h', 'y', 0, 0,  0, 0, 0, 72, 0, 0, 0};
	const struct net_pcapng_packet packet = {.interface = 3,
						 .time_ns = 0x10200000304,
						 .data = (const uint8_t *)"hello",
						 .cap_len = 5,
						 .orig_len = 9,
						 .inbound = true,
						 .lost = 7,
						 .comment = "why"};

	(void)state;
	assert_int_equal(net_pcapng_packet(buf, &packet), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

static void bytes_that_are_in_place_stay_there(void **state)
{
	struct net_pcapng_packet packet = {.data = buf + NET_PCAPNG_DATA, .cap_len = 4};

	(void)state;
	memcpy(buf + NET_PCAPNG_DATA, "here", 4);
	assert_int_equal(net_pcapng_packet(buf, &packet), 48);
	assert_memory_equal(buf + NET_PCAPNG_DATA, "here\2\0\4\0\2\0\0\0\0\0\0\0", 16);
}

static void long_texts_are_cut(void **state)
{
	char text[2 * NET_PCAPNG_TEXT];
	struct net_pcapng_packet packet = {.comment = text, .lost = 1};

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	assert_true(net_pcapng_packet(buf, &packet) < NET_PCAPNG_ROOM);
	assert_true(net_pcapng_interface(buf, text, 1) < NET_PCAPNG_ROOM);
	assert_true(net_pcapng_section(buf, text) < NET_PCAPNG_ROOM);
}

static void statistics_tell_all_that_was_lost(void **state)
{
	static const uint8_t want[] = {5, 0, 0, 0, 40, 0, 0, 0, 1,  0, 0, 0, 0, 0,
				       0, 0, 2, 0, 0,  0, 7, 0, 8,  0, 3, 0, 0, 0,
				       0, 0, 0, 0, 0,  0, 0, 0, 40, 0, 0, 0};

	(void)state;
	assert_int_equal(net_pcapng_statistics(buf, 1, 2, 3), sizeof(want));
	assert_memory_equal(buf, want, sizeof(want));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_section_begins_a_file),
		cmocka_unit_test(an_interface_has_a_name_and_nanoseconds),
		cmocka_unit_test(a_packet_says_where_to_what_was_lost_and_why),
		cmocka_unit_test(bytes_that_are_in_place_stay_there),
		cmocka_unit_test(long_texts_are_cut),
		cmocka_unit_test(statistics_tell_all_that_was_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
