/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The vfio-user connection fed by a hostile client. The input is cut into records:
 *
 *   byte 0  bits 0-2 number of fds (7 = 20), bit 3 a budget of 1, bit 4 the device asks for
 * DMA, bit 5 the client reads one message, bit 6 it reads a part of one, bit 7 length * 16 byte
 * 1  length of what follows, handed over in one piece
 *
 * The first byte of all: bit 0 = VERSION was exchanged before. Checked: nothing out of range
 * reaches the device, every message that goes out is well formed, each DMA request is answered
 * once, and no descriptor stays open.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "vfu_conn.h"

#define REGION_SIZE 0x3000u
#define LARGE_SIZE  0x180000u
#define NUM_MSIX    20u
#define MAX_FDS	    20u

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct world {
	struct vfu_conn *conn;
	int null_fd;
	int max_fd; /* highest number seen */
	int kept[64];
	unsigned num_kept;
	unsigned asked, answered;
	unsigned calls;
	bool begun; /* a part of a message was read */
};

static void saw_fd(struct world *w, int fd)
{
	CHECK(fcntl(fd, F_GETFD) >= 0);
	w->max_fd = MAX(w->max_fd, fd);
}

/* Takes the fd, or leaves it to the connection. */
static bool keep(struct world *w, int fd)
{
	saw_fd(w, fd);
	if (w->num_kept == ARRAY_SIZE(w->kept))
		return false;
	w->kept[w->num_kept++] = fd;
	return true;
}

static int on_version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	(void)dev;
	CHECK(memchr(caps->vf_token, '\0', sizeof(caps->vf_token)));
	CHECK(caps->max_data_xfer >= 1 && caps->max_data_xfer <= VFU_MAX_DATA);
	CHECK(caps->max_msg_fds <= 1024 && caps->major == 0);
	*why = "no token";
	return caps->vf_token[0] == 'x' ? -EACCES : 0;
}

static void region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	struct world *w = dev;
	const uint32_t rw = VFU_REGION_READ | VFU_REGION_WRITE;

	CHECK(index < VFU_REGION_INDEX_NUM);
	if (index == 0)
		*ret = (struct vfu_region){
			REGION_SIZE, rw | VFU_REGION_MMAP, w->null_fd, 0, 0x1000, 0x1000};
	else if (index == 1)
		*ret = (struct vfu_region){REGION_SIZE, VFU_REGION_READ, -1, 0, 0, 0};
	else if (index == 2)
		*ret = (struct vfu_region){REGION_SIZE, VFU_REGION_WRITE, -1, 0, 0, 0};
	else if (index == 3)
		*ret = (struct vfu_region){LARGE_SIZE, rw, -1, 0, 0, 0};
	else if (index == VFU_REGION_INDEX_CONFIG)
		*ret = (struct vfu_region){4096, rw, -1, 0, 0, 0};
	else
		*ret = (struct vfu_region){0};
}

static uint64_t region_size(unsigned index)
{
	static const uint64_t sizes[VFU_REGION_INDEX_NUM] = {
		REGION_SIZE, REGION_SIZE, REGION_SIZE,
		LARGE_SIZE, [VFU_REGION_INDEX_CONFIG] = 4096};

	CHECK(index < VFU_REGION_INDEX_NUM);
	return sizes[index];
}

static void irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	(void)dev;
	CHECK(index < VFU_IRQ_INDEX_NUM);
	*ret = (struct vfu_irq){index == VFU_IRQ_INDEX_MSIX ? NUM_MSIX : index >= 3,
				VFU_IRQ_EVENTFD};
}

static void on_dma(void *arg, int err, const void *data, uint32_t len)
{
	struct world *w = arg;

	CHECK(err <= 0 && (!data || (err == 0 && len)));
	/* Every byte can be read. */
	for (uint32_t i = 0; data && i < len; i++)
		w->calls += ((const uint8_t *)data)[i];
	w->answered++;
}

static void ask_dma(struct world *w)
{
	static const uint8_t bytes[64];

	if (vfu_conn_dma_read(w->conn, 0x1000, 8, on_dma, w) == 0)
		w->asked++;
	if (vfu_conn_dma_write(w->conn, 0x2000, bytes, sizeof(bytes), on_dma, w) == 0)
		w->asked++;
}

static void check_access(unsigned index, uint64_t offset, uint32_t count)
{
	CHECK(count >= 1 && count <= VFU_MAX_DATA);
	CHECK(offset < region_size(index) && count <= region_size(index) - offset);
}

static void region_read(void *dev, unsigned index, uint64_t offset, void *buf, uint32_t count)
{
	check_access(index, offset, count);
	CHECK(index != 2);
	ask_dma(dev);
	memset(buf, 0xa5, count);
}

static void region_write(void *dev, unsigned index, uint64_t offset, const void *buf,
			 uint32_t count)
{
	struct world *w = dev;

	check_access(index, offset, count);
	CHECK(index != 1);
	w->calls += ((const uint8_t *)buf)[0] + ((const uint8_t *)buf)[count - 1];
}

static int dma_map(void *dev, const struct vfu_dma_map *map)
{
	CHECK(map->size && map->addr + map->size > map->addr);
	CHECK(!(map->prot & ~(VFU_DMA_READ | VFU_DMA_WRITE)));
	if (map->fd < 0)
		return map->addr & 0x1000 ? -EEXIST : 0;
	CHECK(map->offset + map->size > map->offset);
	return keep(dev, map->fd) ? 0 : -ENOSPC;
}

static int dma_unmap(void *dev, uint64_t addr, uint64_t size)
{
	(void)dev;
	CHECK(size && addr + size > addr);
	return addr & 0x1000 ? -ENOENT : 0;
}

static void dma_unmap_all(void *dev)
{
	((struct world *)dev)->calls++;
}

static int set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct world *w = dev;
	struct vfu_irq irq;

	irq_info(dev, set->index, &irq);
	CHECK(set->start <= irq.count && set->count <= irq.count - set->start);
	CHECK(!set->bools == (set->data != VFU_IRQ_DATA_BOOL));
	CHECK(!set->fds || set->data == VFU_IRQ_DATA_EVENTFD);
	for (uint32_t i = 0; i < set->count; i++) {
		if (set->bools)
			w->calls += set->bools[i];
		if (set->fds && (i & 1) && keep(w, set->fds[i]))
			set->fds[i] = -1;
	}
	return set->start == 7 ? -EINVAL : 0;
}

static void reset(void *dev)
{
	((struct world *)dev)->calls++;
}

static int feature(void *dev, uint32_t index, bool set, bool probe, const void *data,
		   uint32_t len)
{
	struct world *w = dev;

	CHECK(index <= 0xffff && (set || probe));
	for (uint32_t i = 0; i < len; i++)
		w->calls += ((const uint8_t *)data)[i];
	return index ? -ENOTTY : 0;
}

static const struct vfu_dev_ops ops = {
	.version = on_version,
	.region_info = region_info,
	.irq_info = irq_info,
	.region_read = region_read,
	.region_write = region_write,
	.dma_map = dma_map,
	.dma_unmap = dma_unmap,
	.dma_unmap_all = dma_unmap_all,
	.set_irqs = set_irqs,
	.reset = reset,
	.feature = feature,
};

/* The client reads one message, or one byte of what is there. False: nothing was. */
static bool read_output(struct world *w, bool part)
{
	const void *buf;
	const int *fds;
	unsigned nfds;
	size_t len = vfu_conn_output(w->conn, &buf, &fds, &nfds);

	CHECK(len <= vfu_conn_queued(w->conn) && nfds <= 1);
	for (unsigned i = 0; i < nfds; i++)
		saw_fd(w, fds[i]);
	len = part ? MIN(len, 1u) : len;
	vfu_conn_sent(w->conn, len);
	w->begun = part;
	return len;
}

/* What nobody has begun to read yet. */
static void check_output(struct world *w)
{
	const void *buf;
	const int *fds;
	unsigned nfds;
	struct vfu_header hdr;
	size_t len;

	while ((len = vfu_conn_output(w->conn, &buf, &fds, &nfds))) {
		CHECK(len >= sizeof(hdr) && nfds <= 1);
		memcpy(&hdr, buf, sizeof(hdr));
		CHECK(hdr.msg_size == len);
		CHECK(hdr.flags == 0 || hdr.flags == 1 || hdr.flags == 0x21);
		CHECK((hdr.flags == 0x21) == (hdr.error != 0));
		CHECK(!hdr.error || len == sizeof(hdr));
		CHECK(!nfds || hdr.command == VFU_CMD_GET_REGION_INFO);
		read_output(w, false);
	}
}

static void input(struct world *w, uint8_t control, const uint8_t *data, size_t len)
{
	unsigned nfds = (control & 7) == 7 ? MAX_FDS : control & 7;
	int fds[MAX_FDS], ret;

	for (unsigned i = 0; i < nfds; i++) {
		fds[i] = fcntl(w->null_fd, F_DUPFD_CLOEXEC, 0);
		saw_fd(w, fds[i]);
	}
	ret = vfu_conn_input(w->conn, data, len, fds, nfds, control & 8 ? 1 : 64);
	CHECK(ret == 0 || ret == 1 || ret == -EPROTO);
	CHECK((ret == -EPROTO) == !!vfu_conn_reason(w->conn));
	CHECK(vfu_conn_queued(w->conn) <= VFU_OUT_MAX);
}

static void negotiate(struct world *w)
{
	static const struct {
		struct vfu_header hdr;
		uint16_t version[2];
	} msg = {{0, VFU_CMD_VERSION, 20, 0, 0}, {0, 0}};

	input(w, 0, (const uint8_t *)&msg, 20);
	CHECK(vfu_conn_caps(w->conn));
	check_output(w);
}

static void play(struct world *w, const uint8_t *data, size_t size)
{
	while (size >= 2) {
		uint8_t control = data[0];
		size_t len = data[1] * (control & 0x80 ? 16u : 1u);

		data += 2;
		size -= 2;
		len = MIN(len, size);
		input(w, control, data, len);
		data += len;
		size -= len;
		if (control & 0x10)
			ask_dma(w);
		if (control & 0x20)
			read_output(w, false);
		if (control & 0x40)
			read_output(w, true);
	}
}

static void finish(struct world *w)
{
	int ret;

	do {
		ret = vfu_conn_input(w->conn, NULL, 0, NULL, 0, 64);
	} while (ret == 1);
	if (w->begun)
		read_output(w, false);
	check_output(w);
	vfu_conn_free(w->conn);
	CHECK(w->asked == w->answered);
	for (unsigned i = 0; i < w->num_kept; i++)
		CHECK(close(w->kept[i]) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w = {.null_fd = open("/dev/null", O_RDWR | O_CLOEXEC)};
	bool open_before[64];

	CHECK(w.null_fd >= 0);
	for (unsigned i = 0; i < ARRAY_SIZE(open_before); i++)
		open_before[i] = fcntl((int)i, F_GETFD) >= 0;
	CHECK(vfu_conn_new(&ops, &w, &w.conn) == 0);
	if (size && (data[0] & 1))
		negotiate(&w);
	if (size)
		play(&w, data + 1, size - 1);
	finish(&w);
	for (int i = 0; i <= w.max_fd; i++)
		CHECK((fcntl(i, F_GETFD) >= 0) == (i < 64 && open_before[i]));
	close(w.null_fd);
	return 0;
}
