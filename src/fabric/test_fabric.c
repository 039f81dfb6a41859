/* SPDX-License-Identifier: BSD-3-Clause */
/* Tests of the fabric's messages: what is one, and what becomes of descriptors. */
#include <errno.h>
#include <fcntl.h>
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

#include "fabric.h"
#include "fd.h"

static int end[2];

static int set_up(void **state)
{
	(void)state;
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, end);
}

static int tear_down(void **state)
{
	(void)state;
	fd_close_all(end, 2);
	return 0;
}

/* The lowest free descriptor: the same before and after when none leaked. */
static int lowest_free(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), lowest = fd;

	fd_close(&fd);
	return lowest;
}

static void a_message_and_its_file_arrive(void **state)
{
	struct fabric_msg msg = {.type = FABRIC_OFFER, .seq = 7, .epoch = 9};
	struct fabric_parcel got;
	struct stat sent, came;
	int fd = fd_memfd("window", 4096);

	(void)state;
	msg.offer.hpa = 1ull << 33;
	msg.offer.size = 4096;
	assert_int_equal(fabric_recv(end[1], &got), 0);
	assert_int_equal(fabric_send(end[0], &msg, fd), 0);
	assert_int_equal(fabric_recv(end[1], &got), 1);
	assert_memory_equal(&got.msg, &msg, sizeof(msg));
	assert_int_equal(fstat(fd, &sent), 0);
	assert_int_equal(fstat(got.fd, &came), 0);
	assert_int_equal(sent.st_ino, came.st_ino);
	assert_true(fcntl(got.fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&got.fd);
	fd_close(&fd);
	msg.type = FABRIC_BEAT;
	assert_int_equal(fabric_send(end[1], &msg, -1), 0);
	assert_int_equal(fabric_recv(end[0], &got), 1);
	assert_int_equal(got.fd, -1);
}

static void what_is_a_message(void **state)
{
	struct fabric_msg msg = {0};

	(void)state;
	for (uint32_t type = 0; type < 300; type++) {
		msg = (struct fabric_msg){.type = type};
		msg.reg.size = type == FABRIC_REG ? 4 : 0;
		assert_int_equal(fabric_msg_ok(&msg, sizeof(msg)),
				 type > 0 && type < FABRIC_TYPES);
		assert_false(fabric_msg_ok(&msg, sizeof(msg) - 1));
		assert_int_equal(strcmp(fabric_type_str(type), "?") != 0,
				 type > 0 && type < FABRIC_TYPES);
	}
	msg = (struct fabric_msg){.type = FABRIC_JOIN, .epoch = 1};
	assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	msg.epoch = 0;
	memset(msg.join.name, 'a', sizeof(msg.join.name));
	assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	msg.join.name[FABRIC_NAME_MAX - 1] = '\0';
	assert_true(fabric_msg_ok(&msg, sizeof(msg)));
	msg = (struct fabric_msg){.type = FABRIC_DONE};
	msg.done.err = 1;
	assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	msg.done.err = -EPERM;
	memset(msg.done.why, 'a', sizeof(msg.done.why));
	assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	msg = (struct fabric_msg){.type = FABRIC_REG};
	msg.reg.size = 2;
	assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	for (unsigned type = FABRIC_ASSIGN; type <= FABRIC_OPEN; type++) {
		msg = (struct fabric_msg){.type = type};
		memset(msg.vf.card, 'a', sizeof(msg.vf.card));
		assert_false(fabric_msg_ok(&msg, sizeof(msg)));
	}
}

/* What is no message costs the connection, and its descriptors are closed. */
static void rubbish_ends_it(void **state)
{
	struct fabric_msg msg = {.type = FABRIC_TYPES};
	struct fabric_parcel got;
	int before = lowest_free();

	(void)state;
	assert_int_equal(fabric_send(end[0], &msg, end[0]), 0);
	assert_int_equal(fabric_recv(end[1], &got), -EPROTO);
	assert_int_equal(got.fd, -1);
	msg.type = FABRIC_BEAT;
	assert_int_equal(send(end[0], &msg, 10, 0), 10);
	assert_int_equal(fabric_recv(end[1], &got), -EPROTO);
	assert_int_equal(lowest_free(), before);
}

static void send_fds(size_t len, unsigned n)
{
	struct fabric_msg msg = {.type = FABRIC_BEAT};
	char space[CMSG_SPACE(8 * sizeof(int))] __attribute__((aligned(8))) = {0};
	struct iovec iov = {&msg, len};
	struct msghdr out = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = space,
			     .msg_controllen = sizeof(space)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&out);

	*c = (struct cmsghdr){.cmsg_len = CMSG_LEN(n * sizeof(int)),
			      .cmsg_level = SOL_SOCKET,
			      .cmsg_type = SCM_RIGHTS};
	out.msg_controllen = CMSG_SPACE(n * sizeof(int));
	for (unsigned i = 0; i < n; i++)
		memcpy(CMSG_DATA(c) + i * sizeof(int), &end[0], sizeof(int));
	assert_int_equal(sendmsg(end[0], &out, 0), len);
}

static void many_descriptors_are_too_many(void **state)
{
	struct fabric_parcel got;
	int before = lowest_free();

	(void)state;
	for (unsigned n = 2; n <= 8; n++) {
		send_fds(sizeof(struct fabric_msg), n);
		assert_int_equal(fabric_recv(end[1], &got), -EPROTO);
		assert_int_equal(got.fd, -1);
		assert_int_equal(lowest_free(), before);
	}
}

/* It is read as the end of the connection would be. */
static void a_message_of_no_bytes_brings_nothing(void **state)
{
	struct fabric_parcel got;
	int before = lowest_free();

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		send_fds(0, n);
		assert_int_equal(fabric_recv(end[1], &got), -EPROTO);
		assert_int_equal(got.fd, -1);
		assert_int_equal(lowest_free(), before);
	}
	assert_int_equal(send(end[0], "", 0, 0), 0);
	assert_int_equal(fabric_recv(end[1], &got), -ECONNRESET);
}

static void an_end_that_is_gone_or_deaf(void **state)
{
	struct fabric_msg msg = {.type = FABRIC_BEAT};
	struct fabric_parcel got;
	int ret;

	(void)state;
	do
		ret = fabric_send(end[0], &msg, -1);
	while (ret == 0);
	assert_int_equal(ret, -EAGAIN);
	fd_close(&end[1]);
	ret = fabric_send(end[0], &msg, -1);
	assert_true(ret == -EPIPE || ret == -ECONNRESET);
	assert_int_equal(fabric_recv(end[0], &got), -ECONNRESET);
}

static void listening_and_connecting(void **state)
{
	char dir[] = "/tmp/ladon-fabric-XXXXXX", path[64], longer[200];
	struct fabric_msg msg = {.type = FABRIC_JOIN};
	struct fabric_parcel got;
	struct stat st;
	int server, client, conn;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fabric.sock", dir);
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(fd_unix_try_connect_packets(path), -ENOENT);
	assert_int_equal(fd_unix_listen_packets(longer), -ENAMETOOLONG);
	assert_int_equal(fd_unix_try_connect_packets(longer), -ENAMETOOLONG);
	server = fd_unix_listen_packets(path);
	assert_true(server >= 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	client = fd_unix_try_connect_packets(path);
	assert_true(client >= 0);
	conn = accept4(server, NULL, NULL, SOCK_CLOEXEC);
	assert_true(conn >= 0);
	assert_int_equal(fabric_send(client, &msg, -1), 0);
	assert_int_equal(fabric_recv(conn, &got), 1);
	assert_int_equal(got.msg.type, FABRIC_JOIN);
	fd_close(&conn);
	fd_close(&client);
	fd_close(&server);
	/* What a former daemon has left is in nobody's way. */
	server = fd_unix_listen_packets(path);
	assert_true(server >= 0);
	fd_close(&server);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_message_and_its_file_arrive),
		TEST(what_is_a_message),
		TEST(rubbish_ends_it),
		TEST(many_descriptors_are_too_many),
		TEST(a_message_of_no_bytes_brings_nothing),
		TEST(an_end_that_is_gone_or_deaf),
		TEST(listening_and_connecting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
