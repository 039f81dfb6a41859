/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The PHY, an Intel IGP03, behind MDIC (82576 3.5.8, 8.2.4, 8.25), and the link that follows
 * from it.
 *
 * At the other end of the wire is a switch port that can do all speeds, and pause where the
 * card has flow control on: then a driver that negotiates it comes to what the operator said.
 * Negotiation and resets take no time. Registers 16 to 30 exist once a page (register 31); of
 * the pages other than 0 only those registers read something that drivers ask for.
 */
#include "clock.h"
#include "i82576_pf_regs.h"
#include "i82576_regs.h"

#define MDIC_DATA     GENMASK(15, 0)
#define MDIC_REG      GENMASK(20, 16)
#define MDIC_PHY      GENMASK(25, 21)
#define MDIC_OP	      GENMASK(27, 26)
#define MDIC_READY    BIT(28)
#define MDIC_INT_EN   BIT(29)
#define MDIC_ERROR    BIT(30)
#define MDIC_EXTERNAL BIT(31)
#define MDIC_WRITE    1u
#define MDIC_READ     2u
#define PHY_ADDR      1u

/* IEEE 802.3 clause 22, and the IGP's own. */
enum phy_reg {
	BMCR = 0,
	BMSR = 1,
	PHYID1 = 2,
	PHYID2 = 3,
	ANAR = 4,
	ANLPAR = 5,
	ANER = 6,
	ANNPTR = 7,
	ANLPNP = 8,
	CTRL1000 = 9,
	STAT1000 = 10,
	ESTATUS = 15,
	PORT_STATUS = 0x11,
	PORT_CTRL = 0x12,
	LINK_HEALTH = 0x13,
	GMII_FIFO = 0x14,
	POWER_MGMT = 0x19,
	PAGE_SELECT = 0x1f,
};

#define BMCR_SPEED_1000	 BIT(6)
#define BMCR_FULL_DUPLEX BIT(8)
#define BMCR_RESTART	 BIT(9)
#define BMCR_POWER_DOWN	 BIT(11)
#define BMCR_ANEG	 BIT(12)
#define BMCR_SPEED_100	 BIT(13)
#define BMCR_LOOPBACK	 BIT(14)
#define BMCR_RESET	 BIT(15)
#define BMCR_RESERVED	 GENMASK(5, 0)

#define BMSR_ABILITIES \
	0x7949u /* 10 and 100 Mb/s, more in ESTATUS, negotiation, registers above 1 */
#define BMSR_LINK	   BIT(2)
#define BMSR_ANEG_COMPLETE BIT(5)

#define AN_SELECTOR 0x0001u
#define AN_10_HALF  BIT(5)
#define AN_10_FULL  BIT(6)
#define AN_100_HALF BIT(7)
#define AN_100_FULL BIT(8)
#define AN_PAUSE    BIT(10)
#define AN_ASYM	    BIT(11)
#define AN_ACK	    BIT(14)
#define AN_NEXT	    BIT(15)
#define AN_SPEEDS   (AN_10_HALF | AN_10_FULL | AN_100_HALF | AN_100_FULL)
#define PARTNER	    (AN_SELECTOR | AN_SPEEDS | AN_ACK | AN_NEXT)

#define ANER_NEXT_PAGE_ABLE BIT(2)
#define ANER_PARTNER	    0x000bu /* it negotiates, knows next pages, and sent one */

#define CTRL1000_HALF	BIT(8)
#define CTRL1000_FULL	BIT(9)
#define CTRL1000_MASTER BIT(11)
#define CTRL1000_MANUAL BIT(12)

#define STAT1000_PARTNER_FULL BIT(11)
#define STAT1000_REMOTE_OK    BIT(12)
#define STAT1000_LOCAL_OK     BIT(13)
#define STAT1000_MASTER	      BIT(14)

#define PSSR_FULL_DUPLEX BIT(9)
#define PSSR_LINK	 BIT(10)
#define PSSR_MDIX	 BIT(11)
#define PSSR_SPEED	 GENMASK(15, 14) /* 1: 10 Mb/s, 2: 100, 3: 1000 */

#define PSCR_AUTO_MDIX	BIT(12)
#define PSCR_FORCE_MDIX BIT(13)

#define PM_D0_LPLU BIT(1) /* low power link up: negotiate the lowest speed */

/* Page and register of the gain of each pair; the value stands for some ten metres of cable. */
#define PAGE_MASK 0xffe0u
#define AGC_REG	  0x11u
#define AGC_VALUE (10u << 9)

#define STATUS_SPEED  GENMASK(7, 6)
#define STATUS_ASDV   GENMASK(9, 8)
#define STATUS_PHYRA  BIT(10)
#define STATUS_NUMVFS GENMASK(17, 14)
#define STATUS_IOV    BIT(18)
#define STATUS_MASTER BIT(19)
#define STATUS_LINK   (I82576_STATUS_LU | I82576_STATUS_FD | STATUS_SPEED)

#define RCTL_LBM GENMASK(7, 6)

enum speed { SPEED_10, SPEED_100, SPEED_1000 };

/* ---- the wire ---- */

static bool wire_up(const struct i82576_pf *pf)
{
	const struct nic_card *card = pf->fn.card;

	return !card->uplink || card->uplink_up;
}

/* What both ends can do, best first (802.3 28B.3, 40.5); false = they have nothing in common.
 */
static bool negotiate(const struct i82576_phy *phy, enum speed *ret_speed, bool *ret_full)
{
	uint32_t common = phy->reg[ANAR] & PARTNER & AN_SPEEDS;
	bool giga = phy->reg[CTRL1000] & CTRL1000_FULL;

	if (phy->reg[POWER_MGMT] & PM_D0_LPLU) {
		if (common & (AN_10_HALF | AN_10_FULL))
			common &= AN_10_HALF | AN_10_FULL;
		giga = giga && !common;
	}
	if (!giga && !common)
		return false;
	*ret_speed = giga				    ? SPEED_1000
		     : common & (AN_100_HALF | AN_100_FULL) ? SPEED_100
							    : SPEED_10;
	*ret_full = giga || common & (*ret_speed == SPEED_100 ? AN_100_FULL : AN_10_FULL);
	return true;
}

static enum speed forced_speed(uint32_t bmcr)
{
	return bmcr & BMCR_SPEED_1000  ? SPEED_1000
	       : bmcr & BMCR_SPEED_100 ? SPEED_100
				       : SPEED_10;
}

/* The PHY's link from its registers and the wire. The speed stays as it was without one. */
static void relink(struct i82576_pf *pf)
{
	struct i82576_phy *phy = &pf->phy;
	uint32_t bmcr = phy->reg[BMCR];
	enum speed speed = forced_speed(bmcr);
	bool full = bmcr & BMCR_FULL_DUPLEX, link, was = phy->link;

	if (bmcr & BMCR_POWER_DOWN)
		link = false;
	else if (bmcr & BMCR_LOOPBACK)
		link = true;
	else if (bmcr & BMCR_ANEG)
		link = wire_up(pf) && negotiate(phy, &speed, &full);
	else
		link = wire_up(pf);
	phy->link = link;
	if (link) {
		phy->speed = (uint8_t)speed;
		phy->full_duplex = full;
	} else if (was) {
		phy->link_latched_down = true;
	}
}

/* ---- the link as the MAC sees it ---- */

static bool mac_loops(const struct i82576_pf *pf)
{
	return PF_REG(pf, RCTL) & RCTL_LBM;
}

bool i82576_pf_link_up(const struct i82576_pf *pf)
{
	return (PF_REG(pf, CTRL) & I82576_CTRL_SLU) && (pf->phy.link || mac_loops(pf));
}

bool i82576_pf_loops_back(const struct i82576_pf *pf)
{
	bool phy_loops = (pf->phy.reg[BMCR] & BMCR_LOOPBACK) && pf->phy.link;

	return i82576_pf_link_up(pf) && (phy_loops || mac_loops(pf));
}

/* LU, FD and SPEED; what CTRL forces comes before what the PHY found. */
static uint32_t link_status(const struct i82576_pf *pf)
{
	uint32_t ctrl = PF_REG(pf, CTRL);
	uint32_t speed =
		ctrl & I82576_CTRL_FRCSPD ? FIELD_GET(I82576_CTRL_SPEED, ctrl) : pf->phy.speed;
	bool full = ctrl & I82576_CTRL_FRCDPX ? ctrl & I82576_CTRL_FD : pf->phy.full_duplex;
	uint32_t status = FIELD_PREP(STATUS_SPEED, speed);

	if (full)
		status |= I82576_STATUS_FD;
	if (i82576_pf_link_up(pf))
		status |= I82576_STATUS_LU;
	return status;
}

/* Tells the card and the VFs, and with lsc the driver, when the link came, went or changed. */
static void tell(struct i82576_pf *pf, bool lsc)
{
	uint32_t now = link_status(pf), before = pf->phy.status;

	pf->phy.status = now;
	if (now == before || !((now | before) & I82576_STATUS_LU))
		return;
	pf->policy_dirty = true;
	if (lsc)
		i82576_pf_raise(pf, I82576_ICR_LSC, clock_ns());
	for (unsigned n = 0; n < pf->vfs_enabled; n++)
		pf->vf[n]->peer->changed(pf->vf[n]);
}

void i82576_phy_update(struct i82576_pf *pf)
{
	relink(pf);
	tell(pf, true);
}

/* ---- registers ---- */

static void set_defaults(struct i82576_phy *phy)
{
	memset(phy->reg, 0, sizeof(phy->reg));
	phy->reg[BMCR] = BMCR_ANEG | BMCR_FULL_DUPLEX | BMCR_SPEED_1000;
	phy->reg[ANAR] = AN_SELECTOR | AN_SPEEDS | AN_PAUSE | AN_ASYM;
	phy->reg[ANNPTR] = 0x2001;
	phy->reg[CTRL1000] = CTRL1000_FULL;
	phy->reg[PORT_CTRL] = PSCR_AUTO_MDIX;
	phy->reg[GMII_FIFO] = 0x0045;
	phy->reg[POWER_MGMT] = 0x008d;
}

void i82576_phy_reset(struct i82576_pf *pf, bool power)
{
	struct i82576_phy *phy = &pf->phy;

	if (power) {
		set_defaults(phy);
		phy->speed = SPEED_1000;
		phy->full_duplex = true;
		phy->was_reset = true;
	}
	relink(pf);
	tell(pf, false);
}

static uint32_t read_bmsr(struct i82576_phy *phy)
{
	uint32_t v = BMSR_ABILITIES;

	if (phy->link && (phy->reg[BMCR] & BMCR_ANEG))
		v |= BMSR_ANEG_COMPLETE;
	if (phy->link && !phy->link_latched_down)
		v |= BMSR_LINK;
	phy->link_latched_down = false;
	return v;
}

/* Did the two ends talk? */
static bool negotiated(const struct i82576_phy *phy)
{
	return phy->link && (phy->reg[BMCR] & (BMCR_ANEG | BMCR_LOOPBACK)) == BMCR_ANEG;
}

static uint32_t read_stat1000(const struct i82576_phy *phy)
{
	uint32_t manual = CTRL1000_MANUAL | CTRL1000_MASTER, v = 0;

	if (negotiated(phy))
		v |= STAT1000_PARTNER_FULL;
	if (phy->link && phy->speed == SPEED_1000) {
		v |= STAT1000_LOCAL_OK | STAT1000_REMOTE_OK;
		if ((phy->reg[CTRL1000] & manual) == manual)
			v |= STAT1000_MASTER;
	}
	return v;
}

static uint32_t read_port_status(const struct i82576_phy *phy)
{
	uint32_t v, mdix = phy->reg[PORT_CTRL] & (PSCR_AUTO_MDIX | PSCR_FORCE_MDIX);

	if (!phy->link)
		return 0;
	v = PSSR_LINK | FIELD_PREP(PSSR_SPEED, phy->speed + 1u);
	if (phy->full_duplex)
		v |= PSSR_FULL_DUPLEX;
	return mdix == PSCR_FORCE_MDIX ? v | PSSR_MDIX : v;
}

static uint32_t read_paged(uint32_t page, uint32_t reg)
{
	bool gain = page == 0x11a0 || page == 0x12a0 || page == 0x14a0 || page == 0x18a0;

	return gain && reg == AGC_REG ? AGC_VALUE : 0;
}

/* Registers 0 to 15 and the page select itself are the same on all pages. */
static bool is_paged(const struct i82576_phy *phy, uint32_t reg)
{
	return reg > ESTATUS && reg != PAGE_SELECT && (phy->reg[PAGE_SELECT] & PAGE_MASK);
}

/* What the other end says of pause (802.3 28B.2): does it obey, and does it send? */
static uint32_t partner(const struct i82576_pf *pf)
{
	static const uint32_t pause[] = {
		[NIC_FLOW_RX] = AN_ASYM,
		[NIC_FLOW_TX] = AN_PAUSE | AN_ASYM,
		[NIC_FLOW_RX | NIC_FLOW_TX] = AN_PAUSE,
	};

	return negotiated(&pf->phy) ? PARTNER | pause[pf->fn.card->flow_mode] : 0;
}

static uint32_t phy_read(struct i82576_pf *pf, uint32_t reg)
{
	struct i82576_phy *phy = &pf->phy;

	if (is_paged(phy, reg))
		return read_paged(phy->reg[PAGE_SELECT] & PAGE_MASK, reg);
	switch (reg) {
	case BMSR:
		return read_bmsr(phy);
	case PHYID1:
		return 0x02a8;
	case PHYID2:
		return 0x0391;
	case ANLPAR:
		return partner(pf);
	case ANER:
		return ANER_NEXT_PAGE_ABLE | (negotiated(phy) ? ANER_PARTNER : 0);
	case STAT1000:
		return read_stat1000(phy);
	case ESTATUS:
		return 0x3000; /* 1000BASE-T, both duplexes */
	case PORT_STATUS:
		return read_port_status(phy);
	default:
		return phy->reg[reg];
	}
}

/* RESET and RESTART clear themselves; while negotiation starts anew the link is gone for a
 * moment, which software gets to see. */
static void write_bmcr(struct i82576_pf *pf, uint32_t v)
{
	struct i82576_phy *phy = &pf->phy;
	bool restart = (v & BMCR_ANEG) && (v & BMCR_RESTART);

	if (v & BMCR_RESET)
		set_defaults(phy);
	else
		phy->reg[BMCR] = (uint16_t)(v & ~(BMCR_RESTART | BMCR_RESERVED));
	if (!(v & BMCR_RESET) && !restart)
		return;
	phy->link_latched_down |= phy->link;
	if (i82576_pf_link_up(pf))
		i82576_pf_raise(pf, I82576_ICR_LSC, clock_ns());
}

static void phy_write(struct i82576_pf *pf, uint32_t reg, uint32_t v)
{
	if (is_paged(&pf->phy, reg))
		return;
	switch (reg) {
	case BMCR:
		write_bmcr(pf, v);
		break;
	case BMSR:
	case PHYID1:
	case PHYID2:
	case ANLPAR:
	case ANER:
	case ANLPNP:
	case STAT1000:
	case ESTATUS:
	case PORT_STATUS:
	case LINK_HEALTH:
		break;
	default:
		pf->phy.reg[reg] = (uint16_t)v;
		break;
	}
}

/* Nobody answers at another address, nor at the external bus. */
void i82576_mdic_write(void *dev, const struct nic_reg_row *row, unsigned index,
		       uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint32_t op = FIELD_GET(MDIC_OP, written), reg = FIELD_GET(MDIC_REG, written);
	uint32_t mdic = (written & ~MDIC_ERROR) | MDIC_READY;
	bool ours = FIELD_GET(MDIC_PHY, written) == PHY_ADDR && !(written & MDIC_EXTERNAL);

	(void)row, (void)index;
	if (ours && op == MDIC_READ) {
		mdic = (mdic & ~MDIC_DATA) | phy_read(pf, reg);
	} else if (ours && op == MDIC_WRITE) {
		phy_write(pf, reg, written & MDIC_DATA);
		i82576_phy_update(pf);
	} else {
		mdic |= MDIC_ERROR;
	}
	PF_REG(pf, MDIC) = mdic;
	if (written & MDIC_INT_EN)
		i82576_pf_raise(pf, I82576_ICR_MDAC, clock_ns());
}

uint32_t i82576_pf_status_read(void *dev, const struct nic_reg_row *row, unsigned index,
			       uint32_t stored)
{
	const struct i82576_pf *pf = dev;
	uint32_t status = link_status(pf);

	(void)row, (void)index;
	status |= FIELD_PREP(STATUS_ASDV, FIELD_GET(STATUS_SPEED, status));
	status |= FIELD_PREP(STATUS_NUMVFS, pf->vfs_enabled);
	if (pf->phy.was_reset)
		status |= STATUS_PHYRA;
	if (pf->vfs_enabled)
		status |= STATUS_IOV;
	if (!(PF_REG(pf, CTRL) & I82576_CTRL_GIO_MASTER_DISABLE))
		status |= STATUS_MASTER;
	return status | (stored & ~(STATUS_LINK | STATUS_ASDV | STATUS_PHYRA | STATUS_NUMVFS |
				    STATUS_IOV | STATUS_MASTER));
}

/* Software acknowledges a PHY reset by writing 0 there; nothing else can be written. */
void i82576_pf_status_write(void *dev, const struct nic_reg_row *row, unsigned index,
			    uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	if (!(written & STATUS_PHYRA))
		pf->phy.was_reset = false;
}
