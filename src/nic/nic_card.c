/* SPDX-License-Identifier: BSD-3-Clause */
#include "nic_card.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "net_eth.h"
#include "nic_fdb.h"

#define DEFAULT_MAX_FRAME 1518u /* bytes with FCS; until the driver says (all do) */
#define FCS_LEN		  4u
#define MAX_GUEST_VLANS	  32u /* VLVF rows of the 82576 */

/* Indices of ports: a VF's is its number for ever, so that who wrote it down (a capture's
 * record, a table that is about to be replaced) never means another. */
#define UPLINK_INDEX NIC_MAX_VFS
#define PF_INDEX     (NIC_MAX_VFS + 1)

static_assert(NIC_MAX_PORTS == PF_INDEX + 1, "each port has an index of its own");

/* ---- who may do what ---- */

/* What the built-in PF makes of admin and guest state. */
static void builtin_policy(const struct nic_card *card, unsigned n, struct nic_policy *p)
{
	const struct nic_vf *vf = &card->vf[n];

	p->link_up = vf->guest.active && nic_card_link_up(card, n);
	p->spoof_mac = p->spoof_vlan = vf->admin.spoofchk != NIC_SPOOFCHK_OFF;
	p->spoof_neigh = vf->admin.spoofchk == NIC_SPOOFCHK_ARP;
	p->rx_on = p->tx_on = true;
	p->untagged = vf->admin.vlan == 0;
	p->broadcast = true;
	p->allmulti = vf->guest.allmulti;
	p->promisc = vf->guest.promisc && vf->admin.trust;
	p->strip_tag = vf->guest.num_vlans > 0; /* as igb sets VMOLR.STRVLAN */
	p->filter_control = !card->pass_control;
	p->pvid = vf->admin.vlan;
	p->qos = vf->admin.qos;
	p->svlan = vf->admin.vlan && vf->admin.svlan;
	p->min_tx_mbps = vf->admin.min_tx_mbps;
	p->max_tx_mbps = vf->admin.max_tx_mbps;
	p->storm_bcast_pps = vf->admin.storm_bcast_pps;
	p->storm_uucast_pps = vf->admin.storm_uucast_pps;
	p->mtu = vf->admin.mtu;
	/* Never more than the guest said: Linux chains buffers of 1 KiB below MTU 1007 and dies
	 * of a longer frame. */
	p->max_frame = vf->guest.max_frame - FCS_LEN;
	memcpy(p->mta, vf->guest.mta, sizeof(p->mta));
	memcpy(p->vlans, vf->guest.vlans, sizeof(p->vlans));
	p->listed = vf->admin.listed;
	for (unsigned w = 0; p->listed && w < ARRAY_SIZE(p->vlans); w++) {
		p->list[w] = vf->admin.vlans[w];
		p->vlans[w] &= p->list[w];
	}
	if (!vf->guest.active)
		return; /* nobody's address */
	p->mac[p->num_macs++] = net_mac_u64(vf->guest.mac);
	for (unsigned i = 0; i < vf->guest.num_filters; i++)
		p->mac[p->num_macs++] = vf->guest.filter[i];
}

static void policy_from(const struct nic_card *card, unsigned n, struct nic_policy *p)
{
	if (card->owner)
		card->owner->policy(card->owner_arg, n, p);
	else
		builtin_policy(card, n, p);
}

static void uplink_policy(const struct nic_card *card, struct nic_policy *p)
{
	p->link_up = card->uplink_up;
	p->rx_on = p->tx_on = true;
	p->untagged = p->broadcast = p->allmulti = true;
	p->max_frame = NIC_JUMBO_MAX - FCS_LEN;
}

/* Memory for the next snapshot. Policies are small and rare: failing to get one ends the
 * process. */
static struct nic_policy *policy_alloc(void)
{
	struct nic_policy *p = calloc(1, sizeof(*p));

	if (!p)
		abort();
	return p;
}

/* ---- the forwarding table follows from the policies ---- */

static struct nic_port *port_of(const struct nic_card *card, unsigned n)
{
	if (n == NIC_PF)
		return card->pf_port;
	return n < card->num_vfs ? card->vf[n].port : NULL;
}

const struct nic_policy *nic_card_policy(const struct nic_card *card, unsigned n)
{
	const struct nic_port *port = port_of(card, n);

	return port ? atomic_load(&port->policy) : NULL;
}

/* Is there a port that frames can be sent to? */
static bool is_reachable(const struct nic_card *card, unsigned n)
{
	return n == NIC_PF ? card->pf_port != NULL : card->vf[n].on_dp;
}

/* First the ports that are up, whose addresses are not kept from them by one that is down. */
static void fdb_add_ports(const struct nic_card *card, struct nic_fdb *fdb, bool live)
{
	/* The PF first: no VF takes its address away. */
	for (unsigned i = 0; i <= card->num_vfs; i++) {
		unsigned n = i ? i - 1 : NIC_PF;
		const struct nic_policy *p = nic_card_policy(card, n);

		if (p && is_reachable(card, n) && nic_policy_live(p) == live)
			nic_fdb_add_port(fdb, p, port_of(card, n)->index);
	}
}

static void publish_fdb(struct nic_card *card)
{
	const struct nic_policy *pf = nic_card_policy(card, NIC_PF);
	uint32_t entries = pf ? nic_fdb_room(pf) : 0;
	struct nic_fdb *fdb;

	for (unsigned n = 0; n < card->num_vfs; n++)
		if (is_reachable(card, n))
			entries += nic_fdb_room(nic_card_policy(card, n));
	if (nic_fdb_new(entries, &fdb) < 0)
		abort(); /* as for policies */
	fdb_add_ports(card, fdb, true);
	fdb_add_ports(card, fdb, false);
	nic_dp_set_fdb(card->dp, fdb);
}

/* ---- publishing ---- */

/* Is the port found under the same addresses and VLANs? */
static bool same_reach(const struct nic_policy *a, const struct nic_policy *b)
{
	return nic_policy_live(a) == nic_policy_live(b) && a->num_macs == b->num_macs &&
	       a->pvid == b->pvid && a->svlan == b->svlan && a->untagged == b->untagged &&
	       a->any_vlan == b->any_vlan && memcmp(a->mac, b->mac, sizeof(a->mac)) == 0 &&
	       memcmp(a->vlans, b->vlans, sizeof(a->vlans)) == 0;
}

/* Returns whether the forwarding table has to follow. */
static bool publish_policy(struct nic_card *card, unsigned n)
{
	const struct nic_policy *old = nic_card_policy(card, n);
	struct nic_policy *p = policy_alloc();
	bool follow;

	policy_from(card, n, p);
	if (old && memcmp(old, p, sizeof(*p)) == 0) {
		free(p);
		return false;
	}
	follow = !old || !same_reach(old, p);
	nic_dp_set_policy(card->dp, port_of(card, n), p);
	return follow;
}

static bool publish_policies(struct nic_card *card)
{
	bool follow = card->pf_port && publish_policy(card, NIC_PF);

	for (unsigned n = 0; n < card->num_vfs; n++)
		follow |= card->vf[n].port && publish_policy(card, n);
	return follow;
}

/* What the data path does about flow control follows. -ENOMEM: as it was. */
static int publish_flow(struct nic_card *card)
{
	bool owned = card->owner && card->owner->flow;
	struct nic_flow_params params = {
		.mode = owned ? card->owner->flow(card->owner_arg) : card->flow_mode,
		.mbps = card->link_mbps,
	};
	int r = 0;

	memcpy(params.mac, card->base_mac, sizeof(params.mac));
	if (params.mode != card->flow.mode || params.mbps != card->flow.mbps ||
	    memcmp(params.mac, card->flow.mac, sizeof(params.mac)))
		r = nic_dp_set_flow(card->dp, &params);
	if (r == 0)
		card->flow = params;
	return r;
}

static void publish_all(struct nic_card *card)
{
	if (publish_policies(card))
		publish_fdb(card);
	publish_flow(card);
}

/* What the built-in PF knows of VF n has changed. */
static void publish(struct nic_card *card, unsigned n)
{
	if (!card->owner && card->vf[n].port && publish_policy(card, n))
		publish_fdb(card);
}

static void tell_model(const struct nic_card *card, unsigned n)
{
	if (card->vf[n].changed)
		card->vf[n].changed(card->vf[n].changed_arg);
}

/* Of what the operator said: it counts only while the card is the built-in PF's. */
static void tell_unless_owned(const struct nic_card *card, unsigned n)
{
	if (!card->owner)
		tell_model(card, n);
}

/* ---- the card ---- */

/* VF n's address until the operator says another: the PF's plus n + 1, in the last three bytes.
 */
static void default_mac(const struct nic_card *card, unsigned n, uint8_t ret_mac[6])
{
	uint32_t low = (uint32_t)card->base_mac[3] << 16 | (uint32_t)card->base_mac[4] << 8 |
		       card->base_mac[5];

	low += n + 1;
	memcpy(ret_mac, card->base_mac, 3);
	ret_mac[3] = (uint8_t)(low >> 16);
	ret_mac[4] = (uint8_t)(low >> 8);
	ret_mac[5] = (uint8_t)low;
}

static bool mac_taken(const struct nic_card *card, unsigned n, const uint8_t mac[6]);

/* That one, unless somebody took it while there was no VF n. */
static void free_mac(const struct nic_card *card, unsigned n, uint8_t ret_mac[6])
{
	default_mac(card, n, ret_mac);
	while (mac_taken(card, n, ret_mac))
		net_mac_random(ret_mac);
}

static void guest_forget(struct nic_card *card, unsigned n)
{
	struct nic_vf *vf = &card->vf[n];

	memset(&vf->guest, 0, sizeof(vf->guest));
	vf->guest.max_frame = DEFAULT_MAX_FRAME;
	memcpy(vf->guest.mac, vf->admin.mac, sizeof(vf->guest.mac));
}

void nic_card_set_base_mac(struct nic_card *card, const uint8_t mac[6])
{
	memcpy(card->base_mac, mac, sizeof(card->base_mac));
	for (unsigned n = 0; n < card->num_vfs; n++) {
		if (!card->vf[n].known)
			continue;
		default_mac(card, n, card->vf[n].admin.mac);
		guest_forget(card, n);
	}
}

int nic_card_new(const char *name, unsigned num_vfs, const struct nic_dp_params *params,
		 struct nic_card **ret_card)
{
	struct nic_card *card;
	uint8_t mac[6];
	int r;

	if (num_vfs > NIC_MAX_VFS || strlen(name) >= NIC_NAME_MAX)
		return -EINVAL;
	card = calloc(1, sizeof(*card));
	if (!card)
		return -ENOMEM;
	snprintf(card->name, sizeof(card->name), "%s", name);
	card->link_mbps = params->link_mbps;
	net_mac_random(mac);
	mac[5] = 0; /* room for 255 VFs without a carry into the vendor's part */
	nic_card_set_base_mac(card, mac);
	for (unsigned n = 0; n < num_vfs; n++)
		nic_card_add_vf(card, n);
	r = nic_dp_new(params, &card->dp);
	if (r < 0) {
		free(card);
		return r;
	}
	*ret_card = card;
	return 0;
}

void nic_card_free(struct nic_card *card)
{
	if (!card)
		return;
	nic_dp_free(card->dp);
	free(card);
}

/* ---- VFs come and go ---- */

int nic_card_add_vf(struct nic_card *card, unsigned n)
{
	struct nic_vf *vf = &card->vf[n];

	if (n >= NIC_MAX_VFS)
		return -EINVAL;
	if (vf->known)
		return -EEXIST;
	vf->known = vf->in_use = true;
	vf->admin.spoofchk = NIC_SPOOFCHK_ON; /* igb's default */
	card->num_vfs = MAX(card->num_vfs, n + 1);
	free_mac(card, n, vf->admin.mac);
	guest_forget(card, n);
	return 0;
}

void nic_card_del_vf(struct nic_card *card, unsigned n)
{
	assert(!card->vf[n].port);
	nic_card_mirror_forget(card, n);
	card->vf[n] = (struct nic_vf){0};
	while (card->num_vfs && !card->vf[card->num_vfs - 1].known)
		card->num_vfs--;
}

bool nic_card_has_mac(const struct nic_card *card, const uint8_t mac[6])
{
	return mac_taken(card, NIC_PF, mac);
}

void nic_card_random_mac(struct nic_card *card, unsigned n)
{
	uint8_t *mac = card->vf[n].admin.mac;

	do
		net_mac_random(mac);
	while (mac_taken(card, n, mac));
	guest_forget(card, n);
}

/* ---- ports ---- */

static int join(struct nic_card *card, unsigned n)
{
	int r = nic_dp_add_port_at(card->dp, card->vf[n].port, n);

	if (r < 0)
		return r;
	card->vf[n].on_dp = true;
	publish_fdb(card);
	nic_card_publish_mirrors(card);
	return 0;
}

static void leave(struct nic_card *card, unsigned n)
{
	card->vf[n].on_dp = false;
	publish_fdb(card);
	nic_card_publish_mirrors(card);
	nic_dp_del_port(card->dp, card->vf[n].port);
}

/* VF n's port is on the data path or not, as things are. */
static int follow_use(struct nic_card *card, unsigned n)
{
	struct nic_vf *vf = &card->vf[n];
	bool on = vf->port && (vf->in_use || card->owner);

	if (on && !vf->on_dp)
		return join(card, n);
	if (!on && vf->on_dp)
		leave(card, n);
	return 0;
}

/* Cannot fail: each VF has its own index. */
static void follow_owner(struct nic_card *card)
{
	for (unsigned n = 0; n < card->num_vfs; n++)
		if (follow_use(card, n) < 0)
			abort();
}

int nic_card_use_vf(struct nic_card *card, unsigned n, bool in_use)
{
	int r;

	card->vf[n].in_use = in_use;
	r = follow_use(card, n);
	if (r < 0)
		card->vf[n].in_use = false;
	return r;
}

int nic_card_attach_vf(struct nic_card *card, unsigned n, struct nic_port *port,
		       void (*changed)(void *arg), void *changed_arg)
{
	struct nic_vf *vf = &card->vf[n];
	int r;

	if (n >= card->num_vfs || !vf->known || vf->port)
		return -EINVAL;
	vf->port = port;
	publish_policy(card, n);
	r = follow_use(card, n);
	if (r < 0) {
		nic_dp_set_policy(card->dp, port, NULL);
		vf->port = NULL;
		return r;
	}
	vf->changed = changed;
	vf->changed_arg = changed_arg;
	return 0;
}

void nic_card_detach_vf(struct nic_card *card, unsigned n)
{
	struct nic_vf *vf = &card->vf[n];
	struct nic_port *port = vf->port;

	if (!port)
		return;
	guest_forget(card, n);
	if (vf->on_dp)
		leave(card, n);
	vf->port = NULL;
	vf->changed = NULL;
	nic_dp_set_policy(card->dp, port, NULL);
}

/* Puts the PF's port on the data path. */
static int add_pf_port(struct nic_card *card)
{
	int r;

	publish_policy(card, NIC_PF);
	r = nic_dp_add_port_at(card->dp, card->pf_port, PF_INDEX);
	if (r < 0)
		nic_dp_set_policy(card->dp, card->pf_port, NULL);
	return r;
}

/* Nobody knows the port any more; the table still may. */
static void del_pf_port(struct nic_card *card, struct nic_port *port)
{
	publish_fdb(card);
	nic_dp_del_port(card->dp, port);
	nic_dp_set_policy(card->dp, port, NULL);
}

static void publish_uplink(struct nic_card *card)
{
	struct nic_policy *p = policy_alloc();

	uplink_policy(card, p);
	nic_dp_set_policy(card->dp, card->uplink, p);
}

/* The uplink's state has changed: the VFs whose link follows it are told. */
static void uplink_changed(struct nic_card *card)
{
	publish_all(card);
	for (unsigned n = 0; n < card->num_vfs; n++)
		if (card->owner || card->vf[n].admin.link == NIC_LINK_AUTO)
			tell_model(card, n);
}

static void uplink_remove(struct nic_card *card)
{
	struct nic_port *port = card->uplink;

	nic_dp_watch_fd(card->dp, -1);
	card->uplink = NULL;
	nic_card_publish_mirrors(card);
	nic_dp_del_port(card->dp, port);
	nic_dp_set_policy(card->dp, port, NULL);
}

static int uplink_add(struct nic_card *card, struct nic_port *port, int fd)
{
	int r;

	port->is_uplink = true;
	card->uplink = port;
	card->uplink_up = true;
	publish_uplink(card);
	r = nic_dp_add_port_at(card->dp, port, UPLINK_INDEX);
	if (r < 0) {
		nic_dp_set_policy(card->dp, port, NULL);
		card->uplink = NULL;
		return r;
	}
	nic_dp_watch_fd(card->dp, fd);
	nic_card_publish_mirrors(card);
	return 0;
}

int nic_card_set_uplink(struct nic_card *card, struct nic_port *port, int fd)
{
	bool was_down = card->uplink && !card->uplink_up;
	int r = 0;

	if (card->uplink)
		uplink_remove(card);
	if (port)
		r = uplink_add(card, port, fd);
	if (was_down)
		uplink_changed(card); /* a new one is up, and none counts as up */
	return r;
}

void nic_card_uplink_state(struct nic_card *card, bool up)
{
	if (!card->uplink || card->uplink_up == up)
		return;
	card->uplink_up = up;
	publish_uplink(card);
	uplink_changed(card);
}

bool nic_card_link_up(const struct nic_card *card, unsigned n)
{
	if (card->owner)
		return card->owner->link_up(card->owner_arg, n);
	switch (card->vf[n].admin.link) {
	case NIC_LINK_ENABLE:
		return true;
	case NIC_LINK_DISABLE:
		return false;
	default:
		return !card->uplink || card->uplink_up;
	}
}

/* ---- a PF driver takes over ---- */

static void change_owner(struct nic_card *card, const struct nic_owner_ops *ops, void *arg,
			 struct nic_port *pf_port)
{
	card->owner = ops;
	card->owner_arg = arg;
	card->pf_port = pf_port;
}

static void forget_guests(struct nic_card *card)
{
	for (unsigned n = 0; n < card->num_vfs; n++)
		if (card->vf[n].known)
			guest_forget(card, n);
}

static void hand_back(struct nic_card *card)
{
	struct nic_port *pf_port = card->pf_port;

	change_owner(card, NULL, NULL, NULL);
	del_pf_port(card, pf_port);
	forget_guests(card);
	publish_all(card);
	follow_owner(card);
	for (unsigned n = 0; n < card->num_vfs; n++)
		tell_model(card, n);
}

int nic_card_set_owner(struct nic_card *card, const struct nic_owner_ops *ops, void *arg,
		       struct nic_port *pf_port)
{
	int r;

	if (!ops) {
		if (card->owner)
			hand_back(card);
		return 0;
	}
	if (card->owner)
		return -EBUSY;
	change_owner(card, ops, arg, pf_port);
	r = add_pf_port(card);
	if (r < 0) {
		change_owner(card, NULL, NULL, NULL);
		return r;
	}
	forget_guests(card);
	publish_policies(card);
	publish_fdb(card); /* the PF's port is new */
	follow_owner(card);
	publish_flow(card);
	return 0;
}

void nic_card_republish(struct nic_card *card)
{
	publish_all(card);
}

/* ---- the operator ---- */

static bool has_filter(const struct nic_vf *vf, uint64_t mac)
{
	for (unsigned i = 0; i < vf->guest.num_filters; i++)
		if (vf->guest.filter[i] == mac)
			return true;
	return false;
}

/* Does anybody but VF n own mac? */
static bool mac_taken(const struct nic_card *card, unsigned n, const uint8_t mac[6])
{
	uint64_t want = net_mac_u64(mac);

#ifdef LADON_BREAK_MAC_TAKEN
	return false;
#endif
	for (unsigned i = 0; i < card->num_vfs; i++) {
		const struct nic_vf *vf;

		if (i == n)
			continue;
		vf = &card->vf[i];
		if (net_mac_u64(vf->guest.mac) == want || net_mac_u64(vf->admin.mac) == want)
			return true;
		if (has_filter(vf, want))
			return true;
	}
	return net_mac_u64(card->base_mac) == want;
}

int nic_card_set_mac(struct nic_card *card, unsigned n, const uint8_t mac[6])
{
	struct nic_vf *vf = &card->vf[n];

	if (net_mac_is_group(mac))
		return -EINVAL;
	if (net_mac_is_zero(mac)) {
		vf->admin.mac_set = false;
		free_mac(card, n, vf->admin.mac); /* from the guest's next reset on */
		return 0;
	}
	if (mac_taken(card, n, mac))
		return -EEXIST;
	memcpy(vf->admin.mac, mac, sizeof(vf->admin.mac));
	memcpy(vf->guest.mac, mac, sizeof(vf->guest.mac));
	vf->admin.mac_set = true;
	publish(card, n);
	/* As with igb, the guest learns of it when its driver starts again. */
	tell_unless_owned(card, n);
	return 0;
}

int nic_card_set_vlan(struct nic_card *card, unsigned n, unsigned vlan, unsigned qos,
		      bool svlan)
{
	if (vlan >= NIC_VLANS - 1 || qos > 7)
		return -EINVAL;
	card->vf[n].admin.vlan = (uint16_t)vlan;
	card->vf[n].admin.qos = (uint8_t)qos;
	card->vf[n].admin.svlan = svlan;
	publish(card, n);
	return 0;
}

bool nic_vlans_all(const uint64_t map[NIC_VLANS / 64])
{
	for (unsigned vid = 1; vid < NIC_VLANS - 1; vid++)
		if (!nic_bitmap_test(map, vid))
			return false;
	return true;
}

void nic_card_set_vlans(struct nic_card *card, unsigned n, const uint64_t map[NIC_VLANS / 64])
{
	struct nic_vf_admin *admin = &card->vf[n].admin;

	admin->listed = !nic_vlans_all(map);
	memcpy(admin->vlans, map, sizeof(admin->vlans));
	publish(card, n);
}

int nic_card_set_spoofchk(struct nic_card *card, unsigned n, enum nic_spoofchk check)
{
	if (check >= NIC_SPOOFCHK_NUM)
		return -EINVAL;
	card->vf[n].admin.spoofchk = check;
	publish(card, n);
	return 0;
}

void nic_card_set_query_rss(struct nic_card *card, unsigned n, bool on)
{
	card->vf[n].admin.query_rss = on;
}

int nic_card_set_mtu(struct nic_card *card, unsigned n, uint32_t mtu)
{
	if (mtu && (mtu < NIC_MTU_MIN || mtu > NIC_MTU_MAX))
		return -EINVAL;
	card->vf[n].admin.mtu = mtu;
	publish(card, n);
	return 0;
}

int nic_card_set_trust(struct nic_card *card, unsigned n, bool on)
{
	card->vf[n].admin.trust = on;
	publish(card, n);
	return 0;
}

int nic_card_set_link(struct nic_card *card, unsigned n, enum nic_link link)
{
	if (link >= NIC_LINK_NUM)
		return -EINVAL;
	card->vf[n].admin.link = link;
	publish(card, n);
	tell_unless_owned(card, n);
	return 0;
}

uint32_t nic_card_free_mbps(const struct nic_card *card, unsigned n)
{
	uint32_t left = card->link_mbps ? card->link_mbps : NIC_MAX_MBPS;

	for (unsigned i = 0; i < card->num_vfs; i++)
		if (i != n)
			left -= card->vf[i].admin.min_tx_mbps;
	return left;
}

int nic_card_set_rate(struct nic_card *card, unsigned n, uint32_t min_tx_mbps,
		      uint32_t max_tx_mbps)
{
	struct nic_vf_admin *admin = &card->vf[n].admin;

	if (min_tx_mbps > NIC_MAX_MBPS || max_tx_mbps > NIC_MAX_MBPS)
		return -EINVAL;
	if ((max_tx_mbps && min_tx_mbps > max_tx_mbps) ||
	    min_tx_mbps > nic_card_free_mbps(card, n))
		return -ERANGE;
	admin->min_tx_mbps = min_tx_mbps;
	admin->max_tx_mbps = max_tx_mbps;
	publish(card, n);
	return 0;
}

static int set_storm(struct nic_card *card, unsigned n, uint32_t *limit, uint32_t pps)
{
	if (pps > NIC_STORM_MAX_PPS)
		return -EINVAL;
	*limit = pps;
	publish(card, n);
	return 0;
}

int nic_card_set_storm_bcast(struct nic_card *card, unsigned n, uint32_t pps)
{
	return set_storm(card, n, &card->vf[n].admin.storm_bcast_pps, pps);
}

int nic_card_set_storm_uucast(struct nic_card *card, unsigned n, uint32_t pps)
{
	return set_storm(card, n, &card->vf[n].admin.storm_uucast_pps, pps);
}

int nic_card_set_flow(struct nic_card *card, unsigned mode)
{
	unsigned former = card->flow_mode;
	int r;

	card->flow_mode = mode;
	r = publish_flow(card);
	if (r < 0)
		card->flow_mode = former;
	return r;
}

void nic_card_set_pass_control(struct nic_card *card, bool pass)
{
	card->pass_control = pass;
	publish_all(card);
}

/* ---- the guest ---- */

void nic_card_guest_reset(struct nic_card *card, unsigned n, uint8_t ret_mac[6])
{
	guest_forget(card, n);
	memcpy(ret_mac, card->vf[n].guest.mac, 6);
	publish(card, n);
}

void nic_card_guest_active(struct nic_card *card, unsigned n, bool active)
{
	card->vf[n].guest.active = active;
	publish(card, n);
}

int nic_card_guest_mac(struct nic_card *card, unsigned n, const uint8_t mac[6])
{
	struct nic_vf *vf = &card->vf[n];

	if (!net_mac_is_valid(mac))
		return -EINVAL;
	if (net_mac_u64(mac) == net_mac_u64(vf->guest.mac))
		return 0;
	if (vf->admin.mac_set && !vf->admin.trust)
		return -EPERM;
	if (mac_taken(card, n, mac))
		return -EEXIST;
	memcpy(vf->guest.mac, mac, sizeof(vf->guest.mac));
	publish(card, n);
	return 0;
}

int nic_card_guest_filter_add(struct nic_card *card, unsigned n, const uint8_t mac[6])
{
	struct nic_vf *vf = &card->vf[n];

	if (!net_mac_is_valid(mac))
		return -EINVAL;
	if (vf->admin.mac_set && !vf->admin.trust)
		return -EPERM;
	if (mac_taken(card, n, mac))
		return -EEXIST;
	if (has_filter(vf, net_mac_u64(mac)))
		return 0;
	if (vf->guest.num_filters == ARRAY_SIZE(vf->guest.filter))
		return -ENOSPC;
	vf->guest.filter[vf->guest.num_filters++] = net_mac_u64(mac);
	publish(card, n);
	return 0;
}

void nic_card_guest_filter_clear(struct nic_card *card, unsigned n)
{
	if (!card->vf[n].guest.num_filters)
		return;
	card->vf[n].guest.num_filters = 0;
	publish(card, n);
}

void nic_card_guest_multicast(struct nic_card *card, unsigned n, const uint16_t *hash,
			      unsigned num)
{
	struct nic_vf_guest *g = &card->vf[n].guest;

	memset(g->mta, 0, sizeof(g->mta));
	for (unsigned i = 0; i < num; i++)
		nic_bitmap_assign(g->mta, hash[i] & 0xfff, true);
	publish(card, n);
}

int nic_card_guest_vlan(struct nic_card *card, unsigned n, unsigned vid, bool add)
{
	struct nic_vf *vf = &card->vf[n];

	if (vid >= NIC_VLANS)
		return -EINVAL;
	if (vf->admin.vlan && !vf->admin.svlan)
		return -EPERM;
	if (vid == 0 || nic_bitmap_test(vf->guest.vlans, vid) == add)
		return 0; /* untagged membership is always there; nothing else changes */
	if (add && vf->admin.listed && !nic_bitmap_test(vf->admin.vlans, vid))
		return -EPERM;
#ifndef LADON_BREAK_LEARN
	if (add && vf->guest.num_vlans == MAX_GUEST_VLANS)
		return -ENOSPC;
#endif
	nic_bitmap_assign(vf->guest.vlans, vid, add);
	vf->guest.num_vlans += add ? 1u : -1u;
	publish(card, n);
	return 0;
}

int nic_card_guest_lpe(struct nic_card *card, unsigned n, uint32_t max_frame)
{
	const struct nic_vf_admin *admin = &card->vf[n].admin;

	if (max_frame < NET_ETH_ZLEN + FCS_LEN || max_frame > NIC_JUMBO_MAX)
		return -EINVAL;
	/* Linux asks with one tag, DPDK with two. */
	if (admin->mtu && max_frame > admin->mtu + NET_ETH_HLEN + 2 * NET_VLAN_HLEN + FCS_LEN)
		return -EPERM;
	card->vf[n].guest.max_frame = max_frame;
	publish(card, n);
	return 0;
}

int nic_card_guest_promisc(struct nic_card *card, unsigned n, bool allmulti, bool unicast)
{
#ifndef LADON_BREAK_PROMISC
	if (unicast && !card->vf[n].admin.trust)
		return -EPERM;
#endif
	card->vf[n].guest.allmulti = allmulti;
	card->vf[n].guest.promisc = unicast;
	publish(card, n);
	return 0;
}
