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
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "compute.h"
#include "fd.h"
#include "function.h"
#include "nic_dp.h"
#include "pi_desc.h"
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

/* ---- a host that does not read ---- */

#define MANY 255u

static struct {
	int fd;
	uint64_t epoch;
} deaf;

/* It has joined, its socket takes next to nothing, and it has been told of many VFs. */
static int start_telling(void **state)
{
	const int little = 1;
	char line[64];

	(void)state;
	deaf.fd = join(&deaf.epoch);
	if (setsockopt(host->fd, SOL_SOCKET, SO_SNDBUF, &little, sizeof(little)) < 0)
		return -1;
	run("card add nic0 model 82576 vfs 255");
	for (unsigned n = 0; n < MANY; n++) {
		snprintf(line, sizeof(line), "vf assign nic0 vf %u host ch1", n);
		run(line);
	}
	return 0;
}

static int stop_telling(void **state)
{
	(void)state;
	fd_close(&deaf.fd);
	turn();
	run("card del nic0");
	nobody_joined();
	assert_int_equal(host->num_out, 0);
	return 0;
}

/* The next thing it is told, beats apart; what comes with it is closed. */
static struct fabric_msg told(bool *ret_file)
{
	struct fabric_parcel parcel;
	int ret;

	do {
		turn();
		ret = fabric_recv(deaf.fd, &parcel);
		if (ret < 0)
			fail_msg("the connection is over");
	} while (ret == 0 || parcel.msg.type == FABRIC_BEAT);
	*ret_file = parcel.fd >= 0;
	fd_close(&parcel.fd);
	return parcel.msg;
}

static void what_it_is_told_waits_until_it_reads(void **state)
{
	struct fabric_msg msg = offer_msg(deaf.epoch, HPA, FILE_SIZE, 0, IOMMU_READ), heard;
	unsigned before = host->num_out;
	bool file;

	(void)state;
	assert_true(before > MANY / 2);
	assert_int_equal(send_and_turn(deaf.fd, &msg, memory), 0);
	msg = (struct fabric_msg){.type = FABRIC_OPEN, .seq = 8, .epoch = deaf.epoch};
	snprintf(msg.vf.card, sizeof(msg.vf.card), "nic0");
	msg.vf.vf = MANY - 1;
	assert_int_equal(send_and_turn(deaf.fd, &msg, -1), 0);
	assert_int_equal(host->num_out, before + 2);
	for (unsigned n = 0; n < MANY; n++) {
		heard = told(&file);
		assert_int_equal(heard.type, FABRIC_ASSIGN);
		assert_int_equal(heard.vf.vf, n);
		assert_int_equal(heard.epoch, deaf.epoch);
	}
	heard = told(&file);
	assert_true(heard.type == FABRIC_DONE && heard.seq == 7 && heard.done.err == 0 &&
		    !file);
	heard = told(&file);
	assert_true(heard.type == FABRIC_DONE && heard.seq == 8 && heard.done.err == 0 && file);
	turn();
	assert_int_equal(host->num_out, 0);
	/* From now on at once. */
	run("vf assign nic0 0 host local");
	assert_int_equal(host->num_out, 0);
	assert_int_equal(told(&file).type, FABRIC_UNASSIGN);
}

static void beat_once(void)
{
	host->silent = 0;
	loop_timer_arm(host->turn, 0);
	assert_int_equal(loop_once(td.daemon->loop, 0), 0);
}

static void it_is_given_up_when_it_does_not_read(void **state)
{
	bool file;

	(void)state;
	for (unsigned i = 0; i < COMPUTE_BEATS; i++)
		beat_once();
	/* It reads something, in time. */
	for (unsigned i = 0; i < MANY / 2; i++)
		told(&file);
	for (unsigned i = 0; i < COMPUTE_BEATS; i++)
		beat_once();
	assert_int_equal(host->epoch, deaf.epoch);
	beat_once();
	nobody_joined();
}

static void there_is_an_end_to_what_waits(void **state)
{
	unsigned i;

	(void)state;
	for (i = 0; i < 2000 && host->fd >= 0; i++)
		run(i % 2 ? "vf assign nic0 0 host ch1" : "vf assign nic0 0 host local");
	assert_in_range(i, 500, 1000);
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

/* Of all address spaces in our own tables. */
static void assert_own_dids(void)
{
	uint8_t seen[UINT16_MAX + 1] = {0};

	for (const struct card *card = td.daemon->cards; card; card = card->next) {
		for (unsigned n = 0; n < 4; n++) {
			struct vtd_context ctx;

			vtd_context_of(td.daemon->local.vtd, card->functions[n]->rid, &ctx);
			assert_true(ctx.found);
			assert_int_equal(seen[ctx.did]++, 0);
			assert_in_range(ctx.did, 1, 63); /* they are given back */
		}
	}
}

/* A domain's number tells whose translations are meant when something is invalidated. */
static void address_spaces_have_numbers_of_their_own(void **state)
{
	(void)state;
	run("card add nic0 model 82576 vfs 4");
	assert_own_dids();
	run("vf assign nic0 0 host ch1");
	for (unsigned i = 0; i < 40; i++)
		run(i % 2 ? "vf assign nic0 2 host ch1" : "vf assign nic0 2 host local");
	assert_own_dids();
	run("card add nic1 model 82576 vfs 4");
	run("vf assign nic0 0 host local");
	run("vf assign nic1 3 host ch1");
	assert_own_dids();
	run("card del nic0");
	assert_own_dids();
	run("card add nic0 model 82576 vfs 4");
	assert_own_dids();
	run("card del nic1");
	run("card del nic0");
}

static void hosts_and_functions_are_told_in_the_order_they_came(void **state)
{
	struct cmd_error error;
	char text[64];

	(void)state;
	assert_int_equal(compute_add(td.daemon, "a2", key, COMPUTE_LEASE_MAX, &error), 0);
	run("card add nic0 model 82576 vfs 4");
	run("card add nic1 model 82576 vfs 2");
	run("vf assign nic0 2 host ch1");
	run("vf assign nic1 1 host ch1");
	run("vf assign nic0 1 host ch1");
	assert_string_equal(test_daemon_get(&td, "host show", "0.host", text, sizeof(text)),
			    "ch1");
	assert_string_equal(test_daemon_get(&td, "host show", "1.host", text, sizeof(text)),
			    "a2");
	/* A card's stand side by side. */
	assert_string_equal(
		test_daemon_get(&td, "host show ch1", "0.functions", text, sizeof(text)),
		"[\"nic0/vf2\",\"nic0/vf1\",\"nic1/vf1\"]");
	run("card del nic0");
	run("card del nic1");
}

/* ---- interrupts that a host's entries post ---- */

#define IRT_SIZE   IOMMU_PAGE /* 256 entries */
#define DESCS	   (HPA + IOMMU_GRANULE)
#define READ_ONLY  (HPA + 2 * IOMMU_GRANULE)
#define GRANULES   3ull
#define QUEUE_AT   (8 * IOMMU_PAGE)
#define IEC	   4ull /* invalidation descriptors */
#define POSTED_BIT 67u

static struct {
	int fd, file;
	uint64_t epoch;
	uint8_t *mem; /* the file */
	struct function *fn;
} posting;

static int reg(uint32_t offset, unsigned size, uint64_t value)
{
	struct fabric_msg msg = {.type = FABRIC_REG, .seq = 7, .epoch = posting.epoch};

	msg.reg.offset = offset;
	msg.reg.size = size;
	msg.reg.value = value;
	return ask(posting.fd, &msg, -1);
}

static void offer_granule(unsigned i, uint32_t perm)
{
	struct fabric_msg msg = offer_msg(posting.epoch, HPA + i * IOMMU_GRANULE, IOMMU_GRANULE,
					  i * IOMMU_GRANULE, perm);

	assert_int_equal(ask(posting.fd, &msg, posting.file), 0);
}

/* A table in granule 0, descriptors in granule 1; granule 2 may only be read. */
static int start_posting(void **state)
{
	struct fabric_msg msg;

	(void)state;
	posting.fd = join(&posting.epoch);
	posting.file = fd_memfd("vm", GRANULES * IOMMU_GRANULE);
	posting.mem = mmap(NULL, GRANULES * IOMMU_GRANULE, PROT_READ | PROT_WRITE, MAP_SHARED,
			   posting.file, 0);
	run("card add nic0 model 82576 vfs 1");
	run("vf assign nic0 0 host ch1");
	posting.fn = host->host.functions;
	if (posting.mem == MAP_FAILED || hear(posting.fd, &msg) != 1)
		return -1;
	offer_granule(0, IOMMU_READ | IOMMU_WRITE);
	offer_granule(1, IOMMU_READ | IOMMU_WRITE);
	offer_granule(2, IOMMU_READ);
	reg(VTD_IRTA, 8, HPA | 7);
	reg(VTD_GCMD, 4, VTD_GCMD_SIRTP);
	return reg(VTD_GCMD, 4, VTD_GCMD_IRE);
}

static int stop_posting(void **state)
{
	(void)state;
	fd_close(&posting.fd);
	turn();
	run("card del nic0");
	nobody_joined();
	munmap(posting.mem, GRANULES * IOMMU_GRANULE);
	fd_close(&posting.file);
	return 0;
}

/* The function raises what entry 5 says, which posts to pda. Returns why not, or 0. */
static unsigned post_to(uint64_t pda, uint64_t more)
{
	_Atomic uint64_t *entry = ((struct irte *)(void *)posting.mem)[5].word;
	struct nic_intr *intr = &posting.fn->dev->intr;
	uint64_t msg = ir_message(5);
	struct ir_fault fault;

	entry[1] = irte_posted_high(pda, posting.fn->host_rid);
	entry[0] = irte_posted_low(pda, POSTED_BIT) | more;
	nic_intr_request(intr, (uint32_t)(msg >> 32), (uint32_t)msg);
	return nic_intr_take_fault(intr, &fault) ? fault.reason : 0;
}

/* All of the host's memory but the table: is it as it was, zero? */
static bool is_untouched(void)
{
	uint64_t at = IRT_SIZE;

	while (at < GRANULES * IOMMU_GRANULE && !posting.mem[at])
		at++;
	return at == GRANULES * IOMMU_GRANULE;
}

static void entries_post_into_offered_memory_only(void **state)
{
	const uint64_t outside[] = {
		0,
		64,
		IR_WINDOW,
		HPA - 64,
		READ_ONLY,
		HPA + GRANULES * IOMMU_GRANULE,
		host->port.base + DESCS, /* what devices call it */
		2 * BIT64(COMPUTE_SLICE_BITS) + DESCS,
		~63ull,
	};
	struct pi_desc *desc = (struct pi_desc *)(void *)(posting.mem + IOMMU_GRANULE);

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++)
		assert_int_equal(post_to(outside[i], 0), IR_FAULT_DESC);
	assert_int_equal(post_to(DESCS, BIT64(37)), IR_FAULT_ENTRY);
	assert_true(is_untouched());
	assert_int_equal(post_to(DESCS + 64, 0), 0);
	assert_true(desc[1].pir[1] == BIT64(POSTED_BIT % 64) && desc[1].control == PI_ON);
}

static void nothing_is_posted_into_what_was_withdrawn(void **state)
{
	struct fabric_msg msg = offer_msg(posting.epoch, DESCS, 0, 0, 0);

	(void)state;
	msg.type = FABRIC_WITHDRAW;
	assert_int_equal(ask(posting.fd, &msg, -1), 0);
	assert_int_equal(post_to(DESCS, 0), IR_FAULT_DESC);
	assert_true(is_untouched());
	/* The table with it: it is another fault. */
	msg.offer.hpa = HPA;
	assert_int_equal(ask(posting.fd, &msg, -1), 0);
	assert_int_equal(post_to(DESCS, 0), IR_FAULT_TABLE);
}

static void nothing_is_posted_when_it_has_left(void **state)
{
	(void)state;
	fd_close(&posting.fd);
	turn();
	nobody_joined();
	assert_int_equal(post_to(DESCS, 0), IR_FAULT_TABLE);
	assert_true(is_untouched());
}

/* Requests that met the former entry are over when the invalidation is. */
static void an_entry_that_is_invalidated_is_drained(void **state)
{
	uint64_t *queue = (uint64_t *)(void *)(posting.mem + QUEUE_AT);
	pthread_t thread;

	(void)state;
	assert_int_equal(reg(VTD_IQA, 8, HPA + QUEUE_AT), 0);
	assert_int_equal(reg(VTD_GCMD, 4, VTD_GCMD_IRE | VTD_GCMD_QIE), 0);
	queue[0] = IEC;
	atomic_store(&held, false);
	atomic_store(&released, false);
	pthread_create(&thread, NULL, hold_data_path, posting.fn->card->nic->dp);
	while (!atomic_load(&held))
		sched_yield();
	assert_int_equal(reg(VTD_IQT, 8, 16), 0);
	assert_true(atomic_load(&released));
	pthread_join(thread, NULL);
	assert_int_equal(vtd_read(host->host.vtd, VTD_FSTS, 4), 0);
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
		cmocka_unit_test(address_spaces_have_numbers_of_their_own),
		cmocka_unit_test(hosts_and_functions_are_told_in_the_order_they_came),
#define TELLING(f) cmocka_unit_test_setup_teardown(f, start_telling, stop_telling)
		TELLING(what_it_is_told_waits_until_it_reads),
		TELLING(it_is_given_up_when_it_does_not_read),
		TELLING(there_is_an_end_to_what_waits),
#define POSTING(f) cmocka_unit_test_setup_teardown(f, start_posting, stop_posting)
		POSTING(entries_post_into_offered_memory_only),
		POSTING(nothing_is_posted_into_what_was_withdrawn),
		POSTING(nothing_is_posted_when_it_has_left),
		POSTING(an_entry_that_is_invalidated_is_drained),
		cmocka_unit_test(it_is_forgotten_while_joined),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
