/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_irq.c - interrupts as the client sets them up (SET_IRQS): it gives eventfds to the
 * vectors of one index, and masks and unmasks INTx. MSI's and INTx's one vector is vector 0 of
 * the model. Masks of MSI-X are the client's, which keeps the table.
 *
 * For a vector with an eventfd we do what a host's kernel does for it: an entry of the host's
 * interrupt-remapping table that only this function may raise and that leads to the eventfd,
 * and a message with the index of that entry in the model's vector.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "card.h"
#include "daemon.h"
#include "fabric.h"
#include "fd.h"
#include "function.h"
#include "host.h"
#include "pci_regs.h"

void function_irqs_init(struct function *fn)
{
	fn->irqs = (struct function_irqs){.index = FUNCTION_NO_IRQS, .unmask_fd = -1};
	for (unsigned i = 0; i < FUNCTION_VECTORS; i++)
		fn->irqs.fd[i] = fn->irqs.irte[i] = -1;
}

/* NORESIZE stays clear: vectors are given one by one. */
void function_irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	const struct function *fn = dev;

	*ret = fn->kind->irqs[index];
}

/*
 * An eventfd has no file type (it is an anonymous inode). Anything else could block the data
 * path in write(2). The description is the client's as well, so O_NONBLOCK helps only while it
 * is fair.
 */
static int check_eventfd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
#ifndef LADON_BREAK_EVENTFD
	if ((st.st_mode & S_IFMT) != 0)
		return -EINVAL;
#endif
	return fd_set_nonblock(fd);
}

static int check_eventfds(const struct vfu_irq_set *set)
{
	for (uint32_t i = 0; set->fds && i < set->count; i++) {
		int ret = check_eventfd(set->fds[i]);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/* ---- entries and messages of vectors ---- */

int function_irq_route(struct function *fn, unsigned v)
{
	/* A compute host's table is its own: which entry is ours is agreed (fabric.h). */
	if (fn->irqs.irte[v] < 0)
		fn->irqs.irte[v] = fn->host->bridge ? (int)fabric_irte(fn->host_rid, v)
						    : ir_alloc(fn->host->ir);
	return fn->irqs.irte[v] < 0 ? -ENOSPC : 0;
}

void function_irq_write(struct function *fn, unsigned v, int desc, unsigned bit)
{
	unsigned irte = (unsigned)fn->irqs.irte[v];
	uint64_t lo = desc < 0 ? irte_remapped(irte, (uint8_t)v)
			       : irte_posted((unsigned)desc, (uint8_t)bit, false);

	if (!fn->host->bridge)
		ir_write(fn->host->ir, irte, lo, irte_source(fn->host_rid));
}

/* Vector v is posted or has an eventfd. */
static bool in_use(const struct function *fn, unsigned v)
{
	return fn->irqs.fd[v] >= 0 || v - fn->posted.first < fn->posted.count;
}

/* A compute host has two entries for each vector, one a form: a message names either. */
static unsigned entry_of(const struct function *fn, unsigned v)
{
	bool posted = fn->host->bridge && v - fn->posted.first < fn->posted.count;

	return posted ? fabric_irte_posted(fn->host_rid, v) : (unsigned)fn->irqs.irte[v];
}

/* A masked INTx has none: what is raised meanwhile stays pending. */
static void set_message(struct function *fn, unsigned v)
{
	bool shut = fn->irqs.index == VFU_IRQ_INDEX_INTX && !fn->irqs.open;

	nic_intr_set_msg(&fn->dev->intr, v,
			 in_use(fn, v) && !shut ? ir_message(entry_of(fn, v)) : 0);
}

void function_irqs_prune(struct function *fn)
{
	struct ir *ir = fn->host->ir;

	for (unsigned v = 0; v < fn->dev->intr.num; v++) {
		set_message(fn, v);
		if (!in_use(fn, v) && fn->irqs.irte[v] >= 0 && !fn->host->bridge)
			ir_clear(ir, (unsigned)fn->irqs.irte[v]);
	}
	ir_invalidate(ir);
	for (unsigned v = 0; v < fn->dev->intr.num; v++) {
		if (in_use(fn, v) || fn->irqs.irte[v] < 0)
			continue;
		if (!fn->host->bridge)
			ir_free(ir, (unsigned)fn->irqs.irte[v]);
		fn->irqs.irte[v] = -1;
	}
}

/* ---- eventfds of vectors ---- */

static int route_all(struct function *fn, uint32_t start, uint32_t count)
{
	int ret = 0;

	for (uint32_t i = 0; i < count && !ret; i++)
		ret = function_irq_route(fn, start + i);
	if (ret < 0)
		function_irqs_prune(fn);
	return ret;
}

/*
 * Gives [start, start + count) these fds, or none; the former ones are closed, drained. Posting
 * ends in any case. Returns 0, or -ENOSPC with the former eventfds in place.
 */
static int give_eventfds(struct function *fn, uint32_t start, uint32_t count, int *fds)
{
	int old[FUNCTION_VECTORS], ret;

	function_posted_off(fn);
	ret = fds ? route_all(fn, start, count) : 0;
	if (ret < 0)
		return ret;
	for (uint32_t i = 0; i < count; i++) {
		unsigned v = start + i;

		old[i] = fn->irqs.fd[v];
		fn->irqs.fd[v] = fds ? fds[i] : -1;
		if (fds)
			fds[i] = -1;
		if (fn->irqs.irte[v] < 0)
			continue;
		ir_set_slot(fn->host->ir, (unsigned)fn->irqs.irte[v], fn->irqs.fd[v]);
		if (fn->irqs.fd[v] >= 0)
			function_irq_write(fn, v, -1, 0);
	}
	function_irqs_prune(fn);
	fd_close_all(old, count);
	return 0;
}

static void unmask_fd_off(struct function *fn)
{
	loop_fd_del(fn->irqs.unmask);
	fn->irqs.unmask = NULL;
	fd_close(&fn->irqs.unmask_fd);
}

static bool intx_disabled(const struct function *fn)
{
	uint16_t command;

	pci_config_read(&fn->cfg, PCI_COMMAND, &command, sizeof(command));
	return command & PCI_COMMAND_INTERRUPT_DISABLE;
}

/* index is in use from now on, without eventfds; FUNCTION_NO_IRQS: none. */
static void switch_to(struct function *fn, unsigned index)
{
	struct function_irqs *irqs = &fn->irqs;

	give_eventfds(fn, 0, fn->dev->intr.num, NULL);
	unmask_fd_off(fn);
	irqs->index = index;
	irqs->masked = false;
	irqs->open = !intx_disabled(fn);
	if (fn->kind->irqs_changed)
		fn->kind->irqs_changed(fn);
}

void function_irqs_off(struct function *fn)
{
	if (fn->irqs.index != FUNCTION_NO_IRQS)
		switch_to(fn, FUNCTION_NO_IRQS);
}

/* Without fds they are taken away. That leaves MSI and MSI-X on, as QEMU enables them: without
 * an eventfd first. */
static int set_eventfds(struct function *fn, struct vfu_irq_set *set)
{
	int ret = check_eventfds(set);

	if (ret < 0)
		return ret;
	if (set->index == VFU_IRQ_INDEX_INTX && !set->fds) {
		if (fn->irqs.index == set->index)
			function_irqs_off(fn);
		return 0;
	}
	if (fn->irqs.index != set->index)
		switch_to(fn, set->index);
	return give_eventfds(fn, set->start, set->count, set->fds);
}

static int trigger(struct function *fn, struct vfu_irq_set *set)
{
	if (set->data == VFU_IRQ_DATA_EVENTFD)
		return set_eventfds(fn, set);
	if (fn->irqs.index != set->index)
		return 0;
	if (!set->count) { /* disables the index */
		function_irqs_off(fn);
		return 0;
	}
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->data == VFU_IRQ_DATA_NONE || set->bools[i])
			nic_intr_force(&fn->dev->intr, set->start + i);
	}
	return 0;
}

/* ---- INTx ---- */

static void intx_unmasked(struct function *fn)
{
	if (fn->irqs.open && fn->kind->intx_unmasked)
		fn->kind->intx_unmasked(fn);
}

void function_irqs_gate(struct function *fn)
{
	struct function_irqs *irqs = &fn->irqs;
	bool open = !irqs->masked && !intx_disabled(fn);

	if (irqs->index != VFU_IRQ_INDEX_INTX || open == irqs->open)
		return;
	irqs->open = open;
	set_message(fn, 0);
	intx_unmasked(fn);
}

/* Some files of that look block whoever polls them (an epoll of a file in user space): asks for
 * the name, too. */
static int check_named_eventfd(const struct vfu_irq_set *set)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], name[sizeof(want)];
	int ret = check_eventfds(set);
	ssize_t len;

	if (ret < 0 || !set->fds)
		return ret;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", set->fds[0]);
	len = readlink(path, name, sizeof(name));
	return len == sizeof(want) - 1 && !memcmp(name, want, (size_t)len) ? 0 : -EINVAL;
}

/* Never read: an edge is enough to know that it was written, and a read could be made to
 * block. */
static void on_unmask_fd(void *arg, uint32_t events)
{
	struct function *fn = arg;

	if (!(events & EPOLLIN))
		return;
	fn->irqs.masked = false;
	function_irqs_gate(fn);
	intx_unmasked(fn);
}

/* The eventfd that KVM writes when the guest has acknowledged the interrupt. */
static int set_unmask_fd(struct function *fn, struct vfu_irq_set *set)
{
	int ret = check_named_eventfd(set);

	if (ret < 0)
		return ret;
	unmask_fd_off(fn);
	if (!set->fds)
		return 0;
	ret = loop_add_fd(fn->daemon->loop, set->fds[0], EPOLLIN | EPOLLET, on_unmask_fd, fn,
			  &fn->irqs.unmask);
	if (ret < 0)
		return ret;
	fn->irqs.unmask_fd = set->fds[0];
	set->fds[0] = -1;
	return 0;
}

static int mask(struct function *fn, struct vfu_irq_set *set)
{
	bool on = set->action == VFU_IRQ_ACTION_MASK;

	if (fn->irqs.index != VFU_IRQ_INDEX_INTX || set->index != VFU_IRQ_INDEX_INTX)
		return 0;
	if (set->data == VFU_IRQ_DATA_EVENTFD)
		return on ? -ENOTTY : set_unmask_fd(fn, set); /* as vfio-pci has it */
	if (set->data == VFU_IRQ_DATA_BOOL && !set->bools[0])
		return 0;
	fn->irqs.masked = on;
	function_irqs_gate(fn);
	if (!on)
		intx_unmasked(fn);
	return 0;
}

int function_set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct function *fn = dev;
	uint32_t vectors = fn->kind->irqs[set->index].count;

	if (set->start > vectors || set->count > vectors - set->start)
		return -EINVAL;
	return set->action == VFU_IRQ_ACTION_TRIGGER ? trigger(fn, set) : mask(fn, set);
}
