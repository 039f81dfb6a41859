/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sample_bulk.c - bytes rather than packets: jumbo frames, and TCP frames of up to 64 KiB that
 * the card segments, against memcpy(3) between the same buffers on the same CPU. Which buffers
 * they are is noted while the traffic warms up: a copy is as fast as its working set is small.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "clock.h"
#include "sample.h"

#define PART_SIZE  16384u
#define PART_LEN   16000u /* bytes of a frame in a buffer of PART_SIZE */
#define JUMBO	   9700u  /* frames above it must be segmented */
#define HDR_LEN	   54u	  /* Ethernet, IPv4, TCP */
#define BURST	   32u
#define SEEN_MAX   4096u
#define WARM_UP_NS (50 * NSEC_PER_MSEC)
#define NOTE_NS	   (20 * NSEC_PER_SEC) /* a busy machine may stall for seconds */
#define COPY_NS	   (250 * NSEC_PER_MSEC)

struct piece {
	uint8_t *data;
	uint32_t len;
};

/* The buffers that one side's frames were in. */
struct seen {
	struct piece piece[SEEN_MAX];
	unsigned num;
};

struct bulk {
	struct bench_pair b;
	const struct sample_params *p;
	unsigned burst; /* frames sent at once */
	bool noting;
	struct seen from, to;
	uint64_t bytes; /* received */
};

static void note(struct seen *seen, const struct ladon_buf *buf)
{
	for (; buf && seen->num < SEEN_MAX; buf = buf->next)
		seen->piece[seen->num++] = (struct piece){buf->data, buf->len};
}

static int by_place(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return (x->data > y->data) - (x->data < y->data);
}

/* Each buffer once. */
static void unique(struct seen *seen)
{
	unsigned n = 0;

	qsort(seen->piece, seen->num, sizeof(seen->piece[0]), by_place);
	for (unsigned i = 0; i < seen->num; i++)
		if (!n || seen->piece[i].data != seen->piece[n - 1].data)
			seen->piece[n++] = seen->piece[i];
	seen->num = n;
}

/* ---- traffic ---- */

/* Ethernet, IPv4 and TCP headers of a frame of len bytes; the card does the rest. */
static void tcp_header(const struct bulk *k, struct ladon_buf *buf, unsigned len)
{
	uint8_t *ip = buf->data + 14;

	put_be16(buf->data + 12, 0x0800);
	memset(ip, 0, HDR_LEN - 14);
	ip[0] = 0x45;
	put_be16(ip + 2, (uint16_t)(len - 14));
	ip[8] = 64;
	ip[9] = 6;
	put_be32(ip + 12, 0x0a000001);
	put_be32(ip + 16, 0x0a000002);
	ip[20 + 12] = 0x50;
	buf->flags = LADON_TX_TSO;
	buf->l2_len = 14;
	buf->l3_len = 20;
	buf->l4_len = 20;
	buf->l4 = LADON_L4_TCP;
	buf->mss = (uint16_t)k->p->mss;
}

/* A frame of the size asked for, in as many buffers as it takes, or NULL. */
static struct ladon_buf *bulk_frame(struct bulk *k)
{
	unsigned len = k->p->mss ? k->p->size : k->p->size - 4, done;
	struct ladon_buf *first = bench_frame(&k->b, MIN(len, PART_LEN) + 4), *last = first;

	if (!first)
		return NULL;
	for (done = first->len; done < len; done += last->len) {
		last->next = ladon_igbvf_buf_alloc(k->b.side[0].vf);
		if (!last->next) {
			ladon_igbvf_buf_free(k->b.side[0].vf, first);
			return NULL;
		}
		last = last->next;
		last->len = MIN(len - done, PART_LEN);
	}
	if (k->p->mss)
		tcp_header(k, first, len);
	return first;
}

static void send_some(struct bulk *k)
{
	struct ladon_igbvf *vf = k->b.side[0].vf;
	struct ladon_buf *bufs[BURST];
	unsigned n = 0;
	int sent;

	while (n < k->burst && (bufs[n] = bulk_frame(k)))
		n++;
	sent = n ? ladon_igbvf_tx_burst(vf, bufs, n) : 0;
	sent = MAX(sent, 0);
	/* The driver does not touch them before its next call. */
	for (int i = 0; i < sent && k->noting; i++)
		note(&k->from, bufs[i]);
	for (unsigned i = (unsigned)sent; i < n; i++)
		ladon_igbvf_buf_free(vf, bufs[i]);
}

/* Counts the bytes of what is for this VF. */
static unsigned receive_some(struct bulk *k)
{
	const struct bench_side *side = &k->b.side[1];
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(side->vf, bufs, BURST);

	for (int i = 0; i < n; i++) {
		if (k->noting)
			note(&k->to, bufs[i]);
		if (memcmp(bufs[i]->data, side->mac, 6) == 0)
			for (const struct ladon_buf *b = bufs[i]; b; b = b->next)
				k->bytes += b->len;
		ladon_igbvf_buf_free(side->vf, bufs[i]);
	}
	return n > 0 ? (unsigned)n : 0;
}

/* Gb/s received. */
static double transfer(struct bulk *k, uint64_t ns)
{
	uint64_t start = clock_ns(), took;

	k->bytes = 0;
	do {
		for (unsigned i = 0; i < 16; i++) {
			send_some(k);
			while (receive_some(k) == BURST)
				;
		}
		ladon_igbvf_tx_reap(k->b.side[0].vf);
		took = clock_ns() - start;
	} while (took < ns);
	return (double)k->bytes * 8 / (double)took;
}

/* ---- memcpy ---- */

/* A place in a list of buffers, which goes round and round. */
struct cursor {
	const struct seen *seen;
	unsigned i;
	uint32_t off;
};

static uint32_t left(const struct cursor *c)
{
	return c->seen->piece[c->i].len - c->off;
}

static uint8_t *take(struct cursor *c, uint32_t len)
{
	uint8_t *data = c->seen->piece[c->i].data + c->off;

	c->off += len;
	if (!left(c)) {
		c->off = 0;
		c->i = (c->i + 1) % c->seen->num;
	}
	return data;
}

/* Gb/s of copying, while the card is stopped. */
static double copy(struct bulk *k)
{
	struct cursor from = {.seen = &k->from}, to = {.seen = &k->to};
	uint64_t start, took, bytes = 0;

	kill(k->b.daemon.pid, SIGSTOP);
	sample_pin(k->p->card);
	start = clock_ns();
	do {
		for (unsigned i = 0; i < 256; i++) {
			uint32_t len = MIN(left(&from), left(&to));

			memcpy(take(&to, len), take(&from, len), len);
			bytes += len;
		}
		took = clock_ns() - start;
	} while (took < COPY_NS);
	sample_pin(k->p->driver);
	kill(k->b.daemon.pid, SIGCONT);
	return (double)bytes * 8 / (double)took;
}

static int measure(struct bulk *k)
{
	uint64_t end = clock_ns() + NOTE_NS;
	double gbps;

	transfer(k, WARM_UP_NS);
	k->noting = true;
	while ((k->from.num < SEEN_MAX || k->to.num < SEEN_MAX) && clock_ns() < end)
		transfer(k, NSEC_PER_MSEC);
	k->noting = false;
	if (!k->from.num || !k->to.num)
		return -ETIMEDOUT;
	unique(&k->from);
	unique(&k->to);
	gbps = transfer(k, k->p->ns);
	sample_put("bulk", gbps, "Gb/s");
	sample_put("memcpy", copy(k), "Gb/s");
	sample_put("bulk-buffers", k->from.num + k->to.num, "buffers");
	return 0;
}

int sample_bulk(const struct sample_params *p)
{
	static struct bulk k;
	struct ladon_igbvf_config tx = {.buf_size = PART_SIZE}, rx = {0};
	int err;

	if (p->mss ? p->size <= HDR_LEN : p->size > JUMBO)
		return -EINVAL;
	rx.max_frame = p->mss ? p->mss + HDR_LEN : p->size - 4;
	rx.buf_size = rx.max_frame > 2048 ? PART_SIZE : 2048;
	k.p = p;
	k.burst = p->mss ? 2 : BURST;
	err = sample_start(&k.b, p, &tx, &rx);
	if (err)
		return err;
	err = measure(&k);
	bench_stop(&k.b);
	return err;
}
