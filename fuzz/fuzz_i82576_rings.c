/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_i82576_rings.c - descriptor rings, queue registers and guest memory as an enemy writes
 * them. VF 0 and VF 1 of one card, whose data path runs all the time; each has memory of its
 * own with forbidden pages around it, and a page it may only read.
 *
 * The input is a string of operations (enum op); what stands between two OP_RUN takes effect at
 * once, on the data path's thread, so that an input does the same in every run. Every input
 * begins with both VFs set up: rings of 64, frames in the transmit buffers.
 */
#include "fuzz.h"

#include <sys/mman.h>

#include "i82576_queue.h"
#include "i82576_regs.h"
#include "i82576_vf.h"
#include "net_eth.h"

#define BASE	  0x10000000ull
#define ROM	  0x20000000ull /* a page without write permission */
#define EXTRA	  0x30000000ull /* comes and goes */
#define MEM_SIZE  0x40000u
#define EDGE	  0x10000u
#define RX_RING	  0x1000u
#define TX_BUF	  0x10000u /* 16 of 4 KiB */
#define RX_BUF	  0x20000u /* 64 of 2 KiB */
#define RING	  64u
#define MAX_STEPS 64u /* of one input, so that it does not take long */

enum op {
	OP_RUN,	 /* the data path passes a full round */
	OP_DESC, /* which ring, index, 16 bytes */
	OP_SEND, /* buffer, flags, length: a data descriptor at the tail, and the tail moves on
		  */
	OP_CONTEXT, /* 14 bytes: a context at the tail */
	OP_REG,	    /* which queue, word, 4 bytes */
	OP_MEM,	    /* VF, address (2), length, bytes */
	OP_CONTROL, /* what the control thread does: enum control */
	OP_NUM
};

enum control {
	CT_DMA_OFF,
	CT_DMA_ON,
	CT_RESET,
	CT_MAP,
	CT_UNMAP,
	CT_VLAN,
	CT_PVID,
	CT_SPOOF,
	CT_LPE,
	CT_TRAP,
	CT_NUM
};

static struct guest {
	struct i82576_vf *vf;
	struct iommu_domain *dom;
	uint8_t *mem;
	const uint8_t *rom;
	uint32_t tail;
	bool extra;
} guest[2];

static struct nic_card *card;

struct input {
	const uint8_t *p, *end;
};

static uint8_t take(struct input *in)
{
	return in->p < in->end ? *in->p++ : 0;
}

static void take_bytes(struct input *in, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = take(in);
}

static uint32_t take32(struct input *in)
{
	uint8_t b[4];

	take_bytes(in, b, sizeof(b));
	return get_le32(b);
}

/* ---- the card ---- */

static void drain(void *arg)
{
	(void)arg;
	nic_dp_quiesce(card->dp);
}

static struct iommu_mem *guarded(uint32_t size)
{
	struct iommu_mem *mem;

	MUST(iommu_mem_anon(size + 2 * EDGE, &mem) == 0);
	MUST(mprotect(mem->base, EDGE, PROT_NONE) == 0);
	MUST(mprotect(mem->base + EDGE + size, EDGE, PROT_NONE) == 0);
	return mem;
}

static void guest_new(unsigned n)
{
	const uint8_t mac[6] = {2, 0, 0, 0, 0, (uint8_t)n};
	struct iommu_mem *mem = guarded(MEM_SIZE), *rom = guarded(4096);

	guest[n].mem = mem->base + EDGE;
	guest[n].rom = rom->base + EDGE;
	MUST(iommu_domain_new(NULL, 0, drain, NULL, &guest[n].dom) == 0);
	MUST(iommu_map(guest[n].dom, BASE, MEM_SIZE, IOMMU_READ | IOMMU_WRITE, mem, EDGE) == 0);
	MUST(iommu_map(guest[n].dom, ROM, 4096, IOMMU_READ, rom, EDGE) == 0);
	MUST(i82576_vf_new(card, n, PCI_RID(1, 16, n), guest[n].dom, &guest[n].vf) == 0);
	MUST(nic_card_set_mac(card, n, mac) == 0);
	nic_card_set_trust(card, n, true);
}

static void once(void)
{
	struct nic_dp_params params = {.busy_poll = true};

	if (card)
		return;
	MUST(nic_card_new("fuzz", 2, &params, &card) == 0);
	guest_new(0);
	guest_new(1);
}

static void nothing(void *arg)
{
	(void)arg;
}

static void run(void)
{
	nic_dp_call(card->dp, nothing, NULL);
}

/* ---- set-up before each input ---- */

static volatile uint32_t *regs(unsigned n, bool tx, unsigned q)
{
	uint32_t first = tx ? I82576_VF_TDBAL : I82576_VF_RDBAL;

	return guest[n].vf->qpage + (first + q * 0x100 - I82576_VF_QPAGE_OFF) / 4;
}

static void put(volatile uint32_t *r, uint32_t word, uint32_t v)
{
	__atomic_store_n(&r[word], v, __ATOMIC_RELEASE);
}

static void ring_on(volatile uint32_t *r, uint64_t base, uint32_t tail)
{
	put(r, Q_BAL, (uint32_t)base);
	put(r, Q_BAH, (uint32_t)(base >> 32));
	put(r, Q_LEN, RING * DESC_SIZE);
	put(r, Q_SRRCTL, 0x02000002);
	put(r, Q_HEAD, 0);
	put(r, Q_TAIL, tail);
	put(r, Q_CTL, DCTL_ENABLE);
}

/* Buffer k: IPv4 or IPv6, TCP or UDP, from the other VF to this one's address. */
static void make_frame(unsigned n, unsigned k)
{
	uint8_t *f = guest[n].mem + TX_BUF + k * 4096, *l4 = f + (k & 1 ? 54 : 34);

	for (unsigned i = 0; i < 4096; i++)
		f[i] = (uint8_t)(i + k);
	memcpy(f, k & 8 ? "\xff\xff\xff\xff\xff\xff" : "\2\0\0\0\0\1", 6);
	if (n && !(k & 8))
		f[5] = 0;
	memcpy(f + 6, "\2\0\0\0\0\0", 6);
	f[11] = (uint8_t)n;
	memcpy(f + 12, k & 1 ? "\x86\xdd\x60" : "\x08\x00\x45", 3);
	put_be16(f + (k & 1 ? 18 : 16), k & 4 ? 0 : 100);
	put_be16(f + 20, k & 1 ? 0x0640 : 0);
	f[k & 1 ? 20 : 23] = k & 2 ? 6 : 17;
	l4[12] = 0x50;
}

static void guest_reset(unsigned n)
{
	struct guest *g = &guest[n];

	i82576_vf_reset(g->vf);
	if (g->extra)
		iommu_unmap(g->dom, EXTRA, 4096);
	g->extra = false;
	g->tail = 0;
	memset(g->mem, 0, MEM_SIZE);
	for (unsigned k = 0; k < 16; k++)
		make_frame(n, k);
	for (unsigned i = 0; i < RING; i++) {
		put_le64(g->mem + RX_RING + i * DESC_SIZE, BASE + RX_BUF + i * 2048);
		put_le64(g->mem + RX_RING + i * DESC_SIZE + 8, BASE + 0x8000 + i * 128);
	}
	nic_card_set_vlan(card, n, 0, 0, false);
	nic_card_set_spoofchk(card, n, true);
	nic_card_guest_lpe(card, n, NIC_JUMBO_MAX);
	nic_card_guest_active(card, n, true);
	atomic_store(&g->vf->fn.stale, I82576_STALE_OK);
	i82576_fn_set_dma(&g->vf->fn, true);
	ring_on(regs(n, false, 0), BASE + RX_RING, RING - 1);
	ring_on(regs(n, true, 0), BASE, 0);
}

/* ---- operations ---- */

static void do_desc(struct input *in)
{
	uint8_t what = take(in);
	uint8_t *ring = guest[what & 1].mem + (what & 2 ? RX_RING : 0);

	take_bytes(in, ring + (take(in) % (2 * RING)) * DESC_SIZE, DESC_SIZE);
}

/* Puts a descriptor at VF n's tail and moves it on. */
static void announce(unsigned n, uint64_t addr, uint32_t cmd, uint32_t sta)
{
	struct guest *g = &guest[n];
	uint8_t *d = g->mem + g->tail * DESC_SIZE;

	put_le64(d, addr);
	put_le32(d + 8, cmd);
	put_le32(d + 12, sta);
	g->tail = (g->tail + 1) % RING;
	put(regs(n, true, 0), Q_TAIL, g->tail);
}

static void do_send(struct input *in)
{
	uint8_t where = take(in), flags = take(in);
	uint32_t len = take(in) | (uint32_t)take(in) << 8, sta = (uint32_t)take(in) << 4;
	uint64_t addr = BASE + TX_BUF + (where >> 1 & 15) * 4096u;

	if (where >> 5 == 1)
		addr = ROM;
	if (where >> 5 == 2)
		addr = EXTRA + 4000;
	if (where >> 5 == 3)
		addr = BASE + MEM_SIZE - 100;
	announce(where & 1, addr, len | FIELD_PREP(TXD_DTYP, DTYP_DATA) | (uint32_t)flags << 24,
		 sta);
}

static void do_context(struct input *in)
{
	uint8_t n = take(in) & 1;
	uint32_t lens = take32(in), type = take32(in), mss = take32(in);

	announce(n, lens, TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT) | (type & 0xfffff),
		 mss);
}

static void do_reg(struct input *in)
{
	uint8_t which = take(in), word = take(in) & 15;
	uint32_t value = take32(in);

	if (word == Q_TAIL && !(which & 8))
		value %= RING;
	put(regs(which & 1, which & 2, which >> 2 & 1), word, value);
}

static void do_mem(struct input *in)
{
	uint8_t n = take(in) & 1;
	uint32_t at = (take(in) | (uint32_t)take(in) << 8) * 4u % (MEM_SIZE - 256);

	take_bytes(in, guest[n].mem + at, take(in));
}

/* On the data path: all up to the next OP_RUN or OP_CONTROL, which stays where it is. */
static void apply(void *arg)
{
	static void (*const ops[OP_NUM])(struct input * in) = {
		[OP_DESC] = do_desc, [OP_SEND] = do_send, [OP_CONTEXT] = do_context,
		[OP_REG] = do_reg,   [OP_MEM] = do_mem,
	};
	struct input *in = arg;

	while (in->p < in->end && ops[*in->p % OP_NUM])
		ops[take(in) % OP_NUM](in);
}

static void do_map(struct guest *g, bool map)
{
	struct iommu_mem *mem;

	if (map == g->extra)
		return;
	g->extra = map;
	if (!map) {
		MUST(iommu_unmap(g->dom, EXTRA, 4096) == 0);
		return;
	}
	mem = guarded(4096);
	MUST(iommu_map(g->dom, EXTRA, 4096, IOMMU_READ | IOMMU_WRITE, mem, EDGE) == 0);
}

static void do_control(struct input *in)
{
	uint8_t what = take(in), arg = take(in);
	unsigned n = what & 1;

	switch ((enum control)((what >> 1) % CT_NUM)) {
	case CT_DMA_OFF:
	case CT_DMA_ON:
		i82576_fn_set_dma(&guest[n].vf->fn, (what >> 1) % CT_NUM == CT_DMA_ON);
		break;
	case CT_RESET:
		guest_reset(n);
		break;
	case CT_MAP:
	case CT_UNMAP:
		do_map(&guest[n], (what >> 1) % CT_NUM == CT_MAP);
		break;
	case CT_VLAN:
		nic_card_guest_vlan(card, n, arg, what & 128);
		break;
	case CT_PVID:
		nic_card_set_vlan(card, n, arg, 3, what & 128);
		break;
	case CT_SPOOF:
		nic_card_set_spoofchk(card, n, arg & 1);
		nic_card_guest_promisc(card, n, arg & 2, arg & 4);
		break;
	case CT_LPE:
		nic_card_guest_lpe(card, n, arg * 40u);
		break;
	default:
		i82576_vf_bar_read(guest[n].vf, 0, I82576_VF_STATUS, &(uint32_t){0}, 4);
		break;
	}
}

/* ---- what must be true whatever happened ---- */

static void check_queue(const struct i82576_queue *q)
{
	MUST(q->head < q->num || (q->head == 0 && q->num == 0));
	MUST(q->base % RING_ALIGN == 0 || q->num == 0);
}

static void check(void *arg)
{
	(void)arg;
	for (unsigned n = 0; n < 2; n++) {
		for (unsigned i = 0; i < 4096; i++)
			MUST(guest[n].rom[i] == 0);
		for (unsigned q = 0; q < I82576_VF_QUEUES; q++) {
			check_queue(&guest[n].vf->fn.rx[q]);
			check_queue(&guest[n].vf->fn.tx[q]);
		}
	}
}

/* Bytes that were stored came in frames: nobody counts one without the other. */
static void check_counters(void)
{
	for (unsigned n = 0; n < 2; n++) {
		const struct nic_port_stats *s = &guest[n].vf->fn.port.stats;

		MUST(nic_counter(&s->rx_bytes) >= NET_ETH_ZLEN * nic_counter(&s->rx_packets));
		MUST(nic_counter(&s->copied_bytes) == nic_counter(&s->rx_bytes));
		MUST(nic_counter(&s->tx_local_packets) <= nic_counter(&s->tx_packets));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct iommu_fault fault;

	once();
	guest_reset(0);
	guest_reset(1);
	for (unsigned i = 0; in.p < in.end && i < MAX_STEPS; i++) {
		nic_dp_call(card->dp, apply, &in);
		if (in.p == in.end)
			break;
		if (take(&in) % OP_NUM == OP_CONTROL)
			do_control(&in);
		else
			run();
	}
	run();
	nic_dp_call(card->dp, check, NULL);
	check_counters();
	while (iommu_fault_pop(nic_dp_faults(card->dp, 0), &fault))
		MUST(fault.port < 2 && fault.rid == PCI_RID(1, 16, fault.port));
	nic_dp_event_drain(card->dp);
	return 0;
}
