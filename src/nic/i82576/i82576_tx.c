/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Transmit. Descriptors are copied to a local array first, then judged, then used. A frame is
 * taken only when its last descriptor (EOP) has been announced; until then the head stays at
 * its first one, as the card waits, too. What makes no frame is consumed, counted and dropped,
 * and the queue goes on.
 */
#include "copy.h"
#include "i82576_queue.h"
#include "net_eth.h"
#include "nic_capture.h"

/* One poll's payload: keeps a round short for the others. */
#define BURST_BYTES  (256u * 1024u)
#define MAX_CHAIN    40u /* data descriptors of one frame (Linux: 17 fragments + head) */
#define IP4_HLEN     20u
#define TCP_CSUM_OFF 16u
#define UDP_CSUM_OFF 6u
/* Of one frame, for the same reason: 256 KiB at MSS 48, Linux' least, are 5462. */
#define MAX_SEGMENTS 8192u

struct desc {
	uint64_t addr;
	uint32_t cmd; /* word 2 */
	uint32_t sta; /* word 3 */
};

/* A poll of one queue. */
struct fetch {
	struct i82576_fn *fn;
	struct i82576_queue *q;
	struct nic_burst *burst;
	uint32_t num; /* valid in desc[] */
	uint32_t bytes;
	struct desc desc[I82576_TX_FETCH];
	/* Where the buffers of desc[] are, as far as looked up; NULL = out of reach, or in
	 * pieces.
	 */
	const uint8_t *at[I82576_TX_FETCH];
	uint32_t num_at;
};

static bool is_context(const struct desc *d)
{
	return (d->cmd & TXD_DEXT) && FIELD_GET(TXD_DTYP, d->cmd) == DTYP_CONTEXT;
}

/* Copies up to I82576_TX_FETCH announced descriptors. */
static void fetch_descs(struct fetch *f, uint32_t tail)
{
	struct i82576_queue *q = f->q;
	uint32_t i = q->head;

	while (f->num < I82576_TX_FETCH && i != tail) {
		uint32_t want = MIN((tail > i ? tail : q->num) - i, I82576_TX_FETCH - f->num),
			 run;
		const uint8_t *p = i82576_queue_desc(f->fn, q, i, IOMMU_READ, &run);

		if (!p)
			return;
		run = MIN(run, want);
		for (uint32_t k = 0; k < run; k++)
			copy_16((uint8_t *)&f->desc[f->num++], p + k * DESC_SIZE);
		i = (i + run) % q->num;
	}
}

/*
 * Looks up the buffers of as many frames as one burst takes, and fetches what the snapshots
 * will read: the guest's driver had these lines last, and one after the other they would cost
 * more than all the rest.
 */
static void locate(struct fetch *f)
{
	unsigned frames = 0;
	uint32_t i;

	for (i = 0; i < f->num && frames < NIC_BURST; i++) {
		const struct desc *d = &f->desc[i];
		uint32_t len = d->cmd & TXD_LEN, run = len;

		f->at[i] = NULL;
		if (is_context(d))
			continue;
		frames += d->cmd & TXD_EOP ? 1 : 0;
		f->at[i] = iommu_xlate(f->fn->dom, d->addr, &run, IOMMU_READ);
		if (run < len)
			f->at[i] = NULL;
		__builtin_prefetch(f->at[i]);
	}
	f->num_at = i;
}

/* Which of the queue's. */
static unsigned context_of(const struct desc *d)
{
	return FIELD_GET(TXD_IDX, d->sta) & 1;
}

static void store_context(struct i82576_queue *q, const struct desc *d)
{
	struct i82576_context *c = &q->tx.ctx[context_of(d)];

	c->vlan_macip_lens = (uint32_t)d->addr;
	c->seqnum = (uint32_t)(d->addr >> 32);
	c->type_tucmd = d->cmd;
	c->mss_l4len_idx = d->sta;
}

static void offload_from(const struct i82576_context *c, const struct desc *d,
			 struct net_offload *off)
{
	static const uint8_t l4[] = {[L4T_UDP] = NET_L4_UDP,
				     [L4T_TCP] = NET_L4_TCP,
				     [L4T_SCTP] = NET_L4_SCTP,
				     [3] = NET_L4_NONE};

	off->tso = d->cmd & TXD_TSE;
	off->ip_csum = d->sta & TXD_IXSM || (off->tso && c->type_tucmd & CTX_IPV4);
	off->l4_csum = d->sta & TXD_TXSM || off->tso;
	off->l2_len = (uint16_t)FIELD_GET(CTX_MACLEN, c->vlan_macip_lens);
	off->l3_len = (uint16_t)FIELD_GET(CTX_IPLEN, c->vlan_macip_lens);
	off->l4_len = (uint16_t)FIELD_GET(CTX_L4LEN, c->mss_l4len_idx);
	off->mss = (uint16_t)FIELD_GET(CTX_MSS, c->mss_l4len_idx);
	off->l3 = c->type_tucmd & CTX_IPV4 ? NET_L3_IPV4 : NET_L3_IPV6;
	off->l4 = l4[FIELD_GET(CTX_L4T, c->type_tucmd)];
	if (off->ip_csum)
		off->l3 = NET_L3_IPV4;
}

/*
 * Checksum insertion of a legacy descriptor: two offsets, and no word of what lies there.
 * TCP's and UDP's fields are known by their distance; other sums are not made. The lengths of
 * L2 and L3 only have to add up to where the sum begins.
 */
static void legacy_offload(const struct desc *d, struct net_offload *off)
{
	uint32_t start = FIELD_GET(TXD_CSS, d->sta), field = FIELD_GET(TXD_CSO, d->cmd);

	if (start < NET_ETH_HLEN + IP4_HLEN)
		return;
	if (field == start + TCP_CSUM_OFF)
		off->l4 = NET_L4_TCP;
	else if (field == start + UDP_CSUM_OFF)
		off->l4 = NET_L4_UDP;
	else
		return;
	off->l4_csum = true;
	off->l3_len = IP4_HLEN;
	off->l2_len = (uint16_t)(start - IP4_HLEN);
}

/* What the first data descriptor asks for. */
static void frame_requests(const struct i82576_queue *q, const struct desc *d,
			   struct nic_frame *fr)
{
	const struct i82576_context *c = &q->tx.ctx[context_of(d)];
	bool adv = d->cmd & TXD_DEXT;

	fr->off = (struct net_offload){0};
	if (adv && (d->sta & (TXD_IXSM | TXD_TXSM) || d->cmd & TXD_TSE))
		offload_from(c, d, &fr->off);
	else if (!adv && d->cmd & TXD_IC)
		legacy_offload(d, &fr->off);
	fr->tagged = d->cmd & TXD_VLE;
	if (fr->tagged)
		fr->tci = (uint16_t)(adv ? FIELD_GET(CTX_VLAN, c->vlan_macip_lens)
					 : d->sta >> 16);
}

static bool add_seg(struct nic_burst *b, struct nic_frame *fr, const uint8_t *p, uint32_t len)
{
	if (b->num_segs == NIC_BURST_SEGS)
		return false;
	b->seg[b->num_segs++] = (struct nic_seg){p, len};
	fr->num_segs++;
	fr->len += len;
	return true;
}

/* len bytes at p: the header snapshot is filled first (up to want), the rest is a segment. */
static enum nic_drop add_piece(struct fetch *f, struct nic_frame *fr, const uint8_t *p,
			       uint32_t len, uint32_t want)
{
	uint32_t n = MIN(len, want - fr->hdr_len);

#ifdef LADON_BREAK_SNAPSHOT
	fr->guest = fr->hdr_len ? fr->guest : p;
#endif
	copy_small(fr->hdr + fr->hdr_len, p, n);
	fr->hdr_len = (uint16_t)(fr->hdr_len + n);
	fr->len += n;
	if (len > n && !add_seg(f->burst, fr, p + n, len - n))
		return NIC_DROP_MALFORMED;
	return fr->len > NIC_FRAME_MAX ? NIC_DROP_MALFORMED : NIC_DROP_NONE;
}

/* A buffer that was not looked up, or is not in one piece. */
static enum nic_drop add_pieces(struct fetch *f, struct nic_frame *fr, uint64_t addr,
				uint32_t len, uint32_t want)
{
	while (len) {
		uint32_t run = len;
		const uint8_t *p = iommu_xlate(f->fn->dom, addr, &run, IOMMU_READ);
		enum nic_drop r;

		if (!p) {
			i82576_fault(f->fn, addr, IOMMU_READ);
			return NIC_DROP_IOMMU;
		}
		r = add_piece(f, fr, p, run, want);
		if (r != NIC_DROP_NONE)
			return r;
		addr += run;
		len -= run;
	}
	return NIC_DROP_NONE;
}

/* The buffer of desc[i]. */
static enum nic_drop add_buffer(struct fetch *f, struct nic_frame *fr, uint32_t i,
				uint32_t want)
{
	uint32_t len = f->desc[i].cmd & TXD_LEN;

	if (len == 0)
		return NIC_DROP_MALFORMED;
	if (likely(i < f->num_at && f->at[i]))
		return add_piece(f, fr, f->at[i], len, want);
	return add_pieces(f, fr, f->desc[i].addr, len, want);
}

static uint32_t snapshot_len(const struct net_offload *off)
{
	if (off->tso)
		return (uint32_t)off->l2_len + off->l3_len + off->l4_len;
	return off->l4_csum || off->ip_csum ? NIC_HDR_MAX : NIC_HDR_PLAIN;
}

/* Is the assembled frame one the card would send? */
static bool frame_ok(const struct nic_frame *fr, uint32_t want)
{
	const struct net_offload *off = &fr->off;

	if (fr->hdr_len < NET_ETH_HLEN)
		return false;
	/* Half a tag: padding would make a whole one of it, past the judgement of its VLAN. */
	if (fr->hdr_len < NET_ETH_HLEN + NET_VLAN_HLEN &&
	    (get_be16(fr->hdr + 12) == NET_ETH_P_VLAN ||
	     get_be16(fr->hdr + 12) == NET_ETH_P_QINQ))
		return false;
	if (off->tso)
		return fr->hdr_len == want && fr->len > fr->hdr_len &&
		       net_offload_valid(off, fr->hdr_len) &&
		       net_tso_count(off, fr->len - fr->hdr_len) <= MAX_SEGMENTS;
	if (fr->len > NIC_JUMBO_MAX)
		return false;
	return !(off->ip_csum || off->l4_csum) || net_offload_valid(off, fr->hdr_len);
}

/*
 * Builds the frame of desc[first ... last] (contexts already stored). Returns why it is none,
 * or NONE. In TSO the snapshot is the header block to the byte; a tag in the bytes is part of
 * l2_len until lifted.
 */
static enum nic_drop build_frame(struct fetch *f, struct nic_frame *fr, uint32_t first,
				 uint32_t last)
{
	uint32_t want;
	bool tag_in_bytes;

	frame_requests(f->q, &f->desc[first], fr);
	fr->len = fr->hdr_len = fr->num_segs = 0;
	fr->segs = &f->burst->seg[f->burst->num_segs];
	fr->local = true;
	fr->csum_valid = false;
	want = snapshot_len(&fr->off);
	if (want < NET_ETH_HLEN || want > NIC_HDR_MAX || last - first >= MAX_CHAIN)
		return NIC_DROP_MALFORMED;
	for (uint32_t i = first; i <= last; i++) {
		enum nic_drop r = add_buffer(f, fr, i, want);

		if (r != NIC_DROP_NONE)
			return r;
	}
	tag_in_bytes = !fr->tagged;
	nic_frame_lift_tag(fr);
	if (tag_in_bytes && fr->tagged && fr->off.tso)
		want -= NET_VLAN_HLEN;
	return frame_ok(fr, want) ? NIC_DROP_NONE : NIC_DROP_MALFORMED;
}

/* Finds the EOP of the frame that begins at desc[first]. Returns f->num when it is not there
 * yet. */
static uint32_t find_eop(const struct fetch *f, uint32_t first)
{
	uint32_t i = first;

	while (i < f->num && !is_context(&f->desc[i]) && !(f->desc[i].cmd & TXD_EOP))
		i++;
	return i;
}

/* Only an advanced descriptor can ask for a time stamp. */
static void tell_sending(const struct fetch *f, const struct nic_frame *fr, uint32_t cmd)
{
	const struct i82576_fn_ops *ops = f->fn->ops;

	if (ops && ops->sending)
		ops->sending(f->fn, fr, cmd & TXD_DEXT && cmd & TXD_2STEP);
}

/* Before fr the burst had segs pieces of payload. */
static void lose(struct fetch *f, const struct nic_frame *fr, enum nic_drop r, uint32_t segs)
{
	nic_lose_tx(&f->fn->port, fr, r, 1);
	f->burst->num_segs = segs;
}

static void take_frame(struct fetch *f, uint32_t first, uint32_t last)
{
	struct nic_frame *fr = &f->burst->frame[f->burst->n];
	uint32_t segs = f->burst->num_segs;
	enum nic_drop r = build_frame(f, fr, first, last);

	if (r != NIC_DROP_NONE) {
		lose(f, fr, r, segs);
		return;
	}
	f->burst->n++;
	f->bytes += fr->len;
	tell_sending(f, fr, f->desc[first].cmd);
}

/* Shorter ones need frame_ok: when a tag is lifted, half a tag may be left. */
#define PLAIN_MIN (NET_ETH_HLEN + 2 * NET_VLAN_HLEN)

/* Is desc[i] a whole frame in one piece of memory, neither to be cut nor tagged? What most are.
 */
static bool is_plain(const struct fetch *f, uint32_t i)
{
	const struct desc *d = &f->desc[i];
	uint32_t len = d->cmd & TXD_LEN;

	return (d->cmd & (TXD_DEXT | TXD_DTYP | TXD_EOP | TXD_TSE | TXD_VLE)) ==
		       (TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_DATA) | TXD_EOP) &&
	       len >= PLAIN_MIN && len <= NIC_JUMBO_MAX && i < f->num_at && f->at[i] &&
	       !f->q->tx.skipping && !f->fn->ops;
}

/* What take_frame would make of it. */
static void take_plain(struct fetch *f, uint32_t i)
{
	const struct desc *d = &f->desc[i];
	struct nic_burst *b = f->burst;
	struct nic_frame *fr = &b->frame[b->n];
	uint32_t len = d->cmd & TXD_LEN, n = NIC_HDR_PLAIN, segs = b->num_segs;
	bool asks = d->sta & (TXD_IXSM | TXD_TXSM);

	fr->off = (struct net_offload){0};
	if (unlikely(asks)) {
		offload_from(&f->q->tx.ctx[context_of(d)], d, &fr->off);
		n = snapshot_len(&fr->off);
	}
	n = MIN(len, n);
	fr->len = len;
	fr->hdr_len = (uint16_t)n;
	fr->num_segs = 0;
	if (len > n) {
		b->seg[b->num_segs] = (struct nic_seg){f->at[i] + n, len - n};
		fr->segs = &b->seg[b->num_segs++];
		fr->num_segs = 1;
	}
	fr->tagged = fr->csum_valid = false;
	fr->local = true;
	copy_small(fr->hdr, f->at[i], n);
#ifdef LADON_BREAK_SNAPSHOT
	fr->guest = f->at[i];
#endif
	if (unlikely(get_be16(fr->hdr + 12) == NET_ETH_P_VLAN))
		nic_frame_lift_tag(fr);
	if (unlikely(asks) && !net_offload_valid(&fr->off, fr->hdr_len)) {
		lose(f, fr, NIC_DROP_MALFORMED, segs);
		return;
	}
	b->n++;
	f->bytes += len;
}

/*
 * The chain that starts at desc[i] has no end in desc[]. Is it only not announced yet? No, when
 * it is longer than any frame may be, or when it fills the whole ring.
 */
static bool may_come(const struct fetch *f, uint32_t i)
{
	return f->num - i <= MAX_CHAIN && !(i == 0 && f->num + 1 == f->q->num);
}

/* Handles what starts at desc[i]: context, frame, or garbage. Returns the last descriptor used
 * up, or f->num to stop here. */
static uint32_t parse_one(struct fetch *f, uint32_t i)
{
	struct i82576_queue *q = f->q;
	uint32_t last;

	if (is_context(&f->desc[i])) {
		store_context(q, &f->desc[i]);
		q->tx.skipping = false;
		return i;
	}
	last = find_eop(f, i);
	if (last < f->num && !is_context(&f->desc[last])) {
		if (!q->tx.skipping)
			take_frame(f, i, last);
		q->tx.skipping = false;
		return last;
	}
	if (last == f->num && may_come(f, i) && !q->tx.skipping)
		return f->num;
	if (!q->tx.skipping)
		nic_lose_tx(&f->fn->port, NULL, NIC_DROP_MALFORMED, 1);
	q->tx.skipping = last == f->num; /* the rest of an endless chain goes the same way */
	return last - 1;
}

/* desc[i] is used up. */
static void use_up(struct fetch *f, uint32_t i)
{
	struct i82576_queue *q = f->q;

	if (f->desc[i].cmd & TXD_RS)
		q->tx.rs[q->tx.num_rs++] = q->tx.next;
	q->tx.next = i82576_queue_next(q, q->tx.next);
}

/* Parses desc[]; leaves in q->tx.next how far the ring was consumed. */
static void parse(struct fetch *f)
{
	uint32_t i = 0;

	while (i < f->num && f->burst->n < NIC_BURST && f->bytes < BURST_BYTES &&
	       f->burst->num_segs < NIC_BURST_SEGS / 2) {
		uint32_t last;

		if (likely(is_plain(f, i))) {
			take_plain(f, i);
			use_up(f, i++);
			continue;
		}
		last = parse_one(f, i);
		if (last == f->num)
			break;
		for (; i <= last; i++)
			use_up(f, i);
	}
}

static bool poll_queue(struct i82576_fn *fn, struct i82576_queue *q, struct nic_burst *burst)
{
	struct fetch f; /* not zeroed: desc[] is a kilobyte, and most polls find nothing */
	uint32_t tail;
	bool on = i82576_queue_follow(fn, q);

	q->tx.num_rs = 0;
	q->tx.next = q->head;
	if (!on)
		return false;
	tail = i82576_queue_tail(q);
	if (tail == q->head)
		return false;
	if (!atomic_load_explicit(&fn->dma_on, memory_order_acquire)) {
		if (q->tail_seen != tail)
			i82576_fault(fn, q->base, IOMMU_READ);
		q->tail_seen = tail;
		return false;
	}
	f.fn = fn;
	f.q = q;
	f.burst = burst;
	f.num = f.bytes = 0;
	fetch_descs(&f, tail);
	if (f.num && !i82576_not_stale(fn, (const uint8_t *)&f.desc[0]))
		return false;
	locate(&f);
	parse(&f);
	return q->tx.next != q->head;
}

bool i82576_tx_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	struct i82576_fn *fn = i82576_fn_of(port);

	if (unlikely(fn->shadowed))
		i82576_shadow_watch(fn);
	if (unlikely(now_ns < atomic_load_explicit(&fn->tx_from, memory_order_relaxed)))
		return false;
	/* A burst is one queue's; the queues take turns at being first. */
	fn->tx_turn++;
	for (unsigned i = 0; i < fn->num_queues; i++) {
		unsigned k = (fn->tx_turn + i) % fn->num_queues;

		if (i82576_owns(fn, k) && poll_queue(fn, &fn->tx[k], burst))
			return true;
	}
	return false;
}

/* DD into the descriptors that asked for it. The whole word 3, as the card does. */
static void write_back(struct i82576_fn *fn, struct i82576_queue *q)
{
	for (unsigned k = 0; k < q->tx.num_rs; k++) {
		uint32_t run;
		uint8_t *p = i82576_queue_desc(fn, q, q->tx.rs[k], IOMMU_WRITE, &run);

		if (!p)
			return;
		__atomic_store_n((uint32_t *)(void *)(p + 12), TXD_DD, __ATOMIC_RELEASE);
	}
}

/* Head write-back (TDWBAL bit 0), which spares a driver the descriptors. 4 bytes: in the
 * interrupt window that is a request, judged by who makes it. */
static void head_write_back(struct i82576_fn *fn, struct i82576_queue *q)
{
	uint64_t reg = i82576_queue_reg64(q, Q_TDWBAL), iova = reg & ~3ull;
	uint32_t len = sizeof(uint32_t);
	void *p;

	if (!(reg & 1))
		return;
	if (unlikely(ir_in_window(iova, sizeof(uint32_t)))) {
		nic_intr_request(&fn->intr, (uint32_t)iova, q->head);
		return;
	}
	p = iommu_xlate(fn->dom, iova, &len, IOMMU_WRITE);
	if (p && len == sizeof(uint32_t))
		__atomic_store_n((uint32_t *)p, q->head, __ATOMIC_RELEASE);
	else
		i82576_fault(fn, iova, IOMMU_WRITE);
}

void i82576_tx_done(struct nic_port *port, uint64_t now_ns)
{
	struct i82576_fn *fn = i82576_fn_of(port);

	for (unsigned i = 0; i < fn->num_queues; i++) {
		struct i82576_queue *q = &fn->tx[i];
		uint32_t used = (q->tx.next >= q->head ? 0 : q->num) + q->tx.next - q->head;

		if (!used)
			continue;
		q->head = q->tx.next;
		write_back(fn, q);
		i82576_queue_show_head(q);
		head_write_back(fn, q);
		if (q->tx.num_rs)
			i82576_raise_sent(fn, q, used, now_ns);
	}
}
