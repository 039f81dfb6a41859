/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * host_map.c - one band a slice, lowest address at the top. A slice is a tebibyte and the
 * memory in it some gibibytes, so the bands are not to scale: within one, windows and pieces of
 * memory stand in order, each with its address.
 */
#include "host_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "cli.h"

#define SVG_WIDTH 1040
#define TOP	  60
#define LINE	  18
#define PIECES	  6u /* that are drawn one by one */

const char *host_map_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
	unsigned u = 0;

	while (bytes >= 1024 && u < ARRAY_SIZE(units) - 1) {
		bytes >>= 10;
		u++;
	}
	snprintf(buf, size, "%" PRIu64 " %s", bytes, units[u]);
	return buf;
}

static uint64_t num(json_object *obj, const char *key)
{
	return (uint64_t)cli_int(obj, key);
}

static size_t length(json_object *list)
{
	return list ? json_object_array_length(list) : 0;
}

/* ---- text ---- */

static void text_slice(json_object *slice)
{
	json_object *windows = cli_get(slice, "windows"), *memory = cli_get(slice, "memory"),
		    *functions = cli_get(slice, "functions");
	char size[24];

	printf("0x%013" PRIx64 " %s %s, %s\n", num(slice, "base"),
	       host_map_size(num(slice, "size"), size, sizeof(size)), cli_str(slice, "host"),
	       cli_str(slice, "state"));
	for (size_t i = 0; i < length(windows); i++) {
		json_object *w = json_object_array_get_idx(windows, i);

		printf("    window 0x%013" PRIx64 " ... 0x%013" PRIx64 " -> 0x%" PRIx64 " %s\n",
		       num(w, "base"), num(w, "base") + num(w, "size") - 1, num(w, "address"),
		       cli_str(w, "kind"));
	}
	for (size_t i = 0; i < length(memory); i++) {
		json_object *m = json_object_array_get_idx(memory, i);

		printf("    memory 0x%" PRIx64 " %s\n", num(m, "address"),
		       host_map_size(num(m, "size"), size, sizeof(size)));
	}
	if (num(slice, "pieces") > length(memory))
		printf("    and %" PRIu64 " more pieces of memory\n",
		       num(slice, "pieces") - length(memory));
	for (size_t i = 0; i < length(functions); i++) {
		json_object *f = json_object_array_get_idx(functions, i);

		printf("    function %s %s -> %s\n", cli_str(f, "function"), cli_str(f, "rid"),
		       cli_str(f, "host_rid"));
	}
}

void host_map_text(json_object *map)
{
	for (size_t i = 0; i < length(map); i++)
		text_slice(json_object_array_get_idx(map, i));
}

/* ---- SVG ---- */

/* One line of a band's column. */
static void svg_line(FILE *out, int x, int y, const char *text)
{
	fprintf(out, "<text x=\"%d\" y=\"%d\" class=\"l\">%s</text>\n", x, y, text);
}

static void svg_box(FILE *out, int x, int y, int w, int h, const char *fill)
{
	fprintf(out,
		"<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"4\" fill=\"%s\" "
		"stroke=\"#445\"/>\n",
		x, y, w, h, fill);
}

static void svg_windows(FILE *out, json_object *slice, int y)
{
	json_object *windows = cli_get(slice, "windows");
	char text[128];

	for (size_t i = 0; i < length(windows); i++, y += LINE) {
		json_object *w = json_object_array_get_idx(windows, i);

		svg_box(out, 310, y, 300, LINE - 2,
			strcmp(cli_str(w, "kind"), "memory") ? "#fbe6e6" : "#fdf3e1");
		snprintf(text, sizeof(text), "+0x%" PRIx64 " %.16s",
			 num(w, "base") - num(slice, "base"), cli_str(w, "kind"));
		svg_line(out, 318, y + 12, text);
	}
}

static void svg_memory(FILE *out, json_object *slice, int y)
{
	json_object *memory = cli_get(slice, "memory");
	size_t n = MIN(length(memory), PIECES);
	char text[128], size[24];

	for (size_t i = 0; i < n; i++, y += LINE) {
		json_object *m = json_object_array_get_idx(memory, i);

		svg_box(out, 630, y, 200, LINE - 2, "#e9f6ea");
		snprintf(text, sizeof(text), "0x%" PRIx64 " %s", num(m, "address"),
			 host_map_size(num(m, "size"), size, sizeof(size)));
		svg_line(out, 638, y + 12, text);
	}
	if (num(slice, "pieces") > n) {
		snprintf(text, sizeof(text), "and %" PRIu64 " more, %s together",
			 num(slice, "pieces") - n,
			 host_map_size(num(slice, "bytes"), size, sizeof(size)));
		svg_line(out, 638, y + 12, text);
	}
}

static void svg_functions(FILE *out, json_object *slice, int y)
{
	json_object *functions = cli_get(slice, "functions");
	char text[128];

	for (size_t i = 0; i < length(functions); i++, y += LINE) {
		json_object *f = json_object_array_get_idx(functions, i);

		snprintf(text, sizeof(text), "%.40s %.16s", cli_str(f, "function"),
			 cli_str(f, "rid"));
		svg_line(out, 850, y + 12, text);
	}
}

static int band_height(json_object *slice)
{
	size_t lines =
		MAX(length(cli_get(slice, "functions")), length(cli_get(slice, "windows")));

	lines = MAX(lines, MIN(length(cli_get(slice, "memory")), PIECES) + 1);
	return (int)MAX(lines, 3u) * LINE + 16;
}

static void svg_slice(FILE *out, json_object *slice, int y)
{
	char text[128], size[24];
	int height = band_height(slice);

	svg_box(out, 10, y, SVG_WIDTH - 20, height - 6,
		strcmp(cli_str(slice, "state"), "absent") ? "#eef3fb" : "#f3f3f3");
	snprintf(text, sizeof(text), "0x%013" PRIx64, num(slice, "base"));
	svg_line(out, 20, y + 18, text);
	snprintf(text, sizeof(text), "0x%013" PRIx64,
		 num(slice, "base") + num(slice, "size") - 1);
	svg_line(out, 20, y + height - 16, text);
	fprintf(out, "<text x=\"160\" y=\"%d\" class=\"t\">%s</text>\n", y + 18,
		cli_str(slice, "host"));
	snprintf(text, sizeof(text), "%.16s, %s", cli_str(slice, "state"),
		 host_map_size(num(slice, "size"), size, sizeof(size)));
	svg_line(out, 160, y + 36, text);
	svg_windows(out, slice, y + 6);
	svg_memory(out, slice, y + 6);
	svg_functions(out, slice, y + 6);
}

static void svg(FILE *out, json_object *map)
{
	int y = TOP, height = TOP + 10;

	for (size_t i = 0; i < length(map); i++)
		height += band_height(json_object_array_get_idx(map, i));
	fprintf(out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
		"height=\"%d\">\n<style>.t{font:bold 14px sans-serif}.l{font:12px "
		"monospace}.h{font:12px sans-serif}</style>\n"
		"<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
		"<text x=\"20\" y=\"24\" class=\"t\">Global address map, as devices see "
		"it</text>\n"
		"<text x=\"20\" y=\"48\" class=\"h\">slice</text>"
		"<text x=\"160\" y=\"48\" class=\"h\">host</text>"
		"<text x=\"310\" y=\"48\" class=\"h\">windows</text>"
		"<text x=\"630\" y=\"48\" class=\"h\">memory, by the host's address</text>"
		"<text x=\"850\" y=\"48\" class=\"h\">functions</text>\n",
		SVG_WIDTH, height, SVG_WIDTH, height);
	for (size_t i = 0; i < length(map); i++) {
		json_object *slice = json_object_array_get_idx(map, i);

		svg_slice(out, slice, y);
		y += band_height(slice);
	}
	fputs("</svg>\n", out);
}

int host_map_svg(json_object *map, const char *path)
{
	bool own = strcmp(path, "-") != 0;
	FILE *out = own ? fopen(path, "we") : stdout;
	int err = errno;

	if (out) {
		svg(out, map);
		err = fflush(out) || ferror(out) ? errno : 0;
		if (own && fclose(out) && !err)
			err = errno;
	}
	if (!err && out)
		return 0;
	fprintf(stderr, "ladon: file %s cannot be written: %s\n", path, strerror(err));
	return 1;
}
