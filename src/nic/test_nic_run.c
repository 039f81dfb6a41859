/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames that follow one another are switched as each alone would be. Every burst goes through
 * two switches, one whose ports take runs and one whose ports do not: what arrives, in which
 * order, and every counter is the same.
 */
#include "test_switch.h"

#include <stdio.h>

#include "nic_capture.h"
#include "nic_mirror.h"
#include "nic_wire.h"
#include "test_packet.h"

#define LEN    100u
#define MARK   0x88b5u
#define VID    5u
#define ROUNDS 3000u
#define FRAME  1700u

static uint8_t pool[NIC_BURST][FRAME];
static struct nic_capture_set looked; /* by nobody */
static struct nic_mirror_set mirror;
static struct nic_flow_stats flow_stats;
static struct nic_policy other; /* of port 1, once it has received */

/* ---- what came of it ---- */

struct log {
	uint8_t *p; /* owned */
	size_t n;
	unsigned ran; /* frames that went in runs; no part of what is compared */
};

static void note(struct log *log, const void *p, size_t n)
{
	log->p = realloc(log->p, log->n + n);
	memcpy(log->p + log->n, p, n);
	log->n += n;
}

static void note_num(struct log *log, uint64_t v)
{
	note(log, &v, sizeof(v));
}

static void note_rx(struct log *log, const struct test_rx *rx)
{
	const struct nic_rx_meta *m = &rx->meta;
	uint8_t bits[] = {m->tagged,	 m->tag_in_bytes, m->tags_len,	   m->local,
			  m->ip_checked, m->ip_ok,	  m->l4_checked,   m->l4_ok,
			  rx->parsed.l3, rx->parsed.l4,	  rx->parsed.tags, rx->parsed.fragment};

	note_num(log, rx->len);
	note(log, rx->bytes, rx->len);
	note(log, bits, sizeof(bits));
	note_num(log, m->tagged ? m->tci : 0);
	note_num(log, rx->parsed.hdr_len);
}

static void note_all(struct log *log)
{
	for (unsigned n = 0; n < PORTS; n++) {
		note_num(log, port[n].num_rx);
		for (unsigned i = 0; i < port[n].num_rx; i++)
			note_rx(log, &port[n].rx[i]);
		note(log, &port[n].port.stats, sizeof(port[n].port.stats));
		note_num(log, port[n].credits);
		note_num(log, port[n].port.rx_dirty);
		log->ran += port[n].num_run;
	}
	for (unsigned i = 0; i < burst.n; i++)
		note_num(log, nic_switch_wire_bytes(&burst.frame[i]));
	note_num(log, sw.lost_bytes);
	note_num(log, sw.spoofed);
	note_num(log, sw.kept);
}

static void assert_same(const struct log *slow, const struct log *fast, const char *name)
{
	assert_int_equal(slow->ran, 0);
	if (slow->n != fast->n || memcmp(slow->p, fast->p, slow->n))
		fail_msg("%s: a run differs from its frames alone", name);
}

/* ---- what differs from case to case ---- */

struct table_case {
	const char *name;
	void (*rule)(void);		  /* of the switch and its ports */
	void (*frames)(struct test_tx *); /* of the four frames */
	unsigned ran;			  /* frames that take the lane */
	unsigned src;
};

static void none(void)
{
}

static void alike(struct test_tx *tx)
{
	(void)tx;
}

static uint8_t *at(const struct test_tx *tx)
{
	return (uint8_t *)(uintptr_t)tx->bytes;
}

static void src_mtu(void)
{
	port[0].policy.mtu = 1500;
}

static void dst_mtu(void)
{
	port[1].policy.mtu = 1500;
}

static void short_mtu(void)
{
	port[1].policy.mtu = LEN;
}

static void spoof_neigh(void)
{
	port[0].policy.spoof_neigh = true;
}

static void src_captured(void)
{
	port[0].port.captures = &looked;
}

static void dst_captured(void)
{
	port[1].port.captures = &looked;
}

static void src_mirrored(void)
{
	mirror = (struct nic_mirror_set){.num_sent = 1, .sent = {&port[3].port}};
	port[0].port.mirrors = &mirror;
}

static void dst_mirrored(void)
{
	mirror = (struct nic_mirror_set){.num_received = 1, .received = {&port[3].port}};
	port[1].port.mirrors = &mirror;
}

static void third_promisc(void)
{
	port[3].policy.promisc = true;
	atomic_store(&ports.num_promisc, 1);
}

/* Not in this VLAN; its policy may change within the burst. */
static void third_promisc_elsewhere(void)
{
	third_promisc();
	port[3].policy.untagged = false;
}

/* An address that the wire's port owns. */
static void known_at_the_wire(void)
{
	nic_fdb_add((struct nic_fdb *)(uintptr_t)atomic_load(&ports.fdb), net_mac_u64(nobody),
		    0, UPLINK);
}

static void third_svlan(void)
{
	port[3].policy.svlan = true;
	set_pvid(3, 7, 0);
	atomic_store(&ports.num_svlan, 1);
}

static void flow_on(void)
{
	assert_int_equal(nic_wire_new(&flow_stats, &sw.wire), 0);
	sw.wire->params = (struct nic_flow_params){.mode = NIC_FLOW_TX, .mbps = 1000};
}

static void is_owed(void)
{
	sw.owed = true;
}

static void owed_and_short(void)
{
	sw.owed = true;
	port[1].credits = 2;
}

static void is_kept(void)
{
	sw.kept = true;
}

static void kept_of_the_receiver(void)
{
	sw.kept = port[1].port.share.kept = true;
}

static void src_loops(void)
{
	port[0].policy.loopback = true;
}

static void one_listener(void)
{
	remove_uplink();
	for (unsigned n = 2; n < VFS; n++)
		port[n].policy.broadcast = false;
	port[1].policy.allmulti = true;
}

static void third_takes_unknown(void)
{
	remove_uplink();
	port[3].policy.unknown_uc = true;
	atomic_store(&ports.num_unknown_uc, 1);
	port[0].policy.storm_uucast_pps = 1;
}

static void third_takes_unknown_too(void)
{
	third_takes_unknown();
	port[0].policy.storm_uucast_pps = 0;
}

static void a_storm_limit(void)
{
	port[0].policy.storm_uucast_pps = port[0].policy.storm_bcast_pps = 1;
}

/* The control thread publishes another policy of port 1 while it receives. */
static enum nic_drop commit_and_change(struct nic_port *p, const struct nic_rx_meta *meta)
{
	enum nic_drop r = test_rx_commit(p, meta);

	other = port[1].policy;
	other.rx_on = false;
	atomic_store(&p->policy, &other);
	return r;
}

static void changed_meanwhile(void)
{
	static struct nic_port_ops ops;

	ops = *port[1].port.ops;
	ops.rx_commit = commit_and_change;
	port[1].port.ops = &ops;
}

static void dst_down(void)
{
	port[1].policy.link_up = false;
}

static void src_down(void)
{
	port[0].policy.link_up = false;
}

static void same_port_vlan(void)
{
	set_pvid(0, VID, 3);
	set_pvid(1, VID, 0);
}

static void other_port_vlan(void)
{
	set_pvid(0, VID, 0);
	set_pvid(1, VID + 1, 0);
}

static void src_port_vlan_to_a_trunk(void)
{
	set_pvid(0, VID, 3);
	make_member(1, VID);
}

static void dst_port_vlan(void)
{
	set_pvid(1, VID, 0);
}

static void trunks(void)
{
	make_member(0, VID);
	make_member(1, VID);
}

static void no_runs(void)
{
	port[1].port.ops = &test_port_ops;
}

static void short_max_frame(void)
{
	port[1].policy.max_frame = LEN;
}

static void two_buffers(void)
{
	port[1].credits = 2;
}

static void three_buffers(void)
{
	port[1].credits = 3;
}

static void all_to(struct test_tx *tx, const uint8_t *mac)
{
	for (unsigned i = 0; i < 4; i++)
		memcpy(at(&tx[i]), mac, 6);
}

static void to_itself(struct test_tx *tx)
{
	all_to(tx, mac_of(0));
}

static void to_all(struct test_tx *tx)
{
	all_to(tx, broadcast);
}

static void to_a_group(struct test_tx *tx)
{
	all_to(tx, multicast);
}

static void to_nobody(struct test_tx *tx)
{
	all_to(tx, nobody);
}

static void from_the_wire(struct test_tx *tx)
{
	for (unsigned i = 0; i < 4; i++)
		memcpy(at(&tx[i]) + 6, nobody, 6);
}

static void to_another(struct test_tx *tx)
{
	memcpy(at(&tx[2]), mac_of(2), 6);
}

static void from_another(struct test_tx *tx)
{
	memcpy(at(&tx[2]) + 6, mac_of(2), 6);
}

static void another_type(struct test_tx *tx)
{
	put_be16(at(&tx[2]) + 12, MARK + 1);
}

static void a_control_frame(struct test_tx *tx)
{
	put_be16(at(&tx[2]) + 12, NET_ETH_P_CONTROL);
}

static void all_types(struct test_tx *tx, uint16_t type)
{
	for (unsigned i = 0; i < 4; i++)
		put_be32(at(&tx[i]) + 12, (uint32_t)type << 16);
}

static void tags_in_the_bytes(struct test_tx *tx)
{
	all_types(tx, NET_ETH_P_QINQ1);
}

static void control_behind_a_tag(struct test_tx *tx)
{
	all_types(tx, NET_ETH_P_QINQ2);
	put_be16(at(&tx[2]) + 16, NET_ETH_P_CONTROL);
}

static void a_tag(struct test_tx *tx)
{
	tx[2].tagged = true;
	tx[2].tci = VID;
}

static void a_tag_of_no_vlan(struct test_tx *tx)
{
	tx[2].tagged = true;
	tx[2].tci = 0x6000;
}

static void tags(struct test_tx *tx)
{
	for (unsigned i = 0; i < 4; i++) {
		tx[i].tagged = true;
		tx[i].tci = VID;
	}
}

static void packets(struct test_tx *tx)
{
	for (unsigned i = 0; i < 4; i++)
		tx[i].len =
			test_packet_make(at(&tx[i]), &(struct test_packet){.l3 = NET_L3_IPV4,
									   .l4 = NET_L4_UDP,
									   .payload = 200 + i,
									   .ip_wrong = i & 1,
									   .l4_wrong = i & 2});
}

static void a_checksum_to_make(struct test_tx *tx)
{
	packets(tx);
	tx[2].off =
		test_packet_offload(&(struct test_packet){.l3 = NET_L3_IPV4, .l4 = NET_L4_UDP});
	tx[2].off.ip_csum = false;
}

static void an_ip_checksum_to_make(struct test_tx *tx)
{
	a_checksum_to_make(tx);
	tx[2].off.ip_csum = true;
	tx[2].off.l4_csum = false;
}

static void a_frame_to_segment(struct test_tx *tx)
{
	a_checksum_to_make(tx);
	tx[2].off.tso = tx[2].off.ip_csum = true;
	tx[2].off.mss = 50;
	tx[2].hdr_len = 42;
}

static void a_longer_one(struct test_tx *tx)
{
	tx[2].len = LEN + 1;
}

static void a_much_longer_one(struct test_tx *tx)
{
	tx[2].len = LEN + 30;
}

static void short_ones(struct test_tx *tx)
{
	for (unsigned i = 0; i < 4; i++)
		tx[i].len = tx[i].hdr_len = 14 + i * 15;
}

static const struct table_case table[] = {
	{"nothing special", none, alike, 3, 0},
	{"sender's mtu", src_mtu, alike, 0, 0},
	{"receiver's mtu", dst_mtu, alike, 0, 0},
	{"above the receiver's mtu", short_mtu, a_much_longer_one, 0, 0},
	{"neighbours are looked at", spoof_neigh, alike, 0, 0},
	{"sender captured", src_captured, alike, 0, 0},
	{"receiver captured", dst_captured, alike, 0, 0},
	{"sender mirrored", src_mirrored, alike, 0, 0},
	{"receiver mirrored", dst_mirrored, alike, 0, 0},
	{"third port promiscuous", third_promisc, alike, 0, 0},
	{"promiscuous in another VLAN", third_promisc_elsewhere, alike, 0, 0},
	{"known at the wire", known_at_the_wire, to_nobody, 0, 0},
	{"third port with an 802.1ad VLAN", third_svlan, alike, 0, 0},
	{"flow control", flow_on, alike, 0, 0},
	{"flow control, from the wire", flow_on, from_the_wire, 0, UPLINK},
	{"of a minimum rate", is_owed, alike, 0, 0},
	{"of a minimum rate, short", owed_and_short, alike, 0, 0},
	{"kept for others", is_kept, alike, 0, 0},
	{"the receiver's are kept", kept_of_the_receiver, alike, 0, 0},
	{"loopback", src_loops, alike, 0, 0},
	{"loopback to itself", src_loops, to_itself, 0, 0},
	{"broadcast", none, to_all, 0, 0},
	{"broadcast to one", one_listener, to_all, 0, 0},
	{"multicast to one", one_listener, to_a_group, 0, 0},
	{"unknown, to the wire", none, to_nobody, 0, 0},
	{"unknown, a storm", third_takes_unknown, to_nobody, 0, 0},
	{"unknown, to who takes it", third_takes_unknown_too, to_nobody, 0, 0},
	{"known under a storm limit", a_storm_limit, alike, 3, 0},
	{"receiver's policy changes", changed_meanwhile, alike, 0, 0},
	{"receiver's link down", dst_down, alike, 0, 0},
	{"sender's link down", src_down, alike, 0, 0},
	{"one port VLAN", same_port_vlan, alike, 3, 0},
	{"one port VLAN, tags sent", same_port_vlan, tags, 0, 0},
	{"another port VLAN", other_port_vlan, alike, 0, 0},
	{"a trunk sees the port VLAN", src_port_vlan_to_a_trunk, alike, 0, 0},
	{"receiver's port VLAN", dst_port_vlan, alike, 0, 0},
	{"receiver takes no runs", no_runs, alike, 0, 0},
	{"from the wire", none, from_the_wire, 3, UPLINK},
	{"another receiver between", none, to_another, 1, 0},
	{"a forged address between", none, from_another, 1, 0},
	{"another type between", none, another_type, 1, 0},
	{"a control frame between", none, a_control_frame, 1, 0},
	{"tags in the bytes", none, tags_in_the_bytes, 0, 0},
	{"control behind a tag", none, control_behind_a_tag, 0, 0},
	{"a tag between", trunks, a_tag, 1, 0},
	{"a tag between, of a foreign VLAN", none, a_tag, 1, 0},
	{"a priority tag between", none, a_tag_of_no_vlan, 1, 0},
	{"tags of a trunk", trunks, tags, 0, 0},
	{"packets", none, packets, 3, 0},
	{"a checksum to make between", none, a_checksum_to_make, 3, 0},
	{"an IP checksum to make between", none, an_ip_checksum_to_make, 3, 0},
	{"a frame to segment between", none, a_frame_to_segment, 2, 0},
	{"too long a frame between", short_max_frame, a_longer_one, 1, 0},
	{"no buffer for the third", two_buffers, alike, 1, 0},
	{"no buffer for the fourth", three_buffers, alike, 2, 0},
	{"frames to be padded", none, short_ones, 3, 0},
};

/* ---- both ways ---- */

static void begin(bool fast)
{
	set_up(NULL);
	for (unsigned n = 0; n < PORTS; n++)
		port[n].port.ops = fast ? &test_port_run_ops : &test_port_ops;
}

static void end(void)
{
	nic_wire_free(sw.wire);
	tear_down(NULL);
}

static void make_alike(struct test_tx tx[4], unsigned src)
{
	for (unsigned i = 0; i < 4; i++) {
		for (unsigned k = 0; k < FRAME; k++)
			pool[i][k] = (uint8_t)(k * 3 + i);
		memcpy(pool[i], mac_of(1), 6);
		memcpy(pool[i] + 6, mac_of(src), 6);
		put_be16(pool[i] + 12, MARK);
		tx[i] = (struct test_tx){.bytes = pool[i], .len = LEN, .hdr_len = 64};
	}
}

static struct log run_case(const struct table_case *c, bool fast)
{
	struct test_tx tx[4];
	struct log log = {0};

	test_seed = 1;
	begin(fast);
	make_alike(tx, c->src);
	c->rule();
	c->frames(tx);
	burst.n = burst.num_segs = 0;
	for (unsigned i = 0; i < 4; i++)
		test_burst_add(&burst, &tx[i])->local = c->src != UPLINK;
	nic_switch_burst(&sw, &port[c->src].port, &burst);
	note_all(&log);
	end();
	return log;
}

static void only_what_is_alike_runs_and_all_have_one_outcome(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(table); i++) {
		struct log slow = run_case(&table[i], false), fast = run_case(&table[i], true);

		assert_same(&slow, &fast, table[i].name);
		if (fast.ran != table[i].ran)
			fail_msg("%s: %u frames ran", table[i].name, fast.ran);
		free(slow.p);
		free(fast.p);
	}
}

/* ---- at random ---- */

/* Something about one port; most of the time nothing. */
static void random_port(unsigned n)
{
	struct nic_policy *p = &port[n].policy;

	switch (test_below(40)) {
	case 0:
		set_pvid(n, (uint16_t)(VID + test_below(2)), (uint8_t)test_below(8));
		break;
	case 1:
		p->mtu = 50 + test_below(1000);
		break;
	case 2:
		p->spoof_neigh = true;
		break;
	case 3:
		p->max_frame = 14 + test_below(1500);
		break;
	case 4:
		port[n].credits = test_below(40);
		break;
	case 5:
		p->promisc = true;
		atomic_store(&ports.num_promisc, 1);
		break;
	case 6:
		p->unknown_uc = true;
		atomic_store(&ports.num_unknown_uc, 1);
		break;
	case 7:
		p->loopback = true;
		break;
	case 8:
		p->rx_on = false;
		break;
	case 9:
		p->spoof_mac = p->spoof_vlan = false;
		break;
	case 10:
		p->storm_uucast_pps = p->storm_bcast_pps = 1 + test_below(100);
		break;
	case 11:
		port[n].max_piece = 1 + test_below(500);
		break;
	}
	port[n].strip = test_below(2);
	if (!p->pvid && test_below(2))
		make_member(n, (uint16_t)(VID + test_below(2)));
}

static void random_switch(void)
{
	switch (test_below(30)) {
	case 0:
		sw.owed = true;
		break;
	case 1:
		sw.kept = port[test_below(PORTS)].port.share.kept = true;
		break;
	case 2:
		flow_on();
		break;
	case 3:
		src_mirrored();
		break;
	case 4:
		dst_mirrored();
		break;
	case 5:
		third_svlan();
		break;
	case 6:
		same_port_vlan();
		break;
	case 7:
		port[1].refuse = NIC_DROP_UPLINK;
		break;
	}
	if (test_below(4) == 0)
		remove_uplink();
}

static void random_addresses(uint8_t *f, unsigned src)
{
	const uint8_t *to[] = {broadcast, multicast, nobody};
	unsigned k = test_below(10);

	memcpy(f, k < 3 ? to[k] : mac_of(k < 8 ? 1 : test_below(VFS)), 6);
	memcpy(f + 6, mac_of(test_below(20) ? src : 3), 6);
}

/* What the frame holds, and how much of it the snapshot has. */
static void random_content(uint8_t *f, struct test_tx *tx)
{
	static const uint16_t type[] = {MARK,		NET_ETH_P_ARP,	 NET_ETH_P_CONTROL,
					NET_ETH_P_VLAN, NET_ETH_P_QINQ1, NET_ETH_P_QINQ,
					NET_ETH_P_IPV4, NET_ETH_P_IPV6,	 0x0010};
	struct test_packet p = {.l3 = test_below(2) ? NET_L3_IPV4 : NET_L3_IPV6,
				.l4 = test_below(2) ? NET_L4_TCP : NET_L4_UDP,
				.payload = test_below(1400),
				.ip_wrong = !test_below(4),
				.l4_wrong = !test_below(4)};

	if (test_below(3) == 0) {
		for (unsigned i = 12; i < 200; i++)
			f[i] = (uint8_t)test_rand();
		put_be16(f + 12, type[test_below(2) ? 0 : test_below(ARRAY_SIZE(type))]);
		tx->len = 18 + test_below(1500);
		tx->hdr_len = 18 + test_below(111);
		tx->hdr_len = MIN(tx->len, tx->hdr_len);
		return;
	}
	tx->len = test_packet_make(f, &p);
	tx->hdr_len = MIN(tx->len, 128u);
	if (test_below(8))
		return;
	tx->off = test_packet_offload(&p);
	tx->off.tso = test_below(2) && p.payload;
	tx->off.mss = 100;
	if (tx->off.tso)
		tx->hdr_len = 14u + tx->off.l3_len + tx->off.l4_len;
}

/* Most frames go where the one before went. */
static void random_burst(unsigned src)
{
	unsigned n = 1 + test_below(NIC_BURST);

	burst.n = burst.num_segs = 0;
	for (unsigned i = 0; i < n; i++) {
		struct test_tx tx = {.bytes = pool[i], .max_seg = test_below(3) * 400};

		if (i && test_below(6))
			memcpy(pool[i], pool[i - 1], 12);
		else
			random_addresses(pool[i], src);
		random_content(pool[i], &tx);
		tx.csum_valid = test_below(8) == 0;
		tx.tagged = test_below(12) == 0;
		tx.tci = (uint16_t)(test_below(8) << 13 | test_below(VID + 2));
		test_burst_add(&burst, &tx)->local = src != UPLINK;
	}
}

static struct log random_round(unsigned round, bool fast)
{
	struct log log = {0};

	test_seed = round;
	memset(pool, 0, sizeof(pool));
	begin(fast);
	for (unsigned n = 0; n < PORTS; n++)
		random_port(n);
	random_switch();
	for (unsigned i = 1 + test_below(3); i; i--) {
		unsigned src = test_below(4) ? 0 : ports.uplink ? UPLINK : 2;

		random_burst(src);
		nic_switch_burst(&sw, &port[src].port, &burst);
		note_num(&log, burst.n);
	}
	note_all(&log);
	end();
	return log;
}

static void whatever_is_sent_has_one_outcome(void **state)
{
	unsigned ran = 0, rounds = 0;

	(void)state;
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct log slow = random_round(i, false), fast = random_round(i, true);
		char name[32];

		snprintf(name, sizeof(name), "round %u", i);
		assert_same(&slow, &fast, name);
		ran += fast.ran;
		rounds += fast.ran > 0;
		free(slow.p);
		free(fast.p);
	}
	assert_true(ran > ROUNDS && rounds > ROUNDS / 4);
}

/* ---- what is only seen once ---- */

static void a_storm_is_no_run(void **state)
{
	const struct table_case c = {"", third_takes_unknown, to_nobody, 0, 0};
	uint64_t storm, taken;
	struct test_tx tx[4];

	(void)state;
	begin(true);
	make_alike(tx, 0);
	c.rule();
	c.frames(tx);
	burst.n = burst.num_segs = 0;
	for (unsigned i = 0; i < 4; i++)
		test_burst_add(&burst, &tx[i]);
	nic_switch_burst(&sw, &port[0].port, &burst);
	storm = test_tx_drop(&port[0], NIC_DROP_STORM);
	taken = port[3].num_rx;
	end();
	assert_int_equal(taken, 1);
	assert_int_equal(storm, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_is_alike_runs_and_all_have_one_outcome),
		cmocka_unit_test(whatever_is_sent_has_one_outcome),
		cmocka_unit_test(a_storm_is_no_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
