/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_pair.h"

#include <stdio.h>
#include <string.h>

#define CONFIG "card add nic0 model 82576 vfs 2\n"

struct ladon_buf *bench_frame(struct bench_pair *b, unsigned size)
{
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(b->side[0].vf);

	if (!buf)
		return NULL;
	memcpy(buf->data, b->side[1].mac, 6);
	memcpy(buf->data + 6, b->side[0].mac, 6);
	buf->data[12] = 0x88;
	buf->data[13] = 0xb5;
	buf->len = size - 4;
	return buf;
}

void bench_stop(struct bench_pair *b)
{
	for (unsigned i = 0; i < 2; i++) {
		ladon_igbvf_close(b->side[i].vf);
		ladon_function_detach(b->side[i].fn);
	}
	demo_daemon_stop(&b->daemon);
}

int bench_start(struct bench_pair *b, const char *ladond, const char *const *extra)
{
	return bench_start_rx(b, ladond, extra, NULL);
}

int bench_start_rx(struct bench_pair *b, const char *ladond, const char *const *extra,
		   const struct ladon_igbvf_config *rx)
{
	char text[2000], path[DEMO_PATH_MAX];
	int err;

	memset(b, 0, sizeof(*b));
	err = demo_daemon_start(&b->daemon, ladond, CONFIG, extra);
	for (unsigned i = 0; i < 2 && !err; i++) {
		struct bench_side *s = &b->side[i];

		err = ladon_function_attach(demo_daemon_vf(&b->daemon, i, path), NULL, &s->fn);
		if (!err)
			err = ladon_igbvf_open(s->fn, i ? rx : NULL, &s->vf);
		if (!err)
			ladon_igbvf_mac(s->vf, s->mac);
	}
	if (err) {
		fprintf(stderr, "%s: %s\n%s", ladond, strerror(-err),
			demo_daemon_log(&b->daemon, text, sizeof(text)));
		bench_stop(b);
	}
	return err;
}
