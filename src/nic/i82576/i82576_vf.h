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

#include "iommu_domain.h"
#include "nic_card.h"
#include "nic_intr.h"
#include "nic_port.h"
#include "pci_config.h"

#define I82576_VF_BAR0_SIZE  0x4000u
#define I82576_VF_BAR3_SIZE  0x4000u
#define I82576_VF_QPAGE_OFF  0x2000u /* queue pages in BAR0 */
#define I82576_VF_QPAGE_SIZE 0x2000u
#define I82576_VF_VECTORS    3u
#define I82576_VF_QUEUES     2u
#define I82576_MBX_WORDS     16u

#define I82576_TX_FETCH 64u /* descriptors looked at in one poll of a queue */

/* A transmit context descriptor as the driver wrote it (82576 7.2.2.2). */
struct i82576_context {
	uint32_t vlan_macip_lens, seqnum, type_tucmd, mss_l4len_idx;
};

/* A receive descriptor taken for the frame under way. */
struct i82576_rx_slot {
	uint8_t *wb;  /* the descriptor in the ring */
	uint32_t len; /* bytes in its packet buffer */
};

/* One receive or transmit queue: the data path's private state. Filled from the queue page when
 * enabled. */
struct i82576_queue {
	volatile uint32_t *regs; /* its 64-byte block in the queue page (or the shadow's) */
	uint64_t base;		 /* IOVA of the ring, latched */
	uint32_t num;		 /* descriptors (16 bytes each), latched; 0 = not usable */
	uint32_t head;		 /* ours; mirrored to RDH/TDH, never read back as truth */
	uint32_t head_shown; /* what we mirrored last: another value there means a new set-up */
	uint32_t tail_seen;  /* last tail taken into account */
	uint32_t srrctl;     /* rx: latched */
	_Atomic bool active; /* data path uses the ring; cleared when it sees ENABLE = 0 */
	uint8_t index;
	bool rx_ring; /* rx: received since rx_done */
	bool stalled; /* its ring is not mapped: nothing until it is set up anew or the domain
			 changes */
	uint64_t generation; /* of the domain when it stalled */
	union {
		struct {
			struct i82576_context ctx[2]; /* latest of each index */
			uint32_t next; /* first descriptor after the burst that tx_done
					  completes */
			uint32_t rs[I82576_TX_FETCH]; /* descriptors to be written back */
			unsigned num_rs;
			bool skipping; /* inside a chain that makes no frame, until its EOP */
		} tx;
		struct {
			/* between rx_buffers and rx_commit */
			struct i82576_rx_slot slot[NIC_SINK_MAX];
			unsigned num_slots;
			uint32_t hdr_info; /* of slot 0: header length, SPH */
		} rx;
	};
};

/* The lock and status bits are the V2PMAILBOX word itself; here is what the hardware's wires
 * remember. */
struct i82576_mbx {
	uint32_t *mem; /* VMBMEM: I82576_MBX_WORDS words inside vf->bar0 */
	bool req; /* REQ was written while the VF kept the lock: acted upon when it lets go */
	bool unread; /* the PF's last answer has not been acknowledged yet */
	bool ping;   /* a control message waits until the memory is free */
};

/* What the built-in PF remembers of a VF between messages; cleared by its reset. */
struct i82576_pf {
	bool mc_promisc, uc_promisc; /* SET_PROMISC */
	bool mc_overflow;	     /* SET_MULTICAST said that there are more than 30 */
};

struct i82576_vf {
	struct nic_port port;  /* what the data path sees; first, so that ops can cast */
	struct nic_card *card; /* borrowed */
	unsigned n;	       /* VF number */
	pci_rid_t rid;
	/* Borrowed: where the queues' addresses are valid (IOVA of the guest). */
	struct iommu_domain *dom;
	_Atomic bool dma_on; /* bus master enable and D0: no DMA otherwise */
	struct nic_intr intr;
	uint32_t ivar0, ivar_misc;	/* copies for the data path: written by control, plain
					   aligned words */
	const struct nic_reg_map *regs; /* of the trapped pages; borrowed for ever */
	/* Pages 0-1: private, never mapped by anybody. */
	uint32_t bar0[I82576_VF_QPAGE_OFF / 4];
	volatile uint32_t *qpage; /* pages 2-3, mapped from qpage_fd at I82576_VF_QPAGE_OFF */
	int qpage_fd; /* sealed memfd of 16 KiB, so that file and region offsets agree; owned. A
		       * client gets the whole file: its pages 0-1 hold nothing and are not read
		       * by us */
	struct i82576_queue rx[I82576_VF_QUEUES], tx[I82576_VF_QUEUES];
	struct i82576_queue *rx_now; /* data path: between rx_buffers and rx_commit */
	unsigned tx_turn;	     /* data path: which queue is polled first */
	struct i82576_mbx mbx;
	struct i82576_pf pf;
	struct i82576_shadow *shadow; /* control thread: DMA by messages; NULL = the guest's
					 memory is mapped */
	bool shadowed; /* data path: queues are the shadow's, interrupts are its to raise */
	uint64_t msg_faults; /* messages that were not allowed, or that the client refused */
	/* The daemon's record of them; may be NULL. */
	void (*on_msg_fault)(void *arg, uint64_t addr, bool write);
	void *on_msg_fault_arg;
	/* Data path: control and tail words the shadow was told of. */
	uint32_t watched[2 * I82576_VF_QUEUES][2];
	_Atomic uint8_t stale; /* enum i82576_stale: is the mapped memory the guest's, or a
				  private copy? */
	uint64_t resets, traps, mailbox_msgs, unknown_regs;
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
/* Bus mastering or power state changed; off: returns drained. */
void i82576_vf_set_dma(struct i82576_vf *vf, bool on);

/* The model's ops for nic_port (i82576_port.c) and the queues' life (i82576_rx.c, i82576_tx.c).
 */
extern const struct nic_port_ops i82576_port_ops;
/*
 * Memory offered with share=off is mapped here, but the guest writes to a private copy: we see
 * zeros for ever. A first descriptor of all zeros makes a queue suspect; it waits until the
 * control thread has compared (DMA_READ) and answers with _OK, or puts the VF under a shadow.
 */
enum i82576_stale { I82576_STALE_UNKNOWN, I82576_STALE_SUSPECT, I82576_STALE_OK };
/* Control thread: a suspect queue's first descriptor: its address and what we see there (16
 * bytes). False = none. */
bool i82576_stale_probe(struct i82576_vf *vf, uint64_t *ret_addr, uint8_t ret_desc[16]);
/* Data path (by nic_dp_call): forget everything latched, as after a reset. */
void i82576_queues_reset(struct i82576_vf *vf);

/* Built-in PF (i82576_pf_builtin.c): reads the message in vf->mbx.mem and answers it; the VF
 * has read an answer; and what the PF tells the VF unasked: a control message after a change of
 * link or policy. */
void i82576_pf_message(struct i82576_vf *vf);
void i82576_pf_acked(struct i82576_vf *vf);
void i82576_pf_ping(struct i82576_vf *vf);
/* The PF has noticed that the VF was reset: RSTD is delivered. */
void i82576_pf_vf_reset(struct i82576_vf *vf);

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

/* After the control thread raised or unmasked a vector: one that EITR holds back is fired by
 * the data path's tick, and the data path may be asleep with none planned. */
void i82576_vf_kick_deferred(struct i82576_vf *vf);

#endif
