/* SPDX-License-Identifier: BSD-3-Clause */
#include "clock.h"
#include "i82576_queue.h"

static bool queue_enabled(const struct i82576_queue *q)
{
	return i82576_queue_reg(q, Q_CTL) & DCTL_ENABLE;
}

static void queue_latch(struct i82576_queue *q, uint64_t base, uint32_t len)
{
	q->base = base;
	q->num = (base % RING_ALIGN || len % RING_ALIGN) ? 0 : len / DESC_SIZE;
	q->head_shown = i82576_queue_reg(q, Q_HEAD);
	q->head = q->head_shown < q->num ? q->head_shown : 0;
	q->stalled = false;
	/* What was latched of the former ring: contexts, an unfinished chain. (A receive queue
	 * keeps nothing here that is good beyond its being followed: rx_live.) */
	memset(&q->tx, 0, sizeof(q->tx));
	i82576_queue_show_head(q);
}

/*
 * From here on the control thread drains before a driver that disables the queue may go on
 * (i82576_vf.c). It looks at ENABLE and then at active; we store active and then look at
 * ENABLE: one of us sees the other.
 */
static bool queue_activate(struct i82576_queue *q)
{
	atomic_store(&q->active, true);
	atomic_thread_fence(memory_order_seq_cst);
	return queue_enabled(q);
}

/* Is the ring within reach again, or has it always been? */
static bool queue_runs(struct i82576_fn *fn, struct i82576_queue *q)
{
	if (q->stalled &&
	    atomic_load_explicit(&fn->dom->generation, memory_order_acquire) == q->generation)
		return false;
	q->stalled = false;
	return q->num != 0;
}

bool i82576_queue_follow(struct i82576_fn *fn, struct i82576_queue *q)
{
	bool fresh = !atomic_load_explicit(&q->active, memory_order_relaxed);
	uint64_t base;
	uint32_t len;

	if (!queue_enabled(q) || (fresh && !queue_activate(q))) {
		atomic_store_explicit(&q->active, false, memory_order_release);
		return false;
	}
	base = i82576_queue_reg64(q, Q_BAL);
	len = i82576_queue_reg(q, Q_LEN);
	if (fresh || base != q->base || len / DESC_SIZE != q->num ||
	    i82576_queue_reg(q, Q_HEAD) != q->head_shown)
		queue_latch(q, base, len);
	q->srrctl = i82576_queue_reg(q, Q_SRRCTL);
	return queue_runs(fn, q);
}

uint32_t i82576_queue_tail(const struct i82576_queue *q)
{
	/* Descriptors are read after the tail that announces them. Pairs with the driver's
	 * wmb() before its tail write. */
	uint32_t tail = __atomic_load_n(&q->regs[Q_TAIL], __ATOMIC_ACQUIRE);

#ifdef LADON_BREAK_TAIL
	return tail;
#endif
	return tail < q->num ? tail : q->head;
}

uint8_t *i82576_queue_desc(struct i82576_fn *fn, struct i82576_queue *q, uint32_t i,
			   uint32_t need, uint32_t *ret_run)
{
	uint64_t iova = q->base + (uint64_t)i * DESC_SIZE;
	uint32_t len = (q->num - i) * DESC_SIZE;
	/* Before the look-up: a mapping that appears right after it must end the stall. */
	uint64_t generation = atomic_load_explicit(&fn->dom->generation, memory_order_acquire);
	uint8_t *p = iommu_xlate(fn->dom, iova, &len, need);

	if (!p || len < DESC_SIZE) {
		i82576_fault(fn, iova, need);
		q->stalled = true;
		q->generation = generation;
		return NULL;
	}
	*ret_run = len / DESC_SIZE;
	return p;
}

void i82576_queue_show_head(struct i82576_queue *q)
{
	/* A driver that has just disabled the queue writes the head itself: leave it alone. */
	if (!queue_enabled(q))
		return;
	q->head_shown = q->head;
	__atomic_store_n(&q->regs[Q_HEAD], q->head, __ATOMIC_RELEASE);
}

static void push_fault(struct i82576_fn *fn, uint64_t addr, uint8_t reason, bool write)
{
	struct iommu_fault f = {
		.addr = addr,
		.time_ns = clock_ns(),
		.rid = fn->rid,
		.port = (uint16_t)fn->n,
		.reason = reason,
		.write = write,
	};

	iommu_fault_push(nic_dp_faults(fn->card->dp, fn->port.worker), &f);
	nic_dp_notify_soon(fn->card->dp);
}

/* The reason, or 0 when the fault is not to be recorded. */
static unsigned fault_reason(struct i82576_fn *fn, uint64_t addr, uint32_t need)
{
	unsigned reason;
	bool record;

	if (!atomic_load_explicit(&fn->dma_on, memory_order_relaxed))
		return IOMMU_FAULT_BUS_MASTER_OFF;
	reason = iommu_reason(fn->dom, addr, need, &record);
	/* It has just been mapped, or only the first bytes of what was asked for are there. */
	if (!reason)
		reason = need & IOMMU_WRITE ? IOMMU_FAULT_NO_WRITE : IOMMU_FAULT_NOT_MAPPED;
	return record ? reason : 0;
}

void i82576_fault(struct i82576_fn *fn, uint64_t addr, uint32_t need)
{
	unsigned reason = fault_reason(fn, addr, need);

	if (reason == IOMMU_FAULT_INTR_RANGE)
		nic_count(&fn->intr.window_faults, 1);
	if (reason)
		push_fault(fn, addr, (uint8_t)reason, need & IOMMU_WRITE);
}

void i82576_raise(struct i82576_fn *fn, const struct i82576_queue *q, bool tx)
{
	if (unlikely(fn->shadowed))
		nic_dp_notify(fn->card->dp);
	else
		*(tx ? &fn->tx_due : &fn->rx_due) |= BIT(q->index);
}

/*
 * Completions are told of late. All that a driver does then is to free what it has sent, and
 * each interrupt costs a VM an exit and a trapped EIMS write. DD is written back at once; the
 * interrupt waits for a quarter of the ring, or for as many intervals of the vector's EITR as
 * this, whichever comes first.
 *
 * Senders wait for completions when their socket's buffer is full, and TCP when a millisecond's
 * worth of its rate, two frames at least, lies in the device (Linux' tcp_small_queue_check).
 * Half of that leaves the other half to the driver. Its upper bound, 1 MiB, is that half at 16
 * Gbit/s. Only VFs: the PF's driver bounds what lies in the device by the pace of completions
 * (BQL).
 */
#define HOLD_INTERVALS 4u
#define HOLD_MAX_US    500u
#define HOLD_RING_PART 4u

/* How long the queue's completions may wait; 0 = not at all, as where no moderation is asked
 * for. */
static uint64_t hold_ns(const struct i82576_fn *fn, const struct i82576_queue *q)
{
	uint8_t byte = __atomic_load_n(&fn->tx_vec[q->index], __ATOMIC_RELAXED);
	uint32_t interval;

	if (fn->n == NIC_PF || unlikely(fn->shadowed) || !(byte & BIT(7)) ||
	    (byte & 0x1f) >= fn->intr.num)
		return 0;
	interval = atomic_load_explicit(&fn->intr.vec[byte & 0x1f].interval_us,
					memory_order_relaxed);
	return MIN(HOLD_INTERVALS * interval, HOLD_MAX_US) * NSEC_PER_USEC;
}

static void raise_held(struct i82576_fn *fn, struct i82576_queue *q)
{
	q->tx.held = 0;
	i82576_raise(fn, q, true);
}

void i82576_raise_sent(struct i82576_fn *fn, struct i82576_queue *q, uint32_t num,
		       uint64_t now_ns)
{
	uint64_t hold = hold_ns(fn, q);

	if (!q->tx.held)
		q->tx.held_until = now_ns + hold;
	q->tx.held += num;
	if (!hold || q->tx.held >= q->num / HOLD_RING_PART)
		raise_held(fn, q);
	else
		fn->tx_held |= BIT(q->index);
}

/* Raises those whose time has come. Returns the ns until the next one's, UINT64_MAX when none
 * waits. */
static uint64_t held_tick(struct i82576_fn *fn, uint64_t now_ns)
{
	uint64_t next = UINT64_MAX;

	for (uint32_t queues = fn->tx_held; queues; queues &= queues - 1) {
		struct i82576_queue *q = &fn->tx[__builtin_ctz(queues)];

		if (!q->tx.held) /* raised since, or set up anew */
			fn->tx_held &= ~BIT(q->index);
		else if (now_ns >= q->tx.held_until)
			raise_held(fn, q);
		else
			next = MIN(next, q->tx.held_until - now_ns);
	}
	return next;
}

/* The vectors of these queues, as IVAR says. */
static uint32_t vectors_of(const struct i82576_fn *fn, const uint8_t *vec, uint32_t queues)
{
	uint32_t vectors = 0;

	for (; queues; queues &= queues - 1) {
		uint8_t byte = __atomic_load_n(&vec[__builtin_ctz(queues)], __ATOMIC_RELAXED);

		if (byte & BIT(7) && (byte & 0x1f) < fn->intr.num)
			vectors |= BIT(byte & 0x1f);
	}
	return vectors;
}

/* What the round has to report: each vector once, however many queues share it. */
static void raise_due(struct i82576_fn *fn, uint64_t now_ns)
{
	uint32_t rx = fn->rx_due, tx = fn->tx_due;

	if (likely(!(rx | tx)))
		return;
	fn->rx_due = fn->tx_due = 0;
	if (!atomic_load_explicit(&fn->single, memory_order_relaxed)) {
		nic_intr_raise(&fn->intr,
			       vectors_of(fn, fn->rx_vec, rx) | vectors_of(fn, fn->tx_vec, tx),
			       now_ns);
		return;
	}
	if (tx)
		fn->ops->single_cause(fn, true, now_ns);
	if (rx)
		fn->ops->single_cause(fn, false, now_ns);
}

void i82576_raise_now(struct i82576_fn *fn, const struct i82576_queue *q, bool tx,
		      uint64_t now_ns)
{
	const uint8_t *vec = tx ? fn->tx_vec : fn->rx_vec;
	uint8_t byte = __atomic_load_n(&vec[q->index], __ATOMIC_RELAXED);

	if (atomic_load_explicit(&fn->single, memory_order_relaxed))
		fn->ops->single_cause(fn, tx, now_ns);
	else if (byte & BIT(7) && (byte & 0x1f) < fn->intr.num)
		nic_intr_raise(&fn->intr, BIT(byte & 0x1f), now_ns);
}

bool i82576_look_stale(struct i82576_fn *fn, const uint8_t *desc)
{
	uint8_t state = atomic_load_explicit(&fn->stale, memory_order_relaxed);

	if (get_le64(desc) || get_le64(desc + 8)) {
		atomic_store_explicit(&fn->stale, I82576_STALE_OK, memory_order_relaxed);
		return true;
	}
	if (state == I82576_STALE_UNKNOWN) {
		atomic_store_explicit(&fn->stale, I82576_STALE_SUSPECT, memory_order_release);
		nic_dp_notify(fn->card->dp);
	}
	return false;
}

bool i82576_stale_probe(struct i82576_fn *fn, uint64_t *ret_addr, uint8_t ret_desc[DESC_SIZE])
{
	if (atomic_load(&fn->stale) != I82576_STALE_SUSPECT)
		return false;
	for (unsigned i = 0; i < 2 * fn->num_queues; i++) {
		const struct i82576_queue *q = i % 2 ? &fn->rx[i / 2] : &fn->tx[i / 2];
		uint32_t head = i82576_queue_reg(q, Q_HEAD), len = DESC_SIZE;
		uint64_t iova = i82576_queue_reg64(q, Q_BAL) + (uint64_t)head * DESC_SIZE;
		const uint8_t *p = iommu_xlate(fn->dom, iova, &len, IOMMU_READ);

		if (!i82576_owns(fn, i / 2) || !queue_enabled(q) ||
		    head == i82576_queue_reg(q, Q_TAIL) || !p || len < DESC_SIZE)
			continue;
		*ret_addr = iova;
		memcpy(ret_desc, p, DESC_SIZE);
		return true;
	}
	return false;
}

void i82576_shadow_watch(struct i82576_fn *fn)
{
	for (unsigned i = 0; i < 2 * fn->num_queues; i++) {
		volatile uint32_t *regs = i % 2 ? fn->tx[i / 2].guest : fn->rx[i / 2].guest;
		uint32_t ctl = __atomic_load_n(&regs[Q_CTL], __ATOMIC_RELAXED);
		uint32_t tail = __atomic_load_n(&regs[Q_TAIL], __ATOMIC_RELAXED);

		if (fn->watched[i][0] == ctl && fn->watched[i][1] == tail)
			continue;
		fn->watched[i][0] = ctl;
		fn->watched[i][1] = tail;
		nic_dp_notify(fn->card->dp);
	}
}

static void queue_forget(struct i82576_queue *q)
{
	atomic_store_explicit(&q->active, false, memory_order_relaxed);
	q->base = 0;
	q->num = q->head = 0;
	q->stalled = false;
}

void i82576_queues_reset(struct i82576_fn *fn)
{
	for (unsigned i = 0; i < fn->num_queues; i++) {
		queue_forget(&fn->rx[i]);
		queue_forget(&fn->tx[i]);
		memset(&fn->tx[i].tx, 0, sizeof(fn->tx[i].tx));
	}
}

static bool port_strips_tag(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire)->strip_tag;
}

static uint64_t port_tick(struct nic_port *port, uint64_t now_ns)
{
	struct i82576_fn *fn = i82576_fn_of(port);
	uint64_t from = atomic_load_explicit(&fn->tx_from, memory_order_relaxed);
	uint64_t next = held_tick(fn, now_ns);
	struct ir_fault fault;

	raise_due(fn, now_ns);
	if (unlikely(nic_intr_take_fault(&fn->intr, &fault)))
		push_fault(fn, fault.info, fault.reason, true);
	next = MIN(next, nic_intr_tick(&fn->intr, now_ns));
	return now_ns < from ? MIN(next, from - now_ns) : next;
}

const struct nic_port_ops i82576_port_ops = {
	.tx_poll = i82576_tx_poll,
	.tx_done = i82576_tx_done,
	.rx_strips_tag = port_strips_tag,
	.rx_buffers = i82576_rx_buffers,
	.rx_commit = i82576_rx_commit,
	.rx_run = i82576_rx_run,
	.rx_series = i82576_rx_series,
	.rx_done = i82576_rx_done,
	.tick = port_tick,
};
