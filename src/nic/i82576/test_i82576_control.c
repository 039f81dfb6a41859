/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Control frames from a VF, through real descriptors: every destination x type x tagging x
 * layout x policy. None may reach the wire or VF 1, which listens to all; each is counted as
 * "pause"; all others pass. What is judged is the bytes that arrive.
 */
#include <pthread.h>

#include "test_i82576_guest.h"
#include "test_port.h"

#define RING	 4096u
#define HDR_MAC	 12u
#define VID	 100u
#define PAYLOAD	 240u
#define MSS	 100u
#define IP4_TCP	 40u
#define DEEP	 40u /* tags: more than the snapshot holds */
#define MAX_CUTS 20u

static struct test_port wire;

/* ---- the table's columns ---- */

enum { TO_PAUSE, TO_LAST, TO_VF, TO_NOBODY, TO_GROUP, TO_ALL, NUM_TO };
static uint8_t to[NUM_TO][6] = {
	{0x01, 0x80, 0xc2, 0, 0, 0x01},
	{0x01, 0x80, 0xc2, 0, 0, 0x0f},
	{0 /* VF 1's */},
	{2, 0, 0, 0, 9, 9},
	{0x01, 0x80, 0xc2, 0, 0, 0x21},
	{255, 255, 255, 255, 255, 255},
};

/* type and opcode; a length makes it LLC. */
static const struct {
	uint16_t type, opcode;
} types[] = {
	{0x8808, 0x0001}, {0x8808, 0x0101}, {0x8808, 0x0002}, {0x8808, 0x0006},
	{0x8808, 0xfffe}, {0x8809, 0x0101}, {0x88cc, 0x0207}, {0x888e, 0x0100},
	{0x88f7, 0x0202}, {0x0026, 0x4242}, {0x88b5, 0x0001},
};

static const struct tagging {
	unsigned num; /* tags in the bytes, outermost first; the last repeats */
	uint16_t tpid[2];
	uint16_t tci;
	bool inserted, port_vlan;
} taggings[] = {
	{.num = 0},
	{.num = 1, .tpid = {0x8100}, .tci = VID},
	{.num = 1, .tpid = {0x8100}, .tci = 0x6000}, /* a priority tag */
	{.num = 2, .tpid = {0x88a8, 0x8100}, .tci = VID},
	{.num = 2, .tpid = {0x8100, 0x8100}, .tci = VID},
	{.num = 2, .tpid = {0x9100, 0x8100}, .tci = VID},
	{.num = 2, .tpid = {0x9200, 0x8100}, .tci = VID},
	{.num = 8, .tpid = {0x8100, 0x88a8}, .tci = VID},
	{.num = DEEP, .tpid = {0x88a8, 0x8100}, .tci = VID},
	{.num = 0, .tci = VID, .inserted = true},
	{.num = 1, .tpid = {0x8100}, .tci = VID, .inserted = true},
	{.num = 0, .port_vlan = true},
};

enum layout { PLAIN, LEGACY, CUT_IN_TYPE, BYTES, CSUM, TSO, TSO_CUT, NUM_LAYOUTS };

struct policy {
	bool trust, spoofchk, promisc;
};

/* ---- frames ---- */

struct sent {
	uint8_t *bytes; /* in the guest's memory */
	uint32_t l2, len;
};

/* Writes frame k of this cell; the payload is IPv4 and TCP where offloads want them. */
static struct sent make(unsigned k, const uint8_t *da, unsigned type, const struct tagging *t)
{
	struct sent s = {.bytes = tx_buf(&g[0], k)};
	uint32_t at = HDR_MAC;

	memcpy(s.bytes, da, 6);
	memcpy(s.bytes + 6, tc.card->vf[0].guest.mac, 6);
	for (unsigned i = 0; i < t->num; i++, at += 4) {
		put_be16(s.bytes + at, t->tpid[MIN(i, 1u)] ? t->tpid[MIN(i, 1u)] : t->tpid[0]);
		put_be16(s.bytes + at + 2, t->tci);
	}
	put_be16(s.bytes + at, types[type].type);
	s.l2 = at + 2;
	s.len = s.l2 + PAYLOAD;
	memset(s.bytes + s.l2, 0, PAYLOAD);
	put_be16(s.bytes + s.l2, types[type].opcode);
	return s;
}

/* The header that checksums and segments need, in place of the opcode. */
static void make_tcp(const struct sent *s)
{
	uint8_t *ip = s->bytes + s->l2;

	ip[0] = 0x45;
	put_be16(ip + 2, PAYLOAD);
	ip[8] = 64;
	ip[9] = 6;
	ip[20 + 12] = 0x50;
}

static void describe_offload(const struct sent *s, const struct tagging *t, bool tso)
{
	make_tcp(s);
	context(t->inserted ? t->tci : 0, s->l2, 20, CTX_IPV4 | FIELD_PREP(CTX_L4T, L4T_TCP),
		20, tso ? MSS : 0);
}

/* Cuts the frame where cuts[] says, the rest is one piece. */
static void describe(unsigned k, const struct sent *s, uint32_t cmd, uint32_t sta,
		     const uint32_t *cuts, unsigned num)
{
	uint32_t at = 0;

	for (unsigned i = 0; i < num; i++) {
		tx_desc(&g[0], tx_iova(k) + at, (cmd & ~(TXD_EOP | TXD_RS)) | (cuts[i] - at),
			sta);
		at = cuts[i];
	}
	tx_desc(&g[0], tx_iova(k) + at, cmd | (s->len - at), sta);
}

static void put_frame(unsigned k, const struct sent *s, const struct tagging *t,
		      enum layout layout)
{
	uint32_t cmd = CMD_LAST | (t->inserted ? TXD_VLE : 0), cuts[MAX_CUTS];
	uint32_t in_type[] = {s->l2 - 1};

	for (unsigned i = 0; i < MAX_CUTS; i++)
		cuts[i] = i + 1;
	if (layout >= CSUM)
		describe_offload(s, t, layout != CSUM);
	else if (t->inserted)
		context(t->tci, 14, 20, 0, 0, 0);
	switch (layout) {
	case LEGACY:
		describe(k, s, TXD_EOP | TXD_RS | (cmd & TXD_VLE), (uint32_t)t->tci << 16, NULL,
			 0);
		break;
	case CUT_IN_TYPE:
		describe(k, s, cmd, 0, in_type, 1);
		break;
	case BYTES:
		describe(k, s, cmd, 0, cuts, MAX_CUTS);
		break;
	case CSUM:
		describe(k, s, cmd, TXD_IXSM | TXD_TXSM, NULL, 0);
		break;
	case TSO:
		describe(k, s, cmd | TXD_TSE, TXD_IXSM | TXD_TXSM, NULL, 0);
		break;
	case TSO_CUT:
		describe(k, s, cmd | TXD_TSE, TXD_IXSM | TXD_TXSM, in_type, 1);
		break;
	default:
		describe(k, s, cmd, 0, NULL, 0);
	}
}

/* On the wire. A stack deeper than MACLEN can tell cuts its segments elsewhere. */
static unsigned frames_of(const struct sent *s, enum layout layout)
{
	uint32_t hdr = (s->l2 & FIELD_GET(CTX_MACLEN, ~0u)) + IP4_TCP;

	return layout >= TSO ? (s->len - hdr + MSS - 1) / MSS : 1;
}

/* ---- what arrives ---- */

/* An independent reading of the rule, on a frame as it came. */
static bool is_control(const uint8_t *bytes, uint32_t len)
{
	static const uint8_t group[5] = {0x01, 0x80, 0xc2, 0, 0};
	uint32_t at = HDR_MAC;
	uint16_t type;

	if (!memcmp(bytes, group, 5) && bytes[5] < 0x10)
		return true;
	do {
		type = get_be16(bytes + at);
		at += 4;
	} while (at + 2 <= len &&
		 (type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200));
	return type == 0x8808;
}

static void assert_no_control(void)
{
	for (unsigned i = 0; i < wire.num_rx; i++)
		assert_false(is_control(wire.rx[i].bytes, wire.rx[i].len));
	test_port_flush(&wire);
	for (uint32_t len; (len = rx_frame(&g[1], buf, &wb));)
		assert_false(is_control(buf, len));
}

/* Everything that was announced has been fetched and switched. */
static void all_sent(void)
{
	tx_bell(&g[0]);
	for (unsigned i = 0; i < 10000 && get_reg(tx_regs(&g[0]), Q_HEAD) != g[0].tx_next; i++)
		settle();
	settle();
	assert_int_equal(get_reg(tx_regs(&g[0]), Q_HEAD), g[0].tx_next);
}

static uint64_t sent_well(void)
{
	return nic_counter(&g[0].vf->fn.port.stats.tx_packets);
}

/* ---- set-up ---- */

static int set_up(void **state)
{
	if (guests_set_up(state) < 0)
		return -1;
	test_port_init(&wire, 9);
	atomic_store(&wire.port.policy, NULL);
	if (nic_card_set_uplink(tc.card, &wire.port, -1) < 0)
		return -1;
	memcpy(to[TO_VF], tc.card->vf[1].guest.mac, 6);
	nic_card_set_trust(tc.card, 1, true);
	nic_card_guest_promisc(tc.card, 1, true, true);
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_vlan(tc.card, n, VID, true);
	rx_on(&g[1], 1024, SRRCTL_ONEBUF);
	tx_on(&g[0], RING);
	return 0;
}

static int tear_down(void **state)
{
	settle();
	nic_card_set_uplink(tc.card, NULL, -1);
	test_port_done(&wire);
	return guests_tear_down(state);
}

/* ---- the matrix ---- */

/* All destinations and types of one cell. Returns how many were control frames on the wire. */
static uint64_t put_all(const struct tagging *t, enum layout layout, uint64_t *ret_others)
{
	uint64_t control = 0;
	unsigned k = 0;

	*ret_others = 0;
	for (unsigned d = 0; d < NUM_TO; d++) {
		for (unsigned type = 0; type < ARRAY_SIZE(types); type++, k++) {
			struct sent s = make(k, to[d], type, t);

			put_frame(k, &s, t, layout);
			if (t->num == DEEP || is_control(s.bytes, s.len))
				control += frames_of(&s, layout);
			else
				*ret_others += frames_of(&s, layout);
		}
	}
	return control;
}

static uint64_t try_cell(const struct policy *p, const struct tagging *t, enum layout layout)
{
	uint64_t paused = tx_drop(NIC_DROP_CONTROL), went = sent_well(), others, control;

	nic_card_set_vlan(tc.card, 0, t->port_vlan ? VID : 0, 0, false);
	control = put_all(t, layout, &others);
	all_sent();
	assert_no_control();
	assert_int_equal(tx_drop(NIC_DROP_CONTROL) - paused, control);
	if (!p->spoofchk) /* else some tags are not the sender's to use */
		assert_int_equal(sent_well() - went, others);
	return control;
}

static void no_cell_lets_a_control_frame_pass(void **state)
{
	uint64_t control = 0;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		struct policy p = {i & 1, i & 2, i & 4};

		nic_card_set_trust(tc.card, 0, true); /* promiscuity is for the trusted */
		nic_card_guest_promisc(tc.card, 0, p.promisc, p.promisc);
		nic_card_set_trust(tc.card, 0, p.trust);
		nic_card_set_spoofchk(tc.card, 0, p.spoofchk);
		for (unsigned t = 0; t < ARRAY_SIZE(taggings); t++)
			for (unsigned layout = 0; layout < NUM_LAYOUTS; layout++)
				control += try_cell(&p, &taggings[t], (enum layout)layout);
	}
	assert_int_equal(tx_drop(NIC_DROP_CONTROL), control);
	print_message("%llu control frames sent and counted, none passed\n",
		      (unsigned long long)control);
}

/* ---- what the card itself would write ---- */

/* Segment 1 has the number that makes 8808 of the inner type: IPv4 begins at an odd place, so
 * that its identification lies over it. */
static void a_segments_number_makes_no_control_frame(void **state)
{
	uint8_t *f = tx_buf(&g[0], 0);

	(void)state;
	nic_card_set_spoofchk(tc.card, 0, false);
	memset(f, 0, 200);
	memcpy(f, to[TO_NOBODY], 6);
	memcpy(f + 6, tc.card->vf[0].guest.mac, 6);
	put_be16(f + 12, 0x88a8);
	f[15] = 0x45;
	put_be16(f + 16, 0x8100);
	put_be16(f + 20, 0x8708); /* identification xx87, then xx88 */
	f[15 + 9] = 6;
	f[35 + 12] = 0x50;
	context(0, 15, 20, CTX_IPV4 | FIELD_PREP(CTX_L4T, L4T_TCP), 20, 60);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | 175, TXD_IXSM | TXD_TXSM);
	all_sent();
	assert_no_control();
	assert_int_equal(tx_drop(NIC_DROP_CONTROL), 2);
}

/* The sum from byte 34 on is written at 40, where the innermost type is. */
static void a_checksum_makes_no_control_frame(void **state)
{
	uint8_t *f = tx_buf(&g[0], 0);

	(void)state;
	nic_card_set_spoofchk(tc.card, 0, false);
	memset(f, 0, 100);
	memcpy(f, to[TO_NOBODY], 6);
	memcpy(f + 6, tc.card->vf[0].guest.mac, 6);
	for (uint32_t at = 12; at < 40; at += 4)
		put_be16(f + at, at == 12 ? 0x88a8 : 0x8100);
	put_be16(f + 98, 0x77f7 + (0xffff - 0x8100)); /* with 8100 at 36: the sum is ~8808 */
	tx_desc(&g[0], tx_iova(0), TXD_EOP | TXD_RS | TXD_IC | FIELD_PREP(TXD_CSO, 40) | 100,
		FIELD_PREP(TXD_CSS, 34));
	all_sent();
	assert_no_control();
	assert_int_equal(tx_drop(NIC_DROP_CONTROL), 1);
}

/* ---- a guest that writes while the card reads ---- */

/* As a guest is, this one is not looked at by ThreadSanitizer. */
__attribute__((no_sanitize("thread"))) static void *flip(void *arg)
{
	const volatile bool *over = arg;
	volatile uint16_t *type = (uint16_t *)(void *)(tx_buf(&g[0], 0) + 12);

	while (!*over) {
		*type = 0x0888; /* 8808 */
		*type = 0xb588;
	}
	return NULL;
}

static void a_racing_writer_gains_nothing(void **state)
{
	volatile bool over = false;
	uint64_t sent = 0;
	pthread_t thread;

	(void)state;
	make_frame(0, 64);
	memcpy(tx_buf(&g[0], 0), to[TO_ALL], 6);
	assert_int_equal(pthread_create(&thread, NULL, flip, (void *)&over), 0);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 200; i++, sent++)
			tx_desc(&g[0], tx_iova(0), CMD_LAST | 64, 0);
		all_sent();
		assert_no_control();
	}
	over = true;
	pthread_join(thread, NULL);
	assert_int_equal(sent_well() + tx_drop(NIC_DROP_CONTROL), sent);
}

/* ---- who may ---- */

static void wire_sends(void *arg)
{
	wire.tx[0] = (struct test_tx){.bytes = arg, .len = 60, .hdr_len = 60};
	wire.num_tx = 1;
}

/* A frame from the wire, or from the PF, is none of a VF's. */
static void the_wires_own_are_not_touched(void **state)
{
	static uint8_t pause[60] = {0x01, 0x80, 0xc2, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x88, 8, 0, 1};

	(void)state;
	nic_dp_call(tc.card->dp, wire_sends, pause);
	settle();
	assert_int_equal(test_tx_drops(&wire), 0);
	assert_int_equal(rx_frame(&g[1], buf, &wb), 60);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(no_cell_lets_a_control_frame_pass),
		TEST(a_segments_number_makes_no_control_frame),
		TEST(a_checksum_makes_no_control_frame),
		TEST(a_racing_writer_gains_nothing),
		TEST(the_wires_own_are_not_touched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
