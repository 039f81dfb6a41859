/* SPDX-License-Identifier: BSD-3-Clause */
/* Attaching, registers, DMA memory and interrupts, against a fake server. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <ladon/ladon.h>

#include "fake_server.h"
#include "fd.h"

#define MIB2 0x200000ull

static struct fake fake;
static struct ladon_function *fn;

static void attach(const struct fake *how)
{
	int fd;

	fake = how ? *how : (struct fake){0};
	fd = fake_start(&fake);
	assert_int_equal(ladon_function_attach_fd(fd, NULL, &fn), 0);
}

static void detach(void)
{
	ladon_function_detach(fn);
	fake_stop(&fake);
}

static void attaching_resets_once_and_reads_ids(void **state)
{
	struct ladon_ids ids;

	(void)state;
	attach(NULL);
	assert_int_equal(fake.resets, 1);
	assert_int_equal(ladon_function_ids(fn, &ids), 0);
	assert_int_equal(ids.vendor, 0x8086);
	assert_int_equal(ids.device, 0x10ca);
	assert_int_equal(ids.class_code, 0x020000);
	assert_int_equal(ids.revision, 1);
	assert_int_equal(ids.subsys_device, 0xa03c);
	assert_int_equal(ladon_irq_count(fn), 3);
	assert_int_equal(ladon_bar_size(fn, 0), FAKE_BAR0);
	assert_int_equal(ladon_bar_size(fn, 1), 0);
	assert_int_equal(ladon_bar_size(fn, 6), 0);
	assert_int_equal(ladon_function_reset(fn), 0);
	assert_int_equal(fake.resets, 2);
	detach();
}

static void token_is_shown_and_refusal_is_an_error(void **state)
{
	struct ladon_options opt = {.vf_token = "14d63f20-8445-11ea-8900-1f9ce7d5650d"};
	struct ladon_function *none = NULL;
	int fd;

	(void)state;
	fake = (struct fake){.refuse = -EACCES};
	fd = fake_start(&fake);
	assert_true(ladon_function_attach_fd(fd, &opt, &none) < 0);
	assert_null(none);
	close(fd);
	fake_stop(&fake);
	assert_string_equal(fake.token, opt.vf_token);
}

static void attaching_to_nobody_fails(void **state)
{
	struct ladon_function *none = NULL;

	(void)state;
	assert_int_equal(ladon_function_attach("/nonexistent/vf0.sock", NULL, &none), -ENOENT);
	assert_null(none);
}

static void enable_sets_memory_and_bus_master_only(void **state)
{
	(void)state;
	attach(NULL);
	fake.config[4] = 0x40;
	assert_int_equal(ladon_function_enable(fn, true), 0);
	assert_int_equal(fake.config[4], 0x46);
	assert_int_equal(ladon_function_enable(fn, false), 0);
	assert_int_equal(fake.config[4], 0x40);
	detach();
}

static void config_space_is_bounded(void **state)
{
	uint8_t buf[16];

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_config_read(fn, 4080, buf, 16), 0);
	assert_int_equal(ladon_config_read(fn, 4081, buf, 16), -EINVAL);
	assert_int_equal(ladon_config_read(fn, 0, buf, 0), -EINVAL);
	assert_int_equal(ladon_config_write(fn, UINT32_MAX, buf, 2), -EINVAL);
	detach();
}

static void trapped_registers_go_by_message(void **state)
{
	uint32_t v;

	(void)state;
	attach(NULL);
	assert_null(ladon_bar_pointer(fn, 0, 0x2818));
	assert_int_equal(ladon_bar_write32(fn, 0, 0x2818, 77), 0);
	assert_int_equal(ladon_bar_read32(fn, 0, 0x2818, &v), 0);
	assert_int_equal(v, 77);
	assert_int_equal(fake.bar0[0x2818 / 4], 77);
	detach();
}

static void mapped_registers_are_plain_memory(void **state)
{
	volatile uint32_t *reg;
	uint32_t v;

	(void)state;
	attach(&(struct fake){.mappable = true});
	reg = ladon_bar_pointer(fn, 0, 0x2818);
	assert_non_null(reg);
	assert_int_equal(ladon_bar_write32(fn, 0, 0x2818, 5), 0);
	assert_int_equal(*reg, 5);
	assert_int_equal(fake.bar0[0x2818 / 4], 5);
	fake.bar0[0x3ffc / 4] = 9;
	assert_int_equal(ladon_bar_read32(fn, 0, 0x3ffc, &v), 0);
	assert_int_equal(v, 9);
	/* The pages before the area still trap. */
	assert_null(ladon_bar_pointer(fn, 0, 0x1ffc));
	assert_int_equal(ladon_bar_write32(fn, 0, 0x1700, 3), 0);
	assert_int_equal(ladon_bar_read32(fn, 0, 0x1700, &v), 0);
	assert_int_equal(v, 3);
	detach();
}

static void registers_outside_a_bar_are_refused(void **state)
{
	uint32_t v = 1;

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_bar_read32(fn, 0, FAKE_BAR0, &v), -EINVAL);
	assert_int_equal(ladon_bar_read32(fn, 0, FAKE_BAR0 - 2, &v), -EINVAL);
	assert_int_equal(ladon_bar_read32(fn, 0, UINT64_MAX - 3, &v), -EINVAL);
	assert_int_equal(ladon_bar_read32(fn, 1, 0, &v), -EINVAL);
	assert_int_equal(ladon_bar_write32(fn, 6, 0, v), -EINVAL);
	assert_int_equal(v, 1);
	detach();
}

static void dma_memory_is_shared_with_the_server(void **state)
{
	struct ladon_dma *d;
	uint64_t iova;
	char *p;

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_dma_alloc(fn, 5000, 0, &d), 0);
	assert_int_equal(ladon_dma_size(d), 8192);
	assert_int_equal(ladon_dma_iova(d), 0x10000000);
	p = ladon_dma_pointer(d);
	strcpy(p + 4000, "seen");
	assert_string_equal(fake_dma(&fake, 0x10000000 + 4000, 5), "seen");
	assert_int_equal(ladon_dma_lookup(fn, p + 4000, 10, &iova), 0);
	assert_int_equal(iova, 0x10000000 + 4000);
	assert_int_equal(ladon_dma_lookup(fn, p + 8000, 193, &iova), -ENOENT);
	assert_int_equal(ladon_dma_lookup(fn, &iova, 1, &iova), -ENOENT);
	assert_int_equal(ladon_dma_free(d), 0);
	assert_int_equal(fake_num_maps(&fake), 0);
	detach();
}

static void iovas_are_2mib_apart_and_used_again(void **state)
{
	struct ladon_dma *d[4];

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_dma_alloc(fn, 4096, 0, &d[0]), 0);
	assert_int_equal(ladon_dma_alloc(fn, MIB2 + 1, LADON_DMA_HUGE, &d[1]), 0);
	assert_int_equal(ladon_dma_alloc(fn, 4096, 0, &d[2]), 0);
	assert_int_equal(ladon_dma_iova(d[1]), 0x10000000 + MIB2);
	assert_int_equal(ladon_dma_size(d[1]), 2 * MIB2);
	assert_int_equal((uintptr_t)ladon_dma_pointer(d[1]) % MIB2, 0);
	assert_int_equal(ladon_dma_iova(d[2]), 0x10000000 + 3 * MIB2);
	assert_int_equal(ladon_dma_free(d[1]), 0);
	/* Too large for the gap, then what fits into it. */
	assert_int_equal(ladon_dma_alloc(fn, 5 * MIB2, 0, &d[1]), 0);
	assert_int_equal(ladon_dma_iova(d[1]), 0x10000000 + 4 * MIB2);
	assert_int_equal(ladon_dma_alloc(fn, 2 * MIB2, 0, &d[3]), 0);
	assert_int_equal(ladon_dma_iova(d[3]), 0x10000000 + MIB2);
	/* The rest is freed by detaching. */
	detach();
}

static void no_memory_lies_in_the_interrupt_window(void **state)
{
	struct ladon_dma *below, *large, *small;

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_dma_alloc(fn, 0xfe000000 - 0x10000000, 0, &below), 0);
	assert_int_equal(ladon_dma_alloc(fn, 0x2000000, 0, &large), 0);
	assert_true(ladon_dma_iova(large) == 0xff000000);
	assert_int_equal(ladon_dma_alloc(fn, 0xe00000, 0, &small), 0);
	assert_true(ladon_dma_iova(small) == 0xfe000000);
	detach();
}

static void callers_memfd_is_mapped_at_an_offset(void **state)
{
	struct ladon_dma *d;
	int fd = fd_memfd("test", 3 * 4096);
	char c = 'x';

	(void)state;
	attach(NULL);
	assert_int_equal(pwrite(fd, &c, 1, 4096 + 7), 1);
	assert_int_equal(ladon_dma_map_fd(fn, fd, 4096, 8192, LADON_DMA_READ_ONLY, &d), 0);
	assert_int_equal(*(char *)fake_dma(&fake, ladon_dma_iova(d) + 7, 1), 'x');
	assert_int_equal(fake.map[0].prot, VFU_DMA_READ);
	assert_int_equal(ladon_dma_map_fd(fn, fd, 1, 4096, 0, &d), -EINVAL);
	assert_int_equal(ladon_dma_map_fd(fn, fd, 0, 0, 0, &d), -EINVAL);
	close(fd);
	detach();
}

static void refused_dma_leaves_nothing_behind(void **state)
{
	struct ladon_dma *d = NULL;

	(void)state;
	attach(&(struct fake){.dma_refused = true});
	assert_int_equal(ladon_dma_alloc(fn, 4096, 0, &d), -ENOSPC);
	assert_null(d);
	assert_int_equal(ladon_dma_alloc(fn, 0, 0, &d), -EINVAL);
	fake.dma_refused = false;
	assert_int_equal(ladon_dma_alloc(fn, 4096, 0, &d), 0);
	assert_int_equal(ladon_dma_iova(d), 0x10000000);
	detach();
}

static void memory_is_freed_after_the_server_is_gone(void **state)
{
	struct ladon_dma *d;
	uint32_t v;

	(void)state;
	attach(NULL);
	assert_int_equal(ladon_dma_alloc(fn, 4096, 0, &d), 0);
	shutdown(fake.fd, SHUT_RDWR);
	assert_true(ladon_bar_read32(fn, 0, 0, &v) < 0);
	assert_true(ladon_dma_free(d) < 0);
	detach();
}

static void eventfds_reach_the_server(void **state)
{
	int fds[3];
	uint64_t one = 1;

	(void)state;
	attach(NULL);
	for (unsigned i = 0; i < 3; i++)
		fds[i] = eventfd(0, EFD_NONBLOCK);
	assert_int_equal(ladon_irq_enable(fn, 0, 3, fds), 0);
	assert_int_equal(write(fake.irq_fd[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(read(fds[1], &one, sizeof(one)), sizeof(one));
	assert_int_equal(read(fds[0], &one, sizeof(one)), -1);
	assert_int_equal(ladon_irq_disable(fn, 1, 2), 0);
	assert_int_equal(fake.irq_fd[1], -1);
	assert_true(fake.irq_fd[0] >= 0);
	assert_int_equal(ladon_irq_enable(fn, 1, 3, fds), -EINVAL);
	assert_int_equal(ladon_irq_enable(fn, 0, 0, fds), -EINVAL);
	assert_int_equal(ladon_irq_enable(fn, UINT32_MAX, 2, fds), -EINVAL);
	assert_int_equal(ladon_irq_enable(fn, 0, 3, NULL), -EINVAL);
	fd_close_all(fds, 3);
	detach();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attaching_resets_once_and_reads_ids),
		cmocka_unit_test(token_is_shown_and_refusal_is_an_error),
		cmocka_unit_test(attaching_to_nobody_fails),
		cmocka_unit_test(enable_sets_memory_and_bus_master_only),
		cmocka_unit_test(config_space_is_bounded),
		cmocka_unit_test(trapped_registers_go_by_message),
		cmocka_unit_test(mapped_registers_are_plain_memory),
		cmocka_unit_test(registers_outside_a_bar_are_refused),
		cmocka_unit_test(dma_memory_is_shared_with_the_server),
		cmocka_unit_test(iovas_are_2mib_apart_and_used_again),
		cmocka_unit_test(no_memory_lies_in_the_interrupt_window),
		cmocka_unit_test(callers_memfd_is_mapped_at_an_offset),
		cmocka_unit_test(refused_dma_leaves_nothing_behind),
		cmocka_unit_test(memory_is_freed_after_the_server_is_gone),
		cmocka_unit_test(eventfds_reach_the_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
