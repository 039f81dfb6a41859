/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_pace.h"

#include "bits.h"
#include "clock.h"

/* What a port may catch up: the larger of the two. The time is beyond the lateness of a data
 * path that has to wake up first; the bytes let a slow port send a TSO frame at once. */
#define CATCH_UP_NS    (2 * NSEC_PER_MSEC)
#define CATCH_UP_BYTES (64u * 1024u)
#define LATE_NS	       (200 * NSEC_PER_MSEC)

/* Rounded up: what is lost must not be a gain. A burst is never so long that it overflows. */
static uint64_t wire_ns(uint64_t bytes, uint32_t mbps)
{
	return (bytes * 8 * 1000 + mbps - 1) / mbps;
}

bool nic_pace_recheck(struct nic_pace *pace, uint32_t mbps)
{
	if (pace->mbps == mbps) {
		pace->backlog = true;
		return true;
	}
	*pace = (struct nic_pace){.mbps = mbps};
	return false;
}

void nic_pace_sent(struct nic_pace *pace, uint32_t mbps, uint64_t bytes, uint64_t now_ns)
{
	uint64_t credit =
		MAX(pace->backlog ? LATE_NS : CATCH_UP_NS, wire_ns(CATCH_UP_BYTES, mbps));
	uint64_t from = now_ns > credit ? now_ns - credit : 0;

	pace->next = MAX(pace->next, from) + wire_ns(bytes, mbps);
	pace->mbps = mbps;
}
