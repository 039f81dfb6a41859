/* SPDX-License-Identifier: BSD-3-Clause */
/* Port VLANs of 802.1ad: a tag around everything that the tenant sends. */
#include "test_switch.h"

#define STAG(tci) (0x88a80000u | (tci))
#define CTAG(tci) (0x81000000u | (tci))

static void set_svlan(unsigned n, uint16_t vid, uint8_t qos)
{
	set_pvid(n, (uint16_t)(vid | NIC_SVLAN), qos); /* as the table knows it */
	port[n].policy.pvid = vid;
	port[n].policy.svlan = true;
	atomic_fetch_add(&ports.num_svlan, 1);
}

/* A frame whose bytes behind the addresses begin with these tags. */
static void send_raw(unsigned src, const uint8_t *to, const uint32_t *tags, unsigned num)
{
	struct test_tx tx = frame_from(src, to);

	for (unsigned i = 0; i < num; i++)
		put_be32(bytes + 12 + 4 * i, tags[i]);
	put_be16(bytes + 12 + 4 * num, 0x88b5);
	put(src, &tx);
}

static const uint8_t *received(unsigned n)
{
	assert_int_equal(port[n].num_rx, 1);
	return port[n].rx[0].bytes;
}

static void the_outer_tag_is_put_in_and_taken_off(void **state)
{
	(void)state;
	set_svlan(0, 100, 3);
	set_svlan(1, 100, 0);
	send_to(0, broadcast);
	assert_int_equal(get_be16(received(1) + 12), 0x88b5);
	assert_int_equal(port[1].rx[0].len, 100);
	assert_false(port[1].rx[0].meta.tagged);
	assert_int_equal(get_be32(received(UPLINK) + 12), STAG(0x6064));
	assert_int_equal(get_be16(received(UPLINK) + 16), 0x88b5);
	assert_int_equal(port[UPLINK].rx[0].len, 104);
	assert_int_equal(port[2].num_rx + port[3].num_rx, 0);
}

static void the_tenants_own_tag_passes_inside(void **state)
{
	(void)state;
	set_svlan(0, 100, 0);
	set_svlan(1, 100, 0);
	port[UPLINK].strip = true;	   /* not the inner one */
	send_tagged(0, broadcast, 0xa007); /* whatever it is member of */
	assert_int_equal(get_be32(received(1) + 12), CTAG(0xa007));
	assert_int_equal(port[1].rx[0].len, 104);
	assert_int_equal(get_be32(received(UPLINK) + 12), STAG(100));
	assert_int_equal(get_be32(received(UPLINK) + 16), CTAG(0xa007));
	assert_int_equal(get_be16(received(UPLINK) + 20), 0x88b5);
	assert_int_equal(port[UPLINK].rx[0].len, 108);
	assert_int_equal(nic_switch_wire_bytes(&burst.frame[0]), 100 + 8 + 4);
	for (unsigned n = 0; n < PORTS; n++)
		test_port_flush(&port[n]);
	port[1].strip = true; /* the receiver's driver strips its own tag */
	send_tagged(0, mac_of(1), 7);
	assert_int_equal(get_be16(received(1) + 12), 0x88b5);
	assert_true(port[1].rx[0].meta.tagged && port[1].rx[0].meta.tci == 7);
}

static void a_tenants_own_stack_passes_inside(void **state)
{
	const uint32_t tags[] = {STAG(5), CTAG(6)};

	(void)state;
	set_svlan(0, 100, 0);
	set_svlan(1, 100, 0);
	send_raw(0, broadcast, tags, 2);
	assert_memory_equal(received(1), bytes, 100);
	assert_int_equal(get_be32(received(UPLINK) + 12), STAG(100));
	assert_int_equal(get_be32(received(UPLINK) + 16), STAG(5));
	assert_int_equal(get_be32(received(UPLINK) + 20), CTAG(6));
}

static void frames_of_the_wire_find_their_port(void **state)
{
	const uint32_t both[] = {STAG(100), CTAG(7)}, other[] = {STAG(101)},
		       none[] = {STAG(0x8000)};

	(void)state;
	set_svlan(0, 100, 0);
	send_raw(UPLINK, mac_of(0), both, 1);
	assert_int_equal(get_be16(received(0) + 12), 0x88b5);
	test_port_flush(&port[0]);
	send_raw(UPLINK, mac_of(0), both, 2);
	assert_int_equal(get_be32(received(0) + 12), CTAG(7));
	test_port_flush(&port[0]);
	send_raw(UPLINK, mac_of(0), other, 1);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[UPLINK], NIC_DROP_VLAN), 1);
	send_raw(UPLINK, mac_of(1), none, 1); /* VLAN 0 is none */
	assert_memory_equal(received(1), bytes, 100);
}

/* 100 of 802.1Q is another VLAN than 100 of 802.1ad. */
static void the_two_kinds_do_not_meet(void **state)
{
	(void)state;
	set_svlan(0, 100, 0);
	set_pvid(1, 100, 0);
	make_member(2, 100);
	port[2].policy.any_vlan = true;
	port[3].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
	send_to(0, broadcast);
	assert_got(BIT(UPLINK));
	send_to(1, broadcast);
	assert_got(BIT(2) | BIT(UPLINK));
	send_tagged(UPLINK, mac_of(0), 100);
	assert_got(0);
	send_to(0, mac_of(1));
	assert_got(BIT(UPLINK));
}

static void nobody_else_gets_into_it(void **state)
{
	const uint32_t tags[] = {STAG(100), CTAG(7)};

	(void)state;
	set_svlan(0, 100, 0);
	send_raw(1, broadcast, tags, 1);
	assert_got(0);
	send_raw(1, mac_of(0), tags, 2);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[1], NIC_DROP_VLAN), 2);
	set_pvid(2, 9, 0); /* a port VLAN goes around it */
	send_raw(2, broadcast, tags, 1);
	assert_int_equal(get_be32(received(UPLINK) + 12), CTAG(9));
	assert_int_equal(get_be32(received(UPLINK) + 16), STAG(100));
	assert_int_equal(port[0].num_rx, 0);
	test_port_flush(&port[UPLINK]);
	port[1].policy.spoof_vlan = false; /* who may send in any VLAN may in this one */
	send_raw(1, mac_of(0), tags, 2);
	assert_int_equal(get_be32(received(0) + 12), CTAG(7));
}

/* To the 82576 such a tag is no tag. */
static void without_such_a_port_it_is_no_tag(void **state)
{
	const uint32_t tags[] = {STAG(100)};

	(void)state;
	send_raw(1, mac_of(2), tags, 1);
	assert_memory_equal(received(2), bytes, 100);
}

static void control_frames_do_not_hide_inside(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	set_svlan(0, 100, 0);
	set_svlan(1, 100, 0);
	tx.tagged = true;
	tx.tci = 3;
	put_be16(bytes + 12, NET_ETH_P_CONTROL);
	put(0, &tx);
	put_be32(bytes + 12, STAG(4));
	put_be16(bytes + 16, NET_ETH_P_CONTROL);
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_CONTROL), 2);
}

/* Lengths that take the tag for a part of the IP header: nothing behind the header is read. */
static void offloads_that_ignore_the_tag_are_refused(void **state)
{
	struct test_tx tx = tso_from(1, mac_of(0), 18, 500);

	(void)state;
	set_svlan(0, 100, 0);
	port[1].policy.spoof_vlan = false;
	put_be32(bytes + 12, STAG(100));
	tx.off.l2_len = 14;
	tx.off.l3_len = 24;
	put(1, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[1], NIC_DROP_MALFORMED), 2); /* segments */
	tx.off.l2_len = 18;
	tx.off.l3_len = 20;
	put(1, &tx);
	assert_int_equal(port[0].num_rx, 2);
	assert_int_equal(get_be16(port[0].rx[0].bytes + 12), NET_ETH_P_IPV4);
	tx.off.tso = false; /* a checksum that would lie behind the header now */
	tx.off.l2_len = 14;
	tx.off.l3_len = 24;
	tx.len = tx.hdr_len = 14 + 24 + 18;
	put(1, &tx);
	assert_int_equal(port[0].num_rx, 2);
	assert_int_equal(test_tx_drop(&port[1], NIC_DROP_MALFORMED), 3);
}

static void the_tags_count_in_a_frames_size(void **state)
{
	struct test_tx tx = frame_from(0, broadcast);

	(void)state;
	set_svlan(0, 100, 0);
	set_svlan(1, 100, 0);
	port[1].policy.max_frame = 103; /* its own tag of 4 bytes is too much, the port's not */
	port[UPLINK].policy.max_frame = 107;
	put(0, &tx);
	assert_got(BIT(1) | BIT(UPLINK));
	tx.tagged = true;
	tx.tci = 5;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_SIZE), 1);
	assert_int_equal(test_rx_drop(&port[UPLINK], NIC_DROP_SIZE), 1);
}

/* ---- lists of VLANs ---- */

static void list(unsigned n, uint16_t vid)
{
	port[n].policy.listed = true;
	nic_bitmap_assign(port[n].policy.list, vid, true);
}

static void only_listed_vlans_are_sent_in(void **state)
{
	const uint32_t ad[] = {STAG(5)};
	/* What send_raw leaves, behind a priority tag. */
	struct test_tx hidden = {.bytes = bytes, .len = 100, .hdr_len = 64, .tagged = true};

	(void)state;
	port[0].policy.spoof_vlan = false; /* it holds all the same */
	list(0, 5);
	send_tagged(0, broadcast, 0x6005);
	assert_got(BIT(UPLINK));
	send_to(0, broadcast); /* without a tag, or a priority */
	send_tagged(0, mac_of(1), 0xe000);
	assert_int_equal(port[1].num_rx, 2);
	send_tagged(0, broadcast, 6);
	send_tagged(0, broadcast, 4094);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 2);
	send_raw(0, broadcast, ad, 1);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 3);
	assert_int_equal(port[1].num_rx, 2);
	put(0, &hidden);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 4);
}

/* Inside a port VLAN of 802.1ad the list is of the tenant's own tags, both ways. */
static void the_list_is_of_the_inner_tags(void **state)
{
	(void)state;
	set_svlan(0, 100, 0);
	set_svlan(1, 100, 0);
	set_svlan(2, 100, 0);
	list(0, 5);
	list(0, 6);
	list(1, 6);
	send_tagged(0, broadcast, 5);
	assert_got(BIT(2) | BIT(UPLINK));
	send_tagged(0, broadcast, 6);
	assert_got(BIT(1) | BIT(2) | BIT(UPLINK));
	send_tagged(0, broadcast, 7);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	send_tagged(2, mac_of(1), 5);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_VLAN), 1);
	send_to(2, mac_of(1));
	assert_got(BIT(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_outer_tag_is_put_in_and_taken_off),
		TEST(the_tenants_own_tag_passes_inside),
		TEST(a_tenants_own_stack_passes_inside),
		TEST(frames_of_the_wire_find_their_port),
		TEST(the_two_kinds_do_not_meet),
		TEST(nobody_else_gets_into_it),
		TEST(without_such_a_port_it_is_no_tag),
		TEST(control_frames_do_not_hide_inside),
		TEST(offloads_that_ignore_the_tag_are_refused),
		TEST(the_tags_count_in_a_frames_size),
		TEST(only_listed_vlans_are_sent_in),
		TEST(the_list_is_of_the_inner_tags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
