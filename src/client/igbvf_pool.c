/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * igbvf_pool.c - a VF's buffers: a stack, so that what is warm is used again first.
 *
 * Buffers lie a cache line further apart than they are long. At a distance of 2 KiB the headers
 * of all of them would share two sets of a 32 KiB cache, and throw each other out.
 */
#include <errno.h>
#include <stdlib.h>

#include "igbvf_priv.h"

#define AHEAD 8u /* buffers fetched for writing before they are asked for */

static size_t stride(const struct ladon_igbvf_config *config)
{
	return config->buf_size + CACHE_LINE;
}

size_t igbvf_pool_bytes(const struct ladon_igbvf_config *config)
{
	return config->num_bufs * stride(config);
}

int igbvf_pool_init(struct ladon_igbvf *vf, uint8_t *mem, uint64_t iova)
{
	const struct ladon_igbvf_config *c = &vf->config;
	size_t bytes = ALIGN_UP(c->num_bufs * sizeof(*vf->bufs), CACHE_LINE);

	vf->bufs = aligned_alloc(CACHE_LINE, bytes);
	vf->free = calloc(c->num_bufs, sizeof(struct ladon_buf *));
	if (!vf->bufs || !vf->free)
		return -ENOMEM;
	for (unsigned i = 0; i < c->num_bufs; i++) {
		vf->bufs[i] = (struct ladon_buf){.head = mem + i * stride(c),
						 .iova = iova + i * stride(c),
						 .size = c->buf_size};
		igbvf_buf_put(vf, &vf->bufs[i]);
	}
	return 0;
}

/*
 * Who allocates will write, and the card had these lines last: those of the buffers that come
 * after the next n on the stack are fetched now, and are here when they are asked for.
 */
static void fetch_next(const struct ladon_igbvf *vf, unsigned n)
{
	unsigned left = vf->num_free - MIN(vf->num_free, n);

	for (unsigned i = left; i > left - MIN(left, n); i--)
		__builtin_prefetch(vf->free[i - 1]->head, 1);
}

struct ladon_buf *ladon_igbvf_buf_alloc(struct ladon_igbvf *vf)
{
	if (vf->num_free > AHEAD)
		__builtin_prefetch(vf->free[vf->num_free - 1 - AHEAD]->head, 1);
	return igbvf_buf_get(vf);
}

unsigned ladon_igbvf_buf_alloc_bulk(struct ladon_igbvf *vf, struct ladon_buf **bufs, unsigned n)
{
	n = MIN(n, vf->num_free);
	fetch_next(vf, n);
	for (unsigned i = 0; i < n; i++)
		bufs[i] = igbvf_buf_get(vf);
	return n;
}

static void free_frame(struct ladon_igbvf *vf, struct ladon_buf *buf)
{
	while (buf) {
		struct ladon_buf *next = buf->next;

		igbvf_buf_put(vf, buf);
		buf = next;
	}
}

void ladon_igbvf_buf_free(struct ladon_igbvf *vf, struct ladon_buf *buf)
{
	free_frame(vf, buf);
}

void ladon_igbvf_buf_free_bulk(struct ladon_igbvf *vf, struct ladon_buf *const *bufs,
			       unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		free_frame(vf, bufs[i]);
}

unsigned ladon_igbvf_buf_available(const struct ladon_igbvf *vf)
{
	return vf->num_free;
}
