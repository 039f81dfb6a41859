/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames through a descriptor, one a system call. While nothing comes, the descriptor is asked
 * only every POLL_NS: an empty read costs as much as switching several frames.
 */
#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "net_eth.h"
#include "nic_capture.h"
#include "uplink_impl.h"

#define POLL_NS (20 * NSEC_PER_USEC)

static struct uplink *uplink_of(struct nic_port *port)
{
	return (struct uplink *)port;
}

static void frame_from(struct nic_burst *b, const uint8_t *buf, uint32_t len)
{
	struct nic_frame *f = &b->frame[b->n++];

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
		atomic_store_explicit(&up->failed, true, memory_order_relaxed);
}

static bool uplink_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct uplink *up = uplink_of(port);

	if (uplink_failed(up) || now_ns - up->empty_at < POLL_NS)
		return false;
	for (unsigned i = 0; i < NIC_BURST; i++) {
		ssize_t n = read(up->fd, up->tx_buf[i], UPLINK_BUF);

		if (n < 0) {
			read_failed(up, now_ns);
			break;
		}
		if (n == 0) {
			up->empty_at = now_ns;
			break;
		}
		if (n < NET_ETH_HLEN || n > NIC_JUMBO_MAX)
			nic_lose_tx(port, NULL,
				    n < NET_ETH_HLEN ? NIC_DROP_MALFORMED : NIC_DROP_SIZE, 1);
		else
			frame_from(burst, up->tx_buf[i], (uint32_t)n);
	}
	return burst->n > 0;
}

static void uplink_tx_done(struct nic_port *port, uint64_t now_ns)
{
	(void)port;
	(void)now_ns;
}

static bool uplink_strips_tag(const struct nic_port *port)
{
	(void)port;
	return false;
}

static enum nic_drop uplink_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				       struct nic_sink *sink)
{
	struct uplink *up = uplink_of(port);

	if (uplink_failed(up))
		return NIC_DROP_UPLINK;
	if (meta->len > UPLINK_BUF)
		return NIC_DROP_SIZE;
	sink->n = 1;
	sink->iov[0].ptr = up->rx_buf;
	sink->iov[0].len = meta->len;
	return NIC_DROP_NONE;
}

static enum nic_drop uplink_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct uplink *up = uplink_of(port);
	ssize_t n = write(up->fd, up->rx_buf, meta->len);

	if (n == (ssize_t)meta->len)
		return NIC_DROP_NONE;
	if (n < 0 &&
	    (errno == EBADFD || errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN))
		atomic_store_explicit(&up->failed, true, memory_order_relaxed);
	return NIC_DROP_UPLINK;
}

static void uplink_rx_done(struct nic_port *port, uint64_t now_ns)
{
	/* Who was sent something is likely to answer: look at once. */
	uplink_of(port)->empty_at = 0;
	(void)now_ns;
}

const struct nic_port_ops uplink_port_ops = {
	.tx_poll = uplink_tx_poll,
	.tx_done = uplink_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = uplink_rx_buffers,
	.rx_commit = uplink_rx_commit,
	.rx_done = uplink_rx_done,
};
