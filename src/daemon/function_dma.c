/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_dma.c - the memory a client offers.
 *
 * A range with a file is mapped and translated by the domain. One without (a VM with private
 * RAM, a ROM, another device's BAR) is only recorded: what lies there can be reached by
 * messages alone. A client is in message mode when most of its memory is like that. A large
 * range without a file beside more memory that has one is no reason: a VGA frame buffer looks
 * like that.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "daemon.h"
#include "fd.h"
#include "function.h"
#include "ir.h"
#include "probe.h"

#define MSG_MODE_MIN (1ull << 20) /* bytes; smaller ranges are BARs and firmware */

static uint32_t perm_of(uint32_t prot)
{
	return (prot & VFU_DMA_READ ? IOMMU_READ : 0) |
	       (prot & VFU_DMA_WRITE ? IOMMU_WRITE : 0);
}

static uint32_t mmap_prot(uint32_t prot)
{
	return (prot & VFU_DMA_READ ? PROT_READ : 0) | (prot & VFU_DMA_WRITE ? PROT_WRITE : 0);
}

static void look_for_msg_mode(struct function *fn, const struct vfu_dma_map *map)
{
	struct iommu_usage usage;

	if (fn->client.msg_mode || !fn->kind->has_memory || map->size <= MSG_MODE_MIN ||
	    perm_of(map->prot) != (IOMMU_READ | IOMMU_WRITE))
		return;
	iommu_usage(fn->dom, &usage);
	if (usage.bytes_mem > usage.bytes_msg)
		return;
	fn->client.msg_mode = true;
	if (log_limit_ok(&fn->log_dma))
		log_warn("%s: the client's memory has no file, DMA goes by messages and is "
			 "slow: "
			 "give the VM memory-backend-memfd,share=on",
			 fn->name);
	if (fn->client.regions_told)
		function_msg_start(fn);
}

static int map_failed(struct function *fn, const struct vfu_dma_map *map, int err,
		      const char *why)
{
	if (log_limit_ok(&fn->log_dma))
		log_warn("%s: mapping 0x%llx bytes at 0x%llx was refused: %s", fn->name,
			 (unsigned long long)map->size, (unsigned long long)map->addr, why);
	return err;
}

/* iommu_map's error in words. */
static const char *why_refused(int err)
{
	return err == -EEXIST ? "it overlaps an earlier mapping"
			      : "the address space does not take it";
}

static int map_without_file(struct function *fn, const struct vfu_dma_map *map)
{
	int ret = iommu_map(fn->dom, map->addr, map->size, perm_of(map->prot), NULL, 0);

	if (ret < 0)
		return map_failed(fn, map, ret, why_refused(ret));
	look_for_msg_mode(fn, map);
	return 0;
}

/* Nothing of the client's is ever touched, but what it maps and unmaps must add up. */
static int record_only(struct function *fn, const struct vfu_dma_map *map)
{
	int fd = map->fd,
	    ret = iommu_map(fn->dom, map->addr, map->size, perm_of(map->prot), NULL, 0);

	if (ret < 0)
		return ret;
	fd_close(&fd);
	return 0;
}

/* A file that may block us for ever when touched is as good as none. */
static int map_blocking_file(struct function *fn, const struct vfu_dma_map *map,
			     const char *why)
{
	int fd = map->fd, ret = map_without_file(fn, map);

	if (ret < 0)
		return ret;
	if (!fn->client.no_file_said && log_limit_ok(&fn->log_dma))
		log_warn("%s: memory at 0x%llx is used by messages: %s", fn->name,
			 (unsigned long long)map->addr, why);
	fn->client.no_file_said = true;
	fd_close(&fd);
	return 0;
}

/* Would iommu_map take it? Asked before the file is mapped: its fd is the caller's on failure.
 */
static bool range_ok(const struct vfu_dma_map *map)
{
	return !((map->addr | map->size | map->offset) & (IOMMU_PAGE - 1)) &&
	       perm_of(map->prot);
}

/*
 * The kernel limits how many areas a process has, and all clients share ours. Nobody may hold
 * more than what is left for the others: one takes half at most, the next half of the rest.
 */
static bool takes_too_many(const struct function *fn)
{
#ifdef LADON_BREAK_MAP_SHARE
	return false;
#endif
	return fn->client.file_maps >= iommu_mem_left();
}

static int map_memory(struct function *fn, const struct vfu_dma_map *map)
{
	const char *why = "no reason is known";
	struct iommu_mem *mem;
	int ret, fd;

	if (!range_ok(map))
		return map_failed(fn, map, -EINVAL, "it is not made of whole 4 KiB pages");
	if (ir_in_window(map->addr, map->size))
		return map_failed(fn, map, -EINVAL, "it overlaps the interrupt window");
	if (map->fd < 0)
		return map_without_file(fn, map);
	if (!fn->kind->has_memory)
		return record_only(fn, map);
	if (takes_too_many(fn))
		return map_failed(fn, map, -ENOSPC,
				  "it has as many mappings as are left for all others: raise "
				  "vm.max_map_count");
	/* iommu_mem_map consumes the fd before iommu_map can fail: work on a copy. */
	fd = fcntl(map->fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = iommu_mem_map(fd, map->offset, map->size, mmap_prot(map->prot), &mem, &why);
	if (ret < 0) {
		fd_close(&fd);
		return ret == -EOPNOTSUPP ? map_blocking_file(fn, map, why)
					  : map_failed(fn, map, ret, why);
	}
	ret = iommu_map(fn->dom, map->addr, map->size, perm_of(map->prot), mem, 0);
	if (ret < 0) {
		iommu_mem_free(mem);
		return map_failed(fn, map, ret, why_refused(ret));
	}
	fn->client.file_maps++;
	fd = map->fd;
	fd_close(&fd);
	return 0;
}

int function_dma_map(struct function *fn, const struct vfu_dma_map *map)
{
	uint64_t addr = map->addr, size = map->size;
	int ret = map_memory(fn, map);

	PROBE4(map, fn->name, addr, size, ret);
	return ret;
}

int function_dma_unmap(struct function *fn, uint64_t addr, uint64_t size)
{
	struct iommu_map_info info;
	bool file = iommu_find(fn->dom, addr, &info) && info.mem;
	int ret;

	function_posted_unmap(fn, addr, size);
	ret = iommu_unmap(fn->dom, addr, size);
	if (ret == 0 && file)
		fn->client.file_maps--;
	PROBE4(unmap, fn->name, addr, size, ret);
	return ret;
}

void function_dma_unmap_all(struct function *fn)
{
	function_posted_off(fn);
	iommu_unmap_all(fn->dom);
	PROBE4(unmap, fn->name, 0, UINT64_MAX, 0);
	fn->client.file_maps = 0;
}
