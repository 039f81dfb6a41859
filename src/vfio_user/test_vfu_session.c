/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole sessions as QEMU, Cloud Hypervisor and SPDK hold them, and the same cut to pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

struct step {
	uint16_t command;
	uint32_t flags;
	uint8_t payload[256];
	size_t len;
	unsigned nfds;
};

#define MAX_STEPS 48

struct session {
	struct step steps[MAX_STEPS];
	unsigned num;
};

static void step(struct session *session, uint16_t command, const void *payload, size_t len,
		 unsigned nfds)
{
	struct step *step = &session->steps[session->num++];

	assert_true(session->num <= MAX_STEPS && len <= sizeof(step->payload));
	*step = (struct step){.command = command, .len = len, .nfds = nfds};
	if (len)
		memcpy(step->payload, payload, len);
}

static void step_region(struct session *session, uint32_t index, uint32_t argsz)
{
	struct vfu_msg_region_info info = {.argsz = argsz, .index = index};

	step(session, VFU_CMD_GET_REGION_INFO, &info, sizeof(info), 0);
}

static void step_access(struct session *session, uint16_t command, uint32_t region,
			uint64_t offset, uint32_t count, uint32_t flags)
{
	struct {
		struct vfu_msg_region_access access;
		uint8_t data[8];
	} msg = {{offset, region, count}, {1, 2, 3, 4, 5, 6, 7, 8}};

	step(session, command, &msg, 16 + (command == VFU_CMD_REGION_WRITE ? count : 0), 0);
	session->steps[session->num - 1].flags = flags;
}

static void step_map(struct session *session, uint64_t addr, uint64_t size, uint32_t flags,
		     unsigned nfds)
{
	struct vfu_msg_dma_map map = {.argsz = 32, .flags = flags, .addr = addr, .size = size};

	step(session, VFU_CMD_DMA_MAP, &map, sizeof(map), nfds);
}

static void step_irqs(struct session *session, uint32_t flags, uint32_t index, uint32_t start,
		      uint32_t count, unsigned nfds)
{
	struct vfu_msg_set_irqs set = {20, flags, index, start, count};

	step(session, VFU_CMD_SET_IRQS, &set, sizeof(set), nfds);
}

/* What QEMU 11.1 sends, in its order. */
static void qemu_session(struct session *session)
{
	struct version version = {0, 0, QEMU_JSON};
	struct vfu_msg_device_info info = {.argsz = 16};
	struct vfu_msg_irq_info irq = {.argsz = 16, .index = VFU_IRQ_INDEX_ERR};
	struct vfu_msg_dma_unmap unmap = {24, 0, 0, 0x80000000};

	memset(session, 0, sizeof(*session));
	step(session, VFU_CMD_VERSION, &version, version_len(&version), 0);
	step_map(session, 0, 0x80000000, 3, 1);
	step_map(session, 0xfffc0000, 0x40000, 1, 0); /* ROM */
	step_map(session, 0x100000000, 0x80000000, 3, 1);
	step(session, VFU_CMD_GET_INFO, &info, sizeof(info), 0);
	for (uint32_t i = 0; i <= VFU_REGION_INDEX_BAR5; i++)
		step_region(session, i, 32);
	step_region(session, 0, 64);
	step_region(session, VFU_REGION_INDEX_CONFIG, 32);
	step(session, VFU_CMD_GET_IRQ_INFO, &irq, sizeof(irq), 0);
	step_access(session, VFU_CMD_REGION_READ, VFU_REGION_INDEX_CONFIG, 0, 4096, 0);
	step_access(session, VFU_CMD_REGION_WRITE, VFU_REGION_INDEX_CONFIG, 0x30, 4, 0);
	step_irqs(session, 0x24, VFU_IRQ_INDEX_ERR, 0, 1, 1);
	step_access(session, VFU_CMD_REGION_WRITE, VFU_REGION_INDEX_CONFIG, 4, 2, 0);
	step(session, VFU_CMD_DEVICE_RESET, NULL, 0, 0);
	step_irqs(session, 0x24, VFU_IRQ_INDEX_MSIX, 0, 1, 0); /* enable: no fd yet */
	step_irqs(session, 0x24, VFU_IRQ_INDEX_MSIX, 0, 1, 1);
	step_irqs(session, 0x24, VFU_IRQ_INDEX_MSIX, 1, 1, 1);
	step_access(session, VFU_CMD_REGION_WRITE, 0, 0x10, 4, VFU_F_NO_REPLY); /* posted */
	step_access(session, VFU_CMD_REGION_READ, 0, 0x10, 4, 0);
	step_irqs(session, 0x24, VFU_IRQ_INDEX_ERR, 0, 1, 0); /* unplug */
	step_irqs(session, 0x21, VFU_IRQ_INDEX_MSIX, 0, 0, 0);
	step(session, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 0);
}

static const char qemu_log[] = "version 0.0\n"
			       "map 0+0x80000000@0 prot 3 fd\n"
			       "map 0xfffc0000+0x40000@0 prot 1 -\n"
			       "map 0x100000000+0x80000000@0 prot 3 fd\n"
			       "read 7 0 4096\n"
			       "write 7 0x30 4\n"
			       "irqs 3 0+1 data 4 action 0x20 fd\n"
			       "write 7 0x4 2\n"
			       "reset\n"
			       "irqs 2 0+1 data 4 action 0x20\n"
			       "irqs 2 0+1 data 4 action 0x20 fd\n"
			       "irqs 2 1+1 data 4 action 0x20 fd\n"
			       "write 0 0x10 4\n"
			       "read 0 0x10 4\n"
			       "irqs 3 0+1 data 4 action 0x20\n"
			       "irqs 2 0+0 data 1 action 0x20\n"
			       "unmap 0+0x80000000\n";

struct transcript {
	uint8_t bytes[65536];
	size_t len;
	unsigned fds;
};

static void drain(struct rig *rig, struct transcript *out)
{
	const void *buf;
	const int *fds;
	unsigned nfds;
	size_t len;

	while ((len = vfu_conn_output(rig->conn, &buf, &fds, &nfds))) {
		assert_true(out->len + len <= sizeof(out->bytes));
		memcpy(out->bytes + out->len, buf, len);
		out->len += len;
		out->fds += nfds;
		vfu_conn_sent(rig->conn, len);
	}
}

/* Feeds the session in pieces of chunk bytes (0 = a message at a time); fds go with first
 * bytes. */
static void play(struct rig *rig, const struct session *session, size_t chunk,
		 struct transcript *out)
{
	for (unsigned i = 0; i < session->num; i++) {
		const struct step *s = &session->steps[i];
		uint8_t buf[512];
		size_t len =
			msg_put(buf, (uint16_t)i, s->command, s->flags, s->payload, s->len);

		for (size_t at = 0; at < len;) {
			size_t n = chunk ? MIN(chunk, len - at) : len;
			unsigned nfds = at ? 0 : s->nfds;
			int fds[16];

			for (unsigned j = 0; j < nfds; j++)
				fds[j] = open_null();
			assert_int_equal(vfu_conn_input(rig->conn, buf + at, n, fds, nfds, 64),
					 0);
			at += n;
		}
		drain(rig, out);
	}
}

static void session_split_anywhere_is_the_same(void **state)
{
	static const size_t chunks[] = {1, 2, 3, 7, 15, 16, 17, 33};
	static struct transcript whole, split;
	static struct session session;
	struct rig *rig = rig_new();

	(void)state;
	qemu_session(&session);
	memset(&whole, 0, sizeof(whole));
	play(rig, &session, 0, &whole);
	assert_string_equal(rig->mock.log, qemu_log);
	assert_int_equal(whole.fds, 2); /* BAR1 at once, BAR0 when asked for all of it */
	rig_free(rig);
	for (size_t i = 0; i < ARRAY_SIZE(chunks); i++) {
		rig = rig_new();
		memset(&split, 0, sizeof(split));
		play(rig, &session, chunks[i], &split);
		assert_string_equal(rig->mock.log, qemu_log);
		assert_int_equal(split.fds, whole.fds);
		assert_int_equal(split.len, whole.len);
		assert_memory_equal(split.bytes, whole.bytes, whole.len);
		rig_free(rig);
	}
}

static void qemu_transcript(void **state)
{
	static struct transcript out;
	static struct session session;
	struct rig *rig = rig_new();
	size_t at = 0;
	unsigned replies = 0;

	(void)state;
	qemu_session(&session);
	memset(&out, 0, sizeof(out));
	play(rig, &session, 0, &out);
	for (unsigned i = 0; i < session.num; i++) {
		struct vfu_header hdr;

		if (session.steps[i].flags & VFU_F_NO_REPLY)
			continue;
		memcpy(&hdr, out.bytes + at, sizeof(hdr));
		assert_int_equal(hdr.msg_id, i);
		assert_int_equal(hdr.command, session.steps[i].command);
		assert_int_equal(hdr.flags, VFU_F_TYPE_REPLY);
		at += hdr.msg_size;
		replies++;
	}
	assert_int_equal(at, out.len);
	assert_int_equal(replies, session.num - 1);
	rig_free(rig);
}

/* Cloud Hypervisor: facts 4.1. Every struct must come in full; batches of 16 vectors. */
static void cloud_hypervisor_transcript(void **state)
{
	static struct transcript out;
	static struct session session;
	struct version version = {0, 1, "{\"capabilities\":{\"max_msg_fds\":8}}"};
	struct vfu_msg_device_info info = {.argsz = 16};
	struct rig *rig = rig_new();

	(void)state;
	memset(&session, 0, sizeof(session));
	memset(&out, 0, sizeof(out));
	step(&session, VFU_CMD_VERSION, &version, version_len(&version), 0);
	step(&session, VFU_CMD_GET_INFO, &info, sizeof(info), 0);
	for (uint32_t i = 0; i < VFU_REGION_INDEX_NUM; i++)
		step_region(&session, i, 64);
	step_access(&session, VFU_CMD_REGION_READ, VFU_REGION_INDEX_CONFIG, 0x34, 1, 0);
	step_map(&session, 0, 0x40000000, 3, 1);
	step_access(&session, VFU_CMD_REGION_WRITE, VFU_REGION_INDEX_CONFIG, 0x10, 4, 0);
	step_irqs(&session, 0x24, VFU_IRQ_INDEX_MSIX, 0, 16, 16);
	step_irqs(&session, 0x24, VFU_IRQ_INDEX_MSIX, 16, 4, 4);
	play(rig, &session, 0, &out);
	assert_string_equal(
		rig->mock.log,
		"version 0.1\nread 7 0x34 1\nmap 0+0x40000000@0 prot 3 fd\n"
		"write 7 0x10 4\n"
		"irqs 2 0+16 data 4 action 0x20 fd fd fd fd fd fd fd fd fd fd fd fd fd fd"
		" fd fd\n"
		"irqs 2 16+4 data 4 action 0x20 fd fd fd fd\n");
	/* BAR0's and BAR1's. Absent regions have no file. */
	assert_int_equal(out.fds, 2);
	rig_free(rig);
}

/* SPDK: facts 4.3. No JSON, id 0, 4064 bytes where 32 are meant, an fd on DMA_UNMAP. */
static void spdk_transcript(void **state)
{
	struct rig *rig = rig_new();
	struct vfu_msg_dma_unmap unmap = {24, 0, 0x200000, 0x200000};
	struct vfu_msg_dma_map map = {
		.argsz = 32, .flags = 3, .addr = 0x200000, .size = 0x200000};
	uint8_t page[4064] = {0};
	uint16_t version[2] = {0, 1};
	struct vfu_msg_region_info info = {.argsz = sizeof(page)};
	struct got got;

	(void)state;
	expect_ok(rig, VFU_CMD_VERSION, version, sizeof(version), 0, &got);
	memcpy(page, &info, sizeof(info));
	expect_ok(rig, VFU_CMD_GET_REGION_INFO, page, sizeof(page), 0, &got);
	assert_int_equal(got.len, 64);
	assert_int_equal(got.nfds, 1);
	expect_ok(rig, VFU_CMD_DMA_MAP, &map, sizeof(map), 1, &got);
	expect_ok(rig, VFU_CMD_DMA_UNMAP, &unmap, sizeof(unmap), 1, &got);
	assert_memory_equal(got.payload, &unmap, sizeof(unmap));
	rig_free(rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(session_split_anywhere_is_the_same),
		cmocka_unit_test(qemu_transcript),
		cmocka_unit_test(cloud_hypervisor_transcript),
		cmocka_unit_test(spdk_transcript),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
