/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The table and the hooks that need no more than the interrupt block, the counters or the
 * clock.
 */
#include "i82576_regs.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "clock.h"
#include "i82576_vf.h"

#define FCS_LEN		   4u
#define EITR_INTERVAL_MASK GENMASK(14, 2) /* microseconds */

static uint32_t i82576_status_read(void *dev, const struct nic_reg_row *row, unsigned index,
				   uint32_t stored)
{
	const struct i82576_vf *vf = dev;
	uint32_t status = I82576_STATUS_FD | I82576_STATUS_SPEED_1000;

	(void)row, (void)index, (void)stored;
	return nic_card_link_up(vf->fn.card, vf->fn.n) ? status | I82576_STATUS_LU : status;
}

/* The card counts bytes without FCS, the hardware with it. */
static uint64_t octets(const _Atomic uint64_t *bytes, const _Atomic uint64_t *packets)
{
	return nic_counter(bytes) + FCS_LEN * nic_counter(packets);
}

static uint32_t i82576_stat_read(void *dev, const struct nic_reg_row *row, unsigned index,
				 uint32_t stored)
{
	const struct i82576_vf *vf = dev;
	const struct nic_port_stats *s = &vf->fn.port.stats;

	(void)index, (void)stored;
	switch (row->offset) {
	case I82576_VF_VFGPRC:
		return (uint32_t)nic_counter(&s->rx_packets);
	case I82576_VF_VFGPTC:
		return (uint32_t)nic_counter(&s->tx_packets);
	case I82576_VF_VFGORC:
		return (uint32_t)octets(&s->rx_bytes, &s->rx_packets);
	case I82576_VF_VFGOTC:
		return (uint32_t)octets(&s->tx_bytes, &s->tx_packets);
	case I82576_VF_VFMPRC:
		return (uint32_t)nic_counter(&s->rx_multicast);
	case I82576_VF_VFGPRLBC:
		return (uint32_t)nic_counter(&s->rx_local_packets);
	case I82576_VF_VFGPTLBC:
		return (uint32_t)nic_counter(&s->tx_local_packets);
	case I82576_VF_VFGORLBC:
		return (uint32_t)octets(&s->rx_local_bytes, &s->rx_local_packets);
	default:
		return (uint32_t)octets(&s->tx_local_bytes, &s->tx_local_packets);
	}
}

static uint32_t i82576_frtimer_read(void *dev, const struct nic_reg_row *row, unsigned index,
				    uint32_t stored)
{
	(void)dev, (void)row, (void)index, (void)stored;
	return (uint32_t)(clock_ns() / NSEC_PER_USEC);
}

static void i82576_eics_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index;
	nic_intr_write_eics(&vf->fn.intr, written, clock_ns());
	i82576_fn_kick_deferred(&vf->fn);
}

static uint32_t i82576_eims_read(void *dev, const struct nic_reg_row *row, unsigned index,
				 uint32_t stored)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index, (void)stored;
	return atomic_load(&vf->fn.intr.eims);
}

static void i82576_eims_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index;
	nic_intr_write_eims(&vf->fn.intr, written, clock_ns());
	i82576_fn_kick_deferred(&vf->fn);
}

static void i82576_eimc_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index;
	nic_intr_write_eimc(&vf->fn.intr, written);
}

static void i82576_eiac_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)index;
	atomic_store(&vf->fn.intr.eiac, written & row->rw);
}

static void i82576_eiam_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)index;
	atomic_store(&vf->fn.intr.eiam, written & row->rw);
}

static uint32_t i82576_eicr_read(void *dev, const struct nic_reg_row *row, unsigned index,
				 uint32_t stored)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index, (void)stored;
	return nic_intr_read_eicr(&vf->fn.intr);
}

static void i82576_eicr_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row, (void)index;
	nic_intr_write_eicr(&vf->fn.intr, written);
}

static void i82576_eitr_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;

	(void)row;
	nic_intr_set_interval(&vf->fn.intr, index, FIELD_GET(EITR_INTERVAL_MASK, written));
}

static void i82576_ivar_write(void *dev, const struct nic_reg_row *row, unsigned index,
			      uint32_t written)
{
	struct i82576_vf *vf = dev;
	uint32_t ivar = written & row->rw;

	(void)index;
	if (row->offset == I82576_VF_IVAR_MISC) {
		vf->misc_vec = (uint8_t)ivar;
		return;
	}
	/* Relaxed: the data path may use either vector for what is under way. */
	for (unsigned q = 0; q < I82576_VF_QUEUES; q++, ivar >>= 16) {
		__atomic_store_n(&vf->fn.rx_vec[q], (uint8_t)ivar, __ATOMIC_RELAXED);
		__atomic_store_n(&vf->fn.tx_vec[q], (uint8_t)(ivar >> 8), __ATOMIC_RELAXED);
	}
}

static const struct nic_reg_row rows[] = {
#define REG(name, offset, count, stride, reset, rw, w1c, rc, on_read, on_write, text) \
	{#name, offset, count, stride, reset, rw, w1c, rc, on_read, on_write, text},
#include "regs_vf.def"
#undef REG
};

const struct nic_reg_row *i82576_vf_rows(unsigned *ret_num)
{
	*ret_num = ARRAY_SIZE(rows);
	return rows;
}

static unsigned num_trapped(void)
{
	unsigned n = 0;

	while (n < ARRAY_SIZE(rows) && rows[n].offset < I82576_VF_QPAGE_OFF)
		n++;
	return n;
}

int i82576_vf_reg_map(const struct nic_reg_map **ret_map)
{
	static struct nic_reg_map *trapped;
	const char *error = NULL;
	int r;

	if (!trapped) {
		r = nic_reg_map_new(rows, num_trapped(), I82576_VF_QPAGE_OFF, &trapped, &error);
		assert(r != -EINVAL);
		if (r < 0)
			return r;
	}
	*ret_map = trapped;
	return 0;
}

uint32_t i82576_vf_queue_reset(uint32_t offset)
{
	for (unsigned i = num_trapped(); i < ARRAY_SIZE(rows); i++)
		for (unsigned k = 0; k < rows[i].count; k++)
			if (rows[i].offset + k * rows[i].stride == offset)
				return rows[i].reset;
	return 0;
}
