/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_parse_link.c - the words of link set: what each may be, and which of them go together. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "bits.h"
#include "cmd.h"
#include "mirror.h"
#include "net_eth.h"
#include "vlans.h"

#define RATE_MAX NIC_MAX_MBPS

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

static int take_proto(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	link->svlan = !strcasecmp(value, "802.1ad");
	if (!link->svlan && strcasecmp(value, "802.1Q"))
		return cmd_fail(error, -EPROTONOSUPPORT,
				"proto \"%.64s\" is wrong: 802.1Q or 802.1ad is right", value);
	return 0;
}

static int take_spoofchk(const char *value, void *dst, struct cmd_error *error)
{
	static const char *const checks[] = {"off", "on", "arp"};
	struct link_change *link = dst;
	int i = word_of(value, checks, ARRAY_SIZE(checks));

	if (i < 0)
		return cmd_fail(error, -EINVAL,
				"spoofchk \"%.64s\" is wrong: on, off or arp is right", value);
	link->spoofchk = (enum nic_spoofchk)i;
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

static int take_query_rss(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_on_off(value, &link->query_rss) < 0)
		return cmd_fail(error, -EINVAL,
				"query_rss \"%.64s\" is wrong: on or off is right", value);
	return 0;
}

static int take_mtu(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;
	unsigned mtu;

	if (word_number(value, 0, NIC_MTU_MAX, &mtu) < 0 || (mtu && mtu < NIC_MTU_MIN))
		return cmd_fail(error, -EINVAL,
				"mtu \"%.64s\" is wrong: %d to %d is right, 0 takes the limit "
				"away",
				value, NIC_MTU_MIN, NIC_MTU_MAX);
	link->mtu = mtu;
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
static_assert(NIC_SPOOFCHK_OFF == 0 && NIC_SPOOFCHK_ON == 1 && NIC_SPOOFCHK_ARP == 2,
	      "take_spoofchk names them in this order");

static int take_min_rate(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	if (word_number(value, 0, RATE_MAX, &link->min_rate) < 0)
		return cmd_fail(error, -EINVAL,
				"min_tx_rate \"%.64s\" is wrong: 0 to %u Mbit/s is right, 0 "
				"promises nothing",
				value, RATE_MAX);
	return 0;
}

static int take_vlans(const char *value, void *dst, struct cmd_error *error)
{
	return vlans_parse(value, ((struct link_change *)dst)->vlans, error);
}

static int take_storm(const char *key, const char *value, unsigned *ret,
		      struct cmd_error *error)
{
	if (word_number(value, 0, NIC_STORM_MAX_PPS, ret) < 0)
		return cmd_fail(error, -EINVAL,
				"%s \"%.64s\" is wrong: 0 to %u frames a second are right, 0 "
				"takes the limit away",
				key, value, NIC_STORM_MAX_PPS);
	return 0;
}

static int take_storm_bcast(const char *value, void *dst, struct cmd_error *error)
{
	return take_storm("storm_bcast_rate", value, &((struct link_change *)dst)->storm_bcast,
			  error);
}

static int take_storm_uucast(const char *value, void *dst, struct cmd_error *error)
{
	return take_storm("storm_uucast_rate", value,
			  &((struct link_change *)dst)->storm_uucast, error);
}

static int take_mirror(const char *value, void *dst, struct cmd_error *error)
{
	struct link_change *link = dst;

	return mirror_parse(value, link->words, &link->mirror, error);
}

/* In the order of enum link_field: the bit set of words_options is that of fields. */
static const struct words_option options[] = {
	{"mac", take_vf_mac},
	{"vlan", take_vlan},
	{"qos", take_qos},
	{"spoofchk", take_spoofchk},
	{"trust", take_trust},
	{"state", take_state},
	{"max_tx_rate", take_rate},
	{"rate", take_rate},
	{"proto", take_proto},
	{"min_tx_rate", take_min_rate},
	{"vlans", take_vlans},
	{"storm_bcast_rate", take_storm_bcast},
	{"storm_uucast_rate", take_storm_uucast},
	{"query_rss", take_query_rss},
	{"mtu", take_mtu},
	{"mirror", take_mirror},
};

/* qos and proto say something of the VLAN. */
static int check_vlan(const struct link_change *link, unsigned fields, struct cmd_error *error)
{
	const char *word = fields & LINK_QOS ? "qos" : "proto";

	if (fields & (LINK_QOS | LINK_PROTO) && !(fields & LINK_VLAN))
		return cmd_fail(error, -EINVAL,
				"%s without vlan is wrong: say \"vlan V %s %s\"", word, word,
				fields & LINK_QOS ? "Q" : "P");
	if (fields & LINK_QOS && link->qos && !link->vlan)
		return cmd_fail(error, -EINVAL,
				"qos %u with vlan 0 is wrong: a VLAN from 1 to 4094 is right",
				link->qos);
	if (link->svlan && !link->vlan)
		return cmd_fail(
			error, -EINVAL,
			"proto 802.1ad with vlan 0 is wrong: a VLAN from 1 to 4094 is right");
	return 0;
}

static int check(const struct link_change *link, unsigned fields, struct cmd_error *error)
{
	if (fields & LINK_RATE && fields & LINK_RATE_TOO)
		return cmd_fail(error, -EINVAL,
				"rate and max_tx_rate are the same: one of them is right");
	return check_vlan(link, fields, error);
}

int cmd_parse_link_set(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	struct link_change *link = &ret_cmd->link;
	unsigned fields;
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf(w, ret_cmd, error);
	link->words = w;
	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), link, error);
	link->words = NULL;
	if (ret < 0)
		return ret;
	if (!ret)
		return cmd_fail(error, -EINVAL, "there is nothing to set: say \"%s\"",
				w->usage);
	fields = (unsigned)ret;
	ret = check(link, fields, error);
	if (ret < 0)
		return ret;
	link->fields = fields & ~LINK_RATE_TOO;
	if (fields & LINK_RATE_TOO)
		link->fields |= LINK_RATE;
	return 0;
}
