/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab_table.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct lab_column columns[] = {
	{"n", "n", 0}, {"rate_mbit_per_s", "a long title", 2}, {"p99", "p99", 1}};

static const char *written(void (*write)(FILE *, const struct lab_table *),
			   const struct lab_table *table)
{
	static char text[1 << 16];
	FILE *file = fmemopen(text, sizeof(text), "w");

	write(file, table);
	assert_int_equal(fclose(file), 0);
	return text;
}

static void text_and_csv(void **state)
{
	struct lab_table t = {.column = columns, .cols = 3};
	double *row = lab_table_row(&t);

	(void)state;
	row[0] = 1;
	row[1] = 12345.678;
	row = lab_table_row(&t);
	row[0] = 22;
	row[1] = INFINITY;
	row[2] = -0.25;
	assert_string_equal(written(lab_table_print, &t), "       n  a long title       p99\n"
							  "       1      12345.68         -\n"
							  "      22             -      -0.2\n");
	assert_string_equal(written(lab_table_csv, &t), "n,rate_mbit_per_s,p99\n"
							"1,12345.68,\n"
							"22,,-0.2\n");
}

static void rows_end(void **state)
{
	struct lab_table t = {.column = columns, .cols = 3};

	(void)state;
	for (unsigned i = 0; i < LAB_ROWS + 5; i++)
		lab_table_row(&t)[0] = i;
	assert_int_equal(t.rows, LAB_ROWS);
	assert_true(t.cell[LAB_ROWS - 1][0] == LAB_ROWS + 4);
	assert_true(t.cell[LAB_ROWS - 2][0] == LAB_ROWS - 2);
	assert_true(isnan(t.cell[3][1]));
}

static void percentiles(void **state)
{
	double v[100], one[] = {7}, four[] = {4, 1, 3, 2};

	(void)state;
	for (unsigned i = 0; i < 100; i++)
		v[i] = (double)(i * 37 % 100 + 1); /* 1 ... 100, shuffled */
	assert_true(lab_percentile(v, 100, 50) == 50);
	assert_true(lab_percentile(v, 100, 99) == 99);
	assert_true(lab_percentile(v, 100, 100) == 100);
	assert_true(lab_percentile(v, 100, 0) == 1);
	assert_true(lab_percentile(one, 1, 50) == 7 && lab_percentile(one, 1, 99) == 7);
	assert_true(lab_percentile(four, 4, 50) == 2 && lab_percentile(four, 4, 51) == 3);
	assert_true(isnan(lab_percentile(NULL, 0, 50)));
}

static void fairness(void **state)
{
	const double equal[] = {5, 5, 5, 5}, one[] = {9, 0, 0, 0}, half[] = {1, 1, 0, 0},
		     none[] = {0, 0};

	(void)state;
	assert_true(lab_jain(equal, 4) == 1);
	assert_true(lab_jain(one, 4) == 0.25);
	assert_true(lab_jain(half, 4) == 0.5);
	assert_true(isnan(lab_jain(none, 2)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_and_csv),
		cmocka_unit_test(rows_end),
		cmocka_unit_test(percentiles),
		cmocka_unit_test(fairness),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
