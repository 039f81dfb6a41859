/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.h - the card's wire. A specification names the kind:
 *   none          the card has no wire; its functions reach each other
 *   tap:NAME      a tap interface, created if need be (CAP_NET_ADMIN), brought up
 *   packet:NAME   an interface that is there (CAP_NET_RAW): its frames are the card's, too
 *   fd:N          a tap or datagram socket handed over as descriptor N: one frame a read or
 *                 write
 *   stream:PATH   a UNIX stream socket, each frame after its length (uplink_stream.c):
 *                 stream:connect=PATH goes to a server such as passt, and again when it has
 *                 gone; stream:listen=PATH waits for one peer after the other
 *   link:CARD     another card of this daemon, whose uplink is a link to this one
 *   pcap:...      files in place of a wire: replay=FILE, record=FILE, speed=N (pcap_spec.h)
 *
 * Functions are the control thread's if nothing else is said.
 */
#ifndef LADON_UPLINK_H
#define LADON_UPLINK_H

#include <stdbool.h>

#include "nic_port.h"

#define UPLINK_SPEC_MAX 512

struct nic_card;
struct uplink;

/*
 * How a descriptor that needs privileges comes about. Returns it or -errno with a sentence
 * (valid until the next call) in *ret_why.
 */
typedef int uplink_fd_fn(void *arg, const char *name, unsigned mtu, const char **ret_why);

/* What the card has for its uplink. */
struct uplink_env {
	unsigned mtu;	      /* of a tap interface, and at least of another */
	uplink_fd_fn *tap;    /* NULL = uplink_tap_open, for who has the right to */
	uplink_fd_fn *packet; /* likewise, uplink_packet_open */
	void *arg;	      /* of the functions above */
	const char *card;     /* its name: borrowed as long as the uplink lives */
	/* Is there a card with that name? Its uplink, NULL = none. For links only. */
	bool (*find)(void *find_arg, const char *card, struct uplink **ret_uplink);
	void *find_arg;
	/* Of a pcap uplink, as pcap_spec_open gives them. Each that is used up becomes -1. NULL
	 * = none. For uplink_open. */
	int *files;
};

/* What is wrong with a specification, as the end of a sentence; NULL = nothing. Pure. The text
 * is static. */
const char *uplink_spec_wrong(const char *spec);

/*
 * Opens what spec names. "none" gives *ret_uplink = NULL and 0. env is copied. On failure
 * *ret_why is one sentence that says what to do (static, valid until the next call). Errors:
 * -EINVAL (spec), -EPERM, -EBUSY, -errno.
 */
int uplink_open(const char *spec, const struct uplink_env *env, struct uplink **ret_uplink,
		const char **ret_why);
/* Puts the port on the card's data path, and takes it off. The card's link is as
 * uplink_service says. Return 0 or -errno. */
int uplink_attach(struct uplink *uplink, struct nic_card *card);
void uplink_detach(struct uplink *uplink);
/* Detached, or never attached. A tap that was created goes away. Takes NULL. */
void uplink_close(struct uplink *uplink);

/*
 * Looks after the other end: notices that it has gone, goes to it again, takes the next one.
 * To be called when *ret_wait_ns have passed since (UINT64_MAX: never), and when
 * uplink_wants_service. Returns whether
 * there is another end now: the carrier.
 */
bool uplink_service(struct uplink *uplink, uint64_t now_ns, uint64_t *ret_wait_ns);
/* Has something happened to the other end? Any thread. With a data path it also makes that
 * one's event fd readable. */
bool uplink_wants_service(const struct uplink *uplink);
/* Has the data path found the other end gone (interface deleted, socket closed)? Any thread. */
bool uplink_failed(const struct uplink *uplink);

/* Why there is no other end: an errno, 0 = nobody knows. */
int uplink_error(const struct uplink *uplink);

/* Creates or attaches tap interface name, brings it up with mtu. Returns the fd, or -errno with
 * *ret_why. */
int uplink_tap_open(const char *name, unsigned mtu, const char **ret_why);
/* A packet socket on interface name, whose MTU must be mtu at least. Likewise. */
int uplink_packet_open(const char *name, unsigned mtu, const char **ret_why);
/* Could an interface be called so? Else UPLINK_TAP_NAME_WRONG says so (printf, with the name).
 */
bool uplink_tap_name_ok(const char *name);
#define UPLINK_TAP_NAME_WRONG "\"%.32s\" is no interface name (1 to 15 characters)"

#endif
