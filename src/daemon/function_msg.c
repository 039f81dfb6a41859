/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_msg.c - DMA by messages, for a client whose memory cannot be mapped: the queue
 * shadow's view of the connection, and the discovery of memory that is mapped but not shared
 * (share=off).
 */
#include <errno.h>

#include "bits.h"
#include "card.h"
#include "daemon.h"
#include "faults.h"
#include "function.h"
#include "i82576_shadow.h"

#define MSG_BYTES_MAX (256u * 1024u) /* one message: bounds what waits in the socket */

static struct vfu_conn *ready_conn(struct function *fn)
{
	struct vfu_conn *conn = vfu_sock_conn(fn->sock);

	return conn && vfu_conn_caps(conn) ? conn : NULL;
}

static int msg_read(void *ctx, uint64_t addr, uint32_t len, vfu_dma_fn *done, void *arg)
{
	struct function *fn = ctx;
	struct vfu_conn *conn = ready_conn(fn);
	int ret = conn ? vfu_conn_dma_read(conn, addr, len, done, arg) : -ENOTCONN;

	if (ret == 0)
		vfu_sock_flush(fn->sock);
	return ret;
}

static int msg_write(void *ctx, uint64_t addr, const void *data, uint32_t len, vfu_dma_fn *done,
		     void *arg)
{
	struct function *fn = ctx;
	struct vfu_conn *conn = ready_conn(fn);
	int ret = conn ? vfu_conn_dma_write(conn, addr, data, len, done, arg) : -ENOTCONN;

	if (ret == 0)
		vfu_sock_flush(fn->sock);
	return ret;
}

/* The same judgement that the domain makes for mapped memory: offered, as a whole, for this
 * access. */
static bool msg_allowed(void *ctx, uint64_t addr, uint32_t len, bool write)
{
	struct function *fn = ctx;
	uint32_t need = write ? IOMMU_WRITE : IOMMU_READ;
	struct iommu_map_info info;

	if (!atomic_load(&fn->dev->dma_on) || addr + len < addr)
		return false;
	while (len) {
		uint64_t left;

		if (!iommu_find(fn->dom, addr, &info) || !(info.perm & need))
			return false;
		left = info.iova + info.size - addr;
		if (left >= len)
			return true;
		addr += left;
		len -= (uint32_t)left;
	}
	return true;
}

static const struct i82576_shadow_ops shadow_ops = {
	.dma_read = msg_read,
	.dma_write = msg_write,
	.allowed = msg_allowed,
};

static void on_fault(void *arg, uint64_t addr, bool write)
{
	struct function *fn = arg;

	faults_add(fn->daemon, fn, addr, write);
}

void function_msg_start(struct function *fn)
{
	struct vfu_conn *conn = ready_conn(fn);
	uint64_t max;
	int ret;

	if (!conn || fn->dev->shadow || !fn->kind->has_memory)
		return;
	max = MIN(vfu_conn_caps(conn)->max_data_xfer, (uint64_t)MSG_BYTES_MAX);
	fn->dev->on_msg_fault = on_fault;
	fn->dev->on_msg_fault_arg = fn;
	ret = i82576_shadow_start(fn->dev, &shadow_ops, fn, (uint32_t)max);
	if (ret < 0)
		vfu_sock_drop(fn->sock, "no memory for its shadow queues");
}

void function_msg_stop(struct function *fn)
{
	i82576_shadow_stop(fn->dev);
	atomic_store(&fn->dev->stale, I82576_STALE_UNKNOWN);
}

/* ---- share=off ---- */

/* What the client sees in the first descriptor of a queue in which we see zeros. */
static void on_probe(void *arg, int err, const void *data, uint32_t len)
{
	struct function *fn = arg;
	static const uint8_t zeros[16];

	fn->client.probing = false;
	if (err == -ECANCELED)
		return;
	if (err || len != sizeof(zeros) || !memcmp(data, zeros, sizeof(zeros))) {
		atomic_store(&fn->dev->stale, I82576_STALE_OK);
		nic_dp_kick(fn->card->nic->dp);
		return;
	}
	log_warn("%s: the client's memory is not shared with us (share=off): DMA goes by "
		 "messages and is "
		 "slow; give the VM memory-backend-memfd,share=on",
		 fn->name);
	fn->client.msg_mode = true;
	atomic_store(&fn->dev->stale, I82576_STALE_OK);
	function_msg_start(fn);
}

static void probe(struct function *fn)
{
	uint8_t desc[16];
	uint64_t addr;

	if (atomic_load(&fn->dev->stale) != I82576_STALE_SUSPECT || fn->client.probing)
		return;
	/* Only QEMU is known to answer, and only QEMU maps private memory (Cloud Hypervisor
	 * refuses to). */
	if (!fn->client.answers_dma || !i82576_stale_probe(fn->dev, &addr, desc) ||
	    msg_read(fn, addr, sizeof(desc), on_probe, fn) < 0)
		atomic_store(&fn->dev->stale, I82576_STALE_OK);
	else
		fn->client.probing = true;
}

void function_dp_event(struct function *fn)
{
	if (!fn->client.attached)
		return;
	probe(fn);
	i82576_shadow_kick(fn->dev);
}
