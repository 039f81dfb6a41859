/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd.h - one DMA-remapping unit: a host's space, its registers, its fault records and its
 * invalidation queue.
 *
 * The unit knows the address spaces (iommu_domain) of the host's functions by their RID. It
 * reads root, context and PASID entries when it is told of a change (CAP.CM: that a new entry
 * is present must be told as well) and keeps what they say in the domain: the data path walks
 * page tables only. Registers are written by system software: vtd_tables.c for the host in this
 * process.
 *
 * An invalidation descriptor makes domains forget; the wait descriptor first lets their DMA in
 * flight drain. That is the only completion there is. Writing IQT runs the queue to its end or
 * to an error, but no more than a turn's descriptors: a host that keeps tables of its own could
 * keep this thread busy with 32,768 of them. vtd_turn goes on.
 *
 * Control thread only.
 */
#ifndef LADON_IOMMU_VTD_H
#define LADON_IOMMU_VTD_H

#include "iommu_fault.h"
#include "iommu_space.h"
#include "vtd_walk.h"

struct iommu_domain;
struct vtd;
struct vtd_tables;

/* Offsets of registers. */
enum vtd_reg {
#define REG(name, offset, bytes, reset, rw, w1c) VTD_##name = (offset),
#include "vtd_regs.def"
#undef REG
	VTD_FRCD = 0x400,
};

#define VTD_GCMD_TE    BIT(31)
#define VTD_GCMD_SRTP  BIT(30)
#define VTD_GCMD_QIE   BIT(26)
#define VTD_GCMD_IRE   BIT(25)
#define VTD_GCMD_SIRTP BIT(24)
#define VTD_GCMD_CFI   BIT(23)
#define VTD_FSTS_PFO   BIT(0)
#define VTD_FSTS_PPF   BIT(1)
#define VTD_FSTS_IQE   BIT(4)
#define VTD_FSTS_FRI   GENMASK(15, 8)
#define VTD_EVENT_MASK BIT(31) /* of FECTL and IECTL */
#define VTD_EVENT_PEND BIT(30)
#define VTD_IQA_DW     BIT64(11)
#define VTD_IQA_QS     7ull
/* IQERCD: why the queue stopped */
#define VTD_IQEI_TAIL	  1u
#define VTD_IQEI_FETCH	  2u
#define VTD_IQEI_TYPE	  3u
#define VTD_IQEI_RESERVED 4u
#define VTD_NUM_FRCD	  8u

/* Who is told of what; all may be NULL. */
struct vtd_hooks {
	void *arg;
	/* A fault or invalidation event: the message that FEADDR, FEDATA and their like hold.
	 */
	void (*event)(void *arg, uint64_t addr, uint32_t data);
	/* The interrupt-remapping table was set, or remapping turned on or off. */
	void (*interrupts)(void *arg, uint64_t irta, bool on);
	/* Interrupt-entry cache: all, or 2^mask entries at index. */
	void (*forget_irtes)(void *arg, bool all, unsigned index, unsigned mask);
};

/* A unit after reset, with an empty space. Returns 0 or -ENOMEM. */
int vtd_new(struct vtd **ret_vtd);
/* The same with tables that we write (vtd_tables.h), translation on. */
int vtd_new_local(struct vtd **ret_vtd);
/* The registers are those of a new unit: nothing that was written has an effect any more. Its
 * space, domains and hooks stay. */
void vtd_reset(struct vtd *vtd);
/* All domains are gone. Takes NULL. */
void vtd_free(struct vtd *vtd);
void vtd_set_hooks(struct vtd *vtd, const struct vtd_hooks *hooks);

struct iommu_space *vtd_space(struct vtd *vtd);
/* NULL: the host writes its own. */
struct vtd_tables *vtd_own_tables(struct vtd *vtd);

/* A register, or half of one: size 4 or 8, aligned. What is not there reads 0. */
uint64_t vtd_read(const struct vtd *vtd, uint32_t offset, unsigned size);
void vtd_write(struct vtd *vtd, uint32_t offset, unsigned size, uint64_t value);

/* Goes on with the queue for a turn. Returns whether there is more. */
bool vtd_turn(struct vtd *vtd);

/* Records a fault, unless it is none of VT-d's. Called for faults that are to be recorded. */
void vtd_fault(struct vtd *vtd, const struct iommu_fault *fault);

/* What the unit's tables say of rid at this moment. */
void vtd_context_of(const struct vtd *vtd, uint16_t rid, struct vtd_context *ret_ctx);

/* For iommu_domain.c. */
void vtd_add_domain(struct vtd *vtd, struct iommu_domain *dom);
void vtd_del_domain(struct vtd *vtd, struct iommu_domain *dom);

#endif
