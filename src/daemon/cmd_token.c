/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_token.c - token set, clear, show; vf unlock, pf unlock; vf set: who may attach. */
#include <errno.h>
#include <string.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "cmd.h"
#include "daemon.h"
#include "event.h"
#include "json_util.h"
#include "log.h"
#include "secret.h"

/* ---- the token that comes with a command ---- */

static int text_to_uuid(const char *text, uint8_t *ret_uuid, struct cmd_error *error)
{
	if (uuid_parse(text, ret_uuid) == 0)
		return 1;
	/* Not a byte of it is shown: it may be a right token with a typing error. */
	return cmd_fail(error, -EINVAL,
			"the VF token is no UUID: 36 characters as uuidgen(1) prints them are "
			"right");
}

int cmd_token_text(const char *path, char ret_text[CMD_TOKEN_ROOM], struct cmd_error *error)
{
	const char *why = "";
	int ret = secret_read_file(path, ret_text, CMD_TOKEN_ROOM, &why);

	if (ret < 0)
		return cmd_fail(error, ret, "token-file %.256s cannot be used: %s", path, why);
	return 0;
}

static int file_to_uuid(const char *path, uint8_t *ret_uuid, struct cmd_error *error)
{
	char text[CMD_TOKEN_ROOM];
	int ret = cmd_token_text(path, text, error);

	if (ret == 0)
		ret = text_to_uuid(text, ret_uuid, error);
	explicit_bzero(text, sizeof(text));
	return ret;
}

int cmd_token_read(const struct cmd *cmd, const char *file, uint8_t *ret_uuid,
		   struct cmd_error *error)
{
	if (cmd->token && file)
		return cmd_fail(error, -EINVAL, "two VF tokens are given: one is right");
	if (cmd->token)
		return text_to_uuid(cmd->token, ret_uuid, error);
	return file ? file_to_uuid(file, ret_uuid, error) : 0;
}

static int must_read(const struct cmd *cmd, uint8_t *ret_uuid, struct cmd_error *error)
{
	int ret = cmd_token_read(cmd, cmd->token_file, ret_uuid, error);

	if (ret)
		return MIN(ret, 0);
	return cmd_fail(error, -EINVAL, "the VF token is missing: say \"%s\"", cmd->row->usage);
}

/* ---- token ---- */

CMD_RUN(cmd_token_set)
{
	uint8_t uuid[UUID_SIZE];
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	(void)ret_data;
	if (ret == 0)
		ret = must_read(cmd, uuid, error);
	if (ret < 0)
		return ret;
	token_set(&card->token, uuid);
	explicit_bzero(uuid, sizeof(uuid));
	card_token_told(card, NULL);
	return 0;
}

CMD_RUN(cmd_token_clear)
{
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	(void)ret_data;
	if (ret < 0)
		return ret;
	token_clear(&card->token);
	card_token_told(card, NULL);
	return 0;
}

static struct json_object *show_json(const struct card *card, bool unused)
{
	struct json_object *obj = card_token_json(card);

	(void)unused;
	json_add_str(obj, "card", card->name);
	return obj;
}

CMD_RUN(cmd_token_show)
{
	return cards_json(daemon, cmd->card, show_json, false, ret_data, error);
}

/* ---- unlock ---- */

/* Whoever unlocks shows the token in the place of the client, and is judged as it would be. */
static int check_token(struct card *card, const struct cmd *cmd, struct cmd_error *error)
{
	static struct log_limit limit;
	enum token_verdict verdict;
	uint8_t uuid[UUID_SIZE];
	int ret;

	if (!card->token.set)
		return cmd_fail(error, -EINVAL, "%s has no VF token: nothing of it is locked",
				card->name);
	ret = must_read(cmd, uuid, error);
	if (ret < 0)
		return ret;
	verdict = token_prove_uuid(&card->token, uuid);
	explicit_bzero(uuid, sizeof(uuid));
	if (verdict == TOKEN_ADMIT)
		return 0;
	card->refused[verdict]++;
	if (log_limit_ok(&limit))
		log_warn("%s: an unlock was refused: it showed a wrong VF token", card->name);
	return cmd_fail(error, token_verdict_errno(verdict),
			"this is not the VF token of %s: nothing was unlocked", card->name);
}

static void unlock(struct function *fn, const struct unlock_params *params)
{
	fn->unlock = (struct token_unlock){
		.state = TOKEN_UNLOCKED,
		.changes = fn->card->token.changes,
		.until_ns = clock_ns() + params->seconds * NSEC_PER_SEC,
		.by_uid = params->by_uid,
		.by_pid = params->by_pid,
		.uid = params->uid,
		.pid = params->pid,
	};
	event_unlock(fn->daemon, fn, params->seconds);
}

CMD_RUN(cmd_vf_unlock)
{
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	if (ret == 0)
		ret = check_token(fn->card, cmd, error);
	if (ret == 0)
		unlock(fn, &cmd->unlock);
	return ret;
}

/* A management VM attaches all of these. */
CMD_RUN(cmd_pf_unlock)
{
	struct card *card;
	int ret = card_find(daemon, cmd->card, &card, error);

	(void)ret_data;
	if (ret == 0)
		ret = check_token(card, cmd, error);
	if (ret < 0)
		return ret;
	unlock(card->pf, &cmd->unlock);
	for (unsigned n = 0; n < I82576_PF_MAX_VFS; n++)
		if (card->views[n])
			unlock(card->views[n], &cmd->unlock);
	return 0;
}

/* ---- vf set ---- */

CMD_RUN(cmd_vf_set)
{
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	if (ret < 0)
		return ret;
	fn->own_uids = !cmd->access.of_card;
	fn->uids = cmd->access.uids;
	return 0;
}
