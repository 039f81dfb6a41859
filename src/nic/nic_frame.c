/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_frame.h"

#include "net_eth.h"

void nic_frame_lift_tag(struct nic_frame *f)
{
	if (f->tagged || f->hdr_len < NET_ETH_HLEN + NET_VLAN_HLEN ||
	    get_be16(f->hdr + 12) != NET_ETH_P_VLAN)
		return;
	f->tagged = true;
	f->tci = get_be16(f->hdr + 14);
	memmove(f->hdr + 12, f->hdr + 16, f->hdr_len - 16u);
	f->hdr_len = (uint16_t)(f->hdr_len - NET_VLAN_HLEN);
	f->len -= NET_VLAN_HLEN;
	if (f->off.l2_len >= NET_ETH_HLEN + NET_VLAN_HLEN)
		f->off.l2_len = (uint16_t)(f->off.l2_len - NET_VLAN_HLEN);
}
