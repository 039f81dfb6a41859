/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_pace.h - the rate limit of one port, as a clock: every burst moves the time at which the
 * next may be fetched by what it takes on a wire of that rate. Bursts are fetched whole, so one
 * may go beyond; the time then stands in the future and the frames behind wait in their ring.
 * A port that did not use its time may catch up, but only a little; more when it had frames
 * waiting and the data path came late (which others may have kept from the CPU). Data path
 * only.
 */
#ifndef LADON_NIC_PACE_H
#define LADON_NIC_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

struct nic_pace {
	uint64_t next; /* not before this time; 0 = at once */
	uint32_t mbps; /* the limit that next was made with */
	bool backlog;  /* it has had frames waiting ever since it was last held up */
};

/* Has the port to wait? */
static inline bool nic_pace_waits(const struct nic_pace *pace, uint64_t now_ns)
{
	return now_ns < pace->next;
}

/* It may send and has nothing. */
static inline void nic_pace_idle(struct nic_pace *pace)
{
	if (unlikely(pace->backlog))
		pace->backlog = false;
}

/* It waits, and this is the limit in force: when that is another one, it need not. Returns
 * nic_pace_waits. */
bool nic_pace_recheck(struct nic_pace *pace, uint32_t mbps);
/* It has sent so many bytes under a limit of mbps (not 0). */
void nic_pace_sent(struct nic_pace *pace, uint32_t mbps, uint64_t bytes, uint64_t now_ns);

#endif
