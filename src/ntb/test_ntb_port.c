/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "bits.h"
#include "ir.h"
#include "ntb_port.h"

#define BASE  (3ull << 46)
#define SIZE  BIT64(46)
#define MEM   (BASE + 0x100000)
#define XLAT  0x7000000ull
#define IRQ   (BASE + IR_WINDOW)
#define BOTH  (IOMMU_READ | IOMMU_WRITE)
#define EPOCH 10u

static struct ntb_port port;
static unsigned forgets, drains;
static uint64_t drained_at; /* the generation of the last drain */

static const struct ntb_requester vf = {.segment = 1, .rid = PCI_RID(1, 16, 1)};
static const struct ntb_window memory = {
	.base = MEM, .limit = MEM + 0xffff, .xlat = XLAT, .epoch = EPOCH, .perm = BOTH};
static const struct ntb_window irqs = {.base = IRQ,
				       .limit = IRQ + IR_WINDOW_SIZE - 1,
				       .xlat = IR_WINDOW,
				       .epoch = EPOCH,
				       .perm = IOMMU_WRITE,
				       .kind = NTB_INTERRUPTS};

/* What was cached goes after the table has changed, and before the drain. */
static void forget(void *arg)
{
	assert_ptr_equal(arg, &port);
	forgets++;
}

static void drain(void *arg)
{
	assert_ptr_equal(arg, &port);
	drains++;
	drained_at = ntb_port_generation(&port);
}

/* Link up, a window onto memory in slot 0 and one onto interrupts in slot 1, one VF. */
static int set_up(void **state)
{
	const struct ntb_port_hooks hooks = {.arg = &port, .forget = forget, .drain = drain};
	const struct ntb_slice slice = {.base = BASE, .size = SIZE};

	(void)state;
	ntb_port_init(&port, &slice, &hooks);
	ntb_port_set_link(&port, true);
	assert_int_equal(ntb_window_set(&port, 0, &memory), 0);
	assert_int_equal(ntb_window_set(&port, 1, &irqs), 0);
	assert_int_equal(ntb_lut_add(&port, vf, 0x123, EPOCH), 0);
	forgets = drains = 0;
	return 0;
}

static enum ntb_reason ask(uint64_t addr, uint64_t len, uint32_t need)
{
	struct ntb_path path;

	return ntb_judge(&port, vf, addr, len, need, &path);
}

/* ---- checks 2 and 3 ---- */

static void a_request_is_translated_and_so_is_its_requester(void **state)
{
	struct ntb_path path;

	(void)state;
	assert_int_equal(ntb_route(&port, vf, MEM + 0x1234, 64, IOMMU_READ, &path), 0);
	assert_int_equal(path.addr, XLAT + 0x1234);
	assert_int_equal(path.rid, 0x123);
	assert_int_equal(path.first, MEM);
	assert_int_equal(path.last, MEM + 0xffff);
	assert_int_equal(path.perm, BOTH);
	assert_int_equal(path.kind, NTB_MEMORY);
	assert_int_equal(ntb_route(&port, vf, IRQ + 0x24, 4, IOMMU_WRITE, &path), 0);
	assert_int_equal(path.addr, IR_WINDOW + 0x24);
	assert_int_equal(path.kind, NTB_INTERRUPTS);
	assert_int_equal(port.stats.passed, 2);
}

static void every_byte_of_a_request_is_inside(void **state)
{
	(void)state;
	assert_int_equal(ask(MEM, 0x10000, BOTH), NTB_PASSED);
	assert_int_equal(ask(MEM, 0x10001, BOTH), NTB_FAULT_LIMIT);
	assert_int_equal(ask(MEM + 0xffff, 1, BOTH), NTB_PASSED);
	assert_int_equal(ask(MEM + 0xffff, 0, BOTH), NTB_PASSED);
	assert_int_equal(ask(MEM + 0xffff, 2, BOTH), NTB_FAULT_LIMIT);
	assert_int_equal(ask(MEM + 1, UINT64_MAX, BOTH), NTB_FAULT_LIMIT);
	assert_int_equal(ask(MEM - 1, 2, BOTH), NTB_FAULT_NO_WINDOW);
	assert_int_equal(ask(MEM + 0x10000, 1, BOTH), NTB_FAULT_NO_WINDOW);
	assert_int_equal(ask(0, 1, BOTH), NTB_FAULT_NO_WINDOW);
	assert_int_equal(ask(UINT64_MAX, UINT64_MAX, BOTH), NTB_FAULT_NO_WINDOW);
}

static void neighbouring_windows_are_not_one(void **state)
{
	struct ntb_window next = memory;

	(void)state;
	next.base = MEM + 0x10000;
	next.limit = MEM + 0x1ffff;
	next.xlat = XLAT + 0x10000;
	assert_int_equal(ntb_window_set(&port, 2, &next), 0);
	assert_int_equal(ask(MEM + 0xffff, 2, BOTH), NTB_FAULT_LIMIT);
	assert_int_equal(ask(MEM + 0x10000, 0x10000, BOTH), NTB_PASSED);
}

static void permissions_are_the_windows(void **state)
{
	struct ntb_window w = memory;

	(void)state;
	w.epoch++;
	w.perm = IOMMU_READ;
	assert_int_equal(ntb_window_set(&port, 0, &w), 0);
	assert_int_equal(ask(MEM, 1, IOMMU_READ), NTB_PASSED);
	assert_int_equal(ask(MEM, 1, IOMMU_WRITE), NTB_FAULT_WRITE);
	assert_int_equal(ask(MEM, 1, BOTH), NTB_FAULT_WRITE);
	w.epoch++;
	w.perm = IOMMU_WRITE;
	assert_int_equal(ntb_window_set(&port, 0, &w), 0);
	assert_int_equal(ask(MEM, 1, IOMMU_READ), NTB_FAULT_READ);
	assert_int_equal(ask(MEM, 1, IOMMU_WRITE), NTB_PASSED);
}

static void interrupts_are_aligned_writes_of_four_bytes(void **state)
{
	(void)state;
	assert_int_equal(ask(IRQ, 4, IOMMU_WRITE), NTB_PASSED);
	assert_int_equal(ask(IRQ, 4, IOMMU_READ), NTB_FAULT_INTERRUPT);
	assert_int_equal(ask(IRQ, 4, BOTH), NTB_FAULT_INTERRUPT);
	assert_int_equal(ask(IRQ, 8, IOMMU_WRITE), NTB_FAULT_INTERRUPT);
	assert_int_equal(ask(IRQ, 2, IOMMU_WRITE), NTB_FAULT_INTERRUPT);
	assert_int_equal(ask(IRQ + 2, 4, IOMMU_WRITE), NTB_FAULT_INTERRUPT);
	assert_int_equal(ask(IRQ + IR_WINDOW_SIZE - 4, 4, IOMMU_WRITE), NTB_PASSED);
	assert_int_equal(ask(IRQ + IR_WINDOW_SIZE - 2, 4, IOMMU_WRITE), NTB_FAULT_LIMIT);
}

static void a_requester_is_all_of_its_id(void **state)
{
	struct ntb_path path;

	(void)state;
	for (unsigned bit = 0; bit < 32; bit++) {
		uint32_t id = ((uint32_t)vf.segment << 16 | vf.rid) ^ BIT(bit);
		struct ntb_requester who = {.segment = (uint16_t)(id >> 16),
					    .rid = (pci_rid_t)id};

		assert_int_equal(ntb_judge(&port, who, MEM, 4, IOMMU_READ, &path),
				 NTB_FAULT_REQUESTER);
	}
	assert_int_equal(ntb_lut_del(&port, vf), 0);
	assert_int_equal(ask(MEM, 4, IOMMU_READ), NTB_FAULT_REQUESTER);
	assert_int_equal(forgets, 1);
	assert_int_equal(drained_at, ntb_port_generation(&port));
	assert_int_equal(ntb_lut_del(&port, vf), -ENOENT);
}

static void a_link_that_is_down_refuses_everything(void **state)
{
	uint64_t before = ntb_port_generation(&port);

	(void)state;
	ntb_port_set_link(&port, false);
	assert_int_equal(ask(MEM, 4, IOMMU_READ), NTB_FAULT_LINK_DOWN);
	assert_int_equal(ask(0, 4, IOMMU_READ), NTB_FAULT_LINK_DOWN);
	assert_int_equal(forgets, 1);
	assert_int_equal(drained_at, before + 1);
	ntb_port_set_link(&port, false);
	assert_int_equal(ntb_port_generation(&port), before + 1);
	ntb_port_set_link(&port, true);
	assert_int_equal(ask(MEM, 4, IOMMU_READ), NTB_PASSED);
}

static void refusals_are_counted_and_recorded(void **state)
{
	struct ntb_requester other = {.segment = 1, .rid = 0x777};
	struct ntb_fault fault;
	struct ntb_path path;

	(void)state;
	ntb_route(&port, other, MEM + 8, 16, IOMMU_WRITE, &path);
	ntb_route(&port, vf, 0x42, 1, IOMMU_READ, &path);
	assert_int_equal(ask(0x42, 1, IOMMU_READ), NTB_FAULT_NO_WINDOW);
	assert_int_equal(port.stats.refused[NTB_FAULT_REQUESTER], 1);
	assert_int_equal(port.stats.refused[NTB_FAULT_NO_WINDOW], 1);
	assert_int_equal(port.stats.passed, 0);
	assert_true(ntb_fault_pop(&port.faults, &fault));
	assert_int_equal(fault.addr, MEM + 8);
	assert_int_equal(fault.len, 16);
	assert_int_equal(fault.who.segment, 1);
	assert_int_equal(fault.who.rid, 0x777);
	assert_int_equal(fault.reason, NTB_FAULT_REQUESTER);
	assert_true(fault.write);
	assert_true(fault.time_ns > 0);
	assert_true(ntb_fault_pop(&port.faults, &fault));
	assert_int_equal(fault.reason, NTB_FAULT_NO_WINDOW);
	assert_false(fault.write);
	assert_false(ntb_fault_pop(&port.faults, &fault));
}

/* ---- changes ---- */

struct bad_window {
	struct ntb_window w;
	unsigned slot;
	int ret;
};

#define MEMORY(b, l, x, p)                                                       \
	{                                                                        \
		.base = (b), .limit = (l), .xlat = (x), .perm = (p), .epoch = 99 \
	}
#define INTR(b, l, x, p)                                                          \
	{                                                                         \
		.base = (b), .limit = (l), .xlat = (x), .perm = (p), .epoch = 99, \
		.kind = NTB_INTERRUPTS                                            \
	}
static const struct bad_window bad[] = {
	{MEMORY(BASE, BASE + 0xfff, 0, BOTH), NTB_WINDOWS, -EINVAL},
	{MEMORY(BASE + 1, BASE + 0xfff, 0, BOTH), 5, -EINVAL},
	{MEMORY(BASE, BASE + 0x1000, 0, BOTH), 5, -EINVAL},
	{MEMORY(BASE, BASE + 0xfff, 0x800, BOTH), 5, -EINVAL},
	{MEMORY(BASE + 0x1000, BASE + 0xfff, 0, BOTH), 5, -EINVAL},
	{MEMORY(BASE, BASE + 0xfff, 0, 0), 5, -EINVAL},
	{MEMORY(BASE, BASE + 0xfff, 0, 4), 5, -EINVAL},
	{{.base = BASE, .limit = BASE + 0xfff, .perm = BOTH, .epoch = 99, .kind = 3},
	 5,
	 -EINVAL},
	/* another host's slice */
	{MEMORY(BASE - 0x1000, BASE - 1, 0, BOTH), 5, -ERANGE},
	{MEMORY(BASE - 0x1000, BASE + 0xfff, 0, BOTH), 5, -ERANGE},
	{MEMORY(BASE + SIZE, BASE + SIZE + 0xfff, 0, BOTH), 5, -ERANGE},
	{MEMORY(BASE + SIZE - 0x1000, BASE + SIZE + 0xfff, 0, BOTH), 5, -ERANGE},
	{MEMORY(0, UINT64_MAX, 0, BOTH), 5, -ERANGE},
	/* beyond the host's addresses */
	{MEMORY(BASE, BASE + 0x1fff, BIT64(52) - 0x1000, BOTH), 5, -ERANGE},
	{MEMORY(BASE, BASE + 0xfff, BIT64(52), BOTH), 5, -ERANGE},
	{MEMORY(BASE, BASE + 0x1fff, ~0xfffull, BOTH), 5, -ERANGE},
	/* memory is not interrupts, and the other way round */
	{MEMORY(BASE, BASE + 0xfff, IR_WINDOW, BOTH), 5, -EINVAL},
	{MEMORY(BASE, BASE + 0x1fff, IR_WINDOW - 0x1000, BOTH), 5, -EINVAL},
	{MEMORY(BASE, BASE + BIT64(32) - 1, 0, BOTH), 5, -EINVAL},
	{INTR(BASE, BASE + 0xfff, 0, IOMMU_WRITE), 5, -EINVAL},
	{INTR(BASE, BASE + 0xfff, IR_WINDOW, BOTH), 5, -EINVAL},
	{INTR(BASE, BASE + IR_WINDOW_SIZE - 1, IR_WINDOW + 0x1000, IOMMU_WRITE), 5, -EINVAL},
	{INTR(BASE, BASE + 0xfff, IR_WINDOW - 0x1000, IOMMU_WRITE), 5, -EINVAL},
	{INTR(BASE, BASE + 0xfff, IR_WINDOW + IR_WINDOW_SIZE, IOMMU_WRITE), 5, -EINVAL},
	/* overlaps slot 0 */
	{MEMORY(MEM, MEM + 0xfff, 0, BOTH), 5, -EEXIST},
	{MEMORY(MEM + 0xf000, MEM + 0x10fff, 0, BOTH), 5, -EEXIST},
	{MEMORY(MEM - 0x1000, MEM + 0xfff, 0, BOTH), 5, -EEXIST},
	{MEMORY(MEM - 0x1000, MEM + 0x10fff, 0, BOTH), 5, -EEXIST},
};

static void bad_windows_are_named_and_change_nothing(void **state)
{
	static struct ntb_port before;

	(void)state;
	memcpy(&before, &port, sizeof(port));
	for (unsigned i = 0; i < ARRAY_SIZE(bad); i++)
		if (ntb_window_set(&port, bad[i].slot, &bad[i].w) != bad[i].ret)
			fail_msg("case %u: %d, not %d", i,
				 ntb_window_set(&port, bad[i].slot, &bad[i].w), bad[i].ret);
	assert_int_equal(ntb_window_clear(&port, NTB_WINDOWS), -EINVAL);
	assert_int_equal(ntb_window_clear(&port, 5), -ENOENT);
	assert_memory_equal(&before, &port, sizeof(port));
	assert_int_equal(drains, 0);
}

static void good_windows_reach_the_edges(void **state)
{
	static const struct ntb_window good[] = {
		MEMORY(BASE, BASE + 0xfff, IR_WINDOW - 0x1000, BOTH),
		MEMORY(BASE + SIZE - 0x1000, BASE + SIZE - 1, IR_WINDOW + IR_WINDOW_SIZE, 1),
		MEMORY(BASE + 0x1000, BASE + 0x1fff, BIT64(52) - 0x1000, 2),
		MEMORY(MEM - 0x1000, MEM - 1, 0, BOTH),
		MEMORY(MEM + 0x10000, MEM + 0x10fff, 0, BOTH),
		INTR(BASE + 0x2000, BASE + 0x2fff, IR_WINDOW + IR_WINDOW_SIZE - 0x1000,
		     IOMMU_WRITE),
	};

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(ntb_window_set(&port, i + 2, &good[i]), 0);
		assert_int_equal(ask(good[i].base, 4, good[i].perm), NTB_PASSED);
	}
}

static void a_window_moves_drained_and_leaves_nothing_behind(void **state)
{
	struct ntb_window w = memory, got;
	uint64_t before = ntb_port_generation(&port);
	bool revoked;

	(void)state;
	/* Overlapping its own former place is no overlap. */
	w.base += 0x1000;
	w.limit += 0x1000;
	w.epoch++;
	assert_int_equal(ntb_window_set(&port, 0, &w), 0);
	assert_int_equal(forgets, 1);
	assert_int_equal(drained_at, before + 1);
	assert_int_equal(ask(MEM, 1, BOTH), NTB_FAULT_NO_WINDOW);
	assert_int_equal(ask(MEM + 0x10000, 1, BOTH), NTB_PASSED);
	assert_true(ntb_window_get(&port, 0, &got, &revoked));
	assert_int_equal(got.base, MEM + 0x1000);
	assert_false(revoked);
	assert_int_equal(ntb_window_clear(&port, 0), 0);
	assert_int_equal(forgets, 2);
	assert_int_equal(drained_at, before + 2);
	assert_int_equal(ask(MEM + 0x10000, 1, BOTH), NTB_FAULT_NO_WINDOW);
	assert_false(ntb_window_get(&port, 0, &got, &revoked));
}

static void adding_forgets_nothing_but_the_other_table_waits_for_its_readers(void **state)
{
	struct ntb_window w = memory;

	(void)state;
	w.base += 0x100000;
	w.limit += 0x100000;
	ntb_port_revoke(&port, 1); /* older than all: but drained */
	drains = forgets = 0;
	assert_int_equal(ntb_window_set(&port, 2, &w), 0);
	assert_int_equal(drains, 0);
	w.base += 0x100000;
	w.limit += 0x100000;
	assert_int_equal(ntb_window_set(&port, 3, &w), 0);
	assert_int_equal(drains, 1);
	assert_int_equal(forgets, 0);
}

static void all_slots_and_all_admissions_can_be_used(void **state)
{
	struct ntb_requester who = {.segment = 7};
	struct ntb_window w = memory;
	struct ntb_path path;

	(void)state;
	/* Downwards, so that each is put before all others. */
	for (unsigned i = NTB_WINDOWS - 1; i > 1; i--) {
		w.base = BASE + i * 0x2000;
		w.limit = w.base + 0xfff;
		w.xlat = i * 0x10000;
		assert_int_equal(ntb_window_set(&port, i, &w), 0);
	}
	for (unsigned i = 2; i < NTB_WINDOWS; i++) {
		assert_int_equal(ntb_judge(&port, vf, BASE + i * 0x2000 + 0xfff, 1, 1, &path),
				 0);
		assert_int_equal(path.addr, i * 0x10000 + 0xfff);
		assert_int_equal(ask(BASE + i * 0x2000 + 0x1000, 1, 1), NTB_FAULT_NO_WINDOW);
	}
	for (unsigned i = 1; i < NTB_LUT; i++) {
		who.rid = (pci_rid_t)(i * 40503u);
		assert_int_equal(ntb_lut_add(&port, who, (pci_rid_t)(0x1000 + i), EPOCH), 0);
	}
	who.rid = 0;
	assert_int_equal(ntb_lut_add(&port, who, 1, EPOCH), -ENOSPC);
	for (unsigned i = 1; i < NTB_LUT; i++) {
		who.rid = (pci_rid_t)(i * 40503u);
		assert_int_equal(ntb_judge(&port, who, MEM, 1, 1, &path), 0);
		assert_int_equal(path.rid, 0x1000 + i);
	}
}

static void two_requesters_are_never_one_in_the_host(void **state)
{
	struct ntb_requester other = {.segment = 0, .rid = vf.rid};

	(void)state;
	assert_int_equal(ntb_lut_add(&port, vf, 0x200, EPOCH), -EEXIST);
	assert_int_equal(ntb_lut_add(&port, other, 0x123, EPOCH), -EEXIST);
	assert_int_equal(ntb_lut_add(&port, other, 0x124, EPOCH), 0);
	assert_int_equal(ntb_lut_del(&port, vf), 0);
	assert_int_equal(ntb_lut_add(&port, vf, 0x124, EPOCH), -EEXIST);
	assert_int_equal(ntb_lut_add(&port, vf, 0x123, EPOCH), 0);
}

/* ---- epochs ---- */

static void what_was_revoked_refuses_and_a_replay_changes_nothing(void **state)
{
	struct ntb_requester other = {.rid = 9};
	uint64_t before = ntb_port_generation(&port);
	struct ntb_window w = memory;
	struct ntb_path path;
	bool revoked;

	(void)state;
	ntb_port_revoke(&port, EPOCH);
	assert_int_equal(forgets, 1);
	assert_int_equal(drained_at, before + 1);
	assert_int_equal(ask(MEM, 1, IOMMU_READ), NTB_FAULT_REVOKED);
	assert_int_equal(ask(IRQ, 4, IOMMU_WRITE), NTB_FAULT_REVOKED);
	assert_true(ntb_window_get(&port, 0, &w, &revoked) && revoked);
	/* The old orders once more: the same slot, another, after clearing it. */
	assert_int_equal(ntb_window_set(&port, 0, &memory), -ESTALE);
	assert_int_equal(ntb_lut_add(&port, other, 9, EPOCH), -ESTALE);
	w.base = BASE;
	w.limit = BASE + 0xfff;
	assert_int_equal(ntb_window_set(&port, 8, &w), -ESTALE);
	assert_int_equal(ntb_window_clear(&port, 0), 0);
	assert_int_equal(ntb_window_set(&port, 0, &memory), -ESTALE);
	assert_int_equal(ask(MEM, 1, IOMMU_READ), NTB_FAULT_NO_WINDOW);
	/* Revoking less than was revoked is nothing. */
	before = ntb_port_generation(&port);
	ntb_port_revoke(&port, EPOCH - 1);
	assert_int_equal(ntb_port_generation(&port), before);
	assert_int_equal(ntb_window_set(&port, 0, &memory), -ESTALE);
	/* The next life: the window is there, the admission of the last life is not. */
	w = memory;
	w.epoch = EPOCH + 1;
	assert_int_equal(ntb_window_set(&port, 0, &w), 0);
	assert_int_equal(ask(MEM, 1, IOMMU_READ), NTB_FAULT_STALE_REQUESTER);
	assert_int_equal(ntb_lut_add(&port, vf, 0x123, EPOCH + 1), 0);
	assert_int_equal(ntb_judge(&port, vf, MEM, 1, IOMMU_READ, &path), NTB_PASSED);
}

static void only_what_is_that_old_is_revoked(void **state)
{
	struct ntb_requester newer = {.rid = 9};
	struct ntb_window w = memory;
	struct ntb_path path;

	(void)state;
	w.base += 0x100000;
	w.limit += 0x100000;
	w.epoch = EPOCH + 1;
	assert_int_equal(ntb_window_set(&port, 2, &w), 0);
	assert_int_equal(ntb_lut_add(&port, newer, 9, EPOCH + 1), 0);
	ntb_port_revoke(&port, EPOCH);
	assert_int_equal(ntb_judge(&port, newer, w.base, 1, 1, &path), NTB_PASSED);
	assert_int_equal(ntb_judge(&port, vf, w.base, 1, 1, &path), NTB_FAULT_STALE_REQUESTER);
	assert_int_equal(ntb_judge(&port, newer, MEM, 1, 1, &path), NTB_FAULT_REVOKED);
}

static void a_slot_never_goes_back_to_an_earlier_order(void **state)
{
	struct ntb_window second = memory;

	(void)state;
	second.xlat += 0x100000;
	second.epoch = EPOCH + 5;
	assert_int_equal(ntb_window_set(&port, 0, &second), 0);
	assert_int_equal(ntb_window_set(&port, 0, &memory), -ESTALE);
	assert_int_equal(ntb_window_set(&port, 0, &second), -ESTALE);
	assert_int_equal(ntb_window_clear(&port, 0), 0);
	assert_int_equal(ntb_window_set(&port, 0, &second), -ESTALE);
	second.epoch++;
	assert_int_equal(ntb_window_set(&port, 0, &second), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup(f, set_up)
	const struct CMUnitTest tests[] = {
		T(a_request_is_translated_and_so_is_its_requester),
		T(every_byte_of_a_request_is_inside),
		T(neighbouring_windows_are_not_one),
		T(permissions_are_the_windows),
		T(interrupts_are_aligned_writes_of_four_bytes),
		T(a_requester_is_all_of_its_id),
		T(a_link_that_is_down_refuses_everything),
		T(refusals_are_counted_and_recorded),
		T(bad_windows_are_named_and_change_nothing),
		T(good_windows_reach_the_edges),
		T(a_window_moves_drained_and_leaves_nothing_behind),
		T(adding_forgets_nothing_but_the_other_table_waits_for_its_readers),
		T(all_slots_and_all_admissions_can_be_used),
		T(two_requesters_are_never_one_in_the_host),
		T(what_was_revoked_refuses_and_a_replay_changes_nothing),
		T(only_what_is_that_old_is_revoked),
		T(a_slot_never_goes_back_to_an_earlier_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
