/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab_rates.c - are the rates of `ladon link set` what they say? First one VF sends as much as
 * its max_tx_rate lets it, from 1 Mb/s to 10 Gb/s. Then all VFs but one send to that one as
 * much as they can on a card with a link-rate: once the first has a min_tx_rate, once all are
 * equal.
 *
 * One thread plays all VFs. A limit that the machine does not reach without one is not judged,
 * and one that seems missed is measured again: a data path that was kept from its CPU before
 * the measurement catches up in it.
 */
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "lab.h"

#define FCS	       4u
#define JUMBO	       9014u
#define BUF	       10240u
#define TOLERANCE      2.0  /* percent */
#define HEADROOM       1.05 /* of what goes without a limit, to the limit */
#define TRIES	       3u
#define GAP_PART       200 /* of a measurement: without the CPU for longer, it was disturbed */
#define CREDIT	       (128u * 1024u) /* bytes that a new limit lets through at once, and more */
#define CREDIT_NS      (5 * NSEC_PER_MSEC)
#define PATIENCE_NS    (5 * NSEC_PER_SEC)
#define SENDERS_MAX    8u
#define LINK_MBPS      400u
#define MIN_MBPS       150u
#define FAIR	       0.99 /* Jain's index */
#define BUSY	       0.9  /* of the link's rate: below, nobody was short of anything */
#define SENDER_AT      LAB_ETH_LEN
#define LIMIT_SECONDS  (1.0 / 12) /* parts of the time: each limit, each of the two shares */
#define SHARES_SECONDS (1.0 / 8)

static const struct {
	unsigned mbps, frame; /* bytes without FCS; short ones where a burst would last long */
} limits[] = {{1, 200},	    {10, 200},	   {100, 1514},	  {1000, 1514},
	      {2500, 1514}, {5000, JUMBO}, {10000, JUMBO}};

static const struct lab_column limit_columns[] = {
	{"max_tx_rate", "max_tx_rate", 0},
	{"measured_mbit_per_s", "measured Mb/s", 3},
	{"deviation_percent", "deviation %", 2},
	{"frame_bytes", "frame", 0},
	{"without_limit_mbit_per_s", "without limit", 0},
	{"low_percent", "from %", 0},
	{"high_percent", "to %", 0},
};
enum { ASKED, MEASURED, DEVIATION, FRAME, FREE, LOW, HIGH };

static const struct lab_column share_columns[] = {
	{"vf", "vf", 0},
	{"with_minimum_mbit_per_s", "vf0 has a minimum", 2},
	{"equal_mbit_per_s", "all equal", 2},
	{"minimum_mbit_per_s", "minimum", 0},
};
enum { VF, WITH_MIN, EQUAL, MINIMUM };

struct rates {
	struct lab *lab;
	struct demo_driver sender[SENDERS_MAX], receiver;
	unsigned senders;
	unsigned frame;
	uint64_t bytes[SENDERS_MAX]; /* received, FCS included */
	uint64_t gap; /* the longest time without a look, in the last measurement */
	struct lab_table limits, shares;
};

/* ---- traffic ---- */

static void fill_ring(struct rates *r, unsigned s)
{
	struct demo_driver *drv = &r->sender[s];
	struct ladon_buf *bufs[LAB_BURST];
	unsigned n = 0;
	int taken;

	while (n < LAB_BURST && (bufs[n] = ladon_igbvf_buf_alloc(drv->vf))) {
		lab_header(bufs[n]->data, r->receiver.mac, drv->mac);
		bufs[n]->data[SENDER_AT] = (uint8_t)s;
		bufs[n++]->len = r->frame;
	}
	taken = n ? ladon_igbvf_tx_burst(drv->vf, bufs, n) : 0;
	for (unsigned i = (unsigned)MAX(taken, 0); i < n; i++)
		ladon_igbvf_buf_free(drv->vf, bufs[i]);
}

static uint64_t receive(struct rates *r)
{
	struct ladon_buf *bufs[LAB_BURST];
	int n = ladon_igbvf_rx_burst(r->receiver.vf, bufs, LAB_BURST);
	uint64_t bytes = 0;

	for (int i = 0; i < n; i++) {
		unsigned s = bufs[i]->data[SENDER_AT];

		if (s < r->senders)
			r->bytes[s] += bufs[i]->len + FCS;
		bytes += bufs[i]->len + FCS;
		ladon_igbvf_buf_free(r->receiver.vf, bufs[i]);
	}
	return bytes;
}

/* All senders have as much in their rings as fits. Returns the bytes that came. */
static uint64_t pump(struct rates *r)
{
	uint64_t bytes;

	for (unsigned s = 0; s < r->senders; s++)
		fill_ring(r, s);
	bytes = receive(r);
	if (!bytes)
		usleep(20);
	return bytes;
}

/* Bytes come in bursts: from the first after now to the first after ns. Mb/s, NAN = it
 * stands. */
static double measure(struct rates *r, uint64_t ns)
{
	uint64_t start = 0, last, total = 0, now, bytes, before;

	r->gap = 0;
	last = now = clock_ns();
	while (now < last + PATIENCE_NS) {
		bytes = pump(r);
		before = now;
		now = clock_ns();
		r->gap = MAX(r->gap, now - before);
		if (!bytes)
			continue;
		last = now;
		if (!start) {
			start = now;
			memset(r->bytes, 0, sizeof(r->bytes));
		}
		if (now - start >= ns)
			return (double)total * 8e3 / (double)(now - start);
		total += bytes;
	}
	return NAN;
}

/* Until what a new limit lets through at once has come. */
static void warm_up(struct rates *r, unsigned mbps)
{
	uint64_t end = clock_ns() + PATIENCE_NS, got = 0;
	uint64_t want = MAX(CREDIT, (uint64_t)mbps * CREDIT_NS / 8000);

	while (got < want && clock_ns() < end)
		got += pump(r);
}

/* What is still in the rings comes at full speed, and is no part of the next figure. */
static int set_limit(struct rates *r, unsigned mbps)
{
	char line[80];
	uint64_t end = clock_ns() + PATIENCE_NS;
	int err = demo_daemon_ask(&r->lab->daemon, "link set nic0 vf 0 max_tx_rate 0", NULL);

	while (ladon_igbvf_tx_reap(r->sender[0].vf) && clock_ns() < end)
		receive(r);
	usleep(2000); /* for the receiver's last write-backs */
	while (receive(r))
		;
	snprintf(line, sizeof(line), "link set nic0 vf 0 max_tx_rate %u", mbps);
	return err ? err : demo_daemon_ask(&r->lab->daemon, line, NULL);
}

/* ---- limits ---- */

static double limited(struct rates *r, unsigned mbps, uint64_t ns)
{
	if (set_limit(r, mbps) < 0)
		return NAN;
	warm_up(r, mbps);
	return measure(r, ns);
}

/* A figure outside is judged when nothing disturbed any of the tries; else it is none. */
static void one_limit(struct rates *r, unsigned i, uint64_t ns)
{
	double *row = lab_table_row(&r->limits);
	unsigned mbps = limits[i].mbps, disturbed = 0;

	r->frame = limits[i].frame;
	row[ASKED] = mbps;
	row[FRAME] = r->frame + FCS;
	row[LOW] = -TOLERANCE;
	row[HIGH] = TOLERANCE;
	row[FREE] = limited(r, 0, ns / 4);
	for (unsigned n = 0; n < TRIES; n++) {
		lab_progress("rates: max_tx_rate %u", mbps);
		row[MEASURED] = limited(r, mbps, ns);
		row[DEVIATION] = (row[MEASURED] / mbps - 1) * 100;
		if (fabs(row[DEVIATION]) <= TOLERANCE)
			return;
		disturbed += r->gap > ns / GAP_PART;
	}
	if (disturbed || row[FREE] < mbps * HEADROOM)
		row[DEVIATION] = NAN;
}

static int all_limits(struct rates *r)
{
	/* Deep rings: neither runs empty or full when this thread is away for a moment. */
	const struct ladon_igbvf_config sender = {
		.rx_desc = 8, .tx_desc = 2048, .buf_size = BUF, .max_frame = JUMBO};
	const struct ladon_igbvf_config receiver = {
		.rx_desc = 4096, .tx_desc = 8, .buf_size = BUF, .max_frame = JUMBO};
	uint64_t ns = (uint64_t)(r->lab->seconds * LIMIT_SECONDS * 1e9);

	r->senders = 1;
	if (lab_start(r->lab) < 0 || lab_add_card(r->lab, "nic0", 2, "") < 0 ||
	    lab_open(r->lab, "nic0", 0, &sender, &r->sender[0]) < 0 ||
	    lab_open(r->lab, "nic0", 1, &receiver, &r->receiver) < 0)
		return -1;
	for (unsigned i = 0; i < ARRAY_SIZE(limits); i++)
		one_limit(r, i, ns);
	return 0;
}

/* ---- shares ---- */

static void one_share(struct rates *r, unsigned column, uint64_t ns)
{
	lab_progress("rates: %u VFs share %u Mb/s", r->senders, LINK_MBPS);
	warm_up(r, LINK_MBPS);
	measure(r, ns / 4); /* whoever had less before has caught up */
	ns = (uint64_t)(measure(r, ns) > 0 ? ns : 0);
	for (unsigned s = 0; s < r->senders; s++)
		r->shares.cell[s][column] = (double)r->bytes[s] * 8e3 / (double)ns;
}

static int all_shares(struct rates *r)
{
	const struct ladon_igbvf_config many = {.rx_desc = 4096}, deep = {.tx_desc = 2048};
	uint64_t ns = (uint64_t)(r->lab->seconds * SHARES_SECONDS * 1e9);
	char line[80];
	int vfs;

	snprintf(line, sizeof(line), "link-rate %u", LINK_MBPS);
	if (lab_start(r->lab) < 0)
		return -1;
	vfs = lab_add_card(r->lab, "nic0", SENDERS_MAX + 1, line);
	if (vfs < 0 || lab_open(r->lab, "nic0", (unsigned)vfs - 1, &many, &r->receiver) < 0)
		return -1;
	r->senders = (unsigned)vfs - 1;
	r->frame = 1514;
	for (unsigned s = 0; s < r->senders; s++) {
		double *row = lab_table_row(&r->shares);

		row[VF] = s;
		row[MINIMUM] = MIN_MBPS;
		if (lab_open(r->lab, "nic0", s, &deep, &r->sender[s]) < 0)
			return -1;
	}
	one_share(r, EQUAL, ns);
	snprintf(line, sizeof(line), "link set nic0 vf 0 min_tx_rate %u", MIN_MBPS);
	if (demo_daemon_ask(&r->lab->daemon, line, NULL) < 0)
		return -1;
	one_share(r, WITH_MIN, ns);
	return 0;
}

/* ---- what came out ---- */

static int show(const struct rates *r)
{
	const struct lab_table *l = &r->limits, *s = &r->shares;
	const double *x = l->cell[0], *vf = s->cell[0];
	struct chart chart = {
		.title = "Rates: what is asked for, and what is measured",
		.note = "Bytes of frames with FCS, from VF to VF. Left: one VF sends. Right: "
			"all "
			"send as much as they can, link-rate 400.",
		.num = 2,
		.panel = {{.title = "max_tx_rate: deviation of the measured rate",
			   .x = {.label = "max_tx_rate, Mb/s", .log = true},
			   .y = {.label = "%"},
			   .num = 3,
			   .series = {{"measured", CHART_LINE, 1, x, x + DEVIATION, LAB_COLS,
				       l->rows},
				      {"2 %", CHART_DASHED, 0, x, x + LOW, LAB_COLS, l->rows},
				      {NULL, CHART_DASHED, 0, x, x + HIGH, LAB_COLS, l->rows}}},
			  {.title = "shares of a link",
			   .x = {.label = "VF", .step = 1},
			   .y = {.label = "Mb/s"},
			   .num = 3,
			   .series = {{"min_tx_rate 150 for VF 0", CHART_POINTS, 1, vf,
				       vf + WITH_MIN, LAB_COLS, s->rows},
				      {"no minimum", CHART_POINTS, 2, vf, vf + EQUAL, LAB_COLS,
				       s->rows},
				      {"150 Mb/s", CHART_DASHED, 0, vf, vf + MINIMUM, LAB_COLS,
				       s->rows}}}},
	};
	int err = lab_write(r->lab, "rates", l, &chart);

	return err ? err : lab_write(r->lab, "rates-shares", s, NULL);
}

struct shares_seen {
	double total, jain, of_first;
	bool busy; /* the senders did contend */
};

static struct shares_seen see_shares(const struct rates *r, unsigned column)
{
	double share[SENDERS_MAX];
	struct shares_seen seen = {.of_first = r->shares.cell[0][column]};

	for (unsigned s = 0; s < r->senders; s++) {
		share[s] = r->shares.cell[s][column];
		seen.total += share[s];
	}
	seen.jain = lab_jain(share, r->senders);
	seen.busy = seen.total >= LINK_MBPS * BUSY;
	return seen;
}

static int judge(const struct rates *r)
{
	struct shares_seen equal = see_shares(r, EQUAL), min = see_shares(r, WITH_MIN);
	unsigned judged = 0, held = 0;
	bool ok;

	for (unsigned i = 0; i < r->limits.rows; i++) {
		const double *row = r->limits.cell[i];

		judged += isfinite(row[DEVIATION]);
		held += fabs(row[DEVIATION]) <= TOLERANCE;
		if (!isfinite(row[DEVIATION]))
			fprintf(r->lab->out,
				"max_tx_rate %.0f: this machine is too slow or busy to tell "
				"(%.0f Mb/s without a limit)\n",
				row[ASKED], row[FREE]);
	}
	if (!equal.busy || !min.busy)
		fprintf(r->lab->out, "link-rate %u: this machine is too slow or busy to tell\n",
			LINK_MBPS);
	ok = held == judged && (!equal.busy || equal.jain >= FAIR) &&
	     (!min.busy || min.of_first >= MIN_MBPS * (1 - TOLERANCE / 100));
	return lab_verdict(
		r->lab, ok,
		"%u of %u limits judged within %.0f %%; min_tx_rate %u among %u senders: "
		"%.1f Mb/s; equal shares: Jain's index %.4f",
		held, judged, TOLERANCE, MIN_MBPS, r->senders, min.of_first, equal.jain);
}

static int finish(struct rates *r)
{
	demo_driver_close(&r->receiver);
	for (unsigned s = 0; s < SENDERS_MAX; s++)
		demo_driver_close(&r->sender[s]);
	return lab_stop(r->lab);
}

static int run(struct lab *lab)
{
	static struct rates r;
	int err;

	memset(&r, 0, sizeof(r));
	r.lab = lab;
	r.limits = (struct lab_table){.column = limit_columns, .cols = HIGH + 1};
	r.shares = (struct lab_table){.column = share_columns, .cols = MINIMUM + 1};
	err = all_limits(&r);
	err |= finish(&r);
	if (!err) {
		err = all_shares(&r);
		err |= finish(&r);
	}
	return err || show(&r) < 0 ? 1 : judge(&r);
}

const struct lab_experiment lab_rates = {
	"rates", "max_tx_rate, min_tx_rate and equal shares, measured", 24, run};
