/* SPDX-License-Identifier: BSD-3-Clause */
/* uuid.h - UUIDs as 16 bytes in the order of their text (RFC 9562). */
#ifndef LADON_BASE_UUID_H
#define LADON_BASE_UUID_H

#include <stdint.h>

#define UUID_SIZE 16
#define UUID_TEXT 36 /* characters, without the NUL */

/* "6c8e51f4-6c0e-4f6a-9a55-3d1c8a3b0001", in either case, and nothing behind it. Returns 0 or
 * -EINVAL. */
int uuid_parse(const char *text, uint8_t ret_uuid[UUID_SIZE]);
/* In lower case, with its NUL. */
void uuid_format(const uint8_t uuid[UUID_SIZE], char ret_text[UUID_TEXT + 1]);
/* Version 4: 122 bits of getrandom(2). Returns 0 or -errno. */
int uuid_random(uint8_t ret_uuid[UUID_SIZE]);

#endif
