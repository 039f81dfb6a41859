/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_i82576_vf.c - register accesses of a hostile guest, with a card, its data path and two
 * VFs in memory. The queues may point into 2 MiB of guest memory, whose start is filled from
 * the input, so that descriptors are garbage as well.
 *
 * The input is a string of operations of 8 bytes: opcode | VF << 7, size class | register
 * index, offset (16 bits), value (32 bits).
 */
#include "fuzz_i82576.h"

#include "i82576_regs.h"

#define MAX_VLANS 32u
#define V2P_NEVER \
	(~0u << 8 | I82576_V2P_PFU | I82576_V2P_RSTI | I82576_V2P_REQ | I82576_V2P_ACK)

/* What no guest may bring about, whatever it writes. */
static void check(struct i82576_vf *vf)
{
	const struct nic_vf *cv = &card->vf[vf->fn.n];

	MUST(cv->guest.num_filters < NIC_PORT_MACS);
	MUST(cv->guest.num_vlans <= MAX_VLANS);
	MUST(cv->guest.max_frame <= NIC_JUMBO_MAX);
	MUST(!cv->guest.promisc || cv->admin.trust || vf->memo.uc_promisc);
	MUST(!(cv->guest.mac[0] & 1));
	MUST(atomic_load(&vf->fn.intr.eims) < BIT(I82576_VF_VECTORS));
	MUST(atomic_load(&vf->fn.intr.eicr) < BIT(I82576_VF_VECTORS));
	MUST(!(vf->bar0[I82576_VF_V2PMAILBOX / 4] & V2P_NEVER));
	MUST(vf->mbx.mem == &vf->bar0[I82576_VF_VMBMEM / 4]);
	MUST(!vf->mbx.req || vf->bar0[I82576_VF_V2PMAILBOX / 4] & I82576_V2P_VFU);
}

/* Half of the accesses go to registers that exist. */
static uint32_t pick_offset(uint8_t pick, uint16_t raw)
{
	unsigned num;
	const struct nic_reg_row *rows = i82576_vf_rows(&num), *row;

	if (pick & 0x80)
		return raw;
	row = &rows[(pick >> 1) % num];
	return row->offset + raw % row->count * row->stride + (pick & 1 ? raw >> 12 & 3 : 0);
}

/* A mailbox message in one operation: word 0, one argument, REQ. */
static void send_message(struct i82576_vf *vf, uint32_t word0, uint32_t arg)
{
	uint32_t req = I82576_V2P_REQ;

	i82576_vf_bar_write(vf, 0, I82576_VF_VMBMEM, &word0, 4);
	i82576_vf_bar_write(vf, 0, I82576_VF_VMBMEM + 4, &arg, 4);
	i82576_vf_bar_write(vf, 0, I82576_VF_V2PMAILBOX, &req, 4);
}

/* Both queue pairs set up as a driver would, head and tail from value. */
static void start_queues(struct i82576_vf *vf, uint32_t value)
{
	uint32_t enable = I82576_DCTL_ENABLE, len = 4096, tail = value & 0xff;
	uint32_t srrctl = value >> 8 & 0x0e003f7f;

	for (uint32_t q = 0; q < I82576_VF_QUEUES; q++) {
		uint32_t rx = I82576_VF_RDBAL + q * 0x100, tx = I82576_VF_TDBAL + q * 0x100;

		i82576_vf_bar_write(vf, 0, rx + 0x08, &len, 4);
		i82576_vf_bar_write(vf, 0, tx + 0x08, &len, 4);
		i82576_vf_bar_write(vf, 0, rx + 0x0c, &srrctl, 4);
		i82576_vf_bar_write(vf, 0, rx + 0x28, &enable, 4);
		i82576_vf_bar_write(vf, 0, tx + 0x28, &enable, 4);
		i82576_vf_bar_write(vf, 0, rx + 0x18, &tail, 4);
		i82576_vf_bar_write(vf, 0, tx + 0x18, &tail, 4);
	}
}

static void operator_acts(struct i82576_vf *vf, uint32_t value)
{
	uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)value};

	switch (value >> 8 & 7) {
	case 0:
		nic_card_set_link(card, vf->fn.n, value % NIC_LINK_NUM);
		break;
	case 1:
		nic_card_set_trust(card, vf->fn.n, value & 1);
		break;
	case 2:
		nic_card_set_vlan(card, vf->fn.n, value & 0xf, 0, value & 0x10);
		break;
	case 3:
		nic_card_set_mac(card, vf->fn.n, mac);
		break;
	case 4:
		i82576_fn_set_dma(&vf->fn, value & 1);
		break;
	case 5:
		test_intr_set_fd(&vf->fn.intr, vf->fn.rid, value % I82576_VF_VECTORS,
				 value & 4 ? -1 : fd);
		break;
	case 6:
		MUST(i82576_vf_renew(vf) == 0);
		break;
	default:
		i82576_vf_reset(vf);
		break;
	}
}

static void run_op(const uint8_t *op)
{
	struct i82576_vf *vf = vfs[op[0] >> 7];
	uint32_t value = get_le32(op + 4), offset = pick_offset(op[1], get_le16(op + 2));
	uint32_t len = 1u << (op[0] >> 3 & 3);
	uint8_t buf[8];

	memcpy(buf, op + 4, 4);
	memcpy(buf + 4, op + 4, 4);
	switch (op[0] & 7) {
	case 0:
		i82576_vf_bar_read(vf, op[0] & 0x40 ? 3 : 0, offset, buf, len);
		break;
	case 1:
		i82576_vf_bar_write(vf, op[0] & 0x40 ? 3 : 0, offset, buf, len);
		break;
	case 2:
	case 3: /* through a mapped page: no trap, no kick */
		vf->qpage[offset % I82576_VF_QPAGE_SIZE / 4] = value;
		break;
	case 4:
		send_message(vf, op[1] % 8u | (uint32_t)op[2] << 16, value);
		break;
	case 5:
		start_queues(vf, value);
		break;
	case 6:
		operator_acts(vf, value);
		break;
	default:
		nic_dp_quiesce(card->dp);
		break;
	}
	check(vf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	world_new(data, size);
	for (size_t pos = 0; pos + OP_BYTES <= size; pos += OP_BYTES)
		run_op(data + pos);
	world_free();
	return 0;
}
