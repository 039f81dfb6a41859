/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_i82576.h - a card of two VFs in memory, and register accesses as a guest makes them. For
 * the test programs of this folder only.
 */
#ifndef LADON_TEST_I82576_H
#define LADON_TEST_I82576_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "i82576_regs.h"
#include "i82576_vf.h"
#include "test_intr.h"
#include "test_workers.h"

struct test_card {
	struct nic_card *card;
	struct iommu_domain *dom;
	struct i82576_vf *vf[2];
	int fd[I82576_VF_VECTORS]; /* of vf[0] */
};

static struct test_card tc;

static void __attribute__((unused)) test_drain(void *arg)
{
	(void)arg;
	nic_dp_quiesce(tc.card->dp);
}

static int __attribute__((unused)) test_set_up(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};

	(void)state;
	if (nic_card_new("nic0", 2, &params, &tc.card) < 0 ||
	    iommu_domain_new(NULL, 0, test_drain, NULL, &tc.dom) < 0)
		return -1;
	for (unsigned n = 0; n < 2; n++)
		if (i82576_vf_new(tc.card, n, PCI_RID(1, 16, n), tc.dom, &tc.vf[n]) < 0)
			return -1;
	for (unsigned v = 0; v < I82576_VF_VECTORS; v++) {
		tc.fd[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		test_intr_set_fd(&tc.vf[0]->fn.intr, PCI_RID(1, 16, 0), v, tc.fd[v]);
	}
	return 0;
}

static int __attribute__((unused)) test_tear_down(void **state)
{
	(void)state;
	i82576_vf_free(tc.vf[0]);
	i82576_vf_free(tc.vf[1]);
	iommu_domain_free(tc.dom);
	nic_card_free(tc.card);
	for (unsigned v = 0; v < I82576_VF_VECTORS; v++)
		close(tc.fd[v]);
	return 0;
}

/* Notifications of vector v since the last call. */
static uint64_t __attribute__((unused)) test_got(unsigned v)
{
	uint64_t n = 0;

	return read(tc.fd[v], &n, sizeof(n)) < 0 ? 0 : n;
}

static uint32_t __attribute__((unused)) rd_of(struct i82576_vf *vf, uint32_t offset)
{
	uint32_t v;

	i82576_vf_bar_read(vf, 0, offset, &v, sizeof(v));
	return v;
}

static void __attribute__((unused)) wr_of(struct i82576_vf *vf, uint32_t offset, uint32_t v)
{
	i82576_vf_bar_write(vf, 0, offset, &v, sizeof(v));
}

static uint32_t __attribute__((unused)) rd(uint32_t offset)
{
	return rd_of(tc.vf[0], offset);
}

static void __attribute__((unused)) wr(uint32_t offset, uint32_t v)
{
	wr_of(tc.vf[0], offset, v);
}

#endif
