/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_config.c - a config file of anybody's. Promised and checked with abort(): each command
 * is within its bounds; a refusal says "f:LINE: " and a sentence of one line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		abort();
}

static int take(void *arg, const struct cmd *cmd, struct cmd_error *error)
{
	(void)arg;
	(void)error;
	must(cmd->row && !(cmd->row->flags & CMD_MONITOR) &&
	     (cmd->vf < NIC_MAX_VFS || cmd->vf == NIC_PF));
	must(!cmd->card[0] || word_is_name(cmd->card));
	must(cmd->add.num_vfs <= NIC_MAX_VFS && cmd->link.vlan < 4095 && cmd->link.qos < 8);
	must(!(cmd->link.fields & LINK_RATE_TOO) && cmd->link.rate <= NIC_MAX_MBPS);
	must(cmd->add.mtu <= 9216 && cmd->add.num_cpus <= NIC_WORKERS_MAX &&
	     !(cmd->add.mac[0] & 1));
	must(!(cmd->link.fields & LINK_MAC) || !(cmd->link.mac[0] & 1));
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cmd_error error = {0};
	char *text = malloc(size);
	unsigned line;
	int ret;

	must(text || !size);
	if (size)
		memcpy(text, data, size);
	ret = config_walk("f", text, size, take, NULL, &error);
	if (ret < 0) {
		must(error.err == -ret && !strchr(error.text, '\n'));
		must(sscanf(error.text, "f:%u: ", &line) == 1 && line >= 1);
	}
	free(text);
	return 0;
}
