/* SPDX-License-Identifier: BSD-3-Clause */
#include "mirror.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "card.h"
#include "function.h"
#include "json_util.h"
#include "nic_mirror.h"

#define RULES_82576 4u /* VMRCTL 0 ... 3, each for one receiver and one kind of source */

enum direction { DIR_RX = BIT(0), DIR_TX = BIT(1) };

static const char *const directions[] = {"rx", "tx", "both"}; /* enum direction less one */

static enum direction direction_of(const struct nic_mirror_from *from, unsigned source)
{
	return (nic_bitmap_test(from->rx, source) ? DIR_RX : 0) |
	       (nic_bitmap_test(from->tx, source) ? DIR_TX : 0);
}

/* ---- words ---- */

static int take_vfs(const char *word, unsigned *ret_first, unsigned *ret_last,
		    struct cmd_error *error)
{
	const char *dash = strchr(word, '-');
	size_t len = dash ? (size_t)(dash - word) : strlen(word);
	char first[8] = "";

	if (len < sizeof(first))
		memcpy(first, word, len);
	if (word_number(first, 0, NIC_MAX_VFS - 1, ret_first) < 0 ||
	    word_number(dash ? dash + 1 : first, *ret_first, NIC_MAX_VFS - 1, ret_last) < 0)
		return cmd_fail(
			error, -EINVAL,
			"\"%.64s\" is no VF to mirror: a number from 0 to %u or a range "
			"such as 0-3 is right",
			word, NIC_MAX_VFS - 1);
	return 0;
}

static int add_source(struct nic_mirror_from *from, unsigned source, enum direction dir,
		      struct cmd_error *error)
{
	if (direction_of(from, source))
		return source == NIC_MIRROR_UPLINK
			       ? cmd_fail(error, -EINVAL,
					  "uplink is mirrored twice: once, with rx, tx or "
					  "both, is right")
			       : cmd_fail(error, -EINVAL,
					  "vf %u is mirrored twice: once, with rx, tx or both, "
					  "is right",
					  source);
	nic_bitmap_assign(from->rx, source, dir & DIR_RX);
	nic_bitmap_assign(from->tx, source, dir & DIR_TX);
	return 0;
}

static int add_sources(struct nic_mirror_from *from, unsigned first, unsigned last,
		       struct words *w, struct cmd_error *error)
{
	const char *word;
	int dir, ret = words_need(w, "rx, tx or both after what is mirrored", &word, error);

	if (ret < 0)
		return ret;
	dir = word_of(word, directions, ARRAY_SIZE(directions));
	if (dir < 0)
		return cmd_fail(error, -EINVAL,
				"mirror direction \"%.64s\" is wrong: rx, tx or both is right",
				word);
	for (unsigned source = first; ret == 0 && source <= last; source++)
		ret = add_source(from, source, (enum direction)(dir + 1), error);
	return ret;
}

/* "vf N|N-M DIR" or "uplink DIR"; word is the first of them. */
static int take_sources(const char *word, struct words *w, struct nic_mirror_from *from,
			struct cmd_error *error)
{
	unsigned first = NIC_MIRROR_UPLINK, last = NIC_MIRROR_UPLINK;
	int ret = 0;

	if (strcmp(word, "vf") && strcmp(word, "uplink"))
		return cmd_fail(error, -EINVAL,
				"mirror \"%.64s\" is wrong: none, vf N rx|tx|both, or uplink "
				"rx|tx|both is right",
				word);
	if (!strcmp(word, "vf")) {
		ret = words_need(w, "the number of the VF to mirror", &word, error);
		if (ret == 0)
			ret = take_vfs(word, &first, &last, error);
	}
	return ret < 0 ? ret : add_sources(from, first, last, w, error);
}

/* Is the next word the beginning of another source? */
static bool more(const struct words *w)
{
	return w->at < w->num &&
	       (!strcmp(w->word[w->at], "vf") || !strcmp(w->word[w->at], "uplink"));
}

int mirror_parse(const char *first, struct words *w, struct nic_mirror_from *ret_from,
		 struct cmd_error *error)
{
	int ret;

	*ret_from = (struct nic_mirror_from){0};
	if (!strcmp(first, "none"))
		return 0;
	ret = take_sources(first, w, ret_from, error);
	while (ret == 0 && more(w))
		ret = take_sources(words_next(w), w, ret_from, error);
	return ret;
}

/* ---- rules ---- */

/* How many of the 82576's rules a VF's mirrors take. */
static unsigned rules_of(const struct nic_mirror_from *from)
{
	unsigned rules = nic_bitmap_test(from->rx, NIC_MIRROR_UPLINK) +
			 nic_bitmap_test(from->tx, NIC_MIRROR_UPLINK);

	for (unsigned n = 0; n < NIC_MAX_VFS; n++)
		if (direction_of(from, n))
			return rules + 1;
	return rules;
}

/* The 82576 mirrors what a pool receives, and both directions of the wire. */
static int check_model(const struct function *fn, const struct nic_mirror_from *from,
		       struct cmd_error *error)
{
	const struct card *card = fn->card;
	unsigned rules = rules_of(from);

	for (unsigned n = 0; n < NIC_MAX_VFS; n++)
		if (nic_bitmap_test(from->tx, n))
			return cmd_fail(error, -EOPNOTSUPP,
					"a mirror of what vf %u sends is nothing that an 82576 "
					"has: rx is right while %s has strict-model on",
					n, card->name);
	for (unsigned n = 0; n < card->nic->num_vfs; n++)
		if (n != fn->n)
			rules += rules_of(&card->nic->vf[n].admin.mirror);
	if (rules > RULES_82576)
		return cmd_fail(error, -ENOSPC,
				"these are %u mirror rules and an 82576 has %u (each VF's "
				"copies of VFs, of uplink rx, and of uplink tx are one): fewer "
				"are right while %s has strict-model on",
				rules, RULES_82576, card->name);
	return 0;
}

static int refuse_missing(const struct card *card, unsigned source, struct cmd_error *error)
{
	if (source == NIC_MIRROR_UPLINK)
		return cmd_fail(error, -ENODEV,
				"%s has no uplink to mirror: one of its VFs is right",
				card->name);
	return cmd_fail(error, -ENODEV,
			"%s has no vf %u to mirror: one that \"link show %s\" lists is right",
			card->name, source, card->name);
}

static int refuse_full(const struct card *card, unsigned source, struct cmd_error *error)
{
	char name[16] = "uplink";

	if (source != NIC_MIRROR_UPLINK)
		snprintf(name, sizeof(name), "vf %u", source);
	return cmd_fail(error, -ENOSPC,
			"%s of %s is mirrored to %u VFs already: take one of those mirrors "
			"away first",
			name, card->name, NIC_MIRROR_MAX);
}

int mirror_check(const struct function *fn, const struct nic_mirror_from *from,
		 struct cmd_error *error)
{
	const struct card *card = fn->card;
	unsigned other;
	int ret = nic_card_check_mirror(card->nic, fn->n, from, &other);

	switch (ret) {
	case 0:
		return card->params.strict ? check_model(fn, from, error) : 0;
	case -EINVAL:
		return cmd_fail(error, ret,
				"vf %u cannot mirror itself: another VF or the uplink is right",
				fn->n);
	case -ENODEV:
		return refuse_missing(card, other, error);
	case -ELOOP:
		return cmd_fail(error, ret,
				"vf %u gets copies itself, and they are not copied again: "
				"\"vf %u mirror none\" first is right",
				other, other);
	case -EBUSY:
		return cmd_fail(error, -ELOOP,
				"vf %u is mirrored itself, to vf %u: a VF that nobody mirrors "
				"is right",
				fn->n, other);
	default:
		assert(ret == -ENOSPC);
		return refuse_full(card, other, error);
	}
}

/* ---- JSON ---- */

struct json_object *mirror_json(const struct nic_mirror_from *from)
{
	struct json_object *list = json_object_new_array(), *row;

	for (unsigned source = 0; source <= NIC_MIRROR_UPLINK; source++) {
		enum direction dir = direction_of(from, source);

		if (!dir)
			continue;
		row = json_object_new_object();
		if (source == NIC_MIRROR_UPLINK)
			json_add_bool(row, "uplink", true);
		else
			json_add_u64(row, "vf", source);
		json_add_str(row, "direction", directions[dir - 1]);
		json_object_array_add(list, row);
	}
	return list;
}

void mirror_add_json(struct json_object *obj, const struct nic_mirror_from *from)
{
	struct json_object *list = mirror_json(from);

	if (json_object_array_length(list))
		json_add(obj, "mirror", list);
	else
		json_object_put(list);
}
