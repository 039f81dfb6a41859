/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_radix.h - the radix tree below iommu_domain: this room's own business, nobody else
 * includes it.
 *
 * 48 bits of IOVA = 4 levels of 9 bits over 4 KiB pages. An entry is one 64-bit atomic:
 *
 *   0                       nothing here
 *   node address | TABLE    the next level (nodes are 64-byte aligned)
 *   delta | READ | WRITE    a leaf: host pointer = delta + IOVA; at level 0 (4 KiB), 1 (2 MiB),
 * 2 (1 GiB)
 *
 * Because a leaf holds the difference and not the address, the IOVA's alignment alone decides
 * how large it may be: the memory behind it needs page alignment only.
 *
 * One control thread changes the tree, one data-path thread walks it. A node that has become
 * empty is taken out of the tree at once but kept unchanged ("retired") until iommu_radix_reap,
 * which the caller calls after its drain: a walker may still be inside.
 */
#ifndef LADON_IOMMU_RADIX_H
#define LADON_IOMMU_RADIX_H

#include <stdint.h>

#define IOMMU_IOVA_BITS 48

struct iommu_radix;

/* Returns NULL when there is no memory. */
struct iommu_radix *iommu_radix_new(void);
/* The tree is empty and reaped. Takes NULL. */
void iommu_radix_free(struct iommu_radix *radix);

/* Puts aside the nodes that iommu_radix_set may need for this range: 0 or -ENOMEM, tree
 * unchanged. */
int iommu_radix_reserve(struct iommu_radix *radix, uint64_t iova, uint64_t size);
/*
 * Fills the (empty, page-aligned, reserved) range with the largest leaves that fit. leaf =
 * delta | permission, permission not 0. Cannot fail.
 */
void iommu_radix_set(struct iommu_radix *radix, uint64_t iova, uint64_t size, uint64_t leaf);
/* Empties a range that one iommu_radix_set filled, exactly. Empty nodes are retired. */
void iommu_radix_clear(struct iommu_radix *radix, uint64_t iova, uint64_t size);
/* After the drain: gives the retired nodes back. */
void iommu_radix_reap(struct iommu_radix *radix);

#endif
