/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_intr.h - the "extended" interrupt block that Intel's MSI-X NICs share: cause (EICR), mask
 * (EIMS/EIMC), auto-clear (EIAC), auto-mask (EIAM) and throttling (EITR), one bit a vector.
 *
 * Both threads use it: the data path raises causes, the control thread carries the guest's
 * register writes. State is four atomic words; whoever clears the mask bit by auto-mask owns
 * the firing, so a vector with EIAM set fires once for each time the guest unmasks it. An
 * eventfd is taken away by nic_intr_set_fd(-1), and may be closed only after a quiesce point.
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

#define NIC_INTR_VECTORS 32

struct nic_vector {
	_Atomic int fd;		      /* eventfd, borrowed; -1 = none */
	_Atomic uint32_t interval_us; /* EITR; 0 = no throttling */
	_Atomic uint64_t next_ns;     /* not before this time; written by whoever fires */
	_Atomic uint64_t fired;	      /* notifications written */
	_Atomic uint64_t
		coalesced; /* raises that found the vector masked, pending or throttled */
};

struct nic_intr {
	_Alignas(CACHE_LINE) _Atomic uint32_t eicr, eims, eiac, eiam;
	_Atomic uint32_t deferred; /* vectors that wait for the end of their interval */
	uint32_t num;		   /* vectors */
	_Atomic bool jammed; /* a notification blocked: the client's doing; never cleared by a
				reset */
	struct nic_vector vec[NIC_INTR_VECTORS];
};

void nic_intr_init(struct nic_intr *intr, unsigned vectors);
/* Device reset: causes and masks 0, intervals 0; eventfds stay. */
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

/* Gives vector an eventfd (borrowed), or takes it away with -1. Returns the former one. What
 * was raised while there was none fires now. The caller has made sure that it is an eventfd,
 * non-blocking. */
int nic_intr_set_fd(struct nic_intr *intr, unsigned vector, int fd);
/* SET_IRQS TRIGGER by the client: writes the eventfd whatever the masks say. */
void nic_intr_force(struct nic_intr *intr, unsigned vector);

#endif
