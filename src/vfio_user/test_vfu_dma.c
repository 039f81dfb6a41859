/* SPDX-License-Identifier: BSD-3-Clause */
/* DMA_READ and DMA_WRITE towards the client: replies good, odd, late, missing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "vfu_mock.h"

struct done {
	unsigned calls;
	int err;
	uint32_t len;
	bool has_data;
	uint8_t data[64];
	struct vfu_conn *again; /* asked for more from within the callback */
	int again_ret;
};

static void on_done(void *arg, int err, const void *data, uint32_t len)
{
	struct done *done = arg;

	done->calls++;
	done->err = err;
	done->len = len;
	done->has_data = data;
	if (data)
		memcpy(done->data, data, MIN(len, sizeof(done->data)));
	if (done->again) {
		struct vfu_conn *conn = done->again;

		done->again = NULL;
		done->again_ret = vfu_conn_dma_read(conn, 0x9000, 4, on_done, done);
	}
}

/* Answers the request in got. */
static int answer(struct rig *rig, const struct got *got, uint32_t flags, uint32_t error,
		  const void *payload, size_t len)
{
	uint8_t buf[256];
	size_t n = msg_put(buf, got->hdr.msg_id, got->hdr.command, VFU_F_TYPE_REPLY | flags,
			   payload, len);

	put_le32(buf + offsetof(struct vfu_header, error), error);
	return vfu_conn_input(rig->conn, buf, n, NULL, 0, 64);
}

struct read_reply {
	struct vfu_msg_dma_access access;
	uint8_t data[8];
};

static const struct read_reply good = {{0x1000, 8}, {8, 7, 6, 5, 4, 3, 2, 1}};

static void ask(struct rig *rig, struct done *done, struct got *ret_got)
{
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0x1000, 8, on_done, done), 0);
	assert_true(rig_recv(rig, ret_got));
}

static void read_brings_data(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {0};
	struct got got;

	(void)state;
	ask(rig, &done, &got);
	assert_int_equal(got.hdr.command, VFU_CMD_DMA_READ);
	assert_int_equal(got.hdr.flags, VFU_F_TYPE_COMMAND);
	assert_int_equal(got.len, 16);
	assert_memory_equal(got.payload, &good.access, 16);
	assert_int_equal(answer(rig, &got, 0, 0, &good, sizeof(good)), 0);
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.err, 0);
	assert_int_equal(done.len, 8);
	assert_memory_equal(done.data, good.data, 8);
	rig_free(rig);
}

static void write_reply_with_and_without_payload(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {0};
	struct got got;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(
			vfu_conn_dma_write(rig->conn, 0x1000, good.data, 8, on_done, &done), 0);
		assert_true(rig_recv(rig, &got));
		assert_int_equal(got.hdr.command, VFU_CMD_DMA_WRITE);
		assert_int_equal(got.len, sizeof(good));
		assert_memory_equal(got.payload, &good, sizeof(good));
		assert_int_equal(answer(rig, &got, 0, 0, &good, i ? 16 : 0), 0);
		assert_int_equal(done.calls, i + 1);
		assert_int_equal(done.err, 0);
		assert_false(done.has_data);
	}
	rig_free(rig);
}

static void error_replies_become_errno(void **state)
{
	static const struct {
		uint32_t error;
		int err;
	} cases[] = {{ENODEV, -ENODEV},
		     {EFAULT, -EFAULT},
		     {0, -EIO},
		     {4096, -EIO},
		     {0x80000000, -EIO}};
	struct rig *rig = rig_ready();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct done done = {0};
		struct got got;

		ask(rig, &done, &got);
		assert_int_equal(answer(rig, &got, VFU_F_ERROR, cases[i].error, NULL, 0), 0);
		assert_int_equal(done.calls, 1);
		assert_int_equal(done.err, cases[i].err);
		assert_false(done.has_data);
	}
	rig_free(rig);
}

static void odd_replies_are_eio(void **state)
{
	struct rig *rig = rig_ready();
	struct read_reply odd[4] = {good, good, good, good};
	size_t lens[4] = {sizeof(good) - 1, 16, sizeof(good), sizeof(good)};
	struct done done = {0};
	struct got got;

	(void)state;
	odd[2].access.addr++;
	odd[3].access.count--;
	for (unsigned i = 0; i < 4; i++) {
		done = (struct done){0};
		ask(rig, &done, &got);
		assert_int_equal(answer(rig, &got, 0, 0, &odd[i], lens[i]), 0);
		assert_int_equal(done.calls, 1);
		assert_int_equal(done.err, -EIO);
	}
	/* Empty replies pass for writes only. */
	done = (struct done){0};
	ask(rig, &done, &got);
	assert_int_equal(answer(rig, &got, 0, 0, NULL, 0), 0);
	assert_int_equal(done.err, -EIO);
	rig_free(rig);
}

static void replies_come_in_any_order(void **state)
{
	struct rig *rig = rig_ready();
	struct done done[2] = {0};
	struct got got[2];

	(void)state;
	ask(rig, &done[0], &got[0]);
	ask(rig, &done[1], &got[1]);
	assert_int_not_equal(got[0].hdr.msg_id, got[1].hdr.msg_id);
	assert_int_equal(answer(rig, &got[1], 0, 0, &good, sizeof(good)), 0);
	assert_int_equal(done[0].calls, 0);
	assert_int_equal(done[1].calls, 1);
	assert_int_equal(answer(rig, &got[0], 0, 0, &good, sizeof(good)), 0);
	assert_int_equal(done[0].calls, 1);
	rig_free(rig);
}

static void second_reply_ends_the_connection(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {0};
	struct got got;

	(void)state;
	ask(rig, &done, &got);
	assert_int_equal(answer(rig, &got, 0, 0, &good, sizeof(good)), 0);
	/* Even when the slot is in use again. */
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0x1000, 8, on_done, &done), 0);
	assert_int_equal(answer(rig, &got, 0, 0, &good, sizeof(good)), -EPROTO);
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "never sent"));
	assert_int_equal(done.calls, 1);
	rig_free(rig);
}

static void reply_of_another_command_ends_the_connection(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {0};
	struct got got;

	(void)state;
	ask(rig, &done, &got);
	got.hdr.command = VFU_CMD_DMA_WRITE;
	assert_int_equal(answer(rig, &got, 0, 0, NULL, 0), -EPROTO);
	assert_int_equal(done.calls, 0);
	vfu_conn_free(rig->conn);
	rig->conn = NULL;
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.err, -ECANCELED);
	rig_free(rig);
}

static void callback_may_ask_again(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {.again = rig->conn, .again_ret = 1};
	struct got got;

	(void)state;
	ask(rig, &done, &got);
	assert_int_equal(answer(rig, &got, 0, 0, &good, sizeof(good)), 0);
	assert_int_equal(done.again_ret, 0);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(get_le64(got.payload), 0x9000);
	rig_free(rig);
}

static void free_cancels_and_takes_no_more(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {.again = rig->conn};
	struct got got;

	(void)state;
	ask(rig, &done, &got);
	vfu_conn_free(rig->conn);
	rig->conn = NULL;
	assert_int_equal(done.calls, 1);
	assert_int_equal(done.err, -ECANCELED);
	assert_int_equal(done.again_ret, -ENOTCONN);
	rig_free(rig);
}

static void open_requests_are_bounded(void **state)
{
	struct rig *rig = rig_ready();
	struct done done = {0};
	unsigned n = 0;

	(void)state;
	while (vfu_conn_dma_read(rig->conn, 0, 4, on_done, &done) == 0)
		n++;
	assert_int_equal(n, 64);
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0, 4, on_done, &done), -EAGAIN);
	vfu_conn_free(rig->conn);
	rig->conn = NULL;
	assert_int_equal(done.calls, 64);
	rig_free(rig);
}

static void output_of_requests_is_bounded(void **state)
{
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, 4};
	struct rig *rig = rig_ready();
	uint8_t *data = calloc(1, VFU_MAX_DATA);
	struct done done = {0};

	(void)state;
	assert_non_null(data);
	assert_int_equal(vfu_conn_dma_write(rig->conn, 0, data, VFU_MAX_DATA, on_done, &done),
			 0);
	assert_int_equal(vfu_conn_dma_write(rig->conn, 0, data, VFU_MAX_DATA, on_done, &done),
			 -EAGAIN);
	/* Replies still have room: our requests never cost a client its connection. */
	assert_int_equal(rig_send(rig, VFU_CMD_REGION_READ, 0, &access, sizeof(access), 0), 0);
	free(data);
	rig_free(rig);
}

static void limits_of_the_client_hold(void **state)
{
	static const struct {
		uint16_t version[2];
		char json[64];
	} version = {{0, 0}, "{\"capabilities\":{\"max_data_xfer_size\":64}}"};
	struct rig *rig = rig_new();
	struct done done = {0};
	uint8_t data[65] = {0};
	struct got got;

	(void)state;
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0, 4, on_done, &done), -ENOTCONN);
	expect_ok(rig, VFU_CMD_VERSION, &version, 4 + strlen(version.json) + 1, 0, &got);
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0, 65, on_done, &done), -E2BIG);
	assert_int_equal(vfu_conn_dma_write(rig->conn, 0, data, 65, on_done, &done), -E2BIG);
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0, 0, on_done, &done), -EINVAL);
	assert_int_equal(vfu_conn_dma_read(rig->conn, 0, 64, on_done, &done), 0);
	assert_int_equal(done.calls, 0);
	rig_free(rig);
}

static void ask_in_access(struct mock *mock)
{
	struct rig *rig = container_of(mock, struct rig, mock);

	assert_int_equal(
		vfu_conn_dma_write(rig->conn, 0x1000, good.data, 8, on_done, mock->arg), 0);
}

static void request_within_an_access_goes_before_its_reply(void **state)
{
	struct vfu_msg_region_access access = {0, 0, 8};
	struct rig *rig = rig_ready();
	struct done done = {0};
	struct got got;

	(void)state;
	rig->mock.on_access = ask_in_access;
	rig->mock.arg = &done;
	memcpy(rig->mock.bar0, good.data, 8);
	assert_int_equal(rig_send(rig, VFU_CMD_REGION_READ, 0, &access, sizeof(access), 0), 0);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(got.hdr.command, VFU_CMD_DMA_WRITE);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(got.hdr.command, VFU_CMD_REGION_READ);
	assert_memory_equal(got.payload + 16, good.data, 8);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read_brings_data),
		cmocka_unit_test(write_reply_with_and_without_payload),
		cmocka_unit_test(error_replies_become_errno),
		cmocka_unit_test(odd_replies_are_eio),
		cmocka_unit_test(replies_come_in_any_order),
		cmocka_unit_test(second_reply_ends_the_connection),
		cmocka_unit_test(reply_of_another_command_ends_the_connection),
		cmocka_unit_test(callback_may_ask_again),
		cmocka_unit_test(free_cancels_and_takes_no_more),
		cmocka_unit_test(open_requests_are_bounded),
		cmocka_unit_test(output_of_requests_is_bounded),
		cmocka_unit_test(limits_of_the_client_hold),
		cmocka_unit_test(request_within_an_access_goes_before_its_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
