/* SPDX-License-Identifier: BSD-3-Clause */
/* uplink_impl.h - shared by the kinds. */
#ifndef LADON_UPLINK_IMPL_H
#define LADON_UPLINK_IMPL_H

#include "clock.h"
#include "nic_card.h"
#include "uplink.h"

#define UPLINK_BUF	  (NIC_JUMBO_MAX + 64) /* a frame with its tag, no FCS */
#define UPLINK_POLL_NS	  (20 * NSEC_PER_USEC) /* how soon an empty wire is asked again */
#define UPLINK_SERVICE_NS (500 * NSEC_PER_MSEC)
#define UPLINK_NEVER	  UINT64_MAX

struct uplink_kind;

struct uplink {
	struct nic_port port; /* first, so that ops can cast */
	const struct uplink_kind *kind;
	struct uplink_env env;
	struct nic_card *card; /* borrowed; NULL = not attached */
	char spec[UPLINK_SPEC_MAX];
	_Atomic int fd; /* owned, non-blocking; -1 = no other end. Set by the control thread */
	_Atomic bool failed, attend;
	_Atomic int err;   /* why there is no other end, 0 = nobody knows */
	uint64_t empty_at; /* data path: clock of the last read that found nothing */
};

/* Of the kinds whose descriptor takes and gives one frame a call. */
struct uplink_framed {
	struct uplink up;		       /* first */
	uint8_t rx_buf[UPLINK_BUF];	       /* card -> wire: the frame under way */
	uint8_t tx_buf[NIC_BURST][UPLINK_BUF]; /* wire -> card: a burst */
};

struct uplink_kind {
	const char *prefix; /* "tap:" */
	size_t size;	    /* of the struct that begins with struct uplink */
	const struct nic_port_ops *ops;
	/* Of what follows the prefix: see uplink_spec_wrong. */
	const char *(*wrong)(const char *rest);
	/* up is zeroed but for what is common; fd is -1. Returns 0 or -errno with *ret_why.
	 * Leaves nothing behind on failure. */
	int (*open)(struct uplink *up, const char *rest, const char **ret_why);
	/* NULL: an end that has gone stays away. */
	bool (*service)(struct uplink *up, uint64_t now_ns, uint64_t *ret_wait_ns);
	/* The data path is about to lose the port. NULL: nothing. */
	void (*detach)(struct uplink *up);
	/* What fd and memory are not. NULL: nothing. */
	void (*close)(struct uplink *up);
};

extern const struct uplink_kind uplink_tap_kind, uplink_fd_kind, uplink_stream_kind,
	uplink_link_kind, uplink_packet_kind, uplink_pcap_kind;

/* uplink_port.c: frames through a descriptor, one a system call. */
extern const struct nic_port_ops uplink_port_ops;
enum nic_drop uplink_rx_buffers(struct nic_port *port, const struct nic_rx_meta *meta,
				struct nic_sink *sink);
enum nic_drop uplink_rx_commit(struct nic_port *port, const struct nic_rx_meta *meta);
void uplink_rx_done(struct nic_port *port, uint64_t now_ns);
/* Appends the frame of len bytes at buf, which stay where they are until tx_done. One whose
 * length makes no frame is counted instead. */
void uplink_frame(struct uplink *up, struct nic_burst *b, const uint8_t *buf, uint32_t len);
/* A port that has nothing to do at the end of a burst; one that leaves tags where they are. */
void uplink_tx_done(struct nic_port *port, uint64_t now_ns);
bool uplink_strips_tag(const struct nic_port *port);

/* Data path: the other end is gone. */
void uplink_fail(struct uplink *up);
/* uplink_service is due. Any thread. */
void uplink_attend(struct uplink *up);
/* A new other end for the data path, or with -1 none: then the former is closed, and the data
 * path has let go of it. */
void uplink_set_fd(struct uplink *up, int fd);

static inline int uplink_fd(const struct uplink *up)
{
	return atomic_load_explicit(&up->fd, memory_order_acquire);
}

#endif
