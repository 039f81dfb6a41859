/* SPDX-License-Identifier: BSD-3-Clause */
/* cmd_host.c - host add, del, show, map; vf assign. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "card.h"
#include "cmd.h"
#include "compute.h"
#include "daemon.h"
#include "json_util.h"

#define MAP_PIECES 64u /* of memory that are listed one by one */

/* ---- words ---- */

static int take_host(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *word;
	int ret = words_need(w, "the host's name", &word, error);

	if (ret < 0)
		return ret;
	if (!word_is_name(word))
		return cmd_fail(error, -EINVAL,
				"\"%.64s\" is no host name: 1 to 15 letters, digits, '_', '.' "
				"or '-' are right",
				word);
	snprintf(ret_cmd->host, sizeof(ret_cmd->host), "%s", word);
	return 0;
}

int cmd_parse_host(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	int ret = take_host(w, ret_cmd, error);

	return ret < 0 ? ret : words_end(w, error);
}

int cmd_parse_host_opt(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	return w->at < w->num ? cmd_parse_host(w, ret_cmd, error) : 0;
}

static int take_file(const char *value, void *dst, struct cmd_error *error)
{
	return cmd_take_token_file(value, &((struct cmd *)dst)->token_file, error);
}

static int take_lease(const char *value, void *dst, struct cmd_error *error)
{
	struct cmd *cmd = dst;

	if (word_number(value, COMPUTE_LEASE_MIN, COMPUTE_LEASE_MAX, &cmd->lease_ms) < 0)
		return cmd_fail(error, -EINVAL,
				"lease \"%.64s\" is wrong: %u to %u milliseconds are right",
				value, COMPUTE_LEASE_MIN, COMPUTE_LEASE_MAX);
	return 0;
}

int cmd_parse_host_add(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	static const struct words_option options[] = {{"lease", take_lease},
						      {"token-file", take_file}};
	int ret = take_host(w, ret_cmd, error);

	if (ret == 0)
		ret = words_options(w, options, ARRAY_SIZE(options), ret_cmd, error);
	if (ret >= 0 && !strcmp(ret_cmd->host, HOST_LOCAL))
		return cmd_fail(error, -EEXIST,
				"\"" HOST_LOCAL
				"\" is the host of this process: another name is "
				"right");
	return MIN(ret, 0);
}

int cmd_parse_vf_assign(struct words *w, struct cmd *ret_cmd, struct cmd_error *error)
{
	const char *word;
	int ret = cmd_take_card(w, ret_cmd, error);

	if (ret == 0)
		ret = cmd_take_vf_or_n(w, ret_cmd, error);
	if (ret == 0)
		ret = words_need(w, "host NAME", &word, error);
	if (ret < 0)
		return ret;
	if (strcmp(word, "host"))
		return cmd_fail(error, -EINVAL, "\"%.64s\" is wrong: say \"%s\"", word,
				w->usage);
	return cmd_parse_host(w, ret_cmd, error);
}

/* ---- host ---- */

static int find_host(struct daemon *daemon, const char *name, struct compute **ret_compute,
		     struct cmd_error *error)
{
	*ret_compute = compute_find(daemon, name);
	return *ret_compute ? 0
			    : cmd_fail(error, -ENODEV,
				       "there is no compute host \"%s\": \"host add %s\" makes "
				       "it known",
				       name, name);
}

CMD_RUN(cmd_host_add)
{
	uint8_t key[UUID_SIZE];
	int ret = cmd_token_read(cmd, cmd->token_file, key, error);

	(void)ret_data;
	if (ret == 0)
		return cmd_fail(error, -EINVAL,
				"the token that the host joins with is missing: say \"%s\"",
				cmd->row->usage);
	if (ret > 0)
		ret = compute_add(daemon, cmd->host, key,
				  cmd->lease_ms ? cmd->lease_ms : COMPUTE_LEASE_MS, error);
	explicit_bzero(key, sizeof(key));
	return ret;
}

CMD_RUN(cmd_host_del)
{
	struct compute *compute;
	int ret = find_host(daemon, cmd->host, &compute, error);

	(void)ret_data;
	return ret < 0 ? ret : compute_del(compute, error);
}

static struct json_object *functions_json(const struct host *host)
{
	struct json_object *list = json_object_new_array();

	for (const struct function *fn = host->functions; fn; fn = fn->host_next)
		json_object_array_add(list, json_object_new_string(fn->name));
	return list;
}

static struct json_object *compute_json(struct compute *compute)
{
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "host", compute->host.name);
	json_add_str(obj, "state", compute->fd < 0 ? "absent" : "joined");
	if (compute->fd >= 0) {
		json_add_u64(obj, "pid", (uint64_t)compute->pid);
		json_add_u64(obj, "uid", compute->uid);
		json_add_u64(obj, "epoch", compute->epoch);
	}
	json_add_u64(obj, "lease_ms", compute->lease_ms);
	json_add_u64(obj, "slice_base", compute->port.base);
	json_add_u64(obj, "slice_size", BIT64(COMPUTE_SLICE_BITS));
	json_add_u64(obj, "windows", compute->num_windows);
	json_add_u64(obj, "bytes", compute->bytes);
	json_add(obj, "functions", functions_json(&compute->host));
	json_add_u64(obj, "joins", compute->joins);
	json_add_u64(obj, "leases_lost", compute->lost);
	json_add_u64(obj, "refused", compute->refused);
	json_add(obj, "port", compute_port_json(compute));
	json_add(obj, "registers", compute_regs_json(compute));
	return obj;
}

CMD_RUN(cmd_host_show)
{
	struct json_object *list;
	struct compute *only = NULL;
	int ret = cmd->host[0] ? find_host(daemon, cmd->host, &only, error) : 0;

	if (ret < 0)
		return ret;
	list = json_object_new_array();
	for (struct compute *c = daemon->computes; c; c = c->next)
		if (!only || c == only)
			json_object_array_add(list, compute_json(c));
	*ret_data = list;
	return 0;
}

/* ---- host map ---- */

static struct json_object *windows_json(const struct ntb_port *port)
{
	static const char *const kinds[] = {[NTB_MEMORY] = "memory",
					    [NTB_MMIO] = "registers",
					    [NTB_INTERRUPTS] = "interrupts"};
	struct json_object *list = json_object_new_array();
	struct ntb_window window;
	bool revoked;

	for (unsigned i = 0; i < NTB_WINDOWS; i++) {
		struct json_object *obj;

		if (!ntb_window_get(port, i, &window, &revoked) || revoked)
			continue;
		obj = json_object_new_object();
		json_add_str(obj, "kind", kinds[window.kind]);
		json_add_u64(obj, "base", window.base);
		json_add_u64(obj, "size", window.limit - window.base + 1);
		json_add_u64(obj, "address", window.xlat);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *memory_json(const struct compute *compute)
{
	struct json_object *list = json_object_new_array();
	const struct compute_window *w = compute->windows;

	for (unsigned i = 0; w && i < MAP_PIECES; i++, w = w->next) {
		struct json_object *obj = json_object_new_object();

		json_add_u64(obj, "address", w->slice.hpa);
		json_add_u64(obj, "size", w->slice.size);
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *requesters_json(const struct host *host)
{
	struct json_object *list = json_object_new_array();
	char rid[16];

	for (const struct function *fn = host->functions; fn; fn = fn->host_next) {
		struct json_object *obj;

		if (!fn->kind->has_memory)
			continue;
		obj = json_object_new_object();
		json_add_str(obj, "function", fn->name);
		json_add_str(obj, "rid", pci_rid_str(fn->rid, rid));
		json_add_str(obj, "host_rid", pci_rid_str(fn->host_rid, rid));
		json_object_array_add(list, obj);
	}
	return list;
}

static struct json_object *slice_json(struct daemon *daemon, const struct ntb_slice *slice)
{
	struct compute *compute = compute_find(daemon, slice->name);
	struct json_object *obj = json_object_new_object();

	json_add_str(obj, "host", slice->name);
	json_add_str(obj, "state", !compute ? "local" : compute->fd < 0 ? "absent" : "joined");
	json_add_u64(obj, "base", slice->base);
	json_add_u64(obj, "size", slice->size);
	if (compute) {
		json_add(obj, "windows", windows_json(&compute->port));
		json_add(obj, "memory", memory_json(compute));
		json_add_u64(obj, "pieces", compute->num_windows);
		json_add_u64(obj, "bytes", compute->bytes);
	}
	json_add(obj, "functions", requesters_json(compute ? &compute->host : &daemon->local));
	return obj;
}

CMD_RUN(cmd_host_map)
{
	const struct ntb_slice *slice = NULL;
	struct json_object *list = json_object_new_array();

	(void)cmd;
	(void)error;
	while ((slice = ntb_map_next(&daemon->map, slice)))
		json_object_array_add(list, slice_json(daemon, slice));
	*ret_data = list;
	return 0;
}

/* ---- vf assign ---- */

CMD_RUN(cmd_vf_assign)
{
	struct compute *compute = NULL, *former;
	struct function *fn;
	struct host *host = &daemon->local;
	int ret = card_find_function(daemon, cmd->card, cmd->vf, &fn, error);

	(void)ret_data;
	if (ret == 0 && strcmp(cmd->host, daemon->local.name))
		ret = find_host(daemon, cmd->host, &compute, error);
	if (ret < 0)
		return ret;
	if (compute)
		host = &compute->host;
	if (fn->host == host)
		return 0;
	if (fn->client.attached)
		return cmd_fail(error, -EBUSY, "%s is in use by pid %d: end that process first",
				fn->name, (int)fn->client.pid);
	former = fn->host ? compute_of(fn->host) : NULL;
	if (former)
		compute_tell_assigned(former, fn, false);
	ret = function_set_host(fn, host);
	if (ret < 0 && former)
		compute_tell_assigned(former, fn, true);
	if (ret < 0)
		return cmd_fail(error, ret, "%s cannot go to host %s: %s", fn->name, cmd->host,
				strerror(-ret));
	if (compute)
		compute_tell_assigned(compute, fn, true);
	return 0;
}
