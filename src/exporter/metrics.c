/* SPDX-License-Identifier: BSD-3-Clause */
#include "metrics.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static json_object *get(json_object *obj, const char *key)
{
	json_object *member = NULL;

	json_object_object_get_ex(obj, key, &member);
	return member;
}

/* "a.b.c" */
static json_object *walk(json_object *obj, const char *path)
{
	char key[32];

	while (obj && *path) {
		size_t len = strcspn(path, ".");

		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		obj = get(obj, key);
		path += len + (path[len] == '.');
	}
	return obj;
}

static uint64_t number(json_object *obj, const char *path)
{
	return json_object_get_uint64(walk(obj, path));
}

static const char *text(json_object *obj, const char *path)
{
	json_object *member = walk(obj, path);

	return member ? json_object_get_string(member) : "";
}

/* A label's value: quotes, backslashes and newlines have to be escaped. */
static void put_label(FILE *out, const char *key, const char *value)
{
	fprintf(out, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', out);
		if (*value == '\n')
			fputs("\\n", out);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

static void put_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The labels that every series of a VF has, without the closing brace. */
static void put_vf(FILE *out, const char *name, json_object *link, json_object *vf)
{
	char address[32], n[16];

	snprintf(address, sizeof(address), "0000:%s", text(vf, "ladon.rid"));
	snprintf(n, sizeof(n), "%" PRIu64, number(vf, "vf"));
	fprintf(out, "%s{numa_node=\"-1\",", name);
	put_label(out, "pciAddr", address);
	fputc(',', out);
	put_label(out, "pf", text(link, "ifname"));
	fputc(',', out);
	put_label(out, "vf", n);
}

typedef void vf_fn(FILE *out, const void *arg, json_object *link, json_object *vf);

static void each_vf(FILE *out, json_object *links, vf_fn *fn, const void *arg)
{
	for (size_t i = 0; i < json_object_array_length(links); i++) {
		json_object *link = json_object_array_get_idx(links, i);
		json_object *vfs = get(link, "vfinfo_list");

		for (size_t v = 0; vfs && v < json_object_array_length(vfs); v++)
			fn(out, arg, link, json_object_array_get_idx(vfs, v));
	}
}

/* ---- of each VF ---- */

static const struct row {
	const char *name, *type, *path, *help;
} vf_rows[] = {
	{"sriov_vf_rx_bytes", "counter", "stats.rx.bytes", "Received bytes."},
	{"sriov_vf_tx_bytes", "counter", "stats.tx.tx_bytes", "Sent bytes."},
	{"sriov_vf_rx_packets", "counter", "stats.rx.packets", "Received frames."},
	{"sriov_vf_tx_packets", "counter", "stats.tx.tx_packets", "Sent frames."},
	{"sriov_vf_rx_dropped", "counter", "stats.rx.dropped", "Frames dropped on receiving."},
	{"sriov_vf_tx_dropped", "counter", "stats.tx.dropped", "Frames dropped on sending."},
	{"sriov_vf_rx_broadcast", "counter", "stats.rx.broadcast", "Received broadcast."},
	{"sriov_vf_rx_multicast", "counter", "stats.rx.multicast", "Received multicast."},
	{"ladon_vf_mirrored_total", "counter", "ladon.mirrored",
	 "Copies of other ports' frames, received or dropped."},
	{"ladon_vf_link_up", "gauge", "ladon.link_up", "Is the link up? 1 or 0."},
};

static void put_value(FILE *out, const void *arg, json_object *link, json_object *vf)
{
	const struct row *row = arg;

	put_vf(out, row->name, link, vf);
	fprintf(out, "} %" PRIu64 "\n", number(vf, row->path));
}

static void put_attached(FILE *out, const void *arg, json_object *link, json_object *vf)
{
	put_vf(out, arg, link, vf);
	fprintf(out, "} %d\n", walk(vf, "ladon.attached") != NULL);
}

static void put_drops(FILE *out, const void *arg, json_object *link, json_object *vf)
{
	json_object *drops = walk(vf, "ladon.drops");

	if (!drops)
		return;
	json_object_object_foreach(drops, reason, count)
	{
		put_vf(out, arg, link, vf);
		fputc(',', out);
		put_label(out, "reason", reason);
		fprintf(out, "} %" PRIu64 "\n", json_object_get_uint64(count));
	}
}

static void put_vfs(FILE *out, json_object *links)
{
	static const char attached[] = "ladon_vf_attached", drops[] = "ladon_vf_drops_total";

	for (size_t i = 0; i < sizeof(vf_rows) / sizeof(vf_rows[0]); i++) {
		put_head(out, vf_rows[i].name, vf_rows[i].type, vf_rows[i].help);
		each_vf(out, links, put_value, &vf_rows[i]);
	}
	put_head(out, attached, "gauge", "Is a client attached? 1 or 0.");
	each_vf(out, links, put_attached, attached);
	put_head(out, drops, "counter", "Dropped frames by reason, both directions.");
	each_vf(out, links, put_drops, drops);
}

/* ---- of each card ---- */

static const struct row uplink_rows[] = {
	{"ladon_uplink_rx_bytes_total", "counter", "ladon.uplink_stats.tx.tx_bytes",
	 "Bytes from the wire."},
	{"ladon_uplink_tx_bytes_total", "counter", "ladon.uplink_stats.rx.bytes",
	 "Bytes to the wire."},
	{"ladon_uplink_rx_packets_total", "counter", "ladon.uplink_stats.tx.tx_packets",
	 "Frames from the wire."},
	{"ladon_uplink_tx_packets_total", "counter", "ladon.uplink_stats.rx.packets",
	 "Frames to the wire."},
	{"ladon_uplink_rx_dropped_total", "counter", "ladon.uplink_stats.tx.dropped",
	 "Frames from the wire that nobody got."},
	{"ladon_uplink_tx_dropped_total", "counter", "ladon.uplink_stats.rx.dropped",
	 "Frames that the wire did not take."},
};

static void put_uplinks(FILE *out, json_object *links)
{
	for (size_t i = 0; i < sizeof(uplink_rows) / sizeof(uplink_rows[0]); i++) {
		const struct row *row = &uplink_rows[i];

		put_head(out, row->name, row->type, row->help);
		for (size_t k = 0; k < json_object_array_length(links); k++) {
			json_object *link = json_object_array_get_idx(links, k);

			if (!walk(link, "ladon.uplink_stats"))
				continue;
			fprintf(out, "%s{", row->name);
			put_label(out, "pf", text(link, "ifname"));
			fprintf(out, "} %" PRIu64 "\n", number(link, row->path));
		}
	}
}

static void put_flow(FILE *out, json_object *links)
{
	static const char name[] = "ladon_flow_control_total";

	put_head(out, name, "counter", "Flow control of the wire, by event.");
	for (size_t k = 0; k < json_object_array_length(links); k++) {
		json_object *link = json_object_array_get_idx(links, k);
		json_object *flow = walk(link, "ladon.flow");

		if (!flow)
			continue;
		json_object_object_foreach(flow, event, count)
		{
			fprintf(out, "%s{", name);
			put_label(out, "pf", text(link, "ifname"));
			fputc(',', out);
			put_label(out, "event", event);
			fprintf(out, "} %" PRIu64 "\n", json_object_get_uint64(count));
		}
	}
}

char *metrics_text(json_object *links, size_t *ret_len)
{
	char *buf = NULL;
	FILE *out = open_memstream(&buf, ret_len);

	if (!out)
		return NULL;
	put_head(out, "ladon_build_info", "gauge", "The exporter's version; always 1.");
	fprintf(out, "ladon_build_info{version=\"" LADON_VERSION "\"} 1\n");
	put_head(out, "ladon_up", "gauge", "Does ladond answer? 1 or 0.");
	fprintf(out, "ladon_up %d\n", links != NULL);
	if (links) {
		put_vfs(out, links);
		put_uplinks(out, links);
		put_flow(out, links);
	}
	return fclose(out) == 0 ? buf : NULL;
}
