/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_i82576.h - what the register targets share: a card with its data path, two VFs, and 2
 * MiB of guest memory, from address 0 for all functions, with edges that nobody may touch.
 */
#ifndef LADON_FUZZ_I82576_H
#define LADON_FUZZ_I82576_H

#include "fuzz.h"

#include <string.h>
#include <sys/eventfd.h>

#include "i82576_vf.h"
#include "test_intr.h"

#define OP_BYTES 8u
#define MEM_SIZE (2u << 20)
#define EDGE	 4096u
#define VFS	 2u

static struct nic_card *card;
static struct iommu_domain *dom;
static uint8_t *guest_mem;
static struct i82576_vf *vfs[VFS];
static int fd; /* of all interrupts */

static void drain(void *arg)
{
	(void)arg;
	nic_dp_quiesce(card->dp);
}

/* The first call makes card and memory. Each fills the memory with the input and makes VFs. */
static void world_new(const uint8_t *data, size_t size)
{
	struct nic_dp_params params = {0};
	struct iommu_mem *mem;

	if (!card) {
		MUST(nic_card_new("fuzz", VFS, &params, &card) == 0);
		MUST(iommu_domain_new(NULL, 0, drain, NULL, &dom) == 0);
		MUST(iommu_mem_anon(MEM_SIZE + 2 * EDGE, &mem) == 0);
		guest_mem = (uint8_t *)mem->base + EDGE;
		memset(mem->base, 0xc5, EDGE);
		memset(guest_mem + MEM_SIZE, 0xc5, EDGE);
		MUST(iommu_map(dom, 0, MEM_SIZE, IOMMU_READ | IOMMU_WRITE, mem, EDGE) == 0);
		MUST((fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) >= 0);
	}
	memset(guest_mem, 0, MEM_SIZE);
	if (size) /* data may be NULL then */
		memcpy(guest_mem, data, MIN(size, MEM_SIZE));
	for (unsigned n = 0; n < VFS; n++) {
		MUST(i82576_vf_new(card, n, PCI_RID(1, 16, n), dom, &vfs[n]) == 0);
		i82576_fn_set_dma(&vfs[n]->fn, true);
		for (unsigned v = 0; v < I82576_VF_VECTORS; v++)
			test_intr_set_fd(&vfs[n]->fn.intr, vfs[n]->fn.rid, v, fd);
	}
}

/* No input has to do with the one before. What lies around the memory is as it was. */
static void world_free(void)
{
	for (unsigned n = 0; n < VFS; n++) {
		nic_card_set_link(card, n, NIC_LINK_AUTO);
		nic_card_set_trust(card, n, false);
		nic_card_set_vlan(card, n, 0, 0, false);
		i82576_vf_free(vfs[n]);
	}
	for (unsigned i = 0; i < EDGE; i++)
		MUST(guest_mem[-1 - (int)i] == 0xc5 && guest_mem[MEM_SIZE + i] == 0xc5);
}

#endif
