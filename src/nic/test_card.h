/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_card.h - a card with four VFs that are ports in memory, and a data path that runs, for
 * the test programs of nic_card.c only. The forwarding table is looked at by sending through
 * it.
 */
#ifndef LADON_TEST_CARD_H
#define LADON_TEST_CARD_H

#include "test_port.h"

#include <errno.h>

#include "nic_card.h"

#define VFS 4u

static struct nic_card *card;
static struct test_port port[VFS], wire;
static unsigned told[VFS];
static uint8_t bytes[2048];
static const uint8_t x[6] TEST_UNUSED = {2, 0xaa, 0, 0, 0, 1};
static const uint8_t y[6] TEST_UNUSED = {2, 0xaa, 0, 0, 0, 2};
static const uint8_t group[6] TEST_UNUSED = {3, 0xaa, 0, 0, 0, 2};
static const uint8_t zero[6] TEST_UNUSED;

static void TEST_UNUSED on_changed(void *arg)
{
	++*(unsigned *)arg;
}

static int TEST_UNUSED set_up(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};

	(void)state;
	if (nic_card_new("nic0", VFS, &params, &card) < 0)
		return -1;
	test_port_init(&wire, 99);
	memset(told, 0, sizeof(told));
	for (unsigned n = 0; n < VFS; n++) {
		test_port_init(&port[n], (uint8_t)n);
		atomic_store(&port[n].port.policy, NULL);
		if (nic_card_attach_vf(card, n, &port[n].port, on_changed, &told[n]) < 0)
			return -1;
		nic_card_guest_active(card, n, true);
	}
	return 0;
}

static int TEST_UNUSED tear_down(void **state)
{
	(void)state;
	nic_card_set_uplink(card, NULL, -1);
	for (unsigned n = 0; n < VFS; n++) {
		nic_card_detach_vf(card, n);
		nic_card_detach_vf(card, n); /* nothing more */
		test_port_done(&port[n]);
	}
	test_port_done(&wire);
	nic_card_free(card);
	nic_card_free(NULL);
	return 0;
}

static const struct nic_policy *TEST_UNUSED policy(unsigned n)
{
	return atomic_load(&port[n].port.policy);
}

static const uint8_t *TEST_UNUSED mac(unsigned n)
{
	return card->vf[n].guest.mac;
}

static void TEST_UNUSED add_wire(void)
{
	atomic_store(&wire.port.policy, NULL);
	assert_int_equal(nic_card_set_uplink(card, &wire.port, -1), 0);
}

/* ---- sending through the card ---- */

struct send {
	struct test_port *from;
	struct test_tx tx;
};

static void TEST_UNUSED queue_tx(void *arg)
{
	struct send *s = arg;

	s->from->tx[0] = s->tx;
	s->from->tx_at = 0;
	s->from->num_tx = 1;
}

/* Sends one frame; when it returns, the data path is done with it. vid 0: without a tag. */
static void TEST_UNUSED send_from(struct test_port *from, const uint8_t *to, uint16_t vid)
{
	struct send s = {
		.from = from,
		.tx = {.bytes = bytes, .len = 100, .hdr_len = 64, .tagged = vid, .tci = vid}};

	memcpy(bytes, to, 6);
	memcpy(bytes + 6, from == &wire ? y : mac((unsigned)(from - port)), 6);
	put_be16(bytes + 12, 0x88b5);
	nic_dp_call(card->dp, queue_tx, &s);
	test_pass_round(card->dp);
}

/* Who got something since the last call: bit n = VF n, bit 7 = the wire. */
static unsigned TEST_UNUSED got(void)
{
	unsigned mask = wire.num_rx ? 0x80 : 0;

	test_port_flush(&wire);
	for (unsigned n = 0; n < VFS; n++) {
		mask |= port[n].num_rx ? BIT(n) : 0;
		test_port_flush(&port[n]);
	}
	return mask;
}

static unsigned TEST_UNUSED reaches(const uint8_t *to, uint16_t vid)
{
	add_wire();
	send_from(&wire, to, vid);
	nic_card_set_uplink(card, NULL, -1);
	return got();
}

#endif
