/* SPDX-License-Identifier: BSD-3-Clause */
/* Giving up privileges: carrying frames takes none. */
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "netdev.h"

struct netdev_owner netdev_owner_of(const char *path)
{
	struct stat st;

	if (geteuid() != 0 || stat(path, &st) < 0)
		return (struct netdev_owner){0};
	return (struct netdev_owner){
		.uid = st.st_uid, .gid = st.st_gid, .change = st.st_uid != 0};
}

int netdev_owner_assume(const struct netdev_owner *owner)
{
	if (owner->change && (setegid(owner->gid) < 0 || seteuid(owner->uid) < 0))
		return -errno;
	return 0;
}

int netdev_owner_leave(const struct netdev_owner *owner)
{
	if (owner->change && (seteuid(0) < 0 || setegid(0) < 0))
		return -errno;
	return 0;
}

int netdev_drop_privileges(const struct netdev_owner *owner)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (owner->change &&
	    (setgroups(0, NULL) < 0 || setresgid(owner->gid, owner->gid, owner->gid) < 0 ||
	     setresuid(owner->uid, owner->uid, owner->uid) < 0))
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, none) < 0 ? -errno : 0;
}
