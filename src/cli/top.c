/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon top: rates, again and again: redrawn on a terminal, one table below the other
 * elsewhere. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "cli.h"

#define EVERY_DEFAULT 1.0
#define EVERY_MIN     0.1
#define EVERY_MAX     3600.0
#define REASONS_ROOM  64u
#define FRAME_LINES   5u /* of a screen: head, what is left out, how to quit, the cursor */

struct top {
	struct cli cli;
	char *words[3]; /* link show [CARD] */
	int num_words;
	double every; /* seconds */
	unsigned long count, shown;
	bool screen;
	unsigned room; /* rows that fit on the screen; 0 = all */
	unsigned rows, quiet,
		busy; /* printed; left out, by whether there was something to see */
	struct termios before;
	json_object *last, *now; /* owned */
	struct timespec last_at, now_at;
};

/* Of one function: counters, or their difference. */
struct row {
	uint64_t tx_bytes, tx_packets, rx_bytes, rx_packets, drops;
};

static volatile sig_atomic_t over;

static void on_signal(int sig)
{
	(void)sig;
	over = 1;
}

/* ---- counters ---- */

static uint64_t u64(json_object *obj, const char *key)
{
	return json_object_get_uint64(cli_get(obj, key));
}

static struct row row_of(json_object *stats)
{
	json_object *rx = cli_get(stats, "rx"), *tx = cli_get(stats, "tx");

	return (struct row){.tx_bytes = u64(tx, "tx_bytes"),
			    .tx_packets = u64(tx, "tx_packets"),
			    .rx_bytes = u64(rx, "bytes"),
			    .rx_packets = u64(rx, "packets"),
			    .drops = u64(rx, "dropped") + u64(tx, "dropped")};
}

/* The wire's frames in are what the uplink's port sends into the card. */
static struct row uplink_row(json_object *link)
{
	struct row port = row_of(cli_get(cli_get(link, "ladon"), "uplink_stats"));

	return (struct row){.tx_bytes = port.rx_bytes,
			    .tx_packets = port.rx_packets,
			    .rx_bytes = port.tx_bytes,
			    .rx_packets = port.tx_packets,
			    .drops = port.drops};
}

static json_object *find_link(json_object *links, const char *name)
{
	for (size_t i = 0; links && i < json_object_array_length(links); i++) {
		json_object *link = json_object_array_get_idx(links, i);

		if (!strcmp(cli_str(link, "ifname"), name))
			return link;
	}
	return NULL;
}

static json_object *find_vf(json_object *link, int64_t n)
{
	json_object *vfs = cli_get(link, "vfinfo_list");

	for (size_t i = 0; vfs && i < json_object_array_length(vfs); i++) {
		json_object *vf = json_object_array_get_idx(vfs, i);

		if (cli_int(vf, "vf") == n)
			return vf;
	}
	return NULL;
}

/* A counter that went back began anew. */
static uint64_t since(uint64_t now, uint64_t last)
{
	return now >= last ? now - last : now;
}

static struct row difference(const struct row *now, const struct row *last)
{
	return (struct row){.tx_bytes = since(now->tx_bytes, last->tx_bytes),
			    .tx_packets = since(now->tx_packets, last->tx_packets),
			    .rx_bytes = since(now->rx_bytes, last->rx_bytes),
			    .rx_packets = since(now->rx_packets, last->rx_packets),
			    .drops = since(now->drops, last->drops)};
}

/* ---- the table ---- */

/* The reasons that grew, as far as there is room. */
static void reasons(json_object *now, json_object *last, char *buf, size_t size)
{
	json_object *drops = cli_get(cli_get(now, "ladon"), "drops");
	json_object *before = cli_get(cli_get(last, "ladon"), "drops");
	size_t at = 0;

	buf[0] = '\0';
	if (!drops)
		return;
	json_object_object_foreach(drops, reason, count)
	{
		uint64_t n = since(json_object_get_uint64(count), u64(before, reason));

		if (n && at < size)
			at += (size_t)snprintf(buf + at, size - at, " %s", reason);
	}
}

static bool is_quiet(const struct row *d)
{
	return !(d->tx_packets | d->rx_packets | d->drops);
}

/* Where there is not room for all, it is for those that do something. */
static bool finds_room(struct top *t, const struct row *d)
{
	bool quiet = is_quiet(d);

	if (!t->room || (!quiet && t->rows < t->room)) {
		t->rows++;
		return true;
	}
	t->quiet += quiet;
	t->busy += !quiet;
	return false;
}

static void print_row(struct top *t, const char *name, const struct row *d, const char *why)
{
	double s = (double)(t->now_at.tv_sec - t->last_at.tv_sec) +
		   (double)(t->now_at.tv_nsec - t->last_at.tv_nsec) / 1e9;

	if (!finds_room(t, d))
		return;
	printf("%-22s %10.1f %10.1f %10.1f %10.1f %10.1f%s\n", name,
	       (double)d->tx_bytes * 8 / s / 1e6, (double)d->tx_packets / s / 1e3,
	       (double)d->rx_bytes * 8 / s / 1e6, (double)d->rx_packets / s / 1e3,
	       (double)d->drops / s, why);
}

static void print_vf(struct top *t, json_object *link, json_object *old_link, json_object *vf)
{
	json_object *old = find_vf(old_link, cli_int(vf, "vf"));
	struct row now = row_of(cli_get(vf, "stats")), last = row_of(cli_get(old, "stats"));
	struct row d = old ? difference(&now, &last) : (struct row){0};
	char name[40], why[REASONS_ROOM];

	snprintf(name, sizeof(name), "%s/vf%" PRId64, cli_str(link, "ifname"),
		 cli_int(vf, "vf"));
	reasons(vf, old ? old : vf, why, sizeof(why));
	print_row(t, name, &d, why);
}

static void print_card(struct top *t, json_object *link)
{
	json_object *old = find_link(t->last, cli_str(link, "ifname"));
	json_object *vfs = cli_get(link, "vfinfo_list");
	struct row now = uplink_row(link), last = uplink_row(old);
	struct row d = old ? difference(&now, &last) : (struct row){0};
	char name[40];

	for (size_t i = 0; vfs && i < json_object_array_length(vfs); i++)
		print_vf(t, link, old, json_object_array_get_idx(vfs, i));
	if (!cli_get(cli_get(link, "ladon"), "uplink_stats"))
		return;
	snprintf(name, sizeof(name), "%s/uplink", cli_str(link, "ifname"));
	print_row(t, name, &d, "");
}

/* Sets how many rows fit, when not all do. */
static void see_room(struct top *t)
{
	unsigned all = 0;
	struct winsize size;

	t->room = t->rows = t->quiet = t->busy = 0;
	if (!t->screen || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_row)
		return;
	for (size_t i = 0; i < json_object_array_length(t->now); i++) {
		json_object *vfs = cli_get(json_object_array_get_idx(t->now, i), "vfinfo_list");

		all += 1 + (vfs ? (unsigned)json_object_array_length(vfs) : 0);
	}
	if (all + FRAME_LINES > size.ws_row)
		t->room = size.ws_row > FRAME_LINES ? size.ws_row - FRAME_LINES : 1;
}

static void print_left_out(const struct top *t)
{
	if (!t->room)
		return;
	printf("%u quiet ones are left out", t->quiet);
	if (t->busy)
		printf(", and %u busy ones: there is no room", t->busy);
	putchar('\n');
}

static void print_table(struct top *t)
{
	see_room(t);
	if (t->screen)
		fputs("\033[H\033[J", stdout); /* home, clear */
	else if (t->shown)
		putchar('\n');
	printf("%-22s %10s %10s %10s %10s %10s\n", "FUNCTION", "TX Mb/s", "TX kpps", "RX Mb/s",
	       "RX kpps", "drops/s");
	for (size_t i = 0; i < json_object_array_length(t->now); i++)
		print_card(t, json_object_array_get_idx(t->now, i));
	print_left_out(t);
	if (t->screen)
		printf("\nq quits\n");
	fflush(stdout);
	t->shown++;
}

/* ---- the terminal ---- */

static void screen_begin(struct top *t)
{
	struct termios raw;

	t->screen = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) &&
		    tcgetattr(STDIN_FILENO, &t->before) == 0;
	if (!t->screen)
		return;
	raw = t->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?25l\033[H\033[Jlooking ...\n", stdout); /* no cursor */
	fflush(stdout);
}

static void screen_end(const struct top *t)
{
	if (!t->screen)
		return;
	fputs("\033[?25h", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &t->before);
}

/* Until the next table is due, or the user has seen enough. */
static void wait_a_while(const struct top *t)
{
	struct pollfd in = {.fd = t->screen ? STDIN_FILENO : -1, .events = POLLIN};
	char key;

	if (poll(&in, 1, (int)(t->every * 1000)) <= 0)
		return;
	if (read(STDIN_FILENO, &key, 1) <= 0 || key == 'q' || key == 'Q')
		over = 1;
}

/* ---- words ---- */

static int wrong(const char *what)
{
	fprintf(stderr, "ladon: top: %s; `ladon help` shows what is right\n", what);
	return -1;
}

static int take_option(struct top *t, const char *key, const char *value)
{
	char *end;

	if (!strcmp(key, "count")) {
		t->count = strtoul(value, &end, 10);
		return !*end && *value != '-' && t->count
			       ? 0
			       : wrong("count wants a number from 1 on");
	}
	t->every = strtod(value, &end);
	return !*end && t->every >= EVERY_MIN && t->every <= EVERY_MAX
		       ? 0
		       : wrong("every wants seconds, 0.1 to 3600");
}

static int take_words(struct top *t, int argc, char **argv)
{
	static char link[] = "link", show[] = "show";
	int i = 1;

	t->words[t->num_words++] = link;
	t->words[t->num_words++] = show;
	if (i < argc && strcmp(argv[i], "every") && strcmp(argv[i], "count"))
		t->words[t->num_words++] = argv[i++];
	for (; i < argc; i += 2) {
		if (strcmp(argv[i], "every") && strcmp(argv[i], "count"))
			return wrong("there is only every and count");
		if (i + 1 == argc)
			return wrong("every and count want a value");
		if (take_option(t, argv[i], argv[i + 1]) < 0)
			return -1;
	}
	return 0;
}

/* ---- life ---- */

/* Returns 0, or 1 when the daemon did not answer. */
static int look(struct top *t)
{
	json_object_put(t->last);
	t->last = t->now;
	t->last_at = t->now_at;
	t->now = cli_request(&t->cli, t->num_words, t->words);
	clock_gettime(CLOCK_MONOTONIC, &t->now_at);
	return t->now ? 0 : 1;
}

static int run(struct top *t)
{
	int rc = look(t);

	while (rc == 0 && !over && (!t->count || t->shown < t->count)) {
		wait_a_while(t);
		if (over)
			break;
		rc = look(t);
		if (rc == 0)
			print_table(t);
	}
	return rc;
}

static int run_top(const struct cli *cli, int argc, char **argv)
{
	struct top t = {.cli = *cli, .every = EVERY_DEFAULT};
	struct sigaction end = {.sa_handler = on_signal};
	int rc;

	t.cli.stats = true;
	if (take_words(&t, argc, argv) < 0)
		return 2;
	if (cli->json) {
		wrong("it is for people; `ladon -j -s link show` is for programs");
		return 2;
	}
	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	screen_begin(&t);
	rc = run(&t);
	screen_end(&t);
	json_object_put(t.last);
	json_object_put(t.now);
	return rc;
}

const struct cli_command cli_top_commands[] = {
	{"top", "[CARD] [every SECONDS] [count N]",
	 "rates of each VF and uplink, and why frames are dropped; redrawn on a terminal until "
	 "q",
	 NULL, run_top},
	{NULL, NULL, NULL, NULL, NULL},
};
