/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon show, faults, monitor, registers, demo: commands about the daemon as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "demo.h"

static int print_fields(const struct cli *cli, json_object *data)
{
	(void)cli;
	json_object_object_foreach(data, key, value)
		printf("%-16s %s\n", key, json_object_get_string(value));
	return 0;
}

static int print_faults(const struct cli *cli, json_object *data)
{
	json_object *list =
		json_object_is_type(data, json_type_array) ? data : cli_get(data, "faults");
	size_t n = list ? json_object_array_length(list) : 0;

	(void)cli;
	for (size_t i = 0; i < n; i++) {
		json_object *f = json_object_array_get_idx(list, i);

		printf("%s %s rid %s %s %s: %s (%s)\n", cli_str(f, "time"),
		       cli_str(f, "function"), cli_str(f, "rid"), cli_str(f, "access"),
		       cli_str(f, "address"), cli_str(f, "reason"), cli_str(f, "level"));
	}
	if (n == 0)
		puts("no DMA faults");
	return 0;
}

/* Markdown, so that it can go into a document as it is. */
static int print_registers(const struct cli *cli, json_object *data)
{
	json_object *rows =
		json_object_is_type(data, json_type_array) ? data : cli_get(data, "registers");
	size_t n = rows ? json_object_array_length(rows) : 0;

	(void)cli;
	puts("| register | offset | count | reset | rw | w1c | rc | "
	     "|\n|---|---|---|---|---|---|---|---|");
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(rows, i);

		printf("| %s | %04llx | %lld | %08llx | %08llx | %08llx | %08llx | %s |\n",
		       cli_str(r, "name"), (long long)cli_int(r, "offset"),
		       (long long)cli_int(r, "count"), (long long)cli_int(r, "reset"),
		       (long long)cli_int(r, "rw"), (long long)cli_int(r, "w1c"),
		       (long long)cli_int(r, "rc"), cli_str(r, "text"));
	}
	return 0;
}

/* Events as they come, one JSON object a line, until the daemon ends or the user interrupts. */
static int run_monitor(const struct cli *cli, int argc, char **argv)
{
	int fd = cli_connect(cli);
	char *line;

	if (fd < 0)
		return 1;
	if (!cli_accepted(cli, fd, argc, argv)) {
		close(fd);
		return 1;
	}
	while ((line = cli_read_line(fd))) {
		puts(line);
		fflush(stdout);
		free(line);
	}
	close(fd);
	return 0;
}

void cli_ladond(char *buf, size_t size)
{
	static const char program[] = "ladond";
	ssize_t n = readlink("/proc/self/exe", buf, size - sizeof(program));
	char *name;

	buf[n > 0 ? n : 0] = '\0';
	name = strrchr(buf, '/');
	memcpy(name ? name + 1 : buf, program, sizeof(program));
	if (access(buf, X_OK) < 0)
		memcpy(buf, program, sizeof(program));
}

static int run_demo(const struct cli *cli, int argc, char **argv)
{
	char path[4096];

	(void)cli;
	(void)argv;
	if (argc > 1) {
		fprintf(stderr, "ladon: demo takes no words\n");
		return 2;
	}
	cli_ladond(path, sizeof(path));
	return demo_run(path, stdout);
}

const struct cli_command cli_daemon_commands[] = {
	{"show", "", "the daemon: version, process, memory, data paths", print_fields, NULL},
	{"faults", "[CARD]", "the latest DMA faults: who, where, why, who refused",
	 print_faults, NULL},
	{"monitor", "", "events as JSON lines until interrupted", NULL, run_monitor},
	{"registers", "82576 {pf|vf}", "a model's register table, as Markdown", print_registers,
	 NULL},
	{"demo", "",
	 "start a private daemon, move frames, attack it, print a verdict a line (no root, no "
	 "VM)",
	 NULL, run_demo},
	{NULL, NULL, NULL, NULL, NULL},
};
