/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fake_server.h - for tests: a thread that serves one function over a socket pair, with just
 * enough of a register model: BAR0 of a VF in memory (queue pages mappable if asked), a mailbox
 * whose PF answers as told, and a table of DMA maps. What it saw may be read after any call
 * that had a reply.
 */
#ifndef LADON_FAKE_SERVER_H
#define LADON_FAKE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "vfu_conn.h"

#define FAKE_BAR0  0x4000u
#define FAKE_QPAGE 0x2000u
#define FAKE_MAPS  16

struct fake_map {
	uint64_t addr, size;
	uint32_t prot;
	uint8_t *ptr; /* NULL = free slot */
};

struct fake {
	/* Set before fake_start. */
	bool mappable;	     /* the queue pages */
	bool nack;	     /* the PF refuses everything but RESET */
	bool no_mac;	     /* ... and has no address */
	bool silent;	     /* ... or never answers */
	bool ping_first;     /* the PF speaks first, once a request */
	unsigned lock_after; /* VFU reads back set only after so many tries */
	int refuse;	     /* version() gives this */
	bool dma_refused;    /* dma_map() gives -ENOSPC */
	bool can_post;	     /* knows posted interrupts */

	/* Seen. */
	unsigned resets, irq_calls, ctrl_resets;
	char token[37];
	uint32_t msg[16]; /* last mailbox message */
	unsigned msgs;
	int irq_fd[3]; /* -1 = none */
	struct vfu_feature_posted posted;
	struct fake_map map[FAKE_MAPS];
	uint8_t config[4096];
	uint32_t *bar0;
	int bar0_fd;

	/* Its own. */
	uint32_t r2c, mbx[16], reply[16];
	bool vfu, reply_waits;
	int fd;
	pthread_t thread;
	struct vfu_conn *conn;
};

/* Starts the thread. Returns the client's end of the socket. */
int fake_start(struct fake *f);
/* After the client's end was closed: joins and frees. */
void fake_stop(struct fake *f);
/* The server's view of [iova, iova + len), NULL when not mapped. */
void *fake_dma(struct fake *f, uint64_t iova, uint64_t len);
unsigned fake_num_maps(const struct fake *f);

#endif
