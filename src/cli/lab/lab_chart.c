/* SPDX-License-Identifier: BSD-3-Clause */
#include "lab_chart.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdint.h>

#include "bits.h"

/* Pixels. A panel is its plot and, left of it, the room for the y axis. */
#define PANEL_W	  500.0
#define PLOT_X	  78.0
#define PLOT_W	  400.0
#define PLOT_Y	  88.0
#define PLOT_H	  280.0
#define LEGEND_Y  (PLOT_Y + PLOT_H + 70)
#define LEGEND_H  20.0
#define NOTE_H	  30.0
#define TICKS	  5 /* about so many on a linear axis */
#define VALUE_MAX 1e15
#define VALUE_MIN 1e-15 /* what is less is 0 */
#define MINUS	  "\u2212"

static const char style_sheet[] =
	"<style>"
	"text{font-size:12px;fill:#333}.h{font-size:17px;font-weight:bold;fill:#222}"
	".t{font-size:14.5px;font-weight:bold}.m{text-anchor:middle}.e{text-anchor:end}"
	".bg{fill:#fff}.g{stroke:#ddd}.a{stroke:#888}.l{fill:none;stroke-width:2}"
	".d{stroke-dasharray:6 4}"
	".s0{stroke:#c65b4a}.s1{stroke:#4a7dbd}.s2{stroke:#3f8f5b}.s3{stroke:#8a6bb5}"
	".p0{fill:#c65b4a}.p1{fill:#4a7dbd}.p2{fill:#3f8f5b}.p3{fill:#8a6bb5}"
	"@media(prefers-color-scheme:dark){"
	"text{fill:#ccc}.h{fill:#eee}.bg{fill:#16191d}.g{stroke:#3a3f45}.a{stroke:#888}"
	".s0{stroke:#ec8473}.s1{stroke:#7fb0ee}.s2{stroke:#74c894}.s3{stroke:#bda0e4}"
	".p0{fill:#ec8473}.p1{fill:#7fb0ee}.p2{fill:#74c894}.p3{fill:#bda0e4}}"
	"</style>\n";

/* What an axis shows, and where: log axes in powers of ten. */
struct scale {
	bool log;
	double from, to, step;
	double at, length; /* pixels; a negative length goes upwards */
};

/* XML has no way to write most control characters. */
static void put_text(FILE *out, const char *text)
{
	for (const char *p = text ? text : ""; *p; p++) {
		if (*p == '&')
			fputs("&amp;", out);
		else if (*p == '<')
			fputs("&lt;", out);
		else if (*p == '>')
			fputs("&gt;", out);
		else
			fputc((unsigned char)*p < ' ' ? ' ' : *p, out);
	}
}

static void put_label(FILE *out, const char *class, double x, double y, const char *text)
{
	fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
	put_text(out, text);
	fputs("</text>\n", out);
}

static void put_line(FILE *out, const char *class, double x1, double y1, double x2, double y2)
{
	fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n",
		x1, y1, x2, y2, class);
}

/* ---- scales ---- */

/* A value on its axis, or not finite: it cannot be shown there. */
static double on_axis(const struct chart_axis *axis, double value)
{
	if (!(fabs(value) <= VALUE_MAX))
		return NAN;
	if (fabs(value) < VALUE_MIN)
		value = 0;
	return axis->log ? log10(value) : value;
}

/* 1, 2 or 5 times a power of ten. */
static double round_step(double step)
{
	double power = pow(10, floor(log10(step)));

	return power * (step <= power ? 1 : step <= 2 * power ? 2 : step <= 5 * power ? 5 : 10);
}

/* The least and the most of all points; false: there is none. */
static bool find_range(const struct chart_panel *p, bool is_y, double *ret_min, double *ret_max)
{
	const struct chart_axis *axis = is_y ? &p->y : &p->x;
	double min = DBL_MAX, max = -DBL_MAX;

	for (unsigned s = 0; s < p->num; s++) {
		const struct chart_series *series = &p->series[s];
		const double *list = is_y ? series->y : series->x;

		for (unsigned i = 0; i < series->num; i++) {
			double value = on_axis(axis, list[i * series->stride]);

			if (!isfinite(value))
				continue;
			min = MIN(min, value);
			max = MAX(max, value);
		}
	}
	*ret_min = min;
	*ret_max = max;
	return min <= max;
}

static struct scale make_scale(const struct chart_panel *p, bool is_y)
{
	const struct chart_axis *axis = is_y ? &p->y : &p->x;
	struct scale s = {.log = axis->log, .step = axis->step};
	double min, max;

	if (!find_range(p, is_y, &min, &max))
		min = max = 0;
	if (s.log) {
		s.step = MAX(1.0, ceil((max - min) / (2 * TICKS)));
	} else {
		min = MIN(min, 0.0);
		max = MAX(max, 0.0);
		if (s.step <= 0 || (max - min) / s.step > 10 * TICKS)
			s.step = max > min ? round_step((max - min) / TICKS) : 1;
	}
	s.from = floor(min / s.step) * s.step;
	s.to = ceil(max / s.step) * s.step;
	if (s.to <= s.from)
		s.to = s.from + s.step;
	return s;
}

static double pixel(const struct scale *s, double value)
{
	return s->at + s->length * (value - s->from) / (s->to - s->from);
}

/* A figure of a tick as people write it. */
static void tick_text(const struct scale *s, double value, char *buf, size_t size)
{
	static const struct {
		double unit;
		const char *name;
	} units[] = {{1e9, "G"}, {1e6, "M"}, {1e4, "k"}, {1, ""}};
	double shown = s->log ? pow(10, value) : value, size_of = fabs(shown);

	for (unsigned i = 0; i < ARRAY_SIZE(units); i++) {
		double unit = units[i].unit;

		if (size_of < unit && unit > 1)
			continue;
		unit = unit == 1e4 ? 1e3 : unit;
		snprintf(buf, size, "%s%.6g%s", shown < 0 ? MINUS : "", size_of / unit,
			 units[i].name);
		return;
	}
}

/* ---- parts of a panel ---- */

static void put_x_axis(FILE *out, const struct scale *x, const char *label)
{
	unsigned num = (unsigned)lround((x->to - x->from) / x->step);
	double base = PLOT_Y + PLOT_H;
	char text[32];

	for (unsigned i = 0; i <= num; i++) {
		double value = x->from + i * x->step, at = pixel(x, value);

		put_line(out, "a", at, base, at, base + 5);
		tick_text(x, value, text, sizeof(text));
		put_label(out, "m", at, base + 20, text);
	}
	put_line(out, "a", x->at, base, x->at + x->length, base);
	put_label(out, "m", x->at + x->length / 2, base + 42, label);
}

static void put_y_axis(FILE *out, const struct scale *y, double left, const char *label)
{
	unsigned num = (unsigned)lround((y->to - y->from) / y->step);
	char text[32];

	for (unsigned i = 0; i <= num; i++) {
		double value = y->from + i * y->step, at = pixel(y, value);

		put_line(out, "g", left, at, left + PLOT_W, at);
		tick_text(y, value, text, sizeof(text));
		put_label(out, "e", left - 8, at + 4, text);
	}
	fprintf(out, "<text transform=\"translate(%.1f %.1f) rotate(-90)\" class=\"m\">",
		left - 56, PLOT_Y + PLOT_H / 2);
	put_text(out, label);
	fputs("</text>\n", out);
}

static void put_dot(FILE *out, const struct chart_series *s, double x, double y)
{
	fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%d\" class=\"p%u\"/>\n", x, y,
		s->style == CHART_POINTS ? 4 : 3, s->colour % CHART_COLOURS);
}

static void put_points(FILE *out, const struct chart_panel *p, const struct chart_series *s,
		       const struct scale *x, const struct scale *y, bool dots)
{
	bool pen_down = false;

	for (unsigned i = 0; i < s->num; i++) {
		double px = pixel(x, on_axis(&p->x, s->x[i * s->stride]));
		double py = pixel(y, on_axis(&p->y, s->y[i * s->stride]));
		bool there = isfinite(px) && isfinite(py);

		if (there && dots)
			put_dot(out, s, px, py);
		else if (there)
			fprintf(out, "%c%.1f %.1f", pen_down ? 'L' : 'M', px, py);
		pen_down = there;
	}
}

static const char *line_class(const struct chart_series *s, char buf[32])
{
	snprintf(buf, 32, "l s%u%s", s->colour % CHART_COLOURS,
		 s->style == CHART_DASHED ? " d" : "");
	return buf;
}

static void put_series(FILE *out, const struct chart_panel *p, const struct chart_series *s,
		       const struct scale *x, const struct scale *y)
{
	char class[32];

	if (s->style != CHART_POINTS) {
		fprintf(out, "<path class=\"%s\" d=\"", line_class(s, class));
		put_points(out, p, s, x, y, false);
		fputs("\"/>\n", out);
	}
	if (s->style != CHART_DASHED)
		put_points(out, p, s, x, y, true);
}

/* Two columns below the plot. */
static void put_legend(FILE *out, const struct chart_panel *p, double left)
{
	unsigned place = 0;

	for (unsigned i = 0; i < p->num; i++) {
		const struct chart_series *s = &p->series[i];
		unsigned line = place / 2;
		double x = left + place % 2 * (PLOT_W / 2), y = LEGEND_Y + line * LEGEND_H;
		char class[32];

		if (!s->name)
			continue;
		place++;
		if (s->style != CHART_POINTS)
			put_line(out, line_class(s, class), x, y - 4, x + 24, y - 4);
		if (s->style != CHART_DASHED)
			put_dot(out, s, x + 12, y - 4);
		put_label(out, "", x + 30, y, s->name);
	}
}

static unsigned legend_rows(const struct chart *chart)
{
	unsigned most = 0;

	for (unsigned i = 0; i < chart->num; i++) {
		unsigned names = 0;

		for (unsigned s = 0; s < chart->panel[i].num; s++)
			names += chart->panel[i].series[s].name != NULL;
		most = MAX(most, (names + 1) / 2);
	}
	return most;
}

static void put_panel(FILE *out, const struct chart_panel *p, double left)
{
	struct scale x = make_scale(p, false), y = make_scale(p, true);

	x.at = left;
	x.length = PLOT_W;
	y.at = PLOT_Y + PLOT_H;
	y.length = -PLOT_H;
	put_label(out, "t m", left + PLOT_W / 2, PLOT_Y - 18, p->title);
	put_y_axis(out, &y, left, p->y.label);
	put_x_axis(out, &x, p->x.label);
	for (unsigned i = 0; i < p->num; i++)
		put_series(out, p, &p->series[i], &x, &y);
	put_legend(out, p, left);
}

int chart_write(FILE *out, const struct chart *chart)
{
	double width = MAX(chart->num, 1u) * PANEL_W;
	double height = LEGEND_Y + legend_rows(chart) * LEGEND_H + NOTE_H;

	assert(chart->num <= CHART_PANELS);
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
		"font-family=\"sans-serif\">\n%s<rect width=\"%.0f\" height=\"%.0f\" "
		"class=\"bg\"/>\n",
		width, height, style_sheet, width, height);
	put_label(out, "h", 22, 34, chart->title);
	for (unsigned i = 0; i < chart->num; i++)
		put_panel(out, &chart->panel[i], PLOT_X + i * PANEL_W);
	put_label(out, "", 22, height - 14, chart->note);
	fputs("</svg>\n", out);
	return ferror(out) ? -EIO : 0;
}
