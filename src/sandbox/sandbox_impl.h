/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_impl.h - the layers of the sandbox, one by one. For sandbox.c and its tests. */
#ifndef LADON_SANDBOX_SANDBOX_IMPL_H
#define LADON_SANDBOX_SANDBOX_IMPL_H

#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * The runtimes of these sanitizers read /proc, make threads and trace their own process. A
 * build with one gives up capabilities and keeps files and system calls.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANDBOX_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
	__has_feature(memory_sanitizer)
#define SANDBOX_SANITIZER 1
#endif
#endif
#ifndef SANDBOX_SANITIZER
#define SANDBOX_SANITIZER 0
#endif

/* ladon-host has the rows of ladond, and those of its own. */
enum sandbox_process {
	SANDBOX_LADOND = 1,
	SANDBOX_HELPER = 2,
	SANDBOX_BOTH = 3,
	SANDBOX_HOST = 4,
};

/* The one argument of a call that is looked at. */
enum sandbox_op {
	SANDBOX_ANY,	/* none */
	SANDBOX_MASKED, /* (argument & mask) == value */
	SANDBOX_OWN_PID /* argument is our process ID */
};

struct sandbox_arg {
	enum sandbox_op op;
	unsigned arg;
	uint64_t mask, value;
};

/* A row of sandbox_calls.def. */
struct sandbox_call {
	unsigned processes; /* enum sandbox_process, or'ed */
	const char *name;
	struct sandbox_arg arg;
	int err;	      /* 0 = allowed; else what it fails with */
	const char *arg_text; /* as in the table */
	const char *user, *why;
};

const struct sandbox_call *sandbox_calls(unsigned *ret_num);

/* Drops every capability but those in keep (bits) from all sets of this thread. */
int sandbox_caps(uint64_t keep);

/* ---- Landlock ---- */

/* Younger than Debian bookworm's headers. */
#define SANDBOX_FS_TRUNCATE	(1ull << 14) /* ABI 3 */
#define SANDBOX_FS_IOCTL_DEV	(1ull << 15) /* ABI 5 */
#define SANDBOX_NET_BIND_TCP	(1ull << 0)  /* ABI 4 */
#define SANDBOX_NET_CONNECT_TCP (1ull << 1)
#define SANDBOX_SCOPE_ABSTRACT	(1ull << 0) /* ABI 6: abstract sockets of others */
#define SANDBOX_SCOPE_SIGNAL	(1ull << 1)

/* What a kernel with Landlock ABI abi (0 = none) can take away; names of what it lacks. */
struct sandbox_landlock {
	uint64_t fs, net, scoped;
	const char *lacks; /* NULL: nothing */
};
void sandbox_landlock_rights(int abi, struct sandbox_landlock *ret);
/* The kernel's ABI, 0 when there is no Landlock. */
int sandbox_landlock_abi(void);

/* What stays: these rights on and below fd (borrowed). */
struct sandbox_path {
	int fd;
	uint64_t rights;
};
/* Directories and sockets come and go there, and it can be listed. No file can be made. */
#define SANDBOX_RUN_DIR                                                 \
	(LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_DIR |    \
	 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE)
#define SANDBOX_DEVICE \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | SANDBOX_FS_IOCTL_DEV)

/* Takes away all of rights but for path (path->fd < 0: all). Needs no_new_privs. */
int sandbox_landlock(const struct sandbox_landlock *rights, const struct sandbox_path *path);

/* ---- system calls ---- */

/*
 * Loads the filter of that process' rows. -ENOTSUP: the build has no libseccomp. -EINVAL,
 * -ENOSYS: the kernel has no filters.
 */
int sandbox_seccomp(enum sandbox_process process);

#endif
