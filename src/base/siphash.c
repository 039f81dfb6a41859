/* SPDX-License-Identifier: BSD-3-Clause */
#include "siphash.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/types.h>

#include "bits.h"

struct sip {
	uint64_t v0, v1, v2, v3;
};

static inline uint64_t rotl(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* The ARX network of the paper, figure 2.1. */
static inline void sip_round(struct sip *s)
{
	s->v0 += s->v1;
	s->v2 += s->v3;
	s->v1 = rotl(s->v1, 13) ^ s->v0;
	s->v3 = rotl(s->v3, 16) ^ s->v2;
	s->v0 = rotl(s->v0, 32);
	s->v2 += s->v1;
	s->v0 += s->v3;
	s->v1 = rotl(s->v1, 17) ^ s->v2;
	s->v3 = rotl(s->v3, 21) ^ s->v0;
	s->v2 = rotl(s->v2, 32);
}

/* The constants spell "somepseudorandomlygeneratedbytes". */
static inline struct sip sip_init(const struct siphash_key *key)
{
	return (struct sip){
		.v0 = key->k0 ^ 0x736f6d6570736575ull,
		.v1 = key->k1 ^ 0x646f72616e646f6dull,
		.v2 = key->k0 ^ 0x6c7967656e657261ull,
		.v3 = key->k1 ^ 0x7465646279746573ull,
	};
}

static inline void sip_word(struct sip *s, uint64_t word, unsigned rounds)
{
	s->v3 ^= word;
	for (unsigned i = 0; i < rounds; i++)
		sip_round(s);
	s->v0 ^= word;
}

static inline uint64_t sip_final(struct sip *s, unsigned rounds)
{
	s->v2 ^= 0xff;
	for (unsigned i = 0; i < rounds; i++)
		sip_round(s);
	return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

int siphash_key_random(struct siphash_key *ret_key)
{
	struct siphash_key key;
	ssize_t n;

	/* Up to 256 bytes come whole; a signal can only interrupt the wait for the first seed.
	 */
	do {
		n = getrandom(&key, sizeof(key), 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
#ifdef LADON_BREAK_HASH_KEY
	key = (struct siphash_key){0};
#endif
	*ret_key = key;
	return 0;
}

uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len)
{
	struct sip s = sip_init(key);
	const uint8_t *p = data;
	uint64_t last = (uint64_t)len << 56;
	size_t whole = len & ~(size_t)7;

	for (size_t i = 0; i < whole; i += 8)
		sip_word(&s, get_le64(p + i), 2);
	for (size_t i = whole; i < len; i++)
		last |= (uint64_t)p[i] << (8 * (i & 7));
	sip_word(&s, last, 2);
	return sip_final(&s, 4);
}

uint64_t siphash13_u64(const struct siphash_key *key, uint64_t word)
{
	struct sip s = sip_init(key);

	sip_word(&s, word, 1);
	sip_word(&s, (uint64_t)sizeof(word) << 56, 1);
	return sip_final(&s, 3);
}
