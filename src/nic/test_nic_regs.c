/* SPDX-License-Identifier: BSD-3-Clause */
/* Masks, arrays, hooks and order of effects; and wrong tables, which must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "bits.h"
#include "nic_regs.h"

#define BAR 0x100u

struct dev {
	uint32_t read_index, read_stored, answer;
	uint32_t write_index, written, stored_at_write;
	unsigned reads, writes;
	volatile uint32_t *store;
};

static uint32_t hook_read(void *arg, const struct nic_reg_row *row, unsigned index,
			  uint32_t stored)
{
	struct dev *dev = arg;

	dev->reads++;
	dev->read_index = index;
	dev->read_stored = stored;
	dev->store[(row->offset + index * row->stride) / 4] |= 0x80000000; /* a new event */
	return dev->answer;
}

static void hook_write(void *arg, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct dev *dev = arg;

	dev->writes++;
	dev->write_index = index;
	dev->written = written;
	dev->stored_at_write = dev->store[(row->offset + index * row->stride) / 4];
}

static const struct nic_reg_row good[] = {
	{"PLAIN", 0x00, 1, 4, 0x12345678, 0x0000ffff, 0, 0, NULL, NULL, ""},
	{"CAUSE", 0x04, 1, 4, 0xff, 0, 0x0f, 0xf0, NULL, NULL, ""},
	{"ARRAY", 0x10, 4, 0x10, 7, 0xff, 0, 0xf0000000, hook_read, hook_write, ""},
	{"LAST", 0xfc, 1, 4, 0, 0xffffffff, 0, 0, NULL, NULL, ""},
};

struct fixture {
	struct nic_reg_map *map;
	volatile uint32_t store[BAR / 4];
	struct dev dev;
	uint64_t unknown;
};

static struct fixture fix;

static int set_up(void **state)
{
	const char *error = NULL;

	(void)state;
	memset(&fix, 0, sizeof(fix));
	fix.dev.store = fix.store;
	if (nic_reg_map_new(good, ARRAY_SIZE(good), BAR, &fix.map, &error) < 0)
		return -1;
	nic_reg_reset(fix.map, fix.store);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	nic_reg_map_free(fix.map);
	return 0;
}

static uint32_t rd(uint32_t offset)
{
	return nic_reg_read(fix.map, fix.store, &fix.dev, offset, &fix.unknown);
}

static void wr(uint32_t offset, uint32_t value)
{
	nic_reg_write(fix.map, fix.store, &fix.dev, offset, value, &fix.unknown);
}

static void reset_gives_every_element_its_value_and_calls_no_hook(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < BAR / 4; i++)
		fix.store[i] = 0xdeadbeef;
	nic_reg_reset(fix.map, fix.store);
	assert_int_equal(fix.store[0], 0x12345678);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(fix.store[(0x10 + 0x10 * i) / 4], 7);
	assert_int_equal(fix.store[0x14 / 4], 0);
	assert_int_equal(fix.dev.reads + fix.dev.writes, 0);
}

static void only_writable_bits_change(void **state)
{
	(void)state;
	wr(0, 0xaaaaaaaa);
	assert_int_equal(rd(0), 0x1234aaaa);
	wr(0xfc, 0xcafef00d);
	assert_int_equal(rd(0xfc), 0xcafef00d);
	assert_int_equal(fix.unknown, 0);
}

static void ones_clear_w1c_bits_and_reading_clears_rc_bits(void **state)
{
	(void)state;
	wr(4, 0x35);
	assert_int_equal(fix.store[1], 0xfa);
	assert_int_equal(rd(4), 0xfa);
	assert_int_equal(rd(4), 0x0a);
}

static void hooks_get_the_index_and_run_after_the_masks(void **state)
{
	(void)state;
	fix.dev.answer = 0x55;
	wr(0x30, 0x123456);
	assert_int_equal(fix.dev.write_index, 2);
	assert_int_equal(fix.dev.written, 0x123456);
	assert_int_equal(fix.dev.stored_at_write, 0x56);
	assert_int_equal(rd(0x30), 0x55);
	assert_int_equal(fix.dev.read_index, 2);
	assert_int_equal(fix.dev.read_stored, 0x56);
	assert_int_equal(fix.store[0x20 / 4], 7);
}

static void what_a_read_hook_sets_is_not_cleared_by_that_read(void **state)
{
	(void)state;
	fix.store[0x10 / 4] = 0x40000000;
	rd(0x10);
	assert_int_equal(fix.dev.read_stored, 0x40000000);
	assert_int_equal(fix.store[0x10 / 4], 0x80000000);
}

static void what_no_row_covers_reads_zero_and_is_counted(void **state)
{
	unsigned index;

	(void)state;
	fix.store[0x14 / 4] = 0xff; /* between two elements of ARRAY */
	assert_int_equal(rd(0x14), 0);
	wr(0x14, 1);
	assert_int_equal(fix.store[0x14 / 4], 0xff);
	assert_int_equal(fix.unknown, 2);
	assert_int_equal(nic_reg_read(fix.map, fix.store, &fix.dev, 0x14, NULL), 0);
	assert_null(nic_reg_find(fix.map, 0x50, &index));
	assert_null(nic_reg_find(fix.map, BAR, &index));
	assert_ptr_equal(nic_reg_find(fix.map, 0x40, &index), &good[2]);
	assert_int_equal(index, 3);
}

/* One fault planted in an otherwise good table of two rows. */
static void refused(struct nic_reg_row bad, const char *why)
{
	const struct nic_reg_row rows[] = {good[0], bad};
	struct nic_reg_map *map = (void *)&fix;
	const char *error = NULL;

	assert_int_equal(nic_reg_map_new(rows, 2, BAR, &map, &error), -EINVAL);
	assert_ptr_equal(map, &fix);
	assert_non_null(error);
	if (!strstr(error, why))
		fail_msg("\"%s\" does not say \"%s\"", error, why);
}

static struct nic_reg_row place(uint32_t offset, uint16_t count, uint16_t stride)
{
	return (struct nic_reg_row){
		.name = "X", .offset = offset, .count = count, .stride = stride};
}

static struct nic_reg_row bits(uint32_t rw, uint32_t w1c, uint32_t rc)
{
	struct nic_reg_row row = place(0x10, 1, 4);

	row.rw = rw;
	row.w1c = w1c;
	row.rc = rc;
	return row;
}

static void wrong_tables_are_refused_with_a_sentence(void **state)
{
	struct nic_reg_row nameless = place(0x10, 1, 4);

	(void)state;
	nameless.name = NULL;
	refused(nameless, "no name");
	refused(place(0x00, 1, 4), "register X at 0x0: overlaps");
	refused(place(0xf0, 5, 4), "outside");
	refused(place(BAR, 1, 4), "outside");
	refused(place(0xfffffffc, 2, 4), "outside");
	refused(place(0x10, 2, 0xfffc), "outside");
	refused(place(0x10, 2, 0), "is 0");
	refused(place(0x10, 0, 4), "is 0");
	refused(place(0x12, 1, 4), "multiple of 4");
	refused(place(0x10, 2, 6), "multiple of 4");
	refused(bits(6, 4, 0), "write-1-to-clear");
	refused(bits(6, 0, 2), "cleared by reading");
}

static void a_bar_that_is_not_made_of_dwords_is_refused(void **state)
{
	struct nic_reg_map *map;
	const char *error = NULL;

	(void)state;
	assert_int_equal(nic_reg_map_new(good, 1, 0x102, &map, &error), -EINVAL);
	assert_non_null(error);
	assert_int_equal(nic_reg_map_new(good, 0x10000, 0x100, &map, &error), -EINVAL);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(reset_gives_every_element_its_value_and_calls_no_hook),
		T(only_writable_bits_change),
		T(ones_clear_w1c_bits_and_reading_clears_rc_bits),
		T(hooks_get_the_index_and_run_after_the_masks),
		T(what_a_read_hook_sets_is_not_cleared_by_that_read),
		T(what_no_row_covers_reads_zero_and_is_counted),
		T(wrong_tables_are_refused_with_a_sentence),
		T(a_bar_that_is_not_made_of_dwords_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
