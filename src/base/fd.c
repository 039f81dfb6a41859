/* SPDX-License-Identifier: BSD-3-Clause */
#include "fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LISTEN_BACKLOG 64

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}

void fd_close_all(int *fds, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		fd_close(&fds[i]);
}

int fd_raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return -errno;
	limit.rlim_cur = limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

int fd_set_nonblock(int fd)
{
	int status = fcntl(fd, F_GETFL);
	int flags = fcntl(fd, F_GETFD);

	if (status < 0 || flags < 0)
		return -errno;
	if (fcntl(fd, F_SETFL, status | O_NONBLOCK) < 0)
		return -errno;
	if (fcntl(fd, F_SETFD, flags | FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

int fd_memfd(const char *name, size_t size)
{
	FD_AUTO int fd = -1;
	int ret;

	if (size > INT64_MAX)
		return -EFBIG;
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
#ifndef LADON_BREAK_SEAL
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
		return -errno;
#endif
	ret = fd;
	fd = -1;
	return ret;
}

/* An empty path would bind to a name of the kernel's choice, so it is refused here. */
static int unix_addr(const char *path, struct sockaddr_un *ret_addr)
{
	size_t len = strlen(path);

	if (!len)
		return -EINVAL;
	if (len >= sizeof(ret_addr->sun_path))
		return -ENAMETOOLONG;
	memset(ret_addr, 0, sizeof(*ret_addr));
	ret_addr->sun_family = AF_UNIX;
	memcpy(ret_addr->sun_path, path, len + 1);
	return 0;
}

/* Connecting to a regular file is refused too, so the type is asked first: only a socket is
 * stale. */
static bool unix_is_stale(const struct sockaddr_un *addr, int type)
{
	FD_AUTO int fd = -1;
	struct stat st;

	if (lstat(addr->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return false;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 &&
	       errno == ECONNREFUSED;
}

static int unix_bind(int fd, const struct sockaddr_un *addr, int type)
{
	if (bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0)
		return 0;
	if (errno != EADDRINUSE)
		return -errno;
	if (!unix_is_stale(addr, type))
		return -EADDRINUSE;
	if (unlink(addr->sun_path) < 0 && errno != ENOENT)
		return -errno;
	return bind(fd, (const struct sockaddr *)addr, sizeof(*addr)) < 0 ? -errno : 0;
}

static int unix_listen(const char *path, int type)
{
	FD_AUTO int fd = -1;
	struct sockaddr_un addr;
	int ret = unix_addr(path, &addr);

	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
#ifndef LADON_BREAK_SOCK_MODE
	/* bind gives the file the mode of the socket's inode: no moment with a wider one, no
	 * umask. */
	if (fchmod(fd, 0600) < 0)
		return -errno;
#endif
	ret = unix_bind(fd, &addr, type);
	if (ret < 0)
		return ret;
	if (listen(fd, LISTEN_BACKLOG) < 0) {
		ret = -errno;
		unlink(path);
		return ret;
	}
	ret = fd;
	fd = -1;
	return ret;
}

int fd_unix_listen(const char *path)
{
	return unix_listen(path, SOCK_STREAM);
}

int fd_unix_listen_packets(const char *path)
{
	return unix_listen(path, SOCK_SEQPACKET);
}

static int unix_connect(const char *path, int type)
{
	FD_AUTO int fd = -1;
	struct sockaddr_un addr;
	int ret = unix_addr(path, &addr);

	if (ret < 0)
		return ret;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0)
		return -errno;
	ret = fd;
	fd = -1;
	return ret;
}

int fd_unix_connect(const char *path)
{
	return unix_connect(path, SOCK_STREAM);
}

int fd_unix_try_connect(const char *path)
{
	return unix_connect(path, SOCK_STREAM | SOCK_NONBLOCK);
}

int fd_unix_try_connect_packets(const char *path)
{
	return unix_connect(path, SOCK_SEQPACKET | SOCK_NONBLOCK);
}

void fd_msg_put(struct msghdr *msg, void *control, const int *fds, unsigned n)
{
	struct cmsghdr *cmsg;

	if (!n)
		return;
	memset(control, 0, CMSG_SPACE(n * sizeof(int)));
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(n * sizeof(int));
	cmsg = CMSG_FIRSTHDR(msg);
	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, n * sizeof(int));
}

unsigned fd_msg_take(struct msghdr *msg, int *fds, unsigned max)
{
	unsigned taken = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg; cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(int));
			if (taken < max)
				fds[taken++] = fd;
			else
				fd_close(&fd);
		}
	}
	return taken;
}
