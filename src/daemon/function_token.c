/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_token.c - who may attach to a function: the uids that are listed, at the door, and
 * the VF token, in VERSION. What was refused is counted by reason at the card, told to who
 * monitors, and logged; the token never.
 */
#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "event.h"
#include "function.h"
#include "json_util.h"

unsigned card_token_users(const struct card *card)
{
	unsigned users = 0;

	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		users += fn->client.accepted;
	return users;
}

/* ---- refusing ---- */

void function_refused(struct function *fn, pid_t pid, uid_t uid, const char *reason)
{
	fn->refusals++;
	if (!log_limit_ok(&fn->log_refused))
		return;
	log_warn("%s: client refused (pid %d, uid %u): %s", fn->name, (int)pid, (unsigned)uid,
		 reason);
	event_refused(fn->daemon, fn, pid, uid, reason);
}

static int refuse(struct function *fn, enum token_verdict verdict, const char **why)
{
	fn->card->refused[verdict]++;
	*why = token_verdict_text(verdict);
	return token_verdict_errno(verdict);
}

/* ---- the door ---- */

const struct uid_list *function_uids(const struct function *fn)
{
	return fn->own_uids ? &fn->uids : &fn->card->params.uids;
}

int function_admit_uid(struct function *fn, uid_t uid, const char **why)
{
#ifdef LADON_BREAK_ALLOW_UID
	return 0;
#endif
	if (uids_have(function_uids(fn), uid))
		return 0;
	return refuse(fn, TOKEN_UID_NOT_LISTED, why);
}

/* ---- the token ---- */

int function_admit(struct function *fn, const struct vfu_client_caps *caps, const char **why)
{
	struct card *card = fn->card;
	uint32_t changes = card->token.changes;
	struct token_ask ask = {
		.opener = fn->kind->opener,
		.shown = caps->shows_token ? caps->vf_token : NULL,
		.vfs_in_use = card_token_users(card) > 0,
		.uid = fn->client.uid,
		.pid = fn->client.pid,
		.now_ns = clock_ns(),
	};
	enum token_verdict verdict;
	int ret;

	/* Who uses it at a compute host is that host's choice, as at the door. */
	if (fn->way)
		return 0;
	verdict = token_open(&card->token, &fn->unlock, &ask);
	if (verdict == TOKEN_ADMIT) {
		if (card->token.changes != changes)
			card_token_told(card, fn);
		return 0;
	}
	ret = refuse(fn, verdict, why);
	function_refused(fn, ask.pid, ask.uid, *why);
	return ret;
}

int function_set_token(struct function *fn, const void *uuid)
{
	token_set(&fn->card->token, uuid);
	card_token_told(fn->card, fn);
	return 0;
}

void card_token_told(struct card *card, const struct function *by)
{
	const char *what = card->token.set ? "set" : "cleared";

	if (by)
		log_info("%s: the VF token was %s by the client of %s (pid %d, uid %u)",
			 card->name, what, by->name, (int)by->client.pid,
			 (unsigned)by->client.uid);
	else
		log_info("%s: the VF token was %s", card->name, what);
	event_token(card->daemon, card, card->token.set, by ? "pf" : "operator");
}

/* ---- what is shown of it ---- */

static bool pending(const struct function *fn)
{
	return fn && token_unlock_pending(&fn->card->token, &fn->unlock, clock_ns());
}

static struct json_object *unlock_json(const struct function *fn)
{
	const struct token_unlock *unlock = &fn->unlock;
	struct json_object *obj;

	if (!pending(fn))
		return NULL;
	obj = json_object_new_object();
	json_add_u64(obj, "left_s", (unlock->until_ns - clock_ns()) / NSEC_PER_SEC + 1);
	json_add(obj, "uid", unlock->by_uid ? json_object_new_uint64(unlock->uid) : NULL);
	json_add(obj, "pid", unlock->by_pid ? json_object_new_int(unlock->pid) : NULL);
	return obj;
}

static struct json_object *uids_json(const struct uid_list *list)
{
	struct json_object *array;

	if (!list->num)
		return NULL;
	array = json_object_new_array();
	for (unsigned i = 0; i < list->num; i++)
		json_object_array_add(array, json_object_new_uint64(list->uid[i]));
	return array;
}

void function_add_access(struct json_object *obj, const struct function *fn)
{
	json_add(obj, "allow_uid", uids_json(function_uids(fn)));
	json_add(obj, "unlock", unlock_json(fn));
}

static struct json_object *refused_json(const struct card *card)
{
	struct json_object *obj = json_object_new_object();

	for (unsigned i = TOKEN_ADMIT + 1; i < TOKEN_VERDICT_NUM; i++)
		json_add_u64(obj, token_verdict_word((enum token_verdict)i), card->refused[i]);
	return obj;
}

struct json_object *card_token_json(const struct card *card)
{
	struct json_object *obj = json_object_new_object();
	unsigned unlocks = pending(card->pf);

	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		unlocks += pending(fn) + pending(card->views[fn->n]);
	json_add_bool(obj, "set", card->token.set);
	json_add_u64(obj, "users", card_token_users(card));
	json_add_u64(obj, "unlocks", unlocks);
	json_add(obj, "allow_uid", uids_json(&card->params.uids));
	json_add(obj, "refused", refused_json(card));
	return obj;
}
