/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_i82576_pf.h - the card of test_i82576.h with its PF, and register accesses as a PF
 * driver makes them. For the test programs of this folder only.
 */
#ifndef LADON_TEST_I82576_PF_H
#define LADON_TEST_I82576_PF_H

#include "test_i82576.h"

#include <stdlib.h>
#include <string.h>

#include "i82576_pf_regs.h"

static struct i82576_pf *pf;

/* With the card's two VFs; not attached, so not the card's owner. */
static int __attribute__((unused)) pf_set_up(void **state)
{
	if (test_set_up(state) < 0)
		return -1;
	return i82576_pf_new(tc.card, PCI_RID(1, 0, 0), tc.dom, tc.vf, 2, &pf);
}

static int __attribute__((unused)) pf_tear_down(void **state)
{
	i82576_pf_detach(pf);
	i82576_pf_free(pf);
	return test_tear_down(state);
}

static uint32_t __attribute__((unused)) pf_rd(uint32_t offset)
{
	uint32_t v;

	i82576_pf_bar_read(pf, 0, offset, &v, sizeof(v));
	return v;
}

static void __attribute__((unused)) pf_wr(uint32_t offset, uint32_t v)
{
	i82576_pf_bar_write(pf, 0, offset, &v, sizeof(v));
}

/* ---- a PF made by hand ---- */

/*
 * Registers and an interrupt block, and no more: no queues, no port. After test_set_up; the
 * caller frees pf with free().
 */
static int __attribute__((unused)) pf_new_bare(void)
{
	size_t size = ALIGN_UP(sizeof(*pf), (size_t)CACHE_LINE);

	pf = aligned_alloc(CACHE_LINE, size);
	if (!pf)
		return -1;
	memset(pf, 0, size);
	if (i82576_pf_reg_map(&pf->regs) < 0)
		return -1;
	pf->fn.card = tc.card;
	pf->fn.n = NIC_PF;
	nic_intr_init(&pf->fn.intr, I82576_PF_VECTORS);
	nic_reg_reset(pf->regs, pf->bar0);
	i82576_pf_intr_reset(pf);
	return 0;
}

/* Its registers: an access to BAR 0 would want queues. */
static uint32_t __attribute__((unused)) rd_pf(uint32_t offset)
{
	return nic_reg_read(pf->regs, pf->bar0, pf, offset, NULL);
}

static void __attribute__((unused)) wr_pf(uint32_t offset, uint32_t v)
{
	nic_reg_write(pf->regs, pf->bar0, pf, offset, v, NULL);
}

#endif
