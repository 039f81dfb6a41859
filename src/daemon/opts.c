/* SPDX-License-Identifier: BSD-3-Clause */
#include "opts.h"

#include <errno.h>
#include <getopt.h>
#include <linux/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uplink.h"
#include "words.h"

#define CPU_MAX		  1023
#define IDLE_SLEEP_US_MAX 1000000

enum {
	OPT_RUN_DIR = 256,
	OPT_CONFIG,
	OPT_PACKET,
	OPT_NO_MAPPED,
	OPT_BUSY_POLL,
	OPT_IDLE_SLEEP,
	OPT_CPU,
	OPT_LOG_LEVEL,
	OPT_NO_SANDBOX,
	OPT_VERSION = 'V',
	OPT_HELP = 'h',
};

static const struct option long_options[] = {
	{"run-dir", required_argument, NULL, OPT_RUN_DIR},
	{"config", required_argument, NULL, OPT_CONFIG},
	{"packet", required_argument, NULL, OPT_PACKET},
	{"no-mapped-doorbells", no_argument, NULL, OPT_NO_MAPPED},
	{"busy-poll", no_argument, NULL, OPT_BUSY_POLL},
	{"idle-sleep-us", required_argument, NULL, OPT_IDLE_SLEEP},
	{"cpu", required_argument, NULL, OPT_CPU},
	{"log-level", required_argument, NULL, OPT_LOG_LEVEL},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{"version", no_argument, NULL, OPT_VERSION},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static const char help[] =
	"Usage: ladond [OPTION]...\n"
	"Serve SR-IOV network cards made of software; each virtual function is a vfio-user "
	"socket.\n"
	"\n"
	"  --run-dir DIR          where the sockets are (default $LADON_RUN_DIR, else\n"
	"                         $XDG_RUNTIME_DIR/ladon, else /run/ladon for root)\n"
	"  --config FILE          run the lines of FILE first, as ladon would\n"
	"  --packet LIST          interfaces that may be packet uplinks, with commas between\n"
	"  --no-mapped-doorbells  every doorbell is a message; the data path may sleep for "
	"good\n"
	"  --busy-poll            the data path never sleeps\n"
	"  --idle-sleep-us N      longest sleep of an idle data path, 1 to 1000000 (default "
	"4000)\n"
	"  --cpu N                pin data paths to CPU N unless the card says another\n"
	"  --log-level LEVEL      err, warn, info or debug (default info)\n"
	"  --no-sandbox           keep all privileges, files and system calls: for debugging\n"
	"  -V, --version          print the version\n"
	"  -h, --help             print this text\n"
	"\n"
	"The daemon stays in the foreground and logs to stderr; SIGTERM ends it cleanly.\n";

const char *opts_help(void)
{
	return help;
}

static int opts_fail(char *error, const char *what, const char *value, const char *right)
{
	snprintf(error, OPTS_ERROR_MAX, "%s \"%.100s\" is wrong: %s is right", what, value,
		 right);
	return -EINVAL;
}

static bool are_interfaces(const char *list)
{
	char name[IFNAMSIZ];

	for (;; list++) {
		size_t len = strcspn(list, ",");

		if (len >= sizeof(name))
			return false;
		memcpy(name, list, len);
		name[len] = '\0';
		if (!uplink_tap_name_ok(name))
			return false;
		list += len;
		if (!*list)
			return true;
	}
}

static int take_value(int option, const char *value, struct opts *opts, char *error)
{
	unsigned n;

	switch (option) {
	case OPT_IDLE_SLEEP:
		if (word_number(value, 1, IDLE_SLEEP_US_MAX, &n) < 0)
			return opts_fail(error, "--idle-sleep-us", value,
					 "a number from 1 to 1000000");
		opts->idle_sleep_us = n;
		return 0;
	case OPT_CPU:
		if (word_number(value, 0, CPU_MAX, &n) < 0)
			return opts_fail(error, "--cpu", value, "the number of a CPU");
		opts->cpu = (int)n;
		return 0;
	case OPT_LOG_LEVEL:
		if (log_level_parse(value, &opts->log_level) < 0)
			return opts_fail(error, "--log-level", value,
					 "err, warn, info or debug");
		return 0;
	case OPT_RUN_DIR:
		if (!*value)
			return opts_fail(error, "--run-dir", value, "a directory");
		opts->run_dir = value;
		return 0;
	case OPT_PACKET:
		if (!are_interfaces(value))
			return opts_fail(error, "--packet", value,
					 "a list of interfaces such as eth1,eth2");
		opts->packet = value;
		return 0;
	default:
		opts->config = value;
		return 0;
	}
}

static int take_option(int option, struct opts *opts, char *error)
{
	switch (option) {
	case OPT_NO_MAPPED:
		opts->mapped_doorbells = false;
		return 0;
	case OPT_BUSY_POLL:
		opts->busy_poll = true;
		return 0;
	case OPT_NO_SANDBOX:
		opts->sandbox = false;
		return 0;
	case OPT_VERSION:
		opts->action = OPTS_VERSION;
		return 0;
	case OPT_HELP:
		opts->action = OPTS_HELP;
		return 0;
	default:
		return take_value(option, optarg, opts, error);
	}
}

int opts_parse(int argc, char **argv, struct opts *ret_opts, char *error)
{
	struct opts opts = {.mapped_doorbells = true,
			    .sandbox = true,
			    .cpu = -1,
			    .log_level = LOG_LVL_INFO};
	int option, ret, at = 1;

	optind = 0; /* glibc: start over, for a second call */
	opterr = 0;
	for (; (option = getopt_long(argc, argv, "+:Vh", long_options, NULL)) != -1;
	     at = optind) {
		if (option == '?' || option == ':') {
			snprintf(error, OPTS_ERROR_MAX, "\"%.100s\" is %s: see ladond --help",
				 argv[at],
				 option == ':' ? "an option that needs a value" : "no option");
			return -EINVAL;
		}
		ret = take_option(option, &opts, error);
		if (ret < 0)
			return ret;
	}
	if (optind < argc) {
		snprintf(error, OPTS_ERROR_MAX,
			 "\"%.100s\" is one word too many: see ladond --help", argv[optind]);
		return -EINVAL;
	}
	*ret_opts = opts;
	return 0;
}

int opts_run_dir(const struct opts *opts, char *buf, unsigned size)
{
	const char *env = getenv("LADON_RUN_DIR"), *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (opts->run_dir)
		n = snprintf(buf, size, "%s", opts->run_dir);
	else if (env && *env)
		n = snprintf(buf, size, "%s", env);
	else if (xdg && *xdg)
		n = snprintf(buf, size, "%s/ladon", xdg);
	else if (geteuid() == 0)
		n = snprintf(buf, size, "/run/ladon");
	else
		return -ENOENT;
	return n < 0 || (unsigned)n >= size ? -ENAMETOOLONG : n;
}
