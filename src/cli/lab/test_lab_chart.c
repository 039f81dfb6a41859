/* SPDX-License-Identifier: BSD-3-Clause */
/* Whatever the points are: a chart is well-formed XML, and nothing leaves the picture. */
#include "lab_chart.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bits.h"

static char text[1 << 16];

static const char *draw(const struct chart *chart)
{
	FILE *file = fmemopen(text, sizeof(text), "w");

	assert_non_null(file);
	assert_int_equal(chart_write(file, chart), 0);
	assert_int_equal(fclose(file), 0);
	assert_true(strlen(text) < sizeof(text) - 1);
	return text;
}

static unsigned count(const char *svg, const char *what)
{
	unsigned n = 0;

	for (const char *p = svg; (p = strstr(p, what)); p++)
		n++;
	return n;
}

/* ---- is it XML? ---- */

/* Past one entity, where text has an ampersand. */
static const char *entity(const char *p)
{
	static const char *const known[] = {"&amp;", "&lt;", "&gt;", "&quot;"};

	for (unsigned i = 0; i < ARRAY_SIZE(known); i++)
		if (!strncmp(p, known[i], strlen(known[i])))
			return p + strlen(known[i]);
	fail_msg("no entity: %.20s", p);
	return p;
}

/* Past the attributes of a tag, to its '>' or "/>". */
static const char *attributes(const char *p)
{
	while (*p == ' ') {
		p += strspn(p, " ");
		assert_true(isalpha((unsigned char)*p));
		p += strcspn(p, "= >");
		assert_int_equal(*p++, '=');
		assert_int_equal(*p++, '"');
		p += strcspn(p, "\"<&");
		assert_int_equal(*p++, '"');
	}
	return p;
}

static void assert_xml(const char *p)
{
	char open[8][16];
	unsigned depth = 0;

	for (; *p; p = *p == '&' ? entity(p) : p + strcspn(p, "<&")) {
		size_t len;

		if (*p != '<')
			continue;
		len = strcspn(p + 1 + (p[1] == '/'), " />");
		assert_in_range(len, 1, sizeof(open[0]) - 1);
		if (p[1] == '/') {
			assert_true(depth > 0 && strlen(open[depth - 1]) == len);
			assert_memory_equal(open[--depth], p + 2, len);
			p += 2 + len;
		} else {
			assert_in_range(depth, 0, ARRAY_SIZE(open) - 1);
			snprintf(open[depth++], sizeof(open[0]), "%.*s", (int)len, p + 1);
			p = attributes(p + 1 + len);
			depth -= *p == '/';
			p += *p == '/';
		}
		assert_int_equal(*p++, '>');
	}
	assert_int_equal(depth, 0);
	for (p = text; *p; p++)
		assert_true((unsigned char)*p >= ' ' || *p == '\n');
}

/* Every coordinate is a number inside of the picture. */
static void assert_inside(const char *svg)
{
	static const char *const at[] = {" x1=\"", " y1=\"", " x2=\"", " y2=\"",
					 " cx=\"", " cy=\"", " x=\"",  " y=\""};
	const char *box = strstr(svg, "viewBox=\"0 0 ");
	double width, height;

	assert_non_null(box);
	assert_int_equal(sscanf(box, "viewBox=\"0 0 %lf %lf\"", &width, &height), 2);
	for (unsigned i = 0; i < ARRAY_SIZE(at); i++)
		for (const char *p = svg; (p = strstr(p, at[i])); p++) {
			char *end;
			double value = strtod(p + strlen(at[i]), &end);

			assert_int_equal(*end, '"');
			assert_true(value >= 0 && value <= MAX(width, height));
		}
	for (const char *p = svg; (p = strstr(p, " d=\"")); p++) {
		const char *q = p + 4;

		assert_int_equal(strspn(q, "ML0123456789. "), strcspn(q, "\""));
	}
}

static void assert_good(const struct chart *chart)
{
	const char *svg = draw(chart);

	assert_xml(svg);
	assert_inside(svg);
}

/* ---- tests ---- */

static const double ten_x[] = {0, 5, 10}, ten_y[] = {0, 250, 100};

static struct chart simple(void)
{
	return (struct chart){
		.title = "T",
		.num = 1,
		.panel = {{.title = "P",
			   .x = {.label = "X"},
			   .y = {.label = "Y"},
			   .num = 1,
			   .series = {{"S", CHART_LINE, 1, ten_x, ten_y, 1, 3}}}}};
}

static void places_and_ticks(void **state)
{
	struct chart chart = simple();
	const char *svg = draw(&chart);

	(void)state;
	assert_good(&chart);
	/* The plot is 400 x 280 at (78, 88): 0 ... 10 by 2 and 0 ... 250 by 50. */
	assert_non_null(strstr(svg, "d=\"M78.0 368.0L278.0 88.0L478.0 256.0\""));
	assert_int_equal(count(svg, "<circle"), 4);
	for (unsigned tick = 0; tick <= 250; tick += 50) {
		char label[40];

		snprintf(label, sizeof(label), "class=\"e\">%u</text>", tick);
		assert_int_equal(count(svg, label), 1);
	}
	assert_int_equal(count(svg, "class=\"m\">"), 6 + 2);
	assert_int_equal(count(svg, ">S</text>"), 1);
	assert_int_equal(count(svg, "prefers-color-scheme:dark"), 1);
}

static void logarithmic(void **state)
{
	static const double y[] = {0.5, 0, 200}, x[] = {1, 2, 3};
	struct chart chart = simple();
	const char *svg;

	(void)state;
	chart.panel[0].y.log = true;
	chart.panel[0].series[0].y = y;
	chart.panel[0].series[0].x = x;
	chart.panel[0].x.step = 1;
	assert_good(&chart);
	svg = draw(&chart);
	/* 0.1 ... 1000, and 0 is a gap: two strokes without a line. */
	assert_int_equal(count(svg, "class=\"e\">"), 5);
	assert_int_equal(count(svg, "class=\"e\">0.1<"), 1);
	assert_int_equal(count(svg, "class=\"e\">1000<"), 1);
	assert_null(strstr(strstr(svg, " d=\""), "L"));
	assert_int_equal(count(svg, "<circle"), 2 + 1);
	assert_int_equal(count(svg, "class=\"m\">"), 4 + 2);
}

static void units_and_signs(void **state)
{
	static const double y[] = {-2500000, 5000000, 0};
	struct chart chart = simple();
	const char *svg;

	(void)state;
	chart.panel[0].series[0].y = y;
	assert_good(&chart);
	svg = draw(&chart);
	assert_int_equal(count(svg, ">\u22124M<"), 1);
	assert_int_equal(count(svg, ">6M<"), 1);
	assert_int_equal(count(svg, ">0<"), 2);
}

static void styles(void **state)
{
	struct chart chart = simple();
	const char *svg;

	(void)state;
	chart.panel[0].series[0].style = CHART_DASHED;
	chart.panel[0].series[1] = chart.panel[0].series[0];
	chart.panel[0].series[1].style = CHART_POINTS;
	chart.panel[0].series[1].name = NULL;
	chart.panel[0].num = 2;
	svg = draw(&chart);
	assert_int_equal(count(svg, "<path"), 1);
	assert_int_equal(count(svg, "class=\"l s1 d\""), 2);
	assert_int_equal(count(svg, "<circle"), 3);
}

static void columns_of_a_table(void **state)
{
	static const double cell[3][4] = {{0, 9, 0, 9}, {5, 9, 250, 9}, {10, 9, 100, 9}};
	struct chart chart = simple(), other = chart;
	static char first[sizeof(text)];

	(void)state;
	strcpy(first, draw(&chart));
	other.panel[0].series[0].x = cell[0];
	other.panel[0].series[0].y = cell[0] + 2;
	other.panel[0].series[0].stride = 4;
	assert_string_equal(first, draw(&other));
}

static void text_is_escaped(void **state)
{
	struct chart chart = simple();

	(void)state;
	chart.title = "a<b>&\"c\"\x01\x1b]]>";
	chart.note = "</svg>";
	chart.panel[0].title = chart.panel[0].x.label = "<&";
	chart.panel[0].y.label = "\xc2\xb5s";
	chart.panel[0].series[0].name = "\"/>";
	assert_good(&chart);
	assert_non_null(strstr(text, "a&lt;b&gt;&amp;\"c\"  ]]&gt;"));
	assert_int_equal(count(text, "</svg>"), 1);
	assert_non_null(strstr(text, "\xc2\xb5s"));
}

static void odd_points(void **state)
{
	static const double odd[][3] = {
		{NAN, NAN, NAN},     {INFINITY, -INFINITY, NAN},
		{1, NAN, 2},	     {0, 0, 0},
		{7, 7, 7},	     {-3, -3, -3},
		{1e300, -1e300, 1},  {1e15, 1, -1e15},
		{1e-300, 2e-300, 0}, {5e-324, 1, 1e308},
		{-1, 1e-9, 1e9},     {0.1, 0.1000001, 0.1},
	};
	static const double steps[] = {0, 1, 1e-9, 1e9};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(odd) * ARRAY_SIZE(odd); i++)
		for (unsigned how = 0; how < 32; how++) {
			struct chart chart = simple();
			struct chart_panel *p = &chart.panel[0];

			p->series[0].x = odd[i / ARRAY_SIZE(odd)];
			p->series[0].y = odd[i % ARRAY_SIZE(odd)];
			p->series[0].num = how & 16 ? 1 : 3;
			p->x.log = how & 1;
			p->y.log = how & 2;
			p->x.step = p->y.step = steps[how / 4 % 4];
			assert_good(&chart);
			assert_in_range(count(text, "class=\"e\">"), 2, 51);
		}
}

static void nothing_to_draw(void **state)
{
	struct chart chart = {.num = 0};

	(void)state;
	assert_good(&chart);
	chart.num = 2;
	assert_good(&chart);
	chart.panel[1].num = CHART_SERIES; /* without points */
	assert_good(&chart);
}

static void full_disk(void **state)
{
	FILE *file = fopen("/dev/full", "w");
	struct chart chart = simple();

	(void)state;
	if (!file)
		skip();
	setvbuf(file, NULL, _IONBF, 0);
	assert_int_equal(chart_write(file, &chart), -EIO);
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_and_ticks),   cmocka_unit_test(logarithmic),
		cmocka_unit_test(units_and_signs),    cmocka_unit_test(styles),
		cmocka_unit_test(columns_of_a_table), cmocka_unit_test(text_is_escaped),
		cmocka_unit_test(odd_points),	      cmocka_unit_test(nothing_to_draw),
		cmocka_unit_test(full_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
