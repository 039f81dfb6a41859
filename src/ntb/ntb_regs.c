/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ntb_regs.c - accesses that order the two sides (set a bit, then look at the mask; change the
 * mask, then look at the bits) are sequentially consistent, so that of two sides at least one
 * sees the other.
 */
#include "ntb_regs.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "fd.h"
#include "jam.h"

#define MSG_BITS ((BIT(NTB_MSGS) - 1) | (BIT(NTB_MSGS) - 1) << NTB_MSG_OUT_SHIFT)

int ntb_page_new(void)
{
	return fd_memfd("ntb", NTB_PAGE_SIZE);
}

static void reset_side(struct ntb_side *side)
{
	atomic_store(&side->link, 0);
	atomic_store(&side->db_mask, ~0ull);
	atomic_store(&side->msg_mask, MSG_BITS);
	atomic_store(&side->db, 0);
	for (unsigned i = 0; i < NTB_MSGS; i++)
		atomic_store(&side->msg[i], 0);
	for (unsigned i = 0; i < NTB_SPADS; i++)
		atomic_store(&side->spad[i], 0);
}

int ntb_dev_init(struct ntb_dev *dev, int memfd, unsigned side, const int own[NTB_EVENTS],
		 const int peer[NTB_EVENTS], const char **why)
{
	struct iommu_mem *mem;
	struct ntb_page *page;
	int ret = iommu_mem_map(memfd, 0, NTB_PAGE_SIZE, PROT_READ | PROT_WRITE, &mem, why);

	if (ret < 0)
		return ret;
	page = (struct ntb_page *)(void *)mem->base;
	*dev = (struct ntb_dev){
		.self = &page->side[side],
		.peer = &page->side[!side],
		.mem = mem,
		.port = side,
		.db_mask = ~0ull,
		.msg_mask = MSG_BITS,
	};
	for (unsigned i = 0; i < NTB_EVENTS; i++) {
		dev->own_event[i] = own[i];
		dev->peer_event[i] = peer[i];
	}
	reset_side(dev->self);
	return 0;
}

void ntb_dev_done(struct ntb_dev *dev)
{
	ntb_link_disable(dev);
	iommu_mem_free(dev->mem);
	dev->mem = NULL;
}

/* ---- events ---- */

bool ntb_event_take(int fd)
{
	uint64_t count;
	struct iovec iov = {.iov_base = &count, .iov_len = sizeof(count)};

	/* Not read(2): O_NONBLOCK is the peer's as well, and it may have read first. */
	return preadv2(fd, &iov, 1, -1, RWF_NOWAIT) == sizeof(count);
}

/* -EAGAIN: the counter is full, so that its reader is told already. */
static bool signal_event(int fd)
{
	const uint64_t one = 1;

	return fd < 0 || jam_write(fd, &one, sizeof(one)) != -EINTR;
}

static void tell_self(struct ntb_dev *dev, unsigned event)
{
	if (!signal_event(dev->own_event[event]))
		dev->own_event[event] = -1;
}

static void tell_peer(struct ntb_dev *dev, unsigned event)
{
	if (!signal_event(atomic_load(&dev->peer_event[event])))
		atomic_store(&dev->peer_event[event], -1);
}

/* ---- ports and link ---- */

int ntb_port_number(const struct ntb_dev *dev)
{
	return (int)dev->port;
}

int ntb_peer_port_number(const struct ntb_dev *dev)
{
	return (int)!dev->port;
}

bool ntb_link_is_up(const struct ntb_dev *dev)
{
	return atomic_load(&dev->enabled) && atomic_load(&dev->peer->link) == 1;
}

static void set_link(struct ntb_dev *dev, bool enabled)
{
	if (atomic_exchange(&dev->enabled, enabled) == enabled)
		return;
	atomic_store(&dev->self->link, enabled);
	tell_self(dev, NTB_EVENT_LINK);
	tell_peer(dev, NTB_EVENT_LINK);
}

void ntb_link_enable(struct ntb_dev *dev)
{
	set_link(dev, true);
}

void ntb_link_disable(struct ntb_dev *dev)
{
	set_link(dev, false);
}

/* ---- doorbells ---- */

uint64_t ntb_db_read(const struct ntb_dev *dev)
{
	return atomic_load(&dev->self->db);
}

/* The vectors of which bits has some and without has none, as a bit field. */
static unsigned groups(uint64_t bits, uint64_t without)
{
	unsigned ret = 0;

	for (unsigned i = 0; i < NTB_DB_VECTORS; i++) {
		uint64_t group = ntb_db_vector_mask(i);

		if (bits & group && !(without & group))
			ret |= BIT(i);
	}
	return ret;
}

static void tell_groups(struct ntb_dev *dev, unsigned vectors,
			void (*tell)(struct ntb_dev *dev, unsigned event))
{
	for (unsigned i = 0; i < NTB_DB_VECTORS; i++)
		if (vectors & BIT(i))
			tell(dev, NTB_EVENT_DB + i);
}

void ntb_db_set(struct ntb_dev *dev, uint64_t bits)
{
	uint64_t before = atomic_fetch_or(&dev->self->db, bits);

	tell_groups(dev, groups(bits & ~dev->db_mask, before & ~dev->db_mask), tell_self);
}

void ntb_db_clear(struct ntb_dev *dev, uint64_t bits)
{
	uint64_t before = atomic_fetch_and(&dev->self->db, ~bits);

	/* What came since they were read was announced to nobody: the group was not empty. */
	tell_groups(dev, groups(before & bits, 0) & groups(before & ~bits & ~dev->db_mask, 0),
		    tell_self);
}

uint64_t ntb_db_read_mask(const struct ntb_dev *dev)
{
	return dev->db_mask;
}

void ntb_db_set_mask(struct ntb_dev *dev, uint64_t bits)
{
	dev->db_mask |= bits;
	atomic_store(&dev->self->db_mask, dev->db_mask);
}

void ntb_db_clear_mask(struct ntb_dev *dev, uint64_t bits)
{
	uint64_t opened = dev->db_mask & bits;

	dev->db_mask &= ~bits;
	atomic_store(&dev->self->db_mask, dev->db_mask);
	tell_groups(dev, groups(ntb_db_read(dev) & opened, 0), tell_self);
}

int ntb_peer_db_set(struct ntb_dev *dev, uint64_t bits)
{
	uint64_t before, mask;

	if (!ntb_link_is_up(dev))
		return -ENOTCONN;
	before = atomic_fetch_or(&dev->peer->db, bits);
	mask = atomic_load(&dev->peer->db_mask);
	tell_groups(dev, groups(bits & ~mask, before & ~mask), tell_peer);
	return 0;
}

/* ---- scratchpads ---- */

uint32_t ntb_spad_read(const struct ntb_dev *dev, unsigned sidx)
{
	return sidx < NTB_SPADS ? atomic_load(&dev->self->spad[sidx]) : UINT32_MAX;
}

int ntb_spad_write(struct ntb_dev *dev, unsigned sidx, uint32_t val)
{
	if (sidx >= NTB_SPADS)
		return -EINVAL;
	atomic_store(&dev->self->spad[sidx], val);
	return 0;
}

uint32_t ntb_peer_spad_read(const struct ntb_dev *dev, unsigned sidx)
{
	if (sidx >= NTB_SPADS || !ntb_link_is_up(dev))
		return UINT32_MAX;
	return atomic_load(&dev->peer->spad[sidx]);
}

int ntb_peer_spad_write(struct ntb_dev *dev, unsigned sidx, uint32_t val)
{
	if (sidx >= NTB_SPADS)
		return -EINVAL;
	if (!ntb_link_is_up(dev))
		return -ENOTCONN;
	atomic_store(&dev->peer->spad[sidx], val);
	return 0;
}

/* ---- messages ---- */

static uint32_t msg_status(const struct ntb_dev *dev)
{
	uint32_t status = dev->msg_failed;

	for (unsigned i = 0; i < NTB_MSGS; i++)
		if (atomic_load(&dev->self->msg[i]) & NTB_MSG_FULL)
			status |= BIT(i);
	return status;
}

uint64_t ntb_msg_read_sts(const struct ntb_dev *dev)
{
	return msg_status(dev);
}

int ntb_msg_clear_sts(struct ntb_dev *dev, uint64_t bits)
{
	if (bits & ~(uint64_t)MSG_BITS)
		return -EINVAL;
	dev->msg_failed &= ~(uint32_t)bits;
	for (unsigned i = 0; i < NTB_MSGS; i++)
		if (bits & BIT(i))
			atomic_store(&dev->self->msg[i], 0);
	return 0;
}

int ntb_msg_set_mask(struct ntb_dev *dev, uint64_t bits)
{
	if (bits & ~(uint64_t)MSG_BITS)
		return -EINVAL;
	dev->msg_mask |= (uint32_t)bits;
	atomic_store(&dev->self->msg_mask, dev->msg_mask);
	return 0;
}

int ntb_msg_clear_mask(struct ntb_dev *dev, uint64_t bits)
{
	uint32_t opened = dev->msg_mask & (uint32_t)bits;

	if (bits & ~(uint64_t)MSG_BITS)
		return -EINVAL;
	dev->msg_mask &= ~(uint32_t)bits;
	atomic_store(&dev->self->msg_mask, dev->msg_mask);
	if (msg_status(dev) & opened)
		tell_self(dev, NTB_EVENT_MSG);
	return 0;
}

int ntb_msg_read(const struct ntb_dev *dev, unsigned midx, uint32_t *ret_msg)
{
	uint64_t word;

	if (midx >= NTB_MSGS)
		return -EINVAL;
	word = atomic_load(&dev->self->msg[midx]);
	if (!(word & NTB_MSG_FULL))
		return -ENOMSG;
	*ret_msg = (uint32_t)word;
	return 0;
}

int ntb_peer_msg_write(struct ntb_dev *dev, unsigned midx, uint32_t msg)
{
	_Atomic uint64_t *reg;
	uint64_t was;

	if (midx >= NTB_MSGS)
		return -EINVAL;
	if (!ntb_link_is_up(dev))
		return -ENOTCONN;
	reg = &dev->peer->msg[midx];
	was = atomic_load(reg);
	/* One attempt: only the peer can have come between. */
	if (was & NTB_MSG_FULL ||
	    !atomic_compare_exchange_strong(reg, &was, NTB_MSG_FULL | msg)) {
		dev->msg_failed |= BIT(NTB_MSG_OUT_SHIFT + midx);
		if (!(dev->msg_mask & BIT(NTB_MSG_OUT_SHIFT + midx)))
			tell_self(dev, NTB_EVENT_MSG);
		return -EAGAIN;
	}
	if (!(atomic_load(&dev->peer->msg_mask) & BIT(midx)))
		tell_peer(dev, NTB_EVENT_MSG);
	return 0;
}
