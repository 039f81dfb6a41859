/* SPDX-License-Identifier: BSD-3-Clause */
/* One VF served to a vfio-user client: attach, registers, memory, interrupts, resets, loss. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "card.h"
#include "fd.h"
#include "pci_regs.h"
#include "test_daemon.h"
#include "vfu_client.h"

#define MIB	(1ull << 20)
#define RW	(VFU_DMA_READ | VFU_DMA_WRITE)
#define BAR0	VFU_REGION_INDEX_BAR0
#define CFG	VFU_REGION_INDEX_CONFIG
#define BME	4
#define RING_LO 0x2800 /* RDBAL of queue 0 */

static struct test_daemon td;
static struct vfu_client *client;
/* What iommu_mem_guard_init installed: cmocka puts a handler of its own over it for each test.
 */
static struct sigaction guard_action;

static int setup(void **state)
{
	(void)state;
	test_daemon_start_card(&td, true);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	vfu_client_close(client);
	client = NULL;
	test_daemon_stop(&td);
	return 0;
}

static void attach(void)
{
	assert_int_equal(vfu_client_connect(test_daemon_socket(&td, "vf1"), NULL, &client), 0);
}

static void value(const char *path, const char *want)
{
	char buf[4096];

	assert_string_equal(test_daemon_get(&td, "vf show nic0 1", path, buf, sizeof(buf)),
			    want);
}

/* Until the daemon has seen that the client is gone. Bounded by the test runner's own limit. */
static void wait_idle(void)
{
	char buf[4096];

	while (strcmp(test_daemon_get(&td, "vf show nic0 1", "attached", buf, sizeof(buf)),
		      "null"))
		sched_yield();
}

static uint32_t config_read(unsigned offset, uint32_t len)
{
	uint32_t v = 0;

	assert_int_equal(vfu_client_read(client, CFG, offset, &v, len), 0);
	return v;
}

static void config_write(unsigned offset, uint32_t v, uint32_t len)
{
	assert_int_equal(vfu_client_write(client, CFG, offset, &v, len), 0);
}

static unsigned find_cap(uint8_t id)
{
	unsigned at = config_read(0x34, 1);

	while (at && config_read(at, 1) != id)
		at = config_read(at + 1, 1);
	assert_true(at);
	return at;
}

/* ---- regions ---- */

static void a_client_finds_an_82576_vf(void **state)
{
	(void)state;
	value("attached", "null");
	attach();
	assert_int_equal(config_read(0, 4), 0x10ca8086);
	value("attached.client", "vfio-user");
	value("attaches", "1");
}

static void regions_and_interrupts_are_described(void **state)
{
	struct vfu_client_region region;
	uint32_t flags, regions, irqs, count;

	(void)state;
	attach();
	assert_int_equal(vfu_client_device_info(client, &flags, &regions, &irqs), 0);
	assert_int_equal(flags, VFU_DEVICE_RESET | VFU_DEVICE_PCI);
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_int_equal(region.size, 0x4000);
	assert_true(region.flags & VFU_REGION_MMAP);
	assert_int_equal(region.area_offset, 0x2000);
	assert_int_equal(region.area_size, 0x2000);
	fd_close(&region.mmap_fd);
	for (unsigned i = 1; i < VFU_REGION_INDEX_NUM; i++) {
		assert_int_equal(vfu_client_region_info(client, i, &region), 0);
		assert_int_equal(region.size, i == 3 ? 0x4000 : i == CFG ? 4096 : 0);
		assert_int_equal(region.mmap_fd, -1);
	}
	for (unsigned i = 0; i < VFU_IRQ_INDEX_NUM; i++) {
		assert_int_equal(vfu_client_irq_count(client, i, &count), 0);
		assert_int_equal(count, i == VFU_IRQ_INDEX_MSIX ? 3 : 0);
	}
}

static void the_mapped_page_is_the_register_page(void **state)
{
	struct vfu_client_region region;
	volatile uint32_t *page;
	uint32_t v = 0x12345680;

	(void)state;
	attach();
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	page = mmap(NULL, region.area_size, PROT_READ | PROT_WRITE, MAP_SHARED, region.mmap_fd,
		    (off_t)(region.offset + region.area_offset));
	assert_ptr_not_equal(page, MAP_FAILED);
	assert_int_equal(vfu_client_write(client, BAR0, RING_LO, &v, 4), 0);
	assert_int_equal(page[(RING_LO - 0x2000) / 4], v);
	page[(RING_LO - 0x2000) / 4] = 0x55000000;
	assert_int_equal(vfu_client_read(client, BAR0, RING_LO, &v, 4), 0);
	assert_int_equal(v, 0x55000000);
	munmap((void *)page, region.area_size);
	fd_close(&region.mmap_fd);
}

static void without_mapped_doorbells_nothing_is_offered(void **state)
{
	struct vfu_client_region region;

	(void)state;
	teardown(NULL);
	test_daemon_start_card(&td, false);
	attach();
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_int_equal(region.flags, VFU_REGION_READ | VFU_REGION_WRITE);
	assert_int_equal(region.mmap_fd, -1);
	value("attached.mapped_doorbells", "false");
}

static void a_token_nobody_set_is_an_error(void **state)
{
	struct vfu_client *other;

	(void)state;
	assert_true(vfu_client_connect(test_daemon_socket(&td, "vf1"),
				       "00112233-4455-6677-8899-aabbccddeeff", &other) < 0);
	wait_idle();
	attach();
}

/* ---- memory ---- */

static void memory_is_mapped_and_unmapped(void **state)
{
	int fd = fd_memfd("test", 4 * MIB);

	(void)state;
	attach();
	assert_int_equal(vfu_client_dma_map(client, 0x1000, 2 * MIB, RW, fd, 0), 0);
	assert_int_equal(
		vfu_client_dma_map(client, 16 * MIB, 2 * MIB, VFU_DMA_READ, fd, 2 * MIB), 0);
	value("memory", "{\"maps\":2,\"bytes\":4194304,\"bytes_without_file\":0}");
	assert_int_equal(vfu_client_dma_unmap(client, 0x1000, MIB), -ENOENT);
	assert_int_equal(vfu_client_dma_unmap(client, 0x1000, 2 * MIB), 0);
	assert_int_equal(vfu_client_dma_unmap(client, 0x1000, 2 * MIB), -ENOENT);
	value("memory.maps", "1");
	value("attached.message_mode", "false");
	close(fd);
}

static void bad_mappings_are_refused_and_change_nothing(void **state)
{
	int fd = fd_memfd("test", 2 * MIB), pipe_fd[2];

	(void)state;
	attach();
	assert_int_equal(pipe(pipe_fd), 0);
	assert_int_equal(vfu_client_dma_map(client, 0, MIB, RW, fd, 0), 0);
	assert_int_equal(vfu_client_dma_map(client, 4096, MIB, RW, fd, 0), -EEXIST);
	assert_int_equal(vfu_client_dma_map(client, 4096, MIB, RW, -1, 0), -EEXIST);
	assert_int_equal(vfu_client_dma_map(client, 4 * MIB + 1, MIB, RW, fd, 0), -EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 4 * MIB, MIB, RW, fd, 12), -EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 4 * MIB, 4 * MIB, RW, fd, 0), -EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 4 * MIB, 4096, RW, pipe_fd[0], 0), -EINVAL);
	assert_int_equal(vfu_client_dma_map(client, 4 * MIB, 4096, 0, fd, 0), -EINVAL);
	value("memory", "{\"maps\":1,\"bytes\":1048576,\"bytes_without_file\":0}");
	value("bad_requests", "7");
	assert_int_equal(vfu_client_dma_unmap(client, 0, MIB), 0);
	close(fd);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static struct function *served(void)
{
	return td.daemon->cards->functions[1];
}

static void do_look_for_shadow(void *arg)
{
	*(bool *)arg = served()->vf->fn.shadow != NULL;
}

static bool has_shadow(void)
{
	bool has;

	test_daemon_call(&td, do_look_for_shadow, &has);
	return has;
}

static void private_memory_means_messages(void **state)
{
	struct vfu_client_region region;

	(void)state;
	attach();
	assert_int_equal(vfu_client_dma_map(client, 0xfffc0000, 0x40000, VFU_DMA_READ, -1, 0),
			 0);
	assert_int_equal(vfu_client_dma_map(client, 0, 0xa0000, RW, -1, 0), 0);
	value("attached.message_mode", "false");
	assert_int_equal(vfu_client_dma_map(client, MIB, 64 * MIB, RW, -1, 0), 0);
	value("attached.message_mode", "true");
	assert_false(has_shadow());
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_int_equal(region.flags, VFU_REGION_READ | VFU_REGION_WRITE);
	assert_true(has_shadow());
	vfu_client_close(client);
	client = NULL;
	wait_idle();
	assert_false(has_shadow());
}

static void a_frame_buffer_is_no_private_memory(void **state)
{
	struct vfu_client_region region;
	int fd = fd_memfd("test", 64 * MIB);

	(void)state;
	attach();
	assert_int_equal(vfu_client_dma_map(client, 0, 64 * MIB, RW, fd, 0), 0);
	assert_int_equal(vfu_client_dma_map(client, 0xfd000000, 16 * MIB, RW, -1, 0), 0);
	value("attached.message_mode", "false");
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_true(region.flags & VFU_REGION_MMAP);
	fd_close(&region.mmap_fd);
	close(fd);
}

static void do_touch(void *arg)
{
	struct iommu_map_info info;

	(void)arg;
	assert_true(iommu_find(served()->dom, 0, &info));
	(void)*(volatile uint8_t *)info.mem->base;
}

static void a_truncated_file_costs_only_its_client(void **state)
{
	struct vfu_client *other;
	int fd = memfd_create("test", MFD_CLOEXEC);
	uint16_t vendor;

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &guard_action, NULL), 0);
	attach();
	assert_int_equal(vfu_client_connect(test_daemon_socket(&td, "vf0"), NULL, &other), 0);
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(vfu_client_dma_map(client, 0, MIB, RW, fd, 0), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	test_daemon_call(&td, do_touch, NULL);
	assert_true(vfu_client_poll(client, 5000) < 0);
	value("attached", "null");
	value("kicks", "1");
	value("memory.maps", "0");
	assert_int_equal(vfu_client_read(other, CFG, 0, &vendor, 2), 0);
	assert_int_equal(vendor, 0x8086);
	vfu_client_close(other);
	close(fd);
}

/* ---- interrupts ---- */

static void do_force(void *arg)
{
	(void)arg;
	nic_intr_force(&served()->vf->fn.intr, 1);
}

static void vectors_get_eventfds(void **state)
{
	int fds[3] = {eventfd(0, 0), eventfd(0, EFD_NONBLOCK), eventfd(0, 0)};
	uint64_t n = 0;

	(void)state;
	attach();
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, 3, fds), 0);
	value("interrupts.2.eventfd", "true");
	test_daemon_call(&td, do_force, NULL);
	assert_int_equal(read(fds[1], &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 1);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 1, 1, NULL), 0);
	value("interrupts.0.eventfd", "true");
	value("interrupts.1.eventfd", "false");
	test_daemon_call(&td, do_force, NULL);
	assert_int_equal(read(fds[1], &n, sizeof(n)), -1);
	fd_close_all(fds, 3);
}

static void only_eventfds_are_taken(void **state)
{
	int pipe_fd[2], fds[2];

	(void)state;
	attach();
	assert_int_equal(pipe(pipe_fd), 0);
	fds[0] = eventfd(0, 0);
	fds[1] = pipe_fd[1];
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, 2, fds),
			 -EINVAL);
	value("interrupts.0.eventfd", "false");
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 2, 2, fds),
			 -EINVAL);
	close(fds[0]);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* ---- resets and loss ---- */

/* A client with everything: memory, eventfds, bus mastering, a register written. */
static void attach_busy(void)
{
	uint32_t ring = 0x10000;
	int fd = fd_memfd("test", MIB), event = eventfd(0, 0);

	attach();
	assert_int_equal(vfu_client_dma_map(client, 0, MIB, RW, fd, 0), 0);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, 1, &event), 0);
	assert_int_equal(vfu_client_write(client, BAR0, RING_LO, &ring, 4), 0);
	config_write(0x04, BME, 2);
	value("bus_master", "true");
	close(fd);
	close(event);
}

static void check_reset(void)
{
	uint32_t ring = 1;

	value("bus_master", "false");
	value("memory.maps", "1");
	value("interrupts.0.eventfd", "true");
	assert_int_equal(vfu_client_read(client, BAR0, RING_LO, &ring, 4), 0);
	assert_int_equal(ring, 0);
	assert_int_equal(config_read(0x04, 2), 0);
}

static void reset_keeps_memory_and_eventfds(void **state)
{
	(void)state;
	attach_busy();
	assert_int_equal(vfu_client_reset(client), 0);
	check_reset();
}

static void flr_is_a_config_write(void **state)
{
	unsigned devctl;

	(void)state;
	attach_busy();
	devctl = find_cap(0x10) + 8;
	config_write(devctl, config_read(devctl, 2) | 0x8000, 2);
	check_reset();
}

/* The guest does not know that it happened: its driver can notice a reset, but not restore
 * COMMAND. */
static void the_operators_reset_keeps_configuration_space(void **state)
{
	uint32_t ring = 1;

	(void)state;
	attach_busy();
	assert_int_equal(test_daemon_run(&td, "vf reset nic0 1", NULL, NULL), 0);
	value("bus_master", "true");
	assert_true(atomic_load(&served()->vf->fn.dma_on));
	value("driver_active", "false");
	assert_int_equal(vfu_client_read(client, BAR0, RING_LO, &ring, 4), 0);
	assert_int_equal(ring, 0);
	assert_int_equal(config_read(0x04, 2), BME);
}

static void bus_mastering_follows_command_and_power(void **state)
{
	(void)state;
	attach_busy();
	config_write(0x04, 0, 2);
	value("bus_master", "false");
	assert_false(atomic_load(&served()->vf->fn.dma_on));
	config_write(0x04, BME, 2);
	assert_true(atomic_load(&served()->vf->fn.dma_on));
}

static void a_lost_client_leaves_an_idle_function(void **state)
{
	uint32_t ring = 1;

	(void)state;
	attach_busy();
	vfu_client_close(client);
	client = NULL;
	wait_idle();
	value("memory.maps", "0");
	value("interrupts.0.eventfd", "false");
	value("bus_master", "false");
	attach();
	assert_int_equal(vfu_client_read(client, BAR0, RING_LO, &ring, 4), 0);
	assert_int_equal(ring, 0);
	value("attaches", "2");
	value("kicks", "0");
}

static void a_second_client_is_turned_away(void **state)
{
	struct vfu_client *second;

	(void)state;
	attach();
	assert_true(vfu_client_connect(test_daemon_socket(&td, "vf1"), NULL, &second) < 0);
	assert_int_equal(config_read(0, 4), 0x10ca8086);
	value("refusals", "1");
}

static void deleting_the_card_drops_its_clients(void **state)
{
	(void)state;
	attach_busy();
	assert_int_equal(test_daemon_run(&td, "card del nic0", NULL, NULL), 0);
	assert_true(vfu_client_poll(client, 5000) < 0);
	assert_int_equal(access(test_daemon_socket(&td, "vf1"), F_OK), -1);
}

static void do_push_fault(void *arg)
{
	struct nic_dp *dp = td.daemon->cards->nic->dp;
	struct iommu_fault fault = {
		.addr = 0xdead000,
		.rid = served()->rid,
		.reason = IOMMU_FAULT_NO_WRITE,
		.write = true,
	};

	(void)arg;
	assert_true(iommu_fault_push(nic_dp_faults(dp, 0), &fault));
	nic_dp_notify(dp);
}

/* The ring's one producer is the data path: it is asked to do the push. */
static void do_fault(void *arg)
{
	nic_dp_call(td.daemon->cards->nic->dp, do_push_fault, arg);
}

static void faults_are_kept_with_the_functions_name(void **state)
{
	char buf[4096];

	(void)state;
	for (unsigned i = 0; i < 300; i++)
		test_daemon_call(&td, do_fault, NULL);
	while (strcmp(test_daemon_get(&td, "show", "faults", buf, sizeof(buf)), "300"))
		sched_yield();
	test_daemon_get(&td, "faults nic0", "255", buf, sizeof(buf));
	assert_non_null(strstr(buf, "\"function\":\"nic0/vf1\",\"rid\":\"01:10.2\",\"address\":"
				    "\"0xdead000\",\"access\":\"write\""));
	assert_string_equal(test_daemon_get(&td, "faults nic0", "256", buf, sizeof(buf)),
			    "null");
}

static void do_push_untold(void *arg)
{
	struct iommu_fault fault = {.addr = 0xdead000, .rid = served()->rid};

	(void)arg;
	assert_true(iommu_fault_push(nic_dp_faults(td.daemon->cards->nic->dp, 0), &fault));
}

static void do_fault_untold(void *arg)
{
	nic_dp_call(td.daemon->cards->nic->dp, do_push_untold, arg);
}

/* The data path tells at most once a millisecond: who asks sooner is not to miss any. */
static void faults_not_told_of_yet_are_shown(void **state)
{
	char buf[4096];

	(void)state;
	test_daemon_call(&td, do_fault_untold, NULL);
	assert_string_equal(test_daemon_get(&td, "show", "faults", buf, sizeof(buf)), "1");
	test_daemon_call(&td, do_fault_untold, NULL);
	test_daemon_get(&td, "faults nic0", "1", buf, sizeof(buf));
	assert_non_null(strstr(buf, "0xdead000"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_client_finds_an_82576_vf),
		T(regions_and_interrupts_are_described),
		T(the_mapped_page_is_the_register_page),
		T(without_mapped_doorbells_nothing_is_offered),
		T(a_token_nobody_set_is_an_error),
		T(memory_is_mapped_and_unmapped),
		T(bad_mappings_are_refused_and_change_nothing),
		T(private_memory_means_messages),
		T(a_frame_buffer_is_no_private_memory),
		T(a_truncated_file_costs_only_its_client),
		T(vectors_get_eventfds),
		T(only_eventfds_are_taken),
		T(reset_keeps_memory_and_eventfds),
		T(flr_is_a_config_write),
		T(the_operators_reset_keeps_configuration_space),
		T(bus_mastering_follows_command_and_power),
		T(a_lost_client_leaves_an_idle_function),
		T(a_second_client_is_turned_away),
		T(deleting_the_card_drops_its_clients),
		T(faults_are_kept_with_the_functions_name),
		T(faults_not_told_of_yet_are_shown),
	};

	if (iommu_mem_guard_init() < 0 || sigaction(SIGBUS, NULL, &guard_action) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
