/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The data path and its meeting places with the control thread. Loops that wait for the other
 * thread end by alarm(2) if it never does its part; no test asserts a time.
 */
#include "test_port.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "nic_dp.h"
#include "nic_fdb.h"
#include "test_effort.h"

#define PATIENCE 60u /* seconds */
#define CANARY	 0x5afec0deu

#ifdef __SANITIZE_THREAD__
#define SWAPS 3000u
#else
#define SWAPS 20000u
#endif

static struct nic_dp *dp;

static int set_up_workers(unsigned workers)
{
	struct nic_dp_params params = {.workers = workers};

	alarm(PATIENCE);
	return nic_dp_new(&params, &dp);
}

static int set_up(void **state)
{
	(void)state;
	return set_up_workers(TEST_WORKERS);
}

static int set_up_one(void **state)
{
	(void)state;
	return set_up_workers(1);
}

static int tear_down(void **state)
{
	(void)state;
	nic_dp_free(dp);
	alarm(0);
	return 0;
}

static struct nic_dp_stats stats(void)
{
	struct nic_dp_stats s;

	nic_dp_stats(dp, &s);
	return s;
}

static void add(struct test_port *p, uint8_t id)
{
	test_port_init(p, id);
	p->port.policy = NULL;
	nic_dp_set_policy(dp, &p->port,
			  memcpy(malloc(sizeof(p->policy)), &p->policy, sizeof(p->policy)));
	assert_int_equal(nic_dp_add_port(dp, &p->port), 0);
}

static void del(struct test_port *p)
{
	nic_dp_del_port(dp, &p->port);
	nic_dp_set_policy(dp, &p->port, NULL);
	test_port_done(p);
}

static void nothing(void *arg)
{
	(void)arg;
}

/* ---- calls ---- */

static void note_thread(void *arg)
{
	*(pthread_t *)arg = pthread_self();
}

static void calls_run_on_the_data_path(void **state)
{
	pthread_t first = pthread_self(), second;

	(void)state;
	nic_dp_call(dp, note_thread, &first);
	nic_dp_call(dp, note_thread, &second);
	assert_false(pthread_equal(first, pthread_self()));
	assert_true(pthread_equal(first, second));
}

static void calls_come_through_whatever_it_does(void **state)
{
	uint64_t start = clock_ns();

	(void)state;
	for (unsigned i = 0; test_goes_on(start, i, 3000); i++) {
		uint64_t sleeps = stats().sleeps;

		if (i % 64 == 0) /* let it fall asleep now and then */
			while (stats().sleeps == sleeps)
				sched_yield();
		nic_dp_call(dp, nothing, NULL);
	}
}

/* ---- ports ---- */

static void ports_get_indices_of_their_own(void **state)
{
	struct test_port *p = calloc(NIC_MAX_PORTS + 1, sizeof(*p)), *more = &p[NIC_MAX_PORTS];

	(void)state;
	for (unsigned i = 0; i < NIC_MAX_PORTS; i++) {
		add(&p[i], 1);
		for (unsigned k = 0; k < i; k++)
			assert_int_not_equal(p[i].port.index, p[k].port.index);
	}
	test_port_init(more, 1);
	assert_int_equal(nic_dp_add_port(dp, &more->port), -ENOSPC);
	del(&p[7]);
	add(more, 1);
	for (unsigned i = 0; i <= NIC_MAX_PORTS; i++)
		if (i != 7)
			del(&p[i]);
	free(p);
}

static void set_fdb(const struct test_port *p)
{
	struct nic_fdb *fdb;

	assert_int_equal(nic_fdb_new(1, &fdb), 0);
	assert_int_equal(nic_fdb_add(fdb, p->policy.mac[0], 0, p->port.index), 0);
	nic_dp_set_fdb(dp, fdb);
}

struct send {
	struct test_port *from;
	const uint8_t *bytes;
	unsigned n;
};

static void queue_tx(void *arg)
{
	struct send *s = arg;

	s->from->tx_at = s->from->num_tx = 0;
	while (s->from->num_tx < s->n)
		s->from->tx[s->from->num_tx++] =
			(struct test_tx){.bytes = s->bytes, .len = 60, .hdr_len = 60};
}

/* n frames of a to b; passes enough rounds for all of them. */
static void queue_frames(struct test_port *a, unsigned n)
{
	static const uint8_t bytes[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
	struct send s = {a, bytes, n};

	nic_dp_call(dp, queue_tx, &s);
}

static void send_frames(struct test_port *a, unsigned n)
{
	queue_frames(a, n);
	for (unsigned i = 0; i <= n / NIC_BURST; i++)
		test_pass_round(dp);
}

static void frames_go_from_port_to_port(void **state)
{
	static struct test_port a, b;
	struct nic_dp_stats before;

	(void)state;
	add(&a, 1);
	add(&b, 2);
	set_fdb(&b);
	before = stats();
	send_frames(&a, 100);
	assert_int_equal(b.num_rx, 100);
	assert_int_equal(stats().frames - before.frames, 100);
	assert_int_equal(stats().bursts - before.bursts, 4);
	assert_int_equal(a.tx_done, 4);
	assert_int_equal(b.rx_done, 4);
	del(&b);
	send_frames(&a, 1);
	assert_int_equal(test_tx_drop(&a, NIC_DROP_NODEST), 1);
	del(&a);
	send_frames(&a, 1); /* nobody looks any more */
	assert_int_equal(a.tx_at, 0);
}

/* ---- quiescing ---- */

/* What the control thread swaps and frees while the data path looks at it, at every place of a
 * round. */
struct watcher {
	struct test_port p; /* first */
	_Atomic(uint32_t *) shared;
	const uint32_t *held; /* since tx_poll; good until the quiesce point */
	_Atomic unsigned looks, bad;
};

static void look(struct watcher *w, const uint32_t *p)
{
	if (*p != CANARY)
		atomic_fetch_add(&w->bad, 1);
	atomic_fetch_add(&w->looks, 1);
}

static bool watch_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct watcher *w = (struct watcher *)test_port_of(port);

	w->held = atomic_load_explicit(&w->shared, memory_order_acquire);
	look(w, w->held);
	w->p.tx_at = 0; /* the same frames for ever */
	w->p.num_tx = 2;
	return test_tx_poll(port, burst, now_ns);
}

static void watch_done(struct nic_port *port, uint64_t now_ns)
{
	struct watcher *w = (struct watcher *)test_port_of(port);

	(void)now_ns;
	look(w, w->held);
}

static uint64_t watch_tick(struct nic_port *port, uint64_t now_ns)
{
	watch_done(port, now_ns);
	return UINT64_MAX;
}

/* Receives without keeping. */
static enum nic_drop forget_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	(void)port, (void)meta;
	return NIC_DROP_NONE;
}

static const struct nic_port_ops watch_ops = {
	.tx_poll = watch_poll,
	.tx_done = watch_done,
	.rx_strips_tag = test_rx_strips,
	.rx_buffers = test_rx_buffers,
	.rx_commit = forget_commit,
	.rx_done = test_rx_done,
	.tick = watch_tick,
};

static uint32_t *new_canary(void)
{
	uint32_t *p = malloc(sizeof(*p));

	*p = CANARY;
	return p;
}

static void watcher_init(struct watcher *w, uint8_t id)
{
	static const uint8_t bytes[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};

	add(&w->p, id);
	nic_dp_del_port(dp, &w->p.port);
	w->p.port.ops = &watch_ops;
	w->p.tx[0] = w->p.tx[1] = (struct test_tx){.bytes = bytes, .len = 60, .hdr_len = 60};
	atomic_store(&w->shared, new_canary());
	assert_int_equal(nic_dp_add_port(dp, &w->p.port), 0);
}

static void watcher_done(struct watcher *w)
{
	del(&w->p);
	free(atomic_load(&w->shared));
}

/* Swaps the pointer, waits, spoils and frees the old one. */
static void swap_pointer(struct watcher *w)
{
	uint32_t *old = atomic_exchange(&w->shared, new_canary());

	nic_dp_quiesce(dp);
	*old = 0;
	free(old);
}

static void after_a_quiesce_nobody_looks(void **state)
{
	static struct watcher w;
	uint64_t start = clock_ns();

	(void)state;
	memset(&w, 0, sizeof(w));
	watcher_init(&w, 1);
	for (unsigned i = 0; test_goes_on(start, i, SWAPS); i++)
		swap_pointer(&w);
	watcher_done(&w);
	assert_int_equal(atomic_load(&w.bad), 0);
	assert_true(atomic_load(&w.looks) > 0);
}

/* Policies and tables under traffic; what is read after free is the sanitizers' to find. */
static void policies_and_tables_are_swapped_under_traffic(void **state)
{
	static struct watcher a, b;
	uint64_t start = clock_ns();

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	watcher_init(&a, 1);
	watcher_init(&b, 2);
	for (unsigned i = 0; test_goes_on(start, i, SWAPS / 4); i++) {
		struct nic_policy *p = memcpy(malloc(sizeof(*p)), &b.p.policy, sizeof(*p));

		p->promisc = i & 1;
		nic_dp_set_policy(dp, &b.p.port, p);
		set_fdb(&b.p);
		swap_pointer(&a);
	}
	watcher_done(&a);
	watcher_done(&b);
	assert_int_equal(atomic_load(&a.bad) + atomic_load(&b.bad), 0);
}

/* An idle data path falls asleep; the swap must be right whether it sleeps, wakes or is about
 * to sleep. */
static bool idle_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct watcher *w = (struct watcher *)test_port_of(port);

	(void)burst, (void)now_ns;
	w->held = atomic_load_explicit(&w->shared, memory_order_acquire);
	for (unsigned i = 0; i < 200; i++) /* a round long enough to meet */
		look(w, w->held);
	return false;
}

static void a_quiesce_is_right_around_sleep(void **state)
{
	static const struct nic_port_ops ops = {.tx_poll = idle_poll, .tick = watch_tick};
	static struct watcher w;
	uint64_t sleeps = stats().sleeps, start = clock_ns();

	(void)state;
	memset(&w, 0, sizeof(w));
	add(&w.p, 1);
	nic_dp_del_port(dp, &w.p.port);
	w.p.port.ops = &ops;
	atomic_store(&w.shared, new_canary());
	assert_int_equal(nic_dp_add_port(dp, &w.p.port), 0);
	for (unsigned i = 0; test_goes_on(start, i, SWAPS) ||
			     test_goes_on(start, (unsigned)(stats().sleeps - sleeps), 500);
	     i++) {
		swap_pointer(&w);
		if (i % 3 == 0)
			nic_dp_kick(dp);
		for (unsigned k = 0; k < i % 4000; k++) /* meet it at another point each time */
			atomic_signal_fence(memory_order_seq_cst);
	}
	watcher_done(&w);
	assert_int_equal(atomic_load(&w.bad), 0);
}

/* ---- sleep ---- */

static void wait_for_sleep(void)
{
	uint64_t sleeps = stats().sleeps;

	while (stats().sleeps < sleeps + 2)
		sched_yield();
}

static void it_sleeps_and_a_kick_wakes_it(void **state)
{
	uint64_t wakeups;

	(void)state;
	wait_for_sleep();
	wakeups = stats().wakeups;
	while (stats().wakeups == wakeups)
		nic_dp_kick(dp);
}

static void a_busy_one_never_sleeps(void **state)
{
	struct nic_dp_params params = {
		.num_cpus = 1, .cpu = {sched_getcpu()}, .busy_poll = true};
	struct nic_dp *quiet = dp;
	uint64_t until = clock_ns() + NSEC_PER_MSEC;

	(void)state;
	assert_int_equal(nic_dp_new(&params, &dp), 0);
	while (stats().rounds < 1000 || clock_ns() < until)
		sched_yield();
	assert_int_equal(stats().sleeps, 0);
	nic_dp_free(dp);
	dp = quiet;
}

/* A doorbell in a mapped page: a store, and nobody is told. */
struct bell {
	struct nic_port port;
	struct nic_policy policy;
	_Atomic unsigned rung, seen;
	int fd;
};

static bool bell_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct bell *b = (struct bell *)port;
	uint64_t v;

	(void)burst, (void)now_ns;
	if (b->fd >= 0 && read(b->fd, &v, sizeof(v)) == sizeof(v))
		atomic_fetch_add(&b->rung, 1);
	atomic_store(&b->seen, atomic_load(&b->rung));
	return false;
}

static void a_doorbell_without_a_kick_is_seen(void **state)
{
	static const struct nic_port_ops ops = {.tx_poll = bell_poll};
	static struct bell b = {.port.ops = &ops, .fd = -1};

	(void)state;
	atomic_store(&b.port.policy, &b.policy);
	assert_int_equal(nic_dp_add_port(dp, &b.port), 0);
	for (unsigned i = 1; i <= 50; i++) {
		wait_for_sleep();
		atomic_store(&b.rung, i);
		while (atomic_load(&b.seen) != i)
			sched_yield();
	}
	nic_dp_del_port(dp, &b.port);
}

static void a_frame_at_the_uplink_wakes_it(void **state)
{
	static const struct nic_port_ops ops = {.tx_poll = bell_poll};
	static struct bell b = {.port.ops = &ops};
	uint64_t one = 1, wakeups;

	(void)state;
	b.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	atomic_store(&b.port.policy, &b.policy);
	assert_int_equal(nic_dp_add_port(dp, &b.port), 0);
	nic_dp_watch_fd(dp, b.fd);
	wakeups = stats().wakeups;
	while (stats().wakeups < wakeups + 3) {
		unsigned seen = atomic_load(&b.seen);

		wait_for_sleep();
		assert_int_equal(write(b.fd, &one, sizeof(one)), sizeof(one));
		while (atomic_load(&b.seen) == seen)
			sched_yield();
	}
	nic_dp_watch_fd(dp, -1);
	nic_dp_del_port(dp, &b.port);
	close(b.fd);
}

/* A tick that is due cuts a sleep short, however long sleeps may be. */
static uint64_t soon_tick(struct nic_port *port, uint64_t now_ns)
{
	(void)now_ns;
	atomic_fetch_add(&((struct bell *)port)->seen, 1);
	return 50 * NSEC_PER_USEC;
}

static bool quiet_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	(void)port, (void)burst, (void)now_ns;
	return false;
}

static void a_due_tick_cuts_a_sleep_short(void **state)
{
	static const struct nic_port_ops ops = {.tx_poll = quiet_poll, .tick = soon_tick};
	static struct bell b = {.port.ops = &ops};
	struct nic_dp_params params = {.workers = TEST_WORKERS,
				       .idle_sleep_us = 3600u * 1000000u};
	struct nic_dp *quiet = dp;

	(void)state;
	assert_int_equal(nic_dp_new(&params, &dp), 0);
	atomic_store(&b.port.policy, &b.policy);
	assert_int_equal(nic_dp_add_port(dp, &b.port), 0);
	while (stats().sleeps < 64) /* the last would be centuries without it */
		sched_yield();
	nic_dp_del_port(dp, &b.port);
	nic_dp_free(dp);
	dp = quiet;
}

/* ---- faults ---- */

#define FAULTS 100000u

struct faulty {
	struct nic_port port;
	struct nic_policy policy;
	uint64_t pushed;
};

static bool fault_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct faulty *f = (struct faulty *)port;
	struct iommu_fault fault = {.addr = f->pushed};

	(void)burst, (void)now_ns;
	if (f->pushed < FAULTS && iommu_fault_push(nic_dp_faults(dp, 0), &fault)) {
		f->pushed++;
		nic_dp_notify_soon(dp);
	}
	return f->pushed < FAULTS;
}

static void fault_done(struct nic_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

/* The consumer looks only when it is told: no record may stay behind without the fd being
 * readable. And it is told once a millisecond, however many there are. */
static void no_fault_is_left_behind(void **state)
{
	static const struct nic_port_ops ops = {.tx_poll = fault_poll, .tx_done = fault_done};
	static struct faulty f = {.port.ops = &ops};
	struct pollfd fd = {.fd = nic_dp_event_fd(dp), .events = POLLIN};
	struct iommu_fault fault;
	uint64_t popped = 0, told = 0, start = clock_ns();

	(void)state;
	atomic_store(&f.port.policy, &f.policy);
	assert_int_equal(poll(&fd, 1, 0), 0);
	assert_int_equal(nic_dp_add_port(dp, &f.port), 0);
	while (popped < FAULTS) {
		assert_int_equal(poll(&fd, 1, 1000 * (int)PATIENCE), 1);
		nic_dp_event_drain(dp);
		told++;
		while (iommu_fault_pop(nic_dp_faults(dp, 0), &fault))
			assert_int_equal(fault.addr, popped++);
	}
	assert_in_range(told, 1, (clock_ns() - start) / NSEC_PER_MSEC + 2);
	nic_dp_del_port(dp, &f.port);
}

static void notify_twice(void *arg)
{
	(void)arg;
	nic_dp_notify(dp);
	nic_dp_notify(dp);
}

static void one_notification_until_it_is_drained(void **state)
{
	struct pollfd fd = {.fd = nic_dp_event_fd(dp), .events = POLLIN};
	uint64_t v;

	(void)state;
	nic_dp_call(dp, notify_twice, NULL);
	assert_int_equal(read(fd.fd, &v, sizeof(v)), sizeof(v));
	assert_int_equal(v, 1);
	nic_dp_event_drain(dp);
	nic_dp_call(dp, notify_twice, NULL);
	assert_int_equal(poll(&fd, 1, 0), 1);
	nic_dp_event_drain(dp);
	assert_int_equal(poll(&fd, 1, 0), 0);
}

static void it_comes_and_goes(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS},
			     far = {.num_cpus = 1, .cpu = {100000}};
	struct nic_dp *other = NULL;

	(void)state;
	assert_int_equal(nic_dp_new(&far, &other), -EINVAL);
	assert_null(other);
	for (unsigned i = 0; i < 50; i++) {
		params.busy_poll = i & 1;
		assert_int_equal(nic_dp_new(&params, &other), 0);
		if (i % 3)
			nic_dp_quiesce(other);
		nic_dp_free(other);
	}
	nic_dp_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* ---- many ports ---- */

#define MANY 40u

static unsigned polls[MANY],
	polls_after; /* data path's; the latter: in 50 rounds after it sent */
static uint64_t sent_at;
static struct test_port *many;

static bool counted_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	uint64_t round = stats().rounds;
	bool sent = test_port_ops.tx_poll(port, burst, now_ns);

	polls[test_port_of(port) - many]++;
	if (sent)
		sent_at = round;
	else if (sent_at && port == &many[MANY - 1].port && round - sent_at <= 50)
		polls_after++;
	return sent;
}

struct snapshot {
	uint64_t rounds;
	unsigned polls[MANY];
};

static void take_snapshot(void *arg)
{
	struct snapshot *snapshot = arg;

	snapshot->rounds = stats().rounds;
	memcpy(snapshot->polls, polls, sizeof(polls));
}

static void send_one(void *arg)
{
	struct test_port *p = arg;
	static uint8_t frame[64] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1};

	p->tx[0] = (struct test_tx){.bytes = frame, .len = 60, .hdr_len = 60};
	p->tx_at = 0;
	p->num_tx = 1;
}

/* Between the two each port was looked at in every so-many-th round. */
static void assert_turns(const struct snapshot *a, const struct snapshot *b, unsigned every)
{
	for (unsigned i = 0; i < MANY; i++)
		assert_in_range(b->polls[i] - a->polls[i], (b->rounds - a->rounds) / every - 1,
				(b->rounds - a->rounds) / every + 1);
}

static void rounds_by_hand(unsigned num)
{
	for (unsigned i = 0; i < num; i++)
		nic_dp_round(dp, 1000 + i);
}

static void quiet_ports_among_many_have_fewer_turns(void **state)
{
	static struct nic_port_ops ops;
	struct snapshot a, b;

	(void)state;
	nic_dp_stop(dp);
	ops = test_port_ops;
	ops.tx_poll = counted_poll;
	many = calloc(MANY, sizeof(*many));
	for (unsigned i = 0; i < MANY; i++) {
		add(&many[i], 1);
		nic_dp_del_port(dp, &many[i].port);
		many[i].port.ops = &ops;
		assert_int_equal(nic_dp_add_port(dp, &many[i].port), 0);
	}
	/* After 64 rounds each has its turn in every eighth, 128 times; then in every 32nd. */
	rounds_by_hand(64);
	take_snapshot(&a);
	rounds_by_hand(1000);
	take_snapshot(&b);
	assert_turns(&a, &b, 8);
	rounds_by_hand(100);
	take_snapshot(&a);
	rounds_by_hand(3200);
	take_snapshot(&b);
	assert_turns(&a, &b, 32);
	/* What one begins to send is seen, and then it is looked at again and again. */
	send_one(&many[MANY - 1]);
	rounds_by_hand(32);
	assert_int_equal(nic_counter(&many[MANY - 1].port.stats.tx_packets), 1);
	rounds_by_hand(60);
	assert_int_equal(polls_after, 50);
	for (unsigned i = 0; i < MANY; i++)
		del(&many[i]);
	free(many);
}

/* A round is a round, whoever does it. */
static void a_stopped_one_goes_round_by_hand(void **state)
{
	static struct test_port a, b;

	(void)state;
	add(&a, 1);
	add(&b, 2);
	set_fdb(&b);
	nic_dp_stop(dp);
	assert_false(nic_dp_round(dp, 1));
	queue_frames(&a, 40);
	assert_int_equal(b.num_rx, 0); /* calls do none */
	assert_true(nic_dp_round(dp, 2));
	assert_int_equal(b.num_rx, NIC_BURST);
	assert_true(nic_dp_round(dp, 3));
	assert_int_equal(b.num_rx, 40);
	assert_false(nic_dp_round(dp, 4));
	del(&a);
	del(&b);
}

static void sleeps_are_in_proportion(void **state)
{
	static const struct {
		uint64_t idle_us, silent_us;
		uint32_t bound_us;
		uint64_t want_us;
	} rows[] = {
		{100, 100, 4000, 50},
		{400, 400, 4000, 50},
		{1000, 1000, 4000, 125},
		{20000, 20000, 4000, 1000}, /* in the first second */
		{20000, 800, 4000, 100},    /* a kick has come */
		{999999, 999999, 4000, 1000},
		{1000000, 1000000, 4000, 4000},
		{1000000, 8000, 4000, 1000},
		{2000000, 16000, 4000, 2000},
		{9000000, 9000000, 1000000, 1000000},
		{20000, 20000, 200, 200}, /* the operator's bound is always one */
		{100, 100, 20, 20},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(nic_dp_sleep_ns(rows[i].idle_us * NSEC_PER_USEC,
						 rows[i].silent_us * NSEC_PER_USEC,
						 rows[i].bound_us),
				 rows[i].want_us * NSEC_PER_USEC);
}

static void a_stopped_data_path_waits_for_nobody(void **state)
{
	pthread_t thread;

	(void)state;
	nic_dp_stop(dp);
	nic_dp_call(dp, note_thread, &thread);
	assert_true(pthread_equal(thread, pthread_self()));
	nic_dp_quiesce(dp);
	nic_dp_stop(dp); /* nothing more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_run_on_the_data_path),
		TEST(calls_come_through_whatever_it_does),
		TEST(ports_get_indices_of_their_own),
		TEST(frames_go_from_port_to_port),
		TEST(after_a_quiesce_nobody_looks),
		TEST(policies_and_tables_are_swapped_under_traffic),
		TEST(a_quiesce_is_right_around_sleep),
		TEST(it_sleeps_and_a_kick_wakes_it),
		TEST(a_busy_one_never_sleeps),
		TEST(a_doorbell_without_a_kick_is_seen),
		TEST(a_frame_at_the_uplink_wakes_it),
		TEST(a_due_tick_cuts_a_sleep_short),
		TEST(no_fault_is_left_behind),
		TEST(one_notification_until_it_is_drained),
		TEST(it_comes_and_goes),
		cmocka_unit_test_setup_teardown(quiet_ports_among_many_have_fewer_turns,
						set_up_one, tear_down),
		cmocka_unit_test_setup_teardown(a_stopped_one_goes_round_by_hand, set_up_one,
						tear_down),
		cmocka_unit_test(sleeps_are_in_proportion),
		TEST(a_stopped_data_path_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
