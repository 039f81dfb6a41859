/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * demo_daemon.h - a private ladond for the length of one program: its own run directory under
 * /tmp, started, asked, stopped. Used by the demo, by the end-to-end tests and by the
 * benchmarks.
 */
#ifndef LADON_CLI_DEMO_DAEMON_H
#define LADON_CLI_DEMO_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct json_object;

#define DEMO_PATH_MAX 108

struct demo_daemon {
	pid_t pid;		     /* 0 = not running */
	char dir[DEMO_PATH_MAX / 2]; /* "" = none */
};

/*
 * Runs path --run-dir ... --config (a file with the lines of config), with the words of extra
 * (NULL-terminated, may be NULL) after them, and waits for READY. Returns 0; -errno;
 * -ETIMEDOUT; -ECHILD when it ended at once (demo_daemon_log tells why).
 */
int demo_daemon_start(struct demo_daemon *d, const char *path, const char *config,
		      const char *const *extra);
/* SIGTERM, SIGKILL after 5 s, removes the directory. Returns 0 when it ended with status 0,
 * else -EIO. Nothing to do: 0. */
int demo_daemon_stop(struct demo_daemon *d);
bool demo_daemon_alive(const struct demo_daemon *d);
/* The socket of VF n of a card (of nic0), into buf of DEMO_PATH_MAX bytes; returns buf. */
const char *demo_daemon_socket(const struct demo_daemon *d, const char *card, unsigned n,
			       char *buf);
const char *demo_daemon_vf(const struct demo_daemon *d, unsigned n, char *buf);
/* The last lines of its log, into buf; returns buf. */
const char *demo_daemon_log(const struct demo_daemon *d, char *buf, unsigned size);

/* One command, words apart by blanks, on the control socket. *ret_data (NULL = not wanted) is a
 * new reference. Returns 0 or -errno, the daemon's own when it refused. */
int demo_daemon_ask(const struct demo_daemon *d, const char *line,
		    struct json_object **ret_data);
/* A counter of VF n of nic0, as `ladon -j -s link show` has it, by the path of its keys:
 * "stats.rx.packets", "ladon.tx_drops.spoof". A key that is not there counts 0; UINT64_MAX when
 * the daemon does not answer. */
uint64_t demo_daemon_counter(const struct demo_daemon *d, unsigned n, const char *what);
/* The same of a card that is named, and of the card itself where vf is below 0. */
uint64_t demo_daemon_value(const struct demo_daemon *d, const char *card, int vf,
			   const char *what);
/* DMA faults on record. */
unsigned demo_daemon_faults(const struct demo_daemon *d);

#endif
