/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab_incast.c - many answer one at once. A receiver on card nic0 asks N senders on card nic1,
 * across the link between the two cards, and all answer with a block at the same time. The
 * receiver is slower than the wire and its ring is short, so what comes too fast is lost, and
 * asked for again after a timeout, as TCP would; unless flow control makes the wire wait.
 *
 * One thread plays all of them. Rounds are apart by ten times their length: flow control of a
 * card gives a receiver that keeps the wire waiting a tenth of the time, not more.
 */
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "lab.h"

#define SENDERS_MAX 16u
#define BLOCK	    64u /* frames, a bit each */
#define PAYLOAD	    1024u
#define RING	    128u
#define SERVICE_NS  (10 * NSEC_PER_USEC) /* the receiver's time for a frame */
#define RTO_NS	    (10 * NSEC_PER_MSEC)
#define ROUND_NS    (10 * NSEC_PER_SEC) /* a round that takes longer is given up */
#define DRAIN_NS    (5 * NSEC_PER_SEC)
#define REST	    10
#define ROUNDS_MAX  1000u
#define ROUNDS_MIN  3u

/* What is behind the Ethernet header. */
enum { OP_ASK = 1, OP_DATA = 2 };
enum { OP_AT = 14, ROUND_AT = 16, SENDER_AT = 20, INDEX_AT = 22, MASK_AT = 24, DATA_AT = 32 };
#define ASK_LEN	 64u
#define DATA_LEN (DATA_AT + PAYLOAD)

static const unsigned steps[] = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16};

static const struct lab_column columns[] = {
	{"senders", "senders", 0},
	{"rounds_off", "rounds", 0},
	{"lost_percent_off", "lost %", 2},
	{"p50_ms_off", "p50 ms", 2},
	{"p99_ms_off", "p99 ms", 2},
	{"rounds_on", "FC: rounds", 0},
	{"lost_percent_on", "FC: lost %", 2},
	{"p50_ms_on", "FC: p50 ms", 2},
	{"p99_ms_on", "FC: p99 ms", 2},
	{"no_loss_ms", "receiver ms", 2},
};
enum { SENDERS, FIRST, SERVICE_MS = FIRST + 8 };
enum { ROUNDS, LOST, P50, P99, PART };

struct sums {
	unsigned rounds;
	uint64_t sent, lost;
	double ms[ROUNDS_MAX];
};

struct incast {
	struct lab *lab;
	struct demo_driver receiver, sender[SENDERS_MAX];
	unsigned vfs, active;
	uint32_t round;
	uint64_t missing[SENDERS_MAX]; /* frames of the block, by bit */
	uint64_t heard[SENDERS_MAX];   /* when something came or was asked for last */
	uint64_t served;	       /* until when the receiver is busy */
	uint64_t sent, got, lost;      /* data frames, ever; the last by the cards' counters */
	bool failed;
	struct sums sums[2][ARRAY_SIZE(steps)]; /* without and with flow control */
	uint64_t total[2];			/* frames lost */
};

static unsigned num_steps(const struct incast *c)
{
	unsigned n = 0;

	while (n < ARRAY_SIZE(steps) && steps[n] <= c->vfs)
		n++;
	return n;
}

/* ---- senders ---- */

static void answer(struct incast *c, unsigned s, uint32_t round, uint64_t mask)
{
	struct demo_driver *drv = &c->sender[s];
	struct ladon_buf *bufs[BLOCK];
	unsigned n = 0;
	int taken;

	for (unsigned i = 0; i < BLOCK; i++) {
		if (!(mask >> i & 1) || !(bufs[n] = ladon_igbvf_buf_alloc(drv->vf)))
			continue;
		lab_header(bufs[n]->data, c->receiver.mac, drv->mac);
		bufs[n]->data[OP_AT] = OP_DATA;
		put_le32(bufs[n]->data + ROUND_AT, round);
		put_le16(bufs[n]->data + SENDER_AT, (uint16_t)s);
		put_le16(bufs[n]->data + INDEX_AT, (uint16_t)i);
		bufs[n++]->len = DATA_LEN;
	}
	taken = n ? ladon_igbvf_tx_burst(drv->vf, bufs, n) : 0;
	/* A full ring: what is not sent is asked for again. */
	for (unsigned i = (unsigned)MAX(taken, 0); i < n; i++)
		ladon_igbvf_buf_free(drv->vf, bufs[i]);
	c->sent += (unsigned)MAX(taken, 0);
}

static void serve_senders(struct incast *c)
{
	for (unsigned s = 0; s < c->active; s++) {
		struct ladon_buf *buf;

		while (ladon_igbvf_rx_burst(c->sender[s].vf, &buf, 1) == 1) {
			if (buf->len >= MASK_AT + 8 && buf->data[OP_AT] == OP_ASK)
				answer(c, s, get_le32(buf->data + ROUND_AT),
				       get_le64(buf->data + MASK_AT));
			ladon_igbvf_buf_free(c->sender[s].vf, buf);
		}
	}
}

/* ---- the receiver ---- */

static void ask(struct incast *c, unsigned s)
{
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(c->receiver.vf);

	c->heard[s] = clock_ns();
	if (!buf)
		return;
	lab_header(buf->data, c->sender[s].mac, c->receiver.mac);
	memset(buf->data + LAB_ETH_LEN, 0, ASK_LEN - LAB_ETH_LEN);
	buf->data[OP_AT] = OP_ASK;
	put_le32(buf->data + ROUND_AT, c->round);
	put_le64(buf->data + MASK_AT, c->missing[s]);
	buf->len = ASK_LEN;
	lab_send(&c->receiver, &buf, 1);
}

static void take(struct incast *c, const struct ladon_buf *buf)
{
	unsigned s, i;

	if (buf->len != DATA_LEN || buf->data[OP_AT] != OP_DATA)
		return;
	c->got++;
	s = get_le16(buf->data + SENDER_AT);
	i = get_le16(buf->data + INDEX_AT);
	if (get_le32(buf->data + ROUND_AT) != c->round || s >= c->active || i >= BLOCK)
		return;
	c->missing[s] &= ~BIT64(i);
	c->heard[s] = clock_ns();
}

/* One frame, and then it is busy for a while. */
static bool receive(struct incast *c)
{
	struct ladon_buf *buf;
	uint64_t now = clock_ns();

	if (now < c->served || ladon_igbvf_rx_burst(c->receiver.vf, &buf, 1) != 1)
		return false;
	c->served = now + SERVICE_NS;
	take(c, buf);
	ladon_igbvf_buf_free(c->receiver.vf, buf);
	return true;
}

static bool complete(const struct incast *c)
{
	for (unsigned s = 0; s < c->active; s++)
		if (c->missing[s])
			return false;
	return true;
}

static void ask_again(struct incast *c)
{
	uint64_t now = clock_ns();

	for (unsigned s = 0; s < c->active; s++)
		if (c->missing[s] && now > c->heard[s] + RTO_NS)
			ask(c, s);
}

/* ---- rounds ---- */

/* Frames lost, by the cards' counters: at the receiver, or on the link. */
static uint64_t counted(const struct incast *c)
{
	return lab_counter(c->lab, "nic0", 0, "stats.rx.dropped") +
	       lab_counter(c->lab, "nic1", -1, "ladon.uplink_stats.rx.dropped");
}

/* Until each frame has arrived or been counted as lost. */
static void drain(struct incast *c)
{
	uint64_t end = clock_ns() + DRAIN_NS, look = 0;

	do {
		receive(c);
		if (clock_ns() < look)
			continue;
		c->lost = counted(c);
		look = clock_ns() + NSEC_PER_MSEC;
	} while (c->sent != c->got + c->lost && clock_ns() < end);
}

/* Asks all, and waits for all. Returns nanoseconds, 0 = it was given up. */
static uint64_t play(struct incast *c, unsigned active)
{
	uint64_t start = clock_ns();

	c->round++;
	c->active = active;
	for (unsigned s = 0; s < active; s++) {
		c->missing[s] = UINT64_MAX;
		ask(c, s);
	}
	while (!complete(c)) {
		serve_senders(c);
		receive(c);
		ask_again(c);
		if (clock_ns() > start + ROUND_NS)
			return 0;
	}
	return clock_ns() - start;
}

/* One round, nothing under way after it. */
static void one_round(struct incast *c, struct sums *sums, unsigned active)
{
	uint64_t sent = c->sent, lost = c->lost, ns = play(c, active);

	c->failed |= !ns;
	if (!ns)
		return;
	drain(c);
	if (sums->rounds < ROUNDS_MAX)
		sums->ms[sums->rounds++] = (double)ns / 1e6;
	sums->sent += c->sent - sent;
	sums->lost += c->lost - lost;
	usleep((useconds_t)(ns / NSEC_PER_USEC * REST));
}

static int set_flow(struct incast *c, bool on)
{
	char line[64];
	int err = 0;

	for (unsigned card = 0; card < 2; card++) {
		snprintf(line, sizeof(line), "card set nic%u flow-control %s", card,
			 on ? "full" : "off");
		err |= demo_daemon_ask(&c->lab->daemon, line, NULL);
	}
	if (err)
		fprintf(stderr, "ladon: lab: \"%s\" was refused\n", line);
	return err;
}

/* All numbers of senders, with and without flow control, in turn. */
static int play_all(struct incast *c)
{
	uint64_t end = clock_ns() + (uint64_t)(c->lab->seconds * 1e9);

	for (unsigned r = 0; r < ROUNDS_MIN || clock_ns() < end; r++) {
		lab_progress("incast: round %u", r + 1);
		for (unsigned flow = 0; flow < 2; flow++) {
			if (set_flow(c, flow) < 0)
				return -1;
			for (unsigned i = 0; i < num_steps(c); i++)
				one_round(c, &c->sums[flow][i], steps[i]);
		}
		if (c->failed) {
			fprintf(c->lab->out, "a round was given up after 10 s\n");
			return -1;
		}
	}
	return 0;
}

static void fill(struct incast *c, struct lab_table *table)
{
	for (unsigned i = 0; i < num_steps(c); i++) {
		double *row = lab_table_row(table);

		row[SENDERS] = steps[i];
		row[SERVICE_MS] = (double)(steps[i] * BLOCK * SERVICE_NS) / 1e6;
		for (unsigned flow = 0; flow < 2; flow++) {
			struct sums *sums = &c->sums[flow][i];
			double *part = row + FIRST + flow * PART;

			part[ROUNDS] = sums->rounds;
			part[LOST] = 100.0 * (double)sums->lost / (double)sums->sent;
			part[P50] = lab_percentile(sums->ms, sums->rounds, 50);
			part[P99] = lab_percentile(sums->ms, sums->rounds, 99);
			c->total[flow] += sums->lost;
		}
	}
}

static int show(const struct lab *lab, const struct lab_table *t)
{
	const double *x = t->cell[0], *off = x + FIRST, *on = off + PART;
	unsigned n = t->rows;
	struct chart chart = {
		.title = "Incast: N senders answer one receiver at once, 64 KiB each",
		.note = "Receiver: 10 µs a frame of 1 KiB, a ring of 128. What is lost is "
			"asked for "
			"again after 10 ms. Two cards, joined by a link.",
		.num = 2,
		.panel = {{.title = "until all blocks are complete",
			   .x = {.label = "senders", .step = 1},
			   .y = {.label = "milliseconds", .log = true},
			   .num = 5,
			   .series = {{"no flow control, median", CHART_LINE, 0, x, off + P50,
				       LAB_COLS, n},
				      {"flow control, median", CHART_LINE, 1, x, on + P50,
				       LAB_COLS, n},
				      {"no flow control, p99", CHART_DASHED, 0, x, off + P99,
				       LAB_COLS, n},
				      {"flow control, p99", CHART_DASHED, 1, x, on + P99,
				       LAB_COLS, n},
				      {"receiver's own time", CHART_DASHED, 2, x,
				       x + SERVICE_MS, LAB_COLS, n}}},
			  {.title = "frames lost",
			   .x = {.label = "senders", .step = 1},
			   .y = {.label = "% of frames sent"},
			   .num = 2,
			   .series = {{"no flow control", CHART_LINE, 0, x, off + LOST,
				       LAB_COLS, n},
				      {"flow control", CHART_LINE, 1, x, on + LOST, LAB_COLS,
				       n}}}},
	};

	return lab_write(lab, "incast", t, &chart);
}

static int judge(const struct incast *c, uint64_t stalled)
{
	bool exact = c->sent == c->got + c->lost;

	if (stalled && c->total[1])
		fprintf(c->lab->out,
			"this machine is too busy: %llu times the receiver was away for longer "
			"than flow control waits\n",
			(unsigned long long)stalled);
	return lab_verdict(c->lab, exact && c->total[0] && (!c->total[1] || stalled),
			   "%llu frames lost without flow control, %llu with it; %llu sent = "
			   "%llu received + %llu that the cards counted as dropped%s",
			   (unsigned long long)c->total[0], (unsigned long long)c->total[1],
			   (unsigned long long)c->sent, (unsigned long long)c->got,
			   (unsigned long long)c->lost, exact ? "" : ": WRONG");
}

/* ---- the experiment ---- */

static int bring_up(struct incast *c)
{
	const struct ladon_igbvf_config slow = {.rx_desc = RING};
	int vfs;

	if (lab_start(c->lab) < 0 ||
	    lab_add_card(c->lab, "nic0", 1, "uplink link:nic1 link-rate 10000") < 0)
		return -1;
	vfs = lab_add_card(c->lab, "nic1", SENDERS_MAX, "uplink link:nic0 link-rate 10000");
	if (vfs < 0 || lab_open(c->lab, "nic0", 0, &slow, &c->receiver) < 0)
		return -1;
	c->vfs = (unsigned)vfs;
	for (unsigned s = 0; s < c->vfs; s++)
		if (lab_open(c->lab, "nic1", s, NULL, &c->sender[s]) < 0)
			return -1;
	return lab_await_link(&c->receiver);
}

static int run(struct lab *lab)
{
	struct lab_table table = {.column = columns, .cols = ARRAY_SIZE(columns)};
	static struct incast c;
	uint64_t stalled;
	int err;

	memset(&c, 0, sizeof(c));
	c.lab = lab;
	err = bring_up(&c);
	if (!err)
		err = play_all(&c);
	stalled = lab_counter(lab, "nic0", -1, "ladon.flow.stalled");
	demo_driver_close(&c.receiver);
	for (unsigned s = 0; s < SENDERS_MAX; s++)
		demo_driver_close(&c.sender[s]);
	if (lab_stop(lab) < 0 || err)
		return 1;
	fill(&c, &table);
	return show(lab, &table) < 0 ? 1 : judge(&c, stalled);
}

const struct lab_experiment lab_incast = {
	"incast", "N senders answer one receiver at once, with and without flow control", 24,
	run};
