/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * rundir.c - the run directory. Whoever holds the lock on the directory itself is the daemon of
 * it; the lock goes with the process, so a crash leaves none behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon.h"
#include "fd.h"

#define VF_SOCKETS_MAX 256

static int run_path(const struct opts *opts, char *buf, struct cmd_error *error)
{
	int ret = opts_run_dir(opts, buf, PATH_MAX);

	if (ret == -ENOENT)
		return cmd_fail(
			error, ret,
			"no run directory is known: --run-dir DIR or $LADON_RUN_DIR is right");
	if (ret < 0)
		return cmd_fail(error, ret, "the run directory's path is too long");
	if (mkdir(buf, 0700) < 0 && errno != EEXIST) {
		ret = -errno;
		return cmd_fail(error, ret, "run directory %.256s cannot be made: %s", buf,
				strerror(-ret));
	}
	return 0;
}

static int check_owner(int fd, const char *path, struct cmd_error *error)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return cmd_fail(error, -errno, "run directory %.256s: %s", path,
				strerror(errno));
	if (st.st_uid != geteuid())
		return cmd_fail(
			error, -EPERM,
			"run directory %.256s belongs to uid %u: one of our own is right", path,
			(unsigned)st.st_uid);
#ifndef LADON_BREAK_RUN_DIR
	if (st.st_mode & 022)
		return cmd_fail(
			error, -EPERM,
			"run directory %.256s may be written by others: mode 0700 is right",
			path);
#endif
	return 0;
}

static int lock(int fd, const char *path, struct cmd_error *error)
{
	int ret;

	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	ret = errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (ret == -EBUSY)
		return cmd_fail(
			error, ret,
			"another ladond serves %.256s: stop it, or use another --run-dir",
			path);
	return cmd_fail(error, ret, "run directory %.256s cannot be locked: %s", path,
			strerror(-ret));
}

/* Sockets of a card that a former daemon left behind; other files stay, and then the directory.
 */
static void sweep_card(int run_fd, const char *card)
{
	char name[32];
	int fd = openat(run_fd, card, O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	for (unsigned n = 0; n < VF_SOCKETS_MAX; n++) {
		snprintf(name, sizeof(name), "vf%u.sock", n);
		unlinkat(fd, name, 0);
		snprintf(name, sizeof(name), "view%u.sock", n);
		unlinkat(fd, name, 0);
	}
	unlinkat(fd, "pf.sock", 0);
	fd_close(&fd);
	unlinkat(run_fd, card, AT_REMOVEDIR);
}

static void sweep(int run_fd)
{
	int fd = openat(run_fd, ".", O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir) {
		fd_close(&fd);
		return;
	}
	while ((entry = readdir(dir))) {
		if (word_is_name(entry->d_name) && entry->d_type == DT_DIR)
			sweep_card(run_fd, entry->d_name);
	}
	closedir(dir);
}

int rundir_take(const struct opts *opts, char *ret_path, int *ret_fd, struct cmd_error *error)
{
	char path[PATH_MAX], real[PATH_MAX];
	FD_AUTO int fd = -1;
	int ret = run_path(opts, path, error);

	if (ret < 0)
		return ret;
	fd = open(path, O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || !realpath(path, real)) {
		ret = -errno;
		return cmd_fail(error, ret, "run directory %.256s cannot be used: %s", path,
				strerror(-ret));
	}
	ret = check_owner(fd, real, error);
	if (ret == 0)
		ret = lock(fd, real, error);
	if (ret < 0)
		return ret;
	sweep(fd);
	strcpy(ret_path, real);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
