/* SPDX-License-Identifier: BSD-3-Clause */
/* mirror.h - "mirror none" and "mirror vf 0-3 both uplink rx" of link set: words, rules, JSON.
 */
#ifndef LADON_DAEMON_MIRROR_H
#define LADON_DAEMON_MIRROR_H

#include "nic_card.h"
#include "words.h"

struct function;
struct json_object;

/* first, the word after "mirror", and as many of w as belong to it. Returns 0 or -EINVAL with a
 * sentence. */
int mirror_parse(const char *first, struct words *w, struct nic_mirror_from *ret_from,
		 struct cmd_error *error);
/* May fn get these copies? 0, or -errno with a sentence. */
int mirror_check(const struct function *fn, const struct nic_mirror_from *from,
		 struct cmd_error *error);
/* [{"vf":0,"direction":"both"},{"uplink":true,"direction":"rx"}], empty when there are none. */
struct json_object *mirror_json(const struct nic_mirror_from *from);
/* The same as "mirror" of obj, where there are some. */
void mirror_add_json(struct json_object *obj, const struct nic_mirror_from *from);

#endif
