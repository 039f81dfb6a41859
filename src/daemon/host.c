/* SPDX-License-Identifier: BSD-3-Clause */
#include "host.h"

#include <stdio.h>

#include "card.h"
#include "function.h"

#define HOST_VECTORS IR_ENTRIES_MAX /* 85 cards of 255 VFs that use all of theirs */

void host_drain(void *arg)
{
	const struct host *host = arg;
	const struct card *last = NULL;

	/* A card's functions stand side by side. */
	for (const struct function *fn = host->functions; fn; fn = fn->host_next) {
		if (fn->card != last)
			nic_dp_quiesce(fn->card->nic->dp);
		last = fn->card;
	}
}

int host_init(struct host *host, const char *name)
{
	*host = (struct host){0};
	snprintf(host->name, sizeof(host->name), "%s", name);
	int ret = vtd_new_local(&host->vtd);

	return ret < 0 ? ret : ir_new(HOST_VECTORS, host_drain, host, &host->ir);
}

int host_init_remote(struct host *host, const char *name, const struct host_bridge *bridge)
{
	int ret;

	*host = (struct host){.bridge = bridge};
	snprintf(host->name, sizeof(host->name), "%s", name);
	ret = vtd_new(&host->vtd);
	if (ret == 0)
		ret = ir_new(HOST_VECTORS, host_drain, host, &host->ir);
	if (ret == 0)
		ir_set_space(host->ir, vtd_space(host->vtd));
	return ret;
}

void host_done(struct host *host)
{
	ir_delete(host->ir);
	host->ir = NULL;
	vtd_free(host->vtd);
	host->vtd = NULL;
}

/* Undoes what admit did, if it did. */
static void dismiss(struct host *host, struct function *function)
{
	if (host->bridge && function->way)
		host->bridge->dismiss(host, function);
}

int host_add(struct host *host, struct function *function, void (*drain)(void *arg), void *arg)
{
	/* A view has the RID of its VF but no DMA: what its client maps is only written down.
	 */
	bool dma = function->kind->has_memory;
	struct function **at;
	int ret = host->bridge ? host->bridge->admit(host, function) : 0;

	if (!host->bridge)
		function->host_rid = function->rid;
	if (ret == 0)
		ret = iommu_domain_new(dma ? host->vtd : NULL, function->host_rid, drain, arg,
				       &function->dom);
	if (ret < 0) {
		dismiss(host, function);
		return ret;
	}
	if (function->way)
		iommu_domain_set_route(function->dom, function->way);
	function->host = host;
	/* Behind those of its card. */
	for (at = &host->functions; *at && (*at)->card != function->card;)
		at = &(*at)->host_next;
	while (*at && (*at)->card == function->card)
		at = &(*at)->host_next;
	function->host_next = *at;
	*at = function;
	return 0;
}

void host_del(struct function *function)
{
	struct host *host = function->host;
	struct function **at;

	if (!host)
		return;
	for (at = &host->functions; *at != function; at = &(*at)->host_next)
		;
	*at = function->host_next;
	function->host = NULL;
	dismiss(host, function);
	iommu_domain_free(function->dom);
	function->dom = NULL;
}
