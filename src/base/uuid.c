/* SPDX-License-Identifier: BSD-3-Clause */
#include "uuid.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

static bool is_dash(unsigned at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

/* -1 for what is no hexadecimal digit. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int uuid_parse(const char *text, uint8_t ret_uuid[UUID_SIZE])
{
	uint8_t uuid[UUID_SIZE] = {0};
	unsigned digits = 0;

	if (strnlen(text, UUID_TEXT + 1) != UUID_TEXT)
		return -EINVAL;
	for (unsigned i = 0; i < UUID_TEXT; i++) {
		int value = digit(text[i]);

		if (is_dash(i) ? text[i] != '-' : value < 0)
			return -EINVAL;
		if (is_dash(i))
			continue;
		uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | value);
		digits++;
	}
	memcpy(ret_uuid, uuid, sizeof(uuid));
	explicit_bzero(uuid, sizeof(uuid));
	return 0;
}

void uuid_format(const uint8_t uuid[UUID_SIZE], char ret_text[UUID_TEXT + 1])
{
	static const char digits[] = "0123456789abcdef";
	char *p = ret_text;

	for (unsigned i = 0; i < UUID_SIZE; i++) {
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
		if (is_dash((unsigned)(p - ret_text)))
			*p++ = '-';
	}
	*p = '\0';
}

int uuid_random(uint8_t ret_uuid[UUID_SIZE])
{
	ssize_t n;

	/* So few bytes come at once or not at all. */
	do {
		n = getrandom(ret_uuid, UUID_SIZE, 0);
	} while (n < 0 && errno == EINTR);
	if (n != UUID_SIZE)
		return n < 0 ? -errno : -EIO;
	ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x40); /* version 4 */
	ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80); /* variant of RFC 9562 */
	return 0;
}
