/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.h - libpcap's expressions (pcap-filter(7)), judged here: the daemon never sees them.
 */
#ifndef LADON_CLI_FILTER_H
#define LADON_CLI_FILTER_H

#include <stdbool.h>
#include <stdint.h>

struct filter;

/* Returns NULL with a sentence in why (size bytes). */
struct filter *filter_new(const char *expression, char *why, unsigned size);
bool filter_match(const struct filter *filter, const uint8_t *bytes, uint32_t cap_len,
		  uint32_t len);
/* Takes NULL. */
void filter_free(struct filter *filter);

#endif
