/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink_link.c - the wire to another card of the same daemon. Each end has a ring for what
 * comes to it; the other card's data path copies frames straight into it. Ends are paired by
 * the control thread, whichever comes last, and come apart when one goes: then both data paths
 * pass a quiesce point, after which neither knows of the other's memory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "uplink_impl.h"
#include "uplink_ring.h"

struct link {
	struct uplink up;	     /* first */
	const char *other;	     /* card, in up.spec */
	_Atomic(struct link *) peer; /* set by the control thread */
	struct link *to;	     /* data path: whose ring has the frame under way */
	struct uplink_ring ring;     /* what comes */
};

static struct link *link_of(struct nic_port *port)
{
	return (struct link *)port;
}

static struct link *peer_of(const struct link *link)
{
	return atomic_load_explicit(&link->peer, memory_order_acquire);
}

/* ---- data path ---- */

static bool link_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct link *link = link_of(port);
	uint32_t len;

	(void)now_ns;
	if (!peer_of(link))
		return false;
	for (unsigned i = 0; i < NIC_BURST; i++) {
		const uint8_t *frame = uplink_ring_next(&link->ring, &len);

		if (!frame)
			return i > 0;
		uplink_frame(&link->up, burst, frame, len);
	}
	return true;
}

static void link_tx_done(struct nic_port *port, uint64_t now_ns)
{
	(void)now_ns;
	uplink_ring_release(&link_of(port)->ring);
}

static enum nic_drop link_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				     struct nic_sink *sink)
{
	struct link *link = link_of(port);

	if (meta->len > UPLINK_BUF)
		return NIC_DROP_SIZE;
	link->to = peer_of(link);
	sink->iov[0].ptr = link->to ? uplink_ring_room(&link->to->ring, meta->len) : NULL;
	sink->iov[0].len = meta->len;
	sink->n = 1;
	return sink->iov[0].ptr ? NIC_DROP_NONE : NIC_DROP_UPLINK;
}

static enum nic_drop link_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	uplink_ring_push(&link_of(port)->to->ring, meta->len);
	return NIC_DROP_NONE;
}

static void link_rx_done(struct nic_port *port, uint64_t now_ns)
{
	struct link *peer = peer_of(link_of(port));

	(void)now_ns;
	if (peer)
		nic_dp_kick(peer->up.card->dp);
}

static bool link_rx_room(struct nic_port *port, uint32_t len)
{
	struct link *peer = peer_of(link_of(port));

	return !peer || uplink_ring_room(&peer->ring, len);
}

static unsigned link_tx_backlog(const struct nic_port *port)
{
	const struct link *link = (const struct link *)port;

	return uplink_ring_used(&link->ring) / (UPLINK_RING_SIZE / 256);
}

static const struct nic_port_ops link_ops = {
	.tx_poll = link_tx_poll,
	.tx_done = link_tx_done,
	.rx_strips_tag = uplink_strips_tag,
	.rx_buffers = link_rx_buffers,
	.rx_commit = link_rx_commit,
	.rx_done = link_rx_done,
	.rx_room = link_rx_room,
	.tx_backlog = link_tx_backlog,
};

/* ---- pairs ---- */

static const char *link_wrong(const char *rest)
{
	size_t len = strlen(rest);

	return len && len < NIC_NAME_MAX ? NULL
					 : "link:CARD is right, with the other card's name";
}

/* Is that the other end of this? */
static bool fits(const struct link *link, const struct uplink *other)
{
	return other && other->kind == &uplink_link_kind &&
	       !strcmp(((const struct link *)other)->other, link->up.env.card);
}

static int link_open(struct uplink *up, const char *rest, const char **ret_why)
{
	static char why[160];
	struct link *link = (struct link *)up;
	struct uplink *other = NULL;

	(void)rest;
	link->other = up->spec + strlen(up->kind->prefix);
	*ret_why = why;
	if (!strcmp(link->other, up->env.card)) {
		snprintf(why, sizeof(why), "a card has one end of a link, not both");
		return -EINVAL;
	}
	if (up->env.find(up->env.find_arg, link->other, &other) && !fits(link, other)) {
		snprintf(why, sizeof(why), "%s has uplink %.64s, not link:%s", link->other,
			 other ? other->spec : "none", up->env.card);
		return -EBUSY;
	}
	return 0;
}

static void pair(struct link *a, struct link *b)
{
	nic_dp_drop_waiting(a->up.card->dp);
	nic_dp_drop_waiting(b->up.card->dp);
	uplink_ring_reset(&a->ring);
	uplink_ring_reset(&b->ring);
	atomic_store_explicit(&a->peer, b, memory_order_release);
	atomic_store_explicit(&b->peer, a, memory_order_release);
	uplink_attend(&b->up);
}

static bool link_service(struct uplink *up, uint64_t now_ns, uint64_t *ret_wait_ns)
{
	struct link *link = (struct link *)up;
	struct uplink *other = NULL;

	(void)now_ns;
	*ret_wait_ns = UPLINK_NEVER; /* the other end speaks up */
	if (peer_of(link) || !up->card)
		return peer_of(link);
	up->env.find(up->env.find_arg, link->other, &other);
	if (!fits(link, other) || !other->card)
		return false;
	pair(link, (struct link *)other);
	return true;
}

static void link_detach(struct uplink *up)
{
	struct link *link = (struct link *)up, *peer = peer_of(link);

	if (!peer)
		return;
	atomic_store_explicit(&link->peer, NULL, memory_order_release);
	atomic_store_explicit(&peer->peer, NULL, memory_order_release);
	nic_dp_quiesce(link->up.card->dp);
	nic_dp_quiesce(peer->up.card->dp);
	uplink_attend(&peer->up);
}

const struct uplink_kind uplink_link_kind = {
	.prefix = "link:",
	.size = sizeof(struct link),
	.ops = &link_ops,
	.wrong = link_wrong,
	.open = link_open,
	.service = link_service,
	.detach = link_detach,
};
