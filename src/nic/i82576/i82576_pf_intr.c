/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PF's interrupts: ICR with its mask, and how causes become messages.
 *
 * Several vectors (MSI-X enabled and GPIE.Multiple_MSIX): a queue raises the vector that IVAR
 * names for it (i82576_raise), what ICR reports raises the one in IVAR_MISC, and the extended
 * block (nic_intr.h) masks, clears and spaces them. One vector (all else): queues report
 * themselves as RXDW and TXDW in ICR, and vector 0 tells that ICR & IMS has something. INTx is
 * a level: told when it rises, and again when the client unmasks it while it still stands. MSI,
 * and MSI-X with one vector, are edges: told for each cause that is new in ICR & IMS. Left out
 * in this mode: EITR(0), because the driver masks itself by reading ICR (IAM), and the queues'
 * bits in EICR.
 *
 * No cause is lost: a raise sets ICR and then reads IMS, an unmask sets IMS and then reads ICR,
 * both sequentially consistent, so at least one of the two sees the other and tells. Only the
 * control thread clears ICR, always by giving the bits to the guest, and only it changes IMS.
 */
#include "clock.h"
#include "i82576_pf.h"
#include "i82576_pf_regs.h"

/* What ICR, ICS, IMS and IMC implement (8.8.9). */
#define CAUSES		   0x77dcfbfdu
#define EICR_OTHER	   BIT(31) /* one vector: a cause in ICR is active */
#define IVAR_VECTOR	   0x1fu
#define IVAR_MISC_OTHER	   GENMASK(15, 8)
#define EITR_INTERVAL_MASK GENMASK(14, 2) /* microseconds */
#define GPIE_NSICR	   BIT(0)
#define GPIE_MULTIPLE_MSIX BIT(4)
#define GPIE_EIAME	   BIT(30)

/* ---- telling the guest ---- */

static uint32_t standing(struct i82576_pf *pf)
{
	return atomic_load(&pf->causes.icr) & atomic_load(&pf->causes.ims);
}

/* Relaxed: a driver sets the vector before it enables a cause. */
static void fire_other(struct i82576_pf *pf, uint64_t now_ns)
{
	uint32_t ivar = atomic_load_explicit(&pf->causes.other_vec, memory_order_relaxed);

	if (!(ivar & I82576_IVAR_VALID))
		return;
	nic_intr_raise(&pf->fn.intr, BIT(ivar & IVAR_VECTOR), now_ns);
	i82576_fn_kick_deferred(&pf->fn);
}

/* fresh: enabled causes just raised, or causes that stand just enabled. before: those told of
 * already. */
static void fire(struct i82576_pf *pf, uint32_t fresh, uint32_t before, uint64_t now_ns)
{
	bool intx = __atomic_load_n(&pf->causes.intx, __ATOMIC_RELAXED);

	if (!fresh)
		return;
	if (!atomic_load_explicit(&pf->fn.single, memory_order_relaxed))
		fire_other(pf, now_ns);
	else if (intx ? !before : fresh & ~before)
		nic_intr_force(&pf->fn.intr, 0);
}

void i82576_pf_raise(struct i82576_pf *pf, uint32_t causes, uint64_t now_ns)
{
	uint32_t old =
		atomic_fetch_or(&pf->causes.icr, causes); /* pairs with IMS when written */
	uint32_t ims = atomic_load(&pf->causes.ims);

	fire(pf, causes & ims, old & ims, now_ns);
}

void i82576_pf_single_cause(struct i82576_fn *fn, bool tx, uint64_t now_ns)
{
	struct i82576_pf *pf = (struct i82576_pf *)fn; /* its first member */

	i82576_pf_raise(pf, tx ? I82576_ICR_TXDW : I82576_ICR_RXDW, now_ns);
}

/* ---- modes ---- */

/* GPIE.EIAME: EIAM acts when a vector fires; otherwise only when EICR is accessed. */
static void set_auto_mask(struct i82576_pf *pf)
{
	bool on = PF_REG(pf, GPIE) & GPIE_EIAME;

	atomic_store(&pf->fn.intr.eiam, on ? PF_REG(pf, EIAM) : 0);
}

static void set_single(struct i82576_pf *pf)
{
	bool multiple = pf->causes.msix && (PF_REG(pf, GPIE) & GPIE_MULTIPLE_MSIX);

	atomic_store(&pf->fn.single, !multiple);
}

/* What was told in the old mode may have been told to nobody: again. */
static void tell_again(struct i82576_pf *pf)
{
	fire(pf, standing(pf), 0, clock_ns());
}

void i82576_pf_intr_mode(struct i82576_pf *pf, bool msix, bool intx)
{
	pf->causes.msix = msix;
	__atomic_store_n(&pf->causes.intx, intx, __ATOMIC_RELAXED);
	set_single(pf);
	tell_again(pf);
}

void i82576_pf_intx_unmask(struct i82576_pf *pf)
{
	if (pf->causes.intx && atomic_load(&pf->fn.single))
		tell_again(pf);
}

/* After the registers in bar0, and the extended block on the data path. */
void i82576_pf_intr_reset(struct i82576_pf *pf)
{
	atomic_store(&pf->causes.ims, 0); /* first: nothing is told half reset */
	atomic_store(&pf->causes.icr, 0);
	atomic_store(&pf->causes.iam, 0);
	atomic_store(&pf->causes.other_vec, 0);
	for (unsigned q = 0; q < I82576_MAX_QUEUES; q++) {
		__atomic_store_n(&pf->fn.rx_vec[q], 0, __ATOMIC_RELAXED);
		__atomic_store_n(&pf->fn.tx_vec[q], 0, __ATOMIC_RELAXED);
	}
	set_single(pf);
}

void i82576_gpie_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)written;
	set_auto_mask(pf);
	set_single(pf);
	tell_again(pf);
}

/* ---- ICR and its mask ---- */

/*
 * An access to ICR acknowledges (7.3.2.1.2, 8.8.13): always with GPIE.NSICR, else when an
 * interrupt is true or none is enabled. Then IAM masks; before ICR is cleared, so that what
 * comes in between is given to the guest and not told as well.
 */
static bool acknowledge(struct i82576_pf *pf, uint32_t ims)
{
	if (!(PF_REG(pf, GPIE) & GPIE_NSICR) && ims && !standing(pf))
		return false;
	atomic_fetch_and(&pf->causes.ims, ~atomic_load(&pf->causes.iam));
	return true;
}

uint32_t i82576_icr_read(void *dev, const struct nic_reg_row *row, unsigned index,
			 uint32_t stored)
{
	struct i82576_pf *pf = dev;
	uint32_t ims = atomic_load(&pf->causes.ims), icr;

	(void)row, (void)index, (void)stored;
	if (!acknowledge(pf, ims))
		return atomic_load(&pf->causes.icr) & ~ims; /* what is enabled by now is told */
	icr = atomic_exchange(&pf->causes.icr, 0);
	return icr & ims ? icr | I82576_ICR_INT_ASSERTED : icr;
}

void i82576_icr_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	acknowledge(pf, atomic_load(&pf->causes.ims));
	atomic_fetch_and(&pf->causes.icr, ~written);
}

void i82576_ics_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	(void)row, (void)index;
	i82576_pf_raise(dev, written & CAUSES, clock_ns());
}

uint32_t i82576_ims_read(void *dev, const struct nic_reg_row *row, unsigned index,
			 uint32_t stored)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)stored;
	return atomic_load(&pf->causes.ims);
}

void i82576_ims_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t set = written & CAUSES;
	uint32_t old = atomic_fetch_or(&pf->causes.ims, set); /* pairs with ICR when raised */
	uint32_t icr = atomic_load(&pf->causes.icr);

	(void)row, (void)index;
	fire(pf, set & icr, old & icr, clock_ns());
}

void i82576_imc_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	atomic_fetch_and(&pf->causes.ims, ~written);
}

void i82576_iam_write(void *dev, const struct nic_reg_row *row, unsigned index,
		      uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	atomic_store(&pf->causes.iam, written & CAUSES);
}

/* ---- the extended block ---- */

uint32_t i82576_pf_eicr_read(void *dev, const struct nic_reg_row *row, unsigned index,
			     uint32_t stored)
{
	struct i82576_pf *pf = dev;
	uint32_t eicr = nic_intr_read_eicr(&pf->fn.intr);

	(void)row, (void)index, (void)stored;
	nic_intr_write_eimc(&pf->fn.intr, eicr & PF_REG(pf, EIAM)); /* also without EIAME */
	if (atomic_load(&pf->fn.single) && standing(pf))
		eicr |= EICR_OTHER;
	return eicr;
}

void i82576_pf_eicr_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	nic_intr_write_eicr(&pf->fn.intr, written);
}

void i82576_pf_eics_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	nic_intr_write_eics(&pf->fn.intr, written, clock_ns());
	i82576_fn_kick_deferred(&pf->fn);
}

uint32_t i82576_pf_eims_read(void *dev, const struct nic_reg_row *row, unsigned index,
			     uint32_t stored)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index, (void)stored;
	return atomic_load(&pf->fn.intr.eims);
}

void i82576_pf_eims_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	nic_intr_write_eims(&pf->fn.intr, written, clock_ns());
	i82576_fn_kick_deferred(&pf->fn);
}

void i82576_pf_eimc_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	nic_intr_write_eimc(&pf->fn.intr, written);
}

void i82576_pf_eiac_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)index;
	atomic_store(&pf->fn.intr.eiac, written & row->rw);
}

void i82576_pf_eiam_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	(void)row, (void)index, (void)written;
	set_auto_mask(dev);
}

void i82576_pf_eitr_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row;
	nic_intr_set_interval(&pf->fn.intr, index, FIELD_GET(EITR_INTERVAL_MASK, written));
}

/* IVAR n has queues n and n + 8, receive and transmit each; relaxed: the data path may use
 * either vector for what is under way. */
void i82576_pf_ivar_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t ivar = written & row->rw;

	if (row->offset == I82576_IVAR_MISC) {
		atomic_store(&pf->causes.other_vec, (uint8_t)FIELD_GET(IVAR_MISC_OTHER, ivar));
		tell_again(pf);
		return;
	}
	for (unsigned q = index; q < I82576_MAX_QUEUES;
	     q += I82576_MAX_QUEUES / 2, ivar >>= 16) {
		__atomic_store_n(&pf->fn.rx_vec[q], (uint8_t)ivar, __ATOMIC_RELAXED);
		__atomic_store_n(&pf->fn.tx_vec[q], (uint8_t)(ivar >> 8), __ATOMIC_RELAXED);
	}
}
