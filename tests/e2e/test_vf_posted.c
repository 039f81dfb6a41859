/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Interrupts on a real ladond, by way of a compute host, too: posted ones, which a driver
 * receives from memory, and forged ones, which a VF tries to raise for another through the
 * address of its head write-back.
 */
#include "e2e_host.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <json-c/json.h>

#define WAIT_MS	    20000 /* for what must come */
#define TDWBAL	    (VF_TDBAL + 0x38)
#define TDWBAH	    (VF_TDBAL + 0x3c)
#define EICS	    0x1520
#define EICR	    0x1580
#define WINDOW	    0xfee00010u /* remappable format; an index lies in bits 19:5 */
#define INDEXES	    200u	/* more than the entries in use */
#define SOURCE	    0x26	/* VT-d: the source may not */
#define NO_ENTRY    0x22
#define VECTORS	    3u
#define FAST_PORT   0x0801
#define HOST_POSTED 0x1000u /* a compute host's first function: entries that post */

static const struct ladon_igbvf_config posted = {.use_irq = true, .posted = true};
static struct e2e_frame f;

/* A number in what `vf show nic0 1` answers. */
static uint64_t shown(const char *path)
{
	struct json_object *data = NULL, *value = NULL;
	uint64_t n;

	assert_int_equal(demo_daemon_ask(&e2e.daemon, "vf show nic0 1", &data), 0);
	assert_int_equal(json_pointer_get(data, path, &value), 0);
	n = json_object_get_uint64(value);
	json_object_put(data);
	return n;
}

static void a_sleeping_receiver_is_woken(void **state)
{
	uint64_t traps;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, &posted);
	assert_int_equal(shown("/posted_vectors"), VECTORS);
	assert_int_equal(ladon_igbvf_wait(e2e.vf[1], 0), 0);
	traps = shown("/traps");
	for (unsigned i = 0; i < 300; i++) {
		e2e_eth(&f, e2e.mac[1], 0, FAST_PORT, 100, (uint8_t)i);
		e2e_send(0, &f);
		assert_int_equal(ladon_igbvf_wait(e2e.vf[1], WAIT_MS), 1);
		e2e_expect(1, &f);
	}
	/* Neither masks nor unmasks: with mapped doorbells nothing traps. */
	if (e2e.mapped)
		assert_int_equal(shown("/traps"), traps);
	assert_true(shown("/interrupts/1/fired") > 0);
}

static void a_receiver_that_is_awake_is_not_notified(void **state)
{
	uint64_t fired, in_memory;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(1, &posted);
	fired = shown("/interrupts/1/fired");
	in_memory = shown("/interrupts/1/posted");
	e2e_stream(0, 1, 2000);
	fired = shown("/interrupts/1/fired") - fired;
	in_memory = shown("/interrupts/1/posted") - in_memory;
	assert_true(fired > 0);
	assert_int_equal(in_memory, fired);
}

/* All VFs at once, each receiver asleep as often as can be. */
static void no_wake_up_is_lost(void **state)
{
	(void)state;
	e2e_open(0, &posted);
	e2e_open(1, &posted);
	for (unsigned i = 0; i < 1000; i++) {
		unsigned to = i % 2;

		e2e_eth(&f, e2e.mac[to], !to, FAST_PORT, 60 + i % 100, (uint8_t)i);
		e2e_send(!to, &f);
		/* Awake, or just about to sleep, or asleep. */
		if (i % 3 == 0)
			usleep(e2e_random() % 100);
		assert_int_equal(ladon_igbvf_wait(e2e.vf[to], WAIT_MS), 1);
		e2e_expect(to, &f);
	}
}

static void waiting_ends_with_its_time(void **state)
{
	struct ladon_posted *p;
	uint64_t vectors = 7, start = e2e_now_us();

	(void)state;
	e2e_attach(1);
	assert_int_equal(ladon_posted_open(e2e.fn[1], 0, 4, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(e2e.fn[1], 3, 1, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(e2e.fn[1], 0, 0, &p), -EINVAL);
	assert_int_equal(ladon_posted_open(e2e.fn[1], 0, VECTORS, &p), 0);
	assert_int_equal(ladon_posted_wait(p, 30, &vectors), 0);
	assert_true(e2e_now_us() - start >= 30000);
	assert_int_equal(vectors, 7);
	assert_true(ladon_posted_poll(p) == 0);
	/* By EICS: every vector as its bit. */
	e2e_handshake(1);
	e2e_write(1, VF_EIMS, 7);
	e2e_write(1, EICS, 6);
	e2e_read(1, VF_STATUS);
	assert_true(ladon_posted_poll(p) == 6);
	ladon_posted_close(p);
	assert_int_equal(shown("/posted_vectors"), 0);
	e2e_write(1, EICR, 7);
	assert_int_equal(ladon_posted_open(e2e.fn[1], 1, 2, &p), 0);
	e2e_write(1, EICS, 2);
	assert_int_equal(ladon_posted_wait(p, WAIT_MS, &vectors), 1);
	assert_int_equal(vectors, 1);
	ladon_posted_close(p);
}

static void a_receiver_that_dies_costs_nobody_else(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	e2e_open(0, NULL);
	e2e_open(2, NULL);
	for (unsigned round = 0; round < 5; round++) {
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			e2e_open(1, &posted);
			ladon_igbvf_wait(e2e.vf[1], -1);
			pause();
		}
		while (shown("/posted_vectors") != VECTORS)
			usleep(1000);
		memset(e2e.mac[1], 0xff, 6);
		for (unsigned i = 0; i < 30; i++) {
			e2e_eth(&f, e2e.mac[1], 0, FAST_PORT, 100, (uint8_t)i);
			e2e_send(0, &f);
			e2e_expect(2, &f);
			if (i == 15)
				kill(pid, SIGKILL);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		e2e_stream(0, 2, 200);
		e2e_stream(2, 0, 200);
	}
}

/* What its driver had is not posted into any more, by whoever has the VF next. */
static void a_host_that_dies_takes_its_descriptors_along(void **state)
{
	struct ladon_function *former;
	struct ladon_posted *p;

	(void)state;
	e2e_open(3, NULL);
	e2e_attach(1);
	former = e2e.fn[1];
	assert_int_equal(ladon_posted_open(former, 0, VECTORS, &p), 0);
	e2e_handshake(1);
	e2e_write(1, VF_EIMS, 7);
	e2e_write(1, EICS, 7);
	e2e_read(1, VF_STATUS);
	assert_true(ladon_posted_poll(p) == 7);
	e2e_host_dies(1);
	e2e_open(1, &posted);
	e2e_write(1, EICS, 7);
	e2e_stream(3, 1, 200);
	assert_true(shown("/interrupts/1/fired") > 0);
	assert_true(ladon_posted_poll(p) == 0);
	ladon_posted_close(p);
	ladon_function_detach(former);
}

/* ---- forged interrupts ---- */

/* One descriptor that sends nothing, so that the card writes the head of the queue to addr. */
static void write_back_to(struct e2e_ring *r, uint32_t at, uint32_t addr)
{
	uint64_t end = e2e_now_us() + WAIT_MS * 1000ull;

	e2e_write(0, TDWBAH, 0);
	e2e_write(0, TDWBAL, addr | 1);
	r->desc[at % r->num].cmd_type_len = TXD_DEXT | TXD_CTX;
	r->desc[at % r->num].olinfo_status = 0;
	e2e_write(0, VF_TDT, (at + 1) % r->num);
	while (e2e_read(0, VF_TDT - 8) != (at + 1) % r->num)
		assert_true(e2e_now_us() < end);
}

static void count_faults(unsigned ret[2])
{
	struct json_object *data = NULL;

	ret[0] = ret[1] = 0;
	assert_int_equal(demo_daemon_ask(&e2e.daemon, "faults nic0", &data), 0);
	for (size_t i = 0; i < json_object_array_length(data); i++) {
		struct json_object *rec = json_object_array_get_idx(data, i), *code, *who;

		assert_true(json_object_object_get_ex(rec, "code", &code));
		assert_true(json_object_object_get_ex(rec, "function", &who));
		assert_string_equal(json_object_get_string(who), "nic0/vf0");
		ret[0] += json_object_get_int(code) == SOURCE;
		ret[1] += json_object_get_int(code) == NO_ENTRY;
	}
	json_object_put(data);
}

static uint64_t got(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) < 0 ? 0 : n;
}

static void no_vf_can_raise_an_interrupt_of_another(void **state)
{
	int own[VECTORS], others[VECTORS];
	unsigned faults[2];
	struct e2e_ring r;

	(void)state;
	for (unsigned n = 0; n < 2; n++) {
		e2e_attach(n);
		for (unsigned v = 0; v < VECTORS; v++)
			(n ? others : own)[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
		assert_int_equal(ladon_irq_enable(e2e.fn[n], 0, VECTORS, n ? others : own), 0);
	}
	e2e_handshake(0);
	e2e_ring_start(&r, 0, false, 64, 0);
	/* Every index that anybody may have. */
	for (uint32_t i = 0; i < INDEXES; i++)
		write_back_to(&r, i, WINDOW | i << 5);
	e2e_ring_stop(&r);
	for (unsigned v = 0; v < VECTORS; v++) {
		assert_int_equal(got(own[v]), 1);
		assert_int_equal(got(others[v]), 0);
		close(own[v]);
		close(others[v]);
	}
	count_faults(faults);
	assert_int_equal(faults[0], VECTORS);
	assert_true(faults[1] > 0);
}

/* Names the entries that posted for VF 0, all in vain. */
static void post_by_hand(void)
{
	unsigned before[2], after[2];
	struct e2e_ring r;

	e2e_handshake(0);
	e2e_ring_start(&r, 0, false, 64, 0);
	count_faults(before);
	for (uint32_t v = 0; v < VECTORS; v++)
		write_back_to(&r, v, WINDOW | (HOST_POSTED + v) << 5);
	e2e_ring_stop(&r);
	count_faults(after);
	assert_int_equal(after[1] - before[1], VECTORS);
}

/* Where it posted may be another VM's memory by then. */
static void an_entry_of_a_host_ends_with_its_use(void **state)
{
	struct ladon_posted *p;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0) {
		e2e_open(0, &posted);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	e2e_attach(0);
	post_by_hand();
	assert_int_equal(ladon_posted_open(e2e.fn[0], 0, VECTORS, &p), 0);
	ladon_posted_close(p);
	post_by_hand();
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, e2e_close_all)
	const struct CMUnitTest tests[] = {
		T(a_sleeping_receiver_is_woken),
		T(a_receiver_that_is_awake_is_not_notified),
		T(no_wake_up_is_lost),
		T(waiting_ends_with_its_time),
		T(a_receiver_that_dies_costs_nobody_else),
		T(no_vf_can_raise_an_interrupt_of_another),
	};
	const struct CMUnitTest deaths[] = {T(an_entry_of_a_host_ends_with_its_use),
					    T(a_host_that_dies_takes_its_descriptors_along)};
	int bad = cmocka_run_group_tests_name("mapped doorbells", tests, e2e_setup_mapped,
					      e2e_teardown);

	bad += cmocka_run_group_tests_name("trapped doorbells", tests, e2e_setup_trapped,
					   e2e_teardown);
	bad += cmocka_run_group_tests_name("compute host", tests, e2e_setup_host,
					   e2e_teardown_host);
	return bad + cmocka_run_group_tests_name("compute host that dies", deaths,
						 e2e_setup_host, e2e_teardown_host);
}
