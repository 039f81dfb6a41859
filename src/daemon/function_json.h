/* SPDX-License-Identifier: BSD-3-Clause */
/* function_json.h - parts of a function as JSON, for link show and vf show. */
#ifndef LADON_DAEMON_FUNCTION_JSON_H
#define LADON_DAEMON_FUNCTION_JSON_H

#include "function.h"

struct json_object;

/* {"pid":..,"uid":..,"since":..,"client":..,"message_mode":..}, or NULL (JSON null) when idle.
 */
struct json_object *function_client_json(const struct function *fn);

/* All reasons together. drops has NIC_DROP_NUM counters. */
uint64_t function_drops_sum(const _Atomic uint64_t *drops);
/* Adds "drops" (both directions), "rx_drops", "tx_drops" (reasons that are not zero), and the
 * counters that iproute2 has no key for. */
void function_add_counters(struct json_object *obj, const struct nic_port_stats *stats);

#endif
