/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames of a burst that are stored in a run, and descriptors and buffers that were looked up
 * ahead: the guest sees what it would see of each frame alone. The data path's rounds are made
 * here, one by one. Frames go from VF 0, and from the wire, to VF 1.
 */
#include "test_i82576_guest.h"
#include "test_packet.h"

#include <stdio.h>

#define SRRCTL_LEGACY 0x00000002u
#define SRRCTL_SPLIT  0x04000102u
#define SRRCTL_ALWAYS 0x0a000202u
#define SRRCTL_1K     0x02000001u
#define SRRCTL_OTHERS 0x02000000u /* the function's size */
#define CMD_CONTEXT   (TXD_DEXT | FIELD_PREP(TXD_DTYP, DTYP_CONTEXT))
#define ELSEWHERE     0x40000000ull
#define SCENARIOS     120u
#define MARK	      0x77

static struct test_port wire;
static void (*in_round)(void); /* once, between VF 0's turn and the wire's */
static unsigned ran;	       /* frames that VF 1 took in runs */
static unsigned cut;	       /* segments that it took in series */
static uint64_t now;

/* ---- both ways ---- */

static unsigned counted_run(struct nic_port *port, const struct nic_frame *frames, unsigned n,
			    uint32_t max)
{
	unsigned took = i82576_rx_run(port, frames, n, max);

	assert_true(took <= n);
	ran += took;
	return took;
}

static unsigned counted_series(struct nic_port *port, struct nic_rx_meta *meta, unsigned n,
			       void (*store)(struct nic_rx_meta *meta, uint8_t *to))
{
	unsigned took = i82576_rx_series(port, meta, n, store);

	assert_true(took <= n);
	cut += took;
	return took;
}

static void ignore(struct i82576_fn *fn, const struct nic_frame *frame, bool stamp)
{
	(void)fn;
	(void)frame;
	(void)stamp;
}

/* One by one, both ways: a model that is told of what it sends looks at each descriptor. */
static void take_the_slow_way(bool slow)
{
	static const struct i82576_fn_ops told = {.sending = ignore};
	static struct nic_port_ops ops;

	ops = i82576_port_ops;
	ops.rx_run = slow ? NULL : counted_run;
	ops.rx_series = slow ? NULL : counted_series;
	for (unsigned n = 0; n < 2; n++) {
		g[n].vf->fn.port.ops = &ops;
		g[n].vf->fn.ops = slow ? &told : NULL;
	}
}

static bool wire_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	void (*hook)(void) = in_round;

	in_round = NULL;
	if (hook)
		hook();
	return test_tx_poll(port, burst, now_ns);
}

static void one_round(void)
{
	nic_dp_round(tc.card->dp, now += 1000000);
}

static int set_up(void **state)
{
	static struct nic_port_ops ops;

	if (guests_set_up(state) < 0)
		return -1;
	test_port_init(&wire, 9);
	atomic_store(&wire.port.policy, NULL);
	ops = test_port_ops;
	ops.tx_poll = wire_poll;
	wire.port.ops = &ops;
	in_round = NULL;
	ran = cut = 0;
	now = clock_ns();
	if (nic_card_set_uplink(tc.card, &wire.port, -1) < 0)
		return -1;
	nic_dp_stop(tc.card->dp);
	take_the_slow_way(false);
	return 0;
}

static int tear_down(void **state)
{
	nic_card_set_uplink(tc.card, NULL, -1);
	test_port_done(&wire);
	return guests_tear_down(state);
}

/* n frames of len bytes, announced together. */
static void send_many(unsigned n, uint32_t len)
{
	for (unsigned k = 0; k < n; k++) {
		make_frame(k, len);
		tx_desc(&g[0], tx_iova(k), CMD_LAST | len, 0);
	}
	tx_bell(&g[0]);
}

/* The same from the wire, in its next turn. */
static void wire_sends(unsigned n, uint32_t len)
{
	static uint8_t bytes[4096];

	memset(bytes, 0x3c, sizeof(bytes));
	memcpy(bytes, tc.card->vf[1].guest.mac, 6);
	memcpy(bytes + 6, (uint8_t[]){2, 0, 0, 0, 0, 9, 0x88, 0xb5}, 8);
	wire.num_tx = wire.tx_at = 0;
	for (unsigned k = 0; k < n; k++)
		wire.tx[wire.num_tx++] =
			(struct test_tx){.bytes = bytes, .len = len, .hdr_len = 64};
}

static uint64_t rx_packets(void)
{
	return nic_counter(&g[1].vf->fn.port.stats.rx_packets);
}

static void assert_no_fault(void)
{
	struct iommu_fault fault;

	assert_false(next_fault(&fault));
}

static void assert_fault_once(uint64_t addr)
{
	struct iommu_fault fault = {0};

	assert_true(next_fault(&fault));
	assert_true(fault.addr == addr);
	assert_no_fault();
}

/* ---- where a run stops ---- */

static uint32_t note_received(struct i82576_fn *fn, const struct nic_rx_meta *meta,
			      const struct nic_sink *sink)
{
	(void)fn;
	(void)meta;
	(void)sink;
	return 0;
}

static void rss_on(void)
{
	struct i82576_rss *rss = calloc(1, sizeof(*rss));

	assert_non_null(rss);
	i82576_fn_set_rss(&g[1].vf->fn, rss);
}

static void is_told(void)
{
	static const struct i82576_fn_ops ops = {.received = note_received};

	g[1].vf->fn.ops = &ops;
}

static void only_three(void)
{
	put_reg(rx_regs(&g[1]), Q_TAIL, 3);
}

static void third_is_nowhere(void)
{
	put_le64(rx_desc_at(&g[1], 2), 0x1000);
}

static void third_is_cut(void)
{
	put_le64(rx_desc_at(&g[1], 2), BASE + MEM_SIZE - 150);
}

static void near_the_end(void)
{
	put_reg(rx_regs(&g[1]), Q_HEAD, 12);
	put_reg(rx_regs(&g[1]), Q_TAIL, 11);
}

static void nothing_more(void)
{
}

/* Six frames of 100 bytes, on a ring of 16. */
static void runs_stop_where_a_frame_is_special(void **state)
{
	static const struct {
		uint32_t srrctl;
		void (*rule)(void);
		unsigned ran, received, nodesc, bad; /* bad: buffers out of reach */
	} cases[] = {
		{SRRCTL_ONEBUF, nothing_more, 5, 6, 0, 0},
		{SRRCTL_OTHERS, nothing_more, 5, 6, 0, 0},
		{SRRCTL_LEGACY, nothing_more, 0, 6, 0, 0},
		{SRRCTL_SPLIT, nothing_more, 0, 6, 0, 0},
		{SRRCTL_ALWAYS, nothing_more, 0, 6, 0, 0},
		{SRRCTL_ONEBUF, rss_on, 0, 6, 0, 0},
		{SRRCTL_ONEBUF, is_told, 0, 6, 0, 0},
		{SRRCTL_ONEBUF, only_three, 2, 3, 3, 0},
		{SRRCTL_ONEBUF, third_is_nowhere, 3, 5, 0, 1},
		{SRRCTL_ONEBUF, third_is_cut, 4, 6, 0, 0}, /* its 100 bytes are there */
		{SRRCTL_ONEBUF, near_the_end, 5, 6, 0, 0},
	};

	for (unsigned i = 0; i < ARRAY_SIZE(cases); i++) {
		uint32_t from = cases[i].rule == near_the_end ? 12 : 0;

		if (i && (tear_down(state) < 0 || set_up(state) < 0))
			fail();
		rx_on(&g[1], 16, cases[i].srrctl);
		tx_on(&g[0], 64);
		cases[i].rule();
		send_many(6, 100);
		one_round();
		if (ran != cases[i].ran)
			fail_msg("case %u: %u ran", i, ran);
		assert_int_equal(rx_packets(), cases[i].received);
		assert_int_equal(rx_drop(NIC_DROP_NODESC), cases[i].nodesc);
		assert_int_equal(rx_drop(NIC_DROP_IOMMU), cases[i].bad);
		if (cases[i].bad)
			assert_fault_once(0x1000);
		assert_no_fault();
		assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD),
				 (from + cases[i].received + cases[i].bad) % 16);
	}
}

/* A frame of ten segments to a function that may not write. */
static void no_series_without_bus_mastering(void **state)
{
	struct test_packet p = {.l3 = NET_L3_IPV4, .l4 = NET_L4_TCP, .payload = 1000};
	uint32_t len = test_packet_make(make_frame(0, BUF_SIZE), &p);

	(void)state;
	rings_on();
	i82576_fn_set_dma(&g[1].vf->fn, false);
	for (unsigned i = 1; i < 3; i++) {
		context(0, 14, 20, CTX_IPV4 | FIELD_PREP(CTX_L4T, L4T_TCP), 20, 100);
		tx_desc(&g[0], tx_iova(0), CMD_LAST | TXD_TSE | len, TXD_TXSM);
		tx_bell(&g[0]);
		one_round();
		assert_int_equal(rx_drop(NIC_DROP_RXOFF), 10);
		assert_int_equal(rx_packets(), (i - 1) * 10);
		assert_int_equal(cut, (i - 1) * 10);
		i82576_fn_set_dma(&g[1].vf->fn, true);
	}
}

static void a_frame_of_two_buffers_is_no_run(void **state)
{
	(void)state;
	rx_on(&g[1], 16, SRRCTL_1K);
	tx_on(&g[0], 64);
	make_frame(0, 900);
	make_frame(1, 1024);
	make_frame(2, 1025);
	make_frame(3, 900);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 900, 0);
	tx_desc(&g[0], tx_iova(1), CMD_LAST | 1024, 0);
	tx_desc(&g[0], tx_iova(2), CMD_LAST | 1025, 0);
	tx_desc(&g[0], tx_iova(3), CMD_LAST | 900, 0);
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(ran, 2);
	assert_frame(tx_buf(&g[0], 0), 900);
	assert_frame(tx_buf(&g[0], 1), 1024);
	assert_frame(tx_buf(&g[0], 2), 1025);
	assert_frame(tx_buf(&g[0], 3), 900);
}

static void a_frame_above_the_limit_is_no_run(void **state)
{
	(void)state;
	nic_card_guest_lpe(tc.card, 1, 1518); /* with FCS */
	rings_on();
	for (unsigned k = 0; k < 4; k++) {
		make_frame(k, k == 2 ? 1700 : 1400);
		tx_desc(&g[0], tx_iova(k), CMD_LAST | (k == 2 ? 1700 : 1400), 0);
	}
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(rx_packets(), 3);
	assert_int_equal(ran, 1);
	assert_int_equal(rx_drop(NIC_DROP_SIZE), 1);
}

/* Of a ring of 16 the first 8 are there: one fault, one frame, and the queue waits. */
static void a_ring_that_is_half_there(void **state)
{
	uint64_t base = ELSEWHERE + 4096 - 8 * DESC_SIZE;
	struct iommu_mem *mem;

	for (unsigned slow = 0; slow < 2; slow++) {
		if (slow && (tear_down(state) < 0 || set_up(state) < 0))
			fail();
		take_the_slow_way(slow);
		rx_on(&g[1], 16, SRRCTL_ONEBUF);
		tx_on(&g[0], 64);
		assert_int_equal(iommu_mem_anon(4096, &mem), 0);
		memcpy((uint8_t *)mem->base + 4096 - 8 * DESC_SIZE, g[1].mem + RX_RING,
		       8 * DESC_SIZE);
		assert_int_equal(
			iommu_map(g[1].dom, ELSEWHERE, 4096, IOMMU_READ | IOMMU_WRITE, mem, 0),
			0);
		ring_on(rx_regs(&g[1]), base, 16);
		put_reg(rx_regs(&g[1]), Q_TAIL, 15);
		send_many(12, 100);
		one_round();
		assert_int_equal(ran, slow ? 0 : 7);
		assert_int_equal(rx_packets(), 8);
		assert_int_equal(rx_drop(NIC_DROP_IOMMU), 1);
		assert_int_equal(rx_drop(NIC_DROP_RXOFF), 3);
		assert_fault_once(ELSEWHERE + 4096);
		assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 8);
	}
}

/* Memory that may be a private copy: the guest's first descriptor is all zeros to us. */
static void a_descriptor_of_zeros_waits(void **state)
{
	(void)state;
	rings_on();
	atomic_store(&g[1].vf->fn.stale, I82576_STALE_UNKNOWN);
	memset(rx_desc_at(&g[1], 0), 0, DESC_SIZE);
	send_many(3, 100);
	one_round();
	assert_int_equal(rx_drop(NIC_DROP_NODESC), 3);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 0);
	rx_fill(&g[1], 0);
	send_many(3, 100);
	one_round();
	assert_int_equal(rx_packets(), 3);
	assert_int_equal(ran, 2);
}

/* ---- what a round knows is forgotten at its end ---- */

/* VF 1 gets the first of many frames: descriptors for the rest are read ahead. */
static void read_some_ahead(void)
{
	for (unsigned k = 0; k < 8; k++) {
		make_frame(k, 100);
		if (k)
			tx_buf(&g[0], k)[5] ^= 0x40; /* nobody's: to the wire */
		tx_desc(&g[0], tx_iova(k), CMD_LAST | 100, 0);
	}
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(rx_packets(), 1);
	assert_true(g[1].vf->fn.rx[0].rx.num_ahead > 1);
	for (unsigned i = 0; i < 2; i++)
		assert_false(g[1].vf->fn.rx[i].rx_live);
}

static void a_buffer_may_change_between_rounds(void **state)
{
	(void)state;
	rings_on();
	read_some_ahead();
	memset(g[1].mem + RX_BUF + BUF_SIZE, MARK, BUF_SIZE);
	put_le64(rx_desc_at(&g[1], 1), BASE + RX_BUF + 200 * BUF_SIZE);
	send_many(2, 100);
	one_round();
	assert_memory_equal(g[1].mem + RX_BUF + 200 * BUF_SIZE, tx_buf(&g[0], 0), 100);
	for (unsigned i = 0; i < BUF_SIZE; i++)
		assert_int_equal(g[1].mem[RX_BUF + BUF_SIZE + i], MARK);
}

static uint8_t *map_page(uint64_t iova)
{
	struct iommu_mem *mem;

	assert_int_equal(iommu_mem_anon(4096, &mem), 0);
	assert_int_equal(iommu_map(g[1].dom, iova, 4096, IOMMU_READ | IOMMU_WRITE, mem, 0), 0);
	return mem->base;
}

/* Its memory is given back: whoever writes there dies. */
static void a_buffer_may_be_unmapped_between_rounds(void **state)
{
	(void)state;
	rings_on();
	map_page(ELSEWHERE);
	for (unsigned i = 1; i < 8; i++)
		put_le64(rx_desc_at(&g[1], i), ELSEWHERE);
	read_some_ahead();
	assert_int_equal(iommu_unmap(g[1].dom, ELSEWHERE, 4096), 0);
	send_many(1, 100);
	one_round();
	assert_int_equal(rx_drop(NIC_DROP_IOMMU), 1);
	assert_fault_once(ELSEWHERE);
}

static void a_ring_may_move_between_rounds(void **state)
{
	uint8_t *ring;

	(void)state;
	rx_on(&g[1], 16, SRRCTL_ONEBUF);
	tx_on(&g[0], 64);
	ring = map_page(ELSEWHERE);
	memcpy(ring, g[1].mem + RX_RING, 16 * DESC_SIZE);
	ring_on(rx_regs(&g[1]), ELSEWHERE, 16);
	put_reg(rx_regs(&g[1]), Q_TAIL, 15);
	read_some_ahead();
	assert_int_equal(iommu_unmap(g[1].dom, ELSEWHERE, 4096), 0);
	ring = map_page(ELSEWHERE); /* other memory, at the same address */
	memcpy(ring, g[1].mem + RX_RING, 16 * DESC_SIZE);
	send_many(2, 100);
	one_round();
	assert_int_equal(rx_packets(), 3);
	for (unsigned i = 1; i < 3; i++)
		assert_int_equal(get_le32(ring + i * DESC_SIZE + 8), RXD_DD | RXD_EOP);
	assert_int_equal(get_le32(ring + 3 * DESC_SIZE + 8) & RXD_DD, 0);
	assert_int_equal(iommu_unmap(g[1].dom, ELSEWHERE, 4096), 0);
	send_many(2, 100); /* and now there is none */
	one_round();
	assert_int_equal(rx_packets(), 3);
	assert_true(rx_drop(NIC_DROP_IOMMU) + rx_drop(NIC_DROP_RXOFF) == 2);
}

static void a_queue_may_be_set_up_anew_between_rounds(void **state)
{
	(void)state;
	rings_on();
	read_some_ahead();
	put_reg(rx_regs(&g[1]), Q_CTL, 0);
	send_many(3, 100);
	one_round();
	assert_int_equal(rx_drop(NIC_DROP_RXOFF), 3);
	rx_on(&g[1], 8, SRRCTL_1K);
	send_many(3, 100);
	one_round();
	for (unsigned k = 0; k < 3; k++)
		assert_frame(tx_buf(&g[0], k), 100);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 3);
}

/* Though nothing else came to the queue in this round. */
static void a_run_alone_is_told(void **state)
{
	static struct nic_frame f;
	struct nic_port *port = &g[1].vf->fn.port;

	(void)state;
	rings_on();
	memcpy(f.hdr, make_frame(0, 64), 64);
	f.len = f.hdr_len = 64;
	assert_int_equal(i82576_rx_run(port, &f, 1, 1518), 1);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 0);
	i82576_rx_done(port, now);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 1);
	assert_frame(tx_buf(&g[0], 0), 64);
	one_round();
	assert_int_equal(got(&g[1], 1), 1);
}

/* One that was looked at for a run and received nothing is followed anew, too. */
static void a_queue_that_took_no_run_is_followed_anew(void **state)
{
	struct nic_port *port = &g[1].vf->fn.port;

	(void)state;
	rx_on(&g[1], 16, SRRCTL_LEGACY);
	tx_on(&g[0], 16);
	make_frame(0, 100);
	assert_int_equal(i82576_rx_run(port, NULL, 0, 1518), 0);
	i82576_rx_done(port, now);
	ring_on(rx_regs(&g[1]), BASE + RX_RING + 0x1000, 16);
	memcpy(g[1].mem + RX_RING + 0x1000, g[1].mem + RX_RING, 16 * DESC_SIZE);
	put_reg(rx_regs(&g[1]), Q_TAIL, 15);
	send_many(1, 100);
	one_round();
	assert_int_equal(get_le32(rx_desc_at(&g[1], 0) + 12), 0);
	assert_int_equal(g[1].mem[RX_RING + 0x1000 + 12] & RXD_DD, RXD_DD);
}

/* ---- what happens within a round ---- */

/* What they say is theirs to decide until then. */
static void two_more(void)
{
	for (unsigned i = 3; i < 5; i++)
		put_le64(rx_desc_at(&g[1], i), BASE + RX_BUF + (200ull + i) * BUF_SIZE);
	put_reg(rx_regs(&g[1]), Q_TAIL, 5);
}

static void descriptors_may_come_within_a_round(void **state)
{
	(void)state;
	rings_on();
	put_reg(rx_regs(&g[1]), Q_TAIL, 3);
	for (unsigned k = 0; k < 8; k++) {
		make_frame(k, 100);
		tx_buf(&g[0], k)[5] ^= k < 3 ? 0 : 0x40; /* nobody's */
		tx_desc(&g[0], tx_iova(k), CMD_LAST | 100, 0);
	}
	tx_bell(&g[0]);
	wire_sends(3, 100);
	in_round = two_more;
	one_round();
	assert_int_equal(rx_packets(), 5);
	for (unsigned i = 3; i < 5; i++)
		assert_memory_equal(g[1].mem + RX_BUF + (200 + i) * BUF_SIZE, wire.tx[0].bytes,
				    100);
	assert_int_equal(rx_drop(NIC_DROP_NODESC), 1);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 5);
	assert_int_equal(get_le32(rx_desc_at(&g[1], 5) + 8) & RXD_DD, 0);
}

static uint32_t new_tail;

static void move_tail(void)
{
	put_reg(rx_regs(&g[1]), Q_TAIL, new_tail);
}

/* Head 1, tail 4; then the tail goes back, or out, while a frame of five buffers comes. */
static void a_tail_that_goes_back_adds_no_descriptors(void **state)
{
	static const uint32_t bad[] = {0, 1, 2, 3, 4, 256, 0xffff, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++) {
		if (i && (tear_down(state) < 0 || set_up(state) < 0))
			fail();
		rx_on(&g[1], 256, SRRCTL_1K);
		tx_on(&g[0], 256);
		put_reg(rx_regs(&g[1]), Q_TAIL, 4);
		send_many(1, 100);
		wire_sends(1, 4096);
		new_tail = bad[i];
		in_round = move_tail;
		one_round();
		if (bad[i] == 0) { /* once round the ring: all are the card's */
			assert_int_equal(rx_packets(), 2);
			continue;
		}
		assert_int_equal(rx_packets(), 1);
		assert_int_equal(rx_drop(NIC_DROP_NODESC), 1);
		for (uint32_t k = 1; k < 8; k++)
			assert_int_equal(get_le32(rx_desc_at(&g[1], k) + 8) & RXD_DD, 0);
		assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), 1);
	}
}

static void disable(void)
{
	put_reg(rx_regs(&g[1]), Q_CTL, 0);
	put_reg(rx_regs(&g[1]), Q_HEAD, MARK);
}

/* A driver that has disabled its queue writes the head itself. */
static void the_head_of_a_disabled_queue_is_left_alone(void **state)
{
	(void)state;
	rings_on();
	send_many(3, 100);
	in_round = disable;
	one_round();
	assert_int_equal(rx_packets(), 3);
	assert_int_equal(get_reg(rx_regs(&g[1]), Q_HEAD), MARK);
}

/* ---- transmit ---- */

/* Half a tag behind a tag: the padding would complete it. */
static void half_an_inner_tag_is_refused(void **state)
{
	static const uint32_t outer[] = {0x81000000, 0x81000007};
	uint8_t *f = make_frame(0, 60);

	(void)state;
	rings_on();
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_vlan(tc.card, n, 7, true);
	for (unsigned i = 0; i < 2; i++) {
		put_be32(f + 12, outer[i]);
		put_be32(f + 16, 0x81000005);
		for (uint32_t len = 18; len < 22; len++)
			tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
		tx_bell(&g[0]);
		one_round();
		assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 4 * (i + 1));
		assert_nothing();
	}
}

/* A chain longer than a frame may be: what would be a frame is its end. */
static void the_end_of_an_endless_chain_is_no_frame(void **state)
{
	(void)state;
	rings_on();
	make_frame(0, 100);
	for (unsigned i = 0; i < 100; i++)
		tx_desc(&g[0], tx_iova(0), CMD_MORE | 10, 0);
	tx_bell(&g[0]);
	one_round();
	one_round();
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 100, 0);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 100, 0);
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(rx_packets(), 1);
	assert_int_equal(tx_drop(NIC_DROP_MALFORMED), 1);
}

/* Frames before and behind one whose buffer is cut, or is nowhere. */
static void buffers_that_are_not_in_one_piece(void **state)
{
	struct iommu_mem *mem;

	(void)state;
	rings_on();
	assert_int_equal(iommu_mem_anon(4096, &mem), 0);
	assert_int_equal(iommu_map(g[0].dom, BASE + MEM_SIZE, 4096, IOMMU_READ, mem, 0), 0);
	for (unsigned k = 0; k < 3; k++)
		make_frame(k, 500);
	memcpy(g[0].mem + MEM_SIZE - 30, tx_buf(&g[0], 1), 30);
	memcpy(mem->base, tx_buf(&g[0], 1) + 30, 470);
	tx_desc(&g[0], tx_iova(0), CMD_LAST | 500, 0);
	tx_desc(&g[0], BASE + MEM_SIZE - 30, CMD_LAST | 500, 0);
	tx_desc(&g[0], BASE + MEM_SIZE + 4000, CMD_LAST | 500, 0);
	tx_desc(&g[0], tx_iova(2), CMD_LAST | 500, 0);
	tx_bell(&g[0]);
	one_round();
	for (unsigned k = 0; k < 3; k++)
		assert_frame(tx_buf(&g[0], k), 500);
	assert_nothing();
	assert_int_equal(tx_drop(NIC_DROP_IOMMU), 1);
	assert_fault_once(BASE + MEM_SIZE + 4096);
	memset(g[0].mem + MEM_SIZE - 30, 0, 30);
}

/* More than a burst takes, with contexts between; some of them ask for something. */
static void long_announcements(void **state)
{
	(void)state;
	rings_on();
	for (unsigned k = 0; k < 50; k++) {
		make_frame(k, 100 + k);
		if (k % 3 == 0)
			tx_desc(&g[0], 14u << 9 | 20, CMD_CONTEXT, 0);
		tx_desc(&g[0], tx_iova(k), CMD_LAST | (100 + k), 0);
	}
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(rx_packets(), NIC_BURST);
	one_round();
	for (unsigned k = 0; k < 50; k++)
		assert_frame(tx_buf(&g[0], k), 100 + k);
	assert_nothing();
	assert_int_equal(ran, 50 - 2);
}

/* ---- alone and in a run ---- */

/* Sends the packet alone, then behind one like it; the same is told of both. */
static void assert_status_is_the_same(const struct test_packet *p, uint32_t *ret_status)
{
	uint32_t len = test_packet_make(make_frame(0, 2000), p);
	static uint8_t first[2048];
	unsigned before = ran;
	struct wb alone;

	tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(rx_frame(&g[1], first, &alone), MAX(len, 60u));
	assert_int_equal(ran, before);
	for (unsigned i = 0; i < 2; i++)
		tx_desc(&g[0], tx_iova(0), CMD_LAST | len, 0);
	tx_bell(&g[0]);
	one_round();
	assert_int_equal(ran, before + 1);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(rx_frame(&g[1], buf, &wb), MAX(len, 60u));
		assert_memory_equal(buf, first, MAX(len, 60u));
		assert_int_equal(wb.status, alone.status);
		assert_int_equal(wb.info, alone.info);
		assert_int_equal(wb.rss, alone.rss);
		assert_int_equal(wb.vlan, alone.vlan);
	}
	*ret_status = alone.status;
}

static void a_run_tells_of_checksums_what_a_frame_alone_does(void **state)
{
	static const uint32_t payload[] = {0, 1, 3, 60, 61, 500, 1401};

	(void)state;
	rings_on();
	for (unsigned i = 0; i < 2 * 4 * 4 * ARRAY_SIZE(payload); i++) {
		struct test_packet p = {.l3 = i & 1 ? NET_L3_IPV4 : NET_L3_IPV6,
					.l4 = (const uint8_t[]){NET_L4_TCP, NET_L4_UDP,
								NET_L4_SCTP,
								NET_L4_NONE}[i / 2 % 4],
					.ip_wrong = i & 8,
					.l4_wrong = i & 16,
					.payload = payload[i / 32]};
		bool v4 = p.l3 == NET_L3_IPV4, known = p.l4 == NET_L4_TCP || p.l4 == NET_L4_UDP;
		uint32_t status;

		assert_status_is_the_same(&p, &status);
		assert_int_equal(!!(status & RXD_IPCS), v4);
		assert_int_equal(!!(status & RXD_IPE), v4 && p.ip_wrong);
		if (known && !p.l4_wrong && (v4 || !p.ip_wrong))
			assert_int_equal(status & (RXD_L4CS | RXD_L4E), RXD_L4CS);
		if (known && p.l4_wrong && p.payload)
			assert_true(status & RXD_L4E || (!v4 && p.ip_wrong));
	}
}

/* ---- at random ---- */

struct log {
	uint8_t *p; /* owned */
	size_t n;
};

static void note(struct log *log, const void *p, size_t n)
{
	log->p = realloc(log->p, log->n + n);
	memcpy(log->p + log->n, p, n);
	log->n += n;
}

static void note_num(struct log *log, uint64_t v)
{
	note(log, &v, sizeof(v));
}

static void note_guests(struct log *log)
{
	struct iommu_fault fault;

	for (unsigned n = 0; n < 2; n++) {
		note(log, &g[n].vf->fn.port.stats, sizeof(g[n].vf->fn.port.stats));
		note_num(log, got(&g[n], 0));
		note_num(log, got(&g[n], 1));
		note_num(log, get_reg(tx_regs(&g[n]), Q_HEAD));
		note_num(log, get_reg(rx_regs(&g[n]), Q_HEAD));
		note_num(log, net_crc32c(~0u, g[n].mem + TX_BUF, 80 * BUF_SIZE));
		note_num(log, net_crc32c(~0u, g[n].mem + RX_BUF, 64 * BUF_SIZE));
		note_num(log, net_crc32c(~0u, g[n].mem + RX_HDR, 64 * 128));
		note(log, g[n].mem + RX_RING, 64 * DESC_SIZE);
		note(log, g[n].mem + TX_RING, 128 * DESC_SIZE);
	}
	while (next_fault(&fault)) {
		note_num(log, fault.addr);
		note_num(log, (uint64_t)fault.port << 32 | fault.reason << 8 | fault.write);
	}
}

static void random_rx_desc(uint32_t i, bool shared)
{
	rx_fill(&g[1], i);
	if (shared && test_below(2)) /* where VF 0 sends from */
		put_le64(rx_desc_at(&g[1], i), tx_iova(test_below(20)) + test_below(200));
	else if (test_below(20) == 0)
		put_le64(rx_desc_at(&g[1], i),
			 test_below(2) ? 0x1000 : BASE + MEM_SIZE - test_below(300));
}

/* What a driver would ask for p, mostly. */
static void random_context(const struct test_packet *p)
{
	bool v4 = p->l3 == NET_L3_IPV4;
	uint32_t l2 = test_below(8) ? 14 : test_below(128), l3 = v4 ? 20 : 40;

	context(0, l2, test_below(8) ? l3 : test_below(200),
		(v4 ? CTX_IPV4 : 0) |
			FIELD_PREP(CTX_L4T, p->l4 == NET_L4_TCP ? L4T_TCP : L4T_UDP),
		test_l4_size[p->l4] + (test_below(8) ? 0 : test_below(30)),
		20 + test_below(150));
}

static void random_frame(unsigned k)
{
	struct test_packet p = {.l3 = test_below(2) ? NET_L3_IPV4 : NET_L3_IPV6,
				.l4 = test_below(2) ? NET_L4_TCP : NET_L4_UDP,
				.payload = test_below(test_below(8) ? 200 : 1400),
				.ip_wrong = !test_below(4),
				.l4_wrong = !test_below(4)};
	uint32_t len = test_packet_make(make_frame(k, BUF_SIZE), &p), cmd = CMD_LAST, sta = 0;
	uint64_t at = tx_iova(k);

	switch (test_below(20)) {
	case 0:
		at = test_below(2) ? 0x1000 : BASE + MEM_SIZE - test_below(100);
		break;
	case 1:
		len = test_below(70);
		break;
	case 2:
		put_be32(tx_buf(&g[0], k) + 12, 0x81000000 | test_below(3));
		put_be32(tx_buf(&g[0], k) + 16, 0x81000000 | test_below(3));
		len = 14 + test_below(50);
		break;
	case 3:
	case 9:
	case 10:
		random_context(&p);
		sta = (test_below(4) ? TXD_TXSM : 0) | (test_below(2) ? TXD_IXSM : 0);
		cmd |= test_below(2) ? TXD_TSE : 0;
		break;
	case 4:
		tx_desc(&g[0], at, CMD_MORE | 20, 0);
		at += 20;
		len -= 20;
		break;
	case 5:
		cmd = TXD_EOP | TXD_RS; /* legacy */
		break;
	case 6:
		len = 3000 + test_below(8000);
		break;
	case 7:
		tx_buf(&g[0], k)[5] ^= 0x40;
		break;
	case 8:
		cmd |= TXD_VLE;
		break;
	}
	tx_desc(&g[0], at, cmd | len, sta);
}

static void random_ring(bool shared)
{
	static const uint32_t srrctl[] = {SRRCTL_ONEBUF, SRRCTL_ONEBUF, SRRCTL_1K,
					  SRRCTL_OTHERS, SRRCTL_LEGACY, SRRCTL_SPLIT,
					  SRRCTL_ALWAYS};

	rx_on(&g[1], 8u << test_below(4), srrctl[test_below(ARRAY_SIZE(srrctl))]);
	for (uint32_t i = 0; i < g[1].rx_num; i++)
		random_rx_desc(i, shared);
	put_reg(rx_regs(&g[1]), Q_TAIL, test_below(g[1].rx_num));
}

/* The driver takes some of what came and gives the descriptors back. */
static void random_refill(bool shared)
{
	uint32_t head = get_reg(rx_regs(&g[1]), Q_HEAD), n = test_below(g[1].rx_num);

	for (; n && g[1].rx_next != head; n--) {
		random_rx_desc(g[1].rx_next, shared);
		put_reg(rx_regs(&g[1]), Q_TAIL, g[1].rx_next);
		g[1].rx_next = (g[1].rx_next + 1) % g[1].rx_num;
	}
}

static void random_rounds(struct log *log, bool shared)
{
	random_ring(shared);
	tx_on(&g[0], 128);
	if (test_below(8) == 0)
		rss_on();
	for (unsigned i = 0; i < 12; i++) {
		for (unsigned k = test_below(40); k; k--)
			random_frame(k);
		tx_bell(&g[0]);
		wire_sends(test_below(5), 100 + test_below(2000));
		one_round();
		one_round();
		note_guests(log);
		if (test_below(8) == 0)
			random_ring(shared);
		random_refill(shared);
	}
}

static struct log random_scenario(void **state, unsigned seed, bool slow)
{
	bool shared = seed % 3 == 0;
	uint8_t *own;
	struct log log = {0};
	struct iommu_domain *dom;

	if (set_up(state) < 0)
		fail();
	/* Not by chance, for the bytes are compared. */
	for (unsigned n = 0; n < 2; n++)
		nic_card_guest_mac(tc.card, n, (const uint8_t[]){2, 0, 0, 0, 1, (uint8_t)n});
	own = g[1].mem;
	dom = g[1].vf->fn.dom;
	if (shared) {
		g[1].mem = g[0].mem;
		g[1].vf->fn.dom = g[0].dom;
	}
	take_the_slow_way(slow);
	test_seed = seed;
	random_rounds(&log, shared);
	g[1].mem = own;
	g[1].vf->fn.dom = dom;
	tear_down(state);
	return log;
}

/* Also where both VFs are one guest's, and frames land where others are sent from. */
static void whatever_is_sent_has_one_outcome(void **state)
{
	unsigned all = 0, all_cut = 0;

	for (unsigned i = 0; i < SCENARIOS; i++) {
		struct log slow = random_scenario(state, i, true), fast;

		assert_int_equal(ran + cut, 0);
		fast = random_scenario(state, i, false);
		all += ran;
		all_cut += cut;
		if (slow.n != fast.n || memcmp(slow.p, fast.p, slow.n))
			fail_msg("scenario %u: a run differs from its frames alone", i);
		free(slow.p);
		free(fast.p);
	}
	assert_true(all > SCENARIOS * 5 && all_cut > SCENARIOS * 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(runs_stop_where_a_frame_is_special),
		TEST(no_series_without_bus_mastering),
		TEST(a_frame_of_two_buffers_is_no_run),
		TEST(a_frame_above_the_limit_is_no_run),
		TEST(a_descriptor_of_zeros_waits),
		TEST(a_ring_that_is_half_there),
		TEST(a_buffer_may_change_between_rounds),
		TEST(a_buffer_may_be_unmapped_between_rounds),
		TEST(a_ring_may_move_between_rounds),
		TEST(a_queue_may_be_set_up_anew_between_rounds),
		TEST(a_queue_that_took_no_run_is_followed_anew),
		TEST(a_run_alone_is_told),
		TEST(descriptors_may_come_within_a_round),
		TEST(a_tail_that_goes_back_adds_no_descriptors),
		TEST(the_head_of_a_disabled_queue_is_left_alone),
		TEST(half_an_inner_tag_is_refused),
		TEST(the_end_of_an_endless_chain_is_no_frame),
		TEST(buffers_that_are_not_in_one_piece),
		TEST(long_announcements),
		TEST(a_run_tells_of_checksums_what_a_frame_alone_does),
		cmocka_unit_test(whatever_is_sent_has_one_outcome),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
