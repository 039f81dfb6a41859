/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Order of the judgements, and who counts: a frame refused at ingress is counted once, at its
 * sender. After that each receiver that should have had it counts what it loses. A frame for
 * which there is no receiver at all is the sender's "nodest".
 */
#include "nic_switch.h"

#include "net_eth.h"
#include "nic_deliver.h"

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
	return vid == 0 ? p->untagged : nic_bitmap_test(p->vlans, vid);
}

/*
 * May the sender not use the frame's VLAN? A priority tag (VLAN 0) makes the frame untagged
 * here, but a receiver that takes it off would find the tag behind it and believe that one.
 */
static bool foreign_vlan(const struct nic_policy *p, const struct nic_frame *f)
{
	uint16_t vid = nic_frame_vid(f), inner = get_be16(f->hdr + 12);

	if (!vid && f->tagged && (p->pvid || p->spoofchk))
		return inner == NET_ETH_P_VLAN || inner == NET_ETH_P_QINQ;
	if (p->pvid)
		return vid; /* a port VLAN is not the guest's to choose */
	return p->spoofchk && vid && !vlan_member(p, vid);
}

/*
 * The ingress policy. The control-frame filter looks at every EtherType the wire could show:
 * behind the outer tag that is kept apart, and behind tags left in the bytes.
 */
static enum nic_drop ingress(const struct nic_policy *p, const struct nic_frame *f)
{
	uint16_t type = get_be16(f->hdr + 12);
	uint32_t off = 12;

	if (!p->link_up)
		return NIC_DROP_TXOFF;
	while ((type == NET_ETH_P_VLAN || type == NET_ETH_P_QINQ) &&
	       off + NET_VLAN_HLEN + 2 <= f->hdr_len) {
		off += NET_VLAN_HLEN;
		type = get_be16(f->hdr + off);
	}
	if (p->filter_control && net_is_link_control(f->hdr, type))
		return NIC_DROP_CONTROL;
	if (p->spoofchk && !owns_mac(p, net_mac_u64(f->hdr + NET_ETH_ALEN)))
		return NIC_DROP_SPOOF;
	return foreign_vlan(p, f) ? NIC_DROP_VLAN : NIC_DROP_NONE;
}

static void apply_port_vlan(const struct nic_policy *p, struct nic_frame *f)
{
	if (!p->pvid)
		return;
	f->tagged = true;
	f->tci = (uint16_t)(p->qos << 13 | p->pvid);
}

/* Does dst want a frame of this VLAN at all? */
static bool in_vlan(const struct nic_port *dst, const struct nic_policy *p, uint16_t vid)
{
	return dst->is_uplink || (p->pvid ? vid == p->pvid : vlan_member(p, vid));
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

/* A TSO frame is as many as it has segments. */
static uint32_t wire_frames(const struct nic_frame *f)
{
	return f->off.tso ? net_tso_count(&f->off, f->len - f->hdr_len) : 1;
}

/* The VLAN is looked at again: the table may still know the port by what its policy was a
 * moment ago. */
static enum nic_drop egress(const struct nic_port *dst, const struct nic_policy *p,
			    const struct nic_frame *f)
{
	if (!p->link_up)
		return dst->is_uplink ? NIC_DROP_UPLINK : NIC_DROP_RXOFF;
	return in_vlan(dst, p, nic_frame_vid(f)) ? NIC_DROP_NONE : NIC_DROP_VLAN;
}

/* What became of a frame: receivers it was offered to, and whether a function of this card took
 * it. */
struct fate {
	unsigned offered;
	bool local;
};

static void deliver_to(struct nic_switch *sw, struct nic_port *dst, const struct nic_policy *p,
		       const struct nic_frame *f, struct fate *fate)
{
	bool tagged = f->tagged && !(p->pvid && !dst->is_uplink);
	enum nic_drop refuse = egress(dst, p, f);

	fate->offered++;
	if (refuse != NIC_DROP_NONE) {
		nic_count(&dst->stats.rx_drops[refuse], wire_frames(f));
		return;
	}
	if (!nic_deliver(dst, p, f, tagged, f->tci))
		return;
	fate->local |= !dst->is_uplink;
	if (!dst->rx_dirty) {
		dst->rx_dirty = true;
		sw->dirty[sw->num_dirty++] = dst;
	}
}

static void count_tx(struct nic_port *src, const struct nic_frame *f, bool to_local)
{
	struct nic_port_stats *s = &src->stats;
	uint32_t n = wire_frames(f);
	/* Short frames are padded before they are counted. */
	uint64_t bytes = MAX(f->len, (uint32_t)NET_ETH_ZLEN) + (uint64_t)(n - 1) * f->hdr_len;

	nic_count(&s->tx_packets, n);
	nic_count(&s->tx_bytes, bytes);
	if (net_mac_is_group(f->hdr))
		nic_count(net_mac_is_broadcast(f->hdr) ? &s->tx_broadcast : &s->tx_multicast,
			  n);
	if (to_local) {
		nic_count(&s->tx_local_packets, n);
		nic_count(&s->tx_local_bytes, bytes);
	}
}

/* Everybody whose filters match, but never the sender (source pruning). */
static void flood(struct nic_switch *sw, struct nic_port *src, const struct nic_frame *f,
		  const struct nic_port *except, struct fate *fate)
{
	bool group = net_mac_is_group(f->hdr);

	for (unsigned i = 0; i < sw->num; i++) {
		struct nic_port *dst = sw->port[i];
		const struct nic_policy *p = policy_of(dst);

		if (dst == src || dst == except || !in_vlan(dst, p, nic_frame_vid(f)))
			continue;
		if (group ? !wants_group(dst, p, f->hdr) : !p->promisc)
			continue;
		if (!p->link_up && !dst->is_uplink)
			continue; /* a port that is down is no member of the group */
		deliver_to(sw, dst, p, f, fate);
	}
}

/* The one port that owns the address; else the wire, for frames that come from inside. */
static struct nic_port *unicast_port(const struct nic_switch *sw, const struct nic_port *src,
				     const struct nic_frame *f)
{
	const struct nic_fdb *fdb = atomic_load_explicit(&sw->fdb, memory_order_acquire);
	int i = fdb ? nic_fdb_find(fdb, net_mac_u64(f->hdr), nic_frame_vid(f)) : -1;

	/* The table may be older or newer than the set of ports: an index may be free by now.
	 */
	if (i >= 0 && sw->by_index[i])
		return sw->by_index[i];
	return src->is_uplink ? NULL : sw->uplink;
}

/* Why nobody got it: the address is a port's, but not in this VLAN; or it is nobody's. */
static enum nic_drop no_receiver(const struct nic_switch *sw, const struct nic_port *src,
				 const struct nic_frame *f)
{
	for (unsigned i = 0; i < sw->num; i++) {
		const struct nic_policy *p = policy_of(sw->port[i]);

		if (sw->port[i] != src && p->link_up && owns_mac(p, net_mac_u64(f->hdr)))
			return NIC_DROP_VLAN;
	}
	return NIC_DROP_NODEST;
}

static void switch_frame(struct nic_switch *sw, struct nic_port *src, struct nic_frame *f)
{
	const struct nic_policy *sp = policy_of(src);
	enum nic_drop drop = ingress(sp, f);
	struct nic_port *dst = NULL;
	struct fate fate = {0};

	if (drop != NIC_DROP_NONE) {
		nic_count(&src->stats.tx_drops[drop], 1);
		return;
	}
	apply_port_vlan(sp, f);
	if (!net_mac_is_group(f->hdr)) {
		dst = unicast_port(sw, src, f);
		if (dst && dst != src)
			deliver_to(sw, dst, policy_of(dst), f, &fate);
	}
	if (net_mac_is_group(f->hdr) ||
	    atomic_load_explicit(&sw->num_promisc, memory_order_relaxed))
		flood(sw, src, f, dst, &fate);
	/* A group nobody belongs to is no loss: the frame went out, as it would on a wire. */
	if (!fate.offered && !net_mac_is_group(f->hdr))
		nic_count(&src->stats.tx_drops[no_receiver(sw, src, f)], 1);
	else
		count_tx(src, f, fate.local);
}

void nic_switch_burst(struct nic_switch *sw, struct nic_port *src, struct nic_burst *burst)
{
	for (unsigned i = 0; i < burst->n; i++)
		switch_frame(sw, src, &burst->frame[i]);
}

void nic_switch_flush(struct nic_switch *sw, uint64_t now_ns)
{
	for (unsigned i = 0; i < sw->num_dirty; i++) {
		sw->dirty[i]->rx_dirty = false;
		sw->dirty[i]->ops->rx_done(sw->dirty[i], now_ns);
	}
	sw->num_dirty = 0;
}
