/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_port.h - what the data path knows of a function or an uplink: a way to fetch frames it
 * sends, a way to get buffers for frames it receives, its policy and its counters.
 *
 * All ops run on the data-path thread; where a card has several, on that of the port's worker.
 * Counters are written there only, as relaxed atomics, and read by anybody.
 */
#ifndef LADON_NIC_PORT_H
#define LADON_NIC_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic_drop.h"
#include "nic_flow.h"
#include "nic_frame.h"
#include "nic_pace.h"
#include "nic_policy.h"
#include "nic_storm.h"
#include "nic_talk.h"

#define NIC_WORKERS_MAX 8u  /* threads of one card's data path */
#define NIC_MAX_PORTS	257 /* 255 VFs, the uplink, the PF */
#define NIC_SINK_MAX	64

/* What a receiver is told of one wire frame before it gives buffers. */
struct nic_rx_meta {
	uint32_t len;	   /* bytes to be stored, after a stripped tag is gone, without FCS */
	uint16_t tci;	   /* the tag: to be reported when strip was asked for */
	bool tagged;	   /* frame has an outer tag (after a port VLAN was taken off) */
	bool tag_in_bytes; /* the port wants the tag left in the bytes; len already counts it */
	uint8_t tags_len; /* of all tags in the bytes: that one, and an 802.1ad tag before it */
	bool local;	  /* sender is on this card */
	bool ip_checked,
		ip_ok; /* IPv4 header checksum: looked at (or made) by the card; right */
	bool l4_checked, l4_ok; /* TCP, UDP, SCTP likewise */
	uint8_t more; /* frames that may follow at once, at most: what to get ready for */
	/* Of the bytes without those tags; borrowed for the call. */
	const struct net_parsed *parsed;
	const uint8_t *hdr; /* those bytes, at least up to parsed->hdr_len; likewise */
};

/* Where the bytes go. */
struct nic_sink {
	unsigned n;
	struct {
		uint8_t *ptr;
		uint32_t len;
	} iov[NIC_SINK_MAX];
};

struct nic_burst {
	unsigned n;
	struct nic_frame frame[NIC_BURST];
	unsigned num_segs;
	struct nic_seg seg[NIC_BURST_SEGS];
};

struct nic_port;

struct nic_port_ops {
	/* Parses frames the port has sent into burst (n is 0 at entry). Counts malformed ones
	 * itself (nic_port_drop). Returns true when it did anything (descriptors consumed). Not
	 * called while the port has to wait for its rate limit. */
	bool (*tx_poll)(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns);
	/* The burst has been delivered: nothing points into the sender's buffers any more. */
	void (*tx_done)(struct nic_port *port, uint64_t now_ns);
	/* Does the receiver take the outer tag out of the bytes (and report it)? */
	bool (*rx_strips_tag)(const struct nic_port *port);
	/* Buffers for meta->len bytes, no piece of them empty. Returns NIC_DROP_NONE and fills
	 * sink, or why not. */
	enum nic_drop (*rx_buffers)(struct nic_port *port, const struct nic_rx_meta *meta,
				    struct nic_sink *sink);
	/* The bytes are in the buffers of the last rx_buffers. Never fails for memory ports; an
	 * uplink returns NIC_DROP_UPLINK when its other end did not take the frame. */
	enum nic_drop (*rx_commit)(struct nic_port *port, const struct nic_rx_meta *meta);
	/*
	 * Takes frames that all go to this port, not to be cut, without tags, and without being
	 * asked for buffers first (nic_deliver_at). Stops before the first that needs more than
	 * one buffer, is longer than max bytes, or for which there is none: that one comes
	 * again by rx_buffers. Returns how many it took. NULL = all come that way.
	 */
	unsigned (*rx_run)(struct nic_port *port, const struct nic_frame *frames, unsigned n,
			   uint32_t max);
	/* Takes n frames that differ in nothing it is told but length, none longer than
	 * meta->len, as far as each gets one buffer in one piece: store writes the next and
	 * sets its length. Returns how many. NULL = all come by rx_buffers. */
	unsigned (*rx_series)(struct nic_port *port, struct nic_rx_meta *meta, unsigned n,
			      void (*store)(struct nic_rx_meta *meta, uint8_t *to));
	/* End of a round in which the port received: write-backs published, interrupt. */
	void (*rx_done)(struct nic_port *port, uint64_t now_ns);
	/* Throttled interrupts and the like. Returns ns until it wants to be called again. NULL
	 * = never. */
	uint64_t (*tick)(struct nic_port *port, uint64_t now_ns);
	/* Of an uplink, for flow control (nic_wire.h). Is there room for a frame of len bytes,
	 * or nothing to wait for? NULL = rx_buffers decides, and a frame is lost. */
	bool (*rx_room)(struct nic_port *port, uint32_t len);
	/* How full is the buffer of what has come and was not fetched yet, in 1/256? NULL = it
	 * is somebody else's, and full when frames have to wait. */
	unsigned (*tx_backlog)(const struct nic_port *port);
};

struct nic_port_stats {
	_Atomic uint64_t rx_packets, rx_bytes, rx_multicast, rx_broadcast;
	_Atomic uint64_t tx_packets, tx_bytes, tx_multicast, tx_broadcast;
	_Atomic uint64_t rx_local_packets,
		rx_local_bytes; /* of rx: from this card's other functions */
	_Atomic uint64_t tx_local_packets,
		tx_local_bytes;	       /* of tx: delivered to this card's functions */
	_Atomic uint64_t copied_bytes; /* payload and header bytes written for this receiver */
	_Atomic uint64_t
		mirrored; /* of rx_packets and rx_drops: copies of other ports' frames */
	_Atomic uint64_t rx_drops[NIC_DROP_NUM]; /* this port should have received it */
	_Atomic uint64_t tx_drops[NIC_DROP_NUM]; /* this port sent it */
};

struct nic_capture_set;
struct nic_mirror_set;

struct nic_port {
	const struct nic_port_ops *ops;
	_Atomic(const struct nic_policy *)
		policy; /* never NULL while attached to a data path */
	/* Somebody wants to hear of frames that SPOOF or VLAN dropped at ingress:
	 * nic_dp_notify, at most once a round; tx_drops tells how many. Any thread. */
	_Atomic bool tell_spoof;
	uint16_t index;	      /* in the data path's table */
	uint8_t worker;	      /* whose it is; changes only while none is at work */
	uint8_t home;	      /* whose it is while the workers share the ports; likewise */
	struct nic_talk talk; /* data path's */
	bool flying;	      /* data path's: its last burst is still with other workers */
	bool is_uplink;
	bool rx_dirty; /* data path's: rx_done is due */
	bool may_wait; /* data path's: without descriptors now, it is asked again (nic_wire) */
	uint8_t quiet; /* data path's: rounds since it did anything, as far as counted */
	uint8_t wire_waits; /* data path's: priorities in which its last burst waits to leave */
	struct nic_patience patience; /* data path's: how long the wire has waited for it */
	struct nic_pace pace;	      /* data path's: when it may send again */
	struct {
		struct nic_pace min; /* waits while it is not behind its minimum */
		int64_t credit;	     /* bytes left of its turn at what is spare */
		unsigned vain;	     /* pass in which it got nothing to a receiver */
		bool kept;	     /* as a receiver: it has room only for who is owed */
	} share;		     /* nic_sched's */
	struct nic_storm storm_bcast, storm_uucast; /* data path's */
	const struct nic_capture_set *captures; /* data path's: who looks on; NULL = nobody */
	const struct nic_mirror_set *mirrors;	/* data path's: who gets copies; likewise */
	struct nic_port_stats stats;
};

/* Relaxed add by the one writer: a load and a store, no locked instruction. */
static inline void nic_count(_Atomic uint64_t *counter, uint64_t n)
{
	uint64_t v = atomic_load_explicit(counter, memory_order_relaxed);

	atomic_store_explicit(counter, v + n, memory_order_relaxed);
}

/* n frames of bytes in all, received or sent; local: from or to functions of this card. */
static inline void nic_count_rx(struct nic_port_stats *s, uint64_t n, uint64_t bytes,
				bool local)
{
	nic_count(&s->rx_packets, n);
	nic_count(&s->rx_bytes, bytes);
	nic_count(&s->copied_bytes, bytes);
	if (!local)
		return;
	nic_count(&s->rx_local_packets, n);
	nic_count(&s->rx_local_bytes, bytes);
}

static inline void nic_count_tx(struct nic_port_stats *s, uint64_t n, uint64_t bytes,
				bool local)
{
	nic_count(&s->tx_packets, n);
	nic_count(&s->tx_bytes, bytes);
	if (!local)
		return;
	nic_count(&s->tx_local_packets, n);
	nic_count(&s->tx_local_bytes, bytes);
}

static inline uint64_t nic_counter(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit(counter, memory_order_relaxed);
}

#endif
