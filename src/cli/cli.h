/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli.h - `ladon`: a command is sent to the daemon as its words; what comes back is printed as
 * JSON (-j) or as text by the command's own printer. The grammar's values are the daemon's to
 * judge: one parser serves the CLI and the configuration file.
 */
#ifndef LADON_CLI_H
#define LADON_CLI_H

#include <json-c/json.h>
#include <stdbool.h>

struct cli {
	const char *run_dir;
	bool json, pretty, stats;
	const char *token; /* goes beside the words; NULL = none. Borrowed */
	const int *files;  /* likewise: enum pcap_file, -1 = not that one */
};

/* Prints data as text. Returns the exit code. */
typedef int cli_print_fn(const struct cli *cli, json_object *data);
/* Does without the daemon, or talks to it in its own way. argv without options. Returns the
 * exit code. */
typedef int cli_run_fn(const struct cli *cli, int argc, char **argv);

/* A command: its first words, what follows them, what it does; and a printer or a function. */
struct cli_command {
	const char *words; /* "link show" */
	const char *args;
	const char *help;
	cli_print_fn *print;
	cli_run_fn *run;
};

/* One table a noun (card.c, link.c, vf.c, host.c, token.c, capture.c, top.c, netdev.c,
 * daemon.c, lab/lab.c), each ended by words == NULL. */
extern const struct cli_command cli_card_commands[];
extern const struct cli_command cli_link_commands[];
extern const struct cli_command cli_vf_commands[];
extern const struct cli_command cli_host_commands[];
extern const struct cli_command cli_token_commands[];
extern const struct cli_command cli_capture_commands[];
extern const struct cli_command cli_top_commands[];
extern const struct cli_command cli_netdev_commands[];
extern const struct cli_command cli_daemon_commands[];
extern const struct cli_command cli_lab_commands[];

/* token.c: for commands that take a VF token, and for those that may; nothing is printed. */
cli_run_fn cli_run_with_token, cli_run_maybe_token;
/* token.c: a random token, told to the daemon with words and written to the new file that
 * "token-file F" among them names (standard output without one). usage has num words without a
 * source at least. */
int cli_generate_token(const struct cli *cli, int argc, char **argv, int num, const char *verb,
		       const char *usage);
/* For commands with a use of their own for it: takes the pair that names the token's source out
 * of argv. Returns the words that are left, or -1 with the error printed; buf is "" without. */
int cli_take_token(int argc, char **argv, char *buf, size_t size);

/* daemon.c: ladond of the same build or installation: beside this program, else from PATH. */
void cli_ladond(char *buf, size_t size);

/* Connects to the control socket. Prints what to do when nobody answers. Returns the fd or -1.
 */
int cli_connect(const struct cli *cli);
/* Sends words and waits for the reply: its "data" (owned by the caller), or NULL with the error
 * printed. */
json_object *cli_request(const struct cli *cli, int argc, char **argv);
/* The same on a connection that stays open (monitor). False: the error was printed. */
bool cli_accepted(const struct cli *cli, int fd, int argc, char **argv);
/* Sends only. Returns 0 or -1. */
int cli_send(const struct cli *cli, int fd, int argc, char **argv);
/* One line without its newline, owned by the caller (free); NULL at the end. */
char *cli_read_line(int fd);
void cli_print_json(const struct cli *cli, json_object *data);

/* Members of an object with a default for what is not there. */
const char *cli_str(json_object *obj, const char *key);
int64_t cli_int(json_object *obj, const char *key);
bool cli_bool(json_object *obj, const char *key);
json_object *cli_get(json_object *obj, const char *key);

#endif
