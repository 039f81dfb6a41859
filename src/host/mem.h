/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * mem.h - the compute host's physical address space and its remapping tables. Memory of VMs is
 * offered to the management host as files and is not even mapped here; tables lie in memory of
 * our own that is offered likewise, and are written as a kernel's driver for VT-d would.
 */
#ifndef LADON_HOST_MEM_H
#define LADON_HOST_MEM_H

#include <stdint.h>

#include "vfu_conn.h"
#include "vtd_tables.h"

struct link;
struct mem;

/* Tables of no function, offered and in force. link is borrowed. Returns 0 or -errno. */
int mem_new(struct link *link, struct mem **ret_mem);
/* Functions are gone. Takes NULL. */
void mem_free(struct mem *mem);

/* One function's address space: empty at first. */
struct mem_space;
/* 0, -EEXIST, -ENOMEM, or what the management host says. */
int mem_space_new(struct mem *mem, uint16_t rid, struct mem_space **ret_space);
/* Drained; the function raises nothing any more. Takes NULL. */
void mem_space_free(struct mem_space *space);
/* Vector v of the function may raise its interrupt, or may not: returns when that is so. */
void mem_irte(struct mem_space *space, unsigned v, bool on);
bool mem_irte_on(const struct mem_space *space, unsigned v);
/* Its other entry: posts bit of the descriptor at hpa; hpa 0: no more, drained. */
void mem_irte_posted(struct mem_space *space, unsigned v, uint64_t hpa, uint8_t bit);
/* Where the memory lies that is mapped for reading and writing at addr. -EFAULT: there is none.
 */
int mem_find(const struct mem_space *space, uint64_t addr, uint64_t *ret_hpa);
/* As vfu_dev_ops.dma_map, dma_unmap, dma_unmap_all. */
int mem_map(struct mem_space *space, const struct vfu_dma_map *map);
int mem_unmap(struct mem_space *space, uint64_t addr, uint64_t size);
void mem_unmap_all(struct mem_space *space);

#endif
