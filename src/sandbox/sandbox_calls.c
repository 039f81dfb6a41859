/* SPDX-License-Identifier: BSD-3-Clause */
/* sandbox_calls.c - sandbox_calls.def as a table. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "bits.h"
#include "sandbox_impl.h"

#define SIGSETXID 33 /* glibc's own: SIGRTMIN begins after it */

#define LADOND SANDBOX_LADOND
#define HELPER SANDBOX_HELPER
#define BOTH   SANDBOX_BOTH
#define HOST   SANDBOX_HOST

/* clang-format off */
#define ANY                    {SANDBOX_ANY, 0, 0, 0}
#define EQ(arg, value)         {SANDBOX_MASKED, arg, UINT64_MAX, (uint64_t)(value)}
#define MASK(arg, mask, value) {SANDBOX_MASKED, arg, (uint64_t)(mask), (uint64_t)(value)}
#define OWN_PID(arg)           {SANDBOX_OWN_PID, arg, 0, 0}

#define CALL(processes, name, arg, user, why)      {processes, #name, arg, 0, #arg, user, why},
#define DENY(processes, name, arg, err, user, why) {processes, #name, arg, err, #arg, user, why},
/* clang-format on */

static const struct sandbox_call calls[] = {
#include "sandbox_calls.def"
};

const struct sandbox_call *sandbox_calls(unsigned *ret_num)
{
	*ret_num = ARRAY_SIZE(calls);
	return calls;
}
