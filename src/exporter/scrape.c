/* SPDX-License-Identifier: BSD-3-Clause */
#include "scrape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "fd.h"

#define PATIENCE_S 5
#define REPLY_MAX  (16u << 20)

static const char request[] = "{\"words\":[\"link\",\"show\"],\"stats\":true}\n";

static int connect_to(const char *run_dir)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/control.sock", run_dir);
	fd = fd_unix_connect(path);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

/* One line without its newline, owned by the caller; NULL when none came in time. */
static char *read_line(int fd)
{
	size_t len = 0, room = 65536;
	char *line = malloc(room), *more, *end = NULL;

	while (line && !end) {
		ssize_t n = recv(fd, line + len, room - len, 0);

		if (n <= 0)
			break;
		end = memchr(line + len, '\n', (size_t)n);
		len += (size_t)n;
		if (end || len < room)
			continue;
		more = room < REPLY_MAX ? realloc(line, room *= 2) : NULL;
		if (!more)
			break;
		line = more;
	}
	if (end) {
		*end = '\0';
		return line;
	}
	free(line);
	return NULL;
}

static json_object *data_of(const char *line)
{
	json_object *reply = json_tokener_parse(line), *data = NULL;

	if (json_object_object_get_ex(reply, "data", &data) &&
	    json_object_is_type(data, json_type_array))
		json_object_get(data);
	else
		data = NULL;
	json_object_put(reply);
	return data;
}

json_object *scrape(const char *run_dir, const char **ret_why)
{
	FD_AUTO int fd = connect_to(run_dir);
	json_object *data;
	char *line = NULL;

	*ret_why = "no ladond answers at the control socket";
	if (fd >= 0 && send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0)
		line = read_line(fd);
	if (!line)
		return NULL;
	*ret_why = "ladond's reply is not what was asked for";
	data = data_of(line);
	free(line);
	return data;
}
