/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_drop.h - why a frame went nowhere. One row a reason: name (as in `ladon -s` and the
 * metrics label), and what it means. Every dropped frame is counted under exactly one of them,
 * at the port that lost it.
 */
#ifndef LADON_NIC_DROP_H
#define LADON_NIC_DROP_H

/* X(enum, word, meaning) */
#define NIC_DROP_TABLE(X)                                                             \
	X(NONE, "none", "delivered")                                                  \
	X(CONTROL, "pause",                                                           \
	  "a VF sent a link control frame (01:80:C2:00:00:0x or EtherType 8808)")     \
	X(SPOOF, "spoof", "a source (Ethernet, ARP, ND) is not the sender's own")     \
	X(VLAN, "vlan", "the sender or receiver is not a member of the frame's VLAN") \
	X(RATE, "rate", "above the sender's limit")                                   \
	X(NODESC, "nodesc", "the receiver's ring had no free descriptor")             \
	X(RXOFF, "rxoff", "the receiver's queue or link is down")                     \
	X(SIZE, "size", "above an mtu, the receiver's limit, or its buffers")         \
	X(MALFORMED, "malformed",                                                     \
	  "the sender's descriptors make no frame (length, context, chain)")          \
	X(IOMMU, "iommu", "a buffer was not mapped for the access")                   \
	X(NODEST, "nodest", "nobody owns the destination address")                    \
	X(UPLINK, "uplink", "the uplink is down or did not take the frame")           \
	X(TXOFF, "txoff", "the sender's link is administratively down")               \
	X(STORM, "storm", "broadcast or unknown unicast above the sender's limit")

enum nic_drop {
#define X(e, word, text) NIC_DROP_##e,
	NIC_DROP_TABLE(X)
#undef X
		NIC_DROP_NUM
};

const char *nic_drop_word(enum nic_drop reason);
const char *nic_drop_text(enum nic_drop reason);

#endif
