/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_wire.h - what stands between the switch and the uplink while a card has flow control on.
 * While it is off nothing of this exists (nic_switch.wire is NULL).
 *
 * Card -> wire: a frame whose priority is stopped, or whose wire has no room, is copied into
 * the FIFO of its priority and leaves from there, in order. A FIFO that fills marks its
 * priority as full: ports whose last burst has frames waiting there are not polled until it
 * has emptied (back-pressure; their frames stay in their rings). A burst is fetched whole, so
 * a FIFO has room for many beyond the mark; what goes beyond that is dropped as `uplink`.
 *
 * Wire -> card: a burst is the wire's until its last frame is delivered. A unicast frame whose
 * receiver has no descriptors stops it, and the wire is not read meanwhile; PAUSE goes out when
 * that shows. Patience (nic_flow.h) bounds what a receiver can do with that: who has used it up
 * loses frames as it would without flow control. Frames for groups never wait.
 *
 * All of it is the data path's, and goes by the switch's clock (now_ns of the round).
 */
#ifndef LADON_NIC_WIRE_H
#define LADON_NIC_WIRE_H

#include "nic_fifo.h"
#include "nic_flow.h"
#include "nic_port.h"

struct nic_switch;

#define NIC_WIRE_FIFO (4u << 20)   /* bytes that wait of one priority at most */
#define NIC_WIRE_HIGH (256u << 10) /* from here on its senders are held, */
#define NIC_WIRE_LOW  (128u << 10) /* until here */

struct nic_wire {
	struct nic_flow_params params; /* mbps is not 0 */
	struct nic_flow_stats *stats;  /* borrowed */
	/* Card -> wire. */
	struct nic_flow flow;
	struct nic_fifo fifo[NIC_FLOW_PRIORITIES];
	unsigned waiting, full; /* priorities: the FIFO is not empty; is above the mark */
	unsigned priority;	/* of the frame that is being queued */
	struct nic_port queue;	/* stands for the FIFOs while a frame is copied */
	/* Wire -> card. */
	struct nic_burst burst;
	unsigned at;		      /* frames of the burst that are done with */
	bool held;		      /* frame at waits for its receiver */
	uint64_t held_since, held_at; /* first; last look */
	struct nic_patience patience; /* with all receivers together */
	/* The PAUSE frames of ours. */
	bool xoff;
	uint64_t refresh_at;
};

/* stats is borrowed. Returns 0 or -ENOMEM. free takes NULL; nothing waits any more. */
int nic_wire_new(struct nic_flow_stats *stats, struct nic_wire **ret_wire);
void nic_wire_free(struct nic_wire *wire);
/* Other rules from now on. Where an uplink is, what waited by a rule that is gone goes on its
 * way: to the wire at once, to its receiver or nowhere. */
void nic_wire_set(struct nic_wire *wire, struct nic_switch *sw,
		  const struct nic_flow_params *params);
/* The uplink goes, or its other end has gone: what waits is dropped as `uplink`. */
void nic_wire_drop(struct nic_wire *wire, struct nic_switch *sw);

/* Begin of a round: sends what may go, and PAUSE frames. Returns whether anything went. */
bool nic_wire_round(struct nic_wire *wire, struct nic_switch *sw);
/* The uplink's turn to send: fetches a burst where the last one is done with. Returns the
 * number of frames fetched; *ret_work: did anything happen? */
unsigned nic_wire_poll(struct nic_wire *wire, struct nic_switch *sw, bool *ret_work);
/* In place of nic_deliver, of a frame that a port of this card sends to the uplink. */
unsigned nic_wire_send(struct nic_wire *wire, struct nic_switch *sw, struct nic_port *src,
		       const struct nic_policy *policy, const struct nic_frame *f,
		       struct nic_tags tags);
/* May a unicast frame from the wire wait for dst, if that has no descriptors now? */
bool nic_wire_may_wait(struct nic_wire *wire, struct nic_port *dst, uint64_t now_ns);
/* dst took it. */
void nic_wire_took(struct nic_wire *wire, struct nic_port *dst, const struct nic_frame *f);
/* When it is worth another round: UINT64_MAX = not by itself. */
uint64_t nic_wire_next(const struct nic_wire *wire, uint64_t now_ns);

/* Is the port not to be polled, for the FIFO that its last frames wait in is full? */
static inline bool nic_wire_holds(const struct nic_wire *wire, const struct nic_port *src)
{
	return src->wire_waits & wire->full;
}

#endif
