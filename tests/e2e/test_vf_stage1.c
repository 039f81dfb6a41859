/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Nested translation on a real ladond: a driver process gives the card its own virtual
 * addresses, and takes them away again while frames come in.
 */
#include "e2e.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define RING	      64u
#define CANARY	      0xc5
#define CANARY_ROUNDS 100
#define SRRCTL_2K     (SRRCTL_DROP_EN | SRRCTL_ONEBUF | 2)
#define SCRATCH	      0x7e0000000000ull /* an address that the process does not use */

static struct e2e_frame f;

/* A receive ring of VF 1 whose base is a pointer. */
static void ring_by_pointer(struct e2e_ring *r, struct ladon_stage1 **ret_stage1)
{
	uintptr_t base;

	e2e_ring_start(r, 1, true, RING, SRRCTL_2K);
	e2e_write(1, VF_RXDCTL, 0);
	e2e_read(1, VF_STATUS);
	assert_int_equal(ladon_stage1_open(e2e.fn[1], ret_stage1), 0);
	assert_int_equal(ladon_stage1_map_dma(*ret_stage1, r->dma), 0);
	base = (uintptr_t)r->desc;
	e2e_write(1, VF_RDBAL, (uint32_t)base);
	e2e_write(1, VF_RDBAL + 4, (uint32_t)(base >> 32));
	e2e_write(1, VF_RDH, 0);
	e2e_write(1, VF_RDT, 0);
	e2e_write(1, VF_RXDCTL, DCTL_ENABLE);
}

static void ring_fill(struct e2e_ring *r, uint64_t buf)
{
	for (uint32_t i = 0; i < RING; i++) {
		r->desc[i].addr = buf + i * 2048ull;
		r->desc[i].hdr_addr = 0;
	}
	e2e_write(1, VF_RDT, RING - 1);
}

static bool await_frame(const struct e2e_ring *r, uint32_t i)
{
	uint64_t end = e2e_now_us() + 2000000;

	while (!(r->desc[i].cmd_type_len & RXD_DD) && e2e_now_us() < end)
		;
	return r->desc[i].cmd_type_len & RXD_DD;
}

static void frames_arrive_at_pointers(void **state)
{
	struct ladon_stage1 *stage1;
	struct e2e_ring r;

	(void)state;
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	ring_by_pointer(&r, &stage1);
	ring_fill(&r, (uintptr_t)r.buf);
	for (uint32_t i = 0; i < 20; i++) {
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 700 + i, (uint8_t)i);
		e2e_send(0, &f);
		assert_true(await_frame(&r, i));
		assert_memory_equal(r.buf + i * 2048, f.bytes, f.len);
	}
	e2e_write(1, VF_RXDCTL, 0);
	ladon_stage1_close(stage1);
	e2e_ring_stop(&r);
}

static void maps_are_judged(void **state)
{
	struct ladon_stage1 *stage1;
	struct ladon_dma *dma;
	uint64_t iova;

	(void)state;
	e2e_attach(1);
	assert_int_equal(ladon_dma_alloc(e2e.fn[1], 8 << 20, LADON_DMA_HUGE, &dma), 0);
	iova = ladon_dma_iova(dma);
	assert_int_equal(ladon_stage1_open(e2e.fn[1], &stage1), 0);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH + 1, iova, 4096, 0), -EINVAL);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH, iova, 0, 0), -EINVAL);
	assert_int_equal(ladon_stage1_map(stage1, 1ull << 47, iova, 4096, 0), -EINVAL);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH, iova, 8 << 20, 0), 0);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH + 4096, iova, 4096, 0), -EEXIST);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH - 4096, iova, 8192, 0), -EEXIST);
	/* What was refused left nothing behind. */
	assert_int_equal(ladon_stage1_unmap(stage1, SCRATCH - 4096, 4096), -ENOENT);
	assert_int_equal(ladon_stage1_unmap(stage1, SCRATCH, 4096), -ENOENT);
	assert_int_equal(ladon_stage1_unmap(stage1, SCRATCH, 8 << 20), 0);
	assert_int_equal(ladon_stage1_unmap(stage1, SCRATCH, 8 << 20), -ENOENT);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH + 4096, iova, 8192, 0), 0);
	assert_int_equal(ladon_stage1_unmap(stage1, SCRATCH + 4096, 8192), 0);
	assert_int_equal(ladon_stage1_map(stage1, SCRATCH, iova, 2 << 20, 0), 0);
	ladon_stage1_close(stage1);
	ladon_stage1_close(NULL);
	assert_int_equal(ladon_dma_free(dma), 0);
}

static bool canary_alive(const uint8_t *p, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (((const volatile uint8_t *)p)[i] != CANARY)
			return false;
	return true;
}

/* Buffers at addresses of their own are taken away while the card writes to them. */
static void nothing_is_written_after_a_first_stage_unmap(void **state)
{
	struct ladon_stage1 *stage1;
	struct ladon_dma *dma;
	struct e2e_ring r;
	uint8_t *buf;
	size_t size;

	(void)state;
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	e2e_open(2, NULL);
	ring_by_pointer(&r, &stage1);
	assert_int_equal(ladon_dma_alloc(e2e.fn[1], RING * 2048, LADON_DMA_HUGE, &dma), 0);
	buf = ladon_dma_pointer(dma);
	size = ladon_dma_size(dma);
	for (unsigned round = 0; round < CANARY_ROUNDS; round++) {
		/* Every other round in small pages, which are not cached. */
		uint64_t at = SCRATCH + (round % 2 ? 4096 : 0);

		assert_int_equal(ladon_stage1_map(stage1, at, ladon_dma_iova(dma), size, 0), 0);
		e2e_write(1, VF_RXDCTL, 0);
		e2e_read(1, VF_STATUS);
		e2e_write(1, VF_RDH, 0);
		e2e_write(1, VF_RDT, 0);
		e2e_write(1, VF_RXDCTL, DCTL_ENABLE);
		ring_fill(&r, at);
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 1400, (uint8_t)round);
		for (unsigned i = 0; i < 40; i++)
			e2e_send(0, &f);
		assert_true(await_frame(&r, 0));
		assert_int_equal(ladon_stage1_unmap(stage1, at, size), 0);
		memset(buf, CANARY, size);
		for (unsigned i = 0; i < 10; i++)
			e2e_send(0, &f);
		e2e_expect_nothing(0, 2);
		assert_true(canary_alive(buf, size));
	}
	e2e_write(1, VF_RXDCTL, 0);
	ladon_stage1_close(stage1);
	e2e_ring_stop(&r);
	assert_int_equal(ladon_dma_free(dma), 0);
}

#define TEST(name) cmocka_unit_test_teardown(name, e2e_close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_arrive_at_pointers),
		TEST(maps_are_judged),
		TEST(nothing_is_written_after_a_first_stage_unmap),
	};

	return cmocka_run_group_tests_name("vf_stage1, mapped doorbells", tests,
					   e2e_setup_mapped, e2e_teardown);
}
