/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_wire.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "clock.h"
#include "net_eth.h"
#include "nic_capture.h"
#include "nic_deliver.h"
#include "nic_switch.h"

#define POLL_NS	    (20 * NSEC_PER_USEC) /* how soon who had no room is asked again */
#define LEAVE	    64u			 /* frames of a priority that leave in one round */
#define RECORD_MAX  (NIC_JUMBO_MAX + 64u)
#define LOOK_MAX_NS NSEC_PER_MSEC /* of a look that comes late: not the receiver's fault */
#define PACE	    16u /* a receiver that takes this part of the link's rate is not slow */

/* The wire has waited so long when the others are told to. */
#define HELD_NS (50 * NSEC_PER_USEC)
/* And of a buffer whose level is known, in 1/256. */
#define BACKLOG_HIGH 128u
#define BACKLOG_LOW  64u

static const struct nic_policy *policy_of(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire);
}

/* ---- card -> wire ---- */

static struct nic_wire *wire_of(struct nic_port *queue)
{
	return (struct nic_wire *)((char *)queue - offsetof(struct nic_wire, queue));
}

static bool queue_strips_tag(const struct nic_port *port)
{
	(void)port;
	return false;
}

static enum nic_drop queue_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				   struct nic_sink *sink)
{
	struct nic_wire *wire = wire_of(port);

	sink->n = 1;
	sink->iov[0].ptr = nic_fifo_room(&wire->fifo[wire->priority], meta->len);
	sink->iov[0].len = meta->len;
	return sink->iov[0].ptr ? NIC_DROP_NONE : NIC_DROP_UPLINK;
}

static enum nic_drop queue_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct nic_wire *wire = wire_of(port);

	nic_fifo_push(&wire->fifo[wire->priority], meta->len);
	return NIC_DROP_NONE;
}

static const struct nic_port_ops queue_ops = {
	.rx_strips_tag = queue_strips_tag,
	.rx_buffers = queue_buffers,
	.rx_commit = queue_commit,
};

/* Is there room for all of the frame's segments, wherever the FIFO wraps? */
static bool fits(const struct nic_fifo *fifo, const struct nic_frame *f)
{
	uint64_t bytes = nic_switch_wire_bytes(f) +
			 (uint64_t)nic_frame_count(f) * (2 * NIC_FIFO_RECORD + NET_ETH_ZLEN);

	return fifo->size - fifo->used >= bytes + RECORD_MAX;
}

/* Bytes of the longest frame that it becomes. */
static uint32_t longest(const struct nic_frame *f)
{
	uint32_t payload = f->len - f->hdr_len;

	if (f->off.tso)
		payload = MIN(payload, (uint32_t)f->off.mss);
	return f->hdr_len + payload + nic_frame_tags_len(f);
}

static unsigned enqueue(struct nic_wire *wire, struct nic_port *src, struct nic_port *dst,
			const struct nic_policy *policy, const struct nic_frame *f,
			struct nic_tags tags, unsigned priority)
{
	struct nic_fifo *fifo = &wire->fifo[priority % NIC_FLOW_PRIORITIES];
	unsigned n;

	if (!fits(fifo, f)) {
		nic_lose_rx(dst, f, NIC_DROP_UPLINK, nic_frame_count(f));
		return 0;
	}
	wire->priority = priority;
	n = nic_deliver(&wire->queue, policy, f, tags, 0);
	nic_count(&wire->stats->queued, n);
	src->wire_waits |= (uint8_t)BIT(priority);
	wire->waiting |= BIT(priority);
	if (fifo->used >= NIC_WIRE_HIGH)
		wire->full |= BIT(priority);
	return n;
}

/* A frame that is no good is not worth waiting with: it is counted where it would have been. */
static bool goes_at_once(const struct nic_wire *wire, struct nic_port *dst,
			 const struct nic_policy *policy, const struct nic_frame *f,
			 unsigned priority, uint64_t now_ns)
{
	if (!(wire->params.mode & NIC_FLOW_RX) || longest(f) > policy->max_frame)
		return true;
	if (wire->waiting & BIT(priority) || now_ns < wire->flow.until[priority])
		return false;
	return !dst->ops->rx_room ||
	       dst->ops->rx_room(dst, (uint32_t)nic_switch_wire_bytes(f) +
					      nic_frame_count(f) * 2 * NIC_FIFO_RECORD);
}

unsigned nic_wire_send(struct nic_wire *wire, struct nic_switch *sw, struct nic_port *src,
		       const struct nic_policy *policy, const struct nic_frame *f,
		       struct nic_tags tags)
{
	unsigned priority = nic_flow_priority(f);

	if (goes_at_once(wire, sw->all->uplink, policy, f, priority, sw->now_ns))
		return nic_deliver(sw->all->uplink, policy, f, tags, 0);
	return enqueue(wire, src, sw->all->uplink, policy, f, tags, priority);
}

/* A frame of a FIFO: all was done to it that had to be, and its tags lie in the bytes. */
static void waited_frame(struct nic_frame *f, struct nic_seg *seg, const uint8_t *bytes,
			 uint32_t len)
{
	f->len = len;
	f->hdr_len = (uint16_t)MIN(len, (uint32_t)NIC_HDR_PLAIN);
	memcpy(f->hdr, bytes, f->hdr_len);
	f->segs = seg;
	f->num_segs = len > f->hdr_len;
	*seg = (struct nic_seg){bytes + f->hdr_len, len - f->hdr_len};
	f->tagged = f->svlan = false;
	f->more = 0;
	f->local = f->csum_valid = true;
	f->off = (struct net_offload){0};
#ifdef LADON_BREAK_SNAPSHOT
	f->guest = bytes;
#endif
}

static void shrunk(struct nic_wire *wire, unsigned priority)
{
	const struct nic_fifo *fifo = &wire->fifo[priority % NIC_FLOW_PRIORITIES];

	if (fifo->used < NIC_WIRE_LOW)
		wire->full &= ~BIT(priority);
	if (!fifo->used)
		wire->waiting &= ~BIT(priority);
}

/* Lets up to num frames of a priority leave. Returns whether any did. */
static bool leave(struct nic_wire *wire, struct nic_switch *sw, unsigned priority, unsigned num,
		  bool heed_room)
{
	struct nic_fifo *fifo = &wire->fifo[priority % NIC_FLOW_PRIORITIES];
	struct nic_port *dst = sw->all->uplink;
	const struct nic_policy *policy = policy_of(dst);
	unsigned n = 0;

	for (; n < num; n++) {
		struct nic_frame f;
		struct nic_seg seg;
		uint32_t len = 0;
		const uint8_t *bytes = nic_fifo_peek(fifo, &len);

		if (!bytes || (heed_room && dst->ops->rx_room && !dst->ops->rx_room(dst, len)))
			break;
		waited_frame(&f, &seg, bytes, len);
		if (nic_deliver(dst, policy, &f, (struct nic_tags){0}, 0))
			nic_switch_received(sw, dst);
		nic_fifo_pop(fifo);
	}
	shrunk(wire, priority);
	return n;
}

/* ---- PAUSE frames of ours ---- */

static void fill_sink(const struct nic_sink *sink, const uint8_t *bytes)
{
	for (unsigned i = 0; i < sink->n; i++) {
		memcpy(sink->iov[i].ptr, bytes, sink->iov[i].len);
		bytes += sink->iov[i].len;
	}
}

/* Straight to the uplink: it waits for nothing and is nobody's traffic. Returns whether it was
 * taken. */
static bool send_pause(struct nic_wire *wire, struct nic_switch *sw, uint16_t quanta)
{
	struct nic_port *dst = sw->all->uplink;
	uint8_t bytes[NET_ETH_ZLEN];
	struct net_parsed parsed;
	struct nic_rx_meta meta = {
		.len = sizeof(bytes), .parsed = &parsed, .hdr = bytes, .local = true};
	struct nic_sink sink = {.n = 0};

	nic_flow_pause(bytes, wire->params.mac, quanta);
	net_parse(bytes, sizeof(bytes), &parsed);
	if (dst->ops->rx_buffers(dst, &meta, &sink) != NIC_DROP_NONE)
		return false;
	fill_sink(&sink, bytes);
	if (dst->ops->rx_commit(dst, &meta) != NIC_DROP_NONE)
		return false;
	if (unlikely(dst->captures))
		nic_capture_buffers(dst, &sink, &meta);
	nic_switch_received(sw, dst);
	nic_count(quanta ? &wire->stats->xoff_tx : &wire->stats->xon_tx, 1);
	return true;
}

/* Shall the other end stop? */
static bool is_pressed(const struct nic_wire *wire, const struct nic_switch *sw)
{
	const struct nic_port *port = sw->all->uplink;

	if (port->ops->tx_backlog)
		return port->ops->tx_backlog(port) > (wire->xoff ? BACKLOG_LOW : BACKLOG_HIGH);
	return wire->held && (wire->xoff || sw->now_ns - wire->held_since >= HELD_NS);
}

/* Half of the time that was asked for has passed when it is asked for again. */
static void keep_paused(struct nic_wire *wire, struct nic_switch *sw)
{
	if (!is_pressed(wire, sw)) {
		if (wire->xoff && send_pause(wire, sw, 0))
			wire->xoff = false;
		return;
	}
	if (wire->xoff && sw->now_ns < wire->refresh_at)
		return;
	if (!send_pause(wire, sw, NIC_FLOW_LONGEST))
		return;
	wire->xoff = true;
	wire->refresh_at =
		sw->now_ns + nic_flow_quanta_ns(NIC_FLOW_LONGEST, wire->params.mbps) / 2;
}

bool nic_wire_round(struct nic_wire *wire, struct nic_switch *sw)
{
	unsigned may_leave;
	bool work = false;

	if (!sw->all->uplink)
		return false;
	if (!nic_policy_live(policy_of(sw->all->uplink))) {
		nic_wire_drop(wire, sw);
		return false;
	}
	may_leave =
		wire->waiting ? wire->waiting & ~nic_flow_stopped(&wire->flow, sw->now_ns) : 0;
	for (unsigned p = NIC_FLOW_PRIORITIES; may_leave && p-- > 0;)
		if (may_leave & BIT(p))
			work |= leave(wire, sw, p, LEAVE, true);
	if (wire->params.mode & NIC_FLOW_TX)
		keep_paused(wire, sw);
	return work;
}

/* ---- wire -> card ---- */

/* It acts at once, though frames before it may have to wait; no function sees it. */
static void take_control(struct nic_wire *wire, struct nic_switch *sw, unsigned i)
{
	struct nic_burst *b = &wire->burst;

	nic_flow_receive(&wire->flow, &b->frame[i], wire->params.mbps, sw->now_ns, wire->stats);
	if (unlikely(sw->all->uplink->captures))
		nic_capture_frame(sw->all->uplink, &b->frame[i], false, NIC_DROP_NONE, 1);
	b->n--;
	memmove(&b->frame[i], &b->frame[i + 1], (b->n - i) * sizeof(b->frame[0]));
}

static void look_for_control(struct nic_wire *wire, struct nic_switch *sw)
{
	struct nic_burst *b = &wire->burst;

	for (unsigned i = 0; i < b->n;) {
		b->frame[i].svlan = false;
		if (wire->params.mode & NIC_FLOW_RX &&
		    nic_flow_is_control(&b->frame[i], wire->params.mac))
			take_control(wire, sw, i);
		else
			i++;
	}
}

static void hold(struct nic_wire *wire, uint64_t now_ns)
{
	if (wire->held)
		return;
	wire->held = true;
	wire->held_since = wire->held_at = now_ns;
	nic_count(&wire->stats->held, 1);
}

/* Goes on with the burst, to its end or to a frame that waits. Returns whether any frame went.
 */
static bool go_on(struct nic_wire *wire, struct nic_switch *sw)
{
	struct nic_burst *b = &wire->burst;
	unsigned before = wire->at;

	wire->at = nic_switch_from(sw, sw->all->uplink, b, before);
	if (wire->at != before)
		wire->held = false;
	if (wire->at < b->n) {
		hold(wire, sw->now_ns);
		return wire->at != before;
	}
	sw->all->uplink->ops->tx_done(sw->all->uplink, sw->now_ns);
	b->n = wire->at = 0;
	return true;
}

unsigned nic_wire_poll(struct nic_wire *wire, struct nic_switch *sw, bool *ret_work)
{
	struct nic_burst *b = &wire->burst;
	unsigned fetched = 0;

	*ret_work = false;
	if (!b->n) {
		b->num_segs = 0;
		if (!sw->all->uplink->ops->tx_poll(sw->all->uplink, b, sw->now_ns))
			return 0;
		fetched = b->n;
		look_for_control(wire, sw);
	}
	*ret_work = go_on(wire, sw) || fetched;
	return fetched;
}

bool nic_wire_may_wait(struct nic_wire *wire, struct nic_port *dst, uint64_t now_ns)
{
	uint64_t ns = wire->held ? MIN(now_ns - wire->held_at, LOOK_MAX_NS) : 0;
	bool out = false;

	if (!(wire->params.mode & NIC_FLOW_TX))
		return false;
	wire->held_at = now_ns;
	nic_patience_left(&dst->patience, NIC_PATIENCE_PORT, now_ns);
	nic_patience_left(&wire->patience, NIC_PATIENCE_WIRE, now_ns);
	out |= nic_patience_spend(&dst->patience, ns);
	out |= nic_patience_spend(&wire->patience, ns);
	if (out)
		nic_count(&wire->stats->stalled, 1);
	return !dst->patience.out && !wire->patience.out;
}

void nic_wire_took(struct nic_wire *wire, struct nic_port *dst, const struct nic_frame *f)
{
	uint64_t ns = nic_switch_wire_bytes(f) * 8 * 1000 / wire->params.mbps * PACE;

	nic_patience_earn(&dst->patience, ns);
	nic_patience_earn(&wire->patience, ns);
}

/* ---- life ---- */

int nic_wire_new(struct nic_flow_stats *stats, struct nic_wire **ret_wire)
{
	struct nic_wire *wire =
		aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(struct nic_wire), CACHE_LINE));
	int ret = 0;

	if (!wire)
		return -ENOMEM;
	memset(wire, 0, sizeof(*wire));
	wire->stats = stats;
	wire->params.mbps = NIC_FLOW_MBPS;
	wire->queue.ops = &queue_ops;
	for (unsigned p = 0; p < NIC_FLOW_PRIORITIES && ret == 0; p++)
		ret = nic_fifo_init(&wire->fifo[p], NIC_WIRE_FIFO);
	if (ret < 0)
		nic_wire_free(wire);
	else
		*ret_wire = wire;
	return ret;
}

void nic_wire_free(struct nic_wire *wire)
{
	if (!wire)
		return;
	for (unsigned p = 0; p < NIC_FLOW_PRIORITIES; p++)
		nic_fifo_done(&wire->fifo[p]);
	free(wire);
}

void nic_wire_set(struct nic_wire *wire, struct nic_switch *sw,
		  const struct nic_flow_params *params)
{
	wire->params = *params;
	if (!wire->params.mbps)
		wire->params.mbps = NIC_FLOW_MBPS;
	if (!sw->all->uplink)
		return;
	if (!(params->mode & NIC_FLOW_RX)) {
		wire->flow = (struct nic_flow){0};
		for (unsigned p = 0; p < NIC_FLOW_PRIORITIES; p++)
			leave(wire, sw, p, UINT32_MAX, false);
	}
	if (params->mode & NIC_FLOW_TX)
		return;
	if (wire->xoff)
		send_pause(wire, sw, 0);
	wire->xoff = false;
	if (wire->burst.n)
		go_on(wire, sw);
}

static void drop_waiting(struct nic_wire *wire, struct nic_port *uplink, unsigned priority)
{
	struct nic_fifo *fifo = &wire->fifo[priority % NIC_FLOW_PRIORITIES];
	const uint8_t *bytes;
	uint32_t len;

	while ((bytes = nic_fifo_peek(fifo, &len))) {
		struct nic_frame f;
		struct nic_seg seg;

		waited_frame(&f, &seg, bytes, len);
		nic_lose_rx(uplink, &f, NIC_DROP_UPLINK, 1);
		nic_fifo_pop(fifo);
	}
	shrunk(wire, priority);
}

void nic_wire_drop(struct nic_wire *wire, struct nic_switch *sw)
{
	struct nic_burst *b = &wire->burst;

	wire->flow = (struct nic_flow){0};
	wire->held = wire->xoff = false;
	for (unsigned p = 0; wire->waiting && p < NIC_FLOW_PRIORITIES; p++)
		drop_waiting(wire, sw->all->uplink, p);
	for (; wire->at < b->n; wire->at++)
		nic_lose_tx(sw->all->uplink, &b->frame[wire->at], NIC_DROP_UPLINK, 1);
	if (b->n)
		sw->all->uplink->ops->tx_done(sw->all->uplink, sw->now_ns);
	b->n = wire->at = 0;
}

uint64_t nic_wire_next(const struct nic_wire *wire, uint64_t now_ns)
{
	uint64_t next = wire->xoff ? wire->refresh_at : UINT64_MAX;

	if (wire->held)
		next = MIN(next, now_ns + POLL_NS);
	for (unsigned p = 0; wire->waiting && p < NIC_FLOW_PRIORITIES; p++)
		if (wire->waiting & BIT(p))
			next = MIN(next, MAX(wire->flow.until[p], now_ns + POLL_NS));
	return next;
}
