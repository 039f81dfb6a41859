/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may mirror whom, and that it follows ports that come and go, while the data path runs. */
#include "nic_mirror.h"
#include "test_card.h"

static struct nic_mirror_from from;
static unsigned other;

/* VF n gets copies of source: bits 0 rx, 1 tx; on top of what from has. */
static int mirror(unsigned n, unsigned source, unsigned dirs)
{
	nic_bitmap_assign(from.rx, source, dirs & 1);
	nic_bitmap_assign(from.tx, source, dirs & 2);
	return nic_card_set_mirror(card, n, &from, &other);
}

static int only(unsigned n, unsigned source, unsigned dirs)
{
	memset(&from, 0, sizeof(from));
	return mirror(n, source, dirs);
}

static int no_mirror(unsigned n)
{
	memset(&from, 0, sizeof(from));
	return nic_card_set_mirror(card, n, &from, &other);
}

static unsigned vf_sends(unsigned n, const uint8_t *to)
{
	send_from(&port[n], to, 0);
	return got();
}

static unsigned wire_sends(const uint8_t *to)
{
	send_from(&wire, to, 0);
	return got();
}

static void directions_are_the_mirrored_ports(void **state)
{
	(void)state;
	add_wire();
	assert_int_equal(only(3, 0, 1), 0);
	assert_false(policy(3)->promisc); /* it is no policy of the receiver */
	assert_int_equal(vf_sends(1, mac(0)), BIT(0) | BIT(3));
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
	assert_int_equal(only(3, 0, 2), 0);
	assert_int_equal(vf_sends(1, mac(0)), BIT(0));
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(3));
	assert_int_equal(mirror(3, 1, 3), 0);
	assert_int_equal(wire_sends(mac(1)), BIT(1) | BIT(3));
	assert_int_equal(no_mirror(3), 0);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
}

static void the_uplink_receives_what_comes_in(void **state)
{
	(void)state;
	add_wire();
	assert_int_equal(only(3, NIC_MIRROR_UPLINK, 1), 0);
	assert_int_equal(wire_sends(mac(0)), BIT(0) | BIT(3));
	assert_int_equal(vf_sends(0, x), 0x80);
	assert_int_equal(only(3, NIC_MIRROR_UPLINK, 2), 0);
	assert_int_equal(wire_sends(mac(0)), BIT(0));
	assert_int_equal(vf_sends(0, x), 0x80 | BIT(3));
}

static void what_contradicts_is_refused(void **state)
{
	(void)state;
	assert_int_equal(only(3, 3, 1), -EINVAL);
	assert_int_equal(only(3, VFS, 1), -ENODEV);
	assert_int_equal(other, VFS);
	assert_int_equal(only(3, NIC_MIRROR_UPLINK - 1, 2), -ENODEV);
	assert_int_equal(only(3, NIC_MIRROR_UPLINK, 1), -ENODEV);
	assert_int_equal(other, NIC_MIRROR_UPLINK);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
	assert_int_equal(only(3, 0, 2), 0);
	assert_int_equal(only(0, 1, 3), -EBUSY); /* mirrored itself */
	assert_int_equal(other, 3);
	assert_int_equal(only(2, 3, 1), -ELOOP); /* gets copies itself */
	assert_int_equal(other, 3);
	assert_int_equal(no_mirror(0), 0);
	assert_int_equal(only(2, 0, 1), 0);
	/* Nothing of it has changed anything. */
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(3));
	assert_int_equal(no_mirror(3), 0);
	assert_int_equal(only(2, 3, 1), 0);
}

static void one_port_has_a_few_mirrors(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};
	struct nic_card *big;

	(void)state;
	assert_int_equal(nic_card_new("big", NIC_MAX_VFS, &params, &big), 0);
	memset(&from, 0, sizeof(from));
	nic_bitmap_assign(from.rx, 0, true);
	for (unsigned n = 1; n <= NIC_MIRROR_MAX; n++)
		assert_int_equal(nic_card_set_mirror(big, n, &from, &other), 0);
	assert_int_equal(nic_card_set_mirror(big, 254, &from, &other), -ENOSPC);
	assert_int_equal(other, 0);
	assert_int_equal(nic_card_set_mirror(big, 1, &from, &other), 0); /* again */
	memset(&from, 0, sizeof(from));
	for (unsigned n = 5; n < 254; n++)
		nic_bitmap_assign(from.tx, n, true);
	assert_int_equal(nic_card_set_mirror(big, 254, &from, &other), 0);
	nic_card_free(big);
}

static void a_mirror_follows_ports_that_come_and_go(void **state)
{
	(void)state;
	add_wire();
	assert_int_equal(only(3, 0, 2), 0);
	assert_int_equal(mirror(3, NIC_MIRROR_UPLINK, 3), 0);
	nic_card_detach_vf(card, 3);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
	assert_int_equal(wire_sends(mac(0)), BIT(0));
	assert_int_equal(nic_card_attach_vf(card, 3, &port[3].port, on_changed, &told[3]), 0);
	nic_card_guest_active(card, 3, true);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(3));
	nic_card_detach_vf(card, 0);
	assert_null(port[0].port.mirrors);
	assert_int_equal(nic_card_attach_vf(card, 0, &port[0].port, on_changed, &told[0]), 0);
	nic_card_guest_active(card, 0, true);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(3));
	nic_card_set_uplink(card, NULL, -1);
	assert_null(wire.port.mirrors);
	add_wire();
	assert_int_equal(wire_sends(mac(1)), BIT(1) | BIT(3));
}

/* A VF that is made again has not to do with who had its number. */
static void a_vf_that_goes_is_forgotten(void **state)
{
	(void)state;
	assert_int_equal(only(3, 0, 2), 0);
	nic_card_detach_vf(card, 0);
	nic_card_del_vf(card, 0);
	assert_int_equal(only(2, 0, 1), -ENODEV);
	assert_int_equal(nic_card_add_vf(card, 0), 0);
	assert_int_equal(nic_card_attach_vf(card, 0, &port[0].port, on_changed, &told[0]), 0);
	nic_card_guest_active(card, 0, true);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
	assert_int_equal(only(3, 0, 2), 0);
	nic_card_detach_vf(card, 3);
	nic_card_del_vf(card, 3);
	assert_null(port[0].port.mirrors);
	assert_int_equal(nic_card_add_vf(card, 3), 0);
	assert_int_equal(nic_card_attach_vf(card, 3, &port[3].port, on_changed, &told[3]), 0);
	nic_card_guest_active(card, 3, true);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1));
}

static void owned_policy(void *arg, unsigned n, struct nic_policy *p)
{
	(void)arg;
	p->link_up = p->rx_on = p->tx_on = p->untagged = true;
	p->max_frame = 1518;
	p->num_macs = 1;
	p->mac[0] = net_mac_u64(n == NIC_PF ? x : mac(n));
}

static bool owned_link(void *arg, unsigned n)
{
	(void)arg, (void)n;
	return true;
}

static const struct nic_owner_ops owner = {.policy = owned_policy, .link_up = owned_link};

static void it_holds_whoever_owns_the_policy(void **state)
{
	static struct test_port pf;

	(void)state;
	test_port_init(&pf, 50);
	atomic_store(&pf.port.policy, NULL);
	assert_int_equal(only(3, 0, 2), 0);
	assert_int_equal(nic_card_set_owner(card, &owner, NULL, &pf.port), 0);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(3));
	assert_int_equal(only(2, 0, 2), 0);
	assert_int_equal(vf_sends(0, mac(1)), BIT(1) | BIT(2) | BIT(3));
	assert_int_equal(nic_card_set_owner(card, NULL, NULL, NULL), 0);
	test_port_done(&pf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(directions_are_the_mirrored_ports),
		TEST(the_uplink_receives_what_comes_in),
		TEST(what_contradicts_is_refused),
		TEST(one_port_has_a_few_mirrors),
		TEST(a_mirror_follows_ports_that_come_and_go),
		TEST(a_vf_that_goes_is_forgotten),
		TEST(it_holds_whoever_owns_the_policy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
