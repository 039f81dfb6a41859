/* SPDX-License-Identifier: BSD-3-Clause */
/* The socket with real clients: fds, fairness, slow and dying ones. One thread, the loop by
 * rounds. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "vfu_mock.h"
#include "vfu_sock.h"

struct world {
	struct mock mock; /* first: dev of the callbacks below too */
	struct loop *loop;
	struct vfu_sock *sock;
	char dir[64], path[96];
	unsigned connected, disconnected, refused;
	pid_t pid;
	uid_t uid;
	int connect_ret;
	bool had_conn;
	char reason[200];
	unsigned fds_before;
	unsigned dma_done;
	int dma_err;
};

static struct world *world_of(void *dev)
{
	return container_of(dev, struct world, mock);
}

static int on_connected(void *dev, pid_t pid, uid_t uid, const char **why)
{
	struct world *w = world_of(dev);

	w->connected++;
	w->pid = pid;
	w->uid = uid;
	if (w->connect_ret)
		*why = "not now";
	return w->connect_ret;
}

static void on_disconnected(void *dev, const char *reason)
{
	struct world *w = world_of(dev);

	w->disconnected++;
	w->had_conn = vfu_sock_conn(w->sock);
	snprintf(w->reason, sizeof(w->reason), "%s", reason);
	/* Neither does anything any more. */
	vfu_sock_flush(w->sock);
	vfu_sock_drop(w->sock, "too late");
}

static void on_refused(void *dev, pid_t pid, uid_t uid, const char *reason)
{
	struct world *w = world_of(dev);

	w->refused++;
	w->pid = pid;
	w->uid = uid;
	snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

static const struct vfu_sock_events events = {on_connected, on_disconnected, on_refused};

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->fds_before = count_fds();
	mock_init(&w->mock);
	strcpy(w->dir, "/tmp/vfu_sock.XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/s", w->dir);
	assert_int_equal(loop_new(&w->loop), 0);
	assert_int_equal(vfu_sock_new(w->loop, w->path, &mock_ops, &events, &w->mock, &w->sock),
			 0);
	return w;
}

static void world_free(struct world *w)
{
	struct stat st;

	vfu_sock_free(w->sock);
	assert_int_equal(stat(w->path, &st), -1);
	loop_free(w->loop);
	mock_done(&w->mock);
	assert_int_equal(rmdir(w->dir), 0);
	assert_int_equal(count_fds(), w->fds_before);
	free(w);
}

static void rounds(struct world *w, unsigned n)
{
	while (n--)
		assert_int_equal(loop_once(w->loop, 0), 0);
}

static int client_new(struct world *w)
{
	int fd = fd_unix_connect(w->path);

	assert_true(fd >= 0);
	rounds(w, 2);
	return fd;
}

/* A message with copies of the mock's file. */
static void client_send(struct world *w, int sock, uint16_t command, const void *payload,
			size_t len, unsigned nfds)
{
	uint8_t buf[512];
	int fds[253];
	size_t n = msg_put(buf, 5, command, 0, payload, len);

	for (unsigned i = 0; i < nfds; i++)
		fds[i] = w->mock.mmap_fd;
	send_fds(sock, buf, n, fds, nfds);
}

static int client_ready(struct world *w)
{
	uint16_t version[2] = {0, 0};
	int sock = client_new(w), fd;
	uint8_t buf[256];

	client_send(w, sock, VFU_CMD_VERSION, version, sizeof(version), 0);
	rounds(w, 2);
	assert_true(client_recv(sock, buf, sizeof(buf), &fd) > 20);
	assert_int_equal(fd, -1);
	mock_log_clear(&w->mock);
	return sock;
}

static void socket_file_is_private(void **state)
{
	struct world *w = world_new();
	struct vfu_sock *other = (void *)1;
	char path[300];
	struct stat st;

	(void)state;
	assert_int_equal(stat(w->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(vfu_sock_new(w->loop, w->path, &mock_ops, &events, &w->mock, &other),
			 -EADDRINUSE);
	assert_int_equal(stat(w->path, &st), 0); /* not ours to remove */
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(vfu_sock_new(w->loop, path, &mock_ops, &events, &w->mock, &other),
			 -ENAMETOOLONG);
	assert_ptr_equal(other, (void *)1);
	vfu_sock_free(NULL);
	world_free(w);
}

static void client_attaches_and_leaves_and_the_next_one_comes(void **state)
{
	struct world *w = world_new();

	(void)state;
	for (unsigned i = 1; i <= 3; i++) {
		int sock = client_ready(w);

		assert_int_equal(w->connected, i);
		assert_int_equal(w->pid, getpid());
		assert_int_equal(w->uid, getuid());
		assert_non_null(vfu_sock_conn(w->sock));
		close(sock);
		rounds(w, 3);
		assert_int_equal(w->disconnected, i);
		assert_string_equal(w->reason, "client closed the connection");
		assert_true(w->had_conn);
		assert_null(vfu_sock_conn(w->sock));
	}
	world_free(w);
}

static void death_in_the_middle_of_a_message(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_dma_map map = {32, 3, 0, 0x1000, 0x1000};
	int sock = client_ready(w);
	uint8_t buf[64];

	(void)state;
	msg_put(buf, 1, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	send_fds(sock, buf, 30, &w->mock.mmap_fd, 1);
	rounds(w, 2);
	close(sock);
	rounds(w, 3);
	assert_int_equal(w->disconnected, 1);
	assert_string_equal(w->mock.log, "");
	world_free(w); /* counts the fds */
}

static void what_was_sent_before_the_end_is_executed(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);

	(void)state;
	client_send(w, sock, VFU_CMD_DEVICE_RESET, NULL, 0, 0);
	close(sock);
	rounds(w, 4);
	assert_string_equal(w->mock.log, "reset\n");
	assert_int_equal(w->disconnected, 1);
	world_free(w);
}

static void second_client_is_turned_away(void **state)
{
	struct world *w = world_new();
	int first = client_ready(w), second = client_new(w), fd;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(w->refused, 1);
	assert_string_equal(w->reason, "another client is attached");
	assert_int_equal(client_recv(second, buf, sizeof(buf), &fd), 0);
	client_send(w, first, VFU_CMD_DEVICE_RESET, NULL, 0, 0);
	rounds(w, 2);
	assert_int_equal(client_recv(first, buf, sizeof(buf), &fd), 16);
	close(first);
	close(second);
	world_free(w);
}

static void device_may_refuse_a_client(void **state)
{
	struct world *w = world_new();
	uint8_t buf[64];
	int sock, fd;

	(void)state;
	w->connect_ret = -EACCES;
	sock = client_new(w);
	assert_int_equal(w->refused, 1);
	assert_int_equal(w->disconnected, 0);
	assert_string_equal(w->reason, "not now");
	assert_null(vfu_sock_conn(w->sock));
	assert_int_equal(client_recv(sock, buf, sizeof(buf), &fd), 0);
	close(sock);
	w->connect_ret = 0;
	close(client_ready(w));
	world_free(w);
}

static void refused_version_is_answered_before_the_end(void **state)
{
	struct world *w = world_new();
	uint16_t version[2] = {0, 0};
	struct vfu_header hdr;
	int sock, fd;

	(void)state;
	w->mock.version_ret = -EACCES;
	sock = client_new(w);
	client_send(w, sock, VFU_CMD_VERSION, version, sizeof(version), 0);
	rounds(w, 3);
	assert_int_equal(client_recv(sock, &hdr, sizeof(hdr), &fd), 16);
	assert_int_equal(hdr.error, EACCES);
	assert_int_equal(client_recv(sock, &hdr, sizeof(hdr), &fd), 0);
	assert_int_equal(w->disconnected, 1);
	assert_string_equal(w->reason, "VERSION is refused: the mock says no");
	close(sock);
	world_free(w);
}

static void nonsense_is_answered_by_the_end(void **state)
{
	struct world *w = world_new();
	struct vfu_header hdr = {.msg_size = 3};
	int sock = client_ready(w);

	(void)state;
	send_fds(sock, &hdr, sizeof(hdr), &w->mock.mmap_fd, 1);
	rounds(w, 3);
	assert_int_equal(w->disconnected, 1);
	assert_non_null(strstr(w->reason, "a message of 3 bytes"));
	close(sock);
	world_free(w);
}

static void reply_and_its_fd_come_in_one_piece(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_region_info info = {.argsz = 64};
	int sock = client_ready(w), fd;
	struct stat ours, theirs;
	uint8_t buf[256];

	(void)state;
	client_send(w, sock, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0);
	rounds(w, 2);
	assert_int_equal(client_recv(sock, buf, sizeof(buf), &fd), 80);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &theirs), 0);
	assert_int_equal(fstat(w->mock.mmap_fd, &ours), 0);
	assert_int_equal(ours.st_ino, theirs.st_ino);
	close(fd);
	close(sock);
	world_free(w);
}

/* The kernel's own word on where a recvmsg ends: all messages are in the socket before it is
 * read. */
static void pipelined_fds_find_their_messages(void **state)
{
	static const unsigned nfds[] = {0, 1, 0, 0, 1, 1, 0, 1, 0};
	struct world *w = world_new();
	int sock = client_ready(w);
	char want[1024] = "";

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(nfds); i++) {
		struct vfu_msg_dma_map map = {32, 3, 0, 0x1000 * (i + 1), 0x1000};
		size_t at = strlen(want);

		client_send(w, sock, VFU_CMD_DMA_MAP, &map, sizeof(map), nfds[i]);
		snprintf(want + at, sizeof(want) - at, "map %#x+0x1000@0 prot 3 %s\n",
			 0x1000 * (i + 1), nfds[i] ? "fd" : "-");
	}
	rounds(w, 10);
	assert_string_equal(w->mock.log, want);
	close(sock);
	world_free(w);
}

static void large_write_with_an_fd_behind_it(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, 100000};
	struct vfu_msg_dma_map map = {32, 3, 0, 0x1000, 0x1000};
	uint8_t *buf = calloc(1, 100032 + 64);
	int sock = client_ready(w);
	size_t len;

	(void)state;
	assert_non_null(buf);
	memcpy(buf + 16, &access, sizeof(access));
	msg_put(buf, 1, VFU_CMD_REGION_WRITE, 0, NULL, 0);
	put_le32(buf + 4, 100032);
	send_fds(sock, buf, 100032, NULL, 0);
	len = msg_put(buf, 2, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	send_fds(sock, buf, len, &w->mock.mmap_fd, 1);
	rounds(w, 10);
	assert_string_equal(w->mock.log, "write 3 0 100000\nmap 0x1000+0x1000@0 prot 3 fd\n");
	free(buf);
	close(sock);
	world_free(w);
}

static void byte_by_byte(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_dma_map map = {32, 3, 0, 0x1000, 0x1000};
	int sock = client_ready(w);
	uint8_t buf[64];
	size_t len = msg_put(buf, 1, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));

	(void)state;
	for (size_t i = 0; i < len; i++) {
		assert_string_equal(w->mock.log, "");
		send_fds(sock, buf + i, 1, &w->mock.mmap_fd, i == 0);
		rounds(w, 1);
	}
	rounds(w, 1);
	assert_string_equal(w->mock.log, "map 0x1000+0x1000@0 prot 3 fd\n");
	close(sock);
	world_free(w);
}

static void a_message_with_253_fds_does_no_harm(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w), fd;
	struct vfu_header hdr;

	(void)state;
	client_send(w, sock, VFU_CMD_DEVICE_RESET, NULL, 0, 253);
	rounds(w, 3);
	assert_int_equal(client_recv(sock, &hdr, sizeof(hdr), &fd), 16);
	assert_int_equal(hdr.flags, VFU_F_TYPE_REPLY);
	assert_int_equal(w->disconnected, 0);
	close(sock);
	world_free(w);
}

static void one_client_cannot_hold_the_loop(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);
	uint8_t buf[500 * 16];
	size_t len = 0;
	unsigned before = 0, n = 0;

	(void)state;
	for (unsigned i = 0; i < 500; i++)
		len += msg_put(buf + len, 1, VFU_CMD_DEVICE_RESET, VFU_F_NO_REPLY, NULL, 0);
	send_fds(sock, buf, len, NULL, 0);
	while (before < 500) {
		unsigned now;

		rounds(w, 1);
		now = lines(w->mock.log);
		assert_true(now - before <= 64);
		before = now;
		assert_true(++n < 50);
	}
	assert_int_equal(before, 500);
	assert_true(n >= 8);
	/* And it goes on as before. */
	client_send(w, sock, VFU_CMD_DEVICE_RESET, NULL, 0, 0);
	rounds(w, 3);
	assert_int_equal(lines(w->mock.log), 501);
	close(sock);
	world_free(w);
}

static void be_slow(struct mock *mock)
{
	(void)mock;
	usleep(1000);
}

/* Resets and unmaps take long: others have their turn after each, not after sixty-four. */
static void slow_messages_make_a_short_turn(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);
	struct vfu_msg_region_access access = {0, 0, 4};
	uint8_t buf[20 * 64];
	size_t len = 0;
	unsigned before = 0, n = 0;

	(void)state;
	w->mock.on_access = be_slow;
	for (unsigned i = 0; i < 20; i++)
		len += msg_put(buf + len, 1, VFU_CMD_REGION_READ, VFU_F_NO_REPLY, &access,
			       sizeof(access));
	send_fds(sock, buf, len, NULL, 0);
	while (before < 20) {
		unsigned now;

		rounds(w, 1);
		now = lines(w->mock.log);
		assert_true(now - before <= 1);
		before = now;
		assert_true(++n < 50);
	}
	w->mock.on_access = NULL;
	close(sock);
	world_free(w);
}

static void client_may_die_while_messages_wait(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);
	uint8_t buf[200 * 16];
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		len += msg_put(buf + len, 1, VFU_CMD_DEVICE_RESET, VFU_F_NO_REPLY, NULL, 0);
	send_fds(sock, buf, len, NULL, 0);
	close(sock);
	rounds(w, 10);
	assert_int_equal(lines(w->mock.log), 200);
	assert_int_equal(w->disconnected, 1);
	world_free(w);
}

static void slow_reader_gets_every_byte(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, VFU_MAX_DATA};
	const size_t want = 2 * (size_t)(32 + VFU_MAX_DATA);
	uint8_t *buf = calloc(1, want);
	int sock = client_ready(w), fd;
	size_t got = 0;

	(void)state;
	assert_non_null(buf);
	for (unsigned i = 0; i < 2; i++)
		client_send(w, sock, VFU_CMD_REGION_READ, &access, sizeof(access), 0);
	rounds(w, 3);
	assert_true(vfu_conn_queued(vfu_sock_conn(w->sock)) > 0);
	while (got < want) {
		ssize_t n = client_recv(sock, buf + got, MIN(want - got, 10007u), &fd);

		if (n == -EAGAIN)
			rounds(w, 1);
		else
			assert_true(n > 0);
		got += n > 0 ? (size_t)n : 0;
	}
	assert_int_equal(get_le32(buf + 4), want / 2);
	assert_int_equal(get_le32(buf + want / 2 + 4), want / 2);
	assert_int_equal(buf[want - 1], 0x5a);
	assert_int_equal(vfu_conn_queued(vfu_sock_conn(w->sock)), 0);
	free(buf);
	close(sock);
	world_free(w);
}

static void client_that_never_reads_is_dropped(void **state)
{
	struct world *w = world_new();
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, VFU_MAX_DATA};
	int sock = client_ready(w);

	(void)state;
	for (unsigned i = 0; i < 8; i++)
		client_send(w, sock, VFU_CMD_REGION_READ, &access, sizeof(access), 0);
	rounds(w, 5);
	assert_int_equal(w->disconnected, 1);
	assert_non_null(strstr(w->reason, "does not read"));
	close(sock);
	world_free(w);
}

static void on_dma(void *arg, int err, const void *data, uint32_t len)
{
	struct world *w = arg;

	(void)data;
	(void)len;
	w->dma_done++;
	w->dma_err = err;
	assert_null(vfu_sock_conn(w->sock)); /* called when all is over */
}

static void requests_of_the_device_are_flushed(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w), fd;
	uint8_t buf[64];

	(void)state;
	assert_int_equal(vfu_conn_dma_read(vfu_sock_conn(w->sock), 0x1000, 8, on_dma, w), 0);
	vfu_sock_flush(w->sock);
	assert_int_equal(client_recv(sock, buf, sizeof(buf), &fd), 32);
	/* The client goes away with the answer. */
	close(sock);
	rounds(w, 3);
	assert_int_equal(w->disconnected, 1);
	assert_int_equal(w->dma_done, 1);
	assert_int_equal(w->dma_err, -ECANCELED);
	vfu_sock_flush(w->sock); /* nobody there */
	world_free(w);
}

static void flush_to_a_dead_client_does_not_drop_at_once(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);

	(void)state;
	close(sock);
	assert_int_equal(vfu_conn_dma_read(vfu_sock_conn(w->sock), 0x1000, 8, on_dma, w), 0);
	vfu_sock_flush(w->sock);
	assert_int_equal(w->disconnected, 0);
	assert_non_null(vfu_sock_conn(w->sock));
	rounds(w, 2);
	assert_int_equal(w->disconnected, 1);
	assert_string_equal(w->reason, "client closed the connection");
	world_free(w);
}

static void drop_within(struct mock *mock)
{
	struct world *w = world_of(mock);

	vfu_sock_drop(w->sock, "the device has had enough");
	vfu_sock_drop(w->sock, "the first reason stays");
	assert_int_equal(w->disconnected, 0);
	assert_non_null(vfu_sock_conn(w->sock));
}

static void drop_takes_effect_after_the_callback(void **state)
{
	struct vfu_msg_region_access access = {0, 0, 4};
	struct world *w = world_new();
	int sock = client_ready(w), fd;
	uint8_t buf[64];

	(void)state;
	w->mock.on_access = drop_within;
	client_send(w, sock, VFU_CMD_REGION_READ, &access, sizeof(access), 0);
	rounds(w, 2);
	assert_int_equal(w->disconnected, 1);
	assert_string_equal(w->reason, "the device has had enough");
	assert_int_equal(client_recv(sock, buf, sizeof(buf), &fd), 0);
	close(sock);
	/* From outside: in the next round. */
	w->mock.on_access = NULL;
	sock = client_ready(w);
	vfu_sock_drop(w->sock, "from outside");
	assert_int_equal(w->disconnected, 1);
	rounds(w, 2);
	assert_int_equal(w->disconnected, 2);
	assert_string_equal(w->reason, "from outside");
	vfu_sock_drop(w->sock, "nobody there");
	close(sock);
	world_free(w);
}

static void free_tells_the_device(void **state)
{
	struct world *w = world_new();
	int sock = client_ready(w);
	unsigned before = w->fds_before;
	struct mock mock;

	(void)state;
	vfu_sock_free(w->sock);
	assert_int_equal(w->disconnected, 1);
	assert_string_equal(w->reason, "the socket is closed");
	loop_free(w->loop);
	mock = w->mock;
	mock_done(&mock);
	rmdir(w->dir);
	free(w);
	close(sock);
	assert_int_equal(count_fds(), before);
}

/* Leaves room for extra more descriptors. */
static struct rlimit limit_fds(unsigned extra)
{
	struct rlimit old, now;
	int next = open("/dev/null", O_RDONLY);

	assert_true(next >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	now = old;
	now.rlim_cur = (rlim_t)next + extra;
	close(next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
	return old;
}

static void lost_fds_end_the_connection(void **state)
{
	struct vfu_msg_dma_map map = {32, 3, 0, 0x1000, 0x1000};
	struct world *w = world_new();
	int sock = client_ready(w);
	struct rlimit old;

	(void)state;
	client_send(w, sock, VFU_CMD_DMA_MAP, &map, sizeof(map), 1);
	old = limit_fds(0);
	rounds(w, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_int_equal(w->disconnected, 1);
	assert_non_null(strstr(w->reason, "lost"));
	assert_string_equal(w->mock.log, "");
	close(sock);
	world_free(w);
}

static void lack_of_descriptors_only_delays_accept(void **state)
{
	struct world *w = world_new();
	int sock = fd_unix_connect(w->path);
	struct rlimit old = limit_fds(0);

	(void)state;
	rounds(w, 3);
	assert_int_equal(w->connected, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	/* The loop waits for the timer, instead of spinning on the pending knock. */
	for (unsigned i = 0; i < 4 && !w->connected; i++)
		assert_int_equal(loop_once(w->loop, 1000), 0);
	assert_int_equal(w->connected, 1);
	close(sock);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(socket_file_is_private),
		cmocka_unit_test(client_attaches_and_leaves_and_the_next_one_comes),
		cmocka_unit_test(death_in_the_middle_of_a_message),
		cmocka_unit_test(what_was_sent_before_the_end_is_executed),
		cmocka_unit_test(second_client_is_turned_away),
		cmocka_unit_test(device_may_refuse_a_client),
		cmocka_unit_test(refused_version_is_answered_before_the_end),
		cmocka_unit_test(nonsense_is_answered_by_the_end),
		cmocka_unit_test(reply_and_its_fd_come_in_one_piece),
		cmocka_unit_test(pipelined_fds_find_their_messages),
		cmocka_unit_test(large_write_with_an_fd_behind_it),
		cmocka_unit_test(byte_by_byte),
		cmocka_unit_test(a_message_with_253_fds_does_no_harm),
		cmocka_unit_test(one_client_cannot_hold_the_loop),
		cmocka_unit_test(slow_messages_make_a_short_turn),
		cmocka_unit_test(client_may_die_while_messages_wait),
		cmocka_unit_test(slow_reader_gets_every_byte),
		cmocka_unit_test(client_that_never_reads_is_dropped),
		cmocka_unit_test(requests_of_the_device_are_flushed),
		cmocka_unit_test(flush_to_a_dead_client_does_not_drop_at_once),
		cmocka_unit_test(drop_takes_effect_after_the_callback),
		cmocka_unit_test(free_tells_the_device),
		cmocka_unit_test(lost_fds_end_the_connection),
		cmocka_unit_test(lack_of_descriptors_only_delays_accept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
