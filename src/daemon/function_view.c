/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_view.c - a VF as the guest that drives the PF sees it: viewN.sock. Its configuration
 * space answers at the VF's routing ID there, for that is what enabling SR-IOV looks at; its
 * registers and its data path are the VF's own socket's. No DMA, no interrupt.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "card.h"
#include "daemon.h"
#include "function.h"

/* A function without queues, on no switch. */
static int make(struct function *fn)
{
	size_t size = ALIGN_UP(sizeof(struct i82576_fn), (size_t)CACHE_LINE);

	fn->dev = aligned_alloc(CACHE_LINE, size);
	if (!fn->dev)
		return -ENOMEM;
	memset(fn->dev, 0, size);
	fn->dev->card = fn->card->nic;
	fn->dev->n = fn->n;
	fn->dev->rid = fn->rid;
	fn->dev->dom = fn->dom;
	nic_intr_init(&fn->dev->intr, I82576_VF_VECTORS);
	i82576_view_config(&fn->cfg);
	return 0;
}

static void unmake(struct function *fn)
{
	free(fn->dev);
}

static void bar_read(struct function *fn, unsigned bar, uint32_t offset, void *buf,
		     uint32_t len)
{
	(void)fn, (void)bar, (void)offset;
	memset(buf, 0xff, len);
}

static void bar_write(struct function *fn, unsigned bar, uint32_t offset, const void *buf,
		      uint32_t len)
{
	(void)fn, (void)bar, (void)offset, (void)buf, (void)len;
}

static void nothing(struct function *fn)
{
	(void)fn;
}

/* The PF's driver resets a VF by an FLR of it on the bus, which is here (VFLR). */
static void was_flr(struct function *fn)
{
	struct function *vf = fn->card->functions[fn->n];

	if (vf->vf->exists)
		function_reset_by_card(vf, "function-level reset by the PF's guest");
}

const struct function_kind function_view = {
	.word = "view",
	/* QEMU looks whether the MSI-X table and its pending bits lie inside a BAR. */
	.bar_size = {[0] = I82576_VF_BAR0_SIZE, [3] = I82576_VF_BAR3_SIZE},
	.irqs = {[VFU_IRQ_INDEX_MSIX] = {I82576_VF_VECTORS, VFU_IRQ_EVENTFD}},
	.hides_ext = true,
	.opener = TOKEN_OF_VIEW,
	.make = make,
	.unmake = unmake,
	.bar_read = bar_read,
	.bar_write = bar_write,
	.gone = nothing,
	.reset = nothing,
	.was_flr = was_flr,
};
