/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Flow control between switch and uplink, without a thread: rounds at times of the test's own.
 * Frames carry their number, so that order shows.
 */
#include "test_switch.h"

#include "clock.h"
#include "nic_wire.h"

#define MBPS	  10000u
#define LONGEST	  3355392ull /* ns: 65,535 quanta */
#define NUMBER_AT 40u

static struct nic_wire *wire;
static struct nic_flow_stats flow_stats;
static uint8_t pool[128][128]; /* frames of the wire */
static uint32_t number;

static unsigned backlog;

static const struct nic_policy *down(void)
{
	static struct nic_policy p;

	return &p;
}

static void set_mode(unsigned mode)
{
	const struct nic_flow_params params = {
		.mode = mode, .mbps = MBPS, .mac = {2, 0xaa, 0, 0, 0, 0}};

	nic_wire_set(wire, &sw, &params);
	sw.wire = mode ? wire : NULL;
}

static int set_up_wire(void **state)
{
	if (set_up(state) < 0)
		return -1;
	memset(&flow_stats, 0, sizeof(flow_stats));
	number = 0;
	backlog = 0;
	sw.now_ns = NSEC_PER_SEC;
	if (nic_wire_new(&flow_stats, &wire) < 0)
		return -1;
	set_mode(NIC_FLOW_RX | NIC_FLOW_TX);
	return 0;
}

static int tear_down_wire(void **state)
{
	nic_wire_drop(wire, &sw);
	nic_wire_free(wire);
	nic_wire_free(NULL);
	return tear_down(state);
}

/* ---- card -> wire ---- */

/* From a VF to the wire, as the data path would: not while the VF is held. */
static bool send_as(unsigned src, unsigned priority)
{
	struct test_tx tx = frame_from(src, nobody);

	if (nic_wire_holds(wire, &port[src].port))
		return false;
	port[src].port.wire_waits = 0;
	tx.tagged = priority != 0;
	tx.tci = (uint16_t)(priority << 13);
	put_be32(bytes + NUMBER_AT, number++);
	put(src, &tx);
	return true;
}

static bool do_round(uint64_t after_ns)
{
	bool work;

	sw.now_ns += after_ns;
	work = nic_wire_round(wire, &sw);
	nic_switch_flush(&sw, sw.now_ns);
	return work;
}

static uint32_t number_of(const struct test_rx *rx)
{
	return get_be32(rx->bytes + NUMBER_AT +
			(rx->meta.tag_in_bytes || rx->len > 100 ? 4 : 0));
}

/* The wire got so many frames since the last call, in order. Returns the first one's number. */
static uint32_t assert_left(unsigned n)
{
	uint32_t first = 0;

	assert_int_equal(port[UPLINK].num_rx, n);
	for (unsigned i = 0; i < n; i++) {
		uint32_t k = number_of(&port[UPLINK].rx[i]);

		first = i ? first : k;
		if (i)
			assert_true(k > number_of(&port[UPLINK].rx[i - 1]));
	}
	test_port_flush(&port[UPLINK]);
	return first;
}

/* MAC control comes from the wire. */
static void control(const uint8_t *body, uint32_t len)
{
	static uint8_t frame[60];
	bool work;

	memset(frame, 0, sizeof(frame));
	memcpy(frame, (uint8_t[]){1, 0x80, 0xc2, 0, 0, 1, 2, 0xbb, 0, 0, 0, 1, 0x88, 8}, 14);
	memcpy(frame + 14, body, len);
	port[UPLINK].tx[0] = (struct test_tx){.bytes = frame, .len = 60, .hdr_len = 60};
	port[UPLINK].tx_at = 0;
	port[UPLINK].num_tx = 1;
	assert_int_equal(nic_wire_poll(wire, &sw, &work), 1);
	assert_true(work);
}

static void pause_wire(uint16_t quanta)
{
	uint8_t body[4] = {0, 1, (uint8_t)(quanta >> 8), (uint8_t)quanta};

	control(body, sizeof(body));
}

static void pfc(uint8_t mask, uint16_t quanta)
{
	uint8_t body[20] = {1, 1, 0, mask};

	for (unsigned p = 0; p < 8; p++)
		put_be16(body + 4 + 2 * p, quanta);
	control(body, sizeof(body));
}

static uint64_t sent(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < VFS; i++)
		n += tx_packets(i);
	return n;
}

static unsigned waiting(void)
{
	return (unsigned)(sent() - nic_counter(&port[UPLINK].port.stats.rx_packets) -
			  test_rx_drops(&port[UPLINK]));
}

static void without_a_pause_frames_leave_at_once(void **state)
{
	(void)state;
	assert_true(send_as(0, 0));
	assert_true(send_as(0, 5));
	assert_left(2);
	assert_int_equal(nic_counter(&flow_stats.queued), 0);
	assert_int_equal(nic_wire_next(wire, sw.now_ns), UINT64_MAX);
}

static void a_pause_stops_all_until_it_ends(void **state)
{
	(void)state;
	pause_wire(0xffff);
	for (unsigned p = 0; p < 8; p++)
		assert_true(send_as(p % VFS, p));
	assert_false(do_round(LONGEST - 1));
	assert_left(0);
	assert_int_equal(waiting(), 8);
	assert_int_equal(nic_wire_next(wire, sw.now_ns), sw.now_ns + 20000); /* soon */
	sw.now_ns -= 1000000;
	assert_int_equal(nic_wire_next(wire, sw.now_ns), NSEC_PER_SEC + LONGEST);
	sw.now_ns += 1000000;
	assert_true(do_round(1));
	assert_int_equal(port[UPLINK].num_rx, 8);
	test_port_flush(&port[UPLINK]);
	assert_int_equal(waiting(), 0);
	assert_int_equal(nic_counter(&flow_stats.queued), 8);
	assert_false(do_round(1));
}

static void xon_lets_them_go_at_once(void **state)
{
	(void)state;
	pause_wire(0xffff);
	for (unsigned i = 0; i < 20; i++)
		assert_true(send_as(0, 0));
	pause_wire(0);
	assert_true(send_as(0, 0)); /* behind those that wait */
	assert_left(0);
	assert_true(do_round(1));
	assert_int_equal(assert_left(21), 0);
	assert_true(send_as(0, 0));
	assert_left(1);
}

static void pfc_stops_exactly_its_priorities(void **state)
{
	(void)state;
	for (unsigned mask = 1; mask < 256; mask = mask * 2 + 1 - mask % 3) {
		pfc((uint8_t)mask, 0xffff);
		for (unsigned p = 0; p < 8; p++) {
			send_as(p % VFS, p);
			assert_int_equal(port[UPLINK].num_rx, !(mask >> p & 1));
			test_port_flush(&port[UPLINK]);
		}
		assert_int_equal(waiting(), __builtin_popcount(mask));
		pfc((uint8_t)mask, 0);
		do_round(1);
		assert_int_equal(waiting(), 0);
		test_port_flush(&port[UPLINK]);
	}
	assert_int_equal(test_rx_drops(&port[UPLINK]), 0);
}

/* What a frame was is what leaves: tags, padding, offloads. */
static void frames_are_the_same_after_they_waited(void **state)
{
	struct test_rx at_once[2], late[2];

	(void)state;
	for (unsigned k = 0; k < 2; k++) {
		struct test_tx tx = frame_from(1, nobody);

		if (k)
			pause_wire(0xffff);
		tx.len = 20; /* padded */
		tx.hdr_len = 20;
		put(1, &tx);
		tx.len = 1000;
		tx.hdr_len = 64;
		tx.max_seg = 100;
		tx.tagged = true;
		tx.tci = 0x0064;
		port[1].policy.spoof_vlan = false;
		put(1, &tx);
		if (k) {
			assert_int_equal(port[UPLINK].num_rx, 0);
			do_round(LONGEST);
		}
		assert_int_equal(port[UPLINK].num_rx, 2);
		memcpy(k ? late : at_once, port[UPLINK].rx, sizeof(late));
		free(port[UPLINK].rx);
		port[UPLINK].rx = NULL;
		port[UPLINK].num_rx = 0;
	}
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(at_once[i].len, late[i].len);
		assert_memory_equal(at_once[i].bytes, late[i].bytes, late[i].len);
		free(at_once[i].bytes);
		free(late[i].bytes);
	}
	assert_int_equal(nic_counter(&port[UPLINK].port.stats.rx_local_packets), 4);
}

static void who_sends_to_the_wire_is_held_others_are_not(void **state)
{
	unsigned n = 0;

	(void)state;
	pause_wire(0xffff);
	while (send_as(0, 0))
		n++;
	assert_in_range(n, NIC_WIRE_HIGH / 120, NIC_WIRE_HIGH / 100);
	assert_true(send_as(1, 3)); /* another priority is not full */
	assert_true(send_as(1, 3));
	assert_false(nic_wire_holds(wire, &port[2].port));
	send_to(2, mac_of(3));
	assert_int_equal(port[3].num_rx, 1);
	assert_true(send_as(2, 0)); /* one burst more, then it is held, too */
	assert_false(send_as(2, 0));
	assert_int_equal(nic_counter(&flow_stats.queued), n + 3);
	assert_int_equal(test_rx_drops(&port[UPLINK]), 0);
	do_round(LONGEST);
	assert_false(send_as(0, 0)); /* not below the lower mark yet */
	while (do_round(1000))
		;
	assert_true(send_as(0, 0));
	assert_int_equal(port[UPLINK].num_rx, n + 4);
}

static void what_is_too_much_is_counted(void **state)
{
	struct test_tx tx = frame_from(0, nobody);
	uint64_t in, lost;

	(void)state;
	tx.len = 1400;
	pause_wire(0xffff);
	for (unsigned i = 0; i < 4000; i++)
		put(0, &tx); /* nobody heeds the mark */
	lost = test_rx_drop(&port[UPLINK], NIC_DROP_UPLINK);
	in = nic_counter(&flow_stats.queued);
	assert_true(lost > 0 && in > 0);
	assert_int_equal(lost + in, 4000);
	assert_true(in * 1408 <= NIC_WIRE_FIFO && (in + 10) * 1408 > NIC_WIRE_FIFO - 16384);
	do_round(LONGEST);
	while (do_round(1))
		;
	assert_int_equal(port[UPLINK].num_rx, in);
	assert_int_equal(waiting(), 0);
}

static struct test_tx tso(uint8_t *buf, uint32_t len, uint16_t mss)
{
	memset(buf, 0, len);
	memcpy(buf, nobody, 6);
	memcpy(buf + 6, mac_of(0), 6);
	put_be16(buf + 12, NET_ETH_P_IPV4);
	buf[14] = 0x45;
	buf[23] = 6;
	buf[46] = 0x50;
	for (uint32_t i = 54; i < len; i++)
		buf[i] = (uint8_t)i;
	return (struct test_tx){.bytes = buf,
				.len = len,
				.hdr_len = 54,
				.max_seg = 5000,
				.off = {.tso = true,
					.ip_csum = true,
					.l4_csum = true,
					.l2_len = 14,
					.l3_len = 20,
					.l4_len = 20,
					.l3 = NET_L3_IPV4,
					.l4 = NET_L4_TCP,
					.mss = mss}};
}

static void segments_wait_like_frames(void **state)
{
	uint8_t buf[54 + 10000];
	struct test_tx tx = tso(buf, sizeof(buf), 1000);

	(void)state;
	pause_wire(0xffff);
	put(0, &tx);
	assert_int_equal(waiting(), 10);
	do_round(LONGEST);
	assert_int_equal(port[UPLINK].num_rx, 10);
	for (unsigned i = 0; i < 10; i++) {
		const struct test_rx *rx = &port[UPLINK].rx[i];

		assert_int_equal(rx->len, 1054);
		assert_memory_equal(rx->bytes + 54, buf + 54 + i * 1000, 1000);
		assert_true(rx->meta.l4_ok && rx->meta.ip_ok);
	}
	/* Segments that would be too long are lost by their own fault, XOFF or not. */
	port[UPLINK].policy.max_frame = 1053;
	pause_wire(0xffff);
	put(0, &tx);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_SIZE), 10);
	tx.len = 54 + 999;
	put(0, &tx);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_SIZE), 10);
	assert_int_equal(waiting(), 1);
}

static void the_priority_is_that_of_the_port_vlan(void **state)
{
	(void)state;
	set_pvid(1, 100, 6);
	pfc(1 << 6, 0xffff);
	send_to(1, nobody);
	assert_int_equal(waiting(), 1);
	send_to(0, nobody);
	assert_int_equal(waiting(), 1);
	port[1].policy.svlan = true;
	pfc(1 << 6, 0);
	do_round(1);
	pfc(1 << 6, 0xffff);
	send_tagged(1, nobody, 0x2005); /* the tenant's own is inside */
	assert_int_equal(waiting(), 1);
}

static void when_the_link_goes_what_waits_is_counted(void **state)
{
	(void)state;
	pause_wire(0xffff);
	for (unsigned i = 0; i < 5; i++)
		send_as(0, i);
	atomic_store(&port[UPLINK].port.policy, down());
	do_round(1);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_UPLINK), 5);
	assert_int_equal(waiting(), 0);
	assert_int_equal(nic_wire_next(wire, sw.now_ns), UINT64_MAX);
	atomic_store(&port[UPLINK].port.policy, &port[UPLINK].policy);
	send_as(0, 0); /* the pause has gone with it */
	assert_left(1);
}

static void switched_off_nothing_waits_any_more(void **state)
{
	(void)state;
	pause_wire(0xffff);
	for (unsigned i = 0; i < 300; i++)
		send_as(0, 0);
	set_mode(NIC_FLOW_TX);
	assert_int_equal(waiting(), 0);
	assert_left(300);
	pause_wire(0xffff); /* is a frame like any other now */
	send_as(0, 0);
	assert_left(1);
	assert_int_equal(nic_counter(&flow_stats.xoff_rx), 1);
	set_mode(0);
	send_to(0, nobody);
	assert_left(1);
}

/* ---- a wire without room ---- */

static bool has_room(struct nic_port *p, uint32_t len)
{
	(void)p, (void)len;
	return test_port_of(p)->credits > 0;
}

static unsigned backlog_of(const struct nic_port *p)
{
	(void)p;
	return backlog;
}

static const struct nic_port_ops room_ops = {
	.tx_poll = test_tx_poll,
	.tx_done = test_tx_done,
	.rx_strips_tag = test_rx_strips,
	.rx_buffers = test_rx_buffers,
	.rx_commit = test_rx_commit,
	.rx_done = test_rx_done,
	.rx_room = has_room,
	.tx_backlog = backlog_of,
};

static void frames_wait_for_room(void **state)
{
	(void)state;
	port[UPLINK].port.ops = &room_ops;
	port[UPLINK].credits = 3;
	for (unsigned i = 0; i < 10; i++)
		send_as(0, 0);
	assert_left(3);
	assert_int_equal(waiting(), 7);
	assert_int_equal(nic_wire_next(wire, sw.now_ns), sw.now_ns + 20000);
	port[UPLINK].credits = 2;
	assert_true(do_round(1));
	assert_false(do_round(1));
	assert_int_equal(assert_left(2), 3);
	port[UPLINK].credits = UINT32_MAX;
	do_round(1);
	assert_int_equal(assert_left(5), 5);
	assert_int_equal(test_rx_drops(&port[UPLINK]), 0);
	port[UPLINK].credits = 0;
	set_mode(NIC_FLOW_TX); /* who does not obey does not wait either */
	send_as(0, 0);
	assert_int_equal(waiting(), 0);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_NODESC), 1);
}

/* ---- wire -> card ---- */

static void from_wire(unsigned n, const uint8_t *to)
{
	for (unsigned i = 0; i < n; i++) {
		struct test_tx *tx = &port[UPLINK].tx[port[UPLINK].num_tx];
		uint8_t *f = pool[port[UPLINK].num_tx++];

		memset(f, 0, sizeof(pool[0]));
		memcpy(f, to, 6);
		put_be16(f + 12, 0x88b5);
		put_be32(f + NUMBER_AT, number++);
		*tx = (struct test_tx){.bytes = f, .len = 100, .hdr_len = 64};
	}
}

static void empty_wire(void)
{
	port[UPLINK].num_tx = port[UPLINK].tx_at = 0;
}

static bool poll_wire(uint64_t after_ns)
{
	bool work;

	do_round(after_ns);
	nic_wire_poll(wire, &sw, &work);
	nic_switch_flush(&sw, sw.now_ns);
	return work;
}

static void assert_in_order(unsigned n, unsigned num)
{
	assert_int_equal(port[n].num_rx, num);
	for (unsigned i = 1; i < num; i++)
		assert_true(get_be32(port[n].rx[i].bytes + NUMBER_AT) >
			    get_be32(port[n].rx[i - 1].bytes + NUMBER_AT));
}

static void frames_wait_for_their_receiver(void **state)
{
	(void)state;
	port[0].credits = 3;
	from_wire(50, mac_of(0));
	assert_true(poll_wire(1));
	assert_int_equal(port[0].num_rx, 3);
	assert_int_equal(port[UPLINK].tx_at, NIC_BURST);
	assert_int_equal(port[UPLINK].tx_done, 0);
	assert_false(poll_wire(1000));
	assert_int_equal(port[UPLINK].tx_at, NIC_BURST); /* it is not read */
	assert_int_equal(nic_wire_next(wire, sw.now_ns), sw.now_ns + 20000);
	port[0].credits = 10;
	assert_true(poll_wire(1000));
	assert_int_equal(port[0].num_rx, 13);
	port[0].credits = UINT32_MAX;
	assert_true(poll_wire(1000));
	assert_int_equal(port[UPLINK].tx_done, 1);
	assert_true(poll_wire(1000));
	assert_in_order(0, 50);
	assert_int_equal(test_rx_drops(&port[0]), 0);
	assert_int_equal(tx_packets(UPLINK), 50);
	assert_int_equal(nic_counter(&flow_stats.held), 2);
}

static void the_first_in_line_stops_the_others_and_no_more(void **state)
{
	(void)state;
	port[0].credits = 0;
	from_wire(1, mac_of(1));
	from_wire(1, mac_of(0));
	from_wire(1, mac_of(1));
	poll_wire(1);
	assert_int_equal(port[1].num_rx, 1);
	send_to(2, mac_of(1)); /* not from the wire */
	assert_int_equal(port[1].num_rx, 2);
	send_to(2, mac_of(0)); /* from a VF nothing waits */
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_NODESC), 1);
	port[0].credits = 1;
	poll_wire(1);
	assert_int_equal(port[0].num_rx, 1);
	assert_int_equal(port[1].num_rx, 3);
}

static void groups_do_not_wait(void **state)
{
	(void)state;
	port[0].credits = 0;
	from_wire(3, broadcast);
	poll_wire(1);
	assert_int_equal(port[1].num_rx, 3);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_NODESC), 3);
}

/* Who listens to everything loses what it cannot take; nobody gets a frame twice. */
static void a_monitor_neither_waits_nor_doubles(void **state)
{
	(void)state;
	port[3].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
	port[0].credits = port[3].credits = 0;
	from_wire(2, mac_of(0));
	poll_wire(1);
	poll_wire(1);
	assert_int_equal(test_rx_drops(&port[3]), 0);
	port[0].credits = 2;
	poll_wire(1);
	assert_int_equal(port[0].num_rx, 2);
	assert_int_equal(test_rx_drop(&port[3], NIC_DROP_NODESC), 2);
}

/* Other reasons than descriptors are no reason to wait. */
static void only_descriptors_are_waited_for(void **state)
{
	(void)state;
	from_wire(1, mac_of(0));
	port[0].policy.max_frame = 99;
	poll_wire(1);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_SIZE), 1);
	port[0].policy.link_up = false;
	port[0].credits = 0;
	from_wire(1, mac_of(0));
	poll_wire(1);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
	assert_int_equal(nic_counter(&flow_stats.held), 0);
}

static void a_receiver_that_never_comes_is_given_up(void **state)
{
	uint64_t begin = sw.now_ns, waited;

	(void)state;
	port[0].credits = 0;
	from_wire(20, mac_of(0));
	from_wire(1, mac_of(1));
	while (!port[1].num_rx)
		poll_wire(100000);
	waited = sw.now_ns - begin;
	assert_in_range(waited, NIC_PATIENCE_NS, NIC_PATIENCE_NS * 5 / 4);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_NODESC), 20);
	assert_int_equal(nic_counter(&flow_stats.stalled), 1);
	port[0].credits = UINT32_MAX; /* and is back when it has descriptors */
	empty_wire();
	from_wire(2, mac_of(0));
	poll_wire(1);
	assert_int_equal(port[0].num_rx, 2);
}

/* Gives one descriptor whenever the wire is about to lose patience. */
static void who_plays_with_it_gets_a_tenth(void **state)
{
	uint64_t begin = sw.now_ns, held = 0;

	(void)state;
	port[0].credits = 0;
	while (sw.now_ns - begin < 20 * NSEC_PER_SEC) {
		bool was_held;

		if (port[UPLINK].tx_at == port[UPLINK].num_tx) {
			empty_wire();
			from_wire(32, mac_of(0));
		}
		poll_wire(50000);
		was_held = wire->held;
		held += was_held ? 50000 : 0;
		if (was_held && sw.now_ns - wire->held_since > NIC_PATIENCE_NS * 9 / 10)
			port[0].credits = 1;
		test_port_flush(&port[0]);
	}
	assert_in_range(held, NSEC_PER_SEC * 19 / 10, NSEC_PER_SEC * 22 / 10);
}

/* All together get a quarter. */
static void all_who_play_with_it_get_a_quarter(void **state)
{
	uint64_t begin = sw.now_ns, held = 0;

	(void)state;
	for (unsigned n = 0; n < VFS; n++)
		port[n].credits = 0;
	while (sw.now_ns - begin < 20 * NSEC_PER_SEC) {
		if (port[UPLINK].tx_at == port[UPLINK].num_tx) {
			empty_wire();
			for (unsigned n = 0; n < VFS; n++)
				from_wire(8, mac_of(n));
		}
		poll_wire(50000);
		held += wire->held ? 50000 : 0;
	}
	assert_in_range(held, NSEC_PER_SEC * 4, NSEC_PER_SEC * 55 / 10);
}

/* One that takes a tenth of the link's rate keeps the wire waiting most of the time, and loses
 * nothing: that is what flow control is for. */
static void who_is_only_slow_loses_nothing(void **state)
{
	uint64_t begin = sw.now_ns, per_frame = 104 * 8 * 1000 / MBPS * 10;

	(void)state;
	port[0].credits = 0;
	while (sw.now_ns - begin < NSEC_PER_SEC) {
		if (port[UPLINK].tx_at == port[UPLINK].num_tx) {
			empty_wire();
			from_wire(32, mac_of(0));
		}
		poll_wire(per_frame);
		port[0].credits = 1;
		test_port_flush(&port[0]);
	}
	assert_int_equal(test_rx_drops(&port[0]), 0);
	assert_true(nic_counter(&port[0].port.stats.rx_packets) > 500000);
}

/* ---- PAUSE frames of ours ---- */

/* quanta of the only frame that the wire got, -1: none */
static int pause_sent(void)
{
	const struct test_rx *rx = port[UPLINK].rx;
	int quanta;

	if (!port[UPLINK].num_rx)
		return -1;
	assert_int_equal(port[UPLINK].num_rx, 1);
	assert_int_equal(rx->len, 60);
	assert_int_equal(get_be32(rx->bytes + 12), 0x88080001);
	assert_memory_equal(rx->bytes + 6, ((uint8_t[]){2, 0xaa, 0, 0, 0, 0}), 6);
	quanta = get_be16(rx->bytes + 16);
	test_port_flush(&port[UPLINK]);
	return quanta;
}

static void the_other_end_is_stopped_and_let_go(void **state)
{
	uint64_t next;

	(void)state;
	port[0].credits = 0;
	from_wire(2, mac_of(0));
	poll_wire(1);
	assert_int_equal(pause_sent(), -1); /* a moment is nothing */
	poll_wire(60000);
	assert_int_equal(pause_sent(), 0xffff);
	next = sw.now_ns + LONGEST / 2;
	poll_wire(LONGEST / 2 - 1);
	assert_int_equal(pause_sent(), -1);
	assert_true(nic_wire_next(wire, sw.now_ns) <= next);
	poll_wire(1);
	assert_int_equal(pause_sent(), 0xffff);
	port[0].credits = 2;
	poll_wire(1);
	poll_wire(1);
	assert_int_equal(pause_sent(), 0);
	poll_wire(60000);
	assert_int_equal(pause_sent(), -1);
	assert_int_equal(nic_counter(&flow_stats.xoff_tx), 2);
	assert_int_equal(nic_counter(&flow_stats.xon_tx), 1);
	assert_int_equal(nic_counter(&port[UPLINK].port.stats.rx_packets), 0);
}

static void a_known_backlog_has_two_marks(void **state)
{
	(void)state;
	port[UPLINK].port.ops = &room_ops;
	backlog = 128;
	do_round(1);
	assert_int_equal(pause_sent(), -1);
	backlog = 129;
	do_round(1);
	assert_int_equal(pause_sent(), 0xffff);
	backlog = 65;
	do_round(1);
	assert_int_equal(pause_sent(), -1);
	backlog = 64;
	port[UPLINK].credits = 0; /* no room for it now */
	do_round(1);
	port[UPLINK].credits = 5;
	do_round(1);
	assert_int_equal(pause_sent(), 0);
}

static void ours_goes_before_what_waits(void **state)
{
	(void)state;
	pause_wire(0xffff);
	send_as(1, 0);
	port[0].credits = 0;
	empty_wire();
	from_wire(1, mac_of(0));
	poll_wire(1);
	poll_wire(60000);
	assert_int_equal(pause_sent(), 0xffff);
	set_mode(NIC_FLOW_RX);
	assert_int_equal(pause_sent(), 0); /* and the frame that waited is lost as usual */
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_NODESC), 1);
	assert_int_equal(port[UPLINK].tx_done, 2);
}

static void control_acts_though_frames_before_it_wait(void **state)
{
	static uint8_t xoff[60] = {1, 0x80, 0xc2, 0,	0, 1, 2, 0,   0,
				   0, 9,    9,	  0x88, 8, 0, 1, 0xff};

	(void)state;
	port[0].credits = 0;
	from_wire(1, mac_of(0));
	port[UPLINK].tx[port[UPLINK].num_tx++] =
		(struct test_tx){.bytes = xoff, .len = 60, .hdr_len = 60};
	poll_wire(1);
	send_as(1, 0);
	assert_int_equal(waiting() + 0u, 1);
	port[0].credits = UINT32_MAX;
	poll_wire(1);
	assert_int_equal(port[0].num_rx, 1);
	for (unsigned n = 1; n < VFS; n++)
		assert_int_equal(port[n].num_rx, 0); /* it is the MAC's alone */
	assert_int_equal(tx_packets(UPLINK) + nic_counter(&flow_stats.xoff_rx), 2);
}

static void what_waits_from_the_wire_goes_with_the_link(void **state)
{
	(void)state;
	port[0].credits = 0;
	from_wire(4, mac_of(0));
	poll_wire(1);
	nic_wire_drop(wire, &sw);
	assert_int_equal(test_tx_drop(&port[UPLINK], NIC_DROP_UPLINK), 4);
	assert_int_equal(port[UPLINK].tx_done, 1);
	port[0].credits = 1;
	poll_wire(1);
	assert_int_equal(port[0].num_rx, 0);
}

/* ---- what passes the filter ---- */

static void a_pf_s_own_pause_leaves_and_a_vf_s_does_not(void **state)
{
	static const uint8_t group[6] = {1, 0x80, 0xc2, 0, 0, 1};

	(void)state;
	for (unsigned off = 0; off < 2; off++) {
		struct test_tx tx = frame_from(0, group);

		if (off)
			set_mode(0);
		put_be16(bytes + 12, NET_ETH_P_CONTROL);
		port[0].policy.filter_control = true;
		put(0, &tx);
		assert_got(0);
		assert_int_equal(test_tx_drop(&port[0], NIC_DROP_CONTROL), 1 + off);
		port[0].policy.filter_control = false; /* the PF, or the lab */
		put(0, &tx);
		assert_got(1 << UPLINK);
		put_be16(bytes + 12, NET_ETH_P_CONTROL);
		memcpy(bytes, nobody, 6);
		put(0, &tx);
		assert_got(1 << UPLINK);
	}
}

#define TEST_WIRE(name) cmocka_unit_test_setup_teardown(name, set_up_wire, tear_down_wire)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_WIRE(without_a_pause_frames_leave_at_once),
		TEST_WIRE(a_pause_stops_all_until_it_ends),
		TEST_WIRE(xon_lets_them_go_at_once),
		TEST_WIRE(pfc_stops_exactly_its_priorities),
		TEST_WIRE(frames_are_the_same_after_they_waited),
		TEST_WIRE(who_sends_to_the_wire_is_held_others_are_not),
		TEST_WIRE(what_is_too_much_is_counted),
		TEST_WIRE(segments_wait_like_frames),
		TEST_WIRE(the_priority_is_that_of_the_port_vlan),
		TEST_WIRE(when_the_link_goes_what_waits_is_counted),
		TEST_WIRE(switched_off_nothing_waits_any_more),
		TEST_WIRE(frames_wait_for_room),
		TEST_WIRE(frames_wait_for_their_receiver),
		TEST_WIRE(the_first_in_line_stops_the_others_and_no_more),
		TEST_WIRE(groups_do_not_wait),
		TEST_WIRE(a_monitor_neither_waits_nor_doubles),
		TEST_WIRE(only_descriptors_are_waited_for),
		TEST_WIRE(a_receiver_that_never_comes_is_given_up),
		TEST_WIRE(who_plays_with_it_gets_a_tenth),
		TEST_WIRE(all_who_play_with_it_get_a_quarter),
		TEST_WIRE(who_is_only_slow_loses_nothing),
		TEST_WIRE(the_other_end_is_stopped_and_let_go),
		TEST_WIRE(a_known_backlog_has_two_marks),
		TEST_WIRE(ours_goes_before_what_waits),
		TEST_WIRE(control_acts_though_frames_before_it_wait),
		TEST_WIRE(what_waits_from_the_wire_goes_with_the_link),
		TEST_WIRE(a_pf_s_own_pause_leaves_and_a_vf_s_does_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
