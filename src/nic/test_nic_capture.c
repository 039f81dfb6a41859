/* SPDX-License-Identifier: BSD-3-Clause */
/* What a capture sees, what it loses, and that traffic does not care. */
#include <errno.h>
#include <pthread.h>

#include "nic_capture.h"
#include "nic_dp.h"
#include "test_switch.h"

static struct nic_capture_set set;
static struct nic_capture_rec rec;
static uint8_t got[NIC_CAPTURE_SNAP];

/* Puts a capture on the switch of test_switch.h, as nic_dp would. */
static struct nic_capture *look(const struct nic_capture_params *params)
{
	assert_int_equal(nic_capture_new(params, &set.list[set.num]), 0);
	set.num++;
	for (unsigned n = 0; n < PORTS; n++)
		port[n].port.captures = nic_capture_wants(&set, &port[n].port) ? &set : NULL;
	return set.list[set.num - 1];
}

static int stop(void **state)
{
	while (set.num)
		nic_capture_free(set.list[--set.num]);
	return tear_down(state);
}

static void assert_next(struct nic_capture *c, unsigned n, bool received, enum nic_drop reason)
{
	assert_true(nic_capture_read(c, &rec, got));
	assert_int_equal(rec.port, n);
	assert_int_equal(rec.received, received);
	assert_int_equal(rec.reason, reason);
	assert_int_equal(rec.lost, 0);
}

static void a_port_shows_what_it_sends_and_receives(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.port = &port[1].port});

	(void)state;
	send_to(1, mac_of(2));
	assert_next(c, 1, false, NIC_DROP_NONE);
	assert_int_equal(rec.cap_len, 100);
	assert_memory_equal(got, bytes, 100);
	send_to(0, mac_of(1));
	assert_next(c, 1, true, NIC_DROP_NONE);
	assert_int_equal(rec.orig_len, 100);
	assert_memory_equal(got, bytes, 100);
	send_to(0, mac_of(2));
	assert_false(nic_capture_read(c, &rec, got));
}

static void tags_are_where_the_wire_has_them(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.port = &port[1].port});

	(void)state;
	make_member(0, 7);
	make_member(1, 7);
	port[1].strip = true;
	for (unsigned piece = 0; piece < 30; piece++) { /* the tag's place is in any buffer */
		port[1].max_piece = piece;
		send_tagged(0, mac_of(1), 0x6007);
		assert_next(c, 1, true, NIC_DROP_NONE);
		assert_int_equal(rec.orig_len, 104);
		assert_memory_equal(got, bytes, 12);
		assert_int_equal(get_be32(got + 12), 0x81006007);
		assert_memory_equal(got + 16, bytes + 12, 88);
	}
	send_tagged(1, mac_of(0), 7);
	assert_next(c, 1, false, NIC_DROP_NONE);
	assert_int_equal(get_be32(got + 12), 0x81000007);
	assert_memory_equal(got + 16, bytes + 12, 88);
}

static void the_uplink_alone(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.uplink = true});

	(void)state;
	send_to(0, mac_of(1));
	send_to(0, nobody);
	assert_next(c, UPLINK, true, NIC_DROP_NONE);
	send_to(UPLINK, mac_of(1));
	assert_next(c, UPLINK, false, NIC_DROP_NONE);
	assert_false(nic_capture_read(c, &rec, got));
}

static void drops_come_with_their_reason(void **state)
{
	struct nic_capture *all = look(&(struct nic_capture_params){.drops = true});
	struct nic_capture *c = look(&(struct nic_capture_params){.port = &port[2].port});
	struct test_tx tx = frame_from(0, mac_of(2));

	(void)state;
	bytes[6] = 0x42; /* somebody else's */
	put(0, &tx);
	assert_next(all, 0, false, NIC_DROP_SPOOF);
	assert_int_equal(rec.cap_len, 100);
	assert_memory_equal(got, bytes, 100);
	port[2].credits = 0;
	send_to(0, mac_of(2));
	assert_next(all, 2, true, NIC_DROP_NODESC);
	assert_memory_equal(got, bytes, 100);
	assert_next(c, 2, true, NIC_DROP_NODESC);
	port[2].credits = 1;
	send_to(0, mac_of(2));
	assert_next(c, 2, true, NIC_DROP_NONE);
	assert_false(nic_capture_read(all, &rec, got));
	nic_lose_tx(&port[2].port, NULL, NIC_DROP_MALFORMED, 1);
	assert_next(all, 2, false, NIC_DROP_MALFORMED);
	assert_int_equal(rec.cap_len | rec.orig_len, 0);
}

static void frames_are_cut_at_the_snap_length(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.snaplen = 20});

	(void)state;
	send_to(0, mac_of(1));
	for (unsigned i = 0; i < 2; i++) {
		assert_next(c, !i, !i, NIC_DROP_NONE); /* who receives comes first */
		assert_int_equal(rec.cap_len, 20);
		assert_int_equal(rec.orig_len, 100);
		assert_memory_equal(got, bytes, 20);
	}
}

static void a_reader_that_lags_loses_records_not_frames(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.port = &port[0].port});
	uint64_t sent = 0, read = 0;

	(void)state;
	while (nic_capture_lost(c) < 10) {
		send_to(0, mac_of(1));
		test_port_flush(&port[1]);
		sent++;
	}
	assert_int_equal(tx_packets(0), sent);
	assert_int_equal(nic_counter(&port[1].port.stats.rx_packets), sent);
	while (nic_capture_read(c, &rec, got)) {
		assert_int_equal(rec.lost, 0);
		assert_memory_equal(got, bytes, 100);
		read++;
	}
	assert_int_equal(read, sent - 10);
	send_to(0, mac_of(1));
	assert_true(nic_capture_read(c, &rec, got));
	assert_int_equal(rec.lost, 10);
}

/* ---- two threads ---- */

static void *send_many(void *arg)
{
	struct nic_frame f = {.hdr_len = 200};

	(void)arg;
	for (uint32_t i = 0; i < 300000; i++) {
		f.hdr_len = (uint16_t)(14 + i % 200);
		memset(f.hdr, (int)(i & 0xff), f.hdr_len);
		put_le32(f.hdr, i);
		nic_capture_frame(&port[0].port, &f, false, NIC_DROP_NONE, 1);
	}
	return NULL;
}

/* Returns the frame's number. */
static uint32_t check_record(void)
{
	uint32_t i = get_le32(got);

	assert_int_equal(rec.cap_len, 14 + i % 200);
	for (uint32_t k = 4; k < rec.cap_len; k++)
		assert_int_equal(got[k], i & 0xff);
	return i;
}

static void records_are_whole_and_every_loss_is_counted(void **state)
{
	struct nic_capture *c = look(&(struct nic_capture_params){.port = &port[0].port});
	uint64_t read = 0;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, send_many, NULL), 0);
	for (;;) {
		bool over = nic_capture_lost(c) + read == 300000;

		if (nic_capture_read(c, &rec, got))
			assert_int_equal(check_record(), rec.lost + read++);
		else if (over)
			break;
	}
	pthread_join(thread, NULL);
	assert_int_equal(nic_capture_lost(c) + read, 300000);
	assert_true(read > 0);
}

/* ---- on a data path ---- */

static void captures_come_and_go_on_a_running_data_path(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};
	struct nic_capture *c[NIC_CAPTURES_MAX + 1];
	struct test_port p;
	struct nic_dp *dp;

	(void)state;
	assert_int_equal(nic_dp_new(&params, &dp), 0);
	test_port_init(&p, 1);
	for (unsigned i = 0; i <= NIC_CAPTURES_MAX; i++) {
		assert_int_equal(
			nic_capture_new(&(struct nic_capture_params){.port = &p.port}, &c[i]),
			0);
		assert_int_equal(nic_dp_capture_add(dp, c[i]),
				 i < NIC_CAPTURES_MAX ? 0 : -EBUSY);
	}
	assert_int_equal(nic_dp_add_port(dp, &p.port), 0);
	assert_non_null(p.port.captures); /* a port that came later */
	for (unsigned i = 0; i <= NIC_CAPTURES_MAX; i++) {
		assert_int_equal(p.port.captures != NULL, i < NIC_CAPTURES_MAX);
		nic_dp_capture_del(dp, c[i]);
		nic_capture_free(c[i]);
	}
	nic_dp_del_port(dp, &p.port);
	nic_dp_free(dp);
}

#define LOOK(name) cmocka_unit_test_setup_teardown(name, set_up, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOOK(a_port_shows_what_it_sends_and_receives),
		LOOK(tags_are_where_the_wire_has_them),
		LOOK(the_uplink_alone),
		LOOK(drops_come_with_their_reason),
		LOOK(frames_are_cut_at_the_snap_length),
		LOOK(a_reader_that_lags_loses_records_not_frames),
		LOOK(records_are_whole_and_every_loss_is_counted),
		cmocka_unit_test(captures_come_and_go_on_a_running_data_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
