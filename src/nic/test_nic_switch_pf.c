/* SPDX-License-Identifier: BSD-3-Clause */
/* What only a PF driver asks of the switch: unknown unicast, loopback, members of all VLANs,
 * parts switched off; and what it is told. */
#include "test_switch.h"

/* ---- what nobody owns ---- */

static void take_unknown(unsigned n)
{
	port[n].policy.unknown_uc = true;
	atomic_fetch_add(&ports.num_unknown_uc, 1);
}

static void unknown_unicast_goes_to_those_that_take_it(void **state)
{
	(void)state;
	take_unknown(1);
	take_unknown(3);
	send_to(0, nobody);
	assert_got(BIT(1) | BIT(3) | BIT(UPLINK));
	assert_int_equal(nic_counter(&port[0].port.stats.tx_local_packets), 1);
	send_to(UPLINK, nobody);
	assert_got(BIT(1) | BIT(3));
	assert_int_equal(test_tx_drops(&port[UPLINK]), 0);
	send_to(0, mac_of(2)); /* an owned address is not theirs to see */
	assert_got(BIT(2));
	send_to(UPLINK, mac_of(2));
	assert_got(BIT(2));
	send_to(0, multicast);
	assert_got(BIT(UPLINK));
	send_to(1, nobody); /* nor does it come back */
	assert_got(BIT(3) | BIT(UPLINK));
	remove_uplink();
	send_to(0, nobody);
	assert_got(BIT(1) | BIT(3));
	assert_int_equal(test_tx_drops(&port[0]), 0);
}

static void unknown_unicast_stays_in_its_vlan(void **state)
{
	(void)state;
	take_unknown(1);
	take_unknown(2);
	take_unknown(3);
	make_member(1, 9);
	port[3].policy.any_vlan = true;
	send_tagged(UPLINK, nobody, 9);
	assert_got(BIT(1) | BIT(3));
	port[1].policy.rx_on = false;
	send_tagged(UPLINK, nobody, 9);
	assert_got(BIT(3));
	assert_int_equal(test_rx_drops(&port[1]), 0);
	port[2].policy.promisc = true; /* both ways: once */
	atomic_store(&ports.num_promisc, 1);
	send_to(UPLINK, nobody);
	assert_got(BIT(2) | BIT(3));
}

/* The frame of a port that is its own owner is not unknown. */
static void a_frame_to_itself_is_not_unknown(void **state)
{
	(void)state;
	take_unknown(1);
	send_to(0, mac_of(0));
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_NODEST), 1);
}

/* ---- a link that ends in itself ---- */

static void a_loop_delivers_to_the_sender_alone(void **state)
{
	(void)state;
	port[0].policy.loopback = true;
	take_unknown(1);
	port[2].policy.promisc = port[2].policy.allmulti = true;
	atomic_store(&ports.num_promisc, 1);
	send_to(0, broadcast);
	assert_got(BIT(0));
	send_to(0, mac_of(0));
	assert_got(BIT(0));
	assert_int_equal(tx_packets(0), 2);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_local_packets), 2);
	send_to(0, mac_of(1));
	send_to(0, nobody);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_NODEST), 2);
	send_to(0, multicast); /* a group nobody belongs to */
	assert_got(0);
	nic_bitmap_assign(port[0].policy.mta, nic_mta_hash(multicast), true);
	send_to(0, multicast);
	assert_got(BIT(0));
	send_to(1, mac_of(0)); /* what others send is no concern of the loop */
	assert_got(BIT(0) | BIT(2));
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[0].rx_done, 1);
}

static void a_loop_is_cut_off_from_the_wire(void **state)
{
	(void)state;
	port[0].policy.loopback = true;
	take_unknown(0);
	send_to(UPLINK, broadcast);
	assert_got(BIT(1) | BIT(2) | BIT(3));
	send_to(UPLINK, nobody);
	assert_got(0);
	assert_int_equal(test_rx_drops(&port[0]), 0);
	send_to(UPLINK, mac_of(0));
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
}

static void a_loop_receives_as_from_the_wire(void **state)
{
	(void)state;
	port[0].policy.loopback = true;
	port[0].policy.unknown_uc = true;
	send_to(0, nobody);
	assert_got(BIT(0));
	send_to(0, mac_of(1));
	assert_got(0);
	port[0].policy.promisc = true;
	send_to(0, mac_of(1));
	assert_got(BIT(0));
	port[0].policy.spoof_vlan = false;
	send_tagged(0, broadcast, 5); /* not of its VLANs */
	assert_got(0);
	assert_int_equal(test_rx_drops(&port[0]), 0);
	send_tagged(0, mac_of(0), 5);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_VLAN), 1);
	set_pvid(0, 100, 0);
	send_to(0, broadcast);
	assert_int_equal(port[0].num_rx, 1);
	assert_false(port[0].rx[0].meta.tagged);
	test_port_flush(&port[0]);
	port[0].policy.rx_on = false;
	send_to(0, mac_of(0));
	send_to(0, broadcast);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
}

static void a_loop_is_judged_at_ingress(void **state)
{
	struct test_tx tx = frame_from(1, broadcast);

	(void)state;
	port[0].policy.loopback = true;
	put(0, &tx);
	port[0].policy.tx_on = false;
	send_to(0, broadcast);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SPOOF), 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
}

/* ---- VLANs ---- */

/* The two halves of the check are apart. */
static void the_address_may_be_foreign_where_the_vlan_may_not(void **state)
{
	struct test_tx tx = frame_from(2, mac_of(1));

	(void)state;
	make_member(1, 5);
	port[0].policy.spoof_mac = false;
	put(0, &tx);
	assert_got(BIT(1));
	send_tagged(0, mac_of(1), 5);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	port[0].policy.spoof_mac = true;
	port[0].policy.spoof_vlan = false;
	tx = frame_from(2, mac_of(1));
	put(0, &tx);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SPOOF), 1);
	send_tagged(0, mac_of(1), 5);
	assert_got(BIT(1));
}

static void a_port_of_any_vlan_is_a_member_of_all(void **state)
{
	(void)state;
	port[0].policy.any_vlan = true;
	learn(0, NIC_FDB_ANY_VLAN);
	make_member(1, 5);
	send_tagged(0, mac_of(1), 5);
	assert_got(BIT(1));
	send_tagged(1, mac_of(0), 5);
	assert_got(BIT(0));
	send_tagged(UPLINK, broadcast, 4000);
	assert_got(BIT(0));
	send_tagged(UPLINK, mac_of(0), 4000);
	assert_got(BIT(0));
	port[0].policy.untagged = false;
	send_to(UPLINK, broadcast);
	assert_got(BIT(1) | BIT(2) | BIT(3));
	send_to(UPLINK, mac_of(0));
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_VLAN), 1);
	set_pvid(0, 100, 0); /* a port VLAN is the only one */
	send_tagged(UPLINK, broadcast, 4000);
	assert_got(0);
}

/* ---- receiving, sending ---- */

static void receiving_and_sending_are_switched_off_apart(void **state)
{
	(void)state;
	port[0].policy.rx_on = false;
	port[0].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
	send_to(1, mac_of(0));
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
	send_to(1, broadcast);
	send_to(1, mac_of(2));
	assert_int_equal(port[0].num_rx, 0);
	assert_int_equal(test_rx_drops(&port[0]), 1);
	test_port_flush(&port[2]);
	send_to(0, mac_of(2));
	assert_int_equal(port[2].num_rx, 1);
	port[0].policy.rx_on = true;
	port[0].policy.tx_on = false;
	send_to(0, mac_of(2));
	assert_int_equal(port[2].num_rx, 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
	send_to(1, mac_of(0));
	assert_int_equal(port[0].num_rx, 1);
}

/* ---- who wants to hear of it ---- */

static void refused_frames_are_told_of_on_request(void **state)
{
	struct test_tx tx = frame_from(1, mac_of(2));

	(void)state;
	put(0, &tx);
	assert_false(sw.spoofed);
	atomic_store(&port[0].port.tell_spoof, true);
	put(0, &tx);
	assert_true(sw.spoofed);
	sw.spoofed = false;
	send_tagged(0, mac_of(2), 5);
	assert_true(sw.spoofed);
	sw.spoofed = false;
	send_to(0, mac_of(2));
	tx = frame_from(0, mac_of(2));
	put_be16(bytes + 12, NET_ETH_P_CONTROL); /* another sin */
	put(0, &tx);
	port[0].policy.tx_on = false;
	tx = frame_from(1, mac_of(2));
	put(0, &tx);
	assert_false(sw.spoofed);
	assert_int_equal(test_tx_drops(&port[0]), 5);
}

/* ---- sizes on the wire ---- */

static uint64_t wire_bytes(struct test_tx tx)
{
	burst.n = burst.num_segs = 0;
	return nic_switch_wire_bytes(test_burst_add(&burst, &tx));
}

static void bytes_on_the_wire_are_counted_with_all_that_is_added(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	assert_int_equal(wire_bytes(tx), 104);
	tx.tagged = true;
	assert_int_equal(wire_bytes(tx), 108);
	tx.len = tx.hdr_len = 20; /* padded */
	assert_int_equal(wire_bytes(tx), 68);
	tx.hdr_len = 54;
	tx.len = 54 + 1000;
	tx.off = (struct net_offload){.tso = true, .mss = 300};
	assert_int_equal(wire_bytes(tx), 1000 + 4 * (54 + 4 + 4));
	tx.tagged = false;
	assert_int_equal(wire_bytes(tx), 1000 + 4 * (54 + 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unknown_unicast_goes_to_those_that_take_it),
		TEST(unknown_unicast_stays_in_its_vlan),
		TEST(a_frame_to_itself_is_not_unknown),
		TEST(a_loop_delivers_to_the_sender_alone),
		TEST(a_loop_is_cut_off_from_the_wire),
		TEST(a_loop_receives_as_from_the_wire),
		TEST(a_loop_is_judged_at_ingress),
		TEST(the_address_may_be_foreign_where_the_vlan_may_not),
		TEST(a_port_of_any_vlan_is_a_member_of_all),
		TEST(receiving_and_sending_are_switched_off_apart),
		TEST(refused_frames_are_told_of_on_request),
		TEST(bytes_on_the_wire_are_counted_with_all_that_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
