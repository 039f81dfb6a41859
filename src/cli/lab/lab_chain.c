/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab_chain.c - throughput against the length of a service chain. VF 0 sends to VF 1, which
 * forwards to VF 2, and so on: each hop goes through the card's switch. One thread serves all
 * of them in turn, the card's data path is the other, so a frame costs both the same work at
 * every hop: what is expected is frames/s x hops = constant.
 *
 * All lengths are measured in turn, again and again, so that a disturbed moment meets all of
 * them, and each is compared with the one hop of its own round.
 */
#include <math.h>
#include <string.h>

#include "bits.h"
#include "lab.h"

#define HOPS_MAX   8u
#define FRAME_LEN  1514u
#define WINDOW	   224u /* frames under way, however many hops; a ring holds them all */
#define RING	   256u /* of 9 VFs: their buffers fit the caches, those of 1024 do not */
#define SLICE_NS   (20 * NSEC_PER_MSEC)
#define SLICE_MIN  256u /* frames for each hop */
#define ROUNDS_MAX 400u
#define DRAIN_NS   (2 * NSEC_PER_SEC)
#define SEQ_AT	   LAB_ETH_LEN
#define RATIO_MIN  0.7 /* frames/s x hops, to those of one hop: called flat */
#define RATIO_MAX  1.4

static const struct lab_column columns[] = {
	{"hops", "hops", 0},
	{"frames_per_s", "frames/s", 0},
	{"mbit_per_s", "Mb/s", 1},
	{"frames_hops_per_s", "frames/s x hops", 0},
	{"relative_to_one_hop", "relative to 1 hop", 3},
	{"expected_frames_per_s", "1 hop / hops", 0},
};
enum { HOPS, RATE, MBPS, PER_HOP, RELATIVE, EXPECTED };

struct chain {
	struct lab *lab;
	struct demo_driver drv[HOPS_MAX + 1];
	unsigned vfs;
	unsigned hops; /* now */
	uint32_t sent, got;
	uint64_t misplaced;  /* frames out of order */
	uint64_t hops_taken; /* of all frames delivered: how often each went through the switch
			      */
	uint64_t lost;
	unsigned rounds;
	double rate[HOPS_MAX + 1][ROUNDS_MAX];
};

static void send_new(struct chain *c)
{
	unsigned under_way = c->sent - c->got, want = MIN(WINDOW - under_way, LAB_BURST);
	struct ladon_buf *bufs[LAB_BURST];
	unsigned n = 0;

	while (n < want && (bufs[n] = ladon_igbvf_buf_alloc(c->drv[0].vf))) {
		lab_header(bufs[n]->data, c->drv[1].mac, c->drv[0].mac);
		put_le32(bufs[n]->data + SEQ_AT, c->sent + n);
		bufs[n]->len = FRAME_LEN;
		n++;
	}
	c->sent += lab_send(&c->drv[0], bufs, n);
}

/* What came to VF n goes on to the next one, in the same buffers. */
static void forward(struct chain *c, unsigned n)
{
	struct ladon_buf *bufs[LAB_BURST];
	int got = ladon_igbvf_rx_burst(c->drv[n].vf, bufs, LAB_BURST);

	for (int i = 0; i < got; i++) {
		lab_header(bufs[i]->data, c->drv[n + 1].mac, c->drv[n].mac);
		bufs[i]->flags = 0;
	}
	if (got > 0)
		lab_send(&c->drv[n], bufs, (unsigned)got);
}

static void receive(struct chain *c)
{
	struct demo_driver *last = &c->drv[c->hops];
	struct ladon_buf *bufs[LAB_BURST];
	int got = ladon_igbvf_rx_burst(last->vf, bufs, LAB_BURST);

	for (int i = 0; i < got; i++) {
		c->misplaced +=
			bufs[i]->len != FRAME_LEN || get_le32(bufs[i]->data + SEQ_AT) != c->got;
		c->got++;
		ladon_igbvf_buf_free(last->vf, bufs[i]);
	}
}

static void serve_all(struct chain *c, bool more)
{
	if (more)
		send_new(c);
	for (unsigned n = 1; n < c->hops; n++)
		forward(c, n);
	receive(c);
}

/* Frames a second at the end of a chain of so many hops; nothing is under way before and after.
 */
static double measure(struct chain *c, unsigned hops)
{
	uint64_t start = clock_ns(), now, end;
	uint32_t got;

	c->hops = hops;
	c->sent = c->got = 0;
	do {
		serve_all(c, true);
		now = clock_ns();
	} while (now - start < SLICE_NS || c->got < SLICE_MIN * hops);
	got = c->got;
	for (end = now + DRAIN_NS; c->got != c->sent && clock_ns() < end;)
		serve_all(c, false);
	c->lost += c->sent - c->got;
	c->hops_taken += (uint64_t)c->got * hops;
	return got * 1e9 / (double)(now - start);
}

static void measure_all(struct chain *c, double seconds)
{
	uint64_t end = clock_ns() + (uint64_t)(seconds * 1e9);

	do {
		for (unsigned hops = 1; hops < c->vfs; hops++)
			c->rate[hops][c->rounds] = measure(c, hops);
		c->rounds++;
		lab_progress("chain: round %u", c->rounds);
	} while (c->rounds < ROUNDS_MAX && clock_ns() < end);
}

/* Relative to the one hop of the same round. */
static double relative(const struct chain *c, unsigned hops)
{
	double ratio[ROUNDS_MAX];

	for (unsigned r = 0; r < c->rounds; r++)
		ratio[r] = c->rate[hops][r] * hops / c->rate[1][r];
	return lab_percentile(ratio, c->rounds, 50);
}

static void fill_table(struct chain *c, struct lab_table *table)
{
	for (unsigned hops = 1; hops < c->vfs; hops++) {
		double *row = lab_table_row(table);

		row[HOPS] = hops;
		row[RELATIVE] = relative(c, hops);
	}
	for (unsigned hops = 1; hops < c->vfs; hops++) {
		double *row = table->cell[hops - 1];

		row[RATE] = lab_percentile(c->rate[hops], c->rounds, 50);
		row[MBPS] = row[RATE] * (FRAME_LEN + 4) * 8 / 1e6;
		row[PER_HOP] = row[RATE] * hops;
		row[EXPECTED] = table->cell[0][RATE] / hops;
	}
}

static int show(struct chain *c, const struct lab_table *t)
{
	const double *cell = t->cell[0];
	struct chart chart = {
		.title = "A service chain of VFs: each hop goes through the card",
		.note = "1514-byte frames. One thread serves all VFs, one is the card's data "
			"path. "
			"Median of rounds that measure all lengths in turn.",
		.num = 2,
		.panel = {{.title = "throughput",
			   .x = {.label = "hops", .step = 1},
			   .y = {.label = "frames/s at the end of the chain"},
			   .num = 2,
			   .series = {{"measured", CHART_LINE, 1, cell + HOPS, cell + RATE,
				       LAB_COLS, t->rows},
				      {"one hop's rate / hops", CHART_DASHED, 0, cell + HOPS,
				       cell + EXPECTED, LAB_COLS, t->rows}}},
			  {.title = "frames/s x hops, relative to one hop",
			   .x = {.label = "hops", .step = 1},
			   .y = {.label = "ratio (1 = every hop costs the same)"},
			   .num = 1,
			   .series = {{"measured", CHART_LINE, 1, cell + HOPS, cell + RELATIVE,
				       LAB_COLS, t->rows}}}},
	};

	return lab_write(c->lab, "chain", t, &chart);
}

/* What the card says it has switched must be what was delivered, hop by hop. */
static int judge(struct chain *c, const struct lab_table *t)
{
	uint64_t switched = 0;
	double least = 1, most = 1;
	bool ok, flat;

	for (unsigned n = 0; n < c->vfs; n++)
		switched += lab_counter(c->lab, "nic0", (int)n, "stats.tx.tx_packets");
	for (unsigned r = 0; r < t->rows; r++) {
		least = MIN(least, t->cell[r][RELATIVE]);
		most = MAX(most, t->cell[r][RELATIVE]);
	}
	ok = c->hops_taken && !c->lost && !c->misplaced && switched == c->hops_taken;
	flat = least >= RATIO_MIN && most <= RATIO_MAX;
	return lab_verdict(
		c->lab, ok,
		"%llu frames x hops delivered, %llu switched by the card, %llu lost, "
		"%llu out of order; frames/s x hops is %.2f to %.2f of one hop's%s",
		(unsigned long long)c->hops_taken, (unsigned long long)switched,
		(unsigned long long)c->lost, (unsigned long long)c->misplaced, least, most,
		flat ? "" : " (not flat: a busy machine?)");
}

static int experiment(struct chain *c)
{
	struct ladon_igbvf_config config = {.rx_desc = RING, .tx_desc = RING};
	struct lab_table table = {.column = columns, .cols = ARRAY_SIZE(columns)};
	int vfs = lab_add_card(c->lab, "nic0", HOPS_MAX + 1, "");

	if (vfs < 0)
		return 1;
	c->vfs = (unsigned)vfs;
	for (unsigned n = 0; n < c->vfs; n++)
		if (lab_open(c->lab, "nic0", n, &config, &c->drv[n]) < 0)
			return 1;
	measure_all(c, c->lab->seconds);
	fill_table(c, &table);
	return show(c, &table) < 0 ? 1 : judge(c, &table);
}

static int run(struct lab *lab)
{
	static struct chain c;
	int rc;

	memset(&c, 0, sizeof(c));
	c.lab = lab;
	if (lab_start(lab) < 0)
		return 1;
	rc = experiment(&c);
	for (unsigned n = 0; n <= HOPS_MAX; n++)
		demo_driver_close(&c.drv[n]);
	return lab_stop(lab) < 0 ? 1 : rc;
}

const struct lab_experiment lab_chain = {
	"chain", "throughput against the length of a service chain", 8, run};
