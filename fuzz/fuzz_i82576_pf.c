/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_i82576_pf.c - a hostile PF driver and two hostile VF drivers on one card, with its data
 * path. The PF's configuration space and BARs, the VFs' BAR0 and mapped queue pages, mailboxes
 * from both ends, resets and hand-overs; queues may point into 2 MiB of guest memory, whose
 * start is filled from the input, so that descriptors and frames are garbage as well.
 *
 * The input is a string of operations of 8 bytes: opcode | size class << 4 | flags << 6,
 * register index, offset (16 bits), value (32 bits).
 */
#include "fuzz_i82576.h"

#include "i82576_desc.h"
#include "i82576_pf.h"
#include "i82576_pf_regs.h"

struct op {
	unsigned code, len, flags; /* flags: 0 to 3 */
	uint8_t pick;
	uint16_t raw;
	uint32_t value;
};

static struct i82576_pf *pf;
static struct pci_config cfg;

static void pf_new(void)
{
	const struct i82576_sriov_place place = {1, 1};

	MUST(i82576_pf_new(card, PCI_RID(1, 0, 0), dom, vfs, VFS, &pf) == 0);
	i82576_pf_config(pf, place, &cfg);
	for (unsigned v = 0; v < I82576_PF_VECTORS; v++)
		test_intr_set_fd(&pf->fn.intr, pf->fn.rid, v, fd);
	MUST(i82576_pf_attach(pf) == 0);
}

/* ---- what no guest may bring about, whatever it writes ---- */

static void check_policy(unsigned n)
{
	const struct nic_policy *p = nic_card_policy(card, n);

	if (!p)
		return;
	MUST(p->num_macs <= NIC_PORT_MACS);
	MUST(p->pvid < NIC_VLANS);
	MUST(p->qos < 8);
	MUST(p->max_frame <= NIC_JUMBO_MAX);
	MUST(p->max_tx_mbps <= 1000);
	MUST(!p->link_up || n == NIC_PF || !pf->owns || n < pf->vfs_enabled);
}

static void check_vf(const struct i82576_vf *vf)
{
	bool exists = pf->owns ? vf->fn.n < pf->vfs_enabled : true;
	uint32_t locks = I82576_V2P_VFU | I82576_V2P_PFU;

	MUST(vf->exists == exists);
	MUST(atomic_load(&vf->fn.own_queues) == (exists ? BIT(I82576_VF_QUEUES) - 1 : 0));
	MUST((vf->bar0[I82576_VF_V2PMAILBOX / 4] & locks) != locks);
	MUST(vf->peer == (pf->owns ? &i82576_guest_peer : &i82576_builtin_peer));
	MUST(atomic_load(&vf->fn.intr.eicr) < BIT(I82576_VF_VECTORS));
}

static void check(void)
{
	MUST((card->owner != NULL) == pf->owns);
	MUST(pf->vfs_enabled <= (pf->owns ? VFS : 0));
	MUST(atomic_load(&pf->fn.intr.eims) < BIT(I82576_PF_VECTORS));
	MUST(atomic_load(&pf->fn.intr.eicr) < BIT(I82576_PF_VECTORS));
	MUST(pf->nvm.addr < 2 * I82576_NVM_WORDS);
	MUST(pf->phy.speed <= 2);
	for (unsigned n = 0; n < VFS; n++) {
		check_vf(vfs[n]);
		check_policy(n);
	}
	check_policy(NIC_PF);
}

/* ---- registers ---- */

static uint32_t pf_read(uint32_t offset)
{
	uint32_t v;

	i82576_pf_bar_read(pf, 0, offset, &v, sizeof(v));
	return v;
}

static void pf_write(uint32_t offset, uint32_t v)
{
	i82576_pf_bar_write(pf, 0, offset, &v, sizeof(v));
}

/* Mostly a register that exists, sometimes a byte of it; else anywhere, also beyond the BAR. */
static uint32_t pick(const struct nic_reg_row *rows, unsigned num, const struct op *op)
{
	const struct nic_reg_row *row = &rows[(op->pick | (op->raw & 0x100u)) % num];

	if (op->flags & 2)
		return op->raw * 5u + op->pick;
	return row->offset + (op->raw & 0xff) % row->count * row->stride +
	       (op->raw & 0x8000 ? op->raw >> 12 & 3 : 0);
}

static void access_pf(const struct op *op, bool write)
{
	unsigned num, bar = op->flags == 3 ? op->pick % 7u : 0;
	const struct nic_reg_row *rows = i82576_pf_rows(&num);
	uint32_t offset = pick(rows, num, op);
	uint8_t buf[8];

	memcpy(buf, &op->value, 4);
	memcpy(buf + 4, &op->value, 4);
	if (write)
		i82576_pf_bar_write(pf, bar, offset, buf, op->len);
	else
		i82576_pf_bar_read(pf, bar, offset, buf, op->len);
}

static void access_vf(const struct op *op)
{
	struct i82576_vf *vf = vfs[op->flags & 1];
	unsigned num;
	const struct nic_reg_row *rows = i82576_vf_rows(&num);
	uint32_t offset = pick(rows, num, op);
	uint8_t buf[8];

	memcpy(buf, &op->value, 4);
	memcpy(buf + 4, &op->value, 4);
	if (op->raw & 0x4000)
		i82576_vf_bar_read(vf, 0, offset, buf, op->len);
	else
		i82576_vf_bar_write(vf, 0, offset, buf, op->len);
}

/* ---- what drivers do, in one operation ---- */

/* The block of registers at first; value: tail 7:0, SRRCTL's sizes 21:8 and descriptor type
 * 26:24. */
static void set_up_queue(void (*write)(unsigned fn, uint32_t offset, uint32_t v), unsigned fn,
			 uint32_t first, const struct op *op)
{
	write(fn, first + 4 * Q_BAL, op->raw & 0xf80u);
	write(fn, first + 4 * Q_LEN, 4096);
	write(fn, first + 4 * Q_SRRCTL,
	      (op->value >> 8 & 0x3f7f) | (op->value & 0x7000000) << 1);
	write(fn, first + 4 * Q_CTL, DCTL_ENABLE);
	write(fn, first + 4 * Q_TAIL, op->value & 0xff);
}

static void write_pf(unsigned fn, uint32_t offset, uint32_t v)
{
	(void)fn;
	pf_write(offset, v);
}

static void write_vf(unsigned fn, uint32_t offset, uint32_t v)
{
	i82576_vf_bar_write(vfs[fn], 0, offset, &v, sizeof(v));
}

/* flags: 0 the PF, 1 VF 0, 2 VF 1. */
static void start_queue(const struct op *op)
{
	bool tx = op->raw & 1;
	uint32_t q = op->pick % I82576_MAX_QUEUES, vf_q = op->pick % I82576_VF_QUEUES;

	if (!op->flags)
		set_up_queue(write_pf, 0, (tx ? I82576_TDBAL : I82576_RDBAL) + 0x40 * q, op);
	else
		set_up_queue(write_vf, op->flags & 1,
			     (tx ? I82576_VF_TDBAL : I82576_VF_RDBAL) + 0x100 * vf_q, op);
}

/* Filters open, engines on, in the mode that pick says. */
static void set_up_port(const struct op *op)
{
	pf_write(I82576_CTRL, I82576_CTRL_SLU | (op->value & I82576_CTRL_VME));
	pf_write(I82576_MRQC, (op->pick & 7u) | (op->value & 0xffff0000));
	pf_write(I82576_VT_CTL, 0x40000000 | (uint32_t)(op->pick >> 3 & 7) << 7);
	pf_write(I82576_RCTL, 0x0000803e | (op->value & 0x000400c0));
	pf_write(I82576_TCTL, 2);
	pf_write(I82576_RLPML, 0x2600);
	for (unsigned n = 0; n < I82576_POOLS; n++)
		pf_write(I82576_VMOLR + 4 * n, 0x1f032600 | (op->value & BIT(30)));
	pf_write(I82576_DTXSWC, 0x80000000 | op->raw);
	pf_write(I82576_CTRL_EXT, I82576_CTRL_EXT_PFRSTD);
}

static void send_message(const struct op *op)
{
	struct i82576_vf *vf = vfs[op->flags & 1];

	write_vf(vf->fn.n, I82576_VF_VMBMEM, op->pick % 8u | (uint32_t)op->raw << 16);
	write_vf(vf->fn.n, I82576_VF_VMBMEM + 4, op->value);
	write_vf(vf->fn.n, I82576_VF_V2PMAILBOX, I82576_V2P_REQ);
}

static void answer_message(const struct op *op)
{
	unsigned n = op->pick & 7;

	pf_write(I82576_VMBMEM + 64 * n + (op->raw & 0x3c), op->value);
	pf_write(I82576_P2VMAILBOX + 4 * n, op->raw >> 8);
	pf_write(I82576_MBVFICR, op->value);
}

/* The serial EEPROM: value's bits go in one by one, flags: select before, deselect after. */
static void clock_nvm(const struct op *op)
{
	const uint32_t clock = 1, deselect = 2, data = 4, request = 0x40;

	if (op->flags & 1)
		pf_write(I82576_EECD, request);
	for (unsigned i = 0; i < 32; i++) {
		uint32_t bit = op->value >> (31 - i) & 1 ? data : 0;

		pf_write(I82576_EECD, request | bit);
		pf_write(I82576_EECD, request | bit | clock);
	}
	if (op->flags & 2)
		pf_write(I82576_EECD, request | deselect);
}

/* ---- configuration space, as the daemon carries it out ---- */

static void follow_sriov(void)
{
	uint16_t control = get_le16(&cfg.value[cfg.sriov.cap + PCI_SRIOV_CONTROL]);
	bool decode = control & PCI_SRIOV_CONTROL_VF_MSE;

	i82576_pf_set_vfs(pf, decode ? pci_sriov_num_vfs(&cfg) : 0);
}

static void reset_pf(void)
{
	i82576_fn_set_dma(&pf->fn, false);
	i82576_pf_reset(pf);
	pci_config_reset(&cfg);
	follow_sriov();
}

static void write_config(unsigned offset, const void *buf, unsigned len)
{
	unsigned events = pci_config_write(&cfg, offset, buf, len);

	if (events & (PCI_EV_FLR | PCI_EV_D0_RESET)) {
		reset_pf();
		return;
	}
	if (events & (PCI_EV_COMMAND | PCI_EV_POWER))
		i82576_fn_set_dma(&pf->fn, pci_config_bme(&cfg));
	follow_sriov();
}

static void access_config(const struct op *op)
{
	uint8_t buf[4];

	memcpy(buf, &op->value, 4);
	if (op->flags & 1)
		pci_config_read(&cfg, op->raw % PCI_CFG_SIZE, buf, MIN(op->len, 4u));
	else
		write_config(op->raw % PCI_CFG_SIZE, buf, MIN(op->len, 4u));
}

static void enable_vfs(const struct op *op)
{
	uint16_t num = op->value & 3, off = 0,
		 on = PCI_SRIOV_CONTROL_VF_ENABLE | PCI_SRIOV_CONTROL_VF_MSE;
	uint16_t command = 0x6;

	write_config(PCI_COMMAND, &command, sizeof(command));
	write_config(cfg.sriov.cap + PCI_SRIOV_CONTROL, &off, sizeof(off));
	write_config(cfg.sriov.cap + PCI_SRIOV_NUM_VFS, &num, sizeof(num));
	if (!(op->flags & 1))
		write_config(cfg.sriov.cap + PCI_SRIOV_CONTROL, &on, sizeof(on));
}

/* ---- what the daemon and the operator do ---- */

static void life_goes_on(const struct op *op)
{
	struct i82576_vf *vf = vfs[op->flags & 1];

	switch (op->pick % 10) {
	case 0:
		i82576_pf_detach(pf);
		pci_config_reset(&cfg);
		break;
	case 1:
		if (!pf->owns)
			MUST(i82576_pf_attach(pf) == 0);
		break;
	case 2:
		reset_pf();
		break;
	case 3:
		i82576_vf_reset(vf);
		break;
	case 4:
		MUST(i82576_vf_renew(vf) == 0);
		break;
	case 5:
		i82576_fn_set_dma(op->flags & 2 ? &pf->fn : &vf->fn, op->value & 1);
		break;
	case 6:
		test_intr_set_fd(&pf->fn.intr, pf->fn.rid, op->value % I82576_PF_VECTORS,
				 op->raw & 1 ? -1 : fd);
		break;
	case 7:
		i82576_pf_intr_mode(pf, op->value & 1, op->value & 2);
		i82576_pf_intx_unmask(pf);
		break;
	case 8:
		nic_card_set_vlan(card, vf->fn.n, op->value & 0xf, 0, op->value & 0x20);
		nic_card_set_trust(card, vf->fn.n, op->value & 0x10);
		break;
	default:
		i82576_pf_wire(pf);
		break;
	}
}

static void nothing(void *arg)
{
	(void)arg;
}

/* The data path does what it can, and the control side what follows from it. */
static void let_it_run(void)
{
	for (unsigned i = 0; i < 3; i++)
		nic_dp_call(card->dp, nothing, NULL);
	nic_dp_event_drain(card->dp);
	for (unsigned n = 0; n < VFS; n++)
		atomic_store(&vfs[n]->fn.stale, I82576_STALE_OK);
	atomic_store(&pf->fn.stale, I82576_STALE_OK);
	atomic_store(&pf->fn.tx_from, 0); /* its link need not settle */
	i82576_pf_dp_event(pf);
	i82576_pf_settle(pf);
}

/* ---- the input ---- */

static void access_qpage(const struct op *op)
{
	volatile uint32_t *word =
		&vfs[op->flags & 1]->qpage[op->raw % I82576_VF_QPAGE_SIZE / 4];

	__atomic_store_n(word, op->value, __ATOMIC_RELAXED);
}

static void do_op(const struct op *op)
{
	static void (*const acts[])(const struct op *op) = {
		access_vf,	start_queue, set_up_port,   send_message, access_qpage,
		answer_message, clock_nvm,   access_config, enable_vfs,	  life_goes_on,
	};

	if (op->code < 5)
		access_pf(op, op->code > 1);
	else if (op->code < 15)
		acts[op->code - 5](op);
	else
		let_it_run();
}

static void run_op(const uint8_t *bytes)
{
	const struct op op = {
		.code = bytes[0] & 15,
		.len = 1u << (bytes[0] >> 4 & 3),
		.flags = bytes[0] >> 6,
		.pick = bytes[1],
		.raw = get_le16(bytes + 2),
		.value = get_le32(bytes + 4),
	};

	do_op(&op);
	check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_new(data, size);
	pf_new();
	for (size_t pos = 0; pos + OP_BYTES <= size; pos += OP_BYTES)
		run_op(data + pos);
	MUST(pf_read(I82576_CTRL) != 0xffffffff); /* it still answers */
	i82576_pf_detach(pf);
	i82576_pf_free(pf);
	world_free();
	return 0;
}
