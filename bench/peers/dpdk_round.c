/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * dpdk_round.c - how long one frame takes through a process that forwards between two DPDK
 * ports, as bench_sample's case round measures it for two VFs: same frame, same clock, same
 * lines "NAME VALUE UNIT".
 *
 *	dpdk_round EAL-ARGUMENTS -- MILLISECONDS
 *
 * The first two ports are used, from the main lcore; the other end of both is the forwarder.
 */
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define PORTS	  2
#define DESCS	  256
#define BUFS	  8191
#define CACHE	  256
#define FRAME_LEN 60
#define TIMES_MAX 1000000u
#define LOST_NS	  (5 * NSEC_PER_SEC)
#define LINK_NS	  (10 * NSEC_PER_SEC)
#define RETRY_NS  (10 * NSEC_PER_MSEC)
#define WARM_UP	  1000u

static uint64_t pass_ns[TIMES_MAX], back_ns[TIMES_MAX];

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void put_times(const char *name, uint64_t *ns, unsigned num)
{
	qsort(ns, num, sizeof(*ns), by_value);
	printf("%s-p50 %.6g us\n", name, (double)ns[num / 2] / 1e3);
	printf("%s-p99 %.6g us\n", name, (double)ns[num - 1 - num / 100] / 1e3);
}

static int port_start(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	int err = rte_eth_dev_configure(port, 1, 1, &conf);

	if (!err)
		err = rte_eth_rx_queue_setup(port, 0, DESCS, (unsigned)rte_socket_id(), NULL,
					     pool);
	if (!err)
		err = rte_eth_tx_queue_setup(port, 0, DESCS, (unsigned)rte_socket_id(), NULL);
	return err ? err : rte_eth_dev_start(port);
}

static struct rte_mbuf *new_frame(struct rte_mempool *pool)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t *data = m ? (uint8_t *)rte_pktmbuf_append(m, FRAME_LEN) : NULL;

	if (!data)
		return NULL;
	memset(data, 2, 12);
	data[12] = 0x88;
	data[13] = 0xb5;
	return m;
}

/* Takes what comes at a port for so long. Returns how many frames. */
static unsigned drain(uint16_t port, uint64_t ns)
{
	uint64_t end = clock_ns() + ns;
	struct rte_mbuf *got;
	unsigned num = 0;

	do {
		while (rte_eth_rx_burst(port, 0, &got, 1) == 1) {
			rte_pktmbuf_free(got);
			num++;
		}
	} while (clock_ns() < end);
	return num;
}

/* Sends frames until one has passed: the other end takes its time, and what comes too early is
 * lost. Nothing is under way afterwards. */
static int await_path(struct rte_mempool *pool, uint16_t from, uint16_t to)
{
	uint64_t end = clock_ns() + LINK_NS;

	while (clock_ns() < end) {
		struct rte_mbuf *m = new_frame(pool);

		if (m && rte_eth_tx_burst(from, 0, &m, 1) != 1)
			rte_pktmbuf_free(m);
		if (drain(to, RETRY_NS)) {
			drain(to, 10 * RETRY_NS);
			return 0;
		}
	}
	return -1;
}

/* Sends m at one port and waits for what comes at the other. NULL = nothing does. */
static struct rte_mbuf *pass(uint16_t from, uint16_t to, struct rte_mbuf *m, uint64_t start)
{
	struct rte_mbuf *got;

	if (!m || rte_eth_tx_burst(from, 0, &m, 1) != 1)
		return NULL;
	while (rte_eth_rx_burst(to, 0, &got, 1) != 1)
		if (clock_ns() - start > LOST_NS)
			return NULL;
	return got;
}

static int there_and_back(struct rte_mempool *pool, uint64_t *ret_pass, uint64_t *ret_back)
{
	struct rte_mbuf *m = new_frame(pool);
	uint64_t start = clock_ns();
	uint8_t *data;

	m = pass(0, 1, m, start);
	*ret_pass = clock_ns() - start;
	if (!m)
		return -1;
	/* The header is written anew, as bench_sample's driver does. */
	data = rte_pktmbuf_mtod(m, uint8_t *);
	memset(data, 2, 12);
	m = pass(1, 0, m, start);
	*ret_back = clock_ns() - start;
	if (!m)
		return -1;
	rte_pktmbuf_free(m);
	return 0;
}

static int measure(struct rte_mempool *pool, uint64_t ns)
{
	uint64_t end;
	unsigned num = 0;

	for (unsigned i = 0; i < WARM_UP; i++)
		if (there_and_back(pool, &pass_ns[0], &back_ns[0]) < 0)
			return -1;
	for (end = clock_ns() + ns; num < TIMES_MAX && clock_ns() < end; num++)
		if (there_and_back(pool, &pass_ns[num], &back_ns[num]) < 0)
			return -1;
	if (!num)
		return -1;
	put_times("pass", pass_ns, num);
	put_times("back", back_ns, num);
	return 0;
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	struct rte_mempool *pool;
	unsigned long ms;
	int bad = 0;

	if (used < 0 || argc - used != 2 || (ms = strtoul(argv[used + 1], NULL, 10)) == 0 ||
	    rte_eth_dev_count_avail() != PORTS) {
		fprintf(stderr, "usage: dpdk_round EAL-ARGUMENTS (two ports) -- "
				"MILLISECONDS\n");
		return 2;
	}
	pool = rte_pktmbuf_pool_create("bufs", BUFS, CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
				       (int)rte_socket_id());
	for (uint16_t port = 0; port < PORTS && !bad; port++)
		bad = !pool || port_start(port, pool) < 0;
	for (uint16_t port = 0; port < PORTS && !bad; port++)
		bad = await_path(pool, port, !port);
	if (!bad)
		bad = measure(pool, ms * NSEC_PER_MSEC);
	if (bad)
		fprintf(stderr, "dpdk_round: no path, or a frame was lost\n");
	for (uint16_t port = 0; port < PORTS; port++)
		rte_eth_dev_stop(port);
	rte_eal_cleanup();
	return bad != 0;
}
