/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * event.h - what `ladon monitor` shows, one JSON object a line:
 *   {"event":"attached","time":1763683200.123,"card":"nic0","vf":1,"pid":4711,"uid":1000}
 * Events: attached, detached (reason), refused (pid, uid, reason), token (set, by), unlock
 * (seconds), reset (reason), link (up), host-joined (host), host-left (host, reason), fault
 * (function, rid, address, access, reason), policy (set), owner (policy_owner), sriov (vfs),
 * card-add, card-del. Those of the PF have "pf": true, those of a view "view": N in place of
 * "vf": N. Nothing is built while nobody listens.
 */
#ifndef LADON_DAEMON_EVENT_H
#define LADON_DAEMON_EVENT_H

#include <stdbool.h>
#include <sys/types.h>
#include <time.h>

struct card;
struct daemon;
struct function;
struct json_object;

/* An event of card (NULL: of none) and VF vf (-1: of none); NULL when nobody listens. */
struct json_object *event_new(struct daemon *daemon, const char *event, const char *card,
			      int vf);
/* Sends it to all who listen; consumes it, takes NULL. */
void event_emit(struct daemon *daemon, struct json_object *event);

void event_attached(struct daemon *daemon, const struct function *fn);
/* "detached", "reset": with a reason. */
void event_reason(struct daemon *daemon, const char *event, const struct function *fn,
		  const char *reason);
/* Somebody may not attach. */
void event_refused(struct daemon *daemon, const struct function *fn, pid_t pid, uid_t uid,
		   const char *reason);
/* A client may attach without showing the token, within so many seconds. */
void event_unlock(struct daemon *daemon, const struct function *fn, unsigned seconds);
/* The card's VF token was set, replaced or taken away; by "pf" or "operator". */
void event_token(struct daemon *daemon, const struct card *card, bool set, const char *by);
/* The PF driver in the guest changed how many VFs exist. */
void event_sriov(struct daemon *daemon, const struct function *pf, unsigned vfs);
/* The policy has another owner: "guest" or "builtin". */
void event_owner(struct daemon *daemon, const struct card *card, const char *owner);
void event_card(struct daemon *daemon, const char *event, const struct card *card);
/* "vf-add", "vf-del" */
void event_vf(struct daemon *daemon, const char *event, const struct card *card, unsigned vf);
void event_link(struct daemon *daemon, const struct card *card, unsigned vf, bool up);

/* A time of CLOCK_REALTIME (NULL: now) as a JSON number, seconds with milliseconds. */
struct json_object *event_time(const struct timespec *time);

#endif
