/* SPDX-License-Identifier: BSD-3-Clause */
#include "function_json.h"

#include "event.h"
#include "json_util.h"

struct json_object *function_client_json(const struct function *fn)
{
	const struct function_client *client = &fn->client;
	struct timespec since = {.tv_sec = client->since};
	struct json_object *obj;

	if (!client->attached)
		return NULL;
	obj = json_object_new_object();
	json_add_u64(obj, "pid", (uint64_t)client->pid);
	json_add_u64(obj, "uid", client->uid);
	json_add(obj, "since", event_time(&since));
	json_add_str(obj, "client", client->kind);
	json_add_bool(obj, "mapped_doorbells", client->mapped);
	json_add_bool(obj, "message_mode", client->msg_mode);
	return obj;
}

uint64_t function_drops_sum(const _Atomic uint64_t *drops)
{
	uint64_t sum = 0;

	for (unsigned i = NIC_DROP_NONE + 1; i < NIC_DROP_NUM; i++)
		sum += nic_counter(&drops[i]);
	return sum;
}

/* b may be NULL. */
static struct json_object *drops_json(const _Atomic uint64_t *a, const _Atomic uint64_t *b)
{
	struct json_object *obj = json_object_new_object();

	for (unsigned i = NIC_DROP_NONE + 1; i < NIC_DROP_NUM; i++) {
		uint64_t n = nic_counter(&a[i]) + (b ? nic_counter(&b[i]) : 0);

		if (n)
			json_add_u64(obj, nic_drop_word((enum nic_drop)i), n);
	}
	return obj;
}

void function_add_counters(struct json_object *obj, const struct nic_port_stats *stats)
{
	json_add(obj, "drops", drops_json(stats->rx_drops, stats->tx_drops));
	json_add(obj, "rx_drops", drops_json(stats->rx_drops, NULL));
	json_add(obj, "tx_drops", drops_json(stats->tx_drops, NULL));
	json_add_u64(obj, "tx_multicast", nic_counter(&stats->tx_multicast));
	json_add_u64(obj, "tx_broadcast", nic_counter(&stats->tx_broadcast));
	json_add_u64(obj, "rx_local_packets", nic_counter(&stats->rx_local_packets));
	json_add_u64(obj, "rx_local_bytes", nic_counter(&stats->rx_local_bytes));
	json_add_u64(obj, "tx_local_packets", nic_counter(&stats->tx_local_packets));
	json_add_u64(obj, "tx_local_bytes", nic_counter(&stats->tx_local_bytes));
	json_add_u64(obj, "copied_bytes", nic_counter(&stats->copied_bytes));
	json_add_u64(obj, "mirrored", nic_counter(&stats->mirrored));
}
