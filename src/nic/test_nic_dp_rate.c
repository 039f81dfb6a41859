/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A port under a rate limit on a data path that runs, and spoofed frames that somebody wants to
 * hear of. Time is measured where a wait must not be too short, and once where it must not be
 * far too long; test_nic_pace.c has the arithmetic.
 */
#include "test_port.h"

#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "clock.h"
#include "nic_dp.h"
#include "nic_fdb.h"

#define PATIENCE 60u /* seconds */
#define BIG	 (256u * 1024u)

/* A test_port that notes when its frames were fetched. */
struct sender {
	struct test_port p; /* first */
	uint64_t at[64];
};

static struct nic_dp *dp;
static struct sender a;
static struct test_port b;
static uint8_t bytes[BIG] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};

static bool note_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	unsigned i = a.p.tx_at;
	bool any = test_tx_poll(port, burst, now_ns);

	for (; i < a.p.tx_at; i++)
		a.at[i] = now_ns;
	return any;
}

static const struct nic_port_ops note_ops = {
	.tx_poll = note_poll,
	.tx_done = test_tx_done,
};

static void set_policy(struct test_port *p)
{
	nic_dp_set_policy(dp, &p->port,
			  memcpy(malloc(sizeof(p->policy)), &p->policy, sizeof(p->policy)));
}

static void add(struct test_port *p, uint8_t id)
{
	test_port_init(p, id);
	p->policy.max_frame = BIG;
	atomic_store(&p->port.policy, NULL);
	set_policy(p);
}

static int set_up_link(uint32_t link_mbps)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS,
				       .idle_sleep_us = 3600u * 1000000u,
				       .link_mbps = link_mbps};
	struct nic_fdb *fdb;

	alarm(PATIENCE);
	if (nic_dp_new(&params, &dp) < 0 || nic_fdb_new(1, &fdb) < 0)
		return -1;
	memset(&a, 0, sizeof(a));
	add(&a.p, 1);
	a.p.port.ops = &note_ops;
	add(&b, 2);
	nic_dp_add_port(dp, &a.p.port);
	nic_dp_add_port(dp, &b.port);
	nic_fdb_add(fdb, b.policy.mac[0], 0, b.port.index);
	nic_dp_set_fdb(dp, fdb);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	return set_up_link(0);
}

static int tear_down(void **state)
{
	(void)state;
	nic_dp_del_port(dp, &a.p.port);
	nic_dp_del_port(dp, &b.port);
	nic_dp_set_policy(dp, &a.p.port, NULL);
	nic_dp_set_policy(dp, &b.port, NULL);
	assert_null(atomic_load(&b.port.policy));
	test_port_done(&a.p);
	test_port_done(&b);
	nic_dp_free(dp);
	alarm(0);
	return 0;
}

static void limit(uint32_t mbps)
{
	a.p.policy.max_tx_mbps = mbps;
	set_policy(&a.p);
}

struct load {
	unsigned num, max_burst;
	uint32_t len;
};

static void put_load(void *arg)
{
	const struct load *load = arg;

	a.p.max_burst = load->max_burst;
	a.p.tx_at = a.p.num_tx = 0;
	while (a.p.num_tx < load->num)
		a.p.tx[a.p.num_tx++] =
			(struct test_tx){.bytes = bytes, .len = load->len, .hdr_len = 60};
}

static void get_fetched(void *arg)
{
	*(unsigned *)arg = a.p.tx_at;
}

static unsigned fetched(void)
{
	unsigned n;

	nic_dp_call(dp, get_fetched, &n);
	return n;
}

/* Without a call, which would wake it. */
static void wait_received(unsigned num)
{
	while (nic_counter(&b.port.stats.rx_packets) < num)
		sched_yield();
}

static void wait_fetched(unsigned num)
{
	while (fetched() < num)
		sched_yield();
}

/* 1 byte a us: each frame of 64 KiB takes 65.54 ms, of which 65.536 may be caught up once. */
static void assert_paced(unsigned num)
{
	const uint64_t cost = (65536 + 4) * NSEC_PER_USEC, credit = 65536 * NSEC_PER_USEC;
	struct load load = {.num = num, .max_burst = 1, .len = 65536};

	nic_dp_call(dp, put_load, &load);
	wait_received(num);
	assert_int_equal(fetched(), num);
	for (unsigned i = 1; i < num; i++)
		assert_true(a.at[i] - a.at[0] >= i * cost - credit);
	assert_int_equal(b.num_rx, num);
	assert_int_equal(test_tx_drops(&a.p) + test_rx_drops(&b), 0);
}

static void frames_wait_and_are_not_lost(void **state)
{
	(void)state;
	limit(8);
	assert_paced(5);
}

/* What the switch throws away was fetched all the same. */
static void refused_frames_count(void **state)
{
	struct load load = {.num = 3, .max_burst = 1, .len = 65536};

	(void)state;
	a.p.policy.link_up = false;
	limit(8);
	nic_dp_call(dp, put_load, &load);
	wait_fetched(3);
	assert_int_equal(test_tx_drop(&a.p, NIC_DROP_TXOFF), 3);
	assert_true(a.at[2] - a.at[0] >= 65 * NSEC_PER_MSEC);
}

/* More than a minute of it, and one frame that has to wait for that. */
static void run_up_debt(void)
{
	struct load load = {.num = NIC_BURST + 1, .max_burst = NIC_BURST, .len = BIG};

	limit(1);
	nic_dp_call(dp, put_load, &load);
	wait_fetched(NIC_BURST);
}

/* Debt is forgotten with the limit it was made under. */
static void a_limit_that_is_lifted_holds_nobody(void **state)
{
	(void)state;
	run_up_debt();
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(fetched(), NIC_BURST);
	limit(0);
	wait_fetched(NIC_BURST + 1);
}

/* Nor does it hold a port that is removed and comes back. */
static void a_port_starts_without_debt(void **state)
{
	(void)state;
	run_up_debt();
	nic_dp_del_port(dp, &a.p.port);
	nic_dp_add_port(dp, &a.p.port);
	wait_fetched(NIC_BURST + 1);
}

/*
 * 256 KiB at 1 Mbit/s are 2097 ms, of which 524 may be caught up: the second frame is due after
 * 1573 ms. Sleeps double after the first second, so that one that does not look at the time
 * would come half a second late.
 */
static bool woke_in_time(void)
{
	struct load load = {.num = 2, .max_burst = 1, .len = BIG - 4};
	const uint64_t due = (BIG - 65536) * 8 * NSEC_PER_USEC;
	uint64_t wait;

	nic_dp_call(dp, put_load, &load);
	wait_received(2);
	assert_int_equal(fetched(), 2);
	wait = a.at[1] - a.at[0];
	assert_true(wait >= due);
	return wait < due + 200 * NSEC_PER_MSEC;
}

static void a_sleeping_data_path_wakes_in_time(void **state)
{
	bool ok = false;

	(void)state;
	for (unsigned i = 0; i < 3 && !ok; i++) { /* the machine may be busy */
		tear_down(state);
		set_up(state);
		limit(1);
		ok = woke_in_time();
	}
	assert_true(ok);
}

/* ---- the link's rate, and minima ---- */

static void start_anew(uint32_t link_mbps)
{
	tear_down(NULL);
	assert_int_equal(set_up_link(link_mbps), 0);
}

/* As frames_wait_and_are_not_lost, for all ports together. */
static void the_link_limits_what_is_sent(void **state)
{
	(void)state;
	start_anew(8);
	assert_paced(4);
}

/* Its minimum is not held up by the link, which others may have filled. */
static void a_minimum_is_sent_in_time(void **state)
{
	struct load load = {.num = 3, .max_burst = 1, .len = BIG};

	(void)state;
	start_anew(1);
	a.p.policy.min_tx_mbps = 1000000;
	set_policy(&a.p);
	nic_dp_call(dp, put_load, &load);
	wait_received(3);
	assert_int_equal(fetched(), 3);
	assert_true(a.at[2] - a.at[0] < NSEC_PER_SEC); /* 4 s by the link */
}

/* What nobody takes does not count against the link. */
static void lost_frames_leave_the_link_free(void **state)
{
	struct load load = {.num = 60, .max_burst = 1, .len = BIG};

	(void)state;
	start_anew(1);
	b.credits = 0;
	nic_dp_call(dp, put_load, &load);
	wait_fetched(60);
	assert_int_equal(test_rx_drop(&b, NIC_DROP_NODESC), 60);
	a.p.policy.link_up = false;
	set_policy(&a.p);
	nic_dp_call(dp, put_load, &load);
	wait_fetched(60);
	assert_int_equal(test_tx_drop(&a.p, NIC_DROP_TXOFF), 60);
	a.p.policy.link_up = true;
	a.p.policy.mac[0]++;
	set_policy(&a.p);
	nic_dp_call(dp, put_load, &load);
	wait_fetched(60);
	assert_int_equal(test_tx_drop(&a.p, NIC_DROP_SPOOF), 60);
}

static void a_blocked_link_lets_the_data_path_wake_in_time(void **state)
{
	bool ok = false;

	(void)state;
	for (unsigned i = 0; i < 3 && !ok; i++) { /* the machine may be busy */
		start_anew(1);
		ok = woke_in_time();
	}
	assert_true(ok);
}

/* ---- spoofed frames ---- */

static bool told(void)
{
	struct pollfd fd = {.fd = nic_dp_event_fd(dp), .events = POLLIN};

	return poll(&fd, 1, 0) == 1;
}

static void spoofed_frames_are_told_of_on_request(void **state)
{
	struct load load = {.num = 40, .len = 60};
	uint64_t v;

	(void)state;
	a.p.policy.mac[0]++;
	set_policy(&a.p);
	nic_dp_call(dp, put_load, &load);
	while (fetched() < 40)
		sched_yield();
	assert_int_equal(test_tx_drop(&a.p, NIC_DROP_SPOOF), 40);
	assert_false(told());
	atomic_store(&a.p.port.tell_spoof, true);
	nic_dp_call(dp, put_load, &load);
	while (fetched() < 40)
		sched_yield();
	fetched(); /* the round has ended */
	assert_true(told());
	assert_int_equal(read(nic_dp_event_fd(dp), &v, sizeof(v)), sizeof(v));
	assert_int_equal(v, 1);
	nic_dp_event_drain(dp);
	fetched();
	assert_false(told()); /* once */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_wait_and_are_not_lost),
		TEST(refused_frames_count),
		TEST(a_limit_that_is_lifted_holds_nobody),
		TEST(a_port_starts_without_debt),
		TEST(a_sleeping_data_path_wakes_in_time),
		TEST(the_link_limits_what_is_sent),
		TEST(a_minimum_is_sent_in_time),
		TEST(lost_frames_leave_the_link_free),
		TEST(a_blocked_link_lets_the_data_path_wake_in_time),
		TEST(spoofed_frames_are_told_of_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
