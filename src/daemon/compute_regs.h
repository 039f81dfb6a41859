/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compute_regs.h - the registers of the bridge between us and a compute host (ntb_regs.h): a
 * page that both map, and an eventfd for each side, new with each joining. What is where is in
 * fabric.h.
 *
 * Beats are scratchpads: each side counts in the other's, and looks into its own when it beats,
 * so that a beat wakes nobody. Once a second we ring the host's doorbell and see how long the
 * answer takes; our own eventfd is listened to only meanwhile: a host that rings all the time
 * is not heard.
 */
#ifndef LADON_DAEMON_COMPUTE_REGS_H
#define LADON_DAEMON_COMPUTE_REGS_H

#include "loop.h"
#include "ntb_regs.h"

struct compute;
struct json_object;

struct compute_regs {
	struct ntb_dev dev;	/* dev.mem NULL: there are none, the host is absent */
	int page;		/* owned, as the next two; -1 = none */
	int own, peer;		/* eventfds: one for all events of a side */
	struct loop_fd *source; /* owned: an answer is awaited */
	uint32_t heard;		/* the host's beat that was seen last */
	uint32_t beats;		/* ours */
	uint32_t rings;
	bool waiting;
	uint64_t rung_ns;	/* clock_ns() */
	uint64_t round_trip_ns; /* of the last answer; 0 = none yet */
};

/* All is zero, or closed. Returns 0 or -errno, nothing is open. */
int compute_regs_open(struct compute *compute);
void compute_regs_close(struct compute *compute);
/* The descriptor that is part (enum fabric_bridge) of it, borrowed; -EINVAL: there is no such
 * part. */
int compute_regs_part(const struct compute *compute, uint32_t part);
/* Has the host's beat moved since this was asked last? */
bool compute_regs_heard(struct compute *compute);
/* Beats, and rings when it is time. False: the link is down, the beat has to be a message. */
bool compute_regs_beat(struct compute *compute);
/* The host has made its eventfd block us. */
bool compute_regs_jammed(const struct compute *compute);
/* A new object. */
struct json_object *compute_regs_json(const struct compute *compute);

#endif
