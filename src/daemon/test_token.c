/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The rules of the VF token, a row a case: vfio-pci's (vfio_pci_validate_vf_token of Linux),
 * with "its PF is vfio-pci" read as "the card has a token"; then unlocks.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "token.h"

#define ONE	"11111111-1111-4111-8111-111111111111"
#define ONE_BIT "11111111-1111-4111-8111-111111111113"
#define TWO	"22222222-2222-4222-8222-222222222222"
#define NOW	1000u

static const uint8_t *bytes_of(const char *text)
{
	static uint8_t uuid[UUID_SIZE];

	assert_int_equal(uuid_parse(text, uuid), 0);
	return uuid;
}

static struct token token_of(const char *text)
{
	struct token token = {0};

	if (text)
		token_set(&token, bytes_of(text));
	return token;
}

/* ---- the table ---- */

struct row {
	const char *what;
	enum token_opener who;
	bool in_use;	   /* a VF is open */
	const char *set;   /* the card's token */
	const char *shown; /* NULL = none */
	enum token_verdict verdict;
	int err;
	const char *then; /* the card's token after it */
};

static const struct row rows[] = {
	{"VF, card has one, none shown", TOKEN_OF_VF, false, ONE, NULL, TOKEN_MISSING, -EACCES,
	 ONE},
	{"VF, wrong", TOKEN_OF_VF, false, ONE, TWO, TOKEN_WRONG, -EACCES, ONE},
	{"VF, wrong in its last bits", TOKEN_OF_VF, false, ONE, ONE_BIT, TOKEN_WRONG, -EACCES,
	 ONE},
	{"VF, right", TOKEN_OF_VF, false, ONE, ONE, TOKEN_ADMIT, 0, ONE},
	{"VF, right, others open", TOKEN_OF_VF, true, ONE, ONE, TOKEN_ADMIT, 0, ONE},
	{"VF, wrong, others open", TOKEN_OF_VF, true, ONE, TWO, TOKEN_WRONG, -EACCES, ONE},
	{"VF, none shown, others open", TOKEN_OF_VF, true, ONE, NULL, TOKEN_MISSING, -EACCES,
	 ONE},
	{"VF, card has none, none shown", TOKEN_OF_VF, false, NULL, NULL, TOKEN_ADMIT, 0, NULL},
	{"VF, card has none, any shown", TOKEN_OF_VF, false, NULL, ONE, TOKEN_NOT_NEEDED,
	 -EINVAL, NULL},
	{"PF, a VF open, none shown", TOKEN_OF_PF, true, ONE, NULL, TOKEN_MISSING, -EACCES,
	 ONE},
	{"PF, a VF open, wrong", TOKEN_OF_PF, true, ONE, TWO, TOKEN_WRONG, -EACCES, ONE},
	{"PF, a VF open, right", TOKEN_OF_PF, true, ONE, ONE, TOKEN_ADMIT, 0, ONE},
	{"PF, no VF open, none shown", TOKEN_OF_PF, false, ONE, NULL, TOKEN_ADMIT, 0, ONE},
	{"PF, no VF open, any shown", TOKEN_OF_PF, false, ONE, TWO, TOKEN_ADMIT, 0, TWO},
	{"PF, no VF open, the same shown", TOKEN_OF_PF, false, ONE, ONE, TOKEN_ADMIT, 0, ONE},
	{"PF, card has none, no VF open, any", TOKEN_OF_PF, false, NULL, TWO, TOKEN_ADMIT, 0,
	 TWO},
	{"PF, card has none, a VF open, none", TOKEN_OF_PF, true, NULL, NULL, TOKEN_ADMIT, 0,
	 NULL},
	{"PF, card has none, a VF open, any", TOKEN_OF_PF, true, NULL, ONE, TOKEN_NOT_NEEDED,
	 -EINVAL, NULL},
	{"view, a VF open, none shown", TOKEN_OF_VIEW, true, ONE, NULL, TOKEN_MISSING, -EACCES,
	 ONE},
	{"view, a VF open, wrong", TOKEN_OF_VIEW, true, ONE, TWO, TOKEN_WRONG, -EACCES, ONE},
	{"view, a VF open, right", TOKEN_OF_VIEW, true, ONE, ONE, TOKEN_ADMIT, 0, ONE},
	{"view, no VF open, none shown", TOKEN_OF_VIEW, false, ONE, NULL, TOKEN_ADMIT, 0, ONE},
	{"view, no VF open, another: never becomes it", TOKEN_OF_VIEW, false, ONE, TWO,
	 TOKEN_WRONG, -EACCES, ONE},
	{"view, card has none, any", TOKEN_OF_VIEW, false, NULL, ONE, TOKEN_NOT_NEEDED, -EINVAL,
	 NULL},
};

static const enum token_opener openers[] = {TOKEN_OF_VF, TOKEN_OF_PF, TOKEN_OF_VIEW};

static void check_row(const struct row *row)
{
	struct token token = token_of(row->set), then = token_of(row->then);
	struct token_unlock unlock = {0};
	struct token_ask ask = {row->who, row->shown, row->in_use, 1000, 4711, NOW};
	enum token_verdict verdict = token_open(&token, &unlock, &ask);

	if (verdict != row->verdict)
		fail_msg("%s: %s, not %s", row->what, token_verdict_word(verdict),
			 token_verdict_word(row->verdict));
	assert_int_equal(token_verdict_errno(verdict), row->err);
	if (token.set != then.set || memcmp(token.uuid, then.uuid, UUID_SIZE))
		fail_msg("%s: another token is set afterwards", row->what);
}

static void the_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		check_row(&rows[i]);
}

/* "Fewer than 36 characters, no UUID": whoever opens, whatever is set or in use. */
static void what_is_no_uuid_is_an_error(void **state)
{
	static const char *const texts[] = {"", "3333", ONE "0", "no-uuid"};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(texts) * ARRAY_SIZE(openers) * 4; i++) {
		const struct row row = {
			.what = texts[i / 12],
			.who = openers[i % 3],
			.in_use = i / 3 % 2,
			.set = i / 6 % 2 ? ONE : NULL,
			.shown = texts[i / 12],
			.verdict = TOKEN_MALFORMED,
			.err = -EINVAL,
			.then = i / 6 % 2 ? ONE : NULL,
		};

		check_row(&row);
	}
}

static void the_whole_of_it_is_compared(void **state)
{
	struct token token = token_of(ONE);
	uint8_t other[UUID_SIZE];

	(void)state;
	assert_true(token_equal(token.uuid, bytes_of(ONE)));
	for (unsigned bit = 0; bit < UUID_SIZE * 8; bit++) {
		memcpy(other, token.uuid, UUID_SIZE);
		other[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(token_equal(token.uuid, other));
		assert_int_equal(token_prove_uuid(&token, other), TOKEN_WRONG);
	}
}

static void nothing_of_a_cleared_token_stays(void **state)
{
	static const uint8_t zero[UUID_SIZE];
	struct token token = token_of(ONE);

	(void)state;
	token_clear(&token);
	assert_false(token.set);
	assert_memory_equal(token.uuid, zero, UUID_SIZE);
	/* And zeros do not open what has none. */
	assert_int_equal(token_prove_uuid(&token, zero), TOKEN_NOT_NEEDED);
}

/* ---- unlocks ---- */

static struct token token;
static struct token_unlock unlock;

static int setup(void **state)
{
	(void)state;
	token = token_of(ONE);
	unlock = (struct token_unlock){
		.state = TOKEN_UNLOCKED,
		.changes = token.changes,
		.until_ns = NOW + 60,
	};
	return 0;
}

static enum token_verdict opens(enum token_opener who, uid_t uid, pid_t pid, uint64_t now_ns)
{
	struct token_ask ask = {who, NULL, true, uid, pid, now_ns};

	return token_open(&token, &unlock, &ask);
}

static void an_unlock_is_for_one_connection(void **state)
{
	for (unsigned i = 0; i < ARRAY_SIZE(openers); i++) {
		setup(state);
		assert_true(token_unlock_pending(&token, &unlock, NOW));
		assert_int_equal(opens(openers[i], 1000, 1, NOW), TOKEN_ADMIT);
		assert_false(token_unlock_pending(&token, &unlock, NOW));
		assert_int_equal(opens(openers[i], 1000, 1, NOW), TOKEN_USED);
		assert_int_equal(opens(openers[i], 1000, 2, NOW), TOKEN_USED);
	}
}

static void an_unlock_ends(void **state)
{
	(void)state;
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW + 60), TOKEN_EXPIRED);
	assert_false(token_unlock_pending(&token, &unlock, NOW + 60));
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, UINT64_MAX), TOKEN_EXPIRED);
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW + 59), TOKEN_ADMIT);
}

static void an_unlock_may_be_for_a_uid_and_a_pid(void **state)
{
	(void)state;
	unlock.by_uid = unlock.by_pid = true;
	unlock.uid = 1000;
	unlock.pid = 4711;
	/* Others do not use it up. */
	assert_int_equal(opens(TOKEN_OF_VF, 0, 4711, NOW), TOKEN_UID);
	assert_int_equal(opens(TOKEN_OF_VF, 1000, 4712, NOW), TOKEN_PID);
	assert_int_equal(opens(TOKEN_OF_VF, 1001, 4712, NOW), TOKEN_UID);
	assert_int_equal(opens(TOKEN_OF_VF, 1000, 4711, NOW), TOKEN_ADMIT);
	setup(state);
	unlock.by_uid = true; /* uid 0 is one, too */
	assert_int_equal(opens(TOKEN_OF_VF, 1, 1, NOW), TOKEN_UID);
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW), TOKEN_ADMIT);
}

static void a_new_token_ends_an_unlock(void **state)
{
	(void)state;
	token_set(&token, bytes_of(ONE)); /* is no new one */
	assert_true(token_unlock_pending(&token, &unlock, NOW));
	token_set(&token, bytes_of(TWO));
	assert_false(token_unlock_pending(&token, &unlock, NOW));
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW), TOKEN_CHANGED);
	token_set(&token, bytes_of(ONE)); /* nor does the old one bring it back */
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW), TOKEN_CHANGED);
	setup(state);
	token_clear(&token);
	assert_false(token_unlock_pending(&token, &unlock, NOW));
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW), TOKEN_ADMIT);
	token_set(&token, bytes_of(ONE));
	assert_int_equal(opens(TOKEN_OF_VF, 0, 1, NOW), TOKEN_CHANGED);
}

static void an_unlock_that_is_not_needed_stays(void **state)
{
	struct token_ask shows = {TOKEN_OF_VF, ONE, true, 0, 1, NOW};
	struct token_ask pf = {TOKEN_OF_PF, NULL, false, 0, 1, NOW};

	(void)state;
	assert_int_equal(token_open(&token, &unlock, &shows), TOKEN_ADMIT);
	assert_int_equal(token_open(&token, &unlock, &pf), TOKEN_ADMIT);
	shows.shown = TWO; /* what is shown is judged, unlocked or not */
	assert_int_equal(token_open(&token, &unlock, &shows), TOKEN_WRONG);
	assert_true(token_unlock_pending(&token, &unlock, NOW));
}

static void every_verdict_has_its_words(void **state)
{
	(void)state;
	for (unsigned i = 0; i < TOKEN_VERDICT_NUM; i++) {
		const char *word = token_verdict_word((enum token_verdict)i);
		int err = token_verdict_errno((enum token_verdict)i);

		assert_true(strspn(word, "abcdefghijklmnopqrstuvwxyz_") == strlen(word));
		assert_true(strlen(token_verdict_text((enum token_verdict)i)) > 10);
		assert_true(i ? err == -EACCES || err == -EINVAL : err == 0);
		for (unsigned j = 0; j < i; j++)
			assert_string_not_equal(word,
						token_verdict_word((enum token_verdict)j));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table),
		cmocka_unit_test(what_is_no_uuid_is_an_error),
		cmocka_unit_test(the_whole_of_it_is_compared),
		cmocka_unit_test(nothing_of_a_cleared_token_stays),
		cmocka_unit_test_setup(an_unlock_is_for_one_connection, setup),
		cmocka_unit_test_setup(an_unlock_ends, setup),
		cmocka_unit_test_setup(an_unlock_may_be_for_a_uid_and_a_pid, setup),
		cmocka_unit_test_setup(a_new_token_ends_an_unlock, setup),
		cmocka_unit_test_setup(an_unlock_that_is_not_needed_stays, setup),
		cmocka_unit_test(every_verdict_has_its_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
