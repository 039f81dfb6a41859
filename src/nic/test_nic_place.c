/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>

#include "nic_place.h"

#define PORTS 8u

static struct nic_place_port p[PORTS];

/* Ports 0 ... 7, spread over two workers; none of them talks. */
static int set_up(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORTS; i++)
		p[i] = (struct nic_place_port){.index = (uint16_t)i, .worker = i % 2};
	return 0;
}

static void talk(unsigned from, unsigned to, unsigned frames)
{
	nic_talk_count(&p[from].talk, (uint16_t)to, frames);
}

static void who_gets_most_is_the_peer(void **state)
{
	struct nic_talk t = {0};

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		nic_talk_count(&t, (uint16_t)(i % 3), 10);
		nic_talk_count(&t, 7, 11);
		nic_talk_count(&t, (uint16_t)(10 + i % 5), 1);
	}
	nic_talk_count(&t, 7, 11);
	assert_int_equal(t.peer, 7);
	assert_int_equal(t.frames, 22011);
	assert_in_range(t.weight, 1, t.frames);
}

static void the_silent_stay(void **state)
{
	(void)state;
	talk(0, 1, 63);
	assert_int_equal(nic_place(p, PORTS, 2), 0);
	assert_int_equal(nic_place(p, 0, 2), 0);
}

static void pairs_come_together_and_are_spread(void **state)
{
	(void)state;
	for (unsigned i = 0; i < PORTS; i++)
		talk(i, i ^ 1, 1000 + 100 * i);
	assert_in_range(nic_place(p, PORTS, 2), 1, PORTS);
	for (unsigned i = 0; i < PORTS; i += 2)
		assert_int_equal(p[i].worker, p[i + 1].worker);
	/* Largest first: 6 and 7, then 4 and 5; then 2 and 3 beside these. */
	assert_int_not_equal(p[6].worker, p[4].worker);
	assert_int_equal(p[2].worker, p[4].worker);
	assert_int_equal(p[0].worker, p[6].worker);
	assert_int_equal(nic_place(p, PORTS, 2), 0); /* and so it stays */
}

/* Three like loads on two workers: which is the smallest is chance. */
static void little_differences_move_nobody(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 10; round++) {
		for (unsigned i = 0; i < 3; i++)
			talk(i, 7, 1000 + (i * 7 + round * 5) % 11);
		p[7].fixed = true;
		assert_int_equal(nic_place(p, PORTS, 2), 0);
	}
}

/* All came to one worker when they talked to each other; now they are two pairs. */
static void what_is_lopsided_is_spread(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		p[i].worker = 0;
		talk(i, i ^ 1, 1000);
	}
	assert_int_equal(nic_place(p, PORTS, 2), 2);
	assert_int_equal(p[0].worker, p[1].worker);
	assert_int_equal(p[2].worker, p[3].worker);
	assert_int_not_equal(p[0].worker, p[2].worker);
}

static void one_way_is_enough(void **state)
{
	(void)state;
	talk(0, 1, 1000);
	assert_int_equal(nic_place(p, PORTS, 2), 1);
	assert_int_equal(p[0].worker, p[1].worker);
}

static void a_chain_is_one_group(void **state)
{
	(void)state;
	for (unsigned i = 0; i + 1 < PORTS; i++)
		talk(PORTS - 1 - i, PORTS - 2 - i, 1000);
	nic_place(p, PORTS, 2);
	for (unsigned i = 1; i < PORTS; i++)
		assert_int_equal(p[i].worker, p[0].worker);
}

/* The uplink stays with the first, and those that talk to it are as they were. */
static void the_uplink_gathers_nobody(void **state)
{
	(void)state;
	p[0].fixed = true;
	for (unsigned i = 1; i < PORTS; i++) {
		talk(i, 0, 1000);
		talk(0, i, 1000);
	}
	nic_place(p, PORTS, 2);
	assert_int_equal(p[0].worker, 0);
	for (unsigned w = 0, n = 0; w < 2; w++, n = 0) {
		for (unsigned i = 1; i < PORTS; i++)
			n += p[i].worker == w;
		assert_in_range(n, 3, 4);
	}
}

/* A peer that has gone, whose index is nobody's. */
static void a_peer_may_be_gone(void **state)
{
	(void)state;
	talk(0, 200, 1000);
	assert_int_equal(nic_place(p, PORTS, 2), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_gets_most_is_the_peer),
		cmocka_unit_test_setup(the_silent_stay, set_up),
		cmocka_unit_test_setup(pairs_come_together_and_are_spread, set_up),
		cmocka_unit_test_setup(little_differences_move_nobody, set_up),
		cmocka_unit_test_setup(what_is_lopsided_is_spread, set_up),
		cmocka_unit_test_setup(one_way_is_enough, set_up),
		cmocka_unit_test_setup(a_chain_is_one_group, set_up),
		cmocka_unit_test_setup(the_uplink_gathers_nobody, set_up),
		cmocka_unit_test_setup(a_peer_may_be_gone, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
