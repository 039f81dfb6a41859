/* SPDX-License-Identifier: BSD-3-Clause */
/* The CLI's side of the control socket: a line of JSON there, a line of JSON back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli.h"
#include "fd.h"
#include "pcap_spec.h"

#define LINE_MAX_BYTES (16u << 20)

int cli_connect(const struct cli *cli)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/control.sock", cli->run_dir);
	fd = fd_unix_connect(path);
	if (fd < 0)
		fprintf(stderr,
			"ladon: no ladond answers at %s (%s): start one with `ladond --run-dir "
			"%s`, or name "
			"another directory with --run-dir\n",
			path, strerror(-fd), cli->run_dir);
	return fd < 0 ? -1 : fd;
}

/* The first bytes of a line, with the files. Returns how many, or -1. */
static ssize_t send_files(int fd, const char *buf, size_t len, const int *files)
{
	FD_MSG_CONTROL(control, PCAP_FILES);
	struct iovec iov = {(void *)buf, len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int have[PCAP_FILES];
	unsigned n = 0;

	for (int i = 0; i < PCAP_FILES; i++) {
		if (files[i] >= 0)
			have[n++] = files[i];
	}
	fd_msg_put(&msg, control, have, n);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static int write_all(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		buf += n;
		len -= (size_t)n;
	}
	return 0;
}

int cli_send(const struct cli *cli, int fd, int argc, char **argv)
{
	json_object *req = json_object_new_object(), *words = json_object_new_array();
	const char *text;
	ssize_t sent = 0;
	int r;

	for (int i = 0; i < argc; i++)
		json_object_array_add(words, json_object_new_string(argv[i]));
	json_object_object_add(req, "id", json_object_new_int(1));
	json_object_object_add(req, "words", words);
	if (cli->stats)
		json_object_object_add(req, "stats", json_object_new_boolean(true));
	if (cli->token)
		json_object_object_add(req, "token", json_object_new_string(cli->token));
	text = json_object_to_json_string_ext(req, JSON_C_TO_STRING_PLAIN);
	if (cli->files)
		sent = send_files(fd, text, strlen(text), cli->files);
	r = sent < 0 || write_all(fd, text + sent, strlen(text) - (size_t)sent) ||
	    write_all(fd, "\n", 1);
	json_object_put(req);
	return r ? -1 : 0;
}

/* Takes what is there, but nothing behind a newline. Returns bytes, 0 at the end, -1. */
static ssize_t take_some(int fd, char *buf, size_t room)
{
	ssize_t n;

	do
		n = recv(fd, buf, room, MSG_PEEK);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return n;
	if (memchr(buf, '\n', (size_t)n))
		n = (char *)memchr(buf, '\n', (size_t)n) - buf + 1;
	return recv(fd, buf, (size_t)n, 0);
}

char *cli_read_line(int fd)
{
	size_t len = 0, room = 4096;
	char *line = malloc(room);
	ssize_t n;

	while (line && (n = take_some(fd, line + len, room - len)) > 0) {
		len += (size_t)n;
		if (line[len - 1] == '\n') {
			line[len - 1] = '\0';
			return line;
		}
		if (len == room) {
			char *more = room < LINE_MAX_BYTES ? realloc(line, room *= 2) : NULL;

			if (!more)
				break;
			line = more;
		}
	}
	free(line);
	return NULL;
}

/* Takes "data" out of a reply, or prints its "error". */
static json_object *reply_data(const char *line)
{
	json_object *reply = json_tokener_parse(line), *data = NULL, *member;

	if (reply && cli_bool(reply, "ok")) {
		member = cli_get(reply, "data");
		data = member ? json_object_get(member) : json_object_new_object();
	} else {
		const char *error =
			reply ? cli_str(reply, "error") : "the daemon's reply is no JSON";

		fprintf(stderr, "ladon: %s\n", error);
	}
	json_object_put(reply);
	return data;
}

/* Sends and waits for the one reply. */
static json_object *exchange(const struct cli *cli, int fd, int argc, char **argv)
{
	json_object *data = NULL;
	char *line = NULL;

	if (cli_send(cli, fd, argc, argv) == 0)
		line = cli_read_line(fd);
	if (line)
		data = reply_data(line);
	else
		fprintf(stderr, "ladon: the daemon closed the connection without a reply\n");
	free(line);
	return data;
}

json_object *cli_request(const struct cli *cli, int argc, char **argv)
{
	json_object *data;
	int fd = cli_connect(cli);

	if (fd < 0)
		return NULL;
	data = exchange(cli, fd, argc, argv);
	fd_close(&fd);
	return data;
}

bool cli_accepted(const struct cli *cli, int fd, int argc, char **argv)
{
	json_object *data = exchange(cli, fd, argc, argv);
	bool accepted = data != NULL;

	json_object_put(data);
	return accepted;
}

void cli_print_json(const struct cli *cli, json_object *data)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;

	flags |= cli->pretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
			     : JSON_C_TO_STRING_PLAIN;
	puts(json_object_to_json_string_ext(data, flags));
}

json_object *cli_get(json_object *obj, const char *key)
{
	json_object *member = NULL;

	json_object_object_get_ex(obj, key, &member);
	return member;
}

const char *cli_str(json_object *obj, const char *key)
{
	json_object *member = cli_get(obj, key);

	return member ? json_object_get_string(member) : "";
}

int64_t cli_int(json_object *obj, const char *key)
{
	return json_object_get_int64(cli_get(obj, key));
}

bool cli_bool(json_object *obj, const char *key)
{
	return json_object_get_boolean(cli_get(obj, key));
}
