/* SPDX-License-Identifier: BSD-3-Clause */
/* Compute hosts at the fabric's socket: joins, epochs, offers, leases, what ends them. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "compute.h"
#include "fd.h"
#include "function.h"
#include "nic_dp.h"
#include "test_compute.h"

/* ---- joining ---- */

static void joins_that_are_refused(void **state)
{
	struct fabric_msg msg = join_msg("ch1", (const uint8_t *)"fifteen lettres");
	int fd = knock();

	(void)state;
	send_and_turn(fd, &msg, -1);
	ended(fd, "no host of this name with this key");
	assert_int_equal(host->refused, 1);
	msg = join_msg("ch2", key);
	fd = knock();
	send_and_turn(fd, &msg, -1);
	ended(fd, "no host of this name with this key");
	msg = join_msg("ch1", key);
	msg.join.version++;
	fd = knock();
	send_and_turn(fd, &msg, -1);
	ended(fd, "another version");
	msg = offer_msg(0, HPA, IOMMU_PAGE, 0, IOMMU_READ);
	fd = knock();
	send_and_turn(fd, &msg, memory);
	ended(fd, "JOIN");
	fd = knock();
	assert_int_equal(write(fd, &msg, 10), 10);
	ended(fd, NULL);
	nobody_joined();
	assert_int_equal(host->refused, 1);
}

static void a_name_joins_once(void **state)
{
	struct fabric_msg msg = join_msg("ch1", key);
	uint64_t first, second;
	int one = join(&first), other = knock();

	(void)state;
	send_and_turn(other, &msg, -1);
	ended(other, "joined already");
	assert_int_equal(host->epoch, first);
	fd_close(&one);
	turn();
	nobody_joined();
	one = join(&second);
	assert_true(second > first);
	fd_close(&one);
	turn();
}

static void a_crowd_waits_outside(void **state)
{
	struct fabric_msg msg = join_msg("ch1", key);
	uint64_t until = clock_ns() + 20 * NSEC_PER_SEC;
	int crowd[17]; /* one more than may knock at a time */

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(crowd); i++)
		crowd[i] = knock();
	fabric_send(crowd[ARRAY_SIZE(crowd) - 1], &msg, -1);
	turn();
	nobody_joined();
	while (host->fd < 0 && clock_ns() < until)
		assert_int_equal(loop_once(td.daemon->loop, 100), 0);
	assert_true(host->fd >= 0);
	for (unsigned i = 0; i < ARRAY_SIZE(crowd); i++)
		fd_close(&crowd[i]);
	turn();
	nobody_joined();
}

static void the_lease_says_how_often(void **state)
{
	struct fabric_msg msg = join_msg("quick", key);
	struct cmd_error error;
	int fd = knock();

	(void)state;
	assert_int_equal(compute_add(td.daemon, "quick", key, COMPUTE_LEASE_MIN, &error), 0);
	send_and_turn(fd, &msg, -1);
	assert_int_equal(hear(fd, &msg), 1);
	assert_int_equal(msg.welcome.beat_ms, COMPUTE_LEASE_MIN / COMPUTE_BEATS);
	assert_int_equal(msg.welcome.beats, COMPUTE_BEATS);
	/* It says nothing. */
	while (compute_find(td.daemon, "quick")->fd >= 0)
		assert_int_equal(loop_once(td.daemon->loop, 100), 0);
	assert_int_equal(compute_find(td.daemon, "quick")->lost, 1);
	ended(fd, "not heard");
	assert_int_equal(compute_del(compute_find(td.daemon, "quick"), &error), 0);
	assert_null(compute_find(td.daemon, "quick"));
}

/* ---- offers ---- */

static void offers_that_are_refused(void **state)
{
	static const struct {
		uint64_t hpa, size, offset;
		uint32_t perm;
		int want; /* 0: any error */
	} rows[] = {
		{HPA * 2, 0, 0, IOMMU_READ, -EINVAL},
		{HPA * 2, 100, 0, IOMMU_READ, -EINVAL},
		{HPA * 2 + 1, IOMMU_PAGE, 0, IOMMU_READ, -EINVAL},
		{HPA * 2, IOMMU_PAGE, 8, IOMMU_READ, -EINVAL},
		{HPA * 2, IOMMU_PAGE, 0, 0, -EINVAL},
		{HPA * 2, IOMMU_PAGE, 0, 4, -EINVAL},
		{HPA * 2, COMPUTE_BYTES_MAX + IOMMU_PAGE, 0, IOMMU_READ, -ENOSPC},
		{HPA * 2, -(uint64_t)IOMMU_PAGE, 0, IOMMU_READ, -ENOSPC},
		{HPA * 2, FILE_SIZE + IOMMU_PAGE, 0, IOMMU_READ, 0},
		{HPA * 2, IOMMU_PAGE, FILE_SIZE, IOMMU_READ, 0},
		{HPA * 2, IOMMU_PAGE, -(uint64_t)IOMMU_PAGE, IOMMU_READ, 0},
		{HPA, IOMMU_PAGE, 0, IOMMU_READ, 0},
		{HPA - IOMMU_PAGE, 2 * IOMMU_PAGE, 0, IOMMU_READ, 0},
		{HPA + IOMMU_PAGE, 4 * IOMMU_PAGE, 0, IOMMU_READ, 0},
		{-(uint64_t)IOMMU_PAGE, IOMMU_PAGE, 0, IOMMU_READ, 0},
		{BIT64(COMPUTE_SLICE_BITS), IOMMU_PAGE, 0, IOMMU_READ, -EINVAL},
		{BIT64(COMPUTE_SLICE_BITS) - IOMMU_PAGE, 2 * IOMMU_PAGE, 0, IOMMU_READ,
		 -EINVAL},
	};
	uint64_t epoch;
	int fd = join(&epoch);
	struct fabric_msg msg = offer_msg(epoch, HPA, 2 * IOMMU_PAGE, 0, IOMMU_READ);

	(void)state;
	assert_int_equal(ask(fd, &msg, memory), 0);
	msg.offer.hpa = HPA * 2;
	assert_int_equal(ask(fd, &msg, -1), -EBADF);
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		int err;

		msg = offer_msg(epoch, rows[i].hpa, rows[i].size, rows[i].offset, rows[i].perm);
		err = ask(fd, &msg, memory);
		if (err >= 0 || (rows[i].want && err != rows[i].want))
			fail_msg("row %u: %d", i, err);
		assert_int_equal(host->num_windows, 1);
		assert_int_equal(host->bytes, 2 * IOMMU_PAGE);
	}
	fd_close(&fd);
	turn();
	nobody_joined();
}

static void offers_come_and_go(void **state)
{
	uint64_t epoch;
	int fd = join(&epoch);
	struct fabric_msg msg;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		msg = offer_msg(epoch, HPA + i * IOMMU_GRANULE, FILE_SIZE, 0,
				IOMMU_READ | IOMMU_WRITE);
		assert_int_equal(ask(fd, &msg, memory), 0);
	}
	assert_int_equal(host->num_windows, 8);
	assert_int_equal(host->bytes, 8 * FILE_SIZE);
	msg.type = FABRIC_WITHDRAW;
	msg.offer.hpa = HPA + 3 * IOMMU_GRANULE;
	assert_int_equal(ask(fd, &msg, -1), 0);
	assert_int_equal(ask(fd, &msg, -1), -ENOENT);
	assert_int_equal(host->num_windows, 7);
	fd_close(&fd);
	turn();
	nobody_joined();
}

static void there_may_be_too_many(void **state)
{
	uint64_t epoch;
	int fd = join(&epoch);
	unsigned taken = 0;
	struct fabric_msg msg;
	int err;

	(void)state;
	do {
		msg = offer_msg(epoch, HPA + taken * IOMMU_GRANULE, IOMMU_PAGE, 0, IOMMU_READ);
		err = ask(fd, &msg, memory);
	} while (err == 0 && ++taken <= COMPUTE_WINDOWS);
	assert_int_equal(err, -ENOSPC);
	assert_true(taken > 16 && taken <= COMPUTE_WINDOWS);
	assert_int_equal(host->num_windows, taken);
	fd_close(&fd);
	turn();
	nobody_joined();
}

/* It takes long to offer so much: others have their turn between one message and the next. */
static void slow_messages_make_a_short_turn(void **state)
{
	int file = fd_memfd("huge", HUGE);
	struct fabric_msg msg;
	unsigned done = 0;
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	msg = offer_msg(epoch, HPA, HUGE, 0, IOMMU_READ);
	for (unsigned i = 0; i < 8; i++) {
		msg.type = i % 2 ? FABRIC_WITHDRAW : FABRIC_OFFER;
		assert_int_equal(fabric_send(fd, &msg, i % 2 ? -1 : file), 0);
	}
	for (unsigned rounds = 0; done < 8; rounds++) {
		struct fabric_msg answer;
		unsigned n = 0;

		assert_true(rounds < 100);
		assert_int_equal(loop_once(td.daemon->loop, 0), 0);
		while (hear(fd, &answer) == 1) {
			assert_int_equal(answer.done.err, 0);
			n++;
		}
		assert_true(n <= 1);
		done += n;
	}
	fd_close(&file);
	fd_close(&fd);
	turn();
	nobody_joined();
}

static void nothing_leads_into_a_window_that_was_withdrawn(void **state)
{
	int file = fd_memfd("vm", IOMMU_GRANULE);
	struct iommu_domain *dom;
	struct fabric_msg msg;
	uint32_t len = 8;
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	run("card add nic0 model 82576 vfs 1");
	run("vf assign nic0 0 host ch1");
	dom = host->host.functions->dom;
	assert_int_equal(hear(fd, &msg), 1);
	assert_int_equal(msg.type, FABRIC_ASSIGN);
	msg = offer_msg(epoch, HPA, IOMMU_GRANULE, 0, IOMMU_READ | IOMMU_WRITE);
	assert_int_equal(ask(fd, &msg, file), 0);
	assert_non_null(iommu_xlate(dom, HPA, &len, IOMMU_WRITE));
	assert_int_not_equal(dom->flat[HPA / IOMMU_GRANULE], 0);
	msg.type = FABRIC_WITHDRAW;
	assert_int_equal(ask(fd, &msg, -1), 0);
	assert_int_equal(dom->flat[HPA / IOMMU_GRANULE], 0);
	assert_null(iommu_xlate(dom, HPA, &len, IOMMU_WRITE));
	fd_close(&file);
	fd_close(&fd);
	turn();
	run("card del nic0");
	nobody_joined();
}

/* A queue that stopped with an error would stop whoever joins under this name next. */
static void the_unit_is_new_to_who_joins_next(void **state)
{
	struct fabric_msg msg = {.type = FABRIC_REG, .seq = 7};
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	msg.epoch = epoch;
	msg.reg.size = 8;
	msg.reg.offset = VTD_IQA;
	msg.reg.value = HPA | 1;
	assert_int_equal(ask(fd, &msg, -1), 0);
	msg.reg.size = 4;
	msg.reg.offset = VTD_GCMD;
	msg.reg.value = VTD_GCMD_QIE;
	assert_int_equal(ask(fd, &msg, -1), 0);
	msg.reg.offset = VTD_IQT;
	msg.reg.value = 0x100;
	assert_int_equal(ask(fd, &msg, -1), 0);
	assert_int_equal(vtd_read(host->host.vtd, VTD_FSTS, 4), VTD_FSTS_IQE);
	fd_close(&fd);
	turn();
	assert_int_equal(vtd_read(host->host.vtd, VTD_FSTS, 4), 0);
	assert_int_equal(vtd_read(host->host.vtd, VTD_IQA, 8), 0);
	assert_int_equal(vtd_read(host->host.vtd, VTD_IQT, 8), 0);
	assert_int_equal(vtd_read(host->host.vtd, VTD_GSTS, 4), 0);
	nobody_joined();
}

/* ---- what ends it ---- */

static void an_old_epoch_ends_it(void **state)
{
	uint64_t old, epoch;
	int fd = join(&old);
	struct fabric_msg msg;

	(void)state;
	fd_close(&fd);
	turn();
	fd = join(&epoch);
	msg = offer_msg(old, HPA, IOMMU_PAGE, 0, IOMMU_READ);
	send_and_turn(fd, &msg, memory);
	ended(fd, "epoch");
	nobody_joined();
}

static void what_only_we_say_ends_it(void **state)
{
	static const uint32_t types[] = {FABRIC_WELCOME, FABRIC_DONE, FABRIC_ASSIGN,
					 FABRIC_UNASSIGN};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(types); i++) {
		struct fabric_msg msg = {.type = types[i]};
		int fd = join(&msg.epoch);

		send_and_turn(fd, &msg, -1);
		ended(fd, "only the management host says");
		nobody_joined();
	}
}

static void what_is_no_message_ends_it(void **state)
{
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	assert_int_equal(write(fd, "hello", 5), 5);
	ended(fd, "no message");
	nobody_joined();
}

/* Its turn comes, after so much silence that it is the last. Timers come before messages. */
static void last_turn(void)
{
	host->silent = COMPUTE_BEATS;
	loop_timer_arm(host->turn, 0);
	assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static void what_it_said_is_read_before_it_is_given_up(void **state)
{
	struct fabric_msg beat = {.type = FABRIC_BEAT};
	uint64_t lost = host->lost;
	int fd = join(&beat.epoch);

	(void)state;
	assert_int_equal(fabric_send(fd, &beat, -1), 0);
	last_turn();
	assert_int_equal(host->epoch, beat.epoch);
	assert_int_equal(host->silent, 0);
	last_turn();
	assert_int_equal(host->lost, lost + 1);
	ended(fd, "three beats");
	nobody_joined();
}

/* ---- the bridge and the data path ---- */

#define HELD_US 20000

static atomic_bool held, released;

static void hold(void *arg)
{
	(void)arg;
	atomic_store(&held, true);
	usleep(HELD_US);
	atomic_store(&released, true);
}

static void *hold_data_path(void *arg)
{
	nic_dp_call(arg, hold, NULL);
	return NULL;
}

/* The table before the last may be in use, though the last one took nothing away. */
static void a_change_of_the_bridge_waits_for_the_data_path(void **state)
{
	const struct ntb_requester who = {0, 0x1234};
	uint64_t epoch;
	pthread_t thread;
	int fd;

	(void)state;
	assert_int_equal(test_daemon_run(&td, "card add nic0 model 82576 vfs 2", NULL, NULL),
			 0);
	assert_int_equal(test_daemon_run(&td, "vf assign nic0 0 host ch1", NULL, NULL), 0);
	fd = join(&epoch);
	pthread_create(&thread, NULL, hold_data_path, host->host.functions->card->nic->dp);
	while (!atomic_load(&held))
		sched_yield();
	assert_int_equal(ntb_lut_add(&host->port, who, 0x1ff, epoch), 0);
	assert_true(atomic_load(&released));
	pthread_join(thread, NULL);
	assert_int_equal(ntb_lut_del(&host->port, who), 0);
	fd_close(&fd);
	turn();
	nobody_joined();
	assert_int_equal(test_daemon_run(&td, "vf assign nic0 0 host local", NULL, NULL), 0);
	assert_int_equal(test_daemon_run(&td, "card del nic0", NULL, NULL), 0);
}

static void it_is_forgotten_while_joined(void **state)
{
	struct cmd_error error;
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	assert_int_equal(compute_add(td.daemon, "ch1", key, COMPUTE_LEASE_MS, &error), -EEXIST);
	assert_int_equal(compute_del(host, &error), 0);
	ended(fd, "ends it");
	assert_null(compute_find(td.daemon, "ch1"));
	assert_int_equal(compute_add(td.daemon, "ch1", key, COMPUTE_LEASE_MAX, &error), 0);
	host = compute_find(td.daemon, "ch1");
	nobody_joined();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_that_are_refused),
		cmocka_unit_test(a_name_joins_once),
		cmocka_unit_test(the_lease_says_how_often),
		cmocka_unit_test(a_crowd_waits_outside),
		cmocka_unit_test(offers_that_are_refused),
		cmocka_unit_test(offers_come_and_go),
		cmocka_unit_test(there_may_be_too_many),
		cmocka_unit_test(slow_messages_make_a_short_turn),
		cmocka_unit_test(nothing_leads_into_a_window_that_was_withdrawn),
		cmocka_unit_test(the_unit_is_new_to_who_joins_next),
		cmocka_unit_test(an_old_epoch_ends_it),
		cmocka_unit_test(what_only_we_say_ends_it),
		cmocka_unit_test(what_is_no_message_ends_it),
		cmocka_unit_test(what_it_said_is_read_before_it_is_given_up),
		cmocka_unit_test(a_change_of_the_bridge_waits_for_the_data_path),
		cmocka_unit_test(it_is_forgotten_while_joined),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
