/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfu_msg.h"

#include <errno.h>
#include <string.h>

#include "pi_desc.h"

bool vfu_posted_ok(const struct vfu_feature_posted *req, uint32_t vectors)
{
	return req->first < vectors && req->count <= vectors - req->first &&
	       req->bit < PI_BITS && req->count <= PI_BITS - req->bit &&
	       req->iova % sizeof(struct pi_desc) == 0 && !req->reserved;
}

bool vfu_header_size_ok(const struct vfu_header *hdr, uint32_t max_size)
{
	return hdr->msg_size >= sizeof(*hdr) && hdr->msg_size <= max_size;
}

struct vfu_header vfu_header_reply(const struct vfu_header *req, size_t payload, int error)
{
	assert(payload <= VFU_MAX_MSG - sizeof(*req));
	assert(error >= 0 && (error == 0 || payload == 0));
	return (struct vfu_header){
		.msg_id = req->msg_id,
		.command = req->command,
		.msg_size = (uint32_t)(sizeof(*req) + payload),
		.flags = VFU_F_TYPE_REPLY | (error ? VFU_F_ERROR : 0),
		.error = (uint32_t)error,
	};
}

int vfu_header_error(const struct vfu_header *hdr)
{
	if (hdr->error == 0 || hdr->error > VFU_MAX_ERRNO)
		return -EIO;
	return -(int)hdr->error;
}

/* The fixed part of a payload; every one of them begins with argsz but the region access. */
static bool copy_fixed(void *dst, size_t size, const void *payload, size_t len)
{
	if (len < size)
		return false;
	memcpy(dst, payload, size);
	return true;
}

/* argsz of a request that says its own size: QEMU and CH count differently, so only bounds. */
static bool argsz_ok(uint32_t argsz, size_t size)
{
	return argsz >= size && argsz <= VFU_MAX_MSG;
}

static bool one_bit(uint32_t flags)
{
	return flags && !(flags & (flags - 1));
}

static bool wraps(uint64_t start, uint64_t size)
{
#ifdef LADON_BREAK_WRAP
	return false;
#endif
	return start > UINT64_MAX - size;
}

static bool dma_map_mode_ok(uint32_t flags, unsigned nfds)
{
	uint32_t mode = flags & (VFU_DMA_MODE_MMAP | VFU_DMA_MODE_FILE);

	if (flags & ~(VFU_DMA_READ | VFU_DMA_WRITE | VFU_DMA_MODE_MMAP | VFU_DMA_MODE_FILE))
		return false;
	return !mode || (one_bit(mode) && nfds == 1);
}

int vfu_decode_dma_map(const void *payload, size_t len, unsigned nfds,
		       struct vfu_msg_dma_map *ret_map)
{
	struct vfu_msg_dma_map map;

	if (!copy_fixed(&map, sizeof(map), payload, len) || !argsz_ok(map.argsz, sizeof(map)))
		return -EINVAL;
	if (nfds > 1 || !dma_map_mode_ok(map.flags, nfds))
		return -EINVAL;
	if (!map.size || wraps(map.addr, map.size) || (nfds && wraps(map.offset, map.size)))
		return -EINVAL;
	*ret_map = map;
	return 0;
}

int vfu_decode_dma_unmap(const void *payload, size_t len, struct vfu_msg_dma_unmap *ret_unmap)
{
	struct vfu_msg_dma_unmap unmap;

	if (!copy_fixed(&unmap, sizeof(unmap), payload, len) ||
	    !argsz_ok(unmap.argsz, sizeof(unmap)))
		return -EINVAL;
	if (unmap.flags == VFU_DMA_UNMAP_ALL) {
		if (unmap.addr || unmap.size)
			return -EINVAL;
	} else if (unmap.flags || !unmap.size || wraps(unmap.addr, unmap.size)) {
		return -EINVAL;
	}
	*ret_unmap = unmap;
	return 0;
}

int vfu_decode_device_info(const void *payload, size_t len,
			   struct vfu_msg_device_info *ret_info)
{
	struct vfu_msg_device_info info;

	if (!copy_fixed(&info, sizeof(info), payload, len) || info.argsz < sizeof(info))
		return -EINVAL;
	*ret_info = info;
	return 0;
}

int vfu_decode_region_info(const void *payload, size_t len,
			   struct vfu_msg_region_info *ret_info)
{
	struct vfu_msg_region_info info;

	if (!copy_fixed(&info, sizeof(info), payload, len) || info.argsz < sizeof(info))
		return -EINVAL;
	if (info.index >= VFU_REGION_INDEX_NUM)
		return -EINVAL;
	*ret_info = info;
	return 0;
}

int vfu_decode_io_fds(const void *payload, size_t len, struct vfu_msg_io_fds *ret_fds)
{
	struct vfu_msg_io_fds fds;

	if (!copy_fixed(&fds, sizeof(fds), payload, len) || fds.argsz < sizeof(fds))
		return -EINVAL;
	if (fds.index >= VFU_REGION_INDEX_NUM || fds.flags || fds.count)
		return -EINVAL;
	*ret_fds = fds;
	return 0;
}

int vfu_decode_irq_info(const void *payload, size_t len, struct vfu_msg_irq_info *ret_info)
{
	struct vfu_msg_irq_info info;

	if (!copy_fixed(&info, sizeof(info), payload, len) || info.argsz < sizeof(info))
		return -EINVAL;
	if (info.index >= VFU_IRQ_INDEX_NUM)
		return -EINVAL;
	*ret_info = info;
	return 0;
}

static bool set_irqs_flags_ok(uint32_t flags)
{
	return !(flags & ~(VFU_IRQ_DATA_MASK | VFU_IRQ_ACTION_ALL)) &&
	       one_bit(flags & VFU_IRQ_DATA_MASK) && one_bit(flags & VFU_IRQ_ACTION_ALL);
}

/* len: what follows the fixed part. */
static bool set_irqs_data_ok(const struct vfu_msg_set_irqs *set, size_t len, unsigned nfds)
{
	switch (set->flags & VFU_IRQ_DATA_MASK) {
	case VFU_IRQ_DATA_EVENTFD:
		return nfds == 0 || nfds == set->count;
	case VFU_IRQ_DATA_BOOL:
		return nfds == 0 && len == set->count;
	default:
		return nfds == 0;
	}
}

static bool set_irqs_count_ok(const struct vfu_msg_set_irqs *set)
{
	bool trigger = set->flags & VFU_IRQ_ACTION_TRIGGER;

	if (set->count == 0)
		return set->start == 0 && trigger && (set->flags & VFU_IRQ_DATA_NONE);
	if (set->index == VFU_IRQ_INDEX_ERR || set->index == VFU_IRQ_INDEX_REQ)
		return trigger && set->count == 1;
	return true;
}

int vfu_decode_set_irqs(const void *payload, size_t len, unsigned nfds,
			struct vfu_msg_set_irqs *ret_set)
{
	struct vfu_msg_set_irqs set;

	if (!copy_fixed(&set, sizeof(set), payload, len) || !argsz_ok(set.argsz, sizeof(set)))
		return -EINVAL;
	if (set.index >= VFU_IRQ_INDEX_NUM || !set_irqs_flags_ok(set.flags))
		return -EINVAL;
	if (!set_irqs_count_ok(&set) || !set_irqs_data_ok(&set, len - sizeof(set), nfds))
		return -EINVAL;
	*ret_set = set;
	return 0;
}

bool vfu_irq_range_ok(const struct vfu_msg_set_irqs *set, uint32_t total)
{
	return vfu_range_ok(set->start, set->count, total);
}

int vfu_decode_region_access(const void *payload, size_t len, bool write,
			     struct vfu_msg_region_access *ret_access)
{
	struct vfu_msg_region_access access;

	if (!copy_fixed(&access, sizeof(access), payload, len))
		return -EINVAL;
	if (access.region >= VFU_REGION_INDEX_NUM || access.count > VFU_MAX_DATA)
		return -EINVAL;
	if (write && len - sizeof(access) < access.count)
		return -EINVAL;
	*ret_access = access;
	return 0;
}

bool vfu_range_ok(uint64_t offset, uint64_t count, uint64_t size)
{
	return offset <= size && count <= size - offset;
}

int vfu_decode_feature(const void *payload, size_t len, struct vfu_msg_feature *ret_feature)
{
	const uint32_t both = VFU_FEATURE_GET | VFU_FEATURE_SET;
	struct vfu_msg_feature feature;

	if (!copy_fixed(&feature, sizeof(feature), payload, len) ||
	    !argsz_ok(feature.argsz, sizeof(feature)))
		return -EINVAL;
	if (feature.flags & ~(VFU_FEATURE_INDEX_MASK | both | VFU_FEATURE_PROBE))
		return -EINVAL;
	if (!(feature.flags & VFU_FEATURE_PROBE) && !one_bit(feature.flags & both))
		return -EINVAL;
	*ret_feature = feature;
	return 0;
}

int vfu_decode_dma_access(const void *payload, size_t len, bool write, uint64_t max_data,
			  struct vfu_msg_dma_access *ret_access)
{
	struct vfu_msg_dma_access access;

	if (!copy_fixed(&access, sizeof(access), payload, len))
		return -EINVAL;
	if (!access.count || access.count > max_data || wraps(access.addr, access.count))
		return -EINVAL;
	if (write && len - sizeof(access) < access.count)
		return -EINVAL;
	*ret_access = access;
	return 0;
}
