/* SPDX-License-Identifier: BSD-3-Clause */
/* test_daemon.h - for tests: a daemon in a directory of its own under /tmp, in this process. */
#ifndef LADON_DAEMON_TEST_DAEMON_H
#define LADON_DAEMON_TEST_DAEMON_H

#include <pthread.h>
#include <semaphore.h>

#include "daemon.h"

struct json_object;

struct test_daemon {
	struct daemon *daemon;
	char dir[64];
	/* When started with a thread: the loop runs there. */
	bool threaded;
	pthread_t thread;
	int call_fd;
	sem_t called;
	void (*fn)(void *arg);
	void *arg;
	struct loop_fd *source;
};

void test_daemon_start(struct test_daemon *td, const struct opts *opts, bool threaded);
/* Starts one with a thread, and card nic0 of two VFs. */
void test_daemon_start_card(struct test_daemon *td, bool mapped_doorbells);
/* The path of nic0's socket "vf0", "vf1", "pf" or "view1", in a static buffer. */
const char *test_daemon_socket(const struct test_daemon *td, const char *name);
void test_daemon_stop(struct test_daemon *td);
/* Runs fn(arg) on the loop's thread, or here when there is none. */
void test_daemon_call(struct test_daemon *td, void (*fn)(void *arg), void *arg);
/* Parses and runs one line there. Returns 0 or -errno; *ret_data (may be NULL) is a new
 * reference. */
int test_daemon_run(struct test_daemon *td, const char *line, struct json_object **ret_data,
		    struct cmd_error *error);
/* The value at "a.b.0.c" of what line answers, as text in buf; "null" when absent. Returns buf.
 */
const char *test_daemon_get(struct test_daemon *td, const char *line, const char *path,
			    char *buf, unsigned size);

#endif
