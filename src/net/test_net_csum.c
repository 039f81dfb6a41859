/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_csum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BIG  200000
#define WIDE 65536 /* what is summed at once, at most */

static uint64_t rnd_state = 1;

static uint32_t rnd(uint32_t below)
{
	rnd_state = rnd_state * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(rnd_state >> 33) % below;
}

static void fill(uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)rnd(256);
}

/* RFC 1071 as it reads: big-endian 16-bit words, carry around at each step. */
static uint16_t slow_sum(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++) {
		sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
		if (sum > 0xffff)
			sum -= 0xffff;
	}
	return (uint16_t)sum;
}

/* RFC 9260 appendix A by its polynomial, bit by bit. */
static uint32_t slow_crc(uint32_t crc, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len * 8; i++) {
		uint32_t bit = (p[i / 8] >> (i % 8) & 1) ^ (crc & 1);

		crc = crc >> 1 ^ (bit ? 0x82f63b78 : 0);
	}
	return crc;
}

static uint16_t as_wire(uint64_t sum)
{
	uint16_t folded = net_csum_fold(sum);
	uint8_t bytes[2];

	memcpy(bytes, &folded, 2);
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

/* 0 and ffff are the same number. */
static void assert_same_sum(uint16_t a, uint16_t b)
{
	assert_int_equal(a % 0xffff, b % 0xffff);
}

static void rfc1071_example(void **state)
{
	static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

	(void)state;
	assert_int_equal(as_wire(net_csum_add(0, bytes, sizeof(bytes))), 0xddf2);
}

/* The buffers are allocated to the byte: ASan sees a word read or written too much. */
static void one_random_sum(size_t len, unsigned shift)
{
	uint8_t *src = malloc(shift + len + 1), *dst = malloc(shift + len + 1);
	uint64_t copied;

	fill(src, shift + len + 1);
	memset(dst, 0xa5, shift + len + 1);
	assert_same_sum(as_wire(net_csum_add(0, src + shift + 1, len)),
			slow_sum(src + shift + 1, len));
	copied = net_csum_copy(0, dst + shift, src + shift + 1, len);
	assert_same_sum(as_wire(copied), slow_sum(src + shift + 1, len));
	assert_memory_equal(dst + shift, src + shift + 1, len);
	assert_int_equal(dst[shift + len], 0xa5);
	if (shift)
		assert_int_equal(dst[shift - 1], 0xa5);
	free(src);
	free(dst);
}

static void sums_and_copies_match_slow(void **state)
{
	(void)state;
	for (size_t len = 0; len < 200; len++) {
		for (unsigned shift = 0; shift < 9; shift++)
			one_random_sum(len, shift);
	}
	for (int i = 0; i < 50; i++)
		one_random_sum(rnd(BIG), rnd(9));
}

static void all_ones_never_lose_a_carry(void **state)
{
	uint8_t *buf = malloc(BIG);

	(void)state;
	memset(buf, 0xff, BIG);
	assert_int_equal(net_csum_fold(net_csum_add(UINT64_MAX, buf, BIG)), 0xffff);
	assert_int_equal(net_csum_add(0, buf, WIDE), WIDE / 2 * 0xffffull);
	assert_int_equal(net_csum_fold(UINT64_MAX), 0xffff);
	assert_int_equal(net_csum_fold(0), 0);
	assert_int_equal(net_csum_fold(0xfffffffffffeffffull), 0xfffe);
	assert_int_equal(net_csum_join(UINT64_MAX, 1), 1);
	free(buf);
}

/* Only nothing but zeros sums to 0: anything else that is 0 modulo ffff folds to ffff. */
static void zero_stays_apart_from_ffff(void **state)
{
	static uint8_t zeros[BIG];

	(void)state;
	for (size_t len = WIDE / 2; len < BIG; len += WIDE / 4)
		assert_int_equal(net_csum_add(0, zeros, len), 0);
	assert_int_equal(net_csum_fold(net_csum_swap(0)), 0);
	zeros[10] = zeros[11] = 0xff;
	assert_int_equal(net_csum_fold(net_csum_add(0, zeros, 64)), 0xffff);
}

/* A message in up to five pieces of any length, each summed on its own and swapped where it
 * must. */
static void pieces_at_odd_offsets_join(void **state)
{
	uint8_t buf[500];

	(void)state;
	for (int round = 0; round < 2000; round++) {
		size_t len = rnd(sizeof(buf) + 1), at = 0;
		uint64_t sum = 0;

		fill(buf, len);
		while (at < len) {
			size_t piece = 1 + rnd((uint32_t)(len - at));
			uint64_t part = net_csum_add(0, buf + at, piece);

			sum = net_csum_join(sum, at % 2 ? net_csum_swap(part) : part);
			at += piece;
		}
		assert_same_sum(as_wire(sum), slow_sum(buf, len));
	}
}

static void crc32c_known_vectors(void **state)
{
	uint8_t bytes[32];

	(void)state;
	assert_int_equal(~net_crc32c(~0u, "123456789", 9), 0xe3069283);
	assert_int_equal(~net_crc32c_table(~0u, NULL, "123456789", 9), 0xe3069283);
	/* RFC 3720 B.4 */
	memset(bytes, 0, sizeof(bytes));
	assert_int_equal(~net_crc32c(~0u, bytes, sizeof(bytes)), 0x8a9136aa);
	memset(bytes, 0xff, sizeof(bytes));
	assert_int_equal(~net_crc32c(~0u, bytes, sizeof(bytes)), 0x62a8ab43);
	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)i;
	assert_int_equal(~net_crc32c(~0u, bytes, sizeof(bytes)), 0x46dd794e);
}

static void one_random_crc(size_t len, unsigned shift)
{
	uint8_t *src = malloc(shift + len), *dst = malloc(len + 1);
	uint32_t crc = rnd(UINT32_MAX), expect;

	fill(src, shift + len);
	expect = slow_crc(crc, src + shift, len);
	dst[len] = 0xa5;
	assert_int_equal(net_crc32c(crc, src + shift, len), expect);
	assert_int_equal(net_crc32c_table(crc, NULL, src + shift, len), expect);
	memset(dst, 0, len);
	assert_int_equal(net_crc32c_copy(crc, dst, src + shift, len), expect);
	assert_memory_equal(dst, src + shift, len);
	memset(dst, 0, len);
	assert_int_equal(net_crc32c_table(crc, dst, src + shift, len), expect);
	assert_memory_equal(dst, src + shift, len);
	assert_int_equal(dst[len], 0xa5);
	free(src);
	free(dst);
}

static void crc32c_matches_slow(void **state)
{
	(void)state;
	for (size_t len = 0; len < 70; len++) {
		for (unsigned shift = 0; shift < 9; shift++)
			one_random_crc(len, shift);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc1071_example),
		cmocka_unit_test(sums_and_copies_match_slow),
		cmocka_unit_test(all_ones_never_lose_a_carry),
		cmocka_unit_test(zero_stays_apart_from_ffff),
		cmocka_unit_test(pieces_at_odd_offsets_join),
		cmocka_unit_test(crc32c_known_vectors),
		cmocka_unit_test(crc32c_matches_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
