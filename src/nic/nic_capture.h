/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_capture.h - copies of frames, and of what became of them, for who looks on. The data path
 * writes records into a bounded ring, one reader takes them out. When the ring is full a record
 * is lost and counted: traffic never waits. While nobody captures from a port, port->captures
 * is NULL and all this is one branch that is not taken.
 *
 * What a port sends is recorded as the switch saw it (a TSO frame whole, checksums not made
 * yet, a port VLAN's tag put on); what it receives, as it lies in its buffers with the tag put
 * back; what it loses, as it was sent.
 */
#ifndef LADON_NIC_CAPTURE_H
#define LADON_NIC_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "nic_port.h"
#include "probe.h"

#define NIC_CAPTURES_MAX 4u	       /* at a time, of one card */
#define NIC_CAPTURE_RING (4u << 20)    /* bytes; a power of two */
#define NIC_CAPTURE_SNAP NIC_FRAME_MAX /* bytes of a frame at most */

struct nic_capture_params {
	const struct nic_port *port; /* this port alone; only compared, never followed */
	bool uplink;		     /* whichever port is the uplink; neither: all ports */
	bool drops;		     /* only frames that are dropped */
	uint32_t snaplen;	     /* bytes of a frame; 0 = NIC_CAPTURE_SNAP */
};

struct nic_capture_rec {
	uint64_t time_ns; /* clock_ns() */
	uint64_t lost;	  /* records, since the capture began, before this one */
	uint32_t cap_len, orig_len;
	uint32_t frames; /* wire frames that it stands for */
	uint16_t port;	 /* its index */
	uint8_t reason;	 /* enum nic_drop */
	bool received;	 /* by the port; else sent by it */
};

struct nic_capture;

/* Those that are on, of one data path; its own. */
struct nic_capture_set {
	unsigned num;
	struct nic_capture *list[NIC_CAPTURES_MAX];
};

/* Control thread. Returns 0 or -ENOMEM. To be put on a data path (nic_dp_capture_add), and
 * taken off it before it is freed. free takes NULL. */
int nic_capture_new(const struct nic_capture_params *params, struct nic_capture **ret_capture);
void nic_capture_free(struct nic_capture *capture);

/* The one reader. The next record and its bytes, into buf that has room for NIC_CAPTURE_SNAP.
 */
bool nic_capture_read(struct nic_capture *capture, struct nic_capture_rec *ret_rec,
		      uint8_t *buf);
/* Records lost so far. */
uint64_t nic_capture_lost(const struct nic_capture *capture);

/* ---- data path ---- */

bool nic_capture_wants(const struct nic_capture_set *set, const struct nic_port *port);
/* f as port sent it or should have received it; NULL: descriptors that make no frame. frames:
 * on a wire. */
void nic_capture_frame(const struct nic_port *port, const struct nic_frame *f, bool received,
		       enum nic_drop reason, uint32_t frames);
/* A frame in the receiver's buffers. */
void nic_capture_buffers(const struct nic_port *port, const struct nic_sink *sink,
			 const struct nic_rx_meta *meta);

/* The sender's loss of so many frames (nic_drop.h). */
static inline void nic_lose_tx(struct nic_port *src, const struct nic_frame *f,
			       enum nic_drop reason, uint32_t frames)
{
	nic_count(&src->stats.tx_drops[reason], frames);
	PROBE4(drop, src->index, 0, (int)reason, frames);
	if (unlikely(src->captures))
		nic_capture_frame(src, f, false, reason, frames);
}

/* The receiver's. */
static inline void nic_lose_rx(struct nic_port *dst, const struct nic_frame *f,
			       enum nic_drop reason, uint32_t frames)
{
	nic_count(&dst->stats.rx_drops[reason], frames);
	PROBE4(drop, dst->index, 1, (int)reason, frames);
	if (unlikely(dst->captures))
		nic_capture_frame(dst, f, true, reason, frames);
}

#endif
