/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nothing is lost without a trace: ports that send all the time, while the operator changes
 * their policy as fast as a card takes it. In the end each frame was sent or dropped for one
 * reason, and each that was sent was received or dropped by its receiver for one.
 */
#include "test_port.h"

#include <sched.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "nic_card.h"

#define VFS	   4u
#define PATIENCE   100u /* seconds */
#define CHANGES_NS (5ull * NSEC_PER_SEC)

/* A port that makes up what it sends, and keeps nothing. */
struct gen {
	struct nic_port port; /* first */
	const uint8_t *mac;   /* its own, when it is honest */
	uint64_t made;
	unsigned num; /* index in gen[] */
	uint64_t seed;
	bool wild;  /* sends anything to anybody; else untagged frames to the next VF */
	bool liar;  /* says by ARP now and then that it is somebody else */
	bool quiet; /* sends nothing */
	uint32_t len;
	uint8_t buf[NIC_JUMBO_MAX];
};

static struct nic_card *card;
static struct gen gen[VFS + 1]; /* the last is the wire */
static bool sending, short_of_room;
static const uint8_t outside[6] = {2, 0xbb, 0, 0, 0, 1};
static const uint8_t nobody[6] = {2, 0xbb, 0, 0, 0, 9};

static unsigned below(struct gen *g, unsigned n)
{
	g->seed = g->seed * 6364136223846793005ull + 1442695040888963407ull;
	return (unsigned)(g->seed >> 33) % n;
}

static void make_frame(struct gen *g, struct nic_frame *f)
{
	unsigned to = g->wild ? below(g, VFS + 2) : (g->num + 1) % (VFS - 1);
	const uint8_t *dst = to < VFS ? gen[to].mac : to == VFS ? outside : nobody;
	bool forged = g->wild && below(g, 16) == 0;

	memset(f, 0, offsetof(struct nic_frame, hdr));
	memcpy(f->hdr, dst, 6);
	memcpy(f->hdr + 6, forged ? nobody : g->mac, 6);
	put_be16(f->hdr + 12, g->wild && below(g, 32) == 0 ? NET_ETH_P_CONTROL : 0x88b5);
	f->len = g->len;
	f->hdr_len = (uint16_t)g->len;
	f->local = !g->port.is_uplink;
	f->tagged = g->wild && below(g, 2);
	f->tci = (uint16_t)(below(g, 2) ? 5 + below(g, 3) : 100);
	if (g->wild && below(g, 8) == 0) {
		put_be32(f->hdr + 12, 0x88a80064);
		put_be16(f->hdr + 16, 0x88b5);
	}
	if (g->liar && below(g, 4) == 0) {
		put_be16(f->hdr + 12, NET_ETH_P_ARP);
		memcpy(f->hdr + 14, "\0\1\x08\0\6\4\0\2", 8);
		memcpy(f->hdr + 22, below(g, 2) ? g->mac : nobody, 6);
	}
}

/* PAUSE, PFC or neither, for the card's own address. */
static void make_control(struct gen *g, struct nic_frame *f)
{
	static const uint16_t opcodes[] = {0x0001, 0x0101, 0x0002};

	memset(f->hdr, 0, 64);
	memcpy(f->hdr, card->base_mac, 6);
	put_be16(f->hdr + 12, NET_ETH_P_CONTROL);
	put_be16(f->hdr + 14, opcodes[below(g, 3)]);
	put_be16(f->hdr + 16, (uint16_t)below(g, 256));
	for (unsigned p = 0; p < 8; p++)
		put_be16(f->hdr + 18 + 2 * p, (uint16_t)(below(g, 2) * below(g, 20000)));
	f->tagged = false;
}

static bool gen_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct gen *g = (struct gen *)port;

	(void)now_ns;
	if (!sending || g->quiet)
		return false; /* the test looks at made */
	while (burst->n < NIC_BURST) {
		struct nic_frame *f = &burst->frame[burst->n++];

		make_frame(g, f);
		if (g->wild && port->is_uplink && below(g, 64) == 0)
			make_control(g, f);
	}
	g->made += burst->n;
	return true;
}

static enum nic_drop gen_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				 struct nic_sink *sink)
{
	struct gen *g = (struct gen *)port;

	if (short_of_room && below(g, 8) == 0)
		return NIC_DROP_NODESC;
	sink->n = 1;
	sink->iov[0].ptr = g->buf;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop gen_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	(void)port, (void)meta;
	return NIC_DROP_NONE;
}

static void gen_done(struct nic_port *port, uint64_t now_ns)
{
	(void)port, (void)now_ns;
}

static bool gen_strips(const struct nic_port *port)
{
	(void)port;
	return false;
}

static const struct nic_port_ops gen_ops = {
	.tx_poll = gen_poll,
	.tx_done = gen_done,
	.rx_strips_tag = gen_strips,
	.rx_buffers = gen_buffers,
	.rx_commit = gen_commit,
	.rx_done = gen_done,
};

static int set_up(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS,
				       .link_mbps = TEST_WORKERS > 1 ? 0 : 100000};

	(void)state;
	alarm(PATIENCE);
	memset(gen, 0, sizeof(gen));
	sending = short_of_room = false;
	if (nic_card_new("nic0", VFS, &params, &card) < 0)
		return -1;
	for (unsigned n = 0; n <= VFS; n++) {
		gen[n].port.ops = &gen_ops;
		gen[n].num = n;
		gen[n].seed = n + 1;
		gen[n].len = 64;
		gen[n].mac = n < VFS ? card->vf[n].guest.mac : outside;
		if (n < VFS && nic_card_attach_vf(card, n, &gen[n].port, NULL, NULL) < 0)
			return -1;
	}
	for (unsigned n = 0; n < VFS; n++)
		nic_card_guest_active(card, n, true);
	return nic_card_set_uplink(card, &gen[VFS].port, -1);
}

static int tear_down(void **state)
{
	(void)state;
	nic_card_set_uplink(card, NULL, -1);
	for (unsigned n = 0; n < VFS; n++)
		nic_card_detach_vf(card, n);
	nic_card_free(card);
	alarm(0);
	return 0;
}

static void set_sending(void *arg)
{
	sending = arg;
}

static uint64_t sum(const _Atomic uint64_t *drops)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < NIC_DROP_NUM; i++)
		n += nic_counter(&drops[i]);
	return n;
}

/* Frames of the wire that were for the MAC. */
static uint64_t control_frames(void)
{
	const struct nic_flow_stats *s = nic_dp_flow_stats(card->dp);

	return nic_counter(&s->xon_rx) + nic_counter(&s->xoff_rx) + nic_counter(&s->pfc_rx) +
	       nic_counter(&s->bad_rx);
}

/* sent + copies = delivered + dropped by reason, when nothing waits any more; returns how many
 * were sent. */
static uint64_t assert_conserved(void)
{
	uint64_t made = 0, sent = 0, received = 0, mirrored = 0;

	nic_card_set_flow(card, 0);
	for (unsigned n = 0; n <= VFS; n++) {
		const struct nic_port_stats *s = &gen[n].port.stats;
		uint64_t control = n == VFS ? control_frames() : 0;

		assert_int_equal(gen[n].made,
				 nic_counter(&s->tx_packets) + sum(s->tx_drops) + control);
		made += gen[n].made;
		sent += nic_counter(&s->tx_packets);
		received += nic_counter(&s->rx_packets) + sum(s->rx_drops);
		mirrored += nic_counter(&s->mirrored);
	}
	assert_int_equal(sent + mirrored, received);
	return made;
}

static void a_random_list(unsigned n)
{
	uint64_t map[NIC_VLANS / 64] = {0};

	if (test_below(2))
		memset(map, 0xff, sizeof(map));
	else
		nic_bitmap_assign(map, 5 + test_below(3), true);
	nic_card_set_vlans(card, n, map);
}

/* Of anything for anybody; what contradicts is refused. */
static void a_random_mirror(unsigned n)
{
	struct nic_mirror_from from = {0};
	unsigned source = test_below(VFS + 1), other;

	source = source < VFS ? source : NIC_MIRROR_UPLINK;
	nic_bitmap_assign(from.rx, source, test_below(2));
	nic_bitmap_assign(from.tx, source, test_below(2));
	nic_card_set_mirror(card, n, &from, &other);
}

static void a_random_change(void)
{
	unsigned n = test_below(VFS);

	switch (test_below(15)) {
	case 0:
		nic_card_set_vlan(card, n, test_below(2) ? 100 : 0, test_below(8),
				  test_below(2));
		break;
	case 1:
		nic_card_set_spoofchk(card, n, (enum nic_spoofchk)test_below(NIC_SPOOFCHK_NUM));
		break;
	case 2:
		nic_card_set_link(card, n, (enum nic_link)test_below(NIC_LINK_NUM));
		break;
	case 3:
		nic_card_set_rate(card, n, test_below(2000), test_below(2) ? 0 : 10000);
		break;
	case 4:
		a_random_list(n);
		break;
	case 5:
		nic_card_set_storm_uucast(card, n, test_below(2) * test_below(100000));
		break;
	case 6:
		nic_card_guest_vlan(card, n, 5 + test_below(3), test_below(2));
		break;
	case 7:
		nic_card_uplink_state(card, test_below(4));
		break;
	case 8:
		nic_card_guest_lpe(card, n, test_below(4) ? 1518 : 66);
		break;
	case 9:
		nic_card_set_flow(card, test_below(4));
		break;
	case 10:
		nic_card_set_pass_control(card, test_below(2));
		break;
	case 11:
		nic_card_guest_active(card, n, test_below(8));
		break;
	case 12:
		nic_card_set_mtu(card, n, test_below(2) ? NIC_MTU_MIN + test_below(20) : 0);
		break;
	case 13:
		a_random_mirror(n);
		break;
	default:
		nic_card_set_storm_bcast(card, n, test_below(1000));
		break;
	}
}

/* An address and a port VLAN, to and fro, for the VF that sends nothing and is sent nothing. */
static void change_the_third(void)
{
	const uint8_t mac[6] = {2, 0xcc, 0, 0, 0, (uint8_t)test_below(2)};

	nic_card_set_mac(card, VFS - 1, mac);
	nic_card_set_vlan(card, VFS - 1, test_below(3) * 50, 0, false);
	nic_card_set_vlan(card, VFS - 1, 100, test_below(8), test_below(2));
}

/* Changes that forbid nothing of what is sent. */
static void a_harmless_change(void)
{
	unsigned n = test_below(VFS);

	switch (test_below(9)) {
	case 0:
		nic_card_set_trust(card, n, test_below(2));
		break;
	case 1:
		nic_card_set_spoofchk(card, n, (enum nic_spoofchk)test_below(NIC_SPOOFCHK_NUM));
		break;
	case 2:
		nic_card_set_rate(card, n, test_below(2000), test_below(2) ? 0 : 90000);
		break;
	case 3:
		a_random_list(n);
		break;
	case 4:
		nic_card_set_storm_uucast(card, n, test_below(100000));
		break;
	case 5:
		nic_card_set_mtu(card, n, test_below(2) * (NIC_MTU_MIN + test_below(9000)));
		break;
	case 6:
		change_the_third();
		break;
	case 7:
		a_random_mirror(n);
		break;
	default:
		nic_card_guest_vlan(card, n, 5 + test_below(3), test_below(2));
		break;
	}
}

/* Changes that forbid much, each for a reason of its own. */
static void a_forbidding_change(void)
{
	unsigned n = test_below(VFS);

	switch (test_below(4)) {
	case 0:
		nic_card_set_spoofchk(card, n, (enum nic_spoofchk)test_below(NIC_SPOOFCHK_NUM));
		break;
	case 1:
		nic_card_set_mtu(card, n, test_below(2) * (NIC_MTU_MIN + test_below(100)));
		break;
	case 2:
		nic_card_set_vlan(card, n, test_below(3) * 50, test_below(8), false);
		break;
	default:
		nic_card_set_rate(card, n, test_below(2000), test_below(2) ? 0 : 90000);
		nic_card_set_trust(card, n, test_below(2));
		break;
	}
}

/* num changes, or as many as a busy machine makes in a few seconds. */
static void change_under_load(void (*change)(void), unsigned num)
{
	uint64_t begin = clock_ns();
	unsigned done = 0;

	nic_dp_call(card->dp, set_sending, card);
	while (done < num && clock_ns() - begin < CHANGES_NS) {
		change();
		done++;
	}
	print_message("%.0f changes a second\n",
		      (double)done * NSEC_PER_SEC / (double)(clock_ns() - begin));
	nic_dp_call(card->dp, set_sending, NULL);
}

static uint64_t lost_for(enum nic_drop reason)
{
	uint64_t n = 0;

	for (unsigned i = 0; i <= VFS; i++)
		n += nic_counter(&gen[i].port.stats.tx_drops[reason]) +
		     nic_counter(&gen[i].port.stats.rx_drops[reason]);
	return n;
}

static uint64_t mirrored_by_all(void)
{
	uint64_t n = 0;

	for (unsigned k = 0; k <= VFS; k++)
		n += nic_counter(&gen[k].port.stats.mirrored);
	return n;
}

/* Was everything tried? Most pauses are shorter than a round takes under a sanitizer: there it
 * may be that no frame meets one. */
static bool all_met(void)
{
	const struct nic_flow_stats *flow = nic_dp_flow_stats(card->dp);

	return mirrored_by_all() > 100 && nic_counter(&flow->held) && control_frames() &&
	       (nic_counter(&flow->queued) || control_frames() < 10000);
}

/* A slow machine (or sanitizer) needs more rounds until everything has happened by chance. */
static void every_frame_is_accounted_for(void **state)
{
	(void)state;
	short_of_room = true;
	for (unsigned n = 0; n <= VFS; n++)
		gen[n].wild = true;
	for (unsigned i = 0; i < 10 || (i < 20 && !all_met()); i++) {
		change_under_load(a_random_change, 1000);
		assert_conserved();
	}
	assert_true(assert_conserved() > 10000);
	assert_true(all_met());
	for (unsigned r = 1; r < NIC_DROP_NUM; r++) {
		uint64_t n = lost_for((enum nic_drop)r);

		if (n)
			print_message("%s %llu\n", nic_drop_word((enum nic_drop)r),
				      (unsigned long long)n);
	}
}

/* Port VLANs part the senders: what is for nobody in a VLAN goes to the wire, which takes it.
 */
static void a_change_drops_for_its_reason_alone(void **state)
{
	const unsigned reasons = BIT(NIC_DROP_SPOOF) | BIT(NIC_DROP_SIZE) | BIT(NIC_DROP_VLAN);

	(void)state;
	gen[VFS].quiet = true;
	for (unsigned n = 0; n < VFS; n++)
		gen[n].liar = true;
	gen[0].len = 14 + NIC_MTU_MIN + 50;
	change_under_load(a_forbidding_change, 5000);
	assert_true(assert_conserved() > 10000);
	for (unsigned r = 0; r < NIC_DROP_NUM; r++)
		if (!(reasons & BIT(r)))
			assert_int_equal(lost_for((enum nic_drop)r), 0);
	assert_true(lost_for(NIC_DROP_SPOOF) && lost_for(NIC_DROP_SIZE));
}

static void a_change_that_allows_loses_nothing(void **state)
{
	uint64_t made = 0;

	(void)state;
	gen[VFS - 1].quiet = true;
	change_under_load(a_harmless_change, 5000);
	for (unsigned n = 0; n < VFS; n++) {
		const struct nic_port_stats *s = &gen[n].port.stats;

		made += gen[n].made;
		assert_int_equal(sum(s->tx_drops) + sum(s->rx_drops), 0);
		assert_int_equal(nic_counter(&s->tx_packets), gen[n].made);
	}
	assert_true(made > 10000);
	assert_conserved();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_frame_is_accounted_for),
		TEST(a_change_that_allows_loses_nothing),
		TEST(a_change_drops_for_its_reason_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
