/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source of a copy may be guest memory, which changes while it is read: each word is loaded
 * once into a register, hidden from the optimiser so that it cannot be loaded again, and both
 * the sum and the stored copy come from that register. What was summed is what is sent.
 */
#include "net_csum.h"

#include <stdbool.h>

#include "bits.h"

/* Two 64-bit words; plain GNU C, SSE2 or NEON underneath. */
typedef uint64_t csum_vec __attribute__((vector_size(16)));

#define WIDE_MIN 128u /* bytes from which on the wider registers pay */

#ifdef __x86_64__
#define IN_VECTOR_REGISTER "+x"
#else
#define IN_VECTOR_REGISTER "+w"
#endif

static inline uint64_t load64(const uint8_t *p)
{
	uint64_t v = get_le64(p);

	__asm__("" : "+r"(v));
	return v;
}

/* The last n < 8 bytes, zeros above; each byte is read once. */
static inline uint64_t load_tail(const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	unsigned shift = 0;

	if (n & 4) {
		v = get_le32(p);
		p += 4;
		shift = 32;
	}
	if (n & 2) {
		v |= (uint64_t)get_le16(p) << shift;
		p += 2;
		shift += 16;
	}
	if (n & 1)
		v |= (uint64_t)*p << shift;
	__asm__("" : "+r"(v));
	return v;
}

static inline csum_vec load_vec(const uint8_t *p)
{
	csum_vec v;

	memcpy(&v, p, sizeof(v));
	__asm__("" : IN_VECTOR_REGISTER(v));
	return v;
}

#ifdef __x86_64__
typedef uint64_t csum_wide __attribute__((vector_size(32)));

static bool wide_in_cpu(void)
{
	return __builtin_cpu_supports("avx2");
}

__attribute__((target("avx2"), always_inline)) static inline csum_wide
load_wide(const uint8_t *p)
{
	csum_wide v;

	memcpy(&v, p, sizeof(v));
	__asm__("" : "+x"(v));
	return v;
}

/* The sum of len bytes, a multiple of 64; dst NULL: no copy. As csum() does it, in registers of
 * twice the width. */
__attribute__((target("avx2"))) static uint64_t csum_wide_of(uint8_t *dst, const uint8_t *src,
							     size_t len)
{
	const csum_wide low = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX};
	csum_wide acc[4] = {{0}};

	for (size_t i = 0; i < len; i += 64) {
		csum_wide a = load_wide(src + i), b = load_wide(src + i + 32);

		if (dst) {
			memcpy(dst + i, &a, sizeof(a));
			memcpy(dst + i + 32, &b, sizeof(b));
		}
		acc[0] += a & low;
		acc[1] += a >> 32;
		acc[2] += b & low;
		acc[3] += b >> 32;
	}
	acc[0] += acc[1] + acc[2] + acc[3];
	return net_csum_join(net_csum_join(acc[0][0], acc[0][1]),
			     net_csum_join(acc[0][2], acc[0][3]));
}
#else
static bool wide_in_cpu(void)
{
	return false;
}

static uint64_t csum_wide_of(uint8_t *dst, const uint8_t *src, size_t len)
{
	(void)dst;
	(void)src;
	(void)len;
	return 0;
}
#endif

/*
 * Vectors have no carry, so each word's halves go to accumulators of their own, whose upper 32
 * bits take the carries of 2^32 words. dst NULL: no copy.
 */
static inline __attribute__((always_inline)) uint64_t csum(uint64_t sum, uint8_t *dst,
							   const uint8_t *src, size_t len)
{
	const csum_vec low = {UINT32_MAX, UINT32_MAX};
	csum_vec acc[4] = {{0}};
	uint64_t v;
	size_t i = 0;

	if (len >= WIDE_MIN && wide_in_cpu()) {
		i = len / 64 * 64;
		sum = net_csum_join(sum, csum_wide_of(dst, src, i));
	}
	for (; len - i >= 32; i += 32) {
		csum_vec a = load_vec(src + i), b = load_vec(src + i + 16);

		if (dst) {
			memcpy(dst + i, &a, sizeof(a));
			memcpy(dst + i + 16, &b, sizeof(b));
		}
		acc[0] += a & low;
		acc[1] += a >> 32;
		acc[2] += b & low;
		acc[3] += b >> 32;
	}
	acc[0] += acc[1] + acc[2] + acc[3];
	sum = net_csum_join(sum, acc[0][0] + acc[0][1]);
	for (; len - i >= 8; i += 8) {
		v = load64(src + i);
		if (dst)
			put_le64(dst + i, v);
		sum = net_csum_join(sum, v);
	}
	if (i < len) {
		v = load_tail(src + i, len - i);
		if (dst)
			memcpy(dst + i, &v, len - i);
		sum = net_csum_join(sum, v);
	}
	return sum;
}

uint64_t net_csum_add(uint64_t sum, const void *buf, size_t len)
{
	return csum(sum, NULL, buf, len);
}

uint64_t net_csum_copy(uint64_t sum, void *dst, const void *src, size_t len)
{
	return csum(sum, dst, src, len);
}

uint16_t net_csum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (uint32_t)sum; /* 33 bits */
	sum = (sum >> 16) + (uint16_t)sum; /* 18 bits */
	sum = (sum >> 16) + (uint16_t)sum; /* 17 bits */
	sum = (sum >> 16) + (uint16_t)sum;
	return (uint16_t)sum;
}

/* 2^64 = 1 modulo ffff, so a rotation by 8 is a multiplication by 256: every byte changes its
 * side. */
uint64_t net_csum_swap(uint64_t part)
{
	return part << 8 | part >> 56;
}

/* The reflected polynomial 82f63b78, four bits at a time. */
static uint32_t crc_byte(uint32_t crc, uint8_t byte)
{
	static const uint32_t nibble[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	crc ^= byte;
	crc = crc >> 4 ^ nibble[crc & 15];
	return crc >> 4 ^ nibble[crc & 15];
}

uint32_t net_crc32c_table(uint32_t crc, void *dst, const void *src, size_t len)
{
	const uint8_t *from = src;
	uint8_t *to = dst;

	for (size_t i = 0; i < len; i++) {
		uint8_t byte = *(const volatile uint8_t *)(from + i);

		if (to)
			to[i] = byte;
		crc = crc_byte(crc, byte);
	}
	return crc;
}

#ifdef __x86_64__
static bool crc_in_cpu(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) static uint32_t crc_cpu(uint32_t crc, uint8_t *dst,
							  const uint8_t *src, size_t len)
{
	uint64_t wide = crc;
	size_t i = 0;

	for (; len - i >= 8; i += 8) {
		uint64_t v = load64(src + i);

		if (dst)
			put_le64(dst + i, v);
		wide = __builtin_ia32_crc32di(wide, v);
	}
	crc = (uint32_t)wide;
	for (; i < len; i++) {
		uint8_t byte = *(const volatile uint8_t *)(src + i);

		if (dst)
			dst[i] = byte;
		crc = __builtin_ia32_crc32qi(crc, byte);
	}
	return crc;
}
#else
static bool crc_in_cpu(void)
{
	return false;
}

static uint32_t crc_cpu(uint32_t crc, uint8_t *dst, const uint8_t *src, size_t len)
{
	return net_crc32c_table(crc, dst, src, len);
}
#endif

uint32_t net_crc32c(uint32_t crc, const void *buf, size_t len)
{
	return crc_in_cpu() ? crc_cpu(crc, NULL, buf, len)
			    : net_crc32c_table(crc, NULL, buf, len);
}

uint32_t net_crc32c_copy(uint32_t crc, void *dst, const void *src, size_t len)
{
	return crc_in_cpu() ? crc_cpu(crc, dst, src, len)
			    : net_crc32c_table(crc, dst, src, len);
}
