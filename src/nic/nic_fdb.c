/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_fdb.h"

#include <errno.h>
#include <stdlib.h>

#include "bits.h"

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
	return mac | (uint64_t)vid << 48;
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
	return 0;
}

int nic_fdb_find(const struct nic_fdb *fdb, uint64_t mac, uint16_t vid)
{
	const struct nic_fdb_entry *e = fdb_slot(fdb, fdb_key(mac, vid));

	return e->key ? (int)e->port : -1;
}
