/* SPDX-License-Identifier: BSD-3-Clause */
/* iommu_fault.c - one producer, one consumer; head and tail count for ever and wrap at 2^32. */
#include "iommu_fault.h"

#include <assert.h>

static_assert((IOMMU_FAULT_RING & (IOMMU_FAULT_RING - 1)) == 0, "the ring is a power of two");

const char *iommu_reason_str(enum iommu_reason reason)
{
	switch (reason) {
#define REASON(name, code, text) \
	case code:               \
		return text;
#define IR_REASON REASON
#include "iommu_reasons.def"
#undef REASON
#undef IR_REASON
	}
	return "unknown reason";
}

bool iommu_fault_push(struct iommu_fault_ring *ring, const struct iommu_fault *fault)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	/* Acquire, with the release in pop: the consumer has finished reading the record we
	 * reuse. */
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_acquire);

	if (head - tail >= IOMMU_FAULT_RING) {
		uint64_t lost = atomic_load_explicit(&ring->overflow, memory_order_relaxed);

		atomic_store_explicit(&ring->overflow, lost + 1, memory_order_relaxed);
		return false;
	}
	ring->rec[head % IOMMU_FAULT_RING] = *fault;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

bool iommu_fault_pop(struct iommu_fault_ring *ring, struct iommu_fault *ret_fault)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	/* Acquire, with the release in push: the record is written before head shows it. */
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);

	if (tail == head)
		return false;
	*ret_fault = ring->rec[tail % IOMMU_FAULT_RING];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}
