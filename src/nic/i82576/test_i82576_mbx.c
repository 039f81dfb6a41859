/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox as a driver meets it: every exchange goes through register accesses in igbvf's
 * order (lock, flush, write, REQ; poll for the acknowledgement, then for the answer; lock,
 * read, ACK).
 */
#include "test_i82576.h"

#include <string.h>

#define V2P	I82576_VF_V2PMAILBOX
#define MEM	I82576_VF_VMBMEM
#define ACK	0x80000000u
#define NACK	0x40000000u
#define CTS	0x20000000u
#define INFO(n) ((uint32_t)(n) << 16)

static struct nic_vf_guest *guest(void)
{
	return &tc.card->vf[0].guest;
}

static void take_lock(void)
{
	wr(V2P, I82576_V2P_VFU);
	assert_true(rd(V2P) & I82576_V2P_VFU);
}

static void send_msg(const uint32_t *words, unsigned n)
{
	take_lock();
	for (unsigned i = 0; i < n; i++)
		wr(MEM + 4 * i, words[i]);
	wr(V2P, I82576_V2P_REQ);
}

static void receive(uint32_t *words, unsigned n)
{
	take_lock();
	for (unsigned i = 0; i < n; i++)
		words[i] = rd(MEM + 4 * i);
	wr(V2P, I82576_V2P_ACK);
}

/* One message and word 0 of its answer. Both status bits are there at the first look. */
static uint32_t ask(const uint32_t *words, unsigned n)
{
	uint32_t answer;

	send_msg(words, n);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(rd(V2P), 0);
	receive(&answer, 1);
	return answer;
}

static uint32_t ask2(uint32_t word0, uint32_t word1)
{
	uint32_t words[2] = {word0, word1};

	return ask(words, 2);
}

static uint32_t ask_mac(uint32_t word0, const uint8_t mac[6])
{
	uint32_t words[3] = {word0};

	memcpy(&words[1], mac, 6);
	return ask(words, 3);
}

/* What igbvf does at probe and after each reset. */
static void driver_resets(uint8_t ret_mac[6])
{
	uint32_t words[3] = {1};

	wr(I82576_VF_CTRL, rd(I82576_VF_CTRL) | I82576_CTRL_RST);
	assert_int_equal(rd(V2P) & (I82576_V2P_RSTI | I82576_V2P_RSTD), I82576_V2P_RSTD);
	assert_int_equal(rd(V2P) & (I82576_V2P_RSTI | I82576_V2P_RSTD), 0);
	send_msg(words, 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	receive(words, 3);
	assert_int_equal(words[0], 1 | ACK);
	memcpy(ret_mac, &words[1], 6);
}

static int set_up_driver(void **state)
{
	uint8_t mac[6];

	if (test_set_up(state) < 0)
		return -1;
	driver_resets(mac);
	return 0;
}

static void a_driver_gets_its_address_by_reset(void **state)
{
	static const uint8_t admin[6] = {2, 0, 0, 0, 0, 0x42};
	uint8_t mac[6];

	(void)state;
	assert_false(guest()->active);
	driver_resets(mac);
	assert_memory_equal(mac, tc.card->vf[0].admin.mac, 6);
	assert_true(guest()->active);
	assert_int_equal(nic_card_set_mac(tc.card, 0, admin), 0);
	driver_resets(mac);
	assert_memory_equal(mac, admin, 6);
	assert_int_equal(tc.vf[0]->mailbox_msgs, 2);
}

static void the_lock_is_given_and_taken_back(void **state)
{
	(void)state;
	take_lock();
	wr(V2P, 0);
	assert_int_equal(rd(V2P), 0);
}

static void status_bits_are_cleared_by_reading_and_only_by_that(void **state)
{
	uint8_t b;

	(void)state;
	send_msg((uint32_t[]){5, 1518}, 2);
	wr(V2P, 0xffffffff & ~I82576_V2P_REQ & ~I82576_V2P_ACK);
	i82576_vf_bar_read(tc.vf[0], 0, V2P, &b, 1);
	assert_int_equal(b, I82576_V2P_PFSTS | I82576_V2P_PFACK | I82576_V2P_VFU);
	assert_int_equal(rd(V2P), I82576_V2P_VFU);
}

static void a_message_before_the_reset_is_refused_without_cts(void **state)
{
	uint8_t mac[6];

	(void)state;
	assert_int_equal(rd(V2P), I82576_V2P_RSTD);
	assert_int_equal(ask2(5, 1518), 5 | NACK);
	assert_int_equal(guest()->max_frame, 1518);
	driver_resets(mac);
	assert_int_equal(ask2(5, 9234), 5 | ACK | CTS);
	assert_int_equal(guest()->max_frame, 9234);
}

static void a_driver_that_lost_clear_to_send_learns_it_by_reading(void **state)
{
	uint32_t word;

	(void)state;
	nic_card_guest_active(tc.card, 0, false);
	receive(&word, 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
	receive(&word, 1);
	assert_int_equal(word, NACK);
}

static void link_check_finds_cts_in_the_last_answer(void **state)
{
	uint32_t word;

	(void)state;
	ask2(5, 1518);
	receive(&word, 1);
	assert_true(word & CTS);
	receive(&word, 1);
	assert_true(word & CTS);
	assert_int_equal(rd(V2P), 0); /* reading mail provokes no mail */
}

static void unknown_messages_and_answers_sent_back(void **state)
{
	(void)state;
	nic_card_set_query_rss(tc.card, 0, true);
	assert_int_equal(ask2(7, 0), 7 | NACK | CTS);
	assert_int_equal(ask2(0x0a, 0),
			 0x0a | NACK | CTS); /* ixgbevf's for the RSS table, key */
	assert_int_equal(ask2(0x0b, 0), 0x0b | NACK | CTS);
	assert_int_equal(ask2(0, 0), 0 | NACK | CTS);
	assert_int_equal(ask2(0xffff, 0), 0xffff | NACK | CTS);
	assert_int_equal(ask2(1 | INFO(1), 0), (1 | INFO(1) | NACK | CTS));
	send_msg((uint32_t[]){5 | ACK, 2000}, 2);
	assert_int_equal(rd(V2P), I82576_V2P_PFACK);
	assert_int_equal(guest()->max_frame, 1518);
}

static void a_request_with_the_lock_kept_waits_for_its_release(void **state)
{
	(void)state;
	take_lock();
	wr(MEM, 5);
	wr(MEM + 4, 2000);
	wr(V2P, I82576_V2P_REQ | I82576_V2P_VFU);
	assert_int_equal(rd(V2P), I82576_V2P_VFU);
	assert_int_equal(guest()->max_frame, 1518);
	wr(V2P, 0);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(guest()->max_frame, 2000);
	wr(V2P, 0);
	assert_int_equal(rd(V2P), 0);
}

static void addresses_are_set_and_refused(void **state)
{
	static const uint8_t mine[6] = {2, 0, 0, 0, 0, 1}, group[6] = {3}, zero[6];
	static const uint8_t admin[6] = {2, 0, 0, 0, 0, 2};

	(void)state;
	assert_int_equal(ask_mac(2, mine), 2 | ACK | CTS);
	assert_memory_equal(guest()->mac, mine, 6);
	assert_int_equal(ask_mac(2, group), 2 | NACK | CTS);
	assert_int_equal(ask_mac(2, zero), 2 | NACK | CTS);
	assert_int_equal(ask_mac(2, tc.card->vf[1].guest.mac), 2 | NACK | CTS);
	assert_memory_equal(guest()->mac, mine, 6);
	assert_int_equal(nic_card_set_mac(tc.card, 0, admin), 0);
	wr(V2P, I82576_V2P_ACK); /* the ping that tells */
	rd(V2P);
	assert_int_equal(ask_mac(2, mine), 2 | NACK | CTS);
}

static void filters_are_added_and_cleared(void **state)
{
	static const uint8_t one[6] = {2, 0, 0, 0, 1, 1}, zero[6];

	(void)state;
	assert_int_equal(ask_mac(2 | INFO(2), one), (2 | INFO(2) | ACK | CTS));
	assert_int_equal(guest()->num_filters, 1);
	assert_int_equal(ask_mac(2 | INFO(2), zero), (2 | INFO(2) | NACK | CTS));
	assert_int_equal(ask_mac(2 | INFO(3), one), (2 | INFO(3) | NACK | CTS));
	assert_int_equal(ask_mac(2 | INFO(1), zero), (2 | INFO(1) | ACK | CTS));
	assert_int_equal(guest()->num_filters, 0);
}

static void filters_are_bounded(void **state)
{
	uint8_t mac[6] = {2, 0, 0, 0, 1, 0};

	(void)state;
	for (unsigned i = 0; i < NIC_PORT_MACS - 1; i++) {
		mac[5] = (uint8_t)i;
		assert_int_equal(ask_mac(2 | INFO(2), mac), (2 | INFO(2) | ACK | CTS));
	}
	mac[5] = 0xff;
	assert_int_equal(ask_mac(2 | INFO(2), mac), (2 | INFO(2) | NACK | CTS));
}

static void multicast_hashes_replace_the_former_ones(void **state)
{
	uint32_t words[16] = {3 | INFO(3), 0x0fff0001, 0x0800};

	(void)state;
	assert_int_equal(ask(words, 16), (3 | INFO(3) | ACK | CTS));
	assert_true(nic_bitmap_test(guest()->mta, 1));
	assert_true(nic_bitmap_test(guest()->mta, 0xfff));
	assert_true(nic_bitmap_test(guest()->mta, 0x800));
	assert_false(nic_bitmap_test(guest()->mta, 0));
	words[0] = 3 | INFO(1);
	words[1] = 7;
	assert_int_equal(ask(words, 16), (3 | INFO(1) | ACK | CTS));
	assert_false(nic_bitmap_test(guest()->mta, 1));
	assert_true(nic_bitmap_test(guest()->mta, 7));
	words[0] = 3;
	assert_int_equal(ask(words, 16), 3 | ACK | CTS);
	assert_false(nic_bitmap_test(guest()->mta, 7));
}

static void all_thirty_hashes_count(void **state)
{
	uint32_t words[16] = {3 | INFO(30)};

	(void)state;
	for (uint32_t i = 0; i < 15; i++)
		words[1 + i] = (2 * i + 101) << 16 | (2 * i + 100);
	assert_int_equal(ask(words, 16), (3 | INFO(30) | ACK | CTS));
	for (unsigned h = 100; h < 130; h++)
		assert_true(nic_bitmap_test(guest()->mta, h));
	assert_false(guest()->allmulti);
}

static void more_hashes_than_fit_mean_all_multicast(void **state)
{
	uint32_t words[16] = {3 | INFO(255)};

	(void)state;
	assert_int_equal(ask(words, 16), (3 | INFO(255) | ACK | CTS));
	assert_true(guest()->allmulti);
	words[0] = 3 | INFO(2);
	ask(words, 16);
	assert_false(guest()->allmulti);
}

static void vlans_are_added_removed_and_refused(void **state)
{
	(void)state;
	assert_int_equal(ask2(4 | INFO(1), 100), (4 | INFO(1) | ACK | CTS));
	assert_true(nic_bitmap_test(guest()->vlans, 100));
	assert_int_equal(ask2(4, 100), 4 | ACK | CTS);
	assert_false(nic_bitmap_test(guest()->vlans, 100));
	assert_int_equal(ask2(4, 0), 4 | ACK | CTS);
	for (uint32_t vid = 1; vid <= 32; vid++)
		assert_int_equal(ask2(4 | INFO(1), vid), (4 | INFO(1) | ACK | CTS));
	assert_int_equal(ask2(4 | INFO(1), 33), (4 | INFO(1) | NACK | CTS));
	assert_int_equal(nic_card_set_vlan(tc.card, 0, 7, 0, false), 0);
	assert_int_equal(ask2(4, 1), 4 | NACK | CTS);
}

static void frame_sizes_are_bounded(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_mtu(tc.card, 0, 1000), 0);
	assert_int_equal(ask2(5, 1027), 5 | NACK | CTS); /* above the operator's bound */
	assert_int_equal(ask2(5, 1026), 5 | ACK | CTS);
	assert_int_equal(nic_card_set_mtu(tc.card, 0, 0), 0);
	assert_int_equal(ask2(5, 0xffffffff), 5 | NACK | CTS);
	assert_int_equal(ask2(5, 0), 5 | NACK | CTS);
	assert_int_equal(ask2(5, 1522), 5 | ACK | CTS);
	assert_int_equal(guest()->max_frame, 1522);
}

static void promiscuity_depends_on_trust(void **state)
{
	(void)state;
	assert_int_equal(ask2(6 | INFO(2), 0), (6 | INFO(2) | ACK | CTS));
	assert_true(guest()->allmulti);
	assert_int_equal(ask2(6, 0), 6 | ACK | CTS);
	assert_false(guest()->allmulti);
	assert_int_equal(ask2(6 | INFO(3), 0), (6 | INFO(3) | NACK | CTS));
	assert_true(guest()->allmulti);
	assert_false(guest()->promisc);
	assert_int_equal(nic_card_set_trust(tc.card, 0, true), 0);
	assert_int_equal(ask2(6 | INFO(1), 0), (6 | INFO(1) | ACK | CTS));
	assert_true(guest()->promisc);
	assert_false(guest()->allmulti);
	assert_int_equal(ask2(6 | INFO(4), 0), (6 | INFO(4) | NACK | CTS));
	assert_false(guest()->promisc);
}

static void a_reset_message_forgets_what_was_asked_for(void **state)
{
	uint8_t mac[6];
	uint32_t words[16] = {3 | INFO(255)};

	(void)state;
	ask(words, 16);
	ask2(4 | INFO(1), 5);
	driver_resets(mac);
	assert_false(guest()->allmulti);
	assert_false(nic_bitmap_test(guest()->vlans, 5));
	words[0] = 3; /* the overflow is forgotten as well: nothing to take back */
	assert_int_equal(ask(words, 16), 3 | ACK | CTS);
	assert_int_equal(ask2(6 | INFO(2), 0), (6 | INFO(2) | ACK | CTS));
	assert_true(guest()->allmulti);
}

/* ---- interrupts and pings ---- */

static void enable_misc(void)
{
	wr(I82576_VF_IVAR_MISC, 0x82);
	wr(I82576_VF_EIAC, 7);
	wr(I82576_VF_EIAM, 7);
	wr(I82576_VF_EIMS, 7);
}

static void answers_raise_no_interrupt(void **state)
{
	(void)state;
	enable_misc();
	ask2(5, 1522);
	assert_int_equal(test_got(0) + test_got(1) + test_got(2), 0);
}

static void a_change_of_link_pings_with_an_interrupt(void **state)
{
	uint32_t word;

	(void)state;
	enable_misc();
	assert_int_equal(nic_card_set_link(tc.card, 0, NIC_LINK_DISABLE), 0);
	assert_int_equal(test_got(2), 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
	receive(&word, 1);
	assert_int_equal(word, 0x100 | CTS);
	assert_int_equal(rd(V2P), 0);
	wr(I82576_VF_EIMS, 4);
	assert_int_equal(test_got(2), 0); /* once */
}

static void without_a_vector_a_ping_is_only_a_message(void **state)
{
	(void)state;
	enable_misc();
	wr(I82576_VF_IVAR_MISC, 0x02);
	i82576_builtin_peer.changed(tc.vf[0]);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
	assert_int_equal(rd(I82576_VF_EICR), 0);
}

static void a_ping_to_a_vf_without_a_driver_has_no_cts(void **state)
{
	(void)state;
	nic_card_guest_active(tc.card, 0, false);
	i82576_builtin_peer.changed(tc.vf[0]);
	assert_int_equal(rd(MEM), 0x100);
}

static void a_ping_waits_while_the_vf_writes_a_message(void **state)
{
	uint32_t word;

	(void)state;
	enable_misc();
	take_lock();
	wr(MEM, 5);
	i82576_builtin_peer.changed(tc.vf[0]);
	assert_int_equal(test_got(2), 1);
	assert_int_equal(rd(MEM), 5);
	wr(MEM + 4, 3000);
	wr(I82576_VF_EIMS, 4);
	wr(V2P, I82576_V2P_REQ);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS | I82576_V2P_PFACK);
	assert_int_equal(test_got(2), 0);
	receive(&word, 1);
	assert_int_equal(word, 5 | ACK | CTS);
	assert_int_equal(test_got(2), 1);
	assert_int_equal(rd(V2P), I82576_V2P_PFSTS);
	receive(&word, 1);
	assert_int_equal(word, 0x100 | CTS);
	assert_int_equal(rd(V2P), 0);
}

static void a_ping_does_not_overwrite_an_answer_that_was_not_read(void **state)
{
	uint32_t word;

	(void)state;
	send_msg((uint32_t[]){5, 1522}, 2);
	i82576_builtin_peer.changed(tc.vf[0]);
	i82576_builtin_peer.changed(tc.vf[0]);
	receive(&word, 1);
	assert_int_equal(word, 5 | ACK | CTS);
	receive(&word, 1);
	assert_int_equal(word, 0x100 | CTS);
	receive(&word, 1);
	rd(V2P);
	assert_int_equal(rd(V2P), 0);
}

static void a_reset_drops_lock_request_and_ping(void **state)
{
	(void)state;
	take_lock();
	wr(MEM, 5);
	wr(V2P, I82576_V2P_REQ | I82576_V2P_VFU);
	i82576_builtin_peer.changed(tc.vf[0]);
	i82576_vf_reset(tc.vf[0]);
	assert_int_equal(rd(V2P), I82576_V2P_RSTD);
	wr(V2P, 0);
	assert_int_equal(rd(V2P), 0);
	assert_int_equal(tc.vf[0]->mailbox_msgs, 1);
}

static void one_vf_s_mail_is_not_the_other_s(void **state)
{
	(void)state;
	wr_of(tc.vf[1], MEM, 0x77);
	ask2(5, 1522);
	assert_int_equal(rd_of(tc.vf[1], MEM), 0x77);
	assert_int_equal(rd_of(tc.vf[1], V2P), I82576_V2P_RSTD);
	assert_int_equal(tc.card->vf[1].guest.max_frame, 1518);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, test_set_up, test_tear_down)
#define D(f) cmocka_unit_test_setup_teardown(f, set_up_driver, test_tear_down)
	const struct CMUnitTest tests[] = {
		T(a_driver_gets_its_address_by_reset),
		D(the_lock_is_given_and_taken_back),
		D(status_bits_are_cleared_by_reading_and_only_by_that),
		T(a_message_before_the_reset_is_refused_without_cts),
		D(a_driver_that_lost_clear_to_send_learns_it_by_reading),
		D(link_check_finds_cts_in_the_last_answer),
		D(unknown_messages_and_answers_sent_back),
		D(a_request_with_the_lock_kept_waits_for_its_release),
		D(addresses_are_set_and_refused),
		D(filters_are_added_and_cleared),
		D(filters_are_bounded),
		D(multicast_hashes_replace_the_former_ones),
		D(all_thirty_hashes_count),
		D(more_hashes_than_fit_mean_all_multicast),
		D(vlans_are_added_removed_and_refused),
		D(frame_sizes_are_bounded),
		D(promiscuity_depends_on_trust),
		D(a_reset_message_forgets_what_was_asked_for),
		D(answers_raise_no_interrupt),
		D(a_change_of_link_pings_with_an_interrupt),
		D(without_a_vector_a_ping_is_only_a_message),
		D(a_ping_to_a_vf_without_a_driver_has_no_cts),
		D(a_ping_waits_while_the_vf_writes_a_message),
		D(a_ping_does_not_overwrite_an_answer_that_was_not_read),
		D(a_reset_drops_lock_request_and_ping),
		D(one_vf_s_mail_is_not_the_other_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
