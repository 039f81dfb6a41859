/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_intr.h - eventfds for the vectors of a model's tests, through an interrupt remapping of
 * the test program's own, as the daemon does it.
 */
#ifndef LADON_NIC_TEST_INTR_H
#define LADON_NIC_TEST_INTR_H

#include <stdlib.h>

#include "nic_intr.h"

#define TEST_INTR_ENTRIES 4096u

static struct ir *test_ir;

/* The entry of a vector; also its slot. */
static inline unsigned test_intr_index(pci_rid_t rid, unsigned vector)
{
	return (rid % (TEST_INTR_ENTRIES / NIC_INTR_VECTORS)) * NIC_INTR_VECTORS + vector;
}

/* fd: borrowed; -1 = none. rid: a multiple of 128 apart from others is too far. */
static inline void __attribute__((unused))
test_intr_set_fd(struct nic_intr *intr, pci_rid_t rid, unsigned vector, int fd)
{
	unsigned index = test_intr_index(rid, vector);

	if (!test_ir && ir_new(TEST_INTR_ENTRIES, NULL, NULL, &test_ir) < 0)
		abort();
	if (!intr->ir)
		nic_intr_connect(intr, test_ir, rid);
	ir_set_slot(test_ir, index, fd);
	if (fd >= 0)
		ir_write(test_ir, index, irte_remapped(index, (uint8_t)vector),
			 irte_source(rid));
	nic_intr_set_msg(intr, vector, fd < 0 ? 0 : ir_message(index));
}

#endif
