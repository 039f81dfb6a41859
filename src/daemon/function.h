/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function.h - one function of a card as it is served: the vfio-user socket in front,
 * configuration space, address space and device model behind.
 *
 *   function.c       its life, clients coming and going, resets
 *   function_dev.c   regions as the client asks for them (struct vfu_dev_ops)
 *   function_irq.c   interrupts: eventfds, INTx masks
 *   function_posted.c  interrupts posted into the client's memory
 *   function_dma.c   the client's memory
 *   function_feature.c  DEVICE_FEATURE: VF token and what libladon asks for
 *   function_stage1.c  ... of which: nested translation
 *   function_token.c who may attach
 *   function_msg.c   DMA by messages, where that memory cannot be mapped
 *   function_vf.c    what differs by kind: a virtual function,
 *   function_pf.c    the physical function, for a PF driver in a guest,
 *   function_view.c  a VF as the PF's guest sees it: configuration space only
 *
 * Control thread only.
 *
 * States of a function: idle (nobody attached: configuration space and model at reset values,
 * no mapping, no eventfd) -- connected --> attached -- disconnected --> idle. A reset while
 * attached keeps mappings and eventfds.
 */
#ifndef LADON_DAEMON_FUNCTION_H
#define LADON_DAEMON_FUNCTION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "cmd.h"
#include "i82576_pf.h"
#include "log.h"
#include "loop.h"
#include "pci_config.h"
#include "token.h"
#include "vfu_msg.h"
#include "vfu_sock.h"

struct daemon;
struct card;
struct host;
struct json_object;

#define FUNCTION_NAME_MAX 32
#define FUNCTION_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)
#define FUNCTION_VECTORS  I82576_PF_VECTORS /* no kind has more */
#define FUNCTION_NO_IRQS  VFU_IRQ_INDEX_NUM /* in place of an index: no interrupts are on */

/* Who is attached. */
struct function_client {
	bool attached;
	bool accepted; /* its VERSION was right */
	pid_t pid;
	uid_t uid;
	time_t since;	    /* CLOCK_REALTIME, seconds */
	uint64_t since_ns;  /* clock_ns() */
	const char *kind;   /* "qemu" | "vfio-user", static */
	bool regions_told;  /* it has been told of BAR0: what it may map is settled */
	bool mapped;	    /* it was offered the queue pages */
	bool msg_mode;	    /* its memory has no file: DMA goes by messages */
	bool answers_dma;   /* it is known to answer DMA_READ */
	bool probing;	    /* a DMA_READ that looks for share=off is under way */
	bool no_file_said;  /* the log has said so once */
	unsigned file_maps; /* its mappings that take one of the process' areas */
};

/* The eventfds of one index: the client uses INTx or MSI or MSI-X, never two of them. */
struct function_irqs {
	unsigned index;		    /* VFU_IRQ_INDEX_..., or FUNCTION_NO_IRQS */
	int fd[FUNCTION_VECTORS];   /* owned, -1 = none; the host's slots borrow them */
	int irte[FUNCTION_VECTORS]; /* the host's entry and slot of the vector, -1 = none */
	bool masked;		    /* INTx: the client said MASK */
	bool open;		    /* INTx: neither masked nor disabled in COMMAND */
	int unmask_fd;		/* owned, -1 = none: the client unmasks INTx by writing to it */
	struct loop_fd *unmask; /* owned */
};

/* Vectors whose interrupts are posted into memory of the client's; count 0 = none. */
struct function_posted {
	unsigned first, count;
	uint64_t iova; /* of the descriptor */
};

struct function;

/* What differs between functions. Pointers may be NULL where nothing is to do. */
struct function_kind {
	const char *word; /* "vf": sockets are vf0.sock, ..., functions nic0/vf0, ... */
	uint32_t bar_size[PCI_NUM_BARS];
	struct vfu_irq irqs[VFU_IRQ_INDEX_NUM];
	bool hides_ext;		  /* configuration space from 0x100 up is hidden until the first
				     DEVICE_RESET of a connection, so that QEMU leaves it alone */
	enum token_opener opener; /* which rules of the VF token are for its clients */
	bool has_memory; /* it does DMA: else the client's mappings are recorded, no more */
	/* Makes the model: fn->dev, fn->cfg and what belongs to the kind. Returns 0 or -errno.
	 */
	int (*make)(struct function *fn);
	void (*unmake)(struct function *fn); /* also after make has failed */
	/* Adds to what bar_size says of a BAR. */
	void (*region_info)(struct function *fn, unsigned bar, struct vfu_region *ret);
	void (*bar_read)(struct function *fn, unsigned bar, uint32_t offset, void *buf,
			 uint32_t len);
	void (*bar_write)(struct function *fn, unsigned bar, uint32_t offset, const void *buf,
			  uint32_t len);
	/* The client's VERSION is right. Returns 0, or -errno with *why (static). */
	int (*accepted)(struct function *fn, const char **why);
	/* It has gone, DMA is off: everything as before it came. */
	void (*gone)(struct function *fn);
	/* The model to reset values; DMA is off. */
	void (*reset)(struct function *fn);
	void (*was_flr)(struct function *fn); /* a function-level reset is over */
	/* Configuration space changed: PCI_EV_..., 0 after a reset. */
	void (*configured)(struct function *fn, unsigned events);
	void (*irqs_changed)(struct function *fn);  /* fn->irqs.index */
	void (*intx_unmasked)(struct function *fn); /* an INTx that still stands fires again */
};

extern const struct function_kind function_vf, function_pf, function_view;

struct function {
	struct daemon *daemon;	       /* borrowed */
	struct card *card;	       /* borrowed */
	struct host *host;	       /* borrowed */
	struct function *host_next;    /* host.c's list */
	const struct iommu_route *way; /* to that host: its bridge's; NULL = none is needed */
	pci_rid_t host_rid;	       /* what it is called there */
	bool opening;		       /* its compute host attaches a client at this moment */
	const struct function_kind *kind;
	unsigned n; /* VF number, or NIC_PF */
	pci_rid_t rid;
	char name[FUNCTION_NAME_MAX]; /* "nic0/vf1" */
	char path[FUNCTION_PATH_MAX];
	struct pci_config cfg;
	bool ext_hidden;	  /* see function_kind.hides_ext */
	struct iommu_domain *dom; /* owned, by way of host.c */
	struct i82576_fn *dev;	  /* what all models have in common; inside one of these: */
	bool stale_pages;	  /* of a VF: queue pages that a former client may have */
	struct i82576_vf *vf;	  /* of a VF: owned */
	struct i82576_pf *pf;	  /* of the PF: owned */
	struct vfu_sock *sock;	  /* owned */
	struct loop_timer *lost_timer;	 /* owned: looks for truncated memory while attached */
	struct loop_timer *settle_timer; /* owned; the PF's: publishes policies */
	bool settling;			 /* settle_timer is armed */
	unsigned vfs_told;		 /* the PF's: VFs that exist, as the last event said */
	struct function_irqs irqs;
	struct function_posted posted;
	struct function_client client;
	unsigned lost_seen; /* iommu_mem_lost_count() when our memory was last looked at */
	struct token_unlock unlock;
	bool own_uids; /* uids is for this function, else the card's list is */
	struct uid_list uids;
	uint64_t quarantine_until; /* clock_ns(); nobody may attach before */
	uint64_t attaches, resets, refusals, bad_config;
	uint64_t kicks;	       /* connections that we ended, for what the client did */
	uint64_t bad_requests; /* of connections that are over; see function_bad_requests() */
	struct log_limit log_client, log_refused, log_reset, log_dma, log_vfs, log_bad;
};

/* The socket's path of function n of a kind in dir; returns snprintf's length. */
int function_path(const struct function_kind *kind, const char *dir, unsigned n, char *buf,
		  size_t size);
/* Builds function n of card (NIC_PF: the PF) and listens. Returns 0 or -errno. The card's nic
 * and directory exist already. */
int function_new(struct card *card, const struct function_kind *kind, unsigned n, pci_rid_t rid,
		 struct function **ret_fn);
/* Messages of all its clients so far that broke a rule of vfio-user. */
uint64_t function_bad_requests(const struct function *fn);
/* The client's connection is over, for this reason: at the next turn, or in function_free. */
void function_drop(struct function *fn, const char *reason);
/* Drops the client, drained. Takes NULL. */
void function_free(struct function *fn);

/* Takes it to another host. -EBUSY while somebody is attached; or -errno, and it is where it
 * was. */
int function_set_host(struct function *fn, struct host *host);
/* A client of its compute host's is attached: fd (consumed) is one end of its connection. */
int function_open(struct function *fn, int fd);

/* A function-level reset: bus mastering off, queues empty, registers and configuration space at
 * reset values; mappings and eventfds stay. why goes to log and events ("FLR"). */
void function_reset(struct function *fn, const char *why);
/* As when a PF resets one of its VFs: queues empty, registers at reset values, the driver
 * notices and starts anew. Configuration space stays, for nobody would tell the guest to enable
 * bus mastering again. */
void function_reset_by_card(struct function *fn, const char *why);
/* Counts and tells of a reset that was done. */
void function_was_reset(struct function *fn, const char *why);
/* Is the client's memory still there, and do its eventfds not block us? And has it spoken?
 * Drops the client if not. */
void function_check_client(struct function *fn);

/* function_dev.c */
extern const struct vfu_dev_ops function_dev_ops;

/* function_irq.c */
void function_irqs_init(struct function *fn);
/* Vector v gets an entry of the host's table, if it has none. Returns 0 or -ENOSPC. */
int function_irq_route(struct function *fn, unsigned v);
/* Writes the entry of vector v: posted as bit of the descriptor registered as desc, or (desc <
 * 0) its own eventfd. */
void function_irq_write(struct function *fn, unsigned v, int desc, unsigned bit);
/* Entries of vectors that have neither an eventfd nor are posted go back to the host, drained.
 */
void function_irqs_prune(struct function *fn);
void function_irq_info(void *dev, unsigned index, struct vfu_irq *ret);
int function_set_irqs(void *dev, struct vfu_irq_set *set);
/* Takes all eventfds away from the model and closes them, drained. */
void function_irqs_off(struct function *fn);
/* COMMAND has changed: does it disable INTx? */
void function_irqs_gate(struct function *fn);

/* function_posted.c */
int function_posted_set(struct function *fn, const void *data);
/* Back to eventfds, drained: nobody touches the descriptor when it returns. */
void function_posted_off(struct function *fn);
/* The same if the descriptor lies in this range, which is about to go away. */
void function_posted_unmap(struct function *fn, uint64_t addr, uint64_t size);

/* function_feature.c */
int function_feature(void *dev, uint32_t number, bool set, bool probe, const void *data,
		     uint32_t len);

/* function_token.c: may a peer of this uid attach? May the client that shows caps? 0, or
 * -errno with *why (static), counted by reason. */
int function_admit_uid(struct function *fn, uid_t uid, const char **why);
int function_admit(struct function *fn, const struct vfu_client_caps *caps, const char **why);
/* Counts and tells of a client that was turned away. */
void function_refused(struct function *fn, pid_t pid, uid_t uid, const char *reason);
/* DEVICE_FEATURE 0 of the PF: uuid has UUID_SIZE bytes. */
int function_set_token(struct function *fn, const void *uuid);
/* The list that is in force. */
const struct uid_list *function_uids(const struct function *fn);
/* Members of what `show` says: "allow_uid", "unlock". */
void function_add_access(struct json_object *obj, const struct function *fn);

/* function_dma.c */
int function_dma_map(struct function *fn, const struct vfu_dma_map *map);
int function_dma_unmap(struct function *fn, uint64_t addr, uint64_t size);
void function_dma_unmap_all(struct function *fn);
/* function_stage1.c: DEVICE_FEATUREs of nested translation; the client has gone. */
int function_stage1_set(struct function *fn, const void *data);
int function_stage1_forget(struct function *fn, const void *data);
void function_stage1_off(struct function *fn);
/*
 * function_msg.c: shadow queues. _start when a client in message mode has been told of its
 * regions (or turned out to be one later), _stop before its memory goes away.
 */
void function_msg_start(struct function *fn);
void function_msg_stop(struct function *fn);
/* The data path of fn's card wants attention: shadow queues, suspect memory. */
void function_dp_event(struct function *fn);

/* function_pf.c: the data path of the PF's card wants attention; its uplink came or went. */
void function_pf_dp_event(struct function *fn);
void function_pf_wire(struct function *fn);
/* The card's VFs are about to change, while no client owns it; they have: what the PF knows and
 * its configuration space follow. */
void function_pf_forget_vfs(struct function *fn);
void function_pf_follow_vfs(struct function *fn);

#endif
