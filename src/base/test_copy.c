/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of every length a header may have, from and to every alignment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "copy.h"

#define MAX_LEN 300u
#define ALIGNS	17u
#define GAP	32u
#define CANARY	0xc5

/* The source ends where its memory ends, so that a sanitizer sees a byte too many. */
static void copy_one(uint32_t len, uint32_t from, uint32_t to)
{
	uint8_t *src = malloc(from + len + (from + len == 0));
	uint8_t dst[GAP + ALIGNS + MAX_LEN + GAP];

	assert_non_null(src);
	for (uint32_t i = 0; i < len; i++)
		src[from + i] = (uint8_t)(i * 7 + 1);
	memset(dst, CANARY, sizeof(dst));
	copy_small(dst + GAP + to, src + from, len);
	assert_memory_equal(dst + GAP + to, src + from, len);
	for (uint32_t i = 0; i < GAP + to; i++)
		assert_int_equal(dst[i], CANARY);
	for (uint32_t i = GAP + to + len; i < sizeof(dst); i++)
		assert_int_equal(dst[i], CANARY);
	free(src);
}

static void every_length_is_copied_and_nothing_else(void **state)
{
	(void)state;
	for (uint32_t len = 0; len <= MAX_LEN; len++)
		for (uint32_t align = 0; align < ALIGNS; align++) {
			copy_one(len, align, 0);
			copy_one(len, 0, align);
			copy_one(len, align, ALIGNS - 1 - align);
		}
}

/* The target likewise ends where its memory does. */
static void nothing_behind_the_target_is_written(void **state)
{
	static const uint8_t src[MAX_LEN] = {1};

	(void)state;
	for (uint32_t len = 1; len <= MAX_LEN; len++) {
		uint8_t *dst = malloc(len);

		assert_non_null(dst);
		copy_small(dst, src, len);
		assert_memory_equal(dst, src, len);
		free(dst);
	}
}

static void sixteen_bytes_lie_anywhere(void **state)
{
	uint8_t src[48], dst[48];

	(void)state;
	for (uint32_t i = 0; i < sizeof(src); i++)
		src[i] = (uint8_t)i;
	for (uint32_t at = 0; at <= 32; at++) {
		memset(dst, CANARY, sizeof(dst));
		copy_16(dst + 32 - at, src + at);
		for (uint32_t i = 0; i < sizeof(dst); i++)
			assert_int_equal(dst[i], i >= 32 - at && i < 48 - at
							 ? src[at + i - (32 - at)]
							 : CANARY);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_is_copied_and_nothing_else),
		cmocka_unit_test(nothing_behind_the_target_is_written),
		cmocka_unit_test(sixteen_bytes_lie_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
