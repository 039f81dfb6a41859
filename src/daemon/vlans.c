/* SPDX-License-Identifier: BSD-3-Clause */
#include "vlans.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"

#define VLANS_BYTES  (NIC_VLANS / 8)
#define NUMBER_BYTES 5 /* "4094" */

static void set_range(uint64_t *map, unsigned first, unsigned last)
{
	for (unsigned vid = first; vid <= last; vid++)
		nic_bitmap_assign(map, vid, true);
}

/* One number of len bytes. */
static int take_number(const char *text, size_t len, unsigned *ret)
{
	char word[NUMBER_BYTES];

	if (len >= sizeof(word))
		return -EINVAL;
	memcpy(word, text, len);
	word[len] = '\0';
	return word_number(word, 1, VLAN_MAX, ret);
}

/* "V" or "V-V", up to end. */
static int take_entry(const char *text, const char *end, uint64_t *map)
{
	const char *dash = memchr(text, '-', (size_t)(end - text));
	unsigned first, last;

	if (take_number(text, (size_t)((dash ? dash : end) - text), &first) < 0)
		return -EINVAL;
	last = first;
	if (dash && take_number(dash + 1, (size_t)(end - dash - 1), &last) < 0)
		return -EINVAL;
	if (last < first)
		return -EINVAL;
	set_range(map, first, last);
	return 0;
}

int vlans_parse(const char *text, uint64_t ret_map[NIC_VLANS / 64], struct cmd_error *error)
{
	unsigned num = 1;

	memset(ret_map, 0, VLANS_BYTES);
	if (!strcmp(text, "none"))
		return 0;
	if (!strcmp(text, "all")) {
		set_range(ret_map, 1, VLAN_MAX);
		return 0;
	}
	for (const char *c = text; *c; c++)
		num += *c == ',';
	if (num > VLANS_ENTRIES)
		return cmd_fail(error, -E2BIG, "vlans has %u entries: at most %d are right",
				num, VLANS_ENTRIES);
	for (;;) {
		const char *end = text + strcspn(text, ",");

		if (take_entry(text, end, ret_map) < 0)
			return cmd_fail(
				error, -EINVAL,
				"vlans \"%.*s\" is wrong: all, none, or VLANs from 1 to "
				"%d such as 10,20-30 are right",
				(int)MIN(end - text, (ptrdiff_t)64), text, VLAN_MAX);
		if (!*end)
			return 0;
		text = end + 1;
	}
}

/* The VLAN behind the run of VLANs that begins at vid. */
static unsigned run_end(const uint64_t *map, unsigned vid)
{
	while (vid <= VLAN_MAX && nic_bitmap_test(map, vid))
		vid++;
	return vid;
}

const char *vlans_text(const uint64_t map[NIC_VLANS / 64], char *buf)
{
	size_t at = 0;

	if (run_end(map, 1) > VLAN_MAX)
		return strcpy(buf, "all");
	for (unsigned vid = 1; vid <= VLAN_MAX; vid++) {
		unsigned end = run_end(map, vid);
		const char *comma = at ? "," : "";

		if (end == vid)
			continue;
		if (end - vid == 1)
			at += (size_t)snprintf(buf + at, VLANS_TEXT_BYTES - at, "%s%u", comma,
					       vid);
		else
			at += (size_t)snprintf(buf + at, VLANS_TEXT_BYTES - at, "%s%u-%u",
					       comma, vid, end - 1);
		vid = end;
	}
	return at ? buf : strcpy(buf, "none");
}
