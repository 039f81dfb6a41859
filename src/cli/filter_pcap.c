/* SPDX-License-Identifier: BSD-3-Clause */
#include "filter.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>

#define SNAPLEN 262144

struct filter {
	struct bpf_program program;
};

static int compile(struct filter *f, const char *expression, char *why, unsigned size)
{
	pcap_t *none = pcap_open_dead(DLT_EN10MB, SNAPLEN);
	int ret = -1;

	if (!none) {
		snprintf(why, size, "there is not enough memory");
		return -1;
	}
	ret = pcap_compile(none, &f->program, expression, 1, PCAP_NETMASK_UNKNOWN);
	if (ret < 0)
		snprintf(why, size, "%s", pcap_geterr(none));
	pcap_close(none);
	return ret;
}

struct filter *filter_new(const char *expression, char *why, unsigned size)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (f && compile(f, expression, why, size) < 0) {
		free(f);
		return NULL;
	}
	return f;
}

bool filter_match(const struct filter *filter, const uint8_t *bytes, uint32_t cap_len,
		  uint32_t len)
{
	const struct pcap_pkthdr hdr = {.caplen = cap_len, .len = len};

	return pcap_offline_filter(&filter->program, &hdr, bytes) != 0;
}

void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	pcap_freecode(&filter->program);
	free(filter);
}
