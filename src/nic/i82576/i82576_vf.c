/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The VF's life, its resets, and accesses to its BARs.
 *
 * An access may have any alignment and 1, 2, 4 or 8 bytes: it becomes one access to each dword
 * it touches, low to high. Reading any byte reads the register, side effects included. A write
 * of some bytes works like byte enables: the other bytes keep their value where the register
 * stores one, and are zero where writing ones means something. So a byte write of VFU, RST or
 * an EIMS bit does what a dword write does.
 */
#include "i82576_vf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fd.h"
#include "i82576_regs.h"
#include "i82576_shadow.h"

#define DWORD	     4u
#define QUEUE_STRIDE 0x100u
#define QUEUE_DCTL                                                                \
	((I82576_VF_RXDCTL - I82576_VF_RDBAL) / DWORD) /* RXDCTL and TXDCTL alike \
							*/
#define QPAGE_WORDS (I82576_VF_QPAGE_SIZE / DWORD)

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

static volatile uint32_t *queue_regs(volatile uint32_t *page, uint32_t first, unsigned q)
{
	return page + (first + q * QUEUE_STRIDE - I82576_VF_QPAGE_OFF) / DWORD;
}

static void qpage_use(struct i82576_vf *vf, volatile uint32_t *page)
{
	vf->qpage = page;
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++) {
		vf->rx[q].regs = queue_regs(page, I82576_VF_RDBAL, q);
		vf->tx[q].regs = queue_regs(page, I82576_VF_TDBAL, q);
	}
}

/* ---- life ---- */

static void card_changed(void *arg)
{
	i82576_pf_ping(arg);
}

/* Trapped registers and mailbox as after a reset. */
static void regs_reset(struct i82576_vf *vf)
{
	nic_reg_reset(vf->regs, vf->bar0);
	__atomic_store_n(&vf->ivar0, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&vf->ivar_misc, 0, __ATOMIC_RELAXED);
	i82576_mbx_reset(vf);
	i82576_pf_vf_reset(vf);
}

static int vf_init(struct i82576_vf *vf)
{
	volatile uint32_t *page;
	int r = i82576_vf_reg_map(&vf->regs);

	if (r < 0)
		return r;
	r = qpage_open(&vf->qpage_fd, &page);
	if (r < 0)
		return r;
	qpage_reset(page);
	qpage_use(vf, page);
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++)
		vf->rx[q].index = vf->tx[q].index = (uint8_t)q;
	nic_intr_init(&vf->intr, I82576_VF_VECTORS);
	regs_reset(vf);
	vf->port.ops = &i82576_port_ops;
	return nic_card_attach_vf(vf->card, vf->n, &vf->port, card_changed, vf);
}

static void vf_destroy(struct i82576_vf *vf)
{
	qpage_close(vf->qpage_fd, vf->qpage);
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
	vf->card = card;
	vf->n = n;
	vf->rid = rid;
	vf->dom = dom;
	vf->qpage_fd = -1;
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
	i82576_shadow_stop(vf);
	nic_card_detach_vf(vf->card, vf->n);
	vf_destroy(vf);
}

/* ---- reset ---- */

/* On the data path, so that nothing of it is seen half done. */
static void reset_on_dp(void *arg)
{
	struct i82576_vf *vf = arg;

	qpage_reset(vf->qpage);
	i82576_queues_reset(vf);
	nic_intr_reset(&vf->intr);
}

void i82576_vf_reset(struct i82576_vf *vf)
{
	uint8_t mac[6]; /* told to the driver in the answer to its RESET message, not here */

	vf->resets++;
	nic_card_guest_reset(vf->card, vf->n, mac);
	nic_dp_call(vf->card->dp, reset_on_dp, vf);
	i82576_shadow_kick(
		vf); /* sees that the queues are off: answers under way find nobody */
	regs_reset(vf);
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
	atomic_store(&c->vf->stale, I82576_STALE_UNKNOWN);
}

int i82576_vf_renew(struct i82576_vf *vf)
{
	struct swap_call c = {.vf = vf};
	volatile uint32_t *old_page = vf->qpage;
	int fd, old_fd = vf->qpage_fd;
	int r = qpage_open(&fd, &c.page);

	i82576_shadow_stop(vf);
	if (r == 0) {
		qpage_reset(c.page);
		nic_dp_call(vf->card->dp, swap_on_dp, &c);
		vf->qpage_fd = fd;
		qpage_close(old_fd, old_page);
	}
	i82576_vf_reset(vf);
	return r;
}

void i82576_vf_set_dma(struct i82576_vf *vf, bool on)
{
	atomic_store(&vf->dma_on, on);
	if (on)
		nic_dp_kick(vf->card->dp);
	else
		nic_dp_quiesce(vf->card->dp);
}

/* ---- BAR accesses ---- */

/* ENABLE first, then active: pairs with the data path, which sets active and then looks at
 * ENABLE. */
static bool queue_stale(const struct i82576_queue *q)
{
	bool enabled =
		__atomic_load_n(&q->regs[QUEUE_DCTL], __ATOMIC_SEQ_CST) & I82576_DCTL_ENABLE;

	return !enabled && atomic_load(&q->active);
}

/*
 * Disabling a queue in a mapped page takes effect at once in memory, but the data path may be
 * in the middle of a burst. The driver always makes a trapped access before it frees the
 * buffers: this one.
 */
static void resample(struct i82576_vf *vf)
{
	bool stale = false;

	vf->traps++;
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++)
		stale |= queue_stale(&vf->rx[q]) || queue_stale(&vf->tx[q]);
	if (stale)
		nic_dp_quiesce(vf->card->dp);
	i82576_shadow_kick(vf); /* the same for queues under a shadow, which it follows */
}

static bool access_ok(uint32_t bar_size, uint32_t offset, uint32_t len)
{
	return (len == 1 || len == 2 || len == 4 || len == 8) && offset <= bar_size &&
	       len <= bar_size - offset;
}

static uint32_t bar0_load(struct i82576_vf *vf, uint32_t offset)
{
	if (offset < I82576_VF_QPAGE_OFF)
		return nic_reg_read(vf->regs, vf->bar0, vf, offset, &vf->unknown_regs);
	return __atomic_load_n(&vf->qpage[(offset - I82576_VF_QPAGE_OFF) / DWORD],
			       __ATOMIC_ACQUIRE);
}

void i82576_vf_bar_read(struct i82576_vf *vf, unsigned bar, uint32_t offset, void *buf,
			uint32_t len)
{
	uint8_t *out = buf;

	resample(vf);
	memset(buf, 0xff, len);
	if (bar == 3 && access_ok(I82576_VF_BAR3_SIZE, offset, len))
		memset(buf, 0,
		       len); /* the client emulates the table; nothing is ever pending here */
	if (bar != 0 || !access_ok(I82576_VF_BAR0_SIZE, offset, len))
		return;
	for (uint32_t pos = 0, n; pos < len; pos += n) {
		uint32_t at = offset + pos, low = at % DWORD;
		uint32_t value = bar0_load(vf, at - low);

		n = MIN(DWORD - low, len - pos);
		memcpy(out + pos, (uint8_t *)&value + low, n);
	}
}

/* Fills the bytes of a register that a write leaves out: bytes [low, low + n) come from in. */
static uint32_t merge_bytes(const struct i82576_vf *vf, uint32_t offset, uint32_t low,
			    const uint8_t *in, uint32_t n)
{
	unsigned index;
	const struct nic_reg_row *row = nic_reg_find(vf->regs, offset, &index);
	uint32_t value = row ? vf->bar0[offset / DWORD] & row->rw : 0;

	memcpy((uint8_t *)&value + low, in, n);
	return value;
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

void i82576_vf_bar_write(struct i82576_vf *vf, unsigned bar, uint32_t offset, const void *buf,
			 uint32_t len)
{
	const uint8_t *in = buf;
	bool doorbell = false;

	resample(vf);
	if (bar != 0 || !access_ok(I82576_VF_BAR0_SIZE, offset, len))
		return;
	for (uint32_t pos = 0, n; pos < len; pos += n) {
		uint32_t at = offset + pos, low = at % DWORD;

		at -= low;
		n = MIN(DWORD - low, len - pos);
		if (at >= I82576_VF_QPAGE_OFF) {
			qpage_store(vf, at, low, in + pos, n);
			doorbell = true;
		} else {
			nic_reg_write(vf->regs, vf->bar0, vf, at,
				      merge_bytes(vf, at, low, in + pos, n), &vf->unknown_regs);
		}
	}
	if (!doorbell)
		return;
	nic_dp_kick(vf->card->dp);
	i82576_shadow_kick(vf);
}
