/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_net_pcap.c - a file to be replayed: what open finds right is read to its very end. */
#include "fuzz.h"

#include <string.h>

#include "net_pcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = malloc(size + !size); /* exactly, so that ASan sees a byte too many */
	struct net_pcap_frame frame;
	struct net_pcap pcap;
	uint64_t sum = 0;

	MUST(bytes);
	if (size)
		memcpy(bytes, data, size);
	if (!net_pcap_open(&pcap, bytes, size)) {
		while (net_pcap_next(&pcap, &frame)) {
			MUST(frame.len <= NET_PCAP_LEN_MAX && frame.bytes >= bytes);
			for (uint32_t i = 0; i < frame.len; i++)
				sum += frame.bytes[i];
		}
		MUST(pcap.at == size);
	}
	free(bytes);
	return sum == UINT64_MAX;
}
