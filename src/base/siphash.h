/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * siphash.h - SipHash (Aumasson, Bernstein 2012), the keyed hash for tables whose keys an
 * attacker chooses (MAC addresses). siphash13_u64 hashes one 64-bit word with 1 compression and
 * 3 finalisation rounds: enough against flooding, about 5 ns.
 */
#ifndef LADON_BASE_SIPHASH_H
#define LADON_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
	uint64_t k0, k1;
};

/* Fills key from getrandom(2). Returns 0 or -errno. */
int siphash_key_random(struct siphash_key *ret_key);

/* SipHash-2-4 of len bytes: the reference function, for test vectors and cold tables. */
uint64_t siphash24(const struct siphash_key *key, const void *data, size_t len);

/* SipHash-1-3 of the 8 little-endian bytes of word. */
uint64_t siphash13_u64(const struct siphash_key *key, uint64_t word);

#endif
