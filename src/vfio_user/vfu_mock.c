/* SPDX-License-Identifier: BSD-3-Clause */
#include "vfu_mock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "fd.h"

static unsigned fds_before;

__attribute__((format(printf, 2, 3))) static void note(struct mock *mock, const char *fmt, ...)
{
	size_t room = sizeof(mock->log) - mock->log_len;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(mock->log + mock->log_len, room, fmt, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < room);
	mock->log_len += (size_t)n;
}

void mock_log_clear(struct mock *mock)
{
	mock->log_len = 0;
	mock->log[0] = '\0';
}

static void keep_fd(struct mock *mock, int fd)
{
	assert_true(fd >= 0);
	assert_true(mock->num_kept < ARRAY_SIZE(mock->kept_fds));
	mock->kept_fds[mock->num_kept++] = fd;
}

static int mock_version(void *dev, const struct vfu_client_caps *caps, const char **why)
{
	struct mock *mock = dev;

	note(mock, "version %u.%u\n", caps->major, caps->minor);
	mock->caps = *caps;
	if (mock->version_ret)
		*why = "the mock says no";
	return mock->version_ret;
}

static void mock_region_info(void *dev, unsigned index, struct vfu_region *ret)
{
	const uint32_t rw = VFU_REGION_READ | VFU_REGION_WRITE;
	struct mock *mock = dev;

	if (index == VFU_REGION_INDEX_BAR0)
		*ret = (struct vfu_region){MOCK_BAR0_SIZE, rw | VFU_REGION_MMAP,
					   mock->mmap_fd,  0x10000,
					   0x2000,	   0x1000};
	else if (index == VFU_REGION_INDEX_BAR1)
		*ret = (struct vfu_region){MOCK_BAR1_SIZE,
					   VFU_REGION_READ | VFU_REGION_MMAP,
					   mock->mmap_fd,
					   0x5000,
					   0,
					   0};
	else if (index == VFU_REGION_INDEX_BAR2)
		*ret = (struct vfu_region){MOCK_BAR2_SIZE, VFU_REGION_WRITE, -1, 0, 0, 0};
	else if (index == VFU_REGION_INDEX_BAR3)
		*ret = (struct vfu_region){MOCK_BAR3_SIZE, rw, -1, 0, 0, 0};
	else if (index == VFU_REGION_INDEX_CONFIG)
		*ret = (struct vfu_region){MOCK_CONFIG_SIZE, rw, -1, 0, 0, 0};
	else
		*ret = (struct vfu_region){0, rw | VFU_REGION_MMAP, mock->mmap_fd, 7, 7, 7};
	if (mock->no_mmap)
		ret->flags &= ~VFU_REGION_MMAP;
}

static void mock_irq_info(void *dev, unsigned index, struct vfu_irq *ret)
{
	(void)dev;
	*ret = (struct vfu_irq){0, 0};
	if (index == VFU_IRQ_INDEX_MSIX)
		*ret = (struct vfu_irq){MOCK_MSIX, VFU_IRQ_EVENTFD};
	else if (index == VFU_IRQ_INDEX_ERR || index == VFU_IRQ_INDEX_REQ)
		*ret = (struct vfu_irq){1, VFU_IRQ_EVENTFD | VFU_IRQ_NORESIZE};
}

static void mock_region_read(void *dev, unsigned index, uint64_t offset, void *buf,
			     uint32_t count)
{
	struct mock *mock = dev;

	note(mock, "read %u %#jx %u\n", index, (uintmax_t)offset, count);
	if (mock->on_access)
		mock->on_access(mock);
	if (index == VFU_REGION_INDEX_BAR0)
		memcpy(buf, mock->bar0 + offset, count);
	else
		memset(buf, 0x5a, count);
}

static void mock_region_write(void *dev, unsigned index, uint64_t offset, const void *buf,
			      uint32_t count)
{
	struct mock *mock = dev;

	note(mock, "write %u %#jx %u\n", index, (uintmax_t)offset, count);
	if (mock->on_access)
		mock->on_access(mock);
	if (index == VFU_REGION_INDEX_BAR0)
		memcpy(mock->bar0 + offset, buf, count);
}

static int mock_dma_map(void *dev, const struct vfu_dma_map *map)
{
	struct mock *mock = dev;

	note(mock, "map %#jx+%#jx@%#jx prot %u %s\n", (uintmax_t)map->addr,
	     (uintmax_t)map->size, (uintmax_t)map->offset, map->prot,
	     map->fd >= 0 ? "fd" : "-");
	if (mock->map_ret == 0 && map->fd >= 0)
		keep_fd(mock, map->fd);
	return mock->map_ret;
}

static int mock_dma_unmap(void *dev, uint64_t addr, uint64_t size)
{
	struct mock *mock = dev;

	note(mock, "unmap %#jx+%#jx\n", (uintmax_t)addr, (uintmax_t)size);
	return mock->unmap_ret;
}

static void mock_dma_unmap_all(void *dev)
{
	note(dev, "unmap all\n");
}

static int mock_set_irqs(void *dev, struct vfu_irq_set *set)
{
	struct mock *mock = dev;

	note(mock, "irqs %u %u+%u data %u action %#x", set->index, set->start, set->count,
	     set->data, set->action);
	for (uint32_t i = 0; set->bools && i < set->count; i++)
		note(mock, " %u", set->bools[i]);
	for (uint32_t i = 0; set->fds && i < set->count; i++) {
		note(mock, " fd");
		if (!mock->take_fds || mock->irqs_ret)
			continue;
		keep_fd(mock, set->fds[i]);
		set->fds[i] = -1;
	}
	note(mock, "\n");
	return mock->irqs_ret;
}

static void mock_reset(void *dev)
{
	note(dev, "reset\n");
}

static int mock_feature(void *dev, uint32_t feature, bool set, bool probe, const void *data,
			uint32_t len)
{
	note(dev, "feature %u set %d probe %d len %u %02x\n", feature, set, probe, len,
	     len ? *(const uint8_t *)data : 0);
	return feature == 0 ? 0 : -ENOTTY;
}

const struct vfu_dev_ops mock_ops = {
	.version = mock_version,
	.region_info = mock_region_info,
	.irq_info = mock_irq_info,
	.region_read = mock_region_read,
	.region_write = mock_region_write,
	.dma_map = mock_dma_map,
	.dma_unmap = mock_dma_unmap,
	.dma_unmap_all = mock_dma_unmap_all,
	.set_irqs = mock_set_irqs,
	.reset = mock_reset,
	.feature = mock_feature,
};

const struct vfu_dev_ops mock_ops_no_feature = {
	.version = mock_version,
	.region_info = mock_region_info,
	.irq_info = mock_irq_info,
	.region_read = mock_region_read,
	.region_write = mock_region_write,
	.dma_map = mock_dma_map,
	.dma_unmap = mock_dma_unmap,
	.dma_unmap_all = mock_dma_unmap_all,
	.set_irqs = mock_set_irqs,
	.reset = mock_reset,
};

void mock_init(struct mock *mock)
{
	memset(mock, 0, sizeof(*mock));
	mock->mmap_fd = fd_memfd("mock", 0x20000);
	assert_true(mock->mmap_fd >= 0);
	mock->take_fds = true;
}

void mock_done(struct mock *mock)
{
	/* What the device took is its own: nobody else has closed it. */
	for (unsigned i = 0; i < mock->num_kept; i++)
		assert_true(fcntl(mock->kept_fds[i], F_GETFD) >= 0);
	fd_close_all(mock->kept_fds, mock->num_kept);
	fd_close(&mock->mmap_fd);
}

unsigned count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

struct rig *rig_new(void)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	fds_before = count_fds();
	mock_init(&rig->mock);
	assert_int_equal(vfu_conn_new(&mock_ops, &rig->mock, &rig->conn), 0);
	rig->next_id = 0x1234;
	return rig;
}

struct rig *rig_ready(void)
{
	static const uint16_t version[2] = {0, 0};
	struct rig *rig = rig_new();
	struct got got;

	expect_ok(rig, VFU_CMD_VERSION, version, sizeof(version), 0, &got);
	mock_log_clear(&rig->mock);
	return rig;
}

void rig_free(struct rig *rig)
{
	vfu_conn_free(rig->conn);
	mock_done(&rig->mock);
	free(rig);
	assert_int_equal(count_fds(), fds_before);
}

size_t msg_put(void *buf, uint16_t id, uint16_t command, uint32_t flags, const void *payload,
	       size_t len)
{
	struct vfu_header hdr = {
		.msg_id = id,
		.command = command,
		.msg_size = (uint32_t)(sizeof(hdr) + len),
		.flags = flags,
	};

	memcpy(buf, &hdr, sizeof(hdr));
	if (len)
		memcpy((uint8_t *)buf + sizeof(hdr), payload, len);
	return sizeof(hdr) + len;
}

int rig_send(struct rig *rig, uint16_t command, uint32_t flags, const void *payload, size_t len,
	     unsigned nfds)
{
	uint8_t *buf = malloc(sizeof(struct vfu_header) + len);
	int fds[256], ret;
	size_t n;

	assert_non_null(buf);
	assert_true(nfds <= ARRAY_SIZE(fds));
	for (unsigned i = 0; i < nfds; i++) {
		fds[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		assert_true(fds[i] >= 0);
	}
	n = msg_put(buf, rig->next_id++, command, flags, payload, len);
	ret = vfu_conn_input(rig->conn, buf, n, fds, nfds, 64);
	free(buf);
	return ret;
}

bool rig_recv(struct rig *rig, struct got *ret_got)
{
	const void *buf;
	const int *fds;
	size_t len = vfu_conn_output(rig->conn, &buf, &fds, &ret_got->nfds);

	if (!len)
		return false;
	assert_true(len >= sizeof(ret_got->hdr));
	memcpy(&ret_got->hdr, buf, sizeof(ret_got->hdr));
	assert_int_equal(ret_got->hdr.msg_size, len);
	ret_got->len = len - sizeof(ret_got->hdr);
	memcpy(ret_got->payload, (const uint8_t *)buf + sizeof(ret_got->hdr),
	       MIN(ret_got->len, sizeof(ret_got->payload)));
	ret_got->fd = ret_got->nfds ? fds[0] : -1;
	vfu_conn_sent(rig->conn, len);
	return true;
}

static void recv_reply(struct rig *rig, uint16_t command, struct got *got)
{
	assert_true(rig_recv(rig, got));
	assert_int_equal(got->hdr.msg_id, (uint16_t)(rig->next_id - 1));
	assert_int_equal(got->hdr.command, command);
	assert_int_equal(vfu_conn_queued(rig->conn), 0);
}

static void expect_error_reply(struct rig *rig, uint16_t command, int error)
{
	struct got got;

	recv_reply(rig, command, &got);
	assert_int_equal(got.hdr.flags, VFU_F_TYPE_REPLY | VFU_F_ERROR);
	assert_int_equal(got.hdr.error, error);
	assert_int_equal(got.len, 0);
	assert_int_equal(got.nfds, 0);
}

void expect_error(struct rig *rig, uint16_t command, const void *payload, size_t len,
		  unsigned nfds, int error)
{
	assert_int_equal(rig_send(rig, command, 0, payload, len, nfds), 0);
	expect_error_reply(rig, command, error);
	assert_null(vfu_conn_reason(rig->conn));
}

void expect_ok(struct rig *rig, uint16_t command, const void *payload, size_t len,
	       unsigned nfds, struct got *ret_got)
{
	assert_int_equal(rig_send(rig, command, 0, payload, len, nfds), 0);
	recv_reply(rig, command, ret_got);
	assert_int_equal(ret_got->hdr.flags, VFU_F_TYPE_REPLY);
	assert_int_equal(ret_got->hdr.error, 0);
}

void expect_over(struct rig *rig, uint16_t command, const void *payload, size_t len,
		 const char *reason)
{
	assert_int_equal(rig_send(rig, command, 0, payload, len, 0), -EPROTO);
	expect_error_reply(rig, command, EINVAL);
	assert_non_null(vfu_conn_reason(rig->conn));
	assert_non_null(strstr(vfu_conn_reason(rig->conn), reason));
	/* Over is over. */
	assert_int_equal(rig_send(rig, VFU_CMD_DEVICE_RESET, 0, NULL, 0, 3), -EPROTO);
	assert_int_equal(vfu_conn_queued(rig->conn), 0);
}

int open_null(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

void send_fds(int sock, const void *buf, size_t len, const int *fds, unsigned nfds)
{
	FD_MSG_CONTROL(control, 253);
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	fd_msg_put(&msg, control, fds, nfds);
	assert_int_equal(sendmsg(sock, &msg, MSG_NOSIGNAL), len);
}

ssize_t client_recv(int sock, void *buf, size_t room, int *ret_fd)
{
	FD_MSG_CONTROL(control, 8);
	struct iovec iov = {buf, room};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(sock, &msg, MSG_DONTWAIT);

	*ret_fd = -1;
	if (len > 0)
		fd_msg_take(&msg, ret_fd, 1);
	return len < 0 ? -errno : len;
}

unsigned lines(const char *text)
{
	unsigned n = 0;

	while ((text = strchr(text, '\n'))) {
		text++;
		n++;
	}
	return n;
}
