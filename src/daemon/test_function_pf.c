/* SPDX-License-Identifier: BSD-3-Clause */
/* The PF and a view served to a vfio-user client: what reaches the model, and when. */
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

#define MIB	     (1ull << 20)
#define RW	     (VFU_DMA_READ | VFU_DMA_WRITE)
#define BAR0	     VFU_REGION_INDEX_BAR0
#define CFG	     VFU_REGION_INDEX_CONFIG
#define BME	     4
#define RCTL	     0x100
#define MSIX_CONTROL (0x70 + PCI_MSIX_CONTROL)
#define DEVCTL	     (0xa0 + PCI_PCIE_DEVICE_CONTROL)
#define SRIOV	     0x160

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

static void attach(const char *socket)
{
	assert_int_equal(vfu_client_connect(test_daemon_socket(&td, socket), NULL, &client), 0);
}

static void attach_pf(void)
{
	attach("pf");
	assert_int_equal(vfu_client_reset(client), 0);
}

static void value(const char *path, const char *want)
{
	char buf[8192];

	assert_string_equal(test_daemon_get(&td, "pf show nic0", path, buf, sizeof(buf)), want);
}

static void config_write(unsigned offset, uint32_t v, uint32_t len)
{
	assert_int_equal(vfu_client_write(client, CFG, offset, &v, len), 0);
}

/* What the model and its function look like, from the loop's thread. */
struct look {
	bool msix, intx, dma_on, shadow, dirty, owns, ext_hidden;
	unsigned vfs;
	struct iommu_usage usage, view_usage;
};

static void do_look(void *arg)
{
	const struct card *card = td.daemon->cards;
	struct i82576_pf *pf = card->pf->pf;
	struct look *look = arg;

	*look = (struct look){
		.msix = pf->causes.msix,
		.intx = pf->causes.intx,
		.dma_on = atomic_load(&pf->fn.dma_on),
		.shadow = pf->fn.shadow || card->views[1]->dev->shadow,
		.dirty = pf->policy_dirty,
		.owns = pf->owns,
		.ext_hidden = card->pf->ext_hidden,
		.vfs = pf->vfs_enabled,
	};
	iommu_usage(card->pf->dom, &look->usage);
	iommu_usage(card->views[1]->dom, &look->view_usage);
}

static struct look look(void)
{
	struct look now;

	test_daemon_call(&td, do_look, &now);
	return now;
}

static void the_model_knows_its_interrupts(void **state)
{
	int fds[2] = {eventfd(0, 0), eventfd(0, 0)};

	(void)state;
	attach_pf();
	assert_false(look().msix || look().intx);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_INTX, 0, 1, fds), 0);
	assert_true(!look().msix && look().intx);
	config_write(MSIX_CONTROL, PCI_MSIX_CONTROL_ENABLE, 2);
	assert_true(look().msix && !look().intx);
	config_write(MSIX_CONTROL, 0, 2);
	assert_true(!look().msix && look().intx);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSI, 0, 1, fds), 0);
	assert_true(!look().msix && !look().intx);
	value("irqs", "msi");
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 8, 2, fds), 0);
	assert_true(look().msix && !look().intx);
	value("interrupts.0.eventfd", "false");
	value("interrupts.9.eventfd", "true");
	assert_int_equal(vfu_client_reset(client), 0);
	assert_true(look().msix);
	value("interrupts.9.eventfd", "true");
	fd_close_all(fds, 2);
}

static void a_reset_takes_msix_from_the_model(void **state)
{
	(void)state;
	attach_pf();
	config_write(MSIX_CONTROL, PCI_MSIX_CONTROL_ENABLE, 2);
	assert_true(look().msix);
	config_write(DEVCTL, PCI_DEVICE_CONTROL_INITIATE_FLR, 2);
	assert_false(look().msix);
}

static void bus_mastering_reaches_the_model(void **state)
{
	(void)state;
	attach_pf();
	config_write(PCI_COMMAND, BME, 2);
	assert_true(look().dma_on);
	config_write(DEVCTL, PCI_DEVICE_CONTROL_INITIATE_FLR, 2);
	assert_false(look().dma_on);
}

static void vfs_follow_both_bits(void **state)
{
	(void)state;
	attach_pf();
	config_write(SRIOV + PCI_SRIOV_NUM_VFS, 2, 2);
	config_write(SRIOV + PCI_SRIOV_CONTROL, PCI_SRIOV_CONTROL_VF_ENABLE, 2);
	assert_int_equal(look().vfs, 0);
	config_write(SRIOV + PCI_SRIOV_CONTROL,
		     PCI_SRIOV_CONTROL_VF_ENABLE | PCI_SRIOV_CONTROL_VF_MSE, 2);
	assert_int_equal(look().vfs, 2);
	config_write(SRIOV + PCI_SRIOV_CONTROL, PCI_SRIOV_CONTROL_VF_MSE, 2);
	assert_int_equal(look().vfs, 0);
}

static void policy_settles_by_itself(void **state)
{
	uint32_t rctl = 2;

	(void)state;
	attach_pf();
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(vfu_client_write(client, BAR0, RCTL, &rctl, 4), 0);
		while (look().dirty)
			usleep(100);
	}
}

static void private_memory_means_messages_for_the_pf(void **state)
{
	struct vfu_client_region region;

	(void)state;
	attach_pf();
	assert_int_equal(vfu_client_dma_map(client, 0, 64 * MIB, RW, -1, 0), 0);
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_true(look().shadow);
	value("attached.message_mode", "true");
}

static void a_view_maps_nothing(void **state)
{
	int fd = fd_memfd("test", 4 * MIB);
	struct vfu_client_region region;

	(void)state;
	attach("view1");
	assert_int_equal(vfu_client_dma_map(client, 0, 4 * MIB, RW, fd, 0), 0);
	assert_int_equal(vfu_client_dma_map(client, MIB, MIB, RW, fd, 0), -EEXIST);
	assert_int_equal(vfu_client_dma_map(client, 64 * MIB, 64 * MIB, RW, -1, 0), 0);
	assert_int_equal(vfu_client_region_info(client, BAR0, &region), 0);
	assert_int_equal(look().view_usage.maps, 2);
	assert_int_equal(look().view_usage.bytes_mem, 0);
	assert_false(look().shadow || look().owns);
	assert_int_equal(vfu_client_dma_unmap(client, 0, 4 * MIB), 0);
	assert_int_equal(look().view_usage.maps, 1);
	close(fd);
}

static void a_lost_client_hands_everything_back(void **state)
{
	int event = eventfd(0, 0), fd = fd_memfd("test", MIB);

	(void)state;
	attach_pf();
	assert_int_equal(vfu_client_dma_map(client, 0, MIB, RW, fd, 0), 0);
	assert_int_equal(vfu_client_set_eventfds(client, VFU_IRQ_INDEX_MSIX, 0, 1, &event), 0);
	config_write(SRIOV + PCI_SRIOV_NUM_VFS, 2, 2);
	config_write(SRIOV + PCI_SRIOV_CONTROL,
		     PCI_SRIOV_CONTROL_VF_ENABLE | PCI_SRIOV_CONTROL_VF_MSE, 2);
	vfu_client_close(client);
	client = NULL;
	while (look().owns)
		usleep(100);
	assert_true(!look().msix && !look().dma_on);
	assert_int_equal(look().vfs, 0);
	assert_int_equal(look().usage.maps, 0);
	value("irqs", "none");
	value("interrupts.0.eventfd", "false");
	attach("pf");
	assert_true(look().ext_hidden);
	close(fd);
	close(event);
}

static void do_touch(void *arg)
{
	struct iommu_map_info info;

	(void)arg;
	assert_true(iommu_find(td.daemon->cards->pf->dom, 0, &info));
	(void)*(volatile uint8_t *)info.mem->base;
}

static void truncated_memory_costs_the_pf(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	(void)state;
	assert_int_equal(sigaction(SIGBUS, &guard_action, NULL), 0);
	attach_pf();
	assert_int_equal(ftruncate(fd, MIB), 0);
	assert_int_equal(vfu_client_dma_map(client, 0, MIB, RW, fd, 0), 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	test_daemon_call(&td, do_touch, NULL);
	assert_true(vfu_client_poll(client, 5000) < 0);
	while (look().owns)
		usleep(100);
	value("attached", "null");
	close(fd);
}

static void deleting_the_card_drops_the_pf(void **state)
{
	(void)state;
	attach_pf();
	config_write(PCI_COMMAND, BME, 2);
	assert_int_equal(test_daemon_run(&td, "card del nic0", NULL, NULL), 0);
	assert_true(vfu_client_poll(client, 5000) < 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(the_model_knows_its_interrupts),
		T(a_reset_takes_msix_from_the_model),
		T(bus_mastering_reaches_the_model),
		T(vfs_follow_both_bits),
		T(policy_settles_by_itself),
		T(private_memory_means_messages_for_the_pf),
		T(a_view_maps_nothing),
		T(a_lost_client_hands_everything_back),
		T(truncated_memory_costs_the_pf),
		T(deleting_the_card_drops_the_pf),
	};

	if (iommu_mem_guard_init() < 0 || sigaction(SIGBUS, NULL, &guard_action) < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
