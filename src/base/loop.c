/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Theory of operation. A round is: wait until an event or the nearest deadline, fire the timers
 * that are due, then hand out the fd events. Events of one round name sources by pointer, so a
 * source deleted inside a round is only marked and listed, and freed when the outermost round
 * ends. Timers wait in a binary heap ordered by (deadline, sequence of arming). The heap has
 * room for every timer there is, so arming cannot fail; a timer armed in a round has a sequence
 * number above the one noted at its start and waits for the next, so that re-arming with 0
 * cannot hold the loop.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"

#define EVENTS_A_ROUND 64
#define NOT_ARMED      UINT32_MAX
#define NO_TIMEOUT     UINT64_MAX

/* What fds and timers share: membership in the loop's lists. */
struct node {
	struct node *next, **back; /* borrowed; back is the pointer that points here */
};

struct loop_fd {
	struct node node;  /* first: freed through it */
	struct loop *loop; /* borrowed, outlives the source */
	int fd;		   /* borrowed */
	uint32_t events;
	loop_fd_fn *fn; /* NULL: deleted */
	void *arg;
};

struct loop_timer {
	struct node node;  /* first: freed through it */
	struct loop *loop; /* borrowed, outlives the timer */
	uint64_t deadline; /* ns of clock_ns */
	uint64_t sequence;
	uint32_t slot;	   /* in the heap, or NOT_ARMED */
	loop_timer_fn *fn; /* NULL: deleted */
	void *arg;
};

struct loop {
	int epoll;
	bool stop;
	bool no_pwait2;		  /* the kernel or the sandbox has only epoll_wait */
	unsigned depth;		  /* rounds under way: a callback may run a nested one */
	struct node *live;	  /* owned: all sources and timers */
	struct node *dead;	  /* owned: deleted within a round */
	struct loop_timer **heap; /* owned array of room slots, pointers into live */
	uint32_t armed, timers, room;
	uint64_t sequence;
};

static_assert(offsetof(struct loop_fd, node) == 0 && offsetof(struct loop_timer, node) == 0,
	      "nodes are freed by their own address");

static void node_add(struct node **head, struct node *node)
{
	node->next = *head;
	node->back = head;
	if (*head)
		(*head)->back = &node->next;
	*head = node;
}

static void node_remove(struct node *node)
{
	*node->back = node->next;
	if (node->next)
		node->next->back = node->back;
}

static void node_free_all(struct node **head)
{
	struct node *node = *head;

	*head = NULL;
	while (node) {
		struct node *next = node->next;

		free(node);
		node = next;
	}
}

/* Frees now, or after the round in which somebody may still hold the pointer. */
static void node_retire(struct loop *loop, struct node *node)
{
	node_remove(node);
	if (loop->depth)
		node_add(&loop->dead, node);
	else
		free(node);
}

int loop_new(struct loop **ret_loop)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int ret;

	if (!loop)
		return -ENOMEM;
	loop->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll < 0) {
		ret = -errno;
		free(loop);
		return ret;
	}
	*ret_loop = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (!loop)
		return;
	assert(!loop->depth);
	node_free_all(&loop->live);
	fd_close(&loop->epoll);
	free(loop->heap);
	free(loop);
}

int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg,
		struct loop_fd **ret_source)
{
	struct loop_fd *source = calloc(1, sizeof(*source));
	struct epoll_event event = {.events = events, .data.ptr = source};

	if (!source)
		return -ENOMEM;
	if (epoll_ctl(loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
		int ret = -errno;

		free(source);
		return ret;
	}
	source->loop = loop;
	source->fd = fd;
	source->events = events;
	source->fn = fn;
	source->arg = arg;
	node_add(&loop->live, &source->node);
	*ret_source = source;
	return 0;
}

void loop_fd_events(struct loop_fd *source, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.ptr = source};
	int ret = 0;

	if (events != source->events)
		ret = epoll_ctl(source->loop->epoll, EPOLL_CTL_MOD, source->fd, &event);
	assert(ret == 0); /* else the fd was closed before loop_fd_del */
	(void)ret;
	source->events = events;
}

void loop_fd_del(struct loop_fd *source)
{
	if (!source)
		return;
	assert(source->fn);
	epoll_ctl(source->loop->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	source->fn = NULL;
	node_retire(source->loop, &source->node);
}

static bool timer_before(const struct loop_timer *a, const struct loop_timer *b)
{
	if (a->deadline != b->deadline)
		return a->deadline < b->deadline;
	return a->sequence < b->sequence;
}

static void heap_put(struct loop *loop, uint32_t slot, struct loop_timer *timer)
{
	loop->heap[slot] = timer;
	timer->slot = slot;
}

/* Finds timer's place at or above the hole at slot. */
static void heap_up(struct loop *loop, uint32_t slot, struct loop_timer *timer)
{
	while (slot && timer_before(timer, loop->heap[(slot - 1) / 2])) {
		heap_put(loop, slot, loop->heap[(slot - 1) / 2]);
		slot = (slot - 1) / 2;
	}
	heap_put(loop, slot, timer);
}

/* Finds timer's place at or below the hole at slot. */
static void heap_down(struct loop *loop, uint32_t slot, struct loop_timer *timer)
{
	for (;;) {
		uint32_t child = 2 * slot + 1;

		if (child + 1 < loop->armed &&
		    timer_before(loop->heap[child + 1], loop->heap[child]))
			child++;
		if (child >= loop->armed || timer_before(timer, loop->heap[child]))
			break;
		heap_put(loop, slot, loop->heap[child]);
		slot = child;
	}
	heap_put(loop, slot, timer);
}

/* One slot for each timer, armed or not. */
static int heap_reserve(struct loop *loop)
{
	uint32_t room = loop->room ? 2 * loop->room : 16;
	struct loop_timer **heap;

	if (loop->timers < loop->room)
		return 0;
	heap = realloc(loop->heap, room * sizeof(struct loop_timer *));
	if (!heap)
		return -ENOMEM;
	loop->heap = heap;
	loop->room = room;
	return 0;
}

int loop_add_timer(struct loop *loop, loop_timer_fn *fn, void *arg,
		   struct loop_timer **ret_timer)
{
	struct loop_timer *timer;

	if (heap_reserve(loop) < 0)
		return -ENOMEM;
	timer = calloc(1, sizeof(*timer));
	if (!timer)
		return -ENOMEM;
	timer->loop = loop;
	timer->slot = NOT_ARMED;
	timer->fn = fn;
	timer->arg = arg;
	loop->timers++;
	node_add(&loop->live, &timer->node);
	*ret_timer = timer;
	return 0;
}

void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns)
{
	struct loop *loop = timer->loop;

	assert(timer->fn);
	loop_timer_disarm(timer);
	if (__builtin_add_overflow(clock_ns(), delay_ns, &timer->deadline))
		timer->deadline = UINT64_MAX;
	timer->sequence = loop->sequence++;
	heap_up(loop, loop->armed++, timer);
}

void loop_timer_disarm(struct loop_timer *timer)
{
	struct loop *loop = timer->loop;
	uint32_t slot = timer->slot;
	struct loop_timer *last;

	if (slot == NOT_ARMED)
		return;
	timer->slot = NOT_ARMED;
	last = loop->heap[--loop->armed];
	if (last == timer)
		return;
	/* The last one may belong on either side of the hole. */
	heap_up(loop, slot, last);
	heap_down(loop, last->slot, last);
}

void loop_timer_del(struct loop_timer *timer)
{
	if (!timer)
		return;
	assert(timer->fn);
	loop_timer_disarm(timer);
	timer->fn = NULL;
	timer->loop->timers--;
	node_retire(timer->loop, &timer->node);
}

/* ns until the round must end, NO_TIMEOUT for never. */
static uint64_t round_timeout(const struct loop *loop, int timeout_ms)
{
	uint64_t limit = timeout_ms < 0 ? NO_TIMEOUT : (uint64_t)timeout_ms * NSEC_PER_MSEC;
	uint64_t now, deadline;

	if (!loop->armed || !limit)
		return limit;
	now = clock_ns();
	deadline = loop->heap[0]->deadline;
	return MIN(limit, deadline > now ? deadline - now : 0);
}

/* Rounded up: rounded down, the loop would spin through the last millisecond before a deadline.
 */
static int timeout_as_ms(uint64_t ns)
{
	if (ns == NO_TIMEOUT)
		return -1;
	return (int)MIN(ns / NSEC_PER_MSEC + !!(ns % NSEC_PER_MSEC), (uint64_t)INT_MAX);
}

static int round_wait(struct loop *loop, struct epoll_event *events, uint64_t ns)
{
	struct timespec ts = {
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};

	if (!loop->no_pwait2) {
		int n = epoll_pwait2(loop->epoll, events, EVENTS_A_ROUND,
				     ns == NO_TIMEOUT ? NULL : &ts, NULL);

		if (n >= 0 || (errno != ENOSYS && errno != EPERM))
			return n;
		loop->no_pwait2 = true;
	}
	return epoll_wait(loop->epoll, events, EVENTS_A_ROUND, timeout_as_ms(ns));
}

static void fire_timers(struct loop *loop)
{
	uint64_t now = clock_ns(), sequence = loop->sequence;

	while (loop->armed) {
		struct loop_timer *timer = loop->heap[0];

		if (timer->deadline > now || timer->sequence >= sequence)
			return;
		loop_timer_disarm(timer);
		timer->fn(timer->arg);
	}
}

/* events is a snapshot: the source may since have been deleted, or lost interest. */
static void dispatch_fd(struct loop_fd *source, uint32_t events)
{
	if (!source->fn)
		return;
	events &= source->events | EPOLLHUP | EPOLLERR;
	if (events)
		source->fn(source->arg, events);
}

int loop_once(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_A_ROUND];
	int n = round_wait(loop, events, round_timeout(loop, timeout_ms));

	if (n < 0 && errno != EINTR)
		return -errno;
	loop->depth++;
	fire_timers(loop);
	for (int i = 0; i < n; i++)
		dispatch_fd(events[i].data.ptr, events[i].events);
	if (!--loop->depth)
		node_free_all(&loop->dead);
	return 0;
}

int loop_run(struct loop *loop)
{
	int ret = 0;

	while (!loop->stop && ret == 0)
		ret = loop_once(loop, -1);
	loop->stop = false;
	return ret;
}

void loop_stop(struct loop *loop)
{
	loop->stop = true;
}
