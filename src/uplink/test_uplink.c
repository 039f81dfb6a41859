/* SPDX-License-Identifier: BSD-3-Clause */
/* The wire as a datagram socket pair: what goes in on one side comes out on the other. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net_eth.h"
#include "uplink_impl.h"

static struct uplink *up;
static int peer;

static int setup(void **state)
{
	int sv[2];
	char spec[16];
	const char *why;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sv), 0);
	snprintf(spec, sizeof(spec), "fd:%d", sv[0]);
	peer = sv[1];
	return uplink_open(spec, &(struct uplink_env){.mtu = 1500}, &up, &why);
}

static int teardown(void **state)
{
	(void)state;
	uplink_close(up);
	close(peer);
	return 0;
}

static void frames_come_in_with_their_tag_lifted(void **state)
{
	uint8_t frame[200] = {0x52, 0x54, 0, 0,	   0, 1, 0x52, 0x54, 0,
			      0,    0,	  2, 0x81, 0, 0, 42,   8,    0};
	struct nic_burst *b = calloc(1, sizeof(*b));

	(void)state;
	assert_int_equal(write(peer, frame, sizeof(frame)), (int)sizeof(frame));
	assert_true(up->port.ops->tx_poll(&up->port, b, 1000000));
	assert_int_equal(b->n, 1);
	assert_true(b->frame[0].tagged);
	assert_int_equal(b->frame[0].tci, 42);
	assert_int_equal(b->frame[0].len, sizeof(frame) - NET_VLAN_HLEN);
	assert_int_equal(get_be16(b->frame[0].hdr + 12), NET_ETH_P_IPV4);
	assert_false(b->frame[0].local);
	free(b);
}

static void an_empty_wire_is_asked_again_only_after_a_while(void **state)
{
	struct nic_burst *b = calloc(1, sizeof(*b));
	uint8_t frame[60] = {2};
	uint64_t now = 1000000;

	(void)state;
	assert_false(up->port.ops->tx_poll(&up->port, b, now));
	assert_int_equal(write(peer, frame, sizeof(frame)), (int)sizeof(frame));
	assert_false(up->port.ops->tx_poll(&up->port, b, now + 1000));
	assert_true(up->port.ops->tx_poll(&up->port, b, now + 1000000));
	free(b);
}

static void frames_go_out_whole(void **state)
{
	struct nic_rx_meta meta = {.len = 100};
	struct nic_sink sink;
	uint8_t got[200];

	(void)state;
	assert_int_equal(up->port.ops->rx_buffers(&up->port, &meta, &sink), NIC_DROP_NONE);
	memset(sink.iov[0].ptr, 0xab, 100);
	assert_int_equal(up->port.ops->rx_commit(&up->port, &meta), NIC_DROP_NONE);
	assert_int_equal(read(peer, got, sizeof(got)), 100);
	assert_int_equal(got[99], 0xab);
}

static void a_peer_that_does_not_read_costs_frames_only(void **state)
{
	struct nic_rx_meta meta = {.len = 1500};
	struct nic_sink sink;
	enum nic_drop r = NIC_DROP_NONE;

	(void)state;
	for (int i = 0; i < 10000 && r == NIC_DROP_NONE; i++) {
		up->port.ops->rx_buffers(&up->port, &meta, &sink);
		r = up->port.ops->rx_commit(&up->port, &meta);
	}
	assert_int_equal(r, NIC_DROP_UPLINK);
	assert_false(uplink_failed(up));
}

static void a_vanished_peer_is_noticed(void **state)
{
	struct nic_rx_meta meta = {.len = 100};
	struct nic_sink sink;

	(void)state;
	close(peer);
	up->port.ops->rx_buffers(&up->port, &meta, &sink);
	assert_int_equal(up->port.ops->rx_commit(&up->port, &meta), NIC_DROP_UPLINK);
	peer = -1;
}

static void wrong_specifications_say_what_is_right(void **state)
{
	static const char *const bad[] = {
		"",    "tap:", "tap:a/b", "tap:averyveryverylongname", "fd:x", "fd:99999",
		"fd:", "wire", "tap"};
	const struct uplink_env env = {.mtu = 1500};
	struct uplink *u = NULL;
	const char *why;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		why = NULL;
		assert_int_equal(uplink_open(bad[i], &env, &u, &why), -EINVAL);
		assert_non_null(why);
		assert_null(u);
	}
	assert_int_equal(uplink_open("none", &env, &u, &why), 0);
	assert_null(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_come_in_with_their_tag_lifted, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_empty_wire_is_asked_again_only_after_a_while,
						setup, teardown),
		cmocka_unit_test_setup_teardown(frames_go_out_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(a_peer_that_does_not_read_costs_frames_only,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_vanished_peer_is_noticed, setup, teardown),
		cmocka_unit_test(wrong_specifications_say_what_is_right),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
