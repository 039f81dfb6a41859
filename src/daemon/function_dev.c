/* SPDX-License-Identifier: BSD-3-Clause */
/* function_dev.c - the function as its client sees it: regions, interrupts, resets. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "bits.h"
#include "card.h"
#include "daemon.h"
#include "fd.h"
#include "function.h"

/* ---- VERSION ---- */

/* Only QEMU proposes write_multiple. */
static int dev_version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	struct function *fn = dev;

	if (caps->vf_token[0]) {
		*why = "it showed a VF token, but the card has none";
		return -EINVAL;
	}
	fn->client.answers_dma = caps->write_multiple;
	fn->client.kind = caps->write_multiple ? "qemu" : "vfio-user";
	log_debug("%s: client is %s, version %u.%u", fn->name, fn->client.kind, caps->major,
		  caps->minor);
	return 0;
}

/* ---- regions ---- */

/* A client in message mode would ring doorbells in a page whose rings we cannot poll. */
static bool maps_doorbells(const struct function *fn)
{
	return fn->daemon->opts.mapped_doorbells && !fn->client.msg_mode;
}

static void bar0_info(struct function *fn, struct vfu_region *ret)
{
	ret->size = I82576_VF_BAR0_SIZE;
	ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
	fn->client.mapped = maps_doorbells(fn);
	if (fn->client.mapped) {
		ret->flags |= VFU_REGION_MMAP;
		ret->mmap_fd = fn->vf->qpage_fd;
		ret->area_offset = I82576_VF_QPAGE_OFF;
		ret->area_size = I82576_VF_QPAGE_SIZE;
	}
	if (!fn->client.regions_told) {
		fn->client.regions_told = true;
		if (fn->client.msg_mode)
			function_msg_start(fn);
	}
}

static void dev_region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	struct function *fn = dev;

	*ret = (struct vfu_region){.mmap_fd = -1};
	switch (index) {
	case VFU_REGION_INDEX_BAR0:
		bar0_info(fn, ret);
		break;
	case VFU_REGION_INDEX_BAR3:
		ret->size = I82576_VF_BAR3_SIZE;
		ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
		break;
	case VFU_REGION_INDEX_CONFIG:
		ret->size = PCI_CFG_SIZE;
		ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
		break;
	default:
		break;
	}
}

static void dev_region_read(void *dev, unsigned index, uint64_t offset, void *buf,
			    uint32_t count)
{
	struct function *fn = dev;

	switch (index) {
	case VFU_REGION_INDEX_BAR0:
	case VFU_REGION_INDEX_BAR3:
		i82576_vf_bar_read(fn->vf, index, (uint32_t)offset, buf, count);
		break;
	case VFU_REGION_INDEX_CONFIG:
		pci_config_read(&fn->cfg, (unsigned)offset, buf, count);
		break;
	default: /* absent: size 0 lets nothing through */
		memset(buf, 0xff, count);
		break;
	}
}

static void config_write(struct function *fn, uint64_t offset, const void *buf, uint32_t count)
{
	unsigned events = pci_config_write(&fn->cfg, (unsigned)offset, buf, count);

	if (events & PCI_EV_FLR)
		function_reset(fn, "function-level reset");
	else if (events & PCI_EV_D0_RESET)
		function_reset(fn, "power state D3hot to D0");
	else if (events & (PCI_EV_COMMAND | PCI_EV_POWER))
		i82576_vf_set_dma(fn->vf, pci_config_bme(&fn->cfg));
}

static void dev_region_write(void *dev, unsigned index, uint64_t offset, const void *buf,
			     uint32_t count)
{
	struct function *fn = dev;

	switch (index) {
	case VFU_REGION_INDEX_BAR0:
	case VFU_REGION_INDEX_BAR3:
		i82576_vf_bar_write(fn->vf, index, (uint32_t)offset, buf, count);
		break;
	case VFU_REGION_INDEX_CONFIG:
		config_write(fn, offset, buf, count);
		break;
	default:
		break;
	}
}

/* ---- interrupts ---- */

/* NORESIZE stays clear: vectors are given one by one. */
static void dev_irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	(void)dev;
	*ret = (struct vfu_irq){0};
	if (index == VFU_IRQ_INDEX_MSIX)
		*ret = (struct vfu_irq){I82576_VF_VECTORS, VFU_IRQ_EVENTFD};
}

/*
 * An eventfd has no file type (it is an anonymous inode). Anything else could block the data
 * path in write(2). The description is the client's as well, so O_NONBLOCK helps only while it
 * is fair.
 */
static int check_eventfd(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IFMT) != 0)
		return -EINVAL;
	return fd_set_nonblock(fd);
}

/* Gives [start, start + count) these fds, or none; the former ones are closed, drained. */
static void give_eventfds(struct function *fn, uint32_t start, uint32_t count, int *fds)
{
	int old[I82576_VF_VECTORS];

	for (uint32_t i = 0; i < count; i++) {
		int fd = fds ? fds[i] : -1;

		if (fds)
			fds[i] = -1;
		nic_intr_set_fd(&fn->vf->intr, start + i, fd);
		old[i] = fn->irq_fd[start + i];
		fn->irq_fd[start + i] = fd;
	}
	nic_dp_quiesce(fn->card->nic->dp);
	fd_close_all(old, count);
}

void function_irqs_off(struct function *fn)
{
	give_eventfds(fn, 0, I82576_VF_VECTORS, NULL);
}

static int set_eventfds(struct function *fn, struct vfu_irq_set *set)
{
	for (uint32_t i = 0; set->fds && i < set->count; i++) {
		int ret = check_eventfd(set->fds[i]);

		if (ret < 0)
			return ret;
	}
	give_eventfds(fn, set->start, set->count, set->fds);
	return 0;
}

static int trigger(struct function *fn, struct vfu_irq_set *set)
{
	if (set->data == VFU_IRQ_DATA_EVENTFD)
		return set_eventfds(fn, set);
	if (!set->count) { /* disables the index */
		function_irqs_off(fn);
		return 0;
	}
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->data == VFU_IRQ_DATA_NONE || set->bools[i])
			nic_intr_force(&fn->vf->intr, set->start + i);
	}
	return 0;
}

/* Masks are the client's: it keeps the MSI-X table. */
static int dev_set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct function *fn = dev;

	if (set->index != VFU_IRQ_INDEX_MSIX)
		return set->count ? -EINVAL : 0;
	if (set->start > I82576_VF_VECTORS || set->count > I82576_VF_VECTORS - set->start)
		return -EINVAL;
	return set->action == VFU_IRQ_ACTION_TRIGGER ? trigger(fn, set) : 0;
}

/* ---- memory and reset ---- */

static int dev_dma_map(void *dev, const struct vfu_dma_map *map)
{
	return function_dma_map(dev, map);
}

static int dev_dma_unmap(void *dev, uint64_t addr, uint64_t size)
{
	return function_dma_unmap(dev, addr, size);
}

static void dev_dma_unmap_all(void *dev)
{
	function_dma_unmap_all(dev);
}

static void dev_reset(void *dev)
{
	function_reset(dev, "asked for by the client");
}

const struct vfu_dev_ops function_dev_ops = {
	.version = dev_version,
	.region_info = dev_region_info,
	.irq_info = dev_irq_info,
	.region_read = dev_region_read,
	.region_write = dev_region_write,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.dma_unmap_all = dev_dma_unmap_all,
	.set_irqs = dev_set_irqs,
	.reset = dev_reset,
};
