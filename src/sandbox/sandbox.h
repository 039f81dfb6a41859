/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox.h - what the process gives up before it serves: capabilities, the right to get new
 * privileges, the file system outside the run directory (Landlock), all system calls but those
 * of sandbox_calls.def (seccomp). There is no way back.
 *
 * Capabilities and Landlock belong to a thread and are inherited: enter before the first
 * pthread_create.
 */
#ifndef LADON_SANDBOX_SANDBOX_H
#define LADON_SANDBOX_SANDBOX_H

#include <stdbool.h>

/*
 * ladond's own. Below run_dir_fd (borrowed) directories and sockets may still be made and
 * removed, elsewhere nothing. What the kernel or the build lacks is logged by name and done
 * without; a capability that stays, or privileges that could come back, is an error. Returns 0
 * or -errno.
 */
int sandbox_enter(int run_dir_fd);

/*
 * ladon-host's: as ladond's, below run_dir_fd (borrowed), and with its own rows of the table.
 * Returns 0 or -errno.
 */
int sandbox_enter_host(int run_dir_fd);

/*
 * The helper's: CAP_NET_ADMIN stays where it was, with packet CAP_NET_RAW, too, and of the file
 * system /dev/net/tun. Needs the other half's table rows only. Returns 0 or -errno.
 */
int sandbox_enter_helper(bool packet);

#endif
