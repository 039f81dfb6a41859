/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * compute_bridge.c - the way of a function's DMA to its compute host, check by check:
 *   1. our own IOMMU: tables under the function's RID that lead to the host's slice of the
 *      global address map, and nowhere else;
 *   2. the port of the bridge: windows of the slice, the address becomes the host's;
 *   3. its look-up table: is the RID admitted, and what is it called there;
 *   4. the host's IOMMU (src/iommu), with that RID.
 * The first three are asked here, by walks; what all four allow is cached by the domain.
 */
#include <errno.h>
#include <stdlib.h>

#include "compute_priv.h"
#include "daemon.h"
#include "function.h"

#define HOST_BUS 1u /* where the host finds its functions: bus 1, by number */
#define SEGMENT	 0u

/* Of one function. */
struct way {
	struct iommu_route route; /* first */
	struct compute *compute;
	struct vtd_pt pt;	/* check 1, in our own tables */
	struct vtd_context ctx; /* what they say */
	struct ntb_requester who;
};

/* ---- the data path asks ---- */

static enum iommu_reason reason_of(enum ntb_reason reason)
{
	switch (reason) {
	case NTB_PASSED:
		return 0;
	case NTB_FAULT_REVOKED:
	case NTB_FAULT_LINK_DOWN:
		return IOMMU_FAULT_NTB_REVOKED;
	case NTB_FAULT_READ:
	case NTB_FAULT_WRITE:
	case NTB_FAULT_INTERRUPT:
		return IOMMU_FAULT_NTB_PERM;
	case NTB_FAULT_REQUESTER:
	case NTB_FAULT_STALE_REQUESTER:
		return IOMMU_FAULT_NTB_RID;
	default:
		return IOMMU_FAULT_NTB_WINDOW;
	}
}

static enum iommu_reason pass(void *arg, uint64_t iova, uint32_t need, bool say,
			      struct iommu_passed *ret)
{
	struct way *way = arg;
	struct compute *compute = way->compute;
	struct vtd_leaf leaf;
	struct ntb_path path;
	enum ntb_reason reason;

	if (vtd_translate(vtd_space(compute->daemon->local.vtd), &way->ctx, iova, need, &leaf))
		return IOMMU_FAULT_MH_IOMMU;
	reason = say ? ntb_route(&compute->port, way->who, leaf.hpa, 1, need, &path)
		     : ntb_judge(&compute->port, way->who, leaf.hpa, 1, need, &path);
	if (reason)
		return reason_of(reason);
	if (!say)
		atomic_fetch_add_explicit(&compute->port.stats.passed, 1, memory_order_relaxed);
	ret->addr = path.addr;
	ret->perm = leaf.perm & path.perm;
	ret->run = MIN(path.last - leaf.hpa + 1,
		       BIT64(leaf.shift) - (leaf.hpa & (BIT64(leaf.shift) - 1)));
	return 0;
}

/* ---- the port ---- */

static void forget(void *arg)
{
	const struct compute *compute = arg;

	for (struct function *fn = compute->host.functions; fn; fn = fn->host_next)
		iommu_domain_forget_all(fn->dom);
}

/* Not what the domains know to be due: they are not told of a table that has become wider, but
 * its predecessor is about to be written over all the same. */
static void drain(void *arg)
{
	struct compute *compute = arg;

	host_drain(&compute->host);
}

int compute_bridge_new(struct compute *compute, struct cmd_error *error)
{
	const struct ntb_port_hooks hooks = {compute, forget, drain};
	struct daemon *daemon = compute->daemon;
	int ret = ntb_map_add(&daemon->map, compute->host.name, COMPUTE_SLICE_BITS,
			      &compute->slot);

	if (ret == -EEXIST)
		return cmd_fail(error, ret,
				"there is a host \"%s\" already: another name is right",
				compute->host.name);
	if (ret < 0)
		return cmd_fail(error, ret, "there are %u hosts already, that is the limit",
				NTB_HOSTS_MAX - 1);
	ntb_port_init(&compute->port, ntb_map_slice(&daemon->map, compute->slot), &hooks);
	return 0;
}

void compute_bridge_free(struct compute *compute)
{
	struct ntb_map *map = &compute->daemon->map;
	uint64_t epoch = ntb_map_slice(map, compute->slot)->epoch;

	ntb_map_leave(map, compute->slot);
	ntb_map_drained(map, compute->slot, epoch); /* it has no functions any more */
}

/* All of the slice, but for what are interrupts at the host. */
static int set_windows(struct compute *compute)
{
	uint64_t base = compute->port.base, behind = IR_WINDOW + IR_WINDOW_SIZE;
	const struct ntb_window windows[] = {
		{base, base + IR_WINDOW - 1, 0, compute->epoch, IOMMU_READ | IOMMU_WRITE,
		 NTB_MEMORY},
		{base + IR_WINDOW, base + behind - 1, IR_WINDOW, compute->epoch, IOMMU_WRITE,
		 NTB_INTERRUPTS},
		{base + behind, compute->port.limit, behind, compute->epoch,
		 IOMMU_READ | IOMMU_WRITE, NTB_MEMORY},
	};
	int ret = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(windows) && ret == 0; i++)
		ret = ntb_window_set(&compute->port, i, &windows[i]);
	return ret;
}

int compute_bridge_open(struct compute *compute)
{
	int ret = set_windows(compute);

	for (struct function *fn = compute->host.functions; fn && ret == 0; fn = fn->host_next)
		ret = ntb_lut_add(&compute->port, (struct ntb_requester){SEGMENT, fn->rid},
				  fn->host_rid, compute->epoch);
	ntb_port_set_link(&compute->port, ret == 0);
	return ret;
}

void compute_bridge_shut(struct compute *compute)
{
	ntb_port_revoke(&compute->port, compute->epoch);
	ntb_port_set_link(&compute->port, false);
}

/* ---- functions come and go ---- */

static pci_rid_t free_rid(const struct compute *compute)
{
	const struct function *fn = compute->host.functions;
	unsigned n = 0;

	while (fn && n < 256) {
		bool used = fn->host_rid == (HOST_BUS << 8 | n);

		fn = used ? compute->host.functions : fn->host_next;
		n += used;
	}
	return (pci_rid_t)(HOST_BUS << 8 | n);
}

/* Check 1: the slice begins at the function's address 0. */
static int make_tables(struct way *way, pci_rid_t rid)
{
	struct vtd *unit = way->compute->daemon->local.vtd;
	struct vtd_tables *tables = vtd_own_tables(unit);
	uint64_t base = way->compute->port.base, size = way->compute->port.limit - base + 1;
	int ret = vtd_tables_attach(tables, &way->pt, rid);

	if (ret < 0)
		return ret;
	ret = vtd_tables_reserve(tables, 0, size);
	if (ret < 0) {
		vtd_tables_detach(tables, &way->pt);
		return ret;
	}
	vtd_tables_map(tables, &way->pt, 0, size, base, IOMMU_READ | IOMMU_WRITE);
	vtd_tables_sync_context(tables, &way->pt);
	vtd_context_of(unit, rid, &way->ctx);
	return 0;
}

static void unmake_tables(struct way *way)
{
	struct vtd_tables *tables = vtd_own_tables(way->compute->daemon->local.vtd);
	uint64_t size = way->compute->port.limit - way->compute->port.base + 1;

	vtd_tables_clear(tables, &way->pt, 0, size);
	vtd_tables_detach(tables, &way->pt);
}

static int admit(struct host *host, struct function *fn)
{
	struct compute *compute = compute_of(host);
	struct way *way = calloc(1, sizeof(*way));
	int ret;

	if (!way)
		return -ENOMEM;
	way->route = (struct iommu_route){way, pass};
	way->compute = compute;
	way->who = (struct ntb_requester){SEGMENT, fn->rid};
	fn->host_rid = free_rid(compute);
	ret = fn->host_rid >> 8 == HOST_BUS ? make_tables(way, fn->rid) : -ENOSPC;
	if (ret == 0 && compute->epoch) {
		ret = ntb_lut_add(&compute->port, way->who, fn->host_rid, compute->epoch);
		if (ret < 0)
			unmake_tables(way);
	}
	if (ret < 0) {
		free(way);
		return ret;
	}
	fn->way = &way->route;
	return 0;
}

static void dismiss(struct host *host, struct function *fn)
{
	struct way *way = (struct way *)fn->way->arg;

	ntb_lut_del(&compute_of(host)->port, way->who);
	unmake_tables(way);
	fn->way = NULL;
	free(way);
}

const struct host_bridge compute_bridge = {admit, dismiss};
