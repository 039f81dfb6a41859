/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * loop.h - the control thread's event loop: epoll over fds, and timers kept in the loop (no
 * timerfd each). Callbacks run one after another on the thread in loop_run; a callback may
 * remove any source or timer, its own included: freeing is put off until the dispatch round is
 * over.
 */
#ifndef LADON_BASE_LOOP_H
#define LADON_BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

/* events: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR bits as epoll gives them. */
typedef void loop_fd_fn(void *arg, uint32_t events);
typedef void loop_timer_fn(void *arg);

/* Returns 0 or -errno. The loop is the caller's; loop_free takes NULL, and frees what is still
 * registered. Not from a callback. */
int loop_new(struct loop **ret_loop);
void loop_free(struct loop *loop);

/* Watches fd (borrowed: stays the caller's). Returns 0 or -errno. */
int loop_add_fd(struct loop *loop, int fd, uint32_t events, loop_fd_fn *fn, void *arg,
		struct loop_fd **ret_source);
void loop_fd_events(struct loop_fd *source, uint32_t events);
/* Stops watching; takes NULL. Call it before closing the fd. */
void loop_fd_del(struct loop_fd *source);

/* A one-shot timer, not armed yet. Returns 0 or -errno. */
int loop_add_timer(struct loop *loop, loop_timer_fn *fn, void *arg,
		   struct loop_timer **ret_timer);
/* Arms at clock_ns() + delay_ns, replacing an earlier arming; 0 fires in the next round. */
void loop_timer_arm(struct loop_timer *timer, uint64_t delay_ns);
void loop_timer_disarm(struct loop_timer *timer);
void loop_timer_del(struct loop_timer *timer);

/* Runs until loop_stop. Returns 0 or -errno of epoll_wait. loop_once: one round, at most
 * timeout_ms (-1 = until something happens). */
int loop_run(struct loop *loop);
int loop_once(struct loop *loop, int timeout_ms);
void loop_stop(struct loop *loop);

#endif
