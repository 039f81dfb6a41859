/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_card.h - a card as its control side sees it: data path, uplink, and for each VF what the
 * operator decided (admin) and what the guest asked for (guest). From both follow the port's
 * policy and the forwarding table; every setter recomputes and publishes them.
 *
 * Who may set what is decided here, so that the built-in PF, `ladon link set` and later a
 * guest's PF driver obey one set of rules. Control thread only.
 */
#ifndef LADON_NIC_CARD_H
#define LADON_NIC_CARD_H

#include <stdbool.h>
#include <stdint.h>

#include "nic_dp.h"
#include "nic_port.h"

#define NIC_NAME_MAX 16
#define NIC_MAX_VFS  255
#define NIC_MTU_MIN  68	      /* RFC 791 */
#define NIC_MTU_MAX  9216     /* with header, FCS and two tags less than NIC_JUMBO_MAX */
#define NIC_PF	     0xffffu  /* in place of a VF number */
#define NIC_MAX_MBPS 4294967u /* of a rate limit: what 32 bits hold of kbit/s */

/* What is checked of what a VF sends: nothing; source address and VLAN; and what it says by ARP
 * and neighbour discovery as well. */
enum nic_spoofchk { NIC_SPOOFCHK_OFF, NIC_SPOOFCHK_ON, NIC_SPOOFCHK_ARP, NIC_SPOOFCHK_NUM };

#define NIC_MIRROR_UPLINK NIC_MAX_VFS /* in place of a VF number, where one is mirrored */

/* Ports whose frames a VF gets copies of: bit n is VF n, NIC_MIRROR_UPLINK the uplink. From the
 * mirrored port's point of view; the uplink receives what comes in from the wire. */
struct nic_mirror_from {
	uint64_t rx[(NIC_MIRROR_UPLINK + 64) / 64], tx[(NIC_MIRROR_UPLINK + 64) / 64];
};

enum nic_link { NIC_LINK_AUTO, NIC_LINK_ENABLE, NIC_LINK_DISABLE, NIC_LINK_NUM };

/* `ip link set vf`: survives the guest's resets. */
struct nic_vf_admin {
	uint8_t mac[6];
	bool mac_set; /* by the operator: the guest may not change it unless trusted */
	uint16_t vlan;
	uint8_t qos;
	bool svlan;  /* vlan is of 802.1ad */
	bool listed; /* not all VLANs, but these */
	uint64_t vlans[NIC_VLANS / 64];
	uint32_t min_tx_mbps;			    /* 0 = nothing certain */
	uint32_t max_tx_mbps;			    /* 0 = no limit */
	uint32_t storm_bcast_pps, storm_uucast_pps; /* likewise */
	uint32_t mtu;				    /* likewise */
	enum nic_spoofchk spoofchk;
	bool trust;
	bool query_rss; /* may read the RSS key and table: no mailbox of the 82576 can ask */
	enum nic_link link;
	struct nic_mirror_from mirror; /* whoever owns the policy */
};

/* What the guest's driver asked for since its last reset. */
struct nic_vf_guest {
	uint8_t mac[6]; /* in use; the admin's after a reset */
	unsigned num_filters;
	uint64_t filter[NIC_PORT_MACS - 1]; /* additional unicast addresses */
	uint64_t mta[64];
	uint64_t vlans[64];
	unsigned num_vlans;
	uint32_t max_frame; /* bytes with FCS and tag, as SET_LPE says; reset: 1518 */
	bool allmulti, promisc;
	bool active; /* the driver has completed the reset handshake: frames may flow */
};

struct nic_vf {
	bool known; /* the card has it: else all of this is zero */
	struct nic_vf_admin admin;
	struct nic_vf_guest guest;
	struct nic_port *port; /* borrowed from the device model; NULL while there is none */
	bool in_use;	       /* somebody may drive it */
	bool on_dp; /* the data path has its port: in use, or the PF driver in a guest owns it
		     */
	/* Tells the model that link or policy changed, so that it can interrupt the guest. */
	void (*changed)(void *arg);
	void *changed_arg;
};

/*
 * A PF driver that runs in a guest: it owns the policy of the whole card while it is set. Then
 * every port's policy is what these say, and admin and guest settings above lie idle.
 */
struct nic_owner_ops {
	/* Fills *p (zeroed) for VF n or, with NIC_PF, the PF's own port. */
	void (*policy)(void *arg, unsigned n, struct nic_policy *p);
	/* Is the link of VF n up, as its STATUS register shows it? */
	bool (*link_up)(void *arg, unsigned n);
	/* What the wire does about flow control (enum nic_flow_mode). NULL: the operator's. */
	unsigned (*flow)(void *arg);
};

struct nic_mirror_set;

struct nic_card {
	char name[NIC_NAME_MAX];
	struct nic_dp *dp;	 /* owned */
	struct nic_port *uplink; /* borrowed; NULL = none */
	bool uplink_up;
	unsigned flow_mode;	     /* the operator's: enum nic_flow_mode */
	struct nic_flow_params flow; /* in force */
	bool pass_control;	     /* VFs' link control frames are not dropped: the lab's */
	uint32_t link_mbps;	     /* what all functions send together; 0 = no limit */
	struct nic_port *pf_port;    /* borrowed; NULL while no guest drives the PF */
	const struct nic_owner_ops *owner; /* NULL: the built-in PF */
	void *owner_arg;
	unsigned num_vfs;	       /* numbers in use: the highest known one, plus 1 */
	struct nic_vf vf[NIC_MAX_VFS]; /* by number; those that are not known are gaps */
	uint8_t base_mac[6];	       /* the PF's; VF n's default address is derived from it */
	struct {
		struct nic_port *port;	    /* on which mirrors are, or NULL */
		struct nic_mirror_set *set; /* owned */
	} mirrored[NIC_MIRROR_UPLINK + 1]; /* nic_card_mirror.c: what is published, by source */
};

/* With VFs 0 to num_vfs - 1, up to 255. Starts the data path. Returns 0 or -errno. */
int nic_card_new(const char *name, unsigned num_vfs, const struct nic_dp_params *params,
		 struct nic_card **ret_card);
/* The PF's address; VF n's default is that plus n + 1. Before any VF is attached. */
void nic_card_set_base_mac(struct nic_card *card, const uint8_t mac[6]);
/* All ports are detached. Takes NULL. */
void nic_card_free(struct nic_card *card);

/*
 * The card gets VF n with the settings and the address that new ones have, or loses it and all
 * that was set (its port is detached). The others stay as they are. An address that another
 * function has got meanwhile is replaced by a random one. -EINVAL: no such number; -EEXIST.
 */
int nic_card_add_vf(struct nic_card *card, unsigned n);
void nic_card_del_vf(struct nic_card *card, unsigned n);
/* Does a function of the card have this address? */
bool nic_card_has_mac(const struct nic_card *card, const uint8_t mac[6]);
/* VF n, new, gets a random address in place of its default. */
void nic_card_random_mac(struct nic_card *card, unsigned n);

/* Puts VF n's port on the data path, link down until the guest is active. Returns 0 or -errno.
 */
int nic_card_attach_vf(struct nic_card *card, unsigned n, struct nic_port *port,
		       void (*changed)(void *arg), void *changed_arg);
void nic_card_detach_vf(struct nic_card *card, unsigned n);
/* VF n is in use, unless this says (before or after _attach_vf) that nobody drives it. Then its
 * port is not on the data path and costs it nothing, unless a PF driver in a guest owns the
 * card. Returns 0 or -errno. */
int nic_card_use_vf(struct nic_card *card, unsigned n, bool in_use);
/* The uplink's port (NULL removes it). pollable fd or -1. */
int nic_card_set_uplink(struct nic_card *card, struct nic_port *port, int fd);
void nic_card_uplink_state(struct nic_card *card, bool up);

/*
 * Hands the card's policy to a PF driver (ops, arg borrowed; pf_port joins the data path, its
 * policy asked for), or with ops NULL back to the built-in PF, whose settings are as they were.
 * What guests asked of the former owner is forgotten: their drivers must start anew (the caller
 * resets the VFs). Returns 0 or -errno (-EBUSY: owned already);
 * then nothing has changed. Handing back cannot fail; the VFs' changed is called.
 */
int nic_card_set_owner(struct nic_card *card, const struct nic_owner_ops *ops, void *arg,
		       struct nic_port *pf_port);
/* The owner's policies have changed: asks for all of them anew and publishes policies and
 * forwarding table. */
void nic_card_republish(struct nic_card *card);
/* The policy in force of VF n or NIC_PF; valid until the next call that may publish. NULL while
 * there is no port. Control thread. */
const struct nic_policy *nic_card_policy(const struct nic_card *card, unsigned n);

/* Is VF n's link up: the owner's word; else the admin's, or auto and the uplink's (no uplink
 * counts as up: VF to VF works). */
bool nic_card_link_up(const struct nic_card *card, unsigned n);

/* The operator. Return 0 or -errno; nothing is changed on failure. While a PF driver owns the
 * card the settings are only kept. */
int nic_card_set_mac(struct nic_card *card, unsigned n,
		     const uint8_t mac[6]); /* zero = unset; -EINVAL group; -EEXIST */
int nic_card_set_vlan(struct nic_card *card, unsigned n, unsigned vlan, unsigned qos,
		      bool svlan); /* -EINVAL */
/* The tagged VLANs that the guest may use; it stays a member only of those that it asked for.
 */
void nic_card_set_vlans(struct nic_card *card, unsigned n, const uint64_t map[NIC_VLANS / 64]);
/* Are all of 1 ... 4094 in the map? */
bool nic_vlans_all(const uint64_t map[NIC_VLANS / 64]);
/* Frames a second, up to NIC_STORM_MAX_PPS, 0 = no limit. -EINVAL */
int nic_card_set_storm_bcast(struct nic_card *card, unsigned n, uint32_t pps);
int nic_card_set_storm_uucast(struct nic_card *card, unsigned n, uint32_t pps);
int nic_card_set_spoofchk(struct nic_card *card, unsigned n, enum nic_spoofchk check);
void nic_card_set_query_rss(struct nic_card *card, unsigned n, bool on);
/* Bytes of what is in a frame that the VF sends or receives, NIC_MTU_MIN to NIC_MTU_MAX; 0 = as
 * long as its driver said. What the driver was granted before stays, but counts no more.
 * -EINVAL
 */
int nic_card_set_mtu(struct nic_card *card, unsigned n, uint32_t mtu);
int nic_card_set_trust(struct nic_card *card, unsigned n, bool on);
int nic_card_set_link(struct nic_card *card, unsigned n, enum nic_link link);
/* 0 = none. -EINVAL; -ERANGE: min is above max, or all minima are above the link's rate. */
int nic_card_set_rate(struct nic_card *card, unsigned n, uint32_t min_tx_mbps,
		      uint32_t max_tx_mbps);

/*
 * nic_card_mirror.c: VF n gets copies of these ports' frames and no others, in force whoever
 * owns the policy. Returns 0, or with nothing changed and *ret_other the port (as in struct
 * nic_mirror_from) that is meant: -EINVAL, VF n itself; -ENODEV, there is no such VF or uplink;
 * -ELOOP, a source that gets copies itself; -EBUSY, VF n is mirrored itself, by VF other;
 * -ENOSPC, a source that NIC_MIRROR_MAX others mirror already.
 */
int nic_card_set_mirror(struct nic_card *card, unsigned n, const struct nic_mirror_from *from,
			unsigned *ret_other);
/* The same without doing it. */
int nic_card_check_mirror(const struct nic_card *card, unsigned n,
			  const struct nic_mirror_from *from, unsigned *ret_other);
/* Ports have come, or go: before one has left the data path. */
void nic_card_publish_mirrors(struct nic_card *card);
/* VF n is about to be nobody: it neither gets copies nor is mirrored. */
void nic_card_mirror_forget(struct nic_card *card, unsigned n);

/* Flow control of the wire: enum nic_flow_mode, 0 = off. -ENOMEM. While a PF driver owns the
 * card its registers say what is in force. */
int nic_card_set_flow(struct nic_card *card, unsigned mode);
/* true: VFs' link control frames pass, so that any VF can stop the wire for all, speak LACP or
 * STP. Whoever owns the policy. */
void nic_card_set_pass_control(struct nic_card *card, bool pass);
/* What VF n may still be promised: the link's rate less the others' minima. */
uint32_t nic_card_free_mbps(const struct nic_card *card, unsigned n);

/* The guest, through the mailbox of the built-in PF: idle while a PF driver owns the card (a
 * reset only forgets). */
/* A reset: forgets guest state; returns the address the VF starts with. Frames stop until
 * _active. */
void nic_card_guest_reset(struct nic_card *card, unsigned n, uint8_t ret_mac[6]);
void nic_card_guest_active(struct nic_card *card, unsigned n, bool active);
/* -EPERM (set by the operator, not trusted), -EINVAL, -EEXIST (another port's). */
int nic_card_guest_mac(struct nic_card *card, unsigned n, const uint8_t mac[6]);
int nic_card_guest_filter_add(struct nic_card *card, unsigned n,
			      const uint8_t mac[6]); /* + -ENOSPC */
void nic_card_guest_filter_clear(struct nic_card *card, unsigned n);
/* Replaces the multicast filter by these hashes (12 bits each). */
void nic_card_guest_multicast(struct nic_card *card, unsigned n, const uint16_t *hash,
			      unsigned num);
int nic_card_guest_vlan(struct nic_card *card, unsigned n, unsigned vid,
			bool add); /* -EINVAL, -EPERM (port VLAN), -ENOSPC (32 a VF) */
int nic_card_guest_lpe(struct nic_card *card, unsigned n,
		       uint32_t max_frame); /* -EINVAL, -EPERM (above the operator's mtu) */
int nic_card_guest_promisc(struct nic_card *card, unsigned n, bool allmulti,
			   bool unicast); /* -EPERM */

#endif
