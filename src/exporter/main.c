/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * ladon-exporter: Prometheus' metrics of a ladond, over HTTP. A process of its own, so that no
 * HTTP parser stands where guests' memory is mapped; it has nothing but the control socket.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fd.h"
#include "metrics.h"
#include "scrape.h"

#define DEFAULT_LISTEN	"127.0.0.1:9808"
#define CONNECTIONS_MAX 16u
#define TIMEOUT_S	10u
#define MEMORY_MAX	(64u << 10) /* of one connection */
#define TEXT_TYPE	"text/plain; version=0.0.4; charset=utf-8"

static const char *run_dir;

/* ---- answers ---- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, char *body, size_t len,
			      enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *r = MHD_create_response_from_buffer(len, body, mode);
	enum MHD_Result ret;

	if (!r)
		return MHD_NO;
	MHD_add_response_header(r, "Content-Type", TEXT_TYPE);
	ret = MHD_queue_response(c, status, r);
	MHD_destroy_response(r);
	return ret;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *text)
{
	return answer(c, status, (char *)(uintptr_t)text, strlen(text), MHD_RESPMEM_PERSISTENT);
}

/* A daemon that does not answer is a metric, too (ladon_up 0); the log has the reason once. */
static enum MHD_Result answer_metrics(struct MHD_Connection *c)
{
	static bool told;
	const char *why;
	json_object *links = scrape(run_dir, &why);
	size_t len = 0;
	char *text = metrics_text(links, &len);

	if (!links && !told)
		fprintf(stderr, "ladon-exporter: %s/control.sock: %s\n", run_dir, why);
	told = !links;
	json_object_put(links);
	if (!text)
		return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "out of memory\n");
	return answer(c, MHD_HTTP_OK, text, len, MHD_RESPMEM_MUST_FREE);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	static int seen;

	(void)arg;
	(void)version;
	(void)upload;
	if (*state != &seen) { /* the first call has the headers only */
		*state = &seen;
		return MHD_YES;
	}
	if (*upload_len) { /* a body that nobody wants */
		*upload_len = 0;
		return MHD_YES;
	}
	if (strcmp(method, MHD_HTTP_METHOD_GET) && strcmp(method, MHD_HTTP_METHOD_HEAD))
		return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET is right\n");
	if (!strcmp(url, "/metrics"))
		return answer_metrics(c);
	if (!strcmp(url, "/"))
		return answer_text(c, MHD_HTTP_OK, "ladon-exporter: see /metrics\n");
	return answer_text(c, MHD_HTTP_NOT_FOUND, "there is /metrics\n");
}

/* ---- listening ---- */

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* "127.0.0.1:9808", "[::1]:9808". Returns the address's length, 0 = it is none. */
static socklen_t parse_address(const char *text, union address *ret)
{
	char host[64], *end;
	const char *colon = strrchr(text, ':');
	bool v6 = text[0] == '[';
	unsigned long port;
	size_t len;

	if (!colon || !colon[1])
		return 0;
	port = strtoul(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*end || port > 65535 || len >= sizeof(host) || len < 3 || (v6 && colon[-1] != ']'))
		return 0;
	snprintf(host, sizeof(host), "%.*s", (int)(len - 2 * v6), text + v6);
	memset(ret, 0, sizeof(*ret));
	if (v6) {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		return inet_pton(AF_INET6, host, &ret->v6.sin6_addr) == 1 ? sizeof(ret->v6) : 0;
	}
	ret->v4.sin_family = AF_INET;
	ret->v4.sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &ret->v4.sin_addr) == 1 ? sizeof(ret->v4) : 0;
}

/* Port 0 lets the kernel choose: who asked for that reads it here. */
static void tell_port(int fd)
{
	union address a = {0};
	socklen_t len = sizeof(a);

	if (getsockname(fd, &a.any, &len) == 0)
		printf("listening on port %u\n",
		       ntohs(a.any.sa_family == AF_INET ? a.v4.sin_port : a.v6.sin6_port));
	fflush(stdout);
}

/* Returns the listening socket or -errno; -EINVAL: it is no address. */
static int listen_on(const char *text)
{
	FD_AUTO int fd = -1;
	union address a;
	socklen_t len;
	int one = 1, ret;

	if (!strncmp(text, "unix:", 5))
		return fd_unix_listen(text + 5);
	len = parse_address(text, &a);
	if (!len)
		return -EINVAL;
	fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, &a.any, len) < 0 || listen(fd, CONNECTIONS_MAX) < 0)
		return -errno;
	tell_port(fd);
	ret = fd;
	fd = -1;
	return ret;
}

static int serve(const char *where)
{
	struct MHD_Daemon *http;
	sigset_t end;
	int fd = listen_on(where), sig;

	if (fd < 0) {
		fprintf(stderr, "ladon-exporter: --listen %s: %s\n", where,
			fd == -EINVAL ? "ADDRESS:PORT or unix:PATH is right" : strerror(-fd));
		return 1;
	}
	sigemptyset(&end);
	sigaddset(&end, SIGINT);
	sigaddset(&end, SIGTERM);
	sigprocmask(SIG_BLOCK, &end, NULL);
	http = MHD_start_daemon(
		MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, on_request, NULL,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)MEMORY_MAX, MHD_OPTION_END);
	if (!http) {
		fprintf(stderr, "ladon-exporter: the HTTP server cannot start\n");
		fd_close(&fd);
		return 1;
	}
	sigwait(&end, &sig);
	MHD_stop_daemon(http);
	if (!strncmp(where, "unix:", 5))
		unlink(where + 5);
	return 0;
}

static void usage(FILE *out)
{
	fprintf(out,
		"Usage: ladon-exporter [OPTIONS]\n\nPrometheus' metrics of a ladond, at "
		"/metrics.\n\nOptions:\n"
		"      --listen WHERE  ADDRESS:PORT or unix:PATH (default: " DEFAULT_LISTEN
		")\n"
		"      --run-dir DIR   the daemon's directory (default: $LADON_RUN_DIR, else\n"
		"                      $XDG_RUNTIME_DIR/ladon, else /run/ladon)\n"
		"  -V, --version       print the version\n"
		"  -h, --help          print this help\n");
}

/* The directory of ladond's own default (ladond.8). */
static const char *default_run_dir(void)
{
	static char dir[4096];
	const char *env = getenv("LADON_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");

	if (env && *env)
		return env;
	if (!xdg || !*xdg)
		return "/run/ladon";
	snprintf(dir, sizeof(dir), "%s/ladon", xdg);
	return dir;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"listen", required_argument, NULL, 'l'},
		{"run-dir", required_argument, NULL, 'r'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	const char *where = DEFAULT_LISTEN;
	int opt;

	run_dir = default_run_dir();
	while ((opt = getopt_long(argc, argv, "Vh", options, NULL)) != -1) {
		switch (opt) {
		case 'l':
			where = optarg;
			break;
		case 'r':
			run_dir = optarg;
			break;
		case 'V':
			puts("ladon-exporter " LADON_VERSION);
			return 0;
		case 'h':
			usage(stdout);
			return 0;
		default:
			fputs("ladon-exporter: --help says what is right\n", stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ladon-exporter: \"%s\" is no option\n", argv[optind]);
		return 2;
	}
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return serve(where);
}
