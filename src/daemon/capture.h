/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * capture.h - a connection of the control socket that shows frames: after the reply to its
 * request it carries a pcapng stream and nothing else. An interface is a port of the card; a
 * dropped frame has the reason as its comment. Filters, files and their limits are the
 * client's: the daemon parses no expressions and opens no files.
 *
 * Records wait in the data path's ring; only as many are taken out as the connection takes.
 * So who does not read loses records, which are counted, and costs nobody else anything.
 */
#ifndef LADON_DAEMON_CAPTURE_H
#define LADON_DAEMON_CAPTURE_H

#include "cmd.h"

struct capture;
struct card;
struct control_client;

/* Begins what cmd says for client. Returns 0, or -errno with a sentence. */
int capture_new(struct control_client *client, const struct cmd *cmd,
		struct capture **ret_capture, struct cmd_error *error);
/* Ends it; its client is going. Takes NULL. */
void capture_free(struct capture *capture);
/* The card goes: its captures end, and their clients' connections when all is sent. */
void capture_card_gone(struct card *card);
/* VF n goes: the same for those that look at it alone. */
void capture_vf_gone(struct card *card, unsigned n);
/* How many of the card are on. */
unsigned capture_count(const struct card *card);

#endif
