/* SPDX-License-Identifier: BSD-3-Clause */
#include "net_pcap.h"

#include <string.h>

#define MAGIC_MICRO 0xa1b2c3d4u
#define MAGIC_NANO  0xa1b23c4du
#define MAGIC_NG    0x0a0d0d0au
#define ETHERNET    1u
#define NS	    1000000000ull

static uint32_t word(const struct net_pcap *pcap, size_t at)
{
	uint32_t v;

	memcpy(&v, pcap->bytes + at, sizeof(v));
	return pcap->swapped ? __builtin_bswap32(v) : v;
}

static bool is_magic(struct net_pcap *pcap, bool swapped)
{
	uint32_t magic;

	pcap->swapped = swapped;
	magic = word(pcap, 0);
	pcap->nano = magic == MAGIC_NANO;
	return pcap->nano || magic == MAGIC_MICRO;
}

static const char *check_head(struct net_pcap *pcap)
{
	if (pcap->len >= 4 && word(pcap, 0) == MAGIC_NG)
		return "it is a pcapng file: editcap -F pcap FILE OTHER makes one that is "
		       "right";
	if (pcap->len < NET_PCAP_HEAD || !(is_magic(pcap, false) || is_magic(pcap, true)))
		return "it is no pcap file, as tcpdump -w writes them";
	if ((word(pcap, 20) & 0xffff) != ETHERNET)
		return "its frames are not Ethernet's";
	return NULL;
}

bool net_pcap_next(struct net_pcap *pcap, struct net_pcap_frame *ret)
{
	uint64_t part;

	if (pcap->len - pcap->at < NET_PCAP_REC)
		return false;
	ret->len = word(pcap, pcap->at + 8);
	ret->wire = word(pcap, pcap->at + 12);
	part = word(pcap, pcap->at + 4);
	ret->ns = word(pcap, pcap->at) * NS + (pcap->nano ? part : part * 1000);
	if (ret->len > NET_PCAP_LEN_MAX || pcap->len - pcap->at - NET_PCAP_REC < ret->len)
		return false;
	ret->bytes = pcap->bytes + pcap->at + NET_PCAP_REC;
	pcap->at += NET_PCAP_REC + ret->len;
	return true;
}

const char *net_pcap_open(struct net_pcap *pcap, const uint8_t *bytes, size_t len)
{
	struct net_pcap_frame frame;
	const char *wrong;

	*pcap = (struct net_pcap){.bytes = bytes, .len = len, .at = NET_PCAP_HEAD};
	wrong = check_head(pcap);
	if (wrong)
		return wrong;
	while (net_pcap_next(pcap, &frame))
		;
	if (pcap->at != len)
		return "it ends in the middle of a frame, or is damaged";
	pcap->at = NET_PCAP_HEAD;
	return NULL;
}

void net_pcap_put_head(uint8_t head[NET_PCAP_HEAD])
{
	const struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t zone, accuracy, snap, link;
	} h = {MAGIC_NANO, 2, 4, 0, 0, NET_PCAP_LEN_MAX, ETHERNET};

	_Static_assert(sizeof(h) == NET_PCAP_HEAD, "packed");
	memcpy(head, &h, sizeof(h));
}

void net_pcap_put_rec(uint8_t rec[NET_PCAP_REC], uint32_t len, uint64_t ns)
{
	const uint32_t r[4] = {(uint32_t)(ns / NS), (uint32_t)(ns % NS), len, len};

	memcpy(rec, r, sizeof(r));
}
