/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Unmap is a promise: rounds of map, receive and unmap on a real ladond under load. After the
 * reply to DMA_UNMAP the memory is filled with a canary, and no byte of it may change until the
 * card has gone through every descriptor that pointed there.
 *
 * test_vf_canary [ROUNDS]: default 20,000, or as many as fit into 5 s.
 */
#include "e2e.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "fd.h"
#include "test_effort.h"

#define RING	  1024u
#define POSTED	  512u /* descriptors a round: the card is at it while the unmap arrives */
#define BUFS	  16u  /* which they take in turn */
#define BUF	  2048u
#define SIZE	  (BUFS * BUF)
#define CANARY	  0xc5
#define CHECKED	  64u /* bytes of each buffer: a frame begins there */
#define FRAME	  1400u
#define SRRCTL_2K (SRRCTL_DROP_EN | SRRCTL_ONEBUF | 2)

static unsigned rounds = 20000;
static bool all; /* as many as asked, however long */

struct load {
	struct ladon_igbvf *vf;
	uint8_t frame[FRAME];
	atomic_bool stop;
};

/* VF 0 floods VF 1. */
static void *flood(void *arg)
{
	struct load *load = arg;
	unsigned n = 0;

	while (!atomic_load_explicit(&load->stop, memory_order_relaxed)) {
		struct ladon_buf *buf = ladon_igbvf_buf_alloc(load->vf);

		if (!buf) {
			ladon_igbvf_tx_reap(load->vf);
			sched_yield();
			continue;
		}
		memcpy(buf->data, load->frame, FRAME);
		buf->len = FRAME;
		if (++n % 32 == 0)
			sched_yield(); /* on two CPUs the card would wait for a time slice */
		while (ladon_igbvf_tx_burst(load->vf, &buf, 1) != 1 &&
		       !atomic_load_explicit(&load->stop, memory_order_relaxed))
			sched_yield();
	}
	return NULL;
}

static bool await(const struct e2e_ring *r, uint32_t i)
{
	uint64_t end = e2e_now_us() + 5000000;

	while (!(r->desc[i % RING].cmd_type_len & RXD_DD) && e2e_now_us() < end)
		sched_yield();
	return r->desc[i % RING].cmd_type_len & RXD_DD;
}

static void post(struct e2e_ring *r, uint32_t first, uint64_t iova)
{
	for (uint32_t i = 0; i < POSTED; i++) {
		r->desc[(first + i) % RING].hdr_addr = 0;
		r->desc[(first + i) % RING].addr = iova + (uint64_t)(i % BUFS) * BUF;
	}
	e2e_write(1, VF_RDT, (first + POSTED) % RING);
}

static void set_canaries(uint8_t *view)
{
	for (unsigned i = 0; i < BUFS; i++)
		memset(view + i * BUF, CANARY, CHECKED);
}

static bool canaries_live(const uint8_t *view)
{
	for (unsigned i = 0; i < BUFS; i++)
		for (unsigned j = 0; j < CHECKED; j++)
			if (((const volatile uint8_t *)view)[i * BUF + j] != CANARY)
				return false;
	return true;
}

/* One round; first is the ring's next free descriptor. */
static void one_round(struct e2e_ring *r, uint32_t first, int file, uint8_t *view)
{
	struct ladon_dma *dma;

	assert_int_equal(ladon_dma_map_fd(e2e.fn[1], file, 0, SIZE, 0, &dma), 0);
	post(r, first, ladon_dma_iova(dma));
	assert_true(await(r, first)); /* the card is at it */
	assert_int_equal(ladon_dma_free(dma), 0);
	set_canaries(view);
	/* The rest of the descriptors fail, one by one. */
	assert_true(await(r, first + POSTED - 1));
	assert_true(canaries_live(view));
}

static void no_write_after_unmap(void **state)
{
	static struct load load;
	uint64_t start = clock_ns();
	struct e2e_ring r;
	pthread_t thread;
	int file = fd_memfd("canary", SIZE);
	uint8_t *view = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	struct e2e_frame f;
	unsigned done;

	(void)state;
	assert_ptr_not_equal(view, MAP_FAILED);
	e2e_attach(1);
	e2e_handshake(1);
	e2e_open(0, NULL);
	e2e_ring_start(&r, 1, true, RING, SRRCTL_2K);
	e2e_eth(&f, e2e.mac[1], 0, 0x0801, FRAME - ETH_LEN, 1);
	memcpy(load.frame, f.bytes, FRAME);
	load.vf = e2e.vf[0];
	assert_int_equal(pthread_create(&thread, NULL, flood, &load), 0);
	for (done = 0; all ? done < rounds : test_goes_on(start, done, rounds); done++)
		one_round(&r, done * POSTED % RING, file, view);
	atomic_store(&load.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	printf("%u rounds\n", done);
	e2e_ring_stop(&r);
	munmap(view, SIZE);
	close(file);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(no_write_after_unmap, e2e_close_all),
	};

	if (argc > 1) {
		rounds = (unsigned)strtoul(argv[1], NULL, 10);
		all = true;
	}
	return cmocka_run_group_tests(tests, e2e_setup_mapped, e2e_teardown);
}
