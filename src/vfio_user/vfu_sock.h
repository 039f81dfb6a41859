/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vfu_sock.h - a listening vfio-user socket on the control thread's loop: one client at a time,
 * a second is refused at once (closed); after a loss it listens again. Never blocks in either
 * direction.
 */
#ifndef LADON_VFU_SOCK_H
#define LADON_VFU_SOCK_H

#include <sys/types.h>

#include "loop.h"
#include "vfu_conn.h"

struct vfu_sock;

/* The reason of a connection that the client ended itself. */
#define VFU_SOCK_CLOSED "client closed the connection"

struct vfu_sock_events {
	/* A client connected (before any message). Non-zero refuses it (-errno; *why for the
	 * log). */
	int (*connected)(void *dev, pid_t pid, uid_t uid, const char **why);
	/* The client is gone or was dropped; reason is never NULL ("client closed the
	 * connection"). The connection is still readable in this call, gone after it. */
	void (*disconnected)(void *dev, const char *reason);
	/* A client was turned away at the door: connected said no, or another is attached. */
	void (*refused)(void *dev, pid_t pid, uid_t uid, const char *reason);
};

/* Listens on path (mode 0600). ops, events, dev borrowed until vfu_sock_free. Returns 0 or
 * -errno. */
int vfu_sock_new(struct loop *loop, const char *path, const struct vfu_dev_ops *ops,
		 const struct vfu_sock_events *events, void *dev, struct vfu_sock **ret_sock);
/* Drops the client (disconnected is called), stops listening, unlinks path. Takes NULL. */
void vfu_sock_free(struct vfu_sock *sock);

/* A client that came by another way: fd, connected (consumed), is served as if it had
 * connected to path. Returns 0, -EBUSY (another is attached) or -errno (connected said no). */
int vfu_sock_adopt(struct vfu_sock *sock, int fd);

/* The attached client's connection, or NULL. */
struct vfu_conn *vfu_sock_conn(struct vfu_sock *sock);
/* Call after queueing output outside vfu_conn_input (DMA requests): sends what the socket
 * takes. */
void vfu_sock_flush(struct vfu_sock *sock);
/* Drops the client for a reason of the device's own, after the present callback. */
void vfu_sock_drop(struct vfu_sock *sock, const char *reason);

#endif
