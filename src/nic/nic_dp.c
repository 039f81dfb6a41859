/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's side; the workers' is nic_worker.c, where it says how the two meet. */
#include "nic_dp.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bits.h"
#include "fd.h"
#include "nic_dp_impl.h"
#include "nic_place.h"
#include "nic_wire.h"

static void dp_destroy(struct nic_dp *dp)
{
	for (unsigned i = 0; i < NIC_WORKERS_MAX; i++)
		nic_worker_free(dp->worker[i]);
	fd_close(&dp->event_fd);
	nic_fdb_free((struct nic_fdb *)atomic_load(&dp->ports.fdb));
	nic_wire_free(dp->wire);
	free(dp);
}

static int make_workers(struct nic_dp *dp)
{
	for (unsigned i = 0; i < dp->num_workers; i++) {
		int r = nic_worker_new(dp, i, &dp->worker[i]);

		if (r < 0)
			return r;
	}
	return 0;
}

/* All of them, or none. */
static int start_workers(struct nic_dp *dp)
{
	for (unsigned i = 0; i < dp->num_workers; i++) {
		int r = nic_worker_start(dp->worker[i]);

		if (r == 0)
			continue;
		atomic_store(&dp->stop, true);
		while (i) {
			nic_worker_kick(dp->worker[--i]);
			nic_worker_join(dp->worker[i]);
		}
		return r;
	}
	return 0;
}

int nic_dp_new(const struct nic_dp_params *params, struct nic_dp **ret_dp)
{
	struct nic_dp *dp = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*dp), CACHE_LINE));
	int r;

	if (!dp)
		return -ENOMEM;
	memset(dp, 0, sizeof(*dp));
	dp->params = *params;
	if (!dp->params.idle_sleep_us)
		dp->params.idle_sleep_us = NIC_DP_IDLE_SLEEP_US;
	dp->num_workers = MAX(params->workers, 1u);
	assert(dp->num_workers <= NIC_WORKERS_MAX);
	dp->alone = true; /* as long as there are no ports */
	atomic_store(&dp->place_ns, NIC_PLACE_NS);
	dp->watched_fd = -1;
	dp->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	r = dp->event_fd < 0 ? -errno : make_workers(dp);
	if (r == 0)
		r = start_workers(dp);
	if (r < 0) {
		dp_destroy(dp);
		return r;
	}
	*ret_dp = dp;
	return 0;
}

unsigned nic_dp_workers(const struct nic_dp *dp)
{
	return dp->num_workers;
}

bool nic_dp_alone(const struct nic_dp *dp)
{
	return dp->alone;
}

static void stop(void *arg)
{
	struct nic_dp *dp = arg;

	atomic_store(&dp->stop, true);
}

void nic_dp_stop(struct nic_dp *dp)
{
	if (dp->stopped)
		return;
	if (dp->num_workers == 1)
		stop(dp);
	else /* when nothing is under way */
		nic_dp_call(dp, stop, dp);
	nic_dp_kick(dp);
	for (unsigned i = 0; i < dp->num_workers; i++)
		nic_worker_join(dp->worker[i]);
	dp->stopped = true;
	atomic_store(&dp->stop, false);
}

bool nic_dp_round(struct nic_dp *dp, uint64_t now)
{
	bool work = false;

	assert(dp->stopped);
	for (unsigned i = 0; i < dp->num_workers; i++)
		work |= nic_worker_round(dp->worker[i], now);
	return work;
}

void nic_dp_free(struct nic_dp *dp)
{
	if (!dp)
		return;
	nic_dp_stop(dp);
	assert(dp->ports.num == 0);
	dp_destroy(dp);
}

void nic_dp_kick(struct nic_dp *dp)
{
	for (unsigned i = 0; i < dp->num_workers; i++)
		nic_worker_kick(dp->worker[i]);
}

static bool is_under_way(const struct nic_dp *dp)
{
	for (unsigned i = 0; i < dp->num_workers; i++)
		if (dp->worker[i]->num_launched)
			return true;
	return false;
}

/* After the threads' end: what rounds of the caller's have left under way comes to its end. */
static void settle(struct nic_dp *dp)
{
	while (is_under_way(dp)) {
		atomic_fetch_add(&dp->wanted, 1);
		nic_dp_round(dp, dp->worker[0]->sw.now_ns);
	}
}

void nic_dp_quiesce(struct nic_dp *dp)
{
	uint64_t seen[NIC_WORKERS_MAX] = {0};

	if (dp->stopped) {
		settle(dp);
		return;
	}
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < dp->num_workers; i++)
		seen[i] = atomic_load(&dp->worker[i]->epoch);
	atomic_fetch_add(&dp->wanted, 1);
	for (unsigned i = 0; i < dp->num_workers; i++) {
		struct nic_worker *w = dp->worker[i];

		while (atomic_load(&w->state) != WORKER_ASLEEP &&
		       atomic_load(&w->epoch) == seen[i])
			sched_yield();
	}
}

void nic_dp_call(struct nic_dp *dp, void (*fn)(void *arg), void *arg)
{
	const struct dp_call call = {fn, arg};

	if (dp->stopped) {
		settle(dp);
		fn(arg);
		return;
	}
	atomic_store(&dp->call, &call);
	nic_worker_kick(dp->worker[0]);
	while (atomic_load_explicit(&dp->call, memory_order_acquire))
		sched_yield();
	if (dp->num_workers > 1)
		nic_dp_kick(dp); /* one that had no port, and sleeps long, may have one now */
}

/* ---- whose port is whose ---- */

/* Is something on that needs one mind? Then worker 0 has all ports. */
static bool needs_one(const struct nic_dp *dp)
{
	if (dp->num_workers == 1 || dp->worker[0]->sw.wire || nic_dp_scheduled(dp) ||
	    dp->captures.num)
		return true;
	for (unsigned i = 0; i < dp->ports.num; i++)
		if (dp->ports.port[i]->mirrors)
			return true;
	return false;
}

/* In a call. */
static void place_ports(struct nic_dp *dp)
{
	dp->alone = needs_one(dp);
	for (unsigned i = 0; i < dp->num_workers; i++)
		dp->worker[i]->sw.num = 0;
	for (unsigned i = 0; i < dp->ports.num; i++) {
		struct nic_port *port = dp->ports.port[i];
		bool first = dp->alone || port->is_uplink;
		struct nic_switch *sw;

		port->worker = first ? 0 : port->home;
		sw = &dp->worker[port->worker]->sw;
		sw->port[sw->num++] = port;
	}
}

/* In a call: ports that talk to each other come together. */
static void gather_ports(void *arg)
{
	struct nic_dp *dp = arg;
	struct nic_place_port place[NIC_MAX_PORTS];
	unsigned moved;

	for (unsigned i = 0; i < dp->ports.num; i++) {
		struct nic_port *port = dp->ports.port[i];

		place[i] = (struct nic_place_port){.talk = port->talk,
						   .index = port->index,
						   .fixed = port->is_uplink,
						   .worker = port->home};
		port->talk = (struct nic_talk){.peer = port->talk.peer};
	}
	moved = nic_place(place, dp->ports.num, dp->num_workers);
	for (unsigned i = 0; i < dp->ports.num; i++)
		dp->ports.port[i]->home = place[i].worker;
	/* What does not help is done less and less often. */
	atomic_store(&dp->place_ns,
		     moved ? NIC_PLACE_NS : MIN(2 * dp->place_ns, NIC_PLACE_MAX_NS));
	place_ports(dp);
}

#define FREE_INDEX NIC_MAX_PORTS /* in place of an index: the first that is free */

struct port_call {
	struct nic_dp *dp;
	struct nic_port *port;
	int r;
	unsigned index;
};

static void follow_captures(struct nic_dp *dp, struct nic_port *port)
{
	port->captures = nic_capture_wants(&dp->captures, port) ? &dp->captures : NULL;
}

/* The index that was asked for, or the first free one. -EBUSY, -ENOSPC. */
static int take_index(const struct nic_ports *all, unsigned want)
{
	unsigned i = 0;

	if (want != FREE_INDEX)
		return all->by_index[want] ? -EBUSY : (int)want;
	while (i < NIC_MAX_PORTS && all->by_index[i])
		i++;
	return i < NIC_MAX_PORTS ? (int)i : -ENOSPC;
}

static void add_port(void *arg)
{
	struct port_call *c = arg;
	struct nic_ports *all = &c->dp->ports;

	c->r = take_index(all, c->index);
	if (c->r < 0)
		return;
	c->port->index = (uint16_t)c->r;
	c->port->rx_dirty = c->port->flying = false;
	c->port->home = (uint8_t)(c->port->is_uplink ? 0 : c->r % (int)c->dp->num_workers);
	c->port->talk = (struct nic_talk){0};
	c->port->quiet = 0;
	c->port->pace = c->port->share.min = (struct nic_pace){0};
	c->port->share.credit = 0;
	c->port->storm_bcast = c->port->storm_uucast = (struct nic_storm){0};
	c->port->share.kept = false;
	c->port->wire_waits = 0;
	c->port->patience = (struct nic_patience){0};
	follow_captures(c->dp, c->port);
	c->port->mirrors = NULL;
	all->by_index[c->r] = c->port;
	all->port[all->num++] = c->port;
	if (c->port->is_uplink)
		all->uplink = c->port;
	place_ports(c->dp);
}

int nic_dp_add_port_at(struct nic_dp *dp, struct nic_port *port, unsigned index)
{
	struct port_call c = {dp, port, 0, index};

	assert(atomic_load(&port->policy));
	nic_dp_call(dp, add_port, &c);
	return MIN(c.r, 0);
}

int nic_dp_add_port(struct nic_dp *dp, struct nic_port *port)
{
	return nic_dp_add_port_at(dp, port, FREE_INDEX);
}

static void del_port(void *arg)
{
	struct port_call *c = arg;
	struct nic_ports *all = &c->dp->ports;
	struct nic_switch *sw = &c->dp->worker[0]->sw;

	if (sw->wire && all->uplink == c->port)
		nic_wire_drop(sw->wire, sw);
	for (unsigned i = 0; i < all->num; i++) {
		if (all->port[i] != c->port)
			continue;
		all->port[i] = all->port[--all->num];
		all->by_index[c->port->index] = NULL;
	}
	if (all->uplink == c->port)
		all->uplink = NULL;
	place_ports(c->dp);
}

void nic_dp_del_port(struct nic_dp *dp, struct nic_port *port)
{
	struct port_call c = {dp, port, 0, 0};

	nic_dp_call(dp, del_port, &c);
}

void nic_dp_watch_fd(struct nic_dp *dp, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int epoll_fd = dp->worker[0]->epoll_fd; /* the uplink is its */

	if (dp->watched_fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, dp->watched_fd, NULL);
	dp->watched_fd = fd;
	if (fd >= 0)
		epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

void nic_dp_set_fdb(struct nic_dp *dp, struct nic_fdb *fdb)
{
	const struct nic_fdb *old = atomic_exchange(&dp->ports.fdb, fdb);

	if (!old)
		return;
	nic_dp_quiesce(dp);
	nic_fdb_free((struct nic_fdb *)old);
}

/* A port's policy changes in one of the things the switch keeps count of. */
static void recount(_Atomic unsigned *num, bool old, bool new)
{
	if (new && !old)
		atomic_fetch_add(num, 1);
	if (!new &&old)
		atomic_fetch_sub(num, 1);
}

static void place(void *arg)
{
	place_ports(arg);
}

void nic_dp_set_policy(struct nic_dp *dp, struct nic_port *port, struct nic_policy *policy)
{
	const struct nic_policy *old = atomic_exchange(&port->policy, policy);

	recount(&dp->ports.num_promisc, old && old->promisc, policy && policy->promisc);
	recount(&dp->ports.num_svlan, old && old->svlan, policy && policy->svlan);
	recount(&dp->ports.num_min, old && old->min_tx_mbps, policy && policy->min_tx_mbps);
	recount(&dp->ports.num_unknown_uc, old && old->unknown_uc,
		policy && policy->unknown_uc);
	if (dp->alone != needs_one(dp))
		nic_dp_call(dp, place, dp);
	if (!old)
		return;
	nic_dp_quiesce(dp);
	free((void *)old);
}

struct flow_call {
	struct nic_dp *dp;
	const struct nic_flow_params *params;
};

static void set_flow(void *arg)
{
	struct flow_call *c = arg;
	struct nic_dp *dp = c->dp;
	struct nic_switch *sw = &dp->worker[0]->sw;

	nic_wire_set(dp->wire, sw, c->params);
	sw->wire = c->params->mode ? dp->wire : NULL;
	place_ports(dp);
}

int nic_dp_set_flow(struct nic_dp *dp, const struct nic_flow_params *params)
{
	struct flow_call c = {dp, params};
	int r = 0;

	if (params->mode && !dp->wire)
		r = nic_wire_new(&dp->flow_stats, &dp->wire);
	if (r == 0 && dp->wire)
		nic_dp_call(dp, set_flow, &c);
	return r;
}

static void drop_waiting(void *arg)
{
	struct nic_dp *dp = arg;
	struct nic_switch *sw = &dp->worker[0]->sw;

	if (sw->wire && dp->ports.uplink)
		nic_wire_drop(sw->wire, sw);
}

void nic_dp_drop_waiting(struct nic_dp *dp)
{
	nic_dp_call(dp, drop_waiting, dp);
}

const struct nic_flow_stats *nic_dp_flow_stats(const struct nic_dp *dp)
{
	return &dp->flow_stats;
}

struct capture_call {
	struct nic_dp *dp;
	struct nic_capture *capture;
	int r;
};

static void captures_changed(struct nic_dp *dp)
{
	for (unsigned i = 0; i < dp->ports.num; i++)
		follow_captures(dp, dp->ports.port[i]);
	place_ports(dp);
}

static void capture_add(void *arg)
{
	struct capture_call *c = arg;
	struct nic_capture_set *set = &c->dp->captures;

	c->r = set->num == NIC_CAPTURES_MAX ? -EBUSY : 0;
	if (c->r == 0)
		set->list[set->num++] = c->capture;
	captures_changed(c->dp);
}

int nic_dp_capture_add(struct nic_dp *dp, struct nic_capture *capture)
{
	struct capture_call c = {dp, capture, 0};

	nic_dp_call(dp, capture_add, &c);
	return c.r;
}

static void capture_del(void *arg)
{
	struct capture_call *c = arg;
	struct nic_capture_set *set = &c->dp->captures;

	for (unsigned i = 0; i < set->num; i++)
		if (set->list[i] == c->capture)
			set->list[i--] = set->list[--set->num];
	captures_changed(c->dp);
}

void nic_dp_capture_del(struct nic_dp *dp, struct nic_capture *capture)
{
	struct capture_call c = {dp, capture, 0};

	nic_dp_call(dp, capture_del, &c);
}

struct mirrors_call {
	struct nic_dp *dp;
	struct nic_port *port;
	const struct nic_mirror_set *mirrors;
};

static void set_mirrors(void *arg)
{
	struct mirrors_call *c = arg;

	c->port->mirrors = c->mirrors;
	place_ports(c->dp);
}

void nic_dp_set_mirrors(struct nic_dp *dp, struct nic_port *port,
			const struct nic_mirror_set *mirrors)
{
	struct mirrors_call c = {dp, port, mirrors};

	nic_dp_call(dp, set_mirrors, &c);
}

struct iommu_fault_ring *nic_dp_faults(struct nic_dp *dp, unsigned worker)
{
	return &dp->worker[worker]->faults;
}

int nic_dp_event_fd(struct nic_dp *dp)
{
	return dp->event_fd;
}

void nic_dp_notify(struct nic_dp *dp)
{
	uint64_t one = 1;

	/* A full barrier between what the caller recorded and the look at notified. Pairs with
	 * the exchange in nic_dp_event_drain: either that side sees the record, or this one
	 * writes. */
	if (atomic_exchange(&dp->notified, true))
		return;
	if (write(dp->event_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: already readable */
}

void nic_dp_notify_soon(struct nic_dp *dp)
{
	if (!atomic_load_explicit(&dp->notify_due, memory_order_relaxed))
		atomic_store(&dp->notify_due, true);
}

void nic_dp_event_drain(struct nic_dp *dp)
{
	uint64_t v;

	if (read(dp->event_fd, &v, sizeof(v)) < 0)
		v = 0; /* EAGAIN: nothing was there */
	atomic_exchange(&dp->notified, false);
	if (atomic_exchange(&dp->place_due, false))
		nic_dp_call(dp, gather_ports, dp);
}

void nic_dp_worker_stats(const struct nic_dp *dp, unsigned worker,
			 struct nic_dp_stats *ret_stats)
{
	const struct nic_worker *w = dp->worker[worker];

	*ret_stats = (struct nic_dp_stats){
		.rounds = nic_counter(&w->rounds),
		.bursts = nic_counter(&w->bursts),
		.frames = nic_counter(&w->frames),
		.handed = nic_counter(&w->handed),
		.sleeps = nic_counter(&w->sleeps),
		.wakeups = nic_counter(&w->wakeups),
	};
}

void nic_dp_stats(const struct nic_dp *dp, struct nic_dp_stats *ret_stats)
{
	struct nic_dp_stats sum = {0}, one;

	for (unsigned i = 0; i < dp->num_workers; i++) {
		nic_dp_worker_stats(dp, i, &one);
		sum.rounds += one.rounds;
		sum.bursts += one.bursts;
		sum.frames += one.frames;
		sum.handed += one.handed;
		sum.sleeps += one.sleeps;
		sum.wakeups += one.wakeups;
	}
	*ret_stats = sum;
}
