/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * function_feature.c - DEVICE_FEATURE: what a client may set beyond the protocol's own
 * commands. One row a feature; which kinds of functions have it, how long its data is, who
 * takes it.
 */
#include <errno.h>
#include <stddef.h>

#include "bits.h"
#include "function.h"

struct feature {
	uint32_t number;
	const struct function_kind *kinds[2]; /* that have it; NULL = no further one */
	uint32_t len;			      /* bytes of data at least */
	int (*set)(struct function *fn, const void *data);
};

static const struct feature features[] = {
	{VFU_FEATURE_VF_TOKEN, {&function_pf}, UUID_SIZE, function_set_token},
	{VFU_FEATURE_LADON_POSTED,
	 {&function_vf, &function_pf},
	 sizeof(struct vfu_feature_posted),
	 function_posted_set},
	{VFU_FEATURE_LADON_STAGE1,
	 {&function_vf, &function_pf},
	 sizeof(struct vfu_feature_stage1),
	 function_stage1_set},
	{VFU_FEATURE_LADON_STAGE1_INV,
	 {&function_vf, &function_pf},
	 sizeof(struct vfu_feature_stage1_inv),
	 function_stage1_forget},
};

static bool has(const struct function *fn, const struct feature *feature)
{
	return fn->kind == feature->kinds[0] || fn->kind == feature->kinds[1];
}

int function_feature(void *dev, uint32_t number, bool set, bool probe, const void *data,
		     uint32_t len)
{
	struct function *fn = dev;

	for (unsigned i = 0; i < ARRAY_SIZE(features); i++) {
		const struct feature *feature = &features[i];

		if (feature->number != number || !has(fn, feature))
			continue;
		if (probe)
			return 0;
		return set && len >= feature->len ? feature->set(fn, data) : -EINVAL;
	}
	return -ENOTTY;
}
