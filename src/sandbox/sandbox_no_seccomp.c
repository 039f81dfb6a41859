/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_no_seccomp.c - in the place of sandbox_seccomp.c where there is no libseccomp. */
#include <errno.h>

#include "sandbox_impl.h"

int sandbox_seccomp(enum sandbox_process process)
{
	(void)process;
	return -ENOTSUP;
}
