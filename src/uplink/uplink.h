/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * uplink.h - the card's wire. A specification names the kind:
 *   none       the card has no wire; its functions reach each other
 *   tap:NAME   a tap interface, created if need be (CAP_NET_ADMIN), brought up
 *   fd:N       a tap or datagram socket handed over as descriptor N: one frame a read or write
 */
#ifndef LADON_UPLINK_H
#define LADON_UPLINK_H

#include <stdbool.h>

#include "nic_port.h"

struct uplink;

/*
 * How a tap comes about. Returns its descriptor or -errno with a sentence (valid until the next
 * call) in *ret_why.
 */
typedef int uplink_tap_fn(void *arg, const char *name, unsigned mtu, const char **ret_why);

/*
 * Opens what spec names; mtu goes to a tap interface, which tap(arg, ...) opens: NULL =
 * uplink_tap_open, for who has the right to. "none" gives *ret_uplink = NULL and 0. On
 * failure *ret_why is one sentence that says what to do (static, valid until the next call).
 * Errors: -EINVAL (spec), -EPERM, -EBUSY, -errno.
 */
int uplink_open(const char *spec, unsigned mtu, uplink_tap_fn *tap, void *arg,
		struct uplink **ret_uplink, const char **ret_why);
/* The port has been taken off the data path. A tap that was created goes away. Takes NULL. */
void uplink_close(struct uplink *uplink);

struct nic_port *uplink_port(struct uplink *uplink);
int uplink_fd(const struct uplink *uplink);
/* "tap:ladon0" as given. */
const char *uplink_spec(const struct uplink *uplink);
/* The other end is gone for good (interface deleted, socket closed): set by the data path. */
bool uplink_failed(const struct uplink *uplink);

/* Creates or attaches tap interface name, brings it up with mtu. Returns the fd, or -errno with
 * *ret_why. */
int uplink_tap_open(const char *name, unsigned mtu, const char **ret_why);
/* Could an interface be called so? Else UPLINK_TAP_NAME_WRONG says so (printf, with the name).
 */
bool uplink_tap_name_ok(const char *name);
#define UPLINK_TAP_NAME_WRONG "\"%.32s\" is no interface name (1 to 15 characters)"

#endif
