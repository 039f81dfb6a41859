/* SPDX-License-Identifier: BSD-3-Clause */
/* host_map.h - the global address map, for people: what `host map` answers, as text and SVG. */
#ifndef LADON_CLI_HOST_MAP_H
#define LADON_CLI_HOST_MAP_H

#include <json-c/json.h>
#include <stdint.h>

/* "64 MiB", whole units rounded down, in buf; returns buf. */
const char *host_map_size(uint64_t bytes, char *buf, size_t size);

/* map: the array that the daemon answers. To standard output. */
void host_map_text(json_object *map);
/* To the file at path, emptied first; "-" is standard output. Returns the exit code, errors
 * printed. */
int host_map_svg(json_object *map, const char *path);

#endif
