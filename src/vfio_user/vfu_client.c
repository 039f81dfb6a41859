/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. One call at a time: send the request, then receive messages until its
 * reply is there. What else may arrive is a DMA_READ or DMA_WRITE of the server, served on the
 * spot. Header and payload are received by exact size, so fds are always those of the message
 * at hand.
 *
 * Whatever breaks the framing (timeout, end of file, a size or a reply that cannot be) closes
 * the connection: later calls return -ENOTCONN.
 */
#include "vfu_client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"
#include "vfu_version.h"

#define TIMEOUT_DEFAULT_MS 5000
#define DMA_FIXED	   sizeof(struct vfu_msg_dma_access)

struct vfu_client {
	int fd; /* owned; -1 = closed */
	int timeout_ms;
	uint16_t next_id;
	struct vfu_client_caps server; /* what the server's VERSION said */
	struct vfu_client_idle idle;   /* fn NULL = nothing */
	vfu_client_mem_fn *mem;	       /* NULL = no memory for messages */
	void *mem_arg;		       /* borrowed by mem */
	struct vfu_header hdr;	       /* of the message last received */
	int fds[VFU_MAX_FDS];	       /* owned: that came with it */
	unsigned nfds;
	uint8_t *payload; /* owned: its payload, VFU_MAX_MSG bytes of room */
};

struct buf {
	const void *data;
	size_t len;
};

/* A message to be sent: payload = fixed part and data. */
struct outgoing {
	struct vfu_header hdr;
	struct buf fixed, data;
	const int *fds; /* borrowed */
	unsigned nfds;
};

static int broken(struct vfu_client *client, int err)
{
	fd_close(&client->fd);
	return err;
}

static void drop_fds(struct vfu_client *client)
{
	fd_close_all(client->fds, client->nfds);
	client->nfds = 0;
}

/* deadline in clock_ns; 0 = never wait. */
static int wait_for(struct vfu_client *client, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd pfd = {client->fd, events, 0};
		uint64_t now = clock_ns();
		uint64_t left = deadline > now ? deadline - now : 0;
		/* Rounded up, or the last millisecond would be spent spinning. */
		int ms = (int)((left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC), n;

		if (client->idle.fn)
			client->idle.fn(client->idle.arg);
		n = poll(&pfd, 1, client->idle.fn ? MIN(ms, (int)client->idle.ms) : ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0 && ms == 0)
			return -ETIMEDOUT;
	}
}

static uint64_t deadline_in(int timeout_ms)
{
	return clock_ns() + (uint64_t)MAX(timeout_ms, 0) * NSEC_PER_MSEC;
}

/* ---- sending ---- */

/* Steps over len bytes of the vector. */
static void iov_skip(struct msghdr *msg, size_t len)
{
	while (msg->msg_iovlen && len >= msg->msg_iov->iov_len) {
		len -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (msg->msg_iovlen) {
		msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + len;
		msg->msg_iov->iov_len -= len;
	}
}

static int send_vector(struct vfu_client *client, struct msghdr *msg)
{
	uint64_t deadline = deadline_in(client->timeout_ms);

	while (msg->msg_iovlen) {
		ssize_t n = sendmsg(client->fd, msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		int ret;

		if (n >= 0) {
			iov_skip(msg, (size_t)n);
			msg->msg_control = NULL; /* gone with the first byte */
			msg->msg_controllen = 0;
		} else if (errno == EAGAIN) {
			ret = wait_for(client, POLLOUT, deadline);
			if (ret < 0)
				return broken(client, ret);
		} else if (errno != EINTR) {
			return broken(client, errno == EPIPE ? -ECONNRESET : -errno);
		}
	}
	return 0;
}

static int send_message(struct vfu_client *client, struct outgoing *out)
{
	FD_MSG_CONTROL(control, VFU_MAX_FDS);
	struct iovec iov[3] = {
		{&out->hdr, sizeof(out->hdr)},
		{(void *)out->fixed.data, out->fixed.len},
		{(void *)out->data.data, out->data.len},
	};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = ARRAY_SIZE(iov)};

	if (client->fd < 0)
		return -ENOTCONN;
	assert(out->nfds <= VFU_MAX_FDS);
	out->hdr.msg_size = (uint32_t)(sizeof(out->hdr) + out->fixed.len + out->data.len);
	fd_msg_put(&msg, control, out->fds, out->nfds);
	return send_vector(client, &msg);
}

/* ---- receiving ---- */

/* Exactly len bytes, within the deadline. */
static int receive_bytes(struct vfu_client *client, void *buf, size_t len, uint64_t deadline)
{
	while (len) {
		FD_MSG_CONTROL(control, VFU_MAX_FDS);
		struct iovec iov = {buf, len};
		struct msghdr msg = {.msg_iov = &iov,
				     .msg_iovlen = 1,
				     .msg_control = control,
				     .msg_controllen = sizeof(control)};
		ssize_t n = recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

		if (n > 0) {
			client->nfds += fd_msg_take(&msg, client->fds + client->nfds,
						    VFU_MAX_FDS - client->nfds);
			buf = (char *)buf + n;
			len -= (size_t)n;
		} else if (n == 0) {
			return -ECONNRESET;
		} else if (errno == EAGAIN) {
			int ret = wait_for(client, POLLIN, deadline);

			if (ret < 0)
				return ret;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

/* The next message into hdr, payload and fds. Any failure is the end. */
static int receive_message(struct vfu_client *client, uint64_t deadline)
{
	int ret;

	drop_fds(client);
	ret = receive_bytes(client, &client->hdr, sizeof(client->hdr), deadline);
	if (ret < 0)
		return broken(client, ret);
	if (!vfu_header_size_ok(&client->hdr, VFU_MAX_MSG))
		return broken(client, -EPROTO);
	ret = receive_bytes(client, client->payload, client->hdr.msg_size - sizeof(client->hdr),
			    deadline);
	return ret < 0 ? broken(client, ret) : 0;
}

static size_t payload_len(const struct vfu_client *client)
{
	return client->hdr.msg_size - sizeof(client->hdr);
}

/* ---- the server's requests ---- */

/* Copies between the payload and our memory. Returns 0 or -errno for the server. */
static int serve_access(struct vfu_client *client, bool write,
			struct vfu_msg_dma_access *access)
{
	uint8_t *data = client->payload + DMA_FIXED;
	uint8_t *mem;

	if (vfu_decode_dma_access(client->payload, payload_len(client), write, VFU_MAX_DATA,
				  access) < 0)
		return -EINVAL;
	mem = client->mem ? client->mem(client->mem_arg, access->addr, access->count, write)
			  : NULL;
	if (!mem)
		return -EFAULT;
	if (write)
		memcpy(mem, data, access->count);
	else
		memcpy(data, mem, access->count);
	return 0;
}

static int serve(struct vfu_client *client)
{
	bool write = client->hdr.command == VFU_CMD_DMA_WRITE;
	struct vfu_msg_dma_access access = {0};
	struct outgoing out = {0};
	int err = -EINVAL;

	if (write || client->hdr.command == VFU_CMD_DMA_READ)
		err = serve_access(client, write, &access);
	if (client->hdr.flags & VFU_F_NO_REPLY)
		return 0;
	out.hdr = vfu_header_reply(&client->hdr, 0, -err);
	if (err == 0) {
		out.fixed = (struct buf){&access, sizeof(access)};
		if (!write)
			out.data = (struct buf){client->payload + DMA_FIXED, access.count};
	}
	return send_message(client, &out);
}

int vfu_client_poll(struct vfu_client *client, int timeout_ms)
{
	int ret;

	if (client->fd < 0)
		return -ENOTCONN;
	ret = wait_for(client, POLLIN, timeout_ms > 0 ? deadline_in(timeout_ms) : 0);
	/* One message at least, then all that is there. */
	while (ret == 0) {
		ret = receive_message(client, deadline_in(client->timeout_ms));
		if (ret < 0)
			return ret;
		if (vfu_header_type(&client->hdr) != VFU_F_TYPE_COMMAND)
			return broken(client, -EPROTO); /* no call is under way */
		ret = serve(client);
		if (ret < 0)
			return ret;
		ret = wait_for(client, POLLIN, 0);
	}
	return ret == -ETIMEDOUT ? 0 : ret;
}

/* ---- calls ---- */

static bool is_reply_to(const struct vfu_client *client, const struct vfu_header *request)
{
	return client->hdr.msg_id == request->msg_id && client->hdr.command == request->command;
}

static int await_reply(struct vfu_client *client, const struct vfu_header *request)
{
	uint64_t deadline = deadline_in(client->timeout_ms);

	for (;;) {
		int ret = receive_message(client, deadline);

		if (ret < 0)
			return ret;
		if (vfu_header_type(&client->hdr) == VFU_F_TYPE_REPLY)
			break;
		ret = serve(client);
		if (ret < 0)
			return ret;
	}
	if (!is_reply_to(client, request))
		return broken(client, -EPROTO);
	return client->hdr.flags & VFU_F_ERROR ? vfu_header_error(&client->hdr) : 0;
}

/*
 * Sends out as command and awaits its reply, of min bytes of payload at least. The reply stays
 * in client until the next call.
 */
static int call(struct vfu_client *client, enum vfu_cmd command, struct outgoing *out,
		size_t min)
{
	int ret;

	out->hdr.command = (uint16_t)command;
	out->hdr.msg_id = client->next_id++;
	ret = send_message(client, out);
	if (ret < 0 || (out->hdr.flags & VFU_F_NO_REPLY))
		return ret;
	ret = await_reply(client, &out->hdr);
	if (ret == 0 && payload_len(client) < min)
		return broken(client, -EPROTO);
	return ret;
}

static int negotiate(struct vfu_client *client, const char *vf_token)
{
	struct outgoing out = {0};
	int ret = vfu_version_encode_request(client->payload, VFU_VERSION_JSON_MAX, vf_token);

	if (ret < 0)
		return ret;
	out.fixed = (struct buf){client->payload, (size_t)ret};
	ret = call(client, VFU_CMD_VERSION, &out, sizeof(struct vfu_msg_version));
	if (ret == 0 &&
	    vfu_version_decode(client->payload, payload_len(client), &client->server, NULL) < 0)
		ret = -EPROTO;
	/* The token was there; a shorter reply left its end. */
	explicit_bzero(client->payload, VFU_VERSION_JSON_MAX);
	return ret;
}

static struct vfu_client *client_new(int fd)
{
	struct vfu_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->payload = malloc(VFU_MAX_MSG);
	if (!client->payload) {
		free(client);
		return NULL;
	}
	client->fd = fd;
	client->timeout_ms = TIMEOUT_DEFAULT_MS;
	return client;
}

/* fd is consumed, always. */
static int attach(int fd, const char *vf_token, const struct vfu_client_idle *idle,
		  struct vfu_client **ret_client)
{
	struct vfu_client *client = client_new(fd);
	int ret;

	if (!client) {
		close(fd);
		return -ENOMEM;
	}
	if (idle)
		client->idle = *idle;
	ret = negotiate(client, vf_token);
	if (ret < 0) {
		vfu_client_close(client);
		return ret;
	}
	*ret_client = client;
	return 0;
}

int vfu_client_attach(int fd, const char *vf_token, const struct vfu_client_idle *idle,
		      struct vfu_client **ret_client)
{
	/* A copy: the caller keeps fd when this fails. */
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	int ret;

	if (own < 0)
		return -errno;
	ret = attach(own, vf_token, idle, ret_client);
	if (ret == 0)
		close(fd);
	return ret;
}

int vfu_client_connect(const char *path, const char *vf_token, struct vfu_client **ret_client)
{
	int fd = fd_unix_connect(path);

	return fd < 0 ? fd : attach(fd, vf_token, NULL, ret_client);
}

void vfu_client_close(struct vfu_client *client)
{
	if (!client)
		return;
	drop_fds(client);
	fd_close(&client->fd);
	free(client->payload);
	free(client);
}

void vfu_client_set_mem(struct vfu_client *client, vfu_client_mem_fn *fn, void *arg)
{
	client->mem = fn;
	client->mem_arg = arg;
}

void vfu_client_set_timeout(struct vfu_client *client, int timeout_ms)
{
	client->timeout_ms = timeout_ms;
}

int vfu_client_fd(const struct vfu_client *client)
{
	return client->fd;
}

int vfu_client_device_info(struct vfu_client *client, uint32_t *ret_flags,
			   uint32_t *ret_regions, uint32_t *ret_irqs)
{
	struct vfu_msg_device_info info = {.argsz = sizeof(info)};
	struct outgoing out = {.fixed = {&info, sizeof(info)}};
	int ret = call(client, VFU_CMD_GET_INFO, &out, sizeof(info));

	if (ret < 0)
		return ret;
	memcpy(&info, client->payload, sizeof(info));
	*ret_flags = info.flags;
	*ret_regions = info.num_regions;
	*ret_irqs = info.num_irqs;
	return 0;
}

/* The first area of the first sparse capability in the len bytes of reply; whole without one.
 */
static int find_area(const uint8_t *reply, size_t len, uint32_t at,
		     struct vfu_client_region *region)
{
	struct vfu_msg_sparse cap;

	region->area_offset = 0;
	region->area_size = region->size;
	/* Each step moves forward, so a loop in the chain ends too. */
	while (at) {
		uint32_t next;

		if (!vfu_range_ok(at, offsetof(struct vfu_msg_sparse, nr_areas), len))
			return -EPROTO;
		memcpy(&cap, reply + at, offsetof(struct vfu_msg_sparse, nr_areas));
		next = cap.next;
		if (cap.id == VFU_REGION_CAP_SPARSE) {
			if (!vfu_range_ok(at, sizeof(cap), len))
				return -EPROTO;
			memcpy(&cap, reply + at, sizeof(cap));
			if (!cap.nr_areas || !vfu_range_ok(cap.offset, cap.size, region->size))
				return -EPROTO;
			region->area_offset = cap.offset;
			region->area_size = cap.size;
			return 0;
		}
		if (next && next <= at)
			return -EPROTO;
		at = next;
	}
	return 0;
}

int vfu_client_region_info(struct vfu_client *client, unsigned index,
			   struct vfu_client_region *ret_region)
{
	struct vfu_msg_region_info info = {.argsz = VFU_PAGE_SIZE, .index = index};
	struct outgoing out = {.fixed = {&info, sizeof(info)}};
	struct vfu_client_region region;
	int ret = call(client, VFU_CMD_GET_REGION_INFO, &out, sizeof(info));

	if (ret < 0)
		return ret;
	memcpy(&info, client->payload, sizeof(info));
	region = (struct vfu_client_region){
		.size = info.size, .flags = info.flags, .offset = info.offset, .mmap_fd = -1};
	ret = find_area(client->payload, payload_len(client),
			info.flags & VFU_REGION_CAPS ? info.cap_offset : 0, &region);
	if (ret < 0)
		return ret;
	if ((info.flags & VFU_REGION_MMAP) && client->nfds) {
		region.mmap_fd = client->fds[0];
		client->fds[0] = -1;
	}
	*ret_region = region;
	return 0;
}

int vfu_client_irq_count(struct vfu_client *client, unsigned index, uint32_t *ret_count)
{
	struct vfu_msg_irq_info info = {.argsz = sizeof(info), .index = index};
	struct outgoing out = {.fixed = {&info, sizeof(info)}};
	int ret = call(client, VFU_CMD_GET_IRQ_INFO, &out, sizeof(info));

	if (ret < 0)
		return ret;
	memcpy(&info, client->payload, sizeof(info));
	*ret_count = info.count;
	return 0;
}

int vfu_client_read(struct vfu_client *client, unsigned region, uint64_t offset, void *buf,
		    uint32_t count)
{
	struct vfu_msg_region_access access = {offset, region, count};
	struct outgoing out = {.fixed = {&access, sizeof(access)}};
	int ret;

	if (count > client->server.max_data_xfer)
		return -E2BIG;
	if (!count)
		return 0;
	ret = call(client, VFU_CMD_REGION_READ, &out, sizeof(access) + count);
	if (ret == 0)
		memcpy(buf, client->payload + sizeof(access), count);
	return ret;
}

static int region_write(struct vfu_client *client, struct vfu_msg_region_access access,
			const void *buf, uint32_t flags)
{
	struct outgoing out = {
		.hdr.flags = flags,
		.fixed = {&access, sizeof(access)},
		.data = {buf, access.count},
	};

	if (access.count > client->server.max_data_xfer)
		return -E2BIG;
	if (!access.count)
		return 0;
	return call(client, VFU_CMD_REGION_WRITE, &out, 0);
}

int vfu_client_write(struct vfu_client *client, unsigned region, uint64_t offset,
		     const void *buf, uint32_t count)
{
	return region_write(client, (struct vfu_msg_region_access){offset, region, count}, buf,
			    0);
}

int vfu_client_write_posted(struct vfu_client *client, unsigned region, uint64_t offset,
			    const void *buf, uint32_t count)
{
	return region_write(client, (struct vfu_msg_region_access){offset, region, count}, buf,
			    VFU_F_NO_REPLY);
}

int vfu_client_dma_map(struct vfu_client *client, uint64_t addr, uint64_t size, uint32_t prot,
		       int fd, uint64_t offset)
{
	struct vfu_msg_dma_map map = {.argsz = sizeof(map),
				      .flags = prot,
				      .offset = offset,
				      .addr = addr,
				      .size = size};
	struct outgoing out = {.fixed = {&map, sizeof(map)}, .fds = &fd, .nfds = fd >= 0};

	return call(client, VFU_CMD_DMA_MAP, &out, 0);
}

int vfu_client_dma_unmap(struct vfu_client *client, uint64_t addr, uint64_t size)
{
	struct vfu_msg_dma_unmap unmap = {.argsz = sizeof(unmap), .addr = addr, .size = size};
	struct outgoing out = {.fixed = {&unmap, sizeof(unmap)}};

	return call(client, VFU_CMD_DMA_UNMAP, &out, 0);
}

static int set_irqs(struct vfu_client *client, unsigned index, uint32_t start, uint32_t count,
		    const int *fds)
{
	struct vfu_msg_set_irqs set = {
		.argsz = sizeof(set),
		.flags = VFU_IRQ_DATA_EVENTFD | VFU_IRQ_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = count,
	};
	struct outgoing out = {
		.fixed = {&set, sizeof(set)}, .fds = fds, .nfds = fds ? count : 0};

	return call(client, VFU_CMD_SET_IRQS, &out, 0);
}

int vfu_client_set_eventfds(struct vfu_client *client, unsigned index, uint32_t start,
			    uint32_t count, const int *fds)
{
	uint32_t batch = MIN(client->server.max_msg_fds, VFU_MAX_FDS);

	if (!fds)
		return set_irqs(client, index, start, count, NULL);
	if (!batch)
		return -E2BIG;
	if (start > UINT32_MAX - count)
		return -EINVAL;
	for (uint32_t done = 0; done < count; done += batch) {
		int ret = set_irqs(client, index, start + done, MIN(batch, count - done),
				   fds + done);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int vfu_client_reset(struct vfu_client *client)
{
	struct outgoing out = {0};

	return call(client, VFU_CMD_DEVICE_RESET, &out, 0);
}

int vfu_client_feature_set(struct vfu_client *client, uint32_t feature, const void *data,
			   uint32_t len)
{
	struct vfu_msg_feature msg = {
		.argsz = (uint32_t)sizeof(msg) + len,
		.flags = VFU_FEATURE_SET | (feature & VFU_FEATURE_INDEX_MASK),
	};
	struct outgoing out = {.fixed = {&msg, sizeof(msg)}, .data = {data, len}};

	return call(client, VFU_CMD_DEVICE_FEATURE, &out, 0);
}
