/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index is one 16-bit slot a dword of the BAR: row number + 1, 0 = no register. A row's
 * number and the offset say which element of an array it is, so a look-up is one load and one
 * division by the stride.
 */
#include "nic_regs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bits.h"

#define DWORD	 4u
#define MAX_ROWS (UINT16_MAX - 1u)

struct nic_reg_map {
	const struct nic_reg_row *rows; /* borrowed for ever */
	unsigned num_rows;
	uint32_t num_dwords;
	uint16_t slot[]; /* num_dwords: row + 1 */
};

static char error_text[160];

/* Always -EINVAL, so that checks can return it. */
static int refuse(const char **ret_error, const struct nic_reg_row *row, const char *why)
{
	snprintf(error_text, sizeof(error_text), "register %s at 0x%x: %s",
		 row->name ? row->name : "(no name)", row->offset, why);
	*ret_error = error_text;
	return -EINVAL;
}

static int check_bits(const struct nic_reg_row *row, const char **ret_error)
{
	if (row->rw & row->w1c)
		return refuse(ret_error, row, "a bit is both writable and write-1-to-clear");
	if (row->rw & row->rc)
		return refuse(ret_error, row, "a bit is both writable and cleared by reading");
	return 0;
}

static int check_place(const struct nic_reg_row *row, uint32_t bar_size, const char **ret_error)
{
	uint64_t last;

	if (row->offset % DWORD || row->stride % DWORD)
		return refuse(ret_error, row, "offset or stride is not a multiple of 4");
	if (!row->count || !row->stride)
		return refuse(ret_error, row, "count or stride is 0");
	last = row->offset + (uint64_t)(row->count - 1) * row->stride;
	if (last + DWORD > bar_size)
		return refuse(ret_error, row, "outside the BAR");
	return 0;
}

static int claim_row(struct nic_reg_map *map, unsigned i, const char **ret_error)
{
	const struct nic_reg_row *row = &map->rows[i];

	for (unsigned k = 0; k < row->count; k++) {
		uint16_t *slot = &map->slot[(row->offset + k * row->stride) / DWORD];

		if (*slot)
			return refuse(ret_error, row, "overlaps another register");
		*slot = (uint16_t)(i + 1);
	}
	return 0;
}

static int fill_map(struct nic_reg_map *map, uint32_t bar_size, const char **ret_error)
{
	for (unsigned i = 0; i < map->num_rows; i++) {
		const struct nic_reg_row *row = &map->rows[i];
		int r = row->name ? 0 : refuse(ret_error, row, "has no name");

		if (r == 0)
			r = check_place(row, bar_size, ret_error);
		if (r == 0)
			r = check_bits(row, ret_error);
		if (r == 0)
			r = claim_row(map, i, ret_error);
		if (r < 0)
			return r;
	}
	return 0;
}

int nic_reg_map_new(const struct nic_reg_row *rows, unsigned num_rows, uint32_t bar_size,
		    struct nic_reg_map **ret_map, const char **ret_error)
{
	struct nic_reg_map *map;
	int r;

	if (bar_size % DWORD || num_rows > MAX_ROWS) {
		*ret_error = "the BAR is not made of dwords, or there are too many rows";
		return -EINVAL;
	}
	map = calloc(1, sizeof(*map) + bar_size / DWORD * sizeof(map->slot[0]));
	if (!map)
		return -ENOMEM;
	map->rows = rows;
	map->num_rows = num_rows;
	map->num_dwords = bar_size / DWORD;
	r = fill_map(map, bar_size, ret_error);
	if (r < 0) {
		free(map);
		return r;
	}
	*ret_map = map;
	return 0;
}

void nic_reg_map_free(struct nic_reg_map *map)
{
	free(map);
}

const struct nic_reg_row *nic_reg_find(const struct nic_reg_map *map, uint32_t offset,
				       unsigned *ret_index)
{
	const struct nic_reg_row *row;
	uint32_t dword = offset / DWORD;

	if (dword >= map->num_dwords || !map->slot[dword])
		return NULL;
	row = &map->rows[map->slot[dword] - 1];
	*ret_index = (offset - row->offset) / row->stride;
	return row;
}

uint32_t nic_reg_read(const struct nic_reg_map *map, volatile uint32_t *store, void *dev,
		      uint32_t offset, uint64_t *unknown)
{
	unsigned index;
	const struct nic_reg_row *row = nic_reg_find(map, offset, &index);
	uint32_t stored;

	if (!row) {
		if (unknown)
			++*unknown;
		return 0;
	}
	stored = store[offset / DWORD];
	/* Before the hook, so that a hook may set such a bit anew. */
	if (row->rc)
		store[offset / DWORD] = stored & ~row->rc;
	return row->on_read ? row->on_read(dev, row, index, stored) : stored;
}

void nic_reg_write(const struct nic_reg_map *map, volatile uint32_t *store, void *dev,
		   uint32_t offset, uint32_t value, uint64_t *unknown)
{
	unsigned index;
	const struct nic_reg_row *row = nic_reg_find(map, offset, &index);
	uint32_t stored;

	if (!row) {
		if (unknown)
			++*unknown;
		return;
	}
	stored = store[offset / DWORD];
	stored = (stored & ~row->rw) | (value & row->rw);
	store[offset / DWORD] = stored & ~(value & row->w1c);
	if (row->on_write)
		row->on_write(dev, row, index, value);
}

void nic_reg_reset(const struct nic_reg_map *map, volatile uint32_t *store)
{
	for (uint32_t i = 0; i < map->num_dwords; i++)
		store[i] = map->slot[i] ? map->rows[map->slot[i] - 1].reset : 0;
}
