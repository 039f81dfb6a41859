/* SPDX-License-Identifier: BSD-3-Clause */
/* bench_node.h - compute hosts of a benchmark's own: ladon-host processes, named ch1, ch2 ...
 * here counted from 0. They end with the thread that starts them. */
#ifndef LADON_BENCH_NODE_H
#define LADON_BENCH_NODE_H

#include <sys/types.h>

#include "demo_daemon.h"

#define BENCH_NODES_MAX 16u

struct bench_nodes {
	const char *program; /* ladon-host; borrowed */
	unsigned num;
	char dir[32];		    /* tokens, a run directory each, one log; "" = none */
	pid_t pid[BENCH_NODES_MAX]; /* 0 = does not run */
};

/* Makes the directory and num tokens; nothing runs yet. 0 or -errno. */
int bench_nodes_new(struct bench_nodes *nodes, const char *program, unsigned num);
/* Kills all, removes the directory. Takes zero. */
void bench_nodes_free(struct bench_nodes *nodes);
/* Appends the lines that make them known to ladond to buf, of size bytes. */
void bench_nodes_config(const struct bench_nodes *nodes, unsigned lease_ms, char *buf,
			size_t size);
/* What they said so far, to standard error. */
void bench_nodes_say(const struct bench_nodes *nodes);

/* Starts host i, which joins daemon by itself. 0 or -errno. */
int bench_node_start(struct bench_nodes *nodes, unsigned i, const struct demo_daemon *daemon);
/* SIGKILL, and waits for its end. */
void bench_node_kill(struct bench_nodes *nodes, unsigned i);
/* The socket of VF n of a card at host i, into buf of DEMO_PATH_MAX bytes; returns buf. */
const char *bench_node_socket(const struct bench_nodes *nodes, unsigned i, const char *card,
			      unsigned n, char *buf);
/* The same of nic0, into buf of DEMO_PATH_MAX bytes; returns buf. */
const char *bench_node_vf(const struct bench_nodes *nodes, unsigned i, unsigned n, char *buf);

#endif
