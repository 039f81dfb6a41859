/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_sched.h"

#include "bits.h"
#include "clock.h"
#include "nic_port.h"

#define QUANTUM	    (64 * 1024)	  /* bytes of a port's share of the spare at a time */
#define TURN_MIN    256		  /* what a turn costs at least: its time is not free */
#define TURN_VAIN   2048	  /* and one without a frame */
#define SPARE_WAITS NSEC_PER_MSEC /* for minima alone, at most */

struct round {
	struct nic_sched *s;
	uint32_t link_mbps;
	struct nic_port *const *port;
	unsigned num;
	uint64_t now;
	nic_sched_serve *serve;
	void *arg;
};

/* 0 is no pass. */
unsigned nic_sched_pass(const struct nic_sched *s, unsigned num)
{
	return num ? s->first / num + 1 : 0;
}

static uint32_t min_of(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire)->min_tx_mbps;
}

static struct nic_turn take_turn(const struct round *r, struct nic_port *port, bool owed)
{
	struct nic_turn turn = r->serve(r->arg, port, owed, r->now);

	if (r->link_mbps && turn.taken)
		nic_pace_sent(&r->s->line, r->link_mbps, turn.taken, r->now);
	return turn;
}

static bool is_behind(struct nic_port *port, uint32_t mbps, uint64_t now)
{
	struct nic_pace *min = &port->share.min;

	return !nic_pace_waits(min, now) || !nic_pace_recheck(min, mbps);
}

/* Returns whether anybody received something by it. */
static bool guaranteed(const struct round *r, bool *work)
{
	unsigned pass = nic_sched_pass(r->s, r->num);
	bool any = false;

	for (unsigned i = 0; i < r->num; i++) {
		struct nic_port *port = r->port[i];
		uint32_t mbps = min_of(port);
		struct nic_turn turn;

		if (!mbps || !is_behind(port, mbps, r->now) || port->share.vain == pass)
			continue;
		turn = take_turn(r, port, true);
		*work |= turn.work;
		any |= turn.taken != 0;
		if (turn.taken)
			nic_pace_sent(&port->share.min, mbps, turn.taken, r->now);
		else if (turn.work)
			port->share.vain = pass;
		else
			nic_pace_idle(&port->share.min);
	}
	return any;
}

/* Everybody who could send has used up its share: as many new ones as it takes until somebody
 * may. */
static void refill(const struct round *r)
{
	int64_t best = INT64_MIN, add;

	for (unsigned i = 0; i < r->num; i++)
		if (r->port[i]->share.credit <= 0)
			best = MAX(best, r->port[i]->share.credit);
	add = (-best / QUANTUM + 1) * QUANTUM;
	for (unsigned i = 0; i < r->num; i++) {
		int64_t *credit = &r->port[i]->share.credit;

		*credit = MIN(*credit + add, (int64_t)QUANTUM);
	}
}

static bool link_waits(const struct round *r)
{
	struct nic_pace *line = &r->s->line;

	return r->link_mbps && nic_pace_waits(line, r->now) &&
	       nic_pace_recheck(line, r->link_mbps);
}

static int64_t turn_cost(const struct nic_turn *turn)
{
	return turn->fetched ? (int64_t)MAX(turn->fetched, (uint64_t)TURN_MIN) : TURN_VAIN;
}

static bool spare(const struct round *r)
{
	bool work = false, held = false;
	unsigned first = r->s->first;
	uint64_t bytes = 0;

	for (unsigned i = 0; i < r->num; i++) {
		struct nic_port *port = r->port[(first + i) % r->num];
		struct nic_turn turn;

		if (port->is_uplink)
			continue;
		r->s->blocked = link_waits(r);
		if (r->s->blocked || bytes >= QUANTUM) { /* minima come between */
			r->s->first = first + i;
			return work;
		}
		if (port->share.credit <= 0) {
			held = true;
			continue;
		}
		turn = take_turn(r, port, false);
		if (turn.work)
			port->share.credit -= turn_cost(&turn);
		work |= turn.work;
		bytes += turn.fetched;
	}
	r->s->first = first + r->num + 1; /* nobody is always the first at a receiver */
	if (!work && held)
		refill(r);
	else if (!work)
		nic_pace_idle(&r->s->line);
	return work || held;
}

/* The wire sends at its own rate, and nothing of it counts here. */
static bool wire(const struct round *r)
{
	bool work = false;

	for (unsigned i = 0; i < r->num; i++)
		if (r->port[i]->is_uplink)
			work |= r->serve(r->arg, r->port[i], false, r->now).work;
	return work;
}

bool nic_sched_round(struct nic_sched *s, uint32_t link_mbps, struct nic_port *const *port,
		     unsigned num, uint64_t now_ns, nic_sched_serve *serve, void *arg)
{
	const struct round r = {s, link_mbps, port, num, now_ns, serve, arg};
	bool work = false;

	s->blocked = false;
	if (guaranteed(&r, &work) && now_ns - s->spare_at < SPARE_WAITS)
		return work | wire(&r);
	s->spare_at = now_ns;
	work |= spare(&r);
	return work | wire(&r);
}

uint64_t nic_sched_next(const struct nic_sched *s, struct nic_port *const *port, unsigned num,
			uint64_t now_ns)
{
	uint64_t next = s->blocked ? s->line.next : UINT64_MAX;

	for (unsigned i = 0; s->blocked && i < num; i++)
		if (nic_pace_waits(&port[i]->share.min, now_ns))
			next = MIN(next, port[i]->share.min.next);
	return next;
}
