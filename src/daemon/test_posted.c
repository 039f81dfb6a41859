/* SPDX-License-Identifier: BSD-3-Clause */
/* Posted interrupts and the interrupt window as a vfio-user client meets them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "card.h"
#include "fd.h"
#include "host.h"
#include "pi_desc.h"
#include "test_daemon.h"
#include "vfu_client.h"

#define PAGE	4096ull
#define AT	0x200000ull /* where the client's memory lies */
#define RW	(VFU_DMA_READ | VFU_DMA_WRITE)
#define VECTORS 3u

static struct test_daemon td;
static struct vfu_client *client;
static int fds[VECTORS], mem_fd;
static struct pi_desc *desc; /* at AT */

static int set_up(void **state)
{
	(void)state;
	test_daemon_start_card(&td, true);
	assert_int_equal(vfu_client_connect(test_daemon_socket(&td, "vf1"), NULL, &client), 0);
	for (unsigned v = 0; v < VECTORS; v++)
		fds[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	mem_fd = memfd_create("test", MFD_CLOEXEC);
	assert_int_equal(ftruncate(mem_fd, (off_t)(2 * PAGE)), 0);
	desc = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem_fd, 0);
	assert_ptr_not_equal(desc, MAP_FAILED);
	assert_int_equal(vfu_client_dma_map(client, AT, 2 * PAGE, RW, mem_fd, 0), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	vfu_client_close(client);
	client = NULL;
	test_daemon_stop(&td);
	munmap(desc, 2 * PAGE);
	fd_close_all(fds, VECTORS);
	fd_close(&mem_fd);
	return 0;
}

static struct function *served(void)
{
	return td.daemon->cards->functions[1];
}

static void do_force(void *arg)
{
	nic_intr_force(&served()->dev->intr, *(unsigned *)arg);
}

static void force(unsigned vector)
{
	test_daemon_call(&td, do_force, &vector);
}

static uint64_t got(unsigned v)
{
	uint64_t n = 0;

	return read(fds[v], &n, sizeof(n)) < 0 ? 0 : n;
}

static void give_eventfds(unsigned count)
{
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, count, fds), 0);
}

static int ask(uint32_t first, uint32_t count, uint64_t iova, uint32_t bit)
{
	struct vfu_feature_posted req = {first, count, iova, bit, 0};

	return vfu_client_feature_set(client, VFU_FEATURE_LADON_POSTED, &req, sizeof(req));
}

/* Entries of the host's table that are in use: the next ones given out are the lowest. */
static void do_count(void *arg)
{
	int next = ir_alloc(td.daemon->local.ir);

	assert_true(next >= 0);
	ir_free(td.daemon->local.ir, (unsigned)next);
	*(int *)arg = next;
}

static int entries_in_use(void)
{
	int n = -1;

	test_daemon_call(&td, do_count, &n);
	return n;
}

static void vectors_become_bits(void **state)
{
	(void)state;
	give_eventfds(1);
	assert_int_equal(ask(0, 3, AT + 64, 62), 0);
	force(0);
	force(1);
	force(2);
	assert_true(atomic_load(&desc[1].pir[0]) == 3ull << 62);
	assert_true(atomic_load(&desc[1].pir[1]) == 1);
	assert_true(atomic_load(&desc[1].control) == PI_ON);
	assert_int_equal(got(0), 1);
	assert_int_equal(entries_in_use(), 3);
	/* Nobody else's memory. */
	assert_true(atomic_load(&desc[0].pir[0]) == 0 && atomic_load(&desc[2].pir[0]) == 0);
}

static void posting_ends_as_it_began(void **state)
{
	(void)state;
	give_eventfds(2);
	assert_int_equal(ask(0, 3, AT, 0), 0);
	assert_int_equal(ask(0, 0, 0, 0), 0);
	for (unsigned v = 0; v < VECTORS; v++)
		force(v);
	assert_int_equal(got(0), 1);
	assert_int_equal(got(1), 1);
	assert_true(atomic_load(&desc->pir[0]) == 0);
	assert_int_equal(entries_in_use(), 2);
	/* New eventfds end it, too. */
	assert_int_equal(ask(1, 2, AT, 0), 0);
	give_eventfds(3);
	force(1);
	force(2);
	assert_int_equal(got(1), 1);
	assert_int_equal(got(2), 1);
	assert_true(atomic_load(&desc->pir[0]) == 0);
}

static void unmapping_the_descriptor_ends_it(void **state)
{
	(void)state;
	give_eventfds(3);
	assert_int_equal(ask(0, 3, AT + PAGE, 0), 0);
	assert_int_equal(vfu_client_dma_unmap(client, AT, 2 * PAGE), 0);
	force(2);
	assert_int_equal(got(2), 1);
	assert_true(atomic_load(&desc[PAGE / 64].pir[0]) == 0);
	assert_int_equal(ask(0, 3, AT, 0), -EFAULT);
}

static void do_unmap_all(void *arg)
{
	(void)arg;
	function_dma_unmap_all(served());
}

static void unmapping_everything_ends_it(void **state)
{
	(void)state;
	give_eventfds(1);
	assert_int_equal(ask(0, 1, AT, 0), 0);
	test_daemon_call(&td, do_unmap_all, NULL);
	force(0);
	assert_int_equal(got(0), 1);
	assert_true(atomic_load(&desc->pir[0]) == 0);
}

static void a_client_that_leaves_takes_its_entries_along(void **state)
{
	(void)state;
	give_eventfds(3);
	assert_int_equal(ask(0, 3, AT, 0), 0);
	assert_int_equal(entries_in_use(), 3);
	vfu_client_close(client);
	client = NULL;
	while (entries_in_use() != 0)
		;
	force(0);
	assert_true(atomic_load(&desc->pir[0]) == 0);
	assert_int_equal(got(0), 0);
}

static void what_makes_no_sense_is_refused(void **state)
{
	const struct {
		uint32_t first, count;
		uint64_t iova;
		uint32_t bit;
		int want;
	} rows[] = {
		{0, 4, AT, 0, -EINVAL},		 {3, 1, AT, 0, -EINVAL},
		{UINT32_MAX, 2, AT, 0, -EINVAL}, {0, UINT32_MAX, AT, 0, -EINVAL},
		{0, 1, AT + 32, 0, -EINVAL},	 {0, 1, AT, 256, -EINVAL},
		{0, 2, AT, 255, -EINVAL},	 {0, 1, AT, UINT32_MAX, -EINVAL},
		{1, 1, AT, 0, -EINVAL}, /* no eventfd */
		{0, 1, AT - 64, 0, -EFAULT},	 {0, 1, AT + 2 * PAGE, 0, -EFAULT},
		{0, 1, ~63ull, 0, -EFAULT},	 {0, 1, 0xfee00000, 0, -EFAULT},
	};
	struct vfu_feature_posted req = {0, 1, AT, 0, 0};
	char buf[64];

	(void)state;
	assert_int_equal(ask(0, 1, AT, 0), -EINVAL); /* no interrupts at all */
	give_eventfds(1);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		int ret = ask(rows[i].first, rows[i].count, rows[i].iova, rows[i].bit);

		if (ret != rows[i].want)
			fail_msg("row %u: %d", i, ret);
	}
	assert_int_equal(vfu_client_feature_set(client, VFU_FEATURE_LADON_POSTED, &req, 23),
			 -EINVAL);
	req.reserved = 1;
	assert_int_equal(vfu_client_feature_set(client, VFU_FEATURE_LADON_POSTED, &req, 24),
			 -EINVAL);
	assert_string_equal(
		test_daemon_get(&td, "vf show nic0 1", "posted_vectors", buf, sizeof(buf)),
		"0");
	force(0);
	assert_int_equal(got(0), 1);
}

static void read_only_memory_takes_no_descriptor(void **state)
{
	(void)state;
	give_eventfds(1);
	assert_int_equal(vfu_client_dma_map(client, 0, PAGE, VFU_DMA_READ, mem_fd, 0), 0);
	assert_int_equal(ask(0, 1, 0, 0), -EFAULT);
	assert_int_equal(vfu_client_dma_map(client, 0x10000, PAGE, RW, -1, 0), 0);
	assert_int_equal(ask(0, 1, 0x10000, 0), -EFAULT); /* no file */
}

static void nothing_is_mapped_over_the_window(void **state)
{
	static const uint64_t rows[][2] = {{0xfee00000, PAGE},
					   {0xfeeff000, PAGE},
					   {0xfedff000, 2 * PAGE},
					   {0xfee01000, PAGE},
					   {0xfeeff000, 2 * PAGE}};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(
			vfu_client_dma_map(client, rows[i][0], rows[i][1], RW, mem_fd, 0),
			-EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 0, 8ull << 30, RW, -1, 0), -EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 0xfedff000, PAGE, RW, mem_fd, 0), 0);
	assert_int_equal(vfu_client_dma_map(client, 0xfef00000, PAGE, RW, mem_fd, 0), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(vectors_become_bits),
		T(posting_ends_as_it_began),
		T(unmapping_the_descriptor_ends_it),
		T(unmapping_everything_ends_it),
		T(a_client_that_leaves_takes_its_entries_along),
		T(what_makes_no_sense_is_refused),
		T(read_only_memory_takes_no_descriptor),
		T(nothing_is_mapped_over_the_window),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
