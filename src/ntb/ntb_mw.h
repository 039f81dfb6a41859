/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ntb_mw.h - memory windows between two hosts, after ntb_mw_* of Linux' NTB API. What is behind
 * a window is a file: whoever owns the memory offers a part of a file, the peer maps it. How
 * the offer travels is the fabric's business (struct ntb_mw_fabric); an offer has an epoch, and
 * one that comes again, or too late, is refused.
 *
 * The peer's file is hostile: it is mapped as a client's memory is (iommu_mem.h), may be
 * truncated at any time, and its size is looked at before its first byte.
 *
 * Threads: the control thread; who uses the memory of a peer's window is drained before it is
 * taken away.
 */
#ifndef LADON_NTB_MW_H
#define LADON_NTB_MW_H

#include "iommu_mem.h"

#define NTB_MW_COUNT	4u
#define NTB_MW_ALIGN	4096ull
#define NTB_MW_SIZE_MAX (1ull << 40)

/* Carries an offer to the peer, whose side calls ntb_peer_mw_set_trans or ..._clear_trans with
 * it. */
struct ntb_mw_fabric {
	/* fd is borrowed. Returns 0 or -errno. */
	int (*offer)(void *arg, unsigned widx, int fd, uint64_t addr, uint64_t size,
		     uint64_t epoch);
	void (*revoke)(void *arg, unsigned widx, uint64_t epoch);
	void *arg;
};

struct ntb_mws {
	struct ntb_mw_fabric fabric;
	uint64_t epoch; /* the last that we gave */
	struct {
		struct iommu_mem *mem; /* owned; NULL = none */
		uint64_t epoch;	       /* the last that the peer gave */
	} peer[NTB_MW_COUNT];
};

void ntb_mw_init(struct ntb_mws *mws, const struct ntb_mw_fabric *fabric);
/* Unmaps the peer's windows. */
void ntb_mw_done(struct ntb_mws *mws);

unsigned ntb_mw_count(const struct ntb_mws *mws);
/* 0 or -EINVAL (widx). Any of the three may be NULL. */
int ntb_mw_get_align(const struct ntb_mws *mws, unsigned widx, uint64_t *ret_addr_align,
		     uint64_t *ret_size_align, uint64_t *ret_size_max);
/*
 * Offers size bytes at addr of the file fd (borrowed) to the peer; size 0 takes the offer back.
 * Returns 0, -EINVAL (widx, alignment, too large), or the fabric's error.
 */
int ntb_mw_set_trans(struct ntb_mws *mws, unsigned widx, int fd, uint64_t addr, uint64_t size);
int ntb_mw_clear_trans(struct ntb_mws *mws, unsigned widx);

/*
 * The peer's offer has arrived. fd is consumed on success. Returns 0, -EINVAL (as above),
 * -ESTALE (an old epoch), or an error of iommu_mem_map with its *why; nothing changed.
 */
int ntb_peer_mw_set_trans(struct ntb_mws *mws, unsigned widx, int fd, uint64_t addr,
			  uint64_t size, uint64_t epoch, const char **why);
/* The peer has taken its offer back: 0, -EINVAL, -ESTALE. */
int ntb_peer_mw_clear_trans(struct ntb_mws *mws, unsigned widx, uint64_t epoch);
/* Where the peer's memory is mapped: 0, -EINVAL, -ENXIO (nothing is offered), -EIO (its file
 * was truncated). */
int ntb_peer_mw_get_addr(const struct ntb_mws *mws, unsigned widx, uint8_t **ret_base,
			 uint64_t *ret_size);

#endif
