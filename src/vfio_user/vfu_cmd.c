/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The commands: decode (vfu_msg.c), ask the device, build the reply. A handler returns 0 with
 * the reply in req, or -errno, which becomes a header-only error reply.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "bits.h"
#include "fd.h"
#include "vfu_conn_impl.h"
#include "vfu_version.h"

typedef int vfu_handler(struct vfu_conn *conn, struct vfu_request *req);

static int reply_bytes(struct vfu_conn *conn, struct vfu_request *req, const void *buf,
		       size_t len)
{
	void *room = vfu_conn_reply_room(conn, req, len);

	if (!room)
		return -ENOMEM;
	memcpy(room, buf, len);
	return 0;
}

/* A token was in it. */
static void wipe_payload(struct vfu_request *req)
{
	explicit_bzero((void *)(uintptr_t)req->payload, req->len);
}

static int cmd_version(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_client_caps caps = {0};
	const char *why = NULL;
	void *room;
	int ret = vfu_version_decode(req->payload, req->len, &caps, &why);

	if (ret == 0) {
		ret = conn->ops->version(conn->dev, &caps, &why);
		assert(ret <= 0);
	}
	wipe_payload(req);
	explicit_bzero(caps.vf_token, sizeof(caps.vf_token));
	if (ret < 0) {
		vfu_conn_over(conn, "VERSION is refused: %s", why ? why : strerror(-ret));
		return ret;
	}
	room = vfu_conn_reply_room(conn, req, VFU_VERSION_REPLY_MAX);
	if (!room)
		return -ENOMEM;
	req->reply_len = vfu_version_encode_reply(room, VFU_VERSION_REPLY_MAX, caps.minor);
	conn->caps = caps;
	conn->state = VFU_CONN_READY;
	return 0;
}

static int cmd_dma_map(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_dma_map msg;
	struct vfu_dma_map map;
	int ret = vfu_decode_dma_map(req->payload, req->len, req->fds_sent, &msg);

	if (ret < 0)
		return ret;
	map = (struct vfu_dma_map){
		.addr = msg.addr,
		.size = msg.size,
		.offset = msg.offset,
		.prot = msg.flags & (VFU_DMA_READ | VFU_DMA_WRITE),
		.fd = req->nfds ? req->fds[0] : -1,
	};
	ret = conn->ops->dma_map(conn->dev, &map);
	if (ret == 0 && req->nfds)
		req->fds[0] = -1; /* the device has it now */
	return ret;
}

static int cmd_dma_unmap(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_dma_unmap unmap;
	int ret = vfu_decode_dma_unmap(req->payload, req->len, &unmap);

	if (ret < 0)
		return ret;
	if (unmap.flags & VFU_DMA_UNMAP_ALL)
		conn->ops->dma_unmap_all(conn->dev);
	else
		ret = conn->ops->dma_unmap(conn->dev, unmap.addr, unmap.size);
	return ret < 0 ? ret : reply_bytes(conn, req, &unmap, sizeof(unmap));
}

static int cmd_get_info(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_device_info info;
	int ret = vfu_decode_device_info(req->payload, req->len, &info);

	if (ret < 0)
		return ret;
	info = (struct vfu_msg_device_info){
		.argsz = sizeof(info),
		.flags = VFU_DEVICE_RESET | VFU_DEVICE_PCI,
		.num_regions = VFU_REGION_INDEX_NUM,
		.num_irqs = VFU_IRQ_INDEX_NUM,
	};
	return reply_bytes(conn, req, &info, sizeof(info));
}

static struct vfu_region get_region(struct vfu_conn *conn, unsigned index)
{
	struct vfu_region region = {.mmap_fd = -1};

	conn->ops->region_info(conn->dev, index, &region);
	return region;
}

static struct vfu_irq get_irq(struct vfu_conn *conn, unsigned index)
{
	struct vfu_irq irq = {0};

	conn->ops->irq_info(conn->dev, index, &irq);
	return irq;
}

static struct vfu_msg_region_info_full
region_message(unsigned index, const struct vfu_region *region, bool mmap)
{
	const uint32_t access = VFU_REGION_READ | VFU_REGION_WRITE;
	struct vfu_msg_region_info_full full = {
		.info.argsz = sizeof(full.info),
		.info.index = index,
		.info.size = region->size,
		.info.flags = region->size ? region->flags & access : 0,
	};

	if (!mmap)
		return full;
	full.info.flags |= VFU_REGION_MMAP;
	full.info.offset = region->mmap_offset;
	if (!region->area_size)
		return full;
	full.info.flags |= VFU_REGION_CAPS;
	full.info.argsz = sizeof(full);
	full.info.cap_offset = offsetof(struct vfu_msg_region_info_full, sparse);
	full.sparse = (struct vfu_msg_sparse){
		.id = VFU_REGION_CAP_SPARSE,
		.version = VFU_REGION_CAP_SPARSE_VERSION,
		.nr_areas = 1,
		.offset = region->area_offset,
		.size = region->area_size,
	};
	return full;
}

/*
 * The fd is a copy: it may wait in the queue, and the number could be somebody else's file by
 * then. When none is to be had the region is shown without MMAP: slower, but an error would
 * hang Cloud Hypervisor.
 */
static int cmd_region_info(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_region_info ask;
	struct vfu_msg_region_info_full full;
	struct vfu_region region;
	int fd = -1, ret = vfu_decode_region_info(req->payload, req->len, &ask);

	if (ret < 0)
		return ret;
	region = get_region(conn, ask.index);
	if (region.size && (region.flags & VFU_REGION_MMAP) && region.mmap_fd >= 0)
		fd = fcntl(region.mmap_fd, F_DUPFD_CLOEXEC, 0);
	full = region_message(ask.index, &region, fd >= 0);
	if (full.info.argsz > ask.argsz) {
		/* Too long: the fixed part says how much to ask for. */
		full.info.flags &= ~VFU_REGION_CAPS;
		full.info.cap_offset = 0;
		fd_close(&fd);
		return reply_bytes(conn, req, &full.info, sizeof(full.info));
	}
	req->reply_fd = fd;
	return reply_bytes(conn, req, &full, full.info.argsz);
}

/* No client asks for this; there are no ioeventfds to hand out. */
static int cmd_region_io_fds(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_io_fds fds;
	int ret = vfu_decode_io_fds(req->payload, req->len, &fds);

	if (ret < 0)
		return ret;
	fds.argsz = sizeof(fds);
	return reply_bytes(conn, req, &fds, sizeof(fds));
}

static int cmd_irq_info(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_irq_info info;
	struct vfu_irq irq;
	int ret = vfu_decode_irq_info(req->payload, req->len, &info);

	if (ret < 0)
		return ret;
	irq = get_irq(conn, info.index);
	info = (struct vfu_msg_irq_info){
		.argsz = sizeof(info),
		.flags = irq.flags,
		.index = info.index,
		.count = irq.count,
	};
	return reply_bytes(conn, req, &info, sizeof(info));
}

static int cmd_set_irqs(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_set_irqs msg;
	struct vfu_irq_set set;
	int ret = vfu_decode_set_irqs(req->payload, req->len, req->fds_sent, &msg);

	if (ret < 0)
		return ret;
	/* More than are kept: count would match what was sent, not what is left. */
	if (req->fds_sent != req->nfds)
		return -EINVAL;
	if (!vfu_irq_range_ok(&msg, get_irq(conn, msg.index).count))
		return -EINVAL;
	set = (struct vfu_irq_set){
		.index = msg.index,
		.start = msg.start,
		.count = msg.count,
		.data = msg.flags & VFU_IRQ_DATA_MASK,
		.action = msg.flags & VFU_IRQ_ACTION_ALL,
	};
	if (set.data == VFU_IRQ_DATA_BOOL)
		set.bools = req->payload + sizeof(msg);
	if (req->nfds)
		set.fds = req->fds;
	return conn->ops->set_irqs(conn->dev, &set);
}

static int cmd_region_read(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_region_access access;
	struct vfu_region region;
	uint8_t *room;
	int ret = vfu_decode_region_access(req->payload, req->len, false, &access);

	if (ret < 0 || !access.count)
		return ret;
	region = get_region(conn, access.region);
	if (!vfu_range_ok(access.offset, access.count, region.size))
		return -EINVAL;
	room = vfu_conn_reply_room(conn, req, sizeof(access) + access.count);
	if (!room)
		return -ENOMEM;
	memcpy(room, &access, sizeof(access));
	/* In range is never an error: a region that cannot be read reads as an empty bus does.
	 */
	if (region.flags & VFU_REGION_READ)
		conn->ops->region_read(conn->dev, access.region, access.offset,
				       room + sizeof(access), access.count);
	else
		memset(room + sizeof(access), 0xff, access.count);
	return 0;
}

static int cmd_region_write(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_region_access access;
	struct vfu_region region;
	int ret = vfu_decode_region_access(req->payload, req->len, true, &access);

	if (ret < 0 || !access.count)
		return ret;
	region = get_region(conn, access.region);
	if (!vfu_range_ok(access.offset, access.count, region.size))
		return -EINVAL;
	/* A read-only region swallows writes, as hardware does. */
	if (region.flags & VFU_REGION_WRITE)
		conn->ops->region_write(conn->dev, access.region, access.offset,
					req->payload + sizeof(access), access.count);
	return reply_bytes(conn, req, &access, sizeof(access));
}

static int cmd_reset(struct vfu_conn *conn, struct vfu_request *req)
{
	(void)req;
	conn->ops->reset(conn->dev);
	return 0;
}

static int cmd_feature(struct vfu_conn *conn, struct vfu_request *req)
{
	struct vfu_msg_feature msg;
	bool get, set, probe;
	size_t len;
	int ret = vfu_decode_feature(req->payload, req->len, &msg);

	if (ret < 0)
		return ret;
	get = msg.flags & VFU_FEATURE_GET;
	set = msg.flags & VFU_FEATURE_SET;
	probe = get || msg.flags & VFU_FEATURE_PROBE;
	if (!conn->ops->feature)
		return -ENOTTY;
	len = MIN(req->len, (size_t)msg.argsz) - sizeof(msg);
	ret = conn->ops->feature(conn->dev, msg.flags & VFU_FEATURE_INDEX_MASK, set, probe,
				 req->payload + sizeof(msg), (uint32_t)len);
	if (set)
		wipe_payload(req);
	/* Features can be set, and none can be read. */
	if (ret == 0 && get)
		ret = -EINVAL;
	if (ret < 0)
		return ret;
	msg.argsz = sizeof(msg);
	return reply_bytes(conn, req, &msg, sizeof(msg));
}

static int cmd_not_supported(struct vfu_conn *conn, struct vfu_request *req)
{
	(void)conn;
	(void)req;
	return -ENOTSUP;
}

/* What is missing here is no command of a client. */
static vfu_handler *const handlers[VFU_CMD_NUM] = {
	[VFU_CMD_VERSION] = cmd_version,
	[VFU_CMD_DMA_MAP] = cmd_dma_map,
	[VFU_CMD_DMA_UNMAP] = cmd_dma_unmap,
	[VFU_CMD_GET_INFO] = cmd_get_info,
	[VFU_CMD_GET_REGION_INFO] = cmd_region_info,
	[VFU_CMD_GET_REGION_IO_FDS] = cmd_region_io_fds,
	[VFU_CMD_GET_IRQ_INFO] = cmd_irq_info,
	[VFU_CMD_SET_IRQS] = cmd_set_irqs,
	[VFU_CMD_REGION_READ] = cmd_region_read,
	[VFU_CMD_REGION_WRITE] = cmd_region_write,
	[VFU_CMD_DEVICE_RESET] = cmd_reset,
	[VFU_CMD_REGION_WRITE_MULTI] = cmd_not_supported,
	[VFU_CMD_DEVICE_FEATURE] = cmd_feature,
	[VFU_CMD_MIG_DATA_READ] = cmd_not_supported,
	[VFU_CMD_MIG_DATA_WRITE] = cmd_not_supported,
};

/* VERSION is the first command, and only the first. */
static int dispatch(struct vfu_conn *conn, struct vfu_request *req)
{
	uint16_t command = req->hdr.command;

	if (vfu_header_type(&req->hdr) != VFU_F_TYPE_COMMAND)
		return -EINVAL;
	if (conn->state == VFU_CONN_WAIT_VERSION && command != VFU_CMD_VERSION) {
		vfu_conn_over(conn, "the first command is %u, not VERSION", command);
		return -EINVAL;
	}
	if (conn->state == VFU_CONN_READY && command == VFU_CMD_VERSION) {
		vfu_conn_over(conn, "a second VERSION");
		return -EINVAL;
	}
	if (command >= VFU_CMD_NUM || !handlers[command])
		return -EINVAL;
	return handlers[command](conn, req);
}

static int queue_reply(struct vfu_conn *conn, struct vfu_request *req, int error)
{
	size_t len = error ? 0 : req->reply_len;
	struct vfu_header hdr = vfu_header_reply(&req->hdr, len, error);

	return vfu_conn_queue(conn, &hdr, conn->reply, len, NULL, 0, req->reply_fd);
}

/* What a client may ask to learn whether we know it is no mistake of its. */
static bool broke_a_rule(const struct vfu_request *req, int ret)
{
	if (ret < 0 && ret != -ENOTTY && ret != -ENOTSUP)
		return true;
	for (unsigned i = 0; i < req->nfds; i++) {
		if (req->fds[i] >= 0)
			return true;
	}
	return req->fds_sent > req->nfds;
}

void vfu_conn_execute(struct vfu_conn *conn, struct vfu_request *req)
{
	int ret;

	if (vfu_header_type(&req->hdr) == VFU_F_TYPE_REPLY) {
		vfu_dma_reply(conn, req);
		return;
	}
	ret = dispatch(conn, req);
	assert(ret <= 0);
	conn->bad += broke_a_rule(req, ret);
	if (req->hdr.flags & VFU_F_NO_REPLY) {
		fd_close(&req->reply_fd);
		return;
	}
	ret = queue_reply(conn, req, -ret);
	if (ret == 0)
		return;
	fd_close(&req->reply_fd);
	if (ret == -ENOMEM)
		vfu_conn_over(conn, "out of memory");
	else
		vfu_conn_over(conn, "the client does not read its replies (%zu bytes wait)",
			      vfu_conn_queued(conn));
}
