/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A PF driver owns the card's policy and hands it back. The owner here is a table that the
 * tests fill in: row n is VF n's policy, row VFS the PF's.
 */
#include "test_card.h"

#include <unistd.h>

#include "test_effort.h"

#ifdef __SANITIZE_THREAD__
#define TURNS 300u
#else
#define TURNS 2000u
#endif

static struct nic_policy table[VFS + 1];
static bool up[VFS];
static struct test_port pf;
static unsigned asked;
static const uint8_t pf_mac[6] = {2, 0xbb, 0, 0, 0, 0xff};
static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void owner_policy(void *arg, unsigned n, struct nic_policy *p)
{
	const struct nic_policy nothing = {0};

	assert_ptr_equal(arg, table);
	assert_memory_equal(p, &nothing, sizeof(*p));
	asked++;
	memcpy(p, &table[n == NIC_PF ? VFS : n], sizeof(*p));
}

static bool owner_link_up(void *arg, unsigned n)
{
	assert_ptr_equal(arg, table);
	return up[n];
}

static const struct nic_owner_ops owner_ops = {.policy = owner_policy,
					       .link_up = owner_link_up};

/* The address that the owner's driver gave VF n, or the PF. */
static const uint8_t *owner_mac(unsigned n)
{
	static const uint8_t mac[VFS][6] = {{2, 0xbb, 0, 0, 0, 0},
					    {2, 0xbb, 0, 0, 0, 1},
					    {2, 0xbb, 0, 0, 0, 2},
					    {2, 0xbb, 0, 0, 0, 3}};

	return n == VFS ? pf_mac : mac[n];
}

static void fill_table(void)
{
	memset(table, 0, sizeof(table));
	memset(up, 0, sizeof(up));
	for (unsigned n = 0; n <= VFS; n++) {
		struct nic_policy *p = &table[n];

		p->link_up = p->rx_on = p->tx_on = p->untagged = p->broadcast = true;
		p->max_frame = 1514;
		p->mac[p->num_macs++] = net_mac_u64(owner_mac(n));
	}
}

static int take(void)
{
	return nic_card_set_owner(card, &owner_ops, table, &pf.port);
}

static void give_back(void)
{
	assert_int_equal(nic_card_set_owner(card, NULL, NULL, NULL), 0);
}

static int owner_set_up(void **state)
{
	alarm(60);
	fill_table();
	asked = 0;
	test_port_init(&pf, 0);
	atomic_store(&pf.port.policy, NULL);
	return set_up(state);
}

static int owner_tear_down(void **state)
{
	give_back();
	test_port_done(&pf);
	alarm(0);
	return tear_down(state);
}

/* Who got something of a frame from the wire: as got(), and bit 6 = the PF. */
static unsigned wire_to(const uint8_t *to, uint16_t vid)
{
	unsigned mask = reaches(to, vid) | (pf.num_rx ? 0x40 : 0);

	test_port_flush(&pf);
	return mask;
}

static void an_owner_rules_all_ports(void **state)
{
	(void)state;
	assert_null(nic_card_policy(card, NIC_PF));
	assert_int_equal(take(), 0);
	for (unsigned n = 0; n <= VFS; n++) {
		const struct nic_policy *p = nic_card_policy(card, n == VFS ? NIC_PF : n);

		assert_memory_equal(p, &table[n], sizeof(*p));
		assert_int_equal(wire_to(owner_mac(n), 0), n == VFS ? 0x40 : BIT(n));
	}
	assert_ptr_equal(nic_card_policy(card, 2), policy(2));
	assert_null(nic_card_policy(card, VFS));
	assert_int_equal(wire_to(card->vf[0].admin.mac, 0), 0);
	assert_int_equal(wire_to(broadcast, 0), 0x4f);
	assert_int_equal(take(), -EBUSY);
	up[1] = true;
	assert_true(nic_card_link_up(card, 1));
	assert_false(nic_card_link_up(card, 2));
}

static void what_changed_is_published(void **state)
{
	const struct nic_policy *same;

	(void)state;
	take();
	same = policy(3);
	table[1].mac[0] = net_mac_u64(x);
	nic_bitmap_assign(table[0].vlans, 7, true);
	table[2].rx_on = false;
	assert_int_equal(wire_to(x, 0), 0); /* not before it is said */
	asked = 0;
	nic_card_republish(card);
	assert_int_equal(asked, VFS + 1);
	assert_int_equal(wire_to(x, 0), BIT(1));
	assert_int_equal(wire_to(owner_mac(1), 0), 0);
	assert_int_equal(wire_to(owner_mac(0), 7), BIT(0));
	assert_int_equal(wire_to(owner_mac(2), 0), 0);
	assert_int_equal(test_rx_drop(&port[2], NIC_DROP_RXOFF), 1);
	assert_ptr_equal(policy(3), same); /* what has not changed stays */
	table[VFS].any_vlan = true;
	nic_card_republish(card);
	assert_int_equal(wire_to(pf_mac, 4000), 0x40);
	assert_int_equal(wire_to(pf_mac, 0), 0x40);
	assert_int_equal(wire_to(owner_mac(3), 4000), 0);
	table[3].pvid = 4000;
	table[3].untagged = false;
	nic_card_republish(card);
	assert_int_equal(wire_to(owner_mac(3), 4000), BIT(3));
	assert_int_equal(wire_to(owner_mac(3), 0), 0);
}

/* The driver may write anything into its filters. */
static void addresses_of_two_are_the_firsts(void **state)
{
	(void)state;
	table[0].mac[table[0].num_macs++] = 0;
	table[0].mac[table[0].num_macs++] = net_mac_u64(broadcast);
	table[1].mac[0] = table[2].mac[0];
	table[3].mac[0] = table[VFS].mac[0];
	take();
	assert_int_equal(wire_to(owner_mac(2), 0), BIT(1));
	assert_int_equal(wire_to(pf_mac, 0), 0x40);
	assert_int_equal(wire_to(zero, 0), 0);
	table[1].link_up = false; /* then it is the one that can use it */
	nic_card_republish(card);
	assert_int_equal(wire_to(owner_mac(2), 0), BIT(2));
	table[2].rx_on = false;
	nic_card_republish(card);
	assert_int_equal(wire_to(owner_mac(2), 0), 0);
}

static void takers_of_the_unknown_are_counted(void **state)
{
	(void)state;
	table[0].unknown_uc = table[VFS].unknown_uc = true;
	take();
	assert_int_equal(wire_to(y, 0), 0x41);
	table[0].unknown_uc = false;
	table[1].promisc = table[VFS].promisc = true;
	nic_card_republish(card);
	assert_int_equal(wire_to(y, 0), 0x42);
	nic_card_detach_vf(card, 1);
	assert_int_equal(wire_to(y, 0), 0x40);
	table[2].unknown_uc = table[3].promisc = true;
	nic_card_republish(card);
	give_back();
	assert_int_equal(take(), 0);
	assert_int_equal(wire_to(y, 0), 0x4c);
}

/* The operator's words are kept for later, the guests' are not heard. */
static void the_former_settings_lie_idle(void **state)
{
	const uint16_t hash = 5;
	uint8_t m[6];

	(void)state;
	nic_card_set_vlan(card, 1, 9, 1, false);
	nic_card_guest_vlan(card, 2, 8, true);
	take();
	asked = 0;
	memset(told, 0, sizeof(told));
	assert_int_equal(nic_card_set_mac(card, 0, x), 0);
	assert_int_equal(nic_card_set_spoofchk(card, 0, false), 0);
	assert_int_equal(nic_card_set_trust(card, 0, true), 0);
	assert_int_equal(nic_card_set_rate(card, 0, 7, 77), 0);
	assert_int_equal(nic_card_set_link(card, 3, NIC_LINK_DISABLE), 0);
	nic_card_guest_reset(card, 0, m);
	nic_card_guest_active(card, 0, true);
	nic_card_guest_mac(card, 1, y);
	nic_card_guest_filter_add(card, 1, y);
	nic_card_guest_filter_clear(card, 1);
	nic_card_guest_multicast(card, 1, &hash, 1);
	nic_card_guest_lpe(card, 1, 9000);
	nic_card_guest_promisc(card, 1, true, false);
	for (unsigned n = 0; n < VFS; n++) {
		assert_memory_equal(policy(n), &table[n], sizeof(table[n]));
		assert_int_equal(told[n], 0);
	}
	assert_int_equal(asked, 0);
	assert_int_equal(wire_to(x, 0), 0);
	give_back();
	for (unsigned n = 0; n < VFS; n++) {
		assert_false(policy(n)->link_up || policy(n)->num_macs || policy(n)->allmulti);
		assert_int_equal(policy(n)->max_frame, 1514);
		assert_int_equal(told[n], 1);
	}
	assert_int_equal(policy(1)->pvid, 9);
	assert_int_equal(policy(0)->max_tx_mbps, 77);
	assert_false(policy(0)->spoof_mac);
	assert_false(nic_bitmap_test(policy(2)->vlans, 8)); /* it must ask again */
	nic_card_guest_reset(card, 0, m);
	assert_memory_equal(m, x, 6);
	nic_card_guest_active(card, 0, true);
	assert_int_equal(wire_to(x, 0), BIT(0));
	assert_false(nic_card_link_up(card, 3));
}

static void a_pf_that_has_left_is_gone(void **state)
{
	(void)state;
	take();
	give_back();
	give_back(); /* nothing more */
	assert_null(atomic_load(&pf.port.policy));
	assert_null(nic_card_policy(card, NIC_PF));
	assert_null(card->owner);
	assert_int_equal(wire_to(pf_mac, 0), 0);
	assert_int_equal(wire_to(broadcast, 0), 0);
	nic_card_guest_active(card, 2, true);
	assert_int_equal(wire_to(broadcast, 0), BIT(2));
	assert_int_equal(wire_to(mac(2), 0), BIT(2));
	for (unsigned n = 0; n < VFS; n++)
		assert_int_equal(told[n], 1);
	nic_card_republish(card); /* of no owner: nothing new */
	assert_int_equal(wire_to(mac(2), 0), BIT(2));
}

/* The wire comes and goes: the owner is asked, and every VF told, whatever the operator said.
 */
static void the_wire_is_the_owners_to_judge(void **state)
{
	(void)state;
	nic_card_set_link(card, 0, NIC_LINK_ENABLE);
	add_wire();
	take();
	memset(told, 0, sizeof(told));
	table[1].link_up = false;
	asked = 0;
	nic_card_uplink_state(card, false);
	assert_int_equal(asked, VFS + 1);
	assert_false(policy(1)->link_up);
	assert_true(policy(2)->link_up);
	for (unsigned n = 0; n < VFS; n++)
		assert_int_equal(told[n], 1);
	nic_card_set_uplink(card, NULL, -1); /* a dead one is taken away */
	assert_int_equal(told[0], 2);
}

static void a_vf_may_come_while_the_card_is_owned(void **state)
{
	(void)state;
	nic_card_detach_vf(card, 1);
	take();
	assert_null(nic_card_policy(card, 1));
	assert_int_equal(wire_to(owner_mac(1), 0), 0);
	assert_int_equal(nic_card_attach_vf(card, 1, &port[1].port, on_changed, &told[1]), 0);
	assert_memory_equal(policy(1), &table[1], sizeof(table[1]));
	assert_int_equal(wire_to(owner_mac(1), 0), BIT(1));
	nic_card_detach_vf(card, 1);
	assert_int_equal(wire_to(owner_mac(1), 0), 0);
	assert_int_equal(wire_to(owner_mac(2), 0), BIT(2));
}

static void without_room_for_the_pf_nothing_changes(void **state)
{
	struct test_port other;

	(void)state;
	test_port_init(&other, 0);
	assert_int_equal(nic_dp_add_port_at(card->dp, &other.port, NIC_MAX_VFS + 1), 0);
	assert_int_equal(nic_card_set_owner(card, &owner_ops, table, &pf.port), -EBUSY);
	assert_null(card->owner);
	assert_null(atomic_load(&pf.port.policy));
	assert_true(nic_card_policy(card, 0)->link_up);
	assert_true(card->vf[0].guest.active);
	nic_dp_del_port(card->dp, &other.port);
	test_port_done(&other);
}

/* A guest's PF has all its VFs on the switch, driven or not: what is theirs is nobody else's.
 */
static void who_is_not_in_use_is_the_owners(void **state)
{
	(void)state;
	assert_int_equal(nic_card_use_vf(card, 1, false), 0);
	assert_int_equal(take(), 0);
	assert_true(card->vf[1].on_dp);
	assert_int_equal(wire_to(owner_mac(1), 0), BIT(1));
	assert_int_equal(nic_card_use_vf(card, 2, false), 0);
	assert_true(card->vf[2].on_dp);
	assert_int_equal(nic_card_set_owner(card, NULL, NULL, NULL), 0);
	assert_false(card->vf[1].on_dp || card->vf[2].on_dp);
	assert_true(card->vf[0].on_dp);
}

/* ---- under traffic ---- */

/* Sends the same frames for ever, a group's and one for each port. */
static bool flood_poll(struct nic_port *p, struct nic_burst *burst, uint64_t now_ns)
{
	static uint8_t frames[VFS + 2][60];
	struct test_port *from = test_port_of(p);

	from->tx_at = from->num_tx = 0;
	for (unsigned i = 0; i < VFS + 2; i++) {
		memcpy(frames[i], i > VFS ? broadcast : owner_mac(i), 6);
		memcpy(frames[i] + 6, owner_mac(0), 6);
		put_be16(frames[i] + 12, 0x88b5);
		from->tx[from->num_tx++] =
			(struct test_tx){.bytes = frames[i], .len = 60, .hdr_len = 60};
	}
	return test_tx_poll(p, burst, now_ns);
}

static enum nic_drop forget_commit(struct nic_port *p, const struct nic_rx_meta *meta)
{
	(void)p, (void)meta;
	return NIC_DROP_NONE;
}

static const struct nic_port_ops flood_ops = {
	.tx_poll = flood_poll,
	.tx_done = test_tx_done,
	.rx_strips_tag = test_rx_strips,
	.rx_buffers = test_rx_buffers,
	.rx_commit = forget_commit,
	.rx_done = test_rx_done,
};

static void use_flood_ops(void *arg)
{
	(void)arg;
	pf.port.ops = &flood_ops;
	for (unsigned n = 0; n < VFS; n++)
		port[n].port.ops = &flood_ops;
}

static void random_table(void)
{
	fill_table();
	for (unsigned n = 0; n <= VFS; n++) {
		table[n].promisc = test_below(3) == 0;
		table[n].unknown_uc = test_below(3) == 0;
		table[n].any_vlan = test_below(3) == 0;
		table[n].loopback = test_below(4) == 0;
		table[n].rx_on = test_below(4);
		table[n].spoof_mac = test_below(2);
		table[n].max_tx_mbps = test_below(2) ? 0 : 100;
		if (test_below(3) == 0)
			table[n].mac[0] = net_mac_u64(owner_mac(test_below(VFS)));
	}
}

/* What is read after it was freed, or while it is written, is the sanitizers' to find. */
static void owners_change_under_traffic(void **state)
{
	uint64_t seen, start = clock_ns();

	(void)state;
	nic_dp_call(card->dp, use_flood_ops, NULL);
	for (unsigned i = 0; test_goes_on(start, i, TURNS); i++) {
		random_table();
		assert_int_equal(take(), 0);
		for (unsigned k = test_below(4); k; k--) {
			random_table();
			nic_card_republish(card);
		}
		give_back();
		nic_card_guest_active(card, i % VFS, true);
		nic_card_set_mac(card, i % VFS, owner_mac(i % VFS));
	}
	fill_table();
	take();
	seen = nic_counter(&port[1].port.stats.rx_packets);
	while (nic_counter(&port[1].port.stats.rx_packets) == seen)
		;
	assert_true(nic_counter(&pf.port.stats.tx_packets) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, owner_set_up, owner_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_owner_rules_all_ports),
		TEST(what_changed_is_published),
		TEST(addresses_of_two_are_the_firsts),
		TEST(takers_of_the_unknown_are_counted),
		TEST(the_former_settings_lie_idle),
		TEST(a_pf_that_has_left_is_gone),
		TEST(the_wire_is_the_owners_to_judge),
		TEST(a_vf_may_come_while_the_card_is_owned),
		TEST(without_room_for_the_pf_nothing_changes),
		TEST(who_is_not_in_use_is_the_owners),
		TEST(owners_change_under_traffic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
