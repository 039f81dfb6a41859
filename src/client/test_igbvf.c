/* SPDX-License-Identifier: BSD-3-Clause */
/* The 82576 VF driver against a fake server; the test itself plays the card on the rings. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <ladon/igbvf.h>

#include "fake_server.h"
#include "igbvf_regs.h"
#include "pi_desc.h"

static struct fake fake;
static struct ladon_function *fn;
static struct ladon_igbvf *vf;
static uint32_t rx_head, tx_head;

static int open_vf(const struct fake *how, const struct ladon_igbvf_config *config)
{
	static const struct ladon_igbvf_config small = {
		.rx_desc = 16, .tx_desc = 16, .buf_size = 1024, .num_bufs = 64};

	fake = how ? *how : (struct fake){.mappable = true};
	assert_int_equal(ladon_function_attach_fd(fake_start(&fake), NULL, &fn), 0);
	vf = NULL;
	rx_head = tx_head = 0;
	return ladon_igbvf_open(fn, config ? config : &small, &vf);
}

static void close_vf(void)
{
	ladon_igbvf_close(vf);
	ladon_function_detach(fn);
	fake_stop(&fake);
}

static uint32_t reg(uint32_t offset)
{
	return __atomic_load_n(&fake.bar0[offset / 4], __ATOMIC_ACQUIRE);
}

static struct igbvf_desc *desc(uint32_t bal, uint32_t i)
{
	uint64_t base = reg(bal) | (uint64_t)reg(bal + 4) << 32;
	struct igbvf_desc *ring = fake_dma(&fake, base, reg(bal + 8));

	assert_non_null(ring);
	return &ring[i];
}

/* The card's part: the next receive descriptor gets a write-back. */
static void card_receives(const char *text, uint32_t status, uint16_t vlan)
{
	struct igbvf_desc *d = desc(VF_RDBAL, rx_head);
	size_t len = strlen(text);

	assert_true(rx_head != reg(VF_RDT));
	memcpy(fake_dma(&fake, d->addr, len), text, len);
	d->olinfo_status = (uint32_t)len | (uint32_t)vlan << 16;
	__atomic_store_n(&d->cmd_type_len, status | RXD_DD, __ATOMIC_RELEASE);
	rx_head = (rx_head + 1) % 16;
}

/* The next transmit descriptor; DD is written where asked for. */
static struct igbvf_desc card_sends(void)
{
	struct igbvf_desc *d = desc(VF_TDBAL, tx_head), copy = *d;

	assert_true(tx_head != reg(VF_TDT));
	if (d->cmd_type_len & TXD_RS)
		d->olinfo_status = TXD_DD;
	tx_head = (tx_head + 1) % 16;
	return copy;
}

static struct ladon_buf *frame(const char *text)
{
	struct ladon_buf *b = ladon_igbvf_buf_alloc(vf);

	assert_non_null(b);
	b->len = (uint32_t)strlen(text);
	memcpy(b->data, text, b->len);
	return b;
}

static void open_shakes_hands_and_programs_the_queues(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 1, 2, 3};
	uint8_t got[6];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	ladon_igbvf_mac(vf, got);
	assert_memory_equal(got, mac, 6);
	assert_int_equal(fake.ctrl_resets, 1);
	assert_int_equal(fake.config[4] & 6, 6);
	assert_int_equal(fake.msg[0], MSG_SET_LPE);
	assert_int_equal(fake.msg[1], 1522);
	assert_int_equal(reg(VF_RDLEN), 256);
	assert_int_equal(reg(VF_RDT), 15);
	assert_int_equal(reg(VF_SRRCTL), 0x82000001);
	assert_int_equal(reg(VF_RXDCTL), DCTL_ENABLE);
	assert_int_equal(reg(VF_TXDCTL), DCTL_ENABLE);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	close_vf();
	assert_int_equal(fake.ctrl_resets, 2);
}

static void close_disables_and_unmaps(void **state)
{
	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	ladon_igbvf_close(vf);
	assert_int_equal(reg(VF_RXDCTL), 0);
	assert_int_equal(reg(VF_TXDCTL), 0);
	assert_int_equal(fake_num_maps(&fake), 0);
	ladon_function_detach(fn);
	fake_stop(&fake);
}

static void vf_without_address_takes_a_random_one(void **state)
{
	uint8_t mac[6];

	(void)state;
	assert_int_equal(open_vf(&(struct fake){.no_mac = true}, NULL), 0);
	ladon_igbvf_mac(vf, mac);
	assert_int_equal(mac[0] & 3, 2);
	close_vf();
}

static void mailbox_waits_its_turn_and_passes_over_pings(void **state)
{
	(void)state;
	assert_int_equal(open_vf(&(struct fake){.lock_after = 3, .ping_first = true}, NULL), 0);
	assert_int_equal(ladon_igbvf_vlan_add(vf, 100), 0);
	assert_int_equal(fake.msg[0], MSG_SET_VLAN | 1 << 16);
	assert_int_equal(fake.msg[1], 100);
	close_vf();
}

static void refusals_of_the_pf_are_eperm(void **state)
{
	static const uint8_t mac[6] = {2, 0, 0, 0, 0, 9}, group[6] = {1, 0, 0, 0, 0, 9};
	uint8_t got[6];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	fake.nack = true;
	assert_int_equal(ladon_igbvf_set_mac(vf, mac), -EPERM);
	ladon_igbvf_mac(vf, got);
	assert_int_equal(got[0], 0x52);
	assert_int_equal(ladon_igbvf_set_allmulti(vf, true), -EPERM);
	assert_int_equal(ladon_igbvf_set_promisc(vf, true, true), -EPERM);
	assert_int_equal(ladon_igbvf_vlan_add(vf, 4096), -EINVAL);
	assert_int_equal(ladon_igbvf_add_mac(vf, group), -EINVAL);
	fake.nack = false;
	assert_int_equal(ladon_igbvf_set_promisc(vf, true, true), 0);
	assert_int_equal(fake.msg[0], MSG_SET_PROMISC | 3 << 16);
	assert_int_equal(ladon_igbvf_set_promisc(vf, false, false), 0);
	assert_int_equal(fake.msg[0], MSG_SET_PROMISC);
	assert_int_equal(ladon_igbvf_set_mac(vf, mac), 0);
	ladon_igbvf_mac(vf, got);
	assert_memory_equal(got, mac, 6);
	close_vf();
}

static void multicast_addresses_go_as_hashes(void **state)
{
	static const uint8_t macs[31][6] = {{1, 0, 0x5e, 0, 0xa5, 0x3c},
					    {0x33, 0x33, 0, 0, 0, 1}};

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_set_multicast(vf, macs, 2), 0);
	assert_int_equal(fake.msg[0], MSG_SET_MULTI | 2 << 16);
	assert_int_equal(fake.msg[1], 0x3ca | 0x010 << 16);
	assert_int_equal(ladon_igbvf_set_multicast(vf, macs, 31), -E2BIG);
	close_vf();
}

static void received_frames_carry_what_the_card_said(void **state)
{
	struct ladon_buf *b[4];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 4), 0);
	card_receives("first", RXD_EOP | RXD_IPCS | RXD_L4CS, 0);
	card_receives("second", RXD_EOP | RXD_VP | RXD_IPCS | RXD_IPE | RXD_UDPCS | RXD_L4E,
		      0x2064);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 4), 2);
	assert_int_equal(b[0]->len, 5);
	assert_memory_equal(b[0]->data, "first", 5);
	assert_int_equal(b[0]->flags, LADON_RX_IP_OK | LADON_RX_L4_OK);
	assert_null(b[0]->next);
	assert_int_equal(b[1]->flags, LADON_RX_VLAN | LADON_RX_IP_BAD | LADON_RX_L4_BAD);
	assert_int_equal(b[1]->vlan_tci, 0x2064);
	ladon_igbvf_buf_free(vf, b[0]);
	ladon_igbvf_buf_free(vf, b[1]);
	close_vf();
}

static void a_frame_of_several_buffers_comes_as_a_chain(void **state)
{
	struct ladon_buf *b[4];
	unsigned before;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	card_receives("one ", 0, 0);
	card_receives("two ", 0, 0);
	/* The end has not come: nothing to give yet. */
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 4), 0);
	card_receives("three", RXD_EOP, 0);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 4), 1);
	assert_memory_equal(b[0]->data, "one ", 4);
	assert_memory_equal(b[0]->next->data, "two ", 4);
	assert_memory_equal(b[0]->next->next->data, "three", 5);
	assert_null(b[0]->next->next->next);
	before = ladon_igbvf_buf_available(vf);
	ladon_igbvf_buf_free(vf, b[0]);
	assert_int_equal(ladon_igbvf_buf_available(vf), before + 3);
	close_vf();
}

static void a_lying_length_is_cut_to_the_buffer(void **state)
{
	struct ladon_buf *b;
	struct igbvf_desc *d;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	d = desc(VF_RDBAL, 0);
	d->olinfo_status = 0xffff;
	d->cmd_type_len = RXD_DD | RXD_EOP;
	assert_int_equal(ladon_igbvf_rx_burst(vf, &b, 1), 1);
	assert_int_equal(b->len, 1024);
	close_vf();
}

static void a_frame_marked_bad_is_recycled(void **state)
{
	struct ladon_igbvf_stats s;
	struct ladon_buf *b;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	card_receives("half", 0, 0);
	card_receives("bad", RXD_EOP | RXD_RXE, 0);
	card_receives("good", RXD_EOP, 0);
	assert_int_equal(ladon_igbvf_rx_burst(vf, &b, 1), 1);
	assert_memory_equal(b->data, "good", 4);
	ladon_igbvf_buf_free(vf, b);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	assert_int_equal(ladon_igbvf_stats(vf, &s), 0);
	assert_int_equal(s.rx_errors, 1);
	close_vf();
}

static void the_receive_ring_wraps_and_is_refilled(void **state)
{
	struct ladon_buf *b[8];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	for (unsigned i = 0; i < 100; i++) {
		char text[2] = {(char)('a' + i % 26)};

		card_receives(text, RXD_EOP, 0);
		assert_int_equal(ladon_igbvf_rx_burst(vf, b, 8), 1);
		assert_int_equal(b[0]->data[0], text[0]);
		ladon_igbvf_buf_free(vf, b[0]);
	}
	close_vf();
}

static void an_empty_pool_only_stops_the_refill(void **state)
{
	struct ladon_buf *b[16], *held[64];
	unsigned n = 0;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	while ((held[n] = ladon_igbvf_buf_alloc(vf)))
		n++;
	assert_int_equal(n, 64 - 15);
	for (unsigned i = 0; i < 15; i++)
		card_receives("x", RXD_EOP, 0);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 16), 15);
	assert_int_equal(reg(VF_RDT), rx_head);
	for (unsigned i = 0; i < 15; i++)
		ladon_igbvf_buf_free(vf, b[i]);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 16), 0);
	card_receives("y", RXD_EOP, 0);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 16), 1);
	close_vf();
}

/* All that there are, once each; a line apart, so that headers do not share their cache sets.
 */
static void buffers_come_in_bulk_until_none_is_left(void **state)
{
	struct ladon_buf *b[64];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b, 0), 0);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b, 10), 10);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15 - 10);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b + 10, 54), 64 - 15 - 10);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b + 49, 1), 0);
	assert_null(ladon_igbvf_buf_alloc(vf));
	for (unsigned i = 0; i < 49; i++) {
		assert_ptr_equal(b[i]->data, b[i]->head);
		assert_int_equal(b[i]->size, 1024);
		assert_int_equal(b[i]->len, 0);
		assert_int_equal(b[i]->flags, 0);
		assert_null(b[i]->next);
		memset(b[i]->head, (int)i, b[i]->size);
	}
	for (unsigned i = 0; i < 49; i++) {
		const uint8_t *at = fake_dma(&fake, b[i]->iova, b[i]->size);

		assert_int_equal(at[0], i); /* its own, to the last byte */
		assert_int_equal(at[b[i]->size - 1], i);
		for (unsigned k = 0; k < i; k++) {
			size_t apart = (size_t)labs(b[i]->head - b[k]->head);

			assert_true(apart >= 1024 + 64 && apart % (1024 + 64) == 0);
		}
	}
	ladon_igbvf_buf_free_bulk(vf, b, 49);
	assert_int_equal(ladon_igbvf_buf_available(vf), 49);
	assert_ptr_equal(ladon_igbvf_buf_alloc(vf), b[48]); /* the last is the warmest */
	close_vf();
}

static void chains_are_freed_in_bulk(void **state)
{
	struct ladon_buf *b[6];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b, 6), 6);
	b[0]->next = b[3];
	b[3]->next = b[4];
	b[2]->next = b[5];
	b[0]->flags = b[4]->flags = LADON_TX_VLAN;
	b[4]->data += 10;
	ladon_igbvf_buf_free_bulk(vf, b, 0);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15 - 6);
	ladon_igbvf_buf_free_bulk(vf, b, 3);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	assert_int_equal(ladon_igbvf_buf_alloc_bulk(vf, b, 6), 6);
	for (unsigned i = 0; i < 6; i++) { /* as new */
		assert_null(b[i]->next);
		assert_int_equal(b[i]->flags, 0);
		assert_ptr_equal(b[i]->data, b[i]->head);
	}
	b[1] = NULL;
	ladon_igbvf_buf_free_bulk(vf, b, 2);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15 - 5);
	close_vf();
}

/* Plain frames and others in one burst: descriptors and reports are those of each alone. */
static void plain_frames_and_others_share_a_burst(void **state)
{
	struct ladon_buf *b[5];
	struct igbvf_desc d;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	for (unsigned i = 0; i < 5; i++)
		b[i] = frame("0123456789012345678901234567890123456789");
	b[1]->flags = LADON_TX_VLAN;
	b[1]->vlan_tci = 5;
	b[2]->next = b[4];
	assert_int_equal(ladon_igbvf_tx_burst(vf, b, 4), 4);
	assert_int_equal(reg(VF_TDT), 6);
	for (unsigned i = 0; i < 6; i++) {
		static const uint32_t cmd[] = {TXD_EOP, 0,	 TXD_EOP | TXD_VLE,
					       0,	TXD_EOP, TXD_EOP | TXD_RS};

		d = card_sends();
		if (i == 1)
			assert_int_equal(d.cmd_type_len, TXD_CTX | TXD_DEXT);
		else
			assert_int_equal(d.cmd_type_len,
					 TXD_DATA | TXD_DEXT | TXD_IFCS | 40 | cmd[i]);
		if (i != 1)
			assert_int_equal(d.olinfo_status, (i == 3 || i == 4 ? 80u : 40u)
								  << TXD_PAYLEN);
	}
	assert_int_equal(ladon_igbvf_tx_reap(vf), 0);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	close_vf();
}

/* One whole frame behind a part of another is its end, and a bad one is nobody's. */
static void a_plain_frame_is_one_only_by_itself(void **state)
{
	struct ladon_buf *b[4];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	card_receives("alone", RXD_EOP, 7);
	card_receives("begin ", 0, 0);
	card_receives("end", RXD_EOP, 9);
	card_receives("bad", RXD_EOP | RXD_RXE, 0);
	card_receives("again", RXD_EOP | RXD_VP, 8);
	assert_int_equal(ladon_igbvf_rx_burst(vf, b, 4), 3);
	assert_memory_equal(b[0]->data, "alone", 5);
	assert_int_equal(b[0]->len, 5);
	assert_null(b[0]->next);
	assert_memory_equal(b[1]->data, "begin ", 6);
	assert_memory_equal(b[1]->next->data, "end", 3);
	assert_null(b[1]->next->next);
	assert_memory_equal(b[2]->data, "again", 5);
	assert_int_equal(b[2]->vlan_tci, 8);
	assert_true(b[2]->flags & LADON_RX_VLAN);
	assert_false(b[0]->flags & LADON_RX_VLAN);
	ladon_igbvf_buf_free_bulk(vf, b, 3);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	close_vf();
}

static void a_burst_has_one_report_and_one_doorbell(void **state)
{
	struct ladon_buf *b[3] = {0};
	struct igbvf_desc d;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	for (unsigned i = 0; i < 3; i++)
		b[i] = frame("frame");
	b[1]->data += 2; /* a moved start */
	b[1]->len -= 2;
	assert_int_equal(ladon_igbvf_tx_burst(vf, b, 3), 3);
	assert_int_equal(reg(VF_TDT), 3);
	d = card_sends();
	assert_int_equal(d.cmd_type_len, TXD_DATA | TXD_DEXT | TXD_IFCS | TXD_EOP | 5);
	assert_int_equal(d.olinfo_status, 5 << TXD_PAYLEN);
	d = card_sends();
	assert_memory_equal(fake_dma(&fake, d.addr, 3), "ame", 3);
	assert_int_equal(ladon_igbvf_tx_reap(vf), 3);
	d = card_sends();
	assert_true(d.cmd_type_len & TXD_RS);
	assert_int_equal(ladon_igbvf_tx_reap(vf), 0);
	assert_int_equal(ladon_igbvf_buf_available(vf), 64 - 15);
	close_vf();
}

static void offloads_make_a_context_once(void **state)
{
	struct ladon_buf *b[2] = {0};
	struct igbvf_desc d;
	uint32_t sum = 6;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	for (unsigned i = 0; i < 2; i++) {
		b[i] = frame("0123456789012345678901234567890123456789012345678901234567890");
		b[i]->flags = LADON_TX_TSO | LADON_TX_VLAN;
		b[i]->l2_len = 14, b[i]->l3_len = 20, b[i]->l4_len = 20;
		b[i]->l4 = LADON_L4_TCP, b[i]->mss = 3, b[i]->vlan_tci = 0x6123;
	}
	assert_int_equal(ladon_igbvf_tx_burst(vf, b, 2), 2);
	assert_int_equal(reg(VF_TDT), 3);
	d = card_sends();
	assert_int_equal(d.addr, 0x6123u << 16 | 14 << 9 | 20);
	assert_int_equal(d.cmd_type_len, TXD_CTX | TXD_DEXT | CTX_IPV4 | 1 << CTX_L4T);
	assert_int_equal(d.olinfo_status, 3u << 16 | 20 << 8);
	for (unsigned i = 0; i < 2; i++) {
		d = card_sends();
		assert_true(d.cmd_type_len & TXD_TSE && d.cmd_type_len & TXD_VLE);
		assert_int_equal(d.olinfo_status, 7 << TXD_PAYLEN | TXD_IXSM | TXD_TXSM);
	}
	/* The seed: addresses and protocol, no length. */
	for (unsigned i = 26; i < 34; i += 2)
		sum += get_be16(b[0]->data + i);
	assert_int_equal(get_be16(b[0]->data + 50), (sum & 0xffff) + (sum >> 16));
	close_vf();
}

static void a_full_ring_takes_what_fits(void **state)
{
	struct ladon_buf *b[20];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	for (unsigned i = 0; i < 20; i++)
		b[i] = frame("x");
	assert_int_equal(ladon_igbvf_tx_burst(vf, b, 20), 14);
	assert_int_equal(ladon_igbvf_tx_burst(vf, b + 14, 6), 0);
	for (unsigned i = 0; i < 14; i++)
		card_sends();
	assert_int_equal(ladon_igbvf_tx_burst(vf, b + 14, 6), 6);
	close_vf();
}

static void impossible_frames_are_refused(void **state)
{
	struct ladon_buf *b, *two[2];

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	b = frame("0123456789");
	b->len = 0;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	b->len = 1025;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	b->len = 10, b->data = b->head - 1;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	b->data = b->head + 1020;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	b->data = b->head, b->flags = LADON_TX_TSO, b->l2_len = 14;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	/* The checksum field is not in the first part. */
	b->len = 50, b->flags = LADON_TX_L4_CSUM, b->l3_len = 20, b->l4 = LADON_L4_TCP;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	/* Good ones before a bad one are taken. */
	two[0] = frame("good"), two[1] = b;
	assert_int_equal(ladon_igbvf_tx_burst(vf, two, 2), 1);
	assert_int_equal(reg(VF_TDT), 1);
	close_vf();
}

static void wait_arms_sleeps_and_wakes(void **state)
{
	struct ladon_igbvf_config c = {
		.rx_desc = 16, .buf_size = 1024, .use_irq = true, .itr_us = 100};
	uint64_t one = 1;

	(void)state;
	assert_int_equal(open_vf(NULL, &c), 0);
	assert_int_equal(reg(VF_IVAR0), 0x8081);
	assert_int_equal(reg(VF_EITR(1)), 400);
	assert_int_equal(reg(VF_EIAM), 2);
	assert_int_equal(ladon_igbvf_wait(vf, 0), 0);
	/* An interrupt without a frame is slept over. */
	assert_int_equal(write(fake.irq_fd[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(ladon_igbvf_wait(vf, 20), 0);
	assert_int_equal(write(fake.irq_fd[1], &one, sizeof(one)), sizeof(one));
	card_receives("x", RXD_EOP, 0);
	assert_int_equal(ladon_igbvf_wait(vf, 1000), 1);
	close_vf();
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_wait(vf, 0), -EINVAL);
	close_vf();
}

/* What is readable when the caller's poll looks. */
static bool irq_readable(void)
{
	struct pollfd pfd = {.fd = ladon_igbvf_irq_fd(vf), .events = POLLIN};

	return poll(&pfd, 1, 0) == 1;
}

static void a_poll_of_the_callers_own(void **state)
{
	struct ladon_igbvf_config c = {
		.rx_desc = 16, .buf_size = 1024, .use_irq = true, .events = true};
	struct ladon_buf *got[4];
	uint64_t one = 1;

	(void)state;
	assert_int_equal(open_vf(NULL, &c), 0);
	assert_int_equal(reg(VF_EIAC), BIT(VEC_RX) | BIT(VEC_MISC));
	assert_int_equal(reg(VF_EIAM), BIT(VEC_RX) | BIT(VEC_MISC));
	assert_int_equal(ladon_igbvf_arm(vf), 0);
	assert_false(irq_readable());
	/* The mailbox's vector: said until it has been looked at. */
	assert_int_equal(write(fake.irq_fd[VEC_MISC], &one, sizeof(one)), sizeof(one));
	assert_true(irq_readable());
	ladon_igbvf_disarm(vf);
	assert_false(irq_readable());
	assert_int_equal(ladon_igbvf_arm(vf), 1);
	assert_int_equal(ladon_igbvf_check(vf), 0);
	ladon_igbvf_disarm(vf);
	assert_int_equal(ladon_igbvf_arm(vf), 0);
	card_receives("x", RXD_EOP, 0);
	assert_int_equal(write(fake.irq_fd[VEC_RX], &one, sizeof(one)), sizeof(one));
	ladon_igbvf_disarm(vf);
	assert_int_equal(ladon_igbvf_arm(vf), 1);
	assert_int_equal(ladon_igbvf_rx_burst(vf, got, 4), 1);
	assert_int_equal(ladon_igbvf_arm(vf), 0);
	close_vf();
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_arm(vf), -EINVAL);
	assert_int_equal(ladon_igbvf_irq_fd(vf), -1);
	close_vf();
}

static void arming_with_posted_interrupts(void **state)
{
	struct ladon_igbvf_config c = {.rx_desc = 16,
				       .buf_size = 1024,
				       .use_irq = true,
				       .posted = true,
				       .events = true};
	struct pi_desc *pi;
	struct fake how = {.can_post = true};
	struct ladon_buf *got[4];

	(void)state;
	assert_int_equal(open_vf(&how, &c), 0);
	assert_int_equal(reg(VF_EIAM), 0);
	assert_int_equal(reg(VF_EIMS), BIT(VEC_RX) | BIT(VEC_MISC));
	pi = fake_dma(&fake, fake.posted.iova, sizeof(*pi));
	/* Awake: no notification. That of a frame taken already is none to stay awake for. */
	assert_false(pi_post(pi, VEC_RX, false));
	assert_int_equal(ladon_igbvf_arm(vf), 0);
	/* Asleep: one, and the frame is there. */
	card_receives("x", RXD_EOP, 0);
	assert_true(pi_post(pi, VEC_RX, false));
	ladon_igbvf_disarm(vf);
	assert_int_equal(ladon_igbvf_arm(vf), 1);
	ladon_igbvf_disarm(vf);
	assert_false(pi_post(pi, VEC_RX, false));
	assert_int_equal(ladon_igbvf_rx_burst(vf, got, 4), 1);
	/* What the PF says is said until it has been looked at. */
	assert_false(pi_post(pi, VEC_MISC, false));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ladon_igbvf_arm(vf), 1);
		ladon_igbvf_disarm(vf);
	}
	assert_int_equal(ladon_igbvf_check(vf), 0);
	assert_int_equal(ladon_igbvf_arm(vf), 0);
	close_vf();
}

/* A trapped read: what the test set before it, the server has seen. */
static int check_with(uint32_t bits, uint32_t word)
{
	fake.mbx[0] = word;
	fake.r2c |= bits;
	return ladon_igbvf_check(vf);
}

static void resets_are_noticed(void **state)
{
	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_check(vf), 0);
	assert_int_equal(check_with(MBX_PFSTS, MSG_PF_CONTROL | MSG_CTS), 0);
	assert_int_equal(check_with(MBX_PFSTS, MSG_PF_CONTROL), 1);
	assert_int_equal(check_with(0, 0), 0);
	assert_int_equal(check_with(MBX_PFSTS, MSG_NACK), 1);
	assert_int_equal(check_with(MBX_RSTD, 0), 1);
	/* It stays so until it is opened anew, through requests, too. */
	ladon_igbvf_vlan_add(vf, 5);
	assert_int_equal(check_with(0, 0), 1);
	close_vf();
}

static void promiscuity_is_two_bits(void **state)
{
	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	assert_int_equal(ladon_igbvf_set_promisc(vf, true, true), 0);
	assert_int_equal(fake.msg[0], MSG_SET_PROMISC | MSG_PROMISC_UC | MSG_PROMISC_MC);
	assert_int_equal(ladon_igbvf_set_promisc(vf, true, false), 0);
	assert_int_equal(fake.msg[0], MSG_SET_PROMISC | MSG_PROMISC_UC);
	assert_int_equal(ladon_igbvf_set_allmulti(vf, false), 0);
	assert_int_equal(fake.msg[0], MSG_SET_PROMISC);
	close_vf();
}

/* Its checksum field is the datagram's last. */
static void an_empty_datagram_is_offloaded(void **state)
{
	struct ladon_buf *b;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	b = frame("01234567890123456789012345678901234567890");
	b->len = 42;
	b->flags = LADON_TX_L4_CSUM;
	b->l2_len = 14, b->l3_len = 20, b->l4 = LADON_L4_UDP;
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), 1);
	b = frame("01234567890123456789012345678901234567890");
	b->flags = LADON_TX_L4_CSUM;
	b->l2_len = 14, b->l3_len = 20, b->l4 = LADON_L4_UDP;
	assert_int_equal(b->len, 41);
	assert_int_equal(ladon_igbvf_tx_burst(vf, &b, 1), -EINVAL);
	close_vf();
}

static void statistics_survive_a_wrap(void **state)
{
	struct ladon_igbvf_stats s;
	struct ladon_link link;

	(void)state;
	assert_int_equal(open_vf(NULL, NULL), 0);
	fake.bar0[VF_GPRC / 4] = 0xfffffff0;
	assert_int_equal(ladon_igbvf_stats(vf, &s), 0);
	fake.bar0[VF_GPRC / 4] = 0x10;
	assert_int_equal(ladon_igbvf_stats(vf, &s), 0);
	assert_int_equal(s.rx_packets, 0x100000010);
	fake.bar0[VF_STATUS / 4] = 0x83;
	assert_int_equal(ladon_igbvf_link(vf, &link), 0);
	assert_true(link.up && link.full_duplex);
	assert_int_equal(link.speed, 1000);
	close_vf();
}

static void wrong_configurations_are_refused(void **state)
{
	static const struct ladon_igbvf_config bad[] = {
		{.rx_desc = 12},   {.tx_desc = 8192}, {.buf_size = 1500},  {.buf_size = 17408},
		{.num_bufs = 256}, {.max_frame = 59}, {.max_frame = 9711}, {.itr_us = 8192},
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(open_vf(NULL, &bad[i]), -EINVAL);
		assert_null(vf);
		close_vf();
	}
}

static void a_silent_pf_and_another_device_are_errors(void **state)
{
	(void)state;
	assert_int_equal(open_vf(&(struct fake){.silent = true}, NULL), -ETIMEDOUT);
	assert_int_equal(fake_num_maps(&fake), 0);
	close_vf();
	assert_int_equal(open_vf(NULL, NULL), 0);
	ladon_igbvf_close(vf);
	fake.config[2] = 0xcb;
	assert_int_equal(ladon_igbvf_open(fn, NULL, &vf), -ENODEV);
	ladon_function_detach(fn);
	fake_stop(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open_shakes_hands_and_programs_the_queues),
		cmocka_unit_test(close_disables_and_unmaps),
		cmocka_unit_test(vf_without_address_takes_a_random_one),
		cmocka_unit_test(mailbox_waits_its_turn_and_passes_over_pings),
		cmocka_unit_test(refusals_of_the_pf_are_eperm),
		cmocka_unit_test(multicast_addresses_go_as_hashes),
		cmocka_unit_test(received_frames_carry_what_the_card_said),
		cmocka_unit_test(a_frame_of_several_buffers_comes_as_a_chain),
		cmocka_unit_test(a_lying_length_is_cut_to_the_buffer),
		cmocka_unit_test(a_frame_marked_bad_is_recycled),
		cmocka_unit_test(the_receive_ring_wraps_and_is_refilled),
		cmocka_unit_test(an_empty_pool_only_stops_the_refill),
		cmocka_unit_test(buffers_come_in_bulk_until_none_is_left),
		cmocka_unit_test(chains_are_freed_in_bulk),
		cmocka_unit_test(plain_frames_and_others_share_a_burst),
		cmocka_unit_test(a_plain_frame_is_one_only_by_itself),
		cmocka_unit_test(a_burst_has_one_report_and_one_doorbell),
		cmocka_unit_test(offloads_make_a_context_once),
		cmocka_unit_test(a_full_ring_takes_what_fits),
		cmocka_unit_test(impossible_frames_are_refused),
		cmocka_unit_test(wait_arms_sleeps_and_wakes),
		cmocka_unit_test(a_poll_of_the_callers_own),
		cmocka_unit_test(arming_with_posted_interrupts),
		cmocka_unit_test(resets_are_noticed),
		cmocka_unit_test(promiscuity_is_two_bits),
		cmocka_unit_test(an_empty_datagram_is_offloaded),
		cmocka_unit_test(statistics_survive_a_wrap),
		cmocka_unit_test(wrong_configurations_are_refused),
		cmocka_unit_test(a_silent_pf_and_another_device_are_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
