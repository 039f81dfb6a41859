/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function.h - one virtual function as it is served: the vfio-user socket in front,
 * configuration space, address space and device model behind.
 *
 *   function.c      its life, clients coming and going, resets
 *   function_dev.c  regions and interrupts as the client asks for them (struct vfu_dev_ops)
 *   function_dma.c  the client's memory
 *   function_msg.c  DMA by messages, where that memory cannot be mapped
 *
 * Control thread only.
 *
 * States of a function: idle (nobody attached: configuration space and VF at reset values, no
 * mapping, no eventfd) -- connected --> attached -- disconnected --> idle. A reset while
 * attached keeps mappings and eventfds.
 */
#ifndef LADON_DAEMON_FUNCTION_H
#define LADON_DAEMON_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "i82576_vf.h"
#include "log.h"
#include "loop.h"
#include "pci_config.h"
#include "vfu_sock.h"

struct daemon;
struct card;
struct host;

#define FUNCTION_NAME_MAX 32
#define FUNCTION_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

/* Who is attached. */
struct function_client {
	bool attached;
	pid_t pid;
	uid_t uid;
	time_t since;	   /* CLOCK_REALTIME, seconds */
	uint64_t since_ns; /* clock_ns() */
	const char *kind;  /* "qemu" | "vfio-user", static */
	bool regions_told; /* it has been told of BAR0: what it may map is settled */
	bool mapped;	   /* it was offered the queue pages */
	bool msg_mode;	   /* its memory has no file: DMA goes by messages */
	bool answers_dma;  /* it is known to answer DMA_READ */
	bool probing;	   /* a DMA_READ that looks for share=off is under way */
	bool no_file_said; /* the log has said so once */
};

struct function {
	struct daemon *daemon;	    /* borrowed */
	struct card *card;	    /* borrowed */
	struct host *host;	    /* borrowed */
	struct function *host_next; /* host.c's list */
	unsigned n;		    /* VF number */
	pci_rid_t rid;
	char name[FUNCTION_NAME_MAX]; /* "nic0/vf1" */
	char path[FUNCTION_PATH_MAX];
	struct pci_config cfg;
	struct iommu_domain *dom;      /* owned, by way of host.c */
	struct i82576_vf *vf;	       /* owned */
	struct vfu_sock *sock;	       /* owned */
	struct loop_timer *lost_timer; /* owned: looks for truncated memory while attached */
	int irq_fd[I82576_VF_VECTORS]; /* owned eventfds, -1 = none; nic_intr borrows them */
	struct function_client client;
	uint64_t quarantine_until; /* clock_ns(); nobody may attach before */
	uint64_t attaches, resets, refusals;
	struct log_limit log_client, log_reset, log_dma;
};

/* Builds VF n of card, listening on path. Returns 0 or -errno. The card's nic exists already.
 */
int function_new(struct daemon *daemon, struct card *card, unsigned n, pci_rid_t rid,
		 const char *path, struct function **ret_fn);
/* Drops the client, drained. Takes NULL. */
void function_free(struct function *fn);

/* A function-level reset: bus mastering off, queues empty, registers and configuration space at
 * reset values; mappings and eventfds stay. why goes to log and events ("FLR"). */
void function_reset(struct function *fn, const char *why);
/* As when a PF resets its card: queues empty, registers at reset values, the driver notices and
 * starts anew. Configuration space stays, for nobody would tell the guest to enable bus
 * mastering again. */
void function_reset_by_card(struct function *fn, const char *why);
/* Is the client's memory still there, and do its eventfds not block us? And has it spoken?
 * Drops the client if not. */
void function_check_client(struct function *fn);

/* function_dev.c */
extern const struct vfu_dev_ops function_dev_ops;
/* Takes all eventfds away from the VF and closes them, drained. */
void function_irqs_off(struct function *fn);

/* function_dma.c */
int function_dma_map(struct function *fn, const struct vfu_dma_map *map);
int function_dma_unmap(struct function *fn, uint64_t addr, uint64_t size);
void function_dma_unmap_all(struct function *fn);
/*
 * function_msg.c: shadow queues. _start when a client in message mode has been told of its
 * regions (or turned out to be one later), _stop before its memory goes away.
 */
void function_msg_start(struct function *fn);
void function_msg_stop(struct function *fn);
/* The data path of fn's card wants attention: shadow queues, suspect memory. */
void function_dp_event(struct function *fn);

#endif
