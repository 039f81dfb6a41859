/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - ladon-host: options, signals, and what is given up before it joins. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <time.h>

#include "dir.h"
#include "fd.h"
#include "iommu_mem.h"
#include "log.h"
#include "node.h"
#include "sandbox.h"
#include "secret.h"
#include "uuid.h"

struct options {
	struct node_params params;
	const char *key_file;
	bool no_sandbox;
};

static const char usage[] =
	"Usage: ladon-host --join SOCKET --name NAME --token-file FILE --run-dir DIR\n"
	"\n"
	"A compute host: its VMs use VFs of a card that belongs to another process, ladond, as "
	"if\n"
	"they were its own. On the other side: ladon host add NAME token-file FILE, then\n"
	"ladon vf assign CARD vf N host NAME.\n"
	"\n"
	"Options:\n"
	"      --join SOCKET      the management host's fabric.sock\n"
	"      --name NAME        what we are called there\n"
	"      --token-file FILE  the token (a UUID) that goes with the name, mode 0600\n"
	"      --run-dir DIR      where sockets of VFs are made: DIR/CARD-vfN.sock\n"
	"      --allow-uid LIST   the users whose programs may attach, such as 0,1000\n"
	"      --once             end when the management host has gone, do not join again\n"
	"      --no-sandbox       keep privileges, files and system calls, for debugging\n"
	"  -V, --version          print the version\n"
	"  -h, --help             print this help\n";

static int complain(const char *what, const char *name, const char *why)
{
	fprintf(stderr, "ladon-host: %s %s: %s\n", what, name, why);
	return -1;
}

/* ---- what is read before ---- */

static int read_key(const char *path, uint8_t key[FABRIC_KEY_SIZE])
{
	char text[UUID_TEXT + 8];
	const char *why = "it holds no token: a UUID is right";
	int ret = secret_read_file(path, text, sizeof(text), &why);

	if (ret == 0)
		ret = uuid_parse(text, key);
	explicit_bzero(text, sizeof(text));
	return ret < 0 ? complain("token-file", path, why) : 0;
}

static int check_name(const char *name)
{
	return strlen(name) < FABRIC_NAME_MAX && *name
		       ? 0
		       : complain("name", name, "1 to 15 letters are right");
}

/* ---- life ---- */

static void on_signal(void *arg, uint32_t events)
{
	(void)events;
	loop_stop(arg);
}

static int watch_signals(struct loop *loop, int *ret_fd)
{
	struct loop_fd *source;
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	*ret_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return *ret_fd < 0 ? -errno
			   : loop_add_fd(loop, *ret_fd, EPOLLIN, on_signal, loop, &source);
}

/* What the reason alone does not say: what to do. */
static const char *advice(int err)
{
	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		return ": is ladond running, with this run directory?";
	case -EACCES:
	case -EPERM:
		return ": see \"ladon host show\" there";
	case -EBUSY:
		return ": end the other ladon-host, or use another name";
	default:
		return "";
	}
}

static int serve(struct loop *loop, const struct options *options)
{
	const char *why = "";
	struct node *node;
	int ret = node_new(loop, &options->params, &node, &why);

	if (ret < 0) {
		fprintf(stderr, "ladon-host: cannot join %s: %s%s\n", options->params.join, why,
			advice(ret));
		return 1;
	}
	loop_run(loop);
	ret = node_was_left(node);
	node_free(node);
	return ret;
}

static int run(struct options *options)
{
	FD_AUTO int dir_fd = -1;
	FD_AUTO int signal_fd = -1;
	struct loop *loop = NULL;
	char why[128];
	int ret, rc = 1;

	if (check_name(options->params.name) < 0 ||
	    read_key(options->key_file, options->params.key) < 0)
		return 1;
	if (dir_take(options->params.dir, &dir_fd, why, sizeof(why)) < 0) {
		complain("run-dir", options->params.dir, why);
		return 1;
	}
	tzset();	  /* for the log, while files can be read */
	fd_raise_limit(); /* a VF takes a socket, two connections and a queue page */
	ret = iommu_mem_guard_init();
	if (ret == 0)
		ret = loop_new(&loop);
	if (ret == 0)
		ret = watch_signals(loop, &signal_fd);
	if (ret == 0 && options->no_sandbox)
		log_warn("sandbox: off (--no-sandbox)");
	else if (ret == 0)
		ret = sandbox_enter_host(dir_fd);
	if (ret < 0)
		fprintf(stderr, "ladon-host: it cannot start: %s\n", strerror(-ret));
	else
		rc = serve(loop, options);
	loop_free(loop);
	return rc;
}

static int wrong(const char *what)
{
	fprintf(stderr, "ladon-host: %s\n", what);
	return 2;
}

static int wrong_uids(const char *text)
{
	fprintf(stderr,
		"ladon-host: allow-uid \"%.64s\" is wrong: 1 to %d user IDs such as 0,1000 are "
		"right\n",
		text, UIDS_MAX);
	return 2;
}

/* Returns -1 to go on, or the exit code. */
static int parse(struct options *options, int argc, char **argv)
{
	static const struct option table[] = {
		{"join", required_argument, NULL, 'j'},
		{"name", required_argument, NULL, 'n'},
		{"token-file", required_argument, NULL, 't'},
		{"run-dir", required_argument, NULL, 'd'},
		{"allow-uid", required_argument, NULL, 'u'},
		{"once", no_argument, NULL, 'o'},
		{"no-sandbox", no_argument, NULL, 's'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "Vh", table, NULL)) >= 0) {
		if (opt == 'h' || opt == 'V') {
			printf("%s", opt == 'h' ? usage : "ladon-host " LADON_VERSION "\n");
			return 0;
		}
		if (opt == '?')
			return wrong("--help says what is right");
		if (opt == 'u' && uids_parse(optarg, &options->params.uids) < 0)
			return wrong_uids(optarg);
		if (opt == 'u')
			continue;
		if (opt == 'o')
			options->params.once = true;
		else if (opt == 's')
			options->no_sandbox = true;
		else
			*(opt == 'j'   ? &options->params.join
			  : opt == 'n' ? &options->params.name
			  : opt == 't' ? &options->key_file
				       : &options->params.dir) = optarg;
	}
	if (optind < argc || !options->params.join || !options->params.name ||
	    !options->key_file || !options->params.dir)
		return wrong("--join, --name, --token-file and --run-dir are right, and all "
			     "are needed");
	return -1;
}

int main(int argc, char **argv)
{
	struct options options = {0};
	int rc = parse(&options, argc, argv);

	if (rc >= 0)
		return rc;
	rc = run(&options);
	explicit_bzero(options.params.key, sizeof(options.params.key));
	return rc;
}
