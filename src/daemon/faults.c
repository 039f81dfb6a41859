/* SPDX-License-Identifier: BSD-3-Clause */
#include "faults.h"

#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "card.h"
#include "clock.h"
#include "daemon.h"
#include "event.h"
#include "host.h"
#include "ir.h"

static const struct function *function_of(const struct card *card, pci_rid_t rid)
{
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn)) {
		if (fn->rid == rid)
			return fn;
	}
	return card->pf && card->pf->rid == rid ? card->pf : NULL;
}

struct timespec faults_time(uint64_t stamp_ns)
{
	uint64_t now_ns = clock_ns(), ago = now_ns > stamp_ns ? now_ns - stamp_ns : 0;
	struct timespec now;
	uint64_t ns;

	clock_gettime(CLOCK_REALTIME, &now);
	ns = (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
	ns -= ago < ns ? ago : ns;
	return (struct timespec){(time_t)(ns / NSEC_PER_SEC), (long)(ns % NSEC_PER_SEC)};
}

const char *faults_level(uint8_t reason, bool remote)
{
	switch (reason) {
	case IOMMU_FAULT_BUS_MASTER_OFF:
		return "function";
	case IOMMU_FAULT_MH_IOMMU:
		return "management-host IOMMU";
	case IOMMU_FAULT_NTB_WINDOW:
	case IOMMU_FAULT_NTB_REVOKED:
	case IOMMU_FAULT_NTB_PERM:
		return "NTB window";
	case IOMMU_FAULT_NTB_RID:
		return "requester table";
	case IOMMU_FAULT_NO_MEMORY:
		return remote ? "compute-host memory" : "management-host memory";
	default:
		break;
	}
	if (iommu_reason_is_ir(reason))
		return "interrupt remapping";
	return remote ? "compute-host IOMMU" : "management-host IOMMU";
}

static uint64_t fault_addr(const struct iommu_fault *fault)
{
	return iommu_reason_is_ir(fault->reason) ? ir_fault_addr(fault->addr) : fault->addr;
}

static const char *access_word(const struct iommu_fault *fault)
{
	if (iommu_reason_is_ir(fault->reason))
		return "interrupt";
	return fault->write ? "write" : "read";
}

static struct json_object *record_json(const struct fault_record *rec, struct json_object *obj)
{
	bool is_ir = iommu_reason_is_ir(rec->fault.reason);
	char text[40], rid[16];

	json_object_object_add(obj, "time", event_time(&rec->time));
	json_object_object_add(obj, "function", json_object_new_string(rec->name));
	json_object_object_add(obj, "rid",
			       json_object_new_string(pci_rid_str(rec->fault.rid, rid)));
	snprintf(text, sizeof(text), "0x%llx", (unsigned long long)fault_addr(&rec->fault));
	json_object_object_add(obj, "address", json_object_new_string(text));
	json_object_object_add(obj, "access", json_object_new_string(access_word(&rec->fault)));
	if (is_ir)
		json_object_object_add(
			obj, "index",
			json_object_new_int((int)ir_fault_index(rec->fault.addr)));
	json_object_object_add(obj, "host", json_object_new_string(rec->host));
	json_object_object_add(
		obj, "level",
		json_object_new_string(faults_level(rec->fault.reason, rec->remote)));
	json_object_object_add(obj, "code", json_object_new_int(rec->fault.reason));
	json_object_object_add(
		obj, "reason",
		json_object_new_string(iommu_reason_str((enum iommu_reason)rec->fault.reason)));
	return obj;
}

static void tell(struct daemon *daemon, const struct fault_record *rec)
{
	struct faults *faults = &daemon->faults;
	struct json_object *event;

	if (!log_limit_ok(&faults->log))
		return;
	log_warn("%s: DMA fault: %s of 0x%llx: %s (%s)", rec->name, access_word(&rec->fault),
		 (unsigned long long)fault_addr(&rec->fault),
		 iommu_reason_str((enum iommu_reason)rec->fault.reason),
		 faults_level(rec->fault.reason, rec->remote));
	event = event_new(daemon, "fault", rec->card, -1);
	if (event)
		event_emit(daemon, record_json(rec, event));
}

static void record(struct daemon *daemon, const struct card *card,
		   const struct iommu_fault *fault)
{
	struct faults *faults = &daemon->faults;
	struct fault_record *rec = &faults->rec[faults->total++ % FAULTS_KEPT];
	const struct function *fn = function_of(card, fault->rid);

	rec->time = faults_time(fault->time_ns);
	rec->fault = *fault;
	snprintf(rec->card, sizeof(rec->card), "%s", card->name);
	snprintf(rec->name, sizeof(rec->name), "%s", fn ? fn->name : "?");
	snprintf(rec->host, sizeof(rec->host), "%s", fn && fn->host ? fn->host->name : "");
	rec->remote = fn && fn->host && fn->host->bridge;
	if (fn && fn->host)
		vtd_fault(fn->host->vtd, &(struct iommu_fault){.addr = fault->addr,
							       .rid = fn->host_rid,
							       .reason = fault->reason,
							       .write = fault->write});
	tell(daemon, rec);
}

void faults_collect(struct daemon *daemon, struct card *card)
{
	struct nic_dp *dp = card->nic->dp;
	struct iommu_fault fault;

	for (unsigned w = 0; w < nic_dp_workers(dp); w++) {
		struct iommu_fault_ring *ring = nic_dp_faults(dp, w);

		for (unsigned i = 0; i < IOMMU_FAULT_RING && iommu_fault_pop(ring, &fault); i++)
			record(daemon, card, &fault);
	}
}

void faults_collect_all(struct daemon *daemon)
{
	for (struct card *card = daemon->cards; card; card = card->next)
		faults_collect(daemon, card);
}

void faults_add(struct daemon *daemon, const struct function *fn, uint64_t addr, bool write)
{
	struct iommu_fault fault = {
		.addr = addr,
		.time_ns = clock_ns(),
		.rid = fn->rid,
		.port = (uint16_t)fn->n,
		.reason = write ? IOMMU_FAULT_NO_WRITE : IOMMU_FAULT_NOT_MAPPED,
		.write = write,
	};

	record(daemon, fn->card, &fault);
}

struct json_object *faults_json(const struct faults *faults, const char *card)
{
	struct json_object *list = json_object_new_array();
	uint64_t first = faults->total > FAULTS_KEPT ? faults->total - FAULTS_KEPT : 0;

	for (uint64_t i = first; i < faults->total; i++) {
		const struct fault_record *rec = &faults->rec[i % FAULTS_KEPT];

		if (!*card || !strcmp(card, rec->card))
			json_object_array_add(list, record_json(rec, json_object_new_object()));
	}
	return list;
}
