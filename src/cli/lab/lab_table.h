/* SPDX-License-Identifier: BSD-3-Clause */
/* lab_table.h - the figures of an experiment: printed, written as CSV, and drawn from. */
#ifndef LADON_CLI_LAB_TABLE_H
#define LADON_CLI_LAB_TABLE_H

#include <stdint.h>
#include <stdio.h>

#define LAB_ROWS 64u
#define LAB_COLS 16u

struct lab_column {
	const char *key;   /* of the CSV: unit included */
	const char *title; /* of the printed table */
	int decimals;
};

/* A figure that is not known is NAN. */
struct lab_table {
	const struct lab_column *column; /* borrowed */
	unsigned cols, rows;
	double cell[LAB_ROWS][LAB_COLS];
};

/* A new row of NANs, or the last when all are used. */
double *lab_table_row(struct lab_table *table);
void lab_table_print(FILE *out, const struct lab_table *table);
void lab_table_csv(FILE *out, const struct lab_table *table);

/* The p-th percentile (0 ... 100) of num values, by nearest rank; they get sorted. NAN of none.
 */
double lab_percentile(double *values, unsigned num, double p);
/* Jain's fairness index of shares: 1 = all equal, 1/num = one has everything. NAN where all are
 * 0. */
double lab_jain(const double *share, unsigned num);

#endif
