/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_fdb.h"

#include <errno.h>
#include <stdlib.h>

#include "bits.h"

#define MAX_VLANS 64u /* of one port; more take one entry for all */

int nic_fdb_new(uint32_t entries, struct nic_fdb **ret_fdb)
{
	struct nic_fdb *fdb = calloc(1, sizeof(*fdb));
	uint32_t slots = 16;
	int r;

	if (!fdb)
		return -ENOMEM;
	while (slots < 2 * entries)
		slots *= 2;
	fdb->mask = slots - 1;
	fdb->slot = aligned_alloc(CACHE_LINE, slots * sizeof(*fdb->slot));
	r = fdb->slot ? siphash_key_random(&fdb->hash_key) : -ENOMEM;
	if (r < 0) {
		nic_fdb_free(fdb);
		return r;
	}
	memset(fdb->slot, 0, slots * sizeof(*fdb->slot));
	*ret_fdb = fdb;
	return 0;
}

void nic_fdb_free(struct nic_fdb *fdb)
{
	if (!fdb)
		return;
	free(fdb->slot);
	free(fdb);
}

/* The slot that holds key, or the free one where it would go. The load of one half bounds the
 * walk. */
static struct nic_fdb_entry *fdb_slot(const struct nic_fdb *fdb, uint64_t key)
{
	uint32_t i = (uint32_t)siphash13_u64(&fdb->hash_key, key) & fdb->mask;

	while (fdb->slot[i].key && fdb->slot[i].key != key)
		i = (i + 1) & fdb->mask;
	return &fdb->slot[i];
}

static uint64_t fdb_key(uint64_t mac, uint16_t vid)
{
	return mac | vid * BIT64(48);
}

int nic_fdb_add(struct nic_fdb *fdb, uint64_t mac, uint16_t vid, uint32_t port)
{
	struct nic_fdb_entry *e = fdb_slot(fdb, fdb_key(mac, vid));

	assert(mac != 0);
	if (e->key)
		return e->port == port ? 0 : -EEXIST;
	if (2 * (fdb->used + 1) > fdb->mask + 1)
		return -ENOSPC;
	e->key = fdb_key(mac, vid);
	e->port = port;
	fdb->used++;
	fdb->any_vlan += vid == NIC_FDB_ANY_VLAN;
	return 0;
}

static unsigned num_vlans(const struct nic_policy *p)
{
	unsigned sum = 0;

	for (unsigned w = 0; w < ARRAY_SIZE(p->vlans); w++)
		sum += (unsigned)__builtin_popcountll(p->vlans[w]);
	return sum;
}

/* One entry for all VLANs instead of one for each? The switch looks at the receiver's policy
 * after the look-up, so what is not the port's after all is not delivered. */
static bool takes_any(const struct nic_policy *p)
{
	return p->any_vlan || num_vlans(p) > MAX_VLANS;
}

uint32_t nic_fdb_room(const struct nic_policy *p)
{
	return p->num_macs * (1 + (takes_any(p) ? 1 : num_vlans(p)));
}

static void add_at(struct nic_fdb *fdb, const struct nic_policy *p, uint64_t mac, uint16_t vid,
		   uint32_t port)
{
	if (nic_policy_live(p) || nic_fdb_find(fdb, mac, vid) < 0)
		nic_fdb_add(fdb, mac, vid, port);
}

static void add_mac(struct nic_fdb *fdb, const struct nic_policy *p, uint64_t mac,
		    uint32_t port)
{
	if (mac == 0)
		return; /* a filter that a PF driver left empty */
	if (p->pvid) {
		add_at(fdb, p, mac, nic_policy_port_vlan(p), port);
		return;
	}
	if (p->untagged)
		add_at(fdb, p, mac, 0, port);
	if (takes_any(p)) {
		add_at(fdb, p, mac, NIC_FDB_ANY_VLAN, port);
		return;
	}
	for (unsigned w = 0; w < ARRAY_SIZE(p->vlans); w++)
		for (uint64_t bits = p->vlans[w]; bits; bits &= bits - 1)
			add_at(fdb, p, mac,
			       (uint16_t)(w * 64 + (unsigned)__builtin_ctzll(bits)), port);
}

void nic_fdb_add_port(struct nic_fdb *fdb, const struct nic_policy *p, uint32_t port)
{
	for (unsigned i = 0; i < p->num_macs; i++)
		add_mac(fdb, p, p->mac[i], port);
}

int nic_fdb_find(const struct nic_fdb *fdb, uint64_t mac, uint16_t vid)
{
	const struct nic_fdb_entry *e = fdb_slot(fdb, fdb_key(mac, vid));

	if (unlikely(!e->key && fdb->any_vlan && vid))
		e = fdb_slot(fdb, fdb_key(mac, NIC_FDB_ANY_VLAN));
	return e->key ? (int)e->port : -1;
}
