/* SPDX-License-Identifier: BSD-3-Clause */
#include "log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"

#define LOG_LINE_MAX   1024
#define LIMIT_A_SECOND 10

/* The words of log_level_parse and of the prefix, and the numbers of syslog(3). */
static const struct {
	const char *word;
	int syslog;
} levels[] = {
	[LOG_LVL_ERR] = {"err", 3},
	[LOG_LVL_WARN] = {"warn", 4},
	[LOG_LVL_INFO] = {"info", 6},
	[LOG_LVL_DEBUG] = {"debug", 7},
};
static_assert(ARRAY_SIZE(levels) == LOG_LVL_NUM, "each level has its row");

static _Atomic int max_level = LOG_LVL_INFO; /* alone: no partner, relaxed would do */
static pthread_mutex_t limit_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool to_journal; /* written once by log_init */

/* systemd.exec(5): JOURNAL_STREAM is "device:inode" of what the service manager gave as stderr.
 */
static void log_init(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	tzset();
	if (!stream || sscanf(stream, "%llu:%llu", &dev, &ino) != 2)
		return;
	to_journal = fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_open(void)
{
	pthread_once(&once, log_init);
}

void log_set_level(enum log_level level)
{
	max_level = (int)level;
}

int log_level_parse(const char *word, enum log_level *ret_level)
{
	for (unsigned i = 0; i < LOG_LVL_NUM; i++) {
		if (!strcmp(word, levels[i].word)) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int prefix(char *buf, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;

	if (to_journal)
		return snprintf(buf, size, "<%d>", levels[level].syslog);
	clock_gettime(CLOCK_REALTIME, &now);
	if (!localtime_r(&now.tv_sec, &tm))
		memset(&tm, 0, sizeof(tm));
	return snprintf(buf, size, "%02d:%02d:%02d.%03ld %s: ", tm.tm_hour, tm.tm_min,
			tm.tm_sec, now.tv_nsec / 1000000, levels[level].word);
}

/* A name or reason from a client may hold anything: a newline would forge a second line. */
static void make_printable(char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
			text[i] = '?';
	}
}

void log_line(enum log_level level, const char *fmt, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno;
	size_t at, len;
	va_list args;
	int n;

	if ((int)level > max_level)
		return;
	log_open();
	at = (size_t)prefix(line, sizeof(line), level);
	errno = saved; /* for %m */
	va_start(args, fmt);
	n = vsnprintf(line + at, sizeof(line) - at, fmt, args);
	va_end(args);
	len = n < 0 ? 0 : MIN((size_t)n, sizeof(line) - at - 1);
	make_printable(line + at, len);
	line[at + len] = '\n'; /* in the place of the NUL */
	/* A full or closed stderr is no reason to stop, nor is there anybody to tell. */
	n = (int)write(STDERR_FILENO, line, at + len + 1);
	errno = saved;
}

/* Opens a new second if the old one is over; returns the number of lines left out in the old.
 */
static uint32_t limit_window(struct log_limit *limit, uint64_t now)
{
	uint32_t left_out = limit->left_out;

	if (limit->window_start && now - limit->window_start < NSEC_PER_SEC)
		return 0;
	*limit = (struct log_limit){.window_start = now};
	return left_out;
}

bool log_limit_ok(struct log_limit *limit)
{
	uint32_t left_out;
	bool ok;

	pthread_mutex_lock(&limit_lock);
	left_out = limit_window(limit, clock_ns());
	ok = limit->in_window < LIMIT_A_SECOND;
	if (ok)
		limit->in_window++;
	else if (limit->left_out < UINT32_MAX)
		limit->left_out++;
	pthread_mutex_unlock(&limit_lock);
	if (left_out)
		log_warn("%u lines like the next were left out", left_out);
	return ok;
}
