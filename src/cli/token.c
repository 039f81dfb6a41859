/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ladon token ..., vf unlock, pf unlock, card add, host add: the commands that take a token. It
 * is read here, as the user who says the command, and goes beside the words: argv is for
 * everybody to see, and words are logged.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bits.h"
#include "cli.h"
#include "fd.h"
#include "secret.h"
#include "uuid.h"

#define TEXT_ROOM  64
#define FIRST_PAIR 3 /* "token set CARD token-file F": before it nothing can be one */
#define FD_MAX	   65535
#define FROM_STDIN "the token is read from standard input"

/* Where the token comes from. */
struct source {
	const char *word, *value; /* NULL = standard input */
};

static const char *const source_words[] = {"token-file", "token-fd", "token-env"};

static int complain(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "ladon: %s %s cannot be used: %s\n", what, name, why);
	return -1;
}

/* ---- words ---- */

static bool is_source(const char *word)
{
	for (unsigned i = 0; i < ARRAY_SIZE(source_words); i++) {
		if (!strcmp(word, source_words[i]))
			return true;
	}
	return false;
}

/* Whoever says it here has shown it to all who run ps(1). */
static int check_word(const char *word)
{
	uint8_t uuid[UUID_SIZE];

	if (uuid_parse(word, uuid) < 0)
		return 0;
	fprintf(stderr, "ladon: a token has no place on the command line, which everybody "
			"can see: token-file FILE, token-env NAME or standard input is right, "
			"and a new token\n");
	return -1;
}

/* Takes the pair that names the source out of argv. Returns the words that are left, or -1. */
static int take_source(int argc, char **argv, struct source *ret)
{
	int left = 0;

	*ret = (struct source){0};
	for (int i = 0; i < argc; i++) {
		if (check_word(argv[i]) < 0)
			return -1;
		if (i < FIRST_PAIR || !is_source(argv[i])) {
			argv[left++] = argv[i];
			continue;
		}
		if (ret->word) {
			fprintf(stderr, "ladon: %s comes after %s: one of them is right\n",
				argv[i], ret->word);
			return -1;
		}
		if (i + 1 == argc) {
			fprintf(stderr, "ladon: the value after %s is missing\n", argv[i]);
			return -1;
		}
		*ret = (struct source){argv[i], argv[i + 1]};
		i++;
	}
	return left;
}

/* ---- sources ---- */

static int from_env(const char *name, char *buf, size_t size)
{
	const char *value = getenv(name);

	if (!value)
		return complain("token-env", name, "there is no such variable");
	if (strlen(value) >= size)
		return complain("token-env", name, "it is longer than a token can be");
	memcpy(buf, value, strlen(value) + 1);
	return 0;
}

static int from_fd(const char *number, char *buf, size_t size)
{
	const char *why = "a descriptor's number is right";
	char *end;
	long fd = strtol(number, &end, 10);

	if (!*number || *end || fd < 0 || fd > FD_MAX ||
	    secret_read_fd((int)fd, buf, size, &why) < 0)
		return complain("token-fd", number, why);
	return 0;
}

static int from_stdin(char *buf, size_t size)
{
	const char *why;

	if (isatty(STDIN_FILENO)) {
		fprintf(stderr, "ladon: " FROM_STDIN ", which is a terminal: token-file FILE "
				"or a pipe is right\n");
		return -1;
	}
	if (secret_read_fd(STDIN_FILENO, buf, size, &why) == 0)
		return 0;
	fprintf(stderr, "ladon: " FROM_STDIN ": %s\n", why);
	return -1;
}

static int read_source(const struct source *source, char *buf, size_t size)
{
	const char *why;

	if (!source->word)
		return from_stdin(buf, size);
	if (!strcmp(source->word, "token-env"))
		return from_env(source->value, buf, size);
	if (!strcmp(source->word, "token-fd"))
		return from_fd(source->value, buf, size);
	if (secret_read_file(source->value, buf, size, &why) < 0)
		return complain("token-file", source->value, why);
	return 0;
}

/* ---- commands ---- */

static int request(const struct cli *cli, int argc, char **argv)
{
	json_object *data = cli_request(cli, argc, argv);

	if (!data)
		return 1;
	if (cli->json)
		cli_print_json(cli, data);
	json_object_put(data);
	return 0;
}

static int with_token(const struct cli *cli, int argc, char **argv, bool needed)
{
	char token[TEXT_ROOM] = "";
	struct cli with = *cli;
	struct source source;
	int rc = 1;

	argc = take_source(argc, argv, &source);
	if (argc < 0)
		return 2;
	if (!needed && !source.word)
		return request(cli, argc, argv);
	if (read_source(&source, token, sizeof(token)) == 0) {
		with.token = token;
		rc = request(&with, argc, argv);
	}
	explicit_bzero(token, sizeof(token));
	return rc;
}

int cli_run_with_token(const struct cli *cli, int argc, char **argv)
{
	return with_token(cli, argc, argv, true);
}

int cli_run_maybe_token(const struct cli *cli, int argc, char **argv)
{
	return with_token(cli, argc, argv, false);
}

int cli_take_token(int argc, char **argv, char *buf, size_t size)
{
	struct source source;

	*buf = '\0';
	argc = take_source(argc, argv, &source);
	return argc > 0 && source.word && read_source(&source, buf, size) < 0 ? -1 : argc;
}

/* ---- token generate ---- */

/* A file that was there is somebody's token: it is not written over. */
static int write_token(const char *path, const char *text)
{
	FD_AUTO int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char line[UUID_TEXT + 2];
	int len = snprintf(line, sizeof(line), "%s\n", text);
	ssize_t n = fd < 0 ? -1 : write(fd, line, (size_t)len);

	explicit_bzero(line, sizeof(line));
	if (n == len)
		return 0;
	complain("token-file", path, n < 0 ? strerror(errno) : "the disk is full");
	if (fd >= 0)
		unlink(path);
	return -1;
}

/* The daemon is told last: what it has, somebody else has too. */
static int generate(const struct cli *cli, int argc, char **argv, const char *path,
		    const char *text)
{
	struct cli with = *cli;
	int rc;

	if (path && write_token(path, text) < 0)
		return 1;
	with.token = text;
	with.json = false;
	rc = request(&with, argc, argv);
	if (rc == 0 && !path)
		puts(text);
	if (rc && path)
		unlink(path);
	return rc;
}

int cli_generate_token(const struct cli *cli, int argc, char **argv, int num, const char *verb,
		       const char *usage)
{
	char text[UUID_TEXT + 1];
	struct source source;
	uint8_t uuid[UUID_SIZE];
	int rc;

	argc = take_source(argc, argv, &source);
	if (argc < 0)
		return 2;
	if (argc < num || (source.word && strcmp(source.word, "token-file"))) {
		fprintf(stderr, "ladon: say \"%s\"\n", usage);
		return 2;
	}
	if (uuid_random(uuid) < 0) {
		fprintf(stderr, "ladon: the kernel gives no random bytes\n");
		return 1;
	}
	uuid_format(uuid, text);
	argv[1] = (char *)verb;
	rc = generate(cli, argc, argv, source.value, text);
	explicit_bzero(uuid, sizeof(uuid));
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int run_generate(const struct cli *cli, int argc, char **argv)
{
	return cli_generate_token(cli, argc, argv, FIRST_PAIR, "set",
				  "token generate CARD [token-file F]");
}

/* ---- token show ---- */

static void print_refused(json_object *refused)
{
	bool any = false;

	json_object_object_foreach(refused, why, count)
	{
		if (!json_object_get_int64(count))
			continue;
		printf("%s %s %s", any ? "" : "    refused:", why,
		       json_object_get_string(count));
		any = true;
	}
	if (any)
		putchar('\n');
}

static int print_tokens(const struct cli *cli, json_object *data)
{
	size_t n = json_object_array_length(data);

	(void)cli;
	for (size_t i = 0; i < n; i++) {
		json_object *card = json_object_array_get_idx(data, i);
		json_object *uids = cli_get(card, "allow_uid");

		printf("%s: token %s users %lld unlocks %lld", cli_str(card, "card"),
		       cli_bool(card, "set") ? "set" : "none",
		       (long long)cli_int(card, "users"), (long long)cli_int(card, "unlocks"));
		if (uids)
			printf(" allow-uid %s",
			       json_object_to_json_string_ext(uids, JSON_C_TO_STRING_PLAIN));
		putchar('\n');
		print_refused(cli_get(card, "refused"));
	}
	return 0;
}

const struct cli_command cli_token_commands[] = {
	{"token show", "[CARD]", "is a VF token set, who uses it, who was refused and why",
	 print_tokens, NULL},
	{"token set", "CARD [token-file F | token-fd N | token-env NAME]",
	 "set or replace the card's VF token; without a source it is read from standard input",
	 NULL, cli_run_with_token},
	{"token generate", "CARD [token-file F]",
	 "set a random VF token and write it to a new file of mode 0600, or print it", NULL,
	 run_generate},
	{"token clear", "CARD", "take the card's VF token away", NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
