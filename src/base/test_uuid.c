/* SPDX-License-Identifier: BSD-3-Clause */
/* UUIDs as text and bytes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "uuid.h"

static const uint8_t want[UUID_SIZE] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
					0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void text_is_bytes_in_its_order(void **state)
{
	uint8_t uuid[UUID_SIZE];
	char text[UUID_TEXT + 1];

	(void)state;
	assert_int_equal(uuid_parse("00112233-4455-6677-8899-aabbccddeeff", uuid), 0);
	assert_memory_equal(uuid, want, sizeof(want));
	memset(uuid, 0, sizeof(uuid));
	assert_int_equal(uuid_parse("00112233-4455-6677-8899-AABBCCddEEFF", uuid), 0);
	assert_memory_equal(uuid, want, sizeof(want));
	uuid_format(want, text);
	assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
}

static void what_is_no_uuid_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"0",
		"00112233-4455-6677-8899-aabbccddeef",
		"00112233-4455-6677-8899-aabbccddeeff0",
		"00112233-4455-6677-8899-aabbccddeeff ",
		" 0112233-4455-6677-8899-aabbccddeeff",
		"00112233445566778899aabbccddeeff0000",
		"0011223-34455-6677-8899-aabbccddeeff",
		"00112233-4455-6677-8899+aabbccddeeff",
		"00112233-4455-6677-8899-aabbccddeefg",
		"00112233-4455-6677-8899-aabbccddee:f",
		"0x112233-4455-6677-8899-aabbccddeeff",
		"{0112233-4455-6677-8899-aabbccddeef}",
		"00112233-4455-6677-8899-aabbccdde@ff",
	};
	uint8_t uuid[UUID_SIZE], before[UUID_SIZE];

	(void)state;
	memset(uuid, 0x5a, sizeof(uuid));
	memcpy(before, uuid, sizeof(uuid));
	for (unsigned i = 0; i < ARRAY_SIZE(texts); i++) {
		if (uuid_parse(texts[i], uuid) != -EINVAL)
			fail_msg("\"%s\" was taken", texts[i]);
		assert_memory_equal(uuid, before, sizeof(before));
	}
}

static void random_ones_are_of_version_4(void **state)
{
	uint8_t a[UUID_SIZE] = {0}, b[UUID_SIZE] = {0}, seen[UUID_SIZE] = {0};

	(void)state;
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(uuid_random(a), 0);
		assert_int_equal(uuid_random(b), 0);
		assert_memory_not_equal(a, b, sizeof(a));
		assert_int_equal(a[6] >> 4, 4);
		assert_int_equal(a[8] >> 6, 2);
		for (unsigned at = 0; at < UUID_SIZE; at++)
			seen[at] |= a[at] ^ b[at];
	}
	/* All other bits move. */
	for (unsigned at = 0; at < UUID_SIZE; at++)
		assert_int_equal(seen[at], at == 6 ? 0x0f : at == 8 ? 0x3f : 0xff);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_bytes_in_its_order),
		cmocka_unit_test(what_is_no_uuid_is_refused),
		cmocka_unit_test(random_ones_are_of_version_4),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
