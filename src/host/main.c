/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - ladon-host: joins a management host and serves the VFs that it is given. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fd.h"
#include "iommu_mem.h"
#include "link.h"
#include "log.h"
#include "mem.h"
#include "secret.h"
#include "uuid.h"
#include "vf.h"

struct node {
	struct loop *loop;
	struct link *link;
	struct mem *mem;
	struct vf *vfs; /* owned */
	const char *join, *name, *key_file, *dir;
	int exit_code;
};

static const char usage[] =
	"Usage: ladon-host --join SOCKET --name NAME --token-file FILE --run-dir DIR\n"
	"\n"
	"A compute host: its VMs use VFs of a card that belongs to another process, ladond, as "
	"if\n"
	"they were its own. On the other side: ladon host add NAME token-file FILE, then\n"
	"ladon vf assign CARD vf N host NAME.\n"
	"\n"
	"      --join SOCKET      the management host's fabric.sock\n"
	"      --name NAME        what we are called there\n"
	"      --token-file FILE  the token (a UUID) that goes with the name, mode 0600\n"
	"      --run-dir DIR      where sockets of VFs are made: DIR/CARD-vfN.sock\n"
	"  -V, --version          print the version\n"
	"  -h, --help             print this help\n";

/* ---- VFs come and go ---- */

static struct vf **find(struct node *node, const struct fabric_msg *msg)
{
	struct vf **at = &node->vfs;

	while (*at && !vf_is(*at, msg))
		at = vf_next(*at);
	return at;
}

static void assigned(void *arg, const struct fabric_msg *msg)
{
	struct node *node = arg;
	struct vf **at = find(node, msg), *vf = *at;
	int ret = 0;

	if (msg->type == FABRIC_UNASSIGN && vf) {
		*at = *vf_next(vf);
		vf_free(vf);
		log_info("%s/vf%u: is another host's", msg->vf.card, msg->vf.vf);
	}
	if (msg->type == FABRIC_UNASSIGN || vf)
		return;
	ret = vf_new(node->loop, node->link, node->mem, node->dir, msg, at);
	if (ret < 0)
		log_err("%s/vf%u: cannot be served: %s", msg->vf.card, msg->vf.vf,
			strerror(-ret));
	else
		log_info("%s/vf%u: is ours: %s", msg->vf.card, msg->vf.vf, vf_path(*at));
}

static void over(void *arg, const char *why)
{
	struct node *node = arg;

	log_err("%s", why);
	node->exit_code = 1;
	loop_stop(node->loop);
}

/* ---- life ---- */

static void on_signal(void *arg, uint32_t events)
{
	struct node *node = arg;

	(void)events;
	loop_stop(node->loop);
}

static int watch_signals(struct node *node)
{
	struct loop_fd *source;
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd < 0 ? -errno : loop_add_fd(node->loop, fd, EPOLLIN, on_signal, node, &source);
}

static int read_key(const char *path, uint8_t key[FABRIC_KEY_SIZE])
{
	char text[UUID_TEXT + 8];
	const char *why = "a UUID is right";
	int ret = secret_read_file(path, text, sizeof(text), &why);

	if (ret == 0)
		ret = uuid_parse(text, key);
	explicit_bzero(text, sizeof(text));
	if (ret < 0)
		fprintf(stderr, "ladon-host: token-file %s cannot be used: %s\n", path, why);
	return ret;
}

static int join(struct node *node)
{
	static struct link_ops ops = {.assigned = assigned, .over = over};
	uint8_t key[FABRIC_KEY_SIZE];
	const char *why = "";
	int ret = read_key(node->key_file, key);

	if (ret < 0)
		return ret;
	ops.arg = node;
	ret = link_new(node->loop, node->join, node->name, key, &ops, &node->link, &why);
	explicit_bzero(key, sizeof(key));
	if (ret < 0) {
		fprintf(stderr, "ladon-host: %s: %s\n", node->join, why);
		return ret;
	}
	ret = mem_new(node->link, &node->mem);
	if (ret < 0)
		fprintf(stderr, "ladon-host: the tables cannot be made: %s\n", strerror(-ret));
	return ret;
}

static void end(struct node *node)
{
	struct vf *vf;

	while ((vf = node->vfs)) {
		node->vfs = *vf_next(vf);
		vf_free(vf);
	}
	mem_free(node->mem);
	link_free(node->link);
	loop_free(node->loop);
}

static int run(struct node *node)
{
	int ret = iommu_mem_guard_init();

	if (ret == 0)
		ret = loop_new(&node->loop);
	if (ret == 0)
		ret = watch_signals(node);
	if (ret < 0) {
		fprintf(stderr, "ladon-host: %s\n", strerror(-ret));
		return 1;
	}
	if (join(node) < 0)
		return 1;
	log_info("host %s joined %s", node->name, node->join);
	loop_run(node->loop);
	return node->exit_code;
}

static int complain(const char *what)
{
	fprintf(stderr, "ladon-host: %s\n\n%s", what, usage);
	return 2;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"join", required_argument, NULL, 'j'},
		{"name", required_argument, NULL, 'n'},
		{"token-file", required_argument, NULL, 't'},
		{"run-dir", required_argument, NULL, 'd'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct node node = {0};
	int opt, rc;

	while ((opt = getopt_long(argc, argv, "Vh", options, NULL)) >= 0) {
		if (opt == 'h' || opt == 'V') {
			printf("%s", opt == 'h' ? usage : "ladon-host " LADON_VERSION "\n");
			return 0;
		}
		if (opt == '?')
			return 2;
		*(opt == 'j'   ? &node.join
		  : opt == 'n' ? &node.name
		  : opt == 't' ? &node.key_file
			       : &node.dir) = optarg;
	}
	if (optind < argc || !node.join || !node.name || !node.key_file || !node.dir)
		return complain("--join, --name, --token-file and --run-dir are right");
	rc = run(&node);
	end(&node);
	return rc;
}
