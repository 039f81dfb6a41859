/* SPDX-License-Identifier: BSD-3-Clause */
/* notify.h - tells a service manager how we are (sd_notify(3)), without its library. */
#ifndef LADON_DAEMON_NOTIFY_H
#define LADON_DAEMON_NOTIFY_H

/*
 * Sends state ("READY=1") to $NOTIFY_SOCKET. Returns 0, also when nobody asked, or -errno;
 * never blocks.
 */
int notify_send(const char *state);

#endif
