/* SPDX-License-Identifier: BSD-3-Clause */
/* ladon netdev: words, set-up, end. netdev.h says what it does. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/ether.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <syslog.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"
#include "fd.h"
#include "netdev.h"

#define FIRST_WORD 4 /* netdev CARD vf N */
#define MTU_USUAL  1500u
#define VF_MAX	   254u

/* ---- telling ---- */

static bool to_syslog;

void netdev_say_to_syslog(void)
{
	openlog("ladon", LOG_PID, LOG_DAEMON);
	to_syslog = true;
}

void netdev_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	if (to_syslog) {
		vsyslog(LOG_NOTICE, format, args);
	} else {
		fputs("ladon: ", stderr);
		vfprintf(stderr, format, args);
		fputc('\n', stderr);
	}
	va_end(args);
}

/* ---- words ---- */

static int take_number(const char *text, unsigned min, unsigned max, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || n < min || n > max)
		return -1;
	*ret = (unsigned)n;
	return 0;
}

static int take_mtu(struct netdev_words *w, const char *text)
{
	if (take_number(text, NETDEV_MTU_MIN, NETDEV_MTU_MAX, &w->mtu) == 0)
		return 0;
	netdev_say("mtu %s: a number from %u to %u is right", text, NETDEV_MTU_MIN,
		   NETDEV_MTU_MAX);
	return -1;
}

static int take_mac(struct netdev_words *w, const char *text)
{
	struct ether_addr addr;

	if (ether_aton_r(text, &addr) && !(addr.ether_addr_octet[0] & 1)) {
		memcpy(w->mac, &addr, sizeof(w->mac));
		w->has_mac = true;
		return 0;
	}
	netdev_say("mac %s: a unicast address such as 52:54:00:00:00:01 is right", text);
	return -1;
}

/* The kernel's rules, and no "%d" that it would fill in. */
static int take_name(struct netdev_words *w, const char *text)
{
	size_t len = strlen(text);

	w->name = text;
	if (len && len < IFNAMSIZ && strcmp(text, ".") && strcmp(text, "..") &&
	    !strpbrk(text, "/:% \t\n"))
		return 0;
	netdev_say("name %s: 1 to 15 characters without blanks, '/', ':' and '%%' are right",
		   text);
	return -1;
}

static int take_netns(struct netdev_words *w, const char *text)
{
	w->netns = text;
	if (*text)
		return 0;
	netdev_say("netns: NAME, a path, or pid:PID is right");
	return -1;
}

static int take_pidfile(struct netdev_words *w, const char *text)
{
	w->pidfile = text;
	return 0;
}

static const struct {
	const char *word;
	int (*take)(struct netdev_words *w, const char *value);
} pairs[] = {{"netns", take_netns},
	     {"name", take_name},
	     {"mtu", take_mtu},
	     {"mac", take_mac},
	     {"pidfile", take_pidfile}};

/* Returns how many words it took, or -1. */
static int take_word(struct netdev_words *w, char **argv, int left)
{
	for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
		if (strcmp(argv[0], pairs[i].word))
			continue;
		if (left < 2) {
			netdev_say("the value after %s is missing", argv[0]);
			return -1;
		}
		return pairs[i].take(w, argv[1]) < 0 ? -1 : 2;
	}
	if (!strcmp(argv[0], "up") || !strcmp(argv[0], "down"))
		w->down = argv[0][0] == 'd';
	else if (!strcmp(argv[0], "background"))
		w->background = true;
	else if (!strcmp(argv[0], "once"))
		w->once = true;
	else
		return netdev_say("\"%s\" is not known after netdev CARD vf N: netns, name, "
				  "mtu, mac, up, down, "
				  "background, pidfile, once and token-file are right",
				  argv[0]),
		       -1;
	return 1;
}

static int take_function(int argc, char **argv, struct netdev_words *w)
{
	if (argc < FIRST_WORD || strcmp(argv[2], "vf") || strchr(argv[1], '/') || !*argv[1] ||
	    argv[1][0] == '.' || strlen(argv[1]) >= sizeof(w->card) ||
	    take_number(argv[3], 0, VF_MAX, &w->n) < 0) {
		netdev_say("say \"netdev CARD vf N\", and then what `ladon help` shows");
		return -1;
	}
	snprintf(w->card, sizeof(w->card), "%s", argv[1]);
	return 0;
}

int netdev_parse(int argc, char **argv, struct netdev_words *ret)
{
	static char name[sizeof(ret->card) + 8];
	int n;

	*ret = (struct netdev_words){.mtu = MTU_USUAL, .name = name};
	argc = cli_take_token(argc, argv, ret->token, sizeof(ret->token));
	if (argc < 0 || take_function(argc, argv, ret) < 0)
		return -1;
	snprintf(name, sizeof(name), "%sv%u", ret->card, ret->n);
	for (int i = FIRST_WORD; i < argc; i += n) {
		n = take_word(ret, argv + i, argc - i);
		if (n < 0)
			return -1;
	}
	return take_name(ret, ret->name);
}

static int fail(const char *what, int err)
{
	netdev_say("%s: %s", what, strerror(-err));
	return -1;
}

/* ---- the background ---- */

/* In the parent: waits until the child is ready or has ended, with its exit code. */
static int await_child(int from)
{
	uint8_t rc = 1;

	if (read(from, &rc, 1) != 1)
		rc = 1;
	return rc;
}

/* Returns in the child, with the end of a pipe that wants its exit code, or -1; *ret_rc >= 0 in
 * the parent. */
static int go_to_background(int *ret_rc)
{
	int ends[2];
	pid_t pid;

	*ret_rc = 1;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return fail("background", -errno);
	pid = fork();
	if (pid == 0) {
		*ret_rc = -1;
		close(ends[0]);
		setsid();
		return ends[1];
	}
	if (pid < 0)
		fail("background", -errno);
	close(ends[1]);
	if (pid > 0)
		*ret_rc = await_child(ends[0]);
	close(ends[0]);
	return -1;
}

/* Ready: nobody waits for our output any more. */
static void leave_terminal(int *to_parent)
{
	static const uint8_t ready;
	FD_AUTO int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	fflush(stdout);
	netdev_say_to_syslog();
	for (int fd = STDIN_FILENO; null >= 0 && fd <= STDERR_FILENO; fd++)
		dup2(null, fd);
	(void)!write(*to_parent, &ready, 1);
	fd_close(to_parent);
}

/* ---- set-up ---- */

static int block_signals(struct netdev *nd)
{
	sigset_t set;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	nd->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return nd->signals < 0 ? -1 : 0;
}

static const char *where(const struct netdev *nd)
{
	return nd->words.netns ? nd->words.netns : "this namespace";
}

/* As the socket's owner from the start: what works now works when ladond comes back. */
static int attach(struct netdev *nd)
{
	char dir[4096];
	int err;

	if (!realpath(nd->cli->run_dir, dir) ||
	    snprintf(nd->socket, sizeof(nd->socket), "%s/%s/vf%u.sock", dir, nd->words.card,
		     nd->words.n) >= (int)sizeof(nd->socket))
		snprintf(nd->socket, sizeof(nd->socket), "%.3900s/%s/vf%u.sock",
			 nd->cli->run_dir, nd->words.card, nd->words.n);
	nd->owner = netdev_owner_of(nd->socket);
	err = netdev_owner_assume(&nd->owner);
	if (err)
		return fail("becoming the user of ladond", err);
	err = netdev_vf_open(nd);
	if (netdev_owner_leave(&nd->owner) < 0)
		return -1;
	if (err)
		netdev_vf_explain(nd, err);
	return err ? -1 : 0;
}

static int first_address(struct netdev *nd, uint8_t mac[6])
{
	ladon_igbvf_mac(nd->vf, mac);
	if (!nd->words.has_mac)
		return 0;
	memcpy(mac, nd->words.mac, 6);
	if (ladon_igbvf_set_mac(nd->vf, mac) == 0)
		return 0;
	netdev_say("the PF refuses this address for %s vf %u: leave mac away, or `ladon link "
		   "set %s vf %u mac` and trust rule it",
		   nd->words.card, nd->words.n, nd->words.card, nd->words.n);
	return -1;
}

static int make_interface(struct netdev *nd)
{
	struct ladon_link link = {0};
	uint8_t mac[6];
	int err;

	if (first_address(nd, mac) < 0 || netdev_ns_enter(&nd->ns) < 0)
		return -1;
	nd->tap = netdev_tap_open(nd->words.name, where(nd));
	if (nd->tap < 0)
		return -1;
	err = netdev_link_open(&nd->link, nd->words.name);
	if (!err)
		err = netdev_tap_set_mac(nd->tap, mac);
	if (!err)
		err = netdev_link_set(&nd->link, nd->words.mtu, !nd->words.down);
	if (!err)
		err = netdev_link_query(&nd->link, &nd->wanted);
	if (!err)
		err = netdev_vf_sync(nd);
	if (!err)
		err = ladon_igbvf_link(nd->vf, &link);
	nd->carrier = link.up;
	netdev_tap_carrier(nd->tap, link.up);
	return err ? fail(nd->words.name, err) : 0;
}

static int write_pidfile(const char *path)
{
	FD_AUTO int fd =
		open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd >= 0 && dprintf(fd, "%d\n", getpid()) > 0)
		return 0;
	return fail(path, -errno);
}

static void tell(const struct netdev *nd)
{
	json_object *obj;
	char mac[18];
	const uint8_t *m = nd->wanted.mac;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3],
		 m[4], m[5]);
	if (!nd->cli->json) {
		printf("%s in %s is %s vf %u: %s mtu %u pid %d\n", nd->words.name, where(nd),
		       nd->words.card, nd->words.n, mac, nd->words.mtu, getpid());
		fflush(stdout);
		return;
	}
	obj = json_object_new_object();
	json_object_object_add(obj, "ifname", json_object_new_string(nd->words.name));
	if (nd->words.netns)
		json_object_object_add(obj, "netns", json_object_new_string(nd->words.netns));
	json_object_object_add(obj, "card", json_object_new_string(nd->words.card));
	json_object_object_add(obj, "vf", json_object_new_int64(nd->words.n));
	json_object_object_add(obj, "address", json_object_new_string(mac));
	json_object_object_add(obj, "mtu", json_object_new_int64(nd->words.mtu));
	json_object_object_add(obj, "pid", json_object_new_int64(getpid()));
	cli_print_json(nd->cli, obj);
	json_object_put(obj);
	fflush(stdout);
}

static int set_up(struct netdev *nd)
{
	int err;

	if (block_signals(nd) < 0 || netdev_ns_open(&nd->ns, nd->words.netns) < 0 ||
	    attach(nd) < 0 || make_interface(nd) < 0)
		return -1;
	if (nd->words.pidfile && write_pidfile(nd->words.pidfile) < 0)
		return -1;
	err = netdev_drop_privileges(&nd->owner);
	return err ? fail("giving up privileges", err) : 0;
}

/* Closing the tap removes the interface. */
static void tear_down(struct netdev *nd)
{
	fd_close(&nd->tap);
	netdev_vf_close(nd);
	netdev_link_close(&nd->link);
	netdev_ns_close(&nd->ns);
	fd_close(&nd->signals);
}

static int live(struct netdev *nd, int to_parent)
{
	int rc = 1;

	if (set_up(nd) == 0) {
		tell(nd);
		if (to_parent >= 0)
			leave_terminal(&to_parent);
		nd->next_tick_ns = clock_ns();
		rc = netdev_run(nd);
		if (nd->words.pidfile)
			unlink(nd->words.pidfile);
	}
	fd_close(&to_parent);
	tear_down(nd);
	explicit_bzero(nd->words.token, sizeof(nd->words.token));
	return rc;
}

static int run_netdev(const struct cli *cli, int argc, char **argv)
{
	struct netdev *nd = calloc(1, sizeof(*nd));
	int rc = 2, to_parent = -1, parent_rc = -1;

	if (!nd)
		return 1;
	nd->cli = cli;
	nd->tap = nd->signals = nd->ns.fd = nd->ns.pidfd = -1;
	if (netdev_parse(argc, argv, &nd->words) == 0) {
		if (nd->words.background)
			to_parent = go_to_background(&parent_rc);
		rc = parent_rc >= 0 ? parent_rc : live(nd, to_parent);
	}
	free(nd);
	return rc;
}

const struct cli_command cli_netdev_commands[] = {
	{"netdev",
	 "CARD vf N [netns NAME|PATH|pid:PID] [name IFNAME] [mtu N] [mac MAC] [up|down] "
	 "[background] [pidfile FILE] "
	 "[once] [token-file F | token-fd N | token-env NAME]",
	 "the VF as a kernel interface, in a network namespace or container, until "
	 "interrupted",
	 NULL, run_netdev},
	{NULL, NULL, NULL, NULL, NULL},
};
