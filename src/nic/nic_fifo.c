/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_fifo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bits.h"

static uint32_t record(uint32_t len)
{
	return NIC_FIFO_RECORD + ALIGN_UP(len, 8u);
}

int nic_fifo_init(struct nic_fifo *fifo, uint32_t size)
{
	*fifo = (struct nic_fifo){.bytes = malloc(size), .size = size};
	return fifo->bytes ? 0 : -ENOMEM;
}

void nic_fifo_done(struct nic_fifo *fifo)
{
	free(fifo->bytes);
	*fifo = (struct nic_fifo){0};
}

uint8_t *nic_fifo_room(struct nic_fifo *fifo, uint32_t len)
{
	uint32_t size = record(len);

	if (!fifo->used)
		fifo->head = fifo->tail = 0;
	if (fifo->used && fifo->head <= fifo->tail)
		return fifo->tail - fifo->head >= size
			       ? fifo->bytes + fifo->head + NIC_FIFO_RECORD
			       : NULL;
	if (fifo->size - fifo->head >= size)
		return fifo->bytes + fifo->head + NIC_FIFO_RECORD;
	if (fifo->tail < size)
		return NULL;
	fifo->end = fifo->head;
	fifo->used += fifo->size - fifo->head;
	fifo->head = 0;
	return fifo->bytes + NIC_FIFO_RECORD;
}

void nic_fifo_push(struct nic_fifo *fifo, uint32_t len)
{
	uint64_t length = len;

	memcpy(fifo->bytes + fifo->head, &length, sizeof(length));
	fifo->head += record(len);
	fifo->used += record(len);
}

const uint8_t *nic_fifo_peek(const struct nic_fifo *fifo, uint32_t *ret_len)
{
	uint64_t length;

	if (!fifo->used)
		return NULL;
	memcpy(&length, fifo->bytes + fifo->tail, sizeof(length));
	*ret_len = (uint32_t)length;
	return fifo->bytes + fifo->tail + NIC_FIFO_RECORD;
}

void nic_fifo_pop(struct nic_fifo *fifo)
{
	uint32_t len;

	if (!nic_fifo_peek(fifo, &len))
		return;
	fifo->tail += record(len);
	fifo->used -= record(len);
	/* Records behind the wrap are left alone, or nothing at all. */
	if (fifo->head < fifo->tail && fifo->tail == fifo->end) {
		fifo->used -= fifo->size - fifo->end;
		fifo->tail = 0;
	}
}
