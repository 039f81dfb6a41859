/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_csum.h - the Internet checksum (RFC 1071) and CRC32c (SCTP, RFC 9260 appendix A).
 *
 * A partial sum is a 64-bit accumulator over native 16/32/64-bit words with end-around carry;
 * an odd length pads with zero, so the sum of a part that begins at an odd offset of the
 * message must go through net_csum_swap before it is added with net_csum_join.
 */
#ifndef LADON_NET_CSUM_H
#define LADON_NET_CSUM_H

#include <stddef.h>
#include <stdint.h>

#include "bits.h"

/* sum + the bytes of buf. */
uint64_t net_csum_add(uint64_t sum, const void *buf, size_t len);
/* Copies and sums in one pass: each source byte is read once. */
uint64_t net_csum_copy(uint64_t sum, void *dst, const void *src, size_t len);
/* The sum of a header's bytes, in the caller's own code; a few dozen at most. */
static inline uint64_t net_csum_short(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;
	size_t i = 0;

	for (; i + 16 <= len; i += 16)
		sum += (uint64_t)get_le32(p + i) + get_le32(p + i + 4) + get_le32(p + i + 8) +
		       get_le32(p + i + 12);
	for (; i + 4 <= len; i += 4)
		sum += get_le32(p + i);
	if (len & 2) {
		sum += get_le16(p + i);
		i += 2;
	}
	return len & 1 ? sum + p[i] : sum;
}

/* Folds to 16 bits, not inverted, in network byte order as in memory (put_le16): halves are
 * added crosswise, so that the carry of the lower sum is in the upper one. */
static inline uint16_t net_csum_fold(uint64_t sum)
{
	uint32_t half = (uint32_t)((sum + (sum << 32 | sum >> 32)) >> 32);

	return (uint16_t)((half + (half << 16 | half >> 16)) >> 16);
}

/* part, the sum of bytes that begin at an odd offset of the message, made addable: 2^64 = 1
 * modulo ffff, so a rotation by 8 is a multiplication by 256, and every byte changes its side.
 */
static inline uint64_t net_csum_swap(uint64_t part)
{
	return part << 8 | part >> 56;
}

/* The sum of two parts. */
static inline uint64_t net_csum_join(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? sum + 1 : sum;
}

/* CRC32c of buf, continuing crc (start with ~0u; the stored value is ~crc, little-endian). Uses
 * SSE4.2 where the CPU has it, else is net_crc32c_table. */
uint32_t net_crc32c(uint32_t crc, const void *buf, size_t len);
/* The same while copying; each source byte is read once. */
uint32_t net_crc32c_copy(uint32_t crc, void *dst, const void *src, size_t len);
/* The same on any CPU; dst may be NULL (no copy). */
uint32_t net_crc32c_table(uint32_t crc, void *dst, const void *src, size_t len);

#endif
