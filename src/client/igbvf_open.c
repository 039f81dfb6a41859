/* SPDX-License-Identifier: BSD-3-Clause */
/* igbvf_open.c - bringing an 82576 VF up and down: reset, memory, queues, interrupts; its
 * state. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "fd.h"
#include "igbvf_priv.h"

#define RING_MIN       8u
#define RING_MAX       4096u
#define RING_DEFAULT   256u
#define BUF_MAX	       16384u
#define BUF_DEFAULT    2048u
#define SPARE_BUFS     256u
#define FRAME_MIN      60u
#define FRAME_DEFAULT  1514u
#define FRAME_MAX      9710u /* 9728 on the wire: FCS, two tags, headroom (82576 8.14.14) */
#define FRAME_OVERHEAD 8u    /* FCS and one tag, as the PF counts */
#define MAX_BUFS       (1u << 20)
#define RING_ALIGN     4096u

static bool ring_size_ok(unsigned n)
{
	return n >= RING_MIN && n <= RING_MAX && (n & (n - 1)) == 0;
}

/* Fills in defaults. */
static int config_check(const struct ladon_igbvf_config *given, struct ladon_igbvf_config *ret)
{
	struct ladon_igbvf_config c = given ? *given : (struct ladon_igbvf_config){0};

	c.rx_desc = c.rx_desc ? c.rx_desc : RING_DEFAULT;
	c.tx_desc = c.tx_desc ? c.tx_desc : RING_DEFAULT;
	c.buf_size = c.buf_size ? c.buf_size : BUF_DEFAULT;
	c.max_frame = c.max_frame ? c.max_frame : FRAME_DEFAULT;
	if (!ring_size_ok(c.rx_desc) || !ring_size_ok(c.tx_desc))
		return -EINVAL;
	if (c.buf_size % 1024 || c.buf_size > BUF_MAX)
		return -EINVAL;
	c.num_bufs = c.num_bufs ? c.num_bufs : c.rx_desc + c.tx_desc + SPARE_BUFS;
	if (c.num_bufs <= c.rx_desc || c.num_bufs > MAX_BUFS)
		return -EINVAL;
	if (c.max_frame < FRAME_MIN || c.max_frame > FRAME_MAX || c.itr_us > 8191)
		return -EINVAL;
	*ret = c;
	return 0;
}

static int ring_init(struct igbvf_ring *r, unsigned num, uint8_t *mem, uint64_t iova,
		     volatile uint32_t *tail)
{
	r->desc = (struct igbvf_desc *)(void *)mem;
	r->iova = iova;
	r->num = num;
	r->mask = num - 1;
	r->tail = tail;
	r->sw = calloc(num, sizeof(struct ladon_buf *));
	return r->sw ? 0 : -ENOMEM;
}

/* One piece of DMA memory: receive ring, transmit ring, buffers. */
static int memory_init(struct ladon_igbvf *vf)
{
	const struct ladon_igbvf_config *c = &vf->config;
	size_t rx = ALIGN_UP(c->rx_desc * sizeof(struct igbvf_desc), RING_ALIGN);
	size_t tx = ALIGN_UP(c->tx_desc * sizeof(struct igbvf_desc), RING_ALIGN);
	size_t size = rx + tx + igbvf_pool_bytes(c);
	uint8_t *mem;
	uint64_t iova;
	int err = ladon_dma_alloc(vf->fn, size, LADON_DMA_HUGE, &vf->dma);

	if (err)
		return err;
	mem = ladon_dma_pointer(vf->dma);
	iova = ladon_dma_iova(vf->dma);
	vf->tx.rs = calloc(c->tx_desc, sizeof(*vf->tx.rs));
	if (!vf->tx.rs)
		return -ENOMEM;
	err = ring_init(&vf->rx.r, c->rx_desc, mem, iova, ladon_bar_pointer(vf->fn, 0, VF_RDT));
	if (!err)
		err = ring_init(&vf->tx.r, c->tx_desc, mem + rx, iova + rx,
				ladon_bar_pointer(vf->fn, 0, VF_TDT));
	return err ? err : igbvf_pool_init(vf, mem + rx + tx, iova + rx + tx);
}

struct reg_value {
	uint32_t reg, value;
};

static int write_all(struct ladon_igbvf *vf, const struct reg_value *rows, unsigned n)
{
	int err = 0;

	for (unsigned i = 0; !err && i < n; i++)
		err = igbvf_wr(vf, rows[i].reg, rows[i].value);
	return err;
}

static int queues_start(struct ladon_igbvf *vf)
{
	const struct igbvf_ring *rx = &vf->rx.r, *tx = &vf->tx.r;
	uint32_t desc_bytes = sizeof(struct igbvf_desc);
	const struct reg_value rows[] = {
		{VF_TDBAL, (uint32_t)tx->iova},
		{VF_TDBAH, (uint32_t)(tx->iova >> 32)},
		{VF_TDLEN, tx->num * desc_bytes},
		{VF_TDH, 0},
		{VF_TDT, 0},
		{VF_TXDCTL, DCTL_ENABLE},
		{VF_RDBAL, (uint32_t)rx->iova},
		{VF_RDBAH, (uint32_t)(rx->iova >> 32)},
		{VF_RDLEN, rx->num * desc_bytes},
		{VF_SRRCTL, SRRCTL_DROP_EN | SRRCTL_ONEBUF |
				    FIELD_PREP(SRRCTL_PKT_KB, vf->config.buf_size / 1024)},
		{VF_RDH, 0},
		{VF_RDT, 0},
		{VF_RXDCTL, DCTL_ENABLE},
	};
	uint32_t status;
	int err = write_all(vf, rows, ARRAY_SIZE(rows));

	/* A trapping access: the card sees the queues enabled before the first doorbell. */
	if (!err)
		err = igbvf_rd(vf, VF_STATUS, &status);
	if (!err)
		err = igbvf_rx_refill(vf, true);
	/* A doorbell that traps is posted: when open returns, the buffers are the card's. */
	return err ? err : igbvf_rd(vf, VF_STATUS, &status);
}

static int lpe_set(struct ladon_igbvf *vf)
{
	uint32_t msg[2] = {MSG_SET_LPE, vf->config.max_frame + FRAME_OVERHEAD};

	return igbvf_mbx_call(vf, msg, 2, msg, 1);
}

static int eventfds_start(struct ladon_igbvf *vf)
{
	int fds[VEC_NUM];

	for (unsigned i = 0; i < VEC_NUM; i++) {
		vf->irq_fd[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vf->irq_fd[i] < 0)
			return -errno;
	}
	memcpy(fds, vf->irq_fd, sizeof(fds));
	if (vf->config.events)
		fds[VEC_MISC] = fds[VEC_RX];
	return ladon_irq_enable(vf->fn, 0, VEC_NUM, fds);
}

/*
 * With an eventfd a vector masks itself when it fires, and who goes to sleep unmasks it.
 * Posted ones need no mask: while we are awake they cost nobody anything.
 */
static int irq_start(struct ladon_igbvf *vf)
{
	bool posted = vf->config.posted;
	uint32_t wakers = igbvf_wakers(vf);
	const struct reg_value rows[] = {
		{VF_IVAR0, (VEC_TX | IVAR_VALID) << 8 | VEC_RX | IVAR_VALID},
		{VF_IVAR_MISC, VEC_MISC | IVAR_VALID},
		{VF_EITR(VEC_RX), FIELD_PREP(EITR_US, vf->config.itr_us)},
		{VF_EIAC, wakers},
		{VF_EIAM, posted ? 0 : wakers},
		{VF_EIMS, posted ? wakers : 0},
	};
	int err;

	if (ladon_irq_count(vf->fn) < VEC_NUM)
		return -ENODEV;
	err = posted ? ladon_posted_open(vf->fn, 0, VEC_NUM, &vf->posted) : eventfds_start(vf);
	return err ? err : write_all(vf, rows, ARRAY_SIZE(rows));
}

static int vf_start(struct ladon_igbvf *vf)
{
	struct ladon_ids ids;
	int err = ladon_function_ids(vf->fn, &ids);

	if (err)
		return err;
	if (ids.vendor != IGBVF_VENDOR || ids.device != IGBVF_DEVICE)
		return -ENODEV;
	err = ladon_function_enable(vf->fn, true);
	if (!err)
		err = igbvf_mbx_reset(vf);
	if (!err)
		err = lpe_set(vf);
	if (!err)
		err = memory_init(vf);
	if (!err && vf->config.use_irq)
		err = irq_start(vf);
	if (!err)
		err = igbvf_counters_start(vf);
	return err ? err : queues_start(vf);
}

int ladon_igbvf_open(struct ladon_function *fn, const struct ladon_igbvf_config *config,
		     struct ladon_igbvf **ret_vf)
{
	struct ladon_igbvf_config checked;
	struct ladon_igbvf *vf;
	int err = config_check(config, &checked);

	if (err)
		return err;
	vf = calloc(1, sizeof(*vf));
	if (!vf)
		return -ENOMEM;
	vf->fn = fn;
	vf->config = checked;
	for (unsigned i = 0; i < VEC_NUM; i++)
		vf->irq_fd[i] = -1;
	err = vf_start(vf);
	if (err) {
		ladon_igbvf_close(vf);
		return err;
	}
	*ret_vf = vf;
	return 0;
}

/*
 * The card may still be in the middle of a frame when ENABLE is cleared in a mapped page. The
 * read of STATUS traps, and its answer means that both queues are drained.
 */
static void queues_stop(struct ladon_igbvf *vf)
{
	uint32_t value;

	igbvf_wr(vf, VF_RXDCTL, 0);
	igbvf_wr(vf, VF_TXDCTL, 0);
	igbvf_rd(vf, VF_STATUS, &value);
	igbvf_wr(vf, VF_EIMC, BIT(VEC_NUM) - 1);
	if (igbvf_rd(vf, VF_CTRL, &value) == 0)
		igbvf_wr(vf, VF_CTRL, value | CTRL_RST);
	igbvf_rd(vf, VF_STATUS, &value);
}

void ladon_igbvf_close(struct ladon_igbvf *vf)
{
	if (!vf)
		return;
	if (vf->rx.r.sw)
		queues_stop(vf);
	if (vf->irq_fd[0] >= 0)
		ladon_irq_disable(vf->fn, 0, VEC_NUM);
	fd_close_all(vf->irq_fd, VEC_NUM);
	ladon_posted_close(vf->posted);
	ladon_dma_free(vf->dma);
	free(vf->rx.r.sw);
	free(vf->tx.r.sw);
	free(vf->tx.rs);
	free(vf->bufs);
	free(vf->free);
	free(vf);
}

int ladon_igbvf_link(struct ladon_igbvf *vf, struct ladon_link *ret_link)
{
	static const uint16_t speed[] = {10, 100, 1000, 1000};
	uint32_t status;
	int err = igbvf_rd(vf, VF_STATUS, &status);

	if (err)
		return err;
	ret_link->up = status & STATUS_LU;
	ret_link->full_duplex = status & STATUS_FD;
	ret_link->speed = speed[FIELD_GET(STATUS_SPEED, status)];
	return 0;
}

static const uint32_t counter_reg[IGBVF_CNT_NUM] = {
	[IGBVF_CNT_GPRC] = VF_GPRC, [IGBVF_CNT_GORC] = VF_GORC, [IGBVF_CNT_MPRC] = VF_MPRC,
	[IGBVF_CNT_GPTC] = VF_GPTC, [IGBVF_CNT_GOTC] = VF_GOTC,
};

int igbvf_counters_start(struct ladon_igbvf *vf)
{
	int err = 0;

	for (unsigned i = 0; !err && i < IGBVF_CNT_NUM; i++)
		err = igbvf_rd(vf, counter_reg[i], &vf->counter[i].last);
	return err;
}

int ladon_igbvf_stats(struct ladon_igbvf *vf, struct ladon_igbvf_stats *ret_stats)
{
	struct igbvf_counter *c = vf->counter;

	for (unsigned i = 0; i < IGBVF_CNT_NUM; i++) {
		uint32_t now;
		int err = igbvf_rd(vf, counter_reg[i], &now);

		if (err)
			return err;
		/* Free-running, 32 bits: the difference is right across one wrap. */
		c[i].sum += now - c[i].last;
		c[i].last = now;
	}
	*ret_stats = (struct ladon_igbvf_stats){
		.rx_packets = c[IGBVF_CNT_GPRC].sum,
		.rx_bytes = c[IGBVF_CNT_GORC].sum,
		.rx_multicast = c[IGBVF_CNT_MPRC].sum,
		.rx_errors = vf->rx_errors,
		.tx_packets = c[IGBVF_CNT_GPTC].sum,
		.tx_bytes = c[IGBVF_CNT_GOTC].sum,
	};
	return 0;
}
