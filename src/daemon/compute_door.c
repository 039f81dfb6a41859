/* SPDX-License-Identifier: BSD-3-Clause */
/* compute_door.c - the fabric's socket: who connects has a few seconds to say JOIN, and says it
 * right or goes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "compute_priv.h"
#include "daemon.h"
#include "fd.h"

#define KNOCKS_MAX  16u
#define KNOCK_NS    (2 * NSEC_PER_SEC)
#define SWEEP_NS    (500 * NSEC_PER_MSEC)
#define SOCKET_NAME "fabric.sock"

struct knock {
	struct compute_door *door;
	struct knock *next;
	int fd; /* owned; -1: it is over */
	struct loop_fd *source;
	uint64_t since_ns;
	struct ucred cred;
};

struct compute_door {
	struct daemon *daemon; /* borrowed */
	char path[PATH_MAX + sizeof(SOCKET_NAME)];
	int fd;			/* owned */
	struct loop_fd *source; /* owned */
	struct loop_timer *sweep;
	struct knock *knocks; /* owned */
	unsigned num_knocks;
	struct log_limit log;
};

static void knock_over(struct knock *knock)
{
	loop_fd_del(knock->source);
	knock->source = NULL;
	fd_close(&knock->fd);
}

/* Those that are over, and those that take too long. */
static void sweep(struct compute_door *door, bool all)
{
	struct knock **at = &door->knocks, *knock;

	while ((knock = *at)) {
		if (all || clock_ns() - knock->since_ns > KNOCK_NS)
			knock_over(knock);
		if (knock->fd >= 0) {
			at = &knock->next;
			continue;
		}
		*at = knock->next;
		door->num_knocks--;
		free(knock);
	}
}

static void on_sweep(void *arg)
{
	struct compute_door *door = arg;

	sweep(door, false);
	if (door->num_knocks < KNOCKS_MAX)
		loop_fd_events(door->source, EPOLLIN);
	if (door->knocks)
		loop_timer_arm(door->sweep, SWEEP_NS);
}

static void turn_away(struct knock *knock, const struct fabric_parcel *parcel, int err,
		      const char *why)
{
	struct fabric_msg bye = {.type = FABRIC_BYE, .seq = parcel->msg.seq};

	bye.done.err = err;
	snprintf(bye.done.why, sizeof(bye.done.why), "%s", why);
	fabric_send(knock->fd, &bye, -1);
	if (log_limit_ok(&knock->door->log))
		log_warn("host %.15s: refused (pid %d, uid %u): %s", parcel->msg.join.name,
			 (int)knock->cred.pid, (unsigned)knock->cred.uid, why);
}

static void heard(struct knock *knock, const struct fabric_parcel *parcel)
{
	const struct fabric_msg *msg = &parcel->msg;
	const char *why = "the first message is JOIN";
	int ret = -EPROTO;

	if (msg->type == FABRIC_JOIN && msg->join.version != FABRIC_VERSION)
		why = "another version of ladon-host is right";
	else if (msg->type == FABRIC_JOIN) {
		loop_fd_del(knock->source);
		knock->source = NULL;
		ret = compute_join(knock->door->daemon, knock->fd, msg, knock->cred.pid,
				   knock->cred.uid, &why);
	}
	if (ret == 0)
		knock->fd = -1;
	else
		turn_away(knock, parcel, ret, why);
	knock_over(knock);
}

static void on_knock(void *arg, uint32_t events)
{
	struct knock *knock = arg;
	struct fabric_parcel parcel;
	int ret = fabric_recv(knock->fd, &parcel);

	(void)events;
	if (ret == 0)
		return;
	if (ret == 1)
		heard(knock, &parcel);
	else
		knock_over(knock);
	fd_close(&parcel.fd);
	explicit_bzero(&parcel.msg, sizeof(parcel.msg));
	loop_timer_arm(knock->door->sweep, 0);
}

/* fd is consumed. */
static void let_in(struct compute_door *door, int fd)
{
	struct knock *knock = calloc(1, sizeof(*knock));
	socklen_t len = sizeof(knock->cred);

	if (!knock || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &knock->cred, &len) < 0 ||
	    loop_add_fd(door->daemon->loop, fd, EPOLLIN, on_knock, knock, &knock->source) < 0) {
		fd_close(&fd);
		free(knock);
		return;
	}
	knock->door = door;
	knock->fd = fd;
	knock->since_ns = clock_ns();
	knock->next = door->knocks;
	door->knocks = knock;
	door->num_knocks++;
	loop_timer_arm(door->sweep, SWEEP_NS);
}

static void on_listen(void *arg, uint32_t events)
{
	struct compute_door *door = arg;
	int fd;

	(void)events;
	if (door->num_knocks >= KNOCKS_MAX) {
		loop_fd_events(door->source, 0);
		return;
	}
	fd = accept4(door->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd >= 0)
		let_in(door, fd);
	else if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
		/* Without descriptors the loop would spin: it looks away for a while. */
		loop_fd_events(door->source, 0);
		loop_timer_arm(door->sweep, SWEEP_NS);
	}
}

static void door_free(struct compute_door *door)
{
	sweep(door, true);
	loop_timer_del(door->sweep);
	loop_fd_del(door->source);
	if (door->fd >= 0)
		unlink(door->path);
	fd_close(&door->fd);
	free(door);
}

int compute_serve(struct daemon *daemon, struct cmd_error *error)
{
	struct compute_door *door = calloc(1, sizeof(*door));
	int ret;

	if (!door)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	door->daemon = daemon;
	snprintf(door->path, sizeof(door->path), "%s/" SOCKET_NAME, daemon->run_dir);
	door->fd = ret = fd_unix_listen_packets(door->path);
	if (ret >= 0)
		ret = loop_add_timer(daemon->loop, on_sweep, door, &door->sweep);
	if (ret == 0)
		ret = loop_add_fd(daemon->loop, door->fd, EPOLLIN, on_listen, door,
				  &door->source);
	if (ret < 0) {
		cmd_fail(error, ret, "the fabric's socket %.256s cannot be opened: %s",
			 door->path, strerror(-ret));
		door_free(door);
		return ret;
	}
	daemon->door = door;
	return 0;
}

void compute_end(struct daemon *daemon)
{
	if (daemon->door)
		door_free(daemon->door);
	daemon->door = NULL;
	compute_end_all(daemon);
}
