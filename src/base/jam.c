/* SPDX-License-Identifier: BSD-3-Clause */
#include "jam.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64

/* One writing thread. since: the tick at which its write began, 0 = not writing. */
struct jam_slot {
	bool used; /* this and thread: under lock, so that no thread ends while it is signalled
		    */
	pthread_t thread;
	_Alignas(64) _Atomic unsigned since;
};

static struct jam_slot slots[MAX_THREADS];
static _Thread_local struct jam_slot *mine;
static _Atomic unsigned tick = 1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted_cond = PTHREAD_COND_INITIALIZER;
static int wanted;

static void on_signal(int sig)
{
	(void)sig; /* its only work is that the system call comes back */
}

static void look_at(struct jam_slot *slot, unsigned now)
{
	unsigned since;

	if (!slot->used)
		return;
	since = atomic_load(&slot->since);
#ifndef LADON_BREAK_JAM
	if (since && now - since >= 2)
		pthread_kill(slot->thread, SIGUSR2);
#endif
}

static void wait_until_wanted(void)
{
	pthread_mutex_lock(&lock);
	while (wanted == 0)
		pthread_cond_wait(&wanted_cond, &lock);
	pthread_mutex_unlock(&lock);
}

static void *watch(void *arg)
{
	const struct timespec pause = {.tv_nsec = JAM_TICK_MS * 1000000l};

	pthread_setname_np(pthread_self(), "ladon-watch");
	for (;;) {
		unsigned now;

		wait_until_wanted();
		nanosleep(&pause, NULL);
		now = atomic_fetch_add(&tick, 1) + 1;
		pthread_mutex_lock(&lock);
		for (unsigned i = 0; i < MAX_THREADS; i++)
			look_at(&slots[i], now);
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

int jam_init(void)
{
	struct sigaction action = {.sa_handler = on_signal};
	pthread_t thread;
	int r;

	if (sigaction(SIGUSR2, &action, NULL) < 0)
		return -errno;
	r = pthread_create(&thread, NULL, watch, NULL);
	if (r == 0)
		pthread_detach(thread);
	return -r;
}

void jam_watch(int change)
{
	pthread_mutex_lock(&lock);
	wanted += change;
	assert(wanted >= 0);
	if (wanted > 0)
		pthread_cond_signal(&wanted_cond);
	pthread_mutex_unlock(&lock);
}

/* The thread's slot: taken at its first write, kept for its life. NULL when all are taken. */
static struct jam_slot *my_slot(void)
{
	if (mine)
		return mine;
	pthread_mutex_lock(&lock);
	for (unsigned i = 0; !mine && i < MAX_THREADS; i++) {
		if (slots[i].used)
			continue;
		slots[i].thread = pthread_self();
		slots[i].used = true;
		mine = &slots[i];
	}
	pthread_mutex_unlock(&lock);
	return mine;
}

void jam_thread_ends(void)
{
	pthread_mutex_lock(&lock);
	if (mine)
		mine->used = false;
	pthread_mutex_unlock(&lock);
	mine = NULL;
}

long jam_write(int fd, const void *buf, size_t len)
{
	struct jam_slot *slot = my_slot();
	long n;

	if (slot)
		atomic_store_explicit(&slot->since,
				      atomic_load_explicit(&tick, memory_order_relaxed),
				      memory_order_release);
	n = write(fd, buf, len);
	if (n < 0)
		n = -errno;
	if (slot)
		atomic_store_explicit(&slot->since, 0, memory_order_release);
	return n;
}
