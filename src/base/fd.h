/* SPDX-License-Identifier: BSD-3-Clause */
/* fd.h - file descriptors: closing without losing errno, flags, memfds, sockets, passing. */
#ifndef LADON_BASE_FD_H
#define LADON_BASE_FD_H

#include <stddef.h>
#include <sys/socket.h>

/* Closes *fd if it is >= 0 and sets it to -1. Keeps errno. */
void fd_close(int *fd);

/* Closes n descriptors. */
void fd_close_all(int *fds, unsigned n);

/* This process may have as many descriptors as its hard limit says. Returns 0 or -errno. */
int fd_raise_limit(void);

/* Sets O_NONBLOCK and FD_CLOEXEC. Returns 0 or -errno. */
int fd_set_nonblock(int fd);

/* A sealed (F_SEAL_SHRINK|F_SEAL_GROW) memfd of size bytes. Returns the fd or -errno. */
int fd_memfd(const char *name, size_t size);

/*
 * A listening UNIX stream socket at path, mode 0600, non-blocking. A stale socket file, on
 * which nobody listens, is replaced; a live one gives -EADDRINUSE; a path longer than sun_path
 * gives -ENAMETOOLONG. Returns the fd or -errno.
 */
int fd_unix_listen(const char *path);

/* Connects a blocking UNIX stream socket. Returns the fd or -errno. */
int fd_unix_connect(const char *path);
/* The same, non-blocking: -EAGAIN when the server has too many waiting. */
int fd_unix_try_connect(const char *path);

/* The same two for sockets of whole messages (SOCK_SEQPACKET), both non-blocking. */
int fd_unix_listen_packets(const char *path);
int fd_unix_try_connect_packets(const char *path);

/* Declares name, the control buffer of a message that carries up to n descriptors. */
#define FD_MSG_CONTROL(name, n) \
	_Alignas(struct cmsghdr) char name[CMSG_SPACE((n) * sizeof(int))]

/*
 * Has msg carry n descriptors (SCM_RIGHTS), written to control: FD_MSG_CONTROL(control, n) or
 * more. They stay the caller's. With n = 0 msg is left as it is.
 */
void fd_msg_put(struct msghdr *msg, void *control, const int *fds, unsigned n);
/*
 * Takes the descriptors that came with msg, after recvmsg has succeeded: the first max go to
 * fds and are the caller's, what is too much is closed. Returns how many are in fds. Those that
 * msg_control had no room for never came (MSG_CTRUNC in msg_flags).
 */
unsigned fd_msg_take(struct msghdr *msg, int *fds, unsigned max);

#define FD_AUTO __attribute__((cleanup(fd_close)))

#endif
