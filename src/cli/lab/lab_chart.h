/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * lab_chart.h - line charts as SVG, up to two panels side by side, readable on a light and on a
 * dark page. Nothing but the points is needed: ranges and ticks follow from them.
 */
#ifndef LADON_CLI_LAB_CHART_H
#define LADON_CLI_LAB_CHART_H

#include <stdbool.h>
#include <stdio.h>

#define CHART_PANELS  2
#define CHART_SERIES  8
#define CHART_COLOURS 4

enum chart_style { CHART_LINE, CHART_DASHED, CHART_POINTS, CHART_STYLE_NUM };

/* A linear axis shows 0; a logarithmic one begins and ends at a power of ten. */
struct chart_axis {
	const char *label;
	bool log;
	double step; /* between ticks of a linear axis; 0 = a round one */
};

/*
 * Point i is (x[i * stride], y[i * stride]): a column of a table with stride columns. What is
 * not finite, or not above 0 on a logarithmic axis, is a gap in the line. Borrowed.
 */
struct chart_series {
	const char *name; /* NULL = not in the legend */
	enum chart_style style;
	unsigned colour; /* below CHART_COLOURS */
	const double *x, *y;
	unsigned stride, num;
};

struct chart_panel {
	const char *title;
	struct chart_axis x, y;
	struct chart_series series[CHART_SERIES];
	unsigned num;
};

/* All text is UTF-8; title and note may be NULL. */
struct chart {
	const char *title, *note;
	struct chart_panel panel[CHART_PANELS];
	unsigned num;
};

/* Draws. Returns 0, or -EIO when out has an error. */
int chart_write(FILE *out, const struct chart *chart);

#endif
