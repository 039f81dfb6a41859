/* SPDX-License-Identifier: BSD-3-Clause */
/* The VF: attaching, and asking it for what the kernel wants of the interface. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bits.h"
#include "netdev.h"

#define ETH_HEADER 14u
#define FILTERS	   30u /* multicast hashes in one message */

/* Buffers and rings fill four huge pages. */
static int open_driver(struct netdev *nd)
{
	unsigned mtu = MIN(nd->words.mtu, NETDEV_MTU_MAX);
	struct ladon_igbvf_config config = {
		.rx_desc = 2048,
		.tx_desc = 1024,
		.buf_size = NETDEV_BUF_SIZE,
		.num_bufs = 4050,
		.max_frame = MAX(mtu + ETH_HEADER, 60u),
		.use_irq = true,
		.posted = true,
		.events = true,
	};

	memset(&nd->have, 0, sizeof(nd->have));
	nd->have_promisc = nd->have_allmulti = false;
	return ladon_igbvf_open(nd->fn, &config, &nd->vf);
}

static void close_driver(struct netdev *nd)
{
	/* All buffers are the driver's pool's. */
	nd->num_held = nd->num_spare = 0;
	ladon_igbvf_close(nd->vf);
	nd->vf = NULL;
}

int netdev_vf_open(struct netdev *nd)
{
	struct ladon_options options = {.vf_token = *nd->words.token ? nd->words.token : NULL};
	int err = ladon_function_attach(nd->socket, &options, &nd->fn);

	if (err)
		return err;
	err = open_driver(nd);
	if (err)
		netdev_vf_close(nd);
	return err;
}

void netdev_vf_close(struct netdev *nd)
{
	close_driver(nd);
	ladon_function_detach(nd->fn);
	nd->fn = NULL;
}

int netdev_vf_reopen(struct netdev *nd)
{
	int err;

	close_driver(nd);
	err = open_driver(nd);
	if (err)
		netdev_vf_close(nd);
	return err;
}

/* ---- why not ---- */

/* The VF as the daemon sees it; NULL with the daemon's own error printed. */
static json_object *ask_daemon(const struct netdev *nd)
{
	char n[16];
	char *words[] = {"vf", "show", (char *)nd->words.card, "vf", n};

	snprintf(n, sizeof(n), "%u", nd->words.n);
	return cli_request(nd->cli, ARRAY_SIZE(words), words);
}

static void explain_busy(const struct netdev *nd)
{
	json_object *vf = ask_daemon(nd), *client = vf ? cli_get(vf, "attached") : NULL;

	if (client)
		netdev_say("%s vf %u is in use by process %lld of user %lld: another VF is "
			   "right, or end that one",
			   nd->words.card, nd->words.n, (long long)cli_int(client, "pid"),
			   (long long)cli_int(client, "uid"));
	else
		netdev_say("%s vf %u: the card turned us away: another client is attached, or "
			   "its allow-uid list is without user %u",
			   nd->words.card, nd->words.n,
			   nd->owner.change ? nd->owner.uid : geteuid());
	json_object_put(vf);
}

static void explain_missing(const struct netdev *nd, int err)
{
	json_object *vf = ask_daemon(nd);

	if (vf)
		netdev_say("%s: %s", nd->socket, strerror(-err));
	json_object_put(vf);
}

void netdev_vf_explain(const struct netdev *nd, int err)
{
	const char *card = nd->words.card;
	unsigned n = nd->words.n;

	switch (err) {
	case -ENOENT:
	case -ECONNREFUSED:
		explain_missing(nd, err);
		break;
	case -ECONNRESET:
	case -EPIPE:
		explain_busy(nd);
		break;
	case -EACCES:
		if (access(nd->socket, W_OK) < 0)
			netdev_say("%s: no permission: run as the user of ladond, or as root",
				   nd->socket);
		else
			netdev_say("%s vf %u: the VF token is missing or wrong: token-file "
				   "FILE is right",
				   card, n);
		break;
	case -EINVAL:
		netdev_say("%s vf %u: the VF token is no UUID, or the card has none", card, n);
		break;
	case -ETIMEDOUT:
		netdev_say("%s vf %u: no answer of its PF", card, n);
		break;
	case -EPERM:
		netdev_say("%s vf %u: its PF does not take an MTU of %u", card, n,
			   nd->words.mtu);
		break;
	default:
		netdev_say("%s vf %u: %s", card, n, strerror(-err));
	}
}

/* ---- what the kernel wants ---- */

static bool lost(int err)
{
	return err == -ENOTCONN || err == -ECONNRESET || err == -EPIPE || err == -ETIMEDOUT;
}

/* A refusal is the policy's word: said, and not asked for again until it changes. */
static int judge(const struct netdev *nd, int err, const char *what)
{
	if (err && !lost(err))
		netdev_say("%s: the PF refuses %s", nd->wanted.name, what);
	return lost(err) ? err : 0;
}

static void mac_text(const uint8_t mac[6], char text[18])
{
	snprintf(text, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
}

/* Refused: the interface gets back the address that works. */
static int sync_mac(struct netdev *nd)
{
	char what[40] = "address ";
	uint8_t mac[6];
	int err;

	ladon_igbvf_mac(nd->vf, mac);
	if (!memcmp(mac, nd->wanted.mac, sizeof(mac)))
		return 0;
	err = ladon_igbvf_set_mac(nd->vf, nd->wanted.mac);
	if (!err)
		return 0;
	mac_text(nd->wanted.mac, what + strlen(what));
	netdev_tap_set_mac(nd->tap, mac);
	memcpy(nd->wanted.mac, mac, sizeof(mac));
	return judge(nd, err, what);
}

static int sync_vlan(struct netdev *nd, unsigned vid, bool add)
{
	char what[16];

	snprintf(what, sizeof(what), "VLAN %u", vid);
	if (!add)
		return judge(nd, ladon_igbvf_vlan_del(nd->vf, vid), what);
	return judge(nd, ladon_igbvf_vlan_add(nd->vf, vid), what);
}

static int sync_vlans(struct netdev *nd)
{
	int err = 0;

	for (unsigned i = 0; i < ARRAY_SIZE(nd->have.vlans) && !err; i++) {
		uint64_t want = nd->wanted.vlans[i], differ = want ^ nd->have.vlans[i];

		for (; differ && !err; differ &= differ - 1) {
			unsigned bit = (unsigned)__builtin_ctzll(differ);

			err = sync_vlan(nd, i * 64 + bit, want & BIT64(bit));
		}
		nd->have.vlans[i] = want;
	}
	return err;
}

static bool same(const uint8_t (*a)[6], unsigned num_a, const uint8_t (*b)[6], unsigned num_b)
{
	return num_a == num_b && !memcmp(a, b, MIN(num_a, NETDEV_ADDRS) * sizeof(*a));
}

/* Secondary unicast addresses, of macvlan for example. */
static int sync_unicast(struct netdev *nd)
{
	const struct netdev_wanted *w = &nd->wanted;
	int err;

	if (same(w->uc, w->num_uc, nd->have.uc, nd->have.num_uc))
		return 0;
	err = ladon_igbvf_clear_macs(nd->vf);
	for (unsigned i = 0; i < MIN(w->num_uc, NETDEV_ADDRS) && !err; i++)
		err = ladon_igbvf_add_mac(nd->vf, w->uc[i]);
	memcpy(nd->have.uc, w->uc, sizeof(w->uc));
	nd->have.num_uc = w->num_uc;
	return judge(nd, err, "more unicast addresses");
}

static int sync_multicast(struct netdev *nd)
{
	const struct netdev_wanted *w = &nd->wanted;

	if (same(w->mc, w->num_mc, nd->have.mc, nd->have.num_mc))
		return 0;
	memcpy(nd->have.mc, w->mc, sizeof(w->mc));
	nd->have.num_mc = w->num_mc;
	if (w->num_mc > FILTERS)
		return 0; /* all of them then: sync_promisc */
	return judge(nd, ladon_igbvf_set_multicast(nd->vf, w->mc, w->num_mc),
		     "multicast addresses");
}

/* What is refused of it is unicast: multicast alone is allowed to all. */
static int sync_promisc(struct netdev *nd)
{
	bool uc = nd->wanted.promisc,
	     mc = uc || nd->wanted.allmulti || nd->wanted.num_mc > FILTERS;
	int err;

	if (uc == nd->have_promisc && mc == nd->have_allmulti)
		return 0;
	nd->have_promisc = uc;
	nd->have_allmulti = mc;
	err = ladon_igbvf_set_promisc(nd->vf, uc, mc);
	return judge(nd, err, uc ? "promiscuous mode (trust on allows it)" : "all multicast");
}

int netdev_vf_sync(struct netdev *nd)
{
	int err = sync_mac(nd);

	if (!err)
		err = sync_vlans(nd);
	if (!err)
		err = sync_unicast(nd);
	if (!err)
		err = sync_multicast(nd);
	return err ? err : sync_promisc(nd);
}

/* As igbvf does it: what the interface had is asked for again, unless the PF says no. */
void netdev_vf_address(struct netdev *nd)
{
	uint8_t mac[6];

	ladon_igbvf_mac(nd->vf, mac);
	if (!memcmp(mac, nd->wanted.mac, sizeof(mac)) ||
	    ladon_igbvf_set_mac(nd->vf, nd->wanted.mac) == 0)
		return;
	netdev_tap_set_mac(nd->tap, mac);
	memcpy(nd->wanted.mac, mac, sizeof(mac));
}
