/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PF's side of the VFs' mailboxes, for a PF driver in a guest (82576 7.10.2.9).
 *
 * There is one state, the VF's: its sixteen words of memory, and its V2PMAILBOX with both locks
 * and the bits the VF clears by reading. P2VMAILBOX and VMBMEM of the PF are views of it. The
 * PF itself has a bit for each VF and event, so a VF can make the PF look again, but never fill
 * anything up. A VF that does not exist reads 0 here and cannot be written to.
 */
#include "clock.h"
#include "i82576_pf.h"
#include "i82576_pf_regs.h"

/* P2VMAILBOX. VFU and PFU lie where they do in V2PMAILBOX. */
#define P2V_STS	  BIT(0) /* the PF has written a message */
#define P2V_ACK	  BIT(1) /* the PF has read one */
#define P2V_RVFU  BIT(4) /* take the lock away from the VF */
#define P2V_LOCKS (I82576_V2P_VFU | I82576_V2P_PFU)

/* MBVFICR: a bit for each VF. */
#define MBVFICR_REQ BIT(0)
#define MBVFICR_ACK BIT(16)
#define MBVFICR_VFS 0xffu

static uint32_t *v2p(const struct i82576_vf *vf)
{
	return (uint32_t *)&vf->bar0[I82576_VF_V2PMAILBOX / 4];
}

/* VF n, or NULL if there is none. */
static struct i82576_vf *existing(const struct i82576_pf *pf, unsigned n)
{
	return n < pf->num_vfs && pf->vf[n]->exists ? pf->vf[n] : NULL;
}

/* ---- VF to PF ---- */

static void set_cause(const struct i82576_vf *vf, uint32_t first)
{
	struct i82576_pf *pf = vf->pf;

	PF_REG(pf, MBVFICR) |= first << vf->fn.n;
	if (PF_REG(pf, MBVFIMR) & BIT(vf->fn.n))
		i82576_pf_raise(pf, I82576_ICR_VMMB, clock_ns());
}

static void guest_message(struct i82576_vf *vf)
{
	set_cause(vf, MBVFICR_REQ);
}

static void guest_acked(struct i82576_vf *vf)
{
	set_cause(vf, MBVFICR_ACK);
}

/* A VF comes out of its reset with its queues off at the PF's side as well, until the PF driver
 * has answered its first message: at once, whenever that driver looks. VFLRE has no mask. */
static void guest_vf_reset(struct i82576_vf *vf)
{
	struct i82576_pf *pf = vf->pf;
	bool ready = PF_REG(pf, CTRL_EXT) & I82576_CTRL_EXT_PFRSTD;

	*v2p(vf) |= ready ? I82576_V2P_RSTD : I82576_V2P_RSTI;
	if (!vf->exists)
		return;
	PF_REG(pf, VFRE) &= ~BIT(vf->fn.n);
	PF_REG(pf, VFTE) &= ~BIT(vf->fn.n);
	pf->policy_dirty = true;
	i82576_pf_settle(pf);
	PF_REG(pf, VFLRE) |= BIT(vf->fn.n);
	i82576_pf_raise(pf, I82576_ICR_VMMB, clock_ns());
}

/* No message: the PF driver sends its own. The interrupt alone makes a driver look at STATUS.
 */
static void guest_changed(struct i82576_vf *vf)
{
	i82576_mbx_interrupt(vf);
}

const struct i82576_peer_ops i82576_guest_peer = {
	.message = guest_message,
	.acked = guest_acked,
	.vf_reset = guest_vf_reset,
	.changed = guest_changed,
};

/* ---- PF to VF ---- */

/* The PF's reset releases its locks; MBVFICR and the like are in its bar0. */
void i82576_pf_mbx_reset(struct i82576_pf *pf)
{
	for (unsigned n = 0; n < pf->num_vfs; n++)
		*v2p(pf->vf[n]) &= ~I82576_V2P_PFU;
}

void i82576_pf_tell_reset(struct i82576_pf *pf, bool done)
{
	for (unsigned n = 0; n < pf->num_vfs; n++) {
		struct i82576_vf *vf = existing(pf, n);

		if (!vf)
			continue;
		if (done)
			*v2p(vf) = (*v2p(vf) & ~I82576_V2P_RSTI) | I82576_V2P_RSTD;
		else
			*v2p(vf) |= I82576_V2P_RSTI;
		i82576_mbx_interrupt(vf);
	}
}

/* The word of a VF's memory behind VMBMEM's element, or NULL. */
static uint32_t *memory_word(struct i82576_pf *pf, const struct nic_reg_row *row,
			     unsigned index)
{
	unsigned word = (row->offset + index * row->stride - I82576_VMBMEM) / 4;
	struct i82576_vf *vf = existing(pf, word / I82576_MBX_WORDS);

	return vf ? &vf->mbx.mem[word % I82576_MBX_WORDS] : NULL;
}

uint32_t i82576_vmbmem_read(void *dev, const struct nic_reg_row *row, unsigned index,
			    uint32_t stored)
{
	const uint32_t *word = memory_word(dev, row, index);

	(void)stored;
	return word ? *word : 0;
}

void i82576_vmbmem_write(void *dev, const struct nic_reg_row *row, unsigned index,
			 uint32_t written)
{
	uint32_t *word = memory_word(dev, row, index);

	if (word)
		*word = written;
}

uint32_t i82576_p2v_read(void *dev, const struct nic_reg_row *row, unsigned index,
			 uint32_t stored)
{
	const struct i82576_vf *vf = existing(dev, index);

	(void)row, (void)stored;
	return vf ? *v2p(vf) & P2V_LOCKS : 0;
}

void i82576_p2v_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_vf *vf = existing(dev, index);

	(void)row;
	if (!vf)
		return;
	if (written & P2V_RVFU)
		*v2p(vf) &= ~I82576_V2P_VFU;
	if (!(written & I82576_V2P_PFU))
		*v2p(vf) &= ~I82576_V2P_PFU;
	else if (!(*v2p(vf) & I82576_V2P_VFU))
		*v2p(vf) |= I82576_V2P_PFU;
	if (written & P2V_STS)
		*v2p(vf) |= I82576_V2P_PFSTS;
	if (written & P2V_ACK)
		*v2p(vf) |= I82576_V2P_PFACK;
	if (written & (P2V_STS | P2V_ACK))
		i82576_mbx_interrupt(vf);
}

/* Causes that were masked until now are told. */
void i82576_mbvfimr_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t causes = PF_REG(pf, MBVFICR);

	(void)row, (void)index, (void)written;
	if ((causes | causes >> 16) & PF_REG(pf, MBVFIMR) & MBVFICR_VFS)
		i82576_pf_raise(pf, I82576_ICR_VMMB, clock_ns());
}
