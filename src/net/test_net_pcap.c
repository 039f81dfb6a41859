/* SPDX-License-Identifier: BSD-3-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "net_pcap.h"

static uint8_t file[4096];
static size_t len;
static struct net_pcap pcap;
static struct net_pcap_frame frame;

static void put32(uint32_t v, bool swapped)
{
	v = swapped ? __builtin_bswap32(v) : v;
	memcpy(file + len, &v, sizeof(v));
	len += sizeof(v);
}

static void head(uint32_t magic, uint32_t link, bool swapped)
{
	len = 0;
	put32(magic, swapped);
	put32(0x00040002, swapped);
	put32(0, swapped);
	put32(0, swapped);
	put32(65535, swapped);
	put32(link, swapped);
}

static void record(uint32_t seconds, uint32_t part, uint32_t kept, uint32_t wire, bool swapped)
{
	put32(seconds, swapped);
	put32(part, swapped);
	put32(kept, swapped);
	put32(wire, swapped);
	memset(file + len, (int)seconds, kept);
	len += kept;
}

static void each_byte_order_and_unit_is_read(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		bool swapped = kind & 1, nano = kind & 2;

		head(nano ? 0xa1b23c4d : 0xa1b2c3d4, 1, swapped);
		record(3, 500, 60, 60, swapped);
		record(4, 0, 20, 1514, swapped);
		assert_null(net_pcap_open(&pcap, file, len));
		assert_true(net_pcap_next(&pcap, &frame));
		assert_int_equal(frame.len, 60);
		assert_int_equal(frame.wire, 60);
		assert_int_equal(frame.bytes[59], 3);
		assert_int_equal(frame.ns, 3000000000ull + (nano ? 500 : 500000));
		assert_true(net_pcap_next(&pcap, &frame));
		assert_int_equal(frame.len, 20);
		assert_int_equal(frame.wire, 1514);
		assert_false(net_pcap_next(&pcap, &frame));
	}
}

static void what_is_written_can_be_read(void **state)
{
	(void)state;
	net_pcap_put_head(file);
	net_pcap_put_rec(file + NET_PCAP_HEAD, 64, 1700000000123456789ull);
	assert_null(net_pcap_open(&pcap, file, NET_PCAP_HEAD + NET_PCAP_REC + 64));
	assert_true(net_pcap_next(&pcap, &frame));
	assert_int_equal(frame.ns, 1700000000123456789ull);
	assert_int_equal(frame.len, 64);
	assert_int_equal(frame.wire, 64);
	assert_null(net_pcap_open(&pcap, file, NET_PCAP_HEAD)); /* no frame at all */
	assert_false(net_pcap_next(&pcap, &frame));
}

static void damage_is_named(void **state)
{
	(void)state;
	head(0xa1b2c3d4, 1, false);
	record(1, 0, 60, 60, false);
	for (size_t cut = 0; cut < len; cut++) {
		if (cut != NET_PCAP_HEAD)
			assert_non_null(net_pcap_open(&pcap, file, cut));
	}
	assert_null(net_pcap_open(&pcap, file, len));
	put_be32(file + NET_PCAP_HEAD + 8, 0xffffffff);
	assert_non_null(strstr(net_pcap_open(&pcap, file, len), "damaged"));
	head(0xa1b2c3d4, 113, false); /* Linux cooked */
	assert_non_null(strstr(net_pcap_open(&pcap, file, len), "Ethernet"));
	head(0x0a0d0d0a, 1, false);
	assert_non_null(strstr(net_pcap_open(&pcap, file, len), "editcap"));
	head(0x7f454c46, 1, false);
	assert_non_null(strstr(net_pcap_open(&pcap, file, len), "tcpdump -w"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_byte_order_and_unit_is_read),
		cmocka_unit_test(what_is_written_can_be_read),
		cmocka_unit_test(damage_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
