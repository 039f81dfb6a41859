/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * flood.c - a guest that keeps the data path busy with everything the ring lets it say.
 *
 *	hostile_flood WHAT SOCKET ACCOMPLICE MILLISECONDS
 *
 * WHAT: frames (broadcasts as fast as they go), tso (256 KiB frames cut into the smallest
 * segments), faults (addresses that were never mapped), chains (frames of 40 one-byte pieces),
 * contexts (nothing but context descriptors), edge (a ring and buffers that lie at and across
 * the end of the memory) or garbage. The driver at the accomplice's socket takes what comes, so
 * that all of it is copied. MILLISECONDS 0: until it is killed; writes a byte to
 * stdout when the card is at it.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "raw.h"

#define FRAME_LEN 1000u
#define TSO_LEN	  (60u * 1024) /* a descriptor's most that stays within the buffers */
#define TSO_MSS	  48u	       /* Linux' least */
#define CHAIN	  40u
#define BURST	  128u

static const uint8_t everybody[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

/* Each fills descriptor i before it is announced again. */
static void fill_frames(struct raw *raw, uint32_t i)
{
	raw_desc(raw, i, FRAME_LEN);
}

/* Even: the context. Odd: a frame whose headers stand in buffer 0. */
static void fill_tso(struct raw *raw, uint32_t i)
{
	volatile struct igbvf_desc *d = &raw->desc[i];

	if (i % 2 == 0) {
		d->addr = 14u << CTX_MACLEN | 20;
		d->cmd_type_len = TXD_CTX | TXD_DEXT | 1u << CTX_L4T | CTX_IPV4;
		d->olinfo_status = TSO_MSS << CTX_MSS | 20u << CTX_L4LEN;
		return;
	}
	d->addr = raw->buf_iova;
	d->cmd_type_len = TXD_DATA | TXD_DEXT | TXD_EOP | TXD_IFCS | TXD_TSE | TSO_LEN;
	d->olinfo_status = (TSO_LEN - 54) << TXD_PAYLEN | TXD_IXSM | TXD_TXSM;
}

static void fill_faults(struct raw *raw, uint32_t i)
{
	raw_desc(raw, i, FRAME_LEN);
	raw->desc[i].addr = RAW_NOWHERE + i * 4096ull;
}

static void fill_chains(struct raw *raw, uint32_t i)
{
	bool last = i % CHAIN == CHAIN - 1;

	raw_desc(raw, i, last ? 60 : 1);
	raw->desc[i].addr = raw->buf_iova + i % CHAIN;
	if (!last)
		raw->desc[i].cmd_type_len &= ~TXD_EOP;
}

static void fill_contexts(struct raw *raw, uint32_t i)
{
	raw->desc[i].addr = raw_random();
	raw->desc[i].cmd_type_len = TXD_CTX | TXD_DEXT;
	raw->desc[i].olinfo_status = raw_random();
}

static void fill_edge(struct raw *raw, uint32_t i)
{
	raw_desc(raw, i, FRAME_LEN);
	raw->desc[i].addr = raw->buf_iova + RAW_RING * RAW_BUF - (i % 3 ? i : FRAME_LEN);
}

static void fill_garbage(struct raw *raw, uint32_t i)
{
	raw_desc(raw, i, raw_random() & 0xffff);
	raw->desc[i].addr += raw_random() % (RAW_BUF * 4);
	if (i % 3 == 0)
		raw->desc[i].cmd_type_len = raw_random();
	if (i % 5 == 0)
		raw->desc[i].olinfo_status = raw_random();
	if (i % 7 == 0)
		raw->desc[i].addr = (uint64_t)raw_random() << 32 | raw_random();
}

static const struct flood {
	const char *word;
	void (*fill)(struct raw *raw, uint32_t i);
} floods[] = {
	{"frames", fill_frames},     {"tso", fill_tso},	  {"faults", fill_faults},
	{"chains", fill_chains},     {"edge", fill_edge}, {"garbage", fill_garbage},
	{"contexts", fill_contexts},
};

/* IPv4 and TCP in buffer 0, for segmentation. */
static void make_tcp(struct raw *raw)
{
	uint8_t *ip = raw->buf + 14;

	put_be16(raw->buf + 12, 0x0800);
	ip[0] = 0x45;
	ip[8] = 64;
	ip[9] = 6;
	ip[20 + 12] = 0x50;
}

/* The ring ends where the memory ends: its last part is not mapped. */
static void ring_across_the_end(struct raw *raw)
{
	uint64_t end = ladon_dma_iova(raw->dma) + ladon_dma_size(raw->dma);

	ladon_bar_write32(raw->fn, 0, VF_TXDCTL, 0);
	ladon_bar_write32(raw->fn, 0, VF_TDBAL, (uint32_t)(end - 2048));
	ladon_bar_write32(raw->fn, 0, VF_TXDCTL, DCTL_ENABLE);
	ladon_bar_write32(raw->fn, 0, VF_TDT, RAW_RING - 1);
	raw->sent += RAW_RING - 1;
	usleep(20000);
}

static void take(struct ladon_igbvf *vf)
{
	struct ladon_buf *bufs[BURST];
	int n = ladon_igbvf_rx_burst(vf, bufs, BURST);

	for (int i = 0; i < n; i++)
		ladon_igbvf_buf_free(vf, bufs[i]);
}

static void run(struct raw *raw, struct ladon_igbvf *accomplice, const struct flood *flood,
		uint64_t ns)
{
	uint64_t end = clock_ns() + ns;
	bool told = false;

	for (uint32_t i = 0; i < RAW_RING; i++) {
		raw_frame(raw, i, everybody, 0x88b7, 0x11, RAW_BUF - 14);
		flood->fill(raw, i);
	}
	if (flood->fill == fill_tso)
		make_tcp(raw);
	while (!ns || clock_ns() < end) {
		uint32_t n = raw_announce(raw, BURST);

		take(accomplice);
		if (!n)
			sched_yield();
		for (uint32_t i = 0; i < n && flood->fill == fill_garbage; i++)
			flood->fill(raw, (raw->tail + i) % RAW_RING);
		if (!told && raw->sent > 2 * RAW_RING)
			told = write(STDOUT_FILENO, "", 1) == 1;
	}
	if (flood->fill == fill_edge)
		ring_across_the_end(raw);
}

int main(int argc, char **argv)
{
	struct raw raw, other;

	if (argc != 5) {
		fprintf(stderr, "usage: hostile_flood WHAT SOCKET ACCOMPLICE MS\n");
		return 2;
	}
	for (unsigned i = 0; i < ARRAY_SIZE(floods); i++) {
		if (strcmp(argv[1], floods[i].word))
			continue;
		if (raw_open(&raw, argv[2]) < 0 || raw_open(&other, argv[3]) < 0)
			return 1;
		run(&raw, other.vf, &floods[i], strtoull(argv[4], NULL, 10) * NSEC_PER_MSEC);
		raw_close(&raw);
		raw_close(&other);
		return 0;
	}
	return 2;
}
