/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * iommu_mem.c - judging, mapping and guarding the memory files of clients.
 *
 * Theory of the guard. Each mapping has a slot {base, size, page, mem} in a table that only
 * grows, in chunks that are never freed, so a signal handler may read it at any moment. base !=
 * 0 says that the slot is in use; it is written last and cleared first. The handler looks for
 * the slot around the faulting address; that slot cannot change under it, because the faulting
 * thread is using the mapping and a mapping is freed only after its users are drained. Other
 * slots may change; reading base twice keeps halves of two mappings from being taken for one.
 */
#include "iommu_mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "bits.h"
#include "fd.h"

#define CHUNK_SLOTS 1024u
#define CHUNKS	    256u
#define NO_SLOT	    UINT_MAX
/* Areas of the process that are not clients' memory: libraries, stacks, flat tables. */
#define AREAS_OTHER  1024u
#define ZFS_MAGIC_NR 0x2fc12fc1

struct slot {
	_Atomic uintptr_t base; /* 0: free. Release, with the acquire in slot_holds */
	_Atomic size_t size;
	_Atomic size_t page; /* host page size; a huge page's on hugetlbfs */
	_Atomic(struct iommu_mem *) mem;
	unsigned next_free; /* control thread only */
};

static struct {
	_Atomic(struct slot *) chunk[CHUNKS];
	_Atomic unsigned n;    /* slots ever used; release */
	_Atomic unsigned last; /* where a fault was found; a hint, relaxed */
	/* Control thread only from here. */
	unsigned first_free;
	unsigned used;
	unsigned limit;
	bool installed;
	struct sigaction former;
} guard = {.first_free = NO_SLOT, .limit = CHUNKS * CHUNK_SLOTS};

static struct slot *slot_at(unsigned nr)
{
	struct slot *chunk;

	chunk = atomic_load_explicit(&guard.chunk[nr / CHUNK_SLOTS], memory_order_acquire);
	return &chunk[nr % CHUNK_SLOTS];
}

/* ---- in the signal handler: no lock, no allocation, nothing but atomics and mmap(2) ---- */

static bool slot_holds(struct slot *slot, uintptr_t addr, uintptr_t *ret_base, size_t *ret_size)
{
	uintptr_t base = atomic_load_explicit(&slot->base, memory_order_acquire);
	size_t size = atomic_load_explicit(&slot->size, memory_order_acquire);

	if (base == 0 || addr - base >= size)
		return false;
	if (atomic_load_explicit(&slot->base, memory_order_acquire) != base)
		return false;
	*ret_base = base;
	*ret_size = size;
	return true;
}

/* The raw system call: the sanitizers' mmap wrappers are not made for signal handlers. */
static bool zeros_at(uintptr_t addr, size_t size, uint32_t prot)
{
	long ret = syscall(SYS_mmap, addr, size, (long)prot,
			   (long)(MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE), -1L,
			   0L);

	return ret != -1;
}

static atomic_uint lost_count;

unsigned iommu_mem_lost_count(void)
{
	return atomic_load_explicit(&lost_count, memory_order_acquire);
}

/* Puts zero pages from the lost page to the end of the mapping around addr. False: not ours. */
static bool guard_replace(uintptr_t addr)
{
	unsigned n = atomic_load_explicit(&guard.n, memory_order_acquire);
	/* Faults come in runs: the same mapping again, or its neighbour. */
	unsigned first = atomic_load_explicit(&guard.last, memory_order_relaxed);
	uintptr_t base;
	size_t size;

	for (unsigned i = 0; i < n; i++) {
		unsigned nr = (first + i) % n;
		struct slot *slot = slot_at(nr);
		struct iommu_mem *mem;
		uintptr_t from;
		size_t page;

		if (!slot_holds(slot, addr, &base, &size))
			continue;
		mem = atomic_load_explicit(&slot->mem, memory_order_relaxed);
		page = atomic_load_explicit(&slot->page, memory_order_relaxed);
		from = ALIGN_DOWN(addr, page);
		/* With strict overcommit a large tail may be refused where one page is not. */
		if (!zeros_at(from, base + size - from, mem->prot) &&
		    !zeros_at(from, page, mem->prot))
			return false;
		atomic_store_explicit(&mem->lost, true, memory_order_release);
		atomic_fetch_add_explicit(&lost_count, 1, memory_order_release);
		atomic_store_explicit(&guard.last, nr, memory_order_relaxed);
		return true;
	}
	return false;
}

/* What would have happened without us. */
static void chain(int sig, siginfo_t *info, void *context)
{
	if (guard.former.sa_flags & SA_SIGINFO) {
		guard.former.sa_sigaction(sig, info, context);
		return;
	}
	if (guard.former.sa_handler == SIG_IGN && info->si_code <= 0)
		return; /* sent with kill(2), and ignored */
	if (guard.former.sa_handler != SIG_DFL && guard.former.sa_handler != SIG_IGN) {
		guard.former.sa_handler(sig);
		return;
	}
	/* A fault comes again as soon as we return; a sent signal does not. */
	signal(sig, SIG_DFL);
	if (info->si_code <= 0)
		raise(sig);
}

static void on_sigbus(int sig, siginfo_t *info, void *context)
{
	bool fault = info->si_code == BUS_ADRERR || info->si_code == BUS_MCEERR_AR;
	int saved = errno;

#ifdef LADON_BREAK_SIGBUS
	fault = false;
#endif
	if (!fault || !guard_replace((uintptr_t)info->si_addr))
		chain(sig, info, context);
	errno = saved;
}

/* ---- control thread ---- */

/*
 * A lost mapping is two areas of the process (file, zeros), and the kernel limits their number.
 * We stay below half of it, so that the handler's mmap is never refused for that reason.
 */
static unsigned slot_limit(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
	unsigned long areas = 65530; /* the kernel's default */

	if (file) {
		if (fscanf(file, "%lu", &areas) != 1)
			areas = 65530;
		fclose(file);
	}
	if (areas <= 2 * AREAS_OTHER)
		return AREAS_OTHER / 2;
	return (unsigned)MIN((areas - AREAS_OTHER) / 2, (unsigned long)CHUNKS * CHUNK_SLOTS);
}

int iommu_mem_guard_init(void)
{
	struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

	if (guard.installed)
		return 0;
	guard.limit = slot_limit();
	action.sa_sigaction = on_sigbus;
	sigemptyset(&action.sa_mask);
	/* Asked for first: the handler may need it before the second call returns. */
	if (sigaction(SIGBUS, NULL, &guard.former) < 0 || sigaction(SIGBUS, &action, NULL) < 0)
		return -errno;
	guard.installed = true;
	return 0;
}

/* A slot number that is in no list, or -ENOSPC, -ENOMEM. */
static int slot_get(unsigned *ret_nr)
{
	unsigned n = atomic_load_explicit(&guard.n, memory_order_relaxed);
	struct slot *chunk;

	if (guard.first_free != NO_SLOT) {
		*ret_nr = guard.first_free;
		guard.first_free = slot_at(guard.first_free)->next_free;
		guard.used++;
		return 0;
	}
	if (n >= guard.limit)
		return -ENOSPC;
	if (n % CHUNK_SLOTS == 0) {
		chunk = calloc(CHUNK_SLOTS, sizeof(*chunk));
		if (!chunk)
			return -ENOMEM;
		atomic_store_explicit(&guard.chunk[n / CHUNK_SLOTS], chunk,
				      memory_order_release);
	}
	atomic_store_explicit(&guard.n, n + 1, memory_order_release);
	*ret_nr = n;
	guard.used++;
	return 0;
}

unsigned iommu_mem_left(void)
{
	return guard.limit - guard.used;
}

static void slot_put(unsigned nr)
{
	guard.used--;
	slot_at(nr)->next_free = guard.first_free;
	guard.first_free = nr;
}

/* area is what mmap returned; mem shows a part of it (all of it, except on hugetlbfs). */
static void slot_publish(struct iommu_mem *mem, void *area, size_t size, size_t page)
{
	struct slot *slot = slot_at(mem->slot);

	atomic_store_explicit(&slot->size, size, memory_order_release);
	atomic_store_explicit(&slot->page, page, memory_order_relaxed);
	atomic_store_explicit(&slot->mem, mem, memory_order_relaxed);
	atomic_store_explicit(&slot->base, (uintptr_t)area, memory_order_release);
}

/* A mem with a slot and nothing mapped. */
static int mem_new(uint64_t size, uint32_t prot, struct iommu_mem **ret_mem)
{
	struct iommu_mem *mem = calloc(1, sizeof(*mem));
	int ret;

	if (!mem)
		return -ENOMEM;
	mem->size = size;
	mem->prot = prot;
	ret = slot_get(&mem->slot);
	if (ret < 0) {
		free(mem);
		return ret;
	}
	*ret_mem = mem;
	return 0;
}

static void mem_abandon(struct iommu_mem *mem)
{
	slot_put(mem->slot);
	free(mem);
}

static size_t host_page(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static int refuse(int err, const char **why, const char *sentence)
{
	if (why)
		*why = sentence;
	return err;
}

/*
 * File systems whose pages come from memory or a local disk. A page of any other may be in the
 * hands of another process or machine (FUSE, NFS, 9p), and the data path would wait for it for
 * ever. overlayfs is not here: whoever has a user namespace can lay it over FUSE, and
 * fstatfs(2) does not tell.
 */
static bool fs_is_local(const struct statfs *fs)
{
#ifdef LADON_BREAK_FILE_SYSTEM
	return true;
#endif
	switch ((uint32_t)fs->f_type) {
	case TMPFS_MAGIC:
	case HUGETLBFS_MAGIC:
	case RAMFS_MAGIC:
	case EXT4_SUPER_MAGIC: /* ext2 and ext3 too */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case ZFS_MAGIC_NR:
		return true;
	}
	return false;
}

static int check_access(int fd, uint32_t prot, const char **why)
{
	int flags = fcntl(fd, F_GETFL);

	if (prot == 0 || prot & ~(uint32_t)(PROT_READ | PROT_WRITE))
		return refuse(-EINVAL, why, "neither reading nor writing was asked for");
	if (flags < 0 || flags & O_PATH)
		return refuse(-EINVAL, why, "the descriptor is not an open file");
	if ((flags & O_ACCMODE) == O_WRONLY)
		return refuse(
			-EACCES, why,
			"the file is open for writing only: open it for reading and writing");
	if (prot & PROT_WRITE && (flags & O_ACCMODE) != O_RDWR)
		return refuse(-EACCES, why,
			      "the file is open for reading only, but the card is to write: "
			      "open it for reading and writing");
	return 0;
}

/* The kind of file and where it lives; *ret_page is the size of its pages. */
static int check_kind(const struct stat *st, int fd, size_t *ret_page, const char **why)
{
	struct statfs fs;

#ifndef LADON_BREAK_FD_KIND
	if (!S_ISREG(st->st_mode))
		return refuse(
			-EINVAL, why,
			"memory must be a regular file or a memfd, not a directory, pipe, "
			"socket or device");
#endif
	if (fstatfs(fd, &fs) < 0)
		return refuse(-EINVAL, why,
			      "the file system of the memory file cannot be told");
	if (!fs_is_local(&fs))
		return refuse(
			-EOPNOTSUPP, why,
			"the memory file is on a file system that may block: use a memfd or "
			"a file in /dev/shm or hugetlbfs, or DMA by messages");
	*ret_page = fs.f_type == HUGETLBFS_MAGIC ? (size_t)fs.f_bsize : host_page();
	return 0;
}

static int check_bounds(const struct stat *st, uint64_t offset, uint64_t size, const char **why)
{
	if (size == 0 || (offset | size) & (host_page() - 1))
		return refuse(-EINVAL, why,
			      "offset and size must be multiples of the page size");
	if (offset > (uint64_t)st->st_size || size > (uint64_t)st->st_size - offset)
		return refuse(-EINVAL, why,
			      "the range reaches beyond the end of the memory file");
	return 0;
}

static int mmap_error(int err, const char **why)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return refuse(-EACCES, why, "the file's mode or seals forbid this mapping");
	case ENODEV:
		return refuse(-EOPNOTSUPP, why,
			      "the file cannot be mapped: use a memfd, or DMA by messages");
	case ENOMEM:
	case EAGAIN:
		return refuse(-ENOMEM, why, "no memory to map the file");
	}
	return refuse(-EINVAL, why, "the kernel refuses this offset and size");
}

/*
 * Huge pages can be mapped only whole, but a guest's memory has holes that are smaller (640
 * KiB). So the area is widened to whole pages and mem shows the part asked for.
 */
static int area_map(int fd, uint64_t offset, size_t page, struct iommu_mem *mem,
		    const char **why)
{
	uint64_t from = ALIGN_DOWN(offset, page);
	size_t size = ALIGN_UP(offset + mem->size, page) - from;
	uint8_t *area = mmap(NULL, size, (int)mem->prot, MAP_SHARED, fd, (off_t)from);

	if (area == MAP_FAILED)
		return mmap_error(errno, why);
	mem->base = area + (offset - from);
	slot_publish(mem, area, size, page);
	return 0;
}

int iommu_mem_map(int fd, uint64_t offset, uint64_t size, uint32_t prot,
		  struct iommu_mem **ret_mem, const char **why)
{
	/* Seals before size: a file sealed later could have shrunk in between. */
	int seals = fcntl(fd, F_GET_SEALS);
	struct iommu_mem *mem;
	struct stat st;
	size_t page;
	int ret;

	if (fstat(fd, &st) < 0)
		return refuse(-EINVAL, why, "the descriptor is not an open file");
	ret = check_kind(&st, fd, &page, why);
	if (ret == 0)
		ret = check_access(fd, prot, why);
	if (ret == 0)
		ret = check_bounds(&st, offset, size, why);
	if (ret < 0)
		return ret;
	ret = mem_new(size, prot, &mem);
	if (ret < 0)
		return refuse(ret, why,
			      ret == -ENOSPC
				      ? "too many memory mappings: raise vm.max_map_count"
				      : "no memory to keep track of the mapping");
	mem->sealed = seals >= 0 && seals & F_SEAL_SHRINK;
	ret = area_map(fd, offset, page, mem, why);
	if (ret < 0) {
		mem_abandon(mem);
		return ret;
	}
	fd_close(&fd);
	*ret_mem = mem;
	return 0;
}

int iommu_mem_anon(uint64_t size, struct iommu_mem **ret_mem)
{
	struct iommu_mem *mem;
	int ret;

	if (size == 0 || size & (host_page() - 1))
		return -EINVAL;
	ret = mem_new(size, PROT_READ | PROT_WRITE, &mem);
	if (ret < 0)
		return ret;
	mem->sealed = true;
	mem->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mem->base == MAP_FAILED) {
		mem_abandon(mem);
		return -ENOMEM;
	}
	slot_publish(mem, mem->base, size, host_page());
	*ret_mem = mem;
	return 0;
}

void iommu_mem_free(struct iommu_mem *mem)
{
	struct slot *slot;
	uintptr_t area;

	if (!mem)
		return;
	slot = slot_at(mem->slot);
	area = atomic_load_explicit(&slot->base, memory_order_relaxed);
	/* Out of the table before the address can be given to somebody else. */
	atomic_store_explicit(&slot->base, 0, memory_order_seq_cst);
	munmap((void *)area, atomic_load_explicit(&slot->size, memory_order_relaxed));
	mem_abandon(mem);
}
