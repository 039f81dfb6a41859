/* SPDX-License-Identifier: BSD-3-Clause */
/* function.c - attaching to a function; its configuration space, BARs and interrupts. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bits.h"
#include "client_priv.h"
#include "fd.h"

#define CONFIG_SIZE 4096u
#define CFG_IDS	    0x00
#define CFG_COMMAND 0x04
#define CFG_CLASS   0x08
#define CFG_SUBSYS  0x2c
#define CMD_MEM	    BIT(1)
#define CMD_MASTER  BIT(2)

const char *ladon_version(void)
{
	return LADON_VERSION;
}

/* The mappable area as the server describes it; what makes no sense is simply not mapped. */
static void bar_map(struct fn_bar *bar, const struct vfu_client_region *region)
{
	uint64_t start = region->area_offset, size = region->area_size, file;
	void *map;

	if (region->mmap_fd < 0 || !(region->flags & VFU_REGION_MMAP) || size == 0)
		return;
	if (start > bar->size || size > bar->size - start || (start | size) % 4096)
		return;
	if (__builtin_add_overflow(region->offset, start, &file) || file > INT64_MAX - size)
		return;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, region->mmap_fd,
		   (off_t)file);
	if (map == MAP_FAILED)
		return;
	bar->map = map;
	bar->map_start = start;
	bar->map_size = size;
}

static int fn_probe_bars(struct ladon_function *fn)
{
	for (unsigned i = 0; i < FN_BARS; i++) {
		struct vfu_client_region region = {.mmap_fd = -1};
		int err = vfu_client_region_info(fn->client, i, &region);

		if (err)
			return err;
		fn->bar[i].size = region.size;
		bar_map(&fn->bar[i], &region);
		fd_close(&region.mmap_fd);
	}
	return 0;
}

static int fn_probe(struct ladon_function *fn)
{
	uint32_t flags, regions, irqs, vectors = 0;
	int err = vfu_client_device_info(fn->client, &flags, &regions, &irqs);

	if (err)
		return err;
	if (!(flags & VFU_DEVICE_PCI) || regions <= VFU_REGION_INDEX_CONFIG)
		return -EPROTO;
	err = fn_probe_bars(fn);
	if (!err && irqs > VFU_IRQ_INDEX_MSIX)
		err = vfu_client_irq_count(fn->client, VFU_IRQ_INDEX_MSIX, &vectors);
	if (err)
		return err;
	fn->irqs = vectors;
	return flags & VFU_DEVICE_RESET ? vfu_client_reset(fn->client) : 0;
}

/* client is consumed, always. */
static int fn_new(struct vfu_client *client, const struct ladon_options *options,
		  struct ladon_function **ret_function)
{
	struct ladon_function *fn = calloc(1, sizeof(*fn));
	int err;

	if (!fn) {
		vfu_client_close(client);
		return -ENOMEM;
	}
	fn->client = client;
	vfu_client_set_timeout(client, options && options->timeout_ms > 0 ? options->timeout_ms
									  : FN_TIMEOUT_MS);
	vfu_client_set_mem(client, dma_behind, fn);
	err = fn_probe(fn);
	if (err) {
		ladon_function_detach(fn);
		return err;
	}
	*ret_function = fn;
	return 0;
}

int ladon_function_attach(const char *path, const struct ladon_options *options,
			  struct ladon_function **ret_function)
{
	struct vfu_client *client;
	int err = vfu_client_connect(path, options ? options->vf_token : NULL, &client);

	return err ? err : fn_new(client, options, ret_function);
}

int ladon_function_attach_fd(int fd, const struct ladon_options *options,
			     struct ladon_function **ret_function)
{
	struct vfu_client *client;
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), err;

	if (copy < 0)
		return -errno;
	err = vfu_client_attach(copy, options ? options->vf_token : NULL, NULL, &client);
	if (err)
		fd_close(&copy);
	else
		err = fn_new(client, options, ret_function);
	/* Only success takes the caller's own descriptor. */
	if (!err)
		fd_close(&fd);
	return err;
}

void ladon_function_detach(struct ladon_function *fn)
{
	if (!fn)
		return;
	/* First the connection: the server drains and unmaps all when it ends. */
	vfu_client_close(fn->client);
	fn->client = NULL;
	while (fn->dma)
		ladon_dma_free(fn->dma);
	for (unsigned i = 0; i < FN_BARS; i++) {
		if (fn->bar[i].map)
			munmap(fn->bar[i].map, fn->bar[i].map_size);
	}
	free(fn);
}

int ladon_function_fd(const struct ladon_function *fn)
{
	return vfu_client_fd(fn->client);
}

int ladon_function_poll(struct ladon_function *fn, int timeout_ms)
{
	return vfu_client_poll(fn->client, timeout_ms);
}

int ladon_function_reset(struct ladon_function *fn)
{
	return vfu_client_reset(fn->client);
}

int ladon_function_enable(struct ladon_function *fn, bool on)
{
	uint16_t command;
	int err = ladon_config_read(fn, CFG_COMMAND, &command, sizeof(command));

	if (err)
		return err;
	command = (uint16_t)(on ? command | CMD_MEM | CMD_MASTER
				: command & ~(CMD_MEM | CMD_MASTER));
	return ladon_config_write(fn, CFG_COMMAND, &command, sizeof(command));
}

int ladon_function_ids(struct ladon_function *fn, struct ladon_ids *ret_ids)
{
	uint32_t ids, class_rev, subsys;
	int err = ladon_config_read(fn, CFG_IDS, &ids, sizeof(ids));

	if (!err)
		err = ladon_config_read(fn, CFG_CLASS, &class_rev, sizeof(class_rev));
	if (!err)
		err = ladon_config_read(fn, CFG_SUBSYS, &subsys, sizeof(subsys));
	if (err)
		return err;
	*ret_ids = (struct ladon_ids){
		.vendor = (uint16_t)ids,
		.device = (uint16_t)(ids >> 16),
		.subsys_vendor = (uint16_t)subsys,
		.subsys_device = (uint16_t)(subsys >> 16),
		.class_code = class_rev >> 8,
		.revision = (uint8_t)class_rev,
	};
	return 0;
}

static bool config_inside(unsigned offset, unsigned len)
{
	return len > 0 && offset < CONFIG_SIZE && len <= CONFIG_SIZE - offset;
}

int ladon_config_read(struct ladon_function *fn, unsigned offset, void *ret_buf, unsigned len)
{
	if (!config_inside(offset, len))
		return -EINVAL;
	return vfu_client_read(fn->client, VFU_REGION_INDEX_CONFIG, offset, ret_buf, len);
}

int ladon_config_write(struct ladon_function *fn, unsigned offset, const void *buf,
		       unsigned len)
{
	if (!config_inside(offset, len))
		return -EINVAL;
	return vfu_client_write(fn->client, VFU_REGION_INDEX_CONFIG, offset, buf, len);
}

uint64_t ladon_bar_size(const struct ladon_function *fn, unsigned bar)
{
	return bar < FN_BARS ? fn->bar[bar].size : 0;
}

static bool bar_inside(const struct ladon_function *fn, unsigned bar, uint64_t offset)
{
	return bar < FN_BARS && offset % 4 == 0 && fn->bar[bar].size >= 4 &&
	       offset <= fn->bar[bar].size - 4;
}

volatile uint32_t *ladon_bar_pointer(struct ladon_function *fn, unsigned bar, uint64_t offset)
{
	const struct fn_bar *b;

	if (!bar_inside(fn, bar, offset))
		return NULL;
	b = &fn->bar[bar];
	if (!b->map || offset < b->map_start || offset - b->map_start >= b->map_size)
		return NULL;
	return (volatile uint32_t *)(void *)(b->map + (offset - b->map_start));
}

int ladon_bar_read32(struct ladon_function *fn, unsigned bar, uint64_t offset,
		     uint32_t *ret_value)
{
	volatile uint32_t *reg;

	if (!bar_inside(fn, bar, offset))
		return -EINVAL;
	reg = ladon_bar_pointer(fn, bar, offset);
	if (!reg)
		return vfu_client_read(fn->client, bar, offset, ret_value, sizeof(*ret_value));
	*ret_value = __atomic_load_n(reg, __ATOMIC_ACQUIRE);
	return 0;
}

int ladon_bar_write32(struct ladon_function *fn, unsigned bar, uint64_t offset, uint32_t value)
{
	volatile uint32_t *reg;

	if (!bar_inside(fn, bar, offset))
		return -EINVAL;
	reg = ladon_bar_pointer(fn, bar, offset);
	if (!reg)
		return vfu_client_write_posted(fn->client, bar, offset, &value, sizeof(value));
	/* Release: pairs with the data path's acquire load of the register. */
	__atomic_store_n(reg, value, __ATOMIC_RELEASE);
	return 0;
}

unsigned ladon_irq_count(const struct ladon_function *fn)
{
	return fn->irqs;
}

static int irq_set(struct ladon_function *fn, unsigned start, unsigned count, const int *fds)
{
	int err = 0;

	if (count == 0 || start > fn->irqs || count > fn->irqs - start)
		return -EINVAL;
	for (unsigned done = 0; !err && done < count; done += FN_IRQ_BATCH)
		err = vfu_client_set_eventfds(fn->client, VFU_IRQ_INDEX_MSIX, start + done,
					      MIN(FN_IRQ_BATCH, count - done),
					      fds ? fds + done : NULL);
	return err;
}

int ladon_irq_enable(struct ladon_function *fn, unsigned start, unsigned count, const int *fds)
{
	return fds ? irq_set(fn, start, count, fds) : -EINVAL;
}

int ladon_irq_disable(struct ladon_function *fn, unsigned start, unsigned count)
{
	return irq_set(fn, start, count, NULL);
}
