/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Quiescing. A worker's state is AWAKE, DROWSY, ASLEEP or PARKED; epoch counts the quiesce
 * points it passed: ends of rounds at which no burst of its ports is with other workers. Each
 * ends with a full barrier between storing the new epoch and the next round's loads. The
 * control thread changes a table, asks for a quiesce point (nic_dp.wanted), issues a full
 * barrier, and then for each worker either sees ASLEEP (it will see the change when it wakes:
 * waking is a full barrier, too) or waits until epoch has moved. A worker that is asked fetches
 * nothing until its bursts have landed. It holds what others have fetched only for the length
 * of a round, and says so to them after all it does with it.
 *
 * Calls. While there is one, no worker fetches. One whose bursts have landed is PARKED; it
 * still does its part in others'. When all are PARKED or ASLEEP nothing is under way, and
 * worker 0 runs the call. Who wakes meanwhile sees the call before it looks at any port.
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
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"
#include "jam.h"
#include "nic_dp_impl.h"
#include "nic_wire.h"

#define SPIN_NS	       (20 * NSEC_PER_USEC)  /* busy rounds after the last work */
#define YIELD_NS       (100 * NSEC_PER_USEC) /* then rounds with sched_yield until here */
#define FIRST_SLEEP_NS (50 * NSEC_PER_USEC)
#define SLEEP_PART     8u /* a sleep is at most this part of the silence before it */
#define LULL_NS	       NSEC_PER_SEC
#define LULL_SLEEP_NS  NSEC_PER_MSEC
#define NOTIFY_NS      NSEC_PER_MSEC
#define SPARE_SLEEP_NS NSEC_PER_SEC
#define PLACE_FRAMES   1000u /* fewer say little of who talks to whom */
#define NEVER	       UINT64_MAX
#define FEW_PORTS      16u /* that are looked at in every round */
#define QUIET_ROUNDS   64u /* nothing done for so many: it is quiet */
#define QUIET_TURNS    8u
#define SILENT_ROUNDS  192u /* and that long in its turns only: it is silent */
#define SILENT_TURNS   32u

static uint32_t rate_of(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire)->max_tx_mbps;
}

static uint64_t burst_bytes(const struct nic_burst *burst)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < burst->n; i++)
		bytes += nic_switch_wire_bytes(&burst->frame[i]);
	return bytes;
}

static void count_burst(struct nic_worker *w, unsigned frames)
{
	nic_count(&w->bursts, 1);
	nic_count(&w->frames, frames);
}

/* The uplink's, with flow control. */
static bool poll_wire(struct nic_worker *w)
{
	bool work;
	unsigned fetched = nic_wire_poll(w->sw.wire, &w->sw, &work);

	if (fetched)
		count_burst(w, fetched);
	return work;
}

/* ---- flights ---- */

/* The one that was used last: its lines are still near. NULL: all are launched. */
static struct nic_flight *next_flight(const struct nic_worker *w)
{
	return likely(w->num_free) ? w->free[w->num_free - 1] : NULL;
}

/* Gives fl to the workers that have a part in it. False: none has. */
static bool launch(struct nic_worker *w, struct nic_flight *fl)
{
	struct nic_dp *dp = w->dp;
	uint32_t frames = 0;
	unsigned left = 0;

	for (unsigned i = 0; i < dp->num_workers; i++) {
		frames |= fl->part[i].frames;
		left += fl->part[i].frames ? 1 : 0;
	}
	if (!left)
		return false;
	nic_count(&w->handed, (unsigned)__builtin_popcount(frames));
	atomic_store_explicit(&fl->left, left, memory_order_relaxed);
	w->launched[w->num_launched++] = fl;
	w->num_free--;
	fl->src->flying = true;
	for (unsigned i = 0; i < dp->num_workers; i++) {
		if (!fl->part[i].frames)
			continue;
		nic_flight_push(&dp->worker[i]->in[w->n], fl);
		nic_worker_kick(dp->worker[i]);
	}
	return true;
}

/* Ends those of its flights that everybody has done his part in. */
static bool land(struct nic_worker *w, uint64_t now)
{
	bool work = false;

	for (unsigned i = 0; i < w->num_launched; i++) {
		struct nic_flight *fl = w->launched[i];

		if (atomic_load_explicit(&fl->left, memory_order_acquire))
			continue;
		nic_switch_landed(&w->sw, fl);
		fl->src->flying = false;
		fl->src->ops->tx_done(fl->src, now);
		w->launched[i--] = w->launched[--w->num_launched];
		w->free[w->num_free++] = fl;
		work = true;
	}
	return work;
}

/* Another CPU wrote it last: one line after the other would cost more than all the rest. */
static void prefetch(const struct nic_flight *fl, uint32_t frames)
{
	for (; frames; frames &= frames - 1) {
		const struct nic_frame *f = &fl->burst.frame[__builtin_ctz(frames)];

		__builtin_prefetch(f);
		__builtin_prefetch(f->hdr);
		__builtin_prefetch(f->hdr + CACHE_LINE);
	}
}

/* Its part in others' flights. */
static bool take_handed(struct nic_worker *w)
{
	struct nic_flight *fl;

	for (unsigned i = 0; i < w->dp->num_workers; i++) {
		while ((fl = nic_flight_pop(&w->in[i]))) {
			prefetch(fl, fl->part[w->n].frames);
			nic_switch_handed(&w->sw, fl);
			w->done[w->num_done++] = fl;
		}
	}
	return w->num_done;
}

/* When all is done that this round has to do with them. */
static void say_done(struct nic_worker *w)
{
	for (unsigned i = 0; i < w->num_done; i++)
		atomic_fetch_sub_explicit(&w->done[i]->left, 1, memory_order_release);
	w->num_done = 0;
}

/* ---- a round ---- */

/* What was fetched into fl is switched. All of it counts for the port's rate, whatever the
 * switch thought of it: the card limits the fetching. */
static void switch_flight(struct nic_worker *w, struct nic_flight *fl, uint64_t now)
{
	struct nic_switch *sw = &w->sw;
	uint32_t mbps;

	count_burst(w, fl->burst.n);
	if (unlikely(!w->dp->alone)) {
		nic_flight_clear(fl, w->dp->num_workers);
		sw->flight = fl;
		sw->peer = NULL;
	}
	nic_switch_burst(sw, fl->src, &fl->burst);
	if (unlikely(sw->flight)) {
		sw->flight = NULL;
		if (sw->peer) /* of a burst most go one way */
			nic_talk_count(&fl->src->talk, sw->peer->index, fl->burst.n);
	}
	mbps = rate_of(fl->src);
	if (unlikely(mbps))
		nic_pace_sent(&fl->src->pace, mbps, burst_bytes(&fl->burst), now);
}

/* Has the port to wait before it may send? */
static bool must_wait(struct nic_worker *w, struct nic_port *port, uint64_t now)
{
	if (unlikely(port->flying))
		return true;
	if (unlikely(w->sw.wire)) {
		if (nic_wire_holds(w->sw.wire, port))
			return true;
		port->wire_waits = 0;
	}
	return unlikely(nic_pace_waits(&port->pace, now)) &&
	       nic_pace_recheck(&port->pace, rate_of(port));
}

/* One port's share of a round. */
static bool poll_port(struct nic_worker *w, struct nic_port *port, uint64_t now)
{
	struct nic_flight *fl = next_flight(w);

	if (unlikely(w->sw.wire && port->is_uplink))
		return poll_wire(w);
	if (!fl || must_wait(w, port, now))
		return false;
	fl->src = port;
	fl->burst.n = fl->burst.num_segs = 0;
	if (!port->ops->tx_poll(port, &fl->burst, now)) {
		nic_pace_idle(&port->pace);
		return false;
	}
	if (fl->burst.n) {
		switch_flight(w, fl, now);
		if (unlikely(!w->dp->alone) && launch(w, fl))
			return true;
	}
	port->ops->tx_done(port, now);
	return true;
}

/* The same where somebody counts: worker 0, alone. */
static struct nic_turn serve_port(void *arg, struct nic_port *port, bool owed, uint64_t now)
{
	struct nic_worker *w = arg;
	struct nic_burst *burst = &next_flight(w)->burst;
	uint64_t lost = w->sw.lost_bytes;
	struct nic_turn turn = {0};

	burst->n = 0;
	w->sw.owed = owed;
	turn.work = poll_port(w, port, now);
	w->sw.owed = false;
	turn.fetched = burst_bytes(burst);
	turn.taken = turn.fetched - (w->sw.lost_bytes - lost);
	return turn;
}

bool nic_dp_scheduled(const struct nic_dp *dp)
{
	return dp->params.link_mbps || nic_switch_any(&dp->ports.num_min);
}

static bool is_scheduled(const struct nic_worker *w)
{
	return w->n == 0 && w->dp->alone && nic_dp_scheduled(w->dp);
}

static bool has_turn(const struct nic_worker *w, const struct nic_port *port)
{
	unsigned turns = port->quiet < SILENT_ROUNDS ? QUIET_TURNS : SILENT_TURNS;

	return w->all || port->quiet < QUIET_ROUNDS || (port->index + w->turn) % turns == 0;
}

static bool poll_scheduled(struct nic_worker *w, uint64_t now)
{
	struct nic_dp *dp = w->dp;
	struct nic_switch *sw = &w->sw;

	return nic_sched_round(&dp->sched, dp->params.link_mbps, sw->port, sw->num, now,
			       serve_port, w);
}

static bool poll_ports(struct nic_worker *w, uint64_t now)
{
	struct nic_switch *sw = &w->sw;
	struct nic_dp *dp = w->dp;
	bool scheduled = is_scheduled(w), work = false;
	unsigned pass = scheduled ? nic_sched_pass(&dp->sched, sw->num) : 0;

	if (unlikely(sw->kept) && pass != dp->kept_in)
		nic_switch_release(sw);
	if (w->n == 0)
		dp->kept_in = pass;
	if (unlikely(scheduled))
		return poll_scheduled(w, now);
	for (unsigned i = 0; i < sw->num; i++) {
		if (!has_turn(w, sw->port[i]) || !poll_port(w, sw->port[i], now))
			continue;
		sw->port[i]->quiet = 0;
		work = true;
	}
	return work;
}

/* Returns the time of the earliest tick still to come, or at which a port may send again. */
static uint64_t run_ticks(struct nic_worker *w, uint64_t now)
{
	struct nic_switch *sw = &w->sw;
	uint64_t next = NEVER;

	if (unlikely(is_scheduled(w)))
		next = nic_sched_next(&w->dp->sched, sw->port, sw->num, now);
	if (unlikely(sw->wire))
		next = MIN(next, nic_wire_next(sw->wire, now));
	for (unsigned i = 0; i < sw->num; i++) {
		struct nic_port *port = sw->port[i];
		uint64_t wait, wake = NEVER;

		if (!has_turn(w, port))
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

/* Returns when it will be time. */
static uint64_t notify_if_time(struct nic_dp *dp, uint64_t now)
{
	uint64_t last = atomic_load_explicit(&dp->notified_ns, memory_order_relaxed);

	if (now - last < NOTIFY_NS)
		return last + NOTIFY_NS;
	atomic_store_explicit(&dp->notified_ns, now, memory_order_relaxed);
	if (atomic_exchange(&dp->notify_due, false))
		nic_dp_notify(dp);
	return NEVER;
}

/* Asks for ports to be placed anew, by what this one's have sent meanwhile. */
static void ask_for_places(struct nic_worker *w, uint64_t now)
{
	struct nic_dp *dp = w->dp;
	uint64_t frames = nic_counter(&w->frames);

	if (likely(now - w->asked_ns <
		   atomic_load_explicit(&dp->place_ns, memory_order_relaxed)))
		return;
	if (!dp->alone && frames - w->asked_frames > PLACE_FRAMES &&
	    !atomic_exchange(&dp->place_due, true))
		nic_dp_notify(dp);
	w->asked_ns = now;
	w->asked_frames = frames;
}

/* Does somebody wait for this worker, so that it is to fetch nothing? */
static bool is_asked(const struct nic_worker *w)
{
	const struct nic_dp *dp = w->dp;

	return atomic_load(&dp->call) || atomic_load(&dp->stop) ||
	       atomic_load(&dp->wanted) != w->granted;
}

/* PARKED ends before the look for a call that comes next: either this worker sees that one, or
 * worker 0 sees it at work. */
static void unpark(struct nic_worker *w)
{
	if (unlikely(atomic_load_explicit(&w->state, memory_order_relaxed) == WORKER_PARKED) &&
	    !atomic_load(&w->dp->call))
		atomic_exchange(&w->state, WORKER_AWAKE);
}

static bool fetch(struct nic_worker *w, uint64_t now, bool all)
{
	bool work = false;

	if (unlikely(w->dp->num_workers > 1))
		ask_for_places(w, now);
	w->spare = w->n && !w->sw.num;
	w->all = all || w->sw.num <= FEW_PORTS || is_scheduled(w);
	w->turn++;
	if (unlikely(w->sw.wire))
		work = nic_wire_round(w->sw.wire, &w->sw);
	return poll_ports(w, now) || work;
}

static bool do_round(struct nic_worker *w, uint64_t now, bool all, uint64_t *ret_tick)
{
	struct nic_dp *dp = w->dp;
	bool work = false;

	*ret_tick = NEVER;
	w->sw.now_ns = now;
	if (unlikely(dp->num_workers > 1)) {
		unpark(w);
		w->holds = is_asked(w);
		work = land(w, now);
		work |= take_handed(w);
	}
	if (likely(!w->holds))
		work |= fetch(w, now, all);
	nic_switch_flush(&w->sw, now);
	if (unlikely(w->sw.spoofed)) {
		w->sw.spoofed = false;
		nic_dp_notify_soon(dp);
	}
	if (likely(!w->holds))
		*ret_tick = run_ticks(w, now);
	if (unlikely(atomic_load_explicit(&dp->notify_due, memory_order_relaxed)))
		*ret_tick = MIN(*ret_tick, notify_if_time(dp, now));
	nic_count(&w->rounds, 1);
	return work;
}

/* ---- quiesce points ---- */

static bool is_quiet(const struct nic_worker *w)
{
	int state = atomic_load(&w->state);

	return state == WORKER_PARKED || state == WORKER_ASLEEP;
}

/* Runs the call if nothing is under way at the others. Worker 0. */
static bool run_call(struct nic_dp *dp, const struct dp_call *call)
{
	atomic_thread_fence(memory_order_seq_cst); /* between the call and their states */
	for (unsigned i = 1; i < dp->num_workers; i++)
		if (!is_quiet(dp->worker[i]))
			return false;
	call->fn(call->arg);
	atomic_store_explicit(&dp->call, NULL, memory_order_release);
	return true;
}

/* A call is due, and nothing of this worker's is under way. */
static void attend_call(struct nic_worker *w, const struct dp_call *call)
{
	if (w->n) {
		if (atomic_load_explicit(&w->state, memory_order_relaxed) != WORKER_PARKED)
			atomic_exchange(&w->state, WORKER_PARKED);
		sched_yield();
	} else if (!run_call(w->dp, call)) {
		sched_yield();
	}
}

/* End of a round: a quiesce point, unless others have a part in its bursts. */
static void pass_quiesce(struct nic_worker *w)
{
	const struct dp_call *call;

	if (unlikely(w->dp->num_workers > 1)) {
		say_done(w);
		if (w->num_launched)
			return;
		/* Who asked so has seen the epoch before this one. */
		w->granted = atomic_load(&w->dp->wanted);
	}
	atomic_store_explicit(&w->epoch,
			      atomic_load_explicit(&w->epoch, memory_order_relaxed) + 1,
			      memory_order_release);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with the one in nic_dp_quiesce */
	call = atomic_load_explicit(&w->dp->call, memory_order_acquire);
	if (unlikely(call))
		attend_call(w, call);
}

bool nic_worker_round(struct nic_worker *w, uint64_t now)
{
	uint64_t tick;
	bool work = do_round(w, now, false, &tick);

	pass_quiesce(w);
	return work;
}

/* ---- idling ---- */

static void drain_eventfd(int fd)
{
	uint64_t v;

	if (read(fd, &v, sizeof(v)) < 0)
		return; /* EAGAIN: nothing was there */
}

/* Sleeps at most ns. Returns true when a kick or the uplink ended it. */
static bool do_sleep(struct nic_worker *w, uint64_t ns)
{
	struct timespec ts = {.tv_sec = (time_t)(ns / NSEC_PER_SEC),
			      .tv_nsec = (long)(ns % NSEC_PER_SEC)};
	struct epoll_event ev[2];
	int n;

	nic_count(&w->sleeps, 1);
	atomic_exchange(&w->state, WORKER_ASLEEP);
	n = epoll_pwait2(w->epoll_fd, ev, 2, &ts, NULL);
	atomic_exchange(&w->state,
			WORKER_AWAKE); /* full barrier before the next round's loads */
	if (n <= 0)
		return false;
	nic_count(&w->wakeups, 1);
	drain_eventfd(w->wake_fd);
	return true;
}

/* One more round after announcing sleep. Returns true when there is something to do after all.
 */
static bool last_look(struct nic_worker *w, uint64_t now, uint64_t *ret_tick, bool *ret_work)
{
	bool stay;

	atomic_exchange(&w->state, WORKER_DROWSY);
	*ret_work = do_round(w, now, true, ret_tick);
	pass_quiesce(w);
	stay = *ret_work || w->holds || w->num_launched || atomic_load(&w->dp->stop);
	if (stay)
		atomic_exchange(&w->state, WORKER_AWAKE);
	return stay;
}

uint64_t nic_dp_sleep_ns(uint64_t idle_ns, uint64_t silent_ns, uint32_t idle_sleep_us)
{
	uint64_t bound = idle_sleep_us * NSEC_PER_USEC;

	if (idle_ns < LULL_NS)
		bound = MIN(bound, LULL_SLEEP_NS);
	return MIN(MAX(silent_ns / SLEEP_PART, FIRST_SLEEP_NS), bound);
}

static uint64_t sleep_length(const struct nic_worker *w, uint64_t now, uint64_t idle_since)
{
	if (w->spare)
		return SPARE_SLEEP_NS;
	return nic_dp_sleep_ns(now - idle_since, now - MAX(idle_since, w->kicked_ns),
			       w->dp->params.idle_sleep_us);
}

/* Sleeps until something happens; each waking by the clock costs one look. Returns true when
 * there is work. */
static bool sleep_until_work(struct nic_worker *w, uint64_t idle_since)
{
	for (;;) {
		uint64_t now = clock_ns(), length, tick, wait;
		bool work;

		if (last_look(w, now, &tick, &work))
			return work;
		length = sleep_length(w, now, idle_since);
		wait = tick == NEVER ? length : MIN(length, tick > now ? tick - now : 0);
		if (!do_sleep(w, wait))
			continue;
		/* A kick or the uplink: the next round sees what it was. */
		w->kicked_ns = clock_ns();
		return false;
	}
}

/* Nothing to do since then. Returns true when there is work again. */
static bool idle(struct nic_worker *w, uint64_t now, uint64_t idle_since)
{
	uint64_t idle_ns = now - idle_since;

	if (w->spare)
		return sleep_until_work(w, idle_since);
	if (idle_ns < SPIN_NS || w->holds)
		return false;
	if (idle_ns < YIELD_NS || w->num_launched) {
		if (!w->dp->params.busy_poll || w->num_launched)
			sched_yield();
		return false;
	}
	return !w->dp->params.busy_poll && sleep_until_work(w, idle_since);
}

static void *worker_main(void *arg)
{
	struct nic_worker *w = arg;
	uint64_t last_work = clock_ns();
	char name[16];

	snprintf(name, sizeof(name), w->n ? "ladon-dp%u" : "ladon-dp", w->n);
	pthread_setname_np(pthread_self(), name);
	prctl(PR_SET_TIMERSLACK, 10000ul); /* ns: a sleep of 50 us shall not become 100 */
	while (!atomic_load_explicit(&w->dp->stop, memory_order_acquire)) {
		uint64_t now = clock_ns();

		if (nic_worker_round(w, now))
			last_work = now;
		else if (idle(w, now, last_work))
			last_work = clock_ns(); /* it may have slept long since now */
	}
	atomic_exchange(&w->state, WORKER_ASLEEP);
	jam_thread_ends();
	return NULL;
}

/* ---- a worker's life ---- */

static int open_fds(struct nic_worker *w)
{
	struct epoll_event ev = {.events = EPOLLIN};

	w->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->wake_fd < 0 || w->epoll_fd < 0 ||
	    epoll_ctl(w->epoll_fd, EPOLL_CTL_ADD, w->wake_fd, &ev) < 0)
		return -errno;
	return 0;
}

static int start(struct nic_worker *w, int cpu)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	if (cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((unsigned)cpu, &set);
		pthread_attr_setaffinity_np(&attr, sizeof(set), &set);
	}
	r = -pthread_create(&w->thread, &attr, worker_main, w);
	pthread_attr_destroy(&attr);
	return r;
}

void nic_worker_free(struct nic_worker *w)
{
	if (!w)
		return;
	fd_close(&w->wake_fd);
	fd_close(&w->epoll_fd);
	free(w->flight);
	free(w);
}

/* Where there is one worker, one burst is under way at a time. */
static int make_flights(struct nic_worker *w)
{
	unsigned num = w->dp->num_workers > 1 ? NIC_FLIGHTS : 1;

	w->flight = aligned_alloc(CACHE_LINE, num * sizeof(*w->flight));
	if (!w->flight)
		return -ENOMEM;
	memset(w->flight, 0, num * sizeof(*w->flight));
	while (w->num_free < num) {
		w->free[w->num_free] = &w->flight[w->num_free];
		w->num_free++;
	}
	return 0;
}

int nic_worker_new(struct nic_dp *dp, unsigned n, struct nic_worker **ret_worker)
{
	struct nic_worker *w = aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*w), CACHE_LINE));
	int r;

	if (!w)
		return -ENOMEM;
	memset(w, 0, sizeof(*w));
	w->dp = dp;
	w->n = n;
	w->wake_fd = w->epoll_fd = -1;
	w->sw.all = &dp->ports;
	w->sw.worker = n;
	w->sw.workers = dp->num_workers;
	r = make_flights(w);
	if (r == 0)
		r = open_fds(w);
	if (r < 0) {
		nic_worker_free(w);
		return r;
	}
	*ret_worker = w;
	return 0;
}

int nic_worker_start(struct nic_worker *w)
{
	const struct nic_dp_params *params = &w->dp->params;

	return start(w, w->n < params->num_cpus ? params->cpu[w->n] : -1);
}

void nic_worker_join(struct nic_worker *w)
{
	pthread_join(w->thread, NULL);
}

void nic_worker_kick(struct nic_worker *w)
{
	uint64_t one = 1;

	atomic_thread_fence(
		memory_order_seq_cst); /* what the caller stored, before state is read */
	if (atomic_load_explicit(&w->state, memory_order_relaxed) != WORKER_AWAKE &&
	    write(w->wake_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: the counter is full, so it is readable */
}
