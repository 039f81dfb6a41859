/* SPDX-License-Identifier: BSD-3-Clause */
/* MAC control frames, the clocks of the priorities, patience. Time is the test's. */
#include "test_port.h"

#include "clock.h"
#include "nic_flow.h"

#define MBPS 10000u
#define NOW  (5 * NSEC_PER_SEC)

static const uint8_t own[6] = {2, 0, 0, 0, 0, 1}, other[6] = {2, 0, 0, 0, 0, 2};
static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0, 0, 1};
static struct nic_flow flow;
static struct nic_flow_stats stats;
static struct nic_frame frame;

static int set_up(void **state)
{
	(void)state;
	memset(&flow, 0, sizeof(flow));
	memset(&stats, 0, sizeof(stats));
	memset(&frame, 0, sizeof(frame));
	frame.len = frame.hdr_len = 60;
	memcpy(frame.hdr, group, 6);
	put_be16(frame.hdr + 12, 0x8808);
	return 0;
}

static void receive(uint64_t now)
{
	nic_flow_receive(&flow, &frame, MBPS, now, &stats);
}

static void pause_of(uint16_t quanta)
{
	put_be16(frame.hdr + 14, 1);
	put_be16(frame.hdr + 16, quanta);
}

static void pfc_of(uint8_t enable, uint16_t quanta)
{
	put_be16(frame.hdr + 14, 0x0101);
	put_be16(frame.hdr + 16, enable);
	for (unsigned p = 0; p < 8; p++)
		put_be16(frame.hdr + 18 + 2 * p, quanta);
}

/* 65,535 quanta of 512 bit times: 3.355 ms at 10 Gb/s. */
static void quanta_are_512_bit_times(void **state)
{
	(void)state;
	assert_int_equal(nic_flow_quanta_ns(0xffff, 10000), 3355392);
	assert_int_equal(nic_flow_quanta_ns(0xffff, 1000), 33553920);
	assert_int_equal(nic_flow_quanta_ns(1, 1000), 512);
	assert_int_equal(nic_flow_quanta_ns(0xffff, 1), 33553920000);
}

static void what_is_mac_control(void **state)
{
	(void)state;
	assert_true(nic_flow_is_control(&frame, own));
	memcpy(frame.hdr, own, 6);
	assert_true(nic_flow_is_control(&frame, own));
	memcpy(frame.hdr, other, 6);
	assert_false(nic_flow_is_control(&frame, own));
	memcpy(frame.hdr, group, 6);
	frame.hdr[5] = 2;
	assert_false(nic_flow_is_control(&frame, own));
	memset(frame.hdr, 0xff, 6);
	assert_false(nic_flow_is_control(&frame, own));
	memcpy(frame.hdr, group, 6);
	put_be16(frame.hdr + 12, 0x8809);
	assert_false(nic_flow_is_control(&frame, own));
	put_be16(frame.hdr + 12, 0x8808);
	frame.tagged = true;
	assert_false(nic_flow_is_control(&frame, own));
	frame.tagged = false;
	frame.svlan = true;
	assert_false(nic_flow_is_control(&frame, own));
	frame.svlan = false;
	memmove(frame.hdr + 16, frame.hdr + 12, 4);
	put_be32(frame.hdr + 12, 0x81000000);
	assert_false(nic_flow_is_control(&frame, own));
}

static void a_pause_stops_all_and_ends_by_itself(void **state)
{
	(void)state;
	assert_int_equal(nic_flow_stopped(&flow, NOW), 0);
	pause_of(0xffff);
	receive(NOW);
	assert_int_equal(nic_flow_stopped(&flow, NOW), 0xff);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 3355391), 0xff);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 3355392), 0);
	assert_int_equal(nic_counter(&stats.xoff_rx), 1);
}

static void the_last_pause_counts(void **state)
{
	(void)state;
	pause_of(0xffff);
	receive(NOW);
	pause_of(10);
	receive(NOW + 1000);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 1000 + 511), 0xff);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 1000 + 512), 0);
	pause_of(0xffff);
	receive(NOW);
	pause_of(0);
	receive(NOW + 1);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 1), 0);
	assert_int_equal(nic_counter(&stats.xon_rx), 1);
	assert_int_equal(nic_counter(&stats.xoff_rx), 3);
}

static void pfc_is_for_the_priorities_it_names(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < 256; mask++) {
		set_up(NULL);
		pfc_of((uint8_t)mask, 100);
		receive(NOW);
		assert_int_equal(nic_flow_stopped(&flow, NOW), mask);
		pfc_of((uint8_t)~mask, 0);
		receive(NOW);
		assert_int_equal(nic_flow_stopped(&flow, NOW), mask);
		assert_int_equal(nic_flow_stopped(&flow, NOW + 5120), 0);
		assert_int_equal(nic_counter(&stats.pfc_rx), 2);
	}
	set_up(NULL);
	pfc_of(0, 100);
	put_be16(frame.hdr + 16, 0xff00); /* the reserved half */
	receive(NOW);
	assert_int_equal(nic_flow_stopped(&flow, NOW), 0);
}

static void each_priority_has_its_own_time(void **state)
{
	(void)state;
	pfc_of(0xff, 0);
	for (unsigned p = 0; p < 8; p++)
		put_be16(frame.hdr + 18 + 2 * p, (uint16_t)(100 * (p + 1)));
	receive(NOW);
	for (unsigned p = 0; p < 8; p++) {
		assert_int_equal(nic_flow_stopped(&flow, NOW + 5120 * (p + 1) - 1),
				 0xff << p & 0xff);
		assert_int_equal(nic_flow_stopped(&flow, NOW + 5120 * (p + 1)),
				 0xfe << p & 0xff);
	}
}

static void what_is_bad_changes_nothing(void **state)
{
	static const uint16_t opcodes[] = {0, 2, 3, 6, 0x100, 0x0102, 0x1000, 0xfffe, 0xffff};

	(void)state;
	pause_of(0xffff);
	receive(NOW);
	for (unsigned i = 0; i < ARRAY_SIZE(opcodes); i++) {
		put_be16(frame.hdr + 14, opcodes[i]);
		put_be16(frame.hdr + 16, 0);
		receive(NOW + 1);
	}
	assert_int_equal(nic_counter(&stats.bad_rx), ARRAY_SIZE(opcodes));
	pause_of(0);
	for (frame.hdr_len = 14; frame.hdr_len < 18; frame.hdr_len++)
		receive(NOW + 1);
	pfc_of(0xff, 0);
	for (frame.hdr_len = 16; frame.hdr_len < 34; frame.hdr_len++)
		receive(NOW + 1);
	assert_int_equal(nic_counter(&stats.bad_rx), ARRAY_SIZE(opcodes) + 4 + 18);
	assert_int_equal(nic_flow_stopped(&flow, NOW + 1), 0xff);
	receive(NOW + 1); /* just long enough */
	assert_int_equal(nic_flow_stopped(&flow, NOW + 1), 0);
}

static void the_outer_tag_has_the_priority(void **state)
{
	(void)state;
	assert_int_equal(nic_flow_priority(&frame), 0);
	frame.tci = 0x7005;
	frame.stci = 0xb005;
	assert_int_equal(nic_flow_priority(&frame), 0);
	frame.tagged = true;
	assert_int_equal(nic_flow_priority(&frame), 3);
	frame.svlan = true;
	assert_int_equal(nic_flow_priority(&frame), 5);
	frame.tagged = frame.svlan = false;
	put_be32(frame.hdr + 12, 0x88a8e005);
	assert_int_equal(nic_flow_priority(&frame), 7);
	frame.hdr_len = 14;
	assert_int_equal(nic_flow_priority(&frame), 0);
}

static void our_pause_frames_are_right(void **state)
{
	static const uint8_t head[18] = {0x01, 0x80, 0xc2, 0,	 0,    1, 2, 0,	   0,
					 0,    0,    1,	   0x88, 0x08, 0, 1, 0xff, 0xfe};
	uint8_t bytes[61];

	(void)state;
	memset(bytes, 0xa5, sizeof(bytes));
	nic_flow_pause(bytes, own, 0xfffe);
	assert_memory_equal(bytes, head, sizeof(head));
	for (unsigned i = sizeof(head); i < 60; i++)
		assert_int_equal(bytes[i], 0);
	assert_int_equal(bytes[60], 0xa5);
	memcpy(frame.hdr, bytes, 60);
	receive(NOW);
	assert_int_equal(nic_flow_stopped(&flow, NOW), 0xff);
}

/* ---- patience ---- */

static void patience_runs_out_and_comes_back_by_half(void **state)
{
	struct nic_patience p = {0};

	(void)state;
	assert_true(nic_patience_left(&p, 10, NOW));
	assert_false(nic_patience_spend(&p, NIC_PATIENCE_NS - 1));
	assert_true(nic_patience_left(&p, 10, NOW));
	assert_true(nic_patience_spend(&p, 5));
	assert_false(nic_patience_spend(&p, 5)); /* was said already */
	assert_false(nic_patience_left(&p, 10, NOW));
	assert_false(nic_patience_left(&p, 10, NOW + 5 * NIC_PATIENCE_NS - 10));
	assert_true(nic_patience_left(&p, 10, NOW + 5 * NIC_PATIENCE_NS));
	assert_false(nic_patience_spend(&p, NIC_PATIENCE_NS / 2 - 1));
	assert_true(nic_patience_spend(&p, 1));
	nic_patience_earn(&p, NIC_PATIENCE_NS / 2 - 1);
	assert_false(nic_patience_left(&p, 10, NOW + 5 * NIC_PATIENCE_NS));
	nic_patience_earn(&p, 1);
	assert_true(nic_patience_left(&p, 10, NOW + 5 * NIC_PATIENCE_NS));
}

/* However somebody spreads it: of ten seconds of waiting whenever it can, one and a bit. */
static void patience_is_a_share_of_time(void **state)
{
	for (uint64_t step = 1000; step <= NSEC_PER_MSEC; step *= 10) {
		struct nic_patience p = {.at = NOW};
		uint64_t waited = 0;

		(void)state;
		for (uint64_t t = NOW; t < NOW + 10 * NSEC_PER_SEC; t += step) {
			if (!nic_patience_left(&p, 10, t))
				continue;
			nic_patience_spend(&p, step);
			waited += step;
		}
		assert_true(waited >= NSEC_PER_SEC);
		assert_true(waited <= NSEC_PER_SEC + NIC_PATIENCE_NS + step * 30);
	}
}

#define TEST(name) cmocka_unit_test_setup(name, set_up)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(quanta_are_512_bit_times),
		TEST(what_is_mac_control),
		TEST(a_pause_stops_all_and_ends_by_itself),
		TEST(the_last_pause_counts),
		TEST(pfc_is_for_the_priorities_it_names),
		TEST(each_priority_has_its_own_time),
		TEST(what_is_bad_changes_nothing),
		TEST(the_outer_tag_has_the_priority),
		TEST(our_pause_frames_are_right),
		TEST(patience_runs_out_and_comes_back_by_half),
		TEST(patience_is_a_share_of_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
