/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_landlock.c - the file system, by raw system calls: there is no library. */
#include <errno.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bits.h"
#include "fd.h"
#include "sandbox_impl.h"

/* As of ABI 6; an older kernel takes the front part. */
struct ruleset {
	uint64_t fs, net, scoped;
};

#define FS_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)

int sandbox_landlock_abi(void)
{
	long abi =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

void sandbox_landlock_rights(int abi, struct sandbox_landlock *ret)
{
	static const char *const lacks[] = {
		"Landlock",
		("files moved between directories, truncate, TCP, device ioctls, abstract "
		 "sockets, signals"),
		"truncate, TCP, device ioctls, abstract sockets, signals",
		"TCP, device ioctls, abstract sockets, signals",
		"device ioctls, abstract sockets, signals",
		"abstract sockets, signals",
	};

	*ret = (struct sandbox_landlock){
		.fs = FS_ABI_1,
		.net = abi < 4 ? 0 : SANDBOX_NET_BIND_TCP | SANDBOX_NET_CONNECT_TCP,
		.scoped = abi < 6 ? 0 : SANDBOX_SCOPE_ABSTRACT | SANDBOX_SCOPE_SIGNAL,
		.lacks = abi < (int)ARRAY_SIZE(lacks) ? lacks[MAX(abi, 0)] : NULL,
	};
	if (abi >= 2)
		ret->fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		ret->fs |= SANDBOX_FS_TRUNCATE;
	if (abi >= 5)
		ret->fs |= SANDBOX_FS_IOCTL_DEV;
	if (abi < 1)
		ret->fs = 0;
}

static size_t ruleset_size(const struct sandbox_landlock *rights)
{
	if (rights->scoped)
		return sizeof(struct ruleset);
	return rights->net ? offsetof(struct ruleset, scoped) : offsetof(struct ruleset, net);
}

int sandbox_landlock(const struct sandbox_landlock *rights, const struct sandbox_path *path)
{
	const struct ruleset ruleset = {rights->fs, rights->net, rights->scoped};
	const struct landlock_path_beneath_attr beneath = {
		.allowed_access = path->rights & rights->fs,
		.parent_fd = path->fd,
	};
	FD_AUTO int fd =
		(int)syscall(SYS_landlock_create_ruleset, &ruleset, ruleset_size(rights), 0);

	if (fd < 0)
		return -errno;
	if (path->fd >= 0 &&
	    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0)
		return -errno;
#ifndef LADON_BREAK_LANDLOCK
	if (syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
#endif
	return 0;
}
