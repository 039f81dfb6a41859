/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_fn.h - what the PF and a VF have in common: a port of the card's switch, an address
 * space, an interrupt block, and queues. The data path (i82576_port.c, i82576_rx.c,
 * i82576_tx.c) and the shadow queues know no more of a function than this.
 *
 * A VF has 2 queues of each kind, the PF 16, of which VFs take some away (own_queues).
 */
#ifndef LADON_I82576_FN_H
#define LADON_I82576_FN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "iommu_domain.h"
#include "net_rss.h"
#include "nic_card.h"
#include "nic_intr.h"
#include "nic_port.h"
#include "pci_config.h"

#define I82576_MAX_QUEUES     16u
#define I82576_TX_FETCH	      64u   /* descriptors looked at in one poll of a queue */
#define I82576_RX_AHEAD	      16u   /* receive descriptors read at once */
#define I82576_DEFAULT_BUFFER 2048u /* bytes: RCTL.BSIZE after a reset */

/* A transmit context descriptor as the driver wrote it (82576 7.2.2.2). */
struct i82576_context {
	uint32_t vlan_macip_lens, seqnum, type_tucmd, mss_l4len_idx;
};

/* A receive descriptor read before its frame has come. */
struct i82576_rx_ahead {
	uint8_t *wb;	  /* where it is in the ring */
	uint64_t addr[2]; /* what it says */
	uint8_t *ptr;	  /* addr[0] looked up; NULL = out of reach, or in pieces */
};

/* A receive descriptor taken for the frame under way. */
struct i82576_rx_slot {
	uint8_t *wb;  /* the descriptor in the ring */
	uint32_t len; /* bytes in its packet buffer */
};

/* One receive or transmit queue: the data path's private state. Filled from the queue's
 * registers when enabled. */
struct i82576_queue {
	volatile uint32_t *regs;  /* its 64-byte block of registers (or the shadow's) */
	volatile uint32_t *guest; /* the guest's block, whatever regs is */
	uint64_t base;		  /* IOVA of the ring, latched */
	uint32_t num;		  /* descriptors (16 bytes each), latched; 0 = not usable */
	uint32_t head;		  /* ours; mirrored to RDH/TDH, never read back as truth */
	uint32_t head_shown; /* what we mirrored last: another value there means a new set-up */
	uint32_t tail_seen;  /* last tail taken into account */
	uint32_t srrctl;     /* rx: latched */
	_Atomic bool active; /* data path uses the ring; cleared when it sees ENABLE = 0 */
	uint8_t index;
	bool rx_ring; /* rx: received since rx_done */
	bool rx_live; /* rx: followed in this round, until rx_done or a frame it had no room for
		       */
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
			uint32_t held; /* descriptors used up that no interrupt has told of */
			uint64_t held_until; /* ns: when one will, while held is not 0 */
		} tx;
		struct {
			/* while live */
			uint32_t tail, size, ahead_at, num_ahead;
			struct i82576_rx_ahead ahead[I82576_RX_AHEAD];
			/* between rx_buffers and rx_commit */
			struct i82576_rx_slot slot[NIC_SINK_MAX];
			unsigned num_slots;
			uint32_t hdr_info;	     /* of slot 0: header length, SPH */
			uint32_t rss_hash, rss_type; /* of the frame; type 0 = none computed */
		} rx;
	};
};

/*
 * Which queue of its own a function receives a frame in (82576 7.1.1): immutable, published
 * by the control thread, freed after a quiesce point. Queue numbers are the function's own.
 */
struct i82576_rss {
	bool on;	    /* hash and spread; else everything goes to queue unhashed */
	bool report;	    /* RXCSUM.PCSD: the hash takes the place of IP id and checksum */
	uint8_t unhashed;   /* queue of a frame that has no hash */
	uint32_t types;	    /* MRQC 31:16: which headers are hashed (enum net_rss_types) */
	uint8_t queue[128]; /* RETA: low 7 bits of the hash -> queue */
	struct net_rss_key key; /* RSSRK */
};

struct i82576_fn;

/* What differs between functions at the data path's side. Any may be NULL. */
struct i82576_fn_ops {
	/* A queue has something to report while one vector serves all causes (MSI, INTx). Data
	 * path or control thread. */
	void (*single_cause)(struct i82576_fn *fn, bool tx, uint64_t now_ns);
	/* A frame was received, about to be written back: its length without FCS. May add bits
	 * to the status word (a time stamp). Data path. */
	uint32_t (*received)(struct i82576_fn *fn, const struct nic_rx_meta *meta,
			     const struct nic_sink *sink);
	/* A frame was parsed for transmission; stamp: its descriptor asked for a time stamp
	 * (2STEP_1588, 82576 7.2.2.3.5). Data path. */
	void (*sending)(struct i82576_fn *fn, const struct nic_frame *frame, bool stamp);
};

struct i82576_fn {
	struct nic_port port;  /* what the data path sees; first, so that ops can cast */
	struct nic_card *card; /* borrowed */
	unsigned n;	       /* VF number, or NIC_PF */
	pci_rid_t rid;
	const struct i82576_fn_ops *ops; /* NULL = none */
	/* Borrowed: where the queues' addresses are valid (IOVA of the guest). */
	struct iommu_domain *dom;
	_Atomic bool dma_on; /* bus master enable and D0: no DMA otherwise */
	struct nic_intr intr;
	/* IVAR: vector of each queue; 7 = valid. Written by control, relaxed. */
	uint8_t rx_vec[I82576_MAX_QUEUES], tx_vec[I82576_MAX_QUEUES];
	_Atomic bool
		single; /* one vector for all causes: ops->single_cause instead of rx_vec */
	unsigned num_queues;
	/* Bytes in the packet buffers of a queue whose SRRCTL does not say: RCTL.BSIZE. */
	_Atomic uint32_t default_buffer;
	_Atomic uint32_t own_queues; /* bit q: queue q is this function's to use */
	_Atomic uint64_t tx_from; /* clock_ns(): its transmit queues are left alone until then;
				     0 = at work */
	struct i82576_queue *rx, *tx; /* num_queues each; in the function that embeds this */
	_Atomic(const struct i82576_rss *) rss; /* NULL: the first queue that is on */
	struct i82576_queue *rx_now; /* data path: between rx_buffers and rx_commit */
	struct nic_sink *sink_now;   /* data path: likewise */
	uint32_t rx_due, tx_due;     /* data path: queues with something to report this round */
	uint32_t tx_held;	     /* data path: queues whose completions wait (tx.held) */
	unsigned tx_turn;	     /* data path: which queue is polled first */
	struct i82576_shadow *shadow; /* control thread: DMA by messages; NULL = the guest's
					 memory is mapped */
	bool shadowed; /* data path: queues are the shadow's, interrupts are its to raise */
	uint64_t msg_faults; /* messages that were not allowed, or that the client refused */
	/* The daemon's record of them; may be NULL. */
	void (*on_msg_fault)(void *arg, uint64_t addr, bool write);
	void *on_msg_fault_arg;
	/* Data path: control and tail words the shadow was told of. */
	uint32_t watched[2 * I82576_MAX_QUEUES][2];
	_Atomic uint8_t stale; /* enum i82576_stale: is the mapped memory the guest's, or a
				  private copy? */
	uint64_t resets, traps, unknown_regs;
};

/* Bus mastering or power state changed; off: returns drained. */
void i82576_fn_set_dma(struct i82576_fn *fn, bool on);
/*
 * Disabling a queue in its register takes effect at once in memory, but the data path may be in
 * the middle of a burst. The driver always makes a trapped access before it frees the buffers:
 * each of those calls this first, which drains.
 */
void i82576_fn_resample(struct i82576_fn *fn);
/* Publishes (NULL: none) and frees the former after a quiesce point. Owned by fn from now on.
 */
void i82576_fn_set_rss(struct i82576_fn *fn, struct i82576_rss *rss);
/* After the control thread raised or unmasked a vector: one that EITR holds back is fired by
 * the data path's tick, and the data path may be asleep with none planned. */
void i82576_fn_kick_deferred(struct i82576_fn *fn);

/* The model's ops for nic_port (i82576_port.c) and the queues' life (i82576_rx.c, i82576_tx.c).
 */
extern const struct nic_port_ops i82576_port_ops;
/*
 * Memory offered with share=off is mapped here, but the guest writes to a private copy: we see
 * zeros for ever. A first descriptor of all zeros makes a queue suspect; it waits until the
 * control thread has compared (DMA_READ) and answers with _OK, or puts the function under a
 * shadow.
 */
enum i82576_stale { I82576_STALE_UNKNOWN, I82576_STALE_SUSPECT, I82576_STALE_OK };
/* Control thread: a suspect queue's first descriptor: its address and what we see there (16
 * bytes). False = none. */
bool i82576_stale_probe(struct i82576_fn *fn, uint64_t *ret_addr, uint8_t ret_desc[16]);
/* Data path (by nic_dp_call): forget everything latched, as after a reset. */
void i82576_queues_reset(struct i82576_fn *fn);

#endif
