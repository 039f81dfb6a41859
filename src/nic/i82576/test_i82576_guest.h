/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_i82576_guest.h - two guests on a card whose data path runs: VF 0 and VF 1, each with
 * memory of its own in a domain of its own, and what their drivers do with rings. For
 * test_i82576_queue.c.
 *
 * Between two calls of settle() nothing else happens than what a test asked for.
 */
#ifndef LADON_TEST_I82576_GUEST_H
#define LADON_TEST_I82576_GUEST_H

#include "test_i82576.h"

#include <stdlib.h>
#include <string.h>

#include "i82576_queue.h"
#include "net_eth.h"

#define BASE	      0x10000000ull /* of a guest's memory, and what is where in it */
#define MEM_SIZE      (8u << 20)
#define EDGE	      (64u << 10) /* host memory before and behind it that nobody may touch */
#define TX_RING	      0x0u
#define RX_RING	      0x20000u
#define TX_BUF	      0x100000u
#define RX_BUF	      0x400000u
#define RX_HDR	      0x700000u
#define BUF_SIZE      2048u
#define CMD_LAST      (TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_DATA) | TXD_EOP | TXD_RS)
#define CMD_MORE      (TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_DATA))
#define SRRCTL_ONEBUF 0x02000002u

struct guest {
	struct i82576_vf *vf;
	struct iommu_domain *dom;
	uint8_t *mem;
	uint32_t tx_num, rx_num, tx_next, rx_next; /* ring sizes; where the driver is */
	uint32_t rx_size;
	int fd[I82576_VF_VECTORS];
};

static struct guest g[2];

static void __attribute__((unused)) nothing(void *arg)
{
	(void)arg;
}

/* The data path has passed a full round, and has done what it could in rounds (some for each 32
 * frames). */
static void __attribute__((unused)) settle(void)
{
	for (unsigned i = 0; i < 12; i++)
		test_pass_round(tc.card->dp);
}

/* ---- life ---- */

static int guest_new(unsigned n)
{
	struct iommu_mem *mem;

	memset(&g[n], 0, sizeof(g[n]));
	if (iommu_domain_new(NULL, 0, test_drain, NULL, &g[n].dom) < 0 ||
	    iommu_mem_anon(MEM_SIZE + 2 * EDGE, &mem) < 0)
		return -1;
	g[n].mem = mem->base + EDGE;
	memset(mem->base, 0xc5, EDGE);
	memset(g[n].mem + MEM_SIZE, 0xc5, EDGE);
	if (iommu_map(g[n].dom, BASE, MEM_SIZE, IOMMU_READ | IOMMU_WRITE, mem, EDGE) < 0 ||
	    i82576_vf_new(tc.card, n, PCI_RID(1, 16, n), g[n].dom, &g[n].vf) < 0)
		return -1;
	tc.vf[n] = g[n].vf;
	for (unsigned v = 0; v < I82576_VF_VECTORS; v++) {
		g[n].fd[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		test_intr_set_fd(&g[n].vf->fn.intr, g[n].vf->fn.rid, v, g[n].fd[v]);
	}
	atomic_store(&g[n].vf->fn.stale, I82576_STALE_OK);
	wr_of(g[n].vf, I82576_VF_IVAR0, 0x8081); /* rx 1, tx 0 */
	wr_of(g[n].vf, I82576_VF_EIAC, 7);
	wr_of(g[n].vf, I82576_VF_EIMS, 7);
	nic_card_guest_lpe(tc.card, n, NIC_JUMBO_MAX);
	nic_card_guest_active(tc.card, n, true);
	i82576_fn_set_dma(&g[n].vf->fn, true);
	return 0;
}

static int __attribute__((unused)) guests_set_up(void **state)
{
	struct nic_dp_params params = {.workers = TEST_WORKERS};

	(void)state;
	if (nic_card_new("nic0", 2, &params, &tc.card) < 0)
		return -1;
	return guest_new(0) < 0 || guest_new(1) < 0 ? -1 : 0;
}

static int __attribute__((unused)) guests_tear_down(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		i82576_vf_free(g[n].vf);
		for (unsigned i = 0; i < EDGE; i++) {
			assert_int_equal(g[n].mem[-1 - (int)i], 0xc5);
			assert_int_equal(g[n].mem[MEM_SIZE + i], 0xc5);
		}
		iommu_domain_free(g[n].dom);
		for (unsigned v = 0; v < I82576_VF_VECTORS; v++)
			close(g[n].fd[v]);
	}
	nic_card_free(tc.card);
	return 0;
}

/* ---- registers in the mapped page ---- */

static volatile uint32_t *tx_regs(const struct guest *gu)
{
	return gu->vf->qpage + (I82576_VF_TDBAL - I82576_VF_QPAGE_OFF) / 4;
}

static volatile uint32_t *rx_regs(const struct guest *gu)
{
	return gu->vf->qpage + (I82576_VF_RDBAL - I82576_VF_QPAGE_OFF) / 4;
}

static void put_reg(volatile uint32_t *regs, enum queue_word word, uint32_t v)
{
	__atomic_store_n(&regs[word], v, __ATOMIC_RELEASE);
}

static uint32_t __attribute__((unused)) get_reg(volatile uint32_t *regs, enum queue_word word)
{
	return __atomic_load_n(&regs[word], __ATOMIC_ACQUIRE);
}

struct ring {
	volatile uint32_t *regs;
	uint64_t base;
	uint32_t num;
};

static void ring_write(void *arg)
{
	const struct ring *r = arg;

	put_reg(r->regs, Q_BAL, (uint32_t)r->base);
	put_reg(r->regs, Q_BAH, (uint32_t)(r->base >> 32));
	put_reg(r->regs, Q_LEN, r->num * DESC_SIZE);
	put_reg(r->regs, Q_HEAD, 0);
	put_reg(r->regs, Q_TAIL, 0);
	put_reg(r->regs, Q_CTL, DCTL_ENABLE);
}

/* On the data path, so between two of its rounds: of a ring that is on, it would else see the
 * new head with the old tail, and send what lies there. */
static void ring_on(volatile uint32_t *regs, uint64_t base, uint32_t num)
{
	nic_dp_call(tc.card->dp, ring_write, &(struct ring){regs, base, num});
}

/* ---- transmit ---- */

static void __attribute__((unused)) tx_on(struct guest *gu, uint32_t num)
{
	gu->tx_num = num;
	gu->tx_next = 0;
	ring_on(tx_regs(gu), BASE + TX_RING, num);
}

static uint8_t *tx_desc_at(const struct guest *gu, uint32_t i)
{
	return gu->mem + TX_RING + i * DESC_SIZE;
}

/* Writes the next descriptor, without announcing it. Returns its index. */
static uint32_t tx_desc(struct guest *gu, uint64_t addr, uint32_t cmd, uint32_t sta)
{
	uint32_t i = gu->tx_next;
	uint8_t *d = tx_desc_at(gu, i);

	put_le64(d, addr);
	put_le32(d + 8, cmd);
	put_le32(d + 12, sta);
	gu->tx_next = (i + 1) % gu->tx_num;
	return i;
}

static void tx_bell(struct guest *gu)
{
	put_reg(tx_regs(gu), Q_TAIL, gu->tx_next);
	nic_dp_kick(tc.card->dp);
}

static bool __attribute__((unused)) tx_is_done(const struct guest *gu, uint32_t i)
{
	return __atomic_load_n((uint32_t *)(void *)(tx_desc_at(gu, i) + 12), __ATOMIC_ACQUIRE) &
	       TXD_DD;
}

/* IOVA and bytes of transmit buffer k. */
static uint64_t tx_iova(unsigned k)
{
	return BASE + TX_BUF + k * BUF_SIZE;
}

static uint8_t *tx_buf(const struct guest *gu, unsigned k)
{
	return gu->mem + TX_BUF + k * BUF_SIZE;
}

/* A frame of len bytes from VF 0 to VF 1 into buffer k (longer ones go over several buffers).
 */
static uint8_t *make_frame(unsigned k, uint32_t len)
{
	uint8_t *f = tx_buf(&g[0], k);

	for (uint32_t i = 0; i < len; i++)
		f[i] = (uint8_t)(i * 7 + k);
	memcpy(f, tc.card->vf[1].guest.mac, 6);
	memcpy(f + 6, tc.card->vf[0].guest.mac, 6);
	put_be16(f + 12, 0x88b5);
	return f;
}

static void __attribute__((unused)) send_frame(unsigned k, uint32_t len)
{
	make_frame(k, len);
	tx_desc(&g[0], tx_iova(k), CMD_LAST | len, 0);
	tx_bell(&g[0]);
}

/* ---- receive ---- */

static uint8_t *rx_desc_at(const struct guest *gu, uint32_t i)
{
	return gu->mem + RX_RING + i * DESC_SIZE;
}

static void rx_fill(struct guest *gu, uint32_t i)
{
	put_le64(rx_desc_at(gu, i), BASE + RX_BUF + (uint64_t)i * BUF_SIZE);
	put_le64(rx_desc_at(gu, i) + 8, BASE + RX_HDR + (uint64_t)i * 128);
}

/* A ring whose descriptors are all but one the card's. */
static void __attribute__((unused)) rx_on(struct guest *gu, uint32_t num, uint32_t srrctl)
{
	gu->rx_num = num;
	gu->rx_next = 0;
	for (uint32_t i = 0; i < num; i++)
		rx_fill(gu, i);
	put_reg(rx_regs(gu), Q_SRRCTL, srrctl);
	ring_on(rx_regs(gu), BASE + RX_RING, num);
	put_reg(rx_regs(gu), Q_TAIL, num - 1);
}

/* A write-back as the driver reads it. */
struct wb {
	uint32_t info, rss, status, len, vlan, hdr_len;
	bool split;
	uint8_t *buf, *hdr;
};

static bool rx_peek(const struct guest *gu, struct wb *wb)
{
	uint8_t *d = rx_desc_at(gu, gu->rx_next);
	uint32_t status = __atomic_load_n((uint32_t *)(void *)(d + 8), __ATOMIC_ACQUIRE);

	/* A fresh descriptor has an address there, whose bit 0 is clear. */
	if (!(status & RXD_DD))
		return false;
	*wb = (struct wb){
		.info = get_le32(d) & 0x7ff,
		.rss = get_le32(d + 4),
		.status = status,
		.len = get_le16(d + 12),
		.vlan = get_le16(d + 14),
		.hdr_len = FIELD_GET(RXD_HDR_LEN, get_le32(d)),
		.split = get_le32(d) & RXD_SPH,
		.buf = gu->mem + RX_BUF + gu->rx_next * BUF_SIZE,
		.hdr = gu->mem + RX_HDR + gu->rx_next * 128,
	};
	return true;
}

/* Takes the next write-back and gives its descriptor back with the same buffers. */
static bool __attribute__((unused)) rx_take(struct guest *gu, struct wb *wb)
{
	if (!rx_peek(gu, wb))
		return false;
	rx_fill(gu, gu->rx_next);
	put_reg(rx_regs(gu), Q_TAIL, gu->rx_next);
	gu->rx_next = (gu->rx_next + 1) % gu->rx_num;
	return true;
}

/* The next frame as VF 1's driver puts it together into buf; returns its length, 0 = none. The
 * last write-back in wb. */
static uint32_t __attribute__((unused)) rx_frame(struct guest *gu, uint8_t *buf, struct wb *wb)
{
	uint32_t len = 0;

	while (rx_take(gu, wb)) {
		memcpy(buf + len, wb->hdr, wb->hdr_len);
		len += wb->hdr_len;
		memcpy(buf + len, wb->buf, wb->len);
		len += wb->len;
		if (wb->status & RXD_EOP)
			return len;
	}
	assert_int_equal(len, 0);
	return 0;
}

static uint64_t __attribute__((unused)) got(const struct guest *gu, unsigned vector)
{
	uint64_t n = 0;

	return read(gu->fd[vector], &n, sizeof(n)) < 0 ? 0 : n;
}

static uint64_t __attribute__((unused)) tx_drop(enum nic_drop reason)
{
	return nic_counter(&g[0].vf->fn.port.stats.tx_drops[reason]);
}

static uint64_t __attribute__((unused)) rx_drop(enum nic_drop reason)
{
	return nic_counter(&g[1].vf->fn.port.stats.rx_drops[reason]);
}

/* The oldest fault record of a worker, or none. */
static bool __attribute__((unused)) next_fault(struct iommu_fault *fault)
{
	for (unsigned w = 0; w < TEST_WORKERS; w++)
		if (iommu_fault_pop(nic_dp_faults(tc.card->dp, w), fault))
			return true;
	return false;
}

/* ---- what most tests begin and end with ---- */

static uint8_t buf[70000]; /* the frame that came */
static struct wb wb;	   /* and its last write-back */

static void __attribute__((unused)) rings_on(void)
{
	rx_on(&g[1], 256, SRRCTL_ONEBUF);
	tx_on(&g[0], 256);
}

/* Exactly this frame arrives next. */
static void __attribute__((unused)) assert_frame(const uint8_t *want, uint32_t len)
{
	assert_int_equal(rx_frame(&g[1], buf, &wb), len);
	assert_memory_equal(buf, want, len);
}

static void __attribute__((unused)) assert_nothing(void)
{
	assert_false(rx_peek(&g[1], &wb));
}

/* A transmit context (82576 7.2.2.2), index 0. */
static void __attribute__((unused)) context(uint32_t vlan, uint32_t mac_len, uint32_t ip_len,
					    uint32_t type, uint32_t l4_len, uint32_t mss)
{
	tx_desc(&g[0], FIELD_PREP(CTX_VLAN, vlan) | FIELD_PREP(CTX_MACLEN, mac_len) | ip_len,
		TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT) | type,
		FIELD_PREP(CTX_L4LEN, l4_len) | FIELD_PREP(CTX_MSS, mss));
}

#endif
