/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c - ladond: starts, serves, ends. Everything it serves is made by config lines or
 * requests. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "config.h"
#include "daemon.h"
#include "fd.h"
#include "helper.h"
#include "iommu_mem.h"
#include "jam.h"
#include "log.h"
#include "notify.h"
#include "sandbox.h"

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
	int ret = fd_raise_limit();

	if (ret < 0)
		log_warn("the limit of open files cannot be raised: %s", strerror(-ret));
}

/* What main holds beside the daemon. */
struct setup {
	struct signals signals;
	struct helper *helper; /* owned; NULL without a sandbox */
	struct config config;
	int notify, notify_error;
};

static int serve(struct daemon *daemon, struct setup *setup)
{
	struct cmd_error error;
	int ret;

	setup->signals.loop = daemon->loop;
	ret = loop_add_fd(daemon->loop, setup->signals.fd, EPOLLIN, on_signal, &setup->signals,
			  &setup->signals.source);
	if (ret < 0) {
		log_err("signals cannot be watched: %s", strerror(-ret));
		return ret;
	}
	ret = config_run(daemon, &setup->config, &error);
	config_done(&setup->config);
	if (ret < 0) {
		log_err("%s", error.text);
		return ret;
	}
	log_info("ladond %s serves %s (%u cards)", LADON_VERSION, daemon->run_dir,
		 daemon->num_cards);
	if (setup->notify_error == 0)
		setup->notify_error = notify_send(setup->notify, "READY=1");
	if (setup->notify_error < 0)
		log_warn("the service manager cannot be told that we are ready: %s",
			 strerror(-setup->notify_error));
	ret = loop_run(daemon->loop);
	if (ret < 0)
		log_err("the event loop ended: %s", strerror(-ret));
	notify_send(setup->notify, "STOPPING=1");
	return ret;
}

/* From here on there are neither privileges nor files; threads begin only now (sandbox.h). */
static int give_up(const struct daemon *daemon)
{
	int ret = 0;

	if (daemon->opts.sandbox)
		ret = sandbox_enter(daemon->run_dir_fd);
	else
		log_warn("sandbox: off (--no-sandbox): whoever takes ladond over has all that "
			 "uid %u has",
			 (unsigned)geteuid());
	if (ret == 0)
		ret = jam_init();
	if (ret < 0)
		log_err("ladond cannot start: %s", strerror(-ret));
	return ret;
}

static int run_daemon(const struct opts *opts, struct setup *setup)
{
	struct daemon *daemon;
	struct cmd_error error;
	int ret = daemon_new(opts, &daemon, &error);

	if (ret < 0) {
		log_err("%s", error.text);
		return ret;
	}
	daemon->helper = setup->helper;
	if (opts->config)
		ret = config_read(opts->config, &setup->config, &error);
	if (ret < 0)
		log_err("%s", error.text);
	if (ret == 0)
		ret = give_up(daemon);
	if (ret == 0)
		ret = serve(daemon, setup);
	config_done(&setup->config);
	loop_fd_del(setup->signals.source);
	daemon_free(daemon);
	return ret;
}

static int run(const struct opts *opts)
{
	struct setup setup = {.signals = {.fd = -1}, .notify = -1};
	int ret = signals_init(&setup.signals);

	log_open();
	if (ret == 0)
		ret = iommu_mem_guard_init();
	if (ret == 0 && opts->sandbox)
		ret = helper_start(opts->packet, &setup.helper);
	if (ret < 0) {
		log_err("signals and processes cannot be set up: %s", strerror(-ret));
		return ret;
	}
	raise_fd_limit();
	setup.notify_error = notify_open(&setup.notify);
	ret = run_daemon(opts, &setup);
	fd_close(&setup.notify);
	fd_close(&setup.signals.fd);
	helper_free(setup.helper);
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
