/* SPDX-License-Identifier: BSD-3-Clause */
#include "host.h"

#include <stdio.h>

#include "card.h"
#include "function.h"

#define HOST_VECTORS 16384u /* more than DAEMON_CARDS_MAX cards have */

/* Whoever may raise an interrupt here has passed a quiesce point. */
static void drain_cards(void *arg)
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

	return ret < 0 ? ret : ir_new(HOST_VECTORS, drain_cards, host, &host->ir);
}

int host_init_remote(struct host *host, const char *name)
{
	int ret;

	*host = (struct host){.remote = true};
	snprintf(host->name, sizeof(host->name), "%s", name);
	ret = vtd_new(&host->vtd);
	return ret < 0 ? ret : ir_new(HOST_VECTORS, drain_cards, host, &host->ir);
}

void host_done(struct host *host)
{
	ir_delete(host->ir);
	host->ir = NULL;
	vtd_free(host->vtd);
	host->vtd = NULL;
}

static int new_domain(struct host *host, const struct function *function,
		      void (*drain)(void *arg), void *arg, struct iommu_domain **ret_dom)
{
	/* A view has the RID of its VF but no DMA: what its client maps is only written down.
	 */
	bool dma = function->kind->has_memory;
	int ret = iommu_domain_new(dma ? host->vtd : NULL, function->rid, drain, arg, ret_dom);

	if (ret == 0)
		iommu_domain_set_route(*ret_dom, host->route);
	return ret;
}

static void link_in(struct host *host, struct function *function)
{
	function->host = host;
	function->host_next = host->functions;
	host->functions = function;
}

static void link_out(struct function *function)
{
	struct function **at = &function->host->functions;

	while (*at != function)
		at = &(*at)->host_next;
	*at = function->host_next;
	function->host = NULL;
}

int host_add(struct host *host, struct function *function, void (*drain)(void *arg), void *arg)
{
	int ret = new_domain(host, function, drain, arg, &function->dom);

	if (ret == 0)
		link_in(host, function);
	return ret;
}

int host_move(struct host *host, struct function *function, struct iommu_domain **ret_former)
{
	struct iommu_domain *former = function->dom, *dom;
	int ret = new_domain(host, function, former->drain, former->drain_arg, &dom);

	if (ret < 0)
		return ret;
	link_out(function);
	function->dom = dom;
	link_in(host, function);
	*ret_former = former;
	return 0;
}

void host_del(struct function *function)
{
	if (!function->host)
		return;
	link_out(function);
	iommu_domain_free(function->dom);
	function->dom = NULL;
}
