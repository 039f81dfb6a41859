/* SPDX-License-Identifier: BSD-3-Clause */
/* The decoders on bytes: what passes, and each check that refuses. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"
#include "pi_desc.h"
#include "vfu_version.h"

static void header_size_is_bounded(void **state)
{
	struct vfu_header hdr = {.msg_size = 16};

	(void)state;
	assert_true(vfu_header_size_ok(&hdr, VFU_MAX_MSG));
	hdr.msg_size = 15;
	assert_false(vfu_header_size_ok(&hdr, VFU_MAX_MSG));
	hdr.msg_size = VFU_MAX_MSG;
	assert_true(vfu_header_size_ok(&hdr, VFU_MAX_MSG));
	hdr.msg_size = VFU_MAX_MSG + 1;
	assert_false(vfu_header_size_ok(&hdr, VFU_MAX_MSG));
	hdr.msg_size = UINT32_MAX;
	assert_false(vfu_header_size_ok(&hdr, VFU_MAX_MSG));
}

static void posted_request_names_what_there_is(void **state)
{
	const struct vfu_feature_posted good = {.first = 1, .count = 2, .bit = PI_BITS - 2};
	struct vfu_feature_posted req = good;

	(void)state;
	assert_true(vfu_posted_ok(&good, 3));
	assert_false(vfu_posted_ok(&good, 2));
	assert_false(vfu_posted_ok(&good, 1));
	req.count = UINT32_MAX;
	assert_false(vfu_posted_ok(&req, 3));
	req = good;
	req.bit = PI_BITS - 1;
	assert_false(vfu_posted_ok(&req, 3));
	req.bit = PI_BITS;
	assert_false(vfu_posted_ok(&req, 3));
	req = good;
	req.iova = sizeof(struct pi_desc) / 2;
	assert_false(vfu_posted_ok(&req, 3));
	req = good;
	req.reserved = 1;
	assert_false(vfu_posted_ok(&req, 3));
}

static void header_error_is_sane(void **state)
{
	struct vfu_header hdr = {.error = EFAULT};

	(void)state;
	assert_int_equal(vfu_header_error(&hdr), -EFAULT);
	hdr.error = 0; /* the specification allows it with the error bit */
	assert_int_equal(vfu_header_error(&hdr), -EIO);
	hdr.error = 4096;
	assert_int_equal(vfu_header_error(&hdr), -EIO);
	hdr.error = UINT32_MAX;
	assert_int_equal(vfu_header_error(&hdr), -EIO);
}

static void header_reply_echoes(void **state)
{
	struct vfu_header req = {.msg_id = 7, .command = 9, .msg_size = 32, .flags = 0};
	struct vfu_header ok = vfu_header_reply(&req, 20, 0);
	struct vfu_header bad = vfu_header_reply(&req, 0, EINVAL);

	(void)state;
	assert_int_equal(ok.msg_id, 7);
	assert_int_equal(ok.command, 9);
	assert_int_equal(ok.msg_size, 36);
	assert_int_equal(ok.flags, 1);
	assert_int_equal(bad.flags, 0x21);
	assert_int_equal(bad.error, EINVAL);
	assert_int_equal(bad.msg_size, 16);
}

static void range_does_not_wrap(void **state)
{
	(void)state;
	assert_true(vfu_range_ok(0, 10, 10));
	assert_true(vfu_range_ok(10, 0, 10));
	assert_false(vfu_range_ok(0, 11, 10));
	assert_false(vfu_range_ok(11, 0, 10));
	assert_false(vfu_range_ok(UINT64_MAX, 2, 10));
	assert_false(vfu_range_ok(5, UINT64_MAX, 10));
	assert_true(vfu_range_ok(UINT64_MAX - 1, 1, UINT64_MAX));
}

static struct vfu_msg_dma_map good_map(void)
{
	return (struct vfu_msg_dma_map){
		.argsz = 32, .flags = 3, .offset = 0x1000, .addr = 0x100000, .size = 0x2000};
}

static int map_ret(struct vfu_msg_dma_map map, unsigned nfds)
{
	struct vfu_msg_dma_map got;

	return vfu_decode_dma_map(&map, sizeof(map), nfds, &got);
}

#define MAP_WITH(field, value, nfds)                   \
	({                                             \
		struct vfu_msg_dma_map m = good_map(); \
		m.field = (value);                     \
		map_ret(m, nfds);                      \
	})

static void dma_map_flags(void **state)
{
	(void)state;
	assert_int_equal(map_ret(good_map(), 0), 0);
	assert_int_equal(map_ret(good_map(), 1), 0);
	assert_int_equal(map_ret(good_map(), 2), -EINVAL);
	assert_int_equal(MAP_WITH(flags, 1, 0), 0);
	assert_int_equal(MAP_WITH(flags, 7, 1), 0);	   /* mmap */
	assert_int_equal(MAP_WITH(flags, 11, 1), 0);	   /* file I/O */
	assert_int_equal(MAP_WITH(flags, 7, 0), -EINVAL);  /* mode, no fd */
	assert_int_equal(MAP_WITH(flags, 11, 0), -EINVAL); /* mode, no fd */
	assert_int_equal(MAP_WITH(flags, 15, 1), -EINVAL); /* both modes */
	assert_int_equal(MAP_WITH(flags, 0x13, 1), -EINVAL);
	assert_int_equal(MAP_WITH(flags, 0x80000003, 1), -EINVAL);
}

static void dma_map_ranges(void **state)
{
	struct vfu_msg_dma_map map = good_map(), got = {.argsz = 77};

	(void)state;
	assert_int_equal(MAP_WITH(argsz, 31, 0), -EINVAL);
	assert_int_equal(MAP_WITH(argsz, VFU_MAX_MSG + 1, 0), -EINVAL);
	assert_int_equal(MAP_WITH(size, 0, 0), -EINVAL);
	assert_int_equal(MAP_WITH(size, UINT64_MAX, 0), -EINVAL);
	assert_int_equal(MAP_WITH(addr, UINT64_MAX - 0x1000, 0), -EINVAL);
	assert_int_equal(MAP_WITH(addr, UINT64_MAX - 0x2000, 0), 0);
	assert_int_equal(MAP_WITH(offset, UINT64_MAX - 0x1000, 1), -EINVAL);
	assert_int_equal(MAP_WITH(offset, UINT64_MAX - 0x1000, 0), 0); /* means nothing */
	assert_int_equal(vfu_decode_dma_map(&map, sizeof(map) - 1, 0, &got), -EINVAL);
	assert_int_equal(got.argsz, 77);
}

static int unmap_ret(uint32_t argsz, uint32_t flags, uint64_t addr, uint64_t size)
{
	struct vfu_msg_dma_unmap unmap = {argsz, flags, addr, size}, got;

	return vfu_decode_dma_unmap(&unmap, sizeof(unmap), &got);
}

static void dma_unmap_checks(void **state)
{
	struct vfu_msg_dma_unmap unmap = {24, 0, 0x1000, 0x1000};

	(void)state;
	assert_int_equal(unmap_ret(24, 0, 0x1000, 0x1000), 0);
	assert_int_equal(unmap_ret(23, 0, 0x1000, 0x1000), -EINVAL);
	assert_int_equal(unmap_ret(VFU_MAX_MSG + 1, 0, 0x1000, 0x1000), -EINVAL);
	assert_int_equal(unmap_ret(24, 1, 0x1000, 0x1000), -EINVAL); /* dirty bitmap */
	assert_int_equal(unmap_ret(24, 4, 0x1000, 0x1000), -EINVAL);
	assert_int_equal(unmap_ret(24, 2, 0, 0), 0); /* ALL */
	assert_int_equal(unmap_ret(24, 2, 0x1000, 0), -EINVAL);
	assert_int_equal(unmap_ret(24, 2, 0, 0x1000), -EINVAL);
	assert_int_equal(unmap_ret(24, 3, 0, 0), -EINVAL);
	assert_int_equal(unmap_ret(24, 0, 0x1000, 0), -EINVAL);
	assert_int_equal(unmap_ret(24, 0, UINT64_MAX, 0x1000), -EINVAL);
	assert_int_equal(vfu_decode_dma_unmap(&unmap, 23, &unmap), -EINVAL);
}

/* flags, index, start, count, bytes behind the fixed part, fds */
static int irqs_ret(uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		    size_t extra, unsigned nfds)
{
	struct {
		struct vfu_msg_set_irqs set;
		uint8_t bools[64];
	} msg = {.set = {20 + (uint32_t)extra, flags, index, start, count}};
	struct vfu_msg_set_irqs got;

	return vfu_decode_set_irqs(&msg, sizeof(msg.set) + extra, nfds, &got);
}

static void set_irqs_flags(void **state)
{
	(void)state;
	/* Each data form with each action, and nothing but one of each. */
	for (uint32_t flags = 0; flags < 0x100; flags++) {
		bool data = __builtin_popcount(flags & 7) == 1;
		bool action = __builtin_popcount(flags & 0x38) == 1;
		bool ok = data && action && flags < 0x40;
		size_t extra = flags & VFU_IRQ_DATA_BOOL ? 2 : 0;

		assert_int_equal(irqs_ret(flags, 2, 0, 2, extra, 0), ok ? 0 : -EINVAL);
	}
	assert_int_equal(irqs_ret(0x80000021, 2, 0, 2, 0, 0), -EINVAL);
}

static void set_irqs_data(void **state)
{
	(void)state;
	assert_int_equal(irqs_ret(0x22, 2, 0, 4, 4, 0), 0);
	assert_int_equal(irqs_ret(0x22, 2, 0, 4, 3, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x22, 2, 0, 4, 5, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x22, 2, 0, 4, 4, 1), -EINVAL); /* fds with BOOL */
	assert_int_equal(irqs_ret(0x21, 2, 0, 4, 0, 4), -EINVAL); /* fds with NONE */
	assert_int_equal(irqs_ret(0x24, 2, 0, 4, 0, 4), 0);
	assert_int_equal(irqs_ret(0x24, 2, 0, 4, 0, 0), 0); /* de-assign */
	assert_int_equal(irqs_ret(0x24, 2, 0, 4, 0, 3), -EINVAL);
	assert_int_equal(irqs_ret(0x24, 2, 0, 4, 0, 5), -EINVAL);
}

static void set_irqs_counts_and_indices(void **state)
{
	struct vfu_msg_set_irqs set = {19, 0x21, 2, 0, 1};

	(void)state;
	assert_int_equal(irqs_ret(0x21, 5, 0, 1, 0, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x21, 2, 0, 0, 0, 0), 0); /* disable */
	assert_int_equal(irqs_ret(0x21, 2, 1, 0, 0, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x22, 2, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x24, 2, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x09, 2, 0, 0, 0, 0), -EINVAL);
	assert_int_equal(irqs_ret(0x11, 2, 0, 0, 0, 0), -EINVAL);
	for (uint32_t index = VFU_IRQ_INDEX_ERR; index <= VFU_IRQ_INDEX_REQ; index++) {
		assert_int_equal(irqs_ret(0x24, index, 0, 1, 0, 1), 0);
		assert_int_equal(irqs_ret(0x24, index, 0, 2, 0, 2), -EINVAL);
		assert_int_equal(irqs_ret(0x09, index, 0, 1, 0, 0), -EINVAL);
		assert_int_equal(irqs_ret(0x11, index, 0, 1, 0, 0), -EINVAL);
	}
	assert_int_equal(vfu_decode_set_irqs(&set, sizeof(set), 0, &set), -EINVAL); /* argsz */
	set.argsz = VFU_MAX_MSG + 1;
	assert_int_equal(vfu_decode_set_irqs(&set, sizeof(set), 0, &set), -EINVAL);
	set.argsz = 20;
	assert_int_equal(vfu_decode_set_irqs(&set, 19, 0, &set), -EINVAL);
	assert_int_equal(vfu_decode_set_irqs(&set, sizeof(set), 0, &set), 0);
}

static void irq_range_does_not_wrap(void **state)
{
	struct vfu_msg_set_irqs set = {.start = 19, .count = 1};

	(void)state;
	assert_true(vfu_irq_range_ok(&set, 20));
	set.count = 2;
	assert_false(vfu_irq_range_ok(&set, 20));
	set = (struct vfu_msg_set_irqs){.start = 20, .count = 1};
	assert_false(vfu_irq_range_ok(&set, 20));
	set = (struct vfu_msg_set_irqs){.start = UINT32_MAX, .count = 2};
	assert_false(vfu_irq_range_ok(&set, 20));
	set = (struct vfu_msg_set_irqs){.start = 1, .count = UINT32_MAX};
	assert_false(vfu_irq_range_ok(&set, 20));
}

static void region_access_checks(void **state)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[8];
	} msg = {.access = {0, 0, 8}};
	struct vfu_msg_region_access got;

	(void)state;
	assert_int_equal(vfu_decode_region_access(&msg, 16, false, &got), 0);
	assert_int_equal(vfu_decode_region_access(&msg, 15, false, &got), -EINVAL);
	assert_int_equal(vfu_decode_region_access(&msg, 24, true, &got), 0);
	assert_int_equal(vfu_decode_region_access(&msg, 23, true, &got), -EINVAL);
	msg.access.region = 9;
	assert_int_equal(vfu_decode_region_access(&msg, 24, true, &got), -EINVAL);
	msg.access = (struct vfu_msg_region_access){0, 0, VFU_MAX_DATA};
	assert_int_equal(vfu_decode_region_access(&msg, 16, false, &got), 0);
	msg.access.count++;
	assert_int_equal(vfu_decode_region_access(&msg, 16, false, &got), -EINVAL);
	msg.access.count = UINT32_MAX;
	assert_int_equal(vfu_decode_region_access(&msg, 24, true, &got), -EINVAL);
}

static int feature_ret(uint32_t argsz, uint32_t flags, size_t len)
{
	struct vfu_msg_feature feature = {argsz, flags};

	return vfu_decode_feature(&feature, len, &feature);
}

static void feature_checks(void **state)
{
	(void)state;
	assert_int_equal(feature_ret(8, VFU_FEATURE_SET, 8), 0);
	assert_int_equal(feature_ret(8, VFU_FEATURE_GET | 5, 8), 0);
	assert_int_equal(feature_ret(8, VFU_FEATURE_PROBE | 5, 8), 0);
	assert_int_equal(
		feature_ret(8, VFU_FEATURE_PROBE | VFU_FEATURE_GET | VFU_FEATURE_SET, 8), 0);
	assert_int_equal(feature_ret(8, VFU_FEATURE_GET | VFU_FEATURE_SET, 8), -EINVAL);
	assert_int_equal(feature_ret(8, 5, 8), -EINVAL);
	assert_int_equal(feature_ret(8, VFU_FEATURE_SET | 0x80000, 8), -EINVAL);
	assert_int_equal(feature_ret(7, VFU_FEATURE_SET, 8), -EINVAL);
	assert_int_equal(feature_ret(8, VFU_FEATURE_SET, 7), -EINVAL);
}

static void info_checks(void **state)
{
	uint32_t words[8] = {32};
	struct vfu_msg_device_info device;
	struct vfu_msg_region_info region;
	struct vfu_msg_irq_info irq;
	struct vfu_msg_io_fds fds;

	(void)state;
	assert_int_equal(vfu_decode_device_info(words, 16, &device), 0);
	assert_int_equal(vfu_decode_device_info(words, 15, &device), -EINVAL);
	assert_int_equal(vfu_decode_region_info(words, 32, &region), 0);
	assert_int_equal(vfu_decode_region_info(words, 31, &region), -EINVAL);
	assert_int_equal(vfu_decode_irq_info(words, 16, &irq), 0);
	assert_int_equal(vfu_decode_irq_info(words, 15, &irq), -EINVAL);
	assert_int_equal(vfu_decode_io_fds(words, 16, &fds), 0);
	assert_int_equal(vfu_decode_io_fds(words, 15, &fds), -EINVAL);
	words[2] = 5;
	assert_int_equal(vfu_decode_irq_info(words, 16, &irq), -EINVAL);
	words[2] = 9;
	assert_int_equal(vfu_decode_region_info(words, 32, &region), -EINVAL);
	assert_int_equal(vfu_decode_io_fds(words, 16, &fds), -EINVAL);
	words[2] = 0;
	words[3] = 1;
	assert_int_equal(vfu_decode_io_fds(words, 16, &fds), -EINVAL); /* count */
	words[3] = 0;
	words[1] = 1;
	assert_int_equal(vfu_decode_io_fds(words, 16, &fds), -EINVAL); /* flags */
	words[1] = 0;
	words[0] = 15;
	assert_int_equal(vfu_decode_device_info(words, 16, &device), -EINVAL);
	assert_int_equal(vfu_decode_irq_info(words, 16, &irq), -EINVAL);
	assert_int_equal(vfu_decode_io_fds(words, 16, &fds), -EINVAL);
	words[0] = 31;
	assert_int_equal(vfu_decode_region_info(words, 32, &region), -EINVAL);
}

static void dma_access_checks(void **state)
{
	struct {
		struct vfu_msg_dma_access access;
		uint8_t data[8];
	} msg = {.access = {0x1000, 8}};
	struct vfu_msg_dma_access got;

	(void)state;
	assert_int_equal(vfu_decode_dma_access(&msg, 16, false, 8, &got), 0);
	assert_int_equal(vfu_decode_dma_access(&msg, 16, false, 7, &got), -EINVAL);
	assert_int_equal(vfu_decode_dma_access(&msg, 15, false, 8, &got), -EINVAL);
	assert_int_equal(vfu_decode_dma_access(&msg, 24, true, 8, &got), 0);
	assert_int_equal(vfu_decode_dma_access(&msg, 23, true, 8, &got), -EINVAL);
	msg.access.addr = UINT64_MAX - 7;
	assert_int_equal(vfu_decode_dma_access(&msg, 16, false, 8, &got), -EINVAL);
	msg.access = (struct vfu_msg_dma_access){0, 0};
	assert_int_equal(vfu_decode_dma_access(&msg, 16, false, 8, &got), -EINVAL);
}

/* VERSION with text as JSON; NULL = none. */
static int version_ret(const char *text, struct vfu_client_caps *caps)
{
	char buf[VFU_VERSION_JSON_MAX + 64] = {0};
	size_t len = text ? strlen(text) + 1 : 0;
	const char *why = NULL;
	int ret;

	if (len)
		memcpy(buf + 4, text, len);
	ret = vfu_version_decode(buf, 4 + len, caps, &why);
	assert_true((ret == 0) == (why == NULL) || ret == 0);
	return ret;
}

static void version_defaults(void **state)
{
	static const char *const texts[] = {NULL, "", "{}", "{\"capabilities\":{}}",
					    "{\"x\":1,\"capabilities\":{\"new_key\":[1]}}"};
	struct vfu_client_caps caps;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		memset(&caps, 0xee, sizeof(caps));
		assert_int_equal(version_ret(texts[i], &caps), 0);
		assert_int_equal(caps.max_msg_fds, 1);
		assert_int_equal(caps.max_data_xfer, VFU_MAX_DATA);
		assert_int_equal(caps.has_json, i >= 2);
		assert_false(caps.write_multiple);
		assert_false(caps.shows_token);
		assert_string_equal(caps.vf_token, "");
	}
}

static void version_values(void **state)
{
	struct vfu_client_caps caps;

	(void)state;
	assert_int_equal(version_ret("{\"capabilities\":{\"max_msg_fds\":8,"
				     "\"max_data_xfer_size\":4096,\"write_multiple\":true,"
				     "\"vf_token\":\"6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001\"}}",
				     &caps),
			 0);
	assert_int_equal(caps.max_msg_fds, 8);
	assert_int_equal(caps.max_data_xfer, 4096);
	assert_true(caps.write_multiple);
	assert_true(caps.shows_token);
	assert_string_equal(caps.vf_token, "6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001");
	/* Ours is the smaller one. */
	assert_int_equal(
		version_ret("{\"capabilities\":{\"max_data_xfer_size\":67108864}}", &caps), 0);
	assert_int_equal(caps.max_data_xfer, VFU_MAX_DATA);
}

static void version_refuses(void **state)
{
	static const char *const caps_texts[] = {
		"\"max_msg_fds\":\"many\"",
		"\"max_msg_fds\":-1",
		"\"max_msg_fds\":1025",
		"\"max_msg_fds\":1.5",
		"\"max_data_xfer_size\":0",
		"\"max_data_xfer_size\":\"1\"",
		"\"max_dma_maps\":[]",
		"\"pgsizes\":0",
		"\"migration\":\"yes\"",
		"\"migration\":{\"pgsize\":\"4096\"}",
		"\"migration\":{\"pgsize\":4095}",
		"\"write_multiple\":1",
		"\"vf_token\":1",
		"\"vf_token\":\"6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b00012\"",
		"\"vf_token\":\"a\\u0000b\"",
	};
	static const char *const texts[] = {
		"{",
		"[]",
		"1",
		"null",
		"{\"capabilities\":\"x\"}",
		"{\"capabilities\":[]}",
		"{} {}",
		"garbage",
		"{\"a\":[[[[[[[[[1]]]]]]]]]}",
		"{\"a\":\"\xff\"}",
	};
	struct vfu_client_caps caps;
	char text[256];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(version_ret(texts[i], &caps), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(caps_texts); i++) {
		snprintf(text, sizeof(text), "{\"capabilities\":{%s}}", caps_texts[i]);
		assert_int_equal(version_ret(text, &caps), -EINVAL);
	}
}

static void version_bytes(void **state)
{
	struct vfu_client_caps caps;
	uint8_t buf[4 + VFU_VERSION_JSON_MAX + 1] = {0, 0, 3, 0, '{', '}', 0};
	const char *why = NULL;

	(void)state;
	assert_int_equal(vfu_version_decode(buf, 7, &caps, &why), 0);
	assert_int_equal(caps.minor, 3);
	assert_int_equal(vfu_version_decode(buf, 3, &caps, &why), -EINVAL);
	assert_int_equal(vfu_version_decode(buf, 6, &caps, &why), -EINVAL);
	assert_string_equal(why, "the JSON text does not end in NUL");
	memset(buf + 6, ' ', sizeof(buf) - 7);
	assert_int_equal(vfu_version_decode(buf, sizeof(buf), &caps, &why), -EINVAL);
	assert_string_equal(why, "the JSON text is longer than 4096 bytes");
	buf[sizeof(buf) - 2] = 0;
	assert_int_equal(vfu_version_decode(buf, sizeof(buf) - 1, &caps, &why), 0);
	buf[0] = 1;
	assert_int_equal(vfu_version_decode(buf, 4, &caps, &why), -EINVAL);
	assert_string_equal(why, "the major version is not 0");
}

static void version_reply_fits_qemu(void **state)
{
	uint8_t buf[VFU_VERSION_REPLY_MAX];
	struct vfu_client_caps caps;
	size_t len = vfu_version_encode_reply(buf, sizeof(buf), 0);

	(void)state;
	assert_true(len + sizeof(struct vfu_header) <= 190);
	assert_int_equal(vfu_version_decode(buf, len, &caps, NULL), 0);
	assert_int_equal(caps.minor, 0);
	assert_true(caps.has_json);
	assert_int_equal(caps.max_msg_fds, 16);
	assert_false(caps.write_multiple);
	/* Never above our own. */
	vfu_version_encode_reply(buf, sizeof(buf), 9);
	assert_int_equal(vfu_version_decode(buf, len, &caps, NULL), 0);
	assert_int_equal(caps.minor, VFU_MINOR);
}

static void version_request_carries_token(void **state)
{
	static const char *const tokens[] = {"6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001", "",
					     "\"},{\\"};
	uint8_t buf[VFU_VERSION_JSON_MAX];
	struct vfu_client_caps caps;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tokens); i++) {
		int len = vfu_version_encode_request(buf, sizeof(buf), tokens[i]);

		assert_true(len > 0);
		assert_int_equal(vfu_version_decode(buf, (size_t)len, &caps, NULL), 0);
		assert_true(caps.shows_token);
		assert_string_equal(caps.vf_token, tokens[i]);
		assert_int_equal(caps.max_data_xfer, VFU_MAX_DATA);
	}
	assert_true(vfu_version_encode_request(buf, sizeof(buf), NULL) > 0);
	assert_int_equal(vfu_version_encode_request(buf, sizeof(buf),
						    "6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b00012"),
			 -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_size_is_bounded),
		cmocka_unit_test(header_error_is_sane),
		cmocka_unit_test(posted_request_names_what_there_is),
		cmocka_unit_test(header_reply_echoes),
		cmocka_unit_test(range_does_not_wrap),
		cmocka_unit_test(dma_map_flags),
		cmocka_unit_test(dma_map_ranges),
		cmocka_unit_test(dma_unmap_checks),
		cmocka_unit_test(set_irqs_flags),
		cmocka_unit_test(set_irqs_data),
		cmocka_unit_test(set_irqs_counts_and_indices),
		cmocka_unit_test(irq_range_does_not_wrap),
		cmocka_unit_test(region_access_checks),
		cmocka_unit_test(feature_checks),
		cmocka_unit_test(info_checks),
		cmocka_unit_test(dma_access_checks),
		cmocka_unit_test(version_defaults),
		cmocka_unit_test(version_values),
		cmocka_unit_test(version_refuses),
		cmocka_unit_test(version_bytes),
		cmocka_unit_test(version_reply_fits_qemu),
		cmocka_unit_test(version_request_carries_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
