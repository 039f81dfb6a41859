/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DMA_READ and DMA_WRITE: the server asks the client. A request lives in a slot; its message id
 * is slot + 64 * uses, so a reply finds its slot at once and a duplicate finds it used by
 * another. Nobody waits here: the reply is one more message of the input.
 */
#include <errno.h>
#include <string.h>

#include "bits.h"
#include "vfu_conn_impl.h"

/* Half of the output is kept for replies, so that our own requests never cost a client its
 * connection. */
#define DMA_OUT_MAX (VFU_OUT_MAX / 2)

static struct vfu_dma_slot *free_slot(struct vfu_conn *conn)
{
	for (unsigned i = 0; i < VFU_DMA_SLOTS; i++) {
		if (!conn->dma[i].fn)
			return &conn->dma[i];
	}
	return NULL;
}

/* data NULL = DMA_READ. */
static int check(const struct vfu_conn *conn, uint32_t count, size_t data_len)
{
	size_t len = sizeof(struct vfu_header) + sizeof(struct vfu_msg_dma_access) + data_len;

	if (conn->state != VFU_CONN_READY)
		return -ENOTCONN;
	if (!count)
		return -EINVAL;
	if (count > conn->caps.max_data_xfer)
		return -E2BIG;
	return conn->out.len + len > DMA_OUT_MAX ? -EAGAIN : 0;
}

static int request(struct vfu_conn *conn, uint64_t addr, const void *data, uint32_t count,
		   vfu_dma_fn *fn, void *arg)
{
	size_t data_len = data ? count : 0;
	struct vfu_msg_dma_access access = {addr, count};
	struct vfu_dma_slot *slot;
	struct vfu_header hdr;
	int ret = check(conn, count, data_len);

	if (ret < 0)
		return ret;
	slot = free_slot(conn);
	if (!slot)
		return -EAGAIN;
	hdr = (struct vfu_header){
		.msg_id = (uint16_t)((slot - conn->dma) + VFU_DMA_SLOTS * slot->uses),
		.command = data ? VFU_CMD_DMA_WRITE : VFU_CMD_DMA_READ,
		.msg_size = (uint32_t)(sizeof(hdr) + sizeof(access) + data_len),
		.flags = VFU_F_TYPE_COMMAND,
	};
	ret = vfu_conn_queue(conn, &hdr, &access, sizeof(access), data, data_len, -1);
	if (ret < 0)
		return ret == -ENOBUFS ? -EAGAIN : ret;
	slot->uses++;
	slot->fn = fn;
	slot->arg = arg;
	slot->addr = addr;
	slot->count = count;
	slot->command = hdr.command;
	slot->msg_id = hdr.msg_id;
	return 0;
}

int vfu_conn_dma_read(struct vfu_conn *conn, uint64_t addr, uint32_t count, vfu_dma_fn *fn,
		      void *arg)
{
	assert(fn);
	return request(conn, addr, NULL, count, fn, arg);
}

int vfu_conn_dma_write(struct vfu_conn *conn, uint64_t addr, const void *data, uint32_t count,
		       vfu_dma_fn *fn, void *arg)
{
	assert(fn && data);
	return request(conn, addr, data, count, fn, arg);
}

/* QEMU before 11 answers a write by the header alone. */
static bool reply_matches(const struct vfu_dma_slot *slot, const struct vfu_request *req)
{
	size_t data_len = slot->command == VFU_CMD_DMA_READ ? slot->count : 0;
	struct vfu_msg_dma_access access;

	if (slot->command == VFU_CMD_DMA_WRITE && req->len == 0)
		return true;
	if (req->len != sizeof(access) + data_len)
		return false;
	memcpy(&access, req->payload, sizeof(access));
	return access.addr == slot->addr && access.count == slot->count;
}

/* The slot is free before fn runs: fn may ask for more. */
static void finish(struct vfu_dma_slot *slot, int err, const void *data)
{
	vfu_dma_fn *fn = slot->fn;
	uint32_t len = data ? slot->count : 0;

	slot->fn = NULL;
	fn(slot->arg, err, data, len);
}

void vfu_dma_reply(struct vfu_conn *conn, const struct vfu_request *req)
{
	struct vfu_dma_slot *slot = &conn->dma[req->hdr.msg_id % VFU_DMA_SLOTS];
	const void *data = NULL;
	int err = 0;

	if (!slot->fn || slot->msg_id != req->hdr.msg_id || slot->command != req->hdr.command) {
		vfu_conn_over(conn, "a reply to a message never sent (id %u, command %u)",
			      req->hdr.msg_id, req->hdr.command);
		return;
	}
	if (req->hdr.flags & VFU_F_ERROR)
		err = vfu_header_error(&req->hdr);
	else if (!reply_matches(slot, req))
		err = -EIO;
	else if (slot->command == VFU_CMD_DMA_READ)
		data = req->payload + sizeof(struct vfu_msg_dma_access);
	finish(slot, err, data);
}

void vfu_dma_cancel_all(struct vfu_conn *conn)
{
	for (unsigned i = 0; i < VFU_DMA_SLOTS; i++) {
		if (conn->dma[i].fn)
			finish(&conn->dma[i], -ECANCELED, NULL);
	}
}
