/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab_table.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"

double *lab_table_row(struct lab_table *table)
{
	double *row;

	assert(table->cols <= LAB_COLS);
	if (table->rows < LAB_ROWS)
		table->rows++;
	row = table->cell[table->rows - 1];
	for (unsigned i = 0; i < LAB_COLS; i++)
		row[i] = NAN;
	return row;
}

static int width_of(const struct lab_column *column)
{
	return MAX((int)strlen(column->title), 8);
}

void lab_table_print(FILE *out, const struct lab_table *table)
{
	for (unsigned c = 0; c < table->cols; c++)
		fprintf(out, "%s%*s", c ? "  " : "", width_of(&table->column[c]),
			table->column[c].title);
	fputc('\n', out);
	for (unsigned r = 0; r < table->rows; r++) {
		for (unsigned c = 0; c < table->cols; c++) {
			const struct lab_column *column = &table->column[c];
			double value = table->cell[r][c];

			fputs(c ? "  " : "", out);
			if (isfinite(value))
				fprintf(out, "%*.*f", width_of(column), column->decimals,
					value);
			else
				fprintf(out, "%*s", width_of(column), "-");
		}
		fputc('\n', out);
	}
}

void lab_table_csv(FILE *out, const struct lab_table *table)
{
	for (unsigned c = 0; c < table->cols; c++)
		fprintf(out, "%s%s", c ? "," : "", table->column[c].key);
	fputc('\n', out);
	for (unsigned r = 0; r < table->rows; r++) {
		for (unsigned c = 0; c < table->cols; c++) {
			double value = table->cell[r][c];

			fputs(c ? "," : "", out);
			if (isfinite(value))
				fprintf(out, "%.*f", table->column[c].decimals, value);
		}
		fputc('\n', out);
	}
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

double lab_percentile(double *values, unsigned num, double p)
{
	unsigned rank;

	if (!num)
		return NAN;
	qsort(values, num, sizeof(*values), by_value);
	rank = (unsigned)ceil(num * p / 100);
	return values[rank ? rank - 1 : 0];
}

double lab_jain(const double *share, unsigned num)
{
	double sum = 0, squares = 0;

	for (unsigned i = 0; i < num; i++) {
		sum += share[i];
		squares += share[i] * share[i];
	}
	return sum * sum / (num * squares);
}
