/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_posted.c - posted interrupts (DEVICE_FEATURE): the client names a descriptor in its
 * own memory and vectors to be posted there. Their entries in the host's table become posted
 * ones; the eventfd of the first vector is the notification. Asked again, or given eventfds
 * again (SET_IRQS), it starts anew; count 0, unmapping the descriptor or leaving ends it.
 *
 * The descriptor is memory that the card writes, so the client must have mapped it for writing
 * and reading; its address is one of the client's own (no first stage of its is asked).
 *
 * The client of a compute host's function is that host (ladon-host), and the address one of the
 * host's. It has written entries of its own that post there (fabric_irte_posted); here they get
 * their notification, and the vectors' messages name them from then on. What the entries say
 * is looked at when something is posted, and only then: that is where a hostile host is caught.
 */
#include <errno.h>
#include <string.h>

#include "fabric.h"
#include "function.h"
#include "host.h"
#include "pi_desc.h"

/* The first vector's entry, slot and descriptor have one number. */
static unsigned number(const struct function *fn)
{
	return (unsigned)fn->irqs.irte[fn->posted.first];
}

static int find_desc(const struct function *fn, uint64_t iova, struct pi_desc **ret_desc)
{
	const uint32_t need = IOMMU_READ | IOMMU_WRITE;
	struct iommu_map_info info;

	if (!iommu_find(fn->dom, iova, &info) || !info.mem || (info.perm & need) != need)
		return -EFAULT;
	*ret_desc = (struct pi_desc *)(void *)(info.mem->base + (iova - info.iova));
	return 0;
}

/* Says early what would be a fault later. */
static int look_at_host(const struct function *fn, uint64_t hpa)
{
	const uint32_t need = IOMMU_READ | IOMMU_WRITE;
	uint64_t word = 0, run;

	return iommu_space_at(vtd_space(fn->host->vtd), hpa, &word, &run) &&
			       (word & need) == need
		       ? 0
		       : -EFAULT;
}

static int check(const struct function *fn, const struct vfu_feature_posted *req)
{
	if (fn->irqs.index != VFU_IRQ_INDEX_MSIX && fn->irqs.index != VFU_IRQ_INDEX_MSI)
		return -EINVAL; /* INTx is a level, which cannot be posted */
	if (!vfu_posted_ok(req, fn->dev->intr.num))
		return -EINVAL;
	return fn->irqs.fd[req->first] >= 0 ? 0 : -EINVAL;
}

static int route(struct function *fn, const struct vfu_feature_posted *req)
{
	int ret = 0;

	for (unsigned i = 0; i < req->count && !ret; i++)
		ret = function_irq_route(fn, req->first + i);
	if (ret < 0)
		function_irqs_prune(fn);
	return ret;
}

static void write_entries(struct function *fn, struct pi_desc *desc, unsigned bit)
{
	ir_set_desc(fn->host->ir, number(fn), desc, number(fn));
	for (unsigned i = 0; i < fn->posted.count; i++)
		function_irq_write(fn, fn->posted.first + i, (int)number(fn), bit + i);
}

/* slot is told of what the host's entries post. */
static void notify(struct function *fn, struct function_posted posted, unsigned slot)
{
	for (unsigned i = 0; i < posted.count; i++)
		ir_set_desc(fn->host->ir, fabric_irte_posted(fn->host_rid, posted.first + i),
			    NULL, slot);
}

int function_posted_set(struct function *fn, const void *data)
{
	struct vfu_feature_posted req;
	struct pi_desc *desc = NULL;
	int ret;

	memcpy(&req, data, sizeof(req));
	if (!req.count) {
		function_posted_off(fn);
		return 0;
	}
	ret = check(fn, &req);
	if (ret == 0)
		ret = fn->host->bridge ? look_at_host(fn, req.iova)
				       : find_desc(fn, req.iova, &desc);
	if (ret < 0)
		return ret;
	function_posted_off(fn);
	ret = route(fn, &req);
	if (ret < 0)
		return ret;
	fn->posted = (struct function_posted){req.first, req.count, req.iova};
	if (fn->host->bridge)
		notify(fn, fn->posted, number(fn));
	else
		write_entries(fn, desc, req.bit);
	function_irqs_prune(fn);
	return 0;
}

void function_posted_off(struct function *fn)
{
	struct function_posted was = fn->posted;
	unsigned n;

	if (!was.count)
		return;
	n = number(fn);
	fn->posted.count = 0;
	for (unsigned i = 0; i < was.count; i++) {
		if (fn->irqs.fd[was.first + i] >= 0)
			function_irq_write(fn, was.first + i, -1, 0);
	}
	if (!fn->host->bridge)
		ir_set_desc(fn->host->ir, n, NULL, IR_NO_SLOT);
	function_irqs_prune(fn);
	if (fn->host->bridge)
		notify(fn, was, IR_NO_SLOT);
}

void function_posted_unmap(struct function *fn, uint64_t addr, uint64_t size)
{
	if (fn->posted.count && fn->posted.iova - addr < size)
		function_posted_off(fn);
}
