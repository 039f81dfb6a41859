/* SPDX-License-Identifier: BSD-3-Clause */
/* Each command against the mock device: replies byte for byte, refusals, what reaches the
 * device. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "bits.h"
#include "vfu_mock.h"

static void device_get_info(void **state)
{
	struct vfu_msg_device_info info = {.argsz = 32}, want = {16, 3, 9, 5};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_GET_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, sizeof(want));
	assert_memory_equal(got.payload, &want, sizeof(want));
	info.argsz = 8;
	expect_error(rig, VFU_CMD_GET_INFO, &info, sizeof(info), 0, EINVAL);
	info.argsz = 16;
	expect_error(rig, VFU_CMD_GET_INFO, &info, sizeof(info) - 1, 0, EINVAL);
	rig_free(rig);
}

static void get_irq_info(void **state)
{
	static const uint32_t counts[] = {0, 0, MOCK_MSIX, 1, 1};
	struct vfu_msg_irq_info info = {.argsz = 16, .flags = 9, .count = 9}, reply;
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	for (info.index = 0; info.index < ARRAY_SIZE(counts); info.index++) {
		expect_ok(rig, VFU_CMD_GET_IRQ_INFO, &info, sizeof(info), 0, &got);
		assert_int_equal(got.len, sizeof(reply));
		memcpy(&reply, got.payload, sizeof(reply));
		assert_int_equal(reply.argsz, 16);
		assert_int_equal(reply.index, info.index);
		assert_int_equal(reply.count, counts[info.index]);
	}
	expect_error(rig, VFU_CMD_GET_IRQ_INFO, &info, sizeof(info), 0, EINVAL);
	rig_free(rig);
}

static void region_info_with_an_area(void **state)
{
	struct vfu_msg_region_info info = {.argsz = 64, .index = 0};
	struct vfu_msg_region_info_full want = {
		.info = {64, 0xf, 0, 32, MOCK_BAR0_SIZE, 0x10000},
		.sparse = {1, 1, 0, 1, 0, 0x2000, 0x1000},
	};
	struct rig *rig = rig_ready();
	struct stat ours, theirs;
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, sizeof(want));
	assert_memory_equal(got.payload, &want, sizeof(want));
	assert_int_equal(got.nfds, 1);
	/* More room changes nothing: argsz is the real size. */
	info.argsz = 4064;
	assert_int_equal(rig_send(rig, VFU_CMD_GET_REGION_INFO, 0, &info, sizeof(info), 0), 0);
	{
		const void *buf;
		const int *fds;
		unsigned nfds;

		assert_int_equal(vfu_conn_output(rig->conn, &buf, &fds, &nfds),
				 16 + sizeof(want));
		assert_memory_equal((const uint8_t *)buf + 16, &want, sizeof(want));
		assert_int_equal(fstat(fds[0], &theirs), 0);
		assert_int_equal(fstat(rig->mock.mmap_fd, &ours), 0);
		assert_int_equal(ours.st_ino, theirs.st_ino);
	}
	rig_free(rig);
}

static void region_info_too_short_for_the_caps(void **state)
{
	struct vfu_msg_region_info info = {.argsz = 63, .index = 0};
	struct vfu_msg_region_info want = {64, 7, 0, 0, MOCK_BAR0_SIZE, 0x10000};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, 32);
	assert_memory_equal(got.payload, &want, sizeof(want));
	assert_int_equal(got.nfds, 0);
	info.argsz = 31;
	expect_error(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, EINVAL);
	rig_free(rig);
}

static void region_info_without_caps(void **state)
{
	struct vfu_msg_region_info whole = {32, 5, 1, 0, MOCK_BAR1_SIZE, 0x5000};
	struct vfu_msg_region_info config = {32, 3, 7, 0, MOCK_CONFIG_SIZE, 0};
	struct vfu_msg_region_info absent = {32, 0, 6, 0, 0, 0};
	struct vfu_msg_region_info info = {.argsz = 32};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	info.index = 1; /* mapped whole */
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, 32);
	assert_memory_equal(got.payload, &whole, 32);
	assert_int_equal(got.nfds, 1);
	info.index = 7;
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, 32);
	assert_memory_equal(got.payload, &config, 32);
	assert_int_equal(got.nfds, 0);
	info.index = 6; /* absent: whatever the device filled in */
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, &got);
	assert_int_equal(got.len, 32);
	assert_memory_equal(got.payload, &absent, 32);
	assert_int_equal(got.nfds, 0);
	info.index = 9;
	expect_error(rig, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0, EINVAL);
	rig_free(rig);
}

static void region_io_fds_are_none(void **state)
{
	struct vfu_msg_io_fds fds = {.argsz = 4096, .index = 0}, want = {16, 0, 0, 0};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_GET_REGION_IO_FDS, &fds, sizeof(fds), 0, &got);
	assert_int_equal(got.len, 16);
	assert_memory_equal(got.payload, &want, 16);
	assert_int_equal(got.nfds, 0);
	fds.count = 1;
	expect_error(rig, VFU_CMD_GET_REGION_IO_FDS, &fds, sizeof(fds), 0, EINVAL);
	rig_free(rig);
}

/* ---- register access ---- */

static void access_error(struct rig *rig, uint32_t region, uint64_t offset, uint32_t count)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[64];
	} msg = {.access = {offset, region, count}};

	expect_error(rig, VFU_CMD_REGION_READ, &msg, sizeof(msg), 0, EINVAL);
	expect_error(rig, VFU_CMD_REGION_WRITE, &msg, sizeof(msg), 0, EINVAL);
}

static void region_write_then_read(void **state)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[8];
	} msg = {{0x1ff8, 0, 8}, {1, 2, 3, 4, 5, 6, 7, 8}};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_REGION_WRITE, &msg, sizeof(msg), 0, &got);
	assert_int_equal(got.len, 16);
	assert_memory_equal(got.payload, &msg.access, 16);
	expect_ok(rig, VFU_CMD_REGION_READ, &msg.access, 16, 0, &got);
	assert_int_equal(got.len, sizeof(msg));
	assert_memory_equal(got.payload, &msg, sizeof(msg));
	assert_string_equal(rig->mock.log, "write 0 0x1ff8 8\nread 0 0x1ff8 8\n");
	rig_free(rig);
}

static void region_whole_config_space_at_once(void **state)
{
	struct vfu_msg_region_access access = {0, VFU_REGION_INDEX_CONFIG, 4096};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_REGION_READ, &access, sizeof(access), 0, &got);
	assert_int_equal(got.len, 16 + 4096);
	assert_int_equal(got.payload[16 + 4095], 0x5a);
	rig_free(rig);
}

static void region_largest_read(void **state)
{
	struct vfu_msg_region_access access = {VFU_MAX_DATA, VFU_REGION_INDEX_BAR3,
					       VFU_MAX_DATA};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_REGION_READ, &access, sizeof(access), 0, &got);
	assert_int_equal(got.len, 16 + VFU_MAX_DATA);
	access.offset++;
	expect_error(rig, VFU_CMD_REGION_READ, &access, sizeof(access), 0, EINVAL);
	access.offset = 0;
	access.count++;
	expect_error(rig, VFU_CMD_REGION_READ, &access, sizeof(access), 0, EINVAL);
	rig_free(rig);
}

static void region_out_of_range(void **state)
{
	struct rig *rig = rig_ready();

	(void)state;
	access_error(rig, 0, MOCK_BAR0_SIZE, 1);
	access_error(rig, 0, MOCK_BAR0_SIZE - 3, 4);
	access_error(rig, 0, UINT64_MAX, 4);
	access_error(rig, 0, UINT64_MAX - 3, 4);
	access_error(rig, VFU_REGION_INDEX_ROM, 0, 4); /* absent */
	access_error(rig, VFU_REGION_INDEX_NUM, 0, 4);
	access_error(rig, UINT32_MAX, 0, 4);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void region_short_write_data(void **state)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[8];
	} msg = {.access = {0, 0, 8}};
	struct rig *rig = rig_ready();

	(void)state;
	expect_error(rig, VFU_CMD_REGION_WRITE, &msg, 16 + 7, 0, EINVAL);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void region_count_zero_is_a_bare_reply(void **state)
{
	struct vfu_msg_region_access access = {0, 0, 0};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_REGION_READ, &access, sizeof(access), 0, &got);
	assert_int_equal(got.len, 0);
	expect_ok(rig, VFU_CMD_REGION_WRITE, &access, sizeof(access), 0, &got);
	assert_int_equal(got.len, 0);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void region_rights_never_give_errors(void **state)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[4];
	} msg = {.access = {0, VFU_REGION_INDEX_BAR1, 4}};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_REGION_WRITE, &msg, sizeof(msg), 0, &got); /* read-only */
	assert_int_equal(got.len, 16);
	msg.access.region = VFU_REGION_INDEX_BAR2;
	expect_ok(rig, VFU_CMD_REGION_READ, &msg, 16, 0, &got); /* write-only */
	assert_int_equal(got.len, 20);
	assert_int_equal(get_le32(got.payload + 16), 0xffffffff);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void posted_writes_are_pipelined(void **state)
{
	struct {
		struct vfu_msg_region_access access;
		uint32_t value;
	} msg = {.access = {0, 0, 4}};
	struct rig *rig = rig_ready();
	uint8_t buf[1024];
	size_t len = 0;
	struct got got;

	(void)state;
	for (uint32_t i = 0; i < 10; i++) {
		msg.access.offset = 4 * i;
		msg.value = i;
		len += msg_put(buf + len, 9, VFU_CMD_REGION_WRITE, VFU_F_NO_REPLY, &msg, 20);
	}
	len += msg_put(buf + len, 77, VFU_CMD_REGION_READ, 0, &msg, 16);
	assert_int_equal(vfu_conn_input(rig->conn, buf, len, NULL, 0, 64), 0);
	assert_true(rig_recv(rig, &got));
	assert_int_equal(got.hdr.msg_id, 77);
	assert_int_equal(get_le32(got.payload + 16), 9);
	assert_int_equal(vfu_conn_queued(rig->conn), 0);
	rig_free(rig);
}

/* ---- DMA maps ---- */

static void dma_map_reaches_the_device(void **state)
{
	struct vfu_msg_dma_map map = {32, 3, 0x4000, 0x10000, 0x2000};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 1, &got);
	assert_int_equal(got.len, 0);
	map.flags = 1;
	expect_ok(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 0, &got);
	map.flags = 2 | VFU_DMA_MODE_MMAP;
	expect_ok(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 1, &got);
	assert_string_equal(rig->mock.log, "map 0x10000+0x2000@0x4000 prot 3 fd\n"
					   "map 0x10000+0x2000@0x4000 prot 1 -\n"
					   "map 0x10000+0x2000@0x4000 prot 2 fd\n");
	rig_free(rig);
}

static void dma_map_refused_by_the_device_closes_the_fd(void **state)
{
	struct vfu_msg_dma_map map = {32, 3, 0, 0x10000, 0x2000};
	struct rig *rig = rig_ready();

	(void)state;
	rig->mock.map_ret = -EEXIST;
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 1, EEXIST);
	rig->mock.map_ret = -ENOSPC;
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 0, ENOSPC);
	rig_free(rig);
}

static void dma_map_nonsense_does_not_reach_the_device(void **state)
{
	struct vfu_msg_dma_map map = {32, 3, 0, UINT64_MAX, 0x2000};
	struct rig *rig = rig_ready();

	(void)state;
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 1, EINVAL);
	map = (struct vfu_msg_dma_map){32, 3 | VFU_DMA_MODE_MMAP, 0, 0, 0x2000};
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 0, EINVAL);
	map = (struct vfu_msg_dma_map){32, 3, 0, 0, 0x2000};
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 2, EINVAL);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void dma_unmap_echoes(void **state)
{
	struct vfu_msg_dma_unmap unmap = {24, 0, 0x1000, 0x3000};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 0, &got);
	assert_int_equal(got.len, 24);
	assert_memory_equal(got.payload, &unmap, 24);
	rig->mock.unmap_ret = -ENOENT;
	expect_error(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 0, ENOENT);
	unmap = (struct vfu_msg_dma_unmap){24, VFU_DMA_UNMAP_ALL, 0, 0};
	expect_ok(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 0, &got);
	assert_int_equal(got.len, 24);
	unmap.flags = VFU_DMA_UNMAP_DIRTY;
	expect_error(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 0, EINVAL);
	assert_string_equal(rig->mock.log,
			    "unmap 0x1000+0x3000\nunmap 0x1000+0x3000\nunmap all\n");
	rig_free(rig);
}

/* ---- interrupts ---- */

static void irqs_error(struct rig *rig, uint32_t flags, uint32_t index, uint32_t start,
		       uint32_t count, unsigned nfds)
{
	struct vfu_msg_set_irqs set = {20, flags, index, start, count};

	expect_error(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), nfds, EINVAL);
}

static void set_irqs_refusals(void **state)
{
	struct rig *rig = rig_ready();

	(void)state;
	irqs_error(rig, 0x24, VFU_IRQ_INDEX_NUM, 0, 1, 1);
	irqs_error(rig, 0x1a, VFU_IRQ_INDEX_MSIX, 0, 1, 0);		/* MASK and UNMASK */
	irqs_error(rig, 0x23, VFU_IRQ_INDEX_MSIX, 0, 1, 0);		/* NONE and BOOL */
	irqs_error(rig, 0x24, VFU_IRQ_INDEX_MSIX, MOCK_MSIX, 1, 1);	/* start */
	irqs_error(rig, 0x21, VFU_IRQ_INDEX_MSIX, 0, MOCK_MSIX + 1, 0); /* count */
	irqs_error(rig, 0x21, VFU_IRQ_INDEX_MSIX, UINT32_MAX, 2, 0);	/* sum wraps */
	irqs_error(rig, 0x21, VFU_IRQ_INDEX_MSIX, 1, UINT32_MAX, 0);
	irqs_error(rig, 0x21, VFU_IRQ_INDEX_INTX, 0, 1, 0); /* count is 0 */
	irqs_error(rig, 0x09, VFU_IRQ_INDEX_ERR, 0, 1, 0);
	irqs_error(rig, 0x24, VFU_IRQ_INDEX_MSIX, 0, 2, 1);
	assert_string_equal(rig->mock.log, "");
	rig_free(rig);
}

static void set_irqs_forms(void **state)
{
	struct {
		struct vfu_msg_set_irqs set;
		uint8_t bools[3];
	} __attribute__((packed)) msg = {{23, 0x22, VFU_IRQ_INDEX_MSIX, 4, 3}, {1, 0, 7}};
	struct vfu_msg_set_irqs set = {20, 0x24, VFU_IRQ_INDEX_MSIX, 17, 3};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_SET_IRQS, &msg, sizeof(msg), 0, &got);
	assert_int_equal(got.len, 0);
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 3, &got); /* assign */
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 0, &got); /* de-assign */
	set.flags = 0x14;
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 3, &got); /* resample fds */
	set.flags = 0x09;
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 0, &got);
	set = (struct vfu_msg_set_irqs){20, 0x21, VFU_IRQ_INDEX_MSIX, 0, 0};
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 0, &got);
	set.index = VFU_IRQ_INDEX_INTX; /* disabling what is not there is no error */
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 0, &got);
	assert_string_equal(rig->mock.log, "irqs 2 4+3 data 2 action 0x20 1 0 7\n"
					   "irqs 2 17+3 data 4 action 0x20 fd fd fd\n"
					   "irqs 2 17+3 data 4 action 0x20\n"
					   "irqs 2 17+3 data 4 action 0x10 fd fd fd\n"
					   "irqs 2 17+3 data 1 action 0x8\n"
					   "irqs 2 0+0 data 1 action 0x20\n"
					   "irqs 0 0+0 data 1 action 0x20\n");
	rig_free(rig);
}

static void set_irqs_fds_left_are_closed(void **state)
{
	struct vfu_msg_set_irqs set = {20, 0x24, VFU_IRQ_INDEX_MSIX, 0, 4};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	rig->mock.take_fds = false;
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 4, &got);
	rig->mock.irqs_ret = -ENOENT;
	expect_error(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 4, ENOENT);
	rig_free(rig);
}

/* ---- features ---- */

static void feature_set_and_probe(void **state)
{
	struct {
		struct vfu_msg_feature feature;
		uint8_t data[16];
	} msg = {.feature = {24, VFU_FEATURE_SET | 0}, .data = {0xab}};
	struct vfu_msg_feature want = {8, VFU_FEATURE_SET | 0};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_DEVICE_FEATURE, &msg, sizeof(msg), 0, &got);
	assert_int_equal(got.len, 8);
	assert_memory_equal(got.payload, &want, 8);
	msg.feature.flags = VFU_FEATURE_PROBE | VFU_FEATURE_SET;
	expect_ok(rig, VFU_CMD_DEVICE_FEATURE, &msg, 8, 0, &got);
	msg.feature.flags = VFU_FEATURE_PROBE | 5;
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &msg, 8, 0, ENOTTY);
	msg.feature.argsz = 16; /* what it says is there, is what counts */
	msg.feature.flags = VFU_FEATURE_SET | 5;
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &msg, sizeof(msg), 0, ENOTTY);
	/* What can be set cannot be read. */
	msg.feature.flags = VFU_FEATURE_GET | 0;
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &msg, 16, 0, EINVAL);
	msg.feature.flags = VFU_FEATURE_GET | VFU_FEATURE_PROBE | 0;
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &msg, 8, 0, EINVAL);
	msg.feature.flags = VFU_FEATURE_GET | 5;
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &msg, 8, 0, ENOTTY);
	assert_string_equal(rig->mock.log, "feature 0 set 1 probe 0 len 16 ab\n"
					   "feature 0 set 1 probe 1 len 0 00\n"
					   "feature 5 set 0 probe 1 len 0 00\n"
					   "feature 5 set 1 probe 0 len 8 ab\n"
					   "feature 0 set 0 probe 1 len 8 ab\n"
					   "feature 0 set 0 probe 1 len 0 00\n"
					   "feature 5 set 0 probe 1 len 0 00\n");
	rig_free(rig);
}

static void feature_without_callback(void **state)
{
	struct vfu_msg_feature feature = {8, VFU_FEATURE_SET | 0};
	struct rig *rig = rig_ready();
	uint16_t version[2] = {0, 0};
	struct got got;

	(void)state;
	vfu_conn_free(rig->conn);
	assert_int_equal(vfu_conn_new(&mock_ops_no_feature, &rig->mock, &rig->conn), 0);
	expect_ok(rig, VFU_CMD_VERSION, version, sizeof(version), 0, &got);
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &feature, sizeof(feature), 0, ENOTTY);
	rig_free(rig);
}

static void mistakes_are_counted(void **state)
{
	struct vfu_msg_feature feature = {8, VFU_FEATURE_PROBE | 5};
	struct vfu_msg_dma_map map = {32, 3, 0, UINT64_MAX, 0x2000};
	struct vfu_msg_set_irqs set = {20, 0x24, VFU_IRQ_INDEX_MSIX, 0, 4};
	struct rig *rig = rig_ready();
	struct got got;

	(void)state;
	/* To ask for what we do not have is none. */
	expect_error(rig, VFU_CMD_DEVICE_FEATURE, &feature, sizeof(feature), 0, ENOTTY);
	expect_error(rig, VFU_CMD_REGION_WRITE_MULTI, &map, sizeof(map), 0, ENOTSUP);
	rig->mock.take_fds = true;
	expect_ok(rig, VFU_CMD_SET_IRQS, &set, sizeof(set), 4, &got);
	assert_int_equal(vfu_conn_bad(rig->conn), 0);
	expect_error(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 0, EINVAL);
	assert_int_equal(vfu_conn_bad(rig->conn), 1);
	/* Refused or not, with an answer or without: descriptors that nobody wants. */
	expect_ok(rig, VFU_CMD_DEVICE_RESET, NULL, 0, 1, &got);
	assert_int_equal(vfu_conn_bad(rig->conn), 2);
	rig_send(rig, VFU_CMD_DEVICE_RESET, VFU_F_NO_REPLY, NULL, 0, 100);
	assert_int_equal(vfu_conn_bad(rig->conn), 3);
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(device_get_info),
		cmocka_unit_test(get_irq_info),
		cmocka_unit_test(region_info_with_an_area),
		cmocka_unit_test(region_info_too_short_for_the_caps),
		cmocka_unit_test(region_info_without_caps),
		cmocka_unit_test(region_io_fds_are_none),
		cmocka_unit_test(region_write_then_read),
		cmocka_unit_test(region_whole_config_space_at_once),
		cmocka_unit_test(region_largest_read),
		cmocka_unit_test(region_out_of_range),
		cmocka_unit_test(region_short_write_data),
		cmocka_unit_test(region_count_zero_is_a_bare_reply),
		cmocka_unit_test(region_rights_never_give_errors),
		cmocka_unit_test(posted_writes_are_pipelined),
		cmocka_unit_test(dma_map_reaches_the_device),
		cmocka_unit_test(dma_map_refused_by_the_device_closes_the_fd),
		cmocka_unit_test(dma_map_nonsense_does_not_reach_the_device),
		cmocka_unit_test(dma_unmap_echoes),
		cmocka_unit_test(set_irqs_refusals),
		cmocka_unit_test(set_irqs_forms),
		cmocka_unit_test(set_irqs_fds_left_are_closed),
		cmocka_unit_test(feature_set_and_probe),
		cmocka_unit_test(feature_without_callback),
		cmocka_unit_test(mistakes_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
