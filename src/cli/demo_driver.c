/* SPDX-License-Identifier: BSD-3-Clause */
#include "demo_driver.h"

#include <stddef.h>

int demo_driver_open(struct demo_driver *drv, const struct demo_daemon *daemon,
		     const char *card, unsigned n, const struct ladon_igbvf_config *config)
{
	char path[DEMO_PATH_MAX];
	int err = ladon_function_attach(demo_daemon_socket(daemon, card, n, path), NULL,
					&drv->fn);

	if (!err)
		err = ladon_igbvf_open(drv->fn, config, &drv->vf);
	if (!err)
		ladon_igbvf_mac(drv->vf, drv->mac);
	return err;
}

void demo_driver_close(struct demo_driver *drv)
{
	ladon_igbvf_close(drv->vf);
	ladon_function_detach(drv->fn);
	drv->vf = NULL;
	drv->fn = NULL;
}
