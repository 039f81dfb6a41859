/* SPDX-License-Identifier: BSD-3-Clause */
/* demo_net.h - the drivers of the demo: VFs attached to a private card, frames between them. */
#ifndef LADON_CLI_DEMO_NET_H
#define LADON_CLI_DEMO_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "demo_driver.h"

#define DEMO_VFS 7u

struct demo {
	struct demo_daemon daemon;
	struct demo_driver drv[DEMO_VFS];
	uint32_t seq; /* of the last frame made: what is received is known by it */
};

/* Attaches VF n and opens its driver. Returns 0 or -errno. */
int demo_vf_open(struct demo *d, unsigned n);
void demo_vf_close(struct demo *d, unsigned n);

/* A frame of the demo with a number of its own, which it carries. NULL = no buffer. */
struct ladon_buf *demo_frame(struct demo *d, unsigned from, const uint8_t *dst,
			     const uint8_t *src, uint16_t type);
/* Hands it to the card. Returns 0 or -errno. */
int demo_send(struct demo *d, unsigned n, struct ladon_buf *frame);
/* Takes frames at VF n until the one with number seq comes (true), or for timeout_ms (false).
 */
bool demo_await(struct demo *d, unsigned n, uint32_t seq, int timeout_ms);
/* Sends one ordinary frame from a to b: does it arrive? */
bool demo_passes(struct demo *d, unsigned a, unsigned b);
/*
 * Sends frame from VF a, and after it an ordinary one from a to fence. Did the former reach VF
 * b? The fence shows that it has been judged: nothing is guessed from silence. *ret_fence: did
 * that one arrive.
 */
bool demo_leaks(struct demo *d, unsigned a, struct ladon_buf *frame, unsigned b, unsigned fence,
		bool *ret_fence);

#endif
