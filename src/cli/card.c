/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon card ... */
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "fd.h"
#include "pcap_spec.h"

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

/* Which there are: mostly one range. */
static void print_sockets(json_object *card)
{
	long long vfs = cli_int(card, "vfs");
	const char *list = cli_str(card, "vf_list"), *dir = cli_str(card, "dir");

	printf("    link/ether %s  sockets ", cli_str(card, "address"));
	if (!vfs)
		printf("in %s: none\n", dir);
	else if (strchr(list, ',') || strncmp(list, "0", 1))
		printf("%s/vfN.sock, N = %s\n", dir, list);
	else
		printf("%s/vf0.sock ... vf%lld.sock\n", dir, vfs - 1);
}

/* Where they are not as they usually are. */
static void print_control(json_object *card)
{
	if (strcmp(cli_str(card, "flow_control"), "off"))
		printf(" flow-control %s", cli_str(card, "flow_control"));
	if (!strcmp(cli_str(card, "control_frames"), "pass"))
		printf(" control-frames pass");
	putchar('\n');
}

static int print_cards(const struct cli *cli, json_object *data)
{
	size_t n = json_object_array_length(data);

	(void)cli;
	for (size_t i = 0; i < n; i++) {
		json_object *c = json_object_array_get_idx(data, i);

		printf("%s: model %s vfs %lld uplink %s%s%s", cli_str(c, "name"),
		       cli_str(c, "model"), (long long)cli_int(c, "vfs"), cli_str(c, "uplink"),
		       cli_bool(c, "uplink_up") ? "" : " (down)",
		       cli_bool(c, "strict_model") ? " strict-model" : "");
		print_control(c);
		print_sockets(c);
		print_pf(c);
	}
	return 0;
}

/* The value after "uplink", if it is a pcap's. What is wrong in it the daemon says. */
static bool pcap_of(int argc, char **argv, struct pcap_spec *ret)
{
	for (int i = 0; i + 1 < argc; i++) {
		const char *value = argv[i + 1];

		if (!strcmp(argv[i], "uplink") &&
		    !strncmp(value, PCAP_SPEC_PREFIX, strlen(PCAP_SPEC_PREFIX)))
			return !pcap_spec_parse(value + strlen(PCAP_SPEC_PREFIX), ret);
	}
	return false;
}

/* The daemon has no right to open files: it gets them from here. */
static int add_card(const struct cli *cli, int argc, char **argv)
{
	struct pcap_spec spec;
	struct cli with = *cli;
	int files[PCAP_FILES], ret;
	const char *path;

	if (!pcap_of(argc, argv, &spec))
		return cli_run_maybe_token(cli, argc, argv);
	ret = pcap_spec_open(&spec, files, &path);
	if (ret < 0) {
		fprintf(stderr, "ladon: pcap file %s cannot be opened: %s\n", path,
			strerror(-ret));
		return 1;
	}
	with.files = files;
	ret = cli_run_maybe_token(&with, argc, argv);
	fd_close_all(files, PCAP_FILES);
	return ret;
}

const struct cli_command cli_card_commands[] = {
	{"card add",
	 "NAME model 82576 vfs N [uplink none|KIND:...] [mac MAC] [mtu N] [workers N] [cpu "
	 "N[,N...]] "
	 "[vf-offset N] [vf-stride N] [allow-uid LIST] [token-file F | token-fd N | token-env "
	 "NAME] [strict-model on|off] [link-rate MBPS] [flow-control off|rx|tx|full] "
	 "[control-frames drop|pass]",
	 "make a card with N virtual functions (0 ... 255) and serve their sockets", NULL,
	 add_card},
	{"card del", "NAME", "remove a card; its clients are disconnected", NULL, NULL},
	{"card set",
	 "NAME { vfs N | flow-control off|rx|tx|full | control-frames drop|pass } ...",
	 "change a running card: grow or shrink it to VFs 0 to N - 1, those that stay notice "
	 "nothing; is PAUSE obeyed and sent; control-frames pass lets any VF stop the whole "
	 "link",
	 NULL, NULL},
	{"card show", "[NAME]", "list the cards", print_cards, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
