/* SPDX-License-Identifier: BSD-3-Clause */
/* Frames come out of a FIFO as they went in, wherever it wraps; a full one says so. */
#include "test_port.h"

#include "nic_fifo.h"

#define SIZE 4096u

static struct nic_fifo fifo;

static int set_up(void **state)
{
	(void)state;
	return nic_fifo_init(&fifo, SIZE);
}

static int tear_down(void **state)
{
	(void)state;
	nic_fifo_done(&fifo);
	nic_fifo_done(&fifo); /* nothing more */
	return 0;
}

static bool put(uint32_t number, uint32_t len)
{
	uint8_t *at = nic_fifo_room(&fifo, len);

	if (!at)
		return false;
	memset(at, (uint8_t)number, len);
	put_be32(at, number);
	nic_fifo_push(&fifo, len);
	return true;
}

static void assert_next(uint32_t number, uint32_t len)
{
	uint32_t got = 0;
	const uint8_t *at = nic_fifo_peek(&fifo, &got);

	assert_non_null(at);
	assert_int_equal(got, len);
	assert_int_equal(get_be32(at), number);
	for (uint32_t i = 4; i < len; i++)
		assert_int_equal(at[i], (uint8_t)number);
	nic_fifo_pop(&fifo);
}

static void frames_keep_their_order_and_bytes(void **state)
{
	uint32_t len[SIZE], in = 0, out = 0;

	(void)state;
	while (in < 100000) {
		uint32_t n = test_below(20);

		for (; n; n--) {
			len[in % SIZE] = 4 + test_below(test_below(8) ? 100 : 1500);
			if (!put(in, len[in % SIZE]))
				break;
			in++;
		}
		for (n = test_below(20); n && out < in; n--, out++)
			assert_next(out, len[out % SIZE]);
		assert_true(fifo.used <= SIZE);
		assert_int_equal(!fifo.used, in == out);
	}
	for (; out < in; out++)
		assert_next(out, len[out % SIZE]);
	assert_int_equal(fifo.used, 0);
}

static void it_has_as_much_room_as_was_said(void **state)
{
	uint32_t len;

	(void)state;
	assert_null(nic_fifo_peek(&fifo, &len));
	nic_fifo_pop(&fifo);
	for (unsigned turn = 0; turn < 3; turn++) {
		for (unsigned i = 0; i < 4; i++)
			assert_true(put(i, SIZE / 4 - NIC_FIFO_RECORD));
		assert_false(put(9, 4));
		assert_int_equal(fifo.used, SIZE);
		for (unsigned i = 0; i < 4; i++)
			assert_next(i, SIZE / 4 - NIC_FIFO_RECORD);
	}
	assert_false(put(0, SIZE - NIC_FIFO_RECORD + 1));
	assert_true(put(0, SIZE - NIC_FIFO_RECORD));
}

/* What is left at the end is lost to a frame that begins anew. */
static void a_gap_at_the_end_is_given_back(void **state)
{
	(void)state;
	assert_true(put(0, 1500));
	assert_true(put(1, 1500));
	assert_next(0, 1500);
	assert_false(put(2, 1504 + 8)); /* neither here nor there */
	assert_true(put(2, 1500));	/* at the beginning */
	assert_false(put(3, 4));
	assert_next(1, 1500);
	assert_true(put(3, 2000));
	assert_next(2, 1500);
	assert_next(3, 2000);
	assert_int_equal(fifo.used, 0);
}

/* Room that was asked for and not used is no harm. */
static void room_may_be_left_alone(void **state)
{
	(void)state;
	assert_true(put(0, 2000));
	assert_true(put(1, 1000));
	assert_next(0, 2000);
	assert_non_null(nic_fifo_room(&fifo, 1500)); /* wraps */
	assert_next(1, 1000);
	assert_int_equal(fifo.used, 0);
	assert_true(put(2, SIZE - NIC_FIFO_RECORD));
	assert_next(2, SIZE - NIC_FIFO_RECORD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(frames_keep_their_order_and_bytes),
		TEST(it_has_as_much_room_as_was_said),
		TEST(a_gap_at_the_end_is_given_back),
		TEST(room_may_be_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
