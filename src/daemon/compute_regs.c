/* SPDX-License-Identifier: BSD-3-Clause */
#include "compute_regs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "clock.h"
#include "compute.h"
#include "daemon.h"
#include "fd.h"
#include "jam.h"
#include "json_util.h"

#define OURS	0u /* which side of the page */
#define RING_NS NSEC_PER_SEC

static void hear_no_more(struct compute_regs *regs)
{
	loop_fd_del(regs->source);
	regs->source = NULL;
}

/* The host's answer to the last ring, if it is there. */
static void look(struct compute_regs *regs)
{
	ntb_event_take(regs->own);
	ntb_db_clear(&regs->dev, ntb_db_valid_mask());
	if (ntb_spad_read(&regs->dev, FABRIC_SPAD_RING) != regs->rings)
		return;
	regs->round_trip_ns = clock_ns() - regs->rung_ns;
	regs->waiting = false;
	hear_no_more(regs);
}

static void on_event(void *arg, uint32_t events)
{
	(void)events;
	look(arg);
}

/* A late answer is found by a later beat: nobody listens for longer than one. */
static void ring(struct compute *compute)
{
	struct compute_regs *regs = &compute->regs;

	hear_no_more(regs);
	if (regs->waiting)
		look(regs);
	if (regs->waiting || clock_ns() - regs->rung_ns < RING_NS ||
	    loop_add_fd(compute->daemon->loop, regs->own, EPOLLIN, on_event, regs,
			&regs->source) < 0)
		return;
	regs->rings++;
	regs->waiting = true;
	regs->rung_ns = clock_ns();
	ntb_peer_spad_write(&regs->dev, FABRIC_SPAD_RING, regs->rings);
	ntb_peer_db_set(&regs->dev, FABRIC_DB_RING);
}

int compute_regs_part(const struct compute *compute, uint32_t part)
{
	switch (part) {
	case FABRIC_BRIDGE_PAGE:
		return compute->regs.page;
	case FABRIC_BRIDGE_COMPUTE:
		return compute->regs.peer;
	case FABRIC_BRIDGE_MANAGEMENT:
		return compute->regs.own;
	default:
		return -EINVAL;
	}
}

bool compute_regs_heard(struct compute *compute)
{
	struct compute_regs *regs = &compute->regs;
	uint32_t beat = ntb_spad_read(&regs->dev, FABRIC_SPAD_BEAT);
	bool moved = ntb_link_is_up(&regs->dev) && beat != regs->heard;

	regs->heard = beat;
	return moved;
}

bool compute_regs_beat(struct compute *compute)
{
	struct compute_regs *regs = &compute->regs;

	if (ntb_peer_spad_write(&regs->dev, FABRIC_SPAD_BEAT, ++regs->beats) < 0)
		return false;
	ring(compute);
	return true;
}

bool compute_regs_jammed(const struct compute *compute)
{
	return compute->regs.dev.peer_event[NTB_EVENT_DB] < 0;
}

struct json_object *compute_regs_json(const struct compute *compute)
{
	const struct compute_regs *regs = &compute->regs;
	struct json_object *obj = json_object_new_object();

	json_add_bool(obj, "up", regs->dev.mem && ntb_link_is_up(&regs->dev));
	json_add_u64(obj, "rings", regs->rings);
	json_add(obj, "round_trip_us",
		 regs->round_trip_ns
			 ? json_object_new_double((double)regs->round_trip_ns / NSEC_PER_USEC)
			 : NULL);
	return obj;
}

/* ---- life ---- */

static void close_fds(struct compute_regs *regs)
{
	fd_close(&regs->page);
	fd_close(&regs->own);
	fd_close(&regs->peer);
}

static int map(struct compute_regs *regs)
{
	int own[NTB_EVENTS], peer[NTB_EVENTS];
	int fd = fcntl(regs->page, F_DUPFD_CLOEXEC, 0), ret;
	const char *why;

	if (fd < 0)
		return -errno;
	for (unsigned i = 0; i < NTB_EVENTS; i++) {
		own[i] = regs->own;
		peer[i] = regs->peer;
	}
	ret = ntb_dev_init(&regs->dev, fd, OURS, own, peer, &why);
	if (ret < 0)
		fd_close(&fd);
	return ret;
}

int compute_regs_open(struct compute *compute)
{
	struct compute_regs *regs = &compute->regs;
	int ret;

	*regs = (struct compute_regs){
		.page = ntb_page_new(),
		.own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.peer = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.rung_ns = clock_ns(),
	};
	ret = regs->page < 0 || regs->own < 0 || regs->peer < 0 ? -EMFILE : map(regs);
	if (ret < 0) {
		close_fds(regs);
		return ret;
	}
	jam_watch(1);
	ntb_db_clear_mask(&regs->dev, FABRIC_DB_RING);
	ntb_link_enable(&regs->dev);
	return 0;
}

void compute_regs_close(struct compute *compute)
{
	struct compute_regs *regs = &compute->regs;

	if (!regs->dev.mem)
		return;
	hear_no_more(regs);
	/* Who is shown out has no say in how long that takes. */
	for (unsigned i = 0; i < NTB_EVENTS; i++) {
		regs->dev.own_event[i] = -1;
		regs->dev.peer_event[i] = -1;
	}
	ntb_dev_done(&regs->dev);
	jam_watch(-1);
	close_fds(regs);
	regs->waiting = false;
}
