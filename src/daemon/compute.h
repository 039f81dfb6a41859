/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compute.h - a compute host as the management host sees it: a process (ladon-host) on the
 * other side of a bridge, which runs VMs and has VFs of our cards assigned to it.
 *
 * `host add` makes it known, with its key. It is absent until it joins, by the fabric's socket
 * (RUN/fabric.sock). Then it offers memory, writes tables of its own, and opens its VFs.
 *
 *   absent -- JOIN, key right --> joined -- LEAVE, silence, an error of its own --> absent
 *
 * Leaving revokes: the way to its memory is shut first, all DMA on it has drained, and only
 * then its memory is unmapped, its VFs' clients are dropped and the VFs reset. Each joining is
 * an epoch of its own.
 *
 * Its memory lies in the global address map as a slice; device-side address = slice base + the
 * host's address. A function of the host reaches that slice only, and there only what the
 * host's own tables say.
 *
 * Control thread only, but for what the route reads.
 */
#ifndef LADON_DAEMON_COMPUTE_H
#define LADON_DAEMON_COMPUTE_H

#include "compute_port.h"
#include "compute_regs.h"
#include "fabric.h"
#include "host.h"
#include "iommu_domain.h"
#include "log.h"
#include "ntb_port.h"
#include "uuid.h"
#include "words.h"

#define COMPUTE_BEATS	   3u  /* of silence, and the lease is over */
#define COMPUTE_LEASE_MS   30u /* if `host add` says no other */
#define COMPUTE_LEASE_MIN  30u
#define COMPUTE_LEASE_MAX  10000u
#define COMPUTE_SLICE_BITS NTB_SLICE_MIN
#define COMPUTE_WINDOWS	   4096u	/* pieces of memory that a host may offer */
#define COMPUTE_BYTES_MAX  (1ull << 40) /* of memory in them */

struct compute_out;
struct daemon;
struct json_object;
struct loop_fd;
struct loop_timer;

/* A piece of memory that the host has offered. */
struct compute_window {
	struct iommu_slice slice;
	struct iommu_mem *mem; /* owned */
	struct compute_window *next;
};

struct compute {
	struct host host; /* first, so that a function's host can be told from it */
	struct daemon *daemon;
	struct compute *next;
	unsigned slot; /* of the global address map */
	uint8_t key[UUID_SIZE];
	struct ntb_port port;		    /* of the bridge: windows, who is admitted */
	int fd;				    /* owned, -1 = absent */
	struct loop_fd *source;		    /* owned */
	struct loop_timer *turn;	    /* owned: beats, silence */
	struct loop_timer *queue;	    /* owned: the rest of its invalidation queue */
	uint64_t epoch;			    /* 0 = absent */
	unsigned lease_ms;		    /* COMPUTE_LEASE_MIN ... MAX */
	struct compute_out *out, **out_end; /* owned: what it has not been told yet */
	unsigned num_out;
	unsigned unread; /* beats since it took something of that */
	unsigned silent; /* beats since it was heard, of those on which we were awake */
	pid_t pid;
	uid_t uid;
	struct compute_window *windows; /* owned */
	struct compute_window *irt; /* one of them: where its interrupt-remapping table is */
	unsigned num_windows;
	uint64_t bytes;
	uint64_t joins, lost, refused;
	struct compute_refusals refusals; /* of the port's */
	struct compute_regs regs;	  /* while it is joined */
	struct log_limit log;
};

/* The fabric's socket, served from now on. Returns 0, or -errno with a sentence. */
int compute_serve(struct daemon *daemon, struct cmd_error *error);
/* All hosts go, and the socket. Functions are gone. */
void compute_end(struct daemon *daemon);

/* lease_ms is good. -EEXIST, -ENOSPC, -ENOMEM with a sentence. */
int compute_add(struct daemon *daemon, const char *name, const uint8_t key[UUID_SIZE],
		unsigned lease_ms, struct cmd_error *error);
/* -EBUSY while VFs are assigned to it. */
int compute_del(struct compute *compute, struct cmd_error *error);
/* By name; NULL. */
struct compute *compute_find(struct daemon *daemon, const char *name);
/* NULL: the host is the one in this process. */
struct compute *compute_of(struct host *host);

/* A function came to the host, or is about to go: tells the host. */
void compute_tell_assigned(struct compute *compute, const struct function *fn, bool assigned);

#endif
