/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No frame is lost without a word, and none is counted twice (docs/drops.md): random frames,
 * good and bad, of a guest and of the wire, under random policies, to receivers that may be
 * down, full or refuse. All are unicast, so that each has one fate:
 *
 *	what the guest announced	= sent + dropped at the sender
 *	what was sent and mirrored	= received + dropped at the receiver
 *
 * A capture looks on, and its records add up to the same counters.
 */
#include "nic_capture.h"
#include "test_i82576_guest.h"
#include "test_port.h"

#define ROUNDS 400u
#define FRAMES 24u
#define RING   512u
#define VID    100u
#define HEADER 54u

static struct test_port wire;
static struct nic_capture *look;
/* What the capture says: by port (VF 0, VF 1, wire), received or sent, and reason. */
static uint64_t seen[3][2][NIC_DROP_NUM];
static uint64_t announced;

static struct nic_port_stats *stats_of(unsigned who)
{
	return who < 2 ? &g[who].vf->fn.port.stats : &wire.port.stats;
}

static uint64_t sum(const _Atomic uint64_t *drops)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NIC_DROP_NUM; i++)
		n += nic_counter(&drops[i]);
	return n;
}

/* ---- what is sent ---- */

static uint8_t *start_frame(unsigned k)
{
	static const uint8_t nobody[6] = {2, 0, 0, 0, 9, 9};
	const uint8_t *to[] = {tc.card->vf[1].guest.mac, tc.card->vf[0].guest.mac, nobody};
	uint8_t *f = make_frame(k, BUF_SIZE);

	memcpy(f, to[test_below(4) ? test_below(2) * 2 : 1], 6);
	return f;
}

/* Segments of a TCP frame. Returns how many. */
static unsigned put_tso(unsigned k)
{
	uint32_t payload = 100 + test_below(1000), mss = 50 + test_below(500);
	uint8_t *ip = start_frame(k) + 14;

	memset(ip, 0, 40);
	put_be16(ip - 2, 0x0800);
	ip[0] = 0x45;
	ip[9] = 6;
	ip[32] = 0x50;
	context(0, 14, 20, CTX_IPV4 | FIELD_PREP(CTX_L4T, L4T_TCP), 20, mss);
	tx_desc(&g[0], tx_iova(k), CMD_LAST | TXD_TSE | (HEADER + payload),
		TXD_IXSM | TXD_TXSM);
	return (payload + mss - 1) / mss;
}

/* A frame with something about it. Returns how many it would be on a wire. */
static unsigned put_random(unsigned k)
{
	uint32_t len = 60 + test_below(1400), cmd = CMD_LAST;
	uint64_t at = tx_iova(k);
	uint8_t *f;

	if (test_below(4) == 0)
		return put_tso(k);
	f = start_frame(k);
	switch (test_below(12)) {
	case 0:
		put_be16(f + 12, 0x8808);
		break;
	case 1:
		f[11] ^= 1; /* somebody else's address */
		break;
	case 2:
		put_be32(f + 12, 0x81000000u | (test_below(2) ? VID : VID + 1));
		break;
	case 3:
		at = 0x1000; /* not mapped */
		break;
	case 4:
		len = test_below(14); /* no frame */
		break;
	case 5:
		cmd = TXD_EOP | TXD_RS; /* legacy */
		break;
	case 6:
		tx_desc(&g[0], at, CMD_MORE | 13, 0);
		break;
	case 7:
		len = 2000;
		break;
	}
	tx_desc(&g[0], at, cmd | len, 0);
	return 1;
}

/* On the data path. */
static void wire_sends(void *arg)
{
	static uint8_t from_wire[FRAMES][100];

	(void)arg;
	for (unsigned k = 0; k < FRAMES; k++) {
		memcpy(from_wire[k], tc.card->vf[test_below(2)].guest.mac, 6);
		from_wire[k][0] ^= test_below(8) == 0 ? 2 : 0;
		memcpy(from_wire[k] + 6, (uint8_t[]){2, 0, 0, 0, 0, 9, 0x88, 0xb5}, 8);
		wire.tx[k] = (struct test_tx){.bytes = from_wire[k], .len = 100, .hdr_len = 60};
	}
	if (test_below(4) == 0) { /* PAUSE */
		memset(from_wire[0], 0, sizeof(from_wire[0]));
		memcpy(from_wire[0], tc.card->base_mac, 6);
		put_be32(from_wire[0] + 12, 0x88080001);
		put_be16(from_wire[0] + 16, (uint16_t)test_below(65536));
	}
	wire.tx_at = 0;
	wire.num_tx = FRAMES;
}

static void send_some(void)
{
	for (unsigned k = 0; k < FRAMES; k++)
		announced += put_random(k);
	nic_dp_call(tc.card->dp, wire_sends, NULL);
	tx_bell(&g[0]);
	for (unsigned i = 0; i < 1000 && get_reg(tx_regs(&g[0]), Q_HEAD) != g[0].tx_next; i++)
		settle();
	settle();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), g[0].tx_next);
	assert_int_equal(wire.tx_at, FRAMES);
}

/* ---- under what ---- */

static void set_wire(void *arg)
{
	(void)arg;
	wire.credits = test_below(4) ? UINT32_MAX : test_below(10);
	wire.refuse = test_below(4) ? NIC_DROP_NONE : NIC_DROP_UPLINK;
	wire.num_tx = 0;
}

static void random_mirror(void)
{
	struct nic_mirror_from from = {0};
	unsigned source = test_below(2) ? 0 : NIC_MIRROR_UPLINK, other;

	nic_bitmap_assign(from.rx, source, test_below(2));
	nic_bitmap_assign(from.tx, source, test_below(2));
	assert_int_equal(nic_card_set_mirror(tc.card, 1, &from, &other), 0);
}

static void random_rules(void)
{
	for (unsigned n = 0; n < 2; n++) {
		nic_card_set_spoofchk(tc.card, n, test_below(2));
		nic_card_set_vlan(tc.card, n, test_below(4) ? 0 : VID, 0, false);
		nic_card_set_storm_bcast(tc.card, n, test_below(2) ? 0 : 1);
		nic_card_set_storm_uucast(tc.card, n, test_below(2) ? 0 : 1);
		nic_card_set_link(tc.card, n,
				  test_below(6) ? NIC_LINK_ENABLE : NIC_LINK_DISABLE);
		nic_card_guest_lpe(tc.card, n, test_below(4) ? NIC_JUMBO_MAX : 600);
	}
	random_mirror();
	nic_card_uplink_state(tc.card, test_below(6));
	nic_card_set_flow(tc.card, test_below(2) * test_below(4));
	nic_dp_call(tc.card->dp, set_wire, NULL);
	if (test_below(8) == 0) { /* a receiver without descriptors, or with all of them */
		put_reg(rx_regs(&g[1]), Q_CTL, 0);
		settle();
	} else if (test_below(2)) {
		rx_on(&g[1], test_below(4) ? RING : 8, SRRCTL_ONEBUF);
	}
}

/* ---- what came of it ---- */

static void read_capture(void)
{
	static uint8_t bytes[NIC_CAPTURE_SNAP];
	struct nic_capture_rec rec;

	while (nic_capture_read(look, &rec, bytes)) {
		unsigned who = 0;

		while (who < 2 && g[who].vf->fn.port.index != rec.port)
			who++;
		seen[who][rec.received][rec.reason] += rec.frames;
	}
	assert_int_equal(nic_capture_lost(look), 0);
}

static void assert_conserved(void)
{
	uint64_t sent = 0, fates = 0; /* a copy is one more that is received or dropped */

	for (unsigned who = 0; who < 3; who++) {
		const struct nic_port_stats *s = stats_of(who);

		sent += nic_counter(&s->tx_packets) + nic_counter(&s->mirrored);
		fates += nic_counter(&s->rx_packets) + sum(s->rx_drops);
	}
	assert_int_equal(announced,
			 nic_counter(&stats_of(0)->tx_packets) + sum(stats_of(0)->tx_drops));
	assert_int_equal(sent, fates);
}

/* Those that were the MAC's, of the wire's: received or sent by the card. */
static uint64_t pauses_of(unsigned who, bool sent)
{
	const struct nic_flow_stats *s = nic_dp_flow_stats(tc.card->dp);

	if (who != 2)
		return 0;
	return sent ? nic_counter(&s->xon_tx) + nic_counter(&s->xoff_tx)
		    : nic_counter(&s->xon_rx) + nic_counter(&s->xoff_rx);
}

static void assert_capture_agrees(void)
{
	read_capture();
	for (unsigned who = 0; who < 3; who++) {
		const struct nic_port_stats *s = stats_of(who);

		assert_int_equal(seen[who][0][NIC_DROP_NONE],
				 nic_counter(&s->tx_packets) + pauses_of(who, false));
		assert_int_equal(seen[who][1][NIC_DROP_NONE],
				 nic_counter(&s->rx_packets) + pauses_of(who, true));
		for (unsigned i = NIC_DROP_NONE + 1; i < NIC_DROP_NUM; i++) {
			assert_int_equal(seen[who][0][i], nic_counter(&s->tx_drops[i]));
			assert_int_equal(seen[who][1][i], nic_counter(&s->rx_drops[i]));
		}
	}
}

/* Each reason is one that this traffic has met, but for those that it cannot. */
static void assert_all_reasons_met(void)
{
	for (unsigned i = NIC_DROP_NONE + 1; i < NIC_DROP_NUM; i++) {
		uint64_t n = 0;

		for (unsigned who = 0; who < 3; who++)
			n += nic_counter(&stats_of(who)->tx_drops[i]) +
			     nic_counter(&stats_of(who)->rx_drops[i]);
		print_message("%s %llu\n", nic_drop_word((enum nic_drop)i),
			      (unsigned long long)n);
		if (i != NIC_DROP_RATE) /* waits, is not dropped */
			assert_true(n > 0);
	}
}

/* Has PAUSE ever kept frames, in both directions? A machine that is busy elsewhere can sleep it
 * through. */
static bool paused(void)
{
	const struct nic_flow_stats *s = nic_dp_flow_stats(tc.card->dp);

	return nic_counter(&s->queued) && nic_counter(&s->held);
}

static void every_frame_has_one_fate(void **state)
{
	(void)state;
	for (unsigned round = 0; round < ROUNDS || (!paused() && round < 10 * ROUNDS);
	     round++) {
		random_rules();
		send_some();
		nic_card_set_flow(tc.card, 0); /* nothing waits any more */
		assert_conserved();
		assert_capture_agrees();
		test_port_flush(&wire);
	}
	assert_all_reasons_met();
	assert_true(nic_counter(&stats_of(1)->mirrored) > 1000);
	assert_true(pauses_of(2, false) > 0);
	assert_true(paused());
}

/* ---- set-up ---- */

static int set_up(void **state)
{
	const struct nic_capture_params all = {.snaplen = 64};

	if (guests_set_up(state) < 0 || nic_capture_new(&all, &look) < 0)
		return -1;
	test_port_init(&wire, 9);
	atomic_store(&wire.port.policy, NULL);
	if (nic_card_set_uplink(tc.card, &wire.port, -1) < 0)
		return -1;
	rx_on(&g[1], RING, SRRCTL_ONEBUF);
	tx_on(&g[0], RING);
	return nic_dp_capture_add(tc.card->dp, look);
}

static int tear_down(void **state)
{
	nic_dp_capture_del(tc.card->dp, look);
	nic_capture_free(look);
	nic_card_set_uplink(tc.card, NULL, -1);
	test_port_done(&wire);
	return guests_tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_frame_has_one_fate, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
