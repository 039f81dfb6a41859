/* SPDX-License-Identifier: BSD-3-Clause */
/* The register table against two independent lists; BAR accesses of all shapes; resets; who the
 * VF is. */
#include "test_i82576.h"

#include "i82576_shadow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#define ENABLE (1u << 25)

/* ---- the table ---- */

/* Written by hand from igbvf's regs.h (Linux 6.1). */
/* clang-format off */
static const struct {
	const char *name;
	uint32_t offset, element1;
} igbvf_regs[] = {
	{"CTRL", 0x00000, 0},	      {"STATUS", 0x00008, 0},	    {"EICR", 0x01580, 0},
	{"EITR", 0x01680, 0x01684},   {"EICS", 0x01520, 0},	    {"EIMS", 0x01524, 0},
	{"EIMC", 0x01528, 0},	      {"EIAC", 0x0152c, 0},	    {"EIAM", 0x01530, 0},
	{"IVAR0", 0x01700, 0},	      {"IVAR_MISC", 0x01740, 0},    {"RDBAL", 0x02800, 0x02900},
	{"RDBAH", 0x02804, 0x02904},  {"RDLEN", 0x02808, 0x02908},  {"SRRCTL", 0x0280c, 0x0290c},
	{"RDH", 0x02810, 0x02910},    {"RDT", 0x02818, 0x02918},    {"RXDCTL", 0x02828, 0x02928},
	{"TDBAL", 0x03800, 0x03900},  {"TDBAH", 0x03804, 0x03904},  {"TDLEN", 0x03808, 0x03908},
	{"TDH", 0x03810, 0x03910},    {"TDT", 0x03818, 0x03918},    {"TXDCTL", 0x03828, 0x03928},
	{"DCA_TXCTRL", 0x03814, 0x03914}, {"DCA_RXCTRL", 0x02814, 0x02914},
	{"VFGPRC", 0x00f10, 0},	      {"VFGORC", 0x00f18, 0},	    {"VFMPRC", 0x00f3c, 0},
	{"VFGPTC", 0x00f14, 0},	      {"VFGOTC", 0x00f34, 0},	    {"VFGOTLBC", 0x00f50, 0},
	{"VFGPTLBC", 0x00f44, 0},     {"VFGORLBC", 0x00f48, 0},	    {"VFGPRLBC", 0x00f40, 0},
	{"V2PMAILBOX", 0x00c40, 0},   {"VMBMEM", 0x00800, 0x00804},
};
/* clang-format on */

static const struct nic_reg_row *row_named(const char *name)
{
	unsigned num;
	const struct nic_reg_row *rows = i82576_vf_rows(&num);

	for (unsigned i = 0; i < num; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

static void offsets_are_those_of_the_linux_driver(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(igbvf_regs); i++) {
		const struct nic_reg_row *row = row_named(igbvf_regs[i].name);

		if (!row)
			fail_msg("%s is missing", igbvf_regs[i].name);
		assert_int_equal(row->offset, igbvf_regs[i].offset);
		if (igbvf_regs[i].element1)
			assert_int_equal(row->offset + row->stride, igbvf_regs[i].element1);
	}
}

static void the_whole_table_is_one_the_builder_accepts_in_order(void **state)
{
	unsigned num;
	const struct nic_reg_row *rows = i82576_vf_rows(&num);
	struct nic_reg_map *map;
	const char *error = "";

	(void)state;
	if (nic_reg_map_new(rows, num, I82576_VF_BAR0_SIZE, &map, &error) < 0)
		fail_msg("%s", error);
	nic_reg_map_free(map);
	for (unsigned i = 1; i < num; i++)
		assert_true(rows[i].offset > rows[i - 1].offset);
}

/* Trapped registers with a value at reset, or with bits that keep what is written. All others:
 * 0, 0. */
static const struct {
	uint32_t offset, reset, writable;
} golden[] = {
	{0x0008, 0x00000083, 0},	  /* link up, full duplex, 1000 Mb/s */
	{0x0c40, 0x00000080, 0x00000004}, /* RSTD once; VFU */
	{0x0f0c, 0, 0xe007ffff},
	{0x1524, 0, 0x7},
	{0x152c, 0, 0x7},
	{0x1530, 0, 0x7},
	{0x1680, 0, 0xfffc},
	{0x1684, 0, 0xfffc},
	{0x1688, 0, 0xfffc},
	{0x1700, 0, 0x83838383},
	{0x1740, 0, 0x83},
};

static void golden_words(uint32_t offset, uint32_t *ret_reset, uint32_t *ret_writable)
{
	*ret_reset = 0;
	*ret_writable = offset >= 0x800 && offset < 0x840 ? 0xffffffff : 0; /* mailbox memory */
	for (unsigned i = 0; i < ARRAY_SIZE(golden); i++) {
		if (golden[i].offset != offset)
			continue;
		*ret_reset = golden[i].reset;
		*ret_writable = golden[i].writable;
	}
}

static void reset_values_and_writable_bits_are_the_golden_ones(void **state)
{
	uint32_t reset, writable;

	(void)state;
	for (uint32_t off = 0; off < I82576_VF_QPAGE_OFF; off += 4) {
		uint32_t v = rd(off);

		golden_words(off, &reset, &writable);
		if (off != I82576_VF_FRTIMER && v != reset)
			fail_msg("register 0x%x reads 0x%x after reset", off, v);
	}
	for (uint32_t off = 4; off < I82576_VF_QPAGE_OFF; off += 4) {
		if (off == I82576_VF_FRTIMER || off == I82576_VF_STATUS || off == 0x1528)
			continue;
		golden_words(off, &reset, &writable);
		/* No RST at 0, no REQ in the mailbox: all others take all ones. */
		wr(off, off == I82576_VF_V2PMAILBOX ? ~1u : off == 0x1520 ? 0 : ~0u);
		if (rd(off) != writable)
			fail_msg("register 0x%x: 0x%x keeps what is written", off, rd(off));
	}
}

static void unknown_registers_are_counted(void **state)
{
	(void)state;
	assert_int_equal(rd(0x00c4), 0);
	wr(0x00c4, 1);
	assert_int_equal(tc.vf[0]->fn.unknown_regs, 2);
}

/* ---- single registers ---- */

static void status_follows_the_link(void **state)
{
	(void)state;
	assert_int_equal(nic_card_set_link(tc.card, 0, NIC_LINK_DISABLE), 0);
	assert_int_equal(rd(I82576_VF_STATUS), 0x81);
	assert_int_equal(rd_of(tc.vf[1], I82576_VF_STATUS), 0x83);
	assert_int_equal(nic_card_set_link(tc.card, 0, NIC_LINK_AUTO), 0);
	assert_int_equal(rd(I82576_VF_STATUS), 0x83);
}

static void counters_are_those_of_the_port_and_wrap_at_32_bits(void **state)
{
	struct nic_port_stats *s = &tc.vf[0]->fn.port.stats;

	(void)state;
	nic_count(&s->rx_packets, 0x100000002ull);
	nic_count(&s->rx_bytes, 0x1fffffff0ull);
	nic_count(&s->tx_packets, 3);
	nic_count(&s->tx_bytes, 300);
	nic_count(&s->rx_multicast, 4);
	nic_count(&s->rx_local_packets, 5);
	nic_count(&s->rx_local_bytes, 500);
	nic_count(&s->tx_local_packets, 6);
	nic_count(&s->tx_local_bytes, 600);
	for (unsigned i = 0; i < 2; i++) { /* reading does not clear */
		assert_int_equal(rd(I82576_VF_VFGPRC), 2);
		assert_int_equal(rd(I82576_VF_VFGORC), 0xfffffff8);
		assert_int_equal(rd(I82576_VF_VFGPTC), 3);
		assert_int_equal(rd(I82576_VF_VFGOTC), 312);
		assert_int_equal(rd(I82576_VF_VFMPRC), 4);
		assert_int_equal(rd(I82576_VF_VFGPRLBC), 5);
		assert_int_equal(rd(I82576_VF_VFGORLBC), 520);
		assert_int_equal(rd(I82576_VF_VFGPTLBC), 6);
		assert_int_equal(rd(I82576_VF_VFGOTLBC), 624);
	}
}

static void the_timer_counts_microseconds(void **state)
{
	uint64_t before = clock_ns() / 1000;
	uint32_t ticks = rd(I82576_VF_FRTIMER);
	uint64_t after = clock_ns() / 1000;

	(void)state;
	assert_true(ticks - (uint32_t)before <= after - before);
}

static void interrupt_registers_drive_the_block(void **state)
{
	(void)state;
	wr(I82576_VF_EIAC, 7);
	wr(I82576_VF_EIAM, 7);
	wr(I82576_VF_EIMS, 5);
	assert_int_equal(rd(I82576_VF_EIMS), 5);
	wr(I82576_VF_EICS, 1);
	assert_int_equal(test_got(0), 1);
	assert_int_equal(rd(I82576_VF_EIMS), 4);
	wr(I82576_VF_EIMC, 4);
	assert_int_equal(rd(I82576_VF_EIMS), 0);
	nic_intr_raise(&tc.vf[0]->fn.intr, 7, clock_ns());
	wr(I82576_VF_EICR, 2);
	assert_int_equal(rd(I82576_VF_EICR), 5);
	assert_int_equal(rd(I82576_VF_EICR), 0);
	wr(I82576_VF_EITR + 8, 0xfffffffc);
	assert_int_equal(atomic_load(&tc.vf[0]->fn.intr.vec[2].interval_us), 8191);
	wr(I82576_VF_EITR, 488);
	assert_int_equal(atomic_load(&tc.vf[0]->fn.intr.vec[0].interval_us), 122);
}

static void a_vector_held_back_by_eitr_fires_by_itself(void **state)
{
	uint64_t end = clock_ns() + 10 * NSEC_PER_SEC, n;

	(void)state;
	wr(I82576_VF_EITR, 5000 << 2);
	wr(I82576_VF_EIAC, 7);
	wr(I82576_VF_EIAM, 7);
	wr(I82576_VF_EIMS, 1);
	wr(I82576_VF_EICS, 1);
	wr(I82576_VF_EICS, 1);
	n = test_got(0);
	while (n < 2 && clock_ns() < end)
		n += test_got(0);
	assert_int_equal(n, 2);
}

/* What the data path was told of IVAR0. */
static uint32_t ivar0(const struct i82576_vf *vf)
{
	const struct i82576_fn *fn = &vf->fn;

	return fn->rx_vec[0] | (uint32_t)fn->tx_vec[0] << 8 | (uint32_t)fn->rx_vec[1] << 16 |
	       (uint32_t)fn->tx_vec[1] << 24;
}

static void ivars_reach_the_data_path(void **state)
{
	(void)state;
	wr(I82576_VF_IVAR0, 0xffff8081);
	wr(I82576_VF_IVAR_MISC, 0xffffff82);
	assert_int_equal(ivar0(tc.vf[0]), 0x83838081);
	assert_int_equal(tc.vf[0]->misc_vec, 0x82);
}

/* ---- shapes of accesses ---- */

static void bytes_words_and_quads_of_plain_registers(void **state)
{
	uint8_t b = 0xab;
	uint16_t h = 0x1234;
	uint64_t q = 0x1122334455667788;

	(void)state;
	i82576_vf_bar_write(tc.vf[0], 0, 0x800, &q, 8);
	assert_int_equal(rd(0x800), 0x55667788);
	assert_int_equal(rd(0x804), 0x11223344);
	i82576_vf_bar_write(tc.vf[0], 0, 0x801, &b, 1);
	i82576_vf_bar_write(tc.vf[0], 0, 0x806, &h, 2);
	i82576_vf_bar_read(tc.vf[0], 0, 0x800, &q, 8);
	assert_true(q == 0x123433445566ab88);
	i82576_vf_bar_read(tc.vf[0], 0, 0x803, &h, 2); /* across two registers */
	assert_int_equal(h, 0x4455);
	i82576_vf_bar_read(tc.vf[0], 0, 0x807, &b, 1);
	assert_int_equal(b, 0x12);
}

static void byte_writes_act_on_registers_with_side_effects(void **state)
{
	uint8_t b = 2, rst = 0x04;

	(void)state;
	wr(I82576_VF_EIMS, 1);
	i82576_vf_bar_write(tc.vf[0], 0, I82576_VF_EIMS, &b, 1);
	assert_int_equal(rd(I82576_VF_EIMS), 3);
	wr(I82576_VF_IVAR0, 0x80808080);
	b = 0x81;
	i82576_vf_bar_write(tc.vf[0], 0, I82576_VF_IVAR0 + 1, &b, 1);
	assert_int_equal(ivar0(tc.vf[0]), 0x80808180);
	i82576_vf_bar_write(tc.vf[0], 0, 3, &rst, 1);
	assert_int_equal(tc.vf[0]->fn.resets, 1);
	assert_int_equal(rd(I82576_VF_EIMS), 0);
}

static void queue_pages_keep_what_is_written(void **state)
{
	volatile uint32_t *file = mmap(NULL, I82576_VF_BAR0_SIZE, PROT_READ | PROT_WRITE,
				       MAP_SHARED, tc.vf[0]->qpage_fd, 0);
	uint64_t q = 0xfedcba9876543210;
	uint8_t b = 0xee;

	(void)state;
	assert_ptr_not_equal(file, MAP_FAILED);
	i82576_vf_bar_write(tc.vf[0], 0, I82576_VF_TDBAL + 0x100, &q, 8);
	assert_int_equal(file[0x3900 / 4], 0x76543210);
	assert_int_equal(file[0x3904 / 4], 0xfedcba98);
	assert_ptr_equal(tc.vf[0]->fn.tx[1].regs, tc.vf[0]->qpage + 0x1900 / 4);
	assert_int_equal(tc.vf[0]->fn.tx[1].regs[0], 0x76543210);
	i82576_vf_bar_write(tc.vf[0], 0, 0x3902, &b, 1);
	assert_int_equal(rd(0x3900), 0x76ee3210);
	file[0x2010 / 4] = 77; /* the guest, through its mapping */
	assert_int_equal(rd(0x2010), 77);
	munmap((void *)file, I82576_VF_BAR0_SIZE);
}

static void what_a_client_does_to_pages_0_and_1_of_the_file_means_nothing(void **state)
{
	uint8_t *file = mmap(NULL, I82576_VF_QPAGE_OFF, PROT_READ | PROT_WRITE, MAP_SHARED,
			     tc.vf[0]->qpage_fd, 0);
	static const uint8_t zero[I82576_VF_QPAGE_OFF];

	(void)state;
	assert_ptr_not_equal(file, MAP_FAILED);
	wr(0x800, 0x5ec2e7);
	assert_memory_equal(file, zero, sizeof(zero));
	memset(file, 0xff, I82576_VF_QPAGE_OFF);
	assert_int_equal(rd(0x800), 0x5ec2e7);
	assert_int_equal(rd(I82576_VF_IVAR0), 0);
	assert_int_equal(ftruncate(tc.vf[0]->qpage_fd, 0), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(tc.vf[0]->qpage_fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE), -1);
	munmap(file, I82576_VF_QPAGE_OFF);
}

static void bar3_reads_zero_and_other_accesses_read_ones(void **state)
{
	uint64_t v = 1;

	(void)state;
	i82576_vf_bar_read(tc.vf[0], 3, 0x2000, &v, 8);
	assert_true(v == 0);
	i82576_vf_bar_write(tc.vf[0], 3, 0, &v, 8);
	i82576_vf_bar_read(tc.vf[0], 1, 0, &v, 4);
	assert_int_equal((uint32_t)v, 0xffffffff);
	v = 0;
	i82576_vf_bar_read(tc.vf[0], 0, 0, &v, 3);
	assert_int_equal(v, 0xffffff);
	i82576_vf_bar_read(tc.vf[0], 0, I82576_VF_BAR0_SIZE - 2, &v, 4);
	assert_int_equal((uint32_t)v, 0xffffffff);
	i82576_vf_bar_read(tc.vf[0], 0, UINT32_MAX, &v, 8);
	assert_true(v == UINT64_MAX);
	i82576_vf_bar_write(tc.vf[0], 0, I82576_VF_BAR0_SIZE - 2, &v, 4);
	assert_int_equal(rd(I82576_VF_BAR0_SIZE - 4), 0);
	assert_int_equal(tc.vf[0]->fn.traps, 8);
}

/* ---- resets ---- */

static void a_reset_returns_everything_to_its_first_state(void **state)
{
	uint8_t mac[6] = {2, 0, 0, 0, 0, 9};
	struct i82576_vf *vf = tc.vf[0];

	(void)state;
	rd(I82576_VF_V2PMAILBOX);
	nic_card_guest_active(tc.card, 0, true);
	assert_int_equal(nic_card_guest_mac(tc.card, 0, mac), 0);
	wr(I82576_VF_IVAR_MISC, 0x82);
	wr(I82576_VF_EITR, 400);
	wr(I82576_VF_EIMS, 7);
	wr(0x800, 5);
	wr(I82576_VF_V2PMAILBOX, I82576_V2P_VFU);
	wr(I82576_VF_RDT, 5);
	wr(I82576_VF_RXDCTL + 0x100, ENABLE);
	wr(I82576_VF_TXDCTL, ENABLE | 7);
	wr(0x3ffc, 9);
	wr(I82576_VF_CTRL, I82576_CTRL_RST);
	assert_int_equal(rd(I82576_VF_CTRL), 0);
	assert_int_equal(vf->fn.resets, 1);
	assert_int_equal(vf->misc_vec, 0);
	assert_int_equal(atomic_load(&vf->fn.intr.eims), 0);
	assert_int_equal(atomic_load(&vf->fn.intr.vec[0].interval_us), 0);
	assert_true(atomic_load(&vf->fn.intr.vec[0].msg));
	for (uint32_t off = 0x2000; off < 0x4000; off += 4)
		assert_int_equal(rd(off), off == 0x2828 || off == 0x2928 ? 0x00010000 : 0);
	assert_int_equal(rd(0x800), 0);
	assert_false(tc.card->vf[0].guest.active);
	assert_memory_equal(tc.card->vf[0].guest.mac, tc.card->vf[0].admin.mac, 6);
	assert_int_equal(rd(I82576_VF_V2PMAILBOX), I82576_V2P_RSTD);
	assert_int_equal(rd(I82576_VF_V2PMAILBOX), 0);
}

static void a_reset_leaves_the_other_vf_alone(void **state)
{
	(void)state;
	wr_of(tc.vf[1], I82576_VF_EIMS, 7);
	wr_of(tc.vf[1], I82576_VF_RDT, 7);
	nic_card_guest_active(tc.card, 1, true);
	i82576_vf_reset(tc.vf[0]);
	assert_int_equal(rd_of(tc.vf[1], I82576_VF_EIMS), 7);
	assert_int_equal(rd_of(tc.vf[1], I82576_VF_RDT), 7);
	assert_true(tc.card->vf[1].guest.active);
}

static void a_former_client_cannot_reach_the_queues_of_the_next(void **state)
{
	int old_fd = dup(tc.vf[0]->qpage_fd);
	volatile uint32_t *old =
		mmap(NULL, I82576_VF_BAR0_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, old_fd, 0);

	(void)state;
	assert_ptr_not_equal(old, MAP_FAILED);
	wr(I82576_VF_RDT, 1);
	assert_int_equal(i82576_vf_renew(tc.vf[0]), 0);
	assert_int_equal(tc.vf[0]->fn.resets, 1);
	wr(I82576_VF_RDT, 2);
	assert_int_equal(old[I82576_VF_RDT / 4], 1);
	old[I82576_VF_RDBAL / 4] = 0x1000;
	assert_int_equal(rd(I82576_VF_RDBAL), 0);
	assert_ptr_equal(tc.vf[0]->fn.rx[0].regs, tc.vf[0]->qpage + 0x800 / 4);
	munmap((void *)old, I82576_VF_BAR0_SIZE);
	close(old_fd);
}

static bool nothing_allowed(void *ctx, uint64_t addr, uint32_t len, bool write)
{
	(void)ctx, (void)addr, (void)len, (void)write;
	return false;
}

static void a_former_client_s_shadow_goes_with_it(void **state)
{
	static const struct i82576_shadow_ops ops = {.allowed = nothing_allowed};
	struct i82576_vf *vf = tc.vf[0];

	(void)state;
	assert_int_equal(i82576_shadow_start(&vf->fn, &ops, NULL, 4096), 0);
	assert_ptr_not_equal(vf->fn.rx[0].regs, vf->qpage + 0x800 / 4);
	wr(I82576_VF_RDLEN, 4096);
	wr(I82576_VF_RXDCTL, ENABLE);
	assert_int_equal(i82576_vf_renew(vf), 0);
	assert_null(vf->fn.shadow);
	assert_ptr_equal(vf->fn.dom, tc.dom);
	assert_ptr_equal(vf->fn.rx[0].regs, vf->qpage + 0x800 / 4);
	assert_int_equal(i82576_shadow_start(&vf->fn, &ops, NULL, 4096),
			 0); /* freed with the VF */
}

/* A round of the data path that takes 2 ms: entered is set, and in_round is true inside. */
static atomic_bool gate_armed, entered, in_round;

static bool slow_poll(struct nic_port *port, struct nic_burst *burst, uint64_t now_ns)
{
	uint64_t end = clock_ns() + 2 * NSEC_PER_MSEC;

	if (!atomic_exchange(&gate_armed, false))
		return i82576_port_ops.tx_poll(port, burst, now_ns);
	atomic_store(&in_round, true);
	atomic_store(&entered, true);
	while (clock_ns() < end)
		;
	atomic_store(&in_round, false);
	return false;
}

static void install_slow_poll(void *arg)
{
	static struct nic_port_ops ops;

	ops = i82576_port_ops;
	ops.tx_poll = slow_poll;
	((struct i82576_vf *)arg)->fn.port.ops = &ops;
}

/* Makes an access while the data path is in the middle of a round; did it wait for the round's
 * end? */
static bool access_waits_for_the_round(void (*access)(void))
{
	atomic_store(&entered, false);
	atomic_store(&gate_armed, true);
	while (!atomic_load(&entered))
		nic_dp_kick(tc.card->dp);
	access();
	return !atomic_load(&in_round);
}

static void read_status(void)
{
	/* What a burst under way would leave: in use, and the guest has just cleared ENABLE. */
	atomic_store(&tc.vf[0]->fn.rx[1].active, true);
	rd(I82576_VF_STATUS);
}

static void write_eims(void)
{
	atomic_store(&tc.vf[0]->fn.tx[0].active, true);
	wr(I82576_VF_EIMS, 1);
}

static void dma_off(void)
{
	i82576_fn_set_dma(&tc.vf[0]->fn, false);
}

static void a_queue_that_was_disabled_is_drained_before_the_access_is_answered(void **state)
{
	(void)state;
	nic_dp_call(tc.card->dp, install_slow_poll, tc.vf[1]);
	assert_true(access_waits_for_the_round(read_status));
	assert_true(access_waits_for_the_round(write_eims));
}

static void switching_dma_off_drains(void **state)
{
	(void)state;
	nic_dp_call(tc.card->dp, install_slow_poll, tc.vf[1]);
	i82576_fn_set_dma(&tc.vf[0]->fn, true);
	assert_true(access_waits_for_the_round(dma_off));
}

static void dma_is_switched_with_bus_mastering(void **state)
{
	(void)state;
	assert_false(atomic_load(&tc.vf[0]->fn.dma_on));
	i82576_fn_set_dma(&tc.vf[0]->fn, true);
	assert_true(atomic_load(&tc.vf[0]->fn.dma_on));
	i82576_vf_reset(tc.vf[0]); /* the command register decides, not the device */
	assert_true(atomic_load(&tc.vf[0]->fn.dma_on));
	i82576_fn_set_dma(&tc.vf[0]->fn, false);
	assert_false(atomic_load(&tc.vf[0]->fn.dma_on));
}

static void a_vf_number_in_use_or_too_high_is_refused(void **state)
{
	struct i82576_vf *vf = (void *)&tc;

	(void)state;
	assert_int_equal(i82576_vf_new(tc.card, 0, 0, tc.dom, &vf), -EINVAL);
	assert_int_equal(i82576_vf_new(tc.card, 2, 0, tc.dom, &vf), -EINVAL);
	assert_ptr_equal(vf, &tc);
	i82576_vf_free(NULL);
}

/* ---- configuration space ---- */

static uint32_t cfg32(const struct pci_config *cfg, unsigned offset)
{
	uint32_t v;

	pci_config_read(cfg, offset, &v, 4);
	return v;
}

static void the_configuration_space_is_the_card_s(void **state)
{
	static struct pci_config cfg;
	uint32_t ones = 0xffffffff;

	(void)state;
	i82576_vf_config(tc.vf[0], &cfg);
	assert_int_equal(cfg32(&cfg, 0x00), 0x10ca8086);
	assert_int_equal(cfg32(&cfg, 0x08), 0x02000001);
	assert_int_equal(cfg32(&cfg, 0x2c), 0xa03c8086);
	assert_int_equal(cfg32(&cfg, 0x3c) >> 8 & 0xff, 0); /* no INTx pin */
	assert_int_equal(cfg32(&cfg, 0x34) & 0xff, 0x70);
	assert_int_equal(cfg32(&cfg, 0x70) & 0x07ffffff,
			 0x0002a011); /* three vectors, PCIe next */
	assert_int_equal(cfg32(&cfg, 0x74), 3);
	assert_int_equal(cfg32(&cfg, 0x78), 0x2003);
	assert_int_equal(cfg32(&cfg, 0xa0) & 0xffff, 0x0010);
	assert_true(cfg32(&cfg, 0xa4) & 1u << 28); /* FLR */
	assert_int_equal(cfg32(&cfg, 0x100) & 0xffff, 1);
	assert_int_equal(cfg32(&cfg, 0x100) >> 20, 0x150);
	assert_int_equal(cfg32(&cfg, 0x150) & 0xfff0ffff, 0x0000000e);
	pci_config_write(&cfg, 0x10, &ones, 4);
	pci_config_write(&cfg, 0x1c, &ones, 4);
	assert_int_equal(cfg32(&cfg, 0x10), 0xffffc00c);
	assert_int_equal(cfg32(&cfg, 0x1c), 0xffffc00c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, test_set_up, test_tear_down)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_are_those_of_the_linux_driver),
		cmocka_unit_test(the_whole_table_is_one_the_builder_accepts_in_order),
		T(reset_values_and_writable_bits_are_the_golden_ones),
		T(unknown_registers_are_counted),
		T(status_follows_the_link),
		T(counters_are_those_of_the_port_and_wrap_at_32_bits),
		T(the_timer_counts_microseconds),
		T(interrupt_registers_drive_the_block),
		T(a_vector_held_back_by_eitr_fires_by_itself),
		T(ivars_reach_the_data_path),
		T(bytes_words_and_quads_of_plain_registers),
		T(byte_writes_act_on_registers_with_side_effects),
		T(queue_pages_keep_what_is_written),
		T(what_a_client_does_to_pages_0_and_1_of_the_file_means_nothing),
		T(bar3_reads_zero_and_other_accesses_read_ones),
		T(a_reset_returns_everything_to_its_first_state),
		T(a_reset_leaves_the_other_vf_alone),
		T(a_former_client_cannot_reach_the_queues_of_the_next),
		T(a_former_client_s_shadow_goes_with_it),
		T(a_queue_that_was_disabled_is_drained_before_the_access_is_answered),
		T(dma_is_switched_with_bus_mastering),
		T(switching_dma_off_drains),
		T(a_vf_number_in_use_or_too_high_is_refused),
		T(the_configuration_space_is_the_card_s),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
