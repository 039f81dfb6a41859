/* SPDX-License-Identifier: BSD-3-Clause */
#include "control.h"

#include <errno.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "clock.h"
#include "control_client.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"

#define ACCEPTS_TURN	16
#define ACCEPT_PAUSE_NS (100 * NSEC_PER_MSEC)

struct control {
	struct daemon *daemon; /* borrowed */
	char path[PATH_MAX + 16];
	int fd;			   /* owned, listening */
	struct loop_fd *source;	   /* owned */
	struct loop_timer *again;  /* owned: dead clients, and lines left for the next turn */
	struct loop_timer *resume; /* owned: listens again after there were no descriptors */
	struct control_client *clients; /* owned */
};

/* ---- clients ---- */

static void reap(struct control *control)
{
	struct control_client **at = &control->clients, *client;

	while ((client = *at)) {
		if (!client->dead) {
			at = &client->next;
			continue;
		}
		*at = client->next;
		control_client_free(client);
	}
}

static void on_again(void *arg)
{
	struct control *control = arg;

	reap(control);
	/* Serving may kill clients, but frees none. */
	for (struct control_client *c = control->clients; c; c = c->next) {
		if (c->in_len)
			control_client_serve(c);
	}
}

static unsigned count_clients(const struct control *control)
{
	unsigned n = 0;

	for (const struct control_client *c = control->clients; c; c = c->next)
		n += !c->dead;
	return n;
}

int control_adopt(struct control *control, int fd)
{
	struct control_client *client;
	int ret = control_client_new(control->daemon, control->daemon->loop, control->again, fd,
				     &client);

	if (ret < 0)
		return ret;
	client->next = control->clients;
	control->clients = client;
	return 0;
}

bool control_has_monitors(const struct control *control)
{
	const struct control_client *c = control ? control->clients : NULL;

	while (c && (!c->monitor || c->dead))
		c = c->next;
	return c;
}

void control_broadcast(struct control *control, struct json_object *obj)
{
	size_t len;
	char *line = reply_line(obj, &len);

	if (!line)
		return;
	for (struct control_client *c = control->clients; c; c = c->next) {
		if (c->monitor)
			control_client_send(c, line, len);
	}
	free(line);
}

/* ---- listening ---- */

static void turn_away(int fd)
{
	static const char line[] = "{\"id\":null,\"ok\":false,\"error\":\"too many clients are "
				   "connected: close one\",\"errno\":\"EBUSY\"}\n";

	if (send(fd, line, sizeof(line) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		log_debug("control: a client was turned away unheard");
}

/* Level-triggered: without descriptors the loop would spin, so it looks away for a while. */
static void pause_accepting(struct control *control)
{
	log_warn("control: no client can be accepted: %s", strerror(errno));
	loop_fd_events(control->source, 0);
	loop_timer_arm(control->resume, ACCEPT_PAUSE_NS);
}

static void on_resume(void *arg)
{
	struct control *control = arg;

	loop_fd_events(control->source, EPOLLIN);
}

static void on_listen(void *arg, uint32_t events)
{
	struct control *control = arg;

	(void)events;
	for (unsigned i = 0; i < ACCEPTS_TURN; i++) {
		int fd = accept4(control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN)
				pause_accepting(control);
			return;
		}
		if (count_clients(control) >= CONTROL_CLIENTS_MAX)
			turn_away(fd);
		else if (control_adopt(control, fd) == 0)
			continue;
		fd_close(&fd);
	}
}

/* ---- life ---- */

static int control_build(struct control *control)
{
	struct loop *loop = control->daemon->loop;
	int ret = fd_unix_listen(control->path);

	if (ret < 0)
		return ret;
	control->fd = ret;
	ret = loop_add_fd(loop, control->fd, EPOLLIN, on_listen, control, &control->source);
	if (ret == 0)
		ret = loop_add_timer(loop, on_again, control, &control->again);
	if (ret == 0)
		ret = loop_add_timer(loop, on_resume, control, &control->resume);
	return ret;
}

int control_new(struct daemon *daemon, struct control **ret_control, struct cmd_error *error)
{
	struct control *control = calloc(1, sizeof(*control));
	int ret;

	if (!control)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	control->daemon = daemon;
	control->fd = -1;
	snprintf(control->path, sizeof(control->path), "%s/control.sock", daemon->run_dir);
	ret = control_build(control);
	if (ret < 0) {
		if (ret == -EADDRINUSE)
			cmd_fail(error, ret, "somebody serves %.256s: use another --run-dir",
				 control->path);
		else
			cmd_fail(error, ret, "control socket %.256s cannot be opened: %s",
				 control->path, strerror(-ret));
		control_free(control);
		return ret;
	}
	*ret_control = control;
	return 0;
}

void control_free(struct control *control)
{
	struct control_client *client;

	if (!control)
		return;
	while ((client = control->clients)) {
		control->clients = client->next;
		control_client_free(client);
	}
	loop_timer_del(control->again);
	loop_timer_del(control->resume);
	loop_fd_del(control->source);
	if (control->fd >= 0)
		unlink(control->path);
	fd_close(&control->fd);
	free(control);
}
