/* SPDX-License-Identifier: BSD-3-Clause */
/* The PF's counters: what they count, that they add up, and how they clear. */
#include "test_i82576_pf.h"

static struct nic_port_stats *stats; /* what the data path would count */

static int set_up(void **state)
{
	if (pf_set_up(state) < 0)
		return -1;
	stats = &pf->fn.port.stats;
	return 0;
}

/* A frame of len bytes without FCS, as the switch and the queues count it. */
static void receive(uint32_t len)
{
	struct nic_rx_meta meta = {.len = len};
	struct nic_sink sink = {.n = 0};

	assert_int_equal(i82576_pf_received(&pf->fn, &meta, &sink), 0);
	nic_count(&stats->rx_packets, 1);
	nic_count(&stats->rx_bytes, len);
}

static void transmit(uint32_t len)
{
	struct nic_frame frame = {.len = len, .hdr_len = 54};

	i82576_pf_sending(&pf->fn, &frame, false);
	nic_count(&stats->tx_packets, 1);
	nic_count(&stats->tx_bytes, len);
}

static void transmit_tso(uint32_t payload, uint16_t mss)
{
	struct nic_frame frame = {
		.len = 54 + payload, .hdr_len = 54, .off = {.tso = true, .mss = mss}};

	i82576_pf_sending(&pf->fn, &frame, false);
}

static uint32_t sum_of(uint32_t offset, unsigned n)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < n; i++)
		sum += pf_rd(offset + 4 * i);
	return sum;
}

/* ---- sizes ---- */

/* Without FCS: the ends of each class. */
static const uint32_t edges[6][2] = {{60, 60},	 {61, 123},   {124, 251},
				     {252, 507}, {508, 1019}, {1020, 9000}};

static void sizes_received(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		receive(edges[i][0]);
		receive(edges[i][1]);
		for (unsigned k = 0; k < 6; k++)
			assert_int_equal(pf_rd(I82576_PRC64 + 4 * k), k == i ? 2 : 0);
	}
}

static void sizes_transmitted(void **state)
{
	(void)state;
	transmit(14); /* padded later */
	assert_int_equal(pf_rd(I82576_PTC64), 1);
	for (unsigned i = 0; i < 6; i++) {
		transmit(edges[i][0]);
		transmit(edges[i][1]);
		for (unsigned k = 0; k < 6; k++)
			assert_int_equal(pf_rd(I82576_PTC64 + 4 * k), k == i ? 2 : 0);
	}
}

static void segments_are_frames(void **state)
{
	(void)state;
	transmit_tso(3 * 1000 + 10, 1000); /* three of 1058 bytes with FCS, one of 68 */
	assert_int_equal(pf_rd(I82576_TSCTC), 1);
	assert_int_equal(pf_rd(I82576_PTC1522), 3);
	assert_int_equal(pf_rd(I82576_PTC127), 1);
	assert_int_equal(pf_rd(I82576_GPTC), 4);
	transmit_tso(400, 200); /* no rest: the last one is full */
	assert_int_equal(pf_rd(I82576_PTC511), 2);
	transmit_tso(6, 1000);
	assert_int_equal(pf_rd(I82576_PTC64), 1);
	assert_int_equal(pf_rd(I82576_TSCTC), 2);
	assert_int_equal(sum_of(I82576_PTC64, 6), 0);
}

/* ---- sums ---- */

static void packets_add_up(void **state)
{
	uint32_t good, good_sent;

	(void)state;
	for (uint32_t len = 60; len < 2000; len += 7) {
		receive(len);
		transmit(len);
	}
	nic_count(&stats->rx_drops[NIC_DROP_NODESC], 5);
	nic_count(&stats->rx_drops[NIC_DROP_SIZE], 3);
	nic_count(&stats->rx_drops[NIC_DROP_RXOFF], 100);
	good = pf_rd(I82576_GPRC);
	good_sent = pf_rd(I82576_GPTC);
	assert_int_equal(good, 278);
	assert_int_equal(good_sent, 278);
	assert_int_equal(sum_of(I82576_PRC64, 6), good);
	assert_int_equal(sum_of(I82576_PTC64, 6), good_sent);
	assert_int_equal(pf_rd(I82576_MPC), 5);
	assert_int_equal(pf_rd(I82576_RNBC), 5);
	assert_int_equal(pf_rd(I82576_ROC), 3);
	assert_int_equal(pf_rd(I82576_RLEC), 3);
	assert_int_equal(pf_rd(I82576_TPR), good + 5 + 3);
	assert_int_equal(pf_rd(I82576_TPT), good_sent);
	assert_int_equal(pf_rd(I82576_RPTHC), good);
	assert_int_equal(pf_rd(I82576_HGPTC), good_sent);
}

static void flow_control_is_counted(void **state)
{
	struct nic_flow_stats *flow =
		(struct nic_flow_stats *)(uintptr_t)nic_dp_flow_stats(tc.card->dp);

	(void)state;
	nic_count(&flow->xon_rx, 1);
	nic_count(&flow->xon_tx, 2);
	nic_count(&flow->xoff_rx, 3);
	nic_count(&flow->xoff_tx, 4);
	nic_count(&flow->bad_rx, 5);
	nic_count(&flow->pfc_rx, 60);
	for (unsigned turn = 0; turn < 2; turn++) {
		assert_int_equal(pf_rd(I82576_XONRXC), turn ? 0 : 1);
		assert_int_equal(pf_rd(I82576_XONTXC), turn ? 0 : 2);
		assert_int_equal(pf_rd(I82576_XOFFRXC), turn ? 0 : 3);
		assert_int_equal(pf_rd(I82576_XOFFTXC), turn ? 0 : 4);
		assert_int_equal(pf_rd(I82576_FCRUC), turn ? 0 : 65);
	}
}

static void octets_have_their_fcs(void **state)
{
	static const uint32_t rx[] = {I82576_GORCL, I82576_TORL, I82576_HGORCL};
	static const uint32_t tx[] = {I82576_GOTCL, I82576_TOTL, I82576_HGOTCL};

	(void)state;
	receive(60);
	receive(1514);
	transmit(100);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pf_rd(rx[i]), 64 + 1518);
		assert_int_equal(pf_rd(rx[i] + 4), 0);
		assert_int_equal(pf_rd(rx[i]), 0);
		assert_int_equal(pf_rd(tx[i]), 104);
		assert_int_equal(pf_rd(tx[i] + 4), 0);
		assert_int_equal(pf_rd(tx[i]), 0);
	}
}

static void kinds_of_packets(void **state)
{
	(void)state;
	nic_count(&stats->rx_broadcast, 1);
	nic_count(&stats->rx_multicast, 2);
	nic_count(&stats->tx_broadcast, 3);
	nic_count(&stats->tx_multicast, 4);
	assert_int_equal(pf_rd(I82576_BPRC), 1);
	assert_int_equal(pf_rd(I82576_MPRC), 2);
	assert_int_equal(pf_rd(I82576_BPTC), 3);
	assert_int_equal(pf_rd(I82576_MPTC), 4);
}

/* ---- clearing ---- */

static void reading_clears(void **state)
{
	(void)state;
	receive(60);
	assert_int_equal(pf_rd(I82576_GPRC), 1);
	assert_int_equal(pf_rd(I82576_GPRC), 0);
	receive(60);
	receive(60);
	assert_int_equal(pf_rd(I82576_GPRC), 2);
	assert_int_equal(pf_rd(I82576_TPR), 3); /* each has its own */
}

static void a_full_counter_sticks(void **state)
{
	(void)state;
	nic_count(&stats->rx_packets, 0x100000005ull);
	assert_int_equal(pf_rd(I82576_GPRC), 0xffffffff);
	assert_int_equal(pf_rd(I82576_GPRC), 0);
}

static void the_high_half_clears_both(void **state)
{
	(void)state;
	nic_count(&stats->rx_bytes, 0x500000001ull);
	assert_int_equal(pf_rd(I82576_GORCL), 1);
	assert_int_equal(pf_rd(I82576_GORCL), 1);
	assert_int_equal(pf_rd(I82576_GORCH), 5);
	assert_int_equal(pf_rd(I82576_GORCL), 0);
	assert_int_equal(pf_rd(I82576_GORCH), 0);
	nic_count(&stats->rx_bytes, 0x300000000ull);
	assert_int_equal(pf_rd(I82576_GORCH), 3);
	assert_int_equal(pf_rd(I82576_TORH), 8); /* without a look at the low half */
	assert_int_equal(pf_rd(I82576_TORL), 0);
}

static void nothing_is_lost_between_the_halves(void **state)
{
	(void)state;
	nic_count(&stats->tx_bytes, 0xffffffff);
	assert_int_equal(pf_rd(I82576_GOTCL), 0xffffffff);
	nic_count(&stats->tx_bytes, 3);
	assert_int_equal(pf_rd(I82576_GOTCH), 0); /* goes with the low half that was read */
	assert_int_equal(pf_rd(I82576_GOTCL), 3);
	assert_int_equal(pf_rd(I82576_GOTCH), 0);
}

static void a_reset_clears(void **state)
{
	(void)state;
	receive(100);
	transmit(100);
	assert_int_equal(pf_rd(I82576_GORCL), 104); /* held over the reset */
	i82576_pf_reset(pf);
	for (uint32_t at = 0x4000; at <= 0x4138; at += 4)
		assert_int_equal(pf_rd(at), 0);
	receive(100);
	assert_int_equal(pf_rd(I82576_GPRC), 1);
	assert_int_equal(pf_rd(I82576_GORCL), 104);
}

static void writing_changes_nothing(void **state)
{
	uint32_t ones = 0xffffffff;

	(void)state;
	receive(100);
	for (uint32_t at = 0x4000; at <= 0x41a0; at += 4)
		i82576_pf_bar_write(pf, 0, at, &ones, sizeof(ones));
	assert_int_equal(pf_rd(I82576_CRCERRS), 0);
	assert_int_equal(pf_rd(I82576_GPRC), 1);
}

/* ---- what others did ---- */

static void interrupts_are_counted(void **state)
{
	(void)state;
	nic_count(&pf->fn.intr.vec[0].fired, 2);
	nic_count(&pf->fn.intr.vec[9].fired, 3);
	assert_int_equal(pf_rd(I82576_IAC), 5);
	assert_int_equal(pf_rd(I82576_IAC), 0);
}

static void spoofs_of_all_are_counted(void **state)
{
	(void)state;
	nic_count(&stats->tx_drops[NIC_DROP_SPOOF], 1);
	nic_count(&tc.vf[0]->fn.port.stats.tx_drops[NIC_DROP_SPOOF], 2);
	nic_count(&tc.vf[1]->fn.port.stats.tx_drops[NIC_DROP_VLAN], 4);
	assert_int_equal(pf_rd(I82576_SSVPC), 7);
	assert_int_equal(pf_rd(I82576_SSVPC), 0);
}

/* The PF sees what the VF sees. */
static void counters_of_a_vf(void **state)
{
	static const uint32_t same[][2] = {
		{I82576_PFVFGPRC, I82576_VF_VFGPRC},
		{I82576_PFVFGPTC, I82576_VF_VFGPTC},
		{I82576_PFVFGORC, I82576_VF_VFGORC},
		{I82576_PFVFGOTC, I82576_VF_VFGOTC},
		{I82576_PFVFMPRC, I82576_VF_VFMPRC},
		{I82576_PFVFGPRLBC, I82576_VF_VFGPRLBC},
		{I82576_PFVFGPTLBC, I82576_VF_VFGPTLBC},
		{I82576_PFVFGORLBC, I82576_VF_VFGORLBC},
		{I82576_PFVFGOTLBC, I82576_VF_VFGOTLBC},
	};
	struct nic_port_stats *s = &tc.vf[1]->fn.port.stats;

	(void)state;
	nic_count(&s->rx_packets, 1);
	nic_count(&s->tx_packets, 2);
	nic_count(&s->rx_bytes, 100);
	nic_count(&s->tx_bytes, 1000);
	nic_count(&s->rx_multicast, 5);
	nic_count(&s->rx_local_packets, 6);
	nic_count(&s->tx_local_packets, 7);
	nic_count(&s->rx_local_bytes, 800);
	nic_count(&s->tx_local_bytes, 900);
	pf->vfs_enabled = 2;
	for (unsigned i = 0; i < ARRAY_SIZE(same); i++) {
		uint32_t v = pf_rd(same[i][0] + 0x100);

		assert_true(v);
		assert_int_equal(v, rd_of(tc.vf[1], same[i][1]));
		assert_int_equal(pf_rd(same[i][0] + 0x100), v);
		assert_int_equal(pf_rd(same[i][0] + 0x700), 0); /* there is no such VF */
	}
	pf->vfs_enabled = 1;
	assert_int_equal(pf_rd(I82576_PFVFGPRC + 0x100), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, pf_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sizes_received),
		T(sizes_transmitted),
		T(segments_are_frames),
		T(packets_add_up),
		T(flow_control_is_counted),
		T(octets_have_their_fcs),
		T(kinds_of_packets),
		T(reading_clears),
		T(a_full_counter_sticks),
		T(the_high_half_clears_both),
		T(nothing_is_lost_between_the_halves),
		T(a_reset_clears),
		T(writing_changes_nothing),
		T(interrupts_are_counted),
		T(spoofs_of_all_are_counted),
		T(counters_of_a_vf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
