/* SPDX-License-Identifier: BSD-3-Clause */
/* demo_driver.h - libladon's driver on one VF of a private daemon, for the demo and the lab. */
#ifndef LADON_CLI_DEMO_DRIVER_H
#define LADON_CLI_DEMO_DRIVER_H

#include <stdint.h>

#include <ladon/igbvf.h>

#include "demo_daemon.h"

struct demo_driver {
	struct ladon_function *fn; /* owned, as is vf; NULL = closed */
	struct ladon_igbvf *vf;
	uint8_t mac[6];
};

/* Attaches VF n of card and opens its driver; config NULL = defaults. Returns 0 or -errno; in
 * either case to be ended by demo_driver_close. */
int demo_driver_open(struct demo_driver *drv, const struct demo_daemon *daemon,
		     const char *card, unsigned n, const struct ladon_igbvf_config *config);
/* Closed already: nothing to do. */
void demo_driver_close(struct demo_driver *drv);

#endif
