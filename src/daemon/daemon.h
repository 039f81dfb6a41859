/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * daemon.h - what the process consists of: the loop, the hosts, the cards, the control socket
 * and the run directory, which it holds alone (flock) from daemon_new to daemon_free.
 */
#ifndef LADON_DAEMON_DAEMON_H
#define LADON_DAEMON_DAEMON_H

#include <limits.h>
#include <stdint.h>

#include "faults.h"
#include "host.h"
#include "loop.h"
#include "ntb_map.h"
#include "opts.h"
#include "words.h"

#define DAEMON_CARDS_MAX 127 /* a pair of bus numbers each, bus 0 is nobody's */

struct card;
struct compute;
struct compute_door;
struct control;
struct helper;

struct daemon {
	struct opts opts;
	struct loop *loop;	/* owned */
	char run_dir[PATH_MAX]; /* absolute */
	int run_dir_fd;		/* owned; holds the lock */
	uint64_t start_ns;
	struct host local;
	struct compute *computes;  /* owned: compute hosts */
	struct compute_door *door; /* owned: where they join */
	uint64_t epoch;		   /* of the latest joining */
	struct ntb_map map;	   /* of all hosts' addresses, as devices see them */
	struct card *cards;	   /* owned, in order of creation */
	unsigned num_cards;
	struct control *control; /* owned; NULL before and after it is served */
	struct faults faults;
	struct helper *helper; /* borrowed; NULL = taps are opened here */
	int statm_fd;	       /* owned: /proc/self/statm, -1 = there is none */
};

/*
 * Takes the run directory (made with mode 0700) and opens the control socket. Nothing is served
 * until the loop runs. Returns 0, or -errno with a sentence.
 */
int daemon_new(const struct opts *opts, struct daemon **ret_daemon, struct cmd_error *error);
/* Drops all clients, removes all sockets. Takes NULL. */
void daemon_free(struct daemon *daemon);

/* rundir.c: makes and locks the directory, sweeps what a crash left behind. */
int rundir_take(const struct opts *opts, char *ret_path, int *ret_fd, struct cmd_error *error);

#endif
