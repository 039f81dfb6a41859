/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_run.h"

#include <string.h>

#include "nic_flight.h"

/* Does the switch as a whole do no more than switch? */
static bool is_simple(const struct nic_switch *sw)
{
	return !sw->wire && !sw->owed && !sw->kept && !nic_switch_any(&sw->all->num_promisc) &&
	       !nic_switch_any(&sw->all->num_svlan);
}

static bool nobody_looks(const struct nic_port *port)
{
	return !port->captures && !port->mirrors;
}

/* Is what dst gets of f, tagged as it may be by now, without tags again? */
static bool stays_untagged(const struct nic_policy *p, const struct nic_frame *f)
{
	return !f->svlan && (!f->tagged || p->pvid);
}

void nic_run_begin(struct nic_switch *sw, const struct nic_port *src,
		   const struct nic_policy *sp, struct nic_port *dst,
		   const struct nic_policy *dp, const struct nic_frame *f)
{
	sw->run.dst = NULL;
	if (!dst->ops->rx_run || dst->is_uplink || !is_simple(sw) || !nobody_looks(src) ||
	    !nobody_looks(dst) || sp->mtu || sp->spoof_neigh || dp->mtu ||
	    !stays_untagged(dp, f) || net_is_tag(get_be16(f->hdr + 12)))
		return;
	sw->run.dst = dst;
	sw->run.policy = dp;
	sw->run.tagged = f->tagged;
	memcpy(sw->run.head, f->hdr, sizeof(sw->run.head));
}

static bool follows(const struct nic_run *run, const struct nic_frame *f)
{
	return !memcmp(run->head, f->hdr, sizeof(run->head)) && !f->tagged && !f->off.tso;
}

static bool still_judged(const struct nic_run *run)
{
	return atomic_load_explicit(&run->dst->policy, memory_order_acquire) == run->policy;
}

static uint64_t bytes_of(const struct nic_frame *f, unsigned n)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < n; i++)
		bytes += MAX(f[i].len, (uint32_t)NET_ETH_ZLEN);
	return bytes;
}

/* Leaves them as the switch would: a sender's rate is that of frames with their tag. */
static void tag(const struct nic_run *run, struct nic_frame *f, unsigned n)
{
	for (unsigned i = 0; i < n && run->tagged; i++)
		f[i].tagged = true;
}

/* To the worker of the run's receiver. */
static void hand_over(const struct nic_switch *sw, struct nic_frame *f, unsigned first,
		      unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		f[i].to = sw->run.dst->index;
		f[i].flood = f[i].unknown = false;
		f[i].follows = true;
	}
	sw->flight->part[sw->run.dst->worker].frames |=
		(uint32_t)(BIT64(first + n) - BIT64(first));
	tag(&sw->run, f, n);
}

/* By the receiver's worker. */
static unsigned store(struct nic_switch *sw, const struct nic_frame *f, unsigned n)
{
	struct nic_port *dst = sw->run.dst;

	n = dst->ops->rx_run(dst, f, n, sw->run.policy->max_frame);
	if (n)
		nic_switch_received(sw, dst);
	return n;
}

unsigned nic_run_take(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst,
		      unsigned first)
{
	struct nic_frame *f = &burst->frame[first];
	unsigned n = 0;
	uint64_t bytes;

	if (!sw->run.dst || !still_judged(&sw->run))
		return 0;
	while (first + n < burst->n && follows(&sw->run, &f[n]))
		n++;
	if (n && !nic_switch_owns(sw, sw->run.dst)) {
		hand_over(sw, f, first, n);
		return n;
	}
	n = n ? store(sw, f, n) : 0;
	if (n) {
		tag(&sw->run, f, n);
		bytes = bytes_of(f, n);
		nic_count_tx(&src->stats, n, bytes, true);
		nic_count_rx(&sw->run.dst->stats, n, bytes, f->local);
	}
	return n;
}

unsigned nic_run_handed(struct nic_switch *sw, const struct nic_frame *f, unsigned n)
{
	n = still_judged(&sw->run) ? store(sw, f, n) : 0;
	if (n)
		nic_count_rx(&sw->run.dst->stats, n, bytes_of(f, n), f->local);
	return n;
}
