/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quiescing. The thread's state is AWAKE, DROWSY or ASLEEP; epoch counts the quiesce points it
 * passed. Each round ends with a full barrier between storing the new epoch and the next
 * round's loads. The control thread changes a table, issues a full barrier, and then either
 * sees ASLEEP (the thread will see the change when it wakes: waking is a full barrier, too) or
 * waits until epoch has moved.
 *
 * Sleeping. DROWSY announces it: from then on a kick writes the eventfd. One more full round
 * follows, so a doorbell rung before the announcement is seen, and one rung after it ends the
 * sleep. Stores to a mapped page come with no kick: the sleep's length bounds what they wait.
 *
 * Many ports. To look at one that does nothing costs as much as a frame. Where there are more
 * than a few, one that has done nothing for a while has its turn in every eighth round only,
 * and after a thousand rounds more in every 32nd; what it begins to send waits for less than
 * the time of so many rounds, which are the shorter for it. Before a sleep all are looked at.
 */
#include "nic_dp.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"
#include "jam.h"
#include "nic_capture.h"
#include "nic_sched.h"
#include "nic_switch.h"
#include "nic_wire.h"

#define SPIN_NS	       (20 * NSEC_PER_USEC)  /* busy rounds after the last work */
#define YIELD_NS       (100 * NSEC_PER_USEC) /* then rounds with sched_yield until here */
#define FIRST_SLEEP_NS (50 * NSEC_PER_USEC)
#define SLEEP_PART     8u /* a sleep is at most this part of the silence before it */
#define LULL_NS	       NSEC_PER_SEC
#define LULL_SLEEP_NS  NSEC_PER_MSEC
#define NOTIFY_NS      NSEC_PER_MSEC
#define NEVER	       UINT64_MAX
#define FEW_PORTS      16u /* that are looked at in every round */
#define QUIET_ROUNDS   64u /* nothing done for so many: it is quiet */
#define QUIET_TURNS    8u
#define SILENT_ROUNDS  192u /* and that long in its turns only: it is silent */
#define SILENT_TURNS   32u

enum dp_state { DP_AWAKE, DP_DROWSY, DP_ASLEEP };

struct dp_call {
	void (*fn)(void *arg);
	void *arg;
};

struct nic_dp {
	struct nic_dp_params params;
	pthread_t thread;
	int wake_fd, event_fd, epoll_fd, watched_fd;

	/* Written by the data path. */
	_Alignas(CACHE_LINE) _Atomic uint64_t epoch;
	_Atomic int state;
	_Atomic uint64_t rounds, bursts, frames, sleeps, wakeups;
	_Atomic bool notified;

	/* Written by the control thread. */
	_Alignas(CACHE_LINE) _Atomic(const struct dp_call *) call;
	_Atomic bool stop;

	/* The data path's own. */
	_Alignas(CACHE_LINE) struct nic_switch sw;
	struct nic_burst burst;
	struct nic_capture_set captures;
	struct nic_sched sched;
	struct nic_wire *wire; /* owned; sw.wire while flow control is on. NULL = never was */
	unsigned kept_in;      /* pass in which ports began to keep descriptors */
	bool notify_due;
	uint64_t notified_ns; /* when notify_due was last attended to */
	unsigned turn;	      /* of quiet ports: which have it in this round */
	bool all;	      /* all have it */
	uint64_t kicked_ns;   /* when something other than the clock last ended a sleep */
	bool stopped;	      /* control thread's: the thread has ended */
	struct iommu_fault_ring faults;
	struct nic_flow_stats flow_stats;
};

static uint32_t rate_of(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire)->max_tx_mbps;
}

static uint64_t burst_bytes(const struct nic_dp *dp)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < dp->burst.n; i++)
		bytes += nic_switch_wire_bytes(&dp->burst.frame[i]);
	return bytes;
}

/* The uplink's, with flow control. */
static bool poll_wire(struct nic_dp *dp)
{
	bool work;
	unsigned fetched = nic_wire_poll(dp->sw.wire, &dp->sw, &work);

	if (fetched) {
		nic_count(&dp->bursts, 1);
		nic_count(&dp->frames, fetched);
	}
	return work;
}

/* One port's share of a round. */
static bool poll_port(struct nic_dp *dp, struct nic_port *port, uint64_t now)
{
	uint32_t mbps;

	if (unlikely(dp->sw.wire)) {
		if (port->is_uplink)
			return poll_wire(dp);
		if (nic_wire_holds(dp->sw.wire, port))
			return false;
		port->wire_waits = 0;
	}
	if (unlikely(nic_pace_waits(&port->pace, now)) &&
	    nic_pace_recheck(&port->pace, rate_of(port)))
		return false;
	dp->burst.n = 0;
	dp->burst.num_segs = 0;
	if (!port->ops->tx_poll(port, &dp->burst, now)) {
		nic_pace_idle(&port->pace);
		return false;
	}
	if (dp->burst.n) {
		nic_count(&dp->bursts, 1);
		nic_count(&dp->frames, dp->burst.n);
		nic_switch_burst(&dp->sw, port, &dp->burst);
		mbps = rate_of(port);
		/* All that was fetched counts, whatever the switch thought of it: the card
		 * limits the fetching. */
		if (unlikely(mbps))
			nic_pace_sent(&port->pace, mbps, burst_bytes(dp), now);
	}
	port->ops->tx_done(port, now);
	return true;
}

/* The same where somebody counts. */
static struct nic_turn serve_port(void *arg, struct nic_port *port, bool owed, uint64_t now)
{
	struct nic_dp *dp = arg;
	uint64_t lost = dp->sw.lost_bytes;
	struct nic_turn turn = {0};

	dp->burst.n = 0;
	dp->sw.owed = owed;
	turn.work = poll_port(dp, port, now);
	dp->sw.owed = false;
	turn.fetched = burst_bytes(dp);
	turn.taken = turn.fetched - (dp->sw.lost_bytes - lost);
	return turn;
}

/* Does it matter who is polled when? */
static bool is_scheduled(const struct nic_dp *dp)
{
	return dp->params.link_mbps ||
	       atomic_load_explicit(&dp->sw.num_min, memory_order_relaxed);
}

static bool has_turn(const struct nic_dp *dp, const struct nic_port *port)
{
	unsigned turns = port->quiet < SILENT_ROUNDS ? QUIET_TURNS : SILENT_TURNS;

	return dp->all || port->quiet < QUIET_ROUNDS || (port->index + dp->turn) % turns == 0;
}

static bool poll_ports(struct nic_dp *dp, uint64_t now)
{
	struct nic_switch *sw = &dp->sw;
	bool scheduled = is_scheduled(dp), work = false;
	unsigned pass = scheduled ? nic_sched_pass(&dp->sched, sw->num) : 0;

	if (unlikely(sw->kept) && pass != dp->kept_in)
		nic_switch_release(sw);
	dp->kept_in = pass;
	if (unlikely(scheduled))
		return nic_sched_round(&dp->sched, dp->params.link_mbps, sw->port, sw->num, now,
				       serve_port, dp);
	for (unsigned i = 0; i < sw->num; i++) {
		if (!has_turn(dp, sw->port[i]) || !poll_port(dp, sw->port[i], now))
			continue;
		sw->port[i]->quiet = 0;
		work = true;
	}
	return work;
}

/* Returns the time of the earliest tick still to come, or at which a port may send again. */
static uint64_t run_ticks(struct nic_dp *dp, uint64_t now)
{
	uint64_t next = NEVER;

	if (unlikely(is_scheduled(dp)))
		next = nic_sched_next(&dp->sched, dp->sw.port, dp->sw.num, now);
	if (unlikely(dp->sw.wire))
		next = MIN(next, nic_wire_next(dp->sw.wire, now));
	for (unsigned i = 0; i < dp->sw.num; i++) {
		struct nic_port *port = dp->sw.port[i];
		uint64_t wait, wake = NEVER;

		if (!has_turn(dp, port))
			continue;
		wait = port->ops->tick ? port->ops->tick(port, now) : NEVER;
		if (wait != NEVER)
			wake = now + wait;
		if (unlikely(nic_pace_waits(&port->pace, now)))
			wake = MIN(wake, port->pace.next);
		if (wake != NEVER || port->is_uplink)
			port->quiet = 0;
		else if (port->quiet < SILENT_ROUNDS)
			port->quiet++;
		next = MIN(next, wake);
	}
	return next;
}

/* The quiesce point. */
static void pass_quiesce(struct nic_dp *dp)
{
	const struct dp_call *call;

	atomic_store_explicit(&dp->epoch,
			      atomic_load_explicit(&dp->epoch, memory_order_relaxed) + 1,
			      memory_order_release);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with the one in nic_dp_quiesce */
	call = atomic_load_explicit(&dp->call, memory_order_acquire);
	if (unlikely(call)) {
		call->fn(call->arg);
		atomic_store_explicit(&dp->call, NULL, memory_order_release);
	}
}

/* Returns when it will be time. */
static uint64_t notify_if_time(struct nic_dp *dp, uint64_t now)
{
	if (now - dp->notified_ns < NOTIFY_NS)
		return dp->notified_ns + NOTIFY_NS;
	dp->notify_due = false;
	dp->notified_ns = now;
	nic_dp_notify(dp);
	return NEVER;
}

static bool dp_round(struct nic_dp *dp, uint64_t now, bool all, uint64_t *ret_tick)
{
	bool work = false;

	dp->all = all || dp->sw.num <= FEW_PORTS || is_scheduled(dp);
	dp->turn++;
	dp->sw.now_ns = now;
	if (unlikely(dp->sw.wire))
		work = nic_wire_round(dp->sw.wire, &dp->sw);
	work |= poll_ports(dp, now);
	nic_switch_flush(&dp->sw, now);
	if (unlikely(dp->sw.spoofed)) {
		dp->sw.spoofed = false;
		nic_dp_notify_soon(dp);
	}
	*ret_tick = run_ticks(dp, now);
	if (unlikely(dp->notify_due))
		*ret_tick = MIN(*ret_tick, notify_if_time(dp, now));
	nic_count(&dp->rounds, 1);
	return work;
}

static void drain_eventfd(int fd)
{
	uint64_t v;

	if (read(fd, &v, sizeof(v)) < 0)
		return; /* EAGAIN: nothing was there */
}

/* Sleeps at most ns. Returns true when a kick or the uplink ended it. */
static bool dp_sleep(struct nic_dp *dp, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % NSEC_PER_SEC)};
	struct epoll_event ev[2];
	int n;

	nic_count(&dp->sleeps, 1);
	atomic_exchange(&dp->state, DP_ASLEEP);
	n = epoll_pwait2(dp->epoll_fd, ev, 2, &ts, NULL);
	atomic_exchange(&dp->state, DP_AWAKE); /* full barrier before the next round's loads */
	if (n <= 0)
		return false;
	nic_count(&dp->wakeups, 1);
	drain_eventfd(dp->wake_fd);
	return true;
}

/* One more round after announcing sleep. Returns true when it found work after all. */
static bool last_look(struct nic_dp *dp, uint64_t now, uint64_t *ret_tick)
{
	bool work;

	atomic_exchange(&dp->state, DP_DROWSY);
	work = dp_round(dp, now, true, ret_tick);
	pass_quiesce(dp);
	if (work || atomic_load(&dp->stop))
		atomic_store(&dp->state, DP_AWAKE);
	return work;
}

uint64_t nic_dp_sleep_ns(uint64_t idle_ns, uint64_t silent_ns, uint32_t idle_sleep_us)
{
	uint64_t bound = idle_sleep_us * NSEC_PER_USEC;

	if (idle_ns < LULL_NS)
		bound = MIN(bound, LULL_SLEEP_NS);
	return MIN(MAX(silent_ns / SLEEP_PART, FIRST_SLEEP_NS), bound);
}

/* Sleeps until something happens; each waking by the clock costs one look. Returns true when
 * there is work. */
static bool sleep_until_work(struct nic_dp *dp, uint64_t idle_since)
{
	for (;;) {
		uint64_t now = clock_ns(), length, tick, wait;
		bool work = last_look(dp, now, &tick);

		if (work || atomic_load(&dp->stop))
			return work;
		length = nic_dp_sleep_ns(now - idle_since, now - MAX(idle_since, dp->kicked_ns),
					 dp->params.idle_sleep_us);
		wait = tick == NEVER ? length : MIN(length, tick > now ? tick - now : 0);
		if (!dp_sleep(dp, wait))
			continue;
		/* A kick or the uplink: the next round sees what it was. */
		dp->kicked_ns = clock_ns();
		return false;
	}
}

/* Nothing to do since then. Returns true when there is work again. */
static bool idle(struct nic_dp *dp, uint64_t now, uint64_t idle_since)
{
	uint64_t idle_ns = now - idle_since;

	if (dp->params.busy_poll || idle_ns < SPIN_NS)
		return false;
	if (idle_ns < YIELD_NS) {
		sched_yield();
		return false;
	}
	return sleep_until_work(dp, idle_since);
}

static void *dp_main(void *arg)
{
	struct nic_dp *dp = arg;
	uint64_t last_work = clock_ns();

	pthread_setname_np(pthread_self(), "ladon-dp");
	prctl(PR_SET_TIMERSLACK, 10000ul); /* ns: a sleep of 50 us shall not become 100 */
	while (!atomic_load_explicit(&dp->stop, memory_order_acquire)) {
		uint64_t now = clock_ns(), tick;
		bool work = dp_round(dp, now, false, &tick);

		pass_quiesce(dp);
		if (work)
			last_work = now;
		else if (idle(dp, now, last_work))
			last_work = clock_ns(); /* it may have slept long since now */
	}
	pass_quiesce(dp);
	atomic_exchange(&dp->state, DP_ASLEEP);
	jam_thread_ends();
	return NULL;
}

static int dp_open_fds(struct nic_dp *dp)
{
	struct epoll_event ev = {.events = EPOLLIN};

	dp->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dp->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (dp->wake_fd < 0 || dp->event_fd < 0 || dp->epoll_fd < 0 ||
	    epoll_ctl(dp->epoll_fd, EPOLL_CTL_ADD, dp->wake_fd, &ev) < 0)
		return -errno;
	return 0;
}

static int dp_start(struct nic_dp *dp)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	if (dp->params.cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((unsigned)dp->params.cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	r = -pthread_create(&dp->thread, &attr, dp_main, dp);
	pthread_attr_destroy(&attr);
	return r;
}

static void dp_destroy(struct nic_dp *dp)
{
	fd_close(&dp->wake_fd);
	fd_close(&dp->event_fd);
	fd_close(&dp->epoll_fd);
	nic_fdb_free((struct nic_fdb *)atomic_load(&dp->sw.fdb));
	nic_wire_free(dp->wire);
	free(dp);
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
	dp->wake_fd = dp->event_fd = dp->epoll_fd = dp->watched_fd = -1;
	r = dp_open_fds(dp);
	if (r == 0)
		r = dp_start(dp);
	if (r < 0) {
		dp_destroy(dp);
		return r;
	}
	*ret_dp = dp;
	return 0;
}

void nic_dp_stop(struct nic_dp *dp)
{
	if (dp->stopped)
		return;
	atomic_store(&dp->stop, true);
	nic_dp_kick(dp);
	pthread_join(dp->thread, NULL);
	dp->stopped = true;
}

bool nic_dp_round(struct nic_dp *dp, uint64_t now)
{
	uint64_t tick;
	bool work;

	assert(dp->stopped);
	work = dp_round(dp, now, false, &tick);
	pass_quiesce(dp);
	return work;
}

void nic_dp_free(struct nic_dp *dp)
{
	if (!dp)
		return;
	nic_dp_stop(dp);
	assert(dp->sw.num == 0);
	dp_destroy(dp);
}

void nic_dp_kick(struct nic_dp *dp)
{
	uint64_t one = 1;

	atomic_thread_fence(
		memory_order_seq_cst); /* what the caller stored, before state is read */
	if (atomic_load_explicit(&dp->state, memory_order_relaxed) != DP_AWAKE &&
	    write(dp->wake_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: the counter is full, so it is readable */
}

void nic_dp_quiesce(struct nic_dp *dp)
{
	uint64_t seen;

	atomic_thread_fence(memory_order_seq_cst);
	seen = atomic_load(&dp->epoch);
	while (atomic_load(&dp->state) != DP_ASLEEP && atomic_load(&dp->epoch) == seen)
		sched_yield();
}

void nic_dp_call(struct nic_dp *dp, void (*fn)(void *arg), void *arg)
{
	const struct dp_call call = {fn, arg};

	if (dp->stopped) {
		fn(arg);
		return;
	}
	atomic_store(&dp->call, &call);
	nic_dp_kick(dp);
	while (atomic_load_explicit(&dp->call, memory_order_acquire))
		sched_yield();
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
static int take_index(const struct nic_switch *sw, unsigned want)
{
	unsigned i = 0;

	if (want != FREE_INDEX)
		return sw->by_index[want] ? -EBUSY : (int)want;
	while (i < NIC_MAX_PORTS && sw->by_index[i])
		i++;
	return i < NIC_MAX_PORTS ? (int)i : -ENOSPC;
}

static void add_port(void *arg)
{
	struct port_call *c = arg;
	struct nic_switch *sw = &c->dp->sw;

	c->r = take_index(sw, c->index);
	if (c->r < 0)
		return;
	c->port->index = (uint16_t)c->r;
	c->port->rx_dirty = false;
	c->port->quiet = 0;
	c->port->pace = c->port->share.min = (struct nic_pace){0};
	c->port->share.credit = 0;
	c->port->storm_bcast = c->port->storm_uucast = (struct nic_storm){0};
	c->port->share.kept = false;
	c->port->wire_waits = 0;
	c->port->patience = (struct nic_patience){0};
	follow_captures(c->dp, c->port);
	c->port->mirrors = NULL;
	sw->by_index[c->r] = c->port;
	sw->port[sw->num++] = c->port;
	if (c->port->is_uplink)
		sw->uplink = c->port;
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
	struct nic_switch *sw = &c->dp->sw;

	if (sw->wire && sw->uplink == c->port)
		nic_wire_drop(sw->wire, sw);
	for (unsigned i = 0; i < sw->num; i++) {
		if (sw->port[i] != c->port)
			continue;
		sw->port[i] = sw->port[--sw->num];
		sw->by_index[c->port->index] = NULL;
	}
	if (sw->uplink == c->port)
		sw->uplink = NULL;
}

void nic_dp_del_port(struct nic_dp *dp, struct nic_port *port)
{
	struct port_call c = {dp, port, 0, 0};

	nic_dp_call(dp, del_port, &c);
}

void nic_dp_watch_fd(struct nic_dp *dp, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN};

	if (dp->watched_fd >= 0)
		epoll_ctl(dp->epoll_fd, EPOLL_CTL_DEL, dp->watched_fd, NULL);
	dp->watched_fd = fd;
	if (fd >= 0)
		epoll_ctl(dp->epoll_fd, EPOLL_CTL_ADD, fd, &ev);
}

void nic_dp_set_fdb(struct nic_dp *dp, struct nic_fdb *fdb)
{
	const struct nic_fdb *old = atomic_exchange(&dp->sw.fdb, fdb);

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

void nic_dp_set_policy(struct nic_dp *dp, struct nic_port *port, struct nic_policy *policy)
{
	const struct nic_policy *old = atomic_exchange(&port->policy, policy);

	recount(&dp->sw.num_promisc, old && old->promisc, policy && policy->promisc);
	recount(&dp->sw.num_svlan, old && old->svlan, policy && policy->svlan);
	recount(&dp->sw.num_min, old && old->min_tx_mbps, policy && policy->min_tx_mbps);
	recount(&dp->sw.num_unknown_uc, old && old->unknown_uc, policy && policy->unknown_uc);
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

	nic_wire_set(dp->wire, &dp->sw, c->params);
	dp->sw.wire = c->params->mode ? dp->wire : NULL;
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

	if (dp->sw.wire && dp->sw.uplink)
		nic_wire_drop(dp->sw.wire, &dp->sw);
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
	for (unsigned i = 0; i < dp->sw.num; i++)
		follow_captures(dp, dp->sw.port[i]);
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
	struct nic_port *port;
	const struct nic_mirror_set *mirrors;
};

static void set_mirrors(void *arg)
{
	struct mirrors_call *c = arg;

	c->port->mirrors = c->mirrors;
}

void nic_dp_set_mirrors(struct nic_dp *dp, struct nic_port *port,
			const struct nic_mirror_set *mirrors)
{
	struct mirrors_call c = {port, mirrors};

	nic_dp_call(dp, set_mirrors, &c);
}

struct iommu_fault_ring *nic_dp_faults(struct nic_dp *dp)
{
	return &dp->faults;
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
	dp->notify_due = true;
}

void nic_dp_event_drain(struct nic_dp *dp)
{
	drain_eventfd(dp->event_fd);
	atomic_exchange(&dp->notified, false);
}

void nic_dp_stats(const struct nic_dp *dp, struct nic_dp_stats *ret_stats)
{
	*ret_stats = (struct nic_dp_stats){
		.rounds = nic_counter(&dp->rounds),
		.bursts = nic_counter(&dp->bursts),
		.frames = nic_counter(&dp->frames),
		.sleeps = nic_counter(&dp->sleeps),
		.wakeups = nic_counter(&dp->wakeups),
	};
}
