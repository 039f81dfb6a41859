/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_switch.h - the card's embedded switch: judges what a port sends (ingress policy), finds
 * who gets it, judges that (egress policy), and has it delivered. Data path only.
 */
#ifndef LADON_NIC_SWITCH_H
#define LADON_NIC_SWITCH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "net_eth.h"
#include "nic_fdb.h"
#include "nic_port.h"

struct nic_flight;
struct nic_wire;

/* What the frame before was: one that looks the same goes the same way (nic_run.h). */
struct nic_run {
	struct nic_port *dst;		 /* NULL = it went no simple way */
	const struct nic_policy *policy; /* dst's, by which it was judged */
	uint8_t head[NET_ETH_HLEN];	 /* addresses and type */
	bool tagged;			 /* by the sender's port VLAN: on a wire it counts */
};

/* The ports of a card, as all its workers see them. Which there are changes only while none of
 * them is at work. */
struct nic_ports {
	struct nic_port *port[NIC_MAX_PORTS]; /* dense: [0, num) */
	unsigned num;
	struct nic_port *by_index[NIC_MAX_PORTS]; /* port->index -> port, NULL = free */
	struct nic_port *uplink;		  /* one of port[], or NULL */
	/* Ports whose policy says so: 0 spares the search for them. While no port VLAN is of
	 * 802.1ad, such tags are bytes like others, as to the 82576. */
	_Atomic unsigned num_promisc, num_unknown_uc, num_svlan, num_min;
	_Atomic(const struct nic_fdb *) fdb;
};

/* One worker's switching. */
struct nic_switch {
	const struct nic_ports *all;	      /* borrowed */
	struct nic_port *port[NIC_MAX_PORTS]; /* its own: [0, num) */
	unsigned num;
	unsigned worker, workers; /* which it is, of how many */
	struct nic_flight
		*flight; /* burst under way; NULL: it is alone, all ports are its own */
	const struct nic_port *peer; /* whom the flight's last frame with an owner went to */
	struct nic_port *dirty[NIC_MAX_PORTS]; /* received since the last flush */
	unsigned num_dirty;
	struct nic_run run;
	uint64_t now_ns; /* of this round, for limits */
	bool owed;	 /* what is sent now is of a port's minimum */
	bool kept;	 /* a port is short of descriptors, and who is owed has them first */
	uint64_t lost_bytes;   /* on a wire, in frames that no receiver took; only grows */
	struct nic_wire *wire; /* flow control; NULL = off */
	bool waits;	       /* the frame under way waits for its receiver */
	bool spoofed; /* a port that asked to be told (tell_spoof) lost a frame; cleared by the
			 reader */
};

/* Switches every frame of burst, sent by src. Frames' fields may be edited (port VLAN). */
void nic_switch_burst(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst);
/* The same from the first-th frame on, for flow control: svlan of all was cleared. Returns the
 * one that has to wait for its receiver: nothing was done or counted of it, and it is to be
 * switched again. burst->n: none. */
unsigned nic_switch_from(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst,
			 unsigned first);
/* Of a flight that another worker has launched: does this one's part, and notes in it what came
 * of it. */
void nic_switch_handed(struct nic_switch *sw, struct nic_flight *fl);
/* All have done theirs: counts the frames that were handed over, at their sender. */
void nic_switch_landed(struct nic_switch *sw, const struct nic_flight *fl);
/* What the frame takes on a wire, with tag and FCS; a TSO frame as all of its segments. */
uint64_t nic_switch_wire_bytes(const struct nic_frame *f);
/* Has any port the policy that is counted here (num_promisc ...)? */
static inline bool nic_switch_any(const _Atomic unsigned *num_ports)
{
	return atomic_load_explicit(num_ports, memory_order_relaxed);
}

/* Is the port this worker's? */
static inline bool nic_switch_owns(const struct nic_switch *sw, const struct nic_port *port)
{
	return likely(!sw->flight) || port->worker == sw->worker;
}

/* port has received in this round: nic_switch_flush tells it. */
static inline void nic_switch_received(struct nic_switch *sw, struct nic_port *port)
{
	if (port->rx_dirty)
		return;
	port->rx_dirty = true;
	sw->dirty[sw->num_dirty++] = port;
}

/* No port keeps descriptors any more. */
void nic_switch_release(struct nic_switch *sw);
/* Tells the ports that received: write-backs, interrupts. */
void nic_switch_flush(struct nic_switch *sw, uint64_t now_ns);

#endif
