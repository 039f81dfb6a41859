/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * No wake-up is lost: the argument.
 *
 * A raise sets EICR and then reads EIMS; an unmask sets EIMS and then reads EICR; a new message
 * is stored and then EICR and EIMS are read, while a firing reads the message after both; a
 * deferral reads the eventfd's deadline after setting EICR, and a tick clears `deferred` before
 * it reads EICR. All of these are sequentially consistent, so of any two sides at least one
 * sees the other, and that one fires.
 *
 * Both sides may see each other. With EIAM the mask bit decides who fires, with EIAC alone the
 * cause bit: whoever clears it. A cause bit is cleared only by somebody who sends the message
 * after that (or gives it to the guest, which read EICR), so a cause merged into a firing under
 * way is still announced.
 *
 * A vector with neither EIAM nor EIAC is signalled when its cause or its mask goes 0 -> 1.
 */
#include "nic_intr.h"

#include <assert.h>

#include "clock.h"

#define NEVER UINT64_MAX

static uint32_t valid_mask(const struct nic_intr *intr)
{
	return (uint32_t)(BIT64(intr->num) - 1);
}

void nic_intr_init(struct nic_intr *intr, unsigned vectors)
{
	assert(vectors <= NIC_INTR_VECTORS);
	memset(intr, 0, sizeof(*intr));
	intr->num = vectors;
}

void nic_intr_connect(struct nic_intr *intr, struct ir *ir, pci_rid_t rid)
{
	intr->ir = ir;
	intr->rid = rid;
}

void nic_intr_reset(struct nic_intr *intr)
{
	atomic_store(&intr->eims, 0); /* first: nothing fires half reset */
	atomic_store(&intr->eicr, 0);
	atomic_store(&intr->eiac, 0);
	atomic_store(&intr->eiam, 0);
	atomic_store(&intr->deferred, 0);
	for (unsigned v = 0; v < intr->num; v++) {
		atomic_store(&intr->vec[v].interval_us, 0);
		atomic_store(&intr->vec[v].next_ns, 0);
	}
}

static void count(_Atomic uint64_t *counter)
{
	atomic_fetch_add_explicit(counter, 1, memory_order_relaxed); /* two threads write it */
}

/* ns until the vector may fire; 0 = now. */
static uint64_t wait_ns(const struct nic_vector *vec, uint64_t now_ns)
{
	uint64_t next;

	/* Relaxed: only spacing depends on these two, never whether something is fired. */
	if (!atomic_load_explicit(&vec->interval_us, memory_order_relaxed))
		return 0;
	next = atomic_load_explicit(&vec->next_ns, memory_order_relaxed);
	return next > now_ns ? next - now_ns : 0;
}

/* Auto-mask and auto-clear. False: somebody else fires, or fired, what we saw. */
static bool claim(struct nic_intr *intr, uint32_t bit)
{
	bool clear = atomic_load(&intr->eiac) & bit;

	if (atomic_load(&intr->eiam) & bit) {
		if (!(atomic_fetch_and(&intr->eims, ~bit) & bit))
			return false;
		if (clear)
			atomic_fetch_and(&intr->eicr, ~bit);
		return true;
	}
	return !clear || (atomic_fetch_and(&intr->eicr, ~bit) & bit);
}

/* Of refused_info. Bits 39:32 of ir_fault.info are free. */
#define REFUSED_REASON_SHIFT 32

static void refused(struct nic_intr *intr, const struct ir_fault *fault)
{
	count(&intr->refused);
	if (!fault->silent)
		atomic_store(&intr->refused_info,
			     fault->info | (uint64_t)fault->reason << REFUSED_REASON_SHIFT);
}

static enum ir_result request(struct nic_intr *intr, uint32_t addr, uint32_t data)
{
	struct ir_fault fault;
	enum ir_result result = ir_raise(intr->ir, intr->rid, addr, data, &fault);

	if (unlikely(result == IR_REFUSED))
		refused(intr, &fault);
	else if (unlikely(result == IR_JAMMED))
		atomic_store(&intr->jammed, true); /* the owner of intr will drop the client */
	return result;
}

static void send(struct nic_intr *intr, struct nic_vector *vec, uint64_t msg)
{
	count(&vec->fired);
	if (request(intr, (uint32_t)(msg >> 32), (uint32_t)msg) == IR_POSTED)
		count(&vec->posted);
}

/* Vector v is enabled and has a cause: fires it, or leaves it for later. */
static void fire(struct nic_intr *intr, unsigned v, uint64_t now_ns)
{
	struct nic_vector *vec = &intr->vec[v];
	uint64_t msg = atomic_load(&vec->msg), interval;

	if (!msg) {
		count(&vec->coalesced); /* stays pending for nic_intr_set_msg */
		return;
	}
	if (wait_ns(vec, now_ns)) {
		count(&vec->coalesced);
		if (!(atomic_load(&intr->deferred) & BIT(v)))
			atomic_fetch_or(&intr->deferred, BIT(v));
		return;
	}
	if (!claim(intr, BIT(v))) {
		count(&vec->coalesced);
		return;
	}
	interval = atomic_load_explicit(&vec->interval_us, memory_order_relaxed);
	if (interval)
		atomic_store_explicit(&vec->next_ns, now_ns + interval * NSEC_PER_USEC,
				      memory_order_relaxed);
	send(intr, vec, msg);
}

static void fire_all(struct nic_intr *intr, uint32_t vectors, uint64_t now_ns)
{
	for (; vectors; vectors &= vectors - 1)
		fire(intr, (unsigned)__builtin_ctz(vectors), now_ns);
}

static uint32_t auto_mask(const struct nic_intr *intr)
{
	return atomic_load(&intr->eiac) | atomic_load(&intr->eiam);
}

void nic_intr_raise(struct nic_intr *intr, uint32_t causes, uint64_t now_ns)
{
	uint32_t old, ready, idle;

	causes &= valid_mask(intr);
	if (!causes)
		return;
	old = atomic_fetch_or(&intr->eicr, causes); /* pairs with EIMS in nic_intr_write_eims */
	ready = causes & atomic_load(&intr->eims) & (~old | auto_mask(intr));
	for (idle = causes & ~ready; idle; idle &= idle - 1)
		count(&intr->vec[__builtin_ctz(idle)].coalesced);
	fire_all(intr, ready, now_ns);
}

static void tick_vector(struct nic_intr *intr, unsigned v, uint64_t now_ns)
{
	atomic_fetch_and(&intr->deferred, ~BIT(v)); /* before the cause is read */
	if (atomic_load(&intr->eicr) & atomic_load(&intr->eims) & BIT(v))
		fire(intr, v, now_ns);
}

uint64_t nic_intr_tick(struct nic_intr *intr, uint64_t now_ns)
{
	uint32_t waiting = atomic_load(&intr->deferred);
	uint64_t next = NEVER;

	for (; waiting; waiting &= waiting - 1) {
		unsigned v = (unsigned)__builtin_ctz(waiting);

		if (!wait_ns(&intr->vec[v], now_ns))
			tick_vector(intr, v, now_ns);
		if (atomic_load(&intr->deferred) & BIT(v))
			next = MIN(next, wait_ns(&intr->vec[v], now_ns));
	}
	return next;
}

uint32_t nic_intr_read_eicr(struct nic_intr *intr)
{
	uint32_t causes = atomic_exchange(&intr->eicr, 0);

	/* Only what was read: a vector whose cause nobody has seen keeps its mask bit. */
	atomic_fetch_and(&intr->eims, ~(causes & atomic_load(&intr->eiam)));
	return causes;
}

void nic_intr_write_eicr(struct nic_intr *intr, uint32_t w1c)
{
	atomic_fetch_and(&intr->eicr, ~w1c);
}

void nic_intr_write_eics(struct nic_intr *intr, uint32_t causes, uint64_t now_ns)
{
	causes &= valid_mask(intr);
	atomic_fetch_or(&intr->eims, causes & atomic_load(&intr->eiam));
	nic_intr_raise(intr, causes, now_ns);
}

void nic_intr_write_eims(struct nic_intr *intr, uint32_t set, uint64_t now_ns)
{
	uint32_t old, fresh;

	set &= valid_mask(intr);
	old = atomic_fetch_or(&intr->eims, set); /* pairs with EICR in nic_intr_raise */
	fresh = set & (~old | auto_mask(intr));
	fire_all(intr, fresh & atomic_load(&intr->eicr), now_ns);
}

void nic_intr_write_eimc(struct nic_intr *intr, uint32_t clear)
{
	atomic_fetch_and(&intr->eims, ~clear);
}

void nic_intr_set_interval(struct nic_intr *intr, unsigned vector, uint32_t interval_us)
{
	if (vector < intr->num)
		atomic_store_explicit(&intr->vec[vector].interval_us, interval_us,
				      memory_order_relaxed);
}

void nic_intr_set_msg(struct nic_intr *intr, unsigned vector, uint64_t msg)
{
	uint64_t old;

	assert(vector < intr->num);
	old = atomic_exchange(&intr->vec[vector].msg, msg);
	/* What was raised while there was no message: the vector's pending bit, so to speak. */
	if (msg && !old && (atomic_load(&intr->eicr) & atomic_load(&intr->eims) & BIT(vector)))
		fire(intr, vector, clock_ns());
}

void nic_intr_force(struct nic_intr *intr, unsigned vector)
{
	uint64_t msg = vector < intr->num ? atomic_load(&intr->vec[vector].msg) : 0;

	if (msg)
		send(intr, &intr->vec[vector], msg);
}

void nic_intr_request(struct nic_intr *intr, uint32_t addr, uint32_t data)
{
	if (intr->ir)
		request(intr, addr, data);
}

bool nic_intr_take_fault(struct nic_intr *intr, struct ir_fault *ret_fault)
{
	uint64_t info;

	if (likely(!atomic_load_explicit(&intr->refused_info, memory_order_relaxed)))
		return false;
	info = atomic_exchange(&intr->refused_info, 0);
	ret_fault->reason = (uint8_t)(info >> REFUSED_REASON_SHIFT);
	ret_fault->info = info & ~(0xffull << REFUSED_REASON_SHIFT);
	ret_fault->silent = false;
	return true;
}
