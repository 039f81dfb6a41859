/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compute_out.c - what a compute host is told: at once while its socket takes it, else it waits
 * here, in order, until the socket can be written. The queue has an end: a host that does not
 * read is given up, and nobody waits for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "compute_priv.h"
#include "fd.h"
#include "loop.h"

/* More than all VFs that a host can have, which come and go, beside answers. */
#define OUT_MAX	   1024u
#define FLUSH_TURN 64u

struct compute_out {
	struct compute_out *next;
	struct fabric_msg msg;
	int fd; /* owned, -1 = none */
};

static bool put_off(struct compute *compute, const struct fabric_msg *msg, int fd)
{
	struct compute_out *out = NULL;

	if (compute->num_out < OUT_MAX)
		out = calloc(1, sizeof(*out));
	if (!out)
		return false;
	out->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd >= 0 && out->fd < 0) {
		free(out);
		return false;
	}
	out->msg = *msg;
	*compute->out_end = out;
	compute->out_end = &out->next;
	if (compute->num_out++ == 0)
		loop_fd_events(compute->source, EPOLLIN | EPOLLOUT);
	return true;
}

bool compute_say(struct compute *compute, struct fabric_msg *msg, int fd)
{
	int ret = -EAGAIN;

	msg->epoch = compute->epoch;
	if (!compute->out)
		ret = fabric_send(compute->fd, msg, fd);
	return ret == 0 || (ret == -EAGAIN && put_off(compute, msg, fd));
}

static void drop_first(struct compute *compute)
{
	struct compute_out *out = compute->out;

	compute->out = out->next;
	if (!compute->out)
		compute->out_end = &compute->out;
	compute->num_out--;
	fd_close(&out->fd);
	free(out);
}

bool compute_flush(struct compute *compute)
{
	for (unsigned i = 0; compute->out && i < FLUSH_TURN; i++) {
		int ret = fabric_send(compute->fd, &compute->out->msg, compute->out->fd);

		if (ret < 0)
			return ret == -EAGAIN;
		compute->unread = 0;
		drop_first(compute);
	}
	if (!compute->out)
		loop_fd_events(compute->source, EPOLLIN);
	return true;
}

void compute_out_clear(struct compute *compute)
{
	while (compute->out)
		drop_first(compute);
	compute->unread = 0;
}
