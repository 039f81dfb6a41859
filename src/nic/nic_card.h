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

enum nic_link { NIC_LINK_AUTO, NIC_LINK_ENABLE, NIC_LINK_DISABLE, NIC_LINK_NUM };

/* `ip link set vf`: survives the guest's resets. */
struct nic_vf_admin {
	uint8_t mac[6];
	bool mac_set; /* by the operator: the guest may not change it unless trusted */
	uint16_t vlan;
	uint8_t qos;
	bool spoofchk, trust;
	enum nic_link link;
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
	struct nic_vf_admin admin;
	struct nic_vf_guest guest;
	struct nic_port *port; /* borrowed from the device model; NULL while there is none */
	/* Tells the model that link or policy changed, so that it can interrupt the guest. */
	void (*changed)(void *arg);
	void *changed_arg;
};

struct nic_card {
	char name[NIC_NAME_MAX];
	struct nic_dp *dp;	 /* owned */
	struct nic_port *uplink; /* borrowed; NULL = none */
	bool uplink_up;
	unsigned num_vfs;
	struct nic_vf vf[NIC_MAX_VFS];
	uint8_t base_mac[6]; /* the PF's; VF n's default address is derived from it */
};

/* num_vfs 1 ... 255. Starts the data path. Returns 0 or -errno. */
int nic_card_new(const char *name, unsigned num_vfs, const struct nic_dp_params *params,
		 struct nic_card **ret_card);
/* The PF's address; VF n's default is that plus n + 1. Before any VF is attached. */
void nic_card_set_base_mac(struct nic_card *card, const uint8_t mac[6]);
/* All ports are detached. Takes NULL. */
void nic_card_free(struct nic_card *card);

/* Puts VF n's port on the data path, link down until the guest is active. Returns 0 or -errno.
 */
int nic_card_attach_vf(struct nic_card *card, unsigned n, struct nic_port *port,
		       void (*changed)(void *arg), void *changed_arg);
void nic_card_detach_vf(struct nic_card *card, unsigned n);
/* The uplink's port (NULL removes it). pollable fd or -1. */
int nic_card_set_uplink(struct nic_card *card, struct nic_port *port, int fd);
void nic_card_uplink_state(struct nic_card *card, bool up);

/* Is VF n's link up: admin's word, or auto and the uplink's (no uplink counts as up: VF to VF
 * works). */
bool nic_card_link_up(const struct nic_card *card, unsigned n);

/* The operator. Return 0 or -errno; nothing is changed on failure. */
int nic_card_set_mac(struct nic_card *card, unsigned n,
		     const uint8_t mac[6]); /* zero = unset; -EINVAL group; -EEXIST */
int nic_card_set_vlan(struct nic_card *card, unsigned n, unsigned vlan,
		      unsigned qos); /* -EINVAL */
int nic_card_set_spoofchk(struct nic_card *card, unsigned n, bool on);
int nic_card_set_trust(struct nic_card *card, unsigned n, bool on);
int nic_card_set_link(struct nic_card *card, unsigned n, enum nic_link link);

/* The guest, through the mailbox. */
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
int nic_card_guest_lpe(struct nic_card *card, unsigned n, uint32_t max_frame); /* -EINVAL */
int nic_card_guest_promisc(struct nic_card *card, unsigned n, bool allmulti,
			   bool unicast); /* -EPERM */

#endif
