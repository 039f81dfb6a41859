/* SPDX-License-Identifier: BSD-3-Clause */
/* The grammar: what each line becomes, and the sentence that each wrong word gets. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "cmd.h"
#include "vlans.h"

static int parse(const char *line, struct cmd *ret_cmd, struct cmd_error *error)
{
	static char copy[WORD_LEN_MAX + 64];
	const char *words[WORDS_MAX + 1];
	int num;

	snprintf(copy, sizeof(copy), "%s", line);
	num = words_cut(copy, words, WORDS_MAX + 1);
	assert_true(num >= 0);
	return cmd_parse(words, (unsigned)num, ret_cmd, error);
}

static struct cmd good(const char *line)
{
	struct cmd_error error = {0};
	struct cmd cmd;

	if (parse(line, &cmd, &error) < 0)
		fail_msg("\"%s\" was refused: %s", line, error.text);
	return cmd;
}

/* The sentence holds want, and the command is untouched. */
static void bad(const char *line, const char *want)
{
	struct cmd_error error = {0};
	struct cmd cmd, before;
	int ret;

	memset(&cmd, 0x5a, sizeof(cmd));
	before = cmd;
	ret = parse(line, &cmd, &error);
	if (ret >= 0)
		fail_msg("\"%s\" was taken", line);
	assert_int_equal(error.err, -ret);
	if (!strstr(error.text, want))
		fail_msg("\"%s\" got \"%s\", not \"%s\"", line, error.text, want);
	assert_memory_equal(&cmd, &before, sizeof(cmd));
}

static void card_add_takes_all_its_options(void **state)
{
	static const uint8_t mac[6] = {0x52, 0x54, 0, 0xab, 0xCD, 0};
	struct cmd cmd = good("card add nic0 model 82576 vfs 4 uplink tap:lad0 mac "
			      "52:54:00:ab:CD:00 mtu 9000 cpu 3");

	(void)state;
	assert_string_equal(cmd.row->usage, cmd_rows(&(unsigned){0})[0].usage);
	assert_string_equal(cmd.add.name, "nic0");
	assert_int_equal(cmd.add.num_vfs, 4);
	assert_string_equal(cmd.add.uplink, "tap:lad0");
	assert_true(cmd.add.mac_set);
	assert_memory_equal(cmd.add.mac, mac, 6);
	assert_int_equal(cmd.add.mtu, 9000);
	assert_int_equal(cmd.add.num_cpus, 1);
	assert_int_equal(cmd.add.cpu[0], 3);
}

static void places_of_vfs_are_decimal_or_hexadecimal(void **state)
{
	struct cmd cmd = good("card add a model 82576 vfs 1 vf-offset 0x80 vf-stride 65535");

	(void)state;
	assert_int_equal(cmd.add.place.first_offset, 0x80);
	assert_int_equal(cmd.add.place.stride, 65535);
	cmd = good("card add a model 82576 vfs 1 vf-stride 0XfF");
	assert_int_equal(cmd.add.place.first_offset, 0);
	assert_int_equal(cmd.add.place.stride, 255);
	bad("card add a model 82576 vfs 1 vf-offset 0", "from 1 to 65535");
	bad("card add a model 82576 vfs 1 vf-offset 0x0", "vf-offset \"0x0\" is wrong");
	bad("card add a model 82576 vfs 1 vf-offset 0x", "vf-offset \"0x\" is wrong");
	bad("card add a model 82576 vfs 1 vf-offset 0x1g", "from 1 to 65535");
	bad("card add a model 82576 vfs 1 vf-stride 1f", "vf-stride \"1f\" is wrong");
	bad("card add a model 82576 vfs 1 vf-stride 65536", "from 1 to 65535");
	bad("card add a model 82576 vfs 1 vf-stride 0x10000", "from 1 to 65535");
	bad("card add a model 82576 vfs 1 vf-stride 0x100000001", "from 1 to 65535");
}

static void the_number_of_vfs_can_be_set(void **state)
{
	(void)state;
	assert_int_equal(good("card add a model 82576 vfs 255").add.num_vfs, 255);
	assert_int_equal(good("card set a vfs 0").add.num_vfs, 0);
	assert_int_equal(good("card set a vfs 255").add.num_vfs, 255);
	assert_true(good("card set a vfs 1").row->flags & CMD_CHANGE);
	bad("card set", "the card's name is missing");
	bad("card set a", "nothing is to be set");
	bad("card set a vfs", "the value after vfs is missing");
	bad("card set a vfs 256", "0 to 255 is right");
	bad("card set a vfs 1 vfs 2", "vfs is given twice");
	bad("card set a mtu 1500", "\"mtu\" is not known here");
	assert_int_equal(good("vf add a").vf, NIC_PF);
	assert_int_equal(good("vf add a 254").vf, 254);
	assert_int_equal(good("vf add a vf 3").vf, 3);
	assert_int_equal(good("vf del a vf 3").vf, 3);
	assert_int_equal(good("vf del a 0").vf, 0);
	bad("vf add", "the card's name is missing");
	bad("vf add a vf", "the VF's number is missing");
	bad("vf add a 255", "a number from 0 to 254 is right");
	bad("vf add a 1 2", "\"2\"");
	bad("vf del a", "the VF's number is missing");
	bad("vf del a 255", "a number from 0 to 254 is right");
}

static void card_add_has_defaults(void **state)
{
	struct cmd cmd = good("card add a vfs 7 model 82576");

	(void)state;
	assert_string_equal(cmd.add.uplink, "none");
	assert_false(cmd.add.mac_set);
	assert_int_equal(cmd.add.mtu, 0);
	assert_int_equal(cmd.add.num_cpus, 0);
	assert_int_equal(cmd.add.workers, 0);
	assert_string_equal(good("card add a vfs 1 model 82576 uplink fd:3").add.uplink,
			    "fd:3");
}

static void card_add_says_what_is_wrong(void **state)
{
	(void)state;
	bad("card add", "the card's name is missing");
	bad("card add nic0", "the model is missing");
	bad("card add nic0 model 82576", "the number of VFs is missing");
	bad("card add nic0 vfs 2", "the model is missing");
	bad("card add nic0 model", "the value after model is missing");
	bad("card add nic0 model 82599 vfs 2", "\"82599\" is no model: 82576 is right");
	bad("card add nic0 model 82576 vfs 256",
	    "0 to 255 is right, and up to 7 with strict-model");
	bad("card add nic0 model 82576 vfs -1", "0 to 255 is right");
	bad("card add nic0 model 82576 vfs 4294967297", "0 to 255 is right");
	bad("card add nic0 model 82576 vfs 2 vfs 3", "vfs is given twice");
	bad("card add nic0 model 82576 vfs 2 colour red", "\"colour\" is not known here");
	bad("card add nic0 model 82576 vfs 2 mac 52:54:00:ab:cd", "no card's address");
	bad("card add nic0 model 82576 vfs 2 mac 01:54:00:ab:cd:00", "no card's address");
	bad("card add nic0 model 82576 vfs 2 mac 00:00:00:00:00:00", "no card's address");
	bad("card add nic0 model 82576 vfs 2 mtu 67", "68 to 9216 is right");
	bad("card add nic0 model 82576 vfs 2 mtu 9217", "68 to 9216 is right");
	bad("card add nic0 model 82576 vfs 2 cpu 1024", "a CPU's number is right");
	bad("card add nic0 model 82576 vfs 2 cpu 1,", "a CPU's number is right");
	bad("card add nic0 model 82576 vfs 2 cpu 1,,2", "a CPU's number is right");
	bad("card add nic0 model 82576 vfs 2 cpu 0,1,2,3,4,5,6,7,8", "up to 8 such as 2,3");
	bad("card add nic0 model 82576 vfs 2 cpu 00000000001", "a CPU's number is right");
	bad("card add nic0 model 82576 vfs 2 workers 0", "1 to 8 threads are right");
	bad("card add nic0 model 82576 vfs 2 workers 9", "1 to 8 threads are right");
	bad("card add nic0 model 82576 vfs 2 workers 3 cpu 0,1",
	    "cpu names 2, and workers says 3: one CPU for each is right, or none");
	bad("card add control.sock model 82576 vfs 2", "the daemon's own socket");
}

static void uplinks_are_checked(void **state)
{
	static const char *const wrong[] = {
		"tap:",	   "tap",      "tap:a/b", "tap:sixteen-letters-",
		"tap:a%d", "tap:..",   "fd:",	  "fd:x",
		"fd:-1",   "fd:65536", "none:",	  "eth0",
		"tap:a:b", "fd:1x",    "TAP:a",
	};
	char line[128];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "card add a model 82576 vfs 1 uplink %s",
			 wrong[i]);
		bad(line, " is right");
	}
}

static void names_are_checked(void **state)
{
	static const char *const wrong[] = {"-a",  ".a",       "..",  "a/b", "sixteen-letters-",
					    "a:b", "\xc3\xa4", "a%s", "a\\b"};
	char line[128];

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "card del %s", wrong[i]);
		bad(line, "is no card name: 1 to 15 letters");
	}
	assert_string_equal(good("card del fifteen_letters").card, "fifteen_letters");
	assert_string_equal(good("card del 0.a-B_").card, "0.a-B_");
}

static void link_set_takes_several_at_once(void **state)
{
	struct cmd cmd = good("link set nic0 vf 3 state disable vlan 4094 qos 7 trust on "
			      "spoofchk off mac 00:00:00:00:00:00");

	(void)state;
	assert_string_equal(cmd.card, "nic0");
	assert_int_equal(cmd.vf, 3);
	assert_int_equal(cmd.link.fields, LINK_MAC | LINK_VLAN | LINK_QOS | LINK_SPOOFCHK |
						  LINK_TRUST | LINK_STATE);
	assert_int_equal(cmd.link.vlan, 4094);
	assert_int_equal(cmd.link.qos, 7);
	assert_true(cmd.link.trust);
	assert_false(cmd.link.spoofchk);
	assert_int_equal(cmd.link.state, NIC_LINK_DISABLE);
	assert_int_equal(good("link set a vf 0 state enable").link.state, NIC_LINK_ENABLE);
	assert_int_equal(good("link set a vf 0 state auto").link.state, NIC_LINK_AUTO);
	assert_int_equal(good("link set a vf 0 vlan 0").link.fields, LINK_VLAN);
	assert_int_equal(good("link set a vf 0 mac 02:00:00:00:00:01").link.fields, LINK_MAC);
	assert_int_equal(good("link set a vf 0 spoofchk on").link.fields, LINK_SPOOFCHK);
	assert_int_equal(good("link set a vf 0 spoofchk on").link.spoofchk, NIC_SPOOFCHK_ON);
	assert_int_equal(good("link set a vf 0 spoofchk arp").link.spoofchk, NIC_SPOOFCHK_ARP);
	assert_int_equal(good("link set a vf 0 query_rss on").link.fields, LINK_QUERY_RSS);
	assert_true(good("link set a vf 0 query_rss on").link.query_rss);
	assert_int_equal(good("link set a vf 0 mtu 68").link.fields, LINK_MTU);
	assert_int_equal(good("link set a vf 0 mtu 68").link.mtu, 68);
	assert_int_equal(good("link set a vf 0 mtu 9216").link.mtu, 9216);
	assert_int_equal(good("link set a vf 0 mtu 0").link.fields, LINK_MTU);
	assert_int_equal(good("link set a vf 0 max_tx_rate 5").link.fields, LINK_RATE);
	assert_int_equal(good("link set a vf 0 rate 4294967").link.fields, LINK_RATE);
	assert_int_equal(good("link set a vf 0 min_tx_rate 7").link.fields, LINK_MIN_RATE);
	assert_int_equal(good("link set a vf 0 min_tx_rate 7").link.min_rate, 7);
	assert_int_equal(good("link set a vf 0 storm_bcast_rate 7").link.fields,
			 LINK_STORM_BCAST);
	assert_int_equal(good("link set a vf 0 storm_uucast_rate 7").link.fields,
			 LINK_STORM_UUCAST);
	assert_int_equal(good("link set a vf 0 storm_uucast_rate 7").link.storm_uucast, 7);
	assert_int_equal(good("card add a vfs 1 model 82576 link-rate 9").add.link_mbps, 9);
	assert_int_equal(good("link set a vf 0 rate 4294967").link.rate, 4294967);
	cmd = good("link set a vf 6 mirror vf 0-2 both uplink rx vf 254 tx trust on");
	assert_int_equal(cmd.link.fields, LINK_MIRROR | LINK_TRUST);
	assert_int_equal(cmd.link.mirror.rx[0], 7);
	assert_int_equal(cmd.link.mirror.tx[0], 7);
	assert_int_equal(cmd.link.mirror.rx[3], BIT64(63));
	assert_int_equal(cmd.link.mirror.tx[3], BIT64(62));
	assert_null(cmd.link.words);
	cmd = good("link set a vf 6 mirror none vlan 5");
	assert_int_equal(cmd.link.fields, LINK_MIRROR | LINK_VLAN);
	assert_int_equal(cmd.link.mirror.rx[0] | cmd.link.mirror.tx[0], 0);
	assert_false(good("link set a vf 0 vlan 5").link.svlan);
	assert_false(good("link set a vf 0 vlan 5 proto 802.1q").link.svlan);
	assert_true(good("link set a vf 0 proto 802.1AD vlan 5").link.svlan);
	assert_true(good("card add a vfs 1 model 82576 strict-model on").add.strict);
	assert_int_equal(good("card add a vfs 1 model 82576 flow-control full").add.flow_mode,
			 3);
	assert_true(good("card add a vfs 1 model 82576 control-frames pass").add.pass_control);
	assert_int_equal(good("card set a flow-control rx").add.flow_mode, 1);
	assert_int_equal(good("card set a flow-control tx control-frames drop").add.flow_mode,
			 2);
	assert_false(good("card set a flow-control off").add.control_set);
	assert_false(good("card set a control-frames pass").add.flow_set);
	assert_false(good("card add a vfs 1 model 82576").add.strict);
}

static void link_set_says_what_is_wrong(void **state)
{
	(void)state;
	bad("link set", "the card's name is missing");
	bad("link set nic0", "\"vf\" is missing");
	bad("link set nic0 port 1", "\"port\" stands where \"vf\" is right");
	bad("link set nic0 vf", "the VF's number is missing");
	bad("link set nic0 vf x", "\"x\" is no VF number");
	bad("link set nic0 vf 255", "\"255\" is no VF number");
	bad("link set nic0 vf 1", "there is nothing to set");
	bad("link set nic0 vf 1 vlan", "the value after vlan is missing");
	bad("link set nic0 vf 1 vlan 4095", "0 to 4094 is right");
	bad("link set nic0 vf 1 vlan 1.5", "0 to 4094 is right");
	bad("link set nic0 vf 1 qos 3", "qos without vlan is wrong");
	bad("link set nic0 vf 1 vlan 0 qos 3", "qos 3 with vlan 0 is wrong");
	bad("link set nic0 vf 1 proto 802.1ad", "proto without vlan is wrong");
	bad("link set nic0 vf 1 vlan 0 proto 802.1ad", "802.1ad with vlan 0 is wrong");
	bad("card add a vfs 1 model 82576 strict-model yes", "on or off is right");
	bad("card add a vfs 1 model 82576 flow-control on", "off, rx (obey PAUSE)");
	bad("card set a flow-control", "flow-control");
	bad("card set a control-frames off", "any VF stop the whole link");
	bad("card set a flow-control rx flow-control tx", "flow-control");
	bad("card set a", "nothing is to be set");
	bad("card set a uplink none", "uplink");
	bad("link set nic0 vf 1 vlan 5 qos 8", "0 to 7 is right");
	bad("link set nic0 vf 1 mac 52:54:00:00:01", "is no address");
	bad("link set nic0 vf 1 mac 52-54-00-00-01-02", "is no address");
	bad("link set nic0 vf 1 mac 5g:54:00:00:01:02", "is no address");
	bad("link set nic0 vf 1 mac 53:54:00:00:01:02", "is a group address");
	bad("link set nic0 vf 1 spoofchk yes", "on, off or arp is right");
	bad("link set nic0 vf 1 query_rss 1", "query_rss \"1\" is wrong: on or off is right");
	bad("link set nic0 vf 1 mtu 67", "mtu \"67\" is wrong: 68 to 9216 is right, 0 takes");
	bad("link set nic0 vf 1 mtu 9217", "68 to 9216 is right");
	bad("link set nic0 vf 1 mtu none", "68 to 9216 is right");
	bad("link set nic0 vf 1 trust 1", "on or off is right");
	bad("link set nic0 vf 1 state up", "auto, enable or disable is right");
	bad("link set nic0 vf 1 mirror", "the value after mirror is missing");
	bad("link set nic0 vf 1 mirror 3", "none, vf N rx|tx|both, or uplink");
	bad("link set nic0 vf 1 mirror vf", "the number of the VF to mirror is missing");
	bad("link set nic0 vf 1 mirror vf x rx", "\"x\" is no VF to mirror");
	bad("link set nic0 vf 1 mirror vf 255 rx", "a number from 0 to 254");
	bad("link set nic0 vf 1 mirror vf 3-2 rx", "\"3-2\" is no VF to mirror");
	bad("link set nic0 vf 1 mirror vf 3- rx", "is no VF to mirror");
	bad("link set nic0 vf 1 mirror vf 000000000001-2 rx", "is no VF to mirror");
	bad("link set nic0 vf 1 mirror vf 3",
	    "rx, tx or both after what is mirrored is missing");
	bad("link set nic0 vf 1 mirror uplink in", "rx, tx or both is right");
	bad("link set nic0 vf 1 mirror vf 3 rx vf 2-4 tx", "vf 3 is mirrored twice");
	bad("link set nic0 vf 1 mirror uplink rx uplink tx", "uplink is mirrored twice");
	bad("link set nic0 vf 1 mirror none vf 2 rx", "\"vf\" is not known here");
	bad("link set nic0 vf 1 mirror vf 2 rx mirror none", "mirror is given twice");
	bad("link set nic0 vf 1 trust on trust off", "trust is given twice");
	bad("link set nic0 vf 1 speed 5", "\"speed\" is not known here: one of mac, vlan, qos");
	bad("link set nic0 vf 1 rate 4294968", "0 to 4294967 Mbit/s is right");
	bad("link set nic0 vf 1 min_tx_rate 4294968", "0 to 4294967 Mbit/s is right");
	bad("card add a vfs 1 model 82576 link-rate 0", "1 to 4294967 Mbit/s is right");
	bad("link set nic0 vf 1 storm_bcast_rate 10000001", "0 to 10000000 frames a second");
	bad("link set nic0 vf 1 storm_uucast_rate -1", "storm_uucast_rate \"-1\" is wrong");
	bad("link set nic0 vf 1 max_tx_rate x", "max_tx_rate \"x\" is wrong");
	bad("link set nic0 vf 1 rate 5 max_tx_rate 5", "are the same");
}

/* Read, written, and the same again. */
static void same_vlans(const char *text, const char *want)
{
	static char line[WORD_LEN_MAX + 64], back[VLANS_TEXT_BYTES];
	struct cmd cmd;

	snprintf(line, sizeof(line), "link set a vf 0 vlans %s", text);
	cmd = good(line);
	assert_int_equal(cmd.link.fields, LINK_VLANS);
	assert_string_equal(vlans_text(cmd.link.vlans, back), want);
}

static void lists_of_vlans_are_read(void **state)
{
	static const char *const wrong[] = {
		"0",  "4095", "5-4095", "1-4096", "5-4",   "-5",  "5-",	   ",",	 "5,",
		",5", "5,,6", "a",	"5-6-7",  "00005", "0x5", "all,5", "+5", "4294967297"};
	static char list[2 * 5 * 4094 + 64];
	char line[128];
	size_t at = 0;

	(void)state;
	same_vlans("10,20-30", "10,20-30");
	same_vlans("20-30,10,25,31,4094,1-2", "1-2,10,20-31,4094");
	same_vlans("1-4094", "all");
	same_vlans("all", "all");
	same_vlans("none", "none");
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		snprintf(line, sizeof(line), "link set a vf 0 vlans %s", wrong[i]);
		bad(line, "is wrong: all, none, or VLANs from 1 to 4094");
	}
	for (unsigned vid = 1; vid <= 4094; vid++) /* one by one */
		at += (size_t)sprintf(list + at, "%s%u", vid > 1 ? "," : "", vid);
	same_vlans(list, "all");
	at = 0;
	for (unsigned vid = 1; vid <= 4094; vid += 2)
		at += (size_t)sprintf(list + at, "%s%u", vid > 1 ? "," : "", vid);
	same_vlans(list, list);
}

static void a_list_of_vlans_has_an_end(void **state)
{
	static char line[20000] = "link set a vf 0 vlans 5";
	size_t at = strlen(line);

	(void)state;
	for (unsigned i = 1; i < 5000; i++)
		at += (size_t)sprintf(line + at, ",7");
	bad(line, "vlans has 5000 entries: at most 4094 are right");
}

static void lists_of_uids_are_read(void **state)
{
	static const char *const wrong[] = {"",
					    ",",
					    "0,",
					    ",0",
					    "0,,1",
					    "-1",
					    "root",
					    "4294967295",
					    "99999999999",
					    "0 ",
					    "0;1",
					    "0x10",
					    "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16"};
	struct cmd cmd = good("card add a model 82576 vfs 1 allow-uid 0,1000,4294967294");

	(void)state;
	assert_int_equal(cmd.add.uids.num, 3);
	assert_int_equal(cmd.add.uids.uid[0], 0);
	assert_int_equal(cmd.add.uids.uid[1], 1000);
	assert_int_equal(cmd.add.uids.uid[2], 4294967294u);
	cmd = good("vf set a 1 allow-uid 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15");
	assert_int_equal(cmd.access.uids.num, UIDS_MAX);
	assert_int_equal(cmd.access.uids.uid[15], 15);
	assert_int_equal(cmd.vf, 1);
	assert_false(cmd.access.of_card);
	assert_true(good("vf set a vf 1 allow-uid card").access.of_card);
	cmd = good("vf set a 1 allow-uid any");
	assert_true(!cmd.access.of_card && !cmd.access.uids.num);
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		const char *words[] = {"vf", "set", "a", "1", "allow-uid", wrong[i]};
		struct cmd_error error = {0};

		assert_int_equal(cmd_parse(words, 6, &cmd, &error), -EINVAL);
		assert_non_null(strstr(error.text, "user IDs such as 0,1000 are right"));
	}
	bad("vf set a 1", "there is nothing to set");
	bad("vf set a 1 allow-uid", "the value after allow-uid is missing");
	bad("vf set a 1 trust on", "\"trust\" is not known here");
}

static void unlocks_are_read(void **state)
{
	struct cmd cmd = good("vf unlock nic0 vf 1 for 30s pid 4711 uid 0 token-file /x/y");

	(void)state;
	assert_string_equal(cmd.card, "nic0");
	assert_int_equal(cmd.vf, 1);
	assert_int_equal(cmd.unlock.seconds, 30);
	assert_true(cmd.unlock.by_uid && cmd.unlock.by_pid);
	assert_int_equal(cmd.unlock.uid, 0);
	assert_int_equal(cmd.unlock.pid, 4711);
	assert_string_equal(cmd.token_file, "/x/y");
	assert_null(cmd.token);
	cmd = good("vf unlock nic0 0");
	assert_int_equal(cmd.unlock.seconds, 60);
	assert_false(cmd.unlock.by_uid || cmd.unlock.by_pid);
	assert_null(cmd.token_file);
	assert_int_equal(good("pf unlock nic0 for 86400").unlock.seconds, 86400);
	bad("vf unlock nic0", "the VF's number is missing");
	bad("vf unlock nic0 0 for 0", "1 to 86400 seconds");
	bad("vf unlock nic0 0 for 86401", "1 to 86400 seconds");
	bad("vf unlock nic0 0 for s", "1 to 86400 seconds");
	bad("vf unlock nic0 0 for 5m", "1 to 86400 seconds");
	bad("vf unlock nic0 0 for 00000000060", "1 to 86400 seconds");
	bad("vf unlock nic0 0 uid 4294967295", "a user's number is right");
	bad("vf unlock nic0 0 pid 0", "a process's number is right");
	bad("vf unlock nic0 0 pid 2147483648", "a process's number is right");
	bad("vf unlock nic0 0 pid 1 pid 2", "pid is given twice");
	bad("pf unlock nic0 0", "\"0\" is not known here: one of for, uid, pid");
}

static void tokens_are_never_words(void **state)
{
	(void)state;
	assert_string_equal(good("token set nic0 token-file t").token_file, "t");
	assert_null(good("token set nic0").token_file);
	assert_string_equal(good("card add a model 82576 vfs 1 token-file /t").add.token_file,
			    "/t");
	assert_string_equal(good("token clear nic0").card, "nic0");
	assert_string_equal(good("token show").card, "");
	bad("token set", "the card's name is missing");
	bad("token set nic0 11111111-1111-4111-8111-111111111111", "is not known here");
	bad("token generate nic0", "\"generate\" is not known after token");
	bad("token clear nic0 now", "one word too many");
}

static void other_verbs_take_what_their_usage_says(void **state)
{
	(void)state;
	assert_string_equal(good("link show").card, "");
	assert_string_equal(good("link show nic1").card, "nic1");
	assert_int_equal(good("vf show nic0 6").vf, 6);
	assert_int_equal(good("vf show nic0 vf 5").vf, 5);
	assert_int_equal(good("vf reset nic0 0").vf, 0);
	assert_int_equal(good("qemu nic0 vf 1").vf, 1);
	assert_int_equal(good("qemu nic0 pf").vf, NIC_PF);
	assert_string_equal(good("pf show nic0").card, "nic0");
	assert_int_equal(good("registers 82576 pf").vf, NIC_PF);
	assert_string_equal(good("faults").card, "");
	assert_int_equal(good("monitor").row->flags, CMD_MONITOR);
	good("show");
	good("ping");
	good("help");
	good("registers 82576 vf");
}

static void other_verbs_say_what_is_wrong(void **state)
{
	(void)state;
	bad("", "there is no word");
	bad("lnik show",
	    "\"lnik\" is not known: one of card, link, pf, vf, host, token, faults");
	bad("link", "a word is missing after \"link\": one of show, set is right");
	bad("link shwo", "\"shwo\" is not known after link: one of show, set is right");
	bad("link show a b", "\"b\" is one word too many: say \"link show [CARD]\"");
	bad("vf show nic0", "the VF's number is missing");
	bad("vf show nic0 1 2", "\"2\" is one word too many");
	bad("qemu nic0 1", "\"1\" stands where \"vf\" is right");
	bad("ping now", "\"now\" is one word too many");
	bad("registers", "the model is missing");
	bad("registers 82576", "the function is missing");
	bad("registers 82599 vf", "is no model");
	bad("registers 82576 af", "\"af\" is no function of it");
	bad("qemu nic0 pf 1", "one word too many");
	bad("qemu nic0", "\"vf\" is missing");
	bad("registers 82576 vf x", "one word too many");
	bad("faults a/b", "is no card name");
}

static void host_takes_its_words(void **state)
{
	struct cmd cmd = good("host add ch1 lease 2000 token-file key");

	(void)state;
	assert_string_equal(cmd.host, "ch1");
	assert_int_equal(cmd.lease_ms, 2000);
	assert_string_equal(cmd.token_file, "key");
	assert_int_equal(good("host add ch1").lease_ms, 0);
	assert_int_equal(good("host add ch1 lease 30").lease_ms, 30);
	assert_int_equal(good("host add ch1 lease 10000").lease_ms, 10000);
	assert_string_equal(good("host del ch1").host, "ch1");
	assert_string_equal(good("host show").host, "");
	assert_string_equal(good("host show a-host_0.15ch").host, "a-host_0.15ch");
	good("host map");
	cmd = good("vf assign nic0 vf 3 host ch1");
	assert_string_equal(cmd.card, "nic0");
	assert_int_equal(cmd.vf, 3);
	assert_string_equal(cmd.host, "ch1");
	assert_string_equal(good("vf assign nic0 3 host local").host, "local");
}

static void host_says_what_is_wrong(void **state)
{
	(void)state;
	bad("host", "a word is missing after \"host\": one of add, del, show, map is right");
	bad("host add", "the host's name is missing");
	bad("host add -x", "\"-x\" is no host name: 1 to 15 letters");
	bad("host add a/b", "is no host name");
	bad("host add sixteen-letters-", "is no host name");
	bad("host add local", "\"local\" is the host of this process");
	bad("host add ch1 lease", "lease");
	bad("host add ch1 lease 29",
	    "lease \"29\" is wrong: 30 to 10000 milliseconds are right");
	bad("host add ch1 lease 10001", "30 to 10000");
	bad("host add ch1 lease -1", "30 to 10000");
	bad("host add ch1 lease 30 lease 30", "lease");
	bad("host add ch1 token-file", "token-file");
	bad("host add ch1 uid 0", "uid");
	bad("host del", "the host's name is missing");
	bad("host del ch1 ch2", "\"ch2\" is one word too many");
	bad("host show ch1 ch2", "one word too many");
	bad("host map ch1", "\"ch1\" is one word too many: say \"host map\"");
	bad("vf assign nic0 3", "host and its name is missing");
	bad("vf assign nic0 3 ch1", "\"ch1\" is wrong: say \"vf assign");
	bad("vf assign nic0 3 host", "the host's name is missing");
	bad("vf assign nic0 3 host ch1 x", "one word too many");
	bad("vf assign nic0 host ch1", "host");
}

static void words_have_limits(void **state)
{
	struct cmd_error error = {0};
	const char *words[WORDS_MAX + 1];
	char longest[WORD_LEN_MAX + 2];
	struct cmd cmd;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
		words[i] = "ping";
	assert_int_equal(cmd_parse(words, WORDS_MAX + 1, &cmd, &error), -E2BIG);
	assert_non_null(strstr(error.text, "65 words are too many: at most 64"));
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	words[0] = longest;
	assert_int_equal(cmd_parse(words, 1, &cmd, &error), -E2BIG);
	assert_non_null(strstr(error.text, "word 1 is too long: at most 32768"));
}

static void sentences_are_one_line(void **state)
{
	const char *words[] = {"card\n\x1b[31m"};
	struct cmd_error error = {0};
	struct cmd cmd;

	(void)state;
	assert_int_equal(cmd_parse(words, 1, &cmd, &error), -EINVAL);
	for (const char *p = error.text; *p; p++)
		assert_true((unsigned char)*p >= 0x20);
}

static void table_is_whole(void **state)
{
	unsigned num;
	const struct cmd_row *rows = cmd_rows(&num);
	char start[64];

	(void)state;
	for (unsigned i = 0; i < num; i++) {
		assert_non_null(rows[i].parse);
		assert_non_null(rows[i].run);
		assert_true(rows[i].text[0]);
		snprintf(start, sizeof(start), "%s%s%s", rows[i].noun, rows[i].verb ? " " : "",
			 rows[i].verb ? rows[i].verb : "");
		assert_int_equal(strncmp(rows[i].usage, start, strlen(start)), 0);
		/* A noun alone would hide its verbs. */
		for (unsigned k = 0; k < i; k++)
			assert_false(!strcmp(rows[i].noun, rows[k].noun) &&
				     (!rows[i].verb || !rows[k].verb));
	}
}

static void lines_are_cut_at_blanks_and_comments(void **state)
{
	char line[] = " \tcard  add\tnic0 # a comment", hash[] = "a#b #", none[] = "  # x";
	char three[] = "a b c";
	const char *words[4];

	(void)state;
	assert_int_equal(words_cut(line, words, 4), 3);
	assert_string_equal(words[0], "card");
	assert_string_equal(words[1], "add");
	assert_string_equal(words[2], "nic0");
	assert_int_equal(words_cut(hash, words, 4), 1);
	assert_string_equal(words[0], "a#b");
	assert_int_equal(words_cut(none, words, 4), 0);
	assert_int_equal(words_cut(three, words, 2), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(card_add_takes_all_its_options),
		cmocka_unit_test(places_of_vfs_are_decimal_or_hexadecimal),
		cmocka_unit_test(the_number_of_vfs_can_be_set),
		cmocka_unit_test(card_add_has_defaults),
		cmocka_unit_test(card_add_says_what_is_wrong),
		cmocka_unit_test(uplinks_are_checked),
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(link_set_takes_several_at_once),
		cmocka_unit_test(link_set_says_what_is_wrong),
		cmocka_unit_test(lists_of_vlans_are_read),
		cmocka_unit_test(a_list_of_vlans_has_an_end),
		cmocka_unit_test(lists_of_uids_are_read),
		cmocka_unit_test(unlocks_are_read),
		cmocka_unit_test(tokens_are_never_words),
		cmocka_unit_test(other_verbs_take_what_their_usage_says),
		cmocka_unit_test(other_verbs_say_what_is_wrong),
		cmocka_unit_test(host_takes_its_words),
		cmocka_unit_test(host_says_what_is_wrong),
		cmocka_unit_test(words_have_limits),
		cmocka_unit_test(sentences_are_one_line),
		cmocka_unit_test(table_is_whole),
		cmocka_unit_test(lines_are_cut_at_blanks_and_comments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
