/* SPDX-License-Identifier: BSD-3-Clause */
#include "uids.h"

#include <errno.h>

/* One number; *at goes behind it. Longer ones than the last would wrap. */
static int take_uid(const char **at, uid_t *ret)
{
	const char *start = *at;
	uint64_t n = 0;

	while (**at >= '0' && **at <= '9' && n <= UID_LAST)
		n = n * 10 + (uint64_t)(*(*at)++ - '0');
	*ret = (uid_t)n;
	return *at > start && n <= UID_LAST ? 0 : -EINVAL;
}

int uids_parse(const char *text, struct uid_list *ret)
{
	struct uid_list list = {0};

	while (list.num < UIDS_MAX && take_uid(&text, &list.uid[list.num]) == 0) {
		list.num++;
		if (!*text) {
			*ret = list;
			return 0;
		}
		if (*text++ != ',')
			break;
	}
	return -EINVAL;
}

bool uids_have(const struct uid_list *list, uid_t uid)
{
	for (unsigned i = 0; i < list->num; i++) {
		if (list->uid[i] == uid)
			return true;
	}
	return !list->num;
}
