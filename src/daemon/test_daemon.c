/* SPDX-License-Identifier: BSD-3-Clause */
#include "test_daemon.h"

#include <errno.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "cmd.h"
#include "fd.h"

static void on_call(void *arg, uint32_t events)
{
	struct test_daemon *td = arg;
	uint64_t n;

	(void)events;
	if (read(td->call_fd, &n, sizeof(n)) != sizeof(n))
		return;
	td->fn(td->arg);
	sem_post(&td->called);
}

static void *run_loop(void *arg)
{
	struct test_daemon *td = arg;

	loop_run(td->daemon->loop);
	return NULL;
}

void test_daemon_start(struct test_daemon *td, const struct opts *opts, bool threaded)
{
	struct opts own = *opts;
	struct cmd_error error;

	*td = (struct test_daemon){.threaded = threaded};
	strcpy(td->dir, "/tmp/ladon-test-XXXXXX");
	assert_non_null(mkdtemp(td->dir));
	own.run_dir = td->dir;
	log_set_level(LOG_LVL_ERR);
	if (daemon_new(&own, &td->daemon, &error) < 0)
		fail_msg("%s", error.text);
	if (!threaded)
		return;
	sem_init(&td->called, 0, 0);
	td->call_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	assert_int_equal(
		loop_add_fd(td->daemon->loop, td->call_fd, EPOLLIN, on_call, td, &td->source),
		0);
	assert_int_equal(pthread_create(&td->thread, NULL, run_loop, td), 0);
}

void test_daemon_start_card(struct test_daemon *td, bool mapped_doorbells)
{
	struct opts opts = {.mapped_doorbells = mapped_doorbells, .cpu = -1};

	test_daemon_start(td, &opts, true);
	assert_int_equal(test_daemon_run(td, "card add nic0 model 82576 vfs 2", NULL, NULL), 0);
}

const char *test_daemon_socket(const struct test_daemon *td, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/nic0/%s.sock", td->dir, name);
	return path;
}

static void do_stop(void *arg)
{
	loop_stop(arg);
}

/* The directory is empty then: that no socket is left is part of every test. */
void test_daemon_stop(struct test_daemon *td)
{
	if (td->threaded) {
		test_daemon_call(td, do_stop, td->daemon->loop);
		pthread_join(td->thread, NULL);
		loop_fd_del(td->source);
		fd_close(&td->call_fd);
		sem_destroy(&td->called);
	}
	daemon_free(td->daemon);
	assert_int_equal(rmdir(td->dir), 0);
}

void test_daemon_call(struct test_daemon *td, void (*fn)(void *arg), void *arg)
{
	uint64_t one = 1;

	if (!td->threaded) {
		fn(arg);
		return;
	}
	td->fn = fn;
	td->arg = arg;
	assert_int_equal(write(td->call_fd, &one, sizeof(one)), sizeof(one));
	while (sem_wait(&td->called) < 0)
		assert_int_equal(errno, EINTR);
}

struct line {
	struct daemon *daemon;
	const struct cmd *cmd;
	struct json_object *data;
	struct cmd_error *error;
	int ret;
};

static void do_run(void *arg)
{
	struct line *line = arg;

	line->ret = cmd_run(line->daemon, line->cmd, &line->data, line->error);
}

int test_daemon_run(struct test_daemon *td, const char *text, struct json_object **ret_data,
		    struct cmd_error *error)
{
	struct cmd_error own;
	struct line line = {.daemon = td->daemon, .error = error ? error : &own};
	const char *words[WORDS_MAX];
	char copy[512];
	struct cmd cmd;
	int num, ret;

	snprintf(copy, sizeof(copy), "%s", text);
	num = words_cut(copy, words, WORDS_MAX);
	ret = cmd_parse(words, (unsigned)num, &cmd, line.error);
	if (ret < 0)
		return ret;
	cmd.stats = true;
	line.cmd = &cmd;
	test_daemon_call(td, do_run, &line);
	if (ret_data)
		*ret_data = line.data;
	else
		json_object_put(line.data);
	return line.ret;
}

static struct json_object *member(struct json_object *obj, const char *key)
{
	if (json_object_is_type(obj, json_type_array))
		return json_object_array_get_idx(obj, (size_t)atoi(key));
	if (json_object_is_type(obj, json_type_object))
		return json_object_object_get(obj, key);
	return NULL;
}

const char *test_daemon_get(struct test_daemon *td, const char *line, const char *path,
			    char *buf, unsigned size)
{
	struct json_object *data = NULL, *at;
	char copy[128], *save, *key;

	assert_int_equal(test_daemon_run(td, line, &data, NULL), 0);
	at = data;
	snprintf(copy, sizeof(copy), "%s", path);
	for (key = strtok_r(copy, ".", &save); key; key = strtok_r(NULL, ".", &save))
		at = member(at, key);
	snprintf(buf, size, "%s",
		 at ? json_object_is_type(at, json_type_string)
				 ? json_object_get_string(at)
				 : json_object_to_json_string_ext(
					   at, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE)
		    : "null");
	json_object_put(data);
	return buf;
}
