/* SPDX-License-Identifier: BSD-3-Clause */
#include "raw.h"

#include <string.h>

#define Q_LEN	(VF_TDLEN - VF_TDBAL)
#define Q_BYTES (RAW_RING * (uint32_t)sizeof(struct igbvf_desc))

uint32_t raw_random(void)
{
	static _Thread_local uint64_t x = 0x9e3779b97f4a7c15ull;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	return (uint32_t)((x * 0x2545f4914f6cdd1dull) >> 32);
}

/* Waits until the card has left the driver's ring, then gives it ours. */
static int move_queue(struct raw *raw)
{
	uint64_t iova = ladon_dma_iova(raw->dma);
	uint32_t status;
	int ret = ladon_bar_write32(raw->fn, 0, VF_TXDCTL, 0);

	if (ret == 0)
		ret = ladon_bar_read32(raw->fn, 0, VF_STATUS, &status);
	if (ret < 0)
		return ret;
	ladon_bar_write32(raw->fn, 0, VF_TDBAL, (uint32_t)iova);
	ladon_bar_write32(raw->fn, 0, VF_TDBAH, (uint32_t)(iova >> 32));
	ladon_bar_write32(raw->fn, 0, VF_TDLEN, Q_BYTES);
	ladon_bar_write32(raw->fn, 0, VF_TDH, 0);
	ladon_bar_write32(raw->fn, 0, VF_TDT, 0);
	ladon_bar_write32(raw->fn, 0, VF_TXDCTL, DCTL_ENABLE);
	return ladon_bar_read32(raw->fn, 0, VF_STATUS, &status);
}

int raw_open(struct raw *raw, const char *path)
{
	const struct ladon_options opt = {.timeout_ms = 20000};
	int ret;

	memset(raw, 0, sizeof(*raw));
	ret = ladon_function_attach(path, &opt, &raw->fn);
	if (ret == 0)
		ret = ladon_igbvf_open(raw->fn, NULL, &raw->vf);
	if (ret == 0)
		ret = ladon_dma_alloc(raw->fn, (RAW_RING + 1) * RAW_BUF, 0, &raw->dma);
	if (ret == 0) {
		ladon_igbvf_mac(raw->vf, raw->mac);
		raw->desc = ladon_dma_pointer(raw->dma);
		raw->buf = (uint8_t *)ladon_dma_pointer(raw->dma) + RAW_BUF;
		raw->buf_iova = ladon_dma_iova(raw->dma) + RAW_BUF;
		ret = move_queue(raw);
	}
	if (ret < 0)
		raw_close(raw);
	return ret;
}

void raw_close(struct raw *raw)
{
	ladon_igbvf_close(raw->vf);
	ladon_function_detach(raw->fn);
	raw->vf = NULL;
	raw->fn = NULL;
}

void raw_desc(struct raw *raw, uint32_t i, uint32_t len)
{
	raw->desc[i].addr = raw->buf_iova + (uint64_t)i * RAW_BUF;
	raw->desc[i].cmd_type_len = TXD_DATA | TXD_DEXT | TXD_EOP | TXD_IFCS | len;
	raw->desc[i].olinfo_status = len << TXD_PAYLEN;
}

uint32_t raw_announce(struct raw *raw, uint32_t max)
{
	uint32_t head = 0, room;

	if (ladon_bar_read32(raw->fn, 0, VF_TDH, &head) < 0)
		return 0;
	room = (head - raw->tail - 1) % RAW_RING;
	room = MIN(room, max);
	if (!room)
		return 0;
	raw->tail = (raw->tail + room) % RAW_RING;
	raw->sent += room;
	ladon_bar_write32(raw->fn, 0, VF_TDT, raw->tail);
	return room;
}

void raw_frame(struct raw *raw, uint32_t i, const uint8_t *dst, uint16_t type, uint8_t fill,
	       uint32_t len)
{
	uint8_t *p = raw->buf + (size_t)i * RAW_BUF;

	memcpy(p, dst, 6);
	memcpy(p + 6, raw->mac, 6);
	put_be16(p + 12, type);
	memset(p + 14, fill, len);
}
