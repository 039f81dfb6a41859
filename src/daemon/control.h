/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * control.h - RUN/control.sock: requests in, replies and events out, one JSON object a line
 * (request.h). Many clients; none is waited for. A client that does not read is not served on,
 * and one that monitors and does not read is dropped.
 */
#ifndef LADON_DAEMON_CONTROL_H
#define LADON_DAEMON_CONTROL_H

#include <stdbool.h>

#include "words.h"

#define CONTROL_CLIENTS_MAX 64
#define CONTROL_LINES_TURN  16		 /* lines of one client in one turn of the loop */
#define CONTROL_OUT_HIGH    (256u << 10) /* bytes queued: no further line is served */
#define CONTROL_OUT_MAX	    (4u << 20)	 /* bytes queued: the client is dropped */

struct control;
struct daemon;
struct json_object;

/* Listens on RUN/control.sock. Returns 0, or -errno with a sentence. */
int control_new(struct daemon *daemon, struct control **ret_control, struct cmd_error *error);
/* Closes all connections, removes the socket. Takes NULL. */
void control_free(struct control *control);
/* Serves fd (consumed; a connected stream socket) as if it had been accepted. 0 or -errno. */
int control_adopt(struct control *control, int fd);

/* Does anybody monitor? NULL: no. */
bool control_has_monitors(const struct control *control);
/* One line to everybody who monitors. obj is borrowed. */
void control_broadcast(struct control *control, struct json_object *obj);

#endif
