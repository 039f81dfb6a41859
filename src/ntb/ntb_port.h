/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ntb_port.h - one host's port of the non-transparent bridge: which device-side addresses lead
 * into that host, and who may use them.
 *
 * A request of a device passes two checks here: (2) a window contains all of it, allows the
 * access and has not been revoked; the address becomes the host's. (3) The look-up table (LUT)
 * admits the requester, by segment and all 16 bits of its routing ID; it gets the routing ID
 * that the host knows it by. Checks 1 and 4 are the IOMMUs' before and behind the port.
 *
 * Epochs are the protection against replay. Whoever sets a window says an epoch; a slot takes
 * only epochs above the last it was given, and the port only those above the last that was
 * revoked. So an order that arrives once more, or after its host was given up, changes nothing.
 *
 * Threads: the control thread changes; any thread routes, and uses what it got until its next
 * quiesce point. There are two tables: the one in force, and one to write the next change into,
 * which is free because everybody was drained since it was in force. So no change needs memory
 * that could be lacking, and no reader waits. A change that takes something away is over when
 * the call returns: the table is changed, the generation moved, what was derived from the table
 * is forgotten (the cached translations), and everybody who may hold some of it is drained.
 */
#ifndef LADON_NTB_PORT_H
#define LADON_NTB_PORT_H

#include "iommu_space.h"
#include "ntb_fault.h"
#include "ntb_map.h"

#define NTB_WINDOWS 32u
#define NTB_LUT	    512u

enum ntb_kind {
	NTB_MEMORY,
	NTB_MMIO,	/* registers of the host's devices */
	NTB_INTERRUPTS, /* the host's interrupt window: aligned writes of 4 bytes */
};

/* Addresses base ... limit become xlat ... in the host. base, limit + 1 and xlat are multiples
 * of IOMMU_PAGE. */
struct ntb_window {
	uint64_t base;	/* device-side */
	uint64_t limit; /* the last byte */
	uint64_t xlat;	/* what base becomes */
	uint64_t epoch;
	uint32_t perm; /* IOMMU_READ, IOMMU_WRITE */
	enum ntb_kind kind;
};

/* Who is told what; all may be NULL. */
struct ntb_port_hooks {
	void *arg;
	/* Something was taken away: nobody may find what was cached of this port any more. */
	void (*forget)(void *arg);
	/* Returns when every thread that routes has passed a quiesce point. */
	void (*drain)(void *arg);
};

struct ntb_port_stats {
	_Atomic uint64_t passed;
	_Atomic uint64_t refused[NTB_NUM_REASONS];
};

/* What a table says; it never changes while somebody can read it. */
struct ntb_table {
	bool up;
	unsigned windows, luts;
	struct ntb_table_window {
		struct ntb_window w;
		unsigned slot;
		bool revoked;
	} window[NTB_WINDOWS]; /* ascending, without overlap */
	struct ntb_table_lut {
		uint32_t who; /* segment << 16 | RID */
		pci_rid_t rid;
		bool revoked;
		uint64_t epoch;
	} lut[NTB_LUT]; /* ascending */
};

struct ntb_port {
	_Atomic(const struct ntb_table *) table; /* one of tables[]; release */
	_Atomic uint64_t generation;		 /* moved by every change */
	struct ntb_port_stats stats;
	struct ntb_fault_ring faults;
	/* Control thread only from here. */
	uint64_t base, limit; /* the host's slice */
	uint64_t floor;	      /* epochs up to here are revoked */
	uint64_t slot_epoch[NTB_WINDOWS];
	struct ntb_port_hooks hooks;
	bool undrained; /* the other table may still be read */
	struct ntb_table tables[2];
};

/* A port of the host that slice belongs to: link down, no windows, nobody admitted. */
void ntb_port_init(struct ntb_port *port, const struct ntb_slice *slice,
		   const struct ntb_port_hooks *hooks);
/* Down: everything is refused. Returns drained. */
void ntb_port_set_link(struct ntb_port *port, bool up);

/*
 * Sets window slot (< NTB_WINDOWS), in place of what it was; returns drained. Errors, nothing
 * changed: -EINVAL (slot, alignment, base above limit, no permission or an unknown one, kind;
 * interrupts must lead into the interrupt window and be for writing, all else must not touch
 * it), -ERANGE (beyond the host's slice, or its addresses beyond NTB_ADDR_BITS), -EEXIST
 * (overlaps another slot's), -ESTALE (an old epoch).
 */
int ntb_window_set(struct ntb_port *port, unsigned slot, const struct ntb_window *window);
/* The range is free again; the epoch stays used. 0, -EINVAL, -ENOENT. Returns drained. */
int ntb_window_clear(struct ntb_port *port, unsigned slot);
/* False when nothing is set there. */
bool ntb_window_get(const struct ntb_port *port, unsigned slot, struct ntb_window *ret_window,
		    bool *ret_revoked);

/*
 * Admits who, as rid. Errors: -EEXIST (who is admitted, or rid is another's here), -ENOSPC,
 * -ESTALE (epoch revoked). A revoked entry may be set anew with a newer epoch.
 */
int ntb_lut_add(struct ntb_port *port, struct ntb_requester who, pci_rid_t rid, uint64_t epoch);
/* 0 or -ENOENT. Returns drained. */
int ntb_lut_del(struct ntb_port *port, struct ntb_requester who);

/* Windows and admissions of this epoch and all before refuse everything from now on, and none
 * can be set any more. Cannot fail; returns drained. */
void ntb_port_revoke(struct ntb_port *port, uint64_t epoch);

static inline uint64_t ntb_port_generation(const struct ntb_port *port)
{
	return atomic_load_explicit(&port->generation, memory_order_acquire);
}

/* ---- any thread: ntb_route.c ---- */

/* Where a request goes. What is said of addr holds for first ... last, device-side. */
struct ntb_path {
	uint64_t addr; /* in the host */
	uint64_t first, last;
	uint32_t perm;
	enum ntb_kind kind;
	pci_rid_t rid; /* the requester's, in the host */
};

/*
 * Judges len bytes at addr for need (IOMMU_READ, IOMMU_WRITE or both): NTB_PASSED and
 * *ret_path, or the reason, which is counted and recorded. len 0, a read that only flushes, is
 * judged like one byte.
 */
enum ntb_reason ntb_route(struct ntb_port *port, struct ntb_requester who, uint64_t addr,
			  uint64_t len, uint32_t need, struct ntb_path *ret_path);
/* The same, neither counted nor recorded. */
enum ntb_reason ntb_judge(const struct ntb_port *port, struct ntb_requester who, uint64_t addr,
			  uint64_t len, uint32_t need, struct ntb_path *ret_path);

/* Index of the first entry for who or above. */
unsigned ntb_lut_find(const struct ntb_table *table, struct ntb_requester who);

#endif
