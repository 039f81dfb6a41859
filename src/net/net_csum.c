/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The source of a copy may be guest memory, which changes while it is read: each word is loaded
 * once into a register, hidden from the optimiser so that it cannot be loaded again, and both
 * the sum and the stored copy come from that register. What was summed is what is sent.
 */
#include "net_csum.h"

#include <limits.h>
#include <stdbool.h>

#include "bits.h"

/* Two 64-bit words; plain GNU C, SSE2 or NEON underneath. */
typedef uint64_t csum_vec __attribute__((vector_size(16)));

#define WIDE_MIN 64u	    /* bytes from which on the wider registers pay */
#define WIDE_MAX (1u << 16) /* bytes that an accumulator of 32 bits can take */

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

/* Writes what load_tail has read. */
static inline void store_tail(uint8_t *p, uint64_t v, size_t n)
{
	if (n & 4) {
		put_le32(p, (uint32_t)v);
		p += 4;
		v >>= 32;
	}
	if (n & 2) {
		put_le16(p, (uint16_t)v);
		p += 2;
		v >>= 16;
	}
	if (n & 1)
		*p = (uint8_t)v;
}

static inline csum_vec load_vec(const uint8_t *p)
{
	csum_vec v;

	memcpy(&v, p, sizeof(v));
	__asm__("" : IN_VECTOR_REGISTER(v));
	return v;
}

/* In place of where to copy to, when nothing is copied: steps are counted from it all the same,
 * which C does not allow of NULL. */
static inline uint8_t *no_dst(const void *src)
{
	return (uint8_t *)(uintptr_t)src;
}

/* The next 8 bytes. */
static inline __attribute__((always_inline)) uint64_t csum_word(uint64_t sum, uint8_t *dst,
								const uint8_t *src, bool copy)
{
	uint64_t v = load64(src);

	if (copy)
		put_le64(dst, v);
	return net_csum_join(sum, v);
}

/* The last bytes: what is left of len by 32. */
static inline __attribute__((always_inline)) uint64_t
csum_end(uint64_t sum, uint8_t *dst, const uint8_t *src, size_t len, bool copy)
{
	size_t i = ALIGN_DOWN(len, 32);

	if (len & 16) {
		sum = csum_word(sum, dst + i, src + i, copy);
		sum = csum_word(sum, dst + i + 8, src + i + 8, copy);
		i += 16;
	}
	if (len & 8) {
		sum = csum_word(sum, dst + i, src + i, copy);
		i += 8;
	}
	if (len & 7) {
		uint64_t v = load_tail(src + i, len & 7);

		if (copy)
			store_tail(dst + i, v, len & 7);
		sum = net_csum_join(sum, v);
	}
	return sum;
}

/* On any CPU, any length. Vectors have no carry, so each word's halves go to accumulators of
 * their own, whose upper 32 bits take the carries of 2^32 words. */
static inline __attribute__((always_inline)) uint64_t
csum_any(uint64_t sum, uint8_t *dst, const uint8_t *src, size_t len, bool copy)
{
	const csum_vec low = {UINT32_MAX, UINT32_MAX};
	csum_vec acc[4] = {{0}};

	for (size_t i = 0; i < ALIGN_DOWN(len, 32); i += 32) {
		csum_vec a = load_vec(src + i), b = load_vec(src + i + 16);

		if (copy) {
			memcpy(dst + i, &a, sizeof(a));
			memcpy(dst + i + 16, &b, sizeof(b));
		}
		acc[0] += a & low;
		acc[1] += a >> 32;
		acc[2] += b & low;
		acc[3] += b >> 32;
	}
	acc[0] += acc[1] + acc[2] + acc[3];
	return csum_end(net_csum_join(sum, acc[0][0] + acc[0][1]), dst, src, len, copy);
}

#ifdef __x86_64__
/* Words of 16 bits, as numbers with a sign. */
typedef short csum_wide __attribute__((vector_size(32)));
typedef int csum_wide_acc __attribute__((vector_size(32)));

/* Adds 32 bytes to acc, as pairs of words less 32768 each. */
__attribute__((target("avx2"), always_inline)) static inline csum_wide_acc
wide_step(csum_wide_acc acc, uint8_t *dst, const uint8_t *src, bool copy)
{
	const csum_wide none = {0}, one = none + 1, sign = none + SHRT_MIN;
	csum_wide v;

	memcpy(&v, src, sizeof(v));
	__asm__("" : "+x"(v));
	if (copy)
		memcpy(dst, &v, sizeof(v));
	return acc + (csum_wide_acc)__builtin_ia32_pmaddwd256(v ^ sign, one);
}

/* WIDE_MIN to WIDE_MAX bytes. */
__attribute__((target("avx2"), always_inline)) static inline uint64_t
csum_wide_of(uint64_t sum, uint8_t *dst, const uint8_t *src, size_t len, bool copy)
{
	size_t i = 0, end = ALIGN_DOWN(len, 32);
	csum_wide_acc acc = {0};
	int part = 0;

	for (; end - i >= 128; i += 128) {
		acc = wide_step(acc, dst + i, src + i, copy);
		acc = wide_step(acc, dst + i + 32, src + i + 32, copy);
		acc = wide_step(acc, dst + i + 64, src + i + 64, copy);
		acc = wide_step(acc, dst + i + 96, src + i + 96, copy);
	}
	for (; i < end; i += 32)
		acc = wide_step(acc, dst + i, src + i, copy);
	for (unsigned k = 0; k < 8; k++)
		part += acc[k];
	sum = net_csum_join(sum, (uint64_t)(part + (int64_t)(end / 2) * 32768));
	return csum_end(sum, dst, src, len, copy);
}

__attribute__((target("avx2"))) static uint64_t csum_wide_add(uint64_t sum, const uint8_t *src,
							      size_t len)
{
	return csum_wide_of(sum, no_dst(src), src, len, false);
}

__attribute__((target("avx2"))) static uint64_t csum_wide_copy(uint64_t sum, uint8_t *dst,
							       const uint8_t *src, size_t len)
{
	return csum_wide_of(sum, dst, src, len, true);
}

static bool is_wide(size_t len)
{
	return len >= WIDE_MIN && len <= WIDE_MAX && __builtin_cpu_supports("avx2");
}

uint64_t net_csum_add(uint64_t sum, const void *buf, size_t len)
{
	return is_wide(len) ? csum_wide_add(sum, buf, len)
			    : csum_any(sum, no_dst(buf), buf, len, false);
}

uint64_t net_csum_copy(uint64_t sum, void *dst, const void *src, size_t len)
{
	return is_wide(len) ? csum_wide_copy(sum, dst, src, len)
			    : csum_any(sum, dst, src, len, true);
}
#else
uint64_t net_csum_add(uint64_t sum, const void *buf, size_t len)
{
	return csum_any(sum, no_dst(buf), buf, len, false);
}

uint64_t net_csum_copy(uint64_t sum, void *dst, const void *src, size_t len)
{
	return csum_any(sum, dst, src, len, true);
}
#endif

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
