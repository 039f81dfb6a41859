/* SPDX-License-Identifier: BSD-3-Clause */
/* test_compute.h - for tests of compute hosts, after cmocka.h: a daemon that knows "ch1", and
 * the other end of the fabric by hand. */
#ifndef LADON_DAEMON_TEST_COMPUTE_H
#define LADON_DAEMON_TEST_COMPUTE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "compute.h"
#include "fd.h"
#include "test_daemon.h"

#define HPA	  (1ull << 32)
#define FILE_SIZE (16ull * IOMMU_PAGE)
#define HUGE	  (BIT64(COMPUTE_SLICE_BITS) - HPA) /* all that fits */

static struct test_daemon td;
static const uint8_t key[UUID_SIZE] = "fifteen letters";
static struct compute *host;
static int memory = -1;

static inline int setup(void **state)
{
	struct opts opts = {.mapped_doorbells = true, .cpu = -1};
	struct cmd_error error;

	(void)state;
	test_daemon_start(&td, &opts, false);
	assert_int_equal(compute_add(td.daemon, "ch1", key, COMPUTE_LEASE_MAX, &error), 0);
	host = compute_find(td.daemon, "ch1");
	memory = fd_memfd("memory", FILE_SIZE);
	assert_true(memory >= 0);
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	fd_close(&memory);
	test_daemon_stop(&td);
	return 0;
}

static inline void turn(void)
{
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static inline void run(const char *line)
{
	struct cmd_error error;

	if (test_daemon_run(&td, line, NULL, &error) < 0)
		fail_msg("%s: %s", line, error.text);
}

/* ---- the other side ---- */

static inline int knock(void)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/fabric.sock", td.daemon->run_dir);
	fd = fd_unix_try_connect_packets(path);
	assert_true(fd >= 0);
	turn();
	return fd;
}

/* The next message that is no beat: 1, or what fabric_recv says. */
static inline int hear(int fd, struct fabric_msg *ret)
{
	struct fabric_parcel parcel;
	int n;

	do {
		n = fabric_recv(fd, &parcel);
		if (n == 1)
			fd_close(&parcel.fd);
	} while (n == 1 && parcel.msg.type == FABRIC_BEAT);
	*ret = parcel.msg;
	return n;
}

static inline struct fabric_msg join_msg(const char *name, const uint8_t *with)
{
	struct fabric_msg msg = {.type = FABRIC_JOIN};

	msg.join.version = FABRIC_VERSION;
	snprintf(msg.join.name, sizeof(msg.join.name), "%s", name);
	memcpy(msg.join.key, with, UUID_SIZE);
	return msg;
}

static inline int send_and_turn(int fd, const struct fabric_msg *msg, int with)
{
	int ret = fabric_send(fd, msg, with);

	turn();
	return ret;
}

static inline int join(uint64_t *ret_epoch)
{
	struct fabric_msg msg = join_msg("ch1", key);
	int fd = knock();

	assert_int_equal(send_and_turn(fd, &msg, -1), 0);
	assert_int_equal(hear(fd, &msg), 1);
	assert_int_equal(msg.type, FABRIC_WELCOME);
	*ret_epoch = msg.epoch;
	return fd;
}

static inline struct fabric_msg offer_msg(uint64_t epoch, uint64_t hpa, uint64_t size,
					  uint64_t offset, uint32_t perm)
{
	struct fabric_msg msg = {.type = FABRIC_OFFER, .seq = 7, .epoch = epoch};

	msg.offer.hpa = hpa;
	msg.offer.size = size;
	msg.offer.offset = offset;
	msg.offer.perm = perm;
	return msg;
}

/* The errno that the answer has; a refused offer has a sentence. */
static inline int ask(int fd, const struct fabric_msg *msg, int with)
{
	struct fabric_msg done;

	assert_int_equal(send_and_turn(fd, msg, with), 0);
	assert_int_equal(hear(fd, &done), 1);
	assert_int_equal(done.type, FABRIC_DONE);
	assert_int_equal(done.seq, msg->seq);
	assert_int_equal(!done.done.err, !done.done.why[0]);
	return done.done.err;
}

/* It was shown out, with that reason (NULL: without a word). */
static inline void ended(int fd, const char *why)
{
	struct fabric_msg msg;

	turn();
	if (why) {
		assert_int_equal(hear(fd, &msg), 1);
		assert_int_equal(msg.type, FABRIC_BYE);
		assert_non_null(strstr(msg.done.why, why));
	}
	assert_int_equal(hear(fd, &msg), -ECONNRESET);
	fd_close(&fd);
}

static inline void nobody_joined(void)
{
	assert_int_equal(host->fd, -1);
	assert_int_equal(host->epoch, 0);
	assert_int_equal(host->num_windows, 0);
	assert_int_equal(host->bytes, 0);
}

#endif
