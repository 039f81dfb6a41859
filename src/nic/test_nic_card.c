/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator and the guests decide, and what the data path is told of it. */
#include "test_card.h"

/* ---- the card ---- */

static void wrong_parameters_are_refused(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS},
			     far = {.num_cpus = 1, .cpu = {100000}};
	struct nic_card *c = NULL;

	(void)state;
	assert_int_equal(nic_card_new("nic0", 256, &params, &c), -EINVAL);
	assert_int_equal(nic_card_new("a-name-that-is-too-long", 1, &params, &c), -EINVAL);
	assert_int_equal(nic_card_new("nic0", 1, &far, &c), -EINVAL);
	assert_null(c);
	assert_int_equal(nic_card_attach_vf(card, VFS, &wire.port, NULL, NULL), -EINVAL);
	assert_int_equal(nic_card_attach_vf(card, 0, &wire.port, NULL, NULL), -EINVAL);
}

static void every_vf_has_an_address_of_its_own(void **state)
{
	(void)state;
	for (unsigned n = 0; n < VFS; n++) {
		assert_true(net_mac_is_valid(mac(n)));
		assert_memory_equal(mac(n), card->base_mac, 3);
		assert_int_equal(policy(n)->mac[0], net_mac_u64(mac(n)));
		assert_int_equal(reaches(mac(n), 0), BIT(n));
		for (unsigned m = 0; m < n; m++)
			assert_memory_not_equal(mac(n), mac(m), 6);
	}
}

static void the_defaults_are_the_hardwares(void **state)
{
	const struct nic_policy *p = policy(1);

	(void)state;
	assert_true(p->spoof_mac && p->spoof_vlan && p->rx_on && p->tx_on && p->untagged &&
		    p->broadcast && p->filter_control && p->link_up);
	assert_false(p->allmulti || p->promisc || p->strip_tag || p->pvid);
	assert_int_equal(p->max_frame, 1514);
	assert_int_equal(p->num_macs, 1);
}

static void the_largest_card_can_be_had(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};
	struct test_port *many = calloc(NIC_MAX_VFS, sizeof(*many));
	struct nic_card *c;

	(void)state;
	assert_int_equal(nic_card_new("nic1", NIC_MAX_VFS, &params, &c), 0);
	for (unsigned n = 0; n < NIC_MAX_VFS; n++) {
		test_port_init(&many[n], 0);
		atomic_store(&many[n].port.policy, NULL);
		assert_int_equal(nic_card_attach_vf(c, n, &many[n].port, NULL, NULL), 0);
	}
	assert_memory_equal(c->vf[NIC_MAX_VFS - 1].guest.mac, c->base_mac, 3);
	for (unsigned n = 0; n < NIC_MAX_VFS; n++)
		nic_card_detach_vf(c, n);
	nic_card_free(c);
	free(many);
}

static void vfs_come_and_go(void **state)
{
	(void)state;
	assert_int_equal(nic_card_add_vf(card, NIC_MAX_VFS), -EINVAL);
	assert_int_equal(nic_card_add_vf(card, 0), -EEXIST);
	nic_card_set_trust(card, 1, true);
	nic_card_detach_vf(card, 1);
	nic_card_del_vf(card, 1);
	assert_int_equal(card->num_vfs, VFS);
	assert_false(card->vf[1].known);
	assert_int_equal(nic_card_attach_vf(card, 1, &port[1].port, NULL, NULL), -EINVAL);
	assert_int_equal(reaches(mac(0), 0), BIT(0));
	assert_int_equal(reaches(mac(VFS - 1), 0), BIT(VFS - 1));
	/* What comes again is new. */
	assert_int_equal(nic_card_add_vf(card, 1), 0);
	assert_true(card->vf[1].admin.spoofchk && !card->vf[1].admin.trust);
	assert_int_equal(mac(1)[5], (uint8_t)(card->base_mac[5] + 2));
	assert_int_equal(nic_card_attach_vf(card, 1, &port[1].port, NULL, NULL), 0);
	assert_int_equal(port[1].port.index, 1);
	nic_card_guest_active(card, 1, true);
	assert_int_equal(reaches(mac(1), 0), BIT(1));
	/* The highest number goes down over gaps. */
	assert_int_equal(nic_card_add_vf(card, 200), 0);
	assert_int_equal(card->num_vfs, 201);
	nic_card_del_vf(card, 200);
	assert_int_equal(card->num_vfs, VFS);
}

static void an_address_that_was_taken_is_not_given_twice(void **state)
{
	uint8_t wanted[6];

	(void)state;
	assert_int_equal(nic_card_add_vf(card, 9), 0);
	memcpy(wanted, mac(9), 6);
	assert_true(nic_card_has_mac(card, wanted));
	nic_card_del_vf(card, 9);
	assert_false(nic_card_has_mac(card, wanted));
	assert_int_equal(nic_card_set_mac(card, 0, wanted), 0);
	assert_int_equal(nic_card_add_vf(card, 9), 0);
	assert_memory_not_equal(mac(9), wanted, 6);
	assert_true(net_mac_is_valid(mac(9)));
	/* Nor when the operator's address is taken back. */
	assert_int_equal(nic_card_set_mac(card, 9, x), 0);
	assert_int_equal(nic_card_set_mac(card, 9, zero), 0);
	assert_memory_not_equal(card->vf[9].admin.mac, wanted, 6);
	memcpy(wanted, mac(9), 6);
	nic_card_random_mac(card, 9);
	assert_memory_not_equal(mac(9), wanted, 6);
	nic_card_del_vf(card, 9);
}

static void addresses_differ_where_bytes_overflow(void **state)
{
	static const uint8_t bases[][6] = {{2, 0, 0, 0, 0, 0},
					   {2, 0, 0, 0, 0, 0xf0},
					   {2, 0, 0, 0, 0xff, 0xf0},
					   {2, 0, 0, 0xff, 0xff, 0xf0}};

	(void)state;
	for (unsigned b = 0; b < ARRAY_SIZE(bases); b++) {
		nic_card_set_base_mac(card, bases[b]);
		for (unsigned n = VFS; n < NIC_MAX_VFS; n++)
			assert_int_equal(nic_card_add_vf(card, n), 0);
		for (unsigned n = 0; n < NIC_MAX_VFS; n++) {
			assert_memory_equal(mac(n), bases[b], 3);
			assert_memory_not_equal(mac(n), bases[b], 6);
			for (unsigned k = 0; k < n; k++)
				assert_memory_not_equal(mac(n), mac(k), 6);
		}
		for (unsigned n = VFS; n < NIC_MAX_VFS; n++)
			nic_card_del_vf(card, n);
	}
}

static void who_is_not_in_use_is_not_on_the_data_path(void **state)
{
	struct nic_dp_stats before, after;

	(void)state;
	assert_int_equal(nic_card_use_vf(card, 1, false), 0);
	assert_false(card->vf[1].on_dp);
	assert_int_equal(reaches(mac(1), 0), 0);
	assert_true(card->vf[1].guest.active); /* no more than that has changed */
	nic_card_set_trust(card, 1, true);     /* policy goes on */
	nic_card_use_vf(card, 1, false);       /* nothing more */
	send_from(&port[1], mac(0), 0);
	assert_int_equal(got(), 0);
	nic_dp_stats(card->dp, &before);
	assert_int_equal(nic_card_use_vf(card, 1, true), 0);
	test_pass_round(card->dp);
	nic_dp_stats(card->dp, &after);
	assert_int_equal(after.frames, before.frames + 1); /* what waited in its queue */
	assert_int_equal(got(), BIT(0));
	assert_int_equal(reaches(mac(1), 0), BIT(1));
	assert_int_equal(port[1].port.index, 1);
}

/* ---- the operator ---- */

static void the_operator_sets_an_address(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_mac(card, 0, x), 0);
	assert_int_equal(told[0], 1);
	assert_int_equal(reaches(x, 0), BIT(0));
	assert_int_equal(nic_card_set_mac(card, 1, x), -EEXIST);
	assert_int_equal(nic_card_set_mac(card, 1, mac(2)), -EEXIST);
	assert_int_equal(nic_card_set_mac(card, 1, card->base_mac), -EEXIST);
	assert_int_equal(nic_card_set_mac(card, 1, group), -EINVAL);
	assert_int_equal(nic_card_set_mac(card, 0, x), 0);
	assert_int_equal(told[1], 0);
}

static void an_operators_address_is_not_the_guests_to_change(void **state)
{
	uint8_t after[6];

	(void)state;
	nic_card_set_mac(card, 0, x);
	assert_int_equal(nic_card_guest_mac(card, 0, x), 0);
	assert_int_equal(nic_card_guest_mac(card, 0, y), -EPERM);
	assert_int_equal(nic_card_guest_filter_add(card, 0, y), -EPERM);
	nic_card_set_trust(card, 0, true);
	assert_int_equal(nic_card_guest_mac(card, 0, y), 0);
	assert_int_equal(reaches(x, 0), 0);
	assert_int_equal(reaches(y, 0), BIT(0));
	nic_card_guest_reset(card, 0, after);
	assert_memory_equal(after, x, 6);
	nic_card_set_trust(card, 0, false);
	assert_int_equal(nic_card_set_mac(card, 0, zero), 0);
	assert_int_equal(nic_card_guest_mac(card, 0, y), 0);
}

static void a_port_vlan_is_published(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_vlan(card, 0, 100, 5, false), 0);
	assert_int_equal(policy(0)->pvid, 100);
	assert_int_equal(policy(0)->qos, 5);
	assert_false(policy(0)->untagged);
	assert_int_equal(reaches(mac(0), 0), 0);
	assert_int_equal(reaches(mac(0), 100), BIT(0));
	assert_int_equal(nic_card_guest_vlan(card, 0, 7, true), -EPERM);
	assert_int_equal(nic_card_set_vlan(card, 0, 4095, 0, false), -EINVAL);
	assert_int_equal(nic_card_set_vlan(card, 0, 100, 8, false), -EINVAL);
	assert_int_equal(policy(0)->pvid, 100);
	assert_int_equal(nic_card_set_vlan(card, 0, 0, 0, false), 0);
	assert_int_equal(reaches(mac(0), 0), BIT(0));
}

/* The wire's side of it is test_nic_switch_vlan.c's. */
static void a_port_vlan_of_802_1ad_is_published(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_vlan(card, 0, 100, 5, true), 0);
	assert_true(policy(0)->svlan && policy(0)->pvid == 100);
	assert_int_equal(reaches(mac(0), 0), 0);
	assert_int_equal(reaches(mac(0), 100), 0);
	assert_int_equal(nic_card_set_vlan(card, 1, 100, 0, true), 0);
	send_from(&port[0], mac(1), 7);
	assert_int_equal(got(), BIT(1));
	assert_int_equal(nic_card_guest_vlan(card, 0, 7, true), 0); /* its own, inside */
	assert_int_equal(nic_card_set_vlan(card, 1, 100, 0, false), 0);
	send_from(&port[0], mac(1), 7);
	assert_int_equal(got(), 0);
	assert_int_equal(nic_card_set_vlan(card, 0, 100, 0, false), 0);
	assert_int_equal(reaches(mac(0), 100), BIT(0));
	send_from(&port[0], mac(1), 0);
	assert_int_equal(got(), BIT(1));
	assert_int_equal(nic_card_set_vlan(card, 0, 0, 0, true), 0); /* no VLAN is of no kind */
	assert_false(policy(0)->svlan);
}

static void a_list_of_vlans_is_published(void **state)
{
	uint64_t map[NIC_VLANS / 64] = {0};

	(void)state;
	nic_bitmap_assign(map, 7, true);
	assert_int_equal(nic_card_guest_vlan(card, 0, 8, true), 0);
	nic_card_set_vlans(card, 0, map);
	assert_true(policy(0)->listed);
	assert_int_equal(reaches(mac(0), 8), 0); /* at once */
	assert_int_equal(nic_card_guest_vlan(card, 0, 9, true), -EPERM);
	assert_int_equal(nic_card_guest_vlan(card, 0, 9, false), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 7, true), 0);
	assert_int_equal(reaches(mac(0), 7), BIT(0));
	send_from(&port[0], y, 8);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_VLAN), 1);
	assert_false(policy(1)->listed);
	memset(map, 0xff, sizeof(map));
	nic_bitmap_assign(map, 4094, false);
	assert_false(nic_vlans_all(map));
	nic_bitmap_assign(map, 4094, true);
	nic_bitmap_assign(map, 0, false);
	nic_bitmap_assign(map, 4095, false);
	nic_card_set_vlans(card, 0, map);
	assert_false(policy(0)->listed);
	assert_int_equal(reaches(mac(0), 8), BIT(0)); /* it is still a member */
}

static void switches_are_published(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_spoofchk(card, 0, NIC_SPOOFCHK_OFF), 0);
	assert_false(policy(0)->spoof_mac || policy(0)->spoof_vlan);
	assert_true(policy(1)->spoof_mac);
	assert_int_equal(nic_card_set_spoofchk(card, 0, NIC_SPOOFCHK_ON), 0);
	assert_true(policy(0)->spoof_mac && policy(0)->spoof_vlan);
	assert_false(policy(0)->spoof_neigh);
	assert_int_equal(nic_card_set_spoofchk(card, 0, NIC_SPOOFCHK_ARP), 0);
	assert_true(policy(0)->spoof_mac && policy(0)->spoof_vlan && policy(0)->spoof_neigh);
	assert_int_equal(nic_card_set_spoofchk(card, 0, NIC_SPOOFCHK_NUM), -EINVAL);
	assert_true(policy(0)->spoof_neigh);
}

static void a_rate_is_published(void **state)
{
	(void)state;
	assert_int_equal(policy(0)->max_tx_mbps, 0);
	assert_int_equal(nic_card_set_rate(card, 0, 0, NIC_MAX_MBPS), 0);
	assert_int_equal(policy(0)->max_tx_mbps, 4294967);
	assert_int_equal(nic_card_set_rate(card, 0, 0, NIC_MAX_MBPS + 1), -EINVAL);
	assert_int_equal(nic_card_set_rate(card, 1, 0, 1), 0);
	assert_int_equal(policy(0)->max_tx_mbps, 4294967);
	assert_int_equal(policy(1)->max_tx_mbps, 1);
	assert_int_equal(nic_card_set_rate(card, 0, 0, 0), 0);
	assert_int_equal(policy(0)->max_tx_mbps, 0);
}

static void minima_fit_into_the_link(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_rate(card, 0, NIC_MAX_MBPS + 1, 0), -EINVAL);
	assert_int_equal(nic_card_set_rate(card, 0, 11, 10), -ERANGE);
	assert_int_equal(nic_card_set_rate(card, 0, 10, 10), 0);
	assert_int_equal(policy(0)->min_tx_mbps, 10);
	assert_int_equal(nic_card_free_mbps(card, 1), NIC_MAX_MBPS - 10);
	card->link_mbps = 1000;
	assert_int_equal(nic_card_set_rate(card, 1, 700, 0), 0);
	assert_int_equal(nic_card_free_mbps(card, 2), 290);
	assert_int_equal(nic_card_set_rate(card, 2, 291, 0), -ERANGE);
	assert_int_equal(policy(2)->min_tx_mbps, 0);
	assert_int_equal(nic_card_set_rate(card, 2, 290, 0), 0);
	assert_int_equal(nic_card_free_mbps(card, 3), 0);
	assert_int_equal(nic_card_set_rate(card, 1, 701, 0), -ERANGE); /* beside its own */
	assert_int_equal(nic_card_set_rate(card, 1, 700, 800), 0);
	assert_int_equal(nic_card_set_rate(card, 1, 0, 0), 0);
	assert_int_equal(nic_card_free_mbps(card, 3), 700);
}

/* A link that is down is the receiver's loss: its frames do not go out to the wire. */
static void an_address_is_kept_while_the_link_is_down(void **state)
{
	(void)state;
	add_wire();
	nic_card_set_link(card, 0, NIC_LINK_DISABLE);
	send_from(&port[1], mac(0), 0);
	assert_int_equal(got(), 0);
	assert_int_equal(test_rx_drop(&port[0], NIC_DROP_RXOFF), 1);
	nic_card_guest_active(card, 0, false); /* now it is nobody's */
	send_from(&port[1], mac(0), 0);
	assert_int_equal(got(), 0x80);
}

static void the_operator_rules_the_link(void **state)
{
	(void)state;
	add_wire();
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_DISABLE), 0);
	assert_false(nic_card_link_up(card, 0));
	assert_false(policy(0)->link_up);
	assert_int_equal(told[0], 1);
	send_from(&port[1], mac(0), 0);
	assert_int_equal(got(), 0);
	nic_card_uplink_state(card, false);
	assert_false(policy(1)->link_up);
	assert_int_equal(told[1], 1);
	assert_int_equal(told[0], 1); /* nothing has changed for it */
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_ENABLE), 0);
	assert_true(policy(0)->link_up);
	nic_card_uplink_state(card, false); /* again: no news */
	assert_int_equal(told[1], 1);
	nic_card_uplink_state(card, true);
	assert_true(policy(1)->link_up);
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_NUM), -EINVAL);
}

/* auto: down with the uplink. enable: VF to VF goes on, and what is for the wire is its loss.
 */
static void enabled_links_outlive_the_uplink(void **state)
{
	(void)state;
	add_wire();
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_ENABLE), 0);
	assert_int_equal(nic_card_set_link(card, 1, NIC_LINK_ENABLE), 0);
	nic_card_uplink_state(card, false);
	send_from(&port[0], mac(1), 0);
	assert_int_equal(got(), BIT(1));
	send_from(&port[0], mac(2), 0);
	assert_int_equal(test_rx_drop(&port[2], NIC_DROP_RXOFF), 1);
	send_from(&port[2], mac(0), 0);
	assert_int_equal(test_tx_drop(&port[2], NIC_DROP_TXOFF), 1);
	send_from(&port[0], y, 0);
	assert_int_equal(test_rx_drop(&wire, NIC_DROP_UPLINK), 1);
	assert_int_equal(got(), 0);
	assert_int_equal(test_tx_drops(&port[0]), 0);
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_AUTO), 0);
	send_from(&port[0], mac(1), 0);
	assert_int_equal(got(), 0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
}

/* Without an uplink the VFs talk to each other; so the link comes back when a dead one is taken
 * away. */
static void a_link_does_not_die_with_its_uplink(void **state)
{
	(void)state;
	add_wire();
	nic_card_uplink_state(card, false);
	assert_false(policy(1)->link_up);
	nic_card_set_uplink(card, NULL, -1);
	assert_true(nic_card_link_up(card, 1));
	assert_true(policy(1)->link_up);
	assert_int_equal(told[1], 2);
	nic_card_uplink_state(card, false); /* there is none */
	assert_true(policy(1)->link_up);
}

static void the_wire_gets_what_nobody_owns(void **state)
{
	(void)state;
	send_from(&port[0], y, 0);
	assert_int_equal(got(), 0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_NODEST), 1);
	add_wire();
	send_from(&port[0], y, 0);
	assert_int_equal(got(), 0x80);
	nic_card_set_uplink(card, NULL, -1);
	send_from(&port[0], y, 0);
	assert_int_equal(got(), 0);
}

/* ---- the guest ---- */

static void frames_flow_while_the_guest_is_active(void **state)
{
	uint8_t start[6];

	(void)state;
	assert_true(policy(0)->link_up);
	nic_card_guest_active(card, 0, false);
	assert_false(policy(0)->link_up);
	assert_int_equal(reaches(mac(0), 0), 0);
	nic_card_guest_active(card, 0, true);
	assert_int_equal(reaches(mac(0), 0), BIT(0));
	nic_card_guest_reset(card, 0, start);
	assert_memory_equal(start, mac(0), 6);
	assert_false(policy(0)->link_up);
	send_from(&port[0], mac(1), 0);
	assert_int_equal(got(), 0);
	assert_int_equal(test_tx_drop(&port[0], NIC_DROP_TXOFF), 1);
}

static void a_reset_forgets_what_the_guest_asked_for(void **state)
{
	const uint16_t hash = 77;
	uint8_t start[6], was[6];

	(void)state;
	memcpy(was, mac(0), 6);
	nic_card_set_trust(card, 0, true);
	nic_card_guest_mac(card, 0, x);
	nic_card_guest_filter_add(card, 0, y);
	nic_card_guest_multicast(card, 0, &hash, 1);
	nic_card_guest_vlan(card, 0, 9, true);
	nic_card_guest_lpe(card, 0, 9000);
	nic_card_guest_promisc(card, 0, true, true);
	nic_card_guest_reset(card, 0, start);
	nic_card_guest_active(card, 0, true);
	assert_memory_equal(start, was, 6);
	assert_false(policy(0)->promisc || policy(0)->allmulti || policy(0)->strip_tag);
	assert_int_equal(policy(0)->max_frame, 1514);
	assert_int_equal(policy(0)->num_macs, 1);
	assert_false(nic_bitmap_test(policy(0)->mta, 77));
	assert_int_equal(reaches(x, 0), 0);
	assert_int_equal(reaches(y, 0), 0);
	assert_int_equal(reaches(was, 9), 0);
	assert_int_equal(reaches(was, 0), BIT(0));
}

static void a_guest_takes_a_free_address(void **state)
{
	(void)state;
	assert_int_equal(nic_card_guest_mac(card, 0, x), 0);
	assert_int_equal(nic_card_guest_mac(card, 1, x), -EEXIST);
	assert_int_equal(nic_card_guest_mac(card, 1, mac(2)), -EEXIST);
	assert_int_equal(nic_card_guest_mac(card, 1, card->base_mac), -EEXIST);
	assert_int_equal(nic_card_guest_mac(card, 1, group), -EINVAL);
	assert_int_equal(nic_card_guest_mac(card, 1, zero), -EINVAL);
	assert_int_equal(nic_card_guest_filter_add(card, 1, y), 0);
	assert_int_equal(nic_card_guest_mac(card, 0, y), -EEXIST);
	assert_int_equal(nic_card_set_mac(card, 0, y), -EEXIST);
	/* VF 0's first address is still kept for it. */
	assert_int_equal(nic_card_guest_mac(card, 1, card->vf[0].admin.mac), -EEXIST);
}

static void filters_are_more_addresses(void **state)
{
	uint8_t m[6] = {2, 0xbb, 0, 0, 0, 0};

	(void)state;
	assert_int_equal(nic_card_guest_filter_add(card, 0, y), 0);
	assert_int_equal(nic_card_guest_filter_add(card, 0, y), 0); /* once is enough */
	assert_int_equal(policy(0)->num_macs, 2);
	assert_int_equal(reaches(y, 0), BIT(0));
	assert_int_equal(nic_card_guest_filter_add(card, 1, y), -EEXIST);
	assert_int_equal(nic_card_guest_filter_add(card, 1, group), -EINVAL);
	for (m[5] = 1; m[5] < NIC_PORT_MACS - 1; m[5]++)
		assert_int_equal(nic_card_guest_filter_add(card, 0, m), 0);
	assert_int_equal(nic_card_guest_filter_add(card, 0, m), -ENOSPC);
	assert_int_equal(policy(0)->num_macs, NIC_PORT_MACS);
	nic_card_guest_filter_clear(card, 0);
	assert_int_equal(policy(0)->num_macs, 1);
	assert_int_equal(reaches(y, 0), 0);
	assert_int_equal(nic_card_guest_filter_add(card, 1, y), 0);
}

static void vlans_are_joined_and_left(void **state)
{
	(void)state;
	assert_int_equal(nic_card_guest_vlan(card, 0, 0, true), 0);
	assert_false(policy(0)->strip_tag);
	assert_int_equal(nic_card_guest_vlan(card, 0, 4095, true), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 63, true), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 63, true), 0);
	assert_int_equal(card->vf[0].guest.num_vlans, 2);
	assert_true(policy(0)->strip_tag);
	assert_int_equal(reaches(mac(0), 4095), BIT(0));
	assert_int_equal(reaches(mac(0), 63), BIT(0));
	assert_int_equal(reaches(mac(0), 64), 0);
	assert_int_equal(reaches(mac(1), 63), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 63, false), 0);
	assert_int_equal(reaches(mac(0), 63), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 63, false), 0);
	assert_int_equal(card->vf[0].guest.num_vlans, 1);
	assert_int_equal(nic_card_guest_vlan(card, 0, 4096, true), -EINVAL);
	for (unsigned vid = 1; vid < 32; vid++)
		assert_int_equal(nic_card_guest_vlan(card, 0, vid, true), 0);
	assert_int_equal(nic_card_guest_vlan(card, 0, 40, true), -ENOSPC);
	assert_int_equal(reaches(mac(0), 0), BIT(0));
	assert_int_equal(reaches(mac(0), 1), BIT(0));
	assert_int_equal(reaches(mac(0), 31), BIT(0));
}

static void multicast_hashes_replace_each_other(void **state)
{
	const uint16_t first[] = {1, 0xf002}, second = 3;

	(void)state;
	nic_card_guest_multicast(card, 0, first, 2);
	assert_true(nic_bitmap_test(policy(0)->mta, 1));
	assert_true(nic_bitmap_test(policy(0)->mta, 2)); /* 12 bits count */
	nic_card_guest_multicast(card, 0, &second, 1);
	assert_false(nic_bitmap_test(policy(0)->mta, 1));
	assert_true(nic_bitmap_test(policy(0)->mta, 3));
}

/* igbvf has buffers of 1 KiB below MTU 1007, which it cannot chain: a longer frame would be its
 * end. */
static void a_guest_gets_no_longer_frame_than_it_said(void **state)
{
	(void)state;
	assert_int_equal(nic_card_guest_lpe(card, 0, 1006 + 14 + 4 + 4), 0);
	assert_int_equal(policy(0)->max_frame, 1024);
	assert_int_equal(nic_card_guest_lpe(card, 0, 9728), 0);
	assert_int_equal(policy(0)->max_frame, 9724);
	assert_int_equal(nic_card_guest_lpe(card, 0, 9729), -EINVAL);
	assert_int_equal(nic_card_guest_lpe(card, 0, 63), -EINVAL);
	assert_int_equal(policy(0)->max_frame, 9724);
}

/* DPDK asks with two tags and FCS. What was granted before the limit stays, and comes back. */
static void an_operators_mtu_bounds_what_a_guest_asks_for(void **state)
{
	(void)state;
	assert_int_equal(policy(0)->mtu, 0);
	assert_int_equal(nic_card_guest_lpe(card, 0, 9000), 0);
	assert_int_equal(nic_card_set_mtu(card, 0, 1200), 0);
	assert_int_equal(policy(0)->mtu, 1200);
	assert_int_equal(policy(1)->mtu, 0);
	assert_int_equal(nic_card_guest_lpe(card, 0, 1200 + 14 + 8 + 4 + 1), -EPERM);
	assert_int_equal(policy(0)->max_frame, 8996);
	assert_int_equal(nic_card_guest_lpe(card, 0, 1200 + 14 + 8 + 4), 0);
	assert_int_equal(policy(0)->max_frame, 1200 + 14 + 8);
	assert_int_equal(nic_card_set_mtu(card, 0, NIC_MTU_MIN - 1), -EINVAL);
	assert_int_equal(nic_card_set_mtu(card, 0, NIC_MTU_MAX + 1), -EINVAL);
	assert_int_equal(policy(0)->mtu, 1200);
	nic_card_guest_reset(card, 0, (uint8_t[6]){0});
	assert_int_equal(policy(0)->mtu, 1200);
	assert_int_equal(nic_card_set_mtu(card, 0, NIC_MTU_MAX), 0);
	assert_int_equal(nic_card_set_mtu(card, 0, NIC_MTU_MIN), 0);
	assert_int_equal(nic_card_set_mtu(card, 0, 0), 0);
	assert_int_equal(policy(0)->mtu, 0);
	assert_int_equal(nic_card_guest_lpe(card, 0, 9000), 0);
}

static void promiscuity_takes_trust(void **state)
{
	(void)state;
	assert_int_equal(nic_card_guest_promisc(card, 0, true, true), -EPERM);
	assert_false(policy(0)->allmulti);
	assert_int_equal(nic_card_guest_promisc(card, 0, true, false), 0);
	assert_true(policy(0)->allmulti);
	nic_card_set_trust(card, 0, true);
	assert_int_equal(nic_card_guest_promisc(card, 0, false, true), 0);
	assert_true(policy(0)->promisc);
	send_from(&port[1], mac(2), 0);
	assert_int_equal(got(), BIT(0) | BIT(2));
	nic_card_set_trust(card, 0, false);
	assert_false(policy(0)->promisc);
	send_from(&port[1], mac(2), 0);
	assert_int_equal(got(), BIT(2));
}

static void a_detached_vf_is_gone(void **state)
{
	uint8_t was[6];

	(void)state;
	nic_card_set_trust(card, 0, true);
	nic_card_guest_promisc(card, 0, true, true);
	memcpy(was, mac(0), 6);
	nic_card_detach_vf(card, 0);
	assert_null(policy(0));
	send_from(&port[1], was, 0);
	send_from(&port[1], mac(2), 0);
	assert_int_equal(got(), BIT(2));
	assert_int_equal(nic_card_set_link(card, 0, NIC_LINK_ENABLE),
			 0); /* the operator's words stay */
	assert_int_equal(told[0], 0);
	assert_int_equal(nic_card_attach_vf(card, 0, &port[0].port, on_changed, &told[0]), 0);
	assert_false(policy(0)->link_up);
	assert_false(policy(0)->promisc);
	nic_card_guest_active(card, 0, true);
	send_from(&port[1], was, 0);
	assert_int_equal(got(), BIT(0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wrong_parameters_are_refused),
		TEST(every_vf_has_an_address_of_its_own),
		TEST(the_defaults_are_the_hardwares),
		TEST(the_largest_card_can_be_had),
		TEST(vfs_come_and_go),
		TEST(an_address_that_was_taken_is_not_given_twice),
		TEST(addresses_differ_where_bytes_overflow),
		TEST(who_is_not_in_use_is_not_on_the_data_path),
		TEST(the_operator_sets_an_address),
		TEST(an_operators_address_is_not_the_guests_to_change),
		TEST(a_port_vlan_is_published),
		TEST(a_port_vlan_of_802_1ad_is_published),
		TEST(a_list_of_vlans_is_published),
		TEST(switches_are_published),
		TEST(a_rate_is_published),
		TEST(minima_fit_into_the_link),
		TEST(an_address_is_kept_while_the_link_is_down),
		TEST(the_operator_rules_the_link),
		TEST(enabled_links_outlive_the_uplink),
		TEST(a_link_does_not_die_with_its_uplink),
		TEST(the_wire_gets_what_nobody_owns),
		TEST(frames_flow_while_the_guest_is_active),
		TEST(a_reset_forgets_what_the_guest_asked_for),
		TEST(a_guest_takes_a_free_address),
		TEST(filters_are_more_addresses),
		TEST(vlans_are_joined_and_left),
		TEST(multicast_hashes_replace_each_other),
		TEST(a_guest_gets_no_longer_frame_than_it_said),
		TEST(an_operators_mtu_bounds_what_a_guest_asks_for),
		TEST(promiscuity_takes_trust),
		TEST(a_detached_vf_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
