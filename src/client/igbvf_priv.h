/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * igbvf_priv.h - an opened 82576 VF.
 *
 * Ring indices run freely and are masked at use: use - clean is the number of descriptors the
 * card has. The card owns [clean, use); a slot's buffer is in sw[] while it does.
 */
#ifndef LADON_IGBVF_PRIV_H
#define LADON_IGBVF_PRIV_H

#include <ladon/igbvf.h>

#include "igbvf_regs.h"

#define DESC_PER_LINE  (CACHE_LINE / sizeof(struct igbvf_desc))
#define IGBVF_RX_BATCH 16u /* refills that are worth a doorbell */
#define IGBVF_RS_EVERY 32u /* descriptors between two status reports inside a burst */

struct igbvf_ring {
	struct igbvf_desc *desc; /* in DMA memory: written by the card as well */
	uint64_t iova;
	uint32_t num, mask;
	uint32_t use, clean;
	struct ladon_buf **sw;	 /* num; owned array */
	volatile uint32_t *tail; /* NULL = trapped */
};

struct igbvf_rx {
	struct igbvf_ring r;
	uint32_t doorbell;		/* use as last told to the card */
	struct ladon_buf *first, *last; /* a frame whose end has not come yet */
};

struct igbvf_tx {
	struct igbvf_ring r;
	uint32_t *rs; /* num indices (free-running) of descriptors with RS; owned */
	uint32_t rs_head, rs_tail;
	uint32_t since_rs;     /* descriptors since the last RS */
	struct igbvf_desc ctx; /* the context the card holds */
	bool ctx_valid;
};

struct igbvf_counter {
	uint32_t last;
	uint64_t sum;
};

enum {
	IGBVF_CNT_GPRC,
	IGBVF_CNT_GORC,
	IGBVF_CNT_MPRC,
	IGBVF_CNT_GPTC,
	IGBVF_CNT_GOTC,
	IGBVF_CNT_NUM
};

struct ladon_igbvf {
	struct ladon_function *fn; /* borrowed */
	struct ladon_igbvf_config config;
	uint8_t mac[6];
	uint32_t mbx_r2c; /* read-to-clear bits seen and not yet used */
	struct igbvf_rx rx;
	struct igbvf_tx tx;
	struct ladon_dma *dma;	 /* rings, then buffers; owned */
	struct ladon_buf *bufs;	 /* num_bufs; owned */
	struct ladon_buf **free; /* stack; owned */
	unsigned num_free;
	int irq_fd[VEC_NUM];	     /* owned eventfds; -1 = none */
	struct ladon_posted *posted; /* owned: in place of them */
	bool pf_spoke;		     /* since it was last looked at */
	struct igbvf_counter counter[IGBVF_CNT_NUM];
	uint64_t rx_errors; /* frames the card marked as bad */
};

static inline int igbvf_rd(struct ladon_igbvf *vf, uint32_t reg, uint32_t *ret)
{
	return ladon_bar_read32(vf->fn, 0, reg, ret);
}

static inline int igbvf_wr(struct ladon_igbvf *vf, uint32_t reg, uint32_t value)
{
	return ladon_bar_write32(vf->fn, 0, reg, value);
}

/* The vectors that wake whoever sleeps. */
static inline uint32_t igbvf_wakers(const struct ladon_igbvf *vf)
{
	return BIT(VEC_RX) | (vf->config.events ? BIT(VEC_MISC) : 0);
}

static inline struct ladon_buf *igbvf_buf_get(struct ladon_igbvf *vf)
{
	struct ladon_buf *buf;

	if (unlikely(vf->num_free == 0))
		return NULL;
	buf = vf->free[--vf->num_free];
	buf->data = buf->head;
	buf->next = NULL;
	buf->flags = 0;
	buf->len = 0;
	return buf;
}

static inline void igbvf_buf_put(struct ladon_igbvf *vf, struct ladon_buf *buf)
{
	vf->free[vf->num_free++] = buf;
}

/* Rings the tail register: a store where it is mapped, a posted message where it traps. */
static inline int igbvf_doorbell(struct ladon_igbvf *vf, struct igbvf_ring *r, uint32_t reg)
{
	uint32_t tail = r->use & r->mask;

	if (unlikely(!r->tail))
		return igbvf_wr(vf, reg, tail);
	/* Release: descriptors before the tail; pairs with the data path's acquire load. */
	__atomic_store_n(r->tail, tail, __ATOMIC_RELEASE);
	return 0;
}

/* Bytes of DMA memory for the buffers of config. */
size_t igbvf_pool_bytes(const struct ladon_igbvf_config *config);
/* Cuts so many at mem, for the card at iova, into vf's buffers. Returns 0 or -ENOMEM. */
int igbvf_pool_init(struct ladon_igbvf *vf, uint8_t *mem, uint64_t iova);

/* Fills the receive ring from the pool; rings when it pays, or always with force. */
int igbvf_rx_refill(struct ladon_igbvf *vf, bool force);

/*
 * Sends len words of msg to the PF and awaits its answer, ret_len words into ret (may be msg).
 * Return: 0; -EPERM (NACK); -EPROTO (an answer to something else); -ETIMEDOUT.
 */
int igbvf_mbx_call(struct ladon_igbvf *vf, const uint32_t *msg, unsigned len, uint32_t *ret,
		   unsigned ret_len);
/* Reads the mailbox register, keeping what reading clears. */
int igbvf_mbx_read(struct ladon_igbvf *vf, uint32_t *ret_bits);
/* The reset handshake: vf->mac is the PF's address, or a random one. */
int igbvf_mbx_reset(struct ladon_igbvf *vf);

int igbvf_counters_start(struct ladon_igbvf *vf);

#endif
