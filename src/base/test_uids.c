/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bits.h"
#include "uids.h"

static void lists_are_decimal_numbers_with_commas(void **state)
{
	struct uid_list list;

	(void)state;
	assert_int_equal(uids_parse("0", &list), 0);
	assert_true(list.num == 1 && list.uid[0] == 0);
	assert_int_equal(uids_parse("0,1000,4294967294", &list), 0);
	assert_true(list.num == 3 && list.uid[1] == 1000 && list.uid[2] == 4294967294u);
	assert_int_equal(uids_parse("0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15", &list), 0);
	assert_int_equal(list.num, UIDS_MAX);
}

static void what_is_none_changes_nothing(void **state)
{
	static const char *const wrong[] = {
		"",
		",",
		"1,",
		",1",
		"1,,2",
		" 1",
		"1 ",
		"+1",
		"-1",
		"0x1",
		"root",
		"1;2",
		"4294967295",
		"4294967296",
		"18446744073709551616",
		"0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16",
	};
	struct uid_list list = {.num = 1, .uid = {7}};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(wrong); i++) {
		if (uids_parse(wrong[i], &list) != -EINVAL)
			fail_msg("\"%s\"", wrong[i]);
		assert_true(list.num == 1 && list.uid[0] == 7);
	}
}

static void an_empty_list_has_everybody(void **state)
{
	struct uid_list list = {0};

	(void)state;
	assert_true(uids_have(&list, 0) && uids_have(&list, 1000));
	list = (struct uid_list){.num = 2, .uid = {0, 1000}};
	assert_true(uids_have(&list, 0) && uids_have(&list, 1000));
	assert_false(uids_have(&list, 1) || uids_have(&list, UID_LAST));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_decimal_numbers_with_commas),
		cmocka_unit_test(what_is_none_changes_nothing),
		cmocka_unit_test(an_empty_list_has_everybody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
