/* SPDX-License-Identifier: BSD-3-Clause */
#include "siphash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* The key of the paper's appendix A: bytes 00 01 ... 0f. */
static const struct siphash_key paper_key = {0x0706050403020100ull, 0x0f0e0d0c0b0a0908ull};

/*
 * A slow SipHash-c-d written from the paper's text, bytes in, state in an array, one half-round
 * at a time: shares nothing with the code under test.
 */
static void slow_half(uint64_t *v, int a, int b, int c, int d, int s, int t)
{
	v[a] += v[b];
	v[c] += v[d];
	v[b] = (v[b] << s) | (v[b] >> (64 - s));
	v[d] = (v[d] << t) | (v[d] >> (64 - t));
	v[b] ^= v[a];
	v[d] ^= v[c];
	v[a] = (v[a] << 32) | (v[a] >> 32);
}

static void slow_rounds(uint64_t *v, int rounds)
{
	while (rounds--) {
		slow_half(v, 0, 1, 2, 3, 13, 16);
		slow_half(v, 2, 1, 0, 3, 17, 21);
	}
}

static uint64_t slow_siphash(int c, int d, struct siphash_key key, const uint8_t *in,
			     size_t len)
{
	static const char seed[4][9] = {"somepseu", "dorandom", "lygenera", "tedbytes"};
	uint64_t v[4] = {0};
	size_t padded = (len / 8 + 1) * 8;

	for (int i = 0; i < 4; i++) {
		for (int j = 0; j < 8; j++)
			v[i] = v[i] << 8 | (uint8_t)seed[i][j];
		v[i] ^= i % 2 ? key.k1 : key.k0;
	}
	for (size_t at = 0; at < padded; at += 8) {
		uint64_t m = 0;

		for (size_t j = 8; j-- > 0;) {
			uint8_t byte = at + j < len ? in[at + j] : 0;

			if (at + j == padded - 1)
				byte = (uint8_t)len;
			m = m << 8 | byte;
		}
		v[3] ^= m;
		slow_rounds(v, c);
		v[0] ^= m;
	}
	v[2] ^= 0xff;
	slow_rounds(v, d);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* From the reference implementation's vectors_sip64, of the inputs "", 00, 00 01, ... and the
 * paper. */
static void reference_vectors(void **state)
{
	uint8_t in[16];

	(void)state;
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	assert_int_equal(siphash24(&paper_key, in, 0), 0x726fdb47dd0e0e31ull);
	assert_int_equal(siphash24(&paper_key, in, 1), 0x74f839c593dc67fdull);
	assert_int_equal(siphash24(&paper_key, in, 2), 0x0d6c8009d9a94f5aull);
	assert_int_equal(siphash24(&paper_key, in, 8), 0x93f5f5799a932462ull);
	assert_int_equal(siphash24(&paper_key, in, 15), 0xa129ca6149be45e5ull);
}

static void siphash24_matches_slow_for_all_tails(void **state)
{
	uint8_t in[67];

	(void)state;
	for (unsigned i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)(i * 37 + 11);
	for (size_t len = 0; len <= 64; len++) {
		for (size_t shift = 0; shift < 3; shift++) {
			assert_int_equal(siphash24(&paper_key, in + shift, len),
					 slow_siphash(2, 4, paper_key, in + shift, len));
		}
	}
}

static void siphash13_matches_slow(void **state)
{
	uint64_t word = 0x123456789abcdefull;
	struct siphash_key key = paper_key;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(siphash13_u64(&key, word),
				 slow_siphash(1, 3, key, (uint8_t *)&word, sizeof(word)));
		word = word * 6364136223846793005ull + 1442695040888963407ull;
		key.k0 += word;
		key.k1 ^= word >> 7;
	}
}

static void random_keys_differ(void **state)
{
	struct siphash_key a, b;

	(void)state;
	assert_int_equal(siphash_key_random(&a), 0);
	assert_int_equal(siphash_key_random(&b), 0);
	assert_memory_not_equal(&a, &b, sizeof(a));
	assert_int_not_equal(siphash13_u64(&a, 1), siphash13_u64(&b, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reference_vectors),
		cmocka_unit_test(siphash24_matches_slow_for_all_tails),
		cmocka_unit_test(siphash13_matches_slow),
		cmocka_unit_test(random_keys_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
