/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_fdb.h - the forwarding table: (MAC, VLAN) -> port. Built whole by the control thread,
 * then immutable. Open addressing over a keyed hash (SipHash-1-3, key random for each table),
 * load at most one half, so a guest that chooses addresses cannot make probes long. One probe
 * is one cache line.
 */
#ifndef LADON_NIC_FDB_H
#define LADON_NIC_FDB_H

#include <stdint.h>

#include "siphash.h"

struct nic_fdb_entry {
	uint64_t key;  /* mac | vid << 48; 0 = free (MAC zero is never entered) */
	uint32_t port; /* index */
	uint32_t pad;
};

struct nic_fdb {
	struct siphash_key hash_key;
	uint32_t mask; /* slots - 1 */
	uint32_t used;
	struct nic_fdb_entry *slot; /* owned */
};

/* Room for at least entries. Returns 0 or -errno. */
int nic_fdb_new(uint32_t entries, struct nic_fdb **ret_fdb);
void nic_fdb_free(struct nic_fdb *fdb);
/* Returns 0, -EEXIST (held by another port: the first one keeps it), -ENOSPC. */
int nic_fdb_add(struct nic_fdb *fdb, uint64_t mac, uint16_t vid, uint32_t port);
/* Port index, or -1. */
int nic_fdb_find(const struct nic_fdb *fdb, uint64_t mac, uint16_t vid);

#endif
