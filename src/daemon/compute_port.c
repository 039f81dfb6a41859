/* SPDX-License-Identifier: BSD-3-Clause */
#include "compute_port.h"

#include <stdio.h>

#include "compute.h"
#include "event.h"
#include "faults.h"
#include "function.h"
#include "json_util.h"

void compute_port_collect(struct compute *compute)
{
	struct compute_refusals *refusals = &compute->refusals;
	struct ntb_fault fault;

	for (unsigned i = 0; i < NTB_FAULT_RING && ntb_fault_pop(&compute->port.faults, &fault);
	     i++)
		refusals->rec[refusals->total++ % COMPUTE_REFUSALS] = fault;
}

/* "?": it has gone to another host since. */
static const char *name_of(const struct compute *compute, pci_rid_t rid)
{
	const struct function *fn = compute->host.functions;

	while (fn && fn->rid != rid)
		fn = fn->host_next;
	return fn ? fn->name : "?";
}

static struct json_object *refusal_json(const struct compute *compute,
					const struct ntb_fault *fault)
{
	struct json_object *obj = json_object_new_object();
	struct timespec time = faults_time(fault->time_ns);
	char text[40], rid[16];

	json_add(obj, "time", event_time(&time));
	json_add_str(obj, "function", name_of(compute, fault->who.rid));
	json_add_str(obj, "rid", pci_rid_str(fault->who.rid, rid));
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)fault->addr);
	json_add_str(obj, "address", text);
	json_add_str(obj, "access", fault->write ? "write" : "read");
	json_add_str(obj, "reason", ntb_reason_str((enum ntb_reason)fault->reason));
	return obj;
}

static struct json_object *last_json(const struct compute *compute)
{
	const struct compute_refusals *refusals = &compute->refusals;
	struct json_object *list = json_object_new_array();
	uint64_t i =
		refusals->total > COMPUTE_REFUSALS ? refusals->total - COMPUTE_REFUSALS : 0;

	for (; i < refusals->total; i++)
		json_object_array_add(
			list, refusal_json(compute, &refusals->rec[i % COMPUTE_REFUSALS]));
	return list;
}

struct json_object *compute_port_json(struct compute *compute)
{
	const struct ntb_port *port = &compute->port;
	struct json_object *obj = json_object_new_object();
	struct json_object *refused = json_object_new_object();

	compute_port_collect(compute);
	for (unsigned i = NTB_PASSED + 1; i < NTB_NUM_REASONS; i++)
		json_add_u64(
			refused, ntb_reason_word((enum ntb_reason)i),
			atomic_load_explicit(&port->stats.refused[i], memory_order_relaxed));
	json_add_bool(obj, "up", atomic_load(&port->table)->up);
	json_add_u64(obj, "passed",
		     atomic_load_explicit(&port->stats.passed, memory_order_relaxed));
	json_add(obj, "refused", refused);
	json_add_u64(obj, "records_lost",
		     atomic_load_explicit(&port->faults.overflow, memory_order_relaxed));
	json_add(obj, "last", last_json(compute));
	return obj;
}
