/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_pf_regs.h - the PF's registers: offsets, the bits the model acts on, and the table
 * (regs_pf.def) with its hooks.
 */
#ifndef LADON_I82576_PF_REGS_H
#define LADON_I82576_PF_REGS_H

#include "i82576_pf.h"
#include "i82576_regs.h"
#include "nic_regs.h"

/* I82576_CTRL ... : offset in BAR0 (of element 0). */
enum i82576_pf_reg {
#define REG(name, offset, ...) I82576_##name = (offset),
#include "regs_pf.def"
#undef REG
};

/* The stored word of element i of a register (stride 4 unless the table says otherwise). */
#define PF_REG(pf, name)      ((pf)->bar0[I82576_##name / 4])
#define PF_REG_N(pf, name, i) ((pf)->bar0[I82576_##name / 4 + (i)])

/* CTRL (8.2.1); RST is in i82576_regs.h. */
#define I82576_CTRL_FD		       (1u << 0)
#define I82576_CTRL_GIO_MASTER_DISABLE (1u << 2)
#define I82576_CTRL_SLU		       (1u << 6)
#define I82576_CTRL_SPEED	       (3u << 8)
#define I82576_CTRL_FRCSPD	       (1u << 11)
#define I82576_CTRL_FRCDPX	       (1u << 12)
#define I82576_CTRL_VME		       (1u << 30)
#define I82576_CTRL_PHY_RST	       (1u << 31)
#define I82576_CTRL_EXT_PFRSTD	       (1u << 14)
/* ICR, ICS, IMS, IMC (8.8.9). */
#define I82576_ICR_TXDW		(1u << 0)
#define I82576_ICR_LSC		(1u << 2)
#define I82576_ICR_RXDW		(1u << 7)
#define I82576_ICR_VMMB		(1u << 8)
#define I82576_ICR_MDAC		(1u << 9)
#define I82576_ICR_DOUTSYNC	(1u << 28)
#define I82576_ICR_DRSTA	(1u << 30)
#define I82576_ICR_INT_ASSERTED (1u << 31)

/* All rows in ascending order, for `ladon registers` and tests. */
const struct nic_reg_row *i82576_pf_rows(unsigned *ret_num);
/* The map of BAR0, made at the first call and kept for ever. Returns 0 or -ENOMEM. */
int i82576_pf_reg_map(const struct nic_reg_map **ret_map);

/* Earlier cards had some registers elsewhere: the offset in the table for such an offset, or
 * offset itself. */
uint32_t i82576_pf_alias(uint32_t offset);

/* Hooks by file. i82576_pf_regs.c has those not listed here. */
nic_reg_write_fn i82576_pf_ctrl_write, i82576_pf_ctrl_ext_write; /* i82576_pf.c */
nic_reg_write_fn i82576_pf_policy_write; /* i82576_pf_regs.c: sets policy_dirty */
nic_reg_read_fn i82576_eecd_read;	 /* i82576_nvm.c */
nic_reg_write_fn i82576_eecd_write, i82576_eerd_write;
nic_reg_read_fn i82576_swsm_read;
nic_reg_write_fn i82576_swsm_write;
nic_reg_write_fn i82576_mdic_write; /* i82576_phy.c */
nic_reg_read_fn i82576_pf_status_read;
nic_reg_write_fn i82576_pf_status_write;
nic_reg_read_fn i82576_icr_read, i82576_ims_read, i82576_pf_eicr_read, i82576_pf_eims_read;
nic_reg_write_fn i82576_icr_write, i82576_ics_write, i82576_ims_write, i82576_imc_write,
	i82576_iam_write, i82576_pf_eicr_write, i82576_pf_eics_write, i82576_pf_eims_write,
	i82576_pf_eimc_write, i82576_pf_eiac_write, i82576_pf_eiam_write, i82576_pf_eitr_write,
	i82576_pf_ivar_write, i82576_gpie_write;     /* i82576_pf_intr.c */
nic_reg_read_fn i82576_vmbmem_read, i82576_p2v_read; /* i82576_pf_mbx.c */
nic_reg_write_fn i82576_vmbmem_write, i82576_p2v_write, i82576_mbvfimr_write;
nic_reg_read_fn i82576_pf_stat_read, i82576_pf_vf_stat_read; /* i82576_pf_stats.c */
nic_reg_read_fn i82576_systim_read, i82576_stamp_read, i82576_tsync_read; /* i82576_ptp.c */
nic_reg_write_fn i82576_systim_write, i82576_timinca_write, i82576_tsync_write;

#endif
