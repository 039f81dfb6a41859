/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * words.h - the words of one command line: a cursor over them, the values they may be, and the
 * one sentence that is said when they are not. Pure: no daemon, no system call.
 */
#ifndef LADON_DAEMON_WORDS_H
#define LADON_DAEMON_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#define WORDS_MAX     64    /* words of one line */
#define WORD_LEN_MAX  32768 /* bytes of one word: a list of all VLANs has 20 KiB */
#define CMD_ERROR_MAX 640

/* Why a command was refused: one sentence for people, one errno for programs. */
struct cmd_error {
	int err; /* a positive errno, 0 = none */
	char text[CMD_ERROR_MAX];
};

/* Fills *error (err is -errno) and returns err. Control bytes in the text become '?'. */
int cmd_fail(struct cmd_error *error, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct words {
	const char *const *word; /* borrowed */
	unsigned num, at;
	const char *usage; /* of the verb, for the sentences; never NULL */
};

/* The next word, or NULL at the end. */
const char *words_next(struct words *w);
/* The next word, or -EINVAL saying that `what` is missing. */
int words_need(struct words *w, const char *what, const char **ret_word,
	       struct cmd_error *error);
/* -EINVAL unless all words are taken. */
int words_end(const struct words *w, struct cmd_error *error);

/* Decimal, no sign, no blanks, min ... max. Returns 0 or -EINVAL. */
int word_number(const char *word, unsigned min, unsigned max, unsigned *ret_number);
/* The same, or hexadecimal after "0x". */
int word_number_or_hex(const char *word, unsigned min, unsigned max, unsigned *ret_number);
/* "on" | "off". Returns 0 or -EINVAL. */
int word_on_off(const char *word, bool *ret_on);
/* Index in list (num entries), or -EINVAL. */
int word_of(const char *word, const char *const *list, unsigned num);
/* A card's name: 1 to 15 of [a-zA-Z0-9_.-], not starting with '-' or '.'. */
bool word_is_name(const char *word);

/* One "key value" pair that a verb takes. take stores the value in dst or fails with a
 * sentence. */
struct words_option {
	const char *key;
	int (*take)(const char *value, void *dst, struct cmd_error *error);
};

/*
 * Reads "key value" pairs up to the end. Each key may come once. Returns the bit set of the
 * rows seen (at most 31 rows), or -EINVAL with a sentence.
 */
int words_options(struct words *w, const struct words_option *rows, unsigned num, void *dst,
		  struct cmd_error *error);

/*
 * Cuts line (NUL-terminated, changed) at blanks into at most max words; '#' at the start of a
 * word begins a comment. Returns the number of words or -E2BIG.
 */
int words_cut(char *line, const char **ret_words, unsigned max);

#endif
