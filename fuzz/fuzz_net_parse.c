/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_net_parse.c - a frame from a guest, under a context descriptor from a guest.
 *
 * Input: 12 bytes of context (l2_len, l3_len, l4_len, mss as le16; l3, l4; flags; how much of
 * the frame is in the header block, in eighths), then the frame. Every buffer has exactly its
 * size, so that ASan sees a byte too many; what is promised about the result is checked with
 * abort().
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"
#include "net_csum.h"
#include "net_neigh.h"
#include "net_offload.h"
#include "net_parse.h"

#define CONTEXT_LEN 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int truth)
{
	if (!truth)
		abort();
}

static uint8_t *copy_of(const uint8_t *p, size_t len)
{
	uint8_t *copy = malloc(len + !len);

	must(copy != NULL);
	if (len)
		memcpy(copy, p, len);
	return copy;
}

static void check_parsed(const struct net_parsed *p, uint32_t len)
{
	must(p->l3 <= NET_L3_IPV6 && p->l4 <= NET_L4_SCTP && p->tags <= 2);
	must(p->hdr_len <= len && p->l3_off <= p->hdr_len);
	must(len < 14 ? !p->l3_off : p->l3_off == 14 + 4 * p->tags);
	must(p->l3 ? p->hdr_len >= p->l3_off + 20 : p->hdr_len == p->l3_off);
	must(p->l4 ? p->l3 && p->l4_off >= p->l3_off + 20 && p->hdr_len >= p->l4_off + 8
		   : !p->l4_off);
}

/* The whole frame and its first half: the half may know less, nothing else. */
static void fuzz_parse(const uint8_t *frame, uint32_t len)
{
	uint8_t *half = copy_of(frame, len / 2);
	struct net_parsed all, some;

	net_parse(frame, len, &all);
	net_parse(half, len / 2, &some);
	check_parsed(&all, len);
	check_parsed(&some, len / 2);
	must(some.hdr_len <= all.hdr_len && (!some.l4 || some.l4 == all.l4));
	if (all.l3 == NET_L3_IPV4)
		net_ip_csum_ok(frame, &all);
	free(half);
}

/* A shorter header block is judged no milder: what was bad in the whole may not be hidden. */
static void fuzz_neigh(const struct net_offload *off, const uint8_t *frame, uint32_t have,
		       uint32_t len)
{
	uint8_t *block = copy_of(frame, have);
	uint64_t mac = 0, all = 0;
	enum net_neigh some = net_neigh_claim(block, have, len, off, &mac);
	enum net_neigh whole = net_neigh_claim(frame, len, len, off, &all);

	must(some == NET_NEIGH_BAD || (some == whole && mac == all));
	free(block);
}

static void fuzz_csum(const struct net_offload *off, const uint8_t *frame, uint32_t hdr_len,
		      uint32_t len)
{
	uint8_t *hdr = copy_of(frame, hdr_len);
	uint32_t l4_off = (uint32_t)off->l2_len + off->l3_len;

	if (off->ip_csum)
		net_ip_csum_set(hdr, off);
	if (off->l4_csum && off->l4 != NET_L4_SCTP)
		net_pseudo_sum(hdr, off, len - l4_off);
	free(hdr);
}

/* At most 64 segments: the rest is alike. Each has to add up, with a payload of zeros. */
static void fuzz_tso(const struct net_offload *off, const uint8_t *hdr, uint32_t payload)
{
	uint32_t l4_off = (uint32_t)off->l2_len + off->l3_len;
	uint32_t count = net_tso_count(off, payload), done = 0;
	uint8_t *dst = copy_of(hdr, l4_off + off->l4_len);
	struct net_tso tso;

	must((uint64_t)count * off->mss >= payload && (count - 1) * off->mss <= payload);
	net_tso_begin(&tso, dst, off);
	for (uint32_t i = 0; i < MIN(count, 64u); i++) {
		uint32_t len = MIN(payload - done, off->mss);
		struct net_segment segment = {done, len, i, i == count - 1};
		uint64_t pseudo = net_pseudo_sum(hdr, off, off->l4_len + len);

		net_tso_segment(&tso, &segment, 0);
		must(net_csum_fold(net_csum_add(pseudo, dst + l4_off, off->l4_len)) == 0xffff);
		done += len;
	}
	free(dst);
}

static struct net_offload context(const uint8_t *data)
{
	return (struct net_offload){
		.l2_len = get_le16(data),
		.l3_len = get_le16(data + 2),
		.l4_len = get_le16(data + 4),
		.mss = get_le16(data + 6),
		.l3 = data[8],
		.l4 = data[9],
		.ip_csum = data[10] & 1,
		.l4_csum = data[10] & 2,
		.tso = data[10] & 4,
	};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct net_offload off;
	uint32_t len, hdr_len;
	uint8_t *frame;

	if (size < CONTEXT_LEN)
		return 0;
	off = context(data);
	len = (uint32_t)(size - CONTEXT_LEN);
	hdr_len = len - len * (data[11] & 7) / 8;
	frame = copy_of(data + CONTEXT_LEN, len);
	fuzz_parse(frame, len);
	fuzz_neigh(&off, frame, hdr_len, len);
	if (net_offload_valid(&off, hdr_len)) {
		uint8_t *hdr = copy_of(frame, hdr_len);

		fuzz_csum(&off, frame, hdr_len, len);
		if (off.tso)
			fuzz_tso(&off, hdr, len - hdr_len);
		free(hdr);
	}
	free(frame);
	return 0;
}
