/* SPDX-License-Identifier: BSD-3-Clause */
/* The PF's register table: reset values, masks (as `ethtool -t` tries them), aliases. */
#include "test_i82576_pf.h"

/* ---- the table ---- */

static void the_map_builds(void **state)
{
	const struct nic_reg_map *map, *again;
	const struct nic_reg_row *rows;
	unsigned num, index;

	(void)state;
	assert_int_equal(i82576_pf_reg_map(&map), 0);
	assert_int_equal(i82576_pf_reg_map(&again), 0);
	assert_ptr_equal(map, again);
	rows = i82576_pf_rows(&num);
	assert_true(num > 200);
	for (unsigned i = 0; i < num; i++) {
		const struct nic_reg_row *row = &rows[i];
		uint32_t last = row->offset + (row->count - 1u) * row->stride;

		assert_true(i == 0 || rows[i - 1].offset < row->offset);
		assert_true(row->text && strlen(row->text) > 8);
		assert_ptr_equal(nic_reg_find(map, last, &index), row);
		assert_int_equal(index, row->count - 1);
	}
}

/* A bit that starts as 1 and that nothing can change is a constant: those are few. */
static void what_cannot_be_written_starts_at_0(void **state)
{
	static const char *const constant[] = {"STATUS", "EECD",   "MDIC",   "EEMNGCTL",
					       "I2CCMD", "GIOCTL", "CCMCTL", "SCCTL"};
	const struct nic_reg_row *rows;
	unsigned num;

	(void)state;
	rows = i82576_pf_rows(&num);
	for (unsigned i = 0; i < num; i++) {
		bool known = !(rows[i].reset & ~rows[i].rw);

		for (unsigned k = 0; k < ARRAY_SIZE(constant); k++)
			known |= !strcmp(rows[i].name, constant[k]);
		if (!known)
			fail_msg("%s resets to bits that no mask has", rows[i].name);
	}
}

static void reset_values(void **state)
{
	static const struct {
		uint32_t offset, value;
	} want[] = {
		{0x0000, 0x00100209}, /* CTRL */
		{0x0028, 0x00c28001}, /* FCAL */
		{0x002c, 0x0100},     /* FCAH */
		{0x0030, 0x8808},     /* FCT */
		{0x0038, 0x81008100}, /* VET */
		{0x0100, 0},	      /* RCTL */
		{0x0400, 0xa40400f8}, /* TCTL */
		{0x0410, 0x00601008}, /* TIPG */
		{0x0c84, 0xff},	      /* MBVFIMR */
		{0x0c8c, 0xff},	      /* VFRE */
		{0x0c90, 0xff},	      /* VFTE */
		{0x0e00, 0x07068302}, /* LEDCTL */
		{0x1010, 0x800c0000}, /* EEMNGCTL: igb waits for bit 18 */
		{0x2404, 0x40},	      /* RXPBS */
		{0x3404, 0x28},	      /* TXPBS */
		{0x3590, 0x44},	      /* DTXCTL */
		{0x5000, 0x300},      /* RXCSUM */
		{0x5004, 0x2600},     /* RLPML */
		{0x5ad0, 0x80002600}, /* VMOLR0 */
		{0x5aec, 0x80002600}, /* VMOLR7 */
		{0x5af0, 0x80000000}, /* RPLOLR */
		{0x5b74, 1},	      /* DCA_CTRL */
		{0x2828, 0x02010000}, /* RXDCTL0 */
		{0x2928, 0x00010000}, /* RXDCTL1 */
		{0xc3e8, 0x00010000}, /* RXDCTL15 */
		{0x3828, 0x02000000}, /* TXDCTL0 */
		{0x3928, 0},	      /* TXDCTL1 */
		{0xe014, 0x2a00},     /* DCA_TXCTRL0 */
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(want); i++)
		if (pf_rd(want[i].offset) != want[i].value)
			fail_msg("0x%x is 0x%x after a reset", want[i].offset,
				 pf_rd(want[i].offset));
}

/* ---- igb's register test ---- */

static void write_read(uint32_t offset, uint32_t written, uint32_t mask, uint32_t want)
{
	uint32_t got;

	pf_wr(offset, written);
	got = pf_rd(offset) & mask;
	if (got != want)
		fail_msg("0x%x: wrote 0x%x, got 0x%x for 0x%x", offset, written, got, want);
}

static void try_patterns(uint32_t offset, uint32_t mask, uint32_t write)
{
	static const uint32_t pattern[] = {0x5a5a5a5a, 0xa5a5a5a5, 0, 0xffffffff};

	for (unsigned i = 0; i < ARRAY_SIZE(pattern); i++)
		write_read(offset, pattern[i] & write, mask, pattern[i] & write & mask);
}

static void try_array(uint32_t offset, unsigned n, uint32_t stride, uint32_t mask,
		      uint32_t write)
{
	for (unsigned i = 0; i < n; i++)
		try_patterns(offset + i * stride, mask, write);
}

/* Queues 0 to 3 at their old place, the others at the new one. */
static void try_queues(uint32_t old, uint32_t new, uint32_t mask, uint32_t write)
{
	try_array(old, 4, 0x100, mask, write);
	try_array(new + 4 * 0x40, 12, 0x40, mask, write);
}

static void enable_rx_queues(uint32_t value)
{
	for (uint32_t i = 0; i < 4; i++)
		pf_wr(0x2828 + i * 0x100, value);
	for (uint32_t i = 4; i < 16; i++)
		pf_wr(0xc028 + i * 0x40, value);
}

static void ethtool_flow_control_and_receive(void **state)
{
	(void)state;
	try_patterns(0x0028, 0xffffffff, 0xffffffff); /* FCAL */
	try_patterns(0x002c, 0x0000ffff, 0xffffffff); /* FCAH */
	try_patterns(0x0030, 0x0000ffff, 0xffffffff); /* FCT */
	try_patterns(0x0038, 0xffffffff, 0xffffffff); /* VET */
	try_queues(0x2800, 0xc000, 0xffffff80, 0xffffffff);
	try_queues(0x2804, 0xc004, 0xffffffff, 0xffffffff);
	try_queues(0x2808, 0xc008, 0x000ffff0, 0x000fffff);
	enable_rx_queues(I82576_DCTL_ENABLE);
	try_queues(0x2818, 0xc018, 0x0000ffff, 0x0000ffff); /* RDT */
	enable_rx_queues(0);
	try_patterns(0x2168, 0x0000fff0, 0x0000fff0); /* FCRTH */
	try_patterns(0x0170, 0x0000ffff, 0x0000ffff); /* FCTTV */
}

static void ethtool_transmit(void **state)
{
	(void)state;
	try_patterns(0x0410, 0x3fffffff, 0x3fffffff); /* TIPG */
	try_queues(0x3800, 0xe000, 0xffffff80, 0xffffffff);
	try_queues(0x3804, 0xe004, 0xffffffff, 0xffffffff);
	try_queues(0x3808, 0xe008, 0x000ffff0, 0x000fffff);
}

static void ethtool_control_and_filters(void **state)
{
	uint32_t rctl = 0x04cfb0fe;

	(void)state;
	write_read(0x0100, 0, 0xffffffff, 0);
	write_read(0x0100, 0x003ffffb & rctl, rctl, 0x003ffffb & rctl);
	write_read(0x0100, rctl, rctl, rctl);
	write_read(0x0400, 0, 0xffffffff, 0); /* TCTL */
	try_array(0x5400, 16, 8, 0xffffffff, 0xffffffff);
	try_array(0x5404, 16, 8, 0x83ffffff, 0xffffffff);
	try_array(0x54e0, 8, 8, 0xffffffff, 0xffffffff);
	try_array(0x54e4, 8, 8, 0x83ffffff, 0xffffffff);
	try_array(0x5200, 128, 4, 0xffffffff, 0xffffffff);
}

static void ethtool_status(void **state)
{
	uint32_t toggle = 0x7ffff3ff, before = pf_rd(0x8);

	(void)state;
	pf_wr(0x8, toggle);
	assert_int_equal(pf_rd(0x8) & toggle, before & toggle);
	pf_wr(0x8, before);
	assert_int_equal(pf_rd(0x8) & toggle, before & toggle);
}

/* ---- what drivers read ---- */

/* igb's register dump, its counters, and what it looks at elsewhere on an 82576. */
static const struct {
	uint32_t offset;
	unsigned count, stride;
} read_by_igb[] = {
	{0x00000, 1, 4},     {0x00008, 1, 4},	  {0x00010, 1, 4},     {0x00014, 1, 4},
	{0x00018, 1, 4},     {0x00020, 6, 4},	  {0x00038, 1, 4},     {0x000c0, 1, 4},
	{0x000c8, 3, 8},     {0x000e0, 1, 4},	  {0x00100, 1, 4},     {0x00170, 1, 4},
	{0x00400, 2, 4},     {0x00410, 1, 4},	  {0x00800, 128, 4},   {0x00c00, 8, 4},
	{0x00c80, 5, 4},     {0x00e00, 1, 4},	  {0x01000, 1, 4},     {0x01008, 1, 4},
	{0x01010, 1, 4},     {0x01048, 2, 4},	  {0x01514, 1, 4},     {0x01520, 5, 4},
	{0x01580, 1, 4},     {0x01680, 25, 4},	  {0x01700, 8, 4},     {0x01740, 1, 4},
	{0x02160, 2, 8},     {0x02404, 2, 4},	  {0x02460, 1, 4},     {0x02800, 4, 0x100},
	{0x02804, 4, 0x100}, {0x02808, 4, 0x100}, {0x0280c, 4, 0x100}, {0x02810, 4, 0x100},
	{0x02814, 4, 0x100}, {0x02818, 4, 0x100}, {0x02828, 4, 0x100}, {0x02830, 4, 0x100},
	{0x03404, 1, 4},     {0x03410, 3, 8},	  {0x03430, 1, 4},     {0x03500, 1, 4},
	{0x03548, 1, 4},     {0x03554, 1, 4},	  {0x03590, 1, 4},     {0x03604, 1, 4},
	{0x03690, 1, 4},     {0x036b0, 1, 4},	  {0x03700, 8, 4},     {0x03800, 4, 0x100},
	{0x03804, 4, 0x100}, {0x03808, 4, 0x100}, {0x03810, 4, 0x100}, {0x03814, 4, 0x100},
	{0x03818, 4, 0x100}, {0x03828, 4, 0x100}, {0x03838, 4, 0x100}, {0x0383c, 4, 0x100},
	{0x04000, 9, 4},     {0x04028, 23, 4},	  {0x04088, 4, 4},     {0x040a0, 24, 4},
	{0x04100, 5, 4},     {0x04118, 9, 4},	  {0x04200, 1, 4},     {0x04208, 2, 4},
	{0x04218, 5, 4},     {0x05000, 3, 4},	  {0x05200, 128, 4},   {0x05400, 32, 4},
	{0x05480, 8, 4},     {0x054e0, 16, 4},	  {0x055b0, 1, 4},     {0x05600, 128, 4},
	{0x05800, 3, 8},     {0x05818, 3, 4},	  {0x05838, 1, 4},     {0x05840, 4, 8},
	{0x05880, 4, 4},     {0x05900, 1, 4},	  {0x059c0, 16, 4},    {0x05a00, 49, 4},
	{0x05ad0, 9, 4},     {0x05b00, 1, 4},	  {0x05b30, 1, 4},     {0x05b50, 2, 4},
	{0x05b5c, 1, 4},     {0x05b74, 1, 4},	  {0x05c00, 42, 4},    {0x05cb0, 8, 4},
	{0x05d00, 32, 4},    {0x05f00, 4, 8},	  {0x05f50, 1, 4},     {0x09000, 128, 8},
	{0x09800, 128, 8},   {0x0a000, 128, 4},	  {0x0b600, 12, 4},    {0x0b630, 1, 4},
	{0x0c000, 6, 4},     {0x0c018, 16, 0x40}, {0x0c028, 16, 0x40}, {0x0c030, 16, 0x40},
	{0x0e000, 3, 4},     {0x0e010, 2, 4},	  {0x0e018, 16, 0x40}, {0x0e028, 16, 0x40},
	{0x0e038, 16, 0x40}, {0x0e03c, 16, 0x40},
};

static void drivers_meet_no_hole(void **state)
{
	unsigned index;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(read_by_igb); i++)
		for (unsigned k = 0; k < read_by_igb[i].count; k++) {
			uint32_t at = read_by_igb[i].offset + k * read_by_igb[i].stride;

			if (!nic_reg_find(pf->regs, i82576_pf_alias(at), &index))
				fail_msg("no register at 0x%x", at);
		}
}

static void elsewhere_there_is_nothing(void **state)
{
	uint64_t unknown = pf->fn.unknown_regs;

	(void)state;
	pf_wr(0x1fffc, 0xffffffff);
	assert_int_equal(pf_rd(0x1fffc), 0);
	assert_int_equal(pf_rd(0x2840), 0); /* beyond queue 0, not an alias of queue 1 */
	assert_int_equal(pf->fn.unknown_regs, unknown + 3);
}

/* ---- aliases ---- */

static void aliases_are_the_same_register(void **state)
{
	static const uint32_t same[][2] = {
		{0x0004, 0x0000}, {0x0040, 0x5400}, {0x00bc, 0x547c}, {0x00c0, 0x1500},
		{0x00c8, 0x1504}, {0x00d0, 0x1508}, {0x00d8, 0x150c}, {0x00e0, 0x1510},
		{0x0160, 0x2168}, {0x0168, 0x2160}, {0x0200, 0x5200}, {0x03fc, 0x53fc},
		{0x0600, 0x5600}, {0x07fc, 0x57fc}, {0x2800, 0xc000}, {0x2828, 0xc028},
		{0x2b18, 0xc0d8}, {0x2b30, 0xc0f0}, {0x3800, 0xe000}, {0x3b3c, 0xe0fc},
		{0x8000, 0x2410}, {0x8018, 0x3418},
	};
	static const uint32_t itself[] = {0x0000, 0x0008, 0x00c4, 0x0100, 0x0400,
					  0x05fc, 0x0800, 0x27fc, 0x2840, 0x2c00,
					  0x37fc, 0x3840, 0x3c00, 0xc000, 0x1fffc};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(same); i++)
		assert_int_equal(i82576_pf_alias(same[i][0]), same[i][1]);
	for (unsigned i = 0; i < ARRAY_SIZE(itself); i++)
		assert_int_equal(i82576_pf_alias(itself[i]), itself[i]);
	pf_wr(0x2b0c, 0x80000002); /* SRRCTL of queue 3 */
	assert_int_equal(pf_rd(0xc0cc), 0x80000002);
	pf_wr(0x57fc, 0x1234);
	assert_int_equal(pf_rd(0x07fc), 0x1234);
}

/* No alias ends at nothing, or hides a register. */
static void aliases_are_sound(void **state)
{
	const struct nic_reg_row *rows;
	unsigned num, index;

	(void)state;
	rows = i82576_pf_rows(&num);
	for (unsigned i = 0; i < num; i++)
		for (unsigned k = 0; k < rows[i].count; k++) {
			uint32_t at = rows[i].offset + k * rows[i].stride;

			assert_int_equal(i82576_pf_alias(at), at);
		}
	for (uint32_t at = 0; at < 0x800; at += 4)
		if (i82576_pf_alias(at) != at)
			assert_non_null(nic_reg_find(pf->regs, i82576_pf_alias(at), &index));
}

/* ---- hooks ---- */

static void a_rate_belongs_to_its_queue(void **state)
{
	(void)state;
	for (uint32_t q = 0; q < I82576_MAX_QUEUES; q++) {
		pf_wr(I82576_RTTDQSEL, q);
		assert_int_equal(pf_rd(I82576_RTTBCNRC), 0);
		pf->policy_dirty = false;
		pf_wr(I82576_RTTBCNRC, 0x80004000 + q);
		assert_true(pf->policy_dirty);
	}
	for (uint32_t q = 0; q < I82576_MAX_QUEUES; q++) {
		pf_wr(I82576_RTTDQSEL, q);
		assert_int_equal(pf_rd(I82576_RTTBCNRC), 0x80004000 + q);
		assert_int_equal(pf->bcnrc[q], 0x80004000 + q);
	}
	pf_wr(I82576_RTTDQSEL, 0xffffffff);
	pf_wr(I82576_RTTBCNRC, 0xffffffff);
	assert_int_equal(pf->bcnrc[15], 0x8fffffff);
	i82576_pf_reset(pf);
	assert_int_equal(pf->bcnrc[15], 0);
}

static void policy_registers_are_noticed(void **state)
{
	static const uint32_t of_policy[] = {
		I82576_RCTL,	     I82576_TCTL,	   I82576_VFRE,
		I82576_VFTE,	     I82576_QDE,	   I82576_DTXSWC,
		I82576_VMVIR + 28,   I82576_RXCSUM,	   I82576_RLPML,
		I82576_MTA,	     I82576_MTA + 508,	   I82576_RAL,
		I82576_RAH + 15 * 8, I82576_RAL16 + 7 * 8, I82576_RAH16 + 7 * 8,
		I82576_VFTA + 508,   I82576_MRQC,	   I82576_VT_CTL,
		I82576_VMOLR + 28,   I82576_RPLOLR,	   I82576_RETA + 124,
		I82576_RSSRK + 36,   I82576_VLVF + 124,	   I82576_UTA + 508,
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(of_policy); i++) {
		pf->policy_dirty = false;
		pf_wr(of_policy[i], 0);
		if (!pf->policy_dirty)
			fail_msg("0x%x is no part of the policy", of_policy[i]);
	}
	pf->policy_dirty = false;
	pf_wr(I82576_TIPG, 0);
	assert_false(pf->policy_dirty);
}

static void the_unicast_table_is_write_only(void **state)
{
	(void)state;
	pf_wr(I82576_UTA + 0x18, 0xffffffff);
	assert_int_equal(pf_rd(I82576_UTA + 0x18), 0);
	assert_int_equal(PF_REG_N(pf, UTA, 6), 0xffffffff);
}

static void causes_that_clear(void **state)
{
	(void)state;
	PF_REG(pf, WVBR) = 5;
	assert_int_equal(pf_rd(I82576_WVBR), 5);
	assert_int_equal(pf_rd(I82576_WVBR), 0);
	assert_int_equal(pf_rd(I82576_LVMMC), 0);
	PF_REG(pf, VFLRE) = 7;
	pf_wr(I82576_VFLRE, 2);
	assert_int_equal(pf_rd(I82576_VFLRE), 5);
	PF_REG(pf, MBVFICR) = 0x30003;
	pf_wr(I82576_MBVFICR, 0x20001);
	assert_int_equal(pf_rd(I82576_MBVFICR), 0x10002);
}

static void looking_at_causes_does_not_clear_them(void **state)
{
	(void)state;
	pf_wr(I82576_ICS, I82576_ICR_LSC);
	assert_int_equal(pf_rd(I82576_ICS) & I82576_ICR_LSC, I82576_ICR_LSC);
	assert_int_equal(pf_rd(I82576_ICR) & I82576_ICR_LSC, I82576_ICR_LSC);
	assert_int_equal(pf_rd(I82576_ICS) & I82576_ICR_LSC, 0);
	atomic_store(&pf->fn.intr.eicr, 3);
	assert_int_equal(pf_rd(I82576_EICS), 3);
	assert_int_equal(pf_rd(I82576_EICS), 3);
}

/* Microseconds, milliseconds, seconds: each field counts to its own limit. */
static void the_timer_runs(void **state)
{
	uint64_t before = clock_ns() / NSEC_PER_USEC, us;
	uint32_t timer = pf_rd(I82576_FRTIMER);

	(void)state;
	assert_true((timer & 0x3ff) < 1000 && (timer >> 10 & 0x3ff) < 1000);
	us = (timer & 0x3ff) + (timer >> 10 & 0x3ff) * 1000ull + (timer >> 20) * 1000000ull;
	us -= before % (4096 * 1000000ull);
	assert_true(us < 10000000);
}

static void a_reset_is_not_kept(void **state)
{
	(void)state;
	pf_wr(I82576_CTRL, 0xffffffff & ~I82576_CTRL_RST & ~I82576_CTRL_PHY_RST);
	assert_int_equal(pf_rd(I82576_CTRL), 0x58dc1bed);
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(pf_rd(I82576_CTRL), 0x00100209);
}

#define T(f) cmocka_unit_test_setup_teardown(f, pf_set_up, pf_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_map_builds),
		T(what_cannot_be_written_starts_at_0),
		T(reset_values),
		T(ethtool_flow_control_and_receive),
		T(ethtool_transmit),
		T(ethtool_control_and_filters),
		T(ethtool_status),
		T(drivers_meet_no_hole),
		T(elsewhere_there_is_nothing),
		T(aliases_are_the_same_register),
		T(aliases_are_sound),
		T(a_rate_belongs_to_its_queue),
		T(policy_registers_are_noticed),
		T(the_unicast_table_is_write_only),
		T(causes_that_clear),
		T(looking_at_causes_does_not_clear_them),
		T(the_timer_runs),
		T(a_reset_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
