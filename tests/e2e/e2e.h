/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * e2e.h - what the end-to-end tests share: a ladond of their own with one card of seven VFs,
 * VFs opened by number, frames as plain bytes, and raw queues for what the driver would never
 * do.
 *
 * Nothing sleeps to see that a frame did NOT come: a fence, an ordinary frame from the same
 * sender, is sent after it, and what was sent before is judged before (one queue is served in
 * order).
 */
#ifndef LADON_TESTS_E2E_H
#define LADON_TESTS_E2E_H

#include <stdbool.h>
#include <stdint.h>

#include <ladon/igbvf.h>

#include "demo_daemon.h"
#include "igbvf_regs.h"

#define E2E_VFS	      7
#define E2E_FRAME_MAX (256u * 1024)
#define ETH_LEN	      14

struct e2e {
	struct demo_daemon daemon;
	bool mapped; /* doorbells */
	/* Where VF n is served, into buf of DEMO_PATH_MAX bytes; NULL: at the daemon. */
	const char *(*socket)(unsigned n, char *buf);
	struct ladon_function *fn[E2E_VFS];
	struct ladon_igbvf *vf[E2E_VFS];
	uint8_t mac[E2E_VFS][6];
};
extern struct e2e e2e;

/* cmocka group fixtures: the daemon with and without mapped doorbells; per test: all VFs
 * closed. */
int e2e_setup_mapped(void **state);
int e2e_setup_trapped(void **state);
int e2e_teardown(void **state);
int e2e_close_all(void **state);
/* $LADOND, or exit 77 with the reason. */
const char *e2e_ladond(void);
/* The line of configuration of the card that tests are made on. */
const char *e2e_card(void);

/* Attaches and opens VF n; config NULL = defaults. */
void e2e_attach(unsigned n);
void e2e_open(unsigned n, const struct ladon_igbvf_config *config);
void e2e_close(unsigned n);

/* A frame as bytes, and what is asked or said of it. */
struct e2e_frame {
	uint32_t len;
	struct ladon_buf meta; /* flags, vlan_tci, offload lengths; pointers unused */
	uint8_t bytes[E2E_FRAME_MAX];
};

/* Ethernet header from VF n's own address; payload is counted up from seed. */
void e2e_eth(struct e2e_frame *f, const uint8_t *dst, unsigned from, uint16_t type,
	     uint32_t payload, uint8_t seed);
/* Sends; asserts that the ring takes it within 2 s. */
void e2e_send(unsigned n, const struct e2e_frame *f);
/* Takes the next frame, waiting up to 2 s; false = none came. */
bool e2e_receive(unsigned n, struct e2e_frame *f);
/* The same, but what arrives must be these bytes. */
void e2e_expect(unsigned n, const struct e2e_frame *f);
/* VF from sends a fence to VF n, and it must be the very next frame there. */
void e2e_expect_nothing(unsigned from, unsigned n);
/* num numbered frames from a to b, at most 64 under way; all must arrive, in order, unharmed.
 */
void e2e_stream(unsigned a, unsigned b, unsigned num);
/* One small frame either way: the two VFs work. */
void e2e_healthy(unsigned a, unsigned b);

/* A ring that the test programs itself, with buffers of 2 KiB. */
struct e2e_ring {
	unsigned n; /* VF, attached */
	struct ladon_dma *dma;
	volatile struct igbvf_desc *desc;
	uint8_t *buf;
	uint64_t desc_iova, buf_iova;
	uint32_t num;
	uint32_t regs; /* VF_RDBAL or VF_TDBAL */
};
/* Memory and registers, ENABLE included; srrctl for receive rings. */
void e2e_ring_start(struct e2e_ring *r, unsigned n, bool rx, uint32_t num, uint32_t srrctl);
void e2e_ring_stop(struct e2e_ring *r);
/* Shakes hands with the PF as a driver does, without one: the VF may send and receive. */
void e2e_handshake(unsigned n);
void e2e_write(unsigned n, uint32_t reg, uint32_t value);
uint32_t e2e_read(unsigned n, uint32_t reg);

uint64_t e2e_now_us(void);
/* xorshift64*: the same sequence in every run. */
uint32_t e2e_random(void);

#endif
