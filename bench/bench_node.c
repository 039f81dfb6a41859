/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_node.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"

static const char *in_dir(const struct bench_nodes *nodes, const char *name, unsigned i,
			  char *buf)
{
	snprintf(buf, DEMO_PATH_MAX, "%s/%s%u", nodes->dir, name, i + 1);
	return buf;
}

/* Nobody else can open the socket that it is shown at: it need not be random. */
static int write_token(const struct bench_nodes *nodes, unsigned i)
{
	char path[DEMO_PATH_MAX];
	int fd = open(in_dir(nodes, "token", i, path), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
		      0600);

	if (fd < 0)
		return -errno;
	dprintf(fd, "00000000-0000-4000-8000-%012x\n", i + 1);
	fd_close(&fd);
	return 0;
}

int bench_nodes_new(struct bench_nodes *nodes, const char *program, unsigned num)
{
	int err = 0;

	*nodes = (struct bench_nodes){.program = program, .num = num};
	strcpy(nodes->dir, "/tmp/ladon-hosts.XXXXXX");
	if (!mkdtemp(nodes->dir)) {
		nodes->dir[0] = '\0';
		return -errno;
	}
	for (unsigned i = 0; i < num && !err; i++)
		err = write_token(nodes, i);
	return err;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st, (void)flag, (void)at;
	remove(path);
	return 0;
}

void bench_nodes_free(struct bench_nodes *nodes)
{
	for (unsigned i = 0; i < nodes->num; i++)
		bench_node_kill(nodes, i);
	if (nodes->dir[0])
		nftw(nodes->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	*nodes = (struct bench_nodes){0};
}

void bench_nodes_config(const struct bench_nodes *nodes, unsigned lease_ms, char *buf,
			size_t size)
{
	char path[DEMO_PATH_MAX];

	for (unsigned i = 0; i < nodes->num; i++) {
		size_t used = strlen(buf);

		snprintf(buf + used, size - used, "host add ch%u lease %u token-file %s\n",
			 i + 1, lease_ms, in_dir(nodes, "token", i, path));
	}
}

void bench_nodes_say(const struct bench_nodes *nodes)
{
	char path[DEMO_PATH_MAX], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/log", nodes->dir);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		fputs(line, stderr);
	if (file)
		fclose(file);
}

/* In the child: becomes ladon-host. */
static void child_exec(const struct bench_nodes *nodes, unsigned i,
		       const struct demo_daemon *daemon)
{
	char join[DEMO_PATH_MAX], name[16], token[DEMO_PATH_MAX], run[DEMO_PATH_MAX];
	char log[DEMO_PATH_MAX];
	int fd;

	snprintf(join, sizeof(join), "%s/run/fabric.sock", daemon->dir);
	snprintf(name, sizeof(name), "ch%u", i + 1);
	snprintf(log, sizeof(log), "%s/log", nodes->dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execl(nodes->program, nodes->program, "--join", join, "--name", name, "--token-file",
	      in_dir(nodes, "token", i, token), "--run-dir", in_dir(nodes, "ch", i, run), NULL);
	dprintf(STDERR_FILENO, "%s: %s\n", nodes->program, strerror(errno));
	_exit(127);
}

int bench_node_start(struct bench_nodes *nodes, unsigned i, const struct demo_daemon *daemon)
{
	pid_t pid = fork();

	if (pid == 0)
		child_exec(nodes, i, daemon);
	if (pid < 0)
		return -errno;
	nodes->pid[i] = pid;
	return 0;
}

void bench_node_kill(struct bench_nodes *nodes, unsigned i)
{
	if (!nodes->pid[i])
		return;
	kill(nodes->pid[i], SIGKILL);
	waitpid(nodes->pid[i], NULL, 0);
	nodes->pid[i] = 0;
}

const char *bench_node_socket(const struct bench_nodes *nodes, unsigned i, const char *card,
			      unsigned n, char *buf)
{
	snprintf(buf, DEMO_PATH_MAX, "%s/ch%u/%s-vf%u.sock", nodes->dir, i + 1, card, n);
	return buf;
}

const char *bench_node_vf(const struct bench_nodes *nodes, unsigned i, unsigned n, char *buf)
{
	return bench_node_socket(nodes, i, "nic0", n, buf);
}
