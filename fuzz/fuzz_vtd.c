/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_vtd.c - a host that writes its own VT-d tables, descriptors and registers, against a
 * second implementation of the walk that is slow and plain: same leaf or same fault, same
 * accessed and dirty bits, and after an invalidation the same pointers.
 *
 * The input: one byte that chooses the tables to start from, then operations of 12 bytes:
 * opcode, page, word (16 bits), value (64 bits).
 */
#include "fuzz.h"

#include <sys/mman.h>

#include "iommu_domain.h"
#include "vtd.h"

#define OP_BYTES 12u
#define PAGES	 32u
#define MEM	 (PAGES * 4096u)
#define BIG	 (6u << 20)
#define ROM	 8192u
#define QUEUE	 31u
#define RID	 0x0185u
#define RW	 3u
#define MAX_OPS	 400u

/* ---- the world ---- */

static struct vtd *vtd;
static struct iommu_domain *dom;
static struct iommu_slice mem_slice, big_slice, rom_slice;
static uint8_t *mem, *big, *rom;
static uint64_t copy[MEM / 8]; /* the model's memory */
static uint64_t latched;       /* RTADDR as SRTP found it */
static unsigned tail;

static uint64_t page_hpa(unsigned page)
{
	return mem_slice.hpa + page * 4096ull;
}

static void poke(unsigned page, unsigned word, uint64_t value)
{
	memcpy(mem + (page % PAGES) * 4096 + (word % 512) * 8, &value, 8);
}

/* Pages: 0 root, 1, 2 contexts, 3 directory, 4 PASIDs, 5-9 second stage (levels 5 to 1), 10-14
 * first stage. */
static void build(uint8_t kind)
{
	bool nested = (kind & 3) == 3;
	uint64_t zero = nested ? 0 : mem_slice.hpa, pgtt = (kind & 3) == 1 ? 2 : kind & 3;

	memset(mem, 0, MEM);
	for (unsigned i = 0; i < 4; i++) {
		poke(5 + i, 0, page_hpa(6 + i) | RW);
		poke(10 + i, 0, (zero + (11 + i) * 4096) | 7);
	}
	for (unsigned i = 0; i < PAGES; i++) {
		poke(9, i, page_hpa(i) | RW);
		poke(14, i, (zero + i * 4096) | 7);
	}
	poke(8, 1, big_slice.hpa | 0x83);
	poke(13, 1, (nested ? 2u << 20 : big_slice.hpa) | 0x87);
	poke(9, 40, rom_slice.hpa | RW);
	poke(0, 2, page_hpa(1) | 1);
	poke(0, 3, page_hpa(2) | 1);
	if ((kind & 3) == 0) {
		poke(0, 3, 0);
		poke(1, (RID & 0xff) * 2, page_hpa(6) | 1);
		poke(1, (RID & 0xff) * 2 + 1, 7 << 8 | 2);
		latched = page_hpa(0);
		return;
	}
	poke(2, (RID & 0x7f) * 4, page_hpa(3) | 1);
	poke(3, 0, page_hpa(4) | 1);
	poke(4, 0, page_hpa(6) | 2 << 2 | (pgtt == 2 && (kind & 3) == 2 ? 1 : pgtt) << 6 | 1);
	poke(4, 1, 7);
	poke(4, 2, zero + 11 * 4096);
	latched = page_hpa(0) | 1 << 10;
}

/* ---- the second implementation: recursive, by the specification's words ---- */

struct want {
	unsigned reason;
	uint64_t hpa, page; /* page: bytes */
	unsigned perm;
};

struct tables {
	bool sm, on, first, second, pass, nxe;
	unsigned reason;
	uint64_t ss, fs;
	unsigned ss_levels, fs_levels;
};

static uint8_t *place(uint64_t hpa, unsigned *perm, bool model)
{
	*perm = RW;
	if (hpa >= mem_slice.hpa && hpa < mem_slice.hpa + MEM)
		return (model ? (uint8_t *)copy : mem) + (hpa - mem_slice.hpa);
	if (hpa >= big_slice.hpa && hpa < big_slice.hpa + BIG)
		return big + (hpa - big_slice.hpa);
	*perm = 1;
	if (hpa >= rom_slice.hpa && hpa < rom_slice.hpa + ROM)
		return rom + (hpa - rom_slice.hpa);
	return NULL;
}

static bool peek(uint64_t hpa, uint64_t *value)
{
	unsigned perm;
	const uint8_t *p = place(hpa, &perm, true);

	if (p)
		memcpy(value, p, 8);
	return p;
}

static uint64_t field(uint64_t word, unsigned hi, unsigned lo)
{
	return word << (63 - hi) >> (63 - hi) >> lo;
}

static uint64_t pointer(uint64_t word)
{
	return field(word, 51, 12) << 12;
}

static struct tables fail_tables(struct tables t, unsigned reason)
{
	t.reason = reason;
	return t;
}

static struct tables model_legacy(uint64_t root, struct tables t)
{
	uint64_t a, b, aw, tt;

	if (!peek(root + (RID >> 8) * 16, &a) || !peek(root + (RID >> 8) * 16 + 8, &b))
		return fail_tables(t, 8);
	if (!(a & 1))
		return fail_tables(t, 1);
	if (field(a, 11, 1) || field(a, 63, 46) || b)
		return fail_tables(t, 0xa);
	root = pointer(a) + (RID & 0xff) * 16;
	if (!peek(root, &a) || !peek(root + 8, &b))
		return fail_tables(t, 9);
	if (!(a & 1))
		return fail_tables(t, 2);
	if (field(a, 11, 4) || field(a, 63, 46) || field(b, 7, 7) || field(b, 63, 24))
		return fail_tables(t, 0xb);
	aw = field(b, 2, 0);
	tt = field(a, 3, 2);
	if (aw < 1 || aw > 3 || tt == 1 || tt == 3)
		return fail_tables(t, 3);
	t.pass = tt == 2;
	t.second = !t.pass;
	t.ss = pointer(a);
	t.ss_levels = (unsigned)aw + 2;
	return t;
}

static struct tables model_pasid(uint64_t at, struct tables t)
{
	uint64_t w[8], type, aw;

	for (unsigned i = 0; i < 8; i++)
		if (!peek(at + i * 8, &w[i]))
			return fail_tables(t, 0x58);
	if (!(w[0] & 1))
		return fail_tables(t, 0x59);
	if (field(w[0], 11, 9) || field(w[0], 63, 46) || field(w[2], 11, 8) ||
	    field(w[2], 63, 46) || w[3] || w[4] || w[5] || w[6] || w[7])
		return fail_tables(t, 0x5a);
	type = field(w[0], 8, 6);
	aw = field(w[0], 4, 2);
	t.first = type == 1 || type == 3;
	t.second = type == 2 || type == 3;
	t.pass = type == 4;
	if (type < 1 || type > 4 || (t.second && (aw < 1 || aw > 3)) ||
	    (t.first && field(w[2], 3, 2) > 1))
		return fail_tables(t, 0x5b);
	t.ss = pointer(w[0]);
	t.ss_levels = (unsigned)aw + 2;
	t.fs = pointer(w[2]);
	t.fs_levels = (unsigned)field(w[2], 3, 2) + 4;
	t.nxe = field(w[2], 5, 5);
	return t;
}

static struct tables model_scalable(uint64_t root, struct tables t)
{
	uint64_t a, w[4], pasid;

	if (!peek(root + (RID >> 8) * 16 + (RID & 0x80 ? 8 : 0), &a))
		return fail_tables(t, 0x38);
	if (!(a & 1))
		return fail_tables(t, 0x39);
	if (field(a, 11, 1) || field(a, 63, 46))
		return fail_tables(t, 0x3a);
	for (unsigned i = 0; i < 4; i++)
		if (!peek(pointer(a) + (RID & 0x7f) * 32 + i * 8, &w[i]))
			return fail_tables(t, 0x40);
	if (!(w[0] & 1))
		return fail_tables(t, 0x41);
	if (field(w[0], 2, 2) || field(w[0], 8, 4) || field(w[0], 63, 46) ||
	    field(w[1], 63, 21) || w[2] || w[3])
		return fail_tables(t, 0x42);
	pasid = field(w[1], 19, 0);
	if (pasid / 64 >= 128ull << field(w[0], 11, 9))
		return fail_tables(t, 0x48);
	if (!peek(pointer(w[0]) + pasid / 64 * 8, &a))
		return fail_tables(t, 0x50);
	if (!(a & 1))
		return fail_tables(t, 0x51);
	if (field(a, 11, 2) || field(a, 63, 46))
		return fail_tables(t, 0x52);
	return model_pasid(pointer(a) + pasid % 64 * 64, t);
}

static struct tables model_tables(uint64_t rtaddr, bool on)
{
	struct tables t = {.sm = field(rtaddr, 11, 10) != 0, .pass = !on};

	if (!on)
		return t;
	if (field(rtaddr, 11, 10) > 1)
		return fail_tables(t, 0x30);
	return t.sm ? model_scalable(pointer(rtaddr), t) : model_legacy(pointer(rtaddr), t);
}

static struct want fault(unsigned reason)
{
	return (struct want){.reason = reason};
}

/* Second-stage faults have these numbers in scalable mode; others are made of them. */
static struct want model_ss(const struct tables *t, uint64_t table, unsigned level,
			    uint64_t addr, unsigned need, unsigned perm)
{
	uint64_t e, span = 1ull << (12 + 9 * (level - 1));
	bool page;

	if (!peek(table + addr / span % 512 * 8, &e))
		return fault(level == t->ss_levels ? 0x7b : 0x78);
	if (!(e & 3))
		return fault(0x79);
	page = level == 1 || e & 0x80;
	if (field(e, 51, 46) || field(e, 62, 62) || field(e, 11, 11) ||
	    (level > 3 && e & 0x80) || (level == 2 && page && field(e, 20, 12)) ||
	    (level == 3 && page && field(e, 29, 12)))
		return fault(0x7a);
	perm &= (unsigned)e & 3;
	if (!page)
		return model_ss(t, pointer(e), level - 1, addr, need, perm);
	if (need & ~perm)
		return fault(need & ~perm & 2 ? 0x85 : 0x86);
	return (struct want){0, pointer(e) / span * span + addr % span, span, perm};
}

static struct want model_second(const struct tables *t, uint64_t addr, unsigned need)
{
	return addr >> (9 * t->ss_levels + 12)
		       ? fault(0x84)
		       : model_ss(t, t->ss, t->ss_levels, addr, need, 3);
}

static unsigned legacy_reason(unsigned reason, unsigned need)
{
	switch (reason) {
	case 0x84:
		return 4;
	case 0x78:
	case 0x7b:
		return 7;
	case 0x7a:
		return 0xc;
	case 0x79:
		return need & 2 ? 5 : 6;
	}
	return reason == 0x85 ? 5 : 6;
}

/* What it is called when a first-stage table cannot be had. */
static unsigned nested_reason(unsigned reason, bool root)
{
	if (reason == 0x84)
		return 0x74;
	if (reason == 0x79 || reason == 0x86)
		return root ? 0x75 : 0x76;
	return reason;
}

static struct want model_fs(const struct tables *t, uint64_t table, unsigned level,
			    uint64_t addr, unsigned need, bool writable)
{
	uint64_t span = 1ull << (12 + 9 * (level - 1)), e, marks = 0x20;
	struct want slot = {.hpa = table + addr / span % 512 * 8, .perm = 3};
	bool root = level == t->fs_levels, page;
	unsigned perm;
	uint8_t *p;

	if (t->second)
		slot = model_second(t, slot.hpa, 1);
	if (slot.reason)
		return fault(nested_reason(slot.reason, root));
	p = place(slot.hpa, &perm, true);
	if (!p)
		return fault(root ? 0x73 : 0x70);
	memcpy(&e, p, 8);
	if (!(e & 1))
		return fault(0x71);
	page = level == 1 || e & 0x80;
	if (field(e, 51, 46) || (!t->nxe && field(e, 63, 63)) || (level > 3 && e & 0x80) ||
	    (level == 2 && page && field(e, 20, 13)) ||
	    (level == 3 && page && field(e, 29, 13)))
		return fault(0x72);
	if (!(e & 4))
		return fault(0x81);
	writable = writable && e & 2;
	if (page && need & 2 && !writable)
		return fault(0x85);
	if (page && need & 2)
		marks = 0x60;
	if ((e & marks) != marks) {
		if (!(slot.perm & perm & 2))
			return fault(t->second ? 0x77 : 0x91);
		e |= marks;
		memcpy(p, &e, 8);
	}
	if (!page)
		return model_fs(t, pointer(e), level - 1, addr, need, writable);
	return (struct want){0, pointer(e) / span * span + addr % span, span,
			     writable && e & 0x40 ? 3 : 1};
}

static struct want model_nested(const struct tables *t, uint64_t addr, unsigned need)
{
	struct want above, below;
	unsigned bits = 9 * t->fs_levels + 11;

	if (addr >> bits && addr >> bits != UINT64_MAX >> bits)
		return fault(0x80);
	above = model_fs(t, t->fs, t->fs_levels, addr, need, true);
	if (above.reason || !t->second)
		return above;
	below = model_second(t, above.hpa, need);
	if (below.reason)
		return below;
	return (struct want){0, below.hpa, MIN(above.page, below.page),
			     above.perm & below.perm};
}

static struct want model_translate(uint64_t rtaddr, bool on, uint64_t addr, unsigned need)
{
	struct tables t = model_tables(rtaddr, on);
	struct want want;

	if (addr >= 0xfee00000 && addr <= 0xfeefffff)
		return fault(t.sm ? 0x87 : 0xe);
	if (t.reason)
		return fault(t.reason);
	if (!t.first && addr >> (t.pass ? 46 : 57))
		return fault(t.sm ? 0x83 : 4);
	if (t.pass)
		want = (struct want){0, addr, 2u << 20, 3};
	else if (t.first)
		want = model_nested(&t, addr, need);
	else
		want = model_second(&t, addr, need);
	if (want.reason && !t.sm)
		want.reason = legacy_reason(want.reason, need);
	if (!want.reason && want.hpa >= 0xfee00000 && want.hpa <= 0xfeefffff)
		return fault(t.sm ? 0x87 : 0xe);
	return want;
}

/* ---- comparing ---- */

static bool is_on(void)
{
	return vtd_read(vtd, VTD_GSTS, 4) >> 31;
}

/* The engine, on entries read now. */
static void compare_walk(uint64_t addr, unsigned need)
{
	struct vtd_context ctx;
	struct vtd_leaf leaf = {0};
	struct want want;
	unsigned reason;

	memcpy(copy, mem, MEM);
	want = model_translate(latched, is_on(), addr, need);
	vtd_context_load(vtd_space(vtd), latched, is_on(), RID, &ctx);
	reason = vtd_translate(vtd_space(vtd), &ctx, addr, need, &leaf);
	MUST(reason == want.reason);
	if (!reason)
		MUST(leaf.hpa == want.hpa && leaf.perm == want.perm &&
		     1ull << leaf.shift == want.page);
	MUST(memcmp(copy, mem, MEM) == 0);
}

static void reset_queue(void)
{
	vtd_write(vtd, VTD_GCMD, 4, (is_on() ? 1u << 31 : 0));
	vtd_write(vtd, VTD_IQT, 8, 0);
	vtd_write(vtd, VTD_IQA, 8, page_hpa(QUEUE));
	vtd_write(vtd, VTD_FSTS, 4, 0x7f);
	vtd_write(vtd, VTD_GCMD, 4, (is_on() ? 1u << 31 : 0) | 1u << 26);
	tail = 0;
}

static void submit(uint64_t lo, uint64_t hi)
{
	poke(QUEUE, tail * 2, lo);
	poke(QUEUE, tail * 2 + 1, hi);
	tail = (tail + 1) % 256;
	vtd_write(vtd, VTD_IQT, 8, tail * 16);
}

/* Everything is forgotten: from now on the domain must agree with the tables as they are. */
static void invalidate(void)
{
	reset_queue();
	submit(1 | 1 << 4, 0);
	submit(7 | 3 << 4, 0);
	submit(2 | 1 << 4, 0);
	submit(5, 0);
	MUST(!(vtd_read(vtd, VTD_FSTS, 4) & VTD_FSTS_IQE));
}

static void compare_xlate(uint64_t addr, unsigned need)
{
	uint32_t len = 8;
	struct want want;
	uint8_t *host, *got;
	unsigned perm;

	invalidate();
	memcpy(copy, mem, MEM);
	want = model_translate(latched, is_on(), addr, need);
	got = iommu_xlate(dom, addr, &len, need);
	host = want.reason ? NULL : place(want.hpa, &perm, false);
	if (host && need & ~perm)
		host = NULL;
	if (addr > UINT64_MAX - 8)
		return; /* wraps, or is trimmed by a page: both are right */
	if (!got && host && (addr + 8) >> 46 != addr >> 46)
		return; /* leaves the address space */
	MUST(got == host);
	MUST(!got || (len && len <= 8));
	/* Again: from the cache, if it is there. */
	len = 8;
	MUST(iommu_xlate(dom, addr, &len, need) == got);
}

/* Between changes and their invalidation: anything old or new, but nothing else. */
static void stale_xlate(uint64_t addr, unsigned need)
{
	uint32_t len = 4096;
	uint8_t *got = iommu_xlate(dom, addr, &len, need);

	if (!got)
		return;
	MUST((got >= mem && got + len <= mem + MEM) || (got >= big && got + len <= big + BIG) ||
	     (got >= rom && got + len <= rom + ROM && need == 1));
}

/* ---- operations ---- */

static uint64_t address_of(uint64_t value)
{
	switch (value >> 60) {
	case 0:
	case 1:
	case 2:
		return value % (8u << 20);
	case 3:
		return value % (2ull << 30);
	case 4:
		return 0xfee00000 + value % (2u << 20) - (1u << 20);
	case 5:
		return UINT64_MAX - value % (1ull << 48);
	default:
		return value;
	}
}

static void write_register(uint32_t offset, unsigned size, uint64_t value)
{
	vtd_write(vtd, offset, size, value);
	if (offset == VTD_GCMD && value & VTD_GCMD_SRTP)
		latched = vtd_read(vtd, VTD_RTADDR, 8);
}

static void do_op(const uint8_t *data)
{
	unsigned page = data[1], word = get_le16(data + 2);
	uint64_t value = get_le64(data + 4);

	switch (data[0] & 15) {
	case 0:
		poke(page, word, value);
		break;
	case 1:
	case 2: /* a pointer to one of the pages, with any low bits */
		poke(page, word, page_hpa(value >> 12 & 31) | (value & 0xfff));
		break;
	case 3: /* or a GPA */
		poke(page, word, (value >> 12 & 31) << 12 | (value & 0xfff));
		break;
	case 4: /* change single bits */
		value = 1ull << (value & 63);
		poke(page, word, get_le64(mem + page % PAGES * 4096 + word % 512 * 8) ^ value);
		break;
	case 5:
		poke(page, word,
		     (value & 1 ? big_slice.hpa : rom_slice.hpa) + (value & 0x7fffff) +
			     (value >> 40 & 0x87));
		break;
	case 6:
	case 7:
	case 8:
		compare_walk(address_of(value), word % 3 + 1);
		break;
	case 9:
	case 10:
		compare_xlate(address_of(value), word % 3 + 1);
		break;
	case 11:
	case 12:
		stale_xlate(address_of(value), word % 3 + 1);
		break;
	case 13:
		submit(value, get_le64(mem + word % 512 * 8));
		MUST(vtd_read(vtd, VTD_FSTS, 4) & VTD_FSTS_IQE ||
		     !(vtd_read(vtd, VTD_GSTS, 4) & VTD_GCMD_QIE) ||
		     vtd_read(vtd, VTD_IQH, 8) == vtd_read(vtd, VTD_IQT, 8));
		break;
	case 14:
		write_register(word % 0x600 & ~3u, page & 1 ? 4 : 8, value);
		break;
	default:
		iommu_reason(dom, address_of(value), word % 3 + 1, &(bool){false});
	}
}

static void *area(size_t size, int prot)
{
	void *p = mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	MUST(p != MAP_FAILED);
	return p;
}

static void start(uint8_t kind)
{
	if (!mem) {
		mem = area(MEM, PROT_READ | PROT_WRITE);
		big = area(BIG, PROT_READ | PROT_WRITE);
		rom = area(ROM, PROT_READ);
	}
	MUST(vtd_new(&vtd) == 0);
	MUST(iommu_space_add(vtd_space(vtd), &mem_slice, mem, MEM, RW, 0) == 0);
	MUST(iommu_space_add(vtd_space(vtd), &big_slice, big, BIG, RW, 0) == 0);
	MUST(iommu_space_add(vtd_space(vtd), &rom_slice, rom, ROM, 1, 0x1000) == 0);
	build(kind);
	vtd_write(vtd, VTD_RTADDR, 8, latched);
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_SRTP);
	vtd_write(vtd, VTD_GCMD, 4, VTD_GCMD_TE);
	MUST(iommu_domain_new(vtd, RID, NULL, NULL, &dom) == 0);
	reset_queue();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned ops = 0;

	start(size ? data[0] : 0);
	compare_xlate(0x5000, 1);
	compare_xlate(2u << 20, 2);
	for (data++; size > OP_BYTES && ops < MAX_OPS; ops++) {
		do_op(data);
		data += OP_BYTES;
		size -= OP_BYTES;
	}
	iommu_domain_free(dom);
	iommu_space_remove(vtd_space(vtd), &mem_slice);
	iommu_space_remove(vtd_space(vtd), &big_slice);
	iommu_space_remove(vtd_space(vtd), &rom_slice);
	vtd_free(vtd);
	return 0;
}
