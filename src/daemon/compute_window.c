/* SPDX-License-Identifier: BSD-3-Clause */
/* compute_window.c - memory that a compute host offers: files, mapped here, which lie at the
 * addresses that the host has chosen. */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "compute_priv.h"
#include "function.h"

static int check(const struct compute *compute, const struct fabric_msg *msg, int fd,
		 const char **ret_why)
{
	uint64_t size = msg->offer.size;

	*ret_why = "the file is missing";
	if (fd < 0)
		return -EBADF;
	*ret_why = "whole pages of 4 KiB, to be read or written, are right";
	if (!size || (size | msg->offer.offset | msg->offer.hpa) & (IOMMU_PAGE - 1) ||
	    !msg->offer.perm || msg->offer.perm & ~(IOMMU_READ | IOMMU_WRITE))
		return -EINVAL;
	*ret_why = "too much memory is offered";
	if (compute->num_windows >= COMPUTE_WINDOWS ||
	    size > COMPUTE_BYTES_MAX - compute->bytes || !iommu_mem_left())
		return -ENOSPC;
#ifndef LADON_BREAK_WINDOW_SLICE
	*ret_why =
		"memory lies in the first TiB of the host's addresses: its slice is as large";
	if (msg->offer.hpa >> COMPUTE_SLICE_BITS ||
	    size > BIT64(COMPUTE_SLICE_BITS) - msg->offer.hpa)
		return -EINVAL;
#endif
	return 0;
}

static int place(struct compute *compute, struct compute_window *window,
		 const struct fabric_msg *msg, int *fd, const char **ret_why)
{
	uint32_t perm = msg->offer.perm;
	uint32_t prot =
		(perm & IOMMU_READ ? PROT_READ : 0) | (perm & IOMMU_WRITE ? PROT_WRITE : 0);
	int ret = iommu_mem_map(*fd, msg->offer.offset, msg->offer.size, prot, &window->mem,
				ret_why);

	if (ret < 0)
		return ret;
	*fd = -1;
	*ret_why = "other memory lies at that address, or none can";
	ret = iommu_space_add_at(vtd_space(compute->host.vtd), &window->slice,
				 window->mem->base, msg->offer.size, perm, msg->offer.hpa);
	if (ret < 0)
		iommu_mem_free(window->mem);
	return ret;
}

int compute_window_open(struct compute *compute, const struct fabric_msg *msg, int *fd,
			const char **ret_why)
{
	struct compute_window *window;
	int ret = check(compute, msg, *fd, ret_why);

	if (ret < 0)
		return ret;
	*ret_why = "there is not enough memory";
	window = aligned_alloc(_Alignof(struct compute_window), sizeof(*window));
	if (!window)
		return -ENOMEM;
	ret = place(compute, window, msg, fd, ret_why);
	if (ret < 0) {
		free(window);
		return ret;
	}
	*ret_why = NULL;
	window->next = compute->windows;
	compute->windows = window;
	compute->num_windows++;
	compute->bytes += window->slice.size;
	return 0;
}

static void window_free(struct compute *compute, struct compute_window *window)
{
	compute->num_windows--;
	compute->bytes -= window->slice.size;
	iommu_mem_free(window->mem);
	free(window);
}

/* The window in which all of [hpa, hpa + size) lies, or NULL. */
static struct compute_window *window_at(const struct compute *compute, uint64_t hpa,
					uint64_t size)
{
	struct compute_window *w = compute->windows;

	while (w && (hpa < w->slice.hpa || size > w->slice.size ||
		     hpa - w->slice.hpa > w->slice.size - size))
		w = w->next;
	return w;
}

/* Only interrupts that the host has an entry for are let through: without a table, none. */
void compute_window_irt(void *arg, uint64_t irta, bool on)
{
	struct compute *compute = arg;
	uint64_t hpa = irta & ~(IOMMU_PAGE - 1);
	unsigned entries = 2u << (irta & 15);
	struct compute_window *window =
		on ? window_at(compute, hpa, entries * sizeof(struct irte)) : NULL;

	if (window && !(window->slice.perm & IOMMU_READ))
		window = NULL;
	compute->irt = window;
	ir_set_table(
		compute->host.ir,
		window ? (struct irte *)(void *)(window->slice.base + (hpa - window->slice.hpa))
		       : NULL,
		entries);
}

/* The host should have emptied its tables and waited; where it has not, that is done for it. */
int compute_window_close(struct compute *compute, uint64_t hpa)
{
	struct compute_window **at = &compute->windows, *window;

	while (*at && (*at)->slice.hpa != hpa)
		at = &(*at)->next;
	window = *at;
	if (!window)
		return -ENOENT;
	*at = window->next;
	if (window == compute->irt)
		compute_window_irt(compute, 0, false);
	iommu_space_remove(vtd_space(compute->host.vtd), &window->slice);
#ifndef LADON_BREAK_WINDOW_CLOSE
	for (struct function *fn = compute->host.functions; fn; fn = fn->host_next)
		iommu_domain_forget_all(fn->dom);
	for (struct function *fn = compute->host.functions; fn; fn = fn->host_next)
		iommu_domain_drain(fn->dom);
#endif
	window_free(compute, window);
	return 0;
}

void compute_windows_free(struct compute *compute)
{
	struct compute_window *window;

	compute_window_irt(compute, 0, false);
	while ((window = compute->windows)) {
		compute->windows = window->next;
		iommu_space_remove(vtd_space(compute->host.vtd), &window->slice);
		window_free(compute, window);
	}
}

bool compute_window_lost(const struct compute *compute)
{
	for (const struct compute_window *w = compute->windows; w; w = w->next) {
		if (atomic_load_explicit(&w->mem->lost, memory_order_acquire))
			return true;
	}
	return false;
}
