/* SPDX-License-Identifier: BSD-3-Clause */
/* sample_round.c - how long one frame takes while nothing else is under way, and what a cache
 * line takes between the same two CPUs. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "sample.h"

#define TIMES_MAX 1000000u
#define LOST_NS	  (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */
#define WARM_UP	  1000u
#define LINE_RUN  100u /* cache lines there and back for each time taken */

static uint64_t pass_ns[TIMES_MAX], back_ns[TIMES_MAX];

/* The frame that arrives at side n next; NULL = none does. */
static struct ladon_buf *await_frame(struct bench_pair *b, unsigned n, uint64_t start)
{
	struct ladon_buf *got;

	while (ladon_igbvf_rx_burst(b->side[n].vf, &got, 1) != 1)
		if (clock_ns() - start > LOST_NS)
			return NULL;
	return got;
}

/* VF 0 to VF 1 and, in the same buffer, back. */
static int there_and_back(struct bench_pair *b, uint64_t *ret_pass, uint64_t *ret_back)
{
	struct ladon_buf *buf = bench_frame(b, 64);
	uint64_t start = clock_ns();

	if (!buf || ladon_igbvf_tx_burst(b->side[0].vf, &buf, 1) != 1)
		return -EIO;
	buf = await_frame(b, 1, start);
	*ret_pass = clock_ns() - start;
	if (!buf)
		return -ETIMEDOUT;
	memcpy(buf->data, b->side[0].mac, 6);
	memcpy(buf->data + 6, b->side[1].mac, 6);
	buf->flags = 0;
	if (ladon_igbvf_tx_burst(b->side[1].vf, &buf, 1) != 1)
		return -EIO;
	buf = await_frame(b, 0, start);
	*ret_back = clock_ns() - start;
	if (!buf)
		return -ETIMEDOUT;
	ladon_igbvf_buf_free(b->side[0].vf, buf);
	ladon_igbvf_tx_reap(b->side[0].vf);
	ladon_igbvf_tx_reap(b->side[1].vf);
	return 0;
}

int sample_round(const struct sample_params *p)
{
	struct bench_pair b;
	unsigned num = 0;
	uint64_t end;
	int err = sample_start(&b, p, NULL, NULL);

	if (err)
		return err;
	for (unsigned i = 0; i < WARM_UP && !err; i++)
		err = there_and_back(&b, &pass_ns[0], &back_ns[0]);
	for (end = clock_ns() + p->ns; !err && num < TIMES_MAX && clock_ns() < end; num++)
		err = there_and_back(&b, &pass_ns[num], &back_ns[num]);
	bench_stop(&b);
	if (err || !num)
		return err ? err : -ETIMEDOUT;
	sample_put_times("pass", pass_ns, num);
	sample_put_times("back", back_ns, num);
	return 0;
}

/* ---- a cache line ---- */

struct line {
	_Alignas(128) atomic_uint ball; /* odd: the other's turn */
	int cpu;
};

/* Answers until the ball is 0. */
static void *answer(void *arg)
{
	struct line *line = arg;
	unsigned ball;

	sample_pin(line->cpu);
	while ((ball = atomic_load_explicit(&line->ball, memory_order_acquire)) != 0)
		if (ball & 1)
			atomic_store_explicit(&line->ball, ball + 1, memory_order_release);
	return NULL;
}

static void play(struct line *line)
{
	for (unsigned i = 0; i < LINE_RUN; i++) {
		atomic_store_explicit(&line->ball, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&line->ball, memory_order_acquire) != 2 * i + 2)
			;
	}
}

int sample_line(const struct sample_params *p)
{
	static struct line line = {.ball = 2};
	unsigned num = 0;
	pthread_t thread;
	uint64_t end;
	int err;

	line.cpu = p->card;
	sample_pin(p->driver);
	err = pthread_create(&thread, NULL, answer, &line);
	if (err)
		return -err;
	play(&line);
	for (end = clock_ns() + p->ns; num < TIMES_MAX && clock_ns() < end; num++) {
		uint64_t start = clock_ns();

		play(&line);
		pass_ns[num] = (clock_ns() - start) / LINE_RUN;
	}
	atomic_store(&line.ball, 0);
	pthread_join(thread, NULL);
	if (!num)
		return -ETIMEDOUT;
	sample_put_times("line", pass_ns, num);
	return 0;
}
