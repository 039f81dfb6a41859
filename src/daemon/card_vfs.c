/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * card_vfs.c - the VFs of a card come and go while it runs. There is one way: the set of
 * numbers that shall be is compared with the one that is. What may not be is refused before
 * anything happens; what is missing is made, and unmade if one of it fails; then the rest is
 * removed, which cannot fail. VFs in both sets are not touched at all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bits.h"
#include "capture.h"
#include "card.h"
#include "daemon.h"
#include "event.h"
#include "log.h"

#define VF_WORDS    ((CARD_VFS_MAX + 63) / 64)
#define REST_OFFSET 0x100 /* VF n is function n of the card's second bus, from n = 7 on */

/* ---- looking ---- */

struct function *card_next_vf(const struct card *card, const struct function *after)
{
	for (unsigned n = after ? after->n + 1 : 0; n < card->vfs_end; n++) {
		if (card->functions[n])
			return card->functions[n];
	}
	return NULL;
}

unsigned card_num_vfs(const struct card *card)
{
	unsigned num = 0;

	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		num++;
	return num;
}

bool card_is_82576(const struct card *card)
{
	return card->vfs_end <= I82576_PF_MAX_VFS && card_num_vfs(card) == card->vfs_end;
}

const char *card_vf_list(const struct card *card, char buf[CARD_VF_LIST_BYTES])
{
	size_t at = 0;

	buf[0] = '\0';
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn)) {
		unsigned last = fn->n;

		while (last + 1 < card->vfs_end && card->functions[last + 1])
			last++;
		at += (size_t)snprintf(buf + at, CARD_VF_LIST_BYTES - at,
				       last > fn->n ? "%s%u-%u" : "%s%u", at ? "," : "", fn->n,
				       last);
		fn = card->functions[last];
	}
	return buf;
}

/* ---- where they are ---- */

/*
 * As the SR-IOV capability says, as long as an 82576 could have the VF. Its numbers do not hold
 * 255 on two buses, so the others have a rule of their own. Either way a number has the same
 * routing ID as long as the card lives.
 */
static pci_rid_t vf_rid(const struct card *card, unsigned n)
{
	const struct i82576_sriov_place *place = &card->params.place;

	if (n < I82576_PF_MAX_VFS)
		return pci_vf_rid(card->pf_rid, place->first_offset, place->stride, n);
	return (pci_rid_t)(card->pf_rid + REST_OFFSET + n);
}

/* ---- what may be ---- */

static bool has(const uint64_t *set, unsigned n)
{
	return nic_bitmap_test(set, n);
}

/* The highest number of those below end, plus 1. */
static unsigned end_of(const uint64_t *set, unsigned end)
{
	while (end && !has(set, end - 1))
		end--;
	return end;
}

/* VFs' routing IDs are the card's own: its pair of buses, after the PF's. */
static int check_place(const struct card *card, const uint64_t *want, struct cmd_error *error)
{
	const struct i82576_sriov_place *place = &card->params.place;
	unsigned low = end_of(want, I82576_PF_MAX_VFS);
	bool rest = end_of(want, CARD_VFS_MAX) > I82576_PF_MAX_VFS;
	unsigned most = rest ? REST_OFFSET + I82576_PF_MAX_VFS - 1 : CARD_RIDS - 1;
	unsigned last = low ? place->first_offset + (low - 1) * place->stride : 0;

	if (last <= most)
		return 0;
	return cmd_fail(error, -EINVAL,
			"vf-offset 0x%x and vf-stride %u put VF %u at 0x%x after the PF: at "
			"most 0x%x is right%s",
			place->first_offset, place->stride, low - 1, last, most,
			rest ? " on a card with more than 7 VFs" : "");
}

/* The hardware's VFs are as many as NumVFs says, so they have no gaps. */
static int check_model(const struct card *card, const uint64_t *want, struct cmd_error *error)
{
	unsigned end = end_of(want, CARD_VFS_MAX), gap = 0;

	if (!card->params.strict)
		return 0;
	if (end > I82576_PF_MAX_VFS)
		return cmd_fail(
			error, -ERANGE,
			"VF %u is nothing that an 82576 has: VFs 0 to %u are right while "
			"%s has strict-model on",
			end - 1, I82576_PF_MAX_VFS - 1, card->name);
	while (gap < end && has(want, gap))
		gap++;
	if (gap == end)
		return 0;
	return cmd_fail(
		error, -EOPNOTSUPP,
		"no VF %u below VF %u is nothing that an 82576 has: removing the highest "
		"or adding the next is right while %s has strict-model on",
		gap, end - 1, card->name);
}

/* A PF driver has been told how many there are, and believes it as long as it is there. */
static int check_owner(const struct card *card, struct cmd_error *error)
{
	const struct function *pf = card->pf;

	if (!pf || !card_guest_owns(card))
		return 0;
	return cmd_fail(
		error, -EBUSY,
		"the VFs of %s belong to the PF driver in the guest attached to %s (pid "
		"%d): detaching it first is right",
		card->name, pf->path, (int)pf->client.pid);
}

static int check(const struct card *card, const uint64_t *want, struct cmd_error *error)
{
	int ret = check_owner(card, error);

	if (ret == 0)
		ret = check_model(card, want, error);
	if (ret == 0)
		ret = check_place(card, want, error);
	return ret;
}

/* ---- making and removing ---- */

int card_make_function(struct card *card, const struct function_kind *kind, unsigned n,
		       pci_rid_t rid, struct function **ret_fn, struct cmd_error *error)
{
	int ret = function_new(card, kind, n, rid, ret_fn);
	char path[FUNCTION_PATH_MAX];

	if (ret >= 0)
		return 0;
	function_path(kind, card->dir, n, path, sizeof(path));
	return cmd_fail(error, ret, "%s cannot be served: %s%s", path, strerror(-ret),
			ret == -EMFILE ? ": a higher limit is right (ulimit -n, or "
					 "LimitNOFILE= of systemd)"
				       : "");
}

/* Cards may be linked, or their VFs be on one network: no address twice. */
static bool elsewhere(const struct card *card, const uint8_t mac[6])
{
	for (const struct card *c = card->daemon->cards; c; c = c->next) {
		if (c != card && nic_card_has_mac(c->nic, mac))
			return true;
	}
	return false;
}

static void remove_function(struct function **at)
{
	struct function *fn = *at;

	if (!fn)
		return;
	*at = NULL;
	function_drop(fn, "the VF was removed");
	function_free(fn);
}

static void unmake(struct card *card, unsigned n)
{
	remove_function(&card->views[n]);
	remove_function(&card->functions[n]);
	nic_card_del_vf(card->nic, n);
	while (card->vfs_end && !card->functions[card->vfs_end - 1])
		card->vfs_end--;
}

static int make(struct card *card, unsigned n, struct cmd_error *error)
{
	pci_rid_t rid = vf_rid(card, n);
	int ret = nic_card_add_vf(card->nic, n);

	if (ret < 0)
		return cmd_fail(error, ret, "VF %u cannot be made: %s", n, strerror(-ret));
	while (elsewhere(card, card->nic->vf[n].admin.mac))
		nic_card_random_mac(card->nic, n);
	ret = card_make_function(card, &function_vf, n, rid, &card->functions[n], error);
	if (ret == 0 && n < I82576_PF_MAX_VFS)
		ret = card_make_function(card, &function_view, n, rid, &card->views[n], error);
	if (ret < 0) {
		unmake(card, n);
		return ret;
	}
	card->vfs_end = MAX(card->vfs_end, n + 1);
	card->link_told[n] = nic_card_link_up(card->nic, n);
	return 0;
}

/* Records that bear its name are written first, and who looks at it alone is sent home. */
static void retire(struct card *card, unsigned n)
{
	faults_collect(card->daemon, card);
	capture_vf_gone(card, n);
	unmake(card, n);
	event_vf(card->daemon, "vf-del", card, n);
}

/* ---- from one set to another ---- */

static void present(const struct card *card, uint64_t *ret_set)
{
	memset(ret_set, 0, VF_WORDS * sizeof(*ret_set));
	for (struct function *fn = card_next_vf(card, NULL); fn; fn = card_next_vf(card, fn))
		nic_bitmap_assign(ret_set, fn->n, true);
}

static int make_missing(struct card *card, const uint64_t *is, const uint64_t *want,
			struct cmd_error *error)
{
	for (unsigned n = 0; n < CARD_VFS_MAX; n++) {
		int ret = has(want, n) && !has(is, n) ? make(card, n, error) : 0;

		if (ret == 0)
			continue;
		while (n-- > 0) {
			if (has(want, n) && !has(is, n))
				unmake(card, n);
		}
		return ret;
	}
	return 0;
}

/* A card that is being made has no PF yet, and tells of itself as a whole. */
static void told(struct card *card, const uint64_t *is, const uint64_t *want)
{
	char list[CARD_VF_LIST_BYTES];

	for (unsigned n = 0; n < CARD_VFS_MAX; n++) {
		if (has(want, n) && !has(is, n))
			event_vf(card->daemon, "vf-add", card, n);
	}
	function_pf_follow_vfs(card->pf);
	log_info("%s: %u VFs%s%s", card->name, card_num_vfs(card), card->vfs_end ? ": " : "",
		 card_vf_list(card, list));
}

static int change(struct card *card, const uint64_t *want, struct cmd_error *error)
{
	uint64_t is[VF_WORDS];
	int ret = check(card, want, error);

	present(card, is);
	if (ret == 0)
		ret = make_missing(card, is, want, error);
	if (ret < 0)
		return ret;
	if (card->pf)
		function_pf_forget_vfs(card->pf);
	for (unsigned n = CARD_VFS_MAX; n-- > 0;) {
		if (has(is, n) && !has(want, n))
			retire(card, n);
	}
	if (card->pf)
		told(card, is, want);
	return 0;
}

int card_set_vfs(struct card *card, unsigned num, struct cmd_error *error)
{
	uint64_t want[VF_WORDS] = {0};

	for (unsigned n = 0; n < num; n++)
		nic_bitmap_assign(want, n, true);
	return change(card, want, error);
}

int card_add_vf(struct card *card, unsigned n, unsigned *ret_n, struct cmd_error *error)
{
	uint64_t want[VF_WORDS];
	unsigned at = n;
	int ret;

	if (n == CARD_ANY_VF)
		for (at = 0; at < CARD_VFS_MAX && card->functions[at];)
			at++;
	if (at == CARD_VFS_MAX)
		return cmd_fail(error, -ENOSPC, "%s has %d VFs already, that is the limit",
				card->name, CARD_VFS_MAX);
	if (card->functions[at])
		return cmd_fail(error, -EEXIST,
				"%s has a VF %u already: another number, or none, is right",
				card->name, at);
	present(card, want);
	nic_bitmap_assign(want, at, true);
	ret = change(card, want, error);
	if (ret == 0)
		*ret_n = at;
	return ret;
}

int card_del_vf(struct card *card, unsigned n, struct cmd_error *error)
{
	uint64_t want[VF_WORDS];

	present(card, want);
	nic_bitmap_assign(want, n, false);
	return change(card, want, error);
}

void card_free_vfs(struct card *card)
{
	for (unsigned n = 0; n < CARD_VFS_MAX; n++) {
		function_free(card->views[n]);
		function_free(card->functions[n]);
	}
}
