/* SPDX-License-Identifier: BSD-3-Clause */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "card.h"
#include "clock.h"
#include "compute.h"
#include "control.h"
#include "fd.h"

int daemon_new(const struct opts *opts, struct daemon **ret_daemon, struct cmd_error *error)
{
	struct daemon *daemon = calloc(1, sizeof(*daemon));
	int ret;

	if (!daemon)
		return cmd_fail(error, -ENOMEM, "there is not enough memory");
	daemon->opts = *opts;
	daemon->run_dir_fd = -1;
	daemon->statm_fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	daemon->start_ns = clock_ns();
	ntb_map_init(&daemon->map, HOST_LOCAL, COMPUTE_SLICE_BITS);
	ret = host_init(&daemon->local, HOST_LOCAL);
	if (ret < 0)
		cmd_fail(error, ret, "there is not enough memory for the IOMMU's tables");
	if (ret == 0) {
		ret = loop_new(&daemon->loop);
		if (ret < 0)
			cmd_fail(error, ret, "there is no event loop: %s", strerror(-ret));
	}
	if (ret == 0)
		ret = rundir_take(opts, daemon->run_dir, &daemon->run_dir_fd, error);
	if (ret == 0)
		ret = control_new(daemon, &daemon->control, error);
	if (ret == 0)
		ret = compute_serve(daemon, error);
	if (ret < 0) {
		daemon_free(daemon);
		return ret;
	}
	*ret_daemon = daemon;
	return 0;
}

void daemon_free(struct daemon *daemon)
{
	if (!daemon)
		return;
	while (daemon->cards)
		card_free(daemon->cards);
	compute_end(daemon);
	control_free(daemon->control);
	loop_free(daemon->loop);
	host_done(&daemon->local);
	fd_close(&daemon->run_dir_fd);
	fd_close(&daemon->statm_fd);
	free(daemon);
}
