/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_flow.h - flow control as a MAC does it: which frames are MAC control (802.3 annex 31B
 * PAUSE, 802.1Qbb PFC), until when each priority is stopped, the PAUSE frames that are sent,
 * and for how long a receiver may stop the wire. Data path only; time is the caller's.
 */
#ifndef LADON_NIC_FLOW_H
#define LADON_NIC_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic_frame.h"

#define NIC_FLOW_PRIORITIES 8u
#define NIC_FLOW_ALL	    0xffu   /* priorities */
#define NIC_FLOW_MBPS	    1000u   /* the link's rate, where nobody says another */
#define NIC_FLOW_LONGEST    0xffffu /* quanta */

/* Or'ed. */
enum nic_flow_mode {
	NIC_FLOW_RX = 1, /* received PAUSE and PFC are obeyed */
	NIC_FLOW_TX = 2, /* frames wait for their receiver, and PAUSE is sent */
};

struct nic_flow_params {
	unsigned mode;	/* enum nic_flow_mode, 0 = off */
	uint32_t mbps;	/* of the link: what a quantum lasts; 0 = NIC_FLOW_MBPS */
	uint8_t mac[6]; /* the MAC's own address */
};

/* X(name, meaning): counters, ever; as JSON and metrics name them. */
#define NIC_FLOW_COUNTERS(X)                                                         \
	X(xon_rx, "PAUSE frames received that end a pause")                          \
	X(xoff_rx, "PAUSE frames received that begin or prolong one")                \
	X(pfc_rx, "priority flow control frames received")                           \
	X(bad_rx, "other MAC control frames received: unknown opcode, or too short") \
	X(xon_tx, "PAUSE frames sent that end a pause")                              \
	X(xoff_tx, "PAUSE frames sent that begin or prolong one")                    \
	X(queued, "frames that had to wait for the wire")                            \
	X(held, "times the wire had to wait for a receiver")                         \
	X(stalled, "times a receiver had kept the wire waiting too long, and lost frames")

struct nic_flow_stats {
#define X(name, text) _Atomic uint64_t name;
	NIC_FLOW_COUNTERS(X)
#undef X
};

/* The clocks of one link. All zero: nothing is stopped. */
struct nic_flow {
	uint64_t until[NIC_FLOW_PRIORITIES]; /* XOFF ends then; 0 or past = XON */
};

/* Is f, from the wire, MAC control that a MAC with this address takes? What has a tag is not.
 */
bool nic_flow_is_control(const struct nic_frame *f, const uint8_t mac[6]);
/* Takes such a frame: sets or ends pauses from now_ns on, and counts it. */
void nic_flow_receive(struct nic_flow *flow, const struct nic_frame *f, uint32_t mbps,
		      uint64_t now_ns, struct nic_flow_stats *stats);
/* The priorities that are stopped, as bits. */
unsigned nic_flow_stopped(const struct nic_flow *flow, uint64_t now_ns);
/* What so many quanta (of 512 bit times) last. */
uint64_t nic_flow_quanta_ns(uint32_t quanta, uint32_t mbps);
/* The priority that the wire sees: of the outer tag, 0 without one. */
unsigned nic_flow_priority(const struct nic_frame *f);
/* A PAUSE frame of NET_ETH_ZLEN bytes into buf. quanta 0: XON. */
void nic_flow_pause(uint8_t *buf, const uint8_t mac[6], uint16_t quanta);

/*
 * How long somebody may keep the wire waiting: NIC_PATIENCE_NS at a time. It comes back with
 * time, one part in so many, and with what is earned. Who has used it up has to get half of it
 * back first.
 */
struct nic_patience {
	uint64_t spent, at;
	bool out;
};

#define NIC_PATIENCE_NS	  100000000ull
#define NIC_PATIENCE_PORT 10u /* one part in so many of all time: of one receiver */
#define NIC_PATIENCE_WIRE 4u  /* and of all together */

/* Is there any left? part: as above. */
bool nic_patience_left(struct nic_patience *p, unsigned part, uint64_t now_ns);
/* It waited so long. Returns whether it has just run out. */
bool nic_patience_spend(struct nic_patience *p, uint64_t ns);
void nic_patience_earn(struct nic_patience *p, uint64_t ns);

#endif
