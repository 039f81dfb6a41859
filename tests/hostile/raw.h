/* SPDX-License-Identifier: BSD-3-Clause */
/* raw.h - a VF whose transmit ring the attacker writes himself, behind libladon's back. */
#ifndef LADON_TESTS_HOSTILE_RAW_H
#define LADON_TESTS_HOSTILE_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include <ladon/igbvf.h>

#include "igbvf_regs.h"

#define RAW_RING    256u
#define RAW_BUF	    4096u /* a page, one for each descriptor */
#define RAW_NOWHERE 0x7700000000ull

struct raw {
	struct ladon_function *fn;
	struct ladon_igbvf *vf;
	uint8_t mac[6];
	struct ladon_dma *dma;
	volatile struct igbvf_desc *desc;
	uint8_t *buf;
	uint64_t buf_iova;
	uint32_t tail;
	uint64_t sent; /* descriptors announced */
};

/* Attaches, shakes hands as a driver does, and puts the transmit queue onto memory of its own.
 * 0 or -errno. */
int raw_open(struct raw *raw, const char *path);
void raw_close(struct raw *raw);
/* A data descriptor for a whole frame in buffer i. */
void raw_desc(struct raw *raw, uint32_t i, uint32_t len);
/* Announces as many descriptors as the ring has room for, at most max. Returns how many. */
uint32_t raw_announce(struct raw *raw, uint32_t max);
/* Ethernet header and len bytes of fill behind it, into buffer i. */
void raw_frame(struct raw *raw, uint32_t i, const uint8_t *dst, uint16_t type, uint8_t fill,
	       uint32_t len);
/* xorshift64*: the same in every run. */
uint32_t raw_random(void);

#endif
