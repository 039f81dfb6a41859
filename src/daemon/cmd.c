/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd.h"

#include <assert.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"

/* Monitoring is the connection's state (control.c); there is nothing to run. */
static CMD_RUN(cmd_monitor)
{
	(void)daemon;
	(void)cmd;
	(void)ret_data;
	return cmd_fail(error, -EINVAL,
			"monitor needs a connection: it has no place in a config file");
}

/* clang-format off */
static const struct cmd_row rows[] = {
	{"card", "add", CMD_CHANGE,
	 "card add NAME model 82576 vfs N [uplink none|KIND:...] [mac MAC] [mtu N] [workers N] [cpu N[,N...]] "
	 "[vf-offset N] [vf-stride N] [allow-uid LIST] [token-file F] [strict-model on|off] "
	 "[link-rate MBPS] [flow-control off|rx|tx|full] [control-frames drop|pass]",
	 "make a card with N virtual functions", cmd_parse_card_add, cmd_card_add},
	{"card", "del", CMD_CHANGE, "card del NAME",
	 "remove a card, its clients are dropped", cmd_parse_card, cmd_card_del},
	{"card", "set", CMD_CHANGE,
	 "card set NAME [vfs N] [flow-control off|rx|tx|full] [control-frames drop|pass]",
	 "change a running card; VFs that stay notice nothing", cmd_parse_card_set, cmd_card_set},
	{"card", "show", 0, "card show [NAME]",
	 "the cards and where their sockets are", cmd_parse_card_opt, cmd_card_show},
	{"link", "show", 0, "link show [CARD]",
	 "policy and counters of each VF, with the keys of ip -j -d link", cmd_parse_card_opt,
	 cmd_link_show},
	{"link", "set", CMD_CHANGE,
	 "link set CARD vf N [mac MAC] [vlan V [qos Q] [proto 802.1Q|802.1ad]] [spoofchk on|off|arp] [trust on|off] "
	 "[state auto|enable|disable] [max_tx_rate N] [min_tx_rate N] [vlans LIST|all|none] "
	 "[storm_bcast_rate N] [storm_uucast_rate N] [query_rss on|off] [mtu N] [mirror none|{vf N|uplink} {rx|tx|both}...]",
	 "set the policy of a VF", cmd_parse_link_set, cmd_link_set},
	{"pf", "show", 0, "pf show CARD",
	 "the PF: who drives it, VFs enabled, interrupts, counters", cmd_parse_card,
	 cmd_pf_show},
	{"pf", "unlock", CMD_CHANGE, "pf unlock CARD [for SECONDS] [uid UID] [pid PID] [token-file F]",
	 "let one client that cannot show the VF token attach to the PF, and one to each view",
	 cmd_parse_pf_unlock, cmd_pf_unlock},
	{"vf", "add", CMD_CHANGE, "vf add CARD [[vf] N]",
	 "make one VF more, VF N or the first that is free", cmd_parse_vf_add, cmd_vf_add},
	{"vf", "del", CMD_CHANGE, "vf del CARD [vf] N",
	 "remove one VF, its client is dropped; the others keep their numbers",
	 cmd_parse_card_n, cmd_vf_del},
	{"vf", "show", 0, "vf show CARD [vf] N",
	 "one VF: client, memory, interrupts, queues", cmd_parse_card_n, cmd_vf_show},
	{"vf", "reset", CMD_CHANGE, "vf reset CARD [vf] N",
	 "a function-level reset of one VF", cmd_parse_card_n, cmd_vf_reset},
	{"vf", "set", CMD_CHANGE, "vf set CARD [vf] N allow-uid LIST|any|card",
	 "which users may attach to a VF", cmd_parse_vf_set, cmd_vf_set},
	{"vf", "assign", CMD_CHANGE, "vf assign CARD [vf] N host NAME|local",
	 "take a VF, which nobody uses, to another host", cmd_parse_vf_assign, cmd_vf_assign},
	{"vf", "unlock", CMD_CHANGE,
	 "vf unlock CARD [vf] N [for SECONDS] [uid UID] [pid PID] [token-file F]",
	 "let one client that cannot show the VF token attach", cmd_parse_vf_unlock,
	 cmd_vf_unlock},
	{"host", "add", CMD_CHANGE, "host add NAME [lease MS] [token-file F]",
	 "make a compute host known, and the token it joins with", cmd_parse_host_add, cmd_host_add},
	{"host", "del", CMD_CHANGE, "host del NAME",
	 "forget a compute host that has no VFs", cmd_parse_host, cmd_host_del},
	{"host", "show", 0, "host show [NAME]",
	 "compute hosts: joined or not, memory, VFs", cmd_parse_host_opt, cmd_host_show},
	{"host", "map", 0, "host map",
	 "the global address map: hosts, windows, memory, functions", cmd_parse_nothing, cmd_host_map},
	{"token", "show", 0, "token show [CARD]",
	 "is there a VF token, who uses it, who was refused", cmd_parse_card_opt, cmd_token_show},
	{"token", "set", CMD_CHANGE, "token set CARD [token-file F]",
	 "set or replace a card's VF token", cmd_parse_token_set, cmd_token_set},
	{"token", "clear", CMD_CHANGE, "token clear CARD",
	 "take a card's VF token away", cmd_parse_card, cmd_token_clear},
	{"faults", NULL, 0, "faults [CARD]",
	 "the last DMA faults", cmd_parse_card_opt, cmd_faults},
	{"monitor", NULL, CMD_MONITOR, "monitor",
	 "print events as they happen", cmd_parse_nothing, cmd_monitor},
	{"capture", NULL, CMD_CAPTURE, "capture CARD [vf N | uplink] [drops] [snaplen BYTES]",
	 "frames, and why they were dropped, as a pcapng stream", cmd_parse_capture, cmd_capture},
	{"qemu", NULL, 0, "qemu CARD {vf N|pf}",
	 "the QEMU arguments that plug this VF, or the PF and views of all VFs, into a VM",
	 cmd_parse_card_function, cmd_qemu},
	{"show", NULL, 0, "show",
	 "the daemon: pid, version, memory, data paths", cmd_parse_nothing, cmd_show},
	{"registers", NULL, 0, "registers 82576 {pf|vf}",
	 "the register table of a device model", cmd_parse_registers, cmd_registers},
	{"ping", NULL, 0, "ping",
	 "does the daemon answer", cmd_parse_nothing, cmd_ping},
	{"help", NULL, 0, "help",
	 "this table", cmd_parse_nothing, cmd_help},
};
/* clang-format on */

const struct cmd_row *cmd_rows(unsigned *ret_num)
{
	*ret_num = ARRAY_SIZE(rows);
	return rows;
}

/* "card, link, vf ..." or, with a noun, its usages. */
static void list_known(const char *noun, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < ARRAY_SIZE(rows) && at < size; i++) {
		const struct cmd_row *row = &rows[i];

		if (noun && strcmp(noun, row->noun))
			continue;
		if (!noun && i && !strcmp(row->noun, rows[i - 1].noun))
			continue;
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "",
				       noun ? row->verb : row->noun);
	}
}

static int unknown(const char *noun, const char *word, struct cmd_error *error)
{
	char list[256];

	list_known(noun, list, sizeof(list));
	if (!word)
		return cmd_fail(error, -EINVAL,
				"a word is missing after \"%s\": one of %s is right", noun,
				list);
	return cmd_fail(error, -EINVAL, "\"%.64s\" is not known%s%s: one of %s is right", word,
			noun ? " after " : "", noun ? noun : "", list);
}

static const struct cmd_row *row_find(const char *noun, const char *verb, bool *ret_noun_known)
{
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		if (strcmp(rows[i].noun, noun))
			continue;
		*ret_noun_known = true;
		if (!rows[i].verb || (verb && !strcmp(rows[i].verb, verb)))
			return &rows[i];
	}
	return NULL;
}

static int words_check(const char *const *words, unsigned num, struct cmd_error *error)
{
	if (!num)
		return cmd_fail(error, -EINVAL,
				"there is no word: say \"help\" for what there is");
	if (num > WORDS_MAX)
		return cmd_fail(error, -E2BIG, "%u words are too many: at most %u are right",
				num, WORDS_MAX);
	for (unsigned i = 0; i < num; i++) {
		if (strlen(words[i]) > WORD_LEN_MAX)
			return cmd_fail(error, -E2BIG,
					"word %u is too long: at most %u bytes are right",
					i + 1, WORD_LEN_MAX);
	}
	return 0;
}

int cmd_parse(const char *const *words, unsigned num, struct cmd *ret_cmd,
	      struct cmd_error *error)
{
	struct words w = {.word = words, .num = num};
	struct cmd cmd = {0};
	bool noun_known = false;
	int ret = words_check(words, num, error);

	if (ret < 0)
		return ret;
	cmd.row = row_find(words[0], num > 1 ? words[1] : NULL, &noun_known);
	if (!cmd.row)
		return noun_known ? unknown(words[0], num > 1 ? words[1] : NULL, error)
				  : unknown(NULL, words[0], error);
	w.at = cmd.row->verb ? 2 : 1;
	w.usage = cmd.row->usage;
	ret = cmd.row->parse(&w, &cmd, error);
	if (ret < 0)
		return ret;
	*ret_cmd = cmd;
	return 0;
}

int cmd_run(struct daemon *daemon, const struct cmd *cmd, struct json_object **ret_data,
	    struct cmd_error *error)
{
	struct json_object *data = NULL;
	int ret = cmd->row->run(daemon, cmd, &data, error);

	if (ret < 0) {
		assert(!data);
		return ret;
	}
	*ret_data = data;
	return 0;
}

int cmd_help(struct daemon *daemon, const struct cmd *cmd, struct json_object **ret_data,
	     struct cmd_error *error)
{
	struct json_object *list = json_object_new_array();

	(void)daemon;
	(void)cmd;
	(void)error;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		struct json_object *row = json_object_new_object();

		json_object_object_add(row, "usage", json_object_new_string(rows[i].usage));
		json_object_object_add(row, "text", json_object_new_string(rows[i].text));
		json_object_array_add(list, row);
	}
	*ret_data = list;
	return 0;
}
