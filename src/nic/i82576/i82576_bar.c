/* SPDX-License-Identifier: BSD-3-Clause */
#include "i82576_bar.h"

#include <string.h>

#include "bits.h"

#define DWORD 4u

bool i82576_bar_ok(const struct i82576_bar *bar, uint32_t offset, uint32_t len)
{
	return (len == 1 || len == 2 || len == 4 || len == 8) && offset <= bar->size &&
	       len <= bar->size - offset;
}

void i82576_bar_load(const struct i82576_bar *bar, void *dev, uint32_t offset, void *buf,
		     uint32_t len)
{
	uint8_t *out = buf;

	if (!i82576_bar_ok(bar, offset, len)) {
		memset(buf, 0xff, len);
		return;
	}
	for (uint32_t pos = 0, n; pos < len; pos += n) {
		uint32_t at = offset + pos, low = at % DWORD;
		uint32_t value = bar->load(dev, at - low);

		n = MIN(DWORD - low, len - pos);
		memcpy(out + pos, (uint8_t *)&value + low, n);
	}
}

void i82576_bar_store(const struct i82576_bar *bar, void *dev, uint32_t offset, const void *buf,
		      uint32_t len)
{
	const uint8_t *in = buf;

	if (!i82576_bar_ok(bar, offset, len))
		return;
	for (uint32_t pos = 0, n; pos < len; pos += n) {
		uint32_t at = offset + pos, low = at % DWORD;

		n = MIN(DWORD - low, len - pos);
		bar->store(dev, at - low, low, in + pos, n);
	}
}

uint32_t i82576_bar_merge(const struct nic_reg_row *row, uint32_t stored, uint32_t low,
			  const uint8_t *in, uint32_t n)
{
	uint32_t value = row ? stored & row->rw : 0;

	memcpy((uint8_t *)&value + low, in, n);
	return value;
}
