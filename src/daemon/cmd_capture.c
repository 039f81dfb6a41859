/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_capture.c - the words of capture; capture.c does it, for a connection. */
#include <errno.h>
#include <string.h>

#include "cmd.h"
#include "nic_capture.h"

static int take_snaplen(struct words *w, struct cmd *cmd, struct cmd_error *error)
{
	const char *word;
	int ret = words_need(w, "the number of bytes after snaplen", &word, error);

	if (ret < 0)
		return ret;
	if (word_number(word, 1, NIC_CAPTURE_SNAP, &cmd->capture.snaplen) < 0)
		return cmd_fail(error, -EINVAL,
				"snaplen \"%.64s\" is wrong: 1 to %u bytes are right", word,
				(unsigned)NIC_CAPTURE_SNAP);
	return 0;
}

static int take_word(struct words *w, struct cmd *cmd, struct cmd_error *error)
{
	struct capture_request *c = &cmd->capture;
	const char *word = w->word[w->at];
	bool of_port = c->vf || c->uplink;

	if (!strcmp(word, "vf") && !of_port) {
		c->vf = true;
		return cmd_take_vf(w, cmd, error);
	}
	w->at++;
	if (!strcmp(word, "uplink") && !of_port)
		c->uplink = true;
	else if (!strcmp(word, "drops") && !c->drops)
		c->drops = true;
	else if (!strcmp(word, "snaplen") && !c->snaplen)
		return take_snaplen(w, cmd, error);
	else
		return cmd_fail(error, -EINVAL, "\"%.64s\" is wrong here: say \"%s\"", word,
				w->usage);
	return 0;
}

int cmd_parse_capture(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	while (ret == 0 && w->at < w->num)
		ret = take_word(w, ret_cmd, error);
	return ret;
}

CMD_RUN(cmd_capture)
{
	(void)daemon;
	(void)cmd;
	(void)ret_data;
	return cmd_fail(error, -EINVAL,
			"capture needs a connection: it has no place in a config file");
}
