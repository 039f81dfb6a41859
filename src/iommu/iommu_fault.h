/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_fault.h - fault records, and the ring by which the data path hands them to the control
 * thread. */
#ifndef LADON_IOMMU_FAULT_H
#define LADON_IOMMU_FAULT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "pci_rid.h"

/* Why a request was refused: iommu_reasons.def. 0 = it was not. */
enum iommu_reason {
#define REASON(name, code, text)    IOMMU_FAULT_##name = (code),
#define IR_REASON(name, code, text) IR_FAULT_##name = (code),
#include "iommu_reasons.def"
#undef REASON
#undef IR_REASON
};

#define IOMMU_REASON_OURS 0xf0u /* codes from here on are not VT-d's */

const char *iommu_reason_str(enum iommu_reason reason);

/* Was it an interrupt request that was refused? */
static inline bool iommu_reason_is_ir(uint8_t reason)
{
	return reason >= IR_FAULT_REQUEST && reason <= IR_FAULT_DESC;
}

struct iommu_fault {
	uint64_t addr;	  /* IOVA; of an interrupt request: index << 48 | its address */
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
