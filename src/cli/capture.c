/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ladon capture: the daemon's pcapng stream, filtered and counted here, into a file or as lines
 * of text. A block is written whole or not at all, so that what was written before a disk was
 * full can be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "cli.h"
#include "filter.h"

#define BLOCK_MAX	(1u << 20)
#define OUT_ROOM	(2u * BLOCK_MAX)
#define BLOCK_INTERFACE 1u
#define BLOCK_STATS	5u
#define BLOCK_PACKET	6u
#define PACKET_HEAD	28u /* up to the bytes */
#define INTERFACES_MAX	512u
#define NSEC		1000000000u

enum { OPT_COMMENT = 1, IDB_NAME = 2, EPB_FLAGS = 2, EPB_DROPCOUNT = 4, ISB_OSDROP = 7 };

struct capture {
	const char *file; /* NULL = lines of text */
	const char *filter_text;
	unsigned long long count; /* 0 = until the end */
	struct filter *filter;	  /* owned */
	int in, out;		  /* owned; out -1 = text */
	uint64_t frames, skipped, lost;
	char names[INTERFACES_MAX][32];
	unsigned num_names;
	size_t in_at, in_len, out_len;
	off_t whole; /* bytes of whole blocks in the file */
	uint8_t in_buf[65536], block[BLOCK_MAX], out_buf[OUT_ROOM];
};

static volatile sig_atomic_t interrupted;

static void on_signal(int sig)
{
	(void)sig;
	interrupted = 1;
}

/* ---- words ---- */

static int bad_words(const char *what)
{
	fprintf(stderr, "ladon: capture: %s; `ladon help` shows what is right\n", what);
	return -1;
}

static int take_count(struct capture *c, const char *text)
{
	char *end;

	errno = 0;
	c->count = strtoull(text, &end, 10);
	if (errno || *end || !*text || *text == '-' || !c->count)
		return bad_words("count wants a number from 1 on");
	return 0;
}

/* Takes the words that are not the daemon's out of argv. Returns how many are left, or -1. */
static int take_own_words(struct capture *c, int argc, char **argv)
{
	int n = 0;

	for (int i = 0; i < argc; i++) {
		bool own = !strcmp(argv[i], "-w") || !strcmp(argv[i], "count") ||
			   !strcmp(argv[i], "filter");

		if (!own || i < 2) {
			argv[n++] = argv[i];
			continue;
		}
		if (i + 1 == argc)
			return bad_words("-w, count and filter want a value");
		if (!strcmp(argv[i], "-w"))
			c->file = argv[i + 1];
		else if (!strcmp(argv[i], "filter"))
			c->filter_text = argv[i + 1];
		else if (take_count(c, argv[i + 1]) < 0)
			return -1;
		i++;
	}
	return n;
}

/* ---- in ---- */

/* False at the end, and when the user has had enough. */
static bool read_all(struct capture *c, uint8_t *buf, size_t len)
{
	while (len) {
		size_t n = MIN(len, c->in_len);

		memcpy(buf, c->in_buf + c->in_at, n);
		c->in_at += n;
		c->in_len -= n;
		buf += n;
		len -= n;
		if (!len)
			return true;
		do {
			ssize_t got =
				interrupted ? 0 : read(c->in, c->in_buf, sizeof(c->in_buf));

			if (got == 0 || (got < 0 && errno != EINTR))
				return false;
			c->in_at = 0;
			c->in_len = got > 0 ? (size_t)got : 0;
		} while (!c->in_len);
	}
	return true;
}

/* Returns the block's length, 0 at the end. */
static uint32_t read_block(struct capture *c)
{
	uint32_t len;

	if (!read_all(c, c->block, 8))
		return 0;
	len = get_le32(c->block + 4);
	if (len < 12 || len > BLOCK_MAX || len & 3) {
		fprintf(stderr, "ladon: what the daemon sends is no pcapng\n");
		return 0;
	}
	return read_all(c, c->block + 8, len - 8) ? len : 0;
}

/* The value of an option in block[at, end), or NULL. */
static const uint8_t *find_option(const struct capture *c, uint32_t at, uint32_t end,
				  uint16_t code, uint16_t *ret_len)
{
	while (at + 4 <= end) {
		uint16_t len = get_le16(c->block + at + 2);

		if (at + 4 + len > end)
			return NULL;
		if (get_le16(c->block + at) == code) {
			*ret_len = len;
			return c->block + at + 4;
		}
		at += 4 + ALIGN_UP(len, 4u);
	}
	return NULL;
}

/* ---- out ---- */

/* Of written bytes of out_buf, those of whole blocks. */
static size_t whole_blocks(const struct capture *c, size_t written)
{
	size_t at = 0;

	while (at + 8 <= written && at + get_le32(c->out_buf + at + 4) <= written)
		at += get_le32(c->out_buf + at + 4);
	return at;
}

/* Full, or gone: says so. The file keeps the blocks that were written whole. */
static int write_failed(struct capture *c, size_t written)
{
	int err = errno;
	struct stat st;

	c->whole += (off_t)whole_blocks(c, written);
	if (err == EPIPE)
		return -1; /* nobody reads on: the end of a pipe is no error */
	if (fstat(c->out, &st) == 0 && S_ISREG(st.st_mode) && ftruncate(c->out, c->whole) < 0)
		err = errno;
	fprintf(stderr, "ladon: %s: %s; the capture ends here\n", c->file, strerror(err));
	return -2;
}

static int flush(struct capture *c)
{
	size_t at = 0;

	while (at < c->out_len) {
		ssize_t n = write(c->out, c->out_buf + at, c->out_len - at);

		if (n < 0 && errno != EINTR)
			return write_failed(c, at);
		at += n > 0 ? (size_t)n : 0;
	}
	c->whole += (off_t)c->out_len;
	c->out_len = 0;
	return 0;
}

static int keep_block(struct capture *c, uint32_t len)
{
	int ret = c->out_len + len > sizeof(c->out_buf) ? flush(c) : 0;

	if (ret < 0 || c->out < 0)
		return ret;
	memcpy(c->out_buf + c->out_len, c->block, len);
	c->out_len += len;
	return c->in_len ? 0 : flush(c); /* nothing more has come yet: it may be a while */
}

/* ---- text ---- */

static void print_time(uint64_t ns)
{
	time_t sec = (time_t)(ns / NSEC);
	struct tm tm;
	char text[32];

	localtime_r(&sec, &tm);
	strftime(text, sizeof(text), "%H:%M:%S", &tm);
	printf("%s.%09u ", text, (unsigned)(ns % NSEC));
}

static void print_addresses(const uint8_t *p, uint32_t len)
{
	uint16_t type;
	uint32_t at = 12;

	if (len < 14) {
		printf("no frame");
		return;
	}
	printf("%02x:%02x:%02x:%02x:%02x:%02x > %02x:%02x:%02x:%02x:%02x:%02x", p[6], p[7],
	       p[8], p[9], p[10], p[11], p[0], p[1], p[2], p[3], p[4], p[5]);
	for (type = get_be16(p + at); (type == 0x8100 || type == 0x88a8) && at + 6 <= len;
	     type = get_be16(p + at)) {
		printf(" vlan %u", get_be16(p + at + 2) & 0xfffu);
		at += 4;
	}
	printf(" type %04x", type);
}

static void print_packet(const struct capture *c, uint32_t cap_len, uint32_t options,
			 uint32_t end)
{
	uint32_t id = get_le32(c->block + 8), flags;
	uint16_t len = 0;
	const uint8_t *opt = find_option(c, options, end, EPB_FLAGS, &len);

	flags = opt && len == 4 ? get_le32(opt) : 0;
	print_time((uint64_t)get_le32(c->block + 12) << 32 | get_le32(c->block + 16));
	printf("%s %s ", id < c->num_names ? c->names[id] : "?", flags & 1 ? "in " : "out");
	print_addresses(c->block + PACKET_HEAD, cap_len);
	printf(" len %u", get_le32(c->block + 24));
	opt = find_option(c, options, end, OPT_COMMENT, &len);
	if (opt)
		printf(" %.*s", len, (const char *)opt);
	putchar('\n');
}

/* ---- blocks ---- */

static void on_interface(struct capture *c, uint32_t len)
{
	uint16_t n = 0;
	const uint8_t *name = find_option(c, 16, len - 4, IDB_NAME, &n);

	if (c->num_names < INTERFACES_MAX)
		snprintf(c->names[c->num_names++], sizeof(c->names[0]), "%.*s", n,
			 name ? (const char *)name : "");
}

static void on_stats(struct capture *c, uint32_t len)
{
	uint16_t n = 0;
	const uint8_t *lost = find_option(c, 20, len - 4, ISB_OSDROP, &n);

	if (lost && n == 8)
		c->lost = get_le64(lost);
}

/* Returns 1 when it is to be kept, -1 when it is no packet. */
static int on_packet(struct capture *c, uint32_t len)
{
	uint32_t cap_len = len >= PACKET_HEAD + 4 ? get_le32(c->block + 20) : BLOCK_MAX;
	uint32_t options = PACKET_HEAD + ALIGN_UP(cap_len, 4u);
	const uint8_t *lost;
	uint16_t n = 0;

	if (cap_len >= BLOCK_MAX || options > len - 4) {
		fprintf(stderr, "ladon: what the daemon sends is no pcapng\n");
		return -1;
	}
	lost = find_option(c, options, len - 4, EPB_DROPCOUNT, &n);
	if (lost && n == 8)
		c->lost += get_le64(lost);
	if (c->filter && !filter_match(c->filter, c->block + PACKET_HEAD, cap_len,
				       get_le32(c->block + 24))) {
		c->skipped++;
		return 0;
	}
	c->frames++;
	if (c->out < 0)
		print_packet(c, cap_len, options, len - 4);
	return 1;
}

static int on_block(struct capture *c, uint32_t len)
{
	int keep = 1;

	switch (get_le32(c->block)) {
	case BLOCK_INTERFACE:
		on_interface(c, len);
		break;
	case BLOCK_STATS:
		on_stats(c, len);
		break;
	case BLOCK_PACKET:
		keep = on_packet(c, len);
		break;
	}
	if (keep < 0)
		return -2;
	return keep ? keep_block(c, len) : 0;
}

/* Returns 0, or -2 when something went wrong and was said. */
static int run(struct capture *c)
{
	uint32_t len;
	int ret = 0;

	while (ret == 0 && (!c->count || c->frames < c->count) && (len = read_block(c)))
		ret = on_block(c, len);
	if (ret == 0 && c->out >= 0)
		ret = flush(c);
	return ret == -2 ? ret : 0;
}

/* ---- life ---- */

static int open_out(struct capture *c)
{
	c->out = -1;
	if (!c->file)
		return 0;
	if (!strcmp(c->file, "-")) {
		if (isatty(STDOUT_FILENO))
			return bad_words(
				"a terminal cannot show pcapng: leave -w away for text");
		c->file = "standard output";
		c->out = dup(STDOUT_FILENO);
	} else {
		c->out = open(c->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY,
			      0600);
	}
	if (c->out < 0)
		fprintf(stderr, "ladon: %s: %s\n", c->file, strerror(errno));
	return c->out < 0 ? -1 : 0;
}

static int make_filter(struct capture *c)
{
	char why[300];

	if (!c->filter_text)
		return 0;
	c->filter = filter_new(c->filter_text, why, sizeof(why));
	if (!c->filter)
		fprintf(stderr, "ladon: filter \"%s\": %s\n", c->filter_text, why);
	return c->filter ? 0 : -1;
}

static void catch_signals(void)
{
	struct sigaction end = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGINT, &end, NULL);
	sigaction(SIGTERM, &end, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void capture_free(struct capture *c)
{
	filter_free(c->filter);
	if (c->out >= 0)
		close(c->out);
	if (c->in >= 0)
		close(c->in);
	free(c);
}

static int capture(const struct cli *cli, struct capture *c, int argc, char **argv)
{
	int ret;

	if (make_filter(c) < 0)
		return 2;
	c->in = cli_connect(cli);
	if (c->in < 0 || !cli_accepted(cli, c->in, argc, argv))
		return 1;
	if (open_out(c) < 0) /* only now: a refused capture leaves an old file alone */
		return 1;
	catch_signals();
	if (c->out < 0)
		setvbuf(stdout, NULL, _IOLBF, 0);
	ret = run(c);
	fprintf(stderr, "%" PRIu64 " frames captured", c->frames);
	if (c->filter)
		fprintf(stderr, ", %" PRIu64 " did not match", c->skipped);
	fprintf(stderr, ", %" PRIu64 " lost\n", c->lost);
	return ret < 0 ? 1 : 0;
}

static int run_capture(const struct cli *cli, int argc, char **argv)
{
	struct capture *c = calloc(1, sizeof(*c));
	int rc;

	if (!c)
		return 1;
	c->in = c->out = -1;
	argc = take_own_words(c, argc, argv);
	rc = argc < 0 ? 2 : capture(cli, c, argc, argv);
	capture_free(c);
	return rc;
}

const struct cli_command cli_capture_commands[] = {
	{"capture",
	 "CARD [vf N | uplink] [drops] [snaplen BYTES] [filter EXPRESSION] [count N] [-w "
	 "FILE|-]",
	 "frames of the card, a VF or the uplink, or only those dropped, with the reason: "
	 "text, "
	 "or pcapng for -w",
	 NULL, run_capture},
	{NULL, NULL, NULL, NULL, NULL},
};
