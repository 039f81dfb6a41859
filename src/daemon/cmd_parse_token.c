/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_parse_token.c - the words of token set, vf unlock, pf unlock, vf set: who may attach. */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "bits.h"
#include "cmd.h"

#define UNLOCK_SECONDS	   60
#define UNLOCK_SECONDS_MAX 86400

int cmd_take_token_file(const char *value, const char **ret, struct cmd_error *error)
{
	if (!*value)
		return cmd_fail(error, -EINVAL, "token-file \"\" is wrong: a path is right");
	*ret = value;
	return 0;
}

/* ---- uids ---- */

int cmd_take_uids(const char *value, struct uid_list *ret, struct cmd_error *error)
{
	if (uids_parse(value, ret) == 0)
		return 0;
	return cmd_fail(
		error, -EINVAL,
		"allow-uid \"%.64s\" is wrong: 1 to %d user IDs such as 0,1000 are right",
		value, UIDS_MAX);
}

static int take_access(const char *value, void *dst, struct cmd_error *error)
{
	struct access_change *access = dst;

	access->of_card = !strcmp(value, "card");
	if (access->of_card || !strcmp(value, "any"))
		return 0;
	return cmd_take_uids(value, &access->uids, error);
}

int cmd_parse_vf_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {{"allow-uid", take_access}};
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf_or_n(w, ret_cmd, error);
	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), &ret_cmd->access, error);
	if (ret == 0)
		return cmd_fail(error, -EINVAL, "there is nothing to set: say \"%s\"",
				w->usage);
	return MIN(ret, 0);
}

/* ---- the token ---- */

static int take_file(const char *value, void *dst, struct cmd_error *error)
{
	return cmd_take_token_file(value, &((struct cmd *)dst)->token_file, error);
}

int cmd_parse_token_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {{"token-file", take_file}};
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), ret_cmd, error);
	return MIN(ret, 0);
}

/* "60", or "60s". */
static int take_seconds(const char *value, void *dst, struct cmd_error *error)
{
	struct cmd *cmd = dst;
	size_t len = strlen(value);
	char word[8] = "";

	len -= len && value[len - 1] == 's';
	if (len < sizeof(word))
		memcpy(word, value, len);
	if (word_number(word, 1, UNLOCK_SECONDS_MAX, &cmd->unlock.seconds) < 0)
		return cmd_fail(error, -EINVAL,
				"for \"%.64s\" is wrong: 1 to %d seconds are right", value,
				UNLOCK_SECONDS_MAX);
	return 0;
}

static int take_unlock_uid(const char *value, void *dst, struct cmd_error *error)
{
	struct unlock_params *unlock = &((struct cmd *)dst)->unlock;
	unsigned uid;

	if (word_number(value, 0, UID_LAST, &uid) < 0)
		return cmd_fail(error, -EINVAL,
				"uid \"%.64s\" is wrong: a user's number is right", value);
	unlock->by_uid = true;
	unlock->uid = uid;
	return 0;
}

static int take_unlock_pid(const char *value, void *dst, struct cmd_error *error)
{
	struct unlock_params *unlock = &((struct cmd *)dst)->unlock;
	unsigned pid;

	if (word_number(value, 1, INT_MAX, &pid) < 0)
		return cmd_fail(error, -EINVAL,
				"pid \"%.64s\" is wrong: a process's number is right", value);
	unlock->by_pid = true;
	unlock->pid = (pid_t)pid;
	return 0;
}

static int take_unlock(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {
		{"for", take_seconds},
		{"uid", take_unlock_uid},
		{"pid", take_unlock_pid},
		{"token-file", take_file},
	};
	int ret;

	ret_cmd->unlock.seconds = UNLOCK_SECONDS;
	ret = words_options(w, options, ARRAY_SIZE(options), ret_cmd, error);
	return MIN(ret, 0);
}

int cmd_parse_pf_unlock(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	return ret < 0 ? ret : take_unlock(w, ret_cmd, error);
}

int cmd_parse_vf_unlock(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf_or_n(w, ret_cmd, error);
	return ret < 0 ? ret : take_unlock(w, ret_cmd, error);
}
