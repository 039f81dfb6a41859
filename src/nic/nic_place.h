/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * nic_place.h - which worker of a card has which port. To hand a frame to another worker costs
 * more than to switch it, for its lines go from CPU to CPU; so ports that talk to each other
 * belong together, and what does not talk to each other is spread.
 */
#ifndef LADON_NIC_PLACE_H
#define LADON_NIC_PLACE_H

#include <stdint.h>

#include "nic_port.h"
#include "nic_talk.h"

/* What is known of a port, and what comes of it. */
struct nic_place_port {
	struct nic_talk talk;
	uint16_t index;
	bool fixed;	/* its worker is said: the uplink's is the first, whoever talks to it */
	uint8_t worker; /* where it is, and where it shall be */
};

/*
 * Ports that talk come together, in groups; the busiest group gets the worker that has least to
 * do, and so on. Ports that send next to nothing and that nobody talks to stay. Returns how
 * many have moved.
 */
unsigned nic_place(struct nic_place_port *ports, unsigned num, unsigned workers);

#endif
