/* SPDX-License-Identifier: BSD-3-Clause */
/* nic_capture.c - one producer, one consumer; head and tail count bytes for ever. */
#include "nic_capture.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "net_eth.h"

#define ADDRESSES (2u * NET_ETH_ALEN)

static_assert((NIC_CAPTURE_RING & (NIC_CAPTURE_RING - 1)) == 0, "the ring is a power of two");
static_assert(NIC_CAPTURE_RING > 4 * NIC_CAPTURE_SNAP, "a few of the longest frames fit");

struct nic_capture {
	struct nic_capture_params params;
	_Alignas(CACHE_LINE) _Atomic uint64_t head; /* producer's, release */
	_Atomic uint64_t lost;			    /* producer's */
	_Alignas(CACHE_LINE) _Atomic uint64_t tail; /* consumer's, release */
	uint8_t ring[NIC_CAPTURE_RING];
};

int nic_capture_new(const struct nic_capture_params *params, struct nic_capture **ret_capture)
{
	struct nic_capture *c =
		aligned_alloc(CACHE_LINE, ALIGN_UP(sizeof(*c), (size_t)CACHE_LINE));

	if (!c)
		return -ENOMEM;
	c->params = *params;
	if (!c->params.snaplen || c->params.snaplen > NIC_CAPTURE_SNAP)
		c->params.snaplen = NIC_CAPTURE_SNAP;
	atomic_init(&c->head, 0);
	atomic_init(&c->tail, 0);
	atomic_init(&c->lost, 0);
	*ret_capture = c;
	return 0;
}

void nic_capture_free(struct nic_capture *capture)
{
	free(capture);
}

uint64_t nic_capture_lost(const struct nic_capture *capture)
{
	return nic_counter(&capture->lost);
}

static bool is_of(const struct nic_capture_params *p, const struct nic_port *port)
{
	if (p->uplink)
		return port->is_uplink;
	return !p->port || p->port == port;
}

bool nic_capture_wants(const struct nic_capture_set *set, const struct nic_port *port)
{
	for (unsigned i = 0; i < set->num; i++)
		if (is_of(&set->list[i]->params, port))
			return true;
	return false;
}

/* ---- producer ---- */

/* Where the next byte of the record under way goes, and how many may. */
struct writer {
	struct nic_capture *c;
	uint64_t at;
	uint32_t left;
};

static void put(struct writer *w, const void *bytes, uint32_t len)
{
	uint32_t off = (uint32_t)(w->at % NIC_CAPTURE_RING), first;

	len = MIN(len, w->left);
	first = MIN(len, NIC_CAPTURE_RING - off);
	memcpy(w->c->ring + off, bytes, first);
	memcpy(w->c->ring, (const uint8_t *)bytes + first, len - first);
	w->at += len;
	w->left -= len;
}

/* Writes the record's head and leaves room for its bytes. False: it is lost. */
static bool begin(struct nic_capture *c, struct nic_capture_rec *rec, struct writer *w)
{
	uint64_t head = atomic_load_explicit(&c->head, memory_order_relaxed);
	/* Acquire, with the release in read: the consumer has copied what we write over. */
	uint64_t tail = atomic_load_explicit(&c->tail, memory_order_acquire);

	rec->cap_len = MIN(rec->orig_len, c->params.snaplen);
	rec->lost = nic_counter(&c->lost);
	if (NIC_CAPTURE_RING - (head - tail) < sizeof(*rec) + rec->cap_len) {
		nic_count(&c->lost, 1);
		return false;
	}
	*w = (struct writer){c, head, sizeof(*rec)};
	put(w, rec, sizeof(*rec));
	w->left = rec->cap_len;
	return true;
}

static void end(const struct writer *w)
{
	assert(w->left == 0);
	atomic_store_explicit(&w->c->head, w->at, memory_order_release);
}

static void put_tag(struct writer *w, uint16_t type, uint16_t tci)
{
	uint8_t tag[NET_VLAN_HLEN];

	put_be16(tag, type);
	put_be16(tag + 2, tci);
	put(w, tag, sizeof(tag));
}

static void put_frame(struct writer *w, const struct nic_frame *f)
{
	bool tags = f->tagged || f->svlan;
	uint32_t first = tags ? MIN(f->hdr_len, ADDRESSES) : 0;

	put(w, f->hdr, first);
	if (f->svlan)
		put_tag(w, NET_ETH_P_QINQ, f->stci);
	if (f->tagged)
		put_tag(w, NET_ETH_P_VLAN, f->tci);
	put(w, f->hdr + first, f->hdr_len - first);
	for (unsigned i = 0; i < f->num_segs && w->left; i++)
		put(w, f->segs[i].ptr, f->segs[i].len);
}

/* Of a frame that was given up half-way, what there is. */
static uint32_t bytes_there(const struct nic_frame *f)
{
	uint32_t len =
		f->hdr_len + (f->tagged ? NET_VLAN_HLEN : 0u) + (f->svlan ? NET_VLAN_HLEN : 0u);

	for (unsigned i = 0; i < f->num_segs; i++)
		len += f->segs[i].len;
	return len;
}

static bool takes(const struct nic_capture *c, const struct nic_port *port,
		  enum nic_drop reason)
{
	return is_of(&c->params, port) && (reason != NIC_DROP_NONE || !c->params.drops);
}

void nic_capture_frame(const struct nic_port *port, const struct nic_frame *f, bool received,
		       enum nic_drop reason, uint32_t frames)
{
	const struct nic_capture_set *set = port->captures;
	struct nic_capture_rec rec = {.time_ns = clock_ns(),
				      .orig_len = f ? bytes_there(f) : 0,
				      .frames = frames,
				      .port = port->index,
				      .reason = (uint8_t)reason,
				      .received = received};
	struct writer w;

	for (unsigned i = 0; i < set->num; i++) {
		if (!takes(set->list[i], port, reason) || !begin(set->list[i], &rec, &w))
			continue;
		if (f)
			put_frame(&w, f);
		end(&w);
	}
}

/* The buffers in order, with the tag that the receiver took out where it was. */
static void put_buffers(struct writer *w, const struct nic_sink *sink,
			const struct nic_rx_meta *meta)
{
	bool tag = meta->tagged && !meta->tag_in_bytes;
	uint32_t before = tag ? ADDRESSES : 0;

	for (unsigned i = 0; i < sink->n; i++) {
		uint32_t n = MIN(sink->iov[i].len, before);

		put(w, sink->iov[i].ptr, n);
		before -= n;
		if (tag && !before) {
			put_tag(w, NET_ETH_P_VLAN, meta->tci);
			tag = false;
		}
		put(w, sink->iov[i].ptr + n, sink->iov[i].len - n);
	}
}

void nic_capture_buffers(const struct nic_port *port, const struct nic_sink *sink,
			 const struct nic_rx_meta *meta)
{
	const struct nic_capture_set *set = port->captures;
	struct nic_capture_rec rec = {
		.time_ns = clock_ns(),
		.orig_len =
			meta->len + (meta->tagged && !meta->tag_in_bytes ? NET_VLAN_HLEN : 0u),
		.frames = 1,
		.port = port->index,
		.received = true};
	struct writer w;

	for (unsigned i = 0; i < set->num; i++) {
		if (!takes(set->list[i], port, NIC_DROP_NONE) || !begin(set->list[i], &rec, &w))
			continue;
		put_buffers(&w, sink, meta);
		end(&w);
	}
}

/* ---- consumer ---- */

static void take(const struct nic_capture *c, uint64_t at, void *bytes, uint32_t len)
{
	uint32_t off = (uint32_t)(at % NIC_CAPTURE_RING), first;

	first = MIN(len, NIC_CAPTURE_RING - off);
	memcpy(bytes, c->ring + off, first);
	memcpy((uint8_t *)bytes + first, c->ring, len - first);
}

bool nic_capture_read(struct nic_capture *capture, struct nic_capture_rec *ret_rec,
		      uint8_t *buf)
{
	uint64_t tail = atomic_load_explicit(&capture->tail, memory_order_relaxed);
	/* Acquire, with the release in end: the record is written before head shows it. */
	uint64_t head = atomic_load_explicit(&capture->head, memory_order_acquire);

	if (tail == head)
		return false;
	take(capture, tail, ret_rec, sizeof(*ret_rec));
	take(capture, tail + sizeof(*ret_rec), buf, ret_rec->cap_len);
	atomic_store_explicit(&capture->tail, tail + sizeof(*ret_rec) + ret_rec->cap_len,
			      memory_order_release);
	return true;
}
