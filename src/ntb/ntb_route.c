/* SPDX-License-Identifier: BSD-3-Clause */
/* ntb_route.c - the data path's side of a port: two binary searches in a table that stands
 * still. */
#include "bits.h"
#include "clock.h"
#include "ntb_port.h"

/* The last window that begins at addr or below, or NULL. */
static const struct ntb_table_window *window_at(const struct ntb_table *table, uint64_t addr)
{
	unsigned lo = 0, hi = table->windows;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (table->window[mid].w.base <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && addr <= table->window[lo - 1].w.limit ? &table->window[lo - 1] : NULL;
}

unsigned ntb_lut_find(const struct ntb_table *table, struct ntb_requester who)
{
	uint32_t key = (uint32_t)who.segment << 16 | who.rid;
	unsigned lo = 0, hi = table->luts;

	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;

		if (table->lut[mid].who < key)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* Check 2. */
static enum ntb_reason check_window(const struct ntb_table_window *win, uint64_t addr,
				    uint64_t len, uint32_t need)
{
	if (!win)
		return NTB_FAULT_NO_WINDOW;
#ifndef LADON_BREAK_NTB_REVOKE
	if (win->revoked)
		return NTB_FAULT_REVOKED;
#endif
#ifndef LADON_BREAK_NTB_LIMIT
	if (len && len - 1 > win->w.limit - addr)
		return NTB_FAULT_LIMIT;
#endif
	if (win->w.kind == NTB_INTERRUPTS)
		return need == IOMMU_WRITE && len == 4 && addr % 4 == 0 ? NTB_PASSED
									: NTB_FAULT_INTERRUPT;
	if (need & ~win->w.perm & IOMMU_READ)
		return NTB_FAULT_READ;
	return need & ~win->w.perm ? NTB_FAULT_WRITE : NTB_PASSED;
}

/* Check 3. */
static enum ntb_reason check_lut(const struct ntb_table *table, struct ntb_requester who,
				 pci_rid_t *ret_rid)
{
	const struct ntb_table_lut *lut = &table->lut[ntb_lut_find(table, who)];

#ifndef LADON_BREAK_NTB_LUT
	if (lut == &table->lut[table->luts] ||
	    lut->who != ((uint32_t)who.segment << 16 | who.rid))
		return NTB_FAULT_REQUESTER;
#endif
	if (lut->revoked)
		return NTB_FAULT_STALE_REQUESTER;
	*ret_rid = lut->rid;
	return NTB_PASSED;
}

enum ntb_reason ntb_judge(const struct ntb_port *port, struct ntb_requester who, uint64_t addr,
			  uint64_t len, uint32_t need, struct ntb_path *ret_path)
{
	/* Acquire, with the release in publish: the table is filled in. */
	const struct ntb_table *table =
		atomic_load_explicit(&port->table, memory_order_acquire);
	const struct ntb_table_window *win;
	enum ntb_reason reason;
	pci_rid_t rid;

	if (!table->up)
		return NTB_FAULT_LINK_DOWN;
	win = window_at(table, addr);
	reason = check_window(win, addr, len, need);
	if (reason == NTB_PASSED)
		reason = check_lut(table, who, &rid);
	if (reason != NTB_PASSED)
		return reason;
	*ret_path = (struct ntb_path){
		.addr = addr - win->w.base + win->w.xlat,
		.first = win->w.base,
		.last = win->w.limit,
		.perm = win->w.perm,
		.kind = win->w.kind,
		.rid = rid,
	};
	return NTB_PASSED;
}

enum ntb_reason ntb_route(struct ntb_port *port, struct ntb_requester who, uint64_t addr,
			  uint64_t len, uint32_t need, struct ntb_path *ret_path)
{
	enum ntb_reason reason = ntb_judge(port, who, addr, len, need, ret_path);
	struct ntb_fault fault;

	if (likely(reason == NTB_PASSED)) {
		atomic_fetch_add_explicit(&port->stats.passed, 1, memory_order_relaxed);
		return reason;
	}
	atomic_fetch_add_explicit(&port->stats.refused[reason], 1, memory_order_relaxed);
	fault = (struct ntb_fault){
		.addr = addr,
		.len = len,
		.time_ns = clock_ns(),
		.who = who,
		.reason = (uint8_t)reason,
		.write = need & IOMMU_WRITE,
	};
	ntb_fault_push(&port->faults, &fault);
	return reason;
}
