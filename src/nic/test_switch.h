/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_switch.h - a switch with four VFs (ports 0 ... 3) and an uplink (port 4), for the test
 * programs of nic_switch.c only; the address of port n is 02:00:00:00:00:0n. No thread: the
 * switch is called as the data path would.
 */
#ifndef LADON_TEST_SWITCH_H
#define LADON_TEST_SWITCH_H

#include "test_port.h"

#include "nic_switch.h"

#define VFS    4u
#define UPLINK 4u
#define PORTS  5u

static struct nic_ports ports;
static struct nic_switch sw = {.all = &ports, .workers = 1};
static struct nic_burst burst;
static struct test_port port[PORTS];
static uint8_t bytes[2048];
static const uint8_t broadcast[6] TEST_UNUSED = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t multicast[6] TEST_UNUSED = {0x01, 0x00, 0x5e, 0x01, 0x02, 0x03};
static const uint8_t nobody[6] TEST_UNUSED = {2, 0, 0, 0, 9, 9};

static void TEST_UNUSED learn(unsigned n, uint16_t vid)
{
	nic_fdb_add((struct nic_fdb *)(uintptr_t)atomic_load(&ports.fdb), port[n].policy.mac[0],
		    vid, n);
}

static int TEST_UNUSED set_up(void **state)
{
	struct nic_fdb *fdb;

	(void)state;
	memset(&ports, 0, sizeof(ports));
	sw = (struct nic_switch){.all = &ports, .workers = 1};
	if (nic_fdb_new(64, &fdb) < 0)
		return -1;
	atomic_store(&ports.fdb, fdb);
	for (unsigned n = 0; n < PORTS; n++) {
		test_port_init(&port[n], (uint8_t)n);
		port[n].port.index = (uint16_t)n;
		sw.port[n] = ports.port[n] = ports.by_index[n] = &port[n].port;
		if (n < VFS)
			learn(n, 0);
	}
	port[UPLINK].port.is_uplink = true;
	port[UPLINK].policy.spoof_mac = port[UPLINK].policy.spoof_vlan = false;
	port[UPLINK].policy.filter_control = false;
	port[UPLINK].policy.allmulti = true;
	port[UPLINK].policy.max_frame = NIC_JUMBO_MAX;
	sw.num = ports.num = PORTS;
	ports.uplink = &port[UPLINK].port;
	return 0;
}

static int TEST_UNUSED tear_down(void **state)
{
	(void)state;
	nic_switch_flush(&sw, 0);
	for (unsigned n = 0; n < PORTS; n++)
		test_port_done(&port[n]);
	nic_fdb_free((struct nic_fdb *)(uintptr_t)atomic_load(&ports.fdb));
	return 0;
}

static void TEST_UNUSED remove_uplink(void)
{
	ports.uplink = ports.by_index[UPLINK] = NULL;
	sw.num--;
	ports.num--;
}

static void TEST_UNUSED make_member(unsigned n, uint16_t vid)
{
	nic_bitmap_assign(port[n].policy.vlans, vid, true);
	learn(n, vid);
}

static void TEST_UNUSED set_pvid(unsigned n, uint16_t vid, uint8_t qos)
{
	port[n].policy.pvid = vid;
	port[n].policy.qos = qos;
	port[n].policy.untagged = false;
	learn(n, vid);
}

static const uint8_t *TEST_UNUSED mac_of(unsigned n)
{
	static uint8_t mac[6];

	memcpy(mac, (uint8_t[]){2, 0, 0, 0, 0, (uint8_t)n}, 6);
	return mac;
}

/* An IPv4-less frame of 100 bytes from src's own address. */
static struct test_tx TEST_UNUSED frame_from(unsigned src, const uint8_t *to)
{
	memset(bytes, 0x5a, sizeof(bytes));
	memcpy(bytes, to, 6);
	memcpy(bytes + 6, mac_of(src), 6);
	put_be16(bytes + 12, 0x88b5);
	return (struct test_tx){.bytes = bytes, .len = 100, .hdr_len = 64};
}

/*
 * A TCP frame over IPv4 with this much payload, to be sent in segments of 300 bytes, 54 bytes
 * of headers each; 4 more where l2_len is 18, for a tag in the bytes that the caller writes.
 */
static struct test_tx TEST_UNUSED tso_from(unsigned src, const uint8_t *to, uint8_t l2_len,
					   uint32_t payload)
{
	struct test_tx tx = frame_from(src, to);
	uint8_t *ip = bytes + l2_len;

	memset(bytes + 12, 0, 100);
	put_be16(ip - 2, NET_ETH_P_IPV4);
	ip[0] = 0x45;
	ip[9] = 6;
	ip[32] = 0x50;
	tx.hdr_len = (uint16_t)(l2_len + 20 + 20);
	tx.len = tx.hdr_len + payload;
	tx.off = (struct net_offload){.l2_len = l2_len,
				      .l3_len = 20,
				      .l4_len = 20,
				      .l3 = NET_L3_IPV4,
				      .l4 = NET_L4_TCP,
				      .ip_csum = true,
				      .l4_csum = true,
				      .tso = true,
				      .mss = 300};
	return tx;
}

static void TEST_UNUSED put(unsigned src, const struct test_tx *tx)
{
	struct nic_frame *f;

	burst.n = burst.num_segs = 0;
	f = test_burst_add(&burst, tx);
	f->local = src != UPLINK;
	f->svlan = true; /* the switch's own to say */
	nic_switch_burst(&sw, &port[src].port, &burst);
}

static void TEST_UNUSED send_to(unsigned src, const uint8_t *to)
{
	struct test_tx tx = frame_from(src, to);

	put(src, &tx);
}

static void TEST_UNUSED send_tagged(unsigned src, const uint8_t *to, uint16_t tci)
{
	struct test_tx tx = frame_from(src, to);

	tx.tagged = true;
	tx.tci = tci;
	put(src, &tx);
}

/* Exactly the ports of mask got one frame each since the last call. */
static void TEST_UNUSED assert_got(unsigned mask)
{
	for (unsigned n = 0; n < PORTS; n++) {
		assert_int_equal(port[n].num_rx, mask >> n & 1);
		test_port_flush(&port[n]);
	}
}

static uint64_t TEST_UNUSED tx_packets(unsigned n)
{
	return nic_counter(&port[n].port.stats.tx_packets);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
