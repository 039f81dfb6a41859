/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * net_pcapng.h - blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, times in
 * nanoseconds. Pure: each function writes one block into buf and returns its length.
 */
#ifndef LADON_NET_PCAPNG_H
#define LADON_NET_PCAPNG_H

#include <stdbool.h>
#include <stdint.h>

#define NET_PCAPNG_TEXT 256u /* bytes of a text that are kept */
/* Any block without packet bytes fits; a packet's comes on top. */
#define NET_PCAPNG_ROOM 512u
/* Where a packet's bytes are in its block: whoever has them there already spares a copy. */
#define NET_PCAPNG_DATA 28u

struct net_pcapng_packet {
	uint32_t interface; /* in the order of net_pcapng_interface */
	uint64_t time_ns;   /* since 1970 */
	const uint8_t *data;
	uint32_t cap_len, orig_len;
	bool inbound;	     /* to the interface, else from it */
	uint64_t lost;	     /* packets between this one and the last; 0 = none */
	const char *comment; /* NULL = none */
};

uint32_t net_pcapng_section(uint8_t *buf, const char *application);
uint32_t net_pcapng_interface(uint8_t *buf, const char *name, uint32_t snaplen);
uint32_t net_pcapng_packet(uint8_t *buf, const struct net_pcapng_packet *packet);
/* What the capture as a whole has lost so far. */
uint32_t net_pcapng_statistics(uint8_t *buf, uint32_t interface, uint64_t time_ns,
			       uint64_t lost);

#endif
