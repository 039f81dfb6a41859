/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon link ...: the words and the look of `ip link`. */
#include <stdio.h>
#include <string.h>

#include "cli.h"

static const char *on_off(json_object *vf, const char *key)
{
	return cli_bool(vf, key) ? "on" : "off";
}

static void print_flags(json_object *flags)
{
	size_t n = flags ? json_object_array_length(flags) : 0;

	putchar('<');
	for (size_t i = 0; i < n; i++)
		printf("%s%s", i ? "," : "",
		       json_object_get_string(json_object_array_get_idx(flags, i)));
	putchar('>');
}

static void print_drops(json_object *drops, const char *direction)
{
	if (!drops || json_object_object_length(drops) == 0)
		return;
	printf("    %s drops:", direction);
	json_object_object_foreach(drops, reason, count)
		printf(" %s %s", reason, json_object_get_string(count));
	putchar('\n');
}

static void print_stats(json_object *vf)
{
	json_object *stats = cli_get(vf, "stats"), *rx, *tx, *own = cli_get(vf, "ladon");

	if (!stats)
		return;
	rx = cli_get(stats, "rx");
	tx = cli_get(stats, "tx");
	printf("    RX: bytes  packets  mcast   bcast   dropped\n");
	printf("    %-10lld %-8lld %-7lld %-7lld %lld\n", (long long)cli_int(rx, "bytes"),
	       (long long)cli_int(rx, "packets"), (long long)cli_int(rx, "multicast"),
	       (long long)cli_int(rx, "broadcast"), (long long)cli_int(rx, "dropped"));
	printf("    TX: bytes  packets   dropped\n");
	printf("    %-10lld %-8lld  %lld\n", (long long)cli_int(tx, "tx_bytes"),
	       (long long)cli_int(tx, "tx_packets"), (long long)cli_int(tx, "dropped"));
	if (cli_int(own, "mirrored"))
		printf("    RX mirrored: %lld\n", (long long)cli_int(own, "mirrored"));
	print_drops(cli_get(own, "rx_drops"), "RX");
	print_drops(cli_get(own, "tx_drops"), "TX");
}

static void print_vlans(json_object *vf)
{
	json_object *list = cli_get(vf, "vlan_list"), *v;

	if (!list || json_object_array_length(list) == 0)
		return;
	v = json_object_array_get_idx(list, 0);
	printf(", vlan %lld", (long long)cli_int(v, "vlan"));
	if (cli_get(v, "qos"))
		printf(", qos %lld", (long long)cli_int(v, "qos"));
	if (cli_get(v, "protocol"))
		printf(", vlan protocol %s", cli_str(v, "protocol"));
}

static void print_rate(json_object *vf)
{
	json_object *rate = cli_get(vf, "rate");

	if (cli_int(vf, "tx_rate"))
		printf(", tx rate %lld (Mbps)", (long long)cli_int(vf, "tx_rate"));
	if (cli_int(rate, "max_tx"))
		printf(", max_tx_rate %lldMbps", (long long)cli_int(rate, "max_tx"));
	if (cli_int(rate, "min_tx"))
		printf(", min_tx_rate %lldMbps", (long long)cli_int(rate, "min_tx"));
}

static void print_storm(json_object *own, const char *key)
{
	if (cli_int(own, key))
		printf(", %s %lldpps", key, (long long)cli_int(own, key));
}

/* The VFs that follow list[i] with the same direction: the index of the last. */
static size_t run_end(json_object *list, size_t i)
{
	json_object *first = json_object_array_get_idx(list, i), *next;

	for (size_t k = i + 1; k < json_object_array_length(list); k++) {
		next = json_object_array_get_idx(list, k);
		if (!cli_get(first, "vf") || !cli_get(next, "vf") ||
		    cli_int(next, "vf") != cli_int(first, "vf") + (int64_t)(k - i) ||
		    strcmp(cli_str(next, "direction"), cli_str(first, "direction")))
			return k - 1;
	}
	return json_object_array_length(list) - 1;
}

static void print_mirror(json_object *list)
{
	size_t n = list ? json_object_array_length(list) : 0;

	if (n)
		printf(", mirror");
	for (size_t i = 0; i < n; i++) {
		json_object *source = json_object_array_get_idx(list, i);
		size_t end = run_end(list, i);

		if (!cli_get(source, "vf"))
			printf(" uplink");
		else
			printf(" vf %lld", (long long)cli_int(source, "vf"));
		if (end != i)
			printf("-%lld",
			       (long long)cli_int(source, "vf") + (long long)(end - i));
		printf(" %s", cli_str(source, "direction"));
		i = end;
	}
}

static void print_vf(json_object *vf)
{
	json_object *own = cli_get(vf, "ladon");

	printf("    vf %-5lld link/ether %s brd %s", (long long)cli_int(vf, "vf"),
	       cli_str(vf, "address"), cli_str(vf, "broadcast"));
	print_vlans(vf);
	print_rate(vf);
	printf(", spoof checking %s, link-state %s", on_off(vf, "spoofchk"),
	       cli_str(vf, "link_state"));
	if (cli_get(vf, "trust"))
		printf(", trust %s", on_off(vf, "trust"));
	if (cli_get(vf, "query_rss_en"))
		printf(", query_rss %s", on_off(vf, "query_rss_en"));
	if (cli_bool(own, "spoofchk_arp"))
		printf(", arp spoof checking on");
	if (cli_int(own, "mtu"))
		printf(", mtu %lld", (long long)cli_int(own, "mtu"));
	if (cli_get(own, "vlans"))
		printf(", vlans %s", cli_str(own, "vlans"));
	print_storm(own, "storm_bcast_rate");
	print_storm(own, "storm_uucast_rate");
	print_mirror(cli_get(own, "mirror"));
	if (own && !cli_bool(own, "exists"))
		printf(", not enabled");
	if (own)
		printf(", %s", cli_get(own, "attached") ? "attached" : "free");
	if (cli_get(own, "host") && strcmp(cli_str(own, "host"), "local"))
		printf(", host %s", cli_str(own, "host"));
	putchar('\n');
	print_stats(vf);
}

/* Nothing while it is off and never was on. */
static void print_flow(json_object *own)
{
	json_object *flow = cli_get(own, "flow");
	long long sum = 0;

	if (!flow)
		return;
	json_object_object_foreach(flow, name, value)
	{
		sum += cli_int(flow, name) && value;
	}
	if (!sum && !strcmp(cli_str(own, "flow_control"), "off"))
		return;
	printf("    flow control %s:", cli_str(own, "flow_control"));
	json_object_object_foreach(flow, key, count)
		printf(" %s %s", key, json_object_get_string(count));
	putchar('\n');
}

static int print_links(const struct cli *cli, json_object *data)
{
	size_t n = json_object_array_length(data);

	(void)cli;
	for (size_t i = 0; i < n; i++) {
		json_object *l = json_object_array_get_idx(data, i),
			    *vfs = cli_get(l, "vfinfo_list");

		printf("%s: ", cli_str(l, "ifname"));
		print_flags(cli_get(l, "flags"));
		printf(" mtu %lld state %s\n", (long long)cli_int(l, "mtu"),
		       cli_str(l, "operstate"));
		printf("    link/ether %s brd %s\n", cli_str(l, "address"),
		       cli_str(l, "broadcast"));
		if (!strcmp(cli_str(cli_get(l, "ladon"), "policy_owner"), "guest"))
			puts("    policy of the PF driver in a guest");
		print_flow(cli_get(l, "ladon"));
		for (size_t v = 0; vfs && v < json_object_array_length(vfs); v++)
			print_vf(json_object_array_get_idx(vfs, v));
	}
	return 0;
}

const struct cli_command cli_link_commands[] = {
	{"link show", "[CARD]",
	 "cards and their VFs as `ip link` shows them; with -s their counters", print_links,
	 NULL},
	{"link set",
	 "CARD vf N { mac MAC | vlan VID [qos Q] [proto 802.1Q|802.1ad] | spoofchk on|off|arp "
	 "| "
	 "trust on|off | state "
	 "auto|enable|disable | max_tx_rate MBPS | min_tx_rate MBPS | vlans LIST|all|none | "
	 "storm_bcast_rate PPS | storm_uucast_rate PPS | query_rss on|off | mtu BYTES | "
	 "mirror none|{ vf N|uplink rx|tx|both "
	 "}... }",
	 "policy of a VF, in force at once; several settings in one line apply together or not "
	 "at all",
	 NULL, NULL},
	{NULL, NULL, NULL, NULL, NULL},
};
