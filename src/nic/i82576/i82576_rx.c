/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Receive. A frame takes as many descriptors as its bytes need; all are checked before any is
 * used, so a frame is stored whole or not at all. The write-back of a descriptor is two 8-byte
 * stores, the one with DD last.
 */
#include "clock.h"
#include "i82576_queue.h"
#include "net_eth.h"

#define DEFAULT_BSIZEPKT 2048u
#define MAX_BSIZEHDR	 960u /* what the 10 bits of the header length can tell */

/* Adds [addr, addr+len) of guest memory to sink. */
static enum nic_drop sink_add(struct i82576_vf *vf, struct nic_sink *sink, uint64_t addr,
			      uint32_t len)
{
	while (len) {
		uint32_t run = len;
		uint8_t *p = iommu_xlate(vf->dom, addr, &run, IOMMU_WRITE);

		if (!p) {
			i82576_fault(vf, addr, IOMMU_WRITE);
			return NIC_DROP_IOMMU;
		}
		if (sink->n == NIC_SINK_MAX)
			return NIC_DROP_SIZE;
		sink->iov[sink->n].ptr = p;
		sink->iov[sink->n++].len = run;
		addr += run;
		len -= run;
	}
	return NIC_DROP_NONE;
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
	if (type != DESCTYPE_SPLIT && type != DESCTYPE_SPLIT_ALWAYS)
		return 0;
	if (meta->tag_in_bytes && hdr)
		hdr += NET_VLAN_HLEN;
	if (meta->parsed->l3 != NET_L3_NONE && hdr <= size && hdr <= meta->len) {
		part = hdr;
		*ret_info = RXD_SPH;
	} else if (type == DESCTYPE_SPLIT_ALWAYS) {
		part = MIN(size, meta->len);
	}
	*ret_info |= FIELD_PREP(RXD_HDR_LEN, part);
	return part;
}

static enum nic_drop take_desc(struct i82576_vf *vf, struct i82576_queue *q, uint32_t index,
			       uint32_t hdr, uint32_t len, struct nic_sink *sink)
{
	struct i82576_rx_slot *slot = &q->rx.slot[q->rx.num_slots];
	uint64_t addr[2];
	uint32_t run;
	enum nic_drop r = NIC_DROP_NONE;

	if (q->rx.num_slots == NIC_SINK_MAX)
		return NIC_DROP_SIZE;
	slot->wb = i82576_queue_desc(vf, q, index, IOMMU_READ | IOMMU_WRITE, &run);
	if (!slot->wb)
		return NIC_DROP_IOMMU;
	memcpy(addr, slot->wb, sizeof(addr));
	if (!i82576_not_stale(vf, (const uint8_t *)addr))
		return NIC_DROP_NODESC;
	slot->len = len;
	q->rx.num_slots++;
	if (hdr)
		r = sink_add(vf, sink, addr[1] & ~1ull, hdr);
	if (r == NIC_DROP_NONE && len)
		r = sink_add(vf, sink, addr[0] & ~1ull, len);
	return r;
}

/* The queue a frame goes to: the first that is on (RSS between a VF's two queues is the PF's to
 * enable). */
static struct i82576_queue *rx_queue(struct i82576_vf *vf)
{
	for (unsigned i = 0; i < I82576_VF_QUEUES; i++)
		if (i82576_queue_follow(vf, &vf->rx[i]))
			return &vf->rx[i];
	return NULL;
}

static enum nic_drop take_descs(struct i82576_vf *vf, struct i82576_queue *q,
				const struct nic_rx_meta *meta, struct nic_sink *sink)
{
	uint32_t size = FIELD_GET(SRRCTL_BSIZEPKT, q->srrctl) * 1024;
	uint32_t hdr = header_part(q, meta, &q->rx.hdr_info), left = meta->len - hdr;
	uint32_t index = q->head, tail = i82576_queue_tail(q);

	if (!size)
		size = DEFAULT_BSIZEPKT;
	q->rx.num_slots = 0;
	do {
		uint32_t len = MIN(left, size);
		enum nic_drop r;

		if (index == tail)
			return NIC_DROP_NODESC;
		r = take_desc(vf, q, index, hdr, len, sink);
		if (r != NIC_DROP_NONE)
			return r;
		hdr = 0;
		left -= len;
		index = i82576_queue_next(q, index);
	} while (left);
	return NIC_DROP_NONE;
}

/*
 * A buffer that cannot be reached is used up and reported with a receive error (the IOMMU would
 * swallow the card's posted write): the driver recycles it, and the queue moves on to the next.
 */
static void skip_bad(struct i82576_vf *vf, struct i82576_queue *q)
{
	for (unsigned i = 0; i < q->rx.num_slots; i++) {
		__atomic_store_n((uint64_t *)(void *)q->rx.slot[i].wb, 0, __ATOMIC_RELAXED);
		__atomic_store_n((uint64_t *)(void *)(q->rx.slot[i].wb + 8),
				 (uint64_t)(RXD_DD | RXD_EOP | RXD_RXE), __ATOMIC_RELEASE);
		q->head = i82576_queue_next(q, q->head);
	}
	i82576_queue_show_head(q);
	i82576_raise(vf, i82576_ivar0(vf) >> (16 * q->index), clock_ns());
}

enum nic_drop i82576_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink)
{
	struct i82576_vf *vf = i82576_vf_of(port);
	struct i82576_queue *q;
	enum nic_drop r;

	if (!atomic_load_explicit(&vf->dma_on, memory_order_acquire))
		return NIC_DROP_RXOFF;
	q = rx_queue(vf);
	if (!q)
		return NIC_DROP_RXOFF;
	sink->n = 0;
	r = take_descs(vf, q, meta, sink);
	if (r == NIC_DROP_IOMMU && q->rx.num_slots)
		skip_bad(vf, q);
	vf->rx_now = q;
	return r;
}

static uint32_t packet_type(const struct net_parsed *p)
{
	uint32_t t = 0;

	if (p->l3 == NET_L3_IPV4)
		t |= RXD_PKT_IPV4 | (p->ext_headers ? RXD_PKT_IPV4E : 0);
	if (p->l3 == NET_L3_IPV6)
		t |= RXD_PKT_IPV6 | (p->ext_headers ? RXD_PKT_IPV6E : 0);
	if (p->l4 == NET_L4_TCP)
		t |= RXD_PKT_TCP;
	if (p->l4 == NET_L4_UDP)
		t |= RXD_PKT_UDP;
	if (p->l4 == NET_L4_SCTP)
		t |= RXD_PKT_SCTP;
	return t;
}

static uint32_t status_word(const struct nic_rx_meta *meta)
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

enum nic_drop i82576_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta)
{
	struct i82576_vf *vf = i82576_vf_of(port);
	struct i82576_queue *q = vf->rx_now;
	uint32_t info = packet_type(meta->parsed) | q->rx.hdr_info;
	uint32_t status = status_word(meta);
	uint32_t vlan = status & RXD_VP ? (uint32_t)meta->tci << 16 : 0;

	for (unsigned i = 0; i < q->rx.num_slots; i++) {
		const struct i82576_rx_slot *slot = &q->rx.slot[i];
		bool last = i + 1 == q->rx.num_slots;
		uint64_t high = (uint64_t)(slot->len | (last ? vlan : 0)) << 32 |
				(last ? status : RXD_DD);

		__atomic_store_n((uint64_t *)(void *)slot->wb, i ? 0 : info, __ATOMIC_RELAXED);
		/* Everything of this frame before its DD; pairs with the driver's rmb(). */
		__atomic_store_n((uint64_t *)(void *)(slot->wb + 8), high, __ATOMIC_RELEASE);
		q->head = i82576_queue_next(q, q->head);
	}
	i82576_queue_show_head(q);
	q->rx_ring = true;
	return NIC_DROP_NONE;
}

void i82576_rx_done(struct nic_port *port, uint64_t now_ns)
{
	struct i82576_vf *vf = i82576_vf_of(port);

	for (unsigned i = 0; i < I82576_VF_QUEUES; i++) {
		if (!vf->rx[i].rx_ring)
			continue;
		vf->rx[i].rx_ring = false;
		i82576_raise(vf, i82576_ivar0(vf) >> (16 * i), now_ns);
	}
}
