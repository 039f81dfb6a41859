/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * link.h - the compute host's end of the fabric: joins, beats, asks and waits for the answer.
 * What the management host says of its own accord is handed to link_ops. One thread.
 */
#ifndef LADON_HOST_LINK_H
#define LADON_HOST_LINK_H

#include "fabric.h"
#include "loop.h"

struct link;

struct link_ops {
	void *arg;
	/* ASSIGN, UNASSIGN. Never from within link_ask. */
	void (*assigned)(void *arg, const struct fabric_msg *msg);
	/* It is time to say that we live: is that said without a message? */
	bool (*beat)(void *arg);
	/* The connection is over; why is static or the link's. Nothing can be asked any more.
	 */
	void (*over)(void *arg, const char *why);
};

/*
 * Connects to path and joins as name with key; returns when the management host has said yes or
 * no. ops is borrowed. Returns 0, or -errno with *ret_why (valid until the next call).
 */
int link_new(struct loop *loop, const char *path, const char *name,
	     const uint8_t key[FABRIC_KEY_SIZE], const struct link_ops *ops,
	     struct link **ret_link, const char **ret_why);
/* Says that it goes. Takes NULL. */
void link_free(struct link *link);

/*
 * Sends msg (its seq and epoch are filled in) with fd (borrowed, -1 = none), and waits for the
 * answer. *ret_fd (may be NULL) is the descriptor that came with it, -1 = none, the caller's.
 * Returns 0, or -errno: the answer's, with *ret_why (may be NULL) what it says; -ECONNRESET
 * when the connection is over, or was.
 */
int link_ask(struct link *link, struct fabric_msg *msg, int fd, int *ret_fd,
	     const char **ret_why);
/* Gives the connection up for a reason of our own; ops.over is told, later. */
void link_end(struct link *link, const char *why);
/*
 * Beats if it is time to, and takes what has come: whoever keeps the loop from running, because
 * it waits for what the management host does, calls this as often as link_beat_ms says. Not
 * from within link_ask, which does it itself.
 */
void link_keep(struct link *link);
unsigned link_beat_ms(const struct link *link);
/* Is the other end there? */
bool link_alive(const struct link *link);

#endif
