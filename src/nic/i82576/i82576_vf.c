/* SPDX-License-Identifier: BSD-3-Clause */
/* The VF's life, its resets, and accesses to its BARs. */
#include "i82576_vf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "i82576_bar.h"
#include "i82576_regs.h"
#include "i82576_shadow.h"

#define DWORD	     4u
#define QUEUE_STRIDE 0x100u
#define QPAGE_WORDS  (I82576_VF_QPAGE_SIZE / DWORD)

/* ---- queue pages ---- */

/* A sealed file and a mapping of its pages 2 and 3. The last seal keeps a client from adding
 * others. */
static int qpage_open(int *ret_fd, volatile uint32_t **ret_page)
{
	FD_AUTO int fd = fd_memfd("ladon-queues", I82576_VF_BAR0_SIZE);
	void *page;

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL) < 0)
		return -errno;
	page = mmap(NULL, I82576_VF_QPAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    I82576_VF_QPAGE_OFF);
	if (page == MAP_FAILED)
		return -errno;
	*ret_fd = fd;
	*ret_page = page;
	fd = -1;
	return 0;
}

static void qpage_close(int fd, volatile uint32_t *page)
{
	if (page)
		munmap((void *)page, I82576_VF_QPAGE_SIZE);
	fd_close(&fd);
}

static void qpage_reset(volatile uint32_t *page)
{
	for (uint32_t i = 0; i < QPAGE_WORDS; i++)
		__atomic_store_n(&page[i], 0, __ATOMIC_RELAXED);
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++) {
		uint32_t off = I82576_VF_RXDCTL + q * QUEUE_STRIDE;

		__atomic_store_n(&page[(off - I82576_VF_QPAGE_OFF) / DWORD],
				 i82576_vf_queue_reset(off), __ATOMIC_RELAXED);
	}
}

/* What a guest finds in the page: reset values, or all ones where there is no VF. */
static void qpage_fill(const struct i82576_vf *vf, volatile uint32_t *page)
{
	if (vf->exists) {
		qpage_reset(page);
		return;
	}
	for (uint32_t i = 0; i < QPAGE_WORDS; i++)
		__atomic_store_n(&page[i], 0xffffffff, __ATOMIC_RELAXED);
}

static volatile uint32_t *queue_regs(volatile uint32_t *page, uint32_t first, unsigned q)
{
	return page + (first + q * QUEUE_STRIDE - I82576_VF_QPAGE_OFF) / DWORD;
}

static void qpage_use(struct i82576_vf *vf, volatile uint32_t *page)
{
	vf->qpage = page;
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++) {
		vf->rxq[q].regs = vf->rxq[q].guest = queue_regs(page, I82576_VF_RDBAL, q);
		vf->txq[q].regs = vf->txq[q].guest = queue_regs(page, I82576_VF_TDBAL, q);
	}
}

/* ---- life ---- */

static void card_changed(void *arg)
{
	struct i82576_vf *vf = arg;

	vf->peer->changed(vf);
}

/* Trapped registers and mailbox as after a reset. */
static void regs_reset(struct i82576_vf *vf)
{
	nic_reg_reset(vf->regs, vf->bar0);
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++) {
		__atomic_store_n(&vf->fn.rx_vec[q], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&vf->fn.tx_vec[q], 0, __ATOMIC_RELAXED);
	}
	vf->misc_vec = 0;
	i82576_mbx_reset(vf);
	vf->peer->vf_reset(vf);
}

static int vf_init(struct i82576_vf *vf)
{
	volatile uint32_t *page = NULL;
	int r = i82576_vf_reg_map(&vf->regs);

	if (r < 0)
		return r;
	r = qpage_open(&vf->qpage_fd, &page);
	if (r < 0)
		return r;
	qpage_reset(page);
	qpage_use(vf, page);
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++)
		vf->rxq[q].index = vf->txq[q].index = (uint8_t)q;
	vf->fn.rx = vf->rxq;
	vf->fn.tx = vf->txq;
	vf->fn.num_queues = I82576_VF_QUEUES;
	atomic_store(&vf->fn.own_queues, BIT(I82576_VF_QUEUES) - 1);
	atomic_store(&vf->fn.default_buffer, I82576_DEFAULT_BUFFER);
	nic_intr_init(&vf->fn.intr, I82576_VF_VECTORS);
	regs_reset(vf);
	vf->fn.port.ops = &i82576_port_ops;
	return nic_card_attach_vf(vf->fn.card, vf->fn.n, &vf->fn.port, card_changed, vf);
}

static void vf_destroy(struct i82576_vf *vf)
{
	qpage_close(vf->qpage_fd, vf->qpage);
	free((void *)atomic_load(&vf->fn.rss));
	free(vf);
}

int i82576_vf_new(struct nic_card *card, unsigned n, pci_rid_t rid, struct iommu_domain *dom,
		  struct i82576_vf **ret_vf)
{
	size_t size = ALIGN_UP(sizeof(struct i82576_vf), (size_t)CACHE_LINE);
	struct i82576_vf *vf = aligned_alloc(CACHE_LINE, size);
	int r;

	if (!vf)
		return -ENOMEM;
	memset(vf, 0, size);
	vf->fn.card = card;
	vf->fn.n = n;
	vf->fn.rid = rid;
	vf->fn.dom = dom;
	vf->qpage_fd = -1;
	vf->exists = true;
	vf->peer = &i82576_builtin_peer;
	r = vf_init(vf);
	if (r < 0) {
		vf_destroy(vf);
		return r;
	}
	*ret_vf = vf;
	return 0;
}

void i82576_vf_free(struct i82576_vf *vf)
{
	if (!vf)
		return;
	i82576_shadow_stop(&vf->fn);
	nic_card_detach_vf(vf->fn.card, vf->fn.n);
	vf_destroy(vf);
}

/* ---- reset ---- */

/* On the data path, so that nothing of it is seen half done. */
static void queues_off_on_dp(void *arg)
{
	struct i82576_vf *vf = arg;

	atomic_store(&vf->fn.own_queues, vf->exists ? BIT(I82576_VF_QUEUES) - 1 : 0);
	qpage_fill(vf, vf->qpage);
	i82576_queues_reset(&vf->fn);
}

static void reset_on_dp(void *arg)
{
	struct i82576_vf *vf = arg;

	queues_off_on_dp(vf);
	nic_intr_reset(&vf->fn.intr);
}

void i82576_vf_reset(struct i82576_vf *vf)
{
	uint8_t mac[6]; /* told to the driver in the answer to its RESET message, not here */

	vf->fn.resets++;
	nic_card_guest_reset(vf->fn.card, vf->fn.n, mac);
	nic_dp_call(vf->fn.card->dp, reset_on_dp, vf);
	i82576_shadow_kick(
		&vf->fn); /* sees that the queues are off: answers under way find nobody */
	regs_reset(vf);
}

void i82576_vf_queues_off(struct i82576_vf *vf)
{
	nic_dp_call(vf->fn.card->dp, queues_off_on_dp, vf);
	i82576_shadow_kick(&vf->fn);
}

void i82576_vf_set_exists(struct i82576_vf *vf, bool exists)
{
	if (vf->exists == exists)
		return;
	vf->exists = exists;
	i82576_vf_reset(vf);
}

void i82576_vf_set_peer(struct i82576_vf *vf, const struct i82576_peer_ops *peer,
			struct i82576_pf *pf)
{
	vf->peer = peer;
	vf->pf = pf;
	i82576_vf_reset(vf);
}

void i82576_ctrl_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	(void)row, (void)index;
	if (written & I82576_CTRL_RST)
		i82576_vf_reset(dev);
}

struct swap_call {
	struct i82576_vf *vf;
	volatile uint32_t *page;
};

static void swap_on_dp(void *arg)
{
	struct swap_call *c = arg;

	qpage_use(c->vf, c->page);
	/* Whether the memory it offers is the real one has to be found out for each client. */
	atomic_store(&c->vf->fn.stale, I82576_STALE_UNKNOWN);
}

int i82576_vf_renew(struct i82576_vf *vf)
{
	struct swap_call c = {.vf = vf};
	volatile uint32_t *old_page = vf->qpage;
	int fd = -1, old_fd = vf->qpage_fd;
	int r = qpage_open(&fd, &c.page);

	i82576_shadow_stop(&vf->fn);
#ifdef LADON_BREAK_PAGES
	qpage_close(fd, c.page);
	r = -ENOMEM;
#endif
	if (r == 0) {
		qpage_fill(vf, c.page);
		nic_dp_call(vf->fn.card->dp, swap_on_dp, &c);
		vf->qpage_fd = fd;
		qpage_close(old_fd, old_page);
	}
	i82576_vf_reset(vf);
	return r;
}

/* ---- BAR accesses ---- */

static uint32_t bar0_load(void *dev, uint32_t offset)
{
	struct i82576_vf *vf = dev;

	if (offset < I82576_VF_QPAGE_OFF)
		return nic_reg_read(vf->regs, vf->bar0, vf, offset, &vf->fn.unknown_regs);
	return __atomic_load_n(&vf->qpage[(offset - I82576_VF_QPAGE_OFF) / DWORD],
			       __ATOMIC_ACQUIRE);
}

/* Whole dwords in one store; bytes as bytes, so that what the data path writes beside them
 * stays. */
static void qpage_store(struct i82576_vf *vf, uint32_t offset, uint32_t low, const uint8_t *in,
			uint32_t n)
{
	volatile uint32_t *word = &vf->qpage[(offset - I82576_VF_QPAGE_OFF) / DWORD];

	if (n == DWORD) {
		__atomic_store_n(word, get_le32(in), __ATOMIC_RELEASE);
		return;
	}
	for (uint32_t i = 0; i < n; i++)
		__atomic_store_n((volatile uint8_t *)word + low + i, in[i], __ATOMIC_RELEASE);
}

static void bar0_store(void *dev, uint32_t offset, uint32_t low, const uint8_t *in, uint32_t n)
{
	struct i82576_vf *vf = dev;
	unsigned index;
	uint32_t value;

	if (offset >= I82576_VF_QPAGE_OFF) {
		qpage_store(vf, offset, low, in, n);
		return;
	}
	value = i82576_bar_merge(nic_reg_find(vf->regs, offset, &index),
				 vf->bar0[offset / DWORD], low, in, n);
	nic_reg_write(vf->regs, vf->bar0, vf, offset, value, &vf->fn.unknown_regs);
}

static const struct i82576_bar bar0 = {I82576_VF_BAR0_SIZE, bar0_load, bar0_store};
static const struct i82576_bar bar3 = {.size = I82576_VF_BAR3_SIZE};

void i82576_vf_bar_read(struct i82576_vf *vf, unsigned bar, uint32_t offset, void *buf,
			uint32_t len)
{
	i82576_fn_resample(&vf->fn);
	memset(buf, 0xff, len);
	if (!vf->exists)
		return;
	if (bar == 0)
		i82576_bar_load(&bar0, vf, offset, buf, len);
	/* The client emulates the table; nothing is ever pending here. */
	if (bar == 3 && i82576_bar_ok(&bar3, offset, len))
		memset(buf, 0, len);
}

void i82576_vf_bar_write(struct i82576_vf *vf, unsigned bar, uint32_t offset, const void *buf,
			 uint32_t len)
{
	i82576_fn_resample(&vf->fn);
	if (bar != 0 || !vf->exists)
		return;
	i82576_bar_store(&bar0, vf, offset, buf, len);
	if (offset + len <= I82576_VF_QPAGE_OFF)
		return;
	nic_dp_kick(vf->fn.card->dp);
	i82576_shadow_kick(&vf->fn);
}
