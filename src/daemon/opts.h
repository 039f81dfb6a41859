/* SPDX-License-Identifier: BSD-3-Clause */
/* opts.h - ladond's command line. */
#ifndef LADON_DAEMON_OPTS_H
#define LADON_DAEMON_OPTS_H

#include <stdbool.h>
#include <stdint.h>

#include "log.h"

enum opts_action { OPTS_RUN, OPTS_HELP, OPTS_VERSION };

struct opts {
	enum opts_action action;
	const char *run_dir; /* borrowed from argv or the environment; NULL = opts_run_dir's */
	const char *config;  /* borrowed from argv; NULL = none */
	const char *packet;  /* likewise: interfaces for packet uplinks, commas between */
	bool mapped_doorbells;
	bool busy_poll;
	bool sandbox;
	uint32_t idle_sleep_us; /* 0 = the data path's default */
	int cpu;		/* -1 = not pinned */
	enum log_level log_level;
};

#define OPTS_ERROR_MAX 256

/*
 * Reads argv (argc >= 1). Returns 0, or -EINVAL with a sentence in error (OPTS_ERROR_MAX
 * bytes). Does not print and does not exit.
 */
int opts_parse(int argc, char **argv, struct opts *ret_opts, char *error);

/* The text of --help. */
const char *opts_help(void);

/*
 * The run directory: --run-dir, $LADON_RUN_DIR, $XDG_RUNTIME_DIR/ladon, for root /run/ladon.
 * Returns the length, or -ENOENT when none of them says, -ENAMETOOLONG.
 */
int opts_run_dir(const struct opts *opts, char *buf, unsigned size);

#endif
