/* SPDX-License-Identifier: BSD-3-Clause */
#include "loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"

/* What a callback saw and what it shall do. */
struct probe {
	struct loop *loop;
	struct loop_fd *source, *victim;
	struct loop_timer *timer, *victim_timer;
	unsigned calls;
	uint32_t events;
	uint64_t rearm;
	unsigned rearms;
	unsigned *order; /* shared counter */
	unsigned place;
};

struct pipes {
	struct loop *loop;
	int in[2], out[2]; /* two pipes: reader in[i], writer out[i] */
};

static int pipes_make(void **state)
{
	struct pipes *p = calloc(1, sizeof(*p));

	for (int i = 0; i < 2; i++) {
		int fds[2];

		if (pipe(fds) < 0)
			return -1;
		p->in[i] = fds[0];
		p->out[i] = fds[1];
	}
	*state = p;
	return loop_new(&p->loop);
}

static int pipes_free(void **state)
{
	struct pipes *p = *state;

	loop_free(p->loop);
	fd_close_all(p->in, 2);
	fd_close_all(p->out, 2);
	free(p);
	return 0;
}

static void on_fd(void *arg, uint32_t events)
{
	struct probe *probe = arg;

	probe->calls++;
	probe->events = events;
}

static void on_fd_delete_victim(void *arg, uint32_t events)
{
	struct probe *probe = arg;

	on_fd(arg, events);
	loop_fd_del(probe->victim);
	probe->victim = NULL;
}

static void on_fd_mute_victim(void *arg, uint32_t events)
{
	struct probe *probe = arg;

	on_fd(arg, events);
	loop_fd_events(probe->victim, 0);
}

static void on_timer(void *arg)
{
	struct probe *probe = arg;

	probe->calls++;
	if (probe->order)
		probe->place = (*probe->order)++;
	if (probe->rearms) {
		probe->rearms--;
		loop_timer_arm(probe->timer, probe->rearm);
	}
}

static void on_timer_delete_victims(void *arg)
{
	struct probe *probe = arg;

	on_timer(arg);
	loop_fd_del(probe->victim);
	loop_timer_del(probe->victim_timer);
}

static void on_timer_stop(void *arg)
{
	struct probe *probe = arg;

	on_timer(arg);
	loop_stop(probe->loop);
}

static void fd_events_arrive_until_deleted(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {0};

	assert_int_equal(loop_add_fd(p->loop, p->in[0], EPOLLIN, on_fd, &probe, &probe.source),
			 0);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 0);
	assert_int_equal(write(p->out[0], "x", 1), 1);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(probe.events, EPOLLIN);
	loop_fd_events(probe.source, 0);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 1);
	loop_fd_events(probe.source, EPOLLIN);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(probe.calls, 2);
	loop_fd_del(probe.source);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 2);
}

static void hangup_arrives_unasked(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {0};

	assert_int_equal(loop_add_fd(p->loop, p->in[0], 0, on_fd, &probe, &probe.source), 0);
	fd_close(&p->out[0]);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_true(probe.events & EPOLLHUP);
}

static void bad_fd_leaves_the_output_alone(void **state)
{
	struct pipes *p = *state;
	struct loop_fd *source = (void *)p;

	assert_int_equal(loop_add_fd(p->loop, -1, EPOLLIN, on_fd, NULL, &source), -EBADF);
	assert_ptr_equal(source, p);
	loop_fd_del(NULL);
	loop_timer_del(NULL);
	loop_free(NULL);
}

static void callback_may_delete_itself(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {0};

	loop_add_fd(p->loop, p->in[0], EPOLLIN, on_fd_delete_victim, &probe, &probe.victim);
	assert_int_equal(write(p->out[0], "x", 1), 1);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 1);
}

/* Whichever comes first deletes the other, whose event is already in the round. */
static void deleted_source_gets_no_event_of_the_same_round(void **state)
{
	struct pipes *p = *state;
	struct probe a = {0}, b = {0};

	loop_add_fd(p->loop, p->in[0], EPOLLIN, on_fd_delete_victim, &a, &b.victim);
	loop_add_fd(p->loop, p->in[1], EPOLLIN, on_fd_delete_victim, &b, &a.victim);
	assert_int_equal(write(p->out[0], "x", 1), 1);
	assert_int_equal(write(p->out[1], "x", 1), 1);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(a.calls + b.calls, 1);
}

static void muted_source_gets_no_event_of_the_same_round(void **state)
{
	struct pipes *p = *state;
	struct probe a = {0}, b = {0};

	loop_add_fd(p->loop, p->in[0], EPOLLIN, on_fd_mute_victim, &a, &b.victim);
	loop_add_fd(p->loop, p->in[1], EPOLLIN, on_fd_mute_victim, &b, &a.victim);
	assert_int_equal(write(p->out[0], "x", 1), 1);
	assert_int_equal(write(p->out[1], "x", 1), 1);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(a.calls + b.calls, 1);
}

static void timer_is_never_early(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {.loop = p->loop};
	uint64_t start = clock_ns();

	assert_int_equal(loop_add_timer(p->loop, on_timer_stop, &probe, &probe.timer), 0);
	loop_timer_arm(probe.timer, 300 * NSEC_PER_USEC);
	assert_int_equal(loop_run(p->loop), 0);
	assert_int_equal(probe.calls, 1);
	assert_true(clock_ns() - start >= 300 * NSEC_PER_USEC);
}

static void unarmed_and_disarmed_timers_are_silent(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {0};

	loop_add_timer(p->loop, on_timer, &probe, &probe.timer);
	assert_int_equal(loop_once(p->loop, 0), 0);
	loop_timer_arm(probe.timer, 0);
	loop_timer_disarm(probe.timer);
	loop_timer_disarm(probe.timer);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 0);
}

static void timer_is_one_shot_and_arming_replaces(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {0};

	loop_add_timer(p->loop, on_timer, &probe, &probe.timer);
	loop_timer_arm(probe.timer, UINT64_MAX); /* saturates, does not wrap to the past */
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 0);
	loop_timer_arm(probe.timer, 0);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 1);
}

/* Else a callback that re-arms with 0 would keep the fds from ever being served. */
static void timer_rearmed_with_zero_waits_for_the_next_round(void **state)
{
	struct pipes *p = *state;
	struct probe probe = {.rearms = 3};

	loop_add_timer(p->loop, on_timer, &probe, &probe.timer);
	loop_timer_arm(probe.timer, 0);
	for (unsigned round = 1; round <= 4; round++) {
		assert_int_equal(loop_once(p->loop, -1), 0);
		assert_int_equal(probe.calls, round);
	}
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 4);
}

static void equal_delays_fire_in_order_of_arming(void **state)
{
	struct pipes *p = *state;
	unsigned order = 0;
	struct probe probes[40] = {0};

	for (unsigned i = 0; i < 40; i++) {
		probes[i].order = &order;
		loop_add_timer(p->loop, on_timer, &probes[i], &probes[i].timer);
	}
	for (unsigned i = 0; i < 40; i++)
		loop_timer_arm(probes[i * 7 % 40].timer, 0);
	assert_int_equal(loop_once(p->loop, -1), 0);
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(probes[i * 7 % 40].place, i);
}

/* Arms all n in a permuted order after much arming and disarming; notes the bounds of each
 * deadline. */
static void arm_permuted(struct probe *probes, unsigned n, uint64_t (*bounds)[2])
{
	uint32_t seed = 7;

	for (unsigned i = 0; i < 5 * n; i++) {
		seed = seed * 1103515245 + 12345;
		loop_timer_arm(probes[(seed >> 8) % n].timer, (seed >> 4) % 60 * NSEC_PER_SEC);
		loop_timer_disarm(probes[(seed >> 17) % n].timer);
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t delay = (uint64_t)(i * 77 % n) * 10 * NSEC_PER_USEC;

		bounds[i][0] = clock_ns() + delay;
		loop_timer_arm(probes[i].timer, delay);
		bounds[i][1] = clock_ns() + delay;
	}
}

static void many_timers_fire_in_order_of_deadline(void **state)
{
	enum { N = 300 };
	static struct probe probes[N];
	static uint64_t bounds[N][2];
	struct pipes *p = *state;
	unsigned order = 0;

	for (unsigned i = 0; i < N; i++) {
		probes[i] = (struct probe){.order = &order};
		assert_int_equal(
			loop_add_timer(p->loop, on_timer, &probes[i], &probes[i].timer), 0);
	}
	arm_permuted(probes, N, bounds);
	while (order < N)
		assert_int_equal(loop_once(p->loop, 1000), 0);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(probes[i].calls, 1);
		for (unsigned j = 0; j < N; j++) {
			if (probes[i].place < probes[j].place)
				assert_true(bounds[i][0] <= bounds[j][1]);
		}
		loop_timer_del(probes[i].timer);
	}
}

static void timer_may_delete_itself_a_timer_and_a_source(void **state)
{
	struct pipes *p = *state;
	struct probe other = {0}, due = {0};
	struct probe probe = {0};

	loop_add_fd(p->loop, p->in[0], EPOLLIN, on_fd, &other, &probe.victim);
	loop_add_timer(p->loop, on_timer_delete_victims, &probe, &probe.timer);
	loop_add_timer(p->loop, on_timer, &due, &probe.victim_timer);
	loop_timer_arm(probe.timer, 0);
	loop_timer_arm(probe.victim_timer, 0);
	assert_int_equal(write(p->out[0], "x", 1), 1);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(probe.calls, 1);
	assert_int_equal(due.calls, 0);
	assert_int_equal(other.calls, 0);

	probe.victim = NULL;
	probe.victim_timer = probe.timer;
	loop_timer_arm(probe.timer, 0);
	assert_int_equal(loop_once(p->loop, -1), 0);
	assert_int_equal(loop_once(p->loop, 0), 0);
	assert_int_equal(probe.calls, 2);
}

static void stop_before_run_returns_at_once(void **state)
{
	struct pipes *p = *state;

	loop_stop(p->loop);
	assert_int_equal(loop_run(p->loop), 0);
}

static void once_times_out(void **state)
{
	struct pipes *p = *state;
	uint64_t start = clock_ns();

	assert_int_equal(loop_once(p->loop, 2), 0);
	assert_true(clock_ns() - start >= 2 * NSEC_PER_MSEC);
}

int main(void)
{
#define WITH_PIPES(test) cmocka_unit_test_setup_teardown(test, pipes_make, pipes_free)
	const struct CMUnitTest tests[] = {
		WITH_PIPES(fd_events_arrive_until_deleted),
		WITH_PIPES(hangup_arrives_unasked),
		WITH_PIPES(bad_fd_leaves_the_output_alone),
		WITH_PIPES(callback_may_delete_itself),
		WITH_PIPES(deleted_source_gets_no_event_of_the_same_round),
		WITH_PIPES(muted_source_gets_no_event_of_the_same_round),
		WITH_PIPES(timer_is_never_early),
		WITH_PIPES(unarmed_and_disarmed_timers_are_silent),
		WITH_PIPES(timer_is_one_shot_and_arming_replaces),
		WITH_PIPES(timer_rearmed_with_zero_waits_for_the_next_round),
		WITH_PIPES(equal_delays_fire_in_order_of_arming),
		WITH_PIPES(many_timers_fire_in_order_of_deadline),
		WITH_PIPES(timer_may_delete_itself_a_timer_and_a_source),
		WITH_PIPES(stop_before_run_returns_at_once),
		WITH_PIPES(once_times_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
