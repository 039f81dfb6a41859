/* SPDX-License-Identifier: BSD-3-Clause */
/* compute_priv.h - shared by compute.c and the files beside it. */
#ifndef LADON_DAEMON_COMPUTE_PRIV_H
#define LADON_DAEMON_COMPUTE_PRIV_H

#include "compute.h"

/* compute.c: the host goes, for a reason; nothing when it is absent. */
void compute_leave(struct compute *compute, const char *why);
/* A JOIN came by fd (taken on success). Returns 0, or -errno with *ret_why (static). */
int compute_join(struct daemon *daemon, int fd, const struct fabric_msg *msg, pid_t pid,
		 uid_t uid, const char **ret_why);
void compute_end_all(struct daemon *daemon);

/* compute_out.c: tells a joined host, at once or as soon as it reads; fd is borrowed. False: it
 * does not read, or has gone. */
bool compute_say(struct compute *compute, struct fabric_msg *msg, int fd);
/* Its socket can be written, perhaps. False: it has gone. */
bool compute_flush(struct compute *compute);
/* Nothing waits any more. */
void compute_out_clear(struct compute *compute);

/* compute_bridge.c: a slice and a port of its own, -EEXIST, -ENOSPC with a sentence; gone
 * again. */
int compute_bridge_new(struct compute *compute, struct cmd_error *error);
void compute_bridge_free(struct compute *compute);
/* The way to its memory, for compute->epoch. Returns 0 or -errno. */
int compute_bridge_open(struct compute *compute);
/* Nothing passes any more, and nothing that has passed is under way. */
void compute_bridge_shut(struct compute *compute);
extern const struct host_bridge compute_bridge;

/* compute_window.c: OFFER; *fd is consumed on success. Returns 0, or -errno with *ret_why
 * (static or NULL). */
int compute_window_open(struct compute *compute, const struct fabric_msg *msg, int *fd,
			const char **ret_why);
/* The host's interrupt-remapping table: hook of its unit. */
void compute_window_irt(void *arg, uint64_t irta, bool on);
/* Drained. -ENOENT. */
int compute_window_close(struct compute *compute, uint64_t hpa);
/* All of them; nothing passes any more. */
void compute_windows_free(struct compute *compute);
/* Was a file truncated? */
bool compute_window_lost(const struct compute *compute);

#endif
