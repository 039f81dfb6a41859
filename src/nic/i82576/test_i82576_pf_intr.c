/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PF's interrupts as igb meets them, with several vectors, with MSI and with INTx. The PF
 * is made by hand: registers, an interrupt block with ten eventfds, and no more.
 */
#include "test_i82576_pf.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "i82576_queue.h"

#define TXDW	 I82576_ICR_TXDW
#define LSC	 I82576_ICR_LSC
#define RXDW	 I82576_ICR_RXDW
#define VMMB	 I82576_ICR_VMMB
#define ASSERTED I82576_ICR_INT_ASSERTED
/* IMS and IAM of igb with one vector. */
#define IGB_CAUSES 0x5000009du
/* GPIE of igb with several: Multiple_MSIX, PBA support, EIAME, NSICR. */
#define IGB_GPIE 0xc0000011u
#define NSICR	 0x00000001u
#define MSIX	 0x00000010u

enum mode { MULTIPLE, MSIX_ONE, MSI, INTX };

static int fds[I82576_PF_VECTORS];
static enum mode mode;

/* Notifications of vector v since the last call. */
static uint64_t got(unsigned v)
{
	uint64_t n = 0;

	return read(fds[v], &n, sizeof(n)) < 0 ? 0 : n;
}

static uint64_t got_any(void)
{
	uint64_t n = 0;

	for (unsigned v = 0; v < I82576_PF_VECTORS; v++)
		n += got(v);
	return n;
}

static void raise_now(uint32_t causes)
{
	i82576_pf_raise(pf, causes, clock_ns());
}

static int new_pf(void)
{
	if (pf_new_bare() < 0)
		return -1;
	for (unsigned v = 0; v < I82576_PF_VECTORS; v++) {
		fds[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		test_intr_set_fd(&pf->fn.intr, PCI_RID(1, 0, 4), v, fds[v]);
	}
	return 0;
}

/* As after igb's probe, before it is opened. */
static int set_up(void **state)
{
	static const struct i82576_fn_ops ops = {.single_cause = i82576_pf_single_cause};

	mode = *(const enum mode *)*state;
	if (test_set_up(state) < 0 || new_pf() < 0)
		return -1;
	pf->fn.ops = &ops;
	i82576_pf_intr_mode(pf, mode == MULTIPLE || mode == MSIX_ONE, mode == INTX);
	if (mode == MULTIPLE)
		wr_pf(I82576_GPIE, IGB_GPIE);
	return 0;
}

static int tear_down(void **state)
{
	for (unsigned v = 0; v < I82576_PF_VECTORS; v++)
		close(fds[v]);
	free(pf);
	return test_tear_down(state);
}

/* ---- several vectors ---- */

/* igb_configure_msix and igb_irq_enable: vector 0 for other causes, n + 1 for queue n of four.
 */
static void igb_up(void)
{
	wr_pf(I82576_IVAR_MISC, 0x8000);
	for (uint32_t q = 0; q < 4; q++)
		wr_pf(I82576_IVAR0 + 4 * q, 0x8181 + 0x0101 * q);
	wr_pf(I82576_EIAC, 0x1f);
	wr_pf(I82576_EIAM, 0x1f);
	wr_pf(I82576_EIMS, 0x1f);
	wr_pf(I82576_IMS, LSC | VMMB | I82576_ICR_DOUTSYNC | I82576_ICR_DRSTA);
}

static void other_causes_have_the_vector_of_ivar_misc(void **state)
{
	(void)state;
	igb_up();
	raise_now(LSC);
	assert_int_equal(got(0), 1);
	wr_pf(I82576_IVAR_MISC, 0x8703); /* 7: not enabled */
	rd_pf(I82576_ICR);
	raise_now(LSC);
	assert_int_equal(got_any(), 0);
	wr_pf(I82576_EIMS, 1u << 7);
	assert_int_equal(got(7), 1);
	wr_pf(I82576_IVAR_MISC, 0x0083); /* only the TCP timer's is valid */
	wr_pf(I82576_EIMS, 0x3ff);
	rd_pf(I82576_ICR);
	got_any();
	raise_now(LSC);
	assert_int_equal(got_any(), 0);
}

static void a_vector_set_late_tells_what_stands(void **state)
{
	(void)state;
	wr_pf(I82576_EIMS, 0x3ff);
	wr_pf(I82576_IMS, LSC);
	raise_now(LSC);
	assert_int_equal(got_any(), 0);
	wr_pf(I82576_IVAR_MISC, 0x8900);
	assert_int_equal(got(9), 1);
	assert_int_equal(got_any(), 0);
}

static void a_masked_cause_waits_for_ims(void **state)
{
	(void)state;
	igb_up();
	wr_pf(I82576_IMC, LSC);
	assert_int_equal(rd_pf(I82576_IMS) & LSC, 0);
	raise_now(LSC);
	assert_int_equal(got_any(), 0);
	wr_pf(I82576_IMS, LSC);
	assert_int_equal(got(0), 1);
	assert_int_equal(got_any(), 0);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | LSC);
}

static void igb_msix_other_misses_nothing(void **state)
{
	(void)state;
	igb_up();
	raise_now(LSC);
	raise_now(VMMB); /* between the message and the read of ICR */
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | LSC | VMMB);
	raise_now(VMMB); /* between the read and the unmask */
	assert_int_equal(got(0), 0);
	wr_pf(I82576_EIMS, 1);
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | VMMB);
	wr_pf(I82576_EIMS, 1);
	assert_int_equal(got(0), 0);
	raise_now(LSC);
	assert_int_equal(got(0), 1);
	assert_int_equal(got_any(), 0);
}

static void a_cause_that_stands_is_told_again_when_raised_again(void **state)
{
	(void)state;
	igb_up();
	raise_now(LSC);
	wr_pf(I82576_EIMS, 1);
	assert_int_equal(got(0), 1);
	raise_now(LSC);
	assert_int_equal(got(0), 1);
}

static void queues_have_the_vectors_of_ivar(void **state)
{
	uint32_t ivar;

	(void)state;
	for (uint32_t n = 0; n < 8; n++)
		wr_pf(I82576_IVAR0 + 4 * n, 0x83828180 + 0x01010101 * n);
	for (uint32_t q = 0; q < I82576_MAX_QUEUES; q++) {
		ivar = 0x80 + q % 8 + (q < 8 ? 0 : 2);
		assert_int_equal(pf->fn.rx_vec[q], ivar);
		assert_int_equal(pf->fn.tx_vec[q], ivar + 1);
	}
	wr_pf(I82576_IVAR0, 0xffffffff);
	assert_int_equal(pf->fn.rx_vec[0] & pf->fn.tx_vec[0] & pf->fn.rx_vec[8], 0x9f);
	assert_int_equal(rd_pf(I82576_IVAR0), 0x9f9f9f9f);
}

static void queue_causes_raise_their_vector_alone(void **state)
{
	struct i82576_queue q = {.index = 2};

	(void)state;
	igb_up();
	i82576_raise_now(&pf->fn, &q, false, clock_ns());
	assert_int_equal(got(3), 1);
	wr_pf(I82576_EIMS, 0x1f);
	i82576_raise_now(&pf->fn, &q, true, clock_ns());
	assert_int_equal(got(3), 1);
	assert_int_equal(got_any(), 0);
	assert_int_equal(rd_pf(I82576_ICR), 0);
}

static void a_vector_that_is_not_there_is_never_raised(void **state)
{
	(void)state;
	igb_up();
	wr_pf(I82576_EIMS, 0xffffffff);
	assert_int_equal(rd_pf(I82576_EIMS), 0x3ff);
	for (uint32_t v = I82576_PF_VECTORS; v < 32; v++) {
		wr_pf(I82576_IVAR_MISC, 0x8000 | v << 8);
		raise_now(LSC);
		wr_pf(I82576_EITR + 4 * (v % 25), 0xffff);
		wr_pf(I82576_EICS, 1u << v);
	}
	assert_int_equal(got_any(), 0);
	assert_int_equal(rd_pf(I82576_EICR), 0);
}

static void eiac_and_eiam_act_on_each_vector_alone(void **state)
{
	(void)state;
	for (unsigned v = 0; v < I82576_PF_VECTORS; v++) {
		uint32_t bit = 1u << v;

		wr_pf(I82576_EIMC, 0xffffffff);
		wr_pf(I82576_EICR, 0xffffffff);
		wr_pf(I82576_EIAC, bit);
		wr_pf(I82576_EIAM, 0x3ff & ~bit);
		wr_pf(I82576_EIMS, 0x3ff);
		wr_pf(I82576_EICS, 0x3ff);
		assert_int_equal(got_any(), I82576_PF_VECTORS);
		assert_int_equal(rd_pf(I82576_EIMS), bit); /* no auto-mask */
		assert_int_equal(rd_pf(I82576_EICR), 0x3ff & ~bit);
		assert_int_equal(rd_pf(I82576_EIAC), bit);
		assert_int_equal(rd_pf(I82576_EIAM), 0x3ff & ~bit);
	}
}

static void without_eiame_a_message_masks_nothing_but_a_read_does(void **state)
{
	(void)state;
	igb_up();
	wr_pf(I82576_GPIE, IGB_GPIE & ~(1u << 30));
	wr_pf(I82576_EIAC, 0x1e);
	raise_now(LSC);
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_EIMS), 0x1f);
	assert_int_equal(rd_pf(I82576_EICR), 1);
	assert_int_equal(rd_pf(I82576_EIMS), 0x1e);
	wr_pf(I82576_GPIE, IGB_GPIE); /* EIAM was written before */
	wr_pf(I82576_EIMS, 1);
	raise_now(LSC);
	assert_int_equal(rd_pf(I82576_EIMS), 0x1e);
}

static void eics_unmasks_by_eiam(void **state)
{
	(void)state;
	igb_up();
	wr_pf(I82576_EIMC, 0xffffffff);
	wr_pf(I82576_EICS, 4);
	assert_int_equal(got(2), 1);
	assert_int_equal(got_any(), 0);
}

static void throttling_is_in_microseconds_and_holds_back(void **state)
{
	(void)state;
	igb_up();
	for (uint32_t v = 0; v < 25; v++)
		wr_pf(I82576_EITR + 4 * v, 1u << 31 | 1000 << 2 | 3);
	assert_int_equal(rd_pf(I82576_EITR + 4 * 24), 1000 << 2);
	for (unsigned v = 0; v < I82576_PF_VECTORS; v++)
		assert_int_equal(atomic_load(&pf->fn.intr.vec[v].interval_us), 1000);
	i82576_pf_raise(pf, LSC, 1000);
	assert_int_equal(got(0), 1);
	wr_pf(I82576_EIMS, 1);
	i82576_pf_raise(pf, LSC, 1001);
	assert_int_equal(got(0), 0);
	assert_true(nic_intr_tick(&pf->fn.intr, 1001) == 999999);
	nic_intr_tick(&pf->fn.intr, 1001000);
	assert_int_equal(got(0), 1);
}

static void reset_forgets_all(void **state)
{
	(void)state;
	igb_up();
	wr_pf(I82576_IAM, LSC);
	wr_pf(I82576_IMC, LSC);
	raise_now(LSC);
	nic_reg_reset(pf->regs, pf->bar0);
	nic_intr_reset(&pf->fn.intr);
	i82576_pf_intr_reset(pf);
	assert_int_equal(rd_pf(I82576_IMS) | rd_pf(I82576_EIMS) | rd_pf(I82576_ICR), 0);
	assert_int_equal(pf->fn.rx_vec[1] | pf->fn.tx_vec[1], 0);
	assert_int_equal(atomic_load(&pf->causes.iam), 0);
	assert_true(atomic_load(&pf->fn.single)); /* until GPIE says otherwise */
	wr_pf(I82576_GPIE, IGB_GPIE);
	assert_false(atomic_load(&pf->fn.single));
}

/* ---- ICR ---- */

static void only_true_interrupts_are_acknowledged_without_nsicr(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, RXDW);
	wr_pf(I82576_IAM, RXDW);
	raise_now(LSC); /* not enabled */
	assert_int_equal(rd_pf(I82576_ICR), LSC);
	assert_int_equal(rd_pf(I82576_ICR), LSC);
	assert_int_equal(rd_pf(I82576_IMS), RXDW);
	raise_now(RXDW);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | LSC | RXDW);
	assert_int_equal(rd_pf(I82576_IMS), 0);
	assert_int_equal(rd_pf(I82576_ICR), 0);
	raise_now(LSC);
	assert_int_equal(rd_pf(I82576_ICR), LSC); /* none enabled: cleared */
	assert_int_equal(rd_pf(I82576_ICR), 0);
}

static void nsicr_acknowledges_always(void **state)
{
	(void)state;
	wr_pf(I82576_GPIE, NSICR);
	wr_pf(I82576_IMS, RXDW | TXDW);
	wr_pf(I82576_IAM, RXDW);
	raise_now(LSC);
	assert_int_equal(rd_pf(I82576_ICR), LSC);
	assert_int_equal(rd_pf(I82576_ICR), 0);
	assert_int_equal(rd_pf(I82576_IMS), TXDW);
}

static void writing_icr_clears_ones_and_masks_as_well(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, RXDW | LSC);
	wr_pf(I82576_IAM, LSC);
	raise_now(RXDW | LSC | VMMB);
	wr_pf(I82576_ICR, LSC | VMMB);
	assert_int_equal(rd_pf(I82576_IMS), RXDW);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | RXDW);
	raise_now(VMMB);
	wr_pf(I82576_IAM, RXDW);
	wr_pf(I82576_ICR, VMMB); /* nothing true: no auto-mask */
	assert_int_equal(rd_pf(I82576_IMS), RXDW);
}

static void only_implemented_causes_can_be_set(void **state)
{
	(void)state;
	wr_pf(I82576_ICS, 0xffffffff);
	assert_int_equal(rd_pf(I82576_ICR), 0x77dcfbfd);
	wr_pf(I82576_IMS, 0xffffffff);
	assert_int_equal(rd_pf(I82576_IMS), 0x77dcfbfd);
	wr_pf(I82576_IMC, 0xffffffff);
	assert_int_equal(rd_pf(I82576_IMS), 0);
}

static void eicr_tells_of_other_causes_with_one_vector(void **state)
{
	(void)state;
	raise_now(LSC);
	assert_int_equal(rd_pf(I82576_EICR), 0);
	wr_pf(I82576_IMS, LSC);
	assert_int_equal(rd_pf(I82576_EICR), 1u << 31);
	rd_pf(I82576_ICR);
	assert_int_equal(rd_pf(I82576_EICR), 0);
}

/* ---- one vector ---- */

static void msi_tells_each_new_cause_once(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, LSC | RXDW);
	raise_now(RXDW);
	raise_now(RXDW);
	raise_now(TXDW);
	assert_int_equal(got(0), 1);
	raise_now(LSC); /* new, though RXDW still stands */
	assert_int_equal(got(0), 1);
	wr_pf(I82576_IMS, LSC | RXDW);
	assert_int_equal(got(0), 0);
	wr_pf(I82576_IMS, TXDW); /* newly enabled */
	assert_int_equal(got(0), 1);
	i82576_pf_intx_unmask(pf); /* not INTx: means nothing */
	assert_int_equal(got(0), 0);
	rd_pf(I82576_ICR);
	raise_now(RXDW);
	assert_int_equal(got(0), 1);
	assert_int_equal(got_any(), 0);
}

static void intx_is_a_level(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, LSC | RXDW);
	i82576_pf_intx_unmask(pf);
	raise_now(TXDW);
	assert_int_equal(got(0), 0);
	raise_now(RXDW);
	raise_now(RXDW);
	raise_now(LSC);
	wr_pf(I82576_IMS, TXDW);
	assert_int_equal(got(0), 1);
	i82576_pf_intx_unmask(pf);
	assert_int_equal(got(0), 1);
	wr_pf(I82576_ICR, RXDW);
	i82576_pf_intx_unmask(pf);
	assert_int_equal(got(0), 1); /* LSC keeps it up */
	rd_pf(I82576_ICR);
	i82576_pf_intx_unmask(pf);
	assert_int_equal(got(0), 0);
	raise_now(LSC);
	assert_int_equal(got(0), 1);
}

static void queues_report_themselves_in_icr(void **state)
{
	struct i82576_queue q = {.index = 5};

	(void)state;
	wr_pf(I82576_IVAR0 + 4 * 5, 0x8787);
	wr_pf(I82576_EIMS, 0x3ff);
	wr_pf(I82576_IMS, IGB_CAUSES);
	i82576_raise_now(&pf->fn, &q, false, clock_ns());
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | RXDW);
	i82576_raise_now(&pf->fn, &q, true, clock_ns());
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | TXDW);
	assert_int_equal(got_any(), 0);
}

/* igb_intr and igb_intr_msi: reading masks by IAM; NAPI's end enables again. */
static void napi_with_one_vector_misses_nothing(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, IGB_CAUSES);
	wr_pf(I82576_IAM, IGB_CAUSES);
	raise_now(RXDW);
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | RXDW);
	i82576_pf_intx_unmask(pf);
	raise_now(RXDW | TXDW);
	i82576_pf_intx_unmask(pf);
	assert_int_equal(got(0), 0);
	wr_pf(I82576_IMS, IGB_CAUSES);
	assert_int_equal(got(0), 1);
	assert_int_equal(rd_pf(I82576_ICR), ASSERTED | RXDW | TXDW);
	wr_pf(I82576_IMS, IGB_CAUSES);
	assert_int_equal(got_any(), 0);
	/* igb on an interrupt line shared with others. */
	assert_int_equal(rd_pf(I82576_ICR), 0);
}

static void a_change_of_mode_tells_what_stands_anew(void **state)
{
	(void)state;
	wr_pf(I82576_IVAR_MISC, 0x8400);
	wr_pf(I82576_EIMS, 0x3ff);
	wr_pf(I82576_IMS, LSC);
	test_intr_set_fd(&pf->fn.intr, PCI_RID(1, 0, 4), 0, -1);
	raise_now(LSC);
	i82576_pf_intr_mode(pf, false, true);
	test_intr_set_fd(&pf->fn.intr, PCI_RID(1, 0, 4), 0, fds[0]);
	assert_int_equal(got_any(), 0);
	i82576_pf_intr_mode(pf, false, true);
	assert_int_equal(got(0), 1);
	i82576_pf_intr_mode(pf, false, false);
	assert_int_equal(got(0), 1);
	i82576_pf_intr_mode(pf, true, false); /* Multiple_MSIX is not set */
	assert_int_equal(got(0), 1);
	wr_pf(I82576_GPIE, MSIX);
	assert_int_equal(got(4), 1);
	assert_int_equal(got_any(), 0);
	i82576_pf_intr_mode(pf, false, false);
	assert_int_equal(got(0), 1);
	i82576_pf_intr_mode(pf, true, false);
	assert_int_equal(got_any(), 0); /* vector 4 has EICR to clear first */
	wr_pf(I82576_GPIE, 0);
	assert_int_equal(got(0), 1);
}

/* ---- ethtool -t: igb_intr_test, after a reset (so GPIE is 0) ---- */

static uint32_t test_icr;

/* What runs while the driver sleeps: its handler, and the client's end of interrupt. */
static void handler_runs(void)
{
	for (unsigned i = 0; i < 4 && got(0); i++) {
		test_icr |= rd_pf(I82576_ICR);
		if (mode == INTX)
			i82576_pf_intx_unmask(pf);
	}
	assert_int_equal(got_any(), 0);
}

static uint32_t try_causes(uint32_t mask_reg, uint32_t mask, uint32_t causes)
{
	test_icr = 0;
	wr_pf(I82576_ICR, 0xffffffff);
	wr_pf(mask_reg, mask);
	wr_pf(I82576_ICS, causes);
	handler_runs();
	return test_icr;
}

static void ethtool_s_interrupt_test_passes(void **state)
{
	const uint32_t ics_mask = 0x77d4fbfd;

	(void)state;
	if (mode == MSIX_ONE) {
		wr_pf(I82576_IVAR_MISC, 0x8000);
		wr_pf(I82576_EIMS, 1);
	}
	wr_pf(I82576_IMC, 0xffffffff);
	handler_runs();
	for (unsigned i = 0; i < 31; i++) {
		uint32_t bit = 1u << i;

		if (!(bit & ics_mask))
			continue;
		assert_int_equal(try_causes(I82576_IMC, bit, bit) & bit, 0);
		assert_int_equal(try_causes(I82576_IMS, bit, bit) & bit, bit);
		assert_int_equal(try_causes(I82576_IMC, ~bit, ~bit) & bit, 0);
	}
	wr_pf(I82576_IMC, 0xffffffff);
	handler_runs();
}

/* ---- two threads ---- */

#define EVENTS 20000u

/* Events of two causes: those made, and those the guest was told of. */
struct stress {
	_Atomic uint32_t made[2], seen[2];
	_Atomic bool done; /* the guest has seen all, or given up */
	uint32_t cause[2];
};

static bool all_seen(struct stress *s, uint32_t events)
{
	return atomic_load(&s->seen[0]) >= events && atomic_load(&s->seen[1]) >= events;
}

/* The data path: an event, then its cause. Goes on only when the guest has seen a few of them,
 * so that a later one cannot hide that one was lost. */
static void *raiser(void *arg)
{
	struct stress *s = arg;

	for (uint32_t i = 1; i <= EVENTS; i++) {
		for (unsigned k = 0; k < 2; k++) {
			atomic_store_explicit(&s->made[k], i, memory_order_relaxed);
			raise_now(s->cause[k]);
		}
		while (i % 4 == 0 && !all_seen(s, i) && !atomic_load(&s->done))
			sched_yield();
	}
	return NULL;
}

/* The guest looks only for what ICR says. */
static void look(struct stress *s, uint32_t icr)
{
	for (unsigned k = 0; k < 2; k++)
		if (icr & s->cause[k])
			atomic_store(&s->seen[k], atomic_load(&s->made[k]));
}

static bool guest_waits(void)
{
	struct pollfd p = {.fd = fds[0], .events = POLLIN};

	return poll(&p, 1, 10000) == 1 && got(0) > 0;
}

/* A guest that is woken reads ICR, looks, and lets the next one through. */
static void stress(uint32_t one, uint32_t other, void (*rearm)(void))
{
	struct stress s = {.cause = {one, other}};
	uint32_t icr, wrong = 0;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, raiser, &s), 0);
	while (!all_seen(&s, EVENTS) && guest_waits()) {
		icr = rd_pf(I82576_ICR);
		wrong += (icr & ~(ASSERTED | one | other)) != 0;
		look(&s, icr);
		rearm();
	}
	atomic_store(&s.done, true);
	pthread_join(thread, NULL);
	assert_true(all_seen(&s, EVENTS));
	assert_int_equal(wrong, 0);
}

/* A guest that polls ICR: reading and clearing is one step. */
static void no_cause_is_lost_between_two_reads(void **state)
{
	struct stress s = {.cause = {RXDW, TXDW}};
	uint64_t end = clock_ns() + 10 * NSEC_PER_SEC;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, raiser, &s), 0);
	while (!all_seen(&s, EVENTS) && clock_ns() < end)
		look(&s, rd_pf(I82576_ICR));
	atomic_store(&s.done, true);
	pthread_join(thread, NULL);
	assert_true(all_seen(&s, EVENTS));
}

static void rearm_other(void)
{
	wr_pf(I82576_EIMS, 1);
}

static void rearm_one(void)
{
	if (mode == INTX)
		i82576_pf_intx_unmask(pf);
	wr_pf(I82576_IMS, IGB_CAUSES);
}

static void rearm_nothing(void)
{
	i82576_pf_intx_unmask(pf); /* MSI: means nothing */
}

static void no_cause_is_lost_with_several_vectors(void **state)
{
	(void)state;
	igb_up();
	stress(LSC, VMMB, rearm_other);
}

static void no_cause_is_lost_with_auto_mask(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, IGB_CAUSES);
	wr_pf(I82576_IAM, IGB_CAUSES);
	stress(RXDW, TXDW, rearm_one);
}

static void no_cause_is_lost_without_auto_mask(void **state)
{
	(void)state;
	wr_pf(I82576_IMS, IGB_CAUSES);
	stress(RXDW, TXDW, rearm_nothing);
}

int main(void)
{
#define IN(m, f) cmocka_unit_test_prestate_setup_teardown(f, set_up, tear_down, &modes[m])
#define V(f)	 IN(MULTIPLE, f)
#define X1(f)	 IN(MSIX_ONE, f)
#define M(f)	 IN(MSI, f)
#define I(f)	 IN(INTX, f)
	static enum mode modes[] = {MULTIPLE, MSIX_ONE, MSI, INTX};
	const struct CMUnitTest tests[] = {
		V(other_causes_have_the_vector_of_ivar_misc),
		V(a_vector_set_late_tells_what_stands),
		V(a_masked_cause_waits_for_ims),
		V(igb_msix_other_misses_nothing),
		V(a_cause_that_stands_is_told_again_when_raised_again),
		V(queues_have_the_vectors_of_ivar),
		V(queue_causes_raise_their_vector_alone),
		V(a_vector_that_is_not_there_is_never_raised),
		V(eiac_and_eiam_act_on_each_vector_alone),
		V(without_eiame_a_message_masks_nothing_but_a_read_does),
		V(eics_unmasks_by_eiam),
		V(throttling_is_in_microseconds_and_holds_back),
		V(reset_forgets_all),
		M(only_true_interrupts_are_acknowledged_without_nsicr),
		M(nsicr_acknowledges_always),
		M(writing_icr_clears_ones_and_masks_as_well),
		M(only_implemented_causes_can_be_set),
		M(eicr_tells_of_other_causes_with_one_vector),
		M(msi_tells_each_new_cause_once),
		X1(msi_tells_each_new_cause_once),
		I(intx_is_a_level),
		M(queues_report_themselves_in_icr),
		X1(queues_report_themselves_in_icr),
		M(napi_with_one_vector_misses_nothing),
		I(napi_with_one_vector_misses_nothing),
		M(a_change_of_mode_tells_what_stands_anew),
		X1(ethtool_s_interrupt_test_passes),
		M(ethtool_s_interrupt_test_passes),
		I(ethtool_s_interrupt_test_passes),
		M(no_cause_is_lost_between_two_reads),
		V(no_cause_is_lost_with_several_vectors),
		M(no_cause_is_lost_with_auto_mask),
		X1(no_cause_is_lost_with_auto_mask),
		I(no_cause_is_lost_with_auto_mask),
		M(no_cause_is_lost_without_auto_mask),
		I(no_cause_is_lost_without_auto_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
