/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli.h"
#include "fd.h"

#define READY_MS  10000
#define STOP_MS	  5000
#define EXTRA_MAX 8
#define WORDS_MAX 16
#define FILE_MAX  (DEMO_PATH_MAX + 16)

static const char *in_dir(const struct demo_daemon *d, const char *name, char *buf)
{
	snprintf(buf, FILE_MAX, "%s/%s", d->dir, name);
	return buf;
}

static int write_config(const struct demo_daemon *d, const char *config)
{
	char path[FILE_MAX];
	FILE *file = fopen(in_dir(d, "config", path), "we");
	int err;

	if (!file)
		return -errno;
	err = fputs(config, file) < 0 ? -EIO : 0;
	return fclose(file) != 0 ? -EIO : err;
}

/* Where the daemon says READY=1. Returns the fd or -errno. */
static int notify_listen(const struct demo_daemon *d)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/notify", d->dir);
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	err = -errno;
	fd_close(&fd);
	return err;
}

/* In the child: becomes ladond. */
static void child_exec(const struct demo_daemon *d, const char *path, const char *const *extra)
{
	char run[FILE_MAX], config[FILE_MAX], log[FILE_MAX], notify[FILE_MAX];
	const char *argv[5 + EXTRA_MAX + 1] = {path, "--run-dir", in_dir(d, "run", run),
					       "--config", in_dir(d, "config", config)};
	int fd = open(in_dir(d, "log", log), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	for (unsigned i = 0; extra && extra[i] && i < EXTRA_MAX; i++)
		argv[5 + i] = extra[i];
	/* The daemon does not outlive us, however we end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setenv("NOTIFY_SOCKET", in_dir(d, "notify", notify), 1);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	execvp(path, (char **)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

/* Waits for READY=1, or for the daemon's early end. */
static int await_ready(struct demo_daemon *d, int notify)
{
	int pidfd = (int)syscall(SYS_pidfd_open, d->pid, 0);
	struct pollfd pfd[2] = {{.fd = notify, .events = POLLIN},
				{.fd = pidfd, .events = POLLIN}};
	char text[256];
	int err = -ETIMEDOUT;

	while (err == -ETIMEDOUT && poll(pfd, 2, READY_MS) > 0) {
		ssize_t n = pfd[0].revents ? recv(notify, text, sizeof(text) - 1, 0) : 0;

		text[n > 0 ? n : 0] = '\0';
		if (strstr(text, "READY=1"))
			err = 0;
		else if (pfd[1].revents)
			err = -ECHILD;
	}
	fd_close(&pidfd);
	return err;
}

int demo_daemon_start(struct demo_daemon *d, const char *path, const char *config,
		      const char *const *extra)
{
	char run[FILE_MAX];
	int notify, err;

	memset(d, 0, sizeof(*d));
	strcpy(d->dir, "/tmp/ladon.XXXXXX");
	if (!mkdtemp(d->dir)) {
		d->dir[0] = '\0';
		return -errno;
	}
	if (mkdir(in_dir(d, "run", run), 0700) < 0)
		return -errno;
	err = write_config(d, config);
	notify = err ? err : notify_listen(d);
	if (notify < 0)
		return notify;
	d->pid = fork();
	if (d->pid == 0)
		child_exec(d, path, extra);
	err = d->pid < 0 ? -errno : await_ready(d, notify);
	fd_close(&notify);
	return err;
}

bool demo_daemon_alive(const struct demo_daemon *d)
{
	siginfo_t info = {0};

	return d->pid > 0 &&
	       waitid(P_PID, (id_t)d->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       info.si_pid == 0;
}

/* Its exit status as wait(2) gives it. */
static int daemon_end(pid_t pid)
{
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), status = -1;
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

	kill(pid, SIGTERM);
	if (poll(&pfd, 1, STOP_MS) <= 0)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	fd_close(&pidfd);
	return status;
}

static void remove_files(const struct demo_daemon *d)
{
	static const char *const names[] = {"config", "log", "notify"};
	char path[FILE_MAX];

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(in_dir(d, names[i], path));
	/* A daemon that ended well has taken its sockets away; if not, they stay to be looked
	 * at. */
	rmdir(in_dir(d, "run", path));
	rmdir(d->dir);
}

int demo_daemon_stop(struct demo_daemon *d)
{
	int status = d->pid > 0 ? daemon_end(d->pid) : 0;

	if (d->dir[0])
		remove_files(d);
	memset(d, 0, sizeof(*d));
	return status == 0 ? 0 : -EIO;
}

const char *demo_daemon_socket(const struct demo_daemon *d, const char *card, unsigned n,
			       char *buf)
{
	snprintf(buf, DEMO_PATH_MAX, "%s/run/%s/vf%u.sock", d->dir, card, n);
	return buf;
}

const char *demo_daemon_vf(const struct demo_daemon *d, unsigned n, char *buf)
{
	return demo_daemon_socket(d, "nic0", n, buf);
}

const char *demo_daemon_log(const struct demo_daemon *d, char *buf, unsigned size)
{
	char path[FILE_MAX];
	int fd = open(in_dir(d, "log", path), O_RDONLY | O_CLOEXEC);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n =
		fd < 0 ? 0
		       : pread(fd, buf, size - 1, end > (off_t)size - 1 ? end - (size - 1) : 0);

	buf[n > 0 ? n : 0] = '\0';
	fd_close(&fd);
	return buf;
}

/* Splits line at blanks, in place. */
static int split(char *line, char **words)
{
	char *save = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		words[n++] = w;
	return n;
}

static int take_reply(const char *line, struct json_object **ret_data)
{
	json_object *reply = line ? json_tokener_parse(line) : NULL;
	int err = reply ? 0 : -EPROTO;

	if (reply && !cli_bool(reply, "ok"))
		err = -EINVAL;
	if (!err && ret_data)
		*ret_data = json_object_get(cli_get(reply, "data"));
	json_object_put(reply);
	return err;
}

int demo_daemon_ask(const struct demo_daemon *d, const char *line,
		    struct json_object **ret_data)
{
	struct cli cli = {.stats = true};
	char run[FILE_MAX], copy[512], *words[WORDS_MAX], *reply = NULL;
	int fd, err;

	cli.run_dir = in_dir(d, "run", run);
	fd = cli_connect(&cli);
	if (fd < 0)
		return -ENOTCONN;
	snprintf(copy, sizeof(copy), "%s", line);
	if (cli_send(&cli, fd, split(copy, words), words) == 0)
		reply = cli_read_line(fd);
	err = take_reply(reply, ret_data);
	free(reply);
	fd_close(&fd);
	return err;
}

/* The card's object in the answer to link show, or that of one of its VFs. */
static json_object *find_object(json_object *links, int vf)
{
	json_object *card = json_object_array_get_idx(links, 0);
	json_object *list = cli_get(card, "vfinfo_list");

	if (vf < 0)
		return card;
	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		json_object *at = json_object_array_get_idx(list, i);

		if (cli_int(at, "vf") == vf)
			return at;
	}
	return NULL;
}

uint64_t demo_daemon_value(const struct demo_daemon *d, const char *card, int vf,
			   const char *what)
{
	json_object *links = NULL, *at;
	char copy[64], *save = NULL;
	uint64_t value;

	snprintf(copy, sizeof(copy), "link show %s", card);
	if (demo_daemon_ask(d, copy, &links) < 0 ||
	    !json_object_is_type(links, json_type_array)) {
		json_object_put(links);
		return UINT64_MAX;
	}
	at = find_object(links, vf);
	snprintf(copy, sizeof(copy), "%s", what);
	for (char *key = strtok_r(copy, ".", &save); key && at;
	     key = strtok_r(NULL, ".", &save))
		at = cli_get(at, key);
	value = at ? json_object_get_uint64(at) : 0;
	json_object_put(links);
	return value;
}

uint64_t demo_daemon_counter(const struct demo_daemon *d, unsigned n, const char *what)
{
	return demo_daemon_value(d, "nic0", (int)n, what);
}

unsigned demo_daemon_faults(const struct demo_daemon *d)
{
	json_object *data = NULL, *list;
	unsigned n;

	if (demo_daemon_ask(d, "faults nic0", &data) < 0)
		return 0;
	list = json_object_is_type(data, json_type_array) ? data : cli_get(data, "faults");
	n = list ? (unsigned)json_object_array_length(list) : 0;
	json_object_put(data);
	return n;
}
