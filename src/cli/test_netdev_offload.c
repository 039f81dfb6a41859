/* SPDX-License-Identifier: BSD-3-Clause */
/* What a tap's header asks for, as the VF is told of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "netdev.h"

static uint8_t bytes[2][256];
static struct ladon_buf part[2];

static struct virtio_net_hdr csum(unsigned start, unsigned offset)
{
	return (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				       .csum_start = (uint16_t)start,
				       .csum_offset = (uint16_t)offset};
}

/* A frame of len bytes with tags; returns where layer 3 begins. */
static unsigned frame(unsigned len, unsigned tags, uint16_t type)
{
	unsigned at = 12;

	memset(bytes, 0, sizeof(bytes));
	memset(part, 0, sizeof(part));
	part[0].data = bytes[0];
	part[1].data = bytes[1];
	part[0].len = len;
	for (unsigned i = 0; i < tags; i++, at += 4)
		put_be16(bytes[0] + at, 0x8100);
	put_be16(bytes[0] + at, type);
	return at + 2;
}

static unsigned ipv4(unsigned len, unsigned tags, uint8_t proto)
{
	unsigned at = frame(len, tags, 0x0800);

	bytes[0][at] = 0x45;
	bytes[0][at + 9] = proto;
	return at;
}

static unsigned ipv6(unsigned len, uint8_t next)
{
	unsigned at = frame(len, 0, 0x86dd);

	bytes[0][at] = 0x60;
	bytes[0][at + 6] = next;
	return at;
}

static void a_checksum_becomes_layers(void **state)
{
	struct virtio_net_hdr h = csum(34, 6);

	(void)state;
	ipv4(42, 0, 17);
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, LADON_TX_L4_CSUM);
	assert_int_equal(part[0].l2_len, 14);
	assert_int_equal(part[0].l3_len, 20);
	assert_int_equal(part[0].l4, LADON_L4_UDP);
	ipv4(60, 1, 6);
	h = csum(38, 16);
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, LADON_TX_L4_CSUM);
	assert_int_equal(part[0].l2_len, 18);
	assert_int_equal(part[0].l4, LADON_L4_TCP);
	ipv6(80, 6);
	h = csum(54, 16);
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, LADON_TX_L4_CSUM | LADON_TX_IPV6);
	assert_int_equal(part[0].l3_len, 40);
}

static void nothing_asked_is_nothing_done(void **state)
{
	struct virtio_net_hdr h = {0};

	(void)state;
	frame(1, 0, 0);
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, 0);
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	assert_false(netdev_offload_tx(part, &h));
}

static void long_streams_are_segmented(void **state)
{
	struct virtio_net_hdr h = csum(34, 16);

	(void)state;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 1448;
	bytes[0][0] = 0;
	ipv4(100, 0, 6);
	bytes[0][34 + 12] = 0x80;
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, LADON_TX_L4_CSUM | LADON_TX_TSO);
	assert_int_equal(part[0].l4_len, 32);
	assert_int_equal(part[0].mss, 1448);
	/* A header that is cut off, too short, of the other family; no size; UDP. */
	part[0].len = 60;
	assert_false(netdev_offload_tx(part, &h));
	part[0].len = 100;
	bytes[0][34 + 12] = 0x40;
	assert_false(netdev_offload_tx(part, &h));
	bytes[0][34 + 12] = 0x50;
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV6;
	assert_false(netdev_offload_tx(part, &h));
	h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	h.gso_size = 0;
	assert_false(netdev_offload_tx(part, &h));
	h.gso_size = 1448;
	h.csum_offset = 6;
	assert_false(netdev_offload_tx(part, &h));
}

/* 0x0102 + 0x0304 + 0x0500 = 0x0906, and its complement. */
static void what_the_card_has_no_words_for_is_summed_here(void **state)
{
	static const uint8_t text[] = {1, 2, 3, 4, 5};
	struct virtio_net_hdr h = csum(70, 6);

	(void)state;
	/* The inner message of a tunnel, over two parts of odd length. */
	ipv4(73, 0, 17);
	part[0].next = &part[1];
	part[1].len = 9;
	memcpy(bytes[0] + 70, text, 3);
	memcpy(bytes[1], text + 3, 2);
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(part[0].flags, 0);
	assert_int_equal(get_be16(bytes[1] + 3), 0xf6f9);
	/* A sum of zero would say that there is none. */
	memset(bytes[0] + 70, 0, 3);
	memset(bytes[1], 0, 9);
	bytes[0][70] = bytes[0][71] = 0xff;
	assert_true(netdev_offload_tx(part, &h));
	assert_int_equal(get_be16(bytes[1] + 3), 0xffff);
	/* Its field is behind the end. */
	h.csum_start = 77;
	assert_false(netdev_offload_tx(part, &h));
	h.csum_start = 0xffff;
	assert_false(netdev_offload_tx(part, &h));
}

/* All that could be said wrongly is summed, or refused, within the frame. */
static void no_header_reaches_outside(void **state)
{
	(void)state;
	for (unsigned len = 1; len < 64; len++)
		for (unsigned start = 0; start < 80; start++)
			for (unsigned type = 0; type < 6; type++) {
				struct virtio_net_hdr h = csum(start, 16);
				uint8_t *exact;

				ipv4(len, type % 3, 6);
				exact = test_malloc(len);
				memcpy(exact, bytes[0], len);
				part[0].data = exact;
				h.gso_type = type > 2 ? VIRTIO_NET_HDR_GSO_TCPV4 : 0;
				h.gso_size = 100;
				netdev_offload_tx(part, &h);
				netdev_is_group_report(part);
				assert_true((unsigned)part[0].l2_len + part[0].l3_len +
						    part[0].l4_len <=
					    len);
				test_free(exact);
			}
}

static void group_reports_are_known(void **state)
{
	(void)state;
	ipv4(60, 0, 2);
	assert_false(netdev_is_group_report(part));
	bytes[0][0] = 1;
	assert_true(netdev_is_group_report(part));
	ipv4(60, 0, 17);
	bytes[0][0] = 1;
	assert_false(netdev_is_group_report(part));
	ipv6(80, 0);
	bytes[0][0] = 0x33;
	assert_true(netdev_is_group_report(part));
	part[0].len = 50;
	assert_false(netdev_is_group_report(part));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_checksum_becomes_layers),
		cmocka_unit_test(nothing_asked_is_nothing_done),
		cmocka_unit_test(long_streams_are_segmented),
		cmocka_unit_test(what_the_card_has_no_words_for_is_summed_here),
		cmocka_unit_test(no_header_reaches_outside),
		cmocka_unit_test(group_reports_are_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
