/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gets a frame, who does not, and who counts it. */
#include "test_switch.h"

/* ---- where frames go ---- */

static void unicast_goes_to_its_owner_alone(void **state)
{
	(void)state;
	send_to(0, mac_of(2));
	assert_got(BIT(2));
	send_to(UPLINK, mac_of(3));
	assert_got(BIT(3));
	assert_int_equal(tx_packets(0), 1);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_bytes), 100);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_local_packets), 1);
}

static void unknown_unicast_goes_to_the_wire(void **state)
{
	(void)state;
	send_to(0, nobody);
	assert_got(BIT(UPLINK));
	assert_int_equal(tx_packets(0), 1);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_local_packets), 0);
	send_to(UPLINK, nobody); /* but not back to it */
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[UPLINK], NIC_DROP_NODEST), 1);
}

static void without_a_wire_it_goes_nowhere(void **state)
{
	(void)state;
	remove_uplink();
	send_to(0, nobody);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_NODEST), 1);
	assert_int_equal(tx_packets(0), 0);
}

static void a_frame_to_an_empty_group_is_sent_and_not_lost(void **state)
{
	(void)state;
	remove_uplink();
	for (unsigned n = 0; n < VFS; n++)
		port[n].policy.allmulti = false;
	send_to(0, multicast);
	assert_got(0);
	assert_int_equal(tx_packets(0), 1);
	assert_int_equal(test_tx_drops(&port[0]), 0);
}

static void no_frame_comes_back_to_its_sender(void **state)
{
	(void)state;
	send_to(1, mac_of(1));
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[1], NIC_DROP_NODEST), 1);
	port[1].policy.promisc = port[1].policy.allmulti = true;
	atomic_store(&ports.num_promisc, 1);
	send_to(1, mac_of(2));
	send_to(1, multicast);
	assert_int_equal(port[1].num_rx, 0);
	send_to(UPLINK, broadcast);
	assert_int_equal(port[UPLINK].num_rx, 2 - 1); /* of port 1's multicast */
}

static void broadcast_goes_to_all_others(void **state)
{
	(void)state;
	send_to(1, broadcast);
	assert_got(BIT(0) | BIT(2) | BIT(3) | BIT(UPLINK));
	send_to(UPLINK, broadcast);
	assert_got(BIT(0) | BIT(1) | BIT(2) | BIT(3));
	assert_int_equal(nic_counter(&port[1].port.stats.tx_broadcast), 1);
	assert_int_equal(nic_counter(&port[0].port.stats.rx_broadcast), 2);
	port[2].policy.broadcast = false;
	send_to(1, broadcast);
	assert_got(BIT(0) | BIT(3) | BIT(UPLINK));
}

static void multicast_goes_to_those_that_asked(void **state)
{
	(void)state;
	send_to(0, multicast);
	assert_got(BIT(UPLINK));
	nic_bitmap_assign(port[2].policy.mta, nic_mta_hash(multicast), true);
	port[3].policy.allmulti = true;
	send_to(0, multicast);
	assert_got(BIT(2) | BIT(3) | BIT(UPLINK));
	nic_bitmap_assign(port[2].policy.mta, nic_mta_hash(multicast), false);
	nic_bitmap_assign(port[2].policy.mta, nic_mta_hash(multicast) ^ 1, true);
	send_to(0, multicast);
	assert_got(BIT(3) | BIT(UPLINK));
}

/* Bits 47:36 of the address, the last byte most significant (82576 8.10.16). */
static void the_multicast_hash_is_the_cards(void **state)
{
	static const uint8_t mac[6] = {0x01, 0, 0, 0, 0x3f, 0xa5};

	(void)state;
	assert_int_equal(nic_mta_hash(mac), 0xa53);
}

static void a_promiscuous_port_sees_unicast(void **state)
{
	(void)state;
	port[3].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
	send_to(0, mac_of(1));
	assert_got(BIT(1) | BIT(3));
	send_to(0, nobody);
	assert_got(BIT(UPLINK) | BIT(3));
	send_to(0, mac_of(3)); /* once */
	assert_got(BIT(3));
	send_to(UPLINK, nobody);
	assert_got(BIT(3));
	send_tagged(UPLINK, nobody, 9); /* of its own VLANs only */
	assert_got(0);
}

static void send_in(unsigned src, const uint8_t *to, uint16_t tag)
{
	if (tag)
		send_tagged(src, to, tag);
	else
		send_to(src, to);
}

/* What 0 sends, and the wire, to 1, to nobody here, and to a group that has no members: all of
 * it is seen by 3. What 2 sends to 0 is not theirs, or theirs. */
static void assert_seen_by_3(uint16_t tag, uint16_t wire_tag, bool with_2)
{
	for (unsigned k = 0; k < 2; k++) {
		unsigned src = k ? UPLINK : 0, out = k ? 0 : BIT(UPLINK);
		uint16_t with = k ? wire_tag : tag;

		send_in(src, mac_of(1), with);
		assert_got(BIT(1) | BIT(3));
		send_in(src, nobody, with);
		assert_got(out | BIT(3));
		send_in(src, multicast, with);
		assert_got(out | BIT(3));
	}
	send_to(2, mac_of(0));
	assert_got(with_2 ? BIT(0) | BIT(3) : 0);
}

/* As a VF of an X710 with vf-true-promisc-support: whoever owns the address, wherever the frame
 * comes from and goes. */
static void a_promiscuous_port_sees_all_of_its_vlan(void **state)
{
	static const unsigned tenant[] = {0, 1, 3};

	(void)state;
	port[3].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
	assert_seen_by_3(0, 0, true);
	for (unsigned i = 0; i < ARRAY_SIZE(tenant); i++)
		set_pvid(tenant[i], 100, 0);
	assert_seen_by_3(0, 100, false);
	for (unsigned i = 0; i < ARRAY_SIZE(tenant); i++) {
		set_pvid(tenant[i], 0, 0);
		make_member(tenant[i], 5);
	}
	assert_seen_by_3(5, 5, false);
}

/* ---- VLANs ---- */

static void a_tagged_frame_stays_in_its_vlan(void **state)
{
	(void)state;
	make_member(0, 5);
	make_member(1, 5);
	send_tagged(0, broadcast, 5);
	assert_got(BIT(1) | BIT(UPLINK));
	send_tagged(0, mac_of(1), 5);
	assert_got(BIT(1));
	remove_uplink();
	send_tagged(0, mac_of(2), 5);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
}

static void a_sender_needs_membership_of_the_vlan(void **state)
{
	(void)state;
	make_member(1, 5);
	send_tagged(0, mac_of(1), 5);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	port[0].policy.spoof_vlan = false; /* as the card: the check is part of anti-spoofing */
	send_tagged(0, mac_of(1), 5);
	assert_got(BIT(1));
}

static void a_priority_tag_is_no_vlan(void **state)
{
	(void)state;
	send_tagged(0, mac_of(1), 0xe000);
	assert_int_equal(port[1].num_rx, 1);
	assert_int_equal(get_be32(port[1].rx[0].bytes + 12), 0x8100e000);
}

/* Taking a priority tag off would bare a tag that nobody has judged. */
static void a_tag_behind_a_priority_tag_is_refused(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	make_member(1, 5);
	tx.tagged = true;
	put_be32(bytes + 12, 0x81000005);
	put(0, &tx);
	put_be32(bytes + 12, 0x88a80005);
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 2);
	set_pvid(0, 100, 0);
	port[0].policy.spoof_vlan = false;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 3);
}

static void a_stack_of_tags_inside_a_vlan_is_allowed(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	make_member(0, 5);
	make_member(1, 5);
	tx.tagged = true;
	tx.tci = 5;
	put_be32(bytes + 12, 0x81000007);
	put(0, &tx);
	assert_got(BIT(1));
}

static void a_port_vlan_is_put_in_and_taken_off(void **state)
{
	(void)state;
	set_pvid(0, 100, 3);
	set_pvid(1, 100, 0);
	make_member(2, 100);
	send_to(0, broadcast);
	assert_int_equal(port[1].num_rx, 1);
	assert_int_equal(port[1].rx[0].len, 100);
	assert_false(port[1].rx[0].meta.tagged);
	assert_int_equal(get_be16(port[1].rx[0].bytes + 12), 0x88b5);
	assert_int_equal(port[2].num_rx, 1);
	assert_int_equal(get_be32(port[2].rx[0].bytes + 12), 0x81006064);
	assert_int_equal(get_be32(port[UPLINK].rx[0].bytes + 12), 0x81006064);
	assert_int_equal(port[UPLINK].rx[0].len, 104);
	assert_int_equal(port[3].num_rx, 0);
}

static void a_port_vlan_is_not_left(void **state)
{
	(void)state;
	set_pvid(0, 100, 0);
	make_member(0, 5);
	make_member(1, 5);
	send_tagged(0, mac_of(1), 5);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	send_tagged(0, mac_of(1), 100); /* not even its own, as the card */
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 2);
	send_to(1, broadcast);
	assert_int_equal(port[0].num_rx, 0);
	send_tagged(1, broadcast, 5);
	assert_int_equal(port[0].num_rx, 0);
	test_port_flush(&port[UPLINK]);
	send_tagged(UPLINK, mac_of(0), 0x8064);
	assert_int_equal(port[0].num_rx, 1);
	assert_int_equal(port[0].rx[0].len, 100);
	send_to(UPLINK, mac_of(0)); /* the table still knows it without a VLAN */
	assert_int_equal(port[0].num_rx, 1);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_VLAN), 1);
}

/* ---- what may be sent ---- */

static void a_foreign_source_address_is_refused(void **state)
{
	struct test_tx tx = frame_from(1, mac_of(2));

	(void)state;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SPOOF), 1);
	port[0].policy.mac[port[0].policy.num_macs++] = port[1].policy.mac[0];
	put(0, &tx);
	assert_got(BIT(2));
	port[0].policy.num_macs = 1;
	port[0].policy.spoof_mac = false;
	put(0, &tx);
	assert_got(BIT(2));
	put(UPLINK, &tx); /* the wire is not checked */
	assert_got(BIT(2));
}

static void refused_as_control(struct test_tx *tx)
{
	uint64_t before = test_tx_drop(&port[0], NIC_DROP_CONTROL);

	put(0, tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_CONTROL), before + 1);
}

static void control_frames_are_refused(void **state)
{
	static const uint8_t pause[6] = {0x01, 0x80, 0xc2, 0, 0, 0x01};
	static const uint8_t lldp[6] = {0x01, 0x80, 0xc2, 0, 0, 0x0e};
	static const uint8_t not_link[6] = {0x01, 0x80, 0xc2, 0, 0, 0x10};
	struct test_tx tx = frame_from(0, pause);

	(void)state;
	make_member(0, 5);
	refused_as_control(&tx);
	tx = frame_from(0, lldp);
	refused_as_control(&tx);
	tx = frame_from(0, mac_of(1));
	put_be16(bytes + 12, NET_ETH_P_CONTROL);
	refused_as_control(&tx);
	tx.tagged = true; /* behind a tag the card was asked to insert */
	tx.tci = 5;
	refused_as_control(&tx);
	put_be32(bytes + 12, 0x81000007); /* behind two, three tags */
	put_be16(bytes + 16, NET_ETH_P_CONTROL);
	refused_as_control(&tx);
	put_be32(bytes + 16, 0x88a80007);
	put_be16(bytes + 20, NET_ETH_P_CONTROL);
	refused_as_control(&tx);
	tx = frame_from(0, not_link);
	put(0, &tx);
	assert_got(BIT(UPLINK));
	tx = frame_from(UPLINK, mac_of(1));
	put_be16(bytes + 12, NET_ETH_P_CONTROL);
	put(UPLINK, &tx); /* the filter is the VFs' */
	assert_got(BIT(1));
}

static void a_link_that_is_down_sends_and_receives_nothing(void **state)
{
	(void)state;
	port[0].policy.link_up = false;
	send_to(0, mac_of(1));
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
	send_to(1, mac_of(0));
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
	send_to(1, broadcast); /* no member of the group, so it loses nothing */
	assert_got(BIT(2) | BIT(3) | BIT(UPLINK));
	assert_int_equal(test_rx_drops(&port[0]), 1);
}

static void a_dead_wire_loses_what_goes_to_it(void **state)
{
	(void)state;
	port[UPLINK].policy.link_up = false;
	send_to(0, nobody);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_UPLINK), 1);
	send_to(0, broadcast);
	assert_got(BIT(1) | BIT(2) | BIT(3));
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_UPLINK), 2);
}

/* A table is older than the set of ports for a moment. */
static void a_port_that_has_gone_is_not_found(void **state)
{
	(void)state;
	ports.by_index[2] = NULL;
	sw.port[2] = sw.port[--sw.num];
	send_to(0, mac_of(2));
	assert_got(BIT(UPLINK));
	nic_fdb_free((struct nic_fdb *)(uintptr_t)atomic_exchange(&ports.fdb, NULL));
	send_to(0, mac_of(1));
	assert_got(BIT(UPLINK));
}

static void receivers_are_told_once_a_round(void **state)
{
	(void)state;
	send_to(0, mac_of(1));
	send_to(2, mac_of(1));
	send_to(2, broadcast);
	assert_int_equal(port[1].rx_done, 0);
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[1].rx_done, 1);
	assert_int_equal(port[0].rx_done, 1);
	assert_int_equal(port[2].rx_done, 0);
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[1].rx_done, 1);
	port[1].credits = 0;
	send_to(0, mac_of(1));
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[1].rx_done, 1); /* nothing came */
}

/* Who is owed and found no descriptor has the next; but only that keeps them. */
static void descriptors_are_kept_for_who_is_owed(void **state)
{
	(void)state;
	port[1].policy.max_frame = 50;
	sw.owed = true;
	send_to(0, mac_of(1));
	assert_false(sw.kept);
	port[1].policy.max_frame = 1518;
	port[1].credits = 0;
	send_to(0, mac_of(1));
	assert_true(sw.kept && port[1].port.share.kept);
	sw.owed = false;
	port[1].credits = UINT32_MAX;
	send_to(2, mac_of(1));
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_NODESC), 2);
	send_to(1, mac_of(2));
	send_to(1, mac_of(3));
	assert_got(BIT(2) | BIT(3));
	sw.owed = true;
	send_to(0, mac_of(1));
	assert_got(BIT(1));
	sw.owed = false;
	nic_switch_release(&sw);
	send_to(2, mac_of(1));
	assert_got(BIT(1));
	port[1].credits = 0;
	send_to(2, mac_of(1));
	assert_false(sw.kept); /* a loss of who is owed nothing */
}

static void what_nobody_took_is_lost(void **state)
{
	uint64_t bytes_of_one = 100 + 4;

	(void)state;
	send_to(0, mac_of(1));
	send_to(0, broadcast);
	assert_int_equal(sw.lost_bytes, 0);
	port[1].credits = 0;
	send_to(0, broadcast); /* others took it */
	assert_int_equal(sw.lost_bytes, 0);
	send_to(0, mac_of(1));
	assert_int_equal(sw.lost_bytes, bytes_of_one);
	send_to(1, mac_of(1));
	assert_int_equal(sw.lost_bytes, 2 * bytes_of_one);
	port[0].policy.link_up = false;
	send_to(0, mac_of(2));
	assert_int_equal(sw.lost_bytes, 3 * bytes_of_one);
	port[0].policy.link_up = true;
	port[0].policy.mac[0]++;
	send_to(0, mac_of(2));
	assert_int_equal(sw.lost_bytes, 4 * bytes_of_one);
}

/* ---- storms ---- */

/* Broadcasts or unknown unicast, one every step ns; returns how many get out. */
static unsigned storm_of(const uint8_t *to, uint64_t step, unsigned num)
{
	unsigned out = 0;

	for (unsigned i = 0; i < num; i++) {
		uint64_t before = tx_packets(0);

		sw.now_ns += step;
		send_to(0, to);
		out += tx_packets(0) > before;
	}
	for (unsigned n = 0; n < PORTS; n++)
		test_port_flush(&port[n]);
	return out;
}

static void a_storm_is_held_to_its_limit(void **state)
{
	static const uint32_t limits[] = {10, 1000, 7000};

	(void)state;
	sw.now_ns = 1ull << 40;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		uint64_t num = 20000, early = limits[i] / 10, want = num / 4 + early, out;

		port[0].policy.storm_bcast_pps = limits[i];
		sw.now_ns += 1ull << 40;
		/* a quarter of them, and what may come early */
		out = storm_of(broadcast, NSEC_PER_SEC / 4 / limits[i], (unsigned)num);
		assert_in_range(out, want - want / 50, want + want / 50);
		assert_int_equal(test_tx_drop(&port[0], NIC_DROP_STORM), num - out);
		atomic_store(&port[0].port.stats.tx_drops[NIC_DROP_STORM], 0);
		sw.now_ns += 1ull << 40;
		out = storm_of(broadcast, NSEC_PER_SEC / limits[i] + 1, 2000);
		assert_int_equal(out, 2000);
	}
}

/* Up to the largest limit, without the switch. */
static void every_limit_is_exact(void **state)
{
	static const uint32_t limits[] = {1, 3, 999, 700001, 6666667, NIC_STORM_MAX_PPS};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++) {
		struct nic_storm storm = {0};
		uint64_t now = 1ull << 40, passed = 0, num = 1000000;
		uint64_t step = NSEC_PER_SEC / limits[i] / 3, want;

		for (unsigned k = 0; k < num; k++, now += step)
			passed += nic_storm_pass(&storm, limits[i], 1, now);
		want = limits[i] / 10 +
		       (uint64_t)((double)num * (double)step * limits[i] / NSEC_PER_SEC);
		want = MIN(want, num);
		assert_in_range(passed, want - want / 50, want + want / 50 + 1);
	}
}

static void only_what_is_meant_is_limited(void **state)
{
	uint8_t one[6];

	(void)state;
	memcpy(one, mac_of(1), 6);
	sw.now_ns = 1ull << 40;
	port[0].policy.storm_bcast_pps = 1;
	assert_int_equal(storm_of(broadcast, 0, 50), 1);
	assert_int_equal(storm_of(multicast, 0, 50), 50);
	assert_int_equal(storm_of(nobody, 0, 50), 50);
	assert_int_equal(storm_of(one, 0, 50), 50);
	port[0].policy.storm_uucast_pps = 1;
	assert_int_equal(storm_of(nobody, 0, 50), 1);
	assert_int_equal(storm_of(one, 0, 50), 50);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_STORM), 49 + 49);
	assert_int_equal(test_tx_drops(&port[0]), 49 + 49);
	port[0].policy.storm_bcast_pps = 1000000; /* a new limit begins anew */
	assert_int_equal(storm_of(broadcast, 0, 50), 50);
	port[0].policy.storm_bcast_pps = 0;
	assert_int_equal(storm_of(broadcast, 0, 50), 50);
	send_to(1, broadcast); /* nor are others */
	assert_got(BIT(0) | BIT(2) | BIT(3) | BIT(UPLINK));
}

static void a_tso_frame_counts_as_its_segments(void **state)
{
	struct test_tx tx = tso_from(0, mac_of(1), 14, 1000);

	(void)state;
	port[1].credits = 3;
	put(0, &tx);
	assert_int_equal(port[1].num_rx, 3);
	assert_int_equal(tx_packets(0), 4);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_bytes), 1000 + 4 * 54);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_NODESC), 1);
	port[1].policy.link_up = false;
	put(0, &tx);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_RXOFF), 4);
}

/* ---- nothing is lost without a trace ---- */

static void random_policy(unsigned n)
{
	struct nic_policy *p = &port[n].policy;

	p->link_up = test_below(8);
	p->rx_on = n == UPLINK || test_below(8);
	p->tx_on = test_below(8);
	p->unknown_uc = n < VFS && test_below(6) == 0;
	p->any_vlan = n < VFS && test_below(6) == 0;
	p->loopback = n < VFS && test_below(8) == 0;
	p->spoof_mac = test_below(2);
	p->spoof_vlan = test_below(2);
	p->broadcast = test_below(4);
	p->allmulti = test_below(4) == 0;
	p->promisc = n < VFS && test_below(6) == 0;
	p->max_frame = test_below(4) ? 1514 : 80;
	p->pvid = test_below(4) ? 0 : 5;
	p->untagged = !p->pvid;
	port[n].credits = test_below(8) ? UINT32_MAX : 0;
	port[n].refuse = n == UPLINK && test_below(8) == 0 ? NIC_DROP_UPLINK : NIC_DROP_NONE;
	port[n].strip = test_below(2);
	if (test_below(3) == 0 && n < VFS)
		make_member(n, (uint16_t)(5 + test_below(2)));
}

static uint64_t all_counted(void)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < PORTS; n++)
		sum += test_rx_drops(&port[n]) + nic_counter(&port[n].port.stats.rx_packets);
	return sum;
}

static unsigned all_received(void)
{
	unsigned sum = 0;

	for (unsigned n = 0; n < PORTS; n++)
		sum += port[n].num_rx;
	return sum;
}

/* A frame is refused (one tx_drop, nobody else counts) or sent (no tx_drop; all that it was
 * offered to received it or counted it; a unicast frame was offered to one, but for those
 * that are promiscuous or take what is unknown; a loop leads to one, the sender). */
static void check_fate(unsigned src, const uint8_t *to, unsigned nosy)
{
	uint64_t sent = tx_packets(src), dropped = test_tx_drops(&port[src]),
		 counted = all_counted();
	unsigned received = all_received();

	if (test_below(2))
		send_to(src, to);
	else
		send_tagged(src, to, (uint16_t)(4 + test_below(4)));
	sent = tx_packets(src) - sent;
	dropped = test_tx_drops(&port[src]) - dropped;
	counted = all_counted() - counted;
	received = all_received() - received;
	if (port[src].policy.loopback)
		assert_true(received <= 1 && counted <= 1);
	assert_int_equal(sent + dropped, 1);
	assert_true(received <= counted);
	if (dropped)
		assert_int_equal(counted, 0);
	else if (!net_mac_is_group(to)) /* a group may be empty: that is no loss */
		assert_true(counted >= 1);
	if (!net_mac_is_group(to))
		assert_true(counted <= 1 + nosy);
}

static void every_frame_is_delivered_or_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 400; i++) {
		const uint8_t *to[] = {broadcast, multicast, nobody, mac_of(test_below(VFS))};
		unsigned promisc = 0, unknown = 0;

		for (unsigned n = 0; n < PORTS; n++) {
			random_policy(n);
			promisc += port[n].policy.promisc;
			unknown += port[n].policy.unknown_uc;
		}
		atomic_store(&ports.num_promisc, promisc);
		atomic_store(&ports.num_unknown_uc, unknown);
		for (unsigned k = 0; k < 50; k++)
			check_fate(test_below(PORTS), to[test_below(4)], promisc + unknown);
		for (unsigned n = 0; n < PORTS; n++) {
			assert_int_equal(port[n].num_rx,
					 nic_counter(&port[n].port.stats.rx_packets));
			test_port_flush(&port[n]);
			atomic_store(&port[n].port.stats.rx_packets, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unicast_goes_to_its_owner_alone),
		TEST(unknown_unicast_goes_to_the_wire),
		TEST(without_a_wire_it_goes_nowhere),
		TEST(a_frame_to_an_empty_group_is_sent_and_not_lost),
		TEST(no_frame_comes_back_to_its_sender),
		TEST(broadcast_goes_to_all_others),
		TEST(multicast_goes_to_those_that_asked),
		TEST(the_multicast_hash_is_the_cards),
		TEST(a_promiscuous_port_sees_unicast),
		TEST(a_promiscuous_port_sees_all_of_its_vlan),
		TEST(a_tagged_frame_stays_in_its_vlan),
		TEST(a_sender_needs_membership_of_the_vlan),
		TEST(a_priority_tag_is_no_vlan),
		TEST(a_tag_behind_a_priority_tag_is_refused),
		TEST(a_stack_of_tags_inside_a_vlan_is_allowed),
		TEST(a_port_vlan_is_put_in_and_taken_off),
		TEST(a_port_vlan_is_not_left),
		TEST(a_foreign_source_address_is_refused),
		TEST(control_frames_are_refused),
		TEST(a_link_that_is_down_sends_and_receives_nothing),
		TEST(a_dead_wire_loses_what_goes_to_it),
		TEST(a_port_that_has_gone_is_not_found),
		TEST(receivers_are_told_once_a_round),
		TEST(descriptors_are_kept_for_who_is_owed),
		TEST(what_nobody_took_is_lost),
		TEST(a_storm_is_held_to_its_limit),
		TEST(every_limit_is_exact),
		TEST(only_what_is_meant_is_limited),
		TEST(a_tso_frame_counts_as_its_segments),
		TEST(every_frame_is_delivered_or_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
