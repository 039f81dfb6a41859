/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The client against our own server in a thread, and against servers that misbehave: those are
 * a socketpair in which the answers lie ready before they are asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"
#include "vfu_client.h"
#include "vfu_mock.h"
#include "vfu_sock.h"
#include "vfu_version.h"

/* The mock is the thread's while it runs: tests look at it after server_stop. */
struct server {
	struct mock mock;
	struct loop *loop;
	struct vfu_sock *sock;
	struct loop_fd *stop_source;
	int stop_fd;
	pthread_t thread;
	char dir[64], path[96];
	unsigned fds_before;
	unsigned dma_done;
	int dma_err[4];
	uint8_t dma_data[16];
};

static int on_connected(void *dev, pid_t pid, uid_t uid, const char **why)
{
	(void)dev;
	(void)pid;
	(void)uid;
	(void)why;
	return 0;
}

static void on_disconnected(void *dev, const char *reason)
{
	(void)dev;
	(void)reason;
}

static void on_refused(void *dev, pid_t pid, uid_t uid, const char *reason)
{
	(void)dev;
	(void)pid;
	(void)uid;
	(void)reason;
}

static const struct vfu_sock_events events = {on_connected, on_disconnected, on_refused};

static void on_stop(void *arg, uint32_t what)
{
	struct server *server = arg;

	(void)what;
	loop_stop(server->loop);
}

static void *serve(void *arg)
{
	struct server *server = arg;

	loop_run(server->loop);
	return NULL;
}

static struct server *server_start(void (*prepare)(struct mock *mock))
{
	struct server *server = calloc(1, sizeof(*server));

	assert_non_null(server);
	server->fds_before = count_fds();
	mock_init(&server->mock);
	if (prepare)
		prepare(&server->mock);
	strcpy(server->dir, "/tmp/vfu_client.XXXXXX");
	assert_non_null(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/s", server->dir);
	assert_int_equal(loop_new(&server->loop), 0);
	assert_int_equal(vfu_sock_new(server->loop, server->path, &mock_ops, &events,
				      &server->mock, &server->sock),
			 0);
	server->stop_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(loop_add_fd(server->loop, server->stop_fd, EPOLLIN, on_stop, server,
				     &server->stop_source),
			 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	return server;
}

static void server_stop(struct server *server)
{
	assert_int_equal(eventfd_write(server->stop_fd, 1), 0);
	assert_int_equal(pthread_join(server->thread, NULL), 0);
}

static void server_free(struct server *server)
{
	vfu_sock_free(server->sock);
	loop_fd_del(server->stop_source);
	close(server->stop_fd);
	loop_free(server->loop);
	mock_done(&server->mock);
	assert_int_equal(rmdir(server->dir), 0);
	assert_int_equal(count_fds(), server->fds_before);
	free(server);
}

/* ---- with our server ---- */

static void connect_shows_the_token(void **state)
{
	static const char token[] = "6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001";
	struct server *server = server_start(NULL);
	struct vfu_client *client;

	(void)state;
	assert_int_equal(vfu_client_connect(server->path, token, &client), 0);
	vfu_client_close(client);
	server_stop(server);
	assert_string_equal(server->mock.caps.vf_token, token);
	assert_int_equal(server->mock.caps.max_msg_fds, 16);
	assert_false(server->mock.caps.write_multiple);
	server_free(server);
}

static void refuse_version(struct mock *mock)
{
	mock->version_ret = -EACCES;
}

static void connect_failures(void **state)
{
	struct server *server = server_start(refuse_version);
	struct vfu_client *client = (void *)1;

	(void)state;
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), -EACCES);
	assert_int_equal(vfu_client_connect("/nonexistent/s", NULL, &client), -ENOENT);
	assert_int_equal(vfu_client_connect(server->path,
					    "a token that is longer than any UUID is", &client),
			 -EINVAL);
	assert_ptr_equal(client, (void *)1);
	server_stop(server);
	server_free(server);
}

static void device_and_irqs(void **state)
{
	struct server *server = server_start(NULL);
	struct vfu_client *client;
	uint32_t flags, regions, irqs, count;

	(void)state;
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	assert_int_equal(vfu_client_device_info(client, &flags, &regions, &irqs), 0);
	assert_int_equal(flags, VFU_DEVICE_RESET | VFU_DEVICE_PCI);
	assert_int_equal(regions, 9);
	assert_int_equal(irqs, 5);
	assert_int_equal(vfu_client_irq_count(client, VFU_IRQ_INDEX_MSIX, &count), 0);
	assert_int_equal(count, MOCK_MSIX);
	count = 77;
	assert_int_equal(vfu_client_irq_count(client, 5, &count), -EINVAL);
	assert_int_equal(count, 77);
	assert_int_equal(vfu_client_reset(client), 0);
	vfu_client_close(client);
	server_stop(server);
	assert_string_equal(server->mock.log, "version 0.1\nreset\n");
	server_free(server);
}

static void regions(void **state)
{
	struct server *server = server_start(NULL);
	struct vfu_client_region region;
	struct vfu_client *client;

	(void)state;
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	assert_int_equal(vfu_client_region_info(client, 0, &region), 0);
	assert_int_equal(region.size, MOCK_BAR0_SIZE);
	assert_int_equal(region.offset, 0x10000);
	assert_int_equal(region.area_offset, 0x2000);
	assert_int_equal(region.area_size, 0x1000);
	assert_true(region.mmap_fd >= 0);
	close(region.mmap_fd);
	assert_int_equal(vfu_client_region_info(client, 1, &region), 0);
	assert_int_equal(region.area_offset, 0);
	assert_int_equal(region.area_size, MOCK_BAR1_SIZE);
	close(region.mmap_fd);
	assert_int_equal(vfu_client_region_info(client, 7, &region), 0);
	assert_int_equal(region.mmap_fd, -1);
	assert_int_equal(vfu_client_region_info(client, 9, &region), -EINVAL);
	vfu_client_close(client);
	server_stop(server);
	server_free(server);
}

static void reads_and_writes(void **state)
{
	struct server *server = server_start(NULL);
	struct vfu_client *client;
	uint8_t *big = malloc(VFU_MAX_DATA);
	uint32_t value = 0x12345678, got = 0;

	(void)state;
	assert_non_null(big);
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	assert_int_equal(vfu_client_write(client, 0, 0x10, &value, 4), 0);
	assert_int_equal(vfu_client_read(client, 0, 0x10, &got, 4), 0);
	assert_int_equal(got, value);
	value++;
	assert_int_equal(vfu_client_write_posted(client, 0, 0x10, &value, 4), 0);
	assert_int_equal(vfu_client_read(client, 0, 0x10, &got, 4), 0);
	assert_int_equal(got, value);
	assert_int_equal(vfu_client_read(client, 0, MOCK_BAR0_SIZE, &got, 4), -EINVAL);
	assert_int_equal(got, value);
	assert_int_equal(vfu_client_read(client, 3, 0, big, VFU_MAX_DATA), 0);
	assert_int_equal(big[VFU_MAX_DATA - 1], 0x5a);
	assert_int_equal(vfu_client_write(client, 3, 0, big, VFU_MAX_DATA), 0);
	assert_int_equal(vfu_client_read(client, 3, 0, big, VFU_MAX_DATA + 1), -E2BIG);
	assert_int_equal(vfu_client_write(client, 3, 0, big, VFU_MAX_DATA + 1), -E2BIG);
	vfu_client_close(client);
	free(big);
	server_stop(server);
	server_free(server);
}

static void maps_and_eventfds(void **state)
{
	struct server *server = server_start(NULL);
	struct vfu_client *client;
	int fd = fd_memfd("test", 0x4000), fds[MOCK_MSIX];

	(void)state;
	for (unsigned i = 0; i < MOCK_MSIX; i++)
		fds[i] = fd;
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	assert_int_equal(vfu_client_dma_map(client, 0x10000, 0x2000, 3, fd, 0x1000), 0);
	assert_int_equal(vfu_client_dma_map(client, 0x20000, 0x2000, 1, -1, 0), 0);
	assert_int_equal(vfu_client_dma_map(client, 0x20000, 0, 1, -1, 0), -EINVAL);
	assert_int_equal(vfu_client_dma_unmap(client, 0x10000, 0x2000), 0);
	/* More than fit in one message. */
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, MOCK_MSIX, fds),
			 0);
	assert_int_equal(
		vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, MOCK_MSIX, NULL), 0);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, MOCK_MSIX, 1, fds),
			 -EINVAL);
	vfu_client_close(client);
	close(fd);
	server_stop(server);
	assert_string_equal(
		server->mock.log,
		"version 0.1\n"
		"map 0x10000+0x2000@0x1000 prot 3 fd\n"
		"map 0x20000+0x2000@0 prot 1 -\n"
		"unmap 0x10000+0x2000\n"
		"irqs 2 0+16 data 4 action 0x20 fd fd fd fd fd fd fd fd fd fd fd fd fd fd"
		" fd fd\n"
		"irqs 2 16+4 data 4 action 0x20 fd fd fd fd\n"
		"irqs 2 0+20 data 4 action 0x20\n");
	server_free(server);
}

/* ---- the server's DMA ---- */

static uint8_t memory[64];

static void *mem_at(void *arg, uint64_t addr, uint64_t len, bool write)
{
	(void)write;
	assert_ptr_equal(arg, memory);
	return vfu_range_ok(addr, len, sizeof(memory)) ? memory + addr : NULL;
}

static void on_dma(void *arg, int err, const void *data, uint32_t len)
{
	struct server *server = arg;

	server->dma_err[server->dma_done++ % 4] = err;
	if (data)
		memcpy(server->dma_data, data, MIN(len, sizeof(server->dma_data)));
}

/* The device asks while a register access of the client waits for its answer. */
static void dma_in_access(struct mock *mock)
{
	struct server *server = container_of(mock, struct server, mock);
	struct vfu_conn *conn = vfu_sock_conn(server->sock);

	vfu_conn_dma_read(conn, 8, 8, on_dma, server);
	vfu_conn_dma_write(conn, 32, "written", 8, on_dma, server);
	vfu_conn_dma_read(conn, 60, 8, on_dma, server); /* not there */
}

static void want_dma(struct mock *mock)
{
	mock->on_access = dma_in_access;
}

static void dma_is_served_while_a_call_waits(void **state)
{
	struct server *server = server_start(want_dma);
	struct vfu_client *client;
	uint32_t value;

	(void)state;
	memset(memory, 0, sizeof(memory));
	memcpy(memory + 8, "to read", 8);
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	vfu_client_set_mem(client, mem_at, memory);
	assert_int_equal(vfu_client_read(client, 0, 0, &value, 4), 0);
	assert_string_equal((char *)memory + 32, "written");
	assert_int_equal(vfu_client_reset(client),
			 0); /* all answers are in when this returns */
	vfu_client_close(client);
	server_stop(server);
	assert_int_equal(server->dma_done, 3);
	assert_int_equal(server->dma_err[0], 0);
	assert_int_equal(server->dma_err[1], 0);
	assert_int_equal(server->dma_err[2], -EFAULT);
	assert_string_equal((char *)server->dma_data, "to read");
	server_free(server);
}

static void dma_is_served_by_poll(void **state)
{
	struct server *server = server_start(want_dma);
	struct vfu_client *client;
	uint32_t value = 1;

	(void)state;
	memset(memory, 0, sizeof(memory));
	assert_int_equal(vfu_client_connect(server->path, NULL, &client), 0);
	vfu_client_set_mem(client, mem_at, memory);
	assert_int_equal(vfu_client_poll(client, 0), 0); /* nothing there */
	assert_int_equal(vfu_client_write_posted(client, 0, 0, &value, 4), 0);
	while (!memory[32])
		assert_int_equal(vfu_client_poll(client, 5000), 0);
	assert_string_equal((char *)memory + 32, "written");
	assert_int_equal(vfu_client_reset(client), 0);
	vfu_client_close(client);
	server_stop(server);
	assert_int_equal(server->dma_done, 3);
	server_free(server);
}

/* ---- servers that misbehave ---- */

struct script {
	int server, client_fd;
	struct vfu_client *client;
	uint16_t id;
};

static void script_put(struct script *script, uint16_t id, uint16_t command, uint32_t flags,
		       const void *payload, size_t len)
{
	uint8_t buf[512];
	size_t n = msg_put(buf, id, command, flags, payload, len);

	assert_int_equal(write(script->server, buf, n), n);
}

/* A client that is connected: its next message has id 1. */
static struct script script_new_idle(const struct vfu_client_idle *idle)
{
	uint8_t version[VFU_VERSION_REPLY_MAX];
	struct script script = {.id = 1};
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	script.server = pair[0];
	script.client_fd = pair[1];
	script_put(&script, 0, VFU_CMD_VERSION, VFU_F_TYPE_REPLY, version,
		   vfu_version_encode_reply(version, sizeof(version), 0));
	assert_int_equal(vfu_client_attach(script.client_fd, NULL, idle, &script.client), 0);
	vfu_client_set_timeout(script.client, 20);
	return script;
}

static struct script script_new(void)
{
	return script_new_idle(NULL);
}

static void script_free(struct script *script)
{
	close(script->server);
	vfu_client_close(script->client);
}

/* After what broke it nothing works any more. */
static void assert_closed(struct vfu_client *client)
{
	assert_int_equal(vfu_client_fd(client), -1);
	assert_int_equal(vfu_client_reset(client), -ENOTCONN);
	assert_int_equal(vfu_client_poll(client, 0), -ENOTCONN);
}

static void attach_leaves_the_fd_when_it_fails(void **state)
{
	struct vfu_client *client = (void *)1;
	unsigned before = count_fds();
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(shutdown(pair[0], SHUT_WR), 0);
	assert_int_equal(vfu_client_attach(pair[1], NULL, NULL, &client), -ECONNRESET);
	assert_ptr_equal(client, (void *)1);
	assert_int_equal(close(pair[0]), 0);
	assert_int_equal(close(pair[1]), 0); /* still ours */
	assert_int_equal(vfu_client_attach(-1, NULL, NULL, &client), -EBADF);
	assert_int_equal(count_fds(), before);
	vfu_client_close(NULL);
}

static void count_one(void *arg)
{
	++*(unsigned *)arg;
}

/* Before it waits, and then again and again until it has an answer or the time is over. */
static void what_is_due_is_done_while_it_waits(void **state)
{
	unsigned times = 0;
	const struct vfu_client_idle idle = {count_one, &times, 1};
	struct script script = script_new_idle(&idle);

	(void)state;
	assert_int_equal(times, 0); /* the answer was there */
	assert_int_equal(vfu_client_reset(script.client), -ETIMEDOUT);
	assert_true(times >= 2);
	script_free(&script);
}

static void silence_times_out_and_closes(void **state)
{
	struct script script = script_new();

	(void)state;
	assert_int_equal(vfu_client_reset(script.client), -ETIMEDOUT);
	assert_closed(script.client);
	script_free(&script);
}

static void half_a_message_times_out_too(void **state)
{
	struct script script = script_new();
	uint8_t buf[32];

	(void)state;
	msg_put(buf, 1, VFU_CMD_DEVICE_RESET, VFU_F_TYPE_REPLY, NULL, 0);
	assert_int_equal(write(script.server, buf, 9), 9);
	assert_int_equal(vfu_client_reset(script.client), -ETIMEDOUT);
	assert_closed(script.client);
	script_free(&script);
}

static void end_of_file_is_connreset(void **state)
{
	struct script script = script_new();

	(void)state;
	shutdown(script.server, SHUT_WR);
	assert_int_equal(vfu_client_poll(script.client, 1000), -ECONNRESET);
	assert_closed(script.client);
	script_free(&script);
}

static void error_reply_keeps_the_connection(void **state)
{
	struct script script = script_new();
	struct vfu_header hdr = {1, VFU_CMD_DEVICE_RESET, 16, 0x21, ENODEV};

	(void)state;
	assert_int_equal(write(script.server, &hdr, 16), 16);
	hdr.error = 1 << 30;
	hdr.msg_id = 2;
	assert_int_equal(write(script.server, &hdr, 16), 16);
	assert_int_equal(vfu_client_reset(script.client), -ENODEV);
	assert_int_equal(vfu_client_reset(script.client), -EIO);
	assert_true(vfu_client_fd(script.client) >= 0);
	script_free(&script);
}

static void wrong_replies_close(void **state)
{
	static const struct vfu_header wrong[] = {
		{2, VFU_CMD_DEVICE_RESET, 16, 1, 0},	  /* id */
		{1, VFU_CMD_GET_INFO, 16, 1, 0},	  /* command */
		{1, VFU_CMD_DEVICE_RESET, 15, 1, 0},	  /* size */
		{1, VFU_CMD_DEVICE_RESET, 1 << 30, 1, 0}, /* size */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct script script = script_new();

		assert_int_equal(write(script.server, &wrong[i], 16), 16);
		assert_int_equal(vfu_client_reset(script.client), -EPROTO);
		assert_closed(script.client);
		script_free(&script);
	}
}

static void short_reply_closes(void **state)
{
	struct script script = script_new();
	uint32_t flags = 7, words[3] = {16};

	(void)state;
	script_put(&script, 1, VFU_CMD_GET_INFO, VFU_F_TYPE_REPLY, words, sizeof(words));
	assert_int_equal(vfu_client_device_info(script.client, &flags, &flags, &flags),
			 -EPROTO);
	assert_int_equal(flags, 7);
	assert_closed(script.client);
	script_free(&script);
}

static void odd_capabilities_are_refused(void **state)
{
	static const struct vfu_msg_region_info_full odd[] = {
		{{64, 8, 0, 40, 0x1000, 0}, {0}},			 /* beyond the end */
		{{64, 8, 0, UINT32_MAX, 0x1000, 0}, {0}},		 /* far beyond */
		{{64, 8, 0, 32, 0x1000, 0}, {7, 1, 32, 0, 0, 0, 0}},	 /* loop */
		{{64, 8, 0, 32, 0x1000, 0}, {1, 1, 0, 0, 0, 0, 0}},	 /* no area */
		{{64, 8, 0, 32, 0x1000, 0}, {1, 1, 0, 1, 0, 1, 0x1000}}, /* outside */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(odd); i++) {
		struct script script = script_new();
		struct vfu_client_region region = {.size = 99};
		size_t len = i ? sizeof(odd[i]) : 40;

		script_put(&script, 1, VFU_CMD_GET_REGION_INFO, VFU_F_TYPE_REPLY, &odd[i], len);
		assert_int_equal(vfu_client_region_info(script.client, 0, &region), -EPROTO);
		assert_int_equal(region.size, 99);
		script_free(&script);
	}
}

static void servers_nonsense_is_answered(void **state)
{
	struct script script = script_new();
	struct vfu_msg_dma_access access = {0, UINT64_MAX};
	struct vfu_header hdr;
	uint8_t drain[512];

	(void)state;
	assert_true(recv(script.server, drain, sizeof(drain), 0) > 16); /* its VERSION */
	vfu_client_set_mem(script.client, mem_at, memory);
	script_put(&script, 9, VFU_CMD_DMA_READ, 0, &access, sizeof(access));
	script_put(&script, 10, VFU_CMD_SET_IRQS, 0, &access, sizeof(access));
	assert_int_equal(vfu_client_poll(script.client, 1000), 0);
	for (uint16_t id = 9; id <= 10; id++) {
		assert_int_equal(read(script.server, &hdr, sizeof(hdr)), 16);
		assert_int_equal(hdr.msg_id, id);
		assert_int_equal(hdr.flags, 0x21);
		assert_int_equal(hdr.error, EINVAL);
	}
	/* A reply nobody waits for. */
	script_put(&script, 1, VFU_CMD_DEVICE_RESET, VFU_F_TYPE_REPLY, NULL, 0);
	assert_int_equal(vfu_client_poll(script.client, 1000), -EPROTO);
	assert_closed(script.client);
	script_free(&script);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect_shows_the_token),
		cmocka_unit_test(connect_failures),
		cmocka_unit_test(device_and_irqs),
		cmocka_unit_test(regions),
		cmocka_unit_test(reads_and_writes),
		cmocka_unit_test(maps_and_eventfds),
		cmocka_unit_test(dma_is_served_while_a_call_waits),
		cmocka_unit_test(dma_is_served_by_poll),
		cmocka_unit_test(attach_leaves_the_fd_when_it_fails),
		cmocka_unit_test(what_is_due_is_done_while_it_waits),
		cmocka_unit_test(silence_times_out_and_closes),
		cmocka_unit_test(half_a_message_times_out_too),
		cmocka_unit_test(end_of_file_is_connreset),
		cmocka_unit_test(error_reply_keeps_the_connection),
		cmocka_unit_test(wrong_replies_close),
		cmocka_unit_test(short_reply_closes),
		cmocka_unit_test(odd_capabilities_are_refused),
		cmocka_unit_test(servers_nonsense_is_answered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
