/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * copy.h - copies of a header's length, in the caller's own code: by the time that the C
 * library's has found out how long it is, these are done.
 */
#ifndef LADON_BASE_COPY_H
#define LADON_BASE_COPY_H

#include <stdint.h>
#include <string.h>

/* Plain GNU C, SSE2 or NEON underneath. */
typedef uint64_t copy_vec __attribute__((vector_size(16)));

/* 16 bytes in one register; either may be unaligned. */
static inline void copy_16(uint8_t *dst, const uint8_t *src)
{
	copy_vec v;

	memcpy(&v, src, sizeof(v));
	memcpy(dst, &v, sizeof(v));
}

/*
 * len bytes, meant for a few cache lines at most; the two do not overlap. Not one byte beyond
 * either is touched.
 */
static inline void copy_small(uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t off = 0;

	if (len < 16) {
		for (; off < len; off++)
			dst[off] = src[off];
		return;
	}
	for (; off + 16 <= len; off += 16)
		copy_16(dst + off, src + off);
	/* The end again, so that it is 16 bytes, too. */
	copy_16(dst + len - 16, src + len - 16);
}

#endif
