/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox between VF and PF: sixteen words of memory, and a register with the lock (VFU,
 * PFU) and three bits that are cleared by reading (PFSTS, PFACK, RSTD). The built-in PF answers
 * before the write of REQ returns, so PFU is never seen set and a driver's first poll succeeds.
 *
 * The memory is not write-protected by the lock, as on the card: a VF that writes without it
 * can only garble its own mail.
 */
#include "clock.h"
#include "i82576_regs.h"
#include "i82576_vf.h"

static uint32_t *v2p(const struct i82576_vf *vf)
{
	return (uint32_t *)&vf->bar0[I82576_VF_V2PMAILBOX / 4];
}

void i82576_mbx_reset(struct i82576_vf *vf)
{
	vf->mbx = (struct i82576_mbx){.mem = &vf->bar0[I82576_VF_VMBMEM / 4]};
}

void i82576_mbx_ack(struct i82576_vf *vf)
{
	*v2p(vf) |= I82576_V2P_PFACK;
}

bool i82576_mbx_free(const struct i82576_vf *vf)
{
	return !(*v2p(vf) & I82576_V2P_VFU) && !vf->mbx.unread;
}

void i82576_mbx_answer(struct i82576_vf *vf, const uint32_t *words, unsigned n)
{
	assert(n <= I82576_MBX_WORDS);
	memcpy(vf->mbx.mem, words, n * sizeof(*words));
	vf->mbx.unread = true;
	*v2p(vf) |= I82576_V2P_PFSTS;
}

void i82576_mbx_interrupt(struct i82576_vf *vf)
{
	uint32_t ivar = vf->ivar_misc; /* the control thread is its only writer */

	if (!(ivar & I82576_IVAR_VALID))
		return;
	nic_intr_raise(&vf->intr, BIT(ivar & I82576_IVAR_VECTOR), clock_ns());
	i82576_vf_kick_deferred(vf);
}

/* A request made while the VF keeps the lock waits: the PF cannot take the memory from it. */
static void serve_request(struct i82576_vf *vf)
{
	if (!vf->mbx.req || (*v2p(vf) & I82576_V2P_VFU))
		return;
	vf->mbx.req = false;
	vf->mailbox_msgs++;
	i82576_pf_message(vf);
}

void i82576_mbx_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index;
	if (!(written & I82576_V2P_VFU))
		*v2p(vf) &= ~I82576_V2P_VFU;
	else if (!(*v2p(vf) & I82576_V2P_PFU))
		*v2p(vf) |= I82576_V2P_VFU;
	if (written & I82576_V2P_ACK) {
		vf->mbx.unread = false;
		i82576_pf_acked(vf);
	}
	if (written & I82576_V2P_REQ)
		vf->mbx.req = true;
	serve_request(vf);
	if (vf->mbx.ping && i82576_mbx_free(vf))
		i82576_pf_ping(vf);
}
