/* SPDX-License-Identifier: BSD-3-Clause */
/* compute.c - a compute host's life: joining, beats, leaving, and what it asks for. Its memory
 * is in compute_window.c. */
#include "compute.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "card.h"
#include "clock.h"
#include "compute_priv.h"
#include "daemon.h"
#include "event.h"
#include "fd.h"
#include "function.h"
#include "nic_dp.h"
#include "token.h"

#define MESSAGES_TURN 32u
#define TURN_NS	      (50 * NSEC_PER_USEC) /* nothing begins later in a turn */

static unsigned beat_ms(const struct compute *compute)
{
	return compute->lease_ms / COMPUTE_BEATS;
}

/* ---- saying ---- */

static void answer(struct compute *compute, uint32_t seq, int err, const char *why, int fd)
{
	struct fabric_msg msg = {.type = FABRIC_DONE, .seq = seq};

	msg.done.err = err;
	if (why)
		snprintf(msg.done.why, sizeof(msg.done.why), "%s", why);
	if (!compute_say(compute, &msg, fd))
		compute_leave(compute, "it does not read what it asked for");
}

void compute_tell_assigned(struct compute *compute, const struct function *fn, bool assigned)
{
	struct fabric_msg msg = {.type = assigned ? FABRIC_ASSIGN : FABRIC_UNASSIGN};

	if (compute->fd < 0)
		return;
	snprintf(msg.vf.card, sizeof(msg.vf.card), "%s", fn->card->name);
	msg.vf.vf = fn->n;
	msg.vf.rid = fn->host_rid;
	if (!compute_say(compute, &msg, -1))
		compute_leave(compute, "it does not read what it is told");
}

static void told(struct compute *compute, const char *event, const char *why)
{
	struct json_object *obj = event_new(compute->daemon, event, NULL, -1);

	if (obj) {
		json_object_object_add(obj, "host", json_object_new_string(compute->host.name));
		if (why)
			json_object_object_add(obj, "reason", json_object_new_string(why));
		event_emit(compute->daemon, obj);
	}
	if (!log_limit_ok(&compute->log))
		return;
	if (why)
		log_info("host %s: %s: %s", compute->host.name, event, why);
	else
		log_info("host %s: %s (pid %d, uid %u)", compute->host.name, event,
			 (int)compute->pid, (unsigned)compute->uid);
}

/* ---- leaving ---- */

void compute_leave(struct compute *compute, const char *why)
{
	struct fabric_msg bye = {.type = FABRIC_BYE};

	if (compute->fd < 0)
		return;
	snprintf(bye.done.why, sizeof(bye.done.why), "%s", why);
	compute_out_clear(compute); /* which is not read before the reason */
	compute_say(compute, &bye, -1);
	compute_out_clear(compute);
	compute_bridge_shut(compute);
#ifdef LADON_BREAK_UNIT_RESET
	vtd_write(compute->host.vtd, VTD_GCMD, 4, 0);
#else
	vtd_reset(compute->host.vtd); /* who joins next finds nothing of its predecessor's */
#endif
	compute_windows_free(compute);
	loop_fd_del(compute->source);
	compute->source = NULL;
	fd_close(&compute->fd);
	loop_timer_disarm(compute->turn);
	loop_timer_disarm(compute->queue);
	compute_regs_close(compute);
	for (struct function *fn = compute->host.functions; fn; fn = fn->host_next)
		vfu_sock_drop(fn->sock, "its host has gone");
	compute->epoch = 0;
	told(compute, "host-left", why);
}

/* ---- what it asks for ---- */

static struct function *its_function(struct compute *compute, const struct fabric_msg *msg)
{
	for (struct function *fn = compute->host.functions; fn; fn = fn->host_next) {
		if (!strcmp(fn->card->name, msg->vf.card) && fn->n == msg->vf.vf)
			return fn;
	}
	return NULL;
}

static void do_open(struct compute *compute, const struct fabric_msg *msg)
{
	struct function *fn = its_function(compute, msg);
	int pair[2] = {-1, -1}, ret = fn ? 0 : -ENODEV;

	if (ret == 0 && vfu_sock_conn(fn->sock))
		ret = -EBUSY;
	if (ret == 0 &&
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		ret = -errno;
	if (ret == 0) {
		ret = function_open(fn, pair[0]);
		pair[0] = -1;
	}
	answer(compute, msg->seq, ret,
	       ret == -ENODEV  ? "no such VF is assigned to this host"
	       : ret == -EBUSY ? "somebody is attached to it"
			       : NULL,
	       ret == 0 ? pair[1] : -1);
	fd_close_all(pair, 2);
}

/* Its queue is long: others have their turns in between. */
static void on_queue(void *arg)
{
	struct compute *compute = arg;

	if (compute->fd >= 0 && vtd_turn(compute->host.vtd))
		loop_timer_arm(compute->queue, 0);
}

static void do_bridge(struct compute *compute, const struct fabric_msg *msg)
{
	int fd = compute_regs_part(compute, msg->bridge.part);

	answer(compute, msg->seq, MIN(fd, 0), fd < 0 ? "the bridge has no such part" : NULL,
	       fd);
}

static void do_reg(struct compute *compute, const struct fabric_msg *msg)
{
	vtd_write(compute->host.vtd, msg->reg.offset, msg->reg.size, msg->reg.value);
	on_queue(compute);
	answer(compute, msg->seq, 0, NULL, -1);
}

/* Returns NULL, or why the host has to go. */
static const char *serve(struct compute *compute, struct fabric_parcel *parcel)
{
	const struct fabric_msg *msg = &parcel->msg;
	const char *why = NULL;
	int ret;

#ifndef LADON_BREAK_FABRIC_EPOCH
	if (msg->epoch != compute->epoch)
		return "it spoke under an epoch that is over";
#endif
	switch (msg->type) {
	case FABRIC_BEAT:
		return NULL;
	case FABRIC_OFFER:
		ret = compute_window_open(compute, msg, &parcel->fd, &why);
		answer(compute, msg->seq, ret, why, -1);
		return NULL;
	case FABRIC_WITHDRAW:
		ret = compute_window_close(compute, msg->offer.hpa);
		answer(compute, msg->seq, ret, ret ? "no memory was offered there" : NULL, -1);
		return NULL;
	case FABRIC_REG:
		do_reg(compute, msg);
		return NULL;
	case FABRIC_OPEN:
		do_open(compute, msg);
		return NULL;
	case FABRIC_BRIDGE:
		do_bridge(compute, msg);
		return NULL;
	case FABRIC_BYE:
		return "it said so";
	default:
		return "it said what only the management host says";
	}
}

/* A message may take a thousand times as long as another (1 TiB of memory is offered): a turn
 * has its length in time. */
static bool turn_is_over(unsigned done, uint64_t since_ns)
{
#ifdef LADON_BREAK_FABRIC_TURN
	since_ns = clock_ns();
#endif
	return done >= MESSAGES_TURN || (done && clock_ns() - since_ns > TURN_NS);
}

static void on_host(void *arg, uint32_t events)
{
	struct compute *compute = arg;
	uint64_t since_ns = clock_ns();

	if (events & EPOLLOUT && !compute_flush(compute))
		compute_leave(compute, "it closed the connection");
	for (unsigned i = 0; compute->fd >= 0 && !turn_is_over(i, since_ns); i++) {
		struct fabric_parcel parcel;
		int ret = fabric_recv(compute->fd, &parcel);
		const char *why;

		if (ret == 0)
			return;
		if (ret < 0) {
			compute_leave(compute, ret == -ECONNRESET
						       ? "it closed the connection"
						       : "what it said is no message");
			return;
		}
		compute->silent = 0;
		why = serve(compute, &parcel);
		fd_close(&parcel.fd);
		if (why)
			compute_leave(compute, why);
	}
}

/*
 * A beat: says that we live, and looks whether it does. Only beats on which we were awake
 * count, and what it said while we did not run is read before it is judged: timers come before
 * messages.
 */
static void on_turn(void *arg)
{
	struct compute *compute = arg;
	struct fabric_msg msg = {.type = FABRIC_BEAT};

	compute_port_collect(compute);
	if (compute_window_lost(compute)) {
		compute_leave(compute, "memory that it offered was truncated");
		return;
	}
	if (compute_regs_heard(compute))
		compute->silent = 0;
	if (++compute->silent > COMPUTE_BEATS)
		on_host(compute, 0);
	if (compute->fd < 0)
		return;
	if (compute->silent > COMPUTE_BEATS) {
		compute->lost++;
		compute_leave(compute, "it was not heard for three beats");
		return;
	}
	/* What waits says as much as a beat, when it goes. */
	if (!compute_regs_beat(compute) && !compute->out && !compute_say(compute, &msg, -1)) {
		compute_leave(compute, "it does not read");
		return;
	}
	if (compute->out && ++compute->unread > COMPUTE_BEATS) {
		compute_leave(compute, "it does not read");
		return;
	}
	if (compute_regs_jammed(compute)) {
		compute_leave(compute, "its doorbell was made to block the management host");
		return;
	}
	loop_timer_arm(compute->turn, beat_ms(compute) * NSEC_PER_MSEC);
}

/* ---- joining ---- */

int compute_join(struct daemon *daemon, int fd, const struct fabric_msg *msg, pid_t pid,
		 uid_t uid, const char **ret_why)
{
	struct compute *compute = compute_find(daemon, msg->join.name);
	struct fabric_msg welcome = {.type = FABRIC_WELCOME, .seq = msg->seq};
	int ret;

	/* One answer for both: who tries names learns none. */
	*ret_why = "there is no host of this name with this key";
	if (!compute || !token_equal(compute->key, msg->join.key)) {
		if (compute)
			compute->refused++;
		return -EACCES;
	}
	*ret_why = "the host has joined already";
	if (compute->fd >= 0)
		return -EBUSY;
	*ret_why = "there is not enough memory";
	ret = loop_add_fd(daemon->loop, fd, EPOLLIN, on_host, compute, &compute->source);
	if (ret < 0)
		return ret;
	compute->epoch = ++daemon->epoch;
	ret = compute_bridge_open(compute);
	if (ret == 0)
		ret = compute_regs_open(compute);
	if (ret < 0) {
		compute_bridge_shut(compute);
		compute->epoch = 0;
		loop_fd_del(compute->source);
		compute->source = NULL;
		return ret;
	}
	compute->fd = fd;
	compute->pid = pid;
	compute->uid = uid;
	compute->silent = 0;
	compute->joins++;
	told(compute, "host-joined", NULL);
	welcome.welcome.slice_base = compute->port.base;
	welcome.welcome.slice_size = BIT64(COMPUTE_SLICE_BITS);
	welcome.welcome.beat_ms = beat_ms(compute);
	welcome.welcome.beats = COMPUTE_BEATS;
	compute_say(compute, &welcome, -1);
	loop_timer_arm(compute->turn, beat_ms(compute) * NSEC_PER_MSEC);
	for (struct function *fn = compute->host.functions; fn && compute->fd >= 0;
	     fn = fn->host_next)
		compute_tell_assigned(compute, fn, true);
	return 0;
}

/* ---- life ---- */

struct compute *compute_find(struct daemon *daemon, const char *name)
{
	struct compute *compute = daemon->computes;

	while (compute && strcmp(compute->host.name, name))
		compute = compute->next;
	return compute;
}

struct compute *compute_of(struct host *host)
{
	return host->bridge ? (struct compute *)host : NULL;
}

static void compute_free(struct compute *compute)
{
	compute_leave(compute, "the management host ends it");
	compute_bridge_free(compute);
	loop_timer_del(compute->turn);
	loop_timer_del(compute->queue);
	host_done(&compute->host);
	explicit_bzero(compute->key, sizeof(compute->key));
	free(compute);
}

/* Entries are not cached, but requests that met the former one may be under way. */
static void forget_irtes(void *arg, bool all, unsigned index, unsigned mask)
{
	const struct compute *compute = arg;

	(void)all, (void)index, (void)mask;
	ir_invalidate(compute->host.ir);
}

static int compute_build(struct compute *compute, const char *name, struct cmd_error *error)
{
	const struct vtd_hooks hooks = {
		.arg = compute, .interrupts = compute_window_irt, .forget_irtes = forget_irtes};
	int ret = host_init_remote(&compute->host, name, &compute_bridge);

	if (ret == 0)
		ret = loop_add_timer(compute->daemon->loop, on_turn, compute, &compute->turn);
	if (ret == 0)
		ret = loop_add_timer(compute->daemon->loop, on_queue, compute, &compute->queue);
	if (ret < 0)
		return cmd_fail(error, ret, "there is not enough memory");
	vtd_set_hooks(compute->host.vtd, &hooks);
	compute_window_irt(compute, 0, false);
	return compute_bridge_new(compute, error);
}

int compute_add(struct daemon *daemon, const char *name, const uint8_t key[UUID_SIZE],
		unsigned lease_ms, struct cmd_error *error)
{
	struct compute *compute = calloc(1, sizeof(*compute)), **at;
	int ret;

	if (!compute)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	compute->daemon = daemon;
	compute->fd = -1;
	compute->out_end = &compute->out;
	compute->lease_ms = lease_ms;
	memcpy(compute->key, key, UUID_SIZE);
	ret = compute_build(compute, name, error);
	if (ret < 0) {
		loop_timer_del(compute->turn);
		loop_timer_del(compute->queue);
		host_done(&compute->host);
		free(compute);
		return ret;
	}
	for (at = &daemon->computes; *at;)
		at = &(*at)->next;
	*at = compute;
	return 0;
}

int compute_del(struct compute *compute, struct cmd_error *error)
{
	struct compute **at = &compute->daemon->computes;

	if (compute->host.functions)
		return cmd_fail(
			error, -EBUSY,
			"host %s has VFs, such as %s: assign them to another host first",
			compute->host.name, compute->host.functions->name);
	while (*at != compute)
		at = &(*at)->next;
	*at = compute->next;
	compute_free(compute);
	return 0;
}

void compute_end_all(struct daemon *daemon)
{
	struct compute *compute;

	while ((compute = daemon->computes)) {
		daemon->computes = compute->next;
		compute_free(compute);
	}
}
