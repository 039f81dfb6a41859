/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A wire frame is written payload first, header last: the checksum that goes into the header is
 * summed while the payload is copied, so guest memory is read once, and what was summed is what
 * was written.
 */
#include "nic_deliver.h"

#include "copy.h"
#include "net_csum.h"
#include "net_eth.h"
#include "nic_capture.h"

#define L4_CSUM_OFF_TCP	 16
#define L4_CSUM_OFF_UDP	 6
#define L4_CSUM_OFF_SCTP 8

#define SHORT 48u /* bytes of a header that are summed here */

/* Where the next payload byte of the frame is. */
struct cursor {
	const struct nic_seg *seg;
	uint32_t off;
};

/* Where the next byte goes. */
struct sink_pos {
	const struct nic_sink *sink;
	unsigned i;
	uint32_t off;
};

/* What is summed while copying. */
struct tally {
	enum { TALLY_NONE, TALLY_CSUM, TALLY_CRC } mode;
	bool odd;      /* the next byte is at an odd offset of the message */
	uint32_t left; /* bytes still to be summed; the rest is padding */
	uint64_t sum;
	uint32_t crc;
};

/* A TSO frame. */
struct cut {
	struct net_tso tso;
	struct net_segment seg; /* the one under way */
	uint64_t bytes;		/* of those before it */
};

struct delivery {
	struct nic_port *dst;
	const struct nic_policy *policy;
	const struct nic_frame *f;
	struct nic_rx_meta meta;
	struct net_parsed parsed;
	struct cursor cur;
	struct cut *cut; /* of a TSO frame */
	bool svlan;	 /* the 802.1ad tag goes with it */
	uint32_t limit;	 /* segments of a TSO frame at most; 0 = all */
};

/* Sums up to t->left of len bytes while copying; returns how many. */
static uint32_t copy_summed(struct tally *t, uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t n = MIN(len, t->left);

	t->left -= n;
	if (unlikely(t->mode == TALLY_CRC))
		t->crc = net_crc32c_copy(t->crc, dst, src, n);
	else if (likely(!t->odd))
		t->sum = net_csum_copy(t->sum, dst, src, n);
	else
		t->sum = net_csum_join(t->sum, net_csum_swap(net_csum_copy(0, dst, src, n)));
	t->odd ^= n & 1;
	return n;
}

static inline void copy_tally(struct tally *t, uint8_t *dst, const uint8_t *src, uint32_t len)
{
	uint32_t n = t->mode == TALLY_NONE ? 0 : copy_summed(t, dst, src, len);

	/* Both may be the same memory: of a port in loopback, or of two functions of one VM. */
	if (len > n)
		memmove(dst + n, src + n, len - n);
}

static void sink_skip(struct sink_pos *pos, uint32_t len)
{
	while (len) {
		uint32_t n = MIN(len, pos->sink->iov[pos->i].len - pos->off);

		pos->off += n;
		len -= n;
		if (pos->off == pos->sink->iov[pos->i].len) {
			pos->i++;
			pos->off = 0;
		}
	}
}

static void sink_put(struct sink_pos *pos, struct tally *t, const uint8_t *src, uint32_t len)
{
	while (len) {
		uint32_t n = MIN(len, pos->sink->iov[pos->i].len - pos->off);

		copy_tally(t, pos->sink->iov[pos->i].ptr + pos->off, src, n);
		src += n;
		len -= n;
		sink_skip(pos, n);
	}
}

static void sink_zero(struct sink_pos *pos, uint32_t len)
{
	static const uint8_t zeros[NET_ETH_ZLEN];
	struct tally none = {.mode = TALLY_NONE};

	sink_put(pos, &none, zeros, len);
}

/* Up to *len bytes of payload that lie in one piece; *len becomes how many. */
static const uint8_t *take_payload(struct cursor *cur, uint32_t *len)
{
	const uint8_t *at = cur->seg->ptr + cur->off;

	*len = MIN(*len, cur->seg->len - cur->off);
	cur->off += *len;
	if (cur->off == cur->seg->len) {
		cur->seg++;
		cur->off = 0;
	}
	return at;
}

/* Payload of len bytes from the frame's segments. */
static void sink_payload(struct sink_pos *pos, struct tally *t, struct cursor *cur,
			 uint32_t len)
{
	while (len) {
		uint32_t n = len;
		const uint8_t *src = take_payload(cur, &n);

		sink_put(pos, t, src, n);
		len -= n;
	}
}

/* The same into one piece of memory. */
static void store_payload(uint8_t *to, struct tally *t, struct cursor *cur, uint32_t len)
{
	while (len) {
		uint32_t n = len;
		const uint8_t *src = take_payload(cur, &n);

		copy_tally(t, to, src, n);
		to += n;
		len -= n;
	}
}

/* Zeros behind the len bytes at to, up to end. */
static void pad(uint8_t *to, uint32_t len, uint32_t end)
{
	if (len < end)
		memset(to + len, 0, end - len);
}

static void sink_tag(struct sink_pos *pos, uint16_t type, uint16_t tci)
{
	struct tally none = {.mode = TALLY_NONE};
	uint8_t tag[NET_VLAN_HLEN];

	put_be16(tag, type);
	put_be16(tag + 2, tci);
	sink_put(pos, &none, tag, sizeof(tag));
}

/* The header with the tags that stay in the bytes between addresses and type. */
static void sink_header(struct sink_pos *pos, const uint8_t *hdr, uint32_t len,
			const struct delivery *d)
{
	struct tally none = {.mode = TALLY_NONE};

	if (!d->meta.tags_len) {
		sink_put(pos, &none, hdr, len);
		return;
	}
	sink_put(pos, &none, hdr, 2 * NET_ETH_ALEN);
	if (unlikely(d->svlan))
		sink_tag(pos, NET_ETH_P_QINQ, d->f->stci);
	if (d->meta.tag_in_bytes)
		sink_tag(pos, NET_ETH_P_VLAN, d->meta.tci);
	sink_put(pos, &none, hdr + 2 * NET_ETH_ALEN, len - 2 * NET_ETH_ALEN);
}

static unsigned l4_csum_off(unsigned l4)
{
	return l4 == NET_L4_TCP	  ? L4_CSUM_OFF_TCP
	       : l4 == NET_L4_UDP ? L4_CSUM_OFF_UDP
				  : L4_CSUM_OFF_SCTP;
}

/* Prepares the sum over the header's part of the L4 message; the copy adds the payload. */
static void tally_start(struct tally *t, const uint8_t *hdr, uint32_t hdr_len, unsigned l4,
			uint32_t l4_off, uint32_t l4_end)
{
	uint32_t in_hdr = MIN(hdr_len, l4_end) - l4_off;

	t->left = l4_end > hdr_len ? l4_end - hdr_len : 0;
	t->odd = in_hdr & 1;
	if (unlikely(l4 == NET_L4_SCTP)) {
		static const uint8_t zero[4];

		t->mode = TALLY_CRC;
		t->crc = net_crc32c(~0u, hdr + l4_off, L4_CSUM_OFF_SCTP);
		t->crc = net_crc32c(t->crc, zero, sizeof(zero));
		t->crc = net_crc32c(t->crc, hdr + l4_off + 12, in_hdr - 12);
		return;
	}
	t->mode = TALLY_CSUM;
	t->sum = in_hdr < SHORT ? net_csum_short(hdr + l4_off, in_hdr)
				: net_csum_add(0, hdr + l4_off, in_hdr);
}

/*
 * Checksum insertion without segmentation, as the card does it: the driver has left the
 * pseudo-header sum in the checksum field, so the sum over the whole message includes it
 * (82576 7.2.4).
 */
static void offload_start(struct tally *t, const struct nic_frame *f, const uint8_t *hdr)
{
	const struct net_offload *off = &f->off;
	uint32_t l4_off = off->l2_len + off->l3_len;

	tally_start(t, hdr, f->hdr_len, off->l4, l4_off, f->len);
}

static void offload_finish(uint8_t *hdr, const struct net_offload *off, const struct tally *t)
{
	uint8_t *field = hdr + off->l2_len + off->l3_len + l4_csum_off(off->l4);
	uint16_t sum;

	if (t->mode == TALLY_CRC) {
		put_le32(field, ~t->crc);
		return;
	}
	sum = (uint16_t)~net_csum_fold(t->sum);
	if (off->l4 == NET_L4_UDP && sum == 0)
		sum = 0xffff;
	put_le16(field, sum);
}

/* Sums for checking a frame whose checksums nobody vouches for. t stays as it is when there is
 * nothing to check. */
static void verify_start(struct tally *t, const struct nic_frame *f, const struct net_parsed *p)
{
	uint32_t end = (uint32_t)p->l3_off + p->ip_len;
	uint32_t field_end;

	/* An IPv6 extension header may hold the real destination: nobody's pseudo-header is
	 * sure then. */
	if (p->l4 == NET_L4_NONE || p->fragment || end > f->len ||
	    (p->l3 == NET_L3_IPV6 && p->ext_headers))
		return;
	field_end = p->l4_off + l4_csum_off(p->l4) + (p->l4 == NET_L4_SCTP ? 4 : 2);
	if (field_end <= end && field_end <= f->hdr_len)
		tally_start(t, f->hdr, f->hdr_len, p->l4, p->l4_off, end);
}

static bool verify_finish(const struct nic_frame *f, const struct net_parsed *p,
			  const struct tally *t)
{
	const uint8_t *field = f->hdr + p->l4_off + l4_csum_off(p->l4);
	struct net_offload off = {.l2_len = p->l3_off,
				  .l3 = p->l3,
				  .l4 = p->l4,
				  .l3_len = (uint16_t)(p->l4_off - p->l3_off)};
	uint32_t l4_total = (uint32_t)p->l3_off + p->ip_len - p->l4_off;

	if (t->mode == TALLY_CRC)
		return get_le32(field) == ~t->crc;
	if (p->l4 == NET_L4_UDP && get_le16(field) == 0)
		return p->l3 == NET_L3_IPV4; /* no checksum was made */
	return net_csum_fold(net_csum_join(t->sum, net_pseudo_sum(f->hdr, &off, l4_total))) ==
	       0xffff;
}

/* Asks the receiver for buffers for one wire frame of hdr_len + payload bytes. */
static enum nic_drop get_buffers(struct delivery *d, uint32_t hdr_len, uint32_t payload,
				 struct nic_sink *sink)
{
	uint32_t bytes = hdr_len + payload, tag = d->meta.tags_len;

	if (bytes + tag > d->policy->max_frame)
		return NIC_DROP_SIZE;
	d->meta.len = MAX(bytes, (uint32_t)NET_ETH_ZLEN) + tag;
	return d->dst->ops->rx_buffers(d->dst, &d->meta, sink);
}

static void count_rx(const struct delivery *d, uint64_t n, uint64_t bytes)
{
	struct nic_port_stats *s = &d->dst->stats;
	const uint8_t *da = d->f->hdr;

	nic_count_rx(s, n, bytes, d->meta.local);
	if (net_mac_is_group(da))
		nic_count(net_mac_is_broadcast(da) ? &s->rx_broadcast : &s->rx_multicast, n);
}

/* Completes hdr by what was summed while the payload was copied. */
typedef void finish_fn(struct delivery *d, uint8_t *hdr, uint32_t payload, struct tally *t);

/* A frame of hdr_len + payload bytes, the payload coming from d->cur, into one piece of memory,
 * without tags: what most receivers offer, and most frames are. */
static void store_whole(struct delivery *d, uint8_t *to, uint8_t *hdr, uint32_t hdr_len,
			uint32_t payload, struct tally *t, finish_fn *finish)
{
	store_payload(to + hdr_len, t, &d->cur, payload);
	pad(to, hdr_len + payload, d->meta.len);
	finish(d, hdr, payload, t);
	copy_small(to, hdr, hdr_len);
}

/* Any other. Not inlined: the way of most needs the registers. */
static __attribute__((noinline)) void store_in_pieces(struct delivery *d,
						      const struct nic_sink *sink, uint8_t *hdr,
						      uint32_t hdr_len, uint32_t payload,
						      struct tally *t, finish_fn *finish)
{
	struct sink_pos pos = {.sink = sink};
	uint32_t tag = d->meta.tags_len;

	sink_skip(&pos, hdr_len + tag);
	sink_payload(&pos, t, &d->cur, payload);
	if (hdr_len + tag + payload < d->meta.len)
		sink_zero(&pos, d->meta.len - hdr_len - tag - payload);
	finish(d, hdr, payload, t);
	pos = (struct sink_pos){.sink = sink};
	sink_header(&pos, hdr, hdr_len, d);
}

/* Writes payload, then header, hands it over. */
static enum nic_drop deliver_wire(struct delivery *d, uint8_t *hdr, uint32_t hdr_len,
				  uint32_t payload, struct tally *t, finish_fn *finish)
{
	/* Not zeroed: rx_buffers fills it, and it is a kilobyte. */
	struct nic_sink sink;
	enum nic_drop r = get_buffers(d, hdr_len, payload, &sink);

	if (r != NIC_DROP_NONE)
		return r;
	if (likely(sink.n == 1 && !d->meta.tags_len))
		store_whole(d, sink.iov[0].ptr, hdr, hdr_len, payload, t, finish);
	else
		store_in_pieces(d, &sink, hdr, hdr_len, payload, t, finish);
	r = d->dst->ops->rx_commit(d->dst, &d->meta);
	if (unlikely(d->dst->captures) && r == NIC_DROP_NONE)
		nic_capture_buffers(d->dst, &sink, &d->meta);
	return r;
}

/* Is the checksum that is inserted the one of the message that the receiver sees? In a tunnel
 * it is the inner one, and nothing is known of the outer. */
static bool made_l4_csum(const struct nic_frame *f, const struct net_parsed *p)
{
	return f->off.l4_csum && f->off.l4 == p->l4 &&
	       f->off.l2_len + f->off.l3_len == p->l4_off;
}

/* What the receiver is told of checksums, as far as it is known before the copy. hdr: as it
 * will be sent; made_ip: with an IPv4 checksum that was made for it. */
static void checksum_meta(struct nic_rx_meta *meta, const struct nic_frame *f,
			  const uint8_t *hdr, bool made_ip, const struct tally *t)
{
	const struct net_parsed *p = meta->parsed;
	bool l4 = p->l4 != NET_L4_NONE;

	meta->ip_checked = p->l3 == NET_L3_IPV4;
	meta->ip_ok = meta->ip_checked && (f->csum_valid || made_ip || net_ip_csum_ok(hdr, p));
	meta->l4_ok = l4 && (f->csum_valid || made_l4_csum(f, p));
	meta->l4_checked = l4 && (meta->l4_ok || (t->mode != TALLY_NONE && !f->off.l4_csum));
}

/*
 * Prepares t and what meta says of checksums. Returns the header as it will be sent but for a
 * checksum that takes the payload: f's own, never to be written, or one in copy.
 */
static uint8_t *plain_start(const struct nic_frame *f, struct nic_rx_meta *meta,
			    struct tally *t, uint8_t *copy)
{
	uint8_t *hdr = (uint8_t *)f->hdr;
	bool made_ip = false;

	if (f->off.ip_csum || f->off.l4_csum) {
		hdr = copy;
		copy_small(hdr, f->hdr, f->hdr_len);
		made_ip = f->off.ip_csum && net_ip_csum_set(hdr, &f->off) &&
			  f->off.l2_len == meta->parsed->l3_off;
	}
	if (f->off.l4_csum)
		offload_start(t, f, hdr);
	else if (!f->csum_valid)
		verify_start(t, f, meta->parsed);
	checksum_meta(meta, f, hdr, made_ip, t);
	return hdr;
}

/* The payload has been copied. */
static void plain_finish(const struct nic_frame *f, struct nic_rx_meta *meta,
			 const struct tally *t, uint8_t *hdr)
{
	if (f->off.l4_csum)
		offload_finish(hdr, &f->off, t);
	else if (t->mode != TALLY_NONE)
		meta->l4_ok = verify_finish(f, meta->parsed, t);
}

static void finish_plain(struct delivery *d, uint8_t *hdr, uint32_t payload, struct tally *t)
{
	(void)payload;
	plain_finish(d->f, &d->meta, t, hdr);
}

static unsigned deliver_plain(struct delivery *d)
{
	const struct nic_frame *f = d->f;
	uint8_t copy[NIC_HDR_MAX];
	struct tally t = {.mode = TALLY_NONE};
	uint8_t *hdr = plain_start(f, &d->meta, &t, copy);
	enum nic_drop r;

#ifdef LADON_BREAK_SNAPSHOT
	/* As it is now, not as it was judged. */
	memcpy(hdr, f->local ? f->guest : f->hdr, f->tagged ? 12 : 14);
#endif
	r = deliver_wire(d, hdr, f->hdr_len, f->len - f->hdr_len, &t, finish_plain);
	if (r != NIC_DROP_NONE) {
		if (r == NIC_DROP_NODESC && d->dst->may_wait)
			return NIC_DELIVER_WAITS;
		nic_lose_rx(d->dst, f, r, 1);
		return 0;
	}
	count_rx(d, 1, d->meta.len);
	return 1;
}

void nic_deliver_at(uint8_t *to, const struct nic_frame *f, struct nic_rx_meta *meta,
		    struct net_parsed *parsed)
{
	struct tally t = {.mode = TALLY_NONE};
	uint8_t *at = to + f->hdr_len, *hdr = (uint8_t *)f->hdr, copy[NIC_HDR_MAX];

	net_parse(f->hdr, f->hdr_len, parsed);
	memset(meta, 0, sizeof(*meta));
	meta->len = MAX(f->len, (uint32_t)NET_ETH_ZLEN);
	meta->local = f->local;
	meta->hdr = f->hdr;
	meta->parsed = parsed;
	if (parsed->l3 != NET_L3_NONE || nic_frame_has_offload(f))
		hdr = plain_start(f, meta, &t, copy);
	for (unsigned i = 0; i < f->num_segs; i++) {
		copy_tally(&t, at, f->segs[i].ptr, f->segs[i].len);
		at += f->segs[i].len;
	}
	pad(to, f->len, meta->len);
	plain_finish(f, meta, &t, hdr);
	copy_small(to, hdr, f->hdr_len);
#ifdef LADON_BREAK_SNAPSHOT
	memcpy(to, f->guest, NET_ETH_HLEN);
#endif
}

static void finish_segment(struct delivery *d, uint8_t *hdr, uint32_t payload, struct tally *t)
{
	(void)hdr;
	(void)payload;
	net_tso_segment(&d->cut->tso, &d->cut->seg, t->sum);
	d->cut->seg.index++;
	d->cut->seg.payload_off += payload;
}

/* The next segment's; how it is summed. */
static struct tally segment_start(struct delivery *d)
{
	struct net_segment *seg = &d->cut->seg;
	uint32_t left = d->f->len - d->f->hdr_len - seg->payload_off, mss = d->f->off.mss;

	seg->last = left <= mss;
	seg->payload_len = MIN(mss, left);
	return (struct tally){
		.mode = TALLY_CSUM, .odd = d->f->off.l4_len & 1, .left = seg->payload_len};
}

static void store_segment(struct nic_rx_meta *meta, uint8_t *to)
{
	struct delivery *d = container_of(meta, struct delivery, meta);
	struct tally t = segment_start(d);

	meta->len = MAX(d->f->hdr_len + t.left, (uint32_t)NET_ETH_ZLEN);
	store_whole(d, to, d->cut->tso.hdr, d->f->hdr_len, t.left, &t, finish_segment);
	d->cut->bytes += meta->len;
}

/* As many segments as the receiver takes without being asked for each. */
static uint32_t deliver_series(struct delivery *d, uint32_t count)
{
	const struct nic_frame *f = d->f;
	uint32_t most = f->hdr_len + MIN((uint32_t)f->off.mss, f->len - f->hdr_len);

	if (!d->dst->ops->rx_series || d->dst->captures || d->meta.tags_len ||
	    most > d->policy->max_frame)
		return 0;
	d->meta.len = MAX(most, (uint32_t)NET_ETH_ZLEN);
	return d->dst->ops->rx_series(d->dst, &d->meta, count, store_segment);
}

/* Segments of a TSO frame, one after another into the receiver's buffers. */
static unsigned deliver_segments(struct delivery *d)
{
	const struct nic_frame *f = d->f;
	uint32_t count = d->limit ? d->limit : nic_frame_count(f), i;
	uint8_t hdr[NIC_HDR_MAX];
	struct cut cut = {.bytes = 0};

	d->cut = &cut;
	d->meta.ip_checked = d->meta.ip_ok =
		d->parsed.l3 == NET_L3_IPV4 && f->off.l2_len == d->parsed.l3_off;
	d->meta.l4_checked = d->meta.l4_ok = made_l4_csum(f, &d->parsed);
	copy_small(hdr, f->hdr, f->hdr_len);
	net_tso_begin(&cut.tso, hdr, &f->off);
	for (i = deliver_series(d, count); i < count; i++) {
		struct tally t = segment_start(d);
		enum nic_drop r;

		d->meta.more = (uint8_t)MIN(count - 1 - i + f->more, (uint32_t)UINT8_MAX);
		r = deliver_wire(d, hdr, f->hdr_len, t.left, &t, finish_segment);
		if (r != NIC_DROP_NONE) {
			/* TCP recovers better from a lost tail than from a hole in the middle.
			 */
			nic_lose_rx(d->dst, f, r, count - i);
			break;
		}
		cut.bytes += d->meta.len;
	}
	count_rx(d, i, cut.bytes);
	return i;
}

unsigned nic_deliver(struct nic_port *dst, const struct nic_policy *policy,
		     const struct nic_frame *f, struct nic_tags tags, uint32_t copy)
{
	struct delivery d = {.dst = dst,
			     .policy = policy,
			     .f = f,
			     .cur = {.seg = f->segs},
			     .svlan = tags.svlan,
			     .limit = copy};

	net_parse(f->hdr, f->hdr_len, &d.parsed);
	d.meta = (struct nic_rx_meta){.tagged = tags.tagged,
				      .tci = f->tci,
				      .local = f->local,
				      .more = f->more,
				      .parsed = &d.parsed,
				      .hdr = f->hdr};
#ifdef LADON_BREAK_SNAPSHOT
	d.meta.tci = tags.tagged && f->local ? get_be16(f->guest + 14) : f->tci;
#endif
	/* An inner tag cannot be reported in the place of the one around it. */
	d.meta.tag_in_bytes =
		tags.tagged && (tags.svlan || d.limit || !dst->ops->rx_strips_tag(dst));
	d.meta.tags_len = (uint8_t)((d.meta.tag_in_bytes ? NET_VLAN_HLEN : 0) +
				    (tags.svlan ? NET_VLAN_HLEN : 0));
	return f->off.tso ? deliver_segments(&d) : deliver_plain(&d);
}
