/* SPDX-License-Identifier: BSD-3-Clause */
#include "e2e_host.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bench_node.h"

#define LEASE_MS 10000u /* machines that run tests are busy */

static struct bench_nodes nodes;

static const char *socket_of(unsigned n, char *buf)
{
	return n < E2E_HOST_VFS ? bench_node_vf(&nodes, 0, n, buf)
				: demo_daemon_vf(&e2e.daemon, n, buf);
}

static int start(void)
{
	const char *program = getenv("LADON_HOST");
	char config[512] = "card add nic0 model 82576 vfs 7\n";
	size_t used;
	int err = program ? bench_nodes_new(&nodes, program, 1) : -1;

	if (err)
		return err;
	bench_nodes_config(&nodes, LEASE_MS, config, sizeof(config));
	used = strlen(config);
	for (unsigned n = 0; n < E2E_HOST_VFS; n++, used = strlen(config))
		snprintf(config + used, sizeof(config) - used,
			 "vf assign nic0 vf %u host ch1\n", n);
	err = demo_daemon_start(&e2e.daemon, e2e_ladond(), config, NULL);
	return err ? err : bench_node_start(&nodes, 0, &e2e.daemon);
}

int e2e_setup_host(void **state)
{
	int err = start();

	(void)state;
	e2e.mapped = true;
	e2e.socket = socket_of;
	if (err)
		print_error("ladond and ladon-host did not start: %d\n", err);
	return err;
}

void e2e_host_dies(unsigned n)
{
	char line[64];

	bench_node_kill(&nodes, 0);
	snprintf(line, sizeof(line), "vf assign nic0 vf %u host local", n);
	while (demo_daemon_ask(&e2e.daemon, line, NULL) < 0) /* until its client has gone */
		assert_true(demo_daemon_alive(&e2e.daemon));
	e2e.socket = NULL;
}

int e2e_teardown_host(void **state)
{
	int err;

	e2e.socket = NULL;
	err = e2e_teardown(state);
	if (err)
		bench_nodes_say(&nodes);
	bench_nodes_free(&nodes);
	return err;
}
