/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ladon.h - attach to one function of a card (a vfio-user socket) from user space:
 * configuration space, registers, DMA memory, interrupts. A driver for the 82576's VF stands in
 * <ladon/igbvf.h>.
 *
 * The library starts no thread, logs nothing and has no event loop. A function and all that
 * hangs on it belong to one thread at a time. Functions that return int give 0 (or a count) or
 * -errno; outputs named ret_* are untouched on failure. A connection that was lost stays lost:
 * every later call that needs it gives -ENOTCONN or -ECONNRESET; detach and free still release
 * all memory.
 */
#ifndef LADON_LADON_H
#define LADON_LADON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LADON_API __attribute__((visibility("default")))

/* "major.minor.patch" of the library in use. */
LADON_API const char *ladon_version(void);

/**
 * struct ladon_function - one attached PCI function. Opaque.
 */
struct ladon_function;

/**
 * struct ladon_options - how to attach; NULL or all zero means the defaults.
 * @vf_token: the card's VF token, a UUID as text, shown in the version exchange; NULL = none.
 *   Borrowed for the call. Read it from a file, not from argv.
 * @timeout_ms: longest wait for any reply; 0 = 5000. After a timeout the connection is lost.
 */
struct ladon_options {
	const char *vf_token;
	int timeout_ms;
};

/**
 * ladon_function_attach - connect to a function's socket and reset the function once.
 * @path: the socket, e.g. /run/ladon/nic0/vf0.sock
 * @options: NULL = defaults
 * @ret_function: owned by the caller, ended by ladon_function_detach()
 *
 * Return: 0; -ECONNREFUSED, -ENOENT (nobody listens); -ECONNRESET, -EPIPE (turned away: another
 * client is attached, or our uid is not listed); -EACCES (the token is missing or wrong),
 * -EINVAL (it is no UUID, or the card has none); -EPROTO; -ETIMEDOUT; -ENOMEM.
 */
LADON_API int ladon_function_attach(const char *path, const struct ladon_options *options,
				    struct ladon_function **ret_function);

/**
 * ladon_function_attach_fd - the same on a connected stream socket.
 * @fd: consumed on success, the caller's on failure
 */
LADON_API int ladon_function_attach_fd(int fd, const struct ladon_options *options,
				       struct ladon_function **ret_function);

/**
 * ladon_function_detach - close the connection; frees the DMA memory that is left. Takes NULL.
 * Drivers opened on @function must be closed first.
 */
LADON_API void ladon_function_detach(struct ladon_function *function);

/* The connection's socket, to be watched for POLLHUP. Stays the function's. */
LADON_API int ladon_function_fd(const struct ladon_function *function);

/* Serves messages of the server (DMA by message), waiting up to timeout_ms. */
LADON_API int ladon_function_poll(struct ladon_function *function, int timeout_ms);

/* DEVICE_RESET: registers and queues at reset values, DMA memory stays mapped. */
LADON_API int ladon_function_reset(struct ladon_function *function);

/* Memory space and bus mastering on (or off) in the command register. Without it: no DMA. */
LADON_API int ladon_function_enable(struct ladon_function *function, bool on);

/**
 * struct ladon_ids - who the function is, from its configuration space.
 */
struct ladon_ids {
	uint16_t vendor, device, subsys_vendor, subsys_device;
	uint32_t class_code; /* 24 bits */
	uint8_t revision;
};
LADON_API int ladon_function_ids(struct ladon_function *function, struct ladon_ids *ret_ids);

/* Configuration space, 4096 bytes; any offset and length inside. -EINVAL outside. */
LADON_API int ladon_config_read(struct ladon_function *function, unsigned offset, void *ret_buf,
				unsigned len);
LADON_API int ladon_config_write(struct ladon_function *function, unsigned offset,
				 const void *buf, unsigned len);

/* Bytes of a BAR (0 ... 5); 0 = absent. */
LADON_API uint64_t ladon_bar_size(const struct ladon_function *function, unsigned bar);

/**
 * ladon_bar_read32 - read a register. A plain load when it lies in an area that the card lets
 * be mapped, a message and its reply (5 ... 60 us) otherwise. Return: 0; -EINVAL (unaligned or
 * outside the BAR); the connection's errors.
 */
LADON_API int ladon_bar_read32(struct ladon_function *function, unsigned bar, uint64_t offset,
			       uint32_t *ret_value);

/**
 * ladon_bar_write32 - write a register: a store with release order, or a posted message. All
 * DMA memory written before is visible to the card that sees the register. As on a bus, a read
 * from the same function returns after all writes before it have been executed.
 */
LADON_API int ladon_bar_write32(struct ladon_function *function, unsigned bar, uint64_t offset,
				uint32_t value);

/* The mapped register itself, or NULL when accesses at offset trap. Good until detach. */
LADON_API volatile uint32_t *ladon_bar_pointer(struct ladon_function *function, unsigned bar,
					       uint64_t offset);

/**
 * struct ladon_dma - memory that the card may read and write. Opaque.
 */
struct ladon_dma;

#define LADON_DMA_HUGE	    1u /* round up to 2 MiB, aligned: one table entry translates */
#define LADON_DMA_READ_ONLY 2u /* the card may not write */

/**
 * ladon_dma_alloc - memory from a memfd (sealed against shrinking), zeroed and mapped for the
 * card.
 * @size: bytes, rounded up to 4 KiB
 * @flags: LADON_DMA_*
 * @ret_dma: ended by ladon_dma_free() or by detaching
 *
 * The library chooses the IOVA: 2 MiB-aligned, from 0x10000000 upwards.
 * Return: 0; -EINVAL (size 0); -ENOMEM; -ENOSPC (no IOVA left); the card's refusal.
 */
LADON_API int ladon_dma_alloc(struct ladon_function *function, size_t size, unsigned flags,
			      struct ladon_dma **ret_dma);

/**
 * ladon_dma_map_fd - map memory of the caller: size bytes of fd at offset (both 4 KiB
 * multiples).
 * @fd: a memfd or a regular file, open for writing unless READ_ONLY; stays the caller's
 */
LADON_API int ladon_dma_map_fd(struct ladon_function *function, int fd, uint64_t offset,
			       size_t size, unsigned flags, struct ladon_dma **ret_dma);

/**
 * ladon_dma_free - unmap and free. When it returns the card holds no pointer into the memory.
 * Takes NULL. Memory is released even when the connection is lost.
 */
LADON_API int ladon_dma_free(struct ladon_dma *dma);

LADON_API void *ladon_dma_pointer(const struct ladon_dma *dma);
LADON_API uint64_t ladon_dma_iova(const struct ladon_dma *dma);
LADON_API size_t ladon_dma_size(const struct ladon_dma *dma);

/* The IOVA of len bytes at ptr, in whichever DMA memory of the function they lie. -ENOENT = in
 * none. */
LADON_API int ladon_dma_lookup(const struct ladon_function *function, const void *ptr,
			       size_t len, uint64_t *ret_iova);

/**
 * struct ladon_stage1 - page tables of the caller's own, on top of its DMA memory. Opaque.
 *
 * While they are in force, addresses that the function uses for DMA (in rings, in descriptors)
 * are not IOVAs but whatever is mapped here: the process's virtual addresses, if it likes. The
 * tables lead to DMA memory of the function only (nested translation). Rings of a driver of
 * this library use IOVAs: map them to themselves.
 */
struct ladon_stage1;

/**
 * ladon_stage1_open - put empty tables in force: from now on the function reaches nothing
 * @ret_stage1: ended by ladon_stage1_close(), before the function is detached
 *
 * Return: 0; -ENOTTY (the card has no nested translation); -EOPNOTSUPP (DMA goes by messages);
 * -ENOMEM; -ENOSPC; the connection's errors.
 */
LADON_API int ladon_stage1_open(struct ladon_function *function,
				struct ladon_stage1 **ret_stage1);

/* Without tables again: DMA addresses are IOVAs. Frees. Takes NULL. */
LADON_API void ladon_stage1_close(struct ladon_stage1 *stage1);

/**
 * ladon_stage1_map - let [addr, addr + size) mean the IOVAs [iova, iova + size)
 * @addr: 4 KiB multiple below 2^47, as iova and size are
 * @flags: 0 or LADON_DMA_READ_ONLY
 *
 * Return: 0; -EINVAL; -EEXIST (something is mapped there); -ENOMEM; -ENOSPC. Nothing has
 * changed then.
 */
LADON_API int ladon_stage1_map(struct ladon_stage1 *stage1, uint64_t addr, uint64_t iova,
			       size_t size, unsigned flags);

/* DMA memory at its virtual address in this process: a pointer into it is what the card is
 * given. */
LADON_API int ladon_stage1_map_dma(struct ladon_stage1 *stage1, const struct ladon_dma *dma);

/**
 * ladon_stage1_unmap - take [addr, addr + size) away. When it returns, no DMA to it is under
 * way. The range begins and ends where earlier maps did.
 * Return: 0; -EINVAL; -ENOENT; the connection's errors.
 */
LADON_API int ladon_stage1_unmap(struct ladon_stage1 *stage1, uint64_t addr, size_t size);

/* Number of MSI-X vectors. */
LADON_API unsigned ladon_irq_count(const struct ladon_function *function);

/**
 * ladon_irq_enable - connect vectors [start, start + count) to eventfds.
 * @fds: count eventfds; stay the caller's, who keeps them open until ladon_irq_disable()
 */
LADON_API int ladon_irq_enable(struct ladon_function *function, unsigned start, unsigned count,
			       const int *fds);
/* Disconnects [start, start + count). */
LADON_API int ladon_irq_disable(struct ladon_function *function, unsigned start,
				unsigned count);

/**
 * struct ladon_posted - interrupts that arrive in memory instead of by eventfds: receiving them
 * takes no system call while there are some. Opaque.
 */
struct ladon_posted;

/**
 * ladon_posted_open - post the vectors [first, first + count) of the function
 * @count: 1 ... 64
 * @ret_posted: ended by ladon_posted_close(), before the function is detached
 *
 * Takes the place of ladon_irq_enable(); one at a time for each function.
 * Return: 0; -EINVAL (no such vectors); -ENOTTY (the card has no posted interrupts: use
 * ladon_irq_enable()); -ENOMEM; -ENOSPC; the connection's errors.
 */
LADON_API int ladon_posted_open(struct ladon_function *function, unsigned first, unsigned count,
				struct ladon_posted **ret_posted);

/* What was posted since it was last asked: bit n = vector first + n. No system call. */
LADON_API uint64_t ladon_posted_poll(struct ladon_posted *posted);

/**
 * ladon_posted_wait - the same; sleeps when there is nothing
 * @timeout_ms: -1 = no limit
 * @ret_vectors: what was posted, when 1 is returned
 *
 * No interrupt that is posted before or during the call is slept through.
 * Return: 1; 0 (the time is over); -ENOTCONN (the connection ended); -EINTR (a signal came).
 */
LADON_API int ladon_posted_wait(struct ladon_posted *posted, int timeout_ms,
				uint64_t *ret_vectors);

/* Disconnects the vectors, and frees. Takes NULL. */
LADON_API void ladon_posted_close(struct ladon_posted *posted);

#ifdef __cplusplus
}
#endif

#endif
