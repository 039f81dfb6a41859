/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket over a socketpair, and the verbs behind it. */
#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "control.h"
#include "fd.h"
#include "request.h"
#include "test_daemon.h"

#define PING  "{\"id\":1,\"words\":[\"ping\"]}\n"
#define PONG  "{\"id\":1,\"ok\":true,\"data\":\"pong\"}\n"
#define ADDED "{\"id\":null,\"ok\":true,\"data\":null}\n"

static struct test_daemon td;
static char got[8 << 20]; /* what a client has read */

static int setup(void **state)
{
	struct opts opts = {.mapped_doorbells = true, .cpu = -1};

	(void)state;
	test_daemon_start(&td, &opts, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	test_daemon_stop(&td);
	return 0;
}

static void turn(unsigned times)
{
	while (times--)
		assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static int client(void)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(control_adopt(td.daemon->control, pair[0]), 0);
	return pair[1];
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* Everything there is, NUL-terminated in got; -1 when the connection has ended and nothing
 * came. */
static ssize_t hear(int fd)
{
	size_t len = 0;
	ssize_t n;

	do {
		turn(3);
		n = recv(fd, got + len, sizeof(got) - 1 - len, MSG_DONTWAIT);
		if (n > 0)
			len += (size_t)n;
	} while (n > 0);
	got[len] = '\0';
	return n == 0 && !len ? -1 : (ssize_t)len;
}

static unsigned count_lines(void)
{
	unsigned n = 0;

	for (const char *p = got; (p = strchr(p, '\n')); p++)
		n++;
	return n;
}

static void ping_is_answered(void **state)
{
	int fd = client();

	(void)state;
	say(fd, PING);
	hear(fd);
	assert_string_equal(got, PONG);
	close(fd);
}

static void lines_may_come_in_pieces_and_in_bulk(void **state)
{
	int fd = client();

	(void)state;
	for (const char *p = PING PING; *p; p++) {
		assert_int_equal(send(fd, p, 1, 0), 1);
		turn(1);
	}
	hear(fd);
	assert_string_equal(got, PONG PONG);
	say(fd, "\n \r\n" PING PING "{\"id\":[2],\"words\":[\"ping\"]}\n");
	hear(fd);
	assert_string_equal(got, PONG PONG "{\"id\":[2],\"ok\":true,\"data\":\"pong\"}\n");
	close(fd);
}

static void a_half_closed_client_gets_its_answers(void **state)
{
	int fd = client();

	(void)state;
	say(fd, PING "{\"words\":[\"pi");
	shutdown(fd, SHUT_WR);
	hear(fd);
	assert_string_equal(got, PONG);
	assert_int_equal(hear(fd), -1);
	close(fd);
}

static void bad_lines_get_one_error_each(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "nonsense\n{\"id\":5,\"words\":[\"pong\"]}\n{\"words\":3}\n" PING);
	hear(fd);
	assert_int_equal(count_lines(), 4);
	assert_non_null(strstr(got,
			       "\"errno\":\"EBADMSG\"}\n{\"id\":5,\"ok\":false,\"error\":\""
			       "\\\"pong\\\" is not known"));
	assert_non_null(strstr(got, PONG));
	close(fd);
}

static void an_endless_line_ends_the_connection(void **state)
{
	int fd = client();
	char *line = malloc(REQUEST_LINE_MAX);

	(void)state;
	memset(line, 'a', REQUEST_LINE_MAX);
	for (size_t at = 0; at < REQUEST_LINE_MAX;) {
		ssize_t n = send(fd, line, REQUEST_LINE_MAX - at, MSG_NOSIGNAL);

		at += n > 0 ? (size_t)n : 0;
		turn(2);
	}
	hear(fd);
	assert_non_null(strstr(got, "the line is too long: at most 65536 bytes"));
	assert_int_equal(count_lines(), 1);
	assert_int_equal(hear(fd), -1);
	free(line);
	close(fd);
}

static void one_client_takes_one_turn_at_a_time(void **state)
{
	int greedy = client();
	ssize_t n;

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		say(greedy, PING);
	turn(1);
	n = recv(greedy, got, sizeof(got) - 1, MSG_DONTWAIT);
	assert_int_equal(n, CONTROL_LINES_TURN * strlen(PONG));
	hear(greedy);
	assert_int_equal(count_lines(), 100 - CONTROL_LINES_TURN);
	close(greedy);
}

static void who_does_not_read_is_not_served_on(void **state)
{
	static const char ask[] = "{\"id\":1,\"words\":[\"registers\",\"82576\",\"vf\"]}\n";
	int slow = client(), other = client();
	unsigned asked = 0, answered = 0;

	(void)state;
	while (asked < 10000 && send(slow, ask, strlen(ask), MSG_NOSIGNAL) > 0) {
		asked++;
		turn(1);
	}
	assert_true(asked < 10000); /* its requests back up to it */
	say(other, PING);
	hear(other);
	assert_string_equal(got, PONG);
	while (hear(slow) > 0)
		answered += count_lines();
	assert_int_equal(answered, asked);
	close(slow);
	close(other);
}

static void a_client_that_goes_away_is_forgotten(void **state)
{
	int fd = client();

	(void)state;
	say(fd, "{\"words\":[\"monitor\"]}\n");
	hear(fd);
	assert_true(control_has_monitors(td.daemon->control));
	close(fd);
	turn(3);
	assert_false(control_has_monitors(td.daemon->control));
}

static void monitor_streams_events(void **state)
{
	int watcher = client(), fd = client();

	(void)state;
	say(watcher, "{\"words\":[\"monitor\"]}\n");
	hear(watcher);
	assert_string_equal(got, ADDED);
	say(fd, "{\"words\":[\"card\",\"add\",\"nic0\",\"model\",\"82576\",\"vfs\",\"1\"]}\n");
	hear(fd);
	assert_string_equal(got, ADDED);
	hear(watcher);
	assert_int_equal(strncmp(got, "{\"event\":\"card-add\",\"time\":", 27), 0);
	assert_non_null(strstr(got, ",\"card\":\"nic0\"}\n"));
	assert_int_equal(
		test_daemon_run(&td, "link set nic0 vf 0 state disable vlan 5", NULL, NULL), 0);
	hear(watcher);
	assert_int_equal(count_lines(), 2);
	assert_non_null(
		strstr(got, "\"vf\":0,\"set\":{\"vlan\":5,\"qos\":0,\"state\":\"disable\"}}"));
	assert_non_null(strstr(got, "\"event\":\"link\""));
	assert_non_null(strstr(got, "\"up\":false}"));
	assert_int_equal(test_daemon_run(&td, "vf reset nic0 0", NULL, NULL), 0);
	hear(watcher);
	assert_non_null(strstr(got, "\"event\":\"reset\""));
	assert_int_equal(test_daemon_run(&td, "card del nic0", NULL, NULL), 0);
	hear(watcher);
	assert_non_null(strstr(got, "\"event\":\"card-del\""));
	close(watcher);
	close(fd);
}

static void a_monitor_that_does_not_read_is_dropped(void **state)
{
	int watcher = client();
	struct json_object *event = json_object_new_object();
	char *text = malloc(65536);
	unsigned sent;

	(void)state;
	memset(text, 'x', 65535);
	text[65535] = '\0';
	json_object_object_add(event, "event", json_object_new_string(text));
	say(watcher, "{\"words\":[\"monitor\"]}\n");
	hear(watcher);
	log_set_level(LOG_LVL_ERR);
	for (sent = 0; sent < 1000 && control_has_monitors(td.daemon->control); sent++)
		control_broadcast(td.daemon->control, event);
	assert_in_range(sent, CONTROL_OUT_MAX / 65536, CONTROL_OUT_MAX / 65536 + 16);
	turn(2);
	free(text);
	json_object_put(event);
	close(watcher);
}

static void too_many_clients_are_turned_away(void **state)
{
	int fds[CONTROL_CLIENTS_MAX + 1];
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/control.sock", td.dir);
	for (unsigned i = 0; i <= CONTROL_CLIENTS_MAX; i++) {
		fds[i] = fd_unix_connect(path);
		assert_true(fds[i] >= 0);
		turn(1);
	}
	hear(fds[CONTROL_CLIENTS_MAX]);
	assert_non_null(strstr(got, "too many clients"));
	close(fds[0]);
	turn(3);
	say(fds[1], PING);
	hear(fds[1]);
	assert_string_equal(got, PONG);
	close(fds[CONTROL_CLIENTS_MAX]);
	fds[CONTROL_CLIENTS_MAX] = fd_unix_connect(path);
	say(fds[CONTROL_CLIENTS_MAX], PING);
	hear(fds[CONTROL_CLIENTS_MAX]);
	assert_string_equal(got, PONG);
	for (unsigned i = 1; i <= CONTROL_CLIENTS_MAX; i++)
		close(fds[i]);
}

/* ---- verbs ---- */

static void refused(const char *line, int err, const char *want)
{
	struct cmd_error error = {0};

	assert_int_equal(test_daemon_run(&td, line, NULL, &error), err);
	if (!strstr(error.text, want))
		fail_msg("\"%s\" got \"%s\", not \"%s\"", line, error.text, want);
}

static void value(const char *line, const char *path, const char *want)
{
	char buf[4096];

	assert_string_equal(test_daemon_get(&td, line, path, buf, sizeof(buf)), want);
}

static void a_card_has_sockets_and_routing_ids(void **state)
{
	struct stat st;
	char path[128];

	(void)state;
	assert_int_equal(test_daemon_run(&td,
					 "card add a model 82576 vfs 7 mac 02:00:00:00:00:f9",
					 NULL, NULL),
			 0);
	assert_int_equal(test_daemon_run(&td, "card add b model 82576 vfs 1", NULL, NULL), 0);
	value("card show", "0.rid", "01:00.0");
	value("card show", "1.rid", "03:00.0");
	value("vf show a 0", "rid", "01:10.0");
	value("vf show a 6", "rid", "01:11.4");
	value("vf show b 0", "rid", "03:10.0");
	value("link show a", "0.vfinfo_list.6.address", "02:00:00:00:01:00");
	snprintf(path, sizeof(path), "%s/a", td.dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	strcat(path, "/vf6.sock");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* The pair of buses of a card that has gone is free again. */
	assert_int_equal(test_daemon_run(&td, "card del a", NULL, NULL), 0);
	assert_int_equal(test_daemon_run(&td, "card add c model 82576 vfs 1", NULL, NULL), 0);
	value("card show c", "0.rid", "01:00.0");
	value("card show", "0.name", "b");
}

static void wrong_cards_and_vfs_are_named(void **state)
{
	(void)state;
	refused("card del x", -ENODEV, "there is no card \"x\", nor any other");
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 2", NULL, NULL), 0);
	refused("card show x", -ENODEV, "there is no card \"x\": one of a is right");
	refused("card add a model 82576 vfs 2", -EEXIST, "there is a card \"a\" already");
	refused("vf show a 2", -EINVAL, "a has no VF 2: 0 to 1 is right");
	refused("faults x", -ENODEV, "there is no card");
}

static void a_card_that_fails_midway_leaves_nothing(void **state)
{
	char path[128];
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "%s/a", td.dir);
	refused("card add a model 82576 vfs 3 uplink fd:999", -EINVAL,
		"uplink fd:999 of a cannot");
	assert_int_equal(access(path, F_OK), -1);
	/* Somebody serves the last socket: the first two must go again. */
	mkdir(path, 0700);
	strcat(path, "/vf2.sock");
	fd = fd_unix_listen(path);
	refused("card add a model 82576 vfs 3", -EADDRINUSE, "a/vf2.sock cannot be served");
	path[strlen(path) - 6] = '0';
	assert_int_equal(access(path, F_OK), -1);
	value("card show", "", "[]");
	value("show", "functions", "0");
	fd_close(&fd);
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 3", NULL, NULL), 0);
}

static void link_set_is_all_or_nothing(void **state)
{
	(void)state;
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 2", NULL, NULL), 0);
	assert_int_equal(
		test_daemon_run(&td, "link set a vf 0 mac 02:00:00:00:00:01", NULL, NULL), 0);
	refused("link set a vf 1 vlan 9 trust on mac 02:00:00:00:00:01", -EEXIST,
		"mac 02:00:00:00:00:01 belongs to another function of a");
	value("link show a", "0.vfinfo_list.1.vlan_list", "null");
	value("link show a", "0.vfinfo_list.1.trust", "false");
}

static void link_show_has_the_keys_of_iproute2(void **state)
{
	static const char want[] =
		"{\"vf\":0,\"link_type\":\"ether\",\"address\":\"02:00:00:00:00:07\","
		"\"broadcast\":\"ff:ff:ff:ff:ff:ff\",\"vlan_list\":[{\"vlan\":100}],"
		"\"rate\":{\"max_tx\":0,\"min_tx\":0},\"spoofchk\":false,"
		"\"link_state\":\"enable\",\"trust\":true,\"query_rss_en\":false,\"stats\":{"
		"\"rx\":{\"bytes\":0,"
		"\"packets\":0,\"multicast\":0,\"broadcast\":0,\"dropped\":0},\"tx\":{"
		"\"tx_bytes\":0,\"tx_packets\":0,\"dropped\":0}},\"ladon\":";
	char buf[4096];

	(void)state;
	assert_int_equal(
		test_daemon_run(&td, "card add a model 82576 vfs 1 mtu 9000", NULL, NULL), 0);
	assert_int_equal(
		test_daemon_run(&td,
				"link set a vf 0 mac 02:00:00:00:00:07 vlan 100 trust on "
				"spoofchk off state enable",
				NULL, NULL),
		0);
	test_daemon_get(&td, "link show", "0.vfinfo_list.0", buf, sizeof(buf));
	buf[strlen(want)] = '\0';
	assert_string_equal(buf, want);
	value("link show", "0.flags", "[\"BROADCAST\",\"MULTICAST\",\"UP\",\"LOWER_UP\"]");
	value("link show", "0.mtu", "9000");
	value("link show", "0.operstate", "UP");
	value("link show", "0.num_vf", "1");
	value("link show", "0.vfinfo_list.0.ladon.attached", "null");
	assert_int_equal(test_daemon_run(&td, "link set a vf 0 vlan 7 qos 5", NULL, NULL), 0);
	value("link show", "0.vfinfo_list.0.vlan_list", "[{\"vlan\":7,\"qos\":5}]");
	assert_int_equal(
		test_daemon_run(&td, "link set a vf 0 vlan 7 proto 802.1ad", NULL, NULL), 0);
	value("link show", "0.vfinfo_list.0.vlan_list",
	      "[{\"vlan\":7,\"protocol\":\"802.1ad\"}]");
}

static void vlans_and_a_port_vlan_contradict(void **state)
{
	(void)state;
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 1", NULL, NULL), 0);
	value("link show a", "0.vfinfo_list.0.ladon.vlans", "null");
	assert_int_equal(test_daemon_run(&td, "link set a vf 0 vlans 30,10-12,11", NULL, NULL),
			 0);
	value("link show a", "0.vfinfo_list.0.ladon.vlans", "10-12,30");
	refused("link set a vf 0 trust on vlan 5", -EINVAL, "vlan 5 do not go together");
	value("link show a", "0.vfinfo_list.0.trust", "false");
	assert_int_equal(
		test_daemon_run(&td, "link set a vf 0 vlan 5 proto 802.1ad", NULL, NULL), 0);
	assert_int_equal(test_daemon_run(&td, "link set a vf 0 vlan 5 vlans all", NULL, NULL),
			 0);
	value("link show a", "0.vfinfo_list.0.ladon.vlans", "null");
	refused("link set a vf 0 vlans none", -EINVAL, "vlan 5 do not go together");
	assert_int_equal(test_daemon_run(&td, "link set a vf 0 vlan 0 vlans none", NULL, NULL),
			 0);
	value("link show a", "0.vfinfo_list.0.ladon.vlans", "none");
}

static void strict_model_refuses_what_an_82576_lacks(void **state)
{
	(void)state;
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 1 strict-model on",
					 NULL, NULL),
			 0);
	value("card show a", "0.strict_model", "true");
	refused("link set a vf 0 trust on vlan 5 proto 802.1ad", -EPROTONOSUPPORT, "802.1Q");
	refused("link set a vf 0 trust on state enable", -EOPNOTSUPP, "auto or disable");
	value("link show a", "0.vfinfo_list.0.vlan_list", "null");
	value("link show a", "0.vfinfo_list.0.trust", "false");
	assert_int_equal(
		test_daemon_run(&td, "link set a vf 0 vlan 5 state disable", NULL, NULL), 0);
}

static void qemu_arguments_have_no_blanks(void **state)
{
	char want[256];

	(void)state;
	assert_int_equal(test_daemon_run(&td, "card add a model 82576 vfs 1", NULL, NULL), 0);
	value("qemu a vf 0", "args.0", "-device");
	snprintf(want, sizeof(want),
		 "{\"driver\":\"vfio-user-pci\",\"socket\":{\"type\":\"unix\",\"path\":"
		 "\"%s/a/vf0.sock\"}}",
		 td.dir);
	value("qemu a vf 0", "args.1", want);
}

static void a_socket_path_must_fit(void **state)
{
	char dir[128], long_dir[192];
	struct opts opts = {.cpu = -1};
	struct cmd_error error = {0};
	struct test_daemon own = {0};

	(void)state;
	strcpy(dir, "/tmp/ladon-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	/* 94 bytes: RUN/control.sock (107) fits, RUN/nic0/vf254.sock does not, and there may be
	 * one some day. */
	snprintf(long_dir, sizeof(long_dir), "%s/%0*d", dir, 94 - (int)strlen(dir) - 1, 0);
	opts.run_dir = long_dir;
	assert_int_equal(daemon_new(&opts, &own.daemon, &error), 0);
	assert_int_equal(test_daemon_run(&own, "card add nic0 model 82576 vfs 1", NULL, &error),
			 -ENAMETOOLONG);
	assert_non_null(strstr(error.text, "/nic0/vf254.sock has 110 bytes"));
	daemon_free(own.daemon);
	rmdir(long_dir);
	rmdir(dir);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(ping_is_answered),
		T(lines_may_come_in_pieces_and_in_bulk),
		T(a_half_closed_client_gets_its_answers),
		T(bad_lines_get_one_error_each),
		T(an_endless_line_ends_the_connection),
		T(one_client_takes_one_turn_at_a_time),
		T(who_does_not_read_is_not_served_on),
		T(a_client_that_goes_away_is_forgotten),
		T(monitor_streams_events),
		T(a_monitor_that_does_not_read_is_dropped),
		T(too_many_clients_are_turned_away),
		T(a_card_has_sockets_and_routing_ids),
		T(wrong_cards_and_vfs_are_named),
		T(a_card_that_fails_midway_leaves_nothing),
		T(link_set_is_all_or_nothing),
		T(link_show_has_the_keys_of_iproute2),
		T(vlans_and_a_port_vlan_contradict),
		T(strict_model_refuses_what_an_82576_lacks),
		T(qemu_arguments_have_no_blanks),
		cmocka_unit_test(a_socket_path_must_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
