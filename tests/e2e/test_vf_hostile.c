/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Drivers that do what they should not, or stop in the middle, on a real ladond: what they do
 * must end at their own VF. Interrupts and queue disable stand here too, since only raw queues
 * show them.
 */
#include "e2e.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define NOWHERE	       0x7700000000ull
#define CANARY	       0xc5
#define CANARY_ROUNDS  100
#define GARBAGE_ROUNDS 20000
#define WAIT_MS	       20000 /* for what must come */
#define ITR_US	       5000
#define TDT(r)	       ((r)->regs + (VF_TDT - VF_TDBAL))
#define SRRCTL_2K      (SRRCTL_DROP_EN | SRRCTL_ONEBUF | 2)

static struct e2e_frame f;

/* ---- interrupts ---- */

/* Counts what the eventfd of the receive vector tells within one wait. */
static uint64_t await_irq(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t count = 0;

	if (poll(&pfd, 1, timeout_ms) == 1)
		assert_int_equal(read(fd, &count, sizeof(count)), sizeof(count));
	return count;
}

static void drain(unsigned n)
{
	struct ladon_buf *b;

	while (ladon_igbvf_rx_burst(e2e.vf[n], &b, 1) == 1)
		ladon_igbvf_buf_free(e2e.vf[n], b);
}

/* One interrupt a frame, each only after EIMS was written again; returns the shortest round's
 * microseconds. */
static uint64_t interrupt_rounds(int fd, unsigned rounds)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < rounds; i++) {
		uint64_t start = e2e_now_us();

		e2e_write(1, VF_EIMS, BIT(VEC_RX));
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 100, (uint8_t)i);
		e2e_send(0, &f);
		assert_int_equal(await_irq(fd, WAIT_MS), 1);
		e2e_expect(1, &f);
		least = MIN(least, e2e_now_us() - start);
	}
	return least;
}

static void interrupts_fire_once_and_keep_their_distance(void **state)
{
	static const struct ladon_igbvf_config slow = {.use_irq = true, .itr_us = ITR_US};
	const unsigned rounds = 20;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t start, least = ITR_US;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, &slow);
	assert_int_equal(ladon_irq_enable(e2e.fn[1], VEC_RX, 1, &fd), 0);
	start = e2e_now_us();
	interrupt_rounds(fd, rounds);
	assert_true(e2e_now_us() - start >= (rounds - 1) * ITR_US * 9ull / 10);
	/* Auto-masked: ten more frames, no interrupt until EIMS is written. */
	for (unsigned i = 0; i < 10; i++) {
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 100, (uint8_t)i);
		e2e_send(0, &f);
		e2e_expect(1, &f);
	}
	assert_int_equal(await_irq(fd, 0), 0);
	e2e_write(1, VF_EIMS, BIT(VEC_RX));
	assert_int_equal(await_irq(fd, WAIT_MS), 1);
	/* No throttling: EITR 0. */
	e2e_write(1, VF_EITR(VEC_RX), 0);
	e2e_read(1, VF_STATUS);
	drain(1);
	for (unsigned i = 0; i < 20 && least > ITR_US / 2; i++) /* one quick round will do */
		least = interrupt_rounds(fd, rounds);
	assert_true(least <= ITR_US / 2);
	close(fd);
}

static void a_sleeping_receiver_is_woken(void **state)
{
	static const struct ladon_igbvf_config irq = {.use_irq = true};

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, &irq);
	assert_int_equal(ladon_igbvf_wait(e2e.vf[1], 0), 0);
	for (unsigned i = 0; i < 50; i++) {
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 100, (uint8_t)i);
		e2e_send(0, &f);
		assert_int_equal(ladon_igbvf_wait(e2e.vf[1], WAIT_MS), 1);
		e2e_expect(1, &f);
	}
}

/* ---- queues going away ---- */

static void a_queue_may_stop_in_full_traffic(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 4; n++)
		e2e_open(n, NULL);
	for (unsigned round = 0; round < 50; round++) {
		for (unsigned i = 0; i < 20; i++) {
			e2e_eth(&f, e2e.mac[1], 0, 0x0801, 1000, (uint8_t)i);
			e2e_send(0, &f);
		}
		e2e_close(1);
		e2e_stream(2, 3, 50);
		e2e_open(1, NULL);
		e2e_healthy(2, 1);
	}
}

/* All bytes of the ring's memory are the canary's. */
static bool canary_alive(const struct e2e_ring *r)
{
	const volatile uint8_t *p = (const volatile uint8_t *)r->desc;

	for (size_t i = 0; i < ladon_dma_size(r->dma); i += 8) {
		if (*(const volatile uint64_t *)(const volatile void *)(p + i) !=
		    0x0101010101010101ull * CANARY)
			return false;
	}
	return true;
}

static void nothing_is_written_after_a_queue_was_disabled(void **state)
{
	(void)state;
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	e2e_open(2, NULL);
	for (unsigned round = 0; round < CANARY_ROUNDS; round++) {
		uint64_t end = e2e_now_us() + 2000000;
		struct e2e_ring r;

		e2e_ring_start(&r, 1, true, 64, SRRCTL_2K);
		for (uint32_t i = 0; i < 64; i++) {
			r.desc[i].addr = r.buf_iova + i * 2048ull;
			r.desc[i].hdr_addr = 0;
		}
		e2e_write(1, VF_RDT, 63);
		e2e_eth(&f, e2e.mac[1], 0, 0x0801, 1400, (uint8_t)round);
		for (unsigned i = 0; i < 40; i++)
			e2e_send(0, &f);
		/* The card is at it now. */
		while (!(r.desc[0].cmd_type_len & RXD_DD) && e2e_now_us() < end)
			;
		assert_true(r.desc[0].cmd_type_len & RXD_DD);
		/* In a mapped page the card is not asked; the STATUS read is what it must not
		 * answer early. */
		e2e_write(1, VF_RXDCTL, 0);
		e2e_read(1, VF_STATUS);
		memset(ladon_dma_pointer(r.dma), CANARY, ladon_dma_size(r.dma));
		for (unsigned i = 0; i < 40; i++)
			e2e_send(0, &f);
		e2e_expect_nothing(0, 2);
		assert_true(canary_alive(&r));
		assert_int_equal(ladon_dma_free(r.dma), 0);
	}
}

/* ---- memory ---- */

static void dma_outside_the_map_loses_one_frame(void **state)
{
	unsigned faults = demo_daemon_faults(&e2e.daemon);
	uint64_t drops = demo_daemon_counter(&e2e.daemon, 0, "ladon.tx_drops.iommu");
	uint64_t end = e2e_now_us() + 2000000;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, NULL);
	for (unsigned round = 0; round < 5; round++) {
		struct ladon_buf *b = ladon_igbvf_buf_alloc(e2e.vf[0]);
		uint64_t iova = b->iova;

		b->len = 100;
		b->iova = round % 2 ? NOWHERE : UINT64_MAX - 50;
		assert_int_equal(ladon_igbvf_tx_burst(e2e.vf[0], &b, 1), 1);
		b->iova = iova;
		e2e_expect_nothing(0, 1);
	}
	assert_int_equal(demo_daemon_counter(&e2e.daemon, 0, "ladon.tx_drops.iommu"),
			 drops + 5);
	while (demo_daemon_faults(&e2e.daemon) < faults + 5 && e2e_now_us() < end)
		;
	assert_true(demo_daemon_faults(&e2e.daemon) >= faults + 5);
	e2e_stream(0, 1, 200);
}

static void a_receive_buffer_outside_the_map_loses_its_frame(void **state)
{
	struct e2e_ring r;
	uint64_t end = e2e_now_us() + 2000000;

	(void)state;
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	e2e_open(2, NULL);
	e2e_ring_start(&r, 1, true, 8, SRRCTL_2K);
	for (uint32_t i = 0; i < 7; i++)
		r.desc[i].addr = i == 0 ? NOWHERE : r.buf_iova + i * 2048ull;
	e2e_write(1, VF_RDT, 7);
	e2e_read(1, VF_STATUS);
	e2e_eth(&f, e2e.mac[1], 0, 0x0801, 500, 1);
	for (unsigned i = 0; i < 3; i++)
		e2e_send(0, &f);
	e2e_expect_nothing(0, 2);
	/* One of the later frames is in a good buffer. */
	while (!(r.desc[1].cmd_type_len & RXD_DD) && e2e_now_us() < end)
		;
	assert_memory_equal(r.buf + 2048, f.bytes, f.len);
	e2e_ring_stop(&r);
}

static void truncated_memory_costs_only_its_owner(void **state)
{
	struct pollfd pfd = {.events = POLLIN};
	struct ladon_dma *mem;
	int fd = memfd_create("truncated", MFD_CLOEXEC);

	(void)state;
	for (unsigned n = 0; n < 3; n++)
		e2e_open(n, NULL);
	assert_int_equal(ftruncate(fd, 1 << 21), 0);
	assert_int_equal(ladon_dma_map_fd(e2e.fn[2], fd, 0, 1 << 21, 0, &mem), 0);
	e2e_write(2, VF_TXDCTL, 0);
	e2e_read(2, VF_STATUS);
	e2e_write(2, VF_TDBAL, (uint32_t)ladon_dma_iova(mem));
	e2e_write(2, VF_TDBAH, 0);
	e2e_write(2, VF_TDLEN, 1024);
	e2e_write(2, VF_TXDCTL, DCTL_ENABLE);
	assert_int_equal(ftruncate(fd, 0), 0);
	e2e_write(2, VF_TDT, 30);
	pfd.fd = ladon_function_fd(e2e.fn[2]);
	assert_int_equal(poll(&pfd, 1, 3000), 1);
	e2e_stream(0, 1, 1000);
	e2e_close(2);
	close(fd);
	e2e_open(2, NULL);
	e2e_healthy(0, 2);
}

/* ---- nonsense ---- */

/* Random words; every third descriptor is nearly right. */
static void garbage_fill(struct e2e_ring *r)
{
	for (uint32_t i = 0; i < r->num; i++) {
		r->desc[i].addr = (uint64_t)e2e_random() << 32 | e2e_random();
		r->desc[i].hdr_addr = (uint64_t)e2e_random() << 32 | e2e_random();
		if (i % 3)
			continue;
		r->desc[i].addr = r->buf_iova + e2e_random() % (r->num * 2048);
		r->desc[i].cmd_type_len = (r->desc[i].cmd_type_len & 0xcb00ffff) |
					  (e2e_random() % 4 ? TXD_DATA : TXD_CTX) | TXD_DEXT;
	}
}

static void garbage_rings_do_not_disturb_others(void **state)
{
	struct e2e_ring tx, rx;

	(void)state;
	e2e_attach(4);
	e2e_handshake(4);
	e2e_open(0, NULL);
	e2e_open(1, NULL);
	e2e_ring_start(&rx, 4, true, 64, SRRCTL_2K);
	e2e_ring_start(&tx, 4, false, 64, 0);
	for (unsigned round = 0; round < GARBAGE_ROUNDS; round++) {
		garbage_fill(round % 8 ? &tx : &rx);
		e2e_write(4, TDT(&tx), e2e_random() % (round % 2 ? 64 : 100000));
		e2e_write(4, TDT(&rx), e2e_random() % (round % 2 ? 64 : 100000));
		if (round % 200 == 0) {
			drain(0), drain(1);
			e2e_write(4, tx.regs + 8, round % 400 ? e2e_random() : 1024);
			e2e_write(4, rx.regs + 12, e2e_random());
			e2e_write(4, tx.regs + 0x28, round % 600 ? DCTL_ENABLE : 0);
			e2e_read(4, VF_STATUS);
		}
		if (round % 500 == 0)
			drain(1), e2e_stream(0, 1, 50);
	}
	assert_int_equal(ladon_function_reset(e2e.fn[4]), 0);
	drain(0), drain(1);
	e2e_healthy(0, 1);
}

static void random_registers_do_not_disturb_others(void **state)
{
	(void)state;
	e2e_attach(4);
	e2e_handshake(4);
	e2e_open(0, NULL);
	e2e_open(1, NULL);
	for (unsigned i = 0; i < 50000; i++)
		e2e_write(4, e2e_random() % 0x1000 * 4, e2e_random());
	e2e_read(4, VF_STATUS);
	drain(0), drain(1);
	e2e_stream(0, 1, 200);
	e2e_close(4);
	e2e_open(4, NULL);
	e2e_healthy(0, 4);
}

/* ---- processes ---- */

static void second_client_is_refused(void **state)
{
	struct ladon_options opt = {.timeout_ms = 1000};
	struct ladon_function *fn = NULL;
	char path[DEMO_PATH_MAX];

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, NULL);
	assert_true(ladon_function_attach(demo_daemon_vf(&e2e.daemon, 0, path), &opt, &fn) < 0);
	e2e_healthy(0, 1);
}

static void flood_until_killed(int ready)
{
	e2e_open(3, NULL);
	e2e_eth(&f, e2e.mac[2], 3, 0x0801, 1000, 1);
	for (bool told = false;; told = true) {
		e2e_send(3, &f);
		if (!told && write(ready, "", 1) != 1)
			_exit(1);
	}
}

static void a_killed_process_leaves_no_trace(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 3; n++)
		e2e_open(n, NULL);
	for (unsigned round = 0; round < 10; round++) {
		int ready[2];
		char c;
		pid_t pid;

		assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
		pid = fork();
		if (pid == 0)
			flood_until_killed(ready[1]);
		close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1);
		close(ready[0]);
		e2e_stream(0, 1, 200);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		e2e_stream(0, 1, 200);
		e2e_open(3, NULL);
		drain(2);
		e2e_healthy(3, 1);
		e2e_close(3);
	}
}

#define TEST(fn) cmocka_unit_test_teardown(fn, e2e_close_all)
static const struct CMUnitTest tests[] = {
	TEST(interrupts_fire_once_and_keep_their_distance),
	TEST(a_sleeping_receiver_is_woken),
	TEST(a_queue_may_stop_in_full_traffic),
	TEST(nothing_is_written_after_a_queue_was_disabled),
	TEST(dma_outside_the_map_loses_one_frame),
	TEST(a_receive_buffer_outside_the_map_loses_its_frame),
	TEST(truncated_memory_costs_only_its_owner),
	TEST(garbage_rings_do_not_disturb_others),
	TEST(random_registers_do_not_disturb_others),
	TEST(second_client_is_refused),
	TEST(a_killed_process_leaves_no_trace),
};

int main(void)
{
	int failed;

	e2e_ladond();
	failed = cmocka_run_group_tests_name("mapped doorbells", tests, e2e_setup_mapped,
					     e2e_teardown);
	failed += cmocka_run_group_tests_name("trapped doorbells", tests, e2e_setup_trapped,
					      e2e_teardown);
	return failed != 0;
}
