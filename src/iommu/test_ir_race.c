/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Freeing while another thread raises: after ir_invalidate nothing is written any more, neither
 * to the eventfd that was taken away nor to the descriptor. Fails with LADON_BREAK_IEC.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "iommu_space.h"
#include "ir.h"
#include "pi_desc.h"
#include "test_effort.h"

#define RID    0x180
#define ROUNDS 20000u
#define HPA    (1ull << 32)

static struct ir *ir;
static _Atomic uint64_t epoch;
static _Atomic uint64_t message; /* what the raiser sends */
static _Atomic bool over;

/* Returns when the raiser has passed a quiesce point. */
static void drain(void *arg)
{
	uint64_t seen;

	(void)arg;
	atomic_thread_fence(memory_order_seq_cst);
	seen = atomic_load(&epoch);
	while (atomic_load(&epoch) == seen && !atomic_load(&over))
		sched_yield();
}

static void *raiser(void *arg)
{
	struct ir_fault fault;

	while (!atomic_load(&over)) {
		ir_raise(ir, RID, (uint32_t)(atomic_load(&message) >> 32), 0, &fault);
		atomic_fetch_add(&epoch, 1);
	}
	return arg;
}

static uint64_t got(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) < 0 ? 0 : n;
}

/* The raiser has fired at least once, so that it is in the middle of it. */
static bool wait_for_firing(int fd)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_SEC;

	while (!got(fd)) {
		if (clock_ns() > end)
			return false;
		sched_yield();
	}
	return true;
}

static bool wait_for_bit(struct pi_desc *desc)
{
	uint64_t end = clock_ns() + 5 * NSEC_PER_SEC;

	while (!pi_take(desc, 0)) {
		if (clock_ns() > end)
			return false;
		sched_yield();
	}
	return true;
}

static void give_way(void)
{
	for (unsigned i = 0; i < 3; i++)
		sched_yield();
}

static void start(pthread_t *thread, const struct iommu_space *space)
{
	assert_int_equal(ir_new(64, drain, NULL, &ir), 0);
	ir_set_space(ir, space);
	atomic_store(&over, false);
	assert_int_equal(pthread_create(thread, NULL, raiser, NULL), 0);
}

static void stop(pthread_t thread)
{
	atomic_store(&over, true);
	pthread_join(thread, NULL);
	ir_delete(ir);
}

static void an_eventfd_is_not_written_once_it_was_taken_away(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t late = 0, begin = clock_ns();
	pthread_t thread;

	(void)state;
	start(&thread, NULL);
	for (unsigned i = 0; !late && test_goes_on(begin, i, ROUNDS); i++) {
		unsigned index = (unsigned)ir_alloc(ir);

		ir_set_slot(ir, index, fd);
		ir_write(ir, index, irte_remapped(index, 0), irte_source(RID));
		atomic_store(&message, ir_message(index));
		late += !wait_for_firing(fd);
		ir_clear(ir, index);
		ir_set_slot(ir, index, -1);
		ir_invalidate(ir);
		ir_free(ir, index);
		got(fd);
		give_way();
		late += got(fd);
	}
	stop(thread);
	close(fd);
	assert_int_equal(late, 0);
}

static void a_descriptor_is_not_written_once_it_was_taken_away(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t late = 0, begin = clock_ns();
	static struct pi_desc desc;
	pthread_t thread;

	(void)state;
	start(&thread, NULL);
	for (unsigned i = 0; !late && test_goes_on(begin, i, ROUNDS); i++) {
		unsigned index = (unsigned)ir_alloc(ir);

		memset(&desc, 0, sizeof(desc));
		ir_set_slot(ir, index, fd);
		ir_set_desc(ir, index, &desc, index);
		ir_write(ir, index, irte_posted(index, 0, false), irte_source(RID));
		atomic_store(&message, ir_message(index));
		for (unsigned k = 0; k < 3; k++)
			late += !wait_for_bit(&desc);
		ir_clear(ir, index);
		ir_set_desc(ir, index, NULL, 0);
		ir_set_slot(ir, index, -1);
		ir_invalidate(ir);
		ir_free(ir, index);
		pi_take(&desc, 0);
		give_way();
		late += pi_take(&desc, 0);
	}
	stop(thread);
	close(fd);
	assert_int_equal(late, 0);
}

/* A host's entry stays as it is: its memory is taken back, which whoever offered it may do. */
static void memory_that_was_taken_back_is_not_posted_into(void **state)
{
	static _Alignas(4096) uint8_t page[4096];
	struct pi_desc *desc = (struct pi_desc *)(void *)page;
	uint64_t late = 0, begin = clock_ns();
	struct iommu_space space;
	pthread_t thread;

	(void)state;
	assert_int_equal(iommu_space_init(&space), 0);
	start(&thread, &space);
	ir_write(ir, 5, irte_posted_low(HPA, 0), irte_posted_high(HPA, RID));
	atomic_store(&message, ir_message(5));
	for (unsigned i = 0; !late && test_goes_on(begin, i, ROUNDS); i++) {
		struct iommu_slice slice;

		iommu_space_add_at(&space, &slice, page, sizeof(page), IOMMU_READ | IOMMU_WRITE,
				   HPA);
		late += !wait_for_bit(desc);
		iommu_space_remove(&space, &slice);
		ir_invalidate(ir);
		pi_take(desc, 0);
		give_way();
		late += pi_take(desc, 0);
	}
	stop(thread);
	iommu_space_done(&space);
	assert_int_equal(late, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_eventfd_is_not_written_once_it_was_taken_away),
		cmocka_unit_test(a_descriptor_is_not_written_once_it_was_taken_away),
		cmocka_unit_test(memory_that_was_taken_back_is_not_posted_into),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
