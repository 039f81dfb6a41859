/* SPDX-License-Identifier: BSD-3-Clause */
#include "token.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "bits.h"

static const struct {
	const char *word, *text;
	int err;
} verdicts[] = {
	[TOKEN_ADMIT] = {"admitted", "it is admitted", 0},
	[TOKEN_MISSING] = {"no_token",
			   "it showed no VF token, and nobody unlocked the function", -EACCES},
	[TOKEN_WRONG] = {"wrong_token", "it showed a wrong VF token", -EACCES},
	[TOKEN_NOT_NEEDED] = {"token_not_needed", "it showed a VF token, but the card has none",
			      -EINVAL},
	[TOKEN_MALFORMED] = {"malformed_token", "it showed a VF token that is no UUID",
			     -EINVAL},
	[TOKEN_EXPIRED] = {"unlock_expired", "the function's unlock has expired", -EACCES},
	[TOKEN_USED] = {"unlock_used",
			"it showed no VF token, and another client used the unlock", -EACCES},
	[TOKEN_CHANGED] = {"unlock_changed",
			   "the function was unlocked with a VF token that has changed since",
			   -EACCES},
	[TOKEN_UID] = {"unlock_uid", "the function is unlocked for another uid", -EACCES},
	[TOKEN_PID] = {"unlock_pid", "the function is unlocked for another pid", -EACCES},
	[TOKEN_UID_NOT_LISTED] = {"uid_not_allowed", "its uid is not among those of allow-uid",
				  -EACCES},
};
static_assert(ARRAY_SIZE(verdicts) == TOKEN_VERDICT_NUM, "each verdict has its row");

const char *token_verdict_word(enum token_verdict verdict)
{
	return verdicts[verdict].word;
}

const char *token_verdict_text(enum token_verdict verdict)
{
	return verdicts[verdict].text;
}

int token_verdict_errno(enum token_verdict verdict)
{
	return verdicts[verdict].err;
}

/* The barrier hides from the compiler what diff is, so that it cannot leave the loop early. */
bool token_equal(const uint8_t a[UUID_SIZE], const uint8_t b[UUID_SIZE])
{
	unsigned diff = 0;

	for (unsigned i = 0; i < UUID_SIZE; i++) {
		diff |= a[i] ^ b[i];
		__asm__ volatile("" : "+r"(diff));
	}
	return !diff;
}

/* The same one again changes nothing: what is unlocked stays so. */
void token_set(struct token *token, const uint8_t uuid[UUID_SIZE])
{
	if (token->set && token_equal(token->uuid, uuid))
		return;
	memcpy(token->uuid, uuid, UUID_SIZE);
	token->set = true;
	token->changes++;
}

void token_clear(struct token *token)
{
	explicit_bzero(token->uuid, sizeof(token->uuid));
	token->set = false;
	token->changes++;
}

enum token_verdict token_prove_uuid(const struct token *token, const uint8_t uuid[UUID_SIZE])
{
	if (!token->set)
		return TOKEN_NOT_NEEDED;
	return token_equal(token->uuid, uuid) ? TOKEN_ADMIT : TOKEN_WRONG;
}

static enum token_verdict prove(const struct token *token, const char *shown)
{
	enum token_verdict verdict;
	uint8_t uuid[UUID_SIZE];

	if (uuid_parse(shown, uuid) < 0)
		return TOKEN_MALFORMED;
	verdict = token_prove_uuid(token, uuid);
	explicit_bzero(uuid, sizeof(uuid));
	return verdict;
}

/* The PF's opener, with no VF in use: there is nobody whom the token protects. */
static enum token_verdict take_over(struct token *token, const char *shown)
{
	uint8_t uuid[UUID_SIZE];

	if (uuid_parse(shown, uuid) < 0)
		return TOKEN_MALFORMED;
	token_set(token, uuid);
	explicit_bzero(uuid, sizeof(uuid));
	return TOKEN_ADMIT;
}

/* A peer that it is not for leaves the unlock to the one it is for. */
static enum token_verdict use_unlock(const struct token *token, struct token_unlock *unlock,
				     const struct token_ask *ask)
{
	if (unlock->state == TOKEN_LOCKED)
		return TOKEN_MISSING;
	if (unlock->state == TOKEN_UNLOCK_USED)
		return TOKEN_USED;
	if (unlock->changes != token->changes)
		return TOKEN_CHANGED;
	if (ask->now_ns >= unlock->until_ns)
		return TOKEN_EXPIRED;
#ifndef LADON_BREAK_UNLOCK
	if (unlock->by_uid && unlock->uid != ask->uid)
		return TOKEN_UID;
	if (unlock->by_pid && unlock->pid != ask->pid)
		return TOKEN_PID;
#endif
	unlock->state = TOKEN_UNLOCK_USED;
	return TOKEN_ADMIT;
}

enum token_verdict token_open(struct token *token, struct token_unlock *unlock,
			      const struct token_ask *ask)
{
#ifdef LADON_BREAK_TOKEN
	return TOKEN_ADMIT;
#endif
	if (ask->shown && ask->opener == TOKEN_OF_PF && !ask->vfs_in_use)
		return take_over(token, ask->shown);
	if (ask->shown)
		return prove(token, ask->shown);
	if (!token->set || (ask->opener != TOKEN_OF_VF && !ask->vfs_in_use))
		return TOKEN_ADMIT;
	return use_unlock(token, unlock, ask);
}

bool token_unlock_pending(const struct token *token, const struct token_unlock *unlock,
			  uint64_t now_ns)
{
	return token->set && unlock->state == TOKEN_UNLOCKED &&
	       unlock->changes == token->changes && now_ns < unlock->until_ns;
}
