/* SPDX-License-Identifier: BSD-3-Clause */
#include "host.h"

#include <stdio.h>

#include "function.h"

int host_init(struct host *host, const char *name)
{
	*host = (struct host){0};
	snprintf(host->name, sizeof(host->name), "%s", name);
	return vtd_new_local(&host->vtd);
}

void host_done(struct host *host)
{
	vtd_free(host->vtd);
	host->vtd = NULL;
}

int host_add(struct host *host, struct function *function, void (*drain)(void *arg), void *arg)
{
	/* A view has the RID of its VF but no DMA: what its client maps is only written down.
	 */
	bool dma = function->kind->has_memory;
	int ret = iommu_domain_new(dma ? host->vtd : NULL, function->rid, drain, arg,
				   &function->dom);

	if (ret < 0)
		return ret;
	function->host = host;
	function->host_next = host->functions;
	host->functions = function;
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
	iommu_domain_free(function->dom);
	function->dom = NULL;
}
