/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a sender is told of what was sent. The data path's rounds are made here, one by one, at
 * times of the tests' own. Frames go from VF 0 to VF 1.
 */
#include "test_i82576_guest.h"

#define US	  NSEC_PER_USEC
#define TX_VECTOR 0u
#define EITR_US	  100u /* of the sender's vector: completions wait four times as long */
#define HOLD	  (4 * EITR_US * US)
#define HOLD_MAX  (500 * US)
#define NO_VECTOR 0x0081u /* IVAR: receive 1, transmit none */

static uint64_t now;

static void eitr(uint32_t us)
{
	wr_of(g[0].vf, I82576_VF_EITR + 4 * TX_VECTOR, us << 2);
}

static int set_up(void **state)
{
	if (guests_set_up(state) < 0)
		return -1;
	nic_dp_stop(tc.card->dp);
	now = 1000 * NSEC_PER_SEC;
	rings_on();
	eitr(EITR_US);
	return 0;
}

/* A round at now + after ns. */
static void round_after(uint64_t after)
{
	nic_dp_round(tc.card->dp, now += after);
}

/* Interrupts for what was sent, since the last call. */
static uint64_t told(void)
{
	return got(&g[0], TX_VECTOR);
}

/* n frames, in a round at once. */
static void send(unsigned n)
{
	for (unsigned k = 0; k < n; k++) {
		make_frame(k, 60);
		tx_desc(&g[0], tx_iova(k), CMD_LAST | 60, 0);
	}
	tx_bell(&g[0]);
	round_after(0);
}

/* Told of the frame sent last not before it is hold ns old. */
static void assert_told_after(uint64_t hold)
{
	assert_int_equal(told(), 0);
	round_after(hold - 1);
	assert_int_equal(told(), 0);
	round_after(1);
	assert_int_equal(told(), 1);
	round_after(NSEC_PER_SEC);
	assert_int_equal(told(), 0);
}

/* ---- by time ---- */

static void a_completion_waits_for_four_intervals(void **state)
{
	(void)state;
	send(1);
	assert_true(tx_is_done(&g[0], 0)); /* who looks need not wait */
	assert_told_after(HOLD);
}

static void the_first_of_several_counts(void **state)
{
	(void)state;
	send(1);
	round_after(HOLD / 2);
	send(3);
	assert_told_after(HOLD / 2);
	send(1);
	assert_told_after(HOLD);
}

static void it_never_waits_longer_than_tcp_bears(void **state)
{
	(void)state;
	eitr(8000);
	send(1);
	round_after(HOLD_MAX - 1);
	assert_int_equal(told(), 0);
	round_after(1);
	assert_int_equal(told(), 1);
	/* The next one is EITR's, as ever: 8 ms after the last. */
	send(1);
	round_after(HOLD_MAX);
	assert_int_equal(told(), 0);
	round_after(8000 * US - HOLD_MAX);
	assert_int_equal(told(), 1);
}

static void without_moderation_nothing_waits(void **state)
{
	(void)state;
	eitr(0);
	for (unsigned i = 0; i < 3; i++) {
		send(1);
		assert_int_equal(told(), 1);
	}
}

static void the_data_path_sleeps_no_longer(void **state)
{
	const struct nic_port_ops *ops = g[0].vf->fn.port.ops;

	(void)state;
	assert_true(ops->tick(&g[0].vf->fn.port, now) == UINT64_MAX);
	send(1);
	assert_true(ops->tick(&g[0].vf->fn.port, now) == HOLD);
	assert_true(ops->tick(&g[0].vf->fn.port, now + HOLD - 1) == 1);
	/* Told of, and EITR's interval is over by then. */
	assert_true(ops->tick(&g[0].vf->fn.port, now + HOLD) == UINT64_MAX);
	assert_int_equal(told(), 1);
}

static void receiving_waits_for_nothing(void **state)
{
	(void)state;
	wr_of(g[1].vf, I82576_VF_EITR + 4, EITR_US << 2);
	send(1);
	assert_int_equal(got(&g[1], 1), 1);
}

/* ---- by room ---- */

static void a_quarter_of_the_ring_is_told_of_at_once(void **state)
{
	(void)state;
	send(31);
	send(32);
	assert_int_equal(told(), 0);
	send(1);
	assert_int_equal(told(), 1);
	/* Counted anew. */
	round_after(EITR_US * US);
	send(1);
	assert_told_after(HOLD);
}

static void the_smallest_ring_does_not_stall(void **state)
{
	(void)state;
	tx_on(&g[0], 8);
	eitr(1);
	for (unsigned i = 0; i < 20; i++) {
		send(2);
		assert_int_equal(told(), 1);
		round_after(US);
	}
}

/* Also where a chain goes past the ring's end. */
static void descriptors_count_not_frames(void **state)
{
	(void)state;
	tx_on(&g[0], 16);
	send(2);
	round_after(HOLD);
	assert_int_equal(told(), 1);
	for (unsigned i = 0; i < 10; i++) {
		round_after(HOLD);
		make_frame(0, 90);
		for (unsigned k = 0; k < 3; k++)
			tx_desc(&g[0], tx_iova(0) + 30 * k,
				k < 2 ? CMD_MORE | 30 : CMD_LAST | 30, 0);
		tx_bell(&g[0]);
		round_after(0);
		assert_int_equal(told(), 0);
		send(1);
		assert_int_equal(told(), 1);
	}
}

/* ---- what is left over ---- */

static void a_reset_forgets_what_waits(void **state)
{
	(void)state;
	send(1);
	i82576_vf_reset(g[0].vf);
	wr_of(g[0].vf, I82576_VF_IVAR0, 0x8081);
	wr_of(g[0].vf, I82576_VF_EIMS, 7);
	round_after(HOLD);
	assert_int_equal(told(), 0);
	assert_int_equal(g[0].vf->fn.tx_held, 0);
}

static void a_ring_set_up_anew_has_nothing_to_tell(void **state)
{
	(void)state;
	send(1);
	tx_on(&g[0], 128);
	round_after(0);
	round_after(HOLD);
	assert_int_equal(told(), 0);
	send(31);
	assert_int_equal(told(), 0);
	send(1);
	assert_int_equal(told(), 1);
}

static void who_has_no_vector_is_not_woken_for(void **state)
{
	(void)state;
	wr_of(g[0].vf, I82576_VF_IVAR0, NO_VECTOR);
	send(1);
	assert_int_equal(g[0].vf->fn.tx_held, 0);
	wr_of(g[0].vf, I82576_VF_IVAR0, 0x9f81); /* a vector that there is not */
	send(1);
	assert_int_equal(g[0].vf->fn.tx_held, 0);
}

/* The guest's descriptors are not written yet: the shadow does that, and tells of it. */
static void a_shadow_is_not_kept_waiting(void **state)
{
	(void)state;
	g[0].vf->fn.shadowed = true;
	send(1);
	assert_int_equal(g[0].vf->fn.tx_held, 0);
	g[0].vf->fn.shadowed = false;
}

/* Whose driver measures its queue by completions. */
static void a_pf_is_not_kept_waiting(void **state)
{
	(void)state;
	g[0].vf->fn.n = NIC_PF;
	send(1);
	g[0].vf->fn.n = 0;
	assert_int_equal(told(), 1);
	assert_int_equal(g[0].vf->fn.tx_held, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, guests_tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_completion_waits_for_four_intervals),
		TEST(the_first_of_several_counts),
		TEST(it_never_waits_longer_than_tcp_bears),
		TEST(without_moderation_nothing_waits),
		TEST(the_data_path_sleeps_no_longer),
		TEST(receiving_waits_for_nothing),
		TEST(a_quarter_of_the_ring_is_told_of_at_once),
		TEST(the_smallest_ring_does_not_stall),
		TEST(descriptors_count_not_frames),
		TEST(a_reset_forgets_what_waits),
		TEST(a_ring_set_up_anew_has_nothing_to_tell),
		TEST(who_has_no_vector_is_not_woken_for),
		TEST(a_shadow_is_not_kept_waiting),
		TEST(a_pf_is_not_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
