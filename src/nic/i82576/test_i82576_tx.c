/* SPDX-License-Identifier: BSD-3-Clause */
/* What the card makes of a frame on its way out. Frames go from VF 0 to VF 1. */
#include "test_i82576_guest.h"

#include "net_csum.h"

#define CMD_LEGACY (TXD_EOP | TXD_RS)
#define UDP	   17
#define TCP	   6

/* ---- frames ---- */

/* An IPv4 or IPv6 header and, behind it, ports. Returns where L4 begins. */
static uint32_t make_ip(unsigned k, uint32_t off, uint32_t len, bool v6, uint8_t proto)
{
	uint8_t *f = make_frame(k, len), *ip = f + off;

	memset(ip, 0, (v6 ? 40 : 20) + 20);
	put_be16(ip - 2, v6 ? NET_ETH_P_IPV6 : NET_ETH_P_IPV4);
	if (v6) {
		ip[0] = 0x60;
		put_be16(ip + 4, (uint16_t)(len - off - 40));
		ip[6] = proto;
		ip[23] = 1;
		ip[39] = 2;
	} else {
		ip[0] = 0x45;
		put_be16(ip + 2, (uint16_t)(len - off));
		put_be16(ip + 4, 0xfffe);
		ip[9] = proto;
		put_be32(ip + 12, 0x0a000001);
		put_be32(ip + 16, 0x0a000002);
	}
	off += v6 ? 40 : 20;
	put_be16(f + off, 1000);
	put_be16(f + off + 2, 2000);
	if (proto == UDP)
		put_be16(f + off + 4, (uint16_t)(len - off));
	else
		f[off + 12] = 0x50; /* data offset */
	return off;
}

static uint64_t pseudo(const uint8_t *ip, bool v6, uint8_t proto, uint32_t l4_len)
{
	uint64_t sum = net_csum_add(0, v6 ? ip + 8 : ip + 12, v6 ? 32 : 8);

	return sum + __builtin_bswap32(proto + l4_len);
}

/* The sum over the message and its pseudo-header. */
static bool l4_is_right(const uint8_t *f, uint32_t ip, uint32_t l4, uint32_t len, bool v6,
			uint8_t proto)
{
	uint64_t sum = pseudo(f + ip, v6, proto, len - l4);

	return net_csum_fold(net_csum_add(sum, f + l4, len - l4)) == 0xffff;
}

/* What a driver leaves in the checksum field. */
static void seed(uint8_t *f, uint32_t ip, uint32_t l4, uint32_t len, uint8_t proto)
{
	put_le16(f + l4 + (proto == TCP ? 16 : 6),
		 net_csum_fold(pseudo(f + ip, false, proto, len - l4)));
}

/* ---- UDP segmentation ---- */

static void send_udp_burst(bool v6, uint32_t payload, uint32_t mss)
{
	uint32_t l4 = make_ip(0, 14, 14 + (v6 ? 40 : 20) + 8 + payload, v6, UDP);
	uint32_t sta = (v6 ? 0 : TXD_IXSM) | TXD_TXSM | payload << 14;

	put_be16(tx_buf(&g[0], 0) + l4 + 6, 0xabcd);
	context(0, 14, l4 - 14, FIELD_PREP(CTX_L4T, L4T_UDP) | (v6 ? 0 : CTX_IPV4), 8, mss);
	tx_desc(&g[0], tx_iova(0), CMD_MORE | TXD_TSE | (l4 + 8), sta);
	tx_desc(&g[0], tx_iova(0) + l4 + 8, CMD_LAST | TXD_TSE | payload, 0);
	tx_bell(&g[0]);
	settle();
}

static void udp_bursts_become_datagrams(void **state)
{
	(void)state;
	rings_on();
	for (unsigned v6 = 0; v6 < 2; v6++) {
		uint32_t l4 = 14 + (v6 ? 40 : 20), hdr = l4 + 8;

		send_udp_burst(v6, 10001, 1201);
		for (unsigned i = 0; i < 9; i++) {
			uint32_t n = MIN(1201u, 10001 - i * 1201);

			assert_int_equal(rx_frame(&g[1], buf, &wb), hdr + n);
			assert_memory_equal(buf + hdr, tx_buf(&g[0], 0) + hdr + i * 1201, n);
			assert_int_equal(get_be16(buf + l4 + 4), 8 + n);
			assert_int_equal(get_be16(buf + (v6 ? 18 : 16)), (v6 ? 8 : 28) + n);
			if (!v6)
				assert_int_equal(get_be16(buf + 18), (0xfffe + i) & 0xffff);
			assert_int_equal(v6 ? 0xffff
					    : net_csum_fold(net_csum_add(0, buf + 14, 20)),
					 0xffff);
			assert_true(l4_is_right(buf, 14, l4, hdr + n, v6, UDP));
			assert_int_equal(wb.status, RXD_DD | RXD_EOP | RXD_L4CS | RXD_UDPCS |
							    (v6 ? 0 : RXD_IPCS));
		}
		assert_nothing();
	}
	assert_int_equal(nic_counter(&g[0].vf->fn.port.stats.tx_packets), 18);
}

/* ---- legacy checksum insertion ---- */

static void send_legacy(uint32_t len, uint32_t cmd, uint32_t start, uint32_t field)
{
	tx_desc(&g[0], tx_iova(0), CMD_LEGACY | cmd | FIELD_PREP(TXD_CSO, field) | len,
		FIELD_PREP(TXD_CSS, start));
	tx_bell(&g[0]);
	settle();
}

static void legacy_checksums_are_inserted(void **state)
{
	(void)state;
	rings_on();
	for (unsigned i = 0; i < 2; i++) {
		uint8_t proto = i ? UDP : TCP;
		uint32_t field = i ? 6 : 16;

		make_ip(0, 14, 201, false, proto);
		seed(tx_buf(&g[0], 0), 14, 34, 201, proto);
		send_legacy(201, TXD_IC, 34, 34 + field);
		assert_int_equal(rx_frame(&g[1], buf, &wb), 201);
		assert_true(l4_is_right(buf, 14, 34, 201, false, proto));
		assert_true(wb.status & RXD_L4CS);
		assert_false(wb.status & RXD_L4E);
		send_legacy(201, 0, 34, 34 + field); /* not asked for */
		assert_frame(tx_buf(&g[0], 0), 201);
	}
}

/* The tag that the driver wrote is four bytes more of L2. */
static void legacy_checksums_behind_a_tag(void **state)
{
	(void)state;
	rings_on();
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_vlan(tc.card, n, 5, true);
	make_ip(0, 18, 205, false, TCP);
	put_be16(tx_buf(&g[0], 0) + 12, NET_ETH_P_VLAN);
	put_be16(tx_buf(&g[0], 0) + 14, 5);
	seed(tx_buf(&g[0], 0), 18, 38, 205, TCP);
	send_legacy(205, TXD_IC, 38, 54);
	assert_int_equal(rx_frame(&g[1], buf, &wb), 201);
	assert_int_equal(wb.vlan, 5);
	assert_true(l4_is_right(buf, 14, 34, 201, false, TCP));
}

/* Sums of other shapes are not made; a place outside of the frame makes no frame. */
static void odd_legacy_checksums(void **state)
{
	(void)state;
	rings_on();
	make_ip(0, 14, 201, false, TCP);
	send_legacy(201, TXD_IC, 34, 36);
	assert_frame(tx_buf(&g[0], 0), 201);
	send_legacy(201, TXD_IC, 33, 49);
	assert_frame(tx_buf(&g[0], 0), 201);
	send_legacy(201, TXD_IC, 34, 0);
	assert_frame(tx_buf(&g[0], 0), 201);
	send_legacy(201, TXD_IC, 190, 206);
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 1);
	send_legacy(201, TXD_IC, 239, 255);
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 2);
}

/* ---- the model is told ---- */

static unsigned told, stamps;
static uint32_t told_len;

static void note_sending(struct i82576_fn *fn, const struct nic_frame *frame, bool stamp)
{
	assert_ptr_equal(fn, &g[0].vf->fn);
	told++;
	told_len = frame->len;
	stamps += stamp;
}

static void frames_that_are_sent_are_told(void **state)
{
	static const struct i82576_fn_ops ops = {.sending = note_sending};

	(void)state;
	g[0].vf->fn.ops = &ops;
	rings_on();
	send_frame(0, 101);
	settle();
	assert_int_equal(told, 1);
	assert_int_equal(told_len, 101);
	assert_int_equal(stamps, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_2STEP | 102, 0);
	tx_bell(&g[0]);
	settle();
	assert_int_equal(told, 2);
	assert_int_equal(stamps, 1);
	/* In a legacy descriptor the same bit is one of CSO. */
	tx_desc(&g[0], tx_iova(0), CMD_LEGACY | TXD_2STEP | 103, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_2STEP | 13, 0); /* no frame */
	tx_bell(&g[0]);
	settle();
	assert_int_equal(told, 3);
	assert_int_equal(told_len, 103);
	assert_int_equal(stamps, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, guests_set_up, guests_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(udp_bursts_become_datagrams),   TEST(legacy_checksums_are_inserted),
		TEST(legacy_checksums_behind_a_tag), TEST(odd_legacy_checksums),
		TEST(frames_that_are_sent_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
