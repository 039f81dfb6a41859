/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table, the aliases, and the hooks that need no more than a line.
 */
#include "i82576_pf_regs.h"

#include <assert.h>
#include <errno.h>

#include "clock.h"

#define RCTL_BSIZE GENMASK(17, 16)	      /* 2048 bytes, 1024, 512, 256 */
#define BCNRC_BITS (BIT(31) | GENMASK(27, 0)) /* enable, integer and fraction of the factor */

void i82576_pf_policy_write(void *dev, const struct nic_reg_row *row, unsigned index,
			    uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)written;
	pf->policy_dirty = true;
}

void i82576_pf_buffers_changed(struct i82576_pf *pf)
{
	uint32_t bsize = FIELD_GET(RCTL_BSIZE, PF_REG(pf, RCTL));

	atomic_store(&pf->fn.default_buffer, I82576_DEFAULT_BUFFER >> bsize);
}

/* LBM loops back in the MAC, which is a link of its own. */
static void i82576_rctl_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	i82576_pf_policy_write(dev, row, index, written);
	i82576_pf_buffers_changed(dev);
	i82576_phy_update(dev);
}

/* Kept for each queue, not in the store: RTTDQSEL says which one the register is about. */
static uint32_t *selected_rate(struct i82576_pf *pf)
{
	return &pf->bcnrc[PF_REG(pf, RTTDQSEL) % I82576_MAX_QUEUES];
}

static uint32_t i82576_rttbcnrc_read(void *dev, const struct nic_reg_row *row, unsigned index,
				     uint32_t stored)
{
	(void)row, (void)index, (void)stored;
	return *selected_rate(dev);
}

static void i82576_rttbcnrc_write(void *dev, const struct nic_reg_row *row, unsigned index,
				  uint32_t written)
{
	*selected_rate(dev) = written & BCNRC_BITS;
	i82576_pf_policy_write(dev, row, index, written);
}

static uint32_t i82576_write_only_read(void *dev, const struct nic_reg_row *row, unsigned index,
				       uint32_t stored)
{
	(void)dev, (void)row, (void)index, (void)stored;
	return 0;
}

static uint32_t i82576_pf_frtimer_read(void *dev, const struct nic_reg_row *row, unsigned index,
				       uint32_t stored)
{
	uint64_t us = clock_ns() / NSEC_PER_USEC, ms = us / 1000;

	(void)dev, (void)row, (void)index, (void)stored;
	return (uint32_t)(us % 1000 | ms % 1000 << 10 | ms / 1000 << 20);
}

static uint32_t i82576_ics_read(void *dev, const struct nic_reg_row *row, unsigned index,
				uint32_t stored)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)stored;
	return atomic_load(&pf->causes.icr);
}

static uint32_t i82576_pf_eics_read(void *dev, const struct nic_reg_row *row, unsigned index,
				    uint32_t stored)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)stored;
	return atomic_load(&pf->fn.intr.eicr);
}

static const struct nic_reg_row rows[] = {
#define REG(name, offset, count, stride, reset, rw, w1c, rc, on_read, on_write, text) \
	{#name, offset, count, stride, reset, rw, w1c, rc, on_read, on_write, text},
#include "regs_pf.def"
#undef REG
};

const struct nic_reg_row *i82576_pf_rows(unsigned *ret_num)
{
	*ret_num = ARRAY_SIZE(rows);
	return rows;
}

int i82576_pf_reg_map(const struct nic_reg_map **ret_map)
{
	static struct nic_reg_map *map;
	const char *error = NULL;
	int r;

	if (!map) {
		r = nic_reg_map_new(rows, ARRAY_SIZE(rows), I82576_PF_BAR0_SIZE, &map, &error);
		assert(r != -EINVAL);
		if (r < 0)
			return r;
	}
	*ret_map = map;
	return 0;
}

#define RX_ALIAS(q)                                                   \
	{                                                             \
		0x2800 + 0x100 * (q), 0x40, I82576_RDBAL + 0x40 * (q) \
	}
#define TX_ALIAS(q)                                                   \
	{                                                             \
		0x3800 + 0x100 * (q), 0x40, I82576_TDBAL + 0x40 * (q) \
	}

/* Where registers of earlier cards were: drivers still use most of them (82576 8.1.3). */
static const struct {
	uint32_t offset, bytes, to;
} aliases[] = {
	{0x0004, 4, I82576_CTRL},
	{0x0040, 16 * 8, I82576_RAL},
	{0x00c0, 4, I82576_ICR},
	{0x00c8, 4, I82576_ICS},
	{0x00d0, 4, I82576_IMS},
	{0x00d8, 4, I82576_IMC},
	{0x00e0, 4, I82576_IAM},
	{0x0160, 4, I82576_FCRTH},
	{0x0168, 4, I82576_FCRTL},
	{0x0200, 128 * 4, I82576_MTA},
	{0x0600, 128 * 4, I82576_VFTA},
	RX_ALIAS(0),
	RX_ALIAS(1),
	RX_ALIAS(2),
	RX_ALIAS(3),
	TX_ALIAS(0),
	TX_ALIAS(1),
	TX_ALIAS(2),
	TX_ALIAS(3),
	{0x8000, 4, I82576_RDFH},
	{0x8008, 4, I82576_RDFT},
	{0x8010, 4, I82576_TDFH},
	{0x8018, 4, I82576_TDFT},
};

uint32_t i82576_pf_alias(uint32_t offset)
{
	for (unsigned i = 0; i < ARRAY_SIZE(aliases); i++)
		if (offset - aliases[i].offset < aliases[i].bytes)
			return aliases[i].to + (offset - aliases[i].offset);
	return offset;
}
