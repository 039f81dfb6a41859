/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet socket on a tap of the test's own, in a network namespace of its own: what is
 * written to the tap comes in at the interface.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "fd.h"
#include "net_csum.h"
#include "net_eth.h"
#include "uplink_impl.h"

#define NAME	 "ladon-pt0"
#define ETH_TEST 0x88b5 /* for local experiments */
#define LEN	 100u

static const struct uplink_env env = {.mtu = 1500};
static struct nic_policy policy;
static struct nic_burst *burst;
static struct uplink *up;
static struct nic_port *port;
static int tap = -1;
static uint64_t now;
static bool able; /* to make taps and packet sockets */

/* ---- the interface ---- */

static void flags(bool on)
{
	struct ifreq ifr = {0};
	FD_AUTO int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(ifr.ifr_name, NAME);
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &ifr), 0);
	ifr.ifr_flags = (short)(on ? ifr.ifr_flags | IFF_UP : ifr.ifr_flags & ~IFF_UP);
	assert_int_equal(ioctl(fd, SIOCSIFFLAGS, &ifr), 0);
}

/* With a header in front of each frame that may ask for a checksum. */
static bool make_tap(void)
{
	struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};

	tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
	strcpy(ifr.ifr_name, NAME);
	if (tap < 0 || ioctl(tap, TUNSETIFF, &ifr) < 0)
		return false;
	flags(true);
	return true;
}

static void bring(const uint8_t *frame, size_t len, const struct virtio_net_hdr *hdr)
{
	uint8_t buf[sizeof(*hdr) + 2000] = {0};

	if (hdr)
		memcpy(buf, hdr, sizeof(*hdr));
	memcpy(buf + sizeof(*hdr), frame, len);
	assert_int_equal(write(tap, buf, sizeof(*hdr) + len), (int)(sizeof(*hdr) + len));
}

static const uint8_t plain[LEN] = {
	2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ETH_TEST >> 8, ETH_TEST & 0xff, 7};

/* The tagged form of plain; returns its length. */
static size_t tag(uint8_t *buf, uint16_t tpid, uint16_t tci)
{
	memcpy(buf, plain, 12);
	put_be16(buf + 12, tpid);
	put_be16(buf + 14, tci);
	memcpy(buf + 16, plain + 12, LEN - 12);
	return LEN + NET_VLAN_HLEN;
}

/* ---- the uplink ---- */

static int setup(void **state)
{
	const char *why = "";

	(void)state;
	if (!able)
		return 0;
	burst = calloc(1, sizeof(*burst));
	assert_true(burst && make_tap());
	assert_int_equal(uplink_open("packet:" NAME, &env, &up, &why), 0);
	port = &up->port;
	atomic_store(&port->policy, &policy);
	now = clock_ns();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uplink_close(up);
	up = NULL;
	fd_close(&tap);
	free(burst);
	burst = NULL;
	return 0;
}

/* The next frame; the stack's own (neighbour discovery) are never seen: they go out. */
static const struct nic_frame *next(void)
{
	for (int i = 0; i < 100; i++) {
		burst->n = burst->num_segs = 0;
		now += NSEC_PER_MSEC;
		if (port->ops->tx_poll(port, burst, now))
			return &burst->frame[0];
		usleep(1000);
	}
	return NULL;
}

static bool service(void)
{
	uint64_t wait;

	now += 2 * NSEC_PER_SEC;
	return uplink_service(up, now, &wait);
}

static enum nic_drop give(const uint8_t *frame, uint32_t len)
{
	struct nic_rx_meta meta = {.len = len};
	struct nic_sink sink;

	assert_int_equal(port->ops->rx_buffers(port, &meta, &sink), NIC_DROP_NONE);
	memset(sink.iov[0].ptr, 0, len);
	memcpy(sink.iov[0].ptr, frame, MIN(len, LEN));
	return port->ops->rx_commit(port, &meta);
}

/* Is our frame among what leaves the interface? */
static bool left(const uint8_t *frame, size_t len)
{
	uint8_t buf[4096];

	for (int i = 0; i < 200; i++) {
		ssize_t n = read(tap, buf, sizeof(buf));
		size_t hdr = sizeof(struct virtio_net_hdr);

		if (n == (ssize_t)(hdr + len) && !memcmp(buf + hdr, frame, len))
			return true;
		if (n < 0)
			usleep(1000);
	}
	return false;
}

#define NEEDS_RIGHTS()          \
	do {                    \
		if (!able)      \
			skip(); \
	} while (0)

static void frames_go_both_ways_and_not_back(void **state)
{
	const struct nic_frame *f;

	(void)state;
	NEEDS_RIGHTS();
	bring(plain, LEN, NULL);
	f = next();
	assert_non_null(f);
	assert_int_equal(f->len, LEN);
	assert_memory_equal(f->hdr, plain, LEN);
	assert_false(f->tagged || f->local || f->csum_valid);
	assert_int_equal(give(plain, LEN), NIC_DROP_NONE);
	assert_true(left(plain, LEN));
	assert_null(next());
}

static void tags_are_put_back(void **state)
{
	uint8_t buf[LEN + NET_VLAN_HLEN];
	const struct nic_frame *f;

	(void)state;
	NEEDS_RIGHTS();
	bring(buf, tag(buf, NET_ETH_P_VLAN, 0x602a), NULL);
	f = next();
	assert_non_null(f);
	assert_true(f->tagged);
	assert_int_equal(f->tci, 0x602a);
	assert_int_equal(f->len, LEN);
	assert_memory_equal(f->hdr, plain, LEN);
	bring(buf, tag(buf, 0x88a8, 7), NULL); /* a service tag stays in the bytes */
	f = next();
	assert_non_null(f);
	assert_int_equal(f->len, LEN + NET_VLAN_HLEN);
	assert_memory_equal(f->hdr, buf, LEN + NET_VLAN_HLEN);
	assert_int_equal(give(buf, LEN), NIC_DROP_NONE);
	assert_true(left(buf, LEN));
}

/* A UDP datagram whose checksum the sender's stack leaves to a card. */
static void checksums_that_were_left_to_a_card_are_made(void **state)
{
	uint8_t frame[14 + 20 + 8 + 30] = {2,	 0, 0,	0,  0, 1, 2, 0, 0,  0,	0, 2, 8,  0,
					   0x45, 0, 0,	58, 0, 1, 0, 0, 64, 17, 0, 0, 10, 9,
					   9,	 1, 10, 9,  9, 2, 0, 9, 0,  9,	0, 38};
	const struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 34, .csum_offset = 6};
	const struct nic_frame *f;

	(void)state;
	NEEDS_RIGHTS();
	bring(frame, sizeof(frame), &hdr);
	f = next();
	assert_non_null(f);
	assert_true(f->off.l4_csum);
	assert_int_equal(f->off.l2_len, 14);
	assert_int_equal(f->off.l3_len, 20);
	assert_int_equal(f->off.l4, NET_L4_UDP);
	assert_true(f->csum_valid);
	bring(frame, sizeof(frame), NULL); /* this one says that it is right as it is */
	f = next();
	assert_non_null(f);
	assert_false(f->off.l4_csum);
}

static void too_long_a_frame_is_a_matter_of_size(void **state)
{
	(void)state;
	NEEDS_RIGHTS();
	assert_int_equal(give(plain, 1514), NIC_DROP_NONE);
	assert_int_equal(give(plain, 1600), NIC_DROP_SIZE);
}

static void the_carrier_is_the_interface_s(void **state)
{
	(void)state;
	NEEDS_RIGHTS();
	assert_true(service());
	flags(false);
	assert_null(next());
	assert_true(uplink_wants_service(up)); /* the socket said so */
	assert_false(service());
	assert_int_equal(give(plain, LEN), NIC_DROP_UPLINK);
	flags(true);
	assert_true(service());
	bring(plain, LEN, NULL);
	assert_non_null(next());
}

static void an_interface_that_goes_and_comes_back_is_found(void **state)
{
	(void)state;
	NEEDS_RIGHTS();
	fd_close(&tap);
	assert_null(next());
	assert_false(service());
	assert_false(service());
	assert_true(make_tap());
	assert_true(service());
	bring(plain, LEN, NULL);
	assert_non_null(next());
	/* Faster than we look. */
	fd_close(&tap);
	assert_true(make_tap());
	assert_true(service());
	bring(plain, LEN, NULL);
	assert_non_null(next());
}

static void wrong_interfaces_are_named(void **state)
{
	const struct uplink_env wide = {.mtu = 9000};
	struct uplink *other = NULL;
	const char *why = NULL;

	(void)state;
	assert_int_equal(uplink_open("packet:", &env, &other, &why), -EINVAL);
	assert_int_equal(uplink_open("packet:sixteen-letters-", &env, &other, &why), -EINVAL);
	assert_non_null(strstr(why, "packet:IFNAME"));
	assert_int_equal(uplink_packet_open("a/b", 1500, &why), -EINVAL);
	NEEDS_RIGHTS();
	assert_int_equal(uplink_open("packet:ladon-none", &env, &other, &why), -ENODEV);
	assert_string_equal(why, "there is no interface ladon-none");
	assert_int_equal(uplink_open("packet:lo", &env, &other, &why), -EMEDIUMTYPE);
	assert_string_equal(why, "lo is no Ethernet interface");
	assert_int_equal(uplink_open("packet:" NAME, &wide, &other, &why), -EMSGSIZE);
	assert_non_null(strstr(why, "has an MTU of 1500, the card 9000"));
	assert_null(other);
}

/* Without a namespace of its own it would meddle with the machine's. */
static bool is_able(void)
{
	const char *why;
	int fd;

	if (unshare(CLONE_NEWNET) < 0 || !make_tap())
		return false;
	fd = uplink_packet_open(NAME, 1500, &why);
	fd_close(&tap);
	if (fd < 0)
		return false;
	fd_close(&fd);
	return true;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(frames_go_both_ways_and_not_back),
		T(tags_are_put_back),
		T(checksums_that_were_left_to_a_card_are_made),
		T(too_long_a_frame_is_a_matter_of_size),
		T(the_carrier_is_the_interface_s),
		T(an_interface_that_goes_and_comes_back_is_found),
		T(wrong_interfaces_are_named),
	};

	able = is_able();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
