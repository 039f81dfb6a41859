/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * i82576_desc.h - queue registers and descriptors (82576 data sheet 7.1.5, 7.2.2, 8.10, 8.12).
 * All descriptors are 16 bytes, little-endian.
 */
#ifndef LADON_I82576_DESC_H
#define LADON_I82576_DESC_H

#include "bits.h"

#define DESC_SIZE  16u
#define RING_ALIGN 128u

/* Words of a queue's 64-byte register block; the same places for receive and transmit. */
enum queue_word {
	Q_BAL = 0x00 / 4,
	Q_BAH = 0x04 / 4,
	Q_LEN = 0x08 / 4,
	Q_SRRCTL = 0x0c / 4, /* rx only */
	Q_HEAD = 0x10 / 4,
	Q_TAIL = 0x18 / 4,
	Q_CTL = 0x28 / 4, /* RXDCTL, TXDCTL */
	Q_TDWBAL = 0x38 / 4,
	Q_TDWBAH = 0x3c / 4,
};

#define DCTL_ENABLE BIT(25)

#define SRRCTL_BSIZEPKT	      GENMASK(6, 0)  /* KiB; 0 = RCTL's default, 2 KiB */
#define SRRCTL_BSIZEHDR	      GENMASK(13, 8) /* 64 bytes */
#define SRRCTL_DESCTYPE	      GENMASK(27, 25)
#define DESCTYPE_LEGACY	      0u
#define DESCTYPE_ONEBUF	      1u
#define DESCTYPE_SPLIT	      2u
#define DESCTYPE_SPLIT_ALWAYS 5u

/* Transmit, word 2 (advanced) or bytes 8-11 (legacy: length 15:0, CSO, CMD 31:24). */
#define TXD_LEN	     GENMASK(15, 0)
#define TXD_CSO	     GENMASK(23, 16) /* legacy: where the checksum goes */
#define TXD_2STEP    BIT(19)	     /* advanced: its time of departure is wanted */
#define TXD_DTYP     GENMASK(23, 20)
#define DTYP_CONTEXT 2u
#define DTYP_DATA    3u
#define TXD_EOP	     BIT(24)
#define TXD_IC	     BIT(26) /* legacy */
#define TXD_RS	     BIT(27)
#define TXD_DEXT     BIT(29)
#define TXD_VLE	     BIT(30)
#define TXD_TSE	     BIT(31)
/* Transmit, word 3. */
#define TXD_CSS	   GENMASK(15, 8) /* legacy: where the summed bytes begin */
#define TXD_IDX	   GENMASK(6, 4)
#define TXD_IXSM   BIT(8)
#define TXD_TXSM   BIT(9)
#define TXD_PAYLEN GENMASK(31, 14)
#define TXD_DD	   BIT(0)
/* Context. */
#define CTX_IPLEN  GENMASK(8, 0)
#define CTX_MACLEN GENMASK(15, 9)
#define CTX_VLAN   GENMASK(31, 16)
#define CTX_IPV4   BIT(10)
#define CTX_L4T	   GENMASK(12, 11)
#define L4T_UDP	   0u
#define L4T_TCP	   1u
#define L4T_SCTP   2u
#define CTX_L4LEN  GENMASK(15, 8)
#define CTX_MSS	   GENMASK(31, 16)

/* Receive write-back: word 0 RSS and packet type, header info; word 1 RSS hash; word 2 status
 * and errors; word 3 length, VLAN. Legacy: words 0 and 1 stay, length 15:0, then a byte of
 * status and one of errors (status 7:0 and 31:24), VLAN. */
#define RXD_RSS_TYPE  GENMASK(3, 0)
#define RXD_PKT_IPV4  BIT(4)
#define RXD_PKT_IPV4E BIT(5) /* with options */
#define RXD_PKT_IPV6  BIT(6)
#define RXD_PKT_IPV6E BIT(7)
#define RXD_PKT_TCP   BIT(8)
#define RXD_PKT_UDP   BIT(9)
#define RXD_PKT_SCTP  BIT(10)
#define RXD_HDR_LEN   GENMASK(30, 21) /* header info 14:5 in the upper half of word 0 */
#define RXD_SPH	      BIT(31)
#define RXD_DD	      BIT(0)
#define RXD_EOP	      BIT(1)
#define RXD_VP	      BIT(3)
#define RXD_UDPCS     BIT(4)
#define RXD_L4CS      BIT(5)
#define RXD_IPCS      BIT(6)
#define RXD_PIF	      BIT(7)
#define RXD_LB	      BIT(18)
#define RXD_L4E	      BIT(29)
#define RXD_IPE	      BIT(30)
#define RXD_RXE	      BIT(31)

#endif
