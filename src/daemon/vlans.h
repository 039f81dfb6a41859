/* SPDX-License-Identifier: BSD-3-Clause */
/* vlans.h - lists of VLANs as text, "10,20-30", and as a bitmap of NIC_VLANS bits. Pure. */
#ifndef LADON_DAEMON_VLANS_H
#define LADON_DAEMON_VLANS_H

#include <stdint.h>

#include "nic_policy.h"
#include "words.h"

#define VLAN_MAX	 4094 /* 4095 is reserved (802.1Q, table 9-2) */
#define VLANS_ENTRIES	 4094 /* VLANs and ranges of one list */
#define VLANS_TEXT_BYTES 16384

/* "all" | "none" | VLANs and ranges with commas between, 1 ... 4094. 0 or -errno with a
 * sentence; ret_map is then undefined. "all" is 1 ... 4094. */
int vlans_parse(const char *text, uint64_t ret_map[NIC_VLANS / 64], struct cmd_error *error);
/* The shortest list of the same VLANs into buf (VLANS_TEXT_BYTES); returns buf. */
const char *vlans_text(const uint64_t map[NIC_VLANS / 64], char *buf);

#endif
