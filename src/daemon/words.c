/* SPDX-License-Identifier: BSD-3-Clause */
#include "words.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_LEN_MAX 15

int cmd_fail(struct cmd_error *error, int err, const char *fmt, ...)
{
	va_list args;

	error->err = -err;
	va_start(args, fmt);
	vsnprintf(error->text, sizeof(error->text), fmt, args);
	va_end(args);
	/* A word of the user's may hold anything; the sentence is one line. */
	for (char *p = error->text; *p; p++) {
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	}
	return err;
}

const char *words_next(struct words *w)
{
	return w->at < w->num ? w->word[w->at++] : NULL;
}

int words_need(struct words *w, const char *what, const char **ret_word,
	       struct cmd_error *error)
{
	const char *word = words_next(w);

	if (!word)
		return cmd_fail(error, -EINVAL, "%s is missing: say \"%s\"", what, w->usage);
	*ret_word = word;
	return 0;
}

int words_end(const struct words *w, struct cmd_error *error)
{
	if (w->at == w->num)
		return 0;
	return cmd_fail(error, -EINVAL, "\"%.64s\" is one word too many: say \"%s\"",
			w->word[w->at], w->usage);
}

/* The value of a digit, or a number that no base has. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : UINT_MAX;
}

static int number_in(unsigned base, const char *word, unsigned min, unsigned max,
		     unsigned *ret_number)
{
	uint64_t n = 0;

	if (!*word)
		return -EINVAL;
	for (; *word; word++) {
		unsigned digit = digit_value(*word);

		if (digit >= base)
			return -EINVAL;
		n = n * base + digit;
		if (n > max)
			return -EINVAL;
	}
	if (n < min)
		return -EINVAL;
	*ret_number = (unsigned)n;
	return 0;
}

int word_number(const char *word, unsigned min, unsigned max, unsigned *ret_number)
{
	return number_in(10, word, min, max, ret_number);
}

int word_number_or_hex(const char *word, unsigned min, unsigned max, unsigned *ret_number)
{
	bool hex = word[0] == '0' && (word[1] == 'x' || word[1] == 'X');

	return hex ? number_in(16, word + 2, min, max, ret_number)
		   : number_in(10, word, min, max, ret_number);
}

int word_on_off(const char *word, bool *ret_on)
{
	static const char *const list[] = {"off", "on"};
	int i = word_of(word, list, 2);

	if (i < 0)
		return i;
	*ret_on = i;
	return 0;
}

int word_of(const char *word, const char *const *list, unsigned num)
{
	for (unsigned i = 0; i < num; i++) {
		if (!strcmp(word, list[i]))
			return (int)i;
	}
	return -EINVAL;
}

bool word_is_name(const char *word)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789_.-";
	size_t len = strlen(word);

	if (len < 1 || len > NAME_LEN_MAX || word[0] == '-' || word[0] == '.')
		return false;
	return strspn(word, allowed) == len;
}

/* The row of key; a sentence that lists them all when there is none. */
static int option_find(const char *key, const struct words_option *rows, unsigned num,
		       struct cmd_error *error)
{
	char list[256] = "";
	size_t at = 0;

	for (unsigned i = 0; i < num; i++) {
		if (!strcmp(key, rows[i].key))
			return (int)i;
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", i ? ", " : "",
				       rows[i].key);
		if (at >= sizeof(list))
			at = sizeof(list) - 1;
	}
	return cmd_fail(error, -EINVAL, "\"%.64s\" is not known here: one of %s is right", key,
			list);
}

int words_options(struct words *w, const struct words_option *rows, unsigned num, void *dst,
		  struct cmd_error *error)
{
	unsigned seen = 0;
	const char *key, *value;

	while ((key = words_next(w))) {
		int i = option_find(key, rows, num, error);
		int ret;

		if (i < 0)
			return i;
		if (seen & 1u << i)
			return cmd_fail(error, -EINVAL, "%s is given twice: once is right",
					rows[i].key);
		seen |= 1u << i;
		value = words_next(w);
		if (!value)
			return cmd_fail(error, -EINVAL,
					"the value after %s is missing: say \"%s\"",
					rows[i].key, w->usage);
		ret = rows[i].take(value, dst, error);
		if (ret < 0)
			return ret;
	}
	return (int)seen;
}

int words_cut(char *line, const char **ret_words, unsigned max)
{
	static const char blanks[] = " \t\r\n\v\f";
	unsigned n = 0;

	for (;;) {
		line += strspn(line, blanks);
		if (!*line || *line == '#')
			return (int)n;
		if (n == max)
			return -E2BIG;
		ret_words[n++] = line;
		line += strcspn(line, blanks);
		if (*line)
			*line++ = '\0';
	}
}
