/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * vtd_defs.h - the structures of VT-d that lie in memory: root, context and PASID entries,
 * page-table entries of both stages, invalidation descriptors. Names and bits are the
 * specification's; entries are read and written as 64-bit words.
 */
#ifndef LADON_IOMMU_VTD_DEFS_H
#define LADON_IOMMU_VTD_DEFS_H

#include "bits.h"
#include "iommu_space.h"

/* Bits hi..lo of a 64-bit word. */
#define VTD_MASK(hi, lo)    ((~0ull >> (63 - (hi))) & (~0ull << (lo)))
#define VTD_GET(mask, word) (((word) & (mask)) >> __builtin_ctzll(mask))
#define VTD_PUT(mask, val)  (((uint64_t)(val) << __builtin_ctzll(mask)) & (mask))

/* What the engine can do; CAP and ECAP say so. */
#define VTD_MGAW_BITS  57
#define VTD_LEVELS_MIN 3u
#define VTD_LEVELS_MAX 5u

#define VTD_PTR	       VTD_MASK(51, 12)		    /* any table pointer or page address */
#define VTD_BEYOND_HAW VTD_MASK(51, IOMMU_HPA_BITS) /* reserved in all of them ... */
#define VTD_HIGH       VTD_MASK(63, IOMMU_HPA_BITS) /* ... and the bits above as well */
#define VTD_P	       BIT64(0)
#define VTD_FPD	       BIT64(1)
#define VTD_INTR_MIB   0xfeeull /* address >> 20 of the interrupt window */

/* RTADDR */
#define VTD_RTADDR_TTM	  VTD_MASK(11, 10)
#define VTD_TTM_LEGACY	  0u
#define VTD_TTM_SCALABLE  1u
#define VTD_ROOT_RESERVED (VTD_HIGH | VTD_MASK(11, 1)) /* of each half that is in use */

/* legacy context entry */
#define VTD_CTX_TT	    VTD_MASK(3, 2)
#define VTD_TT_SECOND	    0u
#define VTD_TT_PASS	    2u
#define VTD_CTX_LO_RESERVED (VTD_HIGH | VTD_MASK(11, 4))
#define VTD_CTX_AW	    VTD_MASK(2, 0) /* hi; levels - 2 */
#define VTD_CTX_DID	    VTD_MASK(23, 8)
#define VTD_CTX_HI_RESERVED (VTD_MASK(63, 24) | BIT64(7))

/* scalable-mode context entry: four words */
#define VTD_SCTX_PDTS	     VTD_MASK(11, 9) /* the directory has 2^(PDTS + 7) entries */
#define VTD_SCTX_0_RESERVED  (VTD_HIGH | VTD_MASK(8, 4) | BIT64(2))
#define VTD_SCTX_RID_PASID   VTD_MASK(19, 0)
#define VTD_SCTX_1_RESERVED  VTD_MASK(63, 21)
#define VTD_PDIR_RESERVED    (VTD_HIGH | VTD_MASK(11, 2))
#define VTD_PASID_TABLE_BITS 6u

/* PASID entry: eight words */
#define VTD_PASID_AW	     VTD_MASK(4, 2)
#define VTD_PASID_PGTT	     VTD_MASK(8, 6)
#define VTD_PGTT_FIRST	     1u
#define VTD_PGTT_SECOND	     2u
#define VTD_PGTT_NESTED	     3u
#define VTD_PGTT_PASS	     4u
#define VTD_PASID_0_RESERVED (VTD_HIGH | VTD_MASK(11, 9))
#define VTD_PASID_DID	     VTD_MASK(15, 0)
#define VTD_PASID_FSPM	     VTD_MASK(3, 2) /* word 2; levels - 4 */
#define VTD_PASID_NXE	     BIT64(5)
#define VTD_PASID_2_RESERVED (VTD_HIGH | VTD_MASK(11, 8))

/* second-stage entry */
#define VTD_SS_READ	IOMMU_READ
#define VTD_SS_WRITE	IOMMU_WRITE
#define VTD_PS		BIT64(7)
#define VTD_SS_RESERVED (VTD_BEYOND_HAW | BIT64(62) | BIT64(11))

/* first-stage entry */
#define VTD_FS_RW BIT64(1)
#define VTD_FS_US BIT64(2)
#define VTD_FS_A  BIT64(5)
#define VTD_FS_D  BIT64(6)
#define VTD_FS_XD BIT64(63)

/* invalidation descriptors */
#define VTD_IQ_TYPE	   VTD_MASK(3, 0)
#define VTD_IQ_CTX	   1u
#define VTD_IQ_IOTLB	   2u
#define VTD_IQ_IEC	   4u
#define VTD_IQ_WAIT	   5u
#define VTD_IQ_PASID_IOTLB 6u
#define VTD_IQ_PASID	   7u
#define VTD_IQ_G	   VTD_MASK(5, 4)
#define VTD_IQ_DID	   VTD_MASK(31, 16)
#define VTD_IQ_SID	   VTD_MASK(47, 32)
#define VTD_IQ_FM	   VTD_MASK(49, 48)
#define VTD_IQ_PASID_NR	   VTD_MASK(51, 32)
#define VTD_IQ_AM	   VTD_MASK(5, 0) /* hi */
#define VTD_IQ_WAIT_IF	   BIT64(4)
#define VTD_IQ_WAIT_SW	   BIT64(5)
#define VTD_IQ_WAIT_DATA   VTD_MASK(63, 32)
#define VTD_IQ_IEC_G	   BIT64(4)
#define VTD_IQ_IEC_IM	   VTD_MASK(31, 27)
#define VTD_IQ_IEC_IIDX	   VTD_MASK(47, 32)
#define VTD_G_GLOBAL	   1u /* of context and IOTLB descriptors */
#define VTD_G_DOMAIN	   2u
#define VTD_G_SELECT	   3u  /* one device; one page range */
#define VTD_G_PASID_ALL	   2u  /* of PASID-IOTLB descriptors */
#define VTD_MAMV	   18u /* at most 2^MAMV pages by one descriptor */

#endif
