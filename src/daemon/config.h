/* SPDX-License-Identifier: BSD-3-Clause */
/* config.h - the config file: the CLI's own lines, without the word ladon (ladon.conf(5)). */
#ifndef LADON_DAEMON_CONFIG_H
#define LADON_DAEMON_CONFIG_H

#include <stddef.h>

#include "cmd.h"

#define CONFIG_LINE_MAX	 4096
#define CONFIG_LINES_MAX 65536

/*
 * Walks text (len bytes; name is for the sentences) line by line: blanks part words, '#' begins
 * a comment. fn gets each parsed command; it fails with a sentence, to which "NAME:LINE: " is
 * put in front. Stops at the first failure. Returns 0 or -errno.
 */
typedef int config_fn(void *arg, const struct cmd *cmd, struct cmd_error *error);
int config_walk(const char *name, const char *text, size_t len, config_fn *fn, void *arg,
		struct cmd_error *error);

/*
 * Runs the file at path on daemon, after all its lines have been parsed. A line that fails when
 * run leaves those before it done: the caller frees the daemon. Returns 0, or -errno with a
 * sentence.
 */
int config_load(struct daemon *daemon, const char *path, struct cmd_error *error);

#endif
