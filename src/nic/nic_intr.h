/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_intr.h - the "extended" interrupt block that Intel's MSI-X NICs share: cause (EICR), mask
 * (EIMS/EIMC), auto-clear (EIAC), auto-mask (EIAM) and throttling (EITR), one bit a vector.
 *
 * Both threads use it: the data path raises causes, the control thread carries the guest's
 * register writes. State is four atomic words; whoever clears the mask bit by auto-mask owns
 * the firing, so a vector with EIAM set fires once for each time the guest unmasks it.
 *
 * A vector fires by its message, {address, data} as in a row of an MSI-X table. The management
 * host gives it, the client never sees it: it goes through the host's interrupt remapping
 * (ir.h) with the function's RID, as does whatever else the function writes to the interrupt
 * window. A message is taken away by nic_intr_set_msg(0); what it leads to may go after a
 * quiesce point.
 *
 * Rules the drivers rely on: firing clears EICR bits in EIAC and EIMS bits in EIAM;
 * an EICS write also sets EIMS for the bits in EIAM; EIMS re-arms and fires what is pending;
 * EITR spaces two firings of a vector by its interval, and what came in between fires at its
 * end.
 */
#ifndef LADON_NIC_INTR_H
#define LADON_NIC_INTR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "ir.h"

#define NIC_INTR_VECTORS 32

struct nic_vector {
	_Atomic uint64_t msg;	      /* address << 32 | data; 0 = none */
	_Atomic uint32_t interval_us; /* EITR; 0 = no throttling */
	_Atomic uint64_t next_ns;     /* not before this time; written by whoever fires */
	_Atomic uint64_t fired;	      /* messages sent */
	_Atomic uint64_t posted;      /* of these: no eventfd was written, the receiver looks by
					 itself (posted interrupts) */
	_Atomic uint64_t
		coalesced; /* raises that found the vector masked, pending or throttled */
};

struct nic_intr {
	_Alignas(CACHE_LINE) _Atomic uint32_t eicr, eims, eiac, eiam;
	_Atomic uint32_t deferred; /* vectors that wait for the end of their interval */
	uint32_t num;		   /* vectors */
	_Atomic bool jammed; /* a notification blocked: the client's doing; never cleared by a
				reset */
	struct ir *ir;	     /* borrowed: the host's; NULL: no message has been given yet */
	pci_rid_t rid;
	_Atomic uint64_t refused;	/* requests that interrupt remapping refused */
	_Atomic uint64_t refused_info;	/* the last of them: see nic_intr_take_fault */
	_Atomic uint64_t window_faults; /* DMA to the interrupt window that was no request */
	struct nic_vector vec[NIC_INTR_VECTORS];
};

void nic_intr_init(struct nic_intr *intr, unsigned vectors);
/* Which interrupt remapping its messages go through, and as whose. Before the first one. */
void nic_intr_connect(struct nic_intr *intr, struct ir *ir, pci_rid_t rid);
/* Device reset: causes and masks 0, intervals 0; messages stay. */
void nic_intr_reset(struct nic_intr *intr);

/* Sets causes and fires what is enabled and not throttled. Any thread. One write(2) for each
 * vector fired. */
void nic_intr_raise(struct nic_intr *intr, uint32_t causes, uint64_t now_ns);
/* Fires deferred vectors that are due. Returns the ns until the next one, UINT64_MAX when none
 * waits. */
uint64_t nic_intr_tick(struct nic_intr *intr, uint64_t now_ns);

/* The guest's registers. */
uint32_t nic_intr_read_eicr(struct nic_intr *intr); /* read-to-clear; also auto-masks by EIAM */
void nic_intr_write_eicr(struct nic_intr *intr, uint32_t w1c);
void nic_intr_write_eics(struct nic_intr *intr, uint32_t causes, uint64_t now_ns);
void nic_intr_write_eims(struct nic_intr *intr, uint32_t set, uint64_t now_ns);
void nic_intr_write_eimc(struct nic_intr *intr, uint32_t clear);
void nic_intr_set_interval(struct nic_intr *intr, unsigned vector, uint32_t interval_us);

/* Gives vector its message, or takes it away (0). What was raised while there was none fires
 * now.
 */
void nic_intr_set_msg(struct nic_intr *intr, unsigned vector, uint64_t msg);
/* SET_IRQS TRIGGER by the client: sends the message whatever the masks say. */
void nic_intr_force(struct nic_intr *intr, unsigned vector);
/* The function wrote data to addr of the interrupt window by itself: a request like any other.
 */
void nic_intr_request(struct nic_intr *intr, uint32_t addr, uint32_t data);

/* The last request that was refused since the last call; false = none. For the fault ring,
 * which has one writer, while requests are made by both threads. */
bool nic_intr_take_fault(struct nic_intr *intr, struct ir_fault *ret_fault);

#endif
