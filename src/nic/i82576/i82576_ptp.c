/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Time and time stamps (82576 7.10, 8.16).
 *
 * SYSTIM is not counted but computed: from its value at some time and what TIMINCA adds to it
 * every so many ticks of 16 ns. There are two copies of these: control changes the one that is
 * not in use and then the sequence count that says which is. So the data path never waits for
 * control; it looks again when the count has moved on.
 *
 * There is one stamp each way. Between the frame that was stamped and the driver reading the
 * stamp's upper half, VALID is set and no other frame is stamped. Only the data path sets
 * VALID, with a compare-and-exchange on the register that also enables it, so a stamp that was
 * switched off meanwhile does not appear.
 */
#include "clock.h"
#include "i82576_pf_regs.h"
#include "net_eth.h"
#include "net_parse.h"

#define TICK_NS	       16u
#define TIMINCA_VALUE  GENMASK(23, 0)
#define TIMINCA_PERIOD GENMASK(31, 24)
#define TIMADJH_MINUS  BIT(31)

#define TSYNC_VALID  BIT(0)
#define TSYNC_TYPE   GENMASK(3, 1)
#define TSYNC_EN     BIT(4)
#define TSYNCTX_KEPT TSYNC_EN
#define TSYNCRX_KEPT (TSYNC_EN | TSYNC_TYPE)

/* TSYNCRXCTL.TYPE. */
enum stamp_type {
	STAMP_L2_V2 = 0,
	STAMP_L4_V1 = 1,
	STAMP_V2 = 2,
	STAMP_ALL = 4,
	STAMP_EVENT_V2 = 5,
};

#define TSYNCRXCFG_CTRLT GENMASK(7, 0)
#define TSYNCRXCFG_MSGT	 GENMASK(11, 8)

#define ETQF_ETYPE  GENMASK(15, 0)
#define ETQF_ENABLE BIT(26)
#define ETQF_1588   BIT(30)

#define FTQF_PROTO	  GENMASK(7, 0)
#define FTQF_1588	  BIT(27)
#define FTQF_ANY_PROTO	  BIT(28)
#define FTQF_ANY_ADDR	  GENMASK(30, 29)
#define FTQF_ANY_SRC_PORT BIT(31)
#define IMIR_ANY_PORT	  BIT(17)

/* One word of i82576_ptp.l4: ports as they lie in the frame. */
#define L4_DST_PORT	0xffffull
#define L4_SRC_SHIFT	16
#define L4_ANY_DST_PORT BIT64(32)
#define L4_ANY_SRC_PORT BIT64(33)
#define L4_ON		BIT64(34)

/* The part of a PTP message that versions 1 and 2 have in common (IEEE 1588). */
#define PTP_MIN	     36u
#define PTP_VERSION  1u	 /* version 2: low half of this byte */
#define PTP_SOURCE   22u /* six bytes of the sender's address */
#define PTP_SEQUENCE 30u
#define PTP_CONTROL  32u

#define PROTO_UDP 17u
#define UDP_LEN	  8u
#define RXD_TS	  BIT(16) /* status: the stamp registers hold this frame's */

/* ---- time ---- */

/* SYSTIM grows once in so many nanoseconds. */
static uint64_t period_ns(uint32_t timinca)
{
	return (uint64_t)TICK_NS * MAX(FIELD_GET(TIMINCA_PERIOD, timinca), 1u);
}

/* What clock[] says, all of one set. */
struct clock_now {
	uint64_t base, base_ns;
	uint32_t timinca;
};

/*
 * Acquire, with clock_write's releases: whoever reads a field that is being changed for the
 * next count but one also sees that the count has moved on.
 */
static struct clock_now clock_read(const struct i82576_ptp *ptp)
{
	struct clock_now c;
	uint32_t seq;

	do {
		const struct i82576_clock *p;

		seq = atomic_load_explicit(&ptp->seq, memory_order_acquire);
		p = &ptp->clock[seq % 2];
		c.base = atomic_load_explicit(&p->base, memory_order_acquire);
		c.base_ns = atomic_load_explicit(&p->base_ns, memory_order_acquire);
		c.timinca = atomic_load_explicit(&p->timinca, memory_order_acquire);
	} while (seq != atomic_load_explicit(&ptp->seq, memory_order_relaxed));
	return c;
}

static void clock_write(struct i82576_ptp *ptp, const struct clock_now *c)
{
	uint32_t seq = atomic_load_explicit(&ptp->seq, memory_order_relaxed) + 1;
	struct i82576_clock *p = &ptp->clock[seq % 2];

	atomic_store_explicit(&p->base, c->base, memory_order_release);
	atomic_store_explicit(&p->base_ns, c->base_ns, memory_order_release);
	atomic_store_explicit(&p->timinca, c->timinca, memory_order_release);
	atomic_store_explicit(&ptp->seq, seq, memory_order_release);
}

/* Whole periods from the base to now_ns; the data path's now may be older than the base. */
static uint64_t periods(const struct clock_now *c, uint64_t now_ns)
{
	return now_ns <= c->base_ns ? 0 : (now_ns - c->base_ns) / period_ns(c->timinca);
}

static uint64_t time_after(const struct clock_now *c, uint64_t n)
{
	return c->base + n * FIELD_GET(TIMINCA_VALUE, c->timinca);
}

uint64_t i82576_ptp_time(const struct i82576_ptp *ptp, uint64_t now_ns)
{
	struct clock_now c = clock_read(ptp);

	return time_after(&c, periods(&c, now_ns));
}

void i82576_ptp_set_time(struct i82576_ptp *ptp, uint64_t time, uint64_t now_ns)
{
	struct clock_now c = clock_read(ptp);

	c.base = time;
	c.base_ns = now_ns;
	clock_write(ptp, &c);
}

/* The new rate begins where the last whole period ended, so that a clock which is adjusted
 * often does not lose a piece each time. */
void i82576_ptp_set_rate(struct i82576_ptp *ptp, uint32_t timinca, uint64_t now_ns)
{
	struct clock_now c = clock_read(ptp);
	uint64_t n = periods(&c, now_ns);

	c.base = time_after(&c, n);
	c.base_ns += n * period_ns(c.timinca);
	c.timinca = timinca;
	clock_write(ptp, &c);
}

/* ---- data path ---- */

/* Sets VALID, unless control has changed the register since ctl was read from it. */
static bool publish(_Atomic uint32_t *reg, uint32_t ctl)
{
	/* Release: the stamp before VALID; pairs with i82576_tsync_read. */
	return atomic_compare_exchange_strong_explicit(
		reg, &ctl, ctl | TSYNC_VALID, memory_order_release, memory_order_relaxed);
}

void i82576_ptp_sending(struct i82576_pf *pf)
{
	struct i82576_ptp *ptp = &pf->ptp;
	uint32_t ctl = atomic_load_explicit(&ptp->tsynctxctl, memory_order_acquire);

	if (!(ctl & TSYNC_EN) || (ctl & TSYNC_VALID))
		return;
	atomic_store_explicit(&ptp->tx_stamp, i82576_ptp_time(ptp, clock_ns()),
			      memory_order_relaxed);
	publish(&ptp->tsynctxctl, ctl);
}

/* len bytes of the frame from off on, each read once; false when it is shorter than that. */
static bool peek(const struct nic_rx_meta *meta, const struct nic_sink *sink, uint32_t off,
		 uint8_t *buf, uint32_t len)
{
	off += meta->tags_len;
	if (off + len > meta->len)
		return false;
	for (unsigned i = 0; i < sink->n && len; i++) {
		uint32_t n;

		if (off >= sink->iov[i].len) {
			off -= sink->iov[i].len;
			continue;
		}
		n = MIN(len, sink->iov[i].len - off);
		memcpy(buf, sink->iov[i].ptr + off, n);
		buf += n;
		len -= n;
		off = 0;
	}
	return len == 0;
}

static bool l2_filtered(const struct i82576_ptp *ptp, uint32_t ethertype)
{
	for (unsigned i = 0; i < ARRAY_SIZE(ptp->etqf); i++) {
		uint32_t f = atomic_load_explicit(&ptp->etqf[i], memory_order_relaxed);

		if ((f & ETQF_ENABLE) && (f & ETQF_1588) &&
		    FIELD_GET(ETQF_ETYPE, f) == ethertype)
			return true;
	}
	return false;
}

static bool l4_filtered(const struct i82576_ptp *ptp, const uint8_t *udp)
{
	uint64_t src = get_le16(udp), dst = get_le16(udp + 2);

	for (unsigned i = 0; i < ARRAY_SIZE(ptp->l4); i++) {
		uint64_t f = atomic_load_explicit(&ptp->l4[i], memory_order_relaxed);

		if (!(f & L4_ON) || (!(f & L4_ANY_DST_PORT) && (f & L4_DST_PORT) != dst))
			continue;
		if ((f & L4_ANY_SRC_PORT) || (f >> L4_SRC_SHIFT & L4_DST_PORT) == src)
			return true;
	}
	return false;
}

/* The beginning of the PTP message in a frame that a filter marks as one. */
static bool find_message(const struct i82576_ptp *ptp, const struct nic_rx_meta *meta,
			 const struct nic_sink *sink, uint8_t msg[PTP_MIN], bool *ret_l4)
{
	const struct net_parsed *p = meta->parsed;
	uint8_t buf[UDP_LEN + PTP_MIN];

	*ret_l4 = p->l4 == NET_L4_UDP;
	if (!*ret_l4)
		return l2_filtered(ptp, p->ethertype) &&
		       peek(meta, sink, NET_ETH_HLEN + NET_VLAN_HLEN * p->tags, msg, PTP_MIN);
	if (!peek(meta, sink, p->l4_off, buf, sizeof(buf)) || !l4_filtered(ptp, buf))
		return false;
	memcpy(msg, buf + UDP_LEN, PTP_MIN);
	return true;
}

/* Is it a message of the kind that TSYNCRXCTL and TSYNCRXCFG ask for? */
static bool is_wanted(uint32_t type, uint32_t cfg, const uint8_t *msg, bool l4)
{
	unsigned id = msg[0] & 15;
	bool v2 = (msg[PTP_VERSION] & 15) == 2;
	/* Requests and responses about the delay to a peer go with every kind. */
	bool kind = id == FIELD_GET(TSYNCRXCFG_MSGT, cfg) || id == 2 || id == 3;

	switch (type) {
	case STAMP_L2_V2:
		return !l4 && v2 && kind;
	case STAMP_V2:
		return v2 && kind;
	case STAMP_EVENT_V2:
		return v2 && !(id & 8);
	case STAMP_L4_V1:
		return l4 && get_be16(msg) == 1 &&
		       msg[PTP_CONTROL] == FIELD_GET(TSYNCRXCFG_CTRLT, cfg);
	default:
		return false;
	}
}

static uint64_t source_of(const uint8_t *msg)
{
	uint64_t id = get_le32(&msg[PTP_SOURCE]) | (uint64_t)get_le16(&msg[PTP_SOURCE + 4])
							   << 32;

	return id | (uint64_t)get_le16(&msg[PTP_SEQUENCE]) << 48;
}

static void stamp_rx(struct i82576_ptp *ptp)
{
	atomic_store_explicit(&ptp->rx_stamp, i82576_ptp_time(ptp, clock_ns()),
			      memory_order_relaxed);
}

uint32_t i82576_ptp_received(struct i82576_pf *pf, const struct nic_rx_meta *meta,
			     const struct nic_sink *sink)
{
	struct i82576_ptp *ptp = &pf->ptp;
	uint32_t ctl = atomic_load_explicit(&ptp->tsyncrxctl, memory_order_acquire);
	uint32_t type = FIELD_GET(TSYNC_TYPE, ctl), cfg;
	uint8_t msg[PTP_MIN];
	bool l4;

	if (!(ctl & TSYNC_EN))
		return 0;
	if (type == STAMP_ALL) {
		/* The registers follow the last frame; no descriptor speaks of it. */
		stamp_rx(ptp);
		publish(&ptp->tsyncrxctl, ctl);
		return 0;
	}
	if ((ctl & TSYNC_VALID) || !find_message(ptp, meta, sink, msg, &l4))
		return 0;
	cfg = atomic_load_explicit(&ptp->tsyncrxcfg, memory_order_relaxed);
	if (!is_wanted(type, cfg, msg, l4))
		return 0;
	stamp_rx(ptp);
	atomic_store_explicit(&ptp->rx_source, source_of(msg), memory_order_relaxed);
	return publish(&ptp->tsyncrxctl, ctl) ? RXD_TS : 0;
}

/* ---- registers ---- */

/* The lower half of v; the upper one is kept for the read that follows. */
static uint32_t read_low(struct i82576_latch *latch, uint64_t v)
{
	latch->held = true;
	latch->high = (uint32_t)(v >> 32);
	return (uint32_t)v;
}

static uint32_t read_high(struct i82576_latch *latch, uint64_t v)
{
	bool held = latch->held;

	latch->held = false;
	return held ? latch->high : (uint32_t)(v >> 32);
}

uint32_t i82576_systim_read(void *dev, const struct nic_reg_row *row, unsigned index,
			    uint32_t stored)
{
	struct i82576_pf *pf = dev;
	uint64_t v = i82576_ptp_time(&pf->ptp, clock_ns());

	(void)index, (void)stored;
	return row->offset == I82576_SYSTIML ? read_low(&pf->ptp.systim, v)
					     : read_high(&pf->ptp.systim, v);
}

/* A half of SYSTIM is replaced at once; TIMADJH adds it and TIMADJL to SYSTIM. */
void i82576_systim_write(void *dev, const struct nic_reg_row *row, unsigned index,
			 uint32_t written)
{
	struct i82576_pf *pf = dev;
	uint64_t now = clock_ns(), v = i82576_ptp_time(&pf->ptp, now), delta;

	(void)index;
	switch (row->offset) {
	case I82576_SYSTIML:
		v = (v & ~(uint64_t)UINT32_MAX) | written;
		break;
	case I82576_SYSTIMH:
		v = (uint32_t)v | (uint64_t)written << 32;
		break;
	default:
		delta = (uint64_t)(written & ~TIMADJH_MINUS) << 32 | PF_REG(pf, TIMADJL);
		v = written & TIMADJH_MINUS ? v - delta : v + delta;
		break;
	}
	i82576_ptp_set_time(&pf->ptp, v, now);
}

void i82576_timinca_write(void *dev, const struct nic_reg_row *row, unsigned index,
			  uint32_t written)
{
	struct i82576_pf *pf = dev;

	(void)row, (void)index;
	i82576_ptp_set_rate(&pf->ptp, written, clock_ns());
}

uint32_t i82576_tsync_read(void *dev, const struct nic_reg_row *row, unsigned index,
			   uint32_t stored)
{
	struct i82576_pf *pf = dev;
	bool tx = row->offset == I82576_TSYNCTXCTL;

	(void)index, (void)stored;
	/* Acquire: the stamp after VALID; pairs with publish(). */
	return atomic_load_explicit(tx ? &pf->ptp.tsynctxctl : &pf->ptp.tsyncrxctl,
				    memory_order_acquire);
}

/* Everything but VALID, which the data path may set at any time. */
static void write_ctl(_Atomic uint32_t *reg, uint32_t v)
{
	uint32_t old = atomic_load(reg);

	while (!atomic_compare_exchange_weak(reg, &old, (old & TSYNC_VALID) | v))
		;
}

/* What the data path needs of filter i. Those that look at addresses do not stamp. */
static void set_l4_filter(struct i82576_pf *pf, unsigned i)
{
	uint32_t ftqf = PF_REG_N(pf, FTQF, i), imir = PF_REG_N(pf, IMIR, i);
	uint64_t f = (imir & L4_DST_PORT) | (PF_REG_N(pf, SPQF, i) & L4_DST_PORT)
						    << L4_SRC_SHIFT;
	bool udp = (ftqf & FTQF_ANY_PROTO) || FIELD_GET(FTQF_PROTO, ftqf) == PROTO_UDP;

	if ((ftqf & FTQF_1588) && (ftqf & FTQF_ANY_ADDR) == FTQF_ANY_ADDR && udp)
		f |= L4_ON;
	if (imir & IMIR_ANY_PORT)
		f |= L4_ANY_DST_PORT;
	if (ftqf & FTQF_ANY_SRC_PORT)
		f |= L4_ANY_SRC_PORT;
	atomic_store_explicit(&pf->ptp.l4[i], f, memory_order_relaxed);
}

void i82576_tsync_write(void *dev, const struct nic_reg_row *row, unsigned index,
			uint32_t written)
{
	struct i82576_pf *pf = dev;
	struct i82576_ptp *ptp = &pf->ptp;

	switch (row->offset) {
	case I82576_TSYNCTXCTL:
		write_ctl(&ptp->tsynctxctl, written & TSYNCTX_KEPT);
		break;
	case I82576_TSYNCRXCTL:
		write_ctl(&ptp->tsyncrxctl, written & TSYNCRX_KEPT);
		break;
	case I82576_TSYNCRXCFG:
		atomic_store_explicit(&ptp->tsyncrxcfg, written, memory_order_relaxed);
		break;
	case I82576_ETQF:
		atomic_store_explicit(&ptp->etqf[index], written, memory_order_relaxed);
		break;
	default:
		set_l4_filter(pf, index);
		break;
	}
}

/* Reading the upper half of a stamp makes room for the next one. */
uint32_t i82576_stamp_read(void *dev, const struct nic_reg_row *row, unsigned index,
			   uint32_t stored)
{
	struct i82576_pf *pf = dev;
	struct i82576_ptp *ptp = &pf->ptp;
	uint64_t tx = atomic_load_explicit(&ptp->tx_stamp, memory_order_relaxed);
	uint64_t rx = atomic_load_explicit(&ptp->rx_stamp, memory_order_relaxed);
	uint64_t source = atomic_load_explicit(&ptp->rx_source, memory_order_relaxed);

	(void)index, (void)stored;
	switch (row->offset) {
	case I82576_TXSTMPL:
		return read_low(&ptp->tx_latch, tx);
	case I82576_TXSTMPH:
		atomic_fetch_and(&ptp->tsynctxctl, ~TSYNC_VALID);
		return read_high(&ptp->tx_latch, tx);
	case I82576_RXSTMPL:
		return read_low(&ptp->rx_latch, rx);
	case I82576_RXSTMPH:
		atomic_fetch_and(&ptp->tsyncrxctl, ~TSYNC_VALID);
		return read_high(&ptp->rx_latch, rx);
	case I82576_RXSATRL:
		return read_low(&ptp->source_latch, source);
	default:
		return read_high(&ptp->source_latch, source);
	}
}

void i82576_ptp_reset(struct i82576_pf *pf)
{
	struct i82576_ptp *ptp = &pf->ptp;
	struct i82576_latch none = {.held = false};

	atomic_store(&ptp->tsynctxctl, 0);
	atomic_store(&ptp->tsyncrxctl, 0);
	atomic_store(&ptp->tsyncrxcfg, 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ptp->etqf); i++)
		atomic_store(&ptp->etqf[i], 0);
	for (unsigned i = 0; i < ARRAY_SIZE(ptp->l4); i++)
		atomic_store(&ptp->l4[i], 0);
	atomic_store(&ptp->tx_stamp, 0);
	atomic_store(&ptp->rx_stamp, 0);
	atomic_store(&ptp->rx_source, 0);
	ptp->systim = ptp->tx_latch = ptp->rx_latch = ptp->source_latch = none;
	i82576_ptp_set_rate(ptp, 0, clock_ns());
	i82576_ptp_set_time(ptp, 0, clock_ns());
}
