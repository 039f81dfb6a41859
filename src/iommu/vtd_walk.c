/* SPDX-License-Identifier: BSD-3-Clause */
/* vtd_walk.c - contexts and walks. Reserved bits are judged before permissions, and
 * permissions after the last level, as the AND of all. */
#include "vtd_walk.h"

#include "vtd_defs.h"

/* One word of a table; false when there is no memory. */
static inline bool fetch(const struct iommu_space *space, uint64_t hpa, uint64_t *ret_word)
{
	uint64_t word, run;
	const _Atomic uint64_t *at =
		(const _Atomic uint64_t *)(void *)iommu_space_at(space, hpa, &word, &run);

	if (unlikely(!at || !(word & IOMMU_READ)))
		return false;
	*ret_word = atomic_load_explicit(at, memory_order_acquire);
	return true;
}

/* ---- context ---- */

static void refuse(struct vtd_context *ctx, enum iommu_reason reason)
{
	ctx->kind = VTD_REFUSED;
	ctx->reason = reason;
}

/* AW: the levels, or 0 for one that the engine does not have. */
static unsigned levels_of(uint64_t aw)
{
	return aw >= VTD_LEVELS_MIN - 2 && aw <= VTD_LEVELS_MAX - 2 ? (unsigned)aw + 2 : 0;
}

static uint64_t width_end(unsigned levels)
{
	return BIT64(MIN(12 + 9 * levels, (unsigned)VTD_MGAW_BITS));
}

static void legacy_context(struct vtd_context *ctx, uint64_t lo, uint64_t hi)
{
	unsigned levels = levels_of(VTD_GET(VTD_CTX_AW, hi));
	uint64_t type = VTD_GET(VTD_CTX_TT, lo);

	if (!(lo & VTD_P)) {
		refuse(ctx, IOMMU_FAULT_CTX_ABSENT);
		return;
	}
	ctx->no_faults = lo & VTD_FPD;
	ctx->did = (uint16_t)VTD_GET(VTD_CTX_DID, hi);
	ctx->found = true;
	if (lo & VTD_CTX_LO_RESERVED || hi & VTD_CTX_HI_RESERVED) {
		refuse(ctx, IOMMU_FAULT_CTX_RESERVED);
	} else if (!levels || (type != VTD_TT_SECOND && type != VTD_TT_PASS)) {
		refuse(ctx, IOMMU_FAULT_CTX_INVALID);
	} else if (type == VTD_TT_PASS) {
		ctx->kind = VTD_PASS;
		ctx->end = BIT64(IOMMU_HPA_BITS);
	} else {
		ctx->kind = VTD_SECOND;
		ctx->ss_root = lo & VTD_PTR;
		ctx->ss_levels = levels;
		ctx->end = width_end(levels);
	}
}

static void load_legacy(const struct iommu_space *space, uint64_t root, uint16_t rid,
			struct vtd_context *ctx)
{
	uint64_t lo, hi, at = (root & VTD_PTR) + (rid >> 8) * 16u;

	if (!fetch(space, at, &lo) || !fetch(space, at + 8, &hi)) {
		refuse(ctx, IOMMU_FAULT_ROOT_ACCESS);
		return;
	}
	if (!(lo & VTD_P)) {
		refuse(ctx, IOMMU_FAULT_ROOT_ABSENT);
		return;
	}
	if (lo & VTD_ROOT_RESERVED || hi) {
		refuse(ctx, IOMMU_FAULT_ROOT_RESERVED);
		return;
	}
	at = (lo & VTD_PTR) + (rid & 0xffu) * 16;
	if (!fetch(space, at, &lo) || !fetch(space, at + 8, &hi))
		refuse(ctx, IOMMU_FAULT_CTX_ACCESS);
	else
		legacy_context(ctx, lo, hi);
}

/* The stages that a PASID entry names. False: one of them is not to be had. */
static bool pasid_stages(struct vtd_context *ctx, const uint64_t word[3])
{
	uint64_t type = VTD_GET(VTD_PASID_PGTT, word[0]);
	uint64_t fspm = VTD_GET(VTD_PASID_FSPM, word[2]);
	bool second = type == VTD_PGTT_SECOND || type == VTD_PGTT_NESTED;
	bool first = type == VTD_PGTT_FIRST || type == VTD_PGTT_NESTED;

	if (second) {
		ctx->ss_root = word[0] & VTD_PTR;
		ctx->ss_levels = levels_of(VTD_GET(VTD_PASID_AW, word[0]));
		ctx->end = width_end(ctx->ss_levels);
	}
	if (first) {
		ctx->fs_root = word[2] & VTD_PTR;
		ctx->fs_levels = 4 + (unsigned)(fspm & 1);
		ctx->nxe = word[2] & VTD_PASID_NXE;
		ctx->end = BIT64(11 + 9 * ctx->fs_levels);
	}
	ctx->kind = first ? second ? VTD_NESTED : VTD_FIRST : second ? VTD_SECOND : VTD_PASS;
	if (ctx->kind == VTD_PASS)
		ctx->end = BIT64(IOMMU_HPA_BITS);
	return (!second || ctx->ss_levels) && (!first || fspm <= 1) &&
	       (ctx->kind != VTD_PASS || type == VTD_PGTT_PASS);
}

static void load_pasid(const struct iommu_space *space, uint64_t table, struct vtd_context *ctx)
{
	uint64_t word[8], at = table + (ctx->pasid & 0x3f) * 64;

	for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
		if (!fetch(space, at + i * 8, &word[i])) {
			refuse(ctx, IOMMU_FAULT_PASID_ACCESS);
			return;
		}
	if (!(word[0] & VTD_P)) {
		refuse(ctx, IOMMU_FAULT_PASID_ABSENT);
		return;
	}
	ctx->no_faults |= (word[0] & VTD_FPD) != 0;
	ctx->did = (uint16_t)VTD_GET(VTD_PASID_DID, word[1]);
	ctx->found = true;
	if (word[0] & VTD_PASID_0_RESERVED || word[2] & VTD_PASID_2_RESERVED ||
	    word[3] | word[4] | word[5] | word[6] | word[7])
		refuse(ctx, IOMMU_FAULT_PASID_RESERVED);
	else if (!pasid_stages(ctx, word))
		refuse(ctx, IOMMU_FAULT_PASID_INVALID);
}

static void load_pasid_dir(const struct iommu_space *space, const uint64_t word[2],
			   struct vtd_context *ctx)
{
	uint64_t entry;

	ctx->pasid = (uint32_t)VTD_GET(VTD_SCTX_RID_PASID, word[1]);
	if (ctx->pasid >> (VTD_PASID_TABLE_BITS + 7 + VTD_GET(VTD_SCTX_PDTS, word[0])))
		refuse(ctx, IOMMU_FAULT_SM_RID_PASID);
	else if (!fetch(space, (word[0] & VTD_PTR) + (ctx->pasid >> VTD_PASID_TABLE_BITS) * 8,
			&entry))
		refuse(ctx, IOMMU_FAULT_PASID_DIR_ACCESS);
	else if (!(entry & VTD_P))
		refuse(ctx, IOMMU_FAULT_PASID_DIR_ABSENT);
	else if (entry & VTD_PDIR_RESERVED)
		refuse(ctx, IOMMU_FAULT_PASID_DIR_RESERVED);
	else {
		ctx->no_faults |= (entry & VTD_FPD) != 0;
		load_pasid(space, entry & VTD_PTR, ctx);
	}
}

static void load_scalable(const struct iommu_space *space, uint64_t root, uint16_t rid,
			  struct vtd_context *ctx)
{
	/* The lower half of the root entry serves devices and functions below 128. */
	uint64_t entry, word[4], at = (root & VTD_PTR) + (rid >> 7) * 8u;

	if (!fetch(space, at, &entry)) {
		refuse(ctx, IOMMU_FAULT_SM_ROOT_ACCESS);
		return;
	}
	if (!(entry & VTD_P) || entry & VTD_ROOT_RESERVED) {
		refuse(ctx, entry & VTD_P ? IOMMU_FAULT_SM_ROOT_RESERVED
					  : IOMMU_FAULT_SM_ROOT_ABSENT);
		return;
	}
	at = (entry & VTD_PTR) + (rid & 0x7fu) * 32;
	for (unsigned i = 0; i < ARRAY_SIZE(word); i++)
		if (!fetch(space, at + i * 8, &word[i])) {
			refuse(ctx, IOMMU_FAULT_SM_CTX_ACCESS);
			return;
		}
	if (!(word[0] & VTD_P)) {
		refuse(ctx, IOMMU_FAULT_SM_CTX_ABSENT);
		return;
	}
	ctx->no_faults = word[0] & VTD_FPD;
	if (word[0] & VTD_SCTX_0_RESERVED || word[1] & VTD_SCTX_1_RESERVED || word[2] | word[3])
		refuse(ctx, IOMMU_FAULT_SM_CTX_RESERVED);
	else
		load_pasid_dir(space, word, ctx);
}

void vtd_context_load(const struct iommu_space *space, uint64_t rtaddr, bool on, uint16_t rid,
		      struct vtd_context *ret_ctx)
{
	uint64_t mode = VTD_GET(VTD_RTADDR_TTM, rtaddr);

#ifdef LADON_BREAK_RID
	rid &= 0xfff8; /* all functions of a device alike */
#endif
	*ret_ctx = (struct vtd_context){.scalable = mode != VTD_TTM_LEGACY};
	if (!on) {
		ret_ctx->kind = VTD_PASS;
		ret_ctx->end = BIT64(IOMMU_HPA_BITS);
	} else if (mode == VTD_TTM_LEGACY) {
		load_legacy(space, rtaddr, rid, ret_ctx);
	} else if (mode == VTD_TTM_SCALABLE) {
		load_scalable(space, rtaddr, rid, ret_ctx);
	} else {
		refuse(ret_ctx, IOMMU_FAULT_SM_RTADDR);
	}
}

/* ---- second stage ---- */

/* How a second-stage walk ends; what that is called depends on what the walk was for. */
enum ss_end {
	SS_OK,
	SS_BEYOND,
	SS_ROOT,
	SS_TABLE,
	SS_ABSENT,
	SS_RESERVED,
	SS_NO_WRITE,
	SS_NO_READ,
	SS_NUM
};

enum ss_use { USE_LEGACY, USE_SCALABLE, USE_FS_ROOT, USE_FS_TABLE, USE_NUM };

// clang-format off
static const uint8_t ss_reason[USE_NUM][SS_NUM] = {
	[USE_LEGACY] = {
		[SS_BEYOND]   = IOMMU_FAULT_MGAW,	     [SS_ROOT]	   = IOMMU_FAULT_PAGE_ACCESS,
		[SS_TABLE]    = IOMMU_FAULT_PAGE_ACCESS,     [SS_ABSENT]   = IOMMU_FAULT_READ,
		[SS_RESERVED] = IOMMU_FAULT_PAGE_RESERVED,   [SS_NO_WRITE] = IOMMU_FAULT_WRITE,
		[SS_NO_READ]  = IOMMU_FAULT_READ,
	},
	[USE_SCALABLE] = {
		[SS_BEYOND]   = IOMMU_FAULT_BEYOND_TABLE,    [SS_ROOT]	   = IOMMU_FAULT_SS_ROOT_ACCESS,
		[SS_TABLE]    = IOMMU_FAULT_SS_ACCESS,	     [SS_ABSENT]   = IOMMU_FAULT_NOT_MAPPED,
		[SS_RESERVED] = IOMMU_FAULT_SS_RESERVED,     [SS_NO_WRITE] = IOMMU_FAULT_NO_WRITE,
		[SS_NO_READ]  = IOMMU_FAULT_NO_READ,
	},
	[USE_FS_ROOT] = {
		[SS_BEYOND]   = IOMMU_FAULT_NEST_BEYOND,     [SS_ROOT]	   = IOMMU_FAULT_SS_ROOT_ACCESS,
		[SS_TABLE]    = IOMMU_FAULT_SS_ACCESS,	     [SS_ABSENT]   = IOMMU_FAULT_NEST_ROOT_READ,
		[SS_RESERVED] = IOMMU_FAULT_SS_RESERVED,     [SS_NO_READ]  = IOMMU_FAULT_NEST_ROOT_READ,
	},
	[USE_FS_TABLE] = {
		[SS_BEYOND]   = IOMMU_FAULT_NEST_BEYOND,     [SS_ROOT]	   = IOMMU_FAULT_SS_ROOT_ACCESS,
		[SS_TABLE]    = IOMMU_FAULT_SS_ACCESS,	     [SS_ABSENT]   = IOMMU_FAULT_NEST_READ,
		[SS_RESERVED] = IOMMU_FAULT_SS_RESERVED,     [SS_NO_READ]  = IOMMU_FAULT_NEST_READ,
	},
};
// clang-format on

static inline unsigned level_shift(unsigned level)
{
	return 12 + 9 * (level - 1);
}

static inline uint64_t entry_at(uint64_t table, unsigned level, uint64_t addr)
{
	return table + ((addr >> level_shift(level)) & 511) * 8;
}

static inline void leaf_set(struct vtd_leaf *leaf, uint64_t entry, unsigned shift,
			    uint64_t addr, uint64_t perm)
{
	uint64_t inside = BIT64(shift) - 1;

	leaf->hpa = (entry & VTD_PTR & ~inside) | (addr & inside);
	leaf->perm = (uint32_t)perm & (IOMMU_READ | IOMMU_WRITE);
	leaf->shift = shift;
}

/*
 * Where the last table was found: tables mostly lie in one granule, and a guess that the branch
 * predictor confirms costs less than a load that the next one waits for.
 */
struct near {
	uint64_t granule, word;
};

static inline const _Atomic uint64_t *near_at(const struct iommu_space *space,
					      struct near *near, uint64_t hpa)
{
	const uint8_t *at;
	uint64_t run;

	if (likely(hpa >> IOMMU_GRANULE_SHIFT == near->granule))
		return (const _Atomic uint64_t *)(uintptr_t)((near->word & ~(IOMMU_PAGE - 1)) +
							     hpa);
	near->granule = UINT64_MAX;
	near->word = 0;
	at = iommu_space_at(space, hpa, &near->word, &run);
	if (unlikely(!at || !(near->word & IOMMU_READ)))
		return NULL;
	if (near->word & IOMMU_SPACE_WHOLE)
		near->granule = hpa >> IOMMU_GRANULE_SHIFT;
	return (const _Atomic uint64_t *)(const void *)at;
}

/* Pages are of 4 KiB, 2 MiB and 1 GiB, their low address bits are reserved, and above that so
 * is the page bit; in the lowest tables it means nothing. */
static inline bool page_is_sound(uint64_t entry, unsigned shift)
{
	return shift <= 30 && !(entry & VTD_PTR & (BIT64(shift) - 1));
}

static inline enum ss_end ss_walk(const struct iommu_space *space,
				  const struct vtd_context *ctx, uint64_t addr, uint32_t need,
				  struct vtd_leaf *leaf)
{
	uint64_t table = ctx->ss_root, perm = IOMMU_READ | IOMMU_WRITE, entry;
	unsigned top = level_shift(ctx->ss_levels), shift = top;
	struct near near = {.granule = UINT64_MAX};

	if (unlikely(addr >> (top + 9)))
		return SS_BEYOND;
	for (;; shift -= 9) {
		const _Atomic uint64_t *at =
			near_at(space, &near, table + (addr >> shift & 511) * 8);

		if (unlikely(!at))
			return shift == top ? SS_ROOT : SS_TABLE;
		entry = atomic_load_explicit(at, memory_order_acquire);
		if (unlikely(!(entry & (VTD_SS_READ | VTD_SS_WRITE))))
			return SS_ABSENT;
#ifndef LADON_BREAK_RESERVED
		if (unlikely(entry & VTD_SS_RESERVED))
			return SS_RESERVED;
#endif
#ifndef LADON_BREAK_PERM
		perm &= entry;
#endif
		if (entry & VTD_PS || shift == 12)
			break;
		table = entry & VTD_PTR;
	}
	if (unlikely(!page_is_sound(entry, shift)))
		return SS_RESERVED;
	if (unlikely(need & ~perm))
		return need & ~perm & IOMMU_WRITE ? SS_NO_WRITE : SS_NO_READ;
	leaf_set(leaf, entry, shift, addr, perm);
	return SS_OK;
}

static inline enum iommu_reason second_stage(const struct iommu_space *space,
					     const struct vtd_context *ctx, uint64_t addr,
					     uint32_t need, struct vtd_leaf *leaf)
{
	enum ss_end end = ss_walk(space, ctx, addr, need, leaf);

	if (likely(end == SS_OK))
		return 0;
	if (!ctx->scalable && end == SS_ABSENT)
		end = need & IOMMU_WRITE ? SS_NO_WRITE : SS_NO_READ;
	return ss_reason[ctx->scalable ? USE_SCALABLE : USE_LEGACY][end];
}

/* ---- first stage ---- */

/* Where a first-stage entry lies in this process. */
struct fs_slot {
	_Atomic uint64_t *at;
	bool writable;
};

/* addr: HPA of the entry, or its GPA when nested. */
static enum iommu_reason fs_slot_find(const struct iommu_space *space,
				      const struct vtd_context *ctx, uint64_t addr, bool root,
				      struct fs_slot *slot)
{
	struct vtd_leaf leaf = {.hpa = addr, .perm = IOMMU_READ | IOMMU_WRITE};
	uint64_t word = 0, run;

#ifndef LADON_BREAK_NEST
	if (ctx->kind == VTD_NESTED) {
		enum ss_end end = ss_walk(space, ctx, addr, IOMMU_READ, &leaf);

		if (end != SS_OK)
			return ss_reason[root ? USE_FS_ROOT : USE_FS_TABLE][end];
	}
#endif
	slot->at = (_Atomic uint64_t *)(void *)iommu_space_at(space, leaf.hpa, &word, &run);
	if (!slot->at || !(word & IOMMU_READ))
		return root ? IOMMU_FAULT_FS_ROOT_ACCESS : IOMMU_FAULT_FS_ACCESS;
	slot->writable = leaf.perm & word & IOMMU_WRITE;
	return 0;
}

/*
 * Sets accessed and dirty bits in *entry and in memory. An entry that changed meanwhile is left
 * alone: whoever changed it invalidates next, and waits for us.
 */
static enum iommu_reason fs_mark(const struct vtd_context *ctx, const struct fs_slot *slot,
				 uint64_t bits, uint64_t *entry)
{
	uint64_t old = *entry;

	if ((old & bits) == bits)
		return 0;
	if (!slot->writable)
		return ctx->kind == VTD_NESTED ? IOMMU_FAULT_NEST_WRITE : IOMMU_FAULT_FS_UPDATE;
	*entry |= bits;
	atomic_compare_exchange_strong_explicit(slot->at, &old, *entry, memory_order_acq_rel,
						memory_order_relaxed);
	return 0;
}

static uint64_t fs_reserved(const struct vtd_context *ctx, unsigned level, uint64_t entry)
{
	uint64_t reserved = VTD_BEYOND_HAW;

	if (!ctx->nxe)
		reserved |= VTD_FS_XD;
	if (level >= 4)
		reserved |= VTD_PS;
	else if (level > 1 && entry & VTD_PS)
		reserved |= VTD_MASK(level_shift(level) - 1, 13);
	return reserved;
}

static enum iommu_reason fs_judge(const struct vtd_context *ctx, unsigned level, uint64_t entry)
{
	if (!(entry & VTD_P))
		return IOMMU_FAULT_FS_ABSENT;
	if (entry & fs_reserved(ctx, level, entry))
		return IOMMU_FAULT_FS_RESERVED;
	return entry & VTD_FS_US ? 0 : IOMMU_FAULT_FS_SUPERVISOR;
}

/* The first stage alone: leaf->hpa is an HPA, or a GPA when nested. */
static enum iommu_reason fs_walk(const struct iommu_space *space, const struct vtd_context *ctx,
				 uint64_t addr, uint32_t need, struct vtd_leaf *leaf)
{
	uint64_t table = ctx->fs_root, rw = VTD_FS_RW, entry;
	unsigned level = ctx->fs_levels;
	struct fs_slot slot = {0};
	enum iommu_reason reason;
	bool page;

	for (;; level--) {
		reason = fs_slot_find(space, ctx, entry_at(table, level, addr),
				      level == ctx->fs_levels, &slot);
		if (reason)
			return reason;
		entry = atomic_load_explicit(slot.at, memory_order_acquire);
		reason = fs_judge(ctx, level, entry);
		if (reason)
			return reason;
		rw &= entry;
		page = level == 1 || entry & VTD_PS;
		if (page && need & IOMMU_WRITE && !rw)
			return IOMMU_FAULT_NO_WRITE;
		reason = fs_mark(ctx, &slot,
				 page && need & IOMMU_WRITE ? VTD_FS_A | VTD_FS_D : VTD_FS_A,
				 &entry);
		if (reason)
			return reason;
		if (page)
			break;
		table = entry & VTD_PTR;
	}
	leaf_set(leaf, entry, level_shift(level), addr,
		 rw && entry & VTD_FS_D ? IOMMU_READ | IOMMU_WRITE : IOMMU_READ);
	return 0;
}

static bool canonical(const struct vtd_context *ctx, uint64_t addr)
{
	int64_t high = (int64_t)addr >> (11 + 9 * ctx->fs_levels);

	return high == 0 || high == -1;
}

static enum iommu_reason first_stage(const struct iommu_space *space,
				     const struct vtd_context *ctx, uint64_t addr,
				     uint32_t need, struct vtd_leaf *leaf)
{
	struct vtd_leaf below;
	enum iommu_reason reason;

	if (!canonical(ctx, addr))
		return IOMMU_FAULT_NOT_CANONICAL;
	reason = fs_walk(space, ctx, addr, need, leaf);
	if (reason || ctx->kind == VTD_FIRST)
		return reason;
	reason = second_stage(space, ctx, leaf->hpa, need, &below);
	if (reason)
		return reason;
	leaf->hpa = below.hpa;
	leaf->perm &= below.perm;
	leaf->shift = MIN(leaf->shift, below.shift);
	return 0;
}

/* ---- all of it ---- */

static enum iommu_reason by_kind(const struct iommu_space *space, const struct vtd_context *ctx,
				 uint64_t addr, uint32_t need, struct vtd_leaf *leaf)
{
	switch (ctx->kind) {
	case VTD_SECOND:
		break; /* beyond MGAW; the rest is vtd_translate's */
	case VTD_FIRST:
	case VTD_NESTED:
		return first_stage(space, ctx, addr, need, leaf);
	case VTD_PASS:
		if (addr >> IOMMU_HPA_BITS)
			break;
		leaf_set(leaf, addr, IOMMU_GRANULE_SHIFT, addr, IOMMU_READ | IOMMU_WRITE);
		return 0;
	case VTD_REFUSED:
		return ctx->reason;
	}
	return ctx->scalable ? IOMMU_FAULT_BEYOND_WIDTH : IOMMU_FAULT_MGAW;
}

enum iommu_reason vtd_translate(const struct iommu_space *space, const struct vtd_context *ctx,
				uint64_t addr, uint32_t need, struct vtd_leaf *ret_leaf)
{
	bool window = vtd_is_interrupt(addr);
	enum iommu_reason reason = 0;

#ifdef LADON_BREAK_WINDOW
	window = false;
#endif
	if (likely(!window))
		reason = likely(ctx->kind == VTD_SECOND && !(addr >> VTD_MGAW_BITS))
				 ? second_stage(space, ctx, addr, need, ret_leaf)
				 : by_kind(space, ctx, addr, need, ret_leaf);
	if (unlikely(reason))
		return reason;
	/* Nor may a table lead there. */
	if (unlikely(window || vtd_is_interrupt(ret_leaf->hpa)))
		return ctx->scalable ? IOMMU_FAULT_INTR_RANGE : IOMMU_FAULT_LEGACY_INTR_RANGE;
	return 0;
}
