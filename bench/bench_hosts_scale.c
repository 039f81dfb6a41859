/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_hosts_scale.c - what sixteen compute hosts cost that have 63 VFs among them
 * (docs/hosts.md).
 *
 *	bench_hosts_scale [-r ROUNDS] [-t MILLISECONDS] [-l LEASE] LADOND LADON_HOST
 *
 * Twice: nine cards of 7 VFs, and one card of 63. VF k is host k mod 16's. The hosts join one
 * after the other, and each VF gets a driver at once; -t is how long CPU time is watched.
 * Memory and CPU time are the kernel's own figures of each process (smaps_rollup, schedstat).
 */
#include <errno.h>
#include <getopt.h>
#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench_node.h"
#include "bench_pair.h"
#include "bench_proc.h"
#include "bits.h"
#include "clock.h"
#include "fd.h"

#define HOSTS	   16u
#define VFS	   63u
#define ROUNDS_MAX 99u
#define MAPS	   200u
#define LOST_NS	   (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */
#define LOOK_US	   50
#define QUIET_S	   2 /* a card that has just worked looks more often */

static const unsigned steps[] = {1, 4, 8, 16}; /* hosts, when a map and unmap is timed */

static const struct layout {
	const char *name;
	unsigned cards, vfs; /* of each */
} layouts[] = {{"9 cards of 7 VFs", 9, 7}, {"1 card of 63 VFs", 1, 63}};

#define LAYOUTS ARRAY_SIZE(layouts)

enum {
	HOST_PSS,
	HOST_PSS_MAX,
	DAEMON_RSS,
	HOST_IDLE,
	HOST_IDLE_MAX,
	DAEMON_IDLE,
	DAEMON_ALONE,
	HOST_BUSY,
	HOST_BUSY_MAX,
	DAEMON_BUSY,
	MPPS,
	JOIN_LAST,
	JOIN_ALL,
	MAP_FIRST,
	MOVED = MAP_FIRST + ARRAY_SIZE(steps),
	LEASES_LOST,
	FIGURES
};

static const char *const names[FIGURES] = {
	[HOST_PSS] = "memory (PSS) of a `ladon-host`, KiB: median",
	[HOST_PSS_MAX] = "... most",
	[DAEMON_RSS] = "memory (RSS) of `ladond`, KiB",
	[HOST_IDLE] = "CPU of an idle `ladon-host`, %: median",
	[HOST_IDLE_MAX] = "... most",
	[DAEMON_IDLE] = "CPU of `ladond`, all idle, %",
	[DAEMON_ALONE] = "... before the first host has joined, %",
	[HOST_BUSY] = "CPU of a `ladon-host` while two hosts' VFs exchange frames, %: median",
	[HOST_BUSY_MAX] = "... most",
	[DAEMON_BUSY] = "CPU of `ladond` meanwhile, %",
	[MPPS] = "... at how many frames of 64 B, Mpps",
	[JOIN_LAST] = "join, from the process's start to its VFs' sockets, the 16th of 16, ms",
	[JOIN_ALL] = "... all 16 at once, until the last is there, ms",
	[MAP_FIRST] = "map and unmap of a page, 1 host joined, us",
	[MAP_FIRST + 1] = "... 4 hosts, us",
	[MAP_FIRST + 2] = "... 8 hosts, us",
	[MAP_FIRST + 3] = "... 16 hosts, us",
	[MOVED] = "host killed: VF reset, at another of 15 hosts, its driver runs, ms",
	[LEASES_LOST] = "leases lost in all of this",
};

struct params {
	const char *ladond, *ladon_host;
	unsigned rounds, lease_ms;
	uint64_t watch_ns;
};

struct scale {
	const struct params *params;
	const struct layout *layout;
	struct bench_nodes nodes;
	struct bench_pair pair; /* the daemon; while frames go, the drivers of VFs 0 and 1 */
	struct bench_side side[VFS];
	double *figure;
};

static unsigned host_of(unsigned k)
{
	return k % HOSTS;
}

/* ---- hosts and drivers ---- */

static const char *socket_of(const struct scale *s, unsigned k, unsigned host, char *buf)
{
	char card[16];

	snprintf(card, sizeof(card), "nic%u", k / s->layout->vfs);
	return bench_node_socket(&s->nodes, host, card, k % s->layout->vfs, buf);
}

static int open_driver(struct scale *s, unsigned k, unsigned host)
{
	static const struct ladon_igbvf_config small = {.rx_desc = 8,
							.tx_desc = 8,
							.buf_size = 1024,
							.num_bufs = 24,
							.max_frame = 1000};
	char path[DEMO_PATH_MAX];
	int err = bench_side_attach(&s->side[k], socket_of(s, k, host, path));

	return err ? err : bench_side_open(&s->side[k], k < 2 ? NULL : &small);
}

static int open_drivers(struct scale *s, unsigned host)
{
	int err = 0;

	for (unsigned k = host; k < VFS && !err; k += HOSTS)
		err = open_driver(s, k, host);
	return err;
}

static void close_drivers(struct scale *s, unsigned host)
{
	for (unsigned k = host; k < VFS; k += HOSTS)
		bench_side_close(&s->side[k]);
}

/* Until there is a socket of each of the host's VFs. */
static int await_join(const struct scale *s, unsigned host)
{
	uint64_t end = clock_ns() + LOST_NS;
	char path[DEMO_PATH_MAX];

	for (unsigned k = host; k < VFS; k += HOSTS) {
		while (access(socket_of(s, k, host, path), F_OK) < 0) {
			if (clock_ns() > end)
				return -ETIMEDOUT;
			usleep(LOOK_US);
		}
	}
	return 0;
}

/* A killed host leaves its sockets behind: whoever looks for new ones removes them. */
static void end_host(struct scale *s, unsigned host)
{
	char path[DEMO_PATH_MAX];

	close_drivers(s, host);
	bench_node_kill(&s->nodes, host);
	for (unsigned k = host; k < VFS; k += HOSTS)
		unlink(socket_of(s, k, host, path));
}

static int await_absent(const struct scale *s, unsigned host)
{
	uint64_t end = clock_ns() + LOST_NS;
	struct json_object *list, *state;
	bool absent = false;
	char line[32];

	snprintf(line, sizeof(line), "host show ch%u", host + 1);
	while (!absent) {
		int err = demo_daemon_ask(&s->pair.daemon, line, &list);

		if (err)
			return err;
		absent = json_object_object_get_ex(json_object_array_get_idx(list, 0), "state",
						   &state) &&
			 !strcmp(json_object_get_string(state), "absent");
		json_object_put(list);
		if (clock_ns() > end)
			return -ETIMEDOUT;
	}
	return 0;
}

/* ---- what is measured ---- */

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static double median(double *list, unsigned num)
{
	qsort(list, num, sizeof(*list), by_value);
	return list[num / 2];
}

/* A page comes and goes, at the first host. */
static int mapping(struct scale *s, double *ret_us)
{
	static double us[MAPS];
	int fd = fd_memfd("bench", 4096), err = MIN(fd, 0);

	for (unsigned i = 0; i < MAPS && !err; i++) {
		uint64_t start = clock_ns();
		struct ladon_dma *dma;

		err = ladon_dma_map_fd(s->side[0].fn, fd, 0, 4096, 0, &dma);
		if (!err)
			err = ladon_dma_free(dma);
		us[i] = (double)(clock_ns() - start) / 1e3;
	}
	fd_close(&fd);
	*ret_us = median(us, MAPS);
	return err;
}

static void memory(struct scale *s)
{
	double kib[HOSTS];

	for (unsigned i = 0; i < HOSTS; i++)
		kib[i] = bench_proc_kib(s->nodes.pid[i], "Pss");
	s->figure[HOST_PSS] = median(kib, HOSTS);
	s->figure[HOST_PSS_MAX] = kib[HOSTS - 1];
	s->figure[DAEMON_RSS] = bench_proc_kib(s->pair.daemon.pid, "Rss");
}

/* Of each process in percent of one processor, while the first pair sends or nobody does. */
static void cpu(struct scale *s, bool frames, double *ret_host, double *ret_most,
		double *ret_daemon)
{
	double before[HOSTS + 1], used[HOSTS + 1];
	uint64_t start = clock_ns(), took = 0;

	for (unsigned i = 0; i <= HOSTS; i++)
		before[i] = bench_proc_cpu_ns(i < HOSTS ? s->nodes.pid[i] : s->pair.daemon.pid);
	if (frames)
		s->figure[MPPS] =
			(double)bench_run(&s->pair, 64, s->params->watch_ns, &took) * 1e3;
	else
		usleep((useconds_t)(s->params->watch_ns / NSEC_PER_USEC));
	took = clock_ns() - start;
	if (frames)
		s->figure[MPPS] /= (double)took;
	for (unsigned i = 0; i <= HOSTS; i++) {
		pid_t pid = i < HOSTS ? s->nodes.pid[i] : s->pair.daemon.pid;

		used[i] = pid ? (bench_proc_cpu_ns(pid) - before[i]) * 100 / (double)took : 0;
	}
	*ret_daemon = used[HOSTS];
	*ret_host = median(used, HOSTS);
	*ret_most = used[HOSTS - 1];
}

static void traffic(struct scale *s)
{
	s->pair.side[0] = s->side[0];
	s->pair.side[1] = s->side[1];
	cpu(s, true, &s->figure[HOST_BUSY], &s->figure[HOST_BUSY_MAX], &s->figure[DAEMON_BUSY]);
	bench_settle(&s->pair);
	memset(s->pair.side, 0, sizeof(s->pair.side));
}

/* Ends hosts first ... 15 and starts them at once. */
static int rejoin(struct scale *s, unsigned first, double *ret_ms)
{
	uint64_t start;
	int err = 0;

	for (unsigned i = first; i < HOSTS; i++)
		end_host(s, i);
	for (unsigned i = first; i < HOSTS && !err; i++)
		err = await_absent(s, i);
	start = clock_ns();
	for (unsigned i = first; i < HOSTS && !err; i++)
		err = bench_node_start(&s->nodes, i, &s->pair.daemon);
	for (unsigned i = first; i < HOSTS && !err; i++)
		err = await_join(s, i);
	*ret_ms = (double)(clock_ns() - start) / 1e6;
	for (unsigned i = first; i < HOSTS && !err; i++)
		err = open_drivers(s, i);
	return err;
}

static int assign(struct scale *s, unsigned k, unsigned host)
{
	uint64_t end = clock_ns() + LOST_NS;
	char line[64];

	snprintf(line, sizeof(line), "vf assign nic%u %u host ch%u", k / s->layout->vfs,
		 k % s->layout->vfs, host + 1);
	/* Refused as long as the function has a client. */
	while (demo_daemon_ask(&s->pair.daemon, line, NULL) < 0) {
		if (clock_ns() > end)
			return -ETIMEDOUT;
		usleep(LOOK_US);
	}
	return 0;
}

/* The last host is killed; its first VF goes to the one before it. All is as it was then. */
static int move(struct scale *s, double *ret_ms)
{
	const unsigned k = HOSTS - 1;
	struct bench_side side = s->side[k];
	uint64_t start = clock_ns();
	double unused;
	int err;

	kill(s->nodes.pid[HOSTS - 1], SIGKILL);
	err = assign(s, k, HOSTS - 2);
	s->side[k] = (struct bench_side){0};
	if (!err)
		err = open_driver(s, k, HOSTS - 2);
	*ret_ms = (double)(clock_ns() - start) / 1e6;
	bench_side_close(&side);
	bench_side_close(&s->side[k]);
	if (!err)
		err = assign(s, k, HOSTS - 1);
	return err ? err : rejoin(s, HOSTS - 1, &unused);
}

static int leases_lost(struct scale *s)
{
	struct json_object *list, *lost;
	int err = demo_daemon_ask(&s->pair.daemon, "host show", &list);

	s->figure[LEASES_LOST] = 0;
	for (unsigned i = 0; !err && i < json_object_array_length(list); i++)
		if (json_object_object_get_ex(json_object_array_get_idx(list, i), "leases_lost",
					      &lost))
			s->figure[LEASES_LOST] += json_object_get_double(lost);
	if (!err)
		json_object_put(list);
	return err;
}

/* ---- one layout ---- */

static int times(struct scale *s)
{
	double last[ROUNDS_MAX], all[ROUNDS_MAX], moved[ROUNDS_MAX];
	int err = 0;

	for (unsigned r = 0; r < s->params->rounds && !err; r++) {
		err = rejoin(s, HOSTS - 1, &last[r]);
		if (!err)
			err = rejoin(s, 0, &all[r]);
		if (!err)
			err = move(s, &moved[r]);
	}
	if (err)
		return err;
	s->figure[JOIN_LAST] = median(last, s->params->rounds);
	s->figure[JOIN_ALL] = median(all, s->params->rounds);
	s->figure[MOVED] = median(moved, s->params->rounds);
	return 0;
}

static int grow(struct scale *s)
{
	unsigned step = 0;
	int err = 0;

	for (unsigned i = 0; i < HOSTS && !err; i++) {
		err = bench_node_start(&s->nodes, i, &s->pair.daemon);
		if (!err)
			err = open_drivers(s, i);
		if (!err && i + 1 == steps[step]) {
			err = mapping(s, &s->figure[MAP_FIRST + step]);
			step++;
		}
	}
	return err;
}

static int measure(struct scale *s)
{
	double unused;
	int err;

	sleep(QUIET_S);
	cpu(s, false, &unused, &unused, &s->figure[DAEMON_ALONE]);
	err = grow(s);
	if (err)
		return err;
	sleep(QUIET_S);
	cpu(s, false, &s->figure[HOST_IDLE], &s->figure[HOST_IDLE_MAX],
	    &s->figure[DAEMON_IDLE]);
	memory(s);
	traffic(s);
	err = times(s);
	return err ? err : leases_lost(s);
}

static void make_config(const struct scale *s, char *buf, size_t size)
{
	*buf = '\0';
	for (unsigned i = 0; i < s->layout->cards; i++)
		snprintf(buf + strlen(buf), size - strlen(buf),
			 "card add nic%u model 82576 vfs %u\n", i, s->layout->vfs);
	bench_nodes_config(&s->nodes, s->params->lease_ms, buf, size);
	for (unsigned k = 0; k < VFS; k++)
		snprintf(buf + strlen(buf), size - strlen(buf),
			 "vf assign nic%u %u host ch%u\n", k / s->layout->vfs,
			 k % s->layout->vfs, host_of(k) + 1);
}

static int one(const struct params *params, const struct layout *layout, double figure[FIGURES])
{
	static struct scale s;
	char config[8192], text[2000];
	int err;

	s = (struct scale){.params = params, .layout = layout, .figure = figure};
	err = bench_nodes_new(&s.nodes, params->ladon_host, HOSTS);
	make_config(&s, config, sizeof(config));
	if (!err)
		err = demo_daemon_start(&s.pair.daemon, params->ladond, config, NULL);
	if (!err)
		err = measure(&s);
	if (err) {
		fprintf(stderr, "%s: %s\n%s", layout->name, strerror(-err),
			demo_daemon_log(&s.pair.daemon, text, sizeof(text)));
		if (!leases_lost(&s) && figure[LEASES_LOST] > 0)
			fprintf(stderr,
				"%.0f leases were lost: a quiet machine is right, or a "
				"longer lease (-l)\n",
				figure[LEASES_LOST]);
	}
	for (unsigned i = 0; i < HOSTS; i++)
		close_drivers(&s, i);
	bench_stop(&s.pair);
	bench_nodes_free(&s.nodes);
	return err;
}

static int run(const struct params *params)
{
	static double figures[LAYOUTS][FIGURES];

	for (unsigned l = 0; l < LAYOUTS; l++)
		if (one(params, &layouts[l], figures[l]))
			return 1;
	printf("| 16 hosts, lease %u ms |", params->lease_ms);
	for (unsigned l = 0; l < LAYOUTS; l++)
		printf(" %s |", layouts[l].name);
	printf("\n|---|---|---|\n");
	for (unsigned f = 0; f < FIGURES; f++) {
		printf("| %s |", names[f]);
		for (unsigned l = 0; l < LAYOUTS; l++)
			printf(" %.*f |", figures[l][f] < 10 && f != LEASES_LOST ? 2 : 0,
			       figures[l][f]);
		putchar('\n');
	}
	return 0;
}

static bool take_option(struct params *params, int c)
{
	unsigned long value = c == '?' ? 0 : strtoul(optarg, NULL, 10);

	if (value < 1 || value > (c == 'r' ? ROUNDS_MAX : 60000))
		return false;
	if (c == 'r')
		params->rounds = (unsigned)value;
	else if (c == 'l')
		params->lease_ms = (unsigned)value;
	else
		params->watch_ns = value * NSEC_PER_MSEC;
	return true;
}

int main(int argc, char **argv)
{
	struct params params = {.rounds = 9, .lease_ms = 30, .watch_ns = 5 * NSEC_PER_SEC};
	bool good = true;
	int c;

	while (good && (c = getopt(argc, argv, "r:t:l:")) != -1)
		good = take_option(&params, c);
	if (!good || optind != argc - 2) {
		fprintf(stderr, "usage: bench_hosts_scale [-r ROUNDS] [-t MILLISECONDS] "
				"[-l LEASE] LADOND LADON_HOST\n");
		return 2;
	}
	params.ladond = argv[optind];
	params.ladon_host = argv[optind + 1];
	return run(&params);
}
