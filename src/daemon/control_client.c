/* SPDX-License-Identifier: BSD-3-Clause */
#include "control_client.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bits.h"
#include "capture.h"
#include "cmd.h"
#include "control.h"
#include "daemon.h"
#include "fd.h"
#include "log.h"

static void die(struct control_client *client)
{
	if (client->dead)
		return;
	client->dead = true;
	loop_timer_arm(client->again, 0);
}

bool control_client_takes(const struct control_client *client)
{
	return !client->dead && !client->closing && client->out_len < CONTROL_OUT_HIGH;
}

static bool may_serve(const struct control_client *client)
{
	return control_client_takes(client) && !client->capture;
}

/* ---- output ---- */

static void update_events(struct control_client *client)
{
	bool room = client->in_len < sizeof(client->in);

	loop_fd_events(client->source,
		       (may_serve(client) && room && !client->eof ? EPOLLIN : 0) |
			       (client->out_len ? EPOLLOUT : 0));
}

static void flush(struct control_client *client)
{
	while (client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_at, client->out_len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0) {
			die(client);
			return;
		}
		client->out_at += (size_t)n;
		client->out_len -= (size_t)n;
	}
	client->out_at = 0;
	if (client->closing || (client->eof && !client->monitor && !client->in_len))
		die(client);
}

/* Room for len more bytes behind those that wait. */
static bool out_reserve(struct control_client *client, size_t len)
{
	size_t room = MAX(client->out_room, (size_t)4096);
	char *out;

	if (client->out_at) {
		memmove(client->out, client->out + client->out_at, client->out_len);
		client->out_at = 0;
	}
	while (room < client->out_len + len)
		room *= 2;
	if (room == client->out_room)
		return true;
	out = realloc(client->out, room);
	if (!out)
		return false;
	client->out = out;
	client->out_room = room;
	return true;
}

void control_client_send(struct control_client *client, const char *bytes, size_t len)
{
	if (client->dead)
		return;
	if (len > CONTROL_OUT_MAX || client->out_len > CONTROL_OUT_MAX - len ||
	    !out_reserve(client, len)) {
		log_warn("control: client (pid %d) was dropped: it does not read",
			 (int)client->pid);
		die(client);
		return;
	}
	memcpy(client->out + client->out_len, bytes, len);
	client->out_len += len;
	flush(client);
	if (!client->dead)
		update_events(client);
}

void control_client_end(struct control_client *client)
{
	client->closing = true;
	if (client->dead)
		return;
	flush(client);
	if (!client->dead)
		update_events(client);
}

static void send_owned(struct control_client *client, char *line, size_t len)
{
	if (line)
		control_client_send(client, line, len);
	else
		die(client);
	free(line);
}

/* ---- requests ---- */

static void log_change(const struct control_client *client, const struct request *req)
{
	static struct log_limit limit;
	char text[512];
	size_t at = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < req->num && at < sizeof(text); i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, " %s", req->words[i]);
	if (log_limit_ok(&limit))
		log_info("control (pid %d):%s", (int)client->pid, text);
}

static int run(struct control_client *client, const struct request *req,
	       struct json_object **ret_data, struct cmd_error *error)
{
	struct cmd cmd;
	int ret = cmd_parse(req->words, req->num, &cmd, error);

	if (ret < 0)
		return ret;
	if (cmd.row->flags & CMD_MONITOR) {
		client->monitor = true;
		return 0;
	}
	if (cmd.row->flags & CMD_CAPTURE) {
		ret = capture_new(client, &cmd, &client->capture, error);
		if (ret == 0)
			log_change(client, req); /* it shows what others send */
		return ret;
	}
	cmd.stats = req->stats;
	cmd.token = req->token;
	cmd.add.files = client->files;
	ret = cmd_run(client->daemon, &cmd, ret_data, error);
	if (ret == 0 && cmd.row->flags & CMD_CHANGE)
		log_change(client, req);
	return ret;
}

static void serve_line(struct control_client *client, const char *line, size_t len)
{
	struct json_object *data = NULL;
	struct cmd_error error = {0};
	struct request req;
	char *reply;
	size_t reply_len = 0;
	int ret = request_parse(line, len, &req, &error);

	if (ret == 0)
		ret = run(client, &req, &data, &error);
	reply = ret < 0 ? reply_error(req.id, &error, &reply_len)
			: reply_ok(req.id, data, &reply_len);
	send_owned(client, reply, reply_len);
	request_done(&req);
	fd_close_all(client->files, PCAP_FILES); /* what nobody took */
}

/* A line that fills the whole buffer will not end: say so, and end the connection. */
static void refuse_long_line(struct control_client *client)
{
	struct cmd_error error;
	size_t len = 0;
	char *reply;

	cmd_fail(&error, -E2BIG, "the line is too long: at most %d bytes are right",
		 REQUEST_LINE_MAX);
	reply = reply_error(NULL, &error, &len);
	client->closing = true;
	client->in_len = 0;
	send_owned(client, reply, len);
}

static bool is_blank(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!memchr(" \t\r", line[i], 3))
			return false;
	}
	return true;
}

/* Serves the whole lines in the buffer, at most a turn's worth; true when some are left. */
static bool serve_lines(struct control_client *client)
{
	size_t at = 0;
	bool left = false;

	for (unsigned turn = 0; may_serve(client); turn++) {
		const char *line = client->in + at;
		const char *end = memchr(line, '\n', client->in_len - at);

		left = end && turn == CONTROL_LINES_TURN;
		if (!end || left)
			break;
		if (!is_blank(line, (size_t)(end - line)))
			serve_line(client, line, (size_t)(end - line));
		at += (size_t)(end - line) + 1;
	}
	if (client->dead || client->closing)
		return false;
	memmove(client->in, client->in + at, client->in_len - at);
	client->in_len -= at;
	/* A token may have been in one of them. */
	explicit_bzero(client->in + client->in_len, at);
	return left;
}

/* What comes after the last newline before the end is no request. */
static void forget_rest(struct control_client *client)
{
	if (!memchr(client->in, '\n', client->in_len))
		client->in_len = 0;
}

void control_client_serve(struct control_client *client)
{
	if (client->dead)
		return;
	if (serve_lines(client))
		loop_timer_arm(client->again, 0);
	if (!client->dead && !client->closing && client->in_len == sizeof(client->in) &&
	    !memchr(client->in, '\n', client->in_len))
		refuse_long_line(client);
	if (client->dead)
		return;
	if (client->eof)
		forget_rest(client);
	flush(client);
	if (!client->dead)
		update_events(client);
}

/* ---- input ---- */

/* They belong to the line that is served next. What is too much is closed. */
static void keep_files(struct control_client *client, struct msghdr *msg)
{
	int fds[PCAP_FILES];
	unsigned n = fd_msg_take(msg, fds, PCAP_FILES);

	for (unsigned i = 0; i < n; i++) {
		if (client->files[i] < 0)
			client->files[i] = fds[i];
		else
			fd_close(&fds[i]);
	}
}

static ssize_t receive_bytes(struct control_client *client, size_t room)
{
	FD_MSG_CONTROL(control, PCAP_FILES);
	struct iovec iov = {client->in + client->in_len, room};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};
	ssize_t n = recvmsg(client->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (n >= 0)
		keep_files(client, &msg);
	return n;
}

static void receive(struct control_client *client)
{
	size_t room = sizeof(client->in) - client->in_len;
	ssize_t n;

	if (!room || client->eof || !may_serve(client))
		return;
	n = receive_bytes(client, room);
	if (n > 0)
		client->in_len += (size_t)n;
	else if (n == 0)
		client->eof = true;
	else if (errno != EAGAIN && errno != EINTR)
		die(client);
}

static void on_events(void *arg, uint32_t events)
{
	struct control_client *client = arg;

	if (client->dead)
		return;
	if (events & EPOLLOUT)
		flush(client);
	if (!client->dead && events & (EPOLLIN | EPOLLHUP))
		receive(client);
	control_client_serve(client);
	if (events & (EPOLLHUP | EPOLLERR))
		die(client);
}

/* ---- life ---- */

static pid_t peer_pid(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return 0;
	return cred.pid;
}

int control_client_new(struct daemon *daemon, struct loop *loop, struct loop_timer *again,
		       int fd, struct control_client **ret_client)
{
	struct control_client *client = calloc(1, sizeof(*client));
	int ret;

	if (!client)
		return -ENOMEM;
	client->daemon = daemon;
	client->again = again;
	for (int i = 0; i < PCAP_FILES; i++)
		client->files[i] = -1;
	client->pid = peer_pid(fd);
	ret = fd_set_nonblock(fd);
	if (ret == 0)
		ret = loop_add_fd(loop, fd, EPOLLIN, on_events, client, &client->source);
	if (ret < 0) {
		free(client);
		return ret;
	}
	client->fd = fd;
	*ret_client = client;
	return 0;
}

void control_client_free(struct control_client *client)
{
	capture_free(client->capture);
	loop_fd_del(client->source);
	fd_close(&client->fd);
	fd_close_all(client->files, PCAP_FILES);
	free(client->out);
	free(client);
}
