/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_link_show.c - link show, with the keys, the order and the conditions of `ip -j -d link
 * show`. What iproute2 does not know stands under "ladon".
 */
#include "bits.h"
#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "function_json.h"
#include "json_util.h"
#include "mirror.h"
#include "vlans.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const char *const states[] = {"auto", "enable", "disable"};

/* What rules a VF: the operator's settings, or while a guest's PF driver owns the policy what
 * its registers say. The hardware knows neither trust nor a link state by VF. */
struct rules {
	const uint8_t *mac;
	uint8_t guest_mac[6];
	unsigned vlan, qos, min_tx, max_tx;
	bool svlan, spoofchk, trust, query_rss;
	bool trust_known; /* and query_rss */
	enum nic_link link;
};

static void rules_of_operator(const struct nic_vf *vf, struct rules *ret)
{
	*ret = (struct rules){
		.mac = vf->guest.mac,
		.vlan = vf->admin.vlan,
		.qos = vf->admin.qos,
		.svlan = vf->admin.svlan,
		.min_tx = vf->admin.min_tx_mbps,
		.max_tx = vf->admin.max_tx_mbps,
		.spoofchk = vf->admin.spoofchk != NIC_SPOOFCHK_OFF,
		.trust = vf->admin.trust,
		.query_rss = vf->admin.query_rss,
		.trust_known = true,
		.link = vf->admin.link,
	};
}

static void rules_of_guest(const struct nic_policy *policy, struct rules *ret)
{
	*ret = (struct rules){
		.vlan = policy->pvid,
		.qos = policy->qos,
		.max_tx = policy->max_tx_mbps,
		.spoofchk = policy->spoof_mac && policy->spoof_vlan,
		.link = NIC_LINK_AUTO,
	};
	ret->mac = ret->guest_mac;
	if (!policy->num_macs)
		return;
	put_le32(ret->guest_mac, (uint32_t)policy->mac[0]);
	put_le16(ret->guest_mac + 4, (uint16_t)(policy->mac[0] >> 32));
}

static struct json_object *vlan_list(const struct rules *rules)
{
	struct json_object *list = json_object_new_array(), *row = json_object_new_object();

	json_add_u64(row, "vlan", rules->vlan);
	if (rules->qos)
		json_add_u64(row, "qos", rules->qos);
	if (rules->svlan)
		json_add_str(row, "protocol", "802.1ad");
	json_object_array_add(list, row);
	return list;
}

static struct json_object *rate(const struct rules *rules)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "max_tx", rules->max_tx);
	json_add_u64(obj, "min_tx", rules->min_tx);
	return obj;
}

static struct json_object *stats(const struct nic_port_stats *s)
{
	struct json_object *obj = json_object_new_object();
	struct json_object *rx = json_object_new_object(), *tx = json_object_new_object();

	json_add_u64(rx, "bytes", nic_counter(&s->rx_bytes));
	json_add_u64(rx, "packets", nic_counter(&s->rx_packets));
	json_add_u64(rx, "multicast", nic_counter(&s->rx_multicast));
	json_add_u64(rx, "broadcast", nic_counter(&s->rx_broadcast));
	json_add_u64(rx, "dropped", function_drops_sum(s->rx_drops));
	json_add_u64(tx, "tx_bytes", nic_counter(&s->tx_bytes));
	json_add_u64(tx, "tx_packets", nic_counter(&s->tx_packets));
	json_add_u64(tx, "dropped", function_drops_sum(s->tx_drops));
	json_add(obj, "rx", rx);
	json_add(obj, "tx", tx);
	return obj;
}

static void add_operators(struct json_object *obj, const struct nic_vf *vf)
{
	char vlans[VLANS_TEXT_BYTES];

	json_add_bool(obj, "driver_active", vf->guest.active);
	json_add_bool(obj, "spoofchk_arp", vf->admin.spoofchk == NIC_SPOOFCHK_ARP);
	if (vf->admin.mtu)
		json_add_u64(obj, "mtu", vf->admin.mtu);
	if (vf->admin.listed)
		json_add_str(obj, "vlans", vlans_text(vf->admin.vlans, vlans));
	if (vf->admin.storm_bcast_pps)
		json_add_u64(obj, "storm_bcast_rate", vf->admin.storm_bcast_pps);
	if (vf->admin.storm_uucast_pps)
		json_add_u64(obj, "storm_uucast_rate", vf->admin.storm_uucast_pps);
}

static struct json_object *own_json(const struct function *fn, bool with_stats)
{
	struct json_object *obj = json_object_new_object();
	char rid[16];

	json_add_str(obj, "rid", pci_rid_str(fn->rid, rid));
	json_add_str(obj, "host", fn->host ? fn->host->name : "");
	json_add(obj, "attached", function_client_json(fn));
	json_add_bool(obj, "link_up", nic_card_link_up(fn->card->nic, fn->n));
	json_add_bool(obj, "exists", fn->vf->exists);
	if (!card_guest_owns(fn->card)) /* who else has the mailbox knows */
		add_operators(obj, &fn->card->nic->vf[fn->n]);
	mirror_add_json(obj, &fn->card->nic->vf[fn->n].admin.mirror);
	if (with_stats)
		function_add_counters(obj, &fn->vf->fn.port.stats);
	return obj;
}

static struct json_object *vf_json(const struct function *fn, bool with_stats)
{
	struct json_object *obj = json_object_new_object();
	struct rules rules;

	if (card_guest_owns(fn->card))
		rules_of_guest(nic_card_policy(fn->card->nic, fn->n), &rules);
	else
		rules_of_operator(&fn->card->nic->vf[fn->n], &rules);
	json_add_u64(obj, "vf", fn->n);
	json_add_str(obj, "link_type", "ether");
	json_add_mac(obj, "address", rules.mac);
	json_add_mac(obj, "broadcast", broadcast);
	if (rules.vlan)
		json_add(obj, "vlan_list", vlan_list(&rules));
	if (rules.max_tx)
		json_add_u64(obj, "tx_rate", rules.max_tx);
	json_add(obj, "rate", rate(&rules));
	json_add_bool(obj, "spoofchk", rules.spoofchk);
	json_add_str(obj, "link_state", states[rules.link]);
	if (rules.trust_known) {
		json_add_bool(obj, "trust", rules.trust);
		json_add_bool(obj, "query_rss_en", rules.query_rss);
	}
	if (with_stats)
		json_add(obj, "stats", stats(&fn->vf->fn.port.stats));
	json_add(obj, "ladon", own_json(fn, with_stats));
	return obj;
}

static struct json_object *flags(bool up)
{
	struct json_object *list = json_object_new_array();

	if (!up)
		json_object_array_add(list, json_object_new_string("NO-CARRIER"));
	json_object_array_add(list, json_object_new_string("BROADCAST"));
	json_object_array_add(list, json_object_new_string("MULTICAST"));
	json_object_array_add(list, json_object_new_string("UP"));
	if (up)
		json_object_array_add(list, json_object_new_string("LOWER_UP"));
	return list;
}

static struct json_object *flow_stats(const struct card *card)
{
	const struct nic_flow_stats *s = nic_dp_flow_stats(card->nic->dp);
	struct json_object *obj = json_object_new_object();

#define X(name, text) json_add_u64(obj, #name, nic_counter(&s->name));
	NIC_FLOW_COUNTERS(X)
#undef X
	return obj;
}

static struct json_object *card_own_json(const struct card *card, bool with_stats)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "policy_owner", card_guest_owns(card) ? "guest" : "builtin");
	json_add_str(obj, "flow_control", card_flow_words[card->nic->flow.mode]);
	json_add_str(obj, "control_frames", card->params.pass_control ? "pass" : "drop");
	if (with_stats)
		json_add(obj, "flow", flow_stats(card));
	if (with_stats && card->nic->uplink) {
		json_add(obj, "uplink_stats", stats(&card->nic->uplink->stats));
		function_add_counters(obj, &card->nic->uplink->stats);
	}
	return obj;
}

static struct json_object *card_json(const struct card *card, bool with_stats)
{
	struct json_object *obj = json_object_new_object(), *list = json_object_new_array();
	bool up = card_uplink_up(card);

	json_add_str(obj, "ifname", card->name);
	json_add(obj, "flags", flags(up));
	json_add_u64(obj, "mtu", card->params.mtu);
	json_add_str(obj, "operstate", up ? "UP" : "DOWN");
	json_add_str(obj, "link_type", "ether");
	json_add_mac(obj, "address", card->nic->base_mac);
	json_add_mac(obj, "broadcast", broadcast);
	json_add_u64(obj, "num_vf", card_num_vfs(card));
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		json_object_array_add(list, vf_json(fn, with_stats));
	json_add(obj, "vfinfo_list", list);
	json_add(obj, "ladon", card_own_json(card, with_stats));
	return obj;
}

CMD_RUN(cmd_link_show)
{
	return cards_json(daemon, cmd->card, card_json, cmd->stats, ret_data, error);
}
