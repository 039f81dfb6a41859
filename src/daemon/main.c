/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - ladond: starts, serves, ends. Everything it serves is made by config lines or
 * requests. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "fd.h"
#include "iommu_mem.h"
#include "jam.h"
#include "log.h"
#include "notify.h"

struct signals {
	struct loop *loop; /* borrowed */
	int fd;		   /* owned */
	struct loop_fd *source;
};

static void on_signal(void *arg, uint32_t events)
{
	struct signals *signals = arg;
	struct signalfd_siginfo info;

	(void)events;
	if (read(signals->fd, &info, sizeof(info)) != sizeof(info))
		return;
	log_info("%s: ending", info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
	loop_stop(signals->loop);
}

/* Before any thread exists: they all inherit the mask. SIGBUS stays free for the memory guard.
 */
static int signals_init(struct signals *signals)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return -errno;
	signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

/* Each VF takes a socket, a client, three eventfds and a memfd. */
static void raise_fd_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_warn("the limit of open files cannot be raised: %m");
}

static int serve(struct daemon *daemon, struct signals *signals)
{
	struct cmd_error error;
	int ret;

	signals->loop = daemon->loop;
	ret = loop_add_fd(daemon->loop, signals->fd, EPOLLIN, on_signal, signals,
			  &signals->source);
	if (ret < 0) {
		log_err("signals cannot be watched: %s", strerror(-ret));
		return ret;
	}
	if (daemon->opts.config) {
		ret = config_load(daemon, daemon->opts.config, &error);
		if (ret < 0) {
			log_err("%s", error.text);
			return ret;
		}
	}
	log_info("ladond %s serves %s (%u cards)", LADON_VERSION, daemon->run_dir,
		 daemon->num_cards);
	if (notify_send("READY=1") < 0)
		log_warn("the service manager cannot be told that we are ready: %m");
	ret = loop_run(daemon->loop);
	if (ret < 0)
		log_err("the event loop ended: %s", strerror(-ret));
	notify_send("STOPPING=1");
	return ret;
}

static int run(const struct opts *opts)
{
	struct signals signals = {.fd = -1};
	struct daemon *daemon;
	struct cmd_error error;
	int ret = signals_init(&signals);

	if (ret == 0)
		ret = iommu_mem_guard_init();
	if (ret == 0)
		ret = jam_init();
	if (ret < 0) {
		log_err("signals cannot be set up: %s", strerror(-ret));
		return ret;
	}
	raise_fd_limit();
	ret = daemon_new(opts, &daemon, &error);
	if (ret < 0) {
		log_err("%s", error.text);
		fd_close(&signals.fd);
		return ret;
	}
	ret = serve(daemon, &signals);
	loop_fd_del(signals.source);
	daemon_free(daemon);
	fd_close(&signals.fd);
	return ret;
}

int main(int argc, char **argv)
{
	char error[OPTS_ERROR_MAX];
	struct opts opts;

	if (opts_parse(argc, argv, &opts, error) < 0) {
		fprintf(stderr, "ladond: %s\n", error);
		return 2;
	}
	switch (opts.action) {
	case OPTS_HELP:
		fputs(opts_help(), stdout);
		return 0;
	case OPTS_VERSION:
		puts("ladond " LADON_VERSION);
		return 0;
	default:
		log_set_level(opts.log_level);
		return run(&opts) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	}
}
