/* SPDX-License-Identifier: BSD-3-Clause */
/* vtd.c - the unit's registers, and what writing them does. */
#include "vtd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "iommu_domain.h"
#include "vtd_priv.h"
#include "vtd_tables.h"

#define VTD_GCMD_ALL                                                                  \
	(VTD_GCMD_TE | VTD_GCMD_SRTP | VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_SIRTP | \
	 VTD_GCMD_CFI)
#define GCMD_STATES (VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_IRE | VTD_GCMD_CFI)

/* ND, CM, SAGAW, MGAW, ZLR, FRO, SLLPS, PSI, NFR, MAMV, DWD, DRD, FL1GP, PI, FL5LP, ESRTPS */
#define VTD_CAP_VALUE                                                                          \
	(6ull | BIT64(7) | VTD_PUT(VTD_MASK(12, 8), 0xe) |                                     \
	 VTD_PUT(VTD_MASK(21, 16), VTD_MGAW_BITS - 1) | BIT64(22) |                            \
	 VTD_PUT(VTD_MASK(33, 24), VTD_FRCD / 16) | VTD_PUT(VTD_MASK(37, 34), 3) | BIT64(39) | \
	 VTD_PUT(VTD_MASK(47, 40), VTD_NUM_FRCD - 1) | VTD_PUT(VTD_MASK(53, 48), VTD_MAMV) |   \
	 BIT64(54) | BIT64(55) | BIT64(56) | BIT64(59) | BIT64(60) | BIT64(63))
/* C, QI, IR, EIM, PT, IRO, MHMV, NEST, SRS, SMTS, SLTS, FLTS */
#define VTD_ECAP_VALUE                                                                 \
	(BIT64(0) | BIT64(1) | BIT64(3) | BIT64(4) | BIT64(6) |                        \
	 VTD_PUT(VTD_MASK(17, 8), 0x50) | VTD_PUT(VTD_MASK(23, 20), 0xf) | BIT64(26) | \
	 BIT64(31) | BIT64(43) | BIT64(46) | BIT64(47))

struct reg_row {
	uint32_t offset, bytes;
	uint64_t reset, rw, w1c;
};

static const struct reg_row rows[VTD_R_NUM] = {
#define REG(name, offset, bytes, reset, rw, w1c) \
	[VTD_R_##name] = {(offset), (bytes), (reset), (rw), (w1c)},
#include "vtd_regs.def"
#undef REG
};

/* ---- domains ---- */

void vtd_context_of(const struct vtd *vtd, uint16_t rid, struct vtd_context *ret_ctx)
{
	vtd_context_load(&vtd->space, vtd->root, vtd->reg[VTD_R_GSTS] & VTD_GCMD_TE, rid,
			 ret_ctx);
}

void vtd_load(struct vtd *vtd, struct iommu_domain *dom)
{
	struct vtd_context ctx;

	vtd_context_of(vtd, dom->rid, &ctx);
	iommu_domain_set_context(dom, &ctx);
}

/* Everything anew, drained: translation was turned on or off, or has another root. */
static void load_all(struct vtd *vtd)
{
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		vtd_load(vtd, dom);
	for (struct iommu_domain *dom = vtd->domains; dom; dom = dom->next)
		iommu_domain_drain(dom);
}

void vtd_add_domain(struct vtd *vtd, struct iommu_domain *dom)
{
	dom->next = vtd->domains;
	vtd->domains = dom;
	vtd_load(vtd, dom);
}

void vtd_del_domain(struct vtd *vtd, struct iommu_domain *dom)
{
	struct iommu_domain **at;

	for (at = &vtd->domains; *at && *at != dom; at = &(*at)->next)
		;
	if (*at)
		*at = dom->next;
}

/* ---- life ---- */

int vtd_new(struct vtd **ret_vtd)
{
	struct vtd *vtd = calloc(1, sizeof(*vtd));
	int ret;

	if (!vtd)
		return -ENOMEM;
	ret = iommu_space_init(&vtd->space);
	if (ret < 0) {
		free(vtd);
		return ret;
	}
	for (unsigned i = 0; i < VTD_R_NUM; i++)
		vtd->reg[i] = rows[i].reset;
	*ret_vtd = vtd;
	return 0;
}

void vtd_reset(struct vtd *vtd)
{
	vtd_write(vtd, VTD_GCMD, 4, 0); /* off first: whoever is served notices */
	for (unsigned i = 0; i < VTD_R_NUM; i++)
		vtd->reg[i] = rows[i].reset;
	vtd->root = 0;
	memset(vtd->frcd, 0, sizeof(vtd->frcd));
	vtd->next_frcd = 0;
}

/* For the software in this process. */
static void own_write(void *arg, uint32_t offset, unsigned size, uint64_t value)
{
	vtd_write(arg, offset, size, value);
}

int vtd_new_local(struct vtd **ret_vtd)
{
	struct vtd_access access = {.write = own_write};
	struct vtd *vtd;
	int ret = vtd_new(&vtd);

	if (ret < 0)
		return ret;
	access.arg = vtd;
	ret = vtd_tables_new(&vtd->space, &access, &vtd->tables);
	if (ret < 0) {
		vtd_free(vtd);
		return ret;
	}
	*ret_vtd = vtd;
	return 0;
}

void vtd_free(struct vtd *vtd)
{
	if (!vtd)
		return;
	vtd_tables_free(vtd->tables);
	iommu_space_done(&vtd->space);
	free(vtd);
}

void vtd_set_hooks(struct vtd *vtd, const struct vtd_hooks *hooks)
{
	vtd->hooks = *hooks;
}

struct iommu_space *vtd_space(struct vtd *vtd)
{
	return &vtd->space;
}

struct vtd_tables *vtd_own_tables(struct vtd *vtd)
{
	return vtd->tables;
}

/* ---- events ---- */

static void event_send(struct vtd *vtd, enum vtd_reg_index control)
{
	/* Data, address and upper address follow the control register, of both kinds. */
	const uint64_t *reg = &vtd->reg[control];

	vtd->reg[control] &= ~(uint64_t)VTD_EVENT_PEND;
	if (vtd->hooks.event)
		vtd->hooks.event(vtd->hooks.arg, reg[3] << 32 | reg[2], (uint32_t)reg[1]);
}

void vtd_event(struct vtd *vtd, enum vtd_reg_index control)
{
	if (vtd->reg[control] & VTD_EVENT_MASK)
		vtd->reg[control] |= VTD_EVENT_PEND;
	else
		event_send(vtd, control);
}

/* ---- what writing does ---- */

static void on_gcmd(struct vtd *vtd)
{
	uint64_t cmd = vtd->reg[VTD_R_GCMD], was = vtd->reg[VTD_R_GSTS], now;

	vtd->reg[VTD_R_GCMD] = 0; /* it reads so */
	now = (was & ~(uint64_t)GCMD_STATES) | (cmd & GCMD_STATES) |
	      (cmd & (VTD_GCMD_SRTP | VTD_GCMD_SIRTP));
	vtd->reg[VTD_R_GSTS] = now;
	if (cmd & VTD_GCMD_SRTP)
		vtd->root = vtd->reg[VTD_R_RTADDR];
	if (cmd & VTD_GCMD_SRTP || (was ^ now) & VTD_GCMD_TE)
		load_all(vtd);
	if (now & ~was & VTD_GCMD_QIE)
		vtd->reg[VTD_R_IQH] = 0;
	if ((cmd & VTD_GCMD_SIRTP || (was ^ now) & VTD_GCMD_IRE) && vtd->hooks.interrupts)
		vtd->hooks.interrupts(vtd->hooks.arg, vtd->reg[VTD_R_IRTA], now & VTD_GCMD_IRE);
}

/* A pending event whose cause has been seen to is forgotten; one that is unmasked is sent. */
static void on_event_control(struct vtd *vtd, enum vtd_reg_index control, bool cause)
{
	if (!cause)
		vtd->reg[control] &= ~(uint64_t)VTD_EVENT_PEND;
	if (vtd->reg[control] & VTD_EVENT_PEND && !(vtd->reg[control] & VTD_EVENT_MASK))
		event_send(vtd, control);
}

static void written(struct vtd *vtd, enum vtd_reg_index index)
{
	switch (index) {
	case VTD_R_GCMD:
		on_gcmd(vtd);
		break;
	case VTD_R_IQT:
		vtd_queue_run(vtd);
		break;
	case VTD_R_FSTS:
	case VTD_R_FECTL:
		on_event_control(vtd, VTD_R_FECTL, vtd->reg[VTD_R_FSTS] != 0);
		/* The queue goes on when the error is cleared. */
		if (index == VTD_R_FSTS)
			vtd_queue_run(vtd);
		break;
	case VTD_R_ICS:
	case VTD_R_IECTL:
		on_event_control(vtd, VTD_R_IECTL, vtd->reg[VTD_R_ICS] != 0);
		break;
	default:
		break;
	}
}

/* ---- access ---- */

static int find(uint32_t offset)
{
	for (unsigned i = 0; i < VTD_R_NUM; i++)
		if (offset - rows[i].offset < rows[i].bytes)
			return (int)i;
	return -1;
}

static uint32_t read32(const struct vtd *vtd, uint32_t offset)
{
	int i = find(offset);

	if (offset - VTD_FRCD < sizeof(vtd->frcd))
		return (uint32_t)vtd_frcd_read(vtd, offset - VTD_FRCD);
	return i < 0 ? 0 : (uint32_t)(vtd->reg[i] >> (offset - rows[i].offset) * 8);
}

uint64_t vtd_read(const struct vtd *vtd, uint32_t offset, unsigned size)
{
	if (offset % size || (size != 4 && size != 8))
		return 0;
	return size == 4 ? read32(vtd, offset)
			 : (uint64_t)read32(vtd, offset + 4) << 32 | read32(vtd, offset);
}

/* mask: the bits of the register that this access reaches; value is shifted there. */
static void write_row(struct vtd *vtd, int i, uint64_t value, uint64_t mask)
{
	uint64_t rw = rows[i].rw & mask, w1c = rows[i].w1c & mask;

	vtd->reg[i] = ((vtd->reg[i] & ~rw) | (value & rw)) & ~(value & w1c);
	written(vtd, (enum vtd_reg_index)i);
}

void vtd_write(struct vtd *vtd, uint32_t offset, unsigned size, uint64_t value)
{
	int i = find(offset);

	if ((size != 4 && size != 8) || offset % size)
		return;
	if (offset - VTD_FRCD < sizeof(vtd->frcd)) {
		vtd_frcd_write(vtd, offset - VTD_FRCD, (uint32_t)value);
		if (size == 8)
			vtd_frcd_write(vtd, offset - VTD_FRCD + 4, (uint32_t)(value >> 32));
	} else if (i >= 0 && rows[i].bytes == 8 && size == 4) {
		unsigned shift = (offset - rows[i].offset) * 8;

		write_row(vtd, i, value << shift, (uint64_t)UINT32_MAX << shift);
	} else if (i >= 0) {
		write_row(vtd, i, value, rows[i].bytes == 8 ? UINT64_MAX : UINT32_MAX);
		if (rows[i].bytes == 4 && size == 8) /* two registers side by side */
			vtd_write(vtd, offset + 4, 4, value >> 32);
	}
}
