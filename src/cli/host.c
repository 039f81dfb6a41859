/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon host ...: compute hosts (docs/hosts.md). */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "host_map.h"

static void print_functions(json_object *list)
{
	size_t n = json_object_array_length(list);

	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "",
		       json_object_get_string(json_object_array_get_idx(list, i)));
	puts(n ? "" : "-");
}

/* "revoked 3 requester 1" */
static void print_refused(json_object *refused)
{
	const char *gap = "";

	json_object_object_foreach(refused, reason, count)
	{
		if (!json_object_get_int64(count))
			continue;
		printf("%s%s %s", gap, reason, json_object_get_string(count));
		gap = " ";
	}
	if (!*gap)
		fputs("nothing", stdout);
}

static void print_port(json_object *port)
{
	json_object *last = cli_get(port, "last");
	size_t n = json_object_array_length(last);

	printf("    bridge port: %s, walks passed %lld, refused: ",
	       cli_bool(port, "up") ? "up" : "down", (long long)cli_int(port, "passed"));
	print_refused(cli_get(port, "refused"));
	printf(", records lost %lld\n", (long long)cli_int(port, "records_lost"));
	for (size_t i = 0; i < n; i++) {
		json_object *r = json_object_array_get_idx(last, i);

		printf("    %s %s rid %s %s %s: %s\n", cli_str(r, "time"),
		       cli_str(r, "function"), cli_str(r, "rid"), cli_str(r, "access"),
		       cli_str(r, "address"), cli_str(r, "reason"));
	}
}

static void print_registers(json_object *regs)
{
	json_object *trip = cli_get(regs, "round_trip_us");

	printf("    bridge registers: %s, %lld rings, the last was answered after ",
	       cli_bool(regs, "up") ? "up" : "down", (long long)cli_int(regs, "rings"));
	if (trip)
		printf("%.1f us\n", json_object_get_double(trip));
	else
		puts("-");
}

static int print_hosts(const struct cli *cli, json_object *data)
{
	size_t n = json_object_array_length(data);

	if (n)
		printf("%-15s %-7s %-15s %9s %7s %6s %5s %5s  %s\n", "HOST", "STATE", "SLICE",
		       "LEASE", "MEMORY", "PIECES", "JOINS", "LOST", "FUNCTIONS");
	for (size_t i = 0; i < n; i++) {
		json_object *h = json_object_array_get_idx(data, i);
		char memory[24];

		printf("%-15s %-7s 0x%013llx %6lld ms %7s %6lld %5lld %5lld  ",
		       cli_str(h, "host"), cli_str(h, "state"),
		       (long long)cli_int(h, "slice_base"), (long long)cli_int(h, "lease_ms"),
		       host_map_size((uint64_t)cli_int(h, "bytes"), memory, sizeof(memory)),
		       (long long)cli_int(h, "windows"), (long long)cli_int(h, "joins"),
		       (long long)cli_int(h, "leases_lost"));
		print_functions(cli_get(h, "functions"));
		if (cli->stats) {
			print_port(cli_get(h, "port"));
			print_registers(cli_get(h, "registers"));
		}
	}
	return 0;
}

static int run_generate(const struct cli *cli, int argc, char **argv)
{
	return cli_generate_token(cli, argc, argv, 3, "add",
				  "host generate NAME [lease MS] [token-file F]");
}

/* "host map" and "-o FILE", which is ours: the daemon opens no files. */
static int run_map(const struct cli *cli, int argc, char **argv)
{
	const char *path = NULL;
	json_object *data;
	int rc = 0;

	if (argc >= 3 && !strcmp(argv[2], "-o")) {
		if (argc != 4) {
			fprintf(stderr,
				"ladon: say \"host map [-o FILE]\": one file is right\n");
			return 2;
		}
		path = argv[3];
		argc = 2;
	}
	data = cli_request(cli, argc, argv);
	if (!data)
		return 1;
	if (path)
		rc = host_map_svg(data, path);
	else if (cli->json)
		cli_print_json(cli, data);
	else
		host_map_text(data);
	json_object_put(data);
	return rc;
}

const struct cli_command cli_host_commands[] = {
	{"host add", "NAME [lease MS] [token-file F | token-fd N | token-env NAME]",
	 "make a compute host known, and the token that it joins with; without a source that "
	 "is "
	 "read from standard input",
	 NULL, cli_run_with_token},
	{"host generate", "NAME [lease MS] [token-file F]",
	 "the same with a random token, written to a new file of mode 0600, or printed", NULL,
	 run_generate},
	{"host del", "NAME", "forget a compute host that has no VFs", NULL, NULL},
	{"host show", "[NAME]",
	 "the compute hosts: state, slice, lease, memory, joins, leases lost, functions; with "
	 "-s "
	 "what their ports of the bridge passed and refused, and a doorbell's round trip",
	 print_hosts, NULL},
	{"host map", "[-o FILE]",
	 "the global address map: hosts, windows, memory, functions; as a picture (SVG) with "
	 "-o",
	 NULL, run_map},
	{NULL, NULL, NULL, NULL, NULL},
};
