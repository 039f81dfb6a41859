/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PF's counters (82576 8.18). Below them is what the data path counts for ever; a register
 * shows how much that has grown since it was read last, and sticks at its highest value.
 *
 * A pair of registers is 64 bits: reading the low half holds the value, and reading the high
 * half clears as much as was held. What arrives between the two shows up next time.
 */
#include "i82576_pf_regs.h"

#include "bits.h"

#define FCS_LEN	  4u
#define NOT_HELD  UINT64_MAX
#define NUM_SIZES 6u

/* What a counter counts. The sizes are NUM_SIZES each. */
enum source {
	RX_PACKETS,
	RX_OCTETS,
	RX_BROADCAST,
	RX_MULTICAST,
	RX_MISSED,
	RX_OVERSIZED,
	RX_TOTAL,
	TX_PACKETS,
	TX_OCTETS,
	TX_BROADCAST,
	TX_MULTICAST,
	TX_SEGMENTED,
	INTERRUPTS,
	SPOOFS,
	XON_RX,
	XON_TX,
	XOFF_RX,
	XOFF_TX,
	BAD_FLOW_RX,
	RX_SIZE,
	TX_SIZE = RX_SIZE + NUM_SIZES,
};

enum width { SINGLE, LOW, HIGH };

/* In pf->stats.base by row. A LOW is followed by its HIGH: base of the LOW is what is held. */
static const struct counter {
	uint32_t offset;
	uint8_t source, width;
} counters[] = {
	{I82576_MPC, RX_MISSED, SINGLE},       {I82576_RLEC, RX_OVERSIZED, SINGLE},
	{I82576_PRC64, RX_SIZE, SINGLE},       {I82576_PRC127, RX_SIZE + 1, SINGLE},
	{I82576_PRC255, RX_SIZE + 2, SINGLE},  {I82576_PRC511, RX_SIZE + 3, SINGLE},
	{I82576_PRC1023, RX_SIZE + 4, SINGLE}, {I82576_PRC1522, RX_SIZE + 5, SINGLE},
	{I82576_GPRC, RX_PACKETS, SINGLE},     {I82576_BPRC, RX_BROADCAST, SINGLE},
	{I82576_MPRC, RX_MULTICAST, SINGLE},   {I82576_GPTC, TX_PACKETS, SINGLE},
	{I82576_GORCL, RX_OCTETS, LOW},	       {I82576_GORCH, RX_OCTETS, HIGH},
	{I82576_GOTCL, TX_OCTETS, LOW},	       {I82576_GOTCH, TX_OCTETS, HIGH},
	{I82576_RNBC, RX_MISSED, SINGLE},      {I82576_ROC, RX_OVERSIZED, SINGLE},
	{I82576_TORL, RX_OCTETS, LOW},	       {I82576_TORH, RX_OCTETS, HIGH},
	{I82576_TOTL, TX_OCTETS, LOW},	       {I82576_TOTH, TX_OCTETS, HIGH},
	{I82576_TPR, RX_TOTAL, SINGLE},	       {I82576_TPT, TX_PACKETS, SINGLE},
	{I82576_PTC64, TX_SIZE, SINGLE},       {I82576_PTC127, TX_SIZE + 1, SINGLE},
	{I82576_PTC255, TX_SIZE + 2, SINGLE},  {I82576_PTC511, TX_SIZE + 3, SINGLE},
	{I82576_PTC1023, TX_SIZE + 4, SINGLE}, {I82576_PTC1522, TX_SIZE + 5, SINGLE},
	{I82576_MPTC, TX_MULTICAST, SINGLE},   {I82576_BPTC, TX_BROADCAST, SINGLE},
	{I82576_TSCTC, TX_SEGMENTED, SINGLE},  {I82576_IAC, INTERRUPTS, SINGLE},
	{I82576_RPTHC, RX_PACKETS, SINGLE},    {I82576_HGPTC, TX_PACKETS, SINGLE},
	{I82576_HGORCL, RX_OCTETS, LOW},       {I82576_HGORCH, RX_OCTETS, HIGH},
	{I82576_HGOTCL, TX_OCTETS, LOW},       {I82576_HGOTCH, TX_OCTETS, HIGH},
	{I82576_SSVPC, SPOOFS, SINGLE},	       {I82576_XONRXC, XON_RX, SINGLE},
	{I82576_XONTXC, XON_TX, SINGLE},       {I82576_XOFFRXC, XOFF_RX, SINGLE},
	{I82576_XOFFTXC, XOFF_TX, SINGLE},     {I82576_FCRUC, BAD_FLOW_RX, SINGLE},
};

static_assert(ARRAY_SIZE(counters) <= ARRAY_SIZE(((struct i82576_pf_stats *)0)->base),
	      "a base for each counter");

static uint64_t sum(const _Atomic uint64_t *counter, unsigned n)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < n; i++)
		total += nic_counter(&counter[i]);
	return total;
}

/* Lengths are without FCS in the data path, with it in the registers. */
static uint64_t octets(const _Atomic uint64_t *bytes, const _Atomic uint64_t *packets)
{
	return nic_counter(bytes) + FCS_LEN * nic_counter(packets);
}

static uint64_t missed(const struct nic_port_stats *s)
{
	return nic_counter(&s->rx_drops[NIC_DROP_NODESC]);
}

static uint64_t oversized(const struct nic_port_stats *s)
{
	return nic_counter(&s->rx_drops[NIC_DROP_SIZE]);
}

static uint64_t interrupts(const struct i82576_pf *pf)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < pf->fn.intr.num; i++)
		total += nic_counter(&pf->fn.intr.vec[i].fired);
	return total;
}

uint64_t i82576_spoofs(const struct i82576_fn *fn)
{
	const _Atomic uint64_t *drops = fn->port.stats.tx_drops;

	return nic_counter(&drops[NIC_DROP_SPOOF]) + nic_counter(&drops[NIC_DROP_VLAN]);
}

static uint64_t spoofs(const struct i82576_pf *pf)
{
	uint64_t total = i82576_spoofs(&pf->fn);

	for (unsigned n = 0; n < pf->num_vfs; n++)
		total += i82576_spoofs(&pf->vf[n]->fn);
	return total;
}

/* Priority flow control is unknown to the 82576. */
static uint64_t flow_total(const struct i82576_pf *pf, unsigned source)
{
	const struct nic_flow_stats *s = nic_dp_flow_stats(pf->fn.card->dp);

	switch (source) {
	case XON_RX:
		return nic_counter(&s->xon_rx);
	case XON_TX:
		return nic_counter(&s->xon_tx);
	case XOFF_RX:
		return nic_counter(&s->xoff_rx);
	case XOFF_TX:
		return nic_counter(&s->xoff_tx);
	default:
		return nic_counter(&s->bad_rx) + nic_counter(&s->pfc_rx);
	}
}

/* Since the card was made. */
static uint64_t total_of(const struct i82576_pf *pf, unsigned source)
{
	const struct nic_port_stats *s = &pf->fn.port.stats;

	switch (source) {
	case RX_PACKETS:
		return nic_counter(&s->rx_packets);
	case RX_OCTETS:
		return octets(&s->rx_bytes, &s->rx_packets);
	case RX_BROADCAST:
		return nic_counter(&s->rx_broadcast);
	case RX_MULTICAST:
		return nic_counter(&s->rx_multicast);
	case RX_MISSED:
		return missed(s);
	case RX_OVERSIZED:
		return oversized(s);
	case RX_TOTAL:
		return nic_counter(&s->rx_packets) + missed(s) + oversized(s);
	case TX_PACKETS:
		return sum(pf->stats.tx_size, NUM_SIZES);
	case TX_OCTETS:
		return octets(&s->tx_bytes, &s->tx_packets);
	case TX_BROADCAST:
		return nic_counter(&s->tx_broadcast);
	case TX_MULTICAST:
		return nic_counter(&s->tx_multicast);
	case TX_SEGMENTED:
		return nic_counter(&pf->stats.tx_tso);
	case INTERRUPTS:
		return interrupts(pf);
	case SPOOFS:
		return spoofs(pf);
	default:
		if (source < RX_SIZE)
			return flow_total(pf, source);
		if (source >= TX_SIZE)
			return nic_counter(&pf->stats.tx_size[source - TX_SIZE]);
		return nic_counter(&pf->stats.rx_size[source - RX_SIZE]);
	}
}

void i82576_pf_stats_reset(struct i82576_pf *pf)
{
	for (unsigned i = 0; i < ARRAY_SIZE(counters); i++) {
		const struct counter *c = &counters[i];

		pf->stats.base[i] = c->width == LOW ? NOT_HELD : total_of(pf, c->source);
	}
}

static uint32_t read_single(struct i82576_pf *pf, unsigned i, uint64_t now)
{
	uint64_t grown = now - pf->stats.base[i];

	pf->stats.base[i] = now;
	return (uint32_t)MIN(grown, (uint64_t)UINT32_MAX);
}

static uint32_t read_low(struct i82576_pf *pf, unsigned i, uint64_t now)
{
	pf->stats.base[i] = now;
	return (uint32_t)(now - pf->stats.base[i + 1]);
}

static uint32_t read_high(struct i82576_pf *pf, unsigned i, uint64_t now)
{
	uint64_t held = pf->stats.base[i - 1] == NOT_HELD ? now : pf->stats.base[i - 1];
	uint64_t grown = held - pf->stats.base[i];

	pf->stats.base[i - 1] = NOT_HELD;
	pf->stats.base[i] = held;
	return (uint32_t)(grown >> 32);
}

uint32_t i82576_pf_stat_read(void *dev, const struct nic_reg_row *row, unsigned index,
			     uint32_t stored)
{
	struct i82576_pf *pf = dev;
	unsigned i = 0;
	uint64_t now;

	(void)index, (void)stored;
	while (i < ARRAY_SIZE(counters) && counters[i].offset != row->offset)
		i++;
	if (i == ARRAY_SIZE(counters))
		return 0;
	now = total_of(pf, counters[i].source);
	switch (counters[i].width) {
	case LOW:
		return read_low(pf, i, now);
	case HIGH:
		return read_high(pf, i, now);
	default:
		return read_single(pf, i, now);
	}
}

/* The VF's own registers, which have no side effects: PFVFGPRC is at 10010h + 100h n, VFGPRC at
 * F10h, and so on. */
uint32_t i82576_pf_vf_stat_read(void *dev, const struct nic_reg_row *row, unsigned index,
				uint32_t stored)
{
	struct i82576_pf *pf = dev;
	uint32_t offset = I82576_VF_VFGPRC + row->offset - I82576_PFVFGPRC;
	struct i82576_vf *vf;

	(void)stored;
	if (index >= pf->vfs_enabled)
		return 0;
	vf = pf->vf[index];
	return nic_reg_read(vf->regs, vf->bar0, vf, offset, NULL);
}

/* ---- data path ---- */

/* Counts n frames of len bytes without FCS. */
static void count_sizes(_Atomic uint64_t *size, uint32_t len, uint32_t n)
{
	static const uint32_t limit[NUM_SIZES - 1] = {64, 127, 255, 511, 1023};
	unsigned i = 0;

	while (i < ARRAY_SIZE(limit) && len + FCS_LEN > limit[i])
		i++;
	nic_count(&size[i], n);
}

uint32_t i82576_pf_received(struct i82576_fn *fn, const struct nic_rx_meta *meta,
			    const struct nic_sink *sink)
{
	struct i82576_pf *pf = (struct i82576_pf *)fn;

	count_sizes(pf->stats.rx_size, meta->len, 1);
	return i82576_ptp_received(pf, meta, sink);
}

/* All segments but the last are full. */
static void count_segments(struct i82576_pf_stats *stats, const struct nic_frame *frame)
{
	uint32_t payload = frame->len - frame->hdr_len;
	uint32_t n = net_tso_count(&frame->off, payload);

	count_sizes(stats->tx_size, frame->hdr_len + frame->off.mss, n - 1);
	count_sizes(stats->tx_size, frame->len - (n - 1) * frame->off.mss, 1);
	nic_count(&stats->tx_tso, 1);
}

void i82576_pf_sending(struct i82576_fn *fn, const struct nic_frame *frame, bool stamp)
{
	struct i82576_pf *pf = (struct i82576_pf *)fn;

	if (frame->off.tso)
		count_segments(&pf->stats, frame);
	else
		count_sizes(pf->stats.tx_size, frame->len, 1);
	if (stamp)
		i82576_ptp_sending(pf);
}
