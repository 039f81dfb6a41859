/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Tests of the unit as system software sees it: registers, fault records, and the invalidation
 * queue, for a host that writes its tables itself.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "iommu_domain.h"
#include "vtd.h"
#include "vtd_defs.h"

#define MIB(n) ((uint64_t)(n) << 20)
#define RID    0x0110
#define DID    5
#define RW     (IOMMU_READ | IOMMU_WRITE)
#define PAGES  1024u

enum page { ROOT, CTX, SS4, SS3, SS2, QUEUE, STATUS };

static struct vtd *vtd;
static struct iommu_slice slice;
static struct iommu_domain *dom;
static uint64_t *words;
static unsigned tail, drains;
static struct {
	uint64_t addr, irta;
	uint32_t data;
	unsigned events, irte_all, irte_index, irte_mask, forgotten;
	bool ir_on;
} seen;

static uint64_t page_hpa(unsigned page)
{
	return slice.hpa + page * 4096ull;
}

static uint64_t *word_at(enum page page, unsigned word)
{
	return &words[page * 512 + word];
}

static void on_event(void *arg, uint64_t addr, uint32_t data)
{
	(void)arg;
	seen.addr = addr;
	seen.data = data;
	seen.events++;
}

static void on_interrupts(void *arg, uint64_t irta, bool on)
{
	(void)arg;
	seen.irta = irta;
	seen.ir_on = on;
}

static void on_forget(void *arg, bool all, unsigned index, unsigned mask)
{
	(void)arg;
	seen.forgotten++;
	seen.irte_all += all;
	seen.irte_index = index;
	seen.irte_mask = mask;
}

static void count_drain(void *arg)
{
	(void)arg;
	drains++;
}

/* IOVA 0 ... 4 MiB: two pages of 2 MiB onto the memory itself, twice the first half. */
static void build(void)
{
	memset(words, 0, PAGES * 4096);
	*word_at(ROOT, (RID >> 8) * 2) = page_hpa(CTX) | VTD_P;
	*word_at(CTX, (RID & 0xff) * 2) = page_hpa(SS4) | VTD_P;
	*word_at(CTX, (RID & 0xff) * 2 + 1) = VTD_PUT(VTD_CTX_DID, DID) | 2;
	*word_at(SS4, 0) = page_hpa(SS3) | RW;
	*word_at(SS3, 0) = page_hpa(SS2) | RW;
	*word_at(SS2, 0) = slice.hpa | VTD_PS | RW;
	*word_at(SS2, 1) = slice.hpa | VTD_PS | RW;
}

static int setup(void **state)
{
	static const struct vtd_hooks hooks = {
		.event = on_event, .interrupts = on_interrupts, .forget_irtes = on_forget};

	(void)state;
	words = aligned_alloc(4096, PAGES * 4096);
	if (!words || vtd_new(&vtd) < 0)
		return -1;
	vtd_set_hooks(vtd, &hooks);
	memset(&seen, 0, sizeof(seen));
	tail = drains = 0;
	if (iommu_space_add(vtd_space(vtd), &slice, (uint8_t *)words, PAGES * 4096, RW, 0) < 0)
		return -1;
	build();
	vtd_write(vtd, VTD_RTADDR, 8, page_hpa(ROOT));
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_SRTP);
	vtd_write(vtd, VTD_IQA, 8, page_hpa(QUEUE));
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_QIE);
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_QIE | VTD_GCMD_TE);
	return iommu_domain_new(vtd, RID, count_drain, NULL, &dom);
}

static int teardown(void **state)
{
	(void)state;
	iommu_domain_free(dom);
	while (vtd_space(vtd)->ends.next != &vtd_space(vtd)->ends)
		iommu_space_remove(vtd_space(vtd), vtd_space(vtd)->ends.next);
	vtd_free(vtd);
	free(words);
	return 0;
}

/* ---- helpers ---- */

static void put(uint64_t lo, uint64_t hi)
{
	*word_at(QUEUE, tail * 2) = lo;
	*word_at(QUEUE, tail * 2 + 1) = hi;
	tail = (tail + 1) % 256;
}

static void run(void)
{
	vtd_write(vtd, VTD_IQT, 8, tail * 16);
}

static void put_wait(uint32_t data)
{
	put(VTD_IQ_WAIT | VTD_IQ_WAIT_SW | VTD_PUT(VTD_IQ_WAIT_DATA, data), page_hpa(STATUS));
}

static uint32_t status(void)
{
	return (uint32_t)*word_at(STATUS, 0);
}

static bool reach(uint64_t iova)
{
	uint32_t len = 1;

	return iommu_xlate(dom, iova, &len, IOMMU_WRITE) != NULL;
}

static bool is_cached(uint64_t iova)
{
	return dom->flat[iova / MIB(2)] != 0;
}

static void expect_stop(unsigned why, uint64_t head)
{
	assert_true(vtd_read(vtd, VTD_FSTS, 4) & VTD_FSTS_IQE);
	assert_int_equal(vtd_read(vtd, VTD_IQERCD, 8), why);
	assert_int_equal(vtd_read(vtd, VTD_IQH, 8), head);
}

/* ---- registers ---- */

static void registers_after_reset(void **state)
{
	static const struct {
		uint32_t offset;
		unsigned size;
		uint64_t value;
	} reset[] = {
		{VTD_GCMD, 4, 0},
		{VTD_GSTS, 4, 0},
		{VTD_RTADDR, 8, 0},
		{VTD_FECTL, 4, 0x80000000},
		{VTD_IECTL, 4, 0x80000000},
		{VTD_IQH, 8, 0},
		{VTD_FSTS, 4, 0},
		{VTD_FRCD + 8, 8, 0},
		{0x7f8, 8, 0},
		{VTD_IQT, 8, 0},
	};
	uint64_t cap, ecap;
	struct vtd *fresh;

	(void)state;
	assert_int_equal(vtd_new(&fresh), 0);
	for (size_t i = 0; i < ARRAY_SIZE(reset); i++)
		assert_int_equal(vtd_read(fresh, reset[i].offset, reset[i].size),
				 reset[i].value);
	cap = vtd_read(fresh, VTD_CAP, 8);
	ecap = vtd_read(fresh, VTD_ECAP, 8);
	assert_int_equal((cap >> 24 & 0x3ff) * 16, VTD_FRCD);
	assert_int_equal((cap >> 40 & 0xff) + 1, VTD_NUM_FRCD);
	assert_int_equal((cap >> 16 & 0x3f) + 1, 57);
	assert_int_equal(cap >> 8 & 0x1f, 0xe);
	assert_true(cap & BIT64(7));			   /* caching mode */
	assert_true(cap & BIT64(39));			   /* page-selective invalidation */
	assert_true(ecap & BIT64(1));			   /* queued invalidation */
	assert_true(ecap & BIT64(26) && ecap & BIT64(43)); /* nested, scalable */
	assert_int_equal((uint32_t)vtd_read(fresh, VTD_CAP, 4), (uint32_t)cap);
	assert_int_equal(vtd_read(fresh, VTD_CAP + 4, 4), cap >> 32);
	vtd_free(fresh);
}

static void read_only_bits_stay(void **state)
{
	uint64_t cap = vtd_read(vtd, VTD_CAP, 8);

	(void)state;
	vtd_write(vtd, VTD_CAP, 8, 0);
	vtd_write(vtd, VTD_CAP + 4, 4, 0);
	assert_int_equal(vtd_read(vtd, VTD_CAP, 8), cap);
	vtd_write(vtd, VTD_GSTS, 4, 0);
	assert_int_equal(vtd_read(vtd, VTD_GSTS, 4) & VTD_GCMD_TE, VTD_GCMD_TE);
	vtd_write(vtd, VTD_RTADDR, 8, UINT64_MAX);
	assert_int_equal(vtd_read(vtd, VTD_RTADDR, 8), ~0x3ffull);
	vtd_write(vtd, VTD_RTADDR + 4, 4, 0x12345);
	assert_int_equal(vtd_read(vtd, VTD_RTADDR, 8), 0x12345fffffc00);
	vtd_write(vtd, VTD_RTADDR + 2, 4, 0); /* unaligned, of no size: nothing */
	vtd_write(vtd, VTD_RTADDR, 2, 0);
	vtd_write(vtd, 0xff8, 8, UINT64_MAX);
	assert_int_equal(vtd_read(vtd, VTD_RTADDR, 8), 0x12345fffffc00);
	assert_int_equal(vtd_read(vtd, VTD_RTADDR + 2, 4), 0);
}

/* RTADDR counts when SRTP is written; everything cached goes, drained. */
static void a_new_root_table_counts_when_it_is_set(void **state)
{
	(void)state;
	assert_true(reach(0));
	vtd_write(vtd, VTD_RTADDR, 8, page_hpa(STATUS));
	assert_true(reach(0));
	drains = 0;
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_QIE | VTD_GCMD_TE | VTD_GCMD_SRTP);
	assert_false(reach(0));
	assert_true(drains >= 1);
	assert_true(vtd_read(vtd, VTD_GSTS, 4) & VTD_GCMD_SRTP);
}

static void translation_off_means_physical_addresses(void **state)
{
	uint32_t len = 1;

	(void)state;
	assert_false(reach(slice.hpa));
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_QIE);
	assert_ptr_equal(iommu_xlate(dom, slice.hpa + 5, &len, RW), (uint8_t *)words + 5);
	assert_false(reach(0));
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_QIE | VTD_GCMD_TE);
	assert_false(reach(slice.hpa));
	assert_true(reach(0));
}

static void interrupt_remapping_is_told(void **state)
{
	(void)state;
	vtd_write(vtd, VTD_IRTA, 8, 0x123000 | 7);
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_SIRTP);
	assert_int_equal(seen.irta, 0x123007);
	assert_false(seen.ir_on);
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_TE | VTD_GCMD_QIE | VTD_GCMD_IRE);
	assert_true(seen.ir_on);
}

/* ---- faults ---- */

static void fault(uint64_t addr, unsigned reason)
{
	struct iommu_fault f = {.addr = addr, .rid = RID, .reason = (uint8_t)reason};

	vtd_fault(vtd, &f);
}

static void records_fill_and_overflow(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VTD_NUM_FRCD; i++)
		fault(0x1234567 + i * 4096, IOMMU_FAULT_WRITE);
	for (unsigned i = 0; i < VTD_NUM_FRCD; i++) {
		assert_int_equal(vtd_read(vtd, VTD_FRCD + i * 16, 8), 0x1234000 + i * 4096);
		assert_int_equal(vtd_read(vtd, VTD_FRCD + i * 16 + 8, 8),
				 3ull << 62 | 5ull << 32 | RID);
	}
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), VTD_FSTS_PPF);
	fault(0, IOMMU_FAULT_READ);
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), VTD_FSTS_PPF | VTD_FSTS_PFO);
	/* One is free, but nothing is recorded until the overflow is cleared. */
	vtd_write(vtd, VTD_FRCD + 12, 4, 1u << 31);
	fault(0x777000, IOMMU_FAULT_READ);
	assert_int_equal(vtd_read(vtd, VTD_FRCD + 8, 8) >> 63, 0);
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4),
			 VTD_FSTS_PPF | VTD_FSTS_PFO | 1 << 8); /* the oldest is 1 */
	vtd_write(vtd, VTD_FSTS, 4, VTD_FSTS_PFO);
	fault(0x777000, IOMMU_FAULT_READ);
	assert_int_equal(vtd_read(vtd, VTD_FRCD, 8), 0x777000);
	for (unsigned i = 0; i < VTD_NUM_FRCD; i++)
		vtd_write(vtd, VTD_FRCD + i * 16 + 8, 8, BIT64(63));
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), 0);
}

static void our_own_reasons_are_not_recorded(void **state)
{
	(void)state;
	fault(0, IOMMU_FAULT_BUS_MASTER_OFF);
	fault(0, IOMMU_FAULT_NO_MEMORY);
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), 0);
	fault(0x17ull << 48 | 0xfee002f0, IR_FAULT_SOURCE);
	assert_int_equal(vtd_read(vtd, VTD_FRCD, 8), 0x17ull << 48);
}

static void fault_events_are_sent_once_and_held_back_while_masked(void **state)
{
	(void)state;
	vtd_write(vtd, VTD_FEDATA, 4, 0x41);
	vtd_write(vtd, VTD_FEADDR, 4, 0xfee00018);
	vtd_write(vtd, VTD_FEUADDR, 4, 7);
	fault(0, IOMMU_FAULT_READ);
	assert_int_equal(seen.events, 0);
	assert_int_equal(vtd_read(vtd, VTD_FECTL, 4), VTD_EVENT_MASK | VTD_EVENT_PEND);
	vtd_write(vtd, VTD_FECTL, 4, 0);
	assert_int_equal(seen.events, 1);
	assert_int_equal(seen.addr, 0x7fee00018);
	assert_int_equal(seen.data, 0x41);
	assert_int_equal(vtd_read(vtd, VTD_FECTL, 4), 0);
	fault(0, IOMMU_FAULT_READ); /* status is set already */
	assert_int_equal(seen.events, 1);
	vtd_write(vtd, VTD_FRCD + 12, 4, 1u << 31);
	vtd_write(vtd, VTD_FRCD + 28, 4, 1u << 31);
	fault(0, IOMMU_FAULT_READ);
	assert_int_equal(seen.events, 2);
}

/* ---- queue ---- */

static void wait_writes_its_status_and_drains(void **state)
{
	(void)state;
	drains = 0;
	put_wait(77);
	assert_int_equal(status(), 0);
	run();
	assert_int_equal(status(), 77);
	assert_int_equal(drains, 0); /* nothing was invalidated */
	put(VTD_IQ_IOTLB | VTD_PUT(VTD_IQ_G, VTD_G_GLOBAL), 0);
	run();
	assert_int_equal(drains, 0);
	put_wait(78);
	run();
	assert_int_equal(drains, 1);
	assert_int_equal(status(), 78);
	assert_int_equal(vtd_read(vtd, VTD_IQH, 8), tail * 16);
}

static void descriptors_forget_what_they_name(void **state)
{
	static const struct {
		uint64_t lo, hi;
		bool first, second; /* which of the two granules are forgotten */
	} cases[] = {
		{VTD_IQ_IOTLB | VTD_G_GLOBAL << 4, 0, true, true},
		{VTD_IQ_IOTLB | VTD_G_DOMAIN << 4 | DID << 16, 0, true, true},
		{VTD_IQ_IOTLB | VTD_G_DOMAIN << 4 | (DID + 1) << 16, 0, false, false},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, 0x1000, true, false},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, 0x3ff000, false, true},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, 0x200000 | 9, false, true},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, 0x200000 | 10, true, true},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, 1ull << 40, false, false},
		{VTD_IQ_IOTLB | VTD_G_SELECT << 4 | 1 << 16, 0, false, false},
		{VTD_IQ_PASID_IOTLB | VTD_G_PASID_ALL << 4 | DID << 16, 0, true, true},
		{VTD_IQ_PASID_IOTLB | VTD_G_SELECT << 4 | DID << 16, 0x200000, false, true},
		{VTD_IQ_IEC, 0, false, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		assert_true(reach(0) && reach(MIB(2)));
		assert_true(is_cached(0) && is_cached(MIB(2)));
		put(cases[i].lo, cases[i].hi);
		put_wait((uint32_t)i + 1);
		run();
		assert_int_equal(status(), i + 1);
		assert_int_equal(is_cached(0), !cases[i].first);
		assert_int_equal(is_cached(MIB(2)), !cases[i].second);
	}
}

static void a_changed_entry_counts_after_its_invalidation(void **state)
{
	(void)state;
	assert_true(reach(MIB(2)));
	*word_at(SS2, 1) = 0;
	assert_true(reach(MIB(2)));
	put(VTD_IQ_IOTLB | VTD_G_SELECT << 4 | DID << 16, MIB(2));
	put_wait(1);
	run();
	assert_false(reach(MIB(2)));
	assert_true(reach(0));
}

static void a_changed_context_counts_after_its_invalidation(void **state)
{
	static const struct {
		uint64_t lo;
		bool told;
	} cases[] = {
		{VTD_IQ_CTX | VTD_G_GLOBAL << 4, true},
		{VTD_IQ_CTX | VTD_G_DOMAIN << 4 | DID << 16, true},
		{VTD_IQ_CTX | VTD_G_DOMAIN << 4 | (DID + 1) << 16, false},
		{VTD_IQ_CTX | VTD_G_SELECT << 4 | (uint64_t)RID << 32, true},
		{VTD_IQ_CTX | VTD_G_SELECT << 4 | (uint64_t)(RID + 1) << 32, false},
		{VTD_IQ_CTX | VTD_G_SELECT << 4 | (uint64_t)(RID + 4) << 32 | 1ull << 48, true},
		{VTD_IQ_CTX | VTD_G_SELECT << 4 | (uint64_t)(RID + 7) << 32 | 3ull << 48, true},
		{VTD_IQ_CTX | VTD_G_SELECT << 4 | (uint64_t)(RID + 8) << 32 | 3ull << 48,
		 false},
		{VTD_IQ_PASID | 3 << 4, true},
		{VTD_IQ_PASID | DID << 16, true},
		{VTD_IQ_PASID | (DID + 1) << 16, false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		build();
		put(VTD_IQ_CTX | VTD_G_GLOBAL << 4, 0);
		run();
		assert_true(reach(0));
		*word_at(CTX, (RID & 0xff) * 2) = 0;
		put(cases[i].lo, 0);
		put_wait(1);
		run();
		assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), 0);
		assert_int_equal(reach(0), !cases[i].told);
	}
}

static void interrupt_entries_are_told(void **state)
{
	(void)state;
	put(VTD_IQ_IEC, 0);
	run();
	assert_int_equal(seen.irte_all, 1);
	put(VTD_IQ_IEC | VTD_IQ_IEC_G | VTD_PUT(VTD_IQ_IEC_IIDX, 0x1234) |
		    VTD_PUT(VTD_IQ_IEC_IM, 3),
	    0);
	run();
	assert_int_equal(seen.forgotten, 2);
	assert_int_equal(seen.irte_all, 1);
	assert_int_equal(seen.irte_index, 0x1234);
	assert_int_equal(seen.irte_mask, 3);
}

static void wait_can_raise_an_event(void **state)
{
	(void)state;
	vtd_write(vtd, VTD_IECTL, 4, 0);
	vtd_write(vtd, VTD_IEDATA, 4, 0x55);
	put(VTD_IQ_WAIT | VTD_IQ_WAIT_IF, 0);
	run();
	assert_int_equal(seen.events, 1);
	assert_int_equal(seen.data, 0x55);
	assert_int_equal(vtd_read(vtd, VTD_ICS, 4), 1);
	put(VTD_IQ_WAIT | VTD_IQ_WAIT_IF, 0);
	run();
	assert_int_equal(seen.events, 1);
	vtd_write(vtd, VTD_ICS, 4, 1);
	put(VTD_IQ_WAIT | VTD_IQ_WAIT_IF, 0);
	run();
	assert_int_equal(seen.events, 2);
}

static void bad_descriptors_stop_the_queue(void **state)
{
	static const struct {
		uint64_t lo, hi;
		unsigned why;
	} bad[] = {
		{0, 0, VTD_IQEI_TYPE},
		{3, 0, VTD_IQEI_TYPE}, /* device TLB: there is none */
		{0xf, 0, VTD_IQEI_TYPE},
		{VTD_IQ_CTX, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_CTX | 1 << 4 | 1 << 6, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_CTX | 1 << 4, 1, VTD_IQEI_RESERVED},
		{VTD_IQ_IOTLB, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_IOTLB | 3 << 4, VTD_MAMV + 1, VTD_IQEI_RESERVED},
		{VTD_IQ_IOTLB | 1 << 4 | 1ull << 32, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_PASID | 2 << 4, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_PASID_IOTLB | 1 << 4, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_WAIT | 1 << 8, 0, VTD_IQEI_RESERVED},
		{VTD_IQ_IEC | 1 << 5, 0, VTD_IQEI_RESERVED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t head = tail * 16;

		put(bad[i].lo, bad[i].hi);
		put_wait(100 + (uint32_t)i);
		run();
		expect_stop(bad[i].why, head);
		assert_int_not_equal(status(), 100 + i);
		/* Mended, cleared: it goes on. */
		*word_at(QUEUE, (unsigned)head / 8) = VTD_IQ_IOTLB | 1 << 4;
		*word_at(QUEUE, (unsigned)head / 8 + 1) = 0;
		vtd_write(vtd, VTD_FSTS, 4, VTD_FSTS_IQE);
		assert_int_equal(status(), 100 + i);
		assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), 0);
	}
}

static void bad_tails_and_addresses_stop_the_queue(void **state)
{
	(void)state;
	vtd_write(vtd, VTD_IQT, 8, 4096);
	expect_stop(VTD_IQEI_TAIL, 0);
	vtd_write(vtd, VTD_IQT, 8, 0);
	vtd_write(vtd, VTD_FSTS, 4, VTD_FSTS_IQE);
	vtd_write(vtd, VTD_IQA, 8, MIB(3));
	vtd_write(vtd, VTD_IQT, 8, 16);
	expect_stop(VTD_IQEI_FETCH, 0);
}

static void wide_descriptors(void **state)
{
	(void)state;
	vtd_write(vtd, VTD_IQA, 8, page_hpa(QUEUE) | VTD_IQA_DW);
	put_wait(5);
	put(0, 0);
	run();
	assert_int_equal(status(), 5);
	put_wait(6);
	vtd_write(vtd, VTD_IQT, 8, tail * 16);
	expect_stop(VTD_IQEI_TAIL, 32);
	put(0, 1); /* the upper half is reserved */
	vtd_write(vtd, VTD_IQT, 8, tail * 16);
	vtd_write(vtd, VTD_FSTS, 4, VTD_FSTS_IQE);
	expect_stop(VTD_IQEI_RESERVED, 32);
	assert_int_equal(status(), 5);
}

/* Whoever writes the queue may fill it, and others wait for this thread: a turn has its length.
 */
static void a_long_queue_takes_its_turns(void **state)
{
	unsigned turns = 1;

	(void)state;
	for (unsigned i = 0; i < 200; i++)
		put_wait(100 + i);
	run();
	assert_in_range(status(), 100, 200);
	while (vtd_turn(vtd))
		turns++;
	assert_in_range(turns, 3, 20);
	assert_int_equal(status(), 299);
	assert_int_equal(vtd_read(vtd, VTD_IQH, 8), 200 * 16);
	assert_false(vtd_turn(vtd));
	put(0, 0); /* no such type */
	run();
	assert_false(vtd_turn(vtd)); /* stopped */
}

static void the_queue_wraps(void **state)
{
	(void)state;
	for (unsigned i = 1; i <= 1000; i++) {
		put(VTD_IQ_IOTLB | 1 << 4, 0);
		put_wait(i);
		run();
		assert_int_equal(status(), i);
	}
}

static void a_status_address_that_is_nobodys_is_ignored(void **state)
{
	(void)state;
	put(VTD_IQ_WAIT | VTD_IQ_WAIT_SW | VTD_PUT(VTD_IQ_WAIT_DATA, 9), 0x1000);
	put_wait(3);
	run();
	assert_int_equal(status(), 3);
	assert_int_equal(vtd_read(vtd, VTD_FSTS, 4), 0);
}

/* ---- hostile tables ---- */

static void a_hostile_table_reaches_only_memory_its_host_offered(void **state)
{
	static struct iommu_slice part;
	static uint8_t around[4 * 4096] __attribute__((aligned(4096)));

	(void)state;
	/* A slice of one page, the pages around it are ours. */
	assert_int_equal(iommu_space_add(vtd_space(vtd), &part, around + 4096, 4096, RW, 4096),
			 0);
	for (unsigned i = 0; i < 512; i++)
		*word_at(SS3, i) = page_hpa(SS2) | RW;
	for (uint64_t off = 0; off < MIB(2); off += 4096) {
		uint64_t hpa = ALIGN_DOWN(part.hpa, MIB(2)) + off;

		*word_at(SS2, 3) = page_hpa(STATUS + 1) | RW;
		*word_at(STATUS + 1, 0) = hpa | RW;
		assert_int_equal(reach(MIB(6)), hpa == part.hpa);
	}
	/* A page of 2 MiB of which one 4 KiB page is there. */
	*word_at(SS2, 3) = ALIGN_DOWN(part.hpa, MIB(2)) | VTD_PS | RW;
	for (uint64_t off = 0; off < MIB(2); off += 4096)
		assert_int_equal(reach(MIB(6) + off), off == part.hpa % MIB(2));
	assert_false(is_cached(MIB(6)));
	iommu_space_remove(vtd_space(vtd), &part);
	assert_false(reach(MIB(6) + part.hpa % MIB(2)));
}

static void memory_offered_for_reading_is_not_written(void **state)
{
	static struct iommu_slice rom;
	uint8_t *bytes = aligned_alloc(4096, MIB(2));
	uint32_t len = 1;

	(void)state;
	assert_int_equal(iommu_space_add(vtd_space(vtd), &rom, bytes, MIB(2), IOMMU_READ, 0),
			 0);
	*word_at(SS2, 1) = rom.hpa | VTD_PS | RW;
	assert_false(reach(MIB(2)));
	assert_ptr_equal(iommu_xlate(dom, MIB(2), &len, IOMMU_READ), bytes);
	assert_true(is_cached(MIB(2)));
	assert_false(reach(MIB(2)));
	iommu_space_remove(vtd_space(vtd), &rom);
	free(bytes);
}

static void we_do_not_write_a_hosts_own_tables(void **state)
{
	(void)state;
	assert_int_equal(iommu_map(dom, 0, 4096, RW, NULL, 0), -EOPNOTSUPP);
	assert_int_equal(iommu_stage1(dom, 4, 0), -EOPNOTSUPP);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(registers_after_reset),
		TEST(read_only_bits_stay),
		TEST(a_new_root_table_counts_when_it_is_set),
		TEST(translation_off_means_physical_addresses),
		TEST(interrupt_remapping_is_told),
		TEST(records_fill_and_overflow),
		TEST(our_own_reasons_are_not_recorded),
		TEST(fault_events_are_sent_once_and_held_back_while_masked),
		TEST(wait_writes_its_status_and_drains),
		TEST(descriptors_forget_what_they_name),
		TEST(a_changed_entry_counts_after_its_invalidation),
		TEST(a_changed_context_counts_after_its_invalidation),
		TEST(interrupt_entries_are_told),
		TEST(wait_can_raise_an_event),
		TEST(bad_descriptors_stop_the_queue),
		TEST(bad_tails_and_addresses_stop_the_queue),
		TEST(wide_descriptors),
		TEST(a_long_queue_takes_its_turns),
		TEST(the_queue_wraps),
		TEST(a_status_address_that_is_nobodys_is_ignored),
		TEST(a_hostile_table_reaches_only_memory_its_host_offered),
		TEST(memory_offered_for_reading_is_not_written),
		TEST(we_do_not_write_a_hosts_own_tables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
