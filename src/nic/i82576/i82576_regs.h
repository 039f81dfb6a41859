/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_regs.h - the VF's registers: offsets, the bits the model acts on, and the table
 * (regs_vf.def) with its hooks.
 */
#ifndef LADON_I82576_REGS_H
#define LADON_I82576_REGS_H

#include <stdint.h>

#include "nic_regs.h"

/* I82576_VF_CTRL ... : offset in BAR0 (of element 0). */
enum i82576_vf_reg {
#define REG(name, offset, ...) I82576_VF_##name = (offset),
#include "regs_vf.def"
#undef REG
};

#define I82576_CTRL_RST		 (1u << 26)
#define I82576_STATUS_FD	 (1u << 0)
#define I82576_STATUS_LU	 (1u << 1)
#define I82576_STATUS_SPEED_1000 (2u << 6)
#define I82576_DCTL_ENABLE	 (1u << 25) /* RXDCTL, TXDCTL */
#define I82576_IVAR_VALID	 (1u << 7)
#define I82576_IVAR_VECTOR	 3u

#define I82576_V2P_REQ	 (1u << 0) /* VF has written a message */
#define I82576_V2P_ACK	 (1u << 1) /* VF has read a message */
#define I82576_V2P_VFU	 (1u << 2) /* the VF holds the memory */
#define I82576_V2P_PFU	 (1u << 3) /* the PF does */
#define I82576_V2P_PFSTS (1u << 4) /* PF has written a message; read to clear */
#define I82576_V2P_PFACK (1u << 5) /* PF has read a message; read to clear */
#define I82576_V2P_RSTI	 (1u << 6) /* PF is in reset; level */
#define I82576_V2P_RSTD	 (1u << 7) /* reset done; read to clear */

/* All rows in ascending order, for `ladon registers` and tests. */
const struct nic_reg_row *i82576_vf_rows(unsigned *ret_num);

/*
 * The map of the trapped pages (below I82576_VF_QPAGE_OFF), made at the first call and kept for
 * ever. Control thread. Returns 0 or -ENOMEM.
 */
int i82576_vf_reg_map(const struct nic_reg_map **ret_map);

/* Reset value of the queue page word at offset (0x2000 ... 0x3ffc). */
uint32_t i82576_vf_queue_reset(uint32_t offset);

/* Hooks that live elsewhere: dev is the struct i82576_vf. */
nic_reg_write_fn i82576_ctrl_write; /* i82576_vf.c */
nic_reg_write_fn i82576_mbx_write;  /* i82576_mbx.c */

#endif
