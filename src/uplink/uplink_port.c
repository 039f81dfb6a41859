/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames through a descriptor, one a system call. While nothing comes, the descriptor is asked
 * only every UPLINK_POLL_NS: an empty read costs as much as switching several frames.
 */
#include <errno.h>
#include <unistd.h>

#include "net_eth.h"
#include "nic_capture.h"
#include "uplink_impl.h"

static struct uplink_framed *framed_of(struct nic_port *port)
{
	return (struct uplink_framed *)port;
}

void uplink_frame(struct uplink *up, struct nic_burst *b, const uint8_t *buf, uint32_t len)
{
	struct nic_frame *f = &b->frame[b->n];

	if (len < NET_ETH_HLEN || len > NIC_JUMBO_MAX) {
		nic_lose_tx(&up->port, NULL,
			    len < NET_ETH_HLEN ? NIC_DROP_MALFORMED : NIC_DROP_SIZE, 1);
		return;
	}
	b->n++;
	f->len = len;
	f->hdr_len = (uint16_t)MIN(len, (uint32_t)NIC_HDR_PLAIN);
	memcpy(f->hdr, buf, f->hdr_len);
	f->segs = &b->seg[b->num_segs];
	f->num_segs = 0;
	if (len > f->hdr_len) {
		b->seg[b->num_segs++] = (struct nic_seg){buf + f->hdr_len, len - f->hdr_len};
		f->num_segs = 1;
	}
	f->tagged = f->local = f->csum_valid = false;
	f->off = (struct net_offload){0};
	nic_frame_lift_tag(f);
}

/* A read failed: nothing there, or nobody there any more? */
static void read_failed(struct uplink *up, uint64_t now_ns)
{
	if (errno == EAGAIN || errno == EINTR || errno == EIO) /* EIO: tap that is down */
		up->empty_at = now_ns;
	else
		uplink_fail(up);
}

static bool port_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct uplink_framed *framed = framed_of(port);
	struct uplink *up = &framed->up;
	int fd = uplink_fd(up);

	if (fd < 0 || uplink_failed(up) || now_ns - up->empty_at < UPLINK_POLL_NS)
		return false;
	for (unsigned i = 0; i < NIC_BURST; i++) {
		ssize_t n = read(fd, framed->tx_buf[i], UPLINK_BUF);

		if (n < 0) {
			read_failed(up, now_ns);
			break;
		}
		if (n == 0) {
			up->empty_at = now_ns;
			break;
		}
		uplink_frame(up, burst, framed->tx_buf[i], (uint32_t)n);
	}
	return burst->n > 0;
}

void uplink_tx_done(struct nic_port *port, uint64_t now_ns)
{
	(void)port;
	(void)now_ns;
}

bool uplink_strips_tag(const struct nic_port *port)
{
	(void)port;
	return false;
}

enum nic_drop uplink_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink)
{
	struct uplink_framed *framed = framed_of(port);

	if (uplink_fd(&framed->up) < 0 || uplink_failed(&framed->up))
		return NIC_DROP_UPLINK;
	if (meta->len > UPLINK_BUF)
		return NIC_DROP_SIZE;
	sink->n = 1;
	sink->iov[0].ptr = framed->rx_buf;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

enum nic_drop uplink_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct uplink_framed *framed = framed_of(port);
	ssize_t n = write(uplink_fd(&framed->up), framed->rx_buf, meta->len);

	if (n == (ssize_t)meta->len)
		return NIC_DROP_NONE;
	if (n < 0 &&
	    (errno == EBADFD || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN))
		uplink_fail(&framed->up);
	return n < 0 && errno == EMSGSIZE ? NIC_DROP_SIZE : NIC_DROP_UPLINK;
}

void uplink_rx_done(struct nic_port *port, uint64_t now_ns)
{
	/* Who was sent something is likely to answer: look at once. */
	framed_of(port)->up.empty_at = 0;
	(void)now_ns;
}

const struct nic_port_ops uplink_port_ops = {
	.tx_poll = port_tx_poll,
	.tx_done = uplink_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = uplink_rx_buffers,
	.rx_commit = uplink_rx_commit,
	.rx_done = uplink_rx_done,
};
