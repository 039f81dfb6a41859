/* SPDX-License-Identifier: BSD-3-Clause */
/* ntb_map.c - slices in a small table, and one byte for each TiB that says whose it is. */
#include "ntb_map.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bits.h"

static_assert(NTB_HOSTS_MAX <= UINT8_MAX, "an index fits a unit");

/* The slice that has some of [base, base + size), the leaving ones included. */
static const struct ntb_slice *overlap(const struct ntb_map *map, uint64_t base, uint64_t size)
{
	for (unsigned i = 0; i < NTB_HOSTS_MAX; i++) {
		const struct ntb_slice *s = &map->slice[i];

		if (s->size && base < s->base + s->size && s->base < base + size)
			return s;
	}
	return NULL;
}

/* Each step passes a slice, so there are no more steps than slices. */
static bool find_place(const struct ntb_map *map, uint64_t size, uint64_t *ret_base)
{
	uint64_t base = 0;

	while (base < BIT64(NTB_ADDR_BITS)) {
		const struct ntb_slice *taken = overlap(map, base, size);

		if (!taken) {
			*ret_base = base;
			return true;
		}
		base = ALIGN_UP(taken->base + taken->size, size);
	}
	return false;
}

static void set_units(struct ntb_map *map, const struct ntb_slice *slice, uint8_t value)
{
	for (uint64_t i = 0; i < slice->size >> NTB_SLICE_MIN; i++)
		atomic_store_explicit(&map->unit[(slice->base >> NTB_SLICE_MIN) + i], value,
				      memory_order_release);
}

void ntb_map_init(struct ntb_map *map, const char *name, unsigned bits)
{
	unsigned index;
	int ret;

	memset(map, 0, sizeof(*map));
	ret = ntb_map_add(map, name, bits, &index);
	assert(ret == 0 && index == NTB_LOCAL);
	(void)ret;
}

int ntb_map_add(struct ntb_map *map, const char *name, unsigned bits, unsigned *ret_index)
{
	size_t len = strnlen(name, NTB_HOST_NAME_LEN);
	struct ntb_slice *slice;
	unsigned index = 0;
	uint64_t base;

	if (!len || len == NTB_HOST_NAME_LEN || bits < NTB_SLICE_MIN || bits > NTB_SLICE_MAX)
		return -EINVAL;
	if (ntb_map_find(map, name))
		return -EEXIST;
	while (index < NTB_HOSTS_MAX && map->slice[index].size)
		index++;
	if (index == NTB_HOSTS_MAX || !find_place(map, BIT64(bits), &base))
		return -ENOSPC;
	slice = &map->slice[index];
	*slice = (struct ntb_slice){
		.base = base, .size = BIT64(bits), .epoch = ++map->epoch, .index = index};
	memcpy(slice->name, name, len);
	set_units(map, slice, (uint8_t)(index + 1));
	*ret_index = index;
	return 0;
}

int ntb_map_leave(struct ntb_map *map, unsigned index)
{
	if (index == NTB_LOCAL)
		return -EBUSY;
	if (!ntb_map_slice(map, index) || map->slice[index].leaving)
		return -ENOENT;
	map->slice[index].leaving = true;
	set_units(map, &map->slice[index], 0);
	return 0;
}

int ntb_map_drained(struct ntb_map *map, unsigned index, uint64_t epoch)
{
	const struct ntb_slice *slice = ntb_map_slice(map, index);

	if (!slice)
		return -ENOENT;
	if (slice->epoch != epoch)
		return -ESTALE;
	if (!slice->leaving)
		return -EBUSY;
	map->slice[index] = (struct ntb_slice){0};
	return 0;
}

const struct ntb_slice *ntb_map_slice(const struct ntb_map *map, unsigned index)
{
	return index < NTB_HOSTS_MAX && map->slice[index].size ? &map->slice[index] : NULL;
}

const struct ntb_slice *ntb_map_find(const struct ntb_map *map, const char *name)
{
	for (unsigned i = 0; i < NTB_HOSTS_MAX; i++) {
		const struct ntb_slice *s = &map->slice[i];

		if (s->size && !s->leaving && !strcmp(s->name, name))
			return s;
	}
	return NULL;
}

const struct ntb_slice *ntb_map_next(const struct ntb_map *map, const struct ntb_slice *prev)
{
	const struct ntb_slice *next = NULL;

	for (unsigned i = 0; i < NTB_HOSTS_MAX; i++) {
		const struct ntb_slice *s = &map->slice[i];

		if (s->size && (!prev || s->base > prev->base) &&
		    (!next || s->base < next->base))
			next = s;
	}
	return next;
}

const struct ntb_slice *ntb_map_at(const struct ntb_map *map, uint64_t addr)
{
	uint8_t unit;

	if (addr >> NTB_ADDR_BITS)
		return NULL;
	/* Acquire, with the release in set_units: the slice is filled in. */
	unit = atomic_load_explicit(&map->unit[addr >> NTB_SLICE_MIN], memory_order_acquire);
	return unit ? &map->slice[unit - 1] : NULL;
}

bool ntb_slice_addr(const struct ntb_slice *slice, uint64_t host_addr, uint64_t len,
		    uint64_t *ret_addr)
{
	if (host_addr >= slice->size || len > slice->size - host_addr)
		return false;
	*ret_addr = slice->base + host_addr;
	return true;
}
