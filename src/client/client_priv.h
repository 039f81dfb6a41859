/* SPDX-License-Identifier: BSD-3-Clause */
/* client_priv.h - what the files of libladon know of a function and its memory. */
#ifndef LADON_CLIENT_PRIV_H
#define LADON_CLIENT_PRIV_H

#include <ladon/ladon.h>

#include "vfu_client.h"

#define FN_BARS	      6
#define FN_TIMEOUT_MS 5000
#define FN_IRQ_BATCH  16u /* eventfds in one message: what every server takes */

struct fn_bar {
	uint64_t size;	    /* 0 = absent */
	uint8_t *map;	    /* the mappable area, NULL = all accesses trap; owned */
	uint64_t map_start; /* of the area, in the BAR */
	uint64_t map_size;
};

struct ladon_dma {
	struct ladon_function *function; /* borrowed */
	struct ladon_dma *next;		 /* ascending IOVA */
	uint8_t *ptr;			 /* owned mapping */
	uint64_t iova;
	size_t size;
	bool read_only;
};

struct ladon_function {
	struct vfu_client *client; /* owned */
	struct fn_bar bar[FN_BARS];
	unsigned irqs;
	struct ladon_dma *dma; /* list, owned */
};

/*
 * Posted interrupts for a poll(2) of the driver's own. posted_arm takes what is there, and asks
 * for notifications: true = more has come meanwhile, do not sleep. posted_disarm wants none any
 * more, and takes what is there; *ret_bits as of ladon_posted_poll.
 */
int posted_fd(const struct ladon_posted *posted);
bool posted_arm(struct ladon_posted *posted, uint64_t *ret_bits);
void posted_disarm(struct ladon_posted *posted, uint64_t *ret_bits);

/* Server's DMA messages: the memory behind [addr, addr + len), or NULL. */
void *dma_behind(void *arg, uint64_t addr, uint64_t len, bool write);

#endif
