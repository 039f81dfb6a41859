/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames as a tap gives and takes them; a pair of datagram sockets is the tap. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "netdev.h"

#define HDR sizeof(struct virtio_net_hdr)

static int tap, kernel;
static uint8_t memory[NETDEV_FRAME_PARTS][NETDEV_BUF_SIZE], seen[100000];
static struct ladon_buf buf[NETDEV_FRAME_PARTS], *parts[NETDEV_FRAME_PARTS];

void netdev_say(const char *format, ...)
{
	(void)format;
}

static int set_up(void **state)
{
	int ends[2], room = 1 << 20;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
	tap = ends[0];
	kernel = ends[1];
	setsockopt(kernel, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	for (unsigned i = 0; i < NETDEV_FRAME_PARTS; i++) {
		parts[i] = &buf[i];
		buf[i] = (struct ladon_buf){
			.data = memory[i], .head = memory[i], .size = NETDEV_BUF_SIZE};
	}
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close(tap);
	close(kernel);
	return 0;
}

/* What the kernel got: the frame behind its header. Returns its length, -1 = none. */
static ssize_t taken(struct virtio_net_hdr *ret_hdr)
{
	ssize_t n = recv(kernel, seen, sizeof(seen), 0);

	if (n < 0)
		return -1;
	assert_true(n >= (ssize_t)HDR);
	memcpy(ret_hdr, seen, HDR);
	memmove(seen, seen + HDR, (size_t)n - HDR);
	return n - (ssize_t)HDR;
}

static void a_frame_goes_to_the_kernel(void **state)
{
	struct virtio_net_hdr hdr;

	(void)state;
	memcpy(memory[0], "AAAAAABBBBBBttrest", 18);
	memcpy(memory[1], "more", 4);
	buf[0].len = 18;
	netdev_tap_write(tap, &buf[0]);
	assert_int_equal(taken(&hdr), 18);
	assert_memory_equal(seen, "AAAAAABBBBBBttrest", 18);
	assert_int_equal(hdr.flags | hdr.gso_type, 0);
	buf[0].next = &buf[1];
	buf[1].len = 4;
	netdev_tap_write(tap, &buf[0]);
	assert_int_equal(taken(&hdr), 22);
	assert_memory_equal(seen, "AAAAAABBBBBBttrestmore", 22);
}

static void a_tag_is_put_back(void **state)
{
	struct virtio_net_hdr hdr;

	(void)state;
	memcpy(memory[0], "AAAAAABBBBBBttrest", 18);
	buf[0].len = 18;
	buf[0].flags = LADON_RX_VLAN | LADON_RX_L4_OK;
	buf[0].vlan_tci = 0x6123;
	netdev_tap_write(tap, &buf[0]);
	assert_int_equal(taken(&hdr), 22);
	assert_memory_equal(seen, "AAAAAABBBBBB\x81\x00\x61\x23ttrest", 22);
	assert_int_equal(hdr.flags, VIRTIO_NET_HDR_F_DATA_VALID);
	/* Too short for one. */
	buf[0].len = 12;
	netdev_tap_write(tap, &buf[0]);
	assert_int_equal(taken(&hdr), 12);
}

static void an_endless_chain_is_dropped(void **state)
{
	struct virtio_net_hdr hdr;

	(void)state;
	for (unsigned i = 0; i < 20; i++) {
		buf[i].len = 100;
		buf[i].next = &buf[i + 1];
	}
	buf[20].len = 100;
	netdev_tap_write(tap, &buf[0]);
	assert_int_equal(taken(&hdr), -1);
}

static void give(size_t len, uint8_t flags)
{
	struct virtio_net_hdr hdr = {.flags = flags};

	memset(seen, 0, sizeof(seen));
	memcpy(seen, &hdr, HDR);
	seen[HDR + len - 1] = 0x5a;
	assert_int_equal(send(kernel, seen, HDR + len, 0), HDR + len);
}

static void frames_fill_as_many_parts_as_they_need(void **state)
{
	static const size_t lens[] = {1,
				      60,
				      NETDEV_BUF_SIZE - 1,
				      NETDEV_BUF_SIZE,
				      NETDEV_BUF_SIZE + 1,
				      65536 + 18,
				      NETDEV_FRAME_PARTS * NETDEV_BUF_SIZE};
	unsigned used = 0;

	(void)state;
	assert_int_equal(netdev_tap_read(tap, parts, &used), -EAGAIN);
	for (unsigned i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		const struct ladon_buf *b = parts[0];
		size_t sum;

		give(lens[i], 0);
		assert_int_equal(netdev_tap_read(tap, parts, &used), 1);
		assert_int_equal(used, (lens[i] + NETDEV_BUF_SIZE - 1) / NETDEV_BUF_SIZE);
		for (sum = b->len; b->next; sum += b->len)
			b = b->next;
		assert_int_equal(sum, lens[i]);
		assert_ptr_equal(b, parts[used - 1]);
		assert_int_equal(b->data[b->len - 1], 0x5a);
	}
}

static void what_cannot_be_sent_is_dropped(void **state)
{
	struct virtio_net_hdr hdr = {0};
	unsigned used = 0;

	(void)state;
	assert_int_equal(send(kernel, &hdr, HDR, 0), HDR);
	assert_int_equal(netdev_tap_read(tap, parts, &used), 0);
	assert_int_equal(send(kernel, &hdr, 3, 0), 3);
	assert_int_equal(netdev_tap_read(tap, parts, &used), 0);
	hdr.gso_type = VIRTIO_NET_HDR_GSO_UDP;
	memcpy(seen, &hdr, HDR);
	assert_int_equal(send(kernel, seen, HDR + 100, 0), HDR + 100);
	assert_int_equal(netdev_tap_read(tap, parts, &used), 0);
	give(60, 0);
	assert_int_equal(netdev_tap_read(tap, parts, &used), 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_frame_goes_to_the_kernel),
		TEST(a_tag_is_put_back),
		TEST(an_endless_chain_is_dropped),
		TEST(frames_fill_as_many_parts_as_they_need),
		TEST(what_cannot_be_sent_is_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
