/* SPDX-License-Identifier: BSD-3-Clause */
/* lab.c - ladon lab: its words, and one experiment after the other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bits.h"
#include "cli.h"
#include "lab.h"

#define SECONDS_MIN 0.1
#define SECONDS_MAX 600.0

static const struct lab_experiment *const experiments[] = {
	&lab_pause,
	&lab_incast,
	&lab_chain,
	&lab_rates,
};

struct request {
	const struct lab_experiment *only; /* NULL = all */
	const char *dir;
	double seconds; /* 0 = not said */
	bool csv;
};

static int wrong(const char *what, const char *word)
{
	fprintf(stderr, "ladon: lab: %s%s%s; `ladon help` shows what is right\n", what,
		word ? ", not " : "", word ? word : "");
	return -1;
}

static const struct lab_experiment *find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_SIZE(experiments); i++)
		if (!strcmp(experiments[i]->name, name))
			return experiments[i];
	return NULL;
}

static int take_seconds(struct request *r, const char *value)
{
	char *end;

	if (r->seconds > 0)
		return wrong("seconds is said twice", NULL);
	r->seconds = strtod(value, &end);
	return *value && !*end && r->seconds >= SECONDS_MIN && r->seconds <= SECONDS_MAX
		       ? 0
		       : wrong("seconds wants 0.1 to 600", value);
}

static int take_dir(struct request *r, const char *value)
{
	struct stat st;

	if (r->dir)
		return wrong("-o is said twice", NULL);
	r->dir = value;
	if (stat(value, &st) < 0 || !S_ISDIR(st.st_mode) || access(value, W_OK | X_OK) < 0)
		return wrong("-o wants a directory that can be written to", value);
	return 0;
}

static int take_word(struct request *r, const char *word)
{
	if (!strcmp(word, "--csv")) {
		r->csv = true;
		return 0;
	}
	if (r->only)
		return wrong("one experiment is right, or none for all of them", word);
	r->only = find(word);
	return r->only ? 0 : wrong("pause, incast, chain or rates is right", word);
}

static int take_words(struct request *r, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		bool is_dir = !strcmp(argv[i], "-o"), is_seconds = !strcmp(argv[i], "seconds");
		int err;

		if (!is_dir && !is_seconds)
			err = take_word(r, argv[i]);
		else if (i + 1 == argc)
			err = wrong("-o and seconds want a value", NULL);
		else
			err = is_dir ? take_dir(r, argv[++i]) : take_seconds(r, argv[++i]);
		if (err)
			return err;
	}
	return 0;
}

static int run_one(const struct request *r, const struct lab_experiment *e, const char *ladond)
{
	struct lab lab = {.ladond = ladond,
			  .dir = r->dir ? r->dir : ".",
			  .csv = r->csv,
			  .seconds = r->seconds > 0 ? r->seconds : e->seconds,
			  .out = stdout};

	printf("%s: %s\n", e->name, e->title);
	fflush(stdout);
	return e->run(&lab);
}

static int run_lab(const struct cli *cli, int argc, char **argv)
{
	struct request r = {0};
	char ladond[4096];
	int rc = 0;

	if (take_words(&r, argc, argv) < 0)
		return 2;
	if (cli->json) {
		wrong("it prints no JSON; --csv writes its figures for programs", NULL);
		return 2;
	}
	if (!r.dir && take_dir(&r, ".") < 0)
		return 2;
	cli_ladond(ladond, sizeof(ladond));
	for (unsigned i = 0; i < ARRAY_SIZE(experiments); i++)
		if (!r.only || r.only == experiments[i])
			rc |= run_one(&r, experiments[i], ladond);
	return rc;
}

const struct cli_command cli_lab_commands[] = {
	{"lab", "[pause|incast|chain|rates] [-o DIR] [--csv] [seconds N]",
	 "experiments on a private daemon: a table, a verdict and a picture each (no root, no "
	 "VM)",
	 NULL, run_lab},
	{NULL, NULL, NULL, NULL, NULL},
};
