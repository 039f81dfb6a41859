/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * log.h - one line on stderr with a <N> syslog prefix when stderr is a journal stream. Only
 * daemon, host and cli log (style rule 3): lower rooms return what happened. Lines a client can
 * cause are rate-limited by log_limit: so many a second for each call site, then one line that
 * tells how many were left out.
 */
#ifndef LADON_BASE_LOG_H
#define LADON_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LVL_ERR, LOG_LVL_WARN, LOG_LVL_INFO, LOG_LVL_DEBUG, LOG_LVL_NUM };

/* Looks at the environment and the time zone now, not at the first line: before a sandbox. */
void log_open(void);
void log_set_level(enum log_level level);
/* "err" | "warn" | "info" | "debug". Returns 0 or -EINVAL. */
int log_level_parse(const char *word, enum log_level *ret_level);
void log_line(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

struct log_limit {
	uint64_t window_start; /* ns */
	uint32_t in_window;
	uint32_t left_out;
};
/* True when the caller may log one more line (10 a second for each struct log_limit). The first
 * call of a new window logs how many were left out in the last. */
bool log_limit_ok(struct log_limit *limit);

#define log_err(...)   log_line(LOG_LVL_ERR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LVL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LVL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LVL_DEBUG, __VA_ARGS__)

#endif
