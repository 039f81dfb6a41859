/* SPDX-License-Identifier: BSD-3-Clause */
/* The PHY as igb talks to it; negotiation, loss of the wire, loopback; who is told of the link.
 */
#include "test_i82576_pf.h"

#define OP_WRITE      0x04000000u
#define OP_READ	      0x08000000u
#define READY	      0x10000000u
#define ERROR	      0x40000000u
#define BMSR_LINK     0x04u
#define BMSR_COMPLETE 0x20u
#define LU	      0x2u
#define FD	      0x1u
#define S1000	      0x80u
#define S100	      0x40u
#define LINK_BITS     0xc3u /* LU, FD and SPEED of STATUS */

static struct nic_port uplink;
static unsigned told[2];

static void count_changed(struct i82576_vf *vf)
{
	told[vf->fn.n]++;
}

static void nothing_of(struct i82576_vf *vf)
{
	(void)vf;
}

static const struct i82576_peer_ops counting_peer = {
	.message = nothing_of,
	.acked = nothing_of,
	.vf_reset = nothing_of,
	.changed = count_changed,
};

static int set_up(void **state)
{
	told[0] = told[1] = 0;
	if (pf_set_up(state) < 0)
		return -1;
	tc.vf[0]->peer = tc.vf[1]->peer = &counting_peer;
	pf->vfs_enabled = 1;
	pf_wr(I82576_CTRL, I82576_CTRL_SLU | I82576_CTRL_FD);
	atomic_store(&pf->causes.icr, 0);
	pf->policy_dirty = false;
	told[0] = 0;
	return 0;
}

static int tear_down(void **state)
{
	tc.card->uplink = NULL;
	pf->vfs_enabled = 0;
	return pf_tear_down(state);
}

/* igb_read_phy_reg_mdic, igb_write_phy_reg_mdic. */
static uint32_t mdic(uint32_t op, uint32_t addr, uint32_t reg, uint32_t data)
{
	uint32_t v;

	pf_wr(I82576_MDIC, op | addr << 21 | reg << 16 | data);
	v = pf_rd(I82576_MDIC);
	assert_true(v & READY);
	return v;
}

static uint32_t phy_rd(uint32_t reg)
{
	uint32_t v;

	if (reg > 0xf)
		mdic(OP_WRITE, 1, 31, reg & 0xffff);
	v = mdic(OP_READ, 1, reg & 31, 0);
	assert_false(v & ERROR);
	return v & 0xffff;
}

static void phy_wr(uint32_t reg, uint32_t data)
{
	if (reg > 0xf)
		mdic(OP_WRITE, 1, 31, reg & 0xffff);
	assert_false(mdic(OP_WRITE, 1, reg & 31, data) & ERROR);
}

static uint32_t link_bits(void)
{
	return pf_rd(I82576_STATUS) & LINK_BITS;
}

/* Was LSC raised since the last call? */
static bool lsc(void)
{
	return atomic_exchange(&pf->causes.icr, 0) & I82576_ICR_LSC;
}

static void wire(bool up)
{
	tc.card->uplink = &uplink;
	tc.card->uplink_up = up;
	i82576_phy_update(pf);
}

/* ---- MDIC ---- */

static void the_driver_finds_its_phy(void **state)
{
	(void)state;
	assert_int_equal((phy_rd(2) << 16 | phy_rd(3)) & 0xfffffff0, 0x02a80390);
	assert_int_equal(pf_rd(I82576_MDIC) & 0x80000000, 0);
}

static void nobody_answers_elsewhere(void **state)
{
	(void)state;
	assert_true(mdic(OP_READ, 0, 2, 0) & ERROR);
	assert_true(mdic(OP_READ, 2, 2, 0) & ERROR);
	assert_true(mdic(OP_WRITE, 2, 0, 0x0800) & ERROR);
	assert_true(mdic(0, 1, 2, 0) & ERROR);
	assert_true(mdic(OP_READ | OP_WRITE, 1, 2, 0) & ERROR);
	assert_true(mdic(OP_READ | 0x80000000, 1, 2, 0) & ERROR);
	assert_int_equal(phy_rd(0), 0x1140);
	assert_false(mdic(OP_READ, 1, 2, 0) & ERROR);
}

static void an_access_interrupts_if_asked(void **state)
{
	(void)state;
	mdic(OP_READ, 1, 2, 0);
	assert_int_equal(atomic_load(&pf->causes.icr), 0);
	mdic(OP_READ | 0x20000000, 1, 2, 0);
	assert_int_equal(atomic_load(&pf->causes.icr), I82576_ICR_MDAC);
}

static void status_registers_keep_what_they_say(void **state)
{
	static const uint8_t ro[] = {1, 2, 3, 5, 6, 8, 10, 15, 0x11, 0x13};

	(void)state;
	phy_rd(1);
	for (unsigned i = 0; i < ARRAY_SIZE(ro); i++) {
		uint32_t before = phy_rd(ro[i]);

		phy_wr(ro[i], ~before & 0xffff);
		assert_int_equal(phy_rd(ro[i]), before);
	}
	assert_true(link_bits() & LU);
}

static void pages_are_apart(void **state)
{
	(void)state;
	phy_wr(0x10, 0x1234);
	phy_wr(0x2f50, 0x5678); /* register 16 of another page */
	assert_int_equal(phy_rd(0x10), 0x1234);
	assert_int_equal(phy_rd(0x2f50), 0);
	/* Registers 0 to 15 are not. */
	mdic(OP_WRITE, 1, 31, 0x2f40);
	assert_int_equal(mdic(OP_READ, 1, 2, 0) & 0xffff, 0x02a8);
	assert_int_equal(mdic(OP_READ, 1, 31, 0) & 0xffff, 0x2f40);
}

/* igb_get_cable_length_igp_2: an index into a table of 113 that is not 0; igb_check_polarity.
 */
static void cable_length_and_polarity_are_sane(void **state)
{
	static const uint32_t agc[] = {0x11b1, 0x12b1, 0x14b1, 0x18b1};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(agc); i++) {
		uint32_t index = phy_rd(agc[i]) >> 9 & 0x7f;

		assert_true(index > 0 && index < 113);
	}
	assert_int_equal(phy_rd(0xb4) & 0x78, 0);
	assert_int_equal(phy_rd(0x13) & 0x8000, 0);
}

/* ---- negotiation ---- */

static void the_best_of_both_ends_is_found(void **state)
{
	(void)state;
	assert_int_equal(phy_rd(1) & (BMSR_LINK | BMSR_COMPLETE), BMSR_LINK | BMSR_COMPLETE);
	assert_int_equal(phy_rd(5) & 0x0dff, 0x01e1); /* no pause */
	assert_int_equal(phy_rd(6) & 1, 1);
	assert_int_equal(phy_rd(10), 0x3800);
	assert_int_equal(phy_rd(0x11), 0xc600);
	assert_int_equal(link_bits(), LU | FD | S1000);
}

/* What a driver that offers all makes of it is what the operator said (802.3 table 28B-3). */
static void the_other_end_pauses_as_the_card_was_told(void **state)
{
	static const uint32_t pause[] = {0, 0x0800, 0x0c00, 0x0400};

	(void)state;
	for (unsigned mode = 0; mode < 4; mode++) {
		assert_int_equal(nic_card_set_flow(tc.card, mode), 0);
		assert_int_equal(phy_rd(5) & 0x0c00, pause[mode]);
	}
	assert_int_equal(nic_card_set_flow(tc.card, 0), 0);
}

/* What igb writes for `ethtool -s ... advertise`: then BMCR with restart. */
static void advertise(uint32_t anar, uint32_t ctrl1000)
{
	phy_wr(4, anar);
	phy_wr(9, ctrl1000);
	phy_wr(0, phy_rd(0) | 0x1200);
}

static void only_what_is_advertised_is_used(void **state)
{
	(void)state;
	advertise(0x0c01, 0x0200);
	assert_int_equal(link_bits(), LU | FD | S1000);
	advertise(0x0de1, 0);
	assert_int_equal(link_bits(), LU | FD | S100);
	assert_int_equal(phy_rd(10) & 0x3000, 0);
	assert_int_equal(phy_rd(0x11) & 0xc200, 0x8200);
	advertise(0x0ca1, 0);
	assert_int_equal(link_bits(), LU | S100); /* half duplex before 10 Mb/s */
	advertise(0x0c61, 0);
	assert_int_equal(link_bits(), LU | FD);
	assert_int_equal(phy_rd(0x11) & 0xc200, 0x4200);
	advertise(0x0c21, 0);
	assert_int_equal(link_bits(), LU);
	advertise(0x0c01, 0x0100); /* the switch has no 1000 half duplex */
	assert_int_equal(link_bits() & LU, 0);
	assert_int_equal(phy_rd(1) & (BMSR_LINK | BMSR_COMPLETE), 0);
	assert_int_equal(phy_rd(5), 0);
	assert_int_equal(phy_rd(0x11), 0);
}

/* igb_phy_force_speed_duplex_igp. */
static void speed_and_duplex_can_be_forced(void **state)
{
	(void)state;
	phy_wr(0, 0x2000);
	assert_int_equal(link_bits(), LU | S100);
	assert_int_equal(phy_rd(1) & (BMSR_LINK | BMSR_COMPLETE), BMSR_LINK);
	assert_int_equal(phy_rd(5), 0);
	phy_wr(0, 0x0100);
	assert_int_equal(link_bits(), LU | FD);
	/* The MAC may be forced as well. */
	pf_wr(I82576_CTRL, I82576_CTRL_SLU | I82576_CTRL_FRCSPD | I82576_CTRL_FRCDPX | 1u << 8);
	assert_int_equal(link_bits(), LU | S100);
	pf_wr(I82576_CTRL, I82576_CTRL_SLU | I82576_CTRL_FRCDPX | I82576_CTRL_FD);
	assert_int_equal(link_bits(), LU | FD);
}

static void low_power_link_up_is_slow(void **state)
{
	(void)state;
	phy_wr(0x19, phy_rd(0x19) | 2);
	assert_int_equal(link_bits(), LU | FD);
	phy_wr(0x19, phy_rd(0x19) & ~2u);
	assert_int_equal(link_bits(), LU | FD | S1000);
	advertise(0x0c01, 0x0200); /* nothing else is offered */
	phy_wr(0x19, phy_rd(0x19) | 2);
	assert_int_equal(link_bits(), LU | FD | S1000);
}

static void who_is_master_and_crossed_can_be_forced(void **state)
{
	(void)state;
	assert_int_equal(phy_rd(10) & 0x4000, 0);
	phy_wr(9, 0x1a00);
	assert_int_equal(phy_rd(10) & 0x4000, 0x4000);
	assert_int_equal(phy_rd(0x11) & 0x0800, 0);
	phy_wr(0x12, 0x2000);
	assert_int_equal(phy_rd(0x11) & 0x0800, 0x0800);
	phy_wr(0x12, 0x3000);
	assert_int_equal(phy_rd(0x11) & 0x0800, 0);
}

/* Negotiation takes no time, but software gets to see that it took place. */
static void a_restart_is_seen(void **state)
{
	(void)state;
	phy_rd(1);
	phy_wr(0, 0x1340);
	assert_int_equal(phy_rd(0), 0x1140);
	assert_true(lsc());
	assert_int_equal(phy_rd(1) & BMSR_LINK, 0);
	assert_int_equal(phy_rd(1) & BMSR_LINK, BMSR_LINK);
	assert_int_equal(link_bits(), LU | FD | S1000);
}

static void a_phy_reset_puts_everything_back(void **state)
{
	(void)state;
	advertise(0x0c21, 0);
	phy_wr(0, 0x0100);
	phy_wr(0x12, 0x2000);
	phy_wr(0, 0x8100);
	assert_int_equal(phy_rd(0), 0x1140);
	assert_int_equal(phy_rd(4), 0x0de1);
	assert_int_equal(phy_rd(0x12), 0x1000);
	assert_int_equal(link_bits(), LU | FD | S1000);
}

/* ---- link ---- */

static void link_needs_slu(void **state)
{
	(void)state;
	pf_wr(I82576_CTRL, I82576_CTRL_FD);
	assert_int_equal(link_bits() & LU, 0);
	assert_false(i82576_pf_link_up(pf));
	assert_true(phy_rd(1) & BMSR_LINK);
	assert_true(lsc());
	pf_wr(I82576_CTRL, I82576_CTRL_FD | I82576_CTRL_SLU);
	assert_true(i82576_pf_link_up(pf));
	assert_true(lsc());
}

static void the_wire_goes_and_comes(void **state)
{
	(void)state;
	phy_rd(1);
	wire(true);
	assert_false(lsc());
	assert_int_equal(told[0], 0);
	wire(false);
	assert_int_equal(link_bits() & LU, 0);
	assert_true(lsc());
	assert_true(pf->policy_dirty);
	assert_int_equal(told[0], 1);
	assert_int_equal(told[1], 0); /* does not exist */
	wire(false);
	assert_false(lsc());
	assert_int_equal(told[0], 1);
	wire(true);
	assert_true(lsc());
	assert_int_equal(told[0], 2);
	assert_int_equal(link_bits(), LU | FD | S1000);
	assert_int_equal(phy_rd(1) & BMSR_LINK, 0); /* it was down */
	assert_int_equal(phy_rd(1) & BMSR_LINK, BMSR_LINK);
}

static void another_speed_is_a_change(void **state)
{
	(void)state;
	phy_wr(9, 0);
	assert_int_equal(link_bits(), LU | FD | S100);
	assert_true(lsc());
	assert_int_equal(told[0], 1);
	wire(false);
	lsc();
	/* But not while there is no link. */
	phy_wr(9, 0x0200);
	pf_wr(I82576_CTRL, I82576_CTRL_SLU | I82576_CTRL_FRCSPD);
	assert_int_equal(link_bits(), FD);
	assert_false(lsc());
	assert_int_equal(told[0], 2);
}

static void a_phy_without_power_has_no_link(void **state)
{
	(void)state;
	phy_wr(0, phy_rd(0) | 0x0800);
	assert_int_equal(link_bits() & LU, 0);
	assert_true(lsc());
	phy_wr(0, phy_rd(0) | 0x4000); /* nor a loop */
	assert_int_equal(link_bits() & LU, 0);
	assert_false(i82576_pf_loops_back(pf));
	phy_wr(0, 0x1140); /* settings are kept */
	assert_int_equal(link_bits(), LU | FD | S1000);
	assert_true(lsc());
}

/* igb_integrated_phy_loopback, igb_loopback_cleanup. */
static void igbs_loopback_test_loops(void **state)
{
	uint32_t ctrl;

	(void)state;
	wire(false);
	assert_false(i82576_pf_loops_back(pf));
	phy_wr(0, 0x4140);
	ctrl = pf_rd(I82576_CTRL) & ~I82576_CTRL_SPEED;
	pf_wr(I82576_CTRL, ctrl | I82576_CTRL_FRCSPD | I82576_CTRL_FRCDPX | 2u << 8 |
				   I82576_CTRL_FD | I82576_CTRL_SLU);
	assert_true(i82576_pf_loops_back(pf));
	assert_int_equal(link_bits(), LU | FD | S1000);
	phy_wr(0, phy_rd(0) & ~0x4000u);
	phy_wr(0, phy_rd(0) | 0x8000);
	assert_false(i82576_pf_loops_back(pf));
	assert_false(i82576_pf_link_up(pf));
	wire(true);
	assert_true(i82576_pf_link_up(pf));
	assert_false(i82576_pf_loops_back(pf));
}

static void the_mac_loops_as_well(void **state)
{
	(void)state;
	wire(false);
	for (uint32_t lbm = 1; lbm < 4; lbm++) {
		pf_wr(I82576_RCTL, lbm << 6);
		assert_true(i82576_pf_loops_back(pf));
		assert_true(link_bits() & LU);
	}
	pf_wr(I82576_CTRL, 0);
	assert_false(i82576_pf_loops_back(pf));
	pf_wr(I82576_CTRL, I82576_CTRL_SLU);
	pf_wr(I82576_RCTL, 0);
	assert_false(i82576_pf_loops_back(pf));
	assert_int_equal(link_bits() & LU, 0);
}

/* ---- reset ---- */

static void a_port_reset_leaves_the_phy_alone(void **state)
{
	(void)state;
	pf_wr(I82576_STATUS, 0);
	advertise(0x0de1, 0);
	lsc();
	told[0] = 0;
	pf_wr(I82576_CTRL, I82576_CTRL_RST);
	assert_int_equal(link_bits() & LU, 0); /* SLU is cleared */
	assert_int_equal(pf_rd(I82576_STATUS) & 1u << 10, 0);
	assert_false(lsc());
	assert_int_equal(told[0], 1);
	assert_int_equal(phy_rd(9), 0);
	pf_wr(I82576_CTRL, I82576_CTRL_SLU);
	assert_true(lsc());
	assert_int_equal(link_bits(), LU | FD | S100);
}

static void power_puts_the_phy_at_its_defaults(void **state)
{
	(void)state;
	phy_wr(0, 0x0900);
	pf_wr(I82576_STATUS, 0);
	i82576_phy_reset(pf, true);
	assert_int_equal(phy_rd(0), 0x1140);
	assert_int_equal(link_bits(), LU | FD | S1000);
	assert_int_equal(pf_rd(I82576_STATUS) & 1u << 10, 1u << 10);
}

/* ---- STATUS ---- */

static void status_tells_of_master_and_vfs(void **state)
{
	(void)state;
	assert_int_equal(pf_rd(I82576_STATUS) & 0xfc00c, 1u << 19 | 1u << 18 | 1u << 14);
	pf_wr(I82576_CTRL, I82576_CTRL_SLU | I82576_CTRL_GIO_MASTER_DISABLE);
	pf->vfs_enabled = 0;
	assert_int_equal(pf_rd(I82576_STATUS) & 0xfc00c, 0);
	pf_wr(I82576_CTRL, I82576_CTRL_SLU);
	assert_int_equal(pf_rd(I82576_STATUS) & 0xfc00c, 1u << 19);
}

/* igb_reg_test. */
static void status_keeps_what_it_says(void **state)
{
	uint32_t toggle = 0x7ffff3ff, before = pf_rd(I82576_STATUS);

	(void)state;
	pf_wr(I82576_STATUS, toggle);
	assert_int_equal(pf_rd(I82576_STATUS) & toggle, before & toggle);
	pf_wr(I82576_STATUS, before);
	assert_int_equal(pf_rd(I82576_STATUS) & toggle, before & toggle);
}

static void a_phy_reset_is_acknowledged(void **state)
{
	(void)state;
	assert_true(pf_rd(I82576_STATUS) & 1u << 10);
	pf_wr(I82576_STATUS, 1u << 10);
	assert_true(pf_rd(I82576_STATUS) & 1u << 10);
	pf_wr(I82576_STATUS, 0);
	assert_false(pf_rd(I82576_STATUS) & 1u << 10);
	pf_wr(I82576_STATUS, 1u << 10);
	assert_false(pf_rd(I82576_STATUS) & 1u << 10);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_driver_finds_its_phy),
		TEST(nobody_answers_elsewhere),
		TEST(an_access_interrupts_if_asked),
		TEST(status_registers_keep_what_they_say),
		TEST(pages_are_apart),
		TEST(cable_length_and_polarity_are_sane),
		TEST(the_best_of_both_ends_is_found),
		TEST(the_other_end_pauses_as_the_card_was_told),
		TEST(only_what_is_advertised_is_used),
		TEST(speed_and_duplex_can_be_forced),
		TEST(low_power_link_up_is_slow),
		TEST(who_is_master_and_crossed_can_be_forced),
		TEST(a_restart_is_seen),
		TEST(a_phy_reset_puts_everything_back),
		TEST(link_needs_slu),
		TEST(the_wire_goes_and_comes),
		TEST(another_speed_is_a_change),
		TEST(a_phy_without_power_has_no_link),
		TEST(igbs_loopback_test_loops),
		TEST(the_mac_loops_as_well),
		TEST(a_port_reset_leaves_the_phy_alone),
		TEST(power_puts_the_phy_at_its_defaults),
		TEST(status_tells_of_master_and_vfs),
		TEST(status_keeps_what_it_says),
		TEST(a_phy_reset_is_acknowledged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
