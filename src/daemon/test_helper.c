/* SPDX-License-Identifier: BSD-3-Clause */
/* The helper: what it may be asked for, taps where there are any, its end. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "helper.h"
#include "log.h"
#include "uplink.h"

static struct helper *helper;
static pid_t pid; /* the helper's */

/* Our only child. 0 = there is none. */
static pid_t child_of_ours(void)
{
	char path[64];
	int child = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	file = fopen(path, "re");
	if (file && fscanf(file, "%d", &child) != 1)
		child = 0;
	if (file)
		fclose(file);
	return child;
}

/* Nobody waits for it, so it is gone from /proc as soon as it has ended. */
static void wait_for_its_end(void)
{
	for (int i = 0; i < 10000 && kill(pid, 0) == 0; i++)
		usleep(1000);
	assert_int_equal(kill(pid, 0), -1);
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(helper_start("ladon-hp0,lo", &helper), 0);
	pid = child_of_ours();
	return pid ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	helper_free(helper);
	wait_for_its_end();
	return 0;
}

static struct helper_request request(uint32_t kind, const char *name, uint32_t mtu)
{
	struct helper_request r = {.kind = kind, .mtu = mtu};

	memcpy(r.name, name, MIN(strlen(name), sizeof(r.name)));
	return r;
}

static const char *const bad_names[] = {"",	".",	     "..",   "a/b", "a b",
					"a:b",	"tap%d",     "a\tb", "a\n", "\xff",
					"\x7f", "../../etc", "a\x1b"};

static void only_taps_with_a_name_may_be_asked_for(void **state)
{
	struct helper_request r = request(HELPER_TAP, "ladon0", 1500);

	(void)state;
	assert_true(helper_request_ok(&r, sizeof(r)));
	assert_false(helper_request_ok(&r, sizeof(r) - 1));
	assert_false(helper_request_ok(&r, sizeof(r) + 1));
	r = request(HELPER_TAP, "exactly15chars_", 68);
	assert_true(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_TAP, "sixteen_chars_xx", 1500); /* no NUL */
	assert_false(helper_request_ok(&r, sizeof(r)));
	for (unsigned i = 0; i < ARRAY_SIZE(bad_names); i++) {
		r = request(HELPER_TAP, bad_names[i], 1500);
		assert_false(helper_request_ok(&r, sizeof(r)));
	}
	r = request(HELPER_TAP, "ladon0", 67);
	assert_false(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_TAP, "ladon0", 65522);
	assert_false(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_KIND_NUM, "ladon0", 1500);
	assert_false(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_PACKET, "eth0", 1500);
	assert_true(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_PACKET, "a/b", 1500);
	assert_false(helper_request_ok(&r, sizeof(r)));
	r = request(HELPER_BYE, "", 0);
	assert_true(helper_request_ok(&r, sizeof(r)));
}

static void a_wrong_name_is_told_without_it(void **state)
{
	const char *why = NULL;

	(void)state;
	kill(pid, SIGSTOP); /* it cannot answer */
	assert_int_equal(helper_tap(helper, "a/b", 1500, &why), -EINVAL);
	assert_string_equal(why, "\"a/b\" is no interface name (1 to 15 characters)");
	kill(pid, SIGCONT);
}

/* What uplink_tap_open would have said here, and does where there is no helper. */
static void taps_come_from_it(void **state)
{
	struct ifreq ifr = {0};
	const char *why = NULL, *own_why = NULL;
	FD_AUTO int own = uplink_tap_open("ladon-ht1", 1500, &own_why);
	FD_AUTO int fd = helper_tap(helper, "ladon-ht0", 1500, &why);

	(void)state;
	if (own < 0) {
		assert_int_equal(fd, own);
		assert_non_null(strstr(why, "tap")); /* a sentence */
		skip();
	}
	assert_true(fd >= 0);
	assert_int_equal(ioctl(fd, TUNGETIFF, &ifr), 0);
	assert_string_equal(ifr.ifr_name, "ladon-ht0");
	assert_true(ifr.ifr_flags & IFF_TAP && ifr.ifr_flags & IFF_NO_PI);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	/* It has kept nothing: ours is the only descriptor, so the tap goes with it. */
	assert_int_equal(helper_tap(helper, "ladon-ht0", 1500, &why), -EBUSY);
	assert_string_equal(why, "tap ladon-ht0 is in use by another process");
	fd_close(&fd);
	fd = helper_tap(helper, "ladon-ht0", 1500, &why);
	assert_true(fd >= 0);
	assert_int_equal(helper_tap(helper, "lo", 1500, &why), -EINVAL);
}

/* Whole names of the list it was started with, and no others. */
static void packet_sockets_are_of_interfaces_it_was_told_of(void **state)
{
	static const char *const others[] = {"ladon-hp",     "ladon-hp01", "l", "o",
					     "ladon-hp0,lo", "eth0",	   ","};
	const char *why = NULL;
	char *want = NULL;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(others); i++) {
		assert_int_equal(helper_packet(helper, others[i], 1500, &why), -EPERM);
		assert_true(asprintf(&want, "ladond was started without --packet %s",
				     others[i]) > 0);
		assert_string_equal(why, want);
		free(want);
	}
	assert_int_not_equal(helper_packet(helper, "ladon-hp0", 1500, &why), -EPIPE);
	assert_null(strstr(why, "--packet"));
	assert_true(helper_packet(helper, "lo", 1500, &why) < 0);
	assert_null(strstr(why, "--packet"));
}

static void without_a_list_there_are_none(void **state)
{
	const char *why = NULL;

	(void)state;
	helper_free(helper);
	wait_for_its_end();
	assert_int_equal(helper_start(NULL, &helper), 0);
	pid = child_of_ours();
	assert_int_equal(helper_packet(helper, "lo", 1500, &why), -EPERM);
	assert_string_equal(why, "ladond was started without --packet lo");
}

static void when_it_has_died_a_sentence_says_so(void **state)
{
	const char *why = NULL;

	(void)state;
	kill(pid, SIGKILL);
	wait_for_its_end();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(helper_tap(helper, "ladon-ht0", 1500, &why), -EPIPE);
		assert_non_null(strstr(why, "has ended"));
	}
}

static void signals_for_the_group_do_not_end_it(void **state)
{
	sigset_t set, former;
	const char *why;

	(void)state;
	helper_free(helper);
	wait_for_its_end();
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, &former); /* as main does */
	assert_int_equal(helper_start("ladon-hp0,lo", &helper), 0);
	sigprocmask(SIG_SETMASK, &former, NULL);
	pid = child_of_ours();
	kill(pid, SIGTERM);
	kill(pid, SIGINT);
	assert_int_not_equal(helper_tap(helper, "lo", 1500, &why), -EPIPE);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(only_taps_with_a_name_may_be_asked_for),
		T(a_wrong_name_is_told_without_it),
		T(taps_come_from_it),
		T(packet_sockets_are_of_interfaces_it_was_told_of),
		T(without_a_list_there_are_none),
		T(when_it_has_died_a_sentence_says_so),
		T(signals_for_the_group_do_not_end_it),
	};

	log_set_level(LOG_LVL_ERR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
