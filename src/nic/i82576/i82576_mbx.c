/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The mailbox between VF and PF: sixteen words of memory, and a register with the lock (VFU,
 * PFU) and three bits that are cleared by reading (PFSTS, PFACK, RSTD). The built-in PF answers
 * before the write of REQ returns, so PFU is never seen set and a driver's first poll succeeds.
 * A PF driver in a guest (i82576_pf_mbx.c) is told of REQ, and takes the lock like the VF.
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
	if (!(vf->misc_vec & I82576_IVAR_VALID))
		return;
	nic_intr_raise(&vf->fn.intr, BIT(vf->misc_vec & I82576_IVAR_VECTOR), clock_ns());
	i82576_fn_kick_deferred(&vf->fn);
}

/* A request made while the VF keeps the lock waits if the PF is the built-in one, which reads
 * the message at once. A PF driver is only told, and waits for the lock itself. */
static bool request_waits(const struct i82576_vf *vf)
{
	return vf->peer == &i82576_builtin_peer && (*v2p(vf) & I82576_V2P_VFU);
}

static void serve_request(struct i82576_vf *vf)
{
	if (!vf->mbx.req || request_waits(vf))
		return;
	vf->mbx.req = false;
	vf->mailbox_msgs++;
	vf->peer->message(vf);
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
		vf->peer->acked(vf);
	}
	if (written & I82576_V2P_REQ)
		vf->mbx.req = true;
	serve_request(vf);
	if (vf->mbx.ping && i82576_mbx_free(vf))
		vf->peer->changed(vf);
}
