/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench_workers.c - what a second thread brings a card: four VFs that send to each other, on a
 * card of one worker and on one of two, whose frames stay with one worker, are all handed to
 * the other, or are until ports that talk to each other have come together.
 *
 *	bench_workers [-r ROUNDS] [-t MILLISECONDS]
 *
 * The card alone: there are no drivers that look at what they receive, for which a machine of
 * two CPUs would have no CPU left. One thread gives all rings their tails back every 30 us; it
 * runs beside the workers, on whatever CPU. The cases take turns within each round.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "i82576_desc.h"
#include "i82576_regs.h"
#include "i82576_vf.h"

#define VFS	   4u
#define ROUNDS_MAX 99u
#define BASE	   0x10000000ull /* of a guest's memory, and what is where in it */
#define MEM_SIZE   (8u << 20)
#define TX_RING	   0x0u
#define RX_RING	   0x40000u
#define TX_BUF	   0x100000u
#define RX_BUF	   0x200000u
#define DESCS	   4096u
#define BUFS	   256u /* of a ring, used again and again */
#define PAUSE_NS   30000
#define PLAIN	   (TXD_DEXT | TXD_EOP | FIELD_PREP(TXD_DTYP, DTYP_DATA))

/* VF n sends to VF n ^ to. */
struct bench_case {
	const char *name;
	unsigned workers, to;
	bool gather; /* ports may be placed anew, as ladond does it */
};

static const struct bench_case cases[] = {
	{"one worker", 1, 1, false},
	{"two, frames stay", 2, 2, false},
	{"two, frames are handed", 2, 1, false},
	{"two, ports are gathered", 2, 1, true},
};

struct guest {
	struct i82576_vf *vf;
	struct iommu_domain *dom;
	uint8_t *mem;
	uint32_t rx_tail, room; /* room: bytes of a receive buffer */
};

static struct nic_card *card;
static struct guest guests[VFS];

static void drain(void *arg)
{
	(void)arg;
	nic_dp_quiesce(card->dp);
}

static volatile uint32_t *tx_regs(const struct guest *g)
{
	return g->vf->qpage + (I82576_VF_TDBAL - I82576_VF_QPAGE_OFF) / 4;
}

static volatile uint32_t *rx_regs(const struct guest *g)
{
	return g->vf->qpage + (I82576_VF_RDBAL - I82576_VF_QPAGE_OFF) / 4;
}

static void put(volatile uint32_t *regs, enum queue_word word, uint32_t v)
{
	__atomic_store_n(&regs[word], v, __ATOMIC_RELEASE);
}

static uint32_t head_of(volatile uint32_t *regs)
{
	return __atomic_load_n(&regs[Q_HEAD], __ATOMIC_ACQUIRE);
}

static void ring_on(volatile uint32_t *regs, uint64_t base, uint32_t srrctl)
{
	put(regs, Q_BAL, (uint32_t)base);
	put(regs, Q_LEN, DESCS * DESC_SIZE);
	if (srrctl)
		put(regs, Q_SRRCTL, srrctl);
	put(regs, Q_CTL, DCTL_ENABLE);
}

/* ---- what drivers do ---- */

static void fill_tx(struct guest *g, unsigned to, uint32_t len)
{
	for (uint32_t i = 0; i < DESCS; i++) {
		uint8_t *desc = g->mem + TX_RING + i * DESC_SIZE;
		uint32_t off = TX_BUF + i % (BUFS / 4) * ALIGN_UP(len, 64u);

		memcpy(g->mem + off, card->vf[to].guest.mac, 6);
		memcpy(g->mem + off + 6, card->vf[g - guests].guest.mac, 6);
		put_be16(g->mem + off + 12, 0x88b5);
		put_le64(desc, BASE + off);
		put_le32(desc + 8, PLAIN | len);
	}
}

/* Descriptors up to the one before the head are the card's again. */
static void refill(struct guest *g)
{
	uint32_t tail = (head_of(rx_regs(g)) + DESCS - 1) % DESCS;

	for (; g->rx_tail != tail; g->rx_tail = (g->rx_tail + 1) % DESCS) {
		uint8_t *desc = g->mem + RX_RING + g->rx_tail * DESC_SIZE;

		put_le64(desc, BASE + RX_BUF + g->rx_tail % BUFS * g->room);
		put_le64(desc + 8, 0);
	}
	put(rx_regs(g), Q_TAIL, tail);
	put(tx_regs(g), Q_TAIL, (head_of(tx_regs(g)) + DESCS - 1) % DESCS);
}

/* ---- a card ---- */

static int guest_new(unsigned n, uint32_t room)
{
	struct guest *g = &guests[n];
	struct iommu_mem *mem;

	*g = (struct guest){.room = room};
	if (iommu_domain_new(NULL, 0, drain, NULL, &g->dom) < 0 ||
	    iommu_mem_anon(MEM_SIZE, &mem) < 0)
		return -1;
	g->mem = mem->base;
	if (iommu_map(g->dom, BASE, MEM_SIZE, IOMMU_READ | IOMMU_WRITE, mem, 0) < 0 ||
	    i82576_vf_new(card, n, PCI_RID(1, 16, n), g->dom, &g->vf) < 0)
		return -1;
	atomic_store(&g->vf->fn.stale, I82576_STALE_OK);
	nic_card_guest_lpe(card, n, NIC_JUMBO_MAX);
	nic_card_guest_active(card, n, true);
	i82576_fn_set_dma(&g->vf->fn, true);
	return 0;
}

/* Worker n of the card is on CPU n. */
static int start(const struct bench_case *c, uint32_t size)
{
	struct nic_dp_params params = {.busy_poll = true,
				       .workers = c->workers,
				       .num_cpus = c->workers,
				       .cpu = {0, 1}};
	uint32_t room = size > 2048 ? 10240 : 2048;

	if (nic_card_new("nic0", VFS, &params, &card) < 0)
		return -1;
	for (unsigned n = 0; n < VFS; n++)
		if (guest_new(n, room) < 0)
			return -1;
	for (unsigned n = 0; n < VFS; n++) {
		fill_tx(&guests[n], n ^ c->to, size - 4);
		ring_on(rx_regs(&guests[n]), BASE + RX_RING,
			FIELD_PREP(SRRCTL_DESCTYPE, DESCTYPE_ONEBUF) | room / 1024);
		ring_on(tx_regs(&guests[n]), BASE + TX_RING, 0);
	}
	return 0;
}

static void stop(void)
{
	for (unsigned n = 0; n < VFS; n++) {
		i82576_vf_free(guests[n].vf);
		iommu_domain_free(guests[n].dom);
	}
	nic_card_free(card);
}

static uint64_t received(void)
{
	uint64_t sum = 0;

	for (unsigned n = 0; n < VFS; n++)
		sum += nic_counter(&guests[n].vf->fn.port.stats.rx_packets);
	return sum;
}

/* Mpps, or 0 when it does not start. */
static double measure(const struct bench_case *c, uint32_t size, uint64_t ns)
{
	const struct timespec nap = {.tv_nsec = PAUSE_NS};
	uint64_t begin, now, before;

	if (start(c, size) < 0)
		return 0;
	begin = clock_ns();
	before = received();
	do {
		for (unsigned n = 0; n < VFS; n++)
			refill(&guests[n]);
		if (c->gather)
			nic_dp_event_drain(card->dp);
		nanosleep(&nap, NULL);
		now = clock_ns();
	} while (now - begin < ns);
	before = received() - before;
	stop();
	return (double)before * 1e3 / (double)(now - begin);
}

static const uint32_t sizes[] = {64, 1500, 9000};

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Of each round the ratio to its first case. */
static void report(double mpps[ARRAY_SIZE(cases)][ROUNDS_MAX], unsigned rounds, uint32_t size)
{
	double base[ROUNDS_MAX];

	memcpy(base, mpps[0], sizeof(base));
	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		double ratio[ROUNDS_MAX];

		for (unsigned r = 0; r < rounds; r++)
			ratio[r] = mpps[i][r] / base[r];
		qsort(mpps[i], rounds, sizeof(double), by_value);
		qsort(ratio, rounds, sizeof(double), by_value);
		printf("| %5u | %-22s | %6.2f | %.2f | %.2f | %.2f |\n", size, cases[i].name,
		       mpps[i][rounds / 2], ratio[0], ratio[rounds / 2], ratio[rounds - 1]);
	}
}

int main(int argc, char **argv)
{
	static double mpps[ARRAY_SIZE(sizes)][ARRAY_SIZE(cases)][ROUNDS_MAX];
	unsigned long rounds = 5, ms = 300;
	int c;

	while ((c = getopt(argc, argv, "r:t:")) != -1)
		*(c == 'r' ? &rounds : &ms) = c == '?' ? 0 : strtoul(optarg, NULL, 10);
	if (optind != argc || rounds < 1 || rounds > ROUNDS_MAX || ms < 1 || ms > 60000) {
		fprintf(stderr, "usage: bench_workers [-r ROUNDS] [-t MILLISECONDS]\n");
		return 2;
	}
	for (unsigned r = 0; r < rounds; r++) {
		for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++) {
			for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
				mpps[s][i][r] =
					measure(&cases[i], sizes[s], ms * NSEC_PER_MSEC);
				if (mpps[s][i][r] > 0)
					continue;
				fprintf(stderr, "bench_workers: the card does not start: it "
						"takes CPUs 0 and 1\n");
				return 1;
			}
		}
	}
	printf("| bytes | card | Mpps | ratio: min | median | max |\n"
	       "|---|---|---|---|---|---|\n");
	for (unsigned s = 0; s < ARRAY_SIZE(sizes); s++)
		report(mpps[s], (unsigned)rounds, sizes[s]);
	return 0;
}
