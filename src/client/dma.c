/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dma.c - memory that a function may reach: memfds mapped here and announced to the server, at
 * I/O addresses chosen here. A function's list is sorted by IOVA; gaps are used again, first
 * fit.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bits.h"
#include "client_priv.h"
#include "fd.h"

#define DMA_PAGE       4096ull
#define DMA_HUGE       0x200000ull
#define DMA_IOVA_FIRST 0x10000000ull
#define DMA_IOVA_END   (1ull << 39) /* within the width every IOMMU has */
/* The interrupt window: what a device writes there is no DMA. */
#define WINDOW	   0xfee00000ull
#define WINDOW_END 0xfef00000ull

void *dma_behind(void *arg, uint64_t addr, uint64_t len, bool write)
{
	const struct ladon_function *fn = arg;

	for (const struct ladon_dma *d = fn->dma; d; d = d->next) {
		if (addr < d->iova || addr - d->iova >= d->size)
			continue;
		if (len > d->size - (addr - d->iova) || (write && d->read_only))
			return NULL;
		return d->ptr + (addr - d->iova);
	}
	return NULL;
}

int ladon_dma_lookup(const struct ladon_function *fn, const void *ptr, size_t len,
		     uint64_t *ret_iova)
{
	uintptr_t p = (uintptr_t)ptr;

	for (const struct ladon_dma *d = fn->dma; d; d = d->next) {
		uintptr_t start = (uintptr_t)d->ptr;

		if (p < start || p - start >= d->size || len > d->size - (p - start))
			continue;
		*ret_iova = d->iova + (p - start);
		return 0;
	}
	return -ENOENT;
}

/* The first address from iova on where size bytes may lie, as far as the window goes. */
static uint64_t past_window(uint64_t iova, size_t size)
{
	bool clear = iova >= WINDOW_END || (iova < WINDOW && size <= WINDOW - iova);

	return clear ? iova : ALIGN_UP(WINDOW_END, DMA_HUGE);
}

/* Where the first gap of size bytes is, and the link to put a mapping there into; NULL = full.
 */
static struct ladon_dma **dma_gap(struct ladon_function *fn, size_t size, uint64_t *ret_iova)
{
	struct ladon_dma **link = &fn->dma;
	uint64_t iova = past_window(DMA_IOVA_FIRST, size);

	for (; *link && ((*link)->iova < iova || (*link)->iova - iova < size);
	     link = &(*link)->next)
		iova = past_window(ALIGN_UP((*link)->iova + (*link)->size, DMA_HUGE), size);
	if (iova > DMA_IOVA_END || size > DMA_IOVA_END - iova)
		return NULL;
	*ret_iova = iova;
	return link;
}

/* mmap whose address is 2 MiB-aligned: room is reserved larger, then the ends given back. */
static void *map_aligned(int fd, uint64_t offset, size_t size, int prot)
{
	uint8_t *room =
		mmap(NULL, size + DMA_HUGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *start;

	if (room == MAP_FAILED)
		return MAP_FAILED;
	start = (uint8_t *)ALIGN_UP((uintptr_t)room, (uintptr_t)DMA_HUGE);
	if (mmap(start, size, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)offset) == MAP_FAILED) {
		munmap(room, size + DMA_HUGE);
		return MAP_FAILED;
	}
	if (start > room)
		munmap(room, (size_t)(start - room));
	munmap(start + ALIGN_UP(size, DMA_PAGE), (size_t)(room + DMA_HUGE - start));
	/* A hint; without shmem huge pages nothing changes. */
	madvise(start, size, MADV_HUGEPAGE);
	return start;
}

static int dma_map_local(struct ladon_dma *d, int fd, uint64_t offset, unsigned flags)
{
	/* The caller of libladon always writes; READ_ONLY is what the card may do. */
	int prot = PROT_READ | PROT_WRITE;
	void *ptr = MAP_FAILED;

	if (flags & LADON_DMA_HUGE)
		ptr = map_aligned(fd, offset, d->size, prot);
	else
		ptr = mmap(NULL, d->size, prot, MAP_SHARED, fd, (off_t)offset);
	if (ptr == MAP_FAILED && errno == EACCES && (flags & LADON_DMA_READ_ONLY))
		ptr = mmap(NULL, d->size, PROT_READ, MAP_SHARED, fd, (off_t)offset);
	if (ptr == MAP_FAILED)
		return -errno;
	d->ptr = ptr;
	return 0;
}

/* Enters d into the list and announces it. */
static int dma_announce(struct ladon_dma *d, int fd, uint64_t offset)
{
	struct ladon_dma **link = dma_gap(d->function, d->size, &d->iova);
	uint32_t prot = d->read_only ? VFU_DMA_READ : VFU_DMA_READ | VFU_DMA_WRITE;
	int err;

	if (!link)
		return -ENOSPC;
	err = vfu_client_dma_map(d->function->client, d->iova, d->size, prot, fd, offset);
	if (err)
		return err;
	d->next = *link;
	*link = d;
	return 0;
}

int ladon_dma_map_fd(struct ladon_function *fn, int fd, uint64_t offset, size_t size,
		     unsigned flags, struct ladon_dma **ret_dma)
{
	struct ladon_dma *d;
	int err;

	if (size == 0 || (offset | size) % DMA_PAGE || size > DMA_IOVA_END ||
	    offset > (uint64_t)INT64_MAX - size)
		return -EINVAL;
	d = calloc(1, sizeof(*d));
	if (!d)
		return -ENOMEM;
	d->function = fn;
	d->size = size;
	d->read_only = flags & LADON_DMA_READ_ONLY;
	err = dma_map_local(d, fd, offset, flags);
	if (!err) {
		err = dma_announce(d, fd, offset);
		if (err)
			munmap(d->ptr, d->size);
	}
	if (err) {
		free(d);
		return err;
	}
	*ret_dma = d;
	return 0;
}

int ladon_dma_alloc(struct ladon_function *fn, size_t size, unsigned flags,
		    struct ladon_dma **ret_dma)
{
	uint64_t align = flags & LADON_DMA_HUGE ? DMA_HUGE : DMA_PAGE;
	int fd, err;

	if (size == 0 || size > DMA_IOVA_END)
		return -EINVAL;
	size = ALIGN_UP(size, align);
	fd = fd_memfd("ladon-dma", size);
	if (fd < 0)
		return fd;
	err = ladon_dma_map_fd(fn, fd, 0, size, flags, ret_dma);
	/* Both mappings keep the file; nobody needs the descriptor any more. */
	fd_close(&fd);
	return err;
}

static void dma_unlink(struct ladon_dma *d)
{
	struct ladon_dma **link = &d->function->dma;

	while (*link != d)
		link = &(*link)->next;
	*link = d->next;
}

int ladon_dma_free(struct ladon_dma *d)
{
	int err = 0;

	if (!d)
		return 0;
	if (d->function->client)
		err = vfu_client_dma_unmap(d->function->client, d->iova, d->size);
	dma_unlink(d);
	munmap(d->ptr, d->size);
	free(d);
	return err;
}

void *ladon_dma_pointer(const struct ladon_dma *d)
{
	return d->ptr;
}

uint64_t ladon_dma_iova(const struct ladon_dma *d)
{
	return d->iova;
}

size_t ladon_dma_size(const struct ladon_dma *d)
{
	return d->size;
}
