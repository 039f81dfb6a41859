/* SPDX-License-Identifier: BSD-3-Clause */
/* e2e_host.h - the same tests with drivers on a compute host: a ladon-host ($LADON_HOST) beside
 * ladond, to which the first VFs are assigned. */
#ifndef LADON_TESTS_E2E_HOST_H
#define LADON_TESTS_E2E_HOST_H

#include "e2e.h"

#define E2E_HOST_VFS 3

/* Group fixtures. Doorbells are mapped. */
int e2e_setup_host(void **state);
int e2e_teardown_host(void **state);
/* It is killed, and the daemon has noticed; VF n is the daemon's own from then on. */
void e2e_host_dies(unsigned n);

#endif
