/* SPDX-License-Identifier: BSD-3-Clause */
/* Compute hosts at the fabric's socket: joins, epochs, offers, leases, what ends them. */
#include <errno.h>
#include <fcntl.h>
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
#include "jam.h"
#include "nic_dp.h"
#include "test_daemon.h"

#define HPA	  (1ull << 32)
#define FILE_SIZE (16ull * IOMMU_PAGE)
#define HUGE	  (BIT64(COMPUTE_SLICE_BITS) - HPA) /* all that fits */

static struct test_daemon td;
static const uint8_t key[UUID_SIZE] = "fifteen letters";
static struct compute *host;
static int memory = -1;

static int setup(void **state)
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

static int teardown(void **state)
{
	(void)state;
	fd_close(&memory);
	test_daemon_stop(&td);
	return 0;
}

static void turn(void)
{
	for (unsigned i = 0; i < 8; i++)
		assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static void run(const char *line)
{
	struct cmd_error error;

	if (test_daemon_run(&td, line, NULL, &error) < 0)
		fail_msg("%s: %s", line, error.text);
}

/* ---- the other side ---- */

static int knock(void)
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
static int hear(int fd, struct fabric_msg *ret)
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

static struct fabric_msg join_msg(const char *name, const uint8_t *with)
{
	struct fabric_msg msg = {.type = FABRIC_JOIN};

	msg.join.version = FABRIC_VERSION;
	snprintf(msg.join.name, sizeof(msg.join.name), "%s", name);
	memcpy(msg.join.key, with, UUID_SIZE);
	return msg;
}

static int send_and_turn(int fd, const struct fabric_msg *msg, int with)
{
	int ret = fabric_send(fd, msg, with);

	turn();
	return ret;
}

static int join(uint64_t *ret_epoch)
{
	struct fabric_msg msg = join_msg("ch1", key);
	int fd = knock();

	assert_int_equal(send_and_turn(fd, &msg, -1), 0);
	assert_int_equal(hear(fd, &msg), 1);
	assert_int_equal(msg.type, FABRIC_WELCOME);
	*ret_epoch = msg.epoch;
	return fd;
}

static struct fabric_msg offer_msg(uint64_t epoch, uint64_t hpa, uint64_t size, uint64_t offset,
				   uint32_t perm)
{
	struct fabric_msg msg = {.type = FABRIC_OFFER, .seq = 7, .epoch = epoch};

	msg.offer.hpa = hpa;
	msg.offer.size = size;
	msg.offer.offset = offset;
	msg.offer.perm = perm;
	return msg;
}

/* The errno that the answer has; a refused offer has a sentence. */
static int ask(int fd, const struct fabric_msg *msg, int with)
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
static void ended(int fd, const char *why)
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

static void nobody_joined(void)
{
	assert_int_equal(host->fd, -1);
	assert_int_equal(host->epoch, 0);
	assert_int_equal(host->num_windows, 0);
	assert_int_equal(host->bytes, 0);
}

static void port_says(const char *path, const char *want)
{
	char text[80];

	assert_string_equal(test_daemon_get(&td, "host show ch1", path, text, sizeof(text)),
			    want);
}

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

/* ---- the registers of the bridge ---- */

static int part(int fd, uint64_t epoch, uint32_t which)
{
	struct fabric_msg msg = {.type = FABRIC_BRIDGE, .seq = 7, .epoch = epoch};
	struct fabric_parcel parcel;

	msg.bridge.part = which;
	assert_int_equal(send_and_turn(fd, &msg, -1), 0);
	do
		assert_int_equal(fabric_recv(fd, &parcel), 1);
	while (parcel.msg.type == FABRIC_BEAT);
	assert_int_equal(parcel.msg.type, FABRIC_DONE);
	assert_int_equal(parcel.msg.done.err, parcel.fd < 0 ? -EINVAL : 0);
	return parcel.fd;
}

/* The other side of the page: own and peer are its eventfds. */
static void open_regs(int fd, uint64_t epoch, struct ntb_dev *ret_dev, int *own, int *peer)
{
	int owns[NTB_EVENTS], peers[NTB_EVENTS];
	const char *why;

	*own = part(fd, epoch, FABRIC_BRIDGE_COMPUTE);
	*peer = part(fd, epoch, FABRIC_BRIDGE_MANAGEMENT);
	for (unsigned i = 0; i < NTB_EVENTS; i++) {
		owns[i] = *own;
		peers[i] = *peer;
	}
	assert_int_equal(ntb_dev_init(ret_dev, part(fd, epoch, FABRIC_BRIDGE_PAGE), 1, owns,
				      peers, &why),
			 0);
	assert_int_equal(part(fd, epoch, FABRIC_BRIDGE_MANAGEMENT + 1), -1);
	ntb_db_clear_mask(ret_dev, FABRIC_DB_RING);
	ntb_link_enable(ret_dev);
	ntb_event_take(*own);
}

static void a_turn(void)
{
	loop_timer_arm(host->turn, 0);
	assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static void a_scratchpad_keeps_the_lease(void **state)
{
	uint64_t lost = host->lost, epoch;
	struct fabric_msg msg;
	struct ntb_dev dev;
	int fd = join(&epoch), own, peer;

	(void)state;
	open_regs(fd, epoch, &dev, &own, &peer);
	turn();
	for (uint32_t i = 1; i < 4 * COMPUTE_BEATS; i++) {
		uint32_t beats = ntb_spad_read(&dev, FABRIC_SPAD_BEAT);

		assert_int_equal(ntb_peer_spad_write(&dev, FABRIC_SPAD_BEAT, i), 0);
		a_turn();
		assert_int_equal(host->silent, 1);
		assert_int_equal(ntb_spad_read(&dev, FABRIC_SPAD_BEAT), beats + 1);
	}
	/* No message meanwhile. The same number again is no beat. */
	assert_int_equal(hear(fd, &msg), 0);
	for (unsigned i = 0; i < COMPUTE_BEATS; i++) {
		ntb_peer_spad_write(&dev, FABRIC_SPAD_BEAT, 4 * COMPUTE_BEATS - 1);
		a_turn();
	}
	assert_int_equal(host->lost, lost + 1);
	assert_false(ntb_link_is_up(&dev));
	assert_int_equal(ntb_peer_spad_write(&dev, FABRIC_SPAD_BEAT, 0), -ENOTCONN);
	ntb_dev_done(&dev);
	fd_close(&own);
	fd_close(&peer);
	ended(fd, "three beats");
	nobody_joined();
}

/* While the registers' link is down beats are messages, both ways. */
static void without_registers_beats_are_messages(void **state)
{
	struct fabric_msg beat = {.type = FABRIC_BEAT};
	struct fabric_parcel parcel;
	int fd = join(&beat.epoch);

	(void)state;
	for (unsigned i = 0; i < 2 * COMPUTE_BEATS; i++) {
		assert_int_equal(fabric_send(fd, &beat, -1), 0);
		turn();
		a_turn();
		assert_int_equal(host->silent, 1);
		assert_int_equal(fabric_recv(fd, &parcel), 1);
		assert_int_equal(parcel.msg.type, FABRIC_BEAT);
	}
	port_says("0.registers.up", "false");
	fd_close(&fd);
	turn();
	nobody_joined();
}

static void a_ring_is_answered(void **state)
{
	struct ntb_dev dev;
	uint64_t epoch;
	int fd = join(&epoch), own, peer;

	(void)state;
	open_regs(fd, epoch, &dev, &own, &peer);
	port_says("0.registers.up", "true");
	port_says("0.registers.round_trip_us", "null");
	a_turn();
	assert_false(ntb_event_take(own)); /* it rings once a second */
	host->regs.rung_ns = 0;
	a_turn();
	assert_true(ntb_event_take(own));
	assert_int_equal(ntb_db_read(&dev), FABRIC_DB_RING);
	ntb_db_clear(&dev, FABRIC_DB_RING);
	assert_int_equal(ntb_spad_read(&dev, FABRIC_SPAD_RING), 1);
	/* A doorbell that answers another ring is none. */
	ntb_peer_spad_write(&dev, FABRIC_SPAD_RING, 2);
	assert_int_equal(ntb_peer_db_set(&dev, FABRIC_DB_RING), 0);
	turn();
	assert_true(host->regs.waiting);
	ntb_peer_spad_write(&dev, FABRIC_SPAD_RING, 1);
	assert_int_equal(ntb_peer_db_set(&dev, FABRIC_DB_RING), 0);
	turn();
	assert_false(host->regs.waiting);
	assert_null(host->regs.source);
	port_says("0.registers.rings", "1");
	/* Nobody listens to who rings unasked. */
	ntb_peer_db_set(&dev, FABRIC_DB_RING);
	turn();
	assert_true(ntb_event_take(peer));
	ntb_dev_done(&dev);
	fd_close(&own);
	fd_close(&peer);
	fd_close(&fd);
	turn();
	port_says("0.registers.up", "false");
	nobody_joined();
}

/* A late answer is found by a beat, and nobody listens meanwhile. */
static void a_late_answer_counts(void **state)
{
	struct ntb_dev dev;
	uint64_t epoch;
	int fd = join(&epoch), own, peer;

	(void)state;
	open_regs(fd, epoch, &dev, &own, &peer);
	host->regs.rung_ns = 0;
	a_turn();
	assert_non_null(host->regs.source);
	a_turn();
	assert_null(host->regs.source);
	assert_true(host->regs.waiting);
	ntb_peer_spad_write(&dev, FABRIC_SPAD_RING, host->regs.rings);
	turn();
	assert_true(host->regs.waiting);
	a_turn();
	assert_false(host->regs.waiting);
	assert_true(host->regs.round_trip_ns > 0);
	ntb_dev_done(&dev);
	fd_close(&own);
	fd_close(&peer);
	fd_close(&fd);
	turn();
	nobody_joined();
}

/* It fills its eventfd and makes it block. */
static void a_doorbell_that_blocks_ends_it(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	struct ntb_dev dev;
	uint64_t epoch;
	int fd = join(&epoch), own, peer;

	(void)state;
	open_regs(fd, epoch, &dev, &own, &peer);
	assert_int_equal(write(own, &full, sizeof(full)), sizeof(full));
	assert_int_equal(fcntl(own, F_SETFL, 0), 0);
	host->regs.rung_ns = 0;
	a_turn();
	assert_int_equal(fcntl(own, F_SETFL, O_NONBLOCK), 0);
	ntb_dev_done(&dev);
	fd_close(&own);
	fd_close(&peer);
	ended(fd, "made to block");
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

/* Its DMA is refused now: by whom, in the words of `ladon faults`. */
static const char *refused_by(struct function *fn, uint64_t iova)
{
	struct iommu_fault fault = {.addr = iova, .rid = fn->rid, .write = true};
	static char level[64];
	uint32_t len = 8;
	char path[32];
	bool say;

	assert_null(iommu_xlate(fn->dom, iova, &len, IOMMU_WRITE));
	fault.reason = (uint8_t)iommu_reason(fn->dom, iova, IOMMU_WRITE, &say);
	assert_true(iommu_fault_push(nic_dp_faults(fn->card->nic->dp), &fault));
	faults_collect_all(td.daemon);
	snprintf(path, sizeof(path), "%u.host", (unsigned)td.daemon->faults.total - 1);
	assert_string_equal(test_daemon_get(&td, "faults", path, level, sizeof(level)), "ch1");
	snprintf(path, sizeof(path), "%u.level", (unsigned)td.daemon->faults.total - 1);
	return test_daemon_get(&td, "faults", path, level, sizeof(level));
}

/* Each of the checks takes its turn to be the one that is in the way. */
static void a_fault_names_the_check_that_caught_it(void **state)
{
	int file = fd_memfd("vm", IOMMU_GRANULE);
	struct ntb_requester who = {0};
	struct fabric_msg msg;
	struct function *fn;
	char text[16];
	uint32_t len = 8;
	uint64_t epoch;
	int fd = join(&epoch);

	(void)state;
	run("card add nic0 model 82576 vfs 1");
	run("vf assign nic0 0 host ch1");
	fn = host->host.functions;
	who.rid = fn->rid;
	assert_int_equal(hear(fd, &msg), 1);
	msg = offer_msg(epoch, HPA, IOMMU_GRANULE, 0, IOMMU_READ | IOMMU_WRITE);
	assert_int_equal(ask(fd, &msg, file), 0);
	memset(&host->port.stats, 0, sizeof(host->port.stats));
	assert_non_null(iommu_xlate(fn->dom, HPA, &len, IOMMU_WRITE));
	assert_true(host->port.stats.passed > 0);
	snprintf(text, sizeof(text), "%u", (unsigned)host->port.stats.passed);
	port_says("0.port.passed", text);
	assert_string_equal(refused_by(fn, 2 * HPA), "compute-host memory");
	assert_string_equal(refused_by(fn, BIT64(COMPUTE_SLICE_BITS)), "management-host IOMMU");
	assert_int_equal(ntb_window_clear(&host->port, 2), 0); /* all above 4 GiB */
	assert_string_equal(refused_by(fn, HPA), "NTB window");
	port_says("0.port.refused.no_window", "1");
	assert_int_equal(ntb_lut_del(&host->port, who), 0);
	assert_string_equal(refused_by(fn, 0x1000), "requester table");
	port_says("0.port.refused.requester", "1");
	port_says("0.port.last.1.function", "nic0/vf0");
	port_says("0.port.last.1.reason", "the requester is not admitted at this port");
	ntb_port_revoke(&host->port, epoch);
	assert_string_equal(refused_by(fn, 0x1000), "NTB window");
	port_says("0.port.refused.revoked", "1");
	port_says("0.port.last.3.reason", "null");
	assert_string_equal(faults_level(IOMMU_FAULT_NOT_MAPPED, true), "compute-host IOMMU");
	assert_string_equal(faults_level(IR_FAULT_SOURCE, true), "interrupt remapping");
	assert_string_equal(faults_level(IOMMU_FAULT_NOT_MAPPED, false),
			    "management-host IOMMU");
	fd_close(&file);
	fd_close(&fd);
	turn();
	port_says("0.port.up", "false");
	run("card del nic0");
	nobody_joined();
}

/* The port's ring of records is small, and a hostile guest fills it all the time. */
static void refusals_are_taken_at_every_beat(void **state)
{
	const struct ntb_requester who = {0, 0x1234};
	uint64_t total = host->refusals.total, epoch;
	struct ntb_path path;
	int fd = join(&epoch);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		for (unsigned n = 0; n < NTB_FAULT_RING; n++)
			ntb_route(&host->port, who, n, 1, IOMMU_READ, &path);
		loop_timer_arm(host->turn, 0);
		assert_int_equal(loop_once(td.daemon->loop, 0), 0);
	}
	assert_int_equal(host->refusals.total - total, 2 * NTB_FAULT_RING);
	port_says("0.port.records_lost", "0");
	port_says("0.port.last.15.address", "0x7f");
	port_says("0.port.last.15.function", "?");
	port_says("0.port.last.16.address", "null");
	fd_close(&fd);
	turn();
	nobody_joined();
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
		cmocka_unit_test(a_scratchpad_keeps_the_lease),
		cmocka_unit_test(without_registers_beats_are_messages),
		cmocka_unit_test(a_ring_is_answered),
		cmocka_unit_test(a_late_answer_counts),
		cmocka_unit_test(a_doorbell_that_blocks_ends_it),
		cmocka_unit_test(a_change_of_the_bridge_waits_for_the_data_path),
		cmocka_unit_test(a_fault_names_the_check_that_caught_it),
		cmocka_unit_test(refusals_are_taken_at_every_beat),
		cmocka_unit_test(it_is_forgotten_while_joined),
	};

	if (jam_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
