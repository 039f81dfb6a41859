/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ntb_regs.h - the registers by which two hosts talk to each other: doorbells, scratchpads,
 * messages, link. Names and meanings are those of Linux' NTB API (ntb_db_*, ntb_spad_*, ...).
 * A device has one peer, so that API's peer index is left out.
 *
 * The registers are a page of memory that both hosts map. The peer may be hostile and write any
 * of it at any time. So a word is read once, and means no more than the peer could have said
 * anyway: which doorbells it rang, what it put into scratchpads and messages, whether it wants
 * the link. Nothing in the page is an index, a size or an address of ours. What the page says
 * of our own side (masks, link) is written for the peer's information and never read back.
 *
 * Events are eventfds, which the peer holds too. A write that it has made block is interrupted
 * (jam.h), and that eventfd is not used again. It may also empty ours under our hands: wait
 * with poll, then ntb_event_take.
 *
 * Doorbells come in groups (vectors). A group's eventfd is written when it goes from no
 * unmasked bit to some; while some are set nobody is told again. When clearing or unmasking
 * leaves an unmasked bit set, one's own eventfd is written: whoever waits for an event after
 * clearing what it saw misses none. After reset all doorbells and messages are masked and the
 * link is disabled.
 *
 * Threads: one a side; ntb_peer_db_set and the scratchpads, any.
 */
#ifndef LADON_NTB_REGS_H
#define LADON_NTB_REGS_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "iommu_mem.h"

#define NTB_DB_VECTORS	  4u
#define NTB_DB_PER_VEC	  16u
#define NTB_SPADS	  16u
#define NTB_MSGS	  4u
#define NTB_MSG_OUT_SHIFT 16u	    /* of outbits */
#define NTB_MSG_FULL	  BIT64(32) /* of a message register; below it the message */

/* The registers of one side. */
struct ntb_side {
	_Alignas(CACHE_LINE) _Atomic uint64_t db; /* the peer sets, the owner clears */
	_Alignas(CACHE_LINE) _Atomic uint64_t db_mask;
	_Atomic uint32_t msg_mask;
	_Atomic uint32_t link; /* 1: enabled */
	_Alignas(CACHE_LINE) _Atomic uint64_t msg[NTB_MSGS];
	_Alignas(CACHE_LINE) _Atomic uint32_t spad[NTB_SPADS];
};
static_assert(sizeof(struct ntb_side) == 256, "what the two hosts have agreed upon");

#define NTB_PAGE_SIZE 4096u

struct ntb_page {
	struct ntb_side side[2];
};
static_assert(sizeof(struct ntb_page) <= NTB_PAGE_SIZE, "fits its page");

/* Eventfds of a side. */
enum ntb_event {
	NTB_EVENT_DB, /* ... + vector */
	NTB_EVENT_MSG = NTB_DB_VECTORS,
	NTB_EVENT_LINK,
	NTB_EVENTS
};

struct ntb_dev {
	struct ntb_side *self, *peer; /* in mem */
	struct iommu_mem *mem;	      /* owned */
	unsigned port;		      /* 0 or 1 */
	atomic_bool enabled;
	uint64_t db_mask;
	uint32_t msg_mask, msg_failed; /* outbits that are set */
	int own_event[NTB_EVENTS];     /* borrowed, as the peer's; -1 = none */
	_Atomic int peer_event[NTB_EVENTS];
};

/* A new page, sealed, as a file for both hosts. Returns the fd or -errno. */
int ntb_page_new(void);
/*
 * One side (0 or 1) of the page in memfd, which is consumed on success; resets that side. The
 * SIGBUS guard is installed; whoever received the peer's eventfds has seen that they are some.
 * Returns 0 or an error of iommu_mem_map, with its *why.
 */
int ntb_dev_init(struct ntb_dev *dev, int memfd, unsigned side, const int own[NTB_EVENTS],
		 const int peer[NTB_EVENTS], const char **why);
/* Disables the link. The eventfds stay the caller's. */
void ntb_dev_done(struct ntb_dev *dev);
/* Takes what is in an eventfd, never waits, whatever the peer has done to it. True: it held
 * something. */
bool ntb_event_take(int fd);

int ntb_port_number(const struct ntb_dev *dev);
int ntb_peer_port_number(const struct ntb_dev *dev);

/* Both sides have enabled it. (A page that was cut off reads zeros: down.) When either side
 * changes its mind, both have an event. */
bool ntb_link_is_up(const struct ntb_dev *dev);
void ntb_link_enable(struct ntb_dev *dev);
void ntb_link_disable(struct ntb_dev *dev);

/* Setting one's own doorbells is like the peer's setting them. */
static inline uint64_t ntb_db_valid_mask(void)
{
	return ~0ull;
}

static inline unsigned ntb_db_vector_count(void)
{
	return NTB_DB_VECTORS;
}

static inline uint64_t ntb_db_vector_mask(unsigned vector)
{
	return vector < NTB_DB_VECTORS ? (BIT64(NTB_DB_PER_VEC) - 1) << vector * NTB_DB_PER_VEC
				       : 0;
}

uint64_t ntb_db_read(const struct ntb_dev *dev);
void ntb_db_set(struct ntb_dev *dev, uint64_t bits);
void ntb_db_clear(struct ntb_dev *dev, uint64_t bits);
uint64_t ntb_db_read_mask(const struct ntb_dev *dev);
void ntb_db_set_mask(struct ntb_dev *dev, uint64_t bits);
void ntb_db_clear_mask(struct ntb_dev *dev, uint64_t bits);
/* 0 or -ENOTCONN (the link is down). */
int ntb_peer_db_set(struct ntb_dev *dev, uint64_t bits);

/* Reading a scratchpad that is not there, or the peer's while the link is down, gives ones;
 * writing -EINVAL and -ENOTCONN. */
static inline unsigned ntb_spad_count(void)
{
	return NTB_SPADS;
}

uint32_t ntb_spad_read(const struct ntb_dev *dev, unsigned sidx);
int ntb_spad_write(struct ntb_dev *dev, unsigned sidx, uint32_t val);
uint32_t ntb_peer_spad_read(const struct ntb_dev *dev, unsigned sidx);
int ntb_peer_spad_write(struct ntb_dev *dev, unsigned sidx, uint32_t val);

/*
 * Message registers, NTB_MSGS in each direction. Status: an inbit is set while a message lies
 * there, and clearing it makes room for the next; an outbit is set when one could not be
 * delivered. Either is an event unless masked.
 */
static inline unsigned ntb_msg_count(void)
{
	return NTB_MSGS;
}

static inline uint64_t ntb_msg_inbits(void)
{
	return BIT64(NTB_MSGS) - 1;
}

static inline uint64_t ntb_msg_outbits(void)
{
	return (BIT64(NTB_MSGS) - 1) << NTB_MSG_OUT_SHIFT;
}

uint64_t ntb_msg_read_sts(const struct ntb_dev *dev);
/* 0, or -EINVAL: neither inbits nor outbits; nothing changed. */
int ntb_msg_clear_sts(struct ntb_dev *dev, uint64_t bits);
int ntb_msg_set_mask(struct ntb_dev *dev, uint64_t bits);
int ntb_msg_clear_mask(struct ntb_dev *dev, uint64_t bits);
/* 0, -EINVAL (midx), -ENOMSG (empty). The message stays until its inbit is cleared. */
int ntb_msg_read(const struct ntb_dev *dev, unsigned midx, uint32_t *ret_msg);
/* 0, -EINVAL (midx), -ENOTCONN, or -EAGAIN: the register is full, the outbit is set. */
int ntb_peer_msg_write(struct ntb_dev *dev, unsigned midx, uint32_t msg);

#endif
