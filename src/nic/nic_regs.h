/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_regs.h - registers as a table: one row a register (or an array of them), read by the
 * device model, by tests and by `ladon registers`, which prints it as Markdown.
 *
 * The builder refuses (returns -EINVAL with a text) rows that overlap, rows outside the BAR,
 * offsets that are no dword's, bits both rw and w1c or both rw and rc, and rows without a name
 * or an element: a wrong table is found by the first test that loads it.
 */
#ifndef LADON_NIC_REGS_H
#define LADON_NIC_REGS_H

#include <stdint.h>

struct nic_reg_row;

/* A hook sees the stored word and answers with the word read; index is which of an array. */
typedef uint32_t nic_reg_read_fn(void *dev, const struct nic_reg_row *row, unsigned index,
				 uint32_t stored);
/* Runs after the masks were applied and the word was stored; written is what the guest wrote.
 */
typedef void nic_reg_write_fn(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written);

struct nic_reg_row {
	const char *name;	/* the data sheet's */
	uint32_t offset;	/* of index 0, bytes in the BAR */
	uint16_t count, stride; /* array; 1, 4 for a single one */
	uint32_t reset;
	uint32_t rw, w1c, rc; /* writable; write 1 to clear; cleared by reading */
	nic_reg_read_fn *on_read;
	nic_reg_write_fn *on_write;
	const char *text; /* data-sheet section, and what it is */
};

struct nic_reg_map; /* rows + an index from dword to row; shared by all functions of a model */

/* rows borrowed for ever (static const). *ret_error gets a sentence on -EINVAL (static buffer).
 */
int nic_reg_map_new(const struct nic_reg_row *rows, unsigned num_rows, uint32_t bar_size,
		    struct nic_reg_map **ret_map, const char **ret_error);
void nic_reg_map_free(struct nic_reg_map *map);

/* store: bar_size / 4 words of the function. Dword access; offsets are multiples of 4 and
 * inside the BAR. What no row covers reads 0 and ignores writes; *unknown (may be NULL) counts
 * those. */
uint32_t nic_reg_read(const struct nic_reg_map *map, volatile uint32_t *store, void *dev,
		      uint32_t offset, uint64_t *unknown);
void nic_reg_write(const struct nic_reg_map *map, volatile uint32_t *store, void *dev,
		   uint32_t offset, uint32_t value, uint64_t *unknown);
/* Reset values into store, no hooks. */
void nic_reg_reset(const struct nic_reg_map *map, volatile uint32_t *store);
/* Row that covers offset, or NULL; *ret_index which of it. */
const struct nic_reg_row *nic_reg_find(const struct nic_reg_map *map, uint32_t offset,
				       unsigned *ret_index);

#endif
