/* SPDX-License-Identifier: BSD-3-Clause */
/* config.h - the config file: the CLI's own lines, without the word ladon (ladon.conf(5)). */
#ifndef LADON_DAEMON_CONFIG_H
#define LADON_DAEMON_CONFIG_H

#include <stddef.h>

#include "cmd.h"
#include "pcap_spec.h"

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
 * A file in two steps, for the sandbox comes in between: it is read, all its lines are parsed,
 * and the token files that they name are read, files of pcap uplinks opened; then they are run.
 * A line that fails when run leaves those before it done: the caller frees the daemon. Return
 * 0, or -errno with a sentence.
 */
struct config {
	const char *path; /* borrowed */
	char *text;	  /* owned; NULL = no file */
	size_t len;
	char (*token)[CMD_TOKEN_ROOM]; /* owned: of the lines that have one, in their order */
	unsigned num_tokens;
	int (*files)[PCAP_FILES]; /* owned: likewise, of pcap uplinks */
	unsigned num_files;
};
int config_read(const char *path, struct config *ret_config, struct cmd_error *error);
int config_run(struct daemon *daemon, const struct config *config, struct cmd_error *error);
/* Takes one that was never read, if it is zeroed. */
void config_done(struct config *config);

#endif
