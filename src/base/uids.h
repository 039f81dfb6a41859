/* SPDX-License-Identifier: BSD-3-Clause */
/* uids.h - a short list of users that may do something. */
#ifndef LADON_BASE_UIDS_H
#define LADON_BASE_UIDS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define UIDS_MAX 16
#define UID_LAST (UINT32_MAX - 1) /* the one after it means "nobody" to the kernel */

/* num 0: everybody. */
struct uid_list {
	unsigned num;
	uid_t uid[UIDS_MAX];
};

/* "0,1000": 1 to UIDS_MAX decimal numbers up to UID_LAST. Returns 0, or -EINVAL with *ret as it
 * was. */
int uids_parse(const char *text, struct uid_list *ret);
bool uids_have(const struct uid_list *list, uid_t uid);

#endif
