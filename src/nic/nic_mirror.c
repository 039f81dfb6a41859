/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_mirror.h"

#include "nic_capture.h"
#include "nic_deliver.h"
#include "nic_switch.h"

/* Copies are the last to get a receiver's descriptors: none of those kept for senders that are
 * owed their minimum rate. */
static enum nic_drop refusal(const struct nic_port *to, const struct nic_policy *p)
{
	if (!nic_policy_live(p))
		return NIC_DROP_RXOFF;
	return to->share.kept ? NIC_DROP_NODESC : NIC_DROP_NONE;
}

static void copy_to(struct nic_switch *sw, struct nic_port *to, const struct nic_frame *f,
		    unsigned frames)
{
	const struct nic_policy *p = atomic_load_explicit(&to->policy, memory_order_acquire);
	struct nic_tags tags = {.tagged = f->tagged, .svlan = f->svlan};
	enum nic_drop refuse = refusal(to, p);

	nic_count(&to->stats.mirrored, frames);
	if (refuse != NIC_DROP_NONE)
		nic_lose_rx(to, f, refuse, frames);
	else if (nic_deliver(to, p, f, tags, frames))
		nic_switch_received(sw, to);
}

void nic_mirror_sent(struct nic_switch *sw, const struct nic_port *src,
		     const struct nic_frame *f, unsigned frames)
{
	for (unsigned i = 0; i < src->mirrors->num_sent; i++)
		copy_to(sw, src->mirrors->sent[i], f, frames);
}

void nic_mirror_received(struct nic_switch *sw, const struct nic_port *src,
			 const struct nic_port *dst, const struct nic_frame *f, unsigned frames)
{
	for (unsigned i = 0; i < dst->mirrors->num_received; i++) {
		struct nic_port *to = dst->mirrors->received[i];

		if (to != src) /* nobody hears himself: the switch never sends a frame back */
			copy_to(sw, to, f, frames);
	}
}
