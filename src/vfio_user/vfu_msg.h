/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_msg.h - the vfio-user messages as bytes: structures, constants, and pure functions that
 * decode a request's payload with every check that needs no device. Source: the
 * vfio-user specification (docs/interop/vfio-user.rst of QEMU). Host byte order on the wire.
 *
 * All decoders take the payload (what follows the header), want at least the size of the fixed
 * structure (SPDK sends 4064 bytes where 32 are meant) and return 0, or -EINVAL with the output
 * untouched.
 */
#ifndef LADON_VFU_MSG_H
#define LADON_VFU_MSG_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VFU_MAJOR	    0
#define VFU_MINOR	    1
#define VFU_MAX_DATA	    1048576u /* bytes one REGION_* or DMA_* message may carry */
#define VFU_MAX_MSG	    (VFU_MAX_DATA + 4096u) /* header, fixed part and SPDK's padding */
#define VFU_MAX_MSG_VERSION 8192u      /* before VERSION nobody gets a large buffer */
#define VFU_OUT_MAX	    (4u << 20) /* bytes queued for a client that does not read */
#define VFU_MAX_FDS	    16u	       /* of one message, as advertised */
#define VFU_MAX_DMA_MAPS    65535u
#define VFU_PAGE_SIZE	    4096u
#define VFU_MAX_ERRNO	    4095u
/* QEMU's buffer for the VERSION reply is as long as its request. */
#define VFU_VERSION_REPLY_MAX 214u

enum vfu_cmd {
	VFU_CMD_VERSION = 1,
	VFU_CMD_DMA_MAP,
	VFU_CMD_DMA_UNMAP,
	VFU_CMD_GET_INFO,
	VFU_CMD_GET_REGION_INFO,
	VFU_CMD_GET_REGION_IO_FDS,
	VFU_CMD_GET_IRQ_INFO,
	VFU_CMD_SET_IRQS,
	VFU_CMD_REGION_READ,
	VFU_CMD_REGION_WRITE,
	VFU_CMD_DMA_READ,  /* server to client */
	VFU_CMD_DMA_WRITE, /* server to client */
	VFU_CMD_DEVICE_RESET,
	VFU_CMD_DIRTY_PAGES, /* gone from the specification */
	VFU_CMD_REGION_WRITE_MULTI,
	VFU_CMD_DEVICE_FEATURE,
	VFU_CMD_MIG_DATA_READ,
	VFU_CMD_MIG_DATA_WRITE,
	VFU_CMD_NUM
};
static_assert(VFU_CMD_NUM == 19, "commands are numbered by the specification");

enum vfu_region_index {
	VFU_REGION_INDEX_BAR0,
	VFU_REGION_INDEX_BAR1,
	VFU_REGION_INDEX_BAR2,
	VFU_REGION_INDEX_BAR3,
	VFU_REGION_INDEX_BAR4,
	VFU_REGION_INDEX_BAR5,
	VFU_REGION_INDEX_ROM,
	VFU_REGION_INDEX_CONFIG,
	VFU_REGION_INDEX_VGA,
	VFU_REGION_INDEX_NUM
};
static_assert(VFU_REGION_INDEX_NUM == 9, "what GET_INFO says");

enum vfu_irq_index {
	VFU_IRQ_INDEX_INTX,
	VFU_IRQ_INDEX_MSI,
	VFU_IRQ_INDEX_MSIX,
	VFU_IRQ_INDEX_ERR,
	VFU_IRQ_INDEX_REQ,
	VFU_IRQ_INDEX_NUM
};
static_assert(VFU_IRQ_INDEX_NUM == 5, "what GET_INFO says");

/* vfu_header.flags */
#define VFU_F_TYPE_MASK	   0xfu
#define VFU_F_TYPE_COMMAND 0x0u
#define VFU_F_TYPE_REPLY   0x1u
#define VFU_F_NO_REPLY	   0x10u
#define VFU_F_ERROR	   0x20u

/* vfu_msg_device_info.flags */
#define VFU_DEVICE_RESET 0x1u
#define VFU_DEVICE_PCI	 0x2u

/* vfu_msg_region_info.flags */
#define VFU_REGION_READ	 0x1u
#define VFU_REGION_WRITE 0x2u
#define VFU_REGION_MMAP	 0x4u
#define VFU_REGION_CAPS	 0x8u

#define VFU_REGION_CAP_SPARSE	      1u
#define VFU_REGION_CAP_SPARSE_VERSION 1u

/* vfu_msg_irq_info.flags */
#define VFU_IRQ_EVENTFD	   0x1u
#define VFU_IRQ_MASKABLE   0x2u
#define VFU_IRQ_AUTOMASKED 0x4u
#define VFU_IRQ_NORESIZE   0x8u

/* vfu_msg_set_irqs.flags: one data form and one action */
#define VFU_IRQ_DATA_NONE      0x1u
#define VFU_IRQ_DATA_BOOL      0x2u
#define VFU_IRQ_DATA_EVENTFD   0x4u
#define VFU_IRQ_DATA_MASK      0x7u
#define VFU_IRQ_ACTION_MASK    0x8u
#define VFU_IRQ_ACTION_UNMASK  0x10u
#define VFU_IRQ_ACTION_TRIGGER 0x20u
#define VFU_IRQ_ACTION_ALL     0x38u

/* vfu_msg_dma_map.flags: what the device may do, then how it should reach an fd's memory */
#define VFU_DMA_READ	  0x1u
#define VFU_DMA_WRITE	  0x2u
#define VFU_DMA_MODE_MMAP 0x4u
#define VFU_DMA_MODE_FILE 0x8u

/* vfu_msg_dma_unmap.flags */
#define VFU_DMA_UNMAP_DIRTY 0x1u /* dropped by the specification, refused */
#define VFU_DMA_UNMAP_ALL   0x2u

/* vfu_msg_feature.flags */
#define VFU_FEATURE_INDEX_MASK 0xffffu
#define VFU_FEATURE_GET	       0x10000u
#define VFU_FEATURE_SET	       0x20000u
#define VFU_FEATURE_PROBE      0x40000u

/* Features of a device. vfio's own count from 0; ours are far above them. */
#define VFU_FEATURE_VF_TOKEN 0u /* SET on a PF: 16 bytes, the UUID */
/* SET: struct vfu_feature_posted */
#define VFU_FEATURE_LADON_POSTED 0x4c01u
/* SET: struct vfu_feature_stage1, struct vfu_feature_stage1_inv */
#define VFU_FEATURE_LADON_STAGE1     0x4c02u
#define VFU_FEATURE_LADON_STAGE1_INV 0x4c03u

struct vfu_header {
	uint16_t msg_id; /* the sender's own; echoed in the reply */
	uint16_t command;
	uint32_t msg_size; /* bytes, header included */
	uint32_t flags;
	uint32_t error; /* errno, with VFU_F_ERROR */
};
static_assert(sizeof(struct vfu_header) == 16, "wire format");

/* Followed by a NUL-terminated JSON text, which may be missing. */
struct vfu_msg_version {
	uint16_t major, minor;
};
static_assert(sizeof(struct vfu_msg_version) == 4, "wire format");

struct vfu_msg_dma_map {
	uint32_t argsz, flags;
	uint64_t offset, addr, size;
};
static_assert(sizeof(struct vfu_msg_dma_map) == 32, "wire format");

struct vfu_msg_dma_unmap {
	uint32_t argsz, flags;
	uint64_t addr, size;
};
static_assert(sizeof(struct vfu_msg_dma_unmap) == 24, "wire format");

struct vfu_msg_device_info {
	uint32_t argsz, flags, num_regions, num_irqs;
};
static_assert(sizeof(struct vfu_msg_device_info) == 16, "wire format");

struct vfu_msg_region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
};
static_assert(sizeof(struct vfu_msg_region_info) == 32, "wire format");

/* The sparse-mmap capability with one area, the only shape that every client understands. */
struct vfu_msg_sparse {
	uint16_t id, version;
	uint32_t next; /* from the start of the region structure; 0 = last */
	uint32_t nr_areas, reserved;
	uint64_t offset, size; /* in the region */
};
static_assert(sizeof(struct vfu_msg_sparse) == 32, "wire format");

struct vfu_msg_region_info_full {
	struct vfu_msg_region_info info;
	struct vfu_msg_sparse sparse;
};
static_assert(sizeof(struct vfu_msg_region_info_full) == 64, "wire format");

struct vfu_msg_io_fds {
	uint32_t argsz, flags, index, count;
};
static_assert(sizeof(struct vfu_msg_io_fds) == 16, "wire format");

struct vfu_msg_irq_info {
	uint32_t argsz, flags, index, count;
};
static_assert(sizeof(struct vfu_msg_irq_info) == 16, "wire format");

/* Followed by count bytes for VFU_IRQ_DATA_BOOL. */
struct vfu_msg_set_irqs {
	uint32_t argsz, flags, index, start, count;
};
static_assert(sizeof(struct vfu_msg_set_irqs) == 20, "wire format");

/* REGION_READ and REGION_WRITE; data follows in a READ's reply and a WRITE's request. */
struct vfu_msg_region_access {
	uint64_t offset;
	uint32_t region, count;
};
static_assert(sizeof(struct vfu_msg_region_access) == 16, "wire format");

/* DMA_READ and DMA_WRITE; data follows in a READ's reply and a WRITE's request. */
struct vfu_msg_dma_access {
	uint64_t addr, count;
};
static_assert(sizeof(struct vfu_msg_dma_access) == 16, "wire format");

/* Followed by the feature's data. */
struct vfu_msg_feature {
	uint32_t argsz, flags;
};
static_assert(sizeof(struct vfu_msg_feature) == 8, "wire format");

/*
 * Vectors [first, first + count) are posted as bits bit ... of the posted-interrupt descriptor
 * at iova (64-byte aligned, mapped for reading and writing); the eventfd of first, which must
 * have one, is the notification. count 0: back to eventfds.
 */
struct vfu_feature_posted {
	uint32_t first, count;
	uint64_t iova;
	uint32_t bit, reserved;
};
static_assert(sizeof(struct vfu_feature_posted) == 24, "wire format");

/* Does it name vectors of a function that has so many, bits of a descriptor, and where one may
 * be? */
bool vfu_posted_ok(const struct vfu_feature_posted *req, uint32_t vectors);

/*
 * Nested translation: the function's DMA addresses are translated by first-stage tables in
 * x86-64 format (levels 4 or 5) that the client keeps in memory it has mapped; root and all
 * pointers in them are addresses of DMA_MAP. levels 0: without, as at first.
 */
struct vfu_feature_stage1 {
	uint32_t levels, reserved;
	uint64_t root;
};
static_assert(sizeof(struct vfu_feature_stage1) == 16, "wire format");

/* First-stage entries of [addr, addr + size) were changed (size 0: of any address). When the
 * reply comes, nothing of what was there before is used any more. */
struct vfu_feature_stage1_inv {
	uint64_t addr, size;
};
static_assert(sizeof(struct vfu_feature_stage1_inv) == 16, "wire format");

static inline uint32_t vfu_header_type(const struct vfu_header *hdr)
{
	return hdr->flags & VFU_F_TYPE_MASK;
}

/* Is msg_size one that can be believed: a header at least, max_size bytes at most. */
bool vfu_header_size_ok(const struct vfu_header *hdr, uint32_t max_size);

/* The header of a reply to req. error: 0, or a positive errno (header-only then). */
struct vfu_header vfu_header_reply(const struct vfu_header *req, size_t payload, int error);

/* The errno of an error reply as a negative number; -EIO for one out of range. */
int vfu_header_error(const struct vfu_header *hdr);

/*
 * DMA_MAP with nfds fds: R/W and one mode flag only, a mode wants an fd, one fd at most, size >
 * 0, neither addr + size nor (with an fd) offset + size wraps.
 */
int vfu_decode_dma_map(const void *payload, size_t len, unsigned nfds,
		       struct vfu_msg_dma_map *ret_map);

/* DMA_UNMAP: flag ALL wants addr = size = 0, otherwise size > 0 and no wrap. */
int vfu_decode_dma_unmap(const void *payload, size_t len, struct vfu_msg_dma_unmap *ret_unmap);

int vfu_decode_device_info(const void *payload, size_t len,
			   struct vfu_msg_device_info *ret_info);

/* index is checked. */
int vfu_decode_region_info(const void *payload, size_t len,
			   struct vfu_msg_region_info *ret_info);

/* index is checked; flags and count must be 0. */
int vfu_decode_io_fds(const void *payload, size_t len, struct vfu_msg_io_fds *ret_fds);

/* index is checked. */
int vfu_decode_irq_info(const void *payload, size_t len, struct vfu_msg_irq_info *ret_info);

/*
 * SET_IRQS with nfds fds: index known; one data form, one action; count 0 only as NONE|TRIGGER
 * with start 0 (disable); ERR and REQ only triggered; BOOL with exactly count bytes; fds only
 * with EVENTFD, none or count of them. The range is vfu_irq_range_ok's, it needs the device.
 */
int vfu_decode_set_irqs(const void *payload, size_t len, unsigned nfds,
			struct vfu_msg_set_irqs *ret_set);

/* start + count lies within an index of total interrupts. */
bool vfu_irq_range_ok(const struct vfu_msg_set_irqs *set, uint32_t total);

/* REGION_READ (write = false) or REGION_WRITE: index known, count <= VFU_MAX_DATA, data there.
 */
int vfu_decode_region_access(const void *payload, size_t len, bool write,
			     struct vfu_msg_region_access *ret_access);

/* offset + count lies within size bytes. */
bool vfu_range_ok(uint64_t offset, uint64_t count, uint64_t size);

/* DEVICE_FEATURE: known flags; GET, SET or PROBE, and not GET with SET unless probed. */
int vfu_decode_feature(const void *payload, size_t len, struct vfu_msg_feature *ret_feature);

/*
 * A client's DMA_READ or DMA_WRITE: what a server asked for. max_data bounds count; a WRITE
 * carries count bytes.
 */
int vfu_decode_dma_access(const void *payload, size_t len, bool write, uint64_t max_data,
			  struct vfu_msg_dma_access *ret_access);

#endif
