/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_storm.h - a limit of frames a second, as a clock: each frame that passes moves the time
 * when the next one is due. Some may come early, as many as are due in NIC_STORM_EARLY_NS (at
 * least one); what comes earlier than that is to be dropped. Data path only.
 */
#ifndef LADON_NIC_STORM_H
#define LADON_NIC_STORM_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"
#include "clock.h"

#define NIC_STORM_EARLY_NS (100 * NSEC_PER_MSEC)
#define NIC_STORM_MAX_PPS  10000000u

struct nic_storm {
	uint64_t due; /* of the next frame */
	uint32_t pps; /* the limit that due was made with */
};

/* May num frames (of one TSO frame) pass under a limit of pps (not 0)? */
static inline bool nic_storm_pass(struct nic_storm *storm, uint32_t pps, uint32_t num,
				  uint64_t now_ns)
{
	if (storm->pps != pps)
		*storm = (struct nic_storm){.pps = pps};
	if (storm->due > now_ns + NIC_STORM_EARLY_NS)
		return false;
	storm->due = MAX(storm->due, now_ns) + num * NSEC_PER_SEC / pps;
	return true;
}

#endif
