/* SPDX-License-Identifier: BSD-3-Clause */
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fd.h"

#define LONGEST "/123456789012345-vf255.sock"

static int check(int fd, char *why, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) < 0) {
		snprintf(why, size, "%s", strerror(errno));
		return -errno;
	}
	if (st.st_uid != geteuid()) {
		snprintf(why, size, "it belongs to uid %u: one of our own is right",
			 (unsigned)st.st_uid);
		return -EPERM;
	}
	if (st.st_mode & 022) {
		snprintf(why, size, "others may write it: mode 0700 is right");
		return -EPERM;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		snprintf(why, size, "another ladon-host serves it: another --run-dir is right");
		return -EBUSY;
	}
	return 0;
}

/* The lock says that nobody serves them. */
static void sweep(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (entry->d_type == DT_SOCK && strstr(entry->d_name, "-vf"))
			unlinkat(dir_fd, entry->d_name, 0);
	}
	closedir(dir);
}

int dir_take(const char *path, int *ret_fd, char *why, size_t size)
{
	size_t room = sizeof(((struct sockaddr_un *)0)->sun_path) - sizeof(LONGEST);
	int fd, ret;

	if (strlen(path) > room) {
		snprintf(why, size, "a path of at most %zu bytes is right", room);
		return -ENAMETOOLONG;
	}
	if (mkdir(path, 0700) < 0 && errno != EEXIST) {
		ret = -errno;
		snprintf(why, size, "it cannot be made: %s", strerror(-ret));
		return ret;
	}
	fd = open(path, O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) {
		ret = -errno;
		snprintf(why, size, "%s", strerror(-ret));
		return ret;
	}
	ret = check(fd, why, size);
	if (ret < 0) {
		fd_close(&fd);
		return ret;
	}
	sweep(fd);
	*ret_fd = fd;
	return 0;
}
