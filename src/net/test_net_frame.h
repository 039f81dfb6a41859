/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_net_frame.h - frames for the tests, put together header by header. Lengths inside the
 * headers are the caller's words, so that a frame can lie.
 */
#ifndef LADON_TEST_NET_FRAME_H
#define LADON_TEST_NET_FRAME_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"

struct frame {
	uint8_t b[2048];
	uint32_t len;
};

static inline uint8_t *frame_push(struct frame *f, uint32_t n)
{
	uint8_t *at = f->b + f->len;

	memset(at, 0, n);
	f->len += n;
	return at;
}

/* Two addresses; the type is the next push's. */
static inline void frame_eth(struct frame *f)
{
	f->len = 0;
	memcpy(frame_push(f, 12), "\x52\x54\0\0\0\x02\x52\x54\0\0\0\x01", 12);
}

static inline void frame_tag(struct frame *f, uint16_t tpid, uint16_t tci)
{
	uint8_t *h = frame_push(f, 4);

	put_be16(h, tpid);
	put_be16(h + 2, tci);
}

static inline void frame_type(struct frame *f, uint16_t type)
{
	put_be16(frame_push(f, 2), type);
}

/* 20 + options bytes; total is the total length word. Returns the header. */
static inline uint8_t *frame_ipv4(struct frame *f, uint8_t proto, uint32_t options,
				  uint16_t total)
{
	uint8_t *h = frame_push(f, 20 + options);

	h[0] = (uint8_t)(0x40 | (5 + options / 4));
	put_be16(h + 2, total);
	put_be16(h + 4, 0xfffe); /* ID: wraps soon */
	h[8] = 64;
	h[9] = proto;
	memcpy(h + 12, "\x0a\x01\x02\x03\xc0\xa8\xff\xfe", 8);
	memset(h + 20, 1, options); /* no-operation */
	return h;
}

static inline uint8_t *frame_ipv6(struct frame *f, uint8_t next, uint16_t payload)
{
	uint8_t *h = frame_push(f, 40);

	h[0] = 0x60;
	put_be16(h + 4, payload);
	h[6] = next;
	h[7] = 64;
	for (unsigned i = 8; i < 40; i++)
		h[i] = (uint8_t)(i * 29);
	return h;
}

/* An extension header of 8 * (1 + more) bytes. */
static inline uint8_t *frame_ext(struct frame *f, uint8_t next, uint8_t more)
{
	uint8_t *h = frame_push(f, 8u * (1u + more));

	h[0] = next;
	h[1] = more;
	return h;
}

static inline uint8_t *frame_tcp(struct frame *f, uint32_t options, uint8_t flags)
{
	uint8_t *h = frame_push(f, 20 + options);

	put_be16(h, 1234);
	put_be16(h + 2, 80);
	put_be32(h + 4, 0xfffffff0); /* the sequence wraps soon */
	h[12] = (uint8_t)((5 + options / 4) << 4);
	h[13] = flags;
	memset(h + 20, 1, options);
	return h;
}

static inline uint8_t *frame_udp(struct frame *f, uint16_t length)
{
	uint8_t *h = frame_push(f, 8);

	put_be16(h, 1234);
	put_be16(h + 2, 53);
	put_be16(h + 4, length);
	return h;
}

static inline uint8_t *frame_sctp(struct frame *f)
{
	uint8_t *h = frame_push(f, 12);

	put_be16(h, 1234);
	put_be16(h + 2, 2905);
	put_be32(h + 4, 0xdeadbeef);
	return h;
}

#endif
