/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Filters, pools and queues of the card, as its PF driver has set them up (82576 7.10.3): who
 * receives and may send what, and in which of its queues a function receives it.
 *
 * Two modes. With VMDq on (MRQC) every VF is the pool of its number, and the PF is the default
 * pool: it also receives what passed the filters of the port but is in no pool's list. Without
 * VMDq there is the PF alone, and VFs are cut off: that is how a driver finds and leaves the
 * card, and nothing says yet which addresses are theirs.
 */
#include <stdlib.h>

#include "clock.h"
#include "i82576_pf.h"
#include "i82576_pf_regs.h"
#include "net_eth.h"

#define CTRL_RFCE BIT(27)
#define CTRL_TFCE BIT(28)

#define RCTL_RXEN BIT(1)
#define RCTL_UPE  BIT(3)
#define RCTL_MPE  BIT(4)
#define RCTL_LPE  BIT(5)
#define RCTL_BAM  BIT(15)
#define RCTL_VFE  BIT(18)
#define TCTL_EN	  BIT(1)

#define TRANSMIT_AFTER_NS (200 * NSEC_PER_MSEC)

#define RAH_ASEL GENMASK(17, 16) /* 0 = a destination */
#define RAH_POOL GENMASK(25, 18)
#define RAH_AV	 BIT(31)
#define NUM_RARS 24u

#define MRQC_ENABLE   GENMASK(2, 0)
#define MRQC_RSS      2u
#define MRQC_VMDQ     3u
#define MRQC_VMDQ_RSS 5u
#define MRQC_DEF_Q    GENMASK(5, 3)
#define MRQC_TYPES    GENMASK(31, 16)
#define RETA_QUEUE    GENMASK(3, 0)
#define RETA_SECOND   BIT(3) /* with VMDq: the second queue of the pool */
#define RXCSUM_PCSD   BIT(13)

#define VT_CTL_DEF_PL	  GENMASK(9, 7)
#define VT_CTL_NO_DEFAULT BIT(29)

#define VMOLR_RLPML   GENMASK(13, 0)
#define VMOLR_LPE     BIT(16)
#define VMOLR_RSSE    BIT(17)
#define VMOLR_AUPE    BIT(24)
#define VMOLR_ROMPE   BIT(25)
#define VMOLR_ROPE    BIT(26)
#define VMOLR_BAM     BIT(27)
#define VMOLR_MPE     BIT(28)
#define VMOLR_STRVLAN BIT(30)

#define VLVF_VLAN   GENMASK(11, 0)
#define VLVF_POOLS  GENMASK(19, 12)
#define VLVF_ENABLE BIT(31)
#define NUM_VLVFS   32u

#define VMVIR_VLAN   GENMASK(11, 0)
#define VMVIR_PRIO   GENMASK(15, 13)
#define VMVIR_VLANA  GENMASK(31, 30)
#define VLANA_ALWAYS 1u

#define DTXSWC_MAC_SPOOF  GENMASK(7, 0)
#define DTXSWC_VLAN_SPOOF GENMASK(15, 8)

#define BCNRC_ENABLE   BIT(31)
#define BCNRC_FACTOR   GENMASK(27, 0)
#define BCNRC_FRACTION 14

#define FCS_LEN 4u
#define PLAIN_MAX                                                                  \
	1518u /* bytes with FCS while long packets are not enabled; a tag is extra \
	       */

static_assert(NUM_RARS <= NIC_PORT_MACS, "a port can own all receive addresses");
static_assert(sizeof(((struct nic_policy *)0)->mta) == 128 * sizeof(uint32_t),
	      "hash tables are copied as they are");

static unsigned mrqc_mode(const struct i82576_pf *pf)
{
	return FIELD_GET(MRQC_ENABLE, PF_REG(pf, MRQC));
}

static bool vmdq_is_on(const struct i82576_pf *pf)
{
	unsigned mode = mrqc_mode(pf);

	return mode == MRQC_VMDQ || mode == MRQC_VMDQ_RSS;
}

/* The PF's pool. */
static unsigned default_pool(const struct i82576_pf *pf)
{
	return FIELD_GET(VT_CTL_DEF_PL, PF_REG(pf, VT_CTL));
}

static bool gets_leftovers(const struct i82576_pf *pf, unsigned pool)
{
	return pool == default_pool(pf) && !(PF_REG(pf, VT_CTL) & VT_CTL_NO_DEFAULT);
}

static bool in_pools(uint32_t pools, unsigned pool)
{
	return pools >> pool & 1;
}

/* ---- addresses ---- */

/* The bits of RAH and the address (net_mac_u64) of receive address i. */
static uint32_t receive_address(const struct i82576_pf *pf, unsigned i, uint64_t *ret_mac)
{
	const uint32_t *ral =
		i < 16 ? &PF_REG_N(pf, RAL, 2 * i) : &PF_REG_N(pf, RAL16, 2 * (i - 16));
	uint32_t low = ral[0], high = ral[1];
	uint8_t mac[NET_ETH_ALEN];

	put_le32(mac, low);
	put_le16(mac + 4, (uint16_t)high);
	*ret_mac = net_mac_u64(mac);
	return high;
}

/*
 * Addresses of a set of pools; leftovers: also those that no pool has. A VF's own address is
 * the last one: igb counts them from the end of the table, and puts additional filters at its
 * beginning.
 */
static void add_macs(const struct i82576_pf *pf, uint32_t pools, bool leftovers, bool backwards,
		     struct nic_policy *p)
{
	for (unsigned k = 0; k < NUM_RARS; k++) {
		uint64_t mac;
		uint32_t high = receive_address(pf, backwards ? NUM_RARS - 1 - k : k, &mac);
		uint32_t list = FIELD_GET(RAH_POOL, high);

		if (high & RAH_AV && !(high & RAH_ASEL) && (list ? list & pools : leftovers))
			p->mac[p->num_macs++] = mac;
	}
}

static bool unicast_table_is_full(const struct i82576_pf *pf)
{
	for (unsigned i = 0; i < 128; i++)
		if (PF_REG_N(pf, UTA, i) != 0xffffffff)
			return false;
	return true;
}

/* Bit 5:0 of a hash is the bit in a 64-bit word, as two 32-bit registers have it. */
static void copy_mta(const struct i82576_pf *pf, struct nic_policy *p)
{
	memcpy(p->mta, &PF_REG(pf, MTA), sizeof(p->mta));
}

/* ---- VLANs ---- */

static bool vfta_has(const struct i82576_pf *pf, unsigned vid)
{
	return PF_REG_N(pf, VFTA, vid / 32) >> (vid % 32) & 1;
}

/* What the port lets through and VLVF gives to the pool. */
static void add_pool_vlans(const struct i82576_pf *pf, unsigned pool, struct nic_policy *p)
{
	for (unsigned i = 0; i < NUM_VLVFS; i++) {
		uint32_t vlvf = PF_REG_N(pf, VLVF, i);
		unsigned vid = FIELD_GET(VLVF_VLAN, vlvf);

		if (vlvf & VLVF_ENABLE && in_pools(FIELD_GET(VLVF_POOLS, vlvf), pool) &&
		    vfta_has(pf, vid))
			nic_bitmap_assign(p->vlans, vid, true);
	}
}

/* The default pool also has VLANs that VLVF gives to nobody. */
static void add_leftover_vlans(const struct i82576_pf *pf, struct nic_policy *p)
{
	uint64_t given[NIC_VLANS / 64] = {0}, vfta;

	for (unsigned i = 0; i < NUM_VLVFS; i++) {
		uint32_t vlvf = PF_REG_N(pf, VLVF, i);

		if (vlvf & VLVF_ENABLE)
			nic_bitmap_assign(given, FIELD_GET(VLVF_VLAN, vlvf), true);
	}
	for (unsigned w = 0; w < ARRAY_SIZE(given); w++) {
		memcpy(&vfta, &PF_REG_N(pf, VFTA, 2 * w), sizeof(vfta));
		p->vlans[w] |= vfta & ~given[w];
	}
}

/* ---- lengths, rates ---- */

/* Bytes stored at most, from a length with FCS. A tag that is stripped does not count. */
static uint32_t stored_max(bool long_packets, uint32_t rlpml, bool strips)
{
	uint32_t max = PLAIN_MAX + (strips ? 0 : NET_VLAN_HLEN);

	if (long_packets)
		max = MIN(rlpml, NIC_JUMBO_MAX);
	return max > FCS_LEN ? max - FCS_LEN : 0;
}

static uint32_t port_max(const struct i82576_pf *pf, bool strips)
{
	return stored_max(PF_REG(pf, RCTL) & RCTL_LPE, PF_REG(pf, RLPML), strips);
}

/* The rate factor is how many times the rate goes into the link's; what is no limit gives 0. */
static uint32_t max_mbps(const struct i82576_pf *pf, uint32_t bcnrc)
{
	static const uint16_t link_mbps[] = {10, 100, 1000};
	uint32_t factor = FIELD_GET(BCNRC_FACTOR, bcnrc);
	uint32_t link = (uint32_t)link_mbps[MIN(pf->phy.speed, 2)] << BCNRC_FRACTION;

	if (!(bcnrc & BCNRC_ENABLE) || factor < BIT(BCNRC_FRACTION))
		return 0;
	return MAX((link + factor / 2) / factor, 1u);
}

/* ---- policies ---- */

/* The pool's own filters and what it may send. */
static void pool_policy(const struct i82576_pf *pf, unsigned pool, struct nic_policy *p)
{
	uint32_t vmolr = PF_REG_N(pf, VMOLR, pool), vmvir = PF_REG_N(pf, VMVIR, pool);
	uint32_t dtxswc = PF_REG(pf, DTXSWC);
	bool filters_vlans = PF_REG(pf, RCTL) & RCTL_VFE;

	p->broadcast = vmolr & VMOLR_BAM;
	p->allmulti = vmolr & VMOLR_MPE;
	if (vmolr & VMOLR_ROMPE)
		copy_mta(pf, p);
	p->unknown_uc = vmolr & VMOLR_ROPE && unicast_table_is_full(pf);
	p->strip_tag = vmolr & VMOLR_STRVLAN;
	p->max_frame =
		MIN(port_max(pf, p->strip_tag),
		    stored_max(vmolr & VMOLR_LPE, FIELD_GET(VMOLR_RLPML, vmolr), p->strip_tag));
	p->spoof_mac = in_pools(FIELD_GET(DTXSWC_MAC_SPOOF, dtxswc), pool);
	p->spoof_vlan = in_pools(FIELD_GET(DTXSWC_VLAN_SPOOF, dtxswc), pool);
	p->untagged = vmolr & VMOLR_AUPE || !filters_vlans;
	/* Anti-spoofing looks at VLVF all the same. */
	p->any_vlan = !filters_vlans && !p->spoof_vlan;
	add_pool_vlans(pf, pool, p);
	if (FIELD_GET(VMVIR_VLANA, vmvir) == VLANA_ALWAYS && FIELD_GET(VMVIR_VLAN, vmvir)) {
		p->pvid = (uint16_t)FIELD_GET(VMVIR_VLAN, vmvir);
		p->qos = (uint8_t)FIELD_GET(VMVIR_PRIO, vmvir);
		p->untagged = false;
		nic_bitmap_assign(p->vlans, p->pvid, true);
	}
}

/* What no pool has claimed goes to the default pool, if the port let it in. */
static void default_policy(const struct i82576_pf *pf, struct nic_policy *p)
{
	uint32_t rctl = PF_REG(pf, RCTL);

	p->unknown_uc |= rctl & RCTL_UPE || unicast_table_is_full(pf);
	p->allmulti |= !!(rctl & RCTL_MPE);
	add_leftover_vlans(pf, p);
}

static void vf_policy(const struct i82576_pf *pf, unsigned n, struct nic_policy *p)
{
	p->filter_control = !pf->fn.card->pass_control;
	if (n >= pf->vfs_enabled)
		return;
	p->link_up = i82576_pf_link_up(pf);
	if (!vmdq_is_on(pf))
		return;
	p->rx_on = PF_REG(pf, RCTL) & RCTL_RXEN && in_pools(PF_REG(pf, VFRE), n);
	p->tx_on = PF_REG(pf, TCTL) & TCTL_EN && in_pools(PF_REG(pf, VFTE), n);
	p->max_tx_mbps = max_mbps(pf, pf->bcnrc[n]);
	pool_policy(pf, n, p);
	add_macs(pf, BIT(n), gets_leftovers(pf, n), true, p);
	if (gets_leftovers(pf, n))
		default_policy(pf, p);
}

/* The PF without VMDq has the port's filters. */
static void lone_policy(const struct i82576_pf *pf, struct nic_policy *p)
{
	uint32_t rctl = PF_REG(pf, RCTL);

	p->untagged = true;
	p->broadcast = rctl & RCTL_BAM;
	p->allmulti = rctl & RCTL_MPE;
	p->unknown_uc = rctl & RCTL_UPE || unicast_table_is_full(pf);
	p->promisc = rctl & RCTL_UPE && rctl & RCTL_MPE;
	p->strip_tag = PF_REG(pf, CTRL) & I82576_CTRL_VME;
	p->max_frame = port_max(pf, p->strip_tag);
	p->any_vlan = !(rctl & RCTL_VFE);
	memcpy(p->vlans, &PF_REG(pf, VFTA), sizeof(p->vlans));
	copy_mta(pf, p);
}

static void pf_policy(const struct i82576_pf *pf, struct nic_policy *p)
{
	unsigned pool = default_pool(pf);

	p->link_up = i82576_pf_link_up(pf);
	p->loopback = i82576_pf_loops_back(pf);
	p->rx_on = PF_REG(pf, RCTL) & RCTL_RXEN;
	p->tx_on = PF_REG(pf, TCTL) & TCTL_EN;
	if (!vmdq_is_on(pf)) {
		lone_policy(pf, p);
		add_macs(pf, ~0u, true, false, p);
	} else if (pool >= pf->vfs_enabled) {
		pool_policy(pf, pool, p);
		add_macs(pf, BIT(pool), gets_leftovers(pf, pool), false, p);
		if (gets_leftovers(pf, pool))
			default_policy(pf, p);
	} else {
		p->rx_on = false; /* the default pool is a VF: nothing is the PF's */
	}
}

static void owner_policy(void *arg, unsigned n, struct nic_policy *p)
{
	const struct i82576_pf *pf = arg;

	if (n == NIC_PF)
		pf_policy(pf, p);
	else
		vf_policy(pf, n, p);
}

static bool owner_link_up(void *arg, unsigned n)
{
	const struct i82576_pf *pf = arg;

	return n < pf->vfs_enabled && i82576_pf_link_up(pf);
}

static unsigned owner_flow(void *arg)
{
	const struct i82576_pf *pf = arg;
	uint32_t ctrl = PF_REG(pf, CTRL);

	return (ctrl & CTRL_RFCE ? NIC_FLOW_RX : 0) | (ctrl & CTRL_TFCE ? NIC_FLOW_TX : 0);
}

const struct nic_owner_ops i82576_pf_owner_ops = {
	.flow = owner_flow,
	.policy = owner_policy,
	.link_up = owner_link_up,
};

/* ---- queues ---- */

/*
 * The PF's transmit descriptors wait while the transmitter is off or has no link: a driver that
 * lost the link with frames queued resets the card to be rid of them. And they wait for a
 * moment after that: igb opens its queues before it has looked at the link, and one that is
 * full by then is woken only when it is cleaned with the carrier on, which comes a timer tick
 * and some register reads later. The hardware is saved by negotiation, which takes seconds;
 * without either the queue would stop for good.
 */
void i82576_pf_gate_transmit(struct i82576_pf *pf)
{
	bool on = i82576_pf_link_up(pf) && PF_REG(pf, TCTL) & TCTL_EN;
	uint64_t from = UINT64_MAX;

	if (on && i82576_pf_loops_back(pf))
		from = 0;
	else if (on && pf->transmits)
		return;
	else if (on)
		from = clock_ns() + TRANSMIT_AFTER_NS;
	pf->transmits = on;
	atomic_store_explicit(&pf->fn.tx_from, from, memory_order_relaxed);
}

/* Byte i of the redirection table. */
static uint32_t reta(const struct i82576_pf *pf, unsigned i)
{
	return PF_REG_N(pf, RETA, i / 4) >> (i % 4 * 8) & 0xff;
}

/* One that spreads nothing yet. */
static struct i82576_rss *rss_new(unsigned unhashed)
{
	struct i82576_rss *rss = calloc(1, sizeof(*rss));

	if (!rss)
		abort(); /* nothing in between the old rules and the new would be safe */
	rss->unhashed = (uint8_t)unhashed;
	return rss;
}

static void rss_spread(const struct i82576_pf *pf, struct i82576_rss *rss)
{
	rss->on = true;
	rss->report = PF_REG(pf, RXCSUM) & RXCSUM_PCSD;
	rss->types = FIELD_GET(MRQC_TYPES, PF_REG(pf, MRQC));
	net_rss_key_init(&rss->key, (const uint8_t *)&PF_REG(pf, RSSRK));
}

/* The two queues of a pool: of the pool's number and 8 more on the card, 0 and 1 in a VF. */
static struct i82576_rss *pool_rss(const struct i82576_pf *pf, unsigned pool, unsigned first,
				   unsigned second)
{
	struct i82576_rss *rss = rss_new(first);

	if (mrqc_mode(pf) != MRQC_VMDQ_RSS || !(PF_REG_N(pf, VMOLR, pool) & VMOLR_RSSE))
		return rss;
	rss_spread(pf, rss);
	for (unsigned i = 0; i < ARRAY_SIZE(rss->queue); i++)
		rss->queue[i] = (uint8_t)(reta(pf, i) & RETA_SECOND ? second : first);
	return rss;
}

static struct i82576_rss *lone_rss(const struct i82576_pf *pf)
{
	struct i82576_rss *rss = rss_new(FIELD_GET(MRQC_DEF_Q, PF_REG(pf, MRQC)));

	if (mrqc_mode(pf) != MRQC_RSS)
		return rss;
	rss_spread(pf, rss);
	for (unsigned i = 0; i < ARRAY_SIZE(rss->queue); i++)
		rss->queue[i] = (uint8_t)FIELD_GET(RETA_QUEUE, reta(pf, i));
	return rss;
}

/* Publishing waits for the data path: only when something has changed. */
static void publish(struct i82576_fn *fn, struct i82576_rss *rss)
{
	const struct i82576_rss *now = atomic_load(&fn->rss);

	if (now && rss && memcmp(now, rss, sizeof(*now)) == 0)
		free(rss);
	else if (now || rss)
		i82576_fn_set_rss(fn, rss);
}

/*
 * Queues n and n + 8 belong to VF n. What the PF loses is let go when the data path is through
 * with it: it does not look at the queue's ENABLE any more.
 */
static void publish_own_queues(struct i82576_pf *pf)
{
	uint32_t own = BIT(I82576_MAX_QUEUES) - 1, lost;

	for (unsigned n = 0; n < pf->vfs_enabled; n++)
		own &= ~(BIT(n) | BIT(n + I82576_POOLS));
	lost = atomic_exchange(&pf->fn.own_queues, own) & ~own;
	if (!lost)
		return;
	nic_dp_quiesce(pf->fn.card->dp);
	for (; lost; lost &= lost - 1) {
		atomic_store(&pf->rxq[__builtin_ctz(lost)].active, false);
		atomic_store(&pf->txq[__builtin_ctz(lost)].active, false);
	}
}

void i82576_pf_publish_rss(struct i82576_pf *pf)
{
	unsigned pool = default_pool(pf);

	publish_own_queues(pf);
	publish(&pf->fn,
		vmdq_is_on(pf) ? pool_rss(pf, pool, pool, pool + I82576_POOLS) : lone_rss(pf));
	for (unsigned n = 0; n < pf->num_vfs; n++) {
		bool two = n < pf->vfs_enabled && mrqc_mode(pf) == MRQC_VMDQ_RSS &&
			   PF_REG_N(pf, VMOLR, n) & VMOLR_RSSE;

		publish(&pf->vf[n]->fn, two ? pool_rss(pf, n, 0, 1) : NULL);
	}
}
