/* SPDX-License-Identifier: BSD-3-Clause */
#include "ntb_mw.h"

#include <errno.h>
#include <sys/mman.h>

#include "bits.h"

static int check(unsigned widx, uint64_t addr, uint64_t size)
{
	return widx < NTB_MW_COUNT && !((addr | size) & (NTB_MW_ALIGN - 1)) &&
			       size <= NTB_MW_SIZE_MAX
		       ? 0
		       : -EINVAL;
}

void ntb_mw_init(struct ntb_mws *mws, const struct ntb_mw_fabric *fabric)
{
	*mws = (struct ntb_mws){.fabric = *fabric};
}

void ntb_mw_done(struct ntb_mws *mws)
{
	for (unsigned i = 0; i < NTB_MW_COUNT; i++) {
		iommu_mem_free(mws->peer[i].mem);
		mws->peer[i].mem = NULL;
	}
}

unsigned ntb_mw_count(const struct ntb_mws *mws)
{
	(void)mws;
	return NTB_MW_COUNT;
}

int ntb_mw_get_align(const struct ntb_mws *mws, unsigned widx, uint64_t *ret_addr_align,
		     uint64_t *ret_size_align, uint64_t *ret_size_max)
{
	if (widx >= ntb_mw_count(mws))
		return -EINVAL;
	if (ret_addr_align)
		*ret_addr_align = NTB_MW_ALIGN;
	if (ret_size_align)
		*ret_size_align = NTB_MW_ALIGN;
	if (ret_size_max)
		*ret_size_max = NTB_MW_SIZE_MAX;
	return 0;
}

int ntb_mw_set_trans(struct ntb_mws *mws, unsigned widx, int fd, uint64_t addr, uint64_t size)
{
	int ret = check(widx, addr, size);

	if (ret < 0)
		return ret;
	if (!size)
		return ntb_mw_clear_trans(mws, widx);
	return mws->fabric.offer(mws->fabric.arg, widx, fd, addr, size, ++mws->epoch);
}

int ntb_mw_clear_trans(struct ntb_mws *mws, unsigned widx)
{
	if (widx >= NTB_MW_COUNT)
		return -EINVAL;
	mws->fabric.revoke(mws->fabric.arg, widx, ++mws->epoch);
	return 0;
}

int ntb_peer_mw_set_trans(struct ntb_mws *mws, unsigned widx, int fd, uint64_t addr,
			  uint64_t size, uint64_t epoch, const char **why)
{
	int ret = check(widx, addr, size);
	struct iommu_mem *mem;

	if (ret < 0)
		return ret;
	if (epoch <= mws->peer[widx].epoch)
		return -ESTALE;
	ret = iommu_mem_map(fd, addr, size, PROT_READ | PROT_WRITE, &mem, why);
	if (ret < 0)
		return ret;
	iommu_mem_free(mws->peer[widx].mem);
	mws->peer[widx].mem = mem;
	mws->peer[widx].epoch = epoch;
	return 0;
}

int ntb_peer_mw_clear_trans(struct ntb_mws *mws, unsigned widx, uint64_t epoch)
{
	if (widx >= NTB_MW_COUNT)
		return -EINVAL;
	if (epoch <= mws->peer[widx].epoch)
		return -ESTALE;
	mws->peer[widx].epoch = epoch;
	iommu_mem_free(mws->peer[widx].mem);
	mws->peer[widx].mem = NULL;
	return 0;
}

int ntb_peer_mw_get_addr(const struct ntb_mws *mws, unsigned widx, uint8_t **ret_base,
			 uint64_t *ret_size)
{
	const struct iommu_mem *mem;

	if (widx >= NTB_MW_COUNT)
		return -EINVAL;
	mem = mws->peer[widx].mem;
	if (!mem)
		return -ENXIO;
	if (atomic_load_explicit(&mem->lost, memory_order_acquire))
		return -EIO;
	*ret_base = mem->base;
	*ret_size = mem->size;
	return 0;
}
