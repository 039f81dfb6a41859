/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Two machines run side by side for each queue. IN brings announced descriptors (transmit: and
 * their bytes) into free slots and announces them to the data path. OUT takes slots the data
 * path is done with, brings the results to the guest and frees the slots. Each has one step
 * under way at most; `pending` counts its messages. A queue that is set up anew gets a new
 * epoch: answers to messages of the old one are dropped.
 */
#include "i82576_shadow.h"

#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "i82576_queue.h"

#define SLOTS 128u /* shadow ring; one slot stays free */
#define STEP                                                                                   \
	8u /* descriptors moved by one step: keeps the messages under way below a connection's \
	      limit */
#define RX_HDR	  1024u
#define RX_BUF	  16384u
#define TX_BUF	  65536u
#define RING_SIZE (SLOTS * DESC_SIZE)
#define BAD_IOVA  (1ull << 47) /* inside no domain: the data path makes a fault of it */

/* Layout of the shadow memory of one queue, in its domain. */
#define QUEUE_SPAN (4ull << 30)
#define BUF_OFF	   (1ull << 20)

enum step { STEP_IDLE, STEP_DESC, STEP_DATA };

struct slot {
	uint64_t addr, hdr_addr; /* the guest's */
	uint8_t desc[DESC_SIZE]; /* as the guest wrote it */
};

struct shadow_queue {
	struct i82576_shadow *s;
	struct i82576_queue *q;
	volatile uint32_t
		*guest;	   /* the guest's register block: it writes at any time (guest_reg) */
	uint32_t regs[16]; /* the shadow's register block */
	bool tx, on;
	uint64_t base; /* the guest's ring, latched when enabled */
	uint32_t num;
	uint32_t head_shown;	    /* what we wrote into the guest's head register */
	uint32_t fetched, returned; /* guest's indices: read up to, results written up to */
	uint32_t s_tail,
		s_done; /* slots: announced to the data path up to, results taken up to */
	uint32_t epoch;
	struct {
		enum step step;
		unsigned count, pending;
	} in, out;
	bool out_rs; /* the OUT step completes something the driver asked a report for */
	struct slot slot[SLOTS];
	uint64_t iova; /* of the ring in the shadow domain */
	uint8_t *mem;  /* ring, then buffers */
};

struct i82576_shadow {
	struct i82576_fn *fn;
	const struct i82576_shadow_ops *ops;
	void *ctx;
	uint32_t max_xfer;
	struct iommu_domain *dom, *guest_dom;
	unsigned num_queues;	     /* of each kind */
	unsigned ops_open;	     /* messages whose answer is still to come */
	bool stopped;		     /* free as soon as ops_open is 0 */
	struct shadow_queue queue[]; /* 2 * num_queues: receive, then transmit */
};

/* One message under way. */
struct shadow_op {
	struct shadow_queue *sq;
	uint32_t epoch;
	unsigned slot; /* STEP_DATA of IN: where the bytes go */
	uint32_t off;  /* in the slot's buffer */
	bool in;
};

static void queue_advance(struct shadow_queue *sq);

static uint32_t guest_reg(const struct shadow_queue *sq, enum queue_word word)
{
	return __atomic_load_n(&sq->guest[word], __ATOMIC_ACQUIRE);
}

static uint32_t slot_next(uint32_t slot, uint32_t n)
{
	return (slot + n) % SLOTS;
}

static uint32_t buf_size(const struct shadow_queue *sq)
{
	return sq->tx ? TX_BUF : RX_BUF + RX_HDR;
}

static uint8_t *slot_buf(const struct shadow_queue *sq, unsigned slot)
{
	return sq->mem + BUF_OFF + (size_t)slot * buf_size(sq);
}

static uint64_t slot_iova(const struct shadow_queue *sq, unsigned slot)
{
	return sq->iova + BUF_OFF + (uint64_t)slot * buf_size(sq);
}

static uint8_t *slot_desc(const struct shadow_queue *sq, unsigned slot)
{
	return sq->mem + slot * DESC_SIZE;
}

static void fault(struct shadow_queue *sq, uint64_t addr, bool write)
{
	/* The ring is the data path's to fill; here it is asked to do so at its quiesce point.
	 */
	struct i82576_fn *fn = sq->s->fn;

	fn->msg_faults++;
	if (fn->on_msg_fault)
		fn->on_msg_fault(fn->on_msg_fault_arg, addr, write);
}

/* ---- messages ---- */

static void shadow_free(struct i82576_shadow *s)
{
	iommu_domain_free(s->dom);
	free(s);
}

static void op_done(void *arg, int err, const void *data, uint32_t len);

static struct shadow_op *op_new(struct shadow_queue *sq, bool in, unsigned slot, uint32_t off)
{
	struct shadow_op *op = malloc(sizeof(*op));

	if (op)
		*op = (struct shadow_op){sq, sq->epoch, slot, off, in};
	return op;
}

/* Sends one message of the present step. False = it could not go out (a fault has been
 * recorded). */
static bool op_send(struct shadow_queue *sq, bool in, unsigned slot, uint32_t off,
		    uint64_t addr, const void *data, uint32_t len)
{
	struct i82576_shadow *s = sq->s;
	struct shadow_op *op;
	int r;

	if (!s->ops->allowed(s->ctx, addr, len, data != NULL)) {
		fault(sq, addr, data != NULL);
		return false;
	}
	op = op_new(sq, in, slot, off);
	if (!op)
		return false;
	r = data ? s->ops->dma_write(s->ctx, addr, data, len, op_done, op)
		 : s->ops->dma_read(s->ctx, addr, len, op_done, op);
	if (r < 0) {
		free(op);
		return false;
	}
	s->ops_open++;
	if (in)
		sq->in.pending++;
	else
		sq->out.pending++;
	return true;
}

/* A transfer of any length as messages of at most max_xfer. */
static bool transfer(struct shadow_queue *sq, bool in, unsigned slot, uint64_t addr,
		     const uint8_t *data, uint32_t len)
{
	for (uint32_t off = 0, n; off < len; off += n) {
		n = MIN(len - off, sq->s->max_xfer);
		if (!op_send(sq, in, slot, off, addr + off, data ? data + off : NULL, n))
			return false;
	}
	return true;
}

/* ---- IN: guest -> shadow ---- */

static void in_announce(struct shadow_queue *sq)
{
	for (unsigned i = 0; i < sq->in.count; i++) {
		unsigned slot = slot_next(sq->s_tail, i);

		memcpy(slot_desc(sq, slot), sq->slot[slot].desc, DESC_SIZE);
	}
	sq->s_tail = slot_next(sq->s_tail, sq->in.count);
	sq->fetched = (sq->fetched + sq->in.count) % sq->num;
	sq->in.step = STEP_IDLE;
	__atomic_store_n(&sq->regs[Q_TAIL], sq->s_tail, __ATOMIC_RELEASE);
	nic_dp_kick(sq->s->fn->card->dp);
}

/* Points the slot's descriptor at its shadow buffer; transmit: fetches the bytes. */
static void in_slot(struct shadow_queue *sq, unsigned slot)
{
	struct slot *sl = &sq->slot[slot];
	uint32_t cmd = get_le32(sl->desc + 8), len = cmd & TXD_LEN;

	sl->addr = get_le64(sl->desc);
	sl->hdr_addr = get_le64(sl->desc + 8);
	if (!sq->tx) {
		put_le64(sl->desc, slot_iova(sq, slot) + RX_HDR);
		put_le64(sl->desc + 8, slot_iova(sq, slot));
		return;
	}
	if (cmd & TXD_DEXT && FIELD_GET(TXD_DTYP, cmd) == DTYP_CONTEXT)
		return;
	put_le64(sl->desc, slot_iova(sq, slot));
	if (len && !transfer(sq, true, slot, sl->addr, NULL, len))
		put_le64(sl->desc, BAD_IOVA);
}

/* The step's descriptors have arrived. */
static void in_descs(struct shadow_queue *sq, const uint8_t *data, uint32_t len)
{
	sq->in.step = STEP_DATA;
	sq->in.count = len / DESC_SIZE;
	sq->in.pending++; /* held while sending, so that early answers do not end the step */
	for (unsigned i = 0; i < sq->in.count; i++) {
		unsigned slot = slot_next(sq->s_tail, i);

		memcpy(sq->slot[slot].desc, data + i * DESC_SIZE, DESC_SIZE);
		in_slot(sq, slot);
	}
	if (--sq->in.pending == 0)
		in_announce(sq);
}

static void in_start(struct shadow_queue *sq)
{
	uint32_t tail = guest_reg(sq, Q_TAIL),
		 free_slots = SLOTS - 1 - (sq->s_tail - sq->s_done) % SLOTS;
	uint32_t n;

	if (sq->in.step != STEP_IDLE || tail >= sq->num || tail == sq->fetched)
		return;
	n = (tail > sq->fetched ? tail : sq->num) - sq->fetched;
	n = MIN(MIN(n, free_slots), MIN(STEP, sq->s->max_xfer / DESC_SIZE));
	if (n == 0)
		return;
	sq->in.step = STEP_DESC;
	sq->in.count = n;
	if (!op_send(sq, true, 0, 0, sq->base + (uint64_t)sq->fetched * DESC_SIZE, NULL,
		     n * DESC_SIZE))
		sq->on = false; /* its ring is out of reach: off until it is set up again */
}

/* ---- OUT: shadow -> guest ---- */

static void out_finish(struct shadow_queue *sq)
{
	struct i82576_fn *fn = sq->s->fn;

	sq->s_done = slot_next(sq->s_done, sq->out.count);
	sq->returned = (sq->returned + sq->out.count) % sq->num;
	sq->out.step = STEP_IDLE;
	if (guest_reg(sq, Q_CTL) & DCTL_ENABLE) {
		sq->head_shown = sq->returned;
		__atomic_store_n(&sq->guest[Q_HEAD], sq->returned, __ATOMIC_RELAXED);
	}
	if (!sq->out_rs)
		return;
	i82576_raise_now(fn, sq->q, sq->tx, clock_ns());
	i82576_fn_kick_deferred(fn);
}

/* Results are in guest memory: now the descriptors that announce them, in one or two runs. */
static void out_descs(struct shadow_queue *sq)
{
	uint8_t wb[STEP * DESC_SIZE];
	uint32_t first = MIN(sq->out.count, sq->num - sq->returned);

	sq->out_rs = !sq->tx;
	for (unsigned i = 0; i < sq->out.count; i++) {
		unsigned slot = slot_next(sq->s_done, i);
		struct slot *sl = &sq->slot[slot];
		uint8_t *d = wb + i * DESC_SIZE;

		memcpy(d, slot_desc(sq, slot), DESC_SIZE);
		if (!sq->tx)
			continue;
		put_le64(d,
			 sl->addr); /* a descriptor nobody asked a report for stays as it was */
		sq->out_rs |= get_le32(d + 8) & TXD_RS;
	}
	sq->out.step = STEP_DESC;
	sq->out.pending++;
	transfer(sq, false, 0, sq->base + (uint64_t)sq->returned * DESC_SIZE, wb,
		 first * DESC_SIZE);
	if (first < sq->out.count)
		transfer(sq, false, 0, sq->base, wb + first * DESC_SIZE,
			 (sq->out.count - first) * DESC_SIZE);
	if (--sq->out.pending == 0)
		out_finish(sq);
}

static void out_payload(struct shadow_queue *sq, unsigned slot)
{
	const uint8_t *d = slot_desc(sq, slot);
	const struct slot *sl = &sq->slot[slot];
	uint32_t hdr = FIELD_GET(RXD_HDR_LEN, get_le32(d));
	uint32_t len = get_le16(d + 12);

	if (hdr)
		transfer(sq, false, slot, sl->hdr_addr & ~1ull, slot_buf(sq, slot),
			 MIN(hdr, RX_HDR));
	if (len)
		transfer(sq, false, slot, sl->addr & ~1ull, slot_buf(sq, slot) + RX_HDR,
			 MIN(len, RX_BUF));
}

static void out_start(struct shadow_queue *sq)
{
	uint32_t head = __atomic_load_n(&sq->regs[Q_HEAD], __ATOMIC_ACQUIRE);
	uint32_t n = (head - sq->s_done) % SLOTS;

	if (sq->out.step != STEP_IDLE || n == 0 || head >= SLOTS)
		return;
	sq->out.count = MIN(n, STEP);
	sq->out.step = STEP_DATA;
	sq->out.pending++;
	for (unsigned i = 0; !sq->tx && i < sq->out.count; i++)
		out_payload(sq, slot_next(sq->s_done, i));
	if (--sq->out.pending == 0)
		out_descs(sq);
}

/* ---- answers ---- */

static void in_answer(struct shadow_queue *sq, const struct shadow_op *op, int err,
		      const void *data, uint32_t len)
{
	sq->in.pending--;
	if (sq->in.step == STEP_DESC) {
		if (err)
			sq->on = false;
		else
			in_descs(sq, data, len);
		return;
	}
	if (err)
		put_le64(sq->slot[op->slot].desc, BAD_IOVA);
	else
		memcpy(slot_buf(sq, op->slot) + op->off, data, len);
	if (sq->in.pending == 0)
		in_announce(sq);
}

static void out_answer(struct shadow_queue *sq)
{
	if (--sq->out.pending)
		return;
	if (sq->out.step == STEP_DATA)
		out_descs(sq);
	else
		out_finish(sq);
}

static void op_done(void *arg, int err, const void *data, uint32_t len)
{
	struct shadow_op op = *(struct shadow_op *)arg;
	struct i82576_shadow *s = op.sq->s;

	free(arg);
	s->ops_open--;
	if (s->stopped) {
		if (s->ops_open == 0)
			shadow_free(s);
		return;
	}
	if (op.epoch != op.sq->epoch)
		return;
	if (err)
		fault(op.sq, 0, !op.in);
	if (op.in)
		in_answer(op.sq, &op, err, data, len);
	else
		out_answer(op.sq);
	queue_advance(op.sq);
}

/* ---- following the guest ---- */

static void queue_off(struct shadow_queue *sq)
{
	__atomic_store_n(&sq->regs[Q_CTL], 0, __ATOMIC_RELEASE);
	nic_dp_quiesce(sq->s->fn->card->dp);
	sq->on = false;
	sq->base = 0;
	sq->num = 0;
	sq->epoch++;
	sq->in.step = sq->out.step = STEP_IDLE;
	sq->in.pending = sq->out.pending = 0;
}

static void shadow_srrctl(struct shadow_queue *sq)
{
	uint32_t v = guest_reg(sq, Q_SRRCTL);
	uint32_t kib = FIELD_GET(SRRCTL_BSIZEPKT, v);

	v = (v & ~SRRCTL_BSIZEPKT) | MIN(kib, RX_BUF / 1024);
	if (FIELD_GET(SRRCTL_BSIZEHDR, v) * 64 > RX_HDR)
		v = (v & ~SRRCTL_BSIZEHDR) | FIELD_PREP(SRRCTL_BSIZEHDR, RX_HDR / 64);
	sq->regs[Q_SRRCTL] = v;
}

static void queue_on(struct shadow_queue *sq, uint64_t base, uint32_t len)
{
	sq->base = base;
	sq->num = base % RING_ALIGN || len % RING_ALIGN ? 0 : len / DESC_SIZE;
	if (!sq->num)
		return;
	sq->fetched = sq->returned = sq->head_shown = guest_reg(sq, Q_HEAD) % sq->num;
	__atomic_store_n(&sq->guest[Q_HEAD], sq->head_shown, __ATOMIC_RELAXED);
	sq->s_tail = sq->s_done = 0;
	memset(sq->regs, 0, sizeof(sq->regs));
	sq->regs[Q_BAL] = (uint32_t)sq->iova;
	sq->regs[Q_BAH] = (uint32_t)(sq->iova >> 32);
	sq->regs[Q_LEN] = RING_SIZE;
	if (!sq->tx)
		shadow_srrctl(sq);
	sq->on = true;
	__atomic_store_n(&sq->regs[Q_CTL], DCTL_ENABLE, __ATOMIC_RELEASE);
}

static void queue_follow(struct shadow_queue *sq)
{
	bool enabled =
		i82576_owns(sq->s->fn, sq->q->index) && guest_reg(sq, Q_CTL) & DCTL_ENABLE;
	uint64_t base = guest_reg(sq, Q_BAL) | (uint64_t)guest_reg(sq, Q_BAH) << 32;
	uint32_t len = guest_reg(sq, Q_LEN);
	bool same = base == sq->base && len / DESC_SIZE == sq->num &&
		    guest_reg(sq, Q_HEAD) == sq->head_shown;

	if (sq->num && (!enabled || !same))
		queue_off(sq);
	if (enabled && !sq->num)
		queue_on(sq, base, len);
}

static void queue_advance(struct shadow_queue *sq)
{
	if (!sq->on)
		return;
	out_start(sq);
	in_start(sq);
}

void i82576_shadow_kick(struct i82576_fn *fn)
{
	struct i82576_shadow *s = fn->shadow;

	for (unsigned i = 0; s && i < 2 * s->num_queues; i++) {
		queue_follow(&s->queue[i]);
		queue_advance(&s->queue[i]);
	}
}

/* ---- life ---- */

static int queue_memory(struct shadow_queue *sq, unsigned index)
{
	uint64_t size = ALIGN_UP(BUF_OFF + (uint64_t)SLOTS * buf_size(sq), (uint64_t)2 << 20);
	struct iommu_mem *mem;
	int r = iommu_mem_anon(size, &mem);

	if (r < 0)
		return r;
	sq->mem = mem->base;
	sq->iova = (index + 1) * QUEUE_SPAN;
	r = iommu_map(sq->s->dom, sq->iova, size, IOMMU_READ | IOMMU_WRITE, mem, 0);
	if (r < 0)
		iommu_mem_free(mem);
	return r;
}

static void use_shadow(void *arg)
{
	struct i82576_shadow *s = arg;
	struct i82576_fn *fn = s->fn;

	i82576_queues_reset(fn);
	for (unsigned i = 0; i < 2 * s->num_queues; i++)
		s->queue[i].q->regs = s->queue[i].regs;
	fn->dom = s->dom;
	fn->shadowed = true;
}

static void use_guest(void *arg)
{
	struct i82576_shadow *s = arg;
	struct i82576_fn *fn = s->fn;

	i82576_queues_reset(fn);
	for (unsigned i = 0; i < 2 * s->num_queues; i++)
		s->queue[i].q->regs = s->queue[i].guest;
	fn->dom = s->guest_dom;
	fn->shadowed = false;
}

int i82576_shadow_start(struct i82576_fn *fn, const struct i82576_shadow_ops *ops, void *ctx,
			uint32_t max_xfer)
{
	struct i82576_shadow *s;
	int r;

	if (fn->shadow)
		return 0;
	s = calloc(1, sizeof(*s) + 2 * fn->num_queues * sizeof(s->queue[0]));
	if (!s)
		return -ENOMEM;
	s->fn = fn;
	s->num_queues = fn->num_queues;
	s->ops = ops;
	s->ctx = ctx;
	s->max_xfer = max_xfer;
	s->guest_dom = fn->dom;
	r = iommu_domain_new(NULL, 0, NULL, NULL, &s->dom);
	for (unsigned i = 0; r == 0 && i < 2 * s->num_queues; i++) {
		struct shadow_queue *sq = &s->queue[i];

		sq->s = s;
		sq->tx = i >= s->num_queues;
		sq->q = sq->tx ? &fn->tx[i - s->num_queues] : &fn->rx[i];
		sq->guest = sq->q->guest;
		r = queue_memory(sq, i);
	}
	if (r < 0) {
		shadow_free(s);
		return r;
	}
	nic_dp_call(fn->card->dp, use_shadow, s);
	fn->shadow = s;
	i82576_shadow_kick(fn);
	return 0;
}

void i82576_shadow_stop(struct i82576_fn *fn)
{
	struct i82576_shadow *s = fn->shadow;

	if (!s)
		return;
	nic_dp_call(fn->card->dp, use_guest, s);
	fn->shadow = NULL;
	s->stopped = true;
	if (s->ops_open == 0)
		shadow_free(s);
}
