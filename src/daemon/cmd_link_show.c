/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cmd_link_show.c - link show, with the keys, the order and the conditions of `ip -j -d link
 * show`. What iproute2 does not know stands under "ladon".
 */
#include "card.h"
#include "cmd.h"
#include "daemon.h"
#include "function_json.h"
#include "json_util.h"

static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const char *const states[] = {"auto", "enable", "disable"};

static struct json_object *vlan_list(const struct nic_vf_admin *admin)
{
	struct json_object *list = json_object_new_array(), *row = json_object_new_object();

	json_add_u64(row, "vlan", admin->vlan);
	if (admin->qos)
		json_add_u64(row, "qos", admin->qos);
	json_object_array_add(list, row);
	return list;
}

/* No model so far limits rates; the keys are always there. */
static struct json_object *rate(void)
{
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "max_tx", 0);
	json_add_u64(obj, "min_tx", 0);
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

static struct json_object *own_json(const struct function *fn, bool with_stats)
{
	struct json_object *obj = json_object_new_object();

	json_add(obj, "attached", function_client_json(fn));
	json_add_bool(obj, "link_up", nic_card_link_up(fn->card->nic, fn->n));
	json_add_bool(obj, "driver_active", fn->card->nic->vf[fn->n].guest.active);
	if (with_stats)
		function_add_counters(obj, &fn->vf->port.stats);
	return obj;
}

static struct json_object *vf_json(const struct function *fn, bool with_stats)
{
	const struct nic_vf *vf = &fn->card->nic->vf[fn->n];
	struct json_object *obj = json_object_new_object();

	json_add_u64(obj, "vf", fn->n);
	json_add_str(obj, "link_type", "ether");
	json_add_mac(obj, "address", vf->guest.mac);
	json_add_mac(obj, "broadcast", broadcast);
	if (vf->admin.vlan)
		json_add(obj, "vlan_list", vlan_list(&vf->admin));
	json_add(obj, "rate", rate());
	json_add_bool(obj, "spoofchk", vf->admin.spoofchk);
	json_add_str(obj, "link_state", states[vf->admin.link]);
	json_add_bool(obj, "trust", vf->admin.trust);
	if (with_stats)
		json_add(obj, "stats", stats(&fn->vf->port.stats));
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

static struct json_object *card_json(const struct card *card, bool with_stats)
{
	struct json_object *obj = json_object_new_object(), *list = json_object_new_array();
	bool up = !card->nic->uplink || card->nic->uplink_up;

	json_add_str(obj, "ifname", card->name);
	json_add(obj, "flags", flags(up));
	json_add_u64(obj, "mtu", card->params.mtu);
	json_add_str(obj, "operstate", up ? "UP" : "DOWN");
	json_add_str(obj, "link_type", "ether");
	json_add_mac(obj, "address", card->nic->base_mac);
	json_add_mac(obj, "broadcast", broadcast);
	json_add_u64(obj, "num_vf", card->params.num_vfs);
	for (unsigned n = 0; n < card->params.num_vfs; n++)
		json_object_array_add(list, vf_json(card->functions[n], with_stats));
	json_add(obj, "vfinfo_list", list);
	if (with_stats && card->nic->uplink) {
		struct json_object *own = json_object_new_object();

		json_add(own, "uplink_stats", stats(&card->nic->uplink->stats));
		function_add_counters(own, &card->nic->uplink->stats);
		json_add(obj, "ladon", own);
	}
	return obj;
}

CMD_RUN(cmd_link_show)
{
	return cards_json(daemon, cmd->card, card_json, cmd->stats, ret_data, error);
}
