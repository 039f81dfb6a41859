/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_parse.c - from words to struct cmd: what each verb takes, and what it says when it is
 * wrong. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "cmd.h"
#include "net_eth.h"

#define MTU_MIN NIC_MTU_MIN
#define MTU_MAX NIC_MTU_MAX
#define CPU_MAX 1023

const char *const card_flow_words[CARD_FLOW_WORDS] = {
	[0] = "off",
	[NIC_FLOW_RX] = "rx",
	[NIC_FLOW_TX] = "tx",
	[NIC_FLOW_RX | NIC_FLOW_TX] = "full",
};

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

	if (word_number(value, 0, NIC_MAX_VFS, &add->num_vfs) < 0)
		return cmd_fail(error, -EINVAL,
				"vfs \"%.64s\" is wrong: 0 to %d is right, and up to %u with "
				"strict-model on",
				value, NIC_MAX_VFS, I82576_PF_MAX_VFS);
	add->vfs_set = true;
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

static int take_link_rate(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (word_number(value, 1, NIC_MAX_MBPS, &add->link_mbps) < 0)
		return cmd_fail(error, -EINVAL,
				"link-rate \"%.64s\" is wrong: 1 to %u Mbit/s is right", value,
				NIC_MAX_MBPS);
	return 0;
}

static int take_workers(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (word_number(value, 1, NIC_WORKERS_MAX, &add->workers) < 0)
		return cmd_fail(error, -EINVAL,
				"workers \"%.64s\" is wrong: 1 to %u threads are right", value,
				NIC_WORKERS_MAX);
	return 0;
}

/* A number, or several with commas between them: one for each worker. */
static int take_cpu(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;
	const char *at = value;
	unsigned cpu;

	for (add->num_cpus = 0; add->num_cpus < NIC_WORKERS_MAX; at++) {
		char word[8];
		size_t len = strcspn(at, ",");

		snprintf(word, sizeof(word), "%.*s", (int)MIN(len, sizeof(word) - 1), at);
		if (len >= sizeof(word) || word_number(word, 0, CPU_MAX, &cpu) < 0)
			break;
		add->cpu[add->num_cpus++] = (int)cpu;
		at += len;
		if (!*at)
			return 0;
	}
	return cmd_fail(error, -EINVAL,
			"cpu \"%.64s\" is wrong: a CPU's number is right, or up to %u such as "
			"2,3, one for each worker",
			value, NIC_WORKERS_MAX);
}

/* Is there a CPU for each worker, or for none? */
static int check_workers(const struct card_params *add, struct cmd_error *error)
{
	if (!add->workers || !add->num_cpus || add->workers == add->num_cpus)
		return 0;
	return cmd_fail(error, -EINVAL,
			"cpu names %u, and workers says %u: one CPU for each is right, or none",
			add->num_cpus, add->workers);
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

static int take_strict(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (word_on_off(value, &add->strict) < 0)
		return cmd_fail(error, -EINVAL,
				"strict-model \"%.64s\" is wrong: on or off is right", value);
	return 0;
}

static int take_flow(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;
	int mode = word_of(value, card_flow_words, CARD_FLOW_WORDS);

	if (mode < 0)
		return cmd_fail(
			error, -EINVAL,
			"flow-control \"%.64s\" is wrong: off, rx (obey PAUSE), tx (let "
			"frames wait and send PAUSE) or full is right",
			value);
	add->flow_mode = (unsigned)mode;
	add->flow_set = true;
	return 0;
}

static int take_control(const char *value, void *dst, struct cmd_error *error)
{
	struct card_params *add = dst;

	if (strcmp(value, "drop") && strcmp(value, "pass"))
		return cmd_fail(error, -EINVAL,
				"control-frames \"%.64s\" is wrong: drop is right, or pass, "
				"which lets any VF stop the whole link with PAUSE frames",
				value);
	add->pass_control = !strcmp(value, "pass");
	add->control_set = true;
	return 0;
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
		{"workers", take_workers},
		{"cpu", take_cpu},
		{"vf-offset", take_vf_offset},
		{"vf-stride", take_vf_stride},
		{"allow-uid", take_card_uids},
		{"token-file", take_card_token},
		{"strict-model", take_strict},
		{"link-rate", take_link_rate},
		{"flow-control", take_flow},
		{"control-frames", take_control},
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
	ret = words_options(w, options, ARRAY_SIZE(options), add, error);
	if (ret < 0)
		return ret;
	if (!(ret & 1))
		return cmd_fail(error, -EINVAL, "the model is missing: say \"%s\"", w->usage);
	if (!(ret & 2))
		return cmd_fail(error, -EINVAL, "the number of VFs is missing: say \"%s\"",
				w->usage);
	return check_workers(add, error);
}

int cmd_parse_card_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {
		{"vfs", take_vfs},
		{"flow-control", take_flow},
		{"control-frames", take_control},
	};
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), &ret_cmd->add, error);
	if (ret < 0)
		return ret;
	if (!ret)
		return cmd_fail(error, -EINVAL, "nothing is to be set: say \"%s\"", w->usage);
	return 0;
}

int cmd_parse_vf_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = cmd_take_card(w, ret_cmd, error);

	ret_cmd->vf = NIC_PF;
	if (ret == 0 && w->at < w->num)
		ret = cmd_take_vf_or_n(w, ret_cmd, error);
	return ret < 0 ? ret : words_end(w, error);
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
