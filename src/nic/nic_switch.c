/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order of the judgements, and who counts: a frame refused at ingress is counted once, at its
 * sender. After that each receiver that should have had it counts what it loses. A frame for
 * which there is no receiver at all is the sender's "nodest".
 */
#include "nic_switch.h"

#include "net_eth.h"
#include "net_neigh.h"
#include "nic_capture.h"
#include "nic_deliver.h"
#include "nic_flight.h"
#include "nic_mirror.h"
#include "nic_run.h"
#include "nic_wire.h"
#include "probe.h"

#define FCS_LEN 4u

static const struct nic_policy *policy_of(const struct nic_port *port)
{
	return atomic_load_explicit(&port->policy, memory_order_acquire);
}

static bool owns_mac(const struct nic_policy *p, uint64_t mac)
{
	for (unsigned i = 0; i < p->num_macs; i++)
		if (p->mac[i] == mac)
			return true;
	return false;
}

static bool vlan_member(const struct nic_policy *p, uint16_t vid)
{
	if (unlikely(vid & NIC_SVLAN))
		return false; /* only with such a port VLAN */
	return vid == 0 ? p->untagged : p->any_vlan || nic_bitmap_test(p->vlans, vid);
}

/* Is the frame's 802.1Q tag of a VLAN that the port may not use, or one behind which nobody
 * looked? */
static bool unlisted(const struct nic_policy *p, const struct nic_frame *f)
{
	uint16_t vid = f->tagged ? f->tci & 0xfff : 0, inner = get_be16(f->hdr + 12);

	if (vid)
		return !nic_bitmap_test(p->list, vid);
	return inner == NET_ETH_P_QINQ || (f->tagged && inner == NET_ETH_P_VLAN);
}

/*
 * May the sender not use the frame's VLAN? A priority tag (VLAN 0) makes the frame untagged
 * here, but a receiver that takes it off would find the tag behind it and believe that one.
 */
static bool foreign_vlan(const struct nic_policy *p, const struct nic_frame *f)
{
	uint16_t vid = nic_frame_vid(f), inner = get_be16(f->hdr + 12);

#ifdef LADON_BREAK_VLAN
	return false;
#endif
	if (unlikely(p->listed) && unlisted(p, f))
		return true;
	if (p->svlan)
		return false; /* whatever it is, it goes inside */
	if (!vid && f->tagged && (p->pvid || p->spoof_vlan))
		return inner == NET_ETH_P_VLAN || inner == NET_ETH_P_QINQ;
	if (p->pvid)
		return vid; /* a port VLAN is not the guest's to choose */
	return p->spoof_vlan && vid && !vlan_member(p, vid);
}

/*
 * Could the wire show a control frame? What counts is the type behind all tags: the outer one
 * that is kept apart, and those left in the bytes. It has to lie in the snapshot, for what
 * follows is still the guest's to change, and before all that offloads rewrite: a checksum or
 * a segment's number would make of it what the guest computed. A stack of tags that does not
 * end there is taken for the worst.
 */
static bool may_be_control(const struct nic_frame *f)
{
	bool rewritten = f->off.tso || f->off.ip_csum || f->off.l4_csum;
	uint32_t end = rewritten ? MIN(f->off.l2_len, f->hdr_len) : f->hdr_len;
	uint16_t type = get_be16(f->hdr + 12);
	uint32_t off = 12;

	while (unlikely(net_is_tag(type))) {
		off += NET_VLAN_HLEN;
		if (off + 2 > end && (rewritten || f->len > f->hdr_len))
			return true;
		if (off + 2 > end)
			break; /* behind a whole frame there is padding */
		type = get_be16(f->hdr + off);
	}
	return net_is_link_control(f->hdr, type);
}

/* Does it say of an address on the network that it is at somebody else's, or as a router? */
static bool forged_neigh(const struct nic_policy *p, const struct nic_frame *f)
{
	uint64_t mac;

#ifdef LADON_BREAK_SPOOF_ARP
	return false;
#endif
	switch (net_neigh_claim(f->hdr, f->hdr_len, f->len, &f->off, &mac)) {
	case NET_NEIGH_NONE:
		return false;
	case NET_NEIGH_CLAIM:
		return !owns_mac(p, mac);
	default:
		return true;
	}
}

/* Is there more in one wire frame than the port's MTU allows? */
static bool above_mtu(const struct nic_policy *p, const struct nic_frame *f)
{
	uint32_t tag = net_is_tag(get_be16(f->hdr + 12)) ? NET_VLAN_HLEN : 0;
	uint32_t len = f->len;

	if (f->off.tso)
		len = MIN(len, (uint32_t)f->hdr_len + f->off.mss);
	return len > p->mtu + NET_ETH_HLEN + tag;
}

/* The ingress policy. */
static enum nic_drop ingress(const struct nic_policy *p, const struct nic_frame *f)
{
#ifndef LADON_BREAK_PAUSE
	if (p->filter_control && may_be_control(f))
		return NIC_DROP_CONTROL;
#endif
#ifndef LADON_BREAK_SPOOF
	if (p->spoof_mac && (!owns_mac(p, net_mac_u64(f->hdr + NET_ETH_ALEN)) ||
			     (unlikely(p->spoof_neigh) && forged_neigh(p, f))))
		return NIC_DROP_SPOOF;
#endif
	if (foreign_vlan(p, f))
		return NIC_DROP_VLAN;
	return unlikely(p->mtu) && above_mtu(p, f) ? NIC_DROP_SIZE : NIC_DROP_NONE;
}

static void apply_port_vlan(const struct nic_policy *p, struct nic_frame *f)
{
	uint16_t tci = (uint16_t)(p->qos << 13 | p->pvid);

	if (!p->pvid)
		return;
	if (unlikely(p->svlan)) {
		f->svlan = true;
		f->stci = tci;
		return;
	}
	f->tagged = true;
	f->tci = tci;
}

/* Does dst want a frame of this VLAN at all? */
static bool in_vlan(const struct nic_port *dst, const struct nic_policy *p,
		    const struct nic_frame *f)
{
	uint16_t vid = nic_frame_vid(f);

	if (dst->is_uplink)
		return true;
	if (!p->pvid)
		return vlan_member(p, vid);
	return vid == nic_policy_port_vlan(p) &&
	       !(p->svlan && unlikely(p->listed) && unlisted(p, f));
}

static bool wants_group(const struct nic_port *dst, const struct nic_policy *p,
			const uint8_t *da)
{
	if (dst->is_uplink)
		return true;
	if (net_mac_is_broadcast(da))
		return p->broadcast;
	return p->allmulti || p->promisc || nic_bitmap_test(p->mta, nic_mta_hash(da));
}

/* Does dst want a frame whose address is not its own? unknown: no port owns it. */
static bool wants(const struct nic_port *dst, const struct nic_policy *p,
		  const struct nic_frame *f, bool unknown)
{
	if (net_mac_is_group(f->hdr))
		return wants_group(dst, p, f->hdr);
	return p->promisc || (unknown && p->unknown_uc);
}

static uint32_t wire_frames(const struct nic_frame *f)
{
	return nic_frame_count(f);
}

/* Of n frames, without tag and FCS. Short frames are padded before they are counted. */
static uint64_t bytes_of(const struct nic_frame *f, uint32_t n)
{
	return MAX(f->len, (uint32_t)NET_ETH_ZLEN) + (uint64_t)(n - 1) * f->hdr_len;
}

uint64_t nic_switch_wire_bytes(const struct nic_frame *f)
{
	uint32_t n = wire_frames(f);

	return bytes_of(f, n) + (uint64_t)n * (FCS_LEN + nic_frame_tags_len(f));
}

/* Does nothing of what src sends arrive? A port whose link ends in itself is not on the wire.
 */
static bool is_deaf(const struct nic_port *src, const struct nic_policy *p)
{
	return !nic_policy_live(p) || (p->loopback && src->is_uplink);
}

/* The VLAN is looked at again: the table may still know the port by what its policy was a
 * moment ago. */
static enum nic_drop egress(const struct nic_port *src, const struct nic_port *dst,
			    const struct nic_policy *p, const struct nic_frame *f)
{
	if (is_deaf(src, p))
		return dst->is_uplink ? NIC_DROP_UPLINK : NIC_DROP_RXOFF;
	if (!in_vlan(dst, p, f))
		return NIC_DROP_VLAN;
	return unlikely(p->mtu) && above_mtu(p, f) ? NIC_DROP_SIZE : NIC_DROP_NONE;
}

/* What became of a frame: receivers it was offered to, whether one took it, and whether a
 * function of this card did. */
struct fate {
	unsigned offered;
	struct nic_port *last; /* who took it, the last of them; and by this policy */
	const struct nic_policy *policy;
	bool local, taken;
	bool unknown; /* no port owns its address: the next one may be a storm's */
	bool handed;  /* other workers have a part in it */
	bool stopped; /* offered to nobody: it was one too many, or waits */
};

/* A port VLAN is the outer tag, and taken off. */
static struct nic_tags seen_tags(const struct nic_port *dst, const struct nic_policy *p,
				 const struct nic_frame *f)
{
	bool take_off = p->pvid && !dst->is_uplink;

	return (struct nic_tags){.tagged = f->tagged && (f->svlan || !take_off),
				 .svlan = f->svlan && !take_off};
}

static void deliver_to(struct nic_switch *sw, struct nic_port *src, struct nic_port *dst,
		       const struct nic_frame *f, struct fate *fate)
{
	const struct nic_policy *p = policy_of(dst);
	enum nic_drop refuse = egress(src, dst, p, f);
	_Atomic uint64_t *nodesc = &dst->stats.rx_drops[NIC_DROP_NODESC];
	uint64_t before = nic_counter(nodesc);
	unsigned taken;

	if (unlikely(sw->kept) && dst->share.kept && !sw->owed && refuse == NIC_DROP_NONE)
		refuse = NIC_DROP_NODESC;

	fate->offered++;
	if (unlikely(refuse == NIC_DROP_NODESC && dst->may_wait)) {
		sw->waits = true;
		return;
	}
	if (refuse != NIC_DROP_NONE) {
		nic_lose_rx(dst, f, refuse, wire_frames(f));
		return;
	}
	if (unlikely(sw->wire) && dst->is_uplink)
		taken = nic_wire_send(sw->wire, sw, src, p, f, seen_tags(dst, p, f));
	else
		taken = nic_deliver(dst, p, f, seen_tags(dst, p, f), 0);
	if (unlikely(taken == NIC_DELIVER_WAITS)) {
		sw->waits = true;
		return;
	}
	if (unlikely(sw->owed) && nic_counter(nodesc) != before)
		sw->kept = dst->share.kept = true;
	if (!taken)
		return;
	fate->taken = true;
	fate->last = dst;
	fate->policy = p;
	fate->local |= !dst->is_uplink;
	nic_switch_received(sw, dst);
	if (unlikely(dst->mirrors))
		nic_mirror_received(sw, src, dst, f, taken);
}

/* From the wire, under flow control: it may have to wait. */
static void deliver_from_wire(struct nic_switch *sw, struct nic_port *src, struct nic_port *dst,
			      const struct nic_frame *f, struct fate *fate)
{
	dst->may_wait = nic_wire_may_wait(sw->wire, dst, sw->now_ns);
	deliver_to(sw, src, dst, f, fate);
	dst->may_wait = false;
	fate->stopped = sw->waits;
	if (fate->taken)
		nic_wire_took(sw->wire, dst, f);
}

static void count_tx(struct nic_port *src, const struct nic_frame *f, bool to_local)
{
	struct nic_port_stats *s = &src->stats;
	uint32_t n = wire_frames(f);

	nic_count_tx(s, n, bytes_of(f, n), to_local);
	if (net_mac_is_group(f->hdr))
		nic_count(net_mac_is_broadcast(f->hdr) ? &s->tx_broadcast : &s->tx_multicast,
			  n);
	if (unlikely(src->captures))
		nic_capture_frame(src, f, false, NIC_DROP_NONE, n);
}

/* Everybody of this worker's whose filters match, but never the sender (source pruning). */
static void flood(struct nic_switch *sw, struct nic_port *src, const struct nic_frame *f,
		  const struct nic_port *except, bool unknown, struct fate *fate)
{
	for (unsigned i = 0; i < sw->num; i++) {
		struct nic_port *dst = sw->port[i];
		const struct nic_policy *p = policy_of(dst);

		if (dst == src || dst == except || !in_vlan(dst, p, f))
			continue;
		if (!wants(dst, p, f, unknown))
			continue;
		if (is_deaf(src, p) && !dst->is_uplink)
			continue; /* a port that is down is no member of the group */
		deliver_to(sw, src, dst, f, fate);
	}
}

/* The port that owns the address, or NULL. The table may be older or newer than the set of
 * ports: an index may be free by now. */
static struct nic_port *owner_of(const struct nic_switch *sw, const struct nic_frame *f)
{
	const struct nic_fdb *fdb = atomic_load_explicit(&sw->all->fdb, memory_order_acquire);
	int i = fdb ? nic_fdb_find(fdb, net_mac_u64(f->hdr), nic_frame_vid(f)) : -1;

	return i < 0 ? NULL : sw->all->by_index[i];
}

/* Is the frame above a limit of pps? 0: there is none. */
static bool is_storm(const struct nic_switch *sw, struct nic_storm *storm, uint32_t pps,
		     const struct nic_frame *f)
{
	return unlikely(pps) && !nic_storm_pass(storm, pps, wire_frames(f), sw->now_ns);
}

/* Gives the frame to the worker of dst (NULL = nobody's), or to all that there are. */
static void hand_over(struct nic_switch *sw, struct nic_frame *f, const struct nic_port *dst,
		      bool flood, struct fate *fate)
{
	struct nic_flight *fl = sw->flight;
	uint32_t bit = BIT(f - fl->burst.frame);

	for (unsigned w = 0; w < sw->workers; w++) {
		if (w == sw->worker || !(flood || (dst && dst->worker == w)))
			continue;
		fl->part[w].frames |= bit;
		fate->handed = true;
	}
	sw->peer = dst ? dst : sw->peer;
	f->to = dst ? dst->index : NIC_NOWHERE;
	f->flood = flood;
	f->unknown = fate->unknown;
	f->follows = false;
}

/* To the one port that owns the address; else to the wire, for frames that come from inside,
 * and to ports that take what nobody owns. */
static void unicast(struct nic_switch *sw, struct nic_port *src, const struct nic_policy *sp,
		    struct nic_frame *f, struct fate *fate)
{
	const struct nic_ports *all = sw->all;
	struct nic_port *dst = owner_of(sw, f);
	bool unknown = !dst, flooded;

	fate->unknown = unknown;
	if (unknown && is_storm(sw, &src->storm_uucast, sp->storm_uucast_pps, f)) {
		fate->stopped = true;
		return;
	}
	if (unknown && !src->is_uplink)
		dst = all->uplink;
	flooded = nic_switch_any(&all->num_promisc) ||
		  (unknown && nic_switch_any(&all->num_unknown_uc));
	if (unlikely(sw->flight))
		hand_over(sw, f, dst, flooded, fate);
	if (dst && dst != src && nic_switch_owns(sw, dst)) {
		if (unlikely(sw->wire) && src->is_uplink)
			deliver_from_wire(sw, src, dst, f, fate);
		else
			deliver_to(sw, src, dst, f, fate);
	}
	if (unlikely(fate->stopped))
		return;
	if (flooded)
		flood(sw, src, f, dst, unknown, fate);
}

static void group_frame(struct nic_switch *sw, struct nic_port *src,
			const struct nic_policy *sp, struct nic_frame *f, struct fate *fate)
{
	if (net_mac_is_broadcast(f->hdr) &&
	    is_storm(sw, &src->storm_bcast, sp->storm_bcast_pps, f)) {
		fate->stopped = true;
		return;
	}
	if (unlikely(sw->flight))
		hand_over(sw, f, NULL, true, fate);
	flood(sw, src, f, NULL, false, fate);
}

/* The sender's link ends in itself: it receives what it would receive from the wire. */
static void loop_back(struct nic_switch *sw, struct nic_port *src, const struct nic_policy *p,
		      const struct nic_frame *f, struct fate *fate)
{
	bool own = owns_mac(p, net_mac_u64(f->hdr));

	if (own ||
	    (in_vlan(src, p, f) && nic_policy_live(p) && wants(src, p, f, !owner_of(sw, f))))
		deliver_to(sw, src, src, f, fate);
}

/* Why nobody got it: the address is a port's, but not in this VLAN; or it is nobody's. */
static enum nic_drop no_receiver(const struct nic_switch *sw, const struct nic_port *src,
				 const struct nic_policy *sp, const struct nic_frame *f)
{
	const struct nic_ports *all = sw->all;

	for (unsigned i = 0; i < all->num && !sp->loopback; i++) {
		const struct nic_policy *p = policy_of(all->port[i]);

		if (all->port[i] != src && nic_policy_live(p) &&
		    owns_mac(p, net_mac_u64(f->hdr)))
			return NIC_DROP_VLAN;
	}
	return NIC_DROP_NODEST;
}

/* The sender counts what is lost as what it would have been on a wire. */
static void lose(struct nic_port *src, const struct nic_frame *f, enum nic_drop reason)
{
	nic_lose_tx(src, f, reason, wire_frames(f));
}

/* Refused at ingress. */
static void refuse(struct nic_switch *sw, struct nic_port *src, const struct nic_frame *f,
		   enum nic_drop reason)
{
	lose(src, f, reason);
	if ((reason == NIC_DROP_SPOOF || reason == NIC_DROP_VLAN) &&
	    atomic_load_explicit(&src->tell_spoof, memory_order_relaxed))
		sw->spoofed = true;
}

/* A group nobody belongs to is no loss: the frame went out, as it would on a wire. */
static void count_sent(const struct nic_switch *sw, struct nic_port *src,
		       const struct nic_policy *sp, const struct nic_frame *f, bool offered,
		       bool local)
{
	if (!offered && !net_mac_is_group(f->hdr))
		lose(src, f, no_receiver(sw, src, sp, f));
	else
		count_tx(src, f, local);
}

/* What came of the frames, one and those that follow it, at this worker's ports. */
static void note_part(const struct nic_switch *sw, struct nic_flight *fl, uint32_t frames,
		      const struct fate *fate)
{
	struct nic_part *part = &fl->part[sw->worker];

	part->offered |= fate->offered ? frames : 0;
	part->local |= fate->local ? frames : 0;
}

/* f went to another worker's port: the next ones may go unasked. That worker asks whether they
 * may be stored so. */
static void run_to(struct nic_switch *sw, struct nic_port *src, const struct nic_policy *sp,
		   const struct nic_frame *f)
{
	struct nic_port *dst = sw->all->by_index[f->to];

	nic_run_begin(sw, src, sp, dst, policy_of(dst), f);
}

/* Returns whether it is gone: somebody took it, or it was for a group that is empty. */
static bool switch_frame(struct nic_switch *sw, struct nic_port *src,
			 const struct nic_policy *sp, struct nic_frame *f)
{
	bool group = net_mac_is_group(f->hdr), untagged = !f->tagged;
	enum nic_drop drop = ingress(sp, f);
	struct fate fate = {0};

	sw->run.dst = NULL;
	if (drop != NIC_DROP_NONE) {
		refuse(sw, src, f, drop);
		return false;
	}
	apply_port_vlan(sp, f);
	if (unlikely(sp->loopback))
		loop_back(sw, src, sp, f, &fate);
	else if (group)
		group_frame(sw, src, sp, f, &fate);
	else
		unicast(sw, src, sp, f, &fate);
	if (unlikely(fate.stopped)) {
		if (!sw->waits)
			lose(src, f, NIC_DROP_STORM);
		return false;
	}
	if (unlikely(fate.handed)) {
		note_part(sw, sw->flight, BIT(f - sw->flight->burst.frame), &fate);
		if (!f->flood && !fate.unknown && untagged)
			run_to(sw, src, sp, f);
		return true;
	}
	count_sent(sw, src, sp, f, fate.offered, fate.local);
	if (unlikely(src->mirrors))
		nic_mirror_sent(sw, src, f, wire_frames(f));
	if (fate.taken && fate.offered == 1 && !fate.unknown && untagged && !group &&
	    !sp->loopback)
		nic_run_begin(sw, src, sp, fate.last, fate.policy, f);
	return fate.taken || (group && !fate.offered);
}

unsigned nic_switch_from(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst,
			 unsigned first)
{
	const struct nic_policy *sp = policy_of(src);
	bool svlans = nic_switch_any(&sw->all->num_svlan) && !sp->pvid;

	if (unlikely(!sp->link_up || !sp->tx_on)) {
		for (unsigned i = first; i < burst->n; i++) {
			lose(src, &burst->frame[i], NIC_DROP_TXOFF);
			sw->lost_bytes += nic_switch_wire_bytes(&burst->frame[i]);
		}
		return burst->n;
	}
	sw->run.dst = NULL;
	for (unsigned i = first; i < burst->n; i++) {
		struct nic_frame *f = &burst->frame[i];
		bool gone = false;

		if (likely(sw->run.dst)) {
			i += nic_run_take(sw, src, burst, i);
			if (i == burst->n)
				break;
			f = &burst->frame[i];
		}
		if (unlikely(svlans) && !nic_frame_lift_svlan(f))
			lose(src, f, NIC_DROP_MALFORMED);
		else
			gone = switch_frame(sw, src, sp, f);
		if (gone)
			continue;
		if (unlikely(sw->waits)) {
			sw->waits = false;
			return i;
		}
		sw->lost_bytes += nic_switch_wire_bytes(f);
	}
	return burst->n;
}

void nic_switch_burst(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst)
{
	PROBE2(burst, src->index, burst->n);
	for (unsigned i = 0; i < burst->n; i++) {
		burst->frame[i].svlan = false;
		burst->frame[i].more = (uint8_t)(burst->n - 1 - i);
	}
	nic_switch_from(sw, src, burst, 0);
}

/* A frame that another worker has judged, as far as it is this one's. */
static void handed_frame(struct nic_switch *sw, struct nic_port *src, struct nic_frame *f,
			 struct fate *fate)
{
	struct nic_port *dst = f->to == NIC_NOWHERE ? NULL : sw->all->by_index[f->to];

	sw->run.dst = NULL;
	if (dst && dst->worker == sw->worker)
		deliver_to(sw, src, dst, f, fate);
	if (f->flood)
		flood(sw, src, f, dst, f->unknown, fate);
	else if (fate->taken && !f->unknown)
		nic_run_begin(sw, src, policy_of(src), fate->last, fate->policy, f);
}

/* How many of frames, from the i-th on, follow the one before it? */
static unsigned followers(const struct nic_burst *b, uint32_t frames, unsigned i)
{
	unsigned n = 0;

	while (i + n < b->n && frames & BIT(i + n) && b->frame[i + n].follows)
		n++;
	return n;
}

void nic_switch_handed(struct nic_switch *sw, struct nic_flight *fl)
{
	uint32_t left = fl->part[sw->worker].frames;
	struct fate fate = {0};
	unsigned n;

	sw->run.dst = NULL;
	for (unsigned i = 0; i < fl->burst.n; i += n) {
		struct nic_frame *f = &fl->burst.frame[i];

		n = 1;
		if (!(left & BIT(i)))
			continue;
		if (sw->run.dst && f->follows)
			n = nic_run_handed(sw, f, followers(&fl->burst, left, i));
		else
			n = 0;
		if (!n) { /* those of a run have the fate of the first */
			fate = (struct fate){0};
			handed_frame(sw, fl->src, f, &fate);
			n = 1;
		}
		note_part(sw, fl, (uint32_t)(BIT64(i + n) - BIT64(i)), &fate);
	}
}

void nic_switch_landed(struct nic_switch *sw, const struct nic_flight *fl)
{
	struct nic_part sum = {0};

	for (unsigned w = 0; w < sw->workers; w++) {
		sum.frames |= fl->part[w].frames;
		sum.offered |= fl->part[w].offered;
		sum.local |= fl->part[w].local;
	}
	for (; sum.frames; sum.frames &= sum.frames - 1) {
		unsigned i = (unsigned)__builtin_ctz(sum.frames);

		count_sent(sw, fl->src, policy_of(fl->src), &fl->burst.frame[i],
			   sum.offered & BIT(i), sum.local & BIT(i));
	}
}

void nic_switch_release(struct nic_switch *sw)
{
	for (unsigned i = 0; i < sw->num; i++)
		sw->port[i]->share.kept = false;
	sw->kept = false;
}

void nic_switch_flush(struct nic_switch *sw, uint64_t now_ns)
{
	if (sw->num_dirty)
		PROBE2(flush, sw->num_dirty, now_ns);
	for (unsigned i = 0; i < sw->num_dirty; i++) {
		sw->dirty[i]->rx_dirty = false;
		sw->dirty[i]->quiet = 0;
		sw->dirty[i]->ops->rx_done(sw->dirty[i], now_ns);
	}
	sw->num_dirty = 0;
}
