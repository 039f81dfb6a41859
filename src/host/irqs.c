/* SPDX-License-Identifier: BSD-3-Clause */
#include "irqs.h"

#include <errno.h>

#include "mem.h"
#include "vfu_client.h"

#define VECTORS 16u /* of a function, at most */

/* ---- eventfds ---- */

static void allow(const struct irqs *irqs, const struct vfu_irq_set *set, bool on)
{
	uint32_t count = set->count ? set->count : VECTORS;

	for (uint32_t v = set->start; v < VECTORS && v - set->start < count; v++)
		mem_irte(irqs->space, v, on);
}

/* A VF has MSI-X alone: eventfds, or none. */
int irqs_set(struct irqs *irqs, struct vfu_irq_set *set)
{
	int ret;

	if (set->action != VFU_IRQ_ACTION_TRIGGER ||
	    (set->data != VFU_IRQ_DATA_EVENTFD && set->count))
		return -ENOTTY;
	ret = irqs_post_off(irqs);
	if (ret < 0)
		return ret;
	if (set->fds) /* what is pending fires at once */
		allow(irqs, set, true);
	ret = vfu_client_set_eventfds(irqs->client, set->index, set->start, set->count,
				      set->fds);
	if (!set->fds)
		allow(irqs, set, false);
	return ret;
}

/* ---- posted ---- */

static int ask(const struct irqs *irqs, const struct vfu_feature_posted *req)
{
	return vfu_client_feature_set(irqs->client, VFU_FEATURE_LADON_POSTED, req,
				      sizeof(*req));
}

static int check(const struct irqs *irqs, const struct vfu_feature_posted *req)
{
	uint32_t vectors;
	int ret = vfu_client_irq_count(irqs->client, VFU_IRQ_INDEX_MSIX, &vectors);

	if (ret < 0)
		return ret;
	if (!vfu_posted_ok(req, MIN(vectors, VECTORS)))
		return -EINVAL;
	/* Without an eventfd there would be no notification. */
	return mem_irte_on(irqs->space, req->first) ? 0 : -EINVAL;
}

/* The entries of the vectors that req names, for a descriptor at hpa; 0: nobody may use them.
 */
static void write_entries(const struct irqs *irqs, const struct vfu_feature_posted *req,
			  uint64_t hpa)
{
	for (uint32_t i = 0; i < req->count; i++)
		mem_irte_posted(irqs->space, req->first + i, hpa, (uint8_t)(req->bit + i));
}

int irqs_post(struct irqs *irqs, const struct vfu_feature_posted *req)
{
	struct vfu_feature_posted there = *req;
	int ret;

	if (!req->count)
		return irqs_post_off(irqs);
	ret = check(irqs, req);
	if (ret == 0)
		ret = mem_find(irqs->space, req->iova, &there.iova);
	if (ret == 0)
		ret = irqs_post_off(irqs);
	if (ret < 0)
		return ret;
	write_entries(irqs, req, there.iova);
	ret = ask(irqs, &there);
	if (ret < 0)
		write_entries(irqs, req, 0);
	else
		irqs->posted = *req;
	return ret;
}

int irqs_post_off(struct irqs *irqs)
{
	const struct vfu_feature_posted none = {0}, was = irqs->posted;
	int ret;

	if (!was.count)
		return 0;
	irqs->posted.count = 0;
	ret = ask(irqs, &none);
	write_entries(irqs, &was, 0); /* whatever it said: the memory may go */
	return ret;
}

int irqs_unmap(struct irqs *irqs, uint64_t addr, uint64_t size)
{
	return irqs->posted.iova - addr < size ? irqs_post_off(irqs) : 0;
}
