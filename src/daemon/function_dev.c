/* SPDX-License-Identifier: BSD-3-Clause */
/* function_dev.c - the function as its client sees it: version, regions, resets. */
#include <string.h>

#include "bits.h"
#include "card.h"
#include "daemon.h"
#include "function.h"

/* ---- VERSION ---- */

/* Only QEMU proposes write_multiple. */
static int dev_version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	struct function *fn = dev;
	int ret = function_admit(fn, caps, why);

	if (ret < 0)
		return ret;
	fn->client.answers_dma = caps->write_multiple;
	fn->client.kind = caps->write_multiple ? "qemu" : "vfio-user";
	log_debug("%s: client is %s, version %u.%u", fn->name, fn->client.kind, caps->major,
		  caps->minor);
	if (fn->kind->accepted)
		ret = fn->kind->accepted(fn, why);
	fn->client.accepted = ret == 0;
	return ret;
}

/* ---- regions ---- */

static void bar_info(struct function *fn, unsigned bar, struct vfu_region *ret)
{
	ret->size = fn->kind->bar_size[bar];
	if (!ret->size)
		return;
	ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
	if (fn->kind->region_info)
		fn->kind->region_info(fn, bar, ret);
	if (bar == VFU_REGION_INDEX_BAR0 && !fn->client.regions_told) {
		fn->client.regions_told = true;
		if (fn->client.msg_mode)
			function_msg_start(fn);
	}
}

static void dev_region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	struct function *fn = dev;

	*ret = (struct vfu_region){.mmap_fd = -1};
	if (index < PCI_NUM_BARS) {
		bar_info(fn, index, ret);
	} else if (index == VFU_REGION_INDEX_CONFIG) {
		ret->size = PCI_CFG_SIZE;
		ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
	}
}

/* How many of count bytes at offset lie below the extended capabilities. */
static uint32_t below_ext(uint64_t offset, uint32_t count)
{
	return offset < PCI_EXT_CAP_START ? MIN(count, (uint32_t)(PCI_EXT_CAP_START - offset))
					  : 0;
}

static void config_read(struct function *fn, uint64_t offset, void *buf, uint32_t count)
{
	uint32_t shown = fn->ext_hidden ? below_ext(offset, count) : count;

	pci_config_read(&fn->cfg, (unsigned)offset, buf, shown);
	memset((uint8_t *)buf + shown, 0, count - shown);
}

/* Whatever is absent has size 0, which lets nothing through. */
static void dev_region_read(void *dev, unsigned index, uint64_t offset, void *buf,
			    uint32_t count)
{
	struct function *fn = dev;

	if (index < PCI_NUM_BARS)
		fn->kind->bar_read(fn, index, (uint32_t)offset, buf, count);
	else
		config_read(fn, offset, buf, count);
}

static uint32_t first_word(const void *buf, uint32_t count)
{
	uint32_t value = 0;

	memcpy(&value, buf, MIN(count, (uint32_t)sizeof(value)));
	return value;
}

/* What the model has no register for is counted; the first of a client, and then some, named.
 */
static void bar_write(struct function *fn, unsigned bar, uint32_t offset, const void *buf,
		      uint32_t count)
{
	uint64_t unknown = fn->dev->unknown_regs;

	fn->kind->bar_write(fn, bar, offset, buf, count);
	if (fn->dev->unknown_regs != unknown && log_limit_ok(&fn->log_bad))
		log_info("%s: a write of 0x%x (%u bytes) to BAR %u at 0x%x was ignored: the "
			 "model has no register there",
			 fn->name, first_word(buf, count), count, bar, offset);
}

static void was_bad(struct function *fn, uint64_t offset, const uint8_t *buf, uint32_t count)
{
	fn->bad_config++;
	if (log_limit_ok(&fn->log_bad))
		log_warn("%s: a write of 0x%x (%u bytes) to configuration space at 0x%x was "
			 "ignored: the specification forbids it now",
			 fn->name, first_word(buf, count), count, (unsigned)offset);
}

static void config_write(struct function *fn, uint64_t offset, const void *buf, uint32_t count)
{
	unsigned events;

	if (fn->ext_hidden)
		count = below_ext(offset, count);
	events = pci_config_write(&fn->cfg, (unsigned)offset, buf, count);
	if (events & PCI_EV_BAD)
		was_bad(fn, offset, buf, count);
	if (events & PCI_EV_FLR) {
		function_reset(fn, "function-level reset");
		if (fn->kind->was_flr)
			fn->kind->was_flr(fn);
	} else if (events & PCI_EV_D0_RESET) {
		function_reset(fn, "power state D3hot to D0");
	} else {
		if (events & (PCI_EV_COMMAND | PCI_EV_POWER))
			i82576_fn_set_dma(fn->dev, pci_config_bme(&fn->cfg));
		if (events & PCI_EV_COMMAND)
			function_irqs_gate(fn);
		if (fn->kind->configured)
			fn->kind->configured(fn, events);
	}
}

static void dev_region_write(void *dev, unsigned index, uint64_t offset, const void *buf,
			     uint32_t count)
{
	struct function *fn = dev;

	if (index < PCI_NUM_BARS)
		bar_write(fn, index, (uint32_t)offset, buf, count);
	else
		config_write(fn, offset, buf, count);
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
	struct function *fn = dev;

	function_reset(fn, "asked for by the client");
	fn->ext_hidden = false;
}

const struct vfu_dev_ops function_dev_ops = {
	.version = dev_version,
	.region_info = dev_region_info,
	.irq_info = function_irq_info,
	.region_read = dev_region_read,
	.region_write = dev_region_write,
	.dma_map = dev_dma_map,
	.dma_unmap = dev_dma_unmap,
	.dma_unmap_all = dev_dma_unmap_all,
	.set_irqs = function_set_irqs,
	.reset = dev_reset,
	.feature = function_feature,
};
