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
 * Opens what spec names; mtu goes to a tap interface. "none" gives *ret_uplink = NULL and 0. On
 * failure *ret_why is one sentence that says what to do (static, valid until the next call).
 * Errors: -EINVAL (spec), -EPERM, -EBUSY, -errno.
 */
int uplink_open(const char *spec, unsigned mtu, struct uplink **ret_uplink,
		const char **ret_why);
/* The port has been taken off the data path. A tap that was created goes away. Takes NULL. */
void uplink_close(struct uplink *uplink);

struct nic_port *uplink_port(struct uplink *uplink);
int uplink_fd(const struct uplink *uplink);
/* "tap:ladon0" as given. */
const char *uplink_spec(const struct uplink *uplink);
/* The other end is gone for good (interface deleted, socket closed): set by the data path. */
bool uplink_failed(const struct uplink *uplink);

#endif
