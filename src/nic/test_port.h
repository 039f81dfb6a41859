/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * test_port.h - a nic_port in memory, for the test programs of this folder only: keeps what it
 * receives, sends what it is given. Buffers are handed out in pieces with canaries between
 * them.
 */
#ifndef LADON_TEST_PORT_H
#define LADON_TEST_PORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "net_eth.h"
#include "nic_deliver.h"
#include "nic_port.h"
#include "test_workers.h"

#define TEST_UNUSED __attribute__((unused))
#define TEST_GAP    8u /* canary bytes before, between and after the pieces */
#define TEST_CANARY 0xc5

/* ---- random numbers that are the same in every run, for each thread ---- */

static _Thread_local uint64_t test_seed = 0x1ad0;

static uint32_t TEST_UNUSED test_rand(void)
{
	test_seed = test_seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(test_seed >> 33);
}

/* 0 ... n - 1 */
static uint32_t TEST_UNUSED test_below(uint32_t n)
{
	return test_rand() % n;
}

/* ---- the port ---- */

struct test_rx {
	uint8_t *bytes; /* owned */
	uint32_t len;
	struct nic_rx_meta meta;
	struct net_parsed parsed;
};

struct test_tx {
	const uint8_t *bytes;		/* borrowed until sent */
	uint32_t len, hdr_len, max_seg; /* max_seg: longest piece of payload, 0 = one piece */
	bool tagged;
	uint16_t tci;
	bool csum_valid;
	struct net_offload off;
};

struct test_port {
	struct nic_port port;
	/* What port.policy points to, where a test has no data path. */
	struct nic_policy policy;
	bool strip;
	uint32_t max_piece;   /* longest receive buffer; 0 = one piece */
	uint32_t credits;     /* frames it has buffers for */
	enum nic_drop refuse; /* what rx_commit says */
	unsigned num_rx, num_tx, tx_at, max_burst;
	unsigned tx_done, rx_done;
	unsigned num_run;    /* of num_rx ever: by rx_run */
	unsigned num_series; /* likewise by rx_series */
	struct test_rx *rx;  /* owned */
	struct test_tx tx[128];
	uint8_t *area; /* the frame under way: pieces and gaps */
	uint32_t area_len;
	struct nic_sink sink;
};

static struct test_port *TEST_UNUSED test_port_of(const struct nic_port *port)
{
	return (struct test_port *)(uintptr_t)port;
}

/* Adds a frame to a burst, payload in pieces of 1 ... max_seg bytes. */
static struct nic_frame *TEST_UNUSED test_burst_add(struct nic_burst *b,
						    const struct test_tx *tx)
{
	struct nic_frame *f = &b->frame[b->n++];
	uint32_t at = tx->hdr_len;

	memset(f, 0xa5, sizeof(*f));
	memcpy(f->hdr, tx->bytes, tx->hdr_len);
	f->hdr_len = (uint16_t)tx->hdr_len;
	f->len = tx->len;
	f->tagged = tx->tagged;
	f->tci = tx->tci;
	f->svlan = false;
	f->local = true;
	f->csum_valid = tx->csum_valid;
	f->off = tx->off;
	f->segs = &b->seg[b->num_segs];
	f->num_segs = 0;
	while (at < tx->len) {
		uint32_t n = tx->max_seg ? 1 + test_below(tx->max_seg) : tx->len;

		n = MIN(n, tx->len - at);
		assert_true(b->num_segs < NIC_BURST_SEGS);
		b->seg[b->num_segs++] = (struct nic_seg){tx->bytes + at, n};
		f->num_segs++;
		at += n;
	}
	return f;
}

static bool TEST_UNUSED test_tx_poll(struct nic_port *port, struct nic_burst *burst,
				     uint64_t now_ns)
{
	struct test_port *p = test_port_of(port);

	(void)now_ns;
	while (p->tx_at < p->num_tx && burst->n < (p->max_burst ? p->max_burst : NIC_BURST))
		test_burst_add(burst, &p->tx[p->tx_at++])->local = !port->is_uplink;
	return burst->n;
}

static void TEST_UNUSED test_tx_done(struct nic_port *port, uint64_t now_ns)
{
	(void)now_ns;
	test_port_of(port)->tx_done++;
}

static bool TEST_UNUSED test_rx_strips(const struct nic_port *port)
{
	return test_port_of(port)->strip;
}

static enum nic_drop TEST_UNUSED test_rx_buffers(struct nic_port *port,
						 const struct nic_rx_meta *meta,
						 struct nic_sink *sink)
{
	struct test_port *p = test_port_of(port);
	uint32_t left = meta->len, at = TEST_GAP;

	if (!p->credits)
		return NIC_DROP_NODESC;
	p->credits--;
	free(p->area);
	p->area_len = meta->len + TEST_GAP * (NIC_SINK_MAX + 1);
	p->area = malloc(p->area_len);
	memset(p->area, TEST_CANARY, p->area_len);
	sink->n = 0;
	while (left) {
		uint32_t n = p->max_piece && sink->n + 1 < NIC_SINK_MAX
				     ? 1 + test_below(p->max_piece)
				     : left;

		n = MIN(n, left);
		sink->iov[sink->n].ptr = p->area + at;
		sink->iov[sink->n++].len = n;
		at += n + TEST_GAP;
		left -= n;
	}
	p->sink = *sink;
	return NIC_DROP_NONE;
}

/* Keeps a frame: meta->len bytes that the caller fills in. */
static struct test_rx *TEST_UNUSED test_rx_keep(struct test_port *p,
						const struct nic_rx_meta *meta)
{
	struct test_rx *rx;

	p->rx = realloc(p->rx, (p->num_rx + 1) * sizeof(*p->rx));
	rx = &p->rx[p->num_rx++];
	*rx = (struct test_rx){.bytes = malloc(meta->len),
			       .len = meta->len,
			       .meta = *meta,
			       .parsed = *meta->parsed};
	return rx;
}

/* Puts the pieces together; the canaries must be whole. */
static enum nic_drop TEST_UNUSED test_rx_commit(struct nic_port *port,
						const struct nic_rx_meta *meta)
{
	struct test_port *p = test_port_of(port);
	struct test_rx *rx;
	uint32_t at = 0, len = 0;

	if (p->refuse)
		return p->refuse;
	rx = test_rx_keep(p, meta);
	for (unsigned i = 0; i < p->sink.n; i++) {
		for (; p->area + at < p->sink.iov[i].ptr; at++)
			assert_int_equal(p->area[at], TEST_CANARY);
		memcpy(rx->bytes + len, p->sink.iov[i].ptr, p->sink.iov[i].len);
		at += p->sink.iov[i].len;
		len += p->sink.iov[i].len;
	}
	for (; at < p->area_len; at++)
		assert_int_equal(p->area[at], TEST_CANARY);
	assert_int_equal(len, meta->len);
	return NIC_DROP_NONE;
}

/* Memory for a frame of most bytes, canaries around it. Owned by the caller. */
static uint8_t *TEST_UNUSED test_rx_room(uint32_t most)
{
	uint8_t *mem = malloc(most + 2 * TEST_GAP);

	memset(mem, TEST_CANARY, most + 2 * TEST_GAP);
	return mem;
}

/* Keeps what was stored there. */
static void TEST_UNUSED test_rx_stored(struct test_port *p, const struct nic_rx_meta *meta,
				       uint8_t *mem, uint32_t most)
{
	assert_true(meta->len <= most);
	for (uint32_t i = 0; i < TEST_GAP; i++)
		assert_int_equal(mem[i], TEST_CANARY);
	for (uint32_t i = TEST_GAP + meta->len; i < most + 2 * TEST_GAP; i++)
		assert_int_equal(mem[i], TEST_CANARY);
	memcpy(test_rx_keep(p, meta)->bytes, mem + TEST_GAP, meta->len);
	free(mem);
}

/* One frame for rx_run. */
static void TEST_UNUSED test_rx_one(struct test_port *p, const struct nic_frame *f)
{
	uint32_t len = MAX(f->len, (uint32_t)NET_ETH_ZLEN);
	uint8_t *mem = test_rx_room(len);
	struct net_parsed parsed;
	struct nic_rx_meta meta;

	nic_deliver_at(mem + TEST_GAP, f, &meta, &parsed);
	assert_int_equal(meta.len, len);
	assert_ptr_equal(meta.parsed, &parsed);
	test_rx_stored(p, &meta, mem, len);
}

static unsigned TEST_UNUSED test_rx_run(struct nic_port *port, const struct nic_frame *frames,
					unsigned n, uint32_t max)
{
	struct test_port *p = test_port_of(port);
	unsigned i;

	for (i = 0; i < n && p->credits && !p->max_piece && !p->refuse && frames[i].len <= max;
	     i++) {
		p->credits--;
		test_rx_one(p, &frames[i]);
	}
	p->num_run += i;
	return i;
}

static unsigned TEST_UNUSED test_rx_series(struct nic_port *port, struct nic_rx_meta *meta,
					   unsigned n,
					   void (*store)(struct nic_rx_meta *meta, uint8_t *to))
{
	struct test_port *p = test_port_of(port);
	uint32_t most = meta->len;
	unsigned i;

	for (i = 0; i < n && p->credits && !p->max_piece && !p->refuse; i++) {
		uint8_t *mem = test_rx_room(most);

		p->credits--;
		store(meta, mem + TEST_GAP);
		test_rx_stored(p, meta, mem, most);
	}
	p->num_series += i;
	return i;
}

static void TEST_UNUSED test_rx_done(struct nic_port *port, uint64_t now_ns)
{
	(void)now_ns;
	test_port_of(port)->rx_done++;
}

static const struct nic_port_ops test_port_ops TEST_UNUSED = {
	.tx_poll = test_tx_poll,
	.tx_done = test_tx_done,
	.rx_strips_tag = test_rx_strips,
	.rx_buffers = test_rx_buffers,
	.rx_commit = test_rx_commit,
	.rx_done = test_rx_done,
};

/* The same with runs (nic_run.h) and series. */
static const struct nic_port_ops test_port_run_ops TEST_UNUSED = {
	.tx_poll = test_tx_poll,
	.tx_done = test_tx_done,
	.rx_strips_tag = test_rx_strips,
	.rx_buffers = test_rx_buffers,
	.rx_commit = test_rx_commit,
	.rx_run = test_rx_run,
	.rx_series = test_rx_series,
	.rx_done = test_rx_done,
};

/* Link up, untagged, its own address 02:00:00:00:00:id, buffers without end. */
static void TEST_UNUSED test_port_init(struct test_port *p, uint8_t id)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, id};

	memset(p, 0, sizeof(*p));
	p->port.ops = &test_port_ops;
	p->credits = UINT32_MAX;
	p->policy.link_up = p->policy.untagged = p->policy.broadcast = true;
	p->policy.filter_control = p->policy.spoof_mac = true;
	p->policy.spoof_vlan = p->policy.rx_on = p->policy.tx_on = true;
	p->policy.max_frame = 1518;
	p->policy.num_macs = 1;
	p->policy.mac[0] = net_mac_u64(mac);
	atomic_store(&p->port.policy, &p->policy);
}

/* Forgets what was received. */
static void TEST_UNUSED test_port_flush(struct test_port *p)
{
	for (unsigned i = 0; i < p->num_rx; i++)
		free(p->rx[i].bytes);
	free(p->rx);
	p->rx = NULL;
	p->num_rx = 0;
}

static void TEST_UNUSED test_port_done(struct test_port *p)
{
	test_port_flush(p);
	free(p->area);
	p->area = NULL;
}

static uint64_t TEST_UNUSED test_rx_drops(const struct test_port *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NIC_DROP_NUM; i++)
		sum += nic_counter(&p->port.stats.rx_drops[i]);
	return sum;
}

static uint64_t TEST_UNUSED test_tx_drops(const struct test_port *p)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < NIC_DROP_NUM; i++)
		sum += nic_counter(&p->port.stats.tx_drops[i]);
	return sum;
}

static uint64_t TEST_UNUSED test_rx_drop(const struct test_port *p, enum nic_drop reason)
{
	return nic_counter(&p->port.stats.rx_drops[reason]);
}

static uint64_t TEST_UNUSED test_tx_drop(const struct test_port *p, enum nic_drop reason)
{
	return nic_counter(&p->port.stats.tx_drops[reason]);
}

#endif
