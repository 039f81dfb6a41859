/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_mem.h - memory files that clients offer, mapped into this process.
 *
 * The client may truncate its file at any time: touching the lost pages raises SIGBUS. The
 * guard's handler replaces the rest of the mapping by anonymous zero pages and marks the object
 * lost; the faulting instruction goes on, and the owner of the mark drops that one client. A
 * file sealed with F_SEAL_SHRINK cannot do this. Signal-safe: the handler only reads a fixed
 * table and calls mmap(2).
 *
 * Two things the guard cannot do for its users: a thread that blocks SIGBUS dies of it (leave
 * it out of sigfillset); and a system call that is given a pointer to lost pages raises
 * nothing, it returns -EFAULT and marks nothing.
 *
 * All functions are for the control thread; only `lost` is set by whichever thread faulted.
 */
#ifndef LADON_IOMMU_MEM_H
#define LADON_IOMMU_MEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct iommu_mem {
	uint8_t *base;	  /* start of the mapping in this process */
	uint64_t size;	  /* bytes mapped */
	uint32_t prot;	  /* PROT_READ | PROT_WRITE, what the mapping was asked for */
	bool sealed;	  /* F_SEAL_SHRINK is set */
	atomic_bool lost; /* set by the SIGBUS guard; never cleared */
	unsigned slot;	  /* in the guard's table */
};

/*
 * Installs the SIGBUS guard, once a process (again: does nothing); chains to the former handler
 * for addresses not ours. Reads vm.max_map_count, so call it before /proc is given up. Returns
 * 0 or -errno.
 */
int iommu_mem_guard_init(void);

/*
 * Maps size bytes of fd at offset (page-aligned) with at most prot. fd is consumed on success
 * (it is closed after mmap: the mapping keeps the file), the caller's on failure. On failure
 * *why (unless why is NULL) gets a static sentence; on success it is untouched. Errors: -EINVAL
 * (not a regular file; offset or size unaligned; beyond the end of file; prot not one of
 * PROT_READ, PROT_WRITE or both), -EOPNOTSUPP (a file system that may block for ever: FUSE,
 * NFS, 9p, overlayfs ...: use messages instead), -EACCES (open mode or seals), -ENOMEM, -ENOSPC
 * (guard table full: half of vm.max_map_count).
 */
int iommu_mem_map(int fd, uint64_t offset, uint64_t size, uint32_t prot,
		  struct iommu_mem **ret_mem, const char **why);
/* Anonymous memory of our own (shadow queues, tests). */
int iommu_mem_anon(uint64_t size, struct iommu_mem **ret_mem);
/* How many more mappings there is room for, for all clients together. Control thread only. */
unsigned iommu_mem_left(void);
/* How many times a mapping was found lost so far, of whoever: while it is the same as before,
 * no `lost` has been set. Any thread. */
unsigned iommu_mem_lost_count(void);
/* Unmaps. The caller has drained all users. Takes NULL. */
void iommu_mem_free(struct iommu_mem *mem);

#endif
