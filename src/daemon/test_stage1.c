/* SPDX-License-Identifier: BSD-3-Clause */
/* DEVICE_FEATUREs of nested translation: what is refused, what a client's own tables reach, and
 * that nothing of them outlives the client. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "card.h"
#include "fd.h"
#include "host.h"
#include "test_daemon.h"
#include "vfu_client.h"

#define MIB  (1ull << 20)
#define RW   (VFU_DMA_READ | VFU_DMA_WRITE)
#define SIZE (4 * MIB)
#define AT   (64 * MIB) /* where the memory is mapped */
#define VA   0x7ffff7a00000ull
#define BITS 7ull /* present, writable, user */

static struct test_daemon td;
static struct vfu_client *client;
static uint64_t *mem;
static int fd;

static struct function *served(void)
{
	return td.daemon->cards->functions[1];
}

static void connect_client(void)
{
	/* The one before may still be on its way out. */
	while (vfu_client_connect(test_daemon_socket(&td, "vf1"), NULL, &client) < 0)
		usleep(1000);
	assert_int_equal(vfu_client_dma_map(client, AT, SIZE, RW, fd, 0), 0);
}

static int setup(void **state)
{
	(void)state;
	test_daemon_start_card(&td, true);
	fd = fd_memfd("test", SIZE);
	mem = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(mem, MAP_FAILED);
	connect_client();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vfu_client_close(client);
	test_daemon_stop(&td);
	munmap(mem, SIZE);
	close(fd);
	return 0;
}

static int set(uint32_t levels, uint64_t root)
{
	struct vfu_feature_stage1 req = {.levels = levels, .root = root};

	return vfu_client_feature_set(client, VFU_FEATURE_LADON_STAGE1, &req, sizeof(req));
}

static int forget(uint64_t addr, uint64_t size)
{
	struct vfu_feature_stage1_inv req = {.addr = addr, .size = size};

	return vfu_client_feature_set(client, VFU_FEATURE_LADON_STAGE1_INV, &req, sizeof(req));
}

/* Pages 0 ... 3 of the memory: tables that lead from VA to its second half. */
static void build(void)
{
	static const unsigned shift[] = {39, 30, 21};

	for (unsigned i = 0; i < 3; i++)
		mem[i * 512 + (VA >> shift[i] & 511)] = (AT + (i + 1) * 4096) | BITS;
	mem[2 * 512 + (VA >> 21 & 511)] = (AT + 2 * MIB) | BITS | 0x80;
}

struct look {
	uint64_t addr;
	uint32_t need;
	bool found;
	uint64_t word; /* what lies there */
};

static void do_look(void *arg)
{
	struct look *look = arg;
	uint32_t len = 8;
	const uint64_t *p = iommu_xlate(served()->dom, look->addr, &len, look->need);

	look->found = p;
	look->word = p ? *p : 0;
}

static struct look look(uint64_t addr, uint32_t need)
{
	struct look l = {.addr = addr, .need = need};

	test_daemon_call(&td, do_look, &l);
	return l;
}

static void virtual_addresses_reach_the_memory(void **state)
{
	(void)state;
	build();
	mem[2 * MIB / 8 + 5] = 0x1122334455667788;
	assert_true(look(AT, IOMMU_READ).found);
	assert_int_equal(set(4, AT), 0);
	assert_int_equal(look(VA + 40, IOMMU_READ).word, 0x1122334455667788);
	assert_int_equal(look(VA + 40, IOMMU_WRITE).word, 0x1122334455667788);
	assert_false(look(AT, IOMMU_READ).found);
	assert_int_equal(set(0, 0), 0);
	assert_false(look(VA, IOMMU_READ).found);
	assert_true(look(AT, IOMMU_READ).found);
}

static void what_was_taken_away_is_gone_after_the_reply(void **state)
{
	(void)state;
	build();
	assert_int_equal(set(4, AT), 0);
	assert_true(look(VA, IOMMU_WRITE).found);
	mem[2 * 512 + (VA >> 21 & 511)] = 0;
	assert_true(look(VA, IOMMU_WRITE).found); /* cached */
	assert_int_equal(forget(VA, 2 * MIB), 0);
	assert_false(look(VA, IOMMU_READ).found);
	build();
	assert_true(look(VA, IOMMU_WRITE).found);
	mem[VA >> 39 & 511] = 0;
	assert_int_equal(forget(0, 0), 0);
	assert_false(look(VA, IOMMU_READ).found);
}

/* The second stage goes: nothing that was made of both stages is left. */
static void memory_that_is_unmapped_is_gone_from_both_stages(void **state)
{
	(void)state;
	build();
	assert_int_equal(set(4, AT), 0);
	assert_true(look(VA, IOMMU_WRITE).found);
	assert_int_equal(vfu_client_dma_unmap(client, AT, SIZE), 0);
	assert_false(look(VA, IOMMU_READ).found);
	assert_false(look(VA, IOMMU_WRITE).found);
}

static void bad_requests_are_refused(void **state)
{
	struct vfu_feature_stage1 odd = {.levels = 4, .reserved = 1, .root = AT};

	(void)state;
	assert_int_equal(set(3, AT), -EINVAL);
	assert_int_equal(set(6, AT), -EINVAL);
	assert_int_equal(set(4, AT + 8), -EINVAL);
	assert_int_equal(set(4, 1ull << 48), -EINVAL);
	assert_int_equal(
		vfu_client_feature_set(client, VFU_FEATURE_LADON_STAGE1, &odd, sizeof(odd)),
		-EINVAL);
	assert_int_equal(vfu_client_feature_set(client, VFU_FEATURE_LADON_STAGE1, &odd, 8),
			 -EINVAL);
	assert_int_equal(forget(UINT64_MAX, 2), -EINVAL);
	assert_true(look(AT, IOMMU_READ).found);
	assert_int_equal(forget(VA, 1ull << 50), 0); /* nothing is there: nothing to do */
	assert_int_equal(set(5, AT), 0);
}

/* Tables of garbage, and a root that is nowhere: whatever is found lies in the client's
 * memory. */
static void garbage_tables_reach_nothing_else(void **state)
{
	uint64_t seed = 7;

	(void)state;
	assert_int_equal(set(4, 3 * AT), 0);
	assert_false(look(VA, IOMMU_READ).found);
	for (unsigned i = 0; i < SIZE / 8; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		mem[i] = (seed & ~0xffff000000000000) | BITS;
		if (seed >> 61)
			mem[i] = (AT + (seed >> 20) % SIZE) | BITS;
	}
	assert_int_equal(set(4, AT), 0);
	for (unsigned i = 0; i < 2000; i++) {
		struct look l;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		l = look((seed >> 17 & ~7ull), IOMMU_WRITE);
		if (l.found) /* each word of the memory has these bits, nothing else has */
			assert_int_equal(l.word & BITS, BITS);
	}
	assert_int_equal(set(0, 0), 0);
	assert_true(look(AT, IOMMU_READ).found);
}

static void the_next_client_starts_without(void **state)
{
	(void)state;
	build();
	assert_int_equal(set(4, AT), 0);
	vfu_client_close(client);
	client = NULL;
	connect_client();
	assert_true(look(AT, IOMMU_READ).found);
	assert_false(look(VA, IOMMU_READ).found);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(virtual_addresses_reach_the_memory),
		TEST(what_was_taken_away_is_gone_after_the_reply),
		TEST(memory_that_is_unmapped_is_gone_from_both_stages),
		TEST(bad_requests_are_refused),
		TEST(garbage_tables_reach_nothing_else),
		TEST(the_next_client_starts_without),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
