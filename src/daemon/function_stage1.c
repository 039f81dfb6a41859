/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_stage1.c - nested translation for clients that are drivers in user space: their own
 * virtual addresses become addresses of DMA. The tables are theirs and may hold anything: what
 * they lead to goes through the second stage, which holds what the client has mapped.
 */
#include <errno.h>
#include <string.h>

#include "function.h"

int function_stage1_set(struct function *fn, const void *data)
{
	struct vfu_feature_stage1 req;

	memcpy(&req, data, sizeof(req));
	if (req.reserved)
		return -EINVAL;
	/* By messages we would have to ask for each entry. */
	if (fn->client.msg_mode)
		return -EOPNOTSUPP;
	return iommu_stage1(fn->dom, req.levels, req.root);
}

int function_stage1_forget(struct function *fn, const void *data)
{
	struct vfu_feature_stage1_inv req;

	memcpy(&req, data, sizeof(req));
	if (req.size && req.addr + (req.size - 1) < req.addr)
		return -EINVAL;
	iommu_stage1_forget(fn->dom, req.addr, req.size);
	return 0;
}

void function_stage1_off(struct function *fn)
{
	iommu_stage1(fn->dom, 0, 0);
}
