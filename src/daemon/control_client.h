/* SPDX-License-Identifier: BSD-3-Clause */
/* control_client.h - one connection of the control socket. Between control.c and
 * control_client.c. */
#ifndef LADON_DAEMON_CONTROL_CLIENT_H
#define LADON_DAEMON_CONTROL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "loop.h"
#include "pcap_spec.h"
#include "request.h"

struct capture;
struct daemon;

/*
 * Life: open -- its line ended, output is left --> eof -- all sent --> dead -- control_reap -->
 * freed. A dead client is never touched again but by the reaper, because callbacks and
 * broadcasts may still be going through the list.
 */
struct control_client {
	struct control_client *next;
	struct daemon *daemon;	  /* borrowed */
	struct loop_timer *again; /* borrowed: armed when somebody has work left or is dead */
	struct loop_fd *source;	  /* owned */
	int fd;			  /* owned */
	pid_t pid;		  /* of the peer, for the log */
	struct capture *capture;  /* owned; NULL = none. It is all that is sent from then on */
	bool monitor, eof, dead;
	bool closing; /* no more requests; ends when the output is sent */
	char *out;    /* owned; out_len bytes from out_at on wait */
	size_t out_at, out_len, out_room;
	int files[PCAP_FILES]; /* owned: came with the line that is served next; -1 = none */
	size_t in_len;
	char in[REQUEST_LINE_MAX];
};

/* fd is consumed on success. Returns 0 or -errno. */
int control_client_new(struct daemon *daemon, struct loop *loop, struct loop_timer *again,
		       int fd, struct control_client **ret_client);
void control_client_free(struct control_client *client);
/* Queues bytes, sends what the socket takes. Too many: the client is dead. */
void control_client_send(struct control_client *client, const char *bytes, size_t len);
/* Would it read more, or does enough wait already? */
bool control_client_takes(const struct control_client *client);
/* No more requests; the connection ends when all is sent. */
void control_client_end(struct control_client *client);
/* Goes on with lines that were left for the next turn. */
void control_client_serve(struct control_client *client);

#endif
