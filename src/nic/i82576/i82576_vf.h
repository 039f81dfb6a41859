/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_vf.h - one virtual function of an 82576: registers, mailbox, queues, interrupts.
 *
 * BAR0 (16 KiB) is four pages: 0 and 1 trap (i82576_vf.c, regs_vf.def), 2 and 3 hold the
 * receive and transmit queue registers and are memory that may be mapped into the guest. The
 * same memory stores them when they trap. BAR3 is MSI-X (the client emulates the table; PBA
 * reads 0).
 *
 * Threads: everything trapped runs on the control thread; the queues (i82576_rx.c, i82576_tx.c)
 * belong to the data path and see registers only through the queue pages. They share: the queue
 * pages, nic_intr, q->active.
 */
#ifndef LADON_I82576_VF_H
#define LADON_I82576_VF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "i82576_fn.h"

#define I82576_VF_BAR0_SIZE  0x4000u
#define I82576_VF_BAR3_SIZE  0x4000u
#define I82576_VF_QPAGE_OFF  0x2000u /* queue pages in BAR0 */
#define I82576_VF_QPAGE_SIZE 0x2000u
#define I82576_VF_VECTORS    3u
#define I82576_VF_QUEUES     2u
#define I82576_MBX_WORDS     16u

/* The lock and status bits are the V2PMAILBOX word itself; here is what the hardware's wires
 * remember. */
struct i82576_mbx {
	uint32_t *mem; /* VMBMEM: I82576_MBX_WORDS words inside vf->bar0 */
	bool req; /* REQ was written while the VF kept the lock: acted upon when it lets go */
	bool unread; /* the PF's last answer has not been acknowledged yet */
	bool ping;   /* a control message waits until the memory is free */
};

/* What the built-in PF remembers of a VF between messages; cleared by its reset. */
struct i82576_pf_memo {
	bool mc_promisc, uc_promisc; /* SET_PROMISC */
	bool mc_overflow;	     /* SET_MULTICAST said that there are more than 30 */
};

struct i82576_vf;

/* Who is at the other end of a VF's mailbox: the built-in PF, or a PF driver in a guest. */
struct i82576_peer_ops {
	void (*message)(struct i82576_vf *vf);	/* the VF wrote REQ */
	void (*acked)(struct i82576_vf *vf);	/* the VF wrote ACK: it has read its mail */
	void (*vf_reset)(struct i82576_vf *vf); /* the VF was reset (its registers have been) */
	void (*changed)(struct i82576_vf *vf);	/* its link or policy has changed */
};

struct i82576_vf {
	struct i82576_fn fn;		/* first: the data path knows no more of it */
	const struct nic_reg_map *regs; /* of the trapped pages; borrowed for ever */
	/* Pages 0-1: private, never mapped by anybody. */
	uint32_t bar0[I82576_VF_QPAGE_OFF / 4];
	volatile uint32_t *qpage; /* pages 2-3, mapped from qpage_fd at I82576_VF_QPAGE_OFF */
	int qpage_fd; /* sealed memfd of 16 KiB, so that file and region offsets agree; owned. A
		       * client gets the whole file: its pages 0-1 hold nothing and are not read
		       * by us */
	struct i82576_queue rxq[I82576_VF_QUEUES], txq[I82576_VF_QUEUES];
	uint8_t misc_vec; /* IVAR_MISC: vector of the mailbox; 7 = valid */
	struct i82576_mbx mbx;
	struct i82576_pf_memo memo;
	const struct i82576_peer_ops *peer; /* never NULL */
	struct i82576_pf *pf;		    /* the PF, when that is the peer; borrowed */
	bool exists; /* VF Enable: else all of BAR0 reads ones and nothing is written */
	uint64_t mailbox_msgs;
};

/* Builds the VF, link down, and attaches it to card as VF n. dom is borrowed. Returns 0 or
 * -errno. */
int i82576_vf_new(struct nic_card *card, unsigned n, pci_rid_t rid, struct iommu_domain *dom,
		  struct i82576_vf **ret_vf);
/* Detaches from the card, drained. Takes NULL. */
void i82576_vf_free(struct i82576_vf *vf);

/* The VF's configuration space, as vfio-pci presents a VF to its user (real IDs, sizable BARs,
 * pin 0). */
void i82576_vf_config(const struct i82576_vf *vf, struct pci_config *ret_cfg);

/* Trapped accesses: bar 0 or 3, offset + len inside the BAR, len 1, 2, 4 or 8 (others read ones
 * / are ignored). Each first resamples the queue pages and drains queues that were disabled. */
void i82576_vf_bar_read(struct i82576_vf *vf, unsigned bar, uint32_t offset, void *buf,
			uint32_t len);
void i82576_vf_bar_write(struct i82576_vf *vf, unsigned bar, uint32_t offset, const void *buf,
			 uint32_t len);

/* Function-level, conventional or CTRL.RST reset: queues stopped and drained, registers at
 * reset values, guest state of the card forgotten. RSTD appears in the mailbox once (hardware
 * after VFLR). Eventfds stay. */
void i82576_vf_reset(struct i82576_vf *vf);
/* A client has gone: a reset, and a new file behind the queue pages, because the old client may
 * still have the old one mapped and must not reach the next client's queues. qpage and qpage_fd
 * change. Returns 0 or -errno: then the old file is still there, and no other client may be let
 * in. */
int i82576_vf_renew(struct i82576_vf *vf);
/* The VF comes into being or ceases to be (VF Enable of its PF): reset, drained; while it does
 * not exist its registers read all ones, the queue pages too. */
void i82576_vf_set_exists(struct i82576_vf *vf, bool exists);
/* The mailbox changes hands: reset, so that the driver starts anew with the new peer. */
void i82576_vf_set_peer(struct i82576_vf *vf, const struct i82576_peer_ops *peer,
			struct i82576_pf *pf);

/* The PF has reset the port: queues off, drained; the rest of the VF stays as it is. */
void i82576_vf_queues_off(struct i82576_vf *vf);

/* The built-in PF (i82576_pf_builtin.c). */
extern const struct i82576_peer_ops i82576_builtin_peer;

/* The PF's side of the mailbox (i82576_mbx.c). */
/* After a reset of the VF: nothing pending, nobody holds it. Registers have been reset. */
void i82576_mbx_reset(struct i82576_vf *vf);
/* The PF has read the VF's message: PFACK. */
void i82576_mbx_ack(struct i82576_vf *vf);
/* Writes n words (at most I82576_MBX_WORDS) and sets PFSTS. The mailbox is free
 * (i82576_mbx_free). An answer raises no interrupt: every driver polls for it. */
void i82576_mbx_answer(struct i82576_vf *vf, const uint32_t *words, unsigned n);
/* May the PF write, without taking the memory from the VF or an answer that it has not read? */
bool i82576_mbx_free(const struct i82576_vf *vf);
/* The interrupt for mailbox causes: the vector in IVAR_MISC, if valid. */
void i82576_mbx_interrupt(struct i82576_vf *vf);

#endif
