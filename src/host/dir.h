/* SPDX-License-Identifier: BSD-3-Clause */
/* dir.h - the directory of the VFs' sockets: ours alone, and of one ladon-host at a time. */
#ifndef LADON_HOST_DIR_H
#define LADON_HOST_DIR_H

#include <stddef.h>

/*
 * Makes path (mode 0700) if it is not there, and locks it for as long as *ret_fd (the caller's)
 * is open. Sockets that a former process left in it are removed. Returns 0, or -errno with a
 * sentence in why.
 */
int dir_take(const char *path, int *ret_fd, char *why, size_t size);

#endif
