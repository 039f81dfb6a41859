/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * secret.h - one line of secret text, from a file that nobody else can read or from a
 * descriptor. Never from argv, which everybody sees in ps(1).
 */
#ifndef LADON_BASE_SECRET_H
#define LADON_BASE_SECRET_H

#include <stddef.h>

/*
 * Reads fd to its end: one line of less than size bytes; the newline and blanks around it are
 * left out. Returns 0 or -errno with *ret_why (static): -E2BIG for more than a line of that
 * length, -ENODATA for none, -EINVAL for a NUL byte in it. On failure buf holds nothing.
 */
int secret_read_fd(int fd, char *buf, size_t size, const char **ret_why);
/* The same from the file at path: a regular one, of our own user, mode 0600 or less: else
 * -EACCES. */
int secret_read_file(const char *path, char *buf, size_t size, const char **ret_why);

#endif
