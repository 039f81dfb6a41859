/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_eth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t sample[NET_ETH_ALEN] = {0x52, 0x54, 0x00, 0xAB, 0xcd, 0xef};
static const uint8_t broadcast[NET_ETH_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t multicast[NET_ETH_ALEN] = {0x33, 0x33, 0, 0, 0, 1};
static const uint8_t zero[NET_ETH_ALEN];

static void kinds_of_address(void **state)
{
	(void)state;
	assert_true(net_mac_is_valid(sample));
	assert_false(net_mac_is_valid(broadcast));
	assert_false(net_mac_is_valid(multicast));
	assert_false(net_mac_is_valid(zero));
	assert_true(net_mac_is_group(multicast) && net_mac_is_group(broadcast));
	assert_false(net_mac_is_group(sample));
	assert_true(net_mac_is_broadcast(broadcast));
	assert_false(net_mac_is_broadcast(multicast));
	assert_int_equal(net_mac_u64(sample), 0xefcdab005452ull);
}

static void link_control_is_16_addresses_and_one_type(void **state)
{
	uint8_t mac[NET_ETH_ALEN] = {0x01, 0x80, 0xc2, 0, 0, 0};

	(void)state;
	for (unsigned last = 0; last < 256; last++) {
		mac[5] = (uint8_t)last;
		assert_int_equal(net_is_link_control(mac, NET_ETH_P_IPV4), last < 16);
	}
	assert_true(net_is_link_control(sample, NET_ETH_P_CONTROL));
	assert_false(net_is_link_control(sample, NET_ETH_P_ARP));
	mac[5] = 1;
	for (int i = 0; i < 5; i++) {
		mac[i] ^= 0x40;
		assert_false(net_is_link_control(mac, NET_ETH_P_IPV4));
		mac[i] ^= 0x40;
	}
}

static void text_there_and_back(void **state)
{
	char buf[NET_MAC_STR_LEN];
	uint8_t mac[NET_ETH_ALEN];

	(void)state;
	assert_string_equal(net_mac_str(sample, buf), "52:54:00:ab:cd:ef");
	assert_int_equal(net_mac_parse("52:54:00:aB:Cd:eF", mac), 0);
	assert_memory_equal(mac, sample, sizeof(mac));
}

/* Each copy has exactly its own size, so that ASan sees a read beyond the NUL. */
static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"5",
		"52",
		"52:",
		"52:54:00:12:34",
		"52:54:00:12:34:",
		"52:54:00:12:34:5",
		"52:54:00:12:34:56:",
		"52:54:00:12:34:56:78",
		"52:54:00:12:34:567",
		" 2:54:00:12:34:56",
		"52:54:00:12:34:56 ",
		"52-54-00-12-34-56",
		"525400123456",
		"5:54:00:12:34:56",
		"52:54:00:12:34:5g",
		"52:54:00:12:34:/0",
		"52:54:00:12:34:+5",
		"0x:54:00:12:34:56",
	};
	uint8_t mac[NET_ETH_ALEN];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text = strdup(bad[i]);

		memcpy(mac, sample, sizeof(mac));
		assert_int_equal(net_mac_parse(text, mac), -EINVAL);
		assert_memory_equal(mac, sample, sizeof(mac));
		free(text);
	}
}

static void random_is_local_unicast_and_differs(void **state)
{
	uint8_t a[NET_ETH_ALEN], b[NET_ETH_ALEN];

	(void)state;
	net_mac_random(a);
	assert_true(net_mac_is_valid(a));
	for (int i = 0; i < 64; i++) {
		net_mac_random(b);
		assert_int_equal(b[0] & 3, 2);
		assert_memory_not_equal(a, b, sizeof(a));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds_of_address),
		cmocka_unit_test(link_control_is_16_addresses_and_one_type),
		cmocka_unit_test(text_there_and_back),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(random_is_local_unicast_and_differs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
