/* SPDX-License-Identifier: BSD-3-Clause */
/* What the operator sees of a compute host's port of the bridge, and the registers that both
 * sides share. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "bits.h"
#include "card.h"
#include "clock.h"
#include "fd.h"
#include "function.h"
#include "jam.h"
#include "nic_dp.h"
#include "test_compute.h"

static void port_says(const char *path, const char *want)
{
	char text[80];

	assert_string_equal(test_daemon_get(&td, "host show ch1", path, text, sizeof(text)),
			    want);
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

/* ---- what the port refused ---- */

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
	assert_true(iommu_fault_push(nic_dp_faults(fn->card->nic->dp, 0), &fault));
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_scratchpad_keeps_the_lease),
		cmocka_unit_test(without_registers_beats_are_messages),
		cmocka_unit_test(a_ring_is_answered),
		cmocka_unit_test(a_late_answer_counts),
		cmocka_unit_test(a_doorbell_that_blocks_ends_it),
		cmocka_unit_test(a_fault_names_the_check_that_caught_it),
		cmocka_unit_test(refusals_are_taken_at_every_beat),
	};

	if (jam_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, setup, teardown);
}
