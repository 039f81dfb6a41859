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

#include "nic_policy.h"
#include "siphash.h"

/* In place of a VLAN: the address is the port's in every VLAN but 0 (untagged) that has no
 * entry of its own. */
#define NIC_FDB_ANY_VLAN 0x1000u

struct nic_fdb_entry {
	uint64_t key;  /* mac | vid << 48; 0 = free (MAC zero is never entered) */
	uint32_t port; /* index */
	uint32_t pad;
};

struct nic_fdb {
	struct siphash_key hash_key;
	uint32_t mask; /* slots - 1 */
	uint32_t used;
	uint32_t any_vlan; /* entries with NIC_FDB_ANY_VLAN: 0 spares the second probe */
	struct nic_fdb_entry *slot; /* owned */
};

/* Room for at least entries. Returns 0 or -errno. */
int nic_fdb_new(uint32_t entries, struct nic_fdb **ret_fdb);
void nic_fdb_free(struct nic_fdb *fdb);
/* Returns 0, -EEXIST (held by another port: the first one keeps it), -ENOSPC. */
int nic_fdb_add(struct nic_fdb *fdb, uint64_t mac, uint16_t vid, uint32_t port);
/* Slots a port with this policy takes at most. */
uint32_t nic_fdb_room(const struct nic_policy *policy);
/*
 * Enters the port under each address and VLAN that its policy says. One that cannot receive is
 * entered too, so that frames for it are its loss and do not go out to the wire; but it takes
 * nothing that is another's by exact VLAN or any, so add those that can first.
 */
void nic_fdb_add_port(struct nic_fdb *fdb, const struct nic_policy *policy, uint32_t port);
/* Port index, or -1. */
int nic_fdb_find(const struct nic_fdb *fdb, uint64_t mac, uint16_t vid);

#endif
