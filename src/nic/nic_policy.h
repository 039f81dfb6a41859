/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_policy.h - what a port may send and wants to receive, as the data path sees it: one
 * immutable block for each port. The control thread builds a new one, publishes it in
 * nic_port.policy, and frees the old one after a quiesce point.
 */
#ifndef LADON_NIC_POLICY_H
#define LADON_NIC_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "bits.h"

#define NIC_VLANS     4096
#define NIC_SVLAN     0x2000u /* beside a VLAN's number: one of 802.1ad, not of 802.1Q */
#define NIC_PORT_MACS 32      /* the port's own address and its additional unicast filters */

struct nic_policy {
	bool link_up;	     /* administratively and by the uplink */
	bool spoof_mac;	     /* source address must be the port's own */
	bool spoof_neigh;    /* with that: what ARP and neighbour discovery say of it as well */
	bool spoof_vlan;     /* VLAN it sends in must be one of its own */
	bool untagged;	     /* receives untagged frames */
	bool broadcast;	     /* receives broadcast */
	bool allmulti;	     /* receives every multicast of its VLANs */
	bool promisc;	     /* receives every unicast of its VLANs as well */
	bool strip_tag;	     /* the outer tag is taken out of the bytes and reported in the
				descriptor */
	bool filter_control; /* drops link control frames it sends: every VF */
	bool any_vlan;	     /* no VLAN filter: member of all */
	bool unknown_uc;     /* receives unicast that no port of this card owns: the PF while it
				is promiscuous (unicast hash table all ones) or the default pool */
	bool loopback;	     /* what it sends comes back to it and goes nowhere else (PHY or MAC
				loopback); nothing comes from the wire */
	bool rx_on, tx_on;   /* VFRE, VFTE: receives at all; may send at all */
	uint8_t num_macs;
	bool listed;   /* what it sends with an 802.1Q tag must be in a VLAN of list */
	bool svlan;    /* pvid is of 802.1ad: the tag goes around what the port sends, 802.1Q
			  tags included, which stay the tenant's own */
	uint16_t pvid; /* port VLAN: 0 = none. Inserted when it sends, stripped when it receives
			*/
	uint8_t qos;   /* priority bits that go with pvid */
	uint32_t max_tx_mbps; /* rate limit over all it sends, 10^6 bit/s of frames with FCS; 0
				 = none. What is above waits in its queue: nothing is dropped */
	uint32_t min_tx_mbps; /* what it may send however much others do; 0 = nothing certain */
	uint32_t storm_bcast_pps, storm_uucast_pps; /* broadcasts, and frames for an address
						       that no port owns, that it may send in a
						       second; 0 = no limit */
	uint32_t mtu;	    /* bytes behind the Ethernet header and its tags that it may send or
			       receive; 0 = no limit */
	uint32_t max_frame; /* bytes as stored: without FCS; a tag counts when it stays in them
			     */
	uint64_t mac[NIC_PORT_MACS];	/* net_mac_u64; [0] is the port's own */
	uint64_t mta[4096 / 64];	/* multicast hash filter, bit = hash of the address */
	uint64_t vlans[NIC_VLANS / 64]; /* tagged VLANs it is a member of */
	uint64_t list[NIC_VLANS / 64];	/* those it may use, when listed */
};

/* Can the port receive at all? */
static inline bool nic_policy_live(const struct nic_policy *p)
{
	return p->link_up && p->rx_on;
}

/* The port VLAN as the forwarding table knows it. */
static inline uint16_t nic_policy_port_vlan(const struct nic_policy *p)
{
	return (uint16_t)(p->pvid | (p->svlan ? NIC_SVLAN : 0));
}

/*
 * Multicast filter hash of the 82576 with MO = 0: bits 47:36 of the address, last byte on the
 * wire most significant. igbvf computes the same and sends the hash, not the address.
 */
static inline uint32_t nic_mta_hash(const uint8_t *mac)
{
	return ((uint32_t)mac[4] >> 4) | ((uint32_t)mac[5] << 4);
}

static inline bool nic_bitmap_test(const uint64_t *map, unsigned bit)
{
	return map[bit / 64] >> (bit % 64) & 1;
}

static inline void nic_bitmap_assign(uint64_t *map, unsigned bit, bool on)
{
	if (on)
		map[bit / 64] |= BIT64(bit % 64);
	else
		map[bit / 64] &= ~BIT64(bit % 64);
}

#endif
