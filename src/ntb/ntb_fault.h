/* SPDX-License-Identifier: BSD-3-Clause */
/* ntb_fault.h - what a bridge port refuses, and the ring of records of it. */
#ifndef LADON_NTB_FAULT_H
#define LADON_NTB_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pci_rid.h"

/* Why a request did not pass the port: name, word for counters, sentence. */
#define NTB_REASONS(R)                                                                       \
	R(LINK_DOWN, "link_down", "the port's link is down")                                 \
	R(NO_WINDOW, "no_window", "the address lies in no window of the port")               \
	R(LIMIT, "limit", "the request runs over the limit of its window")                   \
	R(REVOKED, "revoked", "the window was revoked")                                      \
	R(READ, "read", "the window is not for reading")                                     \
	R(WRITE, "write", "the window is not for writing")                                   \
	R(INTERRUPT, "interrupt", "not an aligned write of 4 bytes in the interrupt window") \
	R(REQUESTER, "requester", "the requester is not admitted at this port")              \
	R(STALE_REQUESTER, "stale_requester", "the requester's admission was revoked")

enum ntb_reason {
	NTB_PASSED,
#define NTB_REASON(name, word, text) NTB_FAULT_##name,
	NTB_REASONS(NTB_REASON)
#undef NTB_REASON
		NTB_NUM_REASONS
};

/* A sentence, and a word that names a counter. */
const char *ntb_reason_str(enum ntb_reason reason);
const char *ntb_reason_word(enum ntb_reason reason);

/* Who asks: a routing ID and the PCI segment (Linux: domain) that it is one of. */
struct ntb_requester {
	uint16_t segment;
	pci_rid_t rid;
};

struct ntb_fault {
	uint64_t addr; /* device-side */
	uint64_t len;
	uint64_t time_ns; /* clock_ns() */
	struct ntb_requester who;
	uint8_t reason; /* enum ntb_reason */
	bool write;
};

#define NTB_FAULT_RING 128u /* power of two */

/*
 * Any number of threads push, the control thread pops. Who pushes never waits: a push that
 * meets another is lost, and counted, like one that finds the ring full.
 */
struct ntb_fault_ring {
	atomic_flag busy; /* somebody pushes */
	_Atomic uint32_t head, tail;
	_Atomic uint64_t overflow; /* records lost */
	struct ntb_fault rec[NTB_FAULT_RING];
};

/* False when the record was lost. */
bool ntb_fault_push(struct ntb_fault_ring *ring, const struct ntb_fault *fault);
bool ntb_fault_pop(struct ntb_fault_ring *ring, struct ntb_fault *ret_fault);

#endif
