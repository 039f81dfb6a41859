/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_sched.h - who is polled next, where minimum rates or the link's rate are set. Each round
 * has two parts:
 *
 * The guaranteed part: every port that is behind its minimum sends one burst, whatever the link
 * says (the sum of all minima is within the link's rate). While that gets frames to receivers
 * the other part waits, but not for long.
 *
 * The spare: what is left goes to all ports in equal shares, deficit round robin over bytes,
 * a few bursts a round. A burst is fetched whole; what is too much is taken from later turns.
 * Who has nothing to send saves nothing up, so nothing is idle while anybody has frames.
 *
 * A frame that no receiver took does not count for a minimum: the port tries again when each of
 * the others has had its turn (a pass). What a receiver without descriptors frees meanwhile is
 * kept for it (nic_switch), so that it gets what it is owed there, too. Data path only.
 */
#ifndef LADON_NIC_SCHED_H
#define LADON_NIC_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "nic_pace.h"

struct nic_port;

/* What a port did in its turn. */
struct nic_turn {
	bool work;	  /* anything: descriptors were consumed */
	uint64_t fetched; /* bytes on a wire */
	uint64_t taken;	  /* of them, in frames that somebody received */
};

struct nic_sched {
	struct nic_pace line;
	bool blocked;	   /* the spare waits for the link */
	uint64_t spare_at; /* when the spare had its turn last */
	unsigned first;	   /* its place in the row of ports, round and round */
};

/* Lets the port send one burst, if it has one and may; owed: of its minimum. */
typedef struct nic_turn nic_sched_serve(void *arg, struct nic_port *port, bool owed,
					uint64_t now_ns);

/*
 * One round over the ports. link_mbps: what all of them but the uplink may send together; 0 =
 * no limit. Returns whether there may be more to do at once.
 */
bool nic_sched_round(struct nic_sched *s, uint32_t link_mbps, struct nic_port *const *port,
		     unsigned num, uint64_t now_ns, nic_sched_serve *serve, void *arg);
/* Changes whenever all have had their turn at the spare. */
unsigned nic_sched_pass(const struct nic_sched *s, unsigned num);
/* When it is worth another round, after one that returned false: UINT64_MAX = not by itself. */
uint64_t nic_sched_next(const struct nic_sched *s, struct nic_port *const *port, unsigned num,
			uint64_t now_ns);

#endif
