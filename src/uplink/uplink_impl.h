/* SPDX-License-Identifier: BSD-3-Clause */
/* uplink_impl.h - shared by the kinds. */
#ifndef LADON_UPLINK_IMPL_H
#define LADON_UPLINK_IMPL_H

#include "uplink.h"

#define UPLINK_SPEC_MAX 64
#define UPLINK_BUF	(NIC_JUMBO_MAX + 64) /* a frame with its tag, no FCS */

struct uplink {
	struct nic_port port; /* first, so that ops can cast */
	int fd;		      /* owned, non-blocking, one frame a read or write */
	char spec[UPLINK_SPEC_MAX];
	_Atomic bool failed;
	uint64_t empty_at;	    /* data path: clock of the last read that found nothing */
	uint8_t rx_buf[UPLINK_BUF]; /* card -> wire: the frame under way */
	uint8_t tx_buf[NIC_BURST][UPLINK_BUF]; /* wire -> card: a burst */
};

extern const struct nic_port_ops uplink_port_ops;

#endif
