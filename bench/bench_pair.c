/* SPDX-License-Identifier: BSD-3-Clause */
#include "bench_pair.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "clock.h"

#define CONFIG	  "card add nic0 model 82576 vfs 2\n"
#define BURST	  32
#define ATTACH_NS (20 * NSEC_PER_SEC)
#define SETTLE_NS (20 * NSEC_PER_SEC)
#define LOOK_US	  50

static const uint8_t ethertype[] = {0x88, 0xb5}; /* local experiments */

int bench_side_attach(struct bench_side *s, const char *path)
{
	uint64_t end = clock_ns() + ATTACH_NS;
	int err;

	while ((err = ladon_function_attach(path, NULL, &s->fn)) == -ENOENT ||
	       err == -ECONNREFUSED) {
		if (clock_ns() > end)
			return -ETIMEDOUT;
		usleep(LOOK_US);
	}
	return err;
}

int bench_side_open(struct bench_side *s, const struct ladon_igbvf_config *config)
{
	int err = ladon_igbvf_open(s->fn, config, &s->vf);

	if (!err)
		ladon_igbvf_mac(s->vf, s->mac);
	return err;
}

void bench_side_close(struct bench_side *s)
{
	ladon_igbvf_close(s->vf);
	ladon_function_detach(s->fn);
	*s = (struct bench_side){0};
}

static void write_frame(const struct bench_pair *b, struct ladon_buf *buf, unsigned size)
{
	memcpy(buf->data, b->side[1].mac, 6);
	memcpy(buf->data + 6, b->side[0].mac, 6);
	memcpy(buf->data + 12, ethertype, sizeof(ethertype));
	buf->len = size - 4;
}

struct ladon_buf *bench_frame(struct bench_pair *b, unsigned size)
{
	struct ladon_buf *buf = ladon_igbvf_buf_alloc(b->side[0].vf);

	if (buf)
		write_frame(b, buf, size);
	return buf;
}

void bench_stop(struct bench_pair *b)
{
	for (unsigned i = 0; i < 2; i++)
		bench_side_close(&b->side[i]);
	demo_daemon_stop(&b->daemon);
}

int bench_start(struct bench_pair *b, const char *ladond, const char *const *extra)
{
	return bench_start_rx(b, ladond, extra, NULL);
}

int bench_start_rx(struct bench_pair *b, const char *ladond, const char *const *extra,
		   const struct ladon_igbvf_config *rx)
{
	return bench_start_with(b, ladond, extra, NULL, rx);
}

int bench_start_with(struct bench_pair *b, const char *ladond, const char *const *extra,
		     const struct ladon_igbvf_config *tx, const struct ladon_igbvf_config *rx)
{
	char text[2000], path[DEMO_PATH_MAX];
	int err;

	memset(b, 0, sizeof(*b));
	err = demo_daemon_start(&b->daemon, ladond, CONFIG, extra);
	for (unsigned i = 0; i < 2 && !err; i++) {
		struct bench_side *s = &b->side[i];

		err = bench_side_attach(s, demo_daemon_vf(&b->daemon, i, path));
		if (!err)
			err = bench_side_open(s, i ? rx : tx);
	}
	if (err) {
		fprintf(stderr, "%s: %s\n%s", ladond, strerror(-err),
			demo_daemon_log(&b->daemon, text, sizeof(text)));
		bench_stop(b);
	}
	return err;
}

static void send_burst(struct bench_pair *b, unsigned size)
{
	struct ladon_buf *bufs[BURST];
	unsigned n = ladon_igbvf_buf_alloc_bulk(b->side[0].vf, bufs, BURST);
	int sent;

	for (unsigned i = 0; i < n; i++)
		write_frame(b, bufs[i], size);
	sent = n ? ladon_igbvf_tx_burst(b->side[0].vf, bufs, n) : 0;
	sent = MAX(sent, 0);
	ladon_igbvf_buf_free_bulk(b->side[0].vf, bufs + sent, n - (unsigned)sent);
}

/* A frame counts when it was looked at. */
static unsigned receive_burst(struct bench_pair *b)
{
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(b->side[1].vf, bufs, BURST);
	unsigned good = 0;

	for (int i = 0; i < n; i++)
		good += !memcmp(bufs[i]->data + 12, ethertype, sizeof(ethertype));
	ladon_igbvf_buf_free_bulk(b->side[1].vf, bufs, n > 0 ? (unsigned)n : 0);
	return good;
}

uint64_t bench_run(struct bench_pair *b, unsigned size, uint64_t ns, uint64_t *ret_ns)
{
	uint64_t start = clock_ns(), got = 0;

	do {
		for (unsigned i = 0; i < 64; i++) {
			send_burst(b, size);
			got += receive_burst(b);
		}
		ladon_igbvf_tx_reap(b->side[0].vf);
		*ret_ns = clock_ns() - start;
	} while (*ret_ns < ns);
	return got;
}

void bench_settle(struct bench_pair *b)
{
	uint64_t end = clock_ns() + SETTLE_NS;

	while (ladon_igbvf_tx_reap(b->side[0].vf) && clock_ns() < end)
		receive_burst(b);
	while (receive_burst(b))
		;
}
