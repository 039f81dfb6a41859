/* SPDX-License-Identifier: BSD-3-Clause */
/* test_ntb.h - two sides of a register page, for test programs: files, eventfds, devices. */
#ifndef LADON_TEST_NTB_H
#define LADON_TEST_NTB_H

#include <fcntl.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fd.h"
#include "ntb_regs.h"

static struct sigaction test_guard;

/* In main: the SIGBUS guard. Returns 0 or -errno. */
static inline int test_guard_init(void)
{
	int ret = iommu_mem_guard_init();

	return ret < 0 ? ret : sigaction(SIGBUS, NULL, &test_guard);
}

/* In a test: cmocka has put a handler of its own in front. */
static inline int test_guard_use(void)
{
	return sigaction(SIGBUS, &test_guard, NULL);
}

struct ntb_pair {
	int file;
	int event[2][NTB_EVENTS];
	struct ntb_dev dev[2];
};

static inline int pair_open_side(struct ntb_pair *pair, unsigned side)
{
	int fd = fcntl(pair->file, F_DUPFD_CLOEXEC, 0);

	return ntb_dev_init(&pair->dev[side], fd, side, pair->event[side], pair->event[!side],
			    NULL);
}

/* The file and the eventfds; sides are opened apart, maybe in two processes. */
static inline int pair_new(struct ntb_pair *pair)
{
	pair->file = ntb_page_new();
	for (unsigned i = 0; i < 2 * NTB_EVENTS; i++)
		pair->event[i / NTB_EVENTS][i % NTB_EVENTS] =
			eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return MIN(pair->file, 0);
}

static inline void pair_free(struct ntb_pair *pair)
{
	fd_close(&pair->file);
	fd_close_all(pair->event[0], NTB_EVENTS);
	fd_close_all(pair->event[1], NTB_EVENTS);
}

/* What an eventfd has counted, 0 = nothing. */
static inline uint64_t pair_events(struct ntb_pair *pair, unsigned side, unsigned event)
{
	uint64_t count;

	return read(pair->event[side][event], &count, 8) == 8 ? count : 0;
}

#endif
