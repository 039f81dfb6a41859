/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo_net.h"

#include <errno.h>
#include <string.h>

#include "bits.h"
#include "clock.h"

#define DEMO_TYPE   0x88b5 /* IEEE 802 local experimental */
#define FRAME_LEN   100
#define SEQ_AT	    20
#define PATIENCE_MS 1000
#define SETTLE_MS   10

int demo_vf_open(struct demo *d, unsigned n)
{
	return demo_driver_open(&d->drv[n], &d->daemon, "nic0", n, NULL);
}

void demo_vf_close(struct demo *d, unsigned n)
{
	demo_driver_close(&d->drv[n]);
}

struct ladon_buf *demo_frame(struct demo *d, unsigned from, const uint8_t *dst,
			     const uint8_t *src, uint16_t type)
{
	struct ladon_buf *b = ladon_igbvf_buf_alloc(d->drv[from].vf);

	if (!b)
		return NULL;
	memset(b->data, 0, FRAME_LEN);
	memcpy(b->data, dst, 6);
	memcpy(b->data + 6, src, 6);
	put_be16(b->data + 12, type);
	put_le32(b->data + SEQ_AT, ++d->seq);
	b->len = FRAME_LEN;
	return b;
}

int demo_send(struct demo *d, unsigned n, struct ladon_buf *frame)
{
	uint64_t end = clock_ns() + PATIENCE_MS * NSEC_PER_MSEC;
	int sent;

	if (!frame)
		return -ENOBUFS;
	do {
		sent = ladon_igbvf_tx_burst(d->drv[n].vf, &frame, 1);
	} while (sent == 0 && clock_ns() < end);
	if (sent != 1)
		ladon_igbvf_buf_free(d->drv[n].vf, frame);
	return sent < 0 ? sent : sent == 1 ? 0 : -ETIMEDOUT;
}

bool demo_await(struct demo *d, unsigned n, uint32_t seq, int timeout_ms)
{
	uint64_t end = clock_ns() + (uint64_t)timeout_ms * NSEC_PER_MSEC;
	struct ladon_buf *b;
	bool found = false;

	do {
		while (!found && ladon_igbvf_rx_burst(d->drv[n].vf, &b, 1) == 1) {
			found = b->len >= SEQ_AT + 4 && get_le32(b->data + SEQ_AT) == seq;
			ladon_igbvf_buf_free(d->drv[n].vf, b);
		}
	} while (!found && clock_ns() < end);
	return found;
}

bool demo_passes(struct demo *d, unsigned a, unsigned b)
{
	struct ladon_buf *frame = demo_frame(d, a, d->drv[b].mac, d->drv[a].mac, DEMO_TYPE);
	uint32_t seq = d->seq;

	return demo_send(d, a, frame) == 0 && demo_await(d, b, seq, PATIENCE_MS);
}

bool demo_leaks(struct demo *d, unsigned a, struct ladon_buf *frame, unsigned b, unsigned fence,
		bool *ret_fence)
{
	uint32_t seq = d->seq;

	*ret_fence = demo_send(d, a, frame) == 0 && demo_passes(d, a, fence);
	/* Judged by now; its write-back may trail the fence.s by a round. */
	return demo_await(d, b, seq, SETTLE_MS);
}
