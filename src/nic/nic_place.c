/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_place.h"

#define SILENT_FRAMES 64u /* fewer in a period: it does not talk */

struct plan {
	struct nic_place_port *ports;
	unsigned num;
	uint16_t at[NIC_MAX_PORTS];    /* port's index -> place in ports[]; num = none */
	uint16_t group[NIC_MAX_PORTS]; /* by place: the first of those it is with */
	uint64_t load[NIC_MAX_PORTS];  /* of a group: frames; 0 = placed, or silent */
};

static bool talks(const struct nic_place_port *p)
{
	return !p->fixed && p->talk.frames >= SILENT_FRAMES;
}

static void join(struct plan *plan, unsigned a, unsigned b)
{
	uint16_t from = MAX(plan->group[a], plan->group[b]);
	uint16_t to = MIN(plan->group[a], plan->group[b]);

	for (unsigned i = 0; i < plan->num; i++)
		if (plan->group[i] == from)
			plan->group[i] = to;
}

static void make_groups(struct plan *plan)
{
	for (unsigned i = 0; i < NIC_MAX_PORTS; i++)
		plan->at[i] = (uint16_t)plan->num;
	for (unsigned i = 0; i < plan->num; i++) {
		plan->at[plan->ports[i].index] = plan->group[i] = (uint16_t)i;
		plan->load[i] = 0;
	}
	for (unsigned i = 0; i < plan->num; i++) {
		const struct nic_talk *talk = &plan->ports[i].talk;
		unsigned peer = talks(&plan->ports[i]) ? plan->at[talk->peer] : plan->num;

		if (peer < plan->num && !plan->ports[peer].fixed && talk->weight)
			join(plan, i, peer);
	}
	for (unsigned i = 0; i < plan->num; i++)
		if (talks(&plan->ports[i]))
			plan->load[plan->group[i]] += plan->ports[i].talk.frames;
}

static unsigned busiest(const struct plan *plan)
{
	unsigned best = 0;

	for (unsigned i = 1; i < plan->num; i++)
		if (plan->load[i] > plan->load[best])
			best = i;
	return best;
}

/* The one with least to do; of several, where the group is. */
static unsigned least(const uint64_t *busy, unsigned workers, unsigned where)
{
	for (unsigned w = 0; w < workers; w++)
		if (busy[w] < busy[where])
			where = w;
	return where;
}

static uint64_t most(const uint64_t *busy)
{
	uint64_t max = 0;

	for (unsigned w = 0; w < NIC_WORKERS_MAX; w++)
		max = MAX(max, busy[w]);
	return max;
}

/* Is each group together, and what the busiest worker has to do not much more than with a plan
 * by which it has max? Then it stays: what moves with each chance is never at rest. */
static bool is_good(const struct plan *plan, uint64_t max)
{
	uint64_t busy[NIC_WORKERS_MAX] = {0};

	for (unsigned i = 0; i < plan->num; i++) {
		const struct nic_place_port *p = &plan->ports[i];

		if (p->worker != plan->ports[plan->group[i]].worker)
			return false;
		busy[p->worker] += talks(p) ? p->talk.frames : 0;
	}
	return most(busy) <= max + max / 4;
}

unsigned nic_place(struct nic_place_port *ports, unsigned num, unsigned workers)
{
	struct plan plan = {.ports = ports, .num = num};
	uint64_t busy[NIC_WORKERS_MAX] = {0};
	uint8_t to[NIC_MAX_PORTS]; /* of a group */
	unsigned moved = 0;

	if (!num)
		return 0;
	for (unsigned i = 0; i < num; i++)
		to[i] = ports[i].worker;
	make_groups(&plan);
	for (unsigned g = busiest(&plan); plan.load[g]; g = busiest(&plan)) {
		to[g] = (uint8_t)least(busy, workers, to[g]);
		busy[to[g]] += plan.load[g];
		plan.load[g] = 0;
	}
	if (is_good(&plan, most(busy)))
		return 0;
	for (unsigned i = 0; i < num; i++) {
		moved += ports[i].worker != to[plan.group[i]];
		ports[i].worker = to[plan.group[i]];
	}
	return moved;
}
