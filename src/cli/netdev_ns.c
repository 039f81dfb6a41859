/* SPDX-License-Identifier: BSD-3-Clause */
/* Network namespaces, named as ip-netns(8) names them, by path, or by a process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fd.h"
#include "netdev.h"

#define NETNS_DIR "/run/netns"

static int complain(const char *word, const char *why)
{
	netdev_say("netns %s: %s", word, why);
	return -1;
}

/* A process that has ended is seen by its pidfd: its files in /proc are not ours to look at. */
static int open_pid(struct netdev_ns *ns, const char *word, const char *text)
{
	char *end;
	long pid = strtol(text, &end, 10);

	if (pid < 1 || pid > INT_MAX || *end)
		return complain(word, "pid:PID is right, the number of a process that is in "
				      "the namespace");
	ns->pidfd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	if (ns->pidfd < 0)
		return complain(word,
				errno == ESRCH ? "there is no such process" : strerror(errno));
	snprintf(ns->path, sizeof(ns->path), "/proc/%ld/ns/net", pid);
	return 0;
}

static int find(struct netdev_ns *ns, const char *word)
{
	if (!strncmp(word, "pid:", 4))
		return open_pid(ns, word, word + 4);
	if (strchr(word, '/'))
		snprintf(ns->path, sizeof(ns->path), "%s", word);
	else
		snprintf(ns->path, sizeof(ns->path), NETNS_DIR "/%s", word);
	return 0;
}

int netdev_ns_open(struct netdev_ns *ns, const char *word)
{
	struct stat st;

	*ns = (struct netdev_ns){.fd = -1, .pidfd = -1};
	if (!word)
		return 0;
	if (find(ns, word) < 0)
		return -1;
	ns->fd = open(ns->path, O_RDONLY | O_CLOEXEC);
	if (ns->fd < 0 && errno == ENOENT && !strchr(word, '/'))
		return complain(word, "there is no such network namespace: `ip netns add` "
				      "makes one, `ip netns list` shows what there is");
	if (ns->fd < 0 && (errno == EACCES || errno == EPERM))
		return complain(word, "no permission: run as root, or as the user whose "
				      "namespace it is");
	if (ns->fd < 0 || fstat(ns->fd, &st) < 0)
		return complain(word, strerror(errno));
	ns->dev = st.st_dev;
	ns->ino = st.st_ino;
	return 0;
}

void netdev_ns_close(struct netdev_ns *ns)
{
	fd_close(&ns->fd);
	fd_close(&ns->pidfd);
}

/* Who is not privileged here may be so in the user namespace that the network belongs to. */
static int enter_owner(const struct netdev_ns *ns)
{
	FD_AUTO int owner = ioctl(ns->fd, NS_GET_USERNS);

	if (owner < 0 || setns(owner, CLONE_NEWUSER) < 0)
		return -1;
	return setns(ns->fd, CLONE_NEWNET);
}

int netdev_ns_enter(const struct netdev_ns *ns)
{
	if (ns->fd < 0 || setns(ns->fd, CLONE_NEWNET) == 0)
		return 0;
	if (errno == EPERM && enter_owner(ns) == 0)
		return 0;
	if (errno == EINVAL)
		return complain(ns->path, "this is no network namespace");
	if (errno == EPERM)
		return complain(ns->path, "no permission to enter it: CAP_SYS_ADMIN is needed; "
					  "run as root, or name a namespace of your own");
	return complain(ns->path, strerror(errno));
}

/* Where we may not look, nothing is known to be gone. */
bool netdev_ns_gone(const struct netdev_ns *ns)
{
	struct stat st;

	if (ns->fd < 0 || ns->pidfd >= 0)
		return false;
	if (stat(ns->path, &st) < 0)
		return errno == ENOENT;
	return st.st_dev != ns->dev || st.st_ino != ns->ino;
}
