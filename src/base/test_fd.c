/* SPDX-License-Identifier: BSD-3-Clause */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char dir[32];
	char path[64]; /* dir/s */
};

static int place_make(void **state)
{
	static struct place place;

	strcpy(place.dir, "/tmp/test_fd.XXXXXX");
	if (!mkdtemp(place.dir))
		return -1;
	snprintf(place.path, sizeof(place.path), "%s/s", place.dir);
	*state = &place;
	return 0;
}

static int place_remove(void **state)
{
	struct place *place = *state;

	unlink(place->path);
	return rmdir(place->dir);
}

static void assert_closed(int fd)
{
	assert_int_equal(fcntl(fd, F_GETFD), -1);
	assert_int_equal(errno, EBADF);
}

static void close_sets_minus_one_and_keeps_errno(void **state)
{
	int fd = dup(0), was = fd;

	(void)state;
	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(errno, ENOTTY);
	assert_int_equal(fd, -1);
	assert_closed(was);
	fd_close(&fd);
	fd = 1 << 20; /* not open: close fails, errno stays */
	errno = ENOTTY;
	fd_close(&fd);
	assert_int_equal(errno, ENOTTY);
}

static void close_all_closes_each(void **state)
{
	int fds[3] = {dup(0), -1, dup(0)};
	int first = fds[0], last = fds[2];

	(void)state;
	fd_close_all(fds, 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(fds[i], -1);
	assert_closed(first);
	assert_closed(last);
}

static void fd_auto_closes_at_end_of_block(void **state)
{
	int was;

	(void)state;
	{
		FD_AUTO int fd = dup(0);

		was = fd;
	}
	assert_closed(was);
}

static void nonblock_sets_both_flags(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fd_set_nonblock(fds[0]), 0);
	assert_true(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
	fd_close_all(fds, 2);
	assert_int_equal(fd_set_nonblock(1 << 20), -EBADF);
}

static void memfd_is_sealed_at_its_size(void **state)
{
	struct stat st;
	int fd = fd_memfd("test", 8192);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 8192);
	assert_int_equal(ftruncate(fd, 4096), -1);
	assert_int_equal(ftruncate(fd, 16384), -1);
	assert_int_equal(fcntl(fd, F_GET_SEALS), F_SEAL_SHRINK | F_SEAL_GROW);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	fd_close(&fd);
}

static void memfd_of_absurd_size_is_refused(void **state)
{
	(void)state;
	assert_int_equal(fd_memfd("test", SIZE_MAX), -EFBIG);
}

static void listen_accepts_and_is_private(void **state)
{
	struct place *place = *state;
	struct stat st;
	mode_t mask = umask(0);
	int fd = fd_unix_listen(place->path), peer, mine;

	umask(mask);
	assert_true(fd >= 0);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);
	peer = fd_unix_connect(place->path);
	assert_true(peer >= 0);
	assert_false(fcntl(peer, F_GETFL) & O_NONBLOCK);
	mine = accept(fd, NULL, NULL);
	assert_true(mine >= 0);
	fd_close(&mine);
	fd_close(&peer);
	fd_close(&fd);
}

static void listen_replaces_a_stale_socket(void **state)
{
	struct place *place = *state;
	int old = fd_unix_listen(place->path), fd, peer;

	fd_close(&old); /* the file stays, nobody listens */
	assert_int_equal(fd_unix_connect(place->path), -ECONNREFUSED);
	fd = fd_unix_listen(place->path);
	assert_true(fd >= 0);
	peer = fd_unix_connect(place->path);
	assert_true(peer >= 0);
	fd_close(&peer);
	fd_close(&fd);
}

static void listen_leaves_a_live_socket(void **state)
{
	struct place *place = *state;
	int live = fd_unix_listen(place->path), peer;

	assert_int_equal(fd_unix_listen(place->path), -EADDRINUSE);
	peer = fd_unix_connect(place->path);
	assert_true(peer >= 0);
	fd_close(&peer);
	fd_close(&live);
}

static void listen_leaves_a_live_datagram_socket(void **state)
{
	struct place *place = *state;
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int live = socket(AF_UNIX, SOCK_DGRAM, 0);

	strcpy(addr.sun_path, place->path);
	assert_int_equal(bind(live, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(fd_unix_listen(place->path), -EADDRINUSE);
	fd_close(&live);
}

static void listen_leaves_a_regular_file(void **state)
{
	struct place *place = *state;
	int file = open(place->path, O_CREAT | O_WRONLY, 0600);

	assert_int_equal(fd_unix_listen(place->path), -EADDRINUSE);
	assert_int_equal(access(place->path, F_OK), 0);
	fd_close(&file);
}

static void listen_says_what_is_wrong_with_the_path(void **state)
{
	char longest[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];

	(void)state;
	memset(longest, 'x', sizeof(longest));
	longest[sizeof(longest) - 1] = 0;
	assert_int_equal(fd_unix_listen(longest), -ENAMETOOLONG);
	assert_int_equal(fd_unix_connect(longest), -ENAMETOOLONG);
	assert_int_equal(fd_unix_listen(""), -EINVAL);
	assert_int_equal(fd_unix_listen("/nonexistent/s"), -ENOENT);
	assert_int_equal(fd_unix_connect("/nonexistent/s"), -ENOENT);
}

/* ---- passing ---- */

#define MANY 5

struct passing {
	int pair[2];
	int sent[MANY]; /* memfds, told apart by their inodes */
	int lowest;	/* descriptor the next open gets: nothing may be left open below it */
};

static int lowest_free(void)
{
	int fd = dup(0), was = fd;

	fd_close(&fd);
	return was;
}

static int passing_make(void **state)
{
	static struct passing p;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, p.pair) < 0)
		return -1;
	for (int i = 0; i < MANY; i++)
		p.sent[i] = fd_memfd("passed", 4096);
	p.lowest = lowest_free();
	*state = &p;
	return 0;
}

/* Who has taken a descriptor has closed it. */
static int passing_end(void **state)
{
	struct passing *p = *state;
	bool leak = lowest_free() != p->lowest;

	fd_close_all(p->sent, MANY);
	fd_close_all(p->pair, 2);
	return leak ? -1 : 0;
}

static void send_n(const struct passing *p, unsigned n)
{
	FD_MSG_CONTROL(control, MANY);
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	fd_msg_put(&msg, control, p->sent, n);
	assert_int_equal(sendmsg(p->pair[0], &msg, 0), 1);
}

/* With a control buffer of room bytes. Returns what fd_msg_take does. */
static unsigned receive_max(const struct passing *p, size_t room, int *fds, unsigned max,
			    int *ret_flags)
{
	FD_MSG_CONTROL(control, 2 * MANY);
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = room};

	assert_true(room <= sizeof(control));
	assert_int_equal(recvmsg(p->pair[1], &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC), 1);
	*ret_flags = msg.msg_flags;
	return fd_msg_take(&msg, fds, max);
}

static void assert_same_file(int a, int b)
{
	struct stat one, other;

	assert_int_equal(fstat(a, &one), 0);
	assert_int_equal(fstat(b, &other), 0);
	assert_int_equal(one.st_ino, other.st_ino);
}

static void passed_fds_arrive_in_order(void **state)
{
	struct passing *p = *state;
	int fds[MANY + 1], flags;

	fds[MANY] = 77;
	for (unsigned n = 1; n <= MANY; n++) {
		send_n(p, n);
		assert_int_equal(
			receive_max(p, CMSG_SPACE(MANY * sizeof(int)), fds, MANY, &flags), n);
		assert_false(flags & MSG_CTRUNC);
		for (unsigned i = 0; i < n; i++)
			assert_same_file(fds[i], p->sent[i]);
		fd_close_all(fds, n);
	}
	assert_int_equal(fds[MANY], 77);
}

static void passing_none_leaves_the_message_alone(void **state)
{
	struct passing *p = *state;
	struct msghdr msg = {.msg_controllen = 0};
	int fd = 77, flags;

	fd_msg_put(&msg, NULL, NULL, 0);
	assert_null(msg.msg_control);
	assert_int_equal(msg.msg_controllen, 0);
	send_n(p, 0);
	assert_int_equal(receive_max(p, CMSG_SPACE(sizeof(int)), &fd, 1, &flags), 0);
	assert_int_equal(fd, 77);
}

static void what_is_too_much_is_closed(void **state)
{
	struct passing *p = *state;
	int fds[3] = {-1, -1, 77}, flags;

	send_n(p, MANY);
	assert_int_equal(receive_max(p, CMSG_SPACE(MANY * sizeof(int)), fds, 2, &flags), 2);
	assert_int_equal(fds[2], 77);
	assert_same_file(fds[0], p->sent[0]);
	assert_same_file(fds[1], p->sent[1]);
	fd_close_all(fds, 2);
	send_n(p, MANY);
	assert_int_equal(receive_max(p, CMSG_SPACE(MANY * sizeof(int)), NULL, 0, &flags), 0);
}

/* Room for one is rounded up to two: a second one comes where one is wanted. */
static void a_truncated_message_leaks_nothing(void **state)
{
	struct passing *p = *state;
	int fds[MANY] = {-1, 77}, flags;

	send_n(p, MANY);
	assert_int_equal(receive_max(p, CMSG_SPACE(sizeof(int)), fds, 1, &flags), 1);
	assert_true(flags & MSG_CTRUNC);
	assert_int_equal(fds[1], 77);
	assert_same_file(fds[0], p->sent[0]);
	fd_close_all(fds, 1);
	send_n(p, MANY);
	assert_int_equal(receive_max(p, CMSG_LEN(3 * sizeof(int)), fds, MANY, &flags), 3);
	assert_true(flags & MSG_CTRUNC);
	fd_close_all(fds, 3);
	send_n(p, MANY);
	assert_int_equal(receive_max(p, 1, fds, MANY, &flags), 0);
	assert_true(flags & MSG_CTRUNC);
}

static void other_control_messages_are_stepped_over(void **state)
{
	struct passing *p = *state;
	size_t room = CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(2 * sizeof(int));
	int on = 1, fds[MANY], flags;

	assert_int_equal(setsockopt(p->pair[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	send_n(p, 2);
	assert_int_equal(receive_max(p, room, fds, MANY, &flags), 2);
	assert_same_file(fds[0], p->sent[0]);
	assert_same_file(fds[1], p->sent[1]);
	fd_close_all(fds, 2);
}

int main(void)
{
#define PASSING(test)	 cmocka_unit_test_setup_teardown(test, passing_make, passing_end)
#define WITH_PLACE(test) cmocka_unit_test_setup_teardown(test, place_make, place_remove)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(close_sets_minus_one_and_keeps_errno),
		cmocka_unit_test(close_all_closes_each),
		cmocka_unit_test(fd_auto_closes_at_end_of_block),
		cmocka_unit_test(nonblock_sets_both_flags),
		cmocka_unit_test(memfd_is_sealed_at_its_size),
		cmocka_unit_test(memfd_of_absurd_size_is_refused),
		WITH_PLACE(listen_accepts_and_is_private),
		WITH_PLACE(listen_replaces_a_stale_socket),
		WITH_PLACE(listen_leaves_a_live_socket),
		WITH_PLACE(listen_leaves_a_live_datagram_socket),
		WITH_PLACE(listen_leaves_a_regular_file),
		cmocka_unit_test(listen_says_what_is_wrong_with_the_path),
		PASSING(passed_fds_arrive_in_order),
		PASSING(passing_none_leaves_the_message_alone),
		PASSING(what_is_too_much_is_closed),
		PASSING(a_truncated_message_leaks_nothing),
		PASSING(other_control_messages_are_stepped_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
