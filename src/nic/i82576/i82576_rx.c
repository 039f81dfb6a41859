/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive. A frame takes as many descriptors as its bytes need; all are checked before any is
 * used, so a frame is stored whole or not at all. The write-back of a descriptor is two 8-byte
 * stores, the one with DD last.
 */
#include "i82576_queue.h"
#include "net_eth.h"
#include "nic_deliver.h"

#define MAX_BSIZEHDR 960u /* what the 10 bits of the header length can tell */

static void sink_put(struct nic_sink *sink, uint8_t *ptr, uint32_t len)
{
	sink->iov[sink->n].ptr = ptr;
	sink->iov[sink->n++].len = len;
}

/* Adds [addr, addr+len) of guest memory to sink. */
static enum nic_drop sink_add(struct i82576_fn *fn, struct nic_sink *sink, uint64_t addr,
			      uint32_t len)
{
	while (len) {
		uint32_t run = len;
		uint8_t *p = iommu_xlate(fn->dom, addr, &run, IOMMU_WRITE);

		if (!p) {
			i82576_fault(fn, addr, IOMMU_WRITE);
			return NIC_DROP_IOMMU;
		}
		if (sink->n == NIC_SINK_MAX)
			return NIC_DROP_SIZE;
		sink_put(sink, p, run);
		addr += run;
		len -= run;
	}
	return NIC_DROP_NONE;
}

static bool splits(const struct i82576_queue *q)
{
	uint32_t type = FIELD_GET(SRRCTL_DESCTYPE, q->srrctl);

	return type == DESCTYPE_SPLIT || type == DESCTYPE_SPLIT_ALWAYS;
}

/* How many bytes of the frame go to the header buffer (82576 7.1.6), and what hdr_info says of
 * it. */
static uint32_t header_part(const struct i82576_queue *q, const struct nic_rx_meta *meta,
			    uint32_t *ret_info)
{
	uint32_t type = FIELD_GET(SRRCTL_DESCTYPE, q->srrctl);
	uint32_t size = MIN(FIELD_GET(SRRCTL_BSIZEHDR, q->srrctl) * 64, MAX_BSIZEHDR);
	uint32_t hdr = meta->parsed->hdr_len, part = 0;

	*ret_info = 0;
	if (!splits(q))
		return 0;
	if (hdr)
		hdr += meta->tags_len;
	if (meta->parsed->l3 != NET_L3_NONE && hdr <= size && hdr <= meta->len) {
		part = hdr;
		*ret_info = RXD_SPH;
	} else if (type == DESCTYPE_SPLIT_ALWAYS) {
		part = MIN(size, meta->len);
	}
	*ret_info |= FIELD_PREP(RXD_HDR_LEN, part);
	return part;
}

/*
 * Reads want descriptors from index on, as far as they are the card's and lie in one piece, and
 * fetches the first lines of their buffers for writing: the guest's driver had them last, and
 * one after the other they would cost more than all the rest.
 */
static void read_ahead(struct i82576_fn *fn, struct i82576_queue *q, uint32_t index,
		       uint32_t want)
{
	uint32_t end = q->rx.tail > index ? q->rx.tail : q->num, run;
	uint8_t *wb = i82576_queue_desc(fn, q, index, IOMMU_READ | IOMMU_WRITE, &run);

	q->rx.num_ahead = 0;
	if (!wb)
		return;
	want = MIN(MIN(want, I82576_RX_AHEAD), MIN(end - index, run));
	/* And those of the next time. */
	for (uint32_t off = 0; off < MIN(2 * want, run) * DESC_SIZE; off += CACHE_LINE)
		__builtin_prefetch(wb + off, 1);
	for (uint32_t i = 0; i < want; i++) {
		struct i82576_rx_ahead *a = &q->rx.ahead[i];
		uint32_t len = q->rx.size;

		a->wb = wb + i * DESC_SIZE;
		memcpy(a->addr, a->wb, sizeof(a->addr));
		a->ptr = iommu_xlate(fn->dom, a->addr[0] & ~1ull, &len, IOMMU_WRITE);
		if (len < q->rx.size)
			a->ptr = NULL;
		__builtin_prefetch(a->ptr, 1);
	}
	q->rx.ahead_at = index;
	q->rx.num_ahead = want;
}

/* more: descriptors that may be wanted soon. A ring out of reach is one fault, not two. */
static inline const struct i82576_rx_ahead *
ahead_of(struct i82576_fn *fn, struct i82576_queue *q, uint32_t index, uint32_t more)
{
	if (unlikely(index - q->rx.ahead_at >= q->rx.num_ahead) && !q->stalled)
		read_ahead(fn, q, index, more + 1);
	return q->rx.num_ahead ? &q->rx.ahead[index - q->rx.ahead_at] : NULL;
}

static enum nic_drop take_desc(struct i82576_fn *fn, struct i82576_queue *q,
			       const struct i82576_rx_ahead *a, uint32_t hdr, uint32_t len,
			       struct nic_sink *sink)
{
	enum nic_drop r = NIC_DROP_NONE;

	if (!a)
		return NIC_DROP_IOMMU;
	if (!i82576_not_stale(fn, (const uint8_t *)a->addr))
		return NIC_DROP_NODESC;
	q->rx.slot[q->rx.num_slots++] = (struct i82576_rx_slot){a->wb, len};
	if (unlikely(hdr))
		r = sink_add(fn, sink, a->addr[1] & ~1ull, hdr);
	if (r != NIC_DROP_NONE || !len)
		return r;
	if (unlikely(!a->ptr || sink->n == NIC_SINK_MAX))
		return sink_add(fn, sink, a->addr[0] & ~1ull, len);
	sink_put(sink, a->ptr, len);
	return NIC_DROP_NONE;
}

/* Queue i if it is on: its registers are looked at once a round. */
static inline struct i82576_queue *queue_if_on(struct i82576_fn *fn, unsigned i)
{
	struct i82576_queue *q = &fn->rx[i];

	if (i >= fn->num_queues)
		return NULL;
	if (likely(q->rx_live))
		return q;
	if (!i82576_owns(fn, i) || !i82576_queue_follow(fn, q))
		return NULL;
	q->rx_live = true;
	q->rx.tail = i82576_queue_tail(q);
	q->rx.num_ahead = 0;
	q->rx.size = FIELD_GET(SRRCTL_BSIZEPKT, q->srrctl) * 1024;
	if (!q->rx.size)
		q->rx.size = atomic_load_explicit(&fn->default_buffer, memory_order_relaxed);
	return q;
}

/* Descriptors from the head up to i. */
static uint32_t distance(const struct i82576_queue *q, uint32_t i)
{
	return i < q->head ? i + q->num - q->head : i - q->head;
}

/*
 * Has the queue a descriptor at index? The guest may have added some since the round began. A
 * tail that went back, or out of the ring, while a frame takes descriptors adds none.
 */
static inline bool has_desc(struct i82576_queue *q, uint32_t index)
{
	uint32_t tail;

	if (likely(index != q->rx.tail))
		return true;
	tail = i82576_queue_tail(q);
	if (distance(q, tail) <= distance(q, index))
		return false;
	q->rx.tail = tail;
	return true;
}

/* A frame for a queue that is off is lost, as the card has it. */
static struct i82576_queue *rss_queue(struct i82576_fn *fn, const struct i82576_rss *rss,
				      const struct nic_rx_meta *meta)
{
	enum net_rss_used used = NET_RSS_USED_NONE;
	struct i82576_queue *q;
	uint32_t hash = 0;

	if (rss->on)
		hash = net_rss_hash(&rss->key, rss->types, meta->hdr, meta->parsed, &used);
	q = queue_if_on(fn, used == NET_RSS_USED_NONE
				    ? rss->unhashed
				    : rss->queue[hash % ARRAY_SIZE(rss->queue)]);
	if (q) {
		q->rx.rss_type = rss->report ? used : NET_RSS_USED_NONE;
		q->rx.rss_hash = rss->report ? hash : 0;
	}
	return q;
}

/* The first that is on. */
static struct i82576_queue *first_queue(struct i82576_fn *fn)
{
	struct i82576_queue *q = NULL;

	for (unsigned i = 0; i < fn->num_queues && !q; i++)
		q = queue_if_on(fn, i);
	return q;
}

/* The queue a frame goes to. Where no PF driver says anything: the first that is on. */
static struct i82576_queue *rx_queue(struct i82576_fn *fn, const struct nic_rx_meta *meta)
{
	const struct i82576_rss *rss = atomic_load_explicit(&fn->rss, memory_order_acquire);
	struct i82576_queue *q;

	if (rss)
		return rss_queue(fn, rss, meta);
	q = first_queue(fn);
	if (q)
		q->rx.rss_type = q->rx.rss_hash = 0;
	return q;
}

/*
 * The next descriptor, if a frame of len bytes fits its buffer, and that is in one piece. more:
 * how many may be wanted soon. NULL = take_descs will know what to do.
 */
static inline const struct i82576_rx_ahead *
one_buffer(struct i82576_fn *fn, struct i82576_queue *q, uint32_t len, uint32_t more)
{
	const struct i82576_rx_ahead *a;

	if (len > q->rx.size || !has_desc(q, q->head))
		return NULL;
	a = ahead_of(fn, q, q->head, more);
	if (unlikely(!a || !a->ptr || !i82576_not_stale(fn, (const uint8_t *)a->addr)))
		return NULL;
	return a;
}

/* What take_descs does for most frames. Returns false when this is none of them. */
static bool take_one(struct i82576_fn *fn, struct i82576_queue *q,
		     const struct nic_rx_meta *meta, struct nic_sink *sink)
{
	const struct i82576_rx_ahead *a =
		splits(q) ? NULL : one_buffer(fn, q, meta->len, meta->more);

	if (unlikely(!a))
		return false;
	q->rx.slot[q->rx.num_slots++] = (struct i82576_rx_slot){a->wb, meta->len};
	q->rx.hdr_info = 0;
	sink_put(sink, a->ptr, meta->len);
	return true;
}

/* Not inlined: the way of most frames needs the registers. */
static __attribute__((noinline)) enum nic_drop take_descs(struct i82576_fn *fn,
							  struct i82576_queue *q,
							  const struct nic_rx_meta *meta,
							  struct nic_sink *sink)
{
	uint32_t hdr = header_part(q, meta, &q->rx.hdr_info), left = meta->len - hdr;
	uint32_t index = q->head, more = left / q->rx.size + meta->more;

	do {
		uint32_t len = MIN(left, q->rx.size);
		enum nic_drop r;

		if (!has_desc(q, index))
			return NIC_DROP_NODESC;
		if (q->rx.num_slots == NIC_SINK_MAX)
			return NIC_DROP_SIZE;
		r = take_desc(fn, q, ahead_of(fn, q, index, more), hdr, len, sink);
		if (r != NIC_DROP_NONE)
			return r;
		hdr = 0;
		left -= len;
		index = i82576_queue_next(q, index);
	} while (left);
	return NIC_DROP_NONE;
}

/*
 * Everything of the frame before its DD; pairs with the driver's rmb(). A legacy descriptor
 * keeps its first half.
 */
static inline void write_back(const struct i82576_queue *q, const struct i82576_rx_slot *slot,
			      uint64_t low, uint32_t status, uint32_t vlan)
{
	uint64_t high = (uint64_t)(slot->len | vlan << 16) << 32 | status;

	if (FIELD_GET(SRRCTL_DESCTYPE, q->srrctl) == DESCTYPE_LEGACY)
		high = (uint64_t)(vlan << 16 | status >> 24 << 8 | (status & 0xff)) << 32 |
		       slot->len;
	else
		__atomic_store_n((uint64_t *)(void *)slot->wb, low, __ATOMIC_RELAXED);
	__atomic_store_n((uint64_t *)(void *)(slot->wb + 8), high, __ATOMIC_RELEASE);
}

/*
 * A buffer that cannot be reached is used up and reported with a receive error (the IOMMU would
 * swallow the card's posted write): the driver recycles it, and the queue moves on to the next.
 */
static void skip_bad(struct i82576_fn *fn, struct i82576_queue *q)
{
	for (unsigned i = 0; i < q->rx.num_slots; i++) {
		q->rx.slot[i].len = 0;
		write_back(q, &q->rx.slot[i], 0, RXD_DD | RXD_EOP | RXD_RXE, 0);
		q->head = i82576_queue_next(q, q->head);
	}
	i82576_queue_show_head(q);
	i82576_raise(fn, q, false);
}

static bool dma_is_on(const struct i82576_fn *fn)
{
	return atomic_load_explicit(&fn->dma_on, memory_order_acquire);
}

enum nic_drop i82576_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink)
{
	struct i82576_fn *fn = i82576_fn_of(port);
	struct i82576_queue *q;
	enum nic_drop r;

	if (!dma_is_on(fn))
		return NIC_DROP_RXOFF;
	q = rx_queue(fn, meta);
	if (!q)
		return NIC_DROP_RXOFF;
	sink->n = q->rx.num_slots = 0;
	r = take_one(fn, q, meta, sink) ? NIC_DROP_NONE : take_descs(fn, q, meta, sink);
	if (r == NIC_DROP_IOMMU && q->rx.num_slots)
		skip_bad(fn, q);
	q->rx_live = r == NIC_DROP_NONE;
	fn->rx_now = q;
	fn->sink_now = sink;
	return r;
}

static inline uint32_t packet_type(const struct net_parsed *p)
{
	static const uint32_t
		l3[] = {[NET_L3_IPV4] = RXD_PKT_IPV4, [NET_L3_IPV6] = RXD_PKT_IPV6},
		ext[] = {[NET_L3_IPV4] = RXD_PKT_IPV4E, [NET_L3_IPV6] = RXD_PKT_IPV6E},
		l4[] = {[NET_L4_TCP] = RXD_PKT_TCP,
			[NET_L4_UDP] = RXD_PKT_UDP,
			[NET_L4_SCTP] = RXD_PKT_SCTP};

	return l3[p->l3] | l4[p->l4] | (unlikely(p->ext_headers) ? ext[p->l3] : 0);
}

static inline uint32_t status_word(const struct nic_rx_meta *meta)
{
	uint32_t s = RXD_DD | RXD_EOP;

	if (meta->tagged && !meta->tag_in_bytes)
		s |= RXD_VP;
	if (meta->ip_checked)
		s |= RXD_IPCS | (meta->ip_ok ? 0 : RXD_IPE);
	if (meta->l4_checked) {
		s |= RXD_L4CS | (meta->parsed->l4 == NET_L4_UDP ? RXD_UDPCS : 0);
		s |= meta->l4_ok ? 0 : RXD_L4E;
	}
	return s;
}

/* Word 0 and 1 of a frame's first descriptor. */
static inline uint64_t first_words(const struct i82576_queue *q, const struct nic_rx_meta *meta)
{
	return (uint64_t)q->rx.rss_hash << 32 | packet_type(meta->parsed) | q->rx.hdr_info |
	       q->rx.rss_type;
}

/* The slot's descriptor, which is the queue's first, is the guest's again. */
static inline void give_back(struct i82576_queue *q, const struct i82576_rx_slot *slot,
			     uint64_t low, uint32_t status, uint32_t vlan)
{
	write_back(q, slot, low, status, vlan);
	q->head = i82576_queue_next(q, q->head);
}

/* The VLAN word. */
static inline uint32_t tag_of(const struct nic_rx_meta *meta)
{
	return meta->tagged && !meta->tag_in_bytes ? meta->tci : 0;
}

enum nic_drop i82576_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct i82576_fn *fn = i82576_fn_of(port);
	struct i82576_queue *q = fn->rx_now;
	const struct i82576_rx_slot *slot = q->rx.slot, *last = &slot[q->rx.num_slots - 1];
	uint64_t low = first_words(q, meta);
	uint32_t status = status_word(meta), vlan = tag_of(meta);

	if (fn->ops && fn->ops->received)
		status |= fn->ops->received(fn, meta, fn->sink_now);
	for (; slot < last; slot++) {
		give_back(q, slot, low, RXD_DD, 0);
		low = 0;
	}
	give_back(q, last, low, status, vlan);
	q->rx_ring = true;
	return NIC_DROP_NONE;
}

/* Frames that came without being asked for buffers first. None: nobody may tell rx_done. */
static unsigned took(struct i82576_queue *q, unsigned n)
{
	q->rx_ring |= n > 0;
	q->rx_live = n > 0;
	return n;
}

unsigned i82576_rx_series(struct nic_port *port, struct nic_rx_meta *meta, unsigned n,
			  void (*store)(struct nic_rx_meta *meta, uint8_t *to))
{
	struct i82576_fn *fn = i82576_fn_of(port);
	struct i82576_queue *q = dma_is_on(fn) ? rx_queue(fn, meta) : NULL;
	uint32_t most = meta->len, status = status_word(meta), vlan = tag_of(meta);
	uint64_t low;
	unsigned i;

	if (!q || splits(q) || (fn->ops && fn->ops->received))
		return 0;
	q->rx.hdr_info = 0;
	low = first_words(q, meta);
	for (i = 0; i < n; i++) {
		const struct i82576_rx_ahead *a =
			one_buffer(fn, q, most, n - 1 - i + meta->more);
		struct i82576_rx_slot slot;

		if (unlikely(!a))
			break;
		slot.wb = a->wb;
		store(meta, a->ptr);
		slot.len = meta->len;
		give_back(q, &slot, low, status, vlan);
	}
	return took(q, i);
}

/* The queue for a run: where no frame's bytes decide, and each takes one plain buffer. */
static struct i82576_queue *run_queue(struct i82576_fn *fn)
{
	struct i82576_queue *q;
	uint32_t type;

	if (!dma_is_on(fn) || atomic_load_explicit(&fn->rss, memory_order_acquire) ||
	    (fn->ops && fn->ops->received))
		return NULL;
	q = first_queue(fn);
	type = q ? FIELD_GET(SRRCTL_DESCTYPE, q->srrctl) : DESCTYPE_LEGACY;
	return type == DESCTYPE_ONEBUF ? q : NULL;
}

static void put(struct i82576_queue *q, const struct i82576_rx_ahead *a,
		const struct nic_frame *f)
{
	struct i82576_rx_slot slot = {.wb = a->wb};
	struct net_parsed parsed;
	struct nic_rx_meta meta;

	nic_deliver_at(a->ptr, f, &meta, &parsed);
	slot.len = meta.len;
	give_back(q, &slot, packet_type(&parsed), status_word(&meta), 0);
}

unsigned i82576_rx_run(struct nic_port *port, const struct nic_frame *frames, unsigned n,
		       uint32_t max)
{
	struct i82576_fn *fn = i82576_fn_of(port);
	struct i82576_queue *q = run_queue(fn);
	unsigned i;

	if (!q)
		return 0;
	for (i = 0; i < n && frames[i].len <= max; i++) {
		const struct i82576_rx_ahead *a = one_buffer(fn, q, frames[i].len, n - 1 - i);

		if (unlikely(!a))
			break;
		put(q, a, &frames[i]);
	}
	return took(q, i);
}

void i82576_rx_done(struct nic_port *port, uint64_t now_ns)
{
	struct i82576_fn *fn = i82576_fn_of(port);

	(void)now_ns;
	for (unsigned i = 0; i < fn->num_queues; i++) {
		/* Also of one that was looked at and received nothing. */
		fn->rx[i].rx_live = false;
		if (!fn->rx[i].rx_ring)
			continue;
		fn->rx[i].rx_ring = false;
		i82576_queue_show_head(&fn->rx[i]);
		i82576_raise(fn, &fn->rx[i], false);
	}
}
