/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * sandbox_seccomp.c - the filter of system calls, made of the table by libseccomp. The default
 * kills the process at once; the kernel writes an audit line with the call's number. Rows
 * without an argument are answered from the kernel's bitmap: the data path's read, write and
 * epoll_pwait2 do not run the filter's program.
 */
#include <errno.h>
#include <seccomp.h>
#include <unistd.h>

#include "log.h"
#include "sandbox_impl.h"

static int add_call(scmp_filter_ctx ctx, const struct sandbox_call *call)
{
	const struct sandbox_arg *arg = &call->arg;
	uint32_t action = call->err ? SCMP_ACT_ERRNO((uint32_t)call->err) : SCMP_ACT_ALLOW;
	int nr = seccomp_syscall_resolve_name(call->name);
	struct scmp_arg_cmp cmp = {.arg = arg->arg, .op = SCMP_CMP_MASKED_EQ};

	if (nr == __NR_SCMP_ERROR) {
		log_warn("sandbox: this libseccomp does not know %s: it will kill", call->name);
		return 0;
	}
	cmp.datum_a = arg->mask;
	cmp.datum_b = arg->value;
	if (arg->op == SANDBOX_OWN_PID) {
		cmp.datum_a = UINT64_MAX;
		cmp.datum_b = (uint64_t)getpid();
	}
	return seccomp_rule_add_array(ctx, action, nr, arg->op != SANDBOX_ANY, &cmp);
}

static int fill(scmp_filter_ctx ctx, enum sandbox_process process)
{
	unsigned rows = process == SANDBOX_HOST ? SANDBOX_HOST | SANDBOX_LADOND : process, num;
	const struct sandbox_call *calls = sandbox_calls(&num);
	int ret = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
	if (ret == 0)
		ret = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a tree */
	for (unsigned i = 0; i < num && ret == 0; i++) {
		if (calls[i].processes & rows)
			ret = add_call(ctx, &calls[i]);
	}
	return ret;
}

int sandbox_seccomp(enum sandbox_process process)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = ctx ? fill(ctx, process) : -ENOMEM;

#ifndef LADON_BREAK_SECCOMP
	if (ret == 0)
		ret = seccomp_load(ctx);
#endif
	seccomp_release(ctx);
	return ret;
}
