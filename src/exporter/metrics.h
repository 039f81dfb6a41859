/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * metrics.h - what `link show` says, in Prometheus' text format. The names and labels of
 * sriov_vf_* are sriov-network-metrics-exporter's, so that its dashboards work unchanged.
 */
#ifndef LADON_EXPORTER_METRICS_H
#define LADON_EXPORTER_METRICS_H

#include <json-c/json.h>
#include <stddef.h>

/* links: data of `link show` with counters (borrowed); NULL = the daemon does not answer.
 * Returns the text, owned by the caller, or NULL. */
char *metrics_text(json_object *links, size_t *ret_len);

#endif
