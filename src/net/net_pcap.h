/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_pcap.h - frames in a file, in the format of tcpdump -w: a header of 24 bytes, and 16
 * bytes before each frame. Reads both byte orders, times in micro- and nanoseconds; writes
 * nanoseconds.
 *
 * That is all there is to it, so it is ours: libpcap would bring D-Bus, systemd and a
 * cryptographic library into the process that holds the guests' memory.
 */
#ifndef LADON_NET_PCAP_H
#define LADON_NET_PCAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_PCAP_HEAD	 24u /* bytes in front of the file */
#define NET_PCAP_REC	 16u /* bytes in front of a frame */
#define NET_PCAP_LEN_MAX 262144u

struct net_pcap {
	const uint8_t *bytes; /* borrowed: the whole file */
	size_t len, at;
	bool swapped, nano;
};

struct net_pcap_frame {
	const uint8_t *bytes;
	uint32_t len;  /* in the file */
	uint32_t wire; /* as it was; more than len: the rest was not kept */
	uint64_t ns;   /* when, since 1970 */
};

/* Checks the file from front to end. NULL, or what is wrong with it, as a sentence (static). */
const char *net_pcap_open(struct net_pcap *pcap, const uint8_t *bytes, size_t len);
/* The next frame of a file that open has found right. False: that was the last. */
bool net_pcap_next(struct net_pcap *pcap, struct net_pcap_frame *ret);

void net_pcap_put_head(uint8_t head[NET_PCAP_HEAD]);
void net_pcap_put_rec(uint8_t rec[NET_PCAP_REC], uint32_t len, uint64_t ns);

#endif
