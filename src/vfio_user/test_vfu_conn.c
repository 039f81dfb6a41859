/* SPDX-License-Identifier: BSD-3-Clause */
/* Framing, negotiation, whose fds, output; sessions as QEMU, Cloud Hypervisor and SPDK hold
 * them. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "vfu_mock.h"

/* VERSION payloads. */
#define QEMU_JSON                                                                          \
	"{\"capabilities\": {\"migration\": {\"max_bitmap_size\": 268435456, \"pgsize\": " \
	"4096},"                                                                           \
	" \"pgsizes\": 4096, \"write_multiple\": true, \"max_dma_maps\": 65535,"           \
	" \"max_data_xfer_size\": 1048576, \"max_msg_fds\": 16}}"

struct version {
	uint16_t major, minor;
	char json[256];
};

static size_t version_len(const struct version *version)
{
	return 4 + (version->json[0] ? strlen(version->json) + 1 : 0);
}

static uint64_t inode_of(int fd)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return st.st_ino;
}

/* ---- negotiation ---- */

static void negotiate_accepts(void **state)
{
	static const struct version versions[] = {
		{0, 0, ""}, {0, 1, "{}"}, {0, 0, QEMU_JSON}, {0, 77, "{\"capabilities\":{}}"}};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct rig *rig = rig_new();
		uint16_t minor;
		struct got got;

		assert_null(vfu_conn_caps(rig->conn));
		expect_ok(rig, VFU_CMD_VERSION, &versions[i], version_len(&versions[i]), 0,
			  &got);
		assert_int_equal(get_le16(got.payload), 0);
		minor = get_le16(got.payload + 2);
		assert_int_equal(minor, MIN(versions[i].minor, VFU_MINOR));
		assert_int_equal(got.payload[got.len - 1], 0);
		assert_non_null(strstr((char *)got.payload + 4, "\"capabilities\""));
		/* QEMU's buffer for the reply is as long as what it sent. */
		assert_true(got.hdr.msg_size <= 190);
		assert_non_null(vfu_conn_caps(rig->conn));
		assert_int_equal(vfu_conn_caps(rig->conn)->minor, versions[i].minor);
		rig_free(rig);
	}
}

static void negotiate_tells_the_device(void **state)
{
	struct version version = {0, 0, QEMU_JSON};
	struct rig *rig = rig_new();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_VERSION, &version, version_len(&version), 0, &got);
	assert_true(rig->mock.caps.write_multiple);
	assert_true(rig->mock.caps.has_json);
	assert_int_equal(rig->mock.caps.max_msg_fds, 16);
	assert_string_equal(rig->mock.caps.vf_token, "");
	rig_free(rig);
}

static void negotiate_refuses(void **state)
{
	static const struct {
		struct version version;
		size_t len; /* 0 = what belongs to the text */
		const char *reason;
	} bad[] = {
		{{0, 0, ""}, 3, "shorter than 4"},
		{{0, 0, "{}"}, 6, "NUL"},
		{{1, 0, ""}, 0, "major"},
		{{0, 0, "{"}, 0, "does not parse"},
		{{0, 0, "{\"capabilities\":5}"}, 0, "capabilities is not an object"},
		{{0, 0, "{\"capabilities\":{\"max_msg_fds\":\"x\"}}"}, 0, "max_msg_fds"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct rig *rig = rig_new();

		expect_over(rig, VFU_CMD_VERSION, &bad[i].version,
			    bad[i].len ? bad[i].len : version_len(&bad[i].version),
			    bad[i].reason);
		assert_string_equal(rig->mock.log, "");
		assert_null(vfu_conn_caps(rig->conn));
		rig_free(rig);
	}
}

static void negotiate_needs_version_first(void **state)
{
	struct rig *rig = rig_new();
	uint32_t words[8] = {32};

	(void)state;
	expect_over(rig, VFU_CMD_GET_INFO, words, 16, "the first command is 4, not VERSION");
	rig_free(rig);
}

static void negotiate_only_once(void **state)
{
	struct rig *rig = rig_ready();
	uint16_t version[2] = {0, 0};

	(void)state;
	expect_over(rig, VFU_CMD_VERSION, version, sizeof(version), "second VERSION");
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void negotiate_device_may_refuse(void **state)
{
	struct rig *rig = rig_new();
	uint16_t version[2] = {0, 0};
	struct got got;

	(void)state;
	rig->mock.version_ret = -EACCES;
	assert_int_equal(rig_send(rig, VFU_CMD_VERSION, 0, version, 4, 0), -EPROTO);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(got.hdr.flags, 0x21);
	assert_int_equal(got.hdr.error, EACCES);
	assert_string_equal(vfu_conn_reason(rig->conn), "VERSION is refused: the mock says no");
	rig_free(rig);
}

static void negotiate_large_message_gets_no_buffer(void **state)
{
	struct rig *rig = rig_new();
	struct vfu_header hdr = {.command = VFU_CMD_VERSION, .msg_size = VFU_MAX_MSG};

	(void)state;
	assert_int_equal(vfu_conn_input(rig->conn, &hdr, sizeof(hdr), NULL, 0, 64), -EPROTO);
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "sizes from 16 to 8192"));
	rig_free(rig);
}

/* ---- framing ---- */

static void bad_sizes_end_the_connection(void **state)
{
	static const uint32_t sizes[] = {0, 15, VFU_MAX_MSG + 1, UINT32_MAX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct rig *rig = rig_ready();
		struct vfu_header hdr = {.msg_id = 3, .command = 4, .msg_size = sizes[i]};
		int fd = open_null();
		struct got got;

		assert_int_equal(vfu_conn_input(rig->conn, &hdr, sizeof(hdr), &fd, 1, 64),
				 -EPROTO);
		assert_non_null(strstr(vfu_conn_reason(rig->conn), "sizes from 16"));
		assert_true(rig_recv(rig, &got));
		assert_int_equal(got.hdr.msg_id, 3);
		assert_int_equal(got.hdr.error, EINVAL);
		rig_free(rig);
	}
}

static void unsolicited_reply_ends_the_connection(void **state)
{
	struct rig *rig = rig_ready();

	(void)state;
	assert_int_equal(rig_send(rig, VFU_CMD_DMA_READ, VFU_F_TYPE_REPLY, NULL, 0, 1),
			 -EPROTO);
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "never sent"));
	assert_int_equal(vfu_conn_queued(rig->conn), 0);
	rig_free(rig);
}

static void unknown_commands_and_types(void **state)
{
	static const uint16_t unknown[] = {
		0,     VFU_CMD_DMA_READ, VFU_CMD_DMA_WRITE, VFU_CMD_DIRTY_PAGES, VFU_CMD_NUM,
		0xffff};
	static const uint16_t unsupported[] = {VFU_CMD_REGION_WRITE_MULTI,
					       VFU_CMD_MIG_DATA_READ, VFU_CMD_MIG_DATA_WRITE};
	struct rig *rig = rig_ready();
	uint64_t words[8] = {0};
	struct got got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
		expect_error(rig, unknown[i], words, sizeof(words), 1, EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(unsupported); i++)
		expect_error(rig, unsupported[i], words, sizeof(words), 0, ENOTSUP);
	/* A type that is neither command nor reply. */
	assert_int_equal(rig_send(rig, VFU_CMD_GET_INFO, 5, words, 16, 0), 0);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(got.hdr.error, EINVAL);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void every_command_wants_its_payload(void **state)
{
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	for (uint16_t command = VFU_CMD_DMA_MAP; command <= VFU_CMD_REGION_WRITE; command++)
		expect_error(rig, command, NULL, 0, 0, EINVAL);
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, NULL, 0, 0, EINVAL);
	expect_ok(rig, VFU_CMD_DEVICE_RESET, NULL, 0, 0, &got);
	assert_int_equal(got.len, 0);
	assert_string_equal(rig->mock.log, "reset\n");
	rig_free(rig);
}

static void ids_and_type_are_echoed(void **state)
{
	struct rig *rig = rig_ready();
	uint32_t words[4] = {16};
	uint8_t buf[64];
	struct got got;

	(void)state;
	/* SPDK sends always 0. */
	for (unsigned i = 0; i < 2; i++) {
		size_t len = msg_put(buf, 0, VFU_CMD_GET_INFO, 0, words, 16);

		assert_int_equal(vfu_conn_input(rig->conn, buf, len, NULL, 0, 64), 0);
		assert_true(rig_recv(rig, &got));
		assert_int_equal(got.hdr.msg_id, 0);
	}
	rig_free(rig);
}

static void no_reply_is_honoured_by_all(void **state)
{
	struct rig *rig = rig_ready();
	uint32_t words[16] = {64};

	(void)state;
	/* Good ones, bad ones, unknown ones. */
	for (uint16_t command = VFU_CMD_DMA_MAP; command <= VFU_CMD_NUM + 1; command++) {
		assert_int_equal(
			rig_send(rig, command, VFU_F_NO_REPLY, words, sizeof(words), 1), 0);
		assert_int_equal(rig_send(rig, command, VFU_F_NO_REPLY, NULL, 0, 0), 0);
		assert_int_equal(vfu_conn_queued(rig->conn), 0);
	}
	assert_non_null(strstr(rig->mock.log, "reset\n"));
	/* VERSION too, though this ends it. */
	assert_int_equal(rig_send(rig, VFU_CMD_VERSION, VFU_F_NO_REPLY, words, 4, 0), -EPROTO);
	assert_int_equal(vfu_conn_queued(rig->conn), 0);
	rig_free(rig);
}

static void budget_bounds_a_round(void **state)
{
	struct rig *rig = rig_ready();
	uint8_t buf[5 * 16];
	size_t len = 0;

	(void)state;
	for (uint16_t i = 0; i < 5; i++)
		len += msg_put(buf + len, i, VFU_CMD_DEVICE_RESET, 0, NULL, 0);
	assert_int_equal(vfu_conn_input(rig->conn, buf, len, NULL, 0, 2), 1);
	assert_string_equal(rig->mock.log, "reset\nreset\n");
	assert_int_equal(vfu_conn_input(rig->conn, NULL, 0, NULL, 0, 2), 1);
	assert_int_equal(vfu_conn_input(rig->conn, NULL, 0, NULL, 0, 2), 0);
	assert_string_equal(rig->mock.log, "reset\nreset\nreset\nreset\nreset\n");
	assert_int_equal(vfu_conn_input(rig->conn, NULL, 0, NULL, 0, 2), 0);
	assert_int_equal(vfu_conn_queued(rig->conn), 5 * 16);
	rig_free(rig);
}

static void budget_zero_and_bad_size_behind(void **state)
{
	struct rig *rig = rig_ready();
	uint8_t buf[32] = {0};

	(void)state;
	msg_put(buf, 1, VFU_CMD_DEVICE_RESET, 0, NULL, 0);
	assert_int_equal(vfu_conn_input(rig->conn, buf, sizeof(buf), NULL, 0, 0), 1);
	assert_string_equal(rig->mock.log, "");
	/* What is whole is done before the nonsense behind it is looked at. */
	assert_int_equal(vfu_conn_input(rig->conn, NULL, 0, NULL, 0, 64), -EPROTO);
	assert_string_equal(rig->mock.log, "reset\n");
	rig_free(rig);
}

static void large_writes_pass_and_input_is_bounded(void **state)
{
	struct rig *rig = rig_ready();
	size_t len = 16 + VFU_MAX_DATA;
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, VFU_MAX_DATA};
	uint8_t *buf = calloc(1, 3 * VFU_MAX_MSG);
	struct got got;

	(void)state;
	assert_non_null(buf);
	memcpy(buf, &access, sizeof(access));
	expect_ok(rig, VFU_CMD_REGION_WRITE, buf, len, 0, &got);
	assert_string_equal(rig->mock.log, "write 3 0 1048576\n");
	/* More than two messages' worth at once is the caller's or the client's fault. */
	assert_int_equal(vfu_conn_input(rig->conn, buf, 3 * VFU_MAX_MSG, NULL, 0, 1), -EPROTO);
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "too much input"));
	free(buf);
	rig_free(rig);
}

/* ---- whose fds ---- */

static struct vfu_msg_dma_map map_at(uint64_t addr)
{
	return (struct vfu_msg_dma_map){.argsz = 32, .flags = 3, .addr = addr, .size = 0x1000};
}

static void fds_belong_to_the_last_message_of_a_read(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_dma_map map = map_at(0x1000);
	uint8_t buf[256];
	size_t len;
	int fd = open_null();

	(void)state;
	/* recvmsg glues fd-less messages in front of the one with an fd, never behind. */
	len = msg_put(buf, 1, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	map.addr = 0x2000;
	len += msg_put(buf + len, 2, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	map.addr = 0x3000;
	len += msg_put(buf + len, 3, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	assert_int_equal(vfu_conn_input(rig->conn, buf, len, &fd, 1, 64), 0);
	assert_string_equal(rig->mock.log, "map 0x1000+0x1000@0 prot 3 -\n"
					   "map 0x2000+0x1000@0 prot 3 -\n"
					   "map 0x3000+0x1000@0 prot 3 fd\n");
	rig_free(rig);
}

static void fds_of_pieces_are_collected(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_set_irqs set = {20, 0x24, VFU_IRQ_INDEX_MSIX, 0, 3};
	uint8_t buf[64];
	size_t len = msg_put(buf, 1, VFU_CMD_SET_IRQS, 0, &set, sizeof(set));

	(void)state;
	for (size_t i = 0; i < len; i++) {
		int fd = i < 3 ? open_null() : -1;

		assert_int_equal(vfu_conn_input(rig->conn, buf + i, 1, &fd, i < 3, 64), 0);
	}
	assert_string_equal(rig->mock.log, "irqs 2 0+3 data 4 action 0x20 fd fd fd\n");
	rig_free(rig);
}

static void fds_wait_for_the_budget(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_dma_map map = map_at(0x1000);
	uint8_t buf[128];
	size_t len = msg_put(buf, 1, VFU_CMD_DEVICE_RESET, 0, NULL, 0);
	int fd = open_null();

	(void)state;
	len += msg_put(buf + len, 2, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	assert_int_equal(vfu_conn_input(rig->conn, buf, len, &fd, 1, 1), 1);
	assert_int_equal(vfu_conn_input(rig->conn, NULL, 0, NULL, 0, 1), 0);
	assert_string_equal(rig->mock.log, "reset\nmap 0x1000+0x1000@0 prot 3 fd\n");
	rig_free(rig);
}

static void unexpected_fds_are_closed_silently(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_dma_unmap unmap = {24, 0, 0x1000, 0x1000};
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_DEVICE_RESET, NULL, 0, 5, &got);
	/* SPDK sends one with DMA_UNMAP. */
	expect_ok(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 1, &got);
	expect_ok(rig, VFU_CMD_DEVICE_RESET, NULL, 0, 253, &got);
	rig_free(rig); /* counts them */
}

static void surplus_fds_never_pass_for_fewer(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_set_irqs set = {20, 0x24, VFU_IRQ_INDEX_MSIX, 0, 16};
	struct vfu_msg_dma_map map = map_at(0x1000);
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 16, &got);
	mock_log_clear(&rig->mock);
	expect_error(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 17, EINVAL);
	set.count = 17;
	expect_error(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 17, EINVAL);
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 253, EINVAL);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void fds_of_an_unfinished_message_are_closed_at_the_end(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_dma_map map = map_at(0x1000);
	uint8_t buf[64];
	int fd = open_null();

	(void)state;
	msg_put(buf, 1, VFU_CMD_DMA_MAP, 0, &map, sizeof(map));
	assert_int_equal(vfu_conn_input(rig->conn, buf, 20, &fd, 1, 64), 0);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void too_many_waiting_fd_messages_end_it(void **state)
{
	struct rig *rig = rig_ready();
	uint8_t buf[16];
	int ret = 0;

	(void)state;
	msg_put(buf, 1, VFU_CMD_DEVICE_RESET, 0, NULL, 0);
	for (unsigned i = 0; i < 5; i++) {
		int fd = open_null();

		ret = vfu_conn_input(rig->conn, buf, sizeof(buf), &fd, 1, 0);
		assert_int_equal(ret, i < 4 ? 1 : -EPROTO);
	}
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "file descriptors"));
	rig_free(rig);
}

/* ---- output ---- */

static void output_goes_in_pieces(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_region_info info = {.argsz = 64, .index = 0};
	const void *first, *buf;
	const int *fds;
	unsigned nfds;

	(void)state;
	rig_send(rig, VFU_CMD_GET_REGION_INFO, 0, &info, sizeof(info), 0);
	rig_send(rig, VFU_CMD_DEVICE_RESET, 0, NULL, 0, 0);
	assert_int_equal(vfu_conn_output(rig->conn, &first, &fds, &nfds), 80);
	assert_int_equal(nfds, 1);
	assert_true(fds[0] != rig->mock.mmap_fd);
	assert_int_equal(inode_of(fds[0]), inode_of(rig->mock.mmap_fd));
	vfu_conn_sent(rig->conn, 0);
	assert_int_equal(vfu_conn_output(rig->conn, &buf, &fds, &nfds), 80);
	assert_int_equal(nfds, 1);
	vfu_conn_sent(rig->conn, 1);
	assert_int_equal(vfu_conn_output(rig->conn, &buf, &fds, &nfds), 79);
	assert_int_equal(nfds, 0);
	assert_ptr_equal(buf, (const uint8_t *)first + 1);
	vfu_conn_sent(rig->conn, 79);
	assert_int_equal(vfu_conn_output(rig->conn, &buf, &fds, &nfds), 16);
	vfu_conn_sent(rig->conn, 16);
	assert_int_equal(vfu_conn_output(rig->conn, &buf, &fds, &nfds), 0);
	rig_free(rig);
}

static void each_reply_keeps_its_fd_until_its_turn(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_region_info info = {.argsz = 64, .index = 0};
	const unsigned want[] = {0, 1, 0, 1};
	struct got got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		info.index = want[i] ? 0 : VFU_REGION_INDEX_CONFIG;
		rig_send(rig, VFU_CMD_GET_REGION_INFO, 0, &info, sizeof(info), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		const void *buf;
		const int *fds;
		unsigned nfds;

		vfu_conn_output(rig->conn, &buf, &fds, &nfds);
		assert_int_equal(nfds, want[i]);
		if (nfds)
			assert_int_equal(inode_of(fds[0]), inode_of(rig->mock.mmap_fd));
		assert_true(rig_recv(rig, &got));
	}
	rig_free(rig);
}

static void client_that_does_not_read_is_dropped(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_BAR3, VFU_MAX_DATA};
	int ret = 0;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(
			rig_send(rig, VFU_CMD_REGION_READ, 0, &access, sizeof(access), 0), 0);
	ret = rig_send(rig, VFU_CMD_REGION_READ, 0, &access, sizeof(access), 0);
	assert_int_equal(ret, -EPROTO);
	assert_non_null(strstr(vfu_conn_reason(rig->conn), "does not read"));
	assert_true(vfu_conn_queued(rig->conn) <= VFU_OUT_MAX);
	rig_free(rig);
}

static void queued_fds_are_bounded(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_region_info info = {.argsz = 64, .index = 0};
	unsigned n = 0;

	(void)state;
	while (rig_send(rig, VFU_CMD_GET_REGION_INFO, 0, &info, sizeof(info), 0) == 0)
		n++;
	assert_int_equal(n, 32);
	rig_free(rig);
}

static void lack_of_descriptors_hides_the_mapping(void **state)
{
	struct rig *rig = rig_ready();
	struct vfu_msg_region_info info = {.argsz = 64, .index = 0};
	int fd = rig->mock.mmap_fd;
	struct got got;

	(void)state;
	rig->mock.mmap_fd = 1 << 20; /* no such descriptor: the copy fails */
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.nfds, 0);
	assert_int_equal(got.len, 32);
	memcpy(&info, got.payload, sizeof(info));
	assert_int_equal(info.flags, VFU_REGION_READ | VFU_REGION_WRITE);
	assert_int_equal(info.size, MOCK_BAR0_SIZE);
	rig->mock.mmap_fd = fd;
	rig_free(rig);
}

static void free_takes_null(void **state)
{
	(void)state;
	vfu_conn_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(negotiate_accepts),
		cmocka_unit_test(negotiate_tells_the_device),
		cmocka_unit_test(negotiate_refuses),
		cmocka_unit_test(negotiate_needs_version_first),
		cmocka_unit_test(negotiate_only_once),
		cmocka_unit_test(negotiate_device_may_refuse),
		cmocka_unit_test(negotiate_large_message_gets_no_buffer),
		cmocka_unit_test(bad_sizes_end_the_connection),
		cmocka_unit_test(unsolicited_reply_ends_the_connection),
		cmocka_unit_test(unknown_commands_and_types),
		cmocka_unit_test(every_command_wants_its_payload),
		cmocka_unit_test(ids_and_type_are_echoed),
		cmocka_unit_test(no_reply_is_honoured_by_all),
		cmocka_unit_test(budget_bounds_a_round),
		cmocka_unit_test(budget_zero_and_bad_size_behind),
		cmocka_unit_test(large_writes_pass_and_input_is_bounded),
		cmocka_unit_test(fds_belong_to_the_last_message_of_a_read),
		cmocka_unit_test(fds_of_pieces_are_collected),
		cmocka_unit_test(fds_wait_for_the_budget),
		cmocka_unit_test(unexpected_fds_are_closed_silently),
		cmocka_unit_test(surplus_fds_never_pass_for_fewer),
		cmocka_unit_test(fds_of_an_unfinished_message_are_closed_at_the_end),
		cmocka_unit_test(too_many_waiting_fd_messages_end_it),
		cmocka_unit_test(output_goes_in_pieces),
		cmocka_unit_test(each_reply_keeps_its_fd_until_its_turn),
		cmocka_unit_test(client_that_does_not_read_is_dropped),
		cmocka_unit_test(queued_fds_are_bounded),
		cmocka_unit_test(lack_of_descriptors_hides_the_mapping),
		cmocka_unit_test(free_takes_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
