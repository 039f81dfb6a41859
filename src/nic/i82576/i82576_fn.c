/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's side of what PF and VF have in common. */
#include "i82576_fn.h"

#include <stdlib.h>

#include "i82576_queue.h"
#include "i82576_shadow.h"

void i82576_fn_set_dma(struct i82576_fn *fn, bool on)
{
#ifdef LADON_BREAK_BUS_MASTER
	on = true;
#endif
	atomic_store(&fn->dma_on, on);
	if (on)
		nic_dp_kick(fn->card->dp);
	else
		nic_dp_quiesce(fn->card->dp);
}

/* ENABLE first, then active: pairs with the data path, which sets active and then looks at
 * ENABLE. */
static bool queue_stale(const struct i82576_queue *q)
{
	bool enabled = __atomic_load_n(&q->regs[Q_CTL], __ATOMIC_SEQ_CST) & DCTL_ENABLE;

	return !enabled && atomic_load(&q->active);
}

void i82576_fn_resample(struct i82576_fn *fn)
{
	bool stale = false;

	fn->traps++;
	for (unsigned q = 0; q < fn->num_queues; q++)
		stale |= queue_stale(&fn->rx[q]) || queue_stale(&fn->tx[q]);
#ifndef LADON_BREAK_QUEUE_DRAIN
	if (stale)
		nic_dp_quiesce(fn->card->dp);
#endif
	i82576_shadow_kick(fn); /* the same for queues under a shadow, which it follows */
}

void i82576_fn_set_rss(struct i82576_fn *fn, struct i82576_rss *rss)
{
	const struct i82576_rss *old = atomic_exchange(&fn->rss, rss);

	if (!old)
		return;
	nic_dp_quiesce(fn->card->dp);
	free((void *)old);
}

void i82576_fn_kick_deferred(struct i82576_fn *fn)
{
	if (atomic_load(&fn->intr.deferred))
		nic_dp_kick(fn->card->dp);
}
