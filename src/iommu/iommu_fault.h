/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_fault.h - fault records, and the ring by which the data path hands them to the control
 * thread. */
#ifndef LADON_IOMMU_FAULT_H
#define LADON_IOMMU_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pci_rid.h"

/* Values are VT-d fault reasons (specification 7.1.3) where VT-d has one.
 */
enum iommu_reason {
	IOMMU_FAULT_NOT_MAPPED = 0x06,	   /* read of an address not present, or without R */
	IOMMU_FAULT_NO_WRITE = 0x05,	   /* write without W, or not present */
	IOMMU_FAULT_BEYOND_WIDTH = 0x04,   /* address beyond MGAW, or addr + len wraps */
	IOMMU_FAULT_BUS_MASTER_OFF = 0x01, /* ours: DMA attempted with bus mastering off */
	IOMMU_FAULT_MEMORY_LOST = 0x07,	   /* the memory behind it was truncated */
	IOMMU_FAULT_INTR_RANGE = 0x87,	   /* DMA to the interrupt window that is no request */
	/* Interrupt requests (ir.h): addr is index << 48 | address of the request. */
	IR_FAULT_REQUEST = 0x20, /* reserved bits of the request are set */
	IR_FAULT_INDEX = 0x21,	 /* beyond the end of the table */
	IR_FAULT_NOT_PRESENT = 0x22,
	IR_FAULT_TABLE = 0x23,	       /* the table cannot be read */
	IR_FAULT_ENTRY = 0x24,	       /* reserved bits of the entry are set */
	IR_FAULT_COMPATIBILITY = 0x25, /* compatibility format is blocked */
	IR_FAULT_SOURCE = 0x26,	       /* this requester may not raise it */
};

const char *iommu_reason_str(enum iommu_reason reason);

/* Was it an interrupt request that was refused? */
static inline bool iommu_reason_is_ir(uint8_t reason)
{
	return reason >= IR_FAULT_REQUEST && reason <= IR_FAULT_SOURCE;
}

struct iommu_fault {
	uint64_t addr;	  /* IOVA; of an interrupt request see above */
	uint64_t time_ns; /* clock_ns() */
	pci_rid_t rid;
	uint16_t port;	/* who of the card, for the control thread's name table */
	uint8_t reason; /* enum iommu_reason */
	bool write;
};

#define IOMMU_FAULT_RING 256u /* power of two */

/* Single producer (the data path), single consumer (control). */
struct iommu_fault_ring {
	_Alignas(64) _Atomic uint32_t head; /* written by the producer, release */
	_Atomic uint64_t overflow;	    /* producer's count of records dropped, ring full */
	_Alignas(64) _Atomic uint32_t tail; /* written by the consumer, release */
	struct iommu_fault rec[IOMMU_FAULT_RING];
};

/* False when the ring is full (counted in overflow). */
bool iommu_fault_push(struct iommu_fault_ring *ring, const struct iommu_fault *fault);
bool iommu_fault_pop(struct iommu_fault_ring *ring, struct iommu_fault *ret_fault);

#endif
