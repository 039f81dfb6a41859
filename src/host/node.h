/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * node.h - one compute host: it joins its management host, serves the VFs that it is given, and
 * joins anew when it was left. One thread.
 *
 *   ALONE -- join, at growing intervals --> JOINED -- the link is over --> ALONE
 *
 * ALONE has no VF's socket, no memory offered, no tables: what was is over at the other end
 * too.
 */
#ifndef LADON_HOST_NODE_H
#define LADON_HOST_NODE_H

#include <stdbool.h>

#include "fabric.h"
#include "loop.h"
#include "uids.h"

struct node;

struct node_params {
	const char *join; /* path of the management host's socket */
	const char *name; /* ours there */
	const char *dir;  /* of the VFs' sockets */
	uint8_t key[FABRIC_KEY_SIZE];
	struct uid_list uids; /* whose programs may attach to VFs */
	bool once;	      /* when it is left it stops the loop */
};

/* Joins; nothing is tried again. params is copied, its texts are borrowed. Returns 0, or -errno
 * with *ret_why (valid until the next call). */
int node_new(struct loop *loop, const struct node_params *params, struct node **ret_node,
	     const char **ret_why);
/* Leaves: clients are dropped, memory is withdrawn. Takes NULL. */
void node_free(struct node *node);
/* Was it left, with params.once? */
bool node_was_left(const struct node *node);

#endif
