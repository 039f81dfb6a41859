/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab_pause.c - the PAUSE attack (Smolyar, Ben-Yehuda, Tsafrir, USENIX Security 2015). Card
 * nic0 is the one under attack, nic1, at the other end of the link, the switch that it is
 * plugged into. Two victims on nic0 ask servers on nic1 for blocks, one at a time and each at
 * its own steady rate; an attacker on nic0 sends 802.3x PAUSE frames. Where they pass and nic1
 * obeys them, each stops everything that goes to nic0 for 65535 x 512 bit times: 3.355 ms at 10
 * Gb/s, so that 298 frames a second stop it for good.
 *
 * The link has 10 Gb/s; the victims ask for a part of that, which is what two cores can move
 * beside everything else. An answer that is held up delays the next question, so what was lost
 * does not come back later.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "bits.h"
#include "lab.h"

#define LINK_MBPS  10000u
#define VICTIMS	   2u
#define ATTACKER   VICTIMS		 /* VF of nic0 */
#define EVERY_NS   (200 * NSEC_PER_USEC) /* between a victim's questions */
#define ANSWER	   4u			 /* frames */
#define FRAME_LEN  1514u
#define ASK_LEN	   60u
#define FCS	   4u
#define NAP_US	   10
#define RATES	   9u
#define RATE_STEP  50u
#define SAMPLES	   32768u
#define SETTLE_NS  (20 * NSEC_PER_MSEC)
#define DRAIN_NS   (2 * NSEC_PER_SEC)
#define ROUNDS_MAX 50u
#define BEYOND	   3u  /* of the rates are above 298 frames/s */
#define COLLAPSED  0.4 /* of the throughput without attack: at most, where it must collapse */
#define KEPT	   0.6 /* and at least, where it must not */
#define LATE_SHARE                                                                 \
	0.05 /* of the attacker's frames: more, and the link was not held for good \
	      */

/* What a PAUSE frame asks for at most: 65535 quanta of 512 bits. */
static const uint64_t pause_ns = 65535ull * 512 * 1000 / LINK_MBPS;

enum { ID_AT = LAB_ETH_LEN, VICTIM_AT = ID_AT + 4 };

static const struct {
	const char *words[2]; /* of card set, for nic0 and nic1 */
} modes[] = {
	{{"flow-control full control-frames pass", "flow-control full"}},
	{{"flow-control full control-frames drop", "flow-control full"}},
	{{"flow-control off control-frames pass", "flow-control off"}},
};
enum { OPEN, FILTERED, NO_FLOW, MODES };

static const struct lab_column columns[] = {
	{"attack_frames_per_s", "frames/s", 0},
	{"filter_off_mbit_per_s", "no filter: Mb/s", 1},
	{"filter_off_p50_us", "p50 us", 0},
	{"filter_off_p99_us", "p99 us", 0},
	{"filter_on_mbit_per_s", "filter: Mb/s", 1},
	{"filter_on_p50_us", "p50 us", 0},
	{"filter_on_p99_us", "p99 us", 0},
	{"flow_off_mbit_per_s", "no FC: Mb/s", 1},
	{"flow_off_p50_us", "p50 us", 0},
	{"flow_off_p99_us", "p99 us", 0},
	{"expected_mbit_per_s", "theory: Mb/s", 1},
};
enum { RATE, FIRST, EXPECTED = FIRST + 3 * MODES };
enum { MBPS, P50, P99, PART };

struct victim {
	struct demo_driver client, server;
	uint32_t id;   /* of the question that is open, or was last */
	unsigned left; /* frames of its answer; 0 = none is open */
	uint64_t asked, next;
};

/* What was seen in one mode at one rate of the attack. */
struct point {
	double mbps[ROUNDS_MAX];
	unsigned samples;
	float us[SAMPLES];
};

struct pause {
	struct lab *lab;
	struct victim victim[VICTIMS];
	struct demo_driver attacker;
	struct point *point; /* being filled */
	uint64_t answers;
	uint64_t attacks[MODES];  /* frames sent */
	uint64_t intervals, late; /* of an attack that should hold the link for good */
	uint64_t dropped[MODES], obeyed[MODES]; /* by the cards' counters */
	unsigned rounds;
	struct point points[MODES][RATES];
};

/* ---- victims ---- */

static void ask(struct pause *p, unsigned v, uint64_t now)
{
	struct victim *victim = &p->victim[v];
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(victim->client.vf);

	if (!buf)
		return;
	lab_header(buf->data, victim->server.mac, victim->client.mac);
	memset(buf->data + LAB_ETH_LEN, 0, ASK_LEN - LAB_ETH_LEN);
	put_le32(buf->data + ID_AT, ++victim->id);
	buf->len = ASK_LEN;
	victim->asked = now;
	if (lab_send(&victim->client, &buf, 1) == 1)
		victim->left = ANSWER;
}

static void serve(struct victim *victim)
{
	struct ladon_buf *question, *bufs[ANSWER];
	unsigned n = 0;

	if (ladon_igbvf_rx_burst(victim->server.vf, &question, 1) != 1)
		return;
	while (n < ANSWER && (bufs[n] = ladon_igbvf_buf_alloc(victim->server.vf))) {
		lab_header(bufs[n]->data, victim->client.mac, victim->server.mac);
		memcpy(bufs[n]->data + ID_AT, question->data + ID_AT, 4);
		bufs[n++]->len = FRAME_LEN;
	}
	ladon_igbvf_buf_free(victim->server.vf, question);
	lab_send(&victim->server, bufs, n);
}

static void answered(struct pause *p, const struct victim *victim, uint64_t now)
{
	struct point *point = p->point;

	p->answers++;
	if (point && point->samples < SAMPLES)
		point->us[point->samples++] = (float)(now - victim->asked) / 1e3f;
}

static void take(struct pause *p, struct victim *victim)
{
	struct ladon_buf *bufs[LAB_BURST];
	int n = ladon_igbvf_rx_burst(victim->client.vf, bufs, LAB_BURST);

	for (int i = 0; i < n; i++) {
		if (bufs[i]->len == FRAME_LEN && victim->left &&
		    get_le32(bufs[i]->data + ID_AT) == victim->id && !--victim->left)
			answered(p, victim, clock_ns());
		ladon_igbvf_buf_free(victim->client.vf, bufs[i]);
	}
}

/* Everything that is due at this time. A question whose time passes while another is open is
 * never asked. */
static void step(struct pause *p, bool more)
{
	for (unsigned v = 0; v < VICTIMS; v++) {
		struct victim *victim = &p->victim[v];
		uint64_t now = clock_ns();

		serve(victim);
		take(p, victim);
		if (!more || now < victim->next)
			continue;
		if (!victim->left)
			ask(p, v, now);
		victim->next = MAX(victim->next + EVERY_NS, now);
	}
}

/* ---- the attack ---- */

static void attack(struct pause *p, unsigned mode)
{
	static const uint8_t group[6] = {0x01, 0x80, 0xc2, 0x00, 0x00, 0x01};
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(p->attacker.vf);

	if (!buf)
		return;
	memset(buf->data, 0, ASK_LEN);
	memcpy(buf->data, group, 6);
	memcpy(buf->data + 6, p->attacker.mac, 6);
	put_be16(buf->data + 12, 0x8808);
	put_be16(buf->data + 14, 0x0001);
	put_be16(buf->data + 16, 0xffff);
	buf->len = ASK_LEN;
	p->attacks[mode] += lab_send(&p->attacker, &buf, 1);
}

/* Runs for ns with so many PAUSE frames a second. Returns the answers that came. */
static uint64_t run_slice(struct pause *p, unsigned mode, unsigned rate, uint64_t ns)
{
	uint64_t start = clock_ns(), now = start, before = p->answers, last = start;
	uint64_t gap = rate ? NSEC_PER_SEC / rate : 0, due = start;

	while (now - start < ns) {
		if (rate && now >= due) {
			attack(p, mode);
			p->intervals += gap < pause_ns;
			p->late += gap < pause_ns && now - last > pause_ns;
			last = now;
			due = MAX(due + gap, now - gap);
		}
		step(p, true);
		usleep(NAP_US);
		now = clock_ns();
	}
	return p->answers - before;
}

/* Pauses run out, open questions are answered. */
static void settle(struct pause *p)
{
	uint64_t now = clock_ns(), calm = now + SETTLE_NS, end = now + DRAIN_NS;
	bool open = true;

	while ((open || now < calm) && now < end) {
		open = false;
		step(p, false);
		for (unsigned v = 0; v < VICTIMS; v++)
			open |= p->victim[v].left != 0;
		usleep(NAP_US);
		now = clock_ns();
	}
}

/* One rate of attack in one mode. */
static void measure(struct pause *p, unsigned mode, unsigned i, uint64_t ns)
{
	struct point *point = &p->points[mode][i];
	uint64_t start, answers;

	run_slice(p, mode, i * RATE_STEP, SETTLE_NS);
	p->point = point;
	start = clock_ns();
	answers = run_slice(p, mode, i * RATE_STEP, ns);
	point->mbps[p->rounds] = (double)(answers * ANSWER * (FRAME_LEN + FCS) * 8) * 1e3 /
				 (double)(clock_ns() - start);
	settle(p);
	p->point = NULL;
}

/* ---- modes ---- */

/* What the cards count: PAUSE frames of the attacker that were dropped, and that nic1 obeyed.
 */
static void count(const struct pause *p, uint64_t *ret_dropped, uint64_t *ret_obeyed)
{
	*ret_dropped = lab_counter(p->lab, "nic0", ATTACKER, "ladon.tx_drops.pause");
	*ret_obeyed = lab_counter(p->lab, "nic1", -1, "ladon.flow.xoff_rx");
}

static int set_mode(struct pause *p, unsigned mode)
{
	char line[100];

	for (unsigned card = 0; card < 2; card++) {
		snprintf(line, sizeof(line), "card set nic%u %s", card,
			 modes[mode].words[card]);
		if (demo_daemon_ask(&p->lab->daemon, line, NULL) < 0) {
			fprintf(stderr, "ladon: lab: \"%s\" was refused\n", line);
			return -1;
		}
	}
	return 0;
}

static int one_mode(struct pause *p, unsigned mode, uint64_t ns)
{
	uint64_t dropped, obeyed, now_dropped, now_obeyed, sent = p->attacks[mode], end;

	if (set_mode(p, mode) < 0)
		return -1;
	count(p, &dropped, &obeyed);
	for (unsigned i = 0; i < RATES; i++) {
		lab_progress("pause: round %u, %u frames/s", p->rounds + 1, i * RATE_STEP);
		measure(p, mode, i, ns);
	}
	sent = p->attacks[mode] - sent;
	end = clock_ns() +
	      (mode == NO_FLOW ? 0 : DRAIN_NS); /* the last ones are on their way */
	do {
		count(p, &now_dropped, &now_obeyed);
	} while (now_dropped - dropped + now_obeyed - obeyed < sent && clock_ns() < end);
	p->dropped[mode] += now_dropped - dropped;
	p->obeyed[mode] += now_obeyed - obeyed;
	return 0;
}

/* All modes and rates in turn, several times: a disturbed moment meets few of them. */
static int all_rounds(struct pause *p)
{
	unsigned rounds = MAX(1u, MIN((unsigned)(p->lab->seconds / 8), ROUNDS_MAX));
	uint64_t ns = (uint64_t)(p->lab->seconds * 1e9 / (rounds * MODES * RATES));

	for (; p->rounds < rounds; p->rounds++)
		for (unsigned mode = 0; mode < MODES; mode++)
			if (one_mode(p, mode, ns) < 0)
				return -1;
	return 0;
}

/* ---- what came out ---- */

static int by_time(const void *a, const void *b)
{
	const float *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Throughput without attack: the same in all modes. */
static double unharmed(const struct lab_table *t)
{
	double sum = 0;

	for (unsigned mode = 0; mode < MODES; mode++)
		sum += t->cell[0][FIRST + mode * PART + MBPS];
	return sum / MODES;
}

static void fill(struct pause *p, struct lab_table *t)
{
	for (unsigned i = 0; i < RATES; i++) {
		double *row = lab_table_row(t);

		row[RATE] = i * RATE_STEP;
		for (unsigned mode = 0; mode < MODES; mode++) {
			struct point *point = &p->points[mode][i];
			double *part = row + FIRST + mode * PART;

			part[MBPS] = lab_percentile(point->mbps, p->rounds, 50);
			if (!point->samples)
				continue;
			qsort(point->us, point->samples, sizeof(point->us[0]), by_time);
			part[P50] = point->us[point->samples / 2];
			part[P99] = point->us[point->samples * 99ull / 100];
		}
		row[EXPECTED] = unharmed(t) * fmax(0, 1 - row[RATE] * (double)pause_ns / 1e9);
	}
}

static int show(const struct lab *lab, const struct lab_table *t)
{
	const double *x = t->cell[0], *open = x + FIRST, *on = open + PART, *off = on + PART;
	unsigned n = t->rows;
	struct chart chart = {
		.title = "Two victims while a third VF sends PAUSE frames (10 Gb/s link)",
		.note = "Each PAUSE frame stops the link's other end for 3.355 ms: 298 a "
			"second "
			"stop it for good. The victims fetch blocks, one at a time.",
		.num = 2,
		.panel = {{.title = "throughput of the victims",
			   .x = {.label = "attacker's PAUSE frames/s", .step = RATE_STEP},
			   .y = {.label = "Mb/s"},
			   .num = 4,
			   .series = {{"no filter", CHART_LINE, 0, x, open + MBPS, LAB_COLS, n},
				      {"filter (Ladon's default)", CHART_LINE, 2, x, on + MBPS,
				       LAB_COLS, n},
				      {"flow control off", CHART_LINE, 1, x, off + MBPS,
				       LAB_COLS, n},
				      {"1 - frames/s x 3.355 ms", CHART_DASHED, 3, x,
				       x + EXPECTED, LAB_COLS, n}}},
			  {.title = "latency of a block",
			   .x = {.label = "attacker's PAUSE frames/s", .step = RATE_STEP},
			   .y = {.label = "microseconds", .log = true},
			   .num = 6,
			   .series = {{"no filter, median", CHART_LINE, 0, x, open + P50,
				       LAB_COLS, n},
				      {"no filter, p99", CHART_DASHED, 0, x, open + P99,
				       LAB_COLS, n},
				      {"filter, median", CHART_LINE, 2, x, on + P50, LAB_COLS,
				       n},
				      {"filter, p99", CHART_DASHED, 2, x, on + P99, LAB_COLS,
				       n},
				      {"flow control off, median", CHART_LINE, 1, x, off + P50,
				       LAB_COLS, n},
				      {"flow control off, p99", CHART_DASHED, 1, x, off + P99,
				       LAB_COLS, n}}}},
	};

	return lab_write(lab, "pause", t, &chart);
}

/* What is left of the throughput without attack, beyond 298 frames/s. */
static double left(const struct lab_table *t, unsigned mode)
{
	double sum = 0;

	for (unsigned i = RATES - BEYOND; i < RATES; i++)
		sum += t->cell[i][FIRST + mode * PART + MBPS];
	return sum / BEYOND / unharmed(t);
}

static int judge(const struct pause *p, const struct lab_table *t)
{
	double open = left(t, OPEN), on = left(t, FILTERED), off = left(t, NO_FLOW);
	bool counts = p->dropped[FILTERED] == p->attacks[FILTERED] && !p->obeyed[FILTERED] &&
		      !p->dropped[OPEN] && p->obeyed[OPEN] == p->attacks[OPEN];
	bool told = (double)p->late <= LATE_SHARE * (double)p->intervals;
	bool curves = open <= COLLAPSED && on >= KEPT && off >= KEPT;

	if (!told)
		fprintf(p->lab->out,
			"this machine is too busy: %llu of %llu pauses ended before the next "
			"frame could be sent\n",
			(unsigned long long)p->late, (unsigned long long)p->intervals);
	return lab_verdict(
		p->lab, counts && (curves || !told),
		"at 300 to 400 frames/s %.0f %% of the throughput is left without the filter, "
		"%.0f %% "
		"with it, %.0f %% without flow control; with it %llu of %llu PAUSE frames were "
		"dropped, and %llu obeyed",
		open * 100, on * 100, off * 100, (unsigned long long)p->dropped[FILTERED],
		(unsigned long long)p->attacks[FILTERED],
		(unsigned long long)p->obeyed[FILTERED]);
}

/* ---- the experiment ---- */

static int bring_up(struct pause *p)
{
	static const char *const words[] = {"uplink link:nic1 link-rate 10000",
					    "uplink link:nic0 link-rate 10000"};

	if (lab_start(p->lab) < 0 || lab_add_card(p->lab, "nic0", VICTIMS + 1, words[0]) < 0 ||
	    lab_add_card(p->lab, "nic1", VICTIMS, words[1]) < 0)
		return -1;
	for (unsigned v = 0; v < VICTIMS; v++)
		if (lab_open(p->lab, "nic0", v, NULL, &p->victim[v].client) < 0 ||
		    lab_open(p->lab, "nic1", v, NULL, &p->victim[v].server) < 0)
			return -1;
	if (lab_open(p->lab, "nic0", ATTACKER, NULL, &p->attacker) < 0)
		return -1;
	return lab_await_link(&p->attacker);
}

static int run(struct lab *lab)
{
	struct lab_table table = {.column = columns, .cols = ARRAY_SIZE(columns)};
	static struct pause p;
	int err;

	memset(&p, 0, sizeof(p));
	p.lab = lab;
	prctl(PR_SET_TIMERSLACK, 1ul); /* short naps */
	err = bring_up(&p);
	if (!err)
		err = all_rounds(&p);
	for (unsigned v = 0; v < VICTIMS; v++) {
		demo_driver_close(&p.victim[v].client);
		demo_driver_close(&p.victim[v].server);
	}
	demo_driver_close(&p.attacker);
	if (lab_stop(lab) < 0 || err)
		return 1;
	fill(&p, &table);
	return show(lab, &table) < 0 ? 1 : judge(&p, &table);
}

const struct lab_experiment lab_pause = {
	"pause", "PAUSE frames of one VF against the others, filtered or not", 32, run};
