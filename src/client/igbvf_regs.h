/* SPDX-License-Identifier: BSD-3-Clause */
/* igbvf_regs.h - the 82576 VF as its driver sees it: BAR0 registers, descriptors, mailbox
 * messages. Names are the data sheet's; values were compared with Linux 6.1
 *. */
#ifndef LADON_IGBVF_REGS_H
#define LADON_IGBVF_REGS_H

#include "bits.h"

#define IGBVF_VENDOR 0x8086
#define IGBVF_DEVICE 0x10ca

/* clang-format off */
#define VF_CTRL		0x0000
#define  CTRL_RST	BIT(26)
#define VF_STATUS	0x0008
#define  STATUS_FD	BIT(0)
#define  STATUS_LU	BIT(1)
#define  STATUS_SPEED	GENMASK(7, 6)	/* 10, 100, 1000, 1000 */
#define VF_MBMEM(i)	(0x0800 + 4 * (i))
#define VF_MAILBOX	0x0c40
#define  MBX_REQ	BIT(0)
#define  MBX_ACK	BIT(1)
#define  MBX_VFU	BIT(2)
#define  MBX_PFSTS	BIT(4)
#define  MBX_PFACK	BIT(5)
#define  MBX_RSTI	BIT(6)
#define  MBX_RSTD	BIT(7)
#define  MBX_R2C	(MBX_PFSTS | MBX_PFACK | MBX_RSTD)
#define VF_GPRC		0x0f10
#define VF_GPTC		0x0f14
#define VF_GORC		0x0f18
#define VF_GOTC		0x0f34
#define VF_MPRC		0x0f3c
#define VF_EIMS		0x1524
#define VF_EIMC		0x1528
#define VF_EIAC		0x152c
#define VF_EIAM		0x1530
#define VF_EITR(v)	(0x1680 + 4 * (v))
#define  EITR_US	GENMASK(14, 2)
#define VF_IVAR0	0x1700
#define VF_IVAR_MISC	0x1740
#define  IVAR_VALID	0x80u
#define VF_RDBAL	0x2800
#define VF_RDBAH	0x2804
#define VF_RDLEN	0x2808
#define VF_SRRCTL	0x280c
#define  SRRCTL_PKT_KB	GENMASK(6, 0)
#define  SRRCTL_ONEBUF	0x02000000u
#define  SRRCTL_DROP_EN	BIT(31)
#define VF_RDH		0x2810
#define VF_RDT		0x2818
#define VF_RXDCTL	0x2828
#define VF_TDBAL	0x3800
#define VF_TDBAH	0x3804
#define VF_TDLEN	0x3808
#define VF_TDH		0x3810
#define VF_TDT		0x3818
#define VF_TXDCTL	0x3828
#define  DCTL_ENABLE	BIT(25)

/* Vectors, as igbvf orders them. */
#define VEC_TX		0
#define VEC_RX		1
#define VEC_MISC	2
#define VEC_NUM		3

/* Receive descriptor, written back: status_error and the words beside it. */
#define RXD_DD		BIT(0)
#define RXD_EOP		BIT(1)
#define RXD_VP		BIT(3)
#define RXD_UDPCS	BIT(4)
#define RXD_L4CS	BIT(5)
#define RXD_IPCS	BIT(6)
#define RXD_LB		BIT(18)
#define RXD_L4E		BIT(29)
#define RXD_IPE		BIT(30)
#define RXD_RXE		BIT(31)

/* Transmit descriptor: cmd_type_len, olinfo_status, context words. */
#define TXD_DATA	(3u << 20)
#define TXD_CTX		(2u << 20)
#define TXD_EOP		BIT(24)
#define TXD_IFCS	BIT(25)
#define TXD_RS		BIT(27)
#define TXD_DEXT	BIT(29)
#define TXD_VLE		BIT(30)
#define TXD_TSE		BIT(31)
#define TXD_DD		BIT(0)
#define TXD_PAYLEN	14
#define TXD_IXSM	BIT(8)
#define TXD_TXSM	BIT(9)
#define CTX_MACLEN	9
#define CTX_VLAN	16
#define CTX_IPV4	BIT(10)
#define CTX_L4T		11		/* 0 UDP, 1 TCP, 2 SCTP: as enum ladon_l4 */
#define CTX_L4LEN	8
#define CTX_MSS		16

/* Mailbox messages, VF to PF: word 0. */
#define MSG_RESET	 0x01
#define MSG_SET_MAC	 0x02
#define  MSG_FILTER_CLR	 (1u << 16)
#define  MSG_FILTER_ADD	 (2u << 16)
#define MSG_SET_MULTI	 0x03
#define MSG_SET_VLAN	 0x04
#define MSG_SET_LPE	 0x05
#define MSG_SET_PROMISC	 0x06
#define  MSG_PROMISC_UC	 (1u << 16)
#define  MSG_PROMISC_MC	 (2u << 16)
#define MSG_PF_CONTROL	 0x0100
#define MSG_ID		 0xffffu
#define MSG_INFO_SHIFT	 16
#define MSG_ACK		 BIT(31)
#define MSG_NACK	 BIT(30)
#define MSG_CTS		 BIT(29)
/* clang-format on */

#define MBX_WORDS      16u
#define MBX_MAX_HASHES 30u

/* 16 bytes, both directions, both rings. */
struct igbvf_desc {
	uint64_t addr; /* tx context: vlan_macip_lens, seqnum */
	union {
		uint64_t hdr_addr; /* rx, as given; 0 clears the write-back's DD */
		struct {
			uint32_t cmd_type_len;	/* tx; rx write-back: status_error */
			uint32_t olinfo_status; /* tx; rx write-back: length | vlan << 16 */
		};
	};
};

#endif
