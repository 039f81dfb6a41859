/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Posted interrupts: every interleaving of two posters and a receiver that polls, arms and
 * sleeps; the same with the protocol broken, which must be noticed; then two threads and the
 * real thing.
 *
 * The model takes the steps of pi_desc.h, one atomic access each, and all of its states are
 * visited. Its property: where the posters are through and the receiver sleeps beside an
 * eventfd that is not readable, there is no bit that it has not taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "pi_desc.h"

/* ---- the model ---- */

#define POSTERS	  2u
#define POSTS	  3u /* of each poster, of a bit of its own */
#define STATE_MAX BIT(21)

enum mutation {
	AS_IT_IS,
	ON_AFTER_PIR,	/* the receiver reads PIR, and clears ON after it */
	ON_STAYS,	/* arm clears SN alone */
	SLEEP_UNLOOKED, /* arm does not read PIR */
	SN_BEFORE_PIR,	/* the poster reads SN before it sets the bit */
	MUTATIONS
};

enum { P_EARLY, P_PIR, P_SN, P_ON, P_EVENT, P_OVER };
enum { R_PEEK, R_PEEK_ON, R_CLEAR_ON, R_TAKE, R_ARM, R_LOOK, R_SLEEP, R_READ, R_DISARM };

struct poster {
	uint8_t pc, left;
	bool saw_sn;
};

struct state {
	uint8_t pir;
	bool event, on, sn; /* event: the eventfd is readable */
	struct poster poster[POSTERS];
	uint8_t receiver;
};

struct search {
	enum mutation mutation;
	uint8_t *visited;
	unsigned states;
	bool lost;
};

static uint32_t number(const struct state *s)
{
	uint32_t n = s->pir;

	n = n << 3 | (uint32_t)s->event << 2 | (uint32_t)s->on << 1 | s->sn;
	for (unsigned p = 0; p < POSTERS; p++)
		n = n << 6 | (uint32_t)(s->poster[p].pc << 3 | s->poster[p].left << 1) |
		    s->poster[p].saw_sn;
	return n << 4 | s->receiver;
}

static void posted(struct poster *p, enum mutation m)
{
	p->saw_sn = false;
	p->pc = --p->left ? (m == SN_BEFORE_PIR ? P_EARLY : P_PIR) : P_OVER;
}

/* pc: where to go on; P_OVER: this post is done. */
static void go_on(struct poster *p, uint8_t pc, enum mutation m)
{
	if (pc == P_OVER)
		posted(p, m);
	else
		p->pc = pc;
}

static bool poster_step(struct state *s, unsigned n, enum mutation m)
{
	struct poster *p = &s->poster[n];
	bool was;

	switch (p->pc) {
	case P_EARLY:
		p->saw_sn = s->sn;
		p->pc = P_PIR;
		return true;
	case P_PIR:
		was = s->pir >> n & 1;
		s->pir |= (uint8_t)BIT(n);
		go_on(p, was || p->saw_sn ? P_OVER : m == SN_BEFORE_PIR ? P_ON : P_SN, m);
		return true;
	case P_SN:
		go_on(p, s->sn ? P_OVER : P_ON, m);
		return true;
	case P_ON:
		was = s->on;
		s->on = true;
		go_on(p, was ? P_OVER : P_EVENT, m);
		return true;
	case P_EVENT:
		s->event = true;
		posted(p, m);
		return true;
	default:
		return false;
	}
}

/* pi_take, one word of PIR. */
static uint8_t take_step(struct state *s, enum mutation m)
{
	switch (s->receiver) {
	case R_PEEK:
		return !s->pir ? R_ARM : m == ON_AFTER_PIR ? R_TAKE : R_PEEK_ON;
	case R_PEEK_ON:
		return s->on ? R_CLEAR_ON : m == ON_AFTER_PIR ? R_PEEK : R_TAKE;
	case R_CLEAR_ON:
		s->on = false;
		return m == ON_AFTER_PIR ? R_PEEK : R_TAKE;
	default:
		s->pir = 0;
		return m == ON_AFTER_PIR ? R_PEEK_ON : R_PEEK;
	}
}

/* Takes until there is nothing, then arms and sleeps, until the eventfd wakes it, or (late) the
 * clock. */
static bool receiver_step(struct state *s, enum mutation m, bool late)
{
	switch (s->receiver) {
	case R_ARM: /* with ON_AFTER_PIR it has looked before */
		s->sn = false;
		s->on = s->on && m == ON_STAYS;
		s->receiver = m == ON_AFTER_PIR || m == SLEEP_UNLOOKED ? R_SLEEP : R_LOOK;
		return true;
	case R_LOOK:
		s->receiver = s->pir ? R_DISARM : R_SLEEP;
		return true;
	case R_SLEEP:
		if (!s->event && !late)
			return false;
		s->receiver = s->event && !late ? R_READ : R_DISARM;
		return true;
	case R_READ:
		s->event = false;
		s->receiver = R_DISARM;
		return true;
	case R_DISARM:
		s->sn = true;
		s->receiver = R_PEEK;
		return true;
	default:
		s->receiver = take_step(s, m);
		return true;
	}
}

/* All that can follow. */
static void visit(struct search *search, struct state s)
{
	bool stuck = true;

	if (search->visited[number(&s)])
		return;
	search->visited[number(&s)] = true;
	search->states++;
	for (unsigned p = 0; p < POSTERS; p++) {
		struct state next = s;

		if (!poster_step(&next, p, search->mutation))
			continue;
		stuck = false;
		visit(search, next);
	}
	for (unsigned late = 0; late < 2; late++) {
		struct state next = s;

		if (!receiver_step(&next, search->mutation, late))
			continue;
		stuck = stuck && late; /* it may sleep without a clock */
		visit(search, next);
	}
	if (stuck && s.pir)
		search->lost = true;
}

static struct search explore(enum mutation m)
{
	struct search search = {.mutation = m, .visited = calloc(1, STATE_MAX)};
	struct state s = {.sn = true};

	assert_non_null(search.visited);
	for (unsigned p = 0; p < POSTERS; p++)
		s.poster[p] = (struct poster){.pc = m == SN_BEFORE_PIR ? P_EARLY : P_PIR,
					      .left = POSTS};
	visit(&search, s);
	free(search.visited);
	return search;
}

static void no_interleaving_loses_a_wake_up(void **state)
{
	struct search search = explore(AS_IT_IS);

	(void)state;
	assert_in_range(search.states, 1000, STATE_MAX);
	assert_false(search.lost);
}

static void each_mutation_loses_one(void **state)
{
	(void)state;
	for (enum mutation m = AS_IT_IS + 1; m < MUTATIONS; m++) {
		if (!explore(m).lost)
			fail_msg("mutation %d was not noticed", (int)m);
	}
}

/* ---- the real one, step by step ---- */

static void a_poster_notifies_once_and_not_while_suppressed(void **state)
{
	struct pi_desc d = {0};

	(void)state;
	assert_true(pi_post(&d, 3, false));
	assert_false(pi_post(&d, 3, false)); /* announced */
	assert_false(pi_post(&d, 4, false)); /* ON */
	assert_true(pi_take(&d, 0) == 0x18);
	assert_int_equal(atomic_load(&d.control), 0);
	assert_true(pi_take(&d, 0) == 0);
	pi_disarm(&d);
	assert_false(pi_post(&d, 5, false));
	assert_true(pi_post(&d, 6, true)); /* urgent */
	pi_arm(&d);
	assert_int_equal(atomic_load(&d.control), 0);
	assert_true(pi_take(&d, 0) == 0x60);
	assert_true(pi_post(&d, 255, false));
	assert_true(atomic_load(&d.pir[3]) == 1ull << 63);
}

static void other_fields_are_left_alone(void **state)
{
	struct pi_desc d = {.control = 0x1234567800ab0000ull, .reserved = {1, 2, 3}};

	(void)state;
	assert_true(pi_post(&d, 0, false));
	pi_disarm(&d);
	assert_true(atomic_load(&d.control) == 0x1234567800ab0003ull);
	pi_arm(&d);
	assert_true(atomic_load(&d.control) == 0x1234567800ab0000ull);
	assert_true(d.reserved[0] == 1 && d.reserved[1] == 2 && d.reserved[2] == 3);
}

/* ---- two threads ---- */

#define EVENTS 200000u

struct stress {
	struct pi_desc desc;
	int fd;
	_Atomic uint32_t made[2]; /* events of each bit */
};

struct poster_arg {
	struct stress *s;
	uint8_t bit;
};

static void *post_events(void *arg)
{
	const struct poster_arg *a = arg;
	uint64_t one = 1;

	for (uint32_t i = 1; i <= EVENTS; i++) {
		/* Relaxed: that the receiver sees it is the protocol's doing. */
		atomic_store_explicit(&a->s->made[a->bit], i, memory_order_relaxed);
		if (pi_post(&a->s->desc, a->bit, false) &&
		    write(a->s->fd, &one, sizeof(one)) != sizeof(one))
			abort();
		if (i % 512 == 0)
			sched_yield();
	}
	return NULL;
}

/* As ladon_posted_wait does it. 0: nothing came in 10 s. */
static uint64_t wait_for_bits(struct stress *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	uint64_t bits, count;

	while (!(bits = pi_take(&s->desc, 0))) {
		pi_arm(&s->desc);
		if (!atomic_load(&s->desc.pir[0]) && poll(&p, 1, 10000) != 1)
			return 0;
		if (read(s->fd, &count, sizeof(count)) < 0)
			count = 0;
		pi_disarm(&s->desc);
	}
	return bits;
}

static void two_posters_and_a_receiver_that_sleeps(void **state)
{
	struct stress s = {.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
	struct poster_arg args[2] = {{&s, 0}, {&s, 1}};
	uint32_t seen[2] = {0, 0};
	pthread_t thread[2];

	(void)state;
	for (unsigned p = 0; p < 2; p++)
		assert_int_equal(pthread_create(&thread[p], NULL, post_events, &args[p]), 0);
	while (seen[0] < EVENTS || seen[1] < EVENTS) {
		uint64_t bits = wait_for_bits(&s);

		if (!bits)
			break;
		for (unsigned p = 0; p < 2; p++)
			if (bits >> p & 1)
				seen[p] =
					atomic_load_explicit(&s.made[p], memory_order_relaxed);
	}
	for (unsigned p = 0; p < 2; p++)
		pthread_join(thread[p], NULL);
	close(s.fd);
	assert_int_equal(seen[0], EVENTS);
	assert_int_equal(seen[1], EVENTS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_interleaving_loses_a_wake_up),
		cmocka_unit_test(each_mutation_loses_one),
		cmocka_unit_test(a_poster_notifies_once_and_not_while_suppressed),
		cmocka_unit_test(other_fields_are_left_alone),
		cmocka_unit_test(two_posters_and_a_receiver_that_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
