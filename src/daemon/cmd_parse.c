/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_parse.c - from words to struct cmd: what each verb takes, and what it says when it is
 * wrong. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "cmd.h"
#include "net_eth.h"

#define I82576_VFS_MAX 7
#define MTU_MIN	       68
#define MTU_MAX	       9216
#define CPU_MAX	       1023
#define VLAN_MAX       4094 /* 4095 is reserved (802.1Q, table 9-2) */
#define RATE_MAX       NIC_MAX_MBPS

static const char name_rule[] = "1 to 15 letters, digits, '_', '.' or '-', not starting with "
				"'-' or '.', is right";

int cmd_take_card(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *word;
	int ret = words_need(w, "the card's name", &word, error);

	if (ret < 0)
		return ret;
	if (!word_is_name(word))
		return cmd_fail(error, -EINVAL, "\"%.64s\" is no card name: %s", word,
				name_rule);
	snprintf(ret_cmd->card, sizeof(ret_cmd->card), "%s", word);
	return 0;
}

static int take_vf_number(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *word;
	int ret = words_need(w, "the VF's number", &word, error);

	if (ret < 0)
		return ret;
	if (word_number(word, 0, NIC_MAX_VFS - 1, &ret_cmd->vf) < 0)
		return cmd_fail(error, -EINVAL,
				"\"%.64s\" is no VF number: a number from 0 to %d is right",
				word, NIC_MAX_VFS - 1);
	return 0;
}

int cmd_take_vf(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *word;
	int ret = words_need(w, "\"vf\"", &word, error);

	if (ret < 0)
		return ret;
	if (strcmp(word, "vf"))
		return cmd_fail(error, -EINVAL,
				"\"%.64s\" stands where \"vf\" is right: say \"%s\"", word,
				w->usage);
	return take_vf_number(w, ret_cmd, error);
}

int cmd_take_vf_or_n(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	if (w->at < w->num && !strcmp(w->word[w->at], "vf"))
		w->at++;
	return take_vf_number(w, ret_cmd, error);
}

int cmd_parse_nothing(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	(void)ret_cmd;
	return words_end(w, error);
}

int cmd_parse_card(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	return ret < 0 ? ret : words_end(w, error);
}

int cmd_parse_card_opt(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	return w->at < w->num ? cmd_parse_card(w, ret_cmd, error) : 0;
}

int cmd_parse_card_n(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf_or_n(w, ret_cmd, error);
	return ret < 0 ? ret : words_end(w, error);
}

/* "CARD vf N" or "CARD pf". */
int cmd_parse_card_function(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret < 0)
		return ret;
	if (w->at < w->num && !strcmp(w->word[w->at], "pf")) {
		w->at++;
		ret_cmd->vf = NIC_PF;
	} else {
		ret = cmd_take_vf(w, ret_cmd, error);
	}
	return ret < 0 ? ret : words_end(w, error);
}

/* ---- card add ---- */

static int take_model(const char *value, void *dst, struct cmd_error *error)
{
	(void)dst;
	if (strcmp(value, "82576"))
		return cmd_fail(error, -EINVAL, "\"%.64s\" is no model: 82576 is right", value);
	return 0;
}

static int take_vfs(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (word_number(value, 1, I82576_VFS_MAX, &add->num_vfs) < 0)
		return cmd_fail(error, -EINVAL, "vfs \"%.64s\" is wrong: an 82576 has 1 to %d",
				value, I82576_VFS_MAX);
	return 0;
}

static int take_uplink(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;
	const char *wrong = uplink_spec_wrong(value);

	if (wrong)
		return cmd_fail(error, -EINVAL, "uplink \"%.160s\" is wrong: %s", value, wrong);
	snprintf(add->uplink, sizeof(add->uplink), "%s", value);
	return 0;
}

static int take_card_mac(const char *value, void *dst, struct cmd_error *error)
{
	static const uint8_t zero[6];
	struct card_params *add = dst;

	if (net_mac_parse(value, add->mac) < 0 || add->mac[0] & 1 || !memcmp(add->mac, zero, 6))
		return cmd_fail(error, -EINVAL,
				"mac \"%.64s\" is no card's address: a unicast one such as "
				"52:54:00:00:01:00 is right",
				value);
	add->mac_set = true;
	return 0;
}

static int take_mtu(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (word_number(value, MTU_MIN, MTU_MAX, &add->mtu) < 0)
		return cmd_fail(error, -EINVAL, "mtu \"%.64s\" is wrong: %d to %d is right",
				value, MTU_MIN, MTU_MAX);
	return 0;
}

static int take_cpu(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;
	unsigned cpu;

	if (word_number(value, 0, CPU_MAX, &cpu) < 0)
		return cmd_fail(error, -EINVAL,
				"cpu \"%.64s\" is wrong: a CPU's number is right", value);
	add->cpu = (int)cpu;
	return 0;
}

/* Decimal, or hexadecimal after 0x. */
static int take_rid_distance(const char *key, const char *value, uint16_t *ret,
			     struct cmd_error *error)
{
	unsigned number;

	if (word_number_or_hex(value, 1, UINT16_MAX, &number) < 0)
		return cmd_fail(error, -EINVAL,
				"%s \"%.64s\" is wrong: a number of routing IDs from 1 to "
				"65535 such as 2 or 0x80 is right",
				key, value);
	*ret = (uint16_t)number;
	return 0;
}

static int take_vf_offset(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	return take_rid_distance("vf-offset", value, &add->place.first_offset, error);
}

static int take_vf_stride(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	return take_rid_distance("vf-stride", value, &add->place.stride, error);
}

static int take_card_uids(const char *value, void *dst, struct cmd_error *error)
{
	return cmd_take_uids(value, &((struct card_params *)dst)->uids, error);
}

static int take_card_token(const char *value, void *dst, struct cmd_error *error)
{
	return cmd_take_token_file(value, &((struct card_params *)dst)->token_file, error);
}

int cmd_parse_card_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {
		{"model", take_model},
		{"vfs", take_vfs},
		{"uplink", take_uplink},
		{"mac", take_card_mac},
		{"mtu", take_mtu},
		{"cpu", take_cpu},
		{"vf-offset", take_vf_offset},
		{"vf-stride", take_vf_stride},
		{"allow-uid", take_card_uids},
		{"token-file", take_card_token},
	};
	struct card_params *add = &ret_cmd->add;
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret < 0)
		return ret;
	if (!strcmp(ret_cmd->card, "control.sock"))
		return cmd_fail(
			error, -EINVAL,
			"\"control.sock\" is the daemon's own socket: another name is right");
	memcpy(add->name, ret_cmd->card, sizeof(add->name));
	snprintf(add->uplink, sizeof(add->uplink), "none");
	add->cpu = -1;
	ret = words_options(w, options, ARRAY_SIZE(options), add, error);
	if (ret < 0)
		return ret;
	if (!(ret & 1))
		return cmd_fail(error, -EINVAL, "the model is missing: say \"%s\"", w->usage);
	if (!(ret & 2))
		return cmd_fail(error, -EINVAL, "the number of VFs is missing: say \"%s\"",
				w->usage);
	return 0;
}

/* ---- link set ---- */

static int take_vf_mac(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (net_mac_parse(value, link->mac) < 0)
		return cmd_fail(error, -EINVAL,
				"mac \"%.64s\" is no address: six pairs of hex digits such as "
				"52:54:00:00:01:00 are right",
				value);
	if (link->mac[0] & 1)
		return cmd_fail(
			error, -EINVAL,
			"mac %s is a group address: one with an even first byte is right",
			value);
	return 0;
}

static int take_vlan(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_number(value, 0, VLAN_MAX, &link->vlan) < 0)
		return cmd_fail(error, -EINVAL,
				"vlan \"%.64s\" is wrong: 0 to 4094 is right, 0 takes it away",
				value);
	return 0;
}

static int take_qos(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_number(value, 0, 7, &link->qos) < 0)
		return cmd_fail(error, -EINVAL, "qos \"%.64s\" is wrong: 0 to 7 is right",
				value);
	return 0;
}

static int take_spoofchk(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_on_off(value, &link->spoofchk) < 0)
		return cmd_fail(error, -EINVAL,
				"spoofchk \"%.64s\" is wrong: on or off is right", value);
	return 0;
}

static int take_trust(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_on_off(value, &link->trust) < 0)
		return cmd_fail(error, -EINVAL, "trust \"%.64s\" is wrong: on or off is right",
				value);
	return 0;
}

static int take_state(const char *value, void *dst, struct cmd_error *error)
{
	static const char *const states[] = {"auto", "enable", "disable"};
	struct link_change *link = dst;
	int i = word_of(value, states, ARRAY_SIZE(states));

	if (i < 0)
		return cmd_fail(error, -EINVAL,
				"state \"%.64s\" is wrong: auto, enable or disable is right",
				value);
	link->state = (enum nic_link)i;
	return 0;
}

static int take_rate(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_number(value, 0, RATE_MAX, &link->rate) < 0)
		return cmd_fail(
			error, -EINVAL,
			"max_tx_rate \"%.64s\" is wrong: 0 to %u Mbit/s is right, 0 takes "
			"the limit away",
			value, RATE_MAX);
	return 0;
}

static_assert(NIC_LINK_AUTO == 0 && NIC_LINK_ENABLE == 1 && NIC_LINK_DISABLE == 2,
	      "take_state and cmd_link_show.c name them in this order");

int cmd_parse_link_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	/* In the order of enum link_field: the bit set of words_options is that of fields. */
	static const struct words_option options[] = {
		{"mac", take_vf_mac},	     {"vlan", take_vlan},   {"qos", take_qos},
		{"spoofchk", take_spoofchk}, {"trust", take_trust}, {"state", take_state},
		{"max_tx_rate", take_rate},  {"rate", take_rate},
	};
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf(w, ret_cmd, error);
	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), &ret_cmd->link, error);
	if (ret < 0)
		return ret;
	if (!ret)
		return cmd_fail(error, -EINVAL, "there is nothing to set: say \"%s\"",
				w->usage);
	if (ret & LINK_QOS && !(ret & LINK_VLAN))
		return cmd_fail(error, -EINVAL,
				"qos without vlan is wrong: say \"vlan V qos Q\"");
	if (ret & LINK_QOS && ret_cmd->link.qos && !ret_cmd->link.vlan)
		return cmd_fail(error, -EINVAL,
				"qos %u with vlan 0 is wrong: a VLAN from 1 to 4094 is right",
				ret_cmd->link.qos);
	if (ret & LINK_RATE && ret & LINK_RATE_TOO)
		return cmd_fail(error, -EINVAL,
				"rate and max_tx_rate are the same: one of them is right");
	ret_cmd->link.fields = (unsigned)ret & ~LINK_RATE_TOO;
	if (ret & LINK_RATE_TOO)
		ret_cmd->link.fields |= LINK_RATE;
	return 0;
}

int cmd_parse_registers(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *model, *function;
	int ret = words_need(w, "the model", &model, error);

	if (ret == 0)
		ret = words_need(w, "the function", &function, error);
	if (ret < 0)
		return ret;
	if (strcmp(model, "82576"))
		return cmd_fail(error, -EINVAL, "\"%.64s\" is no model: 82576 is right", model);
	if (strcmp(function, "vf") && strcmp(function, "pf"))
		return cmd_fail(error, -EINVAL,
				"\"%.64s\" is no function of it: pf or vf is right", function);
	ret_cmd->vf = function[0] == 'p' ? NIC_PF : 0;
	return words_end(w, error);
}
