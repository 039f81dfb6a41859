/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon vf ..., ladon pf ..., ladon qemu ... */
#include <stdio.h>

#include "cli.h"

/* Objects one key a line; enough for what only people who look closely ask for. */
static int print_fields(const struct cli *cli, json_object *data)
{
	(void)cli;
	json_object_object_foreach(data, key, value)
		printf("%-16s %s\n", key,
		       json_object_to_json_string_ext(value, JSON_C_TO_STRING_NOSLASHESCAPE));
	return 0;
}

/* The arguments on one line, so that $(ladon qemu nic0 vf 0) is split rightly by the shell. */
static int print_qemu(const struct cli *cli, json_object *data)
{
	json_object *args = cli_get(data, "args");
	size_t n = args ? json_object_array_length(args) : 0;

	(void)cli;
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? " " : "",
		       json_object_get_string(json_object_array_get_idx(args, i)));
	putchar('\n');
	return 0;
}

/* Where the new one is. */
static int print_added(const struct cli *cli, json_object *data)
{
	(void)cli;
	printf("%s: %s\n", cli_str(data, "function"), cli_str(data, "socket"));
	return 0;
}

const struct cli_command cli_vf_commands[] = {
	{"vf add", "CARD [[vf] N]", "make one VF more: VF N, or the first number that is free",
	 print_added, NULL},
	{"vf del", "CARD [vf] N",
	 "remove one VF, whose client is disconnected; the others keep number, socket and "
	 "policy",
	 NULL, NULL},
	{"vf show", "CARD [vf] N", "one VF: its client, memory, queues, interrupts",
	 print_fields, NULL},
	{"vf reset", "CARD [vf] N",
	 "reset a VF's registers, queues and mailbox; its driver starts again", NULL, NULL},
	{"vf set", "CARD [vf] N allow-uid LIST|any|card",
	 "which users may attach to the VF: a list of its own, whoever may open the socket, or "
	 "the "
	 "card's list",
	 NULL, NULL},
	{"vf assign", "CARD [vf] N host NAME|local",
	 "take a VF that nobody uses to a compute host, or back to the daemon's own", NULL,
	 NULL},
	{"vf unlock",
	 "CARD [vf] N [for SECONDS] [uid UID] [pid PID] [token-file F | token-fd N | token-env "
	 "NAME]",
	 "let one client attach that cannot show the VF token (QEMU), within 60 seconds if no "
	 "time "
	 "is said",
	 NULL, cli_run_with_token},
	{"pf show", "CARD", "the PF: who drives it, VFs enabled, interrupts, counters",
	 print_fields, NULL},
	{"pf unlock",
	 "CARD [for SECONDS] [uid UID] [pid PID] [token-file F | token-fd N | token-env NAME]",
	 "the same for the PF, and for each of its views, while VFs are in use", NULL,
	 cli_run_with_token},
	{"qemu", "CARD {vf N | pf}",
	 "print the QEMU arguments that attach the VF, or the PF and all that a PF driver "
	 "needs "
	 "(QEMU 10.1.1 or later)",
	 print_qemu, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
