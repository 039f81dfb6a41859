/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ir.h - interrupt remapping as VT-d does it (specification chapter 5): one struct ir a host.
 *
 * A 4-byte write of a device to the interrupt window is a request: who asks (the requester's
 * RID), address and data. It names an entry of the host's interrupt-remapping table (IRTE), and
 * the entry says who may ask (SVT, SQ, SID) and what comes of it: in remapped form the eventfd
 * in slot DEST of the host's table, in posted form a bit in a posted-interrupt descriptor
 * (base's pi_desc.h). Compatibility format, which names a vector without any table, is blocked.
 *
 * Entries are 16 bytes in VT-d's format and may be anybody's memory: each of the two words is
 * read once, and what an entry names is looked up in tables that are ours, so nonsense in it
 * reaches no further than this host's own slots and descriptors. PDA is such a name too: slot n
 * of the descriptors lies at n * 64 of the host's descriptor space; or, for a host that is not
 * this process (ir_set_space), it is a physical address of the host's, looked up in the memory
 * that the host has offered each time something is posted. Notification vector and destination
 * (NV, NDST) of a descriptor are not believed, for its owner may write there: the eventfd to be
 * written was given when the descriptor, or the entry, was registered.
 *
 * Threads: the control thread allocates, writes and frees entries; any thread raises, and does
 * so between two quiesce points of its own. Nothing is cached, so that a changed entry is in
 * force at once for requests to come; ir_invalidate returns when those that met the former one
 * are over. The order when something goes away: ir_clear, ir_invalidate, then ir_free,
 * ir_set_slot(-1), close.
 */
#ifndef LADON_IOMMU_IR_H
#define LADON_IOMMU_IR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "pci_rid.h"

/* The interrupt window: DMA that begins here is never translated. */
#define IR_WINDOW      0xfee00000ull
#define IR_WINDOW_SIZE 0x100000ull
#define IR_ENTRIES_MAX 65536u
/* Of a request's address (remappable format). */
#define IR_ADDR_FORMAT	  BIT(4) /* clear: compatibility format */
#define IR_ADDR_SHV	  BIT(3) /* data holds a subhandle, to be added to the handle */
#define IR_ADDR_HANDLE	  GENMASK(19, 5)
#define IR_ADDR_HANDLE_15 BIT(2)

/* Fields of an IRTE: name, word, highest and lowest bit, in remapped form?, in posted form? All
 * other bits are reserved: zero, or the request is refused. */
#define IRTE_FIELDS(F)             \
	F(P, 0, 0, 0, 1, 1)        \
	F(FPD, 0, 1, 1, 1, 1)      \
	F(DM, 0, 2, 2, 1, 0)       \
	F(RH, 0, 3, 3, 1, 0)       \
	F(TM, 0, 4, 4, 1, 0)       \
	F(DLM, 0, 7, 5, 1, 0)      \
	F(AVAIL, 0, 11, 8, 1, 1)   \
	F(URG, 0, 14, 14, 0, 1)    \
	F(IM, 0, 15, 15, 1, 1)     \
	F(VECTOR, 0, 23, 16, 1, 1) \
	F(DEST, 0, 63, 32, 1, 0)   \
	F(PDA_L, 0, 63, 38, 0, 1)  \
	F(SID, 1, 15, 0, 1, 1)     \
	F(SQ, 1, 17, 16, 1, 1)     \
	F(SVT, 1, 19, 18, 1, 1)    \
	F(PDA_H, 1, 63, 32, 0, 1)

#define IRTE_BITS(hi, lo) ((~0ull >> (63 - (hi))) & (~0ull << (lo)))
#define IRTE_FIELD(name, word, hi, lo, remapped, posted)       \
	static const uint64_t IRTE_##name = IRTE_BITS(hi, lo); \
	enum { IRTE_##name##_WORD = (word), IRTE_##name##_SHIFT = (lo) };
IRTE_FIELDS(IRTE_FIELD)
#undef IRTE_FIELD
#define IRTE_GET(name, word) (((word)&IRTE_##name) >> IRTE_##name##_SHIFT)
#define IRTE_PREP(name, val) (((uint64_t)(val) << IRTE_##name##_SHIFT) & IRTE_##name)

/* How SID is compared. */
enum irte_svt {
	IRTE_SVT_NONE, /* not at all */
	IRTE_SVT_SID,  /* with the requester, less the bits that SQ says */
	IRTE_SVT_BUS,  /* its bus lies in SID[15:8] ... SID[7:0] */
	IRTE_SVT_RESERVED
};

struct irte {
	_Atomic uint64_t word[2];
};

struct iommu_space;
struct pi_desc;
struct ir;

enum ir_result {
	IR_NOTIFIED, /* an eventfd was written */
	IR_POSTED,   /* a bit was set; the receiver needs no notification */
	IR_NOBODY,   /* the entry is fine, but nobody is there: lost, as with an absent CPU */
	IR_JAMMED,   /* the write of the eventfd blocked (jam.h): that slot is empty now */
	IR_REFUSED,  /* a fault */
};

struct ir_fault {
	uint64_t info;	/* index << 48 | address of the request: what VT-d records, and more */
	uint8_t reason; /* enum iommu_reason, IR_FAULT_... */
	bool silent;	/* the entry says FPD: nothing is to be recorded */
};

static inline uint32_t ir_fault_index(uint64_t info)
{
	return (uint32_t)(info >> 48);
}

static inline uint32_t ir_fault_addr(uint64_t info)
{
	return (uint32_t)info;
}

/* Does a DMA of len bytes (at least 1) touch the window? */
static inline bool ir_in_window(uint64_t addr, uint64_t len)
{
	return addr < IR_WINDOW + IR_WINDOW_SIZE &&
	       (addr >= IR_WINDOW || len > IR_WINDOW - addr);
}

/*
 * entries: of the table, of eventfd slots and of descriptors: a power of two up to
 * IR_ENTRIES_MAX. drain(arg) returns when every thread that raises has passed a quiesce point.
 * Returns 0 or -errno.
 */
int ir_new(unsigned entries, void (*drain)(void *arg), void *arg, struct ir **ret_ir);
/* Nobody raises any more. eventfds are not closed. Takes NULL. */
void ir_delete(struct ir *ir);

/* Puts a table of somebody else's (borrowed, may be written at any time) in force in place of
 * the one that ir_write fills; NULL: none can be read. Returns drained: nobody reads the former
 * one. */
void ir_set_table(struct ir *ir, struct irte *table, unsigned entries);

/* From now on, before anything is raised, entries name descriptors by their address in this
 * space (borrowed). */
void ir_set_space(struct ir *ir, const struct iommu_space *space);

/* An entry that nobody uses, P clear: its index, or -ENOSPC. The slots of eventfds and
 * descriptors with this number are the caller's, too. */
int ir_alloc(struct ir *ir);
/* Gives it back, cleared and drained before. */
void ir_free(struct ir *ir, unsigned index);
/* Contents for ir_write: low words ... */
uint64_t irte_remapped(unsigned slot, uint8_t vector);
uint64_t irte_posted(unsigned desc, uint8_t pir_bit, bool urgent);
/* ... and a high word: rid alone may ask. */
uint64_t irte_source(pci_rid_t rid);
/* Both words for a descriptor at an address, a multiple of its size. */
uint64_t irte_posted_low(uint64_t pda, uint8_t pir_bit);
uint64_t irte_posted_high(uint64_t pda, pci_rid_t rid);
/* A request meets the former entry, the new one or (when the high word changes) none, but never
 * half of each. */
void ir_write(struct ir *ir, unsigned index, uint64_t lo, uint64_t hi);
void ir_clear(struct ir *ir, unsigned index);
/* Interrupt-entry invalidation, of all entries: returns when no request is under way that met
 * an entry, an eventfd or a descriptor as it was before the call. */
void ir_invalidate(struct ir *ir);

/* eventfd (borrowed, -1 = none) of a slot. Returns the former one. */
int ir_set_slot(struct ir *ir, unsigned slot, int fd);
/* Registers a descriptor (borrowed; NULL = none) whose notification is the eventfd of slot.
 * While an entry names it, desc stays. After ir_set_space n is an entry of the host's table:
 * what it posts is announced by slot (from the start by none), and desc is NULL. */
#define IR_NO_SLOT UINT32_MAX
void ir_set_desc(struct ir *ir, unsigned n, struct pi_desc *desc, unsigned slot);

/* The message, address << 32 | data, that raises entry index. Never 0. */
uint64_t ir_message(unsigned index);

/* A request is judged and, if good, delivered. *ret_fault is filled when IR_REFUSED. One
 * write(2) at most, no lock. */
enum ir_result ir_raise(struct ir *ir, pci_rid_t rid, uint32_t addr, uint32_t data,
			struct ir_fault *ret_fault);

#endif
