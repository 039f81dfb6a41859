/* SPDX-License-Identifier: BSD-3-Clause */
/* A card that grows and shrinks: what is refused, what stays, and who is sent home. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "card.h"
#include "fd.h"
#include "test_daemon.h"
#include "vfu_client.h"

#define CFG VFU_REGION_INDEX_CONFIG

static struct test_daemon td;
static struct vfu_client *client, *other;

static int setup(void **state)
{
	struct opts opts = {.mapped_doorbells = true, .cpu = -1};

	(void)state;
	test_daemon_start(&td, &opts, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vfu_client_close(client);
	vfu_client_close(other);
	client = other = NULL;
	test_daemon_stop(&td);
	return 0;
}

static void run(const char *line)
{
	struct cmd_error error = {0};

	if (test_daemon_run(&td, line, NULL, &error) == 0)
		return;
	print_error("%s: %s\n", line, error.text);
	fail();
}

static void refused(const char *line, int err, const char *why)
{
	struct cmd_error error = {0};

	assert_int_equal(test_daemon_run(&td, line, NULL, &error), err);
	if (strstr(error.text, why))
		return;
	print_error("%s: \"%s\" lacks \"%s\"\n", line, error.text, why);
	fail();
}

static void value(const char *line, const char *path, const char *want)
{
	char buf[8192];

	assert_string_equal(test_daemon_get(&td, line, path, buf, sizeof(buf)), want);
}

static bool served(const char *socket)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/nic0/%s.sock", td.dir, socket);
	return access(path, F_OK) == 0;
}

static int attach(const char *socket, struct vfu_client **ret_client)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/nic0/%s.sock", td.dir, socket);
	return vfu_client_connect(path, NULL, ret_client);
}

static int config_read(struct vfu_client *c, unsigned offset, uint16_t *ret)
{
	return vfu_client_read(c, CFG, offset, ret, sizeof(*ret));
}

static bool lives(struct vfu_client *c)
{
	uint16_t device = 0;

	return config_read(c, 2, &device) == 0 && device == 0x10ca;
}

static void a_card_grows_and_shrinks_at_its_end(void **state)
{
	(void)state;
	run("card add nic0 model 82576 vfs 0");
	value("card show", "0.vfs", "0");
	value("link show", "0.vfinfo_list", "[]");
	refused("vf show nic0 0", -EINVAL, "nic0 has no VF: \"vf add\" makes one");
	run("card set nic0 vfs 255");
	value("card show", "0.vf_list", "0-254");
	value("link show", "0.num_vf", "255");
	assert_true(served("vf0") && served("vf254") && served("view6"));
	assert_false(served("view7"));
	refused("vf add nic0", -ENOSPC, "nic0 has 255 VFs already");
	run("card set nic0 vfs 255");
	run("card set nic0 vfs 3");
	value("card show", "0.vf_list", "0-2");
	value("show", "functions", "4");
	assert_true(served("vf2") && served("view2"));
	assert_false(served("vf3") || served("view3") || served("vf254"));
	run("card set nic0 vfs 0");
	value("card show", "0.vf_list", "");
	assert_true(served("pf"));
}

static void a_gap_is_no_vf(void **state)
{
	(void)state;
	run("card add nic0 model 82576 vfs 4 mac 02:00:00:00:01:00");
	run("link set nic0 vf 3 trust on mac 02:aa:00:00:00:01");
	run("link set nic0 vf 1 trust on vlan 5");
	run("vf del nic0 1");
	value("card show", "0.vf_list", "0,2-3");
	value("link show", "0.num_vf", "3");
	value("link show", "0.vfinfo_list.1.vf", "2");
	value("link show", "0.vfinfo_list.2.address", "02:aa:00:00:00:01");
	value("link show", "0.vfinfo_list.2.trust", "true");
	assert_false(served("vf1") || served("view1"));
	refused("vf show nic0 1", -EINVAL, "nic0 has no VF 1: one of 0,2-3 is right");
	refused("vf del nic0 1", -EINVAL, "nic0 has no VF 1");
	refused("link set nic0 vf 1 trust on", -EINVAL, "nic0 has no VF 1");
	refused("vf reset nic0 1", -EINVAL, "nic0 has no VF 1");
	refused("qemu nic0 vf 1", -EINVAL, "nic0 has no VF 1");
	refused("qemu nic0 pf", -ERANGE, "nic0 has VFs 0,2-3, which no PF driver");
	refused("vf add nic0 2", -EEXIST, "nic0 has a VF 2 already");
	value("vf add nic0", "vf", "1");
	value("vf add nic0", "vf", "4");
	value("vf add nic0 100", "function", "nic0/vf100");
	/* Nothing is left of what was set. */
	value("link show", "0.vfinfo_list.1.trust", "false");
	value("link show", "0.vfinfo_list.1.vlan_list", "null");
	value("link show", "0.vfinfo_list.1.address", "02:00:00:00:01:02");
	value("card show", "0.vf_list", "0-4,100");
	run("card set nic0 vfs 5");
	value("card show", "0.vf_list", "0-4");
	run("vf del nic0 2");
	run("card set nic0 vfs 5"); /* gaps are filled */
	value("card show", "0.vf_list", "0-4");
}

static void routing_ids_are_for_the_life_of_a_card(void **state)
{
	bool used[0x200] = {false};

	(void)state;
	run("card add nic0 model 82576 vfs 7");
	run("card add b model 82576 vfs 255");
	value("vf show nic0 6", "rid", "01:11.4");
	run("card set nic0 vfs 255");
	value("vf show nic0 0", "rid", "01:10.0");
	value("vf show nic0 6", "rid", "01:11.4");
	value("vf show nic0 7", "rid", "02:00.7");
	value("vf show nic0 254", "rid", "02:1f.6");
	value("vf show b 254", "rid", "04:1f.6");
	for (unsigned n = 0; n < 255; n++) {
		unsigned at = td.daemon->cards->functions[n]->rid - PCI_RID(1, 0, 0);

		assert_true(at > 0 && at < 0x200 && !used[at]);
		used[at] = true;
	}
	run("card del nic0");
	run("card add nic0 model 82576 vfs 7 vf-offset 0x107 vf-stride 0x10");
	refused("card set nic0 vfs 8", -EINVAL,
		"put VF 6 at 0x167 after the PF: at most 0x106 is right on a card with more "
		"than 7 VFs");
	refused("vf add nic0 9", -EINVAL, "at most 0x106 is right");
	run("card set nic0 vfs 0");
	run("vf add nic0 9");
	refused("vf add nic0 0", -EINVAL, "put VF 0 at 0x107");
	value("card show nic0", "0.vf_list", "9");
	refused("card add c model 82576 vfs 2 vf-offset 1 vf-stride 0x1ff", -EINVAL,
		"put VF 1 at 0x200 after the PF: at most 0x1ff is right");
}

static void a_strict_card_is_an_82576(void **state)
{
	(void)state;
	refused("card add nic0 model 82576 vfs 8 strict-model on", -ERANGE,
		"VF 7 is nothing that an 82576 has: VFs 0 to 6 are right");
	value("card show", "", "[]");
	run("card add nic0 model 82576 vfs 6 strict-model on");
	refused("card set nic0 vfs 8", -ERANGE, "VF 7 is nothing that an 82576 has");
	refused("vf add nic0 254", -ERANGE, "VF 254 is nothing that an 82576 has");
	refused("vf del nic0 2", -EOPNOTSUPP, "no VF 2 below VF 5 is nothing");
	value("card show", "0.vf_list", "0-5");
	run("vf add nic0");
	refused("vf add nic0", -ERANGE, "VF 7 is nothing");
	run("vf del nic0 6");
	run("vf del nic0 5");
	value("card show", "0.vf_list", "0-4");
}

static void neighbours_notice_nothing(void **state)
{
	char before[64], after[64];

	(void)state;
	run("card add nic0 model 82576 vfs 3");
	assert_int_equal(attach("vf1", &client), 0);
	test_daemon_get(&td, "vf show nic0 1", "resets", before, sizeof(before));
	for (unsigned i = 0; i < 20; i++) {
		run("card set nic0 vfs 40");
		run("vf del nic0 0");
		run("vf del nic0 2");
		assert_true(lives(client));
		run("card set nic0 vfs 3");
	}
	assert_true(lives(client));
	test_daemon_get(&td, "vf show nic0 1", "resets", after, sizeof(after));
	assert_string_equal(before, after);
	value("vf show nic0 1", "attaches", "1");
}

static void who_uses_a_removed_vf_is_sent_home(void **state)
{
	(void)state;
	run("card add nic0 model 82576 vfs 10");
	assert_int_equal(attach("vf8", &client), 0);
	assert_int_equal(attach("view2", &other), 0);
	run("card set nic0 vfs 2");
	assert_false(lives(client));
	assert_false(lives(other));
	vfu_client_close(client);
	client = NULL;
	assert_int_equal(attach("vf8", &client), -ENOENT);
	client = NULL;
	run("card set nic0 vfs 10");
	assert_int_equal(attach("vf8", &client), 0);
	assert_true(lives(client));
	value("vf show nic0 8", "attaches", "1");
	value("card show", "0.attached", "1");
}

static void a_pf_driver_needs_what_it_knows(void **state)
{
	uint16_t total = 0;

	(void)state;
	run("card add nic0 model 82576 vfs 8");
	assert_true(attach("pf", &client) < 0);
	value("pf show nic0", "policy_owner", "builtin");
	run("vf del nic0 7");
	run("vf del nic0 3");
	assert_true(attach("pf", &client) < 0);
	run("card set nic0 vfs 4");
	assert_int_equal(attach("pf", &client), 0);
	assert_int_equal(vfu_client_reset(client), 0);
	assert_int_equal(config_read(client, 0x160 + 0xe, &total), 0);
	assert_int_equal(total, 4);
	/* It has been told of four, and that is what there is. */
	refused("card set nic0 vfs 5", -EBUSY, "belong to the PF driver in the guest");
	refused("vf add nic0", -EBUSY, "belong to the PF driver in the guest");
	refused("vf del nic0 3", -EBUSY, "belong to the PF driver in the guest");
	value("card show", "0.vf_list", "0-3");
	vfu_client_close(client);
	client = NULL;
	while (test_daemon_run(&td, "card set nic0 vfs 6", NULL, NULL) == -EBUSY)
		usleep(1000);
	assert_int_equal(attach("pf", &client), 0);
	assert_int_equal(vfu_client_reset(client), 0);
	assert_int_equal(config_read(client, 0x160 + 0xe, &total), 0);
	assert_int_equal(total, 6);
}

static void without_vfs_a_pf_has_no_sriov(void **state)
{
	uint16_t id = 1;

	(void)state;
	run("card add nic0 model 82576 vfs 0");
	assert_int_equal(attach("pf", &client), 0);
	assert_int_equal(vfu_client_reset(client), 0);
	assert_int_equal(config_read(client, 0x160, &id), 0);
	assert_int_equal(id, 0);
	value("pf show nic0", "vfs_enabled", "0");
	value("qemu nic0 pf", "args.0", "-device");
}

static void what_fails_midway_changes_nothing(void **state)
{
	char path[128];
	int fd;

	(void)state;
	run("card add nic0 model 82576 vfs 2");
	assert_int_equal(attach("vf1", &client), 0);
	snprintf(path, sizeof(path), "%s/nic0/vf5.sock", td.dir);
	fd = fd_unix_listen(path);
	refused("card set nic0 vfs 9", -EADDRINUSE, "nic0/vf5.sock cannot be served");
	value("card show", "0.vf_list", "0-1");
	assert_false(served("vf4") || served("view4") || served("vf6"));
	refused("vf add nic0 5", -EADDRINUSE, "nic0/vf5.sock cannot be served");
	/* Nor is anything removed before all is made. */
	run("vf add nic0 20");
	refused("card set nic0 vfs 9", -EADDRINUSE, "nic0/vf5.sock cannot be served");
	value("card show", "0.vf_list", "0-1,20");
	assert_true(lives(client));
	fd_close(&fd);
	run("card set nic0 vfs 9");
	value("card show", "0.vf_list", "0-8");
	assert_true(lives(client));
}

static void no_address_is_there_twice(void **state)
{
	char buf[64];

	(void)state;
	run("card add nic0 model 82576 vfs 2 mac 02:00:00:00:01:00");
	run("card add nic1 model 82576 vfs 2 mac 02:00:00:00:01:08");
	run("card set nic0 vfs 12");
	value("link show nic0", "0.vfinfo_list.6.address", "02:00:00:00:01:07");
	for (unsigned n = 7; n < 10; n++) {
		char path[64];

		snprintf(path, sizeof(path), "0.vfinfo_list.%u.address", n);
		test_daemon_get(&td, "link show nic0", path, buf, sizeof(buf));
		assert_int_not_equal(strncmp(buf, "02:00:00:00:01:", 15), 0);
	}
	value("link show nic0", "0.vfinfo_list.10.address", "02:00:00:00:01:0b");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_card_grows_and_shrinks_at_its_end),
		T(a_gap_is_no_vf),
		T(routing_ids_are_for_the_life_of_a_card),
		T(a_strict_card_is_an_82576),
		T(neighbours_notice_nothing),
		T(who_uses_a_removed_vf_is_sent_home),
		T(a_pf_driver_needs_what_it_knows),
		T(without_vfs_a_pf_has_no_sriov),
		T(what_fails_midway_changes_nothing),
		T(no_address_is_there_twice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
