/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * While an answer is awaited, what else comes is put aside and handed out by a timer: whoever
 * asks is in the middle of something. We beat meanwhile: a management host that takes its time
 * must not take us for dead.
 */
#include "link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"

#define ANSWER_MS 5000 /* the management host is alive, but may be busy */
#define ASIDE_MAX 512u /* VFs that come and go while it joins */
#define TAKE_TURN 32u

struct link {
	struct loop *loop; /* borrowed */
	const struct link_ops *ops;
	int fd; /* owned; -1 = over */
	struct loop_fd *source;
	struct loop_timer *beat, *late;
	uint64_t epoch;
	uint32_t seq;
	uint32_t beat_ms;
	uint64_t next_beat_ns;
	struct fabric_msg aside[ASIDE_MAX];
	unsigned num_aside;
	char why[FABRIC_WHY_MAX];
};

bool link_alive(const struct link *link)
{
	return link->fd >= 0;
}

/* The loop tells ops, not we: somebody may be in the middle of asking. */
void link_end(struct link *link, const char *why)
{
	if (link->fd < 0)
		return;
	loop_fd_del(link->source);
	link->source = NULL;
	fd_close(&link->fd);
	loop_timer_disarm(link->beat);
	snprintf(link->why, sizeof(link->why), "%s", why);
	loop_timer_arm(link->late, 0);
}

/* A VF that goes: what was said of it before means nothing any more. So no VF has more than two
 * messages here. */
static void forget_vf(struct link *link, const struct fabric_msg *gone)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < link->num_aside; i++) {
		const struct fabric_msg *msg = &link->aside[i];

		if (msg->vf.vf != gone->vf.vf || strcmp(msg->vf.card, gone->vf.card))
			link->aside[kept++] = *msg;
	}
	link->num_aside = kept;
}

static void put_aside(struct link *link, const struct fabric_msg *msg)
{
	if (msg->type == FABRIC_UNASSIGN)
		forget_vf(link, msg);
	if (link->num_aside == ASIDE_MAX) {
		link_end(link, "the management host says too much");
		return;
	}
	link->aside[link->num_aside++] = *msg;
	loop_timer_arm(link->late, 0);
}

/* Takes a message that nobody has asked for. */
static void take(struct link *link, struct fabric_parcel *parcel)
{
	switch (parcel->msg.type) {
	case FABRIC_ASSIGN:
	case FABRIC_UNASSIGN:
		put_aside(link, &parcel->msg);
		break;
	case FABRIC_BYE:
		link_end(link, parcel->msg.done.why);
		break;
	default: /* BEAT, or the answer to a question that was given up */
		break;
	}
	fd_close(&parcel->fd);
}

/* A few at a time: serving a VF takes long enough that a beat may be due in between. */
static void on_late(void *arg)
{
	struct link *link = arg;
	struct fabric_msg msg[TAKE_TURN];
	unsigned num = MIN(link->num_aside, TAKE_TURN);

	memcpy(msg, link->aside, num * sizeof(msg[0]));
	link->num_aside -= num;
	memmove(link->aside, &link->aside[num], link->num_aside * sizeof(msg[0]));
	for (unsigned i = 0; i < num; i++)
		link->ops->assigned(link->ops->arg, &msg[i]);
	if (link->num_aside)
		loop_timer_arm(link->late, 0);
	else if (link->fd < 0)
		link->ops->over(link->ops->arg, link->why);
}

static void on_message(void *arg, uint32_t events)
{
	struct link *link = arg;

	(void)events;
	for (unsigned i = 0; i < TAKE_TURN && link->fd >= 0; i++) {
		struct fabric_parcel parcel;
		int ret = fabric_recv(link->fd, &parcel);

		if (ret == 0)
			return;
		if (ret == 1)
			take(link, &parcel);
		else
			link_end(link, "the management host has gone");
	}
}

/* Says that we live, if it is time to. */
static void beat(struct link *link)
{
	struct fabric_msg msg = {.type = FABRIC_BEAT, .epoch = link->epoch};
	uint64_t now = clock_ns();

	if (link->fd < 0 || !link->epoch || now < link->next_beat_ns)
		return;
	link->next_beat_ns = now + link->beat_ms * NSEC_PER_MSEC;
	/* One that finds no room is not missed: what fills the socket says as much. */
	if (!link->ops->beat(link->ops->arg))
		fabric_send(link->fd, &msg, -1);
}

void link_keep(struct link *link)
{
	beat(link);
	on_message(link, 0);
}

unsigned link_beat_ms(const struct link *link)
{
	return link->beat_ms;
}

static void on_beat(void *arg)
{
	struct link *link = arg;

	beat(link);
	loop_timer_arm(link->beat, link->next_beat_ns - MIN(clock_ns(), link->next_beat_ns));
}

/* The next message; 0 when none comes in time. */
static int await(struct link *link, struct fabric_parcel *parcel, uint64_t until_ns)
{
	for (;;) {
		struct pollfd fd = {.fd = link->fd, .events = POLLIN};
		uint64_t now = clock_ns(), wake = until_ns;
		int ret = fabric_recv(link->fd, parcel);

		if (ret)
			return ret;
		if (now >= until_ns)
			return 0;
		beat(link);
		if (link->epoch)
			wake = MIN(wake, MAX(now, link->next_beat_ns));
		poll(&fd, 1, (int)((wake - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC));
	}
}

int link_ask(struct link *link, struct fabric_msg *msg, int fd, int *ret_fd,
	     const char **ret_why)
{
	uint64_t until = clock_ns() + ANSWER_MS * NSEC_PER_MSEC;
	struct fabric_parcel parcel;
	int ret = -ECONNRESET;

	if (ret_fd)
		*ret_fd = -1;
	if (ret_why)
		*ret_why = "the management host has gone";
	if (link->fd < 0)
		return -ECONNRESET;
	msg->seq = ++link->seq;
	msg->epoch = link->epoch;
	if (fabric_send(link->fd, msg, fd) < 0) {
		link_end(link, "the management host does not listen");
		return -ECONNRESET;
	}
	while (link->fd >= 0 && (ret = await(link, &parcel, until)) == 1) {
		if (parcel.msg.type != FABRIC_DONE || parcel.msg.seq != msg->seq) {
			take(link, &parcel);
			continue;
		}
		snprintf(link->why, sizeof(link->why), "%s", parcel.msg.done.why);
		if (ret_why)
			*ret_why = link->why;
		if (ret_fd)
			*ret_fd = parcel.fd;
		else
			fd_close(&parcel.fd);
		return parcel.msg.done.err;
	}
	link_end(link, ret == 0 ? "the management host does not answer"
				: "the management host has gone");
	return -ECONNRESET;
}

static int join(struct link *link, const char *name, const uint8_t key[FABRIC_KEY_SIZE])
{
	struct fabric_msg msg = {.type = FABRIC_JOIN};
	struct fabric_parcel parcel;
	int ret;

	msg.join.version = FABRIC_VERSION;
	snprintf(msg.join.name, sizeof(msg.join.name), "%s", name);
	memcpy(msg.join.key, key, sizeof(msg.join.key));
	ret = fabric_send(link->fd, &msg, -1);
	explicit_bzero(&msg, sizeof(msg));
	if (ret < 0)
		return ret;
	ret = await(link, &parcel, clock_ns() + ANSWER_MS * NSEC_PER_MSEC);
	if (ret == 0)
		return -ETIMEDOUT;
	if (ret < 0)
		return ret;
	fd_close(&parcel.fd);
	if (parcel.msg.type == FABRIC_BYE) {
		snprintf(link->why, sizeof(link->why), "%s", parcel.msg.done.why);
		return parcel.msg.done.err ? parcel.msg.done.err : -EACCES;
	}
	if (parcel.msg.type != FABRIC_WELCOME || !parcel.msg.epoch ||
	    !parcel.msg.welcome.beat_ms)
		return -EPROTO;
	link->epoch = parcel.msg.epoch;
	link->beat_ms = parcel.msg.welcome.beat_ms;
	return 0;
}

static int open_link(struct link *link, const char *path, const char *name,
		     const uint8_t key[FABRIC_KEY_SIZE])
{
	int ret = fd_unix_try_connect_packets(path);

	if (ret < 0)
		return ret;
	link->fd = ret;
	ret = join(link, name, key);
	if (ret == 0)
		ret = loop_add_timer(link->loop, on_beat, link, &link->beat);
	if (ret == 0)
		ret = loop_add_timer(link->loop, on_late, link, &link->late);
	if (ret == 0)
		ret = loop_add_fd(link->loop, link->fd, EPOLLIN, on_message, link,
				  &link->source);
	if (ret == 0)
		loop_timer_arm(link->beat, 0);
	return ret;
}

int link_new(struct loop *loop, const char *path, const char *name,
	     const uint8_t key[FABRIC_KEY_SIZE], const struct link_ops *ops,
	     struct link **ret_link, const char **ret_why)
{
	static char why[FABRIC_WHY_MAX];
	struct link *link = calloc(1, sizeof(*link));
	int ret;

	if (!link)
		return -ENOMEM;
	link->loop = loop;
	link->ops = ops;
	link->fd = -1;
	ret = open_link(link, path, name, key);
	if (ret == 0) {
		*ret_link = link;
		return 0;
	}
	snprintf(why, sizeof(why), "%s", link->why[0] ? link->why : strerror(-ret));
	*ret_why = why;
	link_free(link);
	return ret;
}

void link_free(struct link *link)
{
	struct fabric_msg bye = {.type = FABRIC_BYE};

	if (!link)
		return;
	bye.epoch = link->epoch;
	if (link->fd >= 0)
		fabric_send(link->fd, &bye, -1);
	loop_fd_del(link->source);
	fd_close(&link->fd);
	loop_timer_del(link->beat);
	loop_timer_del(link->late);
	free(link);
}
