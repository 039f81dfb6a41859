/* SPDX-License-Identifier: BSD-3-Clause */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake_server.h"
#include "fd.h"
#include "igbvf_regs.h"

static const uint8_t fake_mac[6] = {0x52, 0x54, 0, 1, 2, 3};

static int fake_version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	struct fake *f = dev;

	memcpy(f->token, caps->vf_token, sizeof(f->token));
	*why = "the test says so";
	return f->refuse;
}

static void fake_region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	struct fake *f = dev;

	if (index == 0) {
		ret->size = FAKE_BAR0;
		ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
		if (f->mappable) {
			ret->flags |= VFU_REGION_MMAP;
			ret->mmap_fd = f->bar0_fd;
			ret->area_offset = FAKE_QPAGE;
			ret->area_size = FAKE_BAR0 - FAKE_QPAGE;
		}
	} else if (index == VFU_REGION_INDEX_CONFIG) {
		ret->size = sizeof(f->config);
		ret->flags = VFU_REGION_READ | VFU_REGION_WRITE;
	}
}

static void fake_irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	(void)dev;
	if (index == VFU_IRQ_INDEX_MSIX) {
		ret->count = 3;
		ret->flags = VFU_IRQ_EVENTFD;
	}
}

/* The PF's answer to mbx[]. */
static void pf_answer(struct fake *f)
{
	uint32_t id = f->mbx[0] & MSG_ID;

	memcpy(f->msg, f->mbx, sizeof(f->msg));
	f->msgs++;
	f->r2c |= MBX_PFACK;
	if (f->silent)
		return;
	memcpy(f->reply, f->mbx, sizeof(f->reply));
	f->reply[0] = id | MSG_CTS;
	if (id == MSG_RESET)
		memcpy(&f->reply[1], fake_mac, sizeof(fake_mac));
	f->reply[0] |= (id == MSG_RESET ? f->no_mac : f->nack) ? MSG_NACK : MSG_ACK;
	f->reply_waits = true;
	if (f->ping_first)
		f->mbx[0] = MSG_PF_CONTROL | MSG_CTS;
	else
		memcpy(f->mbx, f->reply, sizeof(f->mbx));
	f->reply_waits = f->ping_first;
	f->r2c |= MBX_PFSTS;
}

static void mailbox_write(struct fake *f, uint32_t value)
{
	f->vfu = false;
	if (value & MBX_VFU) {
		if (f->lock_after)
			f->lock_after--;
		else
			f->vfu = true;
	}
	if (value & MBX_REQ)
		pf_answer(f);
	if (value & MBX_ACK && f->reply_waits) {
		memcpy(f->mbx, f->reply, sizeof(f->mbx));
		f->reply_waits = false;
		f->r2c |= MBX_PFSTS;
	}
}

static uint32_t mailbox_read(struct fake *f)
{
	uint32_t bits = f->r2c | (f->vfu ? MBX_VFU : 0);

	f->r2c = 0;
	return bits;
}

static void fake_read(void *dev, unsigned index, uint64_t offset, void *buf, uint32_t count)
{
	struct fake *f = dev;

	if (index == VFU_REGION_INDEX_CONFIG) {
		memcpy(buf, f->config + offset, count);
		return;
	}
	memcpy(buf, (uint8_t *)f->bar0 + offset, count);
	if (offset == VF_MAILBOX && count == 4)
		put_le32(buf, mailbox_read(f));
	else if (offset >= VF_MBMEM(0) && offset < VF_MBMEM(16) && count == 4)
		put_le32(buf, f->mbx[(offset - VF_MBMEM(0)) / 4]);
}

static void fake_write(void *dev, unsigned index, uint64_t offset, const void *buf,
		       uint32_t count)
{
	struct fake *f = dev;

	if (index == VFU_REGION_INDEX_CONFIG) {
		memcpy(f->config + offset, buf, count);
		return;
	}
	memcpy((uint8_t *)f->bar0 + offset, buf, count);
	if (offset == VF_MAILBOX)
		mailbox_write(f, get_le32(buf));
	else if (offset >= VF_MBMEM(0) && offset < VF_MBMEM(16))
		f->mbx[(offset - VF_MBMEM(0)) / 4] = get_le32(buf);
	else if (offset == VF_CTRL && get_le32(buf) & CTRL_RST)
		f->ctrl_resets++;
}

static int fake_dma_map(void *dev, const struct vfu_dma_map *map)
{
	struct fake *f = dev;
	int fd = map->fd;

	if (f->dma_refused || map->fd < 0)
		return -ENOSPC;
	for (unsigned i = 0; i < FAKE_MAPS; i++) {
		struct fake_map *m = &f->map[i];

		if (m->ptr)
			continue;
		m->ptr = mmap(NULL, map->size, PROT_READ | PROT_WRITE, MAP_SHARED, map->fd,
			      (off_t)map->offset);
		assert(m->ptr != MAP_FAILED);
		m->addr = map->addr;
		m->size = map->size;
		m->prot = map->prot;
		fd_close(&fd);
		return 0;
	}
	return -ENOSPC;
}

static int fake_dma_unmap(void *dev, uint64_t addr, uint64_t size)
{
	struct fake *f = dev;

	for (unsigned i = 0; i < FAKE_MAPS; i++) {
		struct fake_map *m = &f->map[i];

		if (!m->ptr || m->addr != addr || m->size != size)
			continue;
		munmap(m->ptr, m->size);
		m->ptr = NULL;
		return 0;
	}
	return -ENOENT;
}

static void fake_dma_unmap_all(void *dev)
{
	struct fake *f = dev;

	for (unsigned i = 0; i < FAKE_MAPS; i++) {
		if (f->map[i].ptr)
			munmap(f->map[i].ptr, f->map[i].size);
		f->map[i].ptr = NULL;
	}
}

static int fake_set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct fake *f = dev;

	f->irq_calls++;
	for (unsigned i = set->start; i < set->start + set->count && i < 3; i++) {
		fd_close(&f->irq_fd[i]);
		if (!set->fds)
			continue;
		f->irq_fd[i] = set->fds[i - set->start];
		set->fds[i - set->start] = -1;
	}
	return 0;
}

static void fake_reset(void *dev)
{
	struct fake *f = dev;

	f->resets++;
}

static int fake_feature(void *dev, uint32_t feature, bool set, bool probe, const void *data,
			uint32_t len)
{
	struct fake *f = dev;

	if (!f->can_post || feature != VFU_FEATURE_LADON_POSTED || !set || probe ||
	    len < sizeof(f->posted))
		return -ENOTTY;
	memcpy(&f->posted, data, sizeof(f->posted));
	return 0;
}

static const struct vfu_dev_ops fake_ops = {
	.version = fake_version,
	.region_info = fake_region_info,
	.irq_info = fake_irq_info,
	.region_read = fake_read,
	.region_write = fake_write,
	.dma_map = fake_dma_map,
	.dma_unmap = fake_dma_unmap,
	.dma_unmap_all = fake_dma_unmap_all,
	.set_irqs = fake_set_irqs,
	.reset = fake_reset,
	.feature = fake_feature,
};

/* recvmsg with its fds. Returns bytes, 0 at the end. */
static ssize_t receive(int fd, void *buf, size_t size, int *fds, unsigned *ret_nfds)
{
	FD_MSG_CONTROL(control, VFU_MAX_FDS);
	struct iovec iov = {.iov_base = buf, .iov_len = size};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	*ret_nfds = n > 0 ? fd_msg_take(&msg, fds, VFU_MAX_FDS) : 0;
	return n;
}

static void transmit(struct fake *f)
{
	const void *buf;
	const int *fds;
	unsigned nfds;
	size_t len;

	while ((len = vfu_conn_output(f->conn, &buf, &fds, &nfds)) > 0) {
		FD_MSG_CONTROL(control, VFU_MAX_FDS);
		struct iovec iov = {.iov_base = (void *)(uintptr_t)buf, .iov_len = len};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		ssize_t n;

		fd_msg_put(&msg, control, fds, nfds);
		n = sendmsg(f->fd, &msg, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		vfu_conn_sent(f->conn, (size_t)n);
	}
}

static void *fake_run(void *arg)
{
	struct fake *f = arg;
	char buf[65536];
	int fds[VFU_MAX_FDS];
	unsigned nfds;
	ssize_t n;

	while ((n = receive(f->fd, buf, sizeof(buf), fds, &nfds)) > 0) {
		int more = vfu_conn_input(f->conn, buf, (size_t)n, fds, nfds, 64);

		while (more == 1)
			more = vfu_conn_input(f->conn, NULL, 0, NULL, 0, 64);
		transmit(f);
		if (more < 0)
			break;
	}
	shutdown(f->fd, SHUT_RDWR);
	return NULL;
}

int fake_start(struct fake *f)
{
	int pair[2], err;

	for (unsigned i = 0; i < 3; i++)
		f->irq_fd[i] = -1;
	put_le32(f->config, IGBVF_VENDOR | IGBVF_DEVICE << 16);
	put_le32(f->config + 8, 0x02000001);
	put_le32(f->config + 0x2c, 0xa03c8086);
	f->bar0_fd = fd_memfd("fake-bar0", FAKE_BAR0);
	assert(f->bar0_fd >= 0);
	f->bar0 = mmap(NULL, FAKE_BAR0, PROT_READ | PROT_WRITE, MAP_SHARED, f->bar0_fd, 0);
	assert(f->bar0 != MAP_FAILED);
	err = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	assert(err == 0);
	f->fd = pair[1];
	err = vfu_conn_new(&fake_ops, f, &f->conn);
	assert(err == 0);
	err = pthread_create(&f->thread, NULL, fake_run, f);
	assert(err == 0);
	return pair[0];
}

void fake_stop(struct fake *f)
{
	pthread_join(f->thread, NULL);
	vfu_conn_free(f->conn);
	fake_dma_unmap_all(f);
	fd_close_all(f->irq_fd, 3);
	munmap(f->bar0, FAKE_BAR0);
	fd_close(&f->bar0_fd);
	fd_close(&f->fd);
}

void *fake_dma(struct fake *f, uint64_t iova, uint64_t len)
{
	for (unsigned i = 0; i < FAKE_MAPS; i++) {
		const struct fake_map *m = &f->map[i];

		if (m->ptr && iova >= m->addr && iova - m->addr < m->size &&
		    len <= m->size - (iova - m->addr))
			return m->ptr + (iova - m->addr);
	}
	return NULL;
}

unsigned fake_num_maps(const struct fake *f)
{
	unsigned n = 0;

	for (unsigned i = 0; i < FAKE_MAPS; i++)
		n += f->map[i].ptr != NULL;
	return n;
}
