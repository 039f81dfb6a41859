/* SPDX-License-Identifier: BSD-3-Clause */
/* json_util.h - building json-c objects without a line of boilerplate a member. */
#ifndef LADON_DAEMON_JSON_UTIL_H
#define LADON_DAEMON_JSON_UTIL_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "net_eth.h"

static inline void json_add(struct json_object *obj, const char *key, struct json_object *value)
{
	json_object_object_add(obj, key, value);
}

static inline void json_add_str(struct json_object *obj, const char *key, const char *value)
{
	json_object_object_add(obj, key, json_object_new_string(value));
}

static inline void json_add_u64(struct json_object *obj, const char *key, uint64_t value)
{
	json_object_object_add(obj, key, json_object_new_uint64(value));
}

static inline void json_add_bool(struct json_object *obj, const char *key, bool value)
{
	json_object_object_add(obj, key, json_object_new_boolean(value));
}

static inline void json_add_mac(struct json_object *obj, const char *key, const uint8_t mac[6])
{
	char text[NET_MAC_STR_LEN];

	json_add_str(obj, key, net_mac_str(mac, text));
}

#endif
