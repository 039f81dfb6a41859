/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_workers.h - for test programs that are built a second time, for a data path of several
 * threads (TEST_WORKERS), and for the others as well.
 */
#ifndef LADON_TEST_WORKERS_H
#define LADON_TEST_WORKERS_H

#include <sched.h>

#include "nic_dp.h"

#ifndef TEST_WORKERS
#define TEST_WORKERS 1u
#endif

static void __attribute__((unused)) test_no_call(void *arg)
{
	(void)arg;
}

/* Each worker has done a full round, and nothing is under way. */
static void __attribute__((unused)) test_pass_round(struct nic_dp *dp)
{
	struct nic_dp_stats before[TEST_WORKERS], now;

	for (unsigned w = 0; w < TEST_WORKERS; w++)
		nic_dp_worker_stats(dp, w, &before[w]);
	for (unsigned w = 0; w < TEST_WORKERS; w++) {
		do {
			nic_dp_kick(dp);
			sched_yield();
			nic_dp_worker_stats(dp, w, &now);
		} while (now.rounds - before[w].rounds < 2);
	}
	nic_dp_call(dp, test_no_call, NULL);
}

#endif
