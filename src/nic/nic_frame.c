/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_frame.h"

#include "net_eth.h"

/* Takes the tag behind the addresses out of the bytes; it is whole. */
static uint16_t take_tag(struct nic_frame *f)
{
	uint16_t tci = get_be16(f->hdr + 14);

	memmove(f->hdr + 12, f->hdr + 16, f->hdr_len - 16u);
	f->hdr_len = (uint16_t)(f->hdr_len - NET_VLAN_HLEN);
	f->len -= NET_VLAN_HLEN;
	if (f->off.l2_len >= NET_ETH_HLEN + NET_VLAN_HLEN)
		f->off.l2_len = (uint16_t)(f->off.l2_len - NET_VLAN_HLEN);
	return tci;
}

static bool has_tag(const struct nic_frame *f, uint16_t type)
{
	return f->hdr_len >= NET_ETH_HLEN + NET_VLAN_HLEN && get_be16(f->hdr + 12) == type;
}

void nic_frame_lift_tag(struct nic_frame *f)
{
	if (f->tagged || !has_tag(f, NET_ETH_P_VLAN))
		return;
	f->tagged = true;
	f->tci = take_tag(f);
}

static bool offloads_fit(const struct nic_frame *f)
{
	const struct net_offload *off = &f->off;

	if (off->tso && off->l2_len + off->l3_len + off->l4_len != f->hdr_len)
		return false;
	return net_offload_valid(off, f->hdr_len);
}

bool nic_frame_lift_svlan(struct nic_frame *f)
{
	if (f->tagged || !has_tag(f, NET_ETH_P_QINQ) || !(get_be16(f->hdr + 14) & 0xfff))
		return true;
	f->svlan = true;
	f->stci = take_tag(f);
	nic_frame_lift_tag(f);
	return offloads_fit(f);
}
