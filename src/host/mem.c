/* SPDX-License-Identifier: BSD-3-Clause */
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "fd.h"
#include "ir.h"
#include "link.h"
#include "vtd.h"

#define MAPS_MAX    4096u
#define WAIT_NS	    20000l
#define ANSWER_NS   (5 * NSEC_PER_SEC)
#define DID_FIRST   1u
#define VECTOR_BITS 4u /* of a function: 16 */
/* Where a VM's memory would be, if it were mapped here: nobody looks. */
#define NOWHERE ((uint8_t *)(uintptr_t)IOMMU_PAGE)

struct mem {
	struct link *link;
	struct iommu_space space;
	struct vtd_tables *tables; /* owned */
	struct chunk *chunks;	   /* owned: files of the tables' memory */
	struct mem_space *spaces;  /* borrowed: all that there are */
	uint64_t asked_ns;	   /* when the unit was last written to */
	/* The interrupt-remapping table, in a chunk of its own. */
	struct iommu_mem *irt; /* owned */
	struct iommu_slice irt_slice;
};

struct chunk {
	struct iommu_mem *mem; /* borrowed */
	int fd;		       /* owned */
	struct chunk *next;
};

/* A piece of a VM's memory. */
struct map {
	struct iommu_slice slice; /* size 0: without memory, only recorded */
	uint64_t addr, size;
	struct map *next;
};

struct mem_space {
	struct mem *mem;
	struct mem_space *next;
	struct vtd_pt pt;
	struct map *maps; /* owned */
	unsigned num_maps;
};

/* ---- the unit, at the other end ---- */

static void reg_write(void *arg, uint32_t offset, unsigned size, uint64_t value)
{
	struct mem *mem = arg;
	struct fabric_msg msg = {.type = FABRIC_REG};

	msg.reg.offset = offset;
	msg.reg.size = size;
	msg.reg.value = value;
	mem->asked_ns = clock_ns();
	link_ask(mem->link, &msg, -1, NULL, NULL);
}

static bool wait_for_unit(void *arg)
{
	struct mem *mem = arg;
	const struct timespec little = {0, WAIT_NS};

	if (clock_ns() - mem->asked_ns > ANSWER_NS)
		link_end(mem->link, "the remapping unit does not come to the end of its queue");
	if (!link_alive(mem->link))
		return false;
	link_keep(mem->link);
	nanosleep(&little, NULL);
	return true;
}

static int offer(struct mem *mem, const struct iommu_slice *slice, int fd, uint64_t offset)
{
	struct fabric_msg msg = {.type = FABRIC_OFFER};

	msg.offer.hpa = slice->hpa;
	msg.offer.size = slice->size;
	msg.offer.offset = offset;
	msg.offer.perm = slice->perm;
	return link_ask(mem->link, &msg, fd, NULL, NULL);
}

static void withdraw(struct mem *mem, uint64_t hpa)
{
	struct fabric_msg msg = {.type = FABRIC_WITHDRAW};

	msg.offer.hpa = hpa;
	link_ask(mem->link, &msg, -1, NULL, NULL);
}

/* ---- memory of tables ---- */

static int chunk_get(void *arg, uint64_t size, struct iommu_mem **ret_mem)
{
	struct mem *mem = arg;
	struct chunk *chunk = calloc(1, sizeof(*chunk));
	int ret, copy;

	if (!chunk)
		return -ENOMEM;
	chunk->fd = ret = fd_memfd("ladon-tables", size);
	copy = ret < 0 ? -1 : fcntl(chunk->fd, F_DUPFD_CLOEXEC, 0);
	if (ret >= 0 && copy < 0)
		ret = -errno;
	if (ret >= 0)
		ret = iommu_mem_map(copy, 0, size, PROT_READ | PROT_WRITE, ret_mem, NULL);
	if (ret < 0) {
		fd_close(&copy);
		fd_close(&chunk->fd);
		free(chunk);
		return ret;
	}
	chunk->mem = *ret_mem;
	chunk->next = mem->chunks;
	mem->chunks = chunk;
	return 0;
}

static struct chunk **find_chunk(struct mem *mem, const struct iommu_mem *of)
{
	struct chunk **at = &mem->chunks;

	while ((*at)->mem != of)
		at = &(*at)->next;
	return at;
}

static void chunk_drop(struct mem *mem, const struct iommu_mem *of)
{
	struct chunk **at = find_chunk(mem, of), *chunk = *at;

	*at = chunk->next;
	fd_close(&chunk->fd);
	free(chunk);
}

static int chunk_offer(void *arg, struct iommu_mem *of, const struct iommu_slice *slice)
{
	struct mem *mem = arg;
	int ret = offer(mem, slice, (*find_chunk(mem, of))->fd, 0);

	if (ret < 0)
		chunk_drop(mem, of);
	return ret;
}

static void chunk_withdraw(void *arg, struct iommu_mem *of, const struct iommu_slice *slice)
{
	withdraw(arg, slice->hpa);
	chunk_drop(arg, of);
}

static int irt_new(struct mem *mem)
{
	int ret = chunk_get(mem, sizeof(struct irte) << FABRIC_IRTE_BITS, &mem->irt);

	if (ret < 0)
		return ret;
	ret = iommu_space_add(&mem->space, &mem->irt_slice, mem->irt->base, mem->irt->size,
			      IOMMU_READ, 0);
	if (ret < 0)
		return ret;
	ret = chunk_offer(mem, mem->irt, &mem->irt_slice);
	if (ret == 0)
		vtd_tables_set_irt(mem->tables, mem->irt_slice.hpa, FABRIC_IRTE_BITS);
	return ret;
}

static void irt_free(struct mem *mem)
{
	if (mem->irt_slice.size)
		iommu_space_remove(&mem->space, &mem->irt_slice);
	while (mem->chunks)
		chunk_drop(mem, mem->chunks->mem);
	iommu_mem_free(mem->irt);
}

int mem_new(struct link *link, struct mem **ret_mem)
{
	struct mem *mem = calloc(1, sizeof(*mem));
	int ret = mem ? iommu_space_init(&mem->space) : -ENOMEM;

	if (ret == 0) {
		const struct vtd_access access = {
			.arg = mem,
			.write = reg_write,
			.wait = wait_for_unit,
			.memory = {mem, chunk_get, chunk_offer, chunk_withdraw},
		};

		mem->link = link;
		ret = vtd_tables_new(&mem->space, &access, &mem->tables);
	}
	if (ret == 0)
		ret = irt_new(mem);
	if (ret < 0) {
		mem_free(mem);
		return ret;
	}
	*ret_mem = mem;
	return 0;
}

void mem_free(struct mem *mem)
{
	if (!mem)
		return;
	vtd_tables_free(mem->tables);
	irt_free(mem);
	iommu_space_done(&mem->space);
	free(mem);
}

/* ---- functions ---- */

int mem_space_new(struct mem *mem, uint16_t rid, struct mem_space **ret_space)
{
	struct mem_space *space = calloc(1, sizeof(*space));
	int ret = space ? vtd_tables_attach(mem->tables, &space->pt, rid) : -ENOMEM;

	if (ret < 0) {
		free(space);
		return ret;
	}
	space->mem = mem;
	space->next = mem->spaces;
	mem->spaces = space;
	vtd_tables_sync_context(mem->tables, &space->pt);
	*ret_space = space;
	return 0;
}

/* ---- interrupts ---- */

static struct irte *irte_at(const struct mem_space *space, unsigned index)
{
	return &((struct irte *)(void *)space->mem->irt->base)[index];
}

/* A request meets the former entry, none, or this one, but never half of each. */
static void irte_write(struct mem_space *space, unsigned index, uint64_t lo, uint64_t hi)
{
	struct irte *e = irte_at(space, index);

	if (atomic_load_explicit(&e->word[0], memory_order_relaxed) & IRTE_P &&
	    atomic_load_explicit(&e->word[1], memory_order_relaxed) != hi) {
		atomic_store_explicit(&e->word[0], 0, memory_order_release);
		vtd_tables_sync_irte(space->mem->tables, index, 0);
	}
	atomic_store_explicit(&e->word[1], hi, memory_order_relaxed);
	atomic_store_explicit(&e->word[0], lo, memory_order_release);
	vtd_tables_sync_irte(space->mem->tables, index, 0);
}

void mem_irte(struct mem_space *space, unsigned v, bool on)
{
	unsigned index = fabric_irte(space->pt.rid, v);

	irte_write(space, index, on ? irte_remapped(index, (uint8_t)v) : 0,
		   irte_source(space->pt.rid));
}

bool mem_irte_on(const struct mem_space *space, unsigned v)
{
	const struct irte *e = irte_at(space, fabric_irte(space->pt.rid, v));

	return atomic_load_explicit(&e->word[0], memory_order_relaxed) & IRTE_P;
}

void mem_irte_posted(struct mem_space *space, unsigned v, uint64_t hpa, uint8_t bit)
{
	irte_write(space, fabric_irte_posted(space->pt.rid, v),
		   hpa ? irte_posted_low(hpa, bit) : 0, irte_posted_high(hpa, space->pt.rid));
}

/* All of the function's, of both forms. */
static void irtes_off(struct mem_space *space)
{
	const unsigned first[] = {fabric_irte(space->pt.rid, 0),
				  fabric_irte_posted(space->pt.rid, 0)};

	for (unsigned form = 0; form < ARRAY_SIZE(first); form++) {
		for (unsigned v = 0; v < BIT(VECTOR_BITS); v++)
			atomic_store_explicit(&irte_at(space, first[form] + v)->word[0], 0,
					      memory_order_release);
		vtd_tables_sync_irte(space->mem->tables, first[form], VECTOR_BITS);
	}
}

void mem_space_free(struct mem_space *space)
{
	struct mem_space **at;

	if (!space)
		return;
	irtes_off(space); /* before what they post into goes */
	mem_unmap_all(space);
	vtd_tables_detach(space->mem->tables, &space->pt);
	for (at = &space->mem->spaces; *at != space; at = &(*at)->next)
		;
	*at = space->next;
	free(space);
}

/* ---- memory ---- */

static uint32_t perm_of(uint32_t prot)
{
	return (prot & VFU_DMA_READ ? IOMMU_READ : 0) |
	       (prot & VFU_DMA_WRITE ? IOMMU_WRITE : 0);
}

static int check(const struct mem_space *space, const struct vfu_dma_map *map)
{
	if ((map->addr | map->size | map->offset) & (IOMMU_PAGE - 1))
		return -EINVAL;
	if (map->addr >> VTD_TABLES_IOVA_BITS ||
	    map->size > BIT64(VTD_TABLES_IOVA_BITS) - map->addr)
		return -EINVAL;
	if (space->num_maps >= MAPS_MAX)
		return -ENOSPC;
	for (const struct map *m = space->maps; m; m = m->next) {
		if (map->addr < m->addr + m->size && m->addr < map->addr + map->size)
			return -EEXIST;
	}
	return 0;
}

/* Offers the memory, then lets the tables lead there. */
static int make_reachable(struct mem_space *space, struct map *m, const struct vfu_dma_map *map)
{
	struct mem *mem = space->mem;
	uint32_t perm = perm_of(map->prot);
	int ret = vtd_tables_reserve(mem->tables, map->addr, map->size);

	if (ret == 0)
		ret = iommu_space_add(&mem->space, &m->slice, NOWHERE, map->size, perm,
				      map->addr);
	if (ret < 0)
		return ret;
	ret = offer(mem, &m->slice, map->fd, map->offset);
	if (ret < 0) {
		iommu_space_remove(&mem->space, &m->slice);
		return ret;
	}
	vtd_tables_map(mem->tables, &space->pt, map->addr, map->size, m->slice.hpa, perm);
	/* The unit has CAP.CM: it may remember that nothing was there. */
	vtd_tables_sync_range(mem->tables, &space->pt, map->addr, map->size);
	return 0;
}

int mem_map(struct mem_space *space, const struct vfu_dma_map *map)
{
	struct map *m;
	int ret = check(space, map), fd = map->fd;

	if (ret < 0)
		return ret;
	m = aligned_alloc(_Alignof(struct map), sizeof(*m));
	if (!m)
		return -ENOMEM;
	*m = (struct map){.addr = map->addr, .size = map->size};
	/* What has no file (firmware, another device's registers) no DMA reaches. */
	if (map->fd >= 0 && perm_of(map->prot))
		ret = make_reachable(space, m, map);
	if (ret < 0) {
		free(m);
		return ret;
	}
	fd_close(&fd);
	m->next = space->maps;
	space->maps = m;
	space->num_maps++;
	return 0;
}

int mem_find(const struct mem_space *space, uint64_t addr, uint64_t *ret_hpa)
{
	const uint32_t need = IOMMU_READ | IOMMU_WRITE;
	const struct map *m = space->maps;

	while (m && addr - m->addr >= m->size)
		m = m->next;
	if (!m || !m->slice.size || (m->slice.perm & need) != need)
		return -EFAULT;
	*ret_hpa = m->slice.hpa + (addr - m->addr);
	return 0;
}

static void forget(struct mem_space *space, struct map **at)
{
	struct mem *mem = space->mem;
	struct map *m = *at;

	*at = m->next;
	space->num_maps--;
	if (m->slice.size) {
		vtd_tables_clear(mem->tables, &space->pt, m->addr, m->size);
		vtd_tables_sync_range(mem->tables, &space->pt, m->addr, m->size);
		vtd_tables_reap(mem->tables, &space->pt);
		withdraw(mem, m->slice.hpa);
		iommu_space_remove(&mem->space, &m->slice);
	}
	free(m);
}

int mem_unmap(struct mem_space *space, uint64_t addr, uint64_t size)
{
	struct map **at = &space->maps;

	while (*at && ((*at)->addr != addr || (*at)->size != size))
		at = &(*at)->next;
	if (!*at)
		return -ENOENT;
	forget(space, at);
	return 0;
}

void mem_unmap_all(struct mem_space *space)
{
	while (space->maps)
		forget(space, &space->maps);
}
