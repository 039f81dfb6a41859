/* SPDX-License-Identifier: BSD-3-Clause */
/* function_vf.c - a virtual function: what its VM attaches, vfN.sock. */
#include "card.h"
#include "daemon.h"
#include "function.h"

static int make(struct function *fn)
{
	int ret = nic_card_use_vf(fn->card->nic, fn->n, false);

	if (ret == 0)
		ret = i82576_vf_new(fn->card->nic, fn->n, fn->rid, fn->dom, &fn->vf);
	if (ret < 0)
		return ret;
	fn->dev = &fn->vf->fn;
	i82576_vf_config(fn->vf, &fn->cfg);
	return 0;
}

/* A former client may keep its mapping of the queue pages, even on another host: the next one
 * gets others, or none is served. */
static int renew(struct function *fn)
{
	int ret = i82576_vf_renew(fn->vf);

	fn->stale_pages = ret < 0;
	return ret;
}

/* From here on the data path looks at it. */
static int accepted(struct function *fn, const char **why)
{
	int ret = fn->stale_pages ? renew(fn) : 0;

	if (ret < 0) {
		*why = "there is no memory for queue pages of its own";
		return ret;
	}
	ret = nic_card_use_vf(fn->card->nic, fn->n, true);
	if (ret < 0)
		*why = "the data path has no place for the VF";
	return ret;
}

static void unmake(struct function *fn)
{
	i82576_vf_free(fn->vf);
}

/* A client in message mode would ring doorbells in a page whose rings we cannot poll. */
static bool maps_doorbells(const struct function *fn)
{
	return fn->daemon->opts.mapped_doorbells && !fn->client.msg_mode;
}

static void region_info(struct function *fn, unsigned bar, struct vfu_region *ret)
{
	if (bar != VFU_REGION_INDEX_BAR0)
		return;
	fn->client.mapped = maps_doorbells(fn);
	if (!fn->client.mapped)
		return;
	ret->flags |= VFU_REGION_MMAP;
	ret->mmap_fd = fn->vf->qpage_fd;
	ret->area_offset = I82576_VF_QPAGE_OFF;
	ret->area_size = I82576_VF_QPAGE_SIZE;
}

static void bar_read(struct function *fn, unsigned bar, uint32_t offset, void *buf,
		     uint32_t len)
{
	i82576_vf_bar_read(fn->vf, bar, offset, buf, len);
}

static void bar_write(struct function *fn, unsigned bar, uint32_t offset, const void *buf,
		      uint32_t len)
{
	i82576_vf_bar_write(fn->vf, bar, offset, buf, len);
}

static void gone(struct function *fn)
{
	if (renew(fn) < 0)
		log_err("%s: no memory for new queue pages", fn->name);
	nic_card_use_vf(fn->card->nic, fn->n, false);
}

static void reset(struct function *fn)
{
	i82576_vf_reset(fn->vf);
}

void function_reset_by_card(struct function *fn, const char *why)
{
	i82576_vf_reset(fn->vf);
	function_was_reset(fn, why);
}

const struct function_kind function_vf = {
	.word = "vf",
	.bar_size = {[0] = I82576_VF_BAR0_SIZE, [3] = I82576_VF_BAR3_SIZE},
	.irqs = {[VFU_IRQ_INDEX_MSIX] = {I82576_VF_VECTORS, VFU_IRQ_EVENTFD}},
	.opener = TOKEN_OF_VF,
	.has_memory = true,
	.make = make,
	.unmake = unmake,
	.region_info = region_info,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.accepted = accepted,
	.gone = gone,
	.reset = reset,
};
