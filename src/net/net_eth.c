/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_eth.h"

#include <errno.h>

#include "clock.h"
#include "siphash.h"

const char *net_mac_str(const uint8_t *mac, char *buf)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < NET_ETH_ALEN; i++) {
		buf[3 * i] = digits[mac[i] >> 4];
		buf[3 * i + 1] = digits[mac[i] & 15];
		buf[3 * i + 2] = i < NET_ETH_ALEN - 1 ? ':' : 0;
	}
	return buf;
}

/* -1 for what is no digit, the final NUL included; no locale. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int net_mac_parse(const char *text, uint8_t ret_mac[NET_ETH_ALEN])
{
	uint8_t mac[NET_ETH_ALEN];

	for (int i = 0; i < NET_ETH_ALEN; i++, text += 3) {
		int high = hex_value(text[0]);
		int low = high < 0 ? -1 : hex_value(text[1]);

		if (low < 0 || text[2] != (i < NET_ETH_ALEN - 1 ? ':' : 0))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret_mac, mac, sizeof(mac));
	return 0;
}

void net_mac_random(uint8_t ret_mac[NET_ETH_ALEN])
{
	/* Without getrandom the time must do: an address has to differ, not to be secret. */
	struct siphash_key key = {clock_ns(), (uintptr_t)ret_mac};
	uint64_t bits;

	(void)siphash_key_random(&key);
	bits = siphash13_u64(&key, 0);
	memcpy(ret_mac, &bits, NET_ETH_ALEN);
	ret_mac[0] = (uint8_t)((ret_mac[0] & ~1) | 2);
}
