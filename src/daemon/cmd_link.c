/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_link.c - link set: the policy of one VF, all of a line or nothing. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "event.h"
#include "json_util.h"
#include "mirror.h"
#include "vlans.h"

static const char *const states[] = {"auto", "enable", "disable"};

static void add_spoofchk(struct json_object *obj, enum nic_spoofchk check)
{
	json_add_bool(obj, "spoofchk", check != NIC_SPOOFCHK_OFF);
	json_add_bool(obj, "spoofchk_arp", check == NIC_SPOOFCHK_ARP);
}

static struct json_object *change_json(const struct link_change *link)
{
	struct json_object *obj = json_object_new_object();
	char vlans[VLANS_TEXT_BYTES];

	if (link->fields & LINK_MAC)
		json_add_mac(obj, "mac", link->mac);
	if (link->fields & LINK_VLAN) {
		json_add_u64(obj, "vlan", link->vlan);
		json_add_u64(obj, "qos", link->qos);
		if (link->svlan)
			json_add_str(obj, "proto", "802.1ad");
	}
	if (link->fields & LINK_SPOOFCHK)
		add_spoofchk(obj, link->spoofchk);
	if (link->fields & LINK_TRUST)
		json_add_bool(obj, "trust", link->trust);
	if (link->fields & LINK_STATE)
		json_add_str(obj, "state", states[link->state]);
	if (link->fields & LINK_VLANS)
		json_add_str(obj, "vlans", vlans_text(link->vlans, vlans));
	if (link->fields & LINK_STORM_BCAST)
		json_add_u64(obj, "storm_bcast_rate", link->storm_bcast);
	if (link->fields & LINK_STORM_UUCAST)
		json_add_u64(obj, "storm_uucast_rate", link->storm_uucast);
	if (link->fields & LINK_QUERY_RSS)
		json_add_bool(obj, "query_rss", link->query_rss);
	if (link->fields & LINK_MTU)
		json_add_u64(obj, "mtu", link->mtu);
	if (link->fields & LINK_RATE)
		json_add_u64(obj, "max_tx_rate", link->rate);
	if (link->fields & LINK_MIN_RATE)
		json_add_u64(obj, "min_tx_rate", link->min_rate);
	if (link->fields & LINK_MIRROR)
		json_add(obj, "mirror", mirror_json(&link->mirror));
	return obj;
}

static void tell(struct daemon *daemon, const struct function *fn,
		 const struct link_change *link)
{
	struct json_object *event = event_new(daemon, "policy", fn->card->name, (int)fn->n);

	if (event)
		json_add(event, "set", change_json(link));
	event_emit(daemon, event);
	card_tell_links(fn->card);
}

/* As iproute2: of the two rates the one that is not said stays. */
static unsigned min_rate(const struct function *fn, const struct link_change *link)
{
	return link->fields & LINK_MIN_RATE ? link->min_rate
					    : fn->card->nic->vf[fn->n].admin.min_tx_mbps;
}

static unsigned max_rate(const struct function *fn, const struct link_change *link)
{
	return link->fields & LINK_RATE ? link->rate
					: fn->card->nic->vf[fn->n].admin.max_tx_mbps;
}

/* The only setting that the card may refuse once all have been checked, so it goes first. */
static int set_mac(struct function *fn, const struct link_change *link, struct cmd_error *error)
{
	char text[NET_MAC_STR_LEN];
	int ret;

	if (!(link->fields & LINK_MAC))
		return 0;
	ret = nic_card_set_mac(fn->card->nic, fn->n, link->mac);
	if (ret == -EEXIST)
		return cmd_fail(error, ret,
				"mac %s belongs to another function of %s: one that nobody has "
				"is right",
				net_mac_str(link->mac, text), fn->card->name);
	if (ret < 0)
		return cmd_fail(error, ret, "the address was refused: %s", strerror(-ret));
	return 0;
}

/* Values were checked by the parser; the card takes them or it is our mistake. */
static void set_rest(struct function *fn, const struct link_change *link)
{
	struct nic_card *nic = fn->card->nic;
	unsigned other;
	int ret = 0;

	if (link->fields & LINK_VLAN)
		ret |= nic_card_set_vlan(nic, fn->n, link->vlan, link->qos, link->svlan);
	if (link->fields & LINK_VLANS)
		nic_card_set_vlans(nic, fn->n, link->vlans);
	if (link->fields & LINK_STORM_BCAST)
		ret |= nic_card_set_storm_bcast(nic, fn->n, link->storm_bcast);
	if (link->fields & LINK_STORM_UUCAST)
		ret |= nic_card_set_storm_uucast(nic, fn->n, link->storm_uucast);
	if (link->fields & LINK_SPOOFCHK)
		ret |= nic_card_set_spoofchk(nic, fn->n, link->spoofchk);
	if (link->fields & LINK_QUERY_RSS)
		nic_card_set_query_rss(nic, fn->n, link->query_rss);
	if (link->fields & LINK_MTU)
		ret |= nic_card_set_mtu(nic, fn->n, link->mtu);
	if (link->fields & LINK_TRUST)
		ret |= nic_card_set_trust(nic, fn->n, link->trust);
	if (link->fields & LINK_STATE)
		ret |= nic_card_set_link(nic, fn->n, link->state);
	if (link->fields & (LINK_RATE | LINK_MIN_RATE))
		ret |= nic_card_set_rate(nic, fn->n, min_rate(fn, link), max_rate(fn, link));
	if (link->fields & LINK_MIRROR)
		ret |= nic_card_set_mirror(nic, fn->n, &link->mirror, &other);
	assert(ret == 0);
	(void)ret;
}

/* What the 82576 has no register for (or its Linux driver no word). */
static int check_model(const struct function *fn, const struct link_change *link,
		       struct cmd_error *error)
{
	const char *name = fn->card->name;

	if (!fn->card->params.strict)
		return 0;
	if (link->svlan)
		return cmd_fail(error, -EPROTONOSUPPORT,
				"proto 802.1ad is nothing that an 82576 knows: 802.1Q is right "
				"while %s has strict-model on",
				name);
	if (link->fields & LINK_MIN_RATE && link->min_rate)
		return cmd_fail(error, -EOPNOTSUPP,
				"min_tx_rate %u is nothing that an 82576 has: 0 is right while "
				"%s has strict-model on",
				link->min_rate, name);
	if (link->fields & LINK_SPOOFCHK && link->spoofchk == NIC_SPOOFCHK_ARP)
		return cmd_fail(error, -EOPNOTSUPP,
				"spoofchk arp is nothing that an 82576 has: on or off is right "
				"while %s has strict-model on",
				name);
	if (link->fields & LINK_QUERY_RSS && link->query_rss)
		return cmd_fail(error, -EOPNOTSUPP,
				"query_rss on is nothing that an 82576 has: off is right while "
				"%s has strict-model on",
				name);
	if (link->fields & LINK_STATE && link->state == NIC_LINK_ENABLE)
		return cmd_fail(error, -EOPNOTSUPP,
				"state enable is nothing that an 82576 has: auto or disable is "
				"right while %s has strict-model on",
				name);
	return 0;
}

/* A port VLAN of 802.1Q leaves no tag to the guest, so there is nothing to list. */
static int check_vlans(const struct function *fn, const struct link_change *link,
		       struct cmd_error *error)
{
	const struct nic_vf_admin *admin = &fn->card->nic->vf[fn->n].admin;
	bool set = link->fields & LINK_VLAN;
	unsigned vlan = set ? link->vlan : admin->vlan;
	bool svlan = set ? link->svlan : admin->svlan;
	bool list = link->fields & LINK_VLANS ? !nic_vlans_all(link->vlans) : admin->listed;

	if (!vlan || svlan || !list)
		return 0;
	return cmd_fail(error, -EINVAL,
			"a list of vlans and vlan %u do not go together: \"vlan 0\", \"vlans "
			"all\", or proto 802.1ad is right",
			vlan);
}

static int check_rates(const struct function *fn, const struct link_change *link,
		       struct cmd_error *error)
{
	const struct nic_card *nic = fn->card->nic;
	unsigned min = min_rate(fn, link), max = max_rate(fn, link);
	uint32_t left = nic_card_free_mbps(nic, fn->n);

	if (!(link->fields & (LINK_RATE | LINK_MIN_RATE)))
		return 0;
	if (max && min > max)
		return cmd_fail(
			error, -EINVAL,
			"min_tx_rate %u is above max_tx_rate %u: at most that, or 0, is "
			"right",
			min, max);
	if (min > left)
		return cmd_fail(error, -ERANGE,
				"min_tx_rate %u and the other VFs' are above the link's %u "
				"Mbit/s: at most %u is right",
				min, nic->link_mbps ? nic->link_mbps : NIC_MAX_MBPS, left);
	return 0;
}

/* Whoever drives the PF owns the policy, but who sees whose frames is the operator's alone. */
static int check_owner(const struct function *fn, const struct link_change *link,
		       struct cmd_error *error)
{
	const struct function *pf = fn->card->pf;

	if (!card_guest_owns(fn->card) || link->fields == LINK_MIRROR)
		return 0;
	return cmd_fail(
		error, -EBUSY,
		"policy of %s belongs to the PF driver in the guest attached to %s (pid "
		"%d): use \"ip link set ... vf %u\" there, or detach it",
		fn->card->name, pf->path, (int)pf->client.pid, fn->n);
}

CMD_RUN(cmd_link_set)
{
	struct function *fn;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	if (ret == 0)
		ret = check_owner(fn, &cmd->link, error);
	if (ret == 0)
		ret = check_model(fn, &cmd->link, error);
	if (ret == 0)
		ret = check_rates(fn, &cmd->link, error);
	if (ret == 0)
		ret = check_vlans(fn, &cmd->link, error);
	if (ret == 0 && cmd->link.fields & LINK_MIRROR)
		ret = mirror_check(fn, &cmd->link.mirror, error);
	if (ret == 0)
		ret = set_mac(fn, &cmd->link, error);
	if (ret < 0)
		return ret;
	set_rest(fn, &cmd->link);
	tell(daemon, fn, &cmd->link);
	return 0;
}
