/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_bar.h - an access to registers of any alignment and 1, 2, 4 or 8 bytes becomes one
 * access to each dword it touches, low to high. Reading any byte reads the register, side
 * effects included. A write of some bytes works like byte enables (i82576_bar_merge).
 */
#ifndef LADON_I82576_BAR_H
#define LADON_I82576_BAR_H

#include <stdbool.h>
#include <stdint.h>

#include "nic_regs.h"

struct i82576_bar {
	uint32_t size; /* bytes */
	uint32_t (*load)(void *dev, uint32_t offset);
	/* Bytes [low, low + n) of the dword at offset come from in. */
	void (*store)(void *dev, uint32_t offset, uint32_t low, const uint8_t *in, uint32_t n);
};

/* Other lengths, and what lies outside: reads ones, writes nothing. */
void i82576_bar_load(const struct i82576_bar *bar, void *dev, uint32_t offset, void *buf,
		     uint32_t len);
void i82576_bar_store(const struct i82576_bar *bar, void *dev, uint32_t offset, const void *buf,
		      uint32_t len);
/* Is it an access that the two above carry out? */
bool i82576_bar_ok(const struct i82576_bar *bar, uint32_t offset, uint32_t len);

/*
 * The dword that a write of some bytes means: the others keep their value where the register
 * (row, NULL = none) stores one, and are zero where writing ones means something.
 */
uint32_t i82576_bar_merge(const struct nic_reg_row *row, uint32_t stored, uint32_t low,
			  const uint8_t *in, uint32_t n);

#endif
