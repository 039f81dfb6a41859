/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_control.c - what a client of the control socket may send: lines of JSON, their words,
 * the grammar behind them, and the verbs that only show, on a daemon without cards.
 *
 * Input: lines. Each is cut out to exactly its size, so that ASan sees a byte too many.
 * Promised and checked with abort(): a reply is one line of JSON; a refusal has a sentence of
 * one line and an errno; a command is within its bounds.
 */
#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cmd.h"
#include "daemon.h"
#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct daemon daemon_without_cards; /* zero: no loop, no control socket */

static void must(int truth)
{
	if (!truth)
		abort();
}

/* Takes reply. */
static void check_reply(char *reply, size_t len)
{
	struct json_object *obj;
	char *text;

	must(reply && len > 1 && memchr(reply, '\n', len) == reply + len - 1);
	text = malloc(len);
	must(text != NULL);
	memcpy(text, reply, len - 1);
	text[len - 1] = '\0';
	obj = json_tokener_parse(text);
	must(json_object_is_type(obj, json_type_object));
	json_object_put(obj);
	free(text);
	free(reply);
}

static void check_error(const struct cmd_error *error, int ret)
{
	must(ret < 0 && error->err == -ret && error->text[0]);
	must(strlen(error->text) < sizeof(error->text) && !strchr(error->text, '\n'));
}

static void check_cmd(const struct cmd *cmd)
{
	must(cmd->row && (cmd->vf < NIC_MAX_VFS || cmd->vf == NIC_PF));
	must(!cmd->card[0] || word_is_name(cmd->card));
	must(cmd->add.num_vfs <= NIC_MAX_VFS && cmd->link.vlan < 4095 && cmd->link.qos < 8);
	must(!(cmd->link.fields & LINK_RATE_TOO) && cmd->link.rate <= NIC_MAX_MBPS);
}

static void one_line(const char *line, size_t len)
{
	struct json_object *out = NULL;
	struct cmd_error error = {0};
	struct request req;
	struct cmd cmd;
	size_t reply_len = 0;
	int ret = request_parse(line, len, &req, &error);

	if (ret == 0)
		ret = cmd_parse(req.words, req.num, &cmd, &error);
	if (ret == 0) {
		check_cmd(&cmd);
		cmd.stats = req.stats;
		if (!(cmd.row->flags & (CMD_CHANGE | CMD_MONITOR | CMD_CAPTURE)))
			ret = cmd_run(&daemon_without_cards, &cmd, &out, &error);
	}
	if (ret < 0) {
		char *reply;

		check_error(&error, ret);
		reply = reply_error(req.id, &error, &reply_len);
		check_reply(reply, reply_len);
	} else {
		char *reply = reply_ok(req.id, out, &reply_len);

		check_reply(reply, reply_len);
	}
	request_done(&req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = data + size;

	while (data < end) {
		const uint8_t *eol = memchr(data, '\n', (size_t)(end - data));
		size_t len = (size_t)((eol ? eol : end) - data);
		char *line = malloc(len);

		must(line || !len);
		if (len)
			memcpy(line, data, len);
		one_line(line, len);
		free(line);
		data += len + !!eol;
	}
	return 0;
}
