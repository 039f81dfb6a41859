/* SPDX-License-Identifier: BSD-3-Clause */
/* pci_rid.c - routing IDs as people write them. */
#include "pci_rid.h"

const char *pci_rid_str(pci_rid_t rid, char *buf)
{
	static const char digit[] = "0123456789abcdef";

	buf[0] = digit[PCI_RID_BUS(rid) >> 4];
	buf[1] = digit[PCI_RID_BUS(rid) & 15];
	buf[2] = ':';
	buf[3] = digit[PCI_RID_DEV(rid) >> 4];
	buf[4] = digit[PCI_RID_DEV(rid) & 15];
	buf[5] = '.';
	buf[6] = digit[PCI_RID_FN(rid)];
	buf[7] = '\0';
	return buf;
}
