/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * fuzz_iommu.c - map, unmap and translate against a model that is a plain list.
 *
 * The input is a string of operations of 8 bytes: opcode, border, page offset (16 bits,
 * signed), size in pages (16 bits), size class, permission. Addresses lie around the borders
 * where something changes: leaf sizes, the granule, the end of the flat table and of the
 * address space.
 */
#include "fuzz.h"

#include <errno.h>
#include <sys/mman.h>

#include "iommu_domain.h"

#define OP_BYTES   8u
#define MODEL_MAPS 32u
#define TOP	   (1ull << 48)

struct model_map {
	uint64_t iova, size;
	uint32_t perm;
	uint8_t *host; /* NULL: without memory */
};

struct model {
	struct model_map map[MODEL_MAPS];
	unsigned n;
	struct iommu_domain *dom;
	uint64_t generation;
	unsigned drains;
};

struct op {
	uint64_t iova, size;
	uint32_t perm;
	uint8_t code, sub;
};

static struct op op_decode(const uint8_t *data)
{
	static const uint64_t border[] = {
		0, 1ull << 21, 1ull << 30, 3ull << 30, 1ull << 39, TOP, 1ull << 47, 1ull << 63,
	};
	struct op op = {.code = data[0] & 7, .sub = data[0] >> 3, .perm = data[7] & 3};

	op.iova = border[data[1] & 7] + (uint64_t)((int64_t)(int16_t)get_le16(data + 2) * 4096);
	op.size = (uint64_t)get_le16(data + 4) * 4096;
	if (data[6] & 1)
		op.size = (op.size & 7 << 12) << 9; /* up to 14 MiB in granules */
	if ((data[6] & 0xf0) == 0xf0)
		op.size += 1ull << 30;
	if (data[6] & 2)
		op.iova += data[7] << 4 | data[1] >> 3; /* unaligned */
	if (data[6] & 4)
		op.size |= data[7]; /* unaligned, mostly */
	if ((data[7] & 0xf0) == 0x70)
		op.perm |= data[7]; /* unknown bits */
	return op;
}

static struct model_map *model_find(struct model *model, uint64_t iova)
{
	for (unsigned i = 0; i < model->n; i++)
		if (iova >= model->map[i].iova &&
		    iova - model->map[i].iova < model->map[i].size)
			return &model->map[i];
	return NULL;
}

static bool model_overlaps(const struct model *model, uint64_t iova, uint64_t size)
{
	for (unsigned i = 0; i < model->n; i++)
		if (iova < model->map[i].iova + model->map[i].size &&
		    model->map[i].iova < iova + size)
			return true;
	return false;
}

/* The error the header promises, by the plainest reading of it; 0 if it is to work. */
static int model_map_error(const struct model *model, const struct op *op)
{
	if (op->size == 0 || op->size % 4096 || op->iova % 4096 || op->perm > 3)
		return -EINVAL;
	if (op->iova >= TOP || (unsigned __int128)op->iova + op->size > TOP)
		return -EINVAL;
	return model_overlaps(model, op->iova, op->size) ? -EEXIST : 0;
}

/* A data path that holds pointers until the drain: they must be good, and new look-ups must
 * fail. */
static void drain(void *arg)
{
	struct model *model = arg;

	model->drains++;
	MUST(model->dom->generation > model->generation);
}

static void do_map(struct model *model, const struct op *op)
{
	struct model_map *map = &model->map[model->n];
	struct iommu_mem *mem = NULL;
	int want = model_map_error(model, op), ret;
	uint64_t offset = op->sub & 2 ? 4096 : 0;

	if (model->n == MODEL_MAPS)
		return;
	if (op->sub & 1 && iommu_mem_anon(ALIGN_UP(op->size, 4096) + 8192, &mem) < 0)
		return;
	ret = iommu_map(model->dom, op->iova, op->size, op->perm, mem, offset);
	MUST(ret == want);
	if (ret < 0) {
		MUST(model->dom->generation == model->generation);
		iommu_mem_free(mem);
		return;
	}
	*map = (struct model_map){op->iova, op->size, op->perm,
				  mem ? mem->base + offset : NULL};
	model->n++;
	MUST(model->dom->generation > model->generation);
}

/* By address as it comes, or (so that it happens) one that is there. */
static void do_unmap(struct model *model, const struct op *op)
{
	struct model_map *map = model_find(model, op->iova);
	uint64_t iova = op->iova, size = op->size;
	unsigned drains = model->drains;
	int ret;

	if (op->sub & 1 && model->n) {
		map = &model->map[op->sub % model->n];
		iova = map->iova;
		size = map->size;
	}
	ret = iommu_unmap(model->dom, iova, size);
	if (!map || map->iova != iova || map->size != size) {
		MUST(ret == -ENOENT && model->drains == drains);
		return;
	}
	MUST(ret == 0 && model->drains == drains + 1);
	*map = model->map[--model->n];
}

static void check_hit(const struct model_map *map, uint64_t iova, const uint8_t *host,
		      uint32_t want, uint32_t len)
{
	MUST(host == map->host + (iova - map->iova));
	MUST(len <= want && len >= MIN(want, 4096 - iova % 4096));
	MUST(iova - map->iova + len <= map->size);
}

static void look_at(struct model *model, uint64_t iova, uint32_t want, uint32_t need)
{
	struct model_map *map = model_find(model, iova);
	uint32_t flat_len = want, walk_len = want;
	uint8_t *flat = iommu_xlate(model->dom, iova, &flat_len, need);
	uint8_t *walk = iommu_walk(model->dom, iova, &walk_len, need);
	struct iommu_map_info info;

	MUST(iommu_find(model->dom, iova, &info) == !!map);
	MUST(flat == walk);
	if (!map || !map->host || (map->perm & need) != need || iova + want > TOP) {
		MUST(!flat && flat_len == want && walk_len == want);
		return;
	}
	MUST(info.iova == map->iova && info.size == map->size && info.perm == map->perm);
	check_hit(map, iova, flat, want, flat_len);
	check_hit(map, iova, walk, want, walk_len);
	if (want && need & IOMMU_WRITE) { /* ASan, or the kernel, objects if it is not memory */
		flat[0] = (uint8_t)want;
		flat[flat_len - 1] = (uint8_t)want;
	}
}

static void do_look(struct model *model, const struct op *op)
{
	uint32_t want = (uint32_t)op->size & 0xfffff, need = op->perm % 3 + 1;

	look_at(model, op->iova, want, need);
	for (unsigned i = 0; i < model->n; i++) { /* both edges of what is mapped */
		look_at(model, model->map[i].iova, want, need);
		look_at(model, model->map[i].iova + model->map[i].size - 1, want, need);
		look_at(model, model->map[i].iova + model->map[i].size, want, need);
		look_at(model, model->map[i].iova - 1, want, need);
	}
}

static void do_op(struct model *model, const struct op *op)
{
	model->generation = model->dom->generation;
	switch (op->code) {
	case 0:
	case 1:
	case 2:
		do_map(model, op);
		break;
	case 3:
	case 4:
		do_unmap(model, op);
		break;
	case 5:
		if (op->sub == 0) {
			iommu_unmap_all(model->dom);
			model->n = 0;
		}
		break;
	default:
		do_look(model, op);
	}
}

static void check_usage(const struct model *model)
{
	struct iommu_usage usage;
	uint64_t mem = 0, msg = 0;

	for (unsigned i = 0; i < model->n; i++)
		*(model->map[i].host ? &mem : &msg) += model->map[i].size;
	iommu_usage(model->dom, &usage);
	MUST(usage.maps == model->n && usage.bytes_mem == mem && usage.bytes_msg == msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct model model = {0};

	if (iommu_domain_new(NULL, 0, drain, &model, &model.dom) < 0)
		return 0;
	for (; size >= OP_BYTES; data += OP_BYTES, size -= OP_BYTES) {
		struct op op = op_decode(data);

		do_op(&model, &op);
	}
	check_usage(&model);
	do_look(&model, &(struct op){.iova = 0, .size = 4096, .perm = 0});
	model.generation = model.dom->generation;
	iommu_domain_free(model.dom);
	return 0;
}
