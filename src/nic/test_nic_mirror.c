/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of a port's frames: whose, when, with which tags, and that the frame itself does not
 * care. */
#include "net_csum.h"
#include "nic_mirror.h"
#include "test_switch.h"

#define MONITOR 3u

static struct nic_mirror_set sets[PORTS];

static int set_up_mirrors(void **state)
{
	memset(sets, 0, sizeof(sets));
	return set_up(state);
}

/* Port n's frames are copied to `to`. */
static void mirror(unsigned n, bool received, unsigned to)
{
	if (received)
		sets[n].received[sets[n].num_received++] = &port[to].port;
	else
		sets[n].sent[sets[n].num_sent++] = &port[to].port;
	port[n].port.mirrors = &sets[n];
}

static uint64_t mirrored(unsigned n)
{
	return nic_counter(&port[n].port.stats.mirrored);
}

/* Frames that everybody received or lost, less copies: what was sent. */
static void assert_conserved(void)
{
	uint64_t sent = 0, fates = 0;

	for (unsigned n = 0; n < PORTS; n++) {
		sent += tx_packets(n) + mirrored(n);
		fates += nic_counter(&port[n].port.stats.rx_packets) + test_rx_drops(&port[n]);
	}
	assert_int_equal(sent, fates);
}

static void what_a_port_sends(void **state)
{
	(void)state;
	mirror(0, false, MONITOR);
	send_to(0, mac_of(1));
	assert_got(BIT(1) | BIT(MONITOR));
	send_to(0, nobody);
	assert_got(BIT(UPLINK) | BIT(MONITOR));
	send_to(1, mac_of(0));
	assert_got(BIT(0));
	send_to(0, mac_of(1));
	assert_int_equal(port[MONITOR].rx[0].len, 100);
	assert_memory_equal(port[MONITOR].rx[0].bytes, bytes, 100);
	assert_int_equal(mirrored(MONITOR), 3);
	assert_int_equal(nic_counter(&port[MONITOR].port.stats.rx_packets), 3);
	assert_conserved();
}

static void what_a_port_receives(void **state)
{
	(void)state;
	mirror(0, true, MONITOR);
	send_to(1, mac_of(0));
	assert_got(BIT(0) | BIT(MONITOR));
	send_to(UPLINK, mac_of(0));
	assert_got(BIT(0) | BIT(MONITOR));
	send_to(0, mac_of(1));
	assert_got(BIT(1));
	send_to(1, mac_of(2));
	assert_got(BIT(2));
	assert_int_equal(mirrored(MONITOR), 2);
	assert_conserved();
}

static void both_directions_of_the_uplink(void **state)
{
	(void)state;
	mirror(UPLINK, true, MONITOR);
	mirror(UPLINK, false, MONITOR);
	send_to(0, nobody);
	assert_got(BIT(UPLINK) | BIT(MONITOR));
	send_to(UPLINK, mac_of(0));
	assert_got(BIT(0) | BIT(MONITOR));
	send_to(UPLINK, nobody);
	assert_got(BIT(MONITOR)); /* it was on the wire */
	assert_int_equal(test_tx_drop(&port[UPLINK], NIC_DROP_NODEST), 1);
	send_to(0, mac_of(1));
	assert_got(BIT(1));
}

static void several_ports_and_several_receivers(void **state)
{
	(void)state;
	mirror(0, false, 2);
	mirror(0, false, MONITOR);
	mirror(1, true, MONITOR);
	send_to(0, mac_of(1));
	assert_int_equal(port[1].num_rx, 1);
	assert_int_equal(port[2].num_rx, 1);
	assert_int_equal(port[MONITOR].num_rx, 2); /* of what 0 sent, of what 1 received */
	assert_int_equal(mirrored(2), 1);
	assert_int_equal(mirrored(MONITOR), 2);
}

/* Of a broadcast the monitor gets what it is sent itself, and a copy from each receiver that is
 * mirrored. */
static void a_group(void **state)
{
	(void)state;
	mirror(0, true, MONITOR);
	mirror(1, true, MONITOR);
	send_to(2, broadcast);
	assert_int_equal(port[MONITOR].num_rx, 3);
	assert_int_equal(mirrored(MONITOR), 2);
}

static void nobody_gets_back_what_he_sent(void **state)
{
	(void)state;
	mirror(0, true, MONITOR);
	mirror(0, true, 2);
	send_to(MONITOR, mac_of(0));
	assert_got(BIT(0) | BIT(2));
	send_to(MONITOR, broadcast);
	assert_int_equal(port[MONITOR].num_rx, 0);
}

static void what_ingress_refuses_is_not_copied(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	mirror(0, false, MONITOR);
	put_be16(bytes + 12, NET_ETH_P_CONTROL);
	put(0, &tx);
	tx = frame_from(0, mac_of(1));
	bytes[11] ^= 0x40;
	put(0, &tx);		      /* not its own address */
	send_tagged(0, mac_of(1), 9); /* not its VLAN */
	port[0].policy.storm_bcast_pps = 1;
	for (unsigned i = 0; i < 20; i++)
		send_to(0, broadcast);
	port[0].policy.tx_on = false;
	send_to(0, mac_of(1));
	assert_int_equal(mirrored(MONITOR), tx_packets(0));
	assert_true(tx_packets(0) < 20);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_CONTROL), 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SPOOF), 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
}

static void what_a_port_loses_it_has_not_received(void **state)
{
	(void)state;
	mirror(0, true, MONITOR);
	port[0].credits = 0;
	send_to(1, mac_of(0));
	assert_got(0);
	port[0].credits = 1;
	port[0].policy.max_frame = 90;
	send_to(1, mac_of(0));
	port[0].policy.link_up = false;
	send_to(1, mac_of(0));
	assert_got(0);
	assert_int_equal(mirrored(MONITOR), 0);
}

/* ---- what a copy looks like ---- */

static void assert_tagged_copy(uint32_t tag)
{
	const struct test_rx *rx = &port[MONITOR].rx[0];

	assert_int_equal(port[MONITOR].num_rx, 1);
	assert_int_equal(rx->len, 104);
	assert_memory_equal(rx->bytes, bytes, 12);
	assert_int_equal(get_be32(rx->bytes + 12), tag);
	assert_memory_equal(rx->bytes + 16, bytes + 12, 88);
	assert_true(rx->meta.tag_in_bytes);
	test_port_flush(&port[MONITOR]);
}

static void a_copy_has_the_tags_of_the_wire(void **state)
{
	(void)state;
	mirror(0, true, MONITOR);
	mirror(0, false, MONITOR);
	for (unsigned i = 0; i < 4; i++) {
		port[MONITOR].strip = i & 1; /* whatever it does with its own frames */
		set_pvid(MONITOR, i & 2 ? 7 : 0, 5);
		set_pvid(0, 100, 3); /* a port VLAN is on what leaves, and off what arrives */
		send_to(0, nobody);
		assert_tagged_copy(0x81006064);
		send_tagged(UPLINK, mac_of(0), 0x2064);
		assert_tagged_copy(0x81002064);
		assert_int_equal(port[0].rx[0].len, 100);
		set_pvid(0, 0, 0);
		test_port_flush(&port[0]);
		make_member(0, 5);
		send_tagged(0, nobody, 5);
		assert_tagged_copy(0x81000005);
	}
}

static void both_tags_of_qinq(void **state)
{
	(void)state;
	mirror(0, false, MONITOR);
	port[MONITOR].strip = true;
	set_pvid(0, 100, 0);
	port[0].policy.svlan = true;
	send_tagged(0, nobody, 5);
	assert_int_equal(port[MONITOR].rx[0].len, 108);
	assert_int_equal(get_be32(port[MONITOR].rx[0].bytes + 12), 0x88a80064);
	assert_int_equal(get_be32(port[MONITOR].rx[0].bytes + 16), 0x81000005);
	assert_memory_equal(port[MONITOR].rx[0].bytes + 20, bytes + 12, 88);
}

/* IPv4 and TCP headers of 54 bytes over what frame_from makes. */
static struct test_tx tcp_from(unsigned src, const uint8_t *to, uint32_t len)
{
	struct test_tx tx = frame_from(src, to);

	put_be16(bytes + 12, NET_ETH_P_IPV4);
	memset(bytes + 14, 0, 40);
	bytes[14] = 0x45;
	put_be16(bytes + 16, (uint16_t)(len - 14));
	bytes[22] = 64;
	bytes[23] = 6;
	bytes[46] = 0x50;
	bytes[47] = 0x09; /* FIN, PSH */
	tx.len = len;
	tx.hdr_len = 54;
	tx.off = (struct net_offload){.l2_len = 14,
				      .l3_len = 20,
				      .l4_len = 20,
				      .l3 = NET_L3_IPV4,
				      .l4 = NET_L4_TCP,
				      .ip_csum = true,
				      .l4_csum = true};
	return tx;
}

static void assert_checksums_made(const struct test_rx *rx)
{
	uint16_t len = (uint16_t)(get_be16(rx->bytes + 16) - 20);
	uint64_t sum = net_csum_add(0, rx->bytes + 34, len);
	struct net_offload off = {
		.l2_len = 14, .l3_len = 20, .l3 = NET_L3_IPV4, .l4 = NET_L4_TCP};

	assert_true(net_ip_csum_ok(rx->bytes, &rx->parsed));
	sum = net_csum_join(sum, net_pseudo_sum(rx->bytes, &off, len));
	assert_int_equal(net_csum_fold(sum), 0xffff);
	assert_true(rx->meta.ip_ok && rx->meta.l4_ok && rx->meta.l4_checked);
}

static void a_tso_frame_is_copied_as_its_segments(void **state)
{
	struct test_tx tx = tcp_from(0, mac_of(1), 1054);

	(void)state;
	mirror(0, false, MONITOR);
	tx.off.tso = true;
	tx.off.mss = 400;
	put(0, &tx);
	assert_int_equal(port[MONITOR].num_rx, 3);
	assert_int_equal(mirrored(MONITOR), 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(port[MONITOR].rx[i].len, port[1].rx[i].len);
		assert_memory_equal(port[MONITOR].rx[i].bytes, port[1].rx[i].bytes,
				    port[1].rx[i].len);
		assert_checksums_made(&port[MONITOR].rx[i]);
	}
	assert_conserved();
}

static void only_the_segments_that_were_received(void **state)
{
	struct test_tx tx = tcp_from(0, mac_of(1), 1054);

	(void)state;
	mirror(1, true, MONITOR);
	tx.off.tso = true;
	tx.off.mss = 400;
	port[1].credits = 2;
	put(0, &tx);
	assert_int_equal(port[MONITOR].num_rx, 2);
	assert_int_equal(port[MONITOR].rx[1].bytes[47], 0); /* FIN and PSH are the third's */
	assert_memory_equal(port[MONITOR].rx[1].bytes, port[1].rx[1].bytes, 454);
	assert_conserved();
}

static void checksums_are_made_and_checked(void **state)
{
	struct test_tx tx = tcp_from(0, mac_of(1), 100);

	(void)state;
	mirror(0, false, MONITOR);
	/* The driver leaves the pseudo-header's sum in the field. */
	put_le16(bytes + 50, net_csum_fold(net_pseudo_sum(bytes, &tx.off, 66)));
	put(0, &tx);
	tx.off = (struct net_offload){0}; /* as it lies there: both are wrong */
	put(0, &tx);
	assert_checksums_made(&port[MONITOR].rx[0]);
	assert_true(port[MONITOR].rx[1].meta.ip_checked && port[MONITOR].rx[1].meta.l4_checked);
	assert_false(port[MONITOR].rx[1].meta.ip_ok || port[MONITOR].rx[1].meta.l4_ok);
}

/* ---- what a copy cannot do ---- */

static void the_frame_does_not_care(void **state)
{
	uint64_t lost;

	(void)state;
	mirror(0, false, MONITOR);
	port[MONITOR].credits = 1;
	send_to(0, mac_of(1));
	send_to(0, mac_of(1));
	assert_int_equal(port[1].num_rx, 2);
	assert_int_equal(test_rx_drop(&port[MONITOR], NIC_DROP_NODESC), 1);
	port[MONITOR].credits = 9;
	port[MONITOR].policy.max_frame = 99;
	send_to(0, mac_of(1));
	assert_int_equal(test_rx_drop(&port[MONITOR], NIC_DROP_SIZE), 1);
	port[MONITOR].policy.link_up = false;
	send_to(0, mac_of(1));
	assert_int_equal(test_rx_drop(&port[MONITOR], NIC_DROP_RXOFF), 1);
	assert_int_equal(port[1].num_rx, 4);
	assert_int_equal(tx_packets(0), 4);
	assert_int_equal(mirrored(MONITOR), 4);
	assert_conserved();
	/* And a copy is no receiver: who has none has lost the frame. */
	port[MONITOR].policy.link_up = true;
	port[MONITOR].policy.max_frame = 1518;
	port[1].credits = 0;
	lost = sw.lost_bytes;
	send_to(0, mac_of(1));
	assert_int_equal(sw.lost_bytes - lost, 104);
	remove_uplink();
	send_to(0, nobody);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_NODEST), 1);
	assert_int_equal(nic_counter(&port[0].port.stats.tx_local_packets), 4);
}

static void descriptors_kept_for_others_are_not_for_copies(void **state)
{
	(void)state;
	mirror(0, false, MONITOR);
	sw.kept = port[MONITOR].port.share.kept = true;
	sw.owed = true; /* even of one who is owed: the frame is, the copy is not */
	send_to(0, mac_of(1));
	assert_got(BIT(1));
	assert_int_equal(test_rx_drop(&port[MONITOR], NIC_DROP_NODESC), 1);
	nic_switch_release(&sw);
	port[MONITOR].credits = 0;
	send_to(0, mac_of(1));
	assert_false(sw.kept || port[MONITOR].port.share.kept);
}

static void a_receiver_of_copies_is_told_once_a_round(void **state)
{
	(void)state;
	mirror(0, false, MONITOR);
	send_to(0, nobody);
	send_to(0, nobody);
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[MONITOR].rx_done, 1);
	port[MONITOR].credits = 0;
	send_to(0, nobody);
	nic_switch_flush(&sw, 0);
	assert_int_equal(port[MONITOR].rx_done, 1);
}

#undef TEST
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up_mirrors, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_a_port_sends),
		TEST(what_a_port_receives),
		TEST(both_directions_of_the_uplink),
		TEST(several_ports_and_several_receivers),
		TEST(a_group),
		TEST(nobody_gets_back_what_he_sent),
		TEST(what_ingress_refuses_is_not_copied),
		TEST(what_a_port_loses_it_has_not_received),
		TEST(a_copy_has_the_tags_of_the_wire),
		TEST(both_tags_of_qinq),
		TEST(a_tso_frame_is_copied_as_its_segments),
		TEST(only_the_segments_that_were_received),
		TEST(checksums_are_made_and_checked),
		TEST(the_frame_does_not_care),
		TEST(descriptors_kept_for_others_are_not_for_copies),
		TEST(a_receiver_of_copies_is_told_once_a_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
