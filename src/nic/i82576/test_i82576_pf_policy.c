/* SPDX-License-Identifier: BSD-3-Clause */
/* Policies and queues that follow from the PF's registers: as igb sets them, and as it does
 * not. */
#include "test_i82576_pf.h"

#include "clock.h"
#include "i82576_queue.h"
#include "net_eth.h"
#include "net_rss.h"

#define PF_POOL 2u /* two VFs */
#define RARS	24u

#define RXEN_BAM_VFE 0x00048002u
#define UPE	     BIT(3)
#define MPE	     BIT(4)
#define LPE	     BIT(5)
#define BAM	     BIT(15)
#define VFE	     BIT(18)
#define AV	     BIT(31)
#define POOL(n)	     (BIT(18) << (n))
#define VLVF_ON	     BIT(31)
#define VLVF_POOL(n) (BIT(12) << (n))
#define AUPE	     BIT(24)
#define ROMPE	     BIT(25)
#define ROPE	     BIT(26)
#define VM_BAM	     BIT(27)
#define MPME	     BIT(28)
#define STRVLAN	     BIT(30)
#define RSSE	     BIT(17)
#define VM_LPE	     BIT(16)
#define INSERT	     BIT(30) /* VMVIR: always the default VLAN */
#define MRQC_IGB     0x00370000u

static struct nic_policy p;

static void ask(unsigned n)
{
	memset(&p, 0, sizeof(p));
	i82576_pf_owner_ops.policy(pf, n, &p);
}

/* mac 02:00:00:00:00:last */
static uint64_t mac_of(uint8_t last)
{
	return net_mac_u64((const uint8_t[]){2, 0, 0, 0, 0, last});
}

static void set_rar(unsigned i, uint8_t last, uint32_t bits)
{
	uint32_t *rar = i < 16 ? &PF_REG_N(pf, RAL, 2 * i) : &PF_REG_N(pf, RAL16, 2 * (i - 16));

	rar[0] = 2;
	rar[1] = (uint32_t)last << 8 | bits;
}

static void set_vlan(unsigned i, unsigned vid, uint32_t bits)
{
	PF_REG_N(pf, VLVF, i) = vid | bits;
	PF_REG_N(pf, VFTA, vid / 32) |= BIT(vid % 32);
}

static void set_uta(uint32_t v)
{
	for (unsigned i = 0; i < 128; i++)
		PF_REG_N(pf, UTA, i) = v;
}

static bool in_vlan(unsigned vid)
{
	return nic_bitmap_test(p.vlans, vid);
}

static unsigned num_vlans(void)
{
	unsigned n = 0;

	for (unsigned vid = 0; vid < NIC_VLANS; vid++)
		n += in_vlan(vid);
	return n;
}

/* What igb does after max_vfs=2: two VFs up, the PF in pool 2. */
static void igb_with_vfs(void)
{
	i82576_pf_set_vfs(pf, 2);
	PF_REG(pf, MRQC) = MRQC_IGB | 3;
	PF_REG(pf, VT_CTL) = BIT(30) | PF_POOL << 7;
	PF_REG(pf, RCTL) = RXEN_BAM_VFE | LPE;
	PF_REG(pf, TCTL) = BIT(1);
	PF_REG(pf, DTXSWC) = 0x8000fbfb;
	PF_REG(pf, VFRE) = PF_REG(pf, VFTE) = 3;
	for (unsigned i = 0; i < RARS; i++)
		set_rar(i, 0, 0);
	set_rar(0, 1, AV | POOL(PF_POOL));
	set_rar(23, 10, AV | POOL(0));
	set_rar(22, 11, AV | POOL(1));
	for (unsigned n = 0; n <= PF_POOL; n++)
		PF_REG_N(pf, VMOLR, n) = 0x80000000 | AUPE | VM_BAM | VM_LPE | 1522;
	set_vlan(0, 0, VLVF_ON | VLVF_POOL(0) | VLVF_POOL(1) | VLVF_POOL(PF_POOL));
}

static int set_up(void **state)
{
	if (pf_set_up(state) < 0 || i82576_pf_attach(pf) < 0)
		return -1;
	PF_REG(pf, CTRL) |= I82576_CTRL_SLU;
	pf->phy.link = true;
	pf->phy.speed = 2;
	return 0;
}

/* ---- without VMDq ---- */

static void a_pf_alone_has_the_ports_filters(void **state)
{
	(void)state;
	PF_REG(pf, RCTL) = RXEN_BAM_VFE;
	PF_REG(pf, TCTL) = BIT(1);
	set_rar(0, 1, AV);
	set_rar(7, 2, AV | POOL(0));
	set_rar(23, 3, AV | POOL(5));
	set_rar(8, 4, 0);	     /* not valid */
	set_rar(9, 5, AV | BIT(16)); /* a source address */
	PF_REG_N(pf, VFTA, 3) = 0x80000001;
	PF_REG_N(pf, MTA, 127) = BIT(31);
	ask(NIC_PF);
	assert_true(p.link_up && p.rx_on && p.tx_on && p.untagged && p.broadcast);
	assert_false(p.allmulti || p.promisc || p.unknown_uc || p.strip_tag || p.any_vlan);
	assert_false(p.spoof_mac || p.spoof_vlan || p.filter_control || p.loopback || p.pvid);
	assert_int_equal(p.num_macs, 3);
	assert_true(p.mac[0] == mac_of(1) && p.mac[1] == mac_of(2) && p.mac[2] == mac_of(3));
	assert_int_equal(num_vlans(), 2);
	assert_true(in_vlan(96) && in_vlan(127));
	assert_int_equal(p.max_frame, 1518);
	assert_int_equal(p.max_tx_mbps, 0);
	assert_true(p.mta[63] == BIT64(63));
	PF_REG(pf, CTRL) |= I82576_CTRL_VME;
	ask(NIC_PF);
	assert_true(p.strip_tag);
	assert_int_equal(p.max_frame, 1514);
}

static void each_bit_of_a_pf_alone(void **state)
{
	(void)state;
	PF_REG(pf, RCTL) = UPE;
	ask(NIC_PF);
	assert_true(p.unknown_uc && p.any_vlan);
	assert_false(p.promisc || p.allmulti || p.broadcast || p.rx_on || p.tx_on);
	PF_REG(pf, RCTL) = MPE;
	ask(NIC_PF);
	assert_true(p.allmulti);
	assert_false(p.promisc || p.unknown_uc);
	PF_REG(pf, RCTL) = UPE | MPE | VFE;
	ask(NIC_PF);
	assert_true(p.promisc);
	assert_false(p.any_vlan);
	PF_REG(pf, RCTL) = 0;
	set_uta(0xffffffff);
	ask(NIC_PF);
	assert_true(p.unknown_uc);
	PF_REG_N(pf, UTA, 64) = 0xfffffffe;
	ask(NIC_PF);
	assert_false(p.unknown_uc);
	pf->phy.link = false;
	ask(NIC_PF);
	assert_false(p.link_up);
}

static void the_longest_frame(void **state)
{
	(void)state;
	PF_REG(pf, RCTL) = LPE;
	PF_REG(pf, RLPML) = 9018;
	ask(NIC_PF);
	assert_int_equal(p.max_frame, 9014);
	PF_REG(pf, RLPML) = 0x3fff;
	ask(NIC_PF);
	assert_int_equal(p.max_frame, NIC_JUMBO_MAX - 4);
	PF_REG(pf, RLPML) = 3;
	ask(NIC_PF);
	assert_int_equal(p.max_frame, 0);
}

/* The hash table's bits are where the driver's arithmetic puts them. */
static void multicast_hashes_agree(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 256; i += 7) {
		const uint8_t mac[6] = {1, 0, 0x5e, 0, (uint8_t)(i * 37), (uint8_t)i};
		uint32_t hash = (uint32_t)mac[4] >> 4 | (uint32_t)mac[5] << 4;

		memset(&PF_REG(pf, MTA), 0, 512);
		PF_REG_N(pf, MTA, hash >> 5 & 127) = BIT(hash & 31);
		ask(NIC_PF);
		assert_true(nic_bitmap_test(p.mta, nic_mta_hash(mac)));
	}
}

/* VFs are there, but the driver has not given them pools yet. */
static void without_vmdq_vfs_are_cut_off(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG(pf, MRQC) = MRQC_IGB | 2;
	ask(0);
	assert_true(p.link_up && p.filter_control);
	assert_false(p.rx_on || p.tx_on);
	assert_int_equal(p.num_macs, 0);
}

/* ---- with VMDq ---- */

static void a_vf_as_igb_sets_it_up(void **state)
{
	(void)state;
	igb_with_vfs();
	for (unsigned mode = 3; mode <= 5; mode += 2) {
		PF_REG(pf, MRQC) = MRQC_IGB | mode;
		for (unsigned n = 0; n < 2; n++) {
			ask(n);
			assert_true(p.link_up && p.rx_on && p.tx_on && p.untagged);
			assert_true(p.broadcast && p.spoof_mac && p.spoof_vlan &&
				    p.filter_control);
			assert_false(p.allmulti || p.promisc || p.unknown_uc || p.strip_tag);
			assert_false(p.any_vlan || p.loopback || p.pvid || p.max_tx_mbps);
			assert_int_equal(p.num_macs, 1);
			assert_true(p.mac[0] == mac_of((uint8_t)(10 + n)));
			assert_int_equal(num_vlans(), 1);
			assert_int_equal(p.max_frame, 1518);
			assert_true(i82576_pf_owner_ops.link_up(pf, n));
		}
		ask(NIC_PF);
		assert_true(p.rx_on && p.tx_on && p.untagged && p.broadcast);
		assert_false(p.spoof_mac || p.spoof_vlan || p.filter_control || p.unknown_uc);
		assert_int_equal(p.num_macs, 1);
		assert_true(p.mac[0] == mac_of(1));
	}
}

static void the_operator_may_let_control_frames_pass(void **state)
{
	(void)state;
	igb_with_vfs();
	nic_card_set_pass_control(tc.card, true);
	ask(0);
	assert_false(p.filter_control);
	nic_card_set_pass_control(tc.card, false);
	ask(0);
	assert_true(p.filter_control);
}

/* RFCE and TFCE, not what the operator said; and that again when the PF has gone. */
static void flow_control_is_what_ctrl_says(void **state)
{
	static const uint32_t bits[] = {0, BIT(27), BIT(28), BIT(27) | BIT(28)};

	(void)state;
	assert_int_equal(nic_card_set_flow(tc.card, NIC_FLOW_RX), 0);
	assert_int_equal(tc.card->flow.mode, 0);
	i82576_pf_detach(pf);
	assert_int_equal(tc.card->flow.mode, NIC_FLOW_RX);
	assert_int_equal(i82576_pf_attach(pf), 0);
	assert_int_equal(tc.card->flow.mode, 0);
	for (unsigned mode = 0; mode < 4; mode++) {
		uint32_t ctrl = (PF_REG(pf, CTRL) & ~bits[3]) | bits[mode];

		i82576_pf_bar_write(pf, 0, I82576_CTRL, &ctrl, sizeof(ctrl));
		i82576_pf_settle(pf);
		assert_int_equal(tc.card->flow.mode, mode);
	}
	assert_int_equal(nic_card_set_flow(tc.card, 0), 0); /* is kept for later */
	assert_int_equal(tc.card->flow.mode, 3);
	i82576_pf_detach(pf);
	assert_int_equal(tc.card->flow.mode, 0);
	assert_int_equal(i82576_pf_attach(pf), 0);
}

static void a_vf_that_is_not_there_has_nothing(void **state)
{
	(void)state;
	igb_with_vfs();
	i82576_pf_set_vfs(pf, 1);
	ask(1);
	assert_false(p.link_up || p.rx_on || p.tx_on || p.broadcast);
	assert_int_equal(p.num_macs, 0);
	assert_true(p.filter_control);
	assert_false(i82576_pf_owner_ops.link_up(pf, 1));
	assert_true(i82576_pf_owner_ops.link_up(pf, 0));
	pf->phy.link = false;
	assert_false(i82576_pf_owner_ops.link_up(pf, 0));
	ask(0);
	assert_false(p.link_up);
}

/* Each bit alone, for the pool it names. */
static void each_bit_of_a_pool(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG_N(pf, MTA, 0) = 1;
	PF_REG_N(pf, VMOLR, 1) = ROMPE;
	ask(1);
	assert_true(p.mta[0] == 1);
	assert_false(p.untagged || p.broadcast || p.allmulti || p.strip_tag || p.unknown_uc);
	assert_int_equal(p.max_frame, 1518);
	PF_REG_N(pf, VMOLR, 1) = MPME;
	ask(1);
	assert_true(p.allmulti && p.mta[0] == 0);
	PF_REG_N(pf, VMOLR, 1) = STRVLAN;
	ask(1);
	assert_true(p.strip_tag);
	assert_int_equal(p.max_frame, 1514);
	PF_REG_N(pf, VMOLR, 1) = ROPE;
	ask(1);
	assert_false(p.unknown_uc);
	set_uta(0xffffffff);
	ask(1);
	assert_true(p.unknown_uc);
	ask(0);
	assert_false(p.unknown_uc);
	PF_REG_N(pf, VMOLR, 1) = VM_LPE | 9018;
	ask(1);
	assert_int_equal(p.max_frame, 9014);
	PF_REG(pf, RLPML) = 4000; /* the port's limit comes first */
	ask(1);
	assert_int_equal(p.max_frame, 3996);
	PF_REG(pf, RCTL) &= ~LPE;
	ask(1);
	assert_int_equal(p.max_frame, 1518);
	PF_REG(pf, VFRE) = 1;
	PF_REG(pf, VFTE) = 1;
	PF_REG(pf, DTXSWC) = 0x0201;
	ask(1);
	assert_false(p.rx_on || p.tx_on || p.spoof_mac || !p.spoof_vlan);
	ask(0);
	assert_true(p.rx_on && p.tx_on && p.spoof_mac && !p.spoof_vlan);
	PF_REG(pf, RCTL) &= ~BIT(1);
	PF_REG(pf, TCTL) = 0;
	ask(0);
	assert_false(p.rx_on || p.tx_on);
	ask(NIC_PF);
	assert_false(p.rx_on || p.tx_on);
}

static void addresses_go_to_their_pools(void **state)
{
	(void)state;
	igb_with_vfs();
	set_rar(1, 20, AV | POOL(0) | POOL(1)); /* an additional one of both */
	set_rar(2, 21, AV);			/* nobody's: the default pool's */
	set_rar(3, 22, AV | POOL(7));
	ask(0);
	assert_int_equal(p.num_macs, 2);
	assert_true(p.mac[0] == mac_of(10) && p.mac[1] == mac_of(20));
	ask(NIC_PF);
	assert_int_equal(p.num_macs, 2);
	assert_true(p.mac[0] == mac_of(1) && p.mac[1] == mac_of(21));
	PF_REG(pf, VT_CTL) |= BIT(29);
	ask(NIC_PF);
	assert_int_equal(p.num_macs, 1);
	for (unsigned i = 0; i < RARS; i++)
		set_rar(i, (uint8_t)i, AV | POOL(0));
	ask(0);
	assert_int_equal(p.num_macs, RARS);
}

static void vlans_go_to_their_pools(void **state)
{
	(void)state;
	igb_with_vfs();
	set_vlan(1, 100, VLVF_ON | VLVF_POOL(0));
	set_vlan(31, 4095, VLVF_ON | VLVF_POOL(1) | VLVF_POOL(PF_POOL));
	set_vlan(2, 200, VLVF_POOL(0)); /* not enabled */
	set_vlan(3, 300, VLVF_ON | VLVF_POOL(0));
	PF_REG_N(pf, VFTA, 300 / 32) = 0; /* not let in */
	ask(0);
	assert_int_equal(num_vlans(), 2);
	assert_true(in_vlan(0) && in_vlan(100));
	ask(1);
	assert_int_equal(num_vlans(), 2);
	assert_true(in_vlan(0) && in_vlan(4095));
	ask(NIC_PF);
	assert_int_equal(num_vlans(), 3);
	assert_true(in_vlan(0) && in_vlan(4095) && in_vlan(200)); /* 200: in no pool's list */
	PF_REG(pf, VT_CTL) |= BIT(29);
	ask(NIC_PF);
	assert_int_equal(num_vlans(), 2);
}

/* Without the VLAN filter every pool is in every VLAN; anti-spoofing stays. */
static void without_vlan_filter(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG(pf, RCTL) &= ~VFE;
	PF_REG_N(pf, VMOLR, 0) = 0;
	ask(0);
	assert_true(p.untagged && p.spoof_vlan && !p.any_vlan);
	ask(NIC_PF);
	assert_true(p.any_vlan);
	PF_REG(pf, DTXSWC) = 0;
	ask(0);
	assert_true(p.any_vlan);
}

static void a_port_vlan(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG_N(pf, VMVIR, 1) = INSERT | 5u << 13 | 77;
	ask(1);
	assert_int_equal(p.pvid, 77);
	assert_int_equal(p.qos, 5);
	assert_false(p.untagged);
	assert_true(in_vlan(77));
	ask(0);
	assert_int_equal(p.pvid, 0);
	PF_REG_N(pf, VMVIR, 1) = INSERT << 1 | 77; /* never insert */
	ask(1);
	assert_int_equal(p.pvid, 0);
	assert_true(p.untagged);
	PF_REG_N(pf, VMVIR, 1) = INSERT | 5u << 13; /* a priority alone is no VLAN */
	ask(1);
	assert_int_equal(p.pvid, 0);
	assert_true(p.untagged);
}

/* The default pool's promiscuity, and what igb sets for it. */
static void a_promiscuous_pf(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG(pf, RCTL) |= UPE | MPE;
	ask(NIC_PF);
	assert_true(p.unknown_uc && p.allmulti);
	assert_false(p.promisc); /* what is a VF's stays the VF's */
	ask(0);
	assert_false(p.unknown_uc || p.allmulti);
	PF_REG(pf, VT_CTL) |= BIT(29);
	ask(NIC_PF);
	assert_false(p.unknown_uc || p.allmulti);
	PF_REG(pf, VT_CTL) &= ~BIT(29);
	PF_REG(pf, RCTL) &= ~(UPE | MPE);
	PF_REG_N(pf, VMOLR, PF_POOL) |= MPME;
	ask(NIC_PF);
	assert_true(p.allmulti);
	PF_REG(pf, VT_CTL) |= BIT(29);
	PF_REG_N(pf, VMOLR, PF_POOL) |= ROPE | MPME;
	set_uta(0xffffffff);
	ask(NIC_PF);
	assert_true(p.unknown_uc && p.allmulti);
}

/* A driver that names a VF's pool as the default loses its own. */
static void a_vf_as_default_pool(void **state)
{
	(void)state;
	igb_with_vfs();
	PF_REG(pf, VT_CTL) = 1u << 7;
	PF_REG(pf, RCTL) |= UPE;
	ask(NIC_PF);
	assert_false(p.rx_on);
	assert_int_equal(p.num_macs, 0);
	ask(1);
	assert_true(p.unknown_uc);
	assert_int_equal(p.num_macs, 1);
	i82576_pf_publish_rss(pf);
	assert_int_equal(atomic_load(&pf->fn.rss)->unhashed, 1);
	assert_false(atomic_load(&pf->fn.own_queues) & BIT(1));
}

/* As igb computes the factor, for every rate it takes. */
static void rates(void **state)
{
	(void)state;
	igb_with_vfs();
	for (uint32_t rate = 1; rate <= 1000; rate++) {
		uint32_t whole = 1000 / rate, rest = (1000 - whole * rate) * 16384 / rate;

		pf->bcnrc[1] = BIT(31) | whole << 14 | rest;
		ask(1);
		assert_int_equal(p.max_tx_mbps, rate);
	}
	pf->bcnrc[1] = BIT(31) | 3u << 13; /* 666 and two thirds */
	ask(1);
	assert_int_equal(p.max_tx_mbps, 667);
	pf->bcnrc[1] &= ~BIT(31);
	ask(1);
	assert_int_equal(p.max_tx_mbps, 0);
	pf->bcnrc[1] = BIT(31); /* no factor, and one below 1: no limit */
	ask(1);
	assert_int_equal(p.max_tx_mbps, 0);
	pf->bcnrc[1] = BIT(31) | 0x3fff;
	ask(1);
	assert_int_equal(p.max_tx_mbps, 0);
	pf->bcnrc[1] = 0xffffffff; /* next to nothing is not "no limit" */
	ask(1);
	assert_int_equal(p.max_tx_mbps, 1);
	pf->phy.speed = 1;
	pf->bcnrc[1] = BIT(31) | 2u << 14;
	ask(1);
	assert_int_equal(p.max_tx_mbps, 50);
	ask(0);
	assert_int_equal(p.max_tx_mbps, 0);
}

/* Whatever is in the registers. */
static void random_registers(void **state)
{
	uint32_t x = 12345;

	(void)state;
	i82576_pf_set_vfs(pf, 2);
	for (unsigned round = 0; round < 200; round++) {
		for (uint32_t off = 0; off < 0xb000; off += 4) {
			x = x * 1664525 + 1013904223;
			pf->bar0[off / 4] = x ^ x >> 13;
		}
		PF_REG(pf, MRQC) = (PF_REG(pf, MRQC) & ~7u) | (round % 8);
		for (unsigned i = 0; i < I82576_MAX_QUEUES; i++)
			pf->bcnrc[i] = pf->bar0[round * 16 + i];
		for (unsigned n = 0; n < 4; n++) {
			ask(n == 3 ? NIC_PF : n);
			assert_in_range(p.num_macs, 0, NIC_PORT_MACS);
			assert_in_range(p.max_frame, 0, NIC_JUMBO_MAX);
			assert_true(p.pvid < NIC_VLANS && p.qos < 8);
		}
		i82576_pf_publish_rss(pf);
		assert_true(atomic_load(&pf->fn.rss)->unhashed < 16);
	}
}

/* ---- queues ---- */

static const struct i82576_rss *rss_of(struct i82576_fn *fn)
{
	i82576_pf_publish_rss(pf);
	return atomic_load(&fn->rss);
}

static void set_reta(void)
{
	for (unsigned i = 0; i < 32; i++)
		PF_REG_N(pf, RETA, i) = 0x08050300 + i * 0x01010101;
}

/* Byte i of the table that set_reta writes. */
static unsigned reta_of(unsigned i)
{
	static const uint8_t start[] = {0, 3, 5, 8};

	return start[i % 4] + i / 4;
}

static void rss_without_vmdq(void **state)
{
	const struct i82576_rss *rss;
	struct net_rss_key key;
	uint8_t raw[NET_RSS_KEY];

	(void)state;
	set_reta();
	for (unsigned i = 0; i < NET_RSS_KEY; i++)
		raw[i] = (uint8_t)(i * 41 + 1);
	memcpy(&PF_REG(pf, RSSRK), raw, sizeof(raw));
	net_rss_key_init(&key, raw);
	PF_REG(pf, MRQC) = MRQC_IGB | 4u << 3 | 2;
	PF_REG(pf, RXCSUM) = BIT(13);
	rss = rss_of(&pf->fn);
	assert_true(rss->on && rss->report);
	assert_int_equal(rss->unhashed, 4);
	assert_int_equal(rss->types, 0x37);
	assert_memory_equal(&rss->key, &key, sizeof(key));
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(rss->queue[i], reta_of(i) & 15);
	assert_ptr_equal(rss_of(&pf->fn), rss); /* nothing has changed */
	PF_REG(pf, RXCSUM) = 0;
	assert_false(rss_of(&pf->fn)->report);
	for (unsigned mode = 0; mode < 2; mode++) {
		PF_REG(pf, MRQC) = MRQC_IGB | 5u << 3 | mode;
		rss = rss_of(&pf->fn);
		assert_false(rss->on || rss->report);
		assert_int_equal(rss->unhashed, 5);
	}
	assert_null(atomic_load(&tc.vf[0]->fn.rss));
}

static void queues_of_pools(void **state)
{
	const struct i82576_rss *rss;

	(void)state;
	igb_with_vfs();
	set_reta();
	PF_REG_N(pf, VMOLR, PF_POOL) |= RSSE;
	rss = rss_of(&pf->fn);
	assert_false(rss->on);
	assert_int_equal(rss->unhashed, PF_POOL);
	PF_REG(pf, MRQC) = MRQC_IGB | 5;
	rss = rss_of(&pf->fn);
	assert_true(rss->on);
	assert_int_equal(rss->unhashed, PF_POOL);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(rss->queue[i], PF_POOL + (reta_of(i) & 8));
	assert_null(atomic_load(&tc.vf[0]->fn.rss));
	PF_REG_N(pf, VMOLR, 1) |= RSSE;
	rss = rss_of(&tc.vf[1]->fn);
	assert_true(rss->on);
	assert_int_equal(rss->unhashed, 0);
	for (unsigned i = 0; i < 128; i++)
		assert_int_equal(rss->queue[i], reta_of(i) >> 3 & 1);
	assert_null(atomic_load(&tc.vf[0]->fn.rss));
	PF_REG_N(pf, VMOLR, PF_POOL) &= ~RSSE;
	assert_false(rss_of(&pf->fn)->on);
	i82576_pf_set_vfs(pf, 1);
	assert_null(rss_of(&tc.vf[1]->fn));
}

/* They are let go, so that a register access does not wait for them for ever. */
static void queues_that_vfs_take_are_let_go(void **state)
{
	(void)state;
	for (unsigned q = 1; q < 10; q++) {
		__atomic_store_n(&pf->txq[q].regs[Q_CTL], DCTL_ENABLE, __ATOMIC_RELAXED);
		atomic_store(&pf->rxq[q].active, true);
		atomic_store(&pf->txq[q].active, true);
	}
	i82576_pf_set_vfs(pf, 2);
	assert_int_equal(atomic_load(&pf->fn.own_queues), 0xfcfc);
	assert_false(atomic_load(&pf->rxq[1].active) || atomic_load(&pf->txq[9].active));
	assert_true(atomic_load(&pf->txq[2].active));
}

static uint64_t tx_from(void)
{
	i82576_pf_gate_transmit(pf);
	return atomic_load(&pf->fn.tx_from);
}

/* Descriptors wait without transmitter or link, and for a fifth of a second after both are
 * there. */
static void the_transmitter_takes_its_time(void **state)
{
	uint64_t from, before = clock_ns();

	(void)state;
	assert_int_equal(tx_from(), UINT64_MAX);
	PF_REG(pf, TCTL) = BIT(1);
	from = tx_from();
	assert_in_range(from, before + 200 * NSEC_PER_MSEC, clock_ns() + 200 * NSEC_PER_MSEC);
	assert_int_equal(tx_from(), from);
	pf->phy.link = false;
	assert_int_equal(tx_from(), UINT64_MAX);
	pf->phy.link = true;
	assert_true(tx_from() >= from && tx_from() != UINT64_MAX);
	PF_REG(pf, RCTL) |= 3 << 6; /* MAC loopback: nobody else is on that link */
	assert_int_equal(tx_from(), 0);
	PF_REG(pf, TCTL) = 0;
	assert_int_equal(tx_from(), UINT64_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, pf_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pf_alone_has_the_ports_filters),
		TEST(each_bit_of_a_pf_alone),
		TEST(the_longest_frame),
		TEST(multicast_hashes_agree),
		TEST(without_vmdq_vfs_are_cut_off),
		TEST(a_vf_as_igb_sets_it_up),
		TEST(a_vf_that_is_not_there_has_nothing),
		TEST(the_operator_may_let_control_frames_pass),
		TEST(flow_control_is_what_ctrl_says),
		TEST(each_bit_of_a_pool),
		TEST(addresses_go_to_their_pools),
		TEST(vlans_go_to_their_pools),
		TEST(without_vlan_filter),
		TEST(a_port_vlan),
		TEST(a_promiscuous_pf),
		TEST(a_vf_as_default_pool),
		TEST(rates),
		TEST(random_registers),
		TEST(rss_without_vmdq),
		TEST(queues_of_pools),
		TEST(queues_that_vfs_take_are_let_go),
		TEST(the_transmitter_takes_its_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
