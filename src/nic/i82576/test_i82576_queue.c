/* SPDX-License-Identifier: BSD-3-Clause */
/* Rings as drivers use them. Frames go from VF 0 to VF 1. */
#include "test_i82576_guest.h"

/* ---- the plain path ---- */

static void a_frame_goes_from_vf_to_vf(void **state)
{
	(void)state;
	rings_on();
	send_frame(0, 1000);
	settle();
	assert_true(tx_is_done(&g[0], 0));
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 1);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 1);
	assert_int_equal(got(&g[0], 0), 1);
	assert_int_equal(got(&g[0], 1), 0);
	assert_int_equal(got(&g[1], 1), 1);
	assert_int_equal(got(&g[1], 0), 0);
	assert_frame(tx_buf(&g[0], 0), 1000);
	assert_int_equal(wb.status, RXD_DD | RXD_EOP);
	assert_int_equal(wb.len, 1000);
	assert_int_equal(wb.vlan, 0);
	assert_nothing();
}

/* All announced at once, so many in one round: each has its own descriptor, and there are few
 * interrupts. */
static void a_burst_fills_one_descriptor_after_another(void **state)
{
	(void)state;
	rings_on();
	for (unsigned k = 0; k < 100; k++) {
		make_frame(k, 60 + k);
		tx_desc(&g[0], tx_iova(k), CMD_LAST | (60 + k), 0);
	}
	tx_bell(&g[0]);
	settle();
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 100);
	for (unsigned k = 0; k < 100; k++)
		assert_frame(tx_buf(&g[0], k), 60 + k);
	assert_nothing();
	assert_true(got(&g[1], 1) <= 4);
	for (unsigned k = 0; k < 100; k++)
		assert_true(tx_is_done(&g[0], k));
}

static void rings_wrap(void **state)
{
	(void)state;
	rx_on(&g[1], 8, SRRCTL_ONEBUF);
	tx_on(&g[0], 8);
	for (unsigned k = 0; k < 100; k++) {
		send_frame(k % 50, 100);
		if (k % 3 == 2)
			send_frame(k % 50 + 1, 200);
		settle();
		assert_frame(tx_buf(&g[0], k % 50), 100);
		if (k % 3 == 2)
			assert_frame(tx_buf(&g[0], k % 50 + 1), 200);
	}
	assert_nothing();
}

static void both_queues_of_a_vf_send(void **state)
{
	volatile uint32_t *q1 = tx_regs(&g[0]) + 0x100 / 4;

	(void)state;
	rings_on();
	ring_on(q1, BASE + TX_RING + 0x10000, 8);
	memcpy(g[0].mem + TX_RING + 0x10000, (uint64_t[]){tx_iova(1), CMD_LAST | 80}, 16);
	make_frame(0, 70);
	make_frame(1, 80);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 70, 0);
	put_reg(q1, Q_TAIL, 1);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(nic_counter(&g[1].vf->fn.port.stats.rx_packets), 2);
	assert_int_equal(get_reg(q1, Q_HEAD), 1);
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), 1);
}

static void a_frame_lies_in_many_buffers(void **state)
{
	(void)state;
	rings_on();
	for (unsigned pieces = 1; pieces <= 40; pieces++) {
		uint8_t *f = make_frame(0, 1400);
		uint32_t at = 0;

		for (unsigned i = 0; i < pieces; i++) {
			uint32_t n = i + 1 == pieces ? 1400 - at : 1 + i * 7 % 34;

			tx_desc(&g[0], tx_iova(0) + at,
				(i + 1 == pieces ? CMD_LAST : CMD_MORE) | n, 0);
			at += n;
		}
		tx_bell(&g[0]);
		settle();
		assert_frame(f, 1400);
	}
}

static void a_write_back_is_made_where_it_is_asked_for(void **state)
{
	uint32_t *shown = (uint32_t *)(void *)(g[0].mem + 0x50000);

	(void)state;
	rings_on();
	put_reg(tx_regs(&g[0]), Q_TDWBAL, (uint32_t)(BASE + 0x50000) | 1);
	make_frame(0, 100);
	for (unsigned i = 0; i < 4; i++)
		tx_desc(&g[0], tx_iova(0), (CMD_LAST & ~(i % 2 ? 0 : TXD_RS)) | 100, 0xc000);
	tx_bell(&g[0]);
	settle();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(get_le32(tx_desc_at(&g[0], i) + 12), i % 2 ? TXD_DD : 0xc000);
	assert_int_equal(__atomic_load_n(shown, __ATOMIC_ACQUIRE), 4);
	put_reg(tx_regs(&g[0]), Q_TDWBAL, 1); /* not mapped: a fault, nothing else */
	send_frame(0, 100);
	settle();
	assert_int_equal(nic_counter(&g[1].vf->fn.port.stats.rx_packets), 5);
	assert_true(next_fault(&(struct iommu_fault){0}));
}

/* ---- what the receiver's driver sees ---- */

static void a_long_frame_takes_many_descriptors(void **state)
{
	uint8_t *f = make_frame(0, 9000);

	(void)state;
	rx_on(&g[1], 16, SRRCTL_ONEBUF);
	tx_on(&g[0], 16);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 9000, 0);
	tx_bell(&g[0]);
	settle();
	for (unsigned i = 0; i < 5; i++) {
		assert_true(rx_take(&g[1], &wb));
		assert_int_equal(wb.status, i == 4 ? RXD_DD | RXD_EOP : RXD_DD);
		assert_int_equal(wb.len, i == 4 ? 9000 - 4 * 2048 : 2048);
		assert_memory_equal(wb.buf, f + i * 2048, wb.len);
	}
	assert_nothing();
}

/* It is stored whole or not at all. */
static void a_frame_that_does_not_fit_is_dropped(void **state)
{
	(void)state;
	rx_on(&g[1], 8, SRRCTL_ONEBUF);
	put_reg(rx_regs(&g[1]), Q_TAIL, 4);
	tx_on(&g[0], 16);
	make_frame(0, 9000);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 9000, 0);
	make_frame(10, 100);
	tx_desc(&g[0], tx_iova(10), CMD_LAST | 100, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(rx_drop(NIC_DROP_NODESC), 1);
	assert_frame(tx_buf(&g[0], 10), 100);
	for (unsigned i = 0; i < 10; i++)
		send_frame(20 + i, 100);
	settle();
	assert_int_equal(
		rx_drop(NIC_DROP_NODESC) + nic_counter(&g[1].vf->fn.port.stats.rx_packets), 12);
}

static uint32_t make_udp(unsigned k, uint32_t payload)
{
	uint8_t *f = make_frame(k, 42 + payload);

	memset(f + 14, 0, 28);
	put_be16(f + 12, NET_ETH_P_IPV4);
	f[14] = 0x45;
	put_be16(f + 16, (uint16_t)(28 + payload));
	f[23] = 17;
	put_be16(f + 38, (uint16_t)(8 + payload));
	return 42 + payload;
}

/* igbvf with any MTU above 1006 but 1500: 128 bytes of header buffer, half a page for the rest.
 */
static void headers_are_split_off_always(void **state)
{
	uint32_t len = make_udp(0, 1000);

	(void)state;
	rx_on(&g[1], 16, 0x0a000202);
	tx_on(&g[0], 16);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	make_frame(1, 500); /* no header that it knows: the header buffer is filled */
	tx_desc(&g[0], tx_iova(1), CMD_LAST | 500, 0);
	make_frame(2, 90); /* all of it fits there */
	tx_desc(&g[0], tx_iova(2), CMD_LAST | 90, 0);
	make_frame(3, 5000);
	tx_desc(&g[0], tx_iova(3), CMD_LAST | 5000, 0);
	tx_bell(&g[0]);
	settle();
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.hdr_len, 42);
	assert_int_equal(wb.len, 1000);
	assert_true(wb.split);
	assert_frame(tx_buf(&g[0], 0), len);
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.hdr_len, 128);
	assert_int_equal(wb.len, 372);
	assert_false(wb.split);
	assert_frame(tx_buf(&g[0], 1), 500);
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.hdr_len, 90);
	assert_int_equal(wb.len, 0);
	assert_frame(tx_buf(&g[0], 2), 90);
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.hdr_len, 128);
	assert_int_equal(wb.len, 2048);
	assert_frame(tx_buf(&g[0], 3), 5000); /* headers in the first descriptor alone */
}

static void headers_are_split_off_when_they_are_known(void **state)
{
	uint32_t len = make_udp(0, 1000);

	(void)state;
	rx_on(&g[1], 16, 0x04000102); /* 64 bytes */
	tx_on(&g[0], 16);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	make_frame(1, 500);
	tx_desc(&g[0], tx_iova(1), CMD_LAST | 500, 0);
	tx_bell(&g[0]);
	settle();
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.hdr_len, 42);
	assert_frame(tx_buf(&g[0], 0), len);
	assert_frame(tx_buf(&g[0], 1), 500);
	assert_int_equal(wb.hdr_len, 0);
}

static void buffers_of_one_kib(void **state)
{
	(void)state;
	rx_on(&g[1], 16, 0x02000001);
	tx_on(&g[0], 16);
	send_frame(0, 1500);
	settle();
	assert_true(rx_peek(&g[1], &wb));
	assert_int_equal(wb.len, 1024);
	assert_frame(tx_buf(&g[0], 0), 1500);
}

/* ---- offloads ---- */

static void tags_are_inserted_and_stripped(void **state)
{
	(void)state;
	rings_on();
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_vlan(tc.card, n, 7,
				    true); /* and so tags are taken off for them */
	make_frame(0, 100);
	context(0x6007, 0, 0, 0, 0, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 100, 0);
	tx_bell(&g[0]);
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_int_equal(wb.status & RXD_VP, RXD_VP);
	assert_int_equal(wb.vlan, 0x6007);
	memmove(tx_buf(&g[0], 1), make_frame(0, 100),
		100); /* a tag in the bytes is the same thing */
	memcpy(tx_buf(&g[0], 1) + 12, "\x81\0\x60\x07\x88\xb5", 6);
	tx_desc(&g[0], tx_iova(1), CMD_LAST | 100, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(rx_frame(&g[1], buf, &wb), 96);
	assert_int_equal(wb.vlan, 0x6007);
	assert_memory_equal(buf + 12, tx_buf(&g[0], 1) + 16, 84);
	send_frame(0, 100); /* untagged */
	settle();
	assert_frame(tx_buf(&g[0], 0), 100);
	assert_int_equal(wb.status & RXD_VP, 0);
}

/* A tag cut in half would be completed by the padding, in a VLAN that nobody has looked at. */
static void half_a_tag_is_refused(void **state)
{
	uint8_t *f = make_frame(0, 60);

	(void)state;
	rings_on();
	put_be32(f + 12, 0x81000007);
	for (uint32_t len = 14; len < 18; len++)
		tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 4);
	assert_nothing();
}

static void legacy_descriptors_send(void **state)
{
	uint8_t *f = make_frame(0, 100);

	(void)state;
	rings_on();
	nic_card_guest_vlan(tc.card, 0, 9, true);
	nic_card_guest_vlan(tc.card, 1, 9, true);
	tx_desc(&g[0], tx_iova(0), 50, 0);
	tx_desc(&g[0], tx_iova(0) + 50, 50 | TXD_EOP | TXD_RS, 0);
	tx_desc(&g[0], tx_iova(0), 100 | TXD_EOP | TXD_RS | TXD_VLE, 9u << 16);
	tx_bell(&g[0]);
	settle();
	assert_frame(f, 100);
	assert_frame(f, 100);
	assert_int_equal(wb.vlan, 9);
	assert_false(tx_is_done(&g[0], 0));
	assert_true(tx_is_done(&g[0], 1));
}

static void checksums_are_made_and_told(void **state)
{
	uint32_t len = make_udp(0, 100);
	uint8_t *f = tx_buf(&g[0], 0);

	(void)state;
	rings_on();
	context(0, 14, 20, FIELD_PREP(CTX_L4T, L4T_UDP), 0, 0);
	put_be16(f + 40, 0x1234); /* as if it were the pseudo-header's */
	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, TXD_IXSM | TXD_TXSM);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0); /* wrong, both of them */
	tx_bell(&g[0]);
	settle();
	assert_int_equal(rx_frame(&g[1], buf, &wb), len);
	assert_int_equal(wb.status, RXD_DD | RXD_EOP | RXD_IPCS | RXD_L4CS | RXD_UDPCS);
	assert_int_equal(wb.info, RXD_PKT_IPV4 | RXD_PKT_UDP);
	assert_true(get_be16(buf + 24) != 0 && get_be16(buf + 40) != 0x1234);
	assert_int_equal(rx_frame(&g[1], buf, &wb), len);
	assert_true(wb.status ==
		    (RXD_DD | RXD_EOP | RXD_IPCS | RXD_L4CS | RXD_UDPCS | RXD_L4E | RXD_IPE));
}

static void make_tcp(uint32_t payload)
{
	uint8_t *f = make_frame(0, 54 + payload);

	memset(f + 14, 0, 40);
	put_be16(f + 12, NET_ETH_P_IPV4);
	f[14] = 0x45;
	f[23] = 6;
	f[46] = 0x50;
	f[47] = 0x18;
}

static void tso_frames_become_segments(void **state)
{
	(void)state;
	rings_on();
	make_tcp(20000);
	context(0, 14, 20, FIELD_PREP(CTX_L4T, L4T_TCP) | CTX_IPV4, 20, 1448);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | TXD_TSE | 54, TXD_IXSM | TXD_TXSM | 20000u << 14);
	tx_desc(&g[0], tx_iova(0) + 54, CMD_LAST | TXD_TSE | 20000, 0);
	tx_bell(&g[0]);
	settle();
	for (uint32_t done = 0; done < 20000; done += 1448) {
		uint32_t n = MIN(1448u, 20000 - done);

		assert_int_equal(rx_frame(&g[1], buf, &wb), 54 + n);
		assert_memory_equal(buf + 54, tx_buf(&g[0], 0) + 54 + done, n);
		assert_int_equal(get_be32(buf + 38), done);
		assert_int_equal(wb.status, RXD_DD | RXD_EOP | RXD_IPCS | RXD_L4CS);
	}
	assert_nothing();
	assert_int_equal(nic_counter(&g[0].vf->fn.port.stats.tx_packets), 14);
}

/* 256 KiB in segments of one byte would keep everybody waiting for 10 ms. */
static void tso_in_crumbs_is_refused(void **state)
{
	(void)state;
	rings_on();
	make_tcp(20000);
	context(0, 14, 20, FIELD_PREP(CTX_L4T, L4T_TCP) | CTX_IPV4, 20, 1);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | 20054, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 1);
	assert_nothing();
}

static void two_contexts_are_kept(void **state)
{
	(void)state;
	rings_on();
	for (unsigned n = 0; n < 2; n++)
		for (unsigned vid = 5; vid < 7; vid++)
			nic_card_guest_vlan(tc.card, n, vid, true);
	make_frame(0, 100);
	tx_desc(&g[0], 5u << 16, TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT), 0);
	tx_desc(&g[0], 6u << 16, TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT),
		FIELD_PREP(TXD_IDX, 1));
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 100, 0);
	tx_bell(&g[0]);
	settle(); /* and they outlive a burst */
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 100, FIELD_PREP(TXD_IDX, 1));
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_VLE | 100, 0);
	tx_bell(&g[0]);
	settle();
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(rx_frame(&g[1], buf, &wb), 100);
		assert_int_equal(wb.vlan, i == 1 ? 6 : 5);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guests_set_up, guests_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frame_goes_from_vf_to_vf),
		TEST(a_burst_fills_one_descriptor_after_another),
		TEST(rings_wrap),
		TEST(both_queues_of_a_vf_send),
		TEST(a_frame_lies_in_many_buffers),
		TEST(a_write_back_is_made_where_it_is_asked_for),
		TEST(a_long_frame_takes_many_descriptors),
		TEST(a_frame_that_does_not_fit_is_dropped),
		TEST(headers_are_split_off_always),
		TEST(headers_are_split_off_when_they_are_known),
		TEST(buffers_of_one_kib),
		TEST(tags_are_inserted_and_stripped),
		TEST(half_a_tag_is_refused),
		TEST(legacy_descriptors_send),
		TEST(checksums_are_made_and_told),
		TEST(tso_frames_become_segments),
		TEST(tso_in_crumbs_is_refused),
		TEST(two_contexts_are_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
