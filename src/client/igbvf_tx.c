/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * igbvf_tx.c - sending: frames to descriptors, offload contexts, taking back what was sent.
 *
 * The card reports only descriptors with RS set: the last one of a burst and one in
 * IGBVF_RS_EVERY before. Their indices wait in a FIFO; a report frees all up to it.
 */
#include <errno.h>

#include <string.h>

#include "igbvf_priv.h"
#include "net_csum.h"

#define TX_MAX_PARTS 40u
#define FETCH_MAX    64u
#define TX_DATA_MAX  0xffffu
#define IPV4_LEN     20u
#define IPV6_LEN     40u
#define TX_OFFLOADS  (LADON_TX_IP_CSUM | LADON_TX_L4_CSUM | LADON_TX_TSO)

struct tx_frame {
	unsigned parts;
	uint32_t bytes;
	bool has_ctx; /* needs this context */
	struct igbvf_desc ctx;
};

unsigned ladon_igbvf_tx_reap(struct ladon_igbvf *vf)
{
	struct igbvf_tx *tx = &vf->tx;
	struct igbvf_ring *r = &tx->r;

	while (tx->rs_head != tx->rs_tail) {
		uint32_t last = tx->rs[tx->rs_head & r->mask];
		/* Acquire: the card has read the buffers before it reported. */
		uint32_t status = __atomic_load_n(&r->desc[last & r->mask].olinfo_status,
						  __ATOMIC_ACQUIRE);

		if (!(status & TXD_DD))
			break;
		tx->rs_head++;
		for (; r->clean != last + 1; r->clean++) {
			struct ladon_buf *buf = r->sw[r->clean & r->mask];

			if (buf)
				igbvf_buf_put(vf, buf);
		}
	}
	return r->use - r->clean;
}

static bool tx_part_ok(const struct ladon_buf *b)
{
	size_t off = (size_t)(b->data - b->head);

	return b->len > 0 && b->len <= TX_DATA_MAX && b->data >= b->head && off <= b->size &&
	       b->len <= b->size - off;
}

/* Where a layer-4 header has its checksum. */
static const uint8_t tx_csum_at[] = {
	[LADON_L4_UDP] = 6, [LADON_L4_TCP] = 16, [LADON_L4_SCTP] = 8};

/* The lengths fit, and what the card's checksum starts from is in the first part. */
static bool tx_lens_ok(const struct ladon_buf *b, uint32_t bytes)
{
	uint32_t hdr = (uint32_t)b->l2_len + b->l3_len;

	if (b->l2_len > 127 || b->l3_len > 511 || b->l4 > LADON_L4_SCTP || hdr >= bytes)
		return false;
	if (b->l3_len < (b->flags & LADON_TX_IPV6 ? IPV6_LEN : IPV4_LEN))
		return false;
	if (b->flags & (LADON_TX_L4_CSUM | LADON_TX_TSO) &&
	    hdr + tx_csum_at[b->l4] + (b->l4 == LADON_L4_SCTP ? 4u : 2u) > b->len)
		return false;
	if (!(b->flags & LADON_TX_TSO))
		return true;
	return b->mss > 0 && b->l4_len > 0 && hdr + b->l4_len < bytes && b->l4 != LADON_L4_SCTP;
}

/*
 * The card sums layer 4 alone and adds what it finds in the checksum field: there the driver
 * puts the sum of the pseudo header, without the length when the card segments (82576 7.2.4).
 * SCTP has none.
 */
static void tx_seed(struct ladon_buf *b)
{
	static const uint8_t proto[] = {[LADON_L4_UDP] = 17, [LADON_L4_TCP] = 6};
	uint8_t *ip = b->data + b->l2_len, *field = ip + b->l3_len + tx_csum_at[b->l4];
	bool v6 = b->flags & LADON_TX_IPV6;
	uint32_t len = v6 ? get_be16(ip + 4) + IPV6_LEN - b->l3_len
			  : get_be16(ip + 2) - (uint32_t)b->l3_len;
	uint16_t seed;
	uint64_t sum;

	if (b->l4 == LADON_L4_SCTP) {
		put_le32(field, 0);
		return;
	}
	sum = net_csum_add(__builtin_bswap16(proto[b->l4]), ip + (v6 ? 8 : 12), v6 ? 32 : 8);
	if (!(b->flags & LADON_TX_TSO))
		sum += __builtin_bswap16((uint16_t)len);
	seed = net_csum_fold(sum);
	memcpy(field, &seed, sizeof(seed));
}

static void tx_context(const struct ladon_buf *b, struct igbvf_desc *ret)
{
	uint32_t lens = 0, type = TXD_CTX | TXD_DEXT, mss = 0;

	if (b->flags & LADON_TX_VLAN)
		lens |= (uint32_t)b->vlan_tci << CTX_VLAN;
	if (b->flags & TX_OFFLOADS) {
		lens |= (uint32_t)b->l2_len << CTX_MACLEN | b->l3_len;
		type |= (uint32_t)b->l4 << CTX_L4T;
		if (!(b->flags & LADON_TX_IPV6))
			type |= CTX_IPV4;
	}
	if (b->flags & LADON_TX_TSO)
		mss = (uint32_t)b->mss << CTX_MSS | (uint32_t)b->l4_len << CTX_L4LEN;
	ret->addr = lens;
	ret->cmd_type_len = type;
	ret->olinfo_status = mss;
}

static bool tx_same_context(const struct igbvf_tx *tx, const struct igbvf_desc *ctx)
{
	return tx->ctx_valid && tx->ctx.addr == ctx->addr && tx->ctx.hdr_addr == ctx->hdr_addr;
}

/* Looks the frame over. False: it cannot be sent. */
static bool tx_check(const struct ladon_buf *first, struct tx_frame *f)
{
	const struct ladon_buf *b = first;

	f->parts = 0;
	f->bytes = 0;
	do {
		if (!tx_part_ok(b) || ++f->parts > TX_MAX_PARTS)
			return false;
		f->bytes += b->len;
	} while ((b = b->next));
	f->has_ctx = first->flags & (LADON_TX_VLAN | TX_OFFLOADS);
	if ((first->flags & TX_OFFLOADS) && !tx_lens_ok(first, f->bytes))
		return false;
	if (f->has_ctx)
		tx_context(first, &f->ctx);
	return f->bytes < 1u << (32 - TXD_PAYLEN);
}

static uint32_t tx_cmd(const struct ladon_buf *b)
{
	return TXD_DATA | TXD_DEXT | TXD_IFCS | (b->flags & LADON_TX_VLAN ? TXD_VLE : 0) |
	       (b->flags & LADON_TX_TSO ? TXD_TSE : 0);
}

static uint32_t tx_olinfo(const struct ladon_buf *b, uint32_t bytes)
{
	uint32_t options = 0;

	if (b->flags & LADON_TX_TSO)
		bytes -= (uint32_t)b->l2_len + b->l3_len + b->l4_len;
	if (b->flags & (LADON_TX_L4_CSUM | LADON_TX_TSO))
		options |= TXD_TXSM;
	if (b->flags & (LADON_TX_IP_CSUM | LADON_TX_TSO) && !(b->flags & LADON_TX_IPV6))
		options |= TXD_IXSM;
	return bytes << TXD_PAYLEN | options;
}

static void tx_put(struct igbvf_tx *tx, struct ladon_buf *buf, uint64_t addr, uint32_t cmd,
		   uint32_t olinfo)
{
	uint32_t i = tx->r.use++ & tx->r.mask;
	struct igbvf_desc *d = &tx->r.desc[i];

	tx->r.sw[i] = buf;
	d->addr = addr;
	d->cmd_type_len = cmd;
	d->olinfo_status = olinfo;
	tx->since_rs++;
}

/* Report when this descriptor, the last one put and the end of a frame, has been sent. */
static void tx_set_rs(struct igbvf_tx *tx)
{
	uint32_t last = tx->r.use - 1;

	tx->r.desc[last & tx->r.mask].cmd_type_len |= TXD_RS;
	tx->rs[tx->rs_tail++ & tx->r.mask] = last;
	tx->since_rs = 0;
}

/* Most frames: one part, and nothing asked of the card. */
static bool tx_is_plain(const struct ladon_buf *b)
{
	return !b->next && !(b->flags & (LADON_TX_VLAN | TX_OFFLOADS)) && tx_part_ok(b);
}

static void tx_plain(struct igbvf_tx *tx, struct ladon_buf *b)
{
	tx_put(tx, b, b->iova + (uint64_t)(b->data - b->head),
	       TXD_DATA | TXD_DEXT | TXD_IFCS | TXD_EOP | b->len, b->len << TXD_PAYLEN);
	if (tx->since_rs >= IGBVF_RS_EVERY)
		tx_set_rs(tx);
}

static void tx_frame(struct igbvf_tx *tx, struct ladon_buf *first, const struct tx_frame *f)
{
	uint32_t cmd = tx_cmd(first), olinfo = tx_olinfo(first, f->bytes);

	if (first->flags & (LADON_TX_L4_CSUM | LADON_TX_TSO))
		tx_seed(first);
	if (f->has_ctx && !tx_same_context(tx, &f->ctx)) {
		tx_put(tx, NULL, f->ctx.addr, f->ctx.cmd_type_len, f->ctx.olinfo_status);
		tx->ctx = f->ctx;
		tx->ctx_valid = true;
	}
	for (struct ladon_buf *b = first, *next; b; b = next) {
		uint64_t addr = b->iova + (uint64_t)(b->data - b->head);

		next = b->next;
		tx_put(tx, b, addr, cmd | b->len | (next ? 0 : TXD_EOP), olinfo);
	}
	if (tx->since_rs >= IGBVF_RS_EVERY)
		tx_set_rs(tx);
}

/* The next n descriptors, for writing: the card has read them last. */
static void fetch_next(const struct igbvf_ring *r, unsigned n)
{
	for (unsigned i = 0; i < n; i += DESC_PER_LINE)
		__builtin_prefetch(&r->desc[(r->use + i) & r->mask], 1);
}

int ladon_igbvf_tx_burst(struct ladon_igbvf *vf, struct ladon_buf *const *bufs, unsigned n)
{
	struct igbvf_tx *tx = &vf->tx;
	uint32_t room = tx->r.num - 1 - (tx->r.use - tx->r.clean);
	unsigned done;
	int err = 0;

	if (room < tx->r.num / 2)
		room = tx->r.num - 1 - ladon_igbvf_tx_reap(vf);
	for (done = 0; done < n; done++) {
		struct tx_frame f;

		if (likely(room > 1 && tx_is_plain(bufs[done]))) {
			tx_plain(tx, bufs[done]);
			room--;
			continue;
		}
		if (!tx_check(bufs[done], &f) || f.parts >= tx->r.num - 1) {
			err = -EINVAL;
			break;
		}
		if (f.parts + 1 > room)
			break;
		tx_frame(tx, bufs[done], &f);
		room = tx->r.num - 1 - (tx->r.use - tx->r.clean);
	}
	if (done == 0)
		return err;
	if (tx->since_rs)
		tx_set_rs(tx);
	err = igbvf_doorbell(vf, &tx->r, VF_TDT);
	fetch_next(&tx->r, MIN(done, FETCH_MAX));
	return err ? err : (int)done;
}
