/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon: options, the table of commands, and nothing else. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "cli.h"

static const struct cli_command *const tables[] = {
	cli_card_commands,   cli_link_commands,	   cli_vf_commands,  cli_host_commands,
	cli_token_commands,  cli_capture_commands, cli_top_commands, cli_netdev_commands,
	cli_daemon_commands, cli_lab_commands,
};

static void usage(FILE *out)
{
	fprintf(out, "Usage: ladon [OPTIONS] COMMAND\n\n"
		     "Controls ladond, the SR-IOV network card in software.\n\nCommands:\n");
	for (unsigned t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct cli_command *c = tables[t]; c->words; c++)
			fprintf(out, "  %s%s%s\n        %s\n", c->words, *c->args ? " " : "",
				c->args, c->help);
	fprintf(out,
		"\nOptions:\n"
		"  -j, --json         print JSON (link show: with iproute2's keys)\n"
		"  -p, --pretty       print JSON over several lines\n"
		"  -s, --stats        with link show: counters, and drops by reason; with\n"
		"                     host show: what ports of the bridge refused\n"
		"      --run-dir DIR  the daemon's directory (default: $LADON_RUN_DIR, else\n"
		"                     $XDG_RUNTIME_DIR/ladon, else /run/ladon)\n"
		"  -V, --version      print the version\n"
		"  -h, --help         print this help\n");
}

/* The directory of ladond's own default (ladond.8). */
static const char *default_run_dir(void)
{
	static char dir[4096];
	const char *env = getenv("LADON_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (env && *env)
		return env;
	if (!xdg || !*xdg)
		return "/run/ladon";
	snprintf(dir, sizeof(dir), "%s/ladon", xdg);
	return dir;
}

/* How many of argv's words the command's own are; 0 = another command. */
static int match(const struct cli_command *c, int argc, char **argv)
{
	const char *p = c->words;
	int n = 0;

	while (*p) {
		size_t len = strcspn(p, " ");

		if (n == argc || strlen(argv[n]) != len || strncmp(argv[n], p, len))
			return 0;
		n++;
		p += len + (p[len] == ' ');
	}
	return n;
}

static const struct cli_command *find_command(int argc, char **argv)
{
	for (unsigned t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct cli_command *c = tables[t]; c->words; c++)
			if (match(c, argc, argv))
				return c;
	return NULL;
}

/* Names the words that would have been right in the place of the wrong one. */
static int unknown_command(int argc, char **argv)
{
	bool noun_known = false;

	fprintf(stderr, "ladon: \"%s%s%s\" is no command;", argv[0], argc > 1 ? " " : "",
		argc > 1 ? argv[1] : "");
	for (unsigned t = 0; t < ARRAY_SIZE(tables); t++)
		for (const struct cli_command *c = tables[t]; c->words; c++) {
			size_t len = strcspn(c->words, " ");

			if (strlen(argv[0]) == len && !strncmp(c->words, argv[0], len)) {
				fprintf(stderr, "%s %s",
					noun_known ? "," : " there is:", c->words);
				noun_known = true;
			}
		}
	fprintf(stderr, "%s\n", noun_known ? "" : " `ladon --help` lists all of them");
	return 2;
}

static int run_command(const struct cli *cli, const struct cli_command *c, int argc,
		       char **argv)
{
	json_object *data;
	int rc = 0;

	if (c->run)
		return c->run(cli, argc, argv);
	data = cli_request(cli, argc, argv);
	if (!data)
		return 1;
	if (cli->json)
		cli_print_json(cli, data);
	else if (c->print)
		rc = c->print(cli, data);
	json_object_put(data);
	return rc;
}

static const struct option options[] = {
	{"json", no_argument, NULL, 'j'},
	{"pretty", no_argument, NULL, 'p'},
	{"stats", no_argument, NULL, 's'},
	{"run-dir", required_argument, NULL, 'r'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Short options have only optopt: the word they stand in may hold right ones too. */
static int bad_option(int opt, const char *word)
{
	char letter[] = {'-', (char)optopt, '\0'};

	fprintf(stderr, "ladon: \"%s\" is %s; `ladon --help` lists the options\n",
		word[0] == '-' && word[1] == '-' ? word : letter,
		opt == ':' ? "an option that needs a value" : "no option");
	return 2;
}

/* Returns -1 to go on, or the exit code. */
static int parse_options(struct cli *cli, int argc, char **argv)
{
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, "+:jpsVh", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			cli->json = true;
			break;
		case 'p':
			cli->pretty = true;
			break;
		case 's':
			cli->stats = true;
			break;
		case 'r':
			cli->run_dir = optarg;
			break;
		case 'V':
			puts("ladon " LADON_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			return bad_option(opt, argv[optind - 1]);
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct cli cli = {.run_dir = default_run_dir()};
	const struct cli_command *c;
	int rc = parse_options(&cli, argc, argv);

	if (rc >= 0)
		return rc;
	argc -= optind;
	argv += optind;
	if (argc == 0 || !strcmp(argv[0], "help")) {
		usage(argc ? stdout : stderr);
		return argc ? 0 : 2;
	}
	c = find_command(argc, argv);
	return c ? run_command(&cli, c, argc, argv) : unknown_command(argc, argv);
}
