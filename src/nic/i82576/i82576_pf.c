/* SPDX-License-Identifier: BSD-3-Clause */
#include "i82576_pf.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "i82576_bar.h"
#include "i82576_pf_regs.h"
#include "i82576_shadow.h"

#define DWORD	     4u
#define QUEUE_STRIDE 0x40u
#define QUEUES_SPAN  (I82576_MAX_QUEUES * QUEUE_STRIDE)

/* ---- life ---- */

static const struct i82576_fn_ops fn_ops = {
	.single_cause = i82576_pf_single_cause,
	.received = i82576_pf_received,
	.sending = i82576_pf_sending,
};

static void queues_init(struct i82576_pf *pf)
{
	for (unsigned q = 0; q < I82576_MAX_QUEUES; q++) {
		volatile uint32_t *rx = &pf->bar0[(I82576_RDBAL + q * QUEUE_STRIDE) / DWORD];
		volatile uint32_t *tx = &pf->bar0[(I82576_TDBAL + q * QUEUE_STRIDE) / DWORD];

		pf->rxq[q].index = pf->txq[q].index = (uint8_t)q;
		pf->rxq[q].regs = pf->rxq[q].guest = rx;
		pf->txq[q].regs = pf->txq[q].guest = tx;
	}
	pf->fn.rx = pf->rxq;
	pf->fn.tx = pf->txq;
	pf->fn.num_queues = I82576_MAX_QUEUES;
	atomic_store(&pf->fn.own_queues, BIT(I82576_MAX_QUEUES) - 1);
}

int i82576_pf_new(struct nic_card *card, pci_rid_t rid, struct iommu_domain *dom,
		  struct i82576_vf *const *vfs, unsigned num_vfs, struct i82576_pf **ret_pf)
{
	size_t size = ALIGN_UP(sizeof(struct i82576_pf), (size_t)CACHE_LINE);
	struct i82576_pf *pf;
	int r;

	if (num_vfs > I82576_PF_MAX_VFS)
		return -EINVAL;
	pf = aligned_alloc(CACHE_LINE, size);
	if (!pf)
		return -ENOMEM;
	memset(pf, 0, size);
	r = i82576_pf_reg_map(&pf->regs);
	if (r < 0) {
		free(pf);
		return r;
	}
	pf->fn.card = card;
	pf->fn.n = NIC_PF;
	pf->fn.rid = rid;
	pf->fn.dom = dom;
	pf->fn.ops = &fn_ops;
	pf->fn.port.ops = &i82576_port_ops;
	i82576_pf_set_card_vfs(pf, vfs, num_vfs);
	queues_init(pf);
	nic_intr_init(&pf->fn.intr, I82576_PF_VECTORS);
	i82576_nvm_init(pf);
	i82576_pf_reset(pf);
	*ret_pf = pf;
	return 0;
}

void i82576_pf_set_card_vfs(struct i82576_pf *pf, struct i82576_vf *const *vfs,
			    unsigned num_vfs)
{
	assert(!pf->owns && num_vfs <= I82576_PF_MAX_VFS);
	pf->num_vfs = num_vfs;
	memset(pf->vf, 0, sizeof(pf->vf));
	for (unsigned n = 0; n < num_vfs; n++)
		pf->vf[n] = vfs[n];
}

void i82576_pf_free(struct i82576_pf *pf)
{
	if (!pf)
		return;
	i82576_shadow_stop(&pf->fn);
	free((void *)atomic_load(&pf->fn.rss));
	free(pf);
}

static void vfs_get_peer(struct i82576_pf *pf, bool guest)
{
	for (unsigned n = 0; n < pf->num_vfs; n++) {
		struct i82576_vf *vf = pf->vf[n];

		i82576_vf_set_exists(vf, !guest);
		i82576_vf_set_peer(vf, guest ? &i82576_guest_peer : &i82576_builtin_peer,
				   guest ? pf : NULL);
		atomic_store(&vf->fn.port.tell_spoof, guest);
	}
}

int i82576_pf_attach(struct i82576_pf *pf)
{
	int r;

	pf->owns = true;
	i82576_pf_reset(pf);
	vfs_get_peer(pf, true);
	r = nic_card_set_owner(pf->fn.card, &i82576_pf_owner_ops, pf, &pf->fn.port);
	if (r == 0)
		return 0;
	pf->owns = false;
	vfs_get_peer(pf, false);
	return r;
}

void i82576_pf_detach(struct i82576_pf *pf)
{
	if (!pf->owns)
		return;
	i82576_shadow_stop(&pf->fn);
	i82576_pf_reset(pf);
	pf->owns = false;
	nic_card_set_owner(pf->fn.card, NULL, NULL, NULL);
	for (unsigned n = 0; n < pf->num_vfs; n++)
		i82576_fn_set_rss(&pf->vf[n]->fn, NULL);
	vfs_get_peer(pf, false);
}

/* ---- reset ---- */

/* Registers [from, to), to which each row belongs as a whole or not at all. */
static void reset_range(struct i82576_pf *pf, uint32_t from, uint32_t to)
{
	unsigned num;
	const struct nic_reg_row *rows = i82576_pf_rows(&num);

	memset(&pf->bar0[from / DWORD], 0, to - from);
	for (unsigned i = 0; i < num; i++) {
		const struct nic_reg_row *row = &rows[i];

		if (row->offset < from || row->offset >= to || !row->reset)
			continue;
		for (unsigned k = 0; k < row->count; k++)
			pf->bar0[(row->offset + k * row->stride) / DWORD] = row->reset;
	}
}

/* The data path reads the queues' registers and must not see them half reset. Those only: with
 * all of the BAR a driver could keep the data path from the other functions. */
static void reset_on_dp(void *arg)
{
	struct i82576_pf *pf = arg;

	reset_range(pf, I82576_RDBAL, I82576_RDBAL + QUEUES_SPAN);
	reset_range(pf, I82576_TDBAL, I82576_TDBAL + QUEUES_SPAN);
	i82576_queues_reset(&pf->fn);
	nic_intr_reset(&pf->fn.intr);
}

static void registers_reset(struct i82576_pf *pf)
{
	nic_dp_call(pf->fn.card->dp, reset_on_dp, pf);
	reset_range(pf, 0, I82576_RDBAL);
	reset_range(pf, I82576_RDBAL + QUEUES_SPAN, I82576_TDBAL);
	reset_range(pf, I82576_TDBAL + QUEUES_SPAN, I82576_PF_BAR0_SIZE);
}

static void port_reset(struct i82576_pf *pf, bool power)
{
	pf->fn.resets++;
	pf->reset_told = false;
	registers_reset(pf);
	i82576_shadow_kick(&pf->fn);
	i82576_pf_buffers_changed(pf);
	i82576_pf_intr_reset(pf);
	i82576_pf_mbx_reset(pf);
	i82576_nvm_reset(pf);
	i82576_phy_reset(pf, power);
	i82576_ptp_reset(pf);
	i82576_pf_stats_reset(pf);
	memset(pf->bcnrc, 0, sizeof(pf->bcnrc));
	pf->policy_dirty = true;
	i82576_pf_settle(pf);
}

void i82576_pf_port_reset(struct i82576_pf *pf)
{
	for (unsigned n = 0; n < pf->vfs_enabled; n++)
		i82576_vf_queues_off(pf->vf[n]);
	port_reset(pf, false);
	i82576_pf_tell_reset(pf, false);
}

void i82576_pf_reset(struct i82576_pf *pf)
{
	i82576_pf_set_vfs(pf, 0);
	port_reset(pf, true);
	pf->ioaddr = 0;
}

void i82576_pf_set_vfs(struct i82576_pf *pf, unsigned n)
{
	n = MIN(n, pf->num_vfs);
	if (!pf->owns || n == pf->vfs_enabled)
		return;
	pf->vfs_enabled = n;
	for (unsigned i = 0; i < pf->num_vfs; i++) {
		i82576_vf_set_exists(pf->vf[i], i < n);
		pf->spoofs_seen[i] = i82576_spoofs(&pf->vf[i]->fn);
	}
	pf->policy_dirty = true;
	i82576_pf_settle(pf);
}

void i82576_pf_ctrl_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	if (written & I82576_CTRL_RST) {
		i82576_pf_port_reset(pf);
		return;
	}
	if (written & I82576_CTRL_PHY_RST)
		i82576_phy_reset(pf, true);
	i82576_phy_update(pf);
	pf->policy_dirty = true; /* VME, link */
}

void i82576_pf_ctrl_ext_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_pf *pf = dev;
	bool done = written & I82576_CTRL_EXT_PFRSTD;

	(void)row, (void)index;
	if (done == pf->reset_told)
		return;
	i82576_pf_settle(pf);
	pf->reset_told = done;
	i82576_pf_tell_reset(pf, done);
}

/* ---- what the rest of the card tells the PF ---- */

void i82576_pf_settle(struct i82576_pf *pf)
{
	if (!pf->owns || !pf->policy_dirty)
		return;
	pf->policy_dirty = false;
	i82576_pf_publish_rss(pf);
	i82576_pf_gate_transmit(pf);
	nic_card_republish(pf->fn.card);
}

/* Wrong VM Behaviour: a bit for each queue; a VF's first stands for both (82576 8.14). */
void i82576_pf_dp_event(struct i82576_pf *pf)
{
	uint32_t wrong = 0;

	for (unsigned n = 0; n < pf->vfs_enabled; n++) {
		uint64_t spoofs = i82576_spoofs(&pf->vf[n]->fn);

		if (spoofs != pf->spoofs_seen[n])
			wrong |= BIT(n);
		pf->spoofs_seen[n] = spoofs;
	}
	if (!wrong)
		return;
	PF_REG(pf, WVBR) |= wrong;
	i82576_pf_raise(pf, I82576_ICR_DOUTSYNC, clock_ns());
}

void i82576_pf_wire(struct i82576_pf *pf)
{
	i82576_phy_update(pf);
	i82576_pf_settle(pf);
}

/* ---- BAR accesses ---- */

static bool is_queue_word(uint32_t offset)
{
	return offset - I82576_RDBAL < QUEUES_SPAN || offset - I82576_TDBAL < QUEUES_SPAN;
}

static uint32_t word_now(const struct i82576_pf *pf, uint32_t offset)
{
	return __atomic_load_n(&pf->bar0[offset / DWORD], __ATOMIC_ACQUIRE);
}

static uint32_t reg_load(void *dev, uint32_t offset)
{
	struct i82576_pf *pf = dev;

	offset = i82576_pf_alias(offset);
	if (is_queue_word(offset))
		return word_now(pf, offset);
	return nic_reg_read(pf->regs, pf->bar0, pf, offset, &pf->fn.unknown_regs);
}

/* The data path reads these words at any time, and writes heads. */
static void queue_store(struct i82576_pf *pf, const struct nic_reg_row *row, uint32_t offset,
			uint32_t value)
{
	uint32_t *word = &pf->bar0[offset / DWORD];

	if (!row) {
		pf->fn.unknown_regs++;
		return;
	}
	__atomic_store_n(word, value & row->rw, __ATOMIC_RELEASE);
	nic_dp_kick(pf->fn.card->dp);
	i82576_shadow_kick(&pf->fn);
}

static void reg_store(void *dev, uint32_t offset, uint32_t low, const uint8_t *in, uint32_t n)
{
	struct i82576_pf *pf = dev;
	const struct nic_reg_row *row;
	unsigned index;
	uint32_t value;

	offset = i82576_pf_alias(offset);
	row = nic_reg_find(pf->regs, offset, &index);
	value = i82576_bar_merge(row, word_now(pf, offset), low, in, n);
	if (is_queue_word(offset))
		queue_store(pf, row, offset, value);
	else
		nic_reg_write(pf->regs, pf->bar0, pf, offset, value, &pf->fn.unknown_regs);
}

/* The I/O window: an address, and the register there (82576 8.1.1.3). */
static uint32_t io_load(void *dev, uint32_t offset)
{
	struct i82576_pf *pf = dev;

	if (offset == 0)
		return pf->ioaddr;
	if (offset != DWORD || pf->ioaddr >= I82576_PF_BAR0_SIZE)
		return 0xffffffff;
	return reg_load(pf, pf->ioaddr & ~(DWORD - 1));
}

static void io_store(void *dev, uint32_t offset, uint32_t low, const uint8_t *in, uint32_t n)
{
	struct i82576_pf *pf = dev;

	if (offset == 0)
		memcpy((uint8_t *)&pf->ioaddr + low, in, n);
	else if (offset == DWORD && pf->ioaddr < I82576_PF_BAR0_SIZE)
		reg_store(pf, pf->ioaddr & ~(DWORD - 1), low, in, n);
}

/* Flash is empty. */
static uint32_t flash_load(void *dev, uint32_t offset)
{
	(void)dev, (void)offset;
	return 0xffffffff;
}

/* The client emulates the table; nothing is ever pending here. */
static uint32_t msix_load(void *dev, uint32_t offset)
{
	(void)dev, (void)offset;
	return 0;
}

static void no_store(void *dev, uint32_t offset, uint32_t low, const uint8_t *in, uint32_t n)
{
	(void)dev, (void)offset, (void)low, (void)in, (void)n;
}

static const struct i82576_bar bars[] = {
	{I82576_PF_BAR0_SIZE, reg_load, reg_store},
	{I82576_PF_BAR1_SIZE, flash_load, no_store},
	{I82576_PF_BAR2_SIZE, io_load, io_store},
	{I82576_PF_BAR3_SIZE, msix_load, no_store},
};

void i82576_pf_bar_read(struct i82576_pf *pf, unsigned bar, uint32_t offset, void *buf,
			uint32_t len)
{
	i82576_fn_resample(&pf->fn);
	i82576_pf_settle(pf);
	if (bar < ARRAY_SIZE(bars))
		i82576_bar_load(&bars[bar], pf, offset, buf, len);
	else
		memset(buf, 0xff, len);
}

void i82576_pf_bar_write(struct i82576_pf *pf, unsigned bar, uint32_t offset, const void *buf,
			 uint32_t len)
{
	i82576_fn_resample(&pf->fn);
	if (bar < ARRAY_SIZE(bars))
		i82576_bar_store(&bars[bar], pf, offset, buf, len);
}
