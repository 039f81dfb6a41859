/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The acceptance list of Linux' NTB self-test (port, link, doorbell, scratchpad, message,
 * memory window, ping-pong, perf, MSI) between two processes, and latency, which that one
 * lacks. As there, one side is told what to do from the other: end() runs an operation in this
 * process or in the other, so each test is run in both directions.
 */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "clock.h"
#include "ir.h"
#include "ntb_mw.h"
#include "ntb_port.h"
#include "test_ntb.h"

#define MW_SIZE	  (1u << 20)
#define PINGPONGS 2000u
#define PERF_RUNS 256u /* times MW_SIZE */
#define MSIS	  100u

enum op {
	PORT,
	PEER_PORT,
	SET_LINK,
	LINK,
	LINK_EVENTS,
	DB_CLEAR,
	DB,
	PEER_DB_SET,
	SPAD,
	PEER_SPAD_SET,
	MSG,
	MSG_STATUS,
	MSG_CLEAR,
	PEER_MSG_SET,
	MW_OFFER, /* the epoch of the offer */
	MW_TAKE,
	MW_FILL,
	MW_SUM,
	PEER_MW_FILL,
	PEER_MW_SUM,
	PERF, /* ns */
	PINGPONG,
	MSI_COUNT,
	QUIT,
};

struct call {
	enum op op;
	uint64_t arg[3];
};

/* ---- one process ---- */

static struct ntb_pair pair;
static struct ntb_dev *dev;
static struct ntb_mws mws;
static unsigned my_side;
static int memory_file[2], msi_event;
static uint8_t *memory; /* of this host */
static uint64_t latency[PINGPONGS];

static int offer(void *arg, unsigned widx, int fd, uint64_t addr, uint64_t size, uint64_t epoch)
{
	(void)arg, (void)widx, (void)addr, (void)size, (void)epoch;
	return fd < 0 ? -EBADF : 0;
}

static void take_back(void *arg, unsigned widx, uint64_t epoch)
{
	(void)arg, (void)widx, (void)epoch;
}

static int open_side(unsigned side)
{
	const struct ntb_mw_fabric fabric = {.offer = offer, .revoke = take_back};

	my_side = side;
	dev = &pair.dev[side];
	ntb_mw_init(&mws, &fabric);
	memory = mmap(NULL, MW_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory_file[side], 0);
	return memory == MAP_FAILED ? -1 : pair_open_side(&pair, side);
}

static void fill(uint8_t *bytes, uint64_t seed)
{
	for (unsigned i = 0; i < MW_SIZE; i++) {
		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		bytes[i] = (uint8_t)(seed >> 56);
	}
}

static int64_t sum(const uint8_t *bytes)
{
	uint64_t hash = 0xcbf29ce484222325ull;

	for (unsigned i = 0; i < MW_SIZE; i++)
		hash = (hash ^ bytes[i]) * 0x100000001b3ull;
	return (int64_t)(hash >> 1);
}

static uint8_t *peer_memory(unsigned widx)
{
	uint64_t size;
	uint8_t *base;

	return ntb_peer_mw_get_addr(&mws, widx, &base, &size) == 0 && size == MW_SIZE ? base
										      : NULL;
}

static int64_t take_offer(unsigned widx, uint64_t epoch)
{
	int fd = fcntl(memory_file[!my_side], F_DUPFD_CLOEXEC, 0);

	return ntb_peer_mw_set_trans(&mws, widx, fd, 0, MW_SIZE, epoch, NULL);
}

static int64_t perf(unsigned widx)
{
	uint8_t *to = peer_memory(widx);
	uint64_t start = clock_ns();

	for (unsigned i = 0; to && i < PERF_RUNS; i++)
		memcpy(to, memory, MW_SIZE);
	return to ? (int64_t)(clock_ns() - start) : -ENXIO;
}

/* Bits of the doorbells, once there are some: by watching them, or woken by an event. */
static uint64_t wait_for_doorbell(bool events)
{
	struct pollfd poll_fd = {.fd = pair.event[my_side][NTB_EVENT_DB], .events = POLLIN};
	uint64_t bits;

	while (!(bits = ntb_db_read(dev))) {
		if (!events)
			sched_yield();
		else if (poll(&poll_fd, 1, -1) == 1)
			ntb_event_take(poll_fd.fd);
	}
	ntb_db_clear(dev, bits);
	return bits;
}

/* Answers each doorbell with the next one, and counts in the peer's first scratchpad. */
static int64_t pingpong(bool first, bool events)
{
	uint64_t bit = 1;

	if (events)
		ntb_db_clear_mask(dev, 0x7fff);
	for (unsigned i = 0; i < PINGPONGS; i++) {
		uint64_t start = clock_ns();

		if (!first && wait_for_doorbell(events) != bit)
			return -EPROTO;
		ntb_peer_spad_write(dev, 0, ntb_spad_read(dev, 0) + 1);
		ntb_peer_db_set(dev, bit);
		if (first && wait_for_doorbell(events) != bit)
			return -EPROTO;
		latency[i] = (clock_ns() - start) / 2;
		bit = bit << 1 & 0x7fff ? bit << 1 : 1;
	}
	return ntb_spad_read(dev, 0);
}

static int64_t msi_count(void)
{
	uint64_t count;

	return read(msi_event, &count, 8) == 8 ? (int64_t)count : 0;
}

static int64_t run_registers(const struct call *call)
{
	unsigned index = (unsigned)call->arg[0];
	uint32_t msg = 0;

	switch (call->op) {
	case PORT:
		return ntb_port_number(dev);
	case PEER_PORT:
		return ntb_peer_port_number(dev);
	case SET_LINK:
		(index ? ntb_link_enable : ntb_link_disable)(dev);
		return 0;
	case LINK:
		return ntb_link_is_up(dev);
	case LINK_EVENTS:
		return (int64_t)pair_events(&pair, my_side, NTB_EVENT_LINK);
	case DB_CLEAR:
		ntb_db_clear(dev, call->arg[0]);
		return 0;
	case DB:
		return (int64_t)ntb_db_read(dev);
	case PEER_DB_SET:
		return ntb_peer_db_set(dev, call->arg[0]);
	case SPAD:
		return ntb_spad_read(dev, index);
	case PEER_SPAD_SET:
		return ntb_peer_spad_write(dev, index, (uint32_t)call->arg[1]);
	case MSG:
		return ntb_msg_read(dev, index, &msg) ?: (int64_t)msg;
	case MSG_STATUS:
		return (int64_t)ntb_msg_read_sts(dev);
	case MSG_CLEAR:
		return ntb_msg_clear_sts(dev, call->arg[0]);
	default:
		return ntb_peer_msg_write(dev, index, (uint32_t)call->arg[1]);
	}
}

static int64_t run(const struct call *call)
{
	unsigned index = (unsigned)call->arg[0];

	switch (call->op) {
	case MW_OFFER:
		return ntb_mw_set_trans(&mws, index, memory_file[my_side], 0, MW_SIZE)
			       ?: (int64_t)mws.epoch;
	case MW_TAKE:
		return take_offer(index, call->arg[1]);
	case MW_FILL:
		fill(memory, call->arg[0]);
		return 0;
	case MW_SUM:
		return sum(memory);
	case PEER_MW_FILL:
		fill(peer_memory(index), call->arg[1]);
		return 0;
	case PEER_MW_SUM:
		return sum(peer_memory(index));
	case PERF:
		return perf(index);
	case PINGPONG:
		return pingpong(call->arg[0], call->arg[1]);
	case MSI_COUNT:
		return msi_count();
	case QUIT:
		_exit(0);
	default:
		return run_registers(call);
	}
}

/* ---- two processes ---- */

static int channel[2]; /* calls there, results back */
static pid_t child;

static void serve(void)
{
	struct call call;

	while (read(channel[1], &call, sizeof(call)) == sizeof(call)) {
		int64_t ret = run(&call);

		if (write(channel[1], &ret, sizeof(ret)) != sizeof(ret))
			break;
	}
	_exit(1);
}

static void ask(const struct call *call)
{
	assert_int_equal(write(channel[0], call, sizeof(*call)), sizeof(*call));
}

static int64_t answer(void)
{
	int64_t ret;

	assert_int_equal(read(channel[0], &ret, sizeof(ret)), sizeof(ret));
	return ret;
}

static int64_t end(unsigned side, enum op op, uint64_t x, uint64_t y)
{
	const struct call call = {.op = op, .arg = {x, y}};

	if (side == 0)
		return run(&call);
	ask(&call);
	return answer();
}

static int start_both(void **state)
{
	(void)state;
	memory_file[0] = fd_memfd("memory0", MW_SIZE);
	memory_file[1] = fd_memfd("memory1", MW_SIZE);
	msi_event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pair_new(&pair) < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
		return -1;
	child = fork();
	if (child == 0) {
		close(channel[0]);
		if (open_side(1) == 0)
			serve();
		_exit(1);
	}
	close(channel[1]);
	return child < 0 ? -1 : open_side(0);
}

static int stop_both(void **state)
{
	const struct call quit = {.op = QUIT};
	int status = -1;

	(void)state;
	ask(&quit);
	waitpid(child, &status, 0);
	ntb_mw_done(&mws);
	ntb_dev_done(dev);
	pair_free(&pair);
	munmap(memory, MW_SIZE);
	fd_close_all(memory_file, 2);
	close(channel[0]);
	close(msi_event);
	return status;
}

static int link_up(void **state)
{
	(void)state;
	end(0, SET_LINK, true, 0);
	end(1, SET_LINK, true, 0);
	return 0;
}

/* ---- the list ---- */

static void port(void **state)
{
	(void)state;
	assert_int_equal(end(0, PORT, 0, 0), end(1, PEER_PORT, 0, 0));
	assert_int_equal(end(1, PORT, 0, 0), end(0, PEER_PORT, 0, 0));
	assert_int_not_equal(end(0, PORT, 0, 0), end(1, PORT, 0, 0));
}

static void link_test(void **state)
{
	(void)state;
	for (unsigned loc = 0; loc < 2; loc++) {
		end(!loc, LINK_EVENTS, 0, 0);
		end(loc, SET_LINK, false, 0);
		assert_int_equal(end(!loc, LINK_EVENTS, 0, 0), 1);
		assert_int_equal(end(!loc, LINK, 0, 0), 0);
		assert_int_equal(end(!loc, PEER_DB_SET, 1, 0), -ENOTCONN);
		end(loc, SET_LINK, true, 0);
		assert_int_equal(end(!loc, LINK_EVENTS, 0, 0), 1);
		assert_int_equal(end(!loc, LINK, 0, 0), 1);
	}
}

static void doorbell(void **state)
{
	(void)state;
	for (unsigned loc = 0; loc < 2; loc++) {
		int64_t want = 0;

		end(!loc, DB_CLEAR, ~0ull, 0);
		for (unsigned i = 0; i < 63; i++) {
			assert_int_equal(end(!loc, DB, 0, 0), want);
			want |= (int64_t)BIT64(i);
			assert_int_equal(end(loc, PEER_DB_SET, BIT64(i), 0), 0);
		}
		end(!loc, DB_CLEAR, ~1ull, 0);
		assert_int_equal(end(!loc, DB, 0, 0), 1);
		end(!loc, DB_CLEAR, 1, 0);
	}
}

static void scratchpad(void **state)
{
	(void)state;
	for (unsigned loc = 0; loc < 2; loc++)
		for (unsigned i = 0; i < ntb_spad_count(); i++) {
			assert_int_equal(end(loc, PEER_SPAD_SET, i, 0xfeed0000 + loc + i), 0);
			assert_int_equal(end(!loc, SPAD, i, 0), 0xfeed0000 + loc + i);
		}
}

static void message(void **state)
{
	(void)state;
	for (unsigned loc = 0; loc < 2; loc++)
		for (unsigned i = 0; i < ntb_msg_count(); i++) {
			assert_int_equal(end(loc, PEER_MSG_SET, i, 0xcafe0000 + i), 0);
			assert_int_equal(end(!loc, MSG_STATUS, 0, 0), BIT(i));
			assert_int_equal(end(loc, PEER_MSG_SET, i, 1), -EAGAIN);
			assert_int_equal(end(loc, MSG_STATUS, 0, 0), BIT(16 + i));
			assert_int_equal(end(!loc, MSG, i, 0), 0xcafe0000 + i);
			assert_int_equal(end(loc, MSG_CLEAR, ntb_msg_outbits(), 0), 0);
			assert_int_equal(end(!loc, MSG_CLEAR, ntb_msg_inbits(), 0), 0);
		}
}

/* The portable order: the owner sets its translation, the peer is told, and maps. */
static void open_windows(void)
{
	for (unsigned loc = 0; loc < 2; loc++)
		for (unsigned i = 0; i < NTB_MW_COUNT; i++) {
			int64_t epoch = end(loc, MW_OFFER, i, 0);

			assert_true(epoch > 0);
			assert_int_equal(end(!loc, MW_TAKE, i, (uint64_t)epoch), 0);
		}
}

static void memory_window(void **state)
{
	(void)state;
	open_windows();
	for (unsigned loc = 0; loc < 2; loc++)
		for (unsigned i = 0; i < NTB_MW_COUNT; i++) {
			int64_t before = end(loc, MW_SUM, 0, 0);

			end(loc, MW_FILL, 2 * i + loc, 0);
			assert_int_not_equal(end(loc, MW_SUM, 0, 0), before);
			assert_int_equal(end(!loc, PEER_MW_SUM, i, 0), end(loc, MW_SUM, 0, 0));
			end(!loc, PEER_MW_FILL, i, 100 + i);
			assert_int_equal(end(!loc, PEER_MW_SUM, i, 0), end(loc, MW_SUM, 0, 0));
		}
}

static int compare(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;

	return (a > b) - (a < b);
}

static void run_pingpong(bool events, const char *how)
{
	const struct call theirs = {.op = PINGPONG, .arg = {false, events}};

	end(0, PEER_SPAD_SET, 0, 0);
	end(1, PEER_SPAD_SET, 0, 0);
	ask(&theirs);
	assert_int_equal(end(0, PINGPONG, true, events), 2 * PINGPONGS);
	assert_int_equal(answer(), 2 * PINGPONGS - 1);
	qsort(latency, PINGPONGS, sizeof(latency[0]), compare);
	print_message("one way, %s: %lu ns (half of all), %lu ns (99 %%)\n", how,
		      (unsigned long)latency[PINGPONGS / 2],
		      (unsigned long)latency[PINGPONGS * 99 / 100]);
}

static void pingpong_and_latency(void **state)
{
	(void)state;
	run_pingpong(false, "watching the doorbells");
	run_pingpong(true, "woken by an eventfd");
}

static void perf_test(void **state)
{
	(void)state;
	open_windows();
	for (unsigned loc = 0; loc < 2; loc++) {
		int64_t ns = end(loc, PERF, 0, 0);

		assert_true(ns > 0);
		print_message(
			"port %u writes %lu MB/s\n", loc,
			(unsigned long)((uint64_t)PERF_RUNS * MW_SIZE * 1000 / (uint64_t)ns));
		assert_int_equal(end(loc, PEER_MW_SUM, 0, 0), end(loc, MW_SUM, 0, 0));
	}
}

static void nothing(void *arg)
{
	(void)arg;
}

/* A device writes to the interrupt window of the other host's slice: window, LUT, and then that
 * host's own remapping entries, which know the requester by the name it has there. */
static void msi(void **state)
{
	const struct ntb_requester vf = {.rid = 0x181}, other = {.rid = 0x183};
	const struct ntb_port_hooks hooks = {0};
	static struct ntb_port bridge;
	static struct ntb_map map;
	struct ntb_window irqs = {
		.xlat = IR_WINDOW, .epoch = 1, .perm = IOMMU_WRITE, .kind = NTB_INTERRUPTS};
	struct ntb_path path;
	struct ir_fault fault;
	unsigned host, entry;
	struct ir *ir;

	(void)state;
	ntb_map_init(&map, "local", 48);
	assert_int_equal(ntb_map_add(&map, "ch1", 48, &host), 0);
	ntb_port_init(&bridge, ntb_map_slice(&map, host), &hooks);
	ntb_port_set_link(&bridge, true);
	assert_true(ntb_slice_addr(ntb_map_slice(&map, host), IR_WINDOW, IR_WINDOW_SIZE,
				   &irqs.base));
	irqs.limit = irqs.base + IR_WINDOW_SIZE - 1;
	assert_int_equal(ntb_window_set(&bridge, 0, &irqs), 0);
	assert_int_equal(ntb_lut_add(&bridge, vf, 0x81, 1), 0);
	assert_int_equal(ntb_lut_add(&bridge, other, 0x83, 1), 0);
	assert_int_equal(ir_new(16, nothing, NULL, &ir), 0);
	entry = (unsigned)ir_alloc(ir);
	ir_set_slot(ir, entry, msi_event);
	ir_write(ir, entry, irte_remapped(entry, 0), irte_source(0x81));
	for (unsigned i = 0; i < MSIS; i++) {
		uint64_t addr = irqs.base + ((ir_message(entry) >> 32) - IR_WINDOW);

		assert_int_equal(ntb_route(&bridge, vf, addr, 4, IOMMU_WRITE, &path), 0);
		assert_int_equal(ir_raise(ir, path.rid, (uint32_t)path.addr, 0, &fault),
				 IR_NOTIFIED);
		/* A VF of the same host, for which the entry is not. */
		assert_int_equal(ntb_route(&bridge, other, addr, 4, IOMMU_WRITE, &path), 0);
		assert_int_equal(ir_raise(ir, path.rid, (uint32_t)path.addr, 0, &fault),
				 IR_REFUSED);
	}
	assert_int_equal(end(1, MSI_COUNT, 0, 0), MSIS);
	assert_int_equal(bridge.stats.passed, 2 * MSIS);
	ir_delete(ir);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, link_up)
	const struct CMUnitTest tests[] = {
		T(port),
		T(link_test),
		T(doorbell),
		T(scratchpad),
		T(message),
		T(memory_window),
		T(pingpong_and_latency),
		T(perf_test),
		T(msi),
	};

	if (test_guard_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, start_both, stop_both);
}
