/* SPDX-License-Identifier: BSD-3-Clause */
/* notify.h - tells a service manager how we are (sd_notify(3)), without its library. */
#ifndef LADON_DAEMON_NOTIFY_H
#define LADON_DAEMON_NOTIFY_H

/*
 * Connects to $NOTIFY_SOCKET, before a sandbox hides it. *ret_fd: the socket, -1 when nobody
 * asked. Returns 0 or -errno.
 */
int notify_open(int *ret_fd);

/* Sends state ("READY=1"), to nobody when fd is -1. Returns 0 or -errno; never blocks. */
int notify_send(int fd, const char *state);

#endif
