/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon card ... */
#include <stdio.h>
#include <string.h>

#include "cli.h"

/* Who drives the PF, and what it did with the VFs. */
static void print_pf(json_object *card)
{
	json_object *pf = cli_get(card, "pf"), *client = cli_get(pf, "attached");

	printf("    pf %s  vf-offset 0x%llx vf-stride %lld  policy ", cli_str(pf, "socket"),
	       (long long)cli_int(card, "vf_offset"), (long long)cli_int(card, "vf_stride"));
	if (strcmp(cli_str(card, "policy_owner"), "guest"))
		puts("built-in");
	else
		printf("of the guest of pid %lld, %lld VFs enabled\n",
		       (long long)cli_int(client, "pid"),
		       (long long)cli_int(pf, "vfs_enabled"));
}

static int print_cards(const struct cli *cli, json_object *data)
{
	size_t n = json_object_array_length(data);

	(void)cli;
	for (size_t i = 0; i < n; i++) {
		json_object *c = json_object_array_get_idx(data, i);

		printf("%s: model %s vfs %lld uplink %s%s\n", cli_str(c, "name"),
		       cli_str(c, "model"), (long long)cli_int(c, "vfs"), cli_str(c, "uplink"),
		       cli_bool(c, "strict_model") ? " strict-model" : "");
		printf("    link/ether %s  sockets %s/vf0.sock ... vf%lld.sock\n",
		       cli_str(c, "address"), cli_str(c, "dir"),
		       (long long)cli_int(c, "vfs") - 1);
		print_pf(c);
	}
	return 0;
}

const struct cli_command cli_card_commands[] = {
	{"card add",
	 "NAME model 82576 vfs N [uplink none|tap:IF|fd:N] [mac MAC] [mtu N] [cpu N] "
	 "[vf-offset N] [vf-stride N] [allow-uid LIST] [token-file F | token-fd N | token-env "
	 "NAME] [strict-model on|off] [link-rate MBPS]",
	 "make a card with N virtual functions (1 ... 7) and serve their sockets", NULL,
	 cli_run_maybe_token},
	{"card del", "NAME", "remove a card; its clients are disconnected", NULL, NULL},
	{"card show", "[NAME]", "list the cards", print_cards, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
