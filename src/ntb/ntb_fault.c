/* SPDX-License-Identifier: BSD-3-Clause */
/* ntb_fault.c - head and tail count for ever and wrap at 2^32. */
#include "ntb_fault.h"

#include <assert.h>

static_assert((NTB_FAULT_RING & (NTB_FAULT_RING - 1)) == 0, "the ring is a power of two");

static const struct {
	const char *word, *text;
} reasons[] = {[NTB_PASSED] = {"passed", "not refused"},
#define NTB_REASON(name, word, text) [NTB_FAULT_##name] = {word, text},
	       NTB_REASONS(NTB_REASON)
#undef NTB_REASON
};

const char *ntb_reason_str(enum ntb_reason reason)
{
	return (unsigned)reason < NTB_NUM_REASONS ? reasons[reason].text : "unknown reason";
}

const char *ntb_reason_word(enum ntb_reason reason)
{
	return (unsigned)reason < NTB_NUM_REASONS ? reasons[reason].word : "unknown";
}

bool ntb_fault_push(struct ntb_fault_ring *ring, const struct ntb_fault *fault)
{
	/* Acquire, with the release of whoever pushed before: shows its head. */
	bool mine = !atomic_flag_test_and_set_explicit(&ring->busy, memory_order_acquire);
	bool kept = false;

	if (mine) {
		uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

		/* Acquire, with the release in pop: the record we reuse has been read. */
		kept = head - atomic_load_explicit(&ring->tail, memory_order_acquire) <
		       NTB_FAULT_RING;
		if (kept) {
			ring->rec[head % NTB_FAULT_RING] = *fault;
			atomic_store_explicit(&ring->head, head + 1, memory_order_release);
		}
		atomic_flag_clear_explicit(&ring->busy, memory_order_release);
	}
	if (!kept)
		atomic_fetch_add_explicit(&ring->overflow, 1, memory_order_relaxed);
	return kept;
}

bool ntb_fault_pop(struct ntb_fault_ring *ring, struct ntb_fault *ret_fault)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	/* Acquire, with the release in push: the record is written before head shows it. */
	if (tail == atomic_load_explicit(&ring->head, memory_order_acquire))
		return false;
	*ret_fault = ring->rec[tail % NTB_FAULT_RING];
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}
