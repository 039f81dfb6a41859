/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "jam.h"
#include "test_ntb.h"

static struct ntb_pair pair;
static struct ntb_dev *const a = &pair.dev[0], *const b = &pair.dev[1];

/* Both sides open, the link up, its events taken. */
static int set_up(void **state)
{
	(void)state;
	assert_int_equal(pair_new(&pair), 0);
	assert_int_equal(pair_open_side(&pair, 0), 0);
	assert_int_equal(pair_open_side(&pair, 1), 0);
	ntb_link_enable(a);
	ntb_link_enable(b);
	pair_events(&pair, 0, NTB_EVENT_LINK);
	pair_events(&pair, 1, NTB_EVENT_LINK);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ntb_dev_done(a);
	ntb_dev_done(b);
	pair_free(&pair);
	return 0;
}

static uint64_t rung(unsigned vector)
{
	return pair_events(&pair, 1, NTB_EVENT_DB + vector);
}

/* ---- link ---- */

static void the_link_is_up_when_both_want_it(void **state)
{
	(void)state;
	assert_int_equal(ntb_port_number(a), ntb_peer_port_number(b));
	assert_int_not_equal(ntb_port_number(a), ntb_port_number(b));
	assert_true(ntb_link_is_up(a) && ntb_link_is_up(b));
	ntb_link_disable(a);
	assert_false(ntb_link_is_up(a) || ntb_link_is_up(b));
	assert_int_equal(pair_events(&pair, 0, NTB_EVENT_LINK), 1);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_LINK), 1);
	ntb_link_disable(a);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_LINK), 0);
	ntb_link_disable(b);
	ntb_link_enable(a);
	assert_false(ntb_link_is_up(a) || ntb_link_is_up(b));
	ntb_link_enable(b);
	assert_true(ntb_link_is_up(a) && ntb_link_is_up(b));
}

static void without_link_nothing_reaches_the_peer(void **state)
{
	(void)state;
	ntb_link_disable(b);
	ntb_db_clear_mask(b, ~0ull);
	assert_int_equal(ntb_peer_db_set(a, 1), -ENOTCONN);
	assert_int_equal(ntb_peer_spad_write(a, 0, 1), -ENOTCONN);
	assert_int_equal(ntb_peer_spad_read(a, 0), UINT32_MAX);
	assert_int_equal(ntb_peer_msg_write(a, 0, 1), -ENOTCONN);
	assert_int_equal(ntb_db_read(b), 0);
	assert_int_equal(ntb_spad_read(b, 0), 0);
	assert_int_equal(ntb_msg_read_sts(b) | ntb_msg_read_sts(a), 0);
	/* One's own registers are there. */
	assert_int_equal(ntb_spad_write(a, 3, 7), 0);
	assert_int_equal(ntb_spad_read(a, 3), 7);
}

static void after_reset_all_is_masked_and_zero(void **state)
{
	(void)state;
	ntb_peer_db_set(a, 5);
	ntb_peer_spad_write(a, 1, 5);
	ntb_peer_msg_write(a, 1, 5);
	ntb_db_clear_mask(b, 1);
	ntb_dev_done(b);
	assert_false(ntb_link_is_up(a));
	assert_int_equal(pair_open_side(&pair, 1), 0);
	assert_false(ntb_link_is_up(b));
	assert_int_equal(ntb_db_read(b), 0);
	assert_int_equal(ntb_spad_read(b, 1), 0);
	assert_int_equal(ntb_msg_read_sts(b), 0);
	assert_int_equal(ntb_db_read_mask(b), ntb_db_valid_mask());
	ntb_link_enable(b);
	rung(0);
	ntb_peer_db_set(a, ~0ull);
	ntb_peer_msg_write(a, 0, 1);
	for (unsigned i = 0; i <= NTB_EVENT_MSG; i++)
		assert_int_equal(pair_events(&pair, 1, i), 0);
}

/* ---- doorbells ---- */

static void vectors_share_out_all_doorbells(void **state)
{
	uint64_t all = 0;

	(void)state;
	for (unsigned i = 0; i < ntb_db_vector_count(); i++) {
		assert_int_equal(all & ntb_db_vector_mask(i), 0);
		all |= ntb_db_vector_mask(i);
	}
	assert_int_equal(all, ntb_db_valid_mask());
	assert_int_equal(ntb_db_vector_mask(NTB_DB_VECTORS), 0);
	ntb_db_clear_mask(b, ~0ull);
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(ntb_peer_db_set(a, BIT64(i)), 0);
		for (unsigned v = 0; v < NTB_DB_VECTORS; v++)
			assert_int_equal(rung(v), i % 16 == 0 && i / 16 == v);
	}
	assert_int_equal(ntb_db_read(b), ~0ull);
	assert_int_equal(ntb_db_read(a), 0);
}

static void a_group_is_told_when_it_stops_being_empty(void **state)
{
	(void)state;
	ntb_db_clear_mask(b, ~0ull);
	ntb_peer_db_set(a, 1);
	ntb_peer_db_set(a, 1);
	ntb_peer_db_set(a, 6);
	assert_int_equal(rung(0), 1);
	/* Bits that came after it was read: they would be slept through. */
	ntb_db_clear(b, 1);
	assert_int_equal(rung(0), 1);
	ntb_db_clear(b, 6);
	assert_int_equal(rung(0), 0);
	assert_int_equal(ntb_db_read(b), 0);
	ntb_peer_db_set(a, 2);
	assert_int_equal(rung(0), 1);
	/* Clearing in another group, or what is not set, says nothing of this one. */
	ntb_db_clear(b, BIT64(20) | 8);
	assert_int_equal(rung(0) + rung(1), 0);
}

static void masked_doorbells_are_set_but_silent(void **state)
{
	(void)state;
	ntb_db_clear_mask(b, ~0ull);
	ntb_db_set_mask(b, 3);
	assert_int_equal(ntb_db_read_mask(b), 3);
	ntb_peer_db_set(a, 1);
	assert_int_equal(rung(0), 0);
	/* A masked one does not count as "some are set". */
	ntb_peer_db_set(a, 4);
	assert_int_equal(rung(0), 1);
	ntb_db_clear(b, 4);
	assert_int_equal(rung(0), 0);
	ntb_db_clear_mask(b, 2);
	assert_int_equal(rung(0), 0);
	ntb_db_clear_mask(b, 1);
	assert_int_equal(rung(0), 1);
	ntb_db_clear_mask(b, 1);
	assert_int_equal(rung(0), 0);
}

static void ones_own_doorbells_ring_too(void **state)
{
	(void)state;
	ntb_db_clear_mask(b, BIT64(17));
	ntb_db_set(b, BIT64(17) | BIT64(18));
	assert_int_equal(rung(1), 1);
	ntb_db_set(b, BIT64(17));
	assert_int_equal(rung(1), 0);
	ntb_db_clear(b, BIT64(17));
	assert_int_equal(rung(1), 0);
	assert_int_equal(ntb_db_read(b), BIT64(18));
}

/* ---- scratchpads, messages ---- */

static void scratchpads_belong_to_a_side(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ntb_spad_count(); i++) {
		assert_int_equal(ntb_peer_spad_write(a, i, 100 + i), 0);
		assert_int_equal(ntb_spad_write(a, i, 200 + i), 0);
	}
	for (unsigned i = 0; i < ntb_spad_count(); i++) {
		assert_int_equal(ntb_spad_read(b, i), 100 + i);
		assert_int_equal(ntb_peer_spad_read(b, i), 200 + i);
	}
	assert_int_equal(ntb_spad_read(a, NTB_SPADS), UINT32_MAX);
	assert_int_equal(ntb_peer_spad_read(a, UINT32_MAX), UINT32_MAX);
	assert_int_equal(ntb_spad_write(a, NTB_SPADS, 0), -EINVAL);
	assert_int_equal(ntb_peer_spad_write(a, NTB_SPADS, 0), -EINVAL);
}

static void a_message_waits_until_it_is_cleared(void **state)
{
	uint32_t msg = 0;

	(void)state;
	for (unsigned i = 0; i < ntb_msg_count(); i++) {
		assert_int_equal(ntb_msg_read(b, i, &msg), -ENOMSG);
		assert_int_equal(ntb_peer_msg_write(a, i, 0xdead0000 + i), 0);
		assert_int_equal(ntb_peer_msg_write(a, i, 1), -EAGAIN);
		assert_int_equal(ntb_msg_read(b, i, &msg), 0);
		assert_int_equal(msg, 0xdead0000 + i);
	}
	assert_int_equal(ntb_msg_read_sts(b), ntb_msg_inbits());
	assert_int_equal(ntb_msg_read_sts(a), ntb_msg_outbits());
	assert_int_equal(ntb_msg_inbits() & ntb_msg_outbits(), 0);
	assert_int_equal(ntb_msg_clear_sts(b, 1), 0);
	assert_int_equal(ntb_msg_clear_sts(a, BIT(16)), 0);
	assert_int_equal(ntb_peer_msg_write(a, 0, 0), 0);
	assert_int_equal(ntb_msg_read(b, 0, &msg), 0);
	assert_int_equal(msg, 0);
	assert_int_equal(ntb_msg_read_sts(a), ntb_msg_outbits() & ~BIT(16));
	assert_int_equal(ntb_msg_read(b, NTB_MSGS, &msg), -EINVAL);
	assert_int_equal(ntb_peer_msg_write(a, NTB_MSGS, 0), -EINVAL);
}

static void message_events_are_masked_by_bit(void **state)
{
	(void)state;
	assert_int_equal(ntb_msg_clear_mask(b, 2), 0);
	ntb_peer_msg_write(a, 0, 1);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_MSG), 0);
	ntb_peer_msg_write(a, 1, 1);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_MSG), 1);
	/* What lies there already is told when it is unmasked. */
	assert_int_equal(ntb_msg_clear_mask(b, 1), 0);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_MSG), 1);
	assert_int_equal(ntb_msg_set_mask(b, 1), 0);
	ntb_msg_clear_sts(b, 3);
	ntb_peer_msg_write(a, 0, 1);
	assert_int_equal(pair_events(&pair, 1, NTB_EVENT_MSG), 0);
	/* A message that could not be delivered is the sender's event. */
	ntb_peer_msg_write(a, 0, 1);
	assert_int_equal(pair_events(&pair, 0, NTB_EVENT_MSG), 0);
	assert_int_equal(ntb_msg_clear_mask(a, ntb_msg_outbits()), 0);
	assert_int_equal(pair_events(&pair, 0, NTB_EVENT_MSG), 1);
	ntb_peer_msg_write(a, 0, 1);
	assert_int_equal(pair_events(&pair, 0, NTB_EVENT_MSG), 1);
	assert_int_equal(ntb_msg_clear_sts(a, BIT(4)), -EINVAL);
	assert_int_equal(ntb_msg_set_mask(a, BIT64(40)), -EINVAL);
	assert_int_equal(ntb_msg_clear_mask(a, BIT(15)), -EINVAL);
}

/* ---- a bad peer, one trick at a time ---- */

static void the_page_does_not_say_what_we_want(void **state)
{
	(void)state;
	ntb_db_clear_mask(a, 1);
	ntb_link_disable(a);
	a->self->link = 1;
	a->self->db_mask = ~0ull;
	a->self->msg_mask = 0;
	assert_false(ntb_link_is_up(a));
	assert_int_equal(ntb_peer_db_set(a, 1), -ENOTCONN);
	assert_int_equal(ntb_db_read_mask(a), ~1ull);
	ntb_db_set(a, 1);
	assert_int_equal(pair_events(&pair, 0, NTB_EVENT_DB), 1);
	ntb_link_enable(a);
	a->peer->link = 0xffff;
	assert_false(ntb_link_is_up(a));
	a->peer->link = 1;
	/* A message that is none, one with rubbish above it. */
	a->self->msg[0] = 0xffffffff;
	a->self->msg[1] = ~0ull;
	uint32_t msg = 1;
	assert_int_equal(ntb_msg_read(a, 0, &msg), -ENOMSG);
	assert_int_equal(ntb_msg_read(a, 1, &msg), 0);
	assert_int_equal(msg, UINT32_MAX);
	assert_int_equal(ntb_msg_read_sts(a), 2);
	a->peer->msg[0] = 0xffff0000ffffffff & ~NTB_MSG_FULL;
	assert_int_equal(ntb_peer_msg_write(a, 0, 5), 0);
	assert_int_equal(ntb_msg_read(b, 0, &msg), 0);
	assert_int_equal(msg, 5);
}

static void an_event_is_taken_without_waiting(void **state)
{
	int fd = pair.event[0][NTB_EVENT_LINK];

	(void)state;
	/* The peer has the same open file: it can make reads wait, and empty it. */
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	assert_false(ntb_event_take(fd));
	ntb_link_disable(b);
	assert_true(ntb_event_take(fd));
	assert_false(ntb_event_take(fd));
}

static void an_eventfd_that_blocks_is_given_up(void **state)
{
	const uint64_t full = UINT64_MAX - 1;
	int fd = pair.event[1][NTB_EVENT_DB];

	(void)state;
	ntb_db_clear_mask(b, ~0ull);
	assert_int_equal(write(fd, &full, 8), 8);
	/* While it does not block, a full counter only means that it was told. */
	assert_int_equal(ntb_peer_db_set(a, 1), 0);
	assert_int_equal(a->peer_event[NTB_EVENT_DB], fd);
	ntb_db_clear(b, 1);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	jam_watch(1);
	assert_int_equal(ntb_peer_db_set(a, 1), 0);
	jam_watch(-1);
	assert_int_equal(a->peer_event[NTB_EVENT_DB], -1);
	ntb_db_clear(b, 1);
	assert_int_equal(ntb_peer_db_set(a, 1), 0);
	assert_int_equal(ntb_db_read(b), 1);
}

static void a_page_that_is_cut_off_is_a_link_that_is_down(void **state)
{
	int fd = memfd_create("unsealed", MFD_CLOEXEC);
	struct ntb_dev dev;

	(void)state;
	assert_int_equal(test_guard_use(), 0);
	assert_int_equal(ftruncate(fd, NTB_PAGE_SIZE), 0);
	assert_int_equal(ntb_dev_init(&dev, fcntl(fd, F_DUPFD_CLOEXEC, 0), 0, pair.event[0],
				      pair.event[1], NULL),
			 0);
	ntb_link_enable(&dev);
	dev.peer->link = 1;
	assert_true(ntb_link_is_up(&dev));
	assert_int_equal(ftruncate(fd, 0), 0);
	ntb_db_set(&dev, 1);
	assert_false(ntb_link_is_up(&dev));
	assert_int_equal(ntb_peer_db_set(&dev, 1), -ENOTCONN);
	ntb_dev_done(&dev);
	close(fd);
}

static void only_a_file_of_a_page_is_a_page(void **state)
{
	const char *why = NULL;
	struct ntb_dev dev;
	int fd = fd_memfd("short", 2048);

	(void)state;
	assert_int_equal(ntb_dev_init(&dev, fd, 0, pair.event[0], pair.event[1], &why),
			 -EINVAL);
	assert_non_null(why);
	close(fd);
	/* The one we make cannot be made shorter. */
	assert_int_equal(ftruncate(pair.file, 0), -1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_link_is_up_when_both_want_it),
		T(without_link_nothing_reaches_the_peer),
		T(after_reset_all_is_masked_and_zero),
		T(vectors_share_out_all_doorbells),
		T(a_group_is_told_when_it_stops_being_empty),
		T(masked_doorbells_are_set_but_silent),
		T(ones_own_doorbells_ring_too),
		T(scratchpads_belong_to_a_side),
		T(a_message_waits_until_it_is_cleared),
		T(message_events_are_masked_by_bit),
		T(the_page_does_not_say_what_we_want),
		T(an_event_is_taken_without_waiting),
		T(an_eventfd_that_blocks_is_given_up),
		T(a_page_that_is_cut_off_is_a_link_that_is_down),
		T(only_a_file_of_a_page_is_a_page),
	};

	if (jam_init() < 0 || test_guard_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
