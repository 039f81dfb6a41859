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
	size_t off = 0, last = (size_t)len - 16;

	if (len < 16) {
		for (; off < len; off++)
			dst[off] = src[off];
		return;
	}
	for (; off + 48 <= last; off += 64) {
		copy_16(dst + off, src + off);
		copy_16(dst + off + 16, src + off + 16);
		copy_16(dst + off + 32, src + off + 32);
		copy_16(dst + off + 48, src + off + 48);
	}
	for (; off < last; off += 16)
		copy_16(dst + off, src + off);
	/* The end again, so that it is 16 bytes, too. */
	copy_16(dst + last, src + last);
}

#endif
