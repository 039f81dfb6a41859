/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Minimum rates and what is spare, over simulated time: senders with frames waiting at a link,
 * at a data path that is the bottleneck itself, and at a common receiver.
 */
#include "test_port.h"

#include <stdio.h>

#include "clock.h"
#include "nic_sched.h"

#define NUM   8u
#define START 1000000000000ull

/* A port that always has frames, unless its rate says otherwise. */
struct sender {
	struct nic_port port; /* first */
	struct nic_policy policy;
	uint64_t burst;	  /* bytes of one fetch; 0 = nothing to send */
	uint32_t offered; /* Mbit/s it would send; 0 = all that it may */
	uint64_t from;	  /* ns, since when it offers */
	bool to_nobody, garbage;
	uint64_t fetched, taken;
};

static struct sender sender[NUM];
static struct nic_port *ports[NUM];
static struct nic_sched sched;
static uint64_t now;
static uint32_t link_mbps;  /* of the card's link; 0 = no limit */
static uint32_t cpu_mbps;   /* what the data path can do */
static uint32_t drain_mbps; /* what a receiver common to all takes; 0 = all */
static uint64_t room, refilled, busy;
static unsigned kept_in; /* pass in which the receiver keeps its room, as the switch does */

static uint64_t bytes_in(uint64_t ns, uint32_t mbps)
{
	return ns * mbps / 8000;
}

/* The receiver frees descriptors some at a time. */
static uint64_t receive(uint64_t bytes, bool owed)
{
	uint64_t batch;

	if (!drain_mbps)
		return bytes;
	batch = 16 * 1024 + test_below(96 * 1024);
	if (refilled + batch <= bytes_in(now - START, drain_mbps)) {
		refilled += batch;
		room += batch;
	}
	if (nic_sched_pass(&sched, NUM) != kept_in)
		kept_in = 0;
	if (kept_in && !owed)
		return 0;
	if (owed && bytes > room)
		kept_in = nic_sched_pass(&sched, NUM);
	bytes = MIN(bytes, room);
	room -= bytes;
	return bytes;
}

static struct nic_turn serve(void *arg, struct nic_port *port, bool owed, uint64_t now_ns)
{
	struct sender *s = (struct sender *)port;
	struct nic_turn turn = {0};

	(void)arg;
	if (nic_pace_waits(&port->pace, now_ns) &&
	    nic_pace_recheck(&port->pace, s->policy.max_tx_mbps))
		return turn;
	turn.work = s->garbage ||
		    (s->burst && (!s->offered || s->fetched + s->burst <=
							 bytes_in(now - s->from, s->offered)));
	if (!turn.work)
		nic_pace_idle(&port->pace);
	if (!turn.work || s->garbage)
		return turn;
	turn.fetched = s->burst;
	turn.taken = s->to_nobody ? 0 : receive(s->burst, owed);
	if (s->policy.max_tx_mbps)
		nic_pace_sent(&port->pace, s->policy.max_tx_mbps, s->burst, now_ns);
	busy += s->burst;
	s->fetched += turn.fetched;
	s->taken += turn.taken;
	return turn;
}

static int set_up(void **state)
{
	(void)state;
	memset(sender, 0, sizeof(sender));
	memset(&sched, 0, sizeof(sched));
	now = START;
	link_mbps = drain_mbps = 0;
	room = refilled = kept_in = 0;
	cpu_mbps = 40000;
	for (unsigned i = 0; i < NUM; i++) {
		sender[i].burst = 32 * 1538;
		sender[i].from = START;
		atomic_store(&sender[i].port.policy, &sender[i].policy);
		ports[i] = &sender[i].port;
	}
	return 0;
}

/* As the data path goes round: at once while there is work, else when it is time, or a look in
 * between. */
static void run_for(uint64_t ns)
{
	uint64_t end = now + ns;

	while (now < end) {
		busy = 0;
		if (nic_sched_round(&sched, link_mbps, ports, NUM, now, serve, NULL))
			now += 500 + busy * 8000 / cpu_mbps;
		else
			now = MAX(now + 500,
				  MIN(now + 50 * NSEC_PER_USEC,
				      nic_sched_next(&sched, ports, NUM, now) + 300));
	}
}

static uint64_t taken_before[NUM], since;

static void measure_for(uint64_t ns)
{
	run_for(ns / 10); /* what may be caught up at first */
	for (unsigned i = 0; i < NUM; i++)
		taken_before[i] = sender[i].taken;
	since = now;
	run_for(ns);
}

static double mbps_of(unsigned i)
{
	return (double)(sender[i].taken - taken_before[i]) * 8000 / (double)(now - since);
}

static void assert_near(double got, double want)
{
	if (got < want * 0.98 || got > want * 1.02)
		print_error("%.3f Mbit/s where %.3f is right\n", got, want);
	assert_true(got >= want * 0.98 && got <= want * 1.02);
}

/* Jain's index of the senders' rates, each less its minimum. */
static double fairness(void)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < NUM; i++) {
		double x = mbps_of(i) - sender[i].policy.min_tx_mbps;

		sum += x;
		squares += x * x;
	}
	return sum * sum / (NUM * squares);
}

/* Shares of minima in hundredths of the link. */
static void contend(uint32_t link, const unsigned *percent, uint64_t burst)
{
	uint64_t least = link < 10000 ? 256 : 4096; /* a round is 500 ns at least */
	double spare = link;

	set_up(NULL);
	link_mbps = link;
	for (unsigned i = 0; i < NUM; i++) {
		sender[i].policy.min_tx_mbps = link * percent[i] / 100;
		sender[i].burst = burst ? burst : least << MIN(2 * i, 6u);
		spare -= sender[i].policy.min_tx_mbps;
	}
	measure_for(2000ull * 1024 * 1024 * 1000 / link);
	for (unsigned i = 0; i < NUM; i++) {
		assert_near(mbps_of(i), sender[i].policy.min_tx_mbps + spare / NUM);
	}
	print_message("link %u Mbit/s, bursts of %llu bytes: fairness of the spare %.5f\n",
		      link, (unsigned long long)burst, fairness());
	assert_true(fairness() > 0.999);
}

static void minima_are_held_and_the_spare_is_shared(void **state)
{
	static const unsigned some[NUM] = {30, 10, 5, 1}, none[NUM];
	static const uint32_t links[] = {100, 1000, 10000};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(links); i++) {
		contend(links[i], some, 32 * 1538);
		contend(links[i], some, 256 * 1024);
		contend(links[i], none, 0);
		contend(links[i], some, 0);
	}
}

/* 1 Mbit/s beside 10 Gbit/s that others have. */
static void a_small_minimum_is_held_beside_a_large_one(void **state)
{
	(void)state;
	link_mbps = 10000;
	sender[0].policy.min_tx_mbps = 1;
	sender[0].policy.max_tx_mbps = 1;
	sender[0].burst = 64;
	sender[1].policy.min_tx_mbps = 9000;
	measure_for(2 * NSEC_PER_SEC);
	assert_near(mbps_of(0), 1);
	assert_near(mbps_of(1), 9000 + 999. / 7);
}

static void all_of_the_link_may_be_promised(void **state)
{
	(void)state;
	link_mbps = 1000;
	for (unsigned i = 0; i < 4; i++)
		sender[i].policy.min_tx_mbps = 100 * (i + 1);
	measure_for(3 * NSEC_PER_SEC);
	for (unsigned i = 0; i < 4; i++)
		assert_near(mbps_of(i), 100 * (i + 1));
}

/* Work-conserving: who is not there leaves its share to the others. */
static void nothing_is_kept_for_the_idle(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NUM; i++)
		sender[i].burst = 0;
	sender[5].burst = 2 * 1024 * 1024;
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(5), cpu_mbps);
	link_mbps = 1000;
	sender[0].policy.min_tx_mbps = 900;
	sender[5].burst = 2048;
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(5), 1000);
	sender[6].burst = 512 * 1024;
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(5), 500);
	assert_near(mbps_of(6), 500);
	sender[0].burst = 4096;
	sender[0].offered = 300; /* less than it might have */
	sender[0].from = now;
	measure_for(2 * NSEC_PER_SEC);
	assert_near(mbps_of(0), 300);
	assert_near(mbps_of(5), 350);
	sender[0].offered = 0;
	measure_for(2 * NSEC_PER_SEC);
	assert_near(mbps_of(0), 900 + 100. / 3);
	assert_near(mbps_of(6), 100. / 3);
}

/* A sender whose maximum is below its share leaves the rest. */
static void maximum_and_minimum_go_together(void **state)
{
	(void)state;
	link_mbps = 1000;
	for (unsigned i = 0; i < NUM; i++)
		sender[i].burst = i < 3 ? 32 * 1538 : 0;
	sender[0].policy.min_tx_mbps = 100;
	sender[0].policy.max_tx_mbps = 200;
	sender[1].policy.max_tx_mbps = 50;
	measure_for(3 * NSEC_PER_SEC);
	assert_near(mbps_of(0), 200);
	assert_near(mbps_of(1), 50);
	assert_near(mbps_of(2), 750);
}

/* The data path itself is the bottleneck, and others send in bursts of 2 MiB. */
static void minima_hold_where_the_data_path_is_full(void **state)
{
	double sum = 0;

	(void)state;
	cpu_mbps = 10000;
	for (unsigned i = 0; i < NUM; i++)
		sender[i].burst = 2 * 1024 * 1024;
	sender[0].burst = 2048;
	sender[0].policy.min_tx_mbps = 3000;
	measure_for(5 * NSEC_PER_SEC);
	for (unsigned i = 0; i < NUM; i++)
		sum += mbps_of(i);
	assert_true(mbps_of(0) >= 3000 * 0.98);
	assert_true(sum > 8500);
	for (unsigned i = 2; i < NUM; i++)
		assert_near(mbps_of(i), mbps_of(1));
}

/* Seven others flood the receiver that the port with a minimum sends to as well. */
static void minima_hold_at_a_common_receiver(void **state)
{
	double sum = 0;

	(void)state;
	drain_mbps = 2000;
	sender[3].policy.min_tx_mbps = 800;
	measure_for(NSEC_PER_SEC);
	for (unsigned i = 0; i < NUM; i++)
		sum += mbps_of(i);
	assert_true(mbps_of(3) >= 800 * 0.98 && mbps_of(3) < 960);
	for (unsigned i = 0; i < NUM; i++) /* as is the loss of the others */
		assert_true(i == 3 || (mbps_of(i) > 110 && mbps_of(i) < 210));
	assert_near(sum, 2000);
}

/* A minimum is no licence to take the data path's time with frames for nobody. */
static void frames_for_nobody_take_little_from_others(void **state)
{
	double before;

	(void)state;
	cpu_mbps = 10000;
	sender[0].policy.min_tx_mbps = 1000;
	measure_for(NSEC_PER_SEC);
	before = mbps_of(1);
	sender[0].to_nobody = true;
	measure_for(NSEC_PER_SEC);
	assert_true(mbps_of(1) > before * 0.8);
	cpu_mbps = 20000;
	link_mbps = 8000; /* nor is the link charged for them */
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(1), 8000. / 7);
}

/* Descriptors without frames cost their turn. */
static void garbage_does_not_hold_others_up(void **state)
{
	(void)state;
	sender[0].policy.min_tx_mbps = 1000;
	sender[0].garbage = sender[1].garbage = true;
	cpu_mbps = 10000;
	measure_for(NSEC_PER_SEC);
	assert_true(mbps_of(2) > 10000 * 0.9 / 6);
	assert_near(mbps_of(2), mbps_of(7));
}

static void a_change_is_in_force_at_once(void **state)
{
	(void)state;
	link_mbps = 1000;
	sender[0].policy.min_tx_mbps = 1; /* a burst of 16 s */
	sender[0].burst = 2 * 1024 * 1024;
	run_for(NSEC_PER_SEC);
	sender[0].policy.min_tx_mbps = 600;
	sender[0].burst = 32 * 1538;
	run_for(NSEC_PER_SEC / 2);
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(0), 650);
	sender[0].policy.min_tx_mbps = 0;
	measure_for(NSEC_PER_SEC);
	assert_near(mbps_of(0), 125);
}

/* A minimum that was not asked for is gone. */
static void nothing_is_saved_up(void **state)
{
	uint64_t taken;

	(void)state;
	link_mbps = 1000;
	sender[0].policy.min_tx_mbps = 500;
	run_for(NSEC_PER_SEC);
	sender[0].burst = 0;
	run_for(150 * NSEC_PER_MSEC);
	sender[0].burst = 32 * 1538;
	taken = sender[0].taken;
	run_for(100 * NSEC_PER_MSEC);
	assert_true(bytes_in(100 * NSEC_PER_MSEC, 600) > sender[0].taken - taken);
}

/* More is promised than can be done: the others are not forgotten. */
static void too_much_promised_leaves_a_little(void **state)
{
	(void)state;
	cpu_mbps = 1000;
	sender[0].policy.min_tx_mbps = 5000;
	measure_for(NSEC_PER_SEC);
	assert_true(mbps_of(0) > 400);
	for (unsigned i = 1; i < NUM; i++)
		assert_true(mbps_of(i) > 20);
}

/* The wire is a port like others, but not under the card's own limits. */
static void the_wire_is_served_all_the_time(void **state)
{
	(void)state;
	link_mbps = 100;
	sender[7].port.is_uplink = true;
	measure_for(NSEC_PER_SEC);
	assert_true(mbps_of(7) > 30000);
	assert_near(mbps_of(0), 100. / 7);
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(minima_are_held_and_the_spare_is_shared),
		TEST(a_small_minimum_is_held_beside_a_large_one),
		TEST(all_of_the_link_may_be_promised),
		TEST(nothing_is_kept_for_the_idle),
		TEST(maximum_and_minimum_go_together),
		TEST(minima_hold_where_the_data_path_is_full),
		TEST(minima_hold_at_a_common_receiver),
		TEST(frames_for_nobody_take_little_from_others),
		TEST(garbage_does_not_hold_others_up),
		TEST(a_change_is_in_force_at_once),
		TEST(nothing_is_saved_up),
		TEST(too_much_promised_leaves_a_little),
		TEST(the_wire_is_served_all_the_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
