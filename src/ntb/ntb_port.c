/* SPDX-License-Identifier: BSD-3-Clause */
/* ntb_port.c - the control thread's side: how a table becomes the next one. */
#include "ntb_port.h"

#include <errno.h>
#include <string.h>

#include "bits.h"
#include "ir.h"

#define RW (IOMMU_READ | IOMMU_WRITE)

static const struct ntb_table *current(const struct ntb_port *port)
{
	return atomic_load_explicit(&port->table, memory_order_relaxed);
}

/* ---- a change ---- */

static void drain(struct ntb_port *port)
{
	port->undrained = false;
	if (port->hooks.drain)
		port->hooks.drain(port->hooks.arg);
}

/* A copy of the table in force, to be changed. */
static struct ntb_table *change_begin(struct ntb_port *port)
{
	struct ntb_table *next = &port->tables[current(port) == port->tables];

	if (port->undrained)
		drain(port);
	*next = *current(port);
	return next;
}

static void publish(struct ntb_port *port, const struct ntb_table *next)
{
	atomic_store_explicit(&port->table, next, memory_order_release);
	atomic_fetch_add_explicit(&port->generation, 1, memory_order_release);
	port->undrained = true;
}

/* Something was added: what was found before is still right. */
static void change_wider(struct ntb_port *port, const struct ntb_table *next)
{
	publish(port, next);
}

static void change_narrower(struct ntb_port *port, const struct ntb_table *next)
{
	publish(port, next);
#ifndef LADON_BREAK_NTB_FORGET
	if (port->hooks.forget)
		port->hooks.forget(port->hooks.arg);
	drain(port);
#endif
}

void ntb_port_init(struct ntb_port *port, const struct ntb_slice *slice,
		   const struct ntb_port_hooks *hooks)
{
	memset(port, 0, sizeof(*port));
	port->base = slice->base;
	port->limit = slice->base + slice->size - 1;
	port->hooks = *hooks;
	port->table = port->tables;
}

void ntb_port_set_link(struct ntb_port *port, bool up)
{
	struct ntb_table *next;

	if (current(port)->up == up)
		return;
	next = change_begin(port);
	next->up = up;
	if (up)
		change_wider(port, next);
	else
		change_narrower(port, next);
}

/* ---- windows ---- */

static unsigned window_of_slot(const struct ntb_table *table, unsigned slot)
{
	unsigned i = 0;

	while (i < table->windows && table->window[i].slot != slot)
		i++;
	return i;
}

/* A window onto memory that reached the interrupt window would be a way past remapping. */
static bool kind_is_good(const struct ntb_window *w)
{
	uint64_t size = w->limit - w->base + 1;

	switch (w->kind) {
	case NTB_INTERRUPTS:
		return w->perm == IOMMU_WRITE && w->xlat >= IR_WINDOW &&
		       w->xlat - IR_WINDOW < IR_WINDOW_SIZE &&
		       size <= IR_WINDOW + IR_WINDOW_SIZE - w->xlat;
	case NTB_MEMORY:
	case NTB_MMIO:
		return w->perm && !(w->perm & ~RW) && !ir_in_window(w->xlat, size);
	}
	return false;
}

static int check_window(const struct ntb_port *port, unsigned slot, const struct ntb_window *w)
{
	if (slot >= NTB_WINDOWS || w->base > w->limit ||
	    (w->base | (w->limit + 1) | w->xlat) & (IOMMU_PAGE - 1))
		return -EINVAL;
#ifndef LADON_BREAK_NTB_SLICE
	if (w->base < port->base || w->limit > port->limit)
		return -ERANGE;
#endif
	if (w->xlat >> NTB_ADDR_BITS || w->limit - w->base >= BIT64(NTB_ADDR_BITS) - w->xlat)
		return -ERANGE;
	if (!kind_is_good(w))
		return -EINVAL;
#ifndef LADON_BREAK_NTB_EPOCH
	if (w->epoch <= port->floor || w->epoch <= port->slot_epoch[slot])
		return -ESTALE;
#endif
	for (unsigned i = 0; i < current(port)->windows; i++) {
		const struct ntb_table_window *other = &current(port)->window[i];

		if (other->slot != slot && w->base <= other->w.limit &&
		    other->w.base <= w->limit)
			return -EEXIST;
	}
	return 0;
}

static void remove_window(struct ntb_table *table, unsigned at)
{
	table->windows--;
	memmove(&table->window[at], &table->window[at + 1],
		(table->windows - at) * sizeof(table->window[0]));
}

static void insert_window(struct ntb_table *table, unsigned slot, const struct ntb_window *w)
{
	unsigned at = 0;

	while (at < table->windows && table->window[at].w.base < w->base)
		at++;
	memmove(&table->window[at + 1], &table->window[at],
		(table->windows - at) * sizeof(table->window[0]));
	table->window[at] = (struct ntb_table_window){.w = *w, .slot = slot};
	table->windows++;
}

int ntb_window_set(struct ntb_port *port, unsigned slot, const struct ntb_window *window)
{
	int ret = check_window(port, slot, window);
	struct ntb_table *next;
	unsigned at;

	if (ret < 0)
		return ret;
	port->slot_epoch[slot] = window->epoch;
	next = change_begin(port);
	at = window_of_slot(next, slot);
	if (at == next->windows) {
		insert_window(next, slot, window);
		change_wider(port, next);
		return 0;
	}
	remove_window(next, at);
	insert_window(next, slot, window);
	change_narrower(port, next);
	return 0;
}

int ntb_window_clear(struct ntb_port *port, unsigned slot)
{
	struct ntb_table *next;
	unsigned at;

	if (slot >= NTB_WINDOWS)
		return -EINVAL;
	at = window_of_slot(current(port), slot);
	if (at == current(port)->windows)
		return -ENOENT;
	next = change_begin(port);
	remove_window(next, at);
	change_narrower(port, next);
	return 0;
}

bool ntb_window_get(const struct ntb_port *port, unsigned slot, struct ntb_window *ret_window,
		    bool *ret_revoked)
{
	unsigned at = window_of_slot(current(port), slot);

	if (at == current(port)->windows)
		return false;
	*ret_window = current(port)->window[at].w;
	*ret_revoked = current(port)->window[at].revoked;
	return true;
}

/* ---- the look-up table ---- */

static bool rid_is_taken(const struct ntb_table *table, unsigned except, pci_rid_t rid)
{
	for (unsigned i = 0; i < table->luts; i++)
		if (i != except && table->lut[i].rid == rid)
			return true;
	return false;
}

int ntb_lut_add(struct ntb_port *port, struct ntb_requester who, pci_rid_t rid, uint64_t epoch)
{
	const struct ntb_table *now = current(port);
	uint32_t key = (uint32_t)who.segment << 16 | who.rid;
	unsigned at = ntb_lut_find(now, who);
	bool there = at < now->luts && now->lut[at].who == key;
	struct ntb_table *next;

	if (epoch <= port->floor)
		return -ESTALE;
	if ((there && !now->lut[at].revoked) || rid_is_taken(now, there ? at : NTB_LUT, rid))
		return -EEXIST;
	if (!there && now->luts == NTB_LUT)
		return -ENOSPC;
	next = change_begin(port);
	if (!there) {
		memmove(&next->lut[at + 1], &next->lut[at],
			(next->luts - at) * sizeof(next->lut[0]));
		next->luts++;
	}
	next->lut[at] = (struct ntb_table_lut){.who = key, .rid = rid, .epoch = epoch};
	change_wider(port, next);
	return 0;
}

int ntb_lut_del(struct ntb_port *port, struct ntb_requester who)
{
	const struct ntb_table *now = current(port);
	unsigned at = ntb_lut_find(now, who);
	struct ntb_table *next;

	if (at == now->luts || now->lut[at].who != ((uint32_t)who.segment << 16 | who.rid))
		return -ENOENT;
	next = change_begin(port);
	next->luts--;
	memmove(&next->lut[at], &next->lut[at + 1], (next->luts - at) * sizeof(next->lut[0]));
	change_narrower(port, next);
	return 0;
}

void ntb_port_revoke(struct ntb_port *port, uint64_t epoch)
{
	struct ntb_table *next;

	if (epoch <= port->floor)
		return;
	port->floor = epoch;
	next = change_begin(port);
	for (unsigned i = 0; i < next->windows; i++)
		next->window[i].revoked |= next->window[i].w.epoch <= epoch;
	for (unsigned i = 0; i < next->luts; i++)
		next->lut[i].revoked |= next->lut[i].epoch <= epoch;
	change_narrower(port, next);
}
