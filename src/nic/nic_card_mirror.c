/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_card_mirror.c - who may mirror whom, and the data path's lists that follow from it. A VF
 * that gets copies is not mirrored itself, so that no copy is ever copied.
 */
#include <errno.h>
#include <stdlib.h>

#include "nic_card.h"
#include "nic_mirror.h"

#define PORTS (NIC_MIRROR_UPLINK + 1u)

static bool has(const struct nic_mirror_from *from, unsigned source)
{
	return nic_bitmap_test(from->rx, source) || nic_bitmap_test(from->tx, source);
}

static bool is_empty(const struct nic_mirror_from *from)
{
	uint64_t any = 0;

	for (unsigned w = 0; w < ARRAY_SIZE(from->rx); w++)
		any |= from->rx[w] | from->tx[w];
	return !any;
}

/* The port as the data path has it; NULL while nobody uses it. */
static struct nic_port *port_of(const struct nic_card *card, unsigned source)
{
	if (source == NIC_MIRROR_UPLINK)
		return card->uplink;
	return card->vf[source].on_dp ? card->vf[source].port : NULL;
}

/* ---- who may ---- */

/* How many VFs beside n get copies of source in each direction; the last of them. */
static unsigned others(const struct nic_card *card, unsigned n, unsigned source,
		       unsigned *ret_last)
{
	unsigned rx = 0, tx = 0;

	for (unsigned i = 0; i < card->num_vfs; i++) {
		const struct nic_mirror_from *from = &card->vf[i].admin.mirror;

		if (i == n || !has(from, source))
			continue;
		rx += nic_bitmap_test(from->rx, source);
		tx += nic_bitmap_test(from->tx, source);
		*ret_last = i;
	}
	return MAX(rx, tx);
}

static int check_source(const struct nic_card *card, unsigned n, unsigned source)
{
	bool uplink = source == NIC_MIRROR_UPLINK;
	unsigned last;

	if (source == n)
		return -EINVAL;
	if (uplink ? !card->uplink : !card->vf[source].known)
		return -ENODEV;
	if (!uplink && !is_empty(&card->vf[source].admin.mirror))
		return -ELOOP;
	return others(card, n, source, &last) < NIC_MIRROR_MAX ? 0 : -ENOSPC;
}

int nic_card_check_mirror(const struct nic_card *card, unsigned n,
			  const struct nic_mirror_from *from, unsigned *ret_other)
{
	for (unsigned source = 0; source < PORTS; source++) {
		int r = has(from, source) ? check_source(card, n, source) : 0;

		if (r < 0) {
			*ret_other = source;
			return r;
		}
	}
	return !is_empty(from) && others(card, n, n, ret_other) ? -EBUSY : 0;
}

/* ---- publishing ---- */

/* Adds VF n's port to the lists of source, if it is there and wants copies. */
static void add_receiver(const struct nic_card *card, unsigned n, unsigned source,
			 struct nic_mirror_set *set)
{
	const struct nic_mirror_from *from = &card->vf[n].admin.mirror;
	bool rx = nic_bitmap_test(from->rx, source), tx = nic_bitmap_test(from->tx, source);
	struct nic_port *port = port_of(card, n);

	if (!port)
		return;
	/* What comes in from the wire is what the uplink's port sends. */
	if (source == NIC_MIRROR_UPLINK ? rx : tx)
		set->sent[set->num_sent++] = port;
	if (source == NIC_MIRROR_UPLINK ? tx : rx)
		set->received[set->num_received++] = port;
}

/* Who gets copies of source now; NULL when nobody does. */
static struct nic_mirror_set *set_of(const struct nic_card *card, unsigned source)
{
	struct nic_mirror_set set = {0}, *copy;

	for (unsigned n = 0; n < card->num_vfs; n++)
		add_receiver(card, n, source, &set);
	if (!set.num_sent && !set.num_received)
		return NULL;
	copy = malloc(sizeof(*copy));
	if (!copy)
		abort(); /* as for policies */
	*copy = set;
	return copy;
}

static bool is_mirrored(const struct nic_card *card, unsigned source)
{
	for (unsigned n = 0; n < card->num_vfs; n++)
		if (has(&card->vf[n].admin.mirror, source))
			return true;
	return false;
}

static void publish_source(struct nic_card *card, unsigned source)
{
	struct nic_port *port = port_of(card, source), *old_port = card->mirrored[source].port;
	struct nic_mirror_set *old = card->mirrored[source].set;
	struct nic_mirror_set *set = port ? set_of(card, source) : NULL;

	if (old_port && (!set || old_port != port))
		nic_dp_set_mirrors(card->dp, old_port, NULL);
	if (set)
		nic_dp_set_mirrors(card->dp, port, set);
	card->mirrored[source].port = set ? port : NULL;
	card->mirrored[source].set = set;
	free(old);
}

void nic_card_publish_mirrors(struct nic_card *card)
{
	for (unsigned source = 0; source < PORTS; source++)
		if (card->mirrored[source].set || is_mirrored(card, source))
			publish_source(card, source);
}

int nic_card_set_mirror(struct nic_card *card, unsigned n, const struct nic_mirror_from *from,
			unsigned *ret_other)
{
	int r = nic_card_check_mirror(card, n, from, ret_other);

	if (r < 0)
		return r;
	card->vf[n].admin.mirror = *from;
	nic_card_publish_mirrors(card);
	return 0;
}

/* VF n goes: one that gets its number later is not mirrored for that. */
void nic_card_mirror_forget(struct nic_card *card, unsigned n)
{
	for (unsigned i = 0; i < card->num_vfs; i++) {
		nic_bitmap_assign(card->vf[i].admin.mirror.rx, n, false);
		nic_bitmap_assign(card->vf[i].admin.mirror.tx, n, false);
	}
	card->vf[n].admin.mirror = (struct nic_mirror_from){0};
	nic_card_publish_mirrors(card);
}
