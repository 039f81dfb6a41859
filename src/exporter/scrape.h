/* SPDX-License-Identifier: BSD-3-Clause */
/* scrape.h - one request to ladond's control socket; nothing here waits longer than a scrape
 * may. */
#ifndef LADON_EXPORTER_SCRAPE_H
#define LADON_EXPORTER_SCRAPE_H

#include <json-c/json.h>

/* The data of `link show` with counters, owned by the caller; NULL with a sentence in *ret_why
 * (static). */
json_object *scrape(const char *run_dir, const char **ret_why);

#endif
