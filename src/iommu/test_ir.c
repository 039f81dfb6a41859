/* SPDX-License-Identifier: BSD-3-Clause */
/* Requests against entries, one row each: who may raise what, and every reason why not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above. */
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bits.h"
#include "iommu_fault.h"
#include "iommu_space.h"
#include "ir.h"
#include "pi_desc.h"

#define ENTRIES 256u
#define RID	PCI_RID(1, 16, 2)
#define INDEX	37u
#define SLOT	9u
#define DESC	5u
#define ADDR	(IR_WINDOW | IR_ADDR_FORMAT | INDEX << 5)
#define LO	(1ull | (uint64_t)SLOT << 32)
#define HI	((uint64_t)RID | 1ull << 18)
/* Posted: descriptor space, bit 67. */
#define POSTED (1ull | 1ull << 15 | 67ull << 16 | (uint64_t)DESC << 38)

static struct ir *ir;
static int fd;
static struct pi_desc desc;
static unsigned drains;

static void drain(void *arg)
{
	(*(unsigned *)arg)++;
}

static int set_up(void **state)
{
	(void)state;
	drains = 0;
	memset(&desc, 0, sizeof(desc));
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (ir_new(ENTRIES, drain, &drains, &ir) < 0)
		return -1;
	ir_set_slot(ir, SLOT, fd);
	ir_set_desc(ir, DESC, &desc, SLOT);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ir_delete(ir);
	close(fd);
	return 0;
}

static uint64_t got(void)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) < 0 ? 0 : n;
}

/* ---- one request, one entry ---- */

struct row {
	const char *name;
	uint64_t lo, hi; /* of entry INDEX; or of table[at] */
	uint32_t addr, data;
	pci_rid_t rid;
	uint8_t reason; /* 0: it is delivered */
	bool silent;
};

#define GOOD(name, lo, hi, addr, data, rid)             \
	{                                               \
		name, lo, hi, addr, data, rid, 0, false \
	}
#define BAD(name, lo, hi, addr, data, rid, why)           \
	{                                                 \
		name, lo, hi, addr, data, rid, why, false \
	}
#define QUIET(name, lo, hi, addr, data, rid, why)        \
	{                                                \
		name, lo, hi, addr, data, rid, why, true \
	}
#define SVT(svt, sq, sid) ((uint64_t)(svt) << 18 | (uint64_t)(sq) << 16 | (sid))

static const struct row rows[] = {
	/* the request */
	GOOD("handle", LO, HI, ADDR, 0, RID),
	GOOD("without SHV data means nothing", LO, HI, ADDR, 0xffffffff, RID),
	GOOD("address bits 1:0 mean nothing", LO, HI, ADDR | 3, 0, RID),
	GOOD("handle and subhandle", LO, HI, ADDR - (7 << 5) + 8, 7, RID),
	BAD("subhandle with more than 16 bits", LO, HI, ADDR + 8, 0x10000, RID, 0x20),
	BAD("subhandle with the top bit", LO, HI, ADDR + 8, 0x80000000, RID, 0x20),
	BAD("beyond the table", LO, HI, ADDR - (INDEX << 5) + (ENTRIES << 5), 0, RID, 0x21),
	BAD("handle bit 15", LO, HI, ADDR | 4, 0, RID, 0x21),
	BAD("subhandle leads beyond", LO, HI, ADDR | 8, ENTRIES - INDEX, RID, 0x21),
	BAD("sum has 17 bits", LO, HI, IR_WINDOW | 0xffffc, 0xffff, RID, 0x21),
	BAD("compatibility format", LO, HI, ADDR & ~16, 0, RID, 0x25),
	BAD("compatibility format that forges", LO, HI, IR_WINDOW | 0xff00c, 0x31, RID, 0x25),
	/* the entry */
	BAD("not present", 0, HI, ADDR, 0, RID, 0x22),
	BAD("all but present", ~1ull & ~2ull, HI, ADDR, 0, RID, 0x22),
	QUIET("not present, FPD", 2, HI, ADDR, 0, RID, 0x22),
	BAD("reserved 12", LO | 1 << 12, HI, ADDR, 0, RID, 0x24),
	BAD("reserved 13", LO | 1 << 13, HI, ADDR, 0, RID, 0x24),
	BAD("urgent, but remapped", LO | 1 << 14, HI, ADDR, 0, RID, 0x24),
	BAD("reserved 24", LO | 1 << 24, HI, ADDR, 0, RID, 0x24),
	BAD("reserved 31", LO | 1ull << 31, HI, ADDR, 0, RID, 0x24),
	BAD("reserved 84", LO, HI | 1 << 20, ADDR, 0, RID, 0x24),
	BAD("reserved 127", LO, HI | 1ull << 63, ADDR, 0, RID, 0x24),
	BAD("delivery mode 3", LO | 3 << 5, HI, ADDR, 0, RID, 0x24),
	BAD("delivery mode 6", LO | 6 << 5, HI, ADDR, 0, RID, 0x24),
	QUIET("reserved, FPD", LO | 2 | 1 << 12, HI, ADDR, 0, RID, 0x24),
	GOOD("all that is not reserved", LO | 0xff0f1eull, HI, ADDR, 0, RID),
	/* posted form */
	GOOD("posted", POSTED, HI, ADDR, 0, RID),
	GOOD("posted, urgent, available bits", POSTED | 1 << 14 | 0xf00, HI, ADDR, 0, RID),
	BAD("posted with destination mode", POSTED | 4, HI, ADDR, 0, RID, 0x24),
	BAD("posted with delivery mode", POSTED | 1 << 5, HI, ADDR, 0, RID, 0x24),
	BAD("posted, reserved 12", POSTED | 1 << 12, HI, ADDR, 0, RID, 0x24),
	BAD("posted, reserved 37", POSTED | 1ull << 37, HI, ADDR, 0, RID, 0x24),
	BAD("posted, reserved 84", POSTED, HI | 1 << 20, ADDR, 0, RID, 0x24),
	BAD("posted, reserved 95", POSTED, HI | 1ull << 31, ADDR, 0, RID, 0x24),
	/* who asks */
	GOOD("SVT 0: anybody", LO, SVT(0, 0, 0), ADDR, 0, RID),
	GOOD("SVT 0: SQ and SID mean nothing", LO, SVT(0, 3, 0xffff), ADDR, 0, 7),
	BAD("SQ 0: bit 0", LO, HI, ADDR, 0, RID ^ 1, 0x26),
	BAD("SQ 0: bit 2", LO, HI, ADDR, 0, RID ^ 4, 0x26),
	BAD("SQ 0: bit 15", LO, HI, ADDR, 0, RID ^ 0x8000, 0x26),
	GOOD("SQ 1: all but bit 2", LO, SVT(1, 1, RID), ADDR, 0, RID ^ 4),
	BAD("SQ 1: bit 0", LO, SVT(1, 1, RID), ADDR, 0, RID ^ 1, 0x26),
	BAD("SQ 1: bit 1", LO, SVT(1, 1, RID), ADDR, 0, RID ^ 2, 0x26),
	GOOD("SQ 2: all but bits 2:1", LO, SVT(1, 2, RID), ADDR, 0, RID ^ 6),
	BAD("SQ 2: bit 0", LO, SVT(1, 2, RID), ADDR, 0, RID ^ 1, 0x26),
	GOOD("SQ 3: all functions", LO, SVT(1, 3, RID), ADDR, 0, RID ^ 7),
	BAD("SQ 3: another device", LO, SVT(1, 3, RID), ADDR, 0, RID ^ 8, 0x26),
	GOOD("SVT 2: first bus", LO, SVT(2, 0, 0x0104), ADDR, 0, 0x01ff),
	GOOD("SVT 2: last bus", LO, SVT(2, 0, 0x0104), ADDR, 0, 0x0400),
	BAD("SVT 2: before", LO, SVT(2, 0, 0x0104), ADDR, 0, 0x00ff, 0x26),
	BAD("SVT 2: behind", LO, SVT(2, 0, 0x0104), ADDR, 0, 0x0500, 0x26),
	BAD("SVT 2: upside down", LO, SVT(2, 0, 0x0401), ADDR, 0, 0x0200, 0x26),
	BAD("SVT 3", LO, SVT(3, 0, RID), ADDR, 0, RID, 0x24),
	QUIET("another's, FPD", LO | 2, HI, ADDR, 0, RID ^ 1, 0x26),
	BAD("another's, posted", POSTED, HI, ADDR, 0, RID ^ 1, 0x26),
};

static void check_delivered(const struct row *row)
{
	bool posted = row->lo & 1 << 15;

	if (got() != 1)
		fail_msg("%s: no notification", row->name);
	if (atomic_exchange(&desc.pir[1], 0) != (posted ? 8u : 0))
		fail_msg("%s: not the bit", row->name);
	atomic_store(&desc.control, 0);
}

static void a_request_is_judged_by_its_entry(void **state)
{
	struct ir_fault fault;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		uint8_t reason = 0;

		ir_clear(ir, INDEX);
		ir_write(ir, INDEX, row->lo, row->hi);
		fault = (struct ir_fault){0};
		if (ir_raise(ir, row->rid, row->addr, row->data, &fault) == IR_REFUSED)
			reason = fault.reason;
		if (reason != row->reason || fault.silent != row->silent)
			fail_msg("%s: reason %#x, want %#x%s", row->name, reason, row->reason,
				 row->silent ? ", silent" : "");
		if (!reason) {
			check_delivered(row);
			continue;
		}
		if (got() || atomic_load(&desc.pir[1]))
			fail_msg("%s: refused, and delivered", row->name);
		assert_int_equal(ir_fault_addr(fault.info), row->addr);
		if (reason == IR_FAULT_SOURCE)
			assert_int_equal(ir_fault_index(fault.info), INDEX);
		assert_string_not_equal(iommu_reason_str(reason), "unknown reason");
	}
}

static void every_code_is_in_the_table(void **state)
{
	uint32_t seen = 0;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
		seen |= rows[i].reason ? BIT(rows[i].reason - 0x20) : 0;
	assert_int_equal(seen, 0x7f & ~BIT(3)); /* 0x23 is the next test */
}

static void a_table_that_cannot_be_read_is_a_fault(void **state)
{
	struct ir_fault fault;

	(void)state;
	ir_set_table(ir, NULL, 0);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_REFUSED);
	assert_int_equal(fault.reason, 0x23);
	assert_int_equal(ir_fault_index(fault.info), INDEX);
}

static void a_whole_table_has_65536_entries(void **state)
{
	struct ir_fault fault;
	struct ir *big;

	(void)state;
	assert_int_equal(ir_new(IR_ENTRIES_MAX, NULL, NULL, &big), 0);
	ir_set_slot(big, SLOT, fd);
	ir_write(big, 0x8000 + INDEX, LO, HI);
	assert_int_equal(ir_raise(big, RID, ADDR | 4, 0, &fault), IR_NOTIFIED);
	assert_int_equal(ir_raise(big, RID, ADDR, 0, &fault), IR_REFUSED);
	assert_int_equal(fault.reason, IR_FAULT_NOT_PRESENT);
	assert_int_equal(ir_raise(big, RID, IR_WINDOW | 0xffffc, 1, &fault), IR_REFUSED);
	assert_int_equal(fault.reason, IR_FAULT_INDEX);
	ir_delete(big);
}

static void the_words_we_write_are_those_of_the_specification(void **state)
{
	(void)state;
	assert_true(irte_remapped(SLOT, 0) == LO);
	assert_true(irte_remapped(SLOT, 0x41) == (LO | 0x410000));
	assert_true(irte_posted(DESC, 67, false) == POSTED);
	assert_true(irte_posted(DESC, 67, true) == (POSTED | 1 << 14));
	assert_true(irte_source(RID) == HI);
	assert_true(ir_message(INDEX) == (uint64_t)ADDR << 32);
	assert_true(ir_message(0x8001) == 0xfee0003400000000ull);
}

static void a_large_descriptor_address_is_whole(void **state)
{
	struct ir_fault fault;

	(void)state;
	/* PDA with the upper half set: beyond all descriptors, so nobody is there. */
	ir_write(ir, INDEX, POSTED, HI | 1ull << 32);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOBODY);
	assert_int_equal(atomic_load(&desc.pir[1]), 0);
}

/* ---- descriptors in a host's own memory ---- */

#define HPA (1ull << 32)

/* One page that may be read and written, and one that may not be written. */
static _Alignas(4096) uint8_t page[2][4096];
static struct iommu_slice slices[2];
static struct iommu_space space;

static int set_up_space(void **state)
{
	if (set_up(state) < 0 || iommu_space_init(&space) < 0)
		return -1;
	memset(page, 0, sizeof(page));
	iommu_space_add_at(&space, &slices[0], page[0], 4096, IOMMU_READ | IOMMU_WRITE, HPA);
	iommu_space_add_at(&space, &slices[1], page[1], 4096, IOMMU_READ, HPA + IOMMU_GRANULE);
	ir_set_space(ir, &space);
	return 0;
}

static int tear_down_space(void **state)
{
	for (unsigned i = 0; i < 2; i++)
		iommu_space_remove(&space, &slices[i]);
	iommu_space_done(&space);
	return tear_down(state);
}

static enum ir_result raise_at(uint64_t pda, uint64_t more, struct ir_fault *ret_fault)
{
	ir_clear(ir, INDEX);
	ir_write(ir, INDEX, irte_posted_low(pda, 67) | more, irte_posted_high(pda, RID));
	return ir_raise(ir, RID, ADDR, 0, ret_fault);
}

static void descriptors_lie_in_offered_memory(void **state)
{
	static const uint64_t outside[] = {
		0,
		64,
		IR_WINDOW,
		HPA - 64,
		HPA + 4096,
		HPA + IOMMU_GRANULE, /* may not be written */
		HPA + 2 * IOMMU_GRANULE,
		HPA << 1,
		BIT64(40) + HPA, /* another host's slice */
		BIT64(46) + HPA,
		BIT64(63) + HPA,
		~63ull,
	};
	struct pi_desc *last = (struct pi_desc *)(void *)&page[0][4096 - sizeof(*last)];
	struct ir_fault fault;

	(void)state;
	for (unsigned i = 0; i < ARRAY_SIZE(outside); i++) {
		memset(&fault, 0, sizeof(fault));
		assert_int_equal(raise_at(outside[i], 0, &fault), IR_REFUSED);
		assert_int_equal(fault.reason, 0x27);
		assert_int_equal(ir_fault_index(fault.info), INDEX);
		assert_false(fault.silent);
	}
	assert_int_equal(raise_at(0, 2, &fault), IR_REFUSED); /* FPD */
	assert_true(fault.silent);
	/* Bit 5 of the address has no place in an entry. */
	assert_int_equal(raise_at(HPA, BIT64(37), &fault), IR_REFUSED);
	assert_int_equal(fault.reason, IR_FAULT_ENTRY);
	for (unsigned i = 0; i < sizeof(page); i++)
		assert_int_equal(page[i / 4096][i % 4096], 0);
	assert_int_equal(raise_at(HPA + 4096 - sizeof(*last), 0, &fault), IR_NOBODY);
	assert_true(last->pir[1] == 8 && last->control == PI_ON);
	assert_true(atomic_load(&desc.pir[1]) == 0);
}

/* Whose eventfd it is, is the entry's affair: neither PDA nor the descriptor says. */
static void an_entry_has_its_notification(void **state)
{
	struct pi_desc *d = (struct pi_desc *)(void *)page[0];
	struct ir_fault fault;

	(void)state;
	ir_set_desc(ir, INDEX, NULL, SLOT);
	assert_int_equal(raise_at(HPA, 0, &fault), IR_NOTIFIED);
	assert_int_equal(got(), 1);
	assert_int_equal(raise_at(HPA, 0, &fault), IR_POSTED);
	pi_take(d, 1);
	pi_disarm(d);
	assert_int_equal(raise_at(HPA, 0, &fault), IR_POSTED);
	pi_take(d, 1);
	pi_arm(d);
	ir_set_desc(ir, INDEX, NULL, IR_NO_SLOT);
	assert_int_equal(raise_at(HPA, 0, &fault), IR_NOBODY);
	assert_int_equal(got(), 0);
}

/* ---- delivery ---- */

static void an_empty_slot_is_nobody(void **state)
{
	struct ir_fault fault;

	(void)state;
	ir_write(ir, INDEX, LO, HI);
	assert_int_equal(ir_set_slot(ir, SLOT, -1), fd);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOBODY);
	ir_write(ir, INDEX, 1ull | 0xffffffffull << 32, HI);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOBODY);
	ir_set_desc(ir, DESC, NULL, SLOT);
	ir_write(ir, INDEX, POSTED, HI);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOBODY);
}

static void posting_notifies_once_until_the_receiver_has_looked(void **state)
{
	struct ir_fault fault;

	(void)state;
	ir_write(ir, INDEX, POSTED, HI);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOTIFIED);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_POSTED);
	assert_true(pi_take(&desc, 1) == 8);
	assert_true(pi_take(&desc, 1) == 0);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOTIFIED);
	assert_int_equal(got(), 2);
	pi_disarm(&desc);
	pi_take(&desc, 1);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_POSTED);
	assert_int_equal(got(), 0);
	pi_take(&desc, 1);
	ir_write(ir, INDEX, POSTED | 1 << 14, HI);
	assert_int_equal(ir_raise(ir, RID, ADDR, 0, &fault), IR_NOTIFIED);
}

/* ---- allocation ---- */

static void entries_are_given_once(void **state)
{
	bool seen[ENTRIES] = {false};

	(void)state;
	for (unsigned i = 0; i < ENTRIES; i++) {
		int index = ir_alloc(ir);

		assert_in_range(index, 0, ENTRIES - 1);
		assert_false(seen[index]);
		seen[index] = true;
	}
	assert_int_equal(ir_alloc(ir), -ENOSPC);
	ir_free(ir, 17);
	assert_int_equal(ir_alloc(ir), 17);
}

static void an_entry_whose_owner_changes_is_drained_in_between(void **state)
{
	(void)state;
	ir_write(ir, INDEX, LO, HI);
	assert_int_equal(drains, 0);
	ir_write(ir, INDEX, POSTED, HI);
	assert_int_equal(drains, 0);
	ir_write(ir, INDEX, LO, HI + 1);
#ifndef LADON_BREAK_IEC
	assert_int_equal(drains, 1);
#endif
	ir_clear(ir, INDEX);
	ir_write(ir, INDEX, LO, HI);
	ir_invalidate(ir);
	assert_int_equal(drains, 2);
}

/* ---- a hostile table ---- */

/* Whatever stands in the table: nothing but our own slot and descriptor is touched. */
static void garbage_reaches_no_further_than_our_own(void **state)
{
	static struct irte table[ENTRIES];
	unsigned delivered = 0;

	(void)state;
	srandom(1);
	ir_set_table(ir, table, ENTRIES);
	for (unsigned i = 0; i < 100000; i++) {
		unsigned at = (unsigned)random() % ENTRIES;
		uint64_t lo = (uint64_t)random() << 32 ^ (uint64_t)random(),
			 hi = lo * 31 ^ (uint64_t)random();
		uint32_t addr = (uint32_t)(ir_message(at) >> 32);
		struct ir_fault fault;

		/* Every other one is nearly right. */
		atomic_store(&table[at].word[0],
			     i & 1 ? lo : (i & 2 ? LO : POSTED) ^ BIT64(lo % 64));
		atomic_store(&table[at].word[1], i & 1 ? hi : HI ^ BIT64(hi % 64));
		delivered += ir_raise(ir, RID, addr, 0, &fault) == IR_NOTIFIED;
		ir_raise(ir, (pci_rid_t)random(), addr ^ ((uint32_t)random() & 0xfffff),
			 (uint32_t)random(), &fault);
		atomic_store(&desc.control, 0);
		atomic_store(&desc.pir[1], 0);
	}
	assert_true(delivered > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_request_is_judged_by_its_entry),
		T(every_code_is_in_the_table),
		T(a_table_that_cannot_be_read_is_a_fault),
		T(a_whole_table_has_65536_entries),
		T(the_words_we_write_are_those_of_the_specification),
		T(a_large_descriptor_address_is_whole),
		T(an_empty_slot_is_nobody),
		T(posting_notifies_once_until_the_receiver_has_looked),
		T(entries_are_given_once),
		T(an_entry_whose_owner_changes_is_drained_in_between),
		T(garbage_reaches_no_further_than_our_own),
		cmocka_unit_test_setup_teardown(descriptors_lie_in_offered_memory, set_up_space,
						tear_down_space),
		cmocka_unit_test_setup_teardown(an_entry_has_its_notification, set_up_space,
						tear_down_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
