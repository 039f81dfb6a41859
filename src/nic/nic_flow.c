/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_flow.h"

#include "net_eth.h"
#include "nic_port.h"

#define OPCODE_AT    14u
#define PAUSE_TIME   16u
#define PFC_ENABLE   16u
#define PFC_TIMES    18u
#define OPCODE_PAUSE 0x0001u
#define OPCODE_PFC   0x0101u
#define PAUSE_BYTES  18u
#define PFC_BYTES    34u
#define QUANTUM_BITS 512u

static const uint8_t pause_address[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};

bool nic_flow_is_control(const struct nic_frame *f, const uint8_t mac[6])
{
	uint64_t dst = net_mac_u64(f->hdr);

	return !f->tagged && !f->svlan && get_be16(f->hdr + 12) == NET_ETH_P_CONTROL &&
	       (dst == net_mac_u64(pause_address) || dst == net_mac_u64(mac));
}

uint64_t nic_flow_quanta_ns(uint32_t quanta, uint32_t mbps)
{
	return (uint64_t)quanta * QUANTUM_BITS * 1000 / mbps;
}

static void set_pause(struct nic_flow *flow, unsigned priority, uint32_t quanta, uint32_t mbps,
		      uint64_t now_ns)
{
	flow->until[priority] = quanta ? now_ns + nic_flow_quanta_ns(quanta, mbps) : 0;
}

static void take_pause(struct nic_flow *flow, const struct nic_frame *f, uint32_t mbps,
		       uint64_t now_ns, struct nic_flow_stats *stats)
{
	uint16_t quanta = get_be16(f->hdr + PAUSE_TIME);

	nic_count(quanta ? &stats->xoff_rx : &stats->xon_rx, 1);
	for (unsigned p = 0; p < NIC_FLOW_PRIORITIES; p++)
		set_pause(flow, p, quanta, mbps, now_ns);
}

static void take_pfc(struct nic_flow *flow, const struct nic_frame *f, uint32_t mbps,
		     uint64_t now_ns, struct nic_flow_stats *stats)
{
	uint16_t enable = get_be16(f->hdr + PFC_ENABLE);

	nic_count(&stats->pfc_rx, 1);
	for (unsigned p = 0; p < NIC_FLOW_PRIORITIES; p++)
		if (enable & BIT(p))
			set_pause(flow, p, get_be16(f->hdr + PFC_TIMES + 2 * p), mbps, now_ns);
}

void nic_flow_receive(struct nic_flow *flow, const struct nic_frame *f, uint32_t mbps,
		      uint64_t now_ns, struct nic_flow_stats *stats)
{
	uint16_t opcode = f->hdr_len >= OPCODE_AT + 2 ? get_be16(f->hdr + OPCODE_AT) : 0;

	if (opcode == OPCODE_PAUSE && f->hdr_len >= PAUSE_BYTES)
		take_pause(flow, f, mbps, now_ns, stats);
	else if (opcode == OPCODE_PFC && f->hdr_len >= PFC_BYTES)
		take_pfc(flow, f, mbps, now_ns, stats);
	else
		nic_count(&stats->bad_rx, 1);
}

unsigned nic_flow_stopped(const struct nic_flow *flow, uint64_t now_ns)
{
	unsigned mask = 0;

	for (unsigned p = 0; p < NIC_FLOW_PRIORITIES; p++)
		if (now_ns < flow->until[p])
			mask |= BIT(p);
	return mask;
}

unsigned nic_flow_priority(const struct nic_frame *f)
{
	if (f->svlan)
		return f->stci >> 13;
	if (f->tagged)
		return f->tci >> 13;
	if (f->hdr_len >= NET_ETH_HLEN + 2 && net_is_tag(get_be16(f->hdr + 12)))
		return f->hdr[NET_ETH_HLEN] >> 5;
	return 0;
}

void nic_flow_pause(uint8_t *buf, const uint8_t mac[6], uint16_t quanta)
{
	memset(buf, 0, NET_ETH_ZLEN);
	memcpy(buf, pause_address, sizeof(pause_address));
	memcpy(buf + NET_ETH_ALEN, mac, NET_ETH_ALEN);
	put_be16(buf + 12, NET_ETH_P_CONTROL);
	put_be16(buf + OPCODE_AT, OPCODE_PAUSE);
	put_be16(buf + PAUSE_TIME, quanta);
}

void nic_patience_earn(struct nic_patience *p, uint64_t ns)
{
	p->spent -= MIN(p->spent, ns);
	if (p->spent <= NIC_PATIENCE_NS / 2)
		p->out = false;
}

bool nic_patience_left(struct nic_patience *p, unsigned part, uint64_t now_ns)
{
	nic_patience_earn(p, (now_ns - p->at) / part);
	p->at = now_ns;
	return !p->out;
}

bool nic_patience_spend(struct nic_patience *p, uint64_t ns)
{
	bool was = p->out;

	p->spent = MIN(p->spent + ns, NIC_PATIENCE_NS);
	p->out |= p->spent == NIC_PATIENCE_NS;
	return p->out && !was;
}
