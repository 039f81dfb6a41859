/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ntb_map.h - the global address map: which part of the device-side address space belongs to
 * which host.
 *
 * A device sees every host's memory in one space of 52 bits. Each host has a slice of it, and
 * the host's address a is seen as slice base + a. The host in this process is slice 0 at base
 * 0: its addresses are the same on both sides, so one host alone is the case of many hosts with
 * nothing added. Slices are powers of two, aligned to their size, like a BAR: they never
 * overlap, and a host cannot name an address outside its own by adding to a base.
 *
 * A slice stays where it is while its host lives. When the host goes, the look-up no longer
 * finds the slice, but place and index are held until the owner says that nobody can be using
 * an address in it any more; the epoch says which host of that place is meant.
 *
 * Threads: the control thread changes; any thread may call ntb_map_at, and uses what it returns
 * until its next quiesce point.
 */
#ifndef LADON_NTB_MAP_H
#define LADON_NTB_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define NTB_ADDR_BITS	  52u
#define NTB_SLICE_MIN	  40u /* bits: 1 TiB */
#define NTB_SLICE_MAX	  51u
#define NTB_UNITS	  (1u << (NTB_ADDR_BITS - NTB_SLICE_MIN))
#define NTB_HOSTS_MAX	  64u
#define NTB_HOST_NAME_LEN 16u
#define NTB_LOCAL	  0u /* index of the host in this process */

struct ntb_slice {
	uint64_t base;
	uint64_t size;	/* 0: nobody's */
	uint64_t epoch; /* never the same twice in a map; 0 is nobody's */
	unsigned index;
	char name[NTB_HOST_NAME_LEN];
	bool leaving; /* the host is gone, the place not yet free; control thread only */
};

struct ntb_map {
	struct ntb_slice slice[NTB_HOSTS_MAX];
	_Atomic uint8_t unit[NTB_UNITS]; /* index + 1 of the living slice there, or 0 */
	uint64_t epoch;			 /* the last one given */
};

/* A map with the local slice of 2^bits bytes. name and bits are good. */
void ntb_map_init(struct ntb_map *map, const char *name, unsigned bits);

/*
 * A slice of 2^bits bytes for a host, at the lowest place that is free. Returns 0 and the
 * index, -EINVAL (no name or a longer one than fits; bits not NTB_SLICE_MIN ... MAX), -EEXIST
 * (a living host of that name) or -ENOSPC.
 */
int ntb_map_add(struct ntb_map *map, const char *name, unsigned bits, unsigned *ret_index);
/* The host is gone: its addresses are nobody's from now on. Returns 0, -ENOENT, or -EBUSY (the
 * local host stays). Its name may be given again at once. */
int ntb_map_leave(struct ntb_map *map, unsigned index);
/* Everybody who may have used the slice has been drained: its place is free. Returns 0, -ENOENT
 * (nobody's), -EBUSY (the host lives) or -ESTALE (epoch is not the slice's). */
int ntb_map_drained(struct ntb_map *map, unsigned index, uint64_t epoch);

/* NULL when it is nobody's. */
const struct ntb_slice *ntb_map_slice(const struct ntb_map *map, unsigned index);
/* A living host's. */
const struct ntb_slice *ntb_map_find(const struct ntb_map *map, const char *name);
/* The slices from the lowest address to the highest, those whose hosts are leaving too: the one
 * after prev (NULL: the first), or NULL. */
const struct ntb_slice *ntb_map_next(const struct ntb_map *map, const struct ntb_slice *prev);

/* The living host's slice that addr lies in, or NULL. Any thread. */
const struct ntb_slice *ntb_map_at(const struct ntb_map *map, uint64_t addr);
/* What a device calls the len bytes at host_addr; false when they are not all in the slice. */
bool ntb_slice_addr(const struct ntb_slice *slice, uint64_t host_addr, uint64_t len,
		    uint64_t *ret_addr);

#endif
