/* SPDX-License-Identifier: BSD-3-Clause */
/* net_eth.h - Ethernet addresses, types and tags. Pure functions. */
#ifndef LADON_NET_ETH_H
#define LADON_NET_ETH_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define NET_ETH_ALEN	6
#define NET_ETH_HLEN	14
#define NET_ETH_ZLEN	60 /* least frame without FCS; the sender's NIC pads */
#define NET_VLAN_HLEN	4
#define NET_MAC_STR_LEN 18 /* "52:54:00:12:34:56" with NUL */

#define NET_ETH_P_IPV4	  0x0800
#define NET_ETH_P_ARP	  0x0806
#define NET_ETH_P_VLAN	  0x8100
#define NET_ETH_P_IPV6	  0x86dd
#define NET_ETH_P_QINQ	  0x88a8
#define NET_ETH_P_CONTROL 0x8808 /* MAC control: PAUSE, PFC */
#define NET_ETH_P_QINQ1	  0x9100
#define NET_ETH_P_QINQ2	  0x9200

/* Does a tag of four bytes begin here? With the types that stacked tags had before 802.1ad. */
static inline bool net_is_tag(uint16_t ethertype)
{
	return ethertype == NET_ETH_P_VLAN || ethertype == NET_ETH_P_QINQ ||
	       ethertype == NET_ETH_P_QINQ1 || ethertype == NET_ETH_P_QINQ2;
}

/* The 48 bits as a number, first byte on the wire least significant: group bit is bit 0. */
static inline uint64_t net_mac_u64(const uint8_t mac[NET_ETH_ALEN])
{
	return get_le32(mac) | (uint64_t)get_le16(mac + 4) << 32;
}

static inline bool net_mac_is_group(const uint8_t *mac)
{
	return mac[0] & 1;
}

static inline bool net_mac_is_broadcast(const uint8_t *mac)
{
	return net_mac_u64(mac) == 0xffffffffffffull;
}

static inline bool net_mac_is_zero(const uint8_t *mac)
{
	return net_mac_u64(mac) == 0;
}

/* Unicast and not zero: what a port may own. */
static inline bool net_mac_is_valid(const uint8_t *mac)
{
	return !net_mac_is_group(mac) && !net_mac_is_zero(mac);
}

/* 01:80:C2:00:00:00 ... 0F, the link-local group, or EtherType 0x8808. */
static inline bool net_is_link_control(const uint8_t *dst, uint16_t ethertype)
{
	return ethertype == NET_ETH_P_CONTROL ||
	       (net_mac_u64(dst) & 0xf0ffffffffffull) == 0x0000c28001ull;
}

/* "xx:xx:xx:xx:xx:xx" into buf (NET_MAC_STR_LEN bytes); returns buf. */
const char *net_mac_str(const uint8_t *mac, char *buf);
/* Accepts exactly six pairs of hex digits between colons. Returns 0 or -EINVAL. */
int net_mac_parse(const char *text, uint8_t ret_mac[NET_ETH_ALEN]);
/* A random locally administered unicast address. */
void net_mac_random(uint8_t ret_mac[NET_ETH_ALEN]);

#endif
