/* SPDX-License-Identifier: BSD-3-Clause */
#include "ir.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "bits.h"
#include "iommu_fault.h"
#include "iommu_space.h"
#include "jam.h"
#include "pi_desc.h"

struct ir_desc {
	struct pi_desc *_Atomic desc; /* borrowed */
	_Atomic uint32_t slot;
};

struct ir {
	_Atomic(struct irte *) table; /* in force; NULL: none can be read */
	unsigned table_entries;	      /* its length; changes while there is none */
	struct irte *own;	      /* owned: what ir_write fills */
	unsigned entries;	      /* of own, slot, desc, used */
	_Atomic int *slot;	      /* eventfds, borrowed; -1 = none */
	struct ir_desc *desc;
	const struct iommu_space *space; /* borrowed: where descriptors lie; NULL: in desc */
	uint8_t *used;			 /* control thread: entries that were allocated */
	unsigned lowest;		 /* control thread: none below is free */
	void (*drain)(void *arg);
	void *arg;
};

/* ---- set-up: the control thread ---- */

int ir_new(unsigned entries, void (*drain)(void *arg), void *arg, struct ir **ret_ir)
{
	struct ir *ir = calloc(1, sizeof(*ir));

	assert(entries && entries <= IR_ENTRIES_MAX && !(entries & (entries - 1)));
	if (!ir)
		return -ENOMEM;
	ir->entries = entries;
	ir->drain = drain;
	ir->arg = arg;
	ir->own = calloc(entries, sizeof(*ir->own));
	ir->slot = calloc(entries, sizeof(*ir->slot));
	ir->desc = calloc(entries, sizeof(*ir->desc));
	ir->used = calloc(entries, sizeof(*ir->used));
	if (!ir->own || !ir->slot || !ir->desc || !ir->used) {
		ir_delete(ir);
		return -ENOMEM;
	}
	for (unsigned i = 0; i < entries; i++) {
		atomic_init(&ir->slot[i], -1);
		atomic_init(&ir->desc[i].slot, IR_NO_SLOT);
	}
	ir->table_entries = entries;
	atomic_init(&ir->table, ir->own);
	*ret_ir = ir;
	return 0;
}

void ir_set_table(struct ir *ir, struct irte *table, unsigned entries)
{
	atomic_store_explicit(&ir->table, NULL, memory_order_release);
	if (ir->drain)
		ir->drain(ir->arg);
	ir->table_entries = entries;
	atomic_store_explicit(&ir->table, table, memory_order_release);
}

void ir_set_space(struct ir *ir, const struct iommu_space *space)
{
	ir->space = space;
}

void ir_delete(struct ir *ir)
{
	if (!ir)
		return;
	free(ir->own);
	free((void *)ir->slot);
	free(ir->desc);
	free(ir->used);
	free(ir);
}

int ir_alloc(struct ir *ir)
{
	while (ir->lowest < ir->entries && ir->used[ir->lowest])
		ir->lowest++;
	if (ir->lowest == ir->entries)
		return -ENOSPC;
	ir->used[ir->lowest] = true;
	return (int)ir->lowest++;
}

void ir_free(struct ir *ir, unsigned index)
{
	assert(ir->used[index]);
	ir->used[index] = false;
	ir->lowest = MIN(ir->lowest, index);
}

uint64_t irte_remapped(unsigned slot, uint8_t vector)
{
	return IRTE_P | IRTE_PREP(VECTOR, vector) | IRTE_PREP(DEST, slot);
}

uint64_t irte_posted_low(uint64_t pda, uint8_t pir_bit)
{
	return IRTE_P | IRTE_IM | IRTE_PREP(VECTOR, pir_bit) | IRTE_PREP(PDA_L, pda >> 6);
}

uint64_t irte_posted_high(uint64_t pda, pci_rid_t rid)
{
	return irte_source(rid) | IRTE_PREP(PDA_H, pda >> 32);
}

uint64_t irte_posted(unsigned desc, uint8_t pir_bit, bool urgent)
{
	return irte_posted_low((uint64_t)desc * sizeof(struct pi_desc), pir_bit) |
	       IRTE_PREP(URG, urgent);
}

uint64_t irte_source(pci_rid_t rid)
{
	return IRTE_PREP(SVT, IRTE_SVT_SID) | IRTE_PREP(SID, rid);
}

void ir_write(struct ir *ir, unsigned index, uint64_t lo, uint64_t hi)
{
	struct irte *e = &ir->own[index];

	if (atomic_load_explicit(&e->word[1], memory_order_relaxed) != hi) {
		/* Whoever has read a low word with P is done with the high one after this. */
		if (atomic_load_explicit(&e->word[0], memory_order_relaxed) & IRTE_P) {
			ir_clear(ir, index);
			ir_invalidate(ir);
		}
		atomic_store_explicit(&e->word[1], hi, memory_order_relaxed);
	}
	/* Release: P shows the high word, and the slot or descriptor that lo names. */
	atomic_store_explicit(&e->word[0], lo, memory_order_release);
}

void ir_clear(struct ir *ir, unsigned index)
{
	atomic_store_explicit(&ir->own[index].word[0], 0, memory_order_release);
}

void ir_invalidate(struct ir *ir)
{
#ifndef LADON_BREAK_IEC
	if (ir->drain)
		ir->drain(ir->arg);
#endif
}

int ir_set_slot(struct ir *ir, unsigned slot, int fd)
{
	return atomic_exchange(&ir->slot[slot], fd);
}

void ir_set_desc(struct ir *ir, unsigned n, struct pi_desc *desc, unsigned slot)
{
	atomic_store_explicit(&ir->desc[n].slot, slot, memory_order_relaxed);
	atomic_store_explicit(&ir->desc[n].desc, desc, memory_order_release);
}

uint64_t ir_message(unsigned index)
{
	uint32_t addr = (uint32_t)IR_WINDOW | IR_ADDR_FORMAT |
			FIELD_PREP(IR_ADDR_HANDLE, index & 0x7fff) |
			(index & BIT(15) ? IR_ADDR_HANDLE_15 : 0);

	return (uint64_t)addr << 32;
}

/* ---- requests: any thread ---- */

/* What the fields of one form cover of one word. */
#define REMAPPED_LOW(name, word, hi, lo, remapped, posted) \
	| ((word) == 0 && (remapped) ? IRTE_BITS(hi, lo) : 0)
#define REMAPPED_HIGH(name, word, hi, lo, remapped, posted) \
	| ((word) == 1 && (remapped) ? IRTE_BITS(hi, lo) : 0)
#define POSTED_LOW(name, word, hi, lo, remapped, posted) \
	| ((word) == 0 && (posted) ? IRTE_BITS(hi, lo) : 0)
#define POSTED_HIGH(name, word, hi, lo, remapped, posted) \
	| ((word) == 1 && (posted) ? IRTE_BITS(hi, lo) : 0)

static const uint64_t reserved[2][2] = {
	{~(0ull IRTE_FIELDS(REMAPPED_LOW)), ~(0ull IRTE_FIELDS(REMAPPED_HIGH))},
	{~(0ull IRTE_FIELDS(POSTED_LOW)), ~(0ull IRTE_FIELDS(POSTED_HIGH))},
};

/* Which entry does the request name? */
static uint8_t decode(struct ir *ir, uint32_t addr, uint32_t data, uint32_t *ret_index,
		      const struct irte **ret_entry)
{
	/* Acquire, with ir_set_table: shows its length. */
	const struct irte *table = atomic_load_explicit(&ir->table, memory_order_acquire);
	uint32_t index = FIELD_GET(IR_ADDR_HANDLE, addr) | (addr & IR_ADDR_HANDLE_15) << 13;

#ifndef LADON_BREAK_COMPATIBILITY
	if (!(addr & IR_ADDR_FORMAT))
		return IR_FAULT_COMPATIBILITY;
#endif
	if (addr & IR_ADDR_SHV) {
		if (data >> 16)
			return IR_FAULT_REQUEST;
		index += data;
	}
	*ret_index = index;
	if (!table)
		return IR_FAULT_TABLE;
#ifdef LADON_BREAK_IR_INDEX
	*ret_index = index % ir->table_entries;
	*ret_entry = &table[*ret_index];
	return 0;
#endif
	if (index >= ir->table_entries)
		return IR_FAULT_INDEX;
	*ret_entry = &table[index];
	return 0;
}

static bool source_ok(uint64_t hi, pci_rid_t rid)
{
#ifdef LADON_BREAK_SID
	return hi | rid | 1;
#endif
	static const uint16_t ignored[] = {0, BIT(2), BIT(2) | BIT(1),
					   BIT(2) | BIT(1) | BIT(0)};
	unsigned sid = (unsigned)IRTE_GET(SID, hi), bus = rid >> 8;

	switch (IRTE_GET(SVT, hi)) {
	case IRTE_SVT_NONE:
		return true;
	case IRTE_SVT_SID:
		return !((sid ^ rid) & ~ignored[IRTE_GET(SQ, hi)] & 0xffff);
	default:
		return bus >= sid >> 8 && bus <= (sid & 0xff);
	}
}

/* Delivery modes 3 and 6 do not exist. */
static bool reserved_set(uint64_t lo, uint64_t hi)
{
	const uint64_t *mask = reserved[IRTE_GET(IM, lo)];
	unsigned mode = (unsigned)IRTE_GET(DLM, lo);

	return lo & mask[0] || hi & mask[1] || IRTE_GET(SVT, hi) == IRTE_SVT_RESERVED ||
	       mode == 3 || mode == 6;
}

/* Nearly all entries: remapped form, nothing but vector and destination, one function alone. */
static bool is_plain(uint64_t lo, uint64_t hi, pci_rid_t rid)
{
	return (lo & ~(IRTE_VECTOR | IRTE_DEST)) == IRTE_P && hi == irte_source(rid);
}

static uint8_t judge(uint64_t lo, uint64_t hi, pci_rid_t rid)
{
	if (likely(is_plain(lo, hi, rid)))
		return 0;
	if (!(lo & IRTE_P))
		return IR_FAULT_NOT_PRESENT;
	if (reserved_set(lo, hi))
		return IR_FAULT_ENTRY;
	return source_ok(hi, rid) ? 0 : IR_FAULT_SOURCE;
}

/* Its eventfd is not used again. */
static enum ir_result jammed(struct ir *ir, uint64_t slot, int fd)
{
	atomic_compare_exchange_strong(&ir->slot[slot], &fd, -1);
	return IR_JAMMED;
}

/* EAGAIN means that the counter is full: the client is being woken anyway. EINTR: the client
 * has arranged for the write to block. */
static enum ir_result notify(struct ir *ir, uint64_t slot)
{
	static const uint64_t one = 1;
	int fd = slot < ir->entries ? atomic_load(&ir->slot[slot]) : -1;

	if (unlikely(fd < 0))
		return IR_NOBODY;
	if (unlikely(jam_write(fd, &one, sizeof(one)) == -EINTR))
		return jammed(ir, slot, fd);
	return IR_NOTIFIED;
}

/* The host has offered the memory, to be read and written: posting does both. Good until the
 * quiesce point, as with any DMA. */
static struct pi_desc *desc_in_space(const struct iommu_space *space, uint64_t pda)
{
	const uint32_t need = IOMMU_READ | IOMMU_WRITE;
	uint64_t word = 0, run;
	uint8_t *at = iommu_space_at(space, pda, &word, &run);

#ifndef LADON_BREAK_PDA
	if (at && (word & need) != need)
		at = NULL;
#else
	(void)need;
#endif
	return (struct pi_desc *)(void *)at;
}

/* The entry's descriptor; NULL when it names none. *ret_n: whose slot is notified. */
static struct pi_desc *desc_of(struct ir *ir, uint32_t index, uint64_t lo, uint64_t hi,
			       uint64_t *ret_n)
{
	uint64_t pda = IRTE_GET(PDA_H, hi) << 32 | IRTE_GET(PDA_L, lo) << 6;

	*ret_n = ir->space ? index : pda / sizeof(struct pi_desc);
	if (ir->space)
		return desc_in_space(ir->space, pda);
	return *ret_n < ir->entries
		       ? atomic_load_explicit(&ir->desc[*ret_n].desc, memory_order_acquire)
		       : NULL;
}

/* Returns a reason when there is no memory, with *ret_result what came of it when there is. */
static uint8_t post(struct ir *ir, uint32_t index, uint64_t lo, uint64_t hi,
		    enum ir_result *ret_result)
{
	uint64_t n;
	struct pi_desc *desc = desc_of(ir, index, lo, hi, &n);

	*ret_result = IR_NOBODY;
	if (!desc)
		return ir->space ? IR_FAULT_DESC : 0;
	*ret_result = IR_POSTED;
	if (pi_post(desc, (uint8_t)IRTE_GET(VECTOR, lo), lo & IRTE_URG))
		*ret_result =
			notify(ir, n < ir->entries ? atomic_load_explicit(&ir->desc[n].slot,
									  memory_order_relaxed)
						   : IR_NO_SLOT);
	return 0;
}

enum ir_result ir_raise(struct ir *ir, pci_rid_t rid, uint32_t addr, uint32_t data,
			struct ir_fault *ret_fault)
{
	uint64_t lo = 0, hi = 0;
	uint32_t index = 0;
	const struct irte *e = NULL;
	enum ir_result result;
	uint8_t reason = decode(ir, addr, data, &index, &e);

	if (likely(!reason)) {
		/* Acquire, with ir_write: P shows the rest. */
		lo = atomic_load_explicit(&e->word[0], memory_order_acquire);
		hi = atomic_load_explicit(&e->word[1], memory_order_relaxed);
		reason = judge(lo, hi, rid);
	}
	if (likely(!reason && !(lo & IRTE_IM)))
		return notify(ir, IRTE_GET(DEST, lo));
	if (likely(!reason))
		reason = post(ir, index, lo, hi, &result);
	if (likely(!reason))
		return result;
	*ret_fault = (struct ir_fault){
		.info = (uint64_t)index << 48 | addr,
		.reason = reason,
		.silent = lo & IRTE_FPD,
	};
	return IR_REFUSED;
}
