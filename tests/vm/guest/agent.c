// SPDX-License-Identifier: BSD-3-Clause
/*
 * The guest's end of tests/vm: PID 1 after /init, serving commands that come
 * over a virtio-serial port.
 *
 * Lines from the host:   R <id> <base64 of a shell command>    run it
 *                        K <id>                                kill its process group
 * Lines to the host:     HELLO <boot id>                       once, at start
 *                        O <id> <base64>                       a piece of its output
 *                        X <id> <exit code>                    it ended (128+n: signal n)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_JOBS = 64, CHUNK = 12 * 1024, LINE_MAX_LEN = 1 << 20 };

struct job {
	char id[24];
	pid_t pid;
	int out;
	int status;
	int done;
};

static struct job jobs[MAX_JOBS];
static int port;
static char line[LINE_MAX_LEN];
static size_t line_len;

/* Write all of a buffer to the port. */
static void send_all(const char *buf, size_t len)
{
	while (len > 0) {
		ssize_t n = write(port, buf, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			usleep(10000); /* the host is not connected */
			continue;
		}
		buf += n;
		len -= (size_t)n;
	}
}

/* Send one output line of a job, its data in base64. */
static void send_output(const struct job *j, const unsigned char *p, size_t len)
{
	static const char abc[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static char out[CHUNK * 4 / 3 + 64];
	size_t n = (size_t)snprintf(out, 64, "O %s ", j->id);

	for (size_t i = 0; i < len; i += 3) {
		unsigned v = (unsigned)p[i] << 16;

		v |= i + 1 < len ? (unsigned)p[i + 1] << 8 : 0;
		v |= i + 2 < len ? p[i + 2] : 0;
		out[n++] = abc[v >> 18];
		out[n++] = abc[v >> 12 & 63];
		out[n++] = i + 1 < len ? abc[v >> 6 & 63] : '=';
		out[n++] = i + 2 < len ? abc[v & 63] : '=';
	}
	out[n++] = '\n';
	send_all(out, n);
}

/* Decode base64 in place; return the length. */
static size_t decode(char *s)
{
	unsigned v = 0, bits = 0;
	size_t n = 0;

	for (const char *p = s; *p && *p != '='; p++) {
		unsigned d = *p >= 'a'	 ? *p - 'a' + 26U
			     : *p >= 'A' ? *p - 'A' + 0U
			     : *p >= '0' ? *p - '0' + 52U
			     : *p == '+' ? 62U
					 : 63U;

		v = v << 6 | d;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			s[n++] = (char)(v >> bits & 255);
		}
	}
	s[n] = 0;
	return n;
}

/* Become the shell of a command. */
static void child(const char *command, int out)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setpgid(0, 0);
	dup2(open("/dev/null", O_RDONLY), 0);
	dup2(out, 1);
	dup2(out, 2);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* Start a command as a job of its own process group. */
static void start_job(const char *id, char *encoded)
{
	struct job *j = jobs;
	char command_file[48];
	int pipes[2], fd;
	size_t len;

	while (j < jobs + MAX_JOBS && j->pid)
		j++;
	if (j == jobs + MAX_JOBS || pipe2(pipes, O_CLOEXEC)) {
		static struct job refused;

		snprintf(refused.id, sizeof(refused.id), "%s", id);
		send_output(&refused, (const unsigned char *)"agent: no room\n", 15);
		dprintf(port, "X %s 125\n", id);
		return;
	}
	len = decode(encoded);
	snprintf(j->id, sizeof(j->id), "%s", id);
	/* exec refuses arguments above 128 KiB: long commands go through a file. */
	if (len > 100000) {
		snprintf(command_file, sizeof(command_file), "/tmp/.cmd.%s", id);
		fd = open(command_file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (fd < 0 || write(fd, encoded, len) != (ssize_t)len)
			perror("agent: command file");
		close(fd);
		snprintf(encoded, 160, ". %s; r=$?; rm -f %s; exit $r", command_file,
			 command_file);
	}
	j->out = pipes[0];
	j->done = 0;
	j->pid = fork();
	if (j->pid == 0)
		child(encoded, pipes[1]);
	setpgid(j->pid, j->pid); /* here too: a K may come before the child runs */
	close(pipes[1]);
}

/* Obey one line of the host. */
static void obey(char *s)
{
	char *id, *rest;

	if ((s[0] != 'R' && s[0] != 'K') || s[1] != ' ')
		return;
	id = s + 2;
	rest = strchr(id, ' ');
	if (rest)
		*rest++ = 0;
	if (s[0] == 'R' && rest) {
		start_job(id, rest);
		return;
	}
	for (struct job *j = jobs; j < jobs + MAX_JOBS; j++)
		if (j->pid > 0 && !strcmp(j->id, id) && !j->done)
			kill(-j->pid, SIGKILL);
}

/* Read what the host sent and obey every whole line. */
static void read_port(void)
{
	ssize_t n = read(port, line + line_len, sizeof(line) - line_len - 1);
	char *from = line, *end;

	if (n <= 0) {
		usleep(10000);
		return;
	}
	line_len += (size_t)n;
	line[line_len] = 0;
	while ((end = strchr(from, '\n')) != NULL) {
		*end = 0;
		obey(from);
		from = end + 1;
	}
	line_len -= (size_t)(from - line);
	memmove(line, from, line_len);
	if (line_len == sizeof(line) - 1)
		line_len = 0;
}

/* Reap what ended; a job is over when its shell has ended, whoever else holds its pipe. */
static void reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (struct job *j = jobs; j < jobs + MAX_JOBS; j++)
			if (j->pid == pid) {
				j->done = 1;
				j->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
								: WEXITSTATUS(status);
			}
}

/* Pass on what a job printed; return what read said. */
static ssize_t drain(struct job *j)
{
	static unsigned char buf[CHUNK];
	ssize_t n = read(j->out, buf, sizeof(buf));

	if (n > 0)
		send_output(j, buf, (size_t)n);
	return n;
}

/* Report a job whose shell ended, after the rest of its output. */
static void finish(struct job *j)
{
	fcntl(j->out, F_SETFL, O_NONBLOCK);
	while (drain(j) > 0)
		;
	close(j->out);
	dprintf(port, "X %s %d\n", j->id, j->status);
	j->pid = 0;
}

/* Wake poll on SIGCHLD. */
static void on_child(int sig)
{
	(void)sig;
}

/* Wait for the port and the jobs once, and serve them. */
static void serve_once(const sigset_t *waiting)
{
	struct pollfd fds[MAX_JOBS + 1] = {{.fd = port, .events = POLLIN}};
	struct job *of[MAX_JOBS + 1];
	nfds_t n = 1;

	for (struct job *j = jobs; j < jobs + MAX_JOBS; j++)
		if (j->pid && j->out >= 0) {
			of[n] = j;
			fds[n++] = (struct pollfd){.fd = j->out, .events = POLLIN};
		}
	if (ppoll(fds, n, NULL, waiting) > 0) {
		for (nfds_t i = 1; i < n; i++)
			if (fds[i].revents && drain(of[i]) <= 0) {
				/* All writers are gone; the exit follows by SIGCHLD. */
				close(of[i]->out);
				of[i]->out = -1;
			}
		if (fds[0].revents)
			read_port();
	}
	reap();
	for (struct job *j = jobs; j < jobs + MAX_JOBS; j++)
		if (j->pid && j->done) {
			if (j->out >= 0) {
				finish(j);
			} else {
				dprintf(port, "X %s %d\n", j->id, j->status);
				j->pid = 0;
			}
		}
}

/* Serve until the machine goes away. */
int main(int argc, char **argv)
{
	struct sigaction act = {.sa_handler = on_child};
	sigset_t child_set, waiting;
	char boot_id[64] = "";
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		if (read(fd, boot_id, 36) < 0)
			boot_id[0] = 0;
		close(fd);
	}
	port = open(argc > 1 ? argv[1] : "/dev/vport0p1", O_RDWR | O_CLOEXEC);
	if (port < 0) {
		perror("agent: port");
		return 1;
	}
	sigprocmask(SIG_BLOCK, NULL, &waiting);
	sigdelset(&waiting, SIGCHLD);
	sigemptyset(&child_set);
	sigaddset(&child_set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_set, NULL);
	sigaction(SIGCHLD, &act, NULL);
	dprintf(port, "\nHELLO %s\n", boot_id);
	for (;;)
		serve_once(&waiting);
}
