/* SPDX-License-Identifier: BSD-3-Clause */
/* What `ladon link set` says of a VF's ARP, neighbour discovery, and MTU. */
#include "test_switch.h"

#define NA 136

/* ---- spoofchk arp ---- */

/* An ARP reply of port 0 that says that it is port n. */
static struct test_tx arp_from_0(unsigned n)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	put_be16(bytes + 12, NET_ETH_P_ARP);
	memcpy(bytes + 14, "\0\1\x08\0\6\4\0\2", 8);
	memcpy(bytes + 22, mac_of(n), 6);
	return tx;
}

/* A neighbour advertisement with port n's address. */
static struct test_tx advert_from_0(unsigned n)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	put_be16(bytes + 12, NET_ETH_P_IPV6);
	memset(bytes + 14, 0, 72);
	bytes[14] = 0x60;
	put_be16(bytes + 18, 32);
	bytes[20] = 58;
	bytes[54] = NA;
	bytes[78] = 2;
	bytes[79] = 1;
	memcpy(bytes + 80, mac_of(n), 6);
	tx.hdr_len = 100;
	return tx;
}

static void refused_as_spoof(const struct test_tx *tx)
{
	uint64_t before = test_tx_drop(&port[0], NIC_DROP_SPOOF);

	put(0, tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SPOOF), before + 1);
}

static void passes(const struct test_tx *tx)
{
	put(0, tx);
	assert_got(BIT(1));
}

static void arp_of_another_is_refused(void **state)
{
	struct test_tx tx = arp_from_0(2);

	(void)state;
	passes(&tx);
	port[0].policy.spoof_neigh = true;
	refused_as_spoof(&tx);
	tx.tagged = true; /* by the card */
	make_member(0, 5);
	make_member(1, 5);
	tx.tci = 5;
	refused_as_spoof(&tx);
	tx = arp_from_0(0);
	passes(&tx);
	tx = arp_from_0(2);
	port[0].policy.mac[port[0].policy.num_macs++] = port[2].policy.mac[0];
	passes(&tx); /* an additional address of its own */
	send_to(0, mac_of(1));
	assert_got(BIT(1));
}

static void arp_in_a_port_vlan_is_judged_inside(void **state)
{
	struct test_tx tx = arp_from_0(2);

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		set_pvid(n, 100, 0);
		port[n].policy.svlan = true;
		learn(n, 100 | NIC_SVLAN);
	}
	port[0].policy.spoof_neigh = true;
	tx.tagged = true; /* the tenant's own */
	refused_as_spoof(&tx);
	tx = arp_from_0(0);
	tx.tagged = true;
	passes(&tx);
}

static void discovery_of_another_is_refused(void **state)
{
	struct test_tx tx = advert_from_0(2);

	(void)state;
	passes(&tx);
	port[0].policy.spoof_neigh = true;
	refused_as_spoof(&tx);
	tx = advert_from_0(0);
	passes(&tx);
	memset(bytes + 86, 0, 8); /* another option */
	bytes[86] = 14;
	bytes[87] = 1;
	bytes[19] = 40;
	passes(&tx);
	tx.hdr_len = 90; /* the rest is still the guest's to change */
	refused_as_spoof(&tx);
	tx.hdr_len = 100;
	bytes[54] = 134; /* a router's */
	refused_as_spoof(&tx);
	bytes[54] = 128;
	passes(&tx);
}

/* ---- mtu ---- */

/* Of len bytes behind a header with tags tags in the bytes. */
static struct test_tx packet(unsigned src, unsigned dst, uint32_t len, unsigned tags)
{
	struct test_tx tx = frame_from(src, mac_of(dst));

	for (unsigned i = 0; i < tags; i++)
		put_be32(bytes + 12 + 4 * i, 0x88a80000);
	put_be16(bytes + 12 + 4 * tags, 0x88b5);
	tx.len = 14 + 4 * tags + len;
	return tx;
}

static void an_mtu_bounds_what_is_sent(void **state)
{
	struct test_tx tx = packet(0, 1, 1000, 0);

	(void)state;
	port[0].policy.mtu = 1000;
	passes(&tx);
	tx.len++;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SIZE), 1);
	port[0].policy.mtu = 0;
	passes(&tx);
	port[0].policy.mtu = 1000;
	port[0].policy.spoof_vlan = false;
	tx = packet(0, 1, 1000, 1);
	passes(&tx);
	tx.len++;
	put(0, &tx);
	tx = packet(0, 1, 1000, 2); /* one tag more than it has a right to */
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SIZE), 3);
	send_to(1, mac_of(0));
	assert_got(BIT(0));
}

static void an_mtu_bounds_what_is_received(void **state)
{
	struct test_tx tx = packet(0, 1, 1000, 0);

	(void)state;
	port[1].policy.mtu = 1000;
	passes(&tx);
	tx.len++;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_SIZE), 1);
	assert_int_equal(tx_packets(0), 2);
	memcpy(bytes, broadcast, 6); /* of a group only that one misses it */
	put(0, &tx);
	assert_got(BIT(2) | BIT(3) | BIT(UPLINK));
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_SIZE), 2);
}

/* A frame to be segmented is as long as its segments are. */
static void an_mtu_is_that_of_segments(void **state)
{
	struct test_tx tx = frame_from(0, mac_of(1));

	(void)state;
	tx.hdr_len = 54;
	tx.len = 54 + 1400;
	tx.off = (struct net_offload){.tso = true,
				      .l3 = NET_L3_IPV4,
				      .l4 = NET_L4_TCP,
				      .l2_len = 14,
				      .l3_len = 20,
				      .l4_len = 20,
				      .mss = 700};
	port[0].policy.mtu = 740;
	put(0, &tx);
	assert_int_equal(port[1].num_rx, 2);
	test_port_flush(&port[1]);
	port[0].policy.mtu = 739;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_SIZE), 2);
	port[0].policy.mtu = 0;
	port[1].policy.mtu = 739;
	put(0, &tx);
	assert_got(0);
	assert_int_equal(test_rx_drop(&port[1], NIC_DROP_SIZE), 2);
	tx.off.mss = 9000; /* more than there is */
	port[1].policy.mtu = 1440;
	put(0, &tx);
	assert_got(BIT(1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(arp_of_another_is_refused),
		TEST(arp_in_a_port_vlan_is_judged_inside),
		TEST(discovery_of_another_is_refused),
		TEST(an_mtu_bounds_what_is_sent),
		TEST(an_mtu_bounds_what_is_received),
		TEST(an_mtu_is_that_of_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
