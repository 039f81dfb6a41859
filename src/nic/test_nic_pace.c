/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rate limit over simulated time: a sender that always has more to send, looked at as often
 * (or as seldom) as a data path looks.
 */
#include "test_port.h"

#include "clock.h"
#include "nic_pace.h"

#define LINE 1000000000000ull /* a start that no credit reaches behind */
#define KIB  1024u

struct run {
	struct nic_pace pace;
	uint32_t mbps;
	uint64_t now, step; /* the time between two looks */
	uint64_t burst;	    /* bytes of one fetch */
};

/* Bytes that get out within ns. */
static uint64_t send_for(struct run *r, uint64_t ns)
{
	uint64_t end = r->now + ns, sent = 0;

	for (; r->now < end; r->now += r->step) {
		if (nic_pace_waits(&r->pace, r->now) && nic_pace_recheck(&r->pace, r->mbps))
			continue;
		nic_pace_sent(&r->pace, r->mbps, r->burst, r->now);
		sent += r->burst;
	}
	return sent;
}

/* For as long as 500 bursts take. */
static void assert_rate(struct run r)
{
	uint64_t want = 500 * r.burst, got;

	r.now = LINE;
	while (!nic_pace_waits(&r.pace, r.now)) /* what it may catch up at first */
		send_for(&r, r.step);
	got = send_for(&r, want * 8000 / r.mbps);
	assert_in_range(got, want - want / 100, want + want / 100);
}

static void the_rate_is_kept_over_time(void **state)
{
	const struct run runs[] = {
		{.mbps = 1, .step = 10 * NSEC_PER_USEC, .burst = 1518},
		{.mbps = 1, .step = NSEC_PER_MSEC, .burst = 256 * KIB},
		{.mbps = 1, .step = 500 * NSEC_PER_USEC, .burst = 64},
		{.mbps = 10, .step = 100 * NSEC_PER_USEC, .burst = 64 * KIB},
		{.mbps = 100, .step = 30 * NSEC_PER_USEC, .burst = 32 * 1518},
		{.mbps = 1000, .step = 300, .burst = 64},
		{.mbps = 1000, .step = 777, .burst = 32 * 64},
		{.mbps = 1000, .step = 5 * NSEC_PER_USEC, .burst = 64 * KIB},
		{.mbps = 10000, .step = 1000, .burst = 32 * 1518},
		{.mbps = 100000, .step = 1000, .burst = 256 * KIB},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(runs); i++)
		assert_rate(runs[i]);
}

/* A data path that sleeps looks late; what it comes late is not lost. */
static void lateness_costs_nothing(void **state)
{
	(void)state;
	assert_rate((struct run){.mbps = 1000, .step = 1900 * NSEC_PER_USEC, .burst = 260000});
}

/* Even a long absence is made up for, as long as frames were waiting ... */
static void a_backlog_is_not_held_against_the_port(void **state)
{
	struct run r = {.mbps = 100, .now = LINE, .step = 1000, .burst = 10000};
	uint64_t sent;

	(void)state;
	while (!nic_pace_waits(&r.pace, r.now))
		send_for(&r, r.step);
	sent = send_for(&r, 100 * NSEC_PER_MSEC);
	r.now += 150 * NSEC_PER_MSEC; /* the data path had no CPU */
	sent += send_for(&r, 250 * NSEC_PER_MSEC);
	assert_in_range(sent, 6187500, 6312500); /* 500 ms at 100 Mb/s, within 1 % */
}

/* ... and not without. */
static void idleness_ends_the_backlog(void **state)
{
	struct run r = {.mbps = 100, .now = LINE, .step = 1000, .burst = 10000};
	uint64_t sent;

	(void)state;
	while (!nic_pace_waits(&r.pace, r.now))
		send_for(&r, r.step);
	send_for(&r, 10 * NSEC_PER_MSEC);
	r.now += 150 * NSEC_PER_MSEC;
	nic_pace_idle(&r.pace);
	sent = send_for(&r, 10 * NSEC_PER_MSEC);
	assert_in_range(sent, 125000, 125000 + 64 * KIB + 2 * 10000);
}

/* But what was not used is kept for 2 ms or 64 KiB only. */
static void little_is_caught_up(void **state)
{
	struct run fast = {.mbps = 1000, .now = LINE, .step = 100, .burst = 1000};
	struct run slow = {.mbps = 1, .now = LINE, .step = 1000, .burst = 1000};

	(void)state;
	send_for(&fast, NSEC_PER_MSEC);
	fast.now += 3600 * NSEC_PER_SEC;
	nic_pace_idle(&fast.pace);
	assert_in_range(send_for(&fast, 200), 2000, 3000); /* a burst at each look */
	assert_in_range(send_for(&fast, NSEC_PER_MSEC), 125000 + 240000, 125000 + 252000);
	send_for(&slow, NSEC_PER_MSEC);
	slow.now += 3600 * NSEC_PER_SEC;
	nic_pace_idle(&slow.pace);
	assert_in_range(send_for(&slow, NSEC_PER_MSEC), 64 * KIB, 64 * KIB + 1000);
}

/* From the first frame on, also right after the host has booted. */
static void time_may_start_at_nothing(void **state)
{
	struct run r = {.mbps = 1, .step = NSEC_PER_MSEC, .burst = 1250};

	(void)state;
	assert_in_range(send_for(&r, NSEC_PER_SEC), 125000, 125000 + 64 * KIB + 1250);
}

/* A burst beyond the credit is paid for before the next one. */
static void a_debt_is_waited_for(void **state)
{
	struct nic_pace pace = {0};

	(void)state;
	nic_pace_sent(&pace, 8, 64 * KIB, LINE); /* 1 byte a us */
	assert_false(nic_pace_waits(&pace, LINE));
	nic_pace_sent(&pace, 8, 1000, LINE);
	assert_true(nic_pace_waits(&pace, LINE + 999999));
	assert_false(nic_pace_waits(&pace, LINE + 1000000));
	assert_int_equal(pace.next, LINE + 1000000);
}

static void another_limit_counts_at_once(void **state)
{
	struct nic_pace pace = {0};

	(void)state;
	nic_pace_sent(&pace, 1, 1000 * KIB, LINE);
	assert_true(nic_pace_waits(&pace, LINE));
	assert_true(nic_pace_recheck(&pace, 1));
	assert_true(nic_pace_waits(&pace, LINE));
	assert_false(nic_pace_recheck(&pace, 2));
	assert_false(nic_pace_waits(&pace, LINE));
	nic_pace_sent(&pace, 2, 1000 * KIB, LINE);
	assert_true(nic_pace_recheck(&pace, 2));
	assert_false(nic_pace_recheck(&pace, 0)); /* none any more */
	assert_false(nic_pace_waits(&pace, 0));
}

/* The longest burst of the smallest segments at the lowest rate, for ever. */
static void nothing_overflows(void **state)
{
	const uint64_t bytes = 32ull * 256 * KIB * 300;
	struct nic_pace pace = {0};

	(void)state;
	nic_pace_sent(&pace, 1, bytes, LINE);
	assert_in_range(pace.next, LINE + bytes * 7999, LINE + bytes * 8000);
	nic_pace_sent(&pace, UINT32_MAX, 1, LINE);
	assert_true(pace.next > LINE + bytes * 7999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rate_is_kept_over_time),
		cmocka_unit_test(lateness_costs_nothing),
		cmocka_unit_test(a_backlog_is_not_held_against_the_port),
		cmocka_unit_test(idleness_ends_the_backlog),
		cmocka_unit_test(little_is_caught_up),
		cmocka_unit_test(time_may_start_at_nothing),
		cmocka_unit_test(a_debt_is_waited_for),
		cmocka_unit_test(another_limit_counts_at_once),
		cmocka_unit_test(nothing_overflows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
