/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_dp.h - the data path of a card: a thread, or several, its workers, each with ports of its
 * own (nic_flight.h). It polls the ports' transmit queues, switches bursts, and passes a
 * quiesce point after every round: there it holds no pointer into guest memory, policy or
 * tables.
 *
 * The control thread meets it in three ways: immutable snapshots (policy, forwarding table),
 * calls that run at the quiesce point (nic_dp_call), and waiting for that point
 * (nic_dp_quiesce). While the thread sleeps it is at its quiesce point, so waiting costs
 * nothing then.
 *
 * Idle: after work it spins, then yields, then sleeps, each time an eighth of the silence so
 * far: from 50 us up to 1 ms in the first second, and up to idle_sleep_us after it (or less
 * where that is shorter): the bound on the latency that idleness adds to a doorbell in a mapped
 * page (those make no system call, so nobody wakes it). A kick (trapped doorbell, interrupt
 * unmask, call) or a frame at the uplink wakes it at once.
 */
#ifndef LADON_NIC_DP_H
#define LADON_NIC_DP_H

#include <stdbool.h>
#include <stdint.h>

#include "iommu_fault.h"
#include "nic_port.h"

struct nic_capture;
struct nic_dp;
struct nic_fdb;
struct nic_mirror_set;

struct nic_dp_params {
	bool busy_poll;	   /* never sleep */
	unsigned workers;  /* threads, up to NIC_WORKERS_MAX; 0 = 1 */
	unsigned num_cpus; /* of cpu[]: workers that are pinned, to one each */
	int cpu[NIC_WORKERS_MAX];
	uint32_t idle_sleep_us; /* longest sleep; 0 = default 4000 */
	uint32_t link_mbps;	/* what the functions send together at most; 0 = no limit */
};

#define NIC_DP_IDLE_SLEEP_US 4000u

/*
 * How long to sleep, in ns, when there has been no frame for idle_ns, and neither frame nor
 * kick for silent_ns: in proportion, so that a frame waits little longer than it took to come.
 * A kick counts because its sender is awake, and may soon ring a mapped doorbell.
 */
uint64_t nic_dp_sleep_ns(uint64_t idle_ns, uint64_t silent_ns, uint32_t idle_sleep_us);

int nic_dp_new(const struct nic_dp_params *params, struct nic_dp **ret_dp);
/* The thread ends; no port is polled any more. Calls run here from now on, and all is quiet:
 * what is left to be taken down waits for nobody. */
void nic_dp_stop(struct nic_dp *dp);
/* After it: one round as the threads did it, each after the other, by the caller and his clock
 * (ns), for whoever counts what a round costs. Returns true when there was work. */
bool nic_dp_round(struct nic_dp *dp, uint64_t now);
/* All ports have been removed. Takes NULL. */
void nic_dp_free(struct nic_dp *dp);

/* Control thread. Gives the port an index and its first policy; runs as a call. -ENOSPC. */
int nic_dp_add_port(struct nic_dp *dp, struct nic_port *port);
/* The same with an index of the caller's, below NIC_MAX_PORTS. -EBUSY: another port has it. */
int nic_dp_add_port_at(struct nic_dp *dp, struct nic_port *port, unsigned index);
/* The port is no longer polled or delivered to when this returns. */
void nic_dp_del_port(struct nic_dp *dp, struct nic_port *port);
/* The uplink's pollable fd, so that a sleeping data path wakes for its frames; -1 = none. */
void nic_dp_watch_fd(struct nic_dp *dp, int fd);

/* Returns when the data path has passed a quiesce point since the call. */
void nic_dp_quiesce(struct nic_dp *dp);
/* Runs fn(arg) on the (first) data-path thread while all are at a quiesce point, and waits for
 * its end. */
void nic_dp_call(struct nic_dp *dp, void (*fn)(void *arg), void *arg);
/* Wakes a sleeping data path. Any thread; cheap when it is awake. */
void nic_dp_kick(struct nic_dp *dp);

/* Publishes a new forwarding table and frees the former one after a quiesce. */
void nic_dp_set_fdb(struct nic_dp *dp, struct nic_fdb *fdb);
/* Publishes a policy (owned by the port from now on) and frees the former one after a quiesce.
 * NULL takes it off a port that has been removed. */
void nic_dp_set_policy(struct nic_dp *dp, struct nic_port *port, struct nic_policy *policy);

/* Flow control from now on (nic_wire.h); on the data path nothing is left of the former rules
 * when it returns. -ENOMEM: nothing has changed. */
int nic_dp_set_flow(struct nic_dp *dp, const struct nic_flow_params *params);
/* Frames that wait because of it, for the wire or from it, are dropped as `uplink`: the memory
 * of the uplink they lie in is about to be used anew. */
void nic_dp_drop_waiting(struct nic_dp *dp);
/* Ever; any thread. */
const struct nic_flow_stats *nic_dp_flow_stats(const struct nic_dp *dp);

/* Faults recorded by the queues of a worker's ports; popped by the control thread. event_fd is
 * readable when there is something to pop, or a port asked for attention (nic_dp_notify). */
struct iommu_fault_ring *nic_dp_faults(struct nic_dp *dp, unsigned worker);
int nic_dp_event_fd(struct nic_dp *dp);
void nic_dp_notify(
	struct nic_dp *dp); /* data path: make event_fd readable, once until drained */
/* The same for what a guest can cause with every descriptor: at most once a millisecond, for
 * each costs this thread a system call and wakes another. */
void nic_dp_notify_soon(struct nic_dp *dp);
/* Also places ports anew that talk to each other, when a worker asked for it (nic_place.h). */
void nic_dp_event_drain(struct nic_dp *dp);

/* Records from now on; -EBUSY when NIC_CAPTURES_MAX do. Off again when del returns. */
int nic_dp_capture_add(struct nic_dp *dp, struct nic_capture *capture);
void nic_dp_capture_del(struct nic_dp *dp, struct nic_capture *capture);

/* Who gets copies of the port's frames from now on (borrowed); NULL = nobody. What was there
 * before is in nobody's hands any more. A port that is added has none. */
void nic_dp_set_mirrors(struct nic_dp *dp, struct nic_port *port,
			const struct nic_mirror_set *mirrors);

/* For `ladon show` and benchmarks. */
struct nic_dp_stats {
	uint64_t rounds, bursts, frames, sleeps, wakeups;
	uint64_t handed; /* of frames: another worker had a part in them */
};
/* Of all workers. */
void nic_dp_stats(const struct nic_dp *dp, struct nic_dp_stats *ret_stats);

void nic_dp_worker_stats(const struct nic_dp *dp, unsigned worker,
			 struct nic_dp_stats *ret_stats);
unsigned nic_dp_workers(const struct nic_dp *dp);
/* Has worker 0 all the ports, for want of others or because of what is on? */
bool nic_dp_alone(const struct nic_dp *dp);

#endif
