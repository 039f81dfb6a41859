/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_dp_impl.h - what the control thread's side of a data path (nic_dp.c) and its workers
 * (nic_worker.c) know of each other; for these two only.
 */
#ifndef LADON_NIC_DP_IMPL_H
#define LADON_NIC_DP_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "nic_capture.h"
#include "nic_dp.h"
#include "nic_flight.h"
#include "nic_sched.h"
#include "nic_switch.h"

enum worker_state {
	WORKER_AWAKE,
	WORKER_DROWSY, /* a kick is to write wake_fd */
	WORKER_ASLEEP,
	WORKER_PARKED, /* a call waits for the others, or runs */
};

struct dp_call {
	void (*fn)(void *arg);
	void *arg;
};

/* One thread of the data path. */
struct nic_worker {
	struct nic_dp *dp;
	unsigned n; /* 0: the one that runs calls, and serves the uplink */
	pthread_t thread;
	int wake_fd, epoll_fd;

	/* Written by it. */
	_Alignas(CACHE_LINE) _Atomic uint64_t epoch; /* quiesce points passed */
	_Atomic int state;			     /* enum worker_state */
	_Atomic uint64_t rounds, bursts, frames, handed, sleeps, wakeups;

	/* Its own. */
	_Alignas(CACHE_LINE) struct nic_switch sw;
	unsigned turn;	    /* of quiet ports: which have it in this round */
	bool all;	    /* all have it */
	bool holds;	    /* fetches nothing: somebody waits for it */
	bool spare;	    /* it has no ports: all are others' */
	uint64_t granted;   /* the last of dp->wanted that it has granted */
	uint64_t kicked_ns; /* when something other than the clock last ended a sleep */
	struct iommu_fault_ring faults;

	/* Flights: those that are nobody's, the latest last; launched; and of others', done in
	 * this round. */
	struct nic_flight *flight; /* owned: NIC_FLIGHTS of them, or 1 */
	struct nic_flight *free[NIC_FLIGHTS], *launched[NIC_FLIGHTS];
	struct nic_flight *done[NIC_FLIGHTS * NIC_WORKERS_MAX];
	unsigned num_free, num_launched, num_done;
	struct nic_flight_ring in[NIC_WORKERS_MAX]; /* from each of the others */
};

struct nic_dp {
	struct nic_dp_params params;
	int event_fd, watched_fd;

	/* Written by workers. */
	_Alignas(CACHE_LINE) _Atomic bool notified;
	_Atomic bool notify_due;
	_Atomic uint64_t notified_ns; /* when notify_due was last attended to */

	/* Written by the control thread. */
	_Alignas(CACHE_LINE) _Atomic(const struct dp_call *) call;
	_Atomic uint64_t wanted; /* quiesce points asked for */
	_Atomic bool stop;

	/* Changed by calls only. */
	_Alignas(CACHE_LINE) struct nic_ports ports;
	bool alone; /* worker 0 has all ports */
	struct nic_capture_set captures;
	bool stopped; /* control thread's: the threads have ended */

	/* Worker 0's. */
	struct nic_sched sched;
	struct nic_wire *wire; /* owned; its switch's while flow control is on. NULL = never was
				*/
	unsigned kept_in;      /* pass in which ports began to keep descriptors */
	struct nic_flow_stats flow_stats;

	unsigned num_workers;
	struct nic_worker *worker[NIC_WORKERS_MAX]; /* owned */
};

/* Without its thread. 0 or -errno. */
int nic_worker_new(struct nic_dp *dp, unsigned n, struct nic_worker **ret_worker);
/* On the CPU that the parameters say. 0 or -errno. */
int nic_worker_start(struct nic_worker *w);
/* Its thread has been told to stop: waits for its end. */
void nic_worker_join(struct nic_worker *w);
/* Takes NULL. */
void nic_worker_free(struct nic_worker *w);
void nic_worker_kick(struct nic_worker *w);
/* One round, by its thread, or by the control thread when that has ended. True: there was work.
 */
bool nic_worker_round(struct nic_worker *w, uint64_t now);
/* Does it matter who is polled when? */
bool nic_dp_scheduled(const struct nic_dp *dp);

#endif
