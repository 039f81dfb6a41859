/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire as a UNIX stream socket: the test is the server, or the client of one that listens.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fd.h"
#include "net_eth.h"
#include "uplink_impl.h"

#define FRAME_LEN  100u
#define LONG_AFTER (10 * NSEC_PER_SEC)

static const struct uplink_env env = {.mtu = 1500};
static struct nic_policy policy;
static struct nic_burst *burst;
static struct uplink *up;
static struct nic_port *port;
static char path[64], spec[96];
static int server = -1, peer = -1;
static uint64_t now;

static bool service(uint64_t *ret_wait)
{
	uint64_t wait;
	bool carrier = uplink_service(up, now, ret_wait ? ret_wait : &wait);

	return carrier;
}

static void open_it(const char *how)
{
	const char *why = NULL;

	snprintf(spec, sizeof(spec), "stream:%s%s", how, path);
	assert_int_equal(uplink_open(spec, &env, &up, &why), 0);
	port = &up->port;
	atomic_store(&port->policy, &policy);
	now = clock_ns();
}

static void accept_peer(void)
{
	peer = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(peer >= 0);
}

static int setup_paths(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/ladon-stream-%d", (int)getpid());
	burst = calloc(1, sizeof(*burst));
	return burst ? 0 : -1;
}

static int setup(void **state)
{
	setup_paths(state);
	server = fd_unix_listen(path);
	assert_true(server >= 0);
	open_it("");
	accept_peer();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uplink_close(up);
	up = NULL;
	fd_close(&peer);
	fd_close(&server);
	unlink(path);
	free(burst);
	return 0;
}

static bool poll_it(void)
{
	bool did;

	burst->n = burst->num_segs = 0;
	now += NSEC_PER_MSEC;
	did = port->ops->tx_poll(port, burst, now);
	port->ops->tx_done(port, now);
	return did;
}

static void put(const void *bytes, size_t len)
{
	assert_int_equal(write(peer, bytes, len), (int)len);
}

/* A length, and that many bytes. */
static void put_frame(uint32_t announced, uint8_t mark)
{
	uint8_t buf[4 + 16384];

	memset(buf, mark, sizeof(buf));
	put_be32(buf, announced);
	put(buf, 4 + announced);
}

static uint64_t dropped(enum nic_drop why)
{
	return nic_counter(&port->stats.tx_drops[why]);
}

/* ---- wire -> card ---- */

static void several_frames_come_with_one_read(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 3; i++)
		put_frame(FRAME_LEN + i, (uint8_t)i);
	assert_true(poll_it());
	assert_int_equal(burst->n, 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(burst->frame[i].len, FRAME_LEN + i + 1);
		assert_int_equal(burst->frame[i].hdr[20], i + 1);
		assert_false(burst->frame[i].local);
	}
	assert_false(poll_it());
}

static void a_frame_may_come_byte_by_byte(void **state)
{
	uint8_t buf[4 + 64] = {0, 0, 0, 64, 2, 0,    0, 0, 0,  1, 2,
			       0, 0, 0, 0,  2, 0x81, 0, 0, 42, 8, 0};

	(void)state;
	for (size_t i = 0; i < sizeof(buf) - 1; i++) {
		put(buf + i, 1);
		poll_it();
		assert_int_equal(burst->n, 0);
	}
	put(buf + sizeof(buf) - 1, 1);
	assert_true(poll_it());
	assert_int_equal(burst->n, 1);
	assert_true(burst->frame[0].tagged);
	assert_int_equal(burst->frame[0].tci, 42);
}

static void more_than_a_burst_waits_for_the_next(void **state)
{
	(void)state;
	for (unsigned i = 0; i < NIC_BURST + 5; i++)
		put_frame(60, (uint8_t)i);
	assert_true(poll_it());
	assert_int_equal(burst->n, NIC_BURST);
	assert_true(poll_it());
	assert_int_equal(burst->n, 5);
	assert_int_equal(burst->frame[4].hdr[0], NIC_BURST + 4);
}

static void what_is_no_frame_is_counted_and_skipped(void **state)
{
	(void)state;
	put_frame(NIC_JUMBO_MAX + 1, 1);
	put_frame(NET_ETH_HLEN - 1, 2);
	put_frame(0, 3);
	put_frame(NIC_JUMBO_MAX, 4);
	for (int i = 0; i < 8 && !burst->n; i++)
		poll_it();
	assert_int_equal(burst->n, 1);
	assert_int_equal(burst->frame[0].hdr[0], 4);
	assert_int_equal(dropped(NIC_DROP_SIZE), 1);
	assert_int_equal(dropped(NIC_DROP_MALFORMED), 2);
	assert_false(uplink_failed(up));
}

static void who_has_lost_its_place_is_cut_off(void **state)
{
	static const uint8_t zeros[64u * 1024 + 4096];
	uint8_t word[4];

	(void)state;
	put_be32(word, 64u * 1024 + 4096); /* the longest that QEMU knows */
	put(word, sizeof(word));
	poll_it();
	assert_false(uplink_failed(up));
	put(zeros, sizeof(zeros));
	for (int i = 0; i < 4; i++)
		poll_it();
	put_be32(word, 64u * 1024 + 4097);
	put(word, sizeof(word));
	for (int i = 0; i < 4; i++)
		poll_it();
	assert_true(uplink_failed(up));
	assert_int_equal(dropped(NIC_DROP_MALFORMED), 1);
	assert_false(service(NULL));
	assert_int_equal(read(peer, word, 1), 0); /* it was closed */
}

static void what_came_before_the_end_is_delivered(void **state)
{
	(void)state;
	put_frame(FRAME_LEN, 7);
	put("\0\0\0\x40half", 8);
	fd_close(&peer);
	assert_true(poll_it());
	assert_int_equal(burst->n, 1);
	assert_false(poll_it());
	assert_true(uplink_failed(up));
	assert_false(service(NULL));
	assert_false(poll_it());
}

/* ---- card -> wire ---- */

static enum nic_drop give(uint32_t len, uint8_t mark)
{
	struct nic_rx_meta meta = {.len = len};
	struct nic_sink sink;
	enum nic_drop why = port->ops->rx_buffers(port, &meta, &sink);

	if (why != NIC_DROP_NONE)
		return why;
	assert_int_equal(sink.n, 1);
	memset(sink.iov[0].ptr, mark, len);
	return port->ops->rx_commit(port, &meta);
}

/* Takes one frame, whole; its mark. -1 = there is none. */
static int take_frame(uint32_t len)
{
	uint8_t buf[4 + 16384];
	ssize_t n = recv(peer, buf, 4 + len, MSG_DONTWAIT);

	if (n < 0)
		return -1;
	while (n < (ssize_t)(4 + len)) { /* the rest is in ladond's buffer */
		ssize_t more = recv(peer, buf + n, 4 + len - (size_t)n, MSG_DONTWAIT);

		now += NSEC_PER_SEC;
		port->ops->tick(port, now);
		n += more > 0 ? more : 0;
	}
	assert_int_equal(get_be32(buf), len);
	assert_int_equal(buf[4], buf[4 + len - 1]);
	return buf[4];
}

static void frames_of_a_round_go_out_together(void **state)
{
	uint8_t buf[8];

	(void)state;
	assert_int_equal(give(60, 1), NIC_DROP_NONE);
	assert_int_equal(give(1514, 2), NIC_DROP_NONE);
	assert_int_equal(recv(peer, buf, 8, MSG_DONTWAIT), -1);
	port->ops->rx_done(port, now);
	assert_int_equal(take_frame(60), 1);
	assert_int_equal(take_frame(1514), 2);
	assert_int_equal(take_frame(1), -1);
	assert_int_equal(port->ops->tick(port, now), UINT64_MAX);
}

static void a_peer_that_stalls_costs_frames_only(void **state)
{
	unsigned sent = 0, got = 0;

	(void)state;
	while (sent < 100000 && give(1514, (uint8_t)sent) == NIC_DROP_NONE) {
		if (++sent % 16 == 0)
			port->ops->rx_done(port, now);
	}
	assert_in_range(sent, 100, 99999);
	assert_false(uplink_failed(up));
	assert_int_equal(give(1514, 0), NIC_DROP_UPLINK);
	/* It is asked again, and less and less often. */
	now += NSEC_PER_SEC;
	assert_in_range(port->ops->tick(port, now), 1, NSEC_PER_MSEC);
	for (int i = 0; i < 20; i++)
		now += port->ops->tick(port, now);
	assert_in_range(port->ops->tick(port, now), 9 * NSEC_PER_MSEC, 20 * NSEC_PER_MSEC);
	/* It comes to: nothing is lost of what was taken, and there is room again. */
	while (got < sent) {
		int mark = take_frame(1514);

		now += NSEC_PER_SEC;
		port->ops->tick(port, now);
		if (mark >= 0)
			assert_int_equal(mark, got++ & 0xff);
	}
	assert_int_equal(give(1514, 9), NIC_DROP_NONE);
	port->ops->rx_done(port, now);
	assert_int_equal(take_frame(1514), 9);
}

static void a_frame_that_is_longer_than_any_is_refused(void **state)
{
	(void)state;
	assert_int_equal(give(NIC_JUMBO_MAX + 65, 1), NIC_DROP_SIZE);
}

static void who_has_gone_is_noticed_while_sending(void **state)
{
	(void)state;
	fd_close(&peer);
	give(60, 1);
	port->ops->rx_done(port, now);
	assert_true(uplink_failed(up));
	assert_int_equal(give(60, 1), NIC_DROP_UPLINK);
}

/* ---- the connection ---- */

static void a_server_that_comes_late_is_found(void **state)
{
	uint64_t wait, before = 0;

	(void)state;
	open_it("connect=");
	assert_false(service(&wait));
	for (int i = 0; i < 12; i++) {
		assert_in_range(wait, 1, 5 * NSEC_PER_SEC);
		assert_true(wait >= before);
		before = wait;
		now += wait;
		assert_false(service(&wait));
	}
	assert_int_equal(wait, 5 * NSEC_PER_SEC);
	assert_int_equal(give(60, 1), NIC_DROP_UPLINK);
	server = fd_unix_listen(path);
	assert_false(service(&wait)); /* not before its time */
	now += wait;
	assert_true(service(&wait));
	accept_peer();
	put_frame(60, 5);
	assert_true(poll_it());
	assert_int_equal(burst->n, 1);
}

/* A connection begins at the beginning: nothing of the former is sent or expected. */
static void a_server_that_comes_back_is_found(void **state)
{
	uint64_t wait;

	(void)state;
	put("\0\0\0\x40half", 8);
	poll_it();
	while (give(1514, 1) == NIC_DROP_NONE)
		port->ops->rx_done(port, now);
	fd_close(&peer);
	for (int i = 0; i < 4; i++)
		poll_it();
	assert_true(uplink_failed(up));
	now += LONG_AFTER;
	assert_false(service(&wait));
	assert_in_range(wait, 1, 100 * NSEC_PER_MSEC); /* it had been a good connection */
	now += wait;
	assert_true(service(&wait));
	assert_false(uplink_failed(up));
	accept_peer();
	assert_int_equal(take_frame(60), -1);
	put_frame(60, 6);
	assert_true(poll_it());
	assert_int_equal(burst->n, 1);
	assert_int_equal(give(60, 8), NIC_DROP_NONE);
	port->ops->rx_done(port, now);
	assert_int_equal(take_frame(60), 8);
}

static void who_throws_us_out_is_left_in_peace_for_longer_and_longer(void **state)
{
	uint64_t wait, before = 0;

	(void)state;
	for (int i = 0; i < 4; i++) {
		fd_close(&peer);
		poll_it();
		assert_false(service(&wait));
		assert_true(wait > before);
		before = wait;
		now += wait;
		assert_true(service(&wait));
		accept_peer();
	}
}

static void a_listener_takes_one_peer_after_the_other(void **state)
{
	int second;

	(void)state;
	open_it("listen=");
	assert_false(service(NULL));
	peer = fd_unix_connect(path);
	second = fd_unix_connect(path);
	now += NSEC_PER_SEC;
	assert_true(service(NULL));
	put_frame(60, 1);
	assert_true(poll_it());
	fd_close(&peer);
	poll_it();
	peer = second;
	put_frame(60, 2);
	assert_true(service(NULL)); /* it had been waiting */
	assert_true(poll_it());
	assert_int_equal(burst->frame[0].hdr[0], 2);
	uplink_close(up);
	up = NULL;
	assert_int_equal(access(path, F_OK), -1);
}

static void wrong_places_are_named(void **state)
{
	static const char *const bad[] = {"stream:",	     "stream:a",
					  "stream:connect=", "stream:listen=",
					  "stream:listen=a", "stream:connect=listen=/a"};
	char much[160] = "stream:/", text[128];
	const char *why = NULL;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(uplink_open(bad[i], &env, &up, &why), -EINVAL);
		assert_non_null(strstr(why, "begins with /"));
	}
	memset(much + 8, 'x', 107);
	assert_int_equal(uplink_open(much, &env, &up, &why), -EINVAL);
	assert_non_null(strstr(why, "107 bytes"));
	snprintf(text, sizeof(text), "stream:listen=%s/none/sock", path);
	assert_int_equal(uplink_open(text, &env, &up, &why), -ENOENT);
	server = fd_unix_listen(path);
	snprintf(text, sizeof(text), "stream:listen=%s", path);
	assert_int_equal(uplink_open(text, &env, &up, &why), -EADDRINUSE);
	assert_non_null(strstr(why, "listens there"));
	assert_null(up);
	assert_null(uplink_spec_wrong(text));
}

#define T(name)	   cmocka_unit_test_setup_teardown(name, setup, teardown)
#define BARE(name) cmocka_unit_test_setup_teardown(name, setup_paths, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(several_frames_come_with_one_read),
		T(a_frame_may_come_byte_by_byte),
		T(more_than_a_burst_waits_for_the_next),
		T(what_is_no_frame_is_counted_and_skipped),
		T(who_has_lost_its_place_is_cut_off),
		T(what_came_before_the_end_is_delivered),
		T(frames_of_a_round_go_out_together),
		T(a_peer_that_stalls_costs_frames_only),
		T(a_frame_that_is_longer_than_any_is_refused),
		T(who_has_gone_is_noticed_while_sending),
		BARE(a_server_that_comes_late_is_found),
		T(a_server_that_comes_back_is_found),
		T(who_throws_us_out_is_left_in_peace_for_longer_and_longer),
		BARE(a_listener_takes_one_peer_after_the_other),
		BARE(wrong_places_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
